"""Where a person's row is: a map from reference ids to rows, in 12 bytes a slot.

Open addressing with linear probing; a removal shifts the entries behind it back, so that no
tombstones gather and a map that lives for years stays as fast as a new one. A Python dictionary
would cost a hundred bytes per person. One writer at a time, and no reader beside it.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

VACANT = -1
"""Row of a slot that holds no id, and what a search for an unknown id returns."""

FIRST_SLOTS = 1024
"""Slots reserved at first, a power of two."""

MAX_LOAD = 0.8
"""Share of the slots in use above which the map doubles: a search then looks at 3 slots on
average, 13 for an unknown id. Between two doublings an entry costs 15 to 30 bytes."""

MAX_ROWS = 2**31
"""Rows are kept in 32 bits: two thousand million persons."""


class IdMap:
    """Reference ids, any 64-bit integers, and the row of each."""

    def __init__(self) -> None:
        self._ids: NDArray[np.int64] = np.zeros(FIRST_SLOTS, np.int64)
        self._rows: NDArray[np.int32] = np.full(FIRST_SLOTS, VACANT, np.int32)
        self._held = 0

    def __len__(self) -> int:
        return self._held

    @property
    def nbytes(self) -> int:
        """Bytes that the map takes."""
        return self._ids.nbytes + self._rows.nbytes

    def find(self, reference_id: int) -> int:
        """The row of an id, VACANT if it has none."""
        return int(_find(self._ids, self._rows, reference_id))

    def find_many(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows of many ids, VACANT where there is none; int64 (n,)."""
        found = np.empty(len(ids), np.int64)
        _find_many((self._ids, self._rows), np.ascontiguousarray(ids), found)
        return found

    def insert(self, reference_id: int, row: int) -> None:
        """Enter an id or give it another row; raises ValueError for rows beyond MAX_ROWS."""
        self.insert_many(np.array([reference_id], np.int64), np.array([row], np.int64))

    def insert_many(self, ids: NDArray[np.int64], rows: NDArray[np.int64]) -> None:
        """Enter many ids; of one that comes twice the last row counts."""
        if len(ids) != len(rows):
            raise ValueError("every id wants one row")
        if len(rows) and not 0 <= rows.min() <= rows.max() < MAX_ROWS:
            raise ValueError(f"rows lie between 0 and {MAX_ROWS - 1}")
        self._reserve(self._held + len(ids))
        self._held += int(_insert(self._ids, self._rows, ids, rows))

    def remove(self, reference_id: int) -> bool:
        """Forget an id; returns whether there was one."""
        removed = bool(_remove(self._ids, self._rows, reference_id))
        self._held -= removed
        return removed

    def _reserve(self, entries: int) -> None:
        slots = len(self._ids)
        while entries > MAX_LOAD * slots:
            slots *= 2
        if slots > len(self._ids):
            ids, rows = np.zeros(slots, np.int64), np.full(slots, VACANT, np.int32)
            _copy((self._ids, self._rows), ids, rows)
            self._ids, self._rows = ids, rows


@njit(nogil=True, cache=True)
def _home(reference_id: int, mask: int) -> np.int64:
    """The slot where an id belongs: its bits mixed so that no regular ids fall together.

    Both multipliers are those of the finalizer of MurmurHash3 (Appleby, 2011).
    """
    bits = np.uint64(reference_id)
    bits = (bits ^ (bits >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    bits = (bits ^ (bits >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return np.int64((bits ^ (bits >> np.uint64(33))) & np.uint64(mask))


@njit(nogil=True, cache=True)
def _seek(ids: NDArray[np.int64], rows: NDArray[np.int32], reference_id: int) -> np.int64:
    """The slot that holds an id, or the vacant one where it would be put."""
    mask = len(ids) - 1
    slot = _home(reference_id, mask)
    while rows[slot] != VACANT and ids[slot] != reference_id:
        slot = (slot + 1) & mask
    return slot


@njit(nogil=True, cache=True)
def _find(ids: NDArray[np.int64], rows: NDArray[np.int32], reference_id: int) -> np.int64:
    return np.int64(rows[_seek(ids, rows, reference_id)])


@njit(nogil=True, cache=True)
def _find_many(
    table: tuple[NDArray[np.int64], NDArray[np.int32]],
    wanted: NDArray[np.int64],
    found: NDArray[np.int64],
) -> None:
    ids, rows = table
    for rank in range(len(wanted)):
        found[rank] = rows[_seek(ids, rows, wanted[rank])]


@njit(nogil=True, cache=True)
def _insert(
    ids: NDArray[np.int64],
    rows: NDArray[np.int32],
    new_ids: NDArray[np.int64],
    new_rows: NDArray[np.int64],
) -> int:
    """Enter ids where there is room for all; returns how many were not there before."""
    added = 0
    for rank in range(len(new_ids)):
        slot = _seek(ids, rows, new_ids[rank])
        added += rows[slot] == VACANT
        ids[slot], rows[slot] = new_ids[rank], np.int32(new_rows[rank])
    return added


@njit(nogil=True, cache=True)
def _copy(
    old: tuple[NDArray[np.int64], NDArray[np.int32]],
    ids: NDArray[np.int64],
    rows: NDArray[np.int32],
) -> None:
    """Enter all that an old map holds into a new one."""
    old_ids, old_rows = old
    for rank in range(len(old_ids)):
        if old_rows[rank] != VACANT:
            slot = _seek(ids, rows, old_ids[rank])
            ids[slot], rows[slot] = old_ids[rank], old_rows[rank]


@njit(nogil=True, cache=True)
def _remove(ids: NDArray[np.int64], rows: NDArray[np.int32], reference_id: int) -> bool:
    """Vacate an id's slot and move back whatever only lies behind it because it was taken."""
    mask = len(ids) - 1
    hole = _seek(ids, rows, reference_id)
    if rows[hole] == VACANT:
        return False
    slot = (hole + 1) & mask
    while rows[slot] != VACANT:
        way = (slot - _home(ids[slot], mask)) & mask
        if way >= (slot - hole) & mask:
            ids[hole], rows[hole] = ids[slot], rows[slot]
            hole = slot
        slot = (slot + 1) & mask
    ids[hole], rows[hole] = 0, VACANT
    return True
