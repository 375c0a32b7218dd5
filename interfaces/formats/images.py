"""Single images: untrusted bytes of one finger, slap or face -> samples."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from interfaces.formats import limits, raster, wavelet
from interfaces.formats.decoding import decode
from interfaces.formats.errors import FormatRefused, Rule
from interfaces.formats.headers import Bytes, Container, Header
from matcher import slaps
from matcher.vocabulary import FaceSample, FingerPosition, FingerSample, Impression

PLAIN_THUMBS = {
    FingerPosition.RIGHT_THUMB_PLAIN: FingerPosition.RIGHT_THUMB,
    FingerPosition.LEFT_THUMB_PLAIN: FingerPosition.LEFT_THUMB,
}
"""The codes 11 and 12 name the thumbs 1 and 6, pressed flat."""


def read_finger(
    data: bytes,
    *,
    position: FingerPosition,
    impression: Impression | None = None,
    dpi: float | None = None,
    missing: Collection[FingerPosition] = (),
) -> tuple[FingerSample, ...]:
    """The fingers of one image; a slap (13, 14, 15) is cut into its fingers.

    dpi: what is known beside the image; needed when the container says nothing, refused when
    it contradicts the container. missing: fingers that a slap need not show. Raises
    FormatRefused.
    """
    sample = read_sample(data, position=position, impression=impression, dpi=dpi)
    return split(sample, missing)


def read_sample(
    data: bytes,
    *,
    position: FingerPosition,
    impression: Impression | None = None,
    dpi: float | None = None,
) -> FingerSample:
    """One image as it was captured, slaps uncut. Arguments and errors as in read_finger."""
    limits.check_bytes(data, limits.IMAGE_BYTES, "image")
    header = inspect(data)
    field = str(header.container)
    limits.check_sides(header.width, header.height, pixels_max=limits.FINGER_PIXELS, field=field)
    settled = limits.settle_resolution(header.dpi, dpi, field)
    pixels = decode(data, header, colour=False)
    return identify(pixels, settled, position, impression)


def read_face(data: bytes) -> FaceSample:
    """One photograph, upright, in RGB. Raises FormatRefused."""
    limits.check_bytes(data, limits.IMAGE_BYTES, "photograph")
    header = inspect(data)
    if header.container == Container.WSQ:
        reason = "is WSQ, which only holds fingerprints"
        raise FormatRefused(Rule.FORMAT, "photograph", reason, "send JPEG, JPEG 2000 or PNG")
    field = str(header.container)
    limits.check_sides(header.width, header.height, pixels_max=limits.FACE_PIXELS, field=field)
    return FaceSample(decode(data, header, colour=True))


def inspect(data: bytes) -> Header:
    """The header of an image of any container of the profile. Raises FormatRefused."""
    for magic, container, parse in (*raster.PARSERS, *wavelet.PARSERS):
        if data.startswith(magic):
            return parse(Bytes(data, str(container)))
    reason = "is none of " + ", ".join(Container)
    remedy = "send one of these, or an ANSI/NIST transaction"
    raise FormatRefused(Rule.FORMAT, "image", reason, remedy)


def identify(
    pixels: NDArray[np.uint8], dpi: float, position: FingerPosition, impression: Impression | None
) -> FingerSample:
    """Name what the pixels show; slaps and the plain thumbs are always flat."""
    if position > FingerPosition.LEFT_LITTLE:
        if impression == Impression.ROLLED:
            reason = f"{int(position)} is a plain impression but stated as rolled"
            raise FormatRefused(Rule.POSITION, "position", reason, "correct whichever is wrong")
        impression = Impression.FLAT
    impression = Impression.FLAT if impression is None else impression
    return FingerSample(pixels, dpi, PLAIN_THUMBS.get(position, position), impression)


def split(
    sample: FingerSample, missing: Collection[FingerPosition] = ()
) -> tuple[FingerSample, ...]:
    """The single fingers of a sample, a slap being cut; refuses a slap that hides a finger."""
    if sample.position not in slaps.FINGERS:
        return (sample,)
    segmentation = slaps.segment(sample, missing=missing)
    if segmentation.problem:
        field = f"slap {int(sample.position)}"
        remedy = "capture the slap again, or declare the missing fingers"
        raise FormatRefused(Rule.MISSING_UNDECLARED, field, segmentation.problem, remedy)
    return segmentation.fingers
