"""The node notices that the centre owes a comparison: once, to the second, until it is there."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from interfaces.central.centre import Centre
from interfaces.eurodac.retention import ErasureGround
from interfaces.pb.eurodac.central.v1 import central_pb2
from interfaces.pb.eurodac.nap.v1 import nap_pb2
from node import alarms, calls, casework, custody, enrolment, inbox, outbox
from node.access import Actor
from node.assembly import Node
from node.enrolment import Enrolment
from node.errors import OutOfTurn
from node.outbox import Step
from node.store import records
from node.vocabulary import Lane, TaskKind

EnrolmentOf = Callable[..., Enrolment]


@pytest.fixture
def centre_at(serve_centre: Callable[..., tuple[Centre, str]]) -> tuple[Centre, str]:
    return serve_centre()


@pytest.fixture
def centre(centre_at: tuple[Centre, str]) -> Centre:
    return centre_at[0]


@pytest.fixture
def line(centre_at: tuple[Centre, str], open_at: Callable[..., Node], tmp_path: Path) -> Node:
    """A node at a centre, whose answers it has not read yet."""
    return open_at(tmp_path / "dk", central=centre_at[1])


@pytest.fixture
def transmitted(
    line: Node, station: Actor, enrolment_of: EnrolmentOf
) -> Callable[[Lane], tuple[str, ...]]:
    """transmitted(lane): two persons, whom the centre has since now."""

    def transmit(lane: Lane) -> tuple[str, ...]:
        numbers = tuple(
            enrolment.enrol(line, station, enrolment_of(person, lane=lane)).reference_number
            for person in (1, 2)
        )
        while outbox.deliver(line).step is not Step.IDLE:
            pass
        return numbers

    return transmit


def receive_all(node: Node, centre: Centre) -> None:
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        with centre.ledger.read() as entries:
            waiting, notices = entries.next_arrival(), entries.notices("DK", 0, 100)
        if waiting is None:
            for message in notices:
                inbox.receive(node, central_pb2.Notice.FromString(message))
            return
        time.sleep(0.02)
    raise AssertionError("the centre did not examine")


def status_of(node: Node, actor: Actor) -> Any:
    return calls.CALLS["GetStatus"](node, actor, nap_pb2.GetStatusRequest())


def alarms_in(node: Node, desk: Actor) -> list[str]:
    listed = casework.list_due(node, desk).tasks
    found = [task for task in listed if task.kind is TaskKind.COMPARISON_OVERDUE]
    assert {task.article for task in found} <= {"38(2)"}
    return sorted(task.reference_number for task in found)


@pytest.mark.parametrize(
    ("lane", "hours"), [(Lane.NORMAL, 24), (Lane.URGENT, 1)], ids=["a day", "an hour"]
)
def test_a_comparison_is_overdue_one_second_after_its_limit_and_no_earlier(
    *,
    line: Node,
    desk: Actor,
    clock: Any,
    transmitted: Callable[[Lane], tuple[str, ...]],
    lane: Lane,
    hours: int,
) -> None:
    numbers = transmitted(lane)
    due = clock() + timedelta(hours=hours)
    for early in (due, due + timedelta(milliseconds=999)):
        clock.time = early
        assert alarms_in(line, desk) == []
        assert status_of(line, desk).comparisons_overdue == 0
        assert not status_of(line, desk).HasField("oldest_comparison_due")
    clock.time = due + timedelta(seconds=1)
    # The status knows it before anybody has raised the alarm.
    assert status_of(line, desk).comparisons_overdue == 2
    assert status_of(line, desk).oldest_comparison_due.ToDatetime(due.tzinfo) == due
    assert alarms_in(line, desk) == sorted(numbers)


def test_an_alarm_is_raised_once_per_data_set_and_recorded(
    line: Node, desk: Actor, clock: Any, transmitted: Callable[[Lane], tuple[str, ...]]
) -> None:
    numbers = transmitted(Lane.NORMAL)
    clock.advance(hours=25)
    assert [alarms.raise_due(line) for _ in range(3)] == [2, 0, 0]
    clock.advance(days=3)
    assert alarms.raise_due(line) == 0
    assert alarms_in(line, desk) == sorted(numbers)
    with line.store.read() as transaction:
        told = [entry.record for entry in records.walk(transaction)]
    raised = [one.reference_number for one in told if one.act == "RAISE_ALARM"]
    assert sorted(raised) == sorted(numbers)


def test_the_result_takes_the_alarm_back(
    *,
    line: Node,
    centre: Centre,
    desk: Actor,
    clock: Any,
    transmitted: Callable[[Lane], tuple[str, ...]],
) -> None:
    transmitted(Lane.URGENT)
    clock.advance(hours=2)
    assert len(alarms_in(line, desk)) == 2
    receive_all(line, centre)
    assert alarms_in(line, desk) == []
    assert status_of(line, desk).comparisons_overdue == 0
    assert alarms.raise_due(line) == 0


def test_an_erased_data_set_awaits_nothing(
    *,
    line: Node,
    desk: Actor,
    supervisor: Actor,
    clock: Any,
    transmitted: Callable[[Lane], tuple[str, ...]],
) -> None:
    first, second = transmitted(Lane.NORMAL)
    clock.advance(hours=25)
    assert len(alarms_in(line, desk)) == 2
    custody.erase(line, supervisor, custody.Erasure("e", first, ErasureGround.UNLAWFUL))
    assert alarms_in(line, desk) == [second]
    assert status_of(line, desk).comparisons_overdue == 1


def test_what_never_left_is_owed_by_nobody(
    node: Node, station: Actor, desk: Actor, clock: Any, enrolment_of: EnrolmentOf
) -> None:
    enrolment.enrol(node, station, enrolment_of(1))
    clock.advance(days=2)
    assert alarms_in(node, desk) == []
    assert status_of(node, desk).comparisons_overdue == 0


def test_nobody_ends_an_alarm_by_hand(
    line: Node, desk: Actor, clock: Any, transmitted: Callable[[Lane], tuple[str, ...]]
) -> None:
    transmitted(Lane.NORMAL)
    clock.advance(hours=25)
    alarm = next(
        task
        for task in casework.list_due(line, desk).tasks
        if task.kind is TaskKind.COMPARISON_OVERDUE
    )
    with pytest.raises(OutOfTurn):
        casework.finish_task(line, desk, "f", alarm.task_id)
