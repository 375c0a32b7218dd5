"""Date arithmetic against deliberately stupid oracles: rulebook 0.4."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interfaces.eurodac.ages import birth_range, birthday, has_reached
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.periods import (
    Period,
    Unit,
    add_months,
    add_working_days,
    add_years,
    days,
    end_of_day,
    hours,
    is_working_day,
    last_day,
    local_day,
    months,
    next_full_hour,
    roll,
    start_of_day,
    utc,
    weeks,
    working_days,
    years,
)
from interfaces.eurodac.states import STATES, is_union_citizen, state

DAYS = st.dates(date(2020, 1, 1), date(2060, 12, 31))
LETTERS = st.sampled_from(sorted(STATES))
ONE = timedelta(days=1)


def stupid_add_months(day: date, amount: int) -> date:
    """Walk day by day: the same date in the month wanted, else the last day seen in it."""
    month = day.month + amount
    year = day.year
    while month > 12:
        month -= 12
        year += 1
    walked = day
    last = walked
    while (walked.year, walked.month) <= (year, month):
        if (walked.year, walked.month) == (year, month):
            last = walked
            if walked.day == day.day:
                return walked
        walked += ONE
    return last


@given(day=DAYS, amount=st.integers(min_value=1, max_value=40))
def test_months_end_on_the_same_date_or_the_last_day(day: date, amount: int) -> None:
    assert add_months(day, amount) == stupid_add_months(day, amount)


@given(day=DAYS, amount=st.integers(min_value=0, max_value=12))
def test_years_are_twelve_months(day: date, amount: int) -> None:
    assert add_years(day, amount) == add_months(day, 12 * amount)


@given(day=DAYS, letters=LETTERS, amount=st.integers(min_value=1, max_value=12))
def test_the_last_working_day_is_found_by_counting(day: date, letters: str, amount: int) -> None:
    counted, walked = 0, day
    while counted < amount:
        walked += ONE
        counted += is_working_day(walked, letters)
    assert add_working_days(day, amount, letters) == walked


@given(day=DAYS, letters=LETTERS)
def test_rolling_stops_at_the_first_working_day(day: date, letters: str) -> None:
    rolled = roll(day, letters)
    assert is_working_day(rolled, letters)
    passed = (rolled - day).days
    assert not any(is_working_day(day + n * ONE, letters) for n in range(passed))


@given(instant=st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)))
@pytest.mark.parametrize("letters", ["DK", "PT", "FI", "IS"])
def test_an_instant_lies_within_its_local_day(letters: str, instant: datetime) -> None:
    day = local_day(instant, letters)
    assert start_of_day(day, letters) <= instant < end_of_day(day, letters) + timedelta(seconds=1)
    assert end_of_day(day, letters) + timedelta(seconds=1) == start_of_day(day + ONE, letters)


@given(instant=st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)))
def test_the_next_full_hour_is_full_and_the_first_one_later(instant: datetime) -> None:
    found = next_full_hour(instant)
    assert (found.minute, found.second, found.microsecond) == (0, 0, 0)
    assert timedelta() < found - instant <= timedelta(hours=1)


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        (days(5), date(2026, 7, 7)),
        (weeks(2), date(2026, 7, 16)),
        (months(1), date(2026, 8, 2)),
        (years(1), date(2027, 7, 2)),
        (working_days(3), date(2026, 7, 7)),
    ],
)
def test_the_day_of_the_event_is_not_counted(period: Period, expected: date) -> None:
    assert last_day(date(2026, 7, 2), period, "DK") == expected


def test_hours_have_no_last_day() -> None:
    with pytest.raises(ValueError, match="instants"):
        last_day(date(2026, 7, 2), hours(72), "DK")


def test_a_period_reads_as_the_article_states_it() -> None:
    made: list[tuple[Callable[[int], Period], Unit]] = [
        (hours, Unit.HOURS),
        (days, Unit.DAYS),
        (working_days, Unit.WORKING_DAYS),
        (weeks, Unit.WEEKS),
        (months, Unit.MONTHS),
        (years, Unit.YEARS),
    ]
    for make, unit in made:
        assert str(make(3)) == f"3 {unit.value}"
        assert str(make(1)) == f"1 {unit.value[:-1]}"
    assert {unit for _, unit in made} == set(Unit)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        utc(datetime(2026, 7, 1))


def stupid_age(born: date, on: date) -> int:
    """Count the birthdays lived through; that of 29 February is 1 March in a common year."""
    age, walked = 0, born
    while walked < on:
        walked += ONE
        leapling = (born.month, born.day) == (2, 29)
        common = (walked - ONE).month == 2 and (walked - ONE).day == 28
        if (walked.month, walked.day) == (born.month, born.day) or (
            leapling and common and (walked.month, walked.day) == (3, 1)
        ):
            age += 1
    return age


@given(born=DAYS, lived=st.integers(min_value=0, max_value=9000), years_old=st.integers(1, 24))
def test_an_age_is_reached_on_its_birthday(born: date, lived: int, years_old: int) -> None:
    on = born + lived * ONE
    assert has_reached(born, years_old, on) is (stupid_age(born, on) >= years_old)


@pytest.mark.parametrize("years_old", [1, 4, 6, 18])
def test_a_leapling_grows_older_on_a_leap_day_or_the_first_of_march(years_old: int) -> None:
    born = date(2024, 2, 29)
    reached = birthday(born, years_old)
    assert not has_reached(born, years_old, reached - ONE)
    assert stupid_age(born, reached) == years_old
    assert stupid_age(born, reached - ONE) == years_old - 1


@given(text=st.text(max_size=12))
def test_a_date_of_birth_is_read_or_refused_and_never_raises(text: str) -> None:
    found = birth_range(text)
    assert found is None or found[0] <= found[1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020", ("2020-01-01", "2020-12-31")),
        ("2024-02", ("2024-02-01", "2024-02-29")),
        ("2020-12-31", ("2020-12-31", "2020-12-31")),
        ("UNKNOWN", ("0001-01-01", "9999-12-31")),
        ("9999", ("9999-01-01", "9999-12-31")),
    ],
)
def test_an_inexact_date_of_birth_leaves_a_range(text: str, expected: tuple[str, str]) -> None:
    found = birth_range(text)
    assert found is not None
    assert tuple(map(str, found)) == expected


@pytest.mark.parametrize(
    "text", ["2020-00", "2020-13-01", "0000", "20-01-01", "2020-1-1", "２０２０"]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    assert birth_range(text) is None


def test_nobody_born_at_the_end_of_the_calendar_reaches_an_age() -> None:
    assert not has_reached(date.max, 6, date.max)
    assert has_reached(date(9993, 1, 1), 6, date(9999, 1, 1))


def test_the_states_are_those_that_take_part() -> None:
    assert len(STATES) == 31
    assert {one.letters for one in STATES.values() if one.associated} == {"CH", "IS", "LI", "NO"}
    assert len({one.alpha3 for one in STATES.values()}) == 31
    with pytest.raises(RuleBroken, match="V20"):
        state("GB")


def test_associated_states_are_union_like_only_when_decided() -> None:
    assert is_union_citizen("DNK", associated_too=False)
    assert not is_union_citizen("CHE", associated_too=False)
    assert is_union_citizen("CHE", associated_too=True)
