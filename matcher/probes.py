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
from matcher.scans import CoarseProbes, FineProbes, Rule, team_up

IMPOSTOR_SIGMA = 0.12
"""Standard deviation of the cosine between fingers of different persons: the unit of z."""

MAX_WEIGHT = 16
"""Largest weight of a finger: finer grades of reliability change no rank, and all sums fit."""

MAX_CENTRE = 15
"""Middle of the largest table of four signs: entries reach 30, and a byte holds eight of them.
Twice as fine, mates of benchmarks.population stand out by 11.20 standard deviations, not 11.19."""

BITS = ((np.arange(MASKS) >> np.arange(FINGERS)[:, None]) & 1).astype(np.float64)
"""By finger and mask whether it is there. Like all that is multiplied here in float64, which is
exact for whole numbers of this size and many times faster than integers."""

ABSENT_BITS = 1 - BITS
"""By finger and mask whether it is not there."""

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
    vectors = np.array([query.vectors for query in queries])
    vectors[weights == 0] = 0
    # An absent finger is all level 0 and adds nothing; nibbles are levels plus NEUTRAL.
    shift = NEUTRAL * (weights * vectors.sum(axis=2, dtype=np.int64)).sum(axis=1)
    base = np.empty((len(queries), MASKS), np.int32)
    base[:] = -shift[:, None]
    cosine = FINE_STEP / UNITS**2
    scale = _find_scale(weights, cosine / IMPOSTOR_SIGMA)
    rule = Rule(base, scale, *_find_allowed(queries, codes))
    return team_up(vectors, weights), rule


def prepare_coarse(queries: Sequence[Query], codes: Mapping[int, int]) -> tuple[CoarseProbes, Rule]:
    """A batch for coarse codes; the unit of its scores differs from probe to probe."""
    weights = _stack_weights(queries)
    tables, middles = _make_tables(np.array([query.vectors for query in queries]), weights)
    # The code of an absent finger is zero, and what that adds is taken out again.
    absent = tables[:, :, :, 0].sum(axis=2, dtype=np.float64)
    base = -(middles.sum(axis=2) @ BITS + absent @ ABSENT_BITS).astype(np.int32)
    rule = Rule(base, _find_scale(weights, 1.0), *_find_allowed(queries, codes))
    return CoarseProbes(_find_fingers(weights), tables), rule


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


def _find_scale(weights: NDArray[np.int32], unit: float) -> NDArray[np.float32]:
    """What makes z of a sum, by probe and mask; 0 where no finger is common."""
    squares = weights.astype(np.float64) ** 2 @ BITS
    some = squares > 0
    scale = np.zeros(squares.shape, np.float32)
    scale[some] = unit / np.sqrt(squares[some])
    return scale


def _find_allowed(
    queries: Sequence[Query], codes: Mapping[int, int]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """By probe the codes of the partitions where it is looked for, and whether that is all."""
    allowed = np.zeros((len(queries), max(codes.values(), default=0) + 1), np.bool_)
    for number, query in enumerate(queries):
        wanted = query.partitions or ()
        allowed[number, [codes[partition] for partition in wanted if partition in codes]] = True
    return allowed, np.array([query.partitions is None for query in queries])


def _stack_weights(queries: Sequence[Query]) -> NDArray[np.int32]:
    return np.array([query.weights for query in queries]).astype(np.int32)


def _find_fingers(weights: NDArray[np.int32]) -> NDArray[np.int64]:
    """The fingers that any probe of a batch has."""
    return np.flatnonzero(weights.any(axis=0)).astype(np.int64)
