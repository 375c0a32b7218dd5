"""Headers of PNG, JPEG, BMP and TIFF.

Sources: ISO/IEC 15948 (PNG), ITU-T T.81 and T.871 (JPEG, JFIF), the Windows bitmap
headers, TIFF 6.0.
"""

from __future__ import annotations

import struct

from interfaces.formats.headers import (
    CM_PER_INCH,
    METRES_PER_INCH,
    Bytes,
    Container,
    DpiPair,
    Header,
)

EIGHT_BIT = "send 256 grey levels (8 bits per channel)"
"""Remedy for other depths: the profile knows 256 grey levels only."""

PNG_CHUNKS_MAX = 10_000
"""Chunks of a PNG: 16 MiB in pieces of 2 kB; more only slows the walk."""

PNG_GREY, PNG_PALETTE = 0, 3
PNG_METRE = 1

JPEG_SEGMENTS_MAX = 1_000
"""Segments before the scan; an ICC profile of 16 MiB has 256."""

JPEG_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers without a length: TEM and the restart markers."""

JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Start-of-frame markers; C4, C8 and CC mean tables and extensions."""

JPEG_DECODABLE = frozenset({0xC0, 0xC1, 0xC2})
"""Baseline, extended and progressive Huffman frames; the profile leaves out lossless ones."""

BMP_HEADER_BYTES = 40
"""Smallest header with a resolution (BITMAPINFOHEADER); longer ones begin alike."""

BMP_PADDING_BYTES = 4
"""Bytes after the pixels that writers add for alignment."""

TIFF_FIELDS_MAX = 200
"""Fields of a directory; TIFF 6.0 names fewer than 80."""

TIFF_COMPRESSIONS = frozenset({1, 5, 8, 32773, 32946})
"""None, LZW, Deflate, PackBits, old Deflate: lossless and decoded without foreign codecs."""


def inspect_png(source: Bytes) -> Header:
    """Walk the chunks of a PNG to its end."""
    offset, size, dpi = 8, None, None
    for _ in range(PNG_CHUNKS_MAX):
        (length,) = source.unpack(">I", offset)
        name = source.take(offset + 4, 4)
        body = Bytes(source.take(offset + 8, length), f"PNG {name.decode('latin-1')}")
        source.take(offset + 8 + length, 4)
        offset += 12 + length
        if (size is None) != (name == b"IHDR"):
            raise source.refusal("does not begin with exactly one IHDR")
        if name == b"IHDR":
            size = _png_size(body)
        elif name == b"pHYs":
            dpi = _png_dpi(body)
        elif name == b"IEND":
            break
    else:
        raise source.refusal(f"has more than {PNG_CHUNKS_MAX} chunks")
    if offset != len(source.data):
        raise source.refusal("has data behind its end")
    assert size is not None
    return Header(Container.PNG, *size, dpi)


def _png_size(body: Bytes) -> tuple[int, int]:
    width, height, depth, colour = body.unpack(">IIBB", 0)
    if depth > 8 or (depth < 8 and colour != PNG_PALETTE):
        raise body.refusal(f"has {depth} bits per channel", EIGHT_BIT)
    return width, height


def _png_dpi(body: Bytes) -> DpiPair | None:
    across, down, unit = body.unpack(">IIB", 0)
    if unit != PNG_METRE:
        return None
    return across * METRES_PER_INCH, down * METRES_PER_INCH


def inspect_jpeg(source: Bytes) -> Header:
    """Walk the segments of a JPEG to its first scan.

    Cameras append previews after the end of the image, so what follows it is ignored.
    """
    offset, size, dpi = 2, None, None
    for _ in range(JPEG_SEGMENTS_MAX):
        marker, offset = _jpeg_marker(source, offset)
        if marker in JPEG_ALONE:
            continue
        (length,) = source.unpack(">H", offset)
        body = Bytes(source.take(offset + 2, length - 2), f"JPEG segment {marker:02X}")
        offset += length
        if marker in JPEG_FRAMES:
            if size is not None:
                raise source.refusal("has two frame headers")
            size = _jpeg_size(body, marker)
        elif marker == 0xE0 and body.data.startswith(b"JFIF\0"):
            dpi = _jpeg_dpi(body)
        elif marker == 0xDA:
            break
    else:
        raise source.refusal(f"has more than {JPEG_SEGMENTS_MAX} segments")
    if size is None or source.data.find(b"\xff\xd9", offset) < 0:
        raise source.refusal("lacks its frame header or its end")
    return Header(Container.JPEG, *size, dpi)


def _jpeg_marker(source: Bytes, offset: int) -> tuple[int, int]:
    prefix, marker = source.unpack(">BB", offset)
    while marker == 0xFF:
        offset += 1
        prefix, marker = source.unpack(">BB", offset)
    if prefix != 0xFF or marker in (0x00, 0xD8, 0xD9):
        raise source.refusal("has no marker where one must stand")
    return marker, offset + 2


