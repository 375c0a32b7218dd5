"""One impression of a finger: what a sensor sees, and the truth about it.

    finger -> contact and warp -> height of the skin -> ink -> scratches -> surface -> image

The truth (minutiae, pose, warp, covered share) is computed from the same warp as the image.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.vocabulary import (
    MINUTIA,
    SUBPIXELS,
    TEMPLATE_DPI,
    FingerSample,
    Impression,
)
from models.synthesis.contact import Contact, Touch, Warp, draw_warp
from models.synthesis.fingers import (
    MASTER_PX,
    PAD_MIDDLE_PX,
    Finger,
    Pose,
    draw_creases,
    smooth_noise,
)
from models.synthesis.surfaces import Surface, expose, scratch

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Condition:
    """State of skin, glass and operator; every level runs from 0 (none) to 1 (as bad as it gets).

    dry breaks ridges, wet fills valleys, faint takes contrast, creased adds white lines, partial
    takes contact away (at 1 about a fifth of the pad is left), noise and scratches are the
    sensor's. moved shifts and turns the finger, stretched distorts its skin.
    """

    dry: float = 0.0
    wet: float = 0.0
    faint: float = 0.0
    creased: float = 0.0
    partial: float = 0.0
    noise: float = 0.0
    scratches: float = 0.0
    moved: float = 0.2
    stretched: float = 0.2

    def __post_init__(self) -> None:
        """Refuse levels outside 0 to 1."""
        levels = {name: getattr(self, name) for name in self.__slots__}
        outside = [name for name, level in levels.items() if not 0.0 <= level <= 1.0]
        if outside:
            raise ValueError(f"levels must lie between 0 and 1: {', '.join(outside)}")


GOOD = Condition(dry=0.05, wet=0.05, noise=0.03)
"""A clean capture by a trained operator."""

TOO_DRY = Condition(dry=1.0, faint=0.75, noise=0.35)
"""Dry skin: ridges fall into dots; the station should refuse it and ask for moisture."""

TOO_WET = Condition(wet=1.0, noise=0.15)
"""Wet skin: ridges run together; the station should refuse it and ask to wipe the finger."""

PARTIAL = Condition(partial=1.0, moved=0.5)
"""Only the tip or an edge of the finger touched; the station should refuse it."""


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


FRAMES = {
    Impression.FLAT: Frame(400, 360, (142.0, 184.0), 2.3),
    Impression.ROLLED: Frame(520, 560, (250.0, 215.0), 4.0),
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
    frame = FRAMES[impression]
    touch = _draw_touch(rng, finger, impression, condition)
    ink, pressure = press(rng, finger, touch, condition)
    scratch(rng, ink, condition.scratches)
    image = expose(rng, _resample(ink, dpi), surface, noise=condition.noise, faint=condition.faint)
    sample = FingerSample(image, dpi, finger.position, impression)
    return Print(sample, observe(finger, touch, pressure, _coverage(finger, touch, frame)))


def _draw_touch(
    rng: np.random.Generator, finger: Finger, impression: Impression, condition: Condition
) -> Touch:
    """Where in the frame the contact lies, how the finger is turned and stretched."""
    frame = FRAMES[impression]
    contact = _draw_contact(rng, finger, frame, condition)
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


def _draw_contact(
    rng: np.random.Generator, finger: Finger, frame: Frame, condition: Condition
) -> Contact:
    """Which part of the pad touches; partial contact shrinks it and pushes it off the middle."""
    lack = condition.partial
    shrink = (1.0 - 0.54 * lack) * rng.uniform(0.94, 1.06, 2)
    radii = np.asarray(frame.radii) * finger.build.size * shrink
    away = rng.uniform(0.0, 2 * np.pi)
    off = 0.62 * lack * np.asarray(frame.radii) * (np.cos(away), np.sin(away))
    middle = PAD_MIDDLE_PX + off + rng.normal(0.0, 5.0 + 20.0 * condition.moved, 2)
    return Contact(
        middle=(float(middle[0]), float(middle[1])),
        radii=(float(radii[0]), float(radii[1])),
        power=frame.power,
        press=rng.uniform(0.85, 1.15),
    )


def press(
    rng: np.random.Generator, finger: Finger, touch: Touch, condition: Condition
) -> tuple[Floats, Floats]:
    """Ink (0 to 1) that the skin leaves, and the pressure that it had, both of touch.shape."""
    x, y = touch.warp.lookup(touch.shape)
    skin = _skin(rng, finger, condition)
    height = np.asarray(cv2.remap(skin, x, y, cv2.INTER_LINEAR, borderValue=-1.0), np.float32)
    inside = (x > 0) & (y > 0) & (x < MASTER_PX - 1) & (y < MASTER_PX - 1)
    pressure = np.where(inside, touch.contact.pressure(x, y), np.float32(-1.0))
    return _leave_ink(rng, height, pressure, condition), pressure


def _skin(rng: np.random.Generator, finger: Finger, condition: Condition) -> Floats:
    """Height of the skin at this moment: ridges, pores and roughness, creases old and new."""
    roughness = np.float32(0.9 + 1.2 * condition.dry - 0.6 * condition.wet)
    height = finger.ridges - roughness * finger.texture - np.float32(3.0) * finger.creases
    if condition.creased:
        height = height - 3.0 * draw_creases(rng, MASTER_PX, 3.0 * condition.creased)
    return np.asarray(height, np.float32)


def _leave_ink(
    rng: np.random.Generator, height: Floats, pressure: Floats, condition: Condition
) -> Floats:
    """Skin above the level to which pressure and moisture reach leaves ink."""
    shape = height.shape
    uneven = 0.16 * smooth_noise(rng, shape, 5) + 0.14 * smooth_noise(rng, shape, 36)
    moisture = 0.95 * condition.wet - 0.80 * condition.dry
    level = -moisture + (0.7 + condition.wet + condition.dry) * uneven
    ragged = pressure + RAGGED_RIM * smooth_noise(rng, shape, 40)
    rim = np.clip(1.0 - ragged / RIM_PRESSURE, 0.0, None)
    level += 0.55 * rim * rim + np.where(ragged < 0, np.float32(9.0), np.float32(0.0))
    if condition.dry:
        speckle = rng.standard_normal(shape, dtype=np.float32)
        level += 1.5 * condition.dry * cv2.GaussianBlur(speckle, (0, 0), 1.3) * 2.2
    return np.asarray(
        1.0 / (1.0 + np.exp(np.clip(SHARPNESS * (level - height), -30, 30))), np.float32
    )


def _resample(ink: Floats, dpi: float) -> Floats:
    """Ink at another resolution; averaging when smaller, so that fine ridges do not alias."""
    if dpi == TEMPLATE_DPI:
        return ink
    scale = dpi / TEMPLATE_DPI
    size = (round(ink.shape[1] * scale), round(ink.shape[0] * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(ink, size, interpolation=way), np.float32)


def observe(finger: Finger, touch: Touch, pressure: Floats, coverage: float) -> ImpressionTruth:
    """The truth of an impression: minutiae under pressure, and the pose."""
    places = np.stack([finger.minutiae["x"], finger.minutiae["y"]], 1).astype(np.float64)
    angles = finger.minutiae["angle"].astype(np.float64)
    seen, turned = _carry(touch.warp, places, angles)
    rows, columns = pressure.shape
    near = np.round(np.clip(seen, 0, (columns - 1, rows - 1))).astype(np.intp)
    inside = np.all((seen >= 0) & (seen <= (columns - 1, rows - 1)), axis=1)
    kept = inside & (pressure[near[:, 1], near[:, 0]] > VISIBLE_PRESSURE)
    minutiae = np.zeros(int(kept.sum()), MINUTIA)
    minutiae["x"] = np.round(seen[kept, 0] * SUBPIXELS)
    minutiae["y"] = np.round(seen[kept, 1] * SUBPIXELS)
    minutiae["angle"] = np.round(turned[kept] / (2 * np.pi) * 65536).astype(np.int64) % 65536
    minutiae["kind"] = finger.minutiae["kind"][kept]
    minutiae["quality"] = 100
    return ImpressionTruth(minutiae, _carry_pose(touch.warp, finger.pose), touch.warp, coverage)


RIM_PRESSURE = 0.25
"""Pressure below which ridges grow thinner towards the rim of the contact."""

RAGGED_RIM = 0.06
"""How unevenly the rim of the contact runs, in units of pressure."""

SHARPNESS = 8.0
"""Slope of the step from no ink to full ink, per unit of skin height."""

VISIBLE_PRESSURE = 0.08
"""Pressure from which a ridge leaves ink reliably; below it lies the ragged rim."""


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


def _coverage(finger: Finger, touch: Touch, frame: Frame) -> float:
    """Area of the contact relative to a full contact of this finger."""
    full = frame.radii[0] * frame.radii[1] * finger.build.size**2
    return min(1.0, touch.contact.radii[0] * touch.contact.radii[1] / full)
