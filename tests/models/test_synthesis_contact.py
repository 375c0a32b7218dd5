"""The warp leads from print to master and back, and turns the way it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.synthesis.contact import Contact, Warp, draw_warp

CONTACT = Contact(middle=(310.0, 290.0), radii=(140.0, 180.0), power=2.3, press=1.0)


def warp_of(seed: int, stretch: float) -> Warp:
    rng = np.random.default_rng(seed)
    return draw_warp(rng, CONTACT, place=(170.0, 210.0), angle=0.3, stretch=stretch)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("stretch", [0.0, 0.3, 1.0])
def test_points_return_after_going_to_the_master_and_back(seed: int, stretch: float) -> None:
    warp = warp_of(seed, stretch)
    points = np.random.default_rng(seed).uniform((0, 0), (360, 400), (50, 2))
    back = warp.to_print(warp.to_master(points))
    assert np.abs(back - points).max() < 0.1


def test_the_lookup_equals_the_map_at_every_pixel() -> None:
    warp = warp_of(3, 0.8)
    map_x, map_y = warp.lookup((60, 90))
    assert map_x.shape == map_y.shape == (60, 90)
    y, x = np.mgrid[:60, :90]
    exact = warp.to_master(np.stack([x.ravel(), y.ravel()], 1).astype(np.float64))
    assert np.abs(map_x.ravel() - exact[:, 0]).max() < 0.15
    assert np.abs(map_y.ravel() - exact[:, 1]).max() < 0.15


def test_a_positive_angle_turns_the_finger_counter_clockwise() -> None:
    """The tip (up on the master) of a finger turned counter-clockwise leans left in the print."""
    rigid = replace(warp_of(0, 0.0), angle=np.radians(20))
    tip = rigid.to_print(np.array([[310.0, 190.0]]))[0]
    assert tip[0] < 170.0 - 30
    assert tip[1] < 210.0 - 90


def test_stretching_moves_the_rim_and_leaves_the_middle() -> None:
    warp = replace(warp_of(1, 1.0), drag=(12.0, 0.0), torsion=0.0, waves=np.zeros((1, 5)))
    still = replace(warp, drag=(0.0, 0.0))
    points = np.array([[170.0, 210.0], [170.0, 420.0]])
    moved = np.abs(warp.to_master(points) - still.to_master(points)).max(axis=1)
    assert moved[0] == 0.0
    assert moved[1] == pytest.approx(12.0, abs=0.5)


def test_pressure_falls_from_the_middle_to_zero_at_the_rim() -> None:
    x = np.array([[310.0, 310.0 + 140.0, 310.0 + 200.0]], np.float32)
    pressure = CONTACT.pressure(x, np.full_like(x, 290.0))
    assert pressure[0, 0] == pytest.approx(1.0, abs=1e-5)
    assert pressure[0, 1] == pytest.approx(0.0, abs=1e-5)
    assert pressure[0, 2] < 0
