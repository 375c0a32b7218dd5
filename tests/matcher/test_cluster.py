"""A gallery on several nodes: the answers of one machine, whatever is lost meanwhile.

The tests share one cluster and follow on each other: nodes are killed and join, in this order.
They start twenty processes and more, which takes minutes:

    pytest -m campaign tests/matcher/test_cluster.py
"""

import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.galleries import Draw, draw_capture, draw_reference
from matcher.errors import Abandoned, Malformed, MatcherError, ModelMismatch, Unreachable
from matcher.gallery import Gallery
from matcher.persons import Persons
from matcher.spread import shard_of
from matcher.vocabulary import FingerPosition, Reference

pytest.importorskip("ray", reason="the extra `cluster` is not installed")

import ray

from benchmarks.machines import PATIENCE_SECONDS, Machines, emulate, wait_for
from matcher.cluster import ClusterGallery, Tended, list_nodes

pytestmark = pytest.mark.campaign

SHARDS = 2
SHORT = Draw(minutiae=18)
VECTORS = Draw(minutiae=18, vectors=True)


@cache
def person(seed: int) -> Reference:
    """A person of whom a part was captured; every third has vectors."""
    rng = np.random.default_rng((seed, 7))
    whole = draw_reference(seed, SHORT if seed % 3 else VECTORS)
    fingers = tuple(finger for finger in whole.fingers if rng.random() < 0.5)
    return Reference(fingers, whole.face if rng.random() < 0.6 else None)


@cache
def probe_of(seed: int, count: int = 10, vectors: bool = False) -> Reference:
    """Another capture of a person, some of whose fingers were taken."""
    capture = draw_capture(draw_reference(seed, VECTORS if vectors else SHORT), seed)
    return Reference(capture.fingers[:count], capture.face)


@dataclass
class Both:
    """One truth, kept by a store, one plain gallery and a cluster."""

    store: dict[int, tuple[int, Reference]] = field(default_factory=dict)
    plain: Gallery = field(default_factory=Gallery)
    reads: list[int] = field(default_factory=list)
    cluster: ClusterGallery = field(init=False)

    def reload(self, wanted: Callable[[int], bool]) -> Iterator[tuple[int, int, Reference]]:
        self.reads.append(0)
        for reference_id, (partition, reference) in list(self.store.items()):
            if wanted(reference_id):
                yield reference_id, partition, reference

    def enrol(self, reference_id: int, seed: int, partition: int) -> None:
        self.store[reference_id] = partition, person(seed)
        for gallery in (self.plain, self.cluster):
            gallery.enrol(reference_id, person(seed), partition=partition)

    def move(self, reference_id: int, partition: int) -> None:
        known = reference_id in self.store
        if known:
            self.store[reference_id] = partition, self.store[reference_id][1]
        for gallery in (self.plain, self.cluster):
            if known:
                gallery.move(reference_id, partition)
            else:
                with pytest.raises(KeyError):
                    gallery.move(reference_id, partition)

    def erase(self, reference_id: int) -> None:
        known = self.store.pop(reference_id, None) is not None
        assert [g.erase(reference_id) for g in (self.plain, self.cluster)] == [known, known]

    def assert_equal(self) -> None:
        assert len(self.cluster) == len(self.plain) == len(self.store)
        assert self.cluster.digest() == self.plain.digest()

    def assert_same_answers(self, **options: Any) -> None:
        wanted = {"threshold": 0.5, "at_most": 50, **options}
        found = 0
        for seed in (2, 4, 5):
            for count in (0, 1, 10):
                probe = probe_of(seed, count)
                expected = self.plain.search(probe, **wanted)
                assert self.cluster.search(probe, **wanted) == expected
                found += len(expected)
        assert found, "nothing was found at all, so that nothing was compared"


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    with emulate() as machines:
        yield machines


@pytest.fixture(scope="module")
def both(machines: Machines) -> Iterator[Both]:
    """Sixty persons on two nodes."""
    both = Both()
    with pytest.raises(Unreachable, match="2 replicas want 2 nodes, Ray has 1"):
        ClusterGallery(both.reload, shards=SHARDS)
    machines.join()
    for seed in range(60):
        both.store[7 * seed] = seed % 3, person(seed)
        both.plain.enrol(7 * seed, person(seed), partition=seed % 3)
    both.cluster = ClusterGallery(both.reload, shards=SHARDS)
    yield both
    assert "lines" in {thread.name for thread in threading.enumerate()}
    both.cluster.close()
    assert "lines" not in {thread.name for thread in threading.enumerate()}


def test_a_start_fills_two_replicas_on_two_nodes(both: Both) -> None:
    assert all(len(set(nodes)) == 2 for nodes in both.cluster.placement.values())
    # The second of each is a copy of the first.
    assert len(both.reads) == SHARDS
    both.assert_equal()
    assert 7 in both.cluster
    assert 8 not in both.cluster
    assert "7" not in both.cluster


