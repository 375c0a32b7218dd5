"""Friction skin: ridges, pores and creases of a piece of finger, as heights."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

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
class Skin:
    """A piece of skin; all float32 of one shape.

    ridges: about -1.1 (valley) to 1.1 (ridge). texture: pores and roughness, positive where skin
    stands back. creases: 0 to 1, white lines.
    """

    ridges: Floats
    texture: Floats
    creases: Floats


def clothe(rng: np.random.Generator, ridges: Floats, build: Build) -> Skin:
    """Give grown ridges their pores, roughness and creases."""
    texture = _draw_texture(rng, ridges, build)
    return Skin(ridges, texture, draw_creases(rng, ridges.shape, build.creases))


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


def draw_creases(rng: np.random.Generator, shape: tuple[int, ...], level: float) -> Floats:
    """White lines across the pad: thin, slightly bent, mostly lying; more with a higher level."""
    canvas = np.zeros(shape, np.uint8)
    for _ in range(rng.poisson(6.0 * level)):
        middle = rng.uniform(0.25, 0.75, 2) * shape[::-1]
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
