"""What a capture consists of once its bytes are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from interfaces.formats.errors import FormatRefused, Rule
from matcher.vocabulary import FaceSample, FingerPosition, FingerSample


class MissingReason(StrEnum):
    """Why a finger was not captured; the value is the code of ANSI/NIST-ITL field 14.018."""

    AMPUTATED = "XX"
    UNABLE_TO_PRINT = "UP"


@dataclass(frozen=True, slots=True, eq=False)
class Capture:
    """The samples of one person, as one sender delivered them.

    fingers: single fingers only, each position and impression at most once (UNKNOWN apart).
    missing: fingers declared as not captured. ignored: what was left out, and the rule why.
    texts: the header of the transaction (transaction_type, date, destination_agency,
    originating_agency, control_number), as far as it had one.
    """

    fingers: tuple[FingerSample, ...] = ()
    faces: tuple[FaceSample, ...] = ()
    missing: Mapping[FingerPosition, MissingReason] = field(
        default_factory=lambda: MappingProxyType({})
    )
    ignored: tuple[str, ...] = ()
    texts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def check_fingers(
    fingers: tuple[FingerSample, ...], missing: Mapping[FingerPosition, MissingReason]
) -> None:
    """Refuse a finger given twice in one impression, or both given and declared missing."""
    seen = set()
    for finger in fingers:
        name = f"finger {int(finger.position)}"
        key = (finger.position, finger.impression)
        if key in seen and finger.position != FingerPosition.UNKNOWN:
            reason = f"occurs twice as {finger.impression.name.lower()} impression"
            raise FormatRefused(Rule.DUPLICATE_FINGER, name, reason, "send it once")
        if finger.position in missing:
            reason = "is declared missing and yet captured"
            raise FormatRefused(Rule.FORMAT, name, reason, "correct whichever is wrong")
        seen.add(key)
