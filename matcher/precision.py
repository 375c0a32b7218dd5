"""Whether an 8-bit network runs in 8 bits or in float32, as the processor has it.

A processor with products of bytes runs 8-bit networks in a third of the time. One without takes
longer over them than over float32, and worse, it adds pairs of products in 16 bits and cuts off
what does not fit. There the same file runs in float32: its 8-bit weights as they are, and results
between the layers no longer rounded to bytes. Vectors of finger-vector-3 had a cosine of 0.9998
between the two ways (worst of 183 prints 0.9994), nearer than those of bytes on either processor
(0.9998, 0.9993). Those of finger-vector-4 are known on a processor without such products alone,
where floats and bytes that were cut off have 0.9997, and 0.997 at worst.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from llvmlite import binding
from numpy.typing import NDArray

BYTE_PRODUCTS = frozenset({"avx512vnni", "avxvnni", "avxvnniint8", "dotprod", "i8mm"})
"""Instructions, by LLVM's names, that add four products of bytes in 32 bits at once."""

Floats = NDArray[np.float32]
Arrays = Mapping[str, NDArray[Any]]
Node = Any
"""A node of a graph: onnx has no types."""

ROUNDING = ("QuantizeLinear", "DequantizeLinear")
"""Operators between floats and bytes."""

SIGNED = ("Conv", "Add", "Gemm", "MatMul")
"""Operators whose results may be negative, which a rounding that begins at zero cuts off."""


@cache
def has_byte_products() -> bool:
    """Whether this processor multiplies and adds bytes in one go."""
    features = binding.get_host_cpu_features()
    return any(features.get(name, False) for name in BYTE_PRODUCTS)


def suit(content: bytes) -> bytes:
    """A network as this processor runs it best; most are returned as they are."""
    if has_byte_products() or b"QuantizeLinear" not in content:
        return content
    return in_floats(content)


def in_floats(content: bytes) -> bytes:
    """An 8-bit network, ONNX with roundings between its operators, without these roundings.

    Those that begin at zero have taken the place of rectifiers, which are put back.
    """
    # Takes a tenth of a second, and most processors have no use for it.
    import onnx  # noqa: PLC0415

    model = onnx.load_model_from_string(content)
    graph = model.graph
    arrays = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    floats = dict(restore_weights(graph.node, arrays))
    nodes = list(drop_roundings(graph.node, arrays, set(floats)))
    used = {name for node in nodes for name in node.input}
    kept = {name: one for name, one in (arrays | floats).items() if name in used}
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.initializer[:]
    graph.initializer.extend(onnx.numpy_helper.from_array(kept[name], name) for name in kept)
    return bytes(model.SerializeToString())


def restore_weights(nodes: Sequence[Node], arrays: Arrays) -> Iterator[tuple[str, Floats]]:
    """Weights that the nodes make floats of: their names and values."""
    for node in nodes:
        if node.op_type != "DequantizeLinear" or node.input[0] not in arrays:
            continue
        codes, scale, zero = (arrays[name].astype(np.float32) for name in node.input)
        # One scale, or one for each place on an axis; the operator's own default is axis 1.
        axis = next((one.i for one in node.attribute if one.name == "axis"), 1)
        shape = [-1 if scale.size > 1 and place == axis else 1 for place in range(codes.ndim)]
        yield node.output[0], (codes - zero.reshape(shape)) * scale.reshape(shape)


def drop_roundings(nodes: Sequence[Node], arrays: Arrays, floats: set[str]) -> Iterator[Node]:
    """The nodes without roundings, each fed by what was rounded for it."""
    import onnx  # noqa: PLC0415

    roundings = [node for node in nodes if node.op_type in ROUNDING]
    fed = {node.output[0]: node.input[0] for node in roundings if node.output[0] not in floats}
    rectified = {
        node.input[0]
        for node in roundings
        if node.op_type == "QuantizeLinear" and not arrays[node.input[2]].any()
    }
    for node in nodes:
        if node.op_type in ROUNDING:
            continue
        for place, name in enumerate(node.input):
            node.input[place] = trace_back(fed, name)
        result = node.output[0]
        if node.op_type in SIGNED and result in rectified:
            node.output[0] = f"{result}/signed"
            yield node
            yield onnx.helper.make_node("Relu", [node.output[0]], [result])
        else:
            yield node


def trace_back(fed: Mapping[str, str], name: str) -> str:
    """What was rounded, once or more, to a result of this name."""
    return trace_back(fed, fed[name]) if name in fed else name
