"""Comparison of two fingerprints: how alike they are and which minutiae belong together.

    similarity = compare(describe(probe), describe(reference))

The steps: resemblance of local cylinders, candidates, relaxation, growing, evidence. Scores are
raw, in natural units of evidence; `calibration` turns them into false match rates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from matcher.candidates import (
    ONE,
    ZERO,
    Scratch,
    Side,
    choose_candidates,
    fill_resemblance,
    is_in_order,
    make_scratch,
)
from matcher.consolidation import (
    fill_compatible,
    gather_cluster,
    grow,
    relax,
)
from matcher.cylinders import COS, OUTLINE_SIDES, PLACE_COLUMNS, WORDS, Described
from matcher.description import describe, describe_all
from matcher.evidence import SIZE, SUPPORT, weigh

__all__ = [
    "Described",
    "PackedDescribed",
    "Pairing",
    "compare",
    "compare_many",
    "describe",
    "describe_many",
    "explain",
    "pack",
]

MIN_MINUTIAE = 4
"""Templates with fewer minutiae score 0: three pairs fit almost any finger."""

Columns = tuple[
    NDArray[np.float32],
    NDArray[np.uint64],
    NDArray[np.float32],
    NDArray[np.int64],
    NDArray[np.int32],
]


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
    right and down; turning the reference about its origin, the corner of its sample, and then
    shifting it lays it on the probe. evidence: float32, what the score was made of.
    """

    score: float
    pairs: NDArray[np.int64]
    rotation: float
    translation: tuple[float, float]
    evidence: NDArray[np.float32]


def pack(described: Sequence[Described]) -> PackedDescribed:
    """Put described fingers into contiguous columns, in the given order."""
    counts = np.array([len(one.places) for one in described], np.int32)
    starts = np.cumsum(counts, dtype=np.int64) - counts
    return PackedDescribed(
        np.concatenate([np.empty((0, PLACE_COLUMNS), np.float32), *(d.places for d in described)]),
        np.concatenate([np.empty((0, WORDS), np.uint64), *(d.words for d in described)]),
        np.array([one.outline for one in described], np.float32).reshape(-1, OUTLINE_SIDES),
        starts,
        counts,
    )


def describe_many(fingers: Sequence[NDArray[np.void]]) -> PackedDescribed:
    """Describe the MINUTIA arrays of many fingers in one call, the interpreter lock released."""
    counts, (_, places, words, outlines) = describe_all(fingers)
    starts = np.cumsum(counts) - counts
    return PackedDescribed(places, words, outlines, starts, counts.astype(np.int32))


def compare(probe: Described, reference: Described) -> float:
    """Raw similarity of two fingers, 0 or more; the same whichever is called probe."""
    return float(compare_many(probe, pack([reference]), np.zeros(1, np.int64))[0])


def compare_many(
    probe: Described, packed: PackedDescribed, rows: NDArray[np.integer]
) -> NDArray[np.float32]:
    """Raw similarities of a probe and the given rows, with the interpreter lock released.

    rows: any order, repetitions allowed; IndexError if one is not a row of packed.
    """
    return _compare(probe, packed, rows, make_scratch())


def explain(probe: Described, reference: Described) -> Pairing:
    """Compare two fingers and say which minutiae were paired, and under which motion."""
    scratch = make_scratch()
    score = _compare(probe, pack([reference]), np.zeros(1, np.int64), scratch)[0]
    pairs = scratch.pairs[: int(scratch.evidence[SIZE])].astype(np.int64)
    x, y, cos, sin = (float(value) for value in scratch.motion)
    if not is_in_order(_side(probe), _side(reference)):
        pairs = pairs[:, ::-1]
        sin, x, y = -sin, -(cos * x + sin * y), sin * x - cos * y
    pairs = np.stack((probe.order[pairs[:, 0]], reference.order[pairs[:, 1]]), axis=1)
    rotation = float(np.arctan2(sin, cos))
    return Pairing(float(score), pairs, rotation, (x, -y), scratch.evidence.copy())


