"""Enrolment: allowed, lawful, good enough, durable, searchable, once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from interfaces.eurodac.capture import Accompaniment, AgeProof, MinorSafeguards
from interfaces.eurodac.categories import Category
from interfaces.eurodac.circumstances import Circumstances
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.terms import Mark, MarkType
from interfaces.formats import FormatRefused
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from matcher import templates
from matcher.digest import digest_entries
from node import assembly, casework, enrolment, loading
from node.access import PARTITIONS, Act, Actor, Role
from node.assembly import Node
from node.audit import Outcome
from node.enrolment import Enrolment
from node.errors import AccessDenied, NotReady, RequestReused
from node.store import biometrics, dossiers, extensions, parcels, records
from node.store.extensions import Extension, ExtensionKind
from node.vocabulary import Delivery, EnrolmentOutcome, Lane, TaskKind

EnrolmentOf = Callable[..., Enrolment]
CaptureOf = Callable[..., terms_pb2.Capture]


def last_record(node: Node) -> tuple[Act, Outcome, str]:
    with node.store.read() as transaction:
        entry = list(records.walk(transaction))[-1]
    return entry.record.act, entry.record.outcome, entry.record.detail


def stored_numbers(node: Node) -> list[str]:
    with node.store.read() as transaction:
        return [one.reference_number for one in biometrics.all_references(transaction)]


def blank(message: terms_pb2.Capture) -> terms_pb2.Capture:
    """The capture with every finger empty glass."""
    grey, out = np.full((400, 360), 200, np.uint8), BytesIO()
    Image.fromarray(grey).save(out, "PNG", dpi=(500, 500))
    poor = terms_pb2.Capture()
    poor.CopyFrom(message)
    for finger in poor.fingers:
        finger.image = out.getvalue()
    return poor


def test_an_enrolment_is_stored_searchable_queued_and_recorded_together(
    node: Node, station: Actor, enrolment_of: EnrolmentOf
) -> None:
    wanted = enrolment_of(1)
    receipt = enrolment.enrol(node, station, wanted)
    number = receipt.reference_number
    assert receipt.outcome is EnrolmentOutcome.ACCEPTED
    assert [sample.sufficient for sample in receipt.samples] == [True, True, True]
    assert receipt.transmit_by == node.now() + timedelta(hours=71)
    assert (receipt.limit_article, receipt.late) == ("15(1)(a)", False)
    assert [task.kind for task in receipt.tasks] == [TaskKind.TRANSMIT]
    assert len(node.gallery) == 1
    assert assembly.gallery_agrees(node)
    with node.store.read() as transaction:
        dossier = dossiers.find(transaction, number)
        assert dossier.delivery is Delivery.QUEUED
        capture = biometrics.get_capture(transaction, number)
        assert terms_pb2.Capture.FromString(capture) == wanted.capture
        (parcel,) = parcels.find_waiting(transaction, number)
    data_set = dossier.content
    assert (data_set.origin, data_set.operator_user_id) == ("DK", station.user)
    assert replace(data_set, origin="", operator_user_id="", reference_number="") == (
        wanted.data_set
    )
    request = central_pb2.TransmitDataSetRequest.FromString(parcel.content)
    assert request.data_set.reference_number == number
    assert request.capture == wanted.capture
    assert request.request_id == parcel.parcel_id
    assert request.include_own
    assert last_record(node) == (Act.ENROL, Outcome.DONE, "ACCEPTED")


def test_numbers_follow_each_other_and_show_the_category(
    node: Node, station: Actor, enrolment_of: EnrolmentOf, applicant: DataSet
) -> None:
    crossing = replace(applicant, category=Category.IRREGULAR_CROSSING)
    found = [
        enrolment.enrol(node, station, enrolment_of(1, request_id=str(count), data_set=data_set))
        for count, data_set in enumerate([applicant, crossing, applicant])
    ]
    numbers = [receipt.reference_number[:12] for receipt in found]
    assert numbers == ["DK1000000001", "DK2000000001", "DK1000000002"]


def test_a_repeated_request_gets_the_same_receipt_and_has_one_effect(
    node: Node, station: Actor, enrolment_of: EnrolmentOf
) -> None:
    first = enrolment.enrol(node, station, enrolment_of(1))
    assert enrolment.enrol(node, station, enrolment_of(1)) == first
    assert stored_numbers(node) == [first.reference_number]
    assert last_record(node)[:2] == (Act.ENROL, Outcome.REPEATED)


@pytest.mark.parametrize(
    "change",
    [
        {"lane": Lane.URGENT},
        {"fingertips_impaired": True},
        {"under_decision_2022_382": True},
        {"clock": Circumstances(custody_until_removal=True)},
        {"safeguards": MinorSafeguards("anna")},
        {"capture": terms_pb2.Capture()},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_request_id_with_other_content_is_refused(
    node: Node, station: Actor, enrolment_of: EnrolmentOf, change: dict[str, object]
) -> None:
    enrolment.enrol(node, station, enrolment_of(1))
    with pytest.raises(RequestReused):
        enrolment.enrol(node, station, enrolment_of(1, **change))
    assert len(stored_numbers(node)) == 1


def test_a_request_id_with_another_name_is_refused(
    node: Node, station: Actor, enrolment_of: EnrolmentOf, applicant: DataSet
) -> None:
    enrolment.enrol(node, station, enrolment_of(1))
    other = replace(applicant, surnames=("Other",))
    with pytest.raises(RequestReused):
        enrolment.enrol(node, station, enrolment_of(1, data_set=other))


def test_two_units_may_choose_the_same_request_id(
    node: Node, station: Actor, enrolment_of: EnrolmentOf
) -> None:
    first = enrolment.enrol(node, station, enrolment_of(1))
    second = enrolment.enrol(node, replace(station, unit="Unit 2"), enrolment_of(1))
    assert first.reference_number != second.reference_number


def test_concurrent_twins_have_one_effect_and_one_answer(
    node: Node, station: Actor, enrolment_of: EnrolmentOf
) -> None:
    wanted, answers = enrolment_of(1), []
    barrier = threading.Barrier(4)

    def ask() -> None:
        barrier.wait()
        answers.append(enrolment.enrol(node, station, wanted))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    assert all(answer == answers[0] for answer in answers)
    assert stored_numbers(node) == [answers[0].reference_number]
    assert len(node.gallery) == 1


def test_who_may_not_enrol_is_denied_before_anything_is_decoded_and_it_is_recorded(
    node: Node, enrolment_of: EnrolmentOf
) -> None:
    auditor = Actor("DK", "Audit", "dora", Role.AUDITOR)
    broken = terms_pb2.Capture(transaction=b"no transaction")
    with pytest.raises(AccessDenied):
        enrolment.enrol(node, auditor, enrolment_of(1, capture=broken))
    assert last_record(node)[:2] == (Act.ENROL, Outcome.DENIED)
    assert stored_numbers(node) == []


def test_bytes_that_are_no_capture_are_refused_and_nothing_is_kept(
    node: Node, station: Actor, enrolment_of: EnrolmentOf
) -> None:
    broken = terms_pb2.Capture(transaction=b"no transaction")
    with pytest.raises(FormatRefused):
        enrolment.enrol(node, station, enrolment_of(1, capture=broken))
    act, outcome, detail = last_record(node)
    assert (act, outcome) == (Act.ENROL, Outcome.REFUSED)
    assert detail.startswith("FormatRefused")
    enrolment.enrol(node, station, enrolment_of(1))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"surnames": ()}, "V04"),
        ({"category": Category.ADMISSION_SEARCH}, "V06"),
        ({"category": Category.TEMP_PROTECTION}, "V06"),
        ({"security_flag": True}, "V08"),
        (
            {"marks": (Mark(MarkType.PROTECTION, "DK", datetime(2026, 9, 1, tzinfo=UTC), False),)},
            "V08",
        ),
        ({"reference_number": "DK1000000099K"}, "V01"),
        ({"biometrics_taken_at": None}, "V04"),
        ({"nationalities": ("DNK",)}, "V10"),
        ({"date_of_birth": "2021-01-01"}, "V03"),
        ({"date_of_birth": "2012-01-01"}, "V11"),
        ({"event": None}, "V04"),
    ],
)
def test_what_the_law_forbids_is_refused_with_its_code_and_nothing_is_kept(
    *,
    node: Node,
    station: Actor,
    enrolment_of: EnrolmentOf,
    applicant: DataSet,
    fields: dict[str, object],
    code: str,
) -> None:
    data_set = replace(applicant, **fields)  # type: ignore[arg-type]
    with pytest.raises(RuleBroken) as refusal:
        enrolment.enrol(node, station, enrolment_of(1, data_set=data_set))
    assert code in {violation.code for violation in refusal.value.violations}
    assert stored_numbers(node) == []
    assert len(node.gallery) == 0


def test_biometrics_from_the_future_are_refused(
    node: Node, station: Actor, enrolment_of: EnrolmentOf, applicant: DataSet
) -> None:
    ahead = replace(applicant, biometrics_taken_at=node.now() + timedelta(minutes=6))
    with pytest.raises(RuleBroken, match="before they are sent"):
        enrolment.enrol(node, station, enrolment_of(1, data_set=ahead))


def test_a_safeguarded_minor_is_enrolled(
    node: Node, station: Actor, enrolment_of: EnrolmentOf, applicant: DataSet
) -> None:
    child = replace(applicant, date_of_birth="2012-01-01")
    safeguards = MinorSafeguards(
        station.user, Accompaniment.FAMILY, "mother of the child", AgeProof.DOCUMENT
    )
    receipt = enrolment.enrol(node, station, enrolment_of(1, data_set=child, safeguards=safeguards))
    assert receipt.outcome is EnrolmentOutcome.ACCEPTED


def test_a_finger_neither_captured_nor_declared_is_refused(
    node: Node, station: Actor, enrolment_of: EnrolmentOf, capture_of: CaptureOf
) -> None:
    capture = terms_pb2.Capture()
    capture.CopyFrom(capture_of(1))
    del capture.missing_fingers[0]
    with pytest.raises(RuleBroken, match="Q03"):
        enrolment.enrol(node, station, enrolment_of(1, capture=capture))


def test_a_bandaged_finger_opens_a_retake(
    node: Node, station: Actor, enrolment_of: EnrolmentOf, capture_of: CaptureOf
) -> None:
    capture = terms_pb2.Capture()
    capture.CopyFrom(capture_of(1))
    capture.missing_fingers[0].reason = terms_pb2.MISSING_REASON_UNABLE_TO_PRINT
    receipt = enrolment.enrol(node, station, enrolment_of(1, capture=capture))
    assert receipt.outcome is EnrolmentOutcome.ACCEPTED
    retake = receipt.tasks[1]
    assert (retake.kind, retake.article, retake.due) == (TaskKind.RETAKE, "15(1)", None)


def test_poor_prints_are_discarded_and_the_number_waits_for_better_ones(
    *, node: Node, station: Actor, desk: Actor, enrolment_of: EnrolmentOf, capture_of: CaptureOf
) -> None:
    receipt = enrolment.enrol(node, station, enrolment_of(1, capture=blank(capture_of(1))))
    assert receipt.outcome is EnrolmentOutcome.RECAPTURE_WANTED
    assert [sample.sufficient for sample in receipt.samples] == [False, False, True]
    assert all(sample.hint for sample in receipt.samples[:2])
    assert stored_numbers(node) == []
    assert len(node.gallery) == 0
    case = casework.get_case(node, desk, receipt.reference_number)
    assert case.delivery is Delivery.RECAPTURE_WANTED
    assert [task.kind for task in case.tasks] == [TaskKind.RECAPTURE]
    assert case.tasks[0].due == receipt.transmit_by
    with node.store.read() as transaction:
        assert parcels.find_waiting(transaction, receipt.reference_number) == ()


def test_impaired_fingertips_are_sent_as_they_are_and_taken_again_later(
    node: Node, station: Actor, enrolment_of: EnrolmentOf, capture_of: CaptureOf
) -> None:
    wanted = enrolment_of(1, capture=blank(capture_of(1)), fingertips_impaired=True)
    receipt = enrolment.enrol(node, station, wanted)
    assert receipt.outcome is EnrolmentOutcome.ACCEPTED
    assert [task.kind for task in receipt.tasks] == [TaskKind.TRANSMIT, TaskKind.RETAKE]


def test_late_data_are_accepted_and_the_lateness_is_told(
    node: Node, station: Actor, enrolment_of: EnrolmentOf, applicant: DataSet
) -> None:
    assert applicant.event is not None
    then = node.now() - timedelta(hours=73)
    late = replace(applicant, event=replace(applicant.event, occurred_at=then))
    receipt = enrolment.enrol(node, station, enrolment_of(1, data_set=late))
    assert (receipt.outcome, receipt.late) == (EnrolmentOutcome.ACCEPTED, True)


def test_a_technical_incident_extends_the_limit_only_once_it_is_on_record(
    node: Node, station: Actor, enrolment_of: EnrolmentOf
) -> None:
    claimed = enrolment_of(1, clock=Circumstances(technical_incident_id="i1"))
    with pytest.raises(RuleBroken, match="V16"):
        enrolment.enrol(node, station, claimed)
    now = node.now()
    with node.store.write() as transaction:
        extensions.add(transaction, Extension("i1", ExtensionKind.TECHNICAL, "bodil", now, now))
    receipt = enrolment.enrol(node, station, claimed)
    assert receipt.transmit_by == now + timedelta(hours=71 + 48)
    assert receipt.limit_article == "15(2)"


def test_a_crash_between_commit_and_publication_loses_nothing(
    *,
    node: Node,
    station: Actor,
    enrolment_of: EnrolmentOf,
    open_at: Callable[..., Node],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from node import acts  # noqa: PLC0415 - the crash is struck into it

    class Killed(BaseException):
        """The process ends here."""

    def kill(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(acts, "publish", kill)
        with pytest.raises(Killed):
            enrolment.enrol(node, station, enrolment_of(1))
    assert len(node.gallery) == 0
    assembly.close(node)
    again = open_at(node.settings.data_folder)
    assert len(again.gallery) == 1
    receipt = enrolment.enrol(again, station, enrolment_of(1))
    assert stored_numbers(again) == [receipt.reference_number]
    with again.store.read() as transaction:
        assert len(parcels.find_waiting(transaction, receipt.reference_number)) == 1


def test_a_crash_before_the_commit_leaves_nothing(
    node: Node, station: Actor, enrolment_of: EnrolmentOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(records, "append", fail)
        with pytest.raises(MemoryError):
            enrolment.enrol(node, station, enrolment_of(1))
    assert stored_numbers(node) == []
    receipt = enrolment.enrol(node, station, enrolment_of(1))
    assert receipt.reference_number.startswith("DK1000000001")


def test_the_gallery_of_a_start_holds_what_the_store_holds(
    node: Node, station: Actor, enrolment_of: EnrolmentOf, open_at: Callable[..., Node]
) -> None:
    for count in range(3):
        enrolment.enrol(node, station, enrolment_of(1, request_id=str(count)))
    before = node.gallery.digest()
    assembly.close(node)
    again = open_at(node.settings.data_folder)
    assert again.gallery.digest() == before
    with again.store.read() as transaction:
        entries = [
            (one.template_id, PARTITIONS[one.category], templates.encode(one.reference))
            for one in biometrics.all_references(transaction)
        ]
    assert digest_entries(entries) == before


def test_a_node_whose_gallery_does_not_agree_with_its_store_is_not_ready(
    *,
    node: Node,
    station: Actor,
    enrolment_of: EnrolmentOf,
    open_at: Callable[..., Node],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    enrolment.enrol(node, station, enrolment_of(1))
    assembly.close(node)
    monkeypatch.setattr(loading, "digest_entries", lambda entries: digest_entries([*entries][1:]))
    with pytest.raises(NotReady):
        open_at(node.settings.data_folder)


def test_no_file_of_the_node_shows_a_name_or_a_print(
    node: Node, station: Actor, enrolment_of: EnrolmentOf, tmp_path: Path
) -> None:
    wanted = enrolment_of(1)
    enrolment.enrol(node, station, wanted)
    node.snapshot.write(node.gallery, node.snapshot.list_dirty(node.gallery))
    files = [path for path in (tmp_path / "dk").rglob("*") if path.is_file()]
    assert len(files) > len(list((tmp_path / "dk").iterdir()))
    stored = b"".join(path.read_bytes() for path in files)
    image = wanted.capture.fingers[0].image
    for secret in (b"Qwertzuiop", b"Asdfgh", b"1990-05-17", image[200:240]):
        assert secret not in stored
