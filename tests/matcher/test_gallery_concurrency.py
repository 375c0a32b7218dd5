"""The gallery while it changes: answers are those of its end, and never of half a change."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchmarks.galleries import Draw, draw_capture, draw_reference
from matcher.gallery import Gallery
from matcher.holdings import Holdings
from matcher.vocabulary import Reference

SHORT = Draw(minutiae=18)


def probe_of(seed: int) -> Reference:
    """Another capture of a person."""
    return draw_capture(draw_reference(seed, SHORT), seed)


@pytest.mark.parametrize(
    "change",
    [
        lambda gallery: gallery.erase(1),
        lambda gallery: gallery.enrol(1, draw_reference(5, SHORT)),
        lambda gallery: gallery.enrol(2, draw_reference(1, SHORT)),
        lambda gallery: gallery.move(1, 9),
        lambda gallery: gallery.move(3, 0),
        lambda gallery: (gallery.erase(1), gallery.enrol(4, draw_reference(1, SHORT))),
        lambda gallery: (gallery.erase(1), gallery.enrol(1, draw_reference(1, SHORT))),
    ],
    ids=["erase", "replace", "enrol", "move out", "move in", "reuse of the row", "same again"],
)
def test_a_change_in_the_middle_of_a_search_is_in_its_answer(
    change: Callable[[Gallery], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = Gallery()
    for reference_id, seed, partition in [(0, 0, 0), (1, 1, 0), (3, 1, 9)]:
        gallery.enrol(reference_id, draw_reference(seed, SHORT), partition=partition)
    compare, probe = Holdings.compare, probe_of(1)

    def compare_and_change(self: Holdings, *arguments: object) -> object:
        outcome = compare(self, *arguments)  # type: ignore[arg-type]
        if not changed:
            changed.append(change(gallery))
        return outcome

    changed: list[object] = []
    with monkeypatch.context() as patched:
        patched.setattr(Holdings, "compare", compare_and_change)
        during = gallery.search(probe, threshold=0, partitions=frozenset({0}))
    assert during == gallery.search(probe, threshold=0, partitions=frozenset({0}))
    assert not gallery._watches


def test_readers_beside_a_writer_never_see_what_was_erased_nor_half_a_change() -> None:
    """Person 0 stays, 1 is replaced by itself over and over, others come and go; each search
    must find 0 and 1 with unchanged scores, and none that was erased before it began."""
    gallery = Gallery()
    stay, replaced = draw_reference(100, SHORT), draw_reference(101, SHORT)
    passing = [draw_reference(seed, SHORT) for seed in range(6)]
    both = Reference(probe_of(100).fingers[:5] + probe_of(101).fingers[5:])
    gallery.enrol(0, stay)
    gallery.enrol(1, replaced)
    expected = {one.reference_id: one.comparison for one in gallery.search(both, threshold=0)}
    gone: set[int] = set()
    faults: list[str] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            erased = set(gone)
            found = gallery.search(both, threshold=0, at_most=100)
            seen = {one.reference_id: one.comparison for one in found}
            if erased & seen.keys():
                faults.append("an erased person was found")
            if {n: seen.get(n) for n in (0, 1)} != expected:
                faults.append("a person who was always there was missed or scored otherwise")

    def write() -> None:
        for round_ in range(150):
            gallery.enrol(1, replaced)
            gallery.enrol(10 + round_, passing[round_ % 6])
            if round_ >= 3:
                gallery.erase(10 + round_ - 3)
                gone.add(10 + round_ - 3)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    write()
    done.set()
    for reader in readers:
        reader.join(30)
    assert not faults
    assert gallery.search(both, threshold=0, at_most=100)


def test_rooms_are_not_used_again_while_a_search_may_be_reading_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A reader may find an erased code overwritten, but never another person's mixed in."""
    gallery = Gallery()
    gallery.enrol(1, draw_reference(1, SHORT))
    compare, shared = Holdings.compare, []

    def compare_beside_changes(self: Holdings, *arguments: Any) -> object:
        if not gallery._lock.locked():
            gallery.erase(1)
            gallery.enrol(1, draw_reference(1, SHORT))
            old, new = arguments[1], self.handles(np.array([self.find(1)]))
            shared.append(set(new.minutiae) & set(old.minutiae) | set(new.faces) & set(old.faces))
        return compare(self, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Holdings, "compare", compare_beside_changes)
        gallery.search(probe_of(1), threshold=0)
        gallery.search(probe_of(1), threshold=0)
    assert shared == [set(), set()]
    assert not gallery._watches._cooling
    assert sum(slab.used for slab in gallery._holdings.planes.slabs) == 2
