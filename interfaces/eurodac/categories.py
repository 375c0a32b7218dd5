"""Categories of persons and requests, one row of rules each (Art. 37(4) and the articles named)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from interfaces.eurodac.periods import Period, days, hours


class Category(StrEnum):
    """Kind of person or request."""

    APPLICANT_REG = "APPLICANT_REG"
    APPLICANT_BORDER = "APPLICANT_BORDER"
    APPLICANT_ARRIVAL = "APPLICANT_ARRIVAL"
    APPLICANT_RELOCATED = "APPLICANT_RELOCATED"
    IRREGULAR_CROSSING = "IRREGULAR_CROSSING"
    ILLEGAL_STAY = "ILLEGAL_STAY"
    ILLEGAL_STAY_RELOCATED = "ILLEGAL_STAY_RELOCATED"
    SAR = "SAR"
    TEMP_PROTECTION = "TEMP_PROTECTION"
    ADMISSION_SEARCH = "ADMISSION_SEARCH"
    ADMISSION_RECORD = "ADMISSION_RECORD"
    NATIONAL_RESETTLEMENT = "NATIONAL_RESETTLEMENT"
    LEA_SEARCH = "LEA_SEARCH"
    EUROPOL_SEARCH = "EUROPOL_SEARCH"
    DATA_SUBJECT = "DATA_SUBJECT"


class Group(StrEnum):
    """The article that lists the data of a category: the columns of the tables."""

    ART_15 = "15"
    ART_18_1 = "18(1)"
    ART_18_2 = "18(2)"
    ART_20 = "20"
    ART_22 = "22"
    ART_23 = "23"
    ART_24 = "24"
    ART_26 = "26"
    POLICE = "32"
    RIGHTS = "43"


class Clock(StrEnum):
    """The event that starts the time limit of the transmission."""

    REGISTRATION = "registration"
    TAKING = "taking of the biometrics"
    ARRIVAL = "arrival"
    APPREHENSION = "apprehension"
    FINDING = "being found"
    DISEMBARKATION = "disembarkation"
    DECISION = "decision"
    NONE = "none"


SIX = 6
"""Years of age from which biometrics are taken, Art. 14(1)."""

WITHIN = hours(72)
"""Limit of the transmission of most data sets, Arts 15(1), 18(2), 20(1), 22(2), 23(2), 24(2)."""


@dataclass(frozen=True, slots=True)
class CategoryRule:
    """One row. digit: second part of the reference number.

    article: the one that orders the taking. stored: recorded by the centre at all.
    minimum_age: years; None where the act names none. compared: searched when it arrives.
    clock, within: start and length of the transmission limit; None where no length is stated.
    on_behalf: articles that let others take the biometrics for the State, empty if none do.
    """

    digit: int
    group: Group
    article: str
    clock: Clock
    within: Period | None
    stored: bool = True
    compared: bool = True
    minimum_age: int | None = SIX
    on_behalf: str = ""


_ROWS = {
    Category.APPLICANT_REG: CategoryRule(
        1, Group.ART_15, "15(1)(a)", Clock.REGISTRATION, WITHIN, on_behalf="15(3)"
    ),
    Category.APPLICANT_BORDER: CategoryRule(
        1, Group.ART_15, "15(1)(b)", Clock.TAKING, WITHIN, on_behalf="15(3)"
    ),
    # Art. 27(1) excepts arrivals after take charge from the comparison.
    Category.APPLICANT_ARRIVAL: CategoryRule(
        1, Group.ART_15, "16(2)(a)", Clock.ARRIVAL, None, compared=False
    ),
    Category.APPLICANT_RELOCATED: CategoryRule(1, Group.ART_15, "25(2)", Clock.ARRIVAL, None),
    Category.IRREGULAR_CROSSING: CategoryRule(
        2, Group.ART_22, "22(2)", Clock.APPREHENSION, WITHIN, on_behalf="22(8)"
    ),
    Category.ILLEGAL_STAY: CategoryRule(3, Group.ART_23, "23(2)", Clock.FINDING, WITHIN),
    Category.ILLEGAL_STAY_RELOCATED: CategoryRule(3, Group.ART_23, "25(2)", Clock.ARRIVAL, None),
    Category.SAR: CategoryRule(
        9, Group.ART_24, "24(2)", Clock.DISEMBARKATION, WITHIN, on_behalf="24(8)"
    ),
    Category.TEMP_PROTECTION: CategoryRule(
        0, Group.ART_26, "26(2)", Clock.REGISTRATION, days(10), on_behalf="26(5)"
    ),
    # Art. 29(2): searched, never recorded.
    Category.ADMISSION_SEARCH: CategoryRule(
        7, Group.ART_18_1, "18(1)", Clock.REGISTRATION, None, stored=False, on_behalf="18(4)"
    ),
    Category.ADMISSION_RECORD: CategoryRule(
        7, Group.ART_18_2, "18(2)", Clock.DECISION, WITHIN, compared=False, on_behalf="18(4)"
    ),
    Category.NATIONAL_RESETTLEMENT: CategoryRule(
        8, Group.ART_20, "20(1)", Clock.DECISION, WITHIN, compared=False
    ),
    Category.LEA_SEARCH: CategoryRule(
        4, Group.POLICE, "33", Clock.NONE, None, stored=False, minimum_age=None
    ),
    Category.EUROPOL_SEARCH: CategoryRule(
        5, Group.POLICE, "34", Clock.NONE, None, stored=False, minimum_age=None
    ),
    Category.DATA_SUBJECT: CategoryRule(
        6, Group.RIGHTS, "43(6)", Clock.NONE, None, stored=False, minimum_age=None
    ),
}

RULES: Mapping[Category, CategoryRule] = MappingProxyType(_ROWS)
"""Complete: every category has its row."""

STORED = tuple(category for category in Category if RULES[category].stored)
"""Categories that the centre holds and that can therefore be hit."""


def digit(category: Category) -> int:
    """Category digit of the reference number, Art. 37(4).

    >>> digit(Category.SAR), digit(Category.DATA_SUBJECT)
    (9, 6)
    """
    return RULES[category].digit


def group(category: Category) -> Group:
    """Column of the category in the tables.

    >>> group(Category.APPLICANT_RELOCATED).value
    '15'
    """
    return RULES[category].group


def is_applicant(category: Category) -> bool:
    """Whether the person has applied for international protection (digit 1).

    >>> is_applicant(Category.APPLICANT_BORDER), is_applicant(Category.SAR)
    (True, False)
    """
    return RULES[category].group is Group.ART_15


def is_arrival(category: Category) -> bool:
    """Whether the data set tells of an arrival after a transfer or relocation.

    >>> is_arrival(Category.ILLEGAL_STAY_RELOCATED), is_arrival(Category.ILLEGAL_STAY)
    (True, False)
    """
    return RULES[category].clock is Clock.ARRIVAL
