"""The parts of a search over several shards: together they answer as one gallery does."""

import pickle
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from benchmarks.galleries import Draw, draw_capture, draw_reference
from matcher import gallery
from matcher.cascade import make_plan, make_queries
from matcher.gallery import Gallery
from matcher.inquiry import Inquiry, Touched
from matcher.lineup import line_up
from matcher.part import Nominees, Part, elect
from matcher.pools import OwnThread
from matcher.sheets import read_sheet
from matcher.spread import shard_of
from matcher.vocabulary import Candidate, FingerPosition, Reference

SHARDS = 3

PERSONS = 100
"""More than the lists of a ten-finger probe (20, and 5 with swapped hands) in every shard."""

VECTORS = Draw(minutiae=12, vectors=True)
"""Few minutiae, for speed: whom the lists name depends on the vectors alone."""

BARE = Draw(minutiae=12)


@cache
def person(seed: int) -> Reference:
    """Ten fingers with vectors; every twentieth without any, every fifth with four fingers."""
    whole = draw_reference(seed, BARE if seed % 20 == 3 else VECTORS)
    fingers = whole.fingers[:4] if seed % 5 == 4 else whole.fingers
    return Reference(fingers, whole.face if seed % 2 else None)


def capture(seed: int, fingers: slice = slice(10), *, face: bool = False) -> Reference:
    again = draw_capture(draw_reference(seed, VECTORS), seed)
    return Reference(again.fingers[fingers], again.face if face else None)


class Parts:
    """Shards in this process. between: run before each step that compares."""

    def __init__(self) -> None:
        self.shards = [Part(threads=1, shards=SHARDS) for _ in range(SHARDS)]
        self.touched = Touched()
        self.steps: list[str] = []
        self.between: Callable[[], object] = lambda: None

    def enrol(self, reference_id: int, reference: Reference, partition: int) -> None:
        self.touched.note(reference_id)
        shard = self.shards[shard_of(reference_id, SHARDS)]
        shard.enrol(reference_id, reference, partition=partition)

    def ask(
        self,
        step: str,
        plan: bytes,
        options: Sequence[dict[str, Any] | None],
        *,
        deadline: object,
        meanwhile: Callable[[], object] | None = None,
    ) -> list[Any]:
        self.steps.append(step)
        if meanwhile is not None:
            meanwhile()
        if step == "judge":
            self.between()
        return [
            getattr(shard, step)(read_sheet(plan), deadline=deadline, **own)
            for shard, own in zip(self.shards, options, strict=True)
            if own is not None
        ]

    def search(
        self, probe: Reference, partitions: frozenset[int] | None, *, everyone: bool
    ) -> tuple[Candidate, ...]:
        plan = make_queries(line_up(probe), partitions)
        with self.touched.watch() as touched:
            inquiry = Inquiry(self.ask, plan, SHARDS, None, touched)
            # Whoever is compared at all is a candidate then.
            return inquiry.search(
                threshold=-1.0, at_most=PERSONS, everyone=everyone, urgent=False, source=""
            )


def fill() -> tuple[Gallery, Parts]:
    """The same persons in one gallery and in several parts."""
    whole, parts = Gallery(threads=1), Parts()
    for seed in range(PERSONS):
        whole.enrol(seed, person(seed), partition=seed % 3)
        parts.enrol(seed, person(seed), seed % 3)
    return whole, parts


@pytest.fixture(scope="module")
def both() -> tuple[Gallery, Parts]:
    return fill()


def at_poses(probe: Reference) -> Reference:
    """The same finger with the vectors of two others as those of other poses."""
    others = np.stack([one.vector for one in capture(12, slice(2)).fingers])
    return Reference(tuple(replace(one, other_poses=others) for one in probe.fingers))


PROBES = {
    "ten fingers": capture(7),
    "with a face": capture(11, face=True),
    "four fingers": capture(9, slice(4)),
    "weak list of a stranger": capture(5000),
    "a face alone": Reference((), capture(13, face=True).face),
    "without vectors": draw_capture(draw_reference(7, BARE), 7),
    "a finger at three poses": at_poses(capture(9, slice(1))),
    "a finger of unknown position": Reference(
        tuple(replace(f, position=FingerPosition.UNKNOWN) for f in capture(8, slice(1)).fingers)
    ),
}


@pytest.mark.parametrize("name", PROBES)
@pytest.mark.parametrize("everyone", [True, False], ids=["everyone", "first hit"])
@pytest.mark.parametrize("partitions", [None, frozenset({1, 2})], ids=["everywhere", "two"])
def test_parts_compare_whom_one_gallery_compares(
    both: tuple[Gallery, Parts], name: str, everyone: bool, partitions: frozenset[int] | None
) -> None:
    whole, parts = both
    expected = whole.search(
        PROBES[name], partitions=partitions, threshold=-1, at_most=PERSONS, everyone=everyone
    )
    assert expected
    assert parts.search(PROBES[name], partitions, everyone=everyone) == expected


def test_lists_are_cut_over_all_shards(both: tuple[Gallery, Parts]) -> None:
    _, parts = both
    found = parts.search(capture(7), None, everyone=True)
    # Twenty by the list, five by that of swapped hands, and the five without vectors.
    assert 20 < len(found) <= 30
    assert parts.steps[-2:] == ["nominate", "judge"]


