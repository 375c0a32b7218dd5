"""The gallery: a complete search over what is there at its end, and nothing of what was erased."""

import struct
from collections.abc import Collection
from dataclasses import replace
from errno import ENOSPC
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from benchmarks.galleries import Draw, draw_capture, draw_reference
from matcher import holdings, templates
from matcher.batching import Batcher
from matcher.digest import digest_entries
from matcher.engine import Engine
from matcher.errors import Abandoned, Malformed, ModelMismatch, ScratchUnusable
from matcher.gallery import FINE_BATCH, Gallery
from matcher.vocabulary import (
    Candidate,
    FaceTemplate,
    FingerPosition,
    Reference,
)
from tests.matcher.shelf import Shelf

SHORT = Draw(minutiae=18)


@cache
def person(seed: int) -> Reference:
    """A person of whom a part was captured: any mask of fingers, some unusable, face or not."""
    rng = np.random.default_rng((seed, 7))
    whole = draw_reference(seed, SHORT)
    kept = [finger for finger in whole.fingers if rng.random() < 0.5]
    fingers = tuple(
        replace(finger, minutiae=finger.minutiae[: rng.choice([0, 3])])
        if rng.random() < 0.1
        else finger
        for finger in kept
    )
    return Reference(fingers, whole.face if rng.random() < 0.6 else None)


def probe_of(seed: int, *, unknown: Collection[int] = ()) -> Reference:
    """Another capture of all that a person has; the fingers at `unknown` without position."""
    capture = draw_capture(draw_reference(seed, SHORT), seed)
    fingers = tuple(
        replace(finger, position=FingerPosition.UNKNOWN) if place in unknown else finger
        for place, finger in enumerate(capture.fingers)
    )
    return Reference(fingers, capture.face)


ENGINE = Engine()


def search_stupidly(
    held: dict[int, tuple[int, Reference]],
    probe: Reference,
    *,
    partitions: Collection[int] | None,
    threshold: float,
) -> list[Candidate]:
    """Compare one by one, sort, and that is it."""
    found = []
    for reference_id, (partition, reference) in held.items():
        if partitions is not None and partition not in partitions:
            continue
        comparison = ENGINE.compare(probe, reference)
        compared = comparison.fingers or comparison.face is not None
        if compared and comparison.score >= threshold:
            found.append(Candidate(reference_id, comparison))
    return sorted(found, key=lambda one: (-one.comparison.score, one.reference_id))


def assert_same(found: Collection[Candidate], expected: Collection[Candidate]) -> None:
    assert [one.reference_id for one in found] == [one.reference_id for one in expected]
    for one, other in zip(found, expected, strict=True):
        # Faces are kept in 16 bits, which moves a cosine by 1e-5 and a score by some thousandths.
        assert one.comparison.score == pytest.approx(other.comparison.score, abs=1e-2)
        assert one.comparison.fingers == other.comparison.fingers
        assert one.comparison.face == pytest.approx(other.comparison.face, abs=1e-2)


@pytest.fixture(scope="module")
def crowd() -> dict[int, tuple[int, Reference]]:
    return {7 * seed: (seed % 3, person(seed)) for seed in range(60)}


@pytest.fixture(scope="module")
def full(crowd: dict[int, tuple[int, Reference]]) -> Gallery:
    gallery = Gallery()
    for reference_id, (partition, reference) in crowd.items():
        gallery.enrol(reference_id, reference, partition=partition)
    return gallery


PROBES = {
    "ten fingers and a face": probe_of(3),
    "ten fingers": replace(probe_of(4), face=None),
    "one finger": Reference(probe_of(5).fingers[1:2]),
    "two fingers": Reference(probe_of(6).fingers[3:5]),
    "four fingers": Reference(probe_of(8).fingers[1:5]),
    "a face": Reference((), probe_of(9).face),
    "one finger of unknown position": Reference(probe_of(10, unknown=[2]).fingers[2:3]),
    "all of unknown position": probe_of(11, unknown=range(10)),
    "some of unknown position": probe_of(12, unknown=[0, 5, 6]),
    "an unusable finger": Reference(
        tuple(replace(finger, minutiae=finger.minutiae[:3]) for finger in probe_of(13).fingers[:2])
    ),
    "nothing": Reference(),
}


