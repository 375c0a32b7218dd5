"""From the clock of a case to what the acting State has to do now, and what it may propose.

Limits of others (an appellant, a court, the applicant who lodges) run in the clock and are no
duty here. "As soon as" has no instant: such a duty has no end (Art. 16(1) to (3)).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from interfaces.eurodac.caseclock import (
    ADMISSIBILITY,
    BORDER_PROCEDURE,
    EFFECTS,
    ON_SUBSTANCE,
    SILENCE,
    CaseClock,
    Happening,
    Occurred,
)
from interfaces.eurodac.deadlines import Deadline, OnMiss
from interfaces.eurodac.limits import LIMITS, derogation_of
from interfaces.eurodac.progress import Facts, requested_before
from interfaces.eurodac.updates import UPDATES, StatusEvent, update_rule


class DutyKind(StrEnum):
    """What has to be done."""

    TAKE_CHARGE = "TAKE_CHARGE"
    TAKE_BACK = "TAKE_BACK"
    AWAIT_REPLY = "AWAIT_REPLY"
    DECIDE_TRANSFER = "DECIDE_TRANSFER"
    TRANSFER = "TRANSFER"
    SCREEN = "SCREEN"
    REGISTER = "REGISTER"
    EXAMINE = "EXAMINE"
    RELEASE = "RELEASE"
    REFER = "REFER"
    ENTER_RESPONSIBLE = "ENTER_RESPONSIBLE"
    INFORM_AUTHORITY = "INFORM_AUTHORITY"
    AWAIT_LODGING = "AWAIT_LODGING"
    DECIDE_ADMISSIBILITY = "DECIDE_ADMISSIBILITY"
    RETURN = "RETURN"
    AWAIT_DEPARTURE = "AWAIT_DEPARTURE"


@dataclass(frozen=True, slots=True)
class Duty:
    """One thing to do. rule: key of LIMITS, or what else asks for it. due_at: None as soon as.

    update, responsible_state: the status update that an official is asked to confirm.
    """

    kind: DutyKind
    rule: str
    what: str
    article: str
    starts_at: datetime
    due_at: datetime | None = None
    update: StatusEvent | None = None
    responsible_state: str = ""


KINDS: Mapping[str, DutyKind] = MappingProxyType(
    {
        **dict.fromkeys(("K1", "K2"), DutyKind.TAKE_CHARGE),
        **dict.fromkeys(("K17", "K18"), DutyKind.TAKE_CHARGE),
        "K8": DutyKind.TAKE_BACK,
        **dict.fromkeys(("K4", "K4_LATEST", "K5", "K6", "K7", "K9"), DutyKind.AWAIT_REPLY),
        **dict.fromkeys(("K19", "K21", "K22", "K22_EXCEPTIONAL", "K29"), DutyKind.AWAIT_REPLY),
        **dict.fromkeys(("K10", "K23"), DutyKind.DECIDE_TRANSFER),
        **dict.fromkeys(("K13", "K14", "K15", "K16", "K20", "K25"), DutyKind.TRANSFER),
        **dict.fromkeys(("K60", "K61", "K62"), DutyKind.SCREEN),
        "K68_INFORM": DutyKind.INFORM_AUTHORITY,
        **dict.fromkeys(("K67", "K68", "K69"), DutyKind.REGISTER),
        # Everybody else lodges where they are registered; whoever was transferred must be awaited.
        "K72": DutyKind.AWAIT_LODGING,
        **dict.fromkeys(ADMISSIBILITY, DutyKind.DECIDE_ADMISSIBILITY),
        **dict.fromkeys((*ON_SUBSTANCE, *BORDER_PROCEDURE), DutyKind.EXAMINE),
        "K78": DutyKind.RETURN,
        "K79": DutyKind.AWAIT_DEPARTURE,
    }
)
"""What a running limit asks of this State; limits of others are absent."""

WITHOUT_EFFECT: Mapping[str, str] = MappingProxyType(
    {
        "K4": "the reply may still come within two weeks of the request",
        "K7": "nothing is accepted by silence: remind the State asked",
        "K21": "nothing is settled by silence: remind the State asked",
        "K29": "nothing is settled by silence: remind the State asked",
        "K72": "find out whether the application counts as withdrawn",
        "K78": "the border procedure ends and the return is still owed",
        "K79": "the return is carried out without waiting any longer",
    }
)
"""What to do when a limit passes that silence neither answers nor simply leaves as a duty."""

NOT_STARTED: Mapping[str, str] = MappingProxyType(
    {
        "K11_SHORTEST": "national law sets one to three weeks; the longest runs",
        "K69": "takes the place of K67 and K68 while applications are declared to be many",
        "K71_MANY": "takes the place of K71 while applications are declared to be many",
        "K80": "no case: it runs from the hit of an admission search until that search is erased",
    }
)
"""Limits that stand in the clock under no name of their own, or that no event of a case starts."""

AFTER_SILENCE: Mapping[Happening, tuple[DutyKind, str, str]] = MappingProxyType(
    {
        Happening.RELEASED: (
            DutyKind.RELEASE,
            "Order the release: the limit of the detention has passed",
            "AMMR 45(4)",
        ),
        Happening.SCREENED: (
            DutyKind.REFER,
            "The screening has ended unfinished: refer the person with the form",
            "SCR 18(5)",
        ),
    }
)
"""What an official must do when silence has ended a detention or a screening."""

SILENCES: Mapping[OnMiss, str] = MappingProxyType(
    {
        OnMiss.STILL_OWED: "the duty remains",
        OnMiss.ACCEPTED_BY_SILENCE: "the request counts as accepted",
        OnMiss.CONFIRMED_BY_SILENCE: "the notification counts as confirmed",
        OnMiss.RESPONSIBILITY_MOVES: "this State becomes responsible",
        OnMiss.RELEASE_FROM_DETENTION: "the person is released",
        OnMiss.SCREENING_ENDS: "the screening ends unfinished",
        OnMiss.ERASE: "the data are erased",
    }
)
"""Complete: what happens when nobody acts, in words."""


def duties(facts: Facts, clock: CaseClock) -> tuple[Duty, ...]:
    """All that is to be done; first what has no end to wait for, then by the end of its limit."""
    found = [*_after_silence(clock), *_entry(facts, clock), *_of_limits(clock)]
    return tuple(sorted(found, key=_urgency))


def closed_by(clock: CaseClock) -> frozenset[str]:
    """Keys of limits that an event of the case has ended and that do not run again."""
    ended = {key for event in clock.history for key in EFFECTS[event.happening].ends}
    return frozenset(ended - {limit.rule for limit in clock.running})


def cause_of(event: Occurred, clock: CaseClock) -> Deadline | None:
    """The limit whose passing caused an event of silence; None for an event that was told."""
    if not event.by_silence:
        return None
    ended = [limit for limit in clock.passed if limit.due_at == event.at]
    return next((one for one in ended if SILENCE[one.on_miss] is not None), None)


def silence_of(limit: Deadline) -> str:
    """What happens, or is to be done, when this limit passes."""
    return WITHOUT_EFFECT.get(limit.rule) or SILENCES[limit.on_miss]


def _urgency(duty: Duty) -> tuple[bool, datetime, str]:
    return (duty.due_at is not None, duty.due_at or duty.starts_at, duty.rule)


def _of_limits(clock: CaseClock) -> Iterator[Duty]:
    for limit in clock.running:
        kind = KINDS.get(limit.rule)
        if kind is not None:
            step = LIMITS[limit.rule].step
            what = f"{step[:1].upper()}{step[1:]}; when its limit passes, {silence_of(limit)}."
            derogation = derogation_of(limit)
            if derogation is not None:
                what += f" Derogation: {derogation}."
            yield Duty(kind, limit.rule, what, limit.article, limit.starts_at, limit.due_at)


def _after_silence(clock: CaseClock) -> Iterator[Duty]:
    """The order that silence asks for, until an official records that it was carried out."""
    for place, event in enumerate(clock.history):
        if not event.by_silence or event.happening not in AFTER_SILENCE:
            continue
        later = clock.history[place + 1 :]
        done = any(one.happening is event.happening and not one.by_silence for one in later)
        if not done:
            kind, what, article = AFTER_SILENCE[event.happening]
            yield Duty(kind, kind.value, f"{what}.", article, event.at)


def _entry(facts: Facts, clock: CaseClock) -> Iterator[Duty]:
    """The responsible State to enter in the own data set, if it is not there yet."""
    settled = _settled(facts, clock)
    if settled is None:
        return
    event, update, responsible = settled
    if update_rule(update, facts.category) is None:
        return
    if facts.data_set.responsible_state == responsible:
        return
    what = f"Confirm that {responsible} is responsible: enter it with a status update."
    yield Duty(
        DutyKind.ENTER_RESPONSIBLE,
        update.value,
        what,
        UPDATES[update].article,
        event.at,
        update=update,
        responsible_state=responsible,
    )


def _settled(facts: Facts, clock: CaseClock) -> tuple[Occurred, StatusEvent, str] | None:
    """The last event that settled or moved responsibility, what it is called, and whose it is."""
    found: tuple[Occurred, StatusEvent, str] | None = None
    for event in clock.history:
        if event.happening is Happening.ACCEPTED:
            asked = requested_before(facts.told, event.at)
            if asked:
                found = (event, StatusEvent.RESPONSIBLE_DETERMINED, asked)
        elif event.happening is Happening.RESPONSIBLE_HERE:
            found = (event, _moved(facts, event, shifted=found is not None), facts.state)
    return found


def _moved(facts: Facts, event: Occurred, *, shifted: bool) -> StatusEvent:
    by_security = any(
        one.by_security and one.happening is event.happening and one.at == event.at
        for one in facts.told
    )
    if by_security:
        return StatusEvent.RESPONSIBLE_BY_SECURITY
    if shifted or facts.data_set.responsible_state:
        return StatusEvent.RESPONSIBILITY_SHIFTED
    return StatusEvent.RESPONSIBLE_DETERMINED
