"""Orientation of the ridges: a zero-pole field with non-linear phase correction.

Sherlock and Monro (1993) describe ridge flow by cores (zeros) and deltas (poles) of a complex
function; Vizcaya and Gerhardt (1996) correct the angle seen from each singularity by a periodic
function, because real ridges do not turn evenly around a core. Here the correction is a short
Fourier series (smooth, so ridges never kink), an arching term bends ridges along the outline of
the fingertip, a twist winds whorls into spirals, and a slow wobble makes each finger its own.

Pad coordinates: x to the right, y upwards, pixels at 500 dpi, origin at the middle of the pad.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.synthesis.patterns import PatternClass

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Singularity:
    """A core (weight 0.5) or delta (weight -0.5) with its phase correction.

    point: pad coordinates as a complex number. bends: complex Fourier coefficients of the
    correction, of the first and the second harmonic, in radians.
    """

    point: complex
    weight: float
    bends: tuple[complex, complex]


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything that fixes the ridge flow of one finger.

    arching: slope in radians that ridges reach at the flanks of the fingertip. shoulder:
    distance from the axis at which they have nearly reached it, and height below which they lie
    flat, as next to the joint; pixels. bump: slope of
    the hill in the middle of arches. twist: radians by which the heart of the pattern is turned:
    it winds whorls into spirals and makes loops leave their core steeply.
    wobble: rows of (wave number x, wave number y, phase, amplitude in radians).
    """

    pattern: PatternClass
    singularities: tuple[Singularity, ...]
    arching: float
    shoulder: tuple[float, float]
    bump: float
    twist: float
    wobble: NDArray[np.float64]

    @property
    def cores(self) -> tuple[complex, ...]:
        """Cores in pad coordinates, the uppermost first."""
        found = [one.point for one in self.singularities if one.weight > 0]
        return tuple(sorted(found, key=lambda point: -point.imag))

    @property
    def deltas(self) -> tuple[complex, ...]:
        """Deltas in pad coordinates, from left to right."""
        found = [one.point for one in self.singularities if one.weight < 0]
        return tuple(sorted(found, key=lambda point: point.real))


ARCH_HILL_PX = (62.0, 120.0)
"""Half width and half height of the hill of a plain arch."""

TWIST_RADIUS_PX = 55.0
"""Reach of the twist around the middle of the cores."""

WOBBLE_WAVES = 5
"""Number of slow plane waves whose sum makes the orientation of each finger irregular."""

WOBBLE_RADIANS = 0.065
"""Amplitude of each wave; five add up to about 6 degrees, as real prints stray."""


def draw_layout(rng: np.random.Generator, pattern: PatternClass, scale: float) -> Layout:
    """Draw singularities and bends for a pattern on a finger scale times the mean size."""
    cores, deltas = _PLACES[pattern](rng)
    shared = _draw_bends(rng, 0.14)
    places = [(point, 0.5) for point in cores] + [(point, -0.5) for point in deltas]
    return Layout(
        pattern=pattern,
        singularities=tuple(
            Singularity(point * scale, weight, _add(shared, _draw_bends(rng, 0.10)))
            for point, weight in places
        ),
        arching=rng.uniform(0.65, 1.05),
        shoulder=(scale * rng.uniform(80.0, 150.0), scale * rng.uniform(-150.0, -75.0)),
        bump=rng.uniform(0.35, 0.8) if pattern is PatternClass.ARCH else 0.0,
        twist=_TWISTS[pattern](rng),
        wobble=_draw_wobble(rng),
    )


def orientation_at(layout: Layout, x: Floats, y: Floats) -> Floats:
    """Ridge orientation in radians, counter-clockwise from the x axis, modulo pi.

    x, y: pad coordinates, broadcast against each other.
    """
    z = (x + 1j * y).astype(np.complex64)
    angle = -_arching(layout, x, y) - _hill(layout, x, y) + _wobble(layout, x, y)
    for one in layout.singularities:
        angle = angle + one.weight * _corrected_argument(one, z)
    if layout.twist:
        middle = sum(layout.cores) / len(layout.cores)
        away = np.abs(z - np.complex64(middle)) / TWIST_RADIUS_PX
        angle = angle + layout.twist * np.exp(-0.5 * away**2)
    return np.asarray(np.mod(angle, np.pi), dtype=np.float32)


def _corrected_argument(one: Singularity, z: NDArray[np.complex64]) -> Floats:
    """Angle under which the singularity sees each point, bent by its Fourier series."""
    away = z - np.complex64(one.point)
    turn = away / np.maximum(np.abs(away), 1e-3)
    first, second = one.bends
    bent = np.imag(np.complex64(first) * turn + np.complex64(second) * turn * turn)
    return np.asarray(np.angle(away) + bent, dtype=np.float32)


def _arching(layout: Layout, x: Floats, y: Floats) -> Floats:
    """Slope along the outline of the fingertip: none at the joint, full above the deltas."""
    width, foot = layout.shoulder
    height = 1.0 / (1.0 + np.exp(-(y - foot) / 55.0))
    return np.asarray(layout.arching * height * np.tanh(x / width), dtype=np.float32)


