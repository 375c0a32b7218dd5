"""Return indicators: counted from events that name nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.retention import ErasureGround
from interfaces.eurodac.returns import ReturnEvent
from node import custody, returns
from node.access import Role
from node.errors import AccessDenied

CaseOf = Callable[..., Any]


def noon(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=UTC)


def test_return_indicators_count_events_and_keep_no_person(case_of: CaseOf) -> None:
    case = case_of("2026-09-01")
    supervisor = replace(case.desk, role=Role.SUPERVISOR)
    for number, event in enumerate(
        (ReturnEvent.RETURN_DECISION, ReturnEvent.COUNSELLED, ReturnEvent.RETURNED_VOLUNTARILY)
    ):
        new = returns.NewReturn(f"return-{number}", case.number, event, case.time())
        returns.record(case.node, case.desk, new)
        returns.record(case.node, case.desk, new)
    erasure = custody.Erasure("erase", case.number, ErasureGround.UNLAWFUL)
    custody.erase(case.node, supervisor, erasure)
    month = (noon("2026-08-31"), noon("2026-09-30"))
    found = {one.name: one for one in returns.get_indicators(case.node, supervisor, *month)}
    assert found["persons counselled per return decision"].share == 1.0
    assert found["voluntary returns per return"].share == 1.0
    assert found["return decisions per rejected application"].share is None
    before = (noon("2026-07-01"), noon("2026-08-31"))
    assert returns.get_indicators(case.node, supervisor, *before) == ()
    with pytest.raises(AccessDenied):
        returns.get_indicators(case.node, case.desk, *month)
    with pytest.raises(RuleBroken, match="V05 end"):
        returns.get_indicators(case.node, supervisor, *reversed(month))
    late = returns.NewReturn("late", case.number, ReturnEvent.COUNSELLED, noon("2026-12-01"))
    with pytest.raises(RuleBroken, match="V05 at"):
        returns.record(case.node, case.desk, late)
