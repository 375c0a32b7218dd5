"""The door says exactly what is wrong, stays up, and stores nothing of what it refuses."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from zlib import compress, crc32

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from interfaces import formats
from interfaces.formats import nist
from interfaces.formats.errors import FormatRefused
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from interfaces.pb.eurodac.nap.v1 import nap_pb2
from interfaces.wire import capture_from, dataset_to
from matcher.vocabulary import FingerPosition
from node import server
from node.access import Role
from node.assembly import Node
from node.pki import Subject, issue, make_authority
from node.server import Serving
from node.servicers import gather
from node.settings import TlsFiles
from node.station import Identity, Station, StationError

Open = Callable[..., Node]


@pytest.fixture
def pki(tmp_path: Path) -> Path:
    """Certificates of one authority, and a station's certificate of a foreign authority."""
    folder, foreign = tmp_path / "pki", tmp_path / "foreign"
    authority = make_authority(folder, "Authority")
    server_name = Subject("DK", "Access point", "SERVER", "node")
    issue(authority, folder, "server", subject=server_name, hosts=["127.0.0.1"])
    for role in set(Role) - {Role.NODE}:
        subject = Subject("DK", "Unit 1", role, f"user-{role.lower()}")
        issue(authority, folder, role.lower(), subject=subject)
    others = {
        "italian": Subject("IT", "Unit 1", Role.CAPTURE_STATION, "user"),
        "no-role": Subject("DK", "Unit 1", "JANITOR", "user"),
        "node-itself": Subject("DK", "node", Role.NODE, "node"),
    }
    for name, subject in others.items():
        issue(authority, folder, name, subject=subject)
    stranger = make_authority(foreign, "Foreign")
    issue(stranger, foreign, "station", subject=Subject("DK", "U", Role.CAPTURE_STATION, "u"))
    (foreign / "ca.pem").write_bytes((folder / "ca.pem").read_bytes())
    return folder


@pytest.fixture
def serving(open_at: Open, tmp_path: Path, pki: Path) -> Iterator[Serving]:
    files = TlsFiles(pki / "server.pem", pki / "server.key", pki / "ca.pem")
    opened = server.serve(open_at(tmp_path / "dk", tls=files, listen="127.0.0.1:0"))
    yield opened
    opened.stop()


Line = Callable[..., Station]


@pytest.fixture
def line(serving: Serving, pki: Path) -> Iterator[Line]:
    """line("asylum_desk"): a station with that certificate."""
    opened: list[Station] = []

    def open_line(name: str = "capture_station", folder: Path = pki) -> Station:
        identity = Identity.in_folder(folder, name)
        opened.append(Station(f"127.0.0.1:{serving.doorway.port}", identity=identity))
        return opened[-1]

    yield open_line
    for station in opened:
        station.close()


@pytest.fixture
def enrol_request(
    applicant: object, capture_of: Callable[..., terms_pb2.Capture]
) -> nap_pb2.EnrolRequest:
    data_set = dataset_to(applicant)  # type: ignore[arg-type]
    return nap_pb2.EnrolRequest(
        request_id=uuid.uuid4().hex, data_set=data_set, capture=capture_of(1)
    )


def _refusal(station: Station, call: str, request: object) -> StationError:
    with pytest.raises(StationError) as caught:
        station.call(call, request)  # type: ignore[arg-type]
    return caught.value


def _stored(serving: Serving) -> int:
    return len(serving.node.gallery)


def test_an_enrolment_over_the_wire_gives_a_receipt_with_quality_and_limit(
    line: Line, enrol_request: nap_pb2.EnrolRequest, serving: Serving
) -> None:
    receipt = line().call("Enrol", enrol_request).receipt
    assert receipt.outcome == nap_pb2.ENROLMENT_OUTCOME_ACCEPTED
    assert receipt.reference_number.startswith("DK1")
    assert [sample.sufficient for sample in receipt.samples] == [True, True, True]
    assert receipt.HasField("transmit_by")
    assert receipt.limit_article == "15(1)(a)"
    assert _stored(serving) == 1


