"""Writes dlib's sliding-window face detector as an ONNX model for images of any size."""

from __future__ import annotations

from dataclasses import replace

from matcher.errors import Malformed
from models.conversion.graph import GraphWriter, Value, fold_affine, fold_input, write_convolution
from models.conversion.layers import Affine, Convolution, Rectifier
from models.conversion.network import Network, read_detector

WINDOW_PX = 80
"""Side of the window that the matcher's decoding of the score map assumes."""

STRIDE_PX = 8
"""Input pixels from one score to the next that the decoding assumes."""


def convert_detector(blob: bytes) -> bytes:
    """The detector as ONNX: float32 (batch, 3, rows, columns) RGB 0-255 to (batch, 1, y, x) scores.

    Raises Malformed when the blob is not this detector, above all when its window or stride
    are not those that the matcher decodes.
    """
    detector = read_detector(blob)
    if detector.window != (WINDOW_PX, WINDOW_PX):
        raise Malformed(f"the detector's window is not {WINDOW_PX} pixels")
    writer = GraphWriter()
    source = Value("image", len(detector.network.mean), 0, 0)
    result = _write_chain(writer, source, detector.network)
    return writer.serialize("face-detector", source, result)


def _write_chain(writer: GraphWriter, source: Value, network: Network) -> Value:
    value, stride = source, 1
    for layer, rectified in _chain(network):
        value = write_convolution(writer, layer, value)
        if rectified:
            value = replace(value, name=writer.add("Relu", [value.name]))
        stride *= layer.stride[0]
    if value.channels != 1 or stride != STRIDE_PX:
        raise Malformed("the detector does not end in one map of scores")
    return value


def _chain(network: Network) -> list[tuple[Convolution, bool]]:
    """Convolutions in order, with everything folded in, and whether a rectifier follows."""
    chain: list[tuple[Convolution, bool]] = []
    for step in network.steps:
        match step:
            case Convolution():
                first = fold_input(step, network.mean) if not chain else step
                chain.append((first, False))
            case Affine() if chain and not chain[-1][1]:
                chain[-1] = (fold_affine(chain[-1][0], step), False)
            case Rectifier() if chain:
                chain[-1] = (chain[-1][0], True)
            case _:
                raise Malformed("the detector is not a plain chain of convolutions")
    return chain
