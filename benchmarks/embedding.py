"""How good and how fast the fingerprint vector is, on real prints.

    python -m benchmarks.embedding --out benchmarks/results

Nothing was trained on these prints, but the recipe was chosen with an eye on these figures, of odd
and even fingers alike. Prints of other sets are the real test.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from benchmarks.embedding_baseline import fit
from benchmarks.prints import DATA, FVC_SETS, SETS, Print, read_set
from benchmarks.rates import Scores, bound, find_eer, find_fnmr
from benchmarks.results import FOLDER, Measure, write
from matcher.codes import DIMENSIONS
from matcher.embedding import MODEL, PATCH_PX, Embedded, Embedder
from matcher.features import Features, read_features
from matcher.pose import MODEL as POSE_MODEL
from matcher.pose import PoseFinder
from matcher.runtime import PREPARED, open_session
from matcher.spectrum import Floats
from models.training.prints import WORKPLACE, read_shard
from models.training.stock import Stock, join

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

PSEUDO_PERSONS = 20_000
"""Pseudo-persons drawn, mated and non-mated each; an error of 0.01 % is then two of them."""

SHORT_LIST_SHARE = 0.001
"""Share of the gallery that is handed on to the minutiae."""

NETWORK_RUNS = 200
"""Single runs of the network, of which the median counts."""


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Vectors of prints. vector: (n, DIMENSIONS); finger: (n,), a number of its own for every
    finger of every set; is_odd: its number in its set; seconds: processor time of each.
    """

    vector: Floats
    reliability: NDArray[np.float64]
    set_name: NDArray[np.str_]
    finger: NDArray[np.int64]
    is_odd: NDArray[np.bool_]
    impression: NDArray[np.int64]
    seconds: NDArray[np.float64]

    def cosines(self, chosen: NDArray[np.bool_]) -> tuple[Scores, NDArray[np.int64]]:
        """Every two of the chosen prints, and the finger numbers of both sides."""
        places = np.flatnonzero(chosen)
        first, second = (places[side] for side in np.triu_indices(len(places), 1))
        score = np.einsum("nd,nd->n", self.vector[first], self.vector[second])
        fingers = np.stack([self.finger[first], self.finger[second]], axis=1)
        mated = fingers[:, 0] == fingers[:, 1]
        return Scores(score.astype(np.float64), mated, np.ones(len(score))), fingers

    def protocol(self, chosen: NDArray[np.bool_]) -> tuple[Scores, NDArray[np.int64]]:
        """The pairs of the FVC protocol: all mated, and non-mated ones of first impressions."""
        scores, fingers = self.cosines(chosen)
        first, second = np.triu_indices(int(chosen.sum()), 1)
        impression = self.impression[chosen]
        kept = scores.mated | ((impression[first] == 1) & (impression[second] == 1))
        return Scores(scores.score[kept], scores.mated[kept], scores.weight[kept]), fingers[kept]


def embed_all(embedder: Embedder, prints: Sequence[Print]) -> Vectors:
    """Embed every print on one core."""
    cv2.setNumThreads(1)
    embedder.embed(prints[0].sample)
    embedded: list[Embedded] = []
    seconds: list[float] = []
    for one in prints:
        began = time.process_time()
        embedded.append(embedder.embed(one.sample))
        seconds.append(time.process_time() - began)
    return gather(embedded, prints, seconds)


def gather(
    embedded: Sequence[Embedded], prints: Sequence[Print], seconds: Sequence[float]
) -> Vectors:
    """The vectors of prints as arrays."""
    names = sorted({(one.set_name, one.finger) for one in prints})
    numbers = {key: number for number, key in enumerate(names)}
    return Vectors(
        vector=np.stack([one.vector for one in embedded]),
        reliability=np.array([one.reliability for one in embedded]),
        set_name=np.array([one.set_name for one in prints]),
        finger=np.array([numbers[one.set_name, one.finger] for one in prints], np.int64),
        is_odd=np.array([one.finger % 2 == 1 for one in prints]),
        impression=np.array([one.impression for one in prints], np.int64),
        seconds=np.array(seconds),
    )


