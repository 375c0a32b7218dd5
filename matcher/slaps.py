"""Cutting a slap, one image of several fingers, into single fingertips.

`segment` reads as one page: find where ridges are, find the bodies that they form, choose
the fingertips among them, name them by their order in the hand, crop each above its joint.

Ridges are told from handwriting, print and frame lines by two local measures of the
band-passed image: its strength, and its evenness, the mean magnitude over the root mean
square. Ridges fill their ground evenly (near 0.9); strokes on paper are sparse (below 0.75).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.vocabulary import FingerPosition, FingerSample

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Labels = NDArray[np.int32]

FINGERS = MappingProxyType(
    {
        FingerPosition.RIGHT_FOUR: tuple(FingerPosition(code) for code in (2, 3, 4, 5)),
        FingerPosition.LEFT_FOUR: tuple(FingerPosition(code) for code in (10, 9, 8, 7)),
        FingerPosition.BOTH_THUMBS: tuple(FingerPosition(code) for code in (6, 1)),
    }
)
"""The fingers of each slap from left to right, as they appear when the hands press down."""

WORK_DPI = 250
"""Resolution of the search in pixels per inch: ridges of 0.3 mm keep three pixels."""

PX_PER_MM = WORK_DPI / 25.4

RIDGE_SIGMAS_MM = (0.08, 0.30)
"""Widths of the two Gaussians whose difference passes ridges 0.25 to 0.8 mm apart."""

WINDOW_SIGMA_MM = 0.8
"""Width of the window of the local measures: two ridges on either side."""

EVENNESS_MIN = 0.80
"""Evenness of ridges: pencil on the reference cards reaches 0.78, faint ridges fall to 0.81."""

STRENGTH_SHARE_MIN = 0.25
"""Strength relative to the 95th percentile of the image; the palest little finger of the
reference slaps has 0.4."""

STRENGTH_MIN_GREY = 4.0
"""Strength in grey levels below which there is only paper or sensor noise."""

HOLE_MAX_MM2 = 60.0
"""Holes in a finger that are filled, such as scars and the punch hole of a card (33 mm2)."""

CORE_RADII_MM = (2.0, 2.5, 3.0, 3.5, 4.0)
"""Half widths that a body keeps at its thickest, tried in turn until touching fingers part;
the first removes strokes, the last still leaves the little finger of a child."""

TIP_AREA_MM2 = (30.0, 900.0)
"""Area of a fingertip: half a child's little finger to a broad thumb."""

TIP_WIDTH_MAX_MM = 30.0
"""Width of one finger, thumbs included; two touching fingers are wider."""

AREA_SHARE_MIN = 0.25
"""Area of a chosen tip relative to the median of the chosen; smudges are smaller."""

ABOVE_OVERLAP = 0.4
"""Share of the narrower width in which one body stands above another of the same finger."""

ABOVE_AREA_SHARE = 0.5
"""Area a body needs, relative to the one below, to be its fingertip rather than a note."""

GROWTH_MM = 2.5
"""How far the crop follows weak ridges around a body: the local measures lose its rim."""

MARGIN_MM = 1.0
"""Paper left around a crop."""

JOINT_MM = (16.0, 34.0)
"""Distance from the tip in which the crease of the last joint can lie."""

JOINT_DEPTH = 0.6
"""Strength in a crease relative to the phalanges around it."""

TIP_LENGTH_MAX_MM = 32.0
"""Length kept of a finger in which no crease shows."""

