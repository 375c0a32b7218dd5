"""Searches for law enforcement and by Europol: conditions, separation, urgency, erasure.

Arts 5 to 7, 14(3), 32 to 34, 47. The reasons of a request stay with the verifying authority;
only the search goes on to the access point.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType

from interfaces.eurodac.ages import birth_range, has_reached
from interfaces.eurodac.categories import Category
from interfaces.eurodac.codes import broken
from interfaces.eurodac.errors import RuleBroken, Violation
from interfaces.eurodac.periods import add_months, end_of_utc_day, utc
from interfaces.eurodac.reference import parse


class Offence(StrEnum):
    """Offences for which a search may be asked, Art. 2(1)(o), (p)."""

    TERRORIST = "TERRORIST"
    SERIOUS = "SERIOUS"


@dataclass(frozen=True, slots=True)
class PoliceRequest:
    """A reasoned request. Texts are the requester's grounds; empty: none given.

    cir_signalled: the common repository answered "data in Eurodac" (Art. 33(2)).
    own_systems_checked: Europol's own systems did not identify the person (Art. 34(1)(a)).
    imminent_danger: why an urgent request cannot wait (Art. 32(4)).
    """

    category: Category
    reference_number: str
    requester: str
    requesting_unit: str
    verifier: str
    verifying_unit: str
    offence: Offence | None = None
    necessity: str = ""
    specific_case: str = ""
    contribution: str = ""
    national_databases_checked: bool = False
    other_states_checked: bool = False
    other_states_skipped_because: str = ""
    cir_signalled: bool = False
    own_systems_checked: bool = False
    imminent_danger: str = ""


def check_request(request: PoliceRequest) -> tuple[Violation, ...]:
    """What forbids sending this search now.

    An urgent request is sent at once and its conditions are verified afterwards, Art. 32(4).
    """
    conditions = () if request.imminent_danger else check_conditions(request)
    return (*_check_reference(request), *check_separation(request), *conditions)


def _check_reference(request: PoliceRequest) -> tuple[Violation, ...]:
    # Art. 32(1): the request carries the reference number used by the requester.
    try:
        parse(request.reference_number)
    except RuleBroken as refused:
        return refused.violations
    return ()


def check_separation(request: PoliceRequest) -> tuple[Violation, ...]:
    """What makes the verification not independent, Arts 6(1), 6(2), 7(2).

    >>> same = PoliceRequest(Category.LEA_SEARCH, "DK4A", "anna", "u1", "bo", "u1")
    >>> [one.article for one in check_separation(same)]
    ['6(1)']
    """
    persons = request.requester and request.verifier and request.requester != request.verifier
    units = (
        request.requesting_unit
        and request.verifying_unit
        and request.requesting_unit != request.verifying_unit
    )
    article = "7(2)" if request.category is Category.EUROPOL_SEARCH else "6(1)"
    return () if persons and units else (broken("V21", "verifier", article),)


def check_conditions(request: PoliceRequest) -> tuple[Violation, ...]:
    """Which of the cumulative conditions of Arts 33(1) and 34(1) are not met."""
    europol = request.category is Category.EUROPOL_SEARCH
    article = "34(1)" if europol else "33(1)"
    asked = (
        ("offence", request.offence is not None, "", "A terrorist or serious offence is named."),
        ("necessity", request.necessity, "(b)", "The search is necessary and proportionate."),
        ("specific_case", request.specific_case, "(c)", "It concerns a specific case and persons."),
        ("contribution", request.contribution, "(d)", "It would contribute substantially."),
    )
    prior = _prior_checks_of_europol(request) if europol else _prior_checks(request)
    return tuple(
        broken("V19", field, article + point, rule=text)
        for field, met, point, text in (*prior, *asked)
        if not met
    )


Asked = tuple[str, bool | str, str, str]
"""Field, what meets it, point of the article, rule."""


def _prior_checks(request: PoliceRequest) -> tuple[Asked, ...]:
    # Art. 33(2): after the repository's signal the prior checks are not needed.
    if request.cir_signalled:
        return ()
    others = request.other_states_checked or request.other_states_skipped_because
    return (
        (
            "national_databases_checked",
            request.national_databases_checked,
            "(a)(i)",
            "National databases were searched first.",
        ),
        (
            "other_states_checked",
            others,
            "(a)(ii)",
            "The other States' fingerprint systems were searched first, or the reasons "
            "why that would not identify the person are stated.",
        ),
    )


def _prior_checks_of_europol(request: PoliceRequest) -> tuple[Asked, ...]:
    # Art. 34(2) grants no short cut after a signal.
    text = "Europol's own systems did not identify the person."
    return (("own_systems_checked", request.own_systems_checked, "(a)", text),)


class SearchState(StrEnum):
    """Where a search stands."""

    DRAFT = "DRAFT"
    SUBMITTED = "SUBMITTED"
    VERIFIED = "VERIFIED"
    REJECTED = "REJECTED"
    SENT = "SENT"
    ANSWERED = "ANSWERED"
    CLOSED = "CLOSED"
    SENT_URGENT = "SENT_URGENT"
    ANSWERED_URGENT = "ANSWERED_URGENT"
    EXPOST_OK = "EXPOST_OK"
    EXPOST_FAIL = "EXPOST_FAIL"
    ERASURE_CONFIRMED = "ERASURE_CONFIRMED"


FOLLOWERS: Mapping[SearchState, frozenset[SearchState]] = MappingProxyType(
    {
        SearchState.DRAFT: frozenset({SearchState.SUBMITTED}),
        SearchState.SUBMITTED: frozenset(
            {SearchState.VERIFIED, SearchState.REJECTED, SearchState.SENT_URGENT}
        ),
        SearchState.VERIFIED: frozenset({SearchState.SENT}),
        SearchState.REJECTED: frozenset(),
        SearchState.SENT: frozenset({SearchState.ANSWERED}),
        SearchState.ANSWERED: frozenset({SearchState.CLOSED}),
        SearchState.SENT_URGENT: frozenset({SearchState.ANSWERED_URGENT, SearchState.EXPOST_FAIL}),
        SearchState.ANSWERED_URGENT: frozenset({SearchState.EXPOST_OK, SearchState.EXPOST_FAIL}),
        SearchState.EXPOST_OK: frozenset({SearchState.CLOSED}),
        # Art. 32(5): everyone who saw the data erases them and tells the verifying authority.
        SearchState.EXPOST_FAIL: frozenset({SearchState.ERASURE_CONFIRMED}),
        SearchState.ERASURE_CONFIRMED: frozenset({SearchState.CLOSED}),
        SearchState.CLOSED: frozenset(),
    }
)
"""Complete: every state has its followers."""


def check_search_step(now: SearchState, to: SearchState) -> tuple[Violation, ...]:
    """What forbids this step of a search.

    >>> [one.code for one in check_search_step(SearchState.SUBMITTED, SearchState.SENT)]
    ['V17']
    """
    return () if to in FOLLOWERS[now] else (broken("V17", "state", "32"),)


FOURTEEN = 14
"""Years of age below which a child's data need extra grounds, Art. 14(3)."""


