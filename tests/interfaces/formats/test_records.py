"""The frame of transactions: lengths that lie, lists that lie, cuts and mutations."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interfaces import formats
from interfaces.formats import FormatRefused, limits, records

Builder = Callable[..., tuple[int, bytes]]
Assembler = Callable[..., bytes]


def refusal(data: bytes) -> FormatRefused:
    with pytest.raises(FormatRefused) as caught:
        formats.read(data)
    return caught.value


def test_fields_subfields_and_items_are_told_apart(framed: Assembler) -> None:
    data = framed(1, {2: b"0500", 3: b"1\x1f0", 7: b"a\x1fb\x1ec\x1fd", 8: b"e\x1ef", 9: b""})
    (header,) = records.split(data)
    assert header.fields[2] == (("0500",),)
    assert header.fields[7] == (("a", "b"), ("c", "d"))
    assert header.fields[8] == (("e",), ("f",))
    assert header.text(9) == header.text(99) == ""


def test_every_truncation_of_a_transaction_is_refused(transaction: bytes) -> None:
    for end in {*range(6, 260), *range(260, len(transaction), 97), len(transaction) - 1}:
        assert refusal(transaction[:end]).rule == "Q04 FORMAT", end


@pytest.mark.parametrize("length", [0, 1, 4, 5, 17, 2**20, 2**31, 2**32 - 1])
def test_binary_lengths_that_lie_are_refused(assembled: Assembler, length: int) -> None:
    record = struct.pack(">I", length) + bytes([0, 1, 2, *[255] * 5, 0, 0, 64, 0, 64, 0])
    assert refusal(assembled((4, record))).rule == "Q04 FORMAT"


@pytest.mark.parametrize(
    "length", [b"0", b"7", b"99", b"999999", b"999999999", b"9999999999999", b"-1", b"", b"1e3"]
)
@pytest.mark.parametrize("kind", [1, 14])
def test_text_lengths_that_lie_are_refused(
    assembled: Assembler, finger_record: Builder, *, length: bytes, kind: int
) -> None:
    data = assembled(finger_record())
    start = data.index(b"%d.001:" % kind) + len(b"%d.001:" % kind)
    end = data.index(b"\x1d", start)
    found = refusal(data[:start] + length + data[end:])
    assert found.rule == "Q04 FORMAT"
    assert f"{kind}.001" in found.field


@pytest.mark.parametrize(
    "contents",
    [
        b"",
        b"1\x1f1",
        b"1\x1f2\x1e14\x1f00",
        b"1\x1f1\x1e14\x1f01",
        b"1\x1f1\x1e10\x1f00",
        b"1\x1f1\x1e4\x1f00",
        b"1\x1f1\x1e14",
        b"14\x1f00",
        b"1\x1f1\x1e14\x1fxx",
        b"1\x1f2\x1e14\x1f00\x1e14\x1f00",
    ],
)
def test_lists_of_contents_that_lie_are_refused(
    assembled: Assembler, finger_record: Builder, contents: bytes
) -> None:
    assert refusal(assembled(finger_record(), header={3: contents})).rule == "Q04 FORMAT"


def test_more_records_than_the_limit_are_refused(assembled: Assembler, framed: Assembler) -> None:
    many = [(2, framed(2, {2: b"%02d" % idc})) for idc in range(limits.RECORDS_MAX + 1)]
    assert refusal(assembled(*many)).rule == "L03 TOO_MANY_RECORDS"


def test_records_of_too_much_text_are_refused(
    assembled: Assembler, finger_record: Builder, framed: Assembler
) -> None:
    long = (2, framed(2, {2: b"00", 3: b"x" * limits.RECORD_TEXT_BYTES}))
    wide = (2, framed(2, {2: b"00"} | dict.fromkeys(range(3, 700), b"x")))
    for record in (long, wide):
        assert refusal(assembled(record, finger_record(idc=1))).rule == "L01 TOO_LARGE"


def test_fields_given_twice_or_of_another_type_are_refused(
    assembled: Assembler, framed: Assembler
) -> None:
    """A second position must not overrule the first unseen."""
    for field in (
        b"1\x1d2.003:2",
        b"1\x1d14.013:2",
        b"1\x1dno tag",
        b"1\x1d2.%s:" % (b"9" * 9_000),
    ):
        found = refusal(assembled((2, framed(2, {2: b"00", 3: field}))))
        assert found.rule == "Q04 FORMAT"
        assert "record 2 (Type-2)" in found.field


def test_data_behind_the_last_record_is_refused(transaction: bytes) -> None:
    assert "behind" in refusal(transaction + b"more").reason


def test_header_texts_with_control_characters_are_refused(
    assembled: Assembler, finger_record: Builder
) -> None:
    for text in (b"\x1b[2J", b"\0", b"x" * 500):
        assert "1.009" in refusal(assembled(finger_record(), header={9: text})).field


def test_separators_inside_an_image_are_pixels(
    assembled: Assembler, finger_record: Builder
) -> None:
    """The image field ends where the record ends, whatever bytes it holds."""
    image = (b"\x1c\x1d14.999:\x1e\x1f" * 2_000)[: 128 * 160]
    (finger,) = formats.read(assembled(finger_record(image=image))).fingers
    assert finger.image.tobytes() == image


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_mutated_transactions_give_a_capture_or_a_refusal(
    data: st.DataObject, transaction: bytes
) -> None:
    """Nothing but FormatRefused ever comes out, however the bytes were changed."""
    changed = bytearray(transaction)
    reach = data.draw(st.sampled_from([120, 600, len(changed)]))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(reach, len(changed)) - 1))
        piece = data.draw(st.sampled_from([b"\x1c", b"\x1d", b"\x1e", b"\x1f", b"0", b"9", b"."]))
        removed = data.draw(st.integers(0, 2))
        changed[place : place + removed] = data.draw(st.sampled_from([piece, b"", b"\xff" * 4]))
    with contextlib.suppress(FormatRefused):
        formats.read(b"1.001:" + bytes(changed)[6:])


@settings(max_examples=100, deadline=None)
@given(tail=st.binary(max_size=400))
def test_arbitrary_bytes_give_a_refusal(tail: bytes) -> None:
    for start in (
        b"1.001:",
        b"\xff\xa0\xff",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"II*\0",
        b"BM",
    ):
        with contextlib.suppress(FormatRefused):
            formats.read_face(start + tail)
        with contextlib.suppress(FormatRefused):
            formats.read(start + tail)
