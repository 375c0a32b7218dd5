"""Return indicators of a reporting period, counted from what a State's return case system knows.

The Commission's plan for the pact asks for them (seed 004); they are national figures and no part
of Art. 12(1). A share without any case to divide by is None, never zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from interfaces.eurodac.periods import utc


class ReturnEvent(StrEnum):
    """What happens in a return case."""

    APPLICATION_REJECTED = "APPLICATION_REJECTED"
    RETURN_DECISION = "RETURN_DECISION"
    RETURN_DECISION_AFTER_REJECTION = "RETURN_DECISION_AFTER_REJECTION"
    READMISSION_REQUESTED = "READMISSION_REQUESTED"
    COUNSELLED = "COUNSELLED"
    RETURNED_VOLUNTARILY = "RETURNED_VOLUNTARILY"
    RETURNED_BY_FORCE = "RETURNED_BY_FORCE"
    FRONTEX_SUPPORTED = "FRONTEX_SUPPORTED"


DECISIONS = frozenset({ReturnEvent.RETURN_DECISION, ReturnEvent.RETURN_DECISION_AFTER_REJECTION})
RETURNS = frozenset({ReturnEvent.RETURNED_VOLUNTARILY, ReturnEvent.RETURNED_BY_FORCE})


@dataclass(frozen=True, slots=True)
class ReturnRow:
    """One event of one State."""

    event: ReturnEvent
    at: datetime
    state: str


@dataclass(frozen=True, slots=True)
class Indicator:
    """One figure: count of so many. share: their quotient; None when there is nothing to share."""

    name: str
    state: str
    count: int
    of: int

    @property
    def share(self) -> float | None:
        """Count divided by what it is counted of."""
        return self.count / self.of if self.of else None


INDICATORS: Mapping[str, tuple[frozenset[ReturnEvent], frozenset[ReturnEvent]]] = MappingProxyType(
    {
        "return decisions per rejected application": (
            frozenset({ReturnEvent.RETURN_DECISION_AFTER_REJECTION}),
            frozenset({ReturnEvent.APPLICATION_REJECTED}),
        ),
        "readmission requests per return decision": (
            frozenset({ReturnEvent.READMISSION_REQUESTED}),
            DECISIONS,
        ),
        "voluntary returns per return": (
            frozenset({ReturnEvent.RETURNED_VOLUNTARILY}),
            RETURNS,
        ),
        "persons counselled per return decision": (
            frozenset({ReturnEvent.COUNSELLED}),
            DECISIONS,
        ),
        "returns with Frontex services per return": (
            frozenset({ReturnEvent.FRONTEX_SUPPORTED}),
            RETURNS,
        ),
    }
)
"""Indicator: what is counted, and of what."""


def indicators(rows: Iterable[ReturnRow], begin: datetime, end: datetime) -> tuple[Indicator, ...]:
    """All indicators by State for the events from begin up to but not including end.

    >>> from datetime import UTC
    >>> july = datetime(2026, 7, 1, tzinfo=UTC)
    >>> rows = [ReturnRow(ReturnEvent.RETURNED_VOLUNTARILY, july, "DK")]
    >>> [one.share for one in indicators(rows, july, datetime(2026, 8, 1, tzinfo=UTC))]
    [None, None, 1.0, None, 0.0]
    """
    happened = Counter(
        (row.state, row.event) for row in rows if utc(begin) <= utc(row.at) < utc(end)
    )
    states = sorted({state for state, _ in happened})
    return tuple(
        Indicator(name, state, _total(happened, state, counted), _total(happened, state, of))
        for state in states
        for name, (counted, of) in INDICATORS.items()
    )


def _total(
    happened: Counter[tuple[str, ReturnEvent]], state: str, events: frozenset[ReturnEvent]
) -> int:
    return sum(happened[state, event] for event in events)
