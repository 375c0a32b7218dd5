"""The stored form of a reference: exact, short, and closed against anything else."""

from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.galleries import FACE_MODEL, FINGER_MODEL, Draw, draw_finger, draw_reference
from matcher import templates
from matcher.codes import DIMENSIONS, quantise
from matcher.embedding import normalise
from matcher.errors import Malformed
from matcher.vocabulary import (
    MINUTIA,
    NO_VECTOR,
    FaceTemplate,
    FingerPosition,
    FingerTemplate,
    Impression,
    Reference,
)


def with_vectors(reference: Reference, *positions: int, seed: int = 0) -> Reference:
    """The reference with a random unit vector on some fingers, on all if none is named."""
    rng = np.random.default_rng(seed)
    shape = len(reference.fingers), DIMENSIONS
    drawn = quantise(normalise(rng.normal(size=shape).astype(np.float32)))
    fingers = tuple(
        replace(finger, vector=vector, reliability=70, vector_model="vectors-1")
        if finger.position in positions or not positions
        else finger
        for finger, vector in zip(reference.fingers, drawn, strict=True)
    )
    return replace(reference, fingers=fingers)


SEED_REFERENCES = [
    Reference(),
    draw_reference(1),
    draw_reference(2, Draw(positions=(FingerPosition.LEFT_RING,), face=False)),
    draw_reference(3, Draw(positions=(FingerPosition.UNKNOWN,) * 3)),
    draw_reference(4, Draw(positions=())),
    with_vectors(draw_reference(6, Draw(minutiae=12))),
    with_vectors(draw_reference(7, Draw(minutiae=12, face=False)), FingerPosition.LEFT_RING),
]
SEED_ENCODINGS = [templates.encode(reference) for reference in SEED_REFERENCES]


def the_same(a: Reference, b: Reference) -> bool:
    """A plain comparison field by field, since arrays forbid ==."""

    def plain_finger(finger: FingerTemplate) -> tuple[object, ...]:
        scalars = finger.width, finger.height, finger.quality, finger.model
        vector = finger.vector_model, finger.reliability, finger.vector.tolist()
        return *scalars, finger.position, finger.impression, finger.minutiae.tolist(), *vector

    def plain_face(face: FaceTemplate | None) -> tuple[object, ...]:
        return () if face is None else (face.vector.tolist(), face.quality, face.model)

    fingers = [[plain_finger(finger) for finger in side.fingers] for side in (a, b)]
    return fingers[0] == fingers[1] and plain_face(a.face) == plain_face(b.face)


