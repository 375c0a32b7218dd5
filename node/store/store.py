"""The store as the acts hold it: transactions, and who is told once they are durable."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from node import schema
from node.database import Database
from node.errors import StoreUnusable
from node.store import counters
from node.store.transaction import Transaction
from node.vault import Vault


class Store:
    """Transactions over one database and one vault. Thread-safe."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self.vault = vault
        self.parcel_queued = threading.Event()
        self._changed = threading.Condition()
        self._changes = 0

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """One commit: all of the block or nothing. Watchers hear of it only when it is durable."""
        with self._database.write() as connection:
            transaction = Transaction(connection, self.vault)
            yield transaction
        if transaction.queued:
            self.parcel_queued.set()
        if transaction.touched:
            self._announce()
        if transaction.erased:
            self.scrub()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """One consistent view."""
        with self._database.read() as connection:
            yield Transaction(connection, self.vault)

    def changes(self) -> int:
        """A number that grows whenever a case changed; read it before reading the case."""
        with self._changed:
            return self._changes

    def wait_for_change(self, after: int, timeout_seconds: float) -> bool:
        """Sleep until changes() exceeds `after`; False when the time is up."""
        deadline = time.monotonic() + timeout_seconds
        with self._changed:
            while self._changes <= after:
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    return False
            return True

    def wake_watchers(self) -> None:
        """Let everyone who waits look again, for instance because the node closes."""
        self._announce()

    def scrub(self) -> bool:
        """Remove erased pages from the log too; False while a reader keeps them, ask again."""
        return self._database.scrub()

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def _announce(self) -> None:
        with self._changed:
            self._changes += 1
            self._changed.notify_all()


def open_store(url: str, vault: Vault, *, member_state: str) -> Store:
    """Bring the database to this program's schema and open it.

    Raises StoreUnusable when it was written by a newer program, for another Member State, or
    under another key: all three are found before any act touches it.
    """
    database = Database(url)
    try:
        schema.migrate(database)
        store = Store(database, vault)
        with store.write() as transaction:
            owner = counters.claim_store(transaction, member_state)
        if owner != member_state:
            raise StoreUnusable(f"the store belongs to {owner}, the settings say {member_state}")
    except BaseException:
        database.close()
        raise
    return store
