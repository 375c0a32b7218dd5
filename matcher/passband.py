"""Inner loops over the waves of all windows: how loud they are, and which belong to ridges.

How much of a wave belongs to a ridge is two to the power of an exponent. The exponent is linear in
functions of the wave, with coefficients of the window, so that it is a few products.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from matcher.spectrum import ROUNDING, Complexes, Floats

Places = NDArray[np.int64]

FUNCTIONS = 5
"""Functions of a wave that make up its exponent."""

MOMENTS = 4
"""Sums that are taken of a window's power."""

LEAST = np.float32(-120)
"""Exponents below this are raised to it: 2**-120 is next to nothing, and still a float32."""

SUMMING = {*ROUNDING, "reassoc"}
"""For sums of waves also another order: eight sums side by side, added up at the end."""

# Two to the power of a fraction, as its Taylor series: between -1/2 and 1/2 off by 1.2e-7.
_C1, _C2, _C3, _C4, _C5, _C6 = (
    np.float32(np.log(2) ** power / factorial)
    for power, factorial in zip(range(1, 7), (1, 2, 6, 24, 120, 720), strict=True)
)
_HALF, _ONE = np.float32(0.5), np.float32(1)
_BITS = np.float32(1 / np.log(2))
_BIAS, _SHIFT = np.int32(127), np.int32(23)


@njit(nogil=True, cache=True, fastmath=ROUNDING)
def _raise(exponent):  # type: ignore[no-untyped-def]
    """Two to the power of a float32, at least LEAST."""
    bounded = max(exponent, LEAST)
    whole = np.floor(bounded + _HALF)
    part = bounded - whole
    series = _C3 + part * (_C4 + part * (_C5 + part * _C6))
    series = _ONE + part * (_C1 + part * (_C2 + part * series))
    # The exponent's bits of a float32: bits 23 to 30, with 127 for zero.
    return series * np.int32((np.int32(whole) + _BIAS) << _SHIFT).view(np.float32)


@njit(nogil=True, cache=True, fastmath=ROUNDING)
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


@njit(nogil=True, cache=True, fastmath=ROUNDING)
def agree(directions: Floats, silence: np.float32) -> tuple[Floats, Floats]:
    """The doubled normals, (2, cells), cosine and sine, and the coherence, (cells,), of directions
    as from calm(), after they were averaged. Where there are none, the normal lies along x."""
    count = len(directions)
    doubled = np.empty((2, count), np.float32)
    coherence = np.empty(count, np.float32)
    for cell in range(count):
        cosine, sine = directions[cell, 0], directions[cell, 1]
        length = np.sqrt(cosine * cosine + sine * sine)
        has_one = length > 0
        doubled[0, cell] = cosine / length if has_one else np.float32(1)
        doubled[1, cell] = sine / length if has_one else np.float32(0)
        coherence[cell] = length / (directions[cell, 2] + silence)
    return doubled, coherence


@njit(nogil=True, cache=True, fastmath=ROUNDING)
def lean(doubled: Floats, frequency: Floats, turn: Floats, tone: np.float32) -> Floats:
    """Coefficients of the exponent of a passband, shape (cells, FUNCTIONS).

    A bell of width `turn` (cells,) over the angle to the normal times a bell of width `tone` over
    the logarithm of the frequency (cells,). doubled: cosine and sine of twice the normal's angle.
    """
    cells = np.empty((len(frequency), FUNCTIONS), np.float32)
    flat = _BITS / (2 * tone * tone)
    for cell in range(len(frequency)):
        sharp = _BITS / (2 * turn[cell] * turn[cell])
        own = np.log(frequency[cell])
        cells[cell, 0], cells[cell, 1] = sharp * doubled[0, cell], sharp * doubled[1, cell]
        cells[cell, 2] = -sharp - own * own * flat
        cells[cell, 3], cells[cell, 4] = 2 * own * flat, -flat
    return cells


