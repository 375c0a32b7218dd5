"""Every limit that a desk starts: recorded, awaited in the due list, exported, and run out."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from interfaces.eurodac.caseclock import Happening
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.limits import LIMITS
from interfaces.eurodac.periods import local_day
from interfaces.eurodac.progress import Told
from interfaces.pb.eurodac.nap.v1 import clock_pb2
from node import clock
from node.calls import CALLS
from node.clock import NewEvent

TABLES = Path(__file__).parents[1] / "tables"
SECOND = timedelta(seconds=1)

CaseOf = Callable[..., Any]


def rows(table: str) -> list[Any]:
    with (TABLES / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return [pytest.param(row, id=row["id"]) for row in csv.DictReader(file, strict=True)]


def noon(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=UTC)


def opened(case_of: CaseOf, row: Mapping[str, str]) -> Any:
    case = case_of("2026-07-01", row["category"], row["state"])
    for pair in row["events"].split():
        case.tell(*pair.split("@"))
    return case


@pytest.mark.parametrize("row", rows("C_started"))
def test_later_events_through_the_acts(case_of: CaseOf, row: Mapping[str, str]) -> None:
    case = opened(case_of, row).at(row["now"])
    silent = [
        f"{one.happening.name}@{local_day(one.at, row['state'])}"
        for one in case.read().clock.history
        if one.by_silence
    ]
    assert case.running() == row["running"]
    assert " ".join(silent) == row["happened"]


def exported(case: Any, form: str) -> bytes:
    request = clock_pb2.ExportDueRequest(format=clock_pb2.DueFormat.Value(f"DUE_FORMAT_{form}"))
    answer: Any = CALLS["ExportDue"](case.node, case.desk, request)
    content: bytes = answer.content
    return content


@pytest.mark.parametrize("row", rows("C_run_out"))
def test_a_limit_runs_out_one_second_after_its_end(case_of: CaseOf, row: Mapping[str, str]) -> None:
    """Told by the desk, waiting as a task, exported with its article, and what silence leaves."""
    case = opened(case_of, row)
    key, kind = row["limit"], row["task"]
    (task,) = [one for one in case.tasks() if one.rule == key]
    assert (task.kind, task.article) == (kind, LIMITS[key].article)
    assert task.what.endswith(f"when its limit passes, {row['told']}.")
    assert task.due is not None
    (line,) = [
        one
        for one in csv.DictReader(io.StringIO(exported(case, "CSV").decode()))
        if one["task_id"] == task.task_id
    ]
    assert (line["kind"], line["article"], line["overdue"]) == (kind, task.article, "no")
    assert line["due_at"] == task.due.isoformat(timespec="seconds")
    calendar = exported(case, "ICS").replace(b"\r\n ", b"")
    assert f"UID:{task.task_id}@".encode() in calendar
    case.time.time = task.due
    assert kind in case.kinds()
    assert key not in {one.rule for one in case.read().clock.passed}
    case.time.advance(seconds=1)
    assert key in {one.rule for one in case.read().clock.passed}
    assert " ".join(sorted(case.kinds())) == row["left"]
    still = [one for one in case.tasks() if one.task_id == task.task_id]
    assert bool(still) is (row["owed"] == "yes")
    assert all(one.due == task.due for one in still)


@pytest.mark.parametrize(
    ("events", "name", "found"),
    [
        ("", "RELOCATION_POSTPONED", "V04 kind"),
        ("", "OFFSET_ANSWERED", "V04 kind"),
        ("", "STAYED_AT_BORDER", "V04 kind"),
        ("APPREHENDED@2026-07-05", "STAYED_AT_BORDER", "V06 kind"),
        ("", "AUTHORITY_INFORMED", "V04 kind"),
        ("", "ADMISSIBILITY_EXAMINED", "V04 kind"),
        ("", "ADMISSIBILITY_EXAMINED_FAST", "V04 kind"),
        ("LODGED@2026-07-05", "ADMISSIBLE", "V04 kind"),
        ("", "EXAMINATION_PROLONGED", "V04 kind"),
        ("", "EXAMINATION_POSTPONED", "V04 kind"),
        ("REGISTERED@2026-07-05", "RIGHT_TO_REMAIN_ENDED", "V04 kind"),
        ("REGISTERED_AT_BORDER@2026-07-05", "DEPARTURE_GRANTED", "V04 kind"),
        ("", "HUMANITARIAN_ASKED", "V04 requested_state"),
        ("", "TAKE_CHARGE_ASKED_URGENTLY", "V04 requested_state"),
        ("", "OFFSET_ASKED", "V04 requested_state"),
    ],
)
def test_what_cannot_follow_is_refused_with_its_field(
    case_of: CaseOf, events: str, name: str, found: str
) -> None:
    case = case_of("2026-07-01", "ILLEGAL_STAY")
    for pair in events.split():
        case.tell(*pair.split("@"))
    before = len(case.at("2026-07-10").read().events)
    told = Told(Happening[name], case.time())
    with pytest.raises(RuleBroken, match=found):
        clock.record_event(case.node, case.desk, NewEvent("one", case.number, told))
    assert len(case.read().events) == before


def test_the_screening_is_shortened_only_after_72_hours(case_of: CaseOf) -> None:
    case = case_of("2026-09-07", "IRREGULAR_CROSSING", "IT")
    case.tell("APPREHENDED", "2026-09-07")
    case.time.time = noon("2026-09-10") - SECOND
    with pytest.raises(RuleBroken, match="V05 at"):
        case.tell("STAYED_AT_BORDER")
    case.time.advance(seconds=1)
    case.tell("STAYED_AT_BORDER")
    assert case.running() == "K61@2026-09-14"


def test_an_offset_settles_no_responsibility(case_of: CaseOf) -> None:
    """Whoever was asked for an offset is not taken for the State that accepts a transfer."""
    case = case_of("2026-09-01")
    case.tell("OFFSET_ASKED", "2026-09-02", "IT")
    with pytest.raises(RuleBroken, match="V04 requested_state"):
        clock.record_event(
            case.node, case.desk, NewEvent("a", case.number, Told(Happening.ACCEPTED, case.time()))
        )


def test_a_humanitarian_request_that_is_accepted_is_entered(case_of: CaseOf) -> None:
    case = case_of("2026-09-01")
    case.tell("HUMANITARIAN_ASKED", "2026-09-02", "IT")
    told = NewEvent("a", case.number, Told(Happening.ACCEPTED, case.time()))
    clock.record_event(case.node, case.desk, told)
    duty = case.read().proposal
    assert (duty.update, duty.responsible_state) == ("D1", "IT")
