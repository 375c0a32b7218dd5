"""Code tables of ANSI/NIST-ITL (NIST SP 500-290) as far as the profile uses them."""

from __future__ import annotations

from types import MappingProxyType

from interfaces.formats.headers import Container
from matcher.vocabulary import Impression

HEADER_TYPE, TEXT_TYPE, FINGER_BINARY_TYPE, FACE_TYPE, FINGER_TYPE = 1, 2, 4, 10, 14
"""Record types of the profile. Type-2 must be well-formed, but its text has no agreed fields."""

BINARY_TYPES = frozenset({3, 4, 5, 6, 7, 8})
"""Record types that begin with a binary length instead of numbered fields."""

IGNORED_TYPES = MappingProxyType(
    {
        3: "low-resolution grey images are below 500 ppi",
        5: "low-resolution binary images lack grey levels",
        6: "high-resolution binary images lack grey levels",
        7: "user-defined images have no agreed content",
        8: "signatures are not compared",
        9: "minutiae are extracted from images",
        11: "voice is not compared",
        12: "dental records are not compared",
        13: "latent marks are not captures of a person",
        15: "palms are not compared",
        16: "test images have no agreed content",
        17: "irises are not compared",
        18: "DNA is not compared",
        19: "footprints are not compared",
        20: "source recordings are not compared",
        21: "context recordings are not compared",
        22: "other imagery is not compared",
        98: "integrity comes from the connection",
        99: "other biometrics are not compared",
    }
)
"""Record types left out, with the rule why; types in no table are refused."""

IMPRESSIONS = MappingProxyType(
    {
        **dict.fromkeys((0, 2, 20, 22, 24, 26), Impression.FLAT),
        **dict.fromkeys((1, 3, 21, 23, 25, 27), Impression.ROLLED),
    }
)
"""Impression of the codes for live scans, cards and contact-free capture, plain and rolled."""

LATENT_IMPRESSIONS = frozenset({4, 5, 6, 7})
"""Codes of finger marks found at scenes; palms, swipes and unknown kinds are refused."""

OTHER_POSITIONS = frozenset({*range(16, 39), *range(40, 51), *range(60, 80), *range(81, 87)})
"""Positions of the standard that name extra fingers, joints, palms, pairs of fingers, soles and
toes; they are ignored."""

CONTAINERS = MappingProxyType(
    {
        "NONE": None,
        "WSQ20": Container.WSQ,
        "WSQ": Container.WSQ,
        "JPEGB": Container.JPEG,
        "JP2": Container.JPEG2000,
        "JP2L": Container.JPEG2000,
        "PNG": Container.PNG,
    }
)
"""Container of each compression code; None: grey levels row by row. JPEGL (lossless JPEG of
1993) is not in the profile."""

BINARY_COMPRESSIONS = ("NONE", "WSQ20", "JPEGB", "JPEGL", "JP2", "JP2L", "PNG")
"""Compression codes in the order of their numbers in Type-4."""

FIELD_NAMES = MappingProxyType(
    {
        "transaction_type": 4,
        "date": 5,
        "destination_agency": 7,
        "originating_agency": 8,
        "control_number": 9,
    }
)
"""Texts of Type-1 that a Capture keeps, and their field numbers."""
