"""What the finger is pressed on: optical sensors, capacitive sensors, ink on paper.

A surface turns ink (0 none, 1 full contact) into grey levels, with the ground, the contrast,
the blur and the noise of its kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

from models.synthesis.skin import smooth_noise

Floats = NDArray[np.float32]


class Surface(Enum):
    """Kind of capture device."""

    OPTICAL = "optical"
    CAPACITIVE = "capacitive"
    PAPER = "paper"


@dataclass(frozen=True, slots=True)
class Optics:
    """Grey levels and noise of one kind of surface.

    ground, ridge: ranges of the grey level without and with contact. shade: amplitude of slow
    changes of the ground. grain: white noise, grey levels. stripes: column noise. blur: standard
    deviation in pixels.
    """

    ground: tuple[float, float]
    ridge: tuple[float, float]
    shade: float
    grain: float
    stripes: float
    blur: float


OPTICS = {
    Surface.OPTICAL: Optics((225, 262), (25, 75), shade=6, grain=3.0, stripes=0.0, blur=0.7),
    Surface.CAPACITIVE: Optics((120, 165), (15, 45), shade=9, grain=4.5, stripes=4.0, blur=0.5),
    Surface.PAPER: Optics((222, 246), (45, 95), shade=5, grain=5.0, stripes=0.0, blur=0.75),
}
"""Grey levels measured by eye on public research prints; a ground above 255 saturates, as the
white of many optical readers does."""


def expose(
    rng: np.random.Generator, ink: Floats, surface: Surface, *, noise: float, faint: float
) -> NDArray[np.uint8]:
    """Grey image of an ink layer; noise and faint are levels from 0 to 1."""
    optics = OPTICS[surface]
    ground = rng.uniform(*optics.ground)
    ridge = rng.uniform(*optics.ridge)
    ridge += 0.78 * faint * (min(ground, 255.0) - ridge)
    blurred = cv2.GaussianBlur(ink, (0, 0), optics.blur * (1.0 + 0.5 * noise))
    image = ground + (ridge - ground) * blurred
    image += optics.shade * (1.0 + noise) * smooth_noise(rng, ink.shape, 4)
    if optics.stripes:
        columns = rng.standard_normal(ink.shape[1], dtype=np.float32)
        image += optics.stripes * (0.5 + noise) * columns
    grain = rng.standard_normal(ink.shape, dtype=np.float32)
    image += optics.grain * (0.7 + 6.0 * noise) * grain
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def scratch(rng: np.random.Generator, ink: Floats, level: float) -> None:
    """Draw straight scratches of the glass into ink, bright or dark, in place."""
    rows, columns = ink.shape
    for _ in range(rng.poisson(7.0 * level)):
        start = (int(rng.integers(columns)), int(rng.integers(rows)))
        angle, length = rng.uniform(0.0, np.pi), rng.uniform(40.0, 260.0)
        end = (start[0] + int(length * np.cos(angle)), start[1] + int(length * np.sin(angle)))
        tone = 0.0 if rng.random() < 0.7 else rng.uniform(0.3, 0.8)
        cv2.line(ink, start, end, tone, int(rng.integers(1, 4)), cv2.LINE_8)
