"""Minutiae of grown ridges, read from their skeleton: the truth that extraction is measured by.

Grown ridges have no noise, so thinning (Guo and Hall 1989) and the crossing number find every
ending and bifurcation; what is left to remove are the short spurs that thinning itself makes.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from matcher.vocabulary import MinutiaKind

Floats = NDArray[np.float32]
Bits = NDArray[np.uint8]

TRUE_MINUTIA = np.dtype([("x", "f4"), ("y", "f4"), ("angle", "f4"), ("kind", "u1")])
"""A minutia of the master finger: x, y in pixels at 500 dpi (rows grow downwards); angle in
radians counter-clockwise, along the ending ridge or into the fork (ISO/IEC 19794-2)."""

SPUR_PX = 8
"""Shorter branches of the skeleton are artefacts of thinning (a ridge is about 5 px wide)."""

CLOSE_PX = 6
"""Two crossings nearer than this, two thirds of a ridge period, are one minutia seen twice."""

_TRACE_PX = 12
"""Steps along the skeleton that tell on which side of a minutia the ridge lies."""

_RING_ROW = (-1, -1, 0, 1, 1, 1, 0, -1)
_RING_COLUMN = (0, 1, 1, 1, 0, -1, -1, -1)


def find_minutiae(ridges: Floats, orientation: Floats) -> NDArray[np.void]:
    """Endings and bifurcations of a ridge field (positive on ridges) as TRUE_MINUTIA.

    orientation: radians modulo pi, same shape; gives the angle its precision, the skeleton
    only its sense.
    """
    skeleton = thin(ridges > 0.0)
    _prune(skeleton, SPUR_PX)
    found = _single(_crossings(skeleton, _TRACE_PX))
    minutiae = np.empty(len(found), TRUE_MINUTIA)
    rows, columns = found[:, 0].astype(np.intp), found[:, 1].astype(np.intp)
    along = orientation[rows, columns]
    backward = np.cos(along) * found[:, 2] + np.sin(along) * found[:, 3] < 0
    minutiae["x"], minutiae["y"] = columns, rows
    minutiae["angle"] = np.mod(along + np.pi * backward, 2 * np.pi)
    minutiae["kind"] = np.where(
        found[:, 4] == 1, int(MinutiaKind.ENDING), int(MinutiaKind.BIFURCATION)
    )
    return minutiae


def _single(found: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keep the first of crossings that lie closer than CLOSE_PX."""
    places = found[:, :2]
    away = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    repeats = np.triu(away < CLOSE_PX, k=1).any(axis=0)
    single: NDArray[np.float64] = found[~repeats]
    return single


def thin(mask: NDArray[np.bool_]) -> Bits:
    """Thin a mask to lines one pixel wide; a frame of one pixel is cleared."""
    skeleton = mask.astype(np.uint8)
    skeleton[[0, -1]] = 0
    skeleton[:, [0, -1]] = 0
    while _thin_once(skeleton, 0) + _thin_once(skeleton, 1):
        pass
    return skeleton


@numba.njit(cache=True, nogil=True)
def _thin_once(skeleton: Bits, phase: int) -> int:
    """One half pass of Guo and Hall; returns the number of pixels removed."""
    rows, columns = skeleton.shape
    doomed = np.empty((rows * columns, 2), np.int32)
    count = 0
    for r in range(1, rows - 1):
        for c in range(1, columns - 1):
            if skeleton[r, c] and _removable(skeleton, r, c, phase):
                doomed[count, 0], doomed[count, 1] = r, c
                count += 1
    for i in range(count):
        skeleton[doomed[i, 0], doomed[i, 1]] = 0
    return count


@numba.njit(cache=True, nogil=True)
def _removable(skeleton: Bits, r: int, c: int, phase: int) -> bool:
    n, ne, e, se = (
        skeleton[r - 1, c],
        skeleton[r - 1, c + 1],
        skeleton[r, c + 1],
        skeleton[r + 1, c + 1],
    )
    s, sw, w, nw = (
        skeleton[r + 1, c],
        skeleton[r + 1, c - 1],
        skeleton[r, c - 1],
        skeleton[r - 1, c - 1],
    )
    branches = (
        ((1 - n) & (ne | e)) + ((1 - e) & (se | s)) + ((1 - s) & (sw | w)) + ((1 - w) & (nw | n))
    )
    one = (nw | n) + (ne | e) + (se | s) + (sw | w)
    other = (n | ne) + (e | se) + (s | sw) + (w | nw)
    neighbours = min(one, other)
    edge = ((s | sw | (1 - nw)) & w) if phase else ((n | ne | (1 - se)) & e)
    return bool(branches == 1 and 2 <= neighbours <= 3 and edge == 0)