def test_the_same_request_has_one_effect_and_one_answer(
    line: Line, enrol_request: nap_pb2.EnrolRequest, serving: Serving
) -> None:
    first = line().call("Enrol", enrol_request)
    assert line().call("Enrol", enrol_request) == first
    assert _stored(serving) == 1
    enrol_request.lane = central_pb2.LANE_URGENT
    assert _refusal(line(), "Enrol", enrol_request).code == "ALREADY_EXISTS"


def _png_of(width: int, height: int) -> bytes:
    """A PNG that is whole but for its promise of so many pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc32(kind + body))

    header = struct.pack(">II5B", width, height, 8, 0, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", compress(b"\0" * 99)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*parts) for parts in chunks)


Spoil = Callable[[nap_pb2.EnrolRequest], object]


def _image(data: bytes) -> Spoil:
    def spoil(request: nap_pb2.EnrolRequest) -> None:
        request.capture.fingers[0].image = data

    return spoil


def _field(name: str, value: object) -> Spoil:
    return lambda request: setattr(request.data_set, name, value)


def _cut_short(request: nap_pb2.EnrolRequest) -> None:
    finger = request.capture.fingers[0]
    finger.image = finger.image[: len(finger.image) // 2]


def _duplicate(request: nap_pb2.EnrolRequest) -> None:
    request.capture.fingers.add().CopyFrom(request.capture.fingers[0])


def _wrong_dpi(request: nap_pb2.EnrolRequest) -> None:
    request.capture.fingers[0].dpi = 1000.0


def _unknown_position(request: nap_pb2.EnrolRequest) -> None:
    request.capture.fingers[0].position = 99  # type: ignore[assignment]


def _unknown_category(request: nap_pb2.EnrolRequest) -> None:
    request.data_set.category = 99  # type: ignore[assignment]


def _undeclared(request: nap_pb2.EnrolRequest) -> None:
    del request.capture.missing_fingers[:]


def _both(request: nap_pb2.EnrolRequest) -> None:
    request.capture.transaction = b"0" * 100


def _transaction(data: bytes) -> Spoil:
    def spoil(request: nap_pb2.EnrolRequest) -> None:
        request.capture.Clear()
        request.capture.transaction = data

    return spoil


def _one_finger_for_two(request: nap_pb2.EnrolRequest) -> None:
    request.capture.fingers[1].image = request.capture.fingers[0].image


def _child_of_five(request: nap_pb2.EnrolRequest) -> None:
    request.data_set.date_of_birth = "2021-09-02"


BAD_INPUT = {
    "no bytes": (_image(b""), "INVALID_ARGUMENT", "Q04"),
    "no image": (_image(b"not an image at all" * 10), "INVALID_ARGUMENT", "Q04"),
    "PNG cut short": (_cut_short, "INVALID_ARGUMENT", "Q04"),
    "PNG of 65,535 pixels a side": (_image(_png_of(65535, 65535)), "INVALID_ARGUMENT", "L01"),
    "WSQ without its end": (_image(b"\xff\xa0\xff\xa4\x00\x3a"), "INVALID_ARGUMENT", "Q04"),
    "JPEG 2000 cut short": (
        _image(b"\x00\x00\x00\x0cjP  \r\n\x87\n" + b"\0" * 40),
        "INVALID_ARGUMENT",
        "Q04",
    ),
    "another dpi than the container's": (_wrong_dpi, "INVALID_ARGUMENT", "Q05"),
    "unknown position": (_unknown_position, "INVALID_ARGUMENT", "W01"),
    "a finger twice": (_duplicate, "INVALID_ARGUMENT", "Q06"),
    "images and a transaction": (_both, "INVALID_ARGUMENT", "W01"),
    "transaction that is none": (_transaction(b"1.001:" + b"9" * 60), "INVALID_ARGUMENT", "Q04"),
    "transaction with a lying length": (
        _transaction(b"1.001:4294967295\x1d1.002:0400\x1d1.003:1\x1f0\x1c"),
        "INVALID_ARGUMENT",
        "Q04",
    ),
    "unknown category": (_unknown_category, "INVALID_ARGUMENT", "W01"),
    "date of birth that is none": (_field("date_of_birth", "soon"), "FAILED_PRECONDITION", "V05"),
    "finger missing and undeclared": (_undeclared, "FAILED_PRECONDITION", "Q03"),
    "one finger for two": (_one_finger_for_two, "FAILED_PRECONDITION", "Q06"),
    "child of five": (_child_of_five, "FAILED_PRECONDITION", "V03"),
    "reference number of one's own": (
        _field("reference_number", "DK1000000001S"),
        "FAILED_PRECONDITION",
        "V01",
    ),
    "no request id": (
        lambda request: setattr(request, "request_id", ""),
        "INVALID_ARGUMENT",
        "W02",
    ),
}


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_gets_its_status_and_detail_and_nothing_is_stored(
    name: str, line: Line, enrol_request: nap_pb2.EnrolRequest, serving: Serving
) -> None:
    spoil, status, code = BAD_INPUT[name]
    spoil(enrol_request)
    refusal = _refusal(line(), "Enrol", enrol_request)
    assert (refusal.code, code in {one.code for one in refusal.violations}) == (status, True), (
        refusal.violations
    )
    assert all(one.field and one.rule and one.remedy for one in refusal.violations)
    assert _stored(serving) == 0
    assert line().is_healthy()


def test_a_message_beyond_the_limit_is_refused_by_the_transport(
    line: Line, enrol_request: nap_pb2.EnrolRequest, serving: Serving
) -> None:
    enrol_request.capture.transaction = b"\0" * (70 * 1024 * 1024)
    assert _refusal(line(), "Enrol", enrol_request).code == "RESOURCE_EXHAUSTED"
    assert line().is_healthy()
    assert _stored(serving) == 0


def test_names_and_biometrics_are_in_no_refusal(
    line: Line, enrol_request: nap_pb2.EnrolRequest
) -> None:
    enrol_request.data_set.date_of_birth = "soon"
    text = str(_refusal(line(), "Enrol", enrol_request))
    assert enrol_request.data_set.surnames[0] not in text
    assert "soon" not in text


CERTIFICATES = {
    "italian": "PERMISSION_DENIED",
    "no-role": "PERMISSION_DENIED",
    "node-itself": "PERMISSION_DENIED",
    "auditor": "PERMISSION_DENIED",
    "fingerprint_expert": "PERMISSION_DENIED",
}


@pytest.mark.parametrize("name", CERTIFICATES)
def test_a_certificate_without_the_right_is_refused(
    name: str, line: Line, enrol_request: nap_pb2.EnrolRequest, serving: Serving
) -> None:
    assert _refusal(line(name), "Enrol", enrol_request).code == CERTIFICATES[name]
    assert _stored(serving) == 0


def test_a_certificate_of_a_foreign_authority_gets_no_line(
    line: Line, tmp_path: Path, enrol_request: nap_pb2.EnrolRequest
) -> None:
    refusal = _refusal(line("station", tmp_path / "foreign"), "Enrol", enrol_request)
    assert refusal.code == "UNAVAILABLE"


def test_without_a_certificate_there_is_no_line(
    serving: Serving, enrol_request: nap_pb2.EnrolRequest
) -> None:
    station = Station(f"127.0.0.1:{serving.doorway.port}", identity=None, actor="C=DK")
    assert _refusal(station, "Enrol", enrol_request).code == "UNAVAILABLE"
    station.close()


def test_a_stream_of_pieces_is_put_together(
    line: Line, enrol_request: nap_pb2.EnrolRequest
) -> None:
    read = capture_from(enrol_request.capture)
    transaction = nist.write(
        formats.Capture(fingers=read.fingers, faces=read.faces, missing=read.missing),
        transaction_type="ENR",
        day=date(2026, 9, 1),
        destination_agency="EURODAC",
        originating_agency="TEST",
        control_number="1",
    )
    enrol_request.ClearField("capture")
    receipt = line().enrol_stream(enrol_request, transaction).receipt
    assert receipt.outcome == nap_pb2.ENROLMENT_OUTCOME_ACCEPTED


BAD_STREAMS = {
    "no header": [nap_pb2.EnrolStreamRequest(transaction_piece=b"x")],
    "two headers": [nap_pb2.EnrolStreamRequest(header=nap_pb2.EnrolRequest(request_id="1"))] * 2,
    "nothing": [],
    "too large a piece": [
        nap_pb2.EnrolStreamRequest(header=nap_pb2.EnrolRequest(request_id="1")),
        nap_pb2.EnrolStreamRequest(transaction_piece=b"x" * (1024 * 1024 + 1)),
    ],
}


@pytest.mark.parametrize("name", BAD_STREAMS)
def test_an_ill_formed_stream_is_refused(name: str) -> None:
    with pytest.raises(FormatRefused):
        gather(iter(BAD_STREAMS[name]))


def test_a_case_is_followed_until_it_changes(
    line: Line, enrol_request: nap_pb2.EnrolRequest
) -> None:
    number = line().call("Enrol", enrol_request).receipt.reference_number
    desk = line("asylum_desk")
    cases = desk.watch(number)
    first = next(cases)
    assert first.delivery == nap_pb2.DELIVERY_QUEUED
    mark = nap_pb2.SetMarkRequest(
        request_id="m", reference_number=number, type=terms_pb2.MARK_TYPE_PROTECTION
    )
    desk.call("SetMark", mark)
    second = next(cases)
    assert second.revision > first.revision
    assert [one.type for one in second.data_set.marks] == [terms_pb2.MARK_TYPE_PROTECTION]
    cases.close()  # type: ignore[attr-defined]


def test_an_unknown_case_is_not_found(line: Line) -> None:
    request = nap_pb2.GetCaseRequest(reference_number="DK1000000009X")
    assert _refusal(line("asylum_desk"), "GetCase", request).code == "NOT_FOUND"


def test_identify_finds_the_enrolled_and_says_negative_of_strangers(
    line: Line,
    enrol_request: nap_pb2.EnrolRequest,
    capture_of: Callable[..., terms_pb2.Capture],
) -> None:
    number = line().call("Enrol", enrol_request).receipt.reference_number
    desk, outcome = line("asylum_desk"), nap_pb2.IdentifyResponse
    found = desk.call("Identify", nap_pb2.IdentifyRequest(capture=capture_of(1, 1, face=False)))
    assert found.outcome == outcome.OUTCOME_CANDIDATES
    assert [one.reference_number for one in found.candidates] == [number]
    stranger = nap_pb2.IdentifyRequest(capture=capture_of(2, face=False))
    assert desk.call("Identify", stranger).outcome == outcome.OUTCOME_NEGATIVE


def test_a_threshold_that_is_no_rate_is_refused(
    line: Line, capture_of: Callable[..., terms_pb2.Capture]
) -> None:
    request = nap_pb2.IdentifyRequest(capture=capture_of(1), threshold=float("nan"))
    assert _refusal(line("asylum_desk"), "Identify", request).code == "INVALID_ARGUMENT"


def test_compare_tells_match_from_no_match(
    line: Line, capture_of: Callable[..., terms_pb2.Capture]
) -> None:
    def outcome(person: int) -> int:
        request = nap_pb2.CompareRequest(
            probe=capture_of(1, 1, face=False), capture=capture_of(person, face=False)
        )
        found: int = line().call("Compare", request).outcome
        return found

    assert outcome(1) == nap_pb2.CompareResponse.OUTCOME_MATCH
    assert outcome(2) == nap_pb2.CompareResponse.OUTCOME_NO_MATCH


def test_four_eyes_set_a_flag(line: Line, enrol_request: nap_pb2.EnrolRequest) -> None:
    number = line().call("Enrol", enrol_request).receipt.reference_number
    completed = Timestamp()
    completed.FromJsonString("2026-09-01T11:30:00Z")
    proposal = nap_pb2.ProposeSecurityFlagRequest(
        request_id="p",
        reference_number=number,
        check=nap_pb2.FLAG_CHECK_SCREENING,
        check_completed_at=completed,
        grounds=[nap_pb2.FLAG_GROUND_ARMED],
        deciding_unit="Unit 9",
        could_pose_threat=True,
    )
    proposed = line("supervisor").call("ProposeSecurityFlag", proposal).proposal_id
    approve = nap_pb2.ApproveSecurityFlagRequest(request_id="a", proposal_id=proposed)
    refusal = _refusal(line("supervisor"), "ApproveSecurityFlag", approve)
    assert "V21" in {one.code for one in refusal.violations}
    proposal.request_id = "q"
    again = line("asylum_desk").call("ProposeSecurityFlag", proposal).proposal_id
    approve = nap_pb2.ApproveSecurityFlagRequest(request_id="b", proposal_id=again)
    assert line("supervisor").call("ApproveSecurityFlag", approve).data_set.security_flag


def test_the_status_tells_size_queue_and_line(
    line: Line, enrol_request: nap_pb2.EnrolRequest
) -> None:
    line().call("Enrol", enrol_request)
    status = line("administrator").call("GetStatus", nap_pb2.GetStatusRequest())
    assert status.persons == 1
    assert status.gallery_equals_store
    assert status.queued_normal == 1
    assert not status.central_reachable
    assert len(status.models) == 3


def test_every_position_code_is_the_standards() -> None:
    for position in FingerPosition:
        name = position.name if position else "UNSPECIFIED"
        assert int(terms_pb2.FingerPosition.Value(f"FINGER_POSITION_{name}")) == int(position)


def test_a_declared_incident_extends_the_limit_of_who_names_it(
    line: Line, enrol_request: nap_pb2.EnrolRequest
) -> None:
    started = Timestamp()
    started.FromJsonString("2026-09-01T10:00:00Z")
    declared = line("supervisor").call(
        "DeclareExtension",
        nap_pb2.DeclareExtensionRequest(
            request_id="d", kind=nap_pb2.EXTENSION_KIND_TECHNICAL, starts_at=started
        ),
    )
    enrol_request.clock.technical_incident_id = declared.extension_id
    receipt = line().call("Enrol", enrol_request).receipt
    registered = enrol_request.data_set.event.occurred_at
    hours = (receipt.transmit_by.seconds - registered.seconds) / 3600
    assert hours == 120


def test_an_incident_that_nobody_declared_extends_nothing(
    line: Line, enrol_request: nap_pb2.EnrolRequest
) -> None:
    enrol_request.clock.technical_incident_id = "no such record"
    refusal = _refusal(line(), "Enrol", enrol_request)
    assert {one.code for one in refusal.violations} == {"V16"}


def test_an_auditor_reads_who_did_what_and_that_the_chain_holds(
    line: Line, enrol_request: nap_pb2.EnrolRequest
) -> None:
    number = line().call("Enrol", enrol_request).receipt.reference_number
    request = nap_pb2.ReadAuditRequest(reference_number=number)
    entries = line("auditor").call("ReadAudit", request).entries
    assert [(entry.act, entry.user) for entry in entries] == [("ENROL", "user-capture_station")]
    verdict = line("auditor").call("VerifyAudit", nap_pb2.VerifyAuditRequest())
    assert verdict.entries >= 2
    assert verdict.broken_at == 0
    assert _refusal(line("asylum_desk"), "ReadAudit", request).code == "PERMISSION_DENIED"
