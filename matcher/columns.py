"""Where a gallery keeps its codes: blocks of memory that never move.

A block is filled from the front and stays where it is, so that a reader may walk through it
without a lock while another thread appends or erases, and no stale copy of a code is ever left
behind by growing. A handle names one code for as long as it lives. Erasing overwrites the code
with zeros at once; its room is used again only after reuse() was called for the handle.

A reader that holds the handle of a code erased meanwhile finds some of it or zeros, which the
kernels bear; it must never find the code of another mixed in, and so the gallery calls reuse()
when no reader can hold the handle any more. Which readings were spoilt is the gallery's business.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numba import njit
from numpy.typing import NDArray

from matcher.cylinders import OUTLINE_SIDES, PLACE_COLUMNS, WORDS
from matcher.pairing import Described, PackedDescribed, compare_many

ABSENT = -1
"""Handle of a code that a person does not have."""

BLOCK_FINGERS = 4096
"""Fingers of one block: large enough that a search makes few calls per block."""

BLOCK_MINUTIAE = 48 * BLOCK_FINGERS
"""Minutiae of one block, 15 MB; a flat finger has 30 to 60. Pages are claimed when written."""

ROOM_MINUTIAE = 8
"""Rooms are multiples of this many minutiae, so that few kinds of room exist and all are reused."""

BLOCK_FACES = 4096
"""Faces of one block: 2 MB at 128 dimensions."""

LANES = 16
"""Partial sums of a dot product, one register of sixteen float32: an order that never changes."""


class FingerColumn:
    """Described fingers by handle. One writer at a time; readers need no lock."""

    def __init__(self) -> None:
        self._blocks: list[PackedDescribed] = []
        self._fingers_used = BLOCK_FINGERS
        self._minutiae_used = BLOCK_MINUTIAE
        self._free: defaultdict[int, list[int]] = defaultdict(list)
        self._erased: dict[int, int] = {}

    def add(self, finger: Described) -> int:
        """Keep a finger; returns its handle."""
        count = len(finger.places)
        room = _room(count)
        free = self._free[room]
        handle = free.pop() if free else self._open_room(room)
        block, row = self._find(handle)
        start = block.starts[row]
        block.places[start : start + count] = finger.places
        block.words[start : start + count] = finger.words
        block.outlines[row] = finger.outline
        block.counts[row] = count
        return handle

    def erase(self, handle: int) -> None:
        """Overwrite a finger with zeros."""
        block, row = self._find(handle)
        start, room = int(block.starts[row]), _room(int(block.counts[row]))
        block.counts[row] = 0
        block.places[start : start + room] = 0
        block.words[start : start + room] = 0
        block.outlines[row] = 0
        self._erased[handle] = room

    def reuse(self, handle: int) -> None:
        """Leave the room of an erased finger to the next: no reader holds the handle any more."""
        self._free[self._erased.pop(handle)].append(handle)

    def compare(self, probe: Described, handles: NDArray[np.int64]) -> NDArray[np.float32]:
        """Raw similarities of a probe with the fingers of the handles, NaN where ABSENT."""
        raw = np.full(len(handles), np.nan, np.float32)
        of_block = np.where(handles == ABSENT, ABSENT, handles // BLOCK_FINGERS)
        for number in np.unique(of_block[of_block != ABSENT]):
            wanted = np.flatnonzero(of_block == number)
            rows = handles[wanted] % BLOCK_FINGERS
            raw[wanted] = compare_many(probe, self._blocks[number], rows)
        return raw

    @property
    def blocks(self) -> tuple[PackedDescribed, ...]:
        """All memory that ever held a finger, for those who check that none is left."""
        return tuple(self._blocks)

    def _find(self, handle: int) -> tuple[PackedDescribed, int]:
        return self._blocks[handle // BLOCK_FINGERS], handle % BLOCK_FINGERS

    def _open_room(self, room: int) -> int:
        if self._fingers_used == BLOCK_FINGERS or self._minutiae_used + room > BLOCK_MINUTIAE:
            self._blocks.append(_make_block())
            self._fingers_used = self._minutiae_used = 0
        row = self._fingers_used
        self._blocks[-1].starts[row] = self._minutiae_used
        self._fingers_used += 1
        self._minutiae_used += room
        return (len(self._blocks) - 1) * BLOCK_FINGERS + row


class FaceColumn:
    """Face vectors of one length by handle. One writer at a time; readers need no lock."""

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self._blocks: list[NDArray[np.float32]] = []
        self._used = BLOCK_FACES
        self._free: list[int] = []

    def add(self, vector: NDArray[np.float32]) -> int:
        """Keep a vector; returns its handle."""
        handle = self._free.pop() if self._free else self._open_room()
        self._blocks[handle // BLOCK_FACES][handle % BLOCK_FACES] = vector
        return handle

    def erase(self, handle: int) -> None:
        """Overwrite a vector with zeros."""
        self._blocks[handle // BLOCK_FACES][handle % BLOCK_FACES] = 0

    def reuse(self, handle: int) -> None:
        """Leave the place of an erased vector to the next: no reader holds the handle any more."""
        self._free.append(handle)

    def compare(
        self, probe: NDArray[np.float32], handles: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Cosines of a probe with the vectors of the handles, NaN where ABSENT."""
        cosines = np.full(len(handles), np.nan, np.float32)
        of_block = np.where(handles == ABSENT, ABSENT, handles // BLOCK_FACES)
        for number in np.unique(of_block[of_block != ABSENT]):
            wanted = np.flatnonzero(of_block == number)
            rows = handles[wanted] % BLOCK_FACES
            cosines[wanted] = multiply_rows(self._blocks[number], rows, probe)
        return cosines

    @property
    def blocks(self) -> tuple[NDArray[np.float32], ...]:
        """All memory that ever held a vector, for those who check that none is left."""
        return tuple(self._blocks)

    def _open_room(self) -> int:
        if self._used == BLOCK_FACES:
            self._blocks.append(np.zeros((BLOCK_FACES, self.dimensions), np.float32))
            self._used = 0
        self._used += 1
        return (len(self._blocks) - 1) * BLOCK_FACES + self._used - 1


def _room(minutiae: int) -> int:
    """Minutiae that a finger of so many is given room for."""
    return max(1, -(-minutiae // ROOM_MINUTIAE)) * ROOM_MINUTIAE


def _make_block() -> PackedDescribed:
    return PackedDescribed(
        places=np.zeros((BLOCK_MINUTIAE, PLACE_COLUMNS), np.float32),
        words=np.zeros((BLOCK_MINUTIAE, WORDS), np.uint64),
        outlines=np.zeros((BLOCK_FINGERS, OUTLINE_SIDES), np.float32),
        starts=np.zeros(BLOCK_FINGERS, np.int64),
        counts=np.zeros(BLOCK_FINGERS, np.int32),
    )


def multiply_rows(
    matrix: NDArray[np.float32], rows: NDArray[np.int64], vector: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Dot products of some rows with a vector, bit for bit the same whichever rows come along."""
    products = np.empty(len(rows), np.float32)
    _multiply_rows(matrix, rows, np.ascontiguousarray(vector, np.float32), products)
    return products


@njit(nogil=True, cache=True)
def _multiply_rows(
    matrix: NDArray[np.float32],
    rows: NDArray[np.int64],
    vector: NDArray[np.float32],
    products: NDArray[np.float32],
) -> None:
    sums = np.empty(LANES, np.float32)
    whole = len(vector) - len(vector) % LANES
    for rank in range(len(rows)):
        row = matrix[rows[rank]]
        sums[:] = 0
        for at in range(0, whole, LANES):
            for lane in range(LANES):
                sums[lane] += row[at + lane] * vector[at + lane]
        product = np.float32(0)
        for at in range(whole, len(vector)):
            product += row[at] * vector[at]
        for lane in range(LANES):
            product += sums[lane]
        products[rank] = product
