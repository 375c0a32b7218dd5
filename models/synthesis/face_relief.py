"""The relief of a synthetic face: how far each point stands out of the plane of the picture.

A dome bounded by the outline of the head carries smooth bumps and dents for brow, eyes, nose,
cheeks, mouth and chin. All lengths in face units (see face_traits).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.synthesis.face_traits import Capture, Shape

Floats = NDArray[np.floating[Any]]

UNITS_PER_SIDE = 4.1
"""Side of the painted square in face units: head, hair, neck and shoulders."""

TOP = -1.95
"""Upper edge of the painted square; the eyes lie on line 0."""

PIXELS_PER_UNIT = 120
"""Resolution of the painted face: that of a 400-pixel picture."""

SMILE_WIDTH = 0.06
"""How much a full smile widens the mouth on each side."""


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """Coordinates of the painted square. x, y: float32, shape (rows, columns), face units."""

    x: Floats
    y: Floats

    def window(
        self, across: tuple[float, float], down: tuple[float, float]
    ) -> tuple[Plane, tuple[slice, slice]]:
        """The part between two x and two y, and where it lies: most parts of a face are small."""
        rows = np.searchsorted(self.y[:, 0], down)
        columns = np.searchsorted(self.x[0], across)
        area = (slice(*map(int, rows)), slice(*map(int, columns)))
        return Plane(self.x[area], self.y[area]), area


@cache
def face_plane() -> Plane:
    """The square on which faces are painted; shared, never written to."""
    count = round(UNITS_PER_SIDE * PIXELS_PER_UNIT)
    steps = (np.arange(count, dtype=np.float32) + 0.5) / PIXELS_PER_UNIT
    x, y = np.meshgrid(steps - UNITS_PER_SIDE / 2, steps + TOP)
    for grid in (x, y):
        grid.setflags(write=False)
    return Plane(x, y)


def bump(plane: Plane, centre: tuple[float, float], extent: tuple[float, float]) -> Floats:
    """A Gaussian hill of height 1 at a centre."""
    across = (plane.x - centre[0]) / extent[0]
    down = (plane.y - centre[1]) / extent[1]
    return np.asarray(np.exp(-0.5 * (across**2 + down**2)), np.float32)


def pair(plane: Plane, centre: tuple[float, float], extent: tuple[float, float]) -> Floats:
    """Two hills, mirror images of each other."""
    return bump(plane, centre, extent) + bump(plane, (-centre[0], centre[1]), extent)


def soft_step(values: Floats, edge: float, width: float) -> Floats:
    """From 0 to 1 as values pass an edge."""
    return np.asarray(1 / (1 + np.exp(np.clip((edge - values) / width, -30, 30))), np.float32)


def half_width(shape: Shape, y: Floats) -> Floats:
    """Half the width of the head at each height, 0 above the crown and below the chin."""
    top, chin = shape.forehead_y - 0.05, shape.chin_y
    heights = [top, top + 0.03, top + 0.12, top + 0.32, -0.5, 0.05, 0.55]
    heights += [chin - 0.40, chin - 0.13, chin - 0.035, chin]
    temple = 0.95 * shape.cheek_width
    jaw = shape.jaw_width
    widths = [0.0, 0.30, 0.56, 0.82 * temple, temple, shape.cheek_width]
    widths += [0.5 * (jaw + shape.cheek_width) + 0.01]
    widths += [0.84 * jaw, shape.chin_width, 0.55 * shape.chin_width, 0.0]
    fine = np.linspace(top, chin, 400)
    curve = np.interp(fine, heights, widths)
    kernel = np.hanning(37)
    padded = np.pad(curve, 18, mode="reflect", reflect_type="odd")
    smooth = np.maximum(np.convolve(padded, kernel / kernel.sum(), mode="valid"), 0)
    return np.asarray(np.interp(y, fine, smooth, left=0, right=0), np.float32)


def head_depth(shape: Shape, plane: Plane) -> tuple[Floats, Floats]:
    """Height of the bare dome of the head, and where the head is (0 to 1, soft edge)."""
    width = half_width(shape, plane.y[:, 0])[:, None]
    share = np.abs(plane.x) / np.maximum(width, 1e-3)
    inside = soft_step(1 - share, 0.0, 0.012)
    inside = np.asarray(np.where(width > 0.02, inside, 0), np.float32)
    middle = 0.5 * (shape.forehead_y + shape.chin_y)
    along = np.abs((plane.y - middle) / (0.5 * (shape.chin_y - shape.forehead_y) + 0.08))
    profile = np.sqrt(np.maximum(1 - along**3.2, 0.0))
    dome = np.sqrt(np.maximum(1 - np.minimum(share, 1.0) ** 2.3, 0.0))
    return np.asarray(0.85 * profile * dome, np.float32), inside


def face_relief(shape: Shape, capture: Capture) -> tuple[Floats, Floats]:
    """Height of the face above the plane through the ears, and where the head is."""
    plane = face_plane()
    depth, inside = head_depth(shape, plane)
    relief = depth + _brow_and_eyes(shape, plane) + _nose(shape, plane)
    relief = relief + _cheeks(shape, capture, plane) + _mouth(shape, capture, plane)
    relief = relief + shape.chin_bump * bump(plane, (0, shape.chin_y - 0.17), (0.17, 0.10))
    smooth = cv2.GaussianBlur(np.asarray(relief * inside, np.float32), (0, 0), 1.5)
    return np.asarray(smooth, np.float32), inside


def _brow_and_eyes(shape: Shape, plane: Plane) -> Floats:
    ridge = shape.brow_ridge * pair(plane, (shape.eye_x, shape.brow_y + 0.05), (0.26, 0.08))
    ridge += 0.6 * shape.brow_ridge * bump(plane, (0, shape.brow_y + 0.06), (0.13, 0.10))
    socket = (0.05 + shape.eye_depth) * pair(plane, (shape.eye_x - 0.02, -0.01), (0.19, 0.11))
    ball = (0.06 + 0.5 * shape.eye_depth) * pair(plane, (shape.eye_x, 0.0), (0.115, 0.09))
    return np.asarray(ridge - socket + ball, np.float32)


def _nose(shape: Shape, plane: Plane) -> Floats:
    """A ridge that widens and rises from the bridge to the tip and falls off below it."""
    tip = shape.nose_length - 0.08
    down = np.clip((plane.y + 0.12) / (tip + 0.12), 0.0, 1.2)
    height = shape.bridge_height + (shape.nose_height - shape.bridge_height) * down**1.4
    height = height + shape.nose_bend * np.sin(np.pi * np.minimum(down, 1.0)) * 0.8
    begin = soft_step(plane.y, -0.14, 0.045)
    end = 1 - soft_step(plane.y, shape.nose_length - 0.015, 0.022)
    width = shape.bridge_width + (0.58 * shape.nose_width - shape.bridge_width) * down**1.3
    ridge = height * begin * end * np.exp(-0.5 * (plane.x / np.maximum(width, 0.04)) ** 2)
    wing = (
        0.42
        * shape.nose_height
        * pair(plane, (0.72 * shape.nose_width, shape.nose_length - 0.085), (0.065, 0.065))
    )
    ball = 0.16 * shape.nose_height * bump(plane, (0, tip), (0.45 * shape.nose_width, 0.085))
    return np.asarray(ridge + wing + ball, np.float32)


def _cheeks(shape: Shape, capture: Capture, plane: Plane) -> Floats:
    bone = shape.cheekbone * pair(plane, (0.60, 0.30 - 0.03 * capture.smile), (0.20, 0.13))
    full = shape.cheek_fullness * pair(plane, (0.48, 0.78), (0.20, 0.22))
    smile = 0.06 * max(capture.smile, 0.0)
    apple = smile * pair(plane, (0.50, 0.50), (0.15, 0.13))
    start = np.array([shape.nose_width + 0.05, shape.nose_length - 0.05])
    end = np.array([shape.mouth_width + 0.13, shape.mouth_y + 0.02])
    fold = (0.016 + 0.5 * smile) * _crease(plane, start, end)
    return np.asarray(bone + full + apple - fold, np.float32)


def _crease(plane: Plane, start: NDArray[np.float64], end: NDArray[np.float64]) -> Floats:
    """A soft groove between two points and its mirror image."""
    direction = end - start
    length = float(np.hypot(*direction))
    direction = direction / length
    x = np.abs(plane.x) - start[0]
    y = plane.y - start[1]
    along = (x * direction[0] + y * direction[1]) / length
    across = x * direction[1] - y * direction[0]
    inside = soft_step(along, 0.0, 0.08) * (1 - soft_step(along, 1.0, 0.08))
    return np.asarray(inside * np.exp(-0.5 * (across / 0.03) ** 2), np.float32)


def mouth_line(shape: Shape, capture: Capture, x: Floats) -> tuple[Floats, float]:
    """Height of the line between the lips over x, and half the width of the mouth."""
    half = shape.mouth_width + SMILE_WIDTH * capture.smile
    corner = shape.mouth_corner + 0.05 * capture.smile
    share = np.clip(x / half, -1.3, 1.3)
    dip = 0.35 * shape.lip_bow * np.exp(-0.5 * (x / 0.06) ** 2)
    line = shape.mouth_y + dip - corner * share**2
    return np.asarray(line, np.float32), half


def lip_edges(shape: Shape, capture: Capture, x: Floats) -> tuple[Floats, Floats]:
    """Upper edge of the upper lip and lower edge of the lower lip over x."""
    line, half = mouth_line(shape, capture, x)
    share = np.clip(np.abs(x) / half, 0, 1)
    thin = 1 - 0.25 * max(capture.smile, 0.0)
    bow = shape.lip_bow * (np.exp(-0.5 * ((np.abs(x) - 0.075) / 0.05) ** 2))
    bow = bow - 0.6 * shape.lip_bow * np.exp(-0.5 * (x / 0.035) ** 2)
    upper = line - thin * (shape.lip_upper * (1 - share**1.8) + bow * (share < 1))
    lower = line + thin * shape.lip_lower * (1 - share**2.2)
    return np.asarray(upper, np.float32), np.asarray(lower, np.float32)


def _mouth(shape: Shape, capture: Capture, plane: Plane) -> Floats:
    line, half = mouth_line(shape, capture, plane.x)
    window = np.exp(-0.5 * (plane.x / (0.75 * half)) ** 4)
    upper = bump(plane, (0, shape.mouth_y - 0.6 * shape.lip_upper), (0.75 * half, 0.05))
    lower = bump(plane, (0, shape.mouth_y + 0.55 * shape.lip_lower), (0.65 * half, 0.05))
    crease = window * np.exp(-0.5 * ((plane.y - line) / 0.018) ** 2)
    fold = bump(plane, (0, shape.mouth_y + 1.7 * shape.lip_lower), (0.22, 0.045))
    channel = bump(plane, (0, 0.5 * (shape.nose_length + shape.mouth_y) - 0.01), (0.04, 0.08))
    mass = bump(plane, (0, shape.mouth_y), (0.30, 0.20))
    relief = 0.07 * mass + 0.5 * shape.lip_upper * upper + 0.6 * shape.lip_lower * lower
    return np.asarray(relief - 0.035 * crease - 0.03 * fold - 0.018 * channel, np.float32)
