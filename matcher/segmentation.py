"""Which part of the picture is finger: cells whose energy is one wave, joined to one area.

No colour or border rule: platens, white frames, stamps and dust have no wave in the ridge band
that neighbouring cells agree on, whatever sensor or card they come from.
"""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from matcher.ridges import RidgeField, blur, gather_in_cells, spread_to_pixels
from matcher.spectrum import Floats

PURITY_SURE = 0.34
"""Share of the local energy in one wave that only ridges reach; white noise has 0.15."""

PURITY_LEAST = 0.24
"""Share that still counts as ridges where it touches sure ones: faint and dry edges."""

CONTRAST_SHARE_LEAST = 0.15
"""Contrast below this share of the print's own is a ghost print or an empty platen. The print's
own is the mean weighted by contrast, so that a large ghost does not set the measure."""

AREA_CELLS_LEAST = 12
"""Smaller islands (3 mm²) carry too few ridges to compare."""

HOLE_CELLS_MOST = 60
"""Smaller holes (15 mm²) are cores, scars and wet spots inside the finger, and are filled."""

STRIP_CELLS = 5
"""Strips narrower than this are lines: platen edges, card frames, letters."""

Mask = NDArray[np.bool_]


def segment(field: RidgeField, contrast: Floats, shape: tuple[int, int]) -> Mask:
    """Return the finger's area at the pixels (rows, columns); empty where nothing is a finger."""
    likeness = blur(field.purity, 1.0)
    sure = likeness > PURITY_SURE
    if not sure.any():
        return np.zeros(shape, np.bool_)
    cell_contrast = gather_in_cells(contrast, likeness)
    own = cell_contrast[sure]
    usual = float((own * own).sum() / own.sum())
    cells = (likeness > PURITY_LEAST) & (cell_contrast > CONTRAST_SHARE_LEAST * usual)
    smooth = blur(join(cells, sure).astype(np.float32), 0.7)
    return spread_to_pixels(smooth, shape) > 0.5


def join(cells: Mask, sure: Mask) -> Mask:
    """Drop strips and what touches no sure cell, and fill holes of a cell mask."""
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (STRIP_CELLS, STRIP_CELLS))
    opened = np.asarray(cv2.morphologyEx(surround(cells), cv2.MORPH_OPEN, disk), np.uint8)
    kept = touching(opened, surround(sure) > 0, AREA_CELLS_LEAST)
    holes = 1 - kept
    filled = kept | (holes - touching(holes, holes > 0, HOLE_CELLS_MOST))
    return filled[STRIP_CELLS:-STRIP_CELLS, STRIP_CELLS:-STRIP_CELLS] > 0


def surround(cells: Mask) -> NDArray[np.uint8]:
    """A mask with a margin of nothing, as ones and zeros."""
    sides = (STRIP_CELLS,) * 4
    wide = cv2.copyMakeBorder(cells.astype(np.uint8), *sides, cv2.BORDER_CONSTANT, value=0)
    return np.asarray(wide, np.uint8)


def touching(cells: NDArray[np.uint8], sure: Mask, least: int) -> NDArray[np.uint8]:
    """Keep the connected areas that hold a sure cell and at least `least` cells."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(cells, connectivity=4)
    large = stats[:, cv2.CC_STAT_AREA] >= least
    kept: NDArray[np.uint8] = _keep(np.asarray(labels, np.int32), sure, large)
    return kept


@njit(nogil=True, cache=True)
def _keep(labels: NDArray[np.int32], sure: Mask, large: Mask) -> NDArray[np.uint8]:
    """Ones where large areas lie that hold a sure cell. The area of label 0 is no area."""
    holds = np.zeros(len(large), np.uint8)
    kept = np.zeros(labels.shape, np.uint8)
    for row, column in np.ndindex(labels.shape):
        label = labels[row, column]
        if label > 0 and sure[row, column] and large[label]:
            holds[label] = 1
    for row, column in np.ndindex(labels.shape):
        kept[row, column] = holds[labels[row, column]]
    return kept
