"""What drives the clock of a case: rulebook K.6, K52 and the rules on telling an event."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import pytest

from interfaces.eurodac.caseclock import EFFECTS, Happening
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import DataSet, Event
from interfaces.eurodac.limits import LIMITS
from interfaces.eurodac.periods import local_day
from interfaces.eurodac.policy import Policy
from interfaces.eurodac.progress import (
    AT_BORDER,
    FOLLOWS,
    Facts,
    KnownHit,
    Told,
    check_told,
    is_under_old_rules,
    occurred,
    requested_before,
)

SECOND = timedelta(seconds=1)
NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)


def noon(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=UTC)


def applicant(told: tuple[Told, ...] = (), event: Event | None = None) -> Facts:
    data_set = DataSet(Category.APPLICANT_REG, "DK", event=event)
    return Facts(Category.APPLICANT_REG, data_set, "DK", told=told)


def codes(new: Told, facts: Facts, now: datetime = NOON) -> list[str]:
    return [one.code for one in check_told(new, facts, now, Policy())]


@pytest.mark.table("C_occurred")
def test_data_hits_and_officials_tell_what_occurred(row: Mapping[str, str]) -> None:
    category = Category(row["category"])
    event = Event("x", datetime.fromisoformat(row["event"])) if row["event"] else None
    hits = [pair.split("@") for pair in row["hits"].split()]
    told = [pair.split("@") for pair in row["told"].split()]
    entered = Event("y", noon("2026-08-20"))
    facts = Facts(
        category,
        DataSet(category, row["state"], event=event),
        row["state"],
        hits=tuple(
            KnownHit(DataSet(Category(name), "IT", event=entered), noon(day)) for name, day in hits
        ),
        told=tuple(Told(Happening[name], noon(day)) for name, day in told),
    )
    found = [
        f"{one.happening.name}@{local_day(one.at, row['state'])}"
        for one in occurred(facts, Policy())
    ]
    assert " ".join(found) == row["occurred"]


def test_of_several_registrations_the_first_counts() -> None:
    told = (
        Told(Happening.REGISTERED_AT_BORDER, noon("2026-08-05")),
        Told(Happening.REGISTERED, noon("2026-08-03")),
        Told(Happening.LODGED, noon("2026-08-01")),
    )
    assert applicant(told).registered_at == noon("2026-08-03")
    assert applicant(told[:1], Event("x", noon("2026-08-01"))).registered_at == noon("2026-08-05")


def test_the_old_rules_hold_for_whoever_was_registered_before_the_new() -> None:
    """X-C15: the date is configuration."""
    registered = applicant(event=Event("x", noon("2026-06-20")))
    assert is_under_old_rules(registered, Policy())
    assert not is_under_old_rules(registered, Policy(ammr_applies_from=date(2026, 6, 12)))
    assert not is_under_old_rules(registered, Policy(ammr_applies_from=date(2026, 6, 20)))
    assert not is_under_old_rules(applicant(), Policy())


@pytest.mark.parametrize(
    "new",
    [
        Told(Happening.LODGED, NOON),
        Told(Happening.TAKE_CHARGE_ASKED, NOON, "IT"),
        Told(Happening.TAKE_CHARGE_ASKED_ON_HIT, NOON, "IT"),
        Told(Happening.TAKE_BACK_NOTIFIED, NOON, "IT"),
        Told(Happening.RELOCATION_INFORMED, NOON, "IT"),
        Told(Happening.INFORMATION_ASKED, NOON, "IT"),
        Told(Happening.ACCEPTED, NOON, "IT"),
        Told(Happening.RESPONSIBLE_HERE, NOON, by_security=True),
        Told(Happening.REGISTERED, noon("2026-07-01")),
    ],
    ids=lambda one: one.happening.name,
)
def test_what_has_happened_is_taken_down(new: Told) -> None:
    assert codes(new, applicant()) == []


@pytest.mark.parametrize(
    "happening",
    [
        Happening.TAKE_CHARGE_ASKED,
        Happening.TAKE_CHARGE_ASKED_ON_HIT,
        Happening.TAKE_BACK_NOTIFIED,
        Happening.RELOCATION_INFORMED,
        Happening.INFORMATION_ASKED,
    ],
)
def test_whoever_asks_names_the_state_asked(happening: Happening) -> None:
    assert codes(Told(happening, NOON), applicant()) == ["V04"]


def test_an_acceptance_answers_what_was_asked_before() -> None:
    asked = Told(Happening.TAKE_CHARGE_ASKED, NOON, "IT")
    assert codes(Told(Happening.ACCEPTED, NOON), applicant((asked,))) == []
    assert codes(Told(Happening.ACCEPTED, NOON - SECOND), applicant((asked,))) == ["V04"]
    relocation = Told(Happening.RELOCATION_INFORMED, NOON, "IT")
    assert codes(Told(Happening.ACCEPTED, NOON), applicant((relocation,))) == ["V04"]


def crossing(*told: Told) -> Facts:
    data_set = DataSet(Category.IRREGULAR_CROSSING, "IT")
    return Facts(Category.IRREGULAR_CROSSING, data_set, "IT", told=told)


@pytest.mark.parametrize("happening", FOLLOWS, ids=lambda one: one.name)
def test_what_follows_another_event_is_refused_without_it(happening: Happening) -> None:
    """Not told, or told later: refused under the article of the limit that was never started."""
    needed = FOLLOWS[happening]
    (article,) = {LIMITS[EFFECTS[one].starts[0]].article for one in needed[:1]}
    for before in ((), (Told(needed[0], NOON + SECOND),)):
        (found,) = check_told(Told(happening, NOON), crossing(*before), NOON, Policy())
        assert (found.code, found.field, found.article) == ("V04", "kind", article)
        assert f"'{needed[0]}'" in found.rule
    for one in needed:
        asked = "" if one not in {Happening.RELOCATION_INFORMED, Happening.OFFSET_ASKED} else "GR"
        facts = crossing(Told(one, NOON - AT_BORDER, asked))
        assert codes(Told(happening, NOON), facts) == []
        # In one second, told in this order: nothing is missing.
        at_once = crossing(Told(one, NOON, asked))
        assert "V04" not in codes(Told(happening, NOON), at_once)


def test_the_screening_is_shortened_after_three_days_at_the_border() -> None:
    apprehended = crossing(
        Told(Happening.APPREHENDED, NOON - 2 * AT_BORDER), Told(Happening.APPREHENDED, NOON)
    )
    stayed = Told(Happening.STAYED_AT_BORDER, NOON + AT_BORDER)
    assert codes(stayed, apprehended, stayed.at) == []
    early = Told(Happening.STAYED_AT_BORDER, stayed.at - SECOND)
    (found,) = check_told(early, apprehended, stayed.at, Policy())
    assert (found.code, found.field, found.article) == ("V05", "at", "SCR 8(3)")
    other = Facts(
        Category.ILLEGAL_STAY, DataSet(Category.ILLEGAL_STAY, "IT"), "IT", told=apprehended.told
    )
    (found,) = check_told(stayed, other, stayed.at, Policy())
    assert (found.code, found.field, found.article) == ("V06", "kind", "SCR 8(3)")


def test_under_the_old_rules_the_new_procedures_are_not_told() -> None:
    """AMMR 84: the asylum procedure goes on, the responsibility of the new rules does not."""
    early = applicant(event=Event("x", noon("2026-06-20")))
    assert codes(Told(Happening.TAKE_CHARGE_ASKED, NOON, "IT"), early) == ["V06"]
    assert codes(Told(Happening.LODGED, NOON), early) == []
    assert codes(Told(Happening.REGISTERED, noon("2026-06-30")), applicant()) == ["V06"]


@pytest.mark.parametrize(
    ("happening", "expected"),
    [
        (Happening.TAKE_CHARGE_ASKED, "FR"),
        (Happening.TAKE_CHARGE_ASKED_ON_HIT, "FR"),
        (Happening.TAKE_BACK_NOTIFIED, "FR"),
        (Happening.ACCEPTED, "FR"),
        (Happening.RELOCATION_INFORMED, "IT"),
        (Happening.INFORMATION_ASKED, "IT"),
    ],
)
def test_the_last_state_asked_for_responsibility_counts(
    happening: Happening, expected: str
) -> None:
    told = [
        Told(happening, NOON, "FR"),
        Told(Happening.TAKE_CHARGE_ASKED, NOON - SECOND, "IT"),
        Told(Happening.TAKE_CHARGE_ASKED, NOON + SECOND, "DE"),
        Told(Happening.ACCEPTED, NOON),
    ]
    assert requested_before(told, NOON) == expected
    assert requested_before(told, NOON - SECOND) == "IT"
    assert requested_before(told, NOON - 2 * SECOND) == ""
