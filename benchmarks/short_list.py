"""How long a list of the best must be so that the mate is on it.

The gallery: first impressions of real fingers, and synthetic persons from `benchmarks.strangers`.
The probes: the other impressions of the real fingers. With several fingers, real ones make up
pseudo-persons, while a synthetic person gives fingers of its own, in another choice each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.rates import INTERVAL_PERCENT, RESAMPLES
from benchmarks.results import Measure
from benchmarks.strangers import Persons
from benchmarks.vectors import Comparison, Vectors, best_cosines, draw_persons
from matcher.embedding import weigh

SHORT_LIST_SHARE = 0.001
"""Share of the gallery that is handed on to the minutiae."""

FINGER_COUNTS = (1, 2, 4, 10)
LENGTHS = (1, 10, 50, 150, 500, 1000)

PERSON_DRAWS = 1000
"""Pseudo-persons searched, each against the whole gallery: a share is known to 0.1 %."""

TARGET_PERCENT = 90.0
"""Mates to be found on the short list of one finger."""

Ranks = NDArray[np.int64]
"""Entries of the gallery at least as good as the mate, one number for each probe."""


def measure_short_list(vectors: Vectors, persons: Persons) -> Iterator[Measure]:
    """Shares of mates on the list, for list lengths and finger counts, and their intervals."""
    matrix = weigh_strangers(vectors, persons)
    own = Comparison.by_evidence(vectors)
    ranks, finger = rank_single(own, matrix)
    entries = matrix.size // len(vectors.finger) + len(np.unique(vectors.finger))
    yield share_of(
        "shortlist_hit_at_0_1_percent",
        ranks < SHORT_LIST_SHARE * entries,
        finger,
        target=TARGET_PERCENT,
    )
    yield Measure("shortlist_gallery_fingers", entries, "")
    for count in FINGER_COUNTS:
        if count > 1:
            ranks, finger = rank_persons(own, matrix, count)
        for length in LENGTHS:
            name = f"shortlist_hit_k{count}_best_{length}"
            yield share_of(name, ranks < length, finger)
    yield from measure_real_strangers(own)


def share_of(
    name: str,
    found: NDArray[np.bool_],
    finger: NDArray[np.int64],
    *,
    target: float | None = None,
) -> Measure:
    """Share found in per cent; its interval by drawing fingers, since prints of one go together."""
    random = np.random.default_rng(0)
    present = np.unique(finger)
    values = []
    for _ in range(RESAMPLES):
        drawn = np.bincount(random.choice(present, len(present)), minlength=int(finger.max()) + 1)
        weight = drawn[finger].astype(float)
        values.append(100.0 * float((weight * found).sum() / weight.sum()))
    low, high = (float(value) for value in np.percentile(values, INTERVAL_PERCENT))
    value = 100.0 * float(found.mean())
    return Measure(name, value, "%", target, higher_is_better=True, low=low, high=high)


def weigh_strangers(vectors: Vectors, persons: Persons) -> NDArray[np.float32]:
    """Evidence of every synthetic finger with every probe, shape (probes, persons, 10)."""
    flat = persons.vector.reshape(-1, persons.vector.shape[-1])
    best = best_cosines(flat, vectors.probe)
    evidence = weigh(best, persons.reliability.reshape(-1, 1), vectors.reliability[None])
    return np.asarray(evidence.T.reshape(len(vectors.finger), *persons.reliability.shape), "f4")


def rank_single(own: Comparison, strangers: NDArray[np.float32]) -> tuple[Ranks, NDArray[np.int64]]:
    """Ranks of single prints among all fingers, and the finger of each."""
    vectors = own.vectors
    gallery = np.flatnonzero(vectors.impression == 1)
    probes = np.flatnonzero(vectors.impression != 1)
    scores = own.score[np.ix_(gallery, probes)]
    mated = vectors.finger[gallery][:, None] == vectors.finger[probes][None]
    mate = np.where(mated, scores, -np.inf).max(axis=0)
    better = (np.where(mated, -np.inf, scores) >= mate).sum(axis=0)
    flat = strangers.reshape(len(strangers), -1)
    better += (flat[probes] >= mate[:, None]).sum(axis=1)
    return better, vectors.finger[probes]


def rank_persons(
    own: Comparison, strangers: NDArray[np.float32], count: int
) -> tuple[Ranks, NDArray[np.int64]]:
    """Ranks of pseudo-persons among as many entries as there are synthetic fingers.

    Every synthetic person enters ten times, with other fingers or another order of them.
    """
    rng = np.random.default_rng(count)
    persons, fingers = strangers.shape[1:]
    chosen = rng.permuted(np.tile(np.arange(fingers), (persons * fingers, 1)), axis=1)[:, :count]
    entry = np.repeat(np.arange(persons), fingers)[:, None] * fingers + chosen
    flat = strangers.reshape(len(strangers), -1)
    mated, _ = draw_persons(own.vectors, count, PERSON_DRAWS)
    ranks = []
    for reference, probe in mated:
        mate = own.score[reference, probe].sum()
        rivals = np.sum([flat[one][entry[:, k]] for k, one in enumerate(probe)], axis=0)
        ranks.append(int((rivals >= mate).sum()))
    return np.array(ranks), own.vectors.finger[mated[:, 0, 0]]


def measure_real_strangers(own: Comparison) -> Iterator[Measure]:
    """The same among real strangers alone, who are more alike: other fingers' prints.

    There are some 440 of them, so that the best 0.25 % is one and the best 1 % four.
    """
    vectors = own.vectors
    probes = np.flatnonzero(vectors.impression != 1)
    mated = vectors.finger[:, None] == vectors.finger[probes][None]
    first = (vectors.impression == 1)[:, None]
    scores = own.score[:, probes]
    mate = np.where(mated & first, scores, -np.inf).max(axis=0)
    better = ((scores >= mate) & ~mated).sum(axis=0) / (~mated).sum(axis=0)
    for share, text in ((0.0025, "0_25"), (0.01, "1"), (0.05, "5")):
        name = f"real_strangers_hit_at_{text}_percent"
        yield share_of(name, better < share, vectors.finger[probes])


def draw_curve(measures: Sequence[Measure], path: Path) -> None:
    """The shares as a picture: one line for each number of fingers."""
    values = {one.measure: one.value for one in measures}
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for count in FINGER_COUNTS:
        missed = [100.0 - values[f"shortlist_hit_k{count}_best_{length}"] for length in LENGTHS]
        label = "1 finger" if count == 1 else f"{count} fingers"
        axes.plot(LENGTHS, np.maximum(missed, 0.05), marker="o", label=label)
    entries = round(values["shortlist_gallery_fingers"])
    axes.set(xscale="log", yscale="log", xlabel=f"length of the list, of {entries} in the gallery")
    axes.set_ylabel("mates not on the list, % (0 is drawn at 0.05)")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110, metadata={"Software": None})
