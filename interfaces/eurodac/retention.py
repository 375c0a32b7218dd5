"""How long data sets are kept, what erases them early, how long logs outlive them (Arts 29 to 31).

Each data set has its own clock; nothing that happens later prolongs or shortens it except the
grounds listed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType

from interfaces.eurodac.categories import Category
from interfaces.eurodac.codes import broken
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.declared import Declared, years_prolonged
from interfaces.eurodac.errors import RuleBroken, Violation
from interfaces.eurodac.periods import add_years, end_of_utc_day, utc
from interfaces.eurodac.states import STATES
from interfaces.eurodac.terms import AdmissionOutcome


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """One row. years: length; article: where it stands.

    citizenship_erases: whether Art. 30(1) reaches these data.
    """

    years: int
    article: str
    citizenship_erases: bool = True


TEN_YEARS = RetentionRule(10, "29(1)")
FIVE_YEARS = 5
"""Years of Art. 29(3) and (5) to (8)."""

RETENTION: Mapping[Category, RetentionRule | None] = MappingProxyType(
    {
        Category.APPLICANT_REG: TEN_YEARS,
        Category.APPLICANT_BORDER: TEN_YEARS,
        Category.APPLICANT_ARRIVAL: TEN_YEARS,
        Category.APPLICANT_RELOCATED: TEN_YEARS,
        Category.IRREGULAR_CROSSING: RetentionRule(FIVE_YEARS, "29(6)"),
        Category.ILLEGAL_STAY: RetentionRule(FIVE_YEARS, "29(7)"),
        # Art. 25(2) stores an arrival after relocation under Art. 29(1), also one of Art. 23.
        Category.ILLEGAL_STAY_RELOCATED: TEN_YEARS,
        Category.SAR: RetentionRule(FIVE_YEARS, "29(8)"),
        # From the entry into force of the Council decision, renewed each year it is extended.
        Category.TEMP_PROTECTION: RetentionRule(1, "29(9)"),
        Category.ADMISSION_SEARCH: None,
        # The outcome decides: see ADMISSION_RETENTION.
        Category.ADMISSION_RECORD: RetentionRule(FIVE_YEARS, "29(3)"),
        Category.NATIONAL_RESETTLEMENT: RetentionRule(FIVE_YEARS, "29(5)"),
        Category.LEA_SEARCH: None,
        Category.EUROPOL_SEARCH: None,
        Category.DATA_SUBJECT: None,
    }
)
"""Complete: every category has its row; None is never recorded."""

ADMISSION_RETENTION: Mapping[AdmissionOutcome, RetentionRule] = MappingProxyType(
    {
        AdmissionOutcome.GRANTED: RetentionRule(FIVE_YEARS, "29(3)"),
        AdmissionOutcome.REFUSED: RetentionRule(3, "29(4)", citizenship_erases=False),
        AdmissionOutcome.DISCONTINUED: RetentionRule(3, "29(4)", citizenship_erases=False),
    }
)
"""Rows of Art. 18(2) by outcome."""


def retention_rule(data_set: DataSet) -> RetentionRule | None:
    """The row of this data set; None when its category is never recorded."""
    decision = data_set.admission_decision
    if data_set.category is Category.ADMISSION_RECORD and decision is not None:
        return ADMISSION_RETENTION[decision.outcome]
    return RETENTION[data_set.category]


def retention_end(
    data_set: DataSet, transmitted_at: datetime | None = None, *, extensions: int = 0
) -> datetime:
    """Last second at which the data set may be found; after it the centre erases (Art. 29(10)).

    transmitted_at: default the data set's own. extensions: years by which the Council prolonged
    temporary protection. RuleBroken when nothing is recorded or the start is unknown.

    >>> from datetime import UTC
    >>> sent = datetime(2028, 2, 29, 12, tzinfo=UTC)
    >>> retention_end(DataSet(Category.SAR, "IT"), sent).isoformat()
    '2033-02-28T23:59:59+00:00'
    """
    rule = retention_rule(data_set)
    if rule is None:
        raise RuleBroken(broken("V06", "category", "29(2)", rule="Nothing is recorded."))
    start = _start(data_set, transmitted_at)
    return end_of_utc_day(add_years(start, rule.years + extensions))


PROLONGED = frozenset({Category.TEMP_PROTECTION})
"""Categories whose retention a decision of the Council prolongs, Art. 29(9)."""


def prolonged_end(
    data_set: DataSet, transmitted_at: datetime | None, declared: Iterable[Declared]
) -> datetime:
    """As retention_end, with every declared prolongation of the data set's protection."""
    decision = data_set.council_decision
    if data_set.category not in PROLONGED or decision is None:
        return retention_end(data_set, transmitted_at)
    years = years_prolonged(decision.reference, declared)
    return retention_end(data_set, transmitted_at, extensions=years)


def _start(data_set: DataSet, transmitted_at: datetime | None) -> date:
    if data_set.category is Category.TEMP_PROTECTION:
        if data_set.council_decision is None:
            raise RuleBroken(broken("V04", "council_decision", "26(2)(p)"))
        return data_set.council_decision.in_force_on
    sent = transmitted_at or data_set.transmitted_at
    if sent is None:
        raise RuleBroken(broken("V04", "transmitted_at", "29"))
    return utc(sent).date()


