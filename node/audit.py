"""The audit chain: who did what, when, for which purpose, about which number (Arts 41(1), 41(5)).

A record's link is an HMAC-SHA-256 over the previous link and the record's canonical JSON, under a
key that the database does not hold: who can write the database can neither change, drop, insert
nor reorder records unnoticed. Cutting off the newest records shows against a link that was noted
elsewhere, which is what `Verdict.head` is for. No record holds a name, an image or a template.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum

from node.access import Act, Actor, Purpose

FIRST_LINK = bytes(32)
"""What stands before the first record."""


class Outcome(StrEnum):
    """How an act ended."""

    DONE = "DONE"
    REPEATED = "REPEATED"
    REFUSED = "REFUSED"
    DENIED = "DENIED"


@dataclass(frozen=True, slots=True)
class Record:
    """One act. at: aware instant. detail: codes or counts, never personal data."""

    at: datetime
    actor: Actor
    act: Act
    purpose: Purpose
    outcome: Outcome
    reference_number: str = ""
    detail: str = ""

    def canonical(self) -> bytes:
        """The one JSON form of the record, over which it is linked."""
        content = asdict(self) | {"at": self.at.astimezone(UTC).isoformat(timespec="microseconds")}
        return json.dumps(
            content, sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode()


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as it lies in the store. number: 1, 2, 3 ... without a gap."""

    number: int
    record: Record
    link: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """Outcome of a verification. broken_at: number of the first entry that does not fit, or None.

    head: the last link that fits; noted elsewhere, it later proves that nothing was cut off.
    """

    entries: int
    head: bytes
    broken_at: int | None


def link(key: bytes, previous: bytes, record: Record) -> bytes:
    """The link of a record that follows another."""
    return hmac.new(key, previous + record.canonical(), hashlib.sha256).digest()


def verify(key: bytes, entries: Iterable[Entry]) -> Verdict:
    """Walk the chain from its first entry and stop at the first that does not fit."""
    head, count = FIRST_LINK, 0
    for entry in entries:
        expected = link(key, head, entry.record)
        if entry.number != count + 1 or not hmac.compare_digest(expected, entry.link):
            return Verdict(count, head, broken_at=count + 1)
        head, count = entry.link, entry.number
    return Verdict(count, head, broken_at=None)
