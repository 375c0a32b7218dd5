"""Linking the data sets of one person: rulebook E.4."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interfaces.eurodac.categories import Category
from interfaces.eurodac.comparison import in_scope
from interfaces.eurodac.policy import Policy
from interfaces.eurodac.reference import issue, parse
from interfaces.eurodac.sequence import (
    Link,
    LinkState,
    components,
    confirmed,
    revoked,
    sequences,
    without,
)

NAMES = "abcdefg"
LINKS = st.lists(
    st.builds(Link, st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(LinkState)),
    max_size=12,
)


def grouped(links: list[Link]) -> set[frozenset[str]]:
    return set(components(NAMES, links))


def stupid_components(links: list[Link]) -> set[frozenset[str]]:
    """Join pairs of groups again and again until nothing changes."""
    groups = [frozenset(name) for name in NAMES]
    while True:
        for one, other in combinations(groups, 2):
            if any(
                {link.one, link.other} & one and {link.one, link.other} & other for link in links
            ):
                groups = [g for g in groups if g not in (one, other)] + [one | other]
                break
        else:
            return set(groups)


@given(LINKS)
def test_confirmed_links_join_whatever_they_touch(links: list[Link]) -> None:
    sure = [link for link in links if link.state is LinkState.CONFIRMED]
    assert grouped(sure) == stupid_components(sure)


@given(LINKS)
def test_every_data_set_is_in_exactly_one_sequence(links: list[Link]) -> None:
    found = components(NAMES, links)
    assert sorted("".join(map("".join, found))) == sorted(NAMES)


@given(LINKS)
def test_automatic_links_never_merge_what_waits_for_a_confirmation(links: list[Link]) -> None:
    found = sequences(NAMES, links)
    used = [
        link
        for link in links
        if link.state is not LinkState.REVOKED_FALSE_HIT and link not in found.waiting
    ]
    assert set(found.components) == stupid_components(used)
    for link in found.waiting:
        assert link.state is LinkState.AUTO_LINKED
        assert min(len(found.of(link.one)), len(found.of(link.other))) > 1


@given(LINKS, st.sampled_from(NAMES))
def test_an_erased_data_set_leaves_no_link(links: list[Link], erased: str) -> None:
    left = without(links, erased)
    assert all(erased not in (link.one, link.other) for link in left)
    assert frozenset(erased) in components(NAMES, left)


def test_crossing_and_application_in_one_state_are_one_person_if_own_data_are_searched() -> None:
    """X-A13: two data sets with digits 2 and 1; without own data no hit could link them."""
    numbers = [
        issue("DK", category, 1)
        for category in (Category.IRREGULAR_CROSSING, Category.APPLICANT_REG)
    ]
    assert [parse(number).digit for number in numbers] == [2, 1]
    for include_own, persons in ((True, 1), (False, 2)):
        found = in_scope(
            Category.APPLICANT_REG,
            Category.IRREGULAR_CROSSING,
            marked=False,
            same_state=True,
            include_own=include_own,
        )
        links = [Link(numbers[0], numbers[1])] if found else []
        assert len(components(numbers, links)) == persons
    assert Policy().include_own


def link_in(text: str) -> Link:
    """A link as the table writes it: one-other:state."""
    pair, state = text.split(":")
    one, other = pair.split("-")
    return Link(one, other, LinkState(state))


@pytest.mark.table("S_sequence")
def test_links_make_one_person_of_several_data_sets(row: Mapping[str, str]) -> None:
    links = tuple(map(link_in, row["links"].split()))
    left = [name for name in row["references"].split() if name != row["erased"]]
    if row["erased"]:
        links = without(links, row["erased"])
    found = ["+".join(sorted(group)) for group in components(left, links)]
    assert sorted(found) == row["expected"].split()


def test_a_link_to_an_unknown_data_set_joins_nothing() -> None:
    assert components("a", [Link("a", "z", LinkState.CONFIRMED)]) == (frozenset("a"),)


def test_a_false_hit_takes_its_link_away() -> None:
    link = Link("a", "b")
    assert components("ab", [link]) == (frozenset("ab"),)
    assert len(components("ab", [revoked(link)])) == 2


def test_two_persons_are_merged_by_a_confirmed_hit_only() -> None:
    links = [Link("a", "b"), Link("c", "d"), Link("b", "c")]
    assert sequences("abcd", links).waiting == (links[2],)
    assert components("abcd", [*links[:2], confirmed(links[2])]) == (frozenset("abcd"),)


def test_the_first_of_two_automatic_links_takes_a_new_data_set_in() -> None:
    links = [Link("a", "b"), Link("c", "d"), Link("new", "a"), Link("new", "c")]
    found = sequences(["a", "b", "c", "d", "new"], links)
    assert found.of("new") == frozenset({"a", "b", "new"})
    assert found.waiting == (links[3],)


def test_a_link_to_an_erased_data_set_hides_no_later_link() -> None:
    links = [
        Link("a", "erased", LinkState.CONFIRMED),
        Link("a", "b", LinkState.CONFIRMED),
    ]
    assert set(components("ab", links)) == {frozenset("ab")}
