"""One finger as a vector of fixed length: prints of one finger give vectors close to each other.

    sample -> features -> pose -> upright patch around the core -> network -> unit vector

One patch is enough for a print that is enrolled: the network was trained with poses that are
missed, and averaging patches cut a little beside the pose changed no error rate. A probe that is
one finger is read at several poses instead, and the best of its comparisons counts: a pose that
was missed on either side is then often found again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from matcher.codes import DIMENSIONS
from matcher.features import LEVELS, MAP_STEP_PX, Features, read_features
from matcher.pose import UPRIGHT, Pose, PoseFinder
from matcher.runtime import open_session
from matcher.spectrum import Floats
from matcher.vocabulary import FingerSample

MODEL = "finger-vector-4"
"""Manifest id of the network; also the id of vectors, which changes whenever they would."""

PATCH_PX = 144
"""Side of the patch at 250 dpi: 14.6 mm, as much as most flat prints show around the core."""

CORE_AT_PX = (71.5, 63.5)
"""Column and row of the core in the patch: in the middle, and a little above it, because more of
a print lies below its core than above."""


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """The vector of one print.

    vector: float32 (DIMENSIONS,), of length one; all zero for a print without a finger, which is
    like no other. reliability: 0-1, how much the vector is worth in fusion. pose: where it was
    read. others: float32 (n, DIMENSIONS), the vectors at other poses: 2 or 4 if they were wanted
    and a finger is there, else none.
    """

    vector: Floats
    reliability: float
    pose: Pose
    others: Floats = field(default_factory=lambda: np.zeros((0, DIMENSIONS), np.float32))


TURNS = (0.2, -0.2)
"""Radians by which a probe is turned. The angle is the part of the pose that is missed most on
real prints; of turns from 0.06 to 0.3 this one served best on odd fingers, and two pairs of
turns or shifts of the core added nothing beyond chance."""

UNSURE = 0.9
"""Confidence below which a probe is read at other peaks as well: one real print in ten."""

OTHER_PEAKS = 2
"""Further peaks that are tried; the second one mends most, the third a little."""

SLOPE, DOUBT = 29.26, 18.76
"""How a cosine becomes evidence; fitted by `benchmarks.embedding --fit-evidence`."""

NOWHERE = Pose(0.0, 0.0, UPRIGHT, 0.0)
"""The pose of a print without a finger."""


class Embedder:
    """Turns finger samples into vectors; safe to share between threads."""

    __slots__ = ("_poses", "_session")

    def __init__(self, poses: PoseFinder, session: onnxruntime.InferenceSession) -> None:
        self._poses = poses
        self._session = session

    @classmethod
    def open(cls, models: Path) -> Embedder:
        """Load both networks. Raises ModelUnavailable when one is missing or altered."""
        return cls(PoseFinder.open(models), open_session(models, MODEL))

    def embed(self, sample: FingerSample, *, turned: bool = False) -> Embedded:
        """The vector of a sample. Raises Malformed for samples outside the limits."""
        return self.embed_features(read_features(sample), turned=turned)

    def embed_features(self, features: Features, *, turned: bool = False) -> Embedded:
        """The vector of maps that were read before. turned: whether others are wanted as well."""
        if features.is_empty:
            return Embedded(np.zeros(DIMENSIONS, np.float32), 0.0, NOWHERE)
        pose, *peaks = self._poses.find_several(features.flow, 1 + turned * OTHER_PEAKS)
        patch = cut(features, pose)
        (vector,) = self.embed_patches(patch[None])
        embedded = Embedded(vector, rely(features, patch, pose), pose)
        if turned:
            poses = [replace(pose, angle=pose.angle + turn) for turn in TURNS]
            poses += peaks if pose.confidence < UNSURE else []
            # One by one: a vector depends on its own patch alone, to the last bit.
            others = [self.embed_patches(cut(features, other)[None]) for other in poses]
            embedded = replace(embedded, others=np.concatenate(others))
        return embedded

    def find_pose(self, features: Features) -> Pose:
        """The pose of maps that were read before."""
        return self._poses.find(features.flow)

    def embed_patches(self, patches: Floats) -> Floats:
        """Unit vectors of patches, one each."""
        (vectors,) = self._session.run(None, {"patch": patches})
        return normalise(np.asarray(vectors, np.float32))


def normalise(vectors: Floats) -> Floats:
    """Bring vectors along the last axis to length one."""
    length = np.sqrt(np.sum(vectors * vectors, axis=-1, keepdims=True))
    result: Floats = vectors / np.maximum(length, np.float32(1e-12))
    return result


def weigh(
    cosine: NDArray[np.floating], reference: NDArray[np.floating], probe: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Evidence that a reference and a probe are of one finger: natural log-likelihood ratio.

    cosine: the best over the probe's vectors; reference, probe: reliabilities of both sides; all
    three broadcast. Evidence of several fingers is added up, and one threshold then holds for any
    number of fingers. A pair of no reliability says nothing: evidence 0.
    """
    worth = np.sqrt(np.asarray(reference, np.float64) * probe)
    result: NDArray[np.float64] = worth * (SLOPE * cosine - DOUBT * worth)
    return result


def rely(features: Features, patch: Floats, pose: Pose) -> float:
    """How much a vector is worth, 0-1: much skin seen, a sure pose, ridges that flow clearly.

    The square root of their product: two vectors count together by the product of their
    reliabilities.
    """
    cosine, sine, share = features.flow
    clarity = float(np.hypot(cosine, sine).sum() / max(float(share.sum()), 1.0))
    seen = float(patch[1].sum()) / patch[1].size
    return math.sqrt(min(1.0, seen * pose.confidence * clarity))


def cut(features: Features, pose: Pose) -> Floats:
    """The upright patch around a pose: ridges and area, shape (2, PATCH_PX, PATCH_PX)."""
    matrix = place(pose)
    size = (PATCH_PX, PATCH_PX)
    patch = np.empty((2, *size), np.float32)
    ridges = features.ridges / np.float32(LEVELS)
    flags = cv2.WARP_INVERSE_MAP
    cv2.warpAffine(ridges, matrix, size, patch[0], flags | cv2.INTER_CUBIC)
    inside = cv2.warpAffine(features.inside, matrix, size, flags=flags | cv2.INTER_LINEAR)
    np.divide(inside, np.float32(255), patch[1])
    return patch


def place(pose: Pose, missed: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> NDArray[np.float64]:
    """The affine map, shape (2, 3), from patch pixels to map pixels.

    missed: for training, how far beside the pose, in patch pixels to the right and down, and in
    radians.
    """
    right, down, turn = missed
    angle = pose.angle - UPRIGHT + turn
    cosine, sine = math.cos(angle), math.sin(angle)
    x, y = ((core + 0.5) / MAP_STEP_PX - 0.5 for core in (pose.x, pose.y))
    right, down = right - CORE_AT_PX[0], down - CORE_AT_PX[1]
    turned = [[cosine, sine, x + cosine * right + sine * down]]
    turned += [[-sine, cosine, y - sine * right + cosine * down]]
    return np.array(turned)
