"""Fields by category and what may change later: rulebook C, D and examples X-D."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from interfaces.eurodac.categories import RULES, Category, Group
from interfaces.eurodac.codes import CODES
from interfaces.eurodac.dataset import (
    FIXED,
    UNKNOWN,
    AdmissionDecision,
    AdmissionOutcome,
    Authenticity,
    DataSet,
    DocumentScan,
    Mark,
    MarkType,
    Sex,
    Visa,
    check_correction,
    check_transmission,
    check_update,
    complete_for_mid,
    updated,
)
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.fields import (
    ATTRIBUTES,
    EXCEPTIONS,
    IN_COMMON_REPOSITORY,
    LISTED_IN,
    REQUIREMENTS,
    ROW_OF,
    Field,
    Requirement,
)

Complete = Callable[..., DataSet]

SCANS = {
    "identity": DocumentScan(True, Authenticity.AUTHENTIC, b"i"),
    "other": DocumentScan(False, Authenticity.NOT_ESTABLISHED, b"o"),
    "forged": DocumentScan(True, Authenticity.FORGED, b"f"),
}


def decision(text: str) -> AdmissionDecision:
    outcome, _, grounds = text.partition(":")
    return AdmissionDecision(AdmissionOutcome(outcome), date(2026, 7, 1), tuple(grounds.split()))


READ: Mapping[str, Callable[[str], object]] = {
    "security_flag": bool,
    "exclusion_ground_applies": bool,
    "visa": lambda _text: Visa("DE", "1"),
    "marks": lambda _text: (
        Mark(MarkType.RESIDENCE, "DK", datetime(2026, 7, 1, tzinfo=UTC), False),
    ),
    "sex": Sex,
    "document_scans": lambda text: tuple(SCANS[name] for name in text.split()),
    "admission_decision": decision,
    "arrival_after_take_charge_on": date.fromisoformat,
}
TUPLES = {"surnames", "forenames", "aliases", "nationalities"}
EMPTY: dict[str, Any] = {field.name: field.default for field in fields(DataSet)}


def value(name: str, text: str) -> object:
    if not text:
        return EMPTY[name]
    if name in TUPLES:
        return (text,)
    return READ[name](text) if name in READ else text


@pytest.mark.table("D_fields")
def test_a_data_set_carries_what_its_article_lists(
    row: Mapping[str, str], complete: Complete
) -> None:
    changes = {}
    if row["changes"]:
        name, text = row["changes"].split("=")
        changes[name] = value(name, text)
    found = check_transmission(
        complete(Category(row["category"]), **changes),
        fingerprints=row["fingerprints"] == "yes",
        face=row["face"] == "yes",
        missing_declared=row["declared"] == "yes",
    )
    assert " ".join(f"{one.code} {one.field}" for one in found) == row["expected"]


@pytest.mark.table("D_updates")
def test_only_later_fields_are_updated_and_others_corrected(row: Mapping[str, str]) -> None:
    category = Category(row["category"])
    update = [one.code for one in check_update(category, [row["field"]])]
    correction = [one.code for one in check_correction(category, [row["field"]])]
    assert (" ".join(update), " ".join(correction)) == (row["update"], row["correction"])


@pytest.mark.parametrize("category", Category)
def test_exactly_the_mandatory_fields_suffice(category: Category, complete: Complete) -> None:
    data_set = complete(category)
    assert check_transmission(data_set, fingerprints=True, face=True, sent=True) == ()


@pytest.mark.parametrize("category", Category)
def test_each_mandatory_field_is_missed_alone(category: Category, complete: Complete) -> None:
    data_set = complete(category)
    for name in ROW_OF:
        if getattr(data_set, name) and name not in ("category", "origin"):
            bare = replace(data_set, **{name: EMPTY[name]})
            found = check_transmission(bare, fingerprints=True, face=True, sent=True)
            assert [(one.code, one.field) for one in found] == [("V04", name)]


def test_the_date_of_transmission_is_wanted_only_once_sent(complete: Complete) -> None:
    data_set = complete(Category.SAR, transmitted_at=None)
    assert check_transmission(data_set, fingerprints=True, face=True) == ()
    assert check_transmission(data_set, fingerprints=True, face=True, sent=True) != ()


def test_every_violation_names_code_field_article_rule_and_remedy() -> None:
    found = check_transmission(DataSet(Category.SAR, ""), fingerprints=False, face=False)
    assert found
    for one in found:
        assert all((one.code in CODES, one.field, one.article, one.rule, one.remedy))


def test_an_update_takes_the_named_fields_and_no_others(complete: Complete) -> None:
    stored = complete(Category.APPLICANT_REG)
    changes = replace(stored, responsible_state="IT", surnames=("Else",))
    after = updated(stored, changes, ["responsible_state"])
    assert (after.responsible_state, after.surnames) == ("IT", stored.surnames)
    with pytest.raises(RuleBroken):
        updated(stored, changes, ["surnames"])


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("surnames", None),
        ("nationalities", (UNKNOWN,)),
        ("nationalities", ()),
        ("date_of_birth", UNKNOWN),
        ("place_of_birth", UNKNOWN),
        ("place_of_birth", ""),
        ("sex", Sex.UNKNOWN),
        ("sex", None),
    ],
)
def test_incomplete_identity_never_starts_the_identity_detection(
    name: str, changed: object, complete: Complete
) -> None:
    """X-D10: points (a) to (f) and (h) must all be recorded."""
    data_set = complete(Category.APPLICANT_REG)
    assert complete_for_mid(data_set)
    if name == "surnames":
        changes: dict[str, object] = {"surnames": (UNKNOWN,), "forenames": (UNKNOWN,)}
    else:
        changes = {name: changed}
    assert not complete_for_mid(complete(Category.APPLICANT_REG, **changes))


def test_searches_and_missing_samples_start_no_identity_detection(complete: Complete) -> None:
    data_set = complete(Category.SAR)
    assert not complete_for_mid(data_set, fingerprints=False)
    assert not complete_for_mid(data_set, face=False)
    assert not complete_for_mid(replace(data_set, category=Category.LEA_SEARCH))


def test_the_tables_are_complete() -> None:
    assert RULES.keys() == set(Category)
    assert REQUIREMENTS.keys() == ATTRIBUTES.keys() == set(Field)
    assert len(Field) == 32
    assert all(cells.keys() == set(Group) for cells in REQUIREMENTS.values())
    assert LISTED_IN.keys() == set(Group)
    assert set(EXCEPTIONS.values()) == {Requirement.MANDATORY}
    assert set(Field) > IN_COMMON_REPOSITORY


def test_every_attribute_of_a_data_set_is_a_row_or_known_to_be_none() -> None:
    names = {field.name for field in fields(DataSet)}
    assert names - set(ROW_OF) == {"category", "origin", "case_reference"}
    assert set(ROW_OF) <= names
    assert names >= FIXED


@pytest.mark.parametrize("category", [c for c in Category if not RULES[c].stored])
def test_what_is_never_stored_has_no_mandatory_row_but_its_number(category: Category) -> None:
    column = RULES[category].group
    mandatory = [row for row in Field if REQUIREMENTS[row][column] is Requirement.MANDATORY]
    assert mandatory == [Field.REFERENCE_NUMBER]


@pytest.mark.parametrize(
    ("category", "origin", "refused"),
    [
        (Category.EUROPOL_SEARCH, "EUROPOL", False),
        (Category.EUROPOL_SEARCH, "US", True),
        (Category.LEA_SEARCH, "EUROPOL", True),
        (Category.DATA_SUBJECT, "EUROPOL", True),
    ],
)
def test_europol_is_the_origin_of_its_own_searches_only(
    category: Category, origin: str, refused: bool
) -> None:
    """Art. 34: Europol is no State."""
    found = check_transmission(DataSet(category, origin), fingerprints=True, face=True)
    assert ("V20" in {one.code for one in found}) is refused


def test_the_number_of_the_transferring_state_comes_with_the_arrival() -> None:
    """P.1 point 6: it links the new data set and is told with it, never later."""
    found = check_update(Category.APPLICANT_ARRIVAL, ["case_reference"])
    assert [one.code for one in found] == ["V08"]
