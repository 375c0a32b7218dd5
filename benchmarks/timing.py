"""Repeating something until a median means something."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

LEAST_LAPS = 3
"""Repetitions of one kind, however long they last, so that a median means something."""


@dataclass(slots=True)
class Laps:
    """Durations in seconds, and how many of them said that they found what they looked for."""

    seconds: list[float] = field(default_factory=list)
    found: int = 0

    @property
    def p50_ms(self) -> float:
        """Median in milliseconds."""
        return 1000 * float(np.percentile(self.seconds, 50))

    @property
    def p99_ms(self) -> float:
        """99th percentile in milliseconds; of few laps, near their maximum."""
        return 1000 * float(np.percentile(self.seconds, 99))

    @property
    def found_percent(self) -> float:
        """Share of laps that found what they looked for."""
        return 100 * self.found / len(self.seconds)


def repeat(act: Callable[[int], object], seconds: float) -> Laps:
    """Do something with the numbers from 0 on until the time is over, once before it counts.

    act: what it returns counts as found where it is True.
    """
    act(0)
    laps, end = Laps(), time.perf_counter() + seconds
    while time.perf_counter() < end or len(laps.seconds) < LEAST_LAPS:
        start = time.perf_counter()
        found = act(len(laps.seconds))
        laps.seconds.append(time.perf_counter() - start)
        laps.found += found is True
    return laps
