"""Takes from the vectors what all real prints have in common, which synthetic prints lack.

    python -m benchmarks.embedding_centre finger-vector-3

The network never saw a real print; it answers to all of them with a common part, about 0.4 of a
vector's length, that says nothing about the finger. The command measures the mean vector of odd
fingers, each set counting alike, and appends its removal to the network's file: length one, less
the mean. Cosines change, so the model needs a new id. Even fingers take no part, and the mean of
four sets serves the fifth nearly as well (see the model card).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import click
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.prints import DATA, SETS, read_set
from benchmarks.vectors import Vectors, embed_all
from matcher.codes import DIMENSIONS
from matcher.embedding import Embedder
from matcher.pose import PoseFinder
from matcher.runtime import MANIFEST, manifest, open_session
from matcher.spectrum import Floats
from models.training.release import enter

LEAST_LENGTH = 0.15
"""Length of the mean below which nothing is left to take away: centred before, it is 0.1."""


def find_mean(vectors: Vectors) -> Floats:
    """Mean vector of odd fingers; every set and every finger of it counts alike."""
    means = []
    for name in np.unique(vectors.set_name):
        inside = (vectors.set_name == name) & vectors.is_odd
        fingers = np.unique(vectors.finger[inside])
        means.append(
            np.mean([vectors.vector[vectors.finger == one].mean(axis=0) for one in fingers], axis=0)
        )
    return np.asarray(np.mean(means, axis=0), np.float32)


def append_centre(model: onnx.ModelProto, mean: Floats) -> None:
    """Let a network bring its vectors to length one and take the mean from them, in place."""
    output = model.graph.output[0].name
    source = f"{output}_as_learnt"
    for node in model.graph.node:
        node.output[:] = [source if name == output else name for name in node.output]
        node.input[:] = [source if name == output else name for name in node.input]
    constant = numpy_helper.from_array(mean.reshape(1, DIMENSIONS), "mean_of_real_prints")
    model.graph.initializer.append(constant)
    unit = f"{output}_unit"
    model.graph.node.extend(
        [
            helper.make_node("LpNormalization", [source], [unit], axis=1, p=2),
            helper.make_node("Sub", [unit, constant.name], [output]),
        ]
    )
    # Nothing else keeps the type of the source from being guessed wrongly by older runtimes.
    shape: tuple[str, int] = ("batch", DIMENSIONS)
    model.graph.value_info.append(helper.make_tensor_value_info(source, TensorProto.FLOAT, shape))
    onnx.checker.check_model(model)


@click.command()
@click.argument("model_id")
@click.option("--data", type=click.Path(path_type=Path), default=DATA, help="Where the sets lie.")
def main(*, model_id: str, data: Path) -> None:
    """Centre the network MODEL_ID beside the manifest, and enter its new hash there."""
    folder = MANIFEST.parent
    embedder = Embedder(PoseFinder.open(folder), open_session(folder, model_id))
    prints = [one for name in SETS for one in read_set(name, data)]
    mean = find_mean(embed_all(embedder, prints))
    length = float(np.linalg.norm(mean))
    if length < LEAST_LENGTH:
        raise click.ClickException(f"the mean has length {length:.2f}: centred before")
    path = folder / manifest()[model_id].file
    model = onnx.load(path)
    append_centre(model, mean)
    content = model.SerializeToString()
    path.write_bytes(content)
    enter(model_id, hashlib.sha256(content).hexdigest())
    click.echo(f"{model_id}: mean of length {length:.3f} taken away")


if __name__ == "__main__":
    main()
