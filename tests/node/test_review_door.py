"""Whatever comes to the door, it answers with a status of the table and never breaks down."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from interfaces import wire
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.outcome import HitState
from interfaces.eurodac.terms import Event
from interfaces.formats.errors import FormatRefused
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from interfaces.pb.eurodac.nap.v1 import nap_pb2, nap_pb2_grpc
from node import admission, casework, custody, enrolment, inbox, server, servicers
from node.access import Actor
from node.assembly import Node
from node.calls import CALLS
from node.custody import Change
from node.errors import NodeError, StoreUnusable
from node.server import Serving
from node.settings import Limits
from node.station import Station, StationError
from node.store import dossiers, parcels

DESK = "C=DK,O=Unit 1,OU=ASYLUM_DESK,CN=anna"

ENDS_OF_TIME = (
    Timestamp(seconds=-62135596800),
    Timestamp(seconds=253402300799, nanos=999_999_999),
    Timestamp(seconds=-(2**62)),
    Timestamp(seconds=2**62),
    Timestamp(seconds=0, nanos=-5),
    Timestamp(seconds=0, nanos=2**31 - 1),
)


def _enrolment(applicant: DataSet, capture: terms_pb2.Capture) -> nap_pb2.EnrolRequest:
    return nap_pb2.EnrolRequest(
        request_id="extreme", data_set=wire.dataset_to(applicant), capture=capture
    )


def _expect_refusal_or_answer(node: Node, call: str, actor: Actor, request: Message) -> None:
    try:
        CALLS[call](node, actor, request)
    except (RuleBroken, FormatRefused, NodeError):
        return


@pytest.mark.parametrize("at", ENDS_OF_TIME, ids=str)
def test_no_instant_breaks_an_enrolment(
    node: Node,
    station: Actor,
    applicant: DataSet,
    capture_of: Callable[..., terms_pb2.Capture],
    at: Timestamp,
) -> None:
    plain = _enrolment(applicant, capture_of(1))
    places = {
        "data_set.biometrics_taken_at": lambda one: one.data_set.biometrics_taken_at,
        "data_set.event.occurred_at": lambda one: one.data_set.event.occurred_at,
        "clock.health_grounds_ended_at": lambda one: one.clock.health_grounds_ended_at,
        "clock.custody_until": lambda one: one.clock.custody_until,
    }
    for number, (category, find) in enumerate(
        itertools.product(terms_pb2.Category.values(), places.values())
    ):
        request = nap_pb2.EnrolRequest()
        request.CopyFrom(plain)
        request.request_id = f"extreme {number}"
        request.data_set.category = category
        find(request).CopyFrom(at)
        _expect_refusal_or_answer(node, "Enrol", station, request)


@pytest.mark.parametrize("at", ENDS_OF_TIME, ids=str)
def test_no_instant_breaks_a_declaration_or_a_list(
    node: Node, supervisor: Actor, at: Timestamp
) -> None:
    start = Timestamp(seconds=1_790_000_000)
    kinds = nap_pb2.ExtensionKind.values()
    for number, kind in enumerate(kinds):
        for name in ("starts_at", "ends_at"):
            request = nap_pb2.DeclareExtensionRequest(
                request_id=f"{number} {name}", kind=kind, starts_at=start, ends_at=start
            )
            getattr(request, name).CopyFrom(at)
            _expect_refusal_or_answer(node, "DeclareExtension", supervisor, request)
    _expect_refusal_or_answer(node, "ListDue", supervisor, nap_pb2.ListDueRequest(before=at))


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_no_day_breaks_an_enrolment(
    node: Node,
    station: Actor,
    applicant: DataSet,
    capture_of: Callable[..., terms_pb2.Capture],
    day: str,
) -> None:
    for category in terms_pb2.Category.values():
        for name in ("date_of_birth", "council", "arrival_after_relocation_on", "decision"):
            request = _enrolment(applicant, capture_of(1))
            request.request_id = f"{category} {name}"
            request.data_set.category = category
            if name == "council":
                request.data_set.council_decision.in_force_on = day
            elif name == "decision":
                request.data_set.admission_decision.decided_on = day
                request.data_set.admission_decision.outcome = terms_pb2.ADMISSION_OUTCOME_GRANTED
            else:
                setattr(request.data_set, name, day)
            _expect_refusal_or_answer(node, "Enrol", station, request)


def test_a_flag_has_no_more_grounds_than_there_are(node: Node, desk: Actor) -> None:
    request = nap_pb2.ProposeSecurityFlagRequest(
        request_id="flag",
        reference_number="DK1000000001H",
        grounds=[nap_pb2.FLAG_GROUND_ARMED] * 100,
    )
    with pytest.raises(FormatRefused) as refused:
        CALLS["ProposeSecurityFlag"](node, desk, request)
    assert refused.value.rule.startswith("W03")


@pytest.fixture
def serve_at(
    open_at: Callable[..., Node], tmp_path: Path
) -> Iterator[Callable[..., tuple[Serving, Station]]]:
    """serve_at(...settings): a node with an open door, and a desk before it."""
    opened: list[tuple[Serving, Station]] = []

    def serve_at_(**settings: object) -> tuple[Serving, Station]:
        plain = {"unsafe_plaintext": True, "listen": "127.0.0.1:0"}
        serving = server.serve(open_at(tmp_path / "door", **(plain | settings)))
        station = Station(f"127.0.0.1:{serving.doorway.port}", identity=None, actor=DESK)
        opened.append((serving, station))
        return opened[-1]

    yield serve_at_
    for serving, station in opened:
        station.close()
        serving.stop()


def test_a_message_larger_than_the_setting_is_refused(
    serve_at: Callable[..., tuple[Serving, Station]],
) -> None:
    _, station = serve_at(limits=Limits(message_mib=1))
    request = nap_pb2.IdentifyRequest(capture=terms_pb2.Capture(transaction=bytes(2 * 2**20)))
    with pytest.raises(StationError) as refused:
        station.call("Identify", request)
    assert refused.value.code == "RESOURCE_EXHAUSTED"


def _code_of(call: Any) -> grpc.StatusCode:
    error = call.exception(timeout=20)
    assert isinstance(error, grpc.RpcError)
    return error.code()


def test_streams_that_say_nothing_keep_nobody_out(
    serve_at: Callable[..., tuple[Serving, Station]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servicers, "STREAM_SECONDS", 2.0)
    serving, station = serve_at(limits=Limits(threads=2))
    channel = grpc.insecure_channel(f"127.0.0.1:{serving.doorway.port}")
    stub = nap_pb2_grpc.EnrolmentServiceStub(channel)
    ended = threading.Event()

    def silence() -> Iterator[nap_pb2.EnrolStreamRequest]:
        ended.wait(30)
        yield from ()

    metadata = ((servicers.PLAINTEXT_ACTOR, DESK),)
    silent = [stub.EnrolStream.future(silence(), metadata=metadata) for _ in range(40)]
    status = nap_pb2.GetStatusRequest()
    assert station.call("GetStatus", status, timeout=5.0)
    codes = {_code_of(call) for call in silent}
    code = grpc.StatusCode
    assert codes == {code.RESOURCE_EXHAUSTED, code.CANCELLED}
    ended.set()
    channel.close()


def test_a_store_that_cannot_be_used_now_asks_to_come_back(
    serve_at: Callable[..., tuple[Serving, Station]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, station = serve_at()

    def fail(*_: object) -> None:
        raise StoreUnusable("the database cannot be used now: OperationalError")

    monkeypatch.setitem(CALLS, "GetStatus", fail)
    with pytest.raises(StationError) as refused:
        station.call("GetStatus", nap_pb2.GetStatusRequest())
    assert refused.value.code == "UNAVAILABLE"


def test_what_has_expired_is_erased_as_soon_as_the_node_serves(
    open_at: Callable[..., Node],
    tmp_path: Path,
    station: Actor,
    applicant: DataSet,
    capture_of: Callable[..., terms_pb2.Capture],
) -> None:
    node = open_at(tmp_path / "door", unsafe_plaintext=True, listen="127.0.0.1:0")
    wanted = enrolment.Enrolment("1", applicant, capture_of(1))
    number = enrolment.enrol(node, station, wanted).reference_number
    with node.store.write() as transaction:
        over = node.now() - timedelta(seconds=1)
        dossiers.change(transaction, number, retained_until=over)
    with server.serve(node):
        ends = time.monotonic() + 3
        while len(node.gallery) and time.monotonic() < ends:
            time.sleep(0.02)
        assert len(node.gallery) == 0


def test_nothing_happens_in_the_future(
    node: Node,
    station: Actor,
    desk: Actor,
    applicant: DataSet,
    capture_of: Callable[..., terms_pb2.Capture],
) -> None:
    later = Event("Sandholm", node.now() + timedelta(days=300))
    wanted = enrolment.Enrolment("1", replace(applicant, event=later), capture_of(1))
    with pytest.raises(RuleBroken) as broken:
        enrolment.enrol(node, station, wanted)
    assert [one.field for one in broken.value.violations] == ["event"]
    number = enrolment.enrol(node, station, replace(wanted, data_set=applicant)).reference_number
    for name, value in (("event", later), ("biometrics_taken_at", later.occurred_at)):
        with pytest.raises(RuleBroken) as broken:
            custody.correct(node, desk, Change(name, number, {name: value}))
        assert name in {one.field for one in broken.value.violations}


def test_a_confirmed_hit_of_a_search_links_nothing_at_the_centre(
    node: Node,
    desk: Actor,
    expert: Actor,
    capture_of: Callable[..., terms_pb2.Capture],
) -> None:
    search = admission.AdmissionSearch("s", capture_of(1), node.now(), "1990-05-17")
    number = admission.search_admission(node, desk, search).reference_number
    stored = DataSet(Category.SAR, "IT", reference_number="IT90000000017")
    hit = central_pb2.Hit(data_set=wire.dataset_to(stored), score=93.5)
    result = central_pb2.ComparisonResult(
        outcome=central_pb2.ComparisonResult.OUTCOME_HIT, hits=[hit]
    )
    inbox.receive(
        node,
        central_pb2.Notice(cursor=1, reference_number=number, comparison_result=result),
    )
    (found,) = casework.get_case(node, desk, number).hits
    decision = casework.Decision("d", found.hit_id, HitState.CONFIRMED)
    casework.decide_hit(node, expert, decision)
    with node.store.read() as transaction:
        methods = {parcel.method for parcel in parcels.find_waiting(transaction, number)}
    assert methods == {"SearchOnly"}


def test_what_nobody_waits_for_any_more_is_not_begun(
    serve_at: Callable[..., tuple[Serving, Station]], monkeypatch: pytest.MonkeyPatch
) -> None:
    serving, station = serve_at()
    begun: list[object] = []
    monkeypatch.setitem(CALLS, "GetStatus", lambda *asked: begun.append(asked))
    door = servicers.Door(serving.node)

    class Gone:
        """The context of a call whose caller has left."""

        def is_active(self) -> bool:
            return False

        def code(self) -> object:
            return grpc.StatusCode.DEADLINE_EXCEEDED

        def abort_with_status(self, status: object) -> None:
            raise RuntimeError(status)

        def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
            return ((servicers.PLAINTEXT_ACTOR, DESK),)

        def auth_context(self) -> dict[str, object]:
            return {}

    call = door.calls(["GetStatus"])["GetStatus"]
    with pytest.raises(RuntimeError):
        call(nap_pb2.GetStatusRequest(), Gone())  # type: ignore[arg-type]
    assert begun == []
    del station
