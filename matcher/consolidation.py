"""Compiled steps from two described fingers to a consistent pairing of their minutiae.

Local resemblance proposes pairs, relaxation keeps those that agree with each other under a
rigid motion with elastic tolerance, growing adds the minutiae that fall into place, and the
evidence of the whole is counted. Every step is symmetric once the two sides are in canonical
order. All arithmetic is float32 in a fixed order, so results do not depend on the caller.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from matcher.candidates import ONE, ZERO, Scratch, Side, rank_cells
from matcher.cylinders import (
    COS,
    MAX_MINUTIAE,
    SIN,
    X,
    Y,
)

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


@njit(nogil=True, error_model="numpy")
def fill_compatible(first: Side, second: Side, chosen: int, scratch: Scratch) -> None:
    """How well every two candidates fit one rigid motion, 0 to 1; rivals for a minutia get 0."""
    rows = lay_out_candidates(first, second, chosen, scratch)
    tiny = np.float32(1e-6)
    turn_scale = ONE / (ONE - SLACK_TURN_COS)
    for p in range(chosen):
        first_x, first_y, second_x, second_y = rows[0, p], rows[1, p], rows[2, p], rows[3, p]
        own_cos, own_sin, own_i, own_j = rows[4, p], rows[5, p], rows[6, p], rows[7, p]
        line = scratch.compatible[p]
        for q in range(chosen):
            along_first, across_first = rows[0, q] - first_x, rows[1, q] - first_y
            along_second, across_second = rows[2, q] - second_x, rows[3, q] - second_y
            cos, sin = own_cos + rows[4, q], own_sin + rows[5, q]
            norm = ONE / np.sqrt(cos * cos + sin * sin + tiny)
            cos, sin = cos * norm, sin * norm
            off_x = cos * along_second - sin * across_second - along_first
            off_y = sin * along_second + cos * across_second - across_first
            gap = along_first * along_first + across_first * across_first
            slack = SLACK_PX * SLACK_PX + SLACK_PER_PX * SLACK_PER_PX * gap
            near = ONE - (off_x * off_x + off_y * off_y) / slack
            turn = own_cos * rows[4, q] + own_sin * rows[5, q]
            turn = (turn - SLACK_TURN_COS) * turn_scale
            rival = (own_i == rows[6, q]) | (own_j == rows[7, q])
            fits = (near > ZERO) & (turn > ZERO) & ~rival
            line[q] = near * turn if fits else ZERO


@njit(nogil=True)
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


@njit(nogil=True, error_model="numpy")
def relax(chosen: int, scratch: Scratch) -> np.float32:
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
            weight, line = strength[q], scratch.compatible[q]
            for p in range(chosen):
                support[p] += line[p] * weight
        strongest = support.max()
        if strongest <= ZERO:
            return ZERO
        strength[:] = support / strongest
    return strongest


@njit(nogil=True)
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


@njit(nogil=True, error_model="numpy")
def align(first: Side, second: Side, size: int, scratch: Scratch) -> None:
    """Set the rigid motion that best brings the second side's paired minutiae onto the first's.

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
    scratch.motion[COS] = cos
    scratch.motion[SIN] = sin
    scratch.motion[X] = first_x - (cos * second_x - sin * second_y)
    scratch.motion[Y] = first_y - (sin * second_x + cos * second_y)


@njit(nogil=True)
def move(second: Side, scratch: Scratch) -> None:
    """Write the second side's places and directions as they lie on the first."""
    x, y, cos, sin = scratch.motion[0], scratch.motion[1], scratch.motion[2], scratch.motion[3]
    for j in range(len(second.places)):
        place = second.places[j]
        scratch.moved[X, j] = cos * place[X] - sin * place[Y] + x
        scratch.moved[Y, j] = sin * place[X] + cos * place[Y] + y
        scratch.moved[COS, j] = cos * place[COS] - sin * place[SIN]
        scratch.moved[SIN, j] = sin * place[COS] + cos * place[SIN]


@njit(nogil=True, error_model="numpy")
def bend(first: Side, second: Side, size: int, scratch: Scratch) -> None:
    """Shift every moved place by what the pairs around it are still off: elastic skin."""
    moved, pulls = scratch.moved, scratch.pulls
    for k in range(size):
        i, j = scratch.pairs[k]
        pulls[0, k], pulls[1, k] = moved[X, j], moved[Y, j]
        pulls[2, k] = first.places[i, X] - moved[X, j]
        pulls[3, k] = first.places[i, Y] - moved[Y, j]
    reach = ONE / (BEND_REACH_PX * BEND_REACH_PX)
    for j in range(len(second.places)):
        x, y, total = ZERO, ZERO, BEND_INERTIA
        for k in range(size):
            dx, dy = moved[X, j] - pulls[0, k], moved[Y, j] - pulls[1, k]
            near = ONE / (ONE + (dx * dx + dy * dy) * reach)
            near = near * near
            x, y, total = x + near * pulls[2, k], y + near * pulls[3, k], total + near
        moved[X, j] += x / total
        moved[Y, j] += y / total


@njit(nogil=True, error_model="numpy")
def fill_fit(first: Side, second: Side, box: np.float32, scratch: Scratch) -> None:
    """How well each two minutiae lie on each other after moving and bending, 0 to 1."""
    scale = ONE / (box * box)
    turn_scale = ONE / (ONE - BOX_TURN_COS)
    for i in range(len(first.places)):
        one = first.places[i]
        for j in range(len(second.places)):
            dx, dy = one[X] - scratch.moved[X, j], one[Y] - scratch.moved[Y, j]
            turn = one[COS] * scratch.moved[COS, j] + one[SIN] * scratch.moved[SIN, j]
            near = ONE - (dx * dx + dy * dy) * scale
            turn = (turn - BOX_TURN_COS) * turn_scale
            scratch.fit[i, j] = near * turn if (near > ZERO) & (turn > ZERO) else ZERO


@njit(nogil=True)
def pair_up(first: Side, second: Side, scratch: Scratch) -> int:
    """Pair minutiae one to one, best fit first, into scratch.pairs; returns how many."""
    fit = scratch.fit[: len(first.places), : len(second.places)]
    total = rank_cells(fit, ZERO, MAX_MINUTIAE * MAX_MINUTIAE, scratch)
    scratch.uses[:] = 0
    size = 0
    for rank in range(total):
        i, j = scratch.ranked[rank] // MAX_MINUTIAE, scratch.ranked[rank] % MAX_MINUTIAE
        if scratch.uses[0, i] == 0 and scratch.uses[1, j] == 0:
            scratch.uses[0, i] = 1
            scratch.uses[1, j] = 1
            scratch.pairs[size, 0] = i
            scratch.pairs[size, 1] = j
            size += 1
    return size


@njit(nogil=True)
def grow(first: Side, second: Side, size: int, scratch: Scratch) -> int:
    """Add all minutiae that fall into place around the cluster; the box narrows as it settles."""
    align(first, second, size, scratch)
    for box in (WIDE_BOX_PX, NARROW_BOX_PX):
        move(second, scratch)
        bend(first, second, size, scratch)
        fill_fit(first, second, box, scratch)
        size = pair_up(first, second, scratch)
        if size == 0:
            break
        align(first, second, size, scratch)
    return size
