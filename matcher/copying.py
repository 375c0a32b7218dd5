"""A gallery that is copied from another, piece by piece, while that one is searched and changed.

    there: list_pieces(gallery), copy_piece(gallery, number)
    here: copying = Copying(gallery, outline, count); copying.take(piece) for each; copying.finish()

A piece is a segment at the moment when it is copied, so that pieces of different moments meet here:
whoever copies notes all changes from before the first piece on and repeats them in the end. What a
person's codes are is believed, as both ends are ours; who is held is counted anew, from ids,
partitions and content hashes.
"""

from __future__ import annotations

import threading
from queue import Full, Queue

from matcher.digest import write_sum
from matcher.errors import Malformed
from matcher.gallery import RESTORE_THREADS, Gallery
from matcher.segments import Outline, Segment, decode

WAITING_PIECES = RESTORE_THREADS
"""Pieces that wait for a thread: each has the next at hand, 5 MB or less."""

LOOK_SECONDS = 0.1
"""Between two looks whether those who take pieces have failed."""


def list_pieces(gallery: Gallery) -> tuple[Outline, list[int]]:
    """What to begin a copy with, and the numbers of its pieces."""
    # The slabs last: one more than the pieces lie in does no harm.
    numbers = sorted(gallery.marks())
    return gallery.outline(), numbers


def copy_piece(gallery: Gallery, number: int) -> bytes:
    """A piece as it is now."""
    return gallery.copy_segment(number)[0].encode()


class Copying:
    """An empty gallery becomes another. count: of the pieces that will come."""

    def __init__(self, gallery: Gallery, outline: Outline, count: int) -> None:
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
        except (ValueError, Malformed) as error:
            self._failure = error

    def _open_next(self) -> tuple[Segment, bytes]:
        segment, _ = decode(self._pieces.get())
        return segment, write_sum(segment.sum_entries())
