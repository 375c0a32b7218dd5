"""Local spectra of an image: what waves are there around each point, and the way back.

A Gaussian window is moved over the image in steps; under each window the Fourier
coefficients of the ridge band are taken (a Gabor frame). The transform and its inverse are
separable, so both are a handful of matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Complexes = NDArray[np.complex64]

WINDOW_PX = 32
"""Side of the analysis window: about four ridges at 500 dpi, enough to measure a period."""

STEP_PX = 8
"""Distance of neighbouring windows: a quarter window, so that the frame loses nothing."""

SPREAD_PX = 7.0
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
    weight = np.where(columns == 0, 1.0, 2.0)
    x, y = (axis.astype(np.float32) / WINDOW_PX for axis in (columns, rows))
    return Waves(x, y, weight.astype(np.float32))


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
    (12, 20)
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
    across = np.ascontiguousarray(strips).astype(np.complex64) @ atoms(0, HARMONICS)
    columns = sliding_window_view(across, WINDOW_PX, axis=0)[::STEP_PX]
    result: Complexes = np.ascontiguousarray(columns) @ atoms(-HARMONICS, HARMONICS)
    return result


def synthesise(spectra: Complexes, shape: tuple[int, int]) -> Floats:
    """Add all windows' waves up to an image of the given shape; the inverse of `analyse`.

    The result is exact for images inside the ridge band.
    """
    (top, bottom), (left, right) = (padding(length) for length in shape)
    steps_y, steps_x = spectra.shape[:2]
    weighted = spectra * waves().weight
    pieces = weighted @ atoms(-HARMONICS, HARMONICS).conj().T
    tall = np.zeros((shape[0] + top + bottom, steps_x, HARMONICS + 1), np.complex64)
    for step in range(steps_y):
        row = step * STEP_PX
        tall[row : row + WINDOW_PX] += np.moveaxis(pieces[step], -1, 0)
    basis = atoms(0, HARMONICS).conj().T
    strips = tall.real @ basis.real - tall.imag @ basis.imag
    wide = np.zeros((tall.shape[0], shape[1] + left + right), np.float32)
    for step in range(steps_x):
        column = step * STEP_PX
        wide[:, column : column + WINDOW_PX] += strips[:, step]
    return wide[top : top + shape[0], left : left + shape[1]]
