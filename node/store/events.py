"""What officials recorded of a case, sealed; and when its clock must be read again.

Every content is sealed under the data set's key: that someone absconded or was detained is the
person's. The rows of `clocks` hold instants and numbers only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, or_, select, update

from interfaces.eurodac.caseclock import Happening
from interfaces.eurodac.progress import Told
from node import schema
from node.errors import NotFound
from node.store.transaction import Transaction
from node.vault import Place

_EVENTS = schema.case_events
_CLOCKS = schema.clocks
_DATA_SETS = schema.data_sets

NEVER_READ = 0
"""Revision of a clock that no reading has followed yet; those of cases begin with 1."""


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """One event of a case as an official recorded it."""

    event_id: str
    reference_number: str
    told: Told
    recorded_by: str
    recorded_at: datetime


def add(transaction: Transaction, event: CaseEvent) -> None:
    """Keep an event."""
    content = transaction.seal(_write(event.told), _place(event.reference_number, event.event_id))
    transaction.connection.execute(
        insert(_EVENTS).values(
            event_id=event.event_id,
            reference_number=event.reference_number,
            recorded_at=event.recorded_at,
            recorded_by=event.recorded_by,
            content=content,
        )
    )
    transaction.touched.add(event.reference_number)


def drop(transaction: Transaction, event_id: str) -> None:
    """Take back an event that was recorded by mistake; the audit chain keeps that it was there."""
    transaction.connection.execute(delete(_EVENTS).where(_EVENTS.c.event_id == event_id))
    transaction.erased = True


def find(transaction: Transaction, event_id: str) -> CaseEvent:
    """One event; NotFound for an unknown one."""
    query = select(_EVENTS).where(_EVENTS.c.event_id == event_id)
    row = transaction.connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("there is no such event")
    return _read(transaction, row)


def find_all(transaction: Transaction, reference_number: str) -> tuple[CaseEvent, ...]:
    """The events of a data set in the order in which they were recorded."""
    query = (
        select(_EVENTS)
        .where(_EVENTS.c.reference_number == reference_number)
        .order_by(_EVENTS.c.recorded_at, _EVENTS.c.event_id)
    )
    return tuple(_read(transaction, row) for row in transaction.connection.execute(query).all())


def start_clock(transaction: Transaction, reference_number: str) -> None:
    """From now on the clock of this case opens and closes tasks."""
    query = select(_CLOCKS.c.revision).where(_CLOCKS.c.reference_number == reference_number)
    if transaction.connection.execute(query).scalar_one_or_none() is None:
        transaction.connection.execute(
            insert(_CLOCKS).values(reference_number=reference_number, revision=NEVER_READ)
        )


def note_reading(
    transaction: Transaction, reference_number: str, revision: int, changes_at: datetime | None
) -> None:
    """The tasks follow the clock as of this revision, until the next limit passes."""
    transaction.connection.execute(
        update(_CLOCKS)
        .where(_CLOCKS.c.reference_number == reference_number)
        .values(revision=revision, changes_at=changes_at)
    )


def forget_readings(transaction: Transaction) -> None:
    """Let every case be read again, because what its limits depend on has changed."""
    transaction.connection.execute(update(_CLOCKS).values(revision=NEVER_READ))


def find_stale(
    transaction: Transaction, now: datetime, at_most: int, *, only: str = ""
) -> list[str]:
    """Cases whose clock was not read since they changed, or since a limit of theirs passed.

    only: look at this case alone.
    """
    query = (
        select(_CLOCKS.c.reference_number)
        .join(_DATA_SETS, _DATA_SETS.c.reference_number == _CLOCKS.c.reference_number)
        .where(_DATA_SETS.c.erased_at.is_(None))
        .where(
            or_(
                _CLOCKS.c.revision != _DATA_SETS.c.revision,
                _CLOCKS.c.changes_at <= now,
            )
        )
        .order_by(_CLOCKS.c.reference_number)
        .limit(at_most)
    )
    if only:
        query = query.where(_CLOCKS.c.reference_number == only)
    return list(transaction.connection.execute(query).scalars())


def _read(transaction: Transaction, row: Row[Any]) -> CaseEvent:
    plain = transaction.unseal(row.content, _place(row.reference_number, row.event_id))
    content = json.loads(plain)
    told = Told(
        Happening[content["happening"]],
        datetime.fromisoformat(content["at"]),
        content["requested_state"],
        content["by_security"],
    )
    return CaseEvent(row.event_id, row.reference_number, told, row.recorded_by, row.recorded_at)


def _write(told: Told) -> bytes:
    return json.dumps(
        {
            "happening": told.happening.name,
            "at": told.at.isoformat(),
            "requested_state": told.requested_state,
            "by_security": told.by_security,
        }
    ).encode()


def _place(owner: str, event_id: str) -> Place:
    return Place(owner, "case_events", "content", event_id)
