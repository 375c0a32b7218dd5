"""Measures whether one threshold keeps its false match rate for several fingers of one sensor.

    python -m benchmarks.fusion

Two strangers are put together from impressions of different fingers of one set, so that all
their fingers share sensor, resolution and kind of skin, as those of one capture do. Single
scores are calibrated by the ranks of all pairs of different fingers of all sets, so that the
result speaks of the fusion and not of the fitted curve. A share of 1 keeps the promise exactly.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.prints import DATA, SETS, read_set
from benchmarks.results import Measure, write
from matcher.extraction import extract_finger
from matcher.fusion import fuse_rows
from matcher.pairing import compare_many, describe, pack

FINGERS = (2, 4, 10)
"""Numbers of fingers fused."""

THRESHOLDS = (10, 20, 30)
"""Promised rates of 1e-1 to 1e-3; the ranks of some 1e5 pairs carry no further."""

STRANGERS = 20_000
"""Pairs of strangers per set and number of fingers; ten fingers of ten leave no more variety."""


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """All impressions against all. score: calibrated (n, n); sets, fingers: of each, (n,)."""

    score: NDArray[np.float32]
    sets: NDArray[np.str_]
    fingers: NDArray[np.int64]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and write its result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the fingerprint sets")
    measures = list(measure(compare_all(parser.parse_args(arguments).data)))
    for one in measures:
        print(f"{one.measure:60} {one.value:8.2f}")
    write("fusion", measures, command="python -m benchmarks.fusion", data=", ".join(SETS))


def compare_all(folder: Path) -> Scores:
    """Extract every impression and compare it with every other."""
    prints = [one for name in SETS for one in read_set(name, folder)]
    described = [describe(extract_finger(one.sample)[0]) for one in prints]
    packed, rows = pack(described), np.arange(len(prints))
    raw = np.stack([compare_many(one, packed, rows) for one in described])
    sets = np.array([one.set_name for one in prints])
    fingers = np.array([one.finger for one in prints])
    strangers = (sets[:, None] != sets) | (fingers[:, None] != fingers)
    return Scores(calibrate(raw, np.sort(raw[np.triu(strangers)])), sets, fingers)


def calibrate(raw: NDArray[np.float32], strangers: NDArray[np.float32]) -> NDArray[np.float32]:
    """-10·log10 of the share of sorted non-mated similarities that are as high."""
    higher = len(strangers) - np.searchsorted(strangers, raw, side="left")
    score: NDArray[np.float32] = -10 * np.log10((higher + 1) / (len(strangers) + 1))
    return score.astype(np.float32)


def measure(scores: Scores) -> Iterator[Measure]:
    """Shares of the promised rate, for every number of fingers, threshold and set."""
    for count in FINGERS:
        fused = {name: fuse_rows(draw_strangers(scores, name, count)) for name in SETS}
        for threshold in THRESHOLDS:
            promised = 10 ** (-threshold / 10)
            shares = [float((fused[name] >= threshold).mean()) / promised for name in SETS]
            label = f"{count} fingers at {threshold}: share of the promised FMR"
            yield Measure(f"{label}, mean of the sets", float(np.mean(shares)), "", 1.0)
            yield Measure(f"{label}, worst set", max(shares), "")


def draw_strangers(scores: Scores, name: str, count: int) -> NDArray[np.float32]:
    """Scores of pairs of strangers with so many fingers each, (STRANGERS, count)."""
    rng = np.random.default_rng(count)
    members = np.flatnonzero(scores.sets == name)
    known = np.unique(scores.fingers[members])
    impressions = [members[scores.fingers[members] == finger] for finger in known]
    drawn = np.empty((STRANGERS, count), np.float32)
    for row in range(STRANGERS):
        one, other = draw_meetings(rng, len(known), count)
        first = [rng.choice(impressions[finger]) for finger in one]
        second = [rng.choice(impressions[finger]) for finger in other]
        drawn[row] = scores.score[first, second]
    return drawn


def draw_meetings(
    rng: np.random.Generator, fingers: int, count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Two orders of so many of the fingers in which none meets itself."""
    while True:
        one, other = rng.permutation(fingers)[:count], rng.permutation(fingers)[:count]
        if (one != other).all():
            return one, other


if __name__ == "__main__":
    main()
