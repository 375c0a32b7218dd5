"""Compiled scans over planes of codes: every person against a batch of probes, the best kept.

Scores are sums of integers, so that all processors agree to the last bit; only the last step, one
multiplication by a factor that depends on which fingers are common, is in float32:

    score = (sum + base[mask]) * scale[mask]

Here is what is shared by the kernels, whichever adds up the sums: filter, threshold and list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from matcher.codes import (
    ALL_FINGERS,
    COARSE_BLOCK,
    COARSE_GROUPS,
    CROWD_OF,
    CROWDS,
    FINE_BLOCK,
    FINE_SLICES,
    FINGERS,
    MASKS,
    Bytes,
    Vectors,
)
from matcher.lanes import QUAD_FINE
from matcher.memory import claim, lay_over, point_to

COARSE_CHUNK = 4096
"""Persons that a batch shares while their codes are near: 160 KiB of a second-level cache."""

FINE_CHUNK = 1024
"""The same for fine codes: 64 KiB per finger, beside 4 KiB of sums per probe."""

ROOM = 256
"""Keys beyond those wanted before the best are sorted out: few, so that the limit rises soon."""

BY_CROWD = np.argsort(CROWD_OF, kind="stable")
"""The masks in the order of their crowds."""

CROWD_STARTS = np.searchsorted(CROWD_OF[BY_CROWD], CROWDS)
"""Where each crowd begins in that order."""

ALONE = -1
"""In place of the other probes of a team of one."""

NEVER, ALWAYS = np.int32(2**31 - 1), np.int32(-(2**31))
"""Sums needed where no finger is common, and where every score is welcome."""


class Pieces(NamedTuple):
    """What the threads of a scan take one after another, without the interpreter in between.

    slabs: int64 (n, 5), of each the addresses of its codes (0 if it has none), masks and
    partitions, the row number of its place 0 and its crowd: WHOLE, DENSE or SPARSE. They stay.
    slab_rows: how many places a slab has. places: int64 (m, 3), of each piece its slab, its first
    place and the place after its last, multiples of COARSE_BLOCK. taken: int64 (1,), pieces taken
    so far. at_once: how many one call of a scan takes, before the interpreter has a word again.
    """

    slabs: NDArray[np.int64]
    slab_rows: int
    places: NDArray[np.int64]
    taken: NDArray[np.int64]
    at_once: int


class Span(NamedTuple):
    """Persons of one slab. codes: its plane; masks uint16, partitions uint32 by place; origin: row
    number of place 0; crowd: how many fingers they all have."""

    codes: Bytes
    masks: NDArray[np.uint16]
    partitions: NDArray[np.uint32]
    origin: int
    crowd: int


class CoarseProbes(NamedTuple):
    """n probes for coarse codes. fingers: int64, which are read; tables: uint8 (n, FINGERS,
    COARSE_GROUPS, 16), entries up to 30, zero for fingers that a probe lacks."""

    fingers: NDArray[np.int64]
    tables: Bytes


class FineProbes(NamedTuple):
    """n probes for fine codes: see team_up().

    vectors: int8 (n, FINGERS, DIMENSIONS) and weights: int32 (n, FINGERS), zero for fingers that a
    probe lacks. teams: int64 (m, 1 + QUAD_FINE), a finger and the probes that are multiplied with
    its codes together; ALONE instead of others in a team of one.
    """

    vectors: Vectors
    weights: NDArray[np.int32]
    teams: NDArray[np.int64]


class Rule(NamedTuple):
    """What makes a score of a sum, and who counts, for n probes.

    base: int32 and scale: float32 (n, MASKS), the latter 0 where no finger is common. allowed:
    bool (n, codes of partitions). everywhere: bool (n,), where allowed does not matter.
    """

    base: NDArray[np.int32]
    scale: NDArray[np.float32]
    allowed: NDArray[np.bool_]
    everywhere: NDArray[np.bool_]


class Best(NamedTuple):
    """The best of one thread so far, for n probes.

    keys: uint64 (n, length + some room), larger is better, filled up to counts: int64 (n,). limits:
    uint64 (n,), what a key has to exceed. needs: int32 (n, MASKS), a lower bound of the sum that
    can exceed it; floors: int32 (n, CROWDS), the least of them for persons of each crowd.
    """

    keys: NDArray[np.uint64]
    counts: NDArray[np.int64]
    limits: NDArray[np.uint64]
    needs: NDArray[np.int32]
    floors: NDArray[np.int32]
    length: int


def team_up(vectors: Vectors, weights: NDArray[np.int32]) -> FineProbes:
    """Probes with their teams: of those who have a finger as many as unpack its codes together,
    then one by one. Fingers follow each other, so that the codes of one stay near."""
    teams = []
    for finger, column in enumerate(weights.T.tolist()):
        asking = [probe for probe, weight in enumerate(column) if weight]
        whole = len(asking) - len(asking) % QUAD_FINE
        teams += [[finger, *asking[n : n + QUAD_FINE]] for n in range(0, whole, QUAD_FINE)]
        teams += [[finger, one, *[ALONE] * (QUAD_FINE - 1)] for one in asking[whole:]]
    shape = len(teams), 1 + QUAD_FINE
    return FineProbes(vectors, weights, np.array(teams, np.int64).reshape(shape))


def cut_up(
    slabs: NDArray[np.int64],
    places: Sequence[tuple[int, int, int]],
    *,
    slab_rows: int,
    at_once: int,
) -> Pieces:
    """Pieces that nobody has taken yet; all as in Pieces."""
    return Pieces(
        slabs,
        slab_rows,
        np.array(places, np.int64).reshape(-1, 3),
        np.zeros(1, np.int64),
        at_once,
    )


def make_best(rule: Rule, length: int) -> Best:
    """Empty lists of the given length."""
    probes = len(rule.base)
    needs = np.where(rule.scale > 0, ALWAYS, NEVER)
    floors = np.minimum.reduceat(needs[:, BY_CROWD], CROWD_STARTS, axis=1)
    return Best(
        np.zeros((probes, length + ROOM), np.uint64),
        np.zeros(probes, np.int64),
        np.zeros(probes, np.uint64),
        needs,
        floors,
        length,
    )


def merge(bests: list[Best], probe: int, length: int) -> NDArray[np.uint64]:
    """The best keys of all threads for one probe, best first: the same however work was split."""
    found = [best.keys[probe, : best.counts[probe]] for best in bests]
    keys = np.concatenate([np.empty(0, np.uint64), *found])
    keys = np.sort(keys)[::-1]
    return keys[:length]


def read_rows(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Rows of keys."""
    return np.int64(0xFFFFFFFF) - (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)


