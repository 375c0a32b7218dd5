"""From a capture as it was received to a reference, its quality, and whether that will do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from interfaces import wire
from interfaces.eurodac import capture as law
from interfaces.eurodac.codes import broken
from interfaces.eurodac.comparison import face_compared
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.errors import Violation
from interfaces.formats import Capture
from interfaces.pb.eurodac.central.v1 import terms_pb2
from matcher.placement import Misplacement
from matcher.vocabulary import (
    TEN_FINGERS,
    FaceSample,
    FingerPosition,
    Quality,
    Reference,
    Sample,
)
from node import acts
from node.access import Act, Actor, Purpose
from node.acts import Deed
from node.assembly import Node
from node.audit import Outcome
from node.settings import QualityGate
from node.vocabulary import SampleQuality

CLOCK_SKEW = timedelta(minutes=5)
"""How far a station's clock may be ahead of ours before a taking counts as in the future."""


@dataclass(frozen=True, slots=True, eq=False)
class Examined:
    """A capture with what the matcher made of it. sufficient: good enough to be sent on.

    misplaced: fingers that were captured under two positions.
    """

    reference: Reference
    samples: tuple[SampleQuality, ...]
    sufficient: bool
    misplaced: tuple[Misplacement, ...]


@dataclass(frozen=True, slots=True)
class Assessment:
    """Answer of assess(): quality of every sample, and whether an enrolment would take them."""

    samples: tuple[SampleQuality, ...]
    sufficient: bool


def assess(node: Node, actor: Actor, message: terms_pb2.Capture) -> Assessment:
    """Quality of every sample of a capture; nothing is stored."""
    deed = Deed(actor, Act.ASSESS_QUALITY, Purpose.IRREGULAR_MIGRATION)
    with acts.conduct(node, deed):
        examined = examine(node, wire.capture_from(message))
        acts.record(node, deed, Outcome.DONE, detail=f"{len(examined.samples)} samples")
        return Assessment(examined.samples, examined.sufficient)


def examine(node: Node, capture: Capture) -> Examined:
    """Extract the reference of a capture and judge every sample by the node's quality gate."""
    samples: list[Sample] = [*capture.fingers, *capture.faces]
    extraction = node.engine.extract(samples)
    judged = tuple(
        _judge(sample, quality, node.settings.quality)
        for sample, quality in zip(samples, extraction.qualities, strict=True)
    )
    sufficient = _suffices(judged, capture, node.settings.quality)
    return Examined(extraction.reference, judged, sufficient, extraction.misplaced)


def check_placement(examined: Examined) -> tuple[Violation, ...]:
    """What the ridges say against the positions: a swap (Q02), or a finger there twice (Q06)."""
    return tuple(
        law.check_placement(pair.one, pair.other, swapped=pair.swapped)
        for pair in examined.misplaced
    )


def check_fingers(capture: Capture) -> tuple[Violation, ...]:
    """What keeps the fingers from standing for one person: each in its place, or declared."""
    present = {finger.position for finger in capture.fingers}
    return (*law.check_fingers(present, missing_codes(capture)), *check_positions(capture))


def check_photographs(capture: Capture) -> tuple[Violation, ...]:
    """What keeps the photographs from standing for one person: more than one."""
    if len(capture.faces) <= 1:
        return ()
    rule = "One photograph of the person is sent."
    return (broken("V05", "capture.face", "38(1)", rule=rule),)


def check_positions(capture: Capture) -> tuple[Violation, ...]:
    """What keeps a capture from serving as reference: a finger that names no position."""
    if all(finger.position is not FingerPosition.UNKNOWN for finger in capture.fingers):
        return ()
    rule = "Every finger of a person names its position."
    return (broken("V05", "capture.fingers", "38(1)", rule=rule),)


def check_past(node: Node, data_set: DataSet) -> Iterator[Violation]:
    """What forbids these instants: limits would count from a day that is still to come."""
    latest = node.now() + CLOCK_SKEW
    taken_at, event = data_set.biometrics_taken_at, data_set.event
    if taken_at is not None and taken_at > latest:
        rule = "Biometrics are taken before they are sent."
        yield broken("V05", "biometrics_taken_at", "17(1)(l)", rule=rule)
    if event is not None and event.occurred_at > latest:
        rule = "What is recorded has happened."
        yield broken("V05", "event", "17(1)(h)", rule=rule)


def missing_codes(capture: Capture) -> Mapping[FingerPosition, str]:
    """Declared missing fingers with their codes of ANSI/NIST-ITL."""
    return {position: str(reason) for position, reason in capture.missing.items()}


def comparable(node: Node, probe: Reference) -> Reference:
    """What of a probe may be compared today: the face only after the switch of Art. 63(5)."""
    with_fingers = bool(probe.fingers)
    if face_compared(node.settings.policy, node.now(), with_fingers):
        return probe
    return Reference(fingers=probe.fingers)


def _judge(sample: Sample, quality: Quality, gate: QualityGate) -> SampleQuality:
    if isinstance(sample, FaceSample):
        position, lowest = None, gate.face
    else:
        position, lowest = sample.position, gate.finger
    return SampleQuality(
        position=position,
        score=quality.score,
        components=dict(quality.components),
        hint=quality.hint,
        sufficient=quality.score >= lowest,
    )


def _suffices(samples: tuple[SampleQuality, ...], capture: Capture, gate: QualityGate) -> bool:
    """Enough good fingers of those that the person has, and a good photograph if there is one."""
    good = {sample.position for sample in samples if sample.position and sample.sufficient}
    wanted = min(gate.good_fingers, len(TEN_FINGERS) - len(capture.missing))
    faces = [sample for sample in samples if sample.position is None]
    return len(good) >= wanted and (not faces or any(face.sufficient for face in faces))
