"""A gallery on several machines: shards as Ray actors, each a plain gallery, two replicas of each.

    connect(address)
    gallery = ClusterGallery(reload)
    gallery.tend()          # every some seconds: replaces what was lost, moves to who joined

It is searched and changed as `Gallery` is and gives the same answers: shards first say whom their
short lists would name, and only the best of all shards are compared (see `part`). Two things may
differ by a person more: equal vector scores at the end of a list, all of whom are compared here;
and a search that ends at a confident hit in a gallery of more than COARSE_LIST persons, whose
coarse plane hands on some more than their share of every shard.

All changes must go through one ClusterGallery, which tells its own searches what they touch.
The store is the truth: from it shards are filled, and a lost replica is copied from the other, or
filled from the store where there is none. Nothing is written to disk. Ray
places the replicas, fills, changes and ends them. The steps of searches go over a line to each (see
`lines`), since Ray's calls take longer than a shard needs for its part; lines are sealed with keys
that come over Ray. Only processes that may join the Ray cluster can speak to the actors, and Ray
neither authenticates nor encrypts by itself: its network must be the node's own, with all ports
open between its machines.

Whoever searches runs on a machine of the cluster, best on its head (`ray start --head`), which is
not doubled: it alone knows of the others, and with it the gallery ends and is filled anew. Every
machine has the same release of this program, and SETTINGS in the environment of its `ray start`.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import ray

from matcher.asking import Asker
from matcher.cascade import make_queries
from matcher.digest import read_sum, write_sum
from matcher.errors import Unreachable
from matcher.gallery import Deadline, check_number, encode_entry
from matcher.inquiry import Inquiry, Touched
from matcher.lines import Lines
from matcher.lineup import Models, line_up
from matcher.replica import Entry, Replica
from matcher.segments import Mark, Outline, Segment
from matcher.shard import Copy, Shard, open_copy
from matcher.spread import choose_node, find_move, shard_of
from matcher.vocabulary import Candidate, Reference

SHARDS = 4
"""Shards of a small cluster: enough that a third node takes over some of two."""

REPLICAS = 2
"""Replicas of each shard: one may be lost at any time."""

SHARD_THREADS = 1
"""Threads that compare in one replica: several replicas share a machine."""

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
    "RAY_automatic_object_spilling_enabled": "0",
}
"""What every node of a cluster is started with: nothing is reported to anybody, searches do not
stand behind all other work of a machine, where Ray puts its workers by itself, and nothing of a
person that is on its way from one replica to another is ever written to a disk."""

Reload = Callable[[Callable[[int], bool]], Iterable[tuple[int, int, Reference]]]
"""Reads reference id, partition and reference of all in the store whose id is wanted; several
threads may read at a time, one per shard."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tended:
    """What a round of tending did. filled, moved: replicas. missing: those that have no room,
    since a node holds one replica of a shard at most."""

    filled: int
    moved: int
    missing: int


def connect(address: str | None = None) -> None:
    """Join a Ray cluster, or start one on this machine alone; nothing if joined already.

    address: host and port of its head node, None for this machine alone. Nothing is reported to
    anybody: no usage statistics, no dashboard, no output of workers.
    """
    if ray.is_initialized():
        return
    os.environ.update(SETTINGS)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is not None:
        ray.init(address=address, **quiet)
        return
    # "local" starts one even where an environment variable names another.
    ray.init(address="local", include_dashboard=False, _node_ip_address="127.0.0.1", **quiet)


