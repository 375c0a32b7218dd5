"""From a finger sample to its template: one page of named steps."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.errors import Malformed
from matcher.minutiae import NO_FINDINGS, Findings, find_minutiae
from matcher.quality import TOO_LARGE, Finger, assess_finger, unusable
from matcher.ridges import enhance, measure, normalise
from matcher.segmentation import segment
from matcher.spectrum import analyse
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


def extract_finger(
    sample: FingerSample, *, trace: Trace | None = None
) -> tuple[FingerTemplate, Quality]:
    """Turn a finger sample into a template and its quality.

    Raises Malformed for images or resolutions outside the limits; an unusable print is no
    error: it gives quality 0, no minutiae and the reason in the hint.
    """
    check(sample)
    height, width = template_size(sample)
    if max(height, width) > FINGER_MOST_PX:
        findings, quality = NO_FINDINGS, unusable(TOO_LARGE)
    else:
        findings, quality = read(resample(sample.image, (height, width)), trace)
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


def read(image: NDArray[np.uint8], trace: Trace | None) -> tuple[Findings, Quality]:
    """Read the minutiae of a finger at 500 dpi, step by step."""
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
    planes = enhance(spectra, field, mask)
    show(trace, "ridges", planes[0])
    findings = find_minutiae(planes, field, mask)
    return findings, assess_finger(Finger(image, contrast, mask, field, findings))


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
