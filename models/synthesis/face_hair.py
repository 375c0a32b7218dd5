"""Hair of a synthetic face: what lies behind the head and what falls over it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.synthesis.face_paint import linear, soft_noise
from models.synthesis.face_relief import Plane, face_plane, half_width, soft_step
from models.synthesis.face_traits import Shape, Traits

Floats = NDArray[np.floating[Any]]

CROWN = 0.46
"""From the crown down to a mean hairline, in face units."""


NECK = 0.42
"""Half width, in face units, that long hair leaves free below the chin."""


def hair_colour(traits: Traits) -> Floats:
    """Strands of hair in linear light, shape (rows, columns, 3)."""
    plane = face_plane()
    rng = np.random.default_rng((traits.texture_seed, 1))
    fine = soft_noise(rng, 0.012, plane.x.shape)
    coarse = soft_noise(rng, 0.08, plane.x.shape)
    light = np.clip(1 + 0.22 * fine + 0.22 * coarse, 0.3, 1.9)
    return np.asarray(linear(traits.colours.hair) * light[..., None], np.float32)


def hair_behind(traits: Traits) -> Floats:
    """Mask of the hair seen around the head."""
    plane, colours = face_plane(), traits.colours
    if colours.hair_style == "bald":
        return np.zeros_like(plane.x)
    volume = colours.hair_volume
    width = half_width(traits.shape, plane.y[:, 0] / (1 + volume))[:, None]
    grown = np.where(width > 0.02, width * (1 + 0.8 * volume), -0.1)
    low = 0.05
    if colours.hair_style == "long":
        low = 1.95
        fall = 1.02 * traits.shape.cheek_width + volume
        grown = np.maximum(grown, fall * soft_step(plane.y, -0.35, 0.09) - 0.01)
    around = soft_step(np.asarray(grown - np.abs(plane.x), np.float32), 0.0, 0.015)
    return np.asarray(around * (1 - soft_step(plane.y, low, 0.06)), np.float32)


def hair_over(traits: Traits) -> Floats:
    """Mask of the hair that covers forehead and temples, as the style cuts it."""
    plane = face_plane()
    mask = STYLES[traits.colours.hair_style](traits, plane)
    rng = np.random.default_rng((traits.texture_seed, 2))
    ragged = 0.05 * soft_noise(rng, 0.02, plane.x.shape)
    return np.asarray(np.clip(mask * (1 + ragged), 0, 1), np.float32)


def _line(traits: Traits) -> float:
    return traits.shape.forehead_y + CROWN + traits.colours.hairline


def _sides(shape: Shape, plane: Plane, share: float, low: float) -> Floats:
    """Hair at the temples, down to a height, from a share of the head's half width outwards."""
    width = half_width(shape, plane.y[:, 0])[:, None]
    free = np.maximum(share * width, NECK)
    outside = soft_step(np.asarray(np.abs(plane.x) - free, np.float32), 0.0, 0.02)
    return outside * (1 - soft_step(plane.y, low, 0.04))


def _short(traits: Traits, plane: Plane) -> Floats:
    edge = _line(traits) + 0.16 * (plane.x / 0.7) ** 2 - 0.08 * np.cos(5.5 * plane.x)
    above = 1 - soft_step(np.asarray(plane.y - edge, np.float32), 0.0, 0.018)
    return np.maximum(above, _sides(traits.shape, plane, 0.90, 0.02))


def _parted(traits: Traits, plane: Plane) -> Floats:
    side = 1.0 if traits.texture_seed % 2 else -1.0
    part = side * 0.38
    rise = 0.30 * np.abs(plane.x - part) ** 1.3
    edge = _line(traits) - 0.08 + rise
    above = 1 - soft_step(np.asarray(plane.y - edge, np.float32), 0.0, 0.018)
    return np.maximum(above, _sides(traits.shape, plane, 0.88, 0.10))


def _fringe(traits: Traits, plane: Plane) -> Floats:
    wave = 0.025 * np.sin(19 * plane.x + traits.texture_seed % 7)
    low = traits.shape.brow_y - 0.11 + 0.5 * traits.colours.hairline
    edge = low + wave + 0.06 * plane.x**2
    above = 1 - soft_step(np.asarray(plane.y - edge, np.float32), 0.0, 0.015)
    return np.maximum(above, _sides(traits.shape, plane, 0.86, 0.25))


def _long(traits: Traits, plane: Plane) -> Floats:
    edge = _line(traits) - 0.14 + 0.55 * np.abs(plane.x) ** 1.6
    above = 1 - soft_step(np.asarray(plane.y - edge, np.float32), 0.0, 0.018)
    return np.maximum(above, _sides(traits.shape, plane, 0.87, 2.0))


def _bald(traits: Traits, plane: Plane) -> Floats:
    sides = _sides(traits.shape, plane, 0.93, 0.0) * soft_step(plane.y, -0.75, 0.12)
    return np.asarray(0.6 * sides, np.float32)


STYLES: Mapping[str, Callable[[Traits, Plane], Floats]] = {
    "bald": _bald,
    "short": _short,
    "parted": _parted,
    "fringe": _fringe,
    "long": _long,
}
"""How each hair style covers the forehead."""
