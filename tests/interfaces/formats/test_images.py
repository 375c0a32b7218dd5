"""Single images of every container, good ones."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from interfaces import formats
from interfaces.formats import FormatRefused
from matcher.vocabulary import FingerPosition, Impression

Grey = NDArray[np.uint8]
Encoder = Callable[..., bytes]

INDEX = FingerPosition.RIGHT_INDEX
LOSSLESS = ["PNG", "BMP", "TIFF", "JPEG2000"]


@pytest.mark.parametrize("container", LOSSLESS)
def test_lossless_containers_give_back_every_pixel(
    ridges: Grey, encoded: Encoder, container: str
) -> None:
    (finger,) = formats.read_finger(encoded(ridges, container), position=INDEX, dpi=500.0)
    np.testing.assert_array_equal(finger.image, ridges)
    assert finger.position == INDEX


@pytest.mark.parametrize(("container", "grey_levels"), [("JPEG", 3.0), ("WSQ", 8.0)])
def test_lossy_containers_give_back_nearly_the_image(
    ridges: Grey, encoded: Encoder, container: str, grey_levels: float
) -> None:
    (finger,) = formats.read_finger(encoded(ridges, container), position=INDEX)
    assert np.abs(finger.image.astype(int) - ridges).mean() < grey_levels


@pytest.mark.parametrize("container", ["PNG", "JPEG", "BMP", "TIFF"])
@pytest.mark.parametrize("dpi", [500.0, 569.0, 1000.0])
def test_resolution_comes_from_the_container(
    ridges: Grey, encoded: Encoder, container: str, dpi: float
) -> None:
    (finger,) = formats.read_finger(encoded(ridges, container, dpi), position=INDEX)
    assert finger.dpi == pytest.approx(dpi, rel=1e-3)


def test_jfif_density_per_centimetre_is_read(ridges: Grey, encoded: Encoder) -> None:
    data = bytearray(encoded(ridges, "JPEG"))
    struct.pack_into(">BHH", data, data.index(b"JFIF") + 7, 2, 197, 197)
    (finger,) = formats.read_finger(bytes(data), position=INDEX)
    assert finger.dpi == pytest.approx(500.38)


def test_bare_jpeg_2000_codestreams_are_read(ridges: Grey, encoded: Encoder) -> None:
    data = encoded(ridges, "JPEG2000")
    stream = data[data.index(b"\xff\x4f\xff\x51") :]
    (finger,) = formats.read_finger(stream, position=INDEX, dpi=1000.0)
    np.testing.assert_array_equal(finger.image, ridges)
    with pytest.raises(FormatRefused, match="cut short"):
        formats.read_finger(stream[:-1], position=INDEX, dpi=1000.0)


@pytest.mark.parametrize("unknown", [b"PPI -1 ", b"PPI 255"])
def test_wsq_without_resolution_asks_for_it(ridges: Grey, encoded: Encoder, unknown: bytes) -> None:
    """The NIST software writes -1, or 255 where that did not fit."""
    data = encoded(ridges, "WSQ").replace(b"PPI 500", unknown)
    with pytest.raises(FormatRefused, match="states no resolution"):
        formats.read_finger(data, position=INDEX)
    (finger,) = formats.read_finger(data, position=INDEX, dpi=569.0)
    assert finger.dpi == 569.0


def test_wsq_comment_gives_the_resolution(ridges: Grey, encoded: Encoder) -> None:
    """The comment of the NIST software says PPI 500."""
    (finger,) = formats.read_finger(encoded(ridges, "WSQ"), position=INDEX)
    assert finger.dpi == 500.0


def jp2_with_resolution(data: bytes, kind: bytes, dpi: float) -> bytes:
    """A JP2 file with a resolution box put into its header box."""
    per_metre = round(dpi / 0.0254)
    inner = struct.pack(">I4sHHHHbb", 18, kind, per_metre, 1, per_metre, 1, 0, 0)
    box = struct.pack(">I4s", 26, b"res ") + inner
    at = data.index(b"jp2h")
    (length,) = struct.unpack_from(">I", data, at - 4)
    grown = struct.pack(">I", length + len(box))
    return data[: at - 4] + grown + data[at : at - 4 + length] + box + data[at - 4 + length :]


def test_jpeg_2000_resolution_box_is_read(ridges: Grey, encoded: Encoder) -> None:
    """The capture resolution counts, whatever display resolution stands beside it."""
    plain = encoded(ridges, "JPEG2000")
    data = jp2_with_resolution(jp2_with_resolution(plain, b"resd", 300.0), b"resc", 1000.0)
    (finger,) = formats.read_finger(data, position=INDEX)
    assert finger.dpi == pytest.approx(1000.0, rel=1e-3)


@pytest.mark.parametrize("screen", [72.0, 96.0])
def test_screen_densities_count_as_no_statement(
    ridges: Grey, encoded: Encoder, screen: float
) -> None:
    data = encoded(ridges, "PNG", screen)
    (finger,) = formats.read_finger(data, position=INDEX, dpi=569.0)
    assert finger.dpi == 569.0
    with pytest.raises(FormatRefused, match=r"Q05 .* states no resolution"):
        formats.read_finger(data, position=INDEX)


def test_plain_thumb_codes_become_thumbs_pressed_flat(ridges: Grey, encoded: Encoder) -> None:
    for code, finger in ((11, 1), (12, 6)):
        (sample,) = formats.read_finger(encoded(ridges, "PNG"), position=FingerPosition(code))
        assert (sample.position, sample.impression) == (finger, Impression.FLAT)


def test_grey_stored_as_colour_or_palette_is_taken_as_grey(ridges: Grey) -> None:
    for mode in ("RGB", "P"):
        stream = io.BytesIO()
        Image.fromarray(ridges).convert(mode).save(stream, "PNG", dpi=(500, 500))
        (finger,) = formats.read_finger(stream.getvalue(), position=INDEX)
        np.testing.assert_array_equal(finger.image, ridges)


def test_transparent_ground_becomes_white_paper(ridges: Grey) -> None:
    layer = np.stack([np.zeros_like(ridges), np.full_like(ridges, 0)], axis=2)
    layer[:80, :, 1] = 255
    stream = io.BytesIO()
    Image.fromarray(layer, "LA").save(stream, "PNG", dpi=(500, 500))
    (finger,) = formats.read_finger(stream.getvalue(), position=INDEX)
    assert finger.image[:80].max() == 0
    assert finger.image[80:].min() == 255


def test_photographs_are_turned_upright(ridges: Grey) -> None:
    """EXIF orientation 6 means: the camera was held so that the top is at the right."""
    exif = Image.Exif()
    exif[274] = 6
    stream = io.BytesIO()
    Image.fromarray(ridges).convert("RGB").save(stream, "JPEG", quality=98, exif=exif)
    face = formats.read_face(stream.getvalue())
    assert face.image.shape == (ridges.shape[1], ridges.shape[0], 3)
    upright = np.rot90(ridges, -1).astype(int)
    assert np.abs(face.image[..., 0] - upright).mean() < 5


def test_data_behind_a_jpeg_is_ignored(ridges: Grey, encoded: Encoder) -> None:
    """Cameras append previews there."""
    data = encoded(ridges, "JPEG")
    (plain,) = formats.read_finger(data, position=INDEX)
    (padded,) = formats.read_finger(data + b"preview", position=INDEX)
    np.testing.assert_array_equal(plain.image, padded.image)


def test_read_without_position_asks_for_it(ridges: Grey, encoded: Encoder) -> None:
    with pytest.raises(FormatRefused, match="Q07 POSITION") as refusal:
        formats.read(encoded(ridges, "PNG"))
    assert refusal.value.field == "position"


@pytest.mark.real
def test_every_real_wsq_file_is_read_or_asks_for_its_resolution(real_data: Path) -> None:
    """Files whose comment says PPI -1 need a stated resolution, the others none."""
    read = 0
    for path in sorted(real_data.joinpath("wsq").glob("*.wsq"))[::8]:
        data = path.read_bytes()
        stated = None if b"PPI 500" in data else 500.0
        (finger,) = formats.read_finger(data, position=INDEX, dpi=stated)
        assert np.ptp(finger.image) > 60
        read += 1
    assert read > 8


@pytest.mark.real
def test_real_photographs_are_read(real_data: Path) -> None:
    for path in real_data.joinpath("faces", "single").glob("*.jpg"):
        face = formats.read_face(path.read_bytes())
        assert face.image.shape[2] == 3
        assert face.image.std() > 10
