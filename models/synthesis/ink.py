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

DRY_LEVEL, WET_LEVEL = (0.62, 1.00), (0.70, 1.20)
"""Linear and cubic share of the skin height (ridges reach 1.1) that dryness or sweat asks for:
half dry thins the ridges, fully dry leaves only the highest specks of them."""

PATCHES = 0.40
"""How far dryness or sweat differs from patch to patch at its worst."""

SPECKS = (2.6, 4.0)
"""Linear and cubic strength of the specks into which dry ridges fall; blurring takes most of it."""

RESIDUE_SHARE = 0.012
"""Share of pixels that start a speck of residue under full noise, in the thick of a cloud."""

GHOST_INK = 0.7
"""Darkness of the trace of an earlier finger at its worst; a real ridge has 1."""

GHOST_SHIFT_PX = 60.0
"""How far an earlier finger lay from this one."""

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
    ink = _leave_ink(rng, height, pressure, condition)
    if condition.ghost:
        np.maximum(ink, _draw_ghost(rng, skin, (x, y), condition.ghost), out=ink)
    return ink, pressure


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
    level = _draw_dryness(rng, shape, condition)
    level += (0.7 + condition.wet + condition.dry) * uneven
    ragged = pressure + RAGGED_RIM * smooth_noise(rng, shape, 40)
    rim = np.clip(1.0 - ragged / RIM_PRESSURE, 0.0, None)
    level += 0.55 * rim * rim + np.where(ragged < 0, np.float32(9.0), np.float32(0.0))
    ink = 1.0 / (1.0 + np.exp(np.clip(SHARPNESS * (level - height), -30, 30)))
    if condition.noise:
        np.maximum(ink, _draw_residue(rng, shape, condition.noise), out=ink)
    return np.asarray(ink, np.float32)


def _draw_dryness(rng: np.random.Generator, shape: tuple[int, int], condition: Condition) -> Floats:
    """Level of skin height that dryness (up) and sweat (down) ask for, in patches and specks."""
    dry, wet = condition.dry, condition.wet
    shift = _grow_worse(dry, DRY_LEVEL) - _grow_worse(wet, WET_LEVEL)
    level = np.full(shape, shift, np.float32)
    if dry or wet:
        level += PATCHES * (dry**2 + wet**2) * smooth_noise(rng, shape, 7)
    if dry:
        specks = cv2.GaussianBlur(rng.standard_normal(shape, dtype=np.float32), (0, 0), 1.3)
        level += _grow_worse(dry, SPECKS) * specks
    return np.asarray(level, np.float32)


def _draw_ghost(
    rng: np.random.Generator, skin: Skin, place: tuple[Floats, Floats], level: float
) -> Floats:
    """The trace of an earlier finger: these ridges mirrored, shifted, pale and in patches."""
    shift_x, shift_y = rng.normal(0.0, GHOST_SHIFT_PX, 2)
    x = skin.ridges.shape[1] - place[0] + np.float32(shift_x)
    y = place[1] + np.float32(shift_y)
    ridges = cv2.remap(skin.ridges, x, y, cv2.INTER_LINEAR, borderValue=-1.0)
    patches = np.clip(0.5 * smooth_noise(rng, x.shape, 5) + 0.3, 0.0, 1.0)
    return np.asarray(GHOST_INK * level * patches * np.clip(ridges, 0.0, 1.0), np.float32)


def _grow_worse(level: float, shares: tuple[float, float]) -> float:
    """A linear and a cubic part: mild levels stay readable, the last third spoils the print."""
    return shares[0] * level + shares[1] * level**3


def _draw_residue(rng: np.random.Generator, shape: tuple[int, int], noise: float) -> Floats:
    """Specks of dirt and old sweat on the glass, in clouds."""
    clouds = np.clip(smooth_noise(rng, shape, 6), 0.0, 2.0)
    specks = rng.random(shape, dtype=np.float32) < RESIDUE_SHARE * noise * clouds
    return np.asarray(cv2.GaussianBlur(specks.astype(np.float32) * 3.0, (0, 0), 0.8), np.float32)


def resample(ink: Floats, dpi: float) -> Floats:
    """Ink at another resolution; averaging when smaller, so that fine ridges do not alias."""
    if dpi == TEMPLATE_DPI:
        return ink
    scale = dpi / TEMPLATE_DPI
    size = (round(ink.shape[1] * scale), round(ink.shape[0] * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(ink, size, interpolation=way), np.float32)