def is_searchable(end: datetime, now: datetime) -> bool:
    """Whether data kept until this end may still be found.

    >>> from datetime import UTC
    >>> end = datetime(2036, 6, 12, 23, 59, 59, tzinfo=UTC)
    >>> is_searchable(end, end), is_searchable(end, datetime(2036, 6, 13, tzinfo=UTC))
    (True, False)
    """
    return utc(now).replace(microsecond=0) <= end


LOG_YEARS = 1
"""Years for which a log outlives the retention period, Art. 41(4)."""


def log_end(end: datetime) -> datetime:
    """Last second of the log of a data set kept until this end, also if it was erased earlier.

    >>> from datetime import UTC
    >>> log_end(datetime(2036, 2, 29, 23, 59, 59, tzinfo=UTC)).isoformat()
    '2037-02-28T23:59:59+00:00'
    """
    return end_of_utc_day(add_years(utc(end).date(), LOG_YEARS))


LONGEST_YEARS = max(
    rule.years for rule in (*RETENTION.values(), *ADMISSION_RETENTION.values()) if rule is not None
)
"""Years of the longest retention that the act states itself; ours for logs about no data set."""


def logs_kept_since(now: datetime, *, of_nobody: bool = False) -> datetime:
    """The logs of all data whose retention ended before this instant are over, and no others.

    of_nobody: of records about no data set; the act names no end for them, so they are kept as if
    they were about the longest kept data, from the day of the record.

    >>> from datetime import UTC
    >>> logs_kept_since(datetime(2037, 6, 13, tzinfo=UTC)).isoformat()
    '2036-06-13T00:00:00+00:00'
    """
    years = LOG_YEARS + (LONGEST_YEARS if of_nobody else 0)
    today = utc(now).date()
    day = add_years(today, -years)
    # On 29 February the logs whose last day was the 28th are over.
    if add_years(day, years) < today:
        day += timedelta(days=1)
    return datetime.combine(day, time.min, UTC)


def grave_end(end: datetime | None, now: datetime) -> datetime:
    """Last second at which the number of an erased data set is remembered, so that it names nobody
    else and a copy that arrives late is not stored.

    end: of its retention; None when it was never seen, which counts as the longest from now on.
    Remembered as long as its logs, which would otherwise tell of two persons under one number: no
    outbox or backup of a State holds a copy longer. The number alone names nobody.

    >>> from datetime import UTC
    >>> grave_end(None, datetime(2026, 7, 1, tzinfo=UTC)).isoformat()
    '2037-07-01T23:59:59+00:00'
    """
    unknown = end_of_utc_day(add_years(utc(now).date(), LONGEST_YEARS))
    return log_end(end or unknown)


class ErasureGround(StrEnum):
    """Why a data set is erased before its end."""

    CITIZENSHIP = "CITIZENSHIP"
    UNLAWFUL = "UNLAWFUL"
    DATA_SUBJECT = "DATA_SUBJECT"


ERASURE_ARTICLES: Mapping[ErasureGround, str] = MappingProxyType(
    {
        ErasureGround.CITIZENSHIP: "30(1)",
        ErasureGround.UNLAWFUL: "40(3)",
        ErasureGround.DATA_SUBJECT: "43(4)",
    }
)
"""Complete: every ground has its article."""


class LifeEvent(StrEnum):
    """What may happen to a recorded person."""

    CITIZENSHIP = "CITIZENSHIP"
    RESIDENCE_DOCUMENT = "RESIDENCE_DOCUMENT"
    PROTECTION_GRANTED = "PROTECTION_GRANTED"
    LEFT = "LEFT"
    REMOVED = "REMOVED"
    DEATH = "DEATH"


ERASES: Mapping[LifeEvent, bool] = MappingProxyType(
    {event: event is LifeEvent.CITIZENSHIP for event in LifeEvent}
)
"""Nothing but citizenship erases early, Art. 30 a contrario."""


def check_erasure(data_set: DataSet, by_state: str, ground: ErasureGround) -> tuple[Violation, ...]:
    """What forbids this State to erase this data set on this ground.

    >>> check_erasure(DataSet(Category.SAR, "IT"), "IT", ErasureGround.CITIZENSHIP)
    ()
    """
    found = list(check_own(data_set.origin, by_state))
    rule = retention_rule(data_set)
    if ground is ErasureGround.CITIZENSHIP and (rule is None or not rule.citizenship_erases):
        text = "Citizenship does not erase refused or discontinued admissions."
        found.append(broken("V18", "admission_decision", "30(1)", rule=text))
    return tuple(found)


def check_own(origin: str, by_state: str) -> tuple[Violation, ...]:
    """What forbids this State to change data of that origin, Art. 40(3).

    >>> [one.code for one in check_own("IT", "DK")]
    ['V09']
    """
    return () if origin == by_state else (broken("V09", "origin", "40(3)"),)


def citizenship_erases(data_set: DataSet, citizen_of: str, *, associated_too: bool) -> bool:
    """Whether this new citizenship obliges the origin State to erase, once it is aware.

    Art. 30(1) first and second subparagraph.

    >>> citizenship_erases(DataSet(Category.SAR, "IT"), "DK", associated_too=False)
    True
    """
    rule = retention_rule(data_set)
    if rule is None or not rule.citizenship_erases or citizen_of not in STATES:
        return False
    return associated_too or not STATES[citizen_of].associated
