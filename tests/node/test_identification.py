"""Identification: own references only, explicit outcomes, nothing stored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from interfaces.eurodac.errors import RuleBroken
from interfaces.pb.eurodac.central.v1 import terms_pb2
from node import enrolment, identification
from node.access import Actor
from node.assembly import Node
from node.enrolment import Enrolment
from node.errors import AccessDenied, NotFound
from node.identification import Finding, Verdict
from node.store import biometrics, dossiers, records

CaptureOf = Callable[..., terms_pb2.Capture]


@pytest.fixture
def number(node: Node, station: Actor, enrolment_of: Callable[..., Enrolment]) -> str:
    return enrolment.enrol(node, station, enrolment_of(1)).reference_number


def bare(message: terms_pb2.Capture) -> terms_pb2.Capture:
    """The capture with pictures of a face where the fingers should be, and no face."""
    empty = terms_pb2.Capture()
    empty.CopyFrom(message)
    for finger in empty.fingers:
        finger.image, finger.dpi = message.face.image, 500
    empty.ClearField("face")
    return empty


def test_a_person_is_found_again_by_another_capture(
    node: Node, desk: Actor, number: str, capture_of: CaptureOf
) -> None:
    found = identification.identify(node, desk, capture_of(1, 1))
    assert (found.finding, found.persons_searched) == (Finding.CANDIDATES, 1)
    (candidate,) = found.candidates
    assert candidate.reference_number == number
    assert candidate.score >= node.settings.thresholds.identify
    assert len(candidate.finger_scores) == 2
    # The switch of Art. 63(5) is off: faces are not compared.
    assert candidate.face_score is None


def test_a_stranger_is_a_clear_negative(
    node: Node, desk: Actor, number: str, capture_of: CaptureOf
) -> None:
    found = identification.identify(node, desk, capture_of(2))
    assert (found.finding, found.candidates) == (Finding.NEGATIVE, ())


def test_what_cannot_be_compared_is_inconclusive_and_no_negative(
    node: Node, desk: Actor, number: str, capture_of: CaptureOf
) -> None:
    found = identification.identify(node, desk, bare(capture_of(1)))
    assert (found.finding, found.candidates) == (Finding.INCONCLUSIVE, ())


def test_a_search_stores_nothing_but_its_record(
    node: Node, desk: Actor, number: str, capture_of: CaptureOf
) -> None:
    identification.identify(node, desk, capture_of(1, 1))
    with node.store.read() as transaction:
        assert biometrics.count_references(transaction) == 1
        last = list(records.walk(transaction))[-1]
    assert (last.record.act, last.record.detail) == ("IDENTIFY", "CANDIDATES 1")


def test_who_is_past_the_last_second_is_found_by_nobody_before_any_sweep(
    *,
    node: Node,
    station: Actor,
    desk: Actor,
    clock: Any,
    enrolment_of: Callable[..., Enrolment],
    capture_of: CaptureOf,
) -> None:
    numbers = [
        enrolment.enrol(node, station, enrolment_of(1, taking)).reference_number
        for taking in (0, 1)
    ]
    last = clock().replace(hour=23, minute=59, second=59)
    with node.store.write() as transaction:
        dossiers.change(transaction, numbers[0], retained_until=last)
    # The first resembles the probe most; past its end it takes no place in a list of one.
    for at, found in (
        (last + timedelta(milliseconds=999), numbers[0]),
        (last + timedelta(seconds=1), numbers[1]),
    ):
        clock.time = at
        listed = identification.identify(node, desk, capture_of(1), at_most=1)
        assert [one.reference_number for one in listed.candidates] == [found]
    with pytest.raises(NotFound):
        identification.compare(node, station, capture_of(1), reference_number=numbers[0])
    # Nothing swept in between.
    assert len(node.gallery) == 2


def test_a_station_does_not_search(node: Node, station: Actor, capture_of: CaptureOf) -> None:
    with pytest.raises(AccessDenied):
        identification.identify(node, station, capture_of(1))


def test_a_capture_is_compared_with_an_own_data_set(
    node: Node, station: Actor, number: str, capture_of: CaptureOf
) -> None:
    same = identification.compare(node, station, capture_of(1, 1), reference_number=number)
    other = identification.compare(node, station, capture_of(2), reference_number=number)
    assert (same.verdict, other.verdict) == (Verdict.MATCH, Verdict.NO_MATCH)
    assert same.score >= same.threshold > other.score


def test_two_captures_are_compared(node: Node, station: Actor, capture_of: CaptureOf) -> None:
    same = identification.compare(node, station, capture_of(1, 1), capture=capture_of(1))
    assert same.verdict is Verdict.MATCH


def test_nothing_in_common_is_inconclusive(
    node: Node, station: Actor, capture_of: CaptureOf
) -> None:
    found = identification.compare(node, station, bare(capture_of(1)), capture=capture_of(1))
    assert found.verdict is Verdict.INCONCLUSIVE


def test_an_unknown_data_set_is_not_found(
    node: Node, station: Actor, capture_of: CaptureOf
) -> None:
    with pytest.raises(NotFound):
        identification.compare(node, station, capture_of(1), reference_number="DK1000000099K")


def test_something_to_compare_with_is_needed(
    node: Node, station: Actor, capture_of: CaptureOf
) -> None:
    with pytest.raises(RuleBroken, match="against"):
        identification.compare(node, station, capture_of(1))
