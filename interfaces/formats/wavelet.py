"""Headers of JPEG 2000 and WSQ.

Sources: ITU-T T.800 annexes A and I (JPEG 2000), IAFIS-IC-0110 (WSQ), and the comment
block that the NIST software writes into WSQ files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from interfaces.formats.headers import METRES_PER_INCH, Bytes, Container, DpiPair, Header
from interfaces.formats.raster import EIGHT_BIT

JP2_BOXES_MAX = 64
"""Boxes on one level of a JP2 file; the profile's writers use six."""

J2K_TILES_MAX = 1_024
"""Tiles of a codestream; each costs the decoder memory before a pixel exists."""

J2K_START = b"\xff\x4f\xff\x51"
J2K_END = b"\xff\xd9"

WSQ_SEGMENTS_MAX = 64
"""Segments of a WSQ file: tables, one frame, three blocks and a few comments."""

NISTCOM_UNKNOWN = 255
"""What the NIST software writes for unknown where -1 did not fit: the comments of its own
reference transactions say 255 beside fields that say 500."""

WSQ_TAPS_MAX = 32
"""Taps of a WSQ wavelet filter (IAFIS-IC-0110 allows no longer ones)."""

WSQ_SUBBANDS = 64
"""Subbands of the WSQ decomposition."""

WSQ_TABLES_MAX = 8
"""Identifiers of WSQ Huffman tables are 0 to 7."""

WSQ_CODE_BITS = 16
"""Longest WSQ Huffman code."""

SOI, EOI, SOF, SOB, DTT, DQT, DHT, DRI, COM = 0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8


def inspect_jp2(source: Bytes) -> Header:
    """Walk the boxes of a JP2 file and compare them with the codestream inside."""
    size, dpi, stream = None, None, None
    for name, body in _boxes(source):
        if name == b"jp2h":
            size, dpi = _jp2_header(body)
        elif name == b"jp2c":
            stream = inspect_codestream(body)
    if size is None or stream is None:
        raise source.refusal("lacks its header or its codestream")
    if size != (stream.width, stream.height):
        raise source.refusal("declares another size than its codestream")
    return Header(Container.JPEG2000, *size, dpi)


def _boxes(source: Bytes) -> Iterator[tuple[bytes, Bytes]]:
    """Name and content of each box; a length of 0 reaches to the end, 1 means 64 bits."""
    offset = 0
    for _ in range(JP2_BOXES_MAX):
        if offset == len(source.data):
            return
        (length,), head = source.unpack(">I", offset), 8
        name = source.take(offset + 4, 4)
        if length == 1:
            (length,), head = source.unpack(">Q", offset + 8), 16
        elif length == 0:
            length = len(source.data) - offset
        field = f"JPEG2000 {name.decode('latin-1')!r}"
        yield name, Bytes(source.take(offset + head, length - head), field)
        offset += length
    raise source.refusal(f"has more than {JP2_BOXES_MAX} boxes")


def _jp2_header(source: Bytes) -> tuple[tuple[int, int], DpiPair | None]:
    size, found = None, dict[bytes, DpiPair]()
    for name, body in _boxes(source):
        if name == b"ihdr":
            height, width, _channels, depth = body.unpack(">IIHB", 0)
            size = (width, height)
            if depth != 7:
                raise body.refusal("has other than 8 bits per channel", EIGHT_BIT)
        elif name == b"res ":
            found.update((kind, _jp2_dpi(inner)) for kind, inner in _boxes(body))
    if size is None:
        raise source.refusal("lacks its size")
    # The resolution of capture goes before the one wished for on a display.
    return size, found.get(b"resc", found.get(b"resd"))


def _jp2_dpi(body: Bytes) -> DpiPair:
    above_y, below_y, above_x, below_x, power_y, power_x = body.unpack(">HHHHbb", 0)
    if not below_y or not below_x:
        raise body.refusal("divides by zero")
    across = above_x / below_x * 10.0**power_x
    down = above_y / below_y * 10.0**power_y
    return across * METRES_PER_INCH, down * METRES_PER_INCH


