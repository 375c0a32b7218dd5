"""What a benchmark leaves behind: one JSON file that says what was measured, how and on what.

{"machine": {...}, "commit": "...", "command": "...", "data": "...",
 "measures": [{"measure": ..., "value": ..., "unit": ..., "target": ...}, ...]}
"""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(__file__).resolve().parent / "results"

COMMIT_SECONDS = 10
"""A healthy version control answers in milliseconds; a hanging one must not hang a benchmark."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One measured number.

    unit: as printed behind the value, empty for counts. target: what it is held against, None
    where there is none. higher_is_better: which side of the target is good. low, high: bounds
    of the 95 % interval, None where one makes no sense.
    """

    measure: str
    value: float
    unit: str
    target: float | None = None
    higher_is_better: bool = False
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        """Refuse what JSON cannot say and what a reader would misread."""
        if not math.isfinite(self.value):
            raise ValueError(f"{self.measure} is not a finite number")

    @property
    def is_met(self) -> bool | None:
        """Whether the target is reached; None without a target.

        >>> Measure("eer", 0.9, "%", 1.0).is_met, Measure("speed", 5, "1/s", 9, True).is_met
        (True, False)
        """
        if self.target is None:
            return None
        return self.value >= self.target if self.higher_is_better else self.value <= self.target


def write(
    name: str,
    measures: Sequence[Measure],
    *,
    command: str,
    data: str,
    folder: Path = FOLDER,
) -> Path:
    """Write NAME.json atomically and return its path.

    command: what a reader types to repeat it. data: which sets, in words without paths.
    """
    names = [one.measure for one in measures]
    if len(set(names)) != len(names):
        raise ValueError("every measure needs a name of its own")
    content = {
        "machine": describe_machine(),
        "commit": find_commit(),
        "command": command,
        "data": data,
        "measures": [asdict(one) for one in measures],
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    unfinished = path.with_suffix(".json.new")
    unfinished.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    unfinished.replace(path)
    return path


def report(name: str, measures: Sequence[Measure], *, command: str, data: str) -> None:
    """Write NAME.json as write() does, and print every measure."""
    write(name, measures, command=command, data=data)
    for one in measures:
        click.echo(f"{one.measure:<36} {one.value:12.3f} {one.unit}")


def read(name: str, *, folder: Path = FOLDER) -> list[Measure]:
    """The measures of an earlier run."""
    content = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return [Measure(**one) for one in content["measures"]]


def describe_machine() -> dict[str, Any]:
    """Processor, cores, memory and versions: what decides whether two runs may be compared."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def find_commit() -> str:
    """Short id of the commit measured, "+" when files differ from it, "unknown" without git."""
    try:
        commit = _git("rev-parse", "--short", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return commit + ("+" if changed else "")


def _git(*words: str) -> str:
    """Answer of one git command in this checkout."""
    command = ["git", "-C", str(ROOT), *words]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=COMMIT_SECONDS
    )
    return done.stdout.strip()


def _processor() -> str:
    """Model name of the processor, as the system calls it."""
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _memory_gib() -> float | None:
    """Installed memory, None where the system does not tell."""
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
