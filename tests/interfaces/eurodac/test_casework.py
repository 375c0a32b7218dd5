"""The case clock: rulebook K and examples X-C."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime

import pytest

from interfaces.eurodac.casework import (
    READINGS,
    STEPS,
    Situation,
    StepName,
    next_step,
    situation,
)
from interfaces.eurodac.categories import RULES, STORED, Category
from interfaces.eurodac.dataset import (
    AdmissionDecision,
    AdmissionOutcome,
    DataSet,
    Event,
    Mark,
    MarkType,
)
from interfaces.eurodac.declared import Declared, DeclaredKind
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.limits import LIMITS, WINDOWS, counts, due
from interfaces.eurodac.periods import end_of_day, local_day
from interfaces.eurodac.policy import Policy

IN_CRISIS = Declared(
    DeclaredKind.CRISIS_RESPONSIBILITY, "DK", date(2026, 1, 1), date(2029, 12, 31), "2026/1"
)


def noon(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=UTC)


@pytest.mark.table("C_limits")
def test_each_limit_ends_on_its_day(row: Mapping[str, str]) -> None:
    since = datetime.fromisoformat(row["since"])
    limit = due(row["limit"], since, row["state"], crisis=row["crisis"] == "yes")
    assert limit.due_at == end_of_day(date.fromisoformat(row["due"]), row["state"])
    assert limit.due_outer == end_of_day(date.fromisoformat(row["outer"]), row["state"])
    assert limit.on_miss.value == row["on_miss"]


@pytest.mark.table("C_windows")
def test_a_fact_counts_within_its_window(row: Mapping[str, str]) -> None:
    found = counts(row["window"], date.fromisoformat(row["since"]), date.fromisoformat(row["on"]))
    assert found is (row["counts"] == "yes")


READ: Mapping[str, Callable[[str], tuple[str, object]]] = {
    "event": lambda text: ("event", Event("x", noon(text))),
    "removed_on": lambda text: ("removed_on", date.fromisoformat(text)),
    "left_member_states_on": lambda text: ("left_member_states_on", date.fromisoformat(text)),
    "mark": lambda text: ("marks", (Mark(MarkType.PROTECTION, text, noon("2026-07-01"), False),)),
    "decision": lambda text: (
        "admission_decision",
        AdmissionDecision(AdmissionOutcome(text), date(2026, 7, 1)),
    ),
}


def hit_of(row: Mapping[str, str]) -> DataSet:
    changes: dict[str, object] = {"origin": "IT"}
    for pair in row["changes"].split():
        name, text = pair.split("=")
        key, value = READ[name](text) if name in READ else (name, text)
        changes[key] = value
    return DataSet(Category(row["hit"]), **changes)  # type: ignore[arg-type]


@pytest.mark.table("C_next_step")
def test_a_hit_leads_to_its_next_step(row: Mapping[str, str]) -> None:
    step = next_step(
        Category(row["probe"]),
        hit_of(row),
        state=row["state"],
        received_at=noon(row["received"]),
        registered_at=noon(row["registered"]) if row["registered"] else None,
        detained_at=noon(row["detained"]) if row["detained"] else None,
        declared=[IN_CRISIS] if row["crisis"] == "yes" else [],
    )
    day = str(local_day(step.due_at, row["state"])) if step.due_at else ""
    assert (step.name.value, day) == (row["step"], row["due"])
    assert (step.on_miss.value, step.addressee) == (row["on_miss"], row["addressee"])


def test_the_day_on_which_the_new_rules_apply_is_configured() -> None:
    """K52: public statements name another day than the published text."""
    hit = DataSet(Category.APPLICANT_REG, "IT")
    for starts, expected in (
        (date(2026, 6, 12), StepName.TAKE_BACK),
        (date(2026, 7, 1), StepName.OLD_REGULATION),
    ):
        step = next_step(
            Category.APPLICANT_REG,
            hit,
            state="DK",
            received_at=noon("2026-06-20"),
            policy=Policy(ammr_applies_from=starts),
        )
        assert step.name is expected


def test_crisis_limits_wait_for_their_own_day() -> None:
    """The crisis regulation may apply later than the rules that it derogates from."""
    for starts, expected in (
        (date(2026, 7, 2), date(2026, 7, 15)),
        (date(2026, 7, 1), date(2026, 8, 3)),
    ):
        step = next_step(
            Category.APPLICANT_REG,
            DataSet(Category.APPLICANT_REG, "IT", responsible_state="DE"),
            state="DK",
            received_at=noon("2026-07-01"),
            declared=[IN_CRISIS],
            policy=Policy(crisis_applies_from=starts),
        )
        assert step.due_at == end_of_day(expected, "DK")


def test_an_entry_without_its_event_is_refused() -> None:
    with pytest.raises(RuleBroken, match="V04"):
        next_step(
            Category.APPLICANT_REG,
            DataSet(Category.SAR, "IT"),
            state="DK",
            received_at=noon("2026-07-02"),
        )


def test_the_tables_are_complete() -> None:
    assert STEPS.keys() == set(Situation)
    assert READINGS.keys() == {RULES[category].group for category in STORED}
    assert {rule.limit for rule in STEPS.values()} - {""} <= LIMITS.keys()
    assert {rule.name for rule in STEPS.values()} == set(StepName)
    assert LIMITS.keys().isdisjoint(WINDOWS)


def test_every_limit_names_step_clock_and_article() -> None:
    for limit in LIMITS.values():
        assert all((limit.step, limit.clock, limit.article, limit.period.amount > 0))
        if limit.crisis is not None:
            assert limit.crisis.period != limit.period
            assert limit.crisis.article.startswith("CFMR")


def test_a_hit_tells_the_situation_and_not_only_the_step() -> None:
    """K.6: two situations of one step rest on articles of their own."""
    at = noon("2026-09-01")

    def read(hit: DataSet) -> Situation:
        return situation(Category.APPLICANT_REG, hit, state="DK", registered_at=at)

    applied = DataSet(Category.APPLICANT_REG, "IT")
    responsible = DataSet(Category.APPLICANT_REG, "IT", responsible_state="FR")
    landed = DataSet(Category.SAR, "IT", event=Event("x", noon("2020-01-01")))
    assert read(applied) is Situation.APPLIED_ELSEWHERE
    assert read(responsible) is Situation.RESPONSIBLE_KNOWN
    assert read(landed) is Situation.ENTERED_LONG_AGO
    assert read(DataSet(Category.ILLEGAL_STAY, "IT")) is Situation.STAYED_ELSEWHERE
