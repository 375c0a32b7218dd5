"""Other people's vector search on our vectors: the same mates, threads and lists.

Every peer gets the ten vectors of a person as one of 1,280 numbers, float32 of length one, and
names its LIST best; a mate on that list counts as found. Ours is the coarse plane with rescoring
by fine codes, which answers the same question. Speeds are persons per second and core. Peers that
compress their vectors are raced over millions of persons, where what a search costs beside its
scan hardly counts; those that keep them whole over as many as fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import click
import faiss
import numpy as np
from numpy.typing import NDArray
from usearch.compiled import MetricKind
from usearch.index import search

from benchmarks.population import Population, fill, make_many
from benchmarks.results import Measure
from benchmarks.timing import repeat
from matcher.cascade import make_plan
from matcher.codes import DIMENSIONS, FINGERS, restore
from matcher.gallery import COARSE_LIST, SEARCH_THREADS, Gallery
from matcher.lineup import line_up
from matcher.slabs import SLAB_ROWS

LIST = 20
"""Persons named by each search."""

PROBES = 128
"""Mates searched for recall: a share is known to a percent."""

BATCH = 32
"""Searches in one call."""

WIDTH = FINGERS * DIMENSIONS

TRAINING = 20_000
"""Persons from whom a peer learns its codes."""

AT_ONCE = 100_000
"""Persons made at a time: half a gigabyte."""

WHOLE = {"faiss_flat": "Flat", "faiss_sq8": "SQ8"}
COMPRESSED = {
    "faiss_pq320x4fs": "PQ320x4fs",
    "faiss_pq160x4fs": "PQ160x4fs",
    "faiss_pq80x4fs": "PQ80x4fs",
    "faiss_rabitqfs": "RaBitQfs",
}
"""Structures of faiss by the names of their measures."""

Floats = NDArray[np.float32]
Ranked = Callable[[Floats], NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Speed:
    """Persons per second and core, one search at a time and in batches; percent of mates found."""

    single: float
    batched: float
    recall: float


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """What all race over. rows: the persons; mates: rows of those whose captures are the probes."""

    population: Population
    gallery: Gallery
    rows: NDArray[np.int64]
    mates: NDArray[np.int64]

    def clock(self, rank: Ranked, probes: Floats, seconds: float) -> Speed:
        """Let a peer search. rank: places among the rows, best first, for some probes."""
        places = rank(probes)
        found = [mate in self.rows[near] for mate, near in zip(self.mates, places, strict=True)]
        scale = len(self.rows) / SEARCH_THREADS
        one = repeat(lambda n: rank(probes[n % PROBES][None]), seconds).p50_ms / 1000
        many = repeat(lambda _: rank(probes[:BATCH]), seconds).p50_ms / 1000
        return Speed(scale / one, BATCH * scale / many, 100 * float(np.mean(found)))


def race(population: Population, persons: tuple[int, int], seconds: float) -> Iterator[Measure]:
    """Speed and recall of ours and of every peer, and the ratios over the best of faiss.

    persons: how many where peers keep whole vectors, and how many where they compress them.
    """
    faiss.omp_set_num_threads(SEARCH_THREADS)
    speeds: dict[str, Speed] = {}
    for count, make in zip(persons, (make_whole, make_compressed), strict=True):
        field = _make_field(population, count)
        probes, ours = _clock_ours(field, seconds)
        kind = "" if make is make_compressed else "_beside_whole_vectors"
        speeds[f"ours{kind}"] = ours
        yield from _tell(f"ours{kind}", ours)
        for name, rank in make(field):
            speeds[name] = field.clock(rank, probes, seconds)
            yield from _tell(name, speeds[name])
    ours = speeds["ours"]
    rivals = [
        speed
        for name, speed in speeds.items()
        if name.startswith("faiss") and speed.recall >= ours.recall
    ]
    single = ours.single / max(one.single for one in rivals)
    batched = ours.batched / max(one.batched for one in rivals)
    yield Measure("ratio_best_faiss_single", single, "x", 1.5, True)
    yield Measure("ratio_best_faiss_batched", batched, "x", 3.0, True)


def _make_field(population: Population, persons: int) -> Field:
    gallery = Gallery()
    fill(gallery, population, persons)
    rows = gallery._holdings.planes.select()
    rows = rows[rows >= SLAB_ROWS]
    mates = rows[np.linspace(0, len(rows) - 1, PROBES).astype(np.int64)]
    return Field(population, gallery, rows, mates)


def _clock_ours(field: Field, seconds: float) -> tuple[Floats, Speed]:
    """The probes as peers take them, and how fast ours finds them."""
    planes = field.gallery._holdings.planes
    captures = [field.population.capture(int(row), 7) for row in field.mates]
    queries = [make_plan(line_up(one), None).readings[0].named[0] for one in captures]
    probes = normalise(np.stack([restore(query.vectors).reshape(-1) for query in queries]))

    def find(first: int, count: int) -> list[NDArray[np.int64]]:
        lists = planes.scan_coarse(queries[first : first + count], COARSE_LIST)
        return [one.rows[:LIST] for one in lists]

    found = [mate in find(n, 1)[0] for n, mate in enumerate(field.mates)]
    scale = len(field.rows) / SEARCH_THREADS
    one = repeat(lambda n: find(n % PROBES, 1), seconds).p50_ms / 1000
    many = repeat(lambda _: find(0, BATCH), seconds).p50_ms / 1000
    return probes, Speed(scale / one, BATCH * scale / many, 100 * float(np.mean(found)))


def make_whole(field: Field) -> Iterator[tuple[str, Ranked]]:
    """Peers that keep whole vectors, each built, used and let go before the next."""
    matrix = make_matrix(field.population, field.rows)
    for name, factory in WHOLE.items():
        index = faiss.index_factory(WIDTH, factory, faiss.METRIC_INNER_PRODUCT)
        if not index.is_trained:
            index.train(matrix[:TRAINING])
        index.add(matrix)
        yield name, partial(rank_by_index, index)
    bytes_ = quantise_bytes(matrix)
    yield (
        "usearch_i8_exact",
        lambda probes: np.atleast_2d(
            np.asarray(
                search(
                    bytes_, quantise_bytes(probes), LIST, MetricKind.Cos, exact=True,
                    threads=SEARCH_THREADS,
                ).keys, np.int64,
            )
        ),
    )  # fmt: skip
    yield "numpy", lambda probes: rank_plainly(matrix, probes)


def make_compressed(field: Field) -> Iterator[tuple[str, Ranked]]:
    """Peers that compress their vectors, all built from the same persons, some at a time."""
    indices = {
        name: faiss.index_factory(WIDTH, factory, faiss.METRIC_INNER_PRODUCT)
        for name, factory in COMPRESSED.items()
    }
    binary = faiss.IndexBinaryFlat(WIDTH)
    training = make_matrix(field.population, field.rows[:TRAINING])
    for index in indices.values():
        index.train(training)
    with click.progressbar(range(0, len(field.rows), AT_ONCE), label="peers") as bar:
        for first in bar:
            some = make_matrix(field.population, field.rows[first : first + AT_ONCE])
            for index in indices.values():
                index.add(some)
            binary.add(np.packbits(some > 0, axis=1))
    for name, index in indices.items():
        yield name, partial(rank_by_index, index)
    yield "faiss_binaryflat", partial(rank_by_signs, binary)


def make_matrix(population: Population, rows: NDArray[np.int64]) -> Floats:
    """Some persons as peers take them: float32 (n, WIDTH), nobody lacking a finger."""
    return normalise(make_many(population.pool, rows))


def normalise(vectors: Floats) -> Floats:
    """Length one along the last axis."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), np.float32)


