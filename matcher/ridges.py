"""Ridges: where they are, which way they run, how close they lie, and a clean picture of them.

All fields are on the grid of `matcher.spectrum` windows (one cell per STEP_PX pixels).
Angles of fields are those of the ridge's normal in image rows (y downwards), modulo half a turn.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.spectrum import STEP_PX, Complexes, Floats, synthesise, waves

LIGHT_SPREAD_PX = 6.0
"""Illumination is what changes slower than about two ridges."""

CONTRAST_SPREAD_PX = 8.0
"""Contrast is evened out over the size of a fingertip's details, not of single ridges."""

CONTRAST_FLOOR_GREY = 6.0
"""Grey levels of contrast below which a surface counts as empty rather than as faint ridges."""

CLIP_DEVIATIONS = 1.2
"""Brighter and darker pixels than this are dirt and pores; they may not outvote the ridges."""

PERIOD_MIN_PX, PERIOD_MAX_PX = 4.6, 18.0
"""Ridge periods of children's and of large men's fingers at 500 dpi, with a margin."""

PERIOD_USUAL_PX = 9.0
"""The period of an average adult's ridges at 500 dpi; used where none can be measured."""


@dataclass(frozen=True, slots=True, eq=False)
class RidgeField:
    """Local waves of a print. All arrays have the shape of the window grid.

    normal: direction of the ridge's normal, radians. frequency: cycles per pixel.
    coherence: 0-1, how much the neighbourhood agrees on one direction.
    purity: 0-1, share of the local energy that is this wave.
    energy: local energy of the wave in units of the normalised image.
    """

    normal: Floats
    frequency: Floats
    coherence: Floats
    purity: Floats
    energy: Floats


def blur(image: Floats, spread: float) -> Floats:
    """Smooth with a Gaussian of the given standard deviation, mirrored at the border."""
    result: Floats = cv2.GaussianBlur(image, (0, 0), spread, borderType=cv2.BORDER_REFLECT_101)
    return result


def normalise(image: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """Even out light and contrast. Returns the flat image and the local contrast in grey levels."""
    grey = image.astype(np.float32)
    flat = grey - blur(grey, LIGHT_SPREAD_PX)
    contrast = np.sqrt(blur(flat * flat, CONTRAST_SPREAD_PX))
    flat /= np.maximum(contrast, CONTRAST_FLOOR_GREY)
    return np.clip(flat, -CLIP_DEVIATIONS, CLIP_DEVIATIONS), contrast


def measure(spectra: Complexes, rounds: int = 3) -> RidgeField:
    """Find direction and period of the ridges, letting neighbours persuade each other."""
    power = (spectra.real**2 + spectra.imag**2) * waves().weight
    band = (waves().radius >= 1 / PERIOD_MAX_PX) & (waves().radius <= 1 / PERIOD_MIN_PX)
    ridge = power * band
    selected = ridge
    for spread in (3.0, 2.0, 1.0)[:rounds]:
        normal, coherence = agree(selected, spread)
        frequency = average_frequency(selected, spread)
        accepted = passband(normal, frequency, np.full_like(normal, 0.5), 0.35)
        selected = ridge * accepted
    energy = selected.sum(axis=(2, 3))
    purity = energy / (power.sum(axis=(2, 3)) + 1e-6)
    return RidgeField(normal, frequency, coherence, purity, energy)


def agree(power: Floats, spread: float) -> tuple[Floats, Floats]:
    """Average the directions of all waves over neighbouring cells, doubled so that ±180° agree."""
    total = power.sum(axis=(2, 3)) + 1e-6
    sharpness = 1.0 / np.sqrt(total)
    turned = 2 * waves().angle
    cosine = blur(np.einsum("yxij,ij->yx", power, np.cos(turned)) * sharpness, spread)
    sine = blur(np.einsum("yxij,ij->yx", power, np.sin(turned)) * sharpness, spread)
    mass = blur(total * sharpness, spread)
    return np.arctan2(sine, cosine) / 2, np.hypot(cosine, sine) / (mass + 1e-6)


def average_frequency(power: Floats, spread: float) -> Floats:
    """Average the frequency of the waves; periods change slowly, so over a wider neighbourhood."""
    mass = blur(power.sum(axis=(2, 3)), 2 * spread)
    sums = blur(np.einsum("yxij,ij->yx", power, waves().radius), 2 * spread)
    filler = 1e-3
    result: Floats = (sums + filler / PERIOD_USUAL_PX) / (mass + filler)
    return result


def passband(normal: Floats, frequency: Floats, angle_spread: Floats, octaves: float) -> Floats:
    """How much of each wave belongs to ridges of this direction and period, 0-1."""
    turn = np.cos(2 * (waves().angle[None, None] - normal[..., None, None]))
    across = np.exp((turn - 1) / (4 * angle_spread[..., None, None] ** 2) * 2)
    ratio = np.log(np.maximum(waves().radius, 1e-3)[None, None] / frequency[..., None, None])
    along = np.exp(-0.5 * (ratio / octaves) ** 2)
    result: Floats = (across * along).astype(np.float32)
    return result


def enhance(spectra: Complexes, field: RidgeField, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Keep the waves of the field only. Returns three planes (rows, columns):

    the ridge wave itself and the x and y parts of its quarter-turned companion (Riesz
    transform), which together give amplitude and phase at every pixel.
    """
    spread = 0.25 + 0.5 * (1 - field.coherence)
    kept = spectra * passband(field.normal, field.frequency, spread, 0.35)
    radius = np.maximum(waves().radius, 1e-3)
    planes = [
        synthesise(part, shape)
        for part in (kept, -1j * kept * (waves().x / radius), -1j * kept * (waves().y / radius))
    ]
    return np.stack(planes)


def spread_to_pixels(cells: Floats, shape: tuple[int, int]) -> Floats:
    """Interpolate a field from the window grid to the pixels of an image of the given shape."""
    rows, columns = cells.shape
    large = cv2.resize(cells, (columns * STEP_PX, rows * STEP_PX), interpolation=cv2.INTER_LINEAR)
    result: Floats = np.ascontiguousarray(large[: shape[0], : shape[1]])
    return result


def doubled_normals(field: RidgeField, shape: tuple[int, int]) -> Floats:
    """Interpolate the normal to the pixels, doubled so that half a turn is no jump.

    Returns cosine and sine of the doubled angle, shape (2, rows, columns).
    """
    doubled = 2 * field.normal
    return np.stack([spread_to_pixels(part, shape) for part in (np.cos(doubled), np.sin(doubled))])
