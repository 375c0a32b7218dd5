"""Eurodac among the other systems: rulebook L."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.fields import ATTRIBUTES as ROW_ATTRIBUTES
from interfaces.eurodac.fields import IN_COMMON_REPOSITORY, Field
from interfaces.eurodac.interoperability import (
    KEEPING,
    TRIGGERS,
    VISIBILITY,
    Keeper,
    Reader,
    Side,
    System,
    Trigger,
    check_closing,
    check_enquiry,
    check_responsible,
    check_signal,
    check_switch,
    is_on,
    may_link,
    may_see,
    responsible,
)
from interfaces.eurodac.likeness import (
    ATTRIBUTES,
    Closeness,
    IdentityPart,
    compare_births,
    compare_documents,
    compare_identity,
    compare_names,
    fold,
    identity_part,
    slips,
)
from interfaces.eurodac.links import Colour, Identity, TravelDocument
from interfaces.eurodac.police import Offence
from interfaces.eurodac.policy import Policy
from interfaces.eurodac.terms import Document, Sex

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
MULLER = IdentityPart(
    surnames=("Müller",),
    forenames=("Ada",),
    nationalities=("SYR",),
    date_of_birth="1990-05-07",
    place_of_birth="Aleppo",
    sex=Sex.FEMALE,
)


def changed(text: str) -> IdentityPart:
    """The part with some attributes changed, as a row of a table states them."""
    changes: dict[str, object] = {}
    for change in text.split():
        name, _, value = change.partition("=")
        single = isinstance(getattr(IdentityPart(), name), str)
        changes[name] = Sex(value) if name == "sex" else value if single else (value,)
    return replace(MULLER, **changes)  # type: ignore[arg-type]


@pytest.mark.table("L_likeness")
def test_identity_data_are_as_alike_as_the_table_says(row: Mapping[str, str]) -> None:
    other = changed(row["changes"])
    assert compare_identity(MULLER, other) is Identity[row["identity"]]
    assert compare_identity(other, MULLER) is Identity[row["identity"]]


NAMES = st.text("abcé -", min_size=0, max_size=8)
PARTS = st.builds(
    IdentityPart,
    surnames=st.lists(NAMES, max_size=2).map(tuple),
    forenames=st.lists(NAMES, max_size=2).map(tuple),
    aliases=st.lists(NAMES, max_size=1).map(tuple),
    nationalities=st.lists(st.sampled_from(["SYR", "AFG"]), max_size=2).map(tuple),
    date_of_birth=st.sampled_from(
        ["", "1990", "1990-05", "1990-05-07", "1990-07-05", "1981-12-31"]
    ),
    place_of_birth=NAMES,
    sex=st.sampled_from([None, *Sex]),
    document=st.sampled_from([None, Document("P", "P 1", "SYR"), Document("P", "p-1", "AFG")]),
)


@given(PARTS, PARTS)
def test_likeness_does_not_depend_on_who_comes_first(
    one: IdentityPart, other: IdentityPart
) -> None:
    assert compare_identity(one, other) is compare_identity(other, one)
    assert compare_documents(one, other) is compare_documents(other, one)
    assert compare_births(one.date_of_birth, other.date_of_birth) is compare_births(
        other.date_of_birth, one.date_of_birth
    )


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("1990", "1990-12-31", Closeness.SIMILAR),
        ("1990", "1990-01-01", Closeness.SIMILAR),
        ("1990", "1991-01-01", Closeness.DIFFERENT),
        ("1990", "1989-12-31", Closeness.DIFFERENT),
        ("1990", "1990", Closeness.SIMILAR),
        ("1990-05", "1990-05", Closeness.SIMILAR),
        ("1990-05-07", "1990-05-07", Closeness.SAME),
        ("no date", "1990-05-07", Closeness.DIFFERENT),
        ("no date", "no date", Closeness.DIFFERENT),
    ],
)
def test_a_year_leaves_its_first_and_its_last_day_open(
    one: str, other: str, expected: Closeness
) -> None:
    assert compare_births(one, other) is compare_births(other, one) is expected


@given(PARTS)
def test_a_record_with_names_and_a_day_of_birth_is_the_same_as_itself(part: IdentityPart) -> None:
    whole = replace(part, surnames=("Ay",), forenames=("Bo",), date_of_birth="1990-05-07")
    assert compare_identity(whole, whole) is Identity.SAME


@given(NAMES, NAMES, NAMES)
def test_slips_are_a_distance(one: str, other: str, third: str) -> None:
    assert slips(one, other) == slips(other, one)
    assert (slips(one, other) == 0) == (one == other)
    assert slips(one, other) <= max(len(one), len(other))
    assert abs(len(one) - len(other)) <= slips(one, other)
    # Exchanges of neighbours bend the triangle by no more than their own price.
    assert slips(one, third) <= 2 * (slips(one, other) + slips(other, third))


def stupid_slips(one: str, other: str) -> int:
    """The same by trying everything, letter by letter from the end."""
    if not one or not other:
        return max(len(one), len(other))
    tried = [
        stupid_slips(one[:-1], other) + 1,
        stupid_slips(one, other[:-1]) + 1,
        stupid_slips(one[:-1], other[:-1]) + (one[-1] != other[-1]),
    ]
    if one[-2:] == other[-2:][::-1] and len(one) > 1:
        tried.append(stupid_slips(one[:-2], other[:-2]) + 1)
    return min(tried)


def test_slips_are_those_that_trying_everything_finds() -> None:
    words = ["".join(letters) for size in range(5) for letters in product("ab", repeat=size)]
    for one in words:
        for other in words:
            assert slips(one, other) == stupid_slips(one, other), (one, other)


@pytest.mark.parametrize("half_that_agrees", ["forenames", "surnames"])
def test_names_entered_the_wrong_way_round_are_never_the_same(half_that_agrees: str) -> None:
    """Not even where half of the name agrees as it stands as well."""
    one = replace(MULLER, surnames=("Omar",), forenames=("Ali",))
    crossed = replace(MULLER, surnames=("Ali",), forenames=("Omar",))
    both = ("Ali", "Omar")
    other = {
        "surnames": replace(crossed, surnames=both),
        "forenames": replace(crossed, forenames=both),
    }[half_that_agrees]
    assert compare_identity(one, other) is Identity.SIMILAR


@given(NAMES)
def test_folding_is_done_once(name: str) -> None:
    assert fold(fold(name)) == fold(name)
    assert fold(name.upper()) == fold(name)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("abcde", "abcdx", 1), ("abcd", "acbd", 1), ("", "ab", 2), ("abc", "ca", 3), ("ab", "ba", 1)],
)
def test_slips_are_counted(one: str, other: str, expected: int) -> None:
    assert slips(one, other) == expected


def test_how_many_slips_a_name_allows() -> None:
    """One for every five letters of the longer name, and no more."""
    assert compare_names(["abcde"], ["abcdx"]) is Closeness.SIMILAR
    assert compare_names(["abcd"], ["abcx"]) is Closeness.DIFFERENT
    assert compare_names(["abcdefghij"], ["abcdefghxy"]) is Closeness.SIMILAR
    assert compare_names(["abcdefghi"], ["abcdefgxy"]) is Closeness.DIFFERENT
    assert compare_names(["abcd"], ["abcde"]) is Closeness.SIMILAR
    assert compare_names(["abcdefgh"], ["abcdef"]) is Closeness.DIFFERENT


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (Document("PASSPORT", "p123", "SYR"), TravelDocument.SAME),
        (Document("passport", "P-124", "SYR"), TravelDocument.OTHER),
        (Document("passport", "P-123", "AFG"), TravelDocument.OTHER),
        (None, TravelDocument.OTHER),
    ],
)
def test_documents_are_the_same_by_number_and_country(
    document: Document | None, expected: TravelDocument
) -> None:
    mine = IdentityPart(document=Document("passport", "P-12 3", "SYR"))
    assert compare_documents(mine, IdentityPart(document=document)) is expected


def test_documents_without_a_number_are_never_the_same() -> None:
    empty = IdentityPart(document=Document("passport", " - ", "SYR"))
    assert compare_documents(empty, empty) is TravelDocument.OTHER


@pytest.mark.table("L_keeping")
def test_what_the_systems_share_and_what_stays(row: Mapping[str, str]) -> None:
    kept = KEEPING[Field(row["id"])]
    found = (kept.keeper.name, kept.point, kept.article, kept.detected)
    assert found == (row["keeper"], row["point"], row["article"], row["detected"])


def test_every_row_is_kept_somewhere_and_the_repository_has_what_article_3_names() -> None:
    assert set(KEEPING) == set(Field)
    shared = {field for field, row in KEEPING.items() if row.keeper is not Keeper.EURODAC}
    assert shared == IN_COMMON_REPOSITORY
    assert all(bool(row.detected) == (field in shared) for field, row in KEEPING.items())


def test_the_identity_part_is_what_the_repository_keeps_of_a_data_set(
    complete: Callable[..., DataSet],
) -> None:
    stated = {
        name
        for field, row in KEEPING.items()
        if row.keeper is Keeper.REPOSITORY
        for name in ROW_ATTRIBUTES[field]
    }
    assert set(ATTRIBUTES) == stated
    data_set = complete(Category.SAR, security_flag=True)
    part = identity_part(data_set)
    assert all(getattr(part, name) == getattr(data_set, name) for name in stated)


@pytest.mark.table("L_visibility")
def test_a_link_is_seen_by_whom_the_table_names(row: Mapping[str, str]) -> None:
    reader = Reader(
        frozenset(System[name] for name in row["systems"].split()),
        made=row["made"] == "yes",
        verifies=row["verifies"] == "yes",
    )
    linked = frozenset({System.EURODAC, System.VIS})
    assert may_see(Colour[row["colour"]], linked, reader) is (row["seen"] == "yes")


def test_every_colour_and_trigger_has_its_row_and_only_red_hides_the_file() -> None:
    assert set(VISIBILITY) == set(Colour)
    assert set(TRIGGERS) == set(Trigger)
    assert [colour for colour, row in VISIBILITY.items() if not row.whole] == [Colour.RED]
    assert {trigger for trigger, row in TRIGGERS.items() if row.in_eurodac} == {
        Trigger.RECORDED,
        Trigger.CHANGED,
    }
    assert {row.article for row in VISIBILITY.values()} == {"26(1)", "26(2)", "26(3)", "26(4)"}
    assert {row.article for row in TRIGGERS.values()} == {"27(1)(c)", "27(1)"}


@pytest.mark.table("L_responsible")
def test_one_authority_verifies(row: Mapping[str, str]) -> None:
    found = responsible(System[row["newer"]], System[row["older"]])
    assert (found.side, found.article) == (Side(row["side"]), row["article"])


def test_nobody_else_verifies() -> None:
    named = System.EURODAC, "IT"
    assert check_responsible(System.EURODAC, "IT", named=named) == ()
    for system, state in ((System.VIS, "IT"), (System.EURODAC, "DK")):
        (found,) = check_responsible(system, state, named=named)
        assert (found.code, found.article) == ("I02", "2019/818 29(1)")


def test_records_of_one_system_are_never_linked() -> None:
    for one in System:
        for other in System:
            assert may_link(one, other) is (one != other)


@pytest.mark.parametrize(
    ("start", "on"),
    [(None, False), (date(2027, 3, 1), True), (date(2027, 3, 2), False), (date.min, True)],
)
def test_the_switch_is_off_unless_a_day_is_set(start: date | None, on: bool) -> None:
    policy = Policy(interoperability_from=start)
    assert is_on(policy, NOON) is on
    found = check_switch(policy, NOON)
    assert [(one.code, one.article) for one in found] == ([] if on else [("I01", "2019/818")])


def test_an_enquiry_needs_offence_case_and_grounds() -> None:
    assert check_enquiry(Offence.TERRORIST, "case 17", "known to travel") == ()
    found = check_enquiry(None, "", "")
    assert [one.field for one in found] == ["offence", "specific_case", "contribution"]
    assert {(one.code, one.article) for one in found} == {("V19", "2019/818 22(1)")}


def test_a_signal_is_claimed_by_who_received_it_and_closed_with_reasons() -> None:
    assert check_signal(claimed=False, received=False) == ()
    assert check_signal(claimed=True, received=True) == ()
    (found,) = check_signal(claimed=True, received=False)
    assert (found.code, found.article) == ("V19", "2019/818 22(2)")
    assert check_closing("the case was closed") == ()
    (found,) = check_closing("")
    assert (found.code, found.article) == ("V19", "2019/818 22(3)")
