"""Slaps are cut into the right fingers, named by their order, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from interfaces import formats
from matcher.slaps import FINGERS, segment
from matcher.vocabulary import FingerPosition, FingerSample
from models.synthesis.captures import capture_slap
from models.synthesis.conditions import GOOD
from models.synthesis.persons import Person

Grey = NDArray[np.uint8]

PX_PER_MM = 500 / 25.4
PAPER = 245


@dataclass(frozen=True)
class Pad:
    """One pressed phalanx: its middle, half axes in mm, and its turn in degrees."""

    x: float
    y: float
    half_width: float = 8.0
    half_height: float = 11.0
    turn: float = 0.0


RIGHT_HAND = (Pad(12, 20), Pad(32, 15), Pad(52, 17), Pad(71, 27, 6.5, 9.0))
PHALANGES = tuple(Pad(pad.x, pad.y + 25, 7.0, 9.0) for pad in RIGHT_HAND)


def draw(pads: tuple[Pad, ...], *, width_mm: float = 81, height_mm: float = 56) -> Grey:
    """Pads of concentric ridges 0.46 mm apart on paper, at 500 dpi, each pressed unevenly."""
    rows, columns = np.mgrid[: int(height_mm * PX_PER_MM), : int(width_mm * PX_PER_MM)]
    image = np.full(rows.shape, PAPER, np.float64)
    coarse = np.random.default_rng(1).normal(0.0, 14.0, (rows.shape[0] // 16, rows.shape[1] // 16))
    pressure = cv2.resize(coarse, rows.shape[::-1], interpolation=cv2.INTER_CUBIC)
    for pad in pads:
        angle = np.radians(pad.turn)
        x, y = columns / PX_PER_MM - pad.x, rows / PX_PER_MM - pad.y
        across = x * np.cos(angle) + y * np.sin(angle)
        along = y * np.cos(angle) - x * np.sin(angle)
        inside = (across / pad.half_width) ** 2 + (along / pad.half_height) ** 2 < 1
        radius = np.hypot(across, 0.8 * (along - 0.3 * pad.half_height))
        image[inside] = (145 + 70 * np.cos(2 * np.pi * radius / 0.46) + pressure)[inside]
    return image.clip(0, 255).astype(np.uint8)


def sample(image: Grey, position: int = 13, dpi: float = 500.0) -> FingerSample:
    return FingerSample(image, dpi, FingerPosition(position))


def place(image: Grey, finger: FingerSample) -> tuple[int, int]:
    """Row and column of a crop in its slap, found by a patch from its middle."""
    top, left = (side // 2 - 48 for side in finger.image.shape)
    patch = finger.image[top : top + 96, left : left + 96]
    _, _, (x, y), _ = cv2.minMaxLoc(cv2.matchTemplate(image, patch, cv2.TM_SQDIFF))
    return y - top, x - left


def find(image: Grey, finger: FingerSample) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a crop in its slap, in mm."""
    row, column = place(image, finger)
    rows, columns = finger.image.shape
    corners = (column, row, column + columns, row + rows)
    left, top, right, bottom = (corner / PX_PER_MM for corner in corners)
    return left, top, right, bottom


def assert_shows(image: Grey, fingers: tuple[FingerSample, ...], pads: tuple[Pad, ...]) -> None:
    """Each crop contains its pad, and little more."""
    for finger, pad in zip(fingers, pads, strict=True):
        left, top, right, bottom = find(image, finger)
        assert left < pad.x - pad.half_width + 1
        assert right > pad.x + pad.half_width - 1
        assert top < pad.y - pad.half_height + 1
        assert pad.y + pad.half_height - 1 < bottom < pad.y + pad.half_height + 4


def test_right_hand_runs_from_index_to_little() -> None:
    image = draw(RIGHT_HAND)
    found = segment(sample(image))
    assert not found.problem
    assert [finger.position for finger in found.fingers] == [2, 3, 4, 5]
    assert_shows(image, found.fingers, RIGHT_HAND)


