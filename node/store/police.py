"""Searches for law enforcement: plain states, dates and officials around sealed reasons.

Reasons and probe lie under the key of the search and go with it; the record that oversight reads
(Arts 43(8), 51(2)) has a key of its own, so that it outlives them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from interfaces.eurodac.categories import Category
from interfaces.eurodac.police import SearchState
from node import schema
from node.errors import NotFound
from node.store.transaction import Transaction
from node.vault import Place

_SEARCHES, _READERS = schema.searches, schema.search_readers
_AUTHORISATIONS, _RECORDS = schema.search_authorisations, schema.search_records


@dataclass(frozen=True, slots=True)
class StoredSearch:
    """One search. reasons, probe: serialized; None once erased, the probe also once sent.

    needed: a named ongoing investigation still needs the answer (Art. 47(4)).
    """

    reference_number: str
    category: Category
    state: SearchState
    requesting_unit: str
    requester: str
    submitted_at: datetime
    reasons: bytes | None
    probe: bytes | None
    verifying_unit: str = ""
    verifier: str = ""
    sent_at: datetime | None = None
    answered_at: datetime | None = None
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Reader:
    """A unit that saw the answer, and when it said that its copies are erased (Art. 32(5))."""

    unit: str
    user: str
    read_at: datetime
    erased_by: str = ""
    erased_at: datetime | None = None


def add(transaction: Transaction, search: StoredSearch) -> None:
    """Keep a new search; its data set exists already."""
    number = search.reference_number
    transaction.connection.execute(
        insert(_SEARCHES).values(
            reference_number=number,
            category=search.category,
            state=search.state,
            requesting_unit=search.requesting_unit,
            requester=search.requester,
            verifying_unit="",
            verifier="",
            submitted_at=search.submitted_at,
            sent_at=search.sent_at,
            needed=False,
            reasons=_seal(transaction, number, "reasons", search.reasons),
            probe=_seal(transaction, number, "probe", search.probe),
        )
    )


def find(transaction: Transaction, reference_number: str) -> StoredSearch:
    """One search; NotFound for an unknown number."""
    query = select(_SEARCHES).where(_SEARCHES.c.reference_number == reference_number)
    row = transaction.connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("there is no such search")
    return _read(transaction, row)


def find_state(transaction: Transaction, reference_number: str) -> SearchState | None:
    """Where a search stands, without opening anything; None for what is no search."""
    query = select(_SEARCHES.c.state).where(_SEARCHES.c.reference_number == reference_number)
    state = transaction.connection.execute(query).scalar_one_or_none()
    return None if state is None else SearchState(state)


def find_numbers(
    transaction: Transaction,
    category: Category,
    *,
    states: frozenset[SearchState] | None = None,
    unit: str = "",
) -> tuple[str, ...]:
    """Numbers of a category's searches, oldest first; in some states, or of one unit."""
    query = select(_SEARCHES.c.reference_number).where(_SEARCHES.c.category == category)
    if states is not None:
        query = query.where(_SEARCHES.c.state.in_([*states]))
    if unit:
        query = query.where(_SEARCHES.c.requesting_unit == unit)
    ordered = query.order_by(_SEARCHES.c.submitted_at, _SEARCHES.c.reference_number)
    return tuple(transaction.connection.execute(ordered).scalars())


def change(transaction: Transaction, reference_number: str, **values: Any) -> None:
    """Change plain columns of a search, or empty sealed ones."""
    transaction.connection.execute(
        update(_SEARCHES).where(_SEARCHES.c.reference_number == reference_number).values(**values)
    )


def empty(transaction: Transaction, reference_number: str) -> None:
    """Erase what a search holds beside its states, dates and officials; its record stays."""
    change(transaction, reference_number, reasons=None, probe=None, needed=False)
    transaction.connection.execute(
        delete(_AUTHORISATIONS).where(_AUTHORISATIONS.c.reference_number == reference_number)
    )


def note_reader(transaction: Transaction, reference_number: str, reader: Reader) -> None:
    """Note that a unit saw the answer; its first reading counts."""
    if any(one.unit == reader.unit for one in readers(transaction, reference_number)):
        return
    transaction.connection.execute(
        insert(_READERS).values(
            reference_number=reference_number,
            unit=reader.unit,
            user=reader.user,
            read_at=reader.read_at,
            erased_by="",
        )
    )


