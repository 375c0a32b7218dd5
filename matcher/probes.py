"""From a probe to what the kernels look up: tables, weights, and the factors by common fingers.

The score of a person is that of independent evidence from several fingers:

    z = sum over common fingers of weight * cosine / (sigma * sqrt(sum of weight^2))

so that for persons who are not the one looked for it scatters by one, whether one finger is
common or ten. A plain sum would hide those with few fingers behind chance hits of those with many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.codes import (
    COARSE_DIMENSIONS,
    COARSE_GROUPS,
    DIMENSIONS,
    FINE_STEP,
    FINGERS,
    MASKS,
    NEUTRAL,
    UNITS,
    Vectors,
)
from matcher.scans import CoarseProbes, FineProbes, Rule

IMPOSTOR_SIGMA = 0.12
"""Standard deviation of the cosine between fingers of different persons: the unit of z."""

MAX_WEIGHT = 16
"""Largest weight of a finger: finer grades of reliability change no rank, and all sums fit."""

MAX_CENTRE = 15
"""Middle of the largest table of four signs: entries reach 30, and a byte holds eight of them.
Twice as fine, mates of benchmarks.population stand out by 11.20 standard deviations, not 11.19."""

BITS = ((np.arange(MASKS)[:, None] >> np.arange(FINGERS)) & 1).astype(np.float64)
"""By mask and finger whether it is there. Like all that is multiplied here in float64, which is
exact for whole numbers of this size and many times faster than integers."""

SIGNS = 2.0 * ((np.arange(16)[:, None] >> np.arange(4)) & 1) - 1
"""By nibble of a coarse code its four signs."""


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A probe for the planes.

    vectors: int8 (FINGERS, DIMENSIONS), zero where absent. weights: whole numbers (FINGERS,), 1 to
    MAX_WEIGHT by reliability, 0 where absent. partitions: where to search, everywhere if None.
    Raises ValueError for other shapes and weights.
    """

    vectors: Vectors
    weights: NDArray[np.integer]
    partitions: frozenset[int] | None = None

    def __post_init__(self) -> None:
        if self.vectors.shape != (FINGERS, DIMENSIONS) or self.vectors.dtype != np.int8:
            raise ValueError("the vectors of a query are int8, ten times 128")
        whole = self.weights.shape == (FINGERS,) and self.weights.dtype.kind in "iu"
        if not whole or not ((self.weights >= 0) & (self.weights <= MAX_WEIGHT)).all():
            raise ValueError(f"the weights of a query are ten whole numbers from 0 to {MAX_WEIGHT}")


def prepare_fine(queries: Sequence[Query], codes: Mapping[int, int]) -> tuple[FineProbes, Rule]:
    """A batch for fine codes. codes: of the partitions, by number."""
    weights = _stack_weights(queries)
    vectors = np.stack([q.vectors * (q.weights > 0)[:, None] for q in queries]).astype(np.int8)
    # An absent finger is all level 0 and adds nothing; nibbles are levels plus NEUTRAL.
    shift = NEUTRAL * (weights * vectors.sum(axis=2, dtype=np.int64)).sum(axis=1)
    base = np.repeat(-shift[:, None], MASKS, axis=1).astype(np.int32)
    cosine = FINE_STEP / UNITS**2
    rule = _make_rule(queries, codes, base, cosine / IMPOSTOR_SIGMA)
    return FineProbes(_find_fingers(weights), vectors, weights), rule


def prepare_coarse(queries: Sequence[Query], codes: Mapping[int, int]) -> tuple[CoarseProbes, Rule]:
    """A batch for coarse codes; the unit of its scores differs from probe to probe."""
    weights = _stack_weights(queries)
    tables, middles = _make_tables(np.stack([query.vectors for query in queries]), weights)
    # The code of an absent finger is zero, and what that adds is taken out again.
    absent = tables[:, :, :, 0].sum(axis=2, dtype=np.float64)
    base = -(middles.sum(axis=2) @ BITS.T + absent @ (1 - BITS.T)).astype(np.int32)
    return CoarseProbes(_find_fingers(weights), tables), _make_rule(queries, codes, base, 1.0)


def _make_tables(
    vectors: Vectors, weights: NDArray[np.int32]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Of n probes the tables (n, FINGERS, COARSE_GROUPS, 16) of signed sums of four coordinates,
    and their middles (n, FINGERS, COARSE_GROUPS), whole numbers."""
    leading = vectors[:, :, :COARSE_DIMENSIONS] * weights[:, :, None].astype(np.float64)
    groups = leading.reshape(len(vectors), FINGERS, COARSE_GROUPS, 4)
    reach = np.abs(groups).sum(axis=3)
    factor = MAX_CENTRE / np.maximum(reach.max(axis=(1, 2), keepdims=True), 1)
    # rint is symmetric, so a code and its opposite lie equally far from the middle.
    middles = np.rint(factor * reach)
    entries = middles[..., None] + np.rint(factor[..., None] * (groups @ SIGNS.T))
    return entries.astype(np.uint8), middles


def _make_rule(
    queries: Sequence[Query], codes: Mapping[int, int], base: NDArray[np.int32], unit: float
) -> Rule:
    squares = _stack_weights(queries).astype(np.float64) ** 2 @ BITS.T
    scale = np.where(squares > 0, unit / np.sqrt(np.maximum(squares, 1)), 0.0)
    allowed = np.zeros((len(queries), max(codes.values(), default=0) + 1), np.bool_)
    for number, query in enumerate(queries):
        wanted = query.partitions or ()
        allowed[number, [codes[partition] for partition in wanted if partition in codes]] = True
    everywhere = np.array([query.partitions is None for query in queries])
    return Rule(base, scale.astype(np.float32), allowed, everywhere)


def _stack_weights(queries: Sequence[Query]) -> NDArray[np.int32]:
    return np.stack([query.weights for query in queries]).astype(np.int32)


def _find_fingers(weights: NDArray[np.int32]) -> NDArray[np.int64]:
    """The fingers that any probe of a batch has."""
    return np.flatnonzero(weights.any(axis=0)).astype(np.int64)
