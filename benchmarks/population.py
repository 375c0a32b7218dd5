"""Millions of persons with ten vectors each, drawn straight into the planes of a gallery.

A person's vector is computed from the row and the finger alone, so that it can be made again for
a mate: one of POOL_VECTORS vectors with signs of its own. The numbers of every dimension scatter
as those of the pool; two strangers are as unlike as two vectors of the pool are, and no two
persons share one. Cosines of mates are drawn to the quantiles that real prints show, and those
of one capture go up and down together, as skin and sensor are shared.

Minutiae are those of a few hundred persons dealt out to all, since 4 kB each for ten millions do
not fit into 24 GiB: what comparing them costs is real, whom it finds is not, but for the mates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import erf, sqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray

from benchmarks.galleries import (
    SPREAD,
    VECTOR_MODEL,
    Draw,
    draw_capture,
    draw_reference,
    draw_vector,
)
from matcher.codes import DIMENSIONS, FINGERS, Bytes, quantise, restore, write_coarse, write_fine
from matcher.gallery import Gallery
from matcher.holdings import Holdings
from matcher.memory import ABSENT
from matcher.register import Handles
from matcher.slabs import LIVE, SLAB_ROWS, Kind
from matcher.vocabulary import FingerTemplate, Reference

POOL_VECTORS = 2**14
"""Vectors from which all are made: 2 MB, near in the second-level cache."""

DEALT_PERSONS = 300
"""Persons whose minutiae are dealt out."""

MATE_QUANTILES = (0.0, 0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 1.0)
MATE_COSINES = (0.0, 0.20, 0.47, 0.58, 0.72, 0.84, 0.90, 0.98)
"""Cosines of mated prints of FVC2002 DB1-4 and pyfnprint, by `benchmarks.embedding`'s vectors."""

SHARED_QUALITY = 0.6
"""Correlation of the quality of the fingers of one capture."""

LACKING_SHARE = 0.05
"""Persons who lack one or two fingers."""

Vectors = NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """What vectors are made from, and the persons whose minutiae are dealt out."""

    pool: Vectors
    dealt: tuple[Reference, ...]

    def person(self, row: int) -> Reference:
        """The person of a row, all ten fingers."""
        fingers = self.dealt[row % len(self.dealt)].fingers
        vectors = make_vectors(self.pool, row)
        return Reference(tuple(_with(one, vectors[n]) for n, one in enumerate(fingers)))

    def capture(self, row: int, seed: int) -> Reference:
        """Another capture of the person of a row."""
        rng = np.random.default_rng((seed, row))
        person = self.person(row)
        cosines = draw_cosines(rng)
        moved = draw_capture(person, seed)
        vectors = restore(np.stack([one.vector for one in person.fingers]))
        disturbed = disturb(vectors, cosines, rng)
        return Reference(tuple(map(_with, moved.fingers, disturbed)))


def make_population(seed: int) -> Population:
    """Draw what all persons are made from."""
    rng = np.random.default_rng(seed)
    pool = quantise(np.stack([draw_vector(rng) for _ in range(POOL_VECTORS)]))
    dealt = [draw_reference(n, Draw(face=False, vectors=True)) for n in range(DEALT_PERSONS)]
    return Population(pool, tuple(dealt))


def fill(gallery: Gallery, population: Population, persons: int) -> None:
    """Let a gallery hold so many persons, whose ids are their rows.

    For an empty gallery. Most of its persons lie in the planes alone; those whose minutiae are
    dealt out are enrolled in the usual way, under ids of their own beyond all rows.
    """
    holdings = gallery._holdings
    for number, reference in enumerate(population.dealt):
        gallery.enrol(10**12 + number, reference)
    own = np.array([holdings.find(10**12 + n) for n in range(len(population.dealt))])
    minutiae = holdings.handles(own).minutiae
    lacking = round(LACKING_SHARE * persons)
    for kind, wanted in ((Kind.WHOLE, persons - lacking), (Kind.DENSE, lacking)):
        for done in range(0, wanted, SLAB_ROWS):
            first = len(holdings.planes.slabs) * SLAB_ROWS
            rows = first + np.arange(min(SLAB_ROWS, wanted - done))
            _put(holdings, population.pool, (rows, draw_masks(kind, rows)), minutiae)


def fill_share(
    gallery: Gallery,
    population: Population,
    persons: int,
    belongs: Callable[[int], bool] = lambda _: True,
) -> None:
    """Let a gallery hold those of so many persons who belong, whose ids begin with SLAB_ROWS.

    For an empty gallery. Nobody else is in it: those whose minutiae are dealt out are not searched.
    """
    holdings = gallery._holdings
    dealt = [{f.position: f.minutiae for f in one.fingers} for one in population.dealt]
    minutiae = np.array([holdings._minutiae.add(one) for one in dealt])
    everyone = SLAB_ROWS + np.arange(persons)
    parts = np.split(everyone, [persons - round(LACKING_SHARE * persons)])
    for kind, part in zip((Kind.WHOLE, Kind.DENSE), parts, strict=True):
        ours = np.array([belongs(one) for one in part.tolist()], bool)
        ids, masks = part[ours], draw_masks(kind, part)[ours]
        for at in range(0, len(ids), SLAB_ROWS):
            some = slice(at, at + SLAB_ROWS)
            _put(holdings, population.pool, (ids[some], masks[some]), minutiae)


