"""The map from ids to rows against a dictionary."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from matcher import idmap
from matcher.idmap import MAX_ROWS, VACANT, IdMap

IDS = st.integers(-3, 12) | st.integers(-(2**63), 2**63 - 1)
ROWS = st.integers(0, 50) | st.just(MAX_ROWS - 1)


class LivingMap(RuleBasedStateMachine):
    """Whatever is done, the map answers as a dictionary; at first it has four slots only."""

    @initialize()
    def begin(self) -> None:
        self.map, self.held = IdMap(), dict[int, int]()
        self.map._ids = np.zeros(4, np.int64)
        self.map._rows = np.full(4, VACANT, np.int32)

    @rule(one=IDS, row=ROWS)
    def insert(self, one: int, row: int) -> None:
        self.map.insert(one, row)
        self.held[one] = row

    @rule(entries=st.lists(st.tuples(IDS, ROWS), max_size=9))
    def insert_many(self, entries: list[tuple[int, int]]) -> None:
        ids = np.array([one for one, _ in entries], np.int64)
        self.map.insert_many(ids, np.array([row for _, row in entries], np.int64))
        self.held.update(entries)

    @rule(one=IDS)
    def remove(self, one: int) -> None:
        assert self.map.remove(one) == (one in self.held)
        self.held.pop(one, None)

    @rule(one=IDS)
    def find(self, one: int) -> None:
        assert self.map.find(one) == self.held.get(one, VACANT)

    @invariant()
    def all_is_there(self) -> None:
        assert len(self.map) == len(self.held)
        assert all(self.map.find(one) == row for one, row in self.held.items())
        assert np.count_nonzero(self.map._rows != VACANT) == len(self.held)


LivingMap.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestLivingMap = LivingMap.TestCase


@pytest.mark.parametrize(
    ("start", "stride"),
    [(0, 1), (7, 1024), (0, 2**32), (5, 2**20 + 1), (2**62, 3), (0, 2**43)],
    ids=str,
)
def test_regular_ids_neither_collide_nor_get_lost(start: int, stride: int) -> None:
    ids = start + stride * np.arange(50_000, dtype=np.int64)
    rows = np.arange(50_000)[::-1].copy()
    held = IdMap()
    held.insert_many(ids, rows)
    assert [held.find(int(one)) for one in ids[::97]] == rows[::97].tolist()
    assert held.find(start - 1) == VACANT
    assert _longest_run(held) < 400
    for one in ids[::2]:
        assert held.remove(int(one))
    assert len(held) == 25_000
    assert [held.find(int(one)) for one in ids[1::2]] == rows[1::2].tolist()
    assert all(held.find(int(one)) == VACANT for one in ids[::2])


def _longest_run(held: IdMap) -> int:
    """Slots in use without a gap: random ids at this load stay far below 400."""
    gaps = np.flatnonzero(held._rows == VACANT)
    return int(np.diff(gaps).max())


def test_removing_and_entering_for_years_does_not_let_the_map_grow() -> None:
    held = IdMap()
    for one in range(60_000):
        held.insert(one, one % 100)
        if one >= 700:
            assert held.remove(one - 700)
    assert len(held._rows) == idmap.FIRST_SLOTS
    assert len(held) == 700


@given(st.integers(1, 200_000))
@settings(max_examples=8, deadline=None)
def test_an_entry_costs_thirty_bytes_at_most(entries: int) -> None:
    held = IdMap()
    held.insert_many(np.arange(entries), np.arange(entries))
    assert held.nbytes <= max(30 * entries + 12, 12 * idmap.FIRST_SLOTS)


@pytest.mark.parametrize("row", [-1, MAX_ROWS])
def test_rows_that_do_not_fit_are_refused(row: int) -> None:
    held = IdMap()
    with pytest.raises(ValueError, match="rows lie between"):
        held.insert(1, row)
    with pytest.raises(ValueError, match="one row"):
        held.insert_many(np.arange(2), np.arange(1))
    assert len(held) == 0
