"""Cases: read under access, watched without polling, decided by experts alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from interfaces import wire
from interfaces.eurodac.casework import StepName
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.outcome import HitState
from interfaces.eurodac.terms import Event
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from node import casework, enrolment, standing
from node.access import Actor, Role
from node.assembly import Node
from node.casework import Decision
from node.enrolment import Enrolment
from node.errors import AccessDenied, NotFound, OutOfTurn, RequestReused
from node.inbox import receive
from node.outbox import METHODS
from node.store import dossiers, parcels, records, tasks
from node.vocabulary import Case, Lane, TaskKind

EnrolmentOf = Callable[..., Enrolment]
ITALIAN = "IT90000000017"


@pytest.fixture
def number(node: Node, station: Actor, enrolment_of: EnrolmentOf) -> str:
    return enrolment.enrol(node, station, enrolment_of(1)).reference_number


@pytest.fixture
def hit_id(node: Node, number: str) -> str:
    """A hit of the applicant with a person whom Italy disembarked a month before."""
    landed = Event("Lampedusa", datetime(2026, 8, 1, 8, tzinfo=UTC))
    data_set = DataSet(Category.SAR, "IT", ITALIAN, surnames=("Poiuztrewq",), event=landed)
    hit = central_pb2.Hit(
        data_set=wire.dataset_to(data_set),
        capture=terms_pb2.Capture(face=terms_pb2.FaceImage(image=b"a face")),
        score=93.5,
        finger_scores=[
            central_pb2.FingerScore(position=terms_pb2.FINGER_POSITION_RIGHT_INDEX, score=61.0)
        ],
    )
    result = central_pb2.ComparisonResult(
        outcome=central_pb2.ComparisonResult.OUTCOME_HIT, hits=[hit]
    )
    receive(node, central_pb2.Notice(cursor=1, reference_number=number, comparison_result=result))
    return case_of(node, number).hits[0].hit_id


def case_of(node: Node, number: str) -> Case:
    with node.store.read() as transaction:
        return casework.read_case(transaction, number)


def told(node: Node, number: str) -> list[Any]:
    with node.store.read() as transaction:
        found = parcels.find_waiting(transaction, number)
    return [METHODS[parcel.method].FromString(parcel.content) for parcel in found][1:]


def test_a_case_is_read_under_access_and_the_reading_is_recorded(
    node: Node, desk: Actor, number: str
) -> None:
    case = casework.get_case(node, desk, number)
    assert case.reference_number == number
    assert [task.kind for task in case.tasks] == [TaskKind.TRANSMIT]
    with pytest.raises(AccessDenied):
        casework.get_case(node, replace(desk, role=Role.AUDITOR), number)
    with pytest.raises(NotFound):
        casework.get_case(node, desk, "DK1000000099K")
    with node.store.read() as transaction:
        last = [entry.record.outcome.value for entry in records.walk(transaction)][-3:]
    assert last == ["DONE", "DENIED", "REFUSED"]


def test_who_checks_a_hit_sees_its_images_until_it_is_false(
    node: Node, station: Actor, desk: Actor, expert: Actor, hit_id: str
) -> None:
    for actor in (desk, expert):
        assert casework.get_hit_capture(node, actor, hit_id).face.image == b"a face"
    with pytest.raises(AccessDenied):
        casework.get_hit_capture(node, station, hit_id)
    with pytest.raises(NotFound):
        casework.get_hit_capture(node, expert, "no such hit")
    casework.decide_hit(node, expert, Decision("false", hit_id, HitState.FALSE))
    with pytest.raises(NotFound):
        casework.get_hit_capture(node, expert, hit_id)


def test_every_legal_step_has_its_task() -> None:
    assert set(casework.NEXT_STEPS) == set(StepName)


def test_a_confirmed_hit_confirms_the_link_and_opens_the_next_legal_step(
    node: Node, expert: Actor, number: str, hit_id: str
) -> None:
    decision = Decision("d1", hit_id, HitState.CONFIRMED)
    hit = casework.decide_hit(node, expert, decision)
    assert hit.state is HitState.CONFIRMED
    assert hit.next_step.startswith("TAKE_CHARGE")
    assert hit.next_step_article == "AMMR 39(1)"
    case = case_of(node, number)
    assert case.hits == (hit,)
    (step,) = [task for task in case.tasks if task.kind is TaskKind.TAKE_CHARGE]
    # One month after the hit of 1 September 2026.
    assert step.due == hit.next_step_due == datetime(2026, 10, 1, 21, 59, 59, tzinfo=UTC)
    assert "IT" in step.what
    assert TaskKind.CHECK_HIT not in {task.kind for task in case.tasks}
    (request,) = told(node, number)
    assert isinstance(request, central_pb2.ConfirmLinkRequest)
    assert (request.reference_number, request.hit_reference_number) == (number, ITALIAN)
    assert casework.decide_hit(node, expert, decision) == hit
    assert len(told(node, number)) == 1


def test_a_false_hit_is_erased_at_once_and_reported_within_its_limit(
    node: Node, expert: Actor, number: str, hit_id: str
) -> None:
    hit = casework.decide_hit(node, expert, Decision("d1", hit_id, HitState.FALSE))
    assert (hit.state, hit.data_set, hit.score) == (HitState.FALSE, None, 0.0)
    (report,) = [
        task for task in case_of(node, number).tasks if task.kind is TaskKind.REPORT_FALSE_HIT
    ]
    assert report.due == datetime(2026, 9, 4, 21, 59, 59, tzinfo=UTC)
    (request,) = told(node, number)
    assert isinstance(request, central_pb2.ReportFalseHitRequest)
    assert (request.reference_number, request.hit_reference_number) == (number, ITALIAN)


def test_a_confirmed_hit_may_later_turn_out_to_be_false(
    node: Node, expert: Actor, number: str, hit_id: str
) -> None:
    casework.decide_hit(node, expert, Decision("d1", hit_id, HitState.CONFIRMED))
    casework.decide_hit(node, expert, Decision("d2", hit_id, HitState.FALSE))
    kinds = {task.kind for task in case_of(node, number).tasks}
    assert kinds == {TaskKind.REPORT_FALSE_HIT}


def test_a_false_hit_is_never_confirmed_again(node: Node, expert: Actor, hit_id: str) -> None:
    casework.decide_hit(node, expert, Decision("d1", hit_id, HitState.FALSE))
    with pytest.raises(RuleBroken, match="V17"):
        casework.decide_hit(node, expert, Decision("d2", hit_id, HitState.CONFIRMED))


@pytest.mark.parametrize("finding", [HitState.CHECKING, HitState.RECEIVED, HitState.EXPIRED])
def test_an_expert_says_confirmed_or_false_and_nothing_else(
    *, node: Node, expert: Actor, number: str, hit_id: str, finding: HitState
) -> None:
    with pytest.raises(RuleBroken, match="V17"):
        casework.decide_hit(node, expert, Decision("d1", hit_id, finding))
    assert case_of(node, number).hits[0].state is HitState.CHECKING
    assert told(node, number) == []


def test_only_an_expert_decides(
    *, node: Node, desk: Actor, supervisor: Actor, number: str, hit_id: str
) -> None:
    for actor in (desk, supervisor):
        with pytest.raises(AccessDenied):
            casework.decide_hit(node, actor, Decision("d1", hit_id, HitState.CONFIRMED))
    assert told(node, number) == []


def test_a_decision_id_with_another_decision_is_refused(
    node: Node, expert: Actor, hit_id: str
) -> None:
    casework.decide_hit(node, expert, Decision("d1", hit_id, HitState.CONFIRMED))
    with pytest.raises(RequestReused):
        casework.decide_hit(node, expert, Decision("d1", hit_id, HitState.FALSE))


def test_an_unknown_hit_is_not_found_by_experts_and_denied_to_others(
    node: Node, expert: Actor, desk: Actor
) -> None:
    with pytest.raises(NotFound):
        casework.decide_hit(node, expert, Decision("d1", "nothing", HitState.FALSE))
    with pytest.raises(AccessDenied):
        casework.decide_hit(node, desk, Decision("d1", "nothing", HitState.FALSE))


def test_a_watcher_wakes_when_its_case_changes(node: Node, number: str) -> None:
    before = case_of(node, number).revision
    seen: list[int] = []

    def watch() -> None:
        seen.append(
            casework.wait_for_change(node, number, after_revision=before, timeout_seconds=10)
        )

    thread = threading.Thread(target=watch)
    thread.start()
    with node.store.write() as transaction:
        dossiers.change(transaction, number)
    thread.join(5)
    assert seen == [before + 1]


def test_a_watcher_of_an_old_revision_does_not_wait(node: Node, number: str) -> None:
    revision = casework.wait_for_change(node, number, after_revision=0, timeout_seconds=10)
    assert revision == case_of(node, number).revision


def test_a_watcher_gives_up_when_its_time_is_over(node: Node, number: str) -> None:
    now = case_of(node, number).revision
    found = casework.wait_for_change(node, number, after_revision=now, timeout_seconds=0.05)
    assert found == now
    with pytest.raises(NotFound):
        casework.wait_for_change(node, "DK1X", after_revision=0, timeout_seconds=0.05)


def test_what_is_due_is_listed_soonest_first(
    *, node: Node, desk: Actor, station: Actor, number: str, hit_id: str
) -> None:
    page = casework.list_due(node, desk)
    assert [task.kind for task in page.tasks] == [TaskKind.CHECK_HIT]
    with node.store.write() as transaction:
        (check,) = page.tasks
        tasks.add(
            transaction,
            replace(check, task_id="early", due=node.now() + timedelta(hours=1)),
            replace(check, task_id="never", due=None),
        )
    found = [task.task_id for task in casework.list_due(node, desk).tasks]
    assert found == ["early", check.task_id, "never"]
    before = casework.list_due(node, desk, before=node.now() + timedelta(hours=2))
    assert [task.task_id for task in before.tasks] == ["early"]
    first = casework.list_due(node, desk, page_size=1)
    rest = casework.list_due(node, desk, page_size=9, page_token=first.next_token)
    assert [task.task_id for task in rest.tasks] == [check.task_id, "never"]
    with pytest.raises(AccessDenied):
        casework.list_due(node, station)


def test_a_legal_step_is_finished_by_the_desk_and_other_tasks_are_not(
    *, node: Node, expert: Actor, desk: Actor, number: str, hit_id: str
) -> None:
    (check,) = casework.list_due(node, desk).tasks
    with pytest.raises(OutOfTurn):
        casework.finish_task(node, desk, "t0", check.task_id)
    casework.decide_hit(node, expert, Decision("d1", hit_id, HitState.CONFIRMED))
    (step,) = casework.list_due(node, desk).tasks
    casework.finish_task(node, desk, "t1", step.task_id)
    casework.finish_task(node, desk, "t1", step.task_id)
    assert casework.list_due(node, desk).tasks == ()
    with pytest.raises(NotFound):
        casework.finish_task(node, desk, "t2", step.task_id)


def test_the_standing_tells_sizes_and_queues_and_no_person(
    *, node: Node, station: Actor, number: str, enrolment_of: EnrolmentOf, tmp_path: Path
) -> None:
    enrolment.enrol(node, station, enrolment_of(1, request_id="2", lane=Lane.URGENT))
    found = standing.describe(node, station)
    assert (found.persons, found.gallery_equals_store) == (2, True)
    assert found.queued == {Lane.URGENT: 1, Lane.NORMAL: 1}
    assert found.oldest_queued_at == node.now()
    assert (found.member_state, found.central_reachable) == ("DK", False)
    assert found.models == node.engine.models
