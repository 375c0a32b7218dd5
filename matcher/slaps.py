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
Direction = NDArray[np.float64]

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

CORE_RADII_MM = (2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5)
"""Half widths that a body keeps at its thickest, tried in turn until touching fingers part;
the first removes strokes and leaves the fingers of a child, the last those of an adult."""

TIP_AREA_MM2 = (30.0, 900.0)
"""Area of a fingertip: half a child's little finger to a broad thumb."""

TIP_WIDTH_MAX_MM = 30.0
"""Width of one finger, thumbs included; two touching fingers are wider."""

AREA_SHARE_MIN = 0.25
"""Area of a chosen tip relative to the median of the chosen; smudges are smaller."""

LONG_RATIO = 1.2
"""Ratio of the variances along and across from which a body, or the mean of all, has an axis."""

TURN_MAX_DEGREES = 45.0
"""Turn of a hand up to which its fingers count as pointing up."""

ABOVE_OVERLAP = 0.4
"""Share of the narrower width in which one body stands above another of the same finger."""

ABOVE_AREA_SHARE = 0.25
"""Area a body needs, relative to the one below, to be its fingertip rather than a note."""

GROWTH_MM = 2.5
"""How far the crop follows weak ridges around a body: the local measures lose its rim."""

MARGIN_MM = 1.0
"""Paper left around a crop."""

JOINT_MM = (16.0, 34.0)
"""Distance from the tip in which the crease of the last joint can lie."""

JOINT_STEP_MM = 0.5
"""Step in which the relief along a finger is averaged: a ridge, and half a crease."""

JOINT_DEPTH = 0.6
"""Relief in a crease relative to the phalanges around it."""

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
    """Where ridges are, at WORK_DPI. relief: distance of each pixel from its surroundings in
    grey levels; weak: may belong to a finger; sure: does."""

    relief: Floats
    weak: Mask
    sure: Mask


@dataclass(frozen=True, slots=True, eq=False)
class _Bodies:
    """Connected bodies of ridges by label. own: the label of each pixel, 0 outside; nearest:
    the label of the nearest body everywhere."""

    own: Labels
    nearest: Labels


@dataclass(frozen=True, slots=True, eq=False)
class _Body:
    """Extent of one body in mm: first and last across the hand, and along its fingers."""

    label: int
    across: tuple[float, float]
    along: tuple[float, float]
    area_mm2: float

    @property
    def width(self) -> float:
        """Extent across the hand in mm."""
        return self.across[1] - self.across[0]


