"""Rows of the tables of acceptance examples can be told apart."""

from __future__ import annotations

import csv
from pathlib import Path

TABLES = Path(__file__).parents[2] / "tables"


def test_rows_of_a_table_have_names_of_their_own() -> None:
    for path in TABLES.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            rows = [(row["id"], row.get("outcome", "")) for row in csv.DictReader(file)]
        assert len(rows) == len(set(rows)), path.name