@pytest.mark.parametrize("partitions", [None, {0}, {1, 2}, {5}], ids=str)
def test_answers_are_those_of_one_machine(both: Both, partitions: set[int] | None) -> None:
    where = None if partitions is None else frozenset(partitions)
    if partitions == {5}:
        assert both.cluster.search(probe_of(3), partitions=where, threshold=0) == ()
        return
    both.assert_same_answers(partitions=where)
    both.assert_same_answers(partitions=where, at_most=2, compare_face=False)


def test_probes_with_vectors_find_whom_one_machine_finds(both: Both) -> None:
    for seed in (3, 6, 9, 12):
        probe = probe_of(seed, vectors=True)
        expected = both.plain.search(probe, threshold=20)
        assert expected[0].reference_id == 7 * seed
        assert both.cluster.search(probe, threshold=20) == expected
        for everyone in (True, False):
            # Whoever is compared at all.
            wanted: dict[str, Any] = {"threshold": -1, "at_most": 60, "everyone": everyone}
            expected = both.plain.search(probe, **wanted)
            assert both.cluster.search(probe, **wanted) == expected


def test_any_sequence_of_changes_leaves_both_equal(both: Both) -> None:
    rng = np.random.default_rng(11)
    for step in range(60):
        reference_id = int(rng.integers(80)) * 7
        change = rng.choice(["enrol", "move", "erase"])
        if change == "enrol":
            both.enrol(reference_id, int(rng.integers(90)), int(rng.integers(3)))
        elif change == "move":
            both.move(reference_id, int(rng.integers(3)))
        else:
            both.erase(reference_id)
        if step % 10 == 0:
            both.assert_equal()
            seed = int(rng.integers(60))
            found = both.cluster.search(probe_of(seed), threshold=-1, at_most=100)
            assert found == both.plain.search(probe_of(seed), threshold=-1, at_most=100)
    both.assert_equal()


def test_refusals_are_those_of_one_machine(both: Both) -> None:
    finger = person(1).fingers[0]
    stranger = Reference((replace(finger, model="another-1"),))
    refused: list[tuple[type[Exception], Callable[[Persons], object]]] = [
        (ModelMismatch, lambda g: g.enrol(900, stranger)),
        (ModelMismatch, lambda g: g.search(stranger, threshold=0)),
        (
            Malformed,
            lambda g: g.enrol(900, Reference((replace(finger, position=FingerPosition.UNKNOWN),))),
        ),
        (ValueError, lambda g: g.enrol(-1, person(1))),
        (ValueError, lambda g: g.move(7, -1)),
        (ValueError, lambda g: g.search(person(1), threshold=float("nan"))),
        (KeyError, lambda g: g.move(901, 1)),
        (Abandoned, lambda g: g.search(person(1), threshold=0, deadline=lambda: True)),
    ]
    for kind, call in refused:
        texts = []
        for gallery in (both.plain, both.cluster):
            with pytest.raises(kind) as caught:
                call(gallery)
            texts.append(str(caught.value))
            # Neither the wire's classes nor its stack of another process.
            assert type(caught.value) is kind
            assert caught.value.__cause__ is None
        assert texts[0] == texts[1] or kind is Abandoned
    both.assert_equal()


def test_a_replica_that_hangs_holds_no_search_up(both: Both, machines: Machines) -> None:
    # Whoever was slow before is not asked first until it was tended.
    assert both.cluster.tend() == Tended(filled=0, moved=0, missing=0)
    before = both.cluster.hedges
    with stopped(machines.joined[0]):
        began = time.monotonic()
        both.assert_same_answers()
        assert time.monotonic() - began < PATIENCE_SECONDS
    assert both.cluster.hedges > before


def test_a_node_killed_among_searches_loses_nothing(both: Both, machines: Machines) -> None:
    with searching(both) as done:
        wait_for(lambda: len(done) > 3)
        machines.kill()
        after = len(done)
        wait_for(lambda: len(done) > after + 5)
    both.enrol(7 * 61, 61, 1)
    both.erase(7 * 5)
    both.assert_equal()
    both.assert_same_answers()
    wait_for(lambda: len(list_nodes()) == 1)
    assert both.cluster.tend().missing == SHARDS


def test_a_node_that_joins_is_filled_and_answers(both: Both, machines: Machines) -> None:
    machines.join()
    before = len(both.reads)
    with searching(both):
        assert both.cluster.tend() == Tended(filled=SHARDS, moved=0, missing=0)
    assert len(both.reads) == before
    both.assert_equal()
    # They found the kernels that the others had compiled, or those of an earlier start.
    fresh = machines.joined[-1].node_id
    joined = [c for shard in both.cluster._shards for c in shard.copies if c.node == fresh]
    assert [copy.compiled for copy in joined] == [0] * SHARDS
    # Those of the first node are stopped, so that only the new ones can have answered.
    with stopped(machines.cluster.head_node):
        both.assert_same_answers()


