"""Where a gallery keeps faces: two bytes for each number of a vector, compared exactly.

A normalised vector is kept as whole numbers, FULL_SCALE for 1. The product of two of them is
summed in 32 bits: sums may run over on the way, the end is right, since a cosine is at most 1.
So a cosine is the same on every machine and in any company. Against the vectors themselves it
errs by 1e-5 (one standard deviation); 8 bits would err by 1e-3 and move decisions.

The protocol is that of the other columns: one writer at a time, readers without a lock, blocks
that never move, erasing that overwrites with zeros at once, and reuse() only when no reader can
hold the handle any more.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from matcher.memory import ABSENT, Blocks, lay_over, point_to

FULL_SCALE = 32_767
"""What stands for 1: the largest of 16 bits, and its square, the largest sum, fits 32 bits."""

BLOCK_FACES = 4096
"""Faces of one block: 1 MB at 128 dimensions."""


class FaceCodes:
    """Face vectors of one length by handle."""

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self._memory = Blocks()
        self._used = BLOCK_FACES
        self._free: list[int] = []

    def add(self, vector: NDArray[np.float32]) -> int:
        """Keep a normalised vector; returns its handle."""
        handle = self._free.pop() if self._free else self._open_room()
        self._memory[handle // BLOCK_FACES][handle % BLOCK_FACES] = quantise(vector)
        return handle

    def erase(self, handle: int) -> None:
        """Overwrite a vector with zeros."""
        self._memory[handle // BLOCK_FACES][handle % BLOCK_FACES] = 0

    def reuse(self, handle: int) -> None:
        """Leave the place of an erased vector to the next: no reader holds the handle any more."""
        self._free.append(handle)

    def compare(
        self, probe: NDArray[np.float32], handles: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Cosines of a probe with the vectors of the handles, NaN where ABSENT."""
        cosines = np.empty(len(handles), np.float32)
        memory = self._memory.addresses, BLOCK_FACES
        wanted = np.ascontiguousarray(handles, np.int64)
        _compare(memory, wanted, quantise(probe), cosines)
        return cosines

    def gather(self, handles: NDArray[np.int64]) -> NDArray[np.int16]:
        """Copies of many vectors; int16 (n, dimensions)."""
        codes = np.empty((len(handles), self.dimensions), np.int16)
        numbers, places = np.divmod(handles, BLOCK_FACES)
        for number in np.unique(numbers):
            codes[numbers == number] = self._memory[int(number)][places[numbers == number]]
        return codes

    def add_many(self, codes: NDArray[np.int16]) -> NDArray[np.int64]:
        """Keep what gather() gave; the handles, int64 (n,)."""
        handles = np.empty(len(codes), np.int64)
        start = 0
        while start < len(codes):
            handles[start] = self._open_room()
            fitting = min(len(codes) - start, BLOCK_FACES - self._used + 1)
            first = self._used - 1
            self._memory[len(self._memory) - 1][first : first + fitting] = codes[
                start : start + fitting
            ]
            handles[start : start + fitting] = handles[start] + np.arange(fitting)
            self._used += fitting - 1
            start += fitting
        return handles

    @property
    def blocks(self) -> tuple[NDArray[np.int16], ...]:
        """All memory that ever held a vector, for those who check that none is left."""
        return tuple(self._memory[number] for number in range(len(self._memory)))

    def _open_room(self) -> int:
        if self._used == BLOCK_FACES:
            self._memory.append(np.zeros((BLOCK_FACES, self.dimensions), np.int16))
            self._used = 0
        self._used += 1
        return (len(self._memory) - 1) * BLOCK_FACES + self._used - 1


def quantise(vector: NDArray[np.float32]) -> NDArray[np.int16]:
    """A normalised vector in whole numbers."""
    scaled = np.rint(np.asarray(vector, np.float64) * FULL_SCALE)
    return np.clip(scaled, -FULL_SCALE, FULL_SCALE).astype(np.int16)


@njit(nogil=True, cache=True)
def _compare(
    memory: tuple[NDArray[np.int64], int],
    handles: NDArray[np.int64],
    probe: NDArray[np.int16],
    cosines: NDArray[np.float32],
) -> None:
    addresses, block_faces = memory
    for rank in range(len(handles)):
        handle = handles[rank]
        if handle == ABSENT:
            cosines[rank] = np.nan
            continue
        pointer = point_to(addresses[handle // block_faces])
        row = lay_over(pointer, (block_faces, len(probe)), np.int16)[handle % block_faces]
        cosines[rank] = _multiply(row, probe) / np.float64(FULL_SCALE * FULL_SCALE)


@njit(nogil=True, cache=True)
def _multiply(one: NDArray[np.int16], other: NDArray[np.int16]) -> np.int32:
    """Dot product in 32 bits; written so that the compiler sees that no more are wanted."""
    total = np.int32(0)
    for at in range(len(one)):
        total = np.int32(total + np.int32(np.int32(one[at]) * np.int32(other[at])))
    return total
