"""Ridges grown from noise by repeated oriented Gabor filtering.

White noise is filtered again and again by a Gabor kernel turned along the local orientation
and tuned to the local ridge period. Ridges condense out of the noise within a few passes, and
minutiae arise by themselves wherever neighbouring patches disagree about the phase: the idea
of SFinGe (Cappelli, Maio, Maltoni 2000). Growth runs at 250 dpi, where it is sixteen times
cheaper, and is finished by two passes at 500 dpi.
"""

from __future__ import annotations

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

_LANES = 8
"""Partial sums kept side by side, so that the inner loop becomes vector instructions."""


def grow_ridges(rng: np.random.Generator, orientation: Floats, period: Floats) -> Floats:
    """Grow ridges (positive) and valleys (negative) along an orientation field.

    orientation: radians, at 250 dpi, even sides halved. period: ridge period in pixels at
    500 dpi, same shape. Returns float32 at 500 dpi, twice the shape: about -1.1 to 1.1, a
    rounded profile across the ridges.
    """
    field = rng.standard_normal(orientation.shape, dtype=np.float32)
    coarse_period = 0.5 * period
    for _ in range(COARSE_PASSES):
        field = _filter(field, orientation, coarse_period, COARSE_REACH)
    rows, columns = orientation.shape
    size = (2 * columns, 2 * rows)
    fine = np.asarray(cv2.resize(field, size, interpolation=cv2.INTER_CUBIC), np.float32)
    fine_orientation = enlarge_orientation(orientation, size)
    fine_period = np.asarray(cv2.resize(period, size, interpolation=cv2.INTER_LINEAR), np.float32)
    for _ in range(FINE_PASSES):
        fine = _filter(fine, fine_orientation, fine_period, FINE_REACH)
    # Undo most of the saturation: impressions cut this rounded profile higher (dry) or lower (wet).
    swing = np.arctanh(np.clip(fine, -0.9999, 0.9999)) / np.float32(GAIN)
    return np.asarray(np.tanh(PROFILE * swing) / np.tanh(PROFILE), dtype=np.float32)


def enlarge_orientation(orientation: Floats, size: tuple[int, int]) -> Floats:
    """Resize an orientation field (modulo pi) to (columns, rows) through its double angle."""
    cosine = cv2.resize(np.cos(2 * orientation), size, interpolation=cv2.INTER_LINEAR)
    sine = cv2.resize(np.sin(2 * orientation), size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.mod(0.5 * np.arctan2(sine, cosine), np.pi), dtype=np.float32)


def _filter(field: Floats, orientation: Floats, period: Floats, reach: int) -> Floats:
    """One pass: every pixel becomes its own Gabor response, saturated."""
    steps = np.round(np.log(period) / PERIOD_STEP).astype(np.int32)
    lowest, highest = int(steps.min()), int(steps.max())
    bank = np.concatenate([_kernels(step, reach) for step in range(lowest, highest + 1)])
    turn = np.round(orientation * (ORIENTATIONS / np.pi)).astype(np.int32) % ORIENTATIONS
    choice = (steps - lowest) * ORIENTATIONS + turn
    padded = np.pad(field, ((reach, reach), (reach, reach + 1)))
    return np.asarray(np.tanh(_respond(padded, choice, bank)))


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


@numba.njit(cache=True, fastmath=True, nogil=True)
def _respond(padded: Floats, choice: NDArray[np.int32], bank: Floats) -> Floats:
    """Scalar product of every pixel's surroundings with the kernel chosen for it."""
    rows, columns = choice.shape
    side, width = bank.shape[1], bank.shape[2]
    response = np.empty((rows, columns), np.float32)
    sums = np.empty(_LANES, np.float32)
    for row in range(rows):
        for column in range(columns):
            kernel = choice[row, column]
            sums[:] = 0.0
            for i in range(side):
                for block in range(0, width, _LANES):
                    for j in range(_LANES):
                        weight = bank[kernel, i, block + j]
                        sums[j] += weight * padded[row + i, column + block + j]
            response[row, column] = sums.sum()
    return response
