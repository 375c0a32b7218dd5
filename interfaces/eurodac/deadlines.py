"""When biometrics must be sent, resent, compared and reported (Arts 15 to 26, 38).

Lateness never ends a duty: late data are sent, and the lateness is recorded. Hours run on
instants. due_at is the strict reading, due_outer that of Regulation 1182/71; what is on time
against the first is never late against the second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from interfaces.eurodac.categories import RULES, Category, Clock, group
from interfaces.eurodac.circumstances import (
    ORDINARY,
    SECOND_CLOCKS,
    Circumstances,
    InfluxNotice,
    SecondClocks,
    TechnicalIncident,
    check_circumstances,
    check_influx,
)
from interfaces.eurodac.codes import broken
from interfaces.eurodac.dataset import AdmissionDecision, DataSet, Event
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.periods import (
    Unit,
    add_months,
    add_years,
    end_of_day,
    last_day,
    local_day,
    next_full_hour,
    roll,
    start_of_day,
    utc,
    working_days,
)
from interfaces.eurodac.policy import Policy
from interfaces.eurodac.retention import retention_end

__all__ = [
    "SECOND_CLOCKS",
    "Circumstances",
    "Deadline",
    "InfluxNotice",
    "OnMiss",
    "SecondClocks",
    "TechnicalIncident",
    "add_months",
    "add_years",
    "check_circumstances",
    "check_influx",
    "comparison",
    "comparison_due",
    "end_of_day",
    "false_hit_report",
    "last_day",
    "notice_due",
    "retake",
    "retention_end",
    "roll",
    "transmission",
]


class OnMiss(StrEnum):
    """What happens by law when a limit passes."""

    STILL_OWED = "STILL_OWED"
    ACCEPTED_BY_SILENCE = "ACCEPTED_BY_SILENCE"
    CONFIRMED_BY_SILENCE = "CONFIRMED_BY_SILENCE"
    RESPONSIBILITY_MOVES = "RESPONSIBILITY_MOVES"
    RELEASE_FROM_DETENTION = "RELEASE_FROM_DETENTION"
    SCREENING_ENDS = "SCREENING_ENDS"
    ERASE = "ERASE"


@dataclass(frozen=True, slots=True)
class Deadline:
    """One limit. rule: its key. due_at, due_outer: last instants, None where none is stated."""

    rule: str
    starts_at: datetime
    due_at: datetime | None
    due_outer: datetime | None
    article: str
    on_miss: OnMiss = OnMiss.STILL_OWED

    def is_late(self, at: datetime) -> bool:
        """Whether an act at this instant is late in the strict reading."""
        return self.due_at is not None and utc(at).replace(microsecond=0) > self.due_at

    def reminders(self) -> tuple[datetime, ...]:
        """When half and nine tenths of the time have passed."""
        if self.due_at is None:
            return ()
        length = self.due_at - self.starts_at
        return (self.starts_at + length * 0.5, self.starts_at + length * 0.9)


EXTENSION = timedelta(hours=48)
"""Most that a technical problem or an influx adds, Arts 15(2), 22(6), 23(5), 24(5), (6), 26(4)."""

SECOND_CLOCK = timedelta(hours=48)
"""Limit after a successful retake and after the end of health grounds."""

LONG_CUSTODY = timedelta(hours=72)
"""Custody longer than this moves the limit to the release, Art. 22(4)."""


def transmission(
    data_set: DataSet, circumstances: Circumstances = ORDINARY, policy: Policy | None = None
) -> Deadline:
    """When this data set must have been sent, under the circumstances that hold on record.

    RuleBroken V04 when the event that starts the clock is not in the data set.

    >>> from datetime import UTC
    >>> from interfaces.eurodac.dataset import Event
    >>> landed = Event("Lampedusa", datetime(2026, 6, 15, 10, 20, tzinfo=UTC))
    >>> limit = transmission(DataSet(Category.SAR, "IT", event=landed))
    >>> limit.due_at.isoformat(), limit.due_outer.isoformat()
    ('2026-06-18T10:20:00+00:00', '2026-06-18T11:00:00+00:00')
    """
    ordinary = _ordinary(data_set)
    if group(data_set.category) not in SECOND_CLOCKS:
        return ordinary
    for moved in (
        _after_health(data_set, ordinary, circumstances),
        _before_release(data_set, ordinary, circumstances),
        _extended(data_set, ordinary, circumstances, policy or Policy()),
    ):
        if moved is not None:
            return moved
    return ordinary


def _ordinary(data_set: DataSet) -> Deadline:
    rule = RULES[data_set.category]
    start = _start(data_set)
    if rule.within is None:
        return Deadline("TRANSMIT", start, None, None, rule.article)
    if rule.within.unit is Unit.HOURS:
        span = timedelta(hours=rule.within.amount)
        return Deadline("TRANSMIT", start, start + span, next_full_hour(start) + span, rule.article)
    last = last_day(local_day(start, data_set.origin), rule.within, data_set.origin)
    due = end_of_day(last, data_set.origin)
    # Regulation 1182/71 moves an end on a day off; the strict reading does not.
    outer = end_of_day(roll(last, data_set.origin), data_set.origin)
    return Deadline("TRANSMIT", start, due, outer, rule.article)


STARTED_BY: Mapping[Clock, str] = MappingProxyType(
    {
        Clock.REGISTRATION: "event",
        Clock.APPREHENSION: "event",
        Clock.FINDING: "event",
        Clock.DISEMBARKATION: "event",
        Clock.ARRIVAL: "event",
        Clock.TAKING: "biometrics_taken_at",
        Clock.DECISION: "admission_decision",
        Clock.NONE: "biometrics_taken_at",
    }
)
"""Complete: the attribute of DataSet that tells when each clock started."""


def _start(data_set: DataSet) -> datetime:
    rule = RULES[data_set.category]
    # A search carries no event: the taking is the first that is known of it.
    name = STARTED_BY[rule.clock] if rule.stored else "biometrics_taken_at"
    match getattr(data_set, name):
        case AdmissionDecision(decided_on=day):
            return start_of_day(day, data_set.origin)
        case Event() as event:
            return _event_start(data_set, event)
        case datetime() as taken_at:
            return utc(taken_at)
        case _:
            raise RuleBroken(broken("V04", name, rule.article))


def _event_start(data_set: DataSet, event: Event) -> datetime:
    arrived = data_set.arrival_after_take_charge_on or data_set.arrival_after_relocation_on
    if arrived is not None:
        return start_of_day(arrived, data_set.origin)
    if event.date_only:
        return start_of_day(local_day(event.occurred_at, data_set.origin), data_set.origin)
    return utc(event.occurred_at)


def _after_health(
    data_set: DataSet, ordinary: Deadline, circumstances: Circumstances
) -> Deadline | None:
    ended = circumstances.health_grounds_ended_at
    clocks = SECOND_CLOCKS[group(data_set.category)]
    if ended is None or utc(ended) <= ordinary.starts_at:
        return None
    if not clocks.health_hours:
        return Deadline("HEALTH", utc(ended), None, None, clocks.health)
    due = utc(ended) + SECOND_CLOCK
    # The strict reading lets the special clock replace the ordinary one even if it is shorter.
    outer = next_full_hour(ended) + SECOND_CLOCK
    if ordinary.due_outer is not None:
        outer = max(outer, ordinary.due_outer)
    return Deadline("HEALTH", utc(ended), due, outer, clocks.health)


def _before_release(
    data_set: DataSet, ordinary: Deadline, circumstances: Circumstances
) -> Deadline | None:
    released = circumstances.custody_until
    if released is None or data_set.category is not Category.IRREGULAR_CROSSING:
        return None
    if utc(released) - ordinary.starts_at <= LONG_CUSTODY:
        return None
    return Deadline("CUSTODY", ordinary.starts_at, utc(released), utc(released), "22(4)")


def _extended(
    data_set: DataSet, ordinary: Deadline, circumstances: Circumstances, policy: Policy
) -> Deadline | None:
    if ordinary.due_at is None or ordinary.due_outer is None:
        return None
    technical = _incident_counts(data_set, ordinary, circumstances)
    influx = _influx_counts(data_set, ordinary, circumstances)
    if not technical and not influx:
        return None
    times = 2 if technical and influx and policy.extensions_stack else 1
    article = "24(6)" if influx else SECOND_CLOCKS[group(data_set.category)].technical
    return Deadline(
        "INFLUX" if influx else "TECHNICAL",
        ordinary.starts_at,
        ordinary.due_at + times * EXTENSION,
        ordinary.due_outer + times * EXTENSION,
        article,
    )


def _incident_counts(data_set: DataSet, ordinary: Deadline, circumstances: Circumstances) -> bool:
    incident = circumstances.technical_incident
    if incident is None or not SECOND_CLOCKS[group(data_set.category)].technical:
        return False
    assert ordinary.due_at is not None
    begun = utc(incident.started_at) <= ordinary.due_at
    return begun and (incident.ended_at is None or utc(incident.ended_at) >= ordinary.starts_at)


def _influx_counts(data_set: DataSet, ordinary: Deadline, circumstances: Circumstances) -> bool:
    notice = circumstances.influx
    if notice is None or data_set.category is not Category.SAR or check_influx(notice):
        return False
    # A clock that already ran when the notice took effect is not extended.
    landed = local_day(ordinary.starts_at, data_set.origin)
    return notice.notified_on <= landed <= notice.ends_on


def retake(category: Category, retaken_at: datetime) -> Deadline:
    """When biometrics retaken after damaged fingertips must have been sent.

    >>> from datetime import UTC
    >>> healed = datetime(2026, 8, 3, 9, tzinfo=UTC)
    >>> retake(Category.IRREGULAR_CROSSING, healed).due_at.isoformat()
    '2026-08-05T09:00:00+00:00'
    >>> retake(Category.NATIONAL_RESETTLEMENT, healed).due_at is None
    True
    """
    start = utc(retaken_at)
    clocks = SECOND_CLOCKS.get(group(category))
    if clocks is None or not clocks.retake_hours:
        article = RULES[category].article if clocks is None else clocks.retake
        return Deadline("RETAKE", start, None, None, article)
    outer = next_full_hour(start) + SECOND_CLOCK
    return Deadline("RETAKE", start, start + SECOND_CLOCK, outer, clocks.retake)


COMPARE_WITHIN = timedelta(hours=24)
"""For every request, from its arrival."""

COMPARE_URGENT_WITHIN = timedelta(hours=1)
"""For a particularly urgent comparison, for reasons of national law."""

NOTICE_WITHIN = timedelta(hours=72)
"""Arts 16(4), 17(4), 30(2), 31(1), 31(4): from receipt of what the notice tells."""

FALSE_HIT_WITHIN = working_days(3)
"""Art. 38(6): from receipt of the result, not from the discovery."""


def comparison(arrived_at: datetime, urgent: bool) -> Deadline:
    """When the centre must have answered; a breach is told by is_late and ends no duty.

    >>> from datetime import UTC
    >>> limit = comparison(datetime(2026, 7, 1, 10, tzinfo=UTC), urgent=True)
    >>> limit.due_at.hour, limit.is_late(limit.due_at)
    (11, False)
    """
    due = utc(arrived_at) + (COMPARE_URGENT_WITHIN if urgent else COMPARE_WITHIN)
    return Deadline("COMPARISON", utc(arrived_at), due, due, "38(2)")


def comparison_due(arrived_at: datetime, urgent: bool) -> datetime:
    """The last instant of comparison()."""
    due = comparison(arrived_at, urgent).due_at
    assert due is not None, "every request has its limit"
    return due


def notice_due(received_at: datetime) -> datetime:
    """When the centre must have told the other States of origin."""
    return utc(received_at) + NOTICE_WITHIN


def false_hit_report(received_at: datetime, state: str) -> Deadline:
    """When a false hit must have been reported, on the receiving State's working days.

    >>> from datetime import UTC
    >>> false_hit_report(datetime(2026, 12, 24, 9, tzinfo=UTC), "DK").due_at.isoformat()
    '2026-12-30T22:59:59+00:00'
    """
    last = last_day(local_day(received_at, state), FALSE_HIT_WITHIN, state)
    due = end_of_day(last, state)
    return Deadline("FALSE_HIT", utc(received_at), due, due, "38(6)")
