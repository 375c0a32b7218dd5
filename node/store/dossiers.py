"""Data sets as the node holds them: plain dates and states around a sealed content."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, func, insert, select, update

from interfaces import wire
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import DataSet
from interfaces.pb.eurodac.central.v1 import terms_pb2
from node import schema
from node.errors import NotFound
from node.store.transaction import Transaction
from node.vault import Place
from node.vocabulary import Delivery, Finding

_TABLE = schema.data_sets


@dataclass(frozen=True, slots=True)
class Dossier:
    """One data set and where it stands. data_set and circumstances are gone once it is erased.

    circumstances: JSON of how the capture was safeguarded and what moves its clock.
    """

    reference_number: str
    category: Category
    unit: str
    delivery: Delivery
    enrolled_at: datetime
    data_set: DataSet | None
    circumstances: bytes = b"{}"
    finding: Finding | None = None
    refusal: str = ""
    revision: int = 1
    transmitted_at: datetime | None = None
    retained_until: datetime | None = None
    erased_at: datetime | None = None

    @property
    def content(self) -> DataSet:
        """The data set; NotFound once it is erased."""
        if self.data_set is None:
            raise NotFound(f"{self.reference_number} is erased")
        return self.data_set


def add(transaction: Transaction, dossier: Dossier) -> None:
    """Keep a new data set under a data key of its own."""
    number = dossier.reference_number
    transaction.add_owner(number)
    transaction.connection.execute(
        insert(_TABLE).values(
            reference_number=number,
            category=dossier.category,
            unit=dossier.unit,
            delivery=dossier.delivery,
            finding=dossier.finding,
            refusal=dossier.refusal,
            revision=dossier.revision,
            enrolled_at=dossier.enrolled_at,
            content=_seal_content(transaction, dossier.content),
            circumstances=transaction.seal(dossier.circumstances, _place(number, "circumstances")),
        )
    )
    transaction.touched.add(number)


def find(transaction: Transaction, reference_number: str) -> Dossier:
    """The data set of a number, erased or not; NotFound for an unknown number."""
    query = select(_TABLE).where(_TABLE.c.reference_number == reference_number)
    row = transaction.connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("no data set of this State has this reference number")
    return _read(transaction, row)


def is_kept(transaction: Transaction, reference_number: str) -> bool:
    """Whether a data set of this number is here and not erased, without opening anything."""
    query = select(_TABLE.c.reference_number).where(
        _TABLE.c.reference_number == reference_number, _TABLE.c.erased_at.is_(None)
    )
    return transaction.connection.execute(query).one_or_none() is not None


def was_transmitted(transaction: Transaction, reference_number: str) -> bool:
    """Whether the centre has acknowledged a data set; NotFound for an unknown number."""
    query = select(_TABLE.c.transmitted_at).where(_TABLE.c.reference_number == reference_number)
    row = transaction.connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("no data set of this State has this reference number")
    return row.transmitted_at is not None


def find_revision(transaction: Transaction, reference_number: str) -> int:
    """The revision of a data set, without opening anything; NotFound for an unknown number."""
    query = select(_TABLE.c.revision).where(_TABLE.c.reference_number == reference_number)
    revision = transaction.connection.execute(query).scalar_one_or_none()
    if revision is None:
        raise NotFound("no data set of this State has this reference number")
    return int(revision)


def change(transaction: Transaction, reference_number: str, **values: Any) -> None:
    """Change plain columns of a data set; its revision grows even when there are none."""
    changed = transaction.connection.execute(
        update(_TABLE)
        .where(_TABLE.c.reference_number == reference_number)
        .values(revision=_TABLE.c.revision + 1, **values)
    )
    if not changed.rowcount:
        raise NotFound("no data set of this State has this reference number")
    transaction.touched.add(reference_number)


def put_content(transaction: Transaction, data_set: DataSet) -> None:
    """Replace the content of a data set by its new state."""
    sealed = _seal_content(transaction, data_set)
    change(transaction, data_set.reference_number, content=sealed)


def put_circumstances(transaction: Transaction, reference_number: str, content: bytes) -> None:
    """Replace the circumstances of a data set."""
    sealed = transaction.seal(content, _place(reference_number, "circumstances"))
    change(transaction, reference_number, circumstances=sealed)


def count_expired(transaction: Transaction, now: datetime) -> int:
    """How many data sets wait for the sweep, past their last second."""
    query = select(func.count()).where(_is_over(now), _TABLE.c.erased_at.is_(None))
    return int(transaction.connection.execute(query).scalar_one())


def _is_over(now: datetime) -> ColumnElement[bool]:
    # Limits are whole seconds: the last one counts to its end.
    return _TABLE.c.retained_until < now.replace(microsecond=0)


def find_kept(transaction: Transaction, categories: Iterable[Category]) -> list[str]:
    """Numbers of the data sets of some categories that are not erased, in their order."""
    query = (
        select(_TABLE.c.reference_number)
        .where(_TABLE.c.category.in_(tuple(categories)), _TABLE.c.erased_at.is_(None))
        .order_by(_TABLE.c.reference_number)
    )
    return list(transaction.connection.execute(query).scalars())


def find_expired(transaction: Transaction, now: datetime, at_most: int) -> list[str]:
    """Numbers whose retention has ended (Art. 29(10)), longest ended first."""
    query = (
        select(_TABLE.c.reference_number)
        .where(_is_over(now), _TABLE.c.erased_at.is_(None))
        .order_by(_TABLE.c.retained_until)
        .limit(at_most)
    )
    return list(transaction.connection.execute(query).scalars())


def _read(transaction: Transaction, row: Row[Any]) -> Dossier:
    number = row.reference_number
    data_set, circumstances = None, b""
    if row.content is not None:
        message = terms_pb2.DataSet.FromString(
            transaction.unseal(row.content, _place(number, "content"))
        )
        data_set = wire.dataset_from(message)
        circumstances = transaction.unseal(row.circumstances, _place(number, "circumstances"))
    return Dossier(
        reference_number=number,
        category=Category(row.category),
        unit=row.unit,
        delivery=Delivery(row.delivery),
        enrolled_at=row.enrolled_at,
        data_set=data_set,
        circumstances=circumstances,
        finding=None if row.finding is None else Finding(row.finding),
        refusal=row.refusal,
        revision=row.revision,
        transmitted_at=row.transmitted_at,
        retained_until=row.retained_until,
        erased_at=row.erased_at,
    )


def _seal_content(transaction: Transaction, data_set: DataSet) -> bytes:
    plain = wire.dataset_to(data_set).SerializeToString(deterministic=True)
    return transaction.seal(plain, _place(data_set.reference_number, "content"))


def _place(reference_number: str, column: str) -> Place:
    return Place(reference_number, "data_sets", column)
