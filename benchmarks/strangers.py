"""Synthetic persons that fill a gallery: strangers to every real print and to every training.

    nice python -m benchmarks.strangers --persons 1000

One flat print of each of their ten fingers is kept as the maps of `matcher.features`, so that a
new network needs no new prints. Every person counts in the mirror as well: another person. A
block that exists is not made again, so a run that was cut off is continued.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import cv2
import numpy as np

from benchmarks.results import ROOT
from matcher.codes import DIMENSIONS
from matcher.embedding import Embedder
from matcher.features import Features, read_features
from matcher.spectrum import Floats
from matcher.vocabulary import TEN_FINGERS
from models.synthesis.fingers import Finger
from models.synthesis.impressions import impress
from models.synthesis.persons import Person, draw_session, generator
from models.synthesis.surfaces import Surface
from models.training.prints import SURFACES, Row, Shard, gather, keep_shard, place, read_shard
from models.training.stock import Stock

WORKPLACE = ROOT / ".cache" / "strangers"
"""Where blocks lie: kept between runs, never committed."""

PERSONS_PER_BLOCK = 5
"""A block of fifty prints is made in half a minute and has 2 MB."""

FIRST_PERSON = 1_000_000
"""Trainings count their persons from 0 and stay below; these are others."""

_STREAM = 91
"""First word of the seed sequences of strangers' captures, as 90 is that of training."""


@dataclass(frozen=True, slots=True, eq=False)
class Persons:
    """Vectors of synthetic persons. vector: float32 (n, 10, DIMENSIONS); reliability: (n, 10)."""

    vector: Floats
    reliability: Floats


def make_block(number: int) -> Shard:
    """Grow the persons of one block and press each finger once, in an ordinary session."""
    cv2.setNumThreads(1)
    first = FIRST_PERSON + number * PERSONS_PER_BLOCK
    persons = range(first, first + PERSONS_PER_BLOCK)
    return gather([row for seed in persons for row in press_person(seed)])


def press_person(seed: int) -> Iterator[Row]:
    """The ten prints of a person on one surface; fingers are numbered through all persons."""
    person = Person(seed, flat_only=True)
    shares = [share for _, share in SURFACES]
    surface = SURFACES[int(generator(_STREAM, seed).choice(len(SURFACES), p=shares))][0]
    for position in TEN_FINGERS:
        number = (seed - FIRST_PERSON) * len(TEN_FINGERS) + int(position) - 1
        yield press_once(person, person.finger(position), surface, number)


def press_once(person: Person, finger: Finger, surface: Surface, number: int) -> Row:
    """One print as maps of the whole frame."""
    rng = generator(_STREAM, person.seed, int(finger.position))
    session = draw_session(person, _STREAM)
    one = impress(finger, rng, condition=session, surface=surface)
    ridges, inside, flow = place(read_features(one.sample), (0, 0))
    pose = one.truth.pose
    return ridges, inside, flow, (pose.x, pose.y, pose.angle), one.truth.coverage, number


def block_path(number: int, workplace: Path = WORKPLACE) -> Path:
    """Where a block lies."""
    return workplace / f"block-{number:04d}.npz"


def write_block(number: int, workplace: Path = WORKPLACE) -> bool:
    """Make a block unless it is there, whole or not at all; whether it had to be made."""
    path = block_path(number, workplace)
    if path.exists():
        return False
    keep_shard(make_block(number), path)
    return True


def read_strangers(embedder: Embedder, workplace: Path = WORKPLACE) -> Persons:
    """The persons of all blocks and their mirror images, as references."""
    parts = [embed_block(embedder, path) for path in sorted(workplace.glob("block-*.npz"))]
    if not parts:
        return Persons(np.zeros((0, 10, DIMENSIONS), np.float32), np.zeros((0, 10), np.float32))
    vector, reliability = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    return Persons(vector, reliability)


def embed_block(embedder: Embedder, path: Path) -> tuple[Floats, Floats]:
    """Vectors (persons, 10, DIMENSIONS) and reliabilities of a block: persons, then mirrored."""
    stock = Stock(read_shard(path))
    features = [stock.features(index) for index in range(len(stock))]
    features += [mirror(one) for one in features]
    embedded = [embedder.embed_features(one) for one in features]
    vector = np.stack([one.vector for one in embedded])
    reliability = np.array([one.reliability for one in embedded], np.float32)
    fingers = len(TEN_FINGERS)
    return vector.reshape(-1, fingers, DIMENSIONS), reliability.reshape(-1, fingers)


def mirror(features: Features) -> Features:
    """The maps of the same print seen in a mirror: another finger."""
    flow = features.flow[:, :, ::-1] * np.array([1, -1, 1], np.float32)[:, None, None]
    ridges, inside = features.ridges[:, ::-1], features.inside[:, ::-1]
    return Features(*(np.ascontiguousarray(plane) for plane in (ridges, inside, flow)))


@click.command()
@click.option("--persons", default=1000, show_default=True, help="To grow; the mirror doubles.")
@click.option("--workplace", type=click.Path(path_type=Path), default=WORKPLACE)
def main(*, persons: int, workplace: Path) -> None:
    """Make the blocks that are missing, one after another, and tell how fast."""
    blocks = range(-(-persons // PERSONS_PER_BLOCK))
    began, made = time.monotonic(), 0
    for number in blocks:
        made += write_block(number, workplace)
        speed = made * PERSONS_PER_BLOCK * len(TEN_FINGERS) / (time.monotonic() - began)
        click.echo(f"block {number + 1} of {len(blocks)}; {speed:.1f} fingers/s")


if __name__ == "__main__":
    main()
