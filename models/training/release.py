"""Makes a trained network part of the project: file, hash and entry of the manifest.

    python -m models.training.release finger-vector-3 .cache/training/vectors/step-012000.onnx

With --quantise its convolutions become 8-bit, with ranges taken from held-out synthetic prints.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from matcher.embedding import cut
from matcher.pose import Pose
from matcher.runtime import MANIFEST
from matcher.spectrum import Floats
from models.training.prints import WORKPLACE
from models.training.stock import Stock, open_stock

CALIBRATION_PRINTS = 192
"""Held-out prints from which the ranges of activations are taken."""


class Patches(CalibrationDataReader):
    """Hands the patches of held-out prints to the quantiser, one after another."""

    def __init__(self, stock: Stock) -> None:
        self._patches = draw_patches(stock)

    def get_next(self) -> dict[str, Floats] | None:
        """The next patch; None after the last."""
        patch = next(self._patches, None)
        return None if patch is None else {"patch": patch[None]}


def draw_patches(stock: Stock) -> Iterator[Floats]:
    """Patches of held-out prints at their true poses."""
    for index in np.linspace(0, len(stock) - 1, CALIBRATION_PRINTS).astype(int):
        x, y, angle = (float(value) for value in stock.prints.pose[index])
        yield cut(stock.features(int(index)), Pose(x, y, angle, 1.0))


def quantise(source: Path, stock: Stock) -> bytes:
    """The network with 8-bit weights and activations, one scale for each channel of weights."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "quantised.onnx"
        quantize_static(
            str(source),
            str(target),
            Patches(stock),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Add", "Relu", "Gemm", "MatMul"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        return target.read_bytes()


def enter(model_id: str, sha256: str, manifest: Path = MANIFEST) -> None:
    """Write a new hash into the entry of a model. Raises LookupError when there is none."""
    text = manifest.read_text(encoding="utf-8")
    pattern = rf'(id = "{re.escape(model_id)}"\n(?:(?!\[\[).*\n)*?sha256 = ")[0-9a-f]{{64}}(")'
    changed, count = re.subn(pattern, rf"\g<1>{sha256}\g<2>", text)
    if count != 1:
        raise LookupError(f"the manifest has no entry {model_id}")
    manifest.write_text(changed, encoding="utf-8")


def place_model(model_id: str, content: bytes) -> None:
    """Write a network beside the manifest and enter its hash; LookupError without an entry."""
    digest = hashlib.sha256(content).hexdigest()
    enter(model_id, digest)
    (MANIFEST.parent / f"{model_id}.onnx").write_bytes(content)
    click.echo(f"{model_id}: {len(content)} bytes, sha256 {digest}")


@click.command()
@click.argument("model_id")
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--quantise", "small", is_flag=True, help="Make its convolutions 8-bit.")
@click.option("--workplace", type=click.Path(path_type=Path), default=WORKPLACE)
def main(*, model_id: str, source: Path, small: bool, workplace: Path) -> None:
    """Put the file SOURCE beside the manifest as MODEL_ID and enter its hash."""
    stock = open_stock(workplace, held_out=True) if small else None
    content = quantise(source, stock) if stock else source.read_bytes()
    place_model(model_id, content)


if __name__ == "__main__":
    main()
