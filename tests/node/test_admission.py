"""The search of Art. 18(1): searched by the centre, recorded nowhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from interfaces.central.centre import Centre
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.outcome import HitState
from interfaces.eurodac.terms import MarkType, Sex
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from node import admission, casework, enrolment, marks
from node.access import Actor
from node.admission import AdmissionSearch
from node.assembly import Node
from node.enrolment import Enrolment
from node.errors import AccessDenied
from node.inbox import Follower, receive
from node.marks import MarkChange
from node.outbox import Courier
from node.store import biometrics, parcels
from node.vocabulary import Case, Delivery, EnrolmentOutcome, Finding

CaptureOf = Callable[..., terms_pb2.Capture]


@pytest.fixture
def search(node: Node, capture_of: CaptureOf) -> AdmissionSearch:
    return AdmissionSearch("s1", capture_of(1, 1), node.now(), "1990-05-17", sex=Sex.FEMALE)


def case_of(node: Node, number: str) -> Case:
    with node.store.read() as transaction:
        return casework.read_case(transaction, number)


def test_a_search_is_queued_under_digit_seven_and_nothing_becomes_searchable(
    node: Node, desk: Actor, search: AdmissionSearch
) -> None:
    receipt = admission.search_admission(node, desk, search)
    number = receipt.reference_number
    assert number.startswith("DK7")
    assert (receipt.transmit_by, receipt.limit_article) == (None, "18(1)")
    assert len(node.gallery) == 0
    with node.store.read() as transaction:
        assert biometrics.count_references(transaction) == 0
        (parcel,) = parcels.find_waiting(transaction, number)
    request = central_pb2.SearchOnlyRequest.FromString(parcel.content)
    assert (request.capture, request.sex) == (search.capture, terms_pb2.SEX_FEMALE)
    assert admission.search_admission(node, desk, search) == receipt


def test_nothing_that_identifies_is_kept_beside_the_biometrics(
    node: Node, desk: Actor, search: AdmissionSearch
) -> None:
    receipt = admission.search_admission(node, desk, search)
    data_set = case_of(node, receipt.reference_number).data_set
    assert data_set is not None
    assert (data_set.date_of_birth, data_set.operator_user_id) == ("", "")


def test_a_child_under_six_is_not_searched_for(
    node: Node, desk: Actor, search: AdmissionSearch
) -> None:
    with pytest.raises(RuleBroken, match="V03"):
        admission.search_admission(node, desk, replace(search, date_of_birth="2022-01-01"))


def test_the_sex_goes_with_a_face_only(node: Node, desk: Actor, search: AdmissionSearch) -> None:
    bare = terms_pb2.Capture()
    bare.CopyFrom(search.capture)
    bare.ClearField("face")
    with pytest.raises(RuleBroken, match="V01 sex"):
        admission.search_admission(node, desk, replace(search, capture=bare))


def test_a_capture_station_does_not_search(
    node: Node, station: Actor, search: AdmissionSearch
) -> None:
    with pytest.raises(AccessDenied):
        admission.search_admission(node, station, search)


def test_poor_biometrics_leave_nothing_at_all(
    node: Node, desk: Actor, search: AdmissionSearch
) -> None:
    poor = terms_pb2.Capture()
    poor.CopyFrom(search.capture)
    for finger in poor.fingers:
        finger.image, finger.dpi = poor.face.image, 500
    receipt = admission.search_admission(node, desk, replace(search, capture=poor))
    assert receipt.outcome is EnrolmentOutcome.RECAPTURE_WANTED
    assert receipt.reference_number == ""
    with node.store.read() as transaction:
        assert sum(parcels.count(transaction).values()) == 0


def test_a_negative_search_leaves_only_its_tombstone(
    node: Node, desk: Actor, search: AdmissionSearch
) -> None:
    number = admission.search_admission(node, desk, search).reference_number
    result = central_pb2.ComparisonResult(outcome=central_pb2.ComparisonResult.OUTCOME_NEGATIVE)
    receive(node, central_pb2.Notice(cursor=1, reference_number=number, comparison_result=result))
    case = case_of(node, number)
    assert (case.delivery, case.finding, case.data_set) == (
        Delivery.ERASED,
        Finding.NEGATIVE,
        None,
    )
    with node.store.read() as transaction:
        assert parcels.find_waiting(transaction, number) == ()


def test_a_marked_beneficiary_is_found_and_the_result_kept_until_the_conclusion(
    *,
    open_at: Callable[..., Node],
    serve_centre: Callable[..., tuple[Centre, str]],
    tmp_path: Path,
    station: Actor,
    desk: Actor,
    search: AdmissionSearch,
    enrolment_of: Callable[..., Enrolment],
    expert: Actor,
) -> None:
    _, address = serve_centre()
    italy = open_at(tmp_path / "it", central=address, state="IT")
    denmark = open_at(tmp_path / "dk2", central=address)
    workers = [kind(node) for node in (italy, denmark) for kind in (Courier, Follower)]
    for worker in workers:
        worker.start()
    try:
        rome = replace(station, state="IT")
        first = enrolment.enrol(italy, rome, enrolment_of(1)).reference_number
        marked = MarkChange("m1", first, MarkType.PROTECTION)
        marks.set_mark(italy, replace(desk, state="IT"), marked)
        ends = time.monotonic() + 20
        while case_of(italy, first).finding is None or _waits(italy, first):
            assert time.monotonic() < ends
            time.sleep(0.02)
        number = admission.search_admission(denmark, desk, search).reference_number
        while case_of(denmark, number).finding is None:
            assert time.monotonic() < ends
            time.sleep(0.02)
    finally:
        for worker in workers:
            worker.stop()
    case = case_of(denmark, number)
    assert case.finding is Finding.HIT
    (hit,) = case.hits
    assert hit.hit_reference_number == first
    # Seven months after the result: the conclusion on admission.
    assert case.retained_until == datetime(2027, 4, 1, 21, 59, 59, tzinfo=UTC)
    decision = casework.Decision("d1", hit.hit_id, HitState.CONFIRMED)
    assert casework.decide_hit(denmark, expert, decision).state is HitState.CONFIRMED


def _waits(node: Node, number: str) -> bool:
    with node.store.read() as transaction:
        return bool(parcels.find_waiting(transaction, number))