@pytest.mark.parametrize("partitions", [None, {0}, {1, 2}, {5}, set()], ids=str)
@pytest.mark.parametrize("name", PROBES)
def test_a_search_finds_what_a_stupid_loop_finds(
    name: str,
    partitions: set[int] | None,
    full: Gallery,
    crowd: dict[int, tuple[int, Reference]],
) -> None:
    wanted = None if partitions is None else frozenset(partitions)
    for threshold in (-1.0, 12.0):
        found = full.search(PROBES[name], partitions=wanted, threshold=threshold, at_most=100)
        expected = search_stupidly(crowd, PROBES[name], partitions=partitions, threshold=threshold)
        assert_same(found, expected)


def test_the_mate_leads_the_list(full: Gallery, crowd: dict[int, tuple[int, Reference]]) -> None:
    seeds = [seed for seed in range(60) if len(person(seed).fingers) >= 3]
    first = [full.search(probe_of(s), threshold=20, at_most=1)[0].reference_id for s in seeds[:20]]
    assert first == [7 * seed for seed in seeds[:20]]


def test_chunks_and_threads_do_not_change_the_answer(
    full: Gallery, crowd: dict[int, tuple[int, Reference]], monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = PROBES["some of unknown position"]
    whole = full.search(probe, threshold=0, at_most=60)
    monkeypatch.setattr(holdings, "CHUNK_MEETINGS", 90)
    assert full.search(probe, threshold=0, at_most=60) == whole
    one_thread = Gallery(threads=1)
    for reference_id, (partition, reference) in reversed(crowd.items()):
        one_thread.enrol(reference_id, reference, partition=partition)
    assert one_thread.search(probe, threshold=0, at_most=60) == whole


def test_at_most_keeps_the_best(full: Gallery) -> None:
    probe = PROBES["ten fingers"]
    everyone = full.search(probe, threshold=0, at_most=60)
    assert full.search(probe, threshold=0, at_most=5) == everyone[:5]


def test_equal_scores_are_ordered_by_reference_id() -> None:
    gallery = Gallery()
    for reference_id in (9, 2, 5):
        gallery.enrol(reference_id, person(3))
    assert [one.reference_id for one in gallery.search(probe_of(3), threshold=0)] == [2, 5, 9]


def test_a_score_at_the_threshold_is_a_candidate_and_above_it_is_none(full: Gallery) -> None:
    best = full.search(PROBES["two fingers"], threshold=0)[0].comparison.score
    assert full.search(PROBES["two fingers"], threshold=best)
    assert not full.search(PROBES["two fingers"], threshold=np.nextafter(best, np.inf))


def test_without_faces_the_face_takes_no_part(full: Gallery) -> None:
    probe = PROBES["ten fingers and a face"]
    without = full.search(probe, threshold=0, at_most=60, compare_face=False)
    assert without == full.search(replace(probe, face=None), threshold=0, at_most=60)
    other = FaceTemplate(np.ones(1, np.float32), 50, "another net")
    assert full.search(replace(probe, face=other), threshold=0, at_most=60, compare_face=False)


def test_templates_of_other_models_are_refused_and_change_nothing(full: Gallery) -> None:
    before = full.digest(), len(full)
    strange_finger = replace(probe_of(1).fingers[0], model="another extractor")
    face = probe_of(1).face
    assert face is not None
    for strange in (
        Reference((strange_finger,)),
        Reference((), replace(face, model="another net")),
        Reference((strange_finger, probe_of(1).fingers[1])),
    ):
        with pytest.raises(ModelMismatch):
            full.search(strange, threshold=0)
        with pytest.raises(ModelMismatch):
            full.enrol(0, strange)
    assert (full.digest(), len(full)) == before


def test_bad_references_and_numbers_are_refused_and_change_nothing(full: Gallery) -> None:
    before = full.digest(), len(full)
    short_face = FaceTemplate(np.ones(1, np.float32), 50, "random-face-1")
    for bad in (
        PROBES["all of unknown position"],
        Reference(probe_of(1).fingers[:1] * 2),
        Reference((), short_face),
    ):
        with pytest.raises(Malformed):
            full.enrol(0, bad)
    with pytest.raises(Malformed):
        full.search(Reference((), short_face), threshold=0)
    for call in (
        lambda: full.enrol(-1, person(0)),
        lambda: full.enrol(2**63, person(0)),
        lambda: full.move(0, -1),
        lambda: full.search(probe_of(0), threshold=float("nan")),
        lambda: full.search(probe_of(0), threshold=0, at_most=0),
    ):
        with pytest.raises(ValueError, match=r"63-bit|wants"):
            call()
    with pytest.raises(KeyError):
        full.move(1, 2)
    assert (full.digest(), len(full)) == before


def test_whoever_is_to_be_replaced_stays_where_there_is_no_room_for_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = Gallery(scratch=tmp_path)
    whole = draw_reference(1, Draw(minutiae=18, face=False, vectors=True))
    gallery.enrol(1, Reference(whole.fingers[:2]))
    digest = gallery.digest()

    def refuse(*_: object) -> None:
        raise OSError(ENOSPC, "no space left on device")

    monkeypatch.setattr("os.posix_fallocate", refuse)
    with pytest.raises(ScratchUnusable, match="no space left"):
        gallery.enrol(1, whole)
    assert gallery.digest() == digest
    assert len(gallery.search(Reference(whole.fingers[:2]), threshold=50.0)) == 1


def test_a_batch_of_fine_searches_is_bounded_by_the_fingers_it_multiplies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gallery, shares = Gallery(), []
    whole = draw_reference(1, Draw(minutiae=12, face=False, vectors=True))
    gallery.enrol(1, whole)
    submit = Batcher.submit

    def note(self: Any, work: Any, **options: Any) -> Any:
        shares.append((options["lane"], options["share"] * FINE_BATCH))
        return submit(self, work, **options)

    monkeypatch.setattr(Batcher, "submit", note)
    gallery.search(whole, threshold=1000.0, everyone=False)
    gallery.search(Reference(whole.fingers[:1]), threshold=50.0)
    # Of ten fingers and of their other hands twenty; of one and its other hand two.
    assert shares == [("coarse", 0.0), ("fine", 20.0), ("fine", 2.0)]


def test_a_passed_deadline_is_no_negative_answer(full: Gallery) -> None:
    asked = []

    def still() -> bool:
        asked.append(False)
        return False

    assert full.search(PROBES["one finger"], threshold=900, deadline=still) == ()
    # Before every step, the last one too, whoever comes too late is told so.
    for turn in range(len(asked)):
        moments = iter([*asked[:turn], True])
        with pytest.raises(Abandoned):
            full.search(PROBES["one finger"], threshold=900, deadline=lambda: next(moments))  # noqa: B023
    assert full.search(PROBES["one finger"], threshold=900) == ()


def codes_left(gallery: Gallery) -> int:
    """Bytes other than zero in all memory that ever held codes."""
    kept = gallery._holdings
    left = sum(int(np.count_nonzero(block)) for block in kept._minutiae.blocks)
    faces = kept._faces.blocks if kept._faces else ()
    return left + sum(int(np.count_nonzero(block)) for block in faces)


def test_erasing_overwrites_every_code_in_memory() -> None:
    gallery = Gallery()
    for seed in range(5):
        gallery.enrol(seed, draw_reference(seed, SHORT))
    gallery.enrol(3, person(8))
    for seed in range(5):
        before = codes_left(gallery)
        assert gallery.erase(seed)
        assert codes_left(gallery) < before
    assert codes_left(gallery) == 0
    assert not any(slab["content"].any() for slab in gallery._holdings._register._slabs.values())
    assert not gallery.erase(3)


def test_erased_rooms_are_used_again() -> None:
    gallery = Gallery()
    for round_ in range(40):
        gallery.enrol(round_, draw_reference(round_ % 2, SHORT))
        if round_ >= 2:
            gallery.erase(round_ - 2)
    assert gallery._holdings._minutiae._used <= 6 * 256
    assert sum(slab.used for slab in gallery._holdings.planes.slabs) <= 3


def test_the_digest_is_that_of_the_store(
    full: Gallery, crowd: dict[int, tuple[int, Reference]]
) -> None:
    total = 0
    for reference_id, (partition, reference) in reversed(crowd.items()):
        content = sha256(templates.encode(reference)).digest()
        entry = struct.pack("<qq", reference_id, partition) + content
        total += int.from_bytes(sha256(entry).digest(), "little")
    assert full.digest() == (total % 2**256).to_bytes(32, "little")
    entries = [(i, p, templates.encode(reference)) for i, (p, reference) in crowd.items()]
    assert full.digest() == digest_entries(entries)
    assert digest_entries(entries[1:]) != full.digest() != digest_entries([])


class LivingGallery(RuleBasedStateMachine):
    """Whatever is done, a gallery answers as a dictionary that is searched stupidly."""

    ids = st.integers(0, 5)
    partitions = st.integers(0, 2)

    @initialize()
    def begin(self) -> None:
        self.shelf = Shelf()
        self.gallery = Gallery(deposit=self.shelf)
        self.held: dict[int, tuple[int, Reference]] = {}

    @rule()
    def leave_minutiae_on_disk(self) -> None:
        assert all(self.shelf.put_to_sleep(self.gallery))
        assert self.gallery._holdings._minutiae.nbytes == 0

    @rule()
    def wake(self) -> None:
        for number in self.gallery.asleep():
            self.gallery.wake(number)
        assert self.gallery.asleep() == []

    @rule(reference_id=ids, seed=st.integers(0, 9), partition=partitions)
    def enrol(self, reference_id: int, seed: int, partition: int) -> None:
        self.gallery.enrol(reference_id, person(seed), partition=partition)
        self.held[reference_id] = partition, person(seed)

    @rule(reference_id=ids, partition=partitions)
    def move(self, reference_id: int, partition: int) -> None:
        if reference_id in self.held:
            self.gallery.move(reference_id, partition)
            self.held[reference_id] = partition, self.held[reference_id][1]
        else:
            with pytest.raises(KeyError):
                self.gallery.move(reference_id, partition)

    @rule(reference_id=ids)
    def erase(self, reference_id: int) -> None:
        assert self.gallery.erase(reference_id) == (reference_id in self.held)
        self.held.pop(reference_id, None)

    @rule(
        seed=st.integers(0, 9),
        partitions=st.none() | st.frozensets(partitions),
        threshold=st.sampled_from([0.0, 8.0, 30.0]),
        at_most=st.integers(1, 6),
    )
    def search(
        self, seed: int, partitions: frozenset[int] | None, threshold: float, at_most: int
    ) -> None:
        probe = draw_capture(person(seed), seed)
        found = self.gallery.search(
            probe, partitions=partitions, threshold=threshold, at_most=at_most
        )
        expected = search_stupidly(self.held, probe, partitions=partitions, threshold=threshold)
        assert_same(found, expected[:at_most])

    @invariant()
    def the_digest_and_the_members_agree(self) -> None:
        entries = [(i, p, templates.encode(one)) for i, (p, one) in self.held.items()]
        assert self.gallery.digest() == digest_entries(entries)
        assert len(self.gallery) == len(self.held)
        assert [n for n in range(6) if n in self.gallery] == sorted(self.held)

    @invariant()
    def no_code_outlives_its_person(self) -> None:
        if not self.held:
            assert codes_left(self.gallery) == 0


LivingGallery.TestCase.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
TestLivingGallery = LivingGallery.TestCase
