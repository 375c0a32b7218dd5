"""Whether the mate stands on the short list whenever exact arithmetic would put him there.

    python -m benchmarks.recall [--trials 30000]

Other captures of persons of a gallery of synthetic vectors (benchmarks.population) are scored with
their own person by the cosines that were drawn, before any code was made of them. Those above the
operating threshold are searched; a mate who is not on the list that the cascade makes with so many
fingers is a missed one. Its last word, the exhaustive pass over the fine codes, is what counts; the
coarse list, which answers at once if a hit on it is confident, is told beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.population import Population, Vectors, capture_vectors, fill, make_population
from benchmarks.results import Measure, report
from matcher.cascade import LIST_LENGTHS
from matcher.codes import FINGERS
from matcher.gallery import COARSE_LIST, SEARCH_THREADS, Gallery
from matcher.planes import Planes
from matcher.probes import IMPOSTOR_SIGMA, MAX_WEIGHT, Query
from matcher.slabs import SLAB_ROWS

PERSONS = 1_000_000
"""Size of the gallery: lists are as long for ten millions, of whom ten times as many are near."""

TRIALS = 30_000
"""No miss among so many shows 99.99 % with a confidence of 95 % (three divided by the number); by
the speed of benchmarks.search they take two cores with AVX2 a quarter of an hour."""

OPERATING_Z = 6.0
"""Vector score above which one stranger of a thousand million lies (normal distribution)."""

BATCH = 32
"""Searches at once, as the largest batch of a gallery."""

AT_ONCE = 1024
"""Captures drawn at once: 5 MB of float32."""

LENGTHS = {10: dict(LIST_LENGTHS)[8], 2: dict(LIST_LENGTHS)[2], 1: dict(LIST_LENGTHS)[1]}
"""By fingers of a probe, the persons on its list."""


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """Mates to look for. rows: where they lie; queries: their captures as the planes are asked."""

    rows: NDArray[np.int64]
    queries: tuple[Query, ...]


def measure_recall(gallery: Gallery, population: Population, trials: int) -> Iterator[Measure]:
    """Of the mates above the operating threshold, the share on lists, by fingers of the probe.

    gallery: filled by benchmarks.population.fill(). trials: captures drawn.
    """
    planes = gallery._holdings.planes
    live = planes.select()
    live = live[live >= SLAB_ROWS]
    rows = np.random.default_rng(5).choice(live, trials, replace=trials > len(live))
    counts = {fingers: Counter[str]() for fingers in LENGTHS}
    with click.progressbar(range(0, trials, AT_ONCE), label="captures searched") as bar:
        for start in bar:
            for fingers, some in draw(planes, population, rows[start : start + AT_ONCE]):
                counts[fingers] += look(planes, some, fingers)
    for fingers, count in counts.items():
        name = "recall" if fingers == max(LENGTHS) else f"recall{fingers}"
        target = 99.99 if fingers == max(LENGTHS) else None
        share = 100 / max(1, count["hopeful"])
        yield Measure(f"{name}_percent", share * count["fine"], "%", target, True)
        if fingers == max(LENGTHS):
            yield Measure("recall_coarse_alone_percent", share * count["coarse"], "%", None, True)
        yield Measure(f"{name}_trials", count["hopeful"], "")


def draw(
    planes: Planes, population: Population, rows: NDArray[np.int64]
) -> Iterator[tuple[int, Trials]]:
    """Captures of the persons in these rows, by fingers: those whom float32 finds."""
    vectors, cosines = capture_vectors(population, rows, np.random.default_rng((11, *rows)))
    held = [int(planes.slabs[row // SLAB_ROWS].masks[row % SLAB_ROWS]) for row in rows]
    there = (np.array(held)[:, None] >> np.arange(FINGERS)) & 1
    for fingers in LENGTHS:
        weights = np.where(np.arange(FINGERS) < fingers, MAX_WEIGHT, 0)
        shared = there * (weights > 0)
        # All weights are alike: the score is the sum over the root of the number.
        z = (shared * cosines).sum(axis=1) / np.sqrt(np.maximum(1, shared.sum(axis=1)))
        hopeful = np.flatnonzero(z >= OPERATING_Z * IMPOSTOR_SIGMA)
        queries = tuple(make_query(vectors[n], weights) for n in hopeful)
        yield fingers, Trials(rows[hopeful], queries)


def make_query(vectors: Vectors, weights: NDArray[np.int64]) -> Query:
    """The query for a capture's fingers of these weights."""
    return Query(np.where(weights[:, None] > 0, vectors, np.int8(0)), weights)


def look(planes: Planes, trials: Trials, fingers: int) -> Counter[str]:
    """How many are looked for, and how many stand on the coarse list and on the fine one."""
    length, whole = LENGTHS[fingers], fingers == max(LENGTHS)
    count = Counter(hopeful=len(trials.rows), coarse=0, fine=0)
    for start in range(0, len(trials.rows), BATCH):
        asked: Sequence[Query] = trials.queries[start : start + BATCH]
        mates = trials.rows[start : start + BATCH]
        fine = planes.scan_fine(asked, length)
        count["fine"] += sum(mate in one.rows for mate, one in zip(mates, fine, strict=True))
        if whole:
            coarse = planes.scan_coarse(asked, COARSE_LIST)
            best = [one.rows[:length] for one in coarse]
            count["coarse"] += sum(mate in one for mate, one in zip(mates, best, strict=True))
    return count


@click.command()
@click.option("--trials", default=TRIALS, show_default=True, help="Captures drawn.")
@click.option("--persons", default=PERSONS, show_default=True, help="Size of the gallery.")
def main(*, trials: int, persons: int) -> None:
    """Fill a gallery, look for mates and write the shares found."""
    population, gallery = make_population(1), Gallery()
    fill(gallery, population, persons)
    report(
        "recall",
        list(measure_recall(gallery, population, trials)),
        command=f"python -m benchmarks.recall --trials {trials} --persons {persons}",
        data=f"{persons} synthetic persons of ten vectors (benchmarks.population), {trials} "
        f"captures, {SEARCH_THREADS} threads",
    )


if __name__ == "__main__":
    main()
