"""Points of a complex wave around which its phase winds: where a ridge begins.

The wave has three planes (rows, columns): its real part, and the x and y parts of its quarter-
turned companion, whose component along the ridge's normal is the imaginary part. Only that
component's sign depends on which of the two normals is taken, so one normal serves a whole quad.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from matcher.spectrum import Floats

WINDINGS_MOST = 2048
"""Windings kept of one picture: a rolled finger has 150; more of them are noise anyway."""

X, Y, TURN, NORMAL = range(4)
"""Columns of a winding: pixels, +1 or -1 turn (clockwise in the picture), radians."""


def find_windings(planes: Floats, doubled: Floats, mask: NDArray[np.bool_]) -> Floats:
    """Return the windings inside the mask, shape (n, 4), columns as named above.

    doubled: cosine and sine of twice the normal's angle, shape (2, rows, columns).
    """
    found = np.empty((WINDINGS_MOST, 4), np.float32)
    count = _find(planes, doubled, mask, found)
    return found[:count]


@numba.njit(cache=True, nogil=True)
def _find(planes, doubled, mask, found):  # type: ignore[no-untyped-def]
    """Fill `found` with every quad of pixels whose phase winds; return how many."""
    count = 0
    rows, columns = mask.shape
    real = np.empty(4, np.float32)
    imaginary = np.empty(4, np.float32)
    for y in range(rows - 1):
        for x in range(columns - 1):
            dark = planes[0, y, x] < 0
            # Most quads lie wholly on a ridge or in a valley, where nothing can wind.
            level = (
                dark == (planes[0, y, x + 1] < 0)
                and dark == (planes[0, y + 1, x] < 0)
                and dark == (planes[0, y + 1, x + 1] < 0)
            )
            if level or not mask[y, x] or count == len(found):
                continue
            normal = 0.5 * np.arctan2(doubled[1, y, x], doubled[0, y, x])
            nx, ny = np.cos(normal), np.sin(normal)
            for corner, (dy, dx) in enumerate(((0, 0), (0, 1), (1, 1), (1, 0))):
                real[corner] = planes[0, y + dy, x + dx]
                imaginary[corner] = planes[1, y + dy, x + dx] * nx + planes[2, y + dy, x + dx] * ny
            turn = _turns(real, imaginary)
            if turn != 0:
                across, down = _locate_zero(real, imaginary)
                found[count, X] = x + across
                found[count, Y] = y + down
                found[count, TURN] = turn
                found[count, NORMAL] = normal
                count += 1
    return count


@numba.njit(cache=True, nogil=True)
def _turns(real, imaginary):  # type: ignore[no-untyped-def]
    """Count the turns of the phase along four corners, by crossings of the negative real axis."""
    turn = 0
    for corner in range(4):
        after = (corner + 1) % 4
        if (imaginary[corner] >= 0) != (imaginary[after] >= 0):
            span = imaginary[after] - imaginary[corner]
            crossing = real[corner] * imaginary[after] - real[after] * imaginary[corner]
            if crossing / span < 0:
                turn += 1 if span < 0 else -1
    return turn


@numba.njit(cache=True, nogil=True)
def _locate_zero(real, imaginary):  # type: ignore[no-untyped-def]
    """Place the zero inside the quad (corners clockwise from top left), by fitting two planes."""
    fits = np.empty((2, 3))
    for part, values in enumerate((real, imaginary)):
        fits[part, 0] = (values[1] + values[2] - values[0] - values[3]) / 2
        fits[part, 1] = (values[2] + values[3] - values[0] - values[1]) / 2
        fits[part, 2] = (values[0] + values[1] + values[2] + values[3]) / 4
    a, b, c = fits[0]
    d, e, f = fits[1]
    determinant = a * e - b * d
    if abs(determinant) < 1e-12:
        return 0.5, 0.5
    across = 0.5 + (b * f - c * e) / determinant
    down = 0.5 + (c * d - a * f) / determinant
    return min(max(across, 0.0), 1.0), min(max(down, 0.0), 1.0)
