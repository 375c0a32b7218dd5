"""The pose: votes are read rightly, and the true core of synthetic prints is found."""

from __future__ import annotations

import numpy as np
import pytest

from matcher.features import read_features
from matcher.pose import (
    MARGIN_CELLS,
    Pose,
    PoseFinder,
    decode,
    decode_several,
    pad,
    to_pixels,
    to_votes,
)
from matcher.runtime import MANIFEST
from matcher.vocabulary import FingerPosition, FingerSample
from models.synthesis.impressions import Print
from models.synthesis.persons import Person, capture_prints

FINGERS = (FingerPosition.RIGHT_INDEX, FingerPosition.LEFT_THUMB)


@pytest.fixture(scope="module")
def finder() -> PoseFinder:
    """The trained network, which lies beside the manifest."""
    return PoseFinder.open(MANIFEST.parent)


@pytest.fixture(scope="module")
def prints() -> list[Print]:
    """Prints of persons outside the training numbers."""
    return [
        one
        for seed in (1_000_001, 1_000_002, 1_000_003)
        for one in capture_prints(Person(seed), capture_seed=1, positions=FINGERS)
    ]


def miss(found: Pose, one: Print) -> tuple[float, float]:
    """Distance in pixels and angle in degrees between the pose found and the true one."""
    true = one.truth.pose
    turn = (found.angle - true.angle + np.pi) % (2 * np.pi) - np.pi
    return float(np.hypot(found.x - true.x, found.y - true.y)), float(np.degrees(abs(turn)))


def votes(row: int, column: int) -> np.ndarray:
    """Votes that agree on one place, half a vote right of and a quarter above a cell."""
    planes = np.zeros((5, 30, 40), np.float32)
    planes[0, row, column] = 20
    planes[1], planes[2] = 0.5, -0.25
    planes[3], planes[4] = np.cos(1.2), np.sin(1.2)
    return planes


def test_the_strongest_vote_gives_place_angle_and_confidence() -> None:
    pose = decode(votes(12, 20))
    assert pose.x == pytest.approx(to_pixels(20.5), abs=0.01)
    assert pose.y == pytest.approx(to_pixels(11.75), abs=0.01)
    assert pose.angle == pytest.approx(1.2, abs=1e-5)
    assert pose.confidence > 0.99


def test_votes_for_two_places_halve_the_confidence() -> None:
    planes = votes(12, 20)
    planes[0, 25, 5] = 19.99
    assert decode(planes).confidence == pytest.approx(0.5, abs=0.02)


def test_a_vote_in_the_corner_is_read_too() -> None:
    assert decode(votes(0, 0)).x == pytest.approx(to_pixels(0.5), abs=0.01)


def test_votes_and_pixels_are_inverse() -> None:
    places = np.array([-60.0, 0.0, 17.3, 411.0], np.float32)
    back = [to_pixels(float(vote)) for vote in to_votes(places)]
    np.testing.assert_allclose(back, places, atol=1e-3)


@pytest.mark.parametrize("shape", [(50, 45), (38, 38), (1, 1), (71, 64)])
def test_a_padded_flow_keeps_its_margin_and_can_be_halved(shape: tuple[int, int]) -> None:
    flow = np.ones((3, *shape), np.float32)
    padded = pad(flow)
    assert all(length % 8 == 0 for length in padded.shape[1:])
    inside = padded[:, MARGIN_CELLS : MARGIN_CELLS + shape[0], MARGIN_CELLS:][..., : shape[1]]
    assert padded.sum() == inside.sum() == flow.sum()


def test_the_core_of_a_print_is_found(finder: PoseFinder, prints: list[Print]) -> None:
    errors = [miss(finder.find(read_features(one.sample).flow), one) for one in prints]
    distance, angle = np.median(errors, axis=0)
    assert distance < 10
    assert angle < 10


def test_the_core_is_found_at_the_same_skin_when_the_picture_is_cut(
    finder: PoseFinder, prints: list[Print]
) -> None:
    sample = prints[0].sample
    cut = FingerSample(np.ascontiguousarray(sample.image[32:, 24:]), sample.dpi)
    whole, part = (finder.find(read_features(one).flow) for one in (sample, cut))
    assert part.x + 24 == pytest.approx(whole.x, abs=10)
    assert part.y + 32 == pytest.approx(whole.y, abs=10)
    assert part.angle == pytest.approx(whole.angle, abs=0.2)


def test_several_poses_lie_apart_and_the_likeliest_comes_first() -> None:
    planes = votes(12, 20)
    planes[0, 25, 5], planes[0, 13, 22] = 18, 19
    first, second = decode_several(planes, 2)
    assert first == decode(planes)
    assert (second.x, second.y) == pytest.approx((to_pixels(5.5), to_pixels(24.75)), abs=0.1)
    assert second.confidence < first.confidence
