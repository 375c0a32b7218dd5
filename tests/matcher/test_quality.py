"""The score follows what a person would call a good print, and the hint says what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from matcher.extraction import extract_finger
from matcher.quality import DRY, HINTS, NOTHING, UNCLEAR, WEIGHTS, WET, advise, share
from matcher.vocabulary import FingerSample, Quality

Draw = Callable[..., Any]
NAMES = {"area", "clarity", "ridge_flow", "contrast", "moisture", "minutiae"}


def judge(image: NDArray[Any]) -> Quality:
    return extract_finger(FingerSample(np.asarray(image, np.uint8), 500.0))[1]


@pytest.fixture(scope="module")
def good(whorl: Any) -> NDArray[np.uint8]:
    """A print with enough minutiae, each far enough from the others."""
    return np.asarray(large(whorl).image(ink=150), np.uint8)


def large(whorl: Any, **changes: Any) -> Any:
    rng = np.random.default_rng(11)
    twists = tuple(
        (float(x + rng.uniform(-6, 6)), float(y + rng.uniform(-6, 6)), int(sign))
        for x, y, sign in (
            (x, y, 1 if (x // 45 + y // 45) % 2 else -1)
            for x in range(70, 360, 45)
            for y in range(90, 390, 45)
        )
    )
    base = {"shape": (460, 420), "normal": 80.0, "bend": 500.0, "twists": twists}
    return type(whorl)(**(base | changes))


def test_every_component_is_told_between_0_and_100(good: NDArray[np.uint8]) -> None:
    quality = judge(good)
    assert set(quality.components) == NAMES
    assert all(0 <= value <= 100 for value in quality.components.values())
    assert set(WEIGHTS) < NAMES
    assert set(HINTS) == NAMES


def test_a_good_print_scores_high_and_asks_for_nothing(good: NDArray[np.uint8]) -> None:
    quality = judge(good)
    assert quality.score >= 80
    assert quality.hint == ""


def test_a_dry_print_is_told_to_moisten(good: NDArray[np.uint8]) -> None:
    rng = np.random.default_rng(4)
    gaps = cv2.GaussianBlur(rng.normal(size=good.shape), (0, 0), 1.6)
    dry = np.where(gaps > -0.12 * gaps.std(), 245, good)
    quality = judge(dry)
    assert quality.hint == DRY
    assert quality.components["moisture"] < 90
    assert quality.score < judge(good).score


def test_a_wet_print_is_told_to_wipe(good: NDArray[np.uint8]) -> None:
    wet = cv2.erode(good, np.ones((6, 6)))
    quality = judge(wet)
    assert quality.hint == WET
    assert quality.score < judge(good).score


def test_a_partial_print_is_told_to_lay_the_finger_flat(whorl: Any) -> None:
    quality = judge(large(whorl, axes=(0.16, 0.14)).image(ink=150))
    assert quality.hint == HINTS["area"]


def test_a_faint_print_is_told_to_press_harder(whorl: Any) -> None:
    quality = judge(large(whorl).image(ink=9, noise=2))
    assert quality.hint == HINTS["contrast"]


def test_the_score_falls_with_every_step_of_noise_and_of_loss(whorl: Any) -> None:
    noises = [judge(large(whorl).image(noise=level)).score for level in (0, 120, 240)]
    assert noises == sorted(noises, reverse=True)
    assert noises[0] > noises[-1]
    areas = [judge(large(whorl, axes=(a, a)).image()).score for a in (0.42, 0.28, 0.16)]
    assert areas == sorted(areas, reverse=True)
    assert areas[0] > areas[-1]


@pytest.mark.parametrize("grey", [0, 127, 255])
def test_an_empty_glass_scores_0_and_says_so(grey: int) -> None:
    quality = judge(np.full((300, 300), grey, np.uint8))
    assert quality.score == 0
    assert quality.hint == NOTHING
    assert set(quality.components) == NAMES


def test_ridges_without_minutiae_cannot_be_compared(drawing: Draw) -> None:
    quality = judge(drawing().image())
    assert quality.score == 0
    assert quality.hint


def test_moisture_explains_unclear_ridges_and_nothing_else() -> None:
    assert advise("clarity", -1.5) == advise("moisture", -1.5) == DRY
    assert advise("ridge_flow", 0.5) == WET
    assert advise("clarity", -0.5) == UNCLEAR
    assert advise("area", -1.5) == HINTS["area"]


def test_share_is_monotone_and_bounded() -> None:
    values = [share(value, 2, 6) for value in range(9)]
    assert values == sorted(values)
    assert (values[0], values[4], values[8]) == (0, 0.5, 1)