@st.composite
def fingers(draw: st.DrawFn, position: FingerPosition) -> FingerTemplate:
    width, height = draw(st.integers(0, 4095)), draw(st.integers(0, 4095))
    minutia = st.tuples(
        st.integers(0, width * 16),
        st.integers(0, height * 16),
        st.integers(0, 65535),
        st.integers(0, 2),
        st.integers(0, 100),
    )
    numbers = np.array(draw(st.lists(st.floats(-1, 1, width=32), min_size=4, max_size=4)))
    bare = not draw(st.booleans()) or np.linalg.norm(numbers) < 0.1
    return FingerTemplate(
        minutiae=np.array(draw(st.lists(minutia, max_size=6)), MINUTIA).reshape(-1),
        width=width,
        height=height,
        quality=draw(st.integers(0, 100)),
        model=draw(st.sampled_from(["fingers-1", "a", "z" * 64])),
        position=position,
        impression=draw(st.sampled_from(Impression)),
        vector=NO_VECTOR if bare else quantise(normalise(np.repeat(numbers, DIMENSIONS // 4))),
        reliability=0 if bare else draw(st.integers(0, 100)),
        vector_model="" if bare else draw(st.sampled_from(["a", "vectors-1"])),
    )


@st.composite
def references(draw: st.DrawFn) -> Reference:
    positions = draw(st.sets(st.integers(1, 10)))
    unknown = draw(st.integers(0, 3))
    codes = [*[0] * unknown, *sorted(positions)]
    vector = np.array(draw(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=8)))
    norm = np.linalg.norm(vector)
    face = None
    if norm > 0.1:
        face = FaceTemplate((vector / norm).astype(np.float32), draw(st.integers(0, 100)), "face")
    return Reference(tuple(draw(fingers(FingerPosition(code))) for code in codes), face)


@given(references())
@settings(max_examples=60, deadline=None)
def test_what_is_encoded_is_decoded_unchanged(reference: Reference) -> None:
    assert the_same(templates.decode(templates.encode(reference)), reference)


def test_the_order_of_the_fingers_does_not_change_the_encoding() -> None:
    reference = draw_reference(5)
    turned = Reference(reference.fingers[::-1], reference.face)
    assert templates.encode(turned) == templates.encode(reference)


def test_a_finger_with_the_most_minutiae_takes_no_more_than_is_said() -> None:
    finger = replace(
        draw_finger(np.random.default_rng(0), FingerPosition.RIGHT_THUMB, 40),
        minutiae=np.zeros(templates.MAX_MINUTIAE, MINUTIA),
        vector=VECTOR,
        vector_model="vectors-1",
    )
    one = len(templates.encode(Reference((finger,))))
    two = len(templates.encode(Reference((finger, replace(finger, position=FingerPosition(2))))))
    assert two - one <= 2176


@given(st.sampled_from(SEED_ENCODINGS), st.data())
@settings(max_examples=400, deadline=None)
def test_mutated_bytes_are_malformed_or_another_valid_reference(
    encoded: bytes, data: st.DataObject
) -> None:
    mutated = bytearray(encoded)
    for _ in range(data.draw(st.integers(1, 4))):
        # Heads lie in front, so that half of the blows fall there and not on minutiae.
        last = data.draw(st.sampled_from([min(60, len(mutated)), len(mutated)])) - 1
        mutated[data.draw(st.integers(0, last))] = data.draw(st.integers(0, 255))
    try:
        reference = templates.decode(bytes(mutated))
    except Malformed:
        return
    assert templates.encode(reference) == bytes(mutated)


@given(st.sampled_from([templates.MAGIC, templates.MAGIC_VECTORS]), st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_arbitrary_bytes_behind_the_magic_never_raise_anything_else(
    magic: bytes, rest: bytes
) -> None:
    for claimed in (rest, (8 + len(rest)).to_bytes(4, "little") + rest):
        try:
            templates.decode(magic + claimed)
        except Malformed:
            continue


@pytest.mark.parametrize("encoded", SEED_ENCODINGS)
def test_every_truncation_and_any_extension_is_malformed(encoded: bytes) -> None:
    for cut in [*range(0, len(encoded), max(1, len(encoded) // 200)), len(encoded) - 1]:
        with pytest.raises(Malformed):
            templates.decode(encoded[:cut])
    with pytest.raises(Malformed):
        templates.decode(encoded + b"\0")


def test_an_honest_length_over_a_cut_body_is_malformed() -> None:
    cut = bytearray(SEED_ENCODINGS[1][:-8])
    cut[4:8] = len(cut).to_bytes(4, "little")
    with pytest.raises(Malformed):
        templates.decode(bytes(cut))


GOOD = draw_finger(np.random.default_rng(1), FingerPosition.RIGHT_INDEX, 20)
VECTOR = quantise(normalise(np.random.default_rng(2).normal(size=DIMENSIONS).astype(np.float32)))
SEEN = replace(GOOD, vector=VECTOR, reliability=70, vector_model="vectors-1")
FACE = FaceTemplate(np.full(16, 0.25, np.float32), 60, "face")


def minutiae_with(**values: int) -> np.ndarray:
    minutiae = GOOD.minutiae.copy()
    for name, value in values.items():
        minutiae[name][3] = value
    return minutiae


@pytest.mark.parametrize(
    "reference",
    [
        Reference((GOOD, GOOD)),
        Reference((replace(GOOD, position=FingerPosition.UNKNOWN),) * 21),
        Reference((replace(GOOD, position=FingerPosition.LEFT_FOUR),)),
        Reference((replace(GOOD, position=FingerPosition.RIGHT_THUMB_PLAIN),)),
        Reference((replace(GOOD, quality=101),)),
        Reference((replace(GOOD, quality=-1),)),
        Reference((replace(GOOD, width=4096),)),
        Reference((replace(GOOD, model=""),)),
        Reference((replace(GOOD, model="m" * 65),)),
        Reference((replace(GOOD, model="modèle"),)),
        Reference((replace(GOOD, model="two\nlines"),)),
        Reference((replace(GOOD, minutiae=np.zeros(251, MINUTIA)),)),
        Reference((replace(GOOD, minutiae=np.zeros((2, 2), MINUTIA)),)),
        Reference((replace(GOOD, minutiae=np.zeros(3, "<f4")),)),
        Reference((replace(GOOD, minutiae=minutiae_with(x=GOOD.width * 16 + 1)),)),
        Reference((replace(GOOD, minutiae=minutiae_with(y=GOOD.height * 16 + 1)),)),
        Reference((replace(GOOD, minutiae=minutiae_with(kind=3)),)),
        Reference((replace(GOOD, minutiae=minutiae_with(quality=101)),)),
        Reference((replace(SEEN, vector=NO_VECTOR),)),
        Reference((replace(SEEN, vector=VECTOR[:127]),)),
        Reference((replace(SEEN, vector=VECTOR.astype(np.int16)),)),
        Reference((replace(SEEN, vector=VECTOR.reshape(2, -1)),)),
        Reference((replace(SEEN, vector=np.zeros_like(VECTOR)),)),
        Reference((replace(SEEN, vector=np.full_like(VECTOR, 23)),)),
        Reference((replace(SEEN, vector=np.where(np.arange(128) == 5, -128, 0).astype(np.int8)),)),
        Reference((replace(SEEN, vector_model=""),)),
        Reference((replace(SEEN, vector_model="two\nlines"),)),
        Reference((replace(SEEN, reliability=101),)),
        Reference((replace(SEEN, reliability=-1),)),
        Reference((replace(GOOD, reliability=1),)),
        Reference((), replace(FACE, vector=FACE.vector * np.float32(1.01))),
        Reference((), replace(FACE, vector=FACE.vector * np.float32(np.nan))),
        Reference((), replace(FACE, vector=FACE.vector * np.float32(np.inf))),
        Reference((), replace(FACE, vector=np.zeros(0, np.float32))),
        Reference((), replace(FACE, vector=FACE.vector.astype(np.float64))),
        Reference((), replace(FACE, vector=FACE.vector.reshape(2, -1))),
        Reference((), replace(FACE, vector=np.full(1025, 1025**-0.5, np.float32))),
    ],
)
def test_a_reference_that_breaks_a_limit_is_not_encoded(reference: Reference) -> None:
    with pytest.raises(Malformed):
        templates.encode(reference)


@pytest.mark.parametrize(
    ("at", "value"),
    [(0, 0x65), (3, 3), (3, 2), (8, 0), (8, 2), (9, 2), (10, 1), (11, 1)],
    ids=[
        "magic",
        "version",
        "other version",
        "no model",
        "models",
        "fingers",
        "faces",
        "spare byte",
    ],
)
def test_every_byte_of_the_head_is_checked(at: int, value: int) -> None:
    encoded = bytearray(SEED_ENCODINGS[2])
    encoded[at] = value
    with pytest.raises(Malformed):
        templates.decode(bytes(encoded))


def test_what_the_first_version_wrote_is_read_and_written_the_same() -> None:
    """The digest was taken from that version's own output."""
    written = "6ca7f89c90a2c26ee8504afe4a199ca865b9c1cb6fab5028a0272121a4b67aca"
    reference = draw_reference(2, Draw(positions=(FingerPosition.LEFT_RING,), face=False))
    encoded = templates.encode(reference)
    assert sha256(encoded).hexdigest() == written
    (finger,) = templates.decode(encoded).fingers
    assert (len(finger.vector), finger.reliability, finger.vector_model) == (0, 0, "")


def test_only_a_reference_with_a_vector_is_of_the_second_version() -> None:
    for reference, encoded in zip(SEED_REFERENCES, SEED_ENCODINGS, strict=True):
        vectors = any(finger.vector_model for finger in reference.fingers)
        assert encoded.startswith(templates.MAGIC_VECTORS if vectors else templates.MAGIC)
    assert {encoded[:4] for encoded in SEED_ENCODINGS} == {b"EUT\x01", b"EUT\x02"}


def test_a_second_version_without_any_vector_is_malformed() -> None:
    """Otherwise one reference would have two encodings, and digests would tell them apart."""
    fixed = (2, 0, 50, 0, 100, 100, 0, templates.WITHOUT_VECTOR, 0)
    head = templates.HEAD.pack(templates.MAGIC_VECTORS, 0, 1, 1, 0, 0)
    body = bytes([1]) + b"m" + templates.FINGER_VECTORS.pack(*fixed)
    with pytest.raises(Malformed, match="version 1"):
        templates.decode(relabel(head + body))


def test_the_models_of_a_reference_are_all_named() -> None:
    reference = with_vectors(draw_reference(1))
    assert templates.models_of(reference) == {FINGER_MODEL, FACE_MODEL, "vectors-1"}
    assert templates.models_of(Reference()) == set()


def relabel(encoded: bytes, **counts: int) -> bytes:
    """The bytes with an honest length, and other counts where given."""
    head = list(templates.HEAD.unpack_from(encoded))
    head[1] = len(encoded)
    for name, count in counts.items():
        head[("models", "fingers", "faces").index(name) + 2] = count
    return templates.HEAD.pack(*head) + encoded[templates.HEAD.size :]


def test_only_one_form_of_a_reference_is_accepted() -> None:
    """Spare models, another order and bytes behind the last template have no place in it."""
    fingers = [
        replace(GOOD, position=FingerPosition(code), minutiae=GOOD.minutiae[:2]) for code in (2, 3)
    ]
    encoded = templates.encode(Reference(tuple(fingers)))
    head, models = templates.HEAD.size, 1 + len(GOOD.model)
    start = head + models
    middle = (len(encoded) + start) // 2
    turned = encoded[:start] + encoded[middle:] + encoded[start:middle]
    spare = encoded[:start] + bytes([1]) + b"z" + encoded[start:]
    twice = encoded[:start] + encoded[head:start] + encoded[start:]
    assert templates.decode(relabel(encoded))
    for bad in (
        turned,
        relabel(spare, models=2),
        relabel(twice, models=2),
        relabel(encoded + b"\0"),
        relabel(encoded, fingers=1),
        relabel(encoded[: middle - len(encoded)], fingers=2),
    ):
        with pytest.raises(Malformed):
            templates.decode(bad)


def test_a_finger_or_face_that_claims_too_much_is_malformed() -> None:
    bare = templates.encode(Reference((replace(GOOD, minutiae=GOOD.minutiae[:0]),)))
    many = bare[:-2] + (251).to_bytes(2, "little") + bytes(251 * 8)
    with pytest.raises(Malformed):
        templates.decode(relabel(many))
    short = templates.encode(Reference((), replace(FACE, vector=np.ones(1, np.float32))))
    wide = np.full(1025, 1025**-0.5, np.float32).tobytes()
    with pytest.raises(Malformed):
        templates.decode(relabel(short[:-6] + (1025).to_bytes(2, "little") + wide))


def test_the_largest_reference_fits_and_nothing_longer_is_looked_at() -> None:
    full = replace(SEEN, minutiae=np.zeros(templates.MAX_MINUTIAE, MINUTIA), model="m" * 64)
    unknown = [replace(full, position=FingerPosition.UNKNOWN)] * 10
    known = [replace(full, position=FingerPosition(code)) for code in range(1, 11)]
    face = FaceTemplate(np.full(1024, 1 / 32, np.float32), 50, "n" * 64)
    encoded = templates.encode(Reference((*unknown, *known), face))
    assert the_same(templates.decode(encoded), Reference((*unknown, *known), face))
    assert len(encoded) <= templates.MAX_ENCODED_BYTES
    with pytest.raises(Malformed, match="longer"):
        templates.decode(bytes(templates.MAX_ENCODED_BYTES + 1))


def test_errors_do_not_carry_the_content() -> None:
    with pytest.raises(Malformed) as refusal:
        templates.encode(Reference((replace(GOOD, model="sécret-" + "m" * 50),)))
    assert "cret" not in str(refusal.value)
