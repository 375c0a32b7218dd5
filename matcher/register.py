"""The register of a gallery: for every person the id, the handles of its codes, its content.

Rows are given by the caller and may leave gaps; a row costs 56 bytes, and its id 15 to 30 more
in the map. Slabs never move. It holds no biometric code. Not safe for several threads; the
gallery guards it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.idmap import VACANT, IdMap
from matcher.memory import ABSENT

FREE = -1
"""Reference id of a row that no person has."""

SLAB_ROWS = 131_072
"""Rows of one slab, 7 MB: growing by one takes a millisecond, and gaps between rows cost little."""

ROW = np.dtype(
    [("id", np.int64), ("minutiae", np.int64), ("face", np.int64), ("content", np.uint8, 32)]
)
"""One person: reference id, handles or ABSENT, SHA-256 of the encoded reference."""


@dataclass(frozen=True, slots=True, eq=False)
class Handles:
    """Handles of the codes of n persons, ABSENT where there is none; both int64 (n,)."""

    minutiae: NDArray[np.int64]
    faces: NDArray[np.int64]

    def part(self, wanted: slice | NDArray[Any]) -> Handles:
        """The handles of some of the persons."""
        return Handles(self.minutiae[wanted], self.faces[wanted])


class Register:
    """Persons by row and by reference id."""

    def __init__(self) -> None:
        self._row_of = IdMap()
        self._slabs: dict[int, NDArray[np.void]] = {}

    def __len__(self) -> int:
        return len(self._row_of)

    def __contains__(self, reference_id: object) -> bool:
        return isinstance(reference_id, int) and self._row_of.find(reference_id) != VACANT

    @property
    def nbytes(self) -> int:
        """Bytes that the register takes."""
        return self._row_of.nbytes + sum(slab.nbytes for slab in self._slabs.values())

    def find(self, reference_id: int) -> int:
        """The row of a person; raises KeyError if there is none."""
        row = self._row_of.find(reference_id)
        if row == VACANT:
            raise KeyError(reference_id)
        return row

    def enter(
        self, row: int, reference_id: int, *, minutiae: int, face: int, content: bytes
    ) -> None:
        """Enter a person into a free row; raises ValueError if row or id is taken."""
        slab = self._open_slab(row // SLAB_ROWS)
        if slab["id"][row % SLAB_ROWS] != FREE or reference_id in self:
            raise ValueError("a person was to be entered twice, or into the row of another")
        self._row_of.insert(reference_id, row)
        digits = np.frombuffer(content, np.uint8)
        slab[row % SLAB_ROWS] = (reference_id, minutiae, face, digits)

    def enter_many(
        self,
        rows: NDArray[np.int64],
        ids: NDArray[np.int64],
        handles: Handles,
        contents: NDArray[np.uint8],
    ) -> None:
        """Enter many persons, as from a snapshot; contents: uint8 (n, 32).

        Raises ValueError if a row or an id is taken or comes twice; nothing is entered then.
        """
        taken = bool((self._row_of.find_many(ids) != VACANT).any())
        repeated = _has_twins(ids) or _has_twins(rows)
        if taken or repeated or (self.ids(rows) != FREE).any():
            raise ValueError("a person was to be entered twice, or into the row of another")
        self._row_of.insert_many(ids, rows)
        for number in _list_slabs(rows):
            chosen = np.flatnonzero(rows // SLAB_ROWS == number)
            slab, at = self._open_slab(int(number)), rows[chosen] % SLAB_ROWS
            slab["id"][at], slab["content"][at] = ids[chosen], contents[chosen]
            slab["minutiae"][at] = handles.minutiae[chosen]
            slab["face"][at] = handles.faces[chosen]

    def remove(self, row: int) -> None:
        """Forget the person of a row; raises KeyError if it has none."""
        slab, at = self._slabs[row // SLAB_ROWS], row % SLAB_ROWS
        if not self._row_of.remove(int(slab["id"][at])):
            raise KeyError(row)
        slab[at] = (FREE, ABSENT, ABSENT, 0)

    def entry(self, row: int) -> tuple[int, bytes]:
        """Reference id and content hash of a row, as they enter the digest."""
        person = self._slabs[row // SLAB_ROWS][row % SLAB_ROWS]
        return int(person["id"]), person["content"].tobytes()

    def handles_of(self, row: int) -> tuple[int, int]:
        """The handles of one row that holds a person: of minutiae and of a face, or ABSENT."""
        person = self._slabs[row // SLAB_ROWS][row % SLAB_ROWS]
        return int(person["minutiae"]), int(person["face"])

    def ids(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The reference ids of some rows, FREE where there is nobody."""
        return self._gather("id", rows, FREE)

    def contents(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The content hashes of some rows, zeros where there is nobody; uint8 (n, 32)."""
        values = np.zeros((len(rows), 32), np.uint8)
        for number in np.unique(rows // SLAB_ROWS):
            if int(number) in self._slabs:
                chosen = np.flatnonzero(rows // SLAB_ROWS == number)
                values[chosen] = self._slabs[int(number)]["content"][rows[chosen] % SLAB_ROWS]
        return values

    def handles(self, rows: NDArray[np.int64]) -> Handles:
        """The handles of some rows, as they are now."""
        return Handles(self._gather("minutiae", rows, ABSENT), self._gather("face", rows, ABSENT))

    def put_minutiae(self, rows: NDArray[np.int64], handles: NDArray[np.int64]) -> None:
        """Change the handles of the minutiae of some rows that hold persons."""
        for number in _list_slabs(rows):
            chosen = np.flatnonzero(rows // SLAB_ROWS == number)
            self._slabs[int(number)]["minutiae"][rows[chosen] % SLAB_ROWS] = handles[chosen]

    def _gather(self, field: str, rows: NDArray[np.int64], missing: int) -> NDArray[np.int64]:
        values = np.full(len(rows), missing, np.int64)
        for number in _list_slabs(rows):
            if int(number) in self._slabs:
                chosen = np.flatnonzero(rows // SLAB_ROWS == number)
                values[chosen] = self._slabs[int(number)][field][rows[chosen] % SLAB_ROWS]
        return values

    def _open_slab(self, number: int) -> NDArray[np.void]:
        if number not in self._slabs:
            slab = np.zeros(SLAB_ROWS, ROW)
            slab["id"], slab["minutiae"], slab["face"] = FREE, ABSENT, ABSENT
            self._slabs[number] = slab
        return self._slabs[number]


def _list_slabs(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers of the slabs of some rows; counting is far faster here than numpy's unique()."""
    return np.flatnonzero(np.bincount(rows // SLAB_ROWS))


def _has_twins(values: NDArray[np.int64]) -> bool:
    """Whether a number comes twice; sorted, since hashing regular numbers takes minutes."""
    return bool((np.diff(np.sort(values)) == 0).any())
