"""The table of a gallery: for every person the id, the partition and the handles of all codes.

Rows are used again after erasure, so that the table is as long as the gallery ever was. It holds
no biometric code; growing may copy it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from matcher.columns import ABSENT
from matcher.vocabulary import TEN_FINGERS, FingerPosition

_Scalar = TypeVar("_Scalar", bound=np.generic)

FREE = -1
"""Reference id of a row that no person has."""

MAX_REFERENCE_ID = 2**63 - 1
"""Largest reference id and partition: what a signed 64-bit key of a database holds."""

FIRST_ROWS = 1024
"""Rows reserved at first; the table doubles when full, so appending stays cheap on average."""


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """Handles of the codes of n persons. fingers: int64 (n, 10) by position; faces: int64 (n,)."""

    fingers: NDArray[np.int64]
    faces: NDArray[np.int64]

    def at_position(self, position: FingerPosition) -> NDArray[np.int64]:
        """Handles of one finger of all persons."""
        return self.fingers[:, position - 1]

    def part(self, wanted: slice) -> Codes:
        """The codes of some of the persons."""
        return Codes(self.fingers[wanted], self.faces[wanted])


class Persons:
    """Rows of persons. Not safe for several threads; the gallery guards it."""

    def __init__(self) -> None:
        self._row_of: dict[int, int] = {}
        self._free: list[int] = []
        self._used = 0
        self._ids: NDArray[np.int64] = np.full(FIRST_ROWS, FREE, np.int64)
        self._partitions: NDArray[np.int64] = np.zeros(FIRST_ROWS, np.int64)
        self._fingers: NDArray[np.int64] = np.full((FIRST_ROWS, len(TEN_FINGERS)), ABSENT, np.int64)
        self._faces: NDArray[np.int64] = np.full(FIRST_ROWS, ABSENT, np.int64)
        self._hashes: NDArray[np.uint8] = np.zeros((FIRST_ROWS, 32), np.uint8)

    def __len__(self) -> int:
        return len(self._row_of)

    def __contains__(self, reference_id: object) -> bool:
        return reference_id in self._row_of

    def find(self, reference_id: int) -> int:
        """The row of a person; raises KeyError if there is none."""
        return self._row_of[reference_id]

    def add(self, reference_id: int, partition: int, codes: Codes, content: bytes) -> int:
        """Enter a person with the codes of one; content: SHA-256 of the encoded reference."""
        row = self._free.pop() if self._free else self._open_row()
        self._fingers[row], self._faces[row] = codes.fingers[0], codes.faces[0]
        self._hashes[row] = np.frombuffer(content, np.uint8)
        self._partitions[row] = partition
        self._ids[row] = reference_id
        self._row_of[reference_id] = row
        return row

    def remove(self, row: int) -> None:
        """Forget a person."""
        del self._row_of[int(self._ids[row])]
        self._ids[row] = FREE
        self._fingers[row] = self._faces[row] = ABSENT
        self._hashes[row] = 0
        self._free.append(row)

    def assign(self, row: int, partition: int) -> None:
        """Put a person into another partition."""
        self._partitions[row] = partition

    def entry(self, row: int) -> tuple[int, int, bytes]:
        """Reference id, partition and content hash of a row, as they enter the digest."""
        return int(self._ids[row]), int(self._partitions[row]), self._hashes[row].tobytes()

    def select(self, partitions: Collection[int] | None) -> NDArray[np.int64]:
        """Rows of all persons of some partitions, of all of them if None."""
        return self.keep_live(np.arange(self._used), partitions)

    def keep_live(
        self, rows: NDArray[np.int64], partitions: Collection[int] | None
    ) -> NDArray[np.int64]:
        """Those of the rows that hold a person of the partitions."""
        live = self._ids[rows] != FREE
        if partitions is not None:
            live &= np.isin(self._partitions[rows], np.array(sorted(partitions), np.int64))
        kept: NDArray[np.int64] = rows[live]
        return kept

    def codes(self, rows: NDArray[np.int64]) -> Codes:
        """The handles of some rows, as they are now."""
        return Codes(self._fingers[rows], self._faces[rows])

    def ids(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The reference ids of some rows."""
        ids: NDArray[np.int64] = self._ids[rows]
        return ids

    def _open_row(self) -> int:
        if self._used == len(self._ids):
            self._ids = _double(self._ids, FREE)
            self._partitions = _double(self._partitions, 0)
            self._fingers = _double(self._fingers, ABSENT)
            self._faces = _double(self._faces, ABSENT)
            self._hashes = _double(self._hashes, 0)
        self._used += 1
        return self._used - 1


def _double(column: NDArray[_Scalar], fill: int) -> NDArray[_Scalar]:
    return np.concatenate([column, np.full_like(column, fill)])
