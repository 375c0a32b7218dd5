"""Captures -> ANSI/NIST-ITL transactions of our profile."""

from __future__ import annotations

import io
from datetime import date

import _wsq  # type: ignore[import-not-found] # a compiled module without stubs
import nistitl
from PIL import Image

from interfaces.formats import codes, limits
from interfaces.formats.capture import Capture, MissingReason
from interfaces.formats.errors import FormatRefused, Rule
from matcher.vocabulary import FaceSample, FingerPosition, FingerSample, Impression

VERSION = "0500"
"""ANSI/NIST-ITL 1-2011, whose field numbers are used."""

WSQ_DPI = 500.0
"""The one resolution for which WSQ is specified."""

WSQ_BITS_PER_PIXEL = 0.75
"""Rate of about 15:1, as in the profile (rulebook M.2)."""

JPEG_QUALITY = 95
"""Quality of face images: no visible loss, a fifth of the lossless size."""

PER_INCH = 1
"""Unit of resolution (SLC): pixels per inch."""

IMPRESSION_CODES = {Impression.FLAT: 0, Impression.ROLLED: 1}
"""Live-scan plain and rolled."""


def write(
    capture: Capture,
    *,
    transaction_type: str,
    day: date,
    destination_agency: str,
    originating_agency: str,
    control_number: str,
) -> bytes:
    """A transaction of Type-1, Type-2, Type-14 per finger and missing finger, Type-10 per face.

    Fingers of 500 dpi are written as WSQ, of other resolutions as lossless JPEG 2000. Raises
    FormatRefused for texts that a field cannot hold.
    """
    message = nistitl.Message()
    header = message[0]
    header.VER = VERSION
    header.TOT = _checked(transaction_type, "transaction_type")
    header.DAT = f"{day:%Y%m%d}"
    header.DAI = _checked(destination_agency, "destination_agency")
    header.ORI = _checked(originating_agency, "originating_agency")
    header.TCN = _checked(control_number, "control_number")
    message += nistitl.AsciiRecord(codes.TEXT_TYPE)
    origin = {"SRC": originating_agency, "day": f"{day:%Y%m%d}"}
    for finger in capture.fingers:
        message += _finger_record(finger, len(message), origin)
    for position, reason in capture.missing.items():
        message += _missing_record(position, reason, len(message))
    for face in capture.faces:
        message += _face_record(face, len(message), origin)
    return bytes(message.NIST)


def _checked(text: str, field: str) -> str:
    printable = text.isascii() and text.isprintable()
    if not (printable and 0 < len(text) <= limits.TEXT_CHARS_MAX):
        reason = "is empty, too long or not printable ASCII"
        raise FormatRefused(Rule.FORMAT, field, reason, "state a short text")
    return text


def _finger_record(finger: FingerSample, idc: int, origin: dict[str, str]) -> nistitl.AsciiRecord:
    compression, data = _encode_finger(finger)
    height, width = finger.image.shape
    record = nistitl.AsciiRecord(codes.FINGER_TYPE)
    record.IDC = idc
    record.IMP = IMPRESSION_CODES[finger.impression]
    record.SRC = origin["SRC"]
    record.FCD = origin["day"]
    record.HLL, record.VLL = width, height
    record.SLC = PER_INCH
    record.THPS = record.TVPS = round(finger.dpi)
    record.CGA = compression
    record.BPX = 8
    record.FGP = int(finger.position)
    record += nistitl.BinaryField(codes.FINGER_TYPE, 999, data, alias="DATA")
    return record


def _encode_finger(finger: FingerSample) -> tuple[str, bytes]:
    """Compression code and bytes."""
    height, width = finger.image.shape
    if abs(finger.dpi - WSQ_DPI) <= limits.DPI_TOLERANCE * WSQ_DPI:
        pixels = finger.image.tobytes()
        return "WSQ20", _wsq.compress(pixels, height, width, WSQ_BITS_PER_PIXEL)
    return "JP2L", _saved(Image.fromarray(finger.image), "JPEG2000", irreversible=False)


def _missing_record(
    position: FingerPosition, reason: MissingReason, idc: int
) -> nistitl.AsciiRecord:
    record = nistitl.AsciiRecord(codes.FINGER_TYPE)
    record.IDC = idc
    record.FGP = int(position)
    amputated = nistitl.Field(codes.FINGER_TYPE, 18, alias="AMP")
    amputated.add_subfields(nistitl.SubField([int(position), reason.value]))
    record += amputated
    return record


def _face_record(face: FaceSample, idc: int, origin: dict[str, str]) -> nistitl.AsciiRecord:
    data = _saved(Image.fromarray(face.image), "JPEG", quality=JPEG_QUALITY, subsampling=0)
    height, width, _channels = face.image.shape
    record = nistitl.AsciiRecord(codes.FACE_TYPE)
    record.IDC = idc
    record.IMT = "FACE"
    record.SRC = origin["SRC"]
    record.PHD = origin["day"]
    record.HLL, record.VLL = width, height
    record.SLC = 0
    record.THPS = record.TVPS = 1
    record.CGA = "JPEGB"
    record.CSP = "SRGB"
    record += nistitl.BinaryField(codes.FACE_TYPE, 999, data, alias="DATA")
    return record


def _saved(image: Image.Image, container: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, container, **options)
    return stream.getvalue()