@njit(nogil=True, cache=True, fastmath=ROUNDING)
def _pass(cells: Floats, functions: Floats, band: Floats, cell: int) -> None:
    """Fill the share of each wave, 0-1, that belongs to the ridges of a cell."""
    a, b, c = cells[cell, 0], cells[cell, 1], cells[cell, 2]
    d, e = cells[cell, 3], cells[cell, 4]
    for wave in range(len(band)):
        exponent = a * functions[0, wave] + b * functions[1, wave] + c * functions[2, wave]
        exponent += d * functions[3, wave] + e * functions[4, wave]
        band[wave] = _raise(exponent)


@njit(nogil=True, cache=True, fastmath=SUMMING)
def _add_up(power: Floats, band: Floats, moments: Floats, at: tuple[int, Floats]) -> None:
    """Sums of a cell's power as far as it is heard. at: cell; result (MOMENTS, cells)."""
    cell, sums = at
    one, two, three, four = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    for wave in range(len(band)):
        heard = power[cell, wave] * band[wave]
        one += heard
        two += heard * moments[1, wave]
        three += heard * moments[2, wave]
        four += heard * moments[3, wave]
    sums[0, cell], sums[1, cell], sums[2, cell], sums[3, cell] = one, two, three, four


@njit(nogil=True, cache=True, fastmath=ROUNDING)
def hear(power: Floats, cells: Floats, functions: Floats, moments: Floats) -> Floats:
    """Sums of the power that belongs to the ridges of each cell, shape (MOMENTS, cells).

    power: (cells, waves). cells: coefficients of the exponent, (cells, FUNCTIONS); without rows,
    all of the power is heard. functions: (FUNCTIONS, waves). moments: what each sum multiplies the
    waves by, (MOMENTS, waves), the first of them ones.
    """
    sums = np.empty((MOMENTS, len(power)), np.float32)
    band = np.ones(power.shape[1], np.float32)
    for cell in range(len(power)):
        if len(cells):
            _pass(cells, functions, band, cell)
        _add_up(power, band, moments, (cell, sums))
    return sums


@njit(nogil=True, cache=True, fastmath=SUMMING)
def weigh(spectra: Complexes, weights: Floats, chosen: Places) -> tuple[Floats, Floats]:
    """Power of the chosen waves, (cells, chosen), and of all waves together, (cells,).

    spectra: (cells, waves). weights: (waves,), how often each counts. chosen: numbers of waves.
    """
    whole = np.empty(len(spectra), np.float32)
    power = np.empty((len(spectra), len(chosen)), np.float32)
    all_of_it = np.empty(len(weights), np.float32)
    for cell in range(len(spectra)):
        for wave in range(len(weights)):
            one = spectra[cell, wave]
            all_of_it[wave] = weights[wave] * (one.real * one.real + one.imag * one.imag)
        whole[cell] = all_of_it.sum()
        for number in range(len(chosen)):
            power[cell, number] = all_of_it[chosen[number]]
    return power, whole


@njit(nogil=True, cache=True, fastmath=ROUNDING)
def sift(
    spectra: Complexes, corner: tuple[int, int], cells: Floats, functions: Floats
) -> Complexes:
    """The waves of an area of cells as far as they belong to its ridges, of the area's shape.

    spectra: (rows, columns, waves). corner: row and column where the area begins. cells:
    coefficients of the exponents of the area, shape (rows, columns, FUNCTIONS).
    """
    rows, columns, _ = cells.shape
    kept = np.empty((rows, columns, spectra.shape[2]), np.complex64)
    band = np.empty(spectra.shape[2], np.float32)
    for row in range(rows):
        for column in range(columns):
            _pass(cells[row], functions, band, column)
            for wave in range(len(band)):
                one = spectra[corner[0] + row, corner[1] + column, wave]
                kept[row, column, wave] = complex(one.real * band[wave], one.imag * band[wave])
    return kept
