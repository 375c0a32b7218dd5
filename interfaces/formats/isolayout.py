"""What finger minutiae records of ISO/IEC 19794-2 and INCITS 378 have in common.

All numbers are big-endian. A minutia takes six bytes in every record format: two bits of kind
and fourteen of x, two reserved bits and fourteen of y, the angle, the quality; ISO/IEC
19794-2:2011 may leave the quality out.

Axes and directions are the same in all of them and the same as ours: the origin is the upper
left pixel, x grows to the right, y grows downwards, angles grow counter-clockwise as seen on the
image from the positive x axis. The direction of an ending points back along the ridge that ends,
that of a bifurcation back along the valley that ends in the fork. Only the units differ.

Sources: the NIST Biometric Data Interchange software (public domain) for the formats of 2004 and
2005, and the free format summaries of templates.machinezoo.com (CC BY 4.0) for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from matcher.vocabulary import Impression

FOREIGN_MODEL = "iso-19794-2"
"""Model id of every imported template: its minutiae are a foreign extractor's, whose errors and
qualities differ from ours, so that a comparison with templates of our own must be refused."""

RECORD_BYTES = 512 * 1024
"""Longest record that is looked at: all views with all minutiae make 280 kB."""

VIEWS_MAX = 176
"""Views of one record: sixteen of each of ten fingers and of unknown position."""

VIEWS_PER_POSITION_MAX = 16
"""Views of one finger: their number has four bits."""

MINUTIAE_MAX = 255
"""Minutiae of one view: their number has one byte."""

QUALITY_MAX = 100
"""Best quality of a finger view or a minutia."""

QUALITY_UNREPORTED = 50
"""Quality read where a record reports none. The matcher weighs minutiae by it, so that it is the
middle of the scale: none is preferred, and none counts for nothing."""

COORDINATE_BITS = 14
COORDINATE_MAX = 2**COORDINATE_BITS - 1
"""Largest coordinate of a minutia; the two bits above x hold the kind."""

MAGIC_20, MAGIC_30, MAGIC_35 = b"FMR\0 20\0", b"FMR\x00030\0", b"FMR\x00035\0"
"""Format identifier and version. Each of the first two stands for an ISO and an INCITS format."""

FULL_TURN = 65536
"""Units of a MINUTIA angle in a full turn."""

PER_CM_500_DPI = 197
"""Resolution field of a 500 dpi image: 196.85 pixels per centimetre as a whole number."""

FULL = np.dtype([("x", ">u2"), ("y", ">u2"), ("angle", "u1"), ("quality", "u1")])
SHORT = np.dtype([("x", ">u2"), ("y", ">u2"), ("angle", "u1")])
"""A minutia with and without its quality."""

IMPRESSION_CODES = MappingProxyType({Impression.FLAT: 0, Impression.ROLLED: 1})
"""Codes that are written: live-scan plain and rolled."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One record format. turn: angle units in a full turn. unreported: qualities that say none."""

    name: str
    turn: int
    unreported: tuple[int, ...]


INCITS_2004 = Layout("INCITS 378-2004", turn=180, unreported=(0,))
ISO_2005 = Layout("ISO/IEC 19794-2:2005", turn=256, unreported=(0,))
INCITS_2009 = Layout(
    "INCITS 378-2009 (not ISO/IEC 19794-2:2011, whose lengths would add up)",
    turn=180,
    unreported=(254, 255),
)
ISO_2011 = Layout("ISO/IEC 19794-2:2011", turn=256, unreported=(254, 255))
