"""The front of the vector: the same maps for strong and faint prints, at any resolution."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from matcher.errors import Malformed
from matcher.extraction import FINGER_MOST_PX
from matcher.features import LEVELS, LOUDEST, even_out, keep_ridges, read_features
from matcher.ridges import enhance, measure, normalise
from matcher.segmentation import segment
from matcher.spectrum import analyse
from matcher.vocabulary import FingerPosition, FingerSample
from models.synthesis.persons import Person, capture_fingers


@pytest.fixture(scope="module")
def sample() -> FingerSample:
    """A good print."""
    (one,) = capture_fingers(Person(3), capture_seed=1, positions=(FingerPosition.RIGHT_INDEX,))
    return one


def likeness(one: np.ndarray, two: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel().astype(float), two.ravel().astype(float))[0, 1])


def test_the_maps_have_half_the_rows_and_columns_of_the_picture(sample: FingerSample) -> None:
    features = read_features(sample)
    assert features.ridges.shape == features.inside.shape == (200, 180)
    assert features.flow.shape == (3, 50, 45)
    assert features.ridges.dtype == np.int8
    assert np.abs(features.ridges).max() <= LOUDEST * LEVELS


def test_the_ridges_are_those_that_extraction_sees(sample: FingerSample) -> None:
    flat, contrast = normalise(sample.image)
    spectra = analyse(flat)
    field = measure(spectra)
    mask = segment(field, contrast, flat.shape)
    planes = enhance(spectra, field, mask)
    np.testing.assert_array_equal(keep_ridges(spectra, field, mask), planes[0] * mask)


def test_a_faint_print_gives_the_maps_of_a_strong_one(sample: FingerSample) -> None:
    faint = (200 + 0.3 * (sample.image.astype(np.float32) - 200)).astype(np.uint8)
    maps = read_features(sample), read_features(FingerSample(faint, sample.dpi))
    assert likeness(maps[0].ridges, maps[1].ridges) > 0.97


def test_a_finer_sensor_gives_the_maps_of_the_usual_one(sample: FingerSample) -> None:
    fine = cv2.resize(sample.image, None, fx=1.4, fy=1.4, interpolation=cv2.INTER_CUBIC)
    maps = read_features(sample), read_features(FingerSample(fine.astype(np.uint8), 700.0))
    assert maps[0].ridges.shape == maps[1].ridges.shape
    assert likeness(maps[0].ridges, maps[1].ridges) > 0.97


def test_the_amplitude_is_one_wherever_there_are_ridges() -> None:
    x = np.arange(200, dtype=np.float32)
    wave = np.tile(np.sin(2 * np.pi * x / 9), (200, 1)) * np.linspace(0.2, 3, 200)[:, None]
    even = even_out(wave.astype(np.float32))
    peaks = np.abs(even[20:-20, 20:-20]).max(axis=1)
    assert peaks.min() > 0.9
    assert peaks.max() < 1.15


def test_an_empty_picture_gives_empty_maps() -> None:
    blank = FingerSample(np.full((300, 300), 255, np.uint8), 500.0)
    assert read_features(blank).is_empty


def test_a_picture_far_larger_than_a_finger_is_not_read() -> None:
    side = FINGER_MOST_PX * 300 // 500 + 10
    large = FingerSample(np.zeros((side, 300), np.uint8), 300.0)
    assert read_features(large).is_empty


def test_a_picture_that_is_not_grey_is_refused() -> None:
    with pytest.raises(Malformed):
        read_features(FingerSample(np.zeros((300, 300, 3), np.uint8), 500.0))
