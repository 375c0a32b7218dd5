"""The ledger's room for what crosses systems: records that the stand-in holds for other systems,
and the links between them and data sets. Together with the ledger the only SQL of this package.

A link is stored as its facts; colour, article and explanation follow from the law's table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from interfaces.central import schema
from interfaces.central.entries import Entries
from interfaces.eurodac.interoperability import TRIGGERS, Side, System, Trigger
from interfaces.eurodac.links import Biometrics, Identity, LinkFacts, TravelDocument, Verdict

_RECORDS, _LINKS = schema.foreign_records, schema.identity_links


@dataclass(frozen=True, slots=True)
class ForeignRecord:
    """A record of another system. identity: a serialized DataSet with identity data alone;
    template: encoded by the matcher, None without biometrics."""

    id: int
    system: System
    number: str
    state: str
    identity: bytes
    template: bytes | None


@dataclass(frozen=True, slots=True)
class IdentityLink:
    """A link between a data set and a record of another system, by what is known of both."""

    link_id: str
    reference_number: str
    record_id: int
    trigger: Trigger
    facts: LinkFacts
    created_at: datetime
    changed_at: datetime


class Crossings:
    """What one transaction of the ledger can read and write of it."""

    def __init__(self, entries: Entries) -> None:
        self._connection = entries.connection

    def place(self, record: ForeignRecord) -> ForeignRecord:
        """Write a record in the place of an earlier one of its number, whose links go."""
        self.remove(record.system, record.number)
        values = {
            "system": record.system,
            "number": record.number,
            "state": record.state,
            "identity": record.identity,
            "template": record.template,
        }
        result = self._connection.execute(_RECORDS.insert().values(**values))
        (given,) = result.inserted_primary_key or (0,)
        return replace(record, id=given)

    def remove(self, system: System, number: str) -> bool:
        """Erase a record with its links; whether there was one."""
        record = self.record(system, number)
        if record is None:
            return False
        self._connection.execute(_LINKS.delete().where(_LINKS.c.record_id == record.id))
        self._connection.execute(_RECORDS.delete().where(_RECORDS.c.id == record.id))
        return True

    def record(self, system: System, number: str) -> ForeignRecord | None:
        """The record of a system's number."""
        query = sa.select(_RECORDS).filter_by(system=system, number=number)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else _record(row)

    def record_of_id(self, record_id: int) -> ForeignRecord:
        """The record of a link; a link never outlives it."""
        query = sa.select(_RECORDS).filter_by(id=record_id)
        return _record(self._connection.execute(query).one())

    def records(self) -> Iterator[ForeignRecord]:
        """All records of other systems, oldest first."""
        yield from map(
            _record, self._connection.execute(sa.select(_RECORDS).order_by(_RECORDS.c.id))
        )

    def count_records(self) -> int:
        """How many records of other systems there are."""
        query = sa.select(sa.func.count()).select_from(_RECORDS)
        return int(self._connection.execute(query).scalar_one())

    def systems_of(self, state: str) -> frozenset[System]:
        """The systems in which a State has recorded somebody."""
        query = sa.select(_RECORDS.c.system).filter_by(state=state).distinct()
        return frozenset(map(System, self._connection.execute(query).scalars()))

    def link(self, link: IdentityLink) -> None:
        """Write a link, in the place of an earlier one between the same two."""
        self.unlink(link.reference_number, link.record_id)
        self._connection.execute(
            _LINKS.insert().values(
                link_id=link.link_id,
                reference_number=link.reference_number,
                record_id=link.record_id,
                trigger=link.trigger,
                biometrics=link.facts.biometrics,
                identity=link.facts.identity,
                document=link.facts.document,
                verdict=link.facts.verdict,
                created_at=_micros(link.created_at),
                changed_at=_micros(link.changed_at),
            )
        )

    def unlink(self, reference_number: str, record_id: int) -> None:
        """Take a link away, if there is one."""
        pair = {"reference_number": reference_number, "record_id": record_id}
        self._connection.execute(_LINKS.delete().filter_by(**pair))

    def link_between(self, reference_number: str, record_id: int) -> IdentityLink | None:
        """The link between a data set and a record."""
        pair = {"reference_number": reference_number, "record_id": record_id}
        row = self._connection.execute(sa.select(_LINKS).filter_by(**pair)).one_or_none()
        return None if row is None else _link(row)

    def find_link(self, link_id: str) -> IdentityLink | None:
        """The link of an id."""
        row = self._connection.execute(sa.select(_LINKS).filter_by(link_id=link_id)).one_or_none()
        return None if row is None else _link(row)

    def links(self, reference_number: str = "") -> Iterator[IdentityLink]:
        """The links of a data set, or all, oldest first."""
        query = sa.select(_LINKS).order_by(_LINKS.c.created_at, _LINKS.c.link_id)
        if reference_number:
            query = query.where(_LINKS.c.reference_number == reference_number)
        yield from map(_link, self._connection.execute(query))


def sides(link: IdentityLink, record: ForeignRecord) -> dict[Side, System]:
    """Which system the newer and the older record of a link are of."""
    if TRIGGERS[link.trigger].in_eurodac:
        return {Side.NEWER: System.EURODAC, Side.OLDER: record.system}
    return {Side.NEWER: record.system, Side.OLDER: System.EURODAC}


def _record(row: Any) -> ForeignRecord:
    return ForeignRecord(
        id=row.id,
        system=System(row.system),
        number=row.number,
        state=row.state,
        identity=row.identity,
        template=row.template,
    )


def _link(row: Any) -> IdentityLink:
    return IdentityLink(
        link_id=row.link_id,
        reference_number=row.reference_number,
        record_id=row.record_id,
        trigger=Trigger(row.trigger),
        facts=LinkFacts(
            Biometrics(row.biometrics),
            Identity(row.identity),
            TravelDocument(row.document),
            Verdict(row.verdict),
        ),
        created_at=_instant(row.created_at),
        changed_at=_instant(row.changed_at),
    )


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _micros(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
