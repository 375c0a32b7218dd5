"""Each table of the law against a second transcription of the rulebook, kept as plain rows.

A slip of the pen would have to be made twice in the same way to pass.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import fields
from datetime import date, timedelta
from pathlib import Path

import pytest

from interfaces.eurodac.caseclock import Happening
from interfaces.eurodac.casework import STEPS, Situation
from interfaces.eurodac.categories import RULES, STORED, Category, Group
from interfaces.eurodac.comparison import MATRIX
from interfaces.eurodac.dataset import AdmissionDecision, AdmissionOutcome, DataSet
from interfaces.eurodac.deadlines import SECOND_CLOCKS
from interfaces.eurodac.fields import (
    EXCEPTIONS,
    IN_COMMON_REPOSITORY,
    LISTED_IN,
    REQUIREMENTS,
    Field,
)
from interfaces.eurodac.flags import FLAG_RULES, MARK_RULES, NOTICES, FlagCheck, MarkRule, Notice
from interfaces.eurodac.limits import LIMITS, WINDOWS, Calendar
from interfaces.eurodac.policy import Policy
from interfaces.eurodac.progress import ASKS, AT_BORDER, FOLLOWS, RESPONSIBILITY_ASKS
from interfaces.eurodac.retention import ERASURE_ARTICLES, ErasureGround, retention_rule
from interfaces.eurodac.rights import DISCLOSURES, INFORMATION, Recipient
from interfaces.eurodac.terms import MarkType
from interfaces.eurodac.updates import UPDATES, StatusEvent

TABLES = Path(__file__).parents[2] / "tables"

ARRIVALS = {
    ("arrival after take charge", "15"),
    ("arrival after relocation", "15"),
    ("arrival after relocation", "23"),
}
"""Cells that the rulebook has as later fields and that we demand of the new data set instead."""


def ids(name: str) -> list[str]:
    with (TABLES / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return [row["id"] for row in csv.DictReader(file)]


def flag(value: bool) -> str:
    return "yes" if value else "no"


@pytest.mark.table("B_categories")
def test_the_categories(row: Mapping[str, str]) -> None:
    rule = RULES[Category(row["id"])]
    assert {
        "id": row["id"],
        "digit": str(rule.digit),
        "group": rule.group.value,
        "article": rule.article,
        "clock": rule.clock.name,
        "min_age": "" if rule.minimum_age is None else str(rule.minimum_age),
        "within": "" if rule.within is None else str(rule.within),
        "stored": flag(rule.stored),
        "compared": flag(rule.compared),
        "on_behalf": rule.on_behalf,
    } == row


@pytest.mark.table("D_table")
def test_the_field_table(row: Mapping[str, str]) -> None:
    field = Field(row["field"])
    assert list(Field).index(field) + 1 == int(row["id"])
    for column in Group:
        if column.value not in row:
            continue
        cell = REQUIREMENTS[field][column].value
        if (field.value, column.value) in ARRIVALS:
            assert (cell, row[column.value]) == ("-", "U")
        else:
            assert cell == row[column.value]
    assert (field in IN_COMMON_REPOSITORY) is (row["stored in"] == "CIR")


def test_the_articles_that_list_the_data_of_a_column() -> None:
    listed = {
        "15": "17",
        "18(1)": "18(1)",
        "18(2)": "19(1)",
        "20": "21(1)",
        "22": "22(2), (3)",
        "23": "23(2), (3)",
        "24": "24(2), (3)",
        "26": "26(2)",
        "32": "33(3)",
        "43": "43(6)",
    }
    assert {column.value: article for column, article in LISTED_IN.items()} == listed


def test_the_exceptions_of_the_field_table_are_the_arrivals() -> None:
    found = {(field.value, RULES[category].group.value) for field, category in EXCEPTIONS}
    assert found == ARRIVALS


@pytest.mark.table("E_matrix")
def test_the_comparison_matrix(row: Mapping[str, str]) -> None:
    cells = MATRIX[Category(row["id"])]
    for stored in STORED:
        assert cells[stored].value == row[RULES[stored].group.value]


@pytest.mark.table("B_second_clocks")
def test_the_second_clocks(row: Mapping[str, str]) -> None:
    clocks = SECOND_CLOCKS[Group(row["id"])]
    assert {
        "id": row["id"],
        "retake": clocks.retake,
        "retake_hours": flag(clocks.retake_hours),
        "health": clocks.health,
        "health_hours": flag(clocks.health_hours),
        "technical": clocks.technical,
    } == row


@pytest.mark.table("H_retention")
def test_the_retention_periods(row: Mapping[str, str]) -> None:
    decision = None
    if row["outcome"]:
        decision = AdmissionDecision(AdmissionOutcome(row["outcome"]), date(2027, 1, 1))
    rule = retention_rule(DataSet(Category(row["id"]), "DK", admission_decision=decision))
    assert rule is not None
    assert {
        "id": row["id"],
        "outcome": row["outcome"],
        "years": str(rule.years),
        "article": rule.article,
        "citizenship": flag(rule.citizenship_erases),
    } == row


@pytest.mark.table("C_table")
def test_the_limits_of_the_case_clock(row: Mapping[str, str]) -> None:
    limit = LIMITS[row["id"]]
    assert {
        "id": row["id"],
        "period": str(limit.period),
        "crisis": "" if limit.crisis is None else str(limit.crisis.period),
        "article": limit.article,
        "on_miss": limit.on_miss.value,
        "rolls": flag(limit.calendar is Calendar.ROLLS),
    } == row


def test_every_row_of_the_law_is_transcribed() -> None:
    assert ids("B_categories") == ids("E_matrix") == [category.value for category in Category]
    assert len(ids("D_table")) == len(Field)
    assert {Group(one) for one in ids("B_second_clocks")} == SECOND_CLOCKS.keys()
    assert {Category(one) for one in ids("H_retention")} == set(STORED)
    assert ids("C_table") == list(LIMITS)


@pytest.mark.table("P_policy")
def test_the_decisions_unless_configured(row: Mapping[str, str]) -> None:
    assert str(getattr(Policy(), row["id"])) == row["value"]


def test_every_decision_is_transcribed() -> None:
    assert ids("P_policy") == [field.name for field in fields(Policy)]


@pytest.mark.table("D_events")
def test_the_events_after_the_first_transmission(row: Mapping[str, str]) -> None:
    rule = UPDATES[StatusEvent(row["id"])]
    assert {
        "id": row["id"],
        "actor": rule.actor.value,
        "act": rule.act.value,
        "article": rule.article,
        "groups": " ".join(column.value for column in Group if column in rule.groups),
        "fields": " ".join(rule.fields),
        "becomes": " ".join(f"{old}:{category}" for old, category in rule.becomes),
        "notice": "" if rule.notice is None else rule.notice.value,
    } == row


def test_every_event_is_transcribed() -> None:
    assert ids("D_events") == [event.value for event in StatusEvent]


@pytest.mark.table("G_flags")
def test_the_checks_before_a_flag(row: Mapping[str, str]) -> None:
    rule = FLAG_RULES[Group(row["id"])]
    checks = " ".join(one.value for one in FlagCheck if one in rule.checks)
    assert (rule.article, checks) == (row["article"], row["checks"])


@pytest.mark.table("H_marks")
def test_the_marks(row: Mapping[str, str]) -> None:
    def cell(rule: MarkRule | None) -> str:
        return f"{'first' if rule.first else 'follows'} {rule.article}" if rule is not None else ""

    rules = MARK_RULES[Group(row["id"])] or {}
    assert cell(rules.get(MarkType.PROTECTION)) == row["protection"]
    assert cell(rules.get(MarkType.RESIDENCE)) == row["residence"]


@pytest.mark.table("H_notices")
def test_the_notices(row: Mapping[str, str]) -> None:
    rule = NOTICES[Notice(row["id"])]
    assert (rule.article, " ".join(rule.triggers)) == (row["article"], row["triggers"])


@pytest.mark.table("H_grounds")
def test_the_grounds_of_an_erasure(row: Mapping[str, str]) -> None:
    assert ERASURE_ARTICLES[ErasureGround(row["id"])] == row["article"]


@pytest.mark.table("C_steps")
def test_the_step_that_follows_a_situation(row: Mapping[str, str]) -> None:
    rule = STEPS[Situation[row["id"]]]
    assert (rule.name.value, rule.article, rule.limit) == (
        row["step"],
        row["article"],
        row["limit"],
    )


@pytest.mark.table("K_windows")
def test_the_windows_of_responsibility(row: Mapping[str, str]) -> None:
    window = WINDOWS[row["id"]]
    assert {
        "id": row["id"],
        "months": str(window.months),
        "on_the_day": "counts" if window.exactly else "is over",
        "article": window.article,
    } == row


@pytest.mark.table("C_told")
def test_what_is_told_of_a_case(row: Mapping[str, str]) -> None:
    one = Happening[row["id"]]
    assert flag(one in ASKS) == row["asks"]
    assert flag(one in RESPONSIBILITY_ASKS) == row["binds"]
    assert " ".join(before.name for before in FOLLOWS.get(one, ())) == row["follows"]


def test_the_screening_is_shortened_after_72_hours_at_the_border() -> None:
    """K61, Art. 8(3) SCR."""
    assert timedelta(hours=72) == AT_BORDER


@pytest.mark.table("J_disclosures")
def test_who_learns_anything(row: Mapping[str, str]) -> None:
    rule = DISCLOSURES[Recipient(row["id"])]
    assert (flag(rule.allowed), rule.article) == (row["allowed"], row["article"])


def test_the_information_follows_the_letters_of_article_42() -> None:
    """J16, in the order of Art. 42(1)."""
    assert [article for _, article in INFORMATION] == [f"42(1)({one})" for one in "abcdefgh"]


def test_every_rule_on_a_person_is_transcribed() -> None:
    assert ids("G_flags") == ids("H_marks") == [column.value for column in Group]
    assert ids("H_notices") == [notice.value for notice in Notice]
    assert ids("H_grounds") == [ground.value for ground in ErasureGround]
    assert ids("C_steps") == [situation.name for situation in Situation]
    assert set(ids("C_told")) == {one.name for one in ASKS | FOLLOWS.keys()}
    assert ids("K_windows") == list(WINDOWS)
    assert ids("J_disclosures") == [recipient.value for recipient in Recipient]
