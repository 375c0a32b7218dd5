"""A deposit in memory, for galleries whose minutiae shall not be in their own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matcher.copying import Pages
from matcher.deposit import Lengths, Words
from matcher.gallery import Gallery


class Shelf(Pages):
    """The pages of segments as they were when they were laid here."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: dict[int, NDArray[np.int64]] = {}
        self.reads = 0

    def lay(self, gallery: Gallery) -> None:
        """Copy all segments of a gallery."""
        for number in gallery.marks():
            segment, _ = gallery.copy_segment(number)
            self.keep(segment, memoryview(b"".join(segment.pages())))
            self.ids[number] = segment.ids

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
        return super().read(number, places, ids)
