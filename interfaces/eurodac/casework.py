"""Which hit starts which clock: from a hit to the next legal step of the acting State.

Regulations (EU) 2024/1351 (AMMR) and 2024/1348 (APR). The step is a proposal: whether it is
taken, and on which evidence, is the official's decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType

from interfaces.eurodac.categories import Category, Group, group, is_applicant
from interfaces.eurodac.codes import broken
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.deadlines import Deadline, OnMiss
from interfaces.eurodac.declared import Declared
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.fields import LISTED_IN
from interfaces.eurodac.limits import LIMITS, WINDOWS, Limit, Window, counts, due, in_crisis
from interfaces.eurodac.periods import local_day
from interfaces.eurodac.policy import Policy
from interfaces.eurodac.terms import AdmissionOutcome, MarkType

__all__ = [
    "LIMITS",
    "STEPS",
    "WINDOWS",
    "Limit",
    "Situation",
    "Step",
    "StepName",
    "Window",
    "counts",
    "due",
    "next_step",
    "situation",
]


class StepName(StrEnum):
    """What a State may have to do next."""

    TAKE_CHARGE = "TAKE_CHARGE"
    TAKE_BACK = "TAKE_BACK"
    CHECK_INADMISSIBILITY = "CHECK_INADMISSIBILITY"
    APPLY_OTHER_CRITERIA = "APPLY_OTHER_CRITERIA"
    EXAMINE = "EXAMINE"
    NATIONAL_HANDLING = "NATIONAL_HANDLING"
    OLD_REGULATION = "OLD_REGULATION"
    EVIDENCE_ONLY = "EVIDENCE_ONLY"


class Situation(StrEnum):
    """What a hit tells about the person, seen from the acting State."""

    BEFORE_AMMR = "the application was registered before the new rules apply"
    OWN_DATA = "the data are the acting State's own"
    PROTECTED_ELSEWHERE = "another State granted protection"
    SELF_RESPONSIBLE = "the acting State is indicated as responsible"
    CEASED = "the responsibility indicated has ceased by departure"
    RESPONSIBLE_KNOWN = "another State is indicated as responsible"
    APPLIED_ELSEWHERE = "an application was registered elsewhere, nobody is responsible yet"
    ENTERED_RECENTLY = "entry or disembarkation within the window"
    ENTERED_LONG_AGO = "entry or disembarkation before the window"
    STAYED_ELSEWHERE = "found illegally staying elsewhere"
    ADMITTED = "admitted by another State"
    NOT_ADMITTED = "admission refused or discontinued"
    TEMPORARY_PROTECTION = "beneficiary of temporary protection"
    NO_PROCEDURE = "the person of the new data set is in no procedure that the hit could move"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row. limit: key of LIMITS, empty when no limit runs from the hit."""

    name: StepName
    article: str
    limit: str = ""


STEPS: Mapping[Situation, Rule] = MappingProxyType(
    {
        Situation.BEFORE_AMMR: Rule(StepName.OLD_REGULATION, "AMMR 84"),
        Situation.OWN_DATA: Rule(StepName.EXAMINE, "AMMR 38"),
        Situation.PROTECTED_ELSEWHERE: Rule(StepName.CHECK_INADMISSIBILITY, "APR 38(1)(c)"),
        Situation.SELF_RESPONSIBLE: Rule(StepName.EXAMINE, "AMMR 36"),
        Situation.CEASED: Rule(StepName.APPLY_OTHER_CRITERIA, "AMMR 37(4), (5)", "K1"),
        Situation.RESPONSIBLE_KNOWN: Rule(StepName.TAKE_BACK, "AMMR 41(1)", "K8"),
        Situation.APPLIED_ELSEWHERE: Rule(StepName.TAKE_BACK, "AMMR 38(4)", "K8"),
        Situation.ENTERED_RECENTLY: Rule(StepName.TAKE_CHARGE, "AMMR 39(1)", "K2"),
        Situation.ENTERED_LONG_AGO: Rule(StepName.APPLY_OTHER_CRITERIA, "AMMR 33", "K1"),
        # Art. 39(1) AMMR shortens nothing for data of Art. 23.
        Situation.STAYED_ELSEWHERE: Rule(StepName.APPLY_OTHER_CRITERIA, "AMMR 39(1)", "K1"),
        Situation.ADMITTED: Rule(StepName.TAKE_BACK, "AMMR 36(1)(c)", "K8"),
        Situation.NOT_ADMITTED: Rule(StepName.EVIDENCE_ONLY, "AMMR 39(1)", "K1"),
        Situation.TEMPORARY_PROTECTION: Rule(StepName.NATIONAL_HANDLING, "26"),
        Situation.NO_PROCEDURE: Rule(StepName.EVIDENCE_ONLY, "27(4)"),
    }
)
"""Complete: every situation has its step."""


