"""Results and notices to Member States: numbered per State, kept until acknowledged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from google.protobuf.message import Message

from interfaces import wire
from interfaces.central.centre import Centre
from interfaces.central.entries import Entries
from interfaces.central.holdings import StoredDataSet
from interfaces.eurodac import sequence
from interfaces.formats.errors import FormatRefused
from interfaces.pb.eurodac.central.v1 import central_pb2

PAGE = 4
"""Notices read from the ledger at once: each may be as large as a message, as hits have images."""

MAX_RESULT_BYTES = 48 * 1024 * 1024
"""Most bytes of the hits in one notice, which must fit into a message of 64 MiB; what is beyond
comes as further notices of the same result."""


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


def issue_result(
    entries: Entries,
    state: str,
    reference_number: str,
    *,
    now: datetime,
    result: central_pb2.ComparisonResult,
) -> None:
    """Write the result of a comparison, in order of precedence, in as many notices as it needs."""
    for hits in _portions(result.hits):
        part = central_pb2.ComparisonResult(
            outcome=result.outcome, compared_at=result.compared_at, hits=hits
        )
        issue(entries, state, reference_number, now=now, comparison_result=part)


def _portions(hits: Sequence[central_pb2.Hit]) -> list[list[central_pb2.Hit]]:
    portions: list[list[central_pb2.Hit]] = [[]]
    used = 0
    for hit in hits:
        size = hit.ByteSize()
        if portions[-1] and used + size > MAX_RESULT_BYTES:
            portions.append([])
            used = 0
        portions[-1].append(hit)
        used += size
    return portions


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
