"""Reads a whole dlib network: loss, nesting, input layer, then the layers from input to output.

dlib nests every layer around the one below it, so a file begins with the versions of all
layers from the output inwards and continues with their contents from the input outwards.
A version of 2 is a layer, 3 the innermost layer, 1 a tag or a skip, which have no content.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from matcher.errors import Malformed
from models.conversion.layers import Layer, read_layer
from models.conversion.serialization import Reader

MAX_NESTING = 400
"""Layers, tags and skips of one network; the embedding has 131."""

_MARK, _LAYER, _INNERMOST = 1, 2, 3
_NETWORK_VERSION = 1


class Mark(Enum):
    """A place in the network without parameters.

    TAG keeps the value at this place; BRANCH keeps it under a second tag and goes on from
    the value of the last TAG (dlib: a tag followed by a skip).
    """

    TAG = 1
    BRANCH = 2


Step = Layer | Mark


@dataclass(frozen=True, slots=True)
class Network:
    """A network from input to output. mean: subtracted from red, green, blue before scaling.

    side: extent of the square input in pixels, None when any size is accepted.
    """

    mean: tuple[float, float, float]
    side: int | None
    steps: tuple[Step, ...]


def read_embedding(blob: bytes) -> Network:
    """The metric network; the loss settings in front are of no use after training."""
    reader = Reader(blob)
    _read_loss(reader, "loss_metric_2")
    reader.number(), reader.number()
    return _read_network(reader, "input_rgb_image_sized")


@dataclass(frozen=True, slots=True)
class Detector:
    """A sliding-window detector: its network, window in pixels and overlap that it suppresses."""

    network: Network
    window: tuple[int, int]
    overlap: float


def read_detector(blob: bytes) -> Detector:
    """The max-margin object detector with the window and overlap that it was trained for."""
    reader = Reader(blob)
    _read_loss(reader, "loss_mmod_")
    reader.expect(1, what="detector options version")
    width, height = reader.count(), reader.count()
    numbers = [reader.number() for _ in range(7)]
    if not (width and height and 0 < numbers[3] <= 1):
        raise Malformed("detector options are out of range")
    return Detector(_read_network(reader, "input_rgb_image_pyramid"), (width, height), numbers[3])


def _read_loss(reader: Reader, name: str) -> None:
    reader.expect(_NETWORK_VERSION, what="network version")
    if reader.string() != name:
        raise Malformed(f"the blob is no {name} network")


def _read_network(reader: Reader, input_name: str) -> Network:
    nesting = _read_nesting(reader)
    if reader.string() != input_name:
        raise Malformed(f"the network does not begin with {input_name}")
    mean = (reader.number(), reader.number(), reader.number())
    side = _read_side(reader) if input_name.endswith("_sized") else None
    steps: list[Step] = []
    for kind, run in _runs_from_input(nesting):
        if kind == _MARK:
            steps.append(_mark(run))
            continue
        for _ in range(run):
            steps.append(read_layer(reader))
            if len(steps) == 1:
                reader.expect(1, what="samples per image")
    if not reader.finished:
        raise Malformed("bytes follow the last layer")
    return Network(mean, side, tuple(steps))


def _read_nesting(reader: Reader) -> list[int]:
    nesting: list[int] = []
    while not nesting or nesting[-1] != _INNERMOST:
        if len(nesting) == MAX_NESTING:
            raise Malformed("the network is nested too deeply")
        nesting.append(reader.expect(_MARK, _LAYER, _INNERMOST, what="layer version"))
    return nesting


def _read_side(reader: Reader) -> int:
    rows, columns = reader.count(), reader.count()
    if rows != columns or rows == 0:
        raise Malformed("the network's input is not a square")
    return rows


def _runs_from_input(nesting: list[int]) -> list[tuple[int, int]]:
    """Runs of equal kind, input first; the innermost layer counts as a layer."""
    runs: list[tuple[int, int]] = []
    for version in reversed(nesting):
        kind = _MARK if version == _MARK else _LAYER
        if runs and runs[-1][0] == kind:
            runs[-1] = (kind, runs[-1][1] + 1)
        else:
            runs.append((kind, 1))
    return runs


def _mark(run: int) -> Mark:
    if run not in (1, 2):
        raise Malformed("tags and skips follow each other in an unknown way")
    return Mark(run)
