"""Nothing that the centre, the line, the clock or the disk does stops the line to the centre."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import text

from interfaces import wire
from interfaces.central.client import CALLS, CentralBusy, CentralClient, CentralFaulty
from interfaces.central.errors import CentralUnavailable
from interfaces.doorway import open_doorway, refuse
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import DataSet
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from node import casework, custody, enrolment, outbox, recapture
from node.access import Actor
from node.assembly import Node
from node.enrolment import Enrolment
from node.inbox import CURSOR, receive
from node.outbox import Step, deliver
from node.recapture import Recapture
from node.store import counters, dossiers, parcels
from node.vocabulary import Case, Delivery, TaskKind

EnrolmentOf = Callable[..., Enrolment]
CaptureOf = Callable[..., terms_pb2.Capture]
Result = central_pb2.ComparisonResult


@pytest.fixture
def number(node: Node, station: Actor, enrolment_of: EnrolmentOf) -> str:
    return enrolment.enrol(node, station, enrolment_of(1)).reference_number


def case_of(node: Node, number: str) -> Case:
    with node.store.read() as transaction:
        return casework.read_case(transaction, number)


def kinds_of(node: Node, number: str) -> set[TaskKind]:
    return {task.kind for task in case_of(node, number).tasks}


def notice_of(cursor: int, number: str, **content: Any) -> central_pb2.Notice:
    return central_pb2.Notice(cursor=cursor, reference_number=number, **content)


def damage(node: Node, statement: str, number: str) -> None:
    with node.store.write() as transaction:
        transaction.connection.execute(text(statement), {"n": number})


class Deaf(CentralClient):
    """A line that stands, on which every call fails in the same way."""

    failure: CentralUnavailable

    def connect(self) -> None:
        """It stands."""

    def send(self, method: str, request: Message) -> Message:  # noqa: ARG002 - whatever it is
        raise self.failure


def with_failure(node: Node, failure: CentralUnavailable) -> Node:
    client = Deaf("127.0.0.1:9", "DK", credentials=None, timeout_seconds=0.1)
    client.failure = failure
    return replace(node, client=client)


def test_a_request_that_the_centre_finds_too_large_lets_other_numbers_pass() -> None:

    def too_large(_: object, context: grpc.ServicerContext) -> None:
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max")

    service = next(iter(CALLS.values())).containing_service
    calls = {method.name: too_large for method in service.methods}
    doorway = open_doorway({service: calls}, "127.0.0.1:0", tls=None, workers=1)
    doorway.start()
    client = CentralClient(f"127.0.0.1:{doorway.port}", "DK", credentials=None, timeout_seconds=5.0)
    with pytest.raises(CentralFaulty):
        client.send("UpdateStatus", central_pb2.UpdateStatusRequest())
    client.close()
    doorway.drain(0.0)


def test_who_asks_to_wait_is_still_only_busy() -> None:
    def busy(_: object, context: grpc.ServicerContext) -> None:
        refuse(context, grpc.StatusCode.RESOURCE_EXHAUSTED, "busy", wait=timedelta(seconds=3))

    service = next(iter(CALLS.values())).containing_service
    calls = {method.name: busy for method in service.methods}
    doorway = open_doorway({service: calls}, "127.0.0.1:0", tls=None, workers=1)
    doorway.start()
    client = CentralClient(f"127.0.0.1:{doorway.port}", "DK", credentials=None, timeout_seconds=5.0)
    with pytest.raises(CentralBusy):
        client.send("UpdateStatus", central_pb2.UpdateStatusRequest())
    client.close()
    doorway.drain(0.0)


@pytest.mark.usefixtures("number")
def test_no_wish_of_the_centre_stops_the_line_for_days(node: Node) -> None:
    progress = deliver(with_failure(node, CentralBusy("busy", timedelta(days=3650))))
    assert progress.until is not None
    assert progress.until <= node.now() + outbox.LONGEST_PUT_OFF


@pytest.mark.usefixtures("number")
def test_a_clock_that_is_set_back_by_days_does_not_hold_up_the_line(node: Node, clock: Any) -> None:
    deaf = with_failure(node, CentralUnavailable("silent"))
    assert deliver(deaf).step is Step.PUT_OFF
    clock.advance(days=-3)
    assert deliver(deaf).step is Step.PUT_OFF


@pytest.mark.usefixtures("number")
def test_a_clock_that_is_set_back_frees_what_was_set_aside(node: Node, clock: Any) -> None:
    faulty = with_failure(node, CentralFaulty("broken"))
    assert deliver(faulty).step is Step.PUT_OFF
    clock.advance(days=-3)
    assert deliver(faulty).step is Step.PUT_OFF


def test_a_quality_refusal_that_names_no_finger_wants_a_recapture(node: Node, number: str) -> None:
    sample = central_pb2.SampleRefusal(code="Q04", hint="send the file as it was written")
    refusal = central_pb2.QualityRefusal(samples=[sample])
    receive(node, notice_of(1, number, quality_refusal=refusal))
    case = case_of(node, number)
    assert case.delivery is Delivery.RECAPTURE_WANTED
    assert case.refusal == "Q04 capture: send the file as it was written"
    assert kinds_of(node, number) == {TaskKind.RECAPTURE}


def hit_of(**fields: Any) -> central_pb2.Hit:
    stored = DataSet(Category.SAR, "IT", reference_number="IT90000000017", **fields)
    return central_pb2.Hit(data_set=wire.dataset_to(stored), score=93.5)


@pytest.mark.parametrize("spoil", ["score", "finger score", "face score", "number"])
def test_a_hit_that_makes_no_sense_is_laid_aside_and_blocks_nothing(
    node: Node, number: str, spoil: str
) -> None:
    hit = hit_of()
    if spoil == "score":
        hit.score = math.nan
    elif spoil == "finger score":
        finger = terms_pb2.FINGER_POSITION_RIGHT_INDEX
        hit.finger_scores.add(position=finger, score=math.inf)
    elif spoil == "face score":
        hit.face_score = math.nan
    else:
        hit.data_set.reference_number = "nonsense"
    result = Result(outcome=Result.OUTCOME_HIT, hits=[hit])
    assert receive(node, notice_of(1, number, comparison_result=result))
    assert TaskKind.READ_NOTICE in kinds_of(node, number)
    negative = Result(outcome=Result.OUTCOME_NEGATIVE)
    assert receive(node, notice_of(2, number, comparison_result=negative))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE data_sets SET content = zeroblob(100) WHERE reference_number = :n",
        "UPDATE data_keys SET wrapped = zeroblob(100) WHERE owner = :n",
    ],
    ids=["content", "key"],
)
def test_a_notice_about_a_damaged_data_set_blocks_nothing(
    node: Node, number: str, statement: str
) -> None:
    damage(node, statement, number)
    negative = Result(outcome=Result.OUTCOME_NEGATIVE)
    assert receive(node, notice_of(1, number, comparison_result=negative))
    with node.store.read() as transaction:
        assert counters.read(transaction, CURSOR) == 1


def test_a_damaged_data_set_is_swept_as_others_are(
    node: Node, number: str, station: Actor, enrolment_of: EnrolmentOf
) -> None:
    second = enrolment.enrol(node, station, enrolment_of(1, request_id="2")).reference_number
    over = node.now() - timedelta(days=1)
    with node.store.write() as transaction:
        for one, end in ((number, over - timedelta(days=1)), (second, over)):
            dossiers.change(transaction, one, retained_until=end)
    damage(node, "UPDATE data_sets SET content = zeroblob(100) WHERE reference_number = :n", number)
    assert custody.sweep(node) == 2
    assert len(node.gallery) == 0
    for one in (number, second):
        assert case_of(node, one).delivery is Delivery.ERASED


@pytest.fixture
def retaken(node: Node, station: Actor, enrolment_of: EnrolmentOf, capture_of: CaptureOf) -> str:
    """A data set that was sent, and whose better prints wait for the line."""
    first = enrolment.enrol(node, station, enrolment_of(1, fingertips_impaired=True))
    number = first.reference_number
    with node.store.write() as transaction:
        (parcel,) = parcels.find_waiting(transaction, number)
        parcels.remove(transaction, parcel.parcel_id)
        dossiers.change(
            transaction, number, transmitted_at=node.now(), delivery=Delivery.TRANSMITTED
        )
    wanted = Recapture(
        request_id="retake",
        reference_number=number,
        capture=capture_of(1, 1),
        taken_at=node.now(),
    )
    recapture.recapture(node, station, wanted)
    return number


def test_a_result_of_earlier_prints_leaves_the_limit_of_better_ones_running(
    node: Node, retaken: str
) -> None:
    negative = Result(outcome=Result.OUTCOME_NEGATIVE)
    receive(node, notice_of(1, retaken, comparison_result=negative))
    assert case_of(node, retaken).delivery is Delivery.QUEUED
    assert TaskKind.TRANSMIT in kinds_of(node, retaken)


def test_a_refusal_of_earlier_prints_asks_nothing_while_better_ones_wait(
    node: Node, retaken: str
) -> None:
    refusal = central_pb2.QualityRefusal(samples=[central_pb2.SampleRefusal(code="Q01", hint="x")])
    receive(node, notice_of(1, retaken, quality_refusal=refusal))
    assert case_of(node, retaken).delivery is Delivery.QUEUED
    assert kinds_of(node, retaken) == {TaskKind.TRANSMIT}


@pytest.mark.parametrize(
    "received_at", [None, Timestamp(seconds=2**60), Timestamp()], ids=["none", "never", "1970"]
)
def test_an_answer_without_a_date_that_can_be_is_no_receipt(
    node: Node, number: str, received_at: Timestamp | None
) -> None:
    class Odd(Deaf):
        """A centre that answers, but not with what a retention can be counted from."""

        def send(self, method: str, request: Message) -> Message:
            del method, request
            now = wire.instant_to(node.now())
            receipt = central_pb2.Receipt(received_at=received_at, compare_by=now)
            return central_pb2.TransmitDataSetResponse(receipt=receipt)

    odd = Odd("127.0.0.1:9", "DK", credentials=None, timeout_seconds=0.1)
    assert deliver(replace(node, client=odd)).step is Step.PUT_OFF
    assert custody.sweep(node) == 0
    assert case_of(node, number).delivery is Delivery.QUEUED
