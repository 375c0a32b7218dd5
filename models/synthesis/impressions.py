"""One impression of a finger: what a sensor sees, and the truth about it.

    finger -> contact and warp -> height of the skin -> ink -> scratches -> surface -> image

The truth (minutiae, pose, warp, covered share) is computed from the same warp as the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gamma

import numpy as np

from matcher.vocabulary import TEMPLATE_DPI, FingerSample, Impression
from models.synthesis.conditions import GOOD, PARTIAL, TOO_DRY, TOO_WET, Condition
from models.synthesis.contact import Contact, Touch, draw_warp
from models.synthesis.fingers import PAD_MIDDLE_PX, Finger
from models.synthesis.ink import press, resample
from models.synthesis.surfaces import Surface, expose, scratch
from models.synthesis.truth import ImpressionTruth, observe

__all__ = [
    "FRAMES",
    "GOOD",
    "PARTIAL",
    "TOO_DRY",
    "TOO_WET",
    "Condition",
    "Frame",
    "ImpressionTruth",
    "Print",
    "Surface",
    "draw_contact",
    "impress",
]


@dataclass(frozen=True, slots=True, eq=False)
class Print:
    """An impression with its truth."""

    sample: FingerSample
    truth: ImpressionTruth


@dataclass(frozen=True, slots=True)
class Frame:
    """Shape of an impression at 500 dpi, and the contact of a mean finger in it.

    rows, columns: pixels. radii: half axes of full contact. power: shape of the contact.
    """

    rows: int
    columns: int
    radii: tuple[float, float]
    power: float

    @property
    def area(self) -> float:
        """Area of the contact, a superellipse, in square pixels."""
        inverse = 1.0 / self.power
        return 4 * self.radii[0] * self.radii[1] * gamma(1 + inverse) ** 2 / gamma(1 + 2 * inverse)


FRAMES = {
    Impression.FLAT: Frame(400, 360, (142.0, 184.0), 2.3),
    Impression.ROLLED: Frame(560, 620, (250.0, 215.0), 4.0),
}
"""A flat finger touches about 14 x 19 mm, a rolled one 25 x 22 mm."""

LARGEST_TURN = 0.8
"""Radians; operators do not accept a finger turned further."""

ROLLED_STRETCH = 1.3
"""Rolling drags the skin more than putting the finger down."""


def impress(
    finger: Finger,
    rng: np.random.Generator,
    *,
    impression: Impression = Impression.FLAT,
    dpi: float = TEMPLATE_DPI,
    condition: Condition = GOOD,
    surface: Surface = Surface.OPTICAL,
) -> Print:
    """Press a finger on a surface once; the same generator state gives the same bytes."""
    touch = _draw_touch(rng, finger, impression, condition)
    ink, pressure = press(rng, finger.skin, touch, condition)
    scratch(rng, ink, condition.scratches)
    image = expose(rng, resample(ink, dpi), surface, noise=condition.noise, faint=condition.faint)
    full = FRAMES[impression].area * finger.build.size**2
    sample = FingerSample(image, dpi, finger.position, impression)
    return Print(sample, observe(finger, touch, pressure, full))


def _draw_touch(
    rng: np.random.Generator, finger: Finger, impression: Impression, condition: Condition
) -> Touch:
    """Where in the frame the contact lies, how the finger is turned and stretched."""
    frame = FRAMES[impression]
    contact = draw_contact(rng, finger, frame, condition)
    off = rng.normal(0.0, 4.0 + 26.0 * condition.moved, 2)
    turn = rng.normal(0.0, np.radians(2.0 + 16.0 * condition.moved))
    rolled = ROLLED_STRETCH if impression is Impression.ROLLED else 1.0
    warp = draw_warp(
        rng,
        contact,
        place=(0.5 * frame.columns + float(off[0]), 0.5 * frame.rows + float(off[1])),
        angle=float(np.clip(turn, -LARGEST_TURN, LARGEST_TURN)),
        stretch=rolled * condition.stretched,
    )
    return Touch(contact, warp, (frame.rows, frame.columns))


def draw_contact(
    rng: np.random.Generator, finger: Finger, frame: Frame, condition: Condition
) -> Contact:
    """Which part of the pad touches; partial contact shrinks it and pushes it off the middle."""
    lack = condition.partial
    flatness = rng.uniform(0.6, 1.4)
    shrink = (1.0 - 0.54 * lack) ** np.array([flatness, 2.0 - flatness])
    radii = np.asarray(frame.radii) * finger.build.size * shrink * rng.uniform(0.94, 1.06, 2)
    away = rng.uniform(0.0, 2 * np.pi)
    off = 0.62 * lack * np.asarray(frame.radii) * (np.cos(away), np.sin(away))
    middle = PAD_MIDDLE_PX + off + rng.normal(0.0, 5.0 + 20.0 * condition.moved, 2)
    return Contact(
        middle=(float(middle[0]), float(middle[1])),
        radii=(float(radii[0]), float(radii[1])),
        power=frame.power,
        press=rng.uniform(0.85, 1.15),
    )
