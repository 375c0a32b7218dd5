"""A gallery that is copied from another, piece by piece, while that one is searched and changed.

    there: list_pieces(gallery), copy_piece(gallery, number)
    here: pages = Pages(); gallery = Gallery(deposit=pages)
          copying = Copying(gallery, pages, outline, count); copying.take(piece) for each
          copying.finish()

A piece is a segment at the moment when it is copied, its head and then its pages of minutiae, so
that pieces of different moments meet here: whoever copies notes all changes from before the first
piece on and repeats them in the end. What a person's codes are is believed, as both ends are ours;
who is held is counted anew, from ids, partitions and content hashes.
"""

from __future__ import annotations

import struct
import threading
from queue import Full, Queue

import numpy as np
from numpy.typing import NDArray

from matcher.deposit import Lengths, Words, list_pages, measure_pages, read_page
from matcher.digest import write_sum
from matcher.errors import Malformed
from matcher.gallery import Gallery
from matcher.segments import OPENING_THREADS, Outline, Segment, decode

WAITING_PIECES = OPENING_THREADS
"""Pieces that wait for a thread: each has the next at hand, 5 MB or less."""

_HEAD_BYTES = struct.Struct("<q")
"""How long the head of a piece is."""

LOOK_SECONDS = 0.1
"""Between two looks whether those who take pieces have failed."""


def list_pieces(gallery: Gallery) -> tuple[Outline, list[int]]:
    """What to begin a copy with, and the numbers of its pieces."""
    # The slabs last: one more than the pieces lie in does no harm.
    numbers = sorted(gallery.marks())
    return gallery.outline(), numbers


def copy_piece(gallery: Gallery, number: int) -> bytes:
    """A piece as it is now."""
    segment, _ = gallery.copy_segment(number)
    head = segment.encode()
    return b"".join([_HEAD_BYTES.pack(len(head)), head, *segment.pages()])


class Pages:
    """Where minutiae of pieces lie until they are in the gallery's own memory: its deposit."""

    def __init__(self) -> None:
        self._pages: dict[int, list[bytes]] = {}

    def keep(self, segment: Segment, pages: memoryview) -> None:
        """Keep the pages of a piece; Malformed where they are not as long as its head says."""
        ends = np.cumsum(measure_pages(segment.lengths)).tolist()
        if ends[-1] != len(pages):
            raise Malformed("a piece is not as long as it says")
        starts = [0, *ends[:-1]]
        self._pages[segment.number] = [
            bytes(pages[start:end]) for start, end in zip(starts, ends, strict=True)
        ]

    def wake_all(self, gallery: Gallery) -> None:
        """Have the gallery take all that is here into its own memory, and keep nothing."""
        for number in list(self._pages):
            gallery.wake(number)
            del self._pages[number]

    def read(
        self,
        number: int,
        places: NDArray[np.int64],
        ids: NDArray[np.int64],  # noqa: ARG002 - for deposits that look elsewhere
    ) -> tuple[Lengths, Words]:
        """See Deposit.read()."""
        pages = self._pages[number]
        found = [read_page(pages[page], part) for page, part in list_pages(places)]
        lengths, words = zip(*found, strict=True)
        return np.concatenate(lengths), np.concatenate(words)


class Copying:
    """An empty gallery, whose deposit is pages, becomes another. count: of the pieces to come."""

    def __init__(self, gallery: Gallery, pages: Pages, outline: Outline, count: int) -> None:
        self._pages = pages
        self._pieces: Queue[bytes] = Queue(WAITING_PIECES)
        self._failure: Exception | None = None
        self._thread = threading.Thread(
            target=self._restore, args=(gallery, outline, count), name="copying", daemon=True
        )
        self._thread.start()

    def take(self, piece: bytes) -> None:
        """Take one more piece, and wait until there is room for it; raises what finish() raises."""
        while True:
            try:
                self._pieces.put(piece, timeout=LOOK_SECONDS)
            except Full:
                if self._thread.is_alive():
                    continue
                self.finish()
                raise Malformed("a copy has more pieces than were announced") from None
            return

    def finish(self) -> None:
        """Wait until all pieces are in; raises ValueError where they do not belong together, since
        somebody came into one who had left another, and Malformed for what is none."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _restore(self, gallery: Gallery, outline: Outline, count: int) -> None:
        try:
            gallery.restore(outline, [self._open_next] * count)
            self._pages.wake_all(gallery)
        except Exception as error:  # noqa: BLE001 - raised by finish(), in the caller's thread
            self._failure = error

    def _open_next(self) -> tuple[Segment, bytes]:
        piece = memoryview(self._pieces.get())
        if len(piece) < _HEAD_BYTES.size:
            raise Malformed("a piece ends too early")
        (length,) = _HEAD_BYTES.unpack_from(piece)
        head, pages = piece[_HEAD_BYTES.size :][:length], piece[_HEAD_BYTES.size + length :]
        segment, _ = decode(head)
        self._pages.keep(segment, pages)
        return segment, write_sum(segment.sum_entries())
