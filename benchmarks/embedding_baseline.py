"""What the vector is held against: linear discriminants of coarse maps, without any network.

The same front, the same pose and the same synthetic prints; from each patch only the direction
and the period of the ridges in a grid of blocks. Principal components first, then the
directions that part fingers best (Fisher 1936).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.codes import DIMENSIONS
from matcher.embedding import cut, normalise
from matcher.features import Features
from matcher.pose import Pose
from matcher.spectrum import Floats
from models.training.stock import Stock

BLOCKS = 18
"""Blocks per side of the patch: 8 pixels at 250 dpi, about two ridges."""

COMPONENTS = 320
"""Principal components kept; they hold nearly all of the variance."""

SHRINKAGE = 0.05
"""Share of the mean variance added to the scatter within fingers, so that it can be inverted."""

PRINTS_MOST = 12_000
"""Prints that the discriminants are fitted to."""


@dataclass(frozen=True, slots=True, eq=False)
class Discriminants:
    """A fitted baseline: vector = (maps - mean) @ matrix, normalised."""

    mean: Floats
    matrix: Floats

    def embed(self, features: Features, pose: Pose) -> Floats:
        """The vector of a print, shape (DIMENSIONS,)."""
        centred = describe_patch(cut(features, pose)) - self.mean
        return normalise(np.asarray(centred @ self.matrix, np.float32))


def describe_patch(patch: Floats) -> Floats:
    """Direction (doubled, cosine and sine) and steepness of the ridges in every block."""
    ridges = np.ascontiguousarray(patch[0])
    across = np.asarray(cv2.Sobel(ridges, cv2.CV_32F, 1, 0, ksize=3), np.float32)
    along = np.asarray(cv2.Sobel(ridges, cv2.CV_32F, 0, 1, ksize=3), np.float32)
    parts = (across**2 - along**2, 2 * across * along, across**2 + along**2, ridges**2)
    size = (BLOCKS, BLOCKS)
    cosine, sine, energy, wave = (cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in parts)
    steep = np.sqrt(energy / np.maximum(wave, np.float32(0.05)))
    scale = np.maximum(energy, np.float32(0.05))
    return np.concatenate([(cosine / scale).ravel(), (sine / scale).ravel(), 0.1 * steep.ravel()])


def fit(stock: Stock) -> Discriminants:
    """Fit to synthetic prints at their true poses."""
    chosen = np.arange(min(len(stock), PRINTS_MOST))
    rows = np.stack(
        [describe_patch(cut(stock.features(int(k)), true_pose(stock, int(k)))) for k in chosen]
    )
    mean = rows.mean(axis=0)
    _, _, axes = np.linalg.svd(rows[:: max(1, len(rows) // 4000)] - mean, full_matrices=False)
    basis = axes[:COMPONENTS].T
    matrix = part_fingers((rows - mean) @ basis, stock.prints.finger[chosen])
    return Discriminants(mean, (basis @ matrix).astype(np.float32))


def true_pose(stock: Stock, index: int) -> Pose:
    """The pose that the generator gave a print."""
    x, y, angle = (float(value) for value in stock.prints.pose[index])
    return Pose(x, y, angle, 1.0)


def part_fingers(rows: Floats, finger: NDArray[np.int32]) -> NDArray[np.float64]:
    """The directions, shape (components, DIMENSIONS), in which fingers differ most from one another
    for what their impressions differ.
    """
    _, group = np.unique(finger, return_inverse=True)
    count = np.bincount(group)
    middle = np.zeros((len(count), rows.shape[1]))
    np.add.at(middle, group, rows)
    middle /= count[:, None]
    off = rows - middle[group]
    within = off.T @ off / len(rows)
    within += SHRINKAGE * np.trace(within) / len(within) * np.eye(len(within))
    value, axes = np.linalg.eigh(within)
    whiten = axes / np.sqrt(value)
    white = (middle - rows.mean(axis=0)) @ whiten
    _, directions = np.linalg.eigh(white.T @ white)
    result: NDArray[np.float64] = whiten @ directions[:, ::-1][:, :DIMENSIONS]
    return result
