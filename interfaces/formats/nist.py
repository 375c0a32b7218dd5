"""ANSI/NIST-ITL transactions -> captures, and back.

Profile: Type-1 (header), Type-2 (user text, not interpreted), Type-4 and Type-14 (fingers and
slaps), Type-10 (face). What else the standard knows is ignored by the rules in codes.py or
refused. Writing produces Type-1, 2, 14 and 10 of the same profile.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from interfaces.formats import codes, images, limits, records
from interfaces.formats.capture import Capture, MissingReason, check_fingers
from interfaces.formats.errors import FormatRefused, Rule
from interfaces.formats.headers import CM_PER_INCH
from interfaces.formats.nistwriter import write
from interfaces.formats.records import Record, is_transaction, whole_number
from matcher import slaps
from matcher.vocabulary import FaceSample, FingerPosition, FingerSample, Impression

__all__ = ["is_transaction", "read", "write"]

MM_PER_INCH = 25.4

TYPE_4_HEAD = struct.Struct(">BB6sBHHB")
"""IDC, impression, six finger positions, resolution, width, height, compression."""

NO_POSITION = 255
"""Filler of unused positions in Type-4."""

PER_INCH, PER_CM = 1, 2
"""Units of resolution (SLC): 1 pixels per inch, 2 per centimetre."""

Missing = dict[FingerPosition, MissingReason]


Named = tuple[FingerPosition, Impression]


@dataclass(frozen=True, slots=True)
class _Stated:
    """What the fields of a record say of its image. size: width and height."""

    named: Named
    size: tuple[int, int]
    compression: str
    dpi: float | None


class _Reading:
    """What has been gathered from the records so far."""

    def __init__(self) -> None:
        self.samples: list[FingerSample] = []
        self.faces: list[FaceSample] = []
        self.missing: Missing = {}
        self.ignored: list[str] = []
        self.pixels = 0

    def spend(self, record: Record, size: tuple[int, int]) -> None:
        """Count the pixels of an image before it is decoded; refuse what is too much."""
        field = f"{record.name}, size"
        limits.check_sides(*size, pixels_max=limits.FACE_PIXELS, field=field)
        self.pixels += size[0] * size[1]
        if self.pixels > limits.TRANSACTION_PIXELS:
            reason = f"brings the transaction above {limits.TRANSACTION_PIXELS} pixels"
            raise FormatRefused(Rule.TOO_LARGE, record.name, reason, "send several transactions")

    def ignore(self, record: Record, rule: str) -> None:
        """Note that a record is left out, and why."""
        self.ignored.append(f"Type-{record.kind} record ignored: {rule}")


def read(data: bytes) -> Capture:
    """The samples of a transaction: cut it, read each record, cut the slaps, check the whole.

    Raises FormatRefused; its field names the record and the field.
    """
    limits.check_bytes(data, limits.TRANSACTION_BYTES, "transaction")
    header, *others = records.split(data)
    reading = _Reading()
    for record in others:
        _read_record(record, header, reading)
    fingers = _single_fingers(reading)
    check_fingers(fingers, reading.missing)
    if not (fingers or reading.faces or reading.missing):
        reason = "; ".join(["holds no sample", *dict.fromkeys(reading.ignored)])
        remedy = "send Type-4, Type-10 or Type-14 records"
        raise FormatRefused(Rule.FORMAT, "transaction", reason, remedy)
    return Capture(
        fingers=fingers,
        faces=tuple(reading.faces),
        missing=MappingProxyType(reading.missing),
        ignored=tuple(reading.ignored),
        texts=_texts(header),
    )


def _read_record(record: Record, header: Record, reading: _Reading) -> None:
    if record.kind in codes.IGNORED_TYPES:
        reading.ignore(record, codes.IGNORED_TYPES[record.kind])
    elif record.kind == codes.FINGER_BINARY_TYPE:
        _read_type_4(record, header, reading)
    elif record.kind == codes.FINGER_TYPE:
        _read_type_14(record, reading)
    elif record.kind == codes.FACE_TYPE:
        _read_type_10(record, reading)
    elif record.kind != codes.TEXT_TYPE:
        remedy = "send records of ANSI/NIST-ITL types"
        raise FormatRefused(Rule.FORMAT, record.name, "has an unknown type", remedy)


def _read_type_4(record: Record, header: Record, reading: _Reading) -> None:
    if len(record.data) < TYPE_4_HEAD.size:
        raise record.refusal(9, "is not there")
    _, imp, places, isr, width, height, gca = TYPE_4_HEAD.unpack_from(record.data)
    if any(place != NO_POSITION for place in places[1:]):
        raise record.refusal(4, "names several possible positions", "send the one captured")
    named = _identify(record, places[0], imp, reading)
    if named is None:
        return
    if gca >= len(codes.BINARY_COMPRESSIONS):
        raise record.refusal(8, "is an unknown compression")
    # Resolution 0 means the transmitted one, 1 the native one (both in pixels per mm).
    dpi = _per_mm(header, 12 if isr == 0 else 11)
    image = record.data[TYPE_4_HEAD.size :]
    compression = codes.BINARY_COMPRESSIONS[gca]
    stated = _Stated(named, (width, height), compression, dpi)
    reading.spend(record, stated.size)
    reading.samples.append(_sample(record, stated, image))


def _per_mm(header: Record, tag: int) -> float:
    text = header.text(tag)
    if re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,4})?", text) is None:
        raise header.refusal(tag, "is not a resolution in pixels per millimetre")
    return float(text) * MM_PER_INCH


def _read_type_14(record: Record, reading: _Reading) -> None:
    _read_missing(record, reading.missing)
    if 18 in record.fields and not record.data:
        return
    named = _identify(record, record.count(13), record.count(3), reading)
    if named is None:
        return
    if record.count(12) != 8:
        raise record.refusal(12, "is not 8", "send 256 grey levels")
    size = (record.count(6), record.count(7))
    stated = _Stated(named, size, record.text(11), _stated_dpi(record))
    reading.spend(record, size)
    reading.samples.append(_sample(record, stated, record.data))


def _stated_dpi(record: Record) -> float | None:
    """Resolution by the fields SLC, THPS and TVPS."""
    unit = record.count(8)
    if unit not in (PER_INCH, PER_CM):
        return None
    across, down = record.count(9), record.count(10)
    scale = 1.0 if unit == PER_INCH else CM_PER_INCH
    pair = (across * scale, down * scale)
    return limits.settle_resolution(pair, None, f"{record.name}, 14.009 and 14.010")


def _read_missing(record: Record, missing: Missing) -> None:
    """Note the fingers that 14.018 declares as amputated or unable to print."""
    for content in record.fields.get(18, ()):
        if len(content) != 2 or content[1] not in set(MissingReason):
            raise record.refusal(18, "is not a position with XX or UP")
        code = whole_number(content[0], f"{record.name}, 14.018")
        if not 1 <= code <= FingerPosition.LEFT_THUMB_PLAIN:
            raise record.refusal(18, f"names position {code}, which is no finger")
        position = FingerPosition(code)
        reason = MissingReason(content[1])
        position = images.PLAIN_THUMBS.get(position, position)
        if missing.setdefault(position, reason) != reason:
            raise record.refusal(18, f"gives two reasons for finger {int(position)}")


def _identify(record: Record, code: int, imp: int, reading: _Reading) -> Named | None:
    """Position and impression by their codes; None when a rule ignores the record."""
    if code in codes.OTHER_POSITIONS:
        reading.ignore(record, f"position {code} is not one of ten fingers and their slaps")
        return None
    if imp in codes.LATENT_IMPRESSIONS:
        reading.ignore(record, "latent marks are not captures of a person")
        return None
    if code not in set(FingerPosition):
        raise FormatRefused(
            Rule.POSITION, record.name, f"names position {code}", "use the codes 1 to 15"
        )
    if imp not in codes.IMPRESSIONS:
        reason = f"has impression code {imp}, which is neither plain nor rolled"
        raise FormatRefused(Rule.FORMAT, record.name, reason, "use the codes 0 to 3")
    return FingerPosition(code), codes.IMPRESSIONS[imp]


def _sample(record: Record, stated: _Stated, image: bytes) -> FingerSample:
    """The finger image of a record, its fields and its container agreeing."""
    position, impression = stated.named
    dpi = stated.dpi
    try:
        if _contained(image, stated.compression, stated.size):
            return images.read_sample(image, position=position, impression=impression, dpi=dpi)
        limits.check_sides(*stated.size, pixels_max=limits.FINGER_PIXELS, field="size")
        settled = limits.settle_resolution(None, dpi, "resolution")
        return images.identify(_raw(image, stated.size), settled, position, impression)
    except FormatRefused as refusal:
        raise refusal.within(record.name) from refusal


def _contained(image: bytes, compression: str, size: tuple[int, int]) -> bool:
    """Whether the image is in a container (else raw); refuses one that the fields belie."""
    if compression not in codes.CONTAINERS:
        reason = "is a compression outside the profile"
        raise FormatRefused(Rule.FORMAT, "compression", reason, "send WSQ20 or JP2L")
    limits.check_bytes(image, limits.IMAGE_BYTES, "image")
    container = codes.CONTAINERS[compression]
    if container is None:
        return False
    header = images.inspect(image)
    if header.container != container:
        reason = f"says {compression} but holds {header.container}"
        raise FormatRefused(Rule.FORMAT, "compression", reason, "correct whichever is wrong")
    if (header.width, header.height) != size:
        reason = f"says {size[0]} x {size[1]}, the image {header.width} x {header.height}"
        raise FormatRefused(Rule.FORMAT, "size", reason, "correct whichever is wrong")
    return True


def _raw(image: bytes, size: tuple[int, int]) -> NDArray[np.uint8]:
    width, height = size
    if len(image) != width * height:
        reason = f"has {len(image)} bytes for {width} x {height} pixels"
        raise FormatRefused(Rule.FORMAT, "image", reason, "send one byte per pixel")
    return np.frombuffer(image, np.uint8).reshape(height, width)


def _read_type_10(record: Record, reading: _Reading) -> None:
    if record.text(3) != "FACE":
        reading.ignore(record, "only the image type FACE is compared")
        return
    compression = record.text(11)
    size = (record.count(6), record.count(7))
    reading.spend(record, size)
    try:
        if not _contained(record.data, compression, size):
            reason = "is NONE, which says nothing about colours"
            raise FormatRefused(Rule.FORMAT, "compression", reason, "send JPEGB or JP2")
        reading.faces.append(images.read_face(record.data))
    except FormatRefused as refusal:
        raise refusal.within(record.name) from refusal


def _single_fingers(reading: _Reading) -> tuple[FingerSample, ...]:
    """All fingers one by one: those captured singly, then those cut out of slaps.

    A slap in which fingers cannot be told apart is left out if all of its fingers were also
    captured singly, and refused otherwise.
    """
    singles = [sample for sample in reading.samples if sample.position not in slaps.FINGERS]
    have = {sample.position for sample in singles}.union(reading.missing)
    fingers = list(singles)
    for sample in reading.samples:
        if sample.position in slaps.FINGERS:
            try:
                fingers.extend(images.split(sample, reading.missing))
            except FormatRefused as refusal:
                if not have.issuperset(slaps.FINGERS[sample.position]):
                    raise
                reading.ignored.append(f"{refusal.field} ignored: {refusal.reason}")
    return tuple(fingers)


def _texts(header: Record) -> MappingProxyType[str, str]:
    """The texts of Type-1 that are kept: short and printable."""
    texts = {}
    for name, tag in codes.FIELD_NAMES.items():
        text = header.text(tag)
        if len(text) > limits.TEXT_CHARS_MAX or not text.isprintable():
            raise header.refusal(tag, "is not a short printable text")
        if text:
            texts[name] = text
    return MappingProxyType(texts)
