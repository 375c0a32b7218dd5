"""The stand-in's durable memory: one SQLite file, opened, locked and committed.

Everything that one request causes is written in one commit. The file holds biometrics unsealed, as
its owner's disk protects them in the real system; it is made readable for its owner alone and meant
for synthetic persons.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from interfaces.central import schema
from interfaces.central.entries import Entries
from interfaces.central.lock import lock

BUSY_TIMEOUT_MS = 30_000
"""How long a writer waits for another: a commit takes milliseconds, a stall of the disk seconds."""


class Ledger:
    """The file and its transactions. Many readers, one writer at a time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
        os.chmod(path, 0o600)
        self._lock = lock(path.with_suffix(".lock"))
        # Values must not get into texts of errors and from there into logs.
        self._engine = sa.create_engine(
            f"sqlite:///{path}", isolation_level="AUTOCOMMIT", hide_parameters=True
        )
        sa.event.listen(self._engine, "connect", _configure)
        schema.metadata.create_all(self._engine)

    @contextmanager
    def write(self) -> Iterator[Entries]:
        """One durable change: committed at the end, or nothing of it when an exception leaves."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield Entries(connection)
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")

    @contextmanager
    def read(self) -> Iterator[Entries]:
        """One consistent view."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                yield Entries(connection)
            finally:
                connection.exec_driver_sql("ROLLBACK")

    def setting(self, name: str) -> Any:
        """A pragma as new connections have it."""
        with self._engine.connect() as connection:
            return connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()

    def close(self) -> None:
        """Fold the write-ahead log into the file and let go of it."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        self._engine.dispose()
        self._lock.close()


def _configure(connection: Any, _: object) -> None:
    """Acknowledged means durable: every commit reaches the disk; erased bytes are overwritten."""
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "secure_delete=ON",
        f"busy_timeout={BUSY_TIMEOUT_MS}",
    ):
        connection.execute(f"PRAGMA {pragma}")
