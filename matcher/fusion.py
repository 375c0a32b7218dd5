"""One score from the scores of several fingers and a face, on the same calibrated scale.

Every score that comes in is -10·log10 of a false match rate, so p = 10^(-score/10) is the chance
that a non-mated pair scores as high. The p of all that both sides have are combined into the
chance that non-mated captures would agree as well *as a whole*; what is missing on either side
is left out and neither helps nor harms. One threshold therefore means the same false match rate
for one finger, two, four or ten, with or without a face.

The combination is Fisher's, softly thresholded (Zhang, Tong, Landers, Wu, "TFisher", Annals of
Applied Statistics 14, 2020): x is the sum over ln(FLOOR/p) of the p below FLOOR, and of k
independent ones

    P(x or more) = exp(-x) · sum over i < k of x^i/i! · P(Binomial(k, FLOOR) > i)

exactly where p is uniform, and less where p has steps. So it rests on the tail of the single
calibration only; a finger that does not match at all (a dry, cut or swapped one) says little,
while plain Fisher and the sum of log-likelihood ratios let it outweigh one that matches well.

Fingers of one capture are not independent: one sensor, one skin, one clerk. SHARED_FACTOR
answers this: with two or more compared, each p is first taken that many times as large, which
holds for captures whose own false match rate lies up to so much above the average. Measured
(python -m benchmarks.fusion) on strangers put together from different fingers of one sensor,
five sensors, single scores calibrated over all of them: where 1e-1 to 1e-3 were promised, 0.4 to
0.7 of that was kept on average. The worst sensor, whose single fingers have up to 4 times the
average rate, stayed at 1.2 to 1.7 of the promise with 4 and 10 fingers and at 1.9 with two;
without the factor it reached 20. Fused scores far above 40 extrapolate: their order has a
meaning, their rate nobody has measured.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import comb, factorial, log, log10

import numpy as np
from numba import njit
from numpy.typing import NDArray

FLOOR = 0.2
"""Largest p that counts as agreement. Smaller loses persons whose fingers are all weak, larger
lets bad fingers drown a good one: of ten-finger mates with two weak fingers and eight that do not
match, 0.1 found 89 percent at 40, 0.2 85, plain Fisher (1) 52; of mates whose ten fingers all
score 10 to 30, 0.1 found 65, 0.2 86, plain Fisher 98."""

SHARED_FACTOR = 3.0
"""Factor on every p where several are fused, for what the fingers of one capture share."""

MAX_PARTS = 11
"""Most scores fused for one reference: ten fingers and a face."""

DECIBELS = 10.0 / log(10.0)
"""Scale of the scores: -10·log10(p) = DECIBELS · -ln(p)."""


def fuse(scores: Iterable[float]) -> float:
    """Fuse the calibrated scores of one comparison; 0 where nothing was compared.

    >>> fuse([37.0]), fuse([])
    (37.0, 0.0)
    >>> round(fuse([30.0, 30.0]), 1), round(fuse([30.0, 3.0]), 1), round(fuse([30.0] * 10), 1)
    (38.1, 21.0, 138.5)
    """
    parts = np.array(list(scores), np.float32).reshape(1, -1)
    return float(np.nan_to_num(fuse_rows(parts)[0], nan=0.0))


def fuse_rows(parts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fuse many comparisons at once: parts float32 (n, k <= MAX_PARTS), NaN what is missing.

    Returns float32 (n,), NaN where a whole row is missing.
    """
    if parts.shape[1] > MAX_PARTS:
        raise ValueError(f"more than {MAX_PARTS} scores in one comparison")
    fused = np.empty(len(parts), np.float32)
    _fuse_rows(np.ascontiguousarray(parts), _TAILS, fused)
    return fused


def correct_for_choice(score: float, choices: int) -> float:
    """The score of the best of several comparisons, corrected for having chosen it (Bonferroni).

    The chance that the best of n non-mated comparisons reaches a score is at most n times that of
    one, whatever they share.

    >>> correct_for_choice(35.0, 10), correct_for_choice(3.0, 10)
    (25.0, 0.0)
    """
    return max(0.0, score - 10.0 * log10(choices))


def assign_unknown(
    scores: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Give every probe finger of unknown position the finger of each reference it fits best.

    scores: float32 (n, fingers, positions), NaN where the reference lacks the position. No finger
    of the reference is given twice, as one that is there twice in the probe would count twice;
    the best pairs are taken first. Returns the scores corrected for the choice among the
    reference's fingers, float32 (n, fingers), NaN where none was left; and the index of the
    position, int8, -1 there.
    """
    best = np.full(scores.shape[:2], np.nan, np.float32)
    taken = np.full(scores.shape[:2], -1, np.int8)
    _assign_rows(np.ascontiguousarray(scores), best, taken)
    return best, taken


def find_threshold(fpir: float, persons: int) -> float:
    """The threshold at which a search of so many persons has the false positive rate wanted.

    A threshold is a false match rate of one comparison; a search makes one per person, and so
    FPIR = 1 - (1 - FMR)^persons, near enough persons · FMR: ten times the gallery costs ten.

    >>> round(find_threshold(0.001, 1), 1), round(find_threshold(0.001, 1_000_000), 1)
    (30.0, 90.0)
    """
    fmr = -np.expm1(np.log1p(-fpir) / persons)
    return float(-10 * np.log10(fmr))


def _tail_coefficients() -> NDArray[np.float64]:
    """Row k: P(Binomial(k, FLOOR) > i)/i! for i < k, the polynomial of the docstring above."""
    rows = np.zeros((MAX_PARTS + 1, MAX_PARTS))
    for k in range(1, MAX_PARTS + 1):
        chances = [comb(k, j) * FLOOR**j * (1 - FLOOR) ** (k - j) for j in range(k + 1)]
        rows[k, :k] = [sum(chances[i + 1 :]) / factorial(i) for i in range(k)]
    return rows


_TAILS = _tail_coefficients()


@njit(nogil=True, cache=True)
def _fuse_rows(
    parts: NDArray[np.float32], tails: NDArray[np.float64], fused: NDArray[np.float32]
) -> None:
    margin = -DECIBELS * log(FLOOR / SHARED_FACTOR)
    for row in range(parts.shape[0]):
        present, excess, last = 0, 0.0, np.float32(np.nan)
        for part in parts[row]:
            if not np.isnan(part):
                present += 1
                last = part
                excess += max(0.0, part - margin) / DECIBELS
        if present <= 1:
            fused[row] = last
        elif excess == 0.0:
            fused[row] = 0.0
        else:
            tail = 0.0
            for i in range(present - 1, -1, -1):
                tail = tail * excess + tails[present, i]
            fused[row] = DECIBELS * (excess - log(tail))


@njit(nogil=True, cache=True)
def _assign_rows(
    scores: NDArray[np.float32], best: NDArray[np.float32], taken: NDArray[np.int8]
) -> None:
    rows, fingers, positions = scores.shape
    for row in range(rows):
        choices = 0
        for position in range(positions):
            choices += not np.isnan(scores[row, 0, position])
        free = np.ones(positions, np.bool_)
        for _ in range(min(fingers, choices)):
            top = np.float32(-1.0)
            finger_at, position_at = -1, -1
            for finger in range(fingers):
                for position in range(positions):
                    score = scores[row, finger, position]
                    if taken[row, finger] < 0 and free[position] and score > top:
                        top, finger_at, position_at = score, finger, position
            free[position_at] = False
            taken[row, finger_at] = position_at
            best[row, finger_at] = max(np.float32(0), top - np.float32(10 * log10(choices)))
