"""Limits that untrusted bytes must pass before any decoder sees them."""

from __future__ import annotations

from interfaces.formats.errors import FormatRefused, Rule

TRANSACTION_BYTES = 32 * 2**20
"""Bytes of one transaction: fourteen uncompressed images of a 500 ppi card are 13 MiB."""

IMAGE_BYTES = 16 * 2**20
"""Bytes of one image: an uncompressed 1000 ppi slap of 3.2 x 3 inch is 9.2 MiB."""

FINGER_PIXELS = 12_000_000
"""Pixels of a finger or slap image: the same slap at 1000 ppi has 9.6 million."""

FACE_PIXELS = 32_000_000
"""Pixels of a photograph: a 24-megapixel camera passes, a decompression bomb does not."""

TRANSACTION_PIXELS = 100_000_000
"""Pixels of all images of a transaction together: a card at 1000 ppi has 62 million, and a
photograph beside it 32."""

SIDE_MAX_PX = 8_192
"""Longest side in pixels: eight inches at 1000 ppi, and every usual camera."""

SIDE_MIN_PX = 64
"""Shortest side in pixels: 3 mm at 500 dpi, less than any fingertip."""

DPI_MIN = 250.0
"""Pixels per inch below which ridges of children (0.3 mm apart) fall under four pixels."""

DPI_MAX = 1000.0
"""Pixels per inch of the finest livescan class in ANSI/NIST-ITL."""

DPI_TOLERANCE = 0.02
"""Relative difference at which two statements of one resolution contradict each other; the
rounding of 500 ppi to whole pixels per centimetre (197) is 0.08 %."""

SCREEN_DPI = (72.0, 96.0)
"""Densities that image software writes when it knows none. No fingerprint scanner has them, so
they count as no statement."""

RECORDS_MAX = 128
"""Records of a transaction: 14 prints, each with minutiae, palm and latent records beside it."""

RECORD_FIELDS_MAX = 512
"""Fields of a record; field numbers end at 999 and the fullest reference record uses 60."""

RECORD_TEXT_BYTES = 2**19
"""Bytes of a record before its image: 1,500 minutiae with ridge counts fit."""

TEXT_CHARS_MAX = 200
"""Characters of a text taken from Type-1; the longest of the standard, TCN, has 40."""

DECODE_SECONDS = 20.0
"""Wall-clock seconds after which a decoder is stopped: 40 times the slowest honest image."""

DECODER_MEMORY_BYTES = 2**30
"""Address space of a decoder process: code and libraries 150 MB, the largest image 4 x 128 MB."""

DECODERS_MAX = 4
"""Decoder processes at most; each handles one image at a time."""


def check_bytes(data: bytes, limit_bytes: int, field: str) -> None:
    """Refuse empty data and data above the limit."""
    if not data:
        raise FormatRefused(Rule.FORMAT, field, "is empty", "send the capture")
    if len(data) > limit_bytes:
        reason = f"has {len(data)} bytes, {limit_bytes} are allowed"
        raise FormatRefused(Rule.TOO_LARGE, field, reason, "compress or crop the capture")


def check_sides(width: int, height: int, *, pixels_max: int, field: str) -> None:
    """Refuse declared sides that are too short, too long or too many pixels together."""
    size = f"declares {width} x {height} pixels"
    if min(width, height) < SIDE_MIN_PX:
        reason = f"{size}, a side has at least {SIDE_MIN_PX}"
        raise FormatRefused(Rule.TOO_SMALL, field, reason, "capture the whole fingertip or face")
    if max(width, height) > SIDE_MAX_PX:
        reason = f"{size}, a side has at most {SIDE_MAX_PX}"
        raise FormatRefused(Rule.TOO_LARGE, field, reason, "crop or reduce the image")
    if width * height > pixels_max:
        reason = f"{size}, at most {pixels_max} are allowed"
        raise FormatRefused(Rule.TOO_LARGE, field, reason, "crop or reduce the image")


def settle_resolution(
    contained: tuple[float, float] | None, stated: float | None, field: str
) -> float:
    """The one resolution of an image in dpi, from what the container and the sender say.

    contained: horizontal and vertical pixels per inch written in the container, or None.
    stated: what accompanies the image (the caller, or the fields of its record), or None.

    >>> settle_resolution(None, 500.0, "image"), settle_resolution((96.0, 96.0), 500.0, "image")
    (500.0, 500.0)
    """
    found = None if contained is None else _squared(contained, field)
    if found is not None and any(_agree(found, screen) for screen in SCREEN_DPI):
        found = None
    for dpi in (found, stated):
        _check_dpi(dpi, field)
    if found is not None and stated is not None and not _agree(found, stated):
        reason = f"says {found:.1f} dpi but {stated:.1f} dpi is stated with it"
        raise FormatRefused(Rule.RESOLUTION, field, reason, "correct whichever is wrong")
    settled = stated if found is None else found
    if settled is None:
        remedy = "state the dpi of the scanner"
        raise FormatRefused(Rule.RESOLUTION, field, "states no resolution", remedy)
    return float(settled)


def _check_dpi(dpi: float | None, field: str) -> None:
    if dpi is not None and not DPI_MIN <= dpi <= DPI_MAX:
        reason = f"is {dpi:.1f} dpi, {DPI_MIN:.0f} to {DPI_MAX:.0f} are accepted"
        raise FormatRefused(Rule.RESOLUTION, field, reason, "scan at 500 or 1000 dpi")


def _squared(contained: tuple[float, float], field: str) -> float:
    across, down = contained
    if not _agree(across, down):
        reason = f"has {across:.1f} dpi across and {down:.1f} dpi down"
        raise FormatRefused(Rule.RESOLUTION, field, reason, "send square pixels")
    return across


def _agree(one: float, other: float) -> bool:
    return abs(one - other) <= DPI_TOLERANCE * max(one, other)
