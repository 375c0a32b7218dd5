"""Renders synthetic faces: as many persons and pictures as wanted, without any photograph.

A relief and its colours are made from the person's seed, lit and posed from the capture's
seed, and photographed with blur and noise. The faces are for demonstrations, tests and load:
detector, landmarks and embedding work on them, but error rates measured on them say nothing
about people.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.synthesis.face_hair import hair_behind, hair_colour, hair_over
from models.synthesis.face_paint import GAMMA, linear, paint, paint_face, soft_noise
from models.synthesis.face_relief import (
    PIXELS_PER_UNIT,
    TOP,
    UNITS_PER_SIDE,
    bump,
    face_plane,
    face_relief,
    soft_step,
)
from models.synthesis.face_traits import Capture, Traits, draw_capture, draw_traits

Floats = NDArray[np.float32]

FACE_UNITS_IN_PICTURE = 3.05
"""Face units along the side of the picture: the head fills two thirds of its width, as on a
passport photograph."""

EYE_LINE = 0.46
"""Height of the eyes in shares of the picture, from the top."""

SMALLEST_SIDE_PX = 120
"""Below this the eyes would be less than 30 pixels apart, and no detector would find them."""

LARGEST_SIDE_PX = 2_000
"""Above this the painted face would be enlarged more than five times."""

PIVOT = 0.35
"""Depth of the axis about which the head turns, in face units behind the tip of the nose."""

POSE_STEPS = 8
"""Rounds of the search for the face point under a pixel; the error then is below a pixel."""


def render_face(person_seed: int, capture_seed: int, *, size: int = 400) -> NDArray[np.uint8]:
    """A portrait, RGB uint8, shape (size, size, 3); equal seeds give equal pictures.

    person_seed: fixes bones, skin, hair and colours. capture_seed: fixes pose, light,
    expression and camera. Raises ValueError for a size outside its limits.
    """
    if not SMALLEST_SIDE_PX <= size <= LARGEST_SIDE_PX:
        raise ValueError(f"size is not in {SMALLEST_SIDE_PX}..{LARGEST_SIDE_PX}")
    traits = draw_traits(person_seed)
    capture = draw_capture(person_seed, capture_seed)
    relief, head = face_relief(traits.shape, capture)
    lit = _light(paint_face(traits, capture), relief, capture)
    scene = _compose(lit, head, traits, capture)
    posed = _pose(scene, relief, capture, size)
    return _photograph(posed, capture)


def _light(colours: Floats, relief: Floats, capture: Capture) -> Floats:
    """Shade the face: diffuse light, hollows darker, a soft gloss."""
    slope_x = cv2.Sobel(relief, cv2.CV_32F, 1, 0, ksize=3) * (PIXELS_PER_UNIT / 8)
    slope_y = cv2.Sobel(relief, cv2.CV_32F, 0, 1, ksize=3) * (PIXELS_PER_UNIT / 8)
    normal = np.dstack([-slope_x, -slope_y, np.ones_like(relief)])
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    lamp = np.array(capture.light)
    lamp /= np.linalg.norm(lamp)
    diffuse = np.clip((normal @ lamp + 0.15) / 1.15, 0, None)
    hollow = cv2.GaussianBlur(relief, (0, 0), 0.06 * PIXELS_PER_UNIT) - relief
    open_sky = np.clip(1 - 3.0 * np.maximum(hollow, 0), 0.45, 1)
    halfway = lamp + np.array([0, 0, 1])
    halfway /= np.linalg.norm(halfway)
    gloss = 0.09 * np.clip(normal @ halfway, 0, 1) ** 22
    light = capture.ambient * open_sky * (0.55 + 0.45 * normal[..., 2])
    light = light + (1 - capture.ambient) * 1.25 * diffuse
    return np.asarray(colours * light[..., None] + gloss[..., None], np.float32)


def _compose(face: Floats, head: Floats, traits: Traits, capture: Capture) -> Floats:
    """Backdrop, clothes, neck, hair behind, face, hair in front."""
    plane = face_plane()
    backdrop = linear((capture.backdrop, capture.backdrop, capture.backdrop))
    canvas = np.broadcast_to(backdrop, (*plane.x.shape, 3)).copy()
    strands = hair_colour(traits) * np.float32(0.75)
    _ears(canvas, face, traits)
    if traits.colours.hair_style == "long":
        paint(canvas, strands * np.float32(0.7), hair_behind(traits))
    _neck_and_clothes(canvas, face, traits)
    if traits.colours.hair_style != "long":
        paint(canvas, strands, hair_behind(traits))
    paint(canvas, face, head)
    over = hair_over(traits)
    reach = np.maximum(hair_behind(traits), head)
    shadow = cv2.GaussianBlur(np.asarray(over, np.float32), (0, 0), 0.03 * PIXELS_PER_UNIT)
    canvas *= 1 - 0.35 * (shadow * (1 - over) * head)[..., None]
    paint(canvas, strands, over * reach)
    return canvas


def _ears(canvas: Floats, face: Floats, traits: Traits) -> None:
    plane = face_plane()
    x = (np.abs(plane.x) - traits.shape.cheek_width - 0.02) / 0.10
    radius = np.asarray(np.hypot(x, (plane.y - 0.14) / 0.27), np.float32)
    tone = face[face.shape[0] // 2, face.shape[1] // 2]
    paint(canvas, tone * np.float32(0.72), 1 - soft_step(radius, 1.0, 0.05))
    paint(canvas, canvas * np.float32(0.75), np.asarray(np.exp(-(radius**2) / 0.18), np.float32))


def _neck_and_clothes(canvas: Floats, face: Floats, traits: Traits) -> None:
    plane, shape = face_plane(), traits.shape
    rng = np.random.default_rng((traits.texture_seed, 3))
    tone = _cheek_tone(face)
    neck = 0.72 * shape.jaw_width + 0.35 * np.maximum(plane.y - shape.chin_y - 0.1, 0) ** 2
    inside = soft_step(np.asarray(neck - np.abs(plane.x), np.float32), 0.0, 0.015)
    inside = inside * soft_step(plane.y, 0.6, 0.05)
    under = bump(plane, (0, shape.chin_y + 0.02), (0.8, 0.22))
    round_off = 1 - 0.45 * (np.abs(plane.x) / np.maximum(neck, 0.1)) ** 2
    paint(canvas, tone * ((1 - 0.6 * under) * round_off)[..., None].astype(np.float32), inside)
    collar = shape.chin_y + 0.22 + 0.25 * rng.random()
    edge = collar + 0.10 * np.cos(2.0 * np.clip(plane.x, -1.5, 1.5)) + 0.18 * plane.x**2 - 0.1
    cloth = linear(tuple(rng.uniform(25, 190, 3)))
    weave = 1 + 0.06 * soft_noise(rng, 0.02, plane.x.shape)
    mask = soft_step(np.asarray(plane.y - edge, np.float32), 0.0, 0.012)
    paint(canvas, cloth * weave[..., None], mask)


def _cheek_tone(face: Floats) -> Floats:
    """Mean colour of the lit cheeks."""
    row = round((0.45 - TOP) * PIXELS_PER_UNIT)
    middle = face.shape[1] // 2
    columns = slice(middle - PIXELS_PER_UNIT // 2, middle + PIXELS_PER_UNIT // 2)
    return np.asarray(face[row - 10 : row + 10, columns].mean(axis=(0, 1)), np.float32)


def _pose(scene: Floats, relief: Floats, capture: Capture, size: int) -> Floats:
    """Turn the head: each pixel searches the face point that is projected onto it."""
    unit = capture.scale * size / FACE_UNITS_IN_PICTURE
    steps = (np.arange(size, dtype=np.float32) + 0.5) / size
    across, down = np.meshgrid(
        (steps - 0.5 - capture.shift[0]) * size / unit,
        (steps - EYE_LINE - capture.shift[1]) * size / unit,
    )
    cosine, sine = np.cos(capture.roll), np.sin(capture.roll)
    a, b = across * cosine + down * sine, down * cosine - across * sine
    depth = cv2.GaussianBlur(relief, (0, 0), 0.02 * PIXELS_PER_UNIT) - PIVOT
    x, y = a, b
    for _ in range(POSE_STEPS):
        z = _look_up(depth, x, y)
        x = 0.5 * x + 0.5 * (a - z * np.sin(capture.yaw)) / np.cos(capture.yaw)
        y = 0.5 * y + 0.5 * (b - z * np.sin(capture.pitch)) / np.cos(capture.pitch)
    return _look_up(scene, x, y)


def _look_up(picture: Floats, x: Floats, y: Floats) -> Floats:
    """Values of the painted square at points in face units; the border goes on outside."""
    columns = ((x + UNITS_PER_SIDE / 2) * PIXELS_PER_UNIT - 0.5).astype(np.float32)
    rows = ((y - TOP) * PIXELS_PER_UNIT - 0.5).astype(np.float32)
    return np.asarray(
        cv2.remap(picture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
        np.float32,
    )


def _photograph(scene: Floats, capture: Capture) -> NDArray[np.uint8]:
    """Exposure, white balance, blur, the camera's curve and noise."""
    rng = np.random.default_rng(capture.camera_seed)
    balance = np.array([1 + capture.warmth, 1.0, 1 - capture.warmth], np.float32)
    light = np.clip(scene * balance * np.float32(capture.exposure), 0, 1)
    blur = capture.blur * scene.shape[0] / 400
    light = cv2.GaussianBlur(np.asarray(light, np.float32), (0, 0), max(blur, 0.2))
    levels = 255 * light ** np.float32(1 / GAMMA)
    levels += capture.noise * rng.standard_normal(levels.shape, dtype=np.float32)
    return np.asarray(np.clip(np.rint(levels), 0, 255), np.uint8)
