"""Captures as received, and the references made of them; both sealed, one per data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, update

from interfaces.eurodac.categories import Category
from matcher import templates
from matcher.vocabulary import Reference
from node import schema, vault
from node.access import PARTITIONS
from node.errors import NotFound
from node.store import counters, running
from node.store.transaction import Transaction
from node.vault import Place

_CAPTURES, _TEMPLATES = schema.captures, schema.templates

ROWS_AT_ONCE = 500
"""References fetched in one go while the gallery is loaded: about 10 MB of sealed templates."""


@dataclass(frozen=True, slots=True)
class StoredReference:
    """A reference under the number that the gallery knows it by."""

    template_id: int
    reference_number: str
    category: Category
    reference: Reference
    encoded: bytes


def put_capture(transaction: Transaction, reference_number: str, capture: bytes) -> None:
    """Keep the capture of a data set; an earlier one is replaced."""
    drop_capture(transaction, reference_number)
    sealed = transaction.seal(capture, _place(reference_number, "captures"))
    transaction.connection.execute(
        insert(_CAPTURES).values(reference_number=reference_number, content=sealed)
    )


def get_capture(transaction: Transaction, reference_number: str) -> bytes:
    """The capture of a data set as it was received; NotFound if there is none."""
    query = select(_CAPTURES.c.content).where(_CAPTURES.c.reference_number == reference_number)
    sealed = transaction.connection.execute(query).scalar_one_or_none()
    if sealed is None:
        raise NotFound(f"{reference_number} has no biometrics here")
    return transaction.unseal(sealed, _place(reference_number, "captures"))


def drop_capture(transaction: Transaction, reference_number: str) -> None:
    """Erase the capture of a data set, if there is one."""
    transaction.connection.execute(
        delete(_CAPTURES).where(_CAPTURES.c.reference_number == reference_number)
    )


def put_reference(transaction: Transaction, reference_number: str, reference: Reference) -> int:
    """Keep the reference of a data set under a new number, which is returned."""
    template_id = counters.next_number(transaction, "template")
    encoded = templates.encode(reference)
    sealed = transaction.seal(encoded, _place(reference_number, "templates", template_id))
    content = sha256(encoded).digest()
    transaction.connection.execute(
        insert(_TEMPLATES).values(
            template_id=template_id,
            reference_number=reference_number,
            content=sealed,
            digest=running.seal(transaction, template_id, content),
        )
    )
    running.count_in(transaction, template_id, content)
    return template_id


def replace_reference(transaction: Transaction, template_id: int, reference: Reference) -> None:
    """Write the reference of a gallery number anew; NotFound if it has been erased meanwhile."""
    mine = _TEMPLATES.c.template_id == template_id
    number = transaction.connection.execute(
        select(_TEMPLATES.c.reference_number).where(mine)
    ).scalar_one_or_none()
    if number is None:
        raise NotFound("there is no such reference")
    encoded = templates.encode(reference)
    sealed = transaction.seal(encoded, _place(number, "templates", template_id))
    content = sha256(encoded).digest()
    running.count_out(transaction, template_id)
    digest = running.seal(transaction, template_id, content)
    transaction.connection.execute(
        update(_TEMPLATES).where(mine).values(content=sealed, digest=digest)
    )
    running.count_in(transaction, template_id, content)


def drop_reference(transaction: Transaction, reference_number: str) -> tuple[int, ...]:
    """Erase the reference of a data set; the numbers that must leave the gallery."""
    mine = _TEMPLATES.c.reference_number == reference_number
    found = transaction.connection.execute(select(_TEMPLATES.c.template_id).where(mine)).scalars()
    removed = tuple(found)
    for template_id in removed:
        running.count_out(transaction, template_id)
    transaction.connection.execute(delete(_TEMPLATES).where(mine))
    return removed


def get_reference(transaction: Transaction, reference_number: str, now: datetime) -> Reference:
    """The reference of a data set; NotFound if it has none, or is past its last second."""
    mine = _TEMPLATES.c.reference_number == reference_number
    for stored in _read(transaction, and_(mine, is_current(now))):
        return stored.reference
    raise NotFound(f"{reference_number} has no biometrics here")


def find_reference(transaction: Transaction, template_id: int) -> StoredReference | None:
    """The reference of a gallery number; None if it has been erased or replaced."""
    return next(_read(transaction, _TEMPLATES.c.template_id == template_id), None)


def name_references(
    transaction: Transaction, template_ids: tuple[int, ...], now: datetime
) -> dict[int, str]:
    """Gallery number -> reference number, for those that are still stored and not past their
    last second: what waits for the sweep is found by nobody."""
    data_sets = schema.data_sets
    query = (
        select(_TEMPLATES.c.template_id, _TEMPLATES.c.reference_number)
        .join(data_sets, data_sets.c.reference_number == _TEMPLATES.c.reference_number)
        .where(_TEMPLATES.c.template_id.in_(template_ids), is_current(now))
    )
    return {row.template_id: row.reference_number for row in transaction.connection.execute(query)}


def all_references(transaction: Transaction) -> Iterator[StoredReference]:
    """Every stored reference in the order of its number, a batch of rows in memory at a time."""
    last = 0
    while True:
        batch = list(_read(transaction, _TEMPLATES.c.template_id > last, ROWS_AT_ONCE))
        yield from batch
        if len(batch) < ROWS_AT_ONCE:
            return
        last = batch[-1].template_id


def is_current(now: datetime) -> ColumnElement[bool]:
    """Condition on data sets: no end of retention is known, or its last second is not over."""
    end = schema.data_sets.c.retained_until
    return or_(end.is_(None), end >= now.replace(microsecond=0))


def some_references(
    transaction: Transaction, template_ids: Sequence[int]
) -> Iterator[StoredReference]:
    """Those of the gallery numbers that are stored, in their order, a batch in memory at a time."""
    for start in range(0, len(template_ids), ROWS_AT_ONCE):
        some = template_ids[start : start + ROWS_AT_ONCE]
        yield from _read(transaction, _TEMPLATES.c.template_id.in_(some), ROWS_AT_ONCE)


def list_partitions(transaction: Transaction) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Gallery numbers, ascending, and partitions of all that is stored; int64 (n,) both.

    Nothing is opened: this is what a start costs that knows the references already.
    """
    data_sets = schema.data_sets
    query = (
        select(_TEMPLATES.c.template_id, data_sets.c.category)
        .join(data_sets, data_sets.c.reference_number == _TEMPLATES.c.reference_number)
        .order_by(_TEMPLATES.c.template_id)
    )
    places = {category.value: partition for category, partition in PARTITIONS.items()}
    rows = transaction.connection.execute(query)
    pairs = [(template_id, places[category]) for template_id, category in rows]
    table = np.array(pairs, np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def count_references(transaction: Transaction) -> int:
    """How many references are stored."""
    query = select(func.count()).select_from(_TEMPLATES)
    return int(transaction.connection.execute(query).scalar_one())


def _read(
    transaction: Transaction, condition: ColumnElement[bool], at_most: int = 1
) -> Iterator[StoredReference]:
    """References with category and data key from one query, so that a load asks once per batch."""
    keys, data_sets = schema.data_keys, schema.data_sets
    query = (
        select(_TEMPLATES, data_sets.c.category, keys.c.wrapped)
        .join(data_sets, data_sets.c.reference_number == _TEMPLATES.c.reference_number)
        .join(keys, keys.c.owner == _TEMPLATES.c.reference_number)
        .where(condition)
        .order_by(_TEMPLATES.c.template_id)
        .limit(at_most)
    )
    for row in transaction.connection.execute(query).all():
        number = row.reference_number
        key = transaction.vault.unwrap(number, row.wrapped)
        encoded = vault.unseal(key, row.content, _place(number, "templates", row.template_id))
        reference = templates.decode(encoded)
        yield StoredReference(row.template_id, number, Category(row.category), reference, encoded)


def _place(reference_number: str, table: str, row: int = 0) -> Place:
    return Place(reference_number, table, "content", str(row))
