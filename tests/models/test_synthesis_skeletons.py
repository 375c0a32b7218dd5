"""Minutiae are read from skeletons as the drawing that made them says."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from matcher.vocabulary import MinutiaKind
from models.synthesis.skeletons import find_minutiae, thin


def drawn(*lines: tuple[tuple[int, int], tuple[int, int]]) -> NDArray[np.float32]:
    canvas = np.zeros((120, 160), np.uint8)
    for start, end in lines:
        cv2.line(canvas, start, end, 255, 5)
    return canvas.astype(np.float32) - 127.0


def test_a_line_has_two_endings_whose_angles_point_along_it() -> None:
    canvas = drawn(((30, 60), (130, 60)))
    found = np.sort(find_minutiae(canvas, np.zeros_like(canvas)), order="x")
    assert list(found["kind"]) == [MinutiaKind.ENDING] * 2
    assert found["x"].tolist() == pytest.approx([30, 130], abs=4)
    assert found["y"].tolist() == pytest.approx([60, 60], abs=1)
    assert found["angle"].tolist() == pytest.approx([0.0, np.pi], abs=1e-6)


def test_a_fork_points_into_the_valley_between_its_arms() -> None:
    """The stem comes from the left; the valley that ends at the fork lies to the right."""
    canvas = drawn(((0, 60), (70, 60)), ((70, 60), (158, 30)), ((70, 60), (158, 90)))
    found = find_minutiae(canvas, np.zeros_like(canvas))
    forks = found[found["kind"] == MinutiaKind.BIFURCATION]
    assert len(forks) == 1
    assert forks["x"][0] == pytest.approx(72, abs=6)
    assert np.cos(forks["angle"][0]) == pytest.approx(1.0)


def test_a_fork_turned_round_points_the_other_way() -> None:
    canvas = drawn(((159, 60), (90, 60)), ((90, 60), (2, 30)), ((90, 60), (2, 90)))
    found = find_minutiae(canvas, np.zeros_like(canvas))
    forks = found[found["kind"] == MinutiaKind.BIFURCATION]
    assert len(forks) == 1
    assert np.cos(forks["angle"][0]) == pytest.approx(-1.0)


def test_short_spurs_are_no_minutiae() -> None:
    canvas = drawn(((0, 60), (159, 60)))
    canvas[52:60, 80:83] = 127.0
    assert not (find_minutiae(canvas, np.zeros_like(canvas))["kind"] == 2).any()


@pytest.mark.parametrize("seed", range(5))
def test_thinning_keeps_every_piece_in_one_piece(seed: int) -> None:
    noise = np.random.default_rng(seed).standard_normal((90, 110)).astype(np.float32)
    mask = cv2.GaussianBlur(noise, (0, 0), 3.0) > 0.05
    mask[[0, -1]] = mask[:, [0, -1]] = False
    skeleton = thin(mask)
    whole, _ = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    thinned, _ = cv2.connectedComponents(skeleton, connectivity=8)
    assert thinned == whole
    assert not (skeleton.astype(bool) & ~mask).any()
    blocks = skeleton[:-1, :-1] & skeleton[1:, :-1] & skeleton[:-1, 1:] & skeleton[1:, 1:]
    assert blocks.sum() <= 0.002 * skeleton.sum() + 1
