"""Captures of several fingers at once: slaps, and the images of a ten-print card.

A slap shows four fingers (or both thumbs) side by side, fanned and of different lengths, with a
part of the next joint below each of them, cut by the edge of the image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.vocabulary import (
    TEMPLATE_DPI,
    TEN_FINGERS,
    FingerPosition,
    FingerSample,
    Impression,
)
from models.synthesis.conditions import Condition
from models.synthesis.contact import Contact, Touch, draw_warp
from models.synthesis.fingers import PHALANX_PX
from models.synthesis.impressions import FRAMES, draw_contact
from models.synthesis.ink import press
from models.synthesis.persons import (
    SLAP_STREAM,
    Person,
    capture_prints,
    draw_session,
    generator,
)
from models.synthesis.skin import Skin
from models.synthesis.surfaces import Surface, expose, scratch
from models.synthesis.truth import ImpressionTruth, observe, shift

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class SlapFinger:
    """One finger of a slap. box: x, y, width, height of the fingertip's contact in pixels;
    truth: minutiae and pose in the coordinates of the slap."""

    position: FingerPosition
    box: tuple[int, int, int, int]
    truth: ImpressionTruth


@dataclass(frozen=True, slots=True, eq=False)
class SlapTruth:
    """The fingers of a slap from left to right."""

    fingers: tuple[SlapFinger, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Slap:
    """A slap with its truth."""

    sample: FingerSample
    truth: SlapTruth


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a finger of a slap lies: middle of the pad in pixels at 500 dpi, turn in degrees."""

    position: FingerPosition
    x: float
    y: float
    turn: float


@dataclass(frozen=True, slots=True)
class Plan:
    """Size of a slap in pixels at 500 dpi and the seats of its fingers from left to right."""

    rows: int
    columns: int
    seats: tuple[Seat, ...]


_RIGHT_SEATS = (
    Seat(FingerPosition.RIGHT_INDEX, 240.0, 335.0, 4.0),
    Seat(FingerPosition.RIGHT_MIDDLE, 605.0, 265.0, 1.0),
    Seat(FingerPosition.RIGHT_RING, 975.0, 320.0, -3.0),
    Seat(FingerPosition.RIGHT_LITTLE, 1335.0, 490.0, -8.0),
)

_SLAP_COLUMNS = 1600

_LEFT_SEATS = tuple(
    Seat(FingerPosition(seat.position + 5), _SLAP_COLUMNS - seat.x, seat.y, -seat.turn)
    for seat in reversed(_RIGHT_SEATS)
)

PLANS = {
    FingerPosition.RIGHT_FOUR: Plan(1000, _SLAP_COLUMNS, _RIGHT_SEATS),
    FingerPosition.LEFT_FOUR: Plan(1000, _SLAP_COLUMNS, _LEFT_SEATS),
    FingerPosition.BOTH_THUMBS: Plan(
        1000,
        1000,
        (
            Seat(FingerPosition.LEFT_THUMB, 280.0, 400.0, -4.0),
            Seat(FingerPosition.RIGHT_THUMB, 720.0, 400.0, 4.0),
        ),
    ),
}
"""An 81 x 51 mm platen for four fingers, and half of the sides for two thumbs."""

JOINT_PX = 405.0
"""Distance from the middle of the pad to the middle of the next phalanx of a mean finger."""

PHALANX_RADII_PX = (116.0, 182.0)
"""Half axes of the contact of the next phalanx."""

_WINDOW_PX = (500, 460)
"""Rows and columns of the window in which one pad or phalanx is pressed."""


def slap(
    person: Person,
    position: FingerPosition,
    *,
    capture_seed: int,
    condition: Condition | None = None,
    surface: Surface = Surface.OPTICAL,
) -> FingerSample:
    """Capture RIGHT_FOUR, LEFT_FOUR or BOTH_THUMBS at once; ValueError for other positions."""
    return capture_slap(
        person, position, capture_seed=capture_seed, condition=condition, surface=surface
    ).sample


def capture_slap(
    person: Person,
    position: FingerPosition,
    *,
    capture_seed: int,
    condition: Condition | None = None,
    surface: Surface = Surface.OPTICAL,
) -> Slap:
    """As slap, with the truth."""
    if position not in PLANS:
        raise ValueError("a slap is RIGHT_FOUR, LEFT_FOUR or BOTH_THUMBS")
    plan = PLANS[position]
    state = condition or draw_session(person, capture_seed)
    rng = generator(SLAP_STREAM, person.seed, position, capture_seed)
    ink = np.zeros((plan.rows, plan.columns), np.float32)
    seats = _move_hand(rng, plan, state)
    fingers = tuple(_put_down(rng, person, seat, state, ink=ink) for seat in seats)
    scratch(rng, ink, state.scratches)
    image = expose(rng, ink, surface, noise=state.noise, faint=state.faint)
    return Slap(FingerSample(image, TEMPLATE_DPI, position), SlapTruth(fingers))


