"""The vector of a finger: upright patches, unit vectors, mates closer than strangers."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest

from matcher.codes import DIMENSIONS
from matcher.embedding import (
    CORE_AT_PX,
    PATCH_PX,
    UNSURE,
    Embedded,
    Embedder,
    cut,
    normalise,
    weigh,
)
from matcher.features import MAP_STEP_PX, Features
from matcher.pose import UPRIGHT, Pose
from matcher.runtime import MANIFEST
from matcher.vocabulary import FingerPosition, FingerSample
from models.synthesis.persons import Person, capture_fingers

PERSONS = range(1_000_010, 1_000_014)
"""Outside the training numbers."""


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    """Both trained networks, which lie beside the manifest."""
    return Embedder.open(MANIFEST.parent)


@pytest.fixture(scope="module")
def samples() -> dict[tuple[int, int], FingerSample]:
    """Two ordinary captures of one finger of some persons."""
    index = (FingerPosition.RIGHT_INDEX,)
    return {
        (seed, take): capture_fingers(person, capture_seed=take, positions=index)[0]
        for seed, person in ((seed, Person(seed)) for seed in PERSONS)
        for take in (1, 2)
    }


@pytest.fixture(scope="module")
def embedded(
    embedder: Embedder, samples: dict[tuple[int, int], FingerSample]
) -> dict[tuple[int, int], Embedded]:
    return {key: embedder.embed(sample) for key, sample in samples.items()}


def dot_at(x: float, y: float) -> Features:
    """Maps with one bright dot at a place given in pixels at 500 dpi."""
    ridges = np.zeros((200, 180), np.int8)
    at = (round((y + 0.5) / MAP_STEP_PX - 0.5), round((x + 0.5) / MAP_STEP_PX - 0.5))
    cv2.circle(ridges.view(np.uint8), at[::-1], 2, 100, -1)
    return Features(ridges, np.full((200, 180), 255, np.uint8), np.zeros((3, 50, 45), np.float32))


def middle(patch: np.ndarray) -> tuple[float, float]:
    """Column and row of the centre of mass of the ridges of a patch."""
    rows, columns = np.indices(patch[0].shape)
    mass = patch[0].sum()
    return float((columns * patch[0]).sum() / mass), float((rows * patch[0]).sum() / mass)


@pytest.mark.parametrize("turn", [0.0, 0.7, -1.2])
def test_the_core_lies_at_the_same_place_of_every_patch(turn: float) -> None:
    patch = cut(dot_at(180.5, 200.5), Pose(180.5, 200.5, UPRIGHT + turn, 1.0))
    assert patch.shape == (2, PATCH_PX, PATCH_PX)
    assert middle(patch) == pytest.approx(CORE_AT_PX, abs=0.3)


@pytest.mark.parametrize("turn", [0.0, 0.7, -1.2])
def test_the_tip_is_up_in_every_patch(turn: float) -> None:
    angle = UPRIGHT + turn
    ahead = (180.5 + 60 * np.cos(angle), 200.5 - 60 * np.sin(angle))
    column, row = middle(cut(dot_at(*ahead), Pose(180.5, 200.5, angle, 1.0)))
    assert column == pytest.approx(CORE_AT_PX[0], abs=0.8)
    assert row == pytest.approx(CORE_AT_PX[1] - 60 / MAP_STEP_PX, abs=0.8)


def test_vectors_have_length_one(embedded: dict[tuple[int, int], Embedded]) -> None:
    for one in embedded.values():
        assert one.vector.shape == (DIMENSIONS,)
        assert one.vector.dtype == np.float32
        assert float(np.linalg.norm(one.vector)) == pytest.approx(1.0, abs=1e-5)
        assert 0.0 < one.reliability <= 1.0


def test_every_mate_is_closer_than_every_stranger(
    embedded: dict[tuple[int, int], Embedded],
) -> None:
    mated: list[float] = []
    other: list[float] = []
    for one, two in combinations(embedded, 2):
        cosine = float(embedded[one].vector @ embedded[two].vector)
        (mated if one[0] == two[0] else other).append(cosine)
    assert min(mated) > max(other)


def test_a_turned_and_shifted_picture_keeps_its_vector(
    embedder: Embedder,
    samples: dict[tuple[int, int], FingerSample],
    embedded: dict[tuple[int, int], Embedded],
) -> None:
    key = (PERSONS[0], 1)
    image = samples[key].image
    rows, columns = image.shape
    matrix = cv2.getRotationMatrix2D((columns / 2, rows / 2), 20.0, 1.0)
    matrix[:, 2] += (9, -6)
    ground = int(np.median(image[:4]))
    moved = cv2.warpAffine(image, matrix, (columns, rows), borderValue=ground)
    again = embedder.embed(FingerSample(np.asarray(moved, np.uint8), samples[key].dpi))
    assert again.pose.angle - embedded[key].pose.angle == pytest.approx(np.radians(20), abs=0.15)
    assert float(again.vector @ embedded[key].vector) > 0.75


def test_a_picture_without_a_finger_is_like_no_other(embedder: Embedder) -> None:
    nothing = embedder.embed(FingerSample(np.full((300, 300), 255, np.uint8), 500.0))
    assert not nothing.vector.any()
    assert nothing.reliability == 0.0


def test_the_same_sample_gives_the_same_vector(
    embedder: Embedder,
    samples: dict[tuple[int, int], FingerSample],
    embedded: dict[tuple[int, int], Embedded],
) -> None:
    key = (PERSONS[1], 2)
    np.testing.assert_array_equal(embedder.embed(samples[key]).vector, embedded[key].vector)


def test_normalising_leaves_nothing_at_nothing() -> None:
    rows = np.array([[3, 4], [0, 0]], np.float32)
    expected = np.array([[0.6, 0.8], [0, 0]], np.float32)
    np.testing.assert_allclose(normalise(rows), expected, atol=1e-6)


def test_a_print_that_is_turned_keeps_its_vector_and_has_others_beside(
    embedder: Embedder,
    samples: dict[tuple[int, int], FingerSample],
    embedded: dict[tuple[int, int], Embedded],
) -> None:
    key = (PERSONS[2], 1)
    turned = embedder.embed(samples[key], turned=True)
    assert len(turned.others) == (4 if turned.pose.confidence < UNSURE else 2)
    assert turned.reliability == embedded[key].reliability
    np.testing.assert_array_equal(turned.vector, embedded[key].vector)
    np.testing.assert_allclose(np.linalg.norm(turned.others, axis=1), 1.0, atol=1e-5)
    assert (turned.others @ turned.vector).max() < 0.99
    assert not len(embedded[key].others)


def test_an_unsure_pose_is_read_at_other_peaks_as_well(embedder: Embedder) -> None:
    # Half a print, so faint that its core may be anywhere.
    (sample,) = capture_fingers(
        Person(PERSONS[0]), capture_seed=4, positions=(FingerPosition.RIGHT_THUMB,)
    )
    image = sample.image.copy()
    image[: 2 * len(image) // 3] = 255
    unsure = embedder.embed(replace(sample, image=image), turned=True)
    assert unsure.pose.confidence < UNSURE
    assert len(unsure.others) == 4


def test_a_probe_without_a_finger_gives_no_evidence(embedder: Embedder) -> None:
    probe = embedder.embed(FingerSample(np.full((300, 300), 255, np.uint8), 500.0), turned=True)
    assert not probe.vector.any()
    assert not len(probe.others)
    assert weigh(np.array(0.9), np.array(0.8), np.array(probe.reliability)) == 0.0


def test_evidence_grows_with_the_cosine_and_more_so_for_reliable_prints() -> None:
    cosine = np.linspace(-0.2, 1.0, 13)
    sure, unsure = (weigh(cosine, np.array(r), np.array(r)) for r in (0.9, 0.3))
    assert (np.diff(sure) > 0).all()
    assert sure[-1] > unsure[-1] > 0
    assert sure[0] < unsure[0] < 0


@pytest.mark.real
def test_real_mates_are_closer_than_real_strangers(real_data: Path, embedder: Embedder) -> None:
    vectors = {}
    for finger, take in ((f, t) for f in (101, 102, 103) for t in (1, 2, 3)):
        path = real_data / "fingerprints" / "FVC2002_DB1_B" / f"{finger}_{take}.tif"
        image = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)
        vectors[finger, take] = embedder.embed(FingerSample(image, 500.0)).vector
    mated = [vectors[a] @ vectors[b] for a, b in combinations(vectors, 2) if a[0] == b[0]]
    other = [vectors[a] @ vectors[b] for a, b in combinations(vectors, 2) if a[0] != b[0]]
    assert np.median(mated) > max(other)
