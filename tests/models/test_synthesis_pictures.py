"""The contact sheets mark the truth where it is."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from matcher.vocabulary import MINUTIA, FingerPosition, MinutiaKind
from models.synthesis import pictures
from models.synthesis.contact import Contact, draw_warp
from models.synthesis.fingers import Finger, Pose, grow_finger
from models.synthesis.patterns import PatternClass
from models.synthesis.skin import Build
from models.synthesis.truth import ImpressionTruth


def test_a_minutia_is_drawn_at_its_place_along_its_ridge() -> None:
    minutiae = np.zeros(1, MINUTIA)
    minutiae["x"], minutiae["y"], minutiae["kind"] = 40 * 16, 60 * 16, MinutiaKind.ENDING
    contact = Contact((0.0, 0.0), (10.0, 10.0), 2.0, 1.0)
    warp = draw_warp(np.random.default_rng(0), contact, place=(0, 0), angle=0.0, stretch=0.0)
    truth = ImpressionTruth(minutiae, Pose(150.0, 150.0, 0.0), warp, 1.0)
    picture = np.full((200, 200, 3), 255, np.uint8)
    pictures.draw_truth(picture, truth)
    rows, columns = np.nonzero((picture[:, :, 2] > 200) & (picture[:, :, 0] < 80))
    assert 36 <= columns.min() <= 41
    assert 51 <= columns.max() <= 56
    assert np.abs(rows - 60).max() <= 5
    assert (picture[150, 145:155] != 255).any()


def test_sheets_are_written_as_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finger = grow_finger(
        np.random.default_rng(0), FingerPosition.LEFT_RING, PatternClass.ARCH, Build()
    )

    def same_finger(*_: object) -> Finger:
        return finger

    monkeypatch.setattr(pictures, "grow_finger", same_finger)
    monkeypatch.setattr(pictures, "draw_slap", lambda: np.zeros((10, 10, 3), np.uint8))
    pictures.write_pictures(tmp_path / "sheets")
    for name in ("classes", "conditions", "rolled", "slap"):
        sheet = cv2.imread(str(tmp_path / "sheets" / f"{name}.jpg"))
        assert sheet is not None
        assert sheet.ndim == 3
