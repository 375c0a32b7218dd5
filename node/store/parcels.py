"""The outbox: requests to the centre in the order in which they must leave.

Order: the urgent lane before the normal one, by arrival inside a lane (Art. 38(2)), and never two
requests about one reference number the other way round. So when an urgent request arrives, what
still waits about its number moves to the end of the urgent lane first, keeping its own order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, delete, func, insert, select, update

from node import schema
from node.store import counters
from node.store.transaction import THE_NODE, Transaction
from node.vault import Place
from node.vocabulary import Lane

_TABLE = schema.outbox
_RANKS = {Lane.URGENT: 0, Lane.NORMAL: 1}
_LANES = {rank: lane for lane, rank in _RANKS.items()}


@dataclass(frozen=True, slots=True)
class Parcel:
    """One request to the centre. parcel_id is its request_id there, the same at every attempt.

    method: name of the call. content: the serialized request. task_id: closed on delivery.
    failures: how often it could not be delivered so far.
    outlives: it must be delivered even after its data set is erased, and holds no personal data.
    """

    parcel_id: str
    reference_number: str
    method: str
    content: bytes
    lane: Lane
    queued_at: datetime
    task_id: str = ""
    outlives: bool = False
    failures: int = 0
    next_attempt_at: datetime | None = None

    @property
    def owner(self) -> str:
        """Whose data key seals it."""
        return THE_NODE if self.outlives else self.reference_number


def add(transaction: Transaction, parcel: Parcel) -> None:
    """Put a parcel at the end of its lane, behind all others about its reference number."""
    if parcel.lane is Lane.URGENT:
        _promote(transaction, parcel.reference_number)
    transaction.connection.execute(
        insert(_TABLE).values(
            parcel_id=parcel.parcel_id,
            place=_next_place(transaction),
            lane=_RANKS[parcel.lane],
            reference_number=parcel.reference_number,
            owner=parcel.owner,
            method=parcel.method,
            content=transaction.seal(parcel.content, _place(parcel.owner, parcel.parcel_id)),
            queued_at=parcel.queued_at,
            attempts=0,
            failures=0,
            next_attempt_at=parcel.queued_at,
            aside=False,
            task_id=parcel.task_id,
        )
    )
    transaction.touched.add(parcel.reference_number)
    transaction.queued = True


def find_next(
    transaction: Transaction, now: datetime, latest: datetime | None = None
) -> Parcel | None:
    """The parcel that leaves next, due or not; None when nothing may leave.

    A parcel set aside until later lets other numbers pass, but nothing about its own number.
    latest: a next attempt beyond it was written under a clock that has been set back since.
    """
    waits = _TABLE.alias()
    aside = and_(waits.c.aside, waits.c.next_attempt_at > now)
    if latest is not None:
        aside = and_(aside, waits.c.next_attempt_at <= latest)
    blocked = select(waits.c.reference_number).where(aside)
    query = (
        select(_TABLE)
        .where(_TABLE.c.reference_number.not_in(blocked))
        .order_by(_TABLE.c.lane, _TABLE.c.place)
        .limit(1)
    )
    row = transaction.connection.execute(query).one_or_none()
    return None if row is None else _read(transaction, row)


def find_waiting(transaction: Transaction, reference_number: str) -> tuple[Parcel, ...]:
    """What still waits about a number, in its order."""
    query = (
        select(_TABLE)
        .where(_TABLE.c.reference_number == reference_number)
        .order_by(_TABLE.c.lane, _TABLE.c.place)
    )
    return tuple(_read(transaction, row) for row in transaction.connection.execute(query).all())


def has_unsent(transaction: Transaction, reference_number: str, method: str) -> bool:
    """Whether a request of this method waits that has never left."""
    query = select(func.count()).where(
        _TABLE.c.reference_number == reference_number,
        _TABLE.c.method == method,
        _TABLE.c.attempts == 0,
    )
    return bool(transaction.connection.execute(query).scalar_one())


def start_attempt(transaction: Transaction, parcel_id: str) -> bool:
    """Note, before anything leaves, that the centre may have the parcel from now on.

    False if it was dropped meanwhile and must not leave.
    """
    marked = transaction.connection.execute(
        update(_TABLE)
        .where(_TABLE.c.parcel_id == parcel_id)
        .values(attempts=_TABLE.c.attempts + 1, aside=False)
    )
    return bool(marked.rowcount)


def put_off(
    transaction: Transaction, parcel_id: str, next_attempt_at: datetime, *, aside: bool
) -> None:
    """Try again later. aside: only this number waits; otherwise its whole lane does."""
    transaction.connection.execute(
        update(_TABLE)
        .where(_TABLE.c.parcel_id == parcel_id)
        .values(failures=_TABLE.c.failures + 1, next_attempt_at=next_attempt_at, aside=aside)
    )


def remove(transaction: Transaction, parcel_id: str) -> bool:
    """Take a parcel out; False if it is not there any more."""
    gone = transaction.connection.execute(delete(_TABLE).where(_TABLE.c.parcel_id == parcel_id))
    return bool(gone.rowcount)


def drop(transaction: Transaction, reference_number: str) -> bool:
    """Erase what waits about a data set, except what outlives it.

    Returns whether any had been tried, so that the centre may know of the data set.
    """
    mine = and_(_TABLE.c.reference_number == reference_number, _TABLE.c.owner == reference_number)
    tried = select(func.count()).select_from(_TABLE).where(mine, _TABLE.c.attempts > 0)
    any_tried = bool(transaction.connection.execute(tried).scalar_one())
    transaction.connection.execute(delete(_TABLE).where(mine))
    return any_tried


def count(transaction: Transaction) -> Mapping[Lane, int]:
    """How many parcels wait in each lane."""
    query = select(_TABLE.c.lane, func.count().label("waiting")).group_by(_TABLE.c.lane)
    found = {row.lane: row.waiting for row in transaction.connection.execute(query)}
    return {lane: found.get(rank, 0) for lane, rank in _RANKS.items()}


def find_oldest(transaction: Transaction) -> datetime | None:
    """When the parcel that waits longest was queued."""
    query = select(_TABLE.c.queued_at).order_by(_TABLE.c.queued_at).limit(1)
    return transaction.connection.execute(query).scalar_one_or_none()


def find_next_attempt(transaction: Transaction) -> datetime | None:
    """When the first of the parcels set aside may be tried again; None if none is."""
    query = select(func.min(_TABLE.c.next_attempt_at)).where(_TABLE.c.aside)
    return transaction.connection.execute(query).scalar_one_or_none()


def _promote(transaction: Transaction, reference_number: str) -> None:
    """Move what waits about a number in the normal lane to the end of the urgent one."""
    query = (
        select(_TABLE.c.parcel_id)
        .where(
            _TABLE.c.reference_number == reference_number,
            _TABLE.c.lane == _RANKS[Lane.NORMAL],
        )
        .order_by(_TABLE.c.place)
    )
    for parcel_id in transaction.connection.execute(query).scalars().all():
        transaction.connection.execute(
            update(_TABLE)
            .where(_TABLE.c.parcel_id == parcel_id)
            .values(lane=_RANKS[Lane.URGENT], place=_next_place(transaction))
        )


def _next_place(transaction: Transaction) -> int:
    return counters.next_number(transaction, "outbox place")


def _read(transaction: Transaction, row: Row[Any]) -> Parcel:
    return Parcel(
        parcel_id=row.parcel_id,
        reference_number=row.reference_number,
        method=row.method,
        content=transaction.unseal(row.content, _place(row.owner, row.parcel_id)),
        lane=_LANES[row.lane],
        queued_at=row.queued_at,
        task_id=row.task_id,
        outlives=row.owner == THE_NODE,
        failures=row.failures,
        next_attempt_at=row.next_attempt_at,
    )


def _place(owner: str, parcel_id: str) -> Place:
    return Place(owner, "outbox", "content", parcel_id)
