"""Nobody drops an acceptance example silently: each is a row of a table and is told end to end.

rulebook.csv lists the examples of the rulebook's section O with the rule that each shows. Rows of
a table and of examples.csv begin with the example's id; what follows tells variants apart.
"""

from __future__ import annotations

import ast
import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TESTS = HERE.parent
TABLES = TESTS / "tables"
LAW = TESTS / "interfaces" / "eurodac"
NODE = TESTS / "node"
RULEBOOK = TESTS.parents[1] / "shared" / "spec" / "rulebook.md"
"""The source of the examples, beside the checkout and never part of it."""

RUN_BY = ("pytest.mark.table", "rows")
"""The calls that turn the rows of a table into cases of a test."""

ID = re.compile(r"X-[A-Z][0-9]{2}\b")


def ids_in(path: Path) -> list[str]:
    """The examples that the rows of a file are about, in order."""
    with path.open(encoding="utf-8", newline="") as file:
        found = [ID.match(row["id"]) for row in csv.DictReader(file, strict=True)]
    return [one.group() for one in found if one is not None]


EXAMPLES = ids_in(HERE / "rulebook.csv")


def tables_run() -> set[str]:
    """The tables that tests of the law, or of the node's doors, run through, row by row."""
    tests = (path for folder in (LAW, NODE) for path in folder.glob("test_*.py"))
    named = {name for path in tests for name in _named(path)}
    return {name for name in named if (TABLES / f"{name}.csv").exists()}


def _named(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in RUN_BY:
            yield ast.literal_eval(node.args[0])


def in_tables() -> dict[str, list[str]]:
    """Example -> the tables that have a row of it."""
    found: dict[str, list[str]] = {}
    for path in sorted(TABLES.glob("*.csv")):
        for example in dict.fromkeys(ids_in(path)):
            found.setdefault(example, []).append(path.stem)
    return found


def test_the_examples_are_113_and_each_is_there_once() -> None:
    assert len(EXAMPLES) == len(set(EXAMPLES)) == 113


def test_every_example_is_a_row_of_a_table_that_is_run() -> None:
    run, found = tables_run(), in_tables()
    missing = [example for example in EXAMPLES if not run & set(found.get(example, ()))]
    assert missing == []


def test_every_example_is_told_end_to_end() -> None:
    told = set(ids_in(HERE / "examples.csv"))
    assert [example for example in EXAMPLES if example not in told] == []


def test_no_row_names_an_example_that_does_not_exist() -> None:
    named = {*in_tables(), *ids_in(HERE / "examples.csv")}
    assert named <= set(EXAMPLES), named - set(EXAMPLES)


def test_no_table_lies_there_unrun() -> None:
    assert {path.stem for path in TABLES.glob("*.csv")} == tables_run()


def test_the_list_is_that_of_the_rulebook() -> None:
    if not RULEBOOK.exists():
        pytest.skip("the rulebook is not beside this checkout")
    text = RULEBOOK.read_text("utf-8")
    section = text[text.index("\n## O. ") : text.index("\n## P. ")]
    assert re.findall(r"^\| (X-[A-Z][0-9]{2}) \|", section, re.MULTILINE) == EXAMPLES