class ClusterGallery:
    """Person-level references by number, each in one partition, on several nodes."""

    def __init__(
        self,
        reload: Reload,
        *,
        shards: int = SHARDS,
        replicas: int = REPLICAS,
        threads: int = SHARD_THREADS,
        incomplete: bool = False,
        kind: type[Replica] = Replica,
    ) -> None:
        """Fill all replicas from the store.

        incomplete: whether to start with fewer nodes than replicas, one loss then being one too
        many. kind: what stands behind the wire; benchmarks have one that draws its persons itself.
        Raises Unreachable without that, and where a replica cannot be filled.
        """
        if shards < 1 or replicas < 1:
            raise ValueError("a cluster wants one shard and one replica at least")
        nodes = len(list_nodes())
        if nodes < replicas and not incomplete:
            raise Unreachable(f"{replicas} replicas want {replicas} nodes, Ray has {nodes}")
        self._reload, self._replicas = reload, replicas
        self._models, self._models_lock = Models(), threading.Lock()
        self._lines = Lines()

        def start(node: str) -> Copy:
            return open_copy(node, kind, threads, shards)

        self._shards = [Shard(number, self._lines, start) for number in range(shards)]
        self._asker, self._touched = Asker(self._shards), Touched()
        self._tending = threading.Lock()
        try:
            self.tend()
        except BaseException:
            self.close()
            raise

    def __len__(self) -> int:
        return sum(shard.persons for shard in self._shards)

    def __contains__(self, reference_id: object) -> bool:
        if not isinstance(reference_id, int) or reference_id < 0:
            return False
        return bool(self._shard(reference_id).look("contains", reference_id))

    def digest(self) -> bytes:
        """Order-independent digest over reference ids, partitions and encoded references.

        Every shard is asked anew; Unreachable where one does not answer.
        """
        states = [shard.look("state") for shard in self._shards]
        return write_sum(sum(read_sum(state.digest) for state in states))

    def content(self, reference_id: int) -> bytes:
        """SHA-256 of a person's encoded reference; KeyError if there is no such, or Unreachable."""
        if reference_id < 0:
            raise KeyError(reference_id)
        found: bytes = self._shard(reference_id).look("content", reference_id).open()
        return found

    def outline(self) -> Outline:
        """The models of all that was ever enrolled; there are no segments."""
        with self._models_lock:
            held = self._models
            return Outline((), held.fingers, held.vectors, held.face, held.face_dimensions or 0)

    def marks(self) -> dict[int, Mark]:
        """None: nothing of it is kept on a disk."""
        return {}

    def copy_segment(self, number: int) -> tuple[Segment, Mark]:
        """There is none, so this raises KeyError."""
        raise KeyError(number)

    def asleep(self) -> list[int]:
        """None: there are no segments."""
        return []

    def wake(self, number: int) -> None:
        """There is none, so this does nothing."""

    def doze(self, number: int, mark: Mark) -> bool:
        """There is none, so this raises KeyError."""
        raise KeyError(number, mark)

    def enrol(self, reference_id: int, reference: Reference, *, partition: int = 0) -> None:
        """Make a person searchable; raises what Gallery.enrol() does, and Unreachable."""
        entry = self._admit(reference_id, partition, reference)
        self._change(reference_id, "enrol", [entry])

    def move(self, reference_id: int, partition: int) -> None:
        """Put a person into another partition; KeyError if there is no such, or Unreachable."""
        check_number(partition)
        if reference_id < 0:
            raise KeyError(reference_id)
        self._change(reference_id, "move", reference_id, partition)

    def erase(self, reference_id: int) -> bool:
        """Overwrite all codes of a person in all replicas; whether there was one."""
        return reference_id >= 0 and bool(self._change(reference_id, "erase", reference_id))

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

        Raises what Gallery.search() does, and Unreachable where a shard has no replica that
        answers: there is no answer from a part.
        """
        if np.isnan(threshold) or at_most < 1:
            raise ValueError("a search wants a threshold and room for one candidate")
        plan = make_queries(line_up(probe, compare_face=compare_face), partitions)
        with self._models_lock:
            self._models.check_probe(probe, plan.lineup)
        with self._touched.watch() as touched:
            inquiry = Inquiry(self._asker.ask, plan, len(self._shards), deadline, touched)
            return inquiry.search(
                threshold=threshold,
                at_most=at_most,
                everyone=everyone,
                urgent=urgent,
                source=source,
            )

    def tend(self) -> Tended:
        """Bring lost replicas back, and move some to nodes that are emptier.

        Searches and changes go on meanwhile. Raises Unreachable where a replica does not come to
        hold what the others hold; what was there before stays.
        """
        with self._tending:
            nodes = list_nodes()
            for shard in self._shards:
                shard.check(nodes)
            filled = self._complete(nodes)
            moved = self._balance(nodes)
            missing = sum(self._replicas - len(shard.copies) for shard in self._shards)
        if missing:
            log.warning("%d replicas are missing for want of nodes", missing)
        return Tended(filled, moved, missing)

    def close(self) -> None:
        """End all replicas and what reads their lines; the cluster stays."""
        with self._tending:
            for shard in self._shards:
                for node in shard.nodes:
                    shard.retire(node)
            self._lines.close()

    @property
    def hedges(self) -> int:
        """How often a search asked another replica because the first was slow."""
        return self._asker.hedges

    @property
    def placement(self) -> dict[int, list[str]]:
        """The nodes that hold a replica, by shard."""
        return {shard.number: shard.nodes for shard in self._shards}

    def _complete(self, nodes: list[str]) -> int:
        """Add the replicas that shards lack, of all shards at a time; how many."""
        planned = self.placement
        lacking: dict[int, list[str]] = {}
        for shard in self._shards:
            while len(planned[shard.number]) < self._replicas:
                node = choose_node(shard.number, planned, nodes)
                if node is None:
                    break
                planned[shard.number].append(node)
                lacking.setdefault(shard.number, []).append(node)
        with ThreadPoolExecutor(max(1, len(lacking)), thread_name_prefix="fill") as pool:
            # One after the other in a shard: the second is proved equal to the first.
            list(pool.map(self._fill, lacking, lacking.values()))
        return sum(len(added) for added in lacking.values())

    def _fill(self, number: int, added: list[str]) -> None:
        shard = self._shards[number]
        for node in added:
            shard.fill(node, lambda: self._read(shard))

    def _balance(self, nodes: list[str]) -> int:
        """Move replicas until the load is even; how many."""
        moved = 0
        while (move := find_move(self.placement, nodes)) is not None:
            shard = self._shards[move.shard]
            # First the new one, so that there is never one fewer.
            self._fill(move.shard, [move.target])
            shard.retire(move.source)
            moved += 1
        return moved

    def _read(self, shard: Shard) -> Iterator[Entry]:
        """The entries of a shard, from the store."""

        def belongs(reference_id: int) -> bool:
            return shard_of(reference_id, len(self._shards)) == shard.number

        for reference_id, partition, reference in self._reload(belongs):
            if belongs(reference_id):
                yield self._admit(reference_id, partition, reference)

    def _admit(self, reference_id: int, partition: int, reference: Reference) -> Entry:
        """Check what is to be enrolled as Gallery.enrol() does, over all shards."""
        entry = reference_id, partition, encode_entry(reference_id, partition, reference)
        with self._models_lock:
            self._models.adopt(reference)
        return entry

    def _change(self, reference_id: int, method: str, *arguments: Any) -> Any:
        """Have a person's shard changed, and tell the searches under way first."""
        self._touched.note(reference_id)
        return self._shard(reference_id).change(method, *arguments)

    def _shard(self, reference_id: int) -> Shard:
        return self._shards[shard_of(reference_id, len(self._shards))]


def list_nodes() -> list[str]:
    """Ids of the nodes that Ray believes alive, in order."""
    return sorted(node["NodeID"] for node in ray.nodes() if node["Alive"])
