"""Retention, advance erasure, logs: rulebook H.1, H.2, J3 and examples X-S."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interfaces.eurodac.categories import RULES, Category
from interfaces.eurodac.dataset import (
    AdmissionDecision,
    AdmissionOutcome,
    CouncilDecision,
    DataSet,
)
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.retention import (
    ADMISSION_RETENTION,
    ERASES,
    ERASURE_ARTICLES,
    RETENTION,
    ErasureGround,
    LifeEvent,
    check_erasure,
    check_own,
    citizenship_erases,
    is_searchable,
    log_end,
    logs_kept_since,
    retention_end,
)

SECOND = timedelta(seconds=1)


def data_set(row: Mapping[str, str], origin: str = "DK") -> DataSet:
    decision = None
    if row["outcome"]:
        decision = AdmissionDecision(AdmissionOutcome(row["outcome"]), date(2027, 3, 1))
    return DataSet(Category(row["category"]), origin, admission_decision=decision)


def council(in_force: str) -> CouncilDecision | None:
    return CouncilDecision("2030/1", date.fromisoformat(in_force)) if in_force else None


@pytest.mark.table("S_retention")
def test_data_are_searchable_until_the_last_second(row: Mapping[str, str]) -> None:
    kept = data_set(row)
    kept = DataSet(
        kept.category,
        "DK",
        admission_decision=kept.admission_decision,
        council_decision=council(row["in_force"]),
        transmitted_at=datetime.fromisoformat(row["sent"]),
    )
    end = retention_end(kept, extensions=int(row["extensions"]))
    assert end == datetime.fromisoformat(row["end"])
    assert is_searchable(end, end)
    assert is_searchable(end, end + timedelta(milliseconds=999))
    assert not is_searchable(end, end + SECOND)


@pytest.mark.table("S_erasure")
def test_only_the_origin_erases_and_only_on_a_ground(row: Mapping[str, str]) -> None:
    found = check_erasure(data_set(row, row["origin"]), row["by"], ErasureGround(row["ground"]))
    assert " ".join(one.code for one in found) == row["expected"]


@pytest.mark.table("S_citizenship")
def test_citizenship_of_a_member_state_erases(row: Mapping[str, str]) -> None:
    found = citizenship_erases(
        data_set(row), row["citizen_of"], associated_too=row["associated_too"] == "yes"
    )
    assert found is (row["expected"] == "yes")


@pytest.mark.table("S_logs")
def test_a_log_outlives_the_retention_by_a_year(row: Mapping[str, str]) -> None:
    end = log_end(datetime.fromisoformat(row["end"]))
    assert is_searchable(end, datetime.fromisoformat(row["asked"])) is (row["there"] == "yes")


def last_second(day: date, years: int) -> datetime:
    """Of the day so many years later; of 28 February where 29 February does not exist."""
    try:
        later = day.replace(year=day.year + years)
    except ValueError:
        later = day.replace(year=day.year + years, day=28)
    return datetime(later.year, later.month, later.day, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(("of_nobody", "years"), [(False, 1), (True, 11)])
def test_logs_go_when_their_last_day_is_over_and_no_others_do(of_nobody: bool, years: int) -> None:
    """41(4); records about no data set are kept as those of data that are kept for ten years."""
    for passed in range(4 * 366):
        midnight = datetime(2036, 2, 20, tzinfo=UTC) + timedelta(days=passed)
        for now in (midnight, midnight - SECOND):
            since = logs_kept_since(now, of_nobody=of_nobody)
            for away in (-2, -1, 0, 1, 2):
                day = since.date() + timedelta(days=away)
                assert (last_second(day, years) < now) is (away < 0), (now, day)


@pytest.mark.table("S_life")
def test_nothing_but_citizenship_erases_early(row: Mapping[str, str]) -> None:
    assert ERASES[LifeEvent(row["event"])] is (row["expected"] == "yes")


def test_nobody_changes_the_data_of_another_state() -> None:
    """X-R18."""
    assert [one.code for one in check_own("IT", "DK")] == ["V09"]
    assert check_own("IT", "IT") == ()


@pytest.mark.parametrize("category", [c for c in Category if not RULES[c].stored])
def test_what_is_never_recorded_has_no_end(category: Category) -> None:
    with pytest.raises(RuleBroken, match="Nothing is recorded"):
        retention_end(DataSet(category, "DK"), datetime(2026, 7, 1, tzinfo=UTC))


@pytest.mark.parametrize("category", [Category.SAR, Category.TEMP_PROTECTION])
def test_an_end_without_its_start_is_refused(category: Category) -> None:
    with pytest.raises(RuleBroken, match="V04"):
        retention_end(DataSet(category, "DK"))


def test_the_tables_are_complete() -> None:
    assert RETENTION.keys() == set(Category)
    assert ADMISSION_RETENTION.keys() == set(AdmissionOutcome)
    assert ERASES.keys() == set(LifeEvent)
    assert ERASURE_ARTICLES.keys() == set(ErasureGround)
    for category, rule in RETENTION.items():
        assert (rule is not None) is RULES[category].stored


@given(
    category=st.sampled_from([c for c in Category if RULES[c].stored]),
    sent=st.datetimes(datetime(2026, 6, 12), datetime(2040, 1, 1), timezones=st.just(UTC)),
)
def test_data_live_for_whole_years_and_not_a_day_longer(category: Category, sent: datetime) -> None:
    rule = RETENTION[category]
    assert rule is not None
    kept = DataSet(category, "DK", council_decision=CouncilDecision("x", sent.date()))
    end = retention_end(kept, sent)
    years = 365.25 * rule.years
    lived = (end.date() - sent.date()).days
    assert years - 2 < lived < years + 2
    assert (end.month, end.day) == (sent.month, sent.day) or (sent.month, sent.day) == (2, 29)
    assert end.time().isoformat() == "23:59:59"
