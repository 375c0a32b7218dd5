"""Impressions look as their condition says, and their truth is the truth."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from matcher.vocabulary import MINUTIA, FingerPosition, Impression, MinutiaKind
from models.synthesis.conditions import draw_condition
from models.synthesis.fingers import MASTER_PX, Finger, grow_finger
from models.synthesis.impressions import (
    GOOD,
    PARTIAL,
    TOO_DRY,
    TOO_WET,
    Condition,
    Print,
    Surface,
    impress,
)
from models.synthesis.patterns import PatternClass
from models.synthesis.skin import Build


@pytest.fixture(scope="module")
def finger() -> Finger:
    return grow_finger(
        np.random.default_rng(8), FingerPosition.RIGHT_RING, PatternClass.RIGHT_LOOP, Build()
    )


def pressed(finger: Finger, seed: int, condition: Condition = GOOD) -> Print:
    return impress(finger, np.random.default_rng(seed), condition=condition)


def darkness(one: Print) -> float:
    """Mean darkness relative to the ground of the image."""
    image = one.sample.image.astype(np.float64)
    return float(np.percentile(image, 95) - image.mean())


def sampled(field: NDArray[np.float32], points: NDArray[np.float64]) -> NDArray[np.float32]:
    x, y = points.astype(np.float32).T
    return np.asarray(cv2.remap(field, x, y, cv2.INTER_LINEAR), np.float32).ravel()


def test_masters_are_of_human_measure(finger: Finger) -> None:
    """Ridges 8 to 10 pixels apart, and about a fifth of a minutia per square millimetre."""
    assert finger.skin.ridges.shape == (MASTER_PX, MASTER_PX)
    middle = finger.skin.ridges[150:460, 150:460]
    power = np.abs(np.fft.fft2(middle * np.outer(np.hanning(310), np.hanning(310)))) ** 2
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(310), np.fft.fftfreq(310)))
    mean = (power * frequency).sum() / power.sum()
    assert 7.9 < 1 / mean < 10.1
    area = (MASTER_PX * 25.4 / 500) ** 2
    assert 0.1 < len(finger.minutiae) / area < 0.4


def test_true_minutiae_are_where_ridges_end_or_fork(finger: Finger) -> None:
    """Ahead of an ending lies its ridge and behind it valley; at a fork it is the reverse."""
    places = np.stack([finger.minutiae["x"], finger.minutiae["y"]], 1).astype(np.float64)
    angle = finger.minutiae["angle"].astype(np.float64)
    ahead = np.stack([np.cos(angle), -np.sin(angle)], 1)
    ending = finger.minutiae["kind"] == MinutiaKind.ENDING
    sign = np.where(ending, 1.0, -1.0)
    before = sampled(finger.skin.ridges, places + 6 * ahead) * sign
    behind = sampled(finger.skin.ridges, places - 6 * ahead) * sign
    assert (before > 0).mean() > 0.9
    assert (behind < 0).mean() > 0.9
    assert 0.2 < ending.mean() < 0.8


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(finger: Finger) -> None:
    one, same, other = pressed(finger, 1), pressed(finger, 1), pressed(finger, 2)
    assert one.sample.image.tobytes() == same.sample.image.tobytes()
    assert one.truth.minutiae.tobytes() == same.truth.minutiae.tobytes()
    assert one.sample.image.tobytes() != other.sample.image.tobytes()


@pytest.mark.parametrize("surface", Surface)
@pytest.mark.parametrize(
    ("dpi", "impression", "shape"),
    [
        (500.0, Impression.FLAT, (400, 360)),
        (500.0, Impression.ROLLED, (560, 620)),
        (250.0, Impression.FLAT, (200, 180)),
        (1000.0, Impression.FLAT, (800, 720)),
    ],
)
def test_samples_are_grey_images_of_the_asked_size(
    finger: Finger, surface: Surface, *, dpi: float, impression: Impression, shape: tuple[int, int]
) -> None:
    rng = np.random.default_rng(0)
    sample = impress(finger, rng, impression=impression, dpi=dpi, surface=surface).sample
    assert sample.image.shape == shape
    assert sample.image.dtype == np.uint8
    assert (sample.dpi, sample.position, sample.impression) == (dpi, finger.position, impression)
    assert np.percentile(sample.image, 95) - np.percentile(sample.image, 5) > 60


@pytest.mark.parametrize("seed", range(4))
def test_true_minutiae_lead_back_to_minutiae_of_the_master(finger: Finger, seed: int) -> None:
    truth = pressed(finger, seed, Condition(moved=0.6, stretched=0.8)).truth
    assert truth.minutiae.dtype == MINUTIA
    seen = np.stack([truth.minutiae["x"], truth.minutiae["y"]], 1) / 16.0
    back = truth.warp.to_master(seen)
    masters = np.stack([finger.minutiae["x"], finger.minutiae["y"]], 1)
    away = np.hypot(*(back[:, None, :] - masters[None]).transpose(2, 0, 1))
    assert len(seen) >= 15
    assert away.min(axis=1).max() < 0.2
    nearest = finger.minutiae[away.argmin(axis=1)]
    assert (nearest["kind"] == truth.minutiae["kind"]).all()
    turned = truth.minutiae["angle"] / 65536 * 2 * np.pi - nearest["angle"] - truth.warp.angle
    assert np.abs(np.angle(np.exp(1j * turned))).max() < np.radians(25)


@pytest.mark.parametrize("seed", range(3))
def test_images_match_the_master_once_the_warp_is_undone(finger: Finger, seed: int) -> None:
    one = pressed(finger, seed, Condition(moved=0.5, stretched=0.7, noise=0.1))
    image = one.sample.image
    y, x = np.mgrid[80:320:2, 80:280:2]
    points = np.stack([x.ravel(), y.ravel()], 1).astype(np.float64)
    skin = sampled(finger.skin.ridges, one.truth.warp.to_master(points))
    seen = 255.0 - image[y.ravel(), x.ravel()]
    assert np.corrcoef(skin, seen)[0, 1] > 0.7
    unmoved = finger.skin.ridges[points[:, 1].astype(int), points[:, 0].astype(int)]
    assert abs(np.corrcoef(unmoved, seen)[0, 1]) < 0.3


def test_the_pose_turns_and_moves_with_the_finger(finger: Finger) -> None:
    for seed in range(5):
        truth = pressed(finger, seed, Condition(moved=0.8, stretched=0.0)).truth
        core = truth.warp.to_master(np.array([[truth.pose.x, truth.pose.y]]))[0]
        assert core.tolist() == pytest.approx([finger.pose.x, finger.pose.y], abs=0.05)
        assert truth.pose.angle == pytest.approx(np.pi / 2 + truth.warp.angle, abs=1e-3)


def test_dry_skin_leaves_less_ink_and_wet_skin_more(finger: Finger) -> None:
    good, dry, wet = (
        float(np.mean([darkness(pressed(finger, seed, state)) for seed in range(4)]))
        for state in (GOOD, TOO_DRY, TOO_WET)
    )
    assert dry < 0.6 * good
    assert wet > 1.3 * good


def test_partial_contact_leaves_about_a_fifth(finger: Finger) -> None:
    for seed in range(6):
        good, partial = pressed(finger, seed).truth, pressed(finger, seed, PARTIAL).truth
        assert good.coverage > 0.75
        assert 0.03 < partial.coverage < 0.3
        assert len(partial.minutiae) < len(good.minutiae)


def test_faint_images_lose_contrast_and_noisy_ones_gain_grain(finger: Finger) -> None:
    good = pressed(finger, 3).sample.image
    faint = pressed(finger, 3, Condition(faint=0.9)).sample.image
    noisy = pressed(finger, 3, Condition(noise=0.9)).sample.image
    assert faint.std() < 0.4 * good.std()
    corner = np.s_[:20, :20]
    assert noisy[corner].std() > 1.5 * good[corner].std() + 1


def test_a_ghost_lies_pale_beside_the_finger_and_only_when_asked(finger: Finger) -> None:
    """The frame around a partial contact is flat, and waves once an earlier finger left a trace."""
    clean = pressed(finger, 4, Condition(partial=0.8)).sample.image
    ghost = pressed(finger, 4, Condition(partial=0.8, ghost=1.0)).sample.image
    rim = np.s_[340:]
    assert ghost[rim].std() > 1.5 * clean[rim].std()
    assert ghost[rim].min() > 60


def test_drawn_conditions_are_valid_and_half_of_the_contacts_are_partial() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_condition(rng) for _ in range(600)]
    partial = np.array([one.partial >= 0.3 for one in drawn])
    assert 0.42 < partial.mean() < 0.58
    assert all(min(one.dry, one.wet) == 0.0 for one in drawn)


def test_levels_outside_zero_to_one_are_refused() -> None:
    with pytest.raises(ValueError, match="dry, noise"):
        Condition(dry=1.1, noise=-0.1)
