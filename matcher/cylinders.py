"""Local descriptors of minutiae: bit cylinders of the neighbourhood, for pairing's kernels.

A cylinder says, seen from one minutia, where around it others lie and how their directions
differ from its own. Idea: Cappelli, Ferrara, Maltoni, "Minutia Cylinder-Code" (IEEE PAMI 32,
2010); cells here lie on a sunflower spiral, which covers the disc evenly and fills whole words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import pi, sqrt
from typing import NamedTuple, cast

import numpy as np
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

MAX_MINUTIAE = 128
"""Minutiae used of one template; a finger has 30-80, more are noise and would cost time squared."""

RADIUS_PX = 70.0
"""Reach of a cylinder: about eight ridges, the best reach for whole and for partial prints."""

SECTIONS = 6
"""Direction differences told apart: sectors of 60 degrees."""

CELLS = 64
"""Places told apart around a minutia: one machine word for each section; 128 gain nothing."""

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

SPREAD_DEVIATIONS = 3.0
"""Standard deviations of its place up to which a neighbour counts: 1 % of its weight is beyond."""

SPREAD_REACH_PX = SPREAD_DEVIATIONS * SPREAD_PX
"""Distance between a neighbour and a cell up to which the one counts for the other."""

NEIGHBOUR_REACH_PX = RADIUS_PX + SPREAD_REACH_PX
"""Distance up to which a minutia is a neighbour."""

ROUNDING_PX = 0.1
"""Slack for rounding, where cells or sides that cannot matter are left out."""

SQUARE_PX = 8.0
"""Side of the squares by which cells near a neighbour are looked up: most lists hold under ten."""

SQUARES = 24
"""Squares in a row: 96 px to each side hold every neighbour."""

DECAY_STEPS = 16
"""Entries of the table of exponentials per unit: seven terms of a series then do for the rest."""

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


class Target(NamedTuple):
    """Where a kernel writes a finger; the fields are those of Described, with room to spare."""

    places: NDArray[np.float32]
    words: NDArray[np.uint64]
    outline: NDArray[np.float32]


class Workplace(NamedTuple):
    """Working memory of describing one finger."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    strands: NDArray[np.float64]
    turns: NDArray[np.float32]
    shares: NDArray[np.float64]
    density: NDArray[np.float64]
    seen: NDArray[np.float32]
    outside: NDArray[np.bool_]


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


