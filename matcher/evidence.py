"""What speaks for and against two fingers being one, once their minutiae are paired.

Each number is a sum over minutiae, so that a weighted sum of them is a log-likelihood ratio if
the minutiae spoke independently. The weights were fitted on real prints; they absorb most of
the dependence.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from matcher.candidates import ONE, ZERO, Scratch, Side
from matcher.cylinders import COS, SIN, WEIGHT, X, Y, is_inside

SUPPORT, FITTING, CLOSE, HARMONY, SHARED, MISSED, SIZE = range(7)
"""Entries of the evidence.

SUPPORT: what the strongest candidate gained in relaxation. FITTING: closeness of the pairs.
CLOSE: the same squared, which only near pairs reach. HARMONY: agreement of each pair with those
around it. SHARED: minutiae of either side within the other's outline, paired or not. MISSED:
unpaired minutiae amid paired ones. SIZE: number of pairs, for the reader only.
"""

OVERLAP_MARGIN_PX = 0.0
"""Distance outside the other outline at which a minutia still counts as seen by both."""

HARMONY_SLACK_PX = np.float32(8.0)
"""Misplacement allowed between two close pairs, before bending."""

HARMONY_SLACK_PER_PX = np.float32(0.14)
"""Misplacement allowed per pixel between two pairs: plastic distortion."""

HARMONY_REACH_PX = np.float32(60.0)
"""Distance at which a pair counts half as a neighbour."""

MISSED_REACH_PX = np.float32(50.0)
"""Distance at which a pair says little about whether a minutia should have been found."""


@njit(nogil=True, error_model="numpy")
def weigh(first: Side, second: Side, size: int, scratch: Scratch) -> None:
    """Sum up a pairing of `size` pairs in scratch.evidence."""
    evidence = scratch.evidence
    gather_pairs(first, second, size, scratch)
    measure_harmony(size, scratch)
    for k in range(size):
        fit = scratch.fit[scratch.pairs[k, 0], scratch.pairs[k, 1]]
        weight = scratch.pulls[4, k]
        evidence[FITTING] += weight * fit
        evidence[CLOSE] += weight * fit * fit
        evidence[HARMONY] += weight * scratch.pulls[5, k] / (ONE + scratch.pulls[6, k])
    evidence[SHARED] = count_overlap(first, second, scratch.motion)
    evidence[MISSED] = count_missed(first, 0, size, scratch)
    evidence[MISSED] += count_missed(second, 1, size, scratch)
    evidence[SIZE] = np.float32(size)


@njit(nogil=True)
def gather_pairs(first: Side, second: Side, size: int, scratch: Scratch) -> None:
    """Lay out the pairs as columns of scratch.pulls: the second's place moved rigidly onto the
    first, the first's place, weight."""
    x, y, cos, sin = scratch.motion[X], scratch.motion[Y], scratch.motion[COS], scratch.motion[SIN]
    for k in range(size):
        one, two = first.places[scratch.pairs[k, 0]], second.places[scratch.pairs[k, 1]]
        scratch.pulls[0, k] = cos * two[X] - sin * two[Y] + x
        scratch.pulls[1, k] = sin * two[X] + cos * two[Y] + y
        scratch.pulls[2, k] = one[X]
        scratch.pulls[3, k] = one[Y]
        scratch.pulls[4, k] = np.sqrt(one[WEIGHT] * two[WEIGHT])
        scratch.pulls[5, k] = ZERO
        scratch.pulls[6, k] = ZERO


@njit(nogil=True, error_model="numpy")
def measure_harmony(size: int, scratch: Scratch) -> None:
    """Sum for each pair, into rows 5 and 6 of scratch.pulls, how well the others around it keep
    their distance and bearing, and how many there are."""
    rows, line, count = scratch.pulls, scratch.pulls[5], scratch.pulls[6]
    reach = ONE / (HARMONY_REACH_PX * HARMONY_REACH_PX)
    for m in range(size):
        moved_x, moved_y, x, y = rows[0, m], rows[1, m], rows[2, m], rows[3, m]
        for k in range(size):
            dx, dy = x - rows[2, k], y - rows[3, k]
            off_x, off_y = moved_x - rows[0, k] - dx, moved_y - rows[1, k] - dy
            gap = dx * dx + dy * dy
            slack = HARMONY_SLACK_PX * HARMONY_SLACK_PX
            slack += HARMONY_SLACK_PER_PX * HARMONY_SLACK_PER_PX * gap
            agreement = ONE - (off_x * off_x + off_y * off_y) / slack
            near = ONE / (ONE + gap * reach)
            line[k] += near * agreement if agreement > ZERO else ZERO
            count[k] += near
    for k in range(size):
        line[k] -= ONE
        count[k] -= ONE


@njit(nogil=True)
def count_overlap(first: Side, second: Side, motion: NDArray[np.float32]) -> np.float32:
    """Weight of the minutiae of both sides that lie within the other's outline."""
    x, y, cos, sin = motion[X], motion[Y], motion[COS], motion[SIN]
    shared = ZERO
    for j in range(len(second.places)):
        place = second.places[j]
        along = cos * place[X] - sin * place[Y] + x
        across = sin * place[X] + cos * place[Y] + y
        if is_inside(along, across, first.outline, OVERLAP_MARGIN_PX):
            shared += place[WEIGHT]
    for i in range(len(first.places)):
        dx, dy = first.places[i, X] - x, first.places[i, Y] - y
        if is_inside(cos * dx + sin * dy, cos * dy - sin * dx, second.outline, OVERLAP_MARGIN_PX):
            shared += first.places[i, WEIGHT]
    return shared


@njit(nogil=True, error_model="numpy")
def count_missed(side: Side, number: int, size: int, scratch: Scratch) -> np.float32:
    """Weight of one side's unpaired minutiae, each by how much its surroundings are paired."""
    crowd = scratch.crowd
    reach = ONE / (MISSED_REACH_PX * MISSED_REACH_PX)
    crowd[: len(side.places)] = ZERO
    for k in range(size):
        x, y = side.places[scratch.pairs[k, number], X], side.places[scratch.pairs[k, number], Y]
        for a in range(len(side.places)):
            dx, dy = side.places[a, X] - x, side.places[a, Y] - y
            near = ONE / (ONE + (dx * dx + dy * dy) * reach)
            crowd[a] += near * near
    for k in range(size):
        crowd[scratch.pairs[k, number]] = ZERO
    missed = ZERO
    for a in range(len(side.places)):
        missed += side.places[a, WEIGHT] * crowd[a] / (ONE + crowd[a])
    return missed
