"""The reference number: letters of the State, digit of the category, and a part of our own.

Art. 37(3) and (4) fix the first two; length, alphabet and check character are ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from interfaces.eurodac.categories import Category, digit
from interfaces.eurodac.codes import broken
from interfaces.eurodac.errors import RuleBroken

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Characters of a number; also the value of each in the check of ISO/IEC 7064."""

RUNNING_DIGITS = 9
"""Digits of the running number: a thousand million data sets per State and category."""

LIKE = re.compile(r"(?P<state>[A-Z]{1,3})(?P<digit>[0-9])(?P<tail>[0-9A-Z]{1,32})")


@dataclass(frozen=True, slots=True)
class ReferenceNumber:
    """A number taken apart. state: letters; digit: of the category; tail: the State's own part."""

    state: str
    digit: int
    tail: str

    def __str__(self) -> str:
        return f"{self.state}{self.digit}{self.tail}"


def parse(text: str) -> ReferenceNumber:
    """Take a number apart; RuleBroken V02 when it has not the form.

    >>> parse("DK1000000042A")
    ReferenceNumber(state='DK', digit=1, tail='000000042A')
    """
    found = LIKE.fullmatch(text)
    if found is None:
        rule = "A number is one to three letters, the category digit, 1 to 32 letters or digits."
        raise RuleBroken(broken("V02", "reference_number", "37(4)", rule=rule))
    return ReferenceNumber(found["state"], int(found["digit"]), found["tail"])


def issue(state: str, category: Category, running: int) -> str:
    """The State's number for its running-th person or request of this category's digit.

    >>> issue("DK", Category.APPLICANT_REG, 42)
    'DK1000000042A'
    """
    if not 0 <= running < 10**RUNNING_DIGITS:
        raise ValueError(f"a running number has at most {RUNNING_DIGITS} digits")
    body = f"{state}{digit(category)}{running:0{RUNNING_DIGITS}d}"
    return str(parse(body + check_character(body)))


def check(text: str, *, category: Category, state: str) -> None:
    """RuleBroken V02 unless the number is one of this State for this category, Art. 37(3).

    >>> check("DK2000000042M", category=Category.IRREGULAR_CROSSING, state="DK")
    """
    number = parse(text)
    found = []
    if number.state != state:
        rule = "The number begins with the letters of the transmitting State."
        found.append(broken("V02", "reference_number", "37(4)", rule=rule))
    if number.digit != digit(category):
        rule = f"The digit after the letters is {digit(category)} for this category."
        found.append(broken("V02", "reference_number", "37(4)", rule=rule))
    if found:
        raise RuleBroken(*found)


def check_character(body: str) -> str:
    """Check character of ISO/IEC 7064 MOD 37,36: finds each single wrong character.

    >>> check_character("DK1000000042")
    'A'
    """
    modulus = len(ALPHABET)
    product = modulus
    for character in body:
        total = (product + ALPHABET.index(character)) % modulus or modulus
        product = total * 2 % (modulus + 1)
    return ALPHABET[(modulus + 1 - product) % modulus]


def is_mistyped(text: str) -> bool:
    """Whether a number of our own format fails its check character; for numbers typed by hand.

    >>> is_mistyped("DK1000000042A"), is_mistyped("DK1000000024A")
    (False, True)
    """
    number = str(parse(text))
    return check_character(number[:-1]) != number[-1]


OLD_DIGITS = {
    1: Category.APPLICANT_REG,
    2: Category.IRREGULAR_CROSSING,
    3: Category.ILLEGAL_STAY,
    4: Category.LEA_SEARCH,
    5: Category.EUROPOL_SEARCH,
    9: Category.DATA_SUBJECT,
}
"""Digits under Regulation (EU) 603/2013: 9 was the data subject, 6 was not used."""


def category_of_old(text: str) -> Category:
    """Category that a number from before 12 June 2026 shows; RuleBroken V02 when none.

    >>> category_of_old("IT9ABC") is Category.DATA_SUBJECT
    True
    """
    shown = parse(text).digit
    if shown not in OLD_DIGITS:
        raise RuleBroken(broken("V02", "reference_number", "603/2013"))
    return OLD_DIGITS[shown]
