"""Small captures made on the spot: ridged images, their containers, transactions."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date

import _wsq  # type: ignore[import-not-found] # a compiled module without stubs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from interfaces.formats import Capture, nist
from matcher.vocabulary import FaceSample, FingerPosition, FingerSample, Impression

Grey = NDArray[np.uint8]


def draw_ridges(height: int = 160, width: int = 128, period: float = 9.0) -> Grey:
    """Concentric dark ridges on light ground, without symmetry in either direction."""
    rows, columns = np.mgrid[:height, :width]
    radius = np.hypot(rows - 0.6 * height, 1.3 * (columns - 0.4 * width))
    image: Grey = (140 + 90 * np.cos(2 * np.pi * radius / period)).astype(np.uint8)
    return image


def encode(image: Grey, container: str, dpi: float | None = 500.0) -> bytes:
    """The image in a container by its foreign writer."""
    if container == "WSQ":
        return bytes(_wsq.compress(image.tobytes(), *image.shape[:2], 0.75))
    options: dict[str, object] = {}
    if dpi is not None and container != "JPEG2000":
        options["dpi"] = (dpi, dpi)
    if container == "JPEG2000":
        options["irreversible"] = False
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, container, **options)
    return stream.getvalue()


@pytest.fixture(scope="session")
def ridges() -> Grey:
    return draw_ridges()


@pytest.fixture(scope="session")
def encoded() -> Callable[..., bytes]:
    return encode


@pytest.fixture(scope="session")
def capture(ridges: Grey) -> Capture:
    """A rolled right index, a flat one, and a face."""
    index = FingerPosition.RIGHT_INDEX
    fingers = (
        FingerSample(ridges, 500.0, index, Impression.ROLLED),
        FingerSample(ridges[:, ::-1].copy(), 500.0, index, Impression.FLAT),
    )
    face = np.stack([ridges, ridges.T[:128].repeat(2, 0)[:160, :128], ridges // 2], axis=2)
    return Capture(fingers=fingers, faces=(FaceSample(face),))


@pytest.fixture(scope="session")
def transaction(capture: Capture) -> bytes:
    """The capture as its own writer puts it."""
    return nist.write(
        capture,
        transaction_type="ENROL",
        day=date(2026, 6, 12),
        destination_agency="CENTRE",
        originating_agency="STATION",
        control_number="T-1",
    )


def frame(kind: int, fields: dict[int, bytes], image: bytes | None = None) -> bytes:
    """A text record with a true length in field 1."""
    body = b"".join(b"\x1d%d.%03d:%s" % (kind, tag, fields[tag]) for tag in sorted(fields))
    if image is not None:
        body += b"\x1d%d.999:%s" % (kind, image)
    body += b"\x1c"
    head = b"%d.001:" % kind
    length = len(head) + len(body)
    while len(head) + len(b"%d" % length) + len(body) != length:
        length = len(head) + len(b"%d" % length) + len(body)
    return head + b"%d" % length + body


def assemble(*bodies: tuple[int, bytes], header: dict[int, bytes] | None = None) -> bytes:
    """A transaction of finished records, each given with its type; IDCs count from 0."""
    contents = [b"1\x1f%d" % len(bodies)]
    contents += [b"%d\x1f%02d" % (kind, idc) for idc, (kind, _) in enumerate(bodies)]
    fields = {2: b"0500", 3: b"\x1e".join(contents), 4: b"ENROL", 11: b"19.69", 12: b"19.69"}
    return frame(1, fields | (header or {})) + b"".join(body for _, body in bodies)


@pytest.fixture(scope="session")
def finger_record(ridges: Grey) -> Callable[..., tuple[int, bytes]]:
    """A Type-14 record of an uncompressed finger; any field can be replaced or left out."""

    def build(
        idc: int = 0, image: bytes | None = None, **changes: bytes | None
    ) -> tuple[int, bytes]:
        height, width = ridges.shape
        fields: dict[int, bytes | None] = {
            2: b"%02d" % idc, 3: b"1", 4: b"STATION", 5: b"20260612", 6: b"%d" % width,
            7: b"%d" % height, 8: b"1", 9: b"500", 10: b"500", 11: b"NONE", 12: b"8", 13: b"2",
        }  # fmt: skip
        fields |= {int(name.removeprefix("f")): value for name, value in changes.items()}
        kept = {tag: value for tag, value in fields.items() if value is not None}
        return 14, frame(14, kept, ridges.tobytes() if image is None else image)

    return build


@pytest.fixture(scope="session")
def assembled() -> Callable[..., bytes]:
    return assemble


@pytest.fixture(scope="session")
def framed() -> Callable[..., bytes]:
    return frame
