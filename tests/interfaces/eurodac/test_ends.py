"""One second and one day to each side of every limit; leap days as rows of their own.

A row of Y_ends.csv states the last instant that is still in time, written down by hand from the
article; a row of Y_begins.csv the first from which something holds. The instants around it are
laid out here: what lies before the end is in time, what lies behind it is not.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from interfaces.eurodac import deadlines, police, retention
from interfaces.eurodac.ages import is_minor
from interfaces.eurodac.capture import AgeProof, check_age, check_applicable
from interfaces.eurodac.casework import due
from interfaces.eurodac.categories import Category
from interfaces.eurodac.circumstances import Circumstances, InfluxNotice, TechnicalIncident
from interfaces.eurodac.comparison import face_compared
from interfaces.eurodac.dataset import (
    AdmissionDecision,
    AdmissionOutcome,
    CouncilDecision,
    DataSet,
    Event,
)
from interfaces.eurodac.deadlines import Deadline
from interfaces.eurodac.policy import Policy
from interfaces.eurodac.rights import is_matched_by_etias
from tests.interfaces.eurodac.conftest import TABLES

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)

IN_TIME = (-DAY, -SECOND, timedelta(0), timedelta(milliseconds=999))
"""From the last instant on, which counts to the end of its second."""

TOO_LATE = (SECOND, DAY)

InTime = Callable[[datetime], bool]
Row = Mapping[str, str]


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def by(limit: Deadline) -> InTime:
    """In time as long as it is not late."""
    return lambda at: not limit.is_late(at)


def until(end: datetime) -> InTime:
    """There as long as it may be found."""
    return lambda at: retention.is_searchable(end, at)


def started(row: Row) -> DataSet:
    """A data set whose clock starts at `since`: a Danish one, or a German one of a decision."""
    category = Category(row["subject"])
    if "T" not in row["since"]:
        decided = AdmissionDecision(AdmissionOutcome.GRANTED, date.fromisoformat(row["since"]))
        return DataSet(category, "DE", admission_decision=decided)
    since = instant(row["since"])
    return DataSet(category, "DK", event=Event("x", since), biometrics_taken_at=since)


def technical(row: Row) -> InTime:
    incident = TechnicalIncident("i1", "x", instant(row["since"]))
    recorded = Circumstances(technical_incident_id="i1", technical_incident=incident)
    return by(deadlines.transmission(started(row), recorded))


def influx(row: Row) -> InTime:
    day = instant(row["since"]).date()
    notice = InfluxNotice(day, day + DAY)
    return by(deadlines.transmission(started(row), Circumstances(influx=notice)))


def health(row: Row) -> InTime:
    """The clock began a week before the grounds ended."""
    since = instant(row["since"])
    begun = since - 7 * DAY
    decided = AdmissionDecision(AdmissionOutcome.GRANTED, begun.date())
    ill = DataSet(
        Category(row["subject"]), "DK", event=Event("x", begun), admission_decision=decided
    )
    return by(deadlines.transmission(ill, Circumstances(health_grounds_ended_at=since)))


def kept(row: Row) -> InTime:
    name, _, outcome = row["subject"].partition(" ")
    decided = None
    if outcome:
        decided = AdmissionDecision(AdmissionOutcome(outcome), date(2026, 7, 1))
    council = None
    if name == "TEMP_PROTECTION":
        council = CouncilDecision("x", date.fromisoformat(row["since"]))
    stored = DataSet(Category(name), "DK", admission_decision=decided, council_decision=council)
    # Of temporary protection the transmission counts for nothing, only the decision.
    sent = datetime(2031, 6, 1, tzinfo=UTC) if council else instant(row["since"])
    return until(retention.retention_end(stored, sent))


def remembered(row: Row) -> InTime:
    end = instant(row["subject"]) if row["subject"] else None
    return until(retention.grave_end(end, instant(row["since"])))


ENDS: Mapping[str, Callable[[Row], InTime]] = {
    "transmission": lambda row: by(deadlines.transmission(started(row))),
    "technical": technical,
    "influx": influx,
    "health": health,
    "retake": lambda row: by(
        deadlines.retake(Category(row["subject"]), instant(row["since"])),
    ),
    "comparison": lambda row: by(
        deadlines.comparison(instant(row["since"]), row["subject"] == "urgent"),
    ),
    "notice": lambda row: until(deadlines.notice_due(instant(row["since"]))),
    "false_hit": lambda row: by(
        deadlines.false_hit_report(instant(row["since"]), row["subject"]),
    ),
    "retention": kept,
    "log": lambda row: until(retention.log_end(instant(row["since"]))),
    "grave": remembered,
    "search": lambda row: (
        lambda at: police.is_record_kept(instant(row["since"]), at, still_needed=False)
    ),
}


def check_end(in_time: InTime, last: datetime) -> None:
    """In time up to the last second, and not one second or one day later."""
    assert [in_time(last + step) for step in IN_TIME] == [True] * len(IN_TIME)
    assert [in_time(last + step) for step in TOO_LATE] == [False] * len(TOO_LATE)


@pytest.mark.table("Y_ends")
def test_every_limit_ends_with_its_last_second(row: Row) -> None:
    check_end(ENDS[row["kind"]](row), instant(row["last"]))


ZONES = {"DK": "Europe/Copenhagen", "IT": "Europe/Rome", "DE": "Europe/Berlin"}
ZONES |= {"BE": "Europe/Brussels"}


@pytest.mark.table("C_limits")
def test_every_limit_of_a_case_ends_with_the_last_second_of_its_day(row: Row) -> None:
    since = datetime.fromisoformat(row["since"])
    limit = due(row["limit"], since, row["state"], crisis=row["crisis"] == "yes")
    year, month, day = map(int, row["due"].split("-"))
    last = datetime(year, month, day, 23, 59, 59, tzinfo=ZoneInfo(ZONES[row["state"]]))
    check_end(by(limit), last.astimezone(UTC))


Holds = Callable[[Row, datetime], bool]

BEGINS: Mapping[str, Holds] = {
    "age": lambda row, at: (
        check_age(row["subject"].split()[0], at, AgeProof.DOCUMENT, state=row["subject"].split()[1])
        == ()
    ),
    "adult": lambda row, at: (
        not is_minor(row["subject"].split()[0], at, state=row["subject"].split()[1])
    ),
    "fourteen": lambda row, at: (
        police.check_use_against_child(row["subject"], at.date(), suspected=False, extra_grounds="")
        == ()
    ),
    "applicable": lambda row, at: (
        check_applicable(Category(row["subject"]), at.date(), Policy()) == ()
    ),
    "faces": lambda row, at: face_compared(
        Policy(face_comparison_from=date.fromisoformat(row["subject"])), at, False
    ),
    "etias": lambda row, at: is_matched_by_etias(
        DataSet(Category.SAR, "IT", removed_on=date.fromisoformat(row["subject"])),
        at.date(),
        Policy(),
    ),
}


@pytest.mark.table("Y_begins")
def test_what_begins_with_a_day_begins_with_its_first_second(row: Row) -> None:
    first = instant(row["first"] if "T" in row["first"] else row["first"] + "T00:00:00Z")
    holds = BEGINS[row["kind"]]
    assert [holds(row, first + step) for step in (-DAY, -SECOND)] == [False, False]
    assert [holds(row, first + step) for step in (timedelta(0), SECOND, DAY)] == [True] * 3


def test_no_kind_of_limit_is_without_a_row_across_a_leap_day() -> None:
    with (TABLES / "Y_ends.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    assert {row["kind"] for row in rows} == set(ENDS)
    leaps = {row["kind"] for row in rows if any(spans_leap_day(row, year) for year in LEAPS)}
    assert leaps == set(ENDS)


LEAPS = range(2028, 2040, 4)


def spans_leap_day(row: Row, year: int) -> bool:
    leap = f"{year}-02-29"
    return row["since"][:10] <= leap <= row["last"][:10]
