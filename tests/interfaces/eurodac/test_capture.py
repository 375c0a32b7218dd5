"""Who may be captured and how: rulebook B.3, B.4 and examples X-A."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

import pytest

from interfaces.eurodac.ages import EIGHTEEN, is_minor
from interfaces.eurodac.capture import (
    Accompaniment,
    AgeProof,
    Measure,
    MinorSafeguards,
    Obstacle,
    check_age,
    check_applicable,
    check_fingers,
    check_minor,
    check_placement,
    measures,
    retake_wanted,
)
from interfaces.eurodac.categories import Category
from interfaces.eurodac.errors import Violation
from interfaces.eurodac.policy import Policy
from matcher.vocabulary import TEN_FINGERS, FingerPosition


def codes(found: tuple[Violation, ...]) -> str:
    return " ".join(violation.code for violation in found)


@pytest.mark.table("A_age")
def test_biometrics_are_taken_from_the_sixth_birthday(row: Mapping[str, str]) -> None:
    taken = datetime.fromisoformat(row["taken"])
    found = check_age(row["born"], taken, AgeProof(row["proof"]), state=row["state"])
    assert codes(found) == row["expected"]


@pytest.mark.table("A_minors")
def test_a_minor_is_captured_by_a_trained_official_and_in_company(row: Mapping[str, str]) -> None:
    company = Accompaniment(row["company"]) if row["company"] else None
    safeguards = MinorSafeguards(row["trained"], company, row["companion"])
    assert codes(check_minor(safeguards, row["operator"])) == row["expected"]


def test_no_safeguards_at_all_are_as_bad_as_empty_ones() -> None:
    assert check_minor(None, "op1") == check_minor(MinorSafeguards(), "op1")


@pytest.mark.table("A_fingers")
def test_each_finger_is_present_or_declared(row: Mapping[str, str]) -> None:
    declared = {
        FingerPosition(int(number)): reason
        for number, reason in (pair.split("=") for pair in row["declared"].split())
    }
    absent = set(map(int, row["absent"].split()))
    present = [finger for finger in TEN_FINGERS if finger not in absent]
    assert codes(check_fingers(present, declared)) == row["expected"]
    assert [int(finger) for finger in retake_wanted(declared)] == list(
        map(int, row["retake"].split())
    )


@pytest.mark.table("A_placement")
def test_a_finger_at_another_position_is_taken_again_under_the_same_number(
    row: Mapping[str, str],
) -> None:
    found = check_placement(int(row["one"]), int(row["other"]), swapped=row["swapped"] == "yes")
    assert (found.code, found.article) == (row["expected"], row["article"])
    assert row["remedy"] in found.remedy


@pytest.mark.table("A_measures")
def test_no_sanction_is_offered_that_the_law_forbids(row: Mapping[str, str]) -> None:
    yes = {name: row[name] == "yes" for name in ("refused", "minor", "vulnerable", "applicant")}
    obstacle = Obstacle(
        safeguarding_risk=row["risk"] == "yes",
        self_inflicted=row["self_inflicted"] == "yes",
        **yes,
    )
    assert " ".join(one.value for one in measures(obstacle)) == row["expected"]


@pytest.mark.table("A_category")
def test_temporary_protection_waits_for_its_day(row: Mapping[str, str]) -> None:
    found = check_applicable(
        Category(row["category"]),
        date.fromisoformat(row["on"]),
        Policy(ukraine_tp_excluded=row["excluded"] == "yes"),
        under_decision_2022_382=row["ukraine"] == "yes",
    )
    assert codes(found) == row["expected"]


@pytest.mark.parametrize(
    ("born", "day", "expected"),
    [
        ("2008-07-02", "2026-07-01", True),
        ("2008-07-01", "2026-07-01", False),
        ("2008", "2026-07-01", True),
        ("2007", "2026-07-01", False),
        ("UNKNOWN", "2026-07-01", True),
        ("nonsense", "2026-07-01", True),
    ],
)
def test_whoever_may_be_under_eighteen_is_a_minor(born: str, day: str, expected: bool) -> None:
    assert EIGHTEEN == 18
    assert is_minor(born, datetime.fromisoformat(f"{day}T12:00Z"), state="DK") is expected


def test_what_is_not_stated_of_an_obstacle_is_not_so() -> None:
    assert measures(Obstacle(refused=False)) == (Measure.RETAKE_TASK,)
    assert measures(Obstacle(refused=True)) == (Measure.NATIONAL_MEASURES,)
    assert measures(Obstacle(refused=True, applicant=True)) == (
        Measure.NATIONAL_MEASURES,
        Measure.ASYLUM_LAW_CONSEQUENCES,
    )
    assert measures(Obstacle(refused=False, self_inflicted=True)) == (
        Measure.RETAKE_TASK,
        Measure.NATIONAL_MEASURES,
    )


def test_what_is_not_stated_about_a_minor_is_not_assumed() -> None:
    assert MinorSafeguards().age_proof is AgeProof.NONE
    assert measures(Obstacle(refused=True, minor=True)) == (Measure.NATIONAL_MEASURES,)