def measure(vectors: Vectors, prefix: str = "embedding") -> Iterator[Measure]:
    """Error rates of single fingers and of pseudo-persons."""
    yield from measure_sets(vectors, prefix)
    everything = np.ones(len(vectors.finger), bool)
    halves = {"": everything, "_odd": vectors.is_odd, "_even": ~vectors.is_odd}
    for half, chosen in halves.items():
        scores, fingers = vectors.cosines(chosen)
        yield rate(f"{prefix}_eer_pooled{half}", scores, fingers)
        miss = 100.0 * find_fnmr(scores, 1e-3)
        yield Measure(f"{prefix}_fnmr_at_fmr_1e3_pooled{half}", miss, "%")
    for count in (2, 4, 10):
        name = f"{prefix}_eer_k{count}"
        plain = np.ones(len(vectors.finger))
        value = 100.0 * find_eer(draw_persons(vectors, count, plain))
        yield Measure(name, value, "%", TARGETS.get(name))
        value = 100.0 * find_eer(draw_persons(vectors, count, vectors.reliability))
        yield Measure(f"{name}_weighted", value, "%")


def summarise(vectors: Vectors) -> Iterator[Measure]:
    """The figures to steer by while a network is in training: all pairs, odd fingers and even."""
    for half, side in (("", None), ("_odd", True), ("_even", False)):
        chosen = np.ones(len(vectors.finger), bool) if side is None else vectors.is_odd == side
        values = {}
        for name in np.unique(vectors.set_name):
            scores, _ = vectors.cosines(chosen & (vectors.set_name == name))
            values[str(name)] = 100.0 * find_eer(scores)
            if not half:
                yield Measure(SHORT_NAMES[str(name)], values[str(name)], "%")
        fvc = [values[name] for name in FVC_SETS if name in values]
        yield Measure(f"fvc2002_mean{half}", float(np.mean(fvc)), "%")
        yield Measure(f"pooled{half}", 100.0 * find_eer(vectors.cosines(chosen)[0]), "%")


def measure_sets(vectors: Vectors, prefix: str) -> Iterator[Measure]:
    """Equal error rates of each set, and their mean over FVC2002, in the ways of FVC and of all."""
    means: dict[str, list[float]] = {}
    for name in np.unique(vectors.set_name):
        inside = vectors.set_name == name
        halves = {"": inside, "_odd": inside & vectors.is_odd, "_even": inside & ~vectors.is_odd}
        for half, chosen in halves.items():
            for way, take in (("", vectors.protocol), ("_all_pairs", vectors.cosines)):
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


def draw_persons(vectors: Vectors, count: int, weight: NDArray[np.float64]) -> Scores:
    """Pseudo-persons of `count` fingers from all sets: the weighted sum of their cosines.

    A pair of prints counts by the product of its weights, and the sum by the root of their
    squares, which is its spread for strangers. Two captures of a person never share an
    impression; two persons never share a finger.
    """
    rng = np.random.default_rng(0)
    matrix = vectors.vector @ vectors.vector.T
    own = [np.flatnonzero(vectors.finger == finger) for finger in np.unique(vectors.finger)]
    pairs = np.zeros((2, PSEUDO_PERSONS, 2, count), np.int64)
    for draw in range(PSEUDO_PERSONS):
        fingers = rng.permutation(len(own))[: 2 * count]
        for k, (mine, theirs) in enumerate(zip(fingers[:count], fingers[count:], strict=True)):
            one, two = rng.choice(own[mine], 2, replace=False)
            pairs[0, draw, :, k] = one, two
            pairs[1, draw, :, k] = one, rng.choice(own[theirs])
    mated, other = (
        (weights * matrix[one, two]).sum(axis=1) / np.sqrt((weights**2).sum(axis=1) + 1e-12)
        for one, two in (kind.transpose(1, 0, 2) for kind in pairs)
        for weights in (weight[one] * weight[two],)
    )
    return Scores.of(mated, other)


