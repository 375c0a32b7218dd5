"""The references of many persons in memory, searched completely and changed while searched.

Many threads may search; one at a time changes. A search scans without holding any lock, since
codes never move, and then, under the lock, scores anew the few persons that were touched
meanwhile: its answer is that of the gallery at the moment it ended, never of half a change. An
erased person is in no search that begins after erase() returned.

Every person of the wanted partitions is compared by the minutiae kernel. The store is the truth
and this is its image: digest() says whether both hold the same.
"""

from __future__ import annotations

import struct
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from matcher import templates
from matcher.calibration import finger_score
from matcher.columns import ABSENT, FaceColumn, FingerColumn
from matcher.errors import Abandoned, Malformed
from matcher.face import face_score
from matcher.lineup import (
    Lineup,
    Outcome,
    check_models,
    is_comparable,
    line_up,
    name_finger_model,
    settle,
)
from matcher.pairing import Described, describe
from matcher.persons import MAX_REFERENCE_ID, Codes, Persons
from matcher.vocabulary import (
    TEN_FINGERS,
    Candidate,
    FaceTemplate,
    FingerPosition,
    Reference,
)

SEARCH_THREADS = 2
"""Threads that compare, shared by all searches of one gallery: one per core of a small machine."""

CHUNK_MEETINGS = 1024
"""Comparisons of fingers between two looks at the deadline: about 50 ms of one core."""

CHUNK_FACES = 65_536
"""Faces between two looks at the deadline where no finger is compared: about 10 ms."""


def digest_entries(entries: Iterable[tuple[int, int, bytes]]) -> bytes:
    """The digest of a gallery that holds these: reference id, partition, encoded reference.

    The sum of one SHA-256 per entry modulo 2^256, so that the order does not matter and an entry
    can be taken out again. It finds faults; it is no seal against forgery.
    """
    hashes = (_hash_entry(i, p, sha256(encoded).digest()) for i, p, encoded in entries)
    return _write_sum(sum(hashes))


@dataclass(frozen=True, slots=True, eq=False)
class _Query:
    """A probe ready for the columns. fingers: described, in the order of lineup.fingers."""

    lineup: Lineup
    fingers: tuple[Described, ...]


@dataclass(slots=True, eq=False)
class _Watch:
    """What a search under way has to know. since: the number of erasures when it began; touched:
    every row that changed after that."""

    since: int
    touched: set[int] = field(default_factory=set)


