"""Recapture: better biometrics under the same number, when they are wanted and not otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.terms import MarkType
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from matcher import templates
from node import casework, enrolment, marks, recapture
from node.access import Actor
from node.assembly import Node
from node.enrolment import Enrolment
from node.errors import NotFound, OutOfTurn
from node.marks import MarkChange
from node.recapture import Recapture
from node.store import biometrics, dossiers, parcels, tasks
from node.vocabulary import Delivery, EnrolmentOutcome, TaskKind

EnrolmentOf = Callable[..., Enrolment]
CaptureOf = Callable[..., terms_pb2.Capture]


def methods_waiting(node: Node, number: str) -> list[str]:
    with node.store.read() as transaction:
        return [parcel.method for parcel in parcels.find_waiting(transaction, number)]


def wanted_of(node: Node, number: str, capture: terms_pb2.Capture, name: str = "r") -> Recapture:
    return Recapture(name, number, capture, node.now() - timedelta(minutes=1))


@pytest.fixture
def waiting(node: Node, station: Actor, enrolment_of: EnrolmentOf) -> str:
    """Number of a data set whose first capture had no finger that could be compared."""
    poor = terms_pb2.Capture()
    poor.CopyFrom(enrolment_of(1).capture)
    for finger in poor.fingers:
        finger.image = poor.face.image
        finger.dpi = 500
    receipt = enrolment.enrol(node, station, enrolment_of(1, capture=poor))
    assert receipt.outcome is EnrolmentOutcome.RECAPTURE_WANTED
    return receipt.reference_number


def test_good_prints_send_the_waiting_data_set_on_under_its_number(
    *, node: Node, station: Actor, desk: Actor, waiting: str, capture_of: CaptureOf
) -> None:
    receipt = recapture.recapture(node, station, wanted_of(node, waiting, capture_of(1)))
    assert (receipt.reference_number, receipt.outcome) == (waiting, EnrolmentOutcome.ACCEPTED)
    case = casework.get_case(node, desk, waiting)
    assert (case.delivery, [task.kind for task in case.tasks]) == (
        Delivery.QUEUED,
        [TaskKind.TRANSMIT],
    )
    assert case.tasks[0].due == node.now() + timedelta(hours=71)
    assert methods_waiting(node, waiting) == ["TransmitDataSet"]
    assert len(node.gallery) == 1
    repeated = recapture.recapture(node, station, wanted_of(node, waiting, capture_of(1)))
    assert repeated == receipt
    assert methods_waiting(node, waiting) == ["TransmitDataSet"]


def test_poor_prints_once_more_change_nothing(
    node: Node, station: Actor, waiting: str, capture_of: CaptureOf
) -> None:
    poor = terms_pb2.Capture()
    poor.CopyFrom(capture_of(1))
    for finger in poor.fingers:
        finger.image, finger.dpi = poor.face.image, 500
    receipt = recapture.recapture(node, station, wanted_of(node, waiting, poor))
    assert receipt.outcome is EnrolmentOutcome.RECAPTURE_WANTED
    assert [task.kind for task in receipt.tasks] == [TaskKind.RECAPTURE]
    assert methods_waiting(node, waiting) == []


def test_biometrics_that_nobody_wants_are_refused(
    node: Node, station: Actor, enrolment_of: EnrolmentOf, capture_of: CaptureOf
) -> None:
    number = enrolment.enrol(node, station, enrolment_of(1)).reference_number
    with pytest.raises(OutOfTurn):
        recapture.recapture(node, station, wanted_of(node, number, capture_of(1)))


def test_an_unknown_number_is_not_found(node: Node, station: Actor, capture_of: CaptureOf) -> None:
    with pytest.raises(NotFound):
        recapture.recapture(node, station, wanted_of(node, "DK1000000099K", capture_of(1)))


def test_a_retake_follows_its_transmission_and_replaces_the_reference(
    node: Node, station: Actor, enrolment_of: EnrolmentOf, capture_of: CaptureOf
) -> None:
    first = enrolment.enrol(node, station, enrolment_of(1, fingertips_impaired=True))
    number = first.reference_number
    with node.store.read() as transaction:
        before = biometrics.get_reference(transaction, number, node.now())
    receipt = recapture.recapture(node, station, wanted_of(node, number, capture_of(1, 1)))
    assert methods_waiting(node, number) == ["TransmitDataSet", "ResendBiometrics"]
    assert receipt.limit_article == "15(1)"
    assert receipt.transmit_by == node.now() - timedelta(minutes=1) + timedelta(hours=48)
    with node.store.read() as transaction:
        after = biometrics.get_reference(transaction, number, node.now())
        stored = dossiers.find(transaction, number).content
        second = parcels.find_waiting(transaction, number)[1]
        opened = tasks.find_open(transaction, number)
    assert templates.encode(after) != templates.encode(before)
    assert stored.biometrics_taken_at == node.now() - timedelta(minutes=1)
    request = central_pb2.ResendBiometricsRequest.FromString(second.content)
    assert request.capture == capture_of(1, 1)
    assert TaskKind.RETAKE not in {task.kind for task in opened}
    assert len(node.gallery) == 1


def test_a_minor_is_safeguarded_at_the_retake_too(
    node: Node, station: Actor, waiting: str, capture_of: CaptureOf
) -> None:
    with node.store.write() as transaction:
        content = dossiers.find(transaction, waiting).content
        dossiers.put_content(transaction, replace(content, date_of_birth="2015-01-01"))
    with pytest.raises(RuleBroken, match="V11"):
        recapture.recapture(node, station, wanted_of(node, waiting, capture_of(1)))


def test_a_mark_set_while_waiting_follows_the_transmission(
    *, node: Node, station: Actor, desk: Actor, waiting: str, capture_of: CaptureOf
) -> None:
    marks.set_mark(node, desk, MarkChange("m1", waiting, MarkType.PROTECTION))
    assert methods_waiting(node, waiting) == []
    recapture.recapture(node, station, wanted_of(node, waiting, capture_of(1)))
    assert methods_waiting(node, waiting) == ["TransmitDataSet", "SetMark"]
    with node.store.read() as transaction:
        first = parcels.find_waiting(transaction, waiting)[0]
    request = central_pb2.TransmitDataSetRequest.FromString(first.content)
    assert list(request.data_set.marks) == []
