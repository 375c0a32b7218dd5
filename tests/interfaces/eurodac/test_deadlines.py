"""Time limits of the transmission and comparison: rulebook 0.4, B.1, B.2 and examples X-T."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from interfaces.eurodac.categories import RULES, Category, Clock, Group
from interfaces.eurodac.dataset import AdmissionDecision, AdmissionOutcome, DataSet, Event
from interfaces.eurodac.deadlines import (
    SECOND_CLOCKS,
    STARTED_BY,
    Circumstances,
    InfluxNotice,
    OnMiss,
    TechnicalIncident,
    check_circumstances,
    check_influx,
    comparison,
    comparison_due,
    false_hit_report,
    notice_due,
    retake,
    transmission,
)
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.policy import Policy

Complete = Callable[..., DataSet]


def instant(text: str) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def known(text: str) -> datetime:
    found = instant(text)
    assert found is not None
    return found


def started(category: Category, text: str, state: str) -> DataSet:
    clock = RULES[category].clock
    if clock is Clock.DECISION:
        decision = AdmissionDecision(AdmissionOutcome.GRANTED, date.fromisoformat(text))
        return DataSet(category, state, admission_decision=decision)
    if clock is Clock.ARRIVAL:
        event = Event("x", datetime(2026, 1, 1, tzinfo=UTC))
        return DataSet(
            category, state, event=event, arrival_after_relocation_on=date.fromisoformat(text)
        )
    if clock is Clock.TAKING or not RULES[category].stored:
        # The making comes hours before the taking and must not matter.
        event = Event("x", known(text) - timedelta(hours=7))
        return DataSet(category, state, event=event, biometrics_taken_at=known(text))
    return DataSet(category, state, event=Event("x", known(text)))


def incident(row: Mapping[str, str]) -> tuple[str, TechnicalIncident | None]:
    if not row["incident"]:
        return "", None
    if row["incident"] == "claimed":
        return "i1", None
    begun = known(row["start"] if "T" in row["start"] else row["start"] + "T12:00Z")
    if row["incident"] == "over":
        ended = begun - timedelta(seconds=1)
        return "i1", TechnicalIncident("i1", "x", begun - timedelta(days=2), ended)
    return "i1", TechnicalIncident("i1", "x", begun + timedelta(hours=1))


def influx(row: Mapping[str, str]) -> InfluxNotice | None:
    if not row["influx"]:
        return None
    begin, end = row["influx"].split("/")
    return InfluxNotice(date.fromisoformat(begin), date.fromisoformat(end))


@pytest.mark.table("T_transmission")
def test_data_are_sent_by_the_limit_that_the_circumstances_give(row: Mapping[str, str]) -> None:
    incident_id, record = incident(row)
    circumstances = Circumstances(
        health_grounds_ended_at=instant(row["health_ended"]),
        technical_incident_id=incident_id,
        technical_incident=record,
        influx=influx(row),
        custody_until=instant(row["custody_until"]),
    )
    data_set = started(Category(row["category"]), row["start"], row["state"])
    limit = transmission(data_set, circumstances)
    assert limit.due_at == instant(row["due"])
    assert limit.due_outer == instant(row["outer"])
    assert limit.article == row["article"]


@pytest.mark.table("T_lateness")
def test_lateness_is_told_to_the_second(row: Mapping[str, str]) -> None:
    limit = transmission(started(Category.APPLICANT_REG, row["registered"], "DK"))
    assert limit.is_late(known(row["sent"])) is (row["late"] == "yes")


@pytest.mark.table("T_retake")
def test_a_successful_retake_starts_its_own_clock(row: Mapping[str, str]) -> None:
    limit = retake(Category(row["category"]), known(row["retaken"]))
    assert (limit.due_at, limit.article) == (instant(row["due"]), row["article"])


@pytest.mark.table("T_comparison")
def test_the_centre_answers_within_a_day_or_an_hour(row: Mapping[str, str]) -> None:
    arrived, urgent = known(row["arrived"]), row["urgent"] == "yes"
    assert comparison_due(arrived, urgent) == instant(row["due"])
    limit = comparison(arrived, urgent)
    assert (limit.rule, limit.starts_at, limit.article) == ("COMPARISON", arrived, "38(2)")
    assert limit.due_at == limit.due_outer == instant(row["due"])


@pytest.mark.table("R_false_hit")
def test_a_false_hit_is_reported_in_three_working_days(row: Mapping[str, str]) -> None:
    limit = false_hit_report(known(row["received"]), row["state"])
    assert limit.due_at == instant(row["due"])
    assert limit.is_late(known(row["reported"])) is (row["late"] == "yes")


def test_an_extension_is_refused_without_its_record(complete: Complete) -> None:
    """X-T08: the incident is claimed and nobody declared it."""
    data_set = complete(Category.APPLICANT_REG)
    other = TechnicalIncident("i2", "x", datetime(2026, 6, 1, tzinfo=UTC))
    for record in (None, other):
        claimed = Circumstances(technical_incident_id="i1", technical_incident=record)
        found = check_circumstances(data_set, claimed)
        assert [(one.code, one.article) for one in found] == [("V16", "15(2)")]
    landed = check_circumstances(complete(Category.SAR), claimed)
    assert [one.article for one in landed] == ["24(5)"]
    resettled = check_circumstances(complete(Category.NATIONAL_RESETTLEMENT), claimed)
    assert [one.code for one in resettled] == ["V16"]
    recorded = Circumstances(technical_incident_id="i2", technical_incident=other)
    assert check_circumstances(data_set, recorded) == ()


@pytest.mark.parametrize(
    ("days", "expected"), [(-1, ["V16"]), (0, []), (31, []), (32, ["V16"]), (45, ["V16"])]
)
def test_an_influx_notice_lasts_a_month_at_most(days: int, expected: list[str]) -> None:
    """X-T16, with the days around the month."""
    begun = date(2026, 8, 1)
    notice = InfluxNotice(begun, begun + timedelta(days=days))
    assert [one.code for one in check_influx(notice)] == expected
    data_set = DataSet(Category.SAR, "IT")
    found = check_circumstances(data_set, Circumstances(influx=notice))
    assert [one.code for one in found] == expected


@pytest.mark.table("A_custody")
def test_whoever_stays_in_custody_until_removal_is_not_recorded(row: Mapping[str, str]) -> None:
    held = Circumstances(custody_until_removal=row["until_removal"] == "yes")
    found = check_circumstances(DataSet(Category(row["category"]), "GR"), held)
    assert " ".join(f"{one.code} {one.article}" for one in found) == row["expected"]


@pytest.mark.parametrize(
    ("started_at", "ended_at", "hours"),
    [
        (timedelta(hours=72), None, 120),
        (timedelta(hours=72, seconds=1), None, 72),
        (timedelta(days=-2), timedelta(), 120),
        (timedelta(days=-2), timedelta(seconds=-1), 72),
    ],
)
def test_an_incident_extends_the_clock_that_it_touches(
    started_at: timedelta, ended_at: timedelta | None, hours: int
) -> None:
    """X-T06 to the second: the incident lies at the end or at the beginning of the 72 hours."""
    start = datetime(2026, 7, 1, 10, tzinfo=UTC)
    ended = start + ended_at if ended_at is not None else None
    record = TechnicalIncident("i1", "x", start + started_at, ended)
    claimed = Circumstances(technical_incident_id="i1", technical_incident=record)
    limit = transmission(started(Category.APPLICANT_REG, start.isoformat(), "DK"), claimed)
    assert limit.due_at == start + timedelta(hours=hours)


def test_extensions_stack_only_where_it_was_decided() -> None:
    """P.1 point 9: an incident during an influx is one extension unless configured."""
    start = datetime(2026, 8, 10, 6, tzinfo=UTC)
    both = Circumstances(
        technical_incident_id="i1",
        technical_incident=TechnicalIncident("i1", "x", start),
        influx=InfluxNotice(date(2026, 8, 1), date(2026, 9, 1)),
    )
    landed = started(Category.SAR, start.isoformat(), "IT")
    assert transmission(landed, both).due_at == start + timedelta(hours=120)
    stacked = transmission(landed, both, policy=Policy(extensions_stack=True))
    assert stacked.due_at == start + timedelta(hours=168)


def test_a_retake_has_its_outer_reading() -> None:
    """T7: 48 hours from the next full hour."""
    limit = retake(Category.IRREGULAR_CROSSING, datetime(2026, 8, 3, 9, 20, tzinfo=UTC))
    assert limit.due_outer == datetime(2026, 8, 5, 10, tzinfo=UTC)


def test_a_false_hit_is_reported_under_its_article() -> None:
    assert false_hit_report(datetime(2026, 7, 1, 10, tzinfo=UTC), "DK").article == "38(6)"


def test_a_date_alone_starts_the_clock_at_local_midnight() -> None:
    """T8: the earliest reading is the safe one."""
    event = Event("Evros", datetime(2026, 7, 1, 21, 30, tzinfo=UTC), date_only=True)
    limit = transmission(DataSet(Category.IRREGULAR_CROSSING, "GR", event=event))
    assert limit.starts_at == datetime(2026, 7, 1, 21, tzinfo=UTC)


@pytest.mark.parametrize("category", [c for c in Category if RULES[c].group in SECOND_CLOCKS])
def test_a_clock_without_its_event_is_refused(category: Category) -> None:
    with pytest.raises(RuleBroken) as refused:
        transmission(DataSet(category, "DK"))
    assert refused.value.violations[0].code == "V04"


@pytest.mark.parametrize("name", ["arrival_after_take_charge_on", "arrival_after_relocation_on"])
def test_an_arrival_starts_its_clock_and_not_the_earlier_application(name: str) -> None:
    """The application's date is the one that the transferring State entered, Art. 17(1)(g)."""
    applied = Event("x", datetime(2026, 1, 1, tzinfo=UTC))
    values: dict[str, Any] = {"event": applied, name: date(2026, 7, 2)}
    arrived = DataSet(Category.APPLICANT_ARRIVAL, "DK", **values)
    assert transmission(arrived).starts_at == datetime(2026, 7, 1, 22, tzinfo=UTC)


