"""Scripted faults: what the stand-in does wrong on purpose, so that others can test against it.

A script is a TOML file of rules, each counted on its own and so the same in every run:

    [[fault]]
    call = "TransmitDataSet"   # a call of CentralSystemService, or "*" for any
    kind = "DOWN"              # see Kind
    from_call = 3              # the first matching call that it strikes, counted from 1
    times = 2                  # how many in a row; absent: all from then on
    seconds = 1.5              # of DELAY and SLOW_COMPARISON
"""

from __future__ import annotations

import threading
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

MAX_SECONDS = 86_400.0
"""Longest scripted delay: a day, the limit of an ordinary comparison (Art. 38(2))."""


class Kind(StrEnum):
    """What goes wrong."""

    DOWN = "DOWN"  # UNAVAILABLE, nothing has happened
    LOSE_ANSWER = "LOSE_ANSWER"  # it has happened, but the caller hears UNAVAILABLE
    BUSY = "BUSY"  # RESOURCE_EXHAUSTED with RetryInfo
    DELAY = "DELAY"  # the answer comes late
    REFUSE_QUALITY = "REFUSE_QUALITY"  # the comparison ends in a quality refusal
    SLOW_COMPARISON = "SLOW_COMPARISON"  # the comparison waits


COMPARISON = "Comparison"
"""The name by which scripts mean the examination of an arrival instead of a call."""

_OF_COMPARISONS = {Kind.REFUSE_QUALITY, Kind.SLOW_COMPARISON}
_TIMED = {Kind.DELAY, Kind.SLOW_COMPARISON, Kind.BUSY}


class ScriptRefused(ValueError):
    """A script is not of the stated form; the text names the rule and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule of a script."""

    call: str
    kind: Kind
    from_call: int = 1
    times: int | None = None
    seconds: float = 0.0

    def strikes(self, number: int) -> bool:
        """Whether the rule strikes its n-th matching call.

        >>> [Fault("*", Kind.DOWN, from_call=2, times=2).strikes(n) for n in (1, 2, 3, 4)]
        [False, True, True, False]
        """
        past = self.times is not None and number >= self.from_call + self.times
        return number >= self.from_call and not past


@dataclass(slots=True)
class Script:
    """The rules and how often each has been matched; safe for many threads."""

    faults: tuple[Fault, ...] = ()
    _matched: dict[int, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next_fault(self, call: str) -> Fault | None:
        """Count a call and return the first rule that strikes it."""
        struck = None
        with self._lock:
            for index, fault in enumerate(self.faults):
                if fault.call not in (call, "*") or (fault.call == "*" and call == COMPARISON):
                    continue
                self._matched[index] = self._matched.get(index, 0) + 1
                if struck is None and fault.strikes(self._matched[index]):
                    struck = fault
        return struck


def read_script(path: Path) -> Script:
    """The script of a TOML file; ScriptRefused tells what is wrong with it."""
    try:
        document = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ScriptRefused(f"{path.name} is no readable TOML file: {error}") from error
    unknown = document.keys() - {"fault"}
    if unknown:
        raise ScriptRefused(f"unknown tables {sorted(unknown)}; a script has [[fault]] only")
    rules = document.get("fault", [])
    if not isinstance(rules, list):
        raise ScriptRefused("write [[fault]], with two brackets, for each rule")
    return Script(tuple(_fault(number, rule) for number, rule in enumerate(rules, 1)))


def _fault(number: int, rule: Mapping[str, Any]) -> Fault:
    unknown = rule.keys() - {"call", "kind", "from_call", "times", "seconds"}
    if unknown:
        raise ScriptRefused(f"fault {number}: unknown keys {sorted(unknown)}")
    try:
        kind = Kind(rule["kind"])
    except (KeyError, ValueError) as error:
        raise ScriptRefused(f"fault {number}: kind is one of {[*Kind]}") from error
    call = COMPARISON if kind in _OF_COMPARISONS else rule.get("call", "*")
    fault = Fault(
        call, kind, rule.get("from_call", 1), rule.get("times"), float(rule.get("seconds", 0.0))
    )
    if not isinstance(call, str) or fault.from_call < 1 or (fault.times or 1) < 1:
        raise ScriptRefused(f"fault {number}: call is a name, from_call and times are 1 or more")
    if not 0.0 <= fault.seconds <= MAX_SECONDS or (kind in _TIMED and not fault.seconds):
        raise ScriptRefused(f"fault {number}: {kind} needs seconds, at most {MAX_SECONDS:.0f}")
    return fault
