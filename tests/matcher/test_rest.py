"""Minutiae on disk: a search answers as if they were in memory, whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.galleries import Draw, draw_capture, draw_reference
from matcher.deposit import (
    PAGE_ROWS,
    Lengths,
    Words,
    lay_out,
    measure_pages,
    read_page,
    write_pages,
)
from matcher.errors import Malformed
from matcher.gallery import Gallery
from matcher.holdings import Holdings
from matcher.vocabulary import Reference
from tests.matcher.shelf import Shelf
from tests.matcher.test_cascade import HIT
from tests.matcher.test_cascade import person as seen
from tests.matcher.test_cascade import probe_of as seen_again
from tests.matcher.test_gallery import PROBES, codes_left, person

SHORT = Draw(minutiae=18)


def crowd(shelf: Shelf) -> Gallery:
    gallery = Gallery(deposit=shelf)
    for seed in range(40):
        gallery.enrol(seed, person(seed), partition=seed % 3)
    return gallery


class Meddling(Shelf):
    """A deposit during whose first reading something happens."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self.act: Callable[[], object] | None = act

    def read(
        self, number: int, places: NDArray[np.int64], ids: NDArray[np.int64]
    ) -> tuple[Lengths, Words]:
        found = super().read(number, places, ids)
        act, self.act = self.act, None
        if act is not None:
            act()
        return found


@pytest.mark.parametrize("name", PROBES)
def test_a_search_reads_from_disk_and_answers_the_same(name: str) -> None:
    shelf = Shelf()
    gallery = crowd(shelf)
    awake = gallery.search(PROBES[name], threshold=0.0, at_most=50)
    assert all(shelf.put_to_sleep(gallery))
    assert gallery._holdings._minutiae.nbytes == 0
    assert repr(gallery.search(PROBES[name], threshold=0.0, at_most=50)) == repr(awake)
    assert shelf.reads or name in ("nothing", "a face", "an unusable finger")
    assert gallery.asleep() == list(gallery.marks())


@pytest.mark.parametrize("everyone", [False, True])
def test_the_cascade_reads_those_of_its_lists_alone(everyone: bool) -> None:
    shelf = Shelf()
    gallery = Gallery(deposit=shelf)
    for seed in range(20):
        gallery.enrol(seed, seen(seed))
    awake = gallery.search(seen_again(3), threshold=HIT, everyone=everyone)
    assert [one.reference_id for one in awake] == [3]
    shelf.put_to_sleep(gallery)
    assert repr(gallery.search(seen_again(3), threshold=HIT, everyone=everyone)) == repr(awake)


def test_some_at_rest_and_some_in_memory_are_searched_together() -> None:
    shelf = Shelf()
    gallery = crowd(shelf)
    shelf.put_to_sleep(gallery)
    gallery.enrol(100, person(4))
    gallery.enrol(7, person(5))
    plain = Gallery()
    for seed in range(40):
        plain.enrol(seed, person(seed), partition=seed % 3)
    plain.enrol(100, person(4))
    plain.enrol(7, person(5))
    probe = PROBES["ten fingers"]
    for _ in range(2):
        found = gallery.search(probe, threshold=0.0, at_most=50)
        assert repr(found) == repr(plain.search(probe, threshold=0.0, at_most=50))
        shelf.put_to_sleep(gallery)


def test_nothing_of_the_minutiae_stays_in_memory_and_rooms_are_used_again() -> None:
    shelf = Shelf()
    gallery = Gallery(deposit=shelf)
    for seed in range(30):
        gallery.enrol(seed, Reference(draw_reference(seed, SHORT).fingers))
    used = gallery._holdings._minutiae._used
    for _ in range(3):
        shelf.put_to_sleep(gallery)
        assert not any(block.any() for block in gallery._holdings._minutiae.blocks)
        for number in gallery.asleep():
            gallery.wake(number)
    assert gallery._holdings._minutiae._used == used


