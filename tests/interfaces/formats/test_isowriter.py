"""Finger minutiae records as written: byte for byte, and there and back."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from interfaces.formats import FormatRefused, iso
from matcher.vocabulary import (
    MINUTIA,
    FingerPosition,
    FingerTemplate,
    Impression,
    MinutiaKind,
)

Writer = Callable[[list[FingerTemplate]], bytes]
Mark = tuple[int, int, int, int, int]

DEGREE = 65536 / 360
"""Units of a template angle in one degree."""

WRITERS: dict[str, tuple[Writer, float]] = {
    "ISO 2005": (iso.write_iso_2005, 360 / 256),
    "INCITS 2004": (iso.write_incits_378, 2.0),
    "ISO 2011": (iso.write_iso_2011, 360 / 256),
}
"""Each writer with the angle unit of its format in degrees."""


def marks(template: FingerTemplate) -> list[Mark]:
    """The minutiae of a template as plain numbers."""
    return [tuple(map(int, minutia)) for minutia in template.minutiae]  # type: ignore[misc]


def template(
    minutiae: list[Mark] | NDArray[np.void],
    position: FingerPosition = FingerPosition.RIGHT_INDEX,
    impression: Impression = Impression.FLAT,
) -> FingerTemplate:
    return FingerTemplate(
        minutiae=np.array(minutiae, MINUTIA),
        width=300,
        height=400,
        quality=70,
        model="ours",
        position=position,
        impression=impression,
    )


def test_writers_give_the_records_built_by_hand() -> None:
    """One bifurcation at 100, 200 under 90 degrees of a rolled right index of 300 x 400 pixels."""
    bifurcation = 1600, 3200, 16384, 2, 80
    index = template([bifurcation], impression=Impression.ROLLED)
    assert iso.write_iso_2005([index]) == bytes.fromhex(
        "464d5200 20323000 00000024"  # FMR, version 20, 36 bytes
        "0000 012c 0190 00c5 00c5 01 00"  # device, size, 197 per cm, 1 view
        "02 01 46 01"  # right index, view 0 rolled, quality 70, 1 minutia
        "8064 00c8 40 50"
        "0000"  # no extended data
    )
    assert iso.write_incits_378([index]) == bytes.fromhex(
        "464d5200 20323000 0026"  # FMR, version 20, 38 bytes
        "0103 0000 0000"  # unknown maker, kind of product, device
        "012c 0190 00c5 00c5 01 00"
        "02 01 46 01"
        "8064 00c8 2d 50"
        "0000"
    )
    assert iso.write_iso_2011([index]) == bytes.fromhex(
        "464d5200 30333000 0000003c 0001 00"  # FMR, version 030, 60 bytes, 1 view, uncertified
        "0000002d"
        "ffff ff ff ff ff ff ffff 00 0000 0000"  # no time, technology, maker, device
        "01 46 0000 0000"  # one quality: 70
        "02 00 00c5 00c5 01 012c 0190"
        "60 01"  # minutiae of 6 bytes, endings at the fork of the valley; 1 of them
        "8064 00c8 40 50"
        "0000"
    )


def test_views_of_one_finger_are_numbered() -> None:
    thumb, index = FingerPosition.LEFT_THUMB, FingerPosition.LEFT_INDEX
    views = [template([(16, 16, 0, 1, 9)], position) for position in (thumb, index, thumb)]
    data = iso.write_iso_2005(views)
    assert [data[24 + 12 * view + 1] >> 4 for view in range(3)] == [0, 0, 1]
    assert [finger.position for finger in iso.read_records(data)] == [thumb, index, thumb]


def test_views_of_unlike_size_share_the_largest_in_iso_2005_and_keep_theirs_in_2011() -> None:
    wide = template([(16, 16, 0, 1, 9)])
    high = replace(wide, width=100, height=900)
    sizes = [
        (each.width, each.height) for each in iso.read_records(iso.write_iso_2005([wide, high]))
    ]
    assert sizes == [(300, 900)] * 2
    sizes = [
        (each.width, each.height) for each in iso.read_records(iso.write_iso_2011([wide, high]))
    ]
    assert sizes == [(300, 400), (100, 900)]


def test_a_long_incits_record_has_the_long_length_field() -> None:
    full = template([(16, 16, 0, 1, 9)] * 250)
    views = [replace(full, position=FingerPosition(number % 11)) for number in range(44)]
    data = iso.write_incits_378(views)
    assert struct.unpack_from(">HI", data, 8) == (0, len(data))
    assert len(iso.read_records(data)) == 44


minutia = st.tuples(
    st.integers(0, 299 * 16),
    st.integers(0, 399 * 16),
    st.integers(0, 65535),
    st.sampled_from(MinutiaKind).map(int),
    st.integers(0, 100),
)
finger = st.builds(
    template,
    st.lists(minutia, min_size=1, max_size=40),
    st.sampled_from(FingerPosition).filter(lambda position: position <= 10),
    st.sampled_from(Impression),
)


@pytest.mark.parametrize(("write", "unit"), WRITERS.values(), ids=WRITERS)
@given(fingers=st.lists(finger, min_size=1, max_size=6))
def test_a_round_trip_is_off_by_half_a_pixel_and_half_an_angle_unit_at_most(
    write: Writer, unit: float, fingers: list[FingerTemplate]
) -> None:
    back = iso.read_records(write(fingers))
    assert len(back) == len(fingers)
    for before, after in zip(fingers, back, strict=True):
        one, other = before.minutiae, after.minutiae
        for axis in ("x", "y"):
            assert np.abs(one[axis].astype(int) - other[axis]).max() <= 8
        turned = (one["angle"].astype(int) - other["angle"] + 32768) % 65536 - 32768
        assert np.abs(turned).max() <= unit / 2 * DEGREE + 0.5
        np.testing.assert_array_equal(one["kind"], other["kind"])
        np.testing.assert_array_equal(
            other["quality"], np.maximum(one["quality"], int(write is not iso.write_iso_2011))
        )
        assert (before.position, before.impression) == (after.position, after.impression)
        assert (before.width, before.height, before.quality) == (300, 400, after.quality)


@pytest.mark.parametrize(("write", "unit"), WRITERS.values(), ids=WRITERS)
@given(fingers=st.lists(finger, min_size=1, max_size=3))
def test_a_second_round_trip_changes_nothing(
    write: Writer, unit: float, fingers: list[FingerTemplate]
) -> None:
    once = write(fingers)
    assert write(list(iso.read_records(once))) == once


def test_a_minutia_on_the_far_edge_is_written_into_the_last_pixel() -> None:
    (back,) = iso.read_records(iso.write_iso_2005([template([(4800, 6400, 0, 1, 9)])]))
    assert marks(back) == [(299 * 16, 399 * 16, 0, 1, 9)]


def unfit(**changes: object) -> list[FingerTemplate]:
    return [replace(template([(16, 16, 0, 1, 9)]), **changes)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "fingers",
    [
        [],
        unfit() * 17,
        unfit() * 177,
        unfit(position=FingerPosition.RIGHT_FOUR),
        unfit(width=0),
        unfit(height=16384),
        unfit(quality=101),
        unfit(minutiae=np.zeros(256, MINUTIA)),
        unfit(minutiae=np.zeros(3)),
        unfit(minutiae=np.array([(4801, 0, 0, 0, 0)], MINUTIA)),
        unfit(minutiae=np.array([(0, 6401, 0, 0, 0)], MINUTIA)),
        unfit(minutiae=np.array([(0, 0, 0, 3, 0)], MINUTIA)),
        unfit(minutiae=np.array([(0, 0, 0, 0, 101)], MINUTIA)),
    ],
)
@pytest.mark.parametrize(("write", "unit"), WRITERS.values(), ids=WRITERS)
def test_what_a_record_cannot_hold_is_not_written(
    write: Writer, unit: float, fingers: list[FingerTemplate]
) -> None:
    with pytest.raises(FormatRefused):
        write(fingers)


def test_an_empty_template_is_written_to_iso_2005_but_has_no_place_in_iso_2011() -> None:
    empty = template([])
    (back,) = iso.read_records(iso.write_iso_2005([empty]))
    assert marks(back) == []
    with pytest.raises(FormatRefused):
        iso.write_iso_2011([empty])
