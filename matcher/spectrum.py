"""Local spectra of an image: what waves are there around each point, and the way back.

A Gaussian window is moved over the image in steps; under each window the Fourier
coefficients of the ridge band are taken (a Gabor frame). The transform and its inverse are
separable: first along one axis, then along the other.

A window is even about its middle, so its cosines see only sums of the two pixels that lie alike
on either side of it, and its sines only differences: half the products. Waves that mirror each
other share theirs, which halves them again. All inner loops run along numbers that lie side by
side, over BLOCK rows of windows at a time, so that the processor's vectors are filled.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Complexes = NDArray[np.complex64]

WINDOW_PX = 32
"""Side of the analysis window: about four ridges at 500 dpi, enough to measure a period."""

STEP_PX = 8
"""Distance of neighbouring windows: a quarter window, so that the frame loses nothing."""

SPREAD_PX = 6.0
"""Standard deviation of the Gaussian window: the window's edge lies beyond two of them."""

HARMONICS = 7
"""Highest harmonic of the window taken on each axis: 7/32 per pixel, a period of 4.6 pixels,
finer than the ridges of a small child at 500 dpi."""

HALF_PX = WINDOW_PX // 2
"""Half the side of a window."""

LEAD_PX = (WINDOW_PX - STEP_PX) // 2
"""Pixels by which the first window begins before the image, so that windows are centred on every
step; what they see beyond the image is nothing."""

WAVES = HARMONICS + 1
"""Cosines on one axis, and as many sines, the first of which is nothing."""

LANES = 2 * WAVES
"""Functions on one axis: cosines, then sines."""

BLOCK = 8
"""Rows of windows done together: 128 numbers side by side. With 16 numbers the loops took twice
as long, with more than 128 the second cache is full."""

ROUNDING = {"contract", "nsz"}
"""What the compiler may do to sums: add and multiply in one, which rounds once instead of twice,
and care nothing about the sign of zero. Never another order."""


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


