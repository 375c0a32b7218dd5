"""Computing periods: hours on instants, days and months on a State's calendar.

Instants are aware; what comes out is UTC in whole seconds. Days are local to a State. A limit
of a whole day ends at 23:59:59 of that day, local time.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache

import holidays

from interfaces.eurodac.states import state

LAST_SECOND = time(23, 59, 59)
"""End of a day as a moment; limits are kept in whole seconds."""

SATURDAY = 5
"""date.weekday() of the first day of the weekend."""


class Unit(StrEnum):
    """What a period is counted in."""

    HOURS = "hours"
    DAYS = "days"
    WORKING_DAYS = "working days"
    WEEKS = "weeks"
    MONTHS = "months"
    YEARS = "years"


@dataclass(frozen=True, slots=True)
class Period:
    """A length of time as an article states it."""

    amount: int
    unit: Unit

    def __str__(self) -> str:
        return f"{self.amount} {self.unit.removesuffix('s') if self.amount == 1 else self.unit}"


def hours(amount: int) -> Period:
    """A period in hours.

    >>> str(hours(72))
    '72 hours'
    """
    return Period(amount, Unit.HOURS)


def days(amount: int) -> Period:
    """A period in calendar days."""
    return Period(amount, Unit.DAYS)


def working_days(amount: int) -> Period:
    """A period in working days."""
    return Period(amount, Unit.WORKING_DAYS)


def weeks(amount: int) -> Period:
    """A period in weeks."""
    return Period(amount, Unit.WEEKS)


def months(amount: int) -> Period:
    """A period in months."""
    return Period(amount, Unit.MONTHS)


def years(amount: int) -> Period:
    """A period in years."""
    return Period(amount, Unit.YEARS)


def utc(instant: datetime) -> datetime:
    """The instant in UTC; a datetime without a zone is a mistake of the caller: ValueError."""
    if instant.tzinfo is None:
        raise ValueError("a datetime without time zone names no instant")
    return instant.astimezone(UTC)


def local_day(instant: datetime, letters: str) -> date:
    """The calendar day of this instant in a State.

    >>> local_day(datetime(2026, 7, 1, 22, 30, tzinfo=UTC), "DK")
    datetime.date(2026, 7, 2)
    """
    return utc(instant).astimezone(state(letters).zone).date()


def start_of_day(day: date, letters: str) -> datetime:
    """First instant of a State's day (the earliest and safest start of a limit, rule T8).

    >>> start_of_day(date(2026, 7, 2), "DK").isoformat()
    '2026-07-01T22:00:00+00:00'
    """
    return datetime.combine(day, time.min, state(letters).zone).astimezone(UTC)


def end_of_day(day: date, letters: str) -> datetime:
    """Last second of a State's day.

    >>> end_of_day(date(2026, 7, 2), "DK").isoformat()
    '2026-07-02T21:59:59+00:00'
    """
    return datetime.combine(day, LAST_SECOND, state(letters).zone).astimezone(UTC)


def end_of_utc_day(day: date) -> datetime:
    """Last second of the day in UTC, where retention ends (rule H1-e)."""
    return datetime.combine(day, LAST_SECOND, UTC)


def add_months(day: date, amount: int) -> date:
    """The same date so many months later; the month's last day where it does not exist.

    Art. 75(c) AMMR, Art. 3(2)(c) of Regulation 1182/71.

    >>> add_months(date(2027, 1, 31), 1), add_months(date(2028, 2, 29), 120)
    (datetime.date(2027, 2, 28), datetime.date(2038, 2, 28))
    """
    year, month0 = divmod(day.year * 12 + day.month - 1 + amount, 12)
    return date(year, month0 + 1, min(day.day, monthrange(year, month0 + 1)[1]))


def add_years(day: date, amount: int) -> date:
    """The anniversary; 28 February where 29 February does not exist.

    >>> add_years(date(2028, 2, 29), 5)
    datetime.date(2033, 2, 28)
    """
    return add_months(day, 12 * amount)


@lru_cache(maxsize=1024)
def _public_holidays(letters: str, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(state(letters).letters, years=year))


def is_working_day(day: date, letters: str) -> bool:
    """Whether the day is neither Saturday nor Sunday nor a public holiday of the whole State.

    >>> is_working_day(date(2026, 12, 25), "DK"), is_working_day(date(2026, 12, 28), "DK")
    (False, True)
    """
    return day.weekday() < SATURDAY and day not in _public_holidays(letters, day.year)


def roll(day: date, letters: str) -> date:
    """The day itself or the next working day (Art. 75(d) AMMR, Art. 73 APR, 1182/71 Art. 3(4)).

    >>> roll(date(2027, 2, 28), "DK")
    datetime.date(2027, 3, 1)
    """
    while not is_working_day(day, letters):
        day += timedelta(days=1)
    return day


def add_working_days(day: date, amount: int, letters: str) -> date:
    """The day on which the last of so many working days falls; the first day is not counted.

    >>> add_working_days(date(2026, 12, 24), 3, "DK")
    datetime.date(2026, 12, 30)
    """
    for _ in range(amount):
        day = roll(day + timedelta(days=1), letters)
    return day


def last_day(start: date, period: Period, letters: str) -> date:
    """Last day of a period that an event on the first day starts, before any roll-over.

    The day of the event is not counted (Art. 75(a), (b) AMMR). Hours have no last day: ValueError.

    >>> last_day(date(2026, 7, 2), weeks(2), "DK")
    datetime.date(2026, 7, 16)
    """
    match period.unit:
        case Unit.DAYS:
            return start + timedelta(days=period.amount)
        case Unit.WEEKS:
            return start + timedelta(weeks=period.amount)
        case Unit.MONTHS:
            return add_months(start, period.amount)
        case Unit.YEARS:
            return add_years(start, period.amount)
        case Unit.WORKING_DAYS:
            return add_working_days(start, period.amount, letters)
        case Unit.HOURS:
            raise ValueError("a period in hours runs on instants, not on days")


def next_full_hour(instant: datetime) -> datetime:
    """End of the hour in which the instant falls: it is not counted, 1182/71 Art. 3(1).

    >>> next_full_hour(datetime(2026, 6, 15, 10, 20, tzinfo=UTC)).hour
    11
    """
    return utc(instant).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
