"""Waves are weighed by how well they fit a ridge, as the formula has it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.passband import FUNCTIONS, HEARD, agree, calm, hear, lean, sift, weigh
from matcher.ridges import moments, ridge_tables, ridge_waves, wave_functions, wave_weights
from matcher.spectrum import Floats, waves

SILENCE = np.float32(1e-6)


def bells(normal: Floats, frequency: Floats, turn: Floats, tone: float) -> Floats:
    """The shares of all waves, written out cell by cell: a bell over angles, one over octaves."""
    angle, radius = waves().angle.reshape(-1), np.maximum(waves().radius.reshape(-1), 1e-3)
    between = np.cos(2 * (angle - normal[:, None]))
    octave = np.log(radius / frequency[:, None])
    exponent = (between - 1) / (2 * turn[:, None] ** 2) - octave**2 / (2 * tone**2)
    return np.asarray(np.exp(exponent), np.float32)


def draw(seed: int, count: int = 6) -> tuple[Floats, Floats, Floats]:
    rng = np.random.default_rng(seed)
    normal = rng.uniform(-2, 2, count).astype(np.float32)
    frequency = rng.uniform(0.05, 0.2, count).astype(np.float32)
    return normal, frequency, rng.uniform(0.2, 0.8, count).astype(np.float32)


def exponents(normal: Floats, frequency: Floats, turn: Floats) -> Floats:
    doubled = np.stack([np.cos(2 * normal), np.sin(2 * normal)])
    return np.asarray(lean(doubled, frequency, turn, np.float32(0.35)))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_kept_waves_are_weighed_by_two_bells(seed: int) -> None:
    normal, frequency, turn = draw(seed)
    ones = np.ones((4, 5, waves().radius.size), np.complex64) * (1 - 2j)
    cells = exponents(normal, frequency, turn).reshape(2, 3, FUNCTIONS + 1)
    kept = sift(ones, (1, 2), cells, wave_functions())
    band = bells(normal, frequency, turn, 0.35).reshape(2, 3, -1)
    assert kept.real == pytest.approx(band, rel=1e-2, abs=1e-5)
    np.testing.assert_allclose(kept.imag, -2 * kept.real, rtol=1e-6)


def test_the_area_that_is_kept_begins_at_its_corner() -> None:
    spectra = np.arange(12 * 120).reshape(3, 4, 120).astype(np.complex64)
    cells = np.zeros((2, 2, FUNCTIONS + 1), np.float32)
    kept = sift(spectra, (1, 2), cells, wave_functions())
    np.testing.assert_allclose(kept, spectra[1:, 2:], rtol=1e-6)


def test_a_wave_that_fits_nowhere_is_next_to_nothing() -> None:
    cells = np.full((1, 1, FUNCTIONS + 1), -1e4, np.float32)
    kept = sift(np.ones((1, 1, 120), np.complex64), (0, 0), cells, np.ones((FUNCTIONS, 120), "f4"))
    assert 0 <= kept.real.max() < 1e-30


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_what_is_heard_is_the_power_under_the_bells(seed: int) -> None:
    normal, frequency, turn = draw(seed)
    chosen = ridge_waves()
    power = np.zeros((6, HEARD), np.float32)
    power[:, : len(chosen)] = np.random.default_rng(seed).random((6, len(chosen)), np.float32)
    functions, sums = ridge_tables()
    heard = hear(power, exponents(normal, frequency, turn), functions, sums)
    under = power[:, : len(chosen)] * bells(normal, frequency, turn, 0.35)[:, chosen]
    assert heard == pytest.approx(moments()[:, chosen] @ under.T, rel=1e-3, abs=1e-4)


def test_power_is_that_of_the_chosen_waves_and_of_all() -> None:
    rng = np.random.default_rng(4)
    spectra = (rng.normal(size=(5, 120)) + 1j * rng.normal(size=(5, 120))).astype(np.complex64)
    power, whole = weigh(spectra, wave_weights(), ridge_waves())
    squares = np.abs(spectra) ** 2 * wave_weights()
    chosen = ridge_waves()
    assert power[:, : len(chosen)] == pytest.approx(squares[:, chosen], rel=1e-5)
    assert not power[:, len(chosen) :].any()
    assert whole == pytest.approx(squares.sum(axis=1), rel=1e-5)


def test_neighbours_are_told_directions_by_amplitude() -> None:
    sums = np.array([[4.0, 0.0], [2.0, 0.0], [-4.0, 0.0], [0.5, 0.0]], np.float32)
    directions, frequencies = calm(sums, SILENCE)
    assert directions[0] == pytest.approx([1, -2, 2], rel=1e-5)
    assert frequencies[0] == pytest.approx([0.5, 4])
    assert directions[1] == pytest.approx([0, 0, 0])


def test_neighbours_agree_as_far_as_their_directions_add_up() -> None:
    directions = np.array([[3, 4, 10], [0, 0, 0], [0, -2, 2]], np.float32)
    frequencies = np.array([[2, 20], [0, 0], [0.3, 3]], np.float32)
    doubled, coherence, frequency = agree(directions, frequencies, SILENCE, np.float32(0.11))
    assert doubled[0] == pytest.approx([0.6, 1, 0])
    assert doubled[1] == pytest.approx([0.8, 0, -1])
    assert coherence == pytest.approx([0.5, 0, 1], abs=1e-5)
    assert frequency == pytest.approx([0.1, 0.11, 0.1], rel=1e-4)
