"""How good and how fast the fingerprint vector is, on real prints.

    python -m benchmarks.accuracy --stage embedding

No weight was trained on these prints. Odd fingers gave the mean that is taken from all vectors,
the turns of a probe and the evidence; even fingers took part in nothing but the choice of the
training recipe. Prints of other sets are the real test.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from benchmarks.embedding_baseline import fit
from benchmarks.prints import DATA, FVC_SETS, SETS, Print, read_set
from benchmarks.rates import Scores, bound, find_eer, find_fnmr
from benchmarks.results import FOLDER, Measure, write
from benchmarks.short_list import draw_curve, measure_short_list
from benchmarks.strangers import WORKPLACE as STRANGERS
from benchmarks.strangers import Persons, read_strangers
from benchmarks.vectors import (
    PROBES_MOST,
    Comparison,
    Vectors,
    draw_persons,
    embed_all,
    fuse,
    gather,
)
from matcher.embedding import MODEL, PATCH_PX, Embedded, Embedder
from matcher.features import read_features
from matcher.pose import MODEL as POSE_MODEL
from matcher.pose import PoseFinder
from matcher.runtime import PREPARED, open_session
from models.training.prints import WORKPLACE
from models.training.stock import join

SHORT_NAMES = dict(zip(FVC_SETS, (f"fvc2002_db{k}" for k in (1, 2, 3, 4)), strict=True)) | {
    "pyfnprint_16x8": "pyfnprint"
}

TARGETS = {
    "embedding_eer_fvc2002_mean": 8.0,
    "embedding_eer_pyfnprint": 1.5,
    "embedding_eer_k2": 2.0,
    "embedding_eer_k4": 0.3,
    "embedding_eer_k10": 0.0,
    "shortlist_hit_at_0_1_percent": 90.0,
    "embedding_ms": 15.0,
    "embedding_network_ms": 0.5,
}
"""What each measure is held against; in per cent or milliseconds."""

FINGER_COUNTS = (2, 4, 10)
"""Fingers of the pseudo-persons."""

NEWTON_STEPS = 25
"""The fit of the evidence settles in about ten."""

NETWORK_RUNS = 200
"""Single runs of the network, of which the median counts."""


def measure(comparison: Comparison, prefix: str = "embedding") -> Iterator[Measure]:
    """Error rates of single fingers, of pseudo-persons, and of both under one threshold."""
    yield from measure_sets(comparison, prefix)
    vectors = comparison.vectors
    everything = np.ones(len(vectors.finger), bool)
    halves = {"": everything, "_odd": vectors.is_odd, "_even": ~vectors.is_odd}
    for half, chosen in halves.items():
        scores, fingers = comparison.pairs(chosen)
        yield rate(f"{prefix}_eer_pooled{half}", scores, fingers)
        miss = 100.0 * find_fnmr(scores, 1e-3)
        yield Measure(f"{prefix}_fnmr_at_fmr_1e3_pooled{half}", miss, "%")


def measure_persons(
    comparison: Comparison, drawn: dict[int, NDArray[np.int64]], prefix: str = "embedding"
) -> Iterator[Measure]:
    """Error rates of pseudo-persons, and of all finger counts together under one threshold."""
    parts = []
    for count, pairs in drawn.items():
        scores = fuse(comparison, pairs)
        parts.append(scores)
        if count > 1:
            name = f"{prefix}_eer_k{count}"
            yield Measure(name, 100.0 * find_eer(scores), "%", TARGETS.get(name))
        miss = 100.0 * find_fnmr(scores, 1e-3)
        yield Measure(f"{prefix}_fnmr_at_fmr_1e3_k{count}", miss, "%")
    mixed = Scores(
        np.concatenate([one.score for one in parts]),
        np.concatenate([one.mated for one in parts]),
        np.concatenate([one.weight for one in parts]),
    )
    yield Measure(f"{prefix}_eer_any_k", 100.0 * find_eer(mixed), "%")
    yield Measure(f"{prefix}_fnmr_at_fmr_1e3_any_k", 100.0 * find_fnmr(mixed, 1e-3), "%")


def find_evidence(vectors: Vectors) -> str:
    """The constants of `matcher.embedding.weigh` from odd fingers, as its line.

    Logistic regression of pairs, mated and non-mated ones of equal weight.
    """
    best, fingers = Comparison.by_best_cosine(vectors).pairs(vectors.is_odd)
    rows, columns = np.triu_indices(int(vectors.is_odd.sum()), 1)
    reliability = vectors.reliability[vectors.is_odd]
    worth = np.sqrt(reliability[rows] * reliability[columns])
    evidence = np.stack([worth * best.score, -(worth**2)], axis=1)
    slope, doubt = regress(evidence, fingers[:, 0] == fingers[:, 1])
    return f"SLOPE, DOUBT = {slope:.2f}, {doubt:.2f}"


def regress(evidence: NDArray[np.float64], mated: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Logistic regression through the origin by Newton steps: weights of the columns."""
    importance = np.where(mated, 1.0 / mated.sum(), 1.0 / (~mated).sum())
    weights = np.zeros(evidence.shape[1])
    for _ in range(NEWTON_STEPS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(evidence @ weights, -30.0, 30.0)))
        slope = evidence.T @ (importance * (chance - mated))
        bend = (evidence * (importance * chance * (1.0 - chance))[:, None]).T @ evidence
        weights -= np.linalg.solve(bend, slope)
    return weights