def inspect_codestream(source: Bytes) -> Header:
    """Read the SIZ segment of a JPEG 2000 codestream, which must be the first."""
    if not source.data.startswith(J2K_START) or not source.data.endswith(J2K_END):
        raise source.refusal("is cut short or has data behind its end")
    x1, y1, x0, y0, tile_x, tile_y, tile_x0, tile_y0, channels = source.unpack(">8IH", 8)
    if not (x0 < x1 and y0 < y1 and tile_x and tile_y and tile_x0 <= x0 and tile_y0 <= y0):
        raise source.refusal("has an impossible grid")
    tiles = -(-(x1 - tile_x0) // tile_x) * -(-(y1 - tile_y0) // tile_y)
    if tiles > J2K_TILES_MAX:
        raise source.refusal(f"has {tiles} tiles, {J2K_TILES_MAX} are allowed", "send one tile")
    if channels not in (1, 3):
        raise source.refusal(f"has {channels} channels", "send grey or RGB")
    for channel in range(channels):
        depth, step_x, step_y = source.unpack("BBB", 42 + 3 * channel)
        if (depth, step_x, step_y) != (7, 1, 1):
            raise source.refusal("has reduced channels or other than 8 bits", EIGHT_BIT)
    return Header(Container.JPEG2000, x1 - x0, y1 - y0, None)


def inspect_wsq(source: Bytes) -> Header:
    """Walk the segments of a WSQ file to its end and check every table on the way."""
    offset, size, comment = 2, None, dict[str, int]()
    for _ in range(WSQ_SEGMENTS_MAX):
        prefix, marker = source.unpack("BB", offset)
        if prefix != 0xFF:
            raise source.refusal("has no marker where one must stand")
        if marker == EOI:
            break
        (length,) = source.unpack(">H", offset + 2)
        body = Bytes(source.take(offset + 4, length - 2), f"WSQ segment {marker:02X}")
        offset += 2 + length
        if marker == SOF:
            size = _wsq_size(body)
        elif marker == SOB:
            offset = _wsq_block_end(source, offset)
        elif marker == COM:
            comment |= _read_comment(body)
        else:
            _check_wsq_table(body, marker)
    else:
        raise source.refusal(f"has more than {WSQ_SEGMENTS_MAX} segments")
    if offset + 2 != len(source.data):
        raise source.refusal("has data behind its end")
    if size is None:
        raise source.refusal("lacks its frame header")
    if (comment.get("PIX_WIDTH", size[0]), comment.get("PIX_HEIGHT", size[1])) != size:
        raise source.refusal("has another size in its comment")
    ppi = comment.get("PPI", NISTCOM_UNKNOWN)
    dpi = None if ppi == NISTCOM_UNKNOWN else (float(ppi), float(ppi))
    return Header(Container.WSQ, *size, dpi)


def _wsq_size(body: Bytes) -> tuple[int, int]:
    if len(body.data) != 15:
        raise body.refusal("has a wrong length")
    height, width = body.unpack(">HH", 2)
    return width, height


def _wsq_block_end(source: Bytes, offset: int) -> int:
    """Offset of the marker after entropy-coded data, in which FF is followed by 00."""
    marker = re.compile(rb"\xff[^\x00]", re.DOTALL).search(source.data, offset)
    if marker is None:
        raise source.refusal("is cut short")
    return marker.start()


def _read_comment(body: Bytes) -> dict[str, int]:
    """Numbers in the comment of the NIST software; -1, its unknown, is left out."""
    if not body.data.startswith(b"NIST_COM"):
        return {}
    lines = re.finditer(rb"^(PPI|PIX_WIDTH|PIX_HEIGHT) ([0-9]{1,5})\s*$", body.data, re.MULTILINE)
    return {line[1].decode("ascii"): int(line[2]) for line in lines}


def _check_wsq_table(body: Bytes, marker: int) -> None:
    """Refuse tables whose size differs from what their own numbers imply."""
    if marker == DTT:
        low, high = body.unpack("BB", 0)
        coefficients = (low + 1) // 2 + (high + 1) // 2
        fits = 0 < low <= WSQ_TAPS_MAX and 0 < high <= WSQ_TAPS_MAX
        fits = fits and len(body.data) == 2 + 6 * coefficients
    elif marker == DQT:
        fits = len(body.data) == 3 + 6 * WSQ_SUBBANDS
    elif marker == DHT:
        fits = _huffman_fits(body)
    elif marker == DRI:
        fits = len(body.data) == 2
    else:
        raise body.refusal("is unknown")
    if not fits:
        raise body.refusal("does not fit its own numbers")


def _huffman_fits(body: Bytes) -> bool:
    """Whether each table of the segment is a prefix code with all of its values present."""
    offset = 0
    while offset < len(body.data):
        table, *counts = body.unpack("17B", offset)
        room = sum(count / 2.0**bits for bits, count in enumerate(counts, start=1))
        if table >= WSQ_TABLES_MAX or room > 1.0 or not 0 < sum(counts) <= 256:
            return False
        offset += 1 + WSQ_CODE_BITS + sum(counts)
    return offset == len(body.data)


PARSERS = (
    (b"\0\0\0\x0cjP  \r\n\x87\n", Container.JPEG2000, inspect_jp2),
    (J2K_START, Container.JPEG2000, inspect_codestream),
    (b"\xff\xa0\xff", Container.WSQ, inspect_wsq),
)
"""First bytes of each container and what reads it."""
