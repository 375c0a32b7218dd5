"""All running limits of a case: what happened, what it starts and ends, what silence causes.

The events of a case are played in order. When a limit passes unanswered whose silence means
something, that consequence enters the case at the moment the limit ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from interfaces.eurodac.deadlines import Deadline, OnMiss
from interfaces.eurodac.limits import due
from interfaces.eurodac.periods import utc


class Happening(StrEnum):
    """What may happen in a case."""

    MADE = "application made"
    APPREHENDED = "apprehended at the border"
    FOUND = "found in the territory"
    SCREENED = "screening ended"
    REGISTERED = "application registered"
    REGISTERED_AT_BORDER = "registered in the border procedure"
    REGISTERED_AFTER_RELOCATION = "registered in the border procedure after relocation"
    LODGED = "application lodged"
    LODGED_ACCELERATED = "lodged in the accelerated procedure"
    DECIDED = "decision on the application"
    ENTRY_HIT = "hit with entry or disembarkation"
    RESPONSIBLE_HIT = "hit with an application elsewhere"
    TAKE_CHARGE_ASKED = "take charge asked"
    TAKE_CHARGE_ASKED_ON_HIT = "take charge asked on a hit"
    TAKE_BACK_NOTIFIED = "take back notified"
    ACCEPTED = "accepted or confirmed"
    REFUSED = "request refused"
    TRANSFER_DECIDED = "transfer decision notified"
    SUSPENSION_ASKED = "suspension asked of the court"
    APPEAL_DECIDED = "final decision on the appeal"
    DETAINED = "placed in detention"
    RELEASED = "released"
    IMPRISONED = "imprisoned"
    ABSCONDED = "responsible State told of the absconding"
    REAPPEARED = "reappeared"
    TRANSFERRED = "transferred"
    RESPONSIBLE_HERE = "responsibility moved here"
    RELOCATION_INFORMED = "information for the relocation given"
    RELOCATION_CONFIRMED = "relocation confirmed"
    RELOCATION_DECIDED = "relocation decision"
    RELOCATED = "relocated"
    INFORMATION_ASKED = "information asked"
    INFORMATION_GIVEN = "information given"


@dataclass(frozen=True, slots=True)
class Effect:
    """One row: limits that the happening starts and ends (keys of LIMITS).

    from_acceptance: the started limits count from the last acceptance (Art. 46 AMMR).
    """

    starts: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    from_acceptance: bool = False


SCREENING = ("K60", "K61", "K62")
REQUEST = ("K1", "K2", "K8", "K17", "K18")
REPLY = ("K5", "K6", "K9", "K19")
DECIDE = ("K10", "K11_SHORTEST", "K11_LONGEST", "K12")
TRANSFER = ("K13", "K14", "K15", "K16", "K20")
EXAMINATION = ("K74", "K75", "K77", "K77_RELOCATED")

EFFECTS: Mapping[Happening, Effect] = MappingProxyType(
    {
        Happening.MADE: Effect(("K67",)),
        Happening.APPREHENDED: Effect(("K60",)),
        Happening.FOUND: Effect(("K62",)),
        Happening.SCREENED: Effect((), SCREENING),
        Happening.REGISTERED: Effect(("K71", "K1"), ("K67", "K69")),
        Happening.REGISTERED_AT_BORDER: Effect(("K76", "K77", "K1"), ("K67", "K69")),
        # The relocation State has four weeks more, Art. 51(2) APR; it asks nobody to take charge.
        Happening.REGISTERED_AFTER_RELOCATION: Effect(("K76", "K77_RELOCATED"), ("K67", "K69")),
        Happening.LODGED: Effect(("K75",), ("K71", "K71_MANY", "K72", "K76")),
        Happening.LODGED_ACCELERATED: Effect(("K74",), ("K71", "K71_MANY", "K72", "K76")),
        Happening.DECIDED: Effect((), EXAMINATION),
        # The short limit replaces the long one.
        Happening.ENTRY_HIT: Effect(("K2",), ("K1",)),
        Happening.RESPONSIBLE_HIT: Effect(("K8",), ("K1",)),
        Happening.TAKE_CHARGE_ASKED: Effect(("K5",), REQUEST),
        Happening.TAKE_CHARGE_ASKED_ON_HIT: Effect(("K6",), REQUEST),
        Happening.TAKE_BACK_NOTIFIED: Effect(("K9",), REQUEST),
        Happening.ACCEPTED: Effect(("K10", "K13"), REPLY),
        Happening.REFUSED: Effect((), REPLY),
        Happening.TRANSFER_DECIDED: Effect(("K11_LONGEST",), ("K10",)),
        Happening.SUSPENSION_ASKED: Effect(("K12",), ("K11_SHORTEST", "K11_LONGEST")),
        # With suspensive effect the transfer counts anew from the final decision, Art. 46(1).
        Happening.APPEAL_DECIDED: Effect(("K13",), (*DECIDE, "K13")),
        Happening.DETAINED: Effect(("K18",)),
        Happening.RELEASED: Effect((), ("K17", "K18", "K19", "K20")),
        Happening.IMPRISONED: Effect(("K14",), ("K13",), from_acceptance=True),
        Happening.ABSCONDED: Effect(("K15",), ("K13", "K14")),
        Happening.REAPPEARED: Effect(("K16",)),
        Happening.TRANSFERRED: Effect((), (*DECIDE, *TRANSFER)),
        Happening.RESPONSIBLE_HERE: Effect((), (*REQUEST, *REPLY, *DECIDE, *TRANSFER)),
        Happening.RELOCATION_INFORMED: Effect(("K22",)),
        Happening.RELOCATION_CONFIRMED: Effect(("K23", "K25"), ("K22", "K22_EXCEPTIONAL")),
        Happening.RELOCATION_DECIDED: Effect((), ("K23",)),
        Happening.RELOCATED: Effect((), ("K23", "K25")),
        Happening.INFORMATION_ASKED: Effect(("K21",)),
        Happening.INFORMATION_GIVEN: Effect((), ("K21",)),
    }
)
"""Complete: every happening has its row."""

WHILE_DETAINED: Mapping[Happening, tuple[str, ...]] = MappingProxyType(
    {
        Happening.REGISTERED: ("K17",),
        Happening.RESPONSIBLE_HIT: ("K17",),
        Happening.TAKE_CHARGE_ASKED: ("K19",),
        Happening.TAKE_CHARGE_ASKED_ON_HIT: ("K19",),
        Happening.ACCEPTED: ("K20",),
        Happening.APPEAL_DECIDED: ("K20",),
    }
)
"""Limits that the happening starts besides, for a detained person (Art. 45 AMMR)."""

SILENCE: Mapping[OnMiss, Happening | None] = MappingProxyType(
    {
        OnMiss.STILL_OWED: None,
        OnMiss.ACCEPTED_BY_SILENCE: Happening.ACCEPTED,
        OnMiss.CONFIRMED_BY_SILENCE: Happening.ACCEPTED,
        OnMiss.RESPONSIBILITY_MOVES: Happening.RESPONSIBLE_HERE,
        OnMiss.RELEASE_FROM_DETENTION: Happening.RELEASED,
        OnMiss.SCREENING_ENDS: Happening.SCREENED,
        OnMiss.ERASE: None,
    }
)
"""Complete: what a passed limit causes by itself."""

SILENT_RELOCATION = ("K22", "K22_EXCEPTIONAL")
"""Limits whose silence obliges to relocate, Art. 67(9) AMMR, and confirms no take back."""


@dataclass(frozen=True, slots=True)
class Occurred:
    """One event of a case. by_silence: it follows from a limit that passed."""

    happening: Happening
    at: datetime
    by_silence: bool = False


@dataclass(frozen=True, slots=True)
class CaseClock:
    """State of a case at one moment.

    running: open limits, soonest first; one still owed stays open when it has passed.
    passed: limits that ran out. history: all events, those of silence among them.
    """

    running: tuple[Deadline, ...]
    passed: tuple[Deadline, ...]
    history: tuple[Occurred, ...]


def play(
    events: Iterable[Occurred], now: datetime, state: str, *, crisis: bool = False
) -> CaseClock:
    """Play the events of a case up to now on the calendar of the acting State.

    >>> from datetime import UTC
    >>> asked = Occurred(Happening.TAKE_CHARGE_ASKED_ON_HIT, datetime(2026, 7, 2, 9, tzinfo=UTC))
    >>> clock = play([asked], datetime(2026, 7, 17, 9, tzinfo=UTC), "IT")
    >>> [str(one.happening) for one in clock.history], [one.rule for one in clock.running]
    (['take charge asked on a hit', 'accepted or confirmed'], ['K10', 'K13'])
    """
    case = _Case(state, crisis)
    for event in sorted(events, key=lambda event: utc(event.at)):
        if utc(event.at) > utc(now):
            break
        case.pass_until(event.at)
        case.occur(event)
    case.pass_until(now)
    running = sorted(case.running.values(), key=lambda limit: (_end(limit), limit.rule))
    return CaseClock(tuple(running), tuple(case.passed), tuple(case.history))


class _Case:
    """The case while its events are played."""

    def __init__(self, state: str, crisis: bool) -> None:
        self.state = state
        self.crisis = crisis
        self.running: dict[str, Deadline] = {}
        self.passed: list[Deadline] = []
        self.history: list[Occurred] = []
        self.detained = False
        self.accepted_at: datetime | None = None

    def pass_until(self, at: datetime) -> None:
        """Let every limit run out that ends before this instant, one after the other."""
        while gone := [limit for limit in self.running.values() if self._runs_out(limit, at)]:
            limit = min(gone, key=_end)
            self.passed.append(limit)
            follows = SILENCE[limit.on_miss]
            if follows is None:
                continue
            del self.running[limit.rule]
            if limit.rule in SILENT_RELOCATION:
                follows = Happening.RELOCATION_CONFIRMED
            self.occur(Occurred(follows, _end(limit), by_silence=True))

    def _runs_out(self, limit: Deadline, at: datetime) -> bool:
        return limit.is_late(at) and limit not in self.passed

    def occur(self, event: Occurred) -> None:
        """Apply the row of the happening."""
        effect = EFFECTS[event.happening]
        self.history.append(event)
        for key in effect.ends:
            self.running.pop(key, None)
        self._note(event)
        besides = WHILE_DETAINED.get(event.happening, ()) if self.detained else ()
        since = self.accepted_at if effect.from_acceptance else event.at
        # Without an acceptance, or once responsibility is here, there is no transfer to delay.
        if since is None:
            return
        for key in (*effect.starts, *besides):
            self._start(key, since)

    def _note(self, event: Occurred) -> None:
        if event.happening is Happening.DETAINED:
            self.detained = True
        elif event.happening in (Happening.RELEASED, Happening.TRANSFERRED):
            self.detained = False
        elif event.happening is Happening.ACCEPTED:
            self.accepted_at = event.at
        if event.happening in (Happening.RESPONSIBLE_HERE, Happening.TRANSFERRED):
            self.accepted_at = None

    def _start(self, key: str, since: datetime) -> None:
        limit = due(key, since, self.state, crisis=self.crisis)
        if key == "K18" and not self._request_open():
            return
        if key == "K16":
            self._prolong_transfer(limit)
            return
        self.running[key] = limit

    def _request_open(self) -> bool:
        return any(key in self.running for key in REQUEST)

    def _prolong_transfer(self, limit: Deadline) -> None:
        # Art. 46(2): three months from the reappearance where fewer are left.
        for key in ("K13", "K14", "K15"):
            if key in self.running and _end(self.running[key]) < _end(limit):
                self.running[key] = replace(limit, rule=key)


def _end(limit: Deadline) -> datetime:
    assert limit.due_at is not None
    return limit.due_at
