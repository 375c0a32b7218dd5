"""What is true of an impression: the master's minutiae and pose, carried through its warp."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from matcher.vocabulary import MINUTIA, SUBPIXELS
from models.synthesis.contact import Touch, Warp
from models.synthesis.fingers import Finger, Pose

Floats = NDArray[np.float32]

VISIBLE_PRESSURE = 0.08
"""Pressure from which a ridge leaves ink reliably; below it lies the ragged rim."""


@dataclass(frozen=True, slots=True, eq=False)
class ImpressionTruth:
    """What is true of an impression, whatever an extractor makes of it.

    minutiae: array of MINUTIA (quality 100), those inside frame and contact. pose: core in pixels
    at 500 dpi and direction to the tip, also when the core is outside the frame. warp: print to
    master. coverage: share of a full contact of this kind that touched, 0 to 1.
    """

    minutiae: NDArray[np.void]
    pose: Pose
    warp: Warp
    coverage: float


def observe(finger: Finger, touch: Touch, pressure: Floats, full: float) -> ImpressionTruth:
    """The truth of an impression; full: area of a full contact in square pixels."""
    places = np.stack([finger.minutiae["x"], finger.minutiae["y"]], 1).astype(np.float64)
    angles = finger.minutiae["angle"].astype(np.float64)
    seen, turned = _carry(touch.warp, places, angles)
    rows, columns = pressure.shape
    near = np.round(np.clip(seen, 0, (columns - 1, rows - 1))).astype(np.intp)
    inside = np.all((seen >= 0) & (seen <= (columns - 1, rows - 1)), axis=1)
    kept = inside & (pressure[near[:, 1], near[:, 0]] > VISIBLE_PRESSURE)
    minutiae = _encode(seen[kept], turned[kept], finger.minutiae["kind"][kept])
    coverage = min(1.0, float((pressure > 0).sum()) / full)
    return ImpressionTruth(minutiae, _carry_pose(touch.warp, finger.pose), touch.warp, coverage)


def _encode(
    places: NDArray[np.float64], angles: NDArray[np.float64], kinds: NDArray[np.uint8]
) -> NDArray[np.void]:
    """Pixels and radians as MINUTIA."""
    minutiae = np.zeros(len(places), MINUTIA)
    minutiae["x"], minutiae["y"] = np.round(places.T * SUBPIXELS)
    minutiae["angle"] = np.round(angles / (2 * np.pi) * 65536).astype(np.int64) % 65536
    minutiae["kind"], minutiae["quality"] = kinds, 100
    return minutiae


def shift(truth: ImpressionTruth, x: int, y: int) -> ImpressionTruth:
    """The same truth once the print lies in a larger image, its corner on pixel (x, y) >= 0."""
    minutiae = truth.minutiae.copy()
    minutiae["x"] += np.uint16(x * SUBPIXELS)
    minutiae["y"] += np.uint16(y * SUBPIXELS)
    pose = replace(truth.pose, x=truth.pose.x + x, y=truth.pose.y + y)
    place = (truth.warp.place[0] + x, truth.warp.place[1] + y)
    return replace(truth, minutiae=minutiae, pose=pose, warp=replace(truth.warp, place=place))


def _carry(
    warp: Warp, places: NDArray[np.float64], angles: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Carry master points and directions into the print."""
    step = 2.0 * np.stack([np.cos(angles), -np.sin(angles)], 1)
    seen, ahead = warp.to_print(places), warp.to_print(places + step)
    moved = ahead - seen
    return seen, np.mod(np.arctan2(-moved[:, 1], moved[:, 0]), 2 * np.pi)


def _carry_pose(warp: Warp, pose: Pose) -> Pose:
    seen, turned = _carry(warp, np.array([[pose.x, pose.y]]), np.array([pose.angle]))
    return Pose(float(seen[0, 0]), float(seen[0, 1]), float(turned[0]))
