"""Measures the face chain on the LFW pairs and fits the calibration of its scores.

    python -m benchmarks.faces --data FOLDER

FOLDER holds lfw/*.jpg and lfw_pairs.csv (fold,first,second,mated). Every photograph is
processed once; verification follows the protocol of view 2 (threshold from the other folds),
and rates at low FMR come from all pairs of photographs, mated by the name in the file name.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.results import Measure, write
from matcher.face import PREPARED, FaceEngine
from matcher.vocabulary import FaceSample

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "faces"
"""Where the research samples lie beside a checkout."""

CALIBRATED_FMR = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
"""False match rates whose thresholds are reported; the last rests on about seven pairs."""

PRINTED_EVERY = 250
"""Photographs between two lines of progress, about ten seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """All photographs. vectors: float32 (n, d), zero where no face was found; person: (n,)."""

    names: tuple[str, ...]
    person: NDArray[np.intp]
    vectors: NDArray[np.float32]
    milliseconds: float

    @property
    def found(self) -> NDArray[np.bool_]:
        """Photographs with a face."""
        return np.asarray(self.vectors.any(axis=1))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and write its result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder with lfw and lfw_pairs.csv")
    parser.add_argument("--models", type=Path, default=PREPARED, help="folder of prepared models")
    chosen = parser.parse_args(arguments)
    embedded = embed_all(FaceEngine.open(chosen.models), chosen.data / "lfw")
    pairs = read_pairs(chosen.data / "lfw_pairs.csv")
    measures = [*verify(embedded, pairs), *rates(embedded), *speed(embedded)]
    for one in measures:
        print(f"{one.measure:28} {one.value:10.4f} {one.unit}")
    write(
        "faces",
        measures,
        command="python -m benchmarks.faces",
        data=f"LFW view 2, folds 0-4: {len(pairs)} pairs of {len(embedded.names)} photographs",
    )


def embed_all(engine: FaceEngine, folder: Path) -> Embedded:
    """Take every photograph of a folder through the chain; the person is the name before the _."""
    paths = sorted(folder.glob("*.jpg"))
    vectors = np.zeros((len(paths), 128), np.float32)
    start = time.process_time()
    for index, path in enumerate(paths):
        with Image.open(path) as picture:
            image = np.asarray(picture.convert("RGB"))
        template, _ = engine.extract(FaceSample(image))
        if template is not None:
            vectors[index] = template.vector
        if index % PRINTED_EVERY == 0:
            print(f"{index} of {len(paths)} photographs", flush=True)
    milliseconds = 1000 * (time.process_time() - start) / len(paths)
    persons = [path.stem.rpartition("_")[0] for path in paths]
    _, person = np.unique(persons, return_inverse=True)
    return Embedded(tuple(path.name for path in paths), person, vectors, milliseconds)


@dataclass(frozen=True, slots=True)
class Pair:
    """One line of the protocol."""

    fold: int
    first: str
    second: str
    mated: bool


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of the verification protocol."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Pair(int(row["fold"]), row["first"], row["second"], row["mated"] == "1")
            for row in csv.DictReader(file)
        ]


def verify(embedded: Embedded, pairs: Sequence[Pair]) -> list[Measure]:
    """Share of right decisions, each fold at the threshold that is best on the others."""
    index = {name: number for number, name in enumerate(embedded.names)}
    first = np.array([index[pair.first] for pair in pairs])
    second = np.array([index[pair.second] for pair in pairs])
    cosine = np.sum(embedded.vectors[first] * embedded.vectors[second], axis=1)
    mated = np.array([pair.mated for pair in pairs])
    fold = np.array([pair.fold for pair in pairs])
    right = np.zeros(len(pairs), np.bool_)
    for one in np.unique(fold):
        threshold = best_threshold(cosine[fold != one], mated[fold != one])
        right[fold == one] = (cosine[fold == one] >= threshold) == mated[fold == one]
    share = float(right.mean())
    margin = 1.96 * float(np.sqrt(share * (1 - share) / len(pairs)))
    return [
        Measure(
            "LFW verification accuracy",
            100 * share,
            "%",
            99.17,
            True,
            100 * (share - margin),
            100 * min(share + margin, 1.0),
        ),
        Measure("photographs without a face", 100 * float(1 - embedded.found.mean()), "%"),
    ]


def best_threshold(cosine: NDArray[np.float32], mated: NDArray[np.bool_]) -> float:
    """The threshold that decides most pairs rightly, midway between the scores around it."""
    order = np.argsort(cosine)
    rejected_mated = np.concatenate([[0], np.cumsum(mated[order])])
    rejected_others = np.concatenate([[0], np.cumsum(~mated[order])])
    right = mated.sum() - rejected_mated + rejected_others
    bounds = np.concatenate([[-1.0], cosine[order].astype(np.float64), [1.0]])
    rejected = int(np.argmax(right))
    return float(bounds[rejected : rejected + 2].mean())


def rates(embedded: Embedded) -> list[Measure]:
    """Thresholds, true match rates and rank-1 from all pairs of photographs with a face."""
    vectors, person = embedded.vectors[embedded.found], embedded.person[embedded.found]
    cosine = vectors @ vectors.T
    upper = np.triu(np.ones(cosine.shape, np.bool_), 1)
    same = person[:, None] == person[None, :]
    non_mated = np.sort(cosine[upper & ~same])[::-1]
    mated = cosine[upper & same]
    measures = []
    for fmr in CALIBRATED_FMR:
        threshold = float(non_mated[int(fmr * len(non_mated))])
        measures.append(Measure(f"cosine at FMR {fmr:.0e}", threshold, ""))
        measures.append(
            Measure(f"TMR at FMR {fmr:.0e}", 100 * float((mated > threshold).mean()), "%")
        )
    return [*measures, _rank_one(cosine, person)]


def _rank_one(cosine: NDArray[np.float32], person: NDArray[np.intp]) -> Measure:
    """First photographs form the gallery, all later ones of the same persons are probes."""
    _, gallery = np.unique(person, return_index=True)
    probes = np.setdiff1d(np.arange(len(person)), gallery)
    best = gallery[np.argmax(cosine[probes][:, gallery], axis=1)]
    share = float((person[best] == person[probes]).mean())
    return Measure(f"rank-1 of {len(gallery)}", 100 * share, "%")


def speed(embedded: Embedded) -> list[Measure]:
    """Processor time of one photograph, detection to quality, on one core."""
    return [Measure("processor time per photograph", embedded.milliseconds, "ms", 100.0)]


if __name__ == "__main__":
    main()
