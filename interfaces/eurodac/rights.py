"""Who may learn what: disclosure, transfer for return, information (Arts 40, 42, 49, 50)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from interfaces.eurodac.categories import Category, Group, group
from interfaces.eurodac.codes import broken
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.errors import Violation
from interfaces.eurodac.policy import Policy
from interfaces.eurodac.terms import AdmissionOutcome


class Recipient(StrEnum):
    """Who asks."""

    ORIGIN_STATE = "ORIGIN_STATE"
    STATE_WITH_HIT = "STATE_WITH_HIT"
    STATE_WITHOUT_HIT = "STATE_WITHOUT_HIT"
    DATA_SUBJECT = "DATA_SUBJECT"
    THIRD_COUNTRY = "THIRD_COUNTRY"
    INTERNATIONAL_ORGANISATION = "INTERNATIONAL_ORGANISATION"
    PRIVATE_ENTITY = "PRIVATE_ENTITY"


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One row."""

    allowed: bool
    article: str


DISCLOSURES: Mapping[Recipient, Disclosure] = MappingProxyType(
    {
        Recipient.ORIGIN_STATE: Disclosure(True, "40(1)"),
        Recipient.STATE_WITH_HIT: Disclosure(True, "27(4)"),
        # No State searches in other States' data, by name or otherwise.
        Recipient.STATE_WITHOUT_HIT: Disclosure(False, "40(1)"),
        Recipient.DATA_SUBJECT: Disclosure(True, "43(2)"),
        Recipient.THIRD_COUNTRY: Disclosure(False, "49(1), (4)"),
        Recipient.INTERNATIONAL_ORGANISATION: Disclosure(False, "49(1)"),
        Recipient.PRIVATE_ENTITY: Disclosure(False, "49(1)"),
    }
)
"""Complete: every recipient has its row."""


def check_disclosure(recipient: Recipient) -> tuple[Violation, ...]:
    """What forbids telling this recipient what is recorded, or that anything is.

    >>> [one.article for one in check_disclosure(Recipient.THIRD_COUNTRY)]
    ['49(1), (4)']
    """
    row = DISCLOSURES[recipient]
    return () if row.allowed else (broken("V23", "recipient", row.article),)


@dataclass(frozen=True, slots=True)
class ReturnTransfer:
    """Data of a hit to be shown to a third country for a return, Art. 50."""

    origin_consented: bool
    person_informed: bool
    illegally_staying: bool


def check_return_transfer(data_set: DataSet, transfer: ReturnTransfer) -> tuple[Violation, ...]:
    """What forbids giving these data to a third country to identify a person for return.

    >>> asked = ReturnTransfer(False, True, True)
    >>> [one.code for one in check_return_transfer(DataSet(Category.SAR, "IT"), asked)]
    ['V22']
    """
    found = []
    if not transfer.origin_consented:
        found.append(broken("V22", "origin", "50(1)"))
    if not transfer.illegally_staying:
        rule = "The only purpose is the return of an illegally staying person."
        found.append(broken("V23", "purpose", "50(1)", rule=rule))
    if not transfer.person_informed:
        rule = "The person is informed beforehand."
        found.append(broken("V23", "person_informed", "50(1)", rule=rule))
    if _not_admitted(data_set):
        rule = "Data of refused or discontinued admissions never go to a third country."
        found.append(broken("V23", "admission_decision", "50(2)", rule=rule))
    return tuple(found)


def _not_admitted(data_set: DataSet) -> bool:
    decision = data_set.admission_decision
    admission = group(data_set.category) is Group.ART_18_2
    return admission and (decision is None or decision.outcome is not AdmissionOutcome.GRANTED)


def is_matched_by_etias(data_set: DataSet, on: date, policy: Policy) -> bool:
    """Whether an automated ETIAS query of this day meets this data set, Arts 8(2) and 9.

    Only persons recorded as having left or been removed under a return decision or removal order.

    >>> is_matched_by_etias(DataSet(Category.SAR, "IT"), date(2027, 1, 1), Policy())
    False
    """
    return on >= policy.etias_link_from and data_set.removed_on is not None


INFORMATION = (
    ("controller and data protection officer", "42(1)(a)"),
    ("data, legal basis, aims and access by law enforcement", "42(1)(b)"),
    ("the duty to record a positive security check", "42(1)(c)"),
    ("recipients", "42(1)(d)"),
    ("obligation to give biometrics and its consequences", "42(1)(e)"),
    ("storage period", "42(1)(f)"),
    ("rights of access, rectification, completion and erasure", "42(1)(g)"),
    ("right to complain", "42(1)(h)"),
)
"""What the person is told at the time of the taking; texts of the leaflet are national."""

FLAG_INFORMED = frozenset({Group.ART_15, Group.ART_22, Group.ART_23, Group.ART_24})
"""Columns to which Art. 42(1)(c) applies."""


def information(category: Category) -> tuple[tuple[str, str], ...]:
    """What a person of this category is told when the biometrics are taken.

    >>> len(information(Category.SAR)), len(information(Category.TEMP_PROTECTION))
    (8, 7)
    """
    flagged = group(category) in FLAG_INFORMED
    return tuple(row for row in INFORMATION if flagged or row[1] != "42(1)(c)")
