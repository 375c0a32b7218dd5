"""Derogations and prolongations: what one official proposed, another approved, and what holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, insert, select, update

from interfaces.eurodac.declared import Declared, DeclaredKind
from node import schema
from node.errors import NotFound
from node.store.transaction import Transaction

_TABLE = schema.declared


class Stand(StrEnum):
    """Where a declaration stands; only what is approved and not replaced changes anything."""

    PROPOSED = "PROPOSED"
    APPROVED = "APPROVED"
    REPLACED = "REPLACED"


@dataclass(frozen=True, slots=True)
class StoredDeclared:
    """One declaration on record. replaces: id of the one that ends with its approval, or empty."""

    declared_id: str
    declared: Declared
    replaces: str
    proposed_by: str
    proposed_at: datetime
    approved_by: str = ""
    stand: Stand = Stand.PROPOSED


def add(transaction: Transaction, stored: StoredDeclared) -> None:
    """Keep a proposal."""
    declared = stored.declared
    transaction.connection.execute(
        insert(_TABLE).values(
            declared_id=stored.declared_id,
            kind=declared.kind,
            state=declared.state,
            starts_on=_iso(declared.starts_on),
            ends_on=_iso(declared.ends_on),
            decision=declared.decision,
            prolonged=declared.prolonged,
            replaces=stored.replaces,
            proposed_by=stored.proposed_by,
            proposed_at=stored.proposed_at,
            approved_by="",
            stand=Stand.PROPOSED,
        )
    )


def approve(transaction: Transaction, stored: StoredDeclared, *, by: str, at: datetime) -> None:
    """From now on it holds, and what it replaces does not."""
    transaction.connection.execute(
        update(_TABLE)
        .where(_TABLE.c.declared_id == stored.declared_id)
        .values(stand=Stand.APPROVED, approved_by=by, approved_at=at)
    )
    if stored.replaces:
        transaction.connection.execute(
            update(_TABLE)
            .where(_TABLE.c.declared_id == stored.replaces)
            .values(stand=Stand.REPLACED)
        )


def find(transaction: Transaction, declared_id: str) -> StoredDeclared:
    """One declaration; NotFound for an unknown one."""
    query = select(_TABLE).where(_TABLE.c.declared_id == declared_id)
    row = transaction.connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("there is no such declaration")
    return _read(row)


def find_all(transaction: Transaction) -> tuple[StoredDeclared, ...]:
    """Every declaration in the order in which they were proposed."""
    query = select(_TABLE).order_by(_TABLE.c.proposed_at, _TABLE.c.declared_id)
    return tuple(_read(row) for row in transaction.connection.execute(query))


def find_holding(transaction: Transaction) -> tuple[Declared, ...]:
    """What holds: approved and not replaced."""
    query = select(_TABLE).where(_TABLE.c.stand == Stand.APPROVED).order_by(_TABLE.c.declared_id)
    return tuple(_read(row).declared for row in transaction.connection.execute(query))


def _read(row: Row[Any]) -> StoredDeclared:
    declared = Declared(
        kind=DeclaredKind(row.kind),
        state=row.state,
        starts_on=_day(row.starts_on),
        ends_on=_day(row.ends_on),
        decision=row.decision,
        prolonged=row.prolonged,
    )
    return StoredDeclared(
        declared_id=row.declared_id,
        declared=declared,
        replaces=row.replaces,
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        approved_by=row.approved_by,
        stand=Stand(row.stand),
    )


def _iso(day: date | None) -> str:
    return "" if day is None else day.isoformat()


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
