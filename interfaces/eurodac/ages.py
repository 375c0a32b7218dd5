"""Ages at a day, from dates of birth that may be known by the year or not at all."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date, datetime, timedelta

from interfaces.eurodac.periods import add_years, local_day
from interfaces.eurodac.terms import UNKNOWN

EIGHTEEN = 18
"""Years of age at which a person is no longer a minor, Art. 2(1)(z)."""

BIRTH = re.compile(r"[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?")
"""ISO 8601 day, month or year."""


def birth_range(date_of_birth: str) -> tuple[date, date] | None:
    """Earliest and latest day of birth that the text leaves open; None when it is no date.

    date_of_birth: ISO 8601 day, month or year; UNKNOWN or empty leave every day open.

    >>> birth_range("2020-09")
    (datetime.date(2020, 9, 1), datetime.date(2020, 9, 30))
    >>> birth_range("2020-13") is None
    True
    """
    if date_of_birth in ("", UNKNOWN):
        return date.min, date.max
    if not BIRTH.fullmatch(date_of_birth):
        return None
    year, month, day = ([int(part) for part in date_of_birth.split("-")] + [0, 0])[:3]
    try:
        last_month = month or 12
        last = day or monthrange(year, last_month)[1]
        return date(year, month or 1, day or 1), date(year, last_month, last)
    except ValueError:
        return None


def birthday(born: date, years: int) -> date:
    """The day on which this age is reached: 1 March after 29 February in a common year.

    >>> birthday(date(2024, 2, 29), 6)
    datetime.date(2030, 3, 1)
    """
    reached = add_years(born, years)
    # Unlike the end of a period, the cautious birthday comes a day later (rulebook B.4).
    return reached if reached.day == born.day else reached + timedelta(days=1)


def has_reached(born: date, years: int, on: date) -> bool:
    """Whether a person born then has this age on that day.

    >>> has_reached(date(2020, 9, 1), 6, date(2026, 8, 31))
    False
    """
    # Birthdays after the last year of the calendar are never reached.
    return born.year + years <= date.max.year and birthday(born, years) <= on


def is_minor(date_of_birth: str, taken_at: datetime, *, state: str) -> bool:
    """Whether the person is or may be under eighteen on the day of the taking, local time.

    >>> from datetime import UTC
    >>> is_minor("2008", datetime(2026, 8, 31, 12, tzinfo=UTC), state="DK")
    True
    """
    born = birth_range(date_of_birth)
    return born is None or not has_reached(born[1], EIGHTEEN, local_day(taken_at, state))
