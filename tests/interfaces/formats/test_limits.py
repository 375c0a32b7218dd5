"""Limits and resolutions."""

from __future__ import annotations

import pytest

from interfaces.formats import FormatRefused
from interfaces.formats.limits import check_sides, settle_resolution


def test_rounding_to_whole_pixels_per_centimetre_is_no_contradiction() -> None:
    """197 pixels per cm are 500.38 dpi; the container's word is kept."""
    assert settle_resolution((500.38, 500.38), 500.0, "image") == 500.38


@pytest.mark.parametrize("stated", [489.0, 511.0])
def test_more_than_two_per_cent_is_a_contradiction(stated: float) -> None:
    with pytest.raises(FormatRefused, match="Q05"):
        settle_resolution((500.0, 500.0), stated, "image")


@pytest.mark.parametrize("dpi", [250.0, 500.0, 1000.0])
def test_the_range_of_resolutions_includes_its_ends(dpi: float) -> None:
    assert settle_resolution(None, dpi, "image") == dpi


@pytest.mark.parametrize(
    ("width", "height", "rule"),
    [
        (64, 64, None),
        (8_192, 64, None),
        (8_193, 64, "L01"),
        (64, 8_193, "L01"),
        (63, 64, "L02"),
        (0, 64, "L02"),
        (1_001, 1_000, "L01"),
        (1_000, 1_000, None),
    ],
)
def test_sides_and_their_product_are_bounded(width: int, height: int, rule: str | None) -> None:
    if rule is None:
        check_sides(width, height, pixels_max=1_000_000, field="image")
        return
    with pytest.raises(FormatRefused, match=rule):
        check_sides(width, height, pixels_max=1_000_000, field="image")