def card(person: Person, *, capture_seed: int) -> tuple[FingerSample, ...]:
    """The images of a ten-print card on paper: ten rolled fingers, then slaps 13, 14 and 15."""
    rolled = capture_prints(
        person,
        capture_seed=capture_seed,
        positions=TEN_FINGERS,
        impression=Impression.ROLLED,
        surface=Surface.PAPER,
    )
    slaps = (
        slap(person, position, capture_seed=capture_seed, surface=Surface.PAPER)
        for position in PLANS
    )
    return (*(one.sample for one in rolled), *slaps)


def _move_hand(rng: np.random.Generator, plan: Plan, condition: Condition) -> tuple[Seat, ...]:
    """Turn and shift the whole hand, and each finger a little by itself."""
    turn = float(np.clip(rng.normal(0.0, 1.0 + 5.0 * condition.moved), -7.0, 7.0))
    off = np.clip(rng.normal(0.0, 12.0, 2), -24.0, 24.0)
    middle = complex(plan.columns / 2, -plan.rows / 2)
    seats = []
    for seat in plan.seats:
        place = (complex(seat.x, -seat.y) - middle) * np.exp(1j * np.radians(turn)) + middle
        seats.append(
            Seat(
                seat.position,
                place.real + float(off[0]) + rng.normal(0.0, 4.0),
                -place.imag + float(off[1]) + rng.normal(0.0, 10.0),
                seat.turn + turn + rng.normal(0.0, 2.0),
            )
        )
    return tuple(seats)


def _put_down(
    rng: np.random.Generator, person: Person, seat: Seat, condition: Condition, *, ink: Floats
) -> SlapFinger:
    """Press one fingertip and the phalanx below it into the ink of a slap."""
    finger = person.finger(seat.position)
    frame = FRAMES[Impression.FLAT]
    contact = draw_contact(rng, finger, frame, condition)
    touch, pressure, corner = _press_into(
        ink, rng, skin=finger.skin, contact=contact, seat=seat, condition=condition
    )
    below, lower = _below(rng, seat, finger.build.size)
    phalanx = person.phalanx(seat.position)
    _press_into(ink, rng, skin=phalanx, contact=below, seat=lower, condition=condition)
    truth = observe(finger, touch, pressure, frame.area * finger.build.size**2)
    return SlapFinger(seat.position, _bounds(pressure > 0, corner), shift(truth, *corner))


def _press_into(
    ink: Floats,
    rng: np.random.Generator,
    *,
    skin: Skin,
    contact: Contact,
    seat: Seat,
    condition: Condition,
) -> tuple[Touch, Floats, tuple[int, int]]:
    """Press skin into a window of ink; returns the touch, the pressure and the window's corner."""
    rows, columns = _WINDOW_PX
    left = int(np.clip(seat.x - columns / 2, 0, ink.shape[1] - columns))
    top = int(np.clip(seat.y - rows / 2, 0, ink.shape[0] - rows))
    warp = draw_warp(
        rng,
        contact,
        place=(seat.x - left, seat.y - top),
        angle=np.radians(seat.turn),
        stretch=condition.stretched,
    )
    touch = Touch(contact, warp, _WINDOW_PX)
    mark, pressure = press(rng, skin, touch, condition)
    window = ink[top : top + rows, left : left + columns]
    np.maximum(window, mark, out=window)
    return touch, pressure, (left, top)


def _below(rng: np.random.Generator, seat: Seat, size: float) -> tuple[Contact, Seat]:
    """Contact and seat of the phalanx below a fingertip; it presses less than the tip."""
    down = JOINT_PX * size
    turn = np.radians(seat.turn)
    lower = Seat(
        seat.position, seat.x + down * np.sin(turn), seat.y + down * np.cos(turn), seat.turn
    )
    across, along = PHALANX_RADII_PX
    radii = (size * across * rng.uniform(0.85, 1.05), size * along * rng.uniform(0.9, 1.0))
    middle = (PHALANX_PX / 2, PHALANX_PX / 2)
    return Contact(middle, radii, 3.0, rng.uniform(0.35, 0.8)), lower


def _bounds(mask: NDArray[np.bool_], corner: tuple[int, int]) -> tuple[int, int, int, int]:
    """Box (x, y, width, height) of a mask that begins at a corner of a larger image."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not len(columns):
        return (*corner, 0, 0)
    left, top = int(columns[0]), int(rows[0])
    width, height = int(columns[-1]) - left + 1, int(rows[-1]) - top + 1
    return corner[0] + left, corner[1] + top, width, height
