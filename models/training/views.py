"""What the vector network learns from: patches of prints, spoilt anew every time.

The generator's impressions are spoilt as pictures; here they are spoilt once more as maps,
which costs a hundredth: the pose is missed as the pose network misses it, the skin is
stretched, contact is taken away, and patches of ridges are replaced by wrong ones, as the
enhancement of a dry print invents them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.embedding import PATCH_PX, place
from matcher.features import LEVELS
from matcher.pose import Pose
from matcher.spectrum import Floats
from models.training.stock import Stock, unpack

KNOTS = 5
"""Knots per axis of a stretch; between them skin moves smoothly."""


@dataclass(frozen=True, slots=True)
class Spoiling:
    """How hard views are spoilt; each number at 0 turns its kind off.

    shift: usual error of the core, pixels at 250 dpi. turn: usual error of the angle, radians.
    missed: share of poses missed four times as far. scale: spread of the size. stretch: pixels.
    occluded: share of views with less contact. invented: share with a patch of wrong ridges.
    striped: share with a sensor's column pattern taken for ridges beside the finger.
    """

    shift: float = 2.5
    turn: float = 0.05
    missed: float = 0.15
    scale: float = 0.025
    stretch: float = 1.6
    occluded: float = 0.4
    invented: float = 0.25
    striped: float = 0.2


USUAL = Spoiling()
"""How the shipped network was trained."""

MISSED_FACTOR = 3.0
"""How much further than usual a missed pose lies."""

SEEN_LEAST = 0.2
"""Share of the patch below which taking away more contact would leave nothing to learn from."""


def draw_view(stock: Stock, index: int, rng: np.random.Generator, how: Spoiling) -> Floats:
    """One spoilt patch of a print, shape (2, PATCH_PX, PATCH_PX)."""
    x, y = draw_lookup(stock.prints.pose[index], rng, how)
    ridges = stock.prints.ridges[index].astype(np.float32)
    inside = unpack(stock.prints.inside[index])
    wave = cv2.remap(ridges, x, y, cv2.INTER_CUBIC, borderValue=0)
    area = cv2.remap(inside, x, y, cv2.INTER_LINEAR, borderValue=0)
    view = np.stack([wave / np.float32(LEVELS), area / np.float32(255)])
    if rng.random() < how.occluded:
        occlude(view, rng)
    return view


def draw_lookup(
    pose: NDArray[np.float32], rng: np.random.Generator, how: Spoiling
) -> tuple[Floats, Floats]:
    """Where in the maps each pixel of the patch lies, with everything geometric gone wrong."""
    factor = MISSED_FACTOR if rng.random() < how.missed else 1.0
    right, down = rng.normal(0.0, how.shift * factor, 2)
    turned = rng.normal(0.0, how.turn * factor)
    true = Pose(float(pose[0]), float(pose[1]), float(pose[2]), 1.0)
    matrix = place(true, (float(right), float(down), float(turned)))
    matrix[:, :2] *= rng.normal(1.0, how.scale)
    knots = rng.normal(0.0, how.stretch, (2, KNOTS, KNOTS)).astype(np.float32)
    grid = np.arange(PATCH_PX, dtype=np.float32)
    across, along = (
        cv2.resize(plane, (PATCH_PX, PATCH_PX), interpolation=cv2.INTER_CUBIC) for plane in knots
    )
    across, along = across + grid[None, :], along + grid[:, None]
    x, y = (row[0] * across + row[1] * along + row[2] for row in matrix.astype(np.float32))
    return x, y


def occlude(view: Floats, rng: np.random.Generator) -> None:
    """Keep only the contact inside a random ellipse, in place."""
    middle = rng.normal(PATCH_PX / 2, 0.22 * PATCH_PX, 2)
    radii = rng.uniform(0.28, 0.62, 2) * PATCH_PX
    grid = np.arange(PATCH_PX, dtype=np.float32)
    x, y = ((grid - middle[axis]) / radii[axis] for axis in (0, 1))
    kept = (x * x)[None, :] + (y * y)[:, None] < 1
    if view[1][kept].sum() >= SEEN_LEAST * PATCH_PX * PATCH_PX:
        view *= kept


def invent(views: Floats, rng: np.random.Generator, share: float) -> None:
    """Replace patches of ridges by those of other views of the batch, in place."""
    count = len(views)
    for index in np.flatnonzero(rng.random(count) < share):
        other = views[int(rng.integers(count))]
        side = rng.integers(18, 60, 2)
        top, left = (int(rng.integers(0, PATCH_PX - length)) for length in side)
        at = (slice(top, top + int(side[0])), slice(left, left + int(side[1])))
        views[index, 0][at] = other[0][at] * views[index, 1][at]


def stripe(views: Floats, rng: np.random.Generator, share: float) -> None:
    """Lay straight stripes beside the finger, in place: columns of a sensor taken for ridges."""
    grid = np.arange(PATCH_PX, dtype=np.float32)
    for index in np.flatnonzero(rng.random(len(views)) < share):
        view = views[index]
        angle = rng.normal(0.0, 0.25) + (0.5 * np.pi if rng.random() < 0.15 else 0.0)
        across = grid[None, :] * np.cos(angle) + grid[:, None] * np.sin(angle)
        edge = rng.uniform(0.05, 0.3) * PATCH_PX
        side = across < edge if rng.random() < 0.5 else across > across.max() - edge
        top, bottom = np.sort(rng.integers(0, PATCH_PX, 2))
        side[:top], side[bottom:] = False, False
        side &= view[1] < 0.5
        phase = rng.uniform(0, 2 * np.pi)
        wave = np.cos(2 * np.pi * across / rng.uniform(3.2, 6.0) + phase)
        view[0][side], view[1][side] = wave[side], 1.0
