"""Delivery: in order, once in effect, whatever the line and the centre do."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from interfaces import profile
from interfaces.central.centre import Centre
from interfaces.central.script import Fault, Kind
from interfaces.eurodac.retention import ErasureGround
from interfaces.eurodac.terms import MarkType
from interfaces.pb.eurodac.central.v1 import central_pb2
from node import assembly, casework, custody, enrolment, marks, outbox
from node.access import Actor
from node.assembly import Node
from node.custody import Change, Erasure
from node.enrolment import Enrolment
from node.inbox import Follower
from node.marks import MarkChange
from node.outbox import Courier, Step, deliver
from node.store import dossiers, parcels, records
from node.vocabulary import Delivery, Lane, TaskKind

ServeCentre = Callable[..., tuple[Centre, str]]
OpenAt = Callable[..., Node]
EnrolmentOf = Callable[..., Enrolment]


@pytest.fixture
def connect(serve_centre: ServeCentre, open_at: OpenAt, tmp_path: Path) -> Callable[..., Node]:
    """connect(*faults): a node whose centre serves with these faults."""

    def connect_(*faults: Fault) -> Node:
        _, address = serve_centre(*faults)
        return open_at(tmp_path / "dk", central=address)

    return connect_


def known_at(centre: Centre) -> list[str]:
    with centre.ledger.read() as entries:
        return [stored.reference_number for stored in entries.data_sets()]


def steps(node: Node, count: int) -> list[Step]:
    return [deliver(node).step for _ in range(count)]


def case_of(node: Node, number: str) -> Any:
    with node.store.read() as transaction:
        return casework.read_case(transaction, number)


def test_a_delivery_starts_the_retention_and_ends_its_task(
    connect: Callable[..., Node], station: Actor, enrolment_of: EnrolmentOf
) -> None:
    node = connect()
    number = enrolment.enrol(node, station, enrolment_of(1)).reference_number
    assert steps(node, 2) == [Step.DELIVERED, Step.IDLE]
    case = case_of(node, number)
    assert case.data_set.transmitted_at == node.now()
    assert case.retained_until.isoformat() == "2036-09-01T23:59:59+00:00"
    assert TaskKind.TRANSMIT not in {task.kind for task in case.tasks}
    assert node.line.reachable
    with node.store.read() as transaction:
        assert records.check(transaction).broken_at is None
        last = list(records.walk(transaction))[-1].record
    assert (last.act, last.detail) == ("DELIVER", "TransmitDataSet")


def test_while_the_centre_is_down_nothing_is_marked_lost_or_hurried(
    node: Node, station: Actor, enrolment_of: EnrolmentOf, clock: Any
) -> None:
    number = enrolment.enrol(node, station, enrolment_of(1)).reference_number
    waits = []
    for _ in range(5):
        progress = deliver(node)
        assert progress.step is Step.PUT_OFF
        assert progress.until is not None
        waits.append((progress.until - clock()).total_seconds())
        assert deliver(node) == outbox.Progress(Step.IDLE, progress.until)
        clock.time = progress.until
    central = node.settings.central
    for count, wait in enumerate(waits):
        most = min(central.retry_first_seconds * 2**count, central.retry_most_seconds)
        assert most / 2 <= wait <= most
    assert not node.line.reachable
    assert case_of(node, number).delivery is Delivery.QUEUED


def test_an_urgent_request_tries_at_once_though_others_wait(
    node: Node, station: Actor, enrolment_of: EnrolmentOf
) -> None:
    enrolment.enrol(node, station, enrolment_of(1))
    assert steps(node, 2) == [Step.PUT_OFF, Step.IDLE]
    urgent = enrolment_of(1, request_id="urgent", lane=Lane.URGENT)
    number = enrolment.enrol(node, station, urgent).reference_number
    assert deliver(node).step is Step.PUT_OFF
    with node.store.read() as transaction:
        first = parcels.find_next(transaction, node.now())
    assert first is not None
    assert first.reference_number == number


@pytest.mark.parametrize("kind", [Kind.DOWN, Kind.LOSE_ANSWER])
def test_a_delivery_that_fails_on_the_way_is_repeated_and_has_one_effect(
    *,
    kind: Kind,
    serve_centre: ServeCentre,
    open_at: OpenAt,
    tmp_path: Path,
    station: Actor,
    enrolment_of: EnrolmentOf,
    clock: Any,
) -> None:
    centre, address = serve_centre(Fault("TransmitDataSet", kind, times=2))
    node = open_at(tmp_path / "dk", central=address)
    number = enrolment.enrol(node, station, enrolment_of(1)).reference_number
    for _ in range(2):
        progress = deliver(node)
        assert progress.step is Step.PUT_OFF
        clock.time = progress.until
    assert deliver(node).step is Step.DELIVERED
    assert known_at(centre) == [number]
    assert case_of(node, number).data_set.transmitted_at is not None


def test_a_busy_centre_is_left_alone_as_long_as_it_asks(
    connect: Callable[..., Node], station: Actor, enrolment_of: EnrolmentOf
) -> None:
    node = connect(Fault("TransmitDataSet", Kind.BUSY, times=1, seconds=90))
    enrolment.enrol(node, station, enrolment_of(1))
    assert deliver(node).until == node.now() + timedelta(seconds=90)


def test_a_crash_after_sending_delivers_once(
    *,
    serve_centre: ServeCentre,
    open_at: OpenAt,
    tmp_path: Path,
    station: Actor,
    enrolment_of: EnrolmentOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Killed(BaseException):
        """The process ends here."""

    def kill(*_: object, **__: object) -> None:
        raise Killed

    centre, address = serve_centre()
    node = open_at(tmp_path / "dk", central=address)
    number = enrolment.enrol(node, station, enrolment_of(1)).reference_number
    with monkeypatch.context() as patch:
        patch.setattr(outbox, "_settle", kill)
        with pytest.raises(Killed):
            deliver(node)
    assembly.close(node)
    again = open_at(tmp_path / "dk", central=address)
    assert steps(again, 2) == [Step.DELIVERED, Step.IDLE]
    assert known_at(centre) == [number]


def test_requests_about_one_number_arrive_in_their_order(
    connect: Callable[..., Node], station: Actor, desk: Actor, enrolment_of: EnrolmentOf
) -> None:
    node = connect()
    number = enrolment.enrol(node, station, enrolment_of(1)).reference_number
    marks.set_mark(node, desk, MarkChange("m1", number, MarkType.PROTECTION))
    custody.update_status(node, desk, Change("u1", number, {"avrr_granted": True}))
    marks.clear_mark(node, desk, MarkChange("m2", number, MarkType.PROTECTION))
    assert steps(node, 5) == [*[Step.DELIVERED] * 4, Step.IDLE]
    with node.store.read() as transaction:
        told = [
            entry.record.detail
            for entry in records.walk(transaction)
            if entry.record.act == "DELIVER"
        ]
    assert told == ["TransmitDataSet", "SetMark", "UpdateStatus", "ClearMark"]


def test_a_refused_transmission_waits_for_the_desk_and_holds_up_nobody(
    *,
    connect: Callable[..., Node],
    station: Actor,
    desk: Actor,
    enrolment_of: EnrolmentOf,
) -> None:
    node = connect()
    number = enrolment.enrol(node, station, enrolment_of(1)).reference_number
    other = enrolment.enrol(node, station, enrolment_of(1, request_id="o")).reference_number
    with node.store.write() as transaction:
        (parcel,) = parcels.find_waiting(transaction, number)
        request = central_pb2.TransmitDataSetRequest.FromString(parcel.content)
        del request.data_set.surnames[:]
        parcels.remove(transaction, parcel.parcel_id)
        content = request.SerializeToString()
        parcels.add(transaction, replace(parcel, content=content))
    assert steps(node, 3) == [Step.DELIVERED, Step.REFUSED, Step.IDLE]
    case = case_of(node, number)
    assert case.delivery is Delivery.REFUSED
    assert "V04 surnames" in case.refusal
    kinds = {task.kind for task in case.tasks}
    assert kinds == {TaskKind.TRANSMIT, TaskKind.RESOLVE_REFUSAL}
    assert case_of(node, other).delivery is not Delivery.REFUSED
    # The desk corrects something, and the data set goes out again under the same task.
    custody.correct(node, desk, Change("c1", number, {"place_of_birth": "Aleppo"}))
    assert steps(node, 2) == [Step.DELIVERED, Step.IDLE]
    case = case_of(node, number)
    assert case.delivery in {Delivery.TRANSMITTED, Delivery.ANSWERED}
    assert case.refusal == ""
    assert not {TaskKind.TRANSMIT, TaskKind.RESOLVE_REFUSAL} & {task.kind for task in case.tasks}


def test_an_erasure_of_what_the_centre_never_had_is_done(
    connect: Callable[..., Node], station: Actor, supervisor: Actor, enrolment_of: EnrolmentOf
) -> None:
    node = connect()
    number = enrolment.enrol(node, station, enrolment_of(1)).reference_number
    with node.store.write() as transaction:
        (parcel,) = parcels.find_waiting(transaction, number)
        parcels.start_attempt(transaction, parcel.parcel_id)
    custody.erase(node, supervisor, Erasure("e1", number, ErasureGround.CITIZENSHIP))
    assert steps(node, 2) == [Step.DELIVERED, Step.IDLE]
    assert case_of(node, number).tasks == ()


def test_an_erasure_reaches_the_centre(
    *,
    serve_centre: ServeCentre,
    open_at: OpenAt,
    tmp_path: Path,
    station: Actor,
    supervisor: Actor,
    enrolment_of: EnrolmentOf,
) -> None:
    centre, address = serve_centre()
    node = open_at(tmp_path / "dk", central=address)
    number = enrolment.enrol(node, station, enrolment_of(1)).reference_number
    assert deliver(node).step is Step.DELIVERED
    custody.erase(node, supervisor, Erasure("e1", number, ErasureGround.CITIZENSHIP))
    assert deliver(node).step is Step.DELIVERED
    assert known_at(centre) == []


def test_a_fault_over_one_request_lets_other_numbers_pass(
    connect: Callable[..., Node], station: Actor, enrolment_of: EnrolmentOf
) -> None:
    node = connect()
    first = enrolment.enrol(node, station, enrolment_of(1)).reference_number
    second = enrolment.enrol(node, station, enrolment_of(1, request_id="2")).reference_number
    with node.store.write() as transaction:
        (parcel,) = parcels.find_waiting(transaction, first)
        later = node.now() + timedelta(hours=1)
        parcels.put_off(transaction, parcel.parcel_id, later, aside=True)
    progress = [deliver(node), deliver(node)]
    assert [one.step for one in progress] == [Step.DELIVERED, Step.IDLE]
    assert progress[1].until == later
    assert case_of(node, second).data_set.transmitted_at is not None
    assert case_of(node, first).data_set.transmitted_at is None


def test_a_courier_delivers_what_is_queued_and_stops_when_told(
    connect: Callable[..., Node], station: Actor, enrolment_of: EnrolmentOf
) -> None:
    node = connect()
    courier = Courier(node)
    courier.start()
    number = enrolment.enrol(node, station, enrolment_of(1)).reference_number
    ends = time.monotonic() + 10
    while case_of(node, number).data_set.transmitted_at is None and time.monotonic() < ends:
        time.sleep(0.02)
    assert courier.alive
    courier.stop()
    assert not courier.alive
    with node.store.read() as transaction:
        assert dossiers.find(transaction, number).transmitted_at is not None


def test_every_method_of_the_services_that_changes_something_can_be_queued() -> None:
    services = profile.services(profile.CENTRAL_FILES)
    wanted = {method.name for service in services for method in service.methods}
    assert set(outbox.METHODS) == wanted
    assert outbox.METHODS["EraseDataSet"] is central_pb2.EraseDataSetRequest


def test_a_result_that_overtakes_its_receipt_is_not_taken_back(
    *,
    serve_centre: ServeCentre,
    open_at: OpenAt,
    tmp_path: Path,
    station: Actor,
    enrolment_of: EnrolmentOf,
) -> None:
    _, address = serve_centre(Fault("TransmitDataSet", Kind.LOSE_ANSWER, times=1))
    node = open_at(tmp_path / "dk", central=address)
    number = enrolment.enrol(node, station, enrolment_of(1)).reference_number
    assert deliver(node).step is Step.PUT_OFF
    follower = Follower(node)
    follower.start()
    ends = time.monotonic() + 10
    while case_of(node, number).finding is None and time.monotonic() < ends:
        time.sleep(0.02)
    follower.stop()
    assert case_of(node, number).delivery is Delivery.ANSWERED
    node.store.parcel_queued.clear()
    with node.store.write() as transaction:
        (parcel,) = parcels.find_waiting(transaction, number)
        parcels.put_off(transaction, parcel.parcel_id, node.now(), aside=False)
    assert deliver(node).step is Step.DELIVERED
    case = case_of(node, number)
    assert (case.delivery, case.tasks) == (Delivery.ANSWERED, ())
    assert case.retained_until is not None


def test_what_may_have_arrived_is_erased_at_the_centre_too(
    *,
    serve_centre: ServeCentre,
    open_at: OpenAt,
    tmp_path: Path,
    station: Actor,
    supervisor: Actor,
    enrolment_of: EnrolmentOf,
) -> None:
    centre, address = serve_centre(Fault("TransmitDataSet", Kind.LOSE_ANSWER, times=1))
    node = open_at(tmp_path / "dk", central=address)
    number = enrolment.enrol(node, station, enrolment_of(1)).reference_number
    assert deliver(node).step is Step.PUT_OFF
    assert known_at(centre) == [number]
    custody.erase(node, supervisor, Erasure("e1", number, ErasureGround.CITIZENSHIP))
    assert steps(node, 2) == [Step.DELIVERED, Step.IDLE]
    assert known_at(centre) == []


def test_what_is_erased_while_the_line_is_built_does_not_leave(
    *,
    serve_centre: ServeCentre,
    open_at: OpenAt,
    tmp_path: Path,
    station: Actor,
    supervisor: Actor,
    enrolment_of: EnrolmentOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    centre, address = serve_centre()
    node = open_at(tmp_path / "dk", central=address)
    number = enrolment.enrol(node, station, enrolment_of(1)).reference_number
    connect = node.client.connect

    def erase_and_connect() -> None:
        custody.erase(node, supervisor, Erasure("e1", number, ErasureGround.CITIZENSHIP))
        connect()

    monkeypatch.setattr(node.client, "connect", erase_and_connect)
    assert deliver(node).step is Step.PUT_OFF
    monkeypatch.undo()
    assert deliver(node).step is Step.IDLE
    assert known_at(centre) == []


def test_a_damaged_parcel_holds_up_nobody(
    connect: Callable[..., Node], station: Actor, enrolment_of: EnrolmentOf
) -> None:
    node = connect()
    first = enrolment.enrol(node, station, enrolment_of(1)).reference_number
    second = enrolment.enrol(node, station, enrolment_of(1, request_id="2")).reference_number
    with node.store.write() as transaction:
        damage = text("UPDATE outbox SET content = zeroblob(100) WHERE reference_number = :n")
        transaction.connection.execute(damage, {"n": first})
    assert steps(node, 3) == [Step.IDLE, Step.DELIVERED, Step.IDLE]
    assert case_of(node, second).data_set.transmitted_at is not None
    assert {task.kind for task in case_of(node, first).tasks} == {TaskKind.TRANSMIT}