def _side(described: Described) -> Side:
    """A described finger as the kernels take it."""
    return Side(described.places, described.words, described.outline)


def _compare(
    probe: Described, packed: PackedDescribed, rows: NDArray[np.integer], scratch: Scratch
) -> NDArray[np.float32]:
    """Check the rows and run the kernel; the last comparison's details stay in scratch."""
    wanted = np.ascontiguousarray(rows, np.int64)
    if len(wanted) and not 0 <= wanted.min() <= wanted.max() < len(packed.starts):
        raise IndexError("a row is not in the packed store")
    scores = np.zeros(len(wanted), np.float32)
    columns = (packed.places, packed.words, packed.outlines, packed.starts, packed.counts)
    _compare_rows(_side(probe), columns, wanted, (scores, scratch))
    return scores


EVIDENCE_WEIGHTS = np.array([0.946, -2.879, 4.707, 1.373, -0.090, -0.661, 0.0], np.float32)
"""Weight of each entry of the evidence, fitted by `python -m benchmarks.accuracy --fit-weights`."""

BASE = np.float32(4.0)
"""Score of no evidence at all; evidence against is negative, and few pairs then fall below 0."""


@njit(nogil=True, error_model="numpy")
def compare_sides(first: Side, second: Side, scratch: Scratch) -> np.float32:
    """Raw similarity of two sides in order; pairs, motion and evidence stay in scratch."""
    scratch.evidence[:] = ZERO
    scratch.motion[:] = ZERO
    scratch.motion[COS] = ONE
    if len(first.places) < MIN_MINUTIAE:
        return ZERO
    fill_resemblance(first, second, scratch)
    chosen = choose_candidates(first, second, scratch)
    if chosen < 2:
        return ZERO
    fill_compatible(first, second, chosen, scratch)
    support = relax(chosen, scratch)
    if support <= ZERO:
        return ZERO
    scratch.evidence[SUPPORT] = support
    size = gather_cluster(chosen, scratch)
    size = grow(first, second, size, scratch)
    weigh(first, second, size, scratch)
    score = BASE
    for entry in range(len(EVIDENCE_WEIGHTS)):
        score += EVIDENCE_WEIGHTS[entry] * scratch.evidence[entry]
    return max(score, ZERO)


@njit(nogil=True, error_model="numpy")
def compare_either(one: Side, other: Side, scratch: Scratch) -> np.float32:
    """Raw similarity of two sides in whatever order they come."""
    if is_in_order(one, other):
        return np.float32(compare_sides(one, other, scratch))
    return np.float32(compare_sides(other, one, scratch))


def digest_kernels(*more: str) -> str:
    """Digest of the sources that are compiled together, and of those that a caller adds."""
    folder = Path(__file__).parent
    names = ("pairing.py", "evidence.py", "consolidation.py", "candidates.py", "cylinders.py")
    return sha256(b"".join((folder / name).read_bytes() for name in names + more)).hexdigest()


def _compile(sources: str) -> Callable[..., int]:
    """The kernel of all comparisons, compiled at first use and kept on disk.

    numba keeps the machine code of a function under the state of its own file only; as a
    captured variable, sources makes a change in any file a reason to compile again. Stale code
    would read the memory of another layout.
    """

    @njit(nogil=True, cache=True, error_model="numpy")
    def compare_rows(
        probe: Side,
        columns: Columns,
        rows: NDArray[np.int64],
        output: tuple[NDArray[np.float32], Scratch],
    ) -> int:
        """Compare a probe with rows of packed columns, writing one score per row."""
        places, words, outlines, starts, counts = columns
        scores, scratch = output
        for rank in range(len(rows)):
            row = rows[rank]
            begin, end = starts[row], starts[row] + counts[row]
            other = Side(places[begin:end], words[begin:end], outlines[row])
            scores[rank] = compare_either(probe, other, scratch)
        return len(sources)

    return compare_rows


_compare_rows = _compile(digest_kernels())
