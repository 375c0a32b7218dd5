"""Finger minutiae records of other systems -> templates, and templates -> such records.

Read: ISO/IEC 19794-2:2005 and :2011 (record format), INCITS 378-2004 and 378-2009 (with
Amendment 1). Written, by isowriter.py: the first three. Card formats, which have no header, are
not read: nothing in their bytes says what they are.

What is left out, by rule: extended data (ridge counts, cores, deltas, zones) after a check of its
lengths; makers, devices, dates and certificates; the 251st minutia and on, worst quality first,
because a template holds 250. Latent marks, swipes, palms and slaps are refused: they are not
captures of one finger.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interfaces.formats import codes, limits
from interfaces.formats.errors import FormatRefused, Rule
from interfaces.formats.headers import CM_PER_INCH, Bytes
from interfaces.formats.isolayout import (
    COORDINATE_BITS,
    COORDINATE_MAX,
    FOREIGN_MODEL,
    FULL,
    FULL_TURN,
    INCITS_2004,
    INCITS_2009,
    ISO_2005,
    ISO_2011,
    MAGIC_20,
    MAGIC_30,
    MAGIC_35,
    QUALITY_MAX,
    QUALITY_UNREPORTED,
    RECORD_BYTES,
    SHORT,
    VIEWS_MAX,
    Layout,
)
from interfaces.formats.isowriter import write_incits_378, write_iso_2005, write_iso_2011
from matcher.templates import MAX_MINUTIAE, MAX_SIDE_PIXELS
from matcher.vocabulary import (
    MINUTIA,
    SUBPIXELS,
    TEMPLATE_DPI,
    FingerPosition,
    FingerTemplate,
    Impression,
    MinutiaKind,
)

__all__ = [
    "FOREIGN_MODEL",
    "read_records",
    "write_incits_378",
    "write_iso_2005",
    "write_iso_2011",
]

AS_STANDARD = "write the record as the standard says"
"""Remedy for records whose numbers contradict each other."""

LENGTH_OFFSET = 8
"""Place of the length of a record, after format identifier and version."""

NOMINAL_DPI = (250.0, 500.0, 1000.0)
ROUNDING_DPI = CM_PER_INCH / 2
"""Resolutions of scanners, and how far whole pixels per centimetre may put them off: without this
a record of 500 dpi, which must say 197 per centimetre, would be read as one of 500.38."""

REPRESENTATION_BYTES_MIN = 34
"""Shortest representation of ISO/IEC 19794-2:2011: no quality, certificate, minutia, extension."""


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """One finger view as recorded. raw: array of FULL or SHORT. per_cm: pixels per centimetre.

    size: width and height in the record's own pixels. quality: as coded, None where not reported.
    """

    position: int
    impression: int
    quality: int | None
    size: tuple[int, int]
    per_cm: tuple[int, int]
    raw: NDArray[np.void]


@dataclass(slots=True)
class _Cursor:
    """A place in untrusted bytes that cannot run past their end."""

    source: Bytes
    at: int

    def unpack(self, layout: str) -> tuple[int, ...]:
        numbers = self.source.unpack(layout, self.at)
        self.at += struct.calcsize(layout)
        return numbers

    def take(self, length: int) -> bytes:
        taken = self.source.take(self.at, length)
        self.at += length
        return taken

    def finish(self) -> None:
        if self.at != len(self.source.data):
            raise self.source.refusal("has bytes after its last field", AS_STANDARD)


def read_records(data: bytes) -> tuple[FingerTemplate, ...]:
    """Read the finger views of one minutiae record, in their order, as templates.

    Coordinates become 1/16 pixel at 500 dpi and angles 1/65536 turn; both are exact where the
    record is of 500 dpi. The model id is FOREIGN_MODEL. A quality that is not reported is read as
    QUALITY_UNREPORTED. Raises FormatRefused.
    """
    limits.check_bytes(data, RECORD_BYTES, "minutiae record")
    layout, views_at = _detect(Bytes(data, "minutiae record"))
    try:
        return tuple(
            _template(view, layout, f"view {number}")
            for number, view in enumerate(_read_views(data, layout, views_at), 1)
        )
    except FormatRefused as refusal:
        raise refusal.within(layout.name) from refusal


def _detect(source: Bytes) -> tuple[Layout, int]:
    """The format of a record and where its length ends.

    Version 20 is told apart by where the length stands: no number can be right in two places.
    """
    magic = source.take(0, len(MAGIC_20))
    if magic not in {MAGIC_20, MAGIC_30, MAGIC_35}:
        raise source.refusal("is of no known format or version", "send ISO/IEC 19794-2:2005")
    length = len(source.data)
    (long,) = source.unpack(">I", LENGTH_OFFSET)
    if long == length and magic != MAGIC_20:
        chained = magic == MAGIC_30 and _is_chained(source)
        return ISO_2011 if chained else INCITS_2009, LENGTH_OFFSET + 4
    if long == length:
        return ISO_2005, LENGTH_OFFSET + 4
    if magic == MAGIC_20 and source.unpack(">H", LENGTH_OFFSET) == (length,):
        return INCITS_2004, LENGTH_OFFSET + 2
    if magic == MAGIC_20 and source.unpack(">HI", LENGTH_OFFSET) == (0, length):
        return INCITS_2004, LENGTH_OFFSET + 6
    raise source.refusal(f"has {length} bytes but states another length", "send it whole")


def _is_chained(source: Bytes) -> bool:
    """Whether a record of version 30 is a chain of representations, as ISO's is and INCITS' not."""
    (count,) = source.unpack(">H", LENGTH_OFFSET + 4)
    at = LENGTH_OFFSET + 4 + struct.calcsize(">HB")
    for _ in range(count):
        if at + REPRESENTATION_BYTES_MIN > len(source.data):
            return False
        (length,) = source.unpack(">I", at)
        if length < REPRESENTATION_BYTES_MIN:
            return False
        at += length
    return at == len(source.data)


def _read_views(data: bytes, layout: Layout, at: int) -> Iterator[_View]:
    cursor = _Cursor(Bytes(data, "record"), at)
    if layout is ISO_2011:
        yield from _read_iso_2011(cursor)
    elif layout is INCITS_2009:
        yield from _read_incits_2009(cursor)
    else:
        if layout is INCITS_2004:
            cursor.unpack(">HH")  # the maker of the extractor
        yield from _read_version_20(cursor)
    cursor.finish()


def _read_version_20(cursor: _Cursor) -> Iterator[_View]:
    """Views of ISO/IEC 19794-2:2005 and INCITS 378-2004, which share one image size."""
    _, width, height, per_cm_x, per_cm_y, count, _ = cursor.unpack(">HHHHHBB")
    _check_count(count)
    for _ in range(count):
        position, number_and_impression, quality, minutiae = cursor.unpack(">BBBB")
        yield _View(
            position=position,
            impression=number_and_impression & 0x0F,
            quality=quality,
            size=(width, height),
            per_cm=(per_cm_x, per_cm_y),
            raw=np.frombuffer(cursor.take(minutiae * FULL.itemsize), FULL),
        )
        _skip_extended(cursor)


def _read_incits_2009(cursor: _Cursor) -> Iterator[_View]:
    *_, count, _ = cursor.unpack(">HHBHBB")
    _check_count(count)
    for _ in range(count):
        position, _, impression, quality, _ = cursor.unpack(">BBBBI")
        width, height, per_cm_x, per_cm_y, minutiae = cursor.unpack(">HHHHB")
        yield _View(
            position=position,
            impression=impression,
            quality=None if quality in INCITS_2009.unreported else quality,
            size=(width, height),
            per_cm=(per_cm_x, per_cm_y),
            raw=np.frombuffer(cursor.take(minutiae * FULL.itemsize), FULL),
        )
        _skip_extended(cursor)


def _read_iso_2011(cursor: _Cursor) -> Iterator[_View]:
    count, certified = cursor.unpack(">HB")
    _check_count(count)
    if certified > 1:
        raise cursor.source.refusal("has an unknown certification flag", AS_STANDARD)
    for number in range(1, count + 1):
        (length,) = cursor.unpack(">I")
        body = Bytes(cursor.take(length - 4), f"representation {number}")
        inner = _Cursor(body, 0)
        yield _read_representation(inner, certified=bool(certified))
        _skip_extended(inner)
        inner.finish()


def _read_representation(cursor: _Cursor, *, certified: bool) -> _View:
    """One representation up to its extended data; its quality is the first that is reported."""
    cursor.take(9)  # the time of capture
    *_, blocks = cursor.unpack(">BHHB")
    qualities = [cursor.unpack(">BHH")[0] for _ in range(blocks)]
    if certified:
        cursor.take(3 * cursor.unpack(">B")[0])
    position, _, per_cm_x, per_cm_y, impression = cursor.unpack(">BBHHB")
    width, height, lengths, minutiae = cursor.unpack(">HHBB")
    kinds = {FULL.itemsize: FULL, SHORT.itemsize: SHORT}
    if lengths >> 4 not in kinds:
        raise cursor.source.refusal("has minutiae neither of 5 nor of 6 bytes", AS_STANDARD)
    record = kinds[lengths >> 4]
    return _View(
        position=position,
        impression=impression,
        quality=next((value for value in qualities if value not in ISO_2011.unreported), None),
        size=(width, height),
        per_cm=(per_cm_x, per_cm_y),
        raw=np.frombuffer(cursor.take(minutiae * record.itemsize), record),
    )


def _check_count(count: int) -> None:
    if count == 0:
        raise FormatRefused(Rule.FORMAT, "number of views", "is 0", "send at least one view")
    if count > VIEWS_MAX:
        reason = f"is {count}, {VIEWS_MAX} are allowed"
        raise FormatRefused(Rule.TOO_MANY_RECORDS, "number of views", reason, "split the record")


def _skip_extended(cursor: _Cursor) -> None:
    """Pass over the areas of extended data, each of which counts its own four bytes of head."""
    (length,) = cursor.unpack(">H")
    areas = _Cursor(Bytes(cursor.take(length), "extended data"), 0)
    while areas.at < length:
        _, size = areas.unpack(">HH")
        areas.take(size - 4)


def _template(view: _View, layout: Layout, place: str) -> FingerTemplate:
    try:
        position, impression = _name_finger(view)
        scales = _scales(view)
        width, height = _sides(view, scales)
        return FingerTemplate(
            minutiae=_minutiae(view, layout, scales),
            width=width,
            height=height,
            quality=_finger_quality(view.quality),
            model=FOREIGN_MODEL,
            position=position,
            impression=impression,
        )
    except FormatRefused as refusal:
        raise refusal.within(place) from refusal


def _name_finger(view: _View) -> tuple[FingerPosition, Impression]:
    if view.position > FingerPosition.LEFT_LITTLE:
        reason = f"is {view.position}, which is not one finger"
        raise FormatRefused(Rule.POSITION, "position", reason, "use the codes 0 to 10")
    if view.impression not in codes.IMPRESSIONS:
        reason = f"is {view.impression}, which is neither plain nor rolled"
        raise FormatRefused(Rule.FORMAT, "impression type", reason, "use the codes 0 to 3")
    return FingerPosition(view.position), codes.IMPRESSIONS[view.impression]


def _scales(view: _View) -> tuple[float, float]:
    """Template pixels per pixel of the record, across and down."""
    across, down = (_dpi(per_cm) for per_cm in view.per_cm)
    limits.settle_resolution((across, down), None, "resolution")
    return TEMPLATE_DPI / across, TEMPLATE_DPI / down


def _dpi(per_cm: int) -> float:
    dpi = per_cm * CM_PER_INCH
    return next((nominal for nominal in NOMINAL_DPI if abs(nominal - dpi) <= ROUNDING_DPI), dpi)


def _sides(view: _View, scales: tuple[float, float]) -> tuple[int, int]:
    width, height = (
        max(1, round(side * scale)) for side, scale in zip(view.size, scales, strict=True)
    )
    if min(view.size) == 0:
        reason = "has a side of 0 pixels"
        raise FormatRefused(Rule.TOO_SMALL, "image size", reason, "state the size of the image")
    if max(width, height) > MAX_SIDE_PIXELS:
        reason = f"has a side of more than {MAX_SIDE_PIXELS} pixels at {TEMPLATE_DPI} dpi"
        raise FormatRefused(Rule.TOO_LARGE, "image size", reason, "crop to one finger")
    return width, height


def _finger_quality(quality: int | None) -> int:
    if quality is None:
        return QUALITY_UNREPORTED
    if quality > QUALITY_MAX:
        reason = f"is {quality}, 0 to {QUALITY_MAX} are possible"
        raise FormatRefused(Rule.FORMAT, "finger quality", reason, AS_STANDARD)
    return quality


def _minutiae(view: _View, layout: Layout, scales: tuple[float, float]) -> NDArray[np.void]:
    """The minutiae of a view in template units, at most MAX_MINUTIAE of them."""
    raw = view.raw
    kind, x = raw["x"] >> COORDINATE_BITS, raw["x"] & COORDINATE_MAX
    _check_minutiae(kind > max(MinutiaKind), "has a reserved type")
    _check_minutiae((x >= view.size[0]) | (raw["y"] >= view.size[1]), "lies outside its image")
    _check_minutiae(raw["angle"] >= layout.turn, f"has an angle of {layout.turn} or more units")
    minutiae = np.zeros(len(raw), MINUTIA)
    minutiae["x"], minutiae["y"] = _rescale(x, scales[0]), _rescale(raw["y"], scales[1])
    minutiae["angle"] = np.rint(raw["angle"] * (FULL_TURN / layout.turn))
    minutiae["kind"] = kind
    minutiae["quality"] = _minutia_qualities(raw, layout)
    best = np.argsort(-minutiae["quality"].astype(int), kind="stable")[:MAX_MINUTIAE]
    return minutiae[np.sort(best)]


def _rescale(pixels: NDArray[np.generic], scale: float) -> NDArray[np.float64]:
    """Coordinates of pixel centres in 1/16 template pixel, as an image is resampled."""
    centres = (pixels.astype(np.float64) + 0.5) * scale - 0.5
    return np.maximum(np.rint(centres * SUBPIXELS), 0)


def _minutia_qualities(raw: NDArray[np.void], layout: Layout) -> NDArray[np.generic]:
    if raw.dtype == SHORT:
        return np.full(len(raw), QUALITY_UNREPORTED, np.uint8)
    unreported = np.isin(raw["quality"], layout.unreported)
    _check_minutiae((raw["quality"] > QUALITY_MAX) & ~unreported, "has an impossible quality")
    return np.where(unreported, QUALITY_UNREPORTED, raw["quality"])


def _check_minutiae(broken: NDArray[np.bool_], reason: str) -> None:
    if broken.any():
        number = int(np.argmax(broken)) + 1
        raise FormatRefused(Rule.FORMAT, f"minutia {number}", reason, AS_STANDARD)
