"""Eurodac among the other systems: Regulation (EU) 2019/818, whose articles are meant here.

A first cut, ours; no conformity is claimed. Much of that act was read in excerpts only: rows
marked in their note with "not read" follow general knowledge and wait for a lawyer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from interfaces.eurodac.codes import broken
from interfaces.eurodac.errors import Violation
from interfaces.eurodac.fields import IN_COMMON_REPOSITORY, Field
from interfaces.eurodac.links import Colour
from interfaces.eurodac.periods import utc
from interfaces.eurodac.police import Offence
from interfaces.eurodac.policy import Policy


class System(StrEnum):
    """Information systems between whose records links arise."""

    EURODAC = "EURODAC"
    EES = "EES"
    VIS = "VIS"
    ETIAS = "ETIAS"
    ECRIS_TCN = "ECRIS_TCN"
    SIS = "SIS"


def is_on(policy: Policy, at: datetime) -> bool:
    """Whether this first cut is carried out at all on this day.

    >>> from datetime import UTC
    >>> is_on(Policy(), datetime(2030, 1, 1, tzinfo=UTC))
    False
    """
    start = policy.interoperability_from
    return start is not None and utc(at).date() >= start


def check_switch(policy: Policy, at: datetime) -> tuple[Violation, ...]:
    """What forbids every act of interoperability here and now."""
    return () if is_on(policy, at) else (broken("I01", "interoperability_from", "2019/818"),)


class Keeper(StrEnum):
    """Where a row of the field table lies once Eurodac is interoperable."""

    TEMPLATES = "images in the CIR, templates in the sBMS"
    REPOSITORY = "CIR"
    EURODAC = "Eurodac alone"


@dataclass(frozen=True, slots=True)
class Keeping:
    """One row. point: letter of the lists of data in Regulation (EU) 2024/1358.

    article: what puts it there. detected: what lets the detection compare it; empty: nothing.
    """

    keeper: Keeper
    point: str = ""
    article: str = "2024/1358 3(2)"
    detected: str = ""


_BIOMETRIC = Keeper.TEMPLATES
_STATED = Keeper.REPOSITORY

KEEPING: Mapping[Field, Keeping] = MappingProxyType(
    {
        **{field: Keeping(Keeper.EURODAC) for field in Field if field not in IN_COMMON_REPOSITORY},
        Field.FINGERPRINTS: Keeping(_BIOMETRIC, "(a)", "13(1)(c), 18(1)(a)", "27(2)"),
        Field.FACE: Keeping(_BIOMETRIC, "(b)", "13(1)(c), 18(1)(a)", "27(2)"),
        Field.NAMES: Keeping(_STATED, "(c)", "18(1)(a)", "27(3)(c)"),
        Field.NATIONALITIES: Keeping(_STATED, "(d)", "18(1)(a)", "27(3)(c)"),
        Field.DATE_OF_BIRTH: Keeping(_STATED, "(e)", "18(1)(a)", "27(3)(c)"),
        Field.PLACE_OF_BIRTH: Keeping(_STATED, "(f)", "18(1)(a)", "27(3)(c)"),
        Field.SEX: Keeping(_STATED, "(h)", "18(1)(a)", "27(3)(c)"),
        # Of disembarked persons the document is point (a) of 24(3).
        Field.DOCUMENT: Keeping(_STATED, "(i)", "18(1)(a)", "27(4)"),
    }
)
"""Complete: every row of the field table lies somewhere."""


class Trigger(StrEnum):
    """What starts the detection of multiple identities."""

    RECORDED = "RECORDED"
    CHANGED = "CHANGED"
    ELSEWHERE = "ELSEWHERE"


@dataclass(frozen=True, slots=True)
class TriggerRule:
    """One row. what: for people; in_eurodac: whether the newer record is the one in Eurodac.

    Either way the data set in Eurodac must have its points (a) to (f) and (h).
    """

    article: str
    what: str
    in_eurodac: bool = True


TRIGGERS: Mapping[Trigger, TriggerRule] = MappingProxyType(
    {
        Trigger.RECORDED: TriggerRule("27(1)(c)", "A complete data set was recorded in Eurodac."),
        Trigger.CHANGED: TriggerRule(
            "27(1)(c)", "A data set in Eurodac was completed or corrected; not read."
        ),
        Trigger.ELSEWHERE: TriggerRule(
            "27(1)", "A record was made in another system; not read.", in_eurodac=False
        ),
    }
)
"""Complete: every trigger has its row."""


def may_link(one: System, other: System) -> bool:
    """Whether records of these systems are linked: never inside one system, 27(5).

    >>> may_link(System.EURODAC, System.VIS), may_link(System.EURODAC, System.EURODAC)
    (True, False)
    """
    return one is not other


class Side(StrEnum):
    """Which of two linked records."""

    NEWER = "newer"
    OLDER = "older"


@dataclass(frozen=True, slots=True)
class Responsible:
    """Who verifies a link by hand: the authority of the system and State of one of its records."""

    side: Side
    authority: str
    article: str


_COLLECTING = Responsible(Side.NEWER, "the authority that made the newer record", "29(1)")
_BUREAU = "the SIRENE Bureau of the State that made the alert"


def responsible(newer: System, older: System) -> Responsible:
    """The authority that verifies a yellow link between two systems; the exception: not read.

    >>> responsible(System.EURODAC, System.VIS).side.value
    'newer'
    >>> responsible(System.EURODAC, System.SIS).side.value
    'older'
    """
    if System.SIS in (newer, older):
        side = Side.NEWER if newer is System.SIS else Side.OLDER
        return Responsible(side, _BUREAU, "29(2)")
    return _COLLECTING


def check_responsible(
    system: System, state: str, *, named: tuple[System, str]
) -> tuple[Violation, ...]:
    """What forbids this system's authority of this State to verify. named: who is responsible.

    >>> [one.code for one in check_responsible(System.EURODAC, "DK", named=(System.EURODAC, "IT"))]
    ['I02']
    """
    return () if (system, state) == named else (broken("I02", "authority", "2019/818 29(1)"),)


class Audience(StrEnum):
    """Who may see a link."""

    RESPONSIBLE = "the authority that is to verify it"
    ONE_SYSTEM = "whoever has access to one of the two systems"
    BOTH_SYSTEMS = "whoever has access to both systems"
    OWN_IN_BOTH = "whoever has access to both systems and made one of the records"


@dataclass(frozen=True, slots=True)
class Visibility:
    """One row. whole: all of the confirmation file; otherwise that there is a link, its colour and
    the systems (34(a), (b)). note: how sure the row is."""

    audience: Audience
    article: str
    whole: bool = True
    note: str = ""


VISIBILITY: Mapping[Colour, Visibility] = MappingProxyType(
    {
        Colour.YELLOW: Visibility(Audience.RESPONSIBLE, "26(1)"),
        Colour.RED: Visibility(Audience.ONE_SYSTEM, "26(2)", whole=False),
        Colour.WHITE: Visibility(Audience.BOTH_SYSTEMS, "26(3)", note="not read"),
        # The act speaks of an own search that met both records; an own record is as near as the
        # stand-in comes to that.
        Colour.GREEN: Visibility(Audience.OWN_IN_BOTH, "26(4)", note="not read"),
    }
)
"""Complete: every colour has its row."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks at a link. systems: those that it has access to; made: whether one of the two
    records is its own; verifies: whether it is the responsible authority."""

    systems: frozenset[System]
    made: bool
    verifies: bool


def may_see(colour: Colour, linked: frozenset[System], reader: Reader) -> bool:
    """Whether a link of this colour between these systems is shown to this reader.

    >>> desk = Reader(frozenset({System.EURODAC}), made=True, verifies=False)
    >>> linked = frozenset({System.EURODAC, System.VIS})
    >>> [may_see(colour, linked, desk) for colour in (Colour.RED, Colour.WHITE)]
    [True, False]
    """
    return {
        Audience.RESPONSIBLE: reader.verifies,
        Audience.ONE_SYSTEM: bool(linked & reader.systems),
        Audience.BOTH_SYSTEMS: linked <= reader.systems,
        Audience.OWN_IN_BOTH: linked <= reader.systems and reader.made,
    }[VISIBILITY[colour].audience]


def check_enquiry(
    offence: Offence | None, specific_case: str, contribution: str
) -> tuple[Violation, ...]:
    """Which conditions of asking for the signal "data in Eurodac" are not met, 22(1).

    The signal serves one purpose: to decide whether to ask for a search (22(2)).

    >>> [one.field for one in check_enquiry(Offence.SERIOUS, "case 17", "")]
    ['contribution']
    """
    asked = (
        ("offence", offence is not None, "A terrorist or serious offence is named."),
        ("specific_case", specific_case, "The enquiry concerns a specific case."),
        ("contribution", contribution, "There are grounds to expect that it contributes."),
    )
    article = "2019/818 22(1)"
    return tuple(broken("V19", field, article, rule=rule) for field, met, rule in asked if not met)


def check_signal(*, claimed: bool, received: bool) -> tuple[Violation, ...]:
    """What forbids a search that claims the signal: the unit must have received it (22(2)).

    >>> [one.field for one in check_signal(claimed=True, received=False)]
    ['portal_query']
    """
    if not claimed or received:
        return ()
    rule = "A search after a signal names the enquiry of the own unit that brought it."
    remedy = "Name that enquiry, or make the prior checks."
    return (broken("V19", "portal_query", "2019/818 22(2)", rule=rule, remedy=remedy),)


def check_closing(justification: str) -> tuple[Violation, ...]:
    """What forbids closing a signal that is not followed by a search: its reasons, 22(3).

    >>> [one.code for one in check_closing("")]
    ['V19']
    """
    if justification:
        return ()
    rule = "Why no search follows a signal is put on record."
    return (broken("V19", "justification", "2019/818 22(3)", rule=rule),)