def capture_vectors(
    population: Population, persons: NDArray[np.int64], rng: np.random.Generator
) -> tuple[Vectors, NDArray[np.float64]]:
    """Vectors of another capture of each person, int8 (n, FINGERS, DIMENSIONS), and the cosines
    that they had with the person's before they were rounded, (n, FINGERS).

    As those of Population.capture(), but without minutiae, which take most of its time.
    """
    old = make_many(population.pool, persons).reshape(-1, FINGERS, DIMENSIONS)
    cosines = np.stack([draw_cosines(rng) for _ in persons])
    return disturb(old, cosines, rng), cosines


def draw_masks(kind: Kind, ids: NDArray[np.int64]) -> NDArray[np.uint16]:
    """Masks of the fingers that some persons have: all, or one or two fewer."""
    masks = np.full(len(ids), (1 << FINGERS) - 1, np.uint16)
    if kind is Kind.DENSE and len(ids):
        rng = np.random.default_rng(int(ids[0]))
        for _ in range(2):
            masks &= ~(1 << rng.integers(0, FINGERS, len(ids))).astype(np.uint16)
    return masks


def _put(
    holdings: Holdings,
    pool: Vectors,
    chosen: tuple[NDArray[np.int64], NDArray[np.uint16]],
    minutiae: NDArray[np.int64],
) -> None:
    """Put persons, of given ids and masks, into a slab. minutiae: the handles dealt out."""
    persons, masks = chosen
    slab = holdings.planes.add_slab(holdings.planes.kind_of(int(masks[0])))
    assert slab.coarse is not None
    assert slab.fine is not None
    _write_rows(pool, persons, masks, (slab.coarse, slab.fine))
    count = len(persons)
    slab.masks[:count] = masks | LIVE
    slab.used = count
    handles = Handles(minutiae[persons % len(minutiae)], np.full(count, ABSENT))
    rows = (len(holdings.planes.slabs) - 1) * SLAB_ROWS + np.arange(count)
    holdings._register.enter_many(rows, persons, handles, np.zeros((count, 32), np.uint8))


@njit(nogil=True, cache=True)
def _write_rows(
    pool: Vectors,
    persons: NDArray[np.int64],
    masks: NDArray[np.uint16],
    planes: tuple[Bytes, Bytes],
) -> None:
    coarse, fine = planes
    vectors = np.empty((FINGERS, DIMENSIONS), np.int8)
    for place in range(len(masks)):
        _make_vectors(pool, persons[place], vectors)
        mask = int(masks[place])
        write_coarse(coarse, place, vectors, mask)
        write_fine(fine, place, vectors, mask)


def make_vectors(pool: Vectors, row: int) -> Vectors:
    """The vectors of the person of a row, int8 (FINGERS, DIMENSIONS)."""
    vectors = np.empty((FINGERS, DIMENSIONS), np.int8)
    _make_vectors(pool, row, vectors)
    return vectors


def make_many(pool: Vectors, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """The vectors of many persons side by side, float32 (n, FINGERS * DIMENSIONS)."""
    many = np.empty((len(rows), FINGERS * DIMENSIONS), np.float32)
    _make_many(pool, rows, many)
    return many


@njit(nogil=True, cache=True)
def _make_many(pool: Vectors, rows: NDArray[np.int64], many: NDArray[np.float32]) -> None:
    vectors = np.empty((FINGERS, DIMENSIONS), np.int8)
    for number in range(len(rows)):
        _make_vectors(pool, rows[number], vectors)
        many[number] = vectors.reshape(-1)


@njit(nogil=True, cache=True)
def _make_vectors(pool: Vectors, row: int, vectors: Vectors) -> None:
    state = np.uint64(row + 1) * np.uint64(0x9E3779B97F4A7C15)
    for finger in range(FINGERS):
        state = _mix(state + np.uint64(finger + 1))
        base = pool[np.int64(state >> np.uint64(40)) % len(pool)]
        for half in range(2):
            state = _mix(state)
            for bit in range(64):
                sign = np.int8(1) - np.int8(2) * np.int8((state >> np.uint64(bit)) & np.uint64(1))
                vectors[finger, 64 * half + bit] = sign * base[64 * half + bit]


@njit(nogil=True, cache=True)
def _mix(state: np.uint64) -> np.uint64:
    """One step of a generator of 64 random bits (Steele, Lea, Flood: SplitMix, 2014)."""
    bits = state + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def draw_cosines(rng: np.random.Generator) -> NDArray[np.float64]:
    """Cosines of the ten fingers of one capture with those enrolled."""
    shared, own = rng.normal(), rng.normal(size=FINGERS)
    drawn = np.sqrt(SHARED_QUALITY) * shared + np.sqrt(1 - SHARED_QUALITY) * own
    ranks = np.array([_normal_rank(one) for one in drawn])
    return np.asarray(np.interp(ranks, MATE_QUANTILES, MATE_COSINES))


def disturb(
    vectors: NDArray[np.float32], cosines: NDArray[np.float64], rng: np.random.Generator
) -> Vectors:
    """Vectors, (..., DIMENSIONS), of other prints with these cosines, rounded to int8."""
    old = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    noise = rng.normal(size=old.shape) * SPREAD
    noise -= (noise * old).sum(axis=-1, keepdims=True) * old
    noise /= np.linalg.norm(noise, axis=-1, keepdims=True)
    share = cosines[..., None]
    return quantise(np.asarray(share * old + np.sqrt(1 - share**2) * noise, np.float32))


def _normal_rank(value: float) -> float:
    """Share of a normal distribution below a value."""
    return 0.5 * (1 + erf(value / sqrt(2)))


def _with(finger: FingerTemplate, vector: Vectors) -> FingerTemplate:
    return replace(finger, vector=vector, reliability=80, vector_model=VECTOR_MODEL)