def test_left_hand_runs_from_little_to_index() -> None:
    found = segment(sample(draw(RIGHT_HAND)[:, ::-1].copy(), 14))
    assert [finger.position for finger in found.fingers] == [10, 9, 8, 7]


def test_left_thumb_stands_left_of_the_right_one() -> None:
    thumbs = (Pad(20, 20, 10, 13), Pad(55, 20, 10, 13))
    image = draw(thumbs)
    found = segment(sample(image, 15))
    assert [finger.position for finger in found.fingers] == [6, 1]
    assert_shows(image, found.fingers, thumbs)


def test_phalanges_below_the_joint_are_no_fingertips() -> None:
    image = draw(RIGHT_HAND + PHALANGES)
    found = segment(sample(image))
    assert [finger.position for finger in found.fingers] == [2, 3, 4, 5]
    assert_shows(image, found.fingers, RIGHT_HAND)


def test_a_phalanx_joined_to_its_tip_is_cut_at_the_crease() -> None:
    """One thumb whose second phalanx touches the first, the crease a pale band between them."""
    thumbs = (Pad(20, 18, 10, 13), Pad(55, 18, 10, 13))
    joined = draw((*thumbs, Pad(20, 40, 9.5, 12)))
    joined[round(29.5 * PX_PER_MM) : round(31 * PX_PER_MM)] = PAPER - 5
    found = segment(sample(joined, 15))
    _, _, _, bottom = find(joined, found.fingers[0])
    assert 29 < bottom < 33


@pytest.mark.parametrize("turn", [-30.0, -15.0, 15.0, 30.0])
def test_turned_hands_are_cut_alike(turn: float) -> None:
    upright = draw(RIGHT_HAND + PHALANGES, width_mm=90, height_mm=70)
    rows, columns = upright.shape
    around = cv2.getRotationMatrix2D((columns / 2, rows / 2), turn, 1.0)
    around[:, 2] += (0.1 * columns, 0.1 * rows)
    image = cv2.warpAffine(
        upright, around, (int(1.4 * columns), int(1.4 * rows)), borderValue=(PAPER,)
    ).astype(np.uint8)
    found = segment(sample(image))
    assert [finger.position for finger in found.fingers] == [2, 3, 4, 5]
    for finger, pad in zip(found.fingers, RIGHT_HAND, strict=True):
        x, y = around @ (pad.x * PX_PER_MM, pad.y * PX_PER_MM, 1.0) / PX_PER_MM
        left, top, right, bottom = find(image, finger)
        assert left < x < right
        assert top < y < bottom


def test_fingers_that_touch_are_parted() -> None:
    close = tuple(Pad(20 + 15.6 * at, 20 + 2 * at) for at in range(4))
    image = draw(close)
    found = segment(sample(image))
    assert not found.problem
    for finger, pad in zip(found.fingers, close, strict=True):
        left, _, right, _ = find(image, finger)
        assert abs((left + right) / 2 - pad.x) < 3


@pytest.mark.parametrize("absent", range(4))
def test_an_undeclared_missing_finger_gives_no_fingers(absent: int) -> None:
    """Counting would name the others wrongly."""
    present = tuple(pad for at, pad in enumerate(RIGHT_HAND) if at != absent)
    found = segment(sample(draw(present)))
    assert found.fingers == ()
    assert found.problem == "shows 3 fingers, 4 are expected"


@pytest.mark.parametrize("absent", range(4))
def test_a_declared_missing_finger_is_counted_out(absent: int) -> None:
    present = tuple(pad for at, pad in enumerate(RIGHT_HAND) if at != absent)
    codes = FINGERS[FingerPosition.RIGHT_FOUR]
    found = segment(sample(draw(present)), missing={codes[absent], FingerPosition.LEFT_THUMB})
    assert [finger.position for finger in found.fingers] == [
        code for at, code in enumerate(codes) if at != absent
    ]


