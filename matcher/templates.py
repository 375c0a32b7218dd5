"""The stored form of a reference: one person's templates as a short, versioned byte string.

All numbers are little-endian. Every reference has exactly one encoding, so equal bytes mean
equal templates and a digest over the bytes is a digest over the templates. A reference with any
finger vector is written as version 2, one without as version 1, in which there was no room for
vectors; both are read for good.

    head      4s magic and version, u32 total length, u8 models, u8 fingers, u8 faces, u8 zero
    model     u8 length, ASCII; strictly ascending, each used by some template
    finger    u8 position, u8 impression, u8 quality, u8 model, u16 width, u16 height, u16 count;
              fingers by ascending position
    in version 2 also  u8 model of the vector or 255 without one, u8 reliability
    minutia   8 bytes, as vocabulary.MINUTIA
    vector    128 int8, of each finger that has one
    face      u8 quality, u8 model, u16 dimensions, then dimensions float32

In version 1 the minutiae of a finger follow it; in version 2 those of all fingers follow the last
finger, and all vectors these, so that a reader checks each kind at once.

A finger takes at most 2,176 bytes. A later version gets its own magic and keeps these decoders.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.errors import Malformed
from matcher.vocabulary import (
    MINUTIA,
    NO_VECTOR,
    SUBPIXELS,
    TEN_FINGERS,
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
"""Longest stored form that is looked at: all limits together make 49 kB."""

MAX_QUALITY = 100
"""Best quality score, of a template as of a minutia."""

VECTOR_DIMENSIONS = 128
"""Numbers of a finger vector: what `matcher.embedding` gives."""

MAX_VECTOR_SQUARES = 260**2
"""Most that the squares of a vector's numbers may sum up to. 254 steps are one unit of length, and
rounding 128 numbers by half a step each lengthens it by at most 5.7; a longer vector would be
closer to others than any print is to itself."""

STEPS_MOST = 127
"""Largest number of a vector, either way; -128 would be a second way of writing the longest."""

WITHOUT_VECTOR = 255
"""In the place of a vector's model: the finger has no vector."""

MAGIC = b"EUT\x01"
MAGIC_VECTORS = b"EUT\x02"
HEAD = struct.Struct("<4sIBBBB")
FINGER = struct.Struct("<BBBBHHH")
FINGER_VECTORS = struct.Struct("<BBBBHHHBB")
FACE = struct.Struct("<BBH")

# Looked up once: reading the member of an enumeration costs more than comparing with it.
LAST_FINGER = int(max(TEN_FINGERS))
LAST_KIND = int(max(MinutiaKind))

_POSITIONS = tuple(FingerPosition)
_IMPRESSIONS = tuple(Impression)


def encode(reference: Reference) -> bytes:
    """Write a reference in its one stored form; decode() reads it.

    Fingers are written by ascending position. Raises Malformed where the reference breaks a limit.
    """
    _check(reference)
    fingers = sorted(reference.fingers, key=lambda finger: finger.position)
    faces = [] if reference.face is None else [reference.face]
    models = sorted(_models_of(reference))
    parts = [bytes([len(model)]) + model.encode("ascii") for model in models]
    vectors = any(finger.vector_model for finger in fingers)
    parts += (_write_with_vectors if vectors else _write_without)(fingers, models)
    parts += [_write_face(face, models.index(face.model)) for face in faces]
    body = b"".join(parts)
    magic = MAGIC_VECTORS if vectors else MAGIC
    return HEAD.pack(magic, HEAD.size + len(body), len(models), len(fingers), len(faces), 0) + body


def decode(encoded: bytes) -> Reference:
    """Read a reference from its stored form; raises Malformed on anything else.

    Trusts nothing: lengths, counts, ranges, order and spare bytes are all checked, so that what
    is accepted is exactly what encode() would write again.
    """
    if len(encoded) > MAX_ENCODED_BYTES:
        raise Malformed(f"a stored reference is longer than {MAX_ENCODED_BYTES} bytes")
    reader = _Reader(encoded)
    magic, length, models, fingers, faces, zero = reader.unpack(HEAD)
    if magic not in (MAGIC, MAGIC_VECTORS):
        raise Malformed("not a reference of a known version")
    if length != len(encoded) or zero or fingers > MAX_FINGERS or faces > 1:
        raise Malformed("the head of the reference contradicts itself or breaks a limit")
    names = _read_models(reader, models)
    read = _read_with_vectors if magic == MAGIC_VECTORS else _read_without
    reference = Reference(
        fingers=read(reader, names, fingers),
        face=_read_face(reader, names) if faces else None,
    )
    if reader.at != len(encoded):
        raise Malformed("bytes follow the last template")
    _check(reference)
    _check_canonical(reference, names, vectors=magic == MAGIC_VECTORS)
    return reference


