"""Measures what several machines cost and how soon they recover, against one process.

    python -m benchmarks.cluster [--persons 4000] [--searches 300]

Both hold the same persons, synthetic ones (benchmarks.galleries), and are searched in turn for
the same probes, so that other work on the machine slows both alike; the nodes are emulated on the
one machine, whose cores both have. Every answer is compared: a differing one fails the run.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.galleries import Draw, draw_capture, draw_gallery, draw_reference
from benchmarks.machines import Machines, emulate, wait_for
from benchmarks.results import Measure, write
from matcher.cluster import SHARDS, ClusterGallery, list_nodes
from matcher.fusion import find_threshold
from matcher.gallery import Gallery, Persons
from matcher.vocabulary import Candidate, Reference

THRESHOLD = find_threshold(0.01, 10_000)
"""A usual operating point."""

MATES = 40
"""Persons of whom another capture is a probe."""

DRAW = Draw(face=False, vectors=True)

WARM_SEARCHES = 10
"""Before anything is measured: kernels are loaded and the usual duration is known."""

OVERHEAD_TARGET_MS = 5.0
"""What the fan-out may add to a search."""

AFTER_SECONDS = 15.0
"""How long searches are watched after a node was killed; the wire notices within some seconds."""

Stored = list[tuple[int, int, Reference]]


@dataclass(slots=True)
class Timings:
    """Milliseconds of searches."""

    plain: list[float] = field(default_factory=list)
    cluster: list[float] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and write its result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--persons", type=int, default=4000)
    parser.add_argument("--searches", type=int, default=300)
    options = parser.parse_args(arguments)
    stored: Stored = [(n, 0, draw_reference(n, DRAW)) for n in range(MATES)]
    strangers = draw_gallery(10_000, options.persons - MATES, DRAW)
    stored += [(MATES + n, 0, reference) for n, reference in enumerate(strangers)]
    plain = Gallery()
    for reference_id, partition, reference in stored:
        plain.enrol(reference_id, reference, partition=partition)
    with emulate() as machines:
        machines.join()
        measures = measure(machines, plain, stored, options.searches)
    for one in measures:
        print(f"{one.measure:32} {one.value:10.2f} {one.unit}")
    path = write(
        "cluster",
        measures,
        command=f"python -m benchmarks.cluster --persons {options.persons} "
        f"--searches {options.searches}",
        data=f"{options.persons} synthetic persons of ten fingers with vectors, {SHARDS} shards of "
        "two replicas on two emulated nodes",
    )
    print(path)


def measure(machines: Machines, plain: Gallery, stored: Stored, searches: int) -> list[Measure]:
    """All measures, in the order in which the nodes live through them."""

    def reload(wanted: Callable[[int], bool]) -> Iterator[tuple[int, int, Reference]]:
        return (entry for entry in stored if wanted(entry[0]))

    cluster = ClusterGallery(reload)
    probes = [draw_capture(stored[n][2], n) for n in range(MATES)]
    compare(plain, cluster, probes, WARM_SEARCHES)
    timings = compare(plain, cluster, probes, searches)
    failover = watch_a_kill(machines, cluster, probes)
    machines.join()
    began = time.perf_counter()
    filled = cluster.tend().filled
    rebuild = (time.perf_counter() - began) / filled
    if cluster.digest() != plain.digest():
        raise AssertionError("the cluster does not hold what one process holds")
    usual, fanned = np.array(timings.plain), np.array(timings.cluster)
    overhead = float(np.median(fanned) - np.median(usual))
    return [
        Measure("ray_overhead_ms", overhead, "ms", OVERHEAD_TARGET_MS),
        Measure("one_process_p50_ms", float(np.median(usual)), "ms"),
        Measure("one_process_p99_ms", float(np.percentile(usual, 99)), "ms"),
        Measure("ray_p50_ms", float(np.median(fanned)), "ms"),
        Measure("ray_p99_ms", float(np.percentile(fanned, 99)), "ms"),
        Measure("failover_longest_search_ms", max(failover), "ms"),
        Measure("failover_searches_answered", len(failover), ""),
        Measure("rebuild_replica_s", rebuild, "s"),
        Measure("rebuild_persons_per_s", len(stored) / SHARDS / rebuild, "1/s"),
    ]


def compare(
    plain: Gallery, cluster: ClusterGallery, probes: Sequence[Reference], searches: int
) -> Timings:
    """Search both in turn; AssertionError where they differ."""
    timings = Timings()
    for number in range(searches):
        probe = probes[number % len(probes)]
        expected, usual = clock(plain, probe)
        found, fanned = clock(cluster, probe)
        if found != expected or found[0].reference_id != number % len(probes):
            raise AssertionError("one process and the cluster answer differently")
        timings.plain.append(usual)
        timings.cluster.append(fanned)
    return timings


def watch_a_kill(
    machines: Machines, cluster: ClusterGallery, probes: Sequence[Reference]
) -> list[float]:
    """Milliseconds of the searches from before a node's end to some time after it."""
    durations: list[float] = []
    killer = threading.Thread(target=machines.kill)
    until = time.monotonic() + AFTER_SECONDS
    killer.start()
    while time.monotonic() < until or killer.is_alive():
        number = len(durations) % len(probes)
        found, duration = clock(cluster, probes[number])
        if not found or found[0].reference_id != number:
            raise AssertionError("a search missed its mate while a node was lost")
        durations.append(duration)
    killer.join()
    wait_for(lambda: len(list_nodes()) == 1)
    return durations


def clock(gallery: Persons, probe: Reference) -> tuple[tuple[Candidate, ...], float]:
    """What a search finds, and its milliseconds."""
    began = time.perf_counter()
    found = gallery.search(probe, threshold=THRESHOLD)
    return found, 1000 * (time.perf_counter() - began)


if __name__ == "__main__":
    main()
