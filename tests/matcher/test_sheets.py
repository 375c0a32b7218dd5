"""What the steps of a search send of a plan is all that they take."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.galleries import Draw, draw_capture, draw_reference
from matcher.cascade import Plan, make_plan, make_queries
from matcher.lineup import line_up
from matcher.pairing import PackedDescribed
from matcher.sheets import Sheets, read_sheet
from matcher.vocabulary import FingerPosition, Reference

VECTORS = Draw(minutiae=12, vectors=True)


def capture(fingers: slice, *unknown: int) -> Reference:
    whole = draw_capture(draw_reference(3, VECTORS), 3)
    named = [
        replace(one, position=FingerPosition.UNKNOWN) if number in unknown else one
        for number, one in enumerate(whole.fingers)
    ]
    return Reference(tuple(named[fingers]), whole.face)


ONE = capture(slice(1))

PROBES = {
    "ten": capture(slice(10)),
    "some of unknown position": capture(slice(4), 1, 3),
    "one at three poses": replace(
        ONE, fingers=(replace(ONE.fingers[0], other_poses=np.eye(2, 128, dtype=np.int8)),)
    ),
    "a face alone": capture(slice(0)),
}


def assert_same_prints(one: PackedDescribed, other: PackedDescribed) -> None:
    for name in ("places", "words", "outlines", "starts", "counts"):
        ours, theirs = getattr(one, name), getattr(other, name)
        assert ours.dtype == theirs.dtype
        assert np.array_equal(ours, theirs)


def assert_same_questions(read: Plan, plan: Plan) -> None:
    """All but prints and lineups."""
    assert (read.partitions, read.exact, read.broad) == (plan.partitions, plan.exact, plan.broad)
    for ours, theirs in zip(read.readings, plan.readings, strict=True):
        assert (ours.length, ours.cost, ours.swapped) == (
            theirs.length,
            theirs.cost,
            theirs.swapped,
        )
        assert len(ours.named) == len(theirs.named)
        for one, other in zip(ours.queries, theirs.queries, strict=True):
            assert np.array_equal(one.vectors, other.vectors)
            assert np.array_equal(one.weights, other.weights)
            assert one.partitions == other.partitions


@pytest.mark.parametrize("name", PROBES)
@pytest.mark.parametrize("partitions", [None, frozenset({1, 2})], ids=str)
def test_a_plan_comes_out_as_it_went_in(name: str, partitions: frozenset[int] | None) -> None:
    lineup = line_up(PROBES[name])
    plan = make_plan(lineup, partitions)
    sheets = Sheets(make_queries(lineup, partitions))
    read = read_sheet(sheets.compare(len(plan.readings)))
    assert_same_questions(read, plan)
    for ours, theirs in zip(read.readings, plan.readings, strict=True):
        assert ours.lineup.meetings == theirs.lineup.meetings
        assert ours.lineup.open_positions == theirs.lineup.open_positions
        assert [one.position for one in ours.lineup.fingers] == [
            one.position for one in theirs.lineup.fingers
        ]
        assert np.array_equal(ours.prints.meetings, theirs.prints.meetings)
        assert_same_prints(ours.prints.fingers, theirs.prints.fingers)
        assert ours.lineup.face is not None
        assert theirs.lineup.face is not None
        assert np.array_equal(ours.lineup.face.vector, theirs.lineup.face.vector)


def test_who_nominates_gets_no_prints_and_only_the_readings_wanted() -> None:
    lineup = line_up(PROBES["ten"])
    plan, sheets = make_plan(lineup, None), Sheets(make_queries(lineup, None))
    assert len(plan.readings) == 2
    read = read_sheet(sheets.ask(1))
    assert_same_questions(read, replace(plan, readings=plan.readings[:1]))
    assert len(read.readings[0].prints.fingers.starts) == 0
    assert read.lineup.fingers == ()
    assert len(read_sheet(sheets.ask(2)).readings) == 2
    assert len(sheets.ask(1)) < len(sheets.compare(1)) / 4
    assert len(read_sheet(sheets.compare(1)).readings) == 1
    # Written once.
    assert sheets.compare(2) is sheets.compare(2)
