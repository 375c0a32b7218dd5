"""Prolonged protection at the centre: found until the new last second, whatever day it began."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from interfaces import wire
from interfaces.central import custody, intake
from interfaces.central.centre import Centre
from interfaces.central.cli import main
from interfaces.central.ledger import Ledger
from interfaces.central.prolongation import prolong
from interfaces.central.server import open_centre
from interfaces.eurodac import reference
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import DataSet, Event, Sex
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.terms import CouncilDecision
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from matcher.engine import Engine

SECOND = timedelta(seconds=1)
LEAP = CouncilDecision("2030/1", date(2032, 2, 29))


def last_second(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC)


@dataclass
class Clock:
    now: datetime = datetime(2032, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def centre(tmp_path: Path, engine: Engine, clock: Clock) -> Iterator[Centre]:
    opened = open_centre(tmp_path, engine, now=clock)
    yield opened
    opened.ledger.close()


Transmit = Callable[..., str]


@pytest.fixture
def transmit(centre: Centre, capture_of: Callable[..., terms_pb2.Capture]) -> Transmit:
    """transmit(running, decision): a beneficiary whom Germany registered an hour ago."""

    def make(running: int, decision: CouncilDecision = LEAP) -> str:
        number = reference.issue("DE", Category.TEMP_PROTECTION, running)
        data_set = DataSet(
            Category.TEMP_PROTECTION,
            "DE",
            reference_number=number,
            surnames=("Doe",),
            forenames=("Jo",),
            nationalities=("SYR",),
            date_of_birth="1990-05-17",
            place_of_birth="UNKNOWN",
            sex=Sex.FEMALE,
            event=Event("Kiel", centre.now() - timedelta(hours=1)),
            biometrics_taken_at=centre.now() - timedelta(hours=1),
            operator_user_id="station-7",
            council_decision=decision,
        )
        request = central_pb2.TransmitDataSetRequest(
            request_id=f"transmit {number}",
            data_set=wire.dataset_to(data_set),
            capture=capture_of(running, 0),
            lane=central_pb2.LANE_NORMAL,
        )
        intake.transmit(centre, "DE", request)
        return number

    return make


def ends(centre: Centre) -> dict[str, datetime]:
    with centre.ledger.read() as entries:
        return {one.reference_number: one.retained_until for one in entries.data_sets()}


def test_every_prolongation_adds_a_year_to_the_data_of_its_decision(
    centre: Centre, clock: Clock, transmit: Transmit
) -> None:
    leap = transmit(1)
    other = transmit(2, CouncilDecision("2029/9", date(2032, 2, 29)))
    assert ends(centre)[leap] == last_second(date(2033, 2, 28))
    for year, expected in ((2033, (2034, 2, 28)), (2034, (2035, 2, 28)), (2035, (2036, 2, 29))):
        assert prolong(centre.ledger, "2030/1", f"{year}/1") == 1
        assert ends(centre)[leap] == last_second(date(*expected))
    assert prolong(centre.ledger, "2030/1", "2035/1") == 0
    assert ends(centre)[other] == last_second(date(2033, 2, 28))
    clock.now = datetime(2035, 3, 2, 12, tzinfo=UTC)
    late = transmit(3)
    assert ends(centre)[late] == last_second(date(2036, 2, 29))


def test_prolonged_data_go_one_second_after_their_new_end(
    centre: Centre, clock: Clock, transmit: Transmit
) -> None:
    transmit(1)
    clock.now = last_second(date(2033, 2, 28))
    assert custody.sweep(centre) == 0
    prolong(centre.ledger, "2030/1", "2033/1")
    clock.now += SECOND
    assert custody.sweep(centre) == 0
    clock.now = last_second(date(2034, 2, 28))
    assert custody.sweep(centre) == 0
    clock.now += SECOND
    assert custody.sweep(centre) == 1


def test_a_prolongation_names_both_decisions(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "central.sqlite")
    for prolonged, decision in (("", "2033/1"), ("2030/1", ""), ("2030/1", "2030/1")):
        with pytest.raises(RuleBroken):
            prolong(ledger, prolonged, decision)
    with ledger.read() as entries:
        assert entries.prolongations() == []
    ledger.close()


def test_the_operator_declares_it_where_the_ledger_lies(tmp_path: Path) -> None:
    line = ["prolong", "--folder", str(tmp_path), "--prolonged", "2030/1", "--decision"]
    assert CliRunner().invoke(main, [*line, "2033/1"]).output.startswith("0 data sets")
    assert CliRunner().invoke(main, [*line, "2030/1"]).exit_code == 1
    ledger = Ledger(tmp_path / "central.sqlite")
    with ledger.read() as entries:
        assert entries.prolongations() == [("2030/1", "2033/1")]
    refused = CliRunner().invoke(main, [*line, "2034/1"])
    ledger.close()
    assert refused.exit_code == 1
    assert "another process" in refused.output