def summarise(comparison: Comparison) -> Iterator[Measure]:
    """The figures to steer by while a network is in training: all pairs, odd fingers and even."""
    vectors = comparison.vectors
    for half, side in (("", None), ("_odd", True), ("_even", False)):
        chosen = np.ones(len(vectors.finger), bool) if side is None else vectors.is_odd == side
        values = {}
        for name in np.unique(vectors.set_name):
            scores, _ = comparison.pairs(chosen & (vectors.set_name == name))
            values[str(name)] = 100.0 * find_eer(scores)
            if not half:
                yield Measure(SHORT_NAMES[str(name)], values[str(name)], "%")
        fvc = [values[name] for name in FVC_SETS if name in values]
        yield Measure(f"fvc2002_mean{half}", float(np.mean(fvc)), "%")
        yield Measure(f"pooled{half}", 100.0 * find_eer(comparison.pairs(chosen)[0]), "%")


def measure_sets(comparison: Comparison, prefix: str) -> Iterator[Measure]:
    """Equal error rates of each set, and their mean over FVC2002, in the ways of FVC and of all."""
    vectors = comparison.vectors
    means: dict[str, list[float]] = {}
    for name in np.unique(vectors.set_name):
        inside = vectors.set_name == name
        halves = {"": inside, "_odd": inside & vectors.is_odd, "_even": inside & ~vectors.is_odd}
        for half, chosen in halves.items():
            for way, take in (("", comparison.protocol), ("_all_pairs", comparison.pairs)):
                one = rate(f"{prefix}_eer_{SHORT_NAMES[str(name)]}{half}{way}", *take(chosen))
                yield one
                if name in FVC_SETS:
                    means.setdefault(f"{prefix}_eer_fvc2002_mean{half}{way}", []).append(one.value)
    for key, values in means.items():
        yield Measure(key, float(np.mean(values)), "%", TARGETS.get(key))


def rate(name: str, scores: Scores, fingers: NDArray[np.int64]) -> Measure:
    """Equal error rate in per cent with its interval."""
    low, high = bound(scores, fingers, lambda some: 100.0 * find_eer(some))
    return Measure(name, 100.0 * find_eer(scores), "%", TARGETS.get(name), low=low, high=high)


def measure_speed(vectors: Vectors, session: onnxruntime.InferenceSession) -> Iterator[Measure]:
    """Processor time of one core, from a decoded image to its vector, and of the network alone."""
    whole = 1000.0 * float(np.median(vectors.seconds))
    yield Measure("embedding_ms", whole, "ms", TARGETS["embedding_ms"])
    patch = np.zeros((1, 2, PATCH_PX, PATCH_PX), np.float32)
    times = []
    for _ in range(NETWORK_RUNS):
        began = time.perf_counter()
        session.run(None, {"patch": patch})
        times.append(time.perf_counter() - began)
    alone = 1000.0 * float(np.median(times))
    yield Measure("embedding_network_ms", alone, "ms", TARGETS["embedding_network_ms"])


def describe(measure: Measure) -> str:
    """One line for the reader."""
    text = f"{measure.measure:44s} {measure.value:8.2f} {measure.unit:3s}"
    if measure.low is not None and measure.high is not None:
        text += f" [{measure.low:.2f}, {measure.high:.2f}]"
    if measure.target is not None:
        text += f"  target {measure.target:g}: {'met' if measure.is_met else 'MISSED'}"
    return text


