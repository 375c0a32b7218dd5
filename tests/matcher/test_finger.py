"""One look at a print gives both minutiae and vector, the same as each by itself."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from matcher import embedding, extraction
from matcher.codes import DIMENSIONS, quantise, restore
from matcher.embedding import Embedder
from matcher.errors import Malformed
from matcher.extraction import FINGER_MOST_PX, extract_finger
from matcher.finger import FingerEngine
from matcher.quality import TOO_LARGE
from matcher.ridges import RidgeField, measure
from matcher.runtime import MANIFEST
from matcher.spectrum import Complexes
from matcher.vocabulary import FingerPosition, FingerSample, FingerTemplate
from models.synthesis.persons import Person, capture_fingers

BLANK = FingerSample(np.full((300, 300), 255, np.uint8), 500.0)


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    """Both trained networks, which lie beside the manifest."""
    return Embedder.open(MANIFEST.parent)


@pytest.fixture(scope="module")
def samples() -> tuple[FingerSample, ...]:
    """Some prints of two persons, and one that is finer and fainter."""
    positions = (FingerPosition.RIGHT_THUMB, FingerPosition.LEFT_RING)
    prints = [
        s for n in (5, 6) for s in capture_fingers(Person(n), capture_seed=1, positions=positions)
    ]
    fine = cv2.resize(prints[0].image, None, fx=1.4, fy=1.4, interpolation=cv2.INTER_CUBIC)
    faint = (200 + 0.3 * (fine.astype(np.float32) - 200)).astype(np.uint8)
    return (*prints, FingerSample(faint, 700.0), BLANK)


def check_equal_to_halves(
    template: FingerTemplate, sample: FingerSample, embedder: Embedder
) -> None:
    """Bit for bit what extraction and embedding make of the sample, each on its own."""
    alone, embedded = extract_finger(sample)[0], embedder.embed(sample)
    assert template.minutiae.tobytes() == alone.minutiae.tobytes()
    for name in ("width", "height", "quality", "model", "position", "impression"):
        assert getattr(template, name) == getattr(alone, name)
    if embedded.vector.any():
        np.testing.assert_array_equal(template.vector, quantise(embedded.vector))
        assert template.reliability == round(100 * embedded.reliability)
        assert template.vector_model == embedding.MODEL
    else:
        assert (len(template.vector), template.reliability, template.vector_model) == (0, 0, "")


def test_one_look_gives_what_both_halves_give(
    embedder: Embedder, samples: tuple[FingerSample, ...]
) -> None:
    prints = FingerEngine(embedder)
    seen = 0
    for sample in samples:
        template, quality = prints.extract(sample)
        assert quality == extract_finger(sample)[1]
        check_equal_to_halves(template, sample, embedder)
        seen += len(template.vector) == DIMENSIONS
    assert seen == len(samples) - 1


@pytest.mark.parametrize("turned", [False, True], ids=["at one pose", "at several"])
def test_each_print_is_looked_at_once(
    embedder: Embedder,
    samples: tuple[FingerSample, ...],
    monkeypatch: pytest.MonkeyPatch,
    turned: bool,
) -> None:
    looks: list[int] = []

    def measure_counted(spectra: Complexes) -> RidgeField:
        looks.append(1)
        return measure(spectra)

    monkeypatch.setattr(extraction, "measure", measure_counted)
    template, _ = FingerEngine(embedder).extract(samples[0], turned=turned)
    assert len(looks) == 1
    check_equal_to_halves(template, samples[0], embedder)
    others = embedder.embed(samples[0], turned=turned).others
    np.testing.assert_array_equal(template.other_poses, quantise(others))
    assert len(others) in ({2, 4} if turned else {0})


def test_without_networks_templates_carry_no_vector(samples: tuple[FingerSample, ...]) -> None:
    prints = FingerEngine()
    template, _ = prints.extract(samples[0])
    assert len(template.minutiae) > 0
    assert (len(template.vector), template.vector_model) == (0, "")
    assert prints.models == (extraction.MODEL,)
    assert FingerEngine.open(MANIFEST.parent).models == (extraction.MODEL, embedding.MODEL)


def test_a_picture_far_larger_than_a_finger_has_neither(embedder: Embedder) -> None:
    side = FINGER_MOST_PX * 300 // 500 + 10
    large = FingerSample(np.zeros((side, 300), np.uint8), 300.0)
    template, quality = FingerEngine(embedder).extract(large)
    assert quality.hint == TOO_LARGE
    assert (len(template.minutiae), len(template.vector)) == (0, 0)


def test_what_extraction_refuses_is_refused(embedder: Embedder) -> None:
    with pytest.raises(Malformed):
        FingerEngine(embedder).extract(FingerSample(np.zeros((300, 300, 3), np.uint8), 500.0))


def test_whole_steps_lose_next_to_nothing(
    embedder: Embedder, samples: tuple[FingerSample, ...]
) -> None:
    for sample in samples[:-1]:
        vector = embedder.embed(sample).vector
        stepped = restore(quantise(vector))
        assert float(stepped @ vector / np.linalg.norm(stepped)) > 0.9995


def test_a_number_beyond_the_steps_is_cut_off_at_either_end() -> None:
    ends = np.array([1.0, -1.0, 0.5, -0.5, 0.0, 1 / 254], np.float32)
    assert quantise(ends).tolist() == [127, -127, 127, -127, 0, 1]


@pytest.mark.real
def test_real_prints_are_looked_at_once_all_the_same(real_data: Path, embedder: Embedder) -> None:
    prints = FingerEngine(embedder)
    for path in sorted((real_data / "fingerprints").glob("FVC2002_DB[13]_B/*_2.tif")):
        image = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)
        sample = FingerSample(image, 500.0)
        check_equal_to_halves(prints.extract(sample)[0], sample, embedder)
