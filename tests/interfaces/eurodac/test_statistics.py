"""The monthly figures against a stupid recount: rulebook J.5."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interfaces.eurodac.categories import RULES, STORED, Category
from interfaces.eurodac.dataset import AdmissionOutcome, MarkType, Sex
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.statistics import (
    HITS,
    NOT_ADMITTED,
    POINTS,
    TARGETS,
    Row,
    RowKind,
    figures,
    month_span,
)

JULY = datetime(2026, 7, 15, tzinfo=UTC)
JUNE = datetime(2026, 6, 30, 23, 59, 59, tzinfo=UTC)


def row(kind: RowKind = RowKind.TRANSMITTED, **values: object) -> Row:
    given_values: dict[str, object] = {
        "at": JULY,
        "state": "DK",
        "category": Category.APPLICANT_REG,
        "reference_number": "r",
        "sequence": "s",
    } | values
    return Row(kind, **given_values)  # type: ignore[arg-type]


def counted(*rows: Row) -> dict[tuple[str, ...], int]:
    return {
        (figure.point, figure.member_state, *(f"{k}={v}" for k, v in figure.dimensions)): (
            figure.count
        )
        for figure in figures(rows, "2026-07")
    }


def points(*rows: Row) -> str:
    return "".join(dict.fromkeys(figure.point for figure in figures(rows, "2026-07")))


def test_an_applicant_counts_once_however_often_registered() -> None:
    found = counted(row(reference_number="r1"), row(reference_number="r2"))
    assert found["a", "DK", "applicants=all"] == 1
    assert found["a", "DK", "applicants=first-time"] == 1


def test_a_person_who_applied_before_is_no_first_time_applicant() -> None:
    found = counted(row(at=JUNE, state="IT"), row())
    assert found["a", "DK", "applicants=all"] == 1
    assert ("a", "DK", "applicants=first-time") not in found


def test_an_earlier_crossing_or_transfer_is_no_application() -> None:
    before = [
        row(at=JUNE, category=category)
        for category in (
            Category.SAR,
            Category.APPLICANT_ARRIVAL,
            Category.APPLICANT_RELOCATED,
        )
    ]
    assert counted(*before, row())["a", "DK", "applicants=first-time"] == 1
    assert points(row(category=Category.APPLICANT_ARRIVAL)) == ""


@pytest.mark.parametrize(
    ("happened", "expected"),
    [
        (row(RowKind.REJECTED), "b"),
        (row(category=Category.SAR), "ci"),
        (row(category=Category.TEMP_PROTECTION), "di"),
        (row(RowKind.MARKED, mark=MarkType.PROTECTION), "er"),
        (row(RowKind.MARKED, mark=MarkType.PROTECTION, follow_up=True), "r"),
        (row(RowKind.MARKED, mark=MarkType.RESIDENCE, category=Category.SAR), "r"),
        (row(RowKind.UNMARKED, mark=MarkType.PROTECTION), "r"),
        (row(category=Category.ILLEGAL_STAY, minor=True), "fi"),
        (row(category=Category.ADMISSION_RECORD, outcome=AdmissionOutcome.GRANTED), "g"),
        (row(category=Category.ADMISSION_RECORD, outcome=AdmissionOutcome.REFUSED), "i"),
        (row(category=Category.NATIONAL_RESETTLEMENT), "h"),
        (row(category=Category.ILLEGAL_STAY_RELOCATED), ""),
        (row(category=Category.ADMISSION_SEARCH, minor=True), "j"),
        (row(RowKind.QUALITY_REFUSED), "q"),
        (row(category=Category.LEA_SEARCH), "t"),
        (row(RowKind.HIT, category=Category.LEA_SEARCH, target=Category.SAR), "t"),
        (row(category=Category.EUROPOL_SEARCH), "u"),
        (row(category=Category.DATA_SUBJECT), "v"),
        (row(RowKind.FALSE_HIT), "w"),
        (row(RowKind.HIT, category=Category.SAR, target=Category.SAR), "o"),
        (row(RowKind.HIT, category=Category.ADMISSION_SEARCH, target=Category.SAR), ""),
    ],
)
def test_each_happening_counts_in_its_points(happened: Row, expected: str) -> None:
    assert points(happened) == expected


def test_a_data_set_refused_twice_was_requested_again_once() -> None:
    refused = row(RowKind.QUALITY_REFUSED)
    assert counted(refused, refused)["q", "DK"] == 1


def test_data_sets_count_by_birth_year_and_sex() -> None:
    found = counted(row(birth_year=1990, sex=Sex.MALE), row(reference_number="r2"))
    assert found["i", "DK", "article=15(1)", "birth_year=1990", "sex=MALE"] == 1
    assert found["i", "DK", "article=15(1)", "birth_year=UNKNOWN", "sex=UNKNOWN"] == 1


@pytest.mark.parametrize("category", Category)
def test_a_data_set_counts_under_the_article_that_it_was_transmitted_under(
    category: Category,
) -> None:
    """Point (i), and no other article than those that it names."""
    articles = {
        Category.APPLICANT_REG: "15(1)",
        Category.APPLICANT_BORDER: "15(1)",
        Category.IRREGULAR_CROSSING: "22(1)",
        Category.ILLEGAL_STAY: "23(1)",
        Category.SAR: "24(1)",
        Category.TEMP_PROTECTION: "26(1)",
    }
    found = [key[2] for key in counted(row(category=category)) if key[0] == "i"]
    assert found == ([f"article={articles[category]}"] if category in articles else [])


@pytest.mark.parametrize(
    ("outcome", "article"),
    [(AdmissionOutcome.REFUSED, "18(2)(b)"), (AdmissionOutcome.DISCONTINUED, "18(2)(c)")],
)
def test_a_refused_admission_counts_under_its_letter(
    outcome: AdmissionOutcome, article: str
) -> None:
    found = counted(row(category=Category.ADMISSION_RECORD, outcome=outcome))
    assert [key[2] for key in found if key[0] == "i"] == [f"article={article}"]


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (Category.APPLICANT_REG, "application"),
        (Category.IRREGULAR_CROSSING, "irregular crossing"),
        (Category.ILLEGAL_STAY, "illegal stay"),
        (Category.SAR, "search and rescue"),
        (Category.TEMP_PROTECTION, "temporary protection"),
        (Category.ADMISSION_RECORD, "admission procedure"),
        (Category.NATIONAL_RESETTLEMENT, "national resettlement"),
    ],
)
@pytest.mark.parametrize(
    ("point", "category"),
    [
        ("k", Category.APPLICANT_REG),
        ("k", Category.APPLICANT_BORDER),
        ("m", Category.IRREGULAR_CROSSING),
        ("n", Category.ILLEGAL_STAY),
        ("o", Category.SAR),
        ("p", Category.TEMP_PROTECTION),
    ],
)
def test_a_hit_counts_in_the_point_of_its_category_by_what_it_hit(
    point: str, category: Category, target: Category, told: str
) -> None:
    """Points (k) and (m) to (p)."""
    assert counted(row(RowKind.HIT, category=category, target=target)) == {
        (point, "DK", f"target={told}"): 1
    }


def test_a_hit_on_a_protected_applicant_counts_as_both_and_as_marked() -> None:
    found = counted(
        row(
            RowKind.HIT,
            category=Category.ILLEGAL_STAY,
            target=Category.APPLICANT_BORDER,
            target_marks=frozenset({MarkType.PROTECTION}),
        )
    )
    assert found == {
        ("n", "DK", "target=application"): 1,
        ("n", "DK", "target=protection granted"): 1,
        ("s", "DK", "point=n"): 1,
    }


def test_a_hit_on_an_admission_tells_its_outcome() -> None:
    found = counted(
        row(
            RowKind.HIT,
            category=Category.ADMISSION_SEARCH,
            target=Category.ADMISSION_RECORD,
            outcome=AdmissionOutcome.DISCONTINUED,
        )
    )
    assert found == {("l", "DK", "target=admission procedure", "outcome=DISCONTINUED"): 1}


@pytest.mark.parametrize(
    ("at", "within"),
    [
        (datetime(2026, 6, 30, 23, 59, 59, tzinfo=UTC), False),
        (datetime(2026, 7, 1, tzinfo=UTC), True),
        (datetime(2026, 7, 31, 23, 59, 59, tzinfo=UTC), True),
        (datetime(2026, 8, 1, tzinfo=UTC), False),
    ],
)
def test_a_month_is_that_of_utc(at: datetime, within: bool) -> None:
    assert (points(row(RowKind.FALSE_HIT, at=at)) == "w") is within


@pytest.mark.parametrize("month", ["2026-13", "July", "2026", ""])
def test_what_is_no_month_is_refused(month: str) -> None:
    with pytest.raises(RuleBroken, match="V05"):
        month_span(month)


def test_the_tables_are_complete() -> None:
    assert "".join(POINTS) == "abcdefghijklmnopqrstuvw"
    assert TARGETS.keys() == {RULES[category].group for category in STORED}
    assert NOT_ADMITTED.keys() == set(AdmissionOutcome) - {AdmissionOutcome.GRANTED}


ROWS = st.lists(
    st.builds(
        Row,
        kind=st.sampled_from([RowKind.TRANSMITTED, RowKind.HIT, RowKind.FALSE_HIT]),
        at=st.sampled_from([JUNE, JULY]),
        state=st.sampled_from(["DK", "IT"]),
        category=st.sampled_from(Category),
        reference_number=st.sampled_from("xyz"),
        sequence=st.sampled_from("pq"),
        outcome=st.sampled_from(AdmissionOutcome),
        target=st.sampled_from(STORED),
        target_marks=st.frozensets(st.sampled_from(MarkType)),
    ),
    max_size=15,
)


@settings(max_examples=60)
@given(ROWS)
def test_the_figures_equal_a_stupid_recount(rows: list[Row]) -> None:
    july = [one for one in rows if one.at == JULY]
    got = Counter[tuple[str, str]]()
    for figure in figures(rows, "2026-07"):
        if figure.point in "cdjvw" or figure.dimensions in (
            (("applicants", "all"),),
            (("point", "k"),),
        ):
            got[figure.point, figure.member_state] += figure.count
    wanted = Counter[tuple[str, str]]()
    for state in ("DK", "IT"):
        here = [one for one in july if one.state == state]
        sent = [one for one in here if one.kind is RowKind.TRANSMITTED]
        hits = [one for one in here if one.kind is RowKind.HIT]
        wanted["a", state] = len({o.sequence for o in sent if o.category in HITS["k"]})
        wanted["c", state] = len({o.sequence for o in sent if o.category is Category.SAR})
        wanted["d", state] = len(
            {o.sequence for o in sent if o.category is Category.TEMP_PROTECTION}
        )
        wanted["j", state] = sum(o.category is Category.ADMISSION_SEARCH for o in sent)
        wanted["v", state] = sum(o.category is Category.DATA_SUBJECT for o in sent)
        wanted["w", state] = sum(o.kind is RowKind.FALSE_HIT for o in here)
        wanted["s", state] = sum(o.category in HITS["k"] and bool(o.target_marks) for o in hits)
    assert +got == +wanted


def test_an_outcome_is_told_of_admissions_only() -> None:
    """12(1)(i) and (l): applicants and national resettlements have none there."""
    odd = row(outcome=AdmissionOutcome.REFUSED)
    expected = ("i", "DK", "article=15(1)", "birth_year=UNKNOWN", "sex=UNKNOWN")
    assert counted(odd)[expected] == 1
    hit = row(
        RowKind.HIT,
        category=Category.ADMISSION_SEARCH,
        target=Category.NATIONAL_RESETTLEMENT,
        outcome=AdmissionOutcome.GRANTED,
    )
    assert not any("outcome" in part for key in counted(hit) for part in key)
