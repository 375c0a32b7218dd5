"""Disclosure, transfer and information: rulebook J and X-L13, X-L14, X-R19."""

from __future__ import annotations

from datetime import date

import pytest

from interfaces.eurodac.categories import Category
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


@pytest.mark.parametrize(
    ("recipient", "expected"),
    [
        (Recipient.ORIGIN_STATE, []),
        (Recipient.STATE_WITH_HIT, []),
        (Recipient.DATA_SUBJECT, []),
        (Recipient.STATE_WITHOUT_HIT, ["V23"]),
        (Recipient.THIRD_COUNTRY, ["V23"]),
        (Recipient.INTERNATIONAL_ORGANISATION, ["V23"]),
        (Recipient.PRIVATE_ENTITY, ["V23"]),
    ],
)
def test_only_those_named_learn_anything(recipient: Recipient, expected: list[str]) -> None:
    """X-L13, X-R19."""
    assert DISCLOSURES.keys() == set(Recipient)
    assert [one.code for one in check_disclosure(recipient)] == expected


@pytest.mark.parametrize(
    ("transfer", "expected"),
    [
        (ReturnTransfer(True, True, True), []),
        (ReturnTransfer(False, True, True), ["V22"]),
        (ReturnTransfer(True, False, True), ["V23"]),
        (ReturnTransfer(True, True, False), ["V23"]),
        (ReturnTransfer(False, False, False), ["V22", "V23", "V23"]),
    ],
)
def test_a_return_needs_consent_information_and_its_purpose(
    transfer: ReturnTransfer, expected: list[str]
) -> None:
    """X-L14."""
    found = check_return_transfer(DataSet(Category.ILLEGAL_STAY, "IT"), transfer)
    assert [one.code for one in found] == expected


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (AdmissionOutcome.GRANTED, []),
        (AdmissionOutcome.REFUSED, ["V23"]),
        (AdmissionOutcome.DISCONTINUED, ["V23"]),
    ],
)
def test_failed_admissions_never_go_to_a_third_country(
    outcome: AdmissionOutcome, expected: list[str]
) -> None:
    decision = AdmissionDecision(outcome, date(2027, 1, 1))
    data_set = DataSet(Category.ADMISSION_RECORD, "IT", admission_decision=decision)
    found = check_return_transfer(data_set, ReturnTransfer(True, True, True))
    assert [one.code for one in found] == expected
    bare = DataSet(Category.ADMISSION_RECORD, "IT")
    assert check_return_transfer(bare, ReturnTransfer(True, True, True)) != ()


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
    told = {
        category
        for category in Category
        if any(article == "42(1)(c)" for _, article in information(category))
    }
    assert Category.APPLICANT_REG in told
    assert Category.SAR in told
    assert told.isdisjoint({Category.TEMP_PROTECTION, Category.ADMISSION_RECORD})
