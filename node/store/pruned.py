"""Records of the audit chain that are erased at their end, and the anchors in their place.

Only what fits its place in the chain is erased: a record that somebody changed, or a gap that
nobody sealed, stays as it is for the auditors to find.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest
from itertools import pairwise

from sqlalchemy import ColumnElement, ScalarSelect, delete, exists, func, insert, select, update

from node import schema
from node.audit import FIRST_LINK, Anchor, fits, link, make_anchor
from node.errors import ChainBroken, NotFound
from node.store.records import read_anchor, read_numbers
from node.store.transaction import Transaction

_AUDIT = schema.audit
_ANCHORS = schema.audit_anchors
_DATA_SETS = schema.data_sets
_HOLDS = schema.monitoring

EVERYTHING = ""
"""Reference number of a hold on all records."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A monitoring procedure that needs records. reference_number: empty when it needs all."""

    hold_id: str
    reference_number: str
    begun_by: str
    begun_at: datetime


def add_hold(transaction: Transaction, hold: Hold) -> None:
    """Keep the records that a procedure needs."""
    transaction.connection.execute(
        insert(_HOLDS).values(
            hold_id=hold.hold_id,
            reference_number=hold.reference_number,
            begun_by=hold.begun_by,
            begun_at=hold.begun_at,
            ended_by="",
        )
    )


def end_hold(transaction: Transaction, hold_id: str, *, by: str, at: datetime) -> None:
    """The procedure is over; NotFound for one that is not under way."""
    changed = transaction.connection.execute(
        update(_HOLDS)
        .where(_HOLDS.c.hold_id == hold_id, _HOLDS.c.ended_at.is_(None))
        .values(ended_by=by, ended_at=at)
    )
    if not changed.rowcount:
        raise NotFound("there is no such procedure under way")


def is_all_held(transaction: Transaction) -> bool:
    """Whether a procedure under way needs all records."""
    query = select(_HOLDS.c.hold_id).where(
        _HOLDS.c.ended_at.is_(None), _HOLDS.c.reference_number == EVERYTHING
    )
    return transaction.connection.execute(query.limit(1)).one_or_none() is not None


def find_ended(transaction: Transaction, before: datetime, at_most: int) -> list[str]:
    """Erased data sets with records whose retention ended before an instant, longest first.

    Held ones are left out. Of what was erased and never sent, no retention ever began: it is taken
    as ended with the erasure.
    """
    ended = func.coalesce(_DATA_SETS.c.retained_until, _DATA_SETS.c.erased_at)
    query = (
        select(_DATA_SETS.c.reference_number)
        .where(_DATA_SETS.c.erased_at.is_not(None), ended < before)
        .where(exists().where(_AUDIT.c.reference_number == _DATA_SETS.c.reference_number))
        .where(_DATA_SETS.c.reference_number.not_in(_held()))
        .order_by(ended, _DATA_SETS.c.reference_number)
        .limit(at_most)
    )
    return list(transaction.connection.execute(query).scalars())


def find_about(transaction: Transaction, numbers: Iterable[str]) -> list[int]:
    """Numbers of the records about some data sets, in their order."""
    query = select(_AUDIT.c.number).where(_AUDIT.c.reference_number.in_(tuple(numbers)))
    return list(transaction.connection.execute(query.order_by(_AUDIT.c.number)).scalars())


def find_about_nobody(transaction: Transaction, before: datetime, at_most: int) -> list[int]:
    """Numbers of old records about no data set that this store knows, oldest first."""
    known = exists().where(_DATA_SETS.c.reference_number == _AUDIT.c.reference_number)
    query = (
        select(_AUDIT.c.number)
        .where(_AUDIT.c.at < before, ~known, _AUDIT.c.reference_number.not_in(_held()))
        .order_by(_AUDIT.c.number)
        .limit(at_most)
    )
    return list(transaction.connection.execute(query).scalars())


def prune(transaction: Transaction, numbers: Iterable[int]) -> None:
    """Erase these records for good and put anchors in their place; ChainBroken where one misfits.

    numbers: in rising order, each of a record that is there, the newest not among them.
    """
    key = transaction.vault.audit_key
    for first, last in _runs(numbers):
        before = _find_anchor(transaction, _ANCHORS.c.last == first - 1)
        after = _find_anchor(transaction, _ANCHORS.c.first == last + 1)
        start = first if before is None else before.first
        previous = _link_before(transaction, start)
        head, end = _check_run(transaction, (first, last), previous, before=before), last
        if after is not None:
            _insist(transaction, head, after)
            head, end = after.link, after.last
        anchor = make_anchor(key, previous, (start, end), last_link=head)
        _replace(transaction, (first, last), anchor)
    transaction.erased = True


def _held() -> ScalarSelect[str]:
    return select(_HOLDS.c.reference_number).where(_HOLDS.c.ended_at.is_(None)).scalar_subquery()


def _find_anchor(transaction: Transaction, condition: ColumnElement[bool]) -> Anchor | None:
    row = transaction.connection.execute(select(_ANCHORS).where(condition)).one_or_none()
    return None if row is None else read_anchor(row)


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """First and last of every run of numbers that follow each other."""
    ordered = list(numbers)
    if not ordered:
        return
    first = ordered[0]
    for one, following in pairwise(ordered):
        if following != one + 1:
            yield first, one
            first = following
    yield first, ordered[-1]


def _check_run(
    transaction: Transaction, run: tuple[int, int], previous: bytes, *, before: Anchor | None
) -> bytes:
    """The last link of a run of records, all of which fit their place."""
    head = previous
    if before is not None:
        _insist(transaction, previous, before)
        head = before.link
    expected = run[0]
    for entry in read_numbers(transaction, *run):
        made = link(transaction.vault.audit_key, head, entry.record)
        if entry.number != expected or not compare_digest(made, entry.link):
            raise ChainBroken(expected)
        head, expected = entry.link, expected + 1
    if expected <= run[1]:
        raise ChainBroken(expected)
    return head


def _insist(transaction: Transaction, previous: bytes, anchor: Anchor) -> None:
    if not fits(transaction.vault.audit_key, previous, anchor):
        raise ChainBroken(anchor.first)


def _link_before(transaction: Transaction, first: int) -> bytes:
    """The link of the record before; anchors never stand side by side."""
    if first == 1:
        return FIRST_LINK
    query = select(_AUDIT.c.link).where(_AUDIT.c.number == first - 1)
    found: bytes | None = transaction.connection.execute(query).scalar_one_or_none()
    if found is None:
        raise ChainBroken(first - 1)
    return found


def _replace(transaction: Transaction, run: tuple[int, int], anchor: Anchor) -> None:
    """Records and neighbouring anchors go, one anchor over all of them comes."""
    connection, inside = transaction.connection, (anchor.first, anchor.last)
    connection.execute(delete(_AUDIT).where(_AUDIT.c.number.between(*run)))
    connection.execute(delete(_ANCHORS).where(_ANCHORS.c.first.between(*inside)))
    connection.execute(
        insert(_ANCHORS).values(
            first=anchor.first, last=anchor.last, link=anchor.link, seal=anchor.seal
        )
    )
