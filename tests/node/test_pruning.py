"""Records go a year after what they tell about; the rest of the chain is proved as before."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node import assembly, custody, enrolment, oversight, pruning, vault
from node.access import Act, Actor, Purpose, Role
from node.assembly import Node
from node.audit import FIRST_LINK, Anchor, Entry, Outcome, Record, link, make_anchor, verify
from node.enrolment import Enrolment
from node.errors import AccessDenied, ChainBroken, NotFound
from node.store import Store, dossiers, open_store, pruned, records

KEY = bytes(range(32))
AUDITOR = Actor("DK", "Audit", "dora", Role.AUDITOR)
RECORD = Record(
    at=datetime(2026, 9, 1, tzinfo=UTC),
    actor=Actor("DK", "Unit 1", "anna", Role.ASYLUM_DESK),
    act=Act.ENROL,
    purpose=Purpose.RESPONSIBILITY,
    outcome=Outcome.DONE,
    reference_number="DK10000000427",
)
SECOND = timedelta(seconds=1)
END = datetime(2036, 6, 12, 23, 59, 59, tzinfo=UTC)
LOG_END = datetime(2037, 6, 12, 23, 59, 59, tzinfo=UTC)


def append(store: Store, count: int) -> list[Entry]:
    with store.write() as transaction:
        return [
            records.append(transaction, replace(RECORD, detail=str(number)))
            for number in range(count)
        ]


def check(store: Store) -> tuple[int, int, int, int | None]:
    with store.read() as transaction:
        verdict = records.check(transaction)
    return verdict.entries, verdict.erased, verdict.anchors, verdict.broken_at


def prune(store: Store, *numbers: int) -> None:
    with store.write() as transaction:
        pruned.prune(transaction, numbers)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sets(st.integers(1, 11)), min_size=1, max_size=5))
def test_whatever_is_erased_in_whatever_order_the_rest_is_proved(batches: list[set[int]]) -> None:
    """Against a plain set: what is left, what went, and in how many runs."""
    with fresh_store() as store:
        append(store, 12)
        gone: set[int] = set()
        for batch in batches:
            prune(store, *sorted(batch - gone))
            gone |= batch
            runs = sum(1 for number in gone if number - 1 not in gone)
            assert check(store) == (12 - len(gone), len(gone), runs, None)
        append(store, 1)
        assert check(store)[3] is None


@contextmanager
def fresh_store() -> Iterator[Store]:
    """A store for one example, under a key of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        vault.create_key_file(folder / "vault.key")
        key = vault.open_vault(folder / "vault.key")
        store = open_store(f"sqlite:///{folder / 'store.sqlite'}", key, member_state="DK")
        yield store
        store.close()


@pytest.fixture
def pruned_store(store: Store) -> Store:
    """Records 1 to 8, of which 3, 4 and 6 are erased."""
    append(store, 8)
    prune(store, 3, 4, 6)
    return store


def tampered(store: Store, folder: Path, statement: str, *values: object) -> int | None:
    store.close()
    with sqlite3.connect(folder / "store.sqlite") as connection:
        assert connection.execute(statement, values).rowcount == 1
    connection.close()
    return check(store)[3]


@pytest.mark.parametrize(
    ("statement", "values", "broken_at"),
    [
        ("UPDATE audit SET detail = 'x' WHERE number = 5", (), 5),
        ("UPDATE audit SET detail = 'x' WHERE number = 8", (), 8),
        ("DELETE FROM audit WHERE number = 2", (), 2),
        ("DELETE FROM audit WHERE number = 5", (), 5),
        ("DELETE FROM audit WHERE number = 1", (), 1),
        ("DELETE FROM audit_anchors WHERE first = 3", (), 3),
        ("UPDATE audit_anchors SET last = 5 WHERE first = 3", (), 3),
        ("UPDATE audit_anchors SET last = 2 WHERE first = 3", (), 3),
        ("UPDATE audit_anchors SET last = -9 WHERE first = 3", (), 3),
        ("UPDATE audit_anchors SET first = 5 WHERE first = 6", (), 5),
        ("UPDATE audit_anchors SET first = 2 WHERE first = 3", (), 2),
        ("UPDATE audit_anchors SET link = ? WHERE first = 3", (bytes(32),), 3),
        ("UPDATE audit_anchors SET seal = ? WHERE first = 6", (bytes(32),), 6),
        ("INSERT INTO audit_anchors VALUES (9, 9, ?, ?)", (bytes(32), bytes(32)), 9),
        ("INSERT INTO audit_anchors VALUES (1, 2, ?, ?)", (bytes(32), bytes(32)), 1),
        ("INSERT INTO audit_anchors VALUES (90, 91, ?, ?)", (bytes(32), bytes(32)), 9),
    ],
)
def test_tampering_is_found_beside_and_in_the_anchors(
    *,
    pruned_store: Store,
    tmp_path: Path,
    statement: str,
    values: tuple[object, ...],
    broken_at: int,
) -> None:
    assert check(pruned_store) == (5, 3, 2, None)
    assert tampered(pruned_store, tmp_path, statement, *values) == broken_at


