"""Slaps hold the right fingers in the right places, and cards hold the right images."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from matcher.vocabulary import FingerPosition, Impression
from models.synthesis.captures import PLANS, Slap, capture_slap, card, slap
from models.synthesis.impressions import GOOD
from models.synthesis.persons import Person

P = FingerPosition


@pytest.fixture(scope="module")
def person() -> Person:
    return Person(33)


@pytest.fixture(scope="module")
def right(person: Person) -> Slap:
    return capture_slap(person, P.RIGHT_FOUR, capture_seed=1, condition=GOOD)


def overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    apart = one[0] + one[2] <= other[0] or other[0] + other[2] <= one[0]
    above = one[1] + one[3] <= other[1] or other[1] + other[3] <= one[1]
    return not (apart or above)


def test_a_right_slap_shows_index_to_little_from_left_to_right(right: Slap) -> None:
    assert right.sample.image.shape == (1000, 1600)
    assert (right.sample.dpi, right.sample.position) == (500, P.RIGHT_FOUR)
    shown = [finger.position for finger in right.truth.fingers]
    assert shown == [P.RIGHT_INDEX, P.RIGHT_MIDDLE, P.RIGHT_RING, P.RIGHT_LITTLE]
    lefts = [finger.box[0] for finger in right.truth.fingers]
    assert lefts == sorted(lefts)


def test_a_left_slap_mirrors_a_right_one() -> None:
    left, right = PLANS[P.LEFT_FOUR].seats, PLANS[P.RIGHT_FOUR].seats
    shown = [seat.position for seat in sorted(left, key=lambda seat: seat.x)]
    assert shown == [P.LEFT_LITTLE, P.LEFT_RING, P.LEFT_MIDDLE, P.LEFT_INDEX]
    for one, other in zip(left, reversed(right), strict=True):
        assert (one.x + other.x, one.y, one.turn) == (1600, other.y, -other.turn)


def test_boxes_lie_in_the_image_apart_from_each_other_and_hold_the_ink(right: Slap) -> None:
    boxes = [finger.box for finger in right.truth.fingers]
    assert not any(overlap(one, other) for one, other in itertools.combinations(boxes, 2))
    for x, y, width, height in boxes:
        assert 0 <= x < x + width <= 1600
        assert 0 <= y < y + height <= 1000
        assert 180 < width < 400
        assert 230 < height < 460
        box = right.sample.image[y : y + height, x : x + width]
        assert (box < 140).mean() > 0.25


def test_true_minutiae_and_cores_lie_in_their_box(right: Slap) -> None:
    for finger in right.truth.fingers:
        x, y, width, height = finger.box
        seen_x, seen_y = finger.truth.minutiae["x"] / 16, finger.truth.minutiae["y"] / 16
        assert len(seen_x) >= 12
        assert ((seen_x >= x) & (seen_x <= x + width)).all()
        assert ((seen_y >= y) & (seen_y <= y + height)).all()
        assert x < finger.truth.pose.x < x + width


def test_slap_fingers_are_the_persons_fingers(person: Person, right: Slap) -> None:
    """Undoing the warp of a slap finger leads to the skin of that finger."""
    for finger in right.truth.fingers:
        x, y, width, height = finger.box
        rows, columns = np.mgrid[y + 60 : y + height - 60 : 2, x + 50 : x + width - 50 : 2]
        points = np.stack([columns.ravel(), rows.ravel()], 1).astype(np.float64)
        master = np.round(finger.truth.warp.to_master(points)).astype(int)
        skin = person.finger(finger.position).skin.ridges[master[:, 1], master[:, 0]]
        seen = 255.0 - right.sample.image[rows.ravel(), columns.ravel()]
        assert np.corrcoef(skin, seen)[0, 1] > 0.6


def test_a_next_joint_shows_below_each_finger(right: Slap) -> None:
    for finger in right.truth.fingers:
        x, y, width, height = finger.box
        below = right.sample.image[y + height + 60 :, x : x + width]
        assert (below < 140).mean() > 0.05


def test_thumbs_are_captured_left_then_right_and_repeat_exactly(person: Person) -> None:
    thumbs = capture_slap(person, P.BOTH_THUMBS, capture_seed=2)
    assert [one.position for one in thumbs.truth.fingers] == [P.LEFT_THUMB, P.RIGHT_THUMB]
    again = slap(person, P.BOTH_THUMBS, capture_seed=2)
    other = slap(person, P.BOTH_THUMBS, capture_seed=3)
    assert thumbs.sample.image.tobytes() == again.image.tobytes()
    assert thumbs.sample.image.tobytes() != other.image.tobytes()


def test_only_slap_positions_are_accepted(person: Person) -> None:
    with pytest.raises(ValueError, match="RIGHT_FOUR"):
        slap(person, P.RIGHT_INDEX, capture_seed=1)


def test_a_card_has_ten_rolled_fingers_and_three_slaps(person: Person) -> None:
    samples = card(person, capture_seed=4)
    assert [sample.position for sample in samples] == [
        *(P(code) for code in range(1, 11)),
        P.RIGHT_FOUR,
        P.LEFT_FOUR,
        P.BOTH_THUMBS,
    ]
    assert all(sample.impression is Impression.ROLLED for sample in samples[:10])
    assert all(sample.impression is Impression.FLAT for sample in samples[10:])
