"""One shard's part of a search, in two steps, so that all shards together answer as one gallery.

    part.nominate(plan, ...)            whom its short lists would name, and how near they are
    elect(nominees of all shards)       whom the short lists of one gallery would name
    part.judge(plan, elected, ...)      the comparison of those

Vector scores and cosines mean the same in every shard, so the best of all are the best of what
each shard holds for its best. Nothing is kept between the steps, which therefore may be put to
different replicas.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from matcher import gallery
from matcher.cascade import Plan
from matcher.deposit import Deposit
from matcher.findings import Findings, Rows
from matcher.gallery import COARSE, FINE, Deadline, Gallery, Question, list_length
from matcher.holdings import FACE_LIST
from matcher.planes import Shortlist, keep_best
from matcher.probes import Query
from matcher.vocabulary import Candidate

Ids = NDArray[np.int64]


class Nominees(NamedTuple):
    """Persons for one list. reading: its number in the plan. length: how many of all shards' the
    list takes. ids: int64 (k,). scores: float32 (k,), z of vectors or cosines of faces."""

    reading: int
    length: int
    ids: Ids
    scores: NDArray[np.float32]

    def __reduce__(self) -> tuple[object, ...]:
        """Pickled as plain bytes: an array of two numbers takes several times as long."""
        return read_nominees, (self.reading, self.length, self.ids.tobytes(), self.scores.tobytes())


def read_nominees(reading: int, length: int, ids: bytes, scores: bytes) -> Nominees:
    """Nominees as they were pickled."""
    found = np.frombuffer(ids, np.int64), np.frombuffer(scores, np.float32)
    return Nominees(reading, length, *found)


class Part(Gallery):
    """The gallery of one shard, of so many in all; for the rest see Gallery."""

    def __init__(self, *, threads: int, shards: int, deposit: Deposit | None = None) -> None:
        super().__init__(threads=threads, deposit=deposit)
        self._shards = shards

    def nominate(
        self,
        plan: Plan,
        *,
        coarse: bool,
        deadline: Deadline | None = None,
        urgent: bool = False,
        source: str = "",
    ) -> tuple[Nominees, ...]:
        """Persons whom the lists of one stage could name, at the moment when this ends.

        The lists come in the same order from every shard. coarse: whether the coarse plane is
        read, or everyone's fine codes. plan: its prints may be missing. The rest
        is as in Gallery.search().
        """
        lane = COARSE if coarse else FINE
        readings = plan.readings[:1] if coarse else plan.readings
        with self._lock:
            watch = self._watches.begin()
        try:
            lists = list(self._ask(Question(plan, deadline, urgent, source), lane, readings))
            with self._lock:
                named = []
                for number, reading in enumerate(readings):
                    length = list_length(lane, reading)
                    for group in reading.groups:
                        if not reading.queries[group]:
                            continue
                        pairs = zip(reading.queries[group], lists[number][group], strict=True)
                        fresh = [self._refresh(query, one, watch.rows) for query, one in pairs]
                        named.append(self._name(number, length, fresh))
                if not coarse and not plan.exact:
                    faces = Shortlist(*self._holdings.find_near(plan))
                    named.append(self._name(0, FACE_LIST, [faces]))
                return tuple(named)
        finally:
            self._end_watch(watch)

    def judge(
        self,
        plan: Plan,
        *,
        elected: Sequence[Ids],
        unlisted: bool,
        threshold: float,
        at_most: int,
        deadline: Deadline | None = None,
    ) -> tuple[Candidate, ...]:
        """Compare some persons and rank those who reach the threshold.

        elected: reference ids by reading; who is not here or not in the plan's partitions is
        passed over. unlisted: whether those whom no list can name are compared too. Whoever is
        changed meanwhile is compared as well: a list cannot say any more whether it would name
        them.
        """
        findings = Findings(plan)
        with self._lock:
            watch = self._watches.begin()
            wanted = [self._find_rows(ids, plan) for ids in elected]
            if unlisted:
                wanted[0] = np.union1d(wanted[0], self._holdings.unlisted(plan))
            handles = [self._holdings.handles(rows) for rows in wanted]
        try:
            for number, reading in enumerate(plan.readings[: len(wanted)]):
                found = self._rest.compare(reading, wanted[number], handles[number], deadline)
                for rows, outcome in found:
                    findings.add(number, rows, outcome)
            with self._lock:
                if watch.touched:
                    self._compare_again(findings, watch.rows, len(wanted))
                return findings.rank(self._holdings.ids, threshold, at_most)
        finally:
            self._end_watch(watch)

    def _compare_again(self, findings: Findings, rows: Rows, readings: int) -> None:
        """Compare those who were touched as they are now, whoever they were before."""
        findings.drop(rows)
        changed = self._holdings.keep_live(rows, findings.plan.partitions)
        handles = self._holdings.handles(changed)
        for number, reading in enumerate(findings.plan.readings[:readings]):
            findings.add(number, changed, self._holdings.compare(reading, handles, None))

    def _handed(self) -> int:
        """This shard's share of what one gallery's coarse plane hands on, five standard deviations
        more, and three for the skew of small shares: of ten million lists one has more persons of
        one shard than that."""
        share = gallery.COARSE_LIST / self._shards
        return min(gallery.COARSE_LIST, ceil(share + 5 * sqrt(share) + 3))

    def _refresh(self, query: Query, found: Shortlist, touched: Rows) -> Shortlist:
        """A list without those who were touched since, and those anew who have a score now."""
        if not len(touched):
            return found
        stays = ~np.isin(found.rows, touched)
        scores = self._holdings.planes.score(query, touched)
        has = np.isfinite(scores)
        return Shortlist(
            np.concatenate([found.rows[stays], touched[has]]),
            np.concatenate([found.scores[stays], scores[has]]),
        )

    def _name(self, reading: int, length: int, lists: Sequence[Shortlist]) -> Nominees:
        best = keep_best(lists)
        return Nominees(reading, length, self._holdings.ids(best.rows), best.scores)

    def _find_rows(self, ids: Ids, plan: Plan) -> Rows:
        """Rows of those who are here, in the plan's partitions; ascending."""
        known = [self._holdings.find(one) for one in ids.tolist() if one in self._holdings]
        return self._holdings.keep_live(np.unique(np.array(known, np.int64)), plan.partitions)


def elect(parts: Sequence[Sequence[Nominees]], readings: int) -> list[list[Ids]]:
    """Reference ids to compare, by shard and reading, from what each shard nominated.

    Of each list the best over all shards, and who ties with the last of them.
    """
    elected = [[[np.empty(0, np.int64)] for _ in range(readings)] for _ in parts]
    for lists in zip(*parts, strict=True):
        floor = _find_floor(np.concatenate([one.scores for one in lists]), lists[0].length)
        for shard, one in enumerate(lists):
            elected[shard][one.reading].append(one.ids[one.scores >= floor])
    return [[np.unique(np.concatenate(ids)) for ids in shard] for shard in elected]


def _find_floor(scores: NDArray[np.float32], length: int) -> float:
    """The score that the last on a list has, -inf where all have room on it."""
    if len(scores) <= length:
        return -np.inf
    return float(np.partition(scores, -length)[-length])
