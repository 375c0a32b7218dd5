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

STRANDS = 8
"""Partial sums of a crowd."""

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


def describe(template: FingerTemplate) -> Described:
    """Turn a template into what the kernels compare; templates without minutiae are allowed."""
    if template.minutiae.dtype != MINUTIA:
        raise Malformed("the minutiae of a template are an array of MINUTIA")
    count = min(len(template.minutiae), MAX_MINUTIAE)
    order, target = np.empty(count, np.int64), make_target(count)
    describe_into(as_words(template.minutiae), order, target)
    return Described(target.places, target.words, target.outline, order)


def make_target(minutiae: int) -> Target:
    """Room for a finger of so many minutiae."""
    return Target(
        np.empty((minutiae, PLACE_COLUMNS), np.float32),
        np.empty((minutiae, WORDS), np.uint64),
        np.empty(OUTLINE_SIDES, np.float32),
    )


def choose_minutiae(minutiae: NDArray[np.void]) -> NDArray[np.uint64]:
    """The best MAX_MINUTIAE as words, in the order in which describing sorts them."""
    words, order = as_words(minutiae), np.empty(min(len(minutiae), MAX_MINUTIAE), np.int64)
    _choose(words, order)
    chosen: NDArray[np.uint64] = words[order]
    return chosen


def as_words(minutiae: NDArray[np.void]) -> NDArray[np.uint64]:
    """MINUTIA records as machine words, the form in which the kernels read them."""
    return np.ascontiguousarray(minutiae).view(np.uint64)


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


@intrinsic
def _fuse(_typing, _first, _second, _third):  # type: ignore[no-untyped-def]
    """Compile to one multiply-add with a single rounding."""

    def emit(_context, builder, _signature, arguments):  # type: ignore[no-untyped-def]
        return builder.fma(*arguments)

    return types.float32(types.float32, types.float32, types.float32), emit


multiply_add = cast(Callable[[np.float32, np.float32, np.float32], np.float32], _fuse)
"""first * second + third; for compiled functions only."""


@njit(nogil=True, cache=True)
def describe_into(minutiae: NDArray[np.uint64], order: NDArray[np.int64], target: Target) -> int:
    """Describe one finger; returns how many rows of order and target it takes.

    minutiae: as_words() of any number of records. order and target have room for them, up to
    MAX_MINUTIAE. The result does not depend on the order of the minutiae.
    """
    count = _choose(minutiae, order)
    workplace = Workplace(
        np.empty(count),
        np.empty(count),
        np.empty(STRANDS),
        np.empty((count, count), np.float32),
        np.empty(SECTIONS),
        np.empty((SECTIONS, CELLS)),
        np.empty((2, CELLS), np.float32),
        np.empty(CELLS, np.bool_),
    )
    _place(minutiae, order[:count], target.places, workplace)
    places, words = target.places[:count], target.words[:count]
    _measure_outline(places, target.outline)
    _build_cylinders(places, words, target.outline, workplace)
    return count


@njit(nogil=True, cache=True)
def describe_rows(
    minutiae: NDArray[np.uint64],
    sizes: NDArray[np.int64],
    starts: NDArray[np.int64],
    targets: tuple[NDArray[np.float32], NDArray[np.uint64], NDArray[np.float32]],
) -> None:
    """Describe many fingers one behind the other.

    minutiae: words of all fingers, sizes of them each. Finger r goes to row starts[r] and on of
    places and words, which have room for up to MAX_MINUTIAE of it, and to row r of the outlines.
    """
    places, words, outlines = targets
    order = np.empty(MAX_MINUTIAE, np.int64)
    begin = 0
    for row in range(len(sizes)):
        end, at = begin + sizes[row], starts[row]
        describe_into(minutiae[begin:end], order, Target(places[at:], words[at:], outlines[row]))
        begin = end


@njit(nogil=True, cache=True)
def _sorting_key(minutia: np.uint64) -> np.uint64:
    """The fields of a record by significance: angle, x, y, quality, kind."""
    angle = (minutia >> np.uint64(32)) & np.uint64(0xFFFF)
    x, y = minutia & np.uint64(0xFFFF), (minutia >> np.uint64(16)) & np.uint64(0xFFFF)
    kind = (minutia >> np.uint64(48)) & np.uint64(0xFF)
    quality = minutia >> np.uint64(56)
    place = angle << np.uint64(48) | x << np.uint64(32) | y << np.uint64(16)
    return np.uint64(place | quality << np.uint64(8) | kind)


@njit(nogil=True, cache=True)
def _choose(minutiae: NDArray[np.uint64], order: NDArray[np.int64]) -> int:
    """Pick the best MAX_MINUTIAE and sort them by content, so that input order means nothing.

    By insertion, which costs next to nothing where they are in order already.
    """
    keys, ranked = np.empty(len(minutiae), np.uint64), np.empty(len(minutiae), np.int64)
    for index in range(len(minutiae)):
        key, at = _sorting_key(minutiae[index]), index
        while at > 0 and keys[at - 1] > key:
            keys[at], ranked[at] = keys[at - 1], ranked[at - 1]
            at -= 1
        keys[at], ranked[at] = key, index
    floor, ties = 0, len(minutiae)
    if len(minutiae) > MAX_MINUTIAE:
        floor, ties = _find_quality_floor(minutiae)
    count = 0
    for rank in range(len(minutiae)):
        quality = int(minutiae[ranked[rank]] >> np.uint64(56))
        if quality > floor or (quality == floor and ties > 0):
            ties -= quality == floor
            order[count] = ranked[rank]
            count += 1
    return count


