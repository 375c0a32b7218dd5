"""Every step of a comparison against deliberately stupid loops.

The loops are fed with what one run of the whole kernel left in its scratch.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from matcher import pairing
from matcher.candidates import (
    LEVELS,
    MAX_CANDIDATES,
    MAX_PER_MINUTIA,
    MAX_TURN_COS,
    MIN_COMMON_CELLS,
    MIN_RESEMBLANCE,
    Scratch,
    is_in_order,
    make_scratch,
)
from matcher.consolidation import (
    BEND_INERTIA,
    BEND_REACH_PX,
    BOX_TURN_COS,
    DIRECTION_LEVER_PX,
    NARROW_BOX_PX,
    RELAXATIONS,
    SLACK_PER_PX,
    SLACK_PX,
    SLACK_TURN_COS,
    bend,
)
from matcher.cylinders import OUTLINE_DIRECTIONS, Described
from matcher.description import describe
from matcher.evidence import (
    CLOSE,
    FITTING,
    HARMONY,
    HARMONY_REACH_PX,
    HARMONY_SLACK_PER_PX,
    HARMONY_SLACK_PX,
    MISSED,
    MISSED_REACH_PX,
    OVERLAP_MARGIN_PX,
    SHARED,
    SIZE,
    SUPPORT,
)
from matcher.pairing import BASE, EVIDENCE_WEIGHTS, pack
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


def nudge(minutiae: Minutiae) -> Minutiae:
    """Near doubles of minutiae, which are rivals for the same partners."""
    doubles = minutiae.copy()
    doubles["x"] += 48
    return doubles


def take_again(minutiae: Minutiae, random: np.random.Generator) -> Minutiae:
    """A second impression: shifted, jittered, bent, some minutiae lost and some false."""
    again = minutiae[random.random(len(minutiae)) < 0.8].copy()
    again["x"] += (400 + again["y"] // 40 + random.integers(0, 48, len(again))).astype(np.uint16)
    again["y"] += (200 + random.integers(0, 48, len(again))).astype(np.uint16)
    again["angle"] += random.integers(0, 2000, len(again)).astype(np.uint16)
    return np.concatenate([again, scatter(6, random)])


@pytest.fixture(
    scope="module", params=[(0, True, 40), (1, False, 40), (2, True, 12), (3, False, 60)]
)
def compared(request: pytest.FixtureRequest) -> tuple[Described, Described, Scratch, float]:
    """Two sides in order, what one comparison left in the scratch, and its score."""
    seed, mated, size = request.param
    random = np.random.default_rng(seed)
    minutiae = scatter(size, random)
    minutiae = np.concatenate([minutiae, nudge(minutiae[: size // 4])])
    second = take_again(minutiae, random) if mated else scatter(size + 3, random)
    one, two = described(minutiae), described(second)
    if not is_in_order(pairing._side(one), pairing._side(two)):
        one, two = two, one
    scratch = make_scratch()
    score = pairing._compare(one, pack([two]), np.zeros(1, np.int64), scratch)[0]
    return one, two, scratch, float(score)


Compared = tuple[Described, Described, Scratch, float]


def test_resemblance_equals_that_of_loops(compared: Compared) -> None:
    one, two, scratch, _ = compared
    for i in range(len(one.places)):
        for j in range(len(two.places)):
            expected = oracle_resemblance(one, two, i, j)
            assert scratch.resemblance[i, j] == pytest.approx(expected, abs=1e-6)


def oracle_resemblance(one: Described, two: Described, i: int, j: int) -> float:
    first = [_bits(int(word)) for word in one.words[i]]
    second = [_bits(int(word)) for word in two.words[j]]
    common = first[-1] & second[-1]
    ones = sum(len(bits & common) for bits in first[:-1])
    others = sum(len(bits & common) for bits in second[:-1])
    unlike = sum(len((a ^ b) & common) for a, b in zip(first[:-1], second[:-1], strict=True))
    turn = float(one.places[i, 2:4] @ two.places[j, 2:4])
    if turn < MAX_TURN_COS or len(common) < MIN_COMMON_CELLS or not ones or not others:
        return 0.0
    return 1.0 - math.sqrt(unlike) / (math.sqrt(ones) + math.sqrt(others))


def oracle_candidates(scratch: Scratch, shape: tuple[int, int]) -> list[tuple[int, int]]:
    cells = [
        (-int(np.float32(scratch.resemblance[i, j]) * np.float32(LEVELS - 1)), i, j)
        for i in range(shape[0])
        for j in range(shape[1])
        if scratch.resemblance[i, j] > MIN_RESEMBLANCE
    ]
    chosen: list[tuple[int, int]] = []
    for _, i, j in sorted(cells):
        rivals = (sum(a == i for a, _ in chosen), sum(b == j for _, b in chosen))
        if max(rivals) < MAX_PER_MINUTIA and len(chosen) < MAX_CANDIDATES:
            chosen.append((i, j))
    return chosen


def test_candidates_are_the_best_pairs_with_few_per_minutia(compared: Compared) -> None:
    one, two, scratch, _ = compared
    chosen = oracle_candidates(scratch, (len(one.places), len(two.places)))
    assert [tuple(pair) for pair in scratch.candidates[: len(chosen)]] == chosen


def test_compatibility_equals_that_of_loops(compared: Compared) -> None:
    one, two, scratch, _ = compared
    chosen = oracle_candidates(scratch, (len(one.places), len(two.places)))
    a, b = _complex(one), _complex(two)
    for p, (i, j) in enumerate(chosen):
        for q, (k, m) in enumerate(chosen):
            expected = 0.0
            turn_p, turn_q = a[i, 1] * b[j, 1].conjugate(), a[k, 1] * b[m, 1].conjugate()
            turn = (turn_p * turn_q.conjugate()).real
            mean = (turn_p + turn_q) / max(abs(turn_p + turn_q), 1e-3)
            off = abs(mean * (b[m, 0] - b[j, 0]) - (a[k, 0] - a[i, 0]))
            gap = abs(a[k, 0] - a[i, 0])
            slack = float(SLACK_PX) ** 2 + (float(SLACK_PER_PX) * gap) ** 2
            if i != k and j != m and off**2 < slack and turn > SLACK_TURN_COS:
                expected = (1 - off**2 / slack) * (turn - SLACK_TURN_COS) / (1 - SLACK_TURN_COS)
            assert scratch.compatible[p, q] == pytest.approx(expected, abs=2e-4)


def _complex(finger: Described) -> NDArray[np.complex128]:
    """Place and direction of each minutia as complex numbers, shape (n, 2)."""
    columns = finger.places.astype(float)
    return np.stack(
        (columns[:, 0] + 1j * columns[:, 1], columns[:, 2] + 1j * columns[:, 3]), axis=1
    )


def test_support_is_what_repeated_multiplication_gives(compared: Compared) -> None:
    one, two, scratch, _ = compared
    chosen = oracle_candidates(scratch, (len(one.places), len(two.places)))
    matrix = scratch.compatible[: len(chosen), : len(chosen)].astype(float)
    strength = np.array([scratch.resemblance[i, j] for i, j in chosen], float)
    for _ in range(RELAXATIONS):
        gained = matrix @ strength
        strength = gained / gained.max()
    assert scratch.evidence[SUPPORT] == pytest.approx(gained.max(), rel=1e-4)


def test_fit_is_closeness_in_place_and_direction(compared: Compared) -> None:
    one, two, scratch, _ = compared
    for i in range(len(one.places)):
        for j in range(len(two.places)):
            dx, dy = one.places[i, :2].astype(float) - scratch.moved[:2, j]
            turn = float(one.places[i, 2:4] @ scratch.moved[2:, j])
            near = 1 - (dx**2 + dy**2) / float(NARROW_BOX_PX) ** 2
            close = (turn - BOX_TURN_COS) / (1 - BOX_TURN_COS)
            expected = max(near, 0.0) * max(close, 0.0)
            assert scratch.fit[i, j] == pytest.approx(expected, abs=1e-4)


def test_pairs_are_taken_best_fit_first_and_once_each(compared: Compared) -> None:
    one, two, scratch, _ = compared
    cells = [
        (-int(np.float32(scratch.fit[i, j]) * np.float32(LEVELS - 1)), i, j)
        for i in range(len(one.places))
        for j in range(len(two.places))
        if scratch.fit[i, j] > 0
    ]
    pairs: list[tuple[int, int]] = []
    for _, i, j in sorted(cells):
        if all(i != a and j != b for a, b in pairs):
            pairs.append((i, j))
    assert [tuple(pair) for pair in _pairs(scratch)] == pairs


def test_the_motion_is_the_best_rigid_one_nearby(compared: Compared) -> None:
    """No small change of rotation or shift lowers the squared errors of the pairs."""
    one, two, scratch, _ = compared
    a, b = _complex(one), _complex(two)
    x, y, cos, sin = scratch.motion.astype(float)

    def error(turn: complex, shift: complex) -> float:
        return float(
            sum(
                abs(turn * b[j, 0] + shift - a[i, 0]) ** 2
                + float(DIRECTION_LEVER_PX) ** 2 * abs(turn * b[j, 1] - a[i, 1]) ** 2
                for i, j in _pairs(scratch)
            )
        )

    turn, shift = complex(cos, sin), complex(x, y)
    middle = np.mean([b[j, 0] for _, j in _pairs(scratch)])
    least = error(turn, shift)
    for step in (1, -1, 1j, -1j):
        assert error(turn, shift + 0.5 * step) > least
    for angle in (0.01, -0.01):
        turned = turn * complex(math.cos(angle), math.sin(angle))
        assert error(turned, shift + (turn - turned) * middle) > least


def test_bending_moves_each_place_by_the_weighed_pulls_of_the_pairs() -> None:
    random = np.random.default_rng(9)
    one, two = described(scatter(20, random)), described(scatter(20, random))
    scratch = make_scratch()
    scratch.moved[:2, :20] = two.places[:, :2].T
    scratch.pairs[:6] = np.stack((random.permutation(20)[:6], random.permutation(20)[:6]), 1)
    before, (a, b) = scratch.moved.astype(float), (_complex(one)[:, 0], _complex(two)[:, 0])
    bend(pairing._side(one), pairing._side(two), 6, scratch)
    for j in range(20):
        total, pull = float(BEND_INERTIA), 0j
        for i, k in scratch.pairs[:6].tolist():
            near = (1 + (abs(b[j] - b[k]) / float(BEND_REACH_PX)) ** 2) ** -2
            total, pull = total + near, pull + near * (a[i] - b[k])
        expected = complex(*before[:2, j]) + pull / total
        assert complex(*scratch.moved[:2, j]) == pytest.approx(expected, abs=1e-2)


def test_evidence_equals_that_of_loops(compared: Compared) -> None:
    one, two, scratch, score = compared
    expected = oracle_evidence(one, two, scratch)
    expected[SUPPORT] = scratch.evidence[SUPPORT]
    assert scratch.evidence == pytest.approx(expected, rel=1e-3, abs=1e-3)
    total = float(BASE) + float(EVIDENCE_WEIGHTS.astype(float) @ expected)
    assert score == pytest.approx(max(total, 0.0), rel=1e-3, abs=1e-2)


def oracle_evidence(one: Described, two: Described, scratch: Scratch) -> NDArray[np.float64]:
    a, b = _complex(one)[:, 0], _complex(two)[:, 0]
    x, y, cos, sin = scratch.motion.astype(float)
    moved = complex(cos, sin) * b + complex(x, y)
    back = (a - complex(x, y)) * complex(cos, -sin)
    pairs = _pairs(scratch)
    result = np.zeros(len(scratch.evidence))
    for i, j in pairs:
        weight = math.sqrt(one.places[i, 4] * two.places[j, 4])
        result[FITTING] += weight * scratch.fit[i, j]
        result[CLOSE] += weight * scratch.fit[i, j] ** 2
        agreed = near_by = 0.0
        for k, m in pairs:
            if k == i:
                continue
            gap = abs(a[k] - a[i])
            off = abs((moved[m] - moved[j]) - (a[k] - a[i]))
            slack = float(HARMONY_SLACK_PX) ** 2 + (float(HARMONY_SLACK_PER_PX) * gap) ** 2
            near = 1 / (1 + (gap / float(HARMONY_REACH_PX)) ** 2)
            agreed += near * max(1 - off**2 / slack, 0.0)
            near_by += near
        result[HARMONY] += weight * agreed / (1 + near_by)
    for finger, outline, places in ((one, two.outline, back), (two, one.outline, moved)):
        for index, place in enumerate(places):
            reach = OUTLINE_DIRECTIONS.astype(float) @ [place.real, place.imag]
            if all(reach <= outline + OVERLAP_MARGIN_PX):
                result[SHARED] += finger.places[index, 4]
    for side, (finger, places) in enumerate(((one, a), (two, b))):
        paired = [pair[side] for pair in pairs]
        for index in set(range(len(places))) - set(paired):
            crowd = sum(
                (1 + (abs(places[index] - places[k]) / float(MISSED_REACH_PX)) ** 2) ** -2
                for k in paired
            )
            result[MISSED] += finger.places[index, 4] * crowd / (1 + crowd)
    result[SIZE] = len(pairs)
    return result


def _pairs(scratch: Scratch) -> list[tuple[int, int]]:
    return [(int(i), int(j)) for i, j in scratch.pairs[: int(scratch.evidence[SIZE])]]


def _bits(word: int) -> set[int]:
    return {bit for bit in range(64) if word >> bit & 1}
