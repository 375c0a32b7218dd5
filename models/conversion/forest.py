"""Reads a dlib shape predictor: a cascade of regression forests that moves landmarks.

Each stage compares intensities of pixel pairs near the present landmarks and adds what the
leaves of its trees say. All trees of all stages have the same depth, so the whole cascade
fits in a few rectangular arrays, which is also how it runs fast. Source: Kazemi and Sullivan,
One Millisecond Face Alignment with an Ensemble of Regression Trees (2014).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from matcher.errors import Malformed
from models.conversion.serialization import Reader

MAX_LANDMARKS = 8
"""The model has five; one with many more was trained on data that we may not use."""

MAX_STAGES = 32
"""The model has 15 stages of 500 trees; twice that would no longer fit the time of a capture."""

MAX_TREE_NODES = 63
"""Inner nodes of one tree; the model has 15 (depth 4)."""


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """A cascade as arrays: s stages, t trees, n inner nodes, n + 1 leaves, p landmarks, f features.

    start: (p, 2), landmarks in the unit square of the face box. first, second: (s, t, n)
    feature numbers of each split; threshold: (s, t, n); leaves: (s, t, n + 1, p, 2), what each
    leaf adds to the landmarks; anchor: (s, f), the landmark a feature hangs on; offset:
    (s, f, 2), from there, in the unit square.
    """

    start: NDArray[np.float32]
    first: NDArray[np.uint16]
    second: NDArray[np.uint16]
    threshold: NDArray[np.float32]
    leaves: NDArray[np.float32]
    anchor: NDArray[np.uint8]
    offset: NDArray[np.float32]


def read_forest(blob: bytes) -> Forest:
    """The whole cascade of a shape predictor file; raises Malformed if anything disagrees."""
    reader = Reader(blob)
    reader.expect(1, what="shape predictor version")
    start = reader.column()
    if start.size % 2 or start.size > 2 * MAX_LANDMARKS:
        raise Malformed(f"the shape predictor has no 1 to {MAX_LANDMARKS} landmarks")
    stages = [_read_stage(reader, start.size) for _ in range(_stage_count(reader))]
    anchor = _rectangle([_read_anchors(reader) for _ in range(_stage_count(reader))])
    offset = _rectangle([_read_offsets(reader) for _ in range(_stage_count(reader))])
    if not reader.finished:
        raise Malformed("bytes follow the shape predictor")
    first, second, threshold, leaves = (
        _rectangle(list(part)) for part in zip(*stages, strict=True)
    )
    _check(start, (first, second, leaves), (anchor, offset))
    return Forest(
        start.reshape(-1, 2),
        first.astype(np.uint16),
        second.astype(np.uint16),
        threshold.astype(np.float32),
        leaves.reshape(*leaves.shape[:3], -1, 2).astype(np.float32),
        anchor.astype(np.uint8),
        offset.astype(np.float32),
    )


T = TypeVar("T", bound=np.generic)

Tree = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float32]]


def _stage_count(reader: Reader) -> int:
    stages = reader.count(MAX_STAGES)
    if stages == 0:
        raise Malformed("the shape predictor has no stages")
    return stages


def _read_stage(reader: Reader, values: int) -> Tree:
    trees = [_read_tree(reader, values) for _ in range(reader.count())]
    if not trees:
        raise Malformed("a stage has no trees")
    return _stack(trees)


def _read_tree(reader: Reader, values: int) -> Tree:
    splits = [
        (reader.count(), reader.count(), reader.number())
        for _ in range(reader.count(MAX_TREE_NODES))
    ]
    leaves = [reader.column() for _ in range(reader.count(MAX_TREE_NODES + 1))]
    if len(leaves) != len(splits) + 1 or len(leaves) & (len(leaves) - 1):
        raise Malformed("a tree is not complete")
    if any(leaf.size != values for leaf in leaves):
        raise Malformed("a leaf does not move every landmark")
    if not splits:
        raise Malformed("a tree has no splits")
    first, second, threshold = zip(*splits, strict=True)
    return np.array(first), np.array(second), np.array(threshold), np.stack(leaves)


def _read_anchors(reader: Reader) -> NDArray[np.int64]:
    return np.array([reader.count() for _ in range(reader.count())], dtype=np.int64)


def _read_offsets(reader: Reader) -> NDArray[np.float64]:
    pairs = [(reader.number(), reader.number()) for _ in range(reader.count())]
    return np.array(pairs, dtype=np.float64).reshape(-1, 2)


def _stack(trees: list[Tree]) -> Tree:
    """Trees of a stage, or stages of the cascade, one array level deeper."""
    first, second, threshold, leaves = zip(*trees, strict=True)
    return _rectangle(first), _rectangle(second), _rectangle(threshold), _rectangle(leaves)


def _rectangle(rows: Sequence[NDArray[T]]) -> NDArray[T]:
    if any(row.shape != rows[0].shape for row in rows):
        raise Malformed("stages or trees of different size")
    return np.stack(rows)


def _check(
    start: NDArray[np.float32],
    trees: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]],
    features: tuple[NDArray[np.int64], NDArray[np.float64]],
) -> None:
    """Every number that will index an array stays inside it."""
    first, second, leaves = trees
    anchor, offset = features
    if anchor.shape != offset.shape[:2] or anchor.shape[0] != first.shape[0]:
        raise Malformed("stages of trees and of features differ in number")
    if max(first.max(), second.max()) >= anchor.shape[1]:
        raise Malformed("a split asks for a feature that does not exist")
    if anchor.max() >= start.size // 2 or not np.isfinite(leaves).all():
        raise Malformed("a feature hangs on a landmark that does not exist")
