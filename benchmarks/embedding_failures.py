"""The mated pairs that the vector knows least, as pictures to learn from.

    python -m benchmarks.embedding_failures                    # real prints, into .cache
    python -m benchmarks.embedding_failures --synthetic docs/embedding/failures.jpg

Each row shows both prints as ridge maps with the pose that was found (a cross, a line to the
tip), the two patches that the network saw, and the evidence. Pictures of real prints never
leave the cache; those of synthetic ones may be shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.prints import DATA, SETS, Print, read_set
from benchmarks.results import ROOT
from benchmarks.vectors import Comparison, embed_features
from matcher.embedding import Embedder, cut
from matcher.features import LEVELS, MAP_STEP_PX, Features, read_features
from matcher.pose import Pose
from matcher.runtime import PREPARED
from matcher.vocabulary import TEN_FINGERS, FingerSample
from models.synthesis.conditions import draw_condition
from models.synthesis.impressions import impress
from models.synthesis.persons import Person, generator

PRIVATE = ROOT / ".cache" / "failures.jpg"
"""Where the sheet of real prints goes: beside the checkout's caches, never committed."""

FIRST_PERSON, FINGERS, TAKES = 2_000_000, 24, 4
"""Synthetic fingers for the public sheet, of no training, and impressions of each."""

_STREAM = 92
"""First word of their seed sequences."""

CELL_PX = 220
"""Side of every picture in a row."""

JPEG_QUALITY = 80

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A print with its maps."""

    source: Print
    features: Features


def find_worst(
    embedder: Embedder, seen: Sequence[Seen], count: int
) -> tuple[list[tuple[int, int]], Comparison]:
    """The mated pairs of least evidence, reference and probe, and the comparison they are from."""
    prints = [one.source for one in seen]
    vectors = embed_features(embedder, [one.features for one in seen], prints)
    comparison = Comparison.by_evidence(vectors)
    finger = comparison.vectors.finger
    first, second = np.triu_indices(len(finger), 1)
    mated = finger[first] == finger[second]
    first, second = first[mated], second[mated]
    order = np.argsort(comparison.score[first, second], kind="stable")[:count]
    return [(int(first[k]), int(second[k])) for k in order], comparison


def draw_row(pair: tuple[Seen, Seen], poses: tuple[Pose, Pose], title: str) -> Picture:
    """Both prints and both patches side by side, with a line of text above."""
    cells = [draw_map(one.features, pose) for one, pose in zip(pair, poses, strict=True)]
    for one, pose in zip(pair, poses, strict=True):
        patch = cut(one.features, pose)
        cells.append(fit(shade(patch[0] * LEVELS, patch[1] > 0.5)))
    row = np.hstack(cells)
    strip = np.full((24, row.shape[1], 3), 255, np.uint8)
    cv2.putText(strip, title, (6, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (40, 40, 40), 1, cv2.LINE_AA)
    return np.vstack([strip, row])


def draw_map(features: Features, pose: Pose) -> Picture:
    """The ridges of a print, with its core and the way to its tip."""
    picture = shade(features.ridges.astype(np.float32), features.inside > 127)
    x, y = pose.x / MAP_STEP_PX, pose.y / MAP_STEP_PX
    tip = (round(x + 30 * np.cos(pose.angle)), round(y - 30 * np.sin(pose.angle)))
    cv2.drawMarker(picture, (round(x), round(y)), (220, 120, 0), cv2.MARKER_CROSS, 18, 2)
    cv2.line(picture, (round(x), round(y)), tip, (40, 40, 230), 2, cv2.LINE_AA)
    return fit(picture)


def shade(ridges: NDArray[np.float32], inside: NDArray[np.bool_]) -> Picture:
    """Ridges dark, valleys bright, nothing white."""
    grey = np.where(inside, 128.0 - ridges, 255.0)
    return cv2.cvtColor(np.clip(grey, 0, 255).astype(np.uint8), cv2.COLOR_GRAY2BGR).astype(np.uint8)


def fit(picture: Picture) -> Picture:
    """A picture shrunk into a square cell, white around it."""
    rows, columns = picture.shape[:2]
    scale = (CELL_PX - 4) / max(rows, columns)
    size = (round(columns * scale), round(rows * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    cell = np.full((CELL_PX, CELL_PX, 3), 255, np.uint8)
    top, left = (CELL_PX - size[1]) // 2, (CELL_PX - size[0]) // 2
    cell[top : top + size[1], left : left + size[0]] = small
    return cell


def press_synthetic() -> list[Seen]:
    """Impressions of synthetic fingers in any condition."""
    seen = []
    for number in range(FINGERS):
        seed = FIRST_PERSON + number
        finger = Person(seed, flat_only=True).finger(TEN_FINGERS[number % len(TEN_FINGERS)])
        for take in range(1, TAKES + 1):
            rng = generator(_STREAM, seed, take)
            sample = impress(finger, rng, condition=draw_condition(rng)).sample
            plain = FingerSample(sample.image, sample.dpi)
            seen.append(Seen(Print("synthetic", number, take, plain), read_features(plain)))
    return [one for one in seen if not one.features.is_empty]


def read_real(data: Path) -> list[Seen]:
    """The prints of all sets with their maps."""
    return [Seen(one, read_features(one.sample)) for name in SETS for one in read_set(name, data)]


@click.command()
@click.option("--synthetic", type=click.Path(path_type=Path), help="Sheet of synthetic ones.")
@click.option("--into", type=click.Path(path_type=Path), default=PRIVATE, help="Of real ones.")
@click.option("--data", type=click.Path(path_type=Path), default=DATA)
@click.option("--models", type=click.Path(path_type=Path), default=PREPARED)
@click.option("--pairs", default=12, show_default=True)
def main(*, synthetic: Path | None, into: Path, data: Path, models: Path, pairs: int) -> None:
    """Draw the worst mated pairs; of real prints unless --synthetic is given."""
    cv2.setNumThreads(1)
    seen = press_synthetic() if synthetic else read_real(data)
    embedder = Embedder.open(models)
    worst, comparison = find_worst(embedder, seen, pairs)
    rows = []
    for first, second in worst:
        pair = (seen[first], seen[second])
        poses = (embedder.find_pose(pair[0].features), embedder.find_pose(pair[1].features))
        names = [f"{s.source.set_name} {s.source.finger}_{s.source.impression}" for s in pair]
        title = f"{names[0]}, {names[1]}: evidence {comparison.score[first, second]:.1f}"
        click.echo(f"{title}; confidence {poses[0].confidence:.2f}, {poses[1].confidence:.2f}")
        rows.append(draw_row(pair, poses, title))
    path = synthetic or into
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    click.echo(str(path))


if __name__ == "__main__":
    main()
