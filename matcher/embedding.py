"""One finger as a vector of fixed length: prints of one finger give vectors close to each other.

    sample -> features -> pose -> upright patch around the core -> network -> unit vector

One patch is enough: the network was trained with poses that are missed, and averaging patches
cut a little beside the pose changed no error rate.
"""

from __future__ import annotations

from dataclasses import dataclass
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

MODEL = "finger-vector-2"
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
    read.
    """

    vector: Floats
    reliability: float
    pose: Pose


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

    def embed(self, sample: FingerSample) -> Embedded:
        """The vector of a sample. Raises Malformed for samples outside the limits."""
        return self.embed_features(read_features(sample))

    def embed_features(self, features: Features) -> Embedded:
        """The vector of maps that were read before."""
        if features.is_empty:
            return Embedded(np.zeros(DIMENSIONS, np.float32), 0.0, NOWHERE)
        pose = self.find_pose(features)
        patch = cut(features, pose)
        (vector,) = self.embed_patches(patch[None])
        return Embedded(vector, rely(features, patch, pose), pose)

    def find_pose(self, features: Features) -> Pose:
        """The pose of maps that were read before."""
        return self._poses.find(features.flow)

    def embed_patches(self, patches: Floats) -> Floats:
        """Unit vectors of patches, one each."""
        (vectors,) = self._session.run(None, {"patch": patches})
        return normalise(np.asarray(vectors, np.float32))


def normalise(vectors: Floats) -> Floats:
    """Bring vectors along the last axis to length one."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    result: Floats = vectors / np.maximum(length, np.float32(1e-12))
    return result


def rely(features: Features, patch: Floats, pose: Pose) -> float:
    """How much a vector is worth, 0-1: much skin seen, a sure pose, ridges that flow clearly.

    The square root of their product: two vectors count together by the product of their
    reliabilities.
    """
    cosine, sine, share = features.flow
    clarity = float(np.hypot(cosine, sine).sum() / max(float(share.sum()), 1.0))
    return float(np.sqrt(min(1.0, float(patch[1].mean()) * pose.confidence * clarity)))


def cut(features: Features, pose: Pose) -> Floats:
    """The upright patch around a pose: ridges and area, shape (2, PATCH_PX, PATCH_PX)."""
    matrix = place(pose)
    size = (PATCH_PX, PATCH_PX)
    ridges = features.ridges.astype(np.float32)
    flags = cv2.WARP_INVERSE_MAP
    wave = cv2.warpAffine(ridges, matrix, size, flags=flags | cv2.INTER_CUBIC)
    inside = cv2.warpAffine(features.inside, matrix, size, flags=flags | cv2.INTER_LINEAR)
    return np.stack([wave / np.float32(LEVELS), inside / np.float32(255)])


def place(pose: Pose, missed: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> NDArray[np.float64]:
    """The affine map, shape (2, 3), from patch pixels to map pixels.

    missed: for training, how far beside the pose, in patch pixels to the right and down, and in
    radians.
    """
    right, down, turn = missed
    angle = pose.angle - UPRIGHT + turn
    cosine, sine = np.cos(angle), np.sin(angle)
    turned = np.array([[cosine, sine], [-sine, cosine]])
    core = (np.array([pose.x, pose.y]) + 0.5) / MAP_STEP_PX - 0.5
    corner = core + turned @ (np.array([right, down]) - CORE_AT_PX)
    return np.column_stack([turned, corner])
