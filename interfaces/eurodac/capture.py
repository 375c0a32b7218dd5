"""Who may be captured and how: age, minors, the ten fingers (Arts 13, 14, 2(1)(q))."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from interfaces.eurodac.ages import birth_range, has_reached, is_minor
from interfaces.eurodac.categories import RULES, Category
from interfaces.eurodac.codes import broken
from interfaces.eurodac.errors import Violation
from interfaces.eurodac.periods import local_day
from interfaces.eurodac.policy import Policy
from matcher.vocabulary import TEN_FINGERS, FingerPosition

__all__ = [
    "AMPUTATED",
    "UNABLE_TO_PRINT",
    "Accompaniment",
    "AgeProof",
    "Measure",
    "MinorSafeguards",
    "Obstacle",
    "check_age",
    "check_applicable",
    "check_fingers",
    "check_minor",
    "check_placement",
    "is_minor",
    "measures",
    "retake_wanted",
]


class AgeProof(StrEnum):
    """What supports the age stated."""

    NONE = "NONE"
    DOCUMENT = "DOCUMENT"
    ASSESSMENT = "ASSESSMENT"


class Accompaniment(StrEnum):
    """Who was present throughout, Art. 14(1) third subparagraph."""

    FAMILY = "FAMILY"
    REPRESENTATIVE = "REPRESENTATIVE"
    INDEPENDENT_PERSON = "INDEPENDENT_PERSON"


@dataclass(frozen=True, slots=True)
class MinorSafeguards:
    """How the capture of a minor was safeguarded; None or empty: not stated."""

    trained_operator_user_id: str = ""
    accompanied_by: Accompaniment | None = None
    accompanying_person_id: str = ""
    age_proof: AgeProof = AgeProof.NONE


def check_age(
    date_of_birth: str, taken_at: datetime, age_proof: AgeProof, *, state: str
) -> tuple[Violation, ...]:
    """What forbids taking biometrics at this age, counted on the day of the taking, local time.

    Art. 14(1): from six; a doubt without proof counts as under six.

    >>> from datetime import UTC
    >>> day = datetime(2026, 8, 31, 12, tzinfo=UTC)
    >>> [one.code for one in check_age("2020-09-01", day, AgeProof.DOCUMENT, state="DK")]
    ['V03']
    """
    minimum = RULES[Category.APPLICANT_REG].minimum_age
    assert minimum is not None
    born = birth_range(date_of_birth)
    if born is None:
        return (broken("V05", "date_of_birth", "17(1)(e)"),)
    earliest, latest = born
    on = local_day(taken_at, state)
    if has_reached(latest, minimum, on):
        return ()
    if not has_reached(earliest, minimum, on):
        return (broken("V03", "date_of_birth", "14(1)"),)
    if age_proof is AgeProof.NONE:
        rule = "Where it is uncertain whether a child is six, and nothing proves it, it is not."
        return (broken("V03", "date_of_birth", "14(1)", rule=rule),)
    return ()


def check_minor(safeguards: MinorSafeguards | None, operator_user_id: str) -> tuple[Violation, ...]:
    """What is missing before a minor's biometrics may be taken, Art. 14(1).

    >>> found = check_minor(MinorSafeguards("op1", Accompaniment.REPRESENTATIVE, "op1"), "op1")
    >>> [one.rule for one in found]
    ['The person accompanying the minor is not the official who takes the data.']
    """
    given = safeguards or MinorSafeguards()
    found = []
    if not given.trained_operator_user_id or given.trained_operator_user_id != operator_user_id:
        rule = "The official who takes the data is trained for minors."
        found.append(_unsafe(rule, "Have a trained official take the data."))
    if given.accompanied_by is None or not given.accompanying_person_id:
        rule = "A family member, a representative or an independent person is present throughout."
        found.append(_unsafe(rule, "State who accompanies the minor."))
    elif given.accompanying_person_id in (operator_user_id, given.trained_operator_user_id):
        rule = "The person accompanying the minor is not the official who takes the data."
        found.append(_unsafe(rule, "Call another person."))
    return tuple(found)


def _unsafe(rule: str, remedy: str) -> Violation:
    return broken("V11", "minor_safeguards", "14(1)", rule=rule, remedy=remedy)


def check_applicable(
    category: Category, on: date, policy: Policy, *, under_decision_2022_382: bool = False
) -> tuple[Violation, ...]:
    """What keeps the category's article from applying on this day to this person, Art. 63.

    >>> [one.code for one in check_applicable(Category.TEMP_PROTECTION, date(2028, 1, 1), Policy())]
    ['V06']
    """
    if on < policy.eurodac_applies_from:
        rule = f"The Regulation applies from {policy.eurodac_applies_from}."
        return (broken("V06", "category", "63(2)", rule=rule),)
    if category is not Category.TEMP_PROTECTION:
        return ()
    found = []
    if on < policy.art26_from:
        rule = f"Art. 26 applies from {policy.art26_from}."
        found.append(broken("V06", "category", "63(2)", rule=rule))
    if under_decision_2022_382 and policy.ukraine_tp_excluded:
        rule = "Persons under Decision (EU) 2022/382 stay outside Eurodac."
        found.append(broken("V06", "category", "63(3)", rule=rule))
    return tuple(found)


AMPUTATED = "XX"
"""Declares a finger that is not there for good (ANSI/NIST-ITL field 14.018)."""

UNABLE_TO_PRINT = "UP"
"""Declares a finger that cannot be printed for now, such as a bandaged one."""


def check_placement(one: int, other: int, *, swapped: bool) -> Violation:
    """What two samples break that are one finger under two positions, Art. 38(1).

    swapped: one was rolled and the other is flat; otherwise the finger is there twice.

    >>> check_placement(2, 3, swapped=True).code
    'Q02'
    """
    rule = f"Positions {one:d} and {other:d} do not hold the same finger."
    return broken("Q02" if swapped else "Q06", "capture.fingers", "38(1)", rule=rule)


def check_fingers(
    present: Collection[FingerPosition], missing: Mapping[FingerPosition, str]
) -> tuple[Violation, ...]:
    """What is wrong with the ten fingers: each is present or declared missing, Art. 2(1)(q).

    present: positions 1 to 10 of the samples, slaps already segmented.

    >>> check_fingers(TEN_FINGERS[1:], {FingerPosition.RIGHT_THUMB: UNABLE_TO_PRINT})
    ()
    """
    found = []
    for position in TEN_FINGERS:
        field = f"fingers[{int(position)}]"
        if position not in present and position not in missing:
            found.append(broken("Q03", field, "2(1)(q)"))
        if position in present and position in missing:
            rule = "A finger is captured or declared missing, not both."
            found.append(broken("Q03", field, "2(1)(q)", rule=rule))
        if missing.get(position, AMPUTATED) not in (AMPUTATED, UNABLE_TO_PRINT):
            found.append(broken("V05", field, "2(1)(q)", rule="The reason is XX or UP."))
    return tuple(found)


def retake_wanted(missing: Mapping[FingerPosition, str]) -> tuple[FingerPosition, ...]:
    """Fingers to take again once their condition allows it, Art. 15(1) and its like.

    >>> retake_wanted({FingerPosition.RIGHT_INDEX: UNABLE_TO_PRINT})
    (<FingerPosition.RIGHT_INDEX: 2>,)
    """
    return tuple(sorted(finger for finger in missing if missing[finger] == UNABLE_TO_PRINT))


class Measure(StrEnum):
    """What may follow when biometrics were refused or could not be taken."""

    RETAKE_TASK = "RETAKE_TASK"
    CHILD_PROTECTION_REFERRAL = "CHILD_PROTECTION_REFERRAL"
    NATIONAL_MEASURES = "NATIONAL_MEASURES"
    ASYLUM_LAW_CONSEQUENCES = "ASYLUM_LAW_CONSEQUENCES"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why the capture did not succeed. refused: the person would not; else the tips or the face."""

    refused: bool
    minor: bool = False
    safeguarding_risk: bool = False
    vulnerable: bool = False
    self_inflicted: bool = False
    applicant: bool = False


def measures(obstacle: Obstacle) -> tuple[Measure, ...]:
    """What the system may offer next; never a sanction that Arts 13 and 14 forbid.

    >>> [one.value for one in measures(Obstacle(refused=True, minor=True, safeguarding_risk=True))]
    ['CHILD_PROTECTION_REFERRAL']
    """
    # Art. 14(1) fifth subparagraph.
    if obstacle.refused and obstacle.minor and obstacle.safeguarding_risk:
        return (Measure.CHILD_PROTECTION_REFERRAL,)
    if not obstacle.refused:
        # Art. 13(5): no administrative measures for a condition that was not self-inflicted.
        if obstacle.self_inflicted and not obstacle.vulnerable:
            return (Measure.RETAKE_TASK, Measure.NATIONAL_MEASURES)
        return (Measure.RETAKE_TASK,)
    # Art. 13(4).
    if obstacle.applicant and not obstacle.minor:
        return (Measure.NATIONAL_MEASURES, Measure.ASYLUM_LAW_CONSEQUENCES)
    return (Measure.NATIONAL_MEASURES,)
