"""Colours of links between records of different systems, as a decision table with its reasons.

Regulation (EU) 2019/818, Arts 28 to 33; rows for yellow and green are ours, their articles were
not read. Inside Eurodac data sets are joined in a sequence and never by such a link (Art. 27(5)).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from interfaces.eurodac.codes import broken
from interfaces.eurodac.errors import RuleBroken


class Biometrics(StrEnum):
    """How the biometrics of two records compare."""

    SAME = "same"
    DIFFERENT = "different"
    NOT_AVAILABLE = "not available"


class Identity(StrEnum):
    """How the identity data of two records compare."""

    SAME = "same"
    SIMILAR = "similar"
    DIFFERENT = "different"


class TravelDocument(StrEnum):
    """How the travel documents of two records compare."""

    SAME = "same"
    OTHER = "different or none"


class Verdict(StrEnum):
    """Conclusion of the manual verification."""

    PENDING = "pending"
    ONE_PERSON = "one person, justified"
    ONE_PERSON_UNJUSTIFIED = "one person, unjustified"
    TWO_PERSONS = "two different persons"
    TWO_PERSONS_UNJUSTIFIED = "two persons, unjustified"


class Colour(StrEnum):
    """Colour of a link."""

    WHITE = "white"
    YELLOW = "yellow"
    GREEN = "green"
    RED = "red"


@dataclass(frozen=True, slots=True)
class LinkRow:
    """One row: the values of each column that it covers, the colour, where it stands, and why.

    why: for the official; it names kinds of data and never their content.
    """

    biometrics: frozenset[Biometrics]
    identity: frozenset[Identity]
    document: frozenset[TravelDocument]
    verdict: Verdict
    colour: Colour
    article: str
    why: str

    def covers(self, facts: LinkFacts) -> bool:
        """Whether the row holds for these facts."""
        return (
            facts.biometrics in self.biometrics
            and facts.identity in self.identity
            and facts.document in self.document
            and facts.verdict is self.verdict
        )


@dataclass(frozen=True, slots=True)
class LinkFacts:
    """What is known of two records of different systems."""

    biometrics: Biometrics
    identity: Identity
    document: TravelDocument
    verdict: Verdict = Verdict.PENDING


_SAME_B = frozenset({Biometrics.SAME})
_DIFF_B = frozenset({Biometrics.DIFFERENT})
_NO_B = frozenset({Biometrics.NOT_AVAILABLE})
_SAME_I = frozenset({Identity.SAME})
_ALIKE = frozenset({Identity.SAME, Identity.SIMILAR})
_UNLIKE = frozenset({Identity.SIMILAR, Identity.DIFFERENT})
_DIFF_I = frozenset({Identity.DIFFERENT})
_ANY_I = frozenset(Identity)
_SAME_D = frozenset({TravelDocument.SAME})
_OTHER_D = frozenset({TravelDocument.OTHER})
_ANY_D = frozenset(TravelDocument)

LINK_ROWS = (
    # Manual conclusions.
    LinkRow(
        _SAME_B,
        _UNLIKE,
        _ANY_D,
        Verdict.ONE_PERSON,
        Colour.WHITE,
        "33(1)(d)",
        "The biometrics are the same and the identity data are not; an official found one "
        "person with good reason for both.",
    ),
    LinkRow(
        _SAME_B,
        _UNLIKE,
        _ANY_D,
        Verdict.ONE_PERSON_UNJUSTIFIED,
        Colour.RED,
        "32(1)(a)",
        "The biometrics are the same and the identity data are not; an official found one "
        "person who has no good reason for that.",
    ),
    LinkRow(
        _DIFF_B,
        _ANY_I,
        _SAME_D,
        Verdict.TWO_PERSONS_UNJUSTIFIED,
        Colour.RED,
        "32(1)(b)",
        "The biometrics differ and the travel document is the same; an official found that one "
        "of two persons uses it without right.",
    ),
    LinkRow(
        _DIFF_B,
        _SAME_I,
        _OTHER_D,
        Verdict.TWO_PERSONS_UNJUSTIFIED,
        Colour.RED,
        "32(1)(c)",
        "The biometrics differ and the identity data are the same; an official found that one "
        "of two persons uses them without right.",
    ),
    LinkRow(
        _NO_B,
        _DIFF_I,
        _SAME_D,
        Verdict.ONE_PERSON_UNJUSTIFIED,
        Colour.RED,
        "32(1)(d)",
        "The travel document is the same, the identity data differ and biometrics are missing; "
        "an official found one person who has no good reason for that.",
    ),
    LinkRow(
        _DIFF_B,
        _SAME_I,
        _ANY_D,
        Verdict.TWO_PERSONS,
        Colour.GREEN,
        "31(1)(a)",
        "The biometrics differ and the identity data are the same; an official found two "
        "persons of the same name and birth.",
    ),
    LinkRow(
        _DIFF_B,
        _UNLIKE,
        _SAME_D,
        Verdict.TWO_PERSONS,
        Colour.GREEN,
        "31(1)(b)",
        "The biometrics differ and the travel document is the same; an official found two "
        "persons who share it rightly.",
    ),
    LinkRow(
        _NO_B,
        _DIFF_I,
        _SAME_D,
        Verdict.TWO_PERSONS,
        Colour.GREEN,
        "31(1)(c)",
        "The travel document is the same, the identity data differ and biometrics are missing; "
        "an official found two persons who share it rightly.",
    ),
    # Automatic white goes before yellow: both would cover same biometrics with similar identity.
    LinkRow(
        _SAME_B,
        _ALIKE,
        _ANY_D,
        Verdict.PENDING,
        Colour.WHITE,
        "33(1)(a), (c)",
        "The biometrics are the same and the identity data are the same or similar: one person.",
    ),
    LinkRow(
        _NO_B,
        _ALIKE,
        _SAME_D,
        Verdict.PENDING,
        Colour.WHITE,
        "33(1)(b)",
        "The travel document is the same, the identity data are the same or similar and "
        "biometrics are missing: one person.",
    ),
    LinkRow(
        _SAME_B,
        _DIFF_I,
        _ANY_D,
        Verdict.PENDING,
        Colour.YELLOW,
        "30(1)(a)",
        "The biometrics are the same and the identity data differ: an official looks whether "
        "one person has good reason for both.",
    ),
    LinkRow(
        _NO_B,
        _DIFF_I,
        _SAME_D,
        Verdict.PENDING,
        Colour.YELLOW,
        "30(1)(b)",
        "The travel document is the same, the identity data differ and biometrics are missing: "
        "an official looks whose it is.",
    ),
    LinkRow(
        _DIFF_B,
        _SAME_I,
        _ANY_D,
        Verdict.PENDING,
        Colour.YELLOW,
        "30(1)(c)",
        "The biometrics differ and the identity data are the same: an official looks whether "
        "one of two persons uses another's.",
    ),
    LinkRow(
        _DIFF_B,
        _UNLIKE,
        _SAME_D,
        Verdict.PENDING,
        Colour.YELLOW,
        "30(1)(d)",
        "The biometrics differ and the travel document is the same: an official looks whether "
        "both persons use it rightly.",
    ),
)
"""In the order in which they are asked; the first that covers the facts decides."""


def conclude(facts: LinkFacts, verdict: Verdict) -> LinkRow:
    """The row after manual verification of a yellow link.

    RuleBroken V17 for a link that is not yellow, and for a conclusion that its facts exclude.

    >>> shared = LinkFacts(Biometrics.DIFFERENT, Identity.SAME, TravelDocument.OTHER)
    >>> conclude(shared, Verdict.TWO_PERSONS).colour.value
    'green'
    """
    before = link_row(facts)
    if before is None or before.colour is not Colour.YELLOW or verdict is Verdict.PENDING:
        rule = "A yellow link is verified, once, and with a conclusion."
        raise RuleBroken(broken("V17", "verdict", "2019/818 29(3)", rule=rule))
    after = link_row(replace(facts, verdict=verdict))
    assert after is not None, "a verdict without a row is refused above"
    return after


def link_row(facts: LinkFacts) -> LinkRow | None:
    """The row that decides, with its colour and article; None: nothing shared, so no link.

    RuleBroken V17 when a verdict was given where no row provides one.

    >>> link_row(LinkFacts(Biometrics.SAME, Identity.SIMILAR, TravelDocument.OTHER)).colour.value
    'white'
    """
    for row in LINK_ROWS:
        if row.covers(facts):
            return row
    if facts.verdict is not Verdict.PENDING:
        rule = "This conclusion does not fit how the records compare."
        raise RuleBroken(broken("V17", "verdict", "2019/818 29(3)", rule=rule))
    return None
