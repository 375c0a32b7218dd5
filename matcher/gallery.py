"""The references of many persons in memory, searched and changed at the same time.

A search is a cascade: signs of the vectors (coarse plane), their 4-bit codes (fine planes),
minutiae of a short list, fusion. It hits fast and misses exhaustively: a hit that the coarse
plane brings is answered at once; where nothing is confident, or all data sets of a person are
wanted, everyone's fine codes are read before anything is called negative. Persons with a finger
that has no vector are always compared by their minutiae.

Many threads may search, and their scans are merged into batches; one at a time changes. A search
scans without holding any lock, since codes never move, and then, under the lock, looks anew at
the few persons that were touched meanwhile: its answer is that of the gallery at the moment it
ended, never of half a change. An erased person is in no search that begins after erase()
returned.

The store is the truth and this is its image: digest() says whether both hold the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher import templates
from matcher.batching import Batcher, all_late
from matcher.cascade import Plan, Reading, make_plan
from matcher.deposit import Deposit
from matcher.digest import hash_entry, read_sum, write_sum
from matcher.errors import Malformed
from matcher.findings import Findings, Rows
from matcher.holdings import Holdings
from matcher.lineup import line_up
from matcher.planes import Shortlist, cut_together
from matcher.pools import make_pool
from matcher.probes import Query
from matcher.rest import Rest
from matcher.segments import (
    SEGMENT_ROWS,
    Mark,
    Opener,
    Outline,
    Segment,
    copy_segment,
    list_held,
    take_back,
)
from matcher.vocabulary import Candidate, FingerPosition, Reference
from matcher.watches import Watch, Watches

SEARCH_THREADS = 2
"""Threads that compare, shared by all searches of one gallery: one per core of a small machine."""

MAX_REFERENCE_ID = 2**63 - 1
"""Largest reference id and partition: what a signed 64-bit key of a database holds."""

CONFIDENT_SCORE = 60.0
"""Fused score from which a hit of the coarse plane is answered without reading everyone's codes:
one stranger in a million comparisons, and of the few on a short list none."""

COARSE, FINE = "coarse", "fine"
"""Stages of the cascade; scans of one stage share batches."""

FINE_BATCH = 64
"""Fingers for which a batch multiplies everyone's fine codes: three searches of ten fingers and of
their other hands. With more, ten millions take a second, which whoever is urgent waits for, and
the batch gets longer as it gets larger: reading is no longer what takes its time."""

COARSE_LIST = 100
"""Persons whom the coarse plane hands to the fine codes. Of 300 mates among three millions 294 were
first on the list, and five times its length would have held one more; whom it lacks, the walk
through everyone's fine codes finds."""

COARSE_HEAD = 2
"""Of those, persons whose minutiae are compared before everyone's fine codes are read, one on each
thread: where ten fingers have a mate that can be found so fast at all, it is nearly always the
first."""

Deadline = Callable[[], bool]

NO_ROWS: Rows = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """Queries of one search as a part of a batch."""

    queries: tuple[Query, ...]
    length: int
    deadline: Deadline | None


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """One search: how it is read, until when, and who asks."""

    plan: Plan
    deadline: Deadline | None
    urgent: bool
    source: str


