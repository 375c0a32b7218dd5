"""All that a gallery keeps of its persons, in rows: vectors, minutiae, faces, and who they are.

A person has one row in the planes and at most one handle in the column of minutiae and in that of
faces. Nothing here knows of threads: the gallery lets one change at a time, and tells when no
reader can hold what was cleared.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher.calibration import finger_score
from matcher.cascade import Plan, Reading
from matcher.codes import DIMENSIONS, FINGERS
from matcher.deposit import Lengths, Words, minutiae_of
from matcher.errors import Abandoned
from matcher.face import face_score
from matcher.face_column import FaceCodes
from matcher.lineup import (
    Lineup,
    Models,
    Outcome,
    is_comparable,
    join,
    settle,
)
from matcher.memory import ABSENT, DEPOSITED
from matcher.minutiae_column import MinutiaeColumn
from matcher.planes import Planes
from matcher.register import Handles, Register
from matcher.segments import Columns, Outline
from matcher.shortlist import compare_persons
from matcher.slabs import Kind
from matcher.vocabulary import Reference

CHUNK_MEETINGS = 400
"""Comparisons of fingers between two looks at the deadline: about 50 ms of one core, with what it
costs to describe the fingers."""

CHUNK_FACES = 65_536
"""Faces between two looks at the deadline where no finger is compared: about 10 ms."""

FACE_LIST = 1000
"""Persons on the list that a face makes: a face tells one person in a thousand from a million."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """What a cleared person held and others may hold later: row and handles."""

    row: int
    minutiae: int
    face: int


class Holdings:
    """Rows of persons. scratch: see Planes."""

    def __init__(
        self, pool: ThreadPoolExecutor, threads: int, *, scratch: Path | None = None
    ) -> None:
        self._pool, self._threads = pool, threads
        self.planes = Planes(pool, threads=threads, scratch=scratch)
        self._register = Register()
        self._minutiae = MinutiaeColumn()
        self._faces: FaceCodes | None = None
        self._models = Models()

    def __len__(self) -> int:
        return len(self._register)

    def __contains__(self, reference_id: object) -> bool:
        return reference_id in self._register

    def find(self, reference_id: int) -> int:
        """The row of a person; raises KeyError if there is none."""
        return self._register.find(reference_id)

    def ids(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Reference ids of rows."""
        return self._register.ids(rows)

    def entry(self, row: int) -> tuple[int, int, bytes]:
        """Reference id, partition and content hash of a row, as they enter the digest."""
        reference_id, content = self._register.entry(row)
        return reference_id, self.planes.partition_of(row), content

    def handles(self, rows: NDArray[np.int64]) -> Handles:
        """The handles of some rows, as they are now."""
        return self._register.handles(rows)

    def open_row(self, reference: Reference) -> int:
        """An empty row for a person; ScratchUnusable where there is no room for one."""
        _, mask = _gather_vectors(reference)
        return self.planes.open_row(self.planes.kind_of(mask))

    def add(
        self, row: int, reference_id: int, partition: int, reference: Reference, *, content: bytes
    ) -> None:
        """Keep a person, whose id is not there, in a row opened for it; content: its hash."""
        vectors, mask = _gather_vectors(reference)
        minutiae = self._minutiae.add(minutiae_of(reference))
        face = ABSENT
        if reference.face is not None:
            assert self._faces is not None
            face = self._faces.add(reference.face.vector)
        self._register.enter(row, reference_id, minutiae=minutiae, face=face, content=content)
        # Last, since from here on searches find the row.
        self.planes.write(row, vectors, mask=mask, partition=partition)

    def assign(self, row: int, partition: int) -> None:
        """Put a person into another partition."""
        self.planes.assign(row, partition)

    def clear(self, row: int) -> Leaving:
        """Overwrite all that is kept of a person."""
        leaving = Leaving(row, *self._register.handles_of(row))
        self.planes.clear(row)
        if leaving.minutiae >= 0:
            self._minutiae.erase(leaving.minutiae)
        if leaving.face != ABSENT:
            assert self._faces is not None
            self._faces.erase(leaving.face)
        self._register.remove(row)
        return leaving

    def free(self, leaving: Leaving) -> None:
        """Leave the places of a cleared person to others: no reader can hold them any more."""
        self.planes.free(leaving.row)
        if leaving.minutiae >= 0:
            self._minutiae.reuse(leaving.minutiae)
        if leaving.face != ABSENT:
            assert self._faces is not None
            self._faces.reuse(leaving.face)

    def deposited(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of the rows whose minutiae are on disk."""
        kept: NDArray[np.int64] = rows[self._register.handles(rows).minutiae == DEPOSITED]
        return kept

    def fill_rooms(self, handles: NDArray[np.int64], lengths: Lengths, words: Words) -> None:
        """Put minutiae into rooms that nobody finds yet; threads may do so at once."""
        self._minutiae.fill(handles, lengths, words)

    def open_rooms(self, lengths: Lengths) -> NDArray[np.int64]:
        """Rooms for minutiae, to be filled and then either given to rows or discarded."""
        return self._minutiae.open_rooms(lengths)

    def take_rooms(self, rows: NDArray[np.int64], handles: NDArray[np.int64]) -> None:
        """Give rows their minutiae, which were on disk."""
        self._register.put_minutiae(rows, handles)

    def leave_rooms(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Say of rows that their minutiae are on disk; the rooms, for discard()."""
        handles = self._register.handles(rows).minutiae
        live = handles >= 0
        self._register.put_minutiae(rows[live], np.full(int(live.sum()), DEPOSITED))
        return handles[live]

    def discard(self, handles: NDArray[np.int64]) -> None:
        """Overwrite rooms of minutiae and leave them to others: no reader can hold them."""
        for handle in handles.tolist():
            self._minutiae.erase(handle)
            self._minutiae.reuse(handle)

    def keep_live(
        self, rows: NDArray[np.int64], partitions: frozenset[int] | None
    ) -> NDArray[np.int64]:
        """Those of the rows that hold a person of the partitions."""
        kept: NDArray[np.int64] = rows[self.planes.is_live(rows, partitions)]
        return kept

    def always_compared(self, plan: Plan) -> NDArray[np.int64]:
        """Rows that no short list of vectors can name: of persons without vectors, all of them
        where the probe has a finger without one, and the nearest faces."""
        return np.union1d(self.unlisted(plan), self.find_near(plan)[0])

    def unlisted(self, plan: Plan) -> NDArray[np.int64]:
        """Rows of persons without vectors, of everybody where the probe has a finger without."""
        kinds = tuple(Kind) if plan.exact else (Kind.BARE,)
        return self.planes.select(plan.partitions, kinds=kinds)

    def find_near(self, plan: Plan) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows of the nearest faces and their cosines, FACE_LIST at most, the nearest first."""
        face = plan.lineup.face
        if face is None or self._faces is None:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        rows = self.planes.select(plan.partitions)
        cosines = self._faces.compare(face.vector, self.handles(rows).faces)
        rows, cosines = rows[~np.isnan(cosines)], cosines[~np.isnan(cosines)]
        # By row where equal, so that the list does not depend on how it was sorted.
        order = np.lexsort((rows, -cosines))[:FACE_LIST]
        return rows[order], cosines[order]

    def compare(
        self,
        reading: Reading,
        handles: Handles,
        deadline: Callable[[], bool] | None,
        column: MinutiaeColumn | None = None,
    ) -> Outcome:
        """Compare a probe with some persons by minutiae and face, chunk by chunk on the threads.

        column: where the handles' minutiae lie, in the own one if None.

        Only as many chunks as threads wait at a time, so that searches side by side take turns.
        Raises Abandoned once the deadline says True.
        """
        meetings = len(reading.lineup.meetings)
        step = max(1, CHUNK_MEETINGS // meetings) if meetings else CHUNK_FACES
        # A few persons are shared out as well: one takes 3 ms.
        step = max(1, min(step, -(-len(handles.faces) // self._threads)))
        pending: deque[Future[Outcome]] = deque()
        done: list[Outcome] = []
        for start in range(0, len(handles.faces), step):
            if deadline is not None and deadline():
                raise Abandoned("the deadline of a search passed before its end")
            if len(pending) == self._threads:
                done.append(pending.popleft().result())
            part = handles.part(slice(start, start + step))
            pending.append(self._pool.submit(self._compare, reading, part, column))
        done += [future.result() for future in pending]
        return join(done) if done else self._compare(reading, handles, column)

    def _compare(
        self, reading: Reading, handles: Handles, column: MinutiaeColumn | None
    ) -> Outcome:
        """Compare a probe with the codes of some persons."""
        raw = compare_persons(reading.prints, column or self._minutiae, handles.minutiae)
        cosines = np.full(len(handles.faces), np.nan, np.float32)
        face = reading.lineup.face
        if face is not None and self._faces is not None:
            cosines = self._faces.compare(face.vector, handles.faces)
        return settle(reading.lineup, finger_score(raw), face_score(cosines))

    @property
    def outline(self) -> Outline:
        """What this is beside its segments."""
        return Outline(
            tuple(int(slab.kind) for slab in self.planes.slabs),
            self._models.fingers,
            self._models.vectors,
            self._models.face,
            self._models.face_dimensions or 0,
        )

    @property
    def columns(self) -> Columns:
        """All that holds something of a row, for whoever takes out and puts back segments."""
        return Columns(self.planes, self._register, self._minutiae, self._faces)

    def take_outline(self, outline: Outline) -> None:
        """Become what an outline says; raises ValueError unless nothing was ever held."""
        if self.outline != Outline((), None, None, None, 0):
            raise ValueError("only an empty gallery can be restored")
        dimensions = outline.face_dimensions or None
        self._models = Models(
            outline.finger_model, outline.vector_model, outline.face_model, dimensions
        )
        self._faces = FaceCodes(outline.face_dimensions) if outline.face_model else None
        for kind in outline.kinds:
            self.planes.add_slab(Kind(kind))

    def adopt_models(self, reference: Reference) -> None:
        """Refuse templates of other models than the first; those are the gallery's for good."""
        self._models.adopt(reference)
        if reference.face is not None:
            self._faces = self._faces or FaceCodes(len(reference.face.vector))

    def check_probe(self, probe: Reference, lineup: Lineup) -> None:
        """Refuse probes of other models than the gallery's."""
        self._models.check_probe(probe, lineup)


def _gather_vectors(reference: Reference) -> tuple[NDArray[np.int8], int]:
    """The vectors of a person, int8 (10, 128), and the mask of fingers that have one.

    The mask is empty where a comparable finger has none: short lists could pass it over, and so
    such a person is always compared by minutiae.
    """
    vectors, mask = np.zeros((FINGERS, DIMENSIONS), np.int8), 0
    for finger in reference.fingers:
        if finger.vector.size:
            vectors[finger.position - 1] = finger.vector
            mask |= 1 << (finger.position - 1)
        elif is_comparable(finger):
            return np.zeros_like(vectors), 0
    return vectors, mask
