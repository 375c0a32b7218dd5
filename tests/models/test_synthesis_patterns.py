"""Classes of synthetic fingers follow their tables, and the fingers of a person belong together."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from matcher.vocabulary import TEN_FINGERS, FingerPosition
from models.synthesis.patterns import (
    PatternClass,
    class_at,
    class_probabilities,
    draw_classes,
)

PERSONS = 4000


@pytest.fixture(scope="module")
def population() -> list[dict[FingerPosition, PatternClass]]:
    rng = np.random.default_rng(11)
    return [dict(draw_classes(rng)) for _ in range(PERSONS)]


@pytest.mark.parametrize("position", TEN_FINGERS)
def test_probabilities_cover_every_class_and_sum_to_one(position: FingerPosition) -> None:
    table = class_probabilities(position)
    assert set(table) == set(PatternClass)
    assert sum(table.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("position", TEN_FINGERS)
def test_each_position_keeps_its_own_class_frequencies(
    population: list[dict[FingerPosition, PatternClass]], position: FingerPosition
) -> None:
    seen = Counter(person[position] for person in population)
    for kind, share in class_probabilities(position).items():
        spread = 4.5 * np.sqrt(PERSONS * share * (1 - share)) + 1
        assert abs(seen[kind] - PERSONS * share) < spread


def test_hands_mirror_each_other() -> None:
    right = class_probabilities(FingerPosition.RIGHT_INDEX)
    left = class_probabilities(FingerPosition.LEFT_INDEX)
    assert right[PatternClass.LEFT_LOOP] == left[PatternClass.RIGHT_LOOP]
    assert right[PatternClass.WHORL] == left[PatternClass.WHORL]


def test_a_persons_fingers_resemble_one_another_more_than_strangers_fingers(
    population: list[dict[FingerPosition, PatternClass]],
) -> None:
    def is_whorl(person: dict[FingerPosition, PatternClass], position: FingerPosition) -> bool:
        return person[position] is PatternClass.WHORL

    ring = np.array([is_whorl(person, FingerPosition.RIGHT_RING) for person in population])
    other = np.array([is_whorl(person, FingerPosition.LEFT_RING) for person in population])
    thumb = np.array([is_whorl(person, FingerPosition.RIGHT_THUMB) for person in population])
    same_finger, same_hand = np.corrcoef(ring, other)[0, 1], np.corrcoef(ring, thumb)[0, 1]
    assert same_finger > same_hand > 0.15


def test_quantiles_walk_through_the_classes_by_intensity() -> None:
    position = FingerPosition.RIGHT_INDEX
    walked = [class_at(position, quantile) for quantile in np.linspace(0, 1, 2001)]
    assert walked[0] is PatternClass.ARCH
    assert walked[-1] is PatternClass.WHORL
    changes = [one for one, following in itertools.pairwise(walked) if one != following]
    assert len(changes) == len(PatternClass) - 1
