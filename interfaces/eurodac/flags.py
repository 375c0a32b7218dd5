"""Security flag, marks, and the notices to other States of origin (Arts 16(4), 17(4), 30, 31).

The flag records a fact; its grounds stay national. Two conditions together: the check found that
the person could pose a threat to internal security, and at least one of four circumstances.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from interfaces.eurodac.categories import Category, Group, group
from interfaces.eurodac.codes import broken
from interfaces.eurodac.errors import Violation
from interfaces.eurodac.policy import Policy
from interfaces.eurodac.terms import MarkType


class FlagCheck(StrEnum):
    """The check that must come first."""

    SCREENING = "SCREENING"
    RESPONSIBILITY_EXAMINATION = "RESPONSIBILITY_EXAMINATION"
    """Art. 16(4) of Regulation (EU) 2024/1351."""
    APPLICATION_SECURITY_SEARCH = "APPLICATION_SECURITY_SEARCH"
    """Art. 9(5) of Regulation (EU) 2024/1348."""
    AT_TAKING_BIOMETRICS = "AT_TAKING_BIOMETRICS"
    """Of persons found illegally staying only."""


class FlagGround(StrEnum):
    """The four circumstances, of which one must hold (recital 8)."""

    ARMED = "ARMED"
    VIOLENT = "VIOLENT"
    TERRORIST_OFFENCE = "TERRORIST_OFFENCE"
    SERIOUS_OFFENCE = "SERIOUS_OFFENCE"


@dataclass(frozen=True, slots=True)
class FlagProposal:
    """What an official puts forward for approval by a second one."""

    check: FlagCheck | None
    grounds: tuple[FlagGround, ...]
    completed_at: datetime | None
    deciding_unit: str
    could_pose_threat: bool


@dataclass(frozen=True, slots=True)
class FlagRule:
    """One column. article: of the field, empty where there is none. checks: any one will do."""

    article: str
    checks: frozenset[FlagCheck]


_NO_FLAG = FlagRule("", frozenset())

FLAG_RULES: Mapping[Group, FlagRule] = MappingProxyType(
    {
        Group.ART_15: FlagRule(
            "17(2)(i)",
            frozenset(
                {
                    FlagCheck.SCREENING,
                    FlagCheck.RESPONSIBILITY_EXAMINATION,
                    FlagCheck.APPLICATION_SECURITY_SEARCH,
                }
            ),
        ),
        Group.ART_18_1: _NO_FLAG,
        Group.ART_18_2: _NO_FLAG,
        Group.ART_20: _NO_FLAG,
        Group.ART_22: FlagRule("22(3)(d)", frozenset({FlagCheck.SCREENING})),
        Group.ART_23: FlagRule(
            "23(3)(e)", frozenset({FlagCheck.SCREENING, FlagCheck.AT_TAKING_BIOMETRICS})
        ),
        Group.ART_24: FlagRule("24(3)(f)", frozenset({FlagCheck.SCREENING})),
        Group.ART_26: _NO_FLAG,
        Group.POLICE: _NO_FLAG,
        Group.RIGHTS: _NO_FLAG,
    }
)
"""Complete: every column has its rule."""


def check_flaggable(category: Category) -> tuple[Violation, ...]:
    """What forbids a flag on data of this category, whatever its grounds.

    >>> [one.code for one in check_flaggable(Category.TEMP_PROTECTION)]
    ['V01']
    """
    if FLAG_RULES[group(category)].checks:
        return ()
    text = "This category has no security flag."
    return (broken("V01", "security_flag", "17(2)(i)", rule=text),)


def check_flag(category: Category, proposal: FlagProposal) -> tuple[Violation, ...]:
    """What forbids setting the flag.

    >>> from datetime import UTC
    >>> done = datetime(2026, 7, 1, tzinfo=UTC)
    >>> at_taking = FlagProposal(
    ...     FlagCheck.AT_TAKING_BIOMETRICS, (FlagGround.VIOLENT,), done, "unit 4", True)
    >>> check_flag(Category.ILLEGAL_STAY, at_taking)
    ()
    >>> [one.article for one in check_flag(Category.SAR, at_taking)]
    ['24(3)(f)']
    """
    rule = FLAG_RULES[group(category)]
    if forbidden := check_flaggable(category):
        return forbidden
    needed = (
        (proposal.check in rule.checks, "The check that the article names comes first."),
        (proposal.completed_at is not None, "The check is completed."),
        (proposal.could_pose_threat, "The person could pose a threat to internal security."),
        (bool(proposal.grounds), "At least one of the four grounds holds."),
        (bool(proposal.deciding_unit), "The deciding unit is named."),
    )
    return tuple(
        broken("V12", "security_flag", rule.article, rule=text) for met, text in needed if not met
    )


def check_approval(proposed_by: str, approved_by: str) -> tuple[Violation, ...]:
    """What forbids this official to approve what that one proposed: four eyes, our rule.

    >>> [one.code for one in check_approval("anna", "anna")]
    ['V21']
    """
    if proposed_by and approved_by and proposed_by != approved_by:
        return ()
    return (broken("V21", "security_flag", "17(2)(i)"),)


def check_flag_deletion(
    consulted: Collection[str], others: Collection[str]
) -> tuple[Violation, ...]:
    """What forbids deleting a flag: a State with data of the same person was not consulted.

    others: origin States of the sequence other than the one that deletes. Art. 17(4); flags of
    Art. 23(3)(e) are treated alike.

    >>> [one.rule for one in check_flag_deletion([], ["IT", "DE"])]
    ['Not consulted: DE, IT.']
    """
    left = sorted(set(others) - set(consulted))
    if not left:
        return ()
    return (broken("V13", "security_flag", "17(4)", rule=f"Not consulted: {', '.join(left)}."),)


@dataclass(frozen=True, slots=True)
class MarkRule:
    """One cell. first: whether the origin State may mark of its own accord, else only follow."""

    first: bool
    article: str


_FOLLOWS_GRANT = MarkRule(False, "31(1)")
_FOLLOWS_DOCUMENT = MarkRule(False, "31(4)")

MARK_RULES: Mapping[Group, Mapping[MarkType, MarkRule] | None] = MappingProxyType(
    {
        Group.ART_15: {
            MarkType.PROTECTION: MarkRule(True, "31(1)"),
            MarkType.RESIDENCE: _FOLLOWS_DOCUMENT,
        },
        Group.ART_18_1: None,
        Group.ART_18_2: {
            MarkType.PROTECTION: _FOLLOWS_GRANT,
            MarkType.RESIDENCE: _FOLLOWS_DOCUMENT,
        },
        Group.ART_20: {
            MarkType.PROTECTION: _FOLLOWS_GRANT,
            MarkType.RESIDENCE: _FOLLOWS_DOCUMENT,
        },
        Group.ART_22: {
            MarkType.PROTECTION: _FOLLOWS_GRANT,
            MarkType.RESIDENCE: MarkRule(True, "31(4)"),
        },
        Group.ART_23: {
            MarkType.PROTECTION: _FOLLOWS_GRANT,
            MarkType.RESIDENCE: MarkRule(True, "31(4)"),
        },
        Group.ART_24: {
            MarkType.PROTECTION: _FOLLOWS_GRANT,
            MarkType.RESIDENCE: MarkRule(True, "31(4)"),
        },
        Group.ART_26: {
            MarkType.PROTECTION: _FOLLOWS_GRANT,
            MarkType.RESIDENCE: _FOLLOWS_DOCUMENT,
        },
        Group.POLICE: None,
        Group.RIGHTS: None,
    }
)
"""Complete: every column; None where nothing is stored that could be marked."""


def mark_rule(category: Category, mark: MarkType) -> MarkRule | None:
    """Who may set this mark on data of this category; None when nothing is stored.

    >>> mark_rule(Category.SAR, MarkType.RESIDENCE).article
    '31(4)'
    """
    rules = MARK_RULES[group(category)]
    return None if rules is None else rules[mark]


def check_mark(category: Category, mark: MarkType, *, follow_up: bool) -> tuple[Violation, ...]:
    """What forbids setting this mark. follow_up: another State's mark was notified.

    >>> [one.code for one in check_mark(Category.SAR, MarkType.PROTECTION, follow_up=False)]
    ['V14']
    """
    rule = mark_rule(category, mark)
    if rule is not None and (rule.first or follow_up):
        return ()
    return (broken("V14", "marks", "31" if rule is None else rule.article),)


def check_unmark(mark: MarkType, policy: Policy) -> tuple[Violation, ...]:
    """What forbids taking a mark back: Art. 31(3) provides it for withdrawn protection only.

    >>> check_unmark(MarkType.PROTECTION, Policy())
    ()
    """
    if mark is MarkType.PROTECTION or policy.residence_mark_clearable:
        return ()
    return (broken("V14", "marks", "31(3)", rule="No article takes a residence mark back."),)


class Notice(StrEnum):
    """What the centre tells other States of origin, each within 72 hours."""

    RESPONSIBILITY_CHANGED = "RESPONSIBILITY_CHANGED"
    FLAG_DELETED = "FLAG_DELETED"
    DATA_ERASED = "DATA_ERASED"
    MARKED_PROTECTION = "MARKED_PROTECTION"
    MARKED_RESIDENCE = "MARKED_RESIDENCE"


@dataclass(frozen=True, slots=True)
class NoticeRule:
    """One row. triggers: articles of the act that causes it. duty: of the receiving State."""

    article: str
    triggers: tuple[str, ...]
    duty: str


NOTICES: Mapping[Notice, NoticeRule] = MappingProxyType(
    {
        Notice.RESPONSIBILITY_CHANGED: NoticeRule(
            "16(4)", ("16(1)", "16(3)", "31(6)"), "Update the responsible State in Art. 15(1) data."
        ),
        Notice.FLAG_DELETED: NoticeRule("17(4)", ("17(4)",), "Delete the own flag."),
        # The notice is how the receiving State becomes aware, Art. 30(1).
        Notice.DATA_ERASED: NoticeRule("30(2)", ("30(1)",), "Check, and erase the own data."),
        Notice.MARKED_PROTECTION: NoticeRule("31(1)", ("31(1)",), "Mark the own data."),
        Notice.MARKED_RESIDENCE: NoticeRule("31(4)", ("31(4)",), "Mark the own data."),
    }
)
"""Complete: every notice has its row. Setting a flag, unmarking and departure cause none."""

MARK_NOTICES: Mapping[MarkType, Notice] = MappingProxyType(
    {
        MarkType.PROTECTION: Notice.MARKED_PROTECTION,
        MarkType.RESIDENCE: Notice.MARKED_RESIDENCE,
    }
)
"""Complete: every mark has its notice."""


def obliged(notice: Notice, category: Category) -> bool:
    """Whether a notice obliges its receiver to change data of this category.

    >>> obliged(Notice.RESPONSIBILITY_CHANGED, Category.SAR)
    False
    """
    if notice is Notice.RESPONSIBILITY_CHANGED:
        return group(category) is Group.ART_15
    if notice is Notice.FLAG_DELETED:
        return bool(FLAG_RULES[group(category)].checks)
    if notice in (Notice.MARKED_PROTECTION, Notice.MARKED_RESIDENCE):
        return MARK_RULES[group(category)] is not None
    return True


def receivers(origin: str, sequence_origins: Iterable[str]) -> tuple[str, ...]:
    """Whom a notice goes to: the other origin States whose data produced a hit for the person.

    >>> receivers("DK", ["IT", "DK", "DE", "IT"])
    ('DE', 'IT')
    """
    return tuple(sorted(set(sequence_origins) - {origin}))
