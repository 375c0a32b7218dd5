"""The matcher as one object: samples in; references, comparisons and explanations out.

    engine = Engine.open(models)
    probe = engine.extract(samples).reference
    engine.compare(probe, reference).score >= threshold

One engine serves all threads.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from matcher import templates
from matcher.calibration import finger_score
from matcher.embedding import MODEL as VECTORS
from matcher.errors import Malformed, ModelUnavailable
from matcher.face import EMBEDDING, FaceEngine, face_score
from matcher.face import compare as compare_faces
from matcher.finger import FingerEngine
from matcher.gallery import Gallery
from matcher.lineup import (
    check_models,
    is_comparable,
    line_up,
    name_finger_model,
    name_vector_model,
    settle,
)
from matcher.pairing import Described, Pairing, compare, describe, explain
from matcher.placement import Misplacement, find_misplaced
from matcher.vocabulary import (
    MINUTIA,
    Comparison,
    FaceSample,
    FaceTemplate,
    FingerPosition,
    FingerSample,
    FingerTemplate,
    Quality,
    Reference,
    Sample,
)

PLAIN_THUMBS = {
    FingerPosition.RIGHT_THUMB_PLAIN: FingerPosition.RIGHT_THUMB,
    FingerPosition.LEFT_THUMB_PLAIN: FingerPosition.LEFT_THUMB,
}
"""Codes of a single thumb taken flat beside the four-finger slaps: the finger is the same."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Extraction:
    """What became of some samples of one person. qualities: one per sample, in their order.

    misplaced: fingers under two positions, among all samples and not only those of the reference.
    """

    reference: Reference
    qualities: tuple[Quality, ...]
    misplaced: tuple[Misplacement, ...] = ()