@dataclass(frozen=True, slots=True)
class Step:
    """The next legal step. due_at None: no limit runs from the hit. limit: key of LIMITS.

    addressee: State to which a request or notification goes, empty when none does.
    """

    name: StepName
    article: str
    due_at: datetime | None
    due_outer: datetime | None
    on_miss: OnMiss
    limit: str
    situation: Situation
    addressee: str


def next_step(
    probe: Category,
    hit: DataSet,
    *,
    state: str,
    received_at: datetime,
    registered_at: datetime | None = None,
    detained_at: datetime | None = None,
    declared: Iterable[Declared] = (),
    policy: Policy | None = None,
) -> Step:
    """What follows from a confirmed hit for the acting State, and by when.

    received_at: of the hit. registered_at: of the application; default received_at.
    detained_at: when the person was detained for the transfer. declared: derogations on record.

    >>> from datetime import UTC
    >>> from interfaces.eurodac.dataset import Event
    >>> landed = Event("Lampedusa", datetime(2026, 12, 1, 8, tzinfo=UTC))
    >>> step = next_step(Category.APPLICANT_REG, DataSet(Category.SAR, "IT", event=landed),
    ...                  state="DK", received_at=datetime(2027, 1, 31, 12, tzinfo=UTC))
    >>> step.name.value, step.due_at.isoformat()
    ('TAKE_CHARGE', '2027-03-01T22:59:59+00:00')
    """
    registered = registered_at or received_at
    found = situation(probe, hit, state=state, registered_at=registered, policy=policy)
    rule = STEPS[found]
    addressee = _addressee(hit) if rule.name in REQUESTS else ""
    if not rule.limit:
        owed = OnMiss.STILL_OWED
        return Step(rule.name, rule.article, None, None, owed, "", found, addressee)
    start = registered if LIMITS[rule.limit].clock == "registration" else received_at
    day = local_day(start, state)
    crisis = in_crisis(rule.limit, day, declared, state=state, policy=policy or Policy())
    limits = [due(rule.limit, start, state, crisis=crisis)]
    if detained_at is not None and rule.name in REQUESTS:
        clock = registered if is_applicant(probe) else received_at
        limits.append(_detained(detained_at, clock, state))
    first = min(limits, key=_end)
    return Step(
        rule.name,
        rule.article,
        first.due_at,
        first.due_outer,
        first.on_miss,
        first.rule,
        found,
        addressee,
    )


REQUESTS = frozenset({StepName.TAKE_CHARGE, StepName.TAKE_BACK})
"""Steps that ask something of another State."""


def _addressee(hit: DataSet) -> str:
    return hit.responsible_state or hit.relocation_state or hit.origin


def _detained(detained_at: datetime, start: datetime, state: str) -> Deadline:
    if detained_at > start:
        return due("K18", detained_at, state)
    return due("K17", start, state)


def _end(limit: Deadline) -> datetime:
    assert limit.due_at is not None
    return limit.due_at


