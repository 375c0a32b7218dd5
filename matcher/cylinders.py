"""Local descriptors of minutiae: bit cylinders of the neighbourhood, for pairing's kernels.

A cylinder says, seen from one minutia, where around it others lie and how their directions
differ from its own. Idea: Cappelli, Ferrara, Maltoni, "Minutia Cylinder-Code" (IEEE PAMI 32,
2010); cells here lie on a sunflower spiral, which covers the disc evenly and fills whole words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, pi, sqrt
from typing import cast

import numpy as np
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from matcher.errors import Malformed
from matcher.vocabulary import MINUTIA, SUBPIXELS, FingerTemplate

MAX_MINUTIAE = 128
"""Minutiae used of one template; a finger has 30-80, more are noise and would cost time squared."""

RADIUS_PX = 70.0
"""Reach of a cylinder: about eight ridges, the best reach for whole and for partial prints."""

SECTIONS = 6
"""Direction differences told apart: sectors of 60 degrees."""

CELLS = 64
"""Places told apart around a minutia: one machine word for each section; 128 gain nothing."""

CROWD_PX = 30.0
"""Distance up to which minutiae share their weight, about three ridges: they come and go together
at cores, scars and creases, and whole strings of them in whorls match those of other whorls."""

SPREAD_PX = 7.0
"""Standard deviation of a neighbour's place: the jitter of detection plus plastic distortion."""

SPREAD_RADIANS = 25.0 * pi / 180.0
"""Standard deviation of a direction difference."""

BIT_THRESHOLD = 0.12
"""A bit is set when the neighbours' contributions reach this share of a perfectly placed one."""

OUTLINE_SIDES = 16
"""Directions in which the extent of a template is measured; 16 follow a convex hull within 2 %."""

OUTLINE_MARGIN_PX = 20.0
"""A cell this far outside the outline still counts as seen: minutiae were possible there."""

MIN_SEEN_CELLS = CELLS // 4
"""A cylinder that sees less of its disc says too little to be compared."""

MIN_NEIGHBOURS = 2
"""A cylinder with fewer neighbours resembles every other empty one."""

X, Y, COS, SIN, WEIGHT = range(5)
"""Columns of Described.places."""

PLACE_COLUMNS = 5
"""Number of columns of Described.places."""

WORDS = SECTIONS + 1
"""Words of one cylinder: the sections, then the mask of the cells seen."""


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """One finger made ready for the kernels; the order of its minutiae is by direction.

    places: float32 (n, PLACE_COLUMNS): x, y in pixels at 500 dpi, y growing upwards, cosine and
    sine of the direction, weight 0-1 by quality and crowd. words: uint64 (n, WORDS). outline:
    float32 (OUTLINE_SIDES,), largest projection of the minutiae on each direction. order: int64
    (n,), index of each minutia in the template that was described.
    """

    places: NDArray[np.float32]
    words: NDArray[np.uint64]
    outline: NDArray[np.float32]
    order: NDArray[np.int64]


def describe(template: FingerTemplate) -> Described:
    """Turn a template into what the kernels compare; templates without minutiae are allowed."""
    if template.minutiae.dtype != MINUTIA:
        raise Malformed("the minutiae of a template are an array of MINUTIA")
    order = _canonical_order(template.minutiae)
    places = _places(template.minutiae[order])
    outline = _outline(places)
    words = _build_cylinders(places, outline)
    return Described(places, words, outline, order)


def _canonical_order(minutiae: NDArray[np.void]) -> NDArray[np.int64]:
    """Pick the best MAX_MINUTIAE and sort them by content, so that input order means nothing."""
    keys = ("kind", "quality", "y", "x", "angle")
    order = np.lexsort([minutiae[key] for key in keys])
    if len(order) > MAX_MINUTIAE:
        by_quality = np.argsort(-minutiae["quality"][order].astype(int), kind="stable")
        order = order[np.sort(by_quality[:MAX_MINUTIAE])]
    return order.astype(np.int64)


def _places(minutiae: NDArray[np.void]) -> NDArray[np.float32]:
    """Minutiae as the rows of Described.places."""
    angle = minutiae["angle"] * (2.0 * pi / 65536.0)
    x, y = minutiae["x"] / SUBPIXELS, minutiae["y"] / -SUBPIXELS
    quality = np.minimum(minutiae["quality"], 100) / 100.0
    weight = quality / np.sqrt(_crowd(x, y))
    columns = (x, y, np.cos(angle), np.sin(angle), weight)
    return np.stack(columns, axis=1).astype(np.float32)


