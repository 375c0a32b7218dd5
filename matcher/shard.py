"""The caller's side of one shard: its replicas, and the changes that they acknowledge.

A change goes to all replicas and is acknowledged when all that are current have it. A replica that
fails at one, or whose line ends, is lost for good: it is never asked again, since it may have
missed a change, and another takes its place, copied from those that are left or filled from the
store.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from matcher.digest import digest_entries, read_sum, write_sum
from matcher.errors import Malformed, Unreachable
from matcher.lines import Hear, Line, Lines
from matcher.replica import Entry, Replica, State

CHANGE_SECONDS = 10.0
"""How long a change waits for a replica: a thousand times what it takes, and shorter than what a
clerk waits."""

FILL_SECONDS = 120.0
"""How long a batch of a filling replica may take: on a loaded machine a process starts in 30 s."""

FILL_BATCH = 500
"""References sent at a time while a replica is filled: some megabytes."""

PIECES_UNDER_WAY = 4
"""Pieces of a copy between two replicas at a time: 20 MB, a quarter of the least object store."""

WARM_SECONDS = 300.0
"""How long a replica may take to be ready to search: a first start compiles its kernels."""

CALL_SLOTS = 2
"""Calls that a replica takes at a time: a change beside whatever a long one asks of it."""

LISTEN_SECONDS = 30.0
"""How long a replica may take to listen: it is there already, if on a loaded machine."""

FILL_TRIES = 3
"""How often a replica is filled anew where the store has run ahead of the shard meanwhile."""

log = logging.getLogger(__name__)

Source = Callable[[], Iterable[Entry]]
"""Reads all entries of a shard from the store."""


@dataclass(slots=True, eq=False)
class Copy:
    """A replica as its caller sees it.

    line: over which it is searched, None until it is filled. misses: how often it was too slow
    since it was last seen well. current: False once it may have missed a change; its answers no
    longer count then. compiled: how many kernels its machine had to compile before it could search.
    """

    actor: Any
    node: str
    line: Line | None = None
    misses: int = 0
    current: bool = True
    compiled: int = 0

    def call(self, method: str, *arguments: Any) -> Any:
        """Call the replica over Ray; the reference to what will come of it."""
        return getattr(self.actor, method).remote(*arguments)

    def search(self, ticket: int, question: bytes, hear: Hear) -> None:
        """Put a step of a search, see Line.ask()."""
        assert self.line is not None
        self.line.ask(ticket, question, hear)

    def give_up(self, ticket: int) -> None:
        """Tell that nobody waits for a step any more."""
        assert self.line is not None
        self.line.give_up(ticket)

    def end(self) -> None:
        """End the line and the process."""
        if self.line is not None:
            self.line.close()
        ray.kill(self.actor)


def open_copy(node: str, kind: type[Replica], *options: int) -> Copy:
    """Start an empty replica on a node, there or nowhere. options: see Replica."""
    # Never restarted by the wire: it would come back empty and answer that nobody is known.
    remote = ray.remote(num_cpus=0, max_restarts=0, max_concurrency=CALL_SLOTS)(kind)
    where = NodeAffinitySchedulingStrategy(node, soft=False)
    actor = remote.options(scheduling_strategy=where).remote(*options)
    return Copy(actor, node)


def find_host(node: str) -> str:
    """The address of a node; Unreachable where Ray knows it no more."""
    hosts = {one["NodeID"]: one["NodeManagerAddress"] for one in ray.nodes()}
    if node not in hosts:
        raise Unreachable("the node where a replica was to be filled is gone")
    return str(hosts[node])


class Shard:
    """One shard. number: which; lines: to its replicas; start: an empty replica on a node."""

    def __init__(self, number: int, lines: Lines, start: Callable[[str], Copy]) -> None:
        self.number, self._lines, self._start = number, lines, start
        self.copies: tuple[Copy, ...] = ()
        self.persons = 0
        # The one lets changes pass one by one, the other guards the list of replicas alone.
        self._lock, self._roster = threading.Lock(), threading.Lock()
        self._journal: list[tuple[str, tuple[Any, ...]]] | None = None

    @property
    def nodes(self) -> list[str]:
        """Where the replicas stand."""
        return [copy.node for copy in self.copies]

    def change(self, method: str, *arguments: Any) -> Any:
        """Have all replicas do the same; what they answer, or the error that they raise.

        Raises Unreachable where none has done it, or where they hold different persons after it:
        then nobody knows who is right but the store, from which tending fills all anew.
        """
        with self._lock:
            begun = [(copy, copy.call(method, *arguments)) for copy in self.copies]
            answers = [self._settle(copy, call) for copy, call in begun]
            heard = [answer for answer in answers if answer is not None]
            if not heard:
                raise self.unreachable()
            if any(answer.state != heard[0].state for answer in heard):
                for copy in self.copies:
                    self.lose(copy, "it holds something else than another")
                raise self.unreachable()
            if self._journal is not None:
                self._journal.append((method, arguments))
            self.persons = heard[0].state.persons
            return heard[0].open()

    def look(self, method: str, *arguments: Any) -> Any:
        """What the first replica says that says anything; Unreachable if none does."""
        with self._lock:
            return self._look(method, *arguments)

    def fill(self, node: str, source: Source) -> None:
        """Add a replica on a node and prove that it holds what the others, or the store, hold.

        It is copied from another where there is one, and read from the store where there is none
        or that failed. Changes go on meanwhile and are made up for in the end. Raises Unreachable
        where the replica cannot be filled or proved equal.
        """
        for number in range(FILL_TRIES):
            copy = self._start(node)
            other = self.copies[0] if number == 0 and self.copies else None
            try:
                if self._fill(copy, source, other):
                    return
            except (RayError, ValueError, Malformed) as error:
                if other is None and not isinstance(error, RayError):
                    raise
                log.warning("filling a replica failed: %s", type(error).__name__)
            finally:
                self._journal = None
                if copy not in self.copies:
                    copy.end()
        raise Unreachable(f"a new replica of shard {self.number} did not become equal")

    def retire(self, node: str) -> None:
        """Take the replica on a node away; searches that have asked it ask another."""
        for copy in self.copies:
            if copy.node == node:
                self.lose(copy, "")

    def lose(self, copy: Copy, why: str) -> None:
        """Never ask a replica again and end its process. why: logged, where it is not empty."""
        copy.current = False
        with self._roster:
            known = copy in self.copies
            self.copies = tuple(one for one in self.copies if one is not copy)
        if known:
            if why:
                log.warning("shard %d lost a replica: %s", self.number, why)
            copy.end()

    def check(self, nodes: Iterable[str]) -> None:
        """Lose replicas on nodes that are gone, and those that do not say what they hold."""
        alive = set(nodes)
        for copy in self.copies:
            if copy.node not in alive:
                self.lose(copy, "its node is gone")
        with self._lock:
            begun = [(copy, copy.call("state")) for copy in self.copies]
            for copy, call in begun:
                if self._settle(copy, call) is not None:
                    copy.misses = 0

    def unreachable(self) -> Unreachable:
        """The error where no replica is left to answer."""
        return Unreachable(f"no replica of shard {self.number} answers; none was left out silently")

    def _fill(self, copy: Copy, source: Source, other: Copy | None) -> bool:
        """Fill a replica; whether it equals the others, or what was read if there are none."""
        with self._lock:
            self._journal = []
        # A copy of what is lost meanwhile is equal to nothing.
        seen: State | None = None
        if other is None:
            seen = read_entries(source, copy)
        else:
            copy_pieces(other, copy)
        copy.compiled = ray.get(copy.call("warm"), timeout=WARM_SECONDS)
        address = ray.get(copy.call("listen", find_host(copy.node)), timeout=LISTEN_SECONDS)
        copy.line = self._lines.open(address, partial(self.lose, copy))
        with self._lock:
            held = ray.get(list(self._replay(copy)), timeout=FILL_SECONDS)[-1]
            # Where no other is left nothing was changed meanwhile: changes were refused.
            expected = self._look("state") if self.copies else seen
            if held != expected:
                log.warning("shard %d has changed in another way while it was filled", self.number)
                return False
            with self._roster:
                if not copy.current:
                    return False
                self.copies = (*self.copies, copy)
            self.persons = held.persons
            return True

    def _replay(self, copy: Copy) -> Iterator[Any]:
        """Make up for the changes of meanwhile; last, ask what is held."""
        for method, arguments in self._journal or ():
            # One by one, since a replica takes several calls at a time. Refusals are repeated.
            ray.get(copy.call(method, *arguments), timeout=CHANGE_SECONDS)
        yield copy.call("state")

    def _look(self, method: str, *arguments: Any) -> Any:
        for copy in self.copies:
            said = self._settle(copy, copy.call(method, *arguments))
            if said is not None:
                return said
        raise self.unreachable()

    def _settle(self, copy: Copy, call: Any) -> Any:
        """What came of a call, None where the replica is lost with it."""
        try:
            return ray.get(call, timeout=CHANGE_SECONDS)
        except RayError as error:
            # Its class says enough; its text may quote what was sent.
            self.lose(copy, type(error).__name__)
            return None


def read_entries(source: Source, copy: Copy) -> State:
    """Fill a replica from the store; what it should hold then."""
    seen = State(0, digest_entries(()))
    entries = iter(source())
    while batch := list(islice(entries, FILL_BATCH)):
        answer = ray.get(copy.call("enrol", batch), timeout=FILL_SECONDS)
        answer.open()
        seen = add_entries(seen, batch)
    return seen


def copy_pieces(other: Copy, copy: Copy) -> None:
    """Fill a replica from another; the pieces go from one to the other, and never come here."""
    outline, numbers = ray.get(other.call("pieces"), timeout=CHANGE_SECONDS)
    ray.get(copy.call("begin_copy", outline, len(numbers)), timeout=FILL_SECONDS)
    under_way: deque[Any] = deque()
    for number in numbers:
        under_way.append(copy.call("take_piece", other.call("piece", number)))
        if len(under_way) == PIECES_UNDER_WAY:
            ray.get(under_way.popleft(), timeout=FILL_SECONDS).open()
    for call in [*under_way, copy.call("end_copy")]:
        ray.get(call, timeout=FILL_SECONDS).open()


def add_entries(state: State, entries: list[Entry]) -> State:
    """What is held once some more persons are.

    >>> add_entries(State(0, digest_entries(())), [(1, 0, b"")]).persons
    1
    """
    total = read_sum(state.digest) + read_sum(digest_entries(entries))
    return State(state.persons + len(entries), write_sum(total))