@lru_cache(maxsize=1)
def axis_functions() -> Floats:
    """The windowed waves of one axis over half a window: cosines, then sines.

    Shape (2 HARMONICS + 2, WINDOW_PX / 2); the other half is the same, mirrored.
    """
    offsets = np.arange(WINDOW_PX // 2) - (WINDOW_PX - 1) / 2
    turns = 2 * np.pi / WINDOW_PX * np.outer(np.arange(HARMONICS + 1), offsets)
    bell = window()[: WINDOW_PX // 2] / np.sqrt(WINDOW_PX)
    return np.concatenate([np.cos(turns) * bell, np.sin(turns) * bell]).astype(np.float32)


def analyse(image: Floats) -> Complexes:
    """Take the spectra under all windows of an image (rows, columns).

    Returns shape (window rows, window columns, HARMONICS + 1, 2 HARMONICS + 1).
    """
    steps = [-(-length // STEP_PX) for length in image.shape]
    spectra = np.empty((*steps, *waves().weight.shape), np.complex64)
    _analyse(image, axis_functions(), spectra)
    return spectra


def synthesise(
    spectra: Complexes, shape: tuple[int, int], share: Complexes | None = None
) -> Floats:
    """Add all windows' waves up to an image of the given shape; the inverse of `analyse`.

    The result is exact for images inside the ridge band. share: what each wave is multiplied by
    before, of the shape of one window's waves; None for one.
    """
    image = np.zeros(shape, np.float32)
    taken = np.ones(waves().weight.shape, np.complex64) if share is None else share
    _synthesise(spectra, taken, np.ascontiguousarray(axis_functions().T), image)
    return image


@njit(nogil=True, cache=True, fastmath=ROUNDING)
def _sum_rows(weights: Floats, source: Floats, target: Floats, at: tuple[int, int]) -> None:
    """One row of the target: the sum of sixteen source rows. at: row of weights and target, numbers
    in a row."""
    row, count = at
    a, b, c, d = weights[row, 0], weights[row, 1], weights[row, 2], weights[row, 3]
    e, f, g, h = weights[row, 4], weights[row, 5], weights[row, 6], weights[row, 7]
    i, j, k, m = weights[row, 8], weights[row, 9], weights[row, 10], weights[row, 11]
    n, o, p, q = weights[row, 12], weights[row, 13], weights[row, 14], weights[row, 15]
    for x in range(count):
        target[row, x] = (
            (a * source[0, x] + b * source[1, x] + c * source[2, x] + d * source[3, x])
            + (e * source[4, x] + f * source[5, x] + g * source[6, x] + h * source[7, x])
            + (i * source[8, x] + j * source[9, x] + k * source[10, x] + m * source[11, x])
            + (n * source[12, x] + o * source[13, x] + p * source[14, x] + q * source[15, x])
        )


@njit(nogil=True, cache=True, fastmath=ROUNDING)
def _lay_both(functions: Floats, source: Floats, target: Floats, at: tuple[int, int, int]) -> None:
    """Add a window's two rows of one distance from its middle. functions: shape (HALF_PX, LANES).

    at: distance, counted from the window's edge; the window's first row in the target, of which
    rows may lie outside; numbers in a row.
    """
    near, top, count = at
    w = functions
    a, b, c, d = w[near, 0], w[near, 1], w[near, 2], w[near, 3]
    e, f, g, h = w[near, 4], w[near, 5], w[near, 6], w[near, 7]
    j, k, m = w[near, 9], w[near, 10], w[near, 11]
    n, o, p, q = w[near, 12], w[near, 13], w[near, 14], w[near, 15]
    upper, lower = top + near, top + 2 * HALF_PX - 1 - near
    has_upper, has_lower = 0 <= upper < len(target), 0 <= lower < len(target)
    # A row outside is added to the other one with nothing, so that the loop has no branches.
    up, down = np.float32(has_upper), np.float32(has_lower)
    upper, lower = upper if has_upper else lower, lower if has_lower else upper
    if not has_upper and not has_lower:
        return
    for x in range(count):
        even = (a * source[0, x] + b * source[1, x] + c * source[2, x] + d * source[3, x]) + (
            e * source[4, x] + f * source[5, x] + g * source[6, x] + h * source[7, x]
        )
        odd = (j * source[9, x] + k * source[10, x] + m * source[11, x]) + (
            n * source[12, x] + o * source[13, x] + p * source[14, x] + q * source[15, x]
        )
        target[upper, x] += up * (even + odd)
        target[lower, x] += down * (even - odd)


@njit(nogil=True, cache=True, fastmath=ROUNDING)
def _pair(source: Floats, target: Floats, at: tuple[int, int, int, int, int]) -> None:
    """Sum or difference of two source rows. at: both, row of the target, sign, numbers in a row."""
    upper, lower, row, sign, count = at
    if sign > 0:
        for x in range(count):
            target[row, x] = source[upper, x] + source[lower, x]
    else:
        for x in range(count):
            target[row, x] = source[upper, x] - source[lower, x]


@njit(nogil=True, cache=True, fastmath=ROUNDING)
def _fold(image: Floats, folded: Floats, at: tuple[int, int, int]) -> None:
    """Sums (sign 1) or differences (-1) of the rows of a window on either side of its middle; rows
    beyond the image are nothing. at: the window's first row, sign, numbers in a row."""
    top, sign, count = at
    for near in range(HALF_PX):
        upper, lower = top + near, top + 2 * HALF_PX - 1 - near
        has_upper, has_lower = 0 <= upper < len(image), 0 <= lower < len(image)
        if has_upper and has_lower:
            _pair(image, folded, (upper, lower, near, sign, count))
        elif has_upper or has_lower:
            row, other = (upper, np.float32(1)) if has_upper else (lower, np.float32(sign))
            for x in range(count):
                folded[near, x] = other * image[row, x]
        else:
            for x in range(count):
                folded[near, x] = 0


@njit(nogil=True, cache=True, fastmath=ROUNDING)
def _see(
    source: Floats, functions: Floats, into: tuple[Floats, Floats], at: tuple[int, int]
) -> None:
    """Sums of a window's rows by all functions of one axis. into: room for folded rows, and the
    result. at: the window's first row, numbers in a row."""
    folded, target = into
    top, count = at
    _fold(source, folded, (top, 1, count))
    for wave in range(WAVES):
        _sum_rows(functions, folded, target, (wave, count))
    _fold(source, folded, (top, -1, count))
    for wave in range(WAVES + 1, LANES):
        _sum_rows(functions, folded, target, (wave, count))


@njit(nogil=True, cache=True, fastmath=ROUNDING)
def _analyse(image: Floats, functions: Floats, spectra: Complexes) -> None:
    """Fill the spectra, shape (window rows, window columns, WAVES, 2 HARMONICS + 1), of an image.

    functions: those of one axis over half a window, cosines first, shape (LANES, HALF_PX).
    """
    width = image.shape[1]
    steps_y, steps_x = spectra.shape[:2]
    lanes = BLOCK * LANES
    folded = np.empty((HALF_PX, max(width, lanes)), np.float32)
    tall = np.zeros((LANES, width), np.float32)
    turned = np.zeros((max(width + LEAD_PX, steps_x * STEP_PX + 2 * HALF_PX), lanes), np.float32)
    sums = np.zeros((LANES, lanes), np.float32)
    for first in range(0, steps_y, BLOCK):
        rows = min(BLOCK, steps_y - first)
        for row in range(rows):
            top = (first + row) * STEP_PX - LEAD_PX
            _see(image, functions, (folded, tall), (top, width))
            for x in range(width):
                for lane in range(LANES):
                    turned[LEAD_PX + x, row * LANES + lane] = tall[lane, x]
        for column in range(steps_x):
            _see(turned, functions, (folded, sums), (column * STEP_PX, rows * LANES))
            _write_waves(sums, spectra, (first, rows, column))


@njit(nogil=True, cache=True, fastmath=ROUNDING)
def _write_waves(sums: Floats, spectra: Complexes, at: tuple[int, int, int]) -> None:
    """Put products of cosines and sines together to waves. at: first row, rows, column."""
    first, rows, column = at
    for row in range(rows):
        for across in range(WAVES):
            for down in range(WAVES):
                lane = row * LANES + down
                even, odd = sums[across, lane], sums[across, lane + WAVES]
                turned, both = sums[across + WAVES, lane], sums[across + WAVES, lane + WAVES]
                place = first + row
                spectra[place, column, across, HARMONICS + down] = complex(
                    even - both, -(turned + odd)
                )
                spectra[place, column, across, HARMONICS - down] = complex(
                    even + both, odd - turned
                )


@njit(nogil=True, cache=True, fastmath=ROUNDING)
def _synthesise(spectra: Complexes, share: Complexes, functions: Floats, image: Floats) -> None:
    """Add the waves of all windows to an image. functions: as in analyse, but (HALF_PX, LANES)."""
    width = image.shape[1]
    steps_y, steps_x = spectra.shape[:2]
    lanes = BLOCK * LANES
    sums = np.zeros((LANES, lanes), np.float32)
    wide = max(width + LEAD_PX, steps_x * STEP_PX + 2 * HALF_PX)
    turned = np.empty((wide, lanes), np.float32)
    tall = np.empty((LANES, width), np.float32)
    for first in range(0, steps_y, BLOCK):
        rows = min(BLOCK, steps_y - first)
        turned[:] = 0
        for column in range(steps_x):
            _read_waves(spectra, share, sums, (first, rows, column))
            for near in range(HALF_PX):
                _lay_both(functions, sums, turned, (near, column * STEP_PX, rows * LANES))
        for row in range(rows):
            for x in range(width):
                for lane in range(LANES):
                    tall[lane, x] = turned[LEAD_PX + x, row * LANES + lane]
            for near in range(HALF_PX):
                top = (first + row) * STEP_PX - LEAD_PX
                _lay_both(functions, tall, image, (near, top, width))


@njit(nogil=True, cache=True, fastmath=ROUNDING)
def _read_waves(
    spectra: Complexes, share: Complexes, sums: Floats, at: tuple[int, int, int]
) -> None:
    """Take shares of waves apart into products of cosines and sines. at: first row, rows, column.

    A wave beside the middle column stands for its mirror image as well and counts twice.
    """
    first, rows, column = at
    for row in range(rows):
        for across in range(WAVES):
            twice = np.float32(1 if across == 0 else 2)
            middle = spectra[first + row, column, across, HARMONICS] * share[across, HARMONICS]
            lane = row * LANES
            sums[across, lane] = twice * middle.real
            sums[across + WAVES, lane] = -twice * middle.imag
            for down in range(1, WAVES):
                below, above = HARMONICS + down, HARMONICS - down
                one = spectra[first + row, column, across, below] * share[across, below]
                two = spectra[first + row, column, across, above] * share[across, above]
                lane = row * LANES + down
                sums[across, lane] = twice * (one.real + two.real)
                sums[across, lane + WAVES] = twice * (two.imag - one.imag)
                sums[across + WAVES, lane] = -twice * (one.imag + two.imag)
                sums[across + WAVES, lane + WAVES] = twice * (two.real - one.real)
