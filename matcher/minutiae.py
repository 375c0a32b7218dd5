"""Minutiae from the phase of the enhanced ridges.

Where a ridge ends or forks, the ridge wave gains a period: going once around the point the
phase winds by one full turn. The point itself is a zero of the complex wave, which gives its
position below a pixel; the side with the extra period gives the direction; the phase of the
wave that goes on undisturbed tells an ending from a bifurcation.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from matcher.spectrum import Floats

BORDER_PX = 8.0
"""Minutiae closer than about one ridge to the finger's edge are mostly cut ridges."""

PAIR_PX = 7.0
"""Opposite minutiae nearer than this are a pore, a bridge or a break, not two minutiae."""

MINUTIAE_MOST = 128
"""Minutiae kept of one finger, best first, so that a template stays below two kilobytes."""


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """Minutiae as found. All arrays have shape (n,).

    x, y: pixels. direction: radians counter-clockwise, towards the ending ridge (or the
    valley that ends in the fork). bifurcation: kind. quality: 0-1.
    """

    x: Floats
    y: Floats
    direction: Floats
    bifurcation: NDArray[np.bool_]
    quality: Floats

    def __len__(self) -> int:
        return len(self.x)

    def select(self, chosen: NDArray[np.generic]) -> Findings:
        """Return the chosen minutiae, by mask or by index."""
        parts = (self.x, self.y, self.direction, self.bifurcation, self.quality)
        return Findings(*(part[chosen] for part in parts))


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def find_windings(planes, cosine, sine, mask, found):  # type: ignore[no-untyped-def]
    """Find pixel quads around which the phase winds. Fills rows (x, y, turn, kind, direction)."""
    count = 0
    rows, columns = mask.shape
    real = np.empty(4, np.float32)
    imaginary = np.empty(4, np.float32)
    for y in range(rows - 1):
        for x in range(columns - 1):
            if not mask[y, x]:
                continue
            # All corners share one normal, so that the sign of the quadrature agrees.
            half = 0.5 * np.arctan2(sine[y, x], cosine[y, x])
            nx, ny = np.cos(half), np.sin(half)
            for corner in range(4):
                dy, dx = corner // 2, (corner // 2) ^ (corner % 2)
                real[corner] = planes[0, y + dy, x + dx]
                imaginary[corner] = planes[1, y + dy, x + dx] * nx + planes[2, y + dy, x + dx] * ny
            turn = 0
            for corner in range(4):
                after = (corner + 1) % 4
                if (imaginary[corner] >= 0) != (imaginary[after] >= 0):
                    cross = real[corner] * imaginary[after] - real[after] * imaginary[corner]
                    # The edge crosses the real axis; only the negative half is counted.
                    span = imaginary[after] - imaginary[corner]
                    if cross / span < 0:
                        turn += 1 if span < 0 else -1
            if turn != 0 and count < len(found):
                fx, fy = locate_zero(real, imaginary)
                found[count, 0] = x + fx
                found[count, 1] = y + fy
                found[count, 2] = turn
                found[count, 3] = half
                count += 1
    return count


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def locate_zero(real, imaginary):  # type: ignore[no-untyped-def]
    """Place the zero inside the quad (corners clockwise from top left), by a plane fit."""
    gradient = np.empty((2, 3))
    for part, values in enumerate((real, imaginary)):
        gradient[part, 0] = (values[1] + values[2] - values[0] - values[3]) / 2
        gradient[part, 1] = (values[2] + values[3] - values[0] - values[1]) / 2
        gradient[part, 2] = (values[0] + values[1] + values[2] + values[3]) / 4
    a, b, c = gradient[0]
    d, e, f = gradient[1]
    determinant = a * e - b * d
    if abs(determinant) < 1e-12:
        return 0.5, 0.5
    x = 0.5 + (b * f - c * e) / determinant
    y = 0.5 + (c * d - a * f) / determinant
    return min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def cancel_pairs(x, y, direction, reach):  # type: ignore[no-untyped-def]
    """Mark minutiae that annihilate with a nearer opposite one: nearest pairs first."""
    count = len(x)
    gone = np.zeros(count, np.bool_)
    while True:
        best, first, second = reach * reach, -1, -1
        for i in range(count):
            if gone[i]:
                continue
            for j in range(i + 1, count):
                if gone[j] or np.cos(direction[i] - direction[j]) > -0.5:
                    continue
                distance = (x[i] - x[j]) ** 2 + (y[i] - y[j]) ** 2
                if distance < best:
                    best, first, second = distance, i, j
        if first < 0:
            return gone
        gone[first] = gone[second] = True


CANDIDATES_MOST = 2048
"""Windings looked at; a print with more of them is noise and its best ones are no better."""


def find_minutiae(
    planes: NDArray[np.float32], doubled: tuple[Floats, Floats], mask: NDArray[np.bool_]
) -> Findings:
    """Find the minutiae of an enhanced print.

    planes: as from `matcher.ridges.enhance`. doubled: cosine and sine of twice the normal's
    angle at the pixels. mask: the finger's area.
    """
    found = np.empty((CANDIDATES_MOST, 4), np.float32)
    count = find_windings(planes, *doubled, mask, found)
    x, y, turn, half = np.ascontiguousarray(found[:count].T)
    # The extra period lies clockwise of the normal for positive turns (rows grow downwards).
    direction = np.mod(-(half - np.sign(turn) * np.pi / 2), 2 * np.pi).astype(np.float32)
    kinds = sample(planes[0], x, y) < 0
    findings = Findings(x, y, direction, kinds, np.ones(count, np.float32))
    inside = away_from_edge(findings, mask)
    findings = findings.select(inside)
    return findings.select(~cancel_pairs(findings.x, findings.y, findings.direction, PAIR_PX))


def away_from_edge(findings: Findings, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which findings are far enough from the edge of the finger and of the picture."""
    padded = np.pad(mask.astype(np.uint8), 1)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    result: NDArray[np.bool_] = sample(depth, findings.x, findings.y) > BORDER_PX
    return result


def sample(image: Floats, x: Floats, y: Floats) -> Floats:
    """Read an image at the nearest pixels of the given points."""
    rows = np.clip(np.rint(y).astype(np.intp), 0, image.shape[0] - 1)
    columns = np.clip(np.rint(x).astype(np.intp), 0, image.shape[1] - 1)
    return image[rows, columns]
