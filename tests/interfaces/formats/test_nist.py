"""ANSI/NIST-ITL transactions: round trips, the profile, the reference transactions."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import MappingProxyType

import nistitl
import numpy as np
import pytest
from numpy.typing import NDArray

from interfaces import formats
from interfaces.formats import Capture, FormatRefused, MissingReason, nist
from matcher.vocabulary import FingerPosition, FingerSample, Impression

Grey = NDArray[np.uint8]
Builder = Callable[..., tuple[int, bytes]]
Assembler = Callable[..., bytes]

HEADER = {
    "transaction_type": "ENROL",
    "day": date(2026, 6, 12),
    "destination_agency": "CENTRE",
    "originating_agency": "STATION",
    "control_number": "T-1",
}


def write(capture: Capture, **changes: object) -> bytes:
    return nist.write(capture, **(HEADER | changes))  # type: ignore[arg-type]


def type_4(image: bytes, *, size: tuple[int, int], **changes: int) -> tuple[int, bytes]:
    """A Type-4 record of a right index, rolled; its IDC is 0."""
    stated = {"imp": 1, "position": 2, "other": 255, "isr": 0, "gca": 0} | changes
    head = struct.pack(">BB", 0, stated["imp"])
    head += bytes([stated["position"], stated["other"], *[255] * 4, stated["isr"]])
    head += struct.pack(">HHB", *size, stated["gca"])
    return 4, struct.pack(">I", 4 + len(head) + len(image)) + head + image


def test_what_was_written_is_read_again(capture: Capture, transaction: bytes) -> None:
    """Positions, impressions and texts exactly; images within the loss of WSQ and JPEG."""
    again = formats.read(transaction)
    assert [(f.position, f.impression, f.dpi) for f in again.fingers] == [
        (f.position, f.impression, f.dpi) for f in capture.fingers
    ]
    for before, after in zip(capture.fingers, again.fingers, strict=True):
        assert np.abs(before.image.astype(int) - after.image).mean() < 8
    assert np.abs(capture.faces[0].image.astype(int) - again.faces[0].image).mean() < 3
    assert again.ignored == ()
    assert again.texts == {
        "transaction_type": "ENROL",
        "date": "20260612",
        "destination_agency": "CENTRE",
        "originating_agency": "STATION",
        "control_number": "T-1",
    }


def test_other_resolutions_are_written_without_loss(ridges: Grey) -> None:
    """WSQ is specified for 500 ppi only."""
    finger = FingerSample(ridges, 569.0, FingerPosition.LEFT_RING)
    (again,) = formats.read(write(Capture(fingers=(finger,)))).fingers
    np.testing.assert_array_equal(again.image, ridges)
    assert again.dpi == 569.0


def test_missing_fingers_survive_the_round_trip(ridges: Grey) -> None:
    missing = MappingProxyType(
        {
            FingerPosition.LEFT_THUMB: MissingReason.AMPUTATED,
            FingerPosition.LEFT_LITTLE: MissingReason.UNABLE_TO_PRINT,
        }
    )
    finger = FingerSample(ridges, 500.0, FingerPosition.LEFT_RING)
    again = formats.read(write(Capture(fingers=(finger,), missing=missing)))
    assert again.missing == missing
    assert len(again.fingers) == 1


def test_an_independent_reader_understands_what_is_written(transaction: bytes) -> None:
    """The parser of nistitl finds the same records; lengths and contents are right."""
    message = nistitl.Message()
    message.parse(transaction)
    assert [record.type for record in message] == [1, 2, 14, 14, 10]
    assert message[2].FGP == "2"
    assert message[2].CGA == "WSQ20"


@pytest.mark.parametrize("text", ["", "a\x1db", "Ö" * 3, "x" * 500, "line\nbreak"])
def test_texts_that_a_field_cannot_hold_are_not_written(capture: Capture, text: str) -> None:
    with pytest.raises(FormatRefused, match="control_number"):
        write(capture, control_number=text)


def test_uncompressed_fingers_are_read(
    ridges: Grey, assembled: Assembler, finger_record: Builder
) -> None:
    (finger,) = formats.read(assembled(finger_record())).fingers
    np.testing.assert_array_equal(finger.image, ridges)
    assert (finger.position, finger.impression, finger.dpi) == (2, Impression.ROLLED, 500.0)


def test_binary_finger_records_take_their_resolution_from_the_header(
    ridges: Grey, assembled: Assembler
) -> None:
    record = type_4(ridges.tobytes(), size=(128, 160))
    (finger,) = formats.read(assembled(record)).fingers
    np.testing.assert_array_equal(finger.image, ridges)
    assert finger.dpi == pytest.approx(19.69 * 25.4)
    native = type_4(ridges.tobytes(), size=(128, 160), isr=1)
    (finger,) = formats.read(assembled(native, header={11: b"39.37"})).fingers
    assert finger.dpi == pytest.approx(1000.0, rel=1e-3)


def test_rolled_and_flat_of_one_finger_are_both_kept(
    assembled: Assembler, finger_record: Builder
) -> None:
    both = (finger_record(f3=b"1"), finger_record(idc=1, f3=b"0"))
    fingers = formats.read(assembled(*both)).fingers
    assert [f.impression for f in fingers] == [Impression.ROLLED, Impression.FLAT]


@pytest.mark.parametrize(
    ("changes", "rule", "field"),
    [
        ({"f13": b"87"}, "Q07 POSITION", "record 2"),
        ({"f13": b"99"}, "Q07 POSITION", "record 2"),
        ({"f13": b"index"}, "Q04 FORMAT", "14.013"),
        ({"f13": None}, "Q04 FORMAT", "14.013"),
        ({"f13": b"2\x1e3"}, "Q04 FORMAT", "14.013"),
        ({"f3": b"8"}, "Q04 FORMAT", "record 2"),
        ({"f12": b"16"}, "Q04 FORMAT", "14.012"),
        ({"f6": b"127"}, "Q04 FORMAT", "image"),
        ({"f6": b"65535", "f7": b"65535"}, "L01 TOO_LARGE", "size"),
        ({"f6": b"12", "f7": b"12"}, "L02 TOO_SMALL", "size"),
        ({"f6": b"-5"}, "Q04 FORMAT", "14.006"),
        ({"f6": b"9" * 20}, "Q04 FORMAT", "14.006"),
        ({"f8": b"0"}, "Q05 RESOLUTION", "resolution"),
        ({"f9": b"100", "f10": b"100"}, "Q05 RESOLUTION", "14.009"),
        ({"f9": b"500", "f10": b"600"}, "Q05 RESOLUTION", "14.009"),
        ({"f11": b"JPEGL"}, "Q04 FORMAT", "compression"),
        ({"f11": b"WSQ20"}, "Q04 FORMAT", "image"),
        ({"image": b""}, "Q04 FORMAT", "image"),
        ({"f18": b"2\x1fXX"}, "Q04 FORMAT", "finger 2"),
        ({"f18": b"2\x1fZZ"}, "Q04 FORMAT", "14.018"),
        ({"f18": b"14\x1fXX"}, "Q04 FORMAT", "14.018"),
        ({"f18": b"5"}, "Q04 FORMAT", "14.018"),
        ({"f2": b"07"}, "Q04 FORMAT", "14.002"),
    ],
)
def test_finger_records_that_break_a_rule_are_refused(
    assembled: Assembler,
    finger_record: Builder,
    *,
    changes: dict[str, bytes | None],
    rule: str,
    field: str,
) -> None:
    data = assembled(finger_record(**changes))
    with pytest.raises(FormatRefused) as caught:
        formats.read(data)
    assert caught.value.rule == rule
    assert field in caught.value.field
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"position": 99}, "Q07 POSITION"),
        ({"other": 3}, "Q04 FORMAT"),
        ({"gca": 9}, "Q04 FORMAT"),
        ({"gca": 3}, "Q04 FORMAT"),
        ({"gca": 1}, "Q04 FORMAT"),
        ({"imp": 9}, "Q04 FORMAT"),
    ],
)
def test_binary_finger_records_that_break_a_rule_are_refused(
    ridges: Grey, assembled: Assembler, changes: dict[str, int], rule: str
) -> None:
    with pytest.raises(FormatRefused) as caught:
        formats.read(assembled(type_4(ridges.tobytes(), size=(128, 160), **changes)))
    assert caught.value.rule == rule
    assert "record 2 (Type-4)" in caught.value.field


@pytest.mark.parametrize("text", [b"00.00", b"nan", b"1e9", b"", b"19,69"])
def test_binary_finger_records_without_resolution_are_refused(
    ridges: Grey, assembled: Assembler, text: bytes
) -> None:
    data = assembled(type_4(ridges.tobytes(), size=(128, 160)), header={12: text})
    with pytest.raises(FormatRefused, match=r"Q05|1\.012"):
        formats.read(data)


def test_many_small_bombs_in_one_transaction_are_refused(
    assembled: Assembler, finger_record: Builder, encoded: Callable[..., bytes]
) -> None:
    """Each image is allowed, all together are not, and the last is never decoded."""
    sides = {"f6": b"3400", "f7": b"3500", "f11": b"PNG", "f13": b"0"}
    bomb = encoded(np.zeros((3_500, 3_400), np.uint8), "PNG")
    images = [finger_record(idc=idc, image=bomb, **sides) for idc in range(9)]
    with pytest.raises(FormatRefused, match=r"L01 TOO_LARGE: record 10 .* 100000000 pixels"):
        formats.read(assembled(*images))


def test_a_finger_twice_in_one_impression_is_refused(
    assembled: Assembler, finger_record: Builder
) -> None:
    with pytest.raises(FormatRefused, match="Q06 DUPLICATE_FINGER: finger 2"):
        formats.read(assembled(finger_record(), finger_record(idc=1)))


def test_container_and_compression_code_must_agree(
    assembled: Assembler, finger_record: Builder, encoded: Callable[..., bytes], ridges: Grey
) -> None:
    image = encoded(ridges, "PNG")
    assert formats.read(assembled(finger_record(image=image, f11=b"PNG"))).fingers
    with pytest.raises(FormatRefused, match="says JP2 but holds PNG"):
        formats.read(assembled(finger_record(image=image, f11=b"JP2")))
    with pytest.raises(FormatRefused, match="says 128 x 161, the image 128 x 160"):
        formats.read(assembled(finger_record(image=image, f11=b"PNG", f7=b"161")))
    with pytest.raises(FormatRefused, match="Q05 RESOLUTION: record 2"):
        formats.read(assembled(finger_record(image=image, f11=b"PNG", f9=b"600", f10=b"600")))


def test_records_outside_the_profile_are_ignored_by_a_stated_rule(
    assembled: Assembler, finger_record: Builder, framed: Assembler
) -> None:
    minutiae = (9, framed(9, {2: b"01", 3: b"1"}))
    palm = finger_record(idc=2, f13=b"21")
    latent = finger_record(idc=3, f3=b"4", f13=b"3")
    found = formats.read(assembled(finger_record(), minutiae, palm, latent))
    assert len(found.fingers) == 1
    assert found.ignored == (
        "Type-9 record ignored: minutiae are extracted from images",
        "Type-14 record ignored: position 21 is not one of ten fingers and their slaps",
        "Type-14 record ignored: latent marks are not captures of a person",
    )


def test_unknown_record_types_are_refused(assembled: Assembler, framed: Assembler) -> None:
    with pytest.raises(FormatRefused, match=r"Type-77\): has an unknown type"):
        formats.read(assembled((77, framed(77, {2: b"00"}))))


def test_a_transaction_without_samples_is_refused(assembled: Assembler, framed: Assembler) -> None:
    with pytest.raises(FormatRefused, match="holds no sample; Type-9 record ignored"):
        formats.read(assembled((9, framed(9, {2: b"00"}))))


def test_a_position_beside_a_transaction_is_refused(transaction: bytes) -> None:
    with pytest.raises(FormatRefused, match="states its own"):
        formats.read(transaction, position=FingerPosition.RIGHT_INDEX)


REFERENCES = {
    "type-10-sap10.an2": (0, 1, 0),
    "type-13-14-latent-match.an2": (1, 0, 1),
    "type-14-tpcard-nqm.an2": (20, 0, 0),
    "type-4-14-slaps.an2": (10, 0, 0),
    "type-9-14-m1.an2": (1, 0, 1),
    "type-9-4-iafis.an2": (1, 0, 1),
    "type-14-tip-eji-wsq.an2": "position 19",
    "type-15-palms.an2": "palms",
    "type-5.an2": "low-resolution",
    "type-8-sig.an2": "signatures",
}
"""Fingers, faces and ignored records of each reference transaction, or why it has no sample."""


@pytest.mark.real
@pytest.mark.parametrize("name", REFERENCES)
def test_reference_transactions(real_data: Path, name: str) -> None:
    data = real_data.joinpath("nist", name).read_bytes()
    expected = REFERENCES[name]
    if isinstance(expected, str):
        with pytest.raises(FormatRefused, match=expected):
            formats.read(data)
        return
    found = formats.read(data)
    assert (len(found.fingers), len(found.faces), len(found.ignored)) == expected


@pytest.mark.real
def test_the_reference_card_gives_ten_fingers_rolled_and_flat(real_data: Path) -> None:
    data = real_data.joinpath("nist", "type-14-tpcard-nqm.an2").read_bytes()
    fingers = formats.read(data).fingers
    for impression in Impression:
        positions = sorted(f.position for f in fingers if f.impression == impression)
        assert positions == list(range(1, 11))
    assert all(f.dpi == pytest.approx(500.0, rel=1e-3) for f in fingers)
