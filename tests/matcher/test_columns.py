"""The columns of a gallery: blocks that hold, find and forget codes."""

import numpy as np
import pytest

from benchmarks.galleries import draw_finger
from matcher.columns import FaceColumn, FingerColumn, multiply_rows
from matcher.pairing import compare, describe
from matcher.vocabulary import FingerPosition


def test_many_small_blocks_hold_as_much_as_a_large_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in {"BLOCK_FINGERS": 7, "BLOCK_MINUTIAE": 200, "BLOCK_FACES": 3}.items():
        monkeypatch.setattr(f"matcher.columns.{name}", size)
    rng = np.random.default_rng(1)
    fingers = [describe(draw_finger(rng, FingerPosition(1), 20)) for _ in range(30)]
    column, faces = FingerColumn(), FaceColumn(16)
    vectors = rng.normal(size=(10, 16)).astype(np.float32)
    handles = np.array([column.add(finger) for finger in fingers])
    face_handles = np.array([faces.add(vector) for vector in vectors])
    assert len(column.blocks) > 3
    assert len(faces.blocks) == 4
    order = rng.permutation(30)
    wanted = np.insert(handles[order], 4, -1)
    expected = np.insert([compare(fingers[3], fingers[n]) for n in order], 4, np.nan)
    assert np.array_equal(column.compare(fingers[3], wanted), expected, equal_nan=True)
    cosines = faces.compare(vectors[2], face_handles)
    assert cosines == pytest.approx(vectors @ vectors[2], abs=1e-5)


@pytest.mark.parametrize("dimensions", [1, 15, 16, 128, 131])
def test_dot_products_do_not_depend_on_their_company(dimensions: int) -> None:
    rng = np.random.default_rng(dimensions)
    matrix = rng.normal(size=(40, dimensions)).astype(np.float32)
    together = multiply_rows(matrix, np.arange(40), matrix[0])
    assert together == pytest.approx(matrix @ matrix[0], rel=1e-4, abs=1e-4)
    alone = [multiply_rows(matrix, np.array([row]), matrix[0])[0] for row in range(40)]
    assert together.tolist() == alone