def test_writing_and_lines_are_no_fingers() -> None:
    """Notes above the fingers, print across them and a frame, as on cards."""
    image = draw(RIGHT_HAND[:3])
    cv2.putText(image, "8384 kfg", (900, 250), cv2.FONT_HERSHEY_SIMPLEX, 3.0, (40,), 8)
    cv2.putText(image, "FOUR FINGERS", (300, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (30,), 3)
    cv2.rectangle(image, (4, 4), (1500, 1000), (0,), 4)
    assert segment(sample(image)).problem == "shows 3 fingers, 4 are expected"


@pytest.mark.parametrize("dpi", [250, 569, 1000])
def test_crops_keep_the_resolution_of_the_slap(dpi: int) -> None:
    """Nothing is resampled, and the crop is as large in millimetres."""
    upright = draw(RIGHT_HAND)
    scaled = cv2.resize(upright, None, fx=dpi / 500, fy=dpi / 500, interpolation=cv2.INTER_AREA)
    found = segment(sample(scaled.astype(np.uint8), dpi=dpi))
    for finger, usual in zip(found.fingers, segment(sample(upright)).fingers, strict=True):
        assert finger.dpi == dpi
        ratio = np.array(finger.image.shape) / dpi / np.array(usual.image.shape) * 500
        np.testing.assert_allclose(ratio, 1.0, atol=0.06)


def test_crops_hold_the_pixels_of_the_slap_or_paper() -> None:
    image = draw(tuple(Pad(20 + 15.6 * at, 20) for at in range(4)))
    for finger in segment(sample(image)).fingers:
        top, left = place(image, finger)
        rows, columns = finger.image.shape
        same = finger.image == image[top : top + rows, left : left + columns]
        assert same.mean() > 0.8
        assert (finger.image[~same] == 255).all()


@pytest.mark.parametrize("seed", range(6))
def test_images_without_fingers_give_a_problem(seed: int) -> None:
    """Blank, noise, stripes and gradients of any shape."""
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(64, 900, 2)
    image = [
        np.full((rows, columns), 255),
        rng.integers(0, 256, (rows, columns)),
        np.tile(np.arange(columns) % 256, (rows, 1)),
        np.zeros((rows, columns)),
        rng.normal(200, 12, (rows, columns)).clip(0, 255),
        np.tile(128 + 100 * np.sin(np.arange(columns) / 1.5), (rows, 1)),
    ][seed].astype(np.uint8)
    found = segment(sample(image))
    assert found.fingers == ()
    assert found.problem


def test_only_slaps_are_cut() -> None:
    with pytest.raises(KeyError):
        segment(sample(draw(RIGHT_HAND), 2))


@pytest.mark.parametrize("position", [13, 15])
def test_synthetic_slaps_are_cut_where_their_truth_says(position: int) -> None:
    code = FingerPosition(position)
    slap = capture_slap(Person(4), code, capture_seed=9, condition=GOOD)
    found = segment(slap.sample)
    for finger, truth in zip(found.fingers, slap.truth.fingers, strict=True):
        assert finger.position == truth.position
        left, top, right, bottom = (side * PX_PER_MM for side in find(slap.sample.image, finger))
        x, y, width, height = truth.box
        covered = max(0.0, min(right, x + width) - max(left, x))
        covered *= max(0.0, min(bottom, y + height) - max(top, y))
        assert covered > 0.95 * width * height
        assert bottom < y + height + 3 * PX_PER_MM


@pytest.mark.real
def test_reference_slaps_give_every_finger_its_position_and_size(real_data: Path) -> None:
    """Inked card with notes, print across the tips, a punch hole and a cut-off fingertip."""
    data = real_data.joinpath("nist", "type-14-tpcard-nqm.an2").read_bytes()
    slaps = real_data.joinpath("nist", "type-4-14-slaps.an2").read_bytes()
    fingers = {finger.position: finger for finger in formats.read(slaps).fingers}
    assert sorted(fingers) == list(range(1, 11))
    for position, finger in fingers.items():
        rows, columns = finger.image.shape
        assert 200 < columns < 500, position
        assert 200 < rows < 700, position
    flat = [finger for finger in formats.read(data).fingers if finger.impression == 0]
    assert len(flat) == 10
