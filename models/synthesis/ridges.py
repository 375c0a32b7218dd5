"""Ridges grown from noise by repeated oriented Gabor filtering.

White noise is filtered again and again by a Gabor kernel turned along the local orientation
and tuned to the local ridge period. Ridges condense out of the noise within a few passes, and
minutiae arise by themselves wherever neighbouring patches disagree about the phase: the idea
of SFinGe (Cappelli, Maio, Maltoni 2000). Growth runs at 250 dpi, where it is sixteen times
cheaper, and is finished by two passes at 500 dpi.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

ORIENTATIONS = 64
"""Turns of the kernel over half a circle: 2.8 degrees each, below the wobble of real ridges."""

PERIOD_STEP = 0.03
"""Relative spacing of the kernel periods; a kernel is 25 % wide in frequency, so 3 % is smooth."""

COARSE_PASSES = 20
"""Passes at 250 dpi; minutiae hardly move after about fifteen."""

FINE_PASSES = 2
"""Passes at 500 dpi, which straighten what the enlargement left jagged."""

ACROSS_PERIODS = 0.58
"""Standard deviation of the kernel across the ridge, in ridge periods."""

ALONG_PERIODS = 0.62
"""Standard deviation along the ridge, in ridge periods; longer kernels grow fewer minutiae."""

GAIN = 2.6
"""Amplification before saturation: ridges and valleys become plateaus, as skin has them."""

PROFILE = 1.5
"""Squareness of the final profile; it lifts the faint places next to minutiae."""

COARSE_REACH, FINE_REACH = 7, 11
"""Half sides of the kernels in pixels: 1.6 and 1.2 mean periods; 15 and 23 columns fill whole
vector registers once padded by one. The fine pass only smooths, so its kernel may be shorter."""

_ROWS_TOGETHER = 5
"""Kernel rows multiplied in one go: their sum is folded to one number once, not five times."""


def grow_ridges(rng: np.random.Generator, orientation: Floats, period: Floats) -> Floats:
    """Grow ridges (positive) and valleys (negative) along an orientation field.

    orientation: radians, at 250 dpi, even sides halved. period: ridge period in pixels at
    500 dpi, same shape. Returns float32 at 500 dpi, twice the shape: about -1.1 to 1.1, a
    rounded profile across the ridges.
    """
    field = rng.standard_normal(orientation.shape, dtype=np.float32)
    coarse = _prepare(orientation, 0.5 * period, COARSE_REACH)
    for _ in range(COARSE_PASSES):
        field = _filter(field, coarse)
    rows, columns = orientation.shape
    size = (2 * columns, 2 * rows)
    fine = np.asarray(cv2.resize(field, size, interpolation=cv2.INTER_CUBIC), np.float32)
    fine_orientation = enlarge_orientation(orientation, size)
    fine_period = np.asarray(cv2.resize(period, size, interpolation=cv2.INTER_LINEAR), np.float32)
    filters = _prepare(fine_orientation, fine_period, FINE_REACH)
    for _ in range(FINE_PASSES):
        fine = _filter(fine, filters)
    # Undo most of the saturation: impressions cut this rounded profile higher (dry) or lower (wet).
    swing = np.arctanh(np.clip(fine, -0.9999, 0.9999)) / np.float32(GAIN)
    return np.asarray(np.tanh(PROFILE * swing) / np.tanh(PROFILE), dtype=np.float32)


def enlarge_orientation(orientation: Floats, size: tuple[int, int]) -> Floats:
    """Resize an orientation field (modulo pi) to (columns, rows) through its double angle."""
    cosine = cv2.resize(np.cos(2 * orientation), size, interpolation=cv2.INTER_LINEAR)
    sine = cv2.resize(np.sin(2 * orientation), size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.mod(0.5 * np.arctan2(sine, cosine), np.pi), dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Filters:
    """The kernel of every pixel. choice: int32 (rows, columns), its place in the bank. bank:
    float32 (kernels, side padded by empty rows to whole groups, side + 1).
    """

    choice: NDArray[np.int32]
    bank: Floats
    reach: int


def _prepare(orientation: Floats, period: Floats, reach: int) -> _Filters:
    """Choose a kernel for every pixel."""
    steps = np.round(np.log(period) / PERIOD_STEP).astype(np.int32)
    lowest, highest = int(steps.min()), int(steps.max())
    bank = np.concatenate([_kernels(step, reach) for step in range(lowest, highest + 1)])
    empty = -bank.shape[1] % _ROWS_TOGETHER
    turn = np.round(orientation * (ORIENTATIONS / np.pi)).astype(np.int32) % ORIENTATIONS
    choice = (steps - lowest) * ORIENTATIONS + turn
    return _Filters(choice, np.pad(bank, ((0, 0), (0, empty), (0, 0))), reach)


def _filter(field: Floats, filters: _Filters) -> Floats:
    """One pass: every pixel becomes its own Gabor response, saturated."""
    reach = filters.reach
    beyond = filters.bank.shape[1] - 1 - reach
    padded = np.pad(field, ((reach, beyond), (reach, reach + 1)))
    respond = _respond_coarsely if reach == COARSE_REACH else _respond_finely
    response = respond(padded, filters.choice, filters.bank)
    # The hyperbolic tangent by way of the exponential, which has vector instructions.
    return np.asarray(1 - 2 / (np.exp(2 * response) + 1), np.float32)


@cache
def _kernels(step: int, reach: int) -> Floats:
    """Kernels of one period in all orientations: shape (ORIENTATIONS, side, side + 1)."""
    side = 2 * reach + 1
    bank = np.zeros((ORIENTATIONS, side, side + 1), np.float32)
    y, x = np.mgrid[reach : -reach - 1 : -1, -reach : reach + 1]
    for turn in range(ORIENTATIONS):
        angle, period = turn * np.pi / ORIENTATIONS, float(np.exp(step * PERIOD_STEP))
        bank[turn, :, :side] = _kernel(x, y, angle, period)
    return bank


def _kernel(x: NDArray[np.int_], y: NDArray[np.int_], angle: float, period: float) -> Floats:
    """A Gabor kernel without mean that answers a matching sinusoid with gain GAIN."""
    across = y * np.cos(angle) - x * np.sin(angle)
    along = x * np.cos(angle) + y * np.sin(angle)
    envelope = np.exp(
        -0.5 * ((across / (ACROSS_PERIODS * period)) ** 2 + (along / (ALONG_PERIODS * period)) ** 2)
    )
    wave = np.cos(2 * np.pi * across / period)
    kernel = envelope * (wave - (envelope * wave).sum() / envelope.sum())
    return np.asarray(GAIN * kernel / (kernel * wave).sum(), dtype=np.float32)


def _respond(padded: Floats, choice: NDArray[np.int32], bank: Floats, width: int) -> Floats:
    """Scalar product of every pixel's surroundings with the kernel chosen for it.

    width: columns of the bank, known when the loop is compiled, so that it is unrolled.
    """
    rows, columns = choice.shape
    response = np.empty((rows, columns), np.float32)
    for row in range(rows):
        for column in range(columns):
            kernel = bank[choice[row, column]]
            total = np.float32(0.0)
            for i in range(0, kernel.shape[0], _ROWS_TOGETHER):
                a, b, c = kernel[i], kernel[i + 1], kernel[i + 2]
                d, e = kernel[i + 3], kernel[i + 4]
                top = row + i
                v, w, x = padded[top, column:], padded[top + 1, column:], padded[top + 2, column:]
                y, z = padded[top + 3, column:], padded[top + 4, column:]
                for j in range(width):
                    total += a[j] * v[j] + b[j] * w[j] + c[j] * x[j] + d[j] * y[j] + e[j] * z[j]
            response[row, column] = total
    return response


_inlined = numba.njit(fastmath=True, nogil=True, inline="always")(_respond)


@numba.njit(cache=True, fastmath=True, nogil=True, error_model="numpy")
def _respond_coarsely(padded: Floats, choice: NDArray[np.int32], bank: Floats) -> Floats:
    """Responses of kernels of COARSE_REACH."""
    return _inlined(padded, choice, bank, 2 * COARSE_REACH + 2)


@numba.njit(cache=True, fastmath=True, nogil=True, error_model="numpy")
def _respond_finely(padded: Floats, choice: NDArray[np.int32], bank: Floats) -> Floats:
    """Responses of kernels of FINE_REACH."""
    return _inlined(padded, choice, bank, 2 * FINE_REACH + 2)
