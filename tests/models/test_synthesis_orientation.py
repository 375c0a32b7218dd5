"""The orientation field has the singularities that the class demands, where the layout says."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.synthesis.orientation import Layout, draw_layout, orientation_at
from models.synthesis.patterns import PatternClass

SINGULARITIES = {
    PatternClass.ARCH: (0, 0),
    PatternClass.TENTED_ARCH: (1, 1),
    PatternClass.LEFT_LOOP: (1, 1),
    PatternClass.RIGHT_LOOP: (1, 1),
    PatternClass.DOUBLE_LOOP: (2, 2),
    PatternClass.WHORL: (2, 2),
}
"""Cores and deltas of each class."""


def poincare_index(layout: Layout, point: complex, radius: float) -> float:
    """Turns of the ridge orientation along a small circle, in whole turns."""
    circle = point + radius * np.exp(2j * np.pi * np.arange(361) / 360)
    angles = orientation_at(
        layout, circle.real.astype(np.float32), circle.imag.astype(np.float32)
    ).astype(np.float64)
    steps = np.diff(angles)
    steps -= np.pi * np.round(steps / np.pi)
    return float(steps.sum() / (2 * np.pi))


@pytest.mark.parametrize("pattern", PatternClass)
@pytest.mark.parametrize("seed", range(6))
def test_cores_turn_half_forward_and_deltas_half_back(pattern: PatternClass, seed: int) -> None:
    layout = draw_layout(np.random.default_rng(seed), pattern, 1.0)
    assert (len(layout.cores), len(layout.deltas)) == SINGULARITIES[pattern]
    for core in layout.cores:
        assert poincare_index(layout, core, 4.0) == pytest.approx(0.5, abs=1e-3)
    for delta in layout.deltas:
        assert poincare_index(layout, delta, 4.0) == pytest.approx(-0.5, abs=1e-3)


@pytest.mark.parametrize("pattern", PatternClass)
def test_the_whole_pad_turns_back_to_zero(pattern: PatternClass) -> None:
    """Every class has as many cores as deltas, so a walk around the pad ends as it began."""
    layout = draw_layout(np.random.default_rng(3), pattern, 1.0)
    assert poincare_index(layout, -40j, 260.0) == pytest.approx(0.0, abs=1e-3)


def test_right_loops_open_to_the_right_and_left_loops_to_the_left() -> None:
    """The delta lies on the closed side; near the core a few tails still hang straight."""
    leans = []
    for seed in range(40):
        right = draw_layout(np.random.default_rng(seed), PatternClass.RIGHT_LOOP, 1.0)
        left = draw_layout(np.random.default_rng(seed), PatternClass.LEFT_LOOP, 1.0)
        assert right.deltas[0].real < right.cores[0].real
        assert left.deltas[0].real > left.cores[0].real
        leans += [tail_direction(right), -tail_direction(left)]
    assert np.mean(np.array(leans) < 0) > 0.85
    assert np.median(leans) < np.radians(-20)
    assert np.max(leans) < np.radians(25)


def tail_direction(layout: Layout) -> float:
    """Lean of the ridge that leaves the core downwards, six ridges on: negative to the right."""
    angles = np.radians(np.arange(-170, -9))
    circle = layout.cores[0] + 50 * np.exp(1j * angles)
    flow = orientation_at(
        layout, circle.real.astype(np.float32), circle.imag.astype(np.float32)
    ).astype(np.float64)
    radial: NDArray[np.float64] = np.abs(np.sin(flow - angles))
    return float(-np.pi / 2 - angles[int(radial.argmin())])


def test_orientations_lie_in_half_a_circle() -> None:
    layout = draw_layout(np.random.default_rng(1), PatternClass.WHORL, 1.0)
    axis = np.linspace(-300, 300, 61, dtype=np.float32)
    field = orientation_at(layout, axis[None, :], axis[:, None])
    assert field.shape == (61, 61)
    assert field.dtype == np.float32
    assert field.min() >= 0
    assert field.max() <= np.float32(np.pi)