def test_replicas_move_to_a_third_node_while_searches_go_on(both: Both, machines: Machines) -> None:
    machines.join()
    with searching(both) as done:
        tended = both.cluster.tend()
        after = len(done)
        wait_for(lambda: len(done) > after + 5)
    assert tended == Tended(filled=0, moved=1, missing=0)
    load = Counter(node for nodes in both.cluster.placement.values() for node in nodes)
    assert sorted(load.values()) == [1, 1, 2]
    both.assert_equal()
    both.assert_same_answers()


def test_changes_go_on_while_replicas_are_filled(both: Both) -> None:
    for shard in both.cluster._shards:
        shard.lose(shard.copies[0], "")
    rng = np.random.default_rng(13)
    done: list[Tended] = []
    filling = threading.Thread(target=lambda: done.append(both.cluster.tend()))
    filling.start()
    changes = 0
    while filling.is_alive():
        reference_id = int(rng.integers(80)) * 7
        if rng.random() < 0.5:
            both.enrol(reference_id, int(rng.integers(90)), int(rng.integers(3)))
        else:
            both.erase(reference_id)
        changes += 1
        # Two hundred times as often as all of Europe enrols somebody.
        time.sleep(0.02)
    assert done == [Tended(filled=SHARDS, moved=0, missing=0)]
    assert changes > SHARDS
    both.assert_equal()
    for shard in both.cluster._shards:
        # Only the new ones are left to answer.
        shard.lose(shard.copies[0], "")
    both.assert_equal()
    both.assert_same_answers()
    assert both.cluster.tend() == Tended(filled=SHARDS, moved=0, missing=0)


def test_a_line_that_breaks_costs_a_replica_at_once(both: Both) -> None:
    broken = both.cluster._shards[0].copies[0]
    assert broken.line is not None
    with searching(both):
        # Its process lives on, and Ray knows of nothing.
        broken.line.end.shutdown(socket.SHUT_RDWR)
        wait_for(lambda: len(both.cluster.placement[0]) == 1)
        assert not broken.current
    both.assert_same_answers()
    assert both.cluster.tend() == Tended(filled=1, moved=0, missing=0)
    both.assert_equal()


def test_a_shard_without_replicas_answers_nothing_until_it_is_filled(both: Both) -> None:
    lost = both.cluster._shards[0]
    for copy in lost.copies:
        ray.kill(copy.actor)
    for refused in (
        lambda: both.cluster.search(probe_of(2), threshold=0.5),
        lambda: both.cluster.search(probe_of(2), threshold=0.5, everyone=False),
        both.cluster.digest,
    ):
        with pytest.raises(Unreachable, match="no replica of shard 0 answers"):
            refused()
    theirs = next(n for n in range(10_000, 10_100) if shard_of(n, SHARDS) == 0)
    with pytest.raises(Unreachable):
        both.cluster.enrol(theirs, person(1))
    before = len(both.reads)
    assert both.cluster.tend() == Tended(filled=2, moved=0, missing=0)
    assert len(both.reads) == before + 1
    both.assert_equal()
    both.assert_same_answers()


@contextmanager
def stopped(node: Any) -> Iterator[None]:
    """Let all replicas of a node hang meanwhile."""
    processes = find_replicas(node)
    assert processes
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


class searching:  # noqa: N801 - reads as what it does
    """Searches in a thread beside a test; each must be the answer of one machine."""

    def __init__(self, both: Both) -> None:
        self._both, self._stop = both, threading.Event()
        self._done: list[int] = []
        self._wrong: list[str] = []
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.is_set():
            seed = 2 + len(self._done) % 5
            expected = self._both.plain.search(probe_of(seed), threshold=0.5)
            began = time.monotonic()
            try:
                if self._both.cluster.search(probe_of(seed), threshold=0.5) != expected:
                    self._wrong.append("another answer")
            except MatcherError as error:
                self._wrong.append(repr(error))
            if time.monotonic() - began > PATIENCE_SECONDS:
                self._wrong.append("it hung")
            self._done.append(seed)

    def __enter__(self) -> list[int]:
        self._thread.start()
        return self._done

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        assert self._wrong == []


def find_replicas(node: Any) -> list[int]:
    """Processes of replicas on an emulated node."""
    raylet = node.all_processes["raylet"][0].process.pid
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                title = (entry / "cmdline").read_bytes()
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            if parent == raylet and title.startswith(b"ray::Replica"):
                found.append(int(entry.name))
    return found
