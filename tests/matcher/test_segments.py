"""Segments: a gallery taken out in pieces and put back is the same gallery."""

import threading
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from benchmarks.galleries import Draw, draw_reference
from matcher.errors import Malformed
from matcher.gallery import Gallery
from matcher.segments import SEGMENT_ROWS, Opener, Segment, decode
from matcher.vocabulary import FingerPosition, Reference
from tests.matcher.shelf import Shelf
from tests.matcher.test_gallery import person, probe_of

PERSONS = 60


def fill(*, erased: int = 0) -> Gallery:
    gallery = Gallery()
    for seed in range(PERSONS):
        gallery.enrol(seed, person(seed), partition=seed % 3)
    for seed in range(0, erased * 7, 7):
        gallery.erase(seed)
    return gallery


def shelf_of(gallery: Gallery) -> Shelf:
    shelf = Shelf()
    shelf.lay(gallery)
    return shelf


def take(gallery: Gallery) -> list[Opener]:
    pieces = [decode(gallery.copy_segment(number)[0].encode()) for number in gallery.marks()]
    return [partial(open_piece, piece) for piece in pieces]


def open_piece(piece: tuple[Segment, bytes]) -> tuple[Segment, bytes]:
    return piece


def answers(gallery: Gallery) -> list[object]:
    wanted = (None, frozenset({1}))
    return [
        gallery.search(probe_of(seed), partitions=partitions, threshold=0.0, at_most=PERSONS)
        for seed in (1, 14, 33)
        for partitions in wanted
    ]


def test_what_is_put_back_is_the_same_gallery() -> None:
    gallery = fill(erased=5)
    again = Gallery(deposit=shelf_of(gallery))
    again.restore(gallery.outline(), take(gallery))
    assert len(again) == len(gallery) == PERSONS - 5
    assert again.digest() == gallery.digest()
    assert repr(answers(again)) == repr(answers(gallery))
    for one, other in zip(again.list_held(), gallery.list_held(), strict=True):
        assert np.array_equal(one, other)
    # It lives on as the other does, in the rooms that were left between.
    for copy in (gallery, again):
        copy.enrol(900, person(900), partition=5)
        copy.move(8, 7)
        assert copy.erase(9)
        assert not copy.erase(7)
    assert again.digest() == gallery.digest()
    assert repr(answers(again)) == repr(answers(gallery))


def test_without_a_segment_the_others_are_there_and_its_rows_are_used_again() -> None:
    gallery = fill()
    again = Gallery(deposit=shelf_of(gallery))
    first, *others = take(gallery)
    opened = first()
    assert opened is not None
    lost = {int(one) for one in opened[0].ids if one >= 0}
    assert lost
    again.restore(gallery.outline(), [lambda: None, *others])
    assert len(again) == PERSONS - len(lost)
    for seed in lost:
        assert seed not in again
        again.enrol(seed, person(seed), partition=seed % 3)
    assert again.digest() == gallery.digest()
    assert repr(answers(again)) == repr(answers(gallery))
    assert len(again.outline().kinds) == len(gallery.outline().kinds)


def test_a_mark_changes_with_its_segment_and_with_no_other() -> None:
    gallery = Gallery()
    whole = draw_reference(1, Draw(minutiae=3, vectors=True))
    few = Reference(
        tuple(one for one in whole.fingers if one.position is FingerPosition.RIGHT_THUMB)
    )
    gallery.enrol(1, whole)
    gallery.enrol(2, few)
    assert len(gallery.marks()) == 2
    before = gallery.marks()
    gallery.enrol(3, few)
    after = gallery.marks()
    (changed,) = [number for number in before if after[number] != before[number]]
    assert after[changed].departures == before[changed].departures
    for act in (
        lambda: gallery.move(2, 4),
        lambda: gallery.enrol(2, few),
        lambda: gallery.erase(3),
    ):
        before = gallery.marks()
        act()
        assert gallery.marks()[changed].departures > before[changed].departures


def test_only_an_empty_gallery_is_restored() -> None:
    gallery = fill()
    with pytest.raises(ValueError, match="empty"):
        gallery.restore(gallery.outline(), take(gallery))


def test_a_segment_without_its_slab_is_refused() -> None:
    gallery = fill()
    outline = replace(gallery.outline(), kinds=())
    with pytest.raises(ValueError, match="outline"):
        Gallery(deposit=shelf_of(gallery)).restore(outline, take(gallery))


def test_no_segment_is_put_twice() -> None:
    gallery = fill()
    pieces = take(gallery)
    with pytest.raises(ValueError, match="twice"):
        Gallery(deposit=shelf_of(gallery)).restore(gallery.outline(), [*pieces, pieces[0]])


def test_bytes_of_another_layout_or_length_are_no_segment() -> None:
    gallery = fill()
    encoded = gallery.copy_segment(min(gallery.marks()))[0].encode()
    for damaged in (b"", encoded[:20], encoded[:-1], encoded + b"\0", b"x" + encoded[1:]):
        with pytest.raises(Malformed):
            decode(damaged)


def test_copies_taken_while_others_change_are_of_one_moment() -> None:
    gallery, stop = fill(), threading.Event()

    def change() -> None:
        seed = PERSONS
        while not stop.is_set():
            gallery.enrol(seed, person(seed % PERSONS), partition=seed % 3)
            gallery.erase(seed - 3)
            seed += 1

    thread = threading.Thread(target=change)
    thread.start()
    for _ in range(10):
        for number in gallery.marks():
            segment, _ = gallery.copy_segment(number)
            live = segment.masks != 0
            assert np.array_equal(segment.ids >= 0, live)
            assert not segment.contents[~live].any()
            assert segment.contents[live].any(axis=1).all()
            assert (segment.lengths[~live] == 0).all()
    stop.set()
    thread.join()
    again = Gallery(deposit=shelf_of(gallery))
    again.restore(gallery.outline(), take(gallery))
    assert again.digest() == gallery.digest()


def test_an_erased_person_is_in_no_copy() -> None:
    gallery = Gallery()
    whole = draw_reference(1, Draw(minutiae=12))
    gallery.enrol(1, whole)
    (number,) = gallery.marks()
    assert gallery.copy_segment(number)[0].words.any()
    gallery.erase(1)
    segment, _ = gallery.copy_segment(number)
    arrays = (segment.masks, segment.contents, segment.words, segment.faces, segment.fine)
    assert not any(array.any() for array in arrays if array is not None)
    assert len(segment.ids) == SEGMENT_ROWS
