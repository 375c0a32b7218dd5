"""What each step of the training's recipe is worth, measured on real prints.

    python -m models.training.ablation
    python -m benchmarks.embedding_ablation .cache/training/ablation/192-fingers-300-steps

The networks are small and learnt little: their error rates are far above those of the shipped
one. What counts is how much worse a network is without a step, and whether that is more than
another seed changes. The interval of a difference comes from drawing fingers, the same for both
networks; it holds the chance of the prints, not that of the training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import cv2
import numpy as np

from benchmarks.embedding import open_embedder
from benchmarks.prints import DATA, SETS, Print, read_set
from benchmarks.rates import INTERVAL_PERCENT, RESAMPLES, Scores, find_eer
from benchmarks.results import FOLDER, Measure, write
from benchmarks.vectors import Comparison, embed_features
from matcher.features import Features, read_features
from matcher.runtime import PREPARED

WHOLE = "all"
"""The run with every step."""


def compare(
    network: Path, models: Path, features: Sequence[Features], prints: Sequence[Print]
) -> Comparison:
    """All real prints under one network, one vector on either side: the network alone counts."""
    embedder = open_embedder(models, None, network)
    return Comparison.by_cosine(embed_features(embedder, features, prints))


def draw_errors(comparison: Comparison) -> list[float]:
    """Pooled equal error rates, per cent, of as many draws of fingers, alike for all networks."""
    everything = np.ones(len(comparison.vectors.finger), bool)
    scores, fingers = comparison.pairs(everything)
    random = np.random.default_rng(0)
    count = int(fingers.max()) + 1
    values = []
    for _ in range(RESAMPLES // 4):
        drawn = np.bincount(random.integers(0, count, count), minlength=count).astype(float)
        one, two = drawn[fingers[:, 0]], drawn[fingers[:, 1]]
        weight = np.where(scores.mated, one, one * two)
        kept = weight > 0
        values.append(
            100.0 * find_eer(Scores(scores.score[kept], scores.mated[kept], weight[kept]))
        )
    return values


def measure(comparisons: dict[str, Comparison]) -> Iterator[Measure]:
    """Pooled error of each network, and how much worse it is than the whole recipe."""
    drawn = {name: np.array(draw_errors(one)) for name, one in comparisons.items()}
    plain = {}
    for name, one in comparisons.items():
        everything = np.ones(len(one.vectors.finger), bool)
        plain[name] = 100.0 * find_eer(one.pairs(everything)[0])
        low, high = (float(v) for v in np.percentile(drawn[name], INTERVAL_PERCENT))
        yield Measure(f"eer_pooled_{name}", plain[name], "%", low=low, high=high)
    for name in comparisons:
        if name != WHOLE:
            off = drawn[name] - drawn[WHOLE]
            low, high = (float(v) for v in np.percentile(off, INTERVAL_PERCENT))
            worse = plain[name] - plain[WHOLE]
            yield Measure(f"eer_pooled_added_{name}", worse, "points", low=low, high=high)


@click.command()
@click.argument("run", type=click.Path(path_type=Path, exists=True))
@click.option("--data", type=click.Path(path_type=Path), default=DATA)
@click.option("--models", type=click.Path(path_type=Path), default=PREPARED)
@click.option("--out", type=click.Path(path_type=Path), default=FOLDER)
def main(*, run: Path, data: Path, models: Path, out: Path) -> None:
    """Measure the networks of a RUN of models.training.ablation."""
    cv2.setNumThreads(1)
    networks = {path.parent.name: path for path in sorted(run.glob("*/vector.onnx"))}
    if WHOLE not in networks:
        raise click.ClickException(f"{run.name} has no network {WHOLE}; train it first")
    prints = [one for name in SETS for one in read_set(name, data)]
    features = [read_features(one.sample) for one in prints]
    comparisons = {name: compare(path, models, features, prints) for name, path in networks.items()}
    measures = list(measure(comparisons))
    for one in measures:
        click.echo(f"{one.measure:44s} {one.value:6.2f} [{one.low:.2f}, {one.high:.2f}]")
    command = f"python -m benchmarks.embedding_ablation {run.name}"
    chosen = f"{', '.join(SETS)}; {len(prints)} prints; {run.name.replace('-', ' ')}"
    write("embedding_ablation", measures, command=command, data=chosen, folder=out)


if __name__ == "__main__":
    main()
