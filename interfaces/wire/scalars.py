"""Single values of a message <-> terms: texts, days, instants, enumerations, codes."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from enum import StrEnum
from itertools import islice
from typing import Any, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import MarkType, Sex
from interfaces.eurodac.retention import ErasureGround
from interfaces.formats.errors import FormatRefused
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2

MAX_TEXT_CHARACTERS = 200
"""Longest text of one field: the longest names on record have about 150 characters."""

MAX_TEXTS = 32
"""Most entries of one list of names or nationalities; police records of aliases stay below."""

MAX_REQUEST_ID_CHARACTERS = 64
"""Longest request id: a UUID has 36 characters, a few prefixes fit."""

CONTROLS = frozenset({"Cc", "Zl", "Zp"})
"""Unicode categories that no text of one line needs: controls, separators of lines."""

TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of what follows: a number or name would be read wrongly.
Right-to-left scripts do not need them, and the joiners of Persian names stay allowed."""

YEARS = range(1900, 2200)
"""Years of every instant and day: nothing of a living person lies outside, and limits that are
counted from inside stay within what a calendar holds."""

_E = TypeVar("_E", bound=StrEnum)


def instant_from(message: Timestamp, field: str = "timestamp") -> datetime:
    """Aware UTC instant of a timestamp, to the microsecond."""
    try:
        instant = message.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise _outside(field) from error
    if instant.year not in YEARS:
        raise _outside(field)
    return instant


def instant_to(instant: datetime) -> Timestamp:
    """Timestamp of an aware instant."""
    message = Timestamp()
    message.FromDatetime(instant)
    return message


def _outside(field: str) -> FormatRefused:
    reason = f"outside the years {YEARS.start} to {YEARS.stop - 1}"
    return FormatRefused("W01 VALUE", field, reason, "send what the calendar said")


def text(name: str, value: str) -> str:
    """A text within its limit, without characters that control how the rest is shown."""
    if len(value) > MAX_TEXT_CHARACTERS:
        raise FormatRefused("W03 TOO_LONG", name, "text too long", f"at most {MAX_TEXT_CHARACTERS}")
    if any(unicodedata.category(one) in CONTROLS or one in TURNS for one in value):
        raise FormatRefused("W01 VALUE", name, "control characters in a text", "send plain text")
    return value


def texts(name: str, values: Iterable[str]) -> tuple[str, ...]:
    """A list of texts within its limit, none empty."""
    # One more than allowed shows that there are too many; the rest is not looked at.
    entries = tuple(text(name, value) for value in islice(values, MAX_TEXTS + 1))
    if len(entries) > MAX_TEXTS:
        raise FormatRefused("W03 TOO_LONG", name, "too many entries", f"at most {MAX_TEXTS}")
    if "" in entries:
        raise FormatRefused("W01 VALUE", name, "an entry is empty", "leave it out")
    return entries


def day(name: str, value: str) -> date | None:
    """An ISO 8601 day; None when empty."""
    if not value:
        return None
    try:
        found = date.fromisoformat(value)
    except ValueError as error:
        raise FormatRefused("W01 VALUE", name, "not a day", "use YYYY-MM-DD") from error
    if found.year not in YEARS:
        raise _outside(name)
    return found


def enumerated(wire: Any, prefix: str, kind: type[_E]) -> Callable[[str, int], _E]:
    """Reader of an enumeration whose wire names are the prefix and the term's value."""
    names = {wire.Value(f"{prefix}{member.value}"): member for member in kind}

    def read(name: str, value: int) -> _E:
        if value not in names:
            reason = "not one of the known values"
            raise FormatRefused("W01 VALUE", name, reason, f"use one of {[*kind]}")
        return names[value]

    return read


def day_to(day: date | None) -> str:
    """The ISO 8601 day; empty when None."""
    return "" if day is None else day.isoformat()


def category_from(value: int) -> Category:
    """Category of a number on the wire."""
    return enumerated(terms_pb2.Category, "CATEGORY_", Category)("category", value)


def category_to(category: Category) -> terms_pb2.Category.ValueType:
    """Number of a category on the wire."""
    return terms_pb2.Category.Value(f"CATEGORY_{category}")


def mark_type_from(value: int) -> MarkType:
    """Mark type of a number on the wire."""
    return enumerated(terms_pb2.MarkType, "MARK_TYPE_", MarkType)("type", value)


def mark_type_to(mark: MarkType) -> terms_pb2.MarkType.ValueType:
    """Number of a mark type on the wire."""
    return terms_pb2.MarkType.Value(f"MARK_TYPE_{mark}")


def sex_from(value: int) -> Sex:
    """Sex of a number on the wire."""
    return enumerated(terms_pb2.Sex, "SEX_", Sex)("sex", value)


def sex_to(sex: Sex) -> terms_pb2.Sex.ValueType:
    """Number of a sex on the wire."""
    return terms_pb2.Sex.Value(f"SEX_{sex}")


def ground_from(value: int) -> ErasureGround:
    """Ground of an erasure of a number on the wire."""
    return enumerated(central_pb2.ErasureGround, "ERASURE_GROUND_", ErasureGround)("ground", value)


def check_request_id(request_id: str) -> None:
    """A request that changes something names itself, so that it can be sent again."""
    if not 1 <= len(request_id) <= MAX_REQUEST_ID_CHARACTERS or not request_id.isprintable():
        raise FormatRefused(
            "W02 ABSENT",
            "request_id",
            "no usable id of the request",
            f"send a unique printable id of 1 to {MAX_REQUEST_ID_CHARACTERS} characters",
        )
