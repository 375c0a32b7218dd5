"""Curves of the accuracy benchmark, drawn for people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.rates import find_threshold, trace_curve
from benchmarks.trials import Pairs, fnmr_after_rejecting

FMR_LIMITS = (1e-5, 1.0)
FNMR_LIMITS = (1e-3, 1.0)
REJECTED_SHARES = np.arange(0.0, 0.51, 0.02)


def draw_det(pairs: Pairs, path: Path) -> None:
    """Detection error trade-off, one line per set and for all, odd and even fingers."""
    enrolled = pairs.enrolled
    figure = Figure(figsize=(7, 6))
    axes = figure.subplots()
    lines = {"all sets": np.ones(len(enrolled.finger), bool)}
    lines |= {"odd fingers": enrolled.is_odd, "even fingers": ~enrolled.is_odd}
    lines |= {str(name): enrolled.set_name == name for name in np.unique(enrolled.set_name)}
    for label, member in lines.items():
        curve = trace_curve(pairs.take(pairs.where(member.__getitem__)))
        pooled = "fingers" in label or label == "all sets"
        axes.step(
            np.maximum(curve.fmr, FMR_LIMITS[0]),
            np.maximum(curve.fnmr, FNMR_LIMITS[0]),
            label=label,
            linewidth=2.0 if pooled else 0.9,
            linestyle="-" if pooled else "--",
        )
    axes.plot(FMR_LIMITS, FMR_LIMITS, color="grey", linewidth=0.5)
    axes.set(xscale="log", yscale="log", xlim=FMR_LIMITS, ylim=FNMR_LIMITS)
    axes.set(xlabel="false match rate", ylabel="false non-match rate")
    _finish(figure, axes, path)


def draw_reject(pairs: Pairs, path: Path, fmr: float) -> None:
    """FNMR against the share of prints rejected by quality, beside the best that could be."""
    threshold = find_threshold(pairs.take(np.ones(len(pairs.score), bool)), fmr)
    observed = [fnmr_after_rejecting(pairs, share, threshold) for share in REJECTED_SHARES]
    figure = Figure(figsize=(7, 4))
    axes = figure.subplots()
    axes.plot(100 * REJECTED_SHARES, 100 * np.array(observed), label="rejected by quality")
    ideal = ideal_rejection(pairs, threshold)
    axes.plot(100 * REJECTED_SHARES, 100 * ideal, "--", label="rejected knowing the errors")
    axes.set(xlabel="prints rejected, %", ylabel=f"FNMR at FMR {fmr:g}, %", ylim=(0, None))
    _finish(figure, axes, path)


def ideal_rejection(pairs: Pairs, threshold: float) -> NDArray[np.float64]:
    """FNMR when the prints with most false non-matches go first, for REJECTED_SHARES."""
    failed = pairs.mated & (pairs.score < threshold)
    count = len(pairs.enrolled.templates)
    failures = np.bincount(pairs.first[failed], minlength=count)
    failures += np.bincount(pairs.second[failed], minlength=count)
    order = np.argsort(-failures, kind="stable")
    rates = []
    for share in REJECTED_SHARES:
        kept = np.ones(count, bool)
        kept[order[: round(share * count)]] = False
        mated = pairs.mated & pairs.where(kept.__getitem__)
        rates.append(float(np.mean(pairs.score[mated] < threshold)))
    return np.array(rates)


def _finish(figure: Figure, axes: Axes, path: Path) -> None:
    """Legend, grid, and the file."""
    axes.grid(visible=True, which="both", linewidth=0.3)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, bbox_inches="tight", metadata={"Software": None})
