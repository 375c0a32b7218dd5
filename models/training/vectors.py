"""Trains the network that turns a patch into a vector.

    python -m models.training.vectors --steps 12000

A large-margin cosine loss (CosFace; Wang et al. 2018) over as many classes as there are
fingers, twice: a finger seen in a mirror is another finger. The margin grows from nothing, and
is smaller for prints that show little, since a print of a corner cannot be told from all others.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from matcher.codes import DIMENSIONS
from matcher.embedding import PATCH_PX
from matcher.spectrum import Floats
from models.training.networks import (
    DEVICE,
    FULL,
    HAS_SHORT_FLOATS,
    VectorNet,
    Widths,
    prepare,
    write_onnx,
)
from models.training.prints import WORKPLACE
from models.training.schedule import Ahead, Plan, Training
from models.training.stock import Stock, open_stock
from models.training.views import USUAL, Spoiling, draw_view, invent, stripe

SHARPNESS = 22.0
"""Factor from cosines to logits."""

MARGIN_MOST = 0.32
"""Cosine by which a print must be closer to its own finger than to any other, in the end."""

MARGIN_SHARE = 0.3
"""Share of all steps over which the margin grows."""

SEEN_FULL = 0.6
"""Share of the patch from which on a print has the whole margin."""

NO_SPOILING = Spoiling(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
"""For watching: the true pose and nothing taken away."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Views with their classes. views: (n, 2, PATCH_PX, PATCH_PX); label, seen: (n,)."""

    views: Tensor
    label: Tensor
    seen: Tensor


class Classifier(nn.Module):
    """The network and one direction for each finger."""

    def __init__(self, classes: int, widths: Widths = FULL) -> None:
        super().__init__()
        self.network = VectorNet(widths)
        self.directions = nn.Parameter(torch.randn(classes, DIMENSIONS) * 0.1)

    def forward(self, views: Tensor) -> Tensor:
        """Cosines of views with every finger, shape (n, classes)."""
        with torch.autocast(DEVICE.type, torch.bfloat16, enabled=HAS_SHORT_FLOATS):
            vectors = self.network(views)
        unit = functional.normalize(vectors.float())
        return unit @ functional.normalize(self.directions).T


def lose(cosines: Tensor, batch: Batch, margin: float) -> Tensor:
    """Cross-entropy after the margin has been taken from the own finger's cosine."""
    own = margin * (batch.seen / SEEN_FULL).clamp(max=1.0)
    taken = functional.one_hot(batch.label, cosines.shape[1]) * own[:, None]
    return functional.cross_entropy(SHARPNESS * (cosines - taken), batch.label)


def draw_batch(
    stock: Stock,
    classes: NDArray[np.int64],
    step: int,
    plan: Plan,
    *,
    how: Spoiling = USUAL,
) -> Batch:
    """The views of a step, half of them mirrored."""
    rng = np.random.default_rng((plan.seed, step))
    chosen = rng.integers(0, len(stock), plan.batch)
    views = np.stack([draw_view(stock, int(index), rng, how) for index in chosen])
    invent(views, rng, how.invented)
    stripe(views, rng, how.striped)
    mirrored = rng.random(plan.batch) < 0.5
    views[mirrored] = views[mirrored][..., ::-1]
    label = 2 * classes[chosen] + mirrored
    return Batch(
        torch.from_numpy(views).to(DEVICE, memory_format=torch.channels_last),
        torch.from_numpy(label).to(DEVICE),
        torch.from_numpy(views[:, 1].mean(axis=(1, 2))).to(DEVICE),
    )


def judge(network: nn.Module, views: Floats, finger: NDArray[np.int32]) -> float:
    """Equal error rate of held-out fingers, per cent."""
    network.eval()
    with torch.no_grad(), torch.autocast(DEVICE.type, torch.bfloat16, enabled=HAS_SHORT_FLOATS):
        parts = [network(part.to(DEVICE)) for part in torch.from_numpy(views).split(128)]
    unit = functional.normalize(torch.cat(parts).float()).cpu().numpy()
    first, second = np.triu_indices(len(unit), 1)
    score = np.einsum("nd,nd->n", unit[first], unit[second])
    mated = finger[first] == finger[second]
    thresholds = np.quantile(score[mated], np.linspace(0, 1, 400))
    fnmr = np.searchsorted(np.sort(score[mated]), thresholds) / mated.sum()
    fmr = 1 - np.searchsorted(np.sort(score[~mated]), thresholds) / (~mated).sum()
    return 100 * float(np.maximum(fnmr, fmr).min())


def read_network(checkpoint: Path) -> dict[str, Tensor]:
    """The weights of the running mean of an earlier run, whose fingers may have been others."""
    state = torch.load(checkpoint, map_location=DEVICE, weights_only=True)["mean"]
    prefix = "module.network."
    return {key.removeprefix(prefix): state[key] for key in state if key.startswith(prefix)}


def export(network: nn.Module) -> bytes:
    """The ONNX file of a vector network."""
    example = torch.zeros(1, 2, PATCH_PX, PATCH_PX, device=DEVICE)
    return write_onnx(network, example, ("patch", "vector"))


class Watch:
    """Tells how good the network is on held-out prints, and keeps each state as an ONNX file."""

    def __init__(self, held_out: Stock, folder: Path) -> None:
        rng = np.random.default_rng(0)
        drawn = [draw_view(held_out, k, rng, NO_SPOILING) for k in range(len(held_out))]
        self._views, self._finger = np.stack(drawn), held_out.prints.finger
        self._folder = folder

    def look(self, network: nn.Module, step: int, loss: float) -> None:
        """Judge and keep the network of a step."""
        eer = judge(network, self._views, self._finger)
        click.echo(f"{step}: {loss:.3f}; EER on held-out synthetic fingers {eer:.2f} %")
        (self._folder / f"step-{step:06d}.onnx").write_bytes(export(network))


@click.command()
@click.option("--steps", default=12000, show_default=True)
@click.option("--batch", default=128, show_default=True)
@click.option("--shards", default=50, show_default=True, help="Prints to learn from.")
@click.option("--start", type=click.Path(path_type=Path), help="Checkpoint to begin from.")
@click.option("--threads", default=2, show_default=True)
@click.option("--name", default="vectors", show_default=True, help="Folder of the run.")
@click.option("--workplace", type=click.Path(path_type=Path), default=WORKPLACE)
def main(
    *,
    steps: int,
    batch: int,
    shards: int,
    start: Path | None,
    threads: int,
    name: str,
    workplace: Path,
) -> None:
    """Train, or go on training; write step-NNNNNN.onnx beside every checkpoint."""
    prepare(threads)
    plan = Plan(steps=steps, batch=batch, rate=2e-3)
    stock = open_stock(workplace, shards=shards)
    fingers, classes = np.unique(stock.prints.finger, return_inverse=True)
    batches = Ahead(lambda step: draw_batch(stock, classes, step, plan))
    watch = Watch(open_stock(workplace, held_out=True), workplace / name)
    classifier = Classifier(2 * len(fingers)).to(DEVICE, memory_format=torch.channels_last)
    if start:
        classifier.network.load_state_dict(read_network(start))
    training = Training(classifier, plan, workplace / name / "checkpoint.pt")

    def lose_at(step: int) -> Tensor:
        drawn = batches.take(step)
        margin = MARGIN_MOST * min(1.0, step / (MARGIN_SHARE * plan.steps))
        return lose(classifier(drawn.views), drawn, margin)

    training.run(lose_at, lambda *at: watch.look(training.mean.module.network, *at))
    batches.close()


if __name__ == "__main__":
    main()
