"""The cascade: short lists by vectors bring whoever a comparison with everyone would bring."""

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from benchmarks.galleries import Draw, draw_capture, draw_reference
from matcher import cascade
from matcher.cascade import SWAPPED_COST, find_length, make_plan, other_hand
from matcher.engine import Engine
from matcher.errors import ModelMismatch
from matcher.gallery import Gallery
from matcher.lineup import line_up
from matcher.planes import Planes
from matcher.vocabulary import (
    NO_OTHER_POSES,
    NO_VECTOR,
    TEN_FINGERS,
    Candidate,
    FingerPosition,
    Reference,
)

DRAW = Draw(minutiae=18, vectors=True)
ENGINE = Engine()
HIT = 50.0


@cache
def person(seed: int) -> Reference:
    """A person with vectors: most with ten fingers, some with few, some with a face."""
    rng = np.random.default_rng((seed, 11))
    whole = draw_reference(seed, DRAW)
    count = int(rng.choice([10, 10, 10, 9, 8, 4, 2, 1]))
    kept = sorted(rng.choice(10, count, replace=False))
    return Reference(
        tuple(whole.fingers[place] for place in kept), whole.face if seed % 2 else None
    )


def probe_of(seed: int) -> Reference:
    """Another capture of a person, without the face."""
    return replace(draw_capture(person(seed), seed), face=None)


def cut(reference: Reference, count: int) -> Reference:
    """Some fingers of a capture."""
    return Reference(reference.fingers[:count])


def unnamed(reference: Reference, count: int) -> Reference:
    """The same capture, some of whose fingers have lost their position."""
    fingers = [
        replace(finger, position=FingerPosition.UNKNOWN) if place < count else finger
        for place, finger in enumerate(reference.fingers)
    ]
    return Reference(tuple(fingers))


def swapped(reference: Reference) -> Reference:
    """The same capture with its hands taken for each other."""
    fingers = [replace(one, position=other_hand(one.position)) for one in reference.fingers]
    return Reference(tuple(sorted(fingers, key=lambda one: one.position)), reference.face)


def search_stupidly(
    held: dict[int, tuple[int, Reference]],
    probe: Reference,
    partitions: Collection[int] | None = None,
) -> list[Candidate]:
    """Compare everyone, as named and with swapped hands, and keep the better."""
    found = []
    for reference_id, (partition, reference) in held.items():
        if partitions is None or partition in partitions:
            named = ENGINE.compare(probe, reference)
            crossed = ENGINE.compare(swapped(probe), reference)
            score = crossed.score - SWAPPED_COST
            if score > named.score:
                found.append(Candidate(reference_id, replace(crossed, score=score), True))
            else:
                found.append(Candidate(reference_id, named))
    hits = [one for one in found if one.comparison.score >= HIT]
    return sorted(hits, key=lambda one: (-one.comparison.score, one.reference_id))


def assert_same(found: Collection[Candidate], expected: Collection[Candidate]) -> None:
    assert [(one.reference_id, one.hands_swapped) for one in found] == [
        (one.reference_id, one.hands_swapped) for one in expected
    ]
    for one, other in zip(found, expected, strict=True):
        assert one.comparison.score == pytest.approx(other.comparison.score, abs=1e-3)
        assert one.comparison.fingers == other.comparison.fingers


@pytest.fixture(scope="module")
def crowd() -> dict[int, tuple[int, Reference]]:
    return {7 * seed: (seed % 3, person(seed)) for seed in range(150)}


@pytest.fixture(scope="module")
def full(crowd: dict[int, tuple[int, Reference]]) -> Gallery:
    gallery = Gallery()
    for reference_id, (partition, reference) in crowd.items():
        gallery.enrol(reference_id, reference, partition=partition)
    return gallery


KINDS: dict[str, Callable[[Reference], Reference]] = {
    "as it is": lambda probe: probe,
    "four fingers": lambda probe: cut(probe, 4),
    "one finger": lambda probe: cut(probe, 1),
    "hands swapped": swapped,
    "one finger of unknown position": lambda probe: unnamed(cut(probe, 1), 1),
    "some fingers of unknown position": lambda probe: unnamed(probe, 2),
}


