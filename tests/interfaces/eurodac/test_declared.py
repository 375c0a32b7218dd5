"""Derogations and prolongations: what is on record lengthens, within its days, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from interfaces.eurodac.caseclock import CaseClock, Happening, Occurred, play
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import CouncilDecision, DataSet
from interfaces.eurodac.declared import (
    DECLARED,
    Declared,
    DeclaredKind,
    check_declared,
    years_prolonged,
)
from interfaces.eurodac.limits import IN_LARGE_NUMBERS, LIMITS, derogation_of, due
from interfaces.eurodac.periods import end_of_day, local_day, start_of_day
from interfaces.eurodac.policy import Policy
from interfaces.eurodac.retention import is_searchable, prolonged_end

SECOND = timedelta(seconds=1)


def noon(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=UTC)


def declared_in(text: str) -> list[Declared]:
    found = []
    for one in text.split():
        kind, state, first, last = one.split(":")
        days = date.fromisoformat(first), date.fromisoformat(last)
        named = DeclaredKind(kind)
        decision = "2026/1" if DECLARED[named].by_council else ""
        found.append(Declared(named, state, *days, decision))
    return found


def events_in(text: str) -> list[Occurred]:
    found = []
    for one in text.split():
        name, _, when = one.partition("@")
        day, _, asked = when.partition(":")
        found.append(Occurred(Happening[name], noon(day), asked=asked))
    return found


def running(clock: CaseClock, state: str) -> str:
    return " ".join(
        f"{limit.rule}@{local_day(limit.due_at, state)}" for limit in clock.running if limit.due_at
    )


@pytest.mark.table("C_declared")
def test_a_derogation_changes_what_begins_on_its_days(row: Mapping[str, str]) -> None:
    declared = declared_in(row["declared"])
    clock = play(events_in(row["events"]), noon(row["now"]), row["state"], declared)
    assert running(clock, row["state"]) == row["running"]
    by_derogation = [one.rule for one in clock.running if derogation_of(one)]
    assert " ".join(by_derogation) == row["derogations"]
    assert not list(check_declared(declared[0]))


@pytest.mark.parametrize("key", [key for key, limit in LIMITS.items() if limit.crisis])
def test_a_limit_in_a_crisis_cites_the_crisis_regulation(key: str) -> None:
    happenings = {
        "K1": Happening.REGISTERED,
        "K2": Happening.ENTRY_HIT,
        "K5": Happening.TAKE_CHARGE_ASKED,
        "K6": Happening.TAKE_CHARGE_ASKED_ON_HIT,
        "K8": Happening.RESPONSIBLE_HIT,
        "K9": Happening.TAKE_BACK_NOTIFIED,
        "K13": Happening.ACCEPTED,
        "K67": Happening.MADE,
        "K77": Happening.REGISTERED_AT_BORDER,
    }
    begun = Occurred(happenings[key], noon("2026-07-10"), asked="DK")
    crisis = LIMITS[key].crisis
    assert crisis is not None
    first, last = date(2026, 7, 1), date(2026, 7, 31)
    declared = [Declared(crisis.kind, "DK", first, last, "2026/1")]
    for on_record, article in (((), LIMITS[key].article), (declared, crisis.article)):
        clock = play([begun], noon("2026-07-11"), "DK", on_record)
        (limit,) = [one for one in clock.running if one.rule == key]
        assert limit.article == article
        assert derogation_of(limit) is (crisis.kind if on_record else None)


@pytest.mark.parametrize("key", IN_LARGE_NUMBERS.values())
def test_a_limit_for_large_numbers_is_told_by_its_declaration(key: str) -> None:
    assert derogation_of(due(key, noon("2026-07-10"), "DK")) is DeclaredKind.MANY_APPLICATIONS


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (start_of_day(date(2026, 7, 6), "DK") - SECOND, "K2@2026-08-05"),
        (start_of_day(date(2026, 7, 6), "DK"), "K2@2026-11-06"),
        (end_of_day(date(2026, 7, 31), "DK"), "K2@2026-11-30"),
        (end_of_day(date(2026, 7, 31), "DK") + SECOND, "K2@2026-09-01"),
    ],
)
def test_a_derogation_begins_and_ends_at_local_midnight(at: datetime, expected: str) -> None:
    declared = declared_in("CRISIS_RESPONSIBILITY:DK:2026-07-06:2026-07-31")
    clock = play([Occurred(Happening.ENTRY_HIT, at)], at, "DK", declared)
    assert running(clock, "DK") == expected


def test_the_day_on_which_the_crisis_regulation_applies_is_configured() -> None:
    declared = declared_in("CRISIS_REGISTRATION:DK:2026-06-15:2026-07-31")
    made = [Occurred(Happening.MADE, noon("2026-06-25"))]
    for starts, expected in ((date(2026, 6, 26), "06-30"), (date(2026, 6, 25), "07-23")):
        policy = Policy(crisis_applies_from=starts)
        clock = play(made, made[0].at, "DK", declared, policy=policy)
        assert running(clock, "DK") == f"K67@2026-{expected}"


DEROGATION = Declared(
    DeclaredKind.CRISIS_REGISTRATION, "DK", date(2026, 7, 1), date(2026, 7, 1), "2026/1"
)
PROLONGATION = Declared(DeclaredKind.TEMPORARY_PROTECTION, decision="2031/7", prolonged="2030/1")


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        (DEROGATION, ""),
        (replace(DEROGATION, decision=" "), "V04 decision"),
        (replace(DEROGATION, kind=DeclaredKind.MANY_APPLICATIONS, decision=""), ""),
        (replace(DEROGATION, state="XX"), "V20 state"),
        (replace(DEROGATION, state=""), "V20 state"),
        (replace(DEROGATION, starts_on=None), "V04 starts_on"),
        (replace(DEROGATION, ends_on=None), "V04 ends_on"),
        (replace(DEROGATION, ends_on=date(2026, 6, 30)), "V16 ends_on"),
        (replace(DEROGATION, prolonged="2030/1"), "V05 prolonged"),
        (PROLONGATION, ""),
        (replace(PROLONGATION, decision=""), "V04 decision"),
        (replace(PROLONGATION, prolonged=""), "V04 prolonged"),
        (replace(PROLONGATION, prolonged="2031/7"), "V05 prolonged"),
        (replace(PROLONGATION, state="DK"), "V05 state"),
        (replace(PROLONGATION, starts_on=date(2031, 3, 1)), "V05 starts_on"),
        (replace(PROLONGATION, ends_on=date(2032, 3, 1)), "V05 ends_on"),
    ],
)
def test_what_a_declaration_must_say(declared: Declared, found: str) -> None:
    assert " ".join(f"{one.code} {one.field}" for one in check_declared(declared)) == found


def protected(in_force: str, reference: str = "2030/1") -> DataSet:
    return DataSet(
        Category.TEMP_PROTECTION,
        "DK",
        council_decision=CouncilDecision(reference, date.fromisoformat(in_force)),
        transmitted_at=noon("2031-02-20"),
    )


@pytest.mark.table("S_prolonged")
def test_each_prolongation_keeps_the_data_for_a_year_more(row: Mapping[str, str]) -> None:
    declared = [
        replace(PROLONGATION, decision=decision, prolonged=prolonged)
        for decision, _, prolonged in (one.partition(">") for one in row["declared"].split())
    ]
    end = prolonged_end(protected(row["in_force"]), None, declared)
    assert end == datetime.fromisoformat(row["end"])
    assert is_searchable(end, end)
    assert not is_searchable(end, end + SECOND)


def test_only_temporary_protection_is_prolonged() -> None:
    sent = noon("2031-02-20")
    kept = DataSet(Category.SAR, "DK", council_decision=CouncilDecision("2030/1", date(2030, 3, 1)))
    assert prolonged_end(kept, sent, [PROLONGATION]) == prolonged_end(kept, sent, [])
    assert years_prolonged("2030/1", [DEROGATION]) == 0


@pytest.mark.parametrize(
    ("kind", "article", "by_council", "prolongs"),
    [
        (DeclaredKind.CRISIS_REGISTRATION, "CFMR 10(1)", True, False),
        (DeclaredKind.CRISIS_BORDER_PROCEDURE, "CFMR 11(1)", True, False),
        (DeclaredKind.CRISIS_RESPONSIBILITY, "CFMR 12(2)", True, False),
        (DeclaredKind.MANY_APPLICATIONS, "APR 27(5), 28(5)", False, False),
        (DeclaredKind.TEMPORARY_PROTECTION, "29(9)", True, True),
    ],
)
def test_what_a_declaration_rests_on(
    kind: DeclaredKind, article: str, by_council: bool, prolongs: bool
) -> None:
    rule = DECLARED[kind]
    assert (rule.article, rule.by_council, rule.prolongs) == (article, by_council, prolongs)


def test_the_tables_are_complete() -> None:
    assert DECLARED.keys() == set(DeclaredKind)
    used = {limit.crisis.kind for limit in LIMITS.values() if limit.crisis}
    used.add(DeclaredKind.MANY_APPLICATIONS)
    assert used == {kind for kind, rule in DECLARED.items() if not rule.prolongs}
    assert {*IN_LARGE_NUMBERS, *IN_LARGE_NUMBERS.values()} <= LIMITS.keys()
