"""A deposit in memory, for galleries whose minutiae shall not be in their own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matcher.deposit import Lengths, Words, list_pages, read_page
from matcher.gallery import Gallery


class Shelf:
    """The pages of segments as they were when they were laid here."""

    def __init__(self) -> None:
        self.pages: dict[int, list[bytes]] = {}
        self.ids: dict[int, NDArray[np.int64]] = {}
        self.reads = 0

    def lay(self, gallery: Gallery) -> None:
        """Copy all segments of a gallery."""
        for number in gallery.marks():
            segment, _ = gallery.copy_segment(number)
            self.pages[number], self.ids[number] = list(segment.pages()), segment.ids

    def put_to_sleep(self, gallery: Gallery) -> list[bool]:
        """Copy all segments and leave their minutiae here; of each whether that was done."""
        self.lay(gallery)
        return [gallery.doze(number, mark) for number, mark in gallery.marks().items()]

    def read(
        self, number: int, places: NDArray[np.int64], ids: NDArray[np.int64]
    ) -> tuple[Lengths, Words]:
        """See Deposit.read()."""
        self.reads += 1
        # Who was erased meanwhile is asked for under no id.
        assert np.isin(ids, [*self.ids[number][places], -1]).all()
        found = [read_page(self.pages[number][page], part) for page, part in list_pages(places)]
        return np.concatenate([one for one, _ in found]), np.concatenate([one for _, one in found])