def models_of(reference: Reference) -> frozenset[str]:
    """Ids of all models that templates of a reference were made with."""
    return frozenset(_models_of(reference))


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


def _write_without(fingers: Sequence[FingerTemplate], models: list[str]) -> list[bytes]:
    return [
        part
        for finger in fingers
        for part in (FINGER.pack(*_fixed(finger, models)), finger.minutiae.tobytes())
    ]


def _write_with_vectors(fingers: Sequence[FingerTemplate], models: list[str]) -> list[bytes]:
    heads = [
        FINGER_VECTORS.pack(
            *_fixed(finger, models),
            models.index(finger.vector_model) if finger.vector_model else WITHOUT_VECTOR,
            finger.reliability,
        )
        for finger in fingers
    ]
    minutiae = [finger.minutiae.tobytes() for finger in fingers]
    return [*heads, *minutiae, *(finger.vector.tobytes() for finger in fingers)]


def _fixed(finger: FingerTemplate, models: list[str]) -> tuple[int, ...]:
    """What stands of a finger in either version."""
    codes = finger.position, finger.impression, finger.quality, models.index(finger.model)
    return *codes, finger.width, finger.height, len(finger.minutiae)


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


def _read_without(reader: _Reader, models: list[str], count: int) -> tuple[FingerTemplate, ...]:
    fingers = []
    for _ in range(count):
        head = reader.unpack(FINGER)
        minutiae = np.frombuffer(reader.take(head[-1] * MINUTIA.itemsize), MINUTIA)
        fingers.append(_make_finger(models, head, minutiae, iter(())))
    return tuple(fingers)


def _read_with_vectors(
    reader: _Reader, models: list[str], count: int
) -> tuple[FingerTemplate, ...]:
    heads = tuple(FINGER_VECTORS.iter_unpack(reader.take(count * FINGER_VECTORS.size)))
    ends = list(accumulate((head[6] for head in heads), initial=0))
    minutiae = np.frombuffer(reader.take(ends[-1] * MINUTIA.itemsize), MINUTIA)
    given = sum(head[7] != WITHOUT_VECTOR for head in heads)
    numbers = np.frombuffer(reader.take(given * VECTOR_DIMENSIONS), np.int8)
    vectors = iter(numbers.reshape(given, VECTOR_DIMENSIONS))
    return tuple(
        _make_finger(models, head, minutiae[start:end], vectors)
        for head, (start, end) in zip(heads, pairwise(ends), strict=True)
    )


