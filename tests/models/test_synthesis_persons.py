"""A person is a number: the same fingers each time, other fingers for other numbers."""

from __future__ import annotations

import doctest
from pathlib import Path

import numpy as np
import pytest

from matcher.vocabulary import FingerPosition, Impression
from models.synthesis import persons
from models.synthesis.impressions import GOOD
from models.synthesis.persons import Person, capture_fingers, capture_prints, draw_session

TWO = (FingerPosition.RIGHT_INDEX, FingerPosition.LEFT_INDEX)


@pytest.fixture(scope="module")
def person() -> Person:
    return Person(21)


def test_equal_seeds_are_equal_persons_in_whatever_order_they_are_asked(person: Person) -> None:
    again = Person(21)
    for position in TWO:
        person.finger(position)
    for position in reversed(TWO):
        skin = again.finger(position).skin
        assert skin.ridges.tobytes() == person.finger(position).skin.ridges.tobytes()
        assert skin.texture.tobytes() == person.finger(position).skin.texture.tobytes()
    assert person == again
    assert hash(person) == hash(again)


def test_fingers_differ_within_and_between_persons(person: Person) -> None:
    index, other_hand = (person.finger(position).skin.ridges for position in TWO)
    stranger = Person(22).finger(TWO[0]).skin.ridges
    assert np.abs(index - other_hand).mean() > 0.3
    assert np.abs(index - stranger).mean() > 0.3


def test_fingers_are_grown_once_and_carry_their_position(person: Person) -> None:
    finger = person.finger(TWO[0])
    assert person.finger(TWO[0]) is finger
    assert finger.position is TWO[0]
    assert finger.pattern is person.classes[TWO[0]]


@pytest.mark.parametrize("position", [FingerPosition.UNKNOWN, FingerPosition.RIGHT_FOUR])
def test_only_the_ten_positions_have_a_finger(person: Person, position: FingerPosition) -> None:
    with pytest.raises(ValueError, match="1 to 10"):
        person.finger(position)


def test_captures_come_in_the_order_of_positions_and_repeat_exactly(person: Person) -> None:
    samples = capture_fingers(person, capture_seed=1, positions=TWO)
    again = capture_fingers(person, capture_seed=1, positions=TWO[::-1])[::-1]
    assert [sample.position for sample in samples] == list(TWO)
    for one, same in zip(samples, again, strict=True):
        assert one.image.tobytes() == same.image.tobytes()
        assert one.dpi == 500
        assert all(300 <= side <= 400 for side in one.image.shape)


def test_another_session_gives_other_images_of_the_same_skin(person: Person) -> None:
    one = capture_prints(person, capture_seed=1, positions=TWO[:1], condition=GOOD)[0]
    other = capture_prints(person, capture_seed=2, positions=TWO[:1], condition=GOOD)[0]
    assert one.sample.image.tobytes() != other.sample.image.tobytes()
    images = (one.sample.image, other.sample.image)
    y, x = np.mgrid[120:280:2, 100:260:2]
    points = np.stack([x.ravel(), y.ravel()], 1).astype(np.float64)
    there = np.round(other.truth.warp.to_print(one.truth.warp.to_master(points))).astype(int)
    inside = np.all((there >= 0) & (there < (360, 400)), axis=1)
    first = images[0][y.ravel(), x.ravel()][inside]
    second = images[1][there[inside, 1], there[inside, 0]]
    assert np.corrcoef(first, second)[0, 1] > 0.6


def test_fingers_of_one_session_are_put_down_each_in_its_own_way(person: Person) -> None:
    one, other = capture_prints(person, capture_seed=1, positions=TWO)
    assert one.truth.warp.place != other.truth.warp.place
    assert one.truth.warp.angle != other.truth.warp.angle


def test_rolled_prints_are_wider_than_flat_ones(person: Person) -> None:
    flat, rolled = (
        capture_fingers(person, capture_seed=1, positions=TWO[:1], impression=impression)[0]
        for impression in (Impression.FLAT, Impression.ROLLED)
    )
    assert rolled.image.shape[1] > 1.4 * flat.image.shape[1]
    assert rolled.impression is Impression.ROLLED


def test_traits_and_sessions_stay_within_their_ranges() -> None:
    for seed in range(200):
        someone = Person(seed)
        assert 7.9 <= someone.traits.period_px <= 10.3
        session = draw_session(someone, seed)
        assert session == draw_session(Person(seed), seed)
        assert min(session.dry, session.wet) == 0.0


def test_the_example_in_the_readme_runs() -> None:
    readme = Path(persons.__file__).with_name("README.md")
    outcome = doctest.testfile(str(readme), module_relative=False)
    assert outcome.attempted >= 7
    assert outcome.failed == 0