def test_an_anchor_of_another_place_does_not_fit() -> None:
    """Neither one moved nor one that was true before more was erased covers what was taken."""
    entries, previous = [], FIRST_LINK
    for number in range(1, 6):
        record = replace(RECORD, detail=str(number))
        previous = link(KEY, previous, record)
        entries.append(Entry(number, record, previous))
    true = make_anchor(KEY, entries[0].link, (2, 3), last_link=entries[2].link)
    left = [entries[0], *entries[3:]]
    assert verify(KEY, left, [true]).broken_at is None
    assert verify(bytes(32), left, [true]).broken_at == 1
    moved = Anchor(3, 4, true.link, true.seal)
    assert verify(KEY, [*entries[:2], entries[4]], [moved]).broken_at == 3
    assert verify(KEY, [entries[0], entries[4]], [true]).broken_at == 4


@pytest.mark.parametrize(
    ("statement", "broken_at"),
    [
        ("UPDATE audit SET detail = 'x' WHERE number = 5", 5),
        ("UPDATE audit SET number = 50 WHERE number = 5", 5),
        ("UPDATE audit_anchors SET seal = x'00' WHERE first = 6", 6),
        ("UPDATE audit_anchors SET seal = x'00' WHERE first = 3", 3),
    ],
)
def test_nothing_is_erased_where_the_chain_is_broken(
    pruned_store: Store, tmp_path: Path, statement: str, broken_at: int
) -> None:
    """Pruning must not seal over what somebody changed."""
    before = tampered(pruned_store, tmp_path, statement)
    assert before == broken_at
    with pytest.raises(ChainBroken) as refused:
        prune(pruned_store, 5)
    assert refused.value.number == broken_at
    assert check(pruned_store)[3] == broken_at


def erased_until(node: Node, number: str, end: datetime) -> None:
    """Let a data set have been kept until an instant, and be erased by the sweep."""
    with node.store.write() as transaction:
        dossiers.change(transaction, number, retained_until=end)
    node.now.time = max(node.now(), end + SECOND)  # type: ignore[attr-defined]
    assert custody.sweep(node) == 1


@pytest.fixture
def number(node: Node, station: Actor, enrolment_of: Callable[..., Enrolment]) -> str:
    return enrolment.enrol(node, station, enrolment_of(1)).reference_number


def at(node: Node, instant: datetime) -> Node:
    node.now.time = instant  # type: ignore[attr-defined]
    return node


def about(node: Node, number: str) -> list[str]:
    with node.store.read() as transaction:
        found = records.walk(transaction, reference_number=number)
        return [entry.record.act.value for entry in found]


def test_records_go_one_second_after_their_year(node: Node, number: str) -> None:
    """X-S19: there eleven months after the end of retention, gone after thirteen."""
    erased_until(node, number, END)
    assert pruning.prune(at(node, LOG_END)) == 0
    assert about(node, number) == ["ENROL", "SWEEP"]
    assert pruning.prune(at(node, LOG_END + SECOND)) == 2
    assert about(node, number) == []
    verdict = oversight.verify(node, AUDITOR)
    assert (verdict.erased, verdict.anchors, verdict.broken_at) == (2, 1, None)
    assert pruning.prune(node) == 0


def test_records_of_what_was_erased_early_go_as_if_it_had_been_kept(
    node: Node, number: str
) -> None:
    """Art. 41(4) counts from the end of the retention period, not from the erasure."""
    with node.store.write() as transaction:
        dossiers.change(transaction, number, retained_until=END, erased_at=node.now())
    assert pruning.prune(at(node, LOG_END)) == 0
    assert pruning.prune(at(node, LOG_END + SECOND)) == 1


