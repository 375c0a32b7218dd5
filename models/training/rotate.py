"""Turns the vectors of a trained network so that they are ordered by falling variance.

    python -m models.training.rotate finger-vector-3

A rotation changes no cosine, but a search that looks at signs or at leading numbers first then
finds most of a vector in them. The axes are the principal ones of vectors of synthetic prints that
no training saw; the rotation becomes the last layer of the network, in float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import click
import cv2
import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from matcher.codes import DIMENSIONS
from matcher.embedding import Embedder
from matcher.features import Features
from matcher.pose import PoseFinder
from matcher.runtime import MANIFEST, read_model
from matcher.spectrum import Floats
from matcher.vocabulary import TEN_FINGERS
from models.synthesis.persons import Person
from models.training.prints import FLOW_LEVELS, Row, press_once
from models.training.release import place_model

FIRST_FINGER = 3_000_000
"""Number of the first finger: far beyond those that are trained on or measured with."""

FINGERS, TAKES = 192, 2
"""With the mirror, in which each print is another finger's, six prints for each dimension: a
variance is known to about 5 %, and the order of axes that differ by less does not matter."""

FINGERS_AT_ONCE = 8
"""Fingers of one task: a few seconds, so that processes end together."""

ROTATED = "rotated"
"""Name of the last layer, by which a network is known to be turned already."""


def read_axes(vectors: Floats) -> NDArray[np.float64]:
    """Principal axes of unit vectors, shape (DIMENSIONS, DIMENSIONS), one per column.

    They are ordered by falling variance about the mean; the largest number of each is positive,
    so that the same vectors give the same axes.
    """
    _, axes = np.linalg.eigh(np.cov(vectors.astype(np.float64), rowvar=False))
    axes = axes[:, ::-1]
    largest = np.abs(axes).argmax(axis=0)
    turned: NDArray[np.float64] = axes * np.sign(axes[largest, np.arange(axes.shape[1])])
    return turned


def append_rotation(network: bytes, axes: NDArray[np.float64]) -> bytes:
    """The network with its vectors turned into the axes. Raises ValueError if it is turned."""
    model = onnx.load_from_string(network)
    graph = model.graph
    (result,) = graph.output
    if any(weights.name == ROTATED for weights in graph.initializer):
        raise ValueError("this network is turned already")
    graph.initializer.append(numpy_helper.from_array(axes.astype(np.float32), ROTATED))
    before, after = result.name, f"{result.name}_{ROTATED}"
    graph.node.append(helper.make_node("MatMul", [before, ROTATED], [after], name=ROTATED))
    result.name = after
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def press(first: int) -> list[Row]:
    """Impressions of some fingers from number `first` on, as training sees them."""
    cv2.setNumThreads(1)
    numbers = range(first, first + FINGERS_AT_ONCE)
    fingers = [(n, Person(n).finger(TEN_FINGERS[n % len(TEN_FINGERS)])) for n in numbers]
    return [press_once(finger, (n, take)) for n, finger in fingers for take in range(TAKES)]


def embed_rows(embedder: Embedder, rows: list[Row]) -> Iterator[Floats]:
    """Vectors of the prints on which a finger was seen, each followed by that of its mirror."""
    for ridges, inside, flow, *_ in rows:
        maps = flow.astype(np.float32) / np.float32(FLOW_LEVELS)
        features = Features(ridges, inside.astype(np.uint8) * np.uint8(255), maps)
        if not features.is_empty:
            yield embedder.embed_features(features).vector
            yield embedder.embed_features(mirror(features)).vector


def mirror(features: Features) -> Features:
    """The maps of a print in the mirror: sines of doubled angles change their sign."""
    flow = features.flow[:, :, ::-1] * np.array([1, -1, 1], np.float32)[:, None, None]
    ridges = np.ascontiguousarray(features.ridges[:, ::-1])
    inside = np.ascontiguousarray(features.inside[:, ::-1])
    return Features(ridges, inside, np.ascontiguousarray(flow))


def draw_vectors(embedder: Embedder, fingers: int, processes: int) -> Floats:
    """Vectors of so many fingers, TAKES prints each and their mirrors, always in one order."""
    starts = range(FIRST_FINGER, FIRST_FINGER + fingers, FINGERS_AT_ONCE)
    vectors: list[Floats] = []
    with ProcessPoolExecutor(processes) as pool, click.progressbar(length=len(starts)) as bar:
        for rows in pool.map(press, starts):
            vectors += embed_rows(embedder, rows)
            bar.update(1)
    return np.stack(vectors)


def open_embedder(network: bytes, models: Path = MANIFEST.parent) -> Embedder:
    """The network with the pose finder of the manifest."""
    open_session = partial(onnxruntime.InferenceSession, providers=["CPUExecutionProvider"])
    return Embedder(PoseFinder.open(models), open_session(network))


@click.command()
@click.argument("model_id")
@click.option("--fingers", default=FINGERS, show_default=True, help="Synthetic fingers to look at.")
@click.option("--processes", default=2, show_default=True, help="Processes side by side.")
def main(*, model_id: str, fingers: int, processes: int) -> None:
    """Turn the network MODEL_ID, which lies beside the manifest, and enter its new hash."""
    network = read_model(MANIFEST.parent, model_id)
    vectors = draw_vectors(open_embedder(network), fingers, processes)
    if len(vectors) < 2 * DIMENSIONS:
        raise click.UsageError("too few vectors to find axes in; look at more fingers")
    axes = read_axes(vectors)
    spread = (vectors @ axes).var(axis=0)
    click.echo(f"the first 64 numbers hold {100 * spread[:64].sum() / spread.sum():.1f} % of all")
    place_model(model_id, append_rotation(network, axes))


if __name__ == "__main__":
    main()
