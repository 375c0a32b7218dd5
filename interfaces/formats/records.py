"""Cutting an ANSI/NIST-ITL transaction into records, before anything in them is believed.

The frame is checked by us: every length, the list of contents and the end. Only then does
nistitl take the text of a record apart. Source: NIST SP 500-290, section 7 and 8.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import nistitl

from interfaces.formats import limits
from interfaces.formats.codes import BINARY_TYPES, HEADER_TYPE
from interfaces.formats.errors import FormatRefused, Rule
from interfaces.formats.headers import AS_WRITTEN

FS, GS = b"\x1c", b"\x1d"

Subfields = tuple[tuple[str, ...], ...]
"""Content of a field: subfields, each of one or more items."""

BINARY_HEAD = struct.Struct(">IB")
"""Length and IDC, with which every binary record begins."""


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One record. kind: its type. number: its place in the transaction, from 1.

    fields: content by field number, empty for binary records. data: the image field (999), or
    what follows the IDC of a binary record.
    """

    kind: int
    number: int
    fields: Mapping[int, Subfields]
    data: bytes

    @property
    def name(self) -> str:
        """How refusals call it."""
        return f"record {self.number} (Type-{self.kind})"

    def text(self, tag: int) -> str:
        """The only value of a field; "" when the field is absent."""
        content = self.fields.get(tag, (("",),))
        if len(content) != 1 or len(content[0]) != 1:
            raise self.refusal(tag, "has several values")
        return content[0][0]

    def count(self, tag: int) -> int:
        """The only value of a field, which must be a short decimal number."""
        return whole_number(self.text(tag), f"{self.name}, {self.kind}.{tag:03}")

    def refusal(self, tag: int, reason: str, remedy: str = AS_WRITTEN) -> FormatRefused:
        """A refusal under the format rule that names a field of this record."""
        return FormatRefused(Rule.FORMAT, f"{self.name}, {self.kind}.{tag:03}", reason, remedy)


def is_transaction(data: bytes) -> bool:
    """Whether the bytes begin as a transaction does: with the length of a Type-1 record.

    >>> is_transaction(b"1.001:230\\x1d"), is_transaction(b"BM")
    (True, False)
    """
    return re.match(rb"1\.0{1,5}1:", data) is not None


def split(data: bytes) -> Iterator[Record]:
    """The records of a transaction in order, Type-1 first. Raises FormatRefused.

    Records follow the list of contents (1.003) exactly and end with the data.
    """
    header, offset = _read_text(data, 0, HEADER_TYPE, number=1)
    yield header
    contents = _contents(header)
    for number, (kind, idc) in enumerate(contents, start=2):
        reader = _read_binary if kind in BINARY_TYPES else _read_text
        record, offset = reader(data, offset, kind, number=number)
        if (record.data[0] if kind in BINARY_TYPES else record.count(2)) != idc:
            raise record.refusal(2, "is not the IDC that the list of contents (1.003) gives")
        yield record
    if offset != len(data):
        reason = "has data behind its last record"
        raise FormatRefused(Rule.FORMAT, "transaction", reason, AS_WRITTEN)


def _contents(header: Record) -> list[tuple[int, int]]:
    """Type and IDC of each record after the first, by 1.003."""
    place = f"{header.name}, 1.003"
    content = header.fields.get(3, ())
    if any(len(items) != 2 for items in content) or not content:
        raise header.refusal(3, "is not a list of pairs")
    pairs = [(whole_number(one, place), whole_number(two, place)) for one, two in content]
    if len(pairs) - 1 > limits.RECORDS_MAX:
        reason = f"lists {len(pairs) - 1} records, {limits.RECORDS_MAX} are allowed"
        raise FormatRefused(Rule.TOO_MANY_RECORDS, place, reason, "send several transactions")
    if pairs[0] != (HEADER_TYPE, len(pairs) - 1):
        raise header.refusal(3, "does not count its own list")
    return pairs[1:]


def _read_binary(data: bytes, offset: int, kind: int, *, number: int) -> tuple[Record, int]:
    empty = Record(kind, number, {}, b"")
    if offset + BINARY_HEAD.size > len(data):
        raise empty.refusal(1, "is cut short")
    length, _idc = BINARY_HEAD.unpack_from(data, offset)
    if not BINARY_HEAD.size <= length <= len(data) - offset:
        raise empty.refusal(1, "is a length that does not fit the transaction")
    body = data[offset + BINARY_HEAD.size - 1 : offset + length]
    return Record(kind, number, {}, body), offset + length


def _read_text(data: bytes, offset: int, kind: int, *, number: int) -> tuple[Record, int]:
    empty = Record(kind, number, {}, b"")
    head = re.compile(rb"%d\.0{1,5}1:(\d{1,9})\x1d" % kind).match(data, offset)
    if head is None:
        raise empty.refusal(1, "is not there or has no length")
    end = offset + int(head[1])
    if not head.end() < end <= len(data) or data[end - 1 : end] != FS:
        raise empty.refusal(1, "is a length at which no record ends")
    image = data.find(GS + b"%d.999:" % kind, offset, end - 1)
    text_end = end - 1 if image < 0 else image
    body = b"" if image < 0 else data[data.index(b":", image) + 1 : end - 1]
    _check_text_size(data, offset, text_end, empty)
    return Record(kind, number, _take_apart(data[offset:text_end], empty), body), end


def _check_text_size(data: bytes, start: int, end: int, record: Record) -> None:
    fields = data.count(GS, start, end) + 1
    if end - start > limits.RECORD_TEXT_BYTES or fields > limits.RECORD_FIELDS_MAX:
        reason = f"has {end - start} bytes of text in {fields} fields"
        raise FormatRefused(Rule.TOO_LARGE, record.name, reason, "leave out what is not needed")


@dataclass(slots=True)
class _Collector:
    """Receives from nistitl items, subfields and fields, inner ones first."""

    items: list[str] = field(default_factory=list)
    subfields: list[tuple[str, ...]] = field(default_factory=list)
    fields: list[tuple[str, Subfields]] = field(default_factory=list)

    def item(self, raw: bytes) -> None:
        self.items.append(raw.decode("latin-1"))

    def subfield(self, raw: bytes | None) -> None:
        self.subfields.append(tuple(self.items) if raw is None else (raw.decode("latin-1"),))
        self.items = []

    def field(self, tag: str, raw: bytes | None) -> None:
        content = tuple(self.subfields) if raw is None else ((raw.decode("latin-1"),),)
        self.fields.append((tag, content))
        self.subfields = []

    def record(self) -> None:
        """Nothing: one record is taken apart at a time."""


def _take_apart(text: bytes, record: Record) -> Mapping[int, Subfields]:
    if FS in text:
        raise record.refusal(1, "is a length beyond the end of its record")
    collector = _Collector()
    try:
        nistitl.parse_record(
            text, collector.record, collector.field, collector.subfield, collector.item
        )
    except nistitl.NistException as fault:
        raise record.refusal(1, "begins a record with a field that has no number") from fault
    fields = {}
    for tag, content in collector.fields:
        numbers = tag.rstrip(":").split(".")
        kind, number = (whole_number(part, f"{record.name}, field number") for part in numbers)
        if kind != record.kind or number in fields:
            raise record.refusal(number, "occurs twice or belongs to another type")
        fields[number] = content
    return fields


def whole_number(text: str, place: str) -> int:
    """A decimal number of at most nine digits. place: the field, for the refusal."""
    if re.fullmatch(r"[0-9]{1,9}", text) is None:
        raise FormatRefused(Rule.FORMAT, place, "is not a whole number", AS_WRITTEN)
    return int(text)
