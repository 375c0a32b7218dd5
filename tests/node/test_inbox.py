"""Notices: each has its effect once, and only on own data that the law means."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from interfaces import wire
from interfaces.central.centre import Centre
from interfaces.central.entries import EPOCH_BITS
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.outcome import HitState
from interfaces.eurodac.terms import (
    AdmissionDecision,
    AdmissionOutcome,
    Event,
    Mark,
    MarkType,
    Sex,
)
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from node import assembly, casework, enrolment
from node.access import Actor
from node.assembly import Node
from node.enrolment import Enrolment
from node.inbox import CURSOR, Follower, receive
from node.outbox import METHODS, Courier, deliver
from node.store import counters, dossiers, erasure, parcels, tasks, unread
from node.vocabulary import Case, Delivery, Finding, TaskKind

EnrolmentOf = Callable[..., Enrolment]
ITALIAN = "IT90000000017"
EVENT = datetime(2026, 8, 1, 8, tzinfo=UTC)


@pytest.fixture
def number(node: Node, station: Actor, enrolment_of: EnrolmentOf) -> str:
    return enrolment.enrol(node, station, enrolment_of(1)).reference_number


def notice_of(cursor: int, number: str, **content: Any) -> central_pb2.Notice:
    return central_pb2.Notice(cursor=cursor, reference_number=number, **content)


def hit_of(number: str = ITALIAN, **fields: Any) -> central_pb2.Hit:
    data_set = DataSet(
        category=Category.SAR,
        origin="IT",
        reference_number=number,
        surnames=("Poiuztrewq",),
        date_of_birth="1990-05-17",
        sex=Sex.FEMALE,
        event=Event("Lampedusa", EVENT),
    )
    return central_pb2.Hit(
        data_set=wire.dataset_to(replace(data_set, **fields)),
        score=93.5,
        finger_scores=[
            central_pb2.FingerScore(position=terms_pb2.FINGER_POSITION_RIGHT_INDEX, score=61.0)
        ],
    )


def result_of(*hits: central_pb2.Hit) -> central_pb2.ComparisonResult:
    kinds = central_pb2.ComparisonResult
    outcome = kinds.OUTCOME_HIT if hits else kinds.OUTCOME_NEGATIVE
    return central_pb2.ComparisonResult(outcome=outcome, hits=hits)


def case_of(node: Node, number: str) -> Case:
    with node.store.read() as transaction:
        return casework.read_case(transaction, number)


def told(node: Node, number: str) -> list[Any]:
    """What waits for the centre about a number, opened, without the first transmission."""
    with node.store.read() as transaction:
        found = parcels.find_waiting(transaction, number)
    requests = [METHODS[parcel.method].FromString(parcel.content) for parcel in found]
    return [one for one in requests if not isinstance(one, central_pb2.TransmitDataSetRequest)]


def change(node: Node, number: str, **fields: Any) -> None:
    with node.store.write() as transaction:
        content = dossiers.find(transaction, number).content
        dossiers.put_content(transaction, replace(content, **fields))


def count_of(cursor: int) -> int:
    """What a cursor of the stand-in counts; its high bits name the opening of the ledger."""
    return cursor & ((1 << EPOCH_BITS) - 1)


def cursor_of(node: Node) -> int:
    with node.store.read() as transaction:
        return counters.read(transaction, CURSOR)


def test_a_hit_comes_to_the_case_sealed_with_a_check_and_its_limit(
    node: Node, number: str, tmp_path: Path
) -> None:
    assert receive(node, notice_of(1, number, comparison_result=result_of(hit_of())))
    case = case_of(node, number)
    assert (case.delivery, case.finding) == (Delivery.ANSWERED, Finding.HIT)
    (hit,) = case.hits
    assert (hit.state, hit.hit_reference_number) == (HitState.CHECKING, ITALIAN)
    assert hit.data_set is not None
    assert hit.data_set.surnames == ("Poiuztrewq",)
    assert hit.score == 93.5
    (check,) = case.tasks
    assert (check.kind, check.hit_id) == (TaskKind.CHECK_HIT, hit.hit_id)
    # Three working days after Tuesday, 1 September 2026, in Denmark.
    assert check.due is not None
    assert check.due.isoformat() == "2026-09-04T21:59:59+00:00"
    files = [path for path in (tmp_path / "dk").rglob("*") if path.is_file()]
    stored = b"".join(path.read_bytes() for path in files)
    assert b"Poiuztrewq" not in stored


def test_a_doubt_is_named_for_the_expert(node: Node, number: str) -> None:
    different = hit_of(sex=Sex.MALE, date_of_birth="2012-01-01")
    receive(node, notice_of(1, number, comparison_result=result_of(different)))
    (hit,) = case_of(node, number).hits
    assert "the sexes differ" in hit.expert_reasons
    assert "one is a minor and the other is not" in hit.expert_reasons
    assert hit.expert_required


def test_a_notice_has_its_effect_once(node: Node, number: str) -> None:
    notice = notice_of(7, number, comparison_result=result_of(hit_of()))
    assert receive(node, notice)
    assert not receive(node, notice)
    assert not receive(node, notice_of(6, number, flag_deleted=central_pb2.FlagDeleted()))
    assert len(case_of(node, number).hits) == 1
    assert cursor_of(node) == 7


def test_a_crash_in_the_middle_of_a_notice_leaves_neither_effect_nor_cursor(
    node: Node, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    notice = notice_of(1, number, comparison_result=result_of(hit_of()))
    with monkeypatch.context() as patch:
        patch.setattr(counters, "put", fail)
        with pytest.raises(MemoryError):
            receive(node, notice)
    assert case_of(node, number).hits == ()
    assert cursor_of(node) == 0
    assert receive(node, notice)
    assert len(case_of(node, number).hits) == 1


def test_the_word_negative_ends_the_waiting(node: Node, number: str) -> None:
    receive(node, notice_of(1, number, comparison_result=result_of()))
    case = case_of(node, number)
    assert (case.delivery, case.finding) == (Delivery.ANSWERED, Finding.NEGATIVE)
    assert (case.hits, case.tasks) == ((), ())


def test_the_same_hit_after_a_retake_is_not_doubled(node: Node, number: str) -> None:
    other = "IT90000000025"
    receive(node, notice_of(1, number, comparison_result=result_of(hit_of())))
    receive(node, notice_of(2, number, comparison_result=result_of(hit_of(), hit_of(other))))
    found = [hit.hit_reference_number for hit in case_of(node, number).hits]
    assert found == [ITALIAN, other]


def test_a_quality_refusal_wants_a_recapture_under_the_same_number(node: Node, number: str) -> None:
    sample = central_pb2.SampleRefusal(
        code="Q01", position=terms_pb2.FINGER_POSITION_RIGHT_INDEX, hint="too dry"
    )
    refusal = central_pb2.QualityRefusal(samples=[sample])
    receive(node, notice_of(1, number, quality_refusal=refusal))
    case = case_of(node, number)
    assert case.delivery is Delivery.RECAPTURE_WANTED
    assert case.refusal == "Q01 right index: too dry"
    assert [task.kind for task in case.tasks] == [TaskKind.RECAPTURE]


def test_a_new_responsible_state_is_taken_over_and_told(node: Node, number: str) -> None:
    changed = central_pb2.ResponsibilityChanged(
        responsible_state="DE", source_reference_number="DE10000000018"
    )
    receive(node, notice_of(1, number, responsibility_changed=changed))
    data_set = case_of(node, number).data_set
    assert data_set is not None
    assert data_set.responsible_state == "DE"
    (request,) = told(node, number)
    assert list(request.update_mask.paths) == ["responsible_state"]
    assert request.follow_up
    receive(node, notice_of(2, number, responsibility_changed=changed))
    assert len(told(node, number)) == 1


def test_a_deleted_flag_is_deleted_here_too(node: Node, number: str) -> None:
    deleted = central_pb2.FlagDeleted(source_reference_number=ITALIAN)
    receive(node, notice_of(1, number, flag_deleted=deleted))
    assert told(node, number) == []
    change(node, number, security_flag=True)
    receive(node, notice_of(2, number, flag_deleted=deleted))
    data_set = case_of(node, number).data_set
    assert data_set is not None
    assert data_set.security_flag is False
    (request,) = told(node, number)
    assert request.follow_up is True


def test_a_mark_of_another_state_is_set_here_too(node: Node, number: str) -> None:
    marked = central_pb2.DataMarked(
        source_reference_number=ITALIAN, type=terms_pb2.MARK_TYPE_RESIDENCE
    )
    receive(node, notice_of(1, number, data_marked=marked))
    data_set = case_of(node, number).data_set
    assert data_set is not None
    assert data_set.marks == (Mark(MarkType.RESIDENCE, "IT", node.now(), follow_up=True),)
    (request,) = told(node, number)
    assert request.follow_up is True


def test_citizenship_elsewhere_erases_here_too(node: Node, number: str) -> None:
    with node.store.write() as transaction:
        dossiers.change(transaction, number, transmitted_at=node.now())
    erased = central_pb2.DataErased(
        source_reference_number=ITALIAN, ground=central_pb2.ERASURE_GROUND_CITIZENSHIP
    )
    receive(node, notice_of(1, number, data_erased=erased))
    case = case_of(node, number)
    assert (case.delivery, case.data_set) == (Delivery.ERASED, None)
    assert len(node.gallery) == 0
    (request,) = told(node, number)
    assert request.ground == central_pb2.ERASURE_GROUND_CITIZENSHIP


@pytest.mark.parametrize(
    "ground",
    [central_pb2.ERASURE_GROUND_UNLAWFUL, central_pb2.ERASURE_GROUND_DATA_SUBJECT],
)
def test_no_other_erasure_elsewhere_erases_here(node: Node, number: str, ground: Any) -> None:
    erased = central_pb2.DataErased(source_reference_number=ITALIAN, ground=ground)
    receive(node, notice_of(1, number, data_erased=erased))
    assert case_of(node, number).data_set is not None


def test_citizenship_does_not_erase_a_refused_admission(
    *, node: Node, station: Actor, applicant: DataSet, enrolment_of: EnrolmentOf
) -> None:
    refused = replace(
        applicant,
        category=Category.ADMISSION_RECORD,
        admission_decision=AdmissionDecision(AdmissionOutcome.REFUSED, date(2026, 8, 31), ("c",)),
    )
    receipt = enrolment.enrol(node, station, enrolment_of(1, data_set=refused))
    erased = central_pb2.DataErased(
        source_reference_number=ITALIAN, ground=central_pb2.ERASURE_GROUND_CITIZENSHIP
    )
    receive(node, notice_of(1, receipt.reference_number, data_erased=erased))
    assert case_of(node, receipt.reference_number).data_set is not None


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"comparison_result": central_pb2.ComparisonResult()},
        {"comparison_result": result_of(central_pb2.Hit())},
        {"data_marked": central_pb2.DataMarked(type=terms_pb2.MARK_TYPE_PROTECTION)},
        {"data_erased": central_pb2.DataErased()},
    ],
    ids=["unknown kind", "no outcome", "empty hit", "mark of nobody", "no ground"],
)
def test_a_notice_that_cannot_be_read_is_laid_aside_and_blocks_nothing(
    node: Node, number: str, content: dict[str, Any]
) -> None:
    broken = notice_of(1, number, **content)
    assert receive(node, broken)
    assert count_of(cursor_of(node)) == 1
    with node.store.read() as transaction:
        assert unread.find_all(transaction, number) == (broken.SerializeToString(),)
        kinds = {task.kind for task in tasks.find_open(transaction, number)}
    assert TaskKind.READ_NOTICE in kinds
    assert receive(node, notice_of(2, number, comparison_result=result_of()))


@pytest.mark.parametrize("about", ["DK1000000099K", "", "nonsense"])
def test_a_notice_about_nobody_is_passed_over(node: Node, about: str) -> None:
    assert receive(node, notice_of(1, about, comparison_result=result_of()))
    assert count_of(cursor_of(node)) == 1


def test_a_result_about_what_was_erased_meanwhile_brings_nothing_back(
    node: Node, number: str
) -> None:
    with node.store.write() as transaction:
        erasure.erase(transaction, number, node.now())
    assert receive(node, notice_of(1, number, comparison_result=result_of(hit_of())))
    assert case_of(node, number).hits == ()


def wait_until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.02)


def test_results_and_notices_travel_between_two_states_and_the_centre(
    *,
    open_at: Callable[..., Node],
    serve_centre: Callable[..., tuple[Centre, str]],
    tmp_path: Path,
    station: Actor,
    expert: Actor,
    applicant: DataSet,
    enrolment_of: EnrolmentOf,
) -> None:
    _, address = serve_centre()
    italy = open_at(tmp_path / "it", central=address, state="IT")
    denmark = open_at(tmp_path / "dk", central=address)
    workers = [kind(node) for node in (italy, denmark) for kind in (Courier, Follower)]
    for worker in workers:
        worker.start()
    try:
        landed = replace(applicant, category=Category.SAR, surnames=("Poiuztrewq",))
        rome = replace(station, state="IT")
        first = enrolment.enrol(italy, rome, enrolment_of(1, data_set=landed)).reference_number
        wait_until(lambda: case_of(italy, first).finding is Finding.NEGATIVE)
        second = enrolment.enrol(denmark, station, enrolment_of(1, 1)).reference_number
        wait_until(lambda: case_of(denmark, second).finding is Finding.HIT)
        (hit,) = case_of(denmark, second).hits
        assert hit.hit_reference_number == first
        assert hit.data_set is not None
        assert hit.data_set.surnames == ("Poiuztrewq",)
        decision = casework.Decision("d1", hit.hit_id, HitState.CONFIRMED)
        confirmed = casework.decide_hit(denmark, expert, decision)
        assert confirmed.state is HitState.CONFIRMED
        wait_until(lambda: told(denmark, second) == [])
    finally:
        for worker in workers:
            worker.stop()
    assert not any(worker.alive for worker in workers)
    with denmark.store.read() as transaction:
        kinds = {task.kind for task in tasks.find_open(transaction, second)}
    assert TaskKind.TAKE_CHARGE in kinds
    assembly.close(denmark)
    # A follower that starts again goes on behind its cursor.
    again = open_at(tmp_path / "dk", central=address)
    assert count_of(cursor_of(again)) == 1
    assert deliver(again).step == "IDLE"
    assert len(case_of(again, second).hits) == 1
