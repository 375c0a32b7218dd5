"""Reading dlib's serialization and writing ONNX, checked on hand-made blobs."""

from __future__ import annotations

import io
import math
import random
from collections.abc import Callable, Sequence

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from matcher.errors import Malformed
from matcher.face_landmarks import LandmarkCascade
from models.conversion.detector import convert_detector
from models.conversion.embedding import convert_embedding
from models.conversion.landmarks import convert_landmarks
from models.conversion.serialization import Reader

Array = NDArray[np.float32]
rng = np.random.default_rng(7)


# A writer of the same format, written from its description and not from the reader.


def integer(value: int) -> bytes:
    body = abs(value).to_bytes(max((abs(value).bit_length() + 7) // 8, 1), "little")
    return bytes([len(body) | (0x80 if value < 0 else 0)]) + body


def number(value: float) -> bytes:
    mantissa, exponent = math.frexp(value)
    return integer(int(mantissa * 2**53)) + integer(exponent - 53)


def text(value: str) -> bytes:
    return integer(len(value)) + value.encode()


def tensor(values: Array, shape: tuple[int, int, int, int] | None = None) -> bytes:
    extents = b"".join(integer(n) for n in shape or (values.size, 1, 1, 1))
    return integer(2) + extents + values.astype("<f4").tobytes()


def alias(*shape: int) -> bytes:
    return integer(1) + b"".join(integer(n) for n in shape)


NOTHING = tensor(np.zeros(0, np.float32), (0, 0, 0, 0))
STATE = b"110" + 3 * NOTHING


def convolution(weights: Array, bias: Array, stride: int) -> bytes:
    filters, _, rows, columns = weights.shape
    padding = rows // 2 if stride == 1 else 0
    settings_ = (filters, rows, columns, stride, stride, padding, padding)
    head = text("con_4") + tensor(np.concatenate([weights.ravel(), bias]))
    head += b"".join(integer(n) for n in settings_)
    head += alias(*weights.shape) + alias(1, filters, 1, 1)
    return head + b"".join(number(x) for x in (1, 1, 1, 0))


def affine(scale: Array, shift: Array) -> bytes:
    window = alias(1, len(scale), 1, 1)
    return text("affine_") + tensor(np.concatenate([scale, shift])) + 2 * window + integer(0)


def normalization(scale: Array, shift: Array, mean: Array, variance: Array) -> bytes:
    window = alias(1, len(scale), 1, 1)
    inner = tensor(np.concatenate([scale, shift])) + 2 * window + 2 * NOTHING
    numbers = b"".join(number(x) for x in (1, 0, 1, 1, 1e-5))
    return text("bn_con2") + inner + tensor(mean) + tensor(variance) + 2 * integer(100) + numbers


def pool(kind: str, window: int, stride: int) -> bytes:
    values = (window, window, stride, stride, 0, 0)
    return text(f"{kind}_pool_2") + b"".join(integer(n) for n in values)


def linear(weights: Array) -> bytes:
    inputs, outputs = weights.shape
    head = (
        text("fc_2") + integer(outputs) + integer(inputs) + tensor(weights, (*weights.shape, 1, 1))
    )
    head += alias(inputs, outputs, 1, 1) + alias(0, 0, 0, 0) + integer(1)
    return head + b"".join(number(x) for x in (1, 1, 1, 0))


MEAN = (122.0, 117.0, 104.0)


def network(loss: bytes, input_layer: bytes, steps: Sequence[bytes | str]) -> bytes:
    """Steps from input to output: the bytes of a layer, or "tag" or "branch"."""
    versions: list[int] = []
    for step in steps:
        versions += {"tag": [1], "branch": [1, 1]}.get(step, [2]) if isinstance(step, str) else [2]
    versions[0] = 3
    blob = integer(1) + loss + b"".join(integer(v) for v in reversed(versions)) + input_layer
    layers = [step + STATE for step in steps if isinstance(step, bytes)]
    return blob + layers[0] + integer(1) + b"".join(layers[1:])


def means() -> bytes:
    return b"".join(number(x) for x in MEAN)


def draw(*shape: int) -> Array:
    return rng.normal(0, 1 / math.sqrt(math.prod(shape[1:]) or 1), shape).astype(np.float32)


# The stupid oracle: loops over pixels, no folding, padding by hand.


def slide(image: Array, weights: Array, bias: Array, stride: int) -> Array:
    padding = weights.shape[2] // 2 if stride == 1 else 0
    padded = np.pad(image.astype(np.float64), ((0, 0), (padding,) * 2, (padding,) * 2))
    size = weights.shape[2]
    rows, columns = ((n - size) // stride + 1 for n in padded.shape[1:])
    out = np.zeros((len(weights), rows, columns))
    for k in range(len(weights)):
        for i in range(rows):
            for j in range(columns):
                patch = padded[:, i * stride : i * stride + size, j * stride : j * stride + size]
                out[k, i, j] = (patch * weights[k]).sum() + bias[k]
    return out.astype(np.float32)


def pooled(image: Array, size: int, stride: int, how: Callable[..., Array]) -> Array:
    rows, columns = ((n - size) // stride + 1 for n in image.shape[1:])
    out = np.zeros((len(image), rows, columns), np.float32)
    for i in range(rows):
        for j in range(columns):
            patch = image[:, i * stride : i * stride + size, j * stride : j * stride + size]
            out[:, i, j] = how(patch.reshape(len(image), -1), axis=1)
    return out


def added(one: Array, other: Array) -> Array:
    out = np.zeros(np.maximum(one.shape, other.shape), np.float32)
    for part in (one, other):
        out[tuple(slice(n) for n in part.shape)] += part
    return out


def relu(values: Array) -> Array:
    return np.maximum(values, 0)


def run(model: bytes, image: Array) -> Array:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: image[None]})[0][0])


def scaled(image: Array) -> Array:
    return ((image - np.array(MEAN, np.float32)[:, None, None]) / 256).astype(np.float32)


def small_embedding() -> tuple[bytes, Callable[[Array], Array]]:
    """A residual network with one plain and one shrinking block, and its oracle."""
    first, plain, shrink, last = draw(4, 3, 5, 5), draw(4, 4, 3, 3), draw(6, 4, 3, 3), draw(6, 5)
    bias = [draw(4), draw(4), draw(6)]
    scale, shift = [draw(4), draw(4), draw(6)], [draw(4), draw(4), draw(6)]
    relu_, add = text("relu_"), text("add_prev_")
    steps: list[bytes | str] = [
        *(convolution(first, bias[0], 2), affine(scale[0], shift[0]), relu_, pool("max", 3, 2)),
        *("tag", convolution(plain, bias[1], 1), affine(scale[1], shift[1]), add, relu_),
        *("tag", convolution(shrink, bias[2], 2), affine(scale[2], shift[2])),
        *("branch", pool("avg", 2, 2), add, relu_, pool("avg", 0, 1), linear(last)),
    ]
    loss = text("loss_metric_2") + number(0.04) + number(0.6)
    input_layer = text("input_rgb_image_sized") + means() + 2 * integer(27)

    def norm(values: Array, k: int) -> Array:
        return values * scale[k][:, None, None] + shift[k][:, None, None]

    def oracle(image: Array) -> Array:
        x = relu(norm(slide(scaled(image), first, bias[0], 2), 0))
        x = pooled(x, 3, 2, np.max)
        x = relu(added(norm(slide(x, plain, bias[1], 1), 1), x))
        x = relu(added(norm(slide(x, shrink, bias[2], 2), 2), pooled(x, 2, 2, np.mean)))
        return np.asarray(x.mean(axis=(1, 2)) @ last, np.float32)

    return network(loss, input_layer, steps), oracle


def small_detector() -> tuple[bytes, Callable[[Array], Array]]:
    """Three halving layers and a score layer, and its oracle."""
    weights = [draw(3, 3, 5, 5), draw(4, 3, 5, 5), draw(4, 4, 5, 5), draw(1, 4, 3, 3)]
    bias = [draw(len(w)) for w in weights]
    sides = [(draw(n), draw(n), draw(n), draw(n) ** 2 + np.float32(0.1)) for n in (3, 4, 4)]
    steps: list[bytes | str] = []
    for w, b, side in zip(weights[:3], bias[:3], sides, strict=True):
        steps += [convolution(w, b, 2), normalization(*side), text("relu_")]
    steps.append(convolution(weights[3], bias[3], 1))
    options = integer(1) + 2 * integer(80)
    options += b"".join(number(x) for x in (1, 1, 0.5, 0.338, 1, 0.5, 1))
    loss = text("loss_mmod_") + options

    def oracle(image: Array) -> Array:
        x = scaled(image)
        for w, b, (scale, shift, mean, variance) in zip(weights[:3], bias[:3], sides, strict=True):
            x = slide(x, w, b, 2)
            even = (x - mean[:, None, None]) / np.sqrt(variance + 1e-5)[:, None, None]
            x = relu((even * scale[:, None, None] + shift[:, None, None]).astype(np.float32))
        return slide(x, weights[3], bias[3], 1)

    return network(loss, text("input_rgb_image_pyramid") + means(), steps), oracle


def column(values: Array) -> bytes:
    return integer(-len(values)) + integer(-1) + b"".join(number(float(v)) for v in values)


def split(features: int) -> tuple[int, int, float]:
    one, two = rng.integers(0, features, 2)
    return int(one), int(two), float(rng.normal(0, 40))


def small_forest(features: int = 9) -> tuple[bytes, Callable[[Array, Array, Array], Array]]:
    """Two stages of three trees of depth two over five landmarks, and dlib's walk in loops."""
    start = rng.uniform(0.3, 0.7, 10).astype(np.float32)
    splits = [[[split(features) for _ in range(3)] for _ in range(3)] for _ in range(2)]
    leaves = rng.normal(0, 0.02, (2, 3, 4, 10)).astype(np.float32)
    anchors = rng.integers(0, 5, (2, features))
    offsets = rng.normal(0, 0.15, (2, features, 2)).astype(np.float32)
    blob = integer(1) + column(start) + integer(2)
    for stage in range(2):
        blob += integer(3)
        for tree in range(3):
            blob += integer(3)
            for one, two, threshold in splits[stage][tree]:
                blob += integer(one) + integer(two) + number(threshold)
            blob += integer(4) + b"".join(column(leaf) for leaf in leaves[stage, tree])
    blob += integer(2)
    for stage in range(2):
        blob += integer(features) + b"".join(integer(int(a)) for a in anchors[stage])
    blob += integer(2)
    for stage in range(2):
        blob += integer(features)
        blob += b"".join(number(float(v)) for v in offsets[stage].ravel())

    def oracle(grey: Array, corner: Array, extent: Array) -> Array:
        origin, shape = start.reshape(5, 2), start.reshape(5, 2).astype(np.float64)
        for stage in range(2):
            a, b = origin - origin.mean(0), shape - shape.mean(0)
            z, w = a[:, 0] + 1j * a[:, 1], b[:, 0] + 1j * b[:, 1]
            turn = (z.conj() * w).sum() / (abs(z) ** 2).sum()
            values = []
            for anchor, offset in zip(anchors[stage], offsets[stage], strict=True):
                moved = turn * complex(*offset)
                point = (shape[anchor] + (moved.real, moved.imag)) * extent + corner
                column_, row = (math.floor(v + 0.5) for v in point)
                inside = 0 <= row < grey.shape[0] and 0 <= column_ < grey.shape[1]
                values.append(float(grey[row, column_]) if inside else 0.0)
            for tree in range(3):
                node = 0
                while node < 3:
                    one, two, threshold = splits[stage][tree][node]
                    node = 2 * node + (1 if values[one] - values[two] > threshold else 2)
                shape = shape + leaves[stage, tree, node - 3].reshape(5, 2)
        return np.asarray(shape * extent + corner, np.float32)

    return blob, oracle


BLOBS = {
    "embedding": (small_embedding()[0], convert_embedding),
    "detector": (small_detector()[0], convert_detector),
    "landmarks": (small_forest()[0], convert_landmarks),
}


@given(st.integers(-(2**64) + 1, 2**64 - 1))
def test_integers_survive_the_format(value: int) -> None:
    assert Reader(integer(value)).integer() == value


@given(st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False))
def test_numbers_survive_the_format(value: float) -> None:
    assert Reader(number(value)).number() == value


