"""A number means one data set for good: what was erased does not come back by a late copy, and
a centre restored from a backup gives no cursor twice."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from interfaces import wire
from interfaces.central import custody, intake, notices
from interfaces.central.centre import Centre
from interfaces.central.entries import Entries
from interfaces.central.errors import UnknownDataSet
from interfaces.central.server import open_centre
from interfaces.eurodac import reference
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import DataSet, Event, Sex
from interfaces.eurodac.errors import RuleBroken
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from matcher.engine import Engine

pb = central_pb2
SECOND = timedelta(seconds=1)
NUMBER = reference.issue("IT", Category.SAR, 7)


@dataclass
class Clock:
    now: datetime = datetime(2026, 7, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def centre(tmp_path: Path, engine: Engine, clock: Clock) -> Iterator[Centre]:
    opened = open_centre(tmp_path / "centre", engine, now=clock)
    yield opened
    opened.ledger.close()


Transmit = Callable[..., None]


@pytest.fixture
def transmit(centre: Centre, capture_of: Callable[..., terms_pb2.Capture]) -> Transmit:
    """transmit(request_id): Italy's data set NUMBER arrives."""

    def transmit_(request_id: str) -> None:
        landed = centre.now() - timedelta(hours=5)
        data_set = DataSet(
            Category.SAR,
            "IT",
            reference_number=NUMBER,
            surnames=("Doe",),
            forenames=("Jo",),
            nationalities=("SYR",),
            date_of_birth="1990-05-17",
            place_of_birth="UNKNOWN",
            sex=Sex.FEMALE,
            event=Event("Lampedusa", landed),
            biometrics_taken_at=landed,
            operator_user_id="station-7",
        )
        request = pb.TransmitDataSetRequest(
            request_id=request_id,
            data_set=wire.dataset_to(data_set),
            capture=capture_of(1),
            lane=pb.LANE_NORMAL,
        )
        intake.transmit(centre, "IT", request)

    return transmit_


def erase(centre: Centre, request_id: str, *, state: str = "IT", number: str = NUMBER) -> None:
    request = pb.EraseDataSetRequest(
        request_id=request_id,
        reference_number=number,
        ground=pb.ERASURE_GROUND_UNLAWFUL,
    )
    custody.erase(centre, state, request)


def is_there(centre: Centre) -> bool:
    with centre.ledger.read() as entries:
        return entries.data_set(NUMBER) is not None


def test_the_number_of_an_erased_data_set_is_not_accepted_again(
    centre: Centre, transmit: Transmit
) -> None:
    transmit("first")
    erase(centre, "erase")
    with pytest.raises(RuleBroken, match=r"V02.*erased.*37\(3\)"):
        transmit("again")
    assert not is_there(centre)


def test_a_transmission_that_its_own_erasure_overtook_is_not_stored(
    centre: Centre, transmit: Transmit
) -> None:
    with pytest.raises(UnknownDataSet):
        erase(centre, "erase")
    with pytest.raises(RuleBroken, match=r"V02.*37\(3\)"):
        transmit("delayed")
    assert not is_there(centre)


