"""A sample becomes a template: the right size, the right limits, and the same however it lies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from matcher import extraction
from matcher.errors import Malformed
from matcher.extraction import (
    DPI_LEAST,
    DPI_MOST,
    MINUTIAE_MOST,
    MODEL,
    SIDE_LEAST_PX,
    SIDE_MOST_PX,
    extract_finger,
)
from matcher.quality import TOO_LARGE
from matcher.trace import Collector
from matcher.vocabulary import (
    MINUTIA,
    SUBPIXELS,
    FingerPosition,
    FingerSample,
    FingerTemplate,
    Impression,
)

Draw = Callable[..., Any]


def extract(image: NDArray[Any], dpi: float = 500.0) -> FingerTemplate:
    return extract_finger(FingerSample(np.ascontiguousarray(image), dpi))[0]


def points(template: FingerTemplate) -> NDArray[np.float64]:
    """Minutiae as rows of x, y in pixels and direction in radians."""
    minutiae = template.minutiae
    places = [minutiae[axis] / SUBPIXELS for axis in ("x", "y")]
    return np.stack([*places, minutiae["angle"] * (2 * np.pi / 65536)], axis=1)


def assert_same(one: NDArray[Any], two: NDArray[Any], *, pixels: float, degrees: float) -> None:
    """Each minutia of one side has its counterpart on the other."""
    assert len(one) == len(two)
    apart = np.hypot(one[:, None, 0] - two[:, 0], one[:, None, 1] - two[:, 1])
    nearest = apart.argmin(axis=1)
    assert sorted(nearest) == list(range(len(two)))
    assert apart.min(axis=1).max() < pixels
    off = (one[:, 2] - two[nearest, 2] + np.pi) % (2 * np.pi) - np.pi
    assert np.abs(off).max() < np.deg2rad(degrees)


def test_a_template_says_what_it_was_made_of(whorl: Any) -> None:
    sample = FingerSample(
        whorl.image(), 500.0, FingerPosition.LEFT_RING, impression=Impression.ROLLED
    )
    template, quality = extract_finger(sample)
    assert template.minutiae.dtype == MINUTIA
    assert (template.width, template.height) == (280, 300)
    assert (template.position, template.impression) == (sample.position, sample.impression)
    assert (template.model, template.quality) == (MODEL, quality.score)
    assert set(template.minutiae["kind"]) <= {1, 2}
    assert template.minutiae["quality"].max() <= 100


def test_the_drawn_minutiae_are_the_template(whorl: Any) -> None:
    found = points(extract(whorl.image(noise=15)))
    places = np.array([twist[:2] for twist in whorl.twists])
    apart = np.hypot(found[:, None, 0] - places[:, 0], found[:, None, 1] - places[:, 1])
    assert len(found) == len(places)
    assert apart.min(axis=0).max() < 2


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_turning_the_finger_turns_the_template(whorl: Any, quarters: int) -> None:
    image = whorl.image()
    upright = points(extract(image))
    height, width = image.shape
    for _ in range(quarters):
        # A quarter turn anticlockwise takes (x, y) to (y, width - 1 - x).
        x, y, angle = upright.T
        upright = np.stack([y, width - 1 - x, angle + np.pi / 2], axis=1)
        height, width = width, height
    turned = points(extract(np.rot90(image, quarters)))
    assert_same(upright, turned, pixels=1.5, degrees=6)


def test_moving_the_finger_moves_the_template(whorl: Any) -> None:
    image = whorl.image()
    wide = np.pad(image, ((13, 30), (21, 10)), constant_values=245)
    moved = points(extract(image)) + np.array([21, 13, 0])
    assert_same(moved, points(extract(wide)), pixels=1.5, degrees=6)


@pytest.mark.parametrize("dpi", [300.0, 569.0, 750.0, 1000.0])
def test_resolution_changes_nothing(whorl: Any, dpi: float) -> None:
    image = whorl.image()
    size = tuple(round(side * dpi / 500) for side in image.shape[::-1])
    other = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    template = extract(other, dpi)
    assert abs(template.width - 280) <= 1
    assert_same(points(extract(image)), points(template), pixels=1.5, degrees=6)


@pytest.mark.parametrize("shape", [(100, 100), (300, 300), (2000, 150)])
@pytest.mark.parametrize("fill", ["black", "white", "noise", "stripes", "checks"])
def test_an_unusable_print_is_an_empty_template_with_a_reason(
    shape: tuple[int, int], fill: str
) -> None:
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = {
        "black": np.zeros(shape),
        "white": np.full(shape, 255),
        "noise": np.random.default_rng(0).integers(0, 256, shape),
        "stripes": 255 * (x // 5 % 2),
        "checks": 255 * ((x // 20 + y // 20) % 2),
    }[fill].astype(np.uint8)
    template, quality = extract_finger(FingerSample(image, 500.0))
    assert len(template.minutiae) == 0
    assert quality.score == template.quality == 0
    assert quality.hint


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((SIDE_LEAST_PX - 1, 300), np.uint8),
        np.zeros((300, SIDE_LEAST_PX - 1), np.uint8),
        np.zeros((SIDE_MOST_PX + 1, 300), np.uint8),
        np.zeros((300, 300, 3), np.uint8),
        np.zeros(300, np.uint8),
        np.zeros((300, 300), np.uint16),
        np.zeros((300, 300), np.float32),
    ],
    ids=["low", "narrow", "tall", "colour", "line", "16 bit", "float"],
)
def test_what_is_not_a_grey_picture_inside_the_limits_is_malformed(image: NDArray[Any]) -> None:
    with pytest.raises(Malformed):
        extract_finger(FingerSample(image, 500.0))


@pytest.mark.parametrize(
    "dpi", [0.0, -500.0, DPI_LEAST - 1, DPI_MOST + 1, float("nan"), float("inf")]
)
def test_a_resolution_outside_the_limits_is_malformed(dpi: float) -> None:
    with pytest.raises(Malformed):
        extract_finger(FingerSample(np.zeros((300, 300), np.uint8), dpi))


def test_a_picture_far_larger_than_a_finger_is_unusable_and_costs_nothing() -> None:
    side = SIDE_MOST_PX
    template, quality = extract_finger(FingerSample(np.zeros((side, 400), np.uint8), DPI_LEAST))
    assert (template.height, template.width) == (2 * side, 800)
    assert (len(template.minutiae), quality.score, quality.hint) == (0, 0, TOO_LARGE)


def test_the_largest_finger_is_read() -> None:
    sample = FingerSample(np.zeros((SIDE_MOST_PX, 300), np.uint8), 500.0)
    assert extract_finger(sample)[1].hint != TOO_LARGE


def test_only_the_best_minutiae_are_kept(drawing: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    twists = tuple(
        (x, y, (-1) ** (x // 60)) for x in range(60, 540, 60) for y in range(60, 540, 60)
    )
    image = drawing(shape=(600, 600), normal=20, twists=twists).image()
    everything = extract(image).minutiae
    assert len(everything) <= MINUTIAE_MOST
    monkeypatch.setattr(extraction, "MINUTIAE_MOST", 10)
    few = extract(image).minutiae
    assert few.tolist() == everything[:10].tolist()
    assert np.all(np.diff(everything["quality"].astype(int)) <= 0)


@given(
    st.tuples(st.integers(90, 180), st.integers(90, 180)),
    st.sampled_from([np.uint8, np.bool_, np.int16, np.uint16, np.float32, np.float64]),
    st.floats(200, 1100),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=40)
def test_any_array_gives_a_template_or_malformed(
    shape: tuple[int, int], dtype: Any, dpi: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    grain = rng.integers(0, 256, (shape[0] // 7 + 1, shape[1] // 7 + 1)).astype(np.float32)
    image = cv2.resize(grain, shape[::-1], interpolation=cv2.INTER_CUBIC).clip(0, 255)
    try:
        template, quality = extract_finger(FingerSample(image.astype(dtype), dpi))
    except Malformed:
        allowed = dtype is np.uint8 and min(shape) >= SIDE_LEAST_PX
        assert not (allowed and DPI_LEAST <= dpi <= DPI_MOST)
    else:
        assert 0 <= quality.score <= 100
        assert np.all(template.minutiae["x"] / SUBPIXELS <= template.width)
        assert np.all(template.minutiae["y"] / SUBPIXELS <= template.height)


def test_looking_changes_nothing_and_shows_every_stage(whorl: Any) -> None:
    sample = FingerSample(whorl.image(), 500.0)
    window = Collector()
    seen, _ = extract_finger(sample, trace=window)
    unseen, _ = extract_finger(sample)
    assert seen.minutiae.tolist() == unseen.minutiae.tolist()
    wanted = {"image", "normalised", "normal", "frequency", "coherence", "purity", "mask", "ridges"}
    assert set(window.stages) == wanted
    assert all(picture.dtype == np.uint8 for picture in window.pictures().values())


def test_the_sample_is_not_altered(whorl: Any) -> None:
    image = whorl.image()
    before = image.copy()
    extract(image)
    assert np.array_equal(image, before)


@pytest.mark.real
def test_every_real_print_can_be_enrolled(real_data: Path) -> None:
    """One impression of every finger of the research sets gives a template worth comparing."""
    for path in sorted((real_data / "fingerprints").glob("FVC2002_DB*_B/*_1.tif")):
        dpi = 569.0 if "DB2" in path.parent.name else 500.0
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        template, quality = extract_finger(FingerSample(np.asarray(image, np.uint8), dpi))
        assert 10 <= len(template.minutiae) <= MINUTIAE_MOST
        assert quality.score >= 20
