"""Comparison of fingers: what must hold for any minutiae, and each kernel step against loops."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from matcher import pairing
from matcher.calibration import finger_raw
from matcher.cylinders import MAX_MINUTIAE
from matcher.errors import Malformed
from matcher.extraction import extract_finger
from matcher.pairing import (
    MIN_MINUTIAE,
    Described,
    compare,
    compare_many,
    describe,
    describe_many,
    explain,
    pack,
)
from matcher.vocabulary import MINUTIA, FingerSample, FingerTemplate

Minutiae = NDArray[np.void]

# --- random fingers ---------------------------------------------------------------------------


def scatter(count: int, random: np.random.Generator) -> Minutiae:
    """Minutiae without any order, all over a flat print."""
    minutiae = np.zeros(count, MINUTIA)
    minutiae["x"] = random.uniform(60, 340, count) * 16
    minutiae["y"] = random.uniform(60, 400, count) * 16
    minutiae["angle"] = random.integers(0, 65536, count)
    minutiae["kind"] = random.integers(0, 3, count)
    minutiae["quality"] = random.integers(20, 101, count)
    return minutiae


def move(minutiae: Minutiae, turn: float, shift: tuple[float, float]) -> Minutiae:
    """The same minutiae turned counter-clockwise about the middle of the print and shifted."""
    moved = minutiae.copy()
    x, y = minutiae["x"] / 16 - 200, 230 - minutiae["y"] / 16
    moved["x"] = np.rint((math.cos(turn) * x - math.sin(turn) * y + 400 + shift[0]) * 16)
    moved["y"] = np.rint((430 - math.sin(turn) * x - math.cos(turn) * y + shift[1]) * 16)
    moved["angle"] = np.rint(minutiae["angle"] + turn / (2 * math.pi) * 65536) % 65536
    return moved


def take_again(minutiae: Minutiae, random: np.random.Generator) -> Minutiae:
    """A second impression: turned, shifted, jittered, some minutiae lost and some false."""
    kept = minutiae[random.random(len(minutiae)) < 0.8]
    again = move(kept, random.normal(0, 0.25), tuple(random.normal(0, 20, 2)))
    again["x"] += random.integers(0, 48, len(again)).astype(np.uint16)
    again["y"] += random.integers(0, 48, len(again)).astype(np.uint16)
    again["angle"] += random.integers(0, 2000, len(again)).astype(np.uint16)
    return np.concatenate([again, scatter(6, random)])


def template(minutiae: Minutiae) -> FingerTemplate:
    return FingerTemplate(minutiae, 800, 900, quality=50, model="test")


def described(minutiae: Minutiae) -> Described:
    return describe(template(minutiae))


def fingers(seed: int, count: int = 12, size: int = 40) -> tuple[list[Described], list[Described]]:
    """First and second impressions of random fingers."""
    random = np.random.default_rng(seed)
    firsts = [scatter(size, random) for _ in range(count)]
    return [described(one) for one in firsts], [
        described(take_again(one, random)) for one in firsts
    ]


SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.integers(0, 60)

# --- what must hold for any minutiae ----------------------------------------------------------


@settings(max_examples=60)
@given(SEEDS, SIZES, SIZES, st.booleans())
def test_a_score_is_the_same_whoever_is_the_probe(
    seed: int, size: int, other: int, mated: bool
) -> None:
    random = np.random.default_rng(seed)
    first = scatter(size, random)
    one, two = (
        described(first),
        described(take_again(first, random) if mated else scatter(other, random)),
    )
    assert compare(one, two) == compare(two, one) >= 0.0


@settings(max_examples=40)
@given(SEEDS, SIZES)
def test_the_order_of_the_minutiae_means_nothing(seed: int, size: int) -> None:
    random = np.random.default_rng(seed)
    minutiae = scatter(size, random)
    other = described(take_again(minutiae, random))
    assert compare(described(random.permutation(minutiae)), other) == compare(
        described(minutiae), other
    )


@pytest.mark.parametrize("turn", [-1.0, -0.3, 0.1, 0.7])
def test_turning_and_shifting_a_finger_hardly_changes_its_scores(turn: float) -> None:
    random = np.random.default_rng(5)
    for _ in range(8):
        minutiae = scatter(40, random)
        still = described(take_again(minutiae, random))
        before = compare(described(minutiae), still)
        after = compare(described(move(minutiae, turn, (30.0, -20.0))), still)
        assert after == pytest.approx(before, rel=0.12)


def test_turning_both_fingers_alike_keeps_a_non_mated_score_low() -> None:
    """The grid of places is not turned along, so chance pairs may come and go: within a third of
    what one false match in 10,000 reaches."""
    random = np.random.default_rng(6)
    for _ in range(20):
        one, two = scatter(35, random), scatter(35, random)
        before = compare(described(one), described(two))
        after = compare(
            described(move(one, 0.4, (9.0, 4.0))), described(move(two, 0.4, (9.0, 4.0)))
        )
        assert abs(after - before) < finger_raw(40.0) / 3


def test_a_finger_resembles_nothing_more_than_itself() -> None:
    firsts, seconds = fingers(1)
    for one in firsts:
        itself = compare(one, one)
        assert all(compare(one, two) < itself for two in [*firsts, *seconds] if two is not one)


def test_mated_fingers_score_above_all_strangers() -> None:
    firsts, seconds = fingers(2, count=20)
    packed = pack(seconds)
    scores = np.array([compare_many(one, packed, np.arange(20)) for one in firsts])
    strangers = scores[~np.eye(20, dtype=bool)]
    assert scores.diagonal().min() > strangers.max()


@pytest.mark.parametrize("size", range(MIN_MINUTIAE))
def test_templates_with_too_few_minutiae_score_nothing(size: int) -> None:
    random = np.random.default_rng(3)
    few, many = described(scatter(size, random)), described(scatter(40, random))
    assert compare(few, many) == compare(few, few) == 0.0
    assert explain(few, many).pairs.shape == (0, 2)


@settings(max_examples=60)
@given(st.integers(0, 8), SEEDS, st.booleans())
def test_few_coinciding_or_flat_minutiae_are_compared_without_harm(
    size: int, seed: int, same_place: bool
) -> None:
    random = np.random.default_rng(seed)
    minutiae = scatter(size, random)
    minutiae["y"] = 1600
    if same_place:
        minutiae["x"], minutiae["angle"] = 1600, 0
    one = described(minutiae)
    assert math.isfinite(compare(one, one))
    assert math.isfinite(compare(one, described(scatter(30, random))))


@settings(max_examples=30)
@given(SEEDS, st.lists(SIZES, min_size=1, max_size=8), st.data())
def test_many_comparisons_equal_single_ones_bit_for_bit(
    seed: int, sizes: list[int], data: st.DataObject
) -> None:
    random = np.random.default_rng(seed)
    stored = [described(scatter(size, random)) for size in sizes]
    probe = described(scatter(30, random))
    rows = data.draw(st.lists(st.integers(0, len(sizes) - 1), max_size=12))
    scores = compare_many(probe, pack(stored), np.array(rows, np.int64))
    assert scores.dtype == np.float32
    assert scores.tolist() == [compare(probe, stored[row]) for row in rows]


@pytest.mark.parametrize("sizes", [[], [0], [30, 0, MAX_MINUTIAE + 20, 5]], ids=str)
def test_many_fingers_are_described_as_each_alone(sizes: list[int]) -> None:
    random = np.random.default_rng(21)
    stored = [scatter(size, random) for size in sizes]
    found, expected = describe_many(stored), pack([described(one) for one in stored])
    for name in ("places", "words", "outlines", "starts", "counts"):
        one, two = getattr(found, name), getattr(expected, name)
        assert one.dtype == two.dtype
        assert np.array_equal(one, two)


def test_columns_longer_than_what_they_hold_change_nothing() -> None:
    firsts, seconds = fingers(4, count=5)
    packed = pack(seconds)
    longer = replace(
        packed,
        places=np.concatenate([packed.places, np.full((50, 5), np.nan, np.float32)]),
        words=np.concatenate(
            [packed.words, np.full((50, packed.words.shape[1]), 2**63, np.uint64)]
        ),
    )
    rows = np.array([4, 0, 4])
    assert np.array_equal(
        compare_many(firsts[0], packed, rows), compare_many(firsts[0], longer, rows)
    )


@pytest.mark.parametrize("row", [-1, 3])
def test_a_row_outside_the_store_is_refused(row: int) -> None:
    firsts, seconds = fingers(4, count=3)
    with pytest.raises(IndexError, match="not in the packed store"):
        compare_many(firsts[0], pack(seconds), np.array([0, row]))


def test_other_arrays_than_minutiae_are_refused() -> None:
    with pytest.raises(Malformed, match="MINUTIA"):
        described(np.zeros(5, [("x", "<f4"), ("y", "<f4")]))


def test_of_too_many_minutiae_the_best_are_used() -> None:
    minutiae = scatter(MAX_MINUTIAE + 40, np.random.default_rng(8))
    minutiae["quality"] = np.arange(len(minutiae)) % 101
    one = described(minutiae)
    left_out = np.setdiff1d(np.arange(len(minutiae)), one.order)
    assert len(one.order) == MAX_MINUTIAE
    assert minutiae["quality"][left_out].max() <= minutiae["quality"][one.order].min()


def test_the_kernel_runs_without_the_interpreter_lock() -> None:
    assert pairing._compare_rows.targetoptions["nogil"]  # type: ignore[attr-defined]


def test_a_change_in_any_compiled_source_makes_the_kernel_compile_again() -> None:
    """The digest covers every file whose functions the kernel calls, however deep."""
    used = {Path(module.__file__ or "").name for module in _modules_of(pairing.compare_sides)}
    assert used == {
        "pairing.py",
        "evidence.py",
        "consolidation.py",
        "candidates.py",
        "cylinders.py",
    }
    text = Path(pairing.__file__).read_text()
    listed = text[text.index("names = (") : text.index(")", text.index("names = ("))]
    assert all(f'"{name}"' in listed for name in used)


def _modules_of(dispatcher: Any) -> set[ModuleType]:
    """Modules of a compiled function and of all that it calls."""
    found, waiting = set(), [dispatcher]
    seen = set()
    while waiting:
        function = waiting.pop().py_func
        if function in seen:
            continue
        seen.add(function)
        found.add(sys.modules[function.__module__])
        names = [function.__globals__.get(name) for name in function.__code__.co_names]
        waiting += [value for value in names if hasattr(value, "py_func")]
    return found


# --- the explanation --------------------------------------------------------------------------


def test_an_explanation_pairs_what_lies_on_each_other() -> None:
    random = np.random.default_rng(11)
    minutiae = scatter(40, random)
    shuffled = random.permutation(40)
    moved = move(minutiae, 0.5, (12.0, -7.0))[shuffled]
    probe, reference = template(moved), template(minutiae)
    result = explain(describe(probe), describe(reference))
    assert result.score == compare(describe(probe), describe(reference))
    assert len(result.pairs) >= 38
    assert np.mean(shuffled[result.pairs[:, 0]] == result.pairs[:, 1]) > 0.95
    assert result.rotation == pytest.approx(0.5, abs=0.02)
    _check_motion(probe, reference, result)


def test_an_explanation_is_mirrored_when_the_sides_change() -> None:
    random = np.random.default_rng(12)
    minutiae = scatter(40, random)
    probe, reference = template(take_again(minutiae, random)), template(minutiae)
    one = explain(describe(probe), describe(reference))
    two = explain(describe(reference), describe(probe))
    assert one.score == two.score
    assert {tuple(pair) for pair in one.pairs} == {tuple(pair[::-1]) for pair in two.pairs}
    assert one.rotation == pytest.approx(-two.rotation, abs=1e-5)
    _check_motion(probe, reference, one)
    _check_motion(reference, probe, two)


def _check_motion(probe: FingerTemplate, reference: FingerTemplate, result: Any) -> None:
    """Turning about the corner and shifting lays the paired reference minutiae on the probe's."""
    one = probe.minutiae[result.pairs[:, 0]]
    two = reference.minutiae[result.pairs[:, 1]]
    x, up = two["x"] / 16, -(two["y"] / 16)
    cos, sin = math.cos(result.rotation), math.sin(result.rotation)
    right = cos * x - sin * up + result.translation[0]
    down = -(sin * x + cos * up) + result.translation[1]
    assert np.median(np.hypot(right - one["x"] / 16, down - one["y"] / 16)) < 4.0


# --- real prints ------------------------------------------------------------------------------


@pytest.mark.real
def test_real_prints_find_their_mates(real_data: Path) -> None:
    """Of four fingers with two impressions each, every mated pair beats every stranger."""
    finger, templates = [], []
    for number, path in _impressions(real_data):
        sample = FingerSample(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), 500.0)  # type: ignore[arg-type]
        finger.append(number)
        templates.append(describe(extract_finger(sample)[0]))
    scores = np.array([compare_many(one, pack(templates), np.arange(8)) for one in templates])
    mated = np.equal.outer(finger, finger)
    itself = np.eye(8, dtype=bool)
    assert scores[mated & ~itself].min() > scores[~mated].max()
    assert (scores.diagonal() >= scores.max(axis=1)).all()


def _impressions(real_data: Path) -> Iterator[tuple[int, Path]]:
    for number in (102, 104, 106, 108):
        for impression in (1, 5):
            name = f"{number}_{impression}.tif"
            yield number, real_data / "fingerprints" / "FVC2002_DB1_B" / name
