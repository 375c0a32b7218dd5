"""Inner loops over the waves of all windows: how loud they are, and which belong to ridges.

How much of a wave belongs to a ridge is two to the power of an exponent. The exponent is linear in
functions of the wave, with coefficients of the window, so that it is a few products. What limits
these loops is how long one step waits for another, so sums are taken as trees instead of chains.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.polynomial import Chebyshev, Polynomial
from numpy.typing import NDArray

from matcher.spectrum import HARMONICS, ROUNDING, WAVES, Complexes, Floats

Places = NDArray[np.uint64]

FUNCTIONS = 4
"""Functions of a wave that make up its exponent, beside a constant."""

SIFTED = WAVES * (2 * HARMONICS + 1)
"""Waves of a window. Loops over a number that is known when they are compiled have no remainders,
which took a fifth of their time."""

HEARD = 80
"""Places for the waves that may be ridges, which are 73: whole vectors of 8, the rest silent."""

MOMENTS = 4
"""Sums that are taken of a window's power."""

LEAST = np.float32(-120)
"""Exponents below this are raised to it: 2**-120 is next to nothing, and still a float32."""

FILLER = np.float32(1e-3)
"""Energy of the usual frequency that is put to what was measured."""

SUMMING = {*ROUNDING, "reassoc"}
"""For sums of waves also another order: eight sums side by side, added up at the end."""

# Two to the power of a fraction between -1/2 and 1/2, as a polynomial off by less than 2e-7.
_SERIES = Chebyshev.interpolate(np.exp2, 5, (-0.5, 0.5)).convert(kind=Polynomial).coef
_C0, _C1, _C2, _C3, _C4, _C5 = (np.float32(one) for one in _SERIES)
_BITS = np.float32(1 / np.log(2))

_WHOLE = np.float32(3 * 2**22 + 127)
"""Added to a float32, it leaves the nearest whole number in the lowest bits, and 127 more: the bits
of the exponent of that power of two."""

_SHIFT = np.int32(23)
"""Bits of a float32 below its exponent."""


@njit(nogil=True, cache=True, fastmath=ROUNDING)
def _raise(exponent):  # type: ignore[no-untyped-def]
    """Two to the power of a float32, at least LEAST."""
    bounded = max(exponent, LEAST)
    shifted = np.float32(bounded + _WHOLE)
    part = bounded - (shifted - _WHOLE)
    square = part * part
    series = (_C2 + part * _C3) + square * (_C4 + part * _C5)
    series = (_C0 + part * _C1) + square * series
    return series * np.int32(np.float32(shifted).view(np.int32) << _SHIFT).view(np.float32)


@njit(nogil=True, cache=True, fastmath=ROUNDING, error_model="numpy")
def calm(sums: Floats, silence: np.float32) -> tuple[Floats, Floats]:
    """What neighbours are told of each cell: its direction, and its frequency.

    sums: (MOMENTS, cells). Returns the directions, (cells, 3): doubled cosine and sine, and their
    weight, by amplitude and not by energy, so that a scratch or a blot does not outvote the ridges
    around it; and the frequencies, (cells, 2): times energy, and the energy.
    """
    count = sums.shape[1]
    directions = np.empty((count, 3), np.float32)
    frequencies = np.empty((count, 2), np.float32)
    for cell in range(count):
        energy = sums[0, cell]
        share = np.float32(1) / np.sqrt(energy + silence)
        directions[cell, 0] = sums[1, cell] * share
        directions[cell, 1] = sums[2, cell] * share
        directions[cell, 2] = energy * share
        frequencies[cell, 0], frequencies[cell, 1] = sums[3, cell], energy
    return directions, frequencies


@njit(nogil=True, cache=True, fastmath=ROUNDING, error_model="numpy")
def agree(
    directions: Floats, frequencies: Floats, silence: np.float32, usual: np.float32
) -> tuple[Floats, Floats, Floats]:
    """The doubled normals, (2, cells), cosine and sine, the coherence, (cells,), and the frequency,
    (cells,), of directions and frequencies as from calm(), after they were averaged.

    Where there are none, the normal lies along x, and the frequency is the usual one.
    """
    count = len(directions)
    doubled = np.empty((2, count), np.float32)
    coherence, frequency = np.empty(count, np.float32), np.empty(count, np.float32)
    for cell in range(count):
        cosine, sine = directions[cell, 0], directions[cell, 1]
        length = np.sqrt(cosine * cosine + sine * sine)
        has_one = length > 0
        doubled[0, cell] = cosine / length if has_one else np.float32(1)
        doubled[1, cell] = sine / length if has_one else np.float32(0)
        coherence[cell] = length / (directions[cell, 2] + silence)
        energy = frequencies[cell, 1] + FILLER
        frequency[cell] = (frequencies[cell, 0] + FILLER * usual) / energy
    return doubled, coherence, frequency


