"""Gaussian smoothing of float32 images: rows are mixed with rows, and columns with columns.

Wide Gaussians are taken in two halves with every fourth row and column between them: a Gaussian
of spread s is one of spread s / sqrt(2) twice over; the first half leaves no detail that rows four
apart would miss, and the second knows none either. The result differs from the sum written out
by less than 1e-5 of the image's range.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from matcher.spectrum import ROUNDING, Floats

Places = NDArray[np.int64]

STRIDE_PX = 4
"""Rows, and columns, from one that is kept between the halves to the next."""

WIDE_PX = 5.5
"""Least spread that is halved; the first half of a narrower one would leave too much detail."""

REACH = 4.0
"""Spreads at which a Gaussian ends; 6e-5 of it lie beyond."""

GROUP = 6
"""Rows that are added in one go: the weights of many more would not stay in registers."""

PLANS = 64
"""Plans that are kept, of 100 KB each for usual pictures; a picture needs four of a kind."""


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """What each row of a result is mixed from. places: source rows, int64 (rows, taps); weights:
    float32 of the same shape; taps are a multiple of GROUP."""

    places: Places
    weights: Floats


def smooth(image: Floats, spread: float) -> Floats:
    """An image under a Gaussian of this spread in pixels, mirrored about its border pixels."""
    down, *up = plan(image.shape[0], spread)
    turned = np.ascontiguousarray(mix(image, down).T)
    for mixture in plan(image.shape[1], spread):
        turned = mix(turned, mixture)
    result = np.ascontiguousarray(turned.T)
    for mixture in up:
        result = mix(result, mixture)
    return result


def average(image: Floats, shape: tuple[int, ...]) -> Floats:
    """Means of an image over the equal parts of it that a coarser grid of this shape has."""
    rows, columns = (share(*lengths) for lengths in zip(image.shape, shape, strict=True))
    turned = mix(np.ascontiguousarray(mix(image, rows).T), columns)
    return np.ascontiguousarray(turned.T)


def mix(source: Floats, mixture: Mixture) -> Floats:
    """Rows mixed from rows."""
    result = np.empty((len(mixture.places), source.shape[1]), np.float32)
    _mix(source, mixture.places, mixture.weights, result)
    return result


def level(wave: Floats, power: Floats, floor: float, most: float) -> None:
    """Divide a wave by its amplitude, in place, and clip it to -most to most.

    power: square of the amplitude, which is put in its place. Amplitudes below the floor count
    as that.
    """
    _level(wave.reshape(-1), power.reshape(-1), np.float32(floor), np.float32(most))


# Divided as numpy does: a look for zeros before every division took four times as long.
@njit(nogil=True, cache=True, fastmath=ROUNDING, error_model="numpy")
def _level(wave: Floats, power: Floats, floor: np.float32, most: np.float32) -> None:
    for place in range(len(wave)):
        amplitude = np.sqrt(power[place])
        power[place] = amplitude
        wave[place] = min(max(wave[place] / max(amplitude, floor), -most), most)


@lru_cache(maxsize=PLANS)
def plan(length: int, spread: float) -> tuple[Mixture, ...]:
    """How the rows of an image of this length are smoothed: in one step, or there and back."""
    places = np.arange(length)
    if spread < WIDE_PX:
        reach = reach_of(spread)
        near = places[:, None] + np.arange(-reach, reach + 1)
        return (weigh(places, near, spread, mirror(near, length)),)
    half = spread / float(np.sqrt(2))
    reach = reach_of(half)
    beyond = -(-reach // STRIDE_PX)
    kept = STRIDE_PX * np.arange(1 - beyond, (length - 1) // STRIDE_PX + beyond + 1)
    near = kept[:, None] + np.arange(-reach, reach + 1)
    there = weigh(kept, near, half, mirror(near, length))
    taken = places[:, None] // STRIDE_PX + np.arange(2 * beyond)
    return there, weigh(places, kept[taken], half, taken)


@lru_cache(maxsize=PLANS)
def share(length: int, parts: int) -> Mixture:
    """The rows under each of several equal parts of a length; cut rows count as far as they lie in.

    >>> share(3, 2).weights[:, :3].astype(float).round(3).tolist()
    [[0.667, 0.333, 0.0], [0.333, 0.667, 0.0]]
    """
    size = length / parts
    begins = (np.arange(parts) * size)[:, None]
    rows = begins.astype(np.int64) + np.arange(int(size) + 2)
    inside = np.minimum(rows + 1, begins + size) - np.maximum(rows, begins)
    return fill_up(np.minimum(rows, length - 1), np.maximum(inside, 0) / size)


def reach_of(spread: float) -> int:
    """Pixels to either side that a Gaussian is taken over."""
    return (round(2 * REACH * spread + 1) | 1) // 2


def mirror(places: Places, length: int) -> Places:
    """Rows of an image that stand for places beyond it.

    >>> mirror(np.arange(-3, 6), 3).tolist()
    [1, 2, 1, 0, 1, 2, 1, 0, 1]
    """
    period = max(1, 2 * (length - 1))
    inside = places % period
    return np.minimum(inside, period - inside)


def weigh(centres: Places, near: Places, spread: float, rows: Places) -> Mixture:
    """The Gaussian around each centre over the places near it, which the given rows stand for."""
    bell = np.exp(-0.5 * ((near - centres[:, None]) / spread) ** 2)
    bell /= bell.sum(axis=1, keepdims=True)
    return fill_up(rows, bell)


def fill_up(rows: Places, weights: NDArray[np.float64]) -> Mixture:
    """A mixture of rows, filled up with weights of nothing."""
    spare = [(0, 0), (0, -weights.shape[1] % GROUP)]
    padded = np.pad(weights, spare).astype(np.float32)
    return Mixture(np.pad(rows, spare).astype(np.int64), padded)


@njit(nogil=True, cache=True, fastmath=ROUNDING)
def _mix(source: Floats, places: Places, weights: Floats, result: Floats) -> None:
    for row in range(len(places)):
        for tap in range(0, places.shape[1], GROUP):
            one, two, three = places[row, tap], places[row, tap + 1], places[row, tap + 2]
            four, five, six = places[row, tap + 3], places[row, tap + 4], places[row, tap + 5]
            chosen = (one, two, three, four, five, six)
            _add_rows(source, weights, result, (row, tap, chosen))


@njit(nogil=True, cache=True, fastmath=ROUNDING)
def _add_rows(
    source: Floats, weights: Floats, result: Floats, at: tuple[int, int, tuple[int, ...]]
) -> None:
    """Add GROUP rows to one of the result, the first of them to nothing. at: row, tap, rows."""
    row, tap, (one, two, three, four, five, six) = at
    a, b, c = weights[row, tap], weights[row, tap + 1], weights[row, tap + 2]
    d, e, f = weights[row, tap + 3], weights[row, tap + 4], weights[row, tap + 5]
    if tap == 0:
        for x in range(source.shape[1]):
            sums = a * source[one, x] + b * source[two, x] + c * source[three, x]
            more = d * source[four, x] + e * source[five, x] + f * source[six, x]
            result[row, x] = sums + more
    else:
        for x in range(source.shape[1]):
            sums = a * source[one, x] + b * source[two, x] + c * source[three, x]
            more = d * source[four, x] + e * source[five, x] + f * source[six, x]
            result[row, x] += sums + more
