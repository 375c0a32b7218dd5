"""One step of a search put to all shards at once, hedged: where a replica is slow, another is too.

The first answer of each shard counts. Nobody waits for a dead node: what it was asked is asked
elsewhere after a small multiple of the usual time, and at once when its line ends. What one replica
fails at is asked of another, once: where both fail, the question is to blame and not the replicas,
which go on. There is no answer without all shards.
"""

from __future__ import annotations

import pickle
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import count
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias

from matcher.errors import Abandoned, Unforeseen
from matcher.gallery import Deadline
from matcher.listening import Failed
from matcher.replica import pack
from matcher.sealing import GREETING
from matcher.shard import Copy, Shard

LOOK_SECONDS = 0.01
"""Between two looks at the deadline and the clock; the last answer wakes the caller at once."""

HEDGE_MULTIPLE = 4.0
"""Another replica is asked after so many times the usual duration: rare where all is well."""

HEDGE_LEAST_SECONDS = 0.1
"""And never before: a busy machine holds a process up for so long without being ill."""

USUAL_SHARE = 0.1
"""Weight of the newest answer in the usual duration."""

ANSWER_SECONDS = 30.0
"""After so long without any replica's answer a shard counts as dead: the longest search of the
largest gallery takes a tenth of it."""


FAILURES_MOST = 2
"""Replicas that fail at a step before it is given up: the second tells a fault of the question, of
which a third would die as well, from one of the first replica."""

Told: TypeAlias = "SimpleQueue[tuple[_Asked, Copy, bytes | Failed | None]]"
"""What replicas say to one step, in the order in which they say it; None where a line ended."""


class Pace:
    """How long an answer to one step usually takes, over all shards. hedges: how often another
    replica was asked because the first was slow."""

    def __init__(self) -> None:
        self._usual_seconds = 0.0
        self.hedges = 0

    def note(self, seconds: float) -> None:
        """Take one answer into account."""
        self._usual_seconds += USUAL_SHARE * (seconds - self._usual_seconds)

    @property
    def patience_seconds(self) -> float:
        """How long one replica is waited for before another is asked too."""
        return max(HEDGE_LEAST_SECONDS, HEDGE_MULTIPLE * self._usual_seconds)


class _Asked:
    """One shard's part of a question: whom it was put to, and what came back."""

    def __init__(self, shard: Shard, ticket: int, question: bytes, told: Told) -> None:
        self._shard, self._ticket, self._question, self._told = shard, ticket, question, told
        self._began = self._last = time.monotonic()
        self._tried: list[Copy] = []
        self._failures: list[Failed] = []
        self.waiting: list[Copy] = []
        self.answer: Any = None
        self.answered = False
        self.put()

    def put(self) -> bool:
        """Ask the best replica that was not asked yet; whether there was one."""
        open_copies = [one for one in self._shard.copies if one.current and one not in self._tried]
        if not open_copies:
            return False
        # Those that were slow come last; among equals the shard's order is turned by the ticket,
        # and by the shard, so that one search is shared out over the machines.
        turn = (self._ticket + self._shard.number) % len(open_copies)
        turned = open_copies[turn:] + open_copies[:turn]
        copy = min(turned, key=lambda one: one.misses)
        self._tried.append(copy)
        self._last = time.monotonic()
        self.waiting.append(copy)
        copy.search(self._ticket, self._question, lambda said: self._told.put((self, copy, said)))
        return True

    def take(self, copy: Copy, said: bytes | Failed | None, pace: Pace) -> None:
        """Take what a replica says; where it does not count ask another, or raise Unreachable, or
        Unforeseen where it was failed at."""
        self.waiting.remove(copy)
        if said is None:
            self._shard.lose(copy, "its line ended")
        elif isinstance(said, Failed):
            self._failures.append(said)
            # It is asked last then, in case the fault is its own.
            copy.misses += 1
            if len(self._failures) == FAILURES_MOST:
                raise self._unforeseen()
        # Who was lost meanwhile may have missed a change; so its answer does not count.
        elif copy.current:
            # Nobody but a replica of ours has the key with which this was sealed.
            self.answer = pickle.loads(said)  # noqa: S301
            self.answered = True
            pace.note(time.monotonic() - self._began)
            self._blame()
            return
        if not self.put() and not self.waiting:
            raise self._unforeseen() if self._failures else self._shard.unreachable()

    def hedge(self, pace: Pace) -> None:
        """Ask another replica where those asked are slow; Unreachable once it took too long."""
        now = time.monotonic()
        if not self.waiting or now - self._began > ANSWER_SECONDS:
            raise self._shard.unreachable()
        if now - self._last > pace.patience_seconds and self.put():
            pace.hedges += 1

    def give_up(self) -> None:
        """Tell those who still search that nobody waits for them."""
        for copy in self.waiting:
            copy.give_up(self._ticket)
        self.waiting.clear()

    def _unforeseen(self) -> Unforeseen:
        """The error where replicas have failed."""
        kinds = ", ".join(sorted({failure.kind for failure in self._failures}))
        text = f"shard {self._shard.number} failed at a step of this search alone: {kinds}"
        return Unforeseen(f"{text}; the logs of its replicas say where")

    def _blame(self) -> None:
        """Those who were overtaken by another are asked last, until they are seen well again."""
        for copy in self.waiting:
            copy.misses += 1
        self.give_up()


class Asker:
    """Puts questions to shards. One serves all threads."""

    def __init__(self, shards: Sequence[Shard]) -> None:
        self._shards = shards
        self._paces: defaultdict[str, Pace] = defaultdict(Pace)
        self._tickets = count(GREETING + 1)
        self._drawing = threading.Lock()

    @property
    def hedges(self) -> int:
        """How often another replica was asked because the first was slow; about, where several
        threads search."""
        return sum(pace.hedges for pace in self._paces.values())

    def ask(
        self,
        step: str,
        plan: bytes,
        options: Sequence[dict[str, Any] | None],
        *,
        deadline: Deadline | None,
        meanwhile: Callable[[], object] | None = None,
    ) -> list[Any]:
        """What Replica.search() answers in each shard that is asked, in the order of the shards.

        options: of each shard, None for one that is not asked. meanwhile: done once all are asked
        and before anybody is waited for. Raises Abandoned once the deadline
        says True, Unreachable where a shard is dead, Unforeseen where its replicas fail, and what a
        shard refuses.
        """
        with self._drawing:
            ticket, pace = next(self._tickets), self._paces[step]
        asked: list[_Asked] = []
        told: Told = SimpleQueue()
        try:
            for shard, own in zip(self._shards, options, strict=True):
                if own is not None:
                    asked.append(_Asked(shard, ticket, pack(step, plan, own), told))
            if meanwhile is not None:
                meanwhile()
            while not all(one.answered for one in asked):
                if deadline is not None and deadline():
                    raise Abandoned("the deadline of a search passed before its end")
                hear_one(asked, told, pace)
        finally:
            for one in asked:
                one.give_up()
        return [one.answer.open() for one in asked]


def hear_one(asked: Sequence[_Asked], told: Told, pace: Pace) -> None:
    """Take the next that a replica says, and see to those that take too long."""
    for one in asked:
        if not one.answered:
            one.hedge(pace)
    try:
        one, copy, said = told.get(timeout=LOOK_SECONDS)
    except Empty:
        return
    if not one.answered:
        one.take(copy, said, pace)
