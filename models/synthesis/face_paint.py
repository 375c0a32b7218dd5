"""The colours of a synthetic face: skin, eyes, brows, lips, beard and hair.

Colours are linear light, float32 RGB 0 to 1, on the square of face_relief. Each part paints
over what is there through a soft mask.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.synthesis.face_relief import (
    PIXELS_PER_UNIT,
    Plane,
    bump,
    face_plane,
    lip_edges,
    mouth_line,
    pair,
    soft_step,
)
from models.synthesis.face_traits import Capture, Colours, Shape, Traits

Floats = NDArray[np.floating[Any]]

GAMMA = 2.2
"""Exponent between linear light and sRGB levels, close enough for a painting."""

SKIN_TONES = ((236, 201, 182), (222, 180, 150), (190, 140, 105), (138, 93, 66), (86, 56, 42))
"""Skin from no to full melanin, sRGB."""


def linear(colour: tuple[float, float, float]) -> Floats:
    """Linear light of an sRGB colour.

    >>> linear((255, 255, 255)).tolist()
    [1.0, 1.0, 1.0]
    """
    return np.asarray((np.array(colour) / 255.0) ** GAMMA, np.float32)


def paint(canvas: Floats, colour: Floats, mask: Floats) -> None:
    """Lay a colour over the canvas where the mask is not 0."""
    canvas += mask[..., None] * (colour - canvas)


def soft_noise(rng: np.random.Generator, size: float, shape: tuple[int, int]) -> Floats:
    """Smooth noise of unit deviation; size: of its blobs, in face units."""
    sigma = size * PIXELS_PER_UNIT
    step = max(int(sigma / 2), 1)
    small = rng.standard_normal((shape[0] // step + 4, shape[1] // step + 4), dtype=np.float32)
    smooth = cv2.GaussianBlur(small, (0, 0), max(sigma / step, 0.3))
    noise = cv2.resize(smooth, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(noise / max(float(noise.std()), 1e-6), np.float32)


def paint_face(traits: Traits, capture: Capture) -> Floats:
    """Colours of the whole head without hair, shape (rows, columns, 3)."""
    plane = face_plane()
    rng = np.random.default_rng(traits.texture_seed)
    canvas = _skin(traits, plane, rng)
    _age(canvas, traits, plane)
    _lips(canvas, traits, capture)
    _nostrils(canvas, traits.shape, plane)
    _beard(canvas, traits, plane, rng)
    _eyes(canvas, traits, capture)
    _brows(canvas, traits, capture, rng)
    _glasses(canvas, traits)
    return np.clip(canvas, 0.0, 1.0)


def _skin(traits: Traits, plane: Plane, rng: np.random.Generator) -> Floats:
    colours, extent = traits.colours, plane.x.shape
    place = colours.melanin * (len(SKIN_TONES) - 1)
    tones = np.array(SKIN_TONES, float)
    tone = [float(np.interp(place, range(len(tones)), tones[:, c])) for c in range(3)]
    canvas = np.broadcast_to(linear((tone[0], tone[1], tone[2])), (*extent, 3)).copy()
    canvas *= (1 + 0.05 * soft_noise(rng, 0.25, extent) + 0.03 * soft_noise(rng, 0.05, extent))[
        ..., None
    ]
    canvas *= (1 + 0.035 * soft_noise(rng, 0.008, extent))[..., None]
    red = (0.4 + 0.6 * colours.redness) * (
        pair(plane, (0.52, 0.42), (0.20, 0.16)) + 0.8 * bump(plane, (0, 0.55), (0.16, 0.13))
    )
    canvas *= 1 + red[..., None] * np.array([0.02, -0.14, -0.12], np.float32)
    _spots(canvas, traits, rng)
    return canvas


def _spots(canvas: Floats, traits: Traits, rng: np.random.Generator) -> None:
    for _ in range(traits.colours.freckles):
        spot = (rng.normal(0, 0.42), rng.normal(0.3, 0.2))
        size = rng.uniform(0.007, 0.015)
        _darken(canvas, spot, size, 0.25)
    for _ in range(traits.colours.moles):
        spot = (rng.uniform(-0.75, 0.75), rng.uniform(-0.6, 1.15))
        _darken(canvas, spot, rng.uniform(0.012, 0.028), 0.7)


def _darken(canvas: Floats, spot: tuple[float, float], size: float, amount: float) -> None:
    """Darken a round spot; only the pixels near it are touched."""
    reach = 4 * size
    near, area = face_plane().window(
        (spot[0] - reach, spot[0] + reach), (spot[1] - reach, spot[1] + reach)
    )
    canvas[area] *= 1 - amount * bump(near, spot, (size, size))[..., None]


def _age(canvas: Floats, traits: Traits, plane: Plane) -> None:
    """Lines of the forehead, around the eyes and beside the nose, and bags under the eyes."""
    age, shape = traits.colours.age, traits.shape
    lines = np.zeros_like(plane.x)
    for k in range(3):
        y = shape.brow_y - 0.2 - 0.14 * k + 0.03 * np.cos(2.2 * plane.x)
        lines += np.exp(-0.5 * ((plane.y - y) / 0.012) ** 2) * bump(plane, (0, -0.6), (0.38, 0.3))
    bags = pair(plane, (shape.eye_x - 0.02, 0.16), (0.15, 0.035))
    start = np.abs(plane.x) - (shape.nose_width + 0.06 + 0.45 * (plane.y - shape.nose_length))
    fold = np.exp(-0.5 * (start / 0.018) ** 2) * bump(plane, (0, 0.8), (0.6, 0.12))
    dark = age * (0.30 * lines + 0.28 * bags + 0.45 * fold)
    canvas *= 1 - np.minimum(dark, 0.6)[..., None]


def _lips(canvas: Floats, traits: Traits, capture: Capture) -> None:
    shape = traits.shape
    plane, area = face_plane().window((-0.8, 0.8), (0.5, 1.5))
    canvas = canvas[area]
    upper, lower = lip_edges(shape, capture, plane.x)
    line, half = mouth_line(shape, capture, plane.x)
    sides = 1 - soft_step(np.abs(plane.x), half, 0.012)
    inside = soft_step(plane.y - upper, 0.0, 0.008) * (1 - soft_step(plane.y - lower, 0.0, 0.010))
    red = traits.colours.lip_red
    tint = np.array([0.92 - 0.1 * red, 0.62 - 0.25 * red, 0.62 - 0.2 * red], np.float32)
    paint(canvas, canvas * tint, 0.85 * inside * sides)
    gap = np.exp(-0.5 * ((plane.y - line) / 0.011) ** 2) * sides
    paint(canvas, canvas * np.float32(0.22), gap)


def _nostrils(canvas: Floats, shape: Shape, plane: Plane) -> None:
    plane, area = plane.window((-0.7, 0.7), (0.2, 1.1))
    hole = pair(plane, (0.5 * shape.nose_width, shape.nose_length - 0.012), (0.055, 0.02))
    wing = pair(plane, (1.08 * shape.nose_width, shape.nose_length - 0.08), (0.022, 0.06))
    shade = bump(plane, (0, shape.nose_length + 0.01), (0.9 * shape.nose_width, 0.022))
    canvas[area] *= 1 - np.minimum(0.85 * hole + 0.3 * wing + 0.3 * shade, 0.9)[..., None]


def _beard(canvas: Floats, traits: Traits, plane: Plane, rng: np.random.Generator) -> None:
    shape, colours = traits.shape, traits.colours
    lip_top = shape.mouth_y - shape.lip_upper
    jaw = soft_step(plane.y - 0.55 * np.abs(plane.x) ** 2, shape.mouth_y - 0.28, 0.05)
    jaw *= soft_step(plane.y + 0.9 * np.abs(plane.x), shape.mouth_y + 0.36, 0.05)
    lip = bump(plane, (0, 0.5 * (lip_top + shape.nose_length) + 0.02), (0.24, 0.055))
    mouth = bump(plane, (0, shape.mouth_y), (0.9 * shape.mouth_width, 0.085))
    strands = 0.75 + 0.25 * soft_noise(rng, 0.010, plane.x.shape)
    full = colours.beard * jaw + colours.moustache * np.minimum(1.6 * lip, 1)
    stubble = 0.55 * colours.stubble * np.maximum(jaw, np.minimum(1.4 * lip, 1))
    mask = np.clip((full + stubble) * strands, 0, 0.93) * (1 - 0.9 * mouth)
    paint(canvas, linear(colours.hair) * 0.9, mask)


def _eyes(canvas: Floats, traits: Traits, capture: Capture) -> None:
    shape = traits.shape
    for side in (-1.0, 1.0):
        middle = side * shape.eye_x
        plane, area = face_plane().window((middle - 0.42, middle + 0.42), (-0.45, 0.45))
        out = plane.x * np.float32(side) - np.float32(shape.eye_x)
        canvas[area] *= (
            1 - traits.colours.eye_shadow * bump(plane, (middle, 0.04), (0.17, 0.13))[..., None]
        )
        at = (out / shape.eye_width, (plane.y + shape.eye_tilt * out) / shape.eye_width)
        _eye(canvas[area], at, traits, 1 + capture.lids)


def _eye(canvas: Floats, at: tuple[Floats, Floats], traits: Traits, opening: float) -> None:
    """One eye; at: coordinates in half eye widths, x towards the temple."""
    x, y = at
    tall = opening * traits.shape.eye_height / traits.shape.eye_width
    arc = np.maximum(1 - x**2, 0)
    upper = -1.15 * tall * arc**0.75 * (1 - 0.18 * x)
    lower = 0.75 * tall * arc**0.9 * (1 + 0.18 * x)
    open_mask = soft_step(y - upper, 0, 0.03) * (1 - soft_step(y - lower, 0, 0.03))
    open_mask = np.asarray(open_mask * (np.abs(x) < 1), np.float32)
    shadow = 0.55 + 0.45 * np.clip((y - upper) / 0.35, 0, 1)
    corners = 1 - 0.45 * np.clip(np.abs(x), 0, 1) ** 3
    white = linear((205, 196, 190)) * (shadow * corners)[..., None]
    radius = np.hypot(x, y + 0.06)
    iris = 1 - soft_step(radius, 0.40, 0.02)
    ring = 1 - 0.5 * soft_step(radius, 0.33, 0.03)
    paint(white, linear(traits.colours.iris) * (ring * shadow)[..., None], iris)
    paint(white, linear((10, 9, 9)), 1 - soft_step(radius, 0.17, 0.02))
    glint = np.exp(-0.5 * (((x - 0.12) / 0.06) ** 2 + ((y + 0.17) / 0.06) ** 2))
    paint(white, linear((250, 250, 250)), np.asarray(0.9 * glint, np.float32))
    paint(canvas, white, open_mask)
    near = np.abs(x) < 1.12
    lash = np.exp(-0.5 * ((y - upper + 0.03) / 0.055) ** 2) * near
    rim = 0.35 * np.exp(-0.5 * ((y - lower) / 0.035) ** 2) * near
    crease = 0.4 * np.exp(-0.5 * ((y - 1.0 * upper + 0.22 + 0.1 * x) / 0.05) ** 2)
    crease = crease * np.exp(-0.5 * (x / 0.8) ** 4)
    paint(canvas, linear((24, 18, 16)), np.asarray(np.clip(0.9 * lash + rim, 0, 0.92), np.float32))
    paint(canvas, canvas * np.float32(0.45), np.asarray(crease, np.float32))


def _brows(canvas: Floats, traits: Traits, capture: Capture, rng: np.random.Generator) -> None:
    shape, colours = traits.shape, traits.colours
    plane, area = face_plane().window((-0.95, 0.95), (-0.85, 0.2))
    strands = 0.8 + 0.2 * soft_noise(rng, 0.012, plane.x.shape)
    x = np.abs(plane.x) - (shape.eye_x + 0.01)
    line = shape.brow_y - capture.brows - shape.brow_tilt * x
    line = line - shape.brow_arch * (1 - ((x - 0.06) / 0.30) ** 2)
    taper = np.clip(1 - ((x + 0.10) / 0.42) ** 2, 0.12, 1) * shape.brow_thickness
    ends = soft_step(x, -0.24, 0.03) * (1 - soft_step(x, 0.27, 0.04))
    mask = np.exp(-0.5 * ((plane.y - line) / taper) ** 4) * ends * strands
    mask = np.clip(colours.brow_density * mask, 0, 0.95)
    paint(canvas[area], linear(_brow_colour(colours)), np.asarray(mask, np.float32))


def _brow_colour(colours: Colours) -> tuple[float, float, float]:
    """Brows are darker than light hair."""
    red, green, blue = colours.hair
    share = 0.75 if max(colours.hair) > 120 else 1.0
    return red * share, green * share, blue * share


def _glasses(canvas: Floats, traits: Traits) -> None:
    """Rims around both eyes, a bridge over the nose and the sides to the temples."""
    frame, shape = traits.colours.glasses, traits.shape
    if frame is None:
        return
    plane, area = face_plane().window((-1.05, 1.05), (-0.5, 0.6))
    away = np.abs(plane.x) - (shape.eye_x + 0.02)
    down = plane.y - 0.05
    power = frame.squareness
    radius = (np.abs(away) / frame.width) ** power + (np.abs(down) / frame.height) ** power
    radius = radius ** (1 / power)
    rim = np.exp(-0.5 * ((radius - 1) / (frame.thickness / frame.width)) ** 4)
    between = np.abs(plane.x) < shape.eye_x + 0.02 - frame.width
    bridge = np.exp(-0.5 * ((plane.y + 0.03) / frame.thickness) ** 4) * between
    beyond = np.abs(plane.x) > shape.eye_x + 0.02 + frame.width
    sides = np.exp(-0.5 * ((plane.y + 0.04) / frame.thickness) ** 4) * beyond
    mask = np.maximum(rim, np.maximum(bridge, sides)) * 0.96
    paint(canvas[area], linear(frame.colour), np.asarray(mask, np.float32))
