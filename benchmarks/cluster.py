"""Measures what several machines cost and how soon they recover, against one process.

    python -m benchmarks.cluster [--persons 200000]

Both hold the same persons (benchmarks.population) and are searched in turn for the same probes, so
that other work on the machine slows both alike. The nodes are emulated on the one machine, whose
cores both have: two threads of one process, or one thread in a replica of each of the shards. Every
answer is compared; a differing one fails the run. Then a smaller gallery, filled from its store as
a node would fill it, loses a machine while it is searched and gets another.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import ray

from benchmarks.machines import PATIENCE_SECONDS, Machines, emulate, wait_for
from benchmarks.population import Population, fill_share, make_population
from benchmarks.results import Measure, write
from benchmarks.timing import repeat
from matcher.cascade import make_queries
from matcher.cluster import REPLICAS, SHARDS, ClusterGallery, list_nodes
from matcher.errors import MatcherError
from matcher.fusion import find_threshold
from matcher.gallery import SEARCH_THREADS, Gallery
from matcher.lineup import line_up
from matcher.persons import Persons
from matcher.replica import Replica
from matcher.shard import Shard, copy_pieces
from matcher.sheets import Sheets
from matcher.slabs import SLAB_ROWS
from matcher.spread import shard_of
from matcher.vocabulary import Candidate, Reference

THRESHOLD = find_threshold(0.001, 10_000_000)
"""Fused score at which one search of ten million persons in a thousand brings a stranger."""

SEED = 1
"""Of the population: the same in every process."""

MATES = 40
"""Persons of whom another capture is a probe."""

ROUNDS = 6
"""Searches of every probe as a node puts them: 240 durations, so that their 99th percentile is not
their maximum."""

SLOW_ROUNDS = 2
"""Searches of every probe that read everyone's codes, which last several times as long."""

STORED = 4000
"""Persons of the gallery that loses a machine: filled one by one from a store, and copied then."""

AFTER_SECONDS = 10.0
"""How long searches are watched after a node was killed; the wire notices within some seconds."""

OVERHEAD_TARGET_MS = 5.0
"""What the fan-out may add to a search."""


class Drawing(Replica):
    """A replica that draws its share of the population itself, since sending it takes hours."""

    def populate(self, persons: int, shard: int, shards: int) -> int:
        """Hold the shard's share of so many persons; how many it is."""

        def belongs(row: int) -> bool:
            return shard_of(row, shards) == shard

        fill_share(self._gallery, make_population(SEED), persons, belongs)
        return len(self._gallery)


@dataclass(slots=True)
class Timings:
    """Milliseconds of searches that were put to both in turn."""

    plain: list[float] = field(default_factory=list)
    cluster: list[float] = field(default_factory=list)

    @property
    def overhead_ms(self) -> float:
        """Difference of the medians."""
        return float(np.median(self.cluster) - np.median(self.plain))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and write its result."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--persons", type=int, default=200_000, help="of the gallery that is timed")
    chosen = parser.parse_args(arguments)
    measures: list[Measure] = []
    with emulate() as machines:
        machines.join()
        for one in run(machines, chosen.persons):
            print(f"{one.measure:44} {one.value:12.2f} {one.unit}", flush=True)
            measures.append(one)
    write(
        "cluster",
        measures,
        command=f"python -m benchmarks.cluster --persons {chosen.persons}",
        data=f"{chosen.persons} synthetic persons of ten vectors (benchmarks.population), minutiae "
        f"of 300 persons dealt out to all; {SHARDS} shards of {REPLICAS} replicas on two emulated "
        f"nodes beside one process of {SEARCH_THREADS} threads; {STORED} persons where a node is "
        "lost",
    )


def run(machines: Machines, persons: int) -> Iterator[Measure]:
    """All measures, in the order in which the nodes live through them."""
    population = make_population(SEED)
    yield from measure_overhead(population, persons)
    yield from measure_loss(machines, population)


