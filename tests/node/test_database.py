"""The database: one writer, consistent readers, durable commits, no traces of what was erased."""

import sqlite3
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from node import schema, vault
from node.database import Database
from node.errors import StoreUnusable
from node.store import open_store
from node.vault import Vault


@pytest.fixture
def database(tmp_path: Path) -> Database:
    opened = Database(f"sqlite:///{tmp_path / 'a.sqlite'}")
    schema.migrate(opened)
    return opened


def put(database: Database, name: str, value: int) -> None:
    with database.write() as connection:
        connection.execute(
            text("INSERT OR REPLACE INTO counters VALUES (:name, :value)"),
            {"name": name, "value": value},
        )


def get(database: Database, name: str) -> int | None:
    with database.read() as connection:
        found = connection.execute(text("SELECT value FROM counters WHERE name = :n"), {"n": name})
        return found.scalar_one_or_none()


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("secure_delete", 1)],
)
def test_every_connection_keeps_the_promises(
    database: Database, pragma: str, value: object
) -> None:
    with database.read() as first, database.read() as second:
        for connection in (first, second):
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one() == value


def test_a_block_that_raises_writes_nothing(database: Database) -> None:
    def fail() -> None:
        with database.write() as connection:
            connection.execute(text("INSERT INTO counters VALUES ('a', 1)"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert get(database, "a") is None


def test_writers_follow_each_other_and_none_is_lost(database: Database) -> None:
    put(database, "a", 0)

    def count() -> None:
        for _ in range(25):
            with database.write() as connection:
                value = connection.execute(text("SELECT value FROM counters")).scalar_one()
                connection.execute(text("UPDATE counters SET value = :v"), {"v": value + 1})

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert get(database, "a") == 100


def test_a_reader_sees_one_state_while_a_writer_commits(database: Database) -> None:
    put(database, "a", 1)
    query = text("SELECT value FROM counters")
    with database.read() as connection:
        before = connection.execute(query).scalar_one()
        put(database, "a", 2)
        assert connection.execute(query).scalar_one() == before == 1
    assert get(database, "a") == 2


def test_a_scrubbed_log_is_empty(database: Database, tmp_path: Path) -> None:
    put(database, "a", 1)
    assert (tmp_path / "a.sqlite-wal").stat().st_size > 0
    assert database.scrub()
    assert (tmp_path / "a.sqlite-wal").stat().st_size == 0


def test_a_log_that_a_reader_needs_is_scrubbed_when_the_reader_has_gone(
    database: Database,
) -> None:
    with database.read() as connection:
        connection.execute(text("SELECT * FROM counters")).all()
        put(database, "a", 1)
        assert not database.scrub()
    assert database.scrub()


def test_errors_do_not_show_the_values_of_a_statement(database: Database) -> None:
    with pytest.raises(StoreUnusable) as refusal, database.write() as connection:
        connection.execute(text("INSERT INTO nowhere VALUES (:name)"), {"name": "Qwertzuiop"})
    assert "Qwertzuiop" not in str(refusal.value) + str(refusal.value.__cause__)


def test_an_empty_file_gets_the_very_tables_that_the_code_speaks_of(database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.METADATA) == []


def test_a_second_start_changes_nothing(database: Database) -> None:
    put(database, "a", 7)
    schema.migrate(database)
    assert get(database, "a") == 7


def test_a_store_of_a_newer_program_is_refused_untouched(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreUnusable, match="newer"):
        schema.migrate(database)
    with database.read() as connection:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    assert found == "9999"


def test_a_failed_migration_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "b.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE tasks (x)")
    connection.close()
    with pytest.raises(StoreUnusable):
        schema.migrate(Database(f"sqlite:///{path}"))
    with sqlite3.connect(path) as connection:
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    assert names == {"tasks"}


def test_a_store_opens_for_its_state_and_key_only(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'c.sqlite'}"
    key = Vault(bytes(32))
    open_store(url, key, member_state="DK").close()
    open_store(url, key, member_state="DK").close()
    with pytest.raises(StoreUnusable, match="belongs to DK"):
        open_store(url, key, member_state="IT")
    with pytest.raises(StoreUnusable, match="another key"):
        open_store(url, Vault(bytes([1]) * 32), member_state="DK")


def test_keys_are_not_stored_beside_what_they_open(tmp_path: Path) -> None:
    key = tmp_path / "vault.key"
    vault.create_key_file(key)
    url = f"sqlite:///{tmp_path / 'd.sqlite'}"
    open_store(url, vault.open_vault(key), member_state="DK").close()
    secret = bytes.fromhex(key.read_text().splitlines()[1])
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("d.sqlite*"))
    assert secret not in stored
    assert secret.hex().encode() not in stored
