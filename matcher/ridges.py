"""Ridges: which way they run, how close they lie, and a clean picture of them.

All fields are on the grid of `matcher.spectrum` windows (one cell per STEP_PX pixels). Angles of
fields are those of the ridge's normal in image rows (y downwards), modulo half a turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.passband import HEARD, agree, calm, hear, lean, sift, weigh
from matcher.smoothing import average, level, smooth
from matcher.spectrum import STEP_PX, Complexes, Floats, synthesise, waves

LIGHT_SPREAD_PX = 6.0
"""Illumination, and the soft blots of moisture, change slower than about one ridge."""

CONTRAST_SPREAD_PX = 8.0
"""Contrast is evened out over about three ridges, so that faint and dark parts count alike."""

CONTRAST_FLOOR_GREY = 6.0
"""Grey levels of contrast below which a surface counts as empty rather than as faint ridges."""

CLIP_DEVIATIONS = 1.2
"""Brighter and darker pixels than this are dirt, pores and scratches; they may not outvote."""

PERIOD_MIN_PX, PERIOD_MAX_PX = 4.6, 18.0
"""Ridge periods of children's and of large men's fingers at 500 dpi, with a margin."""

PERIOD_USUAL_PX = 9.0
"""The period of an average adult's ridges at 500 dpi; used where none can be measured."""

PERSUASION_SPREADS = (3.0, 2.0, 1.0)
"""Cells over which neighbours agree, round by round: first a rough flow, then its details."""

PERIOD_SPREADS = 2.0
"""Periods change slower than directions, so they are averaged over this much wider an area."""

ACCEPTED_TURN, ACCEPTED_TONE = 0.5, 0.35
"""Radians and natural logarithms of frequency within which a wave fits what neighbours say."""

KEPT_TURN, KEPT_TURN_UNSURE, KEPT_TONE = 0.25, 0.5, 0.35
"""The same for the waves kept in the enhanced picture; wider in angle where ridges bend."""

SILENCE = 1e-6
"""Energy of nothing, which keeps shares of it finite."""


@dataclass(frozen=True, slots=True, eq=False)
class RidgeField:
    """Local waves of a print. All arrays have the shape of the window grid.

    normal: direction of the ridge's normal, radians. frequency: cycles per pixel.
    coherence: 0-1, how much the neighbourhood agrees on one direction.
    purity: 0-1, share of the local energy that is this wave.
    """

    normal: Floats
    frequency: Floats
    coherence: Floats
    purity: Floats


