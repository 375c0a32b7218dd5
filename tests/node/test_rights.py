"""Data subjects get their own data and leave no biometrics; third countries get nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from interfaces import wire
from interfaces.central import custody as central_custody
from interfaces.central import intake
from interfaces.central.centre import Centre
from interfaces.eurodac import reference
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.outcome import HitState
from interfaces.eurodac.rights import Recipient, ReturnTransfer
from interfaces.formats.errors import FormatRefused
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from interfaces.pb.eurodac.nap.v1 import police_pb2
from node import casework, custody, enrolment, police, police_calls, rights
from node.access import Actor, Role
from node.assembly import Node
from node.enrolment import Enrolment
from node.errors import AccessDenied, NotFound, OutOfTurn
from node.inbox import receive
from node.outbox import Step, deliver
from node.rights import AccessKind, AccessWanted, Closing
from node.store import hits, parcels
from node.vocabulary import Finding

CaptureOf = Callable[..., terms_pb2.Capture]
EnrolmentOf = Callable[..., Enrolment]

ALLOWED = ReturnTransfer(origin_consented=True, person_informed=True, illegally_staying=True)


@pytest.fixture
def officer() -> Actor:
    return Actor("DK", "Data protection", "dora", Role.DATA_PROTECTION)


@pytest.fixture
def auditor() -> Actor:
    return Actor("DK", "Oversight", "otto", Role.AUDITOR)


@pytest.fixture
def centre_at(serve_centre: Callable[..., tuple[Centre, str]]) -> tuple[Centre, str]:
    return serve_centre()


@pytest.fixture
def centre(centre_at: tuple[Centre, str]) -> Centre:
    return centre_at[0]


@pytest.fixture
def line(centre_at: tuple[Centre, str], open_at: Callable[..., Node], tmp_path: Path) -> Node:
    """A node at a centre; nothing moves but by settle()."""
    return open_at(tmp_path / "dk", central=centre_at[1])


def settle(node: Node, centre: Centre) -> None:
    """Deliver what waits, let the centre examine it, and receive every notice."""
    while deliver(node).step is not Step.IDLE:
        pass
    await_examination(centre)
    with centre.ledger.read() as entries:
        notices = entries.notices("DK", 0, 100)
    for message in notices:
        receive(node, central_pb2.Notice.FromString(message))


def await_examination(centre: Centre) -> None:
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        with centre.ledger.read() as entries:
            if entries.next_arrival() is None:
                return
        time.sleep(0.02)
    raise AssertionError("the centre did not examine")


def hold(centre: Centre, data_set: DataSet, capture: terms_pb2.Capture) -> str:
    """Italy's data set at the centre."""
    number = reference.issue("IT", data_set.category, 77)
    kept = replace(data_set, reference_number=number, origin="IT", operator_user_id="x")
    request = central_pb2.TransmitDataSetRequest(
        request_id="hold",
        data_set=wire.dataset_to(kept),
        capture=capture,
        lane=central_pb2.LANE_URGENT,
    )
    intake.transmit(centre, "IT", request)
    await_examination(centre)
    return number


def wanted_of(node: Node, capture: terms_pb2.Capture) -> AccessWanted:
    return AccessWanted("a", capture, AccessKind.ACCESS, node.now() - timedelta(days=1))


def test_a_person_is_told_all_that_is_recorded_the_flag_and_the_state_included(
    *, line: Node, centre: Centre, officer: Actor, applicant: DataSet, capture_of: CaptureOf
) -> None:
    """X-L12, the answer."""
    number = hold(centre, applicant, capture_of(1))
    flag = central_pb2.SetSecurityFlagRequest(request_id="f", reference_number=number)
    central_custody.set_flag(centre, "IT", flag)
    asked = rights.request_access(line, officer, wanted_of(line, capture_of(1, 1)))
    assert asked.startswith("DK6")
    assert rights.get_access(line, officer, asked).finding is None
    settle(line, centre)
    told = rights.get_access(line, officer, asked)
    assert told.finding is Finding.HIT
    (data_set,) = told.data_sets
    assert (data_set.origin, data_set.reference_number) == ("IT", number)
    assert data_set.surnames == applicant.surnames
    assert data_set.security_flag


