"""Bad images: each is refused under the stated rule, and the process stays up."""

from __future__ import annotations

import contextlib
import io
import struct
import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from interfaces import formats
from interfaces.formats import FormatRefused, limits
from matcher.vocabulary import FingerPosition, Impression

Grey = NDArray[np.uint8]
Encoder = Callable[..., bytes]

INDEX = FingerPosition.RIGHT_INDEX
CONTAINERS = ["PNG", "JPEG", "BMP", "TIFF", "JPEG2000", "WSQ"]

SIDES_AT = {"PNG": (16, ">I"), "BMP": (18, "<i")}
"""Where the width stands in containers with a fixed place for it, and its layout."""


def refusal(data: bytes, **stated: object) -> FormatRefused:
    """The refusal of an image read as a right index."""
    arguments: dict[str, object] = {"position": INDEX, "dpi": 500.0} | stated
    with pytest.raises(FormatRefused) as caught:
        formats.read(data, **arguments)  # type: ignore[arg-type]
    return caught.value


def width_place(data: bytes, container: str) -> tuple[int, str]:
    """Offset and layout of the declared width."""
    if container in SIDES_AT:
        return SIDES_AT[container]
    if container == "JPEG":
        return data.index(b"\xff\xc0") + 7, ">H"
    if container == "WSQ":
        return data.index(b"\xff\xa2") + 8, ">H"
    if container == "JPEG2000":
        return data.index(b"ihdr") + 8, ">I"
    (directory,) = struct.unpack_from("<I", data, 4)
    return data.index(struct.pack("<HH", 256, 4), directory) + 8, "<I"


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_truncation_is_refused(ridges: Grey, encoded: Encoder, container: str) -> None:
    """Cut at each of the first bytes and at a hundred places over the whole file."""
    data = encoded(ridges, container)
    assert formats.read(data, position=INDEX, dpi=500.0).fingers
    for end in {*range(1, 60), *range(60, len(data), max(1, len(data) // 100)), len(data) - 1}:
        assert refusal(data[:end]).rule == "Q04 FORMAT", end


@pytest.mark.parametrize("container", CONTAINERS)
def test_headers_of_65535_pixels_are_refused_before_decoding(
    ridges: Grey, encoded: Encoder, container: str
) -> None:
    data = bytearray(encoded(ridges, container))
    offset, layout = width_place(bytes(data), container)
    struct.pack_into(layout, data, offset, 65_535)
    found = refusal(bytes(data))
    # These contradict themselves first: too few pixels, another codestream, another comment.
    lying = ("BMP", "JPEG2000", "WSQ")
    assert found.rule == ("Q04 FORMAT" if container in lying else "L01 TOO_LARGE")


def test_wsq_of_65535_pixels_without_comment_is_refused(ridges: Grey, encoded: Encoder) -> None:
    data = encoded(ridges, "WSQ")
    (length,) = struct.unpack_from(">H", data, 4)
    plain = bytearray(data[:2] + data[4 + length :])
    struct.pack_into(">H", plain, plain.index(b"\xff\xa2") + 6, 65_535)
    assert refusal(bytes(plain)).rule == "L01 TOO_LARGE"


@pytest.mark.parametrize("container", ["PNG", "BMP", "TIFF", "JPEG2000", "WSQ"])
def test_a_width_that_lies_is_refused(ridges: Grey, encoded: Encoder, container: str) -> None:
    """More pixels declared than there are; JPEG cannot be held to it, its decoder fills up."""
    data = bytearray(encoded(ridges, container))
    offset, layout = width_place(bytes(data), container)
    struct.pack_into(layout, data, offset, ridges.shape[1] * 3)
    assert refusal(bytes(data)).rule == "Q04 FORMAT"


@pytest.mark.parametrize("container", ["PNG", "BMP", "JPEG2000", "WSQ"])
def test_data_behind_the_end_is_refused(ridges: Grey, encoded: Encoder, container: str) -> None:
    found = refusal(encoded(ridges, container) + b"hidden load")
    assert found.rule == "Q04 FORMAT"


@pytest.mark.parametrize(
    ("in_container", "stated", "reason"),
    [
        (None, None, "states no resolution"),
        (200.0, None, "is 200.0 dpi"),
        (1200.0, None, "is 1200.0 dpi"),
        (500.0, 569.0, "says 500.0 dpi but 569.0 dpi"),
        (1000.0, 500.0, "says 1000.0 dpi but 500.0 dpi"),
        (None, 96.0, "is 96.0 dpi"),
        (None, -500.0, "is -500.0 dpi"),
        (None, float("nan"), "is nan dpi"),
        (500.0, float("inf"), "is inf dpi"),
        (96.0, None, "states no resolution"),
    ],
)
def test_wrong_resolutions_are_refused(
    ridges: Grey, encoded: Encoder, *, in_container: float | None, stated: float | None, reason: str
) -> None:
    found = refusal(encoded(ridges, "PNG", in_container), dpi=stated)
    assert found.rule == "Q05 RESOLUTION"
    assert reason in found.reason
    assert found.remedy


def test_pixels_that_are_not_square_are_refused(ridges: Grey) -> None:
    stream = io.BytesIO()
    Image.fromarray(ridges).save(stream, "PNG", dpi=(500, 600))
    assert refusal(stream.getvalue(), dpi=None).rule == "Q05 RESOLUTION"


@pytest.mark.parametrize("sides", [(63, 200), (200, 63)])
def test_images_smaller_than_a_fingertip_are_refused(
    encoded: Encoder, sides: tuple[int, int]
) -> None:
    assert refusal(encoded(np.zeros(sides, np.uint8), "PNG")).rule == "L02 TOO_SMALL"


def test_more_pixels_than_a_slap_are_refused(encoded: Encoder) -> None:
    """A side that is allowed, but too many of them: 4 kB of PNG for 13 megapixels."""
    data = encoded(np.zeros((3_600, 3_600), np.uint8), "PNG")
    assert refusal(data).rule == "L01 TOO_LARGE"
    with pytest.raises(FormatRefused, match="L01"):
        formats.read_face(encoded(np.zeros((6_000, 6_000), np.uint8), "PNG"))


def test_oversize_and_empty_data_are_refused() -> None:
    assert refusal(b"\xff\xd8\xff" + bytes(limits.IMAGE_BYTES)).rule == "L01 TOO_LARGE"
    assert refusal(b"1.001:" + bytes(limits.TRANSACTION_BYTES)).rule == "L01 TOO_LARGE"
    assert refusal(b"").rule == "Q04 FORMAT"


@pytest.mark.parametrize("data", [b"GIF89a" + bytes(100), b"%PDF-1.7", b"\0" * 300, b"II+\0"])
def test_other_containers_are_refused_with_the_list_of_good_ones(data: bytes) -> None:
    found = refusal(data)
    assert found.rule == "Q04 FORMAT"
    assert "WSQ" in found.reason


def test_depths_other_than_eight_bits_are_refused(ridges: Grey, encoded: Encoder) -> None:
    deep = ridges.astype(np.uint16) * 257
    for container in ("PNG", "TIFF", "JPEG2000"):
        assert "256 grey levels" in refusal(encoded(deep, container)).remedy
    assert "256 grey levels" in refusal(encoded(ridges > 128, "PNG")).remedy


def test_tiff_pages_and_foreign_compressions_are_refused(ridges: Grey) -> None:
    image = Image.fromarray(ridges)
    pages, jpeg = io.BytesIO(), io.BytesIO()
    image.save(pages, "TIFF", save_all=True, append_images=[image], dpi=(500, 500))
    image.save(jpeg, "TIFF", compression="jpeg", dpi=(500, 500))
    assert "several pages" in refusal(pages.getvalue()).reason
    assert "compressed" in refusal(jpeg.getvalue()).reason


def test_slaps_cannot_be_rolled(ridges: Grey, encoded: Encoder) -> None:
    found = refusal(
        encoded(ridges, "PNG"), position=FingerPosition.RIGHT_FOUR, impression=Impression.ROLLED
    )
    assert found.rule == "Q07 POSITION"


def test_a_slap_without_four_fingers_is_refused(ridges: Grey, encoded: Encoder) -> None:
    found = refusal(encoded(ridges, "PNG"), position=FingerPosition.LEFT_FOUR)
    assert found.rule == "Q03 MISSING_UNDECLARED"


def test_wsq_is_no_photograph(ridges: Grey, encoded: Encoder) -> None:
    with pytest.raises(FormatRefused, match="only holds fingerprints"):
        formats.read_face(encoded(ridges, "WSQ"))


def wsq_segment(data: bytes, marker: int) -> int:
    """Offset of the content of the first segment of a kind."""
    return data.index(bytes([0xFF, marker])) + 4


@pytest.mark.parametrize(
    ("marker", "offset", "value"),
    [
        (0xA4, 0, 40),  # filter longer than its table
        (0xA4, 1, 0),  # filter without taps
        (0xA6, 1, 255),  # more codes of one bit than exist
        (0xA6, 0, 200),  # table that does not exist
        (0xA6, 5, 99),  # more values than the table holds
        (0xA2, -1, 9),  # frame header of another length
        (0xA5, -1, 100),  # quantisation for other than 64 subbands
    ],
)
def test_wsq_tables_that_lie_are_refused_before_decoding(
    ridges: Grey, encoded: Encoder, *, marker: int, offset: int, value: int
) -> None:
    data = bytearray(encoded(ridges, "WSQ"))
    data[wsq_segment(bytes(data), marker) + offset] = value
    found = refusal(bytes(data))
    assert found.rule == "Q04 FORMAT"
    assert "decoder" not in found.reason


def test_wsq_codes_that_are_no_prefix_code_are_refused(ridges: Grey, encoded: Encoder) -> None:
    """As many values as before, but three of them with codes of one bit."""
    data = bytearray(encoded(ridges, "WSQ"))
    counts = wsq_segment(bytes(data), 0xA6) + 1
    longest = max(at for at in range(16) if data[counts + at] >= 3)
    data[counts] += 3
    data[counts + longest] -= 3
    assert "does not fit its own numbers" in refusal(bytes(data)).reason


def test_a_jpeg_without_its_end_is_refused_before_decoding(ridges: Grey, encoded: Encoder) -> None:
    assert "its end" in refusal(encoded(ridges, "JPEG")[:-2]).reason


def test_jpeg_2000_of_many_tiles_is_refused(ridges: Grey, encoded: Encoder) -> None:
    data = bytearray(encoded(ridges, "JPEG2000"))
    siz = data.index(b"\xff\x4f\xff\x51")
    struct.pack_into(">II", data, siz + 24, 2, 2)
    assert "tiles" in refusal(bytes(data)).reason


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_mutated_images_give_a_sample_or_a_refusal(
    data: st.DataObject, ridges: Grey, encoded: Encoder
) -> None:
    """Nothing but FormatRefused ever comes out, however the bytes were changed."""
    container = data.draw(st.sampled_from(CONTAINERS))
    image = bytearray(encoded(ridges, container))
    reach = data.draw(st.sampled_from([64, 1_000, len(image)]))
    for _ in range(data.draw(st.integers(1, 4))):
        image[data.draw(st.integers(0, min(reach, len(image)) - 1))] = data.draw(
            st.integers(0, 255)
        )
    cut = data.draw(st.sampled_from([len(image), data.draw(st.integers(0, len(image)))]))
    started = time.monotonic()
    with contextlib.suppress(FormatRefused):
        formats.read(bytes(image[:cut]), position=INDEX, dpi=500.0)
    assert time.monotonic() - started < limits.DECODE_SECONDS / 2