def test_every_column_with_a_clock_has_its_second_clocks() -> None:
    assert STARTED_BY.keys() == set(Clock)
    timed = {rule.group for rule in RULES.values() if rule.clock is not Clock.NONE}
    assert SECOND_CLOCKS.keys() == timed == set(Group) - {Group.POLICE, Group.RIGHTS}


def test_on_time_in_the_strict_reading_is_on_time_in_the_outer_one() -> None:
    for minute in range(0, 120, 7):
        start = datetime(2026, 7, 1, 10, tzinfo=UTC) + timedelta(minutes=minute)
        limit = transmission(started(Category.SAR, start.isoformat(), "IT"))
        assert limit.due_at is not None
        assert limit.due_outer is not None
        assert limit.due_at < limit.due_outer <= limit.due_at + timedelta(hours=1)


def test_reminders_come_at_half_and_nine_tenths_of_the_time() -> None:
    limit = transmission(started(Category.SAR, "2026-07-01T00:00Z", "IT"))
    assert limit.reminders() == (
        datetime(2026, 7, 2, 12, tzinfo=UTC),
        datetime(2026, 7, 3, 16, 48, tzinfo=UTC),
    )
    assert retake(Category.NATIONAL_RESETTLEMENT, limit.starts_at).reminders() == ()


def test_what_was_not_sent_in_time_is_still_owed() -> None:
    """No silence settles a transmission: its duty outlives its limit."""
    landed = started(Category.SAR, "2026-07-01T00:00Z", "IT")
    assert transmission(landed).on_miss is OnMiss.STILL_OWED


def test_notices_are_due_in_72_hours() -> None:
    received = datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert notice_due(received) == datetime(2026, 7, 4, 10, tzinfo=UTC)


def test_a_time_without_zone_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="time zone"):
        comparison_due(datetime(2026, 7, 1, 10), urgent=False)
