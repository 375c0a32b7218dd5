"""The fine codes of single rows: what is left to read once the coarse codes have made a list.

A row's codes are pieces of four bytes, one in each of sixteen lines of every finger. They are
gathered into sixty-four bytes first and multiplied then, which compilers turn into vectors. Rows
are scored slab by slab, and the slabs of all queries are shared among the threads of a search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from matcher.codes import ALL_FINGERS, FINE_BLOCK, FINE_SLICES, FINGERS
from matcher.scans import FineProbes, Rule, Span

Halves = NDArray[np.int16]
"""Vectors of n probes as the nibbles of a row lie: (n, FINGERS, 2, 64), low ones, then high."""


@dataclass(frozen=True, slots=True, eq=False)
class Errand:
    """Rows of one slab for one query. at: their places in the list of all; places: in the slab."""

    probe: int
    slab: int
    at: NDArray[np.int64]
    places: NDArray[np.int64]


def plan_errands(lists: Sequence[NDArray[np.int64]], slab_rows: int) -> list[Errand]:
    """Split lists of rows, one for each query, by slabs; `at` counts through all lists."""
    errands, first = [], 0
    for owner, rows in enumerate(lists):
        # By row: neighbours are read together.
        order = np.argsort(rows, kind="stable")
        slabs, places = np.divmod(rows[order], slab_rows)
        ends = [*(np.flatnonzero(slabs[1:] != slabs[:-1]) + 1).tolist(), len(rows)]
        for begin, end in zip([0, *ends[:-1]], ends, strict=True):
            if begin < end:
                at = order[begin:end] + first
                errands.append(Errand(owner, int(slabs[begin]), at, places[begin:end]))
        first += len(rows)
    return errands


def halve(probes: FineProbes) -> Halves:
    """The vectors of probes in the order of a row's nibbles, in words that products fit into."""
    count = len(probes.vectors)
    shape = count, FINGERS, FINE_SLICES, 2, 4
    apart = probes.vectors.reshape(shape).transpose(0, 1, 3, 2, 4).astype(np.int16)
    return np.ascontiguousarray(apart).reshape(count, FINGERS, 2, 4 * FINE_SLICES)


@njit(nogil=True, cache=True)
def score_places(
    span: Span,
    probe: tuple[int, Halves, NDArray[np.int32]],
    rule: Rule,
    results: tuple[NDArray[np.int64], NDArray[np.float32]],
) -> None:
    """z of some places of a slab, bit for bit that of the scans.

    probe: its number in the rule, halves and weights of the batch. results: places and, written,
    their scores; those of places that are empty, of other partitions or without a finger in common
    are left alone.
    """
    number, halves, weights = probe
    places, scores = results
    words = span.codes.view(np.uint32)
    row = np.empty(4 * FINE_SLICES, np.uint8)
    pieces = row.view(np.uint32)
    for index in range(len(places)):
        place = places[index]
        mask = span.masks[place] & ALL_FINGERS
        code = span.partitions[place]
        wanted = rule.everywhere[number]
        if not wanted and code < rule.allowed.shape[1]:
            wanted = rule.allowed[number, code]
        if not wanted or rule.scale[number, mask] == 0:
            continue
        total = np.int64(rule.base[number, mask])
        for finger in range(FINGERS):
            weight = weights[number, finger]
            if weight != 0:
                for piece in range(FINE_SLICES):
                    pieces[piece] = words[finger, place // FINE_BLOCK, piece, place % FINE_BLOCK]
                total += weight * _multiply(row, halves[number, finger])
        scores[index] = np.float32(np.int32(total)) * rule.scale[number, mask]


@njit(nogil=True, cache=True)
def _multiply(row: NDArray[np.uint8], halves: Halves) -> np.int32:
    """The product of a row's nibbles with one vector; every cast keeps the lanes narrow."""
    product = np.int32(0)
    for at in range(4 * FINE_SLICES):
        low = np.int32(np.int32(row[at] & np.uint8(15)) * np.int32(halves[0, at]))
        high = np.int32(np.int32(row[at] >> np.uint8(4)) * np.int32(halves[1, at]))
        product = np.int32(product + np.int32(low + high))
    return product
