"""The rotation of the vectors: no cosine changes, and the leading numbers hold most."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from matcher.codes import DIMENSIONS
from matcher.embedding import MODEL, Embedder, normalise
from matcher.runtime import MANIFEST
from matcher.spectrum import Floats
from models.training import rotate
from models.training.rotate import ROTATED, append_rotation, embed_rows, press, read_axes


def make_network(weights: Floats) -> bytes:
    """A network of one layer."""
    rows, columns = weights.shape
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["patch", "weights"], ["vector"])],
        "network",
        [helper.make_tensor_value_info("patch", TensorProto.FLOAT, ["batch", rows])],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["batch", columns])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    content: bytes = model.SerializeToString()
    return content


def run(network: bytes, patches: Floats) -> Floats:
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    (vectors,) = session.run(None, {"patch": patches})
    return normalise(np.asarray(vectors, np.float32))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(4)


@pytest.fixture
def spread(rng: np.random.Generator) -> Floats:
    """Unit vectors of eight numbers, of very different spread along hidden axes."""
    hidden, _ = np.linalg.qr(rng.normal(size=(8, 8)))
    drawn = rng.normal(size=(500, 8)) * np.array([1, 5, 2, 7, 3, 6, 4, 8]) @ hidden.T
    return normalise(drawn.astype(np.float32))


def test_axes_are_a_rotation_ordered_by_falling_variance(spread: Floats) -> None:
    axes = read_axes(spread)
    np.testing.assert_allclose(axes.T @ axes, np.eye(8), atol=1e-12)
    variance = (spread @ axes).var(axis=0)
    assert np.all(np.diff(variance) < 0)
    assert variance[0] > 5 * variance[-1]


def test_the_same_vectors_give_the_same_axes_whatever_their_order(spread: Floats) -> None:
    np.testing.assert_allclose(read_axes(spread), read_axes(spread[::-1]), atol=1e-6)


def test_a_turned_network_gives_turned_vectors_and_the_same_cosines(
    rng: np.random.Generator, spread: Floats
) -> None:
    network = make_network(rng.normal(size=(20, 8)).astype(np.float32))
    patches = rng.normal(size=(30, 20)).astype(np.float32)
    axes = read_axes(spread)
    before, after = run(network, patches), run(append_rotation(network, axes), patches)
    np.testing.assert_allclose(after, before @ axes, atol=1e-6)
    np.testing.assert_allclose(after @ after.T, before @ before.T, atol=1e-6)
    assert np.abs(after - before).max() > 0.1


def test_no_network_is_turned_twice(rng: np.random.Generator, spread: Floats) -> None:
    network = make_network(rng.normal(size=(20, 8)).astype(np.float32))
    axes = read_axes(spread)
    with pytest.raises(ValueError, match="already"):
        append_rotation(append_rotation(network, axes), axes)


def test_the_mean_is_taken_from_the_shipped_network_in_the_end() -> None:
    graph = onnx.load(MANIFEST.parent / f"{MODEL}.onnx").graph
    assert graph.node[-1].output[0] == graph.output[0].name
    assert [node.op_type for node in graph.node[-2:]] == ["LpNormalization", "Sub"]


def test_its_teacher_is_turned_before_the_mean_is_taken_off() -> None:
    graph = onnx.load(MANIFEST.parent / "finger-vector-3.onnx").graph
    (weights,) = [one for one in graph.initializer if one.name == ROTATED]
    axes = numpy_helper.to_array(weights)
    assert axes.dtype == np.float32
    np.testing.assert_allclose(axes.T @ axes, np.eye(DIMENSIONS), atol=1e-5)
    assert graph.node[-1].output[0] == graph.output[0].name
    turning = [place for place, node in enumerate(graph.node) if node.name == ROTATED]
    after = [node.op_type for node in graph.node[turning[0] + 1 :]]
    assert after == ["LpNormalization", "Sub"]


def test_the_shipped_network_puts_most_into_the_leading_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of other fingers than those from which the axes were read."""
    monkeypatch.setattr(rotate, "FINGERS_AT_ONCE", 12)
    embedder = Embedder.open(MANIFEST.parent)
    vectors = np.stack(list(embed_rows(embedder, press(5_000_000))))
    assert len(vectors) > 12
    assert vectors.shape[1] == DIMENSIONS
    power = (vectors**2).mean(axis=0)
    quarters = power.reshape(4, -1).sum(axis=1)
    assert np.all(np.diff(quarters) < 0)
    assert quarters[0] > 3 * quarters[3]
