"""Results and notices to Member States: numbered per State, kept until acknowledged."""

from __future__ import annotations

from datetime import datetime

from google.protobuf.message import Message

from interfaces import wire
from interfaces.central.centre import Centre
from interfaces.central.ledger import Entries, StoredDataSet
from interfaces.eurodac import sequence
from interfaces.formats.errors import FormatRefused
from interfaces.pb.eurodac.central.v1 import central_pb2

PAGE = 100
"""Notices read from the ledger at once: a hit carries images, so a page may have some MB."""


def issue(
    entries: Entries,
    state: str,
    reference_number: str,
    *,
    now: datetime,
    **content: Message,
) -> None:
    """Write one notice to a State about its own data set. content: one field of Notice."""
    cursor = entries.next_cursor(state)
    notice = central_pb2.Notice(
        cursor=cursor,
        issued_at=wire.instant_to(now),
        reference_number=reference_number,
        **content,  # type: ignore[arg-type]
    )
    entries.issue(state, cursor, notice.SerializeToString())


def tell_others(
    entries: Entries, about: StoredDataSet, *, now: datetime, **content: Message
) -> None:
    """Notify every other origin State whose data set is of the same sequence (rulebook H.4)."""
    for other in others_of(entries, about):
        issue(entries, other.origin, other.reference_number, now=now, **content)


def others_of(entries: Entries, about: StoredDataSet) -> list[StoredDataSet]:
    """Other States' data sets of the same person: those of its sequence (Art. 3(6))."""
    links = entries.links()
    names = {about.reference_number} | {name for link in links for name in (link.one, link.other)}
    members = next(
        group for group in sequence.components(names, links) if about.reference_number in group
    )
    stored = [entries.data_set(name) for name in sorted(members)]
    return [other for other in stored if other is not None and other.origin != about.origin]


def acknowledge(
    centre: Centre, state: str, request: central_pb2.AcknowledgeNoticesRequest
) -> central_pb2.AcknowledgeNoticesResponse:
    """Let go of what the State has made durable on its side."""
    with centre.ledger.write() as entries:
        issued = entries.acknowledge(state, request.up_to)
    if request.up_to > issued:
        raise FormatRefused(
            "W01 VALUE", "up_to", "no notice has been issued up to there", f"at most {issued}"
        )
    return central_pb2.AcknowledgeNoticesResponse()
