"""Reference numbers: rulebook B.5."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interfaces.eurodac.categories import RULES, Category, digit
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.reference import (
    ALPHABET,
    category_of_old,
    check,
    check_character,
    is_mistyped,
    issue,
    parse,
)

CATEGORIES = st.sampled_from(Category)
RUNNING = st.integers(min_value=0, max_value=10**9 - 1)


@given(category=CATEGORIES, running=RUNNING)
def test_every_issued_number_is_accepted_for_its_category_alone(
    category: Category, running: int
) -> None:
    text = issue("DK", category, running)
    check(text, category=category, state="DK")
    assert str(parse(text)) == text
    assert not is_mistyped(text)
    for other in Category:
        if digit(other) != digit(category):
            with pytest.raises(RuleBroken):
                check(text, category=other, state="DK")


@given(category=CATEGORIES, running=RUNNING, data=st.data())
def test_one_wrong_character_is_noticed(
    category: Category, running: int, data: st.DataObject
) -> None:
    text = issue("DK", category, running)
    place = data.draw(st.integers(min_value=3, max_value=len(text) - 1))
    wrong = data.draw(st.sampled_from(ALPHABET.replace(text[place], "")))
    assert is_mistyped(text[:place] + wrong + text[place + 1 :])


def stupid_check_character(body: str) -> str:
    """The one character that makes the whole number sum up to 1, found by trying all."""
    for candidate in ALPHABET:
        product = 36
        for character in body:
            product = ((product + ALPHABET.index(character)) % 36 or 36) * 2 % 37
        if (product + ALPHABET.index(candidate)) % 36 == 1:
            return candidate
    raise AssertionError("no character closes the sum")


@given(st.text(alphabet=ALPHABET, min_size=1, max_size=30))
def test_the_check_character_closes_the_sum_of_iso_7064(body: str) -> None:
    assert check_character(body) == stupid_check_character(body)


@given(st.text(max_size=40))
def test_parsing_accepts_exactly_the_form(text: str) -> None:
    if re.fullmatch("[A-Z]{1,3}[0-9][0-9A-Z]{1,32}", text, re.ASCII):
        assert str(parse(text)) == text
    else:
        with pytest.raises(RuleBroken, match="V02"):
            parse(text)


@pytest.mark.parametrize(
    "text", ["", "DK", "DK1", "1ABC", "dk1ABC", "DKXY1A", "DK1AB-C", "DK1" + "A" * 33, "DK1A\n"]
)
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(RuleBroken):
        parse(text)


def test_a_wrong_state_and_a_wrong_digit_are_both_told() -> None:
    with pytest.raises(RuleBroken) as refused:
        check("IT1ABC", category=Category.SAR, state="DK")
    assert [one.code for one in refused.value.violations] == ["V02", "V02"]


def test_the_running_number_has_nine_digits() -> None:
    for running in (-1, 10**9):
        with pytest.raises(ValueError, match="9 digits"):
            issue("DK", Category.SAR, running)


def test_the_digits_are_those_of_article_37() -> None:
    digits = {category: RULES[category].digit for category in Category}
    assert set(digits.values()) == set(range(10))
    assert digits[Category.ADMISSION_SEARCH] == digits[Category.ADMISSION_RECORD] == 7


def test_old_numbers_are_read_with_the_old_digits() -> None:
    """B-N5: 9 was the data subject then and is a disembarked person now."""
    meant = {
        "1": "APPLICANT_REG",
        "2": "IRREGULAR_CROSSING",
        "3": "ILLEGAL_STAY",
        "4": "LEA_SEARCH",
        "5": "EUROPOL_SEARCH",
        "9": "DATA_SUBJECT",
    }
    for number, category in meant.items():
        assert category_of_old(f"IT{number}ABC").name == category
    for number in set("0123456789") - meant.keys():
        with pytest.raises(RuleBroken):
            category_of_old(f"IT{number}ABC")
