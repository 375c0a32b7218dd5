"""Drawn prints: ridge patterns whose minutiae are known because they were put there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Drawing:
    """A print of even waves in an ellipse on white ground.

    normal: degrees in image rows (y downwards). bend: pixels; 0 draws straight ridges, else
    circles around a point that far away. twists: (x, y, ±1): windings put into the phase.
    """

    shape: tuple[int, int] = (300, 280)
    normal: float = 60.0
    period: float = 9.0
    bend: float = 0.0
    twists: tuple[tuple[float, float, int], ...] = ()
    start: float = 0.0
    axes: tuple[float, float] = field(default=(0.42, 0.42))

    def phase(self) -> NDArray[np.float64]:
        """Phase of the ridge wave at the pixels; the ridge's middle is at half a turn."""
        y, x = np.mgrid[: self.shape[0], : self.shape[1]].astype(np.float64)
        turn = np.deg2rad(self.normal)
        across = x * np.cos(turn) + y * np.sin(turn)
        if self.bend:
            middle_y, middle_x = self.shape[0] / 2, self.shape[1] / 2
            far_x = middle_x + self.bend * np.cos(turn)
            far_y = middle_y + self.bend * np.sin(turn)
            across = -np.hypot(x - far_x, y - far_y)
        phase = 2 * np.pi * across / self.period + self.start
        for at_x, at_y, sign in self.twists:
            phase = phase + sign * np.arctan2(y - at_y, x - at_x)
        return np.asarray(phase, np.float64)

    def inside(self) -> NDArray[np.bool_]:
        """The ellipse of the finger."""
        rows, columns = self.shape
        y, x = np.mgrid[:rows, :columns]
        down = (y - rows / 2) / (self.axes[0] * rows)
        right = (x - columns / 2) / (self.axes[1] * columns)
        return np.asarray(down**2 + right**2 < 1)

    def image(self, *, ink: float = 200.0, ground: float = 245.0, noise: float = 0.0) -> Image:
        """Grey values, dark ridges on light ground."""
        wave = ground - ink * (0.5 - 0.5 * np.cos(self.phase()))
        grey = np.where(self.inside(), wave, ground)
        grey += np.random.default_rng(5).normal(0, noise, self.shape) if noise else 0
        return np.clip(grey, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def drawing() -> Callable[..., Drawing]:
    """Make a drawing: drawing(normal=30, twists=((150, 140, 1),)).image()."""
    return Drawing


@pytest.fixture(scope="session")
def whorl() -> Drawing:
    """An arch of bent ridges with eight windings in it, far enough apart to count each."""
    twists = (
        (100.0, 90.0, 1),
        (150.0, 80.0, -1),
        (195.0, 110.0, 1),
        (90.0, 150.0, -1),
        (140.0, 145.0, 1),
        (190.0, 170.0, -1),
        (110.0, 210.0, 1),
        (160.0, 220.0, -1),
    )
    return Drawing(normal=80.0, bend=260.0, twists=twists, start=0.7)
