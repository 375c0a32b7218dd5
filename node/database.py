"""The database under the store: one writer at a time, readers beside it, nothing lost or left.

On SQLite: write-ahead log with synchronous=FULL, so that a commit that returned survives loss of
power; secure_delete=ON, so that freed pages are zeroed; BEGIN IMMEDIATE, so that a writer never
finds out at its commit that it may not write. Writers of this process queue on a lock, because
waiting there is fair and cheap while SQLite's own busy handler sleeps and retries.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from node.errors import StoreUnusable

BUSY_TIMEOUT_MILLISECONDS = 10_000
"""How long SQLite waits for another process (a backup, a second command line) to let go: longer
than any commit of ours takes, shorter than a station's patience."""

SCRUB_PATIENCE_MILLISECONDS = 200
"""How long a scrub waits for readers while it keeps writers out; it is asked for again later."""

MAX_CONNECTIONS = 20
"""Readers at one time; acts run in fewer threads."""

JOURNAL_LIMIT_BYTES = 64 * 1024 * 1024
"""Size to which the log is cut back after a checkpoint: several commits of the largest capture."""


class Database:
    """Connections to one database; thread-safe."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(
            url,
            poolclass=QueuePool,
            pool_size=MAX_CONNECTIONS,
            max_overflow=0,
            # Values must not get into texts of errors and from there into logs.
            hide_parameters=True,
        )
        self._writing = threading.Lock()
        self.is_sqlite = self._engine.dialect.name == "sqlite"
        if self.is_sqlite:
            event.listen(self._engine, "connect", _set_up_connection)
            event.listen(self._engine, "begin", _begin)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that may write; commits when the block ends, rolls back if it raises."""
        with (
            _explain(),
            self._writing,
            self._engine.connect().execution_options(writes=True) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view of the committed state."""
        with _explain(), self._engine.connect() as connection, connection.begin():
            yield connection

    def scrub(self) -> bool:
        """Move the log into the database and empty it, so that no erased page lies in it.

        False when a reader still needs the log: ask again later.
        """
        if not self.is_sqlite:
            return True
        with self._writing, self._engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert raw is not None
            raw.execute(f"PRAGMA busy_timeout={SCRUB_PATIENCE_MILLISECONDS}")
            busy, _, _ = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            raw.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MILLISECONDS}")
        return not busy

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()


@contextmanager
def _explain() -> Iterator[None]:
    """A full disk or a database locked by others is the store's error, not that of its caller."""
    try:
        yield
    except (OperationalError, PoolTimeoutError) as error:
        raise StoreUnusable(f"the database cannot be used now: {type(error).__name__}") from error


def _set_up_connection(connection: Any, _: ConnectionPoolEntry) -> None:
    # The driver must not begin transactions by itself: _begin() does, and says how.
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        "temp_store=MEMORY",
        f"busy_timeout={BUSY_TIMEOUT_MILLISECONDS}",
        f"journal_size_limit={JOURNAL_LIMIT_BYTES}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