PAPER_GREY = 255
"""Grey level that covers neighbouring fingers in a crop."""


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """fingers: the single fingers, left to right. problem: why there are none, else empty.

    Positions follow from counting, so a slap that shows fewer fingers than expected gives no
    fingers at all: a guess would enrol a finger under a wrong position.
    """

    fingers: tuple[FingerSample, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class _Ridges:
    """Where ridges are, at WORK_DPI. strength: grey levels; weak: may belong to a finger;
    sure: does."""

    strength: Floats
    weak: Mask
    sure: Mask


@dataclass(frozen=True, slots=True, eq=False)
class _Body:
    """One connected body of ridges. label: its number among the labels; box in pixels."""

    label: int
    left: int
    top: int
    width: int
    height: int
    area_mm2: float

    @property
    def middle(self) -> float:
        """Column of its centre."""
        return self.left + self.width / 2


def segment(sample: FingerSample, *, missing: Collection[FingerPosition] = ()) -> Segmentation:
    """Cut a slap into its fingertips and name them.

    sample: position RIGHT_FOUR, LEFT_FOUR or BOTH_THUMBS (KeyError otherwise), fingers
    pointing up within 45 degrees. missing: fingers that it need not show. The crops keep the
    resolution of the sample; nothing is resampled.
    """
    expected = [code for code in FINGERS[sample.position] if code not in missing]
    ridges = _find_ridges(sample)
    tips: list[_Body] = []
    for radius_mm in CORE_RADII_MM:
        labels, bodies = _find_bodies(ridges, radius_mm)
        tips = _choose_tips(bodies, len(expected))
        if len(tips) == len(expected):
            fingers = (
                _crop(sample, position, _trace_tip(ridges, labels, tip), labels)
                for position, tip in zip(expected, tips, strict=True)
            )
            return Segmentation(tuple(fingers))
    return Segmentation((), f"shows {len(tips)} fingers, {len(expected)} are expected")


def _find_ridges(sample: FingerSample) -> _Ridges:
    scale = WORK_DPI / sample.dpi
    image = cv2.resize(sample.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    fine, coarse = (_blur(image.astype(np.float32), sigma) for sigma in RIDGE_SIGMAS_MM)
    band = fine - coarse
    strength = np.sqrt(_blur(band * band, WINDOW_SIGMA_MM))
    evenness = _blur(np.abs(band), WINDOW_SIGMA_MM) / np.maximum(strength, 1e-3)
    floor = max(STRENGTH_SHARE_MIN * float(np.percentile(strength, 95)), STRENGTH_MIN_GREY)
    weak = strength > floor
    return _Ridges(strength, weak, _fill_holes(weak & (evenness > EVENNESS_MIN)))


def _blur(image: Floats, sigma_mm: float) -> Floats:
    return cast(Floats, cv2.GaussianBlur(image, (0, 0), sigma_mm * PX_PER_MM))


def _fill_holes(mask: Mask) -> Mask:
    """The mask with its small holes closed; a hole is ground that does not reach the frame."""
    ground = (~mask).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ground, connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] < HOLE_MAX_MM2 * PX_PER_MM**2
    small[0] = False
    small[np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))] = False
    return cast(Mask, mask | small[labels])


def _find_bodies(ridges: _Ridges, radius_mm: float) -> tuple[Labels, list[_Body]]:
    """Bodies that are at least radius thick, and the label of the nearest one everywhere.

    A morphological opening that also parts bodies joined by a neck thinner than the radius.
    """
    radius = radius_mm * PX_PER_MM
    depth = cv2.distanceTransform(ridges.sure.astype(np.uint8), cv2.DIST_L2, 5)
    cores = (depth > radius).astype(np.uint8)
    if not cores.any():
        return np.zeros(cores.shape, np.int32), []
    _, core_labels = cv2.connectedComponents(cores)
    nearest, away = _spread(core_labels.astype(np.int32))
    own = ridges.sure & (away <= radius * 1.2)
    return nearest, [
        body
        for label in range(1, int(core_labels.max()) + 1)
        if (body := _measure(own & (nearest == label), label)) is not None
    ]


