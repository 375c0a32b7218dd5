"""How pressed skin leaves ink: thickness of ridges, dry breaks, wet bridges, the rim of contact."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.vocabulary import TEMPLATE_DPI
from models.synthesis.conditions import Condition
from models.synthesis.contact import Touch
from models.synthesis.skin import Skin, draw_creases, smooth_noise

Floats = NDArray[np.float32]

RIM_PRESSURE = 0.25
"""Pressure below which ridges grow thinner towards the rim of the contact."""

RAGGED_RIM = 0.06
"""How unevenly the rim of the contact runs, in units of pressure."""

CREASE_DEPTH = 3.0
"""Depth of a white line in units of skin height, so that full pressure does not fill it."""

SHARPNESS = 8.0
"""Slope of the step from no ink to full ink, per unit of skin height."""


def press(
    rng: np.random.Generator, skin: Skin, touch: Touch, condition: Condition
) -> tuple[Floats, Floats]:
    """Ink (0 to 1) that the skin leaves, and the pressure that it had, both of touch.shape."""
    x, y = touch.warp.lookup(touch.shape)
    today = _moment(rng, skin, condition)
    height = np.asarray(cv2.remap(today, x, y, cv2.INTER_LINEAR, borderValue=-1.0), np.float32)
    rows, columns = today.shape
    inside = (x > 0) & (y > 0) & (x < columns - 1) & (y < rows - 1)
    pressure = np.where(inside, touch.contact.pressure(x, y), np.float32(-1.0))
    return _leave_ink(rng, height, pressure, condition), pressure


def _moment(rng: np.random.Generator, skin: Skin, condition: Condition) -> Floats:
    """Height of the skin at this moment: ridges, pores and roughness, creases old and new."""
    roughness = np.float32(0.9 + 1.2 * condition.dry - 0.6 * condition.wet)
    height = skin.ridges - roughness * skin.texture - np.float32(CREASE_DEPTH) * skin.creases
    if condition.creased:
        height = height - CREASE_DEPTH * draw_creases(
            rng, skin.ridges.shape, 3.0 * condition.creased
        )
    return np.asarray(height, np.float32)


def _leave_ink(
    rng: np.random.Generator, height: Floats, pressure: Floats, condition: Condition
) -> Floats:
    """Skin above the level to which pressure and moisture reach leaves ink."""
    shape = height.shape
    uneven = 0.16 * smooth_noise(rng, shape, 5) + 0.14 * smooth_noise(rng, shape, 36)
    moisture = 0.95 * condition.wet - 0.80 * condition.dry
    level = -moisture + (0.7 + condition.wet + condition.dry) * uneven
    ragged = pressure + RAGGED_RIM * smooth_noise(rng, shape, 40)
    rim = np.clip(1.0 - ragged / RIM_PRESSURE, 0.0, None)
    level += 0.55 * rim * rim + np.where(ragged < 0, np.float32(9.0), np.float32(0.0))
    if condition.dry:
        speckle = rng.standard_normal(shape, dtype=np.float32)
        level += 1.5 * condition.dry * cv2.GaussianBlur(speckle, (0, 0), 1.3) * 2.2
    return np.asarray(
        1.0 / (1.0 + np.exp(np.clip(SHARPNESS * (level - height), -30, 30))), np.float32
    )


def resample(ink: Floats, dpi: float) -> Floats:
    """Ink at another resolution; averaging when smaller, so that fine ridges do not alias."""
    if dpi == TEMPLATE_DPI:
        return ink
    scale = dpi / TEMPLATE_DPI
    size = (round(ink.shape[1] * scale), round(ink.shape[0] * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(ink, size, interpolation=way), np.float32)