def _make_finger(
    models: list[str],
    head: tuple[int, ...],
    minutiae: NDArray[np.void],
    vectors: Iterator[NDArray[np.int8]],
) -> FingerTemplate:
    """A finger from its head in either version; its vector is the next one, if it has any."""
    position, impression, quality, model, width, height, _, *rest = head
    if position >= len(_POSITIONS) or impression >= len(_IMPRESSIONS):
        raise Malformed("unknown code of a finger position or impression")
    vector_model, reliability = rest or (WITHOUT_VECTOR, 0)
    without = vector_model == WITHOUT_VECTOR
    return FingerTemplate(
        minutiae,
        width,
        height,
        quality,
        _name_model(models, model),
        _POSITIONS[position],
        _IMPRESSIONS[impression],
        NO_VECTOR if without else next(vectors),
        reliability,
        "" if without else _name_model(models, vector_model),
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
    vectors = {finger.vector_model for finger in reference.fingers if finger.vector_model}
    return {finger.model for finger in reference.fingers} | vectors | face


def _check(reference: Reference) -> None:
    fingers = reference.fingers
    if len(fingers) > MAX_FINGERS:
        raise Malformed(f"more than {MAX_FINGERS} fingers in one reference")
    known = [finger.position for finger in fingers if finger.position]
    if len(set(known)) != len(known):
        raise Malformed("two fingers of one position in one reference")
    for model in _models_of(reference):
        _check_model(model)
    for finger in fingers:
        _check_finger(finger)
    if fingers:
        _check_minutiae(fingers)
        _check_vectors([finger.vector for finger in fingers if finger.vector_model])
    if reference.face is not None:
        _check_face(reference.face)


def _check_finger(finger: FingerTemplate) -> None:
    """What is said about a finger, and the form of its minutiae and vector, not their content."""
    _check_quality(finger.quality)
    minutiae, vector = finger.minutiae, finger.vector
    if minutiae.dtype != MINUTIA or minutiae.ndim != 1 or len(minutiae) > MAX_MINUTIAE:
        raise Malformed(f"minutiae are not a list of at most {MAX_MINUTIAE}")
    if finger.position > LAST_FINGER:
        raise Malformed("a finger template is of one finger, not of a slap")
    if not (0 <= finger.width <= MAX_SIDE_PIXELS and 0 <= finger.height <= MAX_SIDE_PIXELS):
        raise Malformed(f"a print is wider or higher than {MAX_SIDE_PIXELS} pixels")
    if not 0 <= finger.reliability <= MAX_QUALITY:
        raise Malformed(f"a reliability is not within 0 to {MAX_QUALITY}")
    length = VECTOR_DIMENSIONS if finger.vector_model else 0
    if vector.dtype != np.int8 or vector.shape != (length,):
        raise Malformed(f"a finger has {VECTOR_DIMENSIONS} int8 of a named model, or none")
    if not length and finger.reliability:
        raise Malformed("a finger without a vector claims that it is reliable")


def _check_minutiae(fingers: Sequence[FingerTemplate]) -> None:
    """Check the minutiae of all fingers at once: ten fingers cost little more than one."""
    joined = b"".join(finger.minutiae.tobytes() for finger in fingers)
    if not joined:
        return
    minutiae = np.frombuffer(joined, MINUTIA)
    places = minutiae.view("<u2").reshape(-1, 4)[:, :2]
    corners = np.array([(f.width, f.height) for f in fingers]) * SUBPIXELS
    corners = corners.repeat([len(finger.minutiae) for finger in fingers], axis=0)
    if (
        (places > corners).any()
        or minutiae["kind"].max() > LAST_KIND
        or minutiae["quality"].max() > MAX_QUALITY
    ):
        raise Malformed("a minutia lies outside its print or has an unknown kind or quality")


def _check_vectors(vectors: Sequence[NDArray[np.int8]]) -> None:
    if not vectors:
        return
    numbers = np.stack(vectors).astype(np.int32)
    squares = (numbers * numbers).sum(axis=1)
    if numbers.min() < -STEPS_MOST or squares.min() == 0 or squares.max() > MAX_VECTOR_SQUARES:
        raise Malformed("a finger vector is not a unit vector in steps of 1/254")


def _check_face(face: FaceTemplate) -> None:
    _check_quality(face.quality)
    vector = face.vector
    if vector.dtype != np.float32 or vector.ndim != 1:
        raise Malformed("a face vector is not a list of float32")
    if not 1 <= len(vector) <= MAX_FACE_DIMENSIONS:
        raise Malformed(f"a face vector has 1 to {MAX_FACE_DIMENSIONS} numbers")
    # A squared sum is not finite where any number is not, so that one comparison finds both.
    norm = float(np.sqrt(np.sum(vector.astype(np.float64) ** 2)))
    if not abs(norm - 1) <= MAX_NORM_ERROR:
        raise Malformed("a face vector is not of length 1")


def _check_quality(quality: int) -> None:
    if not 0 <= quality <= MAX_QUALITY:
        raise Malformed(f"a quality score is not within 0 to {MAX_QUALITY}")


def _check_model(model: str) -> None:
    if not 1 <= len(model) <= MAX_MODEL_ID_CHARACTERS or not (
        model.isascii() and model.isprintable()
    ):
        raise Malformed(f"a model id is not 1 to {MAX_MODEL_ID_CHARACTERS} printable characters")


def _check_canonical(reference: Reference, models: list[str], *, vectors: bool) -> None:
    positions = [finger.position for finger in reference.fingers]
    if positions != sorted(positions) or not all(a < b for a, b in pairwise(models)):
        raise Malformed("fingers or models are not in ascending order")
    if _models_of(reference) != set(models):
        raise Malformed("the table of models names one that no template uses")
    if vectors != any(finger.vector_model for finger in reference.fingers):
        raise Malformed("a reference without vectors is written as version 1")
