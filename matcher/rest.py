"""Minutiae of a gallery that rest on disk, and their way into memory and back.

A search reads those of the few whom it compares and keeps nothing of them. Segments are woken one
by one after a start, where memory has room for all, and doze again once they are written, where it
has not.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray

from matcher.cascade import Reading
from matcher.deposit import Deposit, Lengths, Words
from matcher.holdings import Holdings
from matcher.lineup import Outcome
from matcher.memory import DEPOSITED
from matcher.minutiae_column import MinutiaeColumn
from matcher.register import Handles
from matcher.segments import SEGMENT_ROWS, Mark, rows_of
from matcher.watches import Watches

ROWS_AT_ONCE = 256
"""Persons whose minutiae are read before they are compared: 1 MB, and a third of a second of a disk
with nothing cached, between two looks at the deadline."""

READING_THREADS = 4
"""Threads that read for searches, beside those that compare: what is compared under the gallery's
lock must not stand in line behind a disk."""

Rows = NDArray[np.int64]


class Rest:
    """What of a gallery rests. lock: guards all the rest; marks: of the gallery's segments."""

    def __init__(
        self,
        lock: threading.Lock,
        holdings: Holdings,
        watches: Watches,
        *,
        marks: Mapping[int, Mark],
        deposit: Deposit | None,
    ) -> None:
        self._lock, self._holdings, self._watches = lock, holdings, watches
        self._marks, self._deposit = marks, deposit
        self._asleep: set[int] = set()
        self._readers = ThreadPoolExecutor(READING_THREADS, thread_name_prefix="minutiae")

    def is_asleep(self, number: int) -> bool:
        """Whether some of a segment's minutiae rest; whoever asks holds the lock."""
        return number in self._asleep

    def lay_down(self, numbers: Iterable[int]) -> None:
        """Segments that were restored; the caller holds the lock. ValueError without a deposit."""
        if self._deposit is None:
            raise ValueError("only a gallery with a deposit can be restored")
        self._asleep.update(numbers)

    def asleep(self) -> list[int]:
        """The segments of which some minutiae rest, ascending."""
        with self._lock:
            return sorted(self._asleep)

    def wake(self, number: int) -> None:
        """Take all minutiae of a segment into memory."""
        while True:
            with self._lock:
                if number not in self._asleep:
                    return
                rows = self._holdings.deposited(np.array(rows_of(number)))
                if not len(rows):
                    self._asleep.discard(number)
                    return
                ids, mark = self._holdings.ids(rows), self._marks[number]
            lengths, words = self._read(rows, ids)
            with self._lock:
                handles = self._holdings.open_rooms(lengths)
            self._holdings.fill_rooms(handles, lengths, words)
            with self._lock:
                # Where somebody left, a row may be another's now; and where all was woken and laid
                # down again meanwhile, more may rest than what was read.
                alike = self._marks[number].departures == mark.departures
                resting = self._holdings.deposited(np.array(rows_of(number)))
                if alike and np.array_equal(resting, rows):
                    self._holdings.take_rooms(rows, handles)
                    self._asleep.discard(number)
                else:
                    self._holdings.discard(handles[handles >= 0])

    def doze(self, number: int, mark: Mark) -> bool:
        """Leave a segment's minutiae to the deposit, which holds them as of a mark.

        Does nothing, and says so, where it has changed since or a search has heard of a change:
        such a row is looked at under the lock, which must not wait for a disk.
        """
        rows = rows_of(number)
        with self._lock:
            if self._marks[number] != mark or self._watches.any_touched(rows):
                return False
            rooms = self._holdings.leave_rooms(np.array(rows))
            self._watches.cool(partial(self._holdings.discard, rooms))
            self._asleep.add(number)
            return True

    def compare(
        self,
        reading: Reading,
        rows: Rows,
        handles: Handles,
        deadline: Callable[[], bool] | None,
    ) -> Iterator[tuple[Rows, Outcome]]:
        """Compare with some rows, ascending: those in memory first, then some at a time that rest.

        Raises Abandoned once the deadline says True.
        """
        resting = handles.minutiae == DEPOSITED
        here, there = np.flatnonzero(~resting), np.flatnonzero(resting)
        yield rows[here], self._holdings.compare(reading, handles.part(here), deadline)
        for first in range(0, len(there), ROWS_AT_ONCE):
            some = there[first : first + ROWS_AT_ONCE]
            column, minutiae = self._fetch(rows[some])
            found = Handles(minutiae, handles.faces[some])
            yield rows[some], self._holdings.compare(reading, found, deadline, column)

    def _fetch(self, rows: Rows) -> tuple[MinutiaeColumn, NDArray[np.int64]]:
        """The minutiae of rows, ascending, in a column of their own.

        Of a row that changes meanwhile anything may be read: the search is told of it and drops
        what it found.
        """
        with self._lock:
            ids = self._holdings.ids(rows)
        starts = np.flatnonzero(np.diff(rows // SEGMENT_ROWS)) + 1
        read = self._readers.map(self._read, np.split(rows, starts), np.split(ids, starts))
        lengths, words = zip(*read, strict=True)
        column, counts = MinutiaeColumn(), np.concatenate(lengths)
        handles = column.open_rooms(counts)
        column.fill(handles, counts, np.concatenate(words))
        return column, handles

    def _read(self, rows: Rows, ids: Rows) -> tuple[Lengths, Words]:
        """The minutiae of rows of one segment."""
        assert self._deposit is not None
        return self._deposit.read(int(rows[0]) // SEGMENT_ROWS, rows % SEGMENT_ROWS, ids)
