"""Tasks as files for other programs: an iCalendar object (RFC 5545) or a table (RFC 4180).

Neither holds a name: a task is told by its reference number, its kind and its article. Entries
keep their identity from one export to the next, so that a calendar replaces and never doubles.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum

from node.vocabulary import Task

LINE_OCTETS = 75
"""Longest line without its break, RFC 5545 section 3.1."""

PRODUCT = "-//eurodac-node//tasks//EN"
DOMAIN = "eurodac-node"
"""Right-hand side of every UID, so that it differs from those of other programs."""

REMINDERS = (0.5, 0.9)
"""Parts of a task's time after which it reminds."""

COLUMNS = (
    "task_id",
    "reference_number",
    "kind",
    "what",
    "article",
    "starts_at",
    "due_at",
    "half_passed_at",
    "nine_tenths_passed_at",
    "overdue",
)


class Form(StrEnum):
    """What may be written."""

    ICS = "ICS"
    CSV = "CSV"


def write(form: Form, tasks: Iterable[Task], now: datetime) -> bytes:
    """The tasks as a file in UTF-8; an entry without a limit has no instant."""
    return WRITERS[form](tasks, now)


def reminders(task: Task) -> tuple[datetime, ...]:
    """When half and nine tenths of a task's time have passed; nothing without a limit."""
    if task.due is None:
        return ()
    begin = task.starts_at or task.opened_at
    return tuple(begin + (task.due - begin) * part for part in REMINDERS)


def write_calendar(tasks: Iterable[Task], now: datetime) -> bytes:
    """An iCalendar object: an event at the end of each limit, a to-do where there is none."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:{PRODUCT}", "CALSCALE:GREGORIAN"]
    for task in tasks:
        lines += _component(task, now)
    lines.append("END:VCALENDAR")
    return b"".join(fold(line) for line in lines)


def write_table(tasks: Iterable[Task], now: datetime) -> bytes:
    """A table with a header; instants in ISO 8601, UTC."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for task in tasks:
        half, nine_tenths = reminders(task) or (None, None)
        instants = (task.starts_at or task.opened_at, task.due, half, nine_tenths)
        overdue = task.due is not None and task.due < now
        named = (task.task_id, task.reference_number, task.kind, task.what, task.article)
        writer.writerow([*map(_cell, named), *map(_iso, instants), "yes" if overdue else "no"])
    return text.getvalue().encode()


WRITERS: Mapping[Form, Callable[[Iterable[Task], datetime], bytes]] = {
    Form.ICS: write_calendar,
    Form.CSV: write_table,
}


def escape(text: str) -> str:
    r"""A text value (RFC 5545 section 3.3.11).

    >>> escape("Ask; then\nwait, a \\ day")
    'Ask\\; then\\nwait\\, a \\\\ day'
    """
    escaped = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return escaped.replace("\r\n", "\\n").replace("\r", "\\n").replace("\n", "\\n")


def fold(line: str) -> bytes:
    """A content line in pieces of 75 octets at most, none of which cuts a character."""
    pieces: list[bytes] = []
    piece = b""
    for character in line:
        encoded = character.encode()
        if len(piece) + len(encoded) > LINE_OCTETS:
            pieces.append(piece)
            # The space that marks a continuation counts as well.
            piece = b" "
        piece += encoded
    return b"\r\n".join([*pieces, piece]) + b"\r\n"


def _component(task: Task, now: datetime) -> Iterator[str]:
    name = "VTODO" if task.due is None else "VEVENT"
    yield f"BEGIN:{name}"
    yield f"UID:{task.task_id}@{DOMAIN}"
    yield f"DTSTAMP:{_stamp(now)}"
    if task.due is not None:
        yield f"DTSTART:{_stamp(task.due)}"
        yield "TRANSP:TRANSPARENT"
    yield f"SUMMARY:{escape(f'{_words(task.kind)} {task.reference_number}')}"
    yield f"DESCRIPTION:{escape(f'{task.what} ({task.article})' if task.article else task.what)}"
    yield f"CATEGORIES:{escape(task.kind)}"
    for moment in reminders(task):
        yield from _alarm(task, moment)
    yield f"END:{name}"


def _alarm(task: Task, moment: datetime) -> Iterator[str]:
    yield "BEGIN:VALARM"
    yield "ACTION:DISPLAY"
    yield f"TRIGGER;VALUE=DATE-TIME:{_stamp(moment)}"
    yield f"DESCRIPTION:{escape(f'{_words(task.kind)} {task.reference_number}')}"
    yield "END:VALARM"


def _words(kind: str) -> str:
    return kind.replace("_", " ").capitalize()


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _iso(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds")


def _cell(text: str) -> str:
    # A spreadsheet would run a cell that begins like a formula.
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
