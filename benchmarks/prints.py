"""The fingerprint sets beside the checkout, as samples with finger and impression numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.results import ROOT
from matcher.vocabulary import FingerSample

DATA = ROOT.parent / "shared" / "data" / "fingerprints"

FVC_SETS = ("FVC2002_DB1_B", "FVC2002_DB2_B", "FVC2002_DB3_B", "FVC2002_DB4_B")
SETS = (*FVC_SETS, "pyfnprint_16x8")

DPI = {"FVC2002_DB2_B": 569.0}
"""Resolution of the sets that are not 500 dpi; the files themselves do not say it."""

NAME = re.compile(r"(?P<finger>\d+)_(?P<impression>\d+)\.(tif|png)")


@dataclass(frozen=True, slots=True, eq=False)
class Print:
    """One impression of a set. finger: its number in the set, from which odd and even follow."""

    set_name: str
    finger: int
    impression: int
    sample: FingerSample


def read_set(name: str, folder: Path = DATA) -> Iterator[Print]:
    """The impressions of one set, by finger and impression."""
    found = []
    for path in (folder / name).iterdir():
        if match := NAME.fullmatch(path.name):
            found.append((int(match["finger"]), int(match["impression"]), path))
    for finger, impression, path in sorted(found):
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if image is None:
            raise ValueError(f"an image of {name} cannot be read")
        sample = FingerSample(image.astype(np.uint8), DPI.get(name, 500.0))
        yield Print(name, finger, impression, sample)
