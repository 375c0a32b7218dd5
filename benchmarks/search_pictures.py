"""The search benchmark for those who would rather look than read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.results import FOLDER, Measure

SIZE = re.compile(r"search10_(\d+)([km])_p(50|99)_ms")
BATCH = re.compile(r"coarse10_\w+_batch_(\d+)_per_s")


def draw(measures: Sequence[Measure], folder: Path = FOLDER) -> None:
    """Latency by size, throughput by batch, share of the roofline, speed and recall of peers."""
    figure = Figure(figsize=(13, 9))
    latency, throughput, roofline, peers = figure.subplots(2, 2).ravel()
    _draw_latency(latency, measures)
    _draw_throughput(throughput, measures)
    _draw_roofline(roofline, measures)
    _draw_peers(peers, measures)
    figure.tight_layout()
    figure.savefig(folder / "search.png", dpi=110)


def _draw_latency(axes, measures: Sequence[Measure]) -> None:  # type: ignore[no-untyped-def]
    for share in ("50", "99"):
        points = sorted(
            (int(hit[1]) * {"k": 1000, "m": 1_000_000}[hit[2]], one.value)
            for one in measures
            if (hit := SIZE.fullmatch(one.measure)) and hit[3] == share
        )
        axes.plot(*zip(*points, strict=True), marker="o", label=f"p{share}")
    axes.set(
        xscale="log", yscale="log", xlabel="persons", ylabel="ms", title="one search, 10 fingers"
    )
    axes.legend()


def _draw_throughput(axes, measures: Sequence[Measure]) -> None:  # type: ignore[no-untyped-def]
    points = [(int(hit[1]), one.value) for one in measures if (hit := BATCH.fullmatch(one.measure))]
    axes.plot(*zip(*points, strict=True), marker="o")
    axes.set(xscale="log", xlabel="searches in one batch", ylabel="searches/s", ylim=(0, None))
    axes.set(title="coarse scans of the whole gallery")


def _draw_roofline(axes, measures: Sequence[Measure]) -> None:  # type: ignore[no-untyped-def]
    shares = [one for one in measures if one.measure.endswith("_roofline_share")]
    axes.barh(
        [one.measure.removesuffix("_roofline_share") for one in shares], [s.value for s in shares]
    )
    axes.axvline(1.0, color="grey")
    axes.set(xlabel="share of the memory bandwidth measured in the run", title="single scans")


def _draw_peers(axes, measures: Sequence[Measure]) -> None:  # type: ignore[no-untyped-def]
    by_name = {one.measure: one.value for one in measures}
    for name, value in by_name.items():
        if name.startswith("peer_") and name.endswith("_batched"):
            peer = name.removeprefix("peer_").removesuffix("_batched")
            recall = by_name[f"peer_{peer}_recall"]
            axes.scatter(recall, value)
            # To the left, since most find every mate.
            axes.annotate(f"{peer} ", (recall, value), fontsize=8, ha="right", va="center")
    axes.margins(x=0.2)
    axes.set(yscale="log", xlabel="mates on the list, %", ylabel="million persons/s/core, batched")
    axes.set(title="peers on the same vectors")
