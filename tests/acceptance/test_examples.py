"""The rulebook's acceptance examples and the limits that a desk starts, end to end: what is given,
what is done, what must be so."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from tests.acceptance.language import Story, tell


def read(name: str) -> list[dict[str, str]]:
    """The rows of a table of this folder."""
    path = Path(__file__).with_name(f"{name}.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


EXAMPLES = read("examples")
LIMITS = read("limits")
"""Limits of section K that only an act of a desk starts: started, running, and listed as due."""

BETWEEN_SENTENCES = re.compile(r"(?<=\.) (?=[A-Z\[])")


@pytest.mark.parametrize("row", EXAMPLES, ids=lambda row: row["id"])
def test_the_example_comes_true(story: Story, row: dict[str, str]) -> None:
    live(story, row)


@pytest.mark.parametrize("row", LIMITS, ids=lambda row: row["id"])
def test_the_limit_runs_and_is_listed(story: Story, row: dict[str, str]) -> None:
    live(story, row)


def live(story: Story, row: dict[str, str]) -> None:
    """Live through a row."""
    told = " ".join([row["given"], row["when"], row["then"]])
    tell(story, "\n".join(BETWEEN_SENTENCES.split(told)))


def test_every_example_has_a_name_of_its_own() -> None:
    assert len({row["id"] for row in EXAMPLES}) == len(EXAMPLES)
