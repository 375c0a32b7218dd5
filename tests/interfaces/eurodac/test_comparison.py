"""What is compared with what, in which order hits are shown: rulebook E and examples X-R."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime

import pytest

from interfaces.eurodac.categories import RULES, STORED, Category
from interfaces.eurodac.comparison import (
    MATRIX,
    RANKS,
    Scope,
    compared,
    face_compared,
    in_scope,
    precedence,
)
from interfaces.eurodac.dataset import AdmissionDecision, AdmissionOutcome, DataSet, Event
from interfaces.eurodac.policy import Policy


@pytest.mark.table("R_scope")
def test_only_what_the_matrix_allows_is_searched(row: Mapping[str, str]) -> None:
    yes = {name: row[name] == "yes" for name in ("marked", "same_state", "include_own")}
    probe, stored = Category(row["probe"]), Category(row["stored"])
    assert in_scope(probe, stored, **yes) is (row["expected"] == "yes")
    assert compared(probe) is (row["compared"] == "yes")


@pytest.mark.table("R_face")
def test_faces_are_compared_only_after_the_switch(row: Mapping[str, str]) -> None:
    policy = Policy(
        face_comparison_from=date.fromisoformat(row["switch"]) if row["switch"] else None,
        face_beside_fingerprints=row["beside"] == "yes",
    )
    found = face_compared(policy, datetime.fromisoformat(row["at"]), row["prints"] == "yes")
    assert found is (row["expected"] == "yes")


@pytest.mark.table("R_precedence")
def test_hits_useful_for_responsibility_come_first(row: Mapping[str, str]) -> None:
    found = precedence(map(hit, row["hits"].split()))
    assert found == [hit(text) for text in row["expected"].split()]


def hit(text: str) -> DataSet:
    category, day = text.split("@")
    at = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return DataSet(Category(category), "IT", event=Event("x", at))


def test_a_refused_admission_ranks_behind_a_granted_one() -> None:
    at = Event("x", datetime(2026, 1, 1, tzinfo=UTC))
    refused, granted = (
        DataSet(
            Category.ADMISSION_RECORD,
            "DE",
            event=at,
            admission_decision=AdmissionDecision(outcome, date(2026, 1, 1)),
        )
        for outcome in (AdmissionOutcome.REFUSED, AdmissionOutcome.GRANTED)
    )
    assert precedence([refused, granted]) == [granted, refused]


def test_a_hit_without_event_comes_last_of_its_rank() -> None:
    dated, undated = hit("SAR@2020-01-01"), DataSet(Category.SAR, "IT")
    assert precedence([undated, dated]) == [dated, undated]


def test_the_matrix_is_complete_and_agrees_with_the_rules() -> None:
    assert MATRIX.keys() == set(Category)
    assert all(cells.keys() == set(STORED) for cells in MATRIX.values())
    assert {RULES[category].group for category in STORED} == RANKS.keys()
    for probe, cells in MATRIX.items():
        assert compared(probe) is (set(cells.values()) != {Scope.NO})


def test_nothing_that_is_never_stored_is_found() -> None:
    for probe in Category:
        for stored in set(Category) - set(STORED):
            assert not in_scope(probe, stored, marked=True, same_state=False, include_own=True)