def _spread(labels: Labels) -> tuple[Labels, Floats]:
    """For each pixel the nearest label and the distance to it in pixels."""
    away, index = cv2.distanceTransformWithLabels(
        (labels == 0).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    table = np.zeros(int(index.max()) + 1, np.int32)
    table[index[labels > 0]] = labels[labels > 0]
    return table[index], cast(Floats, away)


def _measure(mask: Mask, label: int) -> _Body | None:
    """The body of a mask, or None when it cannot be a fingertip."""
    area_mm2 = int(mask.sum()) / PX_PER_MM**2
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    smallest, largest = TIP_AREA_MM2
    if not smallest <= area_mm2 <= largest or width > TIP_WIDTH_MAX_MM * PX_PER_MM:
        return None
    return _Body(label, left, top, width, height, area_mm2)


def _choose_tips(bodies: list[_Body], count: int) -> list[_Body]:
    """The count largest bodies with no fingertip above them, left to right; fewer if unsure."""
    tops = [body for body in bodies if not any(_stands_above(other, body) for other in bodies)]
    chosen = sorted(tops, key=lambda body: -body.area_mm2)[:count]
    median = float(np.median([body.area_mm2 for body in chosen])) if chosen else 0.0
    whole = [body for body in chosen if body.area_mm2 >= AREA_SHARE_MIN * median]
    return sorted(whole, key=lambda body: body.middle)


def _stands_above(upper: _Body, lower: _Body) -> bool:
    """Whether the upper body is a fingertip and the lower one a phalanx of the same finger."""
    shared = min(upper.left + upper.width, lower.left + lower.width) - max(upper.left, lower.left)
    return (
        upper.top + upper.height / 2 < lower.top
        and shared > ABOVE_OVERLAP * min(upper.width, lower.width)
        and upper.area_mm2 >= ABOVE_AREA_SHARE * lower.area_mm2
    )


def _trace_tip(ridges: _Ridges, labels: Labels, tip: _Body) -> Mask:
    """The pixels of a fingertip down to its joint, its pale rim included."""
    core = ridges.sure & (labels == tip.label)
    window = np.zeros_like(core)
    window[tip.top : tip.top + tip.height, tip.left : tip.left + tip.width] = True
    core &= window
    away = cv2.distanceTransform((~core).astype(np.uint8), cv2.DIST_L2, 5)
    rim = ridges.weak & (labels == tip.label) & (away <= GROWTH_MM * PX_PER_MM)
    return _cut_at_joint(core | rim, ridges.strength)


def _cut_at_joint(finger: Mask, strength: Floats) -> Mask:
    """The part of a finger above its last joint, measured along its own axis."""
    rows, columns = np.nonzero(finger)
    along = _project(rows, columns)
    length_mm = float(along.max()) / PX_PER_MM
    if length_mm <= JOINT_MM[0]:
        return finger
    bins = (along / PX_PER_MM * 2).astype(np.intp)
    profile = np.bincount(bins, strength[rows, columns]) / np.maximum(np.bincount(bins), 1)
    keep = along <= _joint_mm(profile) * PX_PER_MM
    cut = np.zeros_like(finger)
    cut[rows[keep], columns[keep]] = True
    return cut


def _project(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float64]:
    """Distance of each pixel from the tip along the axis of the finger, in pixels.

    A body that is hardly longer than wide has no reliable axis and counts as upright.
    """
    centred = np.stack([rows - rows.mean(), columns - columns.mean()])
    spread, axes = np.linalg.eigh(np.cov(centred))
    axis = axes[:, 1] * np.sign(axes[0, 1] or 1.0)
    if spread[1] < 1.5 * spread[0] or axis[0] < np.cos(np.pi / 4):
        axis = np.array([1.0, 0.0])
    along = axis @ centred
    return cast(NDArray[np.float64], along - along.min())


def _joint_mm(profile: NDArray[np.float64]) -> float:
    """Distance of the crease from the tip, by strengths in steps of half a millimetre."""
    first, last = (int(2 * bound) for bound in JOINT_MM)
    reach = profile[first:last]
    lowest = first + int(np.argmin(reach))
    above, below = profile[:lowest], profile[lowest:]
    if profile[lowest] < JOINT_DEPTH * min(np.median(above), below.max()):
        return lowest / 2
    return TIP_LENGTH_MAX_MM


def _crop(
    sample: FingerSample, position: FingerPosition, finger: Mask, labels: Labels
) -> FingerSample:
    """The finger cut out of the slap at full resolution, neighbours covered with paper."""
    scale = sample.dpi / WORK_DPI
    rows, columns = np.nonzero(finger)
    own = labels[rows[0], columns[0]]
    margin = MARGIN_MM * PX_PER_MM
    top, left = (max(0, int((axis.min() - margin) * scale)) for axis in (rows, columns))
    bottom, right = (int((axis.max() + 1 + margin) * scale) for axis in (rows, columns))
    image = sample.image[top:bottom, left:right].copy()
    at = (np.arange(top, top + image.shape[0]) / scale).astype(np.intp)
    across = (np.arange(left, left + image.shape[1]) / scale).astype(np.intp)
    at, across = at.clip(0, labels.shape[0] - 1), across.clip(0, labels.shape[1] - 1)
    image[labels[np.ix_(at, across)] != own] = PAPER_GREY
    return FingerSample(image, sample.dpi, position, sample.impression)
