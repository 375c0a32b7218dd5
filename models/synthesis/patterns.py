"""Which pattern each finger of a person bears: classes and their statistics per position.

Ten fingers of one person resemble one another. The class of every finger is drawn through a
Gaussian copula: a normal number with a part common to the person, a part common to the same
finger of both hands and a part of its own is turned into a quantile of the class table of
that finger, so each position keeps its own statistics while the fingers stay correlated.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from math import erf, sqrt
from types import MappingProxyType

import numpy as np

from matcher.vocabulary import TEN_FINGERS, FingerPosition


class PatternClass(IntEnum):
    """Pattern as it appears in the print, ordered by pattern intensity (number of deltas)."""

    ARCH = 0
    TENTED_ARCH = 1
    LEFT_LOOP = 2
    RIGHT_LOOP = 3
    DOUBLE_LOOP = 4
    WHORL = 5


PERSON_SHARE = 0.40
"""Share of the variance of the class that is common to the ten fingers of a person."""

PAIR_SHARE = 0.25
"""Share of the variance that is common to the same finger of both hands."""

_INTENSITY_PERCENT: Mapping[str, tuple[float, float, float, float, float, float]] = (
    MappingProxyType(
        {
            # arch, tented arch, radial loop, ulnar loop, double loop, whorl
            "THUMB": (2.5, 0.5, 0.5, 57.5, 9.0, 30.0),
            "INDEX": (8.0, 6.0, 19.0, 34.0, 5.0, 28.0),
            "MIDDLE": (6.0, 3.5, 2.5, 70.0, 3.0, 15.0),
            "RING": (2.0, 1.0, 1.0, 57.0, 4.0, 35.0),
            "LITTLE": (1.5, 0.5, 0.5, 84.5, 2.0, 11.0),
        }
    )
)
"""Percentages per finger, rounded to halves from the consensus of dermatoglyphic surveys: loops
about 65 % of all fingers, whorls (with double loops) 30 %, arches 5 %; radial loops at home on
the index finger, whorls on thumb and ring finger."""


def _is_right(position: FingerPosition) -> bool:
    return position <= FingerPosition.RIGHT_LITTLE


def _finger_name(position: FingerPosition) -> str:
    return position.name.partition("_")[2]


def class_probabilities(position: FingerPosition) -> Mapping[PatternClass, float]:
    """Probability of each class at a position; they sum to 1.

    Ulnar loops open towards the little finger: right loops on the right hand.

    >>> round(class_probabilities(FingerPosition.RIGHT_LITTLE)[PatternClass.RIGHT_LOOP], 3)
    0.845
    >>> round(class_probabilities(FingerPosition.LEFT_LITTLE)[PatternClass.RIGHT_LOOP], 3)
    0.005
    """
    return MappingProxyType(dict(_by_intensity(position)))


def _by_intensity(position: FingerPosition) -> tuple[tuple[PatternClass, float], ...]:
    """Class and probability in the order of pattern intensity (radial before ulnar loops)."""
    loops = (PatternClass.LEFT_LOOP, PatternClass.RIGHT_LOOP)
    radial, ulnar = loops if _is_right(position) else loops[::-1]
    order = (
        PatternClass.ARCH,
        PatternClass.TENTED_ARCH,
        radial,
        ulnar,
        PatternClass.DOUBLE_LOOP,
        PatternClass.WHORL,
    )
    percent = _INTENSITY_PERCENT[_finger_name(position)]
    return tuple((kind, share / 100.0) for kind, share in zip(order, percent, strict=True))


def class_at(position: FingerPosition, quantile: float) -> PatternClass:
    """The class in which a quantile (0 to 1) of the intensity order falls."""
    passed = 0.0
    ordered = _by_intensity(position)
    for kind, probability in ordered:
        passed += probability
        if quantile < passed:
            return kind
    return ordered[-1][0]


def draw_classes(rng: np.random.Generator) -> Mapping[FingerPosition, PatternClass]:
    """Draw the classes of the ten fingers of one person."""
    person = rng.standard_normal()
    pairs = rng.standard_normal(5)
    own = rng.standard_normal(10)
    own_share = 1.0 - PERSON_SHARE - PAIR_SHARE
    classes = {}
    for position in TEN_FINGERS:
        index = position - 1
        normal = (
            sqrt(PERSON_SHARE) * person
            + sqrt(PAIR_SHARE) * pairs[index % 5]
            + sqrt(own_share) * own[index]
        )
        classes[position] = class_at(position, 0.5 * (1.0 + erf(normal / sqrt(2.0))))
    return MappingProxyType(classes)
