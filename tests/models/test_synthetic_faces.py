"""Synthetic faces: repeatable, varied, and good enough for the whole chain."""

from __future__ import annotations

from dataclasses import astuple, fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.errors import ModelUnavailable
from matcher.face import PREPARED, FaceEngine, compare
from matcher.vocabulary import FaceSample, FaceTemplate
from models.synthesis.face_hair import STYLES
from models.synthesis.face_relief import face_plane, face_relief, half_width
from models.synthesis.face_traits import HAIR_STYLES, Shape, draw_capture, draw_traits
from models.synthesis.faces import LARGEST_SIDE_PX, SMALLEST_SIDE_PX, render_face

PERSONS, CAPTURES = 8, 2


@pytest.fixture(scope="module")
def templates() -> list[list[FaceTemplate | None]]:
    """Templates of a few persons, two captures each."""
    try:
        engine = FaceEngine.open(PREPARED)
    except ModelUnavailable as missing:
        pytest.skip(str(missing))
    return [
        [engine.extract(FaceSample(render_face(p, c, size=300)))[0] for c in range(CAPTURES)]
        for p in range(100, 100 + PERSONS)
    ]


def test_equal_seeds_give_equal_pictures_and_other_seeds_other_ones() -> None:
    one = render_face(5, 1, size=150)
    assert one.shape == (150, 150, 3)
    assert one.dtype == np.uint8
    np.testing.assert_array_equal(one, render_face(5, 1, size=150))
    for other in (render_face(5, 2, size=150), render_face(6, 1, size=150)):
        assert np.abs(one.astype(int) - other).mean() > 2


def test_two_captures_of_a_person_are_more_alike_than_two_persons() -> None:
    """Even as plain pictures, at least on average."""
    pictures = [[render_face(p, c, size=120).astype(float) for c in range(2)] for p in range(4)]
    mated = [np.abs(one - other).mean() for one, other in pictures]
    others = [np.abs(pictures[p][0] - pictures[q][0]).mean() for p in range(4) for q in range(p)]
    assert np.mean(mated) < 0.8 * np.mean(others)


@pytest.mark.parametrize("size", [SMALLEST_SIDE_PX - 1, LARGEST_SIDE_PX + 1, 0, -5])
def test_a_size_outside_the_limits_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="size"):
        render_face(0, 0, size=size)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_traits_stay_in_the_range_of_faces_for_every_seed(person: int, capture: int) -> None:
    shape = draw_traits(person).shape
    assert shape.forehead_y < shape.brow_y < -shape.eye_height
    assert shape.eye_height < shape.nose_length < shape.mouth_y - shape.lip_upper
    assert shape.mouth_y + shape.lip_lower < shape.chin_y
    assert shape.eye_width < shape.eye_x < shape.cheek_width - shape.eye_width
    assert all(np.isfinite(astuple(shape)))
    picture = draw_capture(person, capture)
    assert max(abs(picture.yaw), abs(picture.pitch), abs(picture.roll)) < np.radians(9)


def test_every_part_of_the_shape_varies_between_persons() -> None:
    shapes = [draw_traits(person).shape for person in range(40)]
    for field in fields(Shape):
        values = [getattr(shape, field.name) for shape in shapes]
        assert len(set(values)) > 0.8 * len(values), field.name


def test_every_hair_style_can_be_cut_and_occurs() -> None:
    assert set(STYLES) == set(HAIR_STYLES)
    assert {draw_traits(p).colours.hair_style for p in range(60)} == set(HAIR_STYLES)


def test_the_nose_is_the_highest_point_between_the_eyes_and_the_mouth() -> None:
    plane = face_plane()
    for person in range(5):
        traits = draw_traits(person)
        relief, head = face_relief(traits.shape, draw_capture(person, 0))
        assert np.isfinite(relief).all()
        rows = (plane.y[:, 0] > 0.1) & (plane.y[:, 0] < traits.shape.mouth_y - 0.1)
        part = relief[rows]
        assert abs(plane.x[0][part.max(axis=0).argmax()]) < 0.1
        assert relief[head < 0.01].max() < 0.2


def test_the_head_is_widest_at_the_cheeks_and_closed_at_both_ends() -> None:
    shape = draw_traits(3).shape
    y = np.linspace(-1.9, 2.1, 400, dtype=np.float32)
    width = half_width(shape, y)
    assert -0.7 < y[width.argmax()] < 0.7
    assert width.max() == pytest.approx(shape.cheek_width, abs=0.05)
    assert width[0] == width[-1] == 0


def test_every_synthetic_face_is_found(templates: list[list[FaceTemplate | None]]) -> None:
    assert all(template is not None for person in templates for template in person)


def test_a_capture_finds_its_person_first(templates: list[list[FaceTemplate | None]]) -> None:
    gallery = [person[0] for person in templates if person[0] is not None]
    for number, person in enumerate(templates):
        probe = person[1]
        assert probe is not None
        cosines = [compare(probe, reference) for reference in gallery]
        assert int(np.argmax(cosines)) == number
        assert cosines[number] > 0.955
