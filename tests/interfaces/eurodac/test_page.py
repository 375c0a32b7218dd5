"""The page for lawyers is made from the tables and is fresh."""

from __future__ import annotations

from pathlib import Path

from interfaces.eurodac import page as module
from interfaces.eurodac.categories import Category
from interfaces.eurodac.codes import CODES
from interfaces.eurodac.fields import Field
from interfaces.eurodac.limits import LIMITS
from interfaces.eurodac.page import page
from interfaces.eurodac.updates import StatusEvent

KEPT = Path(module.__file__).parents[2] / "docs" / "law.md"


def test_the_page_that_is_kept_is_the_one_that_the_tables_make() -> None:
    """If this fails: make docs"""
    assert KEPT.read_text("utf-8") == page()


def test_the_page_names_every_row() -> None:
    text = page()
    for table in (Category, Field, StatusEvent, LIMITS, CODES):
        assert all(f"| {row} " in text for row in table)


def test_every_table_of_the_page_is_well_formed() -> None:
    width = 0
    for line in page().splitlines():
        if not line.startswith("|"):
            width = 0
            continue
        columns = line.count("|")
        assert columns == (width or columns), line
        width = columns
