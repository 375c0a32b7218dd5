"""Calendars and tables of tasks: well-formed to the octet, stable, and without a name."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node import calendar_export
from node.calendar_export import COLUMNS, LINE_OCTETS, Form, escape, fold, reminders, write
from node.vocabulary import Task, TaskKind

OPENED = datetime(2026, 9, 1, 12, tzinfo=UTC)
DUE = datetime(2026, 9, 11, 12, tzinfo=UTC)
NOW = datetime(2026, 9, 2, tzinfo=UTC)
TASK = Task(
    task_id="4f1c",
    reference_number="DK10000000019",
    kind=TaskKind.TAKE_CHARGE,
    what="Take charge to IT: entry or disembarkation within the window; ask, then wait.",
    article="AMMR 39(1)",
    opened_at=OPENED,
    due=DUE,
)
ENDLESS = replace(TASK, task_id="4f1d", kind=TaskKind.ENTER_RESPONSIBLE, due=None)

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=200)


def unfold(content: bytes) -> list[str]:
    """Content lines as a reader has them, without any code of the writer."""
    assert content.endswith(b"\r\n")
    return content.replace(b"\r\n ", b"").decode().removesuffix("\r\n").split("\r\n")


def properties(content: bytes) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in unfold(content):
        name, _, value = line.partition(":")
        found.setdefault(name, []).append(value)
    return found


def unescape(value: str) -> str:
    """The stupid reader: one character after the other."""
    out, characters = "", iter(value)
    for character in characters:
        if character == "\\":
            following = next(characters)
            out += "\n" if following in "nN" else following
        else:
            out += character
    return out


def test_a_limit_is_an_event_at_its_end_with_two_reminders() -> None:
    found = properties(write(Form.ICS, [TASK], NOW))
    assert found["BEGIN"] == ["VCALENDAR", "VEVENT", "VALARM", "VALARM"]
    assert found["END"] == ["VALARM", "VALARM", "VEVENT", "VCALENDAR"]
    assert found["VERSION"] == ["2.0"]
    assert found["UID"] == ["4f1c@eurodac-node"]
    assert found["DTSTAMP"] == ["20260902T000000Z"]
    assert found["DTSTART"] == ["20260911T120000Z"]
    assert found["TRIGGER;VALUE=DATE-TIME"] == ["20260906T120000Z", "20260910T120000Z"]
    assert found["SUMMARY"] == ["Take charge DK10000000019"]
    assert unescape(found["DESCRIPTION"][0]) == f"{TASK.what} (AMMR 39(1))"


def test_a_task_without_a_limit_is_a_to_do_without_an_instant() -> None:
    found = properties(write(Form.ICS, [ENDLESS], NOW))
    assert found["BEGIN"] == ["VCALENDAR", "VTODO"]
    assert "DTSTART" not in found
    assert reminders(ENDLESS) == ()


def test_reminders_count_from_the_start_of_the_limit_and_not_from_the_opening() -> None:
    late = replace(TASK, starts_at=DUE - timedelta(days=20))
    assert reminders(late) == (DUE - timedelta(days=10), DUE - timedelta(days=2))


def test_an_entry_keeps_its_identity_from_one_export_to_the_next() -> None:
    first = properties(write(Form.ICS, [TASK], NOW))
    later = properties(write(Form.ICS, [replace(TASK, due=DUE + timedelta(days=1))], DUE))
    assert first["UID"] == later["UID"]
    assert first["DTSTAMP"] != later["DTSTAMP"]


def test_nothing_due_is_an_empty_calendar_and_a_table_with_a_header() -> None:
    assert properties(write(Form.ICS, [], NOW))["BEGIN"] == ["VCALENDAR"]
    assert write(Form.CSV, [], NOW).decode() == ",".join(COLUMNS) + "\r\n"


@given(TEXTS)
def test_folded_lines_are_short_whole_and_put_together_the_line(text: str) -> None:
    line = f"DESCRIPTION:{escape(text)}"
    folded = fold(line)
    for piece in folded.removesuffix(b"\r\n").split(b"\r\n"):
        assert len(piece) <= LINE_OCTETS
        piece.decode()
    assert unfold(folded) == [line]


@given(st.text(alphabet="ab\\;,\n:\"' ", max_size=60))
def test_an_escaped_text_is_one_line_that_reads_back(text: str) -> None:
    assert "\n" not in escape(text)
    assert unescape(escape(text)) == text


@given(TEXTS)
def test_a_table_reads_back_and_no_cell_is_a_formula(text: str) -> None:
    content = write(Form.CSV, [replace(TASK, what=text), ENDLESS], NOW)
    first, second = csv.DictReader(io.StringIO(content.decode(), newline=""))
    assert first["what"].removeprefix("'") == text.removeprefix("'")
    assert first["what"][:1] not in ("=", "+", "-", "@")
    assert (first["due_at"], second["due_at"]) == ("2026-09-11T12:00:00+00:00", "")
    assert first["half_passed_at"] == "2026-09-06T12:00:00+00:00"
    assert first["nine_tenths_passed_at"] == "2026-09-10T12:00:00+00:00"


@pytest.mark.parametrize(("now", "overdue"), [(DUE, "no"), (DUE + timedelta(seconds=1), "yes")])
def test_a_task_is_overdue_once_its_last_instant_is_over(now: datetime, overdue: str) -> None:
    (row,) = csv.DictReader(io.StringIO(write(Form.CSV, [TASK], now).decode(), newline=""))
    assert row["overdue"] == overdue


def test_every_form_is_written() -> None:
    assert set(calendar_export.WRITERS) == set(Form)
