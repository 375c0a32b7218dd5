"""How a finger lies on the surface: where, how turned, how stretched, and which part touches.

Skin distortion follows Cappelli, Maio and Maltoni (2001): the middle of the pad sticks to the
surface, the skin around it is dragged and twisted along with the bone, and a ring between the
two gives way. Slow waves are added, because skin is not even.

Print coordinates: pixels at 500 dpi in the frame of the print, y downwards. The warp leads from
the print to the master, so images are made by looking up; points go the other way by iteration.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Floats = NDArray[np.float32]

STICKING = 0.35
"""Share of the contact radius inside which the skin stays where it touched down."""

SLIPPING = 1.15
"""Share of the contact radius from which the skin moves fully with the finger."""

INVERSE_STEPS = 8
"""Iterations of the inverse; each shrinks the error at least fourfold, eight leave 0.01 pixel."""

GRID_STEP_PX = 8
"""Spacing at which the warp is computed; it bends over 100 pixels and more."""


@dataclass(frozen=True, slots=True, eq=False)
class Warp:
    """The map from a print to the master finger.

    place: point of the print that shows the point middle of the master. angle: radians by which
    the finger is turned in the print, counter-clockwise. radii: half axes of the contact along
    x and y. drag: pixels; torsion: radians. waves: rows of (wave number x, wave number y, phase,
    amplitude x, amplitude y).
    """

    place: tuple[float, float]
    middle: tuple[float, float]
    angle: float
    radii: tuple[float, float]
    drag: tuple[float, float]
    torsion: float
    waves: NDArray[np.float64]

    def to_master(self, points: Points) -> Points:
        """Master coordinates of print points, shape (n, 2)."""
        upright = _turn(points - np.asarray(self.place), self.angle)
        master: Points = upright + self._displacement(upright) + np.asarray(self.middle)
        return master

    def to_print(self, points: Points) -> Points:
        """Print coordinates of master points, shape (n, 2)."""
        goal = points - np.asarray(self.middle)
        upright: Points = goal
        for _ in range(INVERSE_STEPS):
            upright = goal - self._displacement(upright)
        seen: Points = _turn(upright, -self.angle) + np.asarray(self.place)
        return seen

    def lookup(self, shape: tuple[int, int]) -> tuple[Floats, Floats]:
        """Master x and y of every pixel of a print of a shape, for cv2.remap."""
        rows, columns = shape
        knots_y = np.arange(0, rows + 2 * GRID_STEP_PX, GRID_STEP_PX)
        knots_x = np.arange(0, columns + 2 * GRID_STEP_PX, GRID_STEP_PX)
        x, y = np.meshgrid(knots_x.astype(np.float64), knots_y.astype(np.float64))
        master = self.to_master(np.stack([x.ravel(), y.ravel()], 1)).astype(np.float32)
        map_x, map_y = (_enlarge(axis.reshape(x.shape), shape) for axis in master.T)
        return map_x, map_y

    def _displacement(self, upright: Points) -> Points:
        """How far the skin at each point was moved when it touched down."""
        yielded = _yielding(np.hypot(*(upright / np.asarray(self.radii)).T))[:, None]
        twist = self.torsion * np.stack([upright[:, 1], -upright[:, 0]], 1)
        phases = upright @ self.waves[:, :2].T + self.waves[:, 2]
        waves: Points = np.sin(phases) @ self.waves[:, 3:]
        moved: Points = yielded * (np.asarray(self.drag) + twist) + waves
        return moved


def _enlarge(knots: Floats, shape: tuple[int, int]) -> Floats:
    """Values of every pixel of shape from knots GRID_STEP_PX apart, the first on pixel 0."""
    scale = np.array([[1.0 / GRID_STEP_PX, 0, 0], [0, 1.0 / GRID_STEP_PX, 0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (shape[1], shape[0])
    return np.asarray(
        cv2.warpAffine(np.ascontiguousarray(knots), scale, size, flags=flags), np.float32
    )


def _turn(points: Points, angle: float) -> Points:
    """Turn points clockwise as seen with y downwards, undoing a counter-clockwise finger."""
    cosine, sine = np.cos(angle), np.sin(angle)
    turned: Points = points @ np.array([[cosine, sine], [-sine, cosine]])
    return turned


def _yielding(radius: Points) -> Points:
    """0 where the skin sticks, 1 where it slips, a raised cosine between."""
    share = np.clip((radius - STICKING) / (SLIPPING - STICKING), 0.0, 1.0)
    return 0.5 - 0.5 * np.cos(np.pi * share)


@dataclass(frozen=True, slots=True, eq=False)
class Contact:
    """The part of the finger that touches: a superellipse around a point of the master.

    middle: master coordinates. radii: half axes in pixels. power: 2 for a flat finger, 4 for a
    rolled one, whose print is nearly a rectangle. press: pressure in the middle, about 1.
    """

    middle: tuple[float, float]
    radii: tuple[float, float]
    power: float
    press: float

    def pressure(self, x: Floats, y: Floats) -> Floats:
        """Pressure at master coordinates: press inside, 0 at the rim, negative outside."""
        across = np.abs((x - np.float32(self.middle[0])) / np.float32(self.radii[0]))
        along = np.abs((y - np.float32(self.middle[1])) / np.float32(self.radii[1]))
        distance = np.maximum(across, 1e-6) ** self.power + np.maximum(along, 1e-6) ** self.power
        return np.asarray(self.press * (1.0 - distance), dtype=np.float32)


def draw_warp(
    rng: np.random.Generator,
    contact: Contact,
    *,
    place: tuple[float, float],
    angle: float,
    stretch: float,
) -> Warp:
    """Draw the distortion of a contact put down at place and turned by angle.

    stretch: from 0 (rigid) to 1 (pushed and twisted hard).
    """
    lengths = rng.uniform(140.0, 380.0, 4)
    turns = rng.uniform(0.0, 2 * np.pi, 4)
    amplitudes = rng.normal(0.0, 1.6 * stretch, (4, 2))
    waves = np.column_stack(
        [
            2 * np.pi / lengths * np.cos(turns),
            2 * np.pi / lengths * np.sin(turns),
            rng.uniform(0.0, 2 * np.pi, 4),
            amplitudes,
        ]
    )
    drag = rng.normal(0.0, 11.0 * stretch, 2)
    return Warp(
        place=place,
        middle=contact.middle,
        angle=angle,
        radii=contact.radii,
        drag=(float(drag[0]), float(drag[1])),
        torsion=float(rng.normal(0.0, np.radians(5.0) * stretch)),
        waves=waves,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Touch:
    """A finger put down: what touches, where it lies, and the shape of the print in pixels."""

    contact: Contact
    warp: Warp
    shape: tuple[int, int]
