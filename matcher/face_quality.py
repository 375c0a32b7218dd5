"""Judges the quality of a face photograph by components named after ISO/IEC 29794-5.

Each component is 0 to 100 and has its own hint, because an operator at the camera needs the
reason, not a number. The formulas are those of the standard's public reference implementation
where five landmarks suffice for them; head pose and sharpness are our own (said at each).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.face_alignment import CHIP_PX
from matcher.face_landmarks import FaceLocation
from matcher.face_pose import Pose, estimate_pose
from matcher.vocabulary import Quality

EYE_DISTANCE_MIDDLE_PX = 70.0
"""Inter-eye distance that scores 50 (ISO/IEC 29794-5 reference implementation)."""

EYE_DISTANCE_WIDTH_PX = 20.0
"""Softness of the inter-eye distance score, same source: 120 px score 92."""

BRIGHT_LEVEL = 247
"""Luminance from which a pixel counts as over-exposed (same source)."""

DARK_LEVEL = 25
"""Luminance up to which a pixel counts as under-exposed (same source)."""

ENTROPY_SCALE = 12.5
"""Turns bits of luminance entropy, at most 8, into 0 to 100 (same source)."""

UNIFORMITY_EXPONENT = 0.3
"""Softens the overlap of the two cheeks' histograms (same source)."""

SHARPNESS_MIDDLE = 4.5
"""Detail energy that scores 50: what a portrait has after a blur of 2 pixels of the chip."""

SHARPNESS_WIDTH = 1.5
"""Softness of the sharpness score; in-focus portraits score above 75."""

FACE_OVAL = ((73.5, 82.0), (44.0, 56.0))
"""Centre and half axes, in chip pixels, of the ellipse that holds the face without hair."""

CHEEKS = (slice(66, 94), slice(38, 60), slice(87, 109))
"""Rows of both cheeks, columns of the right and of the left one, in chip pixels."""

WANTED = 50.0
"""A component below this gets its hint: the standard's recommended capture is well above."""

LOWEST_SCORE = 1
"""Score of the worst photograph that still gives a template; 0 says that there is none."""

HINTS: Mapping[str, str] = MappingProxyType(
    {
        "single_face": "Only one person may be in the picture.",
        "inter_eye_distance": "Move the camera closer or use a higher resolution.",
        "head_pose": "Look straight into the camera and hold the head upright.",
        "sharpness": "Hold still and focus on the eyes.",
        "under_exposure": "Add light: the face is too dark.",
        "over_exposure": "Reduce the light: the face is too bright.",
        "illumination_uniformity": "Light both sides of the face evenly.",
        "luminance_entropy": "Improve the contrast of the face.",
    }
)
"""What to do better, in the order in which an operator should try."""

NO_FACE_HINT = "No face was found: look into the camera from the front, uncovered."
"""Said when detection fails."""


def no_face() -> Quality:
    """The quality of a photograph without a face: 0, every component 0.

    >>> no_face().score
    0
    """
    return Quality(0, MappingProxyType(dict.fromkeys(HINTS, 0.0)), NO_FACE_HINT)


def assess(chip: NDArray[np.uint8], faces: Sequence[FaceLocation]) -> Quality:
    """Quality of the first of the faces. chip: the same face aligned, shape (150, 150, 3).

    The score is the geometric mean of the components, capped by twice the worst one, so that
    nothing excellent hides something unusable.
    """
    face = faces[0]
    pose = estimate_pose(face.landmarks)
    luminance = np.asarray(cv2.cvtColor(chip, cv2.COLOR_RGB2GRAY), np.uint8)
    skin = luminance[_oval()]
    components = {
        "single_face": _single_face(faces),
        "inter_eye_distance": _inter_eye_distance(face, pose),
        "head_pose": _head_pose(pose),
        "sharpness": _sharpness(luminance),
        "under_exposure": _under_exposure(skin),
        "over_exposure": _over_exposure(skin),
        "illumination_uniformity": _illumination_uniformity(luminance),
        "luminance_entropy": _luminance_entropy(skin),
    }
    return Quality(_overall(components), MappingProxyType(components), _hint(components, pose))


