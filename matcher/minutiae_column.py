"""Where a gallery keeps minutiae: all of one person under one handle, eight bytes each.

The protocol is that of the other columns: one writer at a time, readers without a lock, blocks
that never move, erasing that overwrites with zeros at once, and reuse() only when no reader can
hold the handle any more. A reader that meets an erased person finds no finger or zeros.

A person's room begins with ten counts, one byte for each position, in HEADER_WORDS words; the
records of all fingers follow by ascending position, in the order in which describing sorts them.
Beside the records a person costs the 16 bytes of the counts and on average 28 bytes until the
next multiple of ROOM_WORDS.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from numba import carray, njit  # type: ignore[attr-defined]
from numpy.typing import NDArray

from matcher.description import choose_minutiae
from matcher.memory import ABSENT, Blocks, point_to
from matcher.vocabulary import MINUTIA, TEN_FINGERS, FingerPosition

HEADER_WORDS = 2
"""Words of 8 bytes before the records: ten counts of a byte, at most MAX_MINUTIAE, six to spare."""

ROOM_WORDS = 8
"""Rooms are multiples of this: a line of the cache, and few kinds of room, so all are reused."""

BLOCK_WORDS = 2**22
"""Words of one block: 32 MB, some 8,000 persons. Pages are claimed when they are written."""


class MinutiaeColumn:
    """Minutiae by handle, the number of the word where a person's room begins."""

    def __init__(self) -> None:
        self.memory = Blocks()
        self._used = BLOCK_WORDS
        self._free: defaultdict[int, list[int]] = defaultdict(list)
        self._erased: dict[int, int] = {}
        self._live_words = 0

    @property
    def nbytes(self) -> int:
        """Bytes of the rooms of all who are here."""
        return 8 * self._live_words

    def add(self, fingers: Mapping[FingerPosition, NDArray[np.void]]) -> int:
        """Keep the best MAX_MINUTIAE of each finger, arrays of MINUTIA; returns the handle."""
        chosen = [choose_minutiae(fingers[p]) for p in TEN_FINGERS if p in fingers]
        counts = np.zeros(8 * HEADER_WORDS, np.uint8)
        for position, records in zip(sorted(fingers), chosen, strict=True):
            counts[position - 1] = len(records)
        records = np.concatenate([counts.view(np.uint64), *chosen])
        room = _room(len(records))
        handle = self._open_room(room)
        self._words(handle, len(records))[:] = records
        return handle

    def read(self, handle: int) -> dict[FingerPosition, NDArray[np.void]]:
        """A copy of the minutiae of a person."""
        counts = self._counts(handle)
        ends = HEADER_WORDS + np.cumsum(counts, dtype=np.int64)
        words = self._words(handle, int(ends[-1])).copy()
        return {
            position: words[end - count : end].view(MINUTIA)
            for position, count, end in zip(TEN_FINGERS, counts, ends, strict=True)
            if count
        }

    def erase(self, handle: int) -> None:
        """Overwrite a person's counts and minutiae with zeros."""
        room = _room(HEADER_WORDS + int(self._counts(handle).sum()))
        self._words(handle, room)[:] = 0
        self._erased[handle] = room
        self._live_words -= room

    def reuse(self, handle: int) -> None:
        """Leave the room of an erased person to the next: no reader holds the handle any more."""
        self._free[self._erased.pop(handle)].append(handle)

    def gather(self, handles: NDArray[np.int64]) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
        """Copies of many rooms: their words, uint32 (n,), 0 where ABSENT, and all words in turn."""
        memory = self.memory.addresses, BLOCK_WORDS
        lengths = np.zeros(len(handles), np.uint32)
        wanted = np.ascontiguousarray(handles, np.int64)
        assert wanted.min(initial=ABSENT) >= ABSENT, "minutiae on disk have no room"
        _measure(memory, wanted, lengths)
        words = np.empty(int(lengths.sum(dtype=np.int64)), np.uint64)
        _copy_out(memory, wanted, lengths, words)
        return lengths, words

    def open_rooms(self, lengths: NDArray[np.uint32]) -> NDArray[np.int64]:
        """Rooms for many persons; the handles, int64 (n,), ABSENT where the length is 0.

        Whoever does not want them after all fills them and then erases and reuses each.
        """
        handles = np.full(len(lengths), ABSENT, np.int64)
        present = np.flatnonzero(lengths)
        rooms = -(-lengths[present].astype(np.int64) // ROOM_WORDS) * ROOM_WORDS
        if any(self._free.values()):
            handles[present] = [self._open_room(room) for room in rooms.tolist()]
            return handles
        self._live_words += int(rooms.sum())
        start = 0
        while start < len(present):
            ends = np.cumsum(rooms[start:])
            fitting = int(np.searchsorted(ends, BLOCK_WORDS - self._used, side="right"))
            if fitting == 0:
                self.memory.append(np.zeros(BLOCK_WORDS, np.uint64))
                self._used = 0
                continue
            base = (len(self.memory) - 1) * BLOCK_WORDS + self._used
            some = slice(start, start + fitting)
            handles[present[some]] = base + ends[:fitting] - rooms[some]
            self._used += int(ends[fitting - 1])
            start += fitting
        return handles

    def fill(
        self,
        handles: NDArray[np.int64],
        lengths: NDArray[np.uint32],
        words: NDArray[np.uint64],
    ) -> None:
        """Put what gather() gave into rooms that were opened for it; threads may do so at once."""
        _copy_in((self.memory.addresses, BLOCK_WORDS), handles, lengths, words)

    @property
    def blocks(self) -> tuple[NDArray[np.uint64], ...]:
        """All memory that ever held a minutia, for those who check that none is left."""
        return tuple(self.memory[number] for number in range(len(self.memory)))

    def _words(self, handle: int, count: int) -> NDArray[np.uint64]:
        start = handle % BLOCK_WORDS
        words: NDArray[np.uint64] = self.memory[handle // BLOCK_WORDS][start : start + count]
        return words

    def _counts(self, handle: int) -> NDArray[np.uint8]:
        return self._words(handle, HEADER_WORDS).view(np.uint8)[: len(TEN_FINGERS)]

    def _open_room(self, room: int) -> int:
        self._live_words += room
        if self._free[room]:
            return self._free[room].pop()
        if self._used + room > BLOCK_WORDS:
            self.memory.append(np.zeros(BLOCK_WORDS, np.uint64))
            self._used = 0
        handle = (len(self.memory) - 1) * BLOCK_WORDS + self._used
        self._used += room
        return handle


def _room(words: int) -> int:
    """Words that a person of so many is given room for."""
    return -(-words // ROOM_WORDS) * ROOM_WORDS


@njit(nogil=True, cache=True)
def _measure(
    memory: tuple[NDArray[np.int64], int],
    handles: NDArray[np.int64],
    lengths: NDArray[np.uint32],
) -> None:
    """The words of counts and records of each handle."""
    addresses, block_words = memory
    for rank in range(len(handles)):
        if handles[rank] == ABSENT:
            continue
        pointer = point_to(addresses[handles[rank] // block_words])
        counts = carray(pointer, (8 * block_words,), np.uint8)
        first = 8 * (handles[rank] % block_words)
        total = HEADER_WORDS
        for finger in range(10):
            total += counts[first + finger]
        lengths[rank] = total


@njit(nogil=True, cache=True)
def _copy_out(
    memory: tuple[NDArray[np.int64], int],
    handles: NDArray[np.int64],
    lengths: NDArray[np.uint32],
    words: NDArray[np.uint64],
) -> None:
    addresses, block_words = memory
    at = np.int64(0)
    for rank in range(len(handles)):
        if handles[rank] == ABSENT:
            continue
        room = carray(point_to(addresses[handles[rank] // block_words]), (block_words,), np.uint64)
        first, count = handles[rank] % block_words, np.int64(lengths[rank])
        for word in range(count):
            words[at + word] = room[first + word]
        at += count


@njit(nogil=True, cache=True)
def _copy_in(
    memory: tuple[NDArray[np.int64], int],
    handles: NDArray[np.int64],
    lengths: NDArray[np.uint32],
    words: NDArray[np.uint64],
) -> None:
    """The other way is a function of its own: words made from bytes are read-only, and compiled
    code that might write into them is refused."""
    addresses, block_words = memory
    at = np.int64(0)
    for rank in range(len(handles)):
        if handles[rank] == ABSENT:
            continue
        room = carray(point_to(addresses[handles[rank] // block_words]), (block_words,), np.uint64)
        first, count = handles[rank] % block_words, np.int64(lengths[rank])
        for word in range(count):
            room[first + word] = words[at + word]
        at += count
