"""Persons drawn at random: galleries of any size for benchmarks and tests, without any capture.

Minutiae are scattered with a shortest distance and follow a smooth field of directions, as
ridges do; an impression turns, shifts, bends, drops and adds some. They exercise every path of
comparison and search with mates that score far above strangers, but the scores are not those of
real prints: never calibrate on them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from matcher.codes import DIMENSIONS, quantise, restore
from matcher.vocabulary import (
    MINUTIA,
    SUBPIXELS,
    TEN_FINGERS,
    FaceTemplate,
    FingerPosition,
    FingerTemplate,
    Reference,
)

WIDTH_PIXELS, HEIGHT_PIXELS = 360, 420
"""Extent of a flat print at 500 dpi: 18 by 21 mm."""

SHORTEST_DISTANCE_PIXELS = 14
"""Between two minutiae: one and a half ridge periods, below which extractors remove one."""

POOL_PERSONS = 200
"""Persons whose fingers make up a large gallery: 200 differ enough in what comparing them costs."""

FACE_DIMENSIONS = 128
FACE_MATE_COSINE = 0.97
FINGER_MODEL = "random-minutiae-1"
VECTOR_MODEL = "random-vector-1"
MATE_COSINE = 0.75
"""Of vectors of one finger; real ones have 0.84 in the middle and 0.58 at the worst tenth."""

SPREAD: NDArray[np.float64] = np.exp(-np.arange(DIMENSIONS) / 60)
"""How far vectors reach in each dimension, falling; cosines of strangers then scatter by 0.13."""

FACE_MODEL = "random-face-1"


@dataclass(frozen=True, slots=True)
class Draw:
    """How references are drawn. minutiae: mean number per finger. positions: which are present.
    vectors: whether fingers have one."""

    minutiae: int = 45
    positions: tuple[FingerPosition, ...] = TEN_FINGERS
    face: bool = True
    vectors: bool = False


def draw_reference(seed: int, draw: Draw = Draw()) -> Reference:
    """The first capture of person number `seed`."""
    rng = np.random.default_rng((seed, 0))
    fingers = tuple(draw_finger(rng, position, draw.minutiae) for position in draw.positions)
    face = _draw_face(rng) if draw.face else None
    if draw.vectors:
        own = np.random.default_rng((seed, 3))
        fingers = tuple(add_vector(finger, draw_vector(own)) for finger in fingers)
    return Reference(fingers, face)


def draw_gallery(seed: int, persons: int, draw: Draw = Draw()) -> Iterator[Reference]:
    """Many persons at little cost: fingers and faces of POOL_PERSONS persons, dealt out anew.

    Strangers may share a finger, so count what a search costs here, not whom it finds.
    """
    pool = [draw_reference(seed + n, draw) for n in range(min(persons, POOL_PERSONS))]
    rng = np.random.default_rng((seed, 2))
    for _ in range(persons):
        dealt = rng.integers(0, len(pool), len(draw.positions))
        fingers = tuple(pool[who].fingers[place] for place, who in enumerate(dealt))
        yield Reference(fingers, pool[int(rng.integers(len(pool)))].face)


def draw_capture(reference: Reference, seed: int) -> Reference:
    """Another capture of the person of `reference`: every finger and the face disturbed."""
    rng = np.random.default_rng((seed, 1))
    fingers = tuple(disturb_finger(finger, rng) for finger in reference.fingers)
    face = None if reference.face is None else _disturb_face(reference.face, rng)
    return Reference(fingers, face)


def draw_finger(
    rng: np.random.Generator, position: FingerPosition, mean_minutiae: int
) -> FingerTemplate:
    """A finger of about `mean_minutiae` minutiae on a smooth random field of directions."""
    points = _scatter(rng, max(8, int(rng.poisson(mean_minutiae))))
    waves = rng.normal(size=(3, 2)) / 150
    phases, bends = rng.uniform(0, 2 * np.pi, 3), rng.normal(size=3)
    field = np.sin(points @ waves.T + phases) @ bends + rng.uniform(0, 2 * np.pi)
    flips = np.pi * rng.integers(0, 2, len(points))
    kinds = rng.integers(1, 3, len(points))
    return _pack(points, field + flips + rng.normal(0, 0.05, len(points)), kinds, position)


def disturb_finger(finger: FingerTemplate, rng: np.random.Generator) -> FingerTemplate:
    """Another impression of the same finger: turned, shifted, jittered, some lost, some new."""
    minutiae = finger.minutiae[rng.random(len(finger.minutiae)) > 0.15]
    centre = np.array([WIDTH_PIXELS, HEIGHT_PIXELS]) / 2
    points = np.stack([minutiae["x"], minutiae["y"]], axis=1) / SUBPIXELS - centre
    turn = rng.normal(0, 0.12)
    # Rows grow downwards and angles counter-clockwise, so y changes sign in the rotation.
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    shift = rng.normal(0, 15, 2)
    points = points @ rotation.T + shift + centre + rng.normal(0, 1.5, points.shape)
    angles = minutiae["angle"] * (2 * np.pi / 65536) + turn + rng.normal(0, 0.08, len(minutiae))
    spurious = _scatter(rng, int(rng.integers(0, 5)))
    points = np.concatenate([points, spurious])
    angles = np.concatenate([angles, rng.uniform(0, 2 * np.pi, len(spurious))])
    kinds = np.concatenate([minutiae["kind"], np.ones(len(spurious), np.uint8)])
    disturbed = replace(_pack(points, angles, kinds, finger.position), model=finger.model)
    if not finger.vector.size:
        return disturbed
    return add_vector(disturbed, disturb_vector(restore(finger.vector), rng), finger.vector_model)


def draw_vector(rng: np.random.Generator) -> NDArray[np.float32]:
    """A unit vector with numbers of falling variance, as the network's are."""
    return _normalise(rng.normal(size=DIMENSIONS) * SPREAD)


