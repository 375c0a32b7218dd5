"""One step of a search put to all shards at once, hedged: where a replica is slow, another is too.

The first answer of each shard counts. Nobody waits for a dead node: what it was asked is asked
elsewhere after a small multiple of the usual time, and at once when the wire says that it is gone.
There is no answer without all shards.
"""

from __future__ import annotations

import pickle
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from itertools import count
from typing import Any

import ray
from ray.exceptions import RayError

from matcher.errors import Abandoned
from matcher.gallery import Deadline
from matcher.replica import pack
from matcher.shard import CHANGE_SECONDS, Copy, Shard

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

    def __init__(self, shard: Shard, ticket: str, question: bytes) -> None:
        self._shard, self._ticket, self._question = shard, ticket, question
        self._began = self._last = time.monotonic()
        self._tried: list[Copy] = []
        self.waiting: dict[Any, Copy] = {}
        self.answer: Any = None
        self.put()

    def put(self) -> bool:
        """Ask the best replica that was not asked yet; whether there was one."""
        open_copies = [one for one in self._shard.copies if one.current and one not in self._tried]
        if not open_copies:
            return False
        # Those that were slow come last; among equals the shard's order is turned by the ticket.
        turn = int(self._ticket, 16) % len(open_copies)
        turned = open_copies[turn:] + open_copies[:turn]
        copy = min(turned, key=lambda one: one.misses)
        self._tried.append(copy)
        self._last = time.monotonic()
        self.waiting[copy.search(self._question)] = copy
        return True

    def take(self, call: Any, pace: Pace) -> bool:
        """Take what a replica says; whether it counts. Else another is asked, or Unreachable."""
        copy = self.waiting.pop(call)
        try:
            # Nobody but a replica of ours answers. It is there already: this only fetches it.
            answer = pickle.loads(ray.get(call, timeout=CHANGE_SECONDS))  # noqa: S301
        except RayError as error:
            self._shard.lose(copy, type(error).__name__)
        else:
            # Who was lost meanwhile may have missed a change; so its answer does not count.
            if copy.current:
                self.answer = answer
                pace.note(time.monotonic() - self._began)
                self._blame()
                return True
        if not self.put() and not self.waiting:
            raise self._shard.unreachable()
        return False

    def hedge(self, pace: Pace) -> None:
        """Ask another replica where those asked are slow; Unreachable once it took too long."""
        now = time.monotonic()
        if not self.waiting or now - self._began > ANSWER_SECONDS:
            raise self._shard.unreachable()
        if now - self._last > pace.patience_seconds and self.put():
            pace.hedges += 1

    def give_up(self) -> None:
        """Tell those who still search that nobody waits for them."""
        for copy in self.waiting.values():
            copy.call("abandon", self._ticket)
        self.waiting.clear()

    def _blame(self) -> None:
        """Those who were overtaken by another are asked last, until they are seen well again."""
        for copy in self.waiting.values():
            copy.misses += 1
        self.give_up()


class Asker:
    """Puts questions to shards. One serves all threads."""

    def __init__(self, shards: Sequence[Shard]) -> None:
        self._shards = shards
        self._paces: defaultdict[str, Pace] = defaultdict(Pace)
        self._tickets = count()
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
    ) -> list[Any]:
        """What Replica.search() answers in each shard that is asked, in the order of the shards.

        options: of each shard, None for one that is not asked. Raises Abandoned once the deadline
        says True, Unreachable where a shard is dead, and what a shard refuses.
        """
        with self._drawing:
            ticket, pace = f"{next(self._tickets):x}", self._paces[step]
        asked: list[_Asked] = []
        try:
            for shard, own in zip(self._shards, options, strict=True):
                if own is not None:
                    asked.append(_Asked(shard, ticket, pack(ticket, step, plan, own)))
            self._await(asked, deadline, pace)
        finally:
            for one in asked:
                one.give_up()
        return [one.answer.open() for one in asked]

    def _await(self, asked: Sequence[_Asked], deadline: Deadline | None, pace: Pace) -> None:
        open_parts = list(asked)
        while open_parts:
            if deadline is not None and deadline():
                raise Abandoned("the deadline of a search passed before its end")
            for one in open_parts:
                one.hedge(pace)
            owners = {call: one for one in open_parts for call in one.waiting}
            # For all at once: each look costs the wire half a millisecond.
            ready, _ = ray.wait(list(owners), num_returns=len(open_parts), timeout=LOOK_SECONDS)
            for call in ready:
                if owners[call] in open_parts and owners[call].take(call, pace):
                    open_parts.remove(owners[call])
