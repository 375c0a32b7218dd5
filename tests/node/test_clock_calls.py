"""The calls of the clock: everything that is known travels, and nothing ill-formed comes in."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message

from interfaces import wire
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.deadlines import OnMiss
from interfaces.eurodac.duties import SILENCES
from interfaces.eurodac.terms import Event
from interfaces.formats.errors import FormatRefused
from interfaces.pb.eurodac.nap.v1 import clock_pb2
from node.access import Actor
from node.assembly import Node
from node.calls import CALLS

CaseOf = Callable[..., Any]
TABLES = Path(__file__).parents[1] / "tables"


def rows(table: str) -> list[Any]:
    """The rows of a table of acceptance examples, as parameters."""
    with (TABLES / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return [pytest.param(row, id=row["id"]) for row in csv.DictReader(file, strict=True)]


def entry() -> DataSet:
    """A person whom Italy disembarked a month before."""
    event = Event("Lampedusa", datetime(2026, 8, 1, 12, tzinfo=UTC))
    return DataSet(Category.SAR, "IT", "IT90000000017", event=event)


def test_the_calls_tell_the_whole_clock(case_of: CaseOf) -> None:
    case = case_of("2026-09-01")
    case.hit(entry())
    request = clock_pb2.RecordCaseEventRequest(
        request_id="one",
        reference_number=case.number,
        kind=clock_pb2.CASE_EVENT_KIND_TAKE_CHARGE_ASKED_ON_HIT,
        at=wire.instant_to(case.time()),
        requested_state="IT",
    )
    recorded: Any = CALLS["RecordCaseEvent"](case.node, case.desk, request)
    limits = {limit.rule: limit for limit in recorded.clock.running}
    reply = limits["K6"]
    assert reply.on_silence == SILENCES[OnMiss.ACCEPTED_BY_SILENCE]
    start, end = wire.instant_from(reply.starts_at), wire.instant_from(reply.due_at)
    assert [wire.instant_from(one) for one in reply.reminders] == [
        start + (end - start) * 0.5,
        start + (end - start) * 0.9,
    ]
    assert wire.instant_from(reply.due_outer) >= end
    case.at("2026-09-20")
    ask = clock_pb2.GetClockRequest(reference_number=case.number)
    told: Any = CALLS["GetClock"](case.node, case.desk, ask)
    (silent,) = [one for one in told.clock.history if one.by_silence]
    assert (silent.kind, silent.article) == (
        clock_pb2.CASE_EVENT_KIND_ACCEPTED,
        "AMMR 40(2)",
    )
    assert told.clock.proposal.status_update == "D1"
    assert [one.event_id for one in told.clock.recorded] == [recorded.event_id]
    for form, begin in (("ICS", b"BEGIN:VCALENDAR\r\n"), ("CSV", b"task_id,")):
        wanted = clock_pb2.ExportDueRequest(format=clock_pb2.DueFormat.Value(f"DUE_FORMAT_{form}"))
        exported: Any = CALLS["ExportDue"](case.node, case.desk, wanted)
        assert exported.content.startswith(begin)
        assert case.number.encode() in exported.content
        assert not exported.cut


@pytest.mark.parametrize("row", rows("C_windows"))
def test_a_window_is_answered_by_day(node: Node, desk: Actor, row: Mapping[str, str]) -> None:
    """X-C07, X-C08, X-C10 and X-C11 as the desk asks for them."""
    request = clock_pb2.CheckWindowRequest(window=row["window"], since=row["since"], on=row["on"])
    answer: Any = CALLS["CheckWindow"](node, desk, request)
    assert answer.counts is (row["counts"] == "yes")


@pytest.mark.parametrize(
    ("call", "request_", "field"),
    [
        ("RecordCaseEvent", clock_pb2.RecordCaseEventRequest(), "kind"),
        ("RecordCaseEvent", clock_pb2.RecordCaseEventRequest(kind=99), "kind"),  # type: ignore[arg-type]
        ("RecordCaseEvent", clock_pb2.RecordCaseEventRequest(kind=1), "at"),  # type: ignore[arg-type]
        ("CheckWindow", clock_pb2.CheckWindowRequest(window="K1"), "window"),
        ("CheckWindow", clock_pb2.CheckWindowRequest(window="K40", since="soon"), "since"),
        ("CheckWindow", clock_pb2.CheckWindowRequest(window="K40", since="2026-07-01"), "on"),
        ("ExportDue", clock_pb2.ExportDueRequest(), "format"),
        ("RecordReturnEvent", clock_pb2.RecordReturnEventRequest(), "kind"),
        ("GetIndicators", clock_pb2.GetIndicatorsRequest(), "begin"),
    ],
)
def test_an_ill_formed_request_is_refused_by_its_field(
    *, node: Node, desk: Actor, call: str, request_: Message, field: str
) -> None:
    with pytest.raises(FormatRefused) as refused:
        CALLS[call](node, desk, request_)
    assert refused.value.field == field
