"""The contract of the store, whatever database lies under it.

Runs on SQLite; another database joins by one more entry in DATABASES.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from benchmarks.galleries import draw_reference
from interfaces import wire
from interfaces.eurodac.caseclock import Happening
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.outcome import HitState
from interfaces.eurodac.police import SearchState
from interfaces.eurodac.progress import Told
from interfaces.eurodac.terms import Event
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from matcher import templates
from node.errors import NotFound, RequestReused, SealBroken
from node.store import (
    Store,
    biometrics,
    counters,
    dossiers,
    erasure,
    events,
    extensions,
    hits,
    open_store,
    parcels,
    police,
    proposals,
    requests,
    tasks,
    unread,
)
from node.store.dossiers import Dossier
from node.store.events import CaseEvent
from node.store.extensions import Extension, ExtensionKind
from node.store.hits import StoredHit
from node.store.parcels import Parcel
from node.store.police import StoredSearch
from node.store.proposals import Proposal
from node.store.requests import Request
from node.vault import Vault
from node.vocabulary import CaseHit, Delivery, Lane, Task, TaskKind

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
NUMBER, OTHER = "DK10000000427", "DK10000000435"
NAME = "Qwertzuiop-Yxcvbnm"
IMAGE = bytes(range(7, 250)) * 3
KEY = bytes(range(32))

DATABASES: dict[str, Callable[[Path], str]] = {
    "sqlite": lambda folder: f"sqlite:///{folder / 'store.sqlite'}",
}


@pytest.fixture(params=DATABASES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = open_store(DATABASES[request.param](tmp_path), Vault(KEY), member_state="DK")
    yield opened
    opened.close()


def dossier_of(number: str, **fields: object) -> Dossier:
    data_set = DataSet(
        category=Category.APPLICANT_REG,
        origin="DK",
        reference_number=number,
        surnames=(NAME,),
        event=Event("Sandholm", NOW),
    )
    plain = Dossier(
        reference_number=number,
        category=Category.APPLICANT_REG,
        unit="Unit 1",
        delivery=Delivery.QUEUED,
        enrolled_at=NOW,
        data_set=data_set,
        circumstances=b'{"lane": "NORMAL"}',
    )
    return replace(plain, **fields)  # type: ignore[arg-type]


def hit_of(number: str, hit_id: str = "h1") -> StoredHit:
    message = central_pb2.Hit(
        data_set=wire.dataset_to(DataSet(Category.SAR, "IT", number, surnames=(NAME,))),
        score=93.5,
        finger_scores=[
            central_pb2.FingerScore(position=terms_pb2.FINGER_POSITION_RIGHT_INDEX, score=61.0)
        ],
    )
    bare = CaseHit(hit_id, number, None, 93.5, {}, None, HitState.CHECKING, NOW, ("a doubt",))
    return StoredHit(hits.with_content(bare, message), NUMBER, 0, message)


def fill(store: Store, number: str = NUMBER) -> None:
    """One data set with something in every table that can hold anything about it."""
    with store.write() as transaction:
        dossiers.add(transaction, dossier_of(number))
        biometrics.put_capture(transaction, number, IMAGE)
        biometrics.put_reference(transaction, number, draw_reference(1))
        hit = hit_of("IT90000000017", f"hit of {number}")
        hits.add(transaction, replace(hit, reference_number=number))
        proposals.add(transaction, Proposal(f"p{number}", number, "anna", NOW, NAME.encode()))
        unread.add(transaction, len(number) + ord(number[-1]), number, NAME.encode())
        request = Request("Unit 1", f"r{number}", "ENROL", b"content")
        requests.keep_answer(transaction, request, NAME.encode(), owner=number, at=NOW)
        parcel = Parcel(f"x{number}", number, "TransmitDataSet", IMAGE, Lane.NORMAL, NOW)
        parcels.add(transaction, parcel)
        task = Task(f"t{number}", number, TaskKind.TRANSMIT, "Transmit.", "15(1)", NOW)
        tasks.add(transaction, task)
        told = Told(Happening.ABSCONDED, NOW)
        events.add(transaction, CaseEvent(f"e{number}", number, told, "anna", NOW))
        events.start_clock(transaction, number)
        search = StoredSearch(
            reference_number=number,
            category=Category.LEA_SEARCH,
            state=SearchState.SUBMITTED,
            requesting_unit="Unit 1",
            requester="anna",
            submitted_at=NOW,
            reasons=NAME.encode(),
            probe=IMAGE,
        )
        police.add(transaction, search)
        police.open_record(transaction, number, {"offence": "theft"})


def raw_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("store.sqlite*")))


def test_a_data_set_comes_back_as_it_was_put_in(store: Store) -> None:
    put = dossier_of(NUMBER)
    with store.write() as transaction:
        dossiers.add(transaction, put)
    with store.read() as transaction:
        assert dossiers.find(transaction, NUMBER) == put


def test_an_unknown_number_is_not_found(store: Store) -> None:
    with store.write() as transaction:
        for ask in (dossiers.find, dossiers.find_revision, dossiers.change):
            with pytest.raises(NotFound):
                ask(transaction, NUMBER)
        with pytest.raises(NotFound):
            biometrics.get_capture(transaction, NUMBER)
        with pytest.raises(NotFound):
            biometrics.get_reference(transaction, NUMBER, NOW)
        for find in (hits.find, proposals.find, tasks.find):
            with pytest.raises(NotFound):
                find(transaction, "nothing")


def test_every_change_makes_the_revision_grow(store: Store) -> None:
    with store.write() as transaction:
        dossiers.add(transaction, dossier_of(NUMBER))
        dossiers.change(transaction, NUMBER, delivery=Delivery.TRANSMITTED, transmitted_at=NOW)
        dossiers.change(transaction, NUMBER)
        found = dossiers.find(transaction, NUMBER)
    assert (found.revision, found.delivery, found.transmitted_at) == (3, Delivery.TRANSMITTED, NOW)


def test_biometrics_come_back_as_they_were_put_in(store: Store) -> None:
    fill(store)
    with store.read() as transaction:
        assert biometrics.get_capture(transaction, NUMBER) == IMAGE
        reference = biometrics.get_reference(transaction, NUMBER, NOW)
        (stored,) = biometrics.all_references(transaction)
    encoded = templates.encode(draw_reference(1))
    assert templates.encode(reference) == stored.encoded == encoded
    assert (stored.reference_number, stored.category) == (NUMBER, Category.APPLICANT_REG)


def test_all_references_come_in_batches_without_a_gap(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(biometrics, "ROWS_AT_ONCE", 3)
    with store.write() as transaction:
        for count in range(7):
            dossiers.add(transaction, dossier_of(f"DK1{count}"))
            biometrics.put_reference(transaction, f"DK1{count}", draw_reference(count))
        biometrics.drop_reference(transaction, "DK12")
    with store.read() as transaction:
        found = [stored.reference_number for stored in biometrics.all_references(transaction)]
        assert found == ["DK10", "DK11", "DK13", "DK14", "DK15", "DK16"]
        assert biometrics.count_references(transaction) == 6


def test_a_gallery_number_is_never_given_twice(store: Store) -> None:
    with store.write() as transaction:
        dossiers.add(transaction, dossier_of(NUMBER))
        first = biometrics.put_reference(transaction, NUMBER, draw_reference(1))
        assert biometrics.drop_reference(transaction, NUMBER) == (first,)
        second = biometrics.put_reference(transaction, NUMBER, draw_reference(2))
        assert second > first
        assert biometrics.find_reference(transaction, first) is None
        assert biometrics.name_references(transaction, (first, second), NOW) == {second: NUMBER}


def test_nothing_sealed_can_be_read_from_the_files(store: Store, tmp_path: Path) -> None:
    fill(store)
    finger = draw_reference(1).fingers[0].minutiae.tobytes()
    stored = raw_bytes(tmp_path)
    assert NUMBER.encode() in stored
    for secret in (NAME.encode(), IMAGE[:40], finger[:40], b"Sandholm", b"a doubt", b"ABSCONDED"):
        assert secret not in stored


SEALED = [
    ("data_sets", "content", "reference_number"),
    ("data_sets", "circumstances", "reference_number"),
    ("captures", "content", "reference_number"),
    ("templates", "content", "reference_number"),
    ("hits", "content", "hit_id"),
    ("hits", "assessment", "hit_id"),
    ("proposals", "content", "proposal_id"),
    ("unread_notices", "content", "cursor"),
    ("requests", "answer", "request_id"),
    ("outbox", "content", "parcel_id"),
    ("case_events", "content", "event_id"),
    ("searches", "reasons", "reference_number"),
    ("searches", "probe", "reference_number"),
    ("search_records", "content", "reference_number"),
]


# The record of a request outlives its data set, under a key of its own (Arts 43(8), 51(2)).
ERASED = [row for row in SEALED if row[0] != "search_records"]


def open_everything(store: Store, number: str) -> None:
    with store.read() as transaction:
        dossiers.find(transaction, number)
        biometrics.get_capture(transaction, number)
        biometrics.get_reference(transaction, number, NOW)
        hits.find_all(transaction, number)
        proposals.find(transaction, f"p{number}")
        unread.find_all(transaction, number)
        parcels.find_waiting(transaction, number)
        request = Request("Unit 1", f"r{number}", "ENROL", b"content")
        requests.find_answer(transaction, request)
        events.find_all(transaction, number)
        police.find(transaction, number)
        police.read_record(transaction, number)


@pytest.mark.parametrize(("table", "column", "key"), SEALED)
def test_sealed_values_of_two_rows_cannot_be_exchanged(
    store: Store, table: str, column: str, key: str
) -> None:
    fill(store, NUMBER)
    fill(store, OTHER)
    open_everything(store, NUMBER)
    with store.write() as transaction:
        connection = transaction.connection
        rows = connection.execute(text(f"SELECT {key}, {column} FROM {table}")).all()
        sealed = [row for row in rows if row[1] is not None]
        assert len(sealed) == 2
        for target, source in (sealed, sealed[::-1]):
            update = text(f"UPDATE {table} SET {column} = :value WHERE {key} = :key")
            connection.execute(update, {"value": source[1], "key": target[0]})
    with pytest.raises(SealBroken):
        open_everything(store, NUMBER)


def test_sealed_values_of_two_columns_cannot_be_exchanged(store: Store) -> None:
    fill(store)
    with store.write() as transaction:
        swap = "UPDATE data_sets SET content = circumstances, circumstances = content"
        transaction.connection.execute(text(swap))
    with pytest.raises(SealBroken), store.read() as transaction:
        dossiers.find(transaction, NUMBER)


def test_data_keys_of_two_data_sets_cannot_be_exchanged(store: Store) -> None:
    fill(store, NUMBER)
    fill(store, OTHER)
    with store.write() as transaction:
        swap = text(
            "UPDATE data_keys SET wrapped = "
            "(SELECT wrapped FROM data_keys WHERE owner = :b) WHERE owner = :a"
        )
        transaction.connection.execute(swap, {"a": NUMBER, "b": OTHER})
    with pytest.raises(SealBroken), store.read() as transaction:
        dossiers.find(transaction, NUMBER)


def test_every_sealed_column_of_the_schema_is_among_those_tested() -> None:
    from node import schema  # noqa: PLC0415 - the schema is not part of the contract

    plain = {("data_keys", "wrapped"), ("requests", "digest"), ("audit", "link")}
    # Sums of the chain of records, which name nobody.
    plain |= {("audit_anchors", "link"), ("audit_anchors", "seal")}
    # The running digest names nobody either; the hashes that it sums are sealed: test_running.py.
    plain |= {("gallery_digests", "value"), ("templates", "digest")}
    binary = {
        (table.name, column.name)
        for table in schema.METADATA.tables.values()
        for column in table.columns
        if type(column.type).__name__ == "LargeBinary"
    }
    assert binary - plain == {(table, column) for table, column, _ in SEALED}


def test_an_erased_data_set_leaves_a_tombstone_without_content(store: Store) -> None:
    fill(store)
    with store.write() as transaction:
        erased = erasure.erase(transaction, NUMBER, NOW)
        assert not erasure.has_key(transaction, NUMBER)
    assert (len(erased.template_ids), erased.centre_knows) == (1, False)
    with store.read() as transaction:
        left = dossiers.find(transaction, NUMBER)
        assert (left.data_set, left.delivery, left.erased_at) == (None, Delivery.ERASED, NOW)
        assert hits.find_all(transaction, NUMBER) == ()
        assert tasks.find_open(transaction, NUMBER) == ()
        assert parcels.find_waiting(transaction, NUMBER) == ()
        assert list(biometrics.all_references(transaction)) == []
        with pytest.raises(NotFound):
            _ = left.content
        with pytest.raises(NotFound):
            biometrics.get_capture(transaction, NUMBER)
        with pytest.raises(NotFound):
            proposals.find(transaction, f"p{NUMBER}")


def test_an_erasure_leaves_no_byte_of_the_sealed_values_in_the_files(
    store: Store, tmp_path: Path
) -> None:
    fill(store, OTHER)
    fill(store, NUMBER)
    connection = sqlite3.connect(tmp_path / "store.sqlite")
    traces = []
    for table, column, key in ERASED:
        query = f"SELECT {column} FROM {table} WHERE CAST({key} AS TEXT) LIKE ?"
        wanted = f"%{NUMBER}" if key != "cursor" else str(len(NUMBER) + ord(NUMBER[-1]))
        traces += [row[0] for row in connection.execute(query, (wanted,))]
    query = "SELECT wrapped FROM data_keys WHERE owner = ?"
    traces += [row[0] for row in connection.execute(query, (NUMBER,))]
    connection.close()
    assert len(traces) == len(ERASED) + 1
    # A middle piece: the first bytes of a page that was freed may be overwritten by chance.
    pieces = [trace[len(trace) // 2 :][:16] for trace in traces]
    assert all(piece in raw_bytes(tmp_path) for piece in pieces)
    with store.write() as transaction:
        erasure.erase(transaction, NUMBER, NOW)
    left = raw_bytes(tmp_path)
    assert not [piece for piece in pieces if piece in left]
    open_everything(store, OTHER)
    with store.read() as transaction:
        assert police.read_record(transaction, NUMBER)


def test_the_centre_is_told_of_an_erasure_once_anything_may_have_reached_it(store: Store) -> None:
    fill(store, NUMBER)
    fill(store, OTHER)
    with store.write() as transaction:
        assert parcels.start_attempt(transaction, f"x{NUMBER}")
        assert erasure.erase(transaction, NUMBER, NOW).centre_knows
        dossiers.change(transaction, OTHER, transmitted_at=NOW)
        assert erasure.erase(transaction, OTHER, NOW).centre_knows
        assert not parcels.start_attempt(transaction, f"x{NUMBER}")


def test_a_parcel_that_outlives_its_data_set_can_still_be_opened(store: Store) -> None:
    with store.write() as transaction:
        dossiers.add(transaction, dossier_of(NUMBER))
        parcel = Parcel("e", NUMBER, "EraseDataSet", b"number", Lane.NORMAL, NOW, outlives=True)
        parcels.add(transaction, parcel)
        erasure.erase(transaction, NUMBER, NOW)
        (left,) = parcels.find_waiting(transaction, NUMBER)
    assert (left.method, left.content, left.outlives) == ("EraseDataSet", b"number", True)


def test_expired_data_sets_are_found_and_no_others(store: Store) -> None:
    ends = {"DK11": NOW - timedelta(seconds=1), "DK12": NOW, "DK13": None}
    with store.write() as transaction:
        for number, end in ends.items():
            dossiers.add(transaction, dossier_of(number))
            dossiers.change(transaction, number, retained_until=end)
        assert dossiers.find_expired(transaction, NOW, 10) == ["DK11"]
        erasure.erase(transaction, "DK11", NOW)
        assert dossiers.find_expired(transaction, NOW, 10) == []


def test_a_request_gets_its_answer_again_and_no_other_content_does(store: Store) -> None:
    request = Request("Unit 1", "r1", "ENROL", b"content")
    with store.write() as transaction:
        dossiers.add(transaction, dossier_of(NUMBER))
        assert requests.find_answer(transaction, request) is None
        requests.keep_answer(transaction, request, b"answer", owner=NUMBER, at=NOW)
    with store.read() as transaction:
        assert requests.find_answer(transaction, request) == b"answer"
        other_unit = replace(request, unit="Unit 2")
        assert requests.find_answer(transaction, other_unit) is None
        for other in (replace(request, content=b"other"), replace(request, act="RECAPTURE")):
            with pytest.raises(RequestReused):
                requests.find_answer(transaction, other)


def test_an_answer_goes_with_its_data_set_and_its_id_stays_used(store: Store) -> None:
    request = Request("Unit 1", f"r{NUMBER}", "ENROL", b"content")
    fill(store)
    with store.write() as transaction:
        erasure.erase(transaction, NUMBER, NOW)
    with store.read() as transaction:
        with pytest.raises(NotFound):
            requests.find_answer(transaction, request)
        with pytest.raises(RequestReused):
            requests.find_answer(transaction, replace(request, content=b"other"))


def test_counters_count_from_one_and_roll_back_with_their_transaction(store: Store) -> None:
    def fail() -> None:
        with store.write() as transaction:
            counters.next_number(transaction, "a")
            raise RuntimeError

    with store.write() as transaction:
        assert [counters.next_number(transaction, "a") for _ in range(3)] == [1, 2, 3]
        assert counters.next_number(transaction, "b") == 1
        assert counters.read(transaction, "c") == 0
        counters.put(transaction, "c", 9)
        counters.put(transaction, "c", 11)
    with pytest.raises(RuntimeError):
        fail()
    with store.read() as transaction:
        assert counters.read(transaction, "a") == 3
        assert counters.read(transaction, "c") == 11


def test_tasks_come_soonest_first_on_pages_without_doubles_or_gaps(store: Store) -> None:
    dues = [None, 5, 1, 3, 3, None, 2, 9]
    with store.write() as transaction:
        for count, hours in enumerate(dues):
            due = None if hours is None else NOW + timedelta(hours=hours)
            task = Task(f"t{count}", NUMBER, TaskKind.CHECK_HIT, "Check.", "38(4)", NOW, due)
            tasks.add(transaction, task)
        tasks.close_one(transaction, "t7", NOW)
    found, token = [], ""
    with store.read() as transaction:
        while True:
            page = tasks.list_due(transaction, before=None, at_most=3, after=token)
            found += [task.task_id for task in page.tasks]
            token = page.next_token
            if not token:
                break
        soon = tasks.list_due(transaction, before=NOW + timedelta(hours=3), at_most=9)
    assert found == ["t2", "t6", "t3", "t4", "t1", "t0", "t5"]
    assert [task.task_id for task in soon.tasks] == ["t2", "t6"]


def test_a_page_goes_on_where_it_ended_though_its_last_task_was_closed(store: Store) -> None:
    with store.write() as transaction:
        for count in range(4):
            due = NOW + timedelta(hours=count)
            task = Task(f"t{count}", NUMBER, TaskKind.CHECK_HIT, "Check.", "38(4)", NOW, due)
            tasks.add(transaction, task)
        first = tasks.list_due(transaction, before=None, at_most=2)
        tasks.close_one(transaction, first.next_token, NOW)
        rest = tasks.list_due(transaction, before=None, at_most=2, after=first.next_token)
    assert [task.task_id for task in rest.tasks] == ["t2", "t3"]


def test_tasks_are_closed_by_kind_and_by_hit(store: Store) -> None:
    kinds = [TaskKind.CHECK_HIT, TaskKind.CHECK_HIT, TaskKind.RETAKE]
    with store.write() as transaction:
        for count, kind in enumerate(kinds):
            task = Task(f"t{count}", NUMBER, kind, "Do.", "1", NOW, hit_id=f"h{count}")
            tasks.add(transaction, task)
        tasks.close(transaction, NUMBER, NOW, kinds=[TaskKind.CHECK_HIT], hit_id="h0")
        assert [task.task_id for task in tasks.find_open(transaction, NUMBER)] == ["t1", "t2"]
        tasks.close(transaction, NUMBER, NOW, kinds=[TaskKind.RETAKE])
        assert [task.task_id for task in tasks.find_open(transaction, NUMBER)] == ["t1"]


def test_a_confirmed_hit_keeps_its_content_and_a_false_one_loses_it(store: Store) -> None:
    with store.write() as transaction:
        dossiers.add(transaction, dossier_of(NUMBER))
        hits.add(transaction, hit_of("IT90000000017", "h1"))
        hits.add(transaction, hit_of("IT90000000025", "h2"))
        first = hits.find(transaction, "h1")
        assert first.hit == hit_of("IT90000000017", "h1").hit
        step = replace(first.hit, next_step="TAKE_CHARGE", next_step_due=NOW)
        hits.confirm(transaction, replace(first, hit=step), by="carl", at=NOW)
        hits.refute(transaction, hits.find(transaction, "h2"), by="carl", at=NOW)
        confirmed, false = hits.find_all(transaction, NUMBER)
        sealed = transaction.connection.execute(
            text("SELECT content, assessment FROM hits WHERE hit_id = 'h2'")
        ).one()
    assert confirmed.hit == replace(step, state=HitState.CONFIRMED)
    assert (false.hit.state, false.hit.data_set, false.hit.score) == (HitState.FALSE, None, 0.0)
    assert tuple(sealed) == (None, None)


def test_extensions_count_while_they_are_in_force(store: Store) -> None:
    month = timedelta(days=30)
    incident = Extension("i1", ExtensionKind.TECHNICAL, "bodil", NOW, NOW)
    influx = Extension("n1", ExtensionKind.INFLUX, "bodil", NOW, NOW, NOW + month)
    with store.write() as transaction:
        extensions.add(transaction, incident)
        extensions.add(transaction, influx)
        assert extensions.find_incident(transaction, "i1") == incident
        assert extensions.find_incident(transaction, "n1") is None
        assert extensions.find_influx(transaction, NOW + month) == influx
        assert extensions.find_influx(transaction, NOW + month + timedelta(seconds=1)) is None
        extensions.end(transaction, "i1", NOW)
        with pytest.raises(NotFound):
            extensions.end(transaction, "i1", NOW)


def test_watchers_wake_when_a_case_changed_and_not_before_it_is_durable(store: Store) -> None:
    woken = threading.Event()
    before = store.changes()

    def watch() -> None:
        if store.wait_for_change(before, 10):
            woken.set()

    thread = threading.Thread(target=watch)
    thread.start()
    with store.write() as transaction:
        dossiers.add(transaction, dossier_of(NUMBER))
        assert not woken.wait(0.05)
    thread.join()
    assert woken.is_set()


def test_a_rolled_back_parcel_wakes_nobody(store: Store) -> None:
    def fail() -> None:
        with store.write() as transaction:
            parcels.add(transaction, Parcel("x", NUMBER, "SetMark", b"", Lane.NORMAL, NOW))
            raise RuntimeError

    with store.write() as transaction:
        dossiers.add(transaction, dossier_of(NUMBER))
    before = store.changes()
    with pytest.raises(RuntimeError):
        fail()
    assert not store.parcel_queued.is_set()
    assert store.changes() == before