def test_a_data_set_that_arrives_while_its_erasure_looks_for_it_is_erased(
    centre: Centre, transmit: Transmit, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = custody._bury_unknown

    def arrive_first(centre: Centre, state: str, number: str) -> bool:
        transmit("in between")
        return plain(centre, state, number)

    monkeypatch.setattr(custody, "_bury_unknown", arrive_first)
    erase(centre, "erase")
    assert not is_there(centre)


def test_nobody_buries_the_number_of_another_state(centre: Centre, transmit: Transmit) -> None:
    with pytest.raises(UnknownDataSet):
        erase(centre, "erase", state="DK")
    transmit("first")
    assert is_there(centre)


def test_a_repeated_transmission_gets_its_first_answer_also_after_the_erasure(
    centre: Centre, transmit: Transmit
) -> None:
    transmit("first")
    erase(centre, "erase")
    transmit("first")
    assert not is_there(centre)


@pytest.mark.parametrize("erased_early", [True, False])
def test_a_number_is_remembered_as_long_as_its_logs_and_then_forgotten(
    centre: Centre, transmit: Transmit, clock: Clock, erased_early: bool
) -> None:
    transmit("first")
    if erased_early:
        erase(centre, "erase")
    # Five years until the sweep, and the year of its logs.
    clock.now = datetime(2031, 7, 2, tzinfo=UTC)
    assert custody.sweep(centre) == (0 if erased_early else 1)
    last = datetime(2032, 7, 1, 23, 59, 59, tzinfo=UTC)
    for at, buried in ((last, True), (last + SECOND, False)):
        clock.now = at
        custody.sweep(centre)
        with centre.ledger.read() as entries:
            assert entries.is_buried(NUMBER) is buried, at


def test_a_number_never_seen_is_remembered_for_the_longest_retention(
    centre: Centre, clock: Clock
) -> None:
    with pytest.raises(UnknownDataSet):
        erase(centre, "erase")
    last = datetime(2037, 7, 1, 23, 59, 59, tzinfo=UTC)
    for at, buried in ((last, True), (last + SECOND, False)):
        clock.now = at
        custody.sweep(centre)
        with centre.ledger.read() as entries:
            assert entries.is_buried(NUMBER) is buried, at


def test_the_later_of_two_burials_counts(centre: Centre, clock: Clock) -> None:
    with centre.ledger.write() as entries:
        entries.bury(NUMBER, clock.now + SECOND)
        entries.bury(NUMBER, clock.now)
        entries.level_graves(clock.now + SECOND)
        assert entries.is_buried(NUMBER)


def issue(centre: Centre) -> int:
    """Tell Italy something; returns the cursor of the notice."""
    with centre.ledger.write() as entries:
        notices.issue(
            entries,
            "IT",
            NUMBER,
            now=centre.now(),
            flag_deleted=pb.FlagDeleted(source_reference_number=NUMBER),
        )
    return waiting(centre)[-1]


def waiting(centre: Centre) -> list[int]:
    def cursors(entries: Entries) -> list[int]:
        found = entries.notices("IT", 0, 1000)
        return [pb.Notice.FromString(message).cursor for message in found]

    with centre.ledger.read() as entries:
        return cursors(entries)


def test_a_centre_restored_from_a_backup_gives_no_cursor_twice(
    tmp_path: Path, engine: Engine, clock: Clock
) -> None:
    live, backup = tmp_path / "live", tmp_path / "backup"
    centre = open_centre(live, engine, now=clock)
    issue(centre)
    centre.ledger.close()
    shutil.copytree(live, backup)
    centre = open_centre(live, engine, now=clock)
    seen = [issue(centre) for _ in range(3)]
    centre.ledger.close()
    clock.now += timedelta(minutes=5)
    restored = open_centre(backup, engine, now=clock)
    after = [issue(restored) for _ in range(3)]
    restored.ledger.close()
    # Whoever has read the last notice before the loss is told all that comes after it.
    assert min(after) > max(seen)


def test_cursors_grow_one_by_one_and_over_restarts_though_the_clock_goes_back(
    tmp_path: Path, engine: Engine, clock: Clock
) -> None:
    folder = tmp_path / "live"
    cursors: list[int] = []
    for days in (0, -400, 1):
        clock.now += timedelta(days=days)
        centre = open_centre(folder, engine, now=clock)
        first = issue(centre)
        assert issue(centre) == first + 1
        cursors += [first, first + 1]
        centre.ledger.close()
    assert cursors == sorted(set(cursors))
    assert cursors[-1] < 2**63


def test_an_acknowledgement_of_an_earlier_epoch_lets_nothing_go(
    tmp_path: Path, engine: Engine, clock: Clock
) -> None:
    folder = tmp_path / "live"
    centre = open_centre(folder, engine, now=clock)
    before = issue(centre)
    centre.ledger.close()
    clock.now += timedelta(days=1)
    centre = open_centre(folder, engine, now=clock)
    after = issue(centre)
    notices.acknowledge(centre, "IT", pb.AcknowledgeNoticesRequest(up_to=before))
    assert waiting(centre) == [after]
    centre.ledger.close()
