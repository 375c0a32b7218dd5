"""Return indicators: rulebook J.5, last paragraph."""

from __future__ import annotations

from datetime import UTC, datetime

from interfaces.eurodac.returns import (
    INDICATORS,
    Indicator,
    ReturnEvent,
    ReturnRow,
    indicators,
)

JULY, AUGUST = datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC)


def rows(state: str, *events: ReturnEvent) -> list[ReturnRow]:
    return [ReturnRow(event, JULY, state) for event in events]


def test_indicators_are_counted_by_state() -> None:
    happened = [
        *rows("DK", *[ReturnEvent.APPLICATION_REJECTED] * 4),
        *rows("DK", *[ReturnEvent.RETURN_DECISION_AFTER_REJECTION] * 3),
        *rows("DK", ReturnEvent.RETURN_DECISION, ReturnEvent.READMISSION_REQUESTED),
        *rows("IT", ReturnEvent.RETURNED_BY_FORCE, ReturnEvent.RETURNED_VOLUNTARILY),
        *rows("IT", ReturnEvent.FRONTEX_SUPPORTED),
    ]
    found = {
        (one.state, one.name): (one.count, one.of) for one in indicators(happened, JULY, AUGUST)
    }
    assert found["DK", "return decisions per rejected application"] == (3, 4)
    assert found["DK", "readmission requests per return decision"] == (1, 4)
    assert found["DK", "persons counselled per return decision"] == (0, 4)
    assert found["IT", "voluntary returns per return"] == (1, 2)
    assert found["IT", "returns with Frontex services per return"] == (1, 2)
    assert len(found) == 2 * len(INDICATORS)


def test_the_period_ends_before_its_end() -> None:
    late = ReturnRow(ReturnEvent.RETURN_DECISION, AUGUST, "DK")
    assert indicators([late], JULY, AUGUST) == ()
    assert indicators([late], AUGUST, datetime(2026, 9, 1, tzinfo=UTC)) != ()


def test_a_share_of_nothing_is_no_number() -> None:
    assert Indicator("x", "DK", 0, 0).share is None
    assert Indicator("x", "DK", 0, 2).share == 0.0


def test_every_event_is_counted_somewhere() -> None:
    used = {event for counted, of in INDICATORS.values() for event in counted | of}
    assert used == set(ReturnEvent)
