"""The scans by what the processor offers, and the choice between them.

A scan is called once for a span of persons and walks through it without the interpreter. Those
of a kind differ only in who adds up the codes of a block: plain loops that numba compiles for any
processor, AVX2 or AVX-512. The sums are integers, so the results are the same to the last bit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numba import njit
from numba.core import codegen, config
from numpy.typing import NDArray

from matcher.codes import (
    ALL_FINGERS,
    COARSE_BLOCK,
    COARSE_GROUPS,
    DIMENSIONS,
    FINE_BLOCK,
    FINE_SLICES,
    FINGERS,
    MASKS,
    SPARSE,
    Bytes,
    Vectors,
    make_coarse,
    make_fine,
)
from matcher.lanes import (
    PAIR_COARSE,
    QUAD_FINE,
    fine_1_avx2,
    fine_1_avx512,
    fine_4_avx2,
    fine_4_avx512,
    peaks_1_avx2,
    peaks_1_avx512,
    peaks_2_avx2,
    peaks_2_avx512,
    sums_avx2,
    sums_avx512,
)
from matcher.scans import (
    ALONE,
    COARSE_CHUNK,
    FINE_CHUNK,
    Best,
    CoarseProbes,
    FineProbes,
    Pieces,
    Rule,
    cut_up,
    find_high,
    find_lane,
    make_best,
    merge,
    offer,
    open_coarse,
    open_fine,
    pair_off,
    settle_fine,
    team_up,
    walk,
)

Sums = NDArray[np.uint16]

assert QUAD_FINE == 4, "the fine scans name the four probes of a team"

_log = logging.getLogger(__name__)


@njit(nogil=True, cache=True)
def _add_coarse(codes: Bytes, probes: CoarseProbes, sums: Sums, at: tuple[int, int]) -> None:
    """Sums of table entries of a block for one probe. at: block, probe."""
    block, probe = at
    sums[:] = 0
    for finger in probes.fingers:
        for group in range(COARSE_GROUPS):
            table = probes.tables[probe, finger, group]
            row = codes[block, finger * COARSE_GROUPS + group]
            for person in range(16):
                sums[person] += table[row[person] & 15]
                sums[person + 16] += table[row[person] >> 4]


@njit(nogil=True, cache=True)
def _coarse_portable(pieces: Pieces, probes: CoarseProbes, rule: Rule, best: Best) -> None:
    sums = np.empty(COARSE_BLOCK, np.uint16)
    needs, floors = best.needs, best.floors
    for slab, start, stop in walk(pieces, COARSE_CHUNK):
        span = open_coarse(pieces, slab)
        codes, masks, crowd = span.codes, span.masks, span.crowd
        blocks = (stop - start) // COARSE_BLOCK
        for probe in range(len(probes.tables)):
            for block in range(blocks):
                place = start + block * COARSE_BLOCK
                _add_coarse(codes, probes, sums, (place // COARSE_BLOCK, probe))
                if np.int32(sums.max()) < floors[probe, crowd]:
                    continue
                lane = find_lane(sums, masks, needs, (place, probe, 0))
                while lane < COARSE_BLOCK:
                    offer(span, rule, best, (probe, place + lane, int(sums[lane])))
                    lane = find_lane(sums, masks, needs, (place, probe, lane + 1))


@njit(nogil=True, cache=True)
def _coarse_avx2(pieces: Pieces, probes: CoarseProbes, rule: Rule, best: Best) -> None:
    fingers, tables, needs, floors = probes.fingers, probes.tables, best.needs, best.floors
    peaks = np.empty((PAIR_COARSE, COARSE_CHUNK // COARSE_BLOCK), np.uint16)
    sums = np.empty(COARSE_BLOCK, np.uint16)
    for slab, start, stop in walk(pieces, COARSE_CHUNK):
        span = open_coarse(pieces, slab)
        codes, masks, crowd = span.codes, span.masks, span.crowd
        run = start // COARSE_BLOCK, (stop - start) // COARSE_BLOCK
        for team in pair_off(len(tables), PAIR_COARSE):
            if team[1] == 1:
                peaks_1_avx2(codes, fingers, tables, peaks, run, team[0])
            else:
                peaks_2_avx2(codes, fingers, tables, peaks, run, team[0])
            for number in range(team[1]):
                probe = team[0] + number
                block = find_high(peaks, floors, (number, probe, crowd, 0, run[1]))
                while block < run[1]:
                    place = start + block * COARSE_BLOCK
                    sums_avx2(codes, fingers, tables, sums, run[0] + block, probe)
                    lane = find_lane(sums, masks, needs, (place, probe, 0))
                    while lane < COARSE_BLOCK:
                        offer(span, rule, best, (probe, place + lane, int(sums[lane])))
                        lane = find_lane(sums, masks, needs, (place, probe, lane + 1))
                    block = find_high(peaks, floors, (number, probe, crowd, block + 1, run[1]))


@njit(nogil=True, cache=True)
def _coarse_avx512(pieces: Pieces, probes: CoarseProbes, rule: Rule, best: Best) -> None:
    fingers, tables, needs, floors = probes.fingers, probes.tables, best.needs, best.floors
    peaks = np.empty((PAIR_COARSE, COARSE_CHUNK // COARSE_BLOCK), np.uint16)
    sums = np.empty(COARSE_BLOCK, np.uint16)
    for slab, start, stop in walk(pieces, COARSE_CHUNK):
        span = open_coarse(pieces, slab)
        codes, masks, crowd = span.codes, span.masks, span.crowd
        run = start // COARSE_BLOCK, (stop - start) // COARSE_BLOCK
        for team in pair_off(len(tables), PAIR_COARSE):
            if team[1] == 1:
                peaks_1_avx512(codes, fingers, tables, peaks, run, team[0])
            else:
                peaks_2_avx512(codes, fingers, tables, peaks, run, team[0])
            for number in range(team[1]):
                probe = team[0] + number
                block = find_high(peaks, floors, (number, probe, crowd, 0, run[1]))
                while block < run[1]:
                    place = start + block * COARSE_BLOCK
                    sums_avx512(codes, fingers, tables, sums, run[0] + block, probe)
                    lane = find_lane(sums, masks, needs, (place, probe, 0))
                    while lane < COARSE_BLOCK:
                        offer(span, rule, best, (probe, place + lane, int(sums[lane])))
                        lane = find_lane(sums, masks, needs, (place, probe, lane + 1))
                    block = find_high(peaks, floors, (number, probe, crowd, block + 1, run[1]))


@njit(nogil=True, cache=True)
def _add_fine(
    codes: Bytes, vector: Vectors, sums: NDArray[np.int32], at: tuple[int, int, int]
) -> None:
    """Add the weighted products of a block of one finger. at: finger, block, weight."""
    finger, block, weight = at
    for piece in range(FINE_SLICES):
        for person in range(FINE_BLOCK):
            product = np.int32(0)
            for j in range(4):
                byte = np.int32(codes[finger, block, piece, 4 * person + j])
                product += (byte & 15) * np.int32(vector[8 * piece + j])
                product += (byte >> 4) * np.int32(vector[8 * piece + 4 + j])
            sums[person] += np.int32(weight) * product


@njit(nogil=True, cache=True)
def _fine_portable(pieces: Pieces, probes: FineProbes, rule: Rule, best: Best) -> None:
    vectors, weights = probes.vectors, probes.weights
    sums = np.empty((len(vectors), FINE_CHUNK), np.int32)
    for slab, start, stop in walk(pieces, FINE_CHUNK):
        span = open_fine(pieces, slab)
        sums[:] = 0
        for finger in range(FINGERS):
            for probe in range(len(vectors)):
                weight = weights[probe, finger]
                for place in range(start, stop if weight != 0 else start, FINE_BLOCK):
                    own = sums[probe, place - start : place - start + FINE_BLOCK]
                    at = finger, place // FINE_BLOCK, weight
                    _add_fine(span.codes, vectors[probe, finger], own, at)
        settle_fine(span, rule, best, (start, stop, sums))


@njit(nogil=True, cache=True)
def _fine_avx2(pieces: Pieces, probes: FineProbes, rule: Rule, best: Best) -> None:
    vectors, weights, teams = probes.vectors, probes.weights, probes.teams
    sums = np.empty((len(vectors), FINE_CHUNK), np.int32)
    for slab, start, stop in walk(pieces, FINE_CHUNK):
        span = open_fine(pieces, slab)
        sums[:] = 0
        for number in range(len(teams)):
            finger, one, two, three, four = teams[number]
            for place in range(start, stop, FINE_BLOCK):
                at = finger, place // FINE_BLOCK, place - start
                if two == ALONE:
                    fine_1_avx2(span.codes, vectors, weights, sums, at, (one,))
                else:
                    fine_4_avx2(span.codes, vectors, weights, sums, at, (one, two, three, four))
        settle_fine(span, rule, best, (start, stop, sums))


@njit(nogil=True, cache=True)
def _fine_avx512(pieces: Pieces, probes: FineProbes, rule: Rule, best: Best) -> None:
    vectors, weights, teams = probes.vectors, probes.weights, probes.teams
    sums = np.empty((len(vectors), FINE_CHUNK), np.int32)
    for slab, start, stop in walk(pieces, FINE_CHUNK):
        span = open_fine(pieces, slab)
        sums[:] = 0
        for number in range(len(teams)):
            finger, one, two, three, four = teams[number]
            for place in range(start, stop, FINE_BLOCK):
                at = finger, place // FINE_BLOCK, place - start
                if two == ALONE:
                    fine_1_avx512(span.codes, vectors, weights, sums, at, (one,))
                else:
                    fine_4_avx512(span.codes, vectors, weights, sums, at, (one, two, three, four))
        settle_fine(span, rule, best, (start, stop, sums))


CoarseScan = Callable[[Pieces, CoarseProbes, Rule, Best], None]
FineScan = Callable[[Pieces, FineProbes, Rule, Best], None]


@dataclass(frozen=True, slots=True)
class Kernels:
    """The two scans for a kind of processor. needs: its features by LLVM's names."""

    name: str
    needs: frozenset[str]
    coarse: CoarseScan
    fine: FineScan