def _find_near_cells() -> NDArray[np.uint8]:
    """Cells within reach of each square of a neighbour's place, shape (squares, squares, k).

    The first entry of a list is its length.
    """
    edges = np.arange(-SQUARES // 2, SQUARES // 2) * SQUARE_PX
    gaps = [
        np.maximum(np.maximum(edges[:, None] - at, at - edges[:, None] - SQUARE_PX), 0.0)
        for at in CELL_PLACES.T.astype(np.float64)
    ]
    near = np.hypot(gaps[0][:, None], gaps[1][None]) < SPREAD_REACH_PX + ROUNDING_PX
    lists = np.zeros((SQUARES, SQUARES, 1 + int(near.sum(axis=2).max())), np.uint8)
    lists[:, :, 0] = near.sum(axis=2)
    for row, column in np.ndindex(SQUARES, SQUARES):
        cells = np.flatnonzero(near[row, column])
        lists[row, column, 1 : 1 + len(cells)] = cells
    return lists


NEAR_CELLS = _find_near_cells()
DECAYS = np.exp(-np.arange(6 * DECAY_STEPS) / DECAY_STEPS)
SECTION_STEP = 2.0 * pi / SECTIONS
SECTION_RING = (
    np.arange(-SECTIONS // 2, SECTIONS // 2 + 1)[:, None] + np.arange(SECTIONS)
) % SECTIONS
"""Sections from the nearest one on, by its number from minus a half turn to a half turn."""

SECTION_SHARES = np.exp(-0.5 * (np.arange(SECTIONS) * (SECTION_STEP / SPREAD_RADIANS)) ** 2)
"""Shares that sections 0, 1, 2 ... further get of a neighbour in the middle of one."""


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


@njit(nogil=True)
def build_cylinders(
    places: NDArray[np.float32],
    words: NDArray[np.uint64],
    outline: NDArray[np.float32],
    workplace: Workplace,
) -> None:
    """Write the cylinders of all minutiae; one that says too little has an empty mask."""
    for centre in range(len(places)):
        words[centre] = 0
        neighbours = _spread_neighbours(places, centre, workplace)
        if neighbours < MIN_NEIGHBOURS:
            continue
        mask = _mark_seen_cells(places[centre], outline, workplace)
        if count_bits(mask) >= MIN_SEEN_CELLS:
            _set_bits(workplace.density, words[centre])
            words[centre, SECTIONS] = mask


@njit(nogil=True)
def _spread_neighbours(places: NDArray[np.float32], centre: int, workplace: Workplace) -> int:
    """Add each neighbour's contribution to the cells around it; returns how many there were."""
    x, y = places[centre, X], places[centre, Y]
    own_cos, own_sin = places[centre, COS], places[centre, SIN]
    turns = workplace.turns
    workplace.density[:] = 0.0
    neighbours = 0
    for other in range(len(places)):
        dx, dy = places[other, X] - x, places[other, Y] - y
        if other == centre or dx * dx + dy * dy > NEIGHBOUR_REACH_PX * NEIGHBOUR_REACH_PX:
            continue
        neighbours += 1
        if other > centre:
            sin = places[other, SIN] * own_cos - places[other, COS] * own_sin
            cos = places[other, COS] * own_cos + places[other, SIN] * own_sin
            turn = np.arctan2(sin, cos)
            # Seen from the other the sine is the opposite; it has no sign where it is zero.
            turns[other, centre] = -turn if sin != 0.0 else turn
        else:
            turn = turns[centre, other]
        _share_out(turn, workplace.shares)
        _spread_one(dx * own_cos + dy * own_sin, dy * own_cos - dx * own_sin, workplace)
    return neighbours


@njit(nogil=True)
def _decay(distance: float) -> float:
    """exp(-distance) for distances below 6, without calling a library: alike on all machines."""
    step = int(distance * DECAY_STEPS + 0.5)
    rest = step * (1.0 / DECAY_STEPS) - distance
    square = rest * rest
    low = (1.0 + rest) + square * (0.5 + rest * (1.0 / 6.0))
    high = (1.0 / 24.0 + rest * (1.0 / 120.0)) + square * (1.0 / 720.0 + rest * (1.0 / 5040.0))
    return float(DECAYS[step] * (low + square * square * high))


@njit(nogil=True)
def _share_out(turn: float, shares: NDArray[np.float64]) -> None:
    """What each section gets of a neighbour by its direction difference: a normal distribution.

    With a the offset from the nearest section, exp(-(a + kw)² / 2s²) is exp(-a² / 2s²) times the
    k-th power of exp(-aw / s²) times a constant: two exponentials serve all sections.
    """
    nearest = np.floor(turn / SECTION_STEP + 0.5)
    off = turn - nearest * SECTION_STEP
    middle = _decay(0.5 * (off / SPREAD_RADIANS) ** 2)
    away = _decay(abs(off) * (SECTION_STEP / (SPREAD_RADIANS * SPREAD_RADIANS)))
    towards = 1.0 / away
    up, down = (towards, away) if off > 0.0 else (away, towards)
    ring = SECTION_RING[int(nearest) + SECTIONS // 2]
    forwards = backwards = middle
    shares[ring[0]] = middle
    for step in range(1, SECTIONS // 2):
        forwards, backwards = forwards * up, backwards * down
        shares[ring[step]] = forwards * SECTION_SHARES[step]
        shares[ring[SECTIONS - step]] = backwards * SECTION_SHARES[step]
    far = max(forwards * up, backwards * down)
    shares[ring[SECTIONS // 2]] = far * SECTION_SHARES[SECTIONS // 2]


@njit(nogil=True)
def _spread_one(along: np.float32, across: np.float32, workplace: Workplace) -> None:
    """Add one neighbour at a place relative to the centre to the cells near it."""
    density, shares = workplace.density, workplace.shares
    row = int((along + SQUARES // 2 * SQUARE_PX) / SQUARE_PX)
    column = int((across + SQUARES // 2 * SQUARE_PX) / SQUARE_PX)
    near_cells = NEAR_CELLS[row, column]
    for entry in range(1, 1 + near_cells[0]):
        cell = near_cells[entry]
        dx = along - CELL_PLACES[cell, 0]
        dy = across - CELL_PLACES[cell, 1]
        square = dx * dx + dy * dy
        if square < SPREAD_REACH_PX * SPREAD_REACH_PX:
            near = _decay(square * (0.5 / (SPREAD_PX * SPREAD_PX)))
            for section in range(SECTIONS):
                density[section, cell] += near * shares[section]


@njit(nogil=True)
def _mark_seen_cells(
    place: NDArray[np.float32], outline: NDArray[np.float32], workplace: Workplace
) -> np.uint64:
    """Mask of the cells that lie within the print."""
    x, y, outside = workplace.seen[0], workplace.seen[1], workplace.outside
    for cell in range(CELLS):
        along, across = CELL_PLACES[cell, 0], CELL_PLACES[cell, 1]
        x[cell] = place[X] + along * place[COS] - across * place[SIN]
        y[cell] = place[Y] + along * place[SIN] + across * place[COS]
        outside[cell] = False
    for side in range(OUTLINE_SIDES):
        right, up = OUTLINE_DIRECTIONS[side, 0], OUTLINE_DIRECTIONS[side, 1]
        limit = outline[side] + OUTLINE_MARGIN_PX
        if place[X] * right + place[Y] * up + RADIUS_PX + ROUNDING_PX > limit:
            for cell in range(CELLS):
                outside[cell] |= x[cell] * right + y[cell] * up > limit
    mask = np.uint64(0)
    for cell in range(CELLS):
        mask |= np.uint64(not outside[cell]) << np.uint64(cell)
    return mask


@njit(nogil=True)
def _set_bits(density: NDArray[np.float64], words: NDArray[np.uint64]) -> None:
    """Write one bit per section and cell where the density reaches the threshold."""
    for section in range(SECTIONS):
        word = np.uint64(0)
        for cell in range(CELLS):
            word |= np.uint64(density[section, cell] >= BIT_THRESHOLD) << np.uint64(cell)
        words[section] = word
