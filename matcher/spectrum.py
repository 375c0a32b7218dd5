"""Local spectra of an image: what waves are there around each point, and the way back.

A Gaussian window is moved over the image in steps; under each window the Fourier
coefficients of the ridge band are taken (a Gabor frame). The transform and its inverse are
separable: first along one axis, then along the other.

A window is even about its middle, so its cosines see only sums of the two pixels that lie alike
on either side of it, and its sines only differences: half the products. About the middle of a half
every wave is even or odd in turn, which halves them again, and waves that mirror each other share
theirs. All inner loops run along numbers that lie side by side, over BLOCK rows of windows at a
time, so that the processor's vectors are filled.
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

HALF_PX, QUARTER_PX = WINDOW_PX // 2, WINDOW_PX // 4
"""Half the side of a window, and what is left of it when it was folded twice."""

LEAD_PX = (WINDOW_PX - STEP_PX) // 2
"""Pixels by which the first window begins before the image, so that windows are centred on every
step; what they see beyond the image is nothing."""

WAVES = HARMONICS + 1
"""Cosines on one axis, and as many sines, the first of which is nothing."""

LANES = 2 * WAVES
"""Functions on one axis: cosines, then sines."""

BLOCK = 16
"""Rows of windows done together: 256 numbers side by side. With 16 numbers the loops took twice
as long, with more than 256 the second cache is full."""

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
def bell() -> Floats:
    """The window by which waves of one axis are multiplied, so that sums over it are coefficients
    of an orthonormal transform."""
    scaled: Floats = window() / np.float32(np.sqrt(WINDOW_PX))
    return scaled


@lru_cache(maxsize=1)
def axis_functions() -> Floats:
    """The waves of one axis over the first quarter of a window: cosines, then sines.

    Shape (LANES, QUARTER_PX); the other quarters are the same, mirrored.
    """
    offsets = np.arange(QUARTER_PX) - (WINDOW_PX - 1) / 2
    turns = 2 * np.pi / WINDOW_PX * np.outer(np.arange(WAVES), offsets)
    return np.concatenate([np.cos(turns), np.sin(turns)]).astype(np.float32)


@lru_cache(maxsize=1)
def counted_functions() -> Floats:
    """The same for the way back, shape (QUARTER_PX, LANES), times how often each wave counts.

    As a product over both axes: twice where a wave stands for its mirror image as well, which
    those of the first column do not, and half of that in the middle row, which is read twice.
    """
    counts = np.sqrt(np.where(np.arange(LANES) % WAVES == 0, 0.5, 2.0))
    return np.ascontiguousarray((axis_functions() * counts[:, None]).T.astype(np.float32))


def analyse(image: Floats) -> Complexes:
    """Take the spectra under all windows of an image (rows, columns).

    Returns shape (window rows, window columns, HARMONICS + 1, 2 HARMONICS + 1).
    """
    steps = [-(-length // STEP_PX) for length in image.shape]
    spectra = np.empty((*steps, *waves().weight.shape), np.complex64)
    _analyse(image, bell(), axis_functions(), spectra)
    return spectra


def synthesise(
    spectra: Complexes, shape: tuple[int, int], share: Complexes | None = None
) -> Floats:
    """Add all windows' waves up to an image of the given shape; the inverse of `analyse`.

    The result is exact for images inside the ridge band. share: what each wave is multiplied by
    before, of the shape of one window's waves; None for one.
    """
    image = np.zeros((room(shape[0], spectra.shape[0]), shape[1]), np.float32)
    _synthesise(spectra, share, (bell(), counted_functions()), image)
    return image[LEAD_PX : LEAD_PX + shape[0]]


@njit(nogil=True, cache=True)
def room(length: int, steps: int) -> int:
    """Pixels of an axis with what windows see before and after it."""
    return max(LEAD_PX + length, (steps - 1) * STEP_PX + WINDOW_PX)


@njit(nogil=True, cache=True, fastmath=ROUNDING)
def _sum_rows(weights: Floats, source: Floats, target: Floats, at: tuple[int, int, int]) -> None:
    """One row of the target: the sum of eight source rows. at: row of weights and target, the first
    of the source, numbers in a row."""
    row, top, count = at
    a, b, c, d = weights[row, 0], weights[row, 1], weights[row, 2], weights[row, 3]
    e, f, g, h = weights[row, 4], weights[row, 5], weights[row, 6], weights[row, 7]
    for x in range(count):
        near = a * source[top, x] + b * source[top + 1, x]
        near += c * source[top + 2, x] + d * source[top + 3, x]
        far = e * source[top + 4, x] + f * source[top + 5, x]
        far += g * source[top + 6, x] + h * source[top + 7, x]
        target[row, x] = near + far


@njit(nogil=True, cache=True, fastmath=ROUNDING)
def _find_row(source: Floats, bell: Floats, top: int, place: int) -> tuple[int, np.float32]:
    """The row at a place of a window that begins at top, and what it counts; one that lies beyond
    the source stands for nothing, as any other that counts nothing."""
    row = min(max(top + place, 0), len(source) - 1)
    return row, bell[place] if row == top + place else np.float32(0)


@njit(nogil=True, cache=True, fastmath=ROUNDING)
def _fold(source: Floats, bell: Floats, folded: Floats, at: tuple[int, int, int]) -> None:
    """Add and subtract the four rows of a window that lie alike in its quarters.

    folded: rows for the cosines of even number, QUARTER_PX of them, for those of odd, for the sines
    of even number and of odd. at: the window's first row, distance from its edge, numbers in a row.
    """
    top, near, count = at
    row_a, a = _find_row(source, bell, top, near)
    row_b, b = _find_row(source, bell, top, HALF_PX - 1 - near)
    row_c, c = _find_row(source, bell, top, HALF_PX + near)
    row_d, d = _find_row(source, bell, top, WINDOW_PX - 1 - near)
    for x in range(count):
        upper, lower = a * source[row_a, x], d * source[row_d, x]
        above, below = b * source[row_b, x], c * source[row_c, x]
        folded[near, x] = (upper + lower) + (above + below)
        folded[QUARTER_PX + near, x] = (upper + lower) - (above + below)
        folded[2 * QUARTER_PX + near, x] = (upper - lower) - (above - below)
        folded[3 * QUARTER_PX + near, x] = (upper - lower) + (above - below)


@njit(nogil=True, cache=True, fastmath=ROUNDING)
def _see(
    source: Floats,
    functions: tuple[Floats, Floats],
    into: tuple[Floats, Floats],
    at: tuple[int, int],
) -> None:
    """Sums of a window's rows by all functions of one axis. functions: bell and waves. into: room
    for folded rows, and the result. at: the window's first row, numbers in a row."""
    folded, target = into
    top, count = at
    for near in range(QUARTER_PX):
        _fold(source, functions[0], folded, (top, near, count))
    for wave in range(LANES):
        group = 2 * (wave // WAVES) + wave % 2
        # The sine of number nothing is nothing everywhere.
        if wave != WAVES:
            _sum_rows(functions[1], folded, target, (wave, group * QUARTER_PX, count))


@njit(nogil=True, cache=True, fastmath=ROUNDING)
def _lay(
    functions: tuple[Floats, Floats], source: Floats, target: Floats, at: tuple[int, int, int]
) -> None:
    """Add the four rows of a window that lie alike in its quarters. functions: bell, and waves of
    shape (QUARTER_PX, LANES). at: distance from the window's edge; its first row in the target;
    numbers in a row."""
    near, top, count = at
    bell, w = functions
    outer, inner = bell[near], bell[HALF_PX - 1 - near]
    a, b, c, d = w[near, 0], w[near, 1], w[near, 2], w[near, 3]
    e, f, g, h = w[near, 4], w[near, 5], w[near, 6], w[near, 7]
    j, k, m = w[near, 9], w[near, 10], w[near, 11]
    n, o, p, q = w[near, 12], w[near, 13], w[near, 14], w[near, 15]
    upper, above = top + near, top + HALF_PX - 1 - near
    below, lower = top + HALF_PX + near, top + WINDOW_PX - 1 - near
    for x in range(count):
        even = (a * source[0, x] + c * source[2, x]) + (e * source[4, x] + g * source[6, x])
        odd = (b * source[1, x] + d * source[3, x]) + (f * source[5, x] + h * source[7, x])
        even_sine = k * source[10, x] + (n * source[12, x] + p * source[14, x])
        odd_sine = (j * source[9, x] + m * source[11, x]) + (o * source[13, x] + q * source[15, x])
        cosine, sine = outer * (even + odd), outer * (odd_sine + even_sine)
        target[upper, x] += cosine + sine
        target[lower, x] += cosine - sine
        cosine, sine = inner * (even - odd), inner * (odd_sine - even_sine)
        target[above, x] += cosine + sine
        target[below, x] += cosine - sine


@njit(nogil=True, cache=True, fastmath=ROUNDING)
def _analyse(image: Floats, bell: Floats, functions: Floats, spectra: Complexes) -> None:
    """Fill the spectra, shape (window rows, window columns, WAVES, 2 HARMONICS + 1), of an image.

    functions: those of one axis over a quarter of a window, cosines first, (LANES, QUARTER_PX).
    """
    width = image.shape[1]
    steps_y, steps_x = spectra.shape[:2]
    lanes = BLOCK * LANES
    folded = np.empty((4 * QUARTER_PX, max(width, lanes)), np.float32)
    tall = np.zeros((LANES, width), np.float32)
    turned = np.zeros((room(width, steps_x), lanes), np.float32)
    sums = np.zeros((LANES, lanes), np.float32)
    for first in range(0, steps_y, BLOCK):
        rows = min(BLOCK, steps_y - first)
        for row in range(rows):
            top = (first + row) * STEP_PX - LEAD_PX
            _see(image, (bell, functions), (folded, tall), (top, width))
            for x in range(width):
                for lane in range(LANES):
                    turned[LEAD_PX + x, row * LANES + lane] = tall[lane, x]
        for column in range(steps_x):
            at = column * STEP_PX, rows * LANES
            _see(turned, (bell, functions), (folded, sums), at)
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
def _synthesise(
    spectra: Complexes, share: Complexes | None, functions: tuple[Floats, Floats], image: Floats
) -> None:
    """Add the waves of all windows to an image that begins LEAD_PX rows earlier and has room for
    all of them. functions: as in _lay()."""
    width = image.shape[1]
    steps_y, steps_x = spectra.shape[:2]
    lanes = BLOCK * LANES
    sums = np.zeros((LANES, lanes), np.float32)
    turned = np.empty((room(width, steps_x), lanes), np.float32)
    tall = np.empty((LANES, width), np.float32)
    for first in range(0, steps_y, BLOCK):
        rows = min(BLOCK, steps_y - first)
        turned[:] = 0
        for column in range(steps_x):
            _read_waves(spectra, share, sums, (first, rows, column))
            for near in range(QUARTER_PX):
                _lay(functions, sums, turned, (near, column * STEP_PX, rows * LANES))
        for row in range(rows):
            for x in range(width):
                for lane in range(LANES):
                    tall[lane, x] = turned[LEAD_PX + x, row * LANES + lane]
            for near in range(QUARTER_PX):
                _lay(functions, tall, image, (near, (first + row) * STEP_PX, width))


@njit(nogil=True, cache=True, fastmath=ROUNDING)
def _read_waves(
    spectra: Complexes, share: Complexes | None, sums: Floats, at: tuple[int, int, int]
) -> None:
    """Take shares of waves apart into products of cosines and sines. at: first row, rows, column.

    Those in the middle row are read twice, which counted_functions() makes up for.
    """
    first, rows, column = at
    for row in range(rows):
        for across in range(WAVES):
            for down in range(WAVES):
                below, above = HARMONICS + down, HARMONICS - down
                one = spectra[first + row, column, across, below]
                two = spectra[first + row, column, across, above]
                if share is not None:
                    one, two = one * share[across, below], two * share[across, above]
                lane = row * LANES + down
                sums[across, lane] = one.real + two.real
                sums[across, lane + WAVES] = two.imag - one.imag
                sums[across + WAVES, lane] = -(one.imag + two.imag)
                sums[across + WAVES, lane + WAVES] = two.real - one.real