def _jpeg_size(body: Bytes, marker: int) -> tuple[int, int]:
    if marker not in JPEG_DECODABLE:
        raise body.refusal("is a lossless or arithmetic frame", "send baseline JPEG")
    depth, height, width, channels = body.unpack(">BHHB", 0)
    if depth != 8:
        raise body.refusal(f"has {depth} bits per channel", EIGHT_BIT)
    if channels not in (1, 3, 4):
        raise body.refusal(f"has {channels} channels", "send grey or RGB")
    return width, height


def _jpeg_dpi(body: Bytes) -> DpiPair | None:
    unit, across, down = body.unpack(">BHH", 7)
    if unit not in (1, 2):
        return None
    scale = 1.0 if unit == 1 else CM_PER_INCH
    return across * scale, down * scale


def inspect_bmp(source: Bytes) -> Header:
    """Read the two headers of a bitmap and check that its pixels are all there."""
    start, header_bytes = source.unpack("<II", 10)
    if header_bytes < BMP_HEADER_BYTES:
        raise source.refusal("has a header without resolution", "send BMP version 3 or later")
    width, height, _planes, depth, compression = source.unpack("<iiHHI", 18)
    if depth not in (8, 24) or compression != 0:
        raise source.refusal(f"has {depth} bits or is compressed", "send 8 or 24 bits, plain")
    across, down = source.unpack("<ii", 38)
    stride = (width * depth + 31) // 32 * 4
    end = start + stride * abs(height)
    if width <= 0 or not end <= len(source.data) <= end + BMP_PADDING_BYTES:
        raise source.refusal("declares another number of pixels than it holds")
    dpi = (across * METRES_PER_INCH, down * METRES_PER_INCH) if across or down else None
    return Header(Container.BMP, width, abs(height), dpi)


def inspect_tiff(source: Bytes) -> Header:
    """Read the one directory of a grey or RGB TIFF."""
    order = "<" if source.data[:2] == b"II" else ">"
    (directory,) = source.unpack(f"{order}I", 4)
    (count,) = source.unpack(f"{order}H", directory)
    if count > TIFF_FIELDS_MAX:
        raise source.refusal(f"declares {count} fields")
    fields = {}
    for entry in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, kind, length = source.unpack(f"{order}HHI", entry)
        fields[tag] = (kind, length, entry + 8)
    (following,) = source.unpack(f"{order}I", directory + 2 + 12 * count)
    if following:
        raise source.refusal("has several pages", "send one image per file")
    return _tiff_header(_TiffFields(source, order, fields))


class _TiffFields:
    """Values of a TIFF directory by tag."""

    def __init__(self, source: Bytes, order: str, fields: dict[int, tuple[int, int, int]]) -> None:
        self.source = source
        self.order = order
        self.fields = fields

    def number(self, tag: int, default: int) -> int:
        """First value of a BYTE, SHORT or LONG field."""
        if tag not in self.fields:
            return default
        kind, count, place = self.fields[tag]
        letter = {1: "B", 3: "H", 4: "I"}.get(kind)
        if letter is None or not 1 <= count <= 4:
            raise self.source.refusal(f"has field {tag} in a strange type")
        if count * struct.calcsize(letter) > 4:
            (place,) = self.source.unpack(f"{self.order}I", place)
        return self.source.unpack(f"{self.order}{letter}", place)[0]

    def ratio(self, tag: int) -> float | None:
        """Value of a RATIONAL field."""
        if tag not in self.fields:
            return None
        kind, count, place = self.fields[tag]
        if kind != 5 or count != 1:
            raise self.source.refusal(f"has field {tag} in a strange type")
        (place,) = self.source.unpack(f"{self.order}I", place)
        above, below = self.source.unpack(f"{self.order}II", place)
        return above / below if below else None


def _tiff_header(fields: _TiffFields) -> Header:
    refusal = fields.source.refusal
    if fields.number(258, 1) != 8:
        raise refusal("has other than 8 bits per channel", EIGHT_BIT)
    if fields.number(259, 1) not in TIFF_COMPRESSIONS:
        raise refusal("is compressed in a way outside the profile", "send LZW or uncompressed")
    if (fields.number(262, 1), fields.number(277, 1)) not in {(0, 1), (1, 1), (2, 3)}:
        raise refusal("is neither grey nor RGB", "send grey")
    if fields.number(274, 1) != 1:
        raise refusal("is stored turned or mirrored", "store the rows from top to bottom")
    across, down, unit = fields.ratio(282), fields.ratio(283), fields.number(296, 2)
    dpi = None
    if across and down and unit in (2, 3):
        scale = 1.0 if unit == 2 else CM_PER_INCH
        dpi = (across * scale, down * scale)
    return Header(Container.TIFF, fields.number(256, 0), fields.number(257, 0), dpi)


PARSERS = (
    (b"\x89PNG\r\n\x1a\n", Container.PNG, inspect_png),
    (b"\xff\xd8\xff", Container.JPEG, inspect_jpeg),
    (b"BM", Container.BMP, inspect_bmp),
    (b"II*\0", Container.TIFF, inspect_tiff),
    (b"MM\0*", Container.TIFF, inspect_tiff),
)
"""First bytes of each container and what reads it."""
