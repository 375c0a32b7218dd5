"""Compiled steps from two described fingers to a consistent pairing of their minutiae.

Local resemblance proposes pairs, relaxation keeps those that agree with each other under a
rigid motion with elastic tolerance, growing adds the minutiae that fall into place, and the
evidence of the whole is counted. Every step is symmetric once the two sides are in canonical
order. All arithmetic is float32 in a fixed order, so results do not depend on the caller.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from matcher.cylinders import (
    CELL_WORDS,
    COS,
    MAX_MINUTIAE,
    SECTIONS,
    SIN,
    WEIGHT,
    X,
    Y,
    count_bits,
    is_inside,
)

ONE = np.float32(1.0)
ZERO = np.float32(0.0)

MAX_TURN_COS = np.float32(0.17)
"""Cosine of the largest rotation between two captures of a finger, 80 degrees."""

MIN_COMMON_CELLS = 60
"""Cells that both cylinders must have seen for a resemblance to mean anything."""

MIN_RESEMBLANCE = np.float32(0.45)
"""Resemblance below which a pair is no candidate: the level of unrelated cylinders."""

LEVELS = 256
"""Steps of resemblance in the bucket sort of candidates."""

MAX_CANDIDATES = 64
"""Pairs that enter relaxation; its cost is the square of this."""

MAX_PER_MINUTIA = 3
"""Candidates that one minutia may enter, so that a common neighbourhood cannot fill the list."""

RELAXATIONS = 4
"""Rounds of relaxation; the leading cluster stands out after three."""

SLACK_PX = np.float32(8.0)
"""Misplacement allowed between two neighbouring pairs."""

SLACK_PER_PX = np.float32(0.14)
"""Misplacement allowed per pixel of distance between two pairs: plastic distortion."""

SLACK_TURN_COS = np.float32(0.80)
"""Cosine of the difference in rotation at which two pairs stop supporting each other."""

MIN_CLUSTER_SHARE = np.float32(0.25)
"""Strength relative to the strongest pair that a pair needs to found the alignment."""

MAX_CLUSTER = 16
"""Pairs that found the alignment."""

DIRECTION_LEVER_PX = np.float32(30.0)
"""Distance at which a misplaced pair turns the alignment as much as a misdirected one."""

BEND_REACH_PX = np.float32(50.0)
"""Distance over which neighbouring pairs share their displacement."""

BEND_INERTIA = np.float32(0.5)
"""Weight of the rigid motion against the displacement of neighbouring pairs."""

WIDE_BOX_PX = np.float32(18.0)
"""Tolerance of the first growing round."""

NARROW_BOX_PX = np.float32(14.0)
"""Tolerance of the last growing round, about one and a half ridges."""

BOX_TURN_COS = np.float32(0.82)
"""Cosine of the largest difference in direction of a pair after alignment."""

OVERLAP_MARGIN_PX = 0.0
"""Distance outside the other outline at which a minutia still counts as seen by both."""


class Side(NamedTuple):
    """One finger inside the kernels; the fields are those of Described."""

    places: NDArray[np.float32]
    words: NDArray[np.uint64]
    outline: NDArray[np.float32]


class Motion(NamedTuple):
    """Rigid motion that takes places of the second side to the first."""

    cos: float
    sin: float
    x: float
    y: float


class Scratch(NamedTuple):
    """Working memory of one comparison after another; nothing in it outlives a comparison."""

    resemblance: NDArray[np.float32]
    starts: NDArray[np.int64]
    sorted: NDArray[np.int32]
    uses: NDArray[np.int32]
    candidates: NDArray[np.int32]
    compatible: NDArray[np.float32]
    strength: NDArray[np.float32]
    pairs: NDArray[np.int32]
    columns: NDArray[np.float32]
    moved: NDArray[np.float32]
    pulls: NDArray[np.float32]
    fit: NDArray[np.float32]
    evidence: NDArray[np.float32]


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def make_scratch() -> Scratch:
    """Reserve the working memory once per call from Python."""
    return Scratch(
        np.empty((MAX_MINUTIAE, MAX_MINUTIAE), np.float32),
        np.empty(LEVELS + 2, np.int64),
        np.empty(MAX_MINUTIAE * MAX_MINUTIAE, np.int32),
        np.empty((2, MAX_MINUTIAE), np.int32),
        np.empty((MAX_CANDIDATES, 2), np.int32),
        np.empty((MAX_CANDIDATES, MAX_CANDIDATES), np.float32),
        np.empty((2, MAX_CANDIDATES), np.float32),
        np.empty((MAX_MINUTIAE, 2), np.int32),
        np.empty((8, MAX_CANDIDATES), np.float32),
        np.empty((MAX_MINUTIAE, 4), np.float32),
        np.empty((4, MAX_MINUTIAE), np.float32),
        np.empty((MAX_MINUTIAE, MAX_MINUTIAE), np.float32),
        np.empty(8, np.float32),
    )


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def is_in_order(first: Side, second: Side) -> bool:
    """Whether the first side comes first in canonical order: fewer minutiae, then by content."""
    if len(first.places) != len(second.places):
        return len(first.places) < len(second.places)
    for row in range(len(first.places)):
        for column in range(5):
            if first.places[row, column] != second.places[row, column]:
                return first.places[row, column] < second.places[row, column]
    return True


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def resemble(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> float:
    """Resemblance of two cylinders over the cells that both have seen, 0 to 1."""
    common = 0
    for word in range(CELL_WORDS):
        last = SECTIONS * CELL_WORDS + word
        common += count_bits(first[last] & second[last])
    if common < MIN_COMMON_CELLS:
        return ZERO
    ones_first, ones_second, unlike = 0, 0, 0
    for section in range(SECTIONS):
        for word in range(CELL_WORDS):
            mask = first[SECTIONS * CELL_WORDS + word] & second[SECTIONS * CELL_WORDS + word]
            one = first[section * CELL_WORDS + word] & mask
            two = second[section * CELL_WORDS + word] & mask
            ones_first += count_bits(one)
            ones_second += count_bits(two)
            unlike += count_bits(one ^ two)
    if ones_first == 0 or ones_second == 0:
        return ZERO
    norm = np.sqrt(np.float32(ones_first)) + np.sqrt(np.float32(ones_second))
    return ONE - np.sqrt(np.float32(unlike)) / norm


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def fill_resemblance(first: Side, second: Side, scratch: Scratch) -> None:
    """Resemblance of every pair of minutiae whose directions a capture could bring together."""
    for i in range(len(first.places)):
        cos, sin = first.places[i, COS], first.places[i, SIN]
        for j in range(len(second.places)):
            turn = cos * second.places[j, COS] + sin * second.places[j, SIN]
            value = ZERO
            if turn >= MAX_TURN_COS:
                value = resemble(first.words[i], second.words[j])
            scratch.resemblance[i, j] = value


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def sort_falling(fit: NDArray[np.float32], floor: float, scratch: Scratch) -> int:
    """Write the cells of fit above floor into scratch.sorted, best first, in LEVELS steps.

    A cell is coded as row * MAX_MINUTIAE + column. Within a step the order is that of the rows.
    """
    starts = scratch.starts
    starts[:] = 0
    scale = np.float32(LEVELS - 1)
    for i in range(fit.shape[0]):
        for j in range(fit.shape[1]):
            if fit[i, j] > floor:
                starts[LEVELS - np.int64(fit[i, j] * scale)] += 1
    for level in range(1, LEVELS + 2):
        starts[level] += starts[level - 1]
    total = starts[LEVELS + 1]
    for i in range(fit.shape[0]):
        for j in range(fit.shape[1]):
            if fit[i, j] > floor:
                level = LEVELS - np.int64(fit[i, j] * scale) - 1
                scratch.sorted[starts[level]] = i * MAX_MINUTIAE + j
                starts[level] += 1
    return total


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def choose_candidates(first: Side, second: Side, scratch: Scratch) -> int:
    """Take the best pairs, each minutia in at most MAX_PER_MINUTIA; returns their number."""
    fit = scratch.resemblance[: len(first.places), : len(second.places)]
    total = sort_falling(fit, MIN_RESEMBLANCE, scratch)
    scratch.uses[:] = 0
    chosen = 0
    for rank in range(total):
        i, j = divmod(scratch.sorted[rank], MAX_MINUTIAE)
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


@njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def fill_compatible(first: Side, second: Side, chosen: int, scratch: Scratch) -> None:
    """How well every two candidates fit one rigid motion, 0 to 1; rivals for a minutia get 0."""
    rows = lay_out_candidates(first, second, chosen, scratch)
    tiny = np.float32(1e-6)
    turn_scale = ONE / (ONE - SLACK_TURN_COS)
    for p in range(chosen):
        for q in range(chosen):
            along_first, across_first = rows[0, q] - rows[0, p], rows[1, q] - rows[1, p]
            along_second, across_second = rows[2, q] - rows[2, p], rows[3, q] - rows[3, p]
            cos, sin = rows[4, p] + rows[4, q], rows[5, p] + rows[5, q]
            norm = ONE / np.sqrt(cos * cos + sin * sin + tiny)
            cos, sin = cos * norm, sin * norm
            off_x = cos * along_second - sin * across_second - along_first
            off_y = sin * along_second + cos * across_second - across_first
            gap = along_first * along_first + across_first * across_first
            slack = SLACK_PX * SLACK_PX + SLACK_PER_PX * SLACK_PER_PX * gap
            near = ONE - (off_x * off_x + off_y * off_y) / slack
            turn = rows[4, p] * rows[4, q] + rows[5, p] * rows[5, q]
            turn = (turn - SLACK_TURN_COS) * turn_scale
            rival = (rows[6, p] == rows[6, q]) | (rows[7, p] == rows[7, q])
            fits = (near > ZERO) & (turn > ZERO) & ~rival
            scratch.compatible[p, q] = near * turn if fits else ZERO


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def lay_out_candidates(
    first: Side, second: Side, chosen: int, scratch: Scratch
) -> NDArray[np.float32]:
    """Candidates as columns: both places, rotation as cosine and sine, both indices."""
    rows = scratch.columns
    for p in range(chosen):
        i, j = scratch.candidates[p]
        one, two = first.places[i], second.places[j]
        rows[0, p], rows[1, p] = one[X], one[Y]
        rows[2, p], rows[3, p] = two[X], two[Y]
        rows[4, p] = one[COS] * two[COS] + one[SIN] * two[SIN]
        rows[5, p] = one[SIN] * two[COS] - one[COS] * two[SIN]
        rows[6, p], rows[7, p] = np.float32(i), np.float32(j)
    return rows


@njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def relax(chosen: int, scratch: Scratch) -> float:
    """Let compatible candidates strengthen each other; returns the support of the strongest.

    Power iteration on the compatibilities from the resemblances (Leordeanu and Hebert, ICCV
    2005); scratch.strength[0] ends with the strengths, the strongest being 1.
    """
    strength, support = scratch.strength[0, :chosen], scratch.strength[1, :chosen]
    for p in range(chosen):
        strength[p] = scratch.resemblance[scratch.candidates[p, 0], scratch.candidates[p, 1]]
    strongest = ZERO
    for _ in range(RELAXATIONS):
        support[:] = ZERO
        for q in range(chosen):
            for p in range(chosen):
                support[p] += scratch.compatible[q, p] * strength[q]
        strongest = support.max()
        if strongest <= ZERO:
            return ZERO
        strength[:] = support / strongest
    return strongest


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def gather_cluster(chosen: int, scratch: Scratch) -> int:
    """Write the leading clique of pairs to scratch.pairs, strongest first; returns how many."""
    strength = scratch.strength[0, :chosen]
    size = 0
    while size < MAX_CLUSTER:
        current = np.argmax(strength)
        if strength[current] < MIN_CLUSTER_SHARE:
            break
        scratch.pairs[size] = scratch.candidates[current]
        scratch.strength[1, size] = strength[current]
        size += 1
        strength[current] = ZERO
        for p in range(chosen):
            if scratch.compatible[current, p] <= ZERO:
                strength[p] = ZERO
    return size


@njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def align(first: Side, second: Side, size: int, scratch: Scratch) -> Motion:
    """Rigid motion that best brings the second side's paired minutiae onto the first's.

    Least squares over the places, with the directions acting at DIRECTION_LEVER_PX.
    """
    scale = ONE / np.float32(size)
    first_x, first_y, second_x, second_y = ZERO, ZERO, ZERO, ZERO
    for k in range(size):
        one, two = first.places[scratch.pairs[k, 0]], second.places[scratch.pairs[k, 1]]
        first_x, first_y = first_x + one[X] * scale, first_y + one[Y] * scale
        second_x, second_y = second_x + two[X] * scale, second_y + two[Y] * scale
    lever = DIRECTION_LEVER_PX * DIRECTION_LEVER_PX
    cos, sin = ZERO, ZERO
    for k in range(size):
        one, two = first.places[scratch.pairs[k, 0]], second.places[scratch.pairs[k, 1]]
        ax, ay, bx, by = one[X] - first_x, one[Y] - first_y, two[X] - second_x, two[Y] - second_y
        cos += ax * bx + ay * by + lever * (one[COS] * two[COS] + one[SIN] * two[SIN])
        sin += ay * bx - ax * by + lever * (one[SIN] * two[COS] - one[COS] * two[SIN])
    norm = ONE / np.sqrt(cos * cos + sin * sin + np.float32(1e-6))
    cos, sin = cos * norm, sin * norm
    x = first_x - (cos * second_x - sin * second_y)
    y = first_y - (sin * second_x + cos * second_y)
    return Motion(cos, sin, x, y)


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def move(second: Side, motion: Motion, moved: NDArray[np.float32]) -> None:
    """Write the second side's places and directions as they lie on the first."""
    for j in range(len(second.places)):
        place = second.places[j]
        moved[j, X] = motion.cos * place[X] - motion.sin * place[Y] + motion.x
        moved[j, Y] = motion.sin * place[X] + motion.cos * place[Y] + motion.y
        moved[j, COS] = motion.cos * place[COS] - motion.sin * place[SIN]
        moved[j, SIN] = motion.sin * place[COS] + motion.cos * place[SIN]


@njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def bend(first: Side, second: Side, size: int, scratch: Scratch) -> None:
    """Shift every moved place by what the pairs around it are still off: elastic skin."""
    moved, pulls = scratch.moved, scratch.pulls
    for k in range(size):
        i, j = scratch.pairs[k]
        pulls[0, k], pulls[1, k] = moved[j, X], moved[j, Y]
        pulls[2, k] = first.places[i, X] - moved[j, X]
        pulls[3, k] = first.places[i, Y] - moved[j, Y]
    reach = ONE / (BEND_REACH_PX * BEND_REACH_PX)
    for j in range(len(second.places)):
        x, y, total = ZERO, ZERO, BEND_INERTIA
        for k in range(size):
            dx, dy = moved[j, X] - pulls[0, k], moved[j, Y] - pulls[1, k]
            near = ONE / (ONE + (dx * dx + dy * dy) * reach)
            near = near * near
            x, y, total = x + near * pulls[2, k], y + near * pulls[3, k], total + near
        moved[j, X] += x / total
        moved[j, Y] += y / total


@njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def fill_fit(first: Side, second: Side, box: float, scratch: Scratch) -> None:
    """How well each two minutiae lie on each other after moving and bending, 0 to 1."""
    scale = ONE / (box * box)
    turn_scale = ONE / (ONE - BOX_TURN_COS)
    for i in range(len(first.places)):
        one = first.places[i]
        for j in range(len(second.places)):
            dx, dy = one[X] - scratch.moved[j, X], one[Y] - scratch.moved[j, Y]
            turn = one[COS] * scratch.moved[j, COS] + one[SIN] * scratch.moved[j, SIN]
            near = ONE - (dx * dx + dy * dy) * scale
            turn = (turn - BOX_TURN_COS) * turn_scale
            scratch.fit[i, j] = near * turn if (near > ZERO) & (turn > ZERO) else ZERO


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def pair_up(first: Side, second: Side, scratch: Scratch) -> int:
    """Pair minutiae one to one, best fit first, into scratch.pairs; returns how many."""
    fit = scratch.fit[: len(first.places), : len(second.places)]
    total = sort_falling(fit, ZERO, scratch)
    scratch.uses[:] = 0
    size = 0
    for rank in range(total):
        i, j = divmod(scratch.sorted[rank], MAX_MINUTIAE)
        if scratch.uses[0, i] == 0 and scratch.uses[1, j] == 0:
            scratch.uses[0, i] = 1
            scratch.uses[1, j] = 1
            scratch.pairs[size, 0] = i
            scratch.pairs[size, 1] = j
            size += 1
    return size


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def grow(first: Side, second: Side, size: int, scratch: Scratch) -> tuple[Motion, int]:
    """Add all minutiae that fall into place around the cluster; the box narrows as it settles."""
    motion = align(first, second, size, scratch)
    for box in (WIDE_BOX_PX, NARROW_BOX_PX):
        move(second, motion, scratch.moved)
        bend(first, second, size, scratch)
        fill_fit(first, second, box, scratch)
        size = pair_up(first, second, scratch)
        if size == 0:
            break
        motion = align(first, second, size, scratch)
    return motion, size


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def count_overlap(first: Side, second: Side, motion: Motion) -> tuple[float, float]:
    """Weights of the minutiae of each side that lie within the other's outline."""
    in_first, in_second = ZERO, ZERO
    for j in range(len(second.places)):
        place = second.places[j]
        x = motion.cos * place[X] - motion.sin * place[Y] + motion.x
        y = motion.sin * place[X] + motion.cos * place[Y] + motion.y
        if is_inside(x, y, first.outline, OVERLAP_MARGIN_PX):
            in_first += place[WEIGHT]
    for i in range(len(first.places)):
        dx, dy = first.places[i, X] - motion.x, first.places[i, Y] - motion.y
        x, y = motion.cos * dx + motion.sin * dy, motion.cos * dy - motion.sin * dx
        if is_inside(x, y, second.outline, OVERLAP_MARGIN_PX):
            in_second += first.places[i, WEIGHT]
    return in_second, in_first
