"""The rulebook's acceptance examples, end to end: what is given, what is done, what must be so."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from tests.acceptance.language import Story, tell

with (Path(__file__).parent / "examples.csv").open(encoding="utf-8", newline="") as file:
    EXAMPLES = list(csv.DictReader(file, strict=True))

BETWEEN_SENTENCES = re.compile(r"(?<=\.) (?=[A-Z\[])")


@pytest.mark.parametrize("row", EXAMPLES, ids=lambda row: row["id"])
def test_the_example_comes_true(story: Story, row: dict[str, str]) -> None:
    told = " ".join([row["given"], row["when"], row["then"]])
    tell(story, "\n".join(BETWEEN_SENTENCES.split(told)))


def test_every_example_has_a_name_of_its_own() -> None:
    assert len({row["id"] for row in EXAMPLES}) == len(EXAMPLES)