@njit(nogil=True, cache=True)
def _find_quality_floor(minutiae: NDArray[np.uint64]) -> tuple[int, int]:
    """Lowest quality among the best MAX_MINUTIAE, and how many of that quality are wanted."""
    counts = np.zeros(256, np.int64)
    for minutia in minutiae:
        counts[minutia >> np.uint64(56)] += 1
    floor, wanted = 255, MAX_MINUTIAE
    while counts[floor] < wanted:
        wanted -= int(counts[floor])
        floor -= 1
    return floor, wanted


@njit(nogil=True, cache=True)
def _place(
    minutiae: NDArray[np.uint64],
    order: NDArray[np.int64],
    places: NDArray[np.float32],
    workplace: Workplace,
) -> None:
    """Write minutiae as the rows of Described.places."""
    x, y = workplace.x, workplace.y
    for row in range(len(order)):
        minutia = minutiae[order[row]]
        x[row] = np.float64(minutia & np.uint64(0xFFFF)) / SUBPIXELS
        y[row] = np.float64((minutia >> np.uint64(16)) & np.uint64(0xFFFF)) / -SUBPIXELS
        angle = np.float64((minutia >> np.uint64(32)) & np.uint64(0xFFFF)) * (2.0 * pi / 65536.0)
        places[row, X], places[row, Y] = x[row], y[row]
        places[row, COS], places[row, SIN] = np.cos(angle), np.sin(angle)
    for row in range(len(order)):
        quality = min(int(minutiae[order[row]] >> np.uint64(56)), 100) / 100.0
        places[row, WEIGHT] = quality / np.sqrt(_count_crowd(row, workplace))


@njit(nogil=True, cache=True)
def _count_crowd(centre: int, workplace: Workplace) -> float:
    """How many minutiae stand around a place, itself included, the farther the less.

    Summed in eight strands and a rest, as numpy sums: stored prints keep their scores.
    """
    x, y, strands = workplace.x, workplace.y, workplace.strands
    own_x, own_y = x[centre], y[centre]
    whole = len(x) - len(x) % STRANDS
    strands[:] = 0.0
    for start in range(0, whole, STRANDS):
        for strand in range(STRANDS):
            dx, dy = x[start + strand] - own_x, y[start + strand] - own_y
            strands[strand] += max(1.0 - (dx * dx + dy * dy) / (CROWD_PX * CROWD_PX), 0.0)
    crowd = _join(strands)
    for other in range(whole, len(x)):
        dx, dy = x[other] - own_x, y[other] - own_y
        crowd += max(1.0 - (dx * dx + dy * dy) / (CROWD_PX * CROWD_PX), 0.0)
    return crowd


@njit(nogil=True, cache=True)
def _join(strands: NDArray[np.float64]) -> float:
    """Sum of eight numbers by halves."""
    first = (strands[0] + strands[1]) + (strands[2] + strands[3])
    return float(first + ((strands[4] + strands[5]) + (strands[6] + strands[7])))


@njit(nogil=True, cache=True)
def _measure_outline(places: NDArray[np.float32], outline: NDArray[np.float32]) -> None:
    """Extent of the minutiae in each outline direction; all zero without minutiae."""
    outline[:] = 0.0 if len(places) == 0 else -np.inf
    for row in range(len(places)):
        x, y = places[row, X], places[row, Y]
        for side in range(OUTLINE_SIDES):
            along = x * OUTLINE_DIRECTIONS[side, 0]
            reach = multiply_add(y, OUTLINE_DIRECTIONS[side, 1], along)
            outline[side] = max(outline[side], reach)


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


@njit(nogil=True, cache=True)
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


@njit(nogil=True, cache=True)
def _decay(distance: float) -> float:
    """exp(-distance) for distances below 6, without calling a library: alike on all machines."""
    step = int(distance * DECAY_STEPS + 0.5)
    rest = step * (1.0 / DECAY_STEPS) - distance
    square = rest * rest
    low = (1.0 + rest) + square * (0.5 + rest * (1.0 / 6.0))
    high = (1.0 / 24.0 + rest * (1.0 / 120.0)) + square * (1.0 / 720.0 + rest * (1.0 / 5040.0))
    return float(DECAYS[step] * (low + square * square * high))


@njit(nogil=True, cache=True)
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


@njit(nogil=True, cache=True)
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


@njit(nogil=True, cache=True)
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


@njit(nogil=True, cache=True)
def _set_bits(density: NDArray[np.float64], words: NDArray[np.uint64]) -> None:
    """Write one bit per section and cell where the density reaches the threshold."""
    for section in range(SECTIONS):
        word = np.uint64(0)
        for cell in range(CELLS):
            word |= np.uint64(density[section, cell] >= BIT_THRESHOLD) << np.uint64(cell)
        words[section] = word
