"""Writes dlib's residual embedding network as an ONNX model with a fixed input size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from matcher.errors import Malformed
from models.conversion.graph import (
    GraphWriter,
    Value,
    fold_affine,
    fold_input,
    slid,
    write_convolution,
)
from models.conversion.layers import AddTagged, Affine, Convolution, Linear, Pool, Rectifier
from models.conversion.network import Mark, Network, Step, read_embedding

MAX_INPUT_SIDE = 512
"""Pixels; the network takes 150. Keeps a damaged file from asking for absurd memory."""


def convert_embedding(blob: bytes) -> bytes:
    """The embedding as ONNX: RGB 0-255 (batch, 3, side, side) to (batch, d), not normalised.

    Raises Malformed when the blob is not such a network.
    """
    network = read_embedding(blob)
    if network.side is None or network.side > MAX_INPUT_SIDE:
        raise Malformed("the embedding's input is too large")
    writer = GraphWriter()
    source = Value("image", len(network.mean), network.side, network.side)
    result = _write_steps(writer, source, _folded(network))
    return writer.serialize("face-embedding", source, result)


def _folded(network: Network) -> list[Step]:
    """The steps with every scale and shift inside the convolution before it."""
    steps: list[Step] = []
    for step in network.steps:
        if isinstance(step, Affine):
            if not steps or not isinstance(steps[-1], Convolution):
                raise Malformed("an affine layer has no convolution before it")
            steps[-1] = fold_affine(steps[-1], step)
        else:
            steps.append(step)
    if not steps or not isinstance(steps[0], Convolution):
        raise Malformed("the embedding does not begin with a convolution")
    steps[0] = fold_input(steps[0], network.mean)
    return steps


def _write_steps(writer: GraphWriter, source: Value, steps: list[Step]) -> Value:
    """Follow the steps; `kept` is what the next addition adds, `tagged` where a branch goes on."""
    value, tagged, kept = source, source, source
    for step in steps:
        match step:
            case Mark.TAG:
                tagged = kept = value
            case Mark.BRANCH:
                value, kept = tagged, value
            case Convolution():
                value = write_convolution(writer, step, value)
            case Rectifier():
                value = replace(value, name=writer.add("Relu", [value.name]))
            case Pool():
                value = _write_pool(writer, step, value)
            case AddTagged():
                value = _write_addition(writer, value, kept)
            case Linear():
                value = _write_linear(writer, step, value)
            case _:
                raise Malformed("the embedding has a layer in an unknown place")
    if (value.rows, value.columns) != (1, 1):
        raise Malformed("the embedding does not end in a vector")
    return value


def _write_pool(writer: GraphWriter, pool: Pool, source: Value) -> Value:
    if pool.window == (0, 0):
        name = writer.add("GlobalAveragePool", [source.name])
        return Value(name, source.channels, 1, 1)
    operator = "MaxPool" if pool.maximum else "AveragePool"
    name = writer.add(
        operator, [source.name], kernel_shape=list(pool.window), strides=list(pool.stride)
    )
    return Value(name, source.channels, *slid(source, pool.window, pool.stride))


def _write_addition(writer: GraphWriter, one: Value, other: Value) -> Value:
    """Sum of both after padding each with zeros at its far ends to the larger extent."""
    channels = max(one.channels, other.channels)
    rows, columns = max(one.rows, other.rows), max(one.columns, other.columns)
    target = Value("", channels, rows, columns)
    names = [_write_padding(writer, value, target) for value in (one, other)]
    return replace(target, name=writer.add("Add", names))


def _write_padding(writer: GraphWriter, value: Value, target: Value) -> str:
    missing = (
        target.channels - value.channels,
        target.rows - value.rows,
        target.columns - value.columns,
    )
    if not any(missing):
        return value.name
    return writer.add(
        "Pad", [value.name, writer.constant(np.array([0] * 5 + [*missing], np.int64))]
    )


def _write_linear(writer: GraphWriter, layer: Linear, source: Value) -> Value:
    inputs, outputs = layer.weights.shape
    if source.channels * source.rows * source.columns != inputs:
        raise Malformed("the last layer does not fit the layer before it")
    flat = writer.add("Flatten", [source.name])
    name = writer.add("MatMul", [flat, writer.constant(layer.weights)])
    return Value(name, outputs, 1, 1)
