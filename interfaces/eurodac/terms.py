"""The values that a data set is made of; numbers in comments are rows of the field table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

UNKNOWN = "UNKNOWN"
"""Says of a mandatory identity field that it was asked for and cannot be known."""


class Sex(StrEnum):
    """Row 8."""

    FEMALE = "FEMALE"
    MALE = "MALE"
    OTHER = "OTHER"
    UNKNOWN = "UNKNOWN"


class MarkType(StrEnum):
    """Row 32: Art. 31(1) and Art. 31(4)."""

    PROTECTION = "PROTECTION"
    RESIDENCE = "RESIDENCE"


class AdmissionOutcome(StrEnum):
    """Art. 18(2)(a), (b), (c)."""

    GRANTED = "GRANTED"
    REFUSED = "REFUSED"
    DISCONTINUED = "DISCONTINUED"


class Authenticity(StrEnum):
    """Row 10."""

    AUTHENTIC = "AUTHENTIC"
    NOT_ESTABLISHED = "NOT_ESTABLISHED"
    FORGED = "FORGED"


@dataclass(frozen=True, slots=True)
class Event:
    """Row 7. occurred_at: aware instant; start of the local day when only the date is known."""

    place: str
    occurred_at: datetime
    date_only: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """Row 9."""

    type: str
    number: str
    issuing_country: str
    expires_on: date | None = None


@dataclass(frozen=True, slots=True)
class DocumentScan:
    """Row 10. image: the colour scan's bytes as received."""

    identity_document: bool
    authenticity: Authenticity
    image: bytes


@dataclass(frozen=True, slots=True)
class Visa:
    """Row 22."""

    issuing_state: str
    application_number: str


@dataclass(frozen=True, slots=True)
class AdmissionDecision:
    """Rows 27 to 29. grounds: letters of Art. 6(1) of Regulation (EU) 2024/1350."""

    outcome: AdmissionOutcome
    decided_on: date
    grounds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CouncilDecision:
    """Row 31."""

    reference: str
    in_force_on: date


@dataclass(frozen=True, slots=True)
class Mark:
    """Row 32. set_by: Member State that set it first; follow_up: set because another had marked."""

    type: MarkType
    set_by: str
    set_at: datetime
    follow_up: bool
