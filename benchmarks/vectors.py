"""Vectors of real prints, and all comparisons between them.

A print is compared in two roles: as reference, with its one vector, and as probe, with a vector
for every pose that it may have. The later print of a pair is the probe.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.prints import Print
from benchmarks.rates import Scores
from matcher.embedding import Embedded, Embedder, weigh
from matcher.features import Features, read_features
from matcher.spectrum import Floats

PROBES_MOST = 5
"""Vectors per probe at most; fewer are filled up with the first one, which changes no best."""

PSEUDO_PERSONS = 20_000
"""Pseudo-persons drawn, mated and non-mated each; an error of 0.01 % is then two of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Vectors of prints. vector: (n, DIMENSIONS); probe: (n, PROBES_MOST, DIMENSIONS), the vectors
    as a probe; finger: (n,), a number of its own for every finger of every set; is_odd: its
    number in its set; seconds: processor time of each.
    """

    vector: Floats
    probe: Floats
    reliability: NDArray[np.float64]
    set_name: NDArray[np.str_]
    finger: NDArray[np.int64]
    is_odd: NDArray[np.bool_]
    impression: NDArray[np.int64]
    seconds: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Scores of every reference (row) with every probe (column), shape (n, n)."""

    vectors: Vectors
    score: NDArray[np.float64]

    @classmethod
    def by_cosine(cls, vectors: Vectors) -> Comparison:
        """One vector on either side."""
        return cls(vectors, (vectors.vector @ vectors.vector.T).astype(np.float64))

    @classmethod
    def by_best_cosine(cls, vectors: Vectors) -> Comparison:
        """The best of the probe's vectors."""
        return cls(vectors, best_cosines(vectors.vector, vectors.probe))

    @classmethod
    def by_evidence(cls, vectors: Vectors) -> Comparison:
        """The best cosine as evidence, by the reliability of both sides."""
        best = best_cosines(vectors.vector, vectors.probe)
        return cls(vectors, weigh(best, vectors.reliability[:, None], vectors.reliability[None]))

    def pairs(self, chosen: NDArray[np.bool_]) -> tuple[Scores, NDArray[np.int64]]:
        """Every two of the chosen prints, and the finger numbers of both sides."""
        places = np.flatnonzero(chosen)
        first, second = (places[side] for side in np.triu_indices(len(places), 1))
        return self._take(first, second)

    def protocol(self, chosen: NDArray[np.bool_]) -> tuple[Scores, NDArray[np.int64]]:
        """The pairs of the FVC protocol: all mated, and non-mated ones of first impressions."""
        places = np.flatnonzero(chosen)
        first, second = (places[side] for side in np.triu_indices(len(places), 1))
        finger, impression = self.vectors.finger, self.vectors.impression
        kept = finger[first] == finger[second]
        kept |= (impression[first] == 1) & (impression[second] == 1)
        return self._take(first[kept], second[kept])

    def _take(
        self, first: NDArray[np.intp], second: NDArray[np.intp]
    ) -> tuple[Scores, NDArray[np.int64]]:
        finger = self.vectors.finger
        fingers = np.stack([finger[first], finger[second]], axis=1)
        score = self.score[first, second]
        return Scores(score, fingers[:, 0] == fingers[:, 1], np.ones(len(score))), fingers


def best_cosines(references: Floats, probes: Floats) -> NDArray[np.float64]:
    """The best cosine of each reference (row) with any vector of each probe (column)."""
    cosines = [references @ probes[:, pose].T for pose in range(probes.shape[1])]
    return np.asarray(np.max(cosines, axis=0), np.float64)


def embed_all(embedder: Embedder, prints: Sequence[Print]) -> Vectors:
    """Embed every print on one core, in both roles."""
    cv2.setNumThreads(1)
    embedder.embed(prints[0].sample)
    embedded: list[Embedded] = []
    probes: list[Embedded] = []
    seconds: list[float] = []
    for one in prints:
        began = time.process_time()
        features = read_features(one.sample)
        embedded.append(embedder.embed_features(features))
        seconds.append(time.process_time() - began)
        probes.append(embedder.embed_features(features, turned=True))
    return replace(gather(embedded, prints, seconds), probe=stack(probes))


def embed_features(
    embedder: Embedder, features: Sequence[Features], prints: Sequence[Print]
) -> Vectors:
    """The vectors of maps that were read before."""
    probes = [embedder.embed_features(one, turned=True) for one in features]
    return replace(gather(probes, prints, [0.0] * len(prints)), probe=stack(probes))


def stack(probes: Sequence[Embedded]) -> Floats:
    """The vectors of probes, each filled up to PROBES_MOST."""
    rows = []
    for one in probes:
        missing = PROBES_MOST - len(one.others)
        rows.append(np.concatenate([np.repeat(one.vector[None], missing, axis=0), one.others]))
    return np.stack(rows)


def gather(
    embedded: Sequence[Embedded], prints: Sequence[Print], seconds: Sequence[float]
) -> Vectors:
    """The vectors of prints as arrays; as probes they have the one vector only."""
    names = sorted({(one.set_name, one.finger) for one in prints})
    numbers = {key: number for number, key in enumerate(names)}
    vector = np.stack([one.vector for one in embedded])
    return Vectors(
        vector=vector,
        probe=np.repeat(vector[:, None], PROBES_MOST, axis=1),
        reliability=np.array([one.reliability for one in embedded]),
        set_name=np.array([one.set_name for one in prints]),
        finger=np.array([numbers[one.set_name, one.finger] for one in prints], np.int64),
        is_odd=np.array([one.finger % 2 == 1 for one in prints]),
        impression=np.array([one.impression for one in prints], np.int64),
        seconds=np.array(seconds),
    )


Draws = NDArray[np.int64]
"""Indices of prints, shape (2, draws, 2, count): mated and non-mated, reference and probe."""


def draw_persons(vectors: Vectors, count: int, draws: int = PSEUDO_PERSONS) -> Draws:
    """Pseudo-persons of `count` fingers from all sets.

    Two captures of a person never share an impression; two persons never share a finger.
    """
    rng = np.random.default_rng(0)
    own = [np.flatnonzero(vectors.finger == finger) for finger in np.unique(vectors.finger)]
    pairs = np.zeros((2, draws, 2, count), np.int64)
    for draw in range(draws):
        fingers = rng.permutation(len(own))[: 2 * count]
        for k, (mine, theirs) in enumerate(zip(fingers[:count], fingers[count:], strict=True)):
            one, two = rng.choice(own[mine], 2, replace=False)
            pairs[0, draw, :, k] = one, two
            pairs[1, draw, :, k] = one, rng.choice(own[theirs])
    return pairs


def fuse(comparison: Comparison, drawn: Draws) -> Scores:
    """Pseudo-persons compared by the sum of their fingers' scores."""
    reference, probe = drawn[:, :, 0], drawn[:, :, 1]
    mated, other = comparison.score[reference, probe].sum(axis=2)
    return Scores.of(mated, other)
