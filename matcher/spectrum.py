"""Local spectra of an image: what waves are there around each point, and the way back.

A Gaussian window is moved over the image in steps; under each window the Fourier
coefficients of the ridge band are taken (a Gabor frame). The transform and its inverse are
separable, so both are a handful of matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Complexes = NDArray[np.complex64]
Number = TypeVar("Number", np.float32, np.complex64)

WINDOW_PX = 32
"""Side of the analysis window: about four ridges at 500 dpi, enough to measure a period."""

STEP_PX = 8
"""Distance of neighbouring windows: a quarter window, so that the frame loses nothing."""

SPREAD_PX = 6.0
"""Standard deviation of the Gaussian window: the window's edge lies beyond two of them."""

HARMONICS = 7
"""Highest harmonic of the window taken on each axis: 7/32 per pixel, a period of 4.6 pixels,
finer than the ridges of a small child at 500 dpi."""


@dataclass(frozen=True, slots=True, eq=False)
class Waves:
    """The frequency grid of a half plane (a real image mirrors the other half).

    x, y: cycles per pixel (y grows downwards), shape (columns, rows) of harmonics.
    weight: how often a coefficient counts, so that real image = Re(sum of weight x wave).
    """

    x: Floats
    y: Floats
    weight: Floats

    @property
    def radius(self) -> Floats:
        """Cycles per pixel of each wave."""
        return np.hypot(self.x, self.y)

    @property
    def angle(self) -> Floats:
        """Direction of each wave's normal in image rows (y downwards), radians."""
        return np.arctan2(self.y, self.x)


@lru_cache(maxsize=1)
def waves() -> Waves:
    """Return the grid of waves of one window."""
    columns, rows = np.meshgrid(
        np.arange(HARMONICS + 1), np.arange(-HARMONICS, HARMONICS + 1), indexing="ij"
    )
    weight = np.where(columns == 0, 1, 2).astype(np.float32)
    x, y = ((axis / WINDOW_PX).astype(np.float32) for axis in (columns, rows))
    return Waves(x, y, weight)


@lru_cache(maxsize=1)
def window() -> Floats:
    """Return the one-dimensional window, scaled so that overlapping squares sum to one."""
    offsets = np.arange(WINDOW_PX) - (WINDOW_PX - 1) / 2
    bell = np.exp(-0.5 * (offsets / SPREAD_PX) ** 2)
    power = (bell**2).reshape(-1, STEP_PX).sum(axis=0).mean()
    scaled: Floats = (bell / np.sqrt(power)).astype(np.float32)
    return scaled


@lru_cache(maxsize=4)
def atoms(low: int, high: int) -> Complexes:
    """Return windowed waves of harmonics low..high, shape (WINDOW_PX, harmonics)."""
    offsets = np.arange(WINDOW_PX) - (WINDOW_PX - 1) / 2
    turns = np.outer(offsets, np.arange(low, high + 1)) / WINDOW_PX
    basis = window()[:, None] * np.exp(-2j * np.pi * turns) / np.sqrt(WINDOW_PX)
    result: Complexes = basis.astype(np.complex64)
    return result


def padding(length: int) -> tuple[int, int]:
    """Return the zeros before and after an axis so that windows are centred on every step.

    >>> padding(32)
    (12, 12)
    """
    before = (WINDOW_PX - STEP_PX) // 2
    steps = -(-length // STEP_PX)
    return before, (steps - 1) * STEP_PX + WINDOW_PX - before - length


def analyse(image: Floats) -> Complexes:
    """Take the spectra under all windows of an image (rows, columns).

    Returns shape (window rows, window columns, HARMONICS + 1, 2 HARMONICS + 1).
    """
    padded = np.pad(image, [padding(length) for length in image.shape])
    strips = sliding_window_view(padded, WINDOW_PX, axis=1)[:, ::STEP_PX]
    basis = atoms(0, HARMONICS)
    parts = np.ascontiguousarray(strips) @ np.stack([basis.real, basis.imag], -1).reshape(
        WINDOW_PX, -1
    )
    across = parts.view(np.complex64)
    columns = sliding_window_view(across, WINDOW_PX, axis=0)[::STEP_PX]
    result: Complexes = np.ascontiguousarray(columns) @ atoms(-HARMONICS, HARMONICS)
    return result


def synthesise(spectra: Complexes, shape: tuple[int, int]) -> Floats:
    """Add all windows' waves up to an image of the given shape; the inverse of `analyse`.

    The result is exact for images inside the ridge band. Blocks of STEP_PX rows (then columns)
    see OVERLAP windows each, at the same places, so one small matrix serves all blocks.
    """
    steps_y, steps_x, across, _ = spectra.shape
    weighted = (spectra * waves().weight).transpose(0, 3, 1, 2)
    flat = weighted.reshape(steps_y, -1, steps_x * across)
    tall = block_atoms(-HARMONICS, HARMONICS).T @ neighbours(flat)
    tall = tall.reshape(-1, steps_x, across)[LEAD_PX : LEAD_PX + shape[0]]
    basis = atoms(0, HARMONICS).T.conj()
    pairs = np.stack([basis.real, -basis.imag], axis=1).reshape(2 * across, WINDOW_PX)
    pieces = np.ascontiguousarray(tall).view(np.float32) @ pairs
    return add_up(pieces)[:, : shape[1]]


OVERLAP = WINDOW_PX // STEP_PX
"""Windows that see one pixel, per axis."""

LEAD_PX = STEP_PX // 2
"""Blocks of equal windows begin half a step before the windows' cells, as windows are centred."""


@lru_cache(maxsize=4)
def block_atoms(low: int, high: int) -> Complexes:
    """Return the waves of OVERLAP windows over the STEP_PX pixels that all of them see.

    Shape (OVERLAP x harmonics, STEP_PX), the windows in the order of `neighbours`.
    """
    pieces = atoms(low, high).conj().reshape(OVERLAP, STEP_PX, -1)[::-1]
    result: Complexes = np.ascontiguousarray(pieces.transpose(0, 2, 1).reshape(-1, STEP_PX))
    return result


def add_up(pieces: Floats) -> Floats:
    """Overlay window pieces (rows, windows, WINDOW_PX) on one another, each a step further."""
    rows, steps, _ = pieces.shape
    before = (WINDOW_PX - STEP_PX) // 2
    wide = np.zeros((rows, steps + OVERLAP - 1, STEP_PX), np.float32)
    for part in range(OVERLAP):
        wide[:, part : part + steps] += pieces[..., part * STEP_PX : (part + 1) * STEP_PX]
    result: Floats = wide.reshape(rows, -1)[:, before:]
    return result


def neighbours(spectra: NDArray[Number]) -> NDArray[Number]:
    """Lay the OVERLAP windows that see each block one after another.

    spectra: (steps, harmonics, others). Returns (steps + 1, OVERLAP x harmonics, others).
    """
    blocks = len(spectra) + 1
    padded = np.pad(spectra, ((OVERLAP // 2, OVERLAP // 2), (0, 0), (0, 0)))
    return np.concatenate([padded[shift : shift + blocks] for shift in range(OVERLAP)], axis=1)
