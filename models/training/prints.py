"""Synthetic prints for training, made once and kept in shards of maps.

    python -m models.training.prints --fingers 3200

Each shard holds FINGERS_PER_SHARD fingers of as many persons, PRINTS_PER_FINGER impressions
each, in every condition that the generator knows, on every kind of surface, cut off by sensors
of every size. What is kept are the maps of `matcher.features`, made by the very code that runs
later. A shard that exists is not made again, so a run that was cut off is continued.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.features import MAP_STEP_PX, Features, read_features
from matcher.spectrum import STEP_PX
from matcher.vocabulary import TEN_FINGERS, FingerSample
from models.synthesis.conditions import Condition, draw_condition
from models.synthesis.fingers import Finger, Pose
from models.synthesis.impressions import impress
from models.synthesis.persons import Person, generator
from models.synthesis.surfaces import Surface

WORKPLACE = Path(__file__).resolve().parents[2] / ".cache" / "training"
"""Where shards and checkpoints lie: kept between runs, never committed."""

FINGERS_PER_SHARD, PRINTS_PER_FINGER = 64, 8
"""A shard of 512 prints is made in half a minute and has 24 MB."""

FRAME_PX = (400, 360)
"""Rows and columns of a flat impression at 500 dpi; the maps of all prints have its shape."""

WHOLE_FRAME = (slice(0, FRAME_PX[0]), slice(0, FRAME_PX[1]))
"""What a sensor sees that cuts nothing off."""

SENSOR_LEAST_PX = 240
"""The smallest sensor side that is imitated, 12 mm."""

WHOLE_FRAMES = 0.4
"""Share of prints that no sensor cuts off."""

SURFACES = ((Surface.OPTICAL, 0.55), (Surface.CAPACITIVE, 0.3), (Surface.PAPER, 0.15))
"""How often each kind of surface is met."""

FLOW_LEVELS = 127.0
"""Steps of the 8-bit flow per unit."""

_STREAM = 90
"""First word of the seed sequences of training, so that they share no numbers with persons."""


@dataclass(frozen=True, slots=True, eq=False)
class Shard:
    """Maps of n prints with their truth.

    ridges: int8 (n, rows, columns); inside: bits of (n, rows, columns) packed along the columns;
    flow: int8 (n, 3, cells, cells); pose: float32 (n, 3), core x, y in pixels at 500 dpi and
    angle; coverage: float32 (n,); finger: int32 (n,), number of the finger.
    """

    ridges: NDArray[np.int8]
    inside: NDArray[np.uint8]
    flow: NDArray[np.int8]
    pose: NDArray[np.float32]
    coverage: NDArray[np.float32]
    finger: NDArray[np.int32]


def make_shard(number: int) -> Shard:
    """Grow the fingers of one shard and press each of them several times."""
    cv2.setNumThreads(1)
    first = number * FINGERS_PER_SHARD
    fingers = range(first, first + FINGERS_PER_SHARD)
    return gather([row for finger in fingers for row in press_finger(finger)])


def gather(rows: Sequence[Row]) -> Shard:
    """A shard of single prints."""
    ridges, inside, flow, pose, coverage, fingers = zip(*rows, strict=True)
    return Shard(
        ridges=np.stack(ridges),
        inside=np.packbits(np.stack(inside), axis=2),
        flow=np.stack(flow),
        pose=np.array(pose, np.float32),
        coverage=np.array(coverage, np.float32),
        finger=np.array(fingers, np.int32),
    )


Row = tuple[
    NDArray[np.int8],
    NDArray[np.bool_],
    NDArray[np.int8],
    tuple[float, float, float],
    float,
    int,
]
"""One print of a shard, in the order of the fields of Shard."""


def press_finger(number: int) -> list[Row]:
    """The impressions of one finger; its person has that number too."""
    finger = Person(number).finger(TEN_FINGERS[number % len(TEN_FINGERS)])
    return [press_once(finger, (number, take)) for take in range(PRINTS_PER_FINGER)]


def press_once(
    finger: Finger,
    seed: tuple[int, int],
    *,
    spare: Callable[[Condition], Condition] = lambda drawn: drawn,
    whole: bool = False,
) -> Row:
    """One impression as maps on the whole frame, wherever the sensor ended.

    spare: takes faults from the condition that was drawn. whole: no sensor cuts it off. Neither
    changes anything else about the impression.
    """
    rng = generator(_STREAM, *seed)
    shares = [share for _, share in SURFACES]
    surface = SURFACES[int(rng.choice(len(SURFACES), p=shares))][0]
    one = impress(finger, rng, condition=spare(draw_condition(rng)), surface=surface)
    rows, columns = WHOLE_FRAME if whole else draw_sensor(rng)
    seen = FingerSample(np.ascontiguousarray(one.sample.image[rows, columns]), one.sample.dpi)
    ridges, inside, flow = place(read_features(seen), (rows.start, columns.start))
    pose: Pose = one.truth.pose
    return ridges, inside, flow, (pose.x, pose.y, pose.angle), one.truth.coverage, seed[0]


def draw_sensor(rng: np.random.Generator) -> tuple[slice, slice]:
    """The part of the frame that a sensor sees, beginning on a cell of the flow."""
    if rng.random() < WHOLE_FRAMES:
        return WHOLE_FRAME
    parts = []
    for length in FRAME_PX:
        side = int(rng.integers(SENSOR_LEAST_PX, length + 1)) // STEP_PX * STEP_PX
        start = int(rng.integers(0, (length - side) // STEP_PX + 1)) * STEP_PX
        parts.append(slice(start, start + side))
    return parts[0], parts[1]


def place(
    features: Features, corner: tuple[int, int]
) -> tuple[NDArray[np.int8], NDArray[np.bool_], NDArray[np.int8]]:
    """Lay the maps of a part of the frame at their place in maps of the whole frame."""
    shape = (FRAME_PX[0] // MAP_STEP_PX, FRAME_PX[1] // MAP_STEP_PX)
    cells = (FRAME_PX[0] // STEP_PX, FRAME_PX[1] // STEP_PX)
    ridges, inside = np.zeros(shape, np.int8), np.zeros(shape, np.bool_)
    flow = np.zeros((3, *cells), np.int8)
    at = tuple(
        slice(start // MAP_STEP_PX, start // MAP_STEP_PX + side)
        for start, side in zip(corner, features.ridges.shape, strict=True)
    )
    ridges[at], inside[at] = features.ridges, features.inside > 127
    top, left = (start // STEP_PX for start in corner)
    _, high, wide = features.flow.shape
    flow[:, top : top + high, left : left + wide] = np.rint(features.flow * FLOW_LEVELS)
    return ridges, inside, flow


def shard_path(number: int, workplace: Path = WORKPLACE) -> Path:
    """Where a shard lies."""
    return workplace / "prints" / f"shard-{number:04d}.npz"


def write_shard(number: int, workplace: Path = WORKPLACE) -> Path:
    """Make a shard unless it is there, whole or not at all."""
    path = shard_path(number, workplace)
    if not path.exists():
        keep_shard(make_shard(number), path)
    return path


def keep_shard(shard: Shard, path: Path) -> None:
    """Write a shard, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.stem}.{os.getpid()}.part")
    with unfinished.open("wb") as file:
        np.savez(file, **{name: getattr(shard, name) for name in Shard.__slots__})
    unfinished.replace(path)


def read_shard(path: Path) -> Shard:
    """Read a shard back."""
    with np.load(path, allow_pickle=False) as archive:
        return Shard(**{name: archive[name] for name in Shard.__slots__})


@click.command()
@click.option("--fingers", default=3200, show_default=True, help="How many in all.")
@click.option("--processes", default=2, show_default=True, help="Processes side by side.")
@click.option("--workplace", type=click.Path(path_type=Path), default=WORKPLACE)
def main(*, fingers: int, processes: int, workplace: Path) -> None:
    """Make the shards that are missing."""
    numbers = range(-(-fingers // FINGERS_PER_SHARD))
    with ProcessPoolExecutor(processes) as pool:
        running = [pool.submit(write_shard, number, workplace) for number in numbers]
        for done, future in enumerate(as_completed(running), 1):
            click.echo(f"{done} of {len(numbers)}: {future.result().name}")


if __name__ == "__main__":
    main()
