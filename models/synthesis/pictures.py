"""Contact sheets of synthetic captures for the documentation.

    python -m models.synthesis.pictures docs/synthesis

writes classes.jpg (one finger of each class with its true minutiae and core), conditions.jpg
(one finger in each condition and on each surface), rolled.jpg and slap.jpg (with true boxes).
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.vocabulary import SUBPIXELS, FingerPosition, Impression, MinutiaKind
from models.synthesis.captures import capture_slap
from models.synthesis.conditions import GOOD, PARTIAL, TOO_DRY, TOO_WET, Condition
from models.synthesis.fingers import Finger, grow_finger
from models.synthesis.impressions import Print, impress
from models.synthesis.patterns import PatternClass
from models.synthesis.persons import Person
from models.synthesis.skin import Build
from models.synthesis.surfaces import Surface
from models.synthesis.truth import ImpressionTruth

Picture = NDArray[np.uint8]

INK = {MinutiaKind.ENDING: (40, 40, 230), MinutiaKind.BIFURCATION: (30, 150, 30)}
"""Colours (blue, green, red) of the kinds of minutiae."""

JPEG_QUALITY = 82
"""Keeps a sheet below 300 kB without visible loss of ridges."""

SHOWN_CONDITIONS = (
    ("good", GOOD, Surface.OPTICAL),
    ("good, capacitive", GOOD, Surface.CAPACITIVE),
    ("good, ink on paper", GOOD, Surface.PAPER),
    ("half dry", Condition(dry=0.5), Surface.OPTICAL),
    ("half wet", Condition(wet=0.5), Surface.OPTICAL),
    ("creased", Condition(creased=0.8), Surface.OPTICAL),
    ("faint and noisy", Condition(faint=0.6, noise=0.5), Surface.CAPACITIVE),
    ("ghost and scratches", Condition(ghost=1.0, scratches=0.7), Surface.OPTICAL),
    ("moved and stretched", Condition(moved=1.0, stretched=1.0), Surface.OPTICAL),
    ("TOO_DRY", TOO_DRY, Surface.OPTICAL),
    ("TOO_WET", TOO_WET, Surface.OPTICAL),
    ("PARTIAL", PARTIAL, Surface.OPTICAL),
)
"""What the sheet of conditions shows."""


def draw_truth(picture: Picture, truth: ImpressionTruth) -> None:
    """Mark minutiae (a ring and a stroke along the ridge) and the core (a cross) in place."""
    for minutia in truth.minutiae:
        x, y = (int(minutia[axis]) / SUBPIXELS for axis in ("x", "y"))
        angle = int(minutia["angle"]) / 65536 * 2 * np.pi
        colour = INK[MinutiaKind(int(minutia["kind"]))]
        end = (round(x + 13 * np.cos(angle)), round(y - 13 * np.sin(angle)))
        cv2.circle(picture, (round(x), round(y)), 4, colour, 1, cv2.LINE_AA)
        cv2.line(picture, (round(x), round(y)), end, colour, 2, cv2.LINE_AA)
    core = (round(truth.pose.x), round(truth.pose.y))
    cv2.drawMarker(picture, core, (220, 120, 0), cv2.MARKER_CROSS, 26, 2)


def draw_classes() -> Picture:
    """One finger of each class with its truth."""
    shown = []
    for number, pattern in enumerate(PatternClass):
        rng = np.random.default_rng(number)
        finger = grow_finger(rng, FingerPosition.RIGHT_INDEX, pattern, Build())
        one = impress(finger, rng, condition=GOOD)
        shown.append(_titled(one, pattern.name.lower().replace("_", " "), with_truth=True))
    return _tile(shown, 3)


def draw_conditions() -> Picture:
    """One finger in each of the shown conditions."""
    finger = _example()
    shown = [
        _titled(
            impress(finger, np.random.default_rng(2), condition=condition, surface=surface), title
        )
        for title, condition, surface in SHOWN_CONDITIONS
    ]
    return _tile(shown, 4)


def draw_rolled() -> Picture:
    """A rolled print on paper beside a flat one of the same finger, both with their truth."""
    rng = np.random.default_rng(3)
    rolled = impress(_example(), rng, impression=Impression.ROLLED, surface=Surface.PAPER)
    flat = impress(_example(), rng)
    pictures = [
        _titled(one, title, with_truth=True) for one, title in ((rolled, "rolled"), (flat, "flat"))
    ]
    rows = max(picture.shape[0] for picture in pictures)
    level = [_pad(picture, rows) for picture in pictures]
    return np.hstack(level)


def draw_slap() -> Picture:
    """A right slap with the true boxes, minutiae and cores."""
    slap = capture_slap(Person(5), FingerPosition.RIGHT_FOUR, capture_seed=1)
    picture = cv2.cvtColor(slap.sample.image, cv2.COLOR_GRAY2BGR).astype(np.uint8)
    for finger in slap.truth.fingers:
        x, y, width, height = finger.box
        cv2.rectangle(picture, (x, y), (x + width, y + height), (220, 120, 0), 2)
        draw_truth(picture, finger.truth)
    return picture


def write_pictures(folder: Path) -> None:
    """Write all sheets into a folder, which is made if absent."""
    folder.mkdir(parents=True, exist_ok=True)
    sheets = {
        "classes.jpg": draw_classes(),
        "conditions.jpg": draw_conditions(),
        "rolled.jpg": draw_rolled(),
        "slap.jpg": draw_slap(),
    }
    for name, sheet in sheets.items():
        _, encoded = cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        (folder / name).write_bytes(encoded.tobytes())


def _example() -> Finger:
    return grow_finger(
        np.random.default_rng(11), FingerPosition.LEFT_RING, PatternClass.WHORL, Build()
    )


def _titled(one: Print, title: str, *, with_truth: bool = False) -> Picture:
    picture = cv2.cvtColor(one.sample.image, cv2.COLOR_GRAY2BGR).astype(np.uint8)
    if with_truth:
        draw_truth(picture, one.truth)
    framed = cv2.copyMakeBorder(picture, 26, 4, 4, 4, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(framed, title, (8, 19), font, 0.6, (60, 60, 60), 1, cv2.LINE_AA)
    return np.asarray(framed, np.uint8)


def _pad(picture: Picture, rows: int) -> Picture:
    lacking = ((0, rows - picture.shape[0]), (0, 0), (0, 0))
    return np.pad(picture, lacking, constant_values=255)


def _tile(pictures: list[Picture], columns: int) -> Picture:
    rows = [np.hstack(pictures[i : i + columns]) for i in range(0, len(pictures), columns)]
    return np.vstack(rows)


if __name__ == "__main__":
    write_pictures(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/synthesis"))
