"""Local spectra are those of the stupid sum, and the way back returns what was there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from matcher.spectrum import (
    HARMONICS,
    LEAD_PX,
    STEP_PX,
    WINDOW_PX,
    analyse,
    synthesise,
    waves,
    window,
)


def padding(length: int) -> tuple[int, int]:
    """Zeros before and after an axis so that the last step's window lies within."""
    steps = -(-length // STEP_PX)
    return LEAD_PX, (steps - 1) * STEP_PX + WINDOW_PX - LEAD_PX - length


def atom(wave_x: float, wave_y: float) -> NDArray[np.complex128]:
    offset = np.arange(WINDOW_PX) - (WINDOW_PX - 1) / 2
    bell = np.outer(window(), window())
    wave = bell * np.exp(-2j * np.pi * (wave_y * offset[:, None] + wave_x * offset)) / WINDOW_PX
    return np.asarray(wave, np.complex128)


def test_a_spectrum_is_the_sum_over_its_window() -> None:
    image = np.random.default_rng(1).normal(size=(45, 60)).astype(np.float32)
    padded = np.pad(image, [padding(length) for length in image.shape])
    spectra = analyse(image)
    for row, column, kx, ky in [(0, 0, 0, 3), (2, 3, 4, 9), (5, 7, 7, 14)]:
        y, x = row * STEP_PX, column * STEP_PX
        piece = padded[y : y + WINDOW_PX, x : x + WINDOW_PX]
        wave = atom(float(waves().x[kx, ky]), float(waves().y[kx, ky]))
        assert spectra[row, column, kx, ky] == pytest.approx((piece * wave).sum(), abs=1e-4)


def test_the_way_back_is_the_sum_of_all_waves() -> None:
    rng = np.random.default_rng(2)
    spectra = (rng.normal(size=(3, 4, HARMONICS + 1, 2 * HARMONICS + 1)) + 0j).astype(np.complex64)
    spectra += 1j * rng.normal(size=spectra.shape).astype(np.float32)
    shape = (20, 29)
    (top, bottom), (left, right) = (padding(length) for length in shape)
    canvas = np.zeros((20 + top + bottom, 29 + left + right))
    for row, column, kx, ky in np.ndindex(spectra.shape):
        y, x = row * STEP_PX, column * STEP_PX
        wave = np.conj(atom(float(waves().x[kx, ky]), float(waves().y[kx, ky])))
        part = waves().weight[kx, ky] * spectra[row, column, kx, ky] * wave
        canvas[y : y + WINDOW_PX, x : x + WINDOW_PX] += part.real
    assert synthesise(spectra, shape) == pytest.approx(
        canvas[top : top + 20, left : left + 29], abs=1e-3
    )


@given(
    st.floats(0.07, 0.17),
    st.floats(0, np.pi),
    st.tuples(st.integers(100, 160), st.integers(100, 160)),
)
@settings(max_examples=20)
def test_a_wave_of_the_ridge_band_comes_back(
    frequency: float, angle: float, shape: tuple[int, int]
) -> None:
    y, x = np.mgrid[: shape[0], : shape[1]]
    wave = np.cos(2 * np.pi * frequency * (x * np.cos(angle) + y * np.sin(angle)))
    back = synthesise(analyse(wave.astype(np.float32)), shape)
    inner = (slice(24, -24), slice(24, -24))
    assert np.abs(back[inner] - wave[inner]).max() < 0.12


def test_a_share_of_the_waves_is_taken_on_the_way_back() -> None:
    rng = np.random.default_rng(6)
    spectra = analyse(rng.normal(size=(70, 83)).astype(np.float32))
    share = (rng.normal(size=waves().weight.shape) + 1j * waves().y).astype(np.complex64)
    taken = synthesise(spectra * share, (70, 83))
    assert synthesise(spectra, (70, 83), share) == pytest.approx(taken, abs=1e-5)