def test_of_what_was_never_sent_the_year_begins_with_its_erasure(node: Node, number: str) -> None:
    with node.store.write() as transaction:
        dossiers.change(transaction, number, erased_at=node.now())
    assert pruning.prune(at(node, datetime(2027, 9, 1, 23, 59, 59, tzinfo=UTC))) == 0
    assert pruning.prune(at(node, datetime(2027, 9, 2, tzinfo=UTC))) == 1


def test_what_is_still_kept_keeps_its_records(node: Node, number: str) -> None:
    assert pruning.prune(at(node, datetime(2099, 1, 1, tzinfo=UTC))) == 0
    assert about(node, number) == ["ENROL"]


def test_records_about_nobody_go_after_the_longest_time(node: Node) -> None:
    """Eleven years: the longest retention and its year."""
    oversight.verify(node, AUDITOR)
    assert pruning.prune(at(node, datetime(2037, 9, 1, 23, 59, 59, tzinfo=UTC))) == 0
    assert pruning.prune(at(node, datetime(2037, 9, 2, tzinfo=UTC))) == 1
    assert oversight.verify(node, AUDITOR).broken_at is None


@pytest.mark.parametrize("all_of_them", [True, False])
def test_a_monitoring_procedure_keeps_what_it_needs(
    node: Node, number: str, *, all_of_them: bool
) -> None:
    erased_until(node, number, END)
    needed = "" if all_of_them else number
    hold = oversight.begin_monitoring(node, AUDITOR, "begin", needed)
    assert oversight.begin_monitoring(node, AUDITOR, "begin", needed) == hold
    assert pruning.prune(at(node, LOG_END + SECOND)) == 0
    assert "ENROL" in about(node, number)
    oversight.end_monitoring(node, AUDITOR, "end", hold)
    assert pruning.prune(node) >= 2
    assert about(node, number) == []
    with pytest.raises(NotFound):
        oversight.end_monitoring(node, AUDITOR, "again", hold)


def test_a_procedure_about_another_number_keeps_nothing_here(
    node: Node, station: Actor, number: str, enrolment_of: Callable[..., Enrolment]
) -> None:
    other = enrolment.enrol(node, station, enrolment_of(2)).reference_number
    erased_until(node, number, END)
    oversight.begin_monitoring(node, AUDITOR, "begin", other)
    assert pruning.prune(at(node, LOG_END + SECOND)) == 2
    with pytest.raises(NotFound):
        oversight.begin_monitoring(node, AUDITOR, "unknown", "DK10000099992")


def test_only_auditors_hold_records(node: Node, supervisor: Actor) -> None:
    with pytest.raises(AccessDenied):
        oversight.begin_monitoring(node, supervisor, "begin", "")


def test_many_data_sets_go_in_several_commits(
    node: Node, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "DATA_SETS_AT_ONCE", 1)
    monkeypatch.setattr(pruning, "OF_NOBODY_AT_ONCE", 1)
    erased_until(node, number, END)
    for _ in range(3):
        oversight.verify(node, AUDITOR)
    assert pruning.prune(at(node, datetime(2060, 1, 1, tzinfo=UTC))) == 5
    assert oversight.verify(node, AUDITOR).broken_at is None


def test_a_power_cut_in_the_middle_leaves_the_chain_whole(
    node: Node, number: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies on the disk when records are gone and their anchor is not yet there."""
    erased_until(node, number, END)
    image = tmp_path / "image"

    def cut(*arguments: object, **named: object) -> Anchor:
        shutil.copytree(node.settings.data_folder, image, dirs_exist_ok=True)
        return make_anchor(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr("node.store.pruned.make_anchor", cut)
    assert pruning.prune(at(node, LOG_END + SECOND)) == 2
    assembly.close(node)
    for folder, expected in ((image, (2, 0)), (node.settings.data_folder, (1, 2))):
        key = vault.open_vault(folder / "vault.key")
        store = open_store(f"sqlite:///{folder / 'store.sqlite'}", key, member_state="DK")
        entries, erased, _, broken_at = check(store)
        store.close()
        assert (entries, erased) == expected
        assert broken_at is None
