"""Gaussians and means of large images are those of the sum written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.smoothing import WIDE_PX, average, level, mirror, smooth
from matcher.spectrum import Floats

SHAPES = [(61, 83), (40, 20), (5, 3), (1, 7)]


def write_out(image: Floats, spread: float) -> Floats:
    """The Gaussian as a product with all rows and columns, mirrored as often as need be."""
    result = image.astype(np.float64)
    for _ in range(2):
        length = len(result)
        reach = int(8 * spread)
        sums = np.zeros_like(result)
        bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / spread) ** 2)
        for offset, weight in zip(range(-reach, reach + 1), bell / bell.sum(), strict=True):
            sums += weight * result[mirror(np.arange(length) + offset, length)]
        result = sums.T
    return np.asarray(result, np.float32)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("spread", [0.7, 3.0, WIDE_PX, 6.0, 8.0])
def test_smoothing_is_the_sum_written_out(shape: tuple[int, int], spread: float) -> None:
    image = np.random.default_rng(2).uniform(0, 255, shape).astype(np.float32)
    # A Gaussian that ends after four spreads misses 6e-5 of the sum, spread over all of it.
    assert smooth(image, spread) == pytest.approx(write_out(image, spread), abs=255 * 3e-5)


def test_an_even_image_stays_as_it_is() -> None:
    assert smooth(np.full((50, 70), 200, np.float32), 6.0) == pytest.approx(200, rel=1e-6)


@given(st.integers(-40, 40), st.integers(1, 9))
def test_places_beyond_the_border_are_mirrored_about_the_border_pixel(
    place: int, length: int
) -> None:
    around = np.pad(np.arange(length), 50, mode="reflect")
    assert mirror(np.array([place]), length)[0] == around[place + 50]


@given(st.tuples(st.integers(8, 60), st.integers(8, 60)), st.integers(1, 8), st.integers(1, 8))
@settings(max_examples=20, deadline=None)
def test_means_count_cut_pixels_by_their_share(
    shape: tuple[int, int], rows: int, columns: int
) -> None:
    image = np.random.default_rng(3).uniform(0, 9, shape).astype(np.float32)
    fine = np.repeat(np.repeat(image, rows, axis=0), columns, axis=1)
    parts = fine.reshape(rows, shape[0], columns, shape[1])
    assert average(image, (rows, columns)) == pytest.approx(parts.mean(axis=(1, 3)), abs=1e-4)


def test_a_wave_is_divided_by_its_amplitude() -> None:
    wave = np.array([[1, -3, 8, 0.1]], np.float32)
    power = np.array([[4, 4, 4, 0.01]], np.float32)
    level(wave, power, 0.5, 2.0)
    assert wave == pytest.approx(np.array([[0.5, -1.5, 2, 0.2]]))
    assert power == pytest.approx(np.array([[2, 2, 2, 0.1]]))