def segment(sample: FingerSample, *, missing: Collection[FingerPosition] = ()) -> Segmentation:
    """Cut a slap into its fingertips and name them.

    sample: position RIGHT_FOUR, LEFT_FOUR or BOTH_THUMBS (KeyError otherwise), fingers
    pointing up within 45 degrees. missing: fingers that it need not show. The crops keep the
    resolution of the sample; nothing is resampled.
    """
    expected = [code for code in FINGERS[sample.position] if code not in missing]
    ridges = _find_ridges(sample)
    down = _find_down(_find_bodies(ridges, CORE_RADII_MM[0]))
    tips: list[_Body] = []
    for radius_mm in CORE_RADII_MM:
        bodies = _find_bodies(ridges, radius_mm)
        tips = _choose_tips(_measure_all(bodies, down), len(expected))
        if len(tips) == len(expected):
            fingers = (
                _crop(sample, position, _trace_tip(ridges, bodies, tip.label), bodies.nearest)
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
    relief = np.abs(band)
    evenness = _blur(relief, WINDOW_SIGMA_MM) / np.maximum(strength, 1e-3)
    floor = max(STRENGTH_SHARE_MIN * float(np.percentile(strength, 95)), STRENGTH_MIN_GREY)
    weak = strength > floor
    return _Ridges(relief, weak, _fill_holes(weak & (evenness > EVENNESS_MIN)))


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


def _find_bodies(ridges: _Ridges, radius_mm: float) -> _Bodies:
    """The bodies that are at least radius thick.

    A morphological opening that also parts bodies joined by a neck thinner than the radius.
    """
    radius = radius_mm * PX_PER_MM
    depth = cv2.distanceTransform(ridges.sure.astype(np.uint8), cv2.DIST_L2, 5)
    cores = (depth > radius).astype(np.uint8)
    _, labels = cv2.connectedComponents(cores)
    nearest, away = _spread(labels.astype(np.int32))
    own = np.where(ridges.sure & (away <= radius * 1.2), nearest, 0).astype(np.int32)
    return _Bodies(own, nearest)


def _points(own: Labels) -> dict[int, NDArray[np.intp]]:
    """Row and column of the pixels of each body, shape (n, 2), by label."""
    places = np.argwhere(own)
    labels = own[own > 0]
    order = np.argsort(labels, kind="stable")
    numbers, starts = np.unique(labels[order], return_index=True)
    pieces = np.split(places[order], starts[1:])
    return {int(number): piece for number, piece in zip(numbers, pieces, strict=False)}


def _find_down(bodies: _Bodies) -> Direction:
    """The unit vector (row, column) from fingertips to palm: the mean long axis of all bodies."""
    total = np.zeros((2, 2))
    for points in _points(bodies.own).values():
        if len(points) > 1:
            # Scaled by the spread, so that a large body counts by its area only.
            spread = np.cov(points.T)
            total += len(points) * spread / max(np.trace(spread), 1e-9)
    return _long_axis(total)


def _long_axis(spread: NDArray[np.float64]) -> Direction:
    """The main axis of a 2 x 2 covariance, pointing down; upright when it lies more than
    TURN_MAX_DEGREES from that, or when the spread is round."""
    values, axes = np.linalg.eigh(spread)
    axis = axes[:, 1] * (1.0 if axes[0, 1] >= 0 else -1.0)
    round_or_flat = values[1] < LONG_RATIO * values[0]
    if round_or_flat or axis[0] < np.cos(np.radians(TURN_MAX_DEGREES)):
        return np.array([1.0, 0.0])
    return axis


def _spread(labels: Labels) -> tuple[Labels, Floats]:
    """For each pixel the nearest label and the distance to it in pixels."""
    away, index = cv2.distanceTransformWithLabels(
        (labels == 0).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    table = np.zeros(int(index.max()) + 1, np.int32)
    table[index[labels > 0]] = labels[labels > 0]
    return table[index], cast(Floats, away)


def _measure_all(bodies: _Bodies, down: Direction) -> list[_Body]:
    """The bodies that can be fingertips or phalanges by their size."""
    smallest, largest = TIP_AREA_MM2
    measured = []
    for label, pixels in _points(bodies.own).items():
        points = pixels / PX_PER_MM
        area_mm2 = len(points) / PX_PER_MM**2
        if smallest <= area_mm2 <= largest:
            along, across = points @ down, points @ (down[::-1] * (-1, 1))
            body = _Body(label, _reach(across), _reach(along), area_mm2)
            measured += [body] if body.width <= TIP_WIDTH_MAX_MM else []
    return measured


def _reach(places: NDArray[np.float64]) -> tuple[float, float]:
    return float(places.min()), float(places.max())


def _choose_tips(bodies: list[_Body], count: int) -> list[_Body]:
    """The count largest bodies with no fingertip above them, left to right; fewer if unsure."""
    tops = [body for body in bodies if not any(_stands_above(other, body) for other in bodies)]
    chosen = sorted(tops, key=lambda body: -body.area_mm2)[:count]
    median = float(np.median([body.area_mm2 for body in chosen])) if chosen else 0.0
    whole = [body for body in chosen if body.area_mm2 >= AREA_SHARE_MIN * median]
    return sorted(whole, key=lambda body: sum(body.across))


def _stands_above(upper: _Body, lower: _Body) -> bool:
    """Whether the upper body is a fingertip and the lower one a phalanx of the same finger."""
    shared = min(upper.across[1], lower.across[1]) - max(upper.across[0], lower.across[0])
    return (
        sum(upper.along) / 2 < lower.along[0]
        and shared > ABOVE_OVERLAP * min(upper.width, lower.width)
        and upper.area_mm2 >= ABOVE_AREA_SHARE * lower.area_mm2
    )


def _trace_tip(ridges: _Ridges, bodies: _Bodies, label: int) -> Mask:
    """The pixels of a fingertip down to its joint, its pale rim included."""
    core = bodies.own == label
    away = cv2.distanceTransform((~core).astype(np.uint8), cv2.DIST_L2, 5)
    rim = ridges.weak & (bodies.nearest == label) & (away <= GROWTH_MM * PX_PER_MM)
    return _cut_at_joint(core | rim, ridges.relief)


def _cut_at_joint(finger: Mask, relief: Floats) -> Mask:
    """The part of a finger above its last joint, measured along its own axis."""
    rows, columns = np.nonzero(finger)
    points = np.stack([rows, columns])
    along = _long_axis(np.cov(points)) @ points / PX_PER_MM
    along -= along.min()
    if along.max() <= JOINT_MM[0]:
        return finger
    steps = (along / JOINT_STEP_MM).astype(np.intp)
    profile = np.bincount(steps, relief[rows, columns]) / np.maximum(np.bincount(steps), 1)
    keep = along <= _joint_mm(np.convolve(profile, np.full(3, 1 / 3), mode="same"))
    cut = np.zeros_like(finger)
    cut[rows[keep], columns[keep]] = True
    return cut


def _joint_mm(profile: NDArray[np.float64]) -> float:
    """Distance of the crease from the tip, by the mean relief in steps of JOINT_STEP_MM."""
    first, last = (int(bound / JOINT_STEP_MM) for bound in JOINT_MM)
    lowest = first + int(np.argmin(profile[first:last]))
    above, below = np.median(profile[:lowest]), profile[lowest:].max()
    if profile[lowest] < JOINT_DEPTH * min(above, below):
        return lowest * JOINT_STEP_MM
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
