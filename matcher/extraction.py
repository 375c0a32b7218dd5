"""From a finger sample to its template: one page of named steps."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.errors import Malformed
from matcher.minutiae import NO_FINDINGS, Findings, find_minutiae
from matcher.quality import TOO_LARGE, Finger, assess_finger, unusable
from matcher.ridges import RidgeField, enhance, measure, normalise
from matcher.segmentation import segment
from matcher.spectrum import Complexes, Floats, analyse
from matcher.trace import Trace, show
from matcher.vocabulary import (
    MINUTIA,
    SUBPIXELS,
    TEMPLATE_DPI,
    FingerSample,
    FingerTemplate,
    MinutiaKind,
    Quality,
)

MODEL = "eurodac-minutiae-1"
"""Id of this extractor in templates; changes whenever its minutiae would differ."""

DPI_LEAST, DPI_MOST = 250.0, 1000.0
"""Below 250 dpi ridges are under three pixels wide; above 1000 dpi no fingerprint standard goes."""

SIDE_LEAST_PX, SIDE_MOST_PX = 100, 2000
"""A side under 100 pixels shows too few ridges; 2000 is a rolled finger at 1000 dpi, twice over."""


SCALE_SLACK = 1e-3
"""Below this relative difference in resolution a finger's far side moves by under half a pixel."""

MINUTIAE_MOST = 128
"""Minutiae kept of one finger, best first, so that a template stays below two kilobytes."""


FINGER_MOST_PX = 2000
"""A picture of more than 100 mm (at 500 dpi) shows no single finger; its resolution is wrong, and
reading it would take seconds and gigabytes."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What is seen of one print, from which both its minutiae and its vector are read.

    image: uint8 (rows, columns) at 500 dpi. contrast: float32 (rows, columns), grey levels.
    spectra: of `matcher.spectrum`. mask: bool (rows, columns), where the finger is.
    """

    image: NDArray[np.uint8]
    contrast: Floats
    spectra: Complexes
    field: RidgeField
    mask: NDArray[np.bool_]


def extract_finger(
    sample: FingerSample, *, trace: Trace | None = None
) -> tuple[FingerTemplate, Quality]:
    """Turn a finger sample into a template without a vector, and its quality.

    Raises Malformed for images or resolutions outside the limits; an unusable print is no
    error: it gives quality 0, no minutiae and the reason in the hint.
    """
    view = look(sample, trace=trace)
    if view is None:
        return describe(sample, NO_FINDINGS, unusable(TOO_LARGE))
    return describe(sample, *read(view, keep_waves(view, trace=trace)))


def look(sample: FingerSample, *, trace: Trace | None = None) -> View | None:
    """Find the ridges of a sample and where the finger is, step by step.

    None for a picture far larger than a finger. Raises Malformed for images or resolutions
    outside the limits.
    """
    check(sample)
    size = template_size(sample)
    if max(size) > FINGER_MOST_PX:
        return None
    image = resample(sample.image, size)
    show(trace, "image", image)
    flat, contrast = normalise(image)
    show(trace, "normalised", flat)
    spectra = analyse(flat)
    field = measure(spectra)
    show(trace, "normal", field.normal)
    show(trace, "frequency", field.frequency)
    show(trace, "coherence", field.coherence)
    show(trace, "purity", field.purity)
    mask = segment(field, contrast, flat.shape)
    show(trace, "mask", mask)
    return View(image, contrast, spectra, field, mask)


def keep_waves(view: View, *, trace: Trace | None = None) -> Floats:
    """The ridge wave of a print and its companion, three planes (`matcher.ridges.enhance`)."""
    planes = enhance(view.spectra, view.field, view.mask)
    show(trace, "ridges", planes[0])
    return planes


def read(view: View, planes: Floats) -> tuple[Findings, Quality]:
    """Read the minutiae of a print and judge it. planes: of keep_waves()."""
    findings = find_minutiae(planes, view.field, view.mask)
    finger = Finger(view.image, view.contrast, view.mask, view.field, findings)
    return findings, assess_finger(finger)


def describe(
    sample: FingerSample, findings: Findings, quality: Quality
) -> tuple[FingerTemplate, Quality]:
    """The template of what was found; without minutiae where the print is unusable."""
    height, width = template_size(sample)
    template = FingerTemplate(
        minutiae=pack(best(findings, MINUTIAE_MOST if quality.score else 0)),
        width=width,
        height=height,
        quality=quality.score,
        model=MODEL,
        position=sample.position,
        impression=sample.impression,
    )
    return template, quality


def check(sample: FingerSample) -> None:
    """Refuse what is not one grey picture inside the limits."""
    image = sample.image
    if image.ndim != 2 or image.dtype != np.uint8:
        raise Malformed("a finger image is one plane of 8-bit grey values")
    if not all(SIDE_LEAST_PX <= side <= SIDE_MOST_PX for side in image.shape):
        raise Malformed(f"a finger image has sides of {SIDE_LEAST_PX} to {SIDE_MOST_PX} pixels")
    if not DPI_LEAST <= sample.dpi <= DPI_MOST:
        raise Malformed(f"a finger image has {DPI_LEAST:.0f} to {DPI_MOST:.0f} dpi")


def template_size(sample: FingerSample) -> tuple[int, int]:
    """Height and width of a sample at the resolution of templates."""
    scale = TEMPLATE_DPI / sample.dpi
    if abs(scale - 1) < SCALE_SLACK:
        scale = 1.0
    height, width = (max(1, round(side * scale)) for side in sample.image.shape)
    return height, width


def resample(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Bring an image to the given height and width."""
    if image.shape == size:
        return image
    method = cv2.INTER_AREA if size[0] < image.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size[::-1], interpolation=method), np.uint8)


def best(findings: Findings, most: int) -> Findings:
    """Keep the best minutiae, in falling order of quality."""
    return findings.select(np.argsort(-findings.quality, kind="stable")[:most])


def pack(findings: Findings) -> NDArray[np.void]:
    """Write findings as template minutiae."""
    minutiae = np.zeros(len(findings), MINUTIA)
    minutiae["x"] = np.rint(findings.x * SUBPIXELS)
    minutiae["y"] = np.rint(findings.y * SUBPIXELS)
    turns = findings.direction.astype(np.float64) / (2 * np.pi)
    minutiae["angle"] = np.rint(turns * 65536).astype(np.int64) % 65536
    minutiae["kind"] = np.where(findings.bifurcation, MinutiaKind.BIFURCATION, MinutiaKind.ENDING)
    minutiae["quality"] = np.rint(100 * findings.quality)
    return minutiae
