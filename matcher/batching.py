"""Searches that come at the same time are merged into batches, for one walk through memory.

    batcher = Batcher(run)
    result = batcher.submit(work, source="station 7", urgent=False)

Nobody waits for company: who comes while nothing runs starts at once, and who comes meanwhile
goes with the next batch, so that batches grow with the load by themselves and an idle gallery
answers without delay. There is no thread of its own: one of those who wait runs the batch for
all in it.

Urgent work goes first. Among equals the sources take turns, so that one station with a hundred
searches does not hold up another with one. Whoever waits behind a batch waits for all of it, so
work tells how much of one it fills. The queue is bounded; beyond, Overloaded says when to come
back. Work whose deadline passed while it waited is dropped.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, groupby
from typing import Generic, TypeVar

from matcher.errors import Abandoned, Overloaded

Work = TypeVar("Work")
Result = TypeVar("Result")

BATCH_MOST = 32
"""Searches in one batch at most: beyond, a batch only gets longer, as computing then outweighs
reading. Those with larger shares are fewer."""

WAITING_MOST = 256
"""Searches that wait at one time. Looking for a hit they are eight batches, two seconds of ten
millions; exhaustive ones of ten fingers some eighty, which deadlines thin out."""

PACE_SHARE = 0.2
"""Weight of the newest batch in the mean duration of one of its lane, from which the time to wait
is told."""


@dataclass(eq=False, slots=True)
class _Place(Generic[Work, Result]):
    """One in the queue. turn: how many of its source came before it and still waited."""

    work: Work
    share: float
    lane: Hashable
    urgent: bool
    source: str
    expired: Callable[[], bool] | None
    turn: int = 0
    done: bool = False
    result: list[Result] = field(default_factory=list)
    error: BaseException | None = None


class Batcher(Generic[Work, Result]):
    """Runs work of many threads in batches of one lane each.

    run: takes the works of one batch and returns their results in the same order; what it raises
    is raised to everybody in the batch.
    """

    def __init__(
        self,
        run: Callable[[Hashable, Sequence[Work]], Sequence[Result]],
        *,
        batch_most: int = BATCH_MOST,
        waiting_most: int = WAITING_MOST,
    ) -> None:
        self._run = run
        self._batch_most, self._waiting_most = batch_most, waiting_most
        self._changed = threading.Condition()
        self._queue: list[_Place[Work, Result]] = []
        self._running = False
        self._pace_seconds: dict[Hashable, float] = {}

    def submit(
        self,
        work: Work,
        *,
        lane: Hashable = None,
        share: float = 0.0,
        urgent: bool = False,
        source: str = "",
        expired: Callable[[], bool] | None = None,
    ) -> Result:
        """Have work done in some batch and return its result.

        lane: only work of one lane shares a batch. share: how much of a batch this fills; nothing
        is added to one that would fill it beyond 1. source: whose turn counts. expired: asked when
        the turn comes; once it says True the work is dropped with Abandoned. Raises Overloaded
        where the queue is full.
        """
        place = _Place[Work, Result](work, share, lane, urgent, source, expired)
        with self._changed:
            if len(self._queue) >= self._waiting_most:
                raise Overloaded(self._wait_seconds())
            place.turn = sum(one.source == source and one.urgent == urgent for one in self._queue)
            self._queue.append(place)
        while not place.done:
            batch = self._lead(place)
            if batch:
                self._serve(batch)
        if place.error is not None:
            raise place.error
        return place.result[0]

    def _lead(self, place: _Place[Work, Result]) -> list[_Place[Work, Result]]:
        """Wait until the place is done or nobody runs anything; the batch to run in that case."""
        with self._changed:
            while self._running and not place.done:
                self._changed.wait()
            if place.done:
                return []
            batch = self._choose()
            self._running = bool(batch)
            self._changed.notify_all()
            return batch

    def _choose(self) -> list[_Place[Work, Result]]:
        """Take the next batch out of the queue: urgent first, sources in turn, one lane."""
        for place in [one for one in self._queue if one.expired is not None and one.expired()]:
            place.error = Abandoned("the deadline of a search passed before its turn came")
            place.done = True
            self._queue.remove(place)
        in_order = sorted(self._queue, key=lambda one: (not one.urgent, one.turn))
        batch = [one for one in in_order if one.lane == in_order[0].lane][: self._batch_most]
        filled = accumulate(place.share for place in batch)
        # The first goes in any case; nobody overtakes one who found no room.
        batch = batch[: max(1, sum(share <= 1 for share in filled))]
        for place in batch:
            self._queue.remove(place)
        self._close_ranks()
        return batch

    def _close_ranks(self) -> None:
        """Count turns anew among those who still wait, in the order in which they came."""
        by_source = sorted(self._queue, key=lambda one: (one.source, one.urgent))
        for _, places in groupby(by_source, key=lambda one: (one.source, one.urgent)):
            for turn, place in enumerate(places):
                place.turn = turn

    def _serve(self, batch: list[_Place[Work, Result]]) -> None:
        """Run a batch and tell everybody in it."""
        began = time.monotonic()
        results: Sequence[Result] = ()
        error: BaseException | None = None
        try:
            results = self._run(batch[0].lane, [place.work for place in batch])
            if len(results) != len(batch):
                raise AssertionError("a batch gave another number of results than it had works")
        except BaseException as raised:  # noqa: BLE001 - it is raised again to everybody
            error = raised
        with self._changed:
            for number, place in enumerate(batch):
                place.error = error
                place.result = [] if error else [results[number]]
                place.done = True
            took = time.monotonic() - began
            pace = self._pace_seconds.get(batch[0].lane, 0.0)
            self._pace_seconds[batch[0].lane] = pace + PACE_SHARE * (took - pace)
            self._running = False
            self._changed.notify_all()

    def _wait_seconds(self) -> float:
        """When the queue will have become shorter by half, at the pace of late."""
        seconds = 0.0
        for lane in {place.lane for place in self._queue}:
            batches = self._count_batches([one for one in self._queue if one.lane == lane])
            seconds += batches / 2 * self._pace_seconds.get(lane, 0.0)
        return max(1.0, seconds)

    def _count_batches(self, places: Sequence[_Place[Work, Result]]) -> int:
        """How many batches some works of one lane make, in this order."""
        count, works, filled = 0, 0, 0.0
        for place in places:
            works, filled = works + 1, filled + place.share
            if count == 0 or works > self._batch_most or filled > 1:
                count, works, filled = count + 1, 1, place.share
        return count


def all_late(deadlines: Sequence[Callable[[], bool] | None]) -> Callable[[], bool] | None:
    """Whether nobody of a batch waits any more; None where somebody waits for ever."""
    known = [late for late in deadlines if late is not None]
    if len(known) < len(deadlines):
        return None
    return lambda: all(late() for late in known)
