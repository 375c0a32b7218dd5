"""Trains small networks, each without one step of the recipe, to see what the steps are worth.

    python -m models.training.ablation --fingers 192 --steps 300

Every network sees the same fingers in the same order from the same beginning, at half the width
of the real one; the prints differ in nothing but the step that is left out. The run named "again"
is the whole recipe from another seed: what differs by less than it does is chance. Whatever
exists is not made again, and a run that was cut off is continued. `benchmarks.embedding_ablation`
measures what comes out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import click
import cv2
import numpy as np
from torch import Tensor

from matcher.vocabulary import TEN_FINGERS
from models.synthesis.conditions import Condition
from models.synthesis.persons import Person
from models.training.networks import DEVICE, Widths, prepare
from models.training.prints import WORKPLACE, gather, keep_shard, press_once
from models.training.schedule import Plan, Training
from models.training.stock import Stock, join
from models.training.vectors import (
    MARGIN_MOST,
    MARGIN_SHARE,
    Classifier,
    draw_batch,
    export,
    lose,
)
from models.training.views import USUAL, Spoiling

FOLDER = WORKPLACE / "ablation"
"""Where prints, checkpoints and networks lie."""

FIRST_FINGER = 500_000
"""Beyond the fingers of any training, so that nothing is measured on what taught it."""

FINGERS_PER_BLOCK, PRINTS_PER_FINGER = 16, 5
"""A block is pressed once for each kind of prints, in a minute or two."""

NARROW = Widths(stem=8, fine=16, middle=32, coarse=64, head=20)
"""Half of every stage: a third of the time."""

BATCH = 64
"""Views per step."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What one network learns from.

    prints: which kind of prints, a key of KINDS. how: how views are spoilt. seed: of the run.
    """

    prints: str = "all"
    how: Spoiling = USUAL
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of prints: what their conditions are spared, and whether sensors cut them off."""

    spare: Callable[[Condition], Condition] = lambda drawn: drawn
    whole: bool = False


def spare_noise(drawn: Condition) -> Condition:
    """Without what hides or imitates ridges; contact and distortion stay."""
    clean = Condition()
    return replace(clean, partial=drawn.partial, moved=drawn.moved, stretched=drawn.stretched)


KINDS = {
    "all": Kind(),
    "whole": Kind(lambda drawn: replace(drawn, partial=0.0), whole=True),
    "stiff": Kind(lambda drawn: replace(drawn, stretched=0.0)),
    "clean": Kind(spare_noise),
}
"""The kinds of prints by name."""

RECIPES = {
    "all": Recipe(),
    "without_partial_contact": Recipe("whole", replace(USUAL, occluded=0.0)),
    "without_distortion": Recipe("stiff", replace(USUAL, stretch=0.0, scale=0.0)),
    "without_noise": Recipe("clean", replace(USUAL, invented=0.0, striped=0.0)),
    "again": Recipe(seed=2),
    "without_missed_poses": Recipe(how=replace(USUAL, shift=0.0, turn=0.0, missed=0.0)),
    "without_wrong_ridges": Recipe(how=replace(USUAL, invented=0.0)),
    "without_stripes": Recipe(how=replace(USUAL, striped=0.0)),
}
"""The runs by name, those that matter most first."""


def block_path(kind: str, block: int, folder: Path) -> Path:
    """Where the prints of a block lie."""
    return folder / "prints" / f"{kind}-{block:03d}.npz"


def write_block(block: int, folder: Path) -> None:
    """Grow the fingers of a block once and press them for every kind of prints that is missing."""
    missing = [kind for kind in KINDS if not block_path(kind, block, folder).exists()]
    if not missing:
        return
    first = FIRST_FINGER + block * FINGERS_PER_BLOCK
    numbers = range(first, first + FINGERS_PER_BLOCK)
    fingers = [
        Person(number, flat_only=True).finger(TEN_FINGERS[number % len(TEN_FINGERS)])
        for number in numbers
    ]
    for name in missing:
        kind = KINDS[name]
        rows = [
            press_once(finger, (number, take), spare=kind.spare, whole=kind.whole)
            for number, finger in zip(numbers, fingers, strict=True)
            for take in range(PRINTS_PER_FINGER)
        ]
        keep_shard(gather(rows), block_path(name, block, folder))


def train(name: str, stock: Stock, steps: int, home: Path) -> Path:
    """Train one network to the end and return its ONNX file, in the folder `home`."""
    recipe, result = RECIPES[name], home / "vector.onnx"
    if result.exists():
        return result
    prepare(1)
    plan = Plan(steps=steps, batch=BATCH, rate=2e-3, save_every=25, seed=recipe.seed)
    fingers, classes = np.unique(stock.prints.finger, return_inverse=True)
    classifier = Classifier(2 * len(fingers), NARROW).to(DEVICE)
    training = Training(classifier, plan, home / "checkpoint.pt")

    def lose_at(step: int) -> Tensor:
        batch = draw_batch(stock, classes, step, plan, how=recipe.how)
        margin = MARGIN_MOST * min(1.0, step / (MARGIN_SHARE * steps))
        return lose(classifier(batch.views), batch, margin)

    training.run(lose_at, lambda step, loss: click.echo(f"{name} {step}: {loss:.3f}"))
    content = export(training.mean.module.network)
    unfinished = result.with_suffix(".part")
    unfinished.write_bytes(content)
    unfinished.replace(result)
    return result


@click.command()
@click.option("--fingers", default=192, show_default=True)
@click.option("--steps", default=300, show_default=True)
@click.option("--only", multiple=True, type=click.Choice(list(RECIPES)), help="All, if left out.")
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER)
def main(*, fingers: int, steps: int, only: tuple[str, ...], folder: Path) -> None:
    """Make the prints that are missing and train the networks that are missing."""
    cv2.setNumThreads(1)
    blocks = range(-(-fingers // FINGERS_PER_BLOCK))
    for block in blocks:
        write_block(block, folder)
        click.echo(f"prints: block {block + 1} of {len(blocks)}")
    run = folder / f"{fingers}-fingers-{steps}-steps"
    for name in only or RECIPES:
        kind = RECIPES[name].prints
        stock = join([block_path(kind, block, folder) for block in blocks])
        click.echo(str(train(name, stock, steps, run / name)))


if __name__ == "__main__":
    main()