def _overall(components: Mapping[str, float]) -> int:
    values = np.array(list(components.values()))
    mean = float(np.exp(np.log(np.maximum(values, 1.0)).mean()))
    return max(round(min(mean, 2 * float(values.min()))), LOWEST_SCORE)


def _hint(components: Mapping[str, float], pose: Pose) -> str:
    """The hints of all components that are wanting, most important first."""
    hints = dict(HINTS)
    if abs(pose.yaw) >= max(abs(pose.pitch), abs(pose.roll)):
        hints["head_pose"] = "Turn the head to look straight into the camera."
    elif abs(pose.roll) > abs(pose.pitch):
        hints["head_pose"] = "Hold the head upright."
    return " ".join(text for name, text in hints.items() if components[name] < WANTED)


def _single_face(faces: Sequence[FaceLocation]) -> float:
    """100 when there is one face; less the larger the second one is."""
    if len(faces) == 1:
        return 100.0
    areas = sorted((face.box.area for face in faces), reverse=True)
    return 100.0 * (1.0 - areas[1] / areas[0])


def _inter_eye_distance(face: FaceLocation, pose: Pose) -> float:
    """Distance of the eyes in pixels of the photograph, made good for a turned head."""
    distance = float(np.linalg.norm(face.left_eye - face.right_eye))
    distance /= max(float(np.cos(np.radians(pose.yaw))), 0.1)
    return _sigmoid(distance, EYE_DISTANCE_MIDDLE_PX, EYE_DISTANCE_WIDTH_PX)


def _head_pose(pose: Pose) -> float:
    """The worst of the three squared cosines; the standard states each angle on its own."""
    worst = max(abs(pose.yaw), abs(pose.pitch), abs(pose.roll))
    return 100.0 * max(float(np.cos(np.radians(worst))), 0.0) ** 2


def _sharpness(luminance: NDArray[np.uint8]) -> float:
    """Energy of fine detail relative to the contrast of the face (our own measure)."""
    return _sigmoid(detail_energy(luminance), SHARPNESS_MIDDLE, SHARPNESS_WIDTH)


def detail_energy(luminance: NDArray[np.uint8]) -> float:
    """Per cent of the face's contrast that a blur of one pixel removes."""
    values = luminance.astype(np.float32)
    fine = values - cv2.GaussianBlur(values, (0, 0), 1.0)
    oval = _oval()
    contrast = float(values[oval].std())
    return 100.0 * float(fine[oval].std()) / max(contrast, 1.0)


def _under_exposure(skin: NDArray[np.uint8]) -> float:
    share = float((skin <= DARK_LEVEL).mean())
    return float(np.clip(120.0 * (0.832 - 1.0 / (1.0 + np.exp((0.92 - share) / 0.05))), 0, 100))


def _over_exposure(skin: NDArray[np.uint8]) -> float:
    share = float((skin >= BRIGHT_LEVEL).mean())
    return float(min(1.0 / (share + 0.01), 100.0))


def _luminance_entropy(skin: NDArray[np.uint8]) -> float:
    shares = _histogram(skin)
    shares = shares[shares > 0]
    bits = -float((shares * np.log2(shares)).sum())
    return min(ENTROPY_SCALE * bits, 100.0)


def _illumination_uniformity(luminance: NDArray[np.uint8]) -> float:
    """Overlap of the luminance histograms of both cheeks."""
    rows, right, left = CHEEKS
    one, other = _histogram(luminance[rows, right]), _histogram(luminance[rows, left])
    return 100.0 * float(np.minimum(one, other).sum() ** UNIFORMITY_EXPONENT)


def _histogram(values: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.bincount(values.ravel(), minlength=256) / values.size


def _sigmoid(value: float, middle: float, width: float) -> float:
    return 100.0 / (1.0 + float(np.exp((middle - value) / width)))


@cache
def _oval() -> NDArray[np.bool_]:
    (x, y), (half_x, half_y) = FACE_OVAL
    rows, columns = np.mgrid[:CHIP_PX, :CHIP_PX]
    inside = ((columns - x) / half_x) ** 2 + ((rows - y) / half_y) ** 2 <= 1
    inside.setflags(write=False)
    return np.asarray(inside, np.bool_)
