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
from interfaces.eurodac.declared import Declared, DeclaredKind, in_force
from interfaces.eurodac.limits import IN_LARGE_NUMBERS, due, in_crisis
from interfaces.eurodac.periods import local_day, utc
from interfaces.eurodac.policy import Policy


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
    TAKE_CHARGE_ASKED_URGENTLY = "take charge asked with an urgent reply"
    HUMANITARIAN_ASKED = "take charge asked on humanitarian grounds"
    RELOCATION_POSTPONED = "relocation State announces a later reply"
    OFFSET_ASKED = "responsibility offset asked"
    OFFSET_ANSWERED = "responsibility offset answered"
    STAYED_AT_BORDER = "at the border for more than 72 hours"
    MADE_ELSEWHERE = "application made to an authority that does not register"
    AUTHORITY_INFORMED = "registering authority informed"
    IDENTIFIED_AFTER_TRANSFER = "person came forward after the transfer"
    ADMISSIBILITY_EXAMINED = "admissibility in doubt"
    ADMISSIBILITY_EXAMINED_FAST = "admissibility in doubt, Art. 38(1)(e) APR"
    ADMISSIBLE = "application admissible"
    EXAMINATION_PROLONGED = "examination prolonged"
    EXAMINATION_POSTPONED = "examination postponed, origin uncertain"
    RIGHT_TO_REMAIN_ENDED = "right to remain ended in the border procedure"
    DEPARTURE_GRANTED = "voluntary departure granted"
    RETURNED = "returned or left"


@dataclass(frozen=True, slots=True)
class Effect:
    """One row: limits that the happening starts and ends (keys of LIMITS).

    only_while: it starts and ends nothing unless one of these runs; empty: always.
    """

    starts: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    only_while: tuple[str, ...] = ()


SCREENING = ("K60", "K61", "K62")
REQUEST = ("K1", "K2", "K8", "K17", "K18")
REPLY = ("K4", "K4_LATEST", "K5", "K6", "K9", "K19")
DECIDE = ("K10", "K11_SHORTEST", "K11_LONGEST", "K12")
TRANSFER = ("K13", "K14", "K15", "K16", "K20")
REGISTRATION = ("K67", "K68_INFORM", "K68", "K69")
LODGING = ("K71", "K71_MANY", "K72", "K76")
ADMISSIBILITY = ("K73", "K73_NEW")
BORDER_PROCEDURE = ("K77", "K77_RELOCATED")
ON_SUBSTANCE = ("K74", "K75", "K75_PROLONGED", "K75_LONGEST")
EXAMINATION = (*ADMISSIBILITY, *ON_SUBSTANCE, *BORDER_PROCEDURE)

