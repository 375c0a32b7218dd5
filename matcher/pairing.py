"""Comparison of two fingerprints: how alike they are and which minutiae belong together.

    similarity = compare(describe(probe), describe(reference))

The steps: resemblance of local cylinders, candidates, relaxation, growing, evidence. A hopeless
pair stops after relaxation. Scores are raw; `calibration` turns them into false match rates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from matcher.consolidation import (
    ONE,
    ZERO,
    Motion,
    Scratch,
    Side,
    choose_candidates,
    count_overlap,
    fill_compatible,
    fill_resemblance,
    gather_cluster,
    grow,
    is_in_order,
    make_scratch,
    relax,
)
from matcher.cylinders import OUTLINE_SIDES, WEIGHT, WORDS, Described, describe

__all__ = [
    "Described",
    "PackedDescribed",
    "Pairing",
    "compare",
    "compare_many",
    "describe",
    "explain",
    "pack",
]

MIN_MINUTIAE = 4
"""Templates with fewer minutiae score 0: three pairs fit almost any finger."""

EVIDENCE = 8
"""Numbers that sum up one comparison, see weigh."""


@dataclass(frozen=True, slots=True, eq=False)
class PackedDescribed:
    """Many described fingers in columns that one kernel walks through.

    Finger r owns the rows starts[r] : starts[r] + counts[r] of places and words. places: float32
    (m, 5), words: uint64 (m, WORDS), outlines: float32 (r, OUTLINE_SIDES), starts: int64 (r,),
    counts: int32 (r,). The columns may be longer than what is in use, so a gallery can append.
    """

    places: NDArray[np.float32]
    words: NDArray[np.uint64]
    outlines: NDArray[np.float32]
    starts: NDArray[np.int64]
    counts: NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Pairing:
    """Explanation of one score for the expert's screen.

    score: the raw similarity. pairs: int64 (k, 2), indices into the minutiae of probe and
    reference. rotation: radians counter-clockwise, and translation: pixels at 500 dpi to the
    right and down; turning the reference about its origin and shifting it lays it on the probe.
    """

    score: float
    pairs: NDArray[np.int64]
    rotation: float
    translation: tuple[float, float]


def pack(described: Sequence[Described]) -> PackedDescribed:
    """Put described fingers into contiguous columns, in the given order."""
    counts = np.array([len(one.places) for one in described], np.int32)
    starts = np.cumsum(counts, dtype=np.int64) - counts
    return PackedDescribed(
        np.concatenate([np.empty((0, 5), np.float32), *(one.places for one in described)]),
        np.concatenate([np.empty((0, WORDS), np.uint64), *(one.words for one in described)]),
        np.array([one.outline for one in described], np.float32).reshape(-1, OUTLINE_SIDES),
        starts,
        counts,
    )


def compare(probe: Described, reference: Described) -> float:
    """Raw similarity of two fingers, 0 or more; the same whichever is called probe."""
    return float(compare_many(probe, pack([reference]), np.zeros(1, np.int64))[0])


def compare_many(
    probe: Described, packed: PackedDescribed, rows: NDArray[np.integer]
) -> NDArray[np.float32]:
    """Raw similarities of a probe and the given rows, with the interpreter lock released.

    rows: any order, repetitions allowed; IndexError if one is not a row of packed.
    """
    rows = np.ascontiguousarray(rows, np.int64)
    if len(rows) and not 0 <= rows.min() <= rows.max() < len(packed.starts):
        raise IndexError("a row is not in the packed store")
    scores = np.zeros(len(rows), np.float32)
    side = Side(probe.places, probe.words, probe.outline)
    columns = (packed.places, packed.words, packed.outlines, packed.starts, packed.counts)
    _compare_rows(side, columns, rows, scores)
    return scores


def explain(probe: Described, reference: Described) -> Pairing:
    """Compare two fingers and say which minutiae were paired, and under which motion."""
    one, two = _side(probe), _side(reference)
    swapped = not is_in_order(one, two)
    scratch = make_scratch()
    score, motion, size = (
        compare_sides(two, one, scratch) if swapped else compare_sides(one, two, scratch)
    )
    pairs = scratch.pairs[:size].astype(np.int64)
    if swapped:
        pairs, motion = pairs[:, ::-1], _invert(motion)
    pairs = np.stack((probe.order[pairs[:, 0]], reference.order[pairs[:, 1]]), axis=1)
    rotation = float(np.arctan2(motion.sin, motion.cos))
    return Pairing(float(score), pairs, rotation, (float(motion.x), -float(motion.y)))


def _side(described: Described) -> Side:
    """A described finger as the kernels take it."""
    return Side(described.places, described.words, described.outline)


def _invert(motion: Motion) -> Motion:
    """The motion that undoes another."""
    x = -(motion.cos * motion.x + motion.sin * motion.y)
    y = motion.sin * motion.x - motion.cos * motion.y
    return Motion(motion.cos, -motion.sin, x, y)


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _compare_rows(
    probe: Side,
    columns: tuple[NDArray[np.generic], ...],
    rows: NDArray[np.int64],
    scores: NDArray[np.float32],
) -> None:
    """Compare a probe with rows of packed columns, writing one score per row."""
    scratch = make_scratch()
    places, words, outlines, starts, counts = columns
    for rank in range(len(rows)):
        row = rows[rank]
        span = slice(starts[row], starts[row] + counts[row])
        other = Side(places[span], words[span], outlines[row])
        if is_in_order(probe, other):
            scores[rank] = compare_sides(probe, other, scratch)[0]
        else:
            scores[rank] = compare_sides(other, probe, scratch)[0]


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def compare_sides(first: Side, second: Side, scratch: Scratch) -> tuple[float, Motion, int]:
    """Score, motion and number of pairs (left in scratch.pairs) of two sides in order."""
    still = Motion(ONE, ZERO, ZERO, ZERO)
    if len(first.places) < MIN_MINUTIAE or len(second.places) < MIN_MINUTIAE:
        return ZERO, still, 0
    fill_resemblance(first, second, scratch)
    chosen = choose_candidates(first, second, scratch)
    if chosen < 2:
        return ZERO, still, 0
    fill_compatible(first, second, chosen, scratch)
    support = relax(chosen, scratch)
    if support <= ZERO:
        return ZERO, still, 0
    size = gather_cluster(chosen, scratch)
    motion, size = grow(first, second, size, scratch)
    weigh(first, second, scratch, (motion, size, support))
    return max(ZERO, scratch.evidence[0] * scratch.evidence[0] / scratch.evidence[3]), motion, size


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def weigh(first: Side, second: Side, scratch: Scratch, found: tuple[Motion, int, float]) -> None:
    """Sum up a pairing in scratch.evidence."""
    motion, size, support = found
    evidence = scratch.evidence
    evidence[:] = ZERO
    for k in range(size):
        i, j = scratch.pairs[k]
        weight = np.sqrt(first.places[i, WEIGHT] * second.places[j, WEIGHT])
        evidence[0] += weight * (np.float32(0.5) + np.float32(0.5) * scratch.fit[i, j])
        evidence[1] += weight * scratch.resemblance[i, j]
        evidence[2] += weight
    seen_first, seen_second = count_overlap(first, second, motion)
    evidence[3] = ONE + seen_first + seen_second
    evidence[4] = support
    evidence[5] = np.float32(size)
