"""Error rates against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.rates import Scores, bound, find_eer, find_fnmr, find_threshold, trace_curve

SCORES = st.lists(st.integers(0, 12), min_size=1, max_size=30)


@given(SCORES, SCORES)
def test_the_curve_counts_what_a_loop_counts(mated: list[int], other: list[int]) -> None:
    curve = trace_curve(Scores.of(np.array(mated, float), np.array(other, float)))
    assert list(curve.thresholds) == [*sorted({*mated, *other}), np.inf]
    for k, threshold in enumerate(curve.thresholds):
        assert curve.fnmr[k] == pytest.approx(sum(s < threshold for s in mated) / len(mated))
        assert curve.fmr[k] == pytest.approx(sum(s >= threshold for s in other) / len(other))


def test_separated_scores_have_no_errors() -> None:
    scores = Scores.of(np.array([5.0, 6.0]), np.array([1.0, 2.0]))
    assert find_eer(scores) == 0.0
    assert find_fnmr(scores, 1e-3) == 0.0
    assert find_threshold(scores, 1e-3) == 5.0


def test_one_error_on_each_side_gives_its_share() -> None:
    """Of four pairs on each side one lies beyond the other side's: a quarter."""
    scores = Scores.of(np.array([1.0, 7, 8, 9]), np.array([0.0, 0.5, 0.7, 5]))
    assert find_eer(scores) == pytest.approx(0.25)
    assert find_fnmr(scores, 0.25) == 0.0
    assert find_fnmr(scores, 0.1) == pytest.approx(0.25)


def test_the_same_scores_on_both_sides_are_a_coin() -> None:
    values = np.arange(100.0)
    assert find_eer(Scores.of(values, values)) == pytest.approx(0.5, abs=0.01)


def test_weights_count_as_repetitions() -> None:
    score, mated = np.array([1.0, 4, 0, 2]), np.array([True, True, False, False])
    weighted = find_eer(Scores(score, mated, np.array([1.0, 3, 2, 2])))
    repeated = find_eer(Scores.of(np.array([1.0, 4, 4, 4]), np.array([0.0, 0, 2, 2])))
    assert weighted == pytest.approx(repeated)


def test_the_interval_holds_the_rate_and_is_wider_for_fewer_fingers() -> None:
    def interval(fingers: int) -> tuple[float, float, float]:
        random = np.random.default_rng(1)
        mated = random.normal(1.0 + random.normal(0, 1, (fingers, 1)), 1.0, (fingers, 8))
        pairs = np.repeat(np.arange(fingers), 8)
        sides = np.concatenate([np.stack([pairs, pairs], 1), random.integers(0, fingers, (400, 2))])
        scores = Scores.of(mated.ravel(), random.normal(-1.5, 1.0, 400))
        return find_eer(scores), *bound(scores, sides, find_eer)

    few, many = interval(10), interval(80)
    for rate, low, high in (few, many):
        assert low <= rate <= high
    assert few[2] - few[1] > many[2] - many[1]
