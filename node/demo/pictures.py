"""Pictures of what the machine saw: minutiae on a print, a matched pair, an aligned face."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from interfaces import formats
from interfaces.pb.eurodac.central.v1 import terms_pb2
from interfaces.wire import capture_from
from matcher.engine import Engine
from matcher.extraction import extract_finger
from matcher.face import FaceEngine
from matcher.face_alignment import align
from matcher.pairing import Pairing
from matcher.vocabulary import (
    SUBPIXELS,
    TEMPLATE_DPI,
    FaceSample,
    FingerSample,
    FingerTemplate,
    MinutiaKind,
)

Picture = NDArray[np.uint8]

ENDING, BIFURCATION, LINK = (40, 40, 220), (220, 120, 20), (60, 160, 60)
"""Colours, blue-green-red: endings red, bifurcations blue, pairs green."""

SCALE = 2
"""Enlargement of prints, so that marks do not cover the ridges."""

TAIL_PX = 14
"""Length of the stroke that shows a minutia's direction, in pixels of the picture."""


def draw_all(
    folder: Path, models: Path, pair: tuple[terms_pb2.Capture, terms_pb2.Capture]
) -> list[Path]:
    """Write the three pictures for two captures of one person; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    first, second = (capture_from(capture) for capture in pair)
    ours, theirs = _same_finger(first, second)
    left, _ = extract_finger(ours)
    right, _ = extract_finger(theirs)
    pairing = Engine.open(models).explain(left, right)
    pictures = {
        "minutiae.png": _with_minutiae(_resampled(ours), left),
        "matched-pair.png": _paired(
            (_with_minutiae(_resampled(ours), left), _with_minutiae(_resampled(theirs), right)),
            (left, right),
            pairing,
        ),
        "face-alignment.png": _face(first.faces[0].image, models),
    }
    for name, picture in pictures.items():
        cv2.imwrite(str(folder / name), picture)
    return [folder / name for name in pictures]


def _same_finger(
    first: formats.Capture, second: formats.Capture
) -> tuple[FingerSample, FingerSample]:
    by_position = {sample.position: sample for sample in second.fingers}
    ours = next(sample for sample in first.fingers[1:] if sample.position in by_position)
    return ours, by_position[ours.position]


def _resampled(sample: FingerSample) -> Picture:
    factor = SCALE * TEMPLATE_DPI / sample.dpi
    larger = cv2.resize(sample.image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.cvtColor(larger, cv2.COLOR_GRAY2BGR), np.uint8)


def _points(template: FingerTemplate) -> NDArray[np.int64]:
    xy = np.stack([template.minutiae["x"], template.minutiae["y"]], axis=1)
    return np.rint(xy * (SCALE / SUBPIXELS)).astype(np.int64)


def _with_minutiae(picture: Picture, template: FingerTemplate) -> Picture:
    """Each minutia as a circle with a stroke in its direction."""
    angles = template.minutiae["angle"] * (2 * np.pi / 65536)
    for (x, y), angle, kind in zip(
        _points(template).tolist(), angles, template.minutiae["kind"], strict=True
    ):
        colour = BIFURCATION if kind == MinutiaKind.BIFURCATION else ENDING
        tip = (round(x + TAIL_PX * np.cos(angle)), round(y - TAIL_PX * np.sin(angle)))
        cv2.circle(picture, (x, y), 6, colour, 2, cv2.LINE_AA)
        cv2.line(picture, (x, y), tip, colour, 2, cv2.LINE_AA)
    return picture


def _paired(
    pictures: tuple[Picture, Picture],
    templates: tuple[FingerTemplate, FingerTemplate],
    pairing: Pairing,
) -> Picture:
    """Both prints side by side, each pair of minutiae joined by a line."""
    left, right = pictures
    rows = max(left.shape[0], right.shape[0])
    canvas = np.full((rows, left.shape[1] + right.shape[1], 3), 255, np.uint8)
    canvas[: left.shape[0], : left.shape[1]] = left
    canvas[: right.shape[0], left.shape[1] :] = right
    ours, theirs = _points(templates[0]), _points(templates[1])
    for mine, other in pairing.pairs.tolist():
        x, y = theirs[other].tolist()
        cv2.line(canvas, ours[mine].tolist(), (x + left.shape[1], y), LINK, 1, cv2.LINE_AA)
    return canvas


def _face(photograph: Picture, models: Path) -> Picture:
    """The photograph with box and landmarks, and beside it what the net is shown."""
    engine = FaceEngine.open(models)
    located = engine.locate(FaceSample(photograph))[0]
    picture = np.ascontiguousarray(photograph[:, :, ::-1])
    box = located.box
    corners = np.rint([box.left, box.top, box.left + box.width, box.top + box.height]).astype(int)
    left, top, right, bottom = corners.tolist()
    cv2.rectangle(picture, (left, top), (right, bottom), LINK, 2)
    for x, y in np.rint(located.landmarks).astype(int).tolist():
        cv2.circle(picture, (x, y), 4, LINK, -1, cv2.LINE_AA)
    chip = align(photograph, located.landmarks)[:, :, ::-1]
    rows = max(picture.shape[0], chip.shape[0])
    canvas = np.full((rows, picture.shape[1] + chip.shape[1], 3), 255, np.uint8)
    canvas[: picture.shape[0], : picture.shape[1]] = picture
    canvas[: chip.shape[0], picture.shape[1] :] = chip
    return canvas
