"""The measures of the vector: right pairs, right short list, no error where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.embedding import Vectors, draw_persons, measure_short_list, mirror
from benchmarks.rates import find_eer
from matcher.embedding import normalise
from matcher.features import Features


def vectors(noise: float, fingers: int = 24, prints: int = 4) -> Vectors:
    """Random directions, one for each finger, and noise on every print."""
    rng = np.random.default_rng(0)
    finger = np.repeat(np.arange(fingers), prints)
    direction = rng.normal(size=(fingers, 32))[finger]
    noisy = direction + noise * rng.normal(size=direction.shape)
    count = len(finger)
    return Vectors(
        vector=normalise(noisy.astype(np.float32)),
        reliability=np.ones(count),
        set_name=np.array(["set"] * count),
        finger=finger.astype(np.int64),
        is_odd=finger % 2 == 1,
        impression=np.tile(np.arange(1, prints + 1), fingers).astype(np.int64),
        seconds=np.zeros(count),
    )


def test_every_two_prints_are_compared_once() -> None:
    scores, fingers = vectors(0.1).cosines(np.ones(96, bool))
    assert len(scores.score) == len(fingers) == 96 * 95 // 2
    assert scores.mated.sum() == 24 * 6


def test_the_protocol_compares_strangers_by_their_first_impressions_only() -> None:
    scores, _ = vectors(0.1).protocol(np.ones(96, bool))
    assert scores.mated.sum() == 24 * 6
    assert (~scores.mated).sum() == 24 * 23 // 2


@pytest.mark.parametrize("count", [2, 4, 10])
def test_clear_vectors_give_persons_without_error(count: int) -> None:
    some = vectors(0.05)
    assert find_eer(draw_persons(some, count, some.reliability)) == 0.0


def test_more_fingers_leave_fewer_errors() -> None:
    some = vectors(2.5)
    one, many = (find_eer(draw_persons(some, count, some.reliability)) for count in (1, 6))
    assert many < 0.5 * one


def test_weights_keep_a_spoilt_print_from_spoiling_its_person() -> None:
    some = vectors(1.0)
    rng = np.random.default_rng(1)
    spoilt = rng.random(96) < 0.3
    some.vector[spoilt] = normalise(rng.normal(size=(int(spoilt.sum()), 32)).astype(np.float32))
    weight = np.where(spoilt, 0.05, 1.0)
    plain = find_eer(draw_persons(some, 3, np.ones(96)))
    assert find_eer(draw_persons(some, 3, weight)) < plain


def test_the_short_list_is_a_share_of_the_whole_gallery() -> None:
    strangers = normalise(np.random.default_rng(2).normal(size=(3000, 32)).astype(np.float32))
    hit, size = measure_short_list(vectors(0.05), strangers)
    assert size.value == 3024
    assert hit.value == 100.0
    worse, _ = measure_short_list(vectors(4.0), strangers)
    assert worse.value < 60.0


def test_a_mirrored_print_is_mirrored_in_all_its_maps() -> None:
    rng = np.random.default_rng(3)
    ridges = rng.integers(-80, 80, (20, 16)).astype(np.int8)
    one = Features(ridges, np.full((20, 16), 255, np.uint8), rng.random((3, 5, 4), np.float32))
    again = mirror(mirror(one))
    assert np.array_equal(again.ridges, one.ridges)
    assert np.array_equal(again.flow, one.flow)
    assert np.array_equal(mirror(one).flow[1], -one.flow[1][:, ::-1])