@pytest.mark.parametrize("partitions", [None, {1}], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_whoever_reaches_the_threshold_is_found_with_the_score_of_a_full_comparison(
    kind: str,
    partitions: set[int] | None,
    full: Gallery,
    crowd: dict[int, tuple[int, Reference]],
) -> None:
    wanted = None if partitions is None else frozenset(partitions)
    for seed in range(1, 40, 6):
        probe = KINDS[kind](probe_of(seed))
        expected = search_stupidly(crowd, probe, partitions)
        for everyone in (True, False):
            found = full.search(probe, partitions=wanted, threshold=HIT, everyone=everyone)
            assert_same(found, expected)


def test_a_confident_hit_is_answered_from_the_coarse_plane_and_a_miss_is_not(
    full: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned = []
    scan_fine = Planes.scan_fine

    def watch(self: Planes, *arguments: object, **options: object) -> object:
        scanned.append(arguments)
        return scan_fine(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Planes, "scan_fine", watch)
    mate = next(seed for seed in range(100) if len(person(seed).fingers) == 10)
    found = full.search(probe_of(mate), threshold=HIT, everyone=False)
    assert [one.reference_id for one in found] == [7 * mate]
    assert not scanned
    assert full.search(probe_of(mate), threshold=HIT, everyone=True) == found
    assert len(scanned) == 1
    stranger = replace(draw_reference(10_000, DRAW), face=None)
    assert full.search(stranger, threshold=HIT, everyone=False) == ()
    assert len(scanned) == 2


def test_who_has_a_finger_without_a_vector_is_always_compared() -> None:
    gallery, lacking = Gallery(), person(3)
    for seed in range(100, 400):
        gallery.enrol(seed, person(seed % 60))
    first = replace(lacking.fingers[0], vector=NO_VECTOR, reliability=0, vector_model="")
    gallery.enrol(3, replace(lacking, fingers=(first, *lacking.fingers[1:])))
    # The other fingers' vectors say the contrary of what they should, so that no list helps.
    opposed = [replace(one, vector=np.negative(one.vector)) for one in probe_of(3).fingers]
    found = gallery.search(Reference(tuple(opposed)), threshold=HIT)
    assert 3 in [one.reference_id for one in found]


def test_a_probe_with_a_finger_without_a_vector_is_compared_with_everyone(
    full: Gallery, crowd: dict[int, tuple[int, Reference]]
) -> None:
    opposed = [replace(one, vector=np.negative(one.vector)) for one in probe_of(1).fingers]
    bare = replace(opposed[0], vector=NO_VECTOR, reliability=0, vector_model="")
    found = full.search(Reference((bare, *opposed[1:])), threshold=HIT)
    assert [one.reference_id for one in found] == [7]


def test_vectors_of_other_networks_are_refused(full: Gallery) -> None:
    first, *others = probe_of(1).fingers
    strange = replace(first, vector_model="another net")
    for reference in (Reference((strange,)), Reference((strange, *others))):
        with pytest.raises(ModelMismatch):
            full.search(reference, threshold=HIT)
        with pytest.raises(ModelMismatch):
            full.enrol(0, reference)


def test_erasing_leaves_no_vector_in_memory() -> None:
    gallery = Gallery()
    for seed in range(8):
        gallery.enrol(seed, person(seed))
    for seed in range(8):
        assert gallery.erase(seed)
    for slab in gallery._holdings.planes.slabs:
        for plane in (slab.coarse, slab.fine, slab.masks):
            assert plane is None or not plane.any()


@pytest.mark.parametrize(
    "change",
    [
        lambda gallery: gallery.erase(1),
        lambda gallery: gallery.enrol(1, draw_reference(5, DRAW)),
        lambda gallery: gallery.enrol(2, draw_reference(1, DRAW)),
        lambda gallery: gallery.move(1, 9),
        lambda gallery: gallery.move(3, 0),
        lambda gallery: (gallery.erase(1), gallery.enrol(4, draw_reference(1, DRAW))),
    ],
    ids=["erase", "replace", "enrol", "move out", "move in", "reuse of the row"],
)
def test_a_change_in_the_middle_of_a_search_is_in_its_answer(
    change: Callable[[Gallery], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = Gallery()
    for reference_id, seed, partition in [(0, 0, 0), (1, 1, 0), (3, 1, 9)]:
        gallery.enrol(reference_id, draw_reference(seed, DRAW), partition=partition)
    probe = draw_capture(draw_reference(1, DRAW), 1)
    scan = Planes.scan_fine

    def scan_and_change(self: Planes, *arguments: object, **options: object) -> object:
        found = scan(self, *arguments, **options)  # type: ignore[arg-type]
        if not changed:
            changed.append(change(gallery))
        return found

    changed: list[object] = []
    with monkeypatch.context() as patched:
        patched.setattr(Planes, "scan_fine", scan_and_change)
        during = gallery.search(probe, threshold=HIT, partitions=frozenset({0}))
    assert during == gallery.search(probe, threshold=HIT, partitions=frozenset({0}))


def alone_at_poses(seed: int, position: FingerPosition | None = None) -> Reference:
    """A finger whose pose was missed: its vector is like no mate's, one of its others is."""
    finger = draw_capture(draw_reference(seed, DRAW), seed).fingers[1]
    strange = draw_reference(9_000 + seed, DRAW).fingers[2].vector
    missed = replace(
        finger,
        position=finger.position if position is None else position,
        vector=np.negative(finger.vector),
        other_poses=np.stack([strange, finger.vector]),
    )
    return Reference((missed,))


@pytest.mark.parametrize("position", [None, FingerPosition.UNKNOWN], ids=["named", "unknown"])
def test_a_finger_alone_is_looked_for_at_every_pose_that_it_may_have(
    monkeypatch: pytest.MonkeyPatch, position: FingerPosition | None
) -> None:
    monkeypatch.setattr(cascade, "LIST_LENGTHS", ((1, 4),))
    gallery = Gallery()
    for seed in range(60):
        gallery.enrol(seed, replace(draw_reference(seed, DRAW), face=None))
    probe = alone_at_poses(8, position)
    compared = gallery.search(probe, threshold=-1.0, at_most=60)
    assert compared[0].reference_id == 8
    assert compared[0].comparison.score >= HIT
    # One list for all poses, and one of a quarter of its length for the other hand.
    assert len([one for one in compared if not one.hands_swapped]) <= 5
    (missed,) = probe.fingers
    # Poses that name the same persons leave no fewer of them on the list.
    alike = replace(missed, other_poses=np.repeat(missed.vector[None], 2, axis=0))
    same = gallery.search(Reference((alike,)), threshold=-1.0, at_most=60)
    assert len([one for one in same if not one.hands_swapped]) >= 4
    blind = Reference((replace(missed, other_poses=NO_OTHER_POSES),))
    assert 8 not in [one.reference_id for one in gallery.search(blind, threshold=HIT)]


def test_other_poses_are_no_part_of_a_question_about_several_fingers_or_the_other_hand() -> None:
    (alone,) = alone_at_poses(8).fingers
    others = [one for one in probe_of(0).fingers if one.position is not alone.position]
    (named, crossed) = make_plan(line_up(Reference((alone, *others))), None).readings
    assert [len(one.queries) for one in (named, crossed)] == [1, 1]
    (named, crossed) = make_plan(line_up(Reference((alone,))), None).readings
    assert [len(one.queries) for one in (named, crossed)] == [3, 1]


def test_lists_are_longer_for_fewer_and_for_weaker_fingers() -> None:
    fingers = draw_reference(1, DRAW).fingers
    lengths = [find_length(fingers[:count]) for count in (10, 4, 2, 1)]
    assert lengths == sorted(lengths)
    assert len(set(lengths)) == 4
    weak = [replace(finger, reliability=20) for finger in fingers]
    assert find_length(weak) == 2 * find_length(fingers)
    assert find_length([]) == 0


def test_only_probes_of_many_named_fingers_with_vectors_use_the_coarse_plane() -> None:
    whole = replace(draw_reference(1, DRAW), face=None)
    assert make_plan(line_up(whole), None).broad
    assert not make_plan(line_up(cut(whole, 7)), None).broad
    assert not make_plan(line_up(unnamed(whole, 1)), None).broad
    bare = replace(whole.fingers[0], vector=NO_VECTOR)
    assert not make_plan(line_up(Reference((bare, *whole.fingers[1:]))), None).broad


def test_the_hands_are_each_others_mirror() -> None:
    assert [other_hand(position) for position in TEN_FINGERS] == [6, 7, 8, 9, 10, 1, 2, 3, 4, 5]


class LivingCascade(RuleBasedStateMachine):
    """Whatever is done, it answers as a dictionary that is searched stupidly."""

    ids = st.integers(0, 5)
    partitions = st.integers(0, 2)

    @initialize()
    def begin(self) -> None:
        self.gallery = Gallery()
        self.held: dict[int, tuple[int, Reference]] = {}

    @rule(reference_id=ids, seed=st.integers(0, 9), partition=partitions)
    def enrol(self, reference_id: int, seed: int, partition: int) -> None:
        self.gallery.enrol(reference_id, person(seed), partition=partition)
        self.held[reference_id] = partition, person(seed)

    @rule(reference_id=ids)
    def erase(self, reference_id: int) -> None:
        assert self.gallery.erase(reference_id) == (reference_id in self.held)
        self.held.pop(reference_id, None)

    @rule(
        seed=st.integers(0, 9),
        partitions=st.none() | st.frozensets(partitions),
        everyone=st.booleans(),
        turned=st.booleans(),
    )
    def search(
        self, seed: int, partitions: frozenset[int] | None, everyone: bool, turned: bool
    ) -> None:
        probe = swapped(probe_of(seed)) if turned else probe_of(seed)
        found = self.gallery.search(probe, partitions=partitions, threshold=HIT, everyone=everyone)
        assert_same(found, search_stupidly(self.held, probe, partitions))


LivingCascade.TestCase.settings = settings(max_examples=12, stateful_step_count=15, deadline=None)
TestLivingCascade = LivingCascade.TestCase
