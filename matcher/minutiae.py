"""Minutiae from the phase of the enhanced ridges.

Where a ridge ends or forks, the ridge wave gains a period: going once around the point, the
phase winds by one full turn. The point itself is a zero of the wave, which gives its position
below a pixel; the side with the extra period gives the direction; whether that side begins with
a ridge or a valley tells an ending from a bifurcation.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from matcher.ridges import RidgeField, blur, doubled_normals, spread_to_pixels
from matcher.spectrum import Floats
from matcher.windings import NORMAL, TURN, find_windings
from matcher.windings import X as WINDING_X
from matcher.windings import Y as WINDING_Y

EDGE_PX = 5.0
"""Windings closer than this to the finger's edge are mostly cut ridges."""

PAIR_PX = 9.0
"""Opposite windings nearer than this are a pore, a bridge or a break, not two minutiae."""

OPPOSED_COSINE = -0.5
"""Directions more than 120 degrees apart count as opposite."""

KIND_PERIODS = 0.6
"""Distance from the minutia, in ridge periods, at which its ridge or valley is looked at."""

DEPTH_FULL_PX, NEAR_FULL_PX = 32.0, 24.0
"""Distances to the edge and to other minutiae beyond which a minutia gains no more trust."""

QUALITY_BASE = -4.6
QUALITY_WEIGHTS = np.array([5.2, 1.5, 1.9, 2.6, 1.5], np.float32)
"""Logistic weights of purity, coherence, edge depth, nearest opposite and nearest minutia.
Fitted so that the quality is the chance of finding the minutia again in another impression
of the finger (FVC2002, odd fingers)."""


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """Minutiae as found. All arrays have shape (n,).

    x, y: pixels. direction: radians counter-clockwise, towards the ending ridge (or the
    valley that ends in the fork). bifurcation: kind. quality: 0-1, the chance of finding the
    minutia again in another impression.
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


NOTHING = np.zeros(0, np.float32)
NO_FINDINGS = Findings(NOTHING, NOTHING, NOTHING, np.zeros(0, np.bool_), NOTHING)
"""What a picture without a finger holds."""


def find_minutiae(planes: Floats, field: RidgeField, mask: NDArray[np.bool_]) -> Findings:
    """Find the minutiae of an enhanced print.

    planes: as from `matcher.ridges.enhance`. mask: the finger's area at the pixels.
    """
    depth = distance_inside(mask)
    windings = find_windings(planes, doubled_normals(field, mask.shape), mask)
    windings = windings[sample(depth, windings[:, WINDING_X], windings[:, WINDING_Y]) > EDGE_PX]
    x, y = windings[:, WINDING_X], windings[:, WINDING_Y]
    direction = directions(windings)
    lasting = ~cancel_pairs(x, y, direction, PAIR_PX)
    x, y, direction = x[lasting], y[lasting], direction[lasting]
    forks = is_bifurcation(planes[0], field, (x, y), direction)
    trust = reliability(field, depth, (x, y), direction)
    return Findings(x, y, direction, forks, trust)


def distance_inside(mask: NDArray[np.bool_]) -> Floats:
    """Pixels from every point to the edge of the finger or of the picture."""
    padded = np.pad(mask.astype(np.uint8), 1)
    result: Floats = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1].astype(np.float32)
    return result


def directions(windings: Floats) -> Floats:
    """Angle towards the side with the extra period, counter-clockwise as angles of templates are.

    The extra period lies a quarter turn from the normal, on the side that the turn tells.
    """
    across = windings[:, NORMAL] - np.sign(windings[:, TURN]) * (np.pi / 2)
    result: Floats = np.mod(-across, 2 * np.pi).astype(np.float32)
    return result


@numba.njit(cache=True, nogil=True)
def cancel_pairs(x, y, direction, reach):  # type: ignore[no-untyped-def]
    """Mark opposite windings that annihilate each other, nearest pairs first."""
    count = len(x)
    gone = np.zeros(count, np.bool_)
    while True:
        best, first, second = reach * reach, -1, -1
        for i in range(count):
            for j in range(i + 1, count):
                if gone[i] or gone[j] or np.cos(direction[i] - direction[j]) > OPPOSED_COSINE:
                    continue
                distance = (x[i] - x[j]) ** 2 + (y[i] - y[j]) ** 2
                if distance < best:
                    best, first, second = distance, i, j
        if first < 0:
            return gone
        gone[first] = gone[second] = True


def is_bifurcation(
    wave: Floats, field: RidgeField, place: tuple[Floats, Floats], direction: Floats
) -> NDArray[np.bool_]:
    """Tell forks from endings: towards a fork's direction begins a valley (light), else a ridge."""
    x, y = place
    reach = np.float32(KIND_PERIODS) / sample(spread_to_pixels(field.frequency, wave.shape), x, y)
    dx, dy = reach * np.cos(direction), -reach * np.sin(direction)
    result: NDArray[np.bool_] = sample(wave, x + dx, y + dy) > sample(wave, x - dx, y - dy)
    return result


def reliability(
    field: RidgeField, depth: Floats, place: tuple[Floats, Floats], direction: Floats
) -> Floats:
    """Chance of finding each minutia again, 0-1, from what surrounds it."""
    x, y = place
    apart = np.hypot(x[:, None] - x, y[:, None] - y) + np.diag(np.full(len(x), np.inf))
    opposed = np.cos(direction[:, None] - direction) < OPPOSED_COSINE
    features = (
        sample(spread_to_pixels(blur(field.purity, 1.0), depth.shape), x, y),
        sample(spread_to_pixels(field.coherence, depth.shape), x, y),
        np.minimum(sample(depth, x, y) / DEPTH_FULL_PX, 1),
        np.minimum(np.where(opposed, apart, np.inf).min(1, initial=np.inf) / NEAR_FULL_PX, 1),
        np.minimum(apart.min(1, initial=np.inf) / NEAR_FULL_PX, 1),
    )
    logit = QUALITY_BASE + np.stack(features, axis=1) @ QUALITY_WEIGHTS
    result: Floats = (1 / (1 + np.exp(-logit))).astype(np.float32)
    return result


def sample(image: Floats, x: Floats, y: Floats) -> Floats:
    """Read an image at the nearest pixels of the given points; beyond the border, its edge."""
    rows = np.clip(np.rint(y).astype(np.intp), 0, image.shape[0] - 1)
    columns = np.clip(np.rint(x).astype(np.intp), 0, image.shape[1] - 1)
    return image[rows, columns]
