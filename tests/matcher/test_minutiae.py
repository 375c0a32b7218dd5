"""Minutiae are found where they were put, point where their ridge is, and know what they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from matcher.minutiae import (
    PAIR_PX,
    Findings,
    cancel_pairs,
    distance_inside,
    find_minutiae,
    sample,
)
from matcher.ridges import enhance, measure, normalise
from matcher.spectrum import analyse
from matcher.windings import NORMAL, TURN, X, Y, find_windings

Draw = Callable[..., Any]


def find(image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Findings:
    flat, _ = normalise(image)
    spectra = analyse(flat)
    field = measure(spectra)
    return find_minutiae(enhance(spectra, field, mask), field, mask)


def turned(first: float, second: float) -> float:
    """The angle between two directions, radians, 0 to pi."""
    return float(abs((first - second + np.pi) % (2 * np.pi) - np.pi))


@pytest.mark.parametrize("normal", [0, 35, 60, 90, 135, 170])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_winding_is_found_where_it_was_put_and_points_to_the_extra_ridge(
    drawing: Draw, normal: int, sign: int
) -> None:
    drawn = drawing(normal=normal, twists=((140.3, 151.6, sign),))
    found = find(drawn.image(), drawn.inside())
    assert len(found) == 1
    assert np.hypot(found.x[0] - 140.3, found.y[0] - 151.6) < 2.0
    # The extra period lies a quarter turn anticlockwise (as seen) of the normal for sign +1.
    angle = -np.deg2rad(normal) + sign * np.pi / 2
    assert turned(float(found.direction[0]), angle) < np.deg2rad(6)


@pytest.mark.parametrize("fork", [False, True])
@pytest.mark.parametrize("normal", [20, 110])
def test_a_ridge_that_begins_is_an_ending_and_a_valley_that_begins_a_bifurcation(
    drawing: Draw, normal: int, fork: bool
) -> None:
    x, y, turn = 140.0, 150.0, np.deg2rad(normal)
    at_point = 2 * np.pi * (x * np.cos(turn) + y * np.sin(turn)) / 9.0
    # Seen from the point, the extra side has the angle normal - 90 degrees.
    own = turn - np.pi / 2
    wanted = 0.0 if fork else np.pi
    drawn = drawing(normal=normal, twists=((x, y, 1),), start=wanted - at_point - own)
    found = find(drawn.image(), drawn.inside())
    assert found.bifurcation.tolist() == [fork]


def test_even_ridges_have_no_minutiae(drawing: Draw) -> None:
    drawn = drawing(bend=260.0)
    assert len(find(drawn.image(noise=25), drawn.inside())) == 0


def test_all_windings_of_a_bent_print_are_found_and_nothing_else(whorl: Any) -> None:
    found = find(whorl.image(noise=20), whorl.inside())
    places = np.array([twist[:2] for twist in whorl.twists])
    apart = np.hypot(found.x[:, None] - places[:, 0], found.y[:, None] - places[:, 1])
    assert len(found) == len(places)
    assert apart.min(axis=0).max() < 2.0


def test_minutiae_in_noise_are_trusted_less(whorl: Any) -> None:
    clean = find(whorl.image(), whorl.inside()).quality
    noisy = find(whorl.image(noise=120), whorl.inside()).quality
    assert noisy.max() < clean.min()


def test_opposite_minutiae_side_by_side_are_trusted_less(drawing: Draw) -> None:
    alone = drawing(twists=((140.0, 150.0, 1),))
    pair = drawing(twists=((140.0, 150.0, 1), (150.0, 166.0, -1)))
    one = find(alone.image(), alone.inside())
    two = find(pair.image(), pair.inside())
    assert len(two) == 2
    assert two.quality.max() < one.quality.min()


def test_minutiae_near_the_edge_are_trusted_less(drawing: Draw) -> None:
    inner = drawing(twists=((140.0, 150.0, 1),))
    outer = drawing(twists=((140.0, 40.0, 1),))
    assert find(outer.image(), outer.inside()).quality < find(inner.image(), inner.inside()).quality


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_windings_are_those_of_summed_phase_steps(seed: int) -> None:
    """The kernel agrees with adding up the wrapped phase steps around every quad."""
    rng = np.random.default_rng(seed)
    planes = rng.normal(size=(3, 9, 11)).astype(np.float32)
    normal = rng.uniform(-np.pi / 2, np.pi / 2, (9, 11))
    doubled = np.stack([np.cos(2 * normal), np.sin(2 * normal)]).astype(np.float32)
    mask = rng.random((9, 11)) < 0.9
    found = find_windings(planes, doubled, mask)
    expected = {}
    for y in range(8):
        for x in range(10):
            nx, ny = np.cos(normal[y, x]), np.sin(normal[y, x])
            corners = [(y, x), (y, x + 1), (y + 1, x + 1), (y + 1, x)]
            phases = [
                np.arctan2(planes[1, r, c] * nx + planes[2, r, c] * ny, planes[0, r, c])
                for r, c in corners
            ]
            steps = [
                (phases[(k + 1) % 4] - phases[k] + np.pi) % (2 * np.pi) - np.pi for k in range(4)
            ]
            turn = round(sum(steps) / (2 * np.pi))
            if turn and mask[y, x]:
                expected[y, x] = turn
    places = [(int(min(y, 7.999)), int(min(x, 9.999))) for x, y in found[:, [X, Y]]]
    assert len(found) == len(expected)
    matched = [
        any(expected.get((row - dy, column - dx)) == int(turn) for dy in (0, 1) for dx in (0, 1))
        for (row, column), turn in zip(places, found[:, TURN], strict=True)
    ]
    assert all(matched)
    assert np.all(np.abs(found[:, NORMAL]) <= np.pi / 2 + 1e-6)


def test_only_opposite_windings_close_to_each_other_annihilate() -> None:
    x = np.array([10, 14, 50, 54, 90, 120], np.float32)
    y = np.full(6, 30, np.float32)
    direction = np.array([0, np.pi, 1, 1.1, 0, np.pi], np.float32)
    gone = cancel_pairs(x, y, direction, PAIR_PX)
    assert gone.tolist() == [True, True, False, False, False, False]


def test_of_three_windings_in_a_row_the_nearest_two_annihilate() -> None:
    x = np.array([10, 16, 19], np.float32)
    direction = np.array([0, np.pi, 0], np.float32)
    gone = cancel_pairs(x, np.zeros(3, np.float32), direction, PAIR_PX)
    assert gone.tolist() == [False, True, True]


def test_the_picture_s_border_is_an_edge_too() -> None:
    depth = distance_inside(np.ones((50, 60), np.bool_))
    assert depth[0, 30] == pytest.approx(1, abs=0.1)
    assert depth[25, 30] > 20


def test_reading_beyond_the_border_reads_the_edge() -> None:
    image = np.arange(12, dtype=np.float32).reshape(3, 4)
    outside = np.array([-5.0, 9.0], np.float32)
    assert sample(image, outside, outside).tolist() == [0.0, 11.0]
