"""The records inside a data set <-> messages: event, document, scans, visa, decisions, marks."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from interfaces.eurodac.dataset import (
    AdmissionDecision,
    AdmissionOutcome,
    Authenticity,
    CouncilDecision,
    Document,
    DocumentScan,
    Event,
    Mark,
    MarkType,
    Visa,
)
from interfaces.formats.errors import FormatRefused
from interfaces.pb.eurodac.central.v1 import terms_pb2
from interfaces.wire.scalars import (
    day,
    day_to,
    enumerated,
    instant_from,
    instant_to,
    mark_type_to,
    text,
    texts,
)

MAX_SCAN_BYTES = 8 * 1024 * 1024
"""Largest colour scan of a document: a passport page at 600 dpi as JPEG has about 4 MB."""

MAX_SCANS = 4
"""Most document scans of one data set: passport pages and one other document."""


def event_from(_: str, message: terms_pb2.Event) -> Event:
    """Row 7 from its message; the date is never absent."""
    if not message.HasField("occurred_at"):
        raise FormatRefused("W02 ABSENT", "event.occurred_at", "no date", "state when it happened")
    place = text("event.place", message.place)
    return Event(place, instant_from(message.occurred_at, "event.occurred_at"), message.date_only)


def document_from(_: str, message: terms_pb2.Document) -> Document:
    """Row 9 from its message."""
    return Document(
        text("document.type", message.type),
        text("document.number", message.number),
        text("document.issuing_country", message.issuing_country),
        day("document.expires_on", message.expires_on),
    )


def document_to(document: Document) -> terms_pb2.Document:
    """Row 9 as a message."""
    return terms_pb2.Document(
        type=document.type,
        number=document.number,
        issuing_country=document.issuing_country,
        expires_on=day_to(document.expires_on),
    )


def scans_from(name: str, messages: Iterable[terms_pb2.DocumentScan]) -> tuple[DocumentScan, ...]:
    """Row 10 from its messages; sizes and authenticity checked for form."""
    read = enumerated(terms_pb2.DocumentScan.Authenticity, "AUTHENTICITY_", Authenticity)
    scans = tuple(
        DocumentScan(
            scan.identity_document,
            read("document_scans.authenticity", scan.authenticity),
            scan.image,
        )
        for scan in islice(messages, MAX_SCANS + 1)
    )
    if len(scans) > MAX_SCANS:
        raise FormatRefused("W03 TOO_LONG", name, "too many scans", f"at most {MAX_SCANS}")
    if any(len(scan.image) > MAX_SCAN_BYTES for scan in scans):
        raise FormatRefused("W03 TOO_LONG", name, "scan too large", f"at most {MAX_SCAN_BYTES} B")
    return scans


def scan_to(scan: DocumentScan) -> terms_pb2.DocumentScan:
    """One scan of row 10 as a message."""
    return terms_pb2.DocumentScan(
        identity_document=scan.identity_document,
        authenticity=terms_pb2.DocumentScan.Authenticity.Value(f"AUTHENTICITY_{scan.authenticity}"),
        image=scan.image,
    )


def visa_from(_: str, message: terms_pb2.Visa) -> Visa:
    """Row 22 from its message."""
    return Visa(
        text("visa.issuing_state", message.issuing_state),
        text("visa.application_number", message.application_number),
    )


def decision_from(_: str, message: terms_pb2.AdmissionDecision) -> AdmissionDecision:
    """Rows 27 to 29 from their message."""
    read = enumerated(terms_pb2.AdmissionOutcome, "ADMISSION_OUTCOME_", AdmissionOutcome)
    decided_on = day("admission_decision.decided_on", message.decided_on)
    if decided_on is None:
        raise FormatRefused(
            "W02 ABSENT", "admission_decision.decided_on", "no date", "state when it was decided"
        )
    return AdmissionDecision(
        read("admission_decision.outcome", message.outcome),
        decided_on,
        texts("admission_decision.grounds", message.grounds),
    )


def decision_to(decision: AdmissionDecision) -> terms_pb2.AdmissionDecision:
    """Rows 27 to 29 as a message."""
    return terms_pb2.AdmissionDecision(
        outcome=terms_pb2.AdmissionOutcome.Value(f"ADMISSION_OUTCOME_{decision.outcome}"),
        decided_on=decision.decided_on.isoformat(),
        grounds=decision.grounds,
    )


def council_from(_: str, message: terms_pb2.CouncilDecision) -> CouncilDecision:
    """Row 31 from its message."""
    in_force_on = day("council_decision.in_force_on", message.in_force_on)
    if in_force_on is None:
        raise FormatRefused(
            "W02 ABSENT", "council_decision.in_force_on", "no date", "state when it entered force"
        )
    return CouncilDecision(text("council_decision.reference", message.reference), in_force_on)


def marks_from(name: str, messages: Iterable[terms_pb2.Mark]) -> tuple[Mark, ...]:
    """Row 32 from its messages; each type once."""
    read = enumerated(terms_pb2.MarkType, "MARK_TYPE_", MarkType)
    marks = tuple(
        Mark(
            read("marks.type", mark.type),
            text("marks.set_by", mark.set_by),
            instant_from(mark.set_at, "marks.set_at"),
            mark.follow_up,
        )
        # One more than there are types must repeat one.
        for mark in islice(messages, len(MarkType) + 1)
    )
    if len({mark.type for mark in marks}) < len(marks):
        raise FormatRefused("W01 VALUE", name, "a mark is there twice", "send each type once")
    return marks


def mark_to(mark: Mark) -> terms_pb2.Mark:
    """One mark of row 32 as a message."""
    return terms_pb2.Mark(
        type=mark_type_to(mark.type),
        set_by=mark.set_by,
        set_at=instant_to(mark.set_at),
        follow_up=mark.follow_up,
    )


def event_to(event: Event) -> terms_pb2.Event:
    """Row 7 as a message."""
    return terms_pb2.Event(
        place=event.place, occurred_at=instant_to(event.occurred_at), date_only=event.date_only
    )


def visa_to(visa: Visa) -> terms_pb2.Visa:
    """Row 22 as a message."""
    return terms_pb2.Visa(
        issuing_state=visa.issuing_state, application_number=visa.application_number
    )


def council_to(decision: CouncilDecision) -> terms_pb2.CouncilDecision:
    """Row 31 as a message."""
    return terms_pb2.CouncilDecision(
        reference=decision.reference, in_force_on=decision.in_force_on.isoformat()
    )
