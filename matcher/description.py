"""Description of minutiae: from records of eight bytes to what the kernels of pairing compare.

    described = describe(template)

Descriptions are cheap enough to be made when a comparison wants them, see `shortlist`. The
results are the same bits on every machine: no library is called but for cosine and sine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from math import pi
from pathlib import Path
from typing import cast

import numpy as np
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from matcher.cylinders import (
    CELLS,
    COS,
    MAX_MINUTIAE,
    OUTLINE_DIRECTIONS,
    OUTLINE_SIDES,
    PLACE_COLUMNS,
    SECTIONS,
    SIN,
    WEIGHT,
    WORDS,
    Described,
    Target,
    Workplace,
    X,
    Y,
    build_cylinders,
)
from matcher.errors import Malformed
from matcher.vocabulary import MINUTIA, SUBPIXELS, FingerTemplate

Targets = tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.uint64], NDArray[np.float32]]
"""Order, places, words and outlines of many fingers."""

CROWD_PX = 30.0
"""Distance up to which minutiae share their weight, about three ridges: they come and go together
at cores, scars and creases, and whole strings of them in whorls match those of other whorls."""

STRANDS = 8
"""Partial sums of a crowd."""


def describe(template: FingerTemplate) -> Described:
    """Turn a template into what the kernels compare; templates without minutiae are allowed."""
    if template.minutiae.dtype != MINUTIA:
        raise Malformed("the minutiae of a template are an array of MINUTIA")
    _, (order, places, words, outlines) = describe_all([template.minutiae])
    return Described(places, words, outlines[0], order)


def describe_all(fingers: Sequence[NDArray[np.void]]) -> tuple[NDArray[np.int64], Targets]:
    """Describe the MINUTIA arrays of many fingers in one call, the interpreter lock released.

    Returns the number of minutiae used of each, int64 (r,), and their descriptions: finger after
    finger in order, places and words, one row for each finger in outlines.
    """
    sizes = np.array([len(minutiae) for minutiae in fingers], np.int64)
    counts = np.minimum(sizes, MAX_MINUTIAE)
    target = make_target(int(counts.sum()))
    outlines = np.empty((len(fingers), OUTLINE_SIDES), np.float32)
    targets = np.empty(len(target.places), np.int64), target.places, target.words, outlines
    words = np.concatenate([np.empty(0, np.uint64), *(as_words(one) for one in fingers)])
    _describe_rows(words, sizes, targets)
    return counts, targets


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
    _choose_rows(words, order)
    chosen: NDArray[np.uint64] = words[order]
    return chosen


def as_words(minutiae: NDArray[np.void]) -> NDArray[np.uint64]:
    """MINUTIA records as machine words, the form in which the kernels read them."""
    return np.ascontiguousarray(minutiae).view(np.uint64)


@intrinsic
def _fuse(_typing, _first, _second, _third):  # type: ignore[no-untyped-def]
    """Compile to one multiply-add with a single rounding."""

    def emit(_context, builder, _signature, arguments):  # type: ignore[no-untyped-def]
        return builder.fma(*arguments)

    return types.float32(types.float32, types.float32, types.float32), emit


multiply_add = cast(Callable[[np.float32, np.float32, np.float32], np.float32], _fuse)
"""first * second + third; for compiled functions only."""


@njit(nogil=True)
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
    build_cylinders(places, words, target.outline, workplace)
    return count


@njit(nogil=True)
def _sorting_key(minutia: np.uint64) -> np.uint64:
    """The fields of a record by significance: angle, x, y, quality, kind."""
    angle = (minutia >> np.uint64(32)) & np.uint64(0xFFFF)
    x, y = minutia & np.uint64(0xFFFF), (minutia >> np.uint64(16)) & np.uint64(0xFFFF)
    kind = (minutia >> np.uint64(48)) & np.uint64(0xFF)
    quality = minutia >> np.uint64(56)
    place = angle << np.uint64(48) | x << np.uint64(32) | y << np.uint64(16)
    return np.uint64(place | quality << np.uint64(8) | kind)


@njit(nogil=True)
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
    floor, ties = np.int64(0), np.int64(len(minutiae))
    if len(minutiae) > MAX_MINUTIAE:
        floor, ties = _find_quality_floor(minutiae)
    count = 0
    for rank in range(len(minutiae)):
        quality = np.int64(minutiae[ranked[rank]] >> np.uint64(56))
        if quality > floor or (quality == floor and ties > 0):
            ties -= quality == floor
            order[count] = ranked[rank]
            count += 1
    return count


@njit(nogil=True)
def _find_quality_floor(minutiae: NDArray[np.uint64]) -> tuple[np.int64, np.int64]:
    """Lowest quality among the best MAX_MINUTIAE, and how many of that quality are wanted."""
    counts = np.zeros(256, np.int64)
    for minutia in minutiae:
        counts[minutia >> np.uint64(56)] += 1
    floor, wanted = np.int64(255), np.int64(MAX_MINUTIAE)
    while counts[floor] < wanted:
        wanted -= counts[floor]
        floor -= 1
    return floor, wanted


@njit(nogil=True)
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
        quality = min(np.int64(minutiae[order[row]] >> np.uint64(56)), np.int64(100)) / 100.0
        places[row, WEIGHT] = quality / np.sqrt(_count_crowd(row, workplace))


@njit(nogil=True)
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


@njit(nogil=True)
def _join(strands: NDArray[np.float64]) -> float:
    """Sum of eight numbers by halves."""
    first = (strands[0] + strands[1]) + (strands[2] + strands[3])
    return float(first + ((strands[4] + strands[5]) + (strands[6] + strands[7])))


@njit(nogil=True)
def _measure_outline(places: NDArray[np.float32], outline: NDArray[np.float32]) -> None:
    """Extent of the minutiae in each outline direction; all zero without minutiae."""
    outline[:] = 0.0 if len(places) == 0 else -np.inf
    for row in range(len(places)):
        x, y = places[row, X], places[row, Y]
        for side in range(OUTLINE_SIDES):
            along = x * OUTLINE_DIRECTIONS[side, 0]
            reach = multiply_add(y, OUTLINE_DIRECTIONS[side, 1], along)
            outline[side] = max(outline[side], reach)


def _digest_sources() -> str:
    """Digest of the sources that are compiled together."""
    folder = Path(__file__).parent
    names = ("description.py", "cylinders.py")
    return sha256(b"".join((folder / name).read_bytes() for name in names)).hexdigest()


def _compile(sources: str) -> tuple[Callable[..., int], Callable[..., int]]:
    """The kernels of all descriptions and of choosing alone, kept on disk as that of pairing is."""

    @njit(nogil=True, cache=True)
    def describe_rows(
        minutiae: NDArray[np.uint64], sizes: NDArray[np.int64], targets: Targets
    ) -> int:
        """Describe fingers one behind the other; sizes: how many of the words each has."""
        order, places, words, outlines = targets
        begin = at = 0
        for row in range(len(sizes)):
            end = begin + sizes[row]
            target = Target(places[at:], words[at:], outlines[row])
            at += describe_into(minutiae[begin:end], order[at:], target)
            begin = end
        return len(sources)

    @njit(nogil=True, cache=True)
    def choose_rows(minutiae: NDArray[np.uint64], order: NDArray[np.int64]) -> int:
        """Pick and sort, no more."""
        _choose(minutiae, order)
        return len(sources)

    return describe_rows, choose_rows


_describe_rows, _choose_rows = _compile(_digest_sources())
