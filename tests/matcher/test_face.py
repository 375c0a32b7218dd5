"""Faces from picture to score: with prepared models on synthetic faces, and on LFW."""

from __future__ import annotations

import csv
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from benchmarks import results
from matcher import face as face_module
from matcher.errors import Malformed, ModelMismatch, ModelUnavailable
from matcher.face import CALIBRATION, PREPARED, FaceEngine, compare, face_score
from matcher.vocabulary import FaceSample, FaceTemplate
from models.synthesis.face_traits import draw_capture, draw_traits
from models.synthesis.faces import EYE_LINE, FACE_UNITS_IN_PICTURE, render_face

Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def engine() -> FaceEngine:
    """The prepared models; `make test` prepares them first."""
    try:
        return FaceEngine.open(PREPARED)
    except ModelUnavailable as missing:
        pytest.skip(str(missing))


@cache
def portrait(person: int, capture: int) -> Picture:
    return render_face(person, capture)


def template_of(vector: list[float], model: str = "a") -> FaceTemplate:
    values = np.array(vector, np.float32)
    return FaceTemplate(values / np.linalg.norm(values), 50, model)


def test_two_pictures_of_a_person_score_above_any_of_two_persons(engine: FaceEngine) -> None:
    found = {
        (person, capture): engine.extract(FaceSample(portrait(person, capture)))[0]
        for person in range(3)
        for capture in range(2)
    }
    templates = {key: template for key, template in found.items() if template is not None}
    assert len(templates) == 6
    mated = [compare(templates[p, 0], templates[p, 1]) for p in range(3)]
    others = [
        compare(one, other)
        for (p, _), one in templates.items()
        for (q, _), other in templates.items()
        if p != q
    ]
    assert min(mated) > max(others)
    assert min(map(face_score, mated)) > 50


def test_a_template_carries_the_model_and_a_vector_of_length_one(engine: FaceEngine) -> None:
    template, quality = engine.extract(FaceSample(portrait(0, 0)))
    assert template is not None
    assert template.model == "face-resnet128-1"
    assert template.vector.shape == (128,)
    assert template.vector.dtype == np.float32
    assert np.linalg.norm(template.vector) == pytest.approx(1, abs=1e-5)
    assert template.quality == quality.score > 60


@pytest.mark.parametrize("person", range(3))
def test_the_landmarks_lie_on_the_eyes_and_under_the_nose(engine: FaceEngine, person: int) -> None:
    """Against the eyes that were drawn: their distance to 15 %, their middle to 4 % of the side."""
    (location,) = engine.locate(FaceSample(portrait(person, 0)))
    shape, capture = draw_traits(person).shape, draw_capture(person, 0)
    drawn = 2 * shape.eye_x * capture.scale * 400 / FACE_UNITS_IN_PICTURE
    found = np.linalg.norm(location.left_eye - location.right_eye)
    assert found == pytest.approx(drawn, rel=0.15)
    middle = (location.left_eye + location.right_eye) / 2
    expected = 400 * np.array([0.5 + capture.shift[0], EYE_LINE + capture.shift[1]])
    np.testing.assert_allclose(middle, expected, atol=16)
    assert location.right_eye[0] < location.landmarks[4][0] < location.left_eye[0]
    assert location.landmarks[4][1] > middle[1] + 0.4 * found


def test_a_picture_without_a_face_gives_quality_zero_and_a_hint(engine: FaceEngine) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (200, 160, 3), dtype=np.uint8)
    for picture in (np.zeros((150, 150, 3), np.uint8), noise, np.zeros((5, 9, 3), np.uint8)):
        template, quality = engine.extract(FaceSample(picture))
        assert template is None
        assert quality.score == 0
        assert quality.hint
        assert set(quality.components.values()) == {0.0}


def test_a_second_face_lowers_only_the_single_face_component(engine: FaceEngine) -> None:
    alone = portrait(0, 0)
    other = np.asarray(Image.fromarray(portrait(2, 0)).resize((260, 260)))
    both = np.full((400, 700, 3), 200, np.uint8)
    both[:, 150:550] = alone
    both[70:330, 440:700] = other
    _, single = engine.extract(FaceSample(alone))
    assert len(engine.locate(FaceSample(both))) == 2
    _, double = engine.extract(FaceSample(both))
    assert single.components["single_face"] == 100
    assert double.components["single_face"] < 80
    assert double.score < single.score
    assert double.components["inter_eye_distance"] == pytest.approx(
        single.components["inter_eye_distance"], abs=8
    )


