"""Accuracy and speed of the fingerprint engine on real prints.

    python -m benchmarks.accuracy --out benchmarks/results

The sets lie beside the checkout (see prints). Tuning uses odd fingers only, so that the figures
of even fingers are those of prints never tuned on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks import embedding, fitting, pictures
from benchmarks.prints import DATA, FVC_SETS, SETS, read_set
from benchmarks.rates import Scores, bound, find_eer, find_fnmr, find_threshold
from benchmarks.results import FOLDER, Measure, write
from benchmarks.trials import Enrolled, Pairs, compare_all, enrol, fnmr_after_rejecting

TARGET_EER = dict(zip(FVC_SETS, (1.0, 0.4, 5.0, 1.5), strict=True)) | {"pyfnprint_16x8": 0.1}
"""Equal error rates to reach, per cent."""

SHORT_NAMES = dict(zip(FVC_SETS, (f"fvc2002_db{k}" for k in (1, 2, 3, 4)), strict=True)) | {
    "pyfnprint_16x8": "pyfnprint"
}

STAGES = ("minutiae", "embedding")

LOW_FMR = 1e-3
"""False match rate at which false non-matches are counted."""


@click.command()
@click.option("--sets", multiple=True, default=SETS, show_default=True, help="Folders to use.")
@click.option("--data", type=click.Path(path_type=Path), default=DATA, help="Where they lie.")
@click.option("--out", type=click.Path(path_type=Path), default=FOLDER, help="Result folder.")
@click.option(
    "--stage", type=click.Choice(["minutiae", "embedding"]), default="minutiae", show_default=True
)
@click.option("--fit-weights", is_flag=True, help="Print the weights of matcher.pairing.")
@click.option("--fit-calibration", is_flag=True, help="Print the curve of matcher.calibration.")
def main(
    *,
    sets: tuple[str, ...],
    data: Path,
    out: Path,
    stage: str,
    fit_weights: bool,
    fit_calibration: bool,
) -> None:
    """Measure the engine on sets of real prints, or fit its constants to them."""
    if stage == "embedding":
        chosen_sets = [part for name in sets for part in ("--sets", name)]
        embedding.main([*chosen_sets, "--data", str(data), "--out", str(out)])
    enrolled = enrol(one for name in sets for one in read_set(name, data))
    if fit_weights:
        click.echo(fitting.fit_weights(enrolled))
        return
    pairs = compare_all(enrolled)
    if fit_calibration:
        click.echo(fitting.fit_calibration(pairs))
        return
    measures = list(measure(pairs))
    for one in measures:
        click.echo(describe(one))
    pictures.draw_det(pairs, out / "accuracy_det.png")
    pictures.draw_reject(pairs, out / "accuracy_reject.png", LOW_FMR)
    chosen = f"{', '.join(sets)}; {len(enrolled.templates)} prints, stage {stage}"
    write("accuracy", measures, command="python -m benchmarks.accuracy", data=chosen, folder=out)


def describe(measure: Measure) -> str:
    """One line for the reader: value, interval, target and whether it is met."""
    text = f"{measure.measure:32s} {measure.value:10.2f} {measure.unit:4s}"
    if measure.low is not None and measure.high is not None:
        text += f" [{measure.low:.2f}, {measure.high:.2f}]"
    if measure.target is not None:
        text += f"  target {measure.target:g}: {'met' if measure.is_met else 'MISSED'}"
    return text


def measure(pairs: Pairs) -> Iterator[Measure]:
    """Every measure that the chosen sets allow."""
    enrolled = pairs.enrolled
    for name in np.unique(enrolled.set_name):
        yield from measure_set(pairs, str(name))
    fvc = np.isin(enrolled.set_name, FVC_SETS)
    if fvc.any():
        yield from measure_pool(pairs, fvc, "")
    if not fvc.all():
        yield from measure_pool(pairs, np.ones(len(fvc), bool), "_all_sets")
    yield rank_one(pairs)
    yield from measure_rejection(pairs)
    unusable = sum(len(template.minutiae) == 0 for template in enrolled.templates)
    yield Measure("failures_to_enrol", unusable, "", 0)
    yield from measure_speed(pairs)


def measure_set(pairs: Pairs, name: str) -> Iterator[Measure]:
    """Equal error rate of one set by the FVC protocol, and with all of its pairs."""
    enrolled, short = pairs.enrolled, SHORT_NAMES.get(name, name)
    inside = pairs.where(lambda k: enrolled.set_name[k] == name)
    firsts = pairs.where(lambda k: enrolled.impression[k] == 1)
    protocol = inside & (pairs.mated | firsts)
    target = TARGET_EER.get(name)
    yield rate_measure(f"eer_{short}", pairs, protocol, target=target)
    yield rate_measure(f"eer_{short}_all_pairs", pairs, inside)


def measure_pool(pairs: Pairs, member: NDArray[np.bool_], suffix: str) -> Iterator[Measure]:
    """Errors of several sets under one threshold, for all, odd and even fingers."""
    enrolled = pairs.enrolled
    halves = {"": member, "_odd": member & enrolled.is_odd, "_even": member & ~enrolled.is_odd}
    for half, chosen in halves.items():
        inside = pairs.where(chosen.__getitem__)
        targets = (3.0, 7.0) if not suffix and not half else (None, None)
        yield rate_measure(f"eer_pooled{suffix}{half}", pairs, inside, target=targets[0])
        for fmr, text, target in ((1e-3, "1e3", targets[1]), (1e-4, "1e4", None)):
            name = f"fnmr_at_fmr_{text}_pooled{suffix}{half}"
            yield rate_measure(name, pairs, inside, target=target, fmr=fmr)


def rate_measure(
    name: str,
    pairs: Pairs,
    chosen: NDArray[np.bool_],
    *,
    target: float | None = None,
    fmr: float | None = None,
) -> Measure:
    """EER, or FNMR at a false match rate, in per cent with its interval."""

    def rate(scores: Scores) -> float:
        return 100.0 * (find_eer(scores) if fmr is None else find_fnmr(scores, fmr))

    scores = pairs.take(chosen)
    low, high = bound(scores, pairs.fingers[chosen], rate)
    return Measure(name, rate(scores), "%", target, low=low, high=high)


def rank_one(pairs: Pairs) -> Measure:
    """Share of prints that find their finger first among one enrolled impression of each.

    A tie with another finger counts as a miss.
    """
    enrolled = pairs.enrolled
    count = len(enrolled.templates)
    matrix = np.zeros((count, count))
    matrix[pairs.first, pairs.second] = pairs.score
    matrix = np.maximum(matrix, matrix.T)
    gallery = np.flatnonzero(enrolled.impression == 1)
    probes = np.flatnonzero(enrolled.impression != 1)
    scores = matrix[np.ix_(probes, gallery)]
    mated = enrolled.finger[probes][:, None] == enrolled.finger[gallery][None, :]
    own = np.where(mated, scores, -1.0).max(axis=1)
    best_other = np.where(mated, -1.0, scores).max(axis=1)
    found = 100.0 * float(np.mean(own > best_other))
    return Measure("rank1_one_template", found, "%", 96.0, higher_is_better=True)


def measure_rejection(pairs: Pairs) -> Iterator[Measure]:
    """FNMR when the prints of worst quality are taken again, at an unmoved threshold."""
    everything = np.ones(len(pairs.score), bool)
    threshold = find_threshold(pairs.take(everything), LOW_FMR)
    for percent in (0, 10, 20):
        value = 100.0 * fnmr_after_rejecting(pairs, percent / 100.0, threshold)
        yield Measure(f"fnmr_rejecting_{percent}_percent", value, "%")


def measure_speed(pairs: Pairs) -> Iterator[Measure]:
    """Processor time of one core for extraction and comparison."""
    enrolled: Enrolled = pairs.enrolled
    first_set = enrolled.set_name == FVC_SETS[0]
    timed = enrolled.seconds[first_set if first_set.any() else slice(None)]
    yield Measure("extraction_ms", 1000.0 * float(np.median(timed)), "ms", 20.0)
    speed = len(pairs.score) / pairs.seconds
    yield Measure("comparisons_per_s_core", speed, "1/s", 25_000.0, higher_is_better=True)


if __name__ == "__main__":
    main()
