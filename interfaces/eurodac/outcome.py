"""From the centre's hit to the State's finding: who checks, who decides, what a false hit causes.

Arts 38(4) to (6), recital 54.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from interfaces.eurodac.codes import broken
from interfaces.eurodac.errors import Violation
from interfaces.eurodac.policy import Policy
from interfaces.eurodac.terms import Sex


class HitState(StrEnum):
    """Where the check of a hit stands."""

    RECEIVED = "RECEIVED"
    CHECKING = "CHECKING"
    CONFIRMED = "CONFIRMED"
    FALSE = "FALSE"
    EXPIRED = "EXPIRED"
    """No decision in time: an alarm, not an end."""


NEXT: Mapping[HitState, frozenset[HitState]] = MappingProxyType(
    {
        HitState.RECEIVED: frozenset(
            {HitState.CHECKING, HitState.CONFIRMED, HitState.FALSE, HitState.EXPIRED}
        ),
        HitState.CHECKING: frozenset({HitState.CONFIRMED, HitState.FALSE, HitState.EXPIRED}),
        HitState.EXPIRED: frozenset({HitState.CHECKING, HitState.CONFIRMED, HitState.FALSE}),
        # Found out later: Art. 38(6) has no end to the duty to erase and report.
        HitState.CONFIRMED: frozenset({HitState.FALSE}),
        HitState.FALSE: frozenset(),
    }
)
"""Complete: every state has its followers."""


@dataclass(frozen=True, slots=True)
class HitFacts:
    """What is known of one hit before anyone looks.

    score: -10 log10 of the false match rate. sequence_hits: how many persons (sequences) the
    result touches. probe_minor, stored_minor: by the dates of birth; None when unknown.
    """

    fingerprints_hit: bool
    face_hit: bool = False
    score: float = float("inf")
    probe_sex: Sex | None = None
    stored_sex: Sex | None = None
    face_looks_different: bool = False
    latent: bool = False
    probe_minor: bool | None = None
    stored_minor: bool | None = None
    sequence_hits: int = 1


STATED_SEXES = frozenset({Sex.FEMALE, Sex.MALE, Sex.OTHER})
"""Sexes that can differ; an unknown one contradicts nothing."""


def face_only(facts: HitFacts) -> bool:
    """Whether only the face hit, which an expert always checks, Art. 38(5)."""
    return facts.face_hit and not facts.fingerprints_hit


def expert_reasons(facts: HitFacts, policy: Policy) -> tuple[str, ...]:
    """Why an expert must look at this hit, in words; empty when nothing makes it doubtful.

    >>> expert_reasons(HitFacts(True, probe_sex=Sex.MALE, stored_sex=Sex.FEMALE),
    ...                Policy(expert_always=False))
    ('the sexes differ',)
    """
    low, high = policy.grey_band
    sexes = {facts.probe_sex, facts.stored_sex}
    minors = {facts.probe_minor, facts.stored_minor}
    doubts = (
        (face_only(facts), "only the face hit"),
        (len(sexes) > 1 and sexes <= STATED_SEXES, "the sexes differ"),
        (facts.face_looks_different, "the face does not look like the person"),
        (low <= facts.score < high, "the score lies in the grey band"),
        (facts.latent, "a latent print is involved"),
        (minors == {True, False}, "one is a minor and the other is not"),
        (facts.sequence_hits > 1, "the result touches more than one person"),
    )
    reasons = tuple(reason for holds, reason in doubts if holds)
    if policy.expert_always and not reasons:
        return ("every hit is checked here",)
    return reasons


def check_decision(
    state: HitState, decision: HitState, *, expert: bool, reasons: tuple[str, ...]
) -> tuple[Violation, ...]:
    """What forbids this decision on a hit in this state.

    expert: whether a trained expert decides. reasons: what expert_reasons gave.

    >>> [one.code for one in check_decision(HitState.CHECKING, HitState.CONFIRMED,
    ...                                     expert=False, reasons=("only the face hit",))]
    ['V15']
    """
    found = []
    if decision not in NEXT[state]:
        found.append(broken("V17", "hit", "38(4)"))
    # Calling a hit false may wait for nobody: its result is erased at once, Art. 38(6).
    if decision is HitState.CONFIRMED and reasons and not expert:
        text = f"An expert confirms this hit: {', '.join(reasons)}."
        found.append(broken("V15", "hit", "38(4), (5)", rule=text))
    return tuple(found)


class Consequence(StrEnum):
    """What a finding causes."""

    CONFIRM_LINK = "CONFIRM_LINK"
    """Art. 3(6)."""
    ERASE_RESULT = "ERASE_RESULT"
    REPORT_FALSE_HIT = "REPORT_FALSE_HIT"
    REVOKE_LINK = "REVOKE_LINK"
    ALARM = "ALARM"


CONSEQUENCES: Mapping[HitState, tuple[Consequence, ...]] = MappingProxyType(
    {
        HitState.RECEIVED: (),
        HitState.CHECKING: (),
        HitState.CONFIRMED: (Consequence.CONFIRM_LINK,),
        # Art. 38(6); that the link goes too follows from it and Art. 3(6).
        HitState.FALSE: (
            Consequence.ERASE_RESULT,
            Consequence.REPORT_FALSE_HIT,
            Consequence.REVOKE_LINK,
        ),
        HitState.EXPIRED: (Consequence.ALARM,),
    }
)
"""Complete: every state has its consequences, in the order in which they are carried out."""