def blur(image: Floats, spread: float) -> Floats:
    """Smooth with a Gaussian of the given standard deviation, mirrored at the border.

    For small images, of one plane or of several (rows, columns, planes); large ones of one plane
    are smoothed faster by `matcher.smoothing`.
    """
    blurred = cv2.GaussianBlur(image, (0, 0), spread, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(blurred, np.float32)


def normalise(image: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """Even out light and contrast. Returns the flat image and the local contrast in grey levels."""
    grey = image.astype(np.float32)
    flat = smooth(grey, LIGHT_SPREAD_PX)
    np.subtract(grey, flat, out=flat)
    contrast = smooth(np.square(flat, out=grey), CONTRAST_SPREAD_PX)
    level(flat, contrast, CONTRAST_FLOOR_GREY, CLIP_DEVIATIONS)
    return flat, contrast


def measure(spectra: Complexes) -> RidgeField:
    """Find direction and period of the ridges, letting neighbours persuade each other.

    Each round averages over fewer cells, and hears only the waves that fit the round before.
    """
    shape = spectra.shape[:2]
    cells = spectra.reshape(shape[0] * shape[1], -1)
    power, whole = weigh(cells, wave_weights(), ridge_waves())
    functions, sums = ridge_tables()
    heard = np.ascontiguousarray((power @ sums.T).T)
    turn = np.full(len(power), ACCEPTED_TURN, np.float32)
    usual = np.float32(1 / PERIOD_USUAL_PX)
    for spread in PERSUASION_SPREADS:
        directions, frequencies = calm(heard, np.float32(SILENCE))
        around = blur(directions.reshape(*shape, -1), spread).reshape(directions.shape)
        wide = blur(frequencies.reshape(*shape, -1), PERIOD_SPREADS * spread)
        further = wide.reshape(frequencies.shape)
        doubled, coherence, frequency = agree(around, further, np.float32(SILENCE), usual)
        exponents = lean(doubled, frequency, turn, np.float32(ACCEPTED_TONE))
        heard = hear(power, exponents, functions, sums)
    purity = heard[0] / (whole + SILENCE)
    normal = np.arctan2(doubled[1], doubled[0]) / 2
    parts = (normal, frequency, coherence, purity)
    return RidgeField(*(part.reshape(shape) for part in parts))


@lru_cache(maxsize=1)
def ridge_waves() -> NDArray[np.uint64]:
    """Numbers of the waves that may be ridges; without a sign, for which loops would look."""
    radius = waves().radius.reshape(-1)
    inside = (radius >= 1 / PERIOD_MAX_PX) & (radius <= 1 / PERIOD_MIN_PX)
    return np.flatnonzero(inside).astype(np.uint64)


@lru_cache(maxsize=1)
def ridge_tables() -> tuple[Floats, Floats]:
    """The columns of `wave_functions` and of `moments` for the waves that may be ridges, filled up
    to HEARD."""
    spare = [(0, 0), (0, HEARD - len(ridge_waves()))]
    one, two = (np.pad(table[:, ridge_waves()], spare) for table in (wave_functions(), moments()))
    return np.ascontiguousarray(one), np.ascontiguousarray(two)


@lru_cache(maxsize=1)
def wave_weights() -> Floats:
    """How often each wave counts, as one row."""
    return np.ascontiguousarray(waves().weight.reshape(-1))


@lru_cache(maxsize=1)
def moments() -> Floats:
    """Rows that sum a cell's power: plain, along the doubled angle (x, y), by frequency."""
    turned = 2 * waves().angle
    rows = (np.ones_like(turned), np.cos(turned), np.sin(turned), waves().radius)
    return np.stack([row.reshape(-1) for row in rows]).astype(np.float32)


@lru_cache(maxsize=1)
def wave_functions() -> Floats:
    """Functions of the waves that make up the exponent of `lean`, shape (FUNCTIONS, waves)."""
    turned = 2 * waves().angle
    tone = np.log(np.maximum(waves().radius, 1e-3))
    functions = (np.cos(turned), np.sin(turned), tone, tone**2)
    return np.stack([function.reshape(-1) for function in functions]).astype(np.float32)


def enhance(spectra: Complexes, field: RidgeField, mask: NDArray[np.bool_]) -> Floats:
    """Keep the waves of the field only, where the finger is. Returns three planes (rows, columns):

    the ridge wave itself and the x and y parts of its quarter-turned companion (Riesz
    transform), which together give amplitude and phase at every pixel.
    """
    planes = np.zeros((3, *mask.shape), np.float32)
    if not mask.any():
        return planes
    kept, place = keep(spectra, field, mask)
    for plane, share in zip(planes, companions(), strict=True):
        plane[place] = synthesise(kept, plane[place].shape, share)
    return planes


def keep(
    spectra: Complexes, field: RidgeField, mask: NDArray[np.bool_]
) -> tuple[Complexes, tuple[slice, slice]]:
    """The waves of the field alone, of all windows that see the finger.

    Returns them as spectra, and the rows and columns of the picture that these make up.
    """
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    rows, pixel_rows = occupied(top, top + height, mask.shape[0])
    columns, pixel_columns = occupied(left, left + width, mask.shape[1])
    area = (rows, columns)
    normal, frequency = field.normal[area].reshape(-1), field.frequency[area].reshape(-1)
    turn = KEPT_TURN + KEPT_TURN_UNSURE * (1 - field.coherence[area].reshape(-1))
    doubled = np.stack([np.cos(2 * normal), np.sin(2 * normal)])
    exponents = lean(doubled, frequency, turn, np.float32(KEPT_TONE))
    shape = field.normal[area].shape
    flat = spectra.reshape(*spectra.shape[:2], -1)
    corner = rows.start, columns.start
    kept = sift(flat, corner, exponents.reshape(*shape, -1), wave_functions())
    return kept.reshape(*shape, *spectra.shape[2:]), (pixel_rows, pixel_columns)


@lru_cache(maxsize=1)
def companions() -> Complexes:
    """What each wave is multiplied by to become itself and the x and y parts of its companion."""
    radius = np.maximum(waves().radius, 1e-3)
    parts = (np.ones_like(radius), -1j * waves().x / radius, -1j * waves().y / radius)
    return np.stack(parts).astype(np.complex64)


def occupied(start: int, stop: int, length: int) -> tuple[slice, slice]:
    """Cells whose windows see the pixels from start to stop, and the pixels of those cells.

    >>> occupied(40, 41, 80)
    (slice(3, 8, None), slice(24, 64, None))
    """
    first = max(0, start // STEP_PX - 2)
    last = min(-(-length // STEP_PX), (stop - 1) // STEP_PX + 3)
    return slice(first, last), slice(first * STEP_PX, min(length, last * STEP_PX))


def spread_to_pixels(cells: Floats, shape: tuple[int, int]) -> Floats:
    """Interpolate a field from the window grid to the pixels of an image of the given shape."""
    size = (cells.shape[1] * STEP_PX, cells.shape[0] * STEP_PX)
    large = np.asarray(cv2.resize(cells, size, interpolation=cv2.INTER_LINEAR), np.float32)
    return large[: shape[0], : shape[1]]


def gather_in_cells(image: Floats, cells: Floats) -> Floats:
    """Average an image over the cells of a field's grid."""
    return average(image, cells.shape)


def doubled_normals(field: RidgeField, shape: tuple[int, int]) -> Floats:
    """Interpolate the normal to the pixels, doubled so that half a turn is no jump.

    Returns cosine and sine of the doubled angle, shape (2, rows, columns).
    """
    doubled = 2 * field.normal
    return np.stack([spread_to_pixels(part, shape) for part in (np.cos(doubled), np.sin(doubled))])
