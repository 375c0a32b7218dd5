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
    CROWD_PX,
    MIN_NEIGHBOURS,
    MIN_SEEN_CELLS,
    OUTLINE_DIRECTIONS,
    OUTLINE_MARGIN_PX,
    RADIUS_PX,
    SECTIONS,
    SPREAD_PX,
    SPREAD_RADIANS,
    Described,
    describe,
)
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
