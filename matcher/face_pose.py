"""Estimates how a head is turned from five landmarks.

The base of the nose stands in front of the plane of the eyes, so turning the head moves it
sideways between them, and nodding moves it up or down. Closed form under weak perspective;
good to about five degrees in yaw and ten in pitch, because noses differ in length.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, cos, degrees, hypot, radians

import numpy as np
from numpy.typing import NDArray

from matcher.face_landmarks import LEFT_EYE, NOSE, RIGHT_EYE

NOSE_DROP = 0.77
"""From the line of the eyes down to the base of the nose, in inter-eye distances (mean face)."""

NOSE_DEPTH = 0.50
"""From the plane of the eyes forward to the base of the nose, in inter-eye distances: about
30 mm against 61 mm on a mean face."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Degrees. yaw: positive when the subject's nose points to the right of the picture; pitch:
    positive when it points down; roll: positive when the head leans to the right of the picture.
    """

    yaw: float
    pitch: float
    roll: float


def estimate_pose(landmarks: NDArray[np.float32]) -> Pose:
    """The pose of a head from its five landmarks, shape (5, 2), x and y in pixels.

    >>> eyes = [[90, 50], [70, 50], [10, 50], [30, 50]]
    >>> estimate_pose(np.array([*eyes, [50, 96.2]], np.float32))
    Pose(yaw=0.0, pitch=0.0, roll=0.0)
    """
    right = landmarks[list(RIGHT_EYE)].mean(axis=0).astype(np.float64)
    left = landmarks[list(LEFT_EYE)].mean(axis=0).astype(np.float64)
    across = complex(*(left - right))
    width = max(abs(across), 1e-6)
    nose = complex(*(landmarks[NOSE] - (left + right) / 2)) * across.conjugate() / width
    yaw = atan2(nose.real / NOSE_DEPTH, width)
    scale = width / max(cos(yaw), 0.1)
    pitch = _pitch(nose.imag / scale)
    return Pose(
        *(round(degrees(a), 1) + 0.0 for a in (yaw, pitch, atan2(across.imag, across.real)))
    )


def _pitch(drop: float) -> float:
    """The angle p at which the nose, at rest at (NOSE_DROP, NOSE_DEPTH), appears at this drop.

    drop = NOSE_DROP cos p + NOSE_DEPTH sin p, which has a maximum where the nose hangs straight
    below the eyes; beyond it the nearest angle is returned.
    """
    reach = hypot(NOSE_DROP, NOSE_DEPTH)
    lead = atan2(NOSE_DEPTH, NOSE_DROP)
    share = min(max(drop / reach, -1.0), 1.0)
    angle = lead - float(np.arccos(share))
    return min(max(angle, -radians(90)), radians(90))