def situation(
    probe: Category,
    hit: DataSet,
    *,
    state: str,
    registered_at: datetime,
    policy: Policy | None = None,
) -> Situation:
    """What the hit tells; the first that holds in the order of the checks below.

    >>> from datetime import UTC
    >>> situation(Category.SAR, DataSet(Category.ILLEGAL_STAY, "DE"), state="IT",
    ...           registered_at=datetime(2026, 9, 1, tzinfo=UTC)).name
    'NO_PROCEDURE'
    """
    if not (is_applicant(probe) or _returns_applicant(probe, hit)):
        return Situation.NO_PROCEDURE
    registered_on = local_day(registered_at, state)
    if registered_on < (policy or Policy()).ammr_applies_from:
        return Situation.BEFORE_AMMR
    # Own data may still tell that another State answers for the person.
    if hit.origin == state and _addressee(hit) == state:
        return Situation.OWN_DATA
    if is_applicant(probe) and _protected_elsewhere(hit, state):
        return Situation.PROTECTED_ELSEWHERE
    return READINGS[group(hit.category)](hit, state, registered_on)


def _returns_applicant(probe: Category, hit: DataSet) -> bool:
    # The last row of K.6: an illegally staying person for whom a State is responsible.
    staying = group(probe) is Group.ART_23
    return staying and is_applicant(hit.category) and bool(hit.responsible_state)


def _protected_elsewhere(hit: DataSet, state: str) -> bool:
    return any(mark.type is MarkType.PROTECTION and mark.set_by != state for mark in hit.marks)


def _application(hit: DataSet, state: str, registered_on: date) -> Situation:
    if not hit.responsible_state:
        return Situation.APPLIED_ELSEWHERE
    if hit.removed_on is not None or _absent(hit, registered_on):
        return Situation.CEASED
    own = hit.responsible_state == state
    return Situation.SELF_RESPONSIBLE if own else Situation.RESPONSIBLE_KNOWN


def _absent(hit: DataSet, registered_on: date) -> bool:
    left = hit.left_member_states_on
    return left is not None and not counts("K48", left, registered_on)


def _crossing(hit: DataSet, state: str, registered_on: date) -> Situation:
    return _entered(hit, state, registered_on, "K40")


def _disembarkation(hit: DataSet, state: str, registered_on: date) -> Situation:
    return _entered(hit, state, registered_on, "K41")


def _entered(hit: DataSet, state: str, registered_on: date, window: str) -> Situation:
    # Art. 33(3) AMMR: after a relocation its State answers for the entry.
    if hit.relocation_state == state:
        return Situation.SELF_RESPONSIBLE
    if hit.event is None:
        raise RuleBroken(broken("V04", "event", LISTED_IN[group(hit.category)]))
    entered_on = local_day(hit.event.occurred_at, hit.origin)
    recent = counts(window, entered_on, registered_on)
    return Situation.ENTERED_RECENTLY if recent else Situation.ENTERED_LONG_AGO


def _stay(_hit: DataSet, _state: str, _registered_on: date) -> Situation:
    return Situation.STAYED_ELSEWHERE


def _admission(hit: DataSet, _state: str, _registered_on: date) -> Situation:
    decision = hit.admission_decision
    granted = decision is None or decision.outcome is AdmissionOutcome.GRANTED
    return Situation.ADMITTED if granted else Situation.NOT_ADMITTED


def _temporary(_hit: DataSet, _state: str, _registered_on: date) -> Situation:
    return Situation.TEMPORARY_PROTECTION


READINGS: Mapping[Group, Callable[[DataSet, str, date], Situation]] = MappingProxyType(
    {
        Group.ART_15: _application,
        Group.ART_18_2: _admission,
        Group.ART_20: _admission,
        Group.ART_22: _crossing,
        Group.ART_23: _stay,
        Group.ART_24: _disembarkation,
        Group.ART_26: _temporary,
    }
)
"""Complete for every column whose data are stored and can be hit."""
