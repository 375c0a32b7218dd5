"""Searches for law enforcement and by Europol: rulebook I and examples X-L."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

import pytest

from interfaces.eurodac.categories import Category
from interfaces.eurodac.police import (
    FOLLOWERS,
    Offence,
    PoliceRequest,
    SearchState,
    check_conditions,
    check_onward_use,
    check_request,
    check_search_step,
    check_use_against_child,
    is_record_kept,
)

ALL: dict[str, object] = {
    "offence": Offence.TERRORIST,
    "necessity": "a",
    "specific_case": "b",
    "contribution": "c",
    "national_databases_checked": True,
    "other_states_checked": True,
    "own_systems_checked": True,
}
SPECIAL: Mapping[str, dict[str, object]] = {
    "same_unit": {"verifying_unit": "u1"},
    "same_person": {"verifier": "anna"},
    "no_number": {"reference_number": ""},
}


def request(category: str, given: str) -> PoliceRequest:
    values: dict[str, object] = {
        "category": Category(category),
        "reference_number": "DK4A",
        "requester": "anna",
        "requesting_unit": "u1",
        "verifier": "bo",
        "verifying_unit": "u2",
    }
    for word in given.split():
        if word == "all":
            values |= ALL
        elif word.startswith("-"):
            del values[word[1:]]
        else:
            values |= SPECIAL.get(word, {word: True if word == "cir_signalled" else "because"})
    return PoliceRequest(**values)  # type: ignore[arg-type]


@pytest.mark.table("L_conditions")
def test_a_search_is_sent_only_under_all_conditions(row: Mapping[str, str]) -> None:
    found = check_request(request(row["category"], row["given"]))
    assert " ".join(f"{one.code} {one.field}" for one in found) == row["expected"]


def test_an_urgent_search_is_verified_afterwards_on_all_conditions() -> None:
    """X-L05: the ex-post check may fail although the search was sent."""
    urgent = request("LEA_SEARCH", "imminent_danger")
    assert check_request(urgent) == ()
    assert len(check_conditions(urgent)) == 6


@pytest.mark.table("L_children")
def test_a_childs_data_are_used_against_it_on_extra_grounds_only(row: Mapping[str, str]) -> None:
    found = check_use_against_child(
        row["born"],
        date.fromisoformat(row["on"]),
        suspected=row["suspected"] == "yes",
        extra_grounds="because" if row["grounds"] == "yes" else "",
    )
    assert " ".join(one.code for one in found) == row["expected"]


@pytest.mark.table("L_records")
def test_a_search_record_lives_a_month(row: Mapping[str, str]) -> None:
    kept = is_record_kept(
        datetime.fromisoformat(row["answered"]),
        datetime.fromisoformat(row["now"]),
        still_needed=row["needed"] == "yes",
    )
    assert kept is (row["kept"] == "yes")


@pytest.mark.table("L_onward")
def test_europol_passes_nothing_on_without_the_origin_state(row: Mapping[str, str]) -> None:
    authorised = row["authorised"] == "yes"
    found = check_onward_use(Category(row["category"]), origin_authorised=authorised)
    assert " ".join(f"{one.code} {one.article}" for one in found) == row["expected"]


@pytest.mark.table("L_steps")
def test_a_search_goes_step_by_step(row: Mapping[str, str]) -> None:
    found = check_search_step(SearchState(row["now"]), SearchState(row["to"]))
    assert " ".join(one.code for one in found) == row["expected"]


def test_no_search_is_sent_unverified_unless_urgent() -> None:
    assert FOLLOWERS.keys() == set(SearchState)
    before_sending = {state for state in SearchState if SearchState.SENT in FOLLOWERS[state]}
    assert before_sending == {SearchState.VERIFIED}
    assert check_search_step(SearchState.VERIFIED, SearchState.SENT) == ()
    assert check_search_step(SearchState.SUBMITTED, SearchState.SENT_URGENT) == ()


def test_a_failed_check_closes_only_after_the_erasure_was_confirmed() -> None:
    """X-L05."""
    assert FOLLOWERS[SearchState.EXPOST_FAIL] == {SearchState.ERASURE_CONFIRMED}
    refused = check_search_step(SearchState.EXPOST_FAIL, SearchState.CLOSED)
    assert [one.code for one in refused] == ["V17"]


def test_every_state_is_reached_and_every_search_comes_to_an_end() -> None:
    reached, waiting = {SearchState.DRAFT}, [SearchState.DRAFT]
    while waiting:
        for state in FOLLOWERS[waiting.pop()] - reached:
            reached.add(state)
            waiting.append(state)
    assert reached == set(SearchState)
    ends = {state for state in SearchState if not FOLLOWERS[state]}
    assert ends == {SearchState.REJECTED, SearchState.CLOSED}