class Engine:
    """Knows the order of the stages; holds the nets.

    faces: None for an engine that takes no photographs but compares everything. prints: None for
    one whose finger templates carry no vectors. models: ids of the models in use.
    """

    def __init__(
        self, faces: FaceEngine | None = None, *, prints: FingerEngine | None = None
    ) -> None:
        self._faces = faces
        self._prints = prints or FingerEngine()
        self.models: tuple[str, ...] = (*self._prints.models, *([EMBEDDING] if faces else []))

    @classmethod
    def open(cls, models: Path) -> Engine:
        """Load the nets and compile the kernels, so that the first request is as fast as others.

        Raises ModelUnavailable, naming the command that prepares what is missing.
        """
        began = time.monotonic()
        engine = cls(FaceEngine.open(models), prints=FingerEngine.open(models))
        log.info("warming the matcher; a first start compiles its kernels")
        engine._warm()
        log.info("matcher ready after %.1f s: %s", time.monotonic() - began, engine.models)
        return engine

    def extract(self, samples: Sequence[Sample]) -> Extraction:
        """The reference of one person from the samples of one capture.

        Of several samples of one finger (flat and rolled), or several photographs, the template
        of the best quality is kept, the first where equal: a second one of the same skin would
        count twice. Fingers of unknown position are all kept. A finger that comes alone is read at
        several poses, since a search has no other to find its person by; whoever does not search
        pays three milliseconds for it. Raises Malformed for slaps, which must have been split into
        fingers, and for samples beyond the limits.
        """
        alone = _is_one_finger([one for one in samples if isinstance(one, FingerSample)])
        extracted = [self._extract(sample, turned=alone) for sample in samples]
        found = [template for template, _ in extracted if template is not None]
        prints = [template for template in found if isinstance(template, FingerTemplate)]
        faces = [template for template in found if isinstance(template, FaceTemplate)]
        face = max(faces, key=lambda template: template.quality, default=None)
        return Extraction(
            Reference(_choose_fingers(prints), face),
            tuple(quality for _, quality in extracted),
            find_misplaced(prints),
        )

    def is_current(self, reference: Reference) -> bool:
        """Whether this engine would make templates of the same models, vectors among them.

        A finger without minutiae may have none; every other has one since there are vectors.
        """
        if not templates.models_of(reference) <= set(self.models):
            return False
        return VECTORS not in self.models or all(
            finger.vector_model or not len(finger.minutiae) for finger in reference.fingers
        )

    def compare(self, probe: Reference, reference: Reference) -> Comparison:
        """Compare a probe with one reference over everything that both have.

        Faces that one side lacks, and every finger that one side lacks, are left out. Raises
        ModelMismatch for templates of different models, and Malformed where the reference has a
        finger of unknown position.
        """
        check_models(name_finger_model(probe.fingers), name_finger_model(reference.fingers))
        check_models(name_vector_model(probe.fingers), name_vector_model(reference.fingers))
        if any(finger.position is FingerPosition.UNKNOWN for finger in reference.fingers):
            raise Malformed("a reference names the position of every finger")
        lineup, theirs = line_up(probe), _describe_by_position(reference)
        ours = [describe(finger) for finger in lineup.fingers]
        raw = [
            compare(ours[finger], theirs[position]) if position in theirs else np.nan
            for finger, position in lineup.meetings
        ]
        cosine = np.nan
        if lineup.face is not None and reference.face is not None:
            cosine = compare_faces(lineup.face, reference.face)
        scores = finger_score(np.array([raw], np.float32))
        faces = face_score(np.array([cosine], np.float32))
        return settle(lineup, scores, faces).describe(0)

    def explain(self, probe: FingerTemplate, reference: FingerTemplate) -> Pairing:
        """Which minutiae of two fingers belong together, for the expert's screen."""
        check_models(probe.model, reference.model)
        return explain(describe(probe), describe(reference))

    def _extract(
        self, sample: Sample, *, turned: bool
    ) -> tuple[FingerTemplate | FaceTemplate | None, Quality]:
        if isinstance(sample, FaceSample):
            return self._extract_face(sample)
        position = PLAIN_THUMBS.get(sample.position, sample.position)
        if position is not FingerPosition.UNKNOWN and not position.is_finger:
            raise Malformed("a slap must be split into fingers before extraction")
        return self._prints.extract(replace(sample, position=position), turned=turned)

    def _extract_face(self, sample: FaceSample) -> tuple[FaceTemplate | None, Quality]:
        if self._faces is None:
            raise ModelUnavailable("this engine was started without the face models")
        return self._faces.extract(sample)

    def _warm(self) -> None:
        """Run every compiled path once on made-up input."""
        ridges = 127 + 100 * np.sin(np.add.outer(np.arange(300) ** 2 / 900, np.arange(300) / 1.5))
        finger, _ = self._prints.extract(FingerSample(ridges.astype(np.uint8), 500.0))
        if self._faces is not None:
            self._faces.extract(FaceSample(np.zeros((64, 64, 3), np.uint8)))
        scattered = np.zeros(16, MINUTIA)
        for name, top in {"x": 4000, "y": 4000, "angle": 65535}.items():
            scattered[name] = np.random.default_rng(0).integers(0, top, 16)
        thumb = replace(finger, minutiae=scattered, position=FingerPosition.RIGHT_THUMB)
        person = Reference((thumb,), FaceTemplate(np.ones(1, np.float32), 0, EMBEDDING))
        probe = replace(person, fingers=(replace(thumb, position=FingerPosition.UNKNOWN),))
        gallery = Gallery()
        gallery.enrol(0, person)
        gallery.search(probe, threshold=0.0)
        self.explain(thumb, thumb)


def _is_one_finger(samples: Sequence[FingerSample]) -> bool:
    """Whether all samples are of one finger; of unknown position, each is taken for another."""
    positions = {PLAIN_THUMBS.get(one.position, one.position) for one in samples}
    return len(positions) == 1 and (len(samples) == 1 or FingerPosition.UNKNOWN not in positions)


def _choose_fingers(fingers: Iterable[FingerTemplate]) -> tuple[FingerTemplate, ...]:
    """One finger per position, the best; all of unknown position, as they came."""
    best: dict[FingerPosition, FingerTemplate] = {}
    unknown = []
    for finger in fingers:
        if finger.position is FingerPosition.UNKNOWN:
            unknown.append(finger)
        elif finger.position not in best or finger.quality > best[finger.position].quality:
            best[finger.position] = finger
    return (*unknown, *(best[position] for position in sorted(best)))


def _describe_by_position(reference: Reference) -> dict[FingerPosition, Described]:
    usable = (finger for finger in reference.fingers if is_comparable(finger))
    return {finger.position: describe(finger) for finger in usable}
