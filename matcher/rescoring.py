"""The fine codes of single rows: what is left to read once the coarse codes have made a list.

A row's codes are pieces of four bytes, one in each of sixteen lines of every finger. They are
gathered into sixty-four bytes first and multiplied then, which compilers turn into vectors.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from matcher.codes import ALL_FINGERS, FINE_BLOCK, FINE_SLICES, FINGERS
from matcher.scans import FineProbes, Pieces, Rule, open_fine

Halves = NDArray[np.int16]
"""Vectors of n probes as the nibbles of a row lie: (n, FINGERS, 2, 64), low ones, then high."""


def halve(probes: FineProbes) -> Halves:
    """The vectors of probes in the order of a row's nibbles, in words that products fit into."""
    count = len(probes.vectors)
    shape = count, FINGERS, FINE_SLICES, 2, 4
    apart = probes.vectors.reshape(shape).transpose(0, 1, 3, 2, 4).astype(np.int16)
    return np.ascontiguousarray(apart).reshape(count, FINGERS, 2, 4 * FINE_SLICES)


@njit(nogil=True, cache=True)
def score_rows(
    pieces: Pieces,
    probe: tuple[int, Halves, NDArray[np.int32]],
    rule: Rule,
    results: tuple[NDArray[np.int64], NDArray[np.float32]],
) -> None:
    """z of some rows for one probe, as the scans compute it.

    pieces: of all slabs with fine codes; none of them is taken. probe: its number in the rule,
    halves and weights of the batch. results: rows and, written, their scores; those of rows that
    are empty, of other partitions or without a finger in common are left alone.
    """
    number, halves, weights = probe
    rows, scores = results
    codes = np.empty(4 * FINE_SLICES, np.uint8)
    words = codes.view(np.uint32)
    for index in range(len(rows)):
        slab, place = rows[index] // pieces.slab_rows, rows[index] % pieces.slab_rows
        if pieces.slabs[slab, 0] == 0:
            continue
        span = open_fine(pieces, slab)
        mask = span.masks[place] & ALL_FINGERS
        code = span.partitions[place]
        wanted = rule.everywhere[number]
        if not wanted and code < rule.allowed.shape[1]:
            wanted = rule.allowed[number, code]
        if not wanted or rule.scale[number, mask] == 0:
            continue
        block = span.codes.view(np.uint32)[:, place // FINE_BLOCK, :, place % FINE_BLOCK]
        total = np.int64(rule.base[number, mask])
        for finger in range(FINGERS):
            weight = weights[number, finger]
            if weight != 0:
                for piece in range(FINE_SLICES):
                    words[piece] = block[finger, piece]
                total += weight * _multiply(codes, halves[number, finger])
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
