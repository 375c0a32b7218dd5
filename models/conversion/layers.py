"""Reads the layers that dlib's face networks are made of into plain values.

One record is the name of the layer, its settings and parameters, and then the state that
training left behind, which must be empty. Source: the byte layout of dlib's dnn layers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.errors import Malformed
from models.conversion.serialization import Reader

MAX_KERNEL = 16
"""Largest filter side in pixels: the detector's last layer has 9."""

MAX_CHANNELS = 1024
"""Most channels of one layer: the embedding has 256."""


@dataclass(frozen=True, slots=True, eq=False)
class Convolution:
    """A convolution. weights: (out, in, rows, columns); bias: (out,); stride, padding: (y, x)."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    stride: tuple[int, int]
    padding: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """Scale and shift per channel, float64 so that folding it rounds only once."""

    scale: NDArray[np.float64]
    shift: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rectifier:
    """Negative values become zero."""


@dataclass(frozen=True, slots=True)
class AddTagged:
    """Adds what a tag kept; the smaller side is padded with zeros in space and channels."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Maximum or mean over a window; a window of 0 by 0 means the whole plane."""

    maximum: bool
    window: tuple[int, int]
    stride: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """A fully connected layer without bias. weights: (inputs, outputs)."""

    weights: NDArray[np.float32]


Layer = Convolution | Affine | Rectifier | AddTagged | Pool | Linear


def read_layer(reader: Reader) -> Layer:
    """One layer with its leftover training state, which must be empty."""
    name = reader.string()
    if name not in _READERS:
        raise Malformed("unknown layer name in a model blob")
    layer = _READERS[name](reader)
    _read_training_state(reader)
    return layer


def _read_training_state(reader: Reader) -> None:
    for _ in range(3):
        reader.boolean()
    for _ in range(3):
        if reader.tensor().size:
            raise Malformed("a layer still carries training state")


def _pair(reader: Reader, limit: int) -> tuple[int, int]:
    return reader.count(limit), reader.count(limit)


def _read_convolution(reader: Reader) -> Convolution:
    parameters = reader.tensor().ravel()
    filters = reader.count(MAX_CHANNELS)
    kernel = _pair(reader, MAX_KERNEL)
    stride = _pair(reader, MAX_KERNEL)
    padding = _pair(reader, MAX_KERNEL)
    shape, bias_shape = reader.alias(), reader.alias()
    for _ in range(4):
        reader.number()
    _check_convolution(filters, kernel, stride, padding)
    expected = (filters, shape[1], *kernel)
    weights = math.prod(shape)
    if shape != expected or bias_shape != (1, filters, 1, 1):
        raise Malformed("a convolution's windows disagree with its settings")
    if parameters.size != weights + filters or weights == 0:
        raise Malformed("a convolution has the wrong number of parameters")
    return Convolution(
        parameters[:weights].reshape(shape), parameters[weights:].copy(), stride, padding
    )


def _check_convolution(
    filters: int, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]
) -> None:
    if filters == 0 or 0 in kernel or 0 in stride:
        raise Malformed("a convolution has no filters, no extent or no stride")
    if padding[0] >= kernel[0] or padding[1] >= kernel[1]:
        raise Malformed("a convolution is padded by more than its extent")


def _read_affine(reader: Reader) -> Affine:
    parameters = reader.tensor().ravel()
    channels = _channel_window(reader, parameters)
    reader.expect(0, what="affine mode")
    values = parameters.astype(np.float64)
    return Affine(values[:channels], values[channels:])


def _read_normalization(reader: Reader) -> Affine:
    parameters = reader.tensor().ravel()
    channels = _channel_window(reader, parameters)
    reader.tensor()
    reader.tensor()
    means, variances = reader.tensor().ravel(), reader.tensor().ravel()
    reader.count(), reader.count()
    epsilon = [reader.number() for _ in range(5)][-1]
    if means.size != channels or variances.size != channels:
        raise Malformed("a normalization has the wrong number of statistics")
    if epsilon <= 0 or (variances < 0).any():
        raise Malformed("a normalization has a variance that is not positive")
    gamma, beta = parameters[:channels].astype(np.float64), parameters[channels:]
    scale = gamma / np.sqrt(variances.astype(np.float64) + epsilon)
    return Affine(scale, beta - means.astype(np.float64) * scale)


def _channel_window(reader: Reader, parameters: NDArray[np.float32]) -> int:
    scale, shift = reader.alias(), reader.alias()
    channels = scale[1]
    if scale != (1, channels, 1, 1) or shift != scale or parameters.size != 2 * channels:
        raise Malformed("an affine layer's windows disagree with its parameters")
    return channels


def _read_pool(reader: Reader, *, maximum: bool) -> Pool:
    window, stride = _pair(reader, MAX_KERNEL), _pair(reader, MAX_KERNEL)
    if _pair(reader, MAX_KERNEL) != (0, 0):
        raise Malformed("a padded pooling layer is not supported")
    if 0 in stride or (0 in window and window != (0, 0)):
        raise Malformed("a pooling layer has no extent or no stride")
    return Pool(maximum, window, stride)


def _read_linear(reader: Reader) -> Linear:
    outputs, inputs = reader.count(MAX_CHANNELS), reader.count(MAX_CHANNELS)
    parameters = reader.tensor()
    weights, bias = reader.alias(), reader.alias()
    reader.expect(1, what="bias mode (1 means none)")
    for _ in range(4):
        reader.number()
    if weights != (inputs, outputs, 1, 1) or parameters.shape != weights or any(bias):
        raise Malformed("a fully connected layer's window disagrees with its settings")
    return Linear(parameters.reshape(inputs, outputs))


_READERS: dict[str, Callable[[Reader], Layer]] = {
    "con_4": _read_convolution,
    "affine_": _read_affine,
    "bn_con2": _read_normalization,
    "relu_": lambda _: Rectifier(),
    "add_prev_": lambda _: AddTagged(),
    "max_pool_2": lambda reader: _read_pool(reader, maximum=True),
    "avg_pool_2": lambda reader: _read_pool(reader, maximum=False),
    "fc_2": _read_linear,
}