def test_rooms_outlive_the_searches_that_may_be_reading_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shelf = Shelf()
    gallery = crowd(shelf)
    probe = PROBES["ten fingers"]
    expected = gallery.search(probe, threshold=0.0)
    compare = Holdings.compare

    def compare_asleep(self: Holdings, *arguments: object) -> object:
        if not gallery._lock.locked():
            assert all(shelf.put_to_sleep(gallery))
        return compare(self, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(Holdings, "compare", compare_asleep)
        assert repr(gallery.search(probe, threshold=0.0)) == repr(expected)
    assert not any(block.any() for block in gallery._holdings._minutiae.blocks)


def test_who_was_changed_during_a_search_does_not_fall_asleep_before_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shelf = Shelf()
    gallery = crowd(shelf)
    compare, slept = Holdings.compare, []

    def compare_changed(self: Holdings, *arguments: object) -> object:
        if not gallery._lock.locked():
            gallery.enrol(3, person(3), partition=0)
            slept.append(all(shelf.put_to_sleep(gallery)))
        return compare(self, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(Holdings, "compare", compare_changed)
        gallery.search(PROBES["ten fingers"], threshold=0.0)
    assert slept == [False]
    assert all(shelf.put_to_sleep(gallery))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_change_while_minutiae_are_read_is_in_the_answer(seed: int) -> None:
    """The row may be another's by then, and its minutiae on disk that other's."""

    def replace() -> None:
        gallery.erase(seed)
        gallery.enrol(50, person(seed + 10))
        gallery.enrol(51, person(seed))

    shelf = Meddling(replace)
    gallery = crowd(shelf)
    shelf.put_to_sleep(gallery)
    probe = draw_capture(draw_reference(seed, SHORT), seed)
    during = gallery.search(probe, threshold=0.0, at_most=60)
    assert shelf.act is None
    assert repr(during) == repr(gallery.search(probe, threshold=0.0, at_most=60))


@pytest.mark.parametrize("again", [False, True], ids=["in memory", "on disk anew"])
def test_a_row_that_is_anothers_before_it_was_woken_keeps_the_others_minutiae(again: bool) -> None:
    def replace() -> None:
        gallery.erase(0)
        gallery.enrol(9, draw_reference(9, SHORT))
        if again:
            shelf.put_to_sleep(gallery)

    shelf = Meddling(replace)
    gallery = Gallery(deposit=shelf)
    for seed in range(3):
        gallery.enrol(seed, draw_reference(seed, SHORT))
    shelf.put_to_sleep(gallery)
    (number,) = gallery.marks()
    gallery.wake(number)
    assert gallery.asleep() == []
    plain = Gallery()
    for seed in (1, 2, 9):
        plain.enrol(seed, draw_reference(seed, SHORT))
    for seed in (0, 1, 2, 9):
        probe = draw_capture(draw_reference(seed, SHORT), seed)
        found = gallery.search(probe, threshold=0.0)
        assert repr(found) == repr(plain.search(probe, threshold=0.0))
    for seed in (1, 2, 9):
        gallery.erase(seed)
    assert codes_left(gallery) == 0


def test_who_came_into_a_segment_is_awake_after_it_was_woken_twice_at_once() -> None:
    """While one reads, another wakes everybody, copies the segment and lays all down again."""

    def lay_down() -> None:
        shelf.put_to_sleep(gallery)

    shelf = Meddling(lay_down)
    gallery = crowd(shelf)
    shelf.put_to_sleep(gallery)
    for seed in range(100, 140):
        gallery.enrol(seed, person(seed))
    for number in gallery.asleep():
        gallery.wake(number)
    assert shelf.act is None
    rows = gallery._holdings.planes.select()
    assert not len(gallery._holdings.deposited(rows))
    assert sum(len(gallery.copy_segment(number)[0].words) for number in gallery.marks())


def test_somebody_at_rest_who_is_moved_during_a_search_is_in_its_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shelf = Shelf()
    gallery = crowd(shelf)
    shelf.put_to_sleep(gallery)
    probe = draw_capture(draw_reference(5, SHORT), 5)
    compare = Holdings.compare

    def compare_moved(self: Holdings, *arguments: object) -> object:
        if not gallery._lock.locked():
            gallery.move(5, 9)
        return compare(self, *arguments)  # type: ignore[arg-type]

    nine = frozenset({9})
    assert gallery.search(probe, threshold=0.0, partitions=nine) == ()
    with monkeypatch.context() as patched:
        patched.setattr(Holdings, "compare", compare_moved)
        during = gallery.search(probe, threshold=0.0, partitions=nine)
    assert [one.reference_id for one in during] == [5]
    assert during == gallery.search(probe, threshold=0.0, partitions=nine)


def test_a_segment_that_has_changed_since_it_was_laid_down_stays_awake() -> None:
    shelf = Shelf()
    gallery = crowd(shelf)
    shelf.lay(gallery)
    marks = gallery.marks()
    for seed in range(40):
        gallery.enrol(seed, person(seed), partition=0)
    assert not any(gallery.doze(number, mark) for number, mark in marks.items())
    assert gallery.asleep() == []


def test_without_a_deposit_nothing_is_restored() -> None:
    with pytest.raises(ValueError, match="deposit"):
        Gallery().restore(Gallery().outline(), [])


def test_pages_give_back_what_was_written_and_refuse_what_was_not() -> None:
    persons = {seed: draw_reference(seed, SHORT) for seed in (0, 2, 5, 11)}
    lengths, words = lay_out(persons, np.arange(2 * PAGE_ROWS))
    assert np.flatnonzero(lengths).tolist() == [0, 2, 5, 11]
    pages = list(write_pages(lengths, words))
    assert [len(one) for one in pages] == measure_pages(lengths).tolist()
    for place in range(2 * PAGE_ROWS):
        one, found = read_page(pages[place // PAGE_ROWS], np.array([place % PAGE_ROWS]))
        expected = lay_out(persons, np.array([place]))
        assert np.array_equal(one, expected[0])
        assert np.array_equal(found, expected[1])
    for damaged in (b"", pages[0][:10], pages[0][:-1], pages[0] + b"\0" * 8, pages[1][:32]):
        with pytest.raises(Malformed):
            read_page(damaged, np.array([0]))
