"""The memory of the vector stage: codes of many persons, scanned while they change.

Rows lie in slabs that never move. One thread at a time writes; any number reads, without a lock,
and may see a row that is half written. A row therefore is empty before its codes change and is
filled in last, and the gallery scores anew the rows that were touched during a search. A row that
was cleared holds zeros; it is given away again only after free().
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher.codes import (
    ALL_FINGERS,
    COARSE_BLOCK,
    CROWD_OF,
    Vectors,
    clear_coarse,
    clear_fine,
    write_coarse,
    write_fine,
)
from matcher.errors import Abandoned
from matcher.kernels import Kernels, choose
from matcher.probes import Query, prepare_coarse, prepare_fine
from matcher.rescoring import halve, score_rows
from matcher.scans import (
    Best,
    FineProbes,
    Pieces,
    Rule,
    cut_up,
    make_best,
    merge,
    read_rows,
    split_keys,
)
from matcher.slabs import COARSE_KINDS, LIVE, SLAB_ROWS, Kind, Slab, make_slab

MAX_ROWS = 2**32
"""Rows that a key of the scans can tell apart."""

COARSE_PIECE = 2**15
"""Rows that a thread takes at a time: 0.15 ms of one core for one probe, by which the threads end
at the same time."""

FINE_PIECE = 2**13
"""The same for fine codes: half a millisecond."""

PIECES_AT_ONCE = 64
"""Pieces that a thread takes for one probe, fewer for several, until it looks at the deadline: ten
to thirty milliseconds, a hundred by the portable kernels, and some more where fine codes come from
a disk. Coming back to the interpreter after every piece, where others may hold its lock, took a
sixth of the coarse scan of ten millions."""


@dataclass(frozen=True, slots=True, eq=False)
class Shortlist:
    """The best rows of a scan: rows int64 (k,), scores float32 (k,) z, best first, then by row."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]

    def cut(self, length: int) -> Shortlist:
        """The best of the list."""
        return Shortlist(self.rows[:length], self.scores[:length])


def keep_best(lists: Sequence[Shortlist]) -> Shortlist:
    """Every row of several lists once, with the best of its scores."""
    rows = np.concatenate([np.empty(0, np.int64), *(one.rows for one in lists)])
    scores = np.concatenate([np.empty(0, np.float32), *(one.scores for one in lists)])
    order = np.lexsort((rows, -scores))
    _, first = np.unique(rows[order], return_index=True)
    best = order[np.sort(first)]
    return Shortlist(rows[best], scores[best])


def cut_together(lists: Sequence[Shortlist], length: int) -> list[Shortlist]:
    """Of several lists only who is among so many best rows of all of them together, and ties with
    those: a row counts once, however many lists it stands on."""
    if len(lists) <= 1:
        return [one.cut(length) for one in lists]
    best = keep_best(lists).scores
    if len(best) <= length:
        return list(lists)
    return [one.cut(int((one.scores >= best[length - 1]).sum())) for one in lists]


@dataclass(slots=True, eq=False)
class _Stage:
    """Half of a scan: the slabs of some kinds, one probe batch, the best found by each thread."""

    scan: Callable[[Best], None]
    rule: Rule
    pieces: Pieces
    bests: list[Best] = field(default_factory=list)


Deadline = Callable[[], bool] | None


