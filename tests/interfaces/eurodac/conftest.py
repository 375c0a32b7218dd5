"""Tables of acceptance examples as test parameters, and complete data sets to vary."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import (
    AdmissionDecision,
    AdmissionOutcome,
    CouncilDecision,
    DataSet,
    Document,
    Event,
    Sex,
)
from interfaces.eurodac.fields import ATTRIBUTES, Field, Requirement, requirement
from interfaces.eurodac.reference import issue

TABLES = Path(__file__).parents[2] / "tables"

DAY = date(2026, 7, 1)
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)

VALUES = {
    "surnames": ("Ay",),
    "forenames": ("Bo",),
    "nationalities": ("SYR",),
    "date_of_birth": "1990-05-17",
    "place_of_birth": "Homs",
    "sex": Sex.FEMALE,
    "event": Event("Kastrup", NOON),
    "document": Document("passport", "X1", "SYR"),
    "biometrics_taken_at": NOON,
    "transmitted_at": NOON,
    "operator_user_id": "op1",
    "arrival_after_take_charge_on": DAY,
    "arrival_after_relocation_on": DAY,
    "admission_decision": AdmissionDecision(AdmissionOutcome.GRANTED, DAY),
    "council_decision": CouncilDecision("2029/1", date(2029, 6, 20)),
}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "table(name): one run per row of tests/tables/<name>.csv")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("table")
    if marker is not None:
        with (TABLES / f"{marker.args[0]}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
        assert rows, "an empty table proves nothing"
        assert all(None not in row and None not in row.values() for row in rows), "ragged table"
        metafunc.parametrize("row", [pytest.param(row, id=row["id"]) for row in rows])


@pytest.fixture
def complete() -> Callable[..., DataSet]:
    """Builds a data set of a category with exactly its mandatory fields, then changes it."""

    def build(category: Category, **changes: object) -> DataSet:
        wanted = {
            name: VALUES[name]
            for row in Field
            if requirement(row, category) is Requirement.MANDATORY
            for name in ATTRIBUTES[row]
            if name in VALUES
        }
        number = issue("DK", category, 7)
        base = DataSet(category, "DK", reference_number=number, **wanted)  # type: ignore[arg-type]
        return replace(base, **changes)  # type: ignore[arg-type]

    return build
