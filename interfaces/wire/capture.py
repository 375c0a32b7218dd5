"""The capture: images or one transaction of untrusted bytes -> samples with their codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from interfaces import formats
from interfaces.formats import images, limits
from interfaces.formats.capture import check_fingers
from interfaces.formats.errors import FormatRefused
from interfaces.pb.eurodac.central.v1 import terms_pb2
from matcher.vocabulary import FaceSample, FingerPosition, FingerSample, Impression

MAX_FINGER_IMAGES = 32
"""Most finger images of one capture: ten rolled, ten flat, two plain thumbs and three slaps are
25."""

MAX_MISSING = 12
"""Most declarations of missing fingers: ten fingers, and the thumbs by their plain codes too."""


def capture_from(message: terms_pb2.Capture) -> formats.Capture:
    """Samples of a capture: either single images or one ANSI/NIST-ITL transaction."""
    single = bool(message.fingers) or message.HasField("face")
    if single and message.transaction:
        reason = "both images and a transaction are given"
        raise FormatRefused("W01 VALUE", "capture", reason, "send one of the two")
    _check_numbers(message)
    if message.transaction:
        capture = formats.read(message.transaction)
    else:
        _check_pixels(message)
        capture = formats.Capture(fingers=_fingers(message), faces=_faces(message))
    return _declare_missing(capture, _missing_from(message))


def _check_numbers(message: terms_pb2.Capture) -> None:
    lists = {
        "fingers": (len(message.fingers), MAX_FINGER_IMAGES),
        "missing_fingers": (len(message.missing_fingers), MAX_MISSING),
    }
    for name, (found, limit) in lists.items():
        if found > limit:
            raise FormatRefused("W03 TOO_LONG", name, "too many entries", f"at most {limit}")


def _check_pixels(message: terms_pb2.Capture) -> None:
    """Count the pixels of all images before one is decoded: small files may be large pictures."""
    declared = 0
    for image in (*(finger.image for finger in message.fingers), message.face.image):
        if not image:
            continue  # refused where it is read
        limits.check_bytes(image, limits.IMAGE_BYTES, "image")
        header = images.inspect(image)
        declared += header.width * header.height
    if declared > limits.TRANSACTION_PIXELS:
        reason = f"has {declared} pixels, {limits.TRANSACTION_PIXELS} are allowed"
        raise FormatRefused("L01 TOO_LARGE", "capture", reason, "crop or reduce the images")


def _fingers(message: terms_pb2.Capture) -> tuple[FingerSample, ...]:
    fingers: list[FingerSample] = []
    for image in message.fingers:
        fingers += formats.read_finger(
            image.image,
            position=position_from(image.position),
            impression=impression_from(image.impression),
            dpi=image.dpi or None,
        )
    return tuple(fingers)


def _faces(message: terms_pb2.Capture) -> tuple[FaceSample, ...]:
    return (formats.read_face(message.face.image),) if message.HasField("face") else ()


def _declare_missing(
    capture: formats.Capture, declared: Mapping[FingerPosition, formats.MissingReason]
) -> formats.Capture:
    """The capture with the fingers declared missing beside those its transaction declares."""
    missing = {**capture.missing, **declared}
    check_fingers(capture.fingers, missing)
    return replace(capture, missing=missing)


def _missing_from(
    message: terms_pb2.Capture,
) -> dict[FingerPosition, formats.MissingReason]:
    missing: dict[FingerPosition, formats.MissingReason] = {}
    for entry in message.missing_fingers:
        reason = _missing_reason(entry.reason)
        if missing.setdefault(position_from(entry.position), reason) is not reason:
            text = "one finger is missing for two reasons"
            raise FormatRefused("W01 VALUE", "missing_fingers", text, "say one of them")
    return missing


def _missing_reason(value: int) -> formats.MissingReason:
    reasons: dict[int, formats.MissingReason] = {
        terms_pb2.MISSING_REASON_AMPUTATED: formats.MissingReason.AMPUTATED,
        terms_pb2.MISSING_REASON_UNABLE_TO_PRINT: formats.MissingReason.UNABLE_TO_PRINT,
    }
    if value not in reasons:
        raise FormatRefused(
            "W01 VALUE", "missing_fingers.reason", "no known reason", "say amputated or unable"
        )
    return reasons[value]


def position_from(value: int) -> FingerPosition:
    """Position code of a sample; 0 and unknown numbers are refused."""
    if value not in FingerPosition.__members__.values() or value == FingerPosition.UNKNOWN:
        raise FormatRefused("W01 VALUE", "position", "no known position code", "use codes 1 to 15")
    return FingerPosition(value)


def position_to(position: FingerPosition) -> terms_pb2.FingerPosition.ValueType:
    """The same code on the wire; UNKNOWN is unspecified there."""
    if position is FingerPosition.UNKNOWN:
        return terms_pb2.FINGER_POSITION_UNSPECIFIED
    return terms_pb2.FingerPosition.Value(f"FINGER_POSITION_{position.name}")


def impression_from(value: int) -> Impression:
    """Impression of a sample; it is never guessed."""
    impressions: dict[int, Impression] = {
        terms_pb2.IMPRESSION_FLAT: Impression.FLAT,
        terms_pb2.IMPRESSION_ROLLED: Impression.ROLLED,
    }
    if value not in impressions:
        raise FormatRefused("W01 VALUE", "impression", "no known impression", "say flat or rolled")
    return impressions[value]
