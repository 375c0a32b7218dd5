"""Fusion: one threshold, one false match rate, whatever is compared."""

from itertools import permutations
from math import comb, exp, factorial, log, log10

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.fusion import (
    FLOOR,
    MAX_PARTS,
    SHARED_FACTOR,
    assign_unknown,
    correct_for_choice,
    find_threshold,
    fuse,
    fuse_rows,
)

scores = st.floats(0, 120, width=32)


def fuse_stupidly(parts: list[float]) -> float:
    """The mixture of gamma tails written out term by term."""
    k = len(parts)
    if k <= 1:
        return parts[0] if parts else 0.0
    p = [min(1.0, SHARED_FACTOR * 10 ** (-part / 10)) for part in parts]
    x = sum(log(FLOOR / one) for one in p if one < FLOOR)
    if x == 0:
        return 0.0
    tail = 0.0
    for agreeing in range(1, k + 1):
        chance = comb(k, agreeing) * FLOOR**agreeing * (1 - FLOOR) ** (k - agreeing)
        tail += chance * exp(-x) * sum(x**i / factorial(i) for i in range(agreeing))
    return -10 * log10(tail)


@given(st.lists(st.floats(0, 60, width=32), max_size=MAX_PARTS))
@settings(deadline=None)
def test_the_fast_sum_is_the_formula(parts: list[float]) -> None:
    assert fuse(parts) == pytest.approx(fuse_stupidly(parts), abs=1e-3)


@given(scores)
@settings(deadline=None)
def test_one_score_alone_stays_what_it_is(score: float) -> None:
    assert fuse([score]) == score


@given(st.lists(scores, min_size=1, max_size=6), st.data())
@settings(deadline=None)
def test_missing_parts_are_neutral_wherever_they_are(
    parts: list[float], data: st.DataObject
) -> None:
    gaps = parts + [float("nan")] * 5
    shuffled = data.draw(st.permutations(gaps))
    rows = np.array([gaps, shuffled], np.float32)
    assert fuse_rows(rows) == pytest.approx([fuse(parts)] * 2, abs=1e-3)


@given(st.lists(scores, min_size=1, max_size=MAX_PARTS), st.data(), st.floats(0, 30))
@settings(deadline=None)
def test_a_better_part_never_makes_the_whole_worse(
    parts: list[float], data: st.DataObject, better: float
) -> None:
    at = data.draw(st.integers(0, len(parts) - 1))
    improved = [part + better * (n == at) for n, part in enumerate(parts)]
    assert fuse(improved) >= fuse(parts) - 1e-3


def test_a_row_of_nothing_has_no_score_and_fuses_to_nought() -> None:
    assert np.isnan(fuse_rows(np.full((1, 3), np.nan, np.float32))).all()
    assert fuse([]) == 0.0


def test_more_parts_than_a_person_has_are_refused() -> None:
    with pytest.raises(ValueError, match="11"):
        fuse_rows(np.zeros((1, 12), np.float32))


def draw_non_mated(count: int, parts: int, *, excess: float) -> np.ndarray:
    """Scores of strangers whose captures match falsely `excess` times as often as the average;
    a third of them with coarse steps, as short templates give."""
    rng = np.random.default_rng(parts)
    p = rng.random((count, parts)) / excess
    p = np.where(rng.random((count, parts)) < 0.3, np.maximum(p, 0.02), p)
    return (-10 * np.log10(p)).astype(np.float32)


@pytest.mark.parametrize("excess", [1.0, 3.0], ids=["average captures", "the worst captures"])
@pytest.mark.parametrize("parts", [2, 4, 10, 11])
def test_one_threshold_holds_its_false_match_rate_for_any_number_of_fingers(
    parts: int, excess: float
) -> None:
    count = 400_000
    fused = fuse_rows(draw_non_mated(count, parts, excess=excess))
    for threshold in (10, 15, 20, 25, 30):
        promised = count * 10 ** (-threshold / 10)
        assert (fused >= threshold).sum() <= promised + 3 * promised**0.5


@pytest.mark.parametrize("parts", [2, 4, 10])
def test_the_promise_is_not_kept_by_hardly_ever_matching(parts: int) -> None:
    count = 400_000
    p = np.random.default_rng(0).random((count, parts))
    fused = fuse_rows((-10 * np.log10(p)).astype(np.float32))
    for threshold in (10, 20):
        assert (fused >= threshold).sum() > 0.05 * count * 10 ** (-threshold / 10)


def test_nine_bad_fingers_do_not_drown_a_good_one() -> None:
    assert fuse([70.0, *[2.0] * 9]) > 35


@pytest.mark.parametrize("fingers", [1, 2, 10, 12])
def test_the_choice_among_positions_costs_what_it_gains(fingers: int) -> None:
    count = 20_000
    rng = np.random.default_rng(fingers)
    chances = rng.random((count, fingers, 10))
    best, _ = assign_unknown((-10 * np.log10(chances)).astype(np.float32))
    fused = fuse_rows(best[:, :MAX_PARTS])
    for threshold in (7, 10, 15, 20):
        promised = count * 10 ** (-threshold / 10)
        assert (fused >= threshold).sum() <= promised + 3 * promised**0.5


def assign_stupidly(one: np.ndarray) -> tuple[list[float], list[int]]:
    """Sort all pairs of one reference and take from the top what is free."""
    choices = int((~np.isnan(one[0])).sum())
    pairs = [
        (-one[finger, position], finger, position)
        for finger in range(one.shape[0])
        for position in range(one.shape[1])
        if not np.isnan(one[finger, position])
    ]
    best, taken = [np.nan] * one.shape[0], [-1] * one.shape[0]
    for score, finger, position in sorted(pairs):
        if taken[finger] < 0 and position not in taken:
            taken[finger] = position
            best[finger] = correct_for_choice(-score, choices)
    return best, taken


def test_unknown_fingers_take_the_best_free_positions() -> None:
    rng = np.random.default_rng(5)
    for fingers, positions in [(1, 10), (3, 10), (4, 3), (2, 1)]:
        some = rng.uniform(0, 60, (50, fingers, positions)).round().astype(np.float32)
        lacking = np.broadcast_to(rng.random((50, 1, positions)) < 0.3, some.shape)
        some[lacking] = np.nan
        best, taken = assign_unknown(some)
        for row in range(len(some)):
            expected = assign_stupidly(some[row])
            assert best[row].tolist() == pytest.approx(expected[0], nan_ok=True, abs=1e-4)
            assert taken[row].tolist() == expected[1]


def test_one_finger_of_a_reference_is_never_counted_twice() -> None:
    twice = np.zeros((1, 2, 10), np.float32)
    twice[0, :, 3] = 80
    best, taken = assign_unknown(twice)
    assert sorted(best[0].tolist()) == [0, 70]
    assert len(set(taken[0].tolist())) == 2


def test_the_order_of_the_parts_does_not_matter() -> None:
    fused = {round(fuse(order), 3) for order in permutations([20.0, 35.0, 1.0, 50.0])}
    assert len(fused) == 1


def test_ten_times_the_gallery_costs_ten_in_threshold() -> None:
    small, large = find_threshold(0.01, 10_000), find_threshold(0.01, 100_000)
    assert large - small == pytest.approx(10, abs=1e-3)
