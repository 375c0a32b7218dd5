"""A window into every stage of extraction: named pictures, kept only when somebody looks.

A stage calls `show(trace, name, image)`; without a trace this returns at once, so the
looked-at path and the fast path are the same code.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Stage = NDArray[np.generic]
"""The picture of one stage: any numeric array, rows x columns (x channels)."""

Trace = Callable[[str, Stage], None]
"""Receives the name and the picture of every stage in the order in which they arise."""


def show(trace: Trace | None, name: str, stage: Stage) -> None:
    """Hand one stage to whoever looks, as a copy, so that later stages cannot repaint it."""
    if trace is not None:
        trace(name, stage.copy())


class Collector:
    """A trace that keeps every stage by name, for pictures and for tests.

    >>> kept = Collector()
    >>> show(kept, "blank", np.zeros((2, 3)))
    >>> list(kept.stages), kept.stages["blank"].shape
    (['blank'], (2, 3))
    """

    __slots__ = ("stages",)

    def __init__(self) -> None:
        self.stages: dict[str, Stage] = {}

    def __call__(self, name: str, stage: Stage) -> None:
        """Keep a stage; a repeated name replaces the earlier picture."""
        self.stages[name] = stage

    def pictures(self) -> dict[str, NDArray[np.uint8]]:
        """Every stage stretched to 0-255, ready to be written as an image file."""
        return {name: stretch(stage) for name, stage in self.stages.items()}


def stretch(stage: Stage) -> NDArray[np.uint8]:
    """Make any numeric stage visible: its smallest value black, its largest white.

    >>> stretch(np.array([[0.0, 0.5, 1.0]])).tolist()
    [[0, 128, 255]]
    """
    values = np.nan_to_num(stage.astype(np.float64))
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    if high <= low:
        return np.zeros(values.shape, np.uint8)
    return np.rint((values - low) * (255 / (high - low))).astype(np.uint8)
