"""Frames of a line: whole, in order, of the other end, or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher import sealing
from matcher.errors import Malformed
from matcher.sealing import Address, Inbox, Seal, draw_key

KEY = bytes(range(32))


def ends() -> tuple[Seal, Seal]:
    """Both ends of a new line."""
    return Seal(KEY, asking=True), Seal(KEY, asking=False)


def sealed(frame: bytes) -> bytes:
    """A frame as the inbox of the other end has it."""
    (found,) = Inbox().feed(frame)
    return found


@given(payloads=st.lists(st.binary(max_size=300), max_size=8), step=st.integers(1, 97))
def test_whatever_pieces_it_comes_in_the_other_end_reads_what_was_sent(
    payloads: list[bytes], step: int
) -> None:
    asking, answering = ends()
    wire = b"".join(asking.close(7 + n, payload) for n, payload in enumerate(payloads))
    inbox, found = Inbox(), []
    for start in range(0, len(wire), step):
        found += [answering.open(frame) for frame in inbox.feed(wire[start : start + step])]
    assert found == [(7 + n, payload) for n, payload in enumerate(payloads)]


def test_nothing_of_a_frame_can_be_read_on_the_way() -> None:
    payload = b"minutiae of somebody"
    assert payload not in Seal(KEY, asking=True).close(1, payload)


def test_an_altered_frame_is_refused() -> None:
    asking, answering = ends()
    frame = bytearray(sealed(asking.close(1, b"question")))
    frame[3] ^= 1
    with pytest.raises(Malformed, match="not the next of the other end"):
        answering.open(bytes(frame))


def test_a_repeated_or_left_out_frame_is_refused() -> None:
    asking, answering = ends()
    first, second = sealed(asking.close(1, b"a")), sealed(asking.close(2, b"b"))
    with pytest.raises(Malformed):
        answering.open(second)
    assert answering.open(first) == (1, b"a")
    with pytest.raises(Malformed):
        answering.open(first)
    assert answering.open(second) == (2, b"b")


def test_a_frame_sent_back_is_refused() -> None:
    asking, _ = ends()
    with pytest.raises(Malformed):
        asking.open(sealed(asking.close(1, b"a")))


def test_another_key_opens_nothing() -> None:
    with pytest.raises(Malformed):
        Seal(draw_key(), asking=False).open(sealed(Seal(KEY, asking=True).close(1, b"a")))


def test_a_frame_too_short_to_be_one_is_refused() -> None:
    for short in (b"", b"x" * 5):
        with pytest.raises(Malformed):
            Seal(KEY, asking=False).open(short)


def test_a_frame_has_a_longest_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "MOST_BYTES", 100)
    asking, answering = ends()
    # 100 bytes with ticket and tag.
    assert answering.open(sealed(asking.close(1, bytes(76)))) == (1, bytes(76))
    with pytest.raises(ValueError, match="100 bytes long at most"):
        asking.close(2, bytes(77))
    # Before anything of it was waited for.
    with pytest.raises(Malformed, match="100 bytes long at most"):
        Inbox().feed((101).to_bytes(4, "little"))


def test_the_text_of_an_address_shows_no_key() -> None:
    address = Address("127.0.0.1", 9, KEY)
    assert "key" not in repr(address)
    assert repr(KEY) not in str(address)
    assert len(draw_key()) == 32
    assert draw_key() != draw_key()
