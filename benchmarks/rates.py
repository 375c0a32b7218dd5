"""Error rates of a comparison from its mated and non-mated scores (ISO/IEC 19795-1).

A pair is accepted when its score reaches the threshold. Rates are shares, not per cent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

INTERVAL_PERCENT = (2.5, 97.5)
"""Bounds of a 95 % interval."""

RESAMPLES = 400
"""Bootstrap draws; the bounds of an interval then move by less than a tenth of its width."""


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Compared pairs. score, weight: float64 (n,); mated: bool (n,)."""

    score: NDArray[np.float64]
    mated: NDArray[np.bool_]
    weight: NDArray[np.float64]

    @classmethod
    def of(cls, mated: NDArray[np.floating], non_mated: NDArray[np.floating]) -> Scores:
        """Pairs of equal weight from two lists of scores."""
        score = np.concatenate([mated, non_mated]).astype(np.float64)
        is_mated = np.arange(len(score)) < len(mated)
        return cls(score, is_mated, np.ones(len(score)))


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Trade-off of one system; at thresholds[k] it shows fmr[k] and fnmr[k]. Thresholds rise."""

    thresholds: NDArray[np.float64]
    fmr: NDArray[np.float64]
    fnmr: NDArray[np.float64]


def trace_curve(scores: Scores) -> Curve:
    """FMR and FNMR at every score that occurs, and above all of them."""
    order = np.argsort(scores.score, kind="stable")
    score, mated = scores.score[order], scores.mated[order]
    weight = scores.weight[order]
    below_mated = np.concatenate([[0.0], np.cumsum(weight * mated)])
    below_other = np.concatenate([[0.0], np.cumsum(weight * ~mated)])
    first = np.flatnonzero(np.concatenate([[True], score[1:] != score[:-1], [True]]))
    thresholds = np.concatenate([score, [np.inf]])[first]
    fnmr = below_mated[first] / below_mated[-1]
    fmr = 1.0 - below_other[first] / below_other[-1]
    return Curve(thresholds, np.maximum(fmr, 0.0), fnmr)


def find_eer(scores: Scores) -> float:
    """Equal error rate as FVC defines it: between the last threshold at which FNMR is not above
    FMR and the first at which it is not below, the one with the smaller sum gives its mean.
    """
    curve = trace_curve(scores)
    total = curve.fmr + curve.fnmr
    after = int(np.argmax(curve.fnmr >= curve.fmr))
    before = max(int(np.argmax(curve.fnmr > curve.fmr)) - 1, 0)
    return float(min(total[before], total[after]) / 2.0)


def find_fnmr(scores: Scores, fmr: float) -> float:
    """FNMR at the lowest threshold whose false match rate does not exceed fmr."""
    curve = trace_curve(scores)
    return float(curve.fnmr[int(np.argmax(curve.fmr <= fmr))])


def find_threshold(scores: Scores, fmr: float) -> float:
    """The lowest threshold whose false match rate does not exceed fmr."""
    curve = trace_curve(scores)
    return float(curve.thresholds[int(np.argmax(curve.fmr <= fmr))])


def bound(
    scores: Scores, fingers: NDArray[np.integer], rate: Callable[[Scores], float]
) -> tuple[float, float]:
    """95 % interval of a rate by drawing fingers, not pairs: pairs of one finger go together.

    fingers: (n, 2), the number of the finger on each side of every pair. A non-mated pair
    counts as often as both of its fingers were drawn, so that its two sides stay independent.
    """
    random = np.random.default_rng(0)
    count = int(fingers.max()) + 1
    present = np.unique(fingers)
    values = []
    for _ in range(RESAMPLES):
        drawn = np.bincount(random.choice(present, len(present)), minlength=count).astype(float)
        one, two = drawn[fingers[:, 0]], drawn[fingers[:, 1]]
        weight = scores.weight * np.where(scores.mated, one, one * two)
        keep = weight > 0
        if (keep & scores.mated).any() and (keep & ~scores.mated).any():
            values.append(rate(Scores(scores.score[keep], scores.mated[keep], weight[keep])))
    low, high = np.percentile(values, INTERVAL_PERCENT)
    return float(low), float(high)
