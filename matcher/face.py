"""Extracts and compares faces: detect, find landmarks, align, embed.

A template is the mean embedding of a few slightly different alignments of the face and of their
mirror images, because landmarks err by a pixel or two, and is compared by its cosine.
"""

from __future__ import annotations

from pathlib import Path
from typing import overload

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from matcher.errors import Malformed, ModelMismatch
from matcher.face_alignment import STRAIGHT, VIEWS, align, align_views
from matcher.face_detection import Box, FaceDetector
from matcher.face_landmarks import FaceLocation, LandmarkCascade
from matcher.face_quality import assess, no_face
from matcher.runtime import PREPARED, open_session
from matcher.vocabulary import FaceSample, FaceTemplate, Quality

__all__ = ["PREPARED", "Box", "FaceEngine", "FaceLocation", "align", "compare"]

EMBEDDING = "face-resnet128-1"
"""Manifest id of the embedding, and the model id of every face template."""

MAX_SIDE_PX = 16_384
"""Longest side of a photograph: above any camera, below what makes index arithmetic risky."""

MAX_PIXELS = 64_000_000
"""Largest photograph, 192 MB of RGB: twice the best passport cameras."""

MIN_SIDE_PX = 32
"""A photograph with a shorter side holds no face that could be compared."""


CALIBRATION = (
    (0.884, 10.0),
    (0.912, 20.0),
    (0.930, 30.0),
    (0.944, 40.0),
    (0.955, 50.0),
    (0.963, 60.0),
)
"""Cosines and their scores: thresholds at FMR 1e-1 to 1e-6 over the 7.2 million non-mated
pairs of LFW photographs (benchmarks/results/faces.json); the last rests on seven pairs."""

SLOPE_BELOW = 10.0 / 0.06
"""Score per cosine below the table, chosen to reach 0 at the cosine of an average stranger."""

SLOPE_ABOVE = 100.0
"""Score per cosine above the table. No data set shows a lower FMR, so the score rises only so
far that more similar faces still rank higher: identical pictures score below 65."""


class FaceEngine:
    """The three face models together; safe to share between threads."""

    def __init__(
        self,
        detector: FaceDetector,
        cascade: LandmarkCascade,
        embedding: onnxruntime.InferenceSession,
    ) -> None:
        self._detector = detector
        self._cascade = cascade
        self._embedding = embedding
        self._input = embedding.get_inputs()[0].name

    @classmethod
    def open(cls, models: Path = PREPARED) -> FaceEngine:
        """Load the models. Raises ModelUnavailable naming the command that prepares them."""
        return cls(
            FaceDetector.open(models),
            LandmarkCascade.open(models),
            open_session(models, EMBEDDING),
        )

    def extract(self, sample: FaceSample) -> tuple[FaceTemplate | None, Quality]:
        """The template of the most prominent face and its quality; None and 0 without a face.

        Raises Malformed when the image breaks a limit.
        """
        faces = self.locate(sample)
        if not faces:
            return None, no_face()
        chips = align_views(sample.image, faces[0].landmarks)
        quality = assess(chips[VIEWS.index(STRAIGHT)], faces)
        return FaceTemplate(self.embed(chips), quality.score, EMBEDDING), quality

    def locate(self, sample: FaceSample) -> list[FaceLocation]:
        """Every face of the photograph, most prominent first. Raises Malformed as extract does."""
        image = _checked(sample.image)
        if min(image.shape[:2]) < MIN_SIDE_PX:
            return []
        return [self._cascade.locate(image, box) for box in self._detector.detect(image)]

    def embed(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The L2-normalised mean vector of aligned pictures of one face, shape (128,).

        chips: RGB, shape (n, 150, 150, 3).
        """
        tensor = chips.transpose(0, 3, 1, 2).astype(np.float32)
        total = self._embedding.run(None, {self._input: tensor})[0].sum(axis=0)
        return np.asarray(total / np.linalg.norm(total), np.float32)


def _checked(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise Malformed("a face sample is an RGB image of bytes")
    rows, columns = image.shape[:2]
    if max(rows, columns) > MAX_SIDE_PX or rows * columns > MAX_PIXELS:
        raise Malformed(f"a face sample exceeds {MAX_SIDE_PX} or {MAX_PIXELS} pixels")
    return image


def compare(a: FaceTemplate, b: FaceTemplate) -> float:
    """Cosine of two templates, -1 to 1. Raises ModelMismatch when their models differ."""
    if a.model != b.model:
        raise ModelMismatch(f"face templates of {a.model} and {b.model} cannot be compared")
    return float(np.dot(a.vector, b.vector))


@overload
def face_score(cosine: float) -> float: ...
@overload
def face_score(cosine: NDArray[np.float32]) -> NDArray[np.float32]: ...
def face_score(cosine: float | NDArray[np.float32]) -> float | NDArray[np.float32]:
    """-10·log10 of the false match rate at which this cosine would just be accepted; 0 or more.

    Many at once as float32 of any shape; what is NaN stays NaN.

    >>> face_score(0.930), face_score(0.2)
    (30.0, 0.0)
    """
    cosines, scores = np.array(CALIBRATION).T
    known = np.interp(cosine, cosines, scores)
    below = scores[0] - SLOPE_BELOW * (cosines[0] - cosine)
    above = scores[-1] + SLOPE_ABOVE * (cosine - cosines[-1])
    found = np.where(cosine < cosines[0], below, np.where(cosine > cosines[-1], above, known))
    score = np.maximum(found, 0.0).astype(np.float32)
    return score if isinstance(cosine, np.ndarray) else float(score)
