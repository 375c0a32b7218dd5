"""A gallery copied from another piece by piece, while that one changes."""

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from benchmarks.galleries import Draw, draw_capture, draw_reference
from matcher import copying as module
from matcher import segments
from matcher.copying import WAITING_PIECES, Copying, Pages, copy_piece, list_pieces
from matcher.errors import Malformed
from matcher.gallery import Gallery
from matcher.segments import Segment, decode
from matcher.vocabulary import Reference

VECTORS, BARE = Draw(minutiae=12, vectors=True), Draw(minutiae=12)
PERSONS = 60


@cache
def person(seed: int) -> Reference:
    """Every fourth has a face, every fifth no vectors, every third four fingers."""
    whole = draw_reference(seed, VECTORS if seed % 5 else BARE)
    fingers = whole.fingers if seed % 3 else whole.fingers[:4]
    return Reference(fingers, None if seed % 4 else whole.face)


def fill(persons: int = PERSONS) -> Gallery:
    gallery = Gallery(threads=1)
    for seed in range(persons):
        gallery.enrol(seed, person(seed), partition=seed % 3)
    for seed in range(7, persons, 11):
        gallery.erase(seed)
    return gallery


def copy(source: Gallery) -> Gallery:
    outline, numbers = list_pieces(source)
    pages = Pages()
    target = Gallery(threads=1, deposit=pages)
    copying = Copying(target, pages, outline, len(numbers))
    for number in reversed(numbers):
        copying.take(copy_piece(source, number))
    copying.finish()
    assert target.asleep() == []
    return target


def assert_same(one: Gallery, other: Gallery) -> None:
    assert len(one) == len(other)
    assert one.digest() == other.digest()
    for seed in (2, 5, 12, 30):
        probe = draw_capture(draw_reference(seed, VECTORS), seed)
        found = one.search(probe, threshold=-1, at_most=PERSONS)
        assert found[0].reference_id == seed
        assert found == other.search(probe, threshold=-1, at_most=PERSONS)


def test_a_copy_holds_and_finds_what_the_other_does() -> None:
    source = fill()
    target = copy(source)
    assert_same(source, target)
    # And goes on as one that was filled person by person.
    for gallery in (source, target):
        gallery.enrol(7, person(7))
        gallery.move(8, 2)
        gallery.erase(9)
    assert_same(source, target)


def test_a_gallery_of_nobody_is_copied_too() -> None:
    assert len(copy(Gallery(threads=1))) == 0


def test_changes_from_before_the_first_piece_on_are_repeated() -> None:
    source = fill()
    outline, numbers = list_pieces(source)
    assert len(numbers) > 2
    pages = Pages()
    target = Gallery(threads=1, deposit=pages)
    copying = Copying(target, pages, outline, len(numbers))
    for step, number in enumerate(numbers):
        if step == 1:
            source.erase(1)
            source.move(2, 0)
            source.enrol(200, person(200))
        copying.take(copy_piece(source, number))
    copying.finish()
    # Of all that, before or after its piece was copied.
    for _ in range(2):
        target.erase(1)
        target.move(2, 0)
        target.enrol(200, person(200))
    assert_same(source, target)


def test_a_person_in_two_pieces_ends_the_copy() -> None:
    source = fill()
    outline, numbers = list_pieces(source)
    pages = Pages()
    target = Gallery(threads=1, deposit=pages)
    copying = Copying(target, pages, outline, len(numbers))
    first = copy_piece(source, numbers[0])
    moved = int(open_head(first)[0].ids[0])
    copying.take(first)
    # Into the slab of those of other fingers.
    source.enrol(moved, next(p for p in map(person, range(50)) if other_kind(source, p, moved)))
    for number in numbers[1:]:
        copying.take(copy_piece(source, number))
    with pytest.raises(ValueError, match="entered twice"):
        copying.finish()


def other_kind(source: Gallery, candidate: Reference, moved: int) -> bool:
    """Whether a person belongs elsewhere than one who is held."""
    probe = Gallery(threads=1)
    probe.enrol(0, candidate)
    probe.enrol(1, person(moved))
    return len(probe.outline().kinds) > 1


def test_who_is_held_is_counted_anew() -> None:
    source = fill()
    outline, numbers = list_pieces(source)
    pages = Pages()
    target = Gallery(threads=1, deposit=pages)
    copying = Copying(target, pages, outline, len(numbers))
    for number in numbers:
        piece = copy_piece(source, number)
        segment, claimed = open_head(piece)
        other = replace(segment, partitions=np.where(segment.masks, 1, 0).astype(np.int64))
        encoded = bytearray(other.encode())
        # It still says what it was.
        at, start = segments._HEADER.size, module._HEAD_BYTES.size
        encoded[at : at + 32] = claimed
        copying.take(piece[:start] + encoded + piece[start + len(encoded) :])
    copying.finish()
    assert len(target) == len(source)
    assert target.digest() != source.digest()


def open_head(piece: bytes) -> tuple[Segment, bytes]:
    """The segment of a piece, without its minutiae, and the digest that it claims."""
    start = module._HEAD_BYTES.size
    (length,) = module._HEAD_BYTES.unpack_from(piece)
    return decode(piece[start : start + length])


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda piece: piece[:-1], "not as long as it says"),
        (lambda piece: piece + b"\0", "not as long as it says"),
        (lambda piece: piece[:1000], "ends too early"),
        (lambda piece: piece[:3], "ends too early"),
    ],
    ids=["too short", "too long", "half a head", "not even a length"],
)
def test_what_is_no_piece_is_refused(damage: Callable[[bytes], bytes], why: str) -> None:
    source = fill()
    outline, numbers = list_pieces(source)
    pages = Pages()
    copying = Copying(Gallery(threads=1, deposit=pages), pages, outline, len(numbers))
    for number in numbers:
        copying.take(damage(copy_piece(source, number)))
    with pytest.raises(Malformed, match=why):
        copying.finish()


def test_whatever_fails_while_a_copy_is_made_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    source, pages = fill(), Pages()
    outline, numbers = list_pieces(source)
    copying = Copying(Gallery(threads=1, deposit=pages), pages, outline, len(numbers))
    monkeypatch.setattr(Pages, "wake_all", fail)
    for number in numbers:
        copying.take(copy_piece(source, number))
    with pytest.raises(MemoryError):
        copying.finish()


def test_pieces_wait_for_room_and_none_comes_too_many() -> None:
    source = fill()
    outline, numbers = list_pieces(source)
    pages = Pages()
    copying = Copying(Gallery(threads=1, deposit=pages), pages, outline, 1)
    piece = copy_piece(source, numbers[0])
    # One is taken, the others find room.
    for _ in range(WAITING_PIECES + 1):
        copying.take(piece)
    with pytest.raises(Malformed, match="more pieces than were announced"):
        copying.take(piece)
    assert "copying" not in {thread.name for thread in threading.enumerate()}


def test_a_slow_copy_holds_pieces_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING_PIECES", 1)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    source, pages = fill(), Pages()
    target = Gallery(threads=1, deposit=pages)
    outline, numbers = list_pieces(source)
    pieces = [copy_piece(source, number) for number in numbers]

    def take_all() -> None:
        for piece in pieces:
            copying.take(piece)

    with target._lock:
        # As where somebody else keeps the processor busy.
        copying = Copying(target, pages, outline, len(numbers))
        taker = threading.Thread(target=take_all)
        taker.start()
        taker.join(0.2)
        assert taker.is_alive()
    taker.join()
    copying.finish()
    assert target.digest() == source.digest()
