"""Declared incidents and influx notices: the records without which no time limit is extended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, insert, select, update

from node import schema
from node.errors import NotFound
from node.store.transaction import Transaction

_TABLE = schema.extensions


class ExtensionKind(StrEnum):
    """Arts 15(2), 22(6), 23(5), 24(5), 26(4): technical; Art. 24(6): influx."""

    TECHNICAL = "TECHNICAL"
    INFLUX = "INFLUX"


@dataclass(frozen=True, slots=True)
class Extension:
    """One declaration of the State. ends_at: None while a technical problem goes on."""

    extension_id: str
    kind: ExtensionKind
    declared_by: str
    declared_at: datetime
    starts_at: datetime
    ends_at: datetime | None = None


def add(transaction: Transaction, extension: Extension) -> None:
    """Keep a declaration."""
    transaction.connection.execute(
        insert(_TABLE).values(
            extension_id=extension.extension_id,
            kind=extension.kind,
            declared_by=extension.declared_by,
            declared_at=extension.declared_at,
            starts_at=extension.starts_at,
            ends_at=extension.ends_at,
        )
    )


def end(transaction: Transaction, extension_id: str, at: datetime) -> None:
    """Note when a technical problem ended."""
    changed = transaction.connection.execute(
        update(_TABLE)
        .where(_TABLE.c.extension_id == extension_id, _TABLE.c.ends_at.is_(None))
        .values(ends_at=at)
    )
    if not changed.rowcount:
        raise NotFound("there is no such open incident")


def find_incident(transaction: Transaction, extension_id: str) -> Extension | None:
    """The technical incident of a number, or None."""
    query = select(_TABLE).where(
        _TABLE.c.extension_id == extension_id, _TABLE.c.kind == ExtensionKind.TECHNICAL
    )
    row = transaction.connection.execute(query).one_or_none()
    return None if row is None else _read(row)


def find_influx(transaction: Transaction, at: datetime) -> Extension | None:
    """The influx notice in force at an instant, the latest declared if there are several."""
    query = (
        select(_TABLE)
        .where(_TABLE.c.kind == ExtensionKind.INFLUX)
        .where(_TABLE.c.starts_at <= at, _TABLE.c.ends_at >= at)
        .order_by(_TABLE.c.declared_at.desc())
        .limit(1)
    )
    row = transaction.connection.execute(query).one_or_none()
    return None if row is None else _read(row)


def _read(row: Row[Any]) -> Extension:
    return Extension(
        extension_id=row.extension_id,
        kind=ExtensionKind(row.kind),
        declared_by=row.declared_by,
        declared_at=row.declared_at,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
    )
