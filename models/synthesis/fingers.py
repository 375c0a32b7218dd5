"""The master finger: the skin of one fingertip, grown once, met by every impression of it.

A master is as wide as a print rolled from nail to nail. Its ridges never change; what changes
from one impression to the next is in impressions.py.

Master coordinates: pixels at 500 dpi, x to the right, y downwards, (0, 0) the first pixel;
the middle of the pad is at PAD_MIDDLE_PX.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.vocabulary import FingerPosition
from models.synthesis.orientation import Layout, draw_layout, orientation_at
from models.synthesis.patterns import PatternClass
from models.synthesis.ridges import enlarge_orientation, grow_ridges
from models.synthesis.skeletons import find_minutiae

Floats = NDArray[np.float32]

MASTER_PX = 608
"""Side of a master in pixels at 500 dpi: 31 mm, the width of a rolled thumb."""

PAD_MIDDLE_PX = MASTER_PX / 2
"""Row and column of the middle of the pad, the origin of pad coordinates."""

PERIOD_LIMITS_PX = (6.5, 13.0)
"""Shortest and longest ridge period that is grown (human ridges: 0.35 to 0.65 mm)."""

_MARGIN_PX = 14
"""Minutiae nearer to the edge of the master are ends of the canvas, not of ridges."""


_SHIFT = 4
"""Fractional bits of the coordinates of drawn lines."""


@dataclass(frozen=True, slots=True)
class Build:
    """What a person's fingers share, and the size of this finger.

    period_px: mean ridge period at 500 dpi. size: extent relative to a mean index finger.
    pores, creases: how plainly pores and white lines show, 0 to 1.
    """

    period_px: float = 9.0
    size: float = 1.0
    pores: float = 0.5
    creases: float = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """Where the pattern lies. x, y: core in pixels; angle: from the core to the tip, radians."""

    x: float
    y: float
    angle: float


@dataclass(frozen=True, slots=True, eq=False)
class Finger:
    """The skin of one fingertip.

    ridges: float32, about -1.1 (valley) to 1.1 (ridge). texture: pores and roughness,
    positive where skin stands back. creases: 0 to 1, white lines. All of shape
    (MASTER_PX, MASTER_PX). minutiae: array of TRUE_MINUTIA in master coordinates.
    """

    position: FingerPosition
    build: Build
    layout: Layout
    ridges: Floats
    texture: Floats
    creases: Floats
    minutiae: NDArray[np.void]
    pose: Pose

    @property
    def pattern(self) -> PatternClass:
        """Class of the pattern."""
        return self.layout.pattern


def grow_finger(
    rng: np.random.Generator, position: FingerPosition, pattern: PatternClass, build: Build
) -> Finger:
    """Grow one finger of a class; the same generator state gives the same finger."""
    layout = draw_layout(rng, pattern, build.size)
    x, y = _pad_grid(MASTER_PX // 2, 2.0)
    orientation = orientation_at(layout, x, y)
    period = draw_period(rng, layout, build)
    ridges = grow_ridges(rng, orientation, period)
    fine_orientation = enlarge_orientation(orientation, (MASTER_PX, MASTER_PX))
    return Finger(
        position=position,
        build=build,
        layout=layout,
        ridges=ridges,
        texture=_draw_texture(rng, ridges, build),
        creases=draw_creases(rng, MASTER_PX, build.creases),
        minutiae=_inside(find_minutiae(ridges, fine_orientation)),
        pose=_find_pose(layout),
    )


def _pad_grid(side: int, step: float) -> tuple[Floats, Floats]:
    """Pad coordinates of the pixel middles of a coarser canvas, as a row and a column."""
    offsets = ((np.arange(side) + 0.5) * step - 0.5 - PAD_MIDDLE_PX).astype(np.float32)
    return offsets[None, :], -offsets[:, None]


def draw_period(rng: np.random.Generator, layout: Layout, build: Build) -> Floats:
    """Ridge period at 250 dpi spacing, in pixels at 500 dpi.

    Ridges are finest around the core and broader below the deltas and towards the joint.
    """
    side = MASTER_PX // 2
    x, y = _pad_grid(side, 2.0)
    foot = min((delta.imag for delta in layout.deltas), default=-90.0 * build.size)
    broad = 0.13 / (1.0 + np.exp((y - foot + 15.0) / 30.0))
    core = layout.cores[0] if layout.cores else 0j
    fine = 0.07 * np.exp(-0.5 * ((x - core.real) ** 2 + (y - core.imag) ** 2) / 75.0**2)
    wander = 0.05 * smooth_noise(rng, (side, side), 5)
    period = build.period_px * (1.0 + broad - fine + wander)
    return np.asarray(np.clip(period, *PERIOD_LIMITS_PX), np.float32)


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cells: int) -> Floats:
    """Gaussian noise of unit variance at the nodes, varying over cells patches per side."""
    nodes = rng.standard_normal((cells, cells), dtype=np.float32)
    wide = cv2.resize(nodes, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(wide, np.float32)


def _draw_texture(rng: np.random.Generator, ridges: Floats, build: Build) -> Floats:
    """Pores along the ridges (about every ridge period) and fine roughness of the skin."""
    rough = cv2.GaussianBlur(rng.standard_normal(ridges.shape, dtype=np.float32), (0, 0), 1.2)
    rough = rough * np.float32(0.16 / float(rough.std()))
    spots = (rng.random(ridges.shape, dtype=np.float32) < 0.03).astype(np.float32)
    spots[ridges < 0.85] = 0.0
    pores = cv2.GaussianBlur(spots, (0, 0), 1.0) * 6.0
    return np.asarray(rough + 1.1 * build.pores * np.minimum(pores, 1.0), dtype=np.float32)


def draw_creases(rng: np.random.Generator, side: int, level: float) -> Floats:
    """White lines across the pad: thin, slightly bent, mostly lying; more with a higher level."""
    canvas = np.zeros((side, side), np.uint8)
    for _ in range(rng.poisson(6.0 * level)):
        middle = rng.uniform(0.25, 0.75, 2) * side
        angle = rng.normal(0.0, 0.45) + (np.pi / 2 if rng.random() < 0.25 else 0.0)
        _draw_bent_line(rng, canvas, middle, angle)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 0.9), np.float32) / np.float32(255.0)


def _draw_bent_line(
    rng: np.random.Generator, canvas: NDArray[np.uint8], middle: NDArray[np.float64], angle: float
) -> None:
    """Draw one crease: a wavering parabola whose width changes along it."""
    half = rng.uniform(18.0, 90.0)
    bend = rng.normal(0.0, 0.0016)
    along = np.linspace(-half, half, int(half / 5.0))
    across = bend * along**2 + rng.normal(0.0, 0.5, len(along))
    x = middle[0] + along * np.cos(angle) - across * np.sin(angle)
    y = middle[1] + along * np.sin(angle) + across * np.cos(angle)
    points = np.round(np.stack([x, y], 1) * 2**_SHIFT).astype(np.int32)
    widths = 1 + (rng.random(len(points) - 1) * np.linspace(3.0, 0.5, len(points) - 1)).astype(int)
    for start, end, width in zip(points[:-1], points[1:], widths.tolist(), strict=True):
        cv2.line(canvas, start.tolist(), end.tolist(), 255, width, cv2.LINE_AA, _SHIFT)


def _inside(minutiae: NDArray[np.void]) -> NDArray[np.void]:
    low, high = _MARGIN_PX, MASTER_PX - _MARGIN_PX
    kept = (minutiae["x"] >= low) & (minutiae["x"] < high)
    kept &= (minutiae["y"] >= low) & (minutiae["y"] < high)
    return minutiae[kept]


def _find_pose(layout: Layout) -> Pose:
    """The upper core, upright; for a plain arch the top of its hill."""
    core = layout.cores[0] if layout.cores else complex(0.0, -20.0)
    return Pose(PAD_MIDDLE_PX + core.real, PAD_MIDDLE_PX - core.imag, np.pi / 2)
