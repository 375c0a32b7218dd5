"""What the calibration of finger scores must keep, whatever its constants."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.prints import DATA, SETS, read_set
from benchmarks.trials import compare_all, enrol
from matcher.calibration import (
    FITTED_FOR,
    LLR_LEAST,
    LLR_MOST,
    MAX_SCORE,
    RAW_KNOTS,
    SCORE_KNOTS,
    finger_llr,
    finger_raw,
    finger_score,
)
from matcher.extraction import MODEL

RAW = st.floats(0.0, 1e6)


def test_the_knots_rise_from_nothing() -> None:
    assert RAW_KNOTS[0] == SCORE_KNOTS[0] == 0.0
    assert (np.diff(RAW_KNOTS) > 0).all()
    assert (np.diff(SCORE_KNOTS) > 0).all()


@given(RAW, RAW)
def test_a_higher_similarity_never_scores_lower(one: float, two: float) -> None:
    low, high = sorted((one, two))
    assert 0.0 <= finger_score(low) <= finger_score(high) <= MAX_SCORE
    assert LLR_LEAST <= finger_llr(low) <= finger_llr(high) <= LLR_MOST


@given(st.floats(0.0, MAX_SCORE))
def test_a_threshold_in_raw_similarity_is_the_score_again(score: float) -> None:
    assert finger_score(finger_raw(score)) == pytest.approx(score, abs=1e-9)


@pytest.mark.parametrize("score", [-0.1, MAX_SCORE + 0.1, math.nan])
def test_a_score_off_the_scale_has_no_raw_similarity(score: float) -> None:
    with pytest.raises(ValueError, match="lies between"):
        finger_raw(score)


def test_the_curve_goes_on_beyond_the_last_knot_until_the_most() -> None:
    last = float(RAW_KNOTS[-1])
    step = finger_score(last) - finger_score(last - 0.5)
    assert finger_score(last + 0.5) - finger_score(last) == pytest.approx(step)
    assert finger_score(1e9) == MAX_SCORE


def test_arrays_keep_their_shape_and_what_is_missing() -> None:
    raw = np.array([[0.0, np.nan, 7.0], [1e9, 3.0, np.nan]], np.float32)
    scores = finger_score(raw)
    assert scores.dtype == np.float32
    assert np.array_equal(np.isnan(scores), np.isnan(raw))
    assert scores[0, 2] == pytest.approx(finger_score(7.0), rel=1e-6)
    assert (scores[0, 0], scores[1, 0]) == (0.0, MAX_SCORE)


def test_a_likelihood_ratio_never_claims_more_than_its_false_match_rate() -> None:
    """A ratio of x or more occurs in non-mated pairs at a rate of at most exp(-x)."""
    for raw in np.linspace(0.0, 40.0, 81):
        evidence = finger_score(float(raw)) * math.log(10.0) / 10.0
        assert finger_llr(float(raw)) <= max(evidence, 0.0) + 1.0


def test_the_constants_were_fitted_for_the_extractor_of_today() -> None:
    assert FITTED_FOR == MODEL


@pytest.mark.real
@pytest.mark.campaign
def test_a_score_of_30_is_reached_by_one_stranger_in_a_thousand(real_data: Path) -> None:
    """On all development sets, within a factor of two: then the constants are not stale."""
    assert real_data / "fingerprints" == DATA
    pairs = compare_all(enrol(one for name in SETS for one in read_set(name)))
    strangers = finger_score(pairs.score[~pairs.mated])
    for score in (20.0, 30.0):
        rate = float(np.mean(strangers >= score))
        assert 0.5 < rate / 10.0 ** (-score / 10.0) < 2.0