def check_use_against_child(
    date_of_birth: str, on: date, *, suspected: bool, extra_grounds: str
) -> tuple[Violation, ...]:
    """What forbids using a person's data against that person on this day, Art. 14(3).

    >>> check_use_against_child("2010", date(2026, 7, 1), suspected=False, extra_grounds="")
    ()
    """
    born = birth_range(date_of_birth)
    if born is not None and has_reached(born[1], FOURTEEN, on):
        return ()
    if suspected and extra_grounds:
        return ()
    rule = "Under fourteen: only if the child is suspected and further grounds are recorded."
    return (broken("V19", "date_of_birth", "14(3)", rule=rule),)


def check_onward_use(category: Category, *, origin_authorised: bool) -> tuple[Violation, ...]:
    """What forbids passing a result on: Europol needs the origin State's word, Art. 34(4).

    >>> [one.code for one in check_onward_use(Category.EUROPOL_SEARCH, origin_authorised=False)]
    ['V22']
    """
    if category is not Category.EUROPOL_SEARCH or origin_authorised:
        return ()
    return (broken("V22", "result", "34(4)"),)


KEEP_MONTHS = 1
"""Months for which personal data and records of a search are kept, Art. 47(4)."""


def search_record_end(answered_at: datetime) -> datetime:
    """Last second at which the personal data of a search are kept, if nothing still needs them.

    >>> from datetime import UTC
    >>> search_record_end(datetime(2027, 1, 31, 9, tzinfo=UTC)).isoformat()
    '2027-02-28T23:59:59+00:00'
    """
    return end_of_utc_day(add_months(utc(answered_at).date(), KEEP_MONTHS))


def is_record_kept(answered_at: datetime, now: datetime, *, still_needed: bool) -> bool:
    """Whether the record may still be there: needed by that ongoing investigation, or young."""
    return still_needed or utc(now).replace(microsecond=0) <= search_record_end(answered_at)
