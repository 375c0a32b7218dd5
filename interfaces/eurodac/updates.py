"""What happens to a person after the first transmission, and what must then be sent (D1 to D20).

"As soon as", "promptly" and "on arrival" are the act's words for when; none has an hour limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from interfaces.eurodac.categories import Category, Group, group
from interfaces.eurodac.flags import Notice


class StatusEvent(StrEnum):
    """Events of the rulebook's section D; values are its keys."""

    RESPONSIBLE_DETERMINED = "D1"
    RESPONSIBLE_BY_SECURITY = "D2"
    ARRIVED_AFTER_TAKE_CHARGE = "D3"
    ARRIVED_AFTER_TAKE_BACK = "D4"
    LEFT_MEMBER_STATES = "D5"
    LEFT_AFTER_REJECTION = "D6"
    REMOVED = "D7"
    RESPONSIBILITY_SHIFTED = "D8"
    RELOCATION_OWED = "D9"
    ARRIVED_AFTER_RELOCATION = "D10"
    RELOCATED_BENEFICIARY = "D11"
    VISA_FOUND = "D12"
    FLAG_SET = "D13 set"
    FLAG_DELETED = "D13 deleted"
    APPLICATION_REJECTED = "D14"
    BORDER_DECISION_FINAL = "D15"
    RETURN_ASSISTED = "D16"
    DOCUMENTS_AVAILABLE = "D17"
    PROTECTION_GRANTED = "D18 granted"
    PROTECTION_WITHDRAWN = "D18 withdrawn"
    RESIDENCE_DOCUMENT_ISSUED = "D19"
    CITIZENSHIP = "D20"


class Actor(StrEnum):
    """Which State must send."""

    ORIGIN = "State of origin"
    CONDUCTING = "State conducting the procedure"
    RESPONSIBLE = "responsible State"
    BENEFITTING = "benefitting State"
    RELOCATION = "relocation State"
    GRANTING = "granting State of origin"
    ISSUING = "issuing State of origin"


class Act(StrEnum):
    """What is sent; each has its own call."""

    UPDATE = "update of the own data set"
    NEW_DATA_SET = "new data set"
    SET_FLAG = "security flag"
    DELETE_FLAG = "deletion of the security flag"
    MARK = "mark"
    UNMARK = "removal of the mark"
    ERASE = "erasure"


@dataclass(frozen=True, slots=True)
class UpdateRule:
    """One row. fields: attributes of DataSet. groups: columns whose data sets it concerns.

    becomes: category of a new data set by the column of the old one. notice: what the centre
    then tells the other States of origin; None where nothing is provided.
    """

    actor: Actor
    act: Act
    article: str
    groups: frozenset[Group]
    fields: tuple[str, ...] = ()
    becomes: tuple[tuple[Group, Category], ...] = ()
    notice: Notice | None = None


APPLICANTS = frozenset({Group.ART_15})
OTHERS = frozenset({Group.ART_22, Group.ART_23, Group.ART_24})
ERASABLE = frozenset(
    {Group.ART_15, Group.ART_18_2, Group.ART_20, *OTHERS, Group.ART_26},
)
"""Columns that Art. 30(1) reaches; of Art. 18(2) granted admissions only."""

_RESPONSIBLE = ("responsible_state",)
_CHANGED = Notice.RESPONSIBILITY_CHANGED