class Gallery:
    """Person-level references by number, each in one partition.

    scratch: a folder on a fast disk for 640 of the 700 bytes of vectors per person, where memory
    is short; None keeps all in memory. The files have no names and end with the process.
    deposit: where the minutiae of segments lie that were restored and not woken yet, or that doze.
    """

    def __init__(
        self,
        *,
        threads: int = SEARCH_THREADS,
        scratch: Path | None = None,
        deposit: Deposit | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self._pool = make_pool(threads, "gallery")
        self._holdings = Holdings(self._pool, threads, scratch=scratch)
        self._batcher = Batcher[_Work, list[Shortlist]](self._scan)
        self._sum = 0
        self._marks: dict[int, Mark] = {}
        self._watches = Watches()
        self._rest = Rest(
            self._lock, self._holdings, self._watches, marks=self._marks, deposit=deposit
        )

    def __len__(self) -> int:
        return len(self._holdings)

    def __contains__(self, reference_id: object) -> bool:
        with self._lock:
            return reference_id in self._holdings

    def digest(self) -> bytes:
        """Order-independent digest over reference ids, partitions and encoded references."""
        with self._lock:
            return write_sum(self._sum)

    def content(self, reference_id: int) -> bytes:
        """SHA-256 of a person's encoded reference; raises KeyError if there is no such person."""
        with self._lock:
            return self._holdings.entry(self._holdings.find(reference_id))[2]

    def enrol(self, reference_id: int, reference: Reference, *, partition: int = 0) -> None:
        """Make a person searchable from the next search on; the same id replaces.

        Raises Malformed for what templates.encode() refuses or a finger of unknown position,
        ModelMismatch for templates of other models than the first that was enrolled,
        ScratchUnusable where the folder of fine codes is full, and ValueError for numbers that are
        not within 0 and MAX_REFERENCE_ID; whoever had the id stays then.
        """
        content = sha256(encode_entry(reference_id, partition, reference)).digest()
        with self._lock:
            self._holdings.adopt_models(reference)
            row = self._holdings.open_row(reference)
            self._drop(reference_id)
            self._holdings.add(row, reference_id, partition, reference, content=content)
            self._enter(row)

    def move(self, reference_id: int, partition: int) -> None:
        """Put a person into another partition; raises KeyError if there is no such person."""
        check_number(partition)
        while True:
            with self._lock:
                row = self._holdings.find(reference_id)
                # A search that is told of a row compares it under the lock, without the disk.
                if not self._rest.is_asleep(row // SEGMENT_ROWS):
                    self._leave(row)
                    self._holdings.assign(row, partition)
                    self._enter(row)
                    return
            self.wake(row // SEGMENT_ROWS)

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
        deadline: Deadline | None = None,
        everyone: bool = True,
        urgent: bool = False,
        source: str = "",
    ) -> tuple[Candidate, ...]:
        """The persons who reach the threshold, best first and by reference id where equal.

        partitions: where to search, everywhere if None. threshold: fused score of one comparison,
        see fusion.find_threshold for what a gallery's size makes of it. everyone: whether all
        data sets of a person are wanted, or a confident hit ends the search. urgent, source: who
        goes first where many wait, see `batching`. deadline: asked between steps; once it says
        True the search ends with Abandoned. Raises ModelMismatch for probes of other models than
        the gallery's, and Overloaded where too many searches wait.
        """
        if np.isnan(threshold) or at_most < 1:
            raise ValueError("a search wants a threshold and room for one candidate")
        # 1. Turn the probe into what the planes are asked, before any lock is taken.
        plan = make_plan(line_up(probe, compare_face=compare_face), partitions)
        question = Question(plan, deadline, urgent, source)
        # 2. What changes from here on is told to the watch.
        with self._lock:
            self._holdings.check_probe(probe, plan.lineup)
            watch = self._watches.begin()
        try:
            findings = Findings(plan)
            # 3. The coarse plane first: a confident hit is answered at once.
            if plan.broad and not everyone:
                self._look(question, COARSE, findings, watch)
            # 4. Everyone's fine codes, before anything is called negative.
            if findings.best() < max(threshold, CONFIDENT_SCORE):
                self._look(question, FINE, findings, watch)
            # 5. Under the lock: look anew at what was touched, rank, describe the best.
            with self._lock:
                self._renew(findings, watch)
                return findings.rank(self._holdings.ids, threshold, at_most)
        finally:
            self._end_watch(watch)

    def outline(self) -> Outline:
        """What the gallery is beside its segments: its slabs and models."""
        with self._lock:
            return self._holdings.outline

    def marks(self) -> dict[int, Mark]:
        """The mark of every segment that ever held anybody; a change of a row changes it."""
        with self._lock:
            return dict(self._marks)

    def copy_segment(self, number: int) -> tuple[Segment, Mark]:
        """What a segment holds at this moment; others wait for the few milliseconds of a copy."""
        while True:
            self.wake(number)
            with self._lock:
                if not self._rest.is_asleep(number):
                    return copy_segment(self._holdings.columns, number), self._marks[number]

    def restore(self, outline: Outline, openers: Iterable[Opener]) -> dict[int, Mark]:
        """Take back segments and their digests into an empty gallery; the mark of each.

        For the openers see take_back(). Minutiae stay in the deposit until wake(). The digests are
        believed: whoever keeps segments guards them. Rows of segments that are not there are left
        to the next persons. Raises ValueError if the gallery held anybody or has no deposit, or
        for segments that do not belong together.
        """
        with self._lock:
            self._holdings.take_outline(outline)
            digests = take_back(self._holdings.columns, openers)
            self._sum += sum(map(read_sum, digests.values()))
            self._marks.update(dict.fromkeys(digests, Mark()))
            self._rest.lay_down(digests)
            return dict(self._marks)

    def asleep(self) -> list[int]:
        """The segments of which some minutiae lie in the deposit, ascending."""
        return self._rest.asleep()

    def wake(self, number: int) -> None:
        """Take all minutiae of a segment into memory; searches and changes go on meanwhile."""
        self._rest.wake(number)

    def doze(self, number: int, mark: Mark) -> bool:
        """Leave a segment's minutiae to the deposit, which holds them as of a mark.

        Does nothing, and says so, where it has changed since or a search has heard of a change.
        """
        return self._rest.doze(number, mark)

    def list_held(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Reference ids, ascending, and partitions of all persons; int64 (n,) both."""
        with self._lock:
            return list_held(self._holdings.columns)

    def _look(self, question: Question, lane: str, findings: Findings, watch: Watch) -> None:
        """One stage of the cascade: scan, then compare the minutiae of whoever is on a list."""
        plan = question.plan
        readings = plan.readings[:1] if lane == COARSE else plan.readings
        findings.lists = list(self._ask(question, lane, readings))
        findings.lengths = [list_length(lane, reading) for reading in readings]
        for number, reading in enumerate(readings):
            rows = [shortlist.rows for shortlist in findings.lists[number]]
            with self._lock:
                if lane == FINE and number == 0:
                    rows.append(self._holdings.always_compared(plan))
                # Whoever was touched since is looked at in the end.
                fresh = np.setdiff1d(np.concatenate([NO_ROWS, *rows]), watch.rows)
                wanted = findings.unseen(number, fresh)
                handles = self._holdings.handles(wanted)
            for rows_, outcome in self._rest.compare(reading, wanted, handles, question.deadline):
                findings.add(number, rows_, outcome)

    def _ask(
        self, question: Question, lane: str, readings: Sequence[Reading]
    ) -> Iterator[Sequence[Shortlist]]:
        """The short lists of each reading, all of one walk, which other searches may share."""
        queries = tuple(query for reading in readings for query in reading.queries)
        lists: list[Shortlist] = []
        if queries:
            lists = self._batcher.submit(
                _Work(queries, max(one.length for one in readings), question.deadline),
                lane=lane,
                share=0.0 if lane == COARSE else sum(map(count_fingers, queries)) / FINE_BATCH,
                urgent=question.urgent,
                source=question.source,
                expired=question.deadline,
            )
        for reading in readings:
            length, count = list_length(lane, reading), len(reading.queries)
            mine, lists = lists[:count], lists[count:]
            yield [one for group in reading.groups for one in cut_together(mine[group], length)]

    def _scan(self, lane: Hashable, works: Sequence[_Work]) -> list[list[Shortlist]]:
        """One walk over the planes for all queries of a batch."""
        queries = [query for work in works for query in work.queries]
        length, late = max(work.length for work in works), all_late([one.deadline for one in works])
        planes = self._holdings.planes
        if lane == COARSE:
            found = iter(planes.scan_coarse(queries, max(length, self._handed()), deadline=late))
        else:
            found = iter(planes.scan_fine(queries, length, deadline=late))
        return [[next(found).cut(work.length) for _ in work.queries] for work in works]

    def _handed(self) -> int:
        """Persons whom the coarse plane hands to the fine codes."""
        return COARSE_LIST

    def _renew(self, findings: Findings, watch: Watch) -> None:
        """Look anew at what was touched while the search ran: who would stand on a list now."""
        findings.drop(watch.rows)
        plan = findings.plan
        changed = self._holdings.keep_live(watch.rows, plan.partitions)
        if not len(changed):
            return
        for number, reading in enumerate(plan.readings[: len(findings.lists)]):
            scores = [self._holdings.planes.score(query, changed) for query in reading.queries]
            wanted = findings.enters(number, scores) if scores else np.zeros(len(changed), bool)
            if number == 0:
                wanted |= np.isin(changed, self._holdings.always_compared(plan))
            rows = changed[wanted]
            # Of those who are enrolled beside a search hardly anybody resembles its probe.
            if len(rows):
                outcome = self._holdings.compare(reading, self._holdings.handles(rows), None)
                findings.add(number, rows, outcome)

    def _end_watch(self, watch: Watch) -> None:
        with self._lock:
            self._watches.end(watch)

    def _drop(self, reference_id: int) -> bool:
        """Overwrite the codes of a person and forget it."""
        if reference_id not in self._holdings:
            return False
        row = self._holdings.find(reference_id)
        self._leave(row)
        self._watches.cool(partial(self._holdings.free, self._holdings.clear(row)))
        return True

    def _enter(self, row: int) -> None:
        """A row now holds something new: count it in and tell the searches under way."""
        self._sum += hash_entry(*self._holdings.entry(row))
        self._mark(row, departures=0)
        self._watches.tell(row)

    def _leave(self, row: int) -> None:
        """A row is about to change: count it out and tell the searches under way."""
        self._sum -= hash_entry(*self._holdings.entry(row))
        self._mark(row, departures=1)
        self._watches.tell(row)

    def _mark(self, row: int, *, departures: int) -> None:
        number = row // SEGMENT_ROWS
        found = self._marks.get(number, Mark())
        self._marks[number] = Mark(found.changes + 1, found.departures + departures)


def count_fingers(query: Query) -> int:
    """Fingers that a query asks for."""
    return int(np.count_nonzero(query.weights))


def list_length(lane: str, reading: Reading) -> int:
    """How many persons a list of a stage names."""
    return COARSE_HEAD if lane == COARSE else reading.length


def encode_entry(reference_id: int, partition: int, reference: Reference) -> bytes:
    """The stored form of what is to be enrolled; ValueError and Malformed as enrol() raises."""
    check_number(reference_id)
    check_number(partition)
    if any(finger.position is FingerPosition.UNKNOWN for finger in reference.fingers):
        raise Malformed("a reference names the position of every finger")
    return templates.encode(reference)


def check_number(number: int) -> None:
    """Refuse, with ValueError, a reference id or partition that is none."""
    if not 0 <= number <= MAX_REFERENCE_ID:
        raise ValueError("reference ids and partitions are 63-bit numbers, 0 or more")
