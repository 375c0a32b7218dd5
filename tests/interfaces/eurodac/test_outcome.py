"""Who checks a hit and what its finding causes: rulebook F.2, F.3 and examples X-R."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from interfaces.eurodac.dataset import Sex
from interfaces.eurodac.outcome import (
    CONSEQUENCES,
    NEXT,
    Consequence,
    HitFacts,
    HitState,
    check_decision,
    expert_reasons,
    face_only,
)
from interfaces.eurodac.policy import Policy

DOUBTFUL_ONLY = Policy(expert_always=False)
CLEAR = HitFacts(True, score=99, probe_sex=Sex.MALE, stored_sex=Sex.MALE)


@pytest.mark.table("R_decision")
def test_a_doubtful_hit_is_confirmed_by_an_expert_only(row: Mapping[str, str]) -> None:
    facts = HitFacts(
        row["prints"] == "yes",
        row["face"] == "yes",
        score=float(row["score"]),
        probe_sex=Sex(row["probe_sex"]),
        stored_sex=Sex(row["stored_sex"]),
    )
    reasons = expert_reasons(facts, Policy(expert_always=row["always"] == "yes"))
    assert len(reasons) == int(row["reasons"])
    found = check_decision(
        HitState(row["state"]),
        HitState(row["decision"]),
        expert=row["expert"] == "yes",
        reasons=reasons,
    )
    assert " ".join(one.code for one in found) == row["expected"]


def test_what_is_not_told_of_a_hit_makes_no_hit() -> None:
    assert not face_only(HitFacts(False))
    assert not face_only(HitFacts(True))


@pytest.mark.parametrize("state", HitState)
def test_the_check_of_a_hit_goes_on_in_these_ways_only(state: HitState) -> None:
    """Nobody goes back to a hit that was not looked at, and a false hit stays one."""
    onwards = {
        HitState.RECEIVED: "CHECKING CONFIRMED EXPIRED FALSE",
        HitState.CHECKING: "CONFIRMED EXPIRED FALSE",
        HitState.EXPIRED: "CHECKING CONFIRMED FALSE",
        HitState.CONFIRMED: "FALSE",
        HitState.FALSE: "",
    }
    assert " ".join(sorted(NEXT[state])) == onwards[state]


@pytest.mark.parametrize(
    ("doubt", "reason"),
    [
        ({"fingerprints_hit": False, "face_hit": True}, "only the face hit"),
        ({"stored_sex": Sex.OTHER}, "the sexes differ"),
        ({"face_looks_different": True}, "the face does not look like the person"),
        ({"score": 59.9}, "the score lies in the grey band"),
        ({"latent": True}, "a latent print is involved"),
        ({"probe_minor": True, "stored_minor": False}, "one is a minor and the other is not"),
        ({"sequence_hits": 2}, "the result touches more than one person"),
    ],
)
def test_each_doubt_of_the_list_is_named(doubt: Mapping[str, object], reason: str) -> None:
    assert expert_reasons(CLEAR, DOUBTFUL_ONLY) == ()
    facts = replace(CLEAR, **doubt)  # type: ignore[arg-type]
    assert expert_reasons(facts, DOUBTFUL_ONLY) == (reason,)
    assert expert_reasons(facts, Policy()) == (reason,)


@pytest.mark.parametrize(
    "facts",
    [
        replace(CLEAR, stored_sex=None),
        replace(CLEAR, probe_minor=True),
        replace(CLEAR, probe_minor=True, stored_minor=True),
        replace(CLEAR, face_hit=True),
    ],
)
def test_what_is_not_known_contradicts_nothing(facts: HitFacts) -> None:
    assert expert_reasons(facts, DOUBTFUL_ONLY) == ()


def test_by_default_every_hit_is_checked() -> None:
    assert expert_reasons(CLEAR, Policy()) == ("every hit is checked here",)
    assert not face_only(CLEAR)


def test_the_tables_are_complete() -> None:
    assert NEXT.keys() == CONSEQUENCES.keys() == set(HitState)
    assert set().union(*NEXT.values()) == set(HitState) - {HitState.RECEIVED}


@pytest.mark.table("R_consequences")
def test_a_finding_causes_what_the_article_says_in_its_order(row: Mapping[str, str]) -> None:
    expected = tuple(map(Consequence, row["expected"].split()))
    assert CONSEQUENCES[HitState(row["state"])] == expected
