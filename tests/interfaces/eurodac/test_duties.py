"""What is to be done in a case: rulebook K, D-F1 and examples X-C."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import pytest

from interfaces.eurodac.caseclock import CaseClock, Happening, play
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.deadlines import OnMiss
from interfaces.eurodac.declared import Declared, DeclaredKind
from interfaces.eurodac.duties import (
    AFTER_SILENCE,
    KINDS,
    SILENCES,
    Duty,
    DutyKind,
    cause_of,
    closed_by,
    duties,
)
from interfaces.eurodac.limits import LIMITS
from interfaces.eurodac.periods import local_day
from interfaces.eurodac.policy import Policy
from interfaces.eurodac.progress import ASKS, Facts, Told, occurred


def noon(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=UTC)


def told(text: str) -> Told:
    """NAME@day, with :STATE where one is named and ! for a threat to security."""
    name, _, rest = text.removesuffix("!").partition("@")
    day, _, named = rest.partition(":")
    return Told(Happening[name], noon(day), named, by_security=text.endswith("!"))


def case(
    events: str, now: str, *, category: str = "APPLICANT_REG", state: str = "DK", entered: str = ""
) -> tuple[Facts, CaseClock]:
    data_set = DataSet(Category(category), state, responsible_state=entered)
    facts = Facts(Category(category), data_set, state, told=tuple(map(told, events.split())))
    return facts, play(occurred(facts, Policy()), noon(now), state)


def written(duty: Duty, state: str) -> str:
    if duty.update is not None:
        assert duty.rule == duty.update.value
        assert duty.due_at is None
        return f"{duty.kind} {duty.rule}={duty.responsible_state} {duty.article}"
    end = f"@{local_day(duty.due_at, state)}" if duty.due_at else ""
    return f"{duty.kind} {duty.rule}{end} {duty.article}"


@pytest.mark.table("C_duties")
def test_a_case_asks_for_these_duties(row: Mapping[str, str]) -> None:
    facts, clock = case(
        row["events"],
        row["now"],
        category=row["category"],
        state=row["state"],
        entered=row["entered"],
    )
    found = [written(one, row["state"]) for one in duties(facts, clock)]
    assert "; ".join(found) == row["duties"]


@pytest.mark.table("C_run_out")
def test_a_limit_is_a_duty_until_one_second_after_its_end(row: Mapping[str, str]) -> None:
    state, key = row["state"], row["limit"]
    # Whoever is asked in the row is Greece.
    asked = {one.name: ":GR" for one in ASKS}
    events = " ".join(
        pair + asked.get(pair.partition("@")[0], "") for pair in row["events"].split()
    )
    facts, clock = case(events, "2027-12-31", category=row["category"], state=state)
    (limit,) = [one for one in clock.passed if one.rule == key] or [
        one for one in clock.running if one.rule == key
    ]
    assert limit.due_at is not None

    def at(now: datetime) -> list[Duty]:
        return list(duties(facts, play(occurred(facts, Policy()), now, state)))

    (duty,) = [one for one in at(limit.due_at) if one.rule == key]
    assert (duty.kind, duty.article, duty.due_at) == (row["task"], row["rule"], limit.due_at)
    assert duty.what.endswith(f"when its limit passes, {row['told']}.")
    later = at(limit.due_at + timedelta(seconds=1))
    assert " ".join(sorted({one.kind for one in later})) == row["left"]
    assert (key in {one.rule for one in later}) is (row["owed"] == "yes")


@pytest.mark.table("C_kinds")
def test_a_limit_asks_for_its_kind_of_duty(row: Mapping[str, str]) -> None:
    kind = KINDS.get(row["id"])
    assert (kind.value if kind is not None else "") == row["kind"]


def test_the_tables_are_complete() -> None:
    assert SILENCES.keys() == set(OnMiss)
    assert KINDS.keys() <= LIMITS.keys()
    assert AFTER_SILENCE.keys() == {Happening.RELEASED, Happening.SCREENED}


def test_a_duty_says_what_happens_when_nobody_acts() -> None:
    facts, clock = case("REGISTERED@2026-12-31", "2027-01-02")
    (duty,) = duties(facts, clock)
    assert duty.what[0].isupper()
    assert duty.what.lower().startswith(LIMITS["K1"].step.lower())
    assert duty.what.endswith("when its limit passes, this State becomes responsible.")
    assert duty.starts_at == noon("2026-12-31")


def test_a_duty_names_the_derogation_by_which_its_limit_runs() -> None:
    facts, _ = case("REGISTERED@2026-07-10", "2026-07-11")
    first, last = date(2026, 7, 1), date(2026, 7, 31)
    crisis = Declared(DeclaredKind.CRISIS_RESPONSIBILITY, "DK", first, last, "2026/1")
    for on_record in ((), (crisis,)):
        clock = play(occurred(facts, Policy()), noon("2026-07-11"), "DK", on_record)
        (duty,) = duties(facts, clock)
        assert duty.what.endswith(" Derogation: CRISIS_RESPONSIBILITY.") is bool(on_record)


def test_an_order_after_silence_dates_from_the_end_of_the_limit() -> None:
    facts, clock = case("APPREHENDED@2026-09-07", "2026-09-15", category="IRREGULAR_CROSSING")
    (duty,) = duties(facts, clock)
    assert duty.kind is DutyKind.REFER
    assert local_day(duty.starts_at, "DK").isoformat() == "2026-09-14"
    assert duty.due_at is None


def test_what_has_no_end_comes_first_and_the_rest_by_its_end() -> None:
    facts, clock = case("TAKE_CHARGE_ASKED@2026-08-01:IT ACCEPTED@2026-08-03", "2026-08-04")
    ends = [one.due_at for one in duties(facts, clock)]
    assert ends[0] is None
    known = [one for one in ends if one is not None]
    assert known == sorted(known)
    assert len(known) == len(ends) - 1


def test_a_limit_that_was_ended_is_closed_unless_it_runs_again() -> None:
    _, clock = case("ENTRY_HIT@2026-07-06 TAKE_CHARGE_ASKED_ON_HIT@2026-07-08:IT", "2026-07-09")
    assert closed_by(clock) >= {"K1", "K2", "K8", "K17", "K18"}
    assert "K6" not in closed_by(clock)
    _, anew = case("ACCEPTED@2026-08-03:IT APPEAL_DECIDED@2026-10-01", "2026-10-02")
    assert "K10" in closed_by(anew)
    assert "K13" not in closed_by(anew)


def test_the_limit_behind_a_silence_is_told() -> None:
    """A duty that is still owed ends at the same moment and has released nobody."""
    _, clock = case("DETAINED@2026-07-01 RESPONSIBLE_HIT@2026-07-02", "2026-07-17")
    (released,) = [one for one in clock.history if one.by_silence]
    assert {one.rule for one in clock.passed if one.due_at == released.at} == {"K8", "K17"}
    cause = cause_of(released, clock)
    assert cause is not None
    assert cause.rule == "K17"
    assert all(cause_of(one, clock) is None for one in clock.history if not one.by_silence)


def test_an_event_of_an_instant_is_no_other_instants() -> None:
    """Two silences, each with its own limit."""
    _, clock = case("TAKE_CHARGE_ASKED_ON_HIT@2026-07-02:IT", "2028-01-01")
    causes = [cause_of(one, clock) for one in clock.history if one.by_silence]
    assert [cause.rule for cause in causes if cause] == ["K6", "K13"]
    assert causes[0] is not None
    assert causes[0].due_at is not None
    assert causes[0].due_at - noon("2026-07-16") < timedelta(days=1)
