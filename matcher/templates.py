"""The stored form of a reference: one person's templates as a short, versioned byte string.

All numbers are little-endian. Every reference has exactly one encoding, so equal bytes mean
equal templates and a digest over the bytes is a digest over the templates.

    head     4s magic and version, u32 total length, u8 models, u8 fingers, u8 faces, u8 zero
    model    u8 length, ASCII; strictly ascending, each used by some template
    finger   u8 position, u8 impression, u8 quality, u8 model, u16 width, u16 height, u16 count,
             then count minutiae of 8 bytes; fingers by ascending position
    face     u8 quality, u8 model, u16 dimensions, then dimensions float32

A finger takes at most 2,048 bytes. A later version gets its own magic and keeps this decoder.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from matcher.errors import Malformed
from matcher.vocabulary import (
    MINUTIA,
    SUBPIXELS,
    FaceTemplate,
    FingerPosition,
    FingerTemplate,
    Impression,
    MinutiaKind,
    Reference,
)

MAX_MINUTIAE = 250
"""Most minutiae of one finger: a full rolled print has about 150, and 2 kB hold 254."""

MAX_SIDE_PIXELS = 4095
"""Longest side of a print at 500 dpi, the most that a u16 of 1/16 pixel can address (208 mm)."""

MAX_MODEL_ID_CHARACTERS = 64
"""Length of a model id: a name, a version and a short hash fit."""

MAX_FINGERS = 20
"""Fingers of one reference: the ten positions, and in a probe as many of unknown position."""

MAX_FACE_DIMENSIONS = 1024
"""Length of a face vector: twice the longest (512) that face nets in use give."""

MAX_NORM_ERROR = 1e-3
"""How far the length of a face vector may be from 1: float32 rounding stays below 1e-6."""

MAX_ENCODED_BYTES = 64 * 1024
"""Longest stored form that is looked at: all limits together make 46 kB."""

MAX_QUALITY = 100
"""Best quality score, of a template as of a minutia."""

MAGIC = b"EUT\x01"
HEAD = struct.Struct("<4sIBBBB")
FINGER = struct.Struct("<BBBBHHH")
FACE = struct.Struct("<BBH")


def encode(reference: Reference) -> bytes:
    """Write a reference in its one stored form; decode() reads it.

    Fingers are written by ascending position. Raises Malformed where the reference breaks a limit.
    """
    _check(reference)
    fingers = sorted(reference.fingers, key=lambda finger: finger.position)
    faces = [] if reference.face is None else [reference.face]
    models = sorted(_models_of(reference))
    parts = [bytes([len(model)]) + model.encode("ascii") for model in models]
    parts += [_write_finger(finger, models.index(finger.model)) for finger in fingers]
    parts += [_write_face(face, models.index(face.model)) for face in faces]
    body = b"".join(parts)
    counts = len(models), len(fingers), len(faces), 0
    return HEAD.pack(MAGIC, HEAD.size + len(body), *counts) + body


def decode(encoded: bytes) -> Reference:
    """Read a reference from its stored form; raises Malformed on anything else.

    Trusts nothing: lengths, counts, ranges, order and spare bytes are all checked, so that what
    is accepted is exactly what encode() would write again.
    """
    if len(encoded) > MAX_ENCODED_BYTES:
        raise Malformed(f"a stored reference is longer than {MAX_ENCODED_BYTES} bytes")
    reader = _Reader(encoded)
    magic, length, models, fingers, faces, zero = reader.unpack(HEAD)
    if magic != MAGIC:
        raise Malformed("not a reference of a known version")
    if length != len(encoded) or zero or fingers > MAX_FINGERS or faces > 1:
        raise Malformed("the head of the reference contradicts itself or breaks a limit")
    names = _read_models(reader, models)
    reference = Reference(
        fingers=tuple(_read_finger(reader, names) for _ in range(fingers)),
        face=_read_face(reader, names) if faces else None,
    )
    if reader.at != len(encoded):
        raise Malformed("bytes follow the last template")
    _check(reference)
    _check_canonical(reference, names)
    return reference


@dataclass(slots=True)
class _Reader:
    """A position in untrusted bytes that cannot run past their end."""

    encoded: bytes
    at: int = 0

    def take(self, length: int) -> bytes:
        taken = self.encoded[self.at : self.at + length]
        if len(taken) != length:
            raise Malformed("the reference ends early")
        self.at += length
        return taken

    def unpack(self, layout: struct.Struct) -> tuple[Any, ...]:
        return layout.unpack(self.take(layout.size))


def _write_finger(finger: FingerTemplate, model: int) -> bytes:
    fixed = finger.position, finger.impression, finger.quality, model
    head = FINGER.pack(*fixed, finger.width, finger.height, len(finger.minutiae))
    return head + finger.minutiae.tobytes()


def _write_face(face: FaceTemplate, model: int) -> bytes:
    return FACE.pack(face.quality, model, len(face.vector)) + face.vector.astype("<f4").tobytes()


def _read_models(reader: _Reader, count: int) -> list[str]:
    names = []
    for _ in range(count):
        (length,) = reader.take(1)
        name = reader.take(length)
        if not name.isascii():
            raise Malformed("a model id is not ASCII")
        names.append(name.decode("ascii"))
    return names


def _read_finger(reader: _Reader, models: list[str]) -> FingerTemplate:
    position, impression, quality, model, width, height, count = reader.unpack(FINGER)
    if position > max(FingerPosition) or impression > max(Impression):
        raise Malformed("unknown code of a finger position or impression")
    minutiae = np.frombuffer(reader.take(count * MINUTIA.itemsize), MINUTIA)
    return FingerTemplate(
        minutiae=minutiae,
        width=width,
        height=height,
        quality=quality,
        model=_name_model(models, model),
        position=FingerPosition(position),
        impression=Impression(impression),
    )


def _read_face(reader: _Reader, models: list[str]) -> FaceTemplate:
    quality, model, dimensions = reader.unpack(FACE)
    vector = np.frombuffer(reader.take(4 * dimensions), "<f4").astype(np.float32, copy=False)
    return FaceTemplate(vector=vector, quality=quality, model=_name_model(models, model))


def _name_model(models: list[str], index: int) -> str:
    if index >= len(models):
        raise Malformed("a template names a model that is not in the table")
    return models[index]


def _models_of(reference: Reference) -> set[str]:
    face = set() if reference.face is None else {reference.face.model}
    return {finger.model for finger in reference.fingers} | face


def _check(reference: Reference) -> None:
    if len(reference.fingers) > MAX_FINGERS:
        raise Malformed(f"more than {MAX_FINGERS} fingers in one reference")
    known = [finger.position for finger in reference.fingers if finger.position]
    if len(set(known)) != len(known):
        raise Malformed("two fingers of one position in one reference")
    for finger in reference.fingers:
        _check_finger(finger)
    if reference.face is not None:
        _check_face(reference.face)


def _check_finger(finger: FingerTemplate) -> None:
    _check_template(finger)
    minutiae = finger.minutiae
    if minutiae.dtype != MINUTIA or minutiae.ndim != 1 or len(minutiae) > MAX_MINUTIAE:
        raise Malformed(f"minutiae are not a list of at most {MAX_MINUTIAE}")
    if not (finger.position.is_finger or finger.position is FingerPosition.UNKNOWN):
        raise Malformed("a finger template is of one finger, not of a slap")
    if not (0 <= finger.width <= MAX_SIDE_PIXELS and 0 <= finger.height <= MAX_SIDE_PIXELS):
        raise Malformed(f"a print is wider or higher than {MAX_SIDE_PIXELS} pixels")
    if len(minutiae) and (
        minutiae["x"].max() > finger.width * SUBPIXELS
        or minutiae["y"].max() > finger.height * SUBPIXELS
        or minutiae["kind"].max() > max(MinutiaKind)
        or minutiae["quality"].max() > MAX_QUALITY
    ):
        raise Malformed("a minutia lies outside its print or has an unknown kind or quality")


def _check_face(face: FaceTemplate) -> None:
    _check_template(face)
    vector = face.vector
    if vector.dtype != np.float32 or vector.ndim != 1:
        raise Malformed("a face vector is not a list of float32")
    if not 1 <= len(vector) <= MAX_FACE_DIMENSIONS:
        raise Malformed(f"a face vector has 1 to {MAX_FACE_DIMENSIONS} numbers")
    # A squared sum is not finite where any number is not, so that one comparison finds both.
    norm = float(np.sqrt(np.sum(vector.astype(np.float64) ** 2)))
    if not abs(norm - 1) <= MAX_NORM_ERROR:
        raise Malformed("a face vector is not of length 1")


def _check_template(template: FingerTemplate | FaceTemplate) -> None:
    if not 0 <= template.quality <= MAX_QUALITY:
        raise Malformed(f"a quality score is not within 0 to {MAX_QUALITY}")
    model = template.model
    if not 1 <= len(model) <= MAX_MODEL_ID_CHARACTERS or not (
        model.isascii() and model.isprintable()
    ):
        raise Malformed(f"a model id is not 1 to {MAX_MODEL_ID_CHARACTERS} printable characters")


def _check_canonical(reference: Reference, models: list[str]) -> None:
    positions = [finger.position for finger in reference.fingers]
    if positions != sorted(positions) or not all(a < b for a, b in pairwise(models)):
        raise Malformed("fingers or models are not in ascending order")
    if _models_of(reference) != set(models):
        raise Malformed("the table of models names one that no template uses")
