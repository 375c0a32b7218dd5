"""Which finger of a probe meets which finger of a reference, and what comes of all meetings.

Fingers of one position meet each other. A probe finger of unknown position meets every position
that the probe does not hold itself; its best score counts, corrected for the choice. Fingers
with too few minutiae to be compared, and whatever only one side has, take no part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from matcher.errors import Malformed, ModelMismatch
from matcher.fusion import assign_unknown, fuse_rows
from matcher.pairing import MIN_MINUTIAE
from matcher.vocabulary import (
    TEN_FINGERS,
    Comparison,
    FaceTemplate,
    FingerPosition,
    FingerTemplate,
    Reference,
)


@dataclass(frozen=True, slots=True, eq=False)
class Lineup:
    """A probe in the order in which it is compared.

    known: fingers by ascending position. unknown: fingers of unknown position, which meet the
    open positions. face: None where faces are not compared.
    """

    known: tuple[FingerTemplate, ...]
    unknown: tuple[FingerTemplate, ...]
    open_positions: tuple[FingerPosition, ...]
    face: FaceTemplate | None

    @property
    def fingers(self) -> tuple[FingerTemplate, ...]:
        """All fingers that take part."""
        return self.known + self.unknown

    @property
    def meetings(self) -> tuple[tuple[int, FingerPosition], ...]:
        """What the columns of settle() are: index in `fingers`, position of the reference."""
        own = [(index, finger.position) for index, finger in enumerate(self.known)]
        strangers = range(len(self.known), len(self.fingers))
        return (*own, *product(strangers, self.open_positions))


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """The comparisons of one probe with n references.

    fused: float32 (n,), NaN where nothing could be compared. parts: float32 (n, k), calibrated
    scores of the fingers and last the face, NaN where missing. positions: int8 (n, k - 1).
    """

    fused: NDArray[np.float32]
    parts: NDArray[np.float32]
    positions: NDArray[np.int8]

    def part(self, wanted: NDArray[np.bool_]) -> Outcome:
        """The comparisons with some of the references."""
        return Outcome(self.fused[wanted], self.parts[wanted], self.positions[wanted])

    def describe(self, row: int) -> Comparison:
        """The comparison with one reference in the words of the vocabulary."""
        fingers = {
            FingerPosition(int(position)): float(score)
            for position, score in zip(self.positions[row], self.parts[row, :-1], strict=True)
            if not np.isnan(score)
        }
        face, score = float(self.parts[row, -1]), float(self.fused[row])
        return Comparison(
            score=0.0 if np.isnan(score) else score,
            fingers=dict(sorted(fingers.items())),
            face=None if np.isnan(face) else face,
        )


def join(outcomes: Sequence[Outcome]) -> Outcome:
    """The comparisons of one probe with several groups of references, as one."""
    return Outcome(
        np.concatenate([one.fused for one in outcomes]),
        np.concatenate([one.parts for one in outcomes]),
        np.concatenate([one.positions for one in outcomes]),
    )


def line_up(probe: Reference, *, compare_face: bool = True) -> Lineup:
    """Order a probe for comparison."""
    usable = [finger for finger in probe.fingers if is_comparable(finger)]
    known = sorted((f for f in usable if f.position), key=lambda finger: finger.position)
    held = {finger.position for finger in known}
    return Lineup(
        known=tuple(known),
        unknown=tuple(finger for finger in usable if not finger.position),
        open_positions=tuple(position for position in TEN_FINGERS if position not in held),
        face=probe.face if compare_face else None,
    )


def settle(lineup: Lineup, fingers: NDArray[np.float32], faces: NDArray[np.float32]) -> Outcome:
    """Fuse the calibrated scores of all meetings with n references.

    fingers: float32 (n, meetings); faces: float32 (n,); NaN where a reference lacks the other.
    """
    references, known = len(fingers), len(lineup.known)
    positions = [finger.position for finger in lineup.known]
    parts, places = fingers[:, :known], np.tile(np.array(positions, np.int8), (references, 1))
    if lineup.unknown and lineup.open_positions:
        shape = references, len(lineup.unknown), len(lineup.open_positions)
        best, taken = assign_unknown(fingers[:, known:].reshape(shape))
        parts = np.concatenate([parts, best], axis=1)
        places = np.concatenate([places, np.array(lineup.open_positions, np.int8)[taken]], axis=1)
    parts = np.concatenate([parts, faces[:, None]], axis=1)
    return Outcome(fuse_rows(parts), parts, places)


def is_comparable(finger: FingerTemplate) -> bool:
    """Whether a finger has minutiae enough to be compared at all."""
    return len(finger.minutiae) >= MIN_MINUTIAE


def name_finger_model(fingers: Sequence[FingerTemplate]) -> str | None:
    """The model id that all fingers share; raises ModelMismatch if they do not."""
    models = {finger.model for finger in fingers}
    if len(models) > 1:
        raise ModelMismatch("the fingers of one reference come from different models")
    return next(iter(models), None)


def name_vector_model(fingers: Sequence[FingerTemplate]) -> str | None:
    """The model id that all vectors share, None without any; ModelMismatch if they do not."""
    models = {finger.vector_model for finger in fingers if finger.vector_model}
    if len(models) > 1:
        raise ModelMismatch("the vectors of one reference come from different models")
    return next(iter(models), None)


def check_models(one: str | None, other: str | None) -> None:
    """Refuse to compare templates of different models; None stands for no template."""
    if one is not None and other is not None and one != other:
        raise ModelMismatch("templates of different models were to be compared")


@dataclass(slots=True)
class Models:
    """The models of a gallery: those of whatever was enrolled first, and those for good.

    face_dimensions: length of its face vectors. None stands for a kind that nobody has yet.
    """

    fingers: str | None = None
    vectors: str | None = None
    face: str | None = None
    face_dimensions: int | None = None

    def adopt(self, reference: Reference) -> None:
        """Make a reference's models the gallery's; ModelMismatch or Malformed if it has others."""
        self._check(reference, reference.face)
        self.fingers = self.fingers or name_finger_model(reference.fingers)
        self.vectors = self.vectors or name_vector_model(reference.fingers)
        if reference.face is not None:
            self.face, self.face_dimensions = reference.face.model, len(reference.face.vector)

    def check_probe(self, probe: Reference, lineup: Lineup) -> None:
        """Refuse probes of other models, their faces only where faces are compared."""
        self._check(probe, lineup.face)

    def _check(self, reference: Reference, face: FaceTemplate | None) -> None:
        check_models(name_finger_model(reference.fingers), self.fingers)
        check_models(name_vector_model(reference.fingers), self.vectors)
        if face is not None and self.face is not None:
            check_models(face.model, self.face)
            if self.face_dimensions != len(face.vector):
                raise Malformed("a face vector is not as long as others of its model")
