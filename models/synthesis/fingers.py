"""The master finger: the skin of one fingertip, grown once, met by every impression of it.

A master is as wide as a print rolled from nail to nail. Its ridges never change; what changes
from one impression to the next is in impressions.py.

Master coordinates: pixels at 500 dpi, x to the right, y downwards, (0, 0) the first pixel;
the middle of the pad is at PAD_MIDDLE_PX.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from matcher.vocabulary import FingerPosition
from models.synthesis.orientation import Layout, draw_layout, orientation_at
from models.synthesis.patterns import PatternClass
from models.synthesis.ridges import enlarge_orientation, grow_ridges
from models.synthesis.skeletons import find_minutiae
from models.synthesis.skin import Build, Skin, clothe, smooth_noise

Floats = NDArray[np.float32]

MASTER_PX = 608
"""Side of a master in pixels at 500 dpi: 31 mm, the width of a rolled thumb."""

PAD_MIDDLE_PX = MASTER_PX / 2
"""Row and column of the middle of the pad, the origin of pad coordinates."""

FLAT_PX = (496, 416)
"""Rows and columns of the middle of a master that flat prints show, of thumbs as well."""

PERIOD_LIMITS_PX = (6.5, 13.0)
"""Shortest and longest ridge period that is grown (human ridges: 0.35 to 0.65 mm)."""

PHALANX_PX = 416
"""Side of the piece of skin below the joint: as much as a slap shows of it."""

_MARGIN_PX = 14
"""Minutiae nearer to the edge of the master are ends of the canvas, not of ridges."""


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """Where the pattern lies. x, y: core in pixels; angle: from the core to the tip, radians."""

    x: float
    y: float
    angle: float


@dataclass(frozen=True, slots=True, eq=False)
class Finger:
    """The skin of one fingertip.

    skin: of shape (MASTER_PX, MASTER_PX). minutiae: array of TRUE_MINUTIA, pose: both in master
    coordinates.
    """

    position: FingerPosition
    build: Build
    layout: Layout
    skin: Skin
    minutiae: NDArray[np.void]
    pose: Pose

    @property
    def pattern(self) -> PatternClass:
        """Class of the pattern."""
        return self.layout.pattern


def grow_finger(
    rng: np.random.Generator,
    position: FingerPosition,
    pattern: PatternClass,
    build: Build,
    *,
    flat_only: bool = False,
) -> Finger:
    """Grow one finger of a class; the same generator state gives the same finger.

    flat_only: leave the skin beyond FLAT_PX without ridges, which takes half the time and gives
    another finger.
    """
    layout = draw_layout(rng, pattern, build.size)
    x, y = _pad_grid(MASTER_PX // 2, 2.0)
    orientation = orientation_at(layout, x, y)
    period = draw_period(rng, layout, build)
    grown = FLAT_PX if flat_only else (MASTER_PX, MASTER_PX)
    ridges = _grow_middle(rng, orientation, period, grown)
    fine_orientation = enlarge_orientation(orientation, (MASTER_PX, MASTER_PX))
    return Finger(
        position=position,
        build=build,
        layout=layout,
        skin=clothe(rng, ridges, build),
        minutiae=_inside(find_minutiae(ridges, fine_orientation)),
        pose=_find_pose(layout),
    )


def _grow_middle(
    rng: np.random.Generator, orientation: Floats, period: Floats, grown: tuple[int, int]
) -> Floats:
    """Ridges of a master in its middle, `grown` pixels wide; nothing around it."""
    edges = [(MASTER_PX - side) // 2 for side in grown]
    middle = tuple(slice(edge // 2, (MASTER_PX - edge) // 2) for edge in edges)
    ridges = grow_ridges(rng, orientation[middle], period[middle])
    return np.pad(ridges, [(edge, edge) for edge in edges])


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


def grow_phalanx(rng: np.random.Generator, build: Build) -> Skin:
    """Grow the skin below the joint, which slaps show: nearly straight, slanting ridges."""
    side = PHALANX_PX // 2
    slant = rng.normal(0.0, 0.18) + 0.12 * smooth_noise(rng, (side, side), 4)
    period = build.period_px * (1.15 + 0.05 * smooth_noise(rng, (side, side), 4))
    period = np.clip(period, *PERIOD_LIMITS_PX).astype(np.float32)
    ridges = grow_ridges(rng, np.mod(slant, np.pi).astype(np.float32), period)
    return clothe(rng, ridges, replace(build, creases=min(1.0, build.creases + 0.4)))


def _inside(minutiae: NDArray[np.void]) -> NDArray[np.void]:
    low, high = _MARGIN_PX, MASTER_PX - _MARGIN_PX
    kept = (minutiae["x"] >= low) & (minutiae["x"] < high)
    kept &= (minutiae["y"] >= low) & (minutiae["y"] < high)
    return minutiae[kept]


def _find_pose(layout: Layout) -> Pose:
    """The upper core, upright; for a plain arch the top of its hill."""
    core = layout.cores[0] if layout.cores else complex(0.0, -20.0)
    return Pose(PAD_MIDDLE_PX + core.real, PAD_MIDDLE_PX - core.imag, np.pi / 2)
