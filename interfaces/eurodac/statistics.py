"""The monthly figures of Art. 12(1), points (a) to (w), counted over plain rows of what happened.

The rows hold no biometrics and no names. Persons are sequences of linked data sets; a data set
without a link is a person of its own. Months are those of UTC.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType

from interfaces.eurodac.categories import RULES, Category, Group, group
from interfaces.eurodac.codes import broken
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.periods import utc
from interfaces.eurodac.terms import AdmissionOutcome, MarkType, Sex


class RowKind(StrEnum):
    """What happened."""

    TRANSMITTED = "TRANSMITTED"
    """A data set or a search arrived at the centre."""
    HIT = "HIT"
    REJECTED = "REJECTED"
    """Art. 17(2)(j)."""
    MARKED = "MARKED"
    UNMARKED = "UNMARKED"
    QUALITY_REFUSED = "QUALITY_REFUSED"
    FALSE_HIT = "FALSE_HIT"


@dataclass(frozen=True, slots=True)
class Row:
    """One happening. state: the Member State it is counted for; category: of its data set.

    sequence: any name of the person's sequence at counting time. outcome: of the data set, or of
    the target of a hit. target: category of the data set that was hit, target_marks its marks.
    """

    kind: RowKind
    at: datetime
    state: str
    category: Category
    reference_number: str
    sequence: str
    birth_year: int | None = None
    sex: Sex | None = None
    minor: bool = False
    outcome: AdmissionOutcome | None = None
    target: Category | None = None
    target_marks: frozenset[MarkType] = frozenset()
    mark: MarkType | None = None
    follow_up: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """One number. dimensions: pairs of name and value, such as target and application."""

    point: str
    member_state: str
    dimensions: tuple[tuple[str, str], ...]
    count: int


Key = tuple[str, tuple[tuple[str, str], ...]]
"""State and dimensions under which something counts once."""


@dataclass(frozen=True, slots=True)
class Month:
    """The rows of one month, and of each person the first application ever."""

    rows: Sequence[Row]
    first_applications: Mapping[str, Row]

    def of(self, kind: RowKind, *categories: Category) -> Iterator[Row]:
        """Rows of this kind; of these categories only, where any are named."""
        return (
            row
            for row in self.rows
            if row.kind is kind and (not categories or row.category in categories)
        )


APPLICATIONS = (Category.APPLICANT_REG, Category.APPLICANT_BORDER)
"""Data sets of Art. 15(1); an arrival (Arts 16(2)(a), 25(2)) is no new application."""


def figures(rows: Iterable[Row], month: str) -> tuple[Figure, ...]:
    """All figures of a month such as 2026-07 that are not zero, by Member State.

    rows: of all time, for a first-time applicant is the first ever. RuleBroken V05: no month.

    >>> at = datetime(2026, 7, 3, tzinfo=UTC)
    >>> row = Row(RowKind.TRANSMITTED, at, "IT", Category.SAR, "IT91", "IT91")
    >>> figures([row], "2026-07")[0]
    Figure(point='c', member_state='IT', dimensions=(), count=1)
    """
    begin, end = month_span(month)
    every = sorted(rows, key=lambda row: row.at)
    first: dict[str, Row] = {}
    for row in every:
        if row.kind is RowKind.TRANSMITTED and row.category in APPLICATIONS:
            first.setdefault(row.sequence, row)
    chosen = Month([row for row in every if begin <= utc(row.at) < end], first)
    return tuple(
        Figure(point, state, dimensions, count)
        for point, counted in POINTS.items()
        for (state, dimensions), count in sorted(Counter(counted(chosen)).items())
    )


def month_span(month: str) -> tuple[datetime, datetime]:
    """First instant of the month and of the next.

    >>> [at.isoformat() for at in month_span("2026-12")]
    ['2026-12-01T00:00:00+00:00', '2027-01-01T00:00:00+00:00']
    """
    try:
        begin = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    except ValueError:
        rule = "A month is written like 2026-07."
        raise RuleBroken(broken("V05", "month", "12(1)", rule=rule)) from None
    following = begin.replace(year=begin.year + begin.month // 12, month=begin.month % 12 + 1)
    return begin, following


def _persons(rows: Iterable[Row], *dimensions: tuple[str, str]) -> Iterator[Key]:
    for state, _sequence in {(row.state, row.sequence) for row in rows}:
        yield state, dimensions


def _applicants(month: Month) -> Iterator[Key]:
    rows = list(month.of(RowKind.TRANSMITTED, *APPLICATIONS))
    yield from _persons(rows, ("applicants", "all"))
    first = [row for row in rows if month.first_applications[row.sequence] is row]
    yield from _persons(first, ("applicants", "first-time"))


def _rejected(month: Month) -> Iterator[Key]:
    return _persons(month.of(RowKind.REJECTED))


def _persons_of(*categories: Category) -> Callable[[Month], Iterator[Key]]:
    return lambda month: _persons(month.of(RowKind.TRANSMITTED, *categories))


def _protected(month: Month) -> Iterator[Key]:
    marked = month.of(RowKind.MARKED)
    return _persons(row for row in marked if row.mark is MarkType.PROTECTION and not row.follow_up)


def _minors(month: Month) -> Iterator[Key]:
    recorded = month.of(RowKind.TRANSMITTED)
    return _persons(row for row in recorded if row.minor and RULES[row.category].stored)


def _admitted(month: Month) -> Iterator[Key]:
    records = month.of(RowKind.TRANSMITTED, Category.ADMISSION_RECORD)
    return _persons(row for row in records if row.outcome is AdmissionOutcome.GRANTED)


DATA_SETS: Mapping[Category, str] = MappingProxyType(
    {
        Category.APPLICANT_REG: "15(1)",
        Category.APPLICANT_BORDER: "15(1)",
        Category.IRREGULAR_CROSSING: "22(1)",
        Category.ILLEGAL_STAY: "23(1)",
        Category.SAR: "24(1)",
        Category.TEMP_PROTECTION: "26(1)",
    }
)
"""Categories of point (i) with their article; admissions count by their outcome."""

NOT_ADMITTED: Mapping[AdmissionOutcome, str] = MappingProxyType(
    {AdmissionOutcome.REFUSED: "18(2)(b)", AdmissionOutcome.DISCONTINUED: "18(2)(c)"}
)
"""Outcomes of point (i); those of Art. 18(2)(a) are point (g)."""


def _data_sets(month: Month) -> Iterator[Key]:
    for row in month.of(RowKind.TRANSMITTED):
        article = DATA_SETS.get(row.category)
        if row.category is Category.ADMISSION_RECORD and row.outcome is not None:
            article = NOT_ADMITTED.get(row.outcome)
        if article is not None:
            born = str(row.birth_year or "UNKNOWN")
            sex = (row.sex or Sex.UNKNOWN).value
            yield row.state, (("article", article), ("birth_year", born), ("sex", sex))


def _transmissions(month: Month) -> Iterator[Key]:
    for row in month.of(RowKind.TRANSMITTED, Category.ADMISSION_SEARCH):
        yield row.state, ()


TARGETS: Mapping[Group, str] = MappingProxyType(
    {
        Group.ART_15: "application",
        Group.ART_22: "irregular crossing",
        Group.ART_23: "illegal stay",
        Group.ART_24: "search and rescue",
        Group.ART_26: "temporary protection",
        Group.ART_18_2: "admission procedure",
        Group.ART_20: "national resettlement",
    }
)
"""What a hit counts against; the eighth target is protection, which a mark shows."""

PROTECTION = "protection granted"
"""Eighth target of points (k) to (p); such a hit counts against its own category as well."""

ADMISSION_TARGETS = frozenset({PROTECTION, "admission procedure", "national resettlement"})
"""Targets of point (l)."""

HITS: Mapping[str, tuple[Category, ...]] = MappingProxyType(
    {
        "k": APPLICATIONS,
        "l": (Category.ADMISSION_SEARCH,),
        "m": (Category.IRREGULAR_CROSSING,),
        "n": (Category.ILLEGAL_STAY,),
        "o": (Category.SAR,),
        "p": (Category.TEMP_PROTECTION,),
    }
)
"""Points that count hits, with the categories whose hits they count."""


def _hits(point: str) -> Callable[[Month], Iterator[Key]]:
    def counted(month: Month) -> Iterator[Key]:
        for row in month.of(RowKind.HIT, *HITS[point]):
            for dimensions in _targets(row):
                if point != "l" or dimensions[0][1] in ADMISSION_TARGETS:
                    yield row.state, dimensions

    return counted


def _targets(row: Row) -> Iterator[tuple[tuple[str, str], ...]]:
    assert row.target is not None
    target = ("target", TARGETS[group(row.target)])
    if group(row.target) is Group.ART_18_2 and row.outcome is not None:
        yield target, ("outcome", row.outcome.value)
    else:
        yield (target,)
    if MarkType.PROTECTION in row.target_marks:
        yield (("target", PROTECTION),)


def _repeated(month: Month) -> Iterator[Key]:
    refused = month.of(RowKind.QUALITY_REFUSED)
    for state, _reference in {(row.state, row.reference_number) for row in refused}:
        yield state, ()


def _marks(month: Month) -> Iterator[Key]:
    for kind in (RowKind.MARKED, RowKind.UNMARKED):
        for row in month.of(kind):
            assert row.mark is not None
            yield row.state, (("change", kind.value), ("mark", row.mark.value))


def _marked_hits(month: Month) -> Iterator[Key]:
    for point, categories in HITS.items():
        for row in month.of(RowKind.HIT, *categories):
            if row.target_marks:
                yield row.state, (("point", point),)


def _searches(category: Category) -> Callable[[Month], Iterator[Key]]:
    def counted(month: Month) -> Iterator[Key]:
        for row in month.of(RowKind.TRANSMITTED, category):
            yield row.state, (("counted", "requests"),)
        for row in month.of(RowKind.HIT, category):
            yield row.state, (("counted", "hits"),)

    return counted


def _rights(month: Month) -> Iterator[Key]:
    for row in month.of(RowKind.TRANSMITTED, Category.DATA_SUBJECT):
        yield row.state, ()


def _false_hits(month: Month) -> Iterator[Key]:
    for row in month.of(RowKind.FALSE_HIT):
        yield row.state, ()


POINTS: Mapping[str, Callable[[Month], Iterable[Key]]] = MappingProxyType(
    {
        "a": _applicants,
        "b": _rejected,
        "c": _persons_of(Category.SAR),
        "d": _persons_of(Category.TEMP_PROTECTION),
        "e": _protected,
        "f": _minors,
        "g": _admitted,
        "h": _persons_of(Category.NATIONAL_RESETTLEMENT),
        "i": _data_sets,
        "j": _transmissions,
        **{point: _hits(point) for point in HITS},
        "q": _repeated,
        "r": _marks,
        "s": _marked_hits,
        "t": _searches(Category.LEA_SEARCH),
        "u": _searches(Category.EUROPOL_SEARCH),
        "v": _rights,
        "w": _false_hits,
    }
)
"""Complete: points (a) to (w) of Art. 12(1)."""
