"""Writes networks as ONNX models, byte for byte the same on every machine.

Scales and shifts are folded into the convolutions before them, in float64 and with exactly
rounded sums, so that a fixed SHA-256 can stand in the manifest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from matcher.errors import Malformed
from models.conversion.layers import Affine, Convolution

OPSET = 17
"""Operator set that every onnxruntime of the last years reads."""

IR_VERSION = 8
"""File format version that belongs to operator set 17."""

PIXEL_SCALE = 256.0
"""dlib divides mean-free colour values by 256, not by 255."""


@dataclass(frozen=True, slots=True)
class Value:
    """One intermediate result: its name in the graph and its extent per image.

    channels: known; rows and columns: 0 when the network takes images of any size.
    """

    name: str
    channels: int
    rows: int
    columns: int


class GraphWriter:
    """Collects nodes and constants of one ONNX graph in order."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def add(self, operator: str, inputs: Sequence[str], **attributes: list[int]) -> str:
        """Append one node and return the name of its output."""
        name = f"v{len(self._nodes)}"
        node = helper.make_node(operator, list(inputs), [name])
        for key, values in attributes.items():
            node.attribute.append(helper.make_attribute(key, values))
        self._nodes.append(node)
        return name

    def constant(self, values: NDArray[np.generic]) -> str:
        """Store an array in the file and return its name."""
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def serialize(self, name: str, source: Value, result: Value) -> bytes:
        """The finished file, checked against the ONNX rules."""
        output_shape: list[str | int] = (
            ["batch", result.channels, "out_rows", "out_columns"]
            if source.rows == 0
            else ["batch", result.channels]
        )
        graph = helper.make_graph(
            self._nodes,
            name,
            [helper.make_tensor_value_info(source.name, TensorProto.FLOAT, _input_shape(source))],
            [helper.make_tensor_value_info(result.name, TensorProto.FLOAT, output_shape)],
            self._constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        model.ir_version = IR_VERSION
        model.producer_name = "eurodac-node"
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))


def _input_shape(source: Value) -> list[str | int]:
    if source.rows == 0:
        return ["batch", source.channels, "rows", "columns"]
    return ["batch", source.channels, source.rows, source.columns]


def fold_input(layer: Convolution, mean: Sequence[float]) -> Convolution:
    """A convolution that takes colour values 0-255 instead of (value - mean) / 256.

    Raises Malformed for a padded layer, whose border would change.
    """
    if layer.padding != (0, 0) or layer.weights.shape[1] != len(mean):
        raise Malformed("the first convolution cannot take the input scaling")
    weights = layer.weights.astype(np.float64) / PIXEL_SCALE
    weighted = weights * np.array(mean, dtype=np.float64)[None, :, None, None]
    shift = np.array([math.fsum(part.ravel().tolist()) for part in weighted])
    bias = layer.bias.astype(np.float64) - shift
    return Convolution(_narrow(weights), _narrow(bias), layer.stride, layer.padding)


def fold_affine(layer: Convolution, affine: Affine) -> Convolution:
    """A convolution followed by scale and shift, as one convolution."""
    if affine.scale.size != layer.bias.size:
        raise Malformed("an affine layer does not fit the convolution before it")
    weights = layer.weights * affine.scale[:, None, None, None]
    bias = layer.bias * affine.scale + affine.shift
    return Convolution(_narrow(weights), _narrow(bias), layer.stride, layer.padding)


def _narrow(values: NDArray[np.float64]) -> NDArray[np.float32]:
    if not (np.abs(values) <= np.finfo(np.float32).max).all():
        raise Malformed("a folded weight is too large")
    return values.astype(np.float32)


def write_convolution(writer: GraphWriter, layer: Convolution, source: Value) -> Value:
    """Append a convolution."""
    filters, channels, rows, columns = layer.weights.shape
    if channels != source.channels:
        raise Malformed("a convolution does not fit the layer before it")
    name = writer.add(
        "Conv",
        [source.name, writer.constant(layer.weights), writer.constant(layer.bias)],
        kernel_shape=[rows, columns],
        strides=list(layer.stride),
        pads=[*layer.padding, *layer.padding],
    )
    window = (rows - 2 * layer.padding[0], columns - 2 * layer.padding[1])
    return Value(name, filters, *slid(source, window, layer.stride))


def slid(source: Value, window: tuple[int, int], stride: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns after sliding a window; 0 stays 0, the unknown size.

    >>> slid(Value("x", 3, 150, 150), (7, 7), (2, 2))
    (72, 72)
    """
    if source.rows == 0:
        return 0, 0
    rows = (source.rows - window[0]) // stride[0] + 1
    columns = (source.columns - window[1]) // stride[1] + 1
    if rows < 1 or columns < 1:
        raise Malformed("a window is larger than the plane under it")
    return rows, columns
