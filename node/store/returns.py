"""Events of returns, counted and of nobody: a kind and a day, no number and no person.

The indicators outlive the data sets; what they are counted from must therefore name none.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import insert, select

from interfaces.eurodac.returns import ReturnEvent, ReturnRow
from node import schema
from node.store.transaction import Transaction

_TABLE = schema.return_events


def add(transaction: Transaction, event_id: str, event: ReturnEvent, on_day: datetime) -> None:
    """Count one event. on_day: the first instant of its day."""
    transaction.connection.execute(
        insert(_TABLE).values(event_id=event_id, event=event, on_day=on_day)
    )


def find_all(
    transaction: Transaction, state: str, begin: datetime, end: datetime
) -> Iterator[ReturnRow]:
    """The events of this State from begin up to but not including end."""
    query = select(_TABLE).where(_TABLE.c.on_day >= begin, _TABLE.c.on_day < end)
    for row in transaction.connection.execute(query):
        yield ReturnRow(ReturnEvent(row.event), row.on_day, state)
