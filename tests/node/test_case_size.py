"""A case with many document scans: told whole where it fits, refused with its remedy where not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from interfaces.doorway import MAX_MESSAGE_BYTES
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.outcome import HitState
from interfaces.eurodac.terms import Authenticity, DocumentScan
from interfaces.formats.errors import FormatRefused
from interfaces.pb.eurodac.nap.v1 import nap_pb2
from interfaces.wire.records import MAX_SCAN_BYTES, MAX_SCANS
from node import enrolment, messages, server
from node.station import Station, StationError
from node.vocabulary import Case, CaseHit, Delivery

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
OWN, HIT = "DK1000000001X", "IT9000000001X"
LARGEST = DocumentScan(True, Authenticity.AUTHENTIC, b"s" * MAX_SCAN_BYTES)
DESK = "C=DK,O=Unit 1,OU=ASYLUM_DESK,CN=anna"


def data_set_of(number: str, scan: DocumentScan = LARGEST) -> DataSet:
    return DataSet(
        Category.APPLICANT_REG,
        number[:2],
        reference_number=number,
        document_scans=(scan,) * MAX_SCANS,
    )


def case_of(hits: int) -> Case:
    bare = CaseHit("h", HIT, data_set_of(HIT), 93.5, {}, None, HitState.CHECKING, NOW)
    return Case(OWN, data_set_of(OWN), Delivery.ANSWERED, 1, hits=(bare,) * hits)


def sizes(case: nap_pb2.Case) -> list[int]:
    """Bytes of the scans of each data set, the case's own first."""
    data_sets = [case.data_set, *(hit.data_set for hit in case.hits)]
    return [sum(len(scan.image) for scan in one.document_scans) for one in data_sets]


def test_a_case_that_does_not_fit_into_a_message_is_refused_with_its_remedy() -> None:
    with pytest.raises(FormatRefused, match="L01 TOO_LARGE") as refused:
        messages.case_to(case_of(hits=2), NOW)
    assert refused.value.field == "case.document_scans"
    assert "scans_of" in refused.value.remedy


@pytest.mark.parametrize(
    ("scans_of", "left"), [("", [0, 0]), (OWN, [1, 0]), (HIT, [0, 1])], ids=["none", "own", "hit"]
)
def test_the_scans_of_one_data_set_always_fit(scans_of: str, left: list[int]) -> None:
    message = messages.case_to(case_of(hits=1), NOW, scans_of=scans_of)
    assert sizes(message) == [MAX_SCANS * MAX_SCAN_BYTES * share for share in left]
    assert len(nap_pb2.GetCaseResponse(case=message).SerializeToString()) <= MAX_MESSAGE_BYTES
    # That there are scans, and of what kind, is told all the same.
    for one in (message.data_set, message.hits[0].data_set):
        assert [scan.identity_document for scan in one.document_scans] == [True] * MAX_SCANS


@pytest.fixture
def desk_line(node: Any, station: Any, enrolment_of: Any, applicant: DataSet) -> Iterator[Any]:
    """A desk's line to a node that holds one data set with a scan, and its number."""
    serving = server.serve(
        replace(
            node,
            settings=replace(node.settings, unsafe_plaintext=True, listen="127.0.0.1:0"),
        )
    )
    scan = DocumentScan(True, Authenticity.AUTHENTIC, b"s" * 5_000)
    wanted = enrolment_of(1, data_set=replace(applicant, document_scans=(scan,)))
    number = enrolment.enrol(node, station, wanted).reference_number
    line = Station(f"127.0.0.1:{serving.doorway.port}", identity=None, actor=DESK)
    yield line, number
    line.close()
    serving.stop()


def test_the_door_refuses_or_leaves_the_scans_out(
    desk_line: tuple[Station, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    line, number = desk_line
    assert sizes(line.call("GetCase", nap_pb2.GetCaseRequest(reference_number=number)).case) == [
        5_000
    ]
    monkeypatch.setattr(messages, "MAX_CASE_BYTES", 4_000)
    for ask in (
        lambda: line.call("GetCase", nap_pb2.GetCaseRequest(reference_number=number)),
        lambda: next(line.watch(number)),
    ):
        with pytest.raises(StationError) as refused:
            ask()
        assert refused.value.code == "INVALID_ARGUMENT"
        assert [(one.code, one.field) for one in refused.value.violations] == [
            ("L01", "case.document_scans")
        ]
    without = nap_pb2.GetCaseRequest(reference_number=number, scans_of="")
    assert sizes(line.call("GetCase", without).case) == [0]
    cases = line.watch(number, scans_of="")
    assert sizes(next(cases)) == [0]
    cases.close()  # type: ignore[attr-defined]