@njit(nogil=True, cache=True, fastmath=ROUNDING, error_model="numpy")
def lean(doubled: Floats, frequency: Floats, turn: Floats, tone: np.float32) -> Floats:
    """Coefficients of the exponent of a passband, shape (cells, FUNCTIONS + 1), the constant last.

    A bell of width `turn` (cells,) over the angle to the normal times a bell of width `tone` over
    the logarithm of the frequency (cells,). doubled: cosine and sine of twice the normal's angle.
    """
    cells = np.empty((len(frequency), FUNCTIONS + 1), np.float32)
    flat = _BITS / (2 * tone * tone)
    for cell in range(len(frequency)):
        sharp = _BITS / (2 * turn[cell] * turn[cell])
        own = np.log(frequency[cell])
        cells[cell, 0], cells[cell, 1] = sharp * doubled[0, cell], sharp * doubled[1, cell]
        cells[cell, 2], cells[cell, 3] = 2 * own * flat, -flat
        cells[cell, 4] = -sharp - own * own * flat
    return cells


@njit(nogil=True, cache=True, fastmath=ROUNDING)
def _pass(cell, wave):  # type: ignore[no-untyped-def]
    """The share of a wave of these functions, 0-1, that belongs to a cell of these coefficients."""
    (a, b, c, d, constant), (one, two, three, four) = cell, wave
    return _raise((a * one + (b * two + constant)) + (c * three + d * four))


@njit(nogil=True, cache=True, fastmath=SUMMING)
def _hear(
    power: Floats, cells: Floats, tables: tuple[Floats, Floats], at: tuple[int, Floats]
) -> None:
    """Sums of the power of one cell. tables: functions and moments. at: its number; all sums."""
    functions, moments = tables
    number, sums = at
    a, b, c, d = cells[number, 0], cells[number, 1], cells[number, 2], cells[number, 3]
    constant = cells[number, 4]
    one, two, three, four = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    for wave in range(HEARD):
        own = functions[0, wave], functions[1, wave], functions[2, wave], functions[3, wave]
        heard = power[number, wave] * _pass((a, b, c, d, constant), own)
        one += heard
        two += heard * moments[1, wave]
        three += heard * moments[2, wave]
        four += heard * moments[3, wave]
    sums[0, number], sums[1, number], sums[2, number], sums[3, number] = one, two, three, four


@njit(nogil=True, cache=True, fastmath=ROUNDING)
def hear(power: Floats, cells: Floats, functions: Floats, moments: Floats) -> Floats:
    """Sums of the power that belongs to the ridges of each cell, shape (MOMENTS, cells).

    power: (cells, HEARD). cells: coefficients of the exponent, (cells, FUNCTIONS + 1). functions:
    (FUNCTIONS, HEARD). moments: what each sum multiplies the waves by, (MOMENTS, HEARD), the first
    of them ones.
    """
    sums = np.empty((MOMENTS, len(power)), np.float32)
    for number in range(len(power)):
        _hear(power, cells, (functions, moments), (number, sums))
    return sums


@njit(nogil=True, cache=True, fastmath=SUMMING)
def weigh(spectra: Complexes, weights: Floats, chosen: Places) -> tuple[Floats, Floats]:
    """Power of the chosen waves, (cells, HEARD), and of all waves together, (cells,).

    spectra: (cells, waves). weights: (waves,), how often each counts. chosen: numbers of waves, at
    most HEARD; the places of more are silent.
    """
    whole = np.empty(len(spectra), np.float32)
    power = np.empty((len(spectra), HEARD), np.float32)
    all_of_it = np.empty(len(weights), np.float32)
    for cell in range(len(spectra)):
        for wave in range(len(weights)):
            one = spectra[cell, wave]
            all_of_it[wave] = weights[wave] * (one.real * one.real + one.imag * one.imag)
        whole[cell] = all_of_it.sum()
        for number in range(len(chosen)):
            power[cell, number] = all_of_it[chosen[number]]
        power[cell, len(chosen) :] = 0
    return power, whole


@njit(nogil=True, cache=True, fastmath=ROUNDING)
def sift(
    spectra: Complexes, corner: tuple[int, int], cells: Floats, functions: Floats
) -> Complexes:
    """The waves of an area of cells as far as they belong to its ridges, of the area's shape.

    spectra: (rows, columns, SIFTED). corner: row and column where the area begins. cells:
    coefficients of the exponents of the area, shape (rows, columns, FUNCTIONS + 1).
    """
    rows, columns, _ = cells.shape
    kept = np.empty((rows, columns, SIFTED), np.complex64)
    for row in range(rows):
        for column in range(columns):
            a, b, c, d, constant = cells[row, column]
            for wave in range(SIFTED):
                own = functions[0, wave], functions[1, wave], functions[2, wave], functions[3, wave]
                share = _pass((a, b, c, d, constant), own)
                one = spectra[corner[0] + row, corner[1] + column, wave]
                kept[row, column, wave] = complex(one.real * share, one.imag * share)
    return kept
