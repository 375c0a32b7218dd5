"""The data set of Art. 2(1)(y) and the table fields x category (Arts 17, 19, 21 to 24, 26)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from interfaces.eurodac.categories import Category

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
    follow_up: bool = False


@dataclass(frozen=True, slots=True)
class DataSet:
    """One data set. Attribute names are the field names of the wire; None or empty: absent.

    Biometrics are kept beside it, never in it.
    """

    category: Category
    origin: str
    reference_number: str = ""
    surnames: tuple[str, ...] = ()
    forenames: tuple[str, ...] = ()
    names_at_birth: tuple[str, ...] = ()
    earlier_names: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    nationalities: tuple[str, ...] = ()
    date_of_birth: str = ""
    place_of_birth: str = ""
    sex: Sex | None = None
    event: Event | None = None
    document: Document | None = None
    document_scans: tuple[DocumentScan, ...] = ()
    biometrics_taken_at: datetime | None = None
    transmitted_at: datetime | None = None
    operator_user_id: str = ""
    responsible_state: str = ""
    relocation_state: str = ""
    arrival_after_take_charge_on: date | None = None
    arrival_after_take_back_on: date | None = None
    left_member_states_on: date | None = None
    removed_on: date | None = None
    arrival_after_relocation_on: date | None = None
    visa: Visa | None = None
    security_flag: bool = False
    application_rejected: bool = False
    border_procedure_final: bool = False
    avrr_granted: bool = False
    admission_decision: AdmissionDecision | None = None
    exclusion_ground_applies: bool = False
    council_decision: CouncilDecision | None = None
    marks: tuple[Mark, ...] = ()
    case_reference: str = ""
