"""How the fingerprint vector got better while its network was trained.

    python -m benchmarks.embedding_curve .cache/training/vectors

Every network that a run left behind is measured on real prints, which took no part in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import cv2
import matplotlib

from benchmarks.embedding import open_file, summarise
from benchmarks.prints import DATA, SETS, Print, read_set
from benchmarks.results import FOLDER, Measure, write
from benchmarks.vectors import Comparison, embed_features
from matcher.embedding import Embedder
from matcher.features import read_features
from matcher.pose import MODEL as POSE_MODEL
from matcher.pose import PoseFinder
from matcher.runtime import PREPARED, open_session

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def measure_run(
    networks: Sequence[Path], finder: PoseFinder, prints: Sequence[Print]
) -> Iterator[tuple[int, dict[str, float]]]:
    """The number of each network in its order, and its error rates in per cent."""
    features = [read_features(one.sample) for one in prints]
    for number, path in enumerate(networks, 1):
        vectors = embed_features(Embedder(finder, open_file(path)), features, prints)
        yield number, {one.measure: one.value for one in summarise(Comparison.by_cosine(vectors))}


def draw(steps: Sequence[int], rows: Sequence[dict[str, float]], path: Path) -> None:
    """The curves as a picture."""
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for name in ("fvc2002_mean_odd", "fvc2002_mean_even", "pyfnprint", "pooled"):
        axes.plot(steps, [row[name] for row in rows], marker="o", ms=3, label=name)
    axes.set(xlabel="training step", ylabel="EER, all pairs, %", ylim=(0, None))
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


@click.command()
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--data", type=click.Path(path_type=Path), default=DATA)
@click.option("--models", type=click.Path(path_type=Path), default=PREPARED)
@click.option("--every", default=250, show_default=True, help="Steps between two networks.")
@click.option("--out", type=click.Path(path_type=Path), default=FOLDER)
def main(*, runs: tuple[Path, ...], data: Path, models: Path, every: int, out: Path) -> None:
    """Measure the networks of RUNS, each continuing the one before."""
    cv2.setNumThreads(1)
    networks = [path for run in runs for path in sorted(run.glob("step-*.onnx"))]
    prints = [one for name in SETS for one in read_set(name, data)]
    finder = PoseFinder(open_session(models, POSE_MODEL))
    steps, rows, measures = [], [], []
    for number, row in measure_run(networks, finder, prints):
        steps.append(number * every)
        rows.append(row)
        measures += [Measure(f"{key}_at_{number * every}", row[key], "%") for key in row]
        click.echo(f"{number * every:6d} " + " ".join(f"{k} {v:.2f}" for k, v in row.items()))
    command = "python -m benchmarks.embedding_curve RUN..."
    chosen = f"{', '.join(SETS)}; all pairs"
    write("embedding_curve", measures, command=command, data=chosen, folder=out)
    draw(steps, rows, out / "embedding_curve.png")


if __name__ == "__main__":
    main()
