"""The audit chain: who did what, when, for which purpose, about which number (Arts 41(1), 41(5)).

A record's link is an HMAC-SHA-256 over the previous link and the record's canonical JSON, under a
key that the database does not hold: who can write the database can neither change, drop, insert
nor reorder records unnoticed. Cutting off the newest records shows against a link that was noted
elsewhere, which is what `Verdict.head` is for. No record holds a name, an image or a template.

Records are erased at the end of their time (Art. 41(4)). In the place of each run of erased records
stands an anchor: its numbers and its last link, sealed under the same key over the link before it,
so that the rest of the chain is proved as before and nobody else can erase anything unnoticed.
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
class Anchor:
    """What stands in the place of records that were erased at the end of their time.

    first, last: their numbers, of which none is left out. link: of the last of them. seal: proves
    that the holder of the key put the anchor there, after the link before `first`.
    """

    first: int
    last: int
    link: bytes
    seal: bytes

    @property
    def count(self) -> int:
        """How many records were erased."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """Outcome of a verification. broken_at: number of the first entry that does not fit, or None.

    entries: how many are there. head: the last link that fits; noted elsewhere, it later proves
    that nothing was cut off. erased, anchors: records erased at their end, and at how many places.
    """

    entries: int
    head: bytes
    broken_at: int | None
    erased: int = 0
    anchors: int = 0


def link(key: bytes, previous: bytes, record: Record) -> bytes:
    """The link of a record that follows another."""
    return hmac.new(key, previous + record.canonical(), hashlib.sha256).digest()


def make_anchor(
    key: bytes, previous: bytes, numbers: tuple[int, int], *, last_link: bytes
) -> Anchor:
    """The anchor for the records from one number to another. previous: the link before them."""
    return Anchor(*numbers, last_link, _seal(key, previous, numbers, last_link))


def fits(key: bytes, previous: bytes, anchor: Anchor) -> bool:
    """Whether the holder of the key put this anchor after this link."""
    expected = _seal(key, previous, (anchor.first, anchor.last), anchor.link)
    return hmac.compare_digest(expected, anchor.seal)


def verify(key: bytes, entries: Iterable[Entry], anchors: Iterable[Anchor] = ()) -> Verdict:
    """Walk the chain from its first entry, over the anchors, and stop at the first misfit."""
    walk = _Walk(key, {anchor.first: anchor for anchor in anchors})
    for entry in entries:
        if not (walk.over_anchors() and walk.over_entry(entry)):
            return walk.verdict(broken=True)
    # What is left stands behind the newest record, or where records are.
    return walk.verdict(broken=not walk.over_anchors() or bool(walk.waiting))


class _Walk:
    """The place that a verification has reached."""

    def __init__(self, key: bytes, waiting: dict[int, Anchor]) -> None:
        self.key = key
        self.waiting = waiting
        self.head = FIRST_LINK
        self.number = 0
        self.entries = self.erased = self.anchors = 0

    def over_anchors(self) -> bool:
        """Go over the anchors that stand here; False where one does not fit."""
        while (anchor := self.waiting.get(self.number + 1)) is not None:
            if anchor.last < anchor.first or not fits(self.key, self.head, anchor):
                return False
            del self.waiting[anchor.first]
            self.head, self.number = anchor.link, anchor.last
            self.erased, self.anchors = self.erased + anchor.count, self.anchors + 1
        return True

    def over_entry(self, entry: Entry) -> bool:
        """Go over one entry; False where it does not fit."""
        expected = link(self.key, self.head, entry.record)
        if entry.number != self.number + 1 or not hmac.compare_digest(expected, entry.link):
            return False
        self.head, self.number = entry.link, entry.number
        self.entries += 1
        return True

    def verdict(self, *, broken: bool) -> Verdict:
        """What was found so far."""
        broken_at = self.number + 1 if broken else None
        return Verdict(self.entries, self.head, broken_at, self.erased, self.anchors)


# The sign in front keeps seals of anchors and links of records apart: no link is this text.
_ANCHOR = b"eurodac-node erased records"


def _seal(key: bytes, previous: bytes, numbers: tuple[int, int], last_link: bytes) -> bytes:
    told = b"".join(number.to_bytes(8, "big", signed=True) for number in numbers)
    return hmac.new(key, _ANCHOR + previous + told + last_link, hashlib.sha256).digest()
