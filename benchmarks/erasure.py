"""Whether anybody who was erased is ever found again: searches between erasures and restarts.

    python -m benchmarks.erasure [--searches 1000000]

Persons lie in two kinds of partition: those who stay in one, those who are erased in one for each
round. In every round some are erased, and then looked for in the gallery that erased them and in
that of a start from the snapshot, whose minutiae are on disk at first: some with all fingers among
everybody, most with one finger to ten where only erased persons ever were, so that anything that
is found at all is one of them. What a start has, it has from nowhere but the snapshot: in every
other round that is written anew before, as at an orderly stop, else the machine fails right after
the erasures, and whoever lost his segment's key with a neighbour is enrolled again as from the
store.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path

import click
import numpy as np

from benchmarks.cold_start import ask_nobody
from benchmarks.population import Population, make_population
from benchmarks.results import Measure, report
from matcher.gallery import SEARCH_THREADS, Gallery
from matcher.vocabulary import Reference
from node.snapshot import Snapshot

PERSONS, ROUNDS, ERASED_AT_ONCE = 2_000, 8, 50
"""A fifth of two segments' persons is erased in so many rounds, with a start after each."""

STAYING = 0
"""The partition of those who stay; those of round n are in partition n + 1."""

FINGERS = (10, 4, 2, 1)
"""Numbers of fingers of probes."""

AT_ONCE = 1_000
"""Searches between two steps of the bar."""


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """A capture of somebody who was erased, and where to look for him."""

    capture: Reference
    partitions: frozenset[int] | None
    everyone: bool


def rounds(seed: int) -> list[list[int]]:
    """Who is erased in each round."""
    order = np.random.default_rng(seed).permutation(PERSONS).tolist()
    return [order[n * ERASED_AT_ONCE : (n + 1) * ERASED_AT_ONCE] for n in range(ROUNDS)]


def make_probes(captures: Sequence[Reference], erased_in: frozenset[int]) -> Iterator[Probe]:
    """First all fingers of each among everybody; then, on and on, in partitions of the erased."""
    for capture in captures:
        yield Probe(capture, None, everyone=False)
    while True:
        for fingers, everyone, capture in product(FINGERS, (False, True), captures):
            yield Probe(Reference(capture.fingers[:fingers]), erased_in, everyone)


def count_returned(gallery: Gallery, probes: Sequence[Probe], erased: set[int]) -> int:
    """How many erased persons the searches returned, on as many threads as compare."""

    def search(probe: Probe) -> int:
        found = gallery.search(
            probe.capture,
            partitions=probe.partitions,
            threshold=0.0,
            at_most=PERSONS,
            everyone=probe.everyone,
        )
        return sum(one.reference_id in erased for one in found)

    with ThreadPoolExecutor(SEARCH_THREADS) as pool:
        return sum(pool.map(search, probes))


def measure(folder: Path, searches: int) -> Iterator[Measure]:
    """Erase, search, start anew, search."""
    population, key, plan = make_population(1), os.urandom(32), rounds(3)
    partition_of = {one: n + 1 for n, erased in enumerate(plan) for one in erased}
    living = {number: population.person(number) for number in range(PERSONS)}
    each = -(-searches // (2 * ROUNDS))
    gallery, captures = Gallery(), list[Reference]()
    returned = made = asleep = 0
    with click.progressbar(length=2 * ROUNDS * each, label="searches") as bar:
        for number, leaving in enumerate(plan):
            for one in living.keys() - set(gallery.list_held()[0].tolist()):
                gallery.enrol(one, living[one], partition=partition_of.get(one, STAYING))
            kept = Snapshot(folder, key, ask_nobody)
            kept.write(gallery, kept.list_dirty(gallery))
            for one in leaving:
                del living[one]
                gallery.erase(one)
            kept.expire(gallery)
            if number % 2:
                kept.write(gallery, kept.list_dirty(gallery))
            captures += capture_all(population, leaving, number)
            again = Snapshot(folder, key, ask_nobody).open()
            asleep += len(again.asleep())
            for searched in (gallery, again):
                probes = make_probes(captures, frozenset(range(1, number + 2)))
                left = islice(probes, each)
                while some := list(islice(left, AT_ONCE)):
                    returned += count_returned(searched, some, set(partition_of) - living.keys())
                    made += len(some)
                    bar.update(len(some))
            gallery = again
    yield Measure("erased_returned", returned, "", 0.0)
    yield Measure("erased_searches", made, "")
    yield Measure("erasure_restarts", ROUNDS, "")
    yield Measure("segments_on_disk_when_searched", asleep, "")


def capture_all(population: Population, persons: Sequence[int], seed: int) -> list[Reference]:
    """A capture of each."""
    return [population.capture(one, seed) for one in persons]


@click.command()
@click.option("--searches", default=1_000_000, show_default=True)
def main(searches: int) -> None:
    """Search for erased persons between erasures and restarts."""
    with tempfile.TemporaryDirectory() as place:
        found = list(measure(Path(place) / "snapshot", searches))
    report(
        "erasure",
        found,
        command=f"python -m benchmarks.erasure --searches {searches}",
        data=f"{PERSONS} synthetic persons, of whom {ROUNDS * ERASED_AT_ONCE} are erased",
    )


if __name__ == "__main__":
    main()
