"""Codes of vectors and where they lie."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.codes import (
    ALL_FINGERS,
    COARSE_GROUPS,
    DIMENSIONS,
    FINE_STEP,
    FINGERS,
    FULL_SCALE,
    NEUTRAL,
    Bytes,
    Vectors,
    clear_coarse,
    clear_fine,
    find_nibble,
    make_coarse,
    make_fine,
    quantise,
    restore,
    write_coarse,
    write_fine,
)

ROWS = 64


def draw_vectors(rng: np.random.Generator) -> Vectors:
    return rng.integers(-127, 128, (FINGERS, DIMENSIONS)).astype(np.int8)


def read_fine(plane: Bytes, place: int) -> Bytes:
    """The nibbles of a person (FINGERS, DIMENSIONS), one by one."""
    nibbles = np.zeros((FINGERS, DIMENSIONS), np.uint8)
    for finger in range(FINGERS):
        for dimension in range(DIMENSIONS):
            piece, within = divmod(dimension, 8)
            byte = plane[finger, place // 16, piece, 4 * (place % 16) + within % 4]
            nibbles[finger, dimension] = byte >> 4 if within >= 4 else byte & 15
    return nibbles


def read_coarse(plane: Bytes, place: int) -> Bytes:
    """The nibbles of a person (FINGERS, COARSE_GROUPS), one by one."""
    nibbles = np.zeros((FINGERS, COARSE_GROUPS), np.uint8)
    for finger in range(FINGERS):
        for group in range(COARSE_GROUPS):
            byte = plane[place // 32, COARSE_GROUPS * finger + group, place % 16]
            nibbles[finger, group] = byte >> 4 if place % 32 >= 16 else byte & 15
    return nibbles


def test_the_stored_form_keeps_vectors_within_half_a_step() -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(50, DIMENSIONS)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert np.abs(restore(quantise(vectors)) - vectors).max() <= FULL_SCALE / 127 / 2 + 1e-6
    assert quantise(np.array([-1, 1, FULL_SCALE, 0], np.float32)).tolist() == [-127, 127, 127, 0]


@given(st.integers(-127, 127))
def test_a_nibble_is_the_nearest_level(value: int) -> None:
    distances = [abs(value - level * FINE_STEP) for level in range(-7, 8)]
    nibble = find_nibble(value)
    assert distances[nibble - 1] == min(distances)
    assert find_nibble(-value) == 2 * NEUTRAL - nibble


@pytest.mark.parametrize("mask", [ALL_FINGERS, 0, 1, 0b1000000010, 0b0111111110])
def test_every_place_holds_its_own_person(mask: int) -> None:
    rng = np.random.default_rng(mask)
    people = [draw_vectors(rng) for _ in range(ROWS)]
    fine, coarse = make_fine(ROWS), make_coarse(ROWS)
    for place in rng.permutation(ROWS):
        write_fine(fine, place, people[place], mask)
        write_coarse(coarse, place, people[place], mask)
    present = np.array([mask >> finger & 1 for finger in range(FINGERS)], bool)
    powers = 1 << np.arange(4)
    for place, vectors in enumerate(people):
        levels = np.array([[find_nibble(int(v)) for v in finger] for finger in vectors])
        levels[~present] = NEUTRAL
        assert np.array_equal(read_fine(fine, place), levels)
        signs = vectors[:, : 4 * COARSE_GROUPS].reshape(FINGERS, COARSE_GROUPS, 4) >= 0
        expected = (signs * powers).sum(axis=2) * present[:, None]
        assert np.array_equal(read_coarse(coarse, place), expected)


@pytest.mark.parametrize("place", [0, 15, 16, 31, 32, 63])
def test_clearing_leaves_zeros_and_the_neighbours(place: int) -> None:
    rng = np.random.default_rng(place)
    fine, coarse = make_fine(ROWS), make_coarse(ROWS)
    for other in range(ROWS):
        vectors = draw_vectors(rng)
        write_fine(fine, other, vectors, ALL_FINGERS)
        write_coarse(coarse, other, vectors, ALL_FINGERS)
    before = [(read_fine(fine, other), read_coarse(coarse, other)) for other in range(ROWS)]
    clear_fine(fine, place)
    clear_coarse(coarse, place)
    for other in range(ROWS):
        expected = (0 * before[other][0], 0 * before[other][1]) if other == place else before[other]
        assert np.array_equal(read_fine(fine, other), expected[0])
        assert np.array_equal(read_coarse(coarse, other), expected[1])
