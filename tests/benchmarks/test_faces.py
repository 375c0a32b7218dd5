"""The arithmetic of the face benchmark, against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.faces import Embedded, Pair, best_threshold, rates, verify


def embedded(angles: list[float], persons: list[int]) -> Embedded:
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    names = tuple(f"p{person}_{number}.jpg" for number, person in enumerate(persons))
    return Embedded(names, np.array(persons), vectors, 1.0)


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=30))
def test_the_best_threshold_decides_as_many_pairs_rightly_as_any(
    pairs: list[tuple[int, bool]],
) -> None:
    cosine = np.array([value / 10 for value, _ in pairs])
    mated = np.array([is_mated for _, is_mated in pairs])

    def right(threshold: float) -> int:
        return int(((cosine >= threshold) == mated).sum())

    # Between equal scores there is no threshold, so only distinct ones are counted.
    found = right(best_threshold(cosine, mated))
    if len(np.unique(cosine)) == len(cosine):
        assert found == max(right(value) for value in [*cosine.tolist(), 1.0])


def test_persons_far_apart_are_verified_without_error() -> None:
    data = embedded([0, 0.1, 1.5, 1.6, 3.0, 3.1], [0, 0, 1, 1, 2, 2])
    mated = [Pair(k % 2, data.names[2 * k], data.names[2 * k + 1], True) for k in range(3)]
    others = [Pair(k % 2, data.names[k], data.names[k + 2], False) for k in range(4)]
    accuracy = verify(data, [*mated, *others])[0]
    assert accuracy.value == pytest.approx(100)


def test_rank_one_counts_the_probes_that_find_their_person() -> None:
    data = embedded([0, 0.1, 1.5, 1.6, 0.2], [0, 0, 1, 1, 1])
    rank_one = next(one for one in rates(data) if one.measure.startswith("rank-1"))
    assert rank_one.measure == "rank-1 of 2"
    assert rank_one.value == pytest.approx(100 * 2 / 3)
