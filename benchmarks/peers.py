"""Other people's vector search on our vectors: the same mates, threads and lists.

Every peer gets the ten vectors of a person as one of 1,280 numbers, float32 of length one, and
names its LIST best; a mate on that list counts as found. Ours is the coarse plane with rescoring
by fine codes, which answers the same question. Speeds are persons per second and core.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

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

Floats = NDArray[np.float32]
Ranked = Callable[[Floats], NDArray[np.int64]]


def race(population: Population, persons: int, seconds: float) -> Iterator[Measure]:
    """Speed and recall of ours and of every peer, and the ratios over the best of them."""
    gallery = Gallery()
    fill(gallery, population, persons)
    planes = gallery._holdings.planes
    rows = planes.select()
    rows = rows[rows >= SLAB_ROWS]
    mates = rows[np.linspace(0, len(rows) - 1, PROBES).astype(np.int64)]
    captures = [population.capture(int(row), 7) for row in mates]
    queries = [make_plan(line_up(one), None).readings[0].named[0] for one in captures]
    probes = np.stack([restore(query.vectors).reshape(-1) for query in queries])

    def ours(first: int, count: int) -> list[NDArray[np.int64]]:
        lists = planes.scan_coarse(queries[first : first + count], COARSE_LIST)
        return [one.rows[:LIST] for one in lists]

    found = [mates[n] in ours(n, 1)[0] for n in range(PROBES)]
    scale = len(rows) / SEARCH_THREADS
    single = scale / (repeat(lambda n: ours(n % PROBES, 1), seconds).p50_ms / 1000)
    batched = BATCH * scale / (repeat(lambda _: ours(0, BATCH), seconds).p50_ms / 1000)
    recall = 100 * float(np.mean(found))
    yield from _tell("ours", single, batched, recall)
    matrix, unit = make_matrix(population, rows), normalise(probes)
    best_single, best_batched = 0.0, 0.0
    for name, rank in make_peers(matrix):
        places = rank(unit)
        theirs = 100 * float(np.mean([mates[n] in rows[places[n]] for n in range(PROBES)]))
        one = scale / (repeat(partial(ask_one, rank, unit), seconds).p50_ms / 1000)
        many = BATCH * scale / (repeat(partial(ask_batch, rank, unit), seconds).p50_ms / 1000)
        yield from _tell(name, one, many, theirs)
        if theirs >= recall and name.startswith("faiss"):
            best_single, best_batched = max(best_single, one), max(best_batched, many)
    yield Measure("ratio_best_faiss_single", single / best_single, "x", 1.5, True)
    yield Measure("ratio_best_faiss_batched", batched / best_batched, "x", 3.0, True)


def ask_one(rank: Ranked, probes: Floats, number: int) -> object:
    """One search."""
    return rank(probes[number % len(probes)][None])


def ask_batch(rank: Ranked, probes: Floats, _: int) -> object:
    """A batch of searches."""
    return rank(probes[:BATCH])


def make_matrix(population: Population, rows: NDArray[np.int64]) -> Floats:
    """All persons as peers take them: float32 (n, WIDTH), nobody lacking a finger."""
    return normalise(make_many(population.pool, rows))


def normalise(vectors: Floats) -> Floats:
    """Length one along the last axis."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), np.float32)


def make_peers(matrix: Floats) -> Iterator[tuple[str, Ranked]]:
    """Every peer in turn, each built, used and let go before the next."""
    faiss.omp_set_num_threads(SEARCH_THREADS)
    training = matrix[:20_000]
    kinds = {
        "faiss_flat": "Flat",
        "faiss_sq8": "SQ8",
        "faiss_pq320x4fs": "PQ320x4fs",
        "faiss_pq160x4fs": "PQ160x4fs",
        "faiss_pq80x4fs": "PQ80x4fs",
        "faiss_rabitqfs": "RaBitQfs",
    }
    for name, factory in kinds.items():
        index = faiss.index_factory(WIDTH, factory, faiss.METRIC_INNER_PRODUCT)
        if not index.is_trained:
            index.train(training)
        index.add(matrix)
        yield name, partial(rank_by_index, index)
    binary = faiss.IndexBinaryFlat(WIDTH)
    binary.add(np.packbits(matrix > 0, axis=1))
    yield (
        "faiss_binaryflat",
        lambda probes: np.asarray(
            binary.search(np.packbits(probes > 0, axis=1), LIST)[1], np.int64
        ),
    )
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


def rank_by_index(index: faiss.Index, probes: Floats) -> NDArray[np.int64]:
    """The best by an index of faiss."""
    return np.asarray(index.search(probes, LIST)[1], np.int64)


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


def _tell(name: str, single: float, batched: float, recall: float) -> Iterator[Measure]:
    yield Measure(f"peer_{name}_single", single / 1e6, "M persons/s/core", None, True)
    yield Measure(f"peer_{name}_batched", batched / 1e6, "M persons/s/core", None, True)
    yield Measure(f"peer_{name}_recall", recall, "%", None, True)
