"""Refusal codes: every code used is in the table, every code of the table is well formed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from interfaces.eurodac import codes
from interfaces.eurodac.codes import CODES, broken
from interfaces.eurodac.errors import RuleBroken

SOURCES = sorted(Path(codes.__file__).parent.glob("*.py"))
USED = re.compile(r'broken\(\s*"([QVI][0-9]{2})"')


def test_every_code_used_is_in_the_table() -> None:
    used = {code for source in SOURCES for code in USED.findall(source.read_text("utf-8"))}
    assert used <= CODES.keys()
    assert len(used) > 10


def test_codes_are_numbered_without_gaps_and_named_once() -> None:
    assert list(CODES) == [
        *(f"Q{n:02}" for n in range(1, 7)),
        *(f"V{n:02}" for n in range(1, len(CODES) - 7)),
        *(f"I{n:02}" for n in range(1, 3)),
    ]
    assert len({code.name for code in CODES.values()}) == len(CODES)
    for code in CODES.values():
        assert all(text.endswith(".") for text in (code.rule, code.remedy))


def test_an_unknown_code_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        broken("V99", "x", "1")


def test_the_refusal_carries_and_tells_all_its_violations() -> None:
    found = [broken("V01", "visa", "22(2)"), broken("V03", "date_of_birth", "14(1)")]
    refused = RuleBroken(*found)
    assert refused.violations == tuple(found)
    assert all(str(one) in str(refused) for one in found)