@numba.njit(cache=True, nogil=True)
def _crossing_number(skeleton: Bits, r: int, c: int) -> int:
    """Number of lines that leave a skeleton pixel: 1 at an ending, 3 at a bifurcation."""
    changes = 0
    last = skeleton[r + _RING_ROW[7], c + _RING_COLUMN[7]]
    for i in range(8):
        here = skeleton[r + _RING_ROW[i], c + _RING_COLUMN[i]]
        changes += here != last
        last = here
    return int(changes // 2)


@numba.njit(cache=True, nogil=True)
def _walk(skeleton: Bits, start: NDArray[np.int32], first: int, path: NDArray[np.int32]) -> int:
    """Follow the line that leaves start in ring direction first; returns the steps taken.

    Stops at the length of path, at an ending, or (with the steps negated) at a bifurcation.
    """
    pr, pc = start[0], start[1]
    r, c = pr + _RING_ROW[first], pc + _RING_COLUMN[first]
    for step in range(path.shape[0]):
        path[step, 0], path[step, 1] = r, c
        lines = _crossing_number(skeleton, r, c)
        if lines != 2:
            return int(step + 1 if lines < 2 else -(step + 1))
        best, best_away = -1, 0
        for i in range(8):
            nr, nc = r + _RING_ROW[i], c + _RING_COLUMN[i]
            away = max(abs(nr - pr), abs(nc - pc)) * 2 - (i % 2)
            if skeleton[nr, nc] and not (nr == pr and nc == pc) and away > best_away:
                best, best_away = i, away
        if best < 0:
            return int(step + 1)
        pr, pc = r, c
        r, c = r + _RING_ROW[best], c + _RING_COLUMN[best]
    return int(path.shape[0])


@numba.njit(cache=True, nogil=True)
def _prune(skeleton: Bits, longest: int) -> None:
    """Erase branches that run from an ending to a bifurcation within longest pixels."""
    rows, columns = skeleton.shape
    path = np.empty((longest, 2), np.int32)
    start = np.empty(2, np.int32)
    for r in range(1, rows - 1):
        for c in range(1, columns - 1):
            if not skeleton[r, c] or _crossing_number(skeleton, r, c) != 1:
                continue
            start[0], start[1] = r, c
            for first in range(8):
                if skeleton[r + _RING_ROW[first], c + _RING_COLUMN[first]]:
                    steps = _walk(skeleton, start, first, path)
                    if steps < 0:
                        skeleton[r, c] = 0
                        for i in range(-steps - 1):
                            skeleton[path[i, 0], path[i, 1]] = 0
                    break


@numba.njit(cache=True, nogil=True)
def _crossings(skeleton: Bits, reach: int) -> NDArray[np.float64]:
    """Rows of (row, column, direction x, direction y, lines) for endings and bifurcations.

    The direction (y upwards) of an ending is where its ridge lies; of a bifurcation, the
    opposite of the single branch, which is the one farthest from the other two.
    """
    rows, columns = skeleton.shape
    found = np.empty((rows * columns // 16, 5))
    count = 0
    path = np.empty((reach, 2), np.int32)
    start = np.empty(2, np.int32)
    arms = np.empty((8, 2))
    for r in range(1, rows - 1):
        for c in range(1, columns - 1):
            lines = _crossing_number(skeleton, r, c) if skeleton[r, c] else 0
            if lines not in (1, 3) or count == found.shape[0]:
                continue
            start[0], start[1] = r, c
            number = 0
            for first in range(8):
                before = skeleton[r + _RING_ROW[first - 1], c + _RING_COLUMN[first - 1]]
                if skeleton[r + _RING_ROW[first], c + _RING_COLUMN[first]] and not before:
                    steps = abs(_walk(skeleton, start, first, path))
                    dx, dy = path[steps - 1, 1] - c, r - path[steps - 1, 0]
                    length = np.hypot(dx, dy) + 1e-9
                    arms[number, 0], arms[number, 1] = dx / length, dy / length
                    number += 1
            found[count, 0], found[count, 1] = r, c
            found[count, 2], found[count, 3] = _direction(arms, number)
            found[count, 4] = lines
            count += 1
    return found[:count].copy()


@numba.njit(cache=True, nogil=True)
def _direction(arms: NDArray[np.float64], number: int) -> tuple[float, float]:
    if number != 3:
        return arms[0, 0], arms[0, 1]
    total = arms[:3].sum(axis=0)
    lonely, least = 0, np.inf
    for i in range(3):
        agreement = arms[i, 0] * (total[0] - arms[i, 0]) + arms[i, 1] * (total[1] - arms[i, 1])
        if agreement < least:
            lonely, least = i, agreement
    return -arms[lonely, 0], -arms[lonely, 1]
