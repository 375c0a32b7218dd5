"""From a probe to short lists: what the vectors are asked, and how many persons are looked at.

    plan = make_plan(line_up(probe), partitions)

Vectors only choose whose minutiae are compared; how long the lists must be, so that the mate is
on them, depends on how many fingers the probe has and how reliable their vectors are. A probe is
read as it is named and with its hands taken for each other, a clerk's commonest mistake; every
finger of unknown position is looked for at every position that is open, and a finger that is alone
at every pose that it may have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from matcher.codes import DIMENSIONS
from matcher.lineup import Lineup, line_up
from matcher.pairing import Described, describe
from matcher.probes import MAX_WEIGHT, Query
from matcher.shortlist import ShortlistProbe, prepare_probe
from matcher.vocabulary import (
    NO_OTHER_POSES,
    TEN_FINGERS,
    FingerPosition,
    FingerTemplate,
    Reference,
)

COARSE_FINGERS = 8
"""Fingers with which the coarse plane alone makes a list that a mate is on; with fewer, the fine
planes of those fingers are read at once, which is little more memory than the coarse plane."""

LIST_LENGTHS = ((8, 20), (4, 60), (2, 300), (1, 1000))
"""Persons whose minutiae are compared, by the number of fingers that a probe has at least."""

WEAK_RELIABILITY = 50
"""Mean reliability of a probe's vectors below which its list is twice as long."""

SWAPPED_SHARE = 4
"""The list of the reading with swapped hands is so many times shorter than the other."""

SWAPPED_COST = 10.0
"""Taken from the score of a comparison with swapped hands: the second way to be called alike then
adds a tenth to the false match rate, and a mate who needs it scores far above that."""


NO_PRINTS = prepare_probe((), ())
"""Of a reading whose fingers are not described."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One way to read a probe.

    prints: the fingers described, and whom they meet. named: the query for all fingers with a
    position, if there is any, and those for the other poses of one that is alone. loose: the same
    for each finger of unknown position at each open one. length: persons on the list of all of a
    kind together. cost: taken from fused scores. swapped: whether the hands are taken for each
    other.
    """

    lineup: Lineup
    prints: ShortlistProbe
    named: tuple[Query, ...]
    loose: tuple[Query, ...]
    length: int
    cost: float = 0.0
    swapped: bool = False

    @property
    def queries(self) -> tuple[Query, ...]:
        """All that the planes are asked."""
        return self.named + self.loose

    @property
    def groups(self) -> tuple[slice, slice]:
        """Which of the queries share a list."""
        return slice(len(self.named)), slice(len(self.named), None)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """How a probe is searched. readings: as it is named, then others. partitions: where.

    exact: whether a finger without a vector takes part, so that everyone must be compared.
    broad: whether the coarse plane can make the list of the first reading.
    """

    readings: tuple[Reading, ...]
    partitions: frozenset[int] | None
    exact: bool
    broad: bool

    @property
    def lineup(self) -> Lineup:
        """The probe as it is named."""
        return self.readings[0].lineup


def make_plan(lineup: Lineup, partitions: frozenset[int] | None) -> Plan:
    """Turn a probe into readings and queries, ready to be compared."""
    plan = make_queries(lineup, partitions)
    return add_prints(plan, describe_prints(lineup))


def make_queries(lineup: Lineup, partitions: frozenset[int] | None) -> Plan:
    """Turn a probe into readings and queries, whose prints are not described yet: that takes three
    times as long as all else, and whoever reads the planes needs none."""
    length = find_length(lineup.fingers)
    given = read(lineup, partitions, length)
    exact = not all(finger.vector.size for finger in lineup.fingers)
    readings = [given]
    if given.named and not exact:
        crossed = read(swap_hands(lineup), partitions, max(1, length // SWAPPED_SHARE))
        readings.append(replace(crossed, loose=(), cost=SWAPPED_COST, swapped=True))
    broad = not exact and not lineup.unknown and len(lineup.known) >= COARSE_FINGERS
    return Plan(tuple(readings), partitions, exact, broad)


def describe_prints(lineup: Lineup) -> dict[int, Described]:
    """The fingers of a probe described, by the identity of their minutiae: what one looks like does
    not depend on where it is looked for."""
    return {id(finger.minutiae): describe(finger) for finger in lineup.fingers}


def add_prints(plan: Plan, prints: Mapping[int, Described]) -> Plan:
    """The same plan ready to be compared. prints: see describe_prints()."""

    def complete(reading: Reading) -> Reading:
        described = [prints[id(finger.minutiae)] for finger in reading.lineup.fingers]
        return replace(reading, prints=prepare_probe(described, reading.lineup.meetings))

    return replace(plan, readings=tuple(complete(reading) for reading in plan.readings))


def read(lineup: Lineup, partitions: frozenset[int] | None, length: int) -> Reading:
    """A reading of a probe whose fingers stand where the lineup says, not described yet."""
    named = [(one.position, one) for one in lineup.known if one.vector.size]
    strangers = [one for one in lineup.unknown if one.vector.size]
    return Reading(
        lineup=lineup,
        prints=NO_PRINTS,
        named=tuple(ask(named, partitions)),
        loose=tuple(
            query
            for finger, position in product(strangers, lineup.open_positions)
            for query in ask([(position, finger)], partitions)
        ),
        length=length,
    )


def ask(
    fingers: Sequence[tuple[FingerPosition, FingerTemplate]], partitions: frozenset[int] | None
) -> Iterator[Query]:
    """The query for some fingers together, and those for the other poses of one that is alone."""
    if fingers:
        yield make_query(fingers, partitions)
    if len(fingers) == 1:
        ((position, finger),) = fingers
        for vector in finger.other_poses:
            yield make_query([(position, replace(finger, vector=vector))], partitions)


def make_query(
    fingers: Iterable[tuple[FingerPosition, FingerTemplate]], partitions: frozenset[int] | None
) -> Query:
    """A query for the planes, from fingers and the positions at which they are looked for."""
    vectors = np.zeros((len(TEN_FINGERS), DIMENSIONS), np.int8)
    weights = np.zeros(len(TEN_FINGERS), np.int64)
    for position, finger in fingers:
        vectors[position - 1] = finger.vector
        weights[position - 1] = max(1, round(MAX_WEIGHT * finger.reliability / 100))
    return Query(vectors, weights, partitions)


def find_length(fingers: Sequence[FingerTemplate]) -> int:
    """Persons on a list, from the number and the reliability of a probe's fingers."""
    if not fingers:
        return 0
    length = next(length for least, length in LIST_LENGTHS if len(fingers) >= least)
    weak = sum(finger.reliability for finger in fingers) < WEAK_RELIABILITY * len(fingers)
    return 2 * length if weak else length


def swap_hands(lineup: Lineup) -> Lineup:
    """The same probe with its right hand taken for the left and the other way round.

    At one pose each: a pose that is missed in the wrong hand would be two mistakes at once.
    """
    fingers = [
        replace(one, position=other_hand(one.position), other_poses=NO_OTHER_POSES)
        for one in lineup.fingers
    ]
    return line_up(Reference(tuple(fingers), lineup.face))


def other_hand(position: FingerPosition) -> FingerPosition:
    """The same finger of the other hand; UNKNOWN stays.

    >>> other_hand(FingerPosition.RIGHT_INDEX).name, other_hand(FingerPosition.LEFT_LITTLE).name
    ('LEFT_INDEX', 'RIGHT_LITTLE')
    """
    if position is FingerPosition.UNKNOWN:
        return position
    return FingerPosition((position + 4) % 10 + 1)