def _crowd(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many minutiae stand around each place, itself included, the farther the less."""
    gap = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2
    crowd: NDArray[np.float64] = np.maximum(1.0 - gap / CROWD_PX**2, 0.0).sum(axis=1)
    return crowd


def _directions(sides: int) -> NDArray[np.float32]:
    """Unit vectors evenly around the circle, shape (sides, 2)."""
    turn = np.arange(sides) * (2.0 * pi / sides)
    return np.stack((np.cos(turn), np.sin(turn)), axis=1).astype(np.float32)


def _sunflower(cells: int, radius: float) -> NDArray[np.float32]:
    """Points spread evenly over a disc (Vogel's spiral), shape (cells, 2)."""
    rank = np.arange(cells)
    distance = radius * np.sqrt((rank + 0.5) / cells)
    turn = rank * (pi * (3.0 - sqrt(5.0)))
    return np.stack((distance * np.cos(turn), distance * np.sin(turn)), axis=1).astype(np.float32)


OUTLINE_DIRECTIONS = _directions(OUTLINE_SIDES)
CELL_PLACES = _sunflower(CELLS, RADIUS_PX)


def _outline(places: NDArray[np.float32]) -> NDArray[np.float32]:
    """Extent of the minutiae in each outline direction; all zero without minutiae."""
    if len(places) == 0:
        return np.zeros(OUTLINE_SIDES, np.float32)
    extent: NDArray[np.float32] = (places[:, :2] @ OUTLINE_DIRECTIONS.T).max(axis=0)
    return extent


@intrinsic
def _count_bits(_typing, _word):  # type: ignore[no-untyped-def]
    """Compile to the processor's own instruction."""

    def emit(_context, builder, _signature, arguments):  # type: ignore[no-untyped-def]
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), emit


count_bits = cast(Callable[[np.uint64], int], _count_bits)
"""Number of ones in a word; for compiled functions only."""


@njit(nogil=True, cache=True)
def is_inside(x: float, y: float, outline: NDArray[np.float32], margin: float) -> bool:
    """Whether a place lies within an outline widened by margin pixels."""
    for side in range(OUTLINE_SIDES):
        reach = x * OUTLINE_DIRECTIONS[side, 0] + y * OUTLINE_DIRECTIONS[side, 1]
        if reach > outline[side] + margin:
            return False
    return True


@njit(nogil=True, cache=True)
def _build_cylinders(
    places: NDArray[np.float32], outline: NDArray[np.float32]
) -> NDArray[np.uint64]:
    """Cylinders of all minutiae; a cylinder that says too little has an empty mask."""
    words = np.zeros((len(places), WORDS), np.uint64)
    density = np.empty((SECTIONS, CELLS))
    for centre in range(len(places)):
        density[:] = 0.0
        neighbours = _spread_neighbours(places, centre, density)
        seen = _mark_seen_cells(places[centre], outline, words[centre])
        if neighbours >= MIN_NEIGHBOURS and seen >= MIN_SEEN_CELLS:
            _set_bits(density, words[centre])
        else:
            words[centre] = 0
    return words


@njit(nogil=True, cache=True)
def _spread_neighbours(
    places: NDArray[np.float32], centre: int, density: NDArray[np.float64]
) -> int:
    """Add each neighbour's contribution to the cells around it; returns how many there were."""
    reach = RADIUS_PX + 3.0 * SPREAD_PX
    own_cos, own_sin = places[centre, COS], places[centre, SIN]
    neighbours = 0
    for other in range(len(places)):
        dx = places[other, X] - places[centre, X]
        dy = places[other, Y] - places[centre, Y]
        if other == centre or dx * dx + dy * dy > reach * reach:
            continue
        neighbours += 1
        along = dx * own_cos + dy * own_sin
        across = dy * own_cos - dx * own_sin
        turn = np.arctan2(
            places[other, SIN] * own_cos - places[other, COS] * own_sin,
            places[other, COS] * own_cos + places[other, SIN] * own_sin,
        )
        _spread_one(along, across, turn, density)
    return neighbours


@njit(nogil=True, cache=True)
def _spread_one(along: float, across: float, turn: float, density: NDArray[np.float64]) -> None:
    """Add one neighbour at a place relative to the centre with a direction difference."""
    shares = np.empty(SECTIONS)
    for section in range(SECTIONS):
        off = turn - section * (2.0 * pi / SECTIONS)
        off -= 2.0 * pi * np.floor(off / (2.0 * pi) + 0.5)
        shares[section] = exp(-0.5 * (off / SPREAD_RADIANS) ** 2)
    for cell in range(CELLS):
        dx = along - CELL_PLACES[cell, 0]
        dy = across - CELL_PLACES[cell, 1]
        square = (dx * dx + dy * dy) / (SPREAD_PX * SPREAD_PX)
        if square < 9.0:
            near = exp(-0.5 * square)
            for section in range(SECTIONS):
                density[section, cell] += near * shares[section]


@njit(nogil=True, cache=True)
def _mark_seen_cells(
    place: NDArray[np.float32], outline: NDArray[np.float32], words: NDArray[np.uint64]
) -> int:
    """Write the mask of the cells that lie within the print; returns how many do."""
    seen = 0
    for cell in range(CELLS):
        along, across = CELL_PLACES[cell, 0], CELL_PLACES[cell, 1]
        x = place[X] + along * place[COS] - across * place[SIN]
        y = place[Y] + along * place[SIN] + across * place[COS]
        if is_inside(x, y, outline, OUTLINE_MARGIN_PX):
            seen += 1
            words[SECTIONS] |= np.uint64(1) << np.uint64(cell)
    return seen


@njit(nogil=True, cache=True)
def _set_bits(density: NDArray[np.float64], words: NDArray[np.uint64]) -> None:
    """Write one bit per section and cell where the density reaches the threshold."""
    for section in range(SECTIONS):
        for cell in range(CELLS):
            if density[section, cell] >= BIT_THRESHOLD:
                words[section] |= np.uint64(1) << np.uint64(cell)
