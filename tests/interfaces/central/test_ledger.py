"""The stand-in's ledger keeps order, forgets what is erased, and survives a rollback."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interfaces.central.holdings import Arrival, ArrivalKind, Occurrence, Status, StoredDataSet
from interfaces.central.ledger import Ledger
from interfaces.eurodac.sequence import Link, LinkState

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def _data_set(number: str) -> StoredDataSet:
    return StoredDataSet(
        id=0,
        reference_number=number,
        origin=number[:2],
        status=Status.WAITING,
        message=b"message of " + number.encode(),
        capture=b"secret ridges of " + number.encode(),
        template=None,
        retained_until=NOW + timedelta(days=1),
    )


def _arrival(number: str, *, urgent: bool = False) -> Arrival:
    return Arrival(
        id=0,
        reference_number=number,
        state=number[:2],
        kind=ArrivalKind.TRANSMITTED,
        urgent=urgent,
        include_own=False,
        arrived_at=NOW,
        compare_by=NOW + timedelta(hours=24),
        payload=None,
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "central.sqlite")


def test_what_was_written_is_read_back_by_number_and_by_id(ledger: Ledger) -> None:
    with ledger.write() as entries:
        entries.store(_data_set("DK1A"))
    with ledger.read() as entries:
        stored = entries.data_set("DK1A")
        assert stored is not None
        assert stored == replace(_data_set("DK1A"), id=stored.id)
        assert entries.data_set_of_id(stored.id) == stored


def test_an_exception_leaves_nothing_behind(ledger: Ledger) -> None:
    def break_down_halfway() -> None:
        with ledger.write() as entries:
            entries.store(_data_set("DK1A"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_down_halfway()
    with ledger.read() as entries:
        assert entries.data_set("DK1A") is None


# One ledger for all examples: each leaves its lanes empty.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.booleans(), max_size=12))
def test_urgent_requests_go_first_and_each_lane_keeps_the_order_of_arrival(
    ledger: Ledger, urgent: list[bool]
) -> None:
    numbers = [f"DK1{index:02d}" for index in range(len(urgent))]
    with ledger.write() as entries:
        for number, is_urgent in zip(numbers, urgent, strict=True):
            entries.arrive(_arrival(number, urgent=is_urgent))
    seen = []
    with ledger.write() as entries:
        while (arrival := entries.next_arrival()) is not None:
            seen.append(arrival.reference_number)
            assert entries.examined(arrival, NOW)
            assert not entries.examined(arrival, NOW)
    flags = dict(zip(numbers, urgent, strict=True))
    assert seen == sorted(numbers, key=lambda number: (not flags[number], number))


def test_erasing_takes_links_and_waiting_arrivals_along(ledger: Ledger) -> None:
    with ledger.write() as entries:
        for number in ("DK1A", "IT2B"):
            entries.store(_data_set(number))
            entries.arrive(_arrival(number))
        entries.link("DK1A", "IT2B")
        stored = entries.data_set("DK1A")
        assert stored is not None
        entries.erase(stored, grave_until=NOW)
    with ledger.read() as entries:
        assert entries.links() == []
        arrival = entries.next_arrival()
        assert arrival is not None
        assert arrival.reference_number == "IT2B"


def test_erased_biometrics_leave_no_bytes_in_the_file(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "central.sqlite")
    with ledger.write() as entries:
        entries.store(_data_set("DK1A"))
    with ledger.write() as entries:
        stored = entries.data_set("DK1A")
        assert stored is not None
        entries.erase(stored, grave_until=NOW)
    ledger.close()
    assert b"secret ridges" not in (tmp_path / "central.sqlite").read_bytes()


def test_an_id_is_never_given_twice(ledger: Ledger) -> None:
    with ledger.write() as entries:
        entries.store(_data_set("DK1A"))
        first = entries.data_set("DK1A")
        assert first is not None
        entries.erase(first, grave_until=NOW)
        entries.store(_data_set("DK1B"))
        second = entries.data_set("DK1B")
    assert second is not None
    assert second.id > first.id


def test_a_link_arises_once_and_keeps_its_decision(ledger: Ledger) -> None:
    with ledger.write() as entries:
        entries.link("DK1A", "IT2B")
        entries.decide_link("DK1A", "IT2B", LinkState.CONFIRMED)
        entries.link("DK1A", "IT2B")
        assert entries.links() == [Link("DK1A", "IT2B", LinkState.CONFIRMED)]


def test_notices_count_per_state_and_stay_until_acknowledged(ledger: Ledger) -> None:
    with ledger.write() as entries:
        for state, message in (("DK", b"1"), ("IT", b"2"), ("DK", b"3")):
            entries.issue(state, entries.next_cursor(state), message)
        assert entries.notices("DK", 0, 10) == [b"1", b"3"]
        assert entries.notices("DK", 1, 10) == [b"3"]
        assert entries.acknowledge("DK", 1) == 2
        assert entries.notices("DK", 0, 10) == [b"3"]
        assert entries.notices("IT", 0, 10) == [b"2"]


def test_a_cursor_goes_on_after_everything_was_acknowledged(ledger: Ledger) -> None:
    with ledger.write() as entries:
        entries.issue("DK", entries.next_cursor("DK"), b"1")
        entries.acknowledge("DK", 1)
        assert entries.next_cursor("DK") == 2


def test_nothing_beyond_what_was_issued_is_acknowledged(ledger: Ledger) -> None:
    with ledger.write() as entries:
        entries.issue("DK", entries.next_cursor("DK"), b"1")
        assert entries.acknowledge("DK", 5) == 1
        assert entries.notices("DK", 0, 10) == [b"1"]


def test_only_what_is_past_its_end_counts_as_expired(ledger: Ledger) -> None:
    with ledger.write() as entries:
        entries.store(_data_set("DK1A"))
        end = NOW + timedelta(days=1)
        assert entries.expired(end) == []
        # Limits are whole seconds: the last one counts to its end.
        assert entries.expired(end + timedelta(microseconds=999_999)) == []
        assert len(entries.expired(end + timedelta(seconds=1))) == 1


def test_occurrences_come_back_in_order(ledger: Ledger) -> None:
    first = Occurrence(NOW, "TRANSMITTED", "DK", {"category": "SAR"})
    with ledger.write() as entries:
        entries.occurred(first)
        entries.occurred(replace(first, kind="HIT"))
        assert [occurrence.kind for occurrence in entries.occurrences()] == ["TRANSMITTED", "HIT"]
        assert entries.occurrences()[0] == first


def test_only_the_owner_reads_the_file(ledger: Ledger, tmp_path: Path) -> None:
    assert (tmp_path / "central.sqlite").stat().st_mode & 0o077 == 0


def test_every_connection_makes_commits_reach_the_disk_and_overwrites_what_is_erased(
    ledger: Ledger,
) -> None:
    wanted = {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1}
    assert {name: ledger.setting(name) for name in wanted} == wanted
