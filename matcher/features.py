"""What the fingerprint vector is made from: one front for real and for synthetic prints alike.

    sample -> 500 dpi -> normalise -> local spectra -> ridge field -> area -> ridge wave -> 250 dpi

The ridge wave is brought to one amplitude everywhere, so that faint and dark ridges look the
same; what is left are directions, periods and minutiae. The flow of the ridges goes along on
the coarse grid of `matcher.spectrum` windows, for finding the pose.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.extraction import View, look
from matcher.ridges import RidgeField, gather_in_cells, keep
from matcher.smoothing import level, smooth
from matcher.spectrum import Complexes, Floats, synthesise
from matcher.trace import Trace, show
from matcher.vocabulary import FingerSample

MAP_STEP_PX = 2
"""Pixels at 500 dpi per pixel of the maps: 250 dpi shows every ridge in two pixels or more."""

AMPLITUDE_SPREAD_PX = 6.0
"""Amplitude is measured over about two ridges; finer, and the ends of ridges would be filled."""

AMPLITUDE_FLOOR = 0.05
"""Waves weaker than this share of a full ridge are left faint: they are noise in the making."""

LOUDEST = 1.5
"""Amplitudes beyond this, at steps between faint and dark, are cut off."""

LEVELS = 80.0
"""Steps of the 8-bit map per unit of amplitude; LOUDEST then fits into a signed byte."""


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """The maps of one print.

    ridges: int8 (rows, columns) at 250 dpi, the ridge wave in steps of 1/LEVELS, 0 outside.
    inside: uint8 (rows, columns), 255 where the finger is. flow: float32 (3, rows, columns) on the
    window grid: cosine and sine of the doubled normal times its coherence, and the finger's share.
    """

    ridges: NDArray[np.int8]
    inside: NDArray[np.uint8]
    flow: Floats

    @property
    def is_empty(self) -> bool:
        """Whether no finger was seen."""
        return cv2.countNonZero(self.inside) == 0


def read_features(sample: FingerSample, *, trace: Trace | None = None) -> Features:
    """Read the maps of a finger sample, step by step.

    Raises Malformed for images or resolutions outside the limits of extraction. A picture far
    larger than a finger, or without one, gives empty maps.
    """
    view = look(sample)
    if view is None:
        return NO_FEATURES
    return derive(view, keep_ridges(view.spectra, view.field, view.mask), trace=trace)


def derive(view: View, wave: Floats, *, trace: Trace | None = None) -> Features:
    """The maps of a print that extraction has looked at. wave: its ridges, 0 outside the finger."""
    ridges = even_out(wave)
    show(trace, "even ridges", ridges)
    flow = describe_flow(view.field, view.mask)
    return Features(shrink_wave(ridges), shrink_mask(view.mask), flow)


def keep_ridges(spectra: Complexes, field: RidgeField, mask: NDArray[np.bool_]) -> Floats:
    """The ridge wave alone, at the finger: the first plane of `matcher.ridges.enhance`."""
    wave = np.zeros(mask.shape, np.float32)
    if not mask.any():
        return wave
    kept, place = keep(spectra, field, mask)
    cv2.copyTo(synthesise(kept, wave[place].shape), mask[place].view(np.uint8), wave[place])
    return wave


def even_out(wave: Floats) -> Floats:
    """Bring a ridge wave to amplitude one wherever there is one."""
    even = wave.copy()
    level(even, smooth(2 * wave * wave, AMPLITUDE_SPREAD_PX), AMPLITUDE_FLOOR, LOUDEST)
    return even


def shrink_wave(ridges: Floats) -> NDArray[np.int8]:
    """The ridge wave at 250 dpi in signed bytes; averaging pairs of pixels, so nothing aliases."""
    small = cv2.resize(ridges, half(ridges.shape), interpolation=cv2.INTER_AREA)
    return np.asarray(np.rint(np.asarray(small) * LEVELS), np.int8)


def shrink_mask(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The finger's area at 250 dpi."""
    area = mask.astype(np.uint8) * np.uint8(255)
    small = cv2.resize(area, half(mask.shape), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def half(shape: tuple[int, ...]) -> tuple[int, int]:
    """Width and height of the maps of an image of this shape."""
    return shape[1] // MAP_STEP_PX, shape[0] // MAP_STEP_PX


def describe_flow(field: RidgeField, mask: NDArray[np.bool_]) -> Floats:
    """Directions of the ridges as doubled angles, weighted by how sure they are."""
    share = gather_in_cells(mask.astype(np.float32), field.normal)
    weight = share * field.coherence
    doubled = 2 * field.normal
    return np.stack([np.cos(doubled) * weight, np.sin(doubled) * weight, share])


NO_FEATURES = Features(
    np.zeros((1, 1), np.int8), np.zeros((1, 1), np.uint8), np.zeros((3, 1, 1), np.float32)
)
"""The maps of a picture that shows no finger."""