def test_a_confident_hit_ends_the_search_before_the_fine_codes(both: tuple[Gallery, Parts]) -> None:
    _, parts = both
    parts.steps.clear()
    parts.search(capture(7), None, everyone=False)
    assert parts.steps == ["nominate", "judge"]
    parts.search(capture(5000), None, everyone=False)
    assert parts.steps == ["nominate", "judge"] * 3


def test_a_first_hit_is_the_same_where_not_everybody_is_on_a_coarse_list(
    both: tuple[Gallery, Parts], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Lists of 20 then, of 95 persons with vectors in one gallery and of some 32 in each part.
    monkeypatch.setattr(gallery, "COARSE_LIST", 1)
    whole, parts = both
    for seed in range(5, 60, 5):
        parts.steps.clear()
        expected = whole.search(
            capture(seed), threshold=gallery.CONFIDENT_SCORE, everyone=False, at_most=1
        )
        assert [one.reference_id for one in expected] == [seed]
        assert parts.search(capture(seed), None, everyone=False)[:1] == expected
        assert parts.steps == ["nominate", "judge"]


def test_a_person_changed_between_the_steps_is_not_missed() -> None:
    _, parts = fill()
    mate = 23
    assert not any(finger.vector.size for finger in person(mate).fingers)
    # No list names the mate for want of vectors; then it gets some, and is unlisted no more.
    parts.between = lambda: parts.enrol(mate, draw_reference(mate, VECTORS), 0)
    found = parts.search(capture(mate), None, everyone=True)
    assert found[0].reference_id == mate


def test_a_person_moved_or_erased_between_the_steps_is_passed_over() -> None:
    _, parts = fill()
    shard = parts.shards[shard_of(7, SHARDS)]
    parts.between = lambda: shard.move(7, 0)
    found = parts.search(capture(7), frozenset({1}), everyone=True)
    assert found
    assert 7 not in [one.reference_id for one in found]
    parts.between = lambda: shard.erase(7)
    assert 7 not in [one.reference_id for one in parts.search(capture(7), None, everyone=True)]


def test_whoever_ties_with_the_last_on_a_list_is_on_it() -> None:
    def nominees(ids: list[int], scores: list[float]) -> Nominees:
        return Nominees(0, 2, np.array(ids, np.int64), np.array(scores, np.float32))

    chosen = elect([[nominees([1, 2], [9, 5])], [nominees([3, 4], [5, 4])]], 1)
    assert [ids.tolist() for (ids,) in chosen] == [[1, 2], [3]]
    short = elect([[nominees([1], [1])], [nominees([], [])]], 1)
    assert [ids.tolist() for (ids,) in short] == [[1], []]


@pytest.mark.parametrize("shards", [1, 2, 3, 4, 8, 16, 64, 200])
def test_a_shard_hands_on_whom_one_gallery_would(shards: int) -> None:
    handed = Part(threads=1, shards=shards)._handed()
    # Of those on one gallery's list any number may lie in one shard, as luck has it.
    assert binom.sf(handed, gallery.COARSE_LIST, 1 / shards) < 1e-7
    assert handed <= gallery.COARSE_LIST


def test_a_pool_of_one_works_in_the_threads_of_those_who_ask() -> None:
    own, inside, most = OwnThread(), 0, 0

    def work() -> int:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.001)
        inside -= 1
        return threading.get_ident()

    def ask() -> None:
        names.extend([own.submit(work).result() == threading.get_ident() for _ in range(10)])

    names: list[bool] = []
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names == 40 * [True]
    assert most == 1
    failed = own.submit(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        failed.result()


def test_a_person_changed_while_they_are_compared_is_compared_anew() -> None:
    _, parts = fill()
    shard = parts.shards[shard_of(7, SHARDS)]
    plan = make_plan(line_up(capture(7)), None)

    def judge(change: Callable[[], object]) -> list[int]:
        changed: list[object] = []

        def deadline() -> bool:
            if not changed:
                changed.append(change())
            return False

        elected = [np.array([7], np.int64)] * 2
        options: dict[str, Any] = {"unlisted": False, "threshold": 20.0, "at_most": 5}
        found = shard.judge(plan, elected=elected, deadline=deadline, **options)
        return [one.reference_id for one in found]

    assert judge(lambda: shard.move(7, 2)) == [7]
    assert judge(lambda: shard.enrol(7, person(8))) == []
    assert judge(lambda: shard.enrol(7, person(7))) == [7]
    assert judge(lambda: shard.erase(7)) == []


@pytest.mark.parametrize("count", [0, 1, 3])
def test_nominees_come_over_a_line_as_they_were_sent(count: int) -> None:
    ids = np.array([2**62, 0, 7], np.int64)[:count]
    sent = Nominees(1, 20, ids, np.array([0.1, -2, 3], np.float32)[:count])
    read = pickle.loads(pickle.dumps((sent, sent), 5))[1]
    assert isinstance(read, Nominees)
    assert (read.reading, read.length) == (1, 20)
    for ours, theirs in ((read.ids, sent.ids), (read.scores, sent.scores)):
        assert ours.dtype == theirs.dtype
        assert np.array_equal(ours, theirs)
