"""The short list: ranks among real and synthetic fingers, as a stupid loop finds them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import strangers
from benchmarks.short_list import (
    draw_curve,
    measure_short_list,
    rank_persons,
    rank_single,
    share_of,
    weigh_strangers,
)
from benchmarks.strangers import Persons, mirror, read_strangers, write_block
from benchmarks.vectors import Comparison
from matcher.embedding import Embedder, normalise, weigh
from matcher.features import Features
from matcher.runtime import MANIFEST
from models.training.prints import read_shard
from tests.benchmarks.test_embedding import vectors


def persons(count: int, seed: int = 2) -> Persons:
    """Persons of random vectors."""
    rng = np.random.default_rng(seed)
    vector = normalise(rng.normal(size=(count, 10, 32)).astype(np.float32))
    return Persons(vector, np.full((count, 10), 0.9, np.float32))


def test_ranks_are_those_of_a_loop() -> None:
    some, others = vectors(1.5, fingers=8), persons(6)
    own = Comparison.by_evidence(some)
    ranks, finger = rank_single(own, weigh_strangers(some, others))
    expected = []
    for probe in np.flatnonzero(some.impression != 1):
        entries = []
        for print_ in np.flatnonzero(some.impression == 1):
            cosine = float((some.probe[probe] @ some.vector[print_]).max())
            score = float(weigh(np.array(cosine), np.array(1.0), np.array(1.0)))
            entries.append((score, some.finger[print_] == some.finger[probe]))
        for vector in others.vector.reshape(-1, 32):
            cosine = float((some.probe[probe] @ vector).max())
            entries.append((float(weigh(np.array(cosine), np.array(0.9), np.array(1.0))), False))
        mate = next(score for score, is_mate in entries if is_mate)
        expected.append(sum(score >= mate for score, is_mate in entries if not is_mate))
    assert ranks.tolist() == expected
    assert finger.tolist() == some.finger[some.impression != 1].tolist()


def test_several_fingers_find_their_person_sooner() -> None:
    some, others = vectors(2.0), persons(40)
    own, matrix = Comparison.by_evidence(some), weigh_strangers(some, others)
    medians = [np.mean(rank_persons(own, matrix, count)[0] == 0) for count in (1, 2, 6)]
    assert medians[0] < medians[1] < medians[2]


def test_the_list_is_a_share_of_the_whole_gallery_and_draws_its_curve(tmp_path: Path) -> None:
    some = vectors(0.05)
    measures = {one.measure: one for one in measure_short_list(some, persons(30))}
    assert measures["shortlist_gallery_fingers"].value == 324
    assert measures["shortlist_hit_k10_best_1"].value == 100.0
    path = tmp_path / "curve.png"
    draw_curve(list(measures.values()), path)
    assert path.stat().st_size > 5000
    worse = {one.measure: one for one in measure_short_list(vectors(4.0), persons(30))}
    assert worse["shortlist_hit_k1_best_1"].value < 60.0


def test_a_share_has_an_interval_of_fingers() -> None:
    finger = np.repeat(np.arange(10), 7)
    found = finger > 0
    one = share_of("share", found, finger)
    assert one.value == pytest.approx(90.0)
    assert one.low is not None
    assert one.high is not None
    assert one.low < 80.0
    assert one.high > 90.0


def test_a_mirrored_print_is_mirrored_in_all_its_maps() -> None:
    rng = np.random.default_rng(3)
    ridges = rng.integers(-80, 80, (20, 16)).astype(np.int8)
    one = Features(ridges, np.full((20, 16), 255, np.uint8), rng.random((3, 5, 4), np.float32))
    again = mirror(mirror(one))
    assert np.array_equal(again.ridges, one.ridges)
    assert np.array_equal(again.flow, one.flow)
    assert np.array_equal(mirror(one).flow[1], -one.flow[1][:, ::-1])


def test_a_block_is_made_once_and_its_persons_come_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strangers, "PERSONS_PER_BLOCK", 1)
    assert write_block(3, tmp_path)
    (path,) = tmp_path.iterdir()
    before = path.stat().st_mtime_ns
    assert not write_block(3, tmp_path)
    assert path.stat().st_mtime_ns == before
    assert read_shard(path).finger.tolist() == list(range(30, 40))
    found = read_strangers(Embedder.open(MANIFEST.parent), tmp_path)
    assert found.vector.shape == (2, 10, 128)
    assert (found.reliability > 0.1).all()
    between = np.abs(np.einsum("fd,gd->fg", found.vector[0], found.vector[1]))
    assert between.max() < 0.8, "a finger and its mirror image are two fingers"