class Gallery:
    """Person-level references by number, each in one partition."""

    def __init__(self, *, threads: int = SEARCH_THREADS) -> None:
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="gallery")
        self._threads = threads
        self._persons = Persons()
        self._fingers = FingerColumn()
        self._faces: FaceColumn | None = None
        self._finger_model: str | None = None
        self._face_model: str | None = None
        self._sum = 0
        self._watches: list[_Watch] = []
        self._erasures = 0
        self._cooling: deque[tuple[int, Codes]] = deque()

    def __len__(self) -> int:
        return len(self._persons)

    def __contains__(self, reference_id: object) -> bool:
        return reference_id in self._persons

    def digest(self) -> bytes:
        """Order-independent digest over reference ids, partitions and encoded references."""
        with self._lock:
            return _write_sum(self._sum)

    def enrol(self, reference_id: int, reference: Reference, *, partition: int = 0) -> None:
        """Make a person searchable from the next search on; the same id replaces.

        Raises Malformed for what templates.encode() refuses or a finger of unknown position,
        ModelMismatch for templates of other models than the first that was enrolled, and
        ValueError for numbers that are not within 0 and MAX_REFERENCE_ID.
        """
        _check_number(reference_id)
        _check_number(partition)
        if any(finger.position is FingerPosition.UNKNOWN for finger in reference.fingers):
            raise Malformed("a reference names the position of every finger")
        content = sha256(templates.encode(reference)).digest()
        name_finger_model(reference.fingers)
        described = {f.position: describe(f) for f in reference.fingers if is_comparable(f)}
        with self._lock:
            self._adopt_models(reference)
            codes = self._keep(described, reference.face)
            self._drop(reference_id)
            self._enter(self._persons.add(reference_id, partition, codes, content))

    def move(self, reference_id: int, partition: int) -> None:
        """Put a person into another partition; raises KeyError if there is no such person."""
        _check_number(partition)
        with self._lock:
            row = self._persons.find(reference_id)
            self._leave(row)
            self._persons.assign(row, partition)
            self._enter(row)

    def erase(self, reference_id: int) -> bool:
        """Overwrite all codes of a person at once; returns whether there was one."""
        with self._lock:
            return self._drop(reference_id)

    def search(
        self,
        probe: Reference,
        *,
        partitions: frozenset[int] | None = None,
        threshold: float,
        at_most: int = 20,
        compare_face: bool = True,
        deadline: Callable[[], bool] | None = None,
    ) -> tuple[Candidate, ...]:
        """All persons who reach the threshold, best first and by reference id where equal.

        partitions: where to search, everywhere if None. threshold: fused score of one comparison,
        see fusion.find_threshold for what a gallery's size makes of it. deadline: asked between
        chunks; once it says True the search ends with Abandoned. Raises ModelMismatch for probes
        of other models than the gallery's.
        """
        if np.isnan(threshold) or at_most < 1:
            raise ValueError("a search wants a threshold and room for one candidate")
        # 1. Order and describe the probe, before any lock is taken.
        lineup = line_up(probe, compare_face=compare_face)
        query = _Query(lineup, tuple(describe(finger) for finger in lineup.fingers))
        # 2. Under the lock: choose the persons; what changes from here on is told to the watch.
        with self._lock:
            self._check_probe(probe, lineup)
            rows = self._persons.select(partitions)
            codes = self._persons.codes(rows)
            watch = self._begin_watch()
        try:
            # 3. Without the lock: compare with every one of them.
            fused = self._scan(query, codes, deadline)
            # 4. Under the lock: compare anew with what was touched, rank, describe the best.
            with self._lock:
                fresh = np.array(sorted(watch.touched), np.int64)
                stale = np.isin(rows, fresh)
                changed = self._persons.keep_live(fresh, partitions)
                again = self._compare(query, self._persons.codes(changed)).fused
                rows = np.concatenate([rows[~stale], changed])
                fused = np.concatenate([fused[~stale], again])
                best = self._rank(rows, fused, threshold)[:at_most]
                return self._describe(query, best)
        finally:
            self._end_watch(watch)

    def _begin_watch(self) -> _Watch:
        watch = _Watch(self._erasures)
        self._watches.append(watch)
        return watch

    def _end_watch(self, watch: _Watch) -> None:
        with self._lock:
            self._watches.remove(watch)
            self._release_cooled()

    def _scan(
        self, query: _Query, codes: Codes, deadline: Callable[[], bool] | None
    ) -> NDArray[np.float32]:
        """Fused scores of all persons, chunk by chunk on the threads of the gallery.

        Only as many chunks as threads wait at a time, so that searches side by side take turns.
        """
        fused = np.empty(len(codes.faces), np.float32)
        meetings = len(query.lineup.meetings)
        step = max(1, CHUNK_MEETINGS // meetings) if meetings else CHUNK_FACES
        pending: deque[tuple[slice, Future[Outcome]]] = deque()
        for start in range(0, len(fused), step):
            if deadline is not None and deadline():
                raise Abandoned("the deadline of a search passed before its end")
            if len(pending) == self._threads:
                _collect(pending, fused)
            chunk = slice(start, start + step)
            pending.append((chunk, self._pool.submit(self._compare, query, codes.part(chunk))))
        while pending:
            _collect(pending, fused)
        return fused

    def _compare(self, query: _Query, codes: Codes) -> Outcome:
        """Compare a probe with the codes of some persons."""
        shape = len(codes.faces), len(query.lineup.meetings)
        raw, cosines = np.empty(shape, np.float32), np.full(shape[0], np.nan, np.float32)
        for column, (finger, position) in enumerate(query.lineup.meetings):
            handles = codes.at_position(position)
            raw[:, column] = self._fingers.compare(query.fingers[finger], handles)
        face = query.lineup.face
        if face is not None and self._faces is not None:
            cosines = self._faces.compare(face.vector, codes.faces)
        return settle(query.lineup, finger_score(raw), face_score(cosines))

    def _rank(
        self, rows: NDArray[np.int64], fused: NDArray[np.float32], threshold: float
    ) -> NDArray[np.int64]:
        """The rows that reach the threshold, best first, then by reference id."""
        # In double precision, so that a score is judged as the caller reads it.
        reached = fused >= np.float64(threshold)
        rows, fused = rows[reached], fused[reached]
        return rows[np.lexsort((self._persons.ids(rows), -fused))]

    def _describe(self, query: _Query, rows: NDArray[np.int64]) -> tuple[Candidate, ...]:
        outcome = self._compare(query, self._persons.codes(rows))
        ids = self._persons.ids(rows)
        return tuple(Candidate(int(ids[n]), outcome.describe(n)) for n in range(len(rows)))

    def _keep(
        self, described: Mapping[FingerPosition, Described], face: FaceTemplate | None
    ) -> Codes:
        """Put codes into the columns."""
        fingers = np.full((1, len(TEN_FINGERS)), ABSENT, np.int64)
        for position, finger in described.items():
            fingers[0, position - 1] = self._fingers.add(finger)
        faces = np.full(1, ABSENT, np.int64)
        if face is not None:
            assert self._faces is not None
            faces[0] = self._faces.add(face.vector)
        return Codes(fingers, faces)

    def _drop(self, reference_id: int) -> bool:
        """Overwrite the codes of a person and forget it."""
        if reference_id not in self._persons:
            return False
        row = self._persons.find(reference_id)
        self._leave(row)
        codes = self._persons.codes(np.array([row]))
        for column, handle in self._handles(codes):
            column.erase(handle)
        self._persons.remove(row)
        self._erasures += 1
        self._cooling.append((self._erasures, codes))
        self._release_cooled()
        return True

    def _release_cooled(self) -> None:
        """Use rooms again that no search can be reading: all under way began after the erasure."""
        oldest = min((watch.since for watch in self._watches), default=self._erasures)
        while self._cooling and self._cooling[0][0] <= oldest:
            for column, handle in self._handles(self._cooling.popleft()[1]):
                column.reuse(handle)

    def _handles(self, codes: Codes) -> Iterator[tuple[FingerColumn | FaceColumn, int]]:
        """All codes of one person with the columns that hold them."""
        for handle in codes.fingers[codes.fingers != ABSENT]:
            yield self._fingers, int(handle)
        for handle in codes.faces[codes.faces != ABSENT]:
            assert self._faces is not None
            yield self._faces, int(handle)

    def _enter(self, row: int) -> None:
        """A row now holds something new: count it in and tell the searches under way."""
        self._sum += _hash_entry(*self._persons.entry(row))
        self._tell(row)

    def _leave(self, row: int) -> None:
        """A row is about to change: count it out and tell the searches under way."""
        self._sum -= _hash_entry(*self._persons.entry(row))
        self._tell(row)

    def _tell(self, row: int) -> None:
        for watch in self._watches:
            watch.touched.add(row)

    def _adopt_models(self, reference: Reference) -> None:
        """Refuse templates of other models than the first; those are the gallery's for good."""
        fingers, face = name_finger_model(reference.fingers), reference.face
        check_models(fingers, self._finger_model)
        if face is not None:
            check_models(face.model, self._face_model)
            self._faces = self._faces or FaceColumn(len(face.vector))
            if self._faces.dimensions != len(face.vector):
                raise Malformed("a face vector is not as long as others of its model")
            self._face_model = face.model
        self._finger_model = self._finger_model or fingers

    def _check_probe(self, probe: Reference, lineup: Lineup) -> None:
        check_models(name_finger_model(probe.fingers), self._finger_model)
        if lineup.face is not None and self._faces is not None:
            check_models(lineup.face.model, self._face_model)
            if self._faces.dimensions != len(lineup.face.vector):
                raise Malformed("a face vector is not as long as others of its model")


def _collect(pending: deque[tuple[slice, Future[Outcome]]], fused: NDArray[np.float32]) -> None:
    """Wait for the oldest chunk and enter its scores."""
    chunk, outcome = pending.popleft()
    fused[chunk] = outcome.result().fused


def _check_number(number: int) -> None:
    if not 0 <= number <= MAX_REFERENCE_ID:
        raise ValueError("reference ids and partitions are 63-bit numbers, 0 or more")


def _hash_entry(reference_id: int, partition: int, content: bytes) -> int:
    """One summand of the digest. content: SHA-256 of the encoded reference."""
    entry = struct.pack("<qq", reference_id, partition) + content
    return int.from_bytes(sha256(entry).digest(), "little")


def _write_sum(total: int) -> bytes:
    return (total % 2**256).to_bytes(32, "little")
