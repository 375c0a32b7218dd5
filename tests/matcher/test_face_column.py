"""Faces in two bytes a number: near the cosine of the vectors, and always the same."""

import numpy as np
import pytest
from numpy.typing import NDArray

from matcher.face_column import FULL_SCALE, FaceCodes, quantise
from matcher.memory import ABSENT


def draw(count: int, dimensions: int, *, spread: float = 0.5) -> NDArray[np.float32]:
    """Unit vectors about a common middle, as those of faces are."""
    rng = np.random.default_rng((count, dimensions))
    middle = rng.normal(size=dimensions)
    vectors = middle / np.linalg.norm(middle) + spread * rng.normal(
        size=(count, dimensions)
    ) / np.sqrt(dimensions)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(units, np.float32)


@pytest.mark.parametrize("dimensions", [1, 15, 16, 128, 131, 512])
def test_cosines_are_those_of_the_vectors(dimensions: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matcher.face_column.BLOCK_FACES", 300)
    vectors, column = draw(2000, dimensions), FaceCodes(dimensions)
    handles = np.array([column.add(vector) for vector in vectors])
    assert len(column.blocks) == 7
    order = np.random.default_rng(1).permutation(2000)
    found = column.compare(vectors[3], handles[order])
    exact = vectors[order].astype(float) @ vectors[3].astype(float)
    assert np.abs(found - exact).max() < 1e-4
    alone = [column.compare(vectors[3], handles[row : row + 1])[0] for row in order[:50]]
    assert found[:50].tolist() == alone


def test_the_sum_is_exact_even_where_it_runs_over_on_the_way() -> None:
    rng = np.random.default_rng(2)
    for dimensions in (1, 2, 4, 128):
        vectors = np.sign(rng.normal(size=(20, dimensions))) / np.sqrt(dimensions)
        column = FaceCodes(dimensions)
        handles = np.array([column.add(vector) for vector in vectors.astype(np.float32)])
        codes = np.array([quantise(vector) for vector in vectors.astype(np.float32)], np.int64)
        sums = (codes @ codes[0]) / FULL_SCALE**2
        found = column.compare(vectors[0].astype(np.float32), handles)
        assert found.tolist() == sums.astype(np.float32).tolist()


def test_a_vector_a_little_longer_than_one_is_kept_within_bounds() -> None:
    assert quantise(np.array([1.001, -1.001], np.float32)).tolist() == [FULL_SCALE, -FULL_SCALE]


def test_absent_faces_have_no_cosine_and_erased_ones_leave_zeros() -> None:
    column, vectors = FaceCodes(128), draw(2, 128)
    first, second = column.add(vectors[0]), column.add(vectors[1])
    found = column.compare(vectors[1], np.array([ABSENT, second, ABSENT]))
    assert np.isnan(found).tolist() == [True, False, True]
    column.erase(first)
    assert column.compare(vectors[0], np.array([first]))[0] == 0
    assert column.add(vectors[0]) not in (first, second)
    column.reuse(first)
    assert column.add(vectors[0]) == first
    for handle in range(3):
        column.erase(handle)
    assert not any(block.any() for block in column.blocks)
