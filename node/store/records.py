"""The audit chain on disk: appended in the transaction of the act it tells about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Row, insert, select

from node import schema
from node.access import Act, Actor, Purpose, Role
from node.audit import FIRST_LINK, Anchor, Entry, Outcome, Record, Verdict, link, verify
from node.store.transaction import Transaction

_TABLE = schema.audit
_ANCHORS = schema.audit_anchors

ENTRIES_AT_ONCE = 5_000
"""Entries fetched in one go while the chain is walked: a few megabytes."""


def append(transaction: Transaction, record: Record) -> Entry:
    """Link a record to the chain; durable together with the act."""
    # The newest record is never erased: pruning appends its own before it erases any.
    query = select(_TABLE.c.number, _TABLE.c.link).order_by(_TABLE.c.number.desc()).limit(1)
    last = transaction.connection.execute(query).one_or_none()
    number, previous = (0, FIRST_LINK) if last is None else (last.number, last.link)
    entry = Entry(number + 1, record, link(transaction.vault.audit_key, previous, record))
    transaction.connection.execute(
        insert(_TABLE).values(
            number=entry.number,
            at=record.at,
            state=record.actor.state,
            unit=record.actor.unit,
            user=record.actor.user,
            role=record.actor.role,
            act=record.act,
            purpose=record.purpose,
            outcome=record.outcome,
            reference_number=record.reference_number,
            detail=record.detail,
            link=entry.link,
        )
    )
    return entry


def walk(transaction: Transaction, *, reference_number: str | None = None) -> Iterator[Entry]:
    """The entries in their order, all or those about one number."""
    last = 0
    while True:
        condition = _TABLE.c.number > last
        if reference_number is not None:
            condition = condition & (_TABLE.c.reference_number == reference_number)
        query = select(_TABLE).where(condition).order_by(_TABLE.c.number).limit(ENTRIES_AT_ONCE)
        batch = [_read(row) for row in transaction.connection.execute(query)]
        yield from batch
        if len(batch) < ENTRIES_AT_ONCE:
            return
        last = batch[-1].number


def read_numbers(transaction: Transaction, first: int, last: int) -> Iterator[Entry]:
    """The entries from one number to another, those that are there."""
    query = select(_TABLE).where(_TABLE.c.number.between(first, last)).order_by(_TABLE.c.number)
    yield from map(_read, transaction.connection.execute(query))


def find_anchors(transaction: Transaction) -> tuple[Anchor, ...]:
    """What stands in the place of erased records, in the order of the chain."""
    query = select(_ANCHORS).order_by(_ANCHORS.c.first)
    return tuple(map(read_anchor, transaction.connection.execute(query)))


def read_anchor(row: Row[Any]) -> Anchor:
    """An anchor as it lies in its row."""
    return Anchor(row.first, row.last, row.link, row.seal)


def check(transaction: Transaction) -> Verdict:
    """Verify the whole chain as it lies in the store."""
    return verify(transaction.vault.audit_key, walk(transaction), find_anchors(transaction))


def _read(row: Row[Any]) -> Entry:
    # Unknown words would raise here: a forger may write anything, so they become a broken link.
    actor = Actor(row.state, row.unit, row.user, _word(Role, row.role))
    record = Record(
        at=row.at,
        actor=actor,
        act=_word(Act, row.act),
        purpose=_word(Purpose, row.purpose),
        outcome=_word(Outcome, row.outcome),
        reference_number=row.reference_number,
        detail=row.detail,
    )
    return Entry(row.number, record, row.link)


def _word(kind: Any, value: str) -> Any:
    return kind(value) if value in set(kind) else value
