"""Work that waits, with its time limit."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, exists, func, insert, or_, select, update

from node import schema
from node.errors import NotFound
from node.store.transaction import Transaction
from node.vocabulary import Page, Task, TaskKind

_TABLE = schema.tasks
_OPEN = _TABLE.c.closed_at.is_(None)


def add(transaction: Transaction, *opened: Task) -> None:
    """Open tasks."""
    for task in opened:
        transaction.connection.execute(
            insert(_TABLE).values(
                task_id=task.task_id,
                reference_number=task.reference_number,
                kind=task.kind,
                what=task.what,
                article=task.article,
                opened_at=task.opened_at,
                due=task.due,
                hit_id=task.hit_id,
                rule=task.rule,
                starts_at=task.starts_at,
            )
        )
        transaction.touched.add(task.reference_number)


def close(
    transaction: Transaction,
    reference_number: str,
    at: datetime,
    *,
    kinds: Iterable[TaskKind] = tuple(TaskKind),
    hit_id: str | None = None,
) -> None:
    """Close the open tasks of a data set, of some kinds, of one hit or of all."""
    condition = and_(
        _OPEN, _TABLE.c.reference_number == reference_number, _TABLE.c.kind.in_(tuple(kinds))
    )
    if hit_id is not None:
        condition = and_(condition, _TABLE.c.hit_id == hit_id)
    transaction.connection.execute(update(_TABLE).where(condition).values(closed_at=at))
    transaction.touched.add(reference_number)


def close_one(transaction: Transaction, task_id: str, at: datetime) -> None:
    """Close one task if it is still open."""
    transaction.connection.execute(
        update(_TABLE).where(_OPEN, _TABLE.c.task_id == task_id).values(closed_at=at)
    )


def supersede(transaction: Transaction, task_id: str, at: datetime) -> None:
    """Close a task that its clock has overtaken; it stands for its limit no longer.

    Should the limit run again, because an event was withdrawn, its task is opened anew.
    """
    transaction.connection.execute(
        update(_TABLE).where(_TABLE.c.task_id == task_id).values(closed_at=at, rule="")
    )


def move(transaction: Transaction, task: Task) -> None:
    """Give an open task another limit: what it says, on which article it rests and when it ends."""
    transaction.connection.execute(
        update(_TABLE)
        .where(_OPEN, _TABLE.c.task_id == task.task_id)
        .values(what=task.what, article=task.article, due=task.due)
    )
    transaction.touched.add(task.reference_number)


def find(transaction: Transaction, task_id: str) -> Task:
    """One open task; NotFound for an unknown or closed one."""
    query = select(_TABLE).where(_OPEN, _TABLE.c.task_id == task_id)
    row = transaction.connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("there is no such open task")
    return _read(row)


def find_open(transaction: Transaction, reference_number: str) -> tuple[Task, ...]:
    """The open tasks of a data set, soonest first, those without a limit last."""
    query = (
        select(_TABLE)
        .where(_OPEN, _TABLE.c.reference_number == reference_number)
        .order_by(_TABLE.c.due.is_(None), _TABLE.c.due, _TABLE.c.opened_at, _TABLE.c.task_id)
    )
    return tuple(_read(row) for row in transaction.connection.execute(query))


def find_of_kind(transaction: Transaction, kind: TaskKind) -> tuple[Task, ...]:
    """All open tasks of a kind, oldest first."""
    query = select(_TABLE).where(_OPEN, _TABLE.c.kind == kind).order_by(_TABLE.c.opened_at)
    return tuple(_read(row) for row in transaction.connection.execute(query))


def find_unalarmed(transaction: Transaction, now: datetime, at_most: int) -> tuple[Task, ...]:
    """Comparisons that are awaited beyond their limit and of which no open alarm tells."""
    query = select(_TABLE).where(_is_unalarmed(now)).order_by(_TABLE.c.due).limit(at_most)
    return tuple(_read(row) for row in transaction.connection.execute(query))


def is_unalarmed(transaction: Transaction, task_id: str, now: datetime) -> bool:
    """Whether this comparison is still awaited, beyond its limit, without an alarm."""
    query = select(_TABLE.c.task_id).where(_is_unalarmed(now), _TABLE.c.task_id == task_id)
    return transaction.connection.execute(query).one_or_none() is not None


def count_overdue(transaction: Transaction, now: datetime) -> tuple[int, datetime | None]:
    """Data sets whose comparison is awaited beyond its limit, and the limit passed first."""
    numbers = func.count(_TABLE.c.reference_number.distinct())
    query = select(numbers, func.min(_TABLE.c.due)).where(_is_overdue(now))
    count, oldest = transaction.connection.execute(query).one()
    return int(count), oldest


def _is_overdue(now: datetime) -> ColumnElement[bool]:
    # Limits are whole seconds: the last one counts to its end.
    late = _TABLE.c.due < now.replace(microsecond=0)
    return and_(_OPEN, _TABLE.c.kind == TaskKind.AWAIT_COMPARISON, late)


def _is_unalarmed(now: datetime) -> ColumnElement[bool]:
    alarm = _TABLE.alias()
    told = exists().where(
        alarm.c.reference_number == _TABLE.c.reference_number,
        alarm.c.kind == TaskKind.COMPARISON_OVERDUE,
        alarm.c.closed_at.is_(None),
    )
    return and_(_is_overdue(now), ~told)


def find_of_clock(transaction: Transaction, reference_number: str) -> tuple[Task, ...]:
    """All tasks, open or closed, that stand for a limit of the data set's clock."""
    query = select(_TABLE).where(_TABLE.c.reference_number == reference_number, _TABLE.c.rule != "")
    return tuple(_read(row) for row in transaction.connection.execute(query))


def list_due(
    transaction: Transaction, *, before: datetime | None, at_most: int, after: str = ""
) -> Page:
    """Open tasks soonest first; before: only those due earlier; after: token of a page.

    Tasks without a limit come last, and not at all where `before` is given. The token is the last
    task's number, so that tasks opened or closed between two pages are neither doubled nor lost.
    """
    condition = _OPEN if before is None else and_(_OPEN, _TABLE.c.due < before)
    if after:
        condition = and_(condition, _comes_after(transaction, after))
    query = (
        select(_TABLE)
        .where(condition)
        .order_by(_TABLE.c.due.is_(None), _TABLE.c.due, _TABLE.c.task_id)
        .limit(at_most + 1)
    )
    rows = [_read(row) for row in transaction.connection.execute(query)]
    more = len(rows) > at_most
    return Page(tuple(rows[:at_most]), rows[at_most - 1].task_id if more else "")


def _comes_after(transaction: Transaction, task_id: str) -> Any:
    due = transaction.connection.execute(
        select(_TABLE.c.due).where(_TABLE.c.task_id == task_id)
    ).scalar_one_or_none()
    later_number = _TABLE.c.task_id > task_id
    if due is None:
        return and_(_TABLE.c.due.is_(None), later_number)
    return or_(_TABLE.c.due > due, and_(_TABLE.c.due == due, later_number), _TABLE.c.due.is_(None))


def _read(row: Row[Any]) -> Task:
    return Task(
        task_id=row.task_id,
        reference_number=row.reference_number,
        kind=TaskKind(row.kind),
        what=row.what,
        article=row.article,
        opened_at=row.opened_at,
        due=row.due,
        hit_id=row.hit_id,
        rule=row.rule,
        starts_at=row.starts_at,
    )