def test_the_biometrics_serve_the_search_alone_and_are_erased_right_after(
    *, line: Node, centre: Centre, officer: Actor, capture_of: CaptureOf
) -> None:
    """X-L12, the biometrics: in no gallery, no capture, no parcel, no data set."""
    asked = rights.request_access(line, officer, wanted_of(line, capture_of(1, 1)))
    assert len(line.gallery) == 0
    settle(line, centre)
    with line.store.read() as transaction:
        assert parcels.find_waiting(transaction, asked) == ()
    with centre.ledger.read() as entries:
        assert list(entries.data_sets()) == []
    assert len(centre.gallery) == 0
    assert rights.get_access(line, officer, asked).finding is Finding.NEGATIVE


def test_when_the_person_is_answered_the_answer_goes_and_the_written_record_stays(
    *,
    line: Node,
    centre: Centre,
    officer: Actor,
    auditor: Actor,
    applicant: DataSet,
    capture_of: CaptureOf,
) -> None:
    """X-L12, Art. 43(8)."""
    number = hold(centre, applicant, capture_of(1))
    asked = rights.request_access(line, officer, wanted_of(line, capture_of(1, 1)))
    closing = Closing("c", asked, granted=True)
    with pytest.raises(OutOfTurn):
        rights.close_access(line, officer, closing)
    settle(line, centre)
    closed_at = rights.close_access(line, officer, closing)
    assert rights.close_access(line, officer, closing) == closed_at
    with pytest.raises(NotFound):
        rights.get_access(line, officer, asked)
    with line.store.read() as transaction:
        assert hits.find_all(transaction, asked) == ()
    record = police.read_record(line, auditor, asked)
    assert (record["kind"], record["handled_by"]) == ("ACCESS", "Data protection, dora")
    assert (record["data_sets"], record["granted"]) == (number, "yes")
    assert record["closed_at"] == closed_at.isoformat()


def test_a_refusal_is_given_with_its_reasons(
    *, node: Node, officer: Actor, auditor: Actor, capture_of: CaptureOf
) -> None:
    asked = rights.request_access(node, officer, wanted_of(node, capture_of(1)))
    with pytest.raises(RuleBroken, match="V04"):
        rights.close_access(node, officer, Closing("c", asked, granted=False))
    refused = Closing("d", asked, granted=False, refused_because="another person's prints")
    rights.close_access(node, officer, refused)
    record = police.read_record(node, auditor, asked)
    assert record["refused_because"] == "another person's prints"
    with node.store.read() as transaction:
        assert parcels.find_waiting(transaction, asked) == ()


def test_a_request_includes_biometrics(node: Node, officer: Actor, capture_of: CaptureOf) -> None:
    """Art. 43(6)."""
    with pytest.raises(RuleBroken, match="V04"):
        rights.request_access(node, officer, wanted_of(node, terms_pb2.Capture()))
    spoilt = capture_of(1)
    damaged = terms_pb2.Capture()
    damaged.CopyFrom(spoilt)
    damaged.fingers[0].image = b"no image"
    with pytest.raises(FormatRefused):
        rights.request_access(node, officer, wanted_of(node, damaged))


def test_an_answer_that_nobody_fetches_is_erased_after_a_month(
    *, line: Node, centre: Centre, officer: Actor, capture_of: CaptureOf, clock: object
) -> None:
    asked = rights.request_access(line, officer, wanted_of(line, capture_of(1, 1)))
    settle(line, centre)
    clock.advance(days=32)  # type: ignore[attr-defined]
    assert custody.sweep(line) == 1
    with pytest.raises(NotFound):
        rights.get_access(line, officer, asked)