PORTABLE = Kernels("portable", frozenset(), _coarse_portable, _fine_portable)

ALL_KERNELS = (
    Kernels(
        "avx512", frozenset({"avx512f", "avx512bw", "avx512vnni"}), _coarse_avx512, _fine_avx512
    ),
    Kernels("avx2", frozenset({"avx2"}), _coarse_avx2, _fine_avx2),
    PORTABLE,
)
"""Fastest first."""


def offered() -> tuple[Kernels, ...]:
    """The kernels that the processor, as numba compiles for it, can run; fastest first."""
    named = config.CPU_FEATURES  # type: ignore[attr-defined]
    features = codegen.get_host_cpu_features() if named is None else named  # type: ignore[no-untyped-call]
    present = {feature[1:] for feature in features.split(",") if feature.startswith("+")}
    return tuple(kernels for kernels in ALL_KERNELS if kernels.needs <= present)


@cache
def choose() -> Kernels:
    """The fastest kernels that prove equal to the portable ones on random codes.

    Compiles them, or loads what was compiled before: the first call takes its time.
    """
    for kernels in offered():
        if kernels is PORTABLE or _agrees(kernels):
            return kernels
        _log.warning(
            "the %s kernels disagree with the portable ones and are not used", kernels.name
        )
    raise AssertionError("the portable kernels need nothing")


