"""Security flag, marks, notices: rulebook G, H.3, H.4 and examples X-S."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from interfaces.eurodac.categories import STORED, Category, Group
from interfaces.eurodac.dataset import MarkType
from interfaces.eurodac.fields import Field, Requirement, requirement
from interfaces.eurodac.flags import (
    FLAG_RULES,
    MARK_NOTICES,
    MARK_RULES,
    NOTICES,
    FlagCheck,
    FlagGround,
    FlagProposal,
    Notice,
    check_approval,
    check_flag,
    check_flag_deletion,
    check_mark,
    check_unmark,
    mark_rule,
    obliged,
    receivers,
)
from interfaces.eurodac.policy import Policy


@pytest.mark.table("S_flag")
def test_a_flag_needs_its_check_the_threat_and_a_ground(row: Mapping[str, str]) -> None:
    proposal = FlagProposal(
        check=FlagCheck(row["check"]) if row["check"] else None,
        grounds=tuple(map(FlagGround, row["grounds"].split())),
        completed_at=datetime(2026, 7, 1, tzinfo=UTC) if row["completed"] == "yes" else None,
        deciding_unit=row["unit"],
        could_pose_threat=row["threat"] == "yes",
    )
    found = check_flag(Category(row["category"]), proposal)
    assert " ".join(one.code for one in found) == row["expected"]


@pytest.mark.table("S_deletion")
def test_a_flag_goes_only_after_everyone_was_consulted(row: Mapping[str, str]) -> None:
    found = check_flag_deletion(row["consulted"].split(), row["others"].split())
    assert " ".join(one.code for one in found) == row["expected"]


@pytest.mark.table("S_marks")
def test_marks_are_set_where_the_article_says(row: Mapping[str, str]) -> None:
    found = check_mark(
        Category(row["category"]), MarkType(row["mark"]), follow_up=row["follow_up"] == "yes"
    )
    assert " ".join(one.code for one in found) == row["expected"]


def test_nobody_approves_an_own_or_unsigned_proposal() -> None:
    assert check_approval("anna", "bo") == ()
    for pair in (("anna", "anna"), ("", "bo"), ("anna", "")):
        assert [one.code for one in check_approval(*pair)] == ["V21"]


@pytest.mark.table("S_unmark")
def test_only_withdrawn_protection_is_unmarked_unless_decided_otherwise(
    row: Mapping[str, str],
) -> None:
    policy = Policy(residence_mark_clearable=row["clearable"] == "yes")
    found = check_unmark(MarkType(row["mark"]), policy)
    assert " ".join(one.code for one in found) == row["expected"]
    assert not Policy().residence_mark_clearable


def test_the_tables_are_complete() -> None:
    assert FLAG_RULES.keys() == MARK_RULES.keys() == set(Group)
    assert NOTICES.keys() == set(Notice)
    assert MARK_NOTICES.keys() == set(MarkType)
    assert all(rules is None or rules.keys() == set(MarkType) for rules in MARK_RULES.values())


@pytest.mark.parametrize(
    ("kind", "article"), [(MarkType.PROTECTION, "31(1)"), (MarkType.RESIDENCE, "31(4)")]
)
def test_a_mark_is_told_by_the_notice_of_its_own_article(kind: MarkType, article: str) -> None:
    assert NOTICES[MARK_NOTICES[kind]].article == article


@pytest.mark.parametrize("category", Category)
def test_flag_and_mark_tables_agree_with_the_field_table(category: Category) -> None:
    has_flag = requirement(Field.SECURITY_FLAG, category) is not Requirement.FORBIDDEN
    wrong_check = FlagProposal(None, (), None, "", could_pose_threat=False)
    assert (check_flag(category, wrong_check)[0].code == "V12") is has_flag
    has_mark = requirement(Field.MARK, category) is Requirement.OWN_CALL
    assert (mark_rule(category, MarkType.PROTECTION) is not None) is has_mark
    assert has_mark is (category in STORED)


@pytest.mark.parametrize(
    ("notice", "category", "expected"),
    [
        (Notice.RESPONSIBILITY_CHANGED, Category.APPLICANT_REG, True),
        (Notice.RESPONSIBILITY_CHANGED, Category.SAR, False),
        (Notice.FLAG_DELETED, Category.SAR, True),
        (Notice.FLAG_DELETED, Category.TEMP_PROTECTION, False),
        (Notice.DATA_ERASED, Category.TEMP_PROTECTION, True),
        (Notice.MARKED_PROTECTION, Category.IRREGULAR_CROSSING, True),
        (Notice.MARKED_RESIDENCE, Category.APPLICANT_REG, True),
        (Notice.MARKED_RESIDENCE, Category.LEA_SEARCH, False),
        (Notice.MARKED_PROTECTION, Category.LEA_SEARCH, False),
    ],
)
def test_a_notice_obliges_where_there_is_something_to_change(
    notice: Notice, category: Category, expected: bool
) -> None:
    """D-F1 and X-S06, X-S07, X-S13."""
    assert obliged(notice, category) is expected


def test_a_notice_goes_to_every_other_origin_once() -> None:
    assert receivers("DK", ["DK", "IT", "IT", "FR"]) == ("FR", "IT")
    assert receivers("DK", ["DK"]) == ()