def rank_by_index(index: faiss.Index, probes: Floats) -> NDArray[np.int64]:
    """The best by an index of faiss."""
    return np.asarray(index.search(probes, LIST)[1], np.int64)


def rank_by_signs(index: faiss.IndexBinary, probes: Floats) -> NDArray[np.int64]:
    """The best by the Hamming distance of signs."""
    return np.asarray(index.search(np.packbits(probes > 0, axis=1), LIST)[1], np.int64)


def quantise_bytes(vectors: Floats) -> NDArray[np.int8]:
    """Unit vectors of WIDTH numbers in bytes; the largest of them is about 0.2."""
    return np.clip(np.rint(vectors * 600), -127, 127).astype(np.int8)


def rank_plainly(matrix: Floats, probes: Floats) -> NDArray[np.int64]:
    """A product and a partial sort, on all threads."""
    parts = np.array_split(np.arange(len(matrix)), SEARCH_THREADS)
    with ThreadPoolExecutor(SEARCH_THREADS) as pool:
        scores = list(pool.map(lambda part: matrix[part[0] : part[-1] + 1] @ probes.T, parts))
    joined = np.concatenate(scores)
    best = np.argpartition(-joined, LIST, axis=0)[:LIST]
    return np.asarray(best.T, np.int64)


def _tell(name: str, speed: Speed) -> Iterator[Measure]:
    for what in ("single", "batched"):
        value = getattr(speed, what) / 1e6
        yield Measure(f"peer_{name}_{what}", value, "M persons/s/core", None, True)
    yield Measure(f"peer_{name}_recall", speed.recall, "%", None, True)