EFFECTS: Mapping[Happening, Effect] = MappingProxyType(
    {
        Happening.MADE: Effect(("K67",)),
        Happening.APPREHENDED: Effect(("K60",)),
        Happening.FOUND: Effect(("K62",)),
        Happening.SCREENED: Effect((), SCREENING),
        Happening.REGISTERED: Effect(("K71", "K1"), REGISTRATION),
        Happening.REGISTERED_AT_BORDER: Effect(("K76", "K77", "K1"), REGISTRATION),
        # The relocation State has four weeks more, Art. 51(2) APR; it asks nobody to take charge.
        Happening.REGISTERED_AFTER_RELOCATION: Effect(("K76", "K77_RELOCATED"), REGISTRATION),
        Happening.LODGED: Effect(("K75",), LODGING),
        Happening.LODGED_ACCELERATED: Effect(("K74",), LODGING),
        Happening.DECIDED: Effect((), EXAMINATION),
        # The short limit replaces the long one.
        Happening.ENTRY_HIT: Effect(("K2",), ("K1",)),
        Happening.RESPONSIBLE_HIT: Effect(("K8",), ("K1",)),
        Happening.TAKE_CHARGE_ASKED: Effect(("K5",), REQUEST),
        Happening.TAKE_CHARGE_ASKED_ON_HIT: Effect(("K6",), REQUEST),
        Happening.TAKE_BACK_NOTIFIED: Effect(("K9",), REQUEST),
        Happening.ACCEPTED: Effect(("K10", "K13"), (*REPLY, "K7")),
        Happening.REFUSED: Effect((), (*REPLY, "K7")),
        Happening.TRANSFER_DECIDED: Effect(("K11_LONGEST",), ("K10",)),
        Happening.SUSPENSION_ASKED: Effect(("K12",), ("K11_SHORTEST", "K11_LONGEST")),
        # With suspensive effect the transfer counts anew from the final decision, Art. 46(1).
        Happening.APPEAL_DECIDED: Effect(("K13",), (*DECIDE, "K13")),
        # With nothing left to ask, detention shortens nothing.
        Happening.DETAINED: Effect(("K18",), only_while=REQUEST),
        Happening.RELEASED: Effect((), ("K17", "K18", "K19", "K20")),
        Happening.IMPRISONED: Effect(("K14",), ("K13",)),
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
        Happening.TAKE_CHARGE_ASKED_URGENTLY: Effect(("K4", "K4_LATEST"), REQUEST),
        # Asked beside the criteria and until the first decision: what else runs, runs on.
        Happening.HUMANITARIAN_ASKED: Effect(("K7",)),
        Happening.RELOCATION_POSTPONED: Effect(("K22_EXCEPTIONAL",), ("K22",), ("K22",)),
        Happening.OFFSET_ASKED: Effect(("K29",)),
        Happening.OFFSET_ANSWERED: Effect((), ("K29",)),
        Happening.STAYED_AT_BORDER: Effect(("K61",), ("K60",), ("K60",)),
        Happening.MADE_ELSEWHERE: Effect(("K68_INFORM",)),
        Happening.AUTHORITY_INFORMED: Effect(("K68",), ("K68_INFORM",)),
        Happening.IDENTIFIED_AFTER_TRANSFER: Effect(("K72",)),
        Happening.ADMISSIBILITY_EXAMINED: Effect(("K73",), only_while=ON_SUBSTANCE),
        Happening.ADMISSIBILITY_EXAMINED_FAST: Effect(("K73_NEW",), only_while=ON_SUBSTANCE),
        Happening.ADMISSIBLE: Effect((), ADMISSIBILITY),
        Happening.EXAMINATION_PROLONGED: Effect(("K75_PROLONGED",), ("K75",), ("K75",)),
        Happening.EXAMINATION_POSTPONED: Effect(("K75_LONGEST",), ON_SUBSTANCE, ON_SUBSTANCE),
        Happening.RIGHT_TO_REMAIN_ENDED: Effect(("K78",), BORDER_PROCEDURE),
        Happening.DEPARTURE_GRANTED: Effect(("K79",)),
        Happening.RETURNED: Effect((), ("K78", "K79")),
    }
)
"""Complete: every happening has its row."""

WHILE_DETAINED: Mapping[Happening, tuple[str, ...]] = MappingProxyType(
    {
        Happening.REGISTERED: ("K17",),
        Happening.RESPONSIBLE_HIT: ("K17",),
        Happening.TAKE_CHARGE_ASKED: ("K19",),
        Happening.TAKE_CHARGE_ASKED_ON_HIT: ("K19",),
        Happening.TAKE_CHARGE_ASKED_URGENTLY: ("K19",),
        Happening.ACCEPTED: ("K20",),
        Happening.APPEAL_DECIDED: ("K20",),
    }
)
"""Limits that the happening starts besides, for a detained person (Art. 45 AMMR)."""

MAKINGS = (Happening.MADE, Happening.MADE_ELSEWHERE)
LODGINGS = (Happening.LODGED, Happening.LODGED_ACCELERATED)

