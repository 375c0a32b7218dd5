"""Finds faces in a photograph with a sliding window over an image pyramid.

The window is 80 pixels wide, so a face is found on the pyramid level on which it has about
that size. The photograph is first tried small, which is fast and enough for portraits, and
enlarged only when no face was found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import hypot
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from matcher.runtime import open_session

DETECTOR = "face-detector-mmod-1"
"""Manifest id of the detector."""

DETECTION_SIDES_PX = (320, 640, 1280)
"""Longer side at which the photograph is tried in turn; a portrait's face is found at 320."""

MAX_ENLARGEMENT = 4.0
"""No photograph is enlarged more than this: an 80-pixel window would see 20 pixels of face."""

PYRAMID_STEP = 5 / 6
"""Size of one pyramid level relative to the one before, as in the detector's training."""

SMALLEST_LEVEL_PX = 40
"""Shorter side of the last pyramid level; there the window is twice as large as the picture."""

BORDER_PX = 11
"""Black border around each level, so that faces at the edge are seen (as in training)."""

WINDOW_PX = 80
"""Side of the detector's window."""

STRIDE_PX = 8
"""Pixels from one score to the next."""

FIRST_CENTRE_PX = 14
"""Centre of the window of the first score: three unpadded 5-pixel filters of stride 2."""

SCORE_THRESHOLD = 0.0
"""A window scoring more than this shows a face; the margin of the training is at 0."""

OVERLAP = 0.338
"""Intersection over union above which the lower of two windows is dropped (from training)."""

MAX_WINDOWS = 2_000
"""Best windows kept before overlaps are dropped: bounds the work on a wall of faces."""


@dataclass(frozen=True, slots=True)
class Box:
    """A square around a face, eyebrows to chin, in pixels of the photograph; score > 0."""

    left: float
    top: float
    width: float
    height: float
    score: float

    @property
    def area(self) -> float:
        """Area in square pixels."""
        return self.width * self.height


class FaceDetector:
    """The detector with its weights; safe to share between threads."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._input = session.get_inputs()[0].name

    @classmethod
    def open(cls, models: Path) -> FaceDetector:
        """Load the detector. Raises ModelUnavailable."""
        return cls(open_session(models, DETECTOR))

    def detect(self, image: NDArray[np.uint8]) -> list[Box]:
        """All faces of an RGB photograph, most prominent first; empty when there is none."""
        longer = max(image.shape[:2])
        for side in DETECTION_SIDES_PX:
            if side > MAX_ENLARGEMENT * longer and side != DETECTION_SIDES_PX[0]:
                break
            boxes = suppress_overlaps(self._windows(image, side / longer))
            if boxes:
                return sorted(boxes, key=lambda box: -prominence(box, image))
        return []

    def _windows(self, image: NDArray[np.uint8], scale: float) -> list[Box]:
        """Every window above the threshold, on all levels of the pyramid that begins at scale."""
        found: list[Box] = []
        for level, across, down in _pyramid(image, scale):
            border = ((BORDER_PX, BORDER_PX), (BORDER_PX, BORDER_PX), (0, 0))
            tensor = np.pad(level, border).transpose(2, 0, 1)[None].astype(np.float32)
            scores = self._session.run(None, {self._input: tensor})[0][0, 0]
            found.extend(_decode(scores, across, down))
        return found


def _pyramid(
    image: NDArray[np.uint8], scale: float
) -> Iterator[tuple[NDArray[np.uint8], float, float]]:
    """Ever smaller pictures, each with the photograph's pixels per level pixel across and down."""
    rows, columns = image.shape[:2]
    base = _resize(image, round(columns * scale), round(rows * scale))
    width, height = base.shape[1], base.shape[0]
    while min(width, height) >= SMALLEST_LEVEL_PX:
        yield _resize(base, width, height), columns / width, rows / height
        width, height = round(width * PYRAMID_STEP), round(height * PYRAMID_STEP)


def _resize(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    width, height = max(width, 1), max(height, 1)
    if (height, width) == image.shape[:2]:
        return image
    method = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width, height), interpolation=method), np.uint8)


def _decode(scores: NDArray[np.float32], across: float, down: float) -> Iterator[Box]:
    """Boxes, in pixels of the photograph, of the scores above the threshold."""
    rows, columns = np.nonzero(scores > SCORE_THRESHOLD)
    corner = FIRST_CENTRE_PX - BORDER_PX - WINDOW_PX / 2
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        yield Box(
            left=(STRIDE_PX * column + corner) * across,
            top=(STRIDE_PX * row + corner) * down,
            width=WINDOW_PX * across,
            height=WINDOW_PX * down,
            score=float(scores[row, column]),
        )


def suppress_overlaps(boxes: list[Box]) -> list[Box]:
    """The best of the boxes that overlap each other, best first."""
    kept: list[Box] = []
    for box in sorted(boxes, key=lambda box: -box.score)[:MAX_WINDOWS]:
        if all(overlap(box, other) <= OVERLAP for other in kept):
            kept.append(box)
    return kept


def prominence(box: Box, image: NDArray[np.uint8]) -> float:
    """How likely the photograph was taken of this face: large and in the middle.

    The area, falling linearly to 0 from the middle of the photograph to its corners.
    """
    rows, columns = image.shape[:2]
    across = box.left + box.width / 2 - columns / 2
    down = box.top + box.height / 2 - rows / 2
    return box.area * max(1 - hypot(across, down) / (hypot(rows, columns) / 2), 0.0)


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes.

    >>> round(overlap(Box(0, 0, 2, 2, 1.0), Box(1, 0, 2, 2, 1.0)), 3)
    0.333
    """
    width = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    height = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    shared = max(width, 0.0) * max(height, 0.0)
    return shared / (one.area + other.area - shared)
