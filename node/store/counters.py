"""Running numbers that are never given twice, the notice cursor, and whose store this is."""

from __future__ import annotations

from sqlalchemy import insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from node import schema
from node.errors import SealBroken, StoreUnusable
from node.store.transaction import THE_NODE, Transaction
from node.vault import Place

_TABLE = schema.counters
_OWNER_ROW = "owner"


def next_number(transaction: Transaction, name: str) -> int:
    """The next number of a counter, from 1 on; rolls back with the transaction."""
    dialect = sqlite if transaction.connection.dialect.name == "sqlite" else postgresql
    statement = (
        dialect.insert(_TABLE)
        .values(name=name, value=1)
        .on_conflict_do_update(index_elements=["name"], set_={"value": _TABLE.c.value + 1})
        .returning(_TABLE.c.value)
    )
    return int(transaction.connection.execute(statement).scalar_one())


def read(transaction: Transaction, name: str) -> int:
    """The value of a counter; 0 before its first use."""
    query = select(_TABLE.c.value).where(_TABLE.c.name == name)
    return int(transaction.connection.execute(query).scalar_one_or_none() or 0)


def put(transaction: Transaction, name: str, value: int) -> None:
    """Set a counter, for instance the cursor of the last notice whose effects are durable."""
    changed = transaction.connection.execute(
        update(_TABLE).where(_TABLE.c.name == name).values(value=value)
    )
    if not changed.rowcount:
        transaction.connection.execute(insert(_TABLE).values(name=name, value=value))


def claim_store(transaction: Transaction, member_state: str) -> str:
    """Whose store this is: written on first opening, sealed, so that a wrong key shows at once."""
    table = schema.data_keys
    place = Place(THE_NODE, "data_keys", _OWNER_ROW)
    found = transaction.connection.execute(
        select(table.c.wrapped).where(table.c.owner == THE_NODE)
    ).scalar_one_or_none()
    if found is None:
        sealed = transaction.seal(member_state.encode(), place)
        transaction.connection.execute(insert(table).values(owner=THE_NODE, wrapped=sealed))
        return member_state
    try:
        return transaction.unseal(found, place).decode()
    except SealBroken as error:
        raise StoreUnusable("the store was sealed under another key file") from error
