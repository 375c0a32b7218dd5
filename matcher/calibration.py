"""What a raw similarity of two fingers means: false match rate and log-likelihood ratio.

A calibrated score is -10·log10 of the false match rate (FMR) at which a pair this similar would
be accepted: 30 means one in a thousand, 40 one in ten thousand. The constants are fitted by

    python -m benchmarks.accuracy --fit-calibration

on every pair of different fingers of the development sets. They hold for the extractor named
in FITTED_FOR; scores of another one keep their order but not their meaning.
"""

from __future__ import annotations

from typing import overload

import numpy as np
from numpy.typing import NDArray

FITTED_FOR = "eurodac-minutiae-1"
"""Model id of the templates on which the constants were fitted."""

MAX_SCORE = 80.0
"""Largest calibrated score of one finger. About 1e5 non-mated pairs carry the curve to 40; from
there its slope is only continued, and beyond 1e-8 nobody has measured it."""

RAW_KNOTS = np.array([0.00, 1.09, 3.66, 5.36, 6.64, 7.97, 9.16, 10.40, 11.97])
"""Raw similarities, rising, between which the curve is drawn with straight lines."""

SCORE_KNOTS = np.array([0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0])
"""Calibrated scores at the knots, rising; the last two also give the slope beyond them."""

LLR_SLOPE, LLR_OFFSET = 0.906, -8.59
"""Straight line from raw similarity to log-likelihood ratio (logistic regression)."""

LLR_LEAST, LLR_MOST = -4.0, 18.4
"""Bounds of the ratio, natural logarithm. Below: the development sets would allow -6, but on
unseen sensors more mated pairs show no likeness at all. Above: a false match rate of 1e-8."""


@overload
def finger_score(raw: float) -> float: ...
@overload
def finger_score(raw: NDArray[np.floating]) -> NDArray[np.float32]: ...
def finger_score(raw: float | NDArray[np.floating]) -> float | NDArray[np.float32]:
    """Calibrated score of raw similarities, 0 to MAX_SCORE and never falling; NaN stays NaN.

    >>> finger_score(0.0), finger_score(1e9)
    (0.0, 80.0)
    """
    values = np.asarray(raw, np.float64)
    slope = (SCORE_KNOTS[-1] - SCORE_KNOTS[-2]) / (RAW_KNOTS[-1] - RAW_KNOTS[-2])
    beyond = np.maximum(values - RAW_KNOTS[-1], 0.0) * slope
    scores = np.minimum(np.interp(values, RAW_KNOTS, SCORE_KNOTS) + beyond, MAX_SCORE)
    return float(scores) if np.ndim(raw) == 0 else scores.astype(np.float32)


def finger_raw(score: float) -> float:
    """The raw similarity that has a calibrated score: a threshold for the kernels.

    >>> abs(finger_score(finger_raw(30.0)) - 30.0) < 1e-6
    True
    """
    if not 0.0 <= score <= MAX_SCORE:
        raise ValueError(f"a score of one finger lies between 0 and {MAX_SCORE:.0f}")
    if score <= SCORE_KNOTS[-1]:
        return float(np.interp(score, SCORE_KNOTS, RAW_KNOTS))
    slope = (RAW_KNOTS[-1] - RAW_KNOTS[-2]) / (SCORE_KNOTS[-1] - SCORE_KNOTS[-2])
    return float(RAW_KNOTS[-1] + (score - SCORE_KNOTS[-1]) * slope)


def finger_llr(raw: float) -> float:
    """Natural logarithm of how much likelier a raw similarity is for one finger than for two.

    >>> finger_llr(0.0) < 0.0 < finger_llr(50.0)
    True
    """
    return float(min(max(LLR_OFFSET + LLR_SLOPE * raw, LLR_LEAST), LLR_MOST))
