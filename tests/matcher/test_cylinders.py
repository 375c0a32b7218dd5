"""Cylinders against deliberately stupid loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from matcher.cylinders import (
    BIT_THRESHOLD,
    CELL_PLACES,
    CELLS,
    MAX_MINUTIAE,
    MIN_NEIGHBOURS,
    MIN_SEEN_CELLS,
    OUTLINE_DIRECTIONS,
    OUTLINE_MARGIN_PX,
    RADIUS_PX,
    SECTIONS,
    SPREAD_PX,
    SPREAD_RADIANS,
    Described,
)
from matcher.description import CROWD_PX, choose_minutiae, describe
from matcher.vocabulary import MINUTIA, FingerTemplate

Minutiae = NDArray[np.void]


def scatter(count: int, random: np.random.Generator) -> Minutiae:
    """Minutiae without any order, all over a flat print."""
    minutiae = np.zeros(count, MINUTIA)
    minutiae["x"] = random.uniform(60, 340, count) * 16
    minutiae["y"] = random.uniform(60, 400, count) * 16
    minutiae["angle"] = random.integers(0, 65536, count)
    minutiae["quality"] = random.integers(20, 101, count)
    return minutiae


def described(minutiae: Minutiae) -> Described:
    return describe(FingerTemplate(minutiae, 400, 460, quality=50, model="test"))


def oracle_words(finger: Described, centre: int) -> list[set[int]]:
    """Set bits of each section of one cylinder, then the cells seen."""
    places = finger.places.astype(float)
    x, y, cos, sin = places[centre, :4]
    seen = set()
    for cell, (along, across) in enumerate(CELL_PLACES.astype(float)):
        at = np.array([x + along * cos - across * sin, y + along * sin + across * cos])
        if all(OUTLINE_DIRECTIONS.astype(float) @ at <= finger.outline + OUTLINE_MARGIN_PX):
            seen.add(cell)
    density = np.zeros((SECTIONS, CELLS))
    neighbours = 0
    for other in range(len(places)):
        dx, dy = places[other, 0] - x, places[other, 1] - y
        if other == centre or math.hypot(dx, dy) > RADIUS_PX + 3 * SPREAD_PX:
            continue
        neighbours += 1
        turn = math.atan2(places[other, 3], places[other, 2]) - math.atan2(sin, cos)
        for cell, (along, across) in enumerate(CELL_PLACES.astype(float)):
            gap = math.hypot(dx * cos + dy * sin - along, dy * cos - dx * sin - across) / SPREAD_PX
            for section in range(SECTIONS):
                off = math.remainder(turn - section * 2 * math.pi / SECTIONS, 2 * math.pi)
                if gap < 3:
                    density[section, cell] += math.exp(
                        -0.5 * gap**2 - 0.5 * (off / SPREAD_RADIANS) ** 2
                    )
    if neighbours < MIN_NEIGHBOURS or len(seen) < MIN_SEEN_CELLS:
        return [set() for _ in range(SECTIONS + 1)]
    bits = [set(np.flatnonzero(row >= BIT_THRESHOLD).tolist()) for row in density]
    return [*bits, seen]


@pytest.mark.parametrize(("seed", "size"), [(0, 40), (1, 15), (2, 5), (3, 3)])
def test_cylinders_hold_the_bits_that_loops_find(seed: int, size: int) -> None:
    finger = described(scatter(size, np.random.default_rng(seed)))
    for centre in range(size):
        words = [_bits(int(word)) for word in finger.words[centre]]
        assert words == oracle_words(finger, centre)


def _bits(word: int) -> set[int]:
    return {bit for bit in range(64) if word >> bit & 1}


def test_a_minutia_weighs_by_its_quality_and_less_in_a_crowd() -> None:
    random = np.random.default_rng(4)
    minutiae = scatter(50, random)
    finger = described(minutiae)
    for row, place in enumerate(finger.places.astype(float)):
        gaps = [math.hypot(place[0] - other[0], place[1] - other[1]) for other in finger.places]
        crowd = sum(1 - (gap / CROWD_PX) ** 2 for gap in gaps if gap < CROWD_PX)
        quality = minutiae["quality"][finger.order[row]] / 100
        assert place[4] == pytest.approx(quality / math.sqrt(crowd), rel=1e-5)


# --- what compiled code finds is what numpy finds, bit for bit --------------------------------


def describe_stupidly(minutiae: Minutiae) -> Described:
    """The same in numpy, as it stood before it was compiled."""
    keys = ("kind", "quality", "y", "x", "angle")
    order = np.lexsort([minutiae[key] for key in keys])
    by_quality = np.argsort(-minutiae["quality"][order].astype(int), kind="stable")
    order = order[np.sort(by_quality[:MAX_MINUTIAE])]
    chosen = minutiae[order]
    angle = chosen["angle"] * (2.0 * math.pi / 65536.0)
    x, y = chosen["x"] / 16, chosen["y"] / -16
    gap = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2
    crowd = np.maximum(1.0 - gap / CROWD_PX**2, 0.0).sum(axis=1)
    weight = np.minimum(chosen["quality"], 100) / 100.0 / np.sqrt(crowd)
    places = np.stack((x, y, np.cos(angle), np.sin(angle), weight), axis=1).astype(np.float32)
    reach = places[:, :2] @ OUTLINE_DIRECTIONS.T
    outline = reach.max(axis=0, initial=-np.inf) if len(places) else np.zeros(16, np.float32)
    words = [cylinder_stupidly(places, outline, centre) for centre in range(len(places))]
    return Described(places, np.array(words, np.uint64).reshape(-1, SECTIONS + 1), outline, order)


def cylinder_stupidly(
    places: NDArray[np.float32], outline: NDArray[np.float32], centre: int
) -> list[int]:
    """The words of one cylinder; coordinates in single precision, densities in double."""
    x, y, cos, sin = places[centre, :4]
    along, across = CELL_PLACES.T
    at = np.stack((x + along * cos - across * sin, y + along * sin + across * cos), axis=1)
    reach = at[:, :1] * OUTLINE_DIRECTIONS[:, 0] + at[:, 1:] * OUTLINE_DIRECTIONS[:, 1]
    seen = (reach <= outline.astype(float) + OUTLINE_MARGIN_PX).all(axis=1)
    dx, dy = places[:, 0] - x, places[:, 1] - y
    near = dx * dx + dy * dy <= (RADIUS_PX + 3 * SPREAD_PX) ** 2
    near[centre] = False
    if near.sum() < MIN_NEIGHBOURS or seen.sum() < MIN_SEEN_CELLS:
        return [0] * (SECTIONS + 1)
    dx, dy, other_cos, other_sin = dx[near], dy[near], places[near, 2], places[near, 3]
    turn = np.arctan2(other_sin * cos - other_cos * sin, other_cos * cos + other_sin * sin)
    off = turn[:, None].astype(float) - np.arange(SECTIONS) * (2.0 * math.pi / SECTIONS)
    off -= 2.0 * math.pi * np.floor(off / (2.0 * math.pi) + 0.5)
    shares = np.exp(-0.5 * (off / SPREAD_RADIANS) ** 2)
    ahead = (dx * cos + dy * sin)[:, None] - along
    aside = (dy * cos - dx * sin)[:, None] - across
    square = (ahead * ahead + aside * aside).astype(float) / SPREAD_PX**2
    weight = np.where(square < 9.0, np.exp(-0.5 * square), 0.0)
    bits = shares.T @ weight >= BIT_THRESHOLD
    return [sum(1 << int(cell) for cell in np.flatnonzero(row)) for row in [*bits, seen]]


def crooked(count: int, random: np.random.Generator) -> Minutiae:
    """Minutiae of any value: far apart, on one spot, of equal or opposite directions, twice."""
    minutiae = scatter(count, random)
    for field in ("x", "y"):
        minutiae[field] = random.integers(0, random.choice([40, 1600, 6400, 65536]), count)
    if random.random() < 0.5:
        minutiae["angle"] = random.integers(0, 8, count) * 8192
    minutiae["kind"] = random.integers(0, 256, count)
    minutiae["quality"] = random.integers(0, random.choice([2, 256]), count)
    minutiae[: count // 5] = minutiae[count - count // 5 :]
    return minutiae


@pytest.mark.parametrize("size", [0, *range(2, 20), 45, 64, 127, 128, 129, 200, 250])
def test_compiled_descriptions_equal_those_of_numpy_bit_for_bit(size: int) -> None:
    """One minutia alone is left out: numpy rounds its outline in another way, and it scores 0."""
    for seed in range(6):
        random = np.random.default_rng((size, seed))
        minutiae = scatter(size, random) if seed < 3 else crooked(size, random)
        found, expected = described(minutiae), describe_stupidly(minutiae)
        assert np.array_equal(found.order, expected.order)
        assert found.places.tobytes() == expected.places.tobytes()
        assert found.outline.tobytes() == expected.outline.astype(np.float32).tobytes()
        assert np.array_equal(found.words, expected.words)


def test_sorting_first_changes_nothing() -> None:
    minutiae = crooked(180, np.random.default_rng(9))
    chosen = choose_minutiae(minutiae).view(MINUTIA)
    one, two = described(minutiae), described(chosen)
    assert np.array_equal(two.order, np.arange(MAX_MINUTIAE))
    assert np.array_equal(minutiae[one.order], chosen)
    assert np.array_equal(one.places, two.places)
    assert np.array_equal(one.words, two.words)
