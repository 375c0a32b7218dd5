"""Templates -> finger minutiae records that other systems read.

Written are ISO/IEC 19794-2:2005, ISO/IEC 19794-2:2011 and INCITS 378-2004 as their standards say,
without extended data. INCITS 378-2009 is not: the public readers of it disagree on the length of
its header.

A record is coarser than a template: positions are rounded to the pixel (at most half a pixel off;
one beyond the centre of the last pixel is moved there) and angles to the unit of the format (at
most half of 360/256 or of 2 degrees off). The model id and the sharper units are lost, so that a
template that comes back is a foreign one. Endings lie where the ridge wave gains its period,
between the end of the thinned ridge and the fork of the valley, within half a period of both.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from interfaces.formats.errors import FormatRefused, Rule
from interfaces.formats.isolayout import (
    COORDINATE_BITS,
    COORDINATE_MAX,
    FULL,
    FULL_TURN,
    IMPRESSION_CODES,
    INCITS_2004,
    ISO_2005,
    ISO_2011,
    MAGIC_20,
    MAGIC_30,
    MINUTIAE_MAX,
    PER_CM_500_DPI,
    QUALITY_MAX,
    VIEWS_MAX,
    VIEWS_PER_POSITION_MAX,
    Layout,
)
from matcher.vocabulary import MINUTIA, SUBPIXELS, FingerPosition, FingerTemplate, MinutiaKind

VENDOR_UNKNOWN = 0x0103
"""Maker of the extractor in the register of CBEFF organisations: none of them. 0 is forbidden."""

SHORT_LENGTH_MAX = 0xFFFF
"""Longest INCITS 378-2004 record whose length takes two bytes; beyond, two zeros and four."""

NO_TIME = b"\xff" * 9
"""A time of capture that is not stated."""

AT_VALLEY_FORK = 0
"""Ridge endings are declared to lie at the fork of the valley, the rule of the standard."""


def write_iso_2005(templates: Sequence[FingerTemplate]) -> bytes:
    """Write templates as one ISO/IEC 19794-2:2005 record, at 197 pixels per centimetre.

    The record has one image size, the largest width and height of all. A quality of 0 would read
    as not reported and is written as 1. Raises FormatRefused for what the record cannot hold.
    """
    body = _write_version_20(templates, ISO_2005)
    return MAGIC_20 + struct.pack(">I", len(MAGIC_20) + 4 + len(body)) + body


def write_incits_378(templates: Sequence[FingerTemplate]) -> bytes:
    """Write templates as one INCITS 378-2004 record; else as write_iso_2005."""
    body = struct.pack(">HH", VENDOR_UNKNOWN, 0) + _write_version_20(templates, INCITS_2004)
    length = len(MAGIC_20) + 2 + len(body)
    if length <= SHORT_LENGTH_MAX:
        return MAGIC_20 + struct.pack(">H", length) + body
    return MAGIC_20 + struct.pack(">HI", 0, length + 4) + body


def write_iso_2011(templates: Sequence[FingerTemplate]) -> bytes:
    """Write templates as one ISO/IEC 19794-2:2011 record, at 197 pixels per centimetre.

    Each view has its own image size, one quality of an unnamed algorithm, no time and no device.
    Raises FormatRefused for what the record cannot hold, a template without minutiae among it.
    """
    views = [_write_representation(template, number) for template, number in _numbered(templates)]
    head = struct.pack(">HB", len(views), 0)
    length = len(MAGIC_30) + 4 + len(head) + sum(map(len, views))
    return MAGIC_30 + struct.pack(">I", length) + head + b"".join(views)


def _write_version_20(templates: Sequence[FingerTemplate], layout: Layout) -> bytes:
    views = [
        struct.pack(
            ">BBBB",
            template.position,
            number << 4 | IMPRESSION_CODES[template.impression],
            template.quality,
            len(template.minutiae),
        )
        + _pack_minutiae(template, layout)
        + struct.pack(">H", 0)
        for template, number in _numbered(templates)
    ]
    width = max(template.width for template in templates)
    height = max(template.height for template in templates)
    per_cm = PER_CM_500_DPI, PER_CM_500_DPI
    return struct.pack(">HHHHHBB", 0, width, height, *per_cm, len(views), 0) + b"".join(views)


def _write_representation(template: FingerTemplate, number: int) -> bytes:
    if not len(template.minutiae):
        raise _refuse(template, "has no minutiae", "leave the finger out")
    impression = IMPRESSION_CODES[template.impression]
    lengths = FULL.itemsize << 4 | AT_VALLEY_FORK
    body = b"".join(
        (
            NO_TIME,
            struct.pack(">BHHB", 0, 0, 0, 1),
            struct.pack(">BHH", template.quality, 0, 0),
            struct.pack(">BBHH", template.position, number, PER_CM_500_DPI, PER_CM_500_DPI),
            struct.pack(">BHH", impression, template.width, template.height),
            struct.pack(">BB", lengths, len(template.minutiae)),
            _pack_minutiae(template, ISO_2011),
            struct.pack(">H", 0),
        )
    )
    return struct.pack(">I", 4 + len(body)) + body


def _numbered(templates: Sequence[FingerTemplate]) -> Iterator[tuple[FingerTemplate, int]]:
    """Each template with its view number, which counts from 0 for each position."""
    if not 1 <= len(templates) <= VIEWS_MAX:
        reason = f"has {len(templates)} views, 1 to {VIEWS_MAX} are possible"
        raise FormatRefused(Rule.TOO_MANY_RECORDS, "record", reason, "split it")
    seen = dict.fromkeys(FingerPosition, 0)
    for template in templates:
        _check(template)
        number = seen[template.position]
        if number >= VIEWS_PER_POSITION_MAX:
            reason = f"has more than {VIEWS_PER_POSITION_MAX} views"
            raise _refuse(template, reason, "leave the worst out", Rule.TOO_MANY_RECORDS)
        seen[template.position] = number + 1
        yield template, number


def _check(template: FingerTemplate) -> None:
    """Refuse a template whose values do not fit the fields of a record."""
    if template.position > FingerPosition.LEFT_LITTLE:
        raise _refuse(template, "is not one finger", "split the slap", Rule.POSITION)
    if template.minutiae.dtype != MINUTIA or len(template.minutiae) > MINUTIAE_MAX:
        reason = f"has not a list of at most {MINUTIAE_MAX} minutiae"
        raise _refuse(template, reason, "keep the best", Rule.TOO_LARGE)
    if not (1 <= template.width <= COORDINATE_MAX and 1 <= template.height <= COORDINATE_MAX):
        reason = f"has a side that is not 1 to {COORDINATE_MAX} pixels"
        raise _refuse(template, reason, "state the size of the image", Rule.TOO_LARGE)
    if not 0 <= template.quality <= QUALITY_MAX:
        raise _refuse(template, "has an impossible quality", f"state 0 to {QUALITY_MAX}")
    _check_minutiae(template)


def _check_minutiae(template: FingerTemplate) -> None:
    minutiae = template.minutiae
    if (
        (minutiae["x"] > template.width * SUBPIXELS).any()
        or (minutiae["y"] > template.height * SUBPIXELS).any()
        or (minutiae["kind"] > max(MinutiaKind)).any()
        or (minutiae["quality"] > QUALITY_MAX).any()
    ):
        reason = "has a minutia outside its image or of unknown kind or quality"
        raise _refuse(template, reason, "extract it again")


def _refuse(
    template: FingerTemplate, reason: str, remedy: str, rule: Rule = Rule.FORMAT
) -> FormatRefused:
    return FormatRefused(rule, f"finger {int(template.position)}", reason, remedy)


def _pack_minutiae(template: FingerTemplate, layout: Layout) -> bytes:
    minutiae = template.minutiae
    packed = np.zeros(len(minutiae), FULL)
    packed["x"] = _to_pixels(minutiae["x"], template.width)
    packed["x"] |= minutiae["kind"].astype(np.uint16) << COORDINATE_BITS
    packed["y"] = _to_pixels(minutiae["y"], template.height)
    packed["angle"] = np.rint(minutiae["angle"] * (layout.turn / FULL_TURN)) % layout.turn
    packed["quality"] = np.maximum(minutiae["quality"], 1 if 0 in layout.unreported else 0)
    return packed.tobytes()


def _to_pixels(units: NDArray[np.generic], side: int) -> NDArray[np.uint16]:
    pixels = np.rint(units.astype(np.float64) / SUBPIXELS)
    return np.minimum(pixels, side - 1).astype(np.uint16)
