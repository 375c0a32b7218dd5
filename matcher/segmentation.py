"""Which part of the picture is finger: cells whose energy is one wave, joined to one area.

No colour or border rule: platens, white frames, stamps and dust have no ridge band wave that
neighbouring cells agree on, whatever sensor or card they come from.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.ridges import RidgeField, blur, spread_to_pixels
from matcher.spectrum import Floats

PURITY_LEAST = 0.42
"""Share of the local energy in one wave that tells ridges from texture; noise stays below 0.3."""

CONTRAST_SHARE_LEAST = 0.25
"""Contrast below this share of the print's own is a ghost print or an empty platen."""

AREA_CELLS_LEAST = 12
"""Smaller islands (about a fingernail's edge) carry no reliable ridges."""

HOLE_CELLS_MOST = 60
"""Smaller holes are cores, scars and wet spots inside the finger, and are filled."""

Mask = NDArray[np.bool_]


def segment(field: RidgeField, contrast: Floats, shape: tuple[int, int]) -> Mask:
    """Return the finger's area at the pixels (rows, columns)."""
    likeness = blur(field.purity * field.coherence, 1.0)
    cell_contrast = cv2.resize(
        contrast, (likeness.shape[1], likeness.shape[0]), interpolation=cv2.INTER_AREA
    )
    clear = likeness > PURITY_LEAST
    if not clear.any():
        return np.zeros(shape, np.bool_)
    usual = float(np.median(cell_contrast[clear]))
    cells = clear & (cell_contrast > CONTRAST_SHARE_LEAST * usual)
    smooth = blur(join(cells).astype(np.float32), 0.7)
    mask: Mask = spread_to_pixels(smooth, shape) > 0.5
    return mask


def join(cells: Mask) -> Mask:
    """Drop islands and fill holes of a cell mask."""
    ring = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    closed = cv2.morphologyEx(np.pad(cells.astype(np.uint8), 2), cv2.MORPH_CLOSE, ring)
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, ring)
    kept = without_small(opened, AREA_CELLS_LEAST)
    filled = 1 - without_small(1 - kept, HOLE_CELLS_MOST)
    result: Mask = filled[2:-2, 2:-2] > 0
    return result


def without_small(cells: NDArray[np.uint8], least: int) -> NDArray[np.uint8]:
    """Remove connected areas of fewer cells than `least`."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(cells, connectivity=4)
    keep = np.zeros(count, np.uint8)
    keep[1:] = stats[1:, cv2.CC_STAT_AREA] >= least
    return keep[labels]