TRIAL_PERSONS = 1056
"""Persons of the self-test: a whole chunk of fine codes and a little more."""

TRIAL_PIECE = 1024
"""Persons of a piece of them: a chunk of fine codes, and the rest is another."""

TRIAL_PROBES = 9
"""Probes of the self-test. Each has half of the fingers: teams of scattered probes, and some that
are left."""


def _agrees(kernels: Kernels) -> bool:
    """Whether kernels give the results of the portable ones for random bytes."""
    return all(
        np.array_equal(one, other)
        for one, other in zip(_try_out(kernels), _try_out(PORTABLE), strict=True)
    )


def _try_out(kernels: Kernels) -> list[NDArray[np.uint64]]:
    """Keys of random persons and probes, by both scans."""
    rng = np.random.default_rng(5)
    coarse, fine = make_coarse(TRIAL_PERSONS), make_fine(TRIAL_PERSONS)
    coarse[:] = rng.integers(0, 256, coarse.shape, np.uint8)
    fine[:] = rng.integers(0, 256, fine.shape, np.uint8)
    masks = rng.integers(0, MASKS, TRIAL_PERSONS).astype(np.uint16)
    partitions = np.zeros(TRIAL_PERSONS, np.uint32)
    shape = TRIAL_PROBES, FINGERS
    fingers = np.arange(FINGERS)
    tables = rng.integers(0, 31, (*shape, COARSE_GROUPS, 16), np.uint8)
    vectors = rng.integers(-127, 128, (*shape, DIMENSIONS)).astype(np.int8)
    weights = rng.integers(0, 17, shape).astype(np.int32) * (rng.random(shape) < 0.5)
    rule = Rule(
        rng.integers(-1000, 1000, (TRIAL_PROBES, MASKS)).astype(np.int32),
        np.where(np.arange(MASKS) & ALL_FINGERS, rng.random((TRIAL_PROBES, MASKS)), 0).astype(
            np.float32
        ),
        np.zeros((TRIAL_PROBES, 1), np.bool_),
        np.ones(TRIAL_PROBES, np.bool_),
    )
    bests = make_best(rule, TRIAL_PERSONS), make_best(rule, TRIAL_PERSONS)
    pieces = [
        cut_up(
            np.array([[*(one.ctypes.data for one in (codes, masks, partitions)), 0, SPARSE]]),
            [(0, 0, TRIAL_PIECE), (0, TRIAL_PIECE, TRIAL_PERSONS)],
            slab_rows=TRIAL_PERSONS,
            at_once=2,
        )
        for codes in (coarse, fine)
    ]
    kernels.coarse(pieces[0], CoarseProbes(fingers, tables), rule, bests[0])
    kernels.fine(pieces[1], team_up(vectors, weights), rule, bests[1])
    return [merge([best], probe, TRIAL_PERSONS) for best in bests for probe in range(TRIAL_PROBES)]
