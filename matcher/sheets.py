"""A plan as the steps of a search carry it: plain arrays and numbers, pickled once for all shards.

    sheets = Sheets(make_queries(lineup, partitions))
    sheets.ask(readings), sheets.compare(readings)        bytes for Part.nominate(), Part.judge()
    read_sheet(...)                                       the plan again, in the replica

Pickling a plan as it is costs a millisecond in driver and shards together: it is dozens of small
objects, most of them templates of which a comparison takes no more than the position.
"""

from __future__ import annotations

import pickle
from dataclasses import replace
from functools import cache

import numpy as np

from matcher.cascade import NO_PRINTS, Plan, Reading, add_prints, describe_prints
from matcher.lineup import Lineup
from matcher.pairing import Described, PackedDescribed
from matcher.probes import Query
from matcher.shortlist import ShortlistProbe
from matcher.vocabulary import MINUTIA, FingerPosition, FingerTemplate


class Sheets:
    """What the steps of one search send. The prints are described once, when they are wanted."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._prints: dict[int, Described] | None = None
        self._compare: dict[int, bytes] = {}

    def ask(self, readings: int) -> bytes:
        """What nominating takes. readings: how many of the plan's take part, here and below."""
        face_only = Lineup((), (), (), self._plan.lineup.face)
        bare = [replace(one, lineup=face_only) for one in self._plan.readings[:readings]]
        return write_sheet(replace(self._plan, readings=tuple(bare)))

    def compare(self, readings: int) -> bytes:
        """What judging takes; written once, and best while the shards are busy with nominating."""
        if readings not in self._compare:
            if self._prints is None:
                self._prints = describe_prints(self._plan.lineup)
            some = replace(self._plan, readings=self._plan.readings[:readings])
            self._compare[readings] = write_sheet(add_prints(some, self._prints))
        return self._compare[readings]


def write_sheet(plan: Plan) -> bytes:
    """A plan without what its fingers' templates hold beside their positions."""
    readings = [_flatten(reading) for reading in plan.readings]
    face = plan.lineup.face
    return pickle.dumps((plan.partitions, plan.exact, plan.broad, face, readings), 5)


def read_sheet(sheet: bytes) -> Plan:
    """The plan of a sheet, which must come from one who may be trusted: it is unpickled."""
    partitions, exact, broad, face, readings = pickle.loads(sheet)  # noqa: S301
    rebuilt = []
    for (known, unknown, open_positions), prints, queries, rest in readings:
        lineup = Lineup(
            tuple(_stand_in(position) for position in known),
            unknown * (_stand_in(FingerPosition.UNKNOWN),),
            tuple(map(FingerPosition, open_positions)),
            face,
        )
        probe = NO_PRINTS
        if prints is not None:
            packed, meetings = prints
            probe = ShortlistProbe(PackedDescribed(*packed), meetings)
        named, loose = (
            tuple(Query(vectors, weights, partitions) for vectors, weights in some)
            for some in queries
        )
        rebuilt.append(Reading(lineup, probe, named, loose, *rest))
    return Plan(tuple(rebuilt), partitions, exact, broad)


def _flatten(reading: Reading) -> tuple[object, ...]:
    lineup, packed = reading.lineup, reading.prints.fingers
    places = (
        [int(finger.position) for finger in lineup.known],
        len(lineup.unknown),
        [int(position) for position in lineup.open_positions],
    )
    arrays = packed.places, packed.words, packed.outlines, packed.starts, packed.counts
    both = reading.named, reading.loose
    queries = [[(query.vectors, query.weights) for query in some] for some in both]
    # Six empty arrays would take longer than all else that nominating is told.
    prints = None if reading.prints is NO_PRINTS else (arrays, reading.prints.meetings)
    return places, prints, queries, (reading.length, reading.cost, reading.swapped)


@cache
def _stand_in(position: int) -> FingerTemplate:
    """A finger of which only the position counts."""
    nothing = np.empty(0, MINUTIA)
    return FingerTemplate(nothing, 1, 1, 0, "", position=FingerPosition(position))
