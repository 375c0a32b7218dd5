"""Finds five landmarks of a face by a cascade of regression trees.

Each stage samples the picture at points that hang on the present landmarks, compares pairs of
intensities down its trees and moves the landmarks by what the leaves say. All trees of a stage
are walked at once. Source: Kazemi and Sullivan (2014).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.face_detection import Box
from matcher.runtime import open_arrays

LANDMARKS = "face-landmarks5-1"
"""Manifest id of the landmark cascade."""

CROP_BOX_PX = 200
"""Side to which a larger face box is shrunk before sampling: trees compare single pixels, and
the faces of their training had about this size."""

CROP_MARGIN = 1.0
"""Share of the box added on each side: features reach beyond the box."""

STARTS = tuple(
    (np.array(shift, np.float32), np.float32(size))
    for shift, size in (
        ((0, 0), 1.0),
        ((0, 0), 0.9),
        ((0, 0), 1.1),
        ((0.06, 0), 1.0),
        ((-0.06, 0), 1.0),
        ((0, 0.06), 1.0),
        ((0, -0.06), 1.0),
    )
)
"""Boxes from which the cascade starts: shift and size relative to the found one, as far apart
as the detector's grid of places and sizes. Their median forgives a bad start."""

RIGHT_EYE = (2, 3)
"""Landmarks of the subject's right eye (left in the picture): outer and inner corner."""

LEFT_EYE = (0, 1)
"""Landmarks of the subject's left eye: outer and inner corner."""

NOSE = 4
"""Landmark at the base of the nose."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceLocation:
    """One face of a photograph: its box, landmarks (float32, shape (5, 2), x and y), score.

    Landmarks: outer and inner corner of the subject's left eye, outer and inner corner of the
    right eye, base of the nose; in pixels of the photograph.
    """

    box: Box
    landmarks: NDArray[np.float32]
    score: float

    @property
    def right_eye(self) -> NDArray[np.float32]:
        """Middle of the subject's right eye, which is on the left of the picture."""
        return np.asarray(self.landmarks[list(RIGHT_EYE)].mean(axis=0), np.float32)

    @property
    def left_eye(self) -> NDArray[np.float32]:
        """Middle of the subject's left eye."""
        return np.asarray(self.landmarks[list(LEFT_EYE)].mean(axis=0), np.float32)


class LandmarkCascade:
    """The cascade with its trees; safe to share between threads."""

    def __init__(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        self._start = arrays["start"].astype(np.float32)
        self._first = arrays["first"].astype(np.intp)
        self._second = arrays["second"].astype(np.intp)
        self._threshold = arrays["threshold"].astype(np.float32)
        self._leaves = arrays["leaves"].astype(np.float32)
        self._anchor = arrays["anchor"].astype(np.intp)
        self._offset = arrays["offset"].astype(np.float32)

    @classmethod
    def open(cls, models: Path) -> LandmarkCascade:
        """Load the cascade. Raises ModelUnavailable."""
        return cls(open_arrays(models, LANDMARKS))

    def locate(self, image: NDArray[np.uint8], box: Box) -> FaceLocation:
        """The landmarks of the face in a box of an RGB photograph: the median of several walks."""
        grey, origin, scale = crop_grey(image, box)
        corner = (np.array([box.left, box.top], np.float32) - origin) * scale
        extent = np.array([box.width, box.height], np.float32) * scale
        walks = [
            self.follow(grey, corner + (shift + (1 - size) / 2) * extent, size * extent)
            for shift, size in STARTS
        ]
        landmarks = np.median(walks, axis=0) / scale + origin
        return FaceLocation(box, np.asarray(landmarks, np.float32), box.score)

    def follow(
        self,
        grey: NDArray[np.float32],
        corner: NDArray[np.float32],
        extent: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Walk the cascade once from a box; returns landmarks in pixels of the grey picture."""
        shape = self._start.copy()
        for stage in range(len(self._first)):
            turn = similarity(self._start, shape)
            points = self._offset[stage] @ turn.T + shape[self._anchor[stage]]
            values = sample(grey, points * extent + corner)
            shape += self._leaf_sum(stage, values)
        return np.asarray(shape * extent + corner, np.float32)

    def _leaf_sum(self, stage: int, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the trees of one stage say together, shape (5, 2)."""
        trees = np.arange(self._first.shape[1])
        nodes = self._first.shape[2]
        node = np.zeros(len(trees), np.intp)
        for _ in range((nodes + 1).bit_length() - 1):
            first = self._first[stage, trees, node]
            second = self._second[stage, trees, node]
            left = values[first] - values[second] > self._threshold[stage, trees, node]
            node = 2 * node + np.where(left, 1, 2)
        return np.asarray(self._leaves[stage, trees, node - nodes].sum(axis=0), np.float32)


def crop_grey(
    image: NDArray[np.uint8], box: Box
) -> tuple[NDArray[np.float32], NDArray[np.float32], np.float32]:
    """The grey surroundings of a box, their corner in the photograph, and how far they shrank."""
    rows, columns = image.shape[:2]
    margin_x, margin_y = CROP_MARGIN * box.width, CROP_MARGIN * box.height
    left = int(np.clip(box.left - margin_x, 0, columns - 1))
    top = int(np.clip(box.top - margin_y, 0, rows - 1))
    right = int(np.clip(box.left + box.width + margin_x, left + 1, columns))
    bottom = int(np.clip(box.top + box.height + margin_y, top + 1, rows))
    grey = (image[top:bottom, left:right].sum(axis=2, dtype=np.uint16) // 3).astype(np.float32)
    scale = np.float32(min(1.0, CROP_BOX_PX / box.width))
    if scale < 1.0:
        size = (max(round((right - left) * scale), 1), max(round((bottom - top) * scale), 1))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return np.asarray(grey, np.float32), np.array([left, top], np.float32), scale


def similarity(source: NDArray[np.float32], target: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rotation and scale, shape (2, 2), that best carry one set of points onto another.

    >>> square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    >>> (similarity(square, 2 * square + 5).round(3) + 0.0).tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """
    one = source - source.mean(axis=0)
    other = target - target.mean(axis=0)
    length = float((one * one).sum())
    along = float((one * other).sum()) / length
    across = float((one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]).sum()) / length
    return np.array([[along, -across], [across, along]], np.float32)


def sample(grey: NDArray[np.float32], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intensities at the pixels nearest to points (x, y); 0 outside the picture."""
    x, y = np.floor(points + 0.5).astype(np.intp).T
    rows, columns = grey.shape
    inside = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
    values = grey[np.clip(y, 0, rows - 1), np.clip(x, 0, columns - 1)]
    return np.asarray(np.where(inside, values, 0.0), np.float32)
