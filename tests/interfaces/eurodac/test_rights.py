"""Disclosure, transfer and information: rulebook J and its examples."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pytest

from interfaces.eurodac.categories import Category, group
from interfaces.eurodac.dataset import AdmissionDecision, AdmissionOutcome, DataSet
from interfaces.eurodac.policy import Policy
from interfaces.eurodac.rights import (
    DISCLOSURES,
    Recipient,
    ReturnTransfer,
    check_disclosure,
    check_return_transfer,
    information,
    is_matched_by_etias,
)


@pytest.mark.table("L_disclosure")
def test_only_those_named_learn_anything(row: Mapping[str, str]) -> None:
    found = check_disclosure(Recipient(row["recipient"]))
    assert " ".join(f"{one.code} {one.article}" for one in found) == row["expected"]


@pytest.mark.table("L_returns")
def test_a_return_needs_consent_information_and_its_purpose(row: Mapping[str, str]) -> None:
    decision = None
    if row["outcome"]:
        decision = AdmissionDecision(AdmissionOutcome(row["outcome"]), date(2027, 1, 1))
    data_set = DataSet(Category(row["category"]), "IT", admission_decision=decision)
    yes = [row[name] == "yes" for name in ("consented", "informed", "illegal")]
    found = check_return_transfer(data_set, ReturnTransfer(*yes))
    assert " ".join(one.code for one in found) == row["expected"]


def test_every_recipient_has_its_row() -> None:
    assert DISCLOSURES.keys() == set(Recipient)


@pytest.mark.parametrize(
    ("on", "removed_on", "expected"),
    [
        (date(2026, 6, 12), date(2026, 6, 12), True),
        (date(2026, 6, 11), date(2026, 6, 1), False),
        (date(2027, 1, 1), None, False),
    ],
)
def test_etias_meets_only_persons_who_left_under_a_decision(
    on: date, removed_on: date | None, expected: bool
) -> None:
    """J13."""
    data_set = DataSet(Category.ILLEGAL_STAY, "IT", removed_on=removed_on)
    assert is_matched_by_etias(data_set, on, Policy()) is expected


def test_the_flag_duty_is_told_to_those_who_may_be_flagged() -> None:
    """J16: Arts 15, 22, 23 and 24."""
    for category in Category:
        told = any(article == "42(1)(c)" for _, article in information(category))
        assert told is (group(category).value in {"15", "22", "23", "24"}), category
