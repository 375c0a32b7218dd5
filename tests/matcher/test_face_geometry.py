"""Boxes, pyramids, alignment, pose and quality of faces, without any model."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from matcher import face_quality
from matcher.face_alignment import LANDMARK_TEMPLATE, VIEWS, align, align_views, similarity_matrix
from matcher.face_detection import OVERLAP, Box, overlap, prominence, suppress_overlaps
from matcher.face_landmarks import FaceLocation, crop_grey, sample, similarity
from matcher.face_pose import NOSE_DEPTH, NOSE_DROP, estimate_pose
from matcher.face_quality import HINTS, assess, detail_energy, no_face
from matcher.vocabulary import Quality

rng = np.random.default_rng(3)
Floats = NDArray[np.float32]

boxes = st.builds(
    Box,
    left=st.floats(-50, 300),
    top=st.floats(-50, 300),
    width=st.floats(20, 150),
    height=st.floats(20, 150),
    score=st.floats(0.01, 3),
)


def location(points: Floats, side: float = 100.0) -> FaceLocation:
    box = Box(0, 0, side, side, 1.0)
    return FaceLocation(box, points.astype(np.float32), 1.0)


def face_points(yaw: float, pitch: float, roll: float, eye_distance: float) -> Floats:
    """Landmarks of a mean head turned by degrees, projected orthographically."""
    head = np.array(
        [[0.7, 0, 0], [0.3, 0, 0], [-0.7, 0, 0], [-0.3, 0, 0], [0, NOSE_DROP, NOSE_DEPTH]]
    )
    y, p, r = np.radians([yaw, pitch, roll])
    turn = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    nod = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    lean = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return np.asarray((head @ (lean @ turn @ nod).T)[:, :2] * eye_distance + 200, np.float32)


@given(st.lists(boxes, max_size=12))
def test_kept_boxes_do_not_overlap_and_every_dropped_one_has_a_better_neighbour(
    found: list[Box],
) -> None:
    kept = suppress_overlaps(found)
    for i, one in enumerate(kept):
        assert all(overlap(one, other) <= OVERLAP for other in kept[:i])
    for box in found:
        assert box in kept or any(
            overlap(box, other) > OVERLAP and other.score >= box.score for other in kept
        )


@given(boxes, boxes)
def test_overlap_is_symmetric_and_between_zero_and_one(one: Box, other: Box) -> None:
    assert overlap(one, other) == pytest.approx(overlap(other, one))
    assert 0 <= overlap(one, other) <= 1 + 1e-9
    assert overlap(one, one) == pytest.approx(1)


def test_of_equal_faces_the_one_in_the_middle_is_more_prominent() -> None:
    image = np.zeros((300, 400, 3), np.uint8)
    middle, edge = Box(150, 100, 100, 100, 1.0), Box(10, 100, 100, 100, 9.0)
    assert prominence(middle, image) > prominence(edge, image)


@given(st.floats(-3, 3), st.floats(0.2, 5), st.floats(-100, 100), st.floats(-100, 100))
def test_a_similarity_is_recovered_from_its_points(
    angle: float, scale: float, right: float, down: float
) -> None:
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = LANDMARK_TEMPLATE @ turn.T + (right, down)
    matrix = similarity_matrix(LANDMARK_TEMPLATE, moved)
    np.testing.assert_allclose(matrix, np.column_stack([turn, (right, down)]), atol=1e-9)
    small = similarity(LANDMARK_TEMPLATE.astype(np.float32), moved.astype(np.float32))
    np.testing.assert_allclose(small, turn, atol=1e-3)


def test_alignment_brings_the_landmarks_to_the_template_whatever_the_pose() -> None:
    """A bright dot on each landmark lies, in the chip, where the template has it."""
    for turn, scale in ((0.0, 1.0), (0.4, 2.5), (-0.9, 0.4)):
        wanted = (LANDMARK_TEMPLATE + 0.25) / 1.5 * 150 - 0.5
        rotation = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        points = (wanted - 75) @ rotation.T + 300
        y, x = np.mgrid[:600, :600]
        image = np.zeros((600, 600, 3), np.uint8)
        for point in points:
            near = (x - point[0]) ** 2 + (y - point[1]) ** 2
            image[..., 0] = np.maximum(image[..., 0], 255 * np.exp(-near / (18 * scale**2)))
        chip = align(image, points.astype(np.float32))[..., 0].astype(float)
        rows, columns = np.mgrid[:150, :150]
        for target in wanted:
            near = (columns - target[0]) ** 2 + (rows - target[1]) ** 2 < 8**2
            weight = chip * near
            centre = np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()
            np.testing.assert_allclose(centre, target, atol=0.6)


def test_every_view_comes_with_its_mirror_image() -> None:
    image = rng.integers(0, 255, (200, 200, 3), dtype=np.uint8)
    points = (LANDMARK_TEMPLATE * 90 + 50).astype(np.float32)
    chips = align_views(image, points)
    assert chips.shape == (2 * len(VIEWS), 150, 150, 3)
    np.testing.assert_array_equal(chips[: len(VIEWS)], chips[len(VIEWS) :, :, ::-1])


def test_points_outside_the_picture_sample_as_black() -> None:
    grey = np.full((4, 6), 9, np.float32)
    points = np.array([[0, 0], [5.4, 3.4], [-0.6, 0], [5.6, 0], [0, 3.6]], np.float32)
    assert sample(grey, points).tolist() == [9, 9, 0, 0, 0]


def test_a_crop_knows_its_place_and_size() -> None:
    image = rng.integers(0, 255, (300, 400, 3), dtype=np.uint8)
    grey, origin, scale = crop_grey(image, Box(150, 120, 50, 50, 1.0))
    assert scale == 1
    assert origin.tolist() == [100, 70]
    assert grey.shape == (150, 150)
    assert grey[3, 7] == int(image[73, 107].sum()) // 3
    _, _, smaller = crop_grey(image, Box(0, 0, 400, 300, 1.0))
    assert smaller == pytest.approx(0.5)


@pytest.mark.parametrize("yaw", [-25, -8, 0, 12, 25])
@pytest.mark.parametrize("roll", [-20, 0, 20])
def test_yaw_and_roll_of_a_mean_head_are_recovered(yaw: float, roll: float) -> None:
    pose = estimate_pose(face_points(yaw, 0, roll, 90))
    assert pose.yaw == pytest.approx(yaw, abs=1)
    assert pose.roll == pytest.approx(roll, abs=1)
    assert pose.pitch == pytest.approx(0, abs=4)


@pytest.mark.parametrize("pitch", [-20, -5, 0, 8, 20])
def test_pitch_of_a_mean_head_is_recovered(pitch: float) -> None:
    assert estimate_pose(face_points(0, pitch, 0, 90)).pitch == pytest.approx(pitch, abs=1)


def test_landmarks_in_one_point_give_a_pose_and_no_crash() -> None:
    estimate_pose(np.full((5, 2), 7, np.float32))


def quality_of(chip: NDArray[np.uint8], **pose: float) -> Quality:
    angles = {"yaw": 0.0, "pitch": 0.0, "roll": 0.0, "eye_distance": 90.0} | pose
    return assess(chip, [location(face_points(**angles))])


def textured(level: float = 130, contrast: float = 40) -> NDArray[np.uint8]:
    """A chip with broad and fine structure, symmetric about its middle column."""
    y, x = np.mgrid[:150, :150]
    side = np.abs(x - 74.5)
    wave = np.sin(y / 9) * np.cos(side / 11) + 0.35 * np.sin(y * 1.1) * np.cos(side * 0.9)
    grey = np.clip(level + contrast * wave, 0, 255).astype(np.uint8)
    return np.dstack([grey] * 3)


def test_a_good_face_has_every_component_high_and_no_hint() -> None:
    quality = quality_of(textured())
    assert set(quality.components) == set(HINTS)
    assert all(0 <= value <= 100 for value in quality.components.values())
    assert quality.score > 60
    assert quality.hint == ""


@pytest.mark.parametrize(
    ("component", "quality"),
    [
        ("under_exposure", quality_of(textured(level=8, contrast=10))),
        ("over_exposure", quality_of(textured(level=252, contrast=9))),
        ("inter_eye_distance", quality_of(textured(), eye_distance=45)),
        ("head_pose", quality_of(textured(), yaw=48)),
        ("head_pose", quality_of(textured(), roll=50)),
        ("luminance_entropy", quality_of(textured(contrast=1.5))),
    ],
)
def test_each_fault_lowers_its_component_and_gives_its_hint(
    component: str, quality: Quality
) -> None:
    assert quality.components[component] < 50
    assert quality.hint
    assert quality.score < quality_of(textured()).score


def test_light_from_one_side_lowers_the_uniformity() -> None:
    shaded = textured().astype(float)
    shaded[:, :75] *= 0.4
    quality = quality_of(shaded.astype(np.uint8))
    assert quality.components["illumination_uniformity"] < 50
    assert HINTS["illumination_uniformity"] in quality.hint


def test_a_blurred_face_has_less_detail() -> None:
    chip = textured()[..., 0]
    blurred = np.asarray(
        sum(
            np.roll(np.roll(chip.astype(float), i, 0), j, 1)
            for i in range(-2, 3)
            for j in range(-2, 3)
        )
        / 25,
        np.uint8,
    )
    assert detail_energy(blurred) < 0.4 * detail_energy(chip)


def test_two_faces_of_equal_size_leave_the_lowest_score_that_has_a_template() -> None:
    face = location(face_points(0, 0, 0, 90))
    quality = assess(textured(), [face, face])
    assert quality.components["single_face"] == 0
    assert quality.score == 1
    assert HINTS["single_face"] in quality.hint


def test_no_face_is_worse_than_any_face() -> None:
    assert no_face().score == 0
    assert no_face().components.keys() == HINTS.keys()


def test_the_exposure_formulas_give_the_values_of_the_standard() -> None:
    """Shares of 0, 10 and 50 per cent of bad pixels, computed by hand from the formulas."""
    for share, over in ((0.0, 100.0), (0.1, 9.0909), (0.5, 1.9608)):
        values = np.full(1000, 128, np.uint8)
        values[: int(1000 * share)] = 255
        assert face_quality._over_exposure(values) == pytest.approx(over, abs=1e-3)
    values = np.full(1000, 128, np.uint8)
    values[:920] = 10
    assert face_quality._under_exposure(values) == pytest.approx(120 * 0.332, abs=1e-2)
