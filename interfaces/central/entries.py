"""What the stand-in's ledger holds, read and written within one transaction.

Instants are whole microseconds since 1970, UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from interfaces.central import schema
from interfaces.central.holdings import Arrival, ArrivalKind, Occurrence, Status, StoredDataSet
from interfaces.eurodac.sequence import Link, LinkState

EPOCH_BITS = 28
"""Low bits of a cursor, which count the notices of one epoch; above them stands the second since
1970 in which it began. Two epochs could meet at 268 million notices a second, and the 63 bits that
SQLite counts with last for a thousand years."""


class Entries:
    """What one transaction can read and write."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    @property
    def connection(self) -> sa.Connection:
        """The same transaction for the ledger's other room, `crossings`."""
        return self._connection

    def answered(self, state: str, request_id: str) -> tuple[bytes, bytes] | None:
        """Digest and answer of an earlier request of that id, if there was one."""
        columns = (schema.requests.c.digest, schema.requests.c.response)
        row = self._connection.execute(
            sa.select(*columns).filter_by(state=state, request_id=request_id)
        ).one_or_none()
        return None if row is None else (row.digest, row.response)

    def remember_answer(
        self, state: str, request_id: str, *, digest: bytes, response: bytes
    ) -> None:
        """Keep the answer, so that the same request has one effect."""
        self._connection.execute(
            schema.requests.insert().values(
                state=state, request_id=request_id, digest=digest, response=response
            )
        )

    def data_set(self, reference_number: str) -> StoredDataSet | None:
        """The data set of a reference number."""
        row = self._connection.execute(
            sa.select(schema.data_sets).filter_by(reference_number=reference_number)
        ).one_or_none()
        return None if row is None else _stored(row)

    def data_set_of_id(self, number: int) -> StoredDataSet | None:
        """The data set that the gallery knows by this number."""
        row = self._connection.execute(
            sa.select(schema.data_sets).filter_by(id=number)
        ).one_or_none()
        return None if row is None else _stored(row)

    def data_sets(self) -> Iterator[StoredDataSet]:
        """All data sets in order of arrival."""
        rows = self._connection.execute(sa.select(schema.data_sets).order_by(schema.data_sets.c.id))
        yield from map(_stored, rows)

    def expired(self, now: datetime) -> list[StoredDataSet]:
        """The data sets whose last searchable second has passed."""
        over = schema.data_sets.c.retained_until < _micros(now.replace(microsecond=0))
        rows = self._connection.execute(sa.select(schema.data_sets).where(over))
        return [_stored(row) for row in rows]

    def prolong(self, prolonged: str, decision: str) -> None:
        """Note that one decision of the Council prolongs another; once is enough."""
        values = {"prolonged": prolonged, "decision": decision}
        known = sa.select(schema.prolongations).filter_by(**values)
        if self._connection.execute(known).one_or_none() is None:
            self._connection.execute(schema.prolongations.insert().values(**values))

    def prolongations(self) -> list[tuple[str, str]]:
        """Pairs of a prolonged decision and of one that prolongs it."""
        rows = self._connection.execute(sa.select(schema.prolongations))
        return [(row.prolonged, row.decision) for row in rows]

    def store(self, data_set: StoredDataSet) -> None:
        """Write a new data set; its id is given by the file."""
        values = _row(data_set)
        del values["id"]
        self._connection.execute(schema.data_sets.insert().values(**values))

    def replace(self, data_set: StoredDataSet) -> None:
        """Write a data set anew under its id."""
        self._connection.execute(
            schema.data_sets.update()
            .where(schema.data_sets.c.id == data_set.id)
            .values(**_row(data_set))
        )

    def erase(self, data_set: StoredDataSet, *, grave_until: datetime) -> None:
        """Erase a data set with its links and what still waits for comparison; bury its number."""
        number = data_set.reference_number
        self.bury(number, grave_until)
        self._connection.execute(
            schema.data_sets.delete().where(schema.data_sets.c.id == data_set.id)
        )
        self._connection.execute(
            schema.links.delete().where(
                (schema.links.c.reference_number == number)
                | (schema.links.c.hit_reference_number == number)
            )
        )
        self._connection.execute(
            schema.identity_links.delete().where(schema.identity_links.c.reference_number == number)
        )
        self._connection.execute(
            schema.arrivals.delete().where(
                schema.arrivals.c.reference_number == number,
                schema.arrivals.c.examined_at.is_(None),
            )
        )

    def bury(self, reference_number: str, until: datetime) -> None:
        """Remember that nothing is stored under this number any more; a later end counts."""
        values = {"reference_number": reference_number, "kept_until": _micros(until)}
        grave = insert(schema.graves).values(**values)
        later = sa.func.max(schema.graves.c.kept_until, grave.excluded.kept_until)
        self._connection.execute(
            grave.on_conflict_do_update(
                index_elements=["reference_number"], set_={"kept_until": later}
            )
        )

    def is_buried(self, reference_number: str) -> bool:
        """Whether a data set of this number was erased and its number is still remembered."""
        query = sa.select(schema.graves.c.kept_until).filter_by(reference_number=reference_number)
        return self._connection.execute(query).one_or_none() is not None

    def level_graves(self, now: datetime) -> None:
        """Forget the numbers whose last second of remembrance has passed."""
        over = schema.graves.c.kept_until < _micros(now.replace(microsecond=0))
        self._connection.execute(schema.graves.delete().where(over))

    def arrive(self, arrival: Arrival) -> None:
        """Put a request into its lane; the order of arrival is the order of these calls."""
        self._connection.execute(
            schema.arrivals.insert().values(
                reference_number=arrival.reference_number,
                state=arrival.state,
                kind=arrival.kind,
                urgent=arrival.urgent,
                include_own=arrival.include_own,
                arrived_at=_micros(arrival.arrived_at),
                compare_by=_micros(arrival.compare_by),
                payload=arrival.payload,
            )
        )

    def next_arrival(self) -> Arrival | None:
        """The request to compare next: urgent lane first, order of arrival inside a lane."""
        row = self._connection.execute(
            sa.select(schema.arrivals)
            .where(schema.arrivals.c.examined_at.is_(None))
            .order_by(schema.arrivals.c.urgent.desc(), schema.arrivals.c.id)
            .limit(1)
        ).one_or_none()
        if row is None:
            return None
        return Arrival(
            id=row.id,
            reference_number=row.reference_number,
            state=row.state,
            kind=ArrivalKind(row.kind),
            urgent=row.urgent,
            include_own=row.include_own,
            arrived_at=_instant(row.arrived_at),
            compare_by=_instant(row.compare_by),
            payload=row.payload,
        )

    def examined(self, arrival: Arrival, now: datetime) -> bool:
        """Take a request out of its lane; its payload goes. False when it is no longer there."""
        result = self._connection.execute(
            schema.arrivals.update()
            .where(schema.arrivals.c.id == arrival.id, schema.arrivals.c.examined_at.is_(None))
            .values(examined_at=_micros(now), payload=None)
        )
        return bool(result.rowcount)

    def has_arrived(self, reference_number: str, state: str) -> bool:
        """Whether a State ever sent a request for comparison under this number."""
        mine = {"reference_number": reference_number, "state": state}
        rows = self._connection.execute(sa.select(schema.arrivals.c.id).filter_by(**mine).limit(1))
        return rows.one_or_none() is not None

    def link(self, reference_number: str, hit: str) -> None:
        """Link two data sets, as a hit of the first against the second does; once."""
        if self.link_state(reference_number, hit) is None:
            self._connection.execute(
                schema.links.insert().values(
                    reference_number=reference_number,
                    hit_reference_number=hit,
                    state=LinkState.AUTO_LINKED,
                )
            )

    def decide_link(self, reference_number: str, hit: str, state: LinkState) -> None:
        """Change the state of a link."""
        pair = {"reference_number": reference_number, "hit_reference_number": hit}
        self._connection.execute(schema.links.update().filter_by(**pair).values(state=state))

    def link_state(self, reference_number: str, hit: str) -> LinkState | None:
        """State of the link that a hit of the first data set against the second made."""
        pair = {"reference_number": reference_number, "hit_reference_number": hit}
        state = self._connection.execute(
            sa.select(schema.links.c.state).filter_by(**pair)
        ).scalar_one_or_none()
        return None if state is None else LinkState(state)

    def links(self) -> list[Link]:
        """All links in the order in which they arose."""
        rows = self._connection.execute(sa.select(schema.links).order_by(schema.links.c.id))
        return [
            Link(row.reference_number, row.hit_reference_number, LinkState(row.state))
            for row in rows
        ]

    def next_cursor(self, state: str) -> int:
        """Count a State's notices on by one, from the epoch's first on."""
        issued = max(self._cursor(state)[0], self._epoch() << EPOCH_BITS) + 1
        self._connection.execute(
            schema.cursors.update().where(schema.cursors.c.state == state).values(issued=issued)
        )
        return issued

    def begin_epoch(self, now: datetime) -> None:
        """Number the notices from here on above all that any earlier opening gave.

        A ledger restored from a backup has forgotten which cursors it gave; the second of its
        opening has not been used before. A clock set back changes nothing in the same ledger.
        """
        epoch = max(self._epoch() + 1, int(now.timestamp()))
        self._connection.execute(schema.epochs.insert().values(epoch=epoch))

    def issue(self, state: str, cursor: int, message: bytes) -> None:
        """Keep a notice until the State has acknowledged it."""
        self._connection.execute(
            schema.notices.insert().values(state=state, cursor=cursor, message=message)
        )

    def notices(self, state: str, after: int, at_most: int) -> list[bytes]:
        """Notices of a State beyond a cursor, in order."""
        rows = self._connection.execute(
            sa.select(schema.notices.c.message)
            .where(schema.notices.c.state == state, schema.notices.c.cursor > after)
            .order_by(schema.notices.c.cursor)
            .limit(at_most)
        )
        return [row.message for row in rows]

    def acknowledge(self, state: str, up_to: int) -> int:
        """Let go of the notices up to a cursor; returns the last cursor that was issued."""
        issued, acknowledged = self._cursor(state)
        if up_to <= issued:
            self._connection.execute(
                schema.notices.delete().where(
                    schema.notices.c.state == state, schema.notices.c.cursor <= up_to
                )
            )
            self._connection.execute(
                schema.cursors.update()
                .where(schema.cursors.c.state == state)
                .values(acknowledged=max(acknowledged, up_to))
            )
        return issued

    def occurred(self, occurrence: Occurrence) -> None:
        """Remember something that statistics count."""
        self._connection.execute(
            schema.occurrences.insert().values(
                at=_micros(occurrence.at),
                kind=occurrence.kind,
                state=occurrence.state,
                detail=occurrence.detail,
            )
        )

    def occurrences(self) -> list[Occurrence]:
        """Everything that statistics count, in order."""
        rows = self._connection.execute(
            sa.select(schema.occurrences).order_by(schema.occurrences.c.id)
        )
        return [Occurrence(_instant(row.at), row.kind, row.state, row.detail) for row in rows]

    def _epoch(self) -> int:
        epochs = self._connection.execute(sa.select(sa.func.max(schema.epochs.c.epoch)))
        return epochs.scalar_one() or 0

    def _cursor(self, state: str) -> tuple[int, int]:
        row = self._connection.execute(
            sa.select(schema.cursors).filter_by(state=state)
        ).one_or_none()
        if row is None:
            self._connection.execute(
                schema.cursors.insert().values(state=state, issued=0, acknowledged=0)
            )
            return 0, 0
        return row.issued, row.acknowledged


def _stored(row: Any) -> StoredDataSet:
    return StoredDataSet(
        id=row.id,
        reference_number=row.reference_number,
        origin=row.origin,
        status=Status(row.status),
        message=row.message,
        capture=row.capture,
        template=row.template,
        retained_until=_instant(row.retained_until),
    )


def _row(data_set: StoredDataSet) -> dict[str, Any]:
    return {
        "id": data_set.id,
        "reference_number": data_set.reference_number,
        "origin": data_set.origin,
        "status": data_set.status,
        "message": data_set.message,
        "capture": data_set.capture,
        "template": data_set.template,
        "retained_until": _micros(data_set.retained_until),
    }


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _micros(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