def test_an_embedding_computes_what_its_layers_say() -> None:
    blob, oracle = small_embedding()
    image = rng.uniform(0, 255, (3, 27, 27)).astype(np.float32)
    np.testing.assert_allclose(run(convert_embedding(blob), image), oracle(image), atol=2e-4)


def test_a_detector_computes_what_its_layers_say_on_any_size() -> None:
    blob, oracle = small_detector()
    model = convert_detector(blob)
    for size in ((40, 53), (61, 33)):
        image = rng.uniform(0, 255, (3, *size)).astype(np.float32)
        np.testing.assert_allclose(run(model, image), oracle(image), atol=2e-4)


def test_the_fast_cascade_walks_like_dlibs_loops() -> None:
    for _ in range(10):
        blob, oracle = small_forest()
        arrays = np.load(io.BytesIO(convert_landmarks(blob)))
        cascade = LandmarkCascade({name: arrays[name] for name in arrays.files})
        grey = np.floor(rng.uniform(0, 255, (60, 50))).astype(np.float32)
        corner, extent = np.array([4.3, -3.1], np.float32), np.array([41, 55], np.float32)
        np.testing.assert_allclose(
            cascade.follow(grey, corner, extent), oracle(grey, corner, extent), atol=1e-3
        )


@pytest.mark.parametrize("kind", BLOBS)
def test_conversion_gives_the_same_bytes_every_time(kind: str) -> None:
    blob, convert = BLOBS[kind]
    assert convert(blob) == convert(blob)