def _hill(layout: Layout, x: Floats, y: Floats) -> Floats:
    """The hill over which the ridges of a plain arch run."""
    if not layout.bump:
        return np.zeros(1, np.float32)
    width, height = ARCH_HILL_PX
    across = (x / width) * np.exp(0.5 - 0.5 * (x / width) ** 2)
    return np.asarray(
        layout.bump * across * np.exp(-0.5 * ((y + 20.0) / height) ** 2), dtype=np.float32
    )


def _wobble(layout: Layout, x: Floats, y: Floats) -> Floats:
    total = np.zeros(np.broadcast(x, y).shape, np.float32)
    for kx, ky, phase, amplitude in layout.wobble.astype(np.float32):
        total += amplitude * np.sin(kx * x + ky * y + phase)
    return total


def _draw_wobble(rng: np.random.Generator) -> NDArray[np.float64]:
    lengths = rng.uniform(130.0, 420.0, WOBBLE_WAVES)
    turns = rng.uniform(0.0, 2 * np.pi, WOBBLE_WAVES)
    numbers = 2 * np.pi / lengths
    phases = rng.uniform(0.0, 2 * np.pi, WOBBLE_WAVES)
    amplitudes = WOBBLE_RADIANS * rng.uniform(0.4, 1.0, WOBBLE_WAVES)
    return np.stack([numbers * np.cos(turns), numbers * np.sin(turns), phases, amplitudes], 1)


def _draw_bends(rng: np.random.Generator, size: float) -> tuple[complex, complex]:
    real, imaginary = rng.normal(0.0, size, (2, 2))
    first, second = real + 1j * imaginary
    return complex(first), complex(second)


def _add(one: tuple[complex, complex], other: tuple[complex, complex]) -> tuple[complex, complex]:
    return one[0] + other[0], one[1] + other[1]


Places = tuple[list[complex], list[complex]]


def _place_arch(rng: np.random.Generator) -> Places:
    del rng
    return [], []


def _place_tented_arch(rng: np.random.Generator) -> Places:
    core = complex(rng.normal(0, 10), rng.uniform(-20, 35))
    return [core], [core + complex(rng.normal(0, 10), -rng.uniform(55, 110))]


def _place_right_loop(rng: np.random.Generator) -> Places:
    core = complex(rng.normal(-4, 14), rng.uniform(-15, 50))
    return [core], [core + complex(-rng.uniform(62, 135), -rng.uniform(60, 150))]


def _place_left_loop(rng: np.random.Generator) -> Places:
    cores, deltas = _place_right_loop(rng)
    return _mirror(cores), _mirror(deltas)


def _place_whorl(rng: np.random.Generator) -> Places:
    upper = complex(rng.normal(0, 10), rng.uniform(15, 50))
    lower = upper + complex(rng.normal(0, 8), -rng.uniform(24, 68))
    return [upper, lower], _two_deltas(rng, lower)


def _place_double_loop(rng: np.random.Generator) -> Places:
    upper = complex(rng.uniform(-38, -18), rng.uniform(20, 50))
    lower = complex(rng.uniform(18, 38), upper.imag - rng.uniform(45, 85))
    cores, deltas = [upper, lower], _two_deltas(rng, complex(0, lower.imag))
    return (cores, deltas) if rng.random() < 0.5 else (_mirror(cores), _mirror(deltas))


def _two_deltas(rng: np.random.Generator, lower: complex) -> list[complex]:
    sides = rng.uniform(85, 155, 2) * (-1, 1)
    return [lower + complex(side, -rng.uniform(35, 120)) for side in sides]


def _twist_none(rng: np.random.Generator) -> float:
    del rng
    return 0.0


def _twist_right_loop(rng: np.random.Generator) -> float:
    return float(rng.normal(-0.19, 0.06))


def _twist_left_loop(rng: np.random.Generator) -> float:
    return -_twist_right_loop(rng)


def _twist_whorl(rng: np.random.Generator) -> float:
    return float(rng.normal(0.0, 0.22))


def _mirror(points: list[complex]) -> list[complex]:
    return [-point.conjugate() for point in points]


_PLACES = {
    PatternClass.ARCH: _place_arch,
    PatternClass.TENTED_ARCH: _place_tented_arch,
    PatternClass.LEFT_LOOP: _place_left_loop,
    PatternClass.RIGHT_LOOP: _place_right_loop,
    PatternClass.DOUBLE_LOOP: _place_double_loop,
    PatternClass.WHORL: _place_whorl,
}
"""Where cores and deltas lie, in pad coordinates of a mean finger."""

_TWISTS = {
    PatternClass.ARCH: _twist_none,
    PatternClass.TENTED_ARCH: _twist_none,
    PatternClass.LEFT_LOOP: _twist_left_loop,
    PatternClass.RIGHT_LOOP: _twist_right_loop,
    PatternClass.DOUBLE_LOOP: _twist_none,
    PatternClass.WHORL: _twist_whorl,
}
"""How the heart of each pattern is turned."""
