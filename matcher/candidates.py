"""Which minutiae of two fingers may belong together, judged by their cylinders alone.

The kernels here and in consolidation take two sides in canonical order and one scratch. All
arithmetic is float32 in a fixed order, so a score does not depend on who asks for it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from matcher.cylinders import (
    COS,
    MAX_MINUTIAE,
    PLACE_COLUMNS,
    SECTIONS,
    SIN,
    WORDS,
    count_bits,
)

ONE = np.float32(1.0)
ZERO = np.float32(0.0)

MAX_TURN_COS = np.float32(0.17)
"""Cosine of the largest rotation between two captures of a finger, 80 degrees."""

MIN_COMMON_CELLS = 15
"""Cells, of 64, that both cylinders must have seen for a resemblance to mean anything."""

MIN_RESEMBLANCE = np.float32(0.25)
"""Resemblance below which a pair is no candidate; the number of candidates is the real limit."""

LEVELS = 256
"""Steps of the bucket sort; finer than the noise of a resemblance."""

MAX_CANDIDATES = 64
"""Pairs that enter relaxation; its cost is the square of this."""

MAX_PER_MINUTIA = 3
"""Candidates that one minutia may enter, so that a common neighbourhood cannot fill the list."""

MAX_SORTED = 8 * MAX_CANDIDATES
"""Best pairs that are sorted at all; the rest could only serve if nearly all of these were barred
by MAX_PER_MINUTIA."""

EVIDENCE = 7
"""Numbers that sum up one comparison, see the module of that name."""


class Side(NamedTuple):
    """One finger inside the kernels; the fields are those of Described."""

    places: NDArray[np.float32]
    words: NDArray[np.uint64]
    outline: NDArray[np.float32]


class Scratch(NamedTuple):
    """Working memory of one comparison after another; nothing in it outlives a comparison."""

    lanes: NDArray[np.uint64]
    counts: NDArray[np.int32]
    resemblance: NDArray[np.float32]
    starts: NDArray[np.int32]
    ranked: NDArray[np.int32]
    uses: NDArray[np.int32]
    candidates: NDArray[np.int32]
    columns: NDArray[np.float32]
    compatible: NDArray[np.float32]
    strength: NDArray[np.float32]
    pairs: NDArray[np.int32]
    moved: NDArray[np.float32]
    pulls: NDArray[np.float32]
    fit: NDArray[np.float32]
    crowd: NDArray[np.float32]
    motion: NDArray[np.float32]
    evidence: NDArray[np.float32]


def make_scratch() -> Scratch:
    """Reserve the working memory of one call."""
    return Scratch(
        np.zeros((WORDS + 2, MAX_MINUTIAE), np.uint64),
        np.zeros((4, MAX_MINUTIAE), np.int32),
        np.zeros((MAX_MINUTIAE, MAX_MINUTIAE), np.float32),
        np.zeros(LEVELS + 2, np.int32),
        np.zeros(MAX_MINUTIAE * MAX_MINUTIAE, np.int32),
        np.zeros((2, MAX_MINUTIAE), np.int32),
        np.zeros((MAX_CANDIDATES, 2), np.int32),
        np.zeros((8, MAX_CANDIDATES), np.float32),
        np.zeros((MAX_CANDIDATES, MAX_CANDIDATES), np.float32),
        np.zeros((2, MAX_CANDIDATES), np.float32),
        np.zeros((MAX_MINUTIAE, 2), np.int32),
        np.zeros((4, MAX_MINUTIAE), np.float32),
        np.zeros((7, MAX_MINUTIAE), np.float32),
        np.zeros((MAX_MINUTIAE, MAX_MINUTIAE), np.float32),
        np.zeros(MAX_MINUTIAE, np.float32),
        np.zeros(4, np.float32),
        np.zeros(EVIDENCE, np.float32),
    )


@njit(nogil=True)
def is_in_order(first: Side, second: Side) -> bool:
    """Whether the first side comes first in canonical order: fewer minutiae, then by content."""
    if len(first.places) != len(second.places):
        return len(first.places) < len(second.places)
    for row in range(len(first.places)):
        for column in range(PLACE_COLUMNS):
            if first.places[row, column] != second.places[row, column]:
                return bool(first.places[row, column] < second.places[row, column])
    return True


@njit(nogil=True, error_model="numpy")
def fill_resemblance(first: Side, second: Side, scratch: Scratch) -> None:
    """Resemblance, 0 to 1, of every pair of minutiae that a capture could bring together.

    With the ones of both cylinders over the cells that both have seen: 1 less the root of the
    differing bits over the sum of the roots of each one's ones. The second side's words are
    laid out in lanes, so that one instruction serves several of its minutiae.
    """
    width = len(second.places)
    for j in range(width):
        for word in range(WORDS):
            scratch.lanes[word, j] = second.words[j, word]
    for i in range(len(first.places)):
        count_row(first.words[i], width, scratch)
        cos, sin = first.places[i, COS], first.places[i, SIN]
        for j in range(width):
            turn = cos * second.places[j, COS] + sin * second.places[j, SIN]
            norm = np.sqrt(np.float32(scratch.counts[0, j]))
            norm += np.sqrt(np.float32(scratch.counts[1, j]))
            value = ONE - np.sqrt(np.float32(scratch.counts[2, j])) / norm
            valid = (turn >= MAX_TURN_COS) & (scratch.counts[3, j] >= MIN_COMMON_CELLS)
            valid &= (scratch.counts[0, j] > 0) & (scratch.counts[1, j] > 0)
            scratch.resemblance[i, j] = value if valid else ZERO


@njit(nogil=True)
def count_row(words: NDArray[np.uint64], width: int, scratch: Scratch) -> None:
    """Count for one cylinder against all lanes: its ones, theirs, differing bits, common cells."""
    for j in range(width):
        mask = words[SECTIONS] & scratch.lanes[SECTIONS, j]
        own, other, unlike = np.int64(0), np.int64(0), np.int64(0)
        for section in range(SECTIONS):
            one = words[section] & mask
            two = scratch.lanes[section, j] & mask
            own += count_bits(one)
            other += count_bits(two)
            unlike += count_bits(one ^ two)
        scratch.counts[0, j] = own
        scratch.counts[1, j] = other
        scratch.counts[2, j] = unlike
        scratch.counts[3, j] = count_bits(mask)


@njit(nogil=True)
def rank_cells(fit: NDArray[np.float32], floor: np.float32, most: int, scratch: Scratch) -> int:
    """Write the cells of fit above floor to scratch.ranked, best first; returns how many.

    A cell is coded as row * MAX_MINUTIAE + column. Values are told apart in LEVELS steps; within
    a step the order is that of the rows. Steps beyond the best `most` cells are left out.
    """
    starts = scratch.starts
    starts[:] = 0
    scale = np.float32(LEVELS - 1)
    for i in range(fit.shape[0]):
        for j in range(fit.shape[1]):
            if fit[i, j] > floor:
                starts[LEVELS - np.int32(fit[i, j] * scale)] += 1
    level, total = 1, np.int32(0)
    while level <= LEVELS and total < most:
        total += starts[level]
        starts[level] += starts[level - 1]
        level += 1
    last = LEVELS + 1 - level
    for i in range(fit.shape[0]):
        for j in range(fit.shape[1]):
            step = np.int32(fit[i, j] * scale)
            if fit[i, j] > floor and step >= last:
                bucket = LEVELS - step - 1
                scratch.ranked[starts[bucket]] = i * MAX_MINUTIAE + j
                starts[bucket] += 1
    return int(total)


@njit(nogil=True)
def choose_candidates(first: Side, second: Side, scratch: Scratch) -> int:
    """Take the best pairs, each minutia in at most MAX_PER_MINUTIA; returns their number."""
    fit = scratch.resemblance[: len(first.places), : len(second.places)]
    total = rank_cells(fit, MIN_RESEMBLANCE, MAX_SORTED, scratch)
    scratch.uses[:] = 0
    chosen = 0
    for rank in range(total):
        i, j = scratch.ranked[rank] // MAX_MINUTIAE, scratch.ranked[rank] % MAX_MINUTIAE
        if scratch.uses[0, i] >= MAX_PER_MINUTIA or scratch.uses[1, j] >= MAX_PER_MINUTIA:
            continue
        scratch.uses[0, i] += 1
        scratch.uses[1, j] += 1
        scratch.candidates[chosen, 0] = i
        scratch.candidates[chosen, 1] = j
        chosen += 1
        if chosen == MAX_CANDIDATES:
            break
    return chosen
