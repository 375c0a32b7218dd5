"""Turns a face upright and scales it to the picture that the embedding was trained on."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

CHIP_PX = 150
"""Side of the aligned face that the embedding takes."""

CHIP_PADDING = 0.25
"""Room around the landmark template, in template widths, as in the embedding's training."""

LANDMARK_TEMPLATE = np.array(
    [
        [0.8595674595992, 0.2134981538014],
        [0.6460604764104, 0.2289674387677],
        [0.1205750620789, 0.2137274526848],
        [0.3340850613712, 0.2290642403242],
        [0.4901123135679, 0.6277975316475],
    ]
)
"""Mean place of the landmarks in the unit square; the embedding was trained on this alignment."""


@dataclass(frozen=True, slots=True)
class View:
    """A small departure from the alignment: shift to the right in chip pixels, and scale."""

    right: float
    scale: float


STRAIGHT = View(0.0, 1.0)

VIEWS = (STRAIGHT, View(0.0, 0.94), View(0.0, 1.06), View(-1.9, 1.0), View(1.9, 1.0))
"""Views whose embeddings are averaged: as far apart as landmarks err. Takes a third of the
wrong decisions away (benchmarks/faces.py) for five times the time of one embedding."""

SHRINK_BELOW = 0.75
"""Chip pixels per photograph pixel below which the photograph is first made smaller by area."""


def align(image: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The face turned upright and scaled to the embedding's input, shape (150, 150, 3).

    Pixel centres of the chip lie at template minus one half; outside the photograph is black.
    """
    return _warp(*_shrunk(image, landmarks), STRAIGHT)


def align_views(image: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The face in every view of VIEWS and mirrored, shape (views x 2, 150, 150, 3)."""
    small, points = _shrunk(image, landmarks)
    chips = np.stack([_warp(small, points, view) for view in VIEWS])
    return np.concatenate([chips, chips[:, :, ::-1]])


def _warp(
    image: NDArray[np.uint8], landmarks: NDArray[np.float32], view: View
) -> NDArray[np.uint8]:
    matrix = similarity_matrix(_target(view), landmarks.astype(np.float64))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(image, matrix, (CHIP_PX, CHIP_PX), flags=flags), np.uint8)


def _target(view: View) -> NDArray[np.float64]:
    """Where the landmarks belong in the chip of a view, shape (5, 2)."""
    straight = (LANDMARK_TEMPLATE + CHIP_PADDING) / (1 + 2 * CHIP_PADDING) * CHIP_PX - 0.5
    middle = straight.mean(axis=0)
    return np.asarray((straight - middle) * view.scale + middle + (view.right, 0.0))


def similarity_matrix(
    source: NDArray[np.float64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The 2x3 matrix of rotation, scale and shift that best carries source onto target."""
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    ratio = complex((a * b).sum(), (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum())
    ratio /= float((a * a).sum())
    turn = np.array([[ratio.real, -ratio.imag], [ratio.imag, ratio.real]])
    return np.column_stack([turn, target.mean(axis=0) - turn @ source.mean(axis=0)])


def _shrunk(
    image: NDArray[np.uint8], landmarks: NDArray[np.float32]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The photograph made smaller by area when the chip is, so that no detail folds over."""
    spread = float(np.ptp(landmarks[:, 0])), float(np.ptp(_target(STRAIGHT)[:, 0]))
    factor = spread[1] / max(spread[0], 1e-6)
    if factor >= SHRINK_BELOW:
        return image, landmarks
    size = (max(round(image.shape[1] * factor), 1), max(round(image.shape[0] * factor), 1))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    ratio = np.array([size[0] / image.shape[1], size[1] / image.shape[0]], np.float32)
    return np.asarray(small, np.uint8), np.asarray((landmarks + 0.5) * ratio - 0.5, np.float32)