COUNTED_FROM: Mapping[str, tuple[Happening, ...]] = MappingProxyType(
    {
        "K14": (Happening.ACCEPTED,),
        "K22_EXCEPTIONAL": (Happening.RELOCATION_INFORMED,),
        "K69": MAKINGS,
        **dict.fromkeys((*ADMISSIBILITY, "K75_PROLONGED", "K75_LONGEST"), LODGINGS),
    }
)
"""Limits that count from the last of these happenings, whatever later event starts them; without
one of them on record they do not run."""

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
    """One event of a case. by_silence: it follows from a limit that passed.

    asked: letters of the State that a request or notification is addressed to.
    """

    happening: Happening
    at: datetime
    by_silence: bool = False
    asked: str = ""


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
    events: Iterable[Occurred],
    now: datetime,
    state: str,
    declared: Iterable[Declared] = (),
    *,
    policy: Policy | None = None,
) -> CaseClock:
    """Play the events of a case up to now on the calendar of the acting State.

    declared: derogations on record, each of which lengthens what begins within its days.

    >>> from datetime import UTC
    >>> asked = Occurred(Happening.TAKE_CHARGE_ASKED_ON_HIT, datetime(2026, 7, 2, 9, tzinfo=UTC))
    >>> clock = play([asked], datetime(2026, 7, 17, 9, tzinfo=UTC), "IT")
    >>> [str(one.happening) for one in clock.history], [one.rule for one in clock.running]
    (['take charge asked on a hit', 'accepted or confirmed'], ['K10', 'K13'])
    """
    case = _Case(state, tuple(declared), policy or Policy())
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

    def __init__(self, state: str, declared: tuple[Declared, ...], policy: Policy) -> None:
        self.state = state
        self.declared = declared
        self.policy = policy
        self.running: dict[str, Deadline] = {}
        self.passed: list[Deadline] = []
        self.history: list[Occurred] = []
        self.detained = False
        self.last: dict[Happening, datetime] = {}

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
        applies = not effect.only_while or any(key in self.running for key in effect.only_while)
        if applies:
            for key in effect.ends:
                self.running.pop(key, None)
        self._note(event)
        besides = WHILE_DETAINED.get(event.happening, ()) if self.detained else ()
        for key in (*(effect.starts if applies else ()), *besides):
            self._start(key, event)

    def _note(self, event: Occurred) -> None:
        self.last[event.happening] = event.at
        if event.happening is Happening.DETAINED:
            self.detained = True
        elif event.happening in (Happening.RELEASED, Happening.TRANSFERRED):
            self.detained = False
        # Once responsibility is here, or the person there, there is no transfer to delay.
        if event.happening in (Happening.RESPONSIBLE_HERE, Happening.TRANSFERRED):
            self.last.pop(Happening.ACCEPTED, None)

    def _start(self, key: str, event: Occurred) -> None:
        since = self._counted_from(key, event)
        if since is None:
            return
        crisis = self._in_crisis(key, since, event)
        instead = IN_LARGE_NUMBERS.get(key)
        if instead is not None and not crisis:
            counted = self._counted_from(instead, event)
            if counted is not None and self._in_large_numbers(counted):
                key, since = instead, counted
        limit = due(key, since, self.state, crisis=crisis)
        if key == "K16":
            self._prolong_transfer(limit)
            return
        self.running[key] = limit

    def _counted_from(self, key: str, event: Occurred) -> datetime | None:
        if key not in COUNTED_FROM:
            return event.at
        return max((self.last[one] for one in COUNTED_FROM[key] if one in self.last), default=None)

    def _in_crisis(self, key: str, since: datetime, event: Occurred) -> bool:
        day, asked = local_day(since, self.state), event.asked
        return in_crisis(key, day, self.declared, state=self.state, policy=self.policy, asked=asked)

    def _in_large_numbers(self, since: datetime) -> bool:
        kind, day = DeclaredKind.MANY_APPLICATIONS, local_day(since, self.state)
        return in_force(self.declared, kind, day, state=self.state, policy=self.policy)

    def _prolong_transfer(self, limit: Deadline) -> None:
        # Art. 46(2): three months from the reappearance where fewer are left.
        for key in ("K13", "K14", "K15"):
            if key in self.running and _end(self.running[key]) < _end(limit):
                self.running[key] = replace(limit, rule=key)


def _end(limit: Deadline) -> datetime:
    assert limit.due_at is not None
    return limit.due_at
