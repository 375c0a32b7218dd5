"""The audit chain: no record can be changed, dropped, inserted or moved unnoticed."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.access import Act, Actor, Purpose, Role
from node.audit import FIRST_LINK, Entry, Outcome, Record, link, verify
from node.store import Store, records

KEY = bytes(range(32))
RECORD = Record(
    at=datetime(2026, 9, 1, tzinfo=UTC),
    actor=Actor("DK", "Unit 1", "anna", Role.ASYLUM_DESK),
    act=Act.ENROL,
    purpose=Purpose.RESPONSIBILITY,
    outcome=Outcome.DONE,
    reference_number="DK10000000427",
)


def chain_of(length: int) -> list[Entry]:
    entries, previous = [], FIRST_LINK
    for number in range(1, length + 1):
        record = replace(RECORD, at=RECORD.at + timedelta(seconds=number), detail=str(number))
        previous = link(KEY, previous, record)
        entries.append(Entry(number, record, previous))
    return entries


def test_an_untouched_chain_holds_to_its_end() -> None:
    entries = chain_of(5)
    verdict = verify(KEY, entries)
    assert (verdict.entries, verdict.head, verdict.broken_at) == (5, entries[-1].link, None)


def test_an_empty_chain_holds() -> None:
    assert verify(KEY, []).broken_at is None


def alter(entries: list[Entry], at: int) -> list[Entry]:
    changed = replace(entries[at].record, detail="other")
    return [*entries[:at], replace(entries[at], record=changed), *entries[at + 1 :]]


def drop(entries: list[Entry], at: int) -> list[Entry]:
    return [*entries[:at], *entries[at + 1 :]]


def swap(entries: list[Entry], at: int) -> list[Entry]:
    swapped = list(entries)
    swapped[at], swapped[at + 1] = swapped[at + 1], swapped[at]
    return swapped


def double(entries: list[Entry], at: int) -> list[Entry]:
    return [*entries[: at + 1], *entries[at:]]


def renumber(entries: list[Entry], at: int) -> list[Entry]:
    later = [replace(entry, number=entry.number + 1) for entry in entries[at:]]
    return [*entries[:at], *later]


@pytest.mark.parametrize("tamper", [alter, drop, swap, double, renumber])
@given(at=st.integers(0, 4))
def test_the_first_entry_that_does_not_fit_is_named(
    tamper: Callable[[list[Entry], int], list[Entry]], at: int
) -> None:
    expected = at + 2 if tamper is double else at + 1
    assert verify(KEY, tamper(chain_of(6), at)).broken_at == expected


def test_a_chain_that_was_forged_without_the_key_breaks_at_once() -> None:
    assert verify(bytes(32), chain_of(3)).broken_at == 1


def test_a_cut_tail_shows_against_a_head_that_was_noted() -> None:
    entries = chain_of(4)
    noted = verify(KEY, entries).head
    assert verify(KEY, entries[:-1]).head != noted


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", 0),
        ("state", "IT"),
        ("unit", "Unit 2"),
        ("user", "bodil"),
        ("role", "SUPERVISOR"),
        ("role", "NOBODY"),
        ("act", "ERASE"),
        ("purpose", "RESETTLEMENT"),
        ("outcome", "DENIED"),
        ("reference_number", "DK10000000435"),
        ("detail", "x"),
        ("link", b"\0" * 32),
    ],
)
def test_a_change_of_any_stored_column_is_found(
    store: Store, tmp_path: Path, column: str, value: object
) -> None:
    with store.write() as transaction:
        for number in range(3):
            records.append(transaction, replace(RECORD, detail=str(number)))
    store.close()
    with sqlite3.connect(tmp_path / "store.sqlite") as connection:
        connection.execute(f'UPDATE audit SET "{column}" = ? WHERE number = 2', (value,))
    connection.close()
    with store.read() as transaction:
        assert records.check(transaction).broken_at == 2


def test_a_record_is_durable_with_its_act_or_not_at_all(store: Store) -> None:
    def fail() -> None:
        with store.write() as transaction:
            records.append(transaction, RECORD)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with store.read() as transaction:
        assert records.check(transaction).entries == 0


def test_records_are_found_by_the_number_they_are_about(store: Store) -> None:
    other = replace(RECORD, reference_number="DK10000000435")
    with store.write() as transaction:
        for record in (RECORD, other, RECORD):
            records.append(transaction, record)
    with store.read() as transaction:
        found = records.walk(transaction, reference_number="DK10000000427")
        assert [entry.number for entry in found] == [1, 3]
