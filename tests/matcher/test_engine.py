"""The engine: samples in, references and comparisons out."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.galleries import Draw, draw_capture, draw_reference
from matcher import templates
from matcher.codes import restore
from matcher.engine import Engine
from matcher.errors import Malformed, ModelMismatch, ModelUnavailable
from matcher.extraction import extract_finger
from matcher.face import EMBEDDING
from matcher.runtime import PREPARED
from matcher.vocabulary import (
    NO_OTHER_POSES,
    FaceSample,
    FingerPosition,
    FingerSample,
    Impression,
    Reference,
)
from models.synthesis.faces import render_face
from models.synthesis.persons import Person, capture_fingers

ENGINE = Engine()
INDEX, MIDDLE = FingerPosition.RIGHT_INDEX, FingerPosition.RIGHT_MIDDLE
BLANK = FingerSample(np.full((300, 300), 255, np.uint8), 500.0, FingerPosition.LEFT_RING)


def capture(person: int, seed: int, *positions: FingerPosition) -> tuple[FingerSample, ...]:
    return capture_fingers(PERSONS[person], capture_seed=seed, positions=positions)


PERSONS = {seed: Person(seed) for seed in (1, 2)}


@pytest.fixture(scope="module")
def two() -> tuple[FingerSample, ...]:
    """Index and middle finger of person 1."""
    return capture(1, 0, INDEX, MIDDLE)


@pytest.fixture(scope="module")
def with_nets() -> Engine:
    """An engine with the face models; without them these tests say nothing."""
    try:
        return Engine.open(PREPARED)
    except ModelUnavailable:
        pytest.skip("the face models are not prepared")


def test_each_sample_gets_its_quality_in_order(two: tuple[FingerSample, ...]) -> None:
    extraction = ENGINE.extract([two[1], BLANK, two[0]])
    alone = [extract_finger(sample)[1].score for sample in (two[1], BLANK, two[0])]
    assert [quality.score for quality in extraction.qualities] == alone
    assert alone[1] == 0
    assert extraction.qualities[1].hint
    assert list(extraction.reference.by_position) == [INDEX, MIDDLE, FingerPosition.LEFT_RING]


def test_of_two_impressions_of_a_finger_the_better_is_kept(two: tuple[FingerSample, ...]) -> None:
    blank = replace(BLANK, position=INDEX, impression=Impression.ROLLED)
    for samples in ([two[0], blank], [blank, two[0]]):
        extraction = ENGINE.extract(samples)
        (kept,) = extraction.reference.fingers
        assert kept.impression is Impression.FLAT
        assert kept.quality == max(quality.score for quality in extraction.qualities) > 0
        assert len(extraction.qualities) == 2


def test_of_two_equal_impressions_the_first_is_kept() -> None:
    samples = [replace(BLANK, impression=one) for one in (Impression.ROLLED, Impression.FLAT)]
    (kept,) = ENGINE.extract(samples).reference.fingers
    assert kept.impression is Impression.ROLLED


def test_a_plain_thumb_is_a_thumb(two: tuple[FingerSample, ...]) -> None:
    plain = [FingerPosition.LEFT_THUMB_PLAIN, FingerPosition.RIGHT_THUMB_PLAIN]
    extraction = ENGINE.extract([replace(two[0], position=position) for position in plain])
    expected = [FingerPosition.RIGHT_THUMB, FingerPosition.LEFT_THUMB]
    assert [finger.position for finger in extraction.reference.fingers] == expected


@pytest.mark.parametrize("position", [13, 14, 15])
def test_a_slap_is_refused(position: int, two: tuple[FingerSample, ...]) -> None:
    with pytest.raises(Malformed):
        ENGINE.extract([replace(two[0], position=FingerPosition(position))])


def test_all_fingers_of_unknown_position_are_kept(two: tuple[FingerSample, ...]) -> None:
    unknown = [replace(sample, position=FingerPosition.UNKNOWN) for sample in (*two, two[0])]
    assert len(ENGINE.extract(unknown).reference.fingers) == 3


def test_a_photograph_without_nets_is_refused_by_name() -> None:
    with pytest.raises(ModelUnavailable):
        ENGINE.extract([FaceSample(np.zeros((64, 64, 3), np.uint8))])
    assert len(ENGINE.models) == 1


def test_mates_score_above_strangers_from_image_to_score(two: tuple[FingerSample, ...]) -> None:
    reference = ENGINE.extract(two).reference
    mate = ENGINE.extract(capture(1, 5, INDEX, MIDDLE)).reference
    stranger = ENGINE.extract(capture(2, 5, INDEX, MIDDLE)).reference
    unknown = replace(
        mate, fingers=tuple(replace(f, position=FingerPosition.UNKNOWN) for f in mate.fingers)
    )
    assert ENGINE.compare(mate, reference).score > 40
    assert ENGINE.compare(unknown, reference).score > 30
    assert list(ENGINE.compare(unknown, reference).fingers) == [INDEX, MIDDLE]
    assert ENGINE.compare(stranger, reference).score < 20


def test_a_bad_finger_more_takes_nothing_away(two: tuple[FingerSample, ...]) -> None:
    reference = ENGINE.extract([*two, replace(BLANK, position=FingerPosition.LEFT_RING)])
    mate = ENGINE.extract([*capture(1, 5, INDEX, MIDDLE), BLANK]).reference
    without = Reference(tuple(f for f in mate.fingers if len(f.minutiae)))
    assert ENGINE.compare(mate, reference.reference) == ENGINE.compare(without, reference.reference)


def test_a_comparison_is_the_same_from_both_sides() -> None:
    reference = draw_reference(3, Draw(minutiae=20))
    probe = draw_capture(reference, 3)
    there, back = ENGINE.compare(probe, reference), ENGINE.compare(reference, probe)
    assert there == back
    assert len(there.fingers) == 10
    assert there.face is not None


def test_nothing_in_common_scores_nought() -> None:
    reference = draw_reference(3, Draw(minutiae=20))
    comparison = ENGINE.compare(
        Reference(reference.fingers[:2]), Reference(reference.fingers[2:], reference.face)
    )
    assert (comparison.score, dict(comparison.fingers), comparison.face) == (0.0, {}, None)


def test_other_models_and_nameless_references_are_refused() -> None:
    reference = draw_reference(3, Draw(minutiae=20))
    face = reference.face
    assert face is not None
    strange = replace(reference.fingers[0], model="another")
    for probe in (Reference((strange,)), Reference((), replace(face, model="another"))):
        with pytest.raises(ModelMismatch):
            ENGINE.compare(probe, reference)
    with pytest.raises(ModelMismatch):
        ENGINE.explain(strange, reference.fingers[0])
    nameless = replace(reference.fingers[0], position=FingerPosition.UNKNOWN)
    with pytest.raises(Malformed):
        ENGINE.compare(reference, Reference((nameless,)))


def test_an_explanation_names_minutiae_of_both_sides() -> None:
    reference = draw_reference(3, Draw(minutiae=30))
    finger, mate = reference.fingers[1], draw_capture(reference, 3).fingers[1]
    pairing = ENGINE.explain(mate, finger)
    assert len(pairing.pairs) >= 8
    assert pairing.pairs[:, 0].max() < len(mate.minutiae)
    assert pairing.pairs[:, 1].max() < len(finger.minutiae)


def test_vectors_of_other_models_are_refused() -> None:
    reference = draw_reference(3, Draw(minutiae=20))
    vector = np.full(128, 22, np.int8)
    ours, theirs = (
        Reference((replace(reference.fingers[0], vector=vector, vector_model=model),))
        for model in ("one", "another")
    )
    assert ENGINE.compare(ours, ours).score > 0
    with pytest.raises(ModelMismatch):
        ENGINE.compare(ours, theirs)


def test_an_opened_engine_gives_every_finger_its_vector(
    with_nets: Engine, two: tuple[FingerSample, ...]
) -> None:
    reference = with_nets.extract([*two, BLANK]).reference
    assert [len(finger.vector) for finger in reference.fingers] == [128, 128, 0]
    assert {finger.vector_model for finger in reference.fingers[:2]} <= set(with_nets.models)
    assert templates.models_of(reference) == set(with_nets.models) - {EMBEDDING}
    stored = templates.decode(templates.encode(reference))
    for kept, made in zip(stored.fingers, reference.fingers, strict=True):
        np.testing.assert_array_equal(kept.vector, made.vector)
        assert kept.reliability == made.reliability
    mate = with_nets.extract(capture(1, 5, INDEX, MIDDLE)).reference
    stranger = with_nets.extract(capture(2, 5, INDEX, MIDDLE)).reference
    cosine = [
        restore(r.fingers[0].vector) @ restore(stored.fingers[0].vector) for r in (mate, stranger)
    ]
    assert cosine[0] > cosine[1] + 0.2


def test_a_finger_that_comes_alone_is_read_at_several_poses_which_are_not_stored(
    with_nets: Engine, two: tuple[FingerSample, ...]
) -> None:
    photograph = FaceSample(render_face(1, 0))
    together = with_nets.extract([*two, photograph]).reference.fingers
    assert [len(one.other_poses) for one in together] == [0, 0]
    alone = with_nets.extract([two[0], photograph]).reference
    (finger,) = alone.fingers
    assert len(finger.other_poses) in {2, 4}
    assert templates.encode(alone) == templates.encode(
        replace(alone, fingers=(replace(finger, other_poses=NO_OTHER_POSES),))
    )
    np.testing.assert_array_equal(finger.vector, together[0].vector)


def test_two_samples_of_one_finger_are_one_finger_alone(
    with_nets: Engine, two: tuple[FingerSample, ...]
) -> None:
    rolled = replace(two[0], impression=Impression.ROLLED)
    thumb = FingerPosition.RIGHT_THUMB
    plain = [replace(two[0], position=one) for one in (thumb, FingerPosition.RIGHT_THUMB_PLAIN)]
    for samples in ([two[0], rolled], plain):
        (finger,) = with_nets.extract(samples).reference.fingers
        assert len(finger.other_poses) in {2, 4}
    unknown = [replace(one, position=FingerPosition.UNKNOWN) for one in two]
    fingers = with_nets.extract(unknown).reference.fingers
    assert [len(one.other_poses) for one in fingers] == [0, 0]
    (finger,) = with_nets.extract(unknown[:1]).reference.fingers
    assert len(finger.other_poses) in {2, 4}


def test_photographs_are_embedded_and_the_best_kept(with_nets: Engine) -> None:
    photograph = FaceSample(render_face(1, 0))
    nobody = FaceSample(np.zeros((200, 200, 3), np.uint8))
    extraction = with_nets.extract([nobody, photograph])
    face = extraction.reference.face
    assert [quality.score > 0 for quality in extraction.qualities] == [False, True]
    assert face is not None
    assert face.model in with_nets.models
    dark = FaceSample((photograph.image * 0.25).astype(np.uint8))
    for photographs in ([photograph, dark], [dark, photograph]):
        both = with_nets.extract(photographs)
        assert both.reference.face is not None
        qualities = [quality.score for quality in both.qualities]
        assert both.reference.face.quality == max(qualities) > min(qualities)
    same = with_nets.extract([photograph]).reference
    assert with_nets.compare(extraction.reference, same).face is not None