def split_keys(keys: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Rows and scores of keys."""
    upper = (keys >> np.uint64(32)).astype(np.uint32)
    bits = np.where(upper >> np.uint32(31), upper ^ np.uint32(1 << 31), ~upper)
    return read_rows(keys), bits.view(np.float32)


@njit(nogil=True, cache=True)
def make_key(score: np.float32, row: int) -> np.uint64:
    """A number that orders as scores do and, where they are equal, falls with the row (< 2^32)."""
    bits = np.int64(np.float32(score).view(np.int32)) & 0xFFFFFFFF
    ordered = bits ^ 0xFFFFFFFF if bits >> 31 else bits | 0x80000000
    return (np.uint64(ordered) << np.uint64(32)) | np.uint64(0xFFFFFFFF - row)


@njit(nogil=True, cache=True)
def _read_score(key: np.uint64) -> np.float32:
    ordered = np.uint32(key >> np.uint64(32))
    upper = np.uint32(0x80000000)
    bits = ordered ^ upper if ordered & upper else ~ordered
    return np.uint32(bits).view(np.float32)


@njit(nogil=True, inline="always")  # inlined, since a call counts references to all arrays
def offer(span: Span, rule: Rule, best: Best, at: tuple[int, int, int]) -> None:
    """Keep a person whose sum is large enough, if the partition is one of those wanted.

    at: probe, place, sum.
    """
    probe, place, total = at
    mask = span.masks[place] & ALL_FINGERS
    if total < best.needs[probe, mask] or rule.scale[probe, mask] == 0:
        return
    if not rule.everywhere[probe]:
        code = span.partitions[place]
        if code >= rule.allowed.shape[1] or not rule.allowed[probe, code]:
            return
    score = np.float32(np.int32(total + rule.base[probe, mask])) * rule.scale[probe, mask]
    key = make_key(score, span.origin + place)
    if key > best.limits[probe]:
        best.keys[probe, best.counts[probe]] = key
        best.counts[probe] += 1
        if best.counts[probe] == best.keys.shape[1]:
            _sort_out(rule, best, probe)


@njit(nogil=True, cache=True)
def _sort_out(rule: Rule, best: Best, probe: int) -> None:
    """Keep the best of a full list and raise the limit to the last of them."""
    keys = best.keys[probe]
    best.counts[probe] = best.length
    best.limits[probe] = _move_best(keys, best.length)
    bar = np.float64(_read_score(best.limits[probe]))
    best.floors[probe] = NEVER
    for mask in range(MASKS):
        scale = np.float64(rule.scale[probe, mask])
        if scale > 0:
            # One less: the scores that are compared are rounded to float32.
            need = np.floor(bar / scale) - rule.base[probe, mask] - 1
            need = np.int32(min(max(need, np.float64(ALWAYS)), np.float64(NEVER)))
            best.needs[probe, mask] = need
            crowd = CROWD_OF[mask]
            best.floors[probe, crowd] = min(best.floors[probe, crowd], need)


@njit(nogil=True, cache=True)
def _move_best(keys: NDArray[np.uint64], length: int) -> np.uint64:
    """Bring the largest keys to the front, in no order; returns the least of them (quickselect)."""
    low, high, last = 0, len(keys) - 1, length - 1
    while low < high:
        pivot = keys[(low + high) // 2]
        left, right = low, high
        while left <= right:
            while keys[left] > pivot:
                left += 1
            while keys[right] < pivot:
                right -= 1
            if left <= right:
                keys[left], keys[right] = keys[right], keys[left]
                left, right = left + 1, right - 1
        if last <= right:
            high = right
        elif last >= left:
            low = left
        else:
            break
    least: np.uint64 = keys[last]
    return least


@njit(nogil=True, cache=True)
def find_lane(
    sums: NDArray[np.uint16],
    masks: NDArray[np.uint16],
    needs: NDArray[np.int32],
    at: tuple[int, int, int],
) -> int:
    """The next lane of a block whose sum is large enough for its mask, COARSE_BLOCK if none is.

    at: place, probe, first lane. Takes bare arrays and no tuples of them, since every call counts
    references to each array.
    """
    place, probe, lane = at
    while lane < COARSE_BLOCK:
        if int(sums[lane]) >= needs[probe, masks[place + lane] & ALL_FINGERS]:
            break
        lane += 1
    return lane


@njit(nogil=True, cache=True)
def find_high(
    peaks: NDArray[np.uint16],
    floors: NDArray[np.int32],
    at: tuple[int, int, int, int, int],
) -> int:
    """The next block that may hold one of the best, the number of blocks if none does.

    at: row of peaks, probe, crowd, first block, number of blocks.
    """
    row, probe, crowd, block, blocks = at
    floor = floors[probe, crowd]
    while block < blocks and np.int32(peaks[row, block]) < floor:
        block += 1
    return block


@njit(nogil=True, cache=True)
def settle_fine(
    span: Span, rule: Rule, best: Best, results: tuple[int, int, NDArray[np.int32]]
) -> None:
    """Offer the persons of a chunk. results: first place, place after the last, sums."""
    start, stop, sums = results
    masks, needs, floors = span.masks, best.needs, best.floors
    for probe in range(len(sums)):
        for first in range(0, stop - start, FINE_BLOCK):
            peak = sums[probe, first]
            for lane in range(first + 1, first + FINE_BLOCK):
                peak = max(peak, sums[probe, lane])
            if peak < floors[probe, span.crowd]:
                continue
            for lane in range(first, first + FINE_BLOCK):
                total = int(sums[probe, lane])
                if total >= needs[probe, masks[start + lane] & ALL_FINGERS]:
                    offer(span, rule, best, (probe, start + lane, total))


@njit(nogil=True)  # not cached: a generator out of the cache can be in no new caller
def walk(pieces: Pieces, chunk: int) -> Iterator[tuple[int, int, int]]:
    """Take pieces, as many as come in one call: the slab of each, and first place and place after
    the last of every chunk."""
    for _ in range(pieces.at_once):
        piece = claim(pieces.taken)
        if piece >= len(pieces.places):
            break
        slab, first, last = pieces.places[piece]
        for start in range(first, last, chunk):
            yield slab, start, min(start + chunk, last)


@njit(nogil=True, cache=True)
def _open_slab(pieces: Pieces, slab: int, codes: Bytes) -> Span:
    """A slab laid over memory. codes: its plane."""
    _, masks, partitions, origin, crowd = pieces.slabs[slab]
    rows = (pieces.slab_rows,)
    return Span(
        codes,
        lay_over(point_to(masks), rows, np.uint16),
        lay_over(point_to(partitions), rows, np.uint32),
        origin,
        crowd,
    )


@njit(nogil=True, cache=True)
def open_coarse(pieces: Pieces, slab: int) -> Span:
    """A slab with its coarse codes, laid over memory."""
    shape = pieces.slab_rows // COARSE_BLOCK, FINGERS * COARSE_GROUPS, 16
    return _open_slab(pieces, slab, lay_over(point_to(pieces.slabs[slab, 0]), shape, np.uint8))


@njit(nogil=True, cache=True)
def open_fine(pieces: Pieces, slab: int) -> Span:
    """A slab with its fine codes, laid over memory."""
    shape = FINGERS, pieces.slab_rows // FINE_BLOCK, FINE_SLICES, 4 * FINE_BLOCK
    return _open_slab(pieces, slab, lay_over(point_to(pieces.slabs[slab, 0]), shape, np.uint8))


@njit(nogil=True)  # not cached: a generator out of the cache can be in no new caller
def pair_off(probes: int, size: int) -> Iterator[tuple[int, int]]:
    """First probe and number of every team of probes: whole ones, then the rest one by one."""
    whole = probes - probes % size
    for first in range(0, whole, size):
        yield first, size
    for first in range(whole, probes):
        yield first, 1