def disturb_vector(
    vector: NDArray[np.float32], rng: np.random.Generator, cosine: float = MATE_COSINE
) -> NDArray[np.float32]:
    """The vector of another impression, about so close to the first."""
    noise = draw_vector(rng)
    return _normalise(cosine * vector + np.sqrt(1 - cosine**2) * noise)


def add_vector(
    finger: FingerTemplate, vector: NDArray[np.float32], model: str = VECTOR_MODEL
) -> FingerTemplate:
    """The same finger with a vector."""
    return replace(finger, vector=quantise(vector), reliability=80, vector_model=model)


def _scatter(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Points in the ellipse of a fingertip, one at most near each node of a lattice."""
    step = SHORTEST_DISTANCE_PIXELS + 2
    columns, rows = np.arange(0, WIDTH_PIXELS, step), np.arange(0, HEIGHT_PIXELS, step)
    nodes = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2) + rng.uniform(0, step, 2)
    half = np.array([WIDTH_PIXELS, HEIGHT_PIXELS]) / 2
    inside = nodes[(((nodes - half) / (half - 20)) ** 2).sum(axis=1) < 1]
    chosen = rng.choice(len(inside), min(count, len(inside)), replace=False)
    points: NDArray[np.float64] = inside[chosen] + rng.uniform(-1, 1, (len(chosen), 2))
    return points


def _pack(
    points: NDArray[np.float64],
    angles: NDArray[np.float64],
    kinds: NDArray[np.integer],
    position: FingerPosition,
) -> FingerTemplate:
    inside = ((points >= 0) & (points < [WIDTH_PIXELS, HEIGHT_PIXELS])).all(axis=1)
    minutiae = np.zeros(int(inside.sum()), MINUTIA)
    minutiae["x"], minutiae["y"] = (points[inside] * SUBPIXELS).T
    minutiae["angle"] = (angles[inside] * (65536 / (2 * np.pi))).astype(np.int64) % 65536
    minutiae["kind"], minutiae["quality"] = kinds[inside], 60
    return FingerTemplate(
        minutiae=minutiae,
        width=WIDTH_PIXELS,
        height=HEIGHT_PIXELS,
        quality=60,
        model=FINGER_MODEL,
        position=position,
    )


def _draw_face(rng: np.random.Generator) -> FaceTemplate:
    return FaceTemplate(_normalise(rng.normal(size=FACE_DIMENSIONS)), 60, FACE_MODEL)


def _disturb_face(face: FaceTemplate, rng: np.random.Generator) -> FaceTemplate:
    noise = _normalise(rng.normal(size=len(face.vector)))
    tangent = np.sqrt(1 / FACE_MATE_COSINE**2 - 1)
    return replace(face, vector=_normalise(face.vector + tangent * noise))


def _normalise(vector: NDArray[np.floating]) -> NDArray[np.float32]:
    return (vector / np.linalg.norm(vector)).astype(np.float32)