class Planes:
    """Rows of codes by number. pool and threads: who scans, and how many of them at a time.

    scratch: the folder of the files in which fine codes lie, None where they lie in memory.
    """

    def __init__(
        self,
        pool: ThreadPoolExecutor,
        *,
        threads: int,
        slab_rows: int = SLAB_ROWS,
        scratch: Path | None = None,
    ) -> None:
        if threads < 1 or slab_rows < 1 or slab_rows % COARSE_BLOCK:
            raise ValueError(f"planes want a thread and slabs of a multiple of {COARSE_BLOCK} rows")
        self._pool = pool
        self._threads = threads
        self._slab_rows = slab_rows
        self._scratch = scratch
        self._kernels: Kernels = choose()
        self._slabs: list[Slab] = []
        # By whether it is the coarse codes; a new slab makes new tables, as scans may hold these.
        self._tables = {coarse: np.zeros((0, 5), np.int64) for coarse in (True, False)}
        self._filling: dict[Kind, int] = {}
        self._free: defaultdict[Kind, list[int]] = defaultdict(list)
        self._codes: dict[int, int] = {}

    @staticmethod
    def kind_of(mask: int) -> Kind:
        """Where a person with vectors of these fingers belongs."""
        fingers = mask & ALL_FINGERS
        return Kind(CROWD_OF[fingers]) if fingers else Kind.BARE

    def open_row(self, kind: Kind) -> int:
        """An empty row, which is in no scan before it is written."""
        if self._free[kind]:
            return self._free[kind].pop()
        number = self._filling.get(kind)
        if number is None or self._slabs[number].used == self._slab_rows:
            number = len(self._slabs)
            self.add_slab(kind)
        slab = self._slabs[number]
        slab.used += 1
        return number * self._slab_rows + slab.used - 1

    def add_slab(self, kind: Kind) -> Slab:
        """Append an empty slab, into which rows are opened from then on.

        Whoever loads a snapshot fills it and sets its number of used rows.
        """
        rows = self._slab_rows
        if (len(self._slabs) + 1) * rows > MAX_ROWS:
            raise ValueError(f"planes hold at most {MAX_ROWS} rows")
        slab = make_slab(kind, rows, self._scratch)
        self._filling[kind] = len(self._slabs)
        self._tables = {
            coarse: np.concatenate([table, [self._point_to(slab, coarse=coarse)]])
            for coarse, table in self._tables.items()
        }
        self._slabs.append(slab)
        return slab

    def _point_to(self, slab: Slab, *, coarse: bool) -> tuple[int, ...]:
        """The next slab as in Pieces; where it has no such codes, their address is 0."""
        codes = slab.coarse if coarse else slab.fine
        address = 0 if codes is None else codes.ctypes.data
        masks, partitions = slab.masks.ctypes.data, slab.partitions.ctypes.data
        return address, masks, partitions, len(self._slabs) * self._slab_rows, int(slab.kind)

    def write(self, row: int, vectors: Vectors, *, mask: int, partition: int) -> None:
        """Fill an empty row. vectors: int8 (10, 128); mask: the fingers that have one.

        Raises ValueError where the mask does not belong into the row's slab.
        """
        slab, place = self._find(row)
        if self.kind_of(mask) is not slab.kind or mask & ~ALL_FINGERS:
            raise ValueError("a row takes only a mask of its kind")
        slab.partitions[place] = self._name(partition)
        if slab.coarse is not None:
            write_coarse(slab.coarse, place, vectors, mask)
        if slab.fine is not None:
            write_fine(slab.fine, place, vectors, mask)
        slab.masks[place] = mask | LIVE

    def assign(self, row: int, partition: int) -> None:
        """Put a person into another partition."""
        slab, place = self._find(row)
        slab.partitions[place] = self._name(partition)

    def clear(self, row: int) -> None:
        """Empty a row and overwrite all its codes with zeros at once."""
        slab, place = self._find(row)
        slab.masks[place] = 0
        slab.partitions[place] = 0
        if slab.coarse is not None:
            clear_coarse(slab.coarse, place)
        if slab.fine is not None:
            clear_fine(slab.fine, place)

    def free(self, row: int) -> None:
        """Let a cleared row be opened again: no reader can hold it any more."""
        slab, place = self._find(row)
        if slab.masks[place]:
            raise ValueError("only a cleared row can be used again")
        self._free[slab.kind].append(row)

    def free_all(self, number: int) -> None:
        """Let all empty rows of a slab, as far as it is used, be opened again."""
        slab = self._slabs[number]
        empty = np.flatnonzero(slab.masks[: slab.used] == 0) + number * self._slab_rows
        self._free[slab.kind].extend(empty.tolist())

    def scan_coarse(
        self, queries: Sequence[Query], length: int, *, deadline: Deadline = None
    ) -> list[Shortlist]:
        """The best rows for each query: of persons with many fingers those whom the coarse codes
        find, as many as the list is long, scored by fine codes; of those with few fingers the best
        by fine codes. Raises Abandoned once the deadline says True."""
        if not queries:
            return []
        prepared = prepare_fine(queries, dict(self._codes))
        coarse = self._plan_coarse(queries)
        fine = self._plan_fine(prepared, Kind.SPARSE)
        self._run([coarse, fine], length, deadline)
        each = range(len(queries))
        dense = [read_rows(merge(coarse.bests, number, length)) for number in each]
        again = self._rescore(prepared, dense, self._threads)
        if not fine.bests:
            return [_sort(dense[number], again[number], length) for number in each]
        lists = []
        for number in each:
            sparse, scores = split_keys(merge(fine.bests, number, length))
            rows = np.concatenate([dense[number], sparse])
            lists.append(_sort(rows, np.concatenate([again[number], scores]), length))
        return lists

    def scan_fine(
        self, queries: Sequence[Query], length: int, *, deadline: Deadline = None
    ) -> list[Shortlist]:
        """The best of all rows for each query by fine codes, of the fingers that it has. Raises
        Abandoned once the deadline says True."""
        if not queries:
            return []
        prepared = prepare_fine(queries, dict(self._codes))
        stage = self._plan_fine(prepared, *COARSE_KINDS, Kind.SPARSE)
        self._run([stage], length, deadline)
        return [
            Shortlist(*split_keys(merge(stage.bests, number, length)))
            for number in range(len(queries))
        ]

    def score(self, query: Query, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """z of some rows by fine codes, bit for bit that of the scans; float32 (n,), -inf for rows
        that are empty, of other partitions, or without a finger in common."""
        return self._rescore(prepare_fine([query], dict(self._codes)), [rows], 0)[0]

    def select(
        self, partitions: Collection[int] | None = None, *, kinds: Collection[Kind] = tuple(Kind)
    ) -> NDArray[np.int64]:
        """Rows that hold a person of some partitions, of all if None; int64, ascending."""
        found = [np.zeros(0, np.int64)]
        codes = [self._codes[p] for p in partitions or () if p in self._codes]
        for number, slab in enumerate(tuple(self._slabs)):
            if slab.kind in kinds:
                wanted = slab.masks[: slab.used] != 0
                if partitions is not None:
                    wanted &= np.isin(slab.partitions[: len(wanted)], codes)
                found.append(np.flatnonzero(wanted) + number * self._slab_rows)
        return np.concatenate(found)

    def is_live(
        self, rows: NDArray[np.int64], partitions: Collection[int] | None
    ) -> NDArray[np.bool_]:
        """Whether rows hold a person of some partitions, of all if None; bool (n,)."""
        live = np.zeros(len(rows), np.bool_)
        codes = [self._codes[p] for p in partitions or () if p in self._codes]
        numbers, places = np.divmod(rows, self._slab_rows)
        # Of a few rows: a set takes a tenth of what sorting an array does.
        for number in set(numbers.tolist()):
            slab, at = self._slabs[number], np.flatnonzero(numbers == number)
            live[at] = slab.masks[places[at]] != 0
            if partitions is not None:
                live[at] &= np.isin(slab.partitions[places[at]], codes)
        return live

    def partition_of(self, row: int) -> int:
        """The partition of a person."""
        slab, place = self._find(row)
        return self.partitions[int(slab.partitions[place])]

    def bytes_used(self) -> int:
        """Bytes of all rows that were ever opened."""
        total = 0
        for slab in tuple(self._slabs):
            arrays = (slab.coarse, slab.fine, slab.masks, slab.partitions)
            per_row = sum(a.nbytes for a in arrays if a is not None) // self._slab_rows
            total += per_row * slab.used
        return total

    @property
    def slabs(self) -> tuple[Slab, ...]:
        """All slabs, for snapshots and for those who check that nothing is left in them."""
        return tuple(self._slabs)

    @property
    def partitions(self) -> tuple[int, ...]:
        """Numbers of the partitions by their codes."""
        return tuple(self._codes)

    def name_partitions(
        self, numbers: NDArray[np.int64], masks: NDArray[np.uint16]
    ) -> NDArray[np.uint32]:
        """The codes of the partitions of many rows, 0 where empty; uint32 (n,)."""
        named, where = np.unique(numbers[masks != 0], return_inverse=True)
        given = np.zeros(len(numbers), np.uint32)
        names = np.array([self._name(int(number)) for number in named], np.uint32)
        given[masks != 0] = names[where]
        return given

    def _find(self, row: int) -> tuple[Slab, int]:
        number, place = divmod(row, self._slab_rows)
        return self._slabs[number], place

    def _name(self, partition: int) -> int:
        """The code of a partition; codes are given in order and never taken back."""
        return self._codes.setdefault(partition, len(self._codes))

    def _plan_coarse(self, queries: Sequence[Query]) -> _Stage:
        probes, rule = prepare_coarse(queries, dict(self._codes))
        scan = self._kernels.coarse
        pieces = self._cut(COARSE_KINDS, len(queries), coarse=True)
        return _Stage(lambda best: scan(pieces, probes, rule, best), rule, pieces)

    def _plan_fine(self, prepared: tuple[FineProbes, Rule], *kinds: Kind) -> _Stage:
        probes, rule = prepared
        scan = self._kernels.fine
        pieces = self._cut(kinds, len(probes.vectors), coarse=False)
        return _Stage(lambda best: scan(pieces, probes, rule, best), rule, pieces)

    def _cut(self, kinds: Collection[Kind], probes: int, *, coarse: bool) -> Pieces:
        """The work of a scan in pieces, of slabs of some kinds for some probes."""
        step, places = COARSE_PIECE if coarse else FINE_PIECE, []
        table = self._tables[coarse]
        for number, slab in enumerate(self._slabs[: len(table)]):
            if slab.kind in kinds:
                end = -(-slab.used // COARSE_BLOCK) * COARSE_BLOCK
                places += [(number, at, min(at + step, end)) for at in range(0, end, step)]
        at_once = max(1, PIECES_AT_ONCE // probes)
        return cut_up(table, places, slab_rows=self._slab_rows, at_once=at_once)

    def _run(self, stages: Sequence[_Stage], length: int, deadline: Deadline) -> None:
        """Scan all pieces of all stages on the threads, each of which takes the next one."""
        if length < 1:
            raise ValueError("a short list has room for one row")
        for stage in stages:
            threads = self._threads if len(stage.pieces.places) else 0
            stage.bests = [make_best(stage.rule, length) for _ in range(threads)]
        self._share(lambda thread: self._work(stages, thread, deadline), self._threads)

    def _share(self, work: Callable[[int], None], threads: int) -> None:
        """Let some threads do the same work, each with its number, until all are done."""
        futures = [self._pool.submit(work, thread) for thread in range(threads)]
        # All of them, also where one fails: they read memory by its address.
        wait(futures)
        for future in futures:
            future.result()

    def _work(self, stages: Sequence[_Stage], thread: int, deadline: Deadline) -> None:
        for stage in stages:
            # The threads raise the number together; one more than there are pieces does no harm.
            while stage.pieces.taken[0] < len(stage.pieces.places):
                if deadline is not None and deadline():
                    raise Abandoned("the deadline of a search passed before its end")
                stage.scan(stage.bests[thread])

    def _rescore(
        self,
        prepared: tuple[FineProbes, Rule],
        lists: Sequence[NDArray[np.int64]],
        threads: int,
    ) -> list[NDArray[np.float32]]:
        """Scores of a list of rows for each query, by some threads or, if none, by the caller."""
        (probes, rule), halves = prepared, halve(prepared[0])
        scores = [np.full(len(rows), -np.inf, np.float32) for rows in lists]
        pieces = self._cut((), len(lists), coarse=False)
        numbers = iter(range(len(lists)))

        def work(_: int) -> None:
            for number in numbers:
                probe = number, halves, probes.weights
                score_rows(pieces, probe, rule, (lists[number], scores[number]))

        if min(threads, len(lists)) > 1:
            self._share(work, threads)
        else:
            work(0)
        return scores


def _sort(rows: NDArray[np.int64], scores: NDArray[np.float32], length: int) -> Shortlist:
    """The best of some rows with a score, best first, then by row."""
    order = np.lexsort((rows, -scores))
    order = order[scores[order] > -np.inf][:length]
    return Shortlist(rows[order], scores[order])
