"""An 8-bit network runs in floats where bytes are slow, and gives nearly the same vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from matcher import precision
from matcher.embedding import MODEL, PATCH_PX, normalise
from matcher.precision import Floats, in_floats, suit
from matcher.runtime import MANIFEST, read_model


def run(content: bytes, name: str, value: Floats) -> Floats:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {name: value})[0], np.float32)


def quantised(zero: int) -> bytes:
    """One product of a row with a matrix of bytes, whose result is rounded in steps of 0.1."""
    arrays: dict[str, NDArray[Any]] = {
        "codes": np.array([[1, -2], [3, 4]], np.int8),
        "scales": np.array([0.5, 2.0], np.float32),
        "zeros": np.zeros(2, np.int8),
        "step": np.array(0.1, np.float32),
        "zero": np.array(zero, np.uint8),
    }
    nodes = [
        helper.make_node("DequantizeLinear", ["codes", "scales", "zeros"], ["weights"], axis=1),
        helper.make_node("MatMul", ["row", "weights"], ["product"]),
        helper.make_node("QuantizeLinear", ["product", "step", "zero"], ["rounded"]),
        helper.make_node("DequantizeLinear", ["rounded", "step", "zero"], ["result"]),
        helper.make_node("Neg", ["result"], ["negative"]),
    ]
    graph = helper.make_graph(
        nodes,
        "product",
        [helper.make_tensor_value_info("row", TensorProto.FLOAT, [1, 2])],
        [helper.make_tensor_value_info("negative", TensorProto.FLOAT, [1, 2])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


ROW = np.array([[1.0, 0.51]], np.float32)
PRODUCT = np.array([[1.265, 0.08]], np.float32)


def test_roundings_fall_away() -> None:
    content = in_floats(quantised(128))
    assert not {node.op_type for node in onnx.load_from_string(content).graph.node} & {
        *precision.ROUNDING
    }
    assert run(content, "row", ROW) == pytest.approx(-PRODUCT, abs=1e-6)
    assert run(content, "row", -ROW) == pytest.approx(PRODUCT, abs=1e-6)


def test_a_rounding_that_begins_at_zero_leaves_a_rectifier() -> None:
    content = in_floats(quantised(0))
    assert run(content, "row", ROW) == pytest.approx(-PRODUCT, abs=1e-6)
    assert not run(content, "row", -ROW).any()
    assert not run(quantised(0), "row", -ROW).any()


@pytest.mark.parametrize("has_them", [True, False])
def test_bytes_are_used_where_they_are_fast(
    has_them: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "has_byte_products", lambda: has_them)
    content = quantised(0)
    assert suit(content) == (content if has_them else in_floats(content))


def test_a_network_in_floats_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_byte_products", lambda: False)
    content = read_model(MANIFEST.parent, "finger-pose-1")
    assert suit(content) is content


def test_vectors_of_both_ways_are_alike() -> None:
    content = read_model(MANIFEST.parent, MODEL)
    y, x = np.mgrid[:PATCH_PX, :PATCH_PX]
    for turn in (0.0, 0.7, 2.0):
        wave = np.sin((x * np.cos(turn) + y * np.sin(turn) + 0.004 * (x - 70) ** 2) * 1.4)
        patch = np.stack([wave, np.ones_like(wave)])[None].astype(np.float32)
        one, two = (normalise(run(c, "patch", patch))[0] for c in (content, in_floats(content)))
        assert float(one @ two) > 0.999
