"""What the ledger holds, as values: data sets, arrivals, and what statistics count."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """Where a stored data set stands."""

    WAITING = "WAITING"
    SEARCHABLE = "SEARCHABLE"
    QUALITY_REFUSED = "QUALITY_REFUSED"
    NOT_COMPARABLE = "NOT_COMPARABLE"


class ArrivalKind(StrEnum):
    """What arrived for comparison."""

    TRANSMITTED = "TRANSMITTED"
    RESENT = "RESENT"
    SEARCH = "SEARCH"


@dataclass(frozen=True, slots=True)
class StoredDataSet:
    """One data set as stored: message and capture serialized, template encoded by the matcher."""

    id: int
    reference_number: str
    origin: str
    status: Status
    message: bytes
    capture: bytes
    template: bytes | None
    retained_until: datetime


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request for comparison, in order of arrival. payload: a search's request, else empty."""

    id: int
    reference_number: str
    state: str
    kind: ArrivalKind
    urgent: bool
    include_own: bool
    arrived_at: datetime
    compare_by: datetime
    payload: bytes | None


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something that statistics count: what happened, when, to whose data."""

    at: datetime
    kind: str
    state: str
    detail: dict[str, Any]