def measure_overhead(population: Population, persons: int) -> Iterator[Measure]:
    """What the fan-out adds to a search, by the kind of search."""
    plain = Gallery()
    fill_share(plain, population, persons)
    cluster = ClusterGallery(lambda _: (), kind=Drawing)
    try:
        populate(cluster, persons)
        mates = choose_mates(population, SLAB_ROWS + np.linspace(0, persons - 1, MATES))
        strangers = choose_mates(population, SLAB_ROWS + persons + np.arange(MATES))
        # The wire, the kernels and the usual duration are known before anything counts.
        compare(plain, cluster, mates, everyone=False)
        yield Measure("ray_empty_round_ms", time_calls(cluster), "ms")
        yield Measure("line_empty_round_ms", time_steps(cluster, mates[0][1]), "ms")
        begun = cluster.hedges
        hits = compare(plain, cluster, mates * ROUNDS, everyone=False)
        yield Measure("ray_overhead_ms", hits.overhead_ms, "ms", OVERHEAD_TARGET_MS)
        yield from describe("hit", hits)
        full = compare(plain, cluster, mates * SLOW_ROUNDS, everyone=True)
        yield Measure("ray_overhead_everyone_ms", full.overhead_ms, "ms")
        yield from describe("everyone", full)
        misses = compare(plain, cluster, strangers * SLOW_ROUNDS, everyone=False)
        yield Measure("ray_overhead_miss_ms", misses.overhead_ms, "ms")
        yield from describe("miss", misses)
        yield Measure("hedged_calls", cluster.hedges - begun, "")
        yield Measure("searches_compared", (ROUNDS + 2 * SLOW_ROUNDS) * MATES, "")
    finally:
        cluster.close()


def describe(name: str, timings: Timings) -> Iterator[Measure]:
    """The durations behind an overhead."""
    for who, taken in (("one_process", timings.plain), ("ray", timings.cluster)):
        yield Measure(f"{who}_{name}_p50_ms", float(np.median(taken)), "ms")
        yield Measure(f"{who}_{name}_p99_ms", float(np.percentile(taken, 99)), "ms")


def time_calls(cluster: ClusterGallery) -> float:
    """Median milliseconds of a small call of a replica of each shard over Ray: what a step would
    cost by itself if it went that way."""
    copies = [shard.copies[0] for shard in cluster._shards]
    laps = repeat(lambda _: ray.get([one.call("contains", 0) for one in copies]), 1.0)
    return laps.p50_ms


def time_steps(cluster: ClusterGallery, probe: Reference) -> float:
    """Median milliseconds of a step that compares nobody, in all shards: what a step costs by
    itself over the lines. A hit takes two, a miss four."""
    plan = Sheets(make_queries(line_up(probe), None)).ask(1)
    nobody = {"elected": [], "unlisted": False, "threshold": THRESHOLD, "at_most": 1}
    options = [nobody] * SHARDS
    laps = repeat(lambda _: cluster._asker.ask("judge", plan, options, deadline=None), 1.0)
    return laps.p50_ms


def populate(cluster: ClusterGallery, persons: int) -> None:
    """Let every replica draw its share, and prove that the shards hold everybody."""
    calls = [
        [copy.call("populate", persons, shard.number, SHARDS) for copy in shard.copies]
        for shard in cluster._shards
    ]
    held = [ray.get(call, timeout=PATIENCE_SECONDS) for call in calls]
    if sum(counts[0] for counts in held) != persons or any(len(set(one)) > 1 for one in held):
        raise AssertionError("the shards do not hold the population")


def choose_mates(population: Population, rows: np.ndarray) -> list[tuple[int, Reference]]:
    """Other captures of the persons of some rows."""
    return [(int(row), population.capture(int(row), 7)) for row in rows.astype(np.int64)]


