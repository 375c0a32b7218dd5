"""Minutiae that a gallery has left on disk: where it reads them, and the form in which they lie.

Minutiae are five sixths of what is known of a person, and a search wants those of the few on its
short list. They lie in pages of PAGE_ROWS neighbouring rows, each of which is read by itself.

A page begins with the words of each row's minutiae, uint32, 0 where there are none; the words of
all rows follow, uint64, as a room of the column of minutiae has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from matcher.errors import Malformed
from matcher.lineup import is_comparable
from matcher.memory import ABSENT
from matcher.minutiae_column import MinutiaeColumn
from matcher.vocabulary import FingerPosition, Reference

PAGE_ROWS = 8
"""Rows of a page, some 30 kB: a disk takes hardly longer for it than for one person's 4 kB, and a
tag and a nonce for each stay below a thousandth."""

_HEADER_BYTES = 4 * PAGE_ROWS

Lengths = NDArray[np.uint32]
Words = NDArray[np.uint64]


class Deposit(Protocol):
    """Where a gallery's minutiae lie that are not in memory."""

    def read(
        self, number: int, places: NDArray[np.int64], ids: NDArray[np.int64]
    ) -> tuple[Lengths, Words]:
        """Minutiae of some places of a segment, ascending, and of the persons who are there.

        Returns the words of each, uint32 (n,), 0 where there are none, and all words in turn.
        Several threads may ask. What is damaged is fetched from wherever the truth is, whose errors
        this raises then.
        """
        ...


def minutiae_of(reference: Reference) -> dict[FingerPosition, NDArray[np.void]]:
    """What the column of minutiae keeps of a person."""
    return {one.position: one.minutiae for one in reference.fingers if is_comparable(one)}


def lay_out(references: Mapping[int, Reference], ids: NDArray[np.int64]) -> tuple[Lengths, Words]:
    """Minutiae of persons by id, as Deposit.read() gives them; none of whom is not there."""
    column = MinutiaeColumn()
    handles = [
        column.add(minutiae_of(references[one])) if one in references else ABSENT
        for one in ids.tolist()
    ]
    return column.gather(np.array(handles, np.int64))


def measure_pages(lengths: Lengths) -> NDArray[np.int64]:
    """Bytes of each page of a segment; lengths: of all its rows."""
    words = lengths.reshape(-1, PAGE_ROWS).sum(axis=1, dtype=np.int64)
    return np.asarray(_HEADER_BYTES + 8 * words)


def write_pages(lengths: Lengths, words: Words) -> Iterator[bytes]:
    """The pages of a segment. lengths: of all its rows; words: of all in turn."""
    ends = np.cumsum(lengths, dtype=np.int64)
    for first in range(0, len(lengths), PAGE_ROWS):
        rows = lengths[first : first + PAGE_ROWS]
        end = int(ends[first + PAGE_ROWS - 1])
        yield rows.tobytes() + words[end - int(rows.sum()) : end].tobytes()


def list_pages(places: NDArray[np.int64]) -> list[tuple[int, NDArray[np.int64]]]:
    """The pages in which some places, ascending, lie, and the places in each."""
    pages = places // PAGE_ROWS
    wanted = np.unique(pages)
    parts = np.split(places % PAGE_ROWS, np.searchsorted(pages, wanted[1:]))
    return list(zip(wanted.tolist(), parts, strict=True))


def read_page(page: bytes, places: NDArray[np.int64]) -> tuple[Lengths, Words]:
    """Minutiae of some places, 0 to PAGE_ROWS - 1 and ascending, of a page; Malformed if none."""
    if len(page) < _HEADER_BYTES:
        raise Malformed("a page of minutiae ends too early")
    lengths = np.frombuffer(page, np.uint32, PAGE_ROWS)
    ends = np.cumsum(lengths, dtype=np.int64)
    if len(page) != _HEADER_BYTES + 8 * int(ends[-1]):
        raise Malformed("a page of minutiae is not as long as it says")
    words = np.frombuffer(page, np.uint64, offset=_HEADER_BYTES)
    if len(places) == PAGE_ROWS:
        return lengths, words
    parts = [words[ends[place] - lengths[place] : ends[place]] for place in places]
    return lengths[places], np.concatenate([np.zeros(0, np.uint64), *parts])
