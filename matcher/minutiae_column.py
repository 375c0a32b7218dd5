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
from numpy.typing import NDArray

from matcher.description import choose_minutiae
from matcher.memory import Blocks
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

    def add(self, fingers: Mapping[FingerPosition, NDArray[np.void]]) -> int:
        """Keep the best MAX_MINUTIAE of each finger, arrays of MINUTIA; returns the handle."""
        chosen = [choose_minutiae(fingers[p]) for p in TEN_FINGERS if p in fingers]
        counts = np.zeros(8 * HEADER_WORDS, np.uint8)
        for position, records in zip(sorted(fingers), chosen, strict=True):
            counts[position - 1] = len(records)
        records = np.concatenate([counts.view(np.uint64), *chosen])
        room = _room(len(records))
        handle = self._free[room].pop() if self._free[room] else self._open_room(room)
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

    def reuse(self, handle: int) -> None:
        """Leave the room of an erased person to the next: no reader holds the handle any more."""
        self._free[self._erased.pop(handle)].append(handle)

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
        if self._used + room > BLOCK_WORDS:
            self.memory.append(np.zeros(BLOCK_WORDS, np.uint64))
            self._used = 0
        handle = (len(self.memory) - 1) * BLOCK_WORDS + self._used
        self._used += room
        return handle


def _room(words: int) -> int:
    """Words that a person of so many is given room for."""
    return -(-words // ROOM_WORDS) * ROOM_WORDS