def measure_baseline(
    embedder: Embedder, shards: Path, prints: Sequence[Print]
) -> Iterator[Measure]:
    """The same measures for linear discriminants on the same patches."""
    paths = sorted(shards.glob("shard-*.npz"))[1:]
    if not paths:
        return
    discriminants = fit(join(paths))
    embedded = []
    for one in prints:
        features = read_features(one.sample)
        pose = embedder.find_pose(features)
        vector = discriminants.embed(features, pose)
        embedded.append(Embedded(vector, 1.0, pose))
    comparison = Comparison.by_cosine(gather(embedded, prints, [0.0] * len(prints)))
    wanted = ("baseline_eer_fvc2002_mean", "baseline_eer_pyfnprint", "baseline_eer_pooled")
    yield from (one for one in measure(comparison, "baseline") if one.measure in wanted)


def open_embedder(models: Path, pose: Path | None, vector: Path | None) -> Embedder:
    """The networks of the manifest, or files that are still in training."""
    finder = PoseFinder(open_file(pose) if pose else open_session(models, POSE_MODEL))
    return Embedder(finder, open_file(vector) if vector else open_session(models, MODEL))


def open_file(path: Path) -> onnxruntime.InferenceSession:
    """A session on one thread over a file that the manifest does not know yet."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@click.command()
@click.option("--sets", multiple=True, default=SETS, show_default=True, help="Folders to use.")
@click.option("--data", type=click.Path(path_type=Path), default=DATA, help="Where they lie.")
@click.option("--models", type=click.Path(path_type=Path), default=PREPARED)
@click.option("--pose", type=click.Path(path_type=Path), help="A network still in training.")
@click.option("--vector", type=click.Path(path_type=Path), help="Likewise.")
@click.option("--shards", type=click.Path(path_type=Path), default=WORKPLACE / "prints")
@click.option("--strangers", type=click.Path(path_type=Path), default=STRANGERS)
@click.option("--out", type=click.Path(path_type=Path), default=FOLDER, help="Result folder.")
@click.option("--brief", is_flag=True, help="Print the means alone and write nothing.")
@click.option("--without-speed", is_flag=True, help="On a busy machine: leave times out.")
@click.option("--fit-evidence", is_flag=True, help="Print the constants of matcher.embedding.")
def main(
    *,
    sets: tuple[str, ...],
    data: Path,
    models: Path,
    pose: Path | None,
    vector: Path | None,
    shards: Path,
    strangers: Path,
    out: Path,
    brief: bool,
    without_speed: bool,
    fit_evidence: bool,
) -> None:
    """Measure the vector on sets of real prints."""
    embedder = open_embedder(models, pose, vector)
    prints = [one for name in sets for one in read_set(name, data)]
    vectors = embed_all(embedder, prints)
    if fit_evidence:
        click.echo(find_evidence(vectors))
        return
    if brief:
        for one in summarise(Comparison.by_evidence(vectors)):
            click.echo(describe(one))
        return
    measures = list(measure_all(vectors))
    persons = read_strangers(embedder, strangers)
    listed = list(measure_short_list(vectors, persons))
    measures += listed
    measures += measure_templates(vectors, persons)
    measures += measure_baseline(embedder, shards, prints)
    if not without_speed:
        session = open_file(vector) if vector else open_session(models, MODEL)
        measures += measure_speed(vectors, session)
    for one in measures:
        click.echo(describe(one))
    chosen = f"{', '.join(sets)}; {len(prints)} prints"
    command = "python -m benchmarks.accuracy --stage embedding"
    write("embedding", measures, command=command, data=chosen, folder=out)
    draw_curve(listed, out / "embedding_short_list.png")


def measure_templates(vectors: Vectors, persons: Persons) -> Iterator[Measure]:
    """Errors and short lists of probes with one vector of each finger, as templates hold it."""
    single = replace(vectors, probe=np.repeat(vectors.vector[:, None], PROBES_MOST, axis=1))
    drawn = {count: draw_persons(vectors, count) for count in (1, *FINGER_COUNTS)}
    yield from measure_persons(Comparison.by_evidence(single), drawn, "template")
    for one in measure_short_list(single, persons):
        yield replace(one, measure=f"template_{one.measure}", target=None)


def measure_all(vectors: Vectors) -> Iterator[Measure]:
    """Error rates as the matcher compares, and as plain cosines of one vector on either side."""
    drawn = {count: draw_persons(vectors, count) for count in (1, *FINGER_COUNTS)}
    evidence = Comparison.by_evidence(vectors)
    yield from measure(evidence)
    yield from measure_persons(evidence, drawn)
    plainer = {
        "best_cosine": Comparison.by_best_cosine(vectors),
        "cosine": Comparison.by_cosine(vectors),
    }
    for prefix, comparison in plainer.items():
        for one in summarise(comparison):
            yield replace(one, measure=f"{prefix}_eer_{one.measure}_all_pairs")
        yield from measure_persons(comparison, drawn, prefix)


if __name__ == "__main__":
    main()