@pytest.mark.parametrize("kind", BLOBS)
def test_every_truncated_blob_is_malformed(kind: str) -> None:
    blob, convert = BLOBS[kind]
    for length in {*range(0, len(blob), 37), *range(200), len(blob) - 1}:
        with pytest.raises(Malformed):
            convert(blob[:length])


@pytest.mark.parametrize("kind", BLOBS)
def test_bytes_after_the_end_are_malformed(kind: str) -> None:
    blob, convert = BLOBS[kind]
    with pytest.raises(Malformed):
        convert(blob + b"\x01\x01")


@pytest.mark.parametrize("kind", BLOBS)
@settings(max_examples=150)
@given(seed=st.integers(0, 2**32))
def test_a_damaged_blob_converts_or_is_malformed_and_never_fails_otherwise(
    kind: str, seed: int
) -> None:
    blob, convert = BLOBS[kind]
    dice = random.Random(seed)
    damaged = bytearray(blob)
    for _ in range(dice.randint(1, 4)):
        damaged[int(len(damaged) * dice.random() ** 2)] = dice.randrange(256)
    try:
        convert(bytes(damaged))
    except Malformed:
        return


@given(st.binary(max_size=300))
def test_random_bytes_are_malformed(blob: bytes) -> None:
    for _, convert in BLOBS.values():
        with pytest.raises(Malformed):
            convert(blob)


def test_a_cascade_with_too_many_landmarks_is_refused() -> None:
    blob = integer(1) + column(np.zeros(136, np.float32))
    with pytest.raises(Malformed, match="landmarks"):
        convert_landmarks(blob)


def test_a_split_on_a_missing_feature_is_refused() -> None:
    few, _ = small_forest(features=4)
    many, _ = small_forest(features=9)
    stages = many.rindex(integer(2) + integer(9), 0, many.rindex(integer(2) + integer(9)))
    start = few.rindex(integer(2) + integer(4), 0, few.rindex(integer(2) + integer(4)))
    with pytest.raises(Malformed):
        convert_landmarks(many[:stages] + few[start:])


def test_a_detector_with_another_window_is_refused() -> None:
    blob, _ = small_detector()
    with pytest.raises(Malformed, match="window"):
        convert_detector(blob.replace(2 * integer(80), 2 * integer(64), 1))
