"""State of skin, glass and operator during a capture, and the states that the demo needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Condition:
    """State of skin, glass and operator; every level runs from 0 (none) to 1 (as bad as it gets).

    dry breaks ridges, wet fills valleys, faint takes contrast, creased adds white lines, partial
    takes contact away (at 1 about a fifth of the pad is left), noise and scratches are the
    sensor's, ghost is the trace of an earlier finger on the glass, moved shifts and turns the
    finger, stretched distorts its skin.
    """

    dry: float = 0.0
    wet: float = 0.0
    faint: float = 0.0
    creased: float = 0.0
    partial: float = 0.0
    noise: float = 0.0
    scratches: float = 0.0
    ghost: float = 0.0
    moved: float = 0.2
    stretched: float = 0.2

    def __post_init__(self) -> None:
        """Refuse levels outside 0 to 1."""
        levels = {name: getattr(self, name) for name in self.__slots__}
        outside = [name for name, level in levels.items() if not 0.0 <= level <= 1.0]
        if outside:
            raise ValueError(f"levels must lie between 0 and 1: {', '.join(outside)}")


GOOD = Condition(dry=0.05, wet=0.05, noise=0.03)
"""A clean capture by a trained operator."""

TOO_DRY = Condition(dry=1.0, faint=0.75, noise=0.35)
"""Dry skin: ridges fall into dots; the station should refuse it and ask for moisture."""

TOO_WET = Condition(wet=1.0, noise=0.15)
"""Wet skin: ridges run together; the station should refuse it and ask to wipe the finger."""

PARTIAL = Condition(partial=1.0, moved=0.5)
"""Only the tip or an edge of the finger touched; the station should refuse it."""


def draw_condition(rng: np.random.Generator) -> Condition:
    """Draw any condition, as training wants it: half of the contacts partial, all faults mixed.

    Most faults are mild and a few severe; dry and wet exclude each other.
    """
    mild = rng.beta(1.0, 4.0, 8)
    moisture = rng.normal(0.0, 0.4)
    return Condition(
        dry=float(np.clip(moisture, 0.0, 0.9)),
        wet=float(np.clip(-moisture, 0.0, 0.9)),
        faint=float(mild[0]),
        creased=float(mild[1]),
        partial=float(rng.uniform(0.3, 0.85)) if rng.random() < 0.5 else float(0.3 * mild[2]),
        noise=float(mild[3]),
        scratches=float(mild[4]),
        ghost=float(mild[5]) if rng.random() < 0.35 else 0.0,
        moved=float(min(1.0, 0.2 + 1.5 * mild[6])),
        stretched=float(min(1.0, 0.2 + 1.5 * mild[7])),
    )
