"""Finger minutiae records as read: built by hand byte for byte, lying, mutated, and real."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from interfaces.formats import FormatRefused, iso, isolayout
from matcher import templates as stored
from matcher.extraction import extract_finger
from matcher.vocabulary import (
    FingerPosition,
    FingerSample,
    FingerTemplate,
    Impression,
    MinutiaKind,
    Reference,
)

Mark = tuple[int, int, int, int, int]

DEGREE = 65536 / 360
"""Units of a template angle in one degree."""

ISO_2005 = bytes.fromhex(
    "464d5200 20323000 00000040"  # FMR, version 20, 64 bytes
    "8123 012c 0190 00c5 00c5 02 00"  # device, 300 x 400 pixels, 197 per cm, 2 views
    "02 01 50 02"  # right index, view 0 rolled, quality 80, 2 minutiae
    "4064 00c8 40 5a"  # ending at 100, 200, 90 degrees, quality 90
    "812b 018f ff 00"  # bifurcation at 299, 399, 358.59375 degrees, no quality
    "0010"  # extended data of 16 bytes
    "0001 0007 000102"  # ridge counts
    "0002 0009 0000000000"  # cores and deltas
    "07 12 3c 00"  # left index, view 1 non-live plain, quality 60, no minutiae
    "0000"
)
INCITS_2004 = bytes.fromhex(
    "464d5200 20323000 0026"  # FMR, version 20, 38 bytes
    "0103 0000 0000"  # maker, kind of product, device
    "012c 0190 00c5 00c5 01 00"
    "06 00 32 01"  # left thumb, view 0 live plain, quality 50, 1 minutia
    "0064 00c8 b3 64"  # other at 100, 200, 358 degrees, quality 100
    "0000"
)
INCITS_2004_LONG = INCITS_2004[:8] + bytes.fromhex("0000 0000002a") + INCITS_2004[10:]
INCITS_2009 = bytes.fromhex(
    "464d5200 30333000 0000002e"  # FMR, version 030, 46 bytes
    "0103 0000 80 0000 01 00"  # maker, product, certified, device, 1 view
    "03 00 14 fe 01030000"  # right middle, view 0, optical plain, no quality, algorithm
    "012c 0190 00c5 00c5 01"
    "4064 00c8 2d fe"  # ending at 100, 200, 90 degrees, no quality
    "0000"
)
ISO_2011_HEAD = "ffff ff ff ff ff ff ffff 00 0000 0000"  # no time, technology, maker, device
ISO_2011 = bytes.fromhex(
    "464d5200 30333000 0000003c 0001 00"  # FMR, version 030, 60 bytes, 1 view, uncertified
    f"0000002d {ISO_2011_HEAD}"
    "01 46 0000 0000"  # one quality: 70
    "02 00 00c5 00c5 01 012c 0190"  # right index, view 0, 197 per cm, rolled, 300 x 400
    "60 01"  # minutiae of 6 bytes, endings at the fork of the valley; 1 of them
    "8064 00c8 40 46"  # bifurcation at 100, 200, 90 degrees, quality 70
    "0000"
)
ISO_2011_CERTIFIED = bytes.fromhex(
    "464d5200 30333000 00000044 0001 01"
    f"00000035 {ISO_2011_HEAD}"
    "02 ff 0000 0000 50 0000 0000"  # two qualities: failed, 80
    "01 000f 01"  # one certificate
    "00 00 018a 018a 18 0258 0320"  # unknown finger, 394 per cm, contact-free plain, 600 x 800
    "51 01"  # minutiae of 5 bytes, endings at ends of ridges
    "4065 00c9 c0"  # ending at 101, 201, 270 degrees
    "0000"
)
GOLDEN = {
    "ISO 2005": ISO_2005,
    "INCITS 2004": INCITS_2004,
    "INCITS 2004 long": INCITS_2004_LONG,
    "INCITS 2009": INCITS_2009,
    "ISO 2011": ISO_2011,
    "ISO 2011 certified": ISO_2011_CERTIFIED,
}


def marks(template: FingerTemplate) -> list[Mark]:
    """The minutiae of a template as plain numbers."""
    return [tuple(map(int, minutia)) for minutia in template.minutiae]  # type: ignore[misc]


def refusal(data: bytes) -> FormatRefused:
    with pytest.raises(FormatRefused) as caught:
        iso.read_records(data)
    return caught.value


def patched(data: bytes, offset: int, content: bytes) -> bytes:
    return data[:offset] + content + data[offset + len(content) :]


def test_iso_2005_is_read_view_by_view() -> None:
    index, other = iso.read_records(ISO_2005)
    assert marks(index) == [
        (1600, 3200, round(90 * DEGREE), MinutiaKind.ENDING, 90),
        (4784, 6384, 255 * 256, MinutiaKind.BIFURCATION, isolayout.QUALITY_UNREPORTED),
    ]
    assert (index.width, index.height, index.quality) == (300, 400, 80)
    assert (index.position, index.impression) == (FingerPosition.RIGHT_INDEX, Impression.ROLLED)
    assert (other.position, other.impression) == (FingerPosition.LEFT_INDEX, Impression.FLAT)
    assert (other.quality, len(other.minutiae)) == (60, 0)


@pytest.mark.parametrize("data", [INCITS_2004, INCITS_2004_LONG], ids=["short", "long"])
def test_incits_2004_is_read_with_either_length_field(data: bytes) -> None:
    (thumb,) = iso.read_records(data)
    assert marks(thumb) == [(1600, 3200, round(358 * DEGREE), MinutiaKind.OTHER, 100)]
    assert (thumb.position, thumb.quality) == (FingerPosition.LEFT_THUMB, 50)


@pytest.mark.parametrize("version", [b"030\0", b"035\0"])
def test_incits_2009_and_its_amendment_are_read(version: bytes) -> None:
    (middle,) = iso.read_records(patched(INCITS_2009, 4, version))
    unreported = isolayout.QUALITY_UNREPORTED
    assert marks(middle) == [(1600, 3200, 16384, MinutiaKind.ENDING, unreported)]
    assert (middle.position, middle.quality) == (FingerPosition.RIGHT_MIDDLE, unreported)


def test_iso_2011_is_read() -> None:
    (index,) = iso.read_records(ISO_2011)
    assert marks(index) == [(1600, 3200, 16384, MinutiaKind.BIFURCATION, 70)]
    assert (index.quality, index.impression) == (70, Impression.ROLLED)


def test_iso_2011_of_1000_dpi_with_certificates_and_short_minutiae_is_read() -> None:
    (finger,) = iso.read_records(ISO_2011_CERTIFIED)
    # 394 per cm are 1000.8 dpi, within half a unit of 1000: pixel 101 has its centre at 50.25.
    unreported = isolayout.QUALITY_UNREPORTED
    assert marks(finger) == [(804, 1604, 49152, MinutiaKind.ENDING, unreported)]
    assert (finger.width, finger.height, finger.quality) == (300, 400, 80)
    assert finger.position == FingerPosition.UNKNOWN


@pytest.mark.parametrize("data", GOLDEN.values(), ids=GOLDEN)
def test_every_import_is_marked_foreign_and_can_be_stored(data: bytes) -> None:
    for finger in iso.read_records(data):
        assert finger.model == iso.FOREIGN_MODEL
        (back,) = stored.decode(stored.encode(Reference(fingers=(finger,)))).fingers
        assert marks(back) == marks(finger)


def test_of_more_minutiae_than_a_template_holds_the_worst_are_left_out() -> None:
    many = b"".join(struct.pack(">HHBB", number, 1, 0, 1 + number % 51) for number in range(255))
    head = patched(ISO_2005[:28], 8, struct.pack(">I", 28 + len(many) + 2))
    data = patched(patched(head, 22, b"\1"), 27, b"\xff") + many + bytes(2)
    (back,) = iso.read_records(data)
    assert list(back.minutiae["x"] // 16) == [number for number in range(255) if number % 51]


def test_each_axis_has_its_own_resolution() -> None:
    (index, _) = iso.read_records(patched(ISO_2005, 18, bytes.fromhex("00c5 00c8")))
    assert (index.width, index.height) == (300, round(400 * 500 / 508))


def test_other_resolutions_are_brought_to_500_dpi() -> None:
    (index, _) = iso.read_records(patched(ISO_2005, 18, bytes.fromhex("00e0 00e0")))
    scale = 500 / (224 * 2.54)
    assert index.width == round(300 * scale)
    assert index.minutiae["x"][0] == round(((100 + 0.5) * scale - 0.5) * 16)


@pytest.mark.parametrize(
    ("offset", "content", "rule", "field"),
    [
        (0, "46495200", "Q04", "minutiae record"),
        (4, "20343000", "Q04", "minutiae record"),
        (8, "00000043", "Q04", "minutiae record"),
        (8, "ffffffff", "Q04", "minutiae record"),
        (14, "0000", "L02", "image size"),
        (14, "3fff", "L01", "image size"),
        (18, "0000 0000", "Q05", "resolution"),
        (18, "01f4 01f4", "Q05", "resolution"),  # dpi where pixels per centimetre belong
        (18, "00c5 0189", "Q05", "resolution"),
        (22, "00", "Q04", "number of views"),
        (22, "01", "Q04", "record"),
        (22, "03", "Q04", "record"),
        (22, "ff", "L03", "number of views"),
        (24, "0d", "Q07", "view 1, position"),
        (25, "08", "Q04", "view 1, impression type"),
        (26, "65", "Q04", "view 1, finger quality"),
        (27, "ff", "Q04", "record"),
        (28, "c064", "Q04", "view 1, minutia 1"),
        (28, "412c", "Q04", "view 1, minutia 1"),
        (36, "0190", "Q04", "view 1, minutia 2"),
        (39, "65", "Q04", "view 1, minutia 2"),
        (40, "ffff", "Q04", "record"),
        (40, "000f", "Q04", "extended data"),
        (44, "0003", "Q04", "extended data"),
        (44, "0000", "Q04", "extended data"),
    ],
)
def test_lies_in_iso_2005_are_refused_by_rule_and_field(
    offset: int, content: str, rule: str, field: str
) -> None:
    found = refusal(patched(ISO_2005, offset, bytes.fromhex(content)))
    assert found.rule.startswith(rule)
    assert field in found.field
    assert found.reason
    assert found.remedy


def test_incits_angles_beyond_358_degrees_are_refused() -> None:
    assert "minutia 1" in refusal(patched(INCITS_2004, 34, b"\xb4")).field


@pytest.mark.parametrize(
    ("offset", "content"),
    [
        (14, "02"),  # certification flag
        (14, "01"),  # certificates announced and not there
        (33, "ff"),  # number of qualities
        (50, "70"),  # bytes of a minutia
        (51, "02"),  # number of minutiae
        (51, "00"),
        (58, "0001"),  # length of extended data
    ],
)
def test_lies_in_iso_2011_are_refused(offset: int, content: str) -> None:
    found = refusal(patched(ISO_2011, offset, bytes.fromhex(content)))
    assert found.rule.startswith("Q04")
    assert found.field.startswith("ISO/IEC 19794-2:2011,")


@pytest.mark.parametrize(
    ("offset", "content"),
    [(12, "0000"), (12, "0002"), (15, "0000002c"), (15, "00000021"), (15, "ffffffff")],
)
def test_a_broken_chain_of_representations_is_refused_and_named(offset: int, content: str) -> None:
    found = refusal(patched(ISO_2011, offset, bytes.fromhex(content)))
    assert "ISO/IEC 19794-2:2011, whose lengths" in found.field


@pytest.mark.parametrize("size", range(4))
def test_an_area_of_extended_data_shorter_than_its_own_head_is_refused(size: int) -> None:
    area = struct.pack(">HHH", 4, 1, size)
    lying = patched(INCITS_2004[:-2] + area, 8, struct.pack(">H", len(INCITS_2004) + 4))
    assert "extended data" in refusal(lying).field


def test_a_spare_byte_inside_a_representation_is_refused() -> None:
    spare = patched(ISO_2011 + b"\0", 8, struct.pack(">I", len(ISO_2011) + 1))
    found = refusal(patched(spare, 15, struct.pack(">I", 0x2E)))
    assert "representation 1" in found.field


def test_an_unknown_certification_flag_is_refused() -> None:
    assert "certification" in refusal(patched(ISO_2011_CERTIFIED, 14, b"\2")).reason


@pytest.mark.parametrize("data", GOLDEN.values(), ids=GOLDEN)
def test_every_truncation_and_every_trailing_byte_is_refused(data: bytes) -> None:
    for end in range(len(data)):
        refusal(data[:end])
        fitting = patched(data, 8, struct.pack(">I", end)) if end >= 12 else b""
        refusal(fitting[:end])
    refusal(data + b"\0")


def test_an_oversize_record_is_refused_before_it_is_looked_at() -> None:
    assert refusal(b"FMR" + bytes(isolayout.RECORD_BYTES)).rule.startswith("L01")


@given(
    data=st.sampled_from(list(GOLDEN.values())),
    edits=st.lists(st.tuples(st.integers(0, 80), st.integers(0, 255)), max_size=6),
    insert=st.tuples(st.integers(0, 80), st.binary(max_size=8)),
    honest=st.booleans(),
)
def test_mutated_records_give_templates_or_a_refusal(
    data: bytes, edits: list[tuple[int, int]], insert: tuple[int, bytes], honest: bool
) -> None:
    """honest: the length field tells the truth, so that the mutation reaches what follows it."""
    at, inserted = insert
    mutated = bytearray(data[:at] + inserted + data[at:])
    for offset, value in edits:
        mutated[offset % len(mutated)] = value
    if honest:
        mutated[8:12] = struct.pack(">I", len(mutated))
    with contextlib.suppress(FormatRefused):
        for found in iso.read_records(bytes(mutated)):
            stored.encode(Reference(fingers=(found,)))


@pytest.mark.real
def test_real_records_fit_their_pictures_and_our_own_minutiae(real_data: Path) -> None:
    """Imported minutiae lie on the finger; most have one of ours near, in the same direction.

    The same with axes or angles turned the wrong way must fail, else this would show nothing.
    """
    found: dict[str, list[bool]] = {"as read": [], "opposite": [], "mirrored": [], "upside": []}
    on_finger: list[bool] = []
    for path in sorted((real_data / "minutiae").glob("*.ist")):
        (read,) = iso.read_records(path.read_bytes())
        image = np.asarray(
            cv2.imread(str(path.with_suffix(".pgm")), cv2.IMREAD_GRAYSCALE), np.uint8
        )
        assert (read.height, read.width) == image.shape
        ours, _ = extract_finger(FingerSample(image, 500.0))
        printed = cv2.GaussianBlur(image, (0, 0), 8.0) < 235
        on_finger += list(printed[read.minutiae["y"] // 16, read.minutiae["x"] // 16])
        assert printed.mean() < 0.85
        place, turn = spread(read.minutiae)
        for name, (there, angle) in {
            "as read": (place, turn),
            "opposite": (place, turn + np.pi),
            "mirrored": (place, -turn),
            "upside": (np.abs(place - [0, read.height - 1]), turn),
        }.items():
            found[name] += list(is_found(there, angle, ours.minutiae))
    share = {name: float(np.mean(hits)) for name, hits in found.items()}
    assert np.mean(on_finger) > 0.99
    assert share["as read"] > 0.5
    assert max(share["opposite"], share["mirrored"], share["upside"]) < share["as read"] / 2


def spread(minutiae: NDArray[np.void]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places in pixels, shape (n, 2), and directions in radians."""
    place = np.stack([minutiae["x"], minutiae["y"]], axis=1) / 16.0
    return place, minutiae["angle"] * (2 * np.pi / 65536)


def is_found(
    place: NDArray[np.float64], turn: NDArray[np.float64], ours: NDArray[np.void]
) -> NDArray[np.bool_]:
    """Whether each minutia has one of ours within 12 pixels and 30 degrees."""
    our_place, our_turn = spread(ours)
    distance = np.linalg.norm(place[:, None] - our_place, axis=2)
    aligned = np.cos(turn[:, None] - our_turn) >= np.cos(np.radians(30))
    near: NDArray[np.bool_] = ((distance <= 12) & aligned).any(axis=1)
    return near
