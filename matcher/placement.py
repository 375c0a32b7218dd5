"""Whether the fingers of one capture are where they claim to be.

No two fingers of a person are alike. Two samples of different positions that agree as one finger
does are therefore one finger under two names: a swap where one was rolled and the other is flat,
a double where both were taken alike. A swap can only be seen where a second impression of the
same fingers is there to compare with, as on a ten-print card.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from matcher.calibration import finger_score
from matcher.lineup import is_comparable
from matcher.pairing import compare, describe
from matcher.vocabulary import FingerPosition, FingerTemplate

SAME_FINGER_SCORE = 60.0
"""Score from which two samples count as one finger. A card of twenty makes 190 comparisons, so
that about one honest card in 5,000 would be stopped; a swap of good prints scores higher."""


@dataclass(frozen=True, slots=True)
class Misplacement:
    """One finger under two positions. swapped: the impressions differ; else it is there twice."""

    one: FingerPosition
    other: FingerPosition
    swapped: bool


def find_misplaced(fingers: Sequence[FingerTemplate]) -> tuple[Misplacement, ...]:
    """Every pair of different positions whose samples are one finger, in order of position.

    Templates of unknown position and those without substance say nothing.
    """
    usable = [
        (finger, describe(finger))
        for finger in fingers
        if finger.position is not FingerPosition.UNKNOWN and is_comparable(finger)
    ]
    found = set()
    for (left, ours), (right, theirs) in combinations(usable, 2):
        if left.position == right.position:
            continue
        if finger_score(compare(ours, theirs)) >= SAME_FINGER_SCORE:
            one, other = sorted((left.position, right.position))
            found.add(Misplacement(one, other, left.impression is not right.impression))
    return tuple(sorted(found, key=lambda pair: (pair.one, pair.other, pair.swapped)))