UPDATES: Mapping[StatusEvent, UpdateRule] = MappingProxyType(
    {
        StatusEvent.RESPONSIBLE_DETERMINED: UpdateRule(
            Actor.CONDUCTING, Act.UPDATE, "16(1)", APPLICANTS, _RESPONSIBLE, notice=_CHANGED
        ),
        StatusEvent.RESPONSIBLE_BY_SECURITY: UpdateRule(
            Actor.RESPONSIBLE, Act.UPDATE, "16(1)", APPLICANTS, _RESPONSIBLE, notice=_CHANGED
        ),
        StatusEvent.ARRIVED_AFTER_TAKE_CHARGE: UpdateRule(
            Actor.RESPONSIBLE,
            Act.NEW_DATA_SET,
            "16(2)(a)",
            APPLICANTS,
            ("arrival_after_take_charge_on",),
            becomes=((Group.ART_15, Category.APPLICANT_ARRIVAL),),
        ),
        StatusEvent.ARRIVED_AFTER_TAKE_BACK: UpdateRule(
            Actor.RESPONSIBLE,
            Act.UPDATE,
            "16(2)(b)",
            APPLICANTS,
            ("arrival_after_take_back_on",),
        ),
        StatusEvent.LEFT_MEMBER_STATES: UpdateRule(
            Actor.ORIGIN, Act.UPDATE, "16(2)(c)", APPLICANTS, ("left_member_states_on",)
        ),
        StatusEvent.LEFT_AFTER_REJECTION: UpdateRule(
            Actor.ORIGIN, Act.UPDATE, "16(2)(d)", APPLICANTS, ("removed_on",)
        ),
        StatusEvent.REMOVED: UpdateRule(
            Actor.ORIGIN, Act.UPDATE, "22(7), 23(6), 24(7)", OTHERS, ("removed_on",)
        ),
        StatusEvent.RESPONSIBILITY_SHIFTED: UpdateRule(
            Actor.CONDUCTING, Act.UPDATE, "16(3)", APPLICANTS, _RESPONSIBLE, notice=_CHANGED
        ),
        StatusEvent.RELOCATION_OWED: UpdateRule(
            Actor.BENEFITTING, Act.UPDATE, "25(1)", APPLICANTS | OTHERS, ("relocation_state",)
        ),
        StatusEvent.ARRIVED_AFTER_RELOCATION: UpdateRule(
            Actor.RELOCATION,
            Act.NEW_DATA_SET,
            "25(2)",
            APPLICANTS | {Group.ART_23},
            ("arrival_after_relocation_on",),
            becomes=(
                (Group.ART_15, Category.APPLICANT_RELOCATED),
                (Group.ART_23, Category.ILLEGAL_STAY_RELOCATED),
            ),
        ),
        # Follows the arrival; the mark of the granting State is set by its own call.
        StatusEvent.RELOCATED_BENEFICIARY: UpdateRule(
            Actor.RELOCATION, Act.UPDATE, "31(6)", APPLICANTS, _RESPONSIBLE, notice=_CHANGED
        ),
        StatusEvent.VISA_FOUND: UpdateRule(
            Actor.ORIGIN, Act.UPDATE, "17(2)(h)", APPLICANTS, ("visa",)
        ),
        StatusEvent.FLAG_SET: UpdateRule(
            Actor.ORIGIN,
            Act.SET_FLAG,
            "17(2)(i), 22(3)(d), 23(3)(e), 24(3)(f)",
            APPLICANTS | OTHERS,
            ("security_flag",),
        ),
        StatusEvent.FLAG_DELETED: UpdateRule(
            Actor.ORIGIN,
            Act.DELETE_FLAG,
            "17(4)",
            APPLICANTS | OTHERS,
            ("security_flag",),
            notice=Notice.FLAG_DELETED,
        ),
        StatusEvent.APPLICATION_REJECTED: UpdateRule(
            Actor.ORIGIN, Act.UPDATE, "17(2)(j)", APPLICANTS, ("application_rejected",)
        ),
        StatusEvent.BORDER_DECISION_FINAL: UpdateRule(
            Actor.ORIGIN, Act.UPDATE, "17(2)(k)", APPLICANTS, ("border_procedure_final",)
        ),
        StatusEvent.RETURN_ASSISTED: UpdateRule(
            Actor.ORIGIN,
            Act.UPDATE,
            "17(2)(l), 22(3)(c), 23(3)(d), 24(3)(e)",
            APPLICANTS | OTHERS,
            ("avrr_granted",),
        ),
        StatusEvent.DOCUMENTS_AVAILABLE: UpdateRule(
            Actor.ORIGIN,
            Act.UPDATE,
            "24(3)(a), (b)",
            frozenset({Group.ART_24}),
            ("document", "document_scans"),
        ),
        StatusEvent.PROTECTION_GRANTED: UpdateRule(
            Actor.GRANTING,
            Act.MARK,
            "31(1)",
            APPLICANTS,
            ("marks",),
            notice=Notice.MARKED_PROTECTION,
        ),
        StatusEvent.PROTECTION_WITHDRAWN: UpdateRule(
            Actor.GRANTING, Act.UNMARK, "31(3)", APPLICANTS, ("marks",)
        ),
        StatusEvent.RESIDENCE_DOCUMENT_ISSUED: UpdateRule(
            Actor.ISSUING, Act.MARK, "31(4)", OTHERS, ("marks",), notice=Notice.MARKED_RESIDENCE
        ),
        StatusEvent.CITIZENSHIP: UpdateRule(
            Actor.ORIGIN, Act.ERASE, "30(1)", ERASABLE, notice=Notice.DATA_ERASED
        ),
    }
)
"""Complete: every event has its row."""


def update_rule(event: StatusEvent, category: Category) -> UpdateRule | None:
    """What the event asks for a data set of this category; None when it does not concern it.

    >>> update_rule(StatusEvent.REMOVED, Category.SAR).article
    '22(7), 23(6), 24(7)'
    >>> update_rule(StatusEvent.VISA_FOUND, Category.SAR) is None
    True
    """
    rule = UPDATES[event]
    return rule if group(category) in rule.groups else None


def new_category(event: StatusEvent, category: Category) -> Category | None:
    """Category of the new data set that the event asks for; None when it asks for none.

    >>> new_category(StatusEvent.ARRIVED_AFTER_RELOCATION, Category.ILLEGAL_STAY).value
    'ILLEGAL_STAY_RELOCATED'
    """
    return dict(UPDATES[event].becomes).get(group(category))


def notice_of_update(changed_fields: tuple[str, ...]) -> Notice | None:
    """Notice that a status update of these fields causes at the centre.

    >>> notice_of_update(("responsible_state", "visa")).value
    'RESPONSIBILITY_CHANGED'
    >>> notice_of_update(("removed_on",)) is None
    True
    """
    for rule in UPDATES.values():
        told = rule.act is Act.UPDATE and rule.notice is not None
        if told and set(rule.fields) & set(changed_fields):
            return rule.notice
    return None
