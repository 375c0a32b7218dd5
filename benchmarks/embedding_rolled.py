"""Whether the fingerprint vector knows a flat print among rolled ones, which no training had.

    python -m benchmarks.embedding_rolled

Synthetic fingers of no training: one flat and one rolled reference of each from ordinary sessions,
and a flat probe in any condition, which is compared with the references of all. What a generator
calls rolled is wide contact and more stretch; real ten-print cards are the real test.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.rates import Scores, find_eer
from benchmarks.results import Measure, report
from benchmarks.vectors import best_cosines, stack
from matcher.embedding import Embedded, Embedder, weigh
from matcher.runtime import PREPARED
from matcher.vocabulary import TEN_FINGERS, FingerSample, Impression
from models.synthesis.conditions import draw_condition
from models.synthesis.impressions import impress
from models.synthesis.persons import Person, capture_fingers, generator

FIRST_PERSON = 4_000_000
"""Beyond every training's and every other benchmark's."""

_STREAM = 93
"""First word of the probes' seed sequences."""

KINDS = {"flat": Impression.FLAT, "rolled": Impression.ROLLED}
"""References that the same probes are compared with."""


def press(number: int) -> tuple[dict[str, FingerSample], FingerSample]:
    """One finger of a person: its references by kind, and a flat probe in any condition."""
    person, position = Person(FIRST_PERSON + number), TEN_FINGERS[number % len(TEN_FINGERS)]
    references = {
        name: capture_fingers(person, capture_seed=1, positions=[position], impression=kind)[0]
        for name, kind in KINDS.items()
    }
    rng = generator(_STREAM, person.seed)
    probe = impress(person.finger(position), rng, condition=draw_condition(rng)).sample
    return references, probe


def compare(references: Sequence[Embedded], probes: Sequence[Embedded]) -> NDArray[np.float64]:
    """Evidence of every probe (rows) with every reference (columns)."""
    best = best_cosines(np.stack([one.vector for one in references]), stack(probes))
    ours, theirs = (np.array([one.reliability for one in some]) for some in (probes, references))
    return weigh(best.T, theirs[None], ours[:, None])


def judge(name: str, evidence: NDArray[np.float64]) -> Iterator[Measure]:
    """Error rates of probes whose own reference has their own number."""
    own = np.eye(len(evidence), dtype=bool)
    eer = find_eer(Scores.of(evidence[own], evidence[~own]))
    first = float(np.mean(evidence.argmax(axis=1) == np.arange(len(evidence))))
    yield Measure(f"embedding_eer_flat_against_{name}", 100 * eer, "%")
    yield Measure(f"embedding_rank1_flat_against_{name}", 100 * first, "%")


@click.command()
@click.option("--fingers", default=120, show_default=True)
def main(*, fingers: int) -> None:
    """Compare flat probes with flat and with rolled references."""
    cv2.setNumThreads(1)
    embedder = Embedder.open(PREPARED)
    known: dict[str, list[Embedded]] = {name: [] for name in KINDS}
    probes = []
    with click.progressbar(range(fingers), label="fingers") as bar:
        for number in bar:
            references, probe = press(number)
            for name, sample in references.items():
                known[name].append(embedder.embed(sample))
            probes.append(embedder.embed(probe, turned=True))
    measures = [one for name in KINDS for one in judge(name, compare(known[name], probes))]
    report(
        "embedding_rolled",
        measures,
        command=f"python -m benchmarks.embedding_rolled --fingers {fingers}",
        data=f"{fingers} synthetic fingers; flat probes in any condition",
    )


if __name__ == "__main__":
    main()