def test_nobody_but_the_data_protection_desk_sees_a_persons_request(
    *, node: Node, officer: Actor, desk: Actor, capture_of: CaptureOf
) -> None:
    asked = rights.request_access(node, officer, wanted_of(node, capture_of(1)))
    requester = Actor("DK", "Unit A", "rita", Role.REQUESTER)
    for stranger in (desk, requester):
        with pytest.raises(AccessDenied):
            rights.get_access(node, stranger, asked)
        with pytest.raises(AccessDenied):
            rights.request_access(node, stranger, wanted_of(node, capture_of(1)))
    with pytest.raises(AccessDenied):
        police.read_search(node, requester, asked)


@pytest.mark.parametrize("recipient", Recipient)
def test_only_recipients_that_the_regulation_names_are_told_an_own_data_set(
    *, node: Node, station: Actor, desk: Actor, enrolment_of: EnrolmentOf, recipient: Recipient
) -> None:
    """X-L13."""
    number = enrolment.enrol(node, station, enrolment_of(1)).reference_number
    request = police_pb2.DiscloseDataSetRequest(
        reference_number=number,
        recipient=police_pb2.Recipient.Value(f"RECIPIENT_{recipient}"),
    )
    lawful = {Recipient.ORIGIN_STATE, Recipient.STATE_WITH_HIT, Recipient.DATA_SUBJECT}
    if recipient in lawful:
        told = police_calls.disclose_data_set(node, desk, request).data_set
        assert told.reference_number == number
    else:
        with pytest.raises(RuleBroken, match="V23"):
            police_calls.disclose_data_set(node, desk, request)


def test_the_refusal_does_not_tell_whether_there_is_a_data_set(node: Node, desk: Actor) -> None:
    """X-L13."""
    unknown = reference.issue("DK", Category.APPLICANT_REG, 4711)
    with pytest.raises(RuleBroken, match="V23"):
        rights.disclose(node, desk, unknown, Recipient.THIRD_COUNTRY)


@pytest.fixture
def hit_id(
    *,
    line: Node,
    centre: Centre,
    station: Actor,
    desk: Actor,
    applicant: DataSet,
    capture_of: CaptureOf,
    enrolment_of: EnrolmentOf,
) -> str:
    """A hit of a Danish applicant against Italy's data set, not yet checked."""
    hold(centre, applicant, capture_of(1))
    number = enrolment.enrol(line, station, enrolment_of(1, 1)).reference_number
    settle(line, centre)
    (hit,) = casework.get_case(line, desk, number).hits
    return hit.hit_id


@pytest.mark.parametrize(
    ("lacking", "code"),
    [("origin_consented", "V22"), ("person_informed", "V23"), ("illegally_staying", "V23")],
)
def test_a_third_country_gets_identity_data_of_a_confirmed_hit_with_consent_only(
    *, line: Node, desk: Actor, expert: Actor, hit_id: str, lacking: str, code: str
) -> None:
    """X-L14."""
    with pytest.raises(OutOfTurn):
        rights.transfer_for_return(line, desk, hit_id, ALLOWED)
    casework.decide_hit(line, expert, casework.Decision("d", hit_id, HitState.CONFIRMED))
    with pytest.raises(RuleBroken, match=code):
        rights.transfer_for_return(line, desk, hit_id, replace(ALLOWED, **{lacking: False}))
    request = police_pb2.TransferForReturnRequest(
        hit_id=hit_id, origin_consented=True, person_informed=True, illegally_staying=True
    )
    told = police_calls.transfer_for_return(line, desk, request).identity
    assert told.surnames == ["Qwertzuiop"]
    # Nothing tells that an application was made, or where (Art. 49(4)).
    fields = {field.name for field, _ in told.ListFields()}
    assert not fields & {"category", "origin", "reference_number", "event", "security_flag"}


def test_a_station_transfers_nothing(line: Node, station: Actor, hit_id: str) -> None:
    with pytest.raises(AccessDenied):
        rights.transfer_for_return(line, station, hit_id, ALLOWED)
