"""Enrolling sets of prints and comparing every two of them: the raw material of all measures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.prints import Print
from benchmarks.rates import Scores
from matcher.extraction import extract_finger
from matcher.pairing import compare_many, describe, pack
from matcher.vocabulary import FingerTemplate


@dataclass(frozen=True, slots=True, eq=False)
class Enrolled:
    """Templates of prints, and where each came from; all arrays of shape (n,).

    finger: a number of its own for every finger of every set. is_odd: whether its number in its
    set is odd. seconds: processor time of extraction.
    """

    templates: tuple[FingerTemplate, ...]
    set_name: NDArray[np.str_]
    finger: NDArray[np.int64]
    is_odd: NDArray[np.bool_]
    impression: NDArray[np.int64]
    seconds: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Every two prints, compared once. first, second: indices into the enrolled prints."""

    enrolled: Enrolled
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    score: NDArray[np.float64]
    seconds: float

    @property
    def mated(self) -> NDArray[np.bool_]:
        """Which pairs show the same finger."""
        result: NDArray[np.bool_] = self.fingers[:, 0] == self.fingers[:, 1]
        return result

    @property
    def fingers(self) -> NDArray[np.int64]:
        """Finger numbers of both sides, shape (n, 2)."""
        finger = self.enrolled.finger
        return np.stack((finger[self.first], finger[self.second]), axis=1)

    def where(self, has: Callable[[NDArray[np.int64]], NDArray[np.bool_]]) -> NDArray[np.bool_]:
        """Pairs both of whose prints have a property, given indices of prints."""
        return has(self.first) & has(self.second)

    def take(self, chosen: NDArray[np.bool_]) -> Scores:
        """The scores of some of the pairs."""
        count = int(chosen.sum())
        return Scores(self.score[chosen], self.mated[chosen], np.ones(count))


def enrol(prints: Iterable[Print]) -> Enrolled:
    """Extract every print on one core."""
    cv2.setNumThreads(1)
    sources: list[tuple[str, int, int]] = []
    templates: list[FingerTemplate] = []
    seconds: list[float] = []
    for one in prints:
        if not sources:
            extract_finger(one.sample)
        began = time.process_time()
        template, _quality = extract_finger(one.sample)
        seconds.append(time.process_time() - began)
        templates.append(template)
        sources.append((one.set_name, one.finger, one.impression))
    numbers = {key: n for n, key in enumerate(sorted({source[:2] for source in sources}))}
    return Enrolled(
        tuple(templates),
        np.array([source[0] for source in sources]),
        np.array([numbers[source[:2]] for source in sources], np.int64),
        np.array([source[1] % 2 == 1 for source in sources]),
        np.array([source[2] for source in sources], np.int64),
        np.array(seconds),
    )


def compare_all(enrolled: Enrolled) -> Pairs:
    """Compare every print with every later one on one core."""
    described = [describe(template) for template in enrolled.templates]
    packed, count = pack(described), len(described)
    first, second = np.triu_indices(count, 1)
    compare_many(described[0], packed, np.arange(count))
    began = time.process_time()
    scores = [compare_many(described[k], packed, np.arange(k + 1, count)) for k in range(count - 1)]
    seconds = time.process_time() - began
    return Pairs(
        enrolled,
        first.astype(np.int64),
        second.astype(np.int64),
        np.concatenate(scores).astype(np.float64),
        seconds,
    )


def fnmr_after_rejecting(pairs: Pairs, share: float, threshold: float) -> float:
    """FNMR of the mated pairs that are left when a share of the prints is rejected.

    share: 0 to below 1, of all prints, the worst by their quality score.
    """
    quality = np.array([template.quality for template in pairs.enrolled.templates])
    kept = np.ones(len(quality), bool)
    kept[np.argsort(quality, kind="stable")[: round(share * len(quality))]] = False
    mated = pairs.mated & pairs.where(kept.__getitem__)
    return float(np.mean(pairs.score[mated] < threshold))