def note_erasure(
    transaction: Transaction, reference_number: str, unit: str, *, by: str, at: datetime
) -> None:
    """Note that a unit has erased its copies of the answer."""
    transaction.connection.execute(
        update(_READERS)
        .where(_READERS.c.reference_number == reference_number, _READERS.c.unit == unit)
        .values(erased_by=by, erased_at=at)
    )


def readers(transaction: Transaction, reference_number: str) -> tuple[Reader, ...]:
    """Every unit that saw the answer, in the order of reading."""
    query = (
        select(_READERS)
        .where(_READERS.c.reference_number == reference_number)
        .order_by(_READERS.c.read_at, _READERS.c.unit)
    )
    return tuple(
        Reader(row.unit, row.user, row.read_at, row.erased_by, row.erased_at)
        for row in transaction.connection.execute(query)
    )


def authorise(
    transaction: Transaction, reference_number: str, hit: str, *, by: str, at: datetime
) -> None:
    """Note the origin State's authorisation to use one hit; once."""
    if hit in authorised(transaction, reference_number):
        return
    transaction.connection.execute(
        insert(_AUTHORISATIONS).values(
            reference_number=reference_number,
            hit_reference_number=hit,
            recorded_by=by,
            recorded_at=at,
        )
    )


def authorised(transaction: Transaction, reference_number: str) -> frozenset[str]:
    """The hits of a search whose States of origin allow their use."""
    query = select(_AUTHORISATIONS.c.hit_reference_number).where(
        _AUTHORISATIONS.c.reference_number == reference_number
    )
    return frozenset(transaction.connection.execute(query).scalars())


def open_record(
    transaction: Transaction, reference_number: str, entries: Mapping[str, str]
) -> None:
    """Begin the record of a request under a key of its own."""
    transaction.add_owner(_record_owner(reference_number))
    transaction.connection.execute(
        insert(_RECORDS).values(
            reference_number=reference_number,
            content=_seal_record(transaction, reference_number, entries),
        )
    )


def extend_record(
    transaction: Transaction, reference_number: str, entries: Mapping[str, str]
) -> None:
    """Add to the record of a request what became of it."""
    known = read_record(transaction, reference_number)
    transaction.connection.execute(
        update(_RECORDS)
        .where(_RECORDS.c.reference_number == reference_number)
        .values(content=_seal_record(transaction, reference_number, {**known, **entries}))
    )


def read_record(transaction: Transaction, reference_number: str) -> Mapping[str, str]:
    """The record of a request; NotFound for an unknown number."""
    found = find_record(transaction, reference_number)
    if found is None:
        raise NotFound("there is no record of such a request")
    return found


def find_record(transaction: Transaction, reference_number: str) -> Mapping[str, str] | None:
    """The record of a request; None for a number that names none."""
    query = select(_RECORDS.c.content).where(_RECORDS.c.reference_number == reference_number)
    sealed = transaction.connection.execute(query).scalar_one_or_none()
    if sealed is None:
        return None
    plain = transaction.unseal(sealed, _record_place(reference_number))
    return {str(name): str(value) for name, value in json.loads(plain).items()}


def _seal_record(
    transaction: Transaction, reference_number: str, entries: Mapping[str, str]
) -> bytes:
    plain = json.dumps(dict(entries), ensure_ascii=False).encode()
    return transaction.seal(plain, _record_place(reference_number))


def _record_owner(reference_number: str) -> str:
    return f"record of {reference_number}"


def _record_place(reference_number: str) -> Place:
    owner = _record_owner(reference_number)
    return Place(owner, "search_records", "content", reference_number)


def _seal(
    transaction: Transaction, reference_number: str, column: str, plain: bytes | None
) -> bytes | None:
    if plain is None:
        return None
    return transaction.seal(plain, Place(reference_number, "searches", column))


def _read(transaction: Transaction, row: Row[Any]) -> StoredSearch:
    number = row.reference_number

    def unseal(column: str) -> bytes | None:
        sealed = getattr(row, column)
        if sealed is None:
            return None
        return transaction.unseal(sealed, Place(number, "searches", column))

    return StoredSearch(
        reference_number=number,
        category=Category(row.category),
        state=SearchState(row.state),
        requesting_unit=row.requesting_unit,
        requester=row.requester,
        submitted_at=row.submitted_at,
        reasons=unseal("reasons"),
        probe=unseal("probe"),
        verifying_unit=row.verifying_unit,
        verifier=row.verifier,
        sent_at=row.sent_at,
        answered_at=row.answered_at,
        needed=row.needed,
    )