def measure_short_list(vectors: Vectors, strangers: Floats) -> Iterator[Measure]:
    """Share of prints whose finger is on the short list from a gallery with strangers.

    Each finger is enrolled with its first impression, the others are probes.
    """
    first = vectors.impression == 1
    gallery = np.concatenate([vectors.vector[first], strangers])
    owner = np.concatenate([vectors.finger[first], np.full(len(strangers), -1)])
    probes = np.flatnonzero(~first)
    scores = vectors.vector[probes] @ gallery.T
    own = owner[None, :] == vectors.finger[probes][:, None]
    mate = np.where(own, scores, -2.0).max(axis=1)
    better = ((scores >= mate[:, None]) & ~own).sum(axis=1)
    found = 100.0 * float(np.mean(better < SHORT_LIST_SHARE * len(gallery)))
    name = "shortlist_hit_at_0_1_percent"
    yield Measure(name, found, "%", TARGETS[name], higher_is_better=True)
    yield Measure("shortlist_gallery_fingers", len(gallery), "")


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
    vectors = gather(embedded, prints, [0.0] * len(prints))
    wanted = ("baseline_eer_fvc2002_mean", "baseline_eer_pyfnprint", "baseline_eer_pooled")
    yield from (one for one in measure(vectors, "baseline") if one.measure in wanted)


def read_strangers(embedder: Embedder, shards: Path, fingers: int) -> Floats:
    """Vectors of synthetic fingers, one print each; every finger counts in the mirror as well."""
    paths = sorted(shards.glob("shard-*.npz"))
    vectors: list[Floats] = []
    for path in paths:
        stock = Stock(read_shard(path))
        firsts = np.unique(stock.prints.finger, return_index=True)[1]
        for index in firsts:
            features = stock.features(int(index))
            vectors.append(embedder.embed_features(features).vector)
            vectors.append(embedder.embed_features(mirror(features)).vector)
        if len(vectors) >= fingers:
            break
    return np.stack(vectors[:fingers]) if vectors else np.zeros((0, DIMENSIONS), np.float32)


def mirror(features: Features) -> Features:
    """The maps of the same print seen in a mirror: another finger."""
    flow = features.flow[:, :, ::-1] * np.array([1, -1, 1], np.float32)[:, None, None]
    ridges, inside = features.ridges[:, ::-1], features.inside[:, ::-1]
    return Features(*(np.ascontiguousarray(plane) for plane in (ridges, inside, flow)))


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
@click.option("--strangers", default=20_000, show_default=True, help="Of the short list.")
@click.option("--out", type=click.Path(path_type=Path), default=FOLDER, help="Result folder.")
@click.option("--brief", is_flag=True, help="Print the means alone and write nothing.")
def main(
    *,
    sets: tuple[str, ...],
    data: Path,
    models: Path,
    pose: Path | None,
    vector: Path | None,
    shards: Path,
    strangers: int,
    out: Path,
    brief: bool,
) -> None:
    """Measure the vector on sets of real prints."""
    embedder = open_embedder(models, pose, vector)
    prints = [one for name in sets for one in read_set(name, data)]
    vectors = embed_all(embedder, prints)
    if brief:
        for one in summarise(vectors):
            click.echo(describe(one))
        return
    session = open_file(vector) if vector else open_session(models, MODEL)
    measures = list(measure(vectors))
    measures += measure_short_list(vectors, read_strangers(embedder, shards, strangers))
    measures += measure_baseline(embedder, shards, prints)
    measures += measure_speed(vectors, session)
    for one in measures:
        click.echo(describe(one))
    chosen = f"{', '.join(sets)}; {len(prints)} prints"
    write("embedding", measures, command="python -m benchmarks.embedding", data=chosen, folder=out)


if __name__ == "__main__":
    main()
