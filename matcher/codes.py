"""How the vector of a finger becomes a few bits, and where those bits lie in memory.

    float32 unit vector -> int8 (the form that is stored) -> fine code, 4 bits per dimension
                                                          -> coarse code, the leading signs

Fine codes lie finger by finger in blocks of sixteen persons, so that one load serves as many
persons as a register has lanes and a search reads only the fingers it has. Coarse codes of all
fingers lie together in blocks of 32 persons, in the manner of Andre, Kermarrec, Le Scouarnec,
"Cache locality is not enough" (VLDB 9, 2015): four signs choose one entry of a table that fits
into a register.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

FINGERS = 10
"""Positions 1 to 10 of a person, here by index 0 to 9."""

DIMENSIONS = 128
"""Numbers per vector, ordered by falling variance."""

FULL_SCALE = 0.5
"""Coordinate that becomes 127: in 128 dimensions hardly one of a unit
vector is larger, and cutting it off moves cosines of real prints by 0.005 at most."""

UNITS = 127 / FULL_SCALE
"""Steps of the int8 form per unit of length."""

FINE_STEP = 12
"""Width of a level of the fine code in steps of the int8 form (0.047). One width serves all
dimensions, so that a product of codes stays a cosine. On vectors whose cosines scatter by 0.12 the
codes keep 98.4 % of their variance at 11 to 13 steps; narrower levels cut the leading dimensions
off, wider ones waste bits. A width for each dimension could hardly gain more than the missing
percent and a half; that is an estimate, no measurement."""

NEUTRAL = 8
"""Nibble of level 0; levels -7 to 7 are nibbles 1 to 15."""

FINE_BLOCK = 16
"""Persons of one block of fine codes: 64 bytes for eight dimensions, one register of AVX-512."""

FINE_SLICES = DIMENSIONS // 8
"""Pieces of 64 bytes in a block: eight dimensions of sixteen persons each."""

COARSE_DIMENSIONS = 32
"""Leading dimensions whose signs make up the coarse code of a finger: 40 bytes per person. A
multiple of 16, so that the codes of one finger fill whole registers."""

COARSE_GROUPS = COARSE_DIMENSIONS // 4
"""Groups of four signs per finger."""

COARSE_BLOCK = 32
"""Persons of one block of coarse codes: sixteen bytes of two nibbles each."""

ALL_FINGERS = (1 << FINGERS) - 1
"""The mask of a person with all fingers; bit f stands for finger f."""

MASKS = ALL_FINGERS + 1
"""Sets of fingers a person can have: the length of the tables by mask."""

WHOLE, DENSE, SPARSE = CROWDS = (0, 1, 2)
"""Persons with all fingers, with many and with few. Those who lack a finger need a lower sum, and
one among 32 would let the whole block be looked at: so each crowd has slabs of its own."""

DENSE_FINGERS = 8
"""Fingers from which on a person counts as one with many."""

CROWD_OF = np.array(
    [(mask.bit_count() < FINGERS) + (mask.bit_count() < DENSE_FINGERS) for mask in range(MASKS)]
)
"""By mask the crowd of the person."""

Bytes = NDArray[np.uint8]
Vectors = NDArray[np.int8]


def quantise(vectors: NDArray[np.float32]) -> Vectors:
    """The int8 form of unit vectors, any shape; coordinates beyond FULL_SCALE are cut off."""
    scaled = np.rint(np.asarray(vectors, np.float32) * np.float32(UNITS))
    quantised: Vectors = np.clip(scaled, -127, 127).astype(np.int8)
    return quantised


def restore(vectors: Vectors) -> NDArray[np.float32]:
    """The float32 vectors that int8 forms stand for, within half a step, of about unit length.

    >>> restore(quantise(np.array([0.25, -0.5, 0.7], np.float32))).round(2).tolist()
    [0.25, -0.5, 0.5]
    """
    return vectors.astype(np.float32) / np.float32(UNITS)


def fine_shape(rows: int) -> tuple[int, int, int, int]:
    """Shape of the room for fine codes of some rows."""
    return FINGERS, rows // FINE_BLOCK, FINE_SLICES, 4 * FINE_BLOCK


def make_fine(rows: int) -> Bytes:
    """Zeroed room for fine codes, uint8 (FINGERS, blocks, FINE_SLICES, 64); pages are claimed when
    written. Byte [f, b, h, 4p + j] is of person 16b + p: dimension 8h + j in the low nibble and
    8h + 4 + j in the high one."""
    return np.zeros(fine_shape(rows), np.uint8)


def make_coarse(rows: int) -> Bytes:
    """Zeroed room for coarse codes, uint8 (blocks, FINGERS * COARSE_GROUPS, 16). Byte
    [b, COARSE_GROUPS * f + g, i] holds the signs of dimensions 4g to 4g + 3 of finger f: of person
    32b + i in the low nibble, of 32b + 16 + i in the high one; a bit is set where not negative."""
    return np.zeros((rows // COARSE_BLOCK, FINGERS * COARSE_GROUPS, 16), np.uint8)


@njit(nogil=True, cache=True)
def write_fine(plane: Bytes, place: int, vectors: Vectors, mask: int) -> None:
    """Write one person's fine codes; fingers outside the mask become neutral in every dimension.

    vectors: int8 (FINGERS, DIMENSIONS).
    """
    block, person = place // FINE_BLOCK, place % FINE_BLOCK
    for finger in range(FINGERS):
        present = (mask >> finger) & 1
        for piece in range(FINE_SLICES):
            for j in range(4):
                low, high = NEUTRAL, NEUTRAL
                if present:
                    low = find_nibble(vectors[finger, 8 * piece + j])
                    high = find_nibble(vectors[finger, 8 * piece + 4 + j])
                plane[finger, block, piece, 4 * person + j] = low | (high << 4)


@njit(nogil=True, cache=True)
def find_nibble(value: int) -> int:
    """The nibble of the level nearest to a coordinate, halves away from zero."""
    level = min(7, (2 * abs(value) + FINE_STEP) // (2 * FINE_STEP))
    return NEUTRAL + level if value >= 0 else NEUTRAL - level


@njit(nogil=True, cache=True)
def write_coarse(plane: Bytes, place: int, vectors: Vectors, mask: int) -> None:
    """Write one person's coarse codes; fingers outside the mask become zero."""
    block, person = place // COARSE_BLOCK, place % COARSE_BLOCK
    shift = 4 * (person // 16)
    for finger in range(FINGERS):
        present = (mask >> finger) & 1
        for group in range(COARSE_GROUPS):
            nibble = 0
            for j in range(4):
                if present and vectors[finger, 4 * group + j] >= 0:
                    nibble |= 1 << j
            at = finger * COARSE_GROUPS + group
            kept = plane[block, at, person % 16] & (0xF0 >> shift)
            plane[block, at, person % 16] = kept | (nibble << shift)


def clear_fine(plane: Bytes, place: int) -> None:
    """Overwrite one person's fine codes with zeros."""
    first = 4 * (place % FINE_BLOCK)
    plane[:, place // FINE_BLOCK, :, first : first + 4] = 0


def clear_coarse(plane: Bytes, place: int) -> None:
    """Overwrite one person's coarse codes with zeros; the neighbour in the same bytes stays."""
    person = place % COARSE_BLOCK
    plane[place // COARSE_BLOCK, :, person % 16] &= 0xF0 if person < 16 else 0x0F
