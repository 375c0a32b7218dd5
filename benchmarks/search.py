"""Measures the 1:N search of a whole Eurodac on one small machine, beside its peers.

    python -m benchmarks.search [--persons 10000000] [--peers 300000] [--compressed 4000000]

A gallery of synthetic vectors (benchmarks.population) is searched through `Gallery.search`, as a
node does it: coarse plane, fine planes, minutiae of the short list, fusion; and through its scans
alone, single and in batches. What the memory of the machine gives is measured in the same run, by
a plain sum of two threads, so that a figure can be read as a share of it. Peers work on the same
vectors, threads and list lengths, over as many persons as fit, and are compared per person.
Absolute times depend on the machine and its other work; shares and ratios do not.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numba import njit
from numpy.typing import NDArray

from benchmarks.peers import race
from benchmarks.population import Population, disturb, fill, make_population
from benchmarks.recall import measure_recall
from benchmarks.results import Measure, write
from benchmarks.search_pictures import draw
from benchmarks.timing import Laps, repeat
from matcher.cascade import Reading, make_plan, swap_hands
from matcher.codes import COARSE_DIMENSIONS, DIMENSIONS, FINGERS, restore
from matcher.fusion import find_threshold
from matcher.gallery import COARSE_LIST, SEARCH_THREADS, Gallery
from matcher.lineup import line_up
from matcher.minutiae_column import HEADER_WORDS, ROOM_WORDS
from matcher.planes import Planes
from matcher.probes import Query
from matcher.slabs import SLAB_ROWS
from matcher.vocabulary import FingerPosition, Reference

THRESHOLD = find_threshold(0.001, 10_000_000)
"""Fused score at which one search of ten million persons in a thousand brings a stranger."""

PROBES = 64
"""Mates whose other captures are searched."""

TRIALS = 1000
"""Mates of whom recall is told in passing; `benchmarks.recall` asks thirty times as many."""

BATCH = 32
"""Scans at once: the most searches that a gallery lets share a coarse one; of fine ones it merges
fewer, see FINE_BATCH, so that nobody waits long behind them."""

POSE_COSINE = 0.85
"""Between the vectors of a print at two poses; 0.75 to 0.90 for eight synthetic prints."""

ENROLLED_PER_S = 100
"""Persons enrolled per second beside searches; Eurodac has one every four seconds."""

TARGETS_10M: dict[str, tuple[float | None, float | None]] = {
    "exhaustive10": (240.0, 40.0),
    "search1": (25.0, 6.0),
}
"""Milliseconds for ten million persons, single and per search of a batch."""

COARSE_BYTES = FINGERS * COARSE_DIMENSIONS // 8
FINE_BYTES = DIMENSIONS // 2
"""Bytes read of a person by the coarse scan, and of a finger by the fine one."""

SCANS = (("exhaustive10", 20), ("search4", 60), ("search2", 300), ("search1", 1000))
"""Exact scans and the lists that the cascade makes with so many fingers."""

RECALL_PERSONS = 1_000_000
"""Size at which recall is told, where a larger gallery is measured: its trials take minutes."""

LADDER = (10_000, 100_000, 1_000_000)
"""Sizes at which latency is drawn."""

SUM_BYTES = 1 << 30
"""Memory that is summed to learn the machine's bandwidth: far more than its caches hold."""


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A filled gallery and the captures that are searched in it."""

    gallery: Gallery
    population: Population
    rows: NDArray[np.int64]
    captures: tuple[Reference, ...]

    def readings(self, cut: Callable[[Reference], Reference]) -> list[Reading]:
        """The probes, cut to some fingers, as the cascade reads them."""
        return [make_plan(line_up(cut(one)), None).readings[0] for one in self.captures]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and write its result and pictures."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--persons", type=int, default=1_000_000, help="size of the gallery")
    parser.add_argument("--peers", type=int, default=200_000, help="persons as float32 for peers")
    parser.add_argument("--compressed", type=int, default=200_000, help="and for those that code")
    parser.add_argument("--seconds", type=float, default=5.0, help="time for each measure")
    chosen = parser.parse_args(arguments)
    measures: list[Measure] = []
    for one in run(chosen.persons, (chosen.peers, chosen.compressed), chosen.seconds):
        print(f"{one.measure:44} {one.value:14.3f} {one.unit}", flush=True)
        measures.append(one)
    write(
        "search",
        measures,
        command=f"python -m benchmarks.search --persons {chosen.persons} --peers {chosen.peers} "
        f"--compressed {chosen.compressed}",
        data=f"{chosen.persons} synthetic persons of ten vectors (benchmarks.population), minutiae "
        f"of 300 persons dealt out to all, {SEARCH_THREADS} threads",
    )
    draw(measures)


def run(persons: int, peers: tuple[int, int], seconds: float) -> Iterator[Measure]:
    """All measures, one after another."""
    tag = name_size(persons)
    bandwidth = measure_bandwidth()
    yield Measure("memory_bandwidth", bandwidth / 1e9, "GB/s")
    population = make_population(1)
    gallery = Gallery()
    for size in LADDER:
        if size < persons:
            smaller = Gallery()
            fill(smaller, population, size)
            step = make_stage(smaller, population, size)
            yield from measure_latency(step, size, seconds)
            if size == RECALL_PERSONS:
                yield from measure_recall(smaller, population, TRIALS)
    fill(gallery, population, persons)
    stage = make_stage(gallery, population, persons)
    yield from measure_latency(stage, persons, seconds)
    yield from measure_scans(stage, tag, bandwidth, seconds)
    if persons <= RECALL_PERSONS:
        yield from measure_recall(gallery, population, TRIALS)
    yield from measure_memory(stage)
    yield from measure_beside_changes(stage, seconds)
    del stage, gallery
    yield from race(population, peers, seconds)


def make_stage(gallery: Gallery, population: Population, persons: int) -> Stage:
    """Choose mates evenly over the filled rows and take other captures of them."""
    rows = gallery._holdings.planes.select()
    rows = rows[rows >= SLAB_ROWS][np.linspace(0, persons - 1, PROBES).astype(np.int64)]
    captures = tuple(population.capture(int(row), 7) for row in rows)
    return Stage(gallery, population, rows, captures)


def measure_bandwidth() -> float:
    """Bytes per second that SEARCH_THREADS threads read from memory, the best of some rounds."""
    block = np.ones(SUM_BYTES // 8, np.uint64)
    parts = np.array_split(block, SEARCH_THREADS)
    read_all(parts)
    return max(block.nbytes / read_all(parts) for _ in range(5))


def read_all(parts: Sequence[NDArray[np.uint64]]) -> float:
    """Seconds until every thread has summed its part."""
    threads = [threading.Thread(target=add_up, args=(part,)) for part in parts]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start


@njit(nogil=True, cache=True)
def add_up(words: NDArray[np.uint64]) -> np.uint64:
    """Read every word; one after another, as a scan does."""
    total = np.uint64(0)
    for word in words:
        total += word
    return total


WHOLE: Callable[[Reference], Reference] = lambda one: one  # noqa: E731 - one of a row of such
CUTS: dict[str, Callable[[Reference], Reference]] = {
    "10": WHOLE,
    "4": lambda one: Reference(one.fingers[1:5]),
    "2": lambda one: Reference(one.fingers[1:3]),
    "1": lambda one: Reference(one.fingers[1:2]),
}


def measure_latency(stage: Stage, persons: int, seconds: float) -> Iterator[Measure]:
    """Whole searches of ten fingers that end at a confident hit, one at a time."""
    tag = name_size(persons)
    laps = repeat(lambda n: search(stage, n, everyone=False), seconds)
    target = 40.0 if tag == "10m" else None
    yield Measure(f"search10_{tag}_p50_ms", laps.p50_ms, "ms", target)
    yield Measure(f"search10_{tag}_p99_ms", laps.p99_ms, "ms", 80.0 if target else None)
    yield Measure(f"search10_{tag}_mate_first", laps.found_percent, "%", None, True)


def search(stage: Stage, number: int, *, everyone: bool) -> bool:
    """Search one mate; whether it came first."""
    place = number % PROBES
    found = stage.gallery.search(
        stage.captures[place], threshold=THRESHOLD, everyone=everyone, source=str(number)
    )
    return bool(found and found[0].reference_id == stage.rows[place])


def measure_scans(stage: Stage, tag: str, bandwidth: float, seconds: float) -> Iterator[Measure]:
    """The scans of the planes alone and whole searches of everyone, single and side by side."""
    planes = stage.gallery._holdings.planes
    rows = len(planes.select())
    whole = [one.named[0] for one in stage.readings(WHOLE)]
    coarse = repeat(lambda n: planes.scan_coarse([whole[n % PROBES]], COARSE_LIST), seconds)
    yield Measure(f"coarse10_{tag}_ms", coarse.p50_ms, "ms")
    share = rows * COARSE_BYTES / bandwidth / (coarse.p50_ms / 1000)
    yield Measure("search10_roofline_share", share, "", 0.75, True)
    batch = repeat(lambda _: planes.scan_coarse(whole[:BATCH], COARSE_LIST), seconds)
    goal = 150.0 if tag == "10m" else None
    rate = 1000 * BATCH / batch.p50_ms
    yield Measure(f"search10_{tag}_batched_per_s", rate, "1/s", goal, True)
    for name, length in SCANS:
        queries = whole
        if name != "exhaustive10":
            cut = CUTS[name.removeprefix("search")]
            queries = [one.named[0] for one in stage.readings(cut)]
        one = repeat(partial(scan_one, planes, queries, length), seconds)
        many = repeat(partial(scan_batch, planes, queries, length), seconds)
        goals = TARGETS_10M.get(name, (None, None)) if tag == "10m" else (None, None)
        yield Measure(f"{name}_{tag}_ms", one.p50_ms, "ms", goals[0])
        yield Measure(f"{name}_{tag}_batched_ms", many.p50_ms / BATCH, "ms", goals[1])
        read = rows * FINE_BYTES * np.count_nonzero(queries[0].weights)
        share = float(read) / bandwidth / (one.p50_ms / 1000)
        yield Measure(f"{name}_roofline_share", share, "", None, True)
    for size in (1, 2, 4, 8, 16, 32):
        lap = repeat(partial(scan_coarsely, planes, whole[:size]), seconds / 2)
        rate = 1000 * size / lap.p50_ms
        yield Measure(f"coarse10_{tag}_batch_{size}_per_s", rate, "1/s", None, True)
    yield from measure_whole(stage, tag, seconds)


def scan_one(planes: Planes, queries: Sequence[Query], length: int, number: int) -> object:
    """One search by fine codes."""
    return planes.scan_fine([queries[number % len(queries)]], length)


def scan_batch(planes: Planes, queries: Sequence[Query], length: int, _: int) -> object:
    """A batch of searches by fine codes."""
    return planes.scan_fine(queries[:BATCH], length)


def scan_coarsely(planes: Planes, queries: Sequence[Query], _: int) -> object:
    """Some searches by coarse codes, in one batch."""
    return planes.scan_coarse(queries, COARSE_LIST)


def look_for(stage: Stage, probes: Sequence[Reference], number: int) -> bool:
    """A whole search of everyone; whether it found somebody with swapped hands."""
    found = stage.gallery.search(probes[number % len(probes)], threshold=40.0)
    return any(one.hands_swapped for one in found)


def measure_whole(stage: Stage, tag: str, seconds: float) -> Iterator[Measure]:
    """Whole searches of everyone: all data sets of a person, few fingers, unknown positions."""
    every = repeat(lambda n: search(stage, n, everyone=True), seconds)
    yield Measure(f"everyone10_{tag}_p50_ms", every.p50_ms, "ms")
    turned = {"1_turned": turn, "1_unknown": lambda one: unname(turn(one))}
    for name, cut in (CUTS | turned).items():
        if name != "10":
            laps = repeat(partial(look_for, stage, [cut(one) for one in stage.captures]), seconds)
            yield Measure(f"whole{name}_{tag}_p50_ms", laps.p50_ms, "ms")
    crossed = [Reference(swap_hands(line_up(one)).fingers) for one in stage.captures]
    laps = repeat(partial(look_for, stage, crossed), seconds)
    yield Measure(f"swapped10_{tag}_p50_ms", laps.p50_ms, "ms")
    yield Measure(f"swapped10_{tag}_found", laps.found_percent, "%", None, True)


def turn(whole: Reference) -> Reference:
    """One finger at three poses, as the engine gives it where it comes alone."""
    finger = whole.fingers[1]
    own = restore(np.repeat(finger.vector[None], 2, axis=0))
    others = disturb(own, np.full(2, POSE_COSINE), np.random.default_rng(4))
    return Reference((replace(finger, other_poses=others),))


def unname(alone: Reference) -> Reference:
    """A finger whose position nobody knows."""
    return Reference((replace(alone.fingers[0], position=FingerPosition.UNKNOWN),))


def measure_memory(stage: Stage) -> Iterator[Measure]:
    """Bytes per person: planes and register; and with the minutiae that a person really has."""
    holdings = stage.gallery._holdings
    persons = len(stage.gallery)
    lean = (holdings.planes.bytes_used() + holdings._register.nbytes) / persons
    minutiae = np.mean([find_minutiae_bytes(one) for one in stage.population.dealt])
    yield Measure("bytes_per_person", lean / 1000, "kB", 0.8)
    yield Measure("bytes_per_person_with_minutiae", (lean + float(minutiae)) / 1000, "kB", 12.0)


def find_minutiae_bytes(reference: Reference) -> int:
    """Bytes of one person in the column of minutiae."""
    words = HEADER_WORDS + sum(len(one.minutiae) for one in reference.fingers)
    return 8 * ROOM_WORDS * -(-words // ROOM_WORDS)


def measure_beside_changes(stage: Stage, seconds: float) -> Iterator[Measure]:
    """Ten-finger searches while others are enrolled and erased, against the same alone; then while
    those are whom it searches, so that an answer could name one who is gone."""
    others = tuple(stage.population.capture(int(row) + 1, 7) for row in stage.rows)
    gone: set[int] = set()
    returned = 0

    def change(enrolled: Sequence[Reference], first: int, done: threading.Event) -> None:
        number = first
        while not done.wait(1 / ENROLLED_PER_S):
            stage.gallery.enrol(number, enrolled[number % PROBES], partition=1)
            if number > first:
                stage.gallery.erase(number - 1)
                gone.add(number - 1)
            number += 1

    def look(number: int) -> None:
        nonlocal returned
        erased, probe = set(gone), stage.captures[number % PROBES]
        found = stage.gallery.search(probe, threshold=THRESHOLD, everyone=False)
        returned += any(one.reference_id in erased for one in found)

    alone = repeat(partial(search, stage, everyone=False), 2 * seconds)
    beside: list[Laps] = []
    for act, enrolled in ((partial(search, stage, everyone=False), others), (look, stage.captures)):
        done = threading.Event()
        writer = threading.Thread(target=change, args=(enrolled, (2 + len(beside)) * 10**12, done))
        writer.start()
        beside.append(repeat(act, 2 * seconds))
        done.set()
        writer.join()
    p50, p99 = beside[0].p50_ms / alone.p50_ms, beside[0].p99_ms / alone.p99_ms
    yield Measure("p99_while_enrolling_percent", 100 * (p99 - 1), "%", 10.0)
    yield Measure("p50_while_enrolling_percent", 100 * (p50 - 1), "%")
    yield Measure("enrolled_beside_per_s", len(gone) / (4 * seconds), "1/s", None, True)
    yield Measure("erased_returned", returned, "", 0.0)
    yield Measure("erased_searches", len(beside[1].seconds), "")


def name_size(persons: int) -> str:
    """How a size is called in names of measures.

    >>> name_size(10_000_000), name_size(200_000), name_size(500)
    ('10m', '200k', '500')
    """
    for unit, letter in ((1_000_000, "m"), (1000, "k")):
        if persons % unit == 0:
            return f"{persons // unit}{letter}"
    return str(persons)


if __name__ == "__main__":
    main()
