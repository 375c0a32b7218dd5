"""How good a finger sample is, in a number and in words a clerk can act on.

The score predicts how well the sample will compare with other impressions of the finger. Its
weights were fitted on real prints, clean and spoilt (FVC2002, odd fingers).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from matcher.minutiae import Findings
from matcher.ridges import RidgeField, blur, gather_in_cells
from matcher.spectrum import Floats
from matcher.vocabulary import Quality

AREA_FULL_PX = 80_000
"""Finger area at 500 dpi that leaves nothing to wish for, about 2 cm² of ridges."""

CLARITY_NONE, CLARITY_FULL = 0.2, 0.6
"""Mean share of one wave in the local energy: just ridges at all; a print without flaws."""

FLOW_NONE, FLOW_FULL = 0.75, 0.93
"""Mean agreement of neighbouring directions: noise that was made to agree; a flawless flow."""

CONTRAST_NONE_GREY, CONTRAST_FULL_GREY = 3.0, 50.0
"""Standard deviation of grey between ridges and valleys: invisible to the eye; black on white."""

SKEW_DRY, SKEW_DRYISH, SKEW_WETTISH, SKEW_WET = -1.9, -0.9, -0.1, 1.0
"""Skewness of the grey around its local mean: dry prints are sparse dark dots (negative), wet
prints have sparse light gaps (positive). Ruin on either side, and where it begins."""

MINUTIAE_FULL = 50.0
"""Expected minutiae that will be found again, beyond which more of them add little."""

MINUTIAE_LEAST = 4
"""With fewer minutiae nothing can be compared, so the sample is unusable."""

WEIGHTS = MappingProxyType(
    {"area": 1.9, "ridge_flow": 3.5, "contrast": 0.4, "moisture": 1.2, "minutiae": 8.5}
)
"""Fitted weights of the components (as shares of one); clarity adds nothing beyond the flow."""

WORST, BEST = 8.1, 14.6
"""Weighted sums that score 0 and 100: the 1st and the 97th percentile of the prints fitted on."""

GOOD_SCORE = 60
"""From here on nothing more is asked of the person, unless one component is poor."""

POOR_SHARE = 0.3
"""A component below this deserves a hint even if the others make up for it."""

NOTHING = "no ridges found: lay the finger flat on the clean glass and hold it still"
TOO_LARGE = "the picture covers far more than one finger: check its resolution"
DRY = "too dry: moisten the finger and press a little harder"
WET = "too wet: wipe finger and glass dry and press less"
UNCLEAR = "ridges are smudged or broken: clean finger and glass and hold still"
HINTS = MappingProxyType(
    {
        "area": "too little of the finger on the glass: lay it flat and in the middle",
        "contrast": "too faint: press a little harder",
        "clarity": UNCLEAR,
        "ridge_flow": UNCLEAR,
        "moisture": UNCLEAR,
        "minutiae": "too few details: roll or lay the finger so that its whole tip is seen",
    }
)
"""What the weakest component asks for, where moisture does not explain it."""


@dataclass(frozen=True, slots=True, eq=False)
class Finger:
    """What is known of a finger when its quality is judged.

    image: grey, contrast: local contrast in grey levels, mask: the finger's area; all of the same
    shape (rows, columns) at 500 dpi.
    """

    image: NDArray[np.uint8]
    contrast: Floats
    mask: NDArray[np.bool_]
    field: RidgeField
    findings: Findings


def assess_finger(finger: Finger) -> Quality:
    """Score one finger 0-100 with its components and a hint; 0 means it cannot be compared."""
    if not finger.mask.any():
        return unusable(NOTHING)
    skew = skewness(finger)
    parts = components(finger, skew)
    weakest = min(parts, key=lambda name: parts[name])
    hint = advise(weakest, skew)
    score = weigh(parts) if len(finger.findings) >= MINUTIAE_LEAST else 0
    rounded = MappingProxyType({name: round(100 * value, 1) for name, value in parts.items()})
    content = score >= GOOD_SCORE and parts[weakest] >= POOR_SHARE
    return Quality(score, rounded, "" if content else hint)


def unusable(reason: str) -> Quality:
    """The quality of a picture in which no finger is seen."""
    return Quality(0, MappingProxyType(dict.fromkeys(HINTS, 0.0)), reason)


def components(finger: Finger, skew: float) -> dict[str, float]:
    """Each component as a share of one."""
    inside = gather_in_cells(finger.mask.astype(np.float32), finger.field.purity) > 0.5
    inside |= not inside.any()
    grey = max(float(finger.contrast[finger.mask].mean()), 1e-3)
    expected = float(finger.findings.quality.sum())
    return {
        "area": share(float(finger.mask.sum()), 0.0, AREA_FULL_PX),
        "clarity": share(float(finger.field.purity[inside].mean()), CLARITY_NONE, CLARITY_FULL),
        "ridge_flow": share(float(finger.field.coherence[inside].mean()), FLOW_NONE, FLOW_FULL),
        "contrast": share(np.log(grey), np.log(CONTRAST_NONE_GREY), np.log(CONTRAST_FULL_GREY)),
        "moisture": share(-skew, -SKEW_WET, -SKEW_WETTISH) * share(skew, SKEW_DRY, SKEW_DRYISH),
        "minutiae": share(np.log1p(expected), 0.0, np.log1p(MINUTIAE_FULL)),
    }


def advise(weakest: str, skew: float) -> str:
    """Say what to do about the weakest component; unclear ridges are mostly dry or wet ones."""
    if HINTS[weakest] is not UNCLEAR or SKEW_DRYISH <= skew <= SKEW_WETTISH:
        return HINTS[weakest]
    return DRY if skew < SKEW_DRYISH else WET


def share(value: float, none: float, full: float) -> float:
    """Where a value lies between nothing and all, 0-1.

    >>> share(3, 2, 4), share(9, 2, 4)
    (0.5, 1.0)
    """
    return float(min(1.0, max(0.0, (value - none) / (full - none))))


def skewness(finger: Finger) -> float:
    """Skewness of the grey inside the finger, around its local mean."""
    grey = finger.image.astype(np.float32)
    around = (grey - blur(grey, 6.0))[finger.mask].astype(np.float64)
    around -= around.mean()
    spread = float(around.std())
    return float((around**3).mean()) / spread**3 if spread > 0 else 0.0


def weigh(parts: dict[str, float]) -> int:
    """Sum the components up to the score, 1-100."""
    total = sum(weight * parts[name] for name, weight in WEIGHTS.items())
    return max(1, round(100 * share(total, WORST, BEST)))