def compare(
    plain: Gallery,
    cluster: ClusterGallery,
    probes: Sequence[tuple[int, Reference]],
    *,
    everyone: bool,
) -> Timings:
    """Search both in turn; AssertionError where they differ."""
    timings = Timings()
    for row, probe in probes:
        expected, usual = clock(plain, probe, everyone=everyone)
        found, fanned = clock(cluster, probe, everyone=everyone)
        if found != expected:
            raise AssertionError(f"one process and the cluster differ on the person of row {row}")
        timings.plain.append(usual)
        timings.cluster.append(fanned)
    return timings


def clock(
    gallery: Persons, probe: Reference, *, everyone: bool = False
) -> tuple[tuple[Candidate, ...], float]:
    """What a search finds, and its milliseconds."""
    began = time.perf_counter()
    found = gallery.search(probe, threshold=THRESHOLD, everyone=everyone)
    return found, 1000 * (time.perf_counter() - began)


def measure_loss(machines: Machines, population: Population) -> Iterator[Measure]:
    """A node is killed among searches, and another joins."""
    stored = [(row, 0, population.person(row)) for row in range(STORED)]
    plain = Gallery()
    for reference_id, partition, reference in stored:
        plain.enrol(reference_id, reference, partition=partition)

    def reload(wanted: Callable[[int], bool]) -> Iterator[tuple[int, int, Reference]]:
        return (entry for entry in stored if wanted(entry[0]))

    cluster = ClusterGallery(reload)
    probes = choose_mates(population, np.linspace(0, STORED - 1, MATES))
    compare(plain, cluster, probes, everyone=False)
    taken, lost = watch_a_kill(machines, plain, cluster, [probe for _, probe in probes])
    yield Measure("killed_node_longest_search_ms", max(taken), "ms")
    yield Measure("killed_node_searches", len(taken), "")
    yield Measure("killed_node_searches_lost", lost, "", 0)
    machines.join()
    began = time.perf_counter()
    filled = cluster.tend().filled
    seconds = time.perf_counter() - began
    if filled != SHARDS or cluster.digest() != plain.digest():
        raise AssertionError("the cluster does not hold what one process holds")
    compare(plain, cluster, probes, everyone=False)
    yield Measure("joining_node_fill_s", seconds, "s")
    yield Measure("joining_node_persons_per_s", STORED / seconds, "1/s", higher_is_better=True)
    seconds = sum(time_copy(shard) for shard in cluster._shards)
    yield Measure("copied_persons_per_s", STORED / seconds, "1/s", higher_is_better=True)
    cluster.close()


def time_copy(shard: Shard) -> float:
    """Seconds of copying a replica of a shard, without those of starting its process."""
    other = shard.copies[0]
    copy = shard._start(shard.copies[-1].node)
    ray.get(copy.call("state"), timeout=PATIENCE_SECONDS)
    began = time.perf_counter()
    copy_pieces(other, copy)
    seconds = time.perf_counter() - began
    held = ray.get([one.call("state") for one in (other, copy)], timeout=PATIENCE_SECONDS)
    copy.end()
    if held[0] != held[1]:
        raise AssertionError("a copy does not hold what the other holds")
    return seconds


def watch_a_kill(
    machines: Machines, plain: Gallery, cluster: ClusterGallery, probes: Sequence[Reference]
) -> tuple[list[float], int]:
    """Milliseconds of the searches from before a node's end to some time after it, and how many
    had no answer or another than one process."""
    expected = [clock(plain, probe)[0] for probe in probes]
    taken: list[float] = []
    lost = 0
    killer = threading.Timer(1.0, machines.kill)
    killer.start()
    until = time.monotonic() + AFTER_SECONDS
    while time.monotonic() < until or killer.is_alive():
        number = len(taken) % len(probes)
        began = time.perf_counter()
        try:
            lost += clock(cluster, probes[number])[0] != expected[number]
        except MatcherError:
            lost += 1
        taken.append(1000 * (time.perf_counter() - began))
    killer.join()
    wait_for(lambda: len(list_nodes()) == 1)
    return taken, lost


if __name__ == "__main__":
    main()