def test_a_face_in_a_much_larger_picture_is_found_where_it_is(engine: FaceEngine) -> None:
    scene = np.full((1200, 1600, 3), 190, np.uint8)
    scene[640:1040, 1100:1500] = portrait(0, 0)
    (small,) = engine.locate(FaceSample(portrait(0, 0)))
    (large,) = engine.locate(FaceSample(scene))
    np.testing.assert_allclose(large.landmarks - [1100, 640], small.landmarks, atol=6)


def test_extraction_is_repeatable(engine: FaceEngine) -> None:
    one, other = (engine.extract(FaceSample(portrait(1, 1)))[0] for _ in range(2))
    assert one is not None
    assert other is not None
    np.testing.assert_array_equal(one.vector, other.vector)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((100, 100), np.uint8),
        np.zeros((100, 100, 4), np.uint8),
        np.zeros((100, 100, 3), np.float32),
        np.broadcast_to(np.uint8(0), (face_module.MAX_SIDE_PX + 1, 40, 3)),
        np.broadcast_to(np.uint8(0), (9_000, 9_000, 3)),
    ],
    ids=["grey", "alpha", "float", "long", "large"],
)
def test_an_image_of_the_wrong_kind_or_size_is_malformed(
    engine: FaceEngine, image: Picture
) -> None:
    with pytest.raises(Malformed):
        engine.extract(FaceSample(image))


def test_opening_without_models_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="models prepare"):
        FaceEngine.open(tmp_path)


def test_templates_of_different_models_are_not_compared() -> None:
    one, other = template_of([1, 2]), template_of([1, 2], "b")
    with pytest.raises(ModelMismatch):
        compare(one, other)
    assert compare(one, replace(other, model="a")) == pytest.approx(1)


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=3), st.integers(0, 99))
def test_comparison_is_the_cosine(vector: list[float], seed: int) -> None:
    other = np.random.default_rng(seed).normal(size=3)
    if np.linalg.norm(vector) < 1e-3:
        return
    expected = np.dot(vector, other) / np.linalg.norm(vector) / np.linalg.norm(other)
    measured = compare(template_of(vector), template_of(other.tolist()))
    assert measured == pytest.approx(expected, abs=1e-5)


def test_scores_follow_the_calibration_and_rise_with_the_cosine() -> None:
    for cosine, score in CALIBRATION:
        assert face_score(cosine) == pytest.approx(score)
    scores = [face_score(cosine) for cosine in np.linspace(-1, 1, 2001)]
    assert scores == sorted(scores)
    assert scores[0] == 0
    assert face_score(0.95) < face_score(0.97) < face_score(1.0) < 66


def test_the_calibration_is_the_one_that_was_measured() -> None:
    measured = {one.measure: one.value for one in results.read("faces")}
    for cosine, score in CALIBRATION:
        assert cosine == pytest.approx(
            measured[f"cosine at FMR {10 ** (-score / 10):.0e}"], abs=2e-3
        )


@pytest.mark.real
def test_real_photographs_of_one_person_score_high_and_of_two_persons_low(
    engine: FaceEngine, real_data: Path
) -> None:
    """On the first pairs of the LFW protocol at most one decision of twelve is wrong."""
    folder = real_data / "faces"
    with (folder / "lfw_pairs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    chosen = [row for row in rows if row["mated"] == "1"][:6]
    chosen += [row for row in rows if row["mated"] == "0"][:6]
    wrong = 0
    for row in chosen:
        one, other = (_extract(engine, folder / "lfw" / row[k]) for k in ("first", "second"))
        wrong += (face_score(compare(one, other)) >= 22) != (row["mated"] == "1")
    assert wrong <= 1


def _extract(engine: FaceEngine, path: Path) -> FaceTemplate:
    with Image.open(path) as picture:
        template, _ = engine.extract(FaceSample(np.asarray(picture.convert("RGB"))))
    assert template is not None
    return template
