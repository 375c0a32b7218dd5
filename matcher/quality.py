"""How good a finger sample is, in words a clerk can act on."""

from __future__ import annotations

from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.minutiae import Findings
from matcher.ridges import RidgeField
from matcher.spectrum import Floats
from matcher.vocabulary import Quality

AREA_FULL_PX = 60_000
"""Finger area at 500 dpi that leaves nothing to wish for (about 13 x 12 mm of ridges)."""

MINUTIAE_FULL = 35
"""Good minutiae beyond which more do not help the comparison."""

MINUTIAE_LEAST = 4
"""With fewer minutiae nothing can be compared."""


def assess_finger(
    grey: NDArray[np.uint8],
    field: RidgeField,
    mask: NDArray[np.bool_],
    *,
    contrast: Floats,
    findings: Findings,
) -> Quality:
    """Score one finger 0-100 with its components and a hint."""
    if len(findings) < MINUTIAE_LEAST:
        return Quality(0, MappingProxyType({}), "no usable ridges: place the finger flat and still")
    small = cv2.resize(
        mask.astype(np.float32), field.purity.shape[::-1], interpolation=cv2.INTER_AREA
    )
    inside = small > 0.5
    parts = {
        "area": min(1.0, float(mask.sum()) / AREA_FULL_PX),
        "clarity": float(field.purity[inside].mean()),
        "ridge_flow": float(field.coherence[inside].mean()),
        "contrast": min(1.0, float(contrast[mask].mean()) / 40),
        "moisture": 1.0,
        "minutiae": min(1.0, float((findings.quality > 0.5).sum()) / MINUTIAE_FULL),
    }
    score = round(
        100 * float(np.prod([parts["area"], parts["clarity"], parts["minutiae"]])) ** (1 / 3)
    )
    components = {name: round(100 * value, 1) for name, value in parts.items()}
    return Quality(score, MappingProxyType(components))
