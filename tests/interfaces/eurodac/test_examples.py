"""Which acceptance examples the tables of the law cover, and which need a running system."""

from __future__ import annotations

import csv
import re
from pathlib import Path

TABLES = Path(__file__).parents[2] / "tables"
HERE = Path(__file__).parent

EXAMPLES = {
    f"X-{section}{number:02}"
    for section, last in (
        ("A", 16),
        ("T", 20),
        ("D", 10),
        ("R", 19),
        ("S", 19),
        ("L", 14),
        ("C", 15),
    )
    for number in range(1, last + 1)
}
"""The 113 examples of the rulebook's section O."""

NEED_A_SYSTEM = {
    "X-A12": "swapped fingers are found by comparing rolled and plain prints",
    "X-R09": "an empty payload is a message",
    "X-L12": "erasing after the answer is an act of the node",
}
"""Examples that pure tables cannot show, each with the reason."""

MENTION = re.compile(r"X-[ATDRSLC][0-9]{2}")
SPAN = re.compile(r"X-([ATDRSLC])([0-9]{2}) to X-[ATDRSLC]([0-9]{2})")


def covered() -> set[str]:
    found: set[str] = set()
    for path in TABLES.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                found |= set(MENTION.findall(row["id"]))
    for path in HERE.glob("test_*.py"):
        if path != Path(__file__):
            text = path.read_text("utf-8")
            found |= set(MENTION.findall(text))
            for section, first, last in SPAN.findall(text):
                found |= {f"X-{section}{n:02}" for n in range(int(first), int(last) + 1)}
    return found


def test_every_example_is_a_row_or_has_its_reason() -> None:
    assert len(EXAMPLES) == 113
    assert covered() | NEED_A_SYSTEM.keys() >= EXAMPLES, sorted(EXAMPLES - covered())


def test_no_example_is_both_covered_and_excused() -> None:
    assert not covered() & NEED_A_SYSTEM.keys()


def test_no_row_names_an_example_that_does_not_exist() -> None:
    assert covered() <= EXAMPLES


def test_rows_of_a_table_have_names_of_their_own() -> None:
    for path in TABLES.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            rows = [(row["id"], row.get("outcome", "")) for row in csv.DictReader(file)]
        assert len(rows) == len(set(rows)), path.name
