"""The words of the matcher, as frozen values (ISO/IEC 2382-37).

Pixel rows grow downwards. Lengths of templates are in pixels at 500 dpi whatever the
resolution of the sample was. Angles are counter-clockwise from the positive x axis.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

TEMPLATE_DPI = 500
"""Resolution of all template coordinates, pixels per inch (usual in ISO/IEC 19794-2 records)."""

MINUTIA = np.dtype(
    [("x", "<u2"), ("y", "<u2"), ("angle", "<u2"), ("kind", "u1"), ("quality", "u1")]
)
"""One minutia: x and y in 1/16 pixel at 500 dpi; angle in 1/65536 turn, the direction of the
ending ridge (ISO/IEC 19794-2); kind as in MinutiaKind; quality 0-100."""

SUBPIXELS = 16
"""Units of a MINUTIA coordinate in one pixel at 500 dpi."""

NO_VECTOR: NDArray[np.int8] = np.zeros(0, np.int8)
"""The vector of a print that has none; it belongs to no model."""
NO_VECTOR.flags.writeable = False

NO_OTHER_POSES: NDArray[np.int8] = np.zeros((0, 128), np.int8)
"""Of a print that was read at one pose."""
NO_OTHER_POSES.flags.writeable = False


class FingerPosition(IntEnum):
    """Position codes of ANSI/NIST-ITL; 11 and above are slap images of several fingers."""

    UNKNOWN = 0
    RIGHT_THUMB = 1
    RIGHT_INDEX = 2
    RIGHT_MIDDLE = 3
    RIGHT_RING = 4
    RIGHT_LITTLE = 5
    LEFT_THUMB = 6
    LEFT_INDEX = 7
    LEFT_MIDDLE = 8
    LEFT_RING = 9
    LEFT_LITTLE = 10
    RIGHT_THUMB_PLAIN = 11
    LEFT_THUMB_PLAIN = 12
    RIGHT_FOUR = 13
    LEFT_FOUR = 14
    BOTH_THUMBS = 15

    @property
    def is_finger(self) -> bool:
        """Whether the code names one finger of the ten.

        >>> FingerPosition.LEFT_RING.is_finger, FingerPosition.RIGHT_FOUR.is_finger
        (True, False)
        """
        return 1 <= self <= 10


TEN_FINGERS = tuple(position for position in FingerPosition if position.is_finger)


class Impression(IntEnum):
    """How the finger met the surface."""

    FLAT = 0
    ROLLED = 1


class MinutiaKind(IntEnum):
    """Type of a minutia (ISO/IEC 19794-2)."""

    OTHER = 0
    ENDING = 1
    BIFURCATION = 2


@dataclass(frozen=True, slots=True, eq=False)
class FingerSample:
    """One finger or slap as captured: dark ridges on light ground.

    image: uint8, shape (rows, columns). dpi: pixels per inch, always explicit.
    """

    image: NDArray[np.uint8]
    dpi: float
    position: FingerPosition = FingerPosition.UNKNOWN
    impression: Impression = Impression.FLAT


@dataclass(frozen=True, slots=True, eq=False)
class FaceSample:
    """One photograph. image: uint8 RGB, shape (rows, columns, 3)."""

    image: NDArray[np.uint8]


Sample = FingerSample | FaceSample


@dataclass(frozen=True, slots=True)
class Quality:
    """Quality score of one sample, 0 (unusable) to 100, with its components and a clerk's hint.

    components: each 0-100, by name. hint: what to do better, empty when nothing is wanted.
    """

    score: int
    components: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    hint: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class FingerTemplate:
    """What is compared of one finger.

    minutiae: array of MINUTIA, shape (n,); empty for an unusable finger, which never matches.
    width, height: extent of the sample in pixels at 500 dpi. model: id of the extractor.
    vector: int8, shape (128,), the unit vector in steps of 1/254 (`codes.quantise`); shape (0,)
    where no finger was seen or no network ran. reliability: 0-100, what the vector is worth in
    fusion. vector_model: id of the network, empty without a vector. other_poses: int8, shape
    (n, 128), the vectors at other poses that the print may have, for a search; never stored.
    """

    minutiae: NDArray[np.void]
    width: int
    height: int
    quality: int
    model: str
    position: FingerPosition = FingerPosition.UNKNOWN
    impression: Impression = Impression.FLAT
    vector: NDArray[np.int8] = field(default_factory=lambda: NO_VECTOR)
    reliability: int = 0
    vector_model: str = ""
    other_poses: NDArray[np.int8] = field(default_factory=lambda: NO_OTHER_POSES)


@dataclass(frozen=True, slots=True, eq=False)
class FaceTemplate:
    """What is compared of one face.

    vector: float32, L2-normalised, shape (d,). model: id of the net.
    """

    vector: NDArray[np.float32]
    quality: int
    model: str


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """All templates of one person's capture: at most one per finger position, and a face.

    The same value serves as probe. Fingers of position UNKNOWN are allowed in probes only.
    """

    fingers: tuple[FingerTemplate, ...] = ()
    face: FaceTemplate | None = None

    @property
    def by_position(self) -> Mapping[FingerPosition, FingerTemplate]:
        """The fingers by their position code."""
        return {finger.position: finger for finger in self.fingers}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Outcome of comparing a probe with one reference.

    score: -10·log10 of the false match rate at which a pair this similar would be accepted, so
    30 means FMR 1e-3 and 40 means 1e-4; calibrated and fused over everything both sides have.
    fingers: the same scale per finger position compared. face: the same, None if not compared.
    """

    score: float
    fingers: Mapping[FingerPosition, float]
    face: float | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One entry of a candidate list. reference_id: the opaque number given at enrolment.

    hands_swapped: found by taking the probe's right hand for the left and the other way round;
    the positions of the comparison are those of the reference.
    """

    reference_id: int
    comparison: Comparison
    hands_swapped: bool = False
