"""Notices that could not be handled: kept sealed for a person, so that they block no others."""

from __future__ import annotations

from sqlalchemy import insert, select

from node import schema
from node.store.transaction import Transaction
from node.vault import Place

_TABLE = schema.unread_notices


def add(transaction: Transaction, cursor: int, reference_number: str, content: bytes) -> None:
    """Keep a notice about an own data set as it came."""
    place = Place(reference_number, "unread_notices", "content", str(cursor))
    transaction.connection.execute(
        insert(_TABLE).values(
            cursor=cursor,
            reference_number=reference_number,
            content=transaction.seal(content, place),
        )
    )


def find_all(transaction: Transaction, reference_number: str) -> tuple[bytes, ...]:
    """The notices that wait for a person, oldest first."""
    query = (
        select(_TABLE)
        .where(_TABLE.c.reference_number == reference_number)
        .order_by(_TABLE.c.cursor)
    )
    return tuple(
        transaction.unseal(
            row.content, Place(reference_number, "unread_notices", "content", str(row.cursor))
        )
        for row in transaction.connection.execute(query).all()
    )
