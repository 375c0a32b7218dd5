"""What an image container says about itself, and the careful look into its bytes.

The parsers of raster.py and wavelet.py walk a container without decompressing anything
and return a Header. A header that is cut short, lies about lengths or asks for features
outside the profile is refused there, before any decoder runs.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum

from interfaces.formats.errors import FormatRefused, Rule

CM_PER_INCH = 2.54
"""Centimetres of one inch."""

METRES_PER_INCH = 0.0254
"""Metres of one inch."""

AS_WRITTEN = "send the file as the scanner wrote it"
"""Remedy for damaged files."""

DpiPair = tuple[float, float]
"""Horizontal and vertical pixels per inch."""


class Container(StrEnum):
    """Image containers of the profile; the value is the decoder's name for it."""

    PNG = "PNG"
    JPEG = "JPEG"
    JPEG2000 = "JPEG2000"
    BMP = "BMP"
    TIFF = "TIFF"
    WSQ = "WSQ"


@dataclass(frozen=True, slots=True)
class Header:
    """Declared facts. width, height: pixels. dpi: across and down, None when not stated."""

    container: Container
    width: int
    height: int
    dpi: DpiPair | None


@dataclass(frozen=True, slots=True)
class Bytes:
    """Bounds-checked look into untrusted bytes; every read past the end is a refusal."""

    data: bytes
    field: str

    def unpack(self, layout: str, offset: int) -> tuple[int, ...]:
        """Numbers at offset by a struct layout."""
        if offset < 0 or offset + struct.calcsize(layout) > len(self.data):
            raise self.refusal("is cut short")
        return struct.unpack_from(layout, self.data, offset)

    def take(self, offset: int, length: int) -> bytes:
        """Exactly length bytes from offset."""
        if offset < 0 or length < 0 or offset + length > len(self.data):
            raise self.refusal("is cut short, or a length in it lies")
        return self.data[offset : offset + length]

    def refusal(self, reason: str, remedy: str = AS_WRITTEN) -> FormatRefused:
        """A refusal under the format rule that names this container."""
        return FormatRefused(Rule.FORMAT, self.field, reason, remedy)
