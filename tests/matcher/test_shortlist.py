"""Minutiae kept in eight bytes each, and compared on demand as if they were kept described."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.galleries import Draw, draw_capture, draw_reference
from matcher import shortlist
from matcher.cylinders import MAX_MINUTIAE
from matcher.description import choose_minutiae
from matcher.lineup import is_comparable, line_up
from matcher.memory import ABSENT
from matcher.minutiae_column import MinutiaeColumn
from matcher.pairing import compare, describe
from matcher.shortlist import compare_persons, prepare_probe
from matcher.vocabulary import MINUTIA, FingerPosition, Reference

SHORT = Draw(minutiae=18, face=False)


def person(seed: int) -> Reference:
    """Some fingers of a person, one of them with too few minutiae to be compared."""
    rng = np.random.default_rng((seed, 3))
    kept = [finger for finger in draw_reference(seed, SHORT).fingers if rng.random() < 0.6]
    if kept and rng.random() < 0.3:
        kept[0] = replace(kept[0], minutiae=kept[0].minutiae[:3])
    return Reference(tuple(kept))


def add(column: MinutiaeColumn, reference: Reference) -> int:
    return column.add({f.position: f.minutiae for f in reference.fingers if is_comparable(f)})


def compare_stupidly(probe: Reference, references: list[Reference | None]) -> NDArray[np.float32]:
    """One finger against one finger, again and again."""
    lineup = line_up(probe)
    raw = np.full((len(references), len(lineup.meetings)), np.nan, np.float32)
    for row, reference in enumerate(references):
        held = reference.by_position if reference else {}
        for column, (finger, position) in enumerate(lineup.meetings):
            if position in held and is_comparable(held[position]):
                own = describe(lineup.fingers[finger])
                raw[row, column] = compare(own, describe(held[position]))
    return raw


def search(probe: Reference, column: MinutiaeColumn, handles: list[int]) -> NDArray[np.float32]:
    lineup = line_up(probe)
    prepared = prepare_probe([describe(f) for f in lineup.fingers], lineup.meetings)
    return compare_persons(prepared, column, np.array(handles, np.int64))


@pytest.mark.parametrize("unknown", [set(), {2}, set(range(10))], ids=str)
@pytest.mark.parametrize("fingers", [0, 1, 4, 10])
def test_described_on_demand_they_score_what_templates_score(
    fingers: int, unknown: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Small blocks, so that the handles lead to several.
    monkeypatch.setattr("matcher.minutiae_column.BLOCK_WORDS", 512)
    column, persons = MinutiaeColumn(), [person(seed) for seed in range(12)]
    handles = [add(column, one) for one in persons]
    assert len(column.blocks) > 2
    capture = draw_capture(draw_reference(5, SHORT), 5).fingers[:fingers]
    probe = Reference(
        tuple(
            replace(finger, position=FingerPosition.UNKNOWN) if place in unknown else finger
            for place, finger in enumerate(capture)
        )
    )
    found = search(probe, column, [*handles[6:], ABSENT, *handles[:6]])
    expected = compare_stupidly(probe, [*persons[6:], None, *persons[:6]])
    assert np.array_equal(found, expected, equal_nan=True)
    assert fingers == 0 or np.isfinite(found).any()


def test_a_list_shared_out_scores_what_it_scores_together() -> None:
    column = MinutiaeColumn()
    handles = [add(column, person(seed)) for seed in range(6)]
    probe = draw_capture(draw_reference(2, SHORT), 2)
    together = search(probe, column, handles)
    parts = [search(probe, column, handles[:2]), search(probe, column, handles[2:])]
    assert np.array_equal(together, np.concatenate(parts), equal_nan=True)


def test_a_meeting_of_a_finger_that_is_not_there_is_refused() -> None:
    with pytest.raises(IndexError, match="does not have"):
        prepare_probe([], [(0, FingerPosition.RIGHT_THUMB)])


def test_the_kernel_runs_without_the_interpreter_lock() -> None:
    assert shortlist._compare_listed.targetoptions["nogil"]  # type: ignore[attr-defined]


def test_a_column_gives_back_what_it_was_given() -> None:
    column = MinutiaeColumn()
    held = {column.add({}): Reference()}
    for seed in range(8):
        held[add(column, person(seed))] = person(seed)
    for handle, reference in held.items():
        fingers = {f.position: f.minutiae for f in reference.fingers if is_comparable(f)}
        found = column.read(handle)
        assert list(found) == sorted(fingers)
        for position, minutiae in fingers.items():
            assert np.array_equal(found[position], choose_minutiae(minutiae).view(MINUTIA))


def test_of_too_many_minutiae_only_the_best_are_kept() -> None:
    minutiae = np.zeros(MAX_MINUTIAE + 9, MINUTIA)
    minutiae["quality"], minutiae["x"] = np.arange(len(minutiae)), 16
    column = MinutiaeColumn()
    kept = column.read(column.add({FingerPosition.LEFT_RING: minutiae}))[FingerPosition.LEFT_RING]
    assert sorted(kept["quality"]) == list(range(9, MAX_MINUTIAE + 9))


def test_erasing_leaves_nothing_and_disturbs_nobody() -> None:
    column = MinutiaeColumn()
    handles = [add(column, person(seed)) for seed in range(5)]
    before = [column.read(handle) for handle in handles]
    for handle in handles[:2]:
        column.erase(handle)
        assert column.read(handle) == {}
    probe = draw_capture(draw_reference(1, SHORT), 1)
    assert np.isnan(search(probe, column, handles[:2])).all()
    for handle, fingers in zip(handles[2:], before[2:], strict=True):
        found = column.read(handle)
        assert all(np.array_equal(found[p], fingers[p]) for p in fingers)
        column.erase(handle)
    assert not any(block.any() for block in column.blocks)


def test_a_room_is_used_again_only_after_reuse() -> None:
    column = MinutiaeColumn()
    first = add(column, person(1))
    column.erase(first)
    second = add(column, person(1))
    assert second != first
    column.reuse(first)
    assert add(column, person(1)) == first
    assert column.read(first).keys() == column.read(second).keys()
