"""Ridges grow along the orientation, at the asked period, the same way from the same numbers."""

from __future__ import annotations

import numpy as np
import pytest

from models.synthesis import ridges
from models.synthesis.ridges import enlarge_orientation, grow_ridges


@pytest.mark.parametrize(("degrees", "period"), [(0.0, 8.0), (35.0, 9.0), (120.0, 10.5)])
def test_ridges_follow_the_field(degrees: float, period: float) -> None:
    side = 96
    angle = np.full((side, side), np.radians(degrees), np.float32)
    grown = grow_ridges(np.random.default_rng(0), angle, np.full_like(angle, period))
    assert grown.shape == (2 * side, 2 * side)
    assert grown.dtype == np.float32
    power = np.abs(np.fft.fft2(grown - grown.mean())) ** 2
    row, column = np.unravel_index(power.argmax(), power.shape)
    frequency = np.fft.fftfreq(2 * side)
    fx, fy = frequency[column], -frequency[row]
    assert 1 / np.hypot(fx, fy) == pytest.approx(period, rel=0.08)
    # The wave runs across the ridges, a quarter turn from their direction.
    away = np.degrees(np.arctan2(fy, fx)) - 90 - degrees
    assert abs((away + 90) % 180 - 90) < 4


@pytest.mark.parametrize("reach", [ridges.COARSE_REACH, ridges.FINE_REACH])
def test_the_filter_equals_the_plain_sum_over_every_kernel(reach: int) -> None:
    rng = np.random.default_rng(4)
    side = 2 * reach + 1
    rows = side + -side % 5
    bank = np.zeros((5, rows, side + 1), np.float32)
    bank[:, :side, :side] = rng.standard_normal((5, side, side))
    choice = rng.integers(0, 5, (9, 13)).astype(np.int32)
    padded = rng.standard_normal((9 + rows - 1, 13 + side)).astype(np.float32)
    coarse = reach == ridges.COARSE_REACH
    respond = ridges._respond_coarsely if coarse else ridges._respond_finely
    fast = respond(padded, choice, bank)
    for row in range(9):
        for column in range(13):
            patch = padded[row : row + side, column : column + side]
            slow = float((patch * bank[choice[row, column], :side, :side]).sum())
            assert fast[row, column] == pytest.approx(slow, abs=1e-3)


def test_kernels_answer_their_own_wave_and_not_a_flat_ground() -> None:
    step, reach = round(np.log(9.0) / ridges.PERIOD_STEP), ridges.FINE_REACH
    period = np.exp(step * ridges.PERIOD_STEP)
    kernels = ridges._kernels(step, reach)
    y, x = np.mgrid[reach : -reach - 1 : -1, -reach : reach + 1]
    for turn in (0, 10, 40):
        angle = turn * np.pi / ridges.ORIENTATIONS
        wave = np.cos(2 * np.pi * (y * np.cos(angle) - x * np.sin(angle)) / period)
        kernel = kernels[turn, :, : 2 * reach + 1]
        assert float((kernel * wave).sum()) == pytest.approx(ridges.GAIN, rel=1e-4)
        assert abs(float(kernel.sum())) < 1e-3


def test_growth_is_the_same_for_the_same_seed_only() -> None:
    angle = np.zeros((32, 32), np.float32)
    period = np.full_like(angle, 9.0)
    one = grow_ridges(np.random.default_rng(5), angle, period)
    same = grow_ridges(np.random.default_rng(5), angle, period)
    other = grow_ridges(np.random.default_rng(6), angle, period)
    assert one.tobytes() == same.tobytes()
    assert np.abs(one - other).mean() > 0.1


def test_enlarging_does_not_average_across_the_wrap() -> None:
    """Orientations just above 0 and just below pi are neighbours, not opposites."""
    narrow = np.array([[0.02, np.pi - 0.02]], np.float32).repeat(2, axis=0)
    wide = enlarge_orientation(narrow, (8, 8))
    assert np.minimum(wide, np.pi - wide).max() < 0.03
