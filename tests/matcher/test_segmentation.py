"""The finger is found, and nothing else, on any ground."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from matcher.ridges import measure, normalise
from matcher.segmentation import join, segment
from matcher.spectrum import analyse

Draw = Callable[..., Any]


def mask_of(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    flat, contrast = normalise(image)
    return segment(measure(analyse(flat)), contrast, (image.shape[0], image.shape[1]))


def overlap(one: NDArray[np.bool_], two: NDArray[np.bool_]) -> float:
    return float((one & two).sum() / max(1, (one | two).sum()))


@pytest.mark.parametrize("ground", [245.0, 230.0, 215.0])
@pytest.mark.parametrize("noise", [0.0, 25.0])
def test_the_area_of_a_drawn_finger_is_found(drawing: Draw, ground: float, noise: float) -> None:
    drawn = drawing(bend=220.0, axes=(0.36, 0.36))
    assert overlap(mask_of(drawn.image(ground=ground, noise=noise)), drawn.inside()) > 0.82


@pytest.mark.parametrize("border", [0, 255])
def test_a_black_or_white_frame_is_not_finger(drawing: Draw, border: int) -> None:
    drawn = drawing(shape=(300, 280), axes=(0.3, 0.3))
    image = drawn.image(ground=200, noise=6)
    image[:, :20] = image[:, -20:] = border
    image[:20] = image[-20:] = border
    assert overlap(mask_of(image), drawn.inside()) > 0.75


def test_lines_and_letters_of_a_card_are_not_finger(drawing: Draw) -> None:
    drawn = drawing(axes=(0.28, 0.28))
    image = drawn.image(noise=4)
    cv2.line(image, (0, 30), (279, 30), 0, 3)
    cv2.line(image, (10, 0), (10, 299), 0, 2)
    cv2.putText(image, "RIGHT", (90, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 0, 2)
    assert overlap(mask_of(image), drawn.inside()) > 0.75


def test_a_ghost_print_beside_the_finger_is_not_finger(drawing: Draw) -> None:
    finger = drawing(shape=(320, 400), axes=(0.36, 0.2))
    ghost = drawing(shape=(320, 400), normal=150.0, axes=(0.36, 0.2))
    left, right = np.roll(finger.inside(), -95, axis=1), np.roll(ghost.inside(), 95, axis=1)
    image = np.roll(finger.image(ink=180), -95, axis=1)
    image[right] = np.roll(ghost.image(ink=12), 95, axis=1)[right]
    found = mask_of(image)
    assert found[left].mean() > 0.85
    assert found[right].mean() < 0.1


def test_small_holes_are_filled_and_large_ones_stay() -> None:
    cells = np.zeros((30, 40), np.bool_)
    cells[2:28, 2:38] = True
    small, large = cells.copy(), cells.copy()
    small[10:16, 10:18] = False
    large[6:24, 8:32] = False
    assert join(small, small)[10:16, 10:18].all()
    assert not join(large, large)[10:20, 12:28].any()


def test_islands_without_a_sure_cell_and_tiny_ones_are_dropped() -> None:
    cells = np.zeros((30, 40), np.bool_)
    cells[2:12, 2:12] = cells[15:25, 15:25] = True
    cells[20:23, 32:35] = True
    sure = np.zeros_like(cells)
    sure[6, 6] = sure[21, 33] = True
    joined = join(cells, sure)
    assert joined[5:9, 5:9].all()
    assert not joined[13:].any()


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_an_even_surface_is_not_finger(grey: int) -> None:
    assert not mask_of(np.full((200, 180), grey, np.uint8)).any()


def test_noise_is_not_finger() -> None:
    rng = np.random.default_rng(7)
    for blur in (0, 3, 7):
        noise = rng.integers(0, 256, (300, 300)).astype(np.uint8)
        smooth = np.asarray(cv2.GaussianBlur(noise, (blur, blur), 0), np.uint8) if blur else noise
        assert mask_of(smooth).mean() < 0.1
