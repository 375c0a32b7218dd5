"""The clock of a case through the acts of the node, with a clock that moves: X-C01 to X-C15."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from interfaces.eurodac.caseclock import Happening
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.deadlines import OnMiss
from interfaces.eurodac.declared import Declared, DeclaredKind
from interfaces.eurodac.duties import KINDS, SILENCES, DutyKind
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.limits import LIMITS
from interfaces.eurodac.outcome import HitState
from interfaces.eurodac.periods import end_of_day, local_day
from interfaces.eurodac.progress import Told
from interfaces.eurodac.retention import ErasureGround
from interfaces.eurodac.terms import AdmissionDecision, AdmissionOutcome, Event, Mark, MarkType
from node import casework, clock, custody, derogations
from node.access import Role
from node.casework import Decision
from node.clock import NewEvent
from node.derogations import Proposed
from node.errors import AccessDenied, NotFound, RequestReused
from node.vocabulary import TaskKind

TABLES = Path(__file__).parents[1] / "tables"


def rows(table: str) -> list[Any]:
    """The rows of a table of acceptance examples, as parameters."""
    with (TABLES / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return [pytest.param(row, id=row["id"]) for row in csv.DictReader(file, strict=True)]


def noon(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=UTC)


CaseOf = Callable[..., Any]


def entry(day: str = "2026-12-01", category: Category = Category.SAR, **fields: Any) -> DataSet:
    event = Event("Lampedusa", noon(day))
    return DataSet(category, "IT", "IT90000000017", event=event, **fields)


@pytest.mark.parametrize("row", rows("C_clock"))
def test_recorded_events_leave_these_limits_running(
    case_of: CaseOf, row: Mapping[str, str]
) -> None:
    """The rows of the law through the acts: X-C05, X-C06, X-C09, X-C12, X-C13 and X-C14."""
    case = case_of("2026-07-01", "ILLEGAL_STAY", row["state"])
    pairs = [pair.split("@") for pair in row["events"].split()]
    for name, day in pairs:
        if noon(day) <= noon(row["now"]):
            case.tell(name, day)
    case.at(row["now"])
    for name, day in pairs:
        if noon(day) > noon(row["now"]):
            future = NewEvent("future", case.number, Told(Happening[name], noon(day)))
            with pytest.raises(RuleBroken, match="V05"):
                clock.record_event(case.node, case.desk, future)
    silent = [
        f"{one.happening.name}@{local_day(one.at, row['state'])}"
        for one in case.read().clock.history
        if one.by_silence
    ]
    assert case.running() == row["running"]
    assert " ".join(silent) == row["happened"]


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
"""What the column of changes says of the data set that was hit."""


def hit_of(row: Mapping[str, str]) -> DataSet:
    changes: dict[str, object] = {"origin": "IT", "reference_number": "IT10000000019"}
    for pair in row["changes"].split():
        name, text = pair.split("=")
        key, value = READ[name](text) if name in READ else (name, text)
        changes[key] = value
    return DataSet(Category(row["hit"]), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("row", rows("C_next_step"))
def test_a_confirmed_hit_leads_to_its_step_and_task(
    case_of: CaseOf, row: Mapping[str, str]
) -> None:
    """X-C01, X-C02, X-C04, X-C05, X-C07, X-C08, X-C09, X-C11 and X-C15 through the acts."""
    case = case_of(row["received"], row["probe"], event=row["registered"])
    if row["crisis"] == "yes":
        days = date(2026, 1, 1), date(2029, 12, 31)
        crisis = Declared(DeclaredKind.CRISIS_RESPONSIBILITY, "DK", *days, "2026/1")
        first, second = (replace(case.desk, user=user, role=Role.SUPERVISOR) for user in "ab")
        declared_id = derogations.propose(case.node, first, Proposed("propose", crisis))
        derogations.approve(case.node, second, "approve", declared_id)
    hit = case.hit(hit_of(row))
    assert hit.next_step.partition(":")[0] == row["step"]
    if row["detained"]:
        case.at(max(row["received"], row["detained"]))
        told = Told(Happening.DETAINED, noon(row["detained"]))
        clock.record_event(case.node, case.desk, NewEvent("detained", case.number, told))
    dues = [task.due for task in case.tasks() if task.kind != TaskKind.EXAMINE and task.due]
    if row["due"] and row["step"] != "EVIDENCE_ONLY":
        assert min(dues) == end_of_day(date.fromisoformat(row["due"]), "DK")
    assert (row["step"] in case.kinds()) is (row["step"] != "EVIDENCE_ONLY")


def test_without_a_hit_two_months_run_from_the_registration(case_of: CaseOf) -> None:
    """X-C03: the last day is a Sunday and rolls."""
    case = case_of("2026-12-31")
    assert case.running() == "K71@2027-01-21 K1@2027-03-01"
    assert case.tasks() == []
    proposal = case.read().proposal
    assert proposal is not None
    assert (proposal.kind, proposal.article) == (DutyKind.TAKE_CHARGE, "AMMR 39(1)")


def test_silence_accepts_a_request_and_opens_what_follows(case_of: CaseOf) -> None:
    """X-C06: one second before the end it is awaited, one second after it is accepted."""
    case = case_of("2026-09-01")
    case.hit(entry("2026-08-01"))
    assert [str(task.kind) for task in case.tasks()] == ["TAKE_CHARGE"]
    case.tell("TAKE_CHARGE_ASKED_ON_HIT", "2026-09-02", "IT")
    (waits,) = case.tasks()
    assert (waits.kind, waits.due) == (TaskKind.AWAIT_REPLY, end_of_day(date(2026, 9, 16), "DK"))
    assert waits.due is not None
    case.time.time = waits.due
    assert case.kinds() == {"AWAIT_REPLY"}
    case.time.advance(seconds=1)
    assert case.kinds() == {"DECIDE_TRANSFER", "TRANSFER", "ENTER_RESPONSIBLE"}
    (last,) = [one for one in case.read().clock.history if one.by_silence]
    assert (last.happening, last.at) == (Happening.ACCEPTED, waits.due)


def test_an_official_confirms_the_responsible_state_that_the_clock_proposes(
    case_of: CaseOf,
) -> None:
    """D1 after the acceptance; once it is entered the proposal is closed."""
    case = case_of("2026-09-01")
    case.hit(entry("2026-08-01"))
    case.tell("TAKE_CHARGE_ASKED_ON_HIT", "2026-09-02", "IT")
    case.tell("ACCEPTED", "2026-09-04", "IT")
    proposal = case.read().proposal
    assert proposal is not None
    assert (proposal.update, proposal.responsible_state, proposal.article) == ("D1", "IT", "16(1)")
    assert case.read_case().data_set.responsible_state == ""
    changes = {"responsible_state": proposal.responsible_state}
    custody.update_status(
        case.node, case.desk, custody.Change(case.next_id(), case.number, changes)
    )
    assert case.kinds() == {"DECIDE_TRANSFER", "TRANSFER"}


def test_responsibility_that_moves_by_silence_is_proposed_as_a_shift(case_of: CaseOf) -> None:
    """D8: the transfer did not happen within six months."""
    case = case_of("2026-09-01")
    case.hit(entry("2026-08-01"))
    case.tell("TAKE_CHARGE_ASKED_ON_HIT", "2026-09-02", "IT")
    case.tell("ACCEPTED", "2026-09-04", "IT")
    case.at("2027-03-06")
    (task,) = case.tasks()
    assert task.kind == TaskKind.ENTER_RESPONSIBLE
    assert "DK" in task.what
    duty = case.read().proposal
    assert duty is not None
    assert (duty.update, duty.responsible_state, duty.article) == ("D8", "DK", "16(3)")


def test_a_request_never_sent_makes_this_state_responsible(case_of: CaseOf) -> None:
    """D1 by silence: nobody was asked within one month of the hit, Art. 39(1) AMMR."""
    case = case_of("2026-09-01")
    case.hit(entry("2026-08-01"))
    case.at("2026-10-02")
    duty = case.read().proposal
    assert duty is not None
    assert (duty.update, duty.responsible_state) == ("D1", "DK")
    assert case.kinds() == {"ENTER_RESPONSIBLE"}


def test_a_threat_to_security_makes_responsible_by_its_own_update(case_of: CaseOf) -> None:
    """D2: Art. 16(1) second subparagraph."""
    case = case_of("2026-09-01")
    case.tell("RESPONSIBLE_HERE", security=True)
    duty = case.read().proposal
    assert duty is not None
    assert (duty.update, duty.responsible_state) == ("D2", "DK")
    with pytest.raises(RuleBroken, match="V05 by_security"):
        case.tell("DETAINED", security=True)


def test_detention_without_a_request_ends_in_an_order_to_release(case_of: CaseOf) -> None:
    """X-C09: the order stays in the list until an official says that it was carried out."""
    case = case_of("2026-07-02")
    case.tell("DETAINED")
    assert case.running() == "K17@2026-07-16 K71@2026-07-23 K1@2026-09-02"
    case.at("2026-07-17")
    release = next(task for task in case.tasks() if task.kind == TaskKind.RELEASE)
    assert release.article == "AMMR 45(4)"
    casework.finish_task(case.node, case.desk, "released", release.task_id)
    assert case.kinds() == {"TAKE_CHARGE"}
    assert case.at("2026-07-20").kinds() == {"TAKE_CHARGE"}


def test_the_release_that_is_recorded_closes_its_order(case_of: CaseOf) -> None:
    case = case_of("2026-07-02")
    case.tell("DETAINED")
    case.at("2026-07-17")
    assert "RELEASE" in case.kinds()
    case.tell("RELEASED")
    assert case.kinds() == {"TAKE_CHARGE"}


def test_an_unfinished_screening_ends_in_a_referral(case_of: CaseOf) -> None:
    """X-C13, on the calendar of the acting State."""
    case = case_of("2026-09-07", "IRREGULAR_CROSSING", "IT")
    case.tell("APPREHENDED")
    (screen,) = case.tasks()
    assert (screen.kind, screen.due) == (TaskKind.SCREEN, end_of_day(date(2026, 9, 14), "IT"))
    (refer,) = case.at("2026-09-15").tasks()
    assert (refer.kind, refer.article) == (TaskKind.REFER, "SCR 18(5)")


def test_the_new_rules_take_down_no_procedure_of_the_old_ones(case_of: CaseOf) -> None:
    """X-C15: registered before the date of application, which is configuration."""
    case = case_of("2026-06-20")
    assert case.hit(entry("2026-06-13"), "2026-07-02").next_step.startswith("OLD_REGULATION")
    assert case.read().under_old_rules
    assert case.running() == ""
    with pytest.raises(RuleBroken, match="AMMR 84"):
        case.tell("TAKE_CHARGE_ASKED", "2026-07-03", "IT")
    policy = replace(case.node.settings.policy, ammr_applies_from=date(2026, 6, 12))
    case.node = replace(case.node, settings=replace(case.node.settings, policy=policy))
    assert case.running() == "K71@2026-07-13 K2@2026-08-03"


def test_a_hit_that_turns_out_false_leaves_the_clock(case_of: CaseOf) -> None:
    case = case_of("2026-09-01")
    hit = case.hit(entry("2026-08-01"))
    assert case.running() == "K71@2026-09-22 K2@2026-10-01"
    casework.decide_hit(case.node, case.expert, Decision("false", hit.hit_id, HitState.FALSE))
    assert case.running() == "K71@2026-09-22 K1@2026-11-02"


def test_a_second_hit_lengthens_nothing(case_of: CaseOf) -> None:
    case = case_of("2026-09-01")
    case.hit(entry("2026-08-01"))
    case.hit(replace(entry("2026-08-01"), reference_number="GR90000000012"), "2026-09-20")
    assert case.running().endswith("K2@2026-10-01")


def test_an_event_recorded_by_mistake_is_taken_back_with_all_that_followed(
    case_of: CaseOf,
) -> None:
    case = case_of("2026-09-01")
    case.hit(entry("2026-08-01"))
    event_id = case.tell("TAKE_CHARGE_ASKED_ON_HIT", "2026-09-02", "IT")
    assert case.kinds() == {"AWAIT_REPLY"}
    for _ in range(2):
        clock.withdraw_event(case.node, case.desk, "withdraw", event_id)
    (task,) = case.tasks()
    assert (task.kind, task.due) == (TaskKind.TAKE_CHARGE, end_of_day(date(2026, 10, 1), "DK"))
    assert case.read().events == ()
    with pytest.raises(NotFound):
        clock.withdraw_event(case.node, case.desk, "again", event_id)


def test_the_same_request_records_one_event(case_of: CaseOf) -> None:
    case = case_of("2026-09-01")
    new = NewEvent("one", case.number, Told(Happening.DETAINED, case.time()))
    first = clock.record_event(case.node, case.desk, new)
    assert clock.record_event(case.node, case.desk, new) == first
    assert len(case.read().events) == 1
    other = replace(new, told=replace(new.told, happening=Happening.RELEASED))
    with pytest.raises(RequestReused):
        clock.record_event(case.node, case.desk, other)


@pytest.mark.parametrize(
    ("name", "state", "field"),
    [
        ("TAKE_CHARGE_ASKED", "", "V04 requested_state"),
        ("TAKE_CHARGE_ASKED", "XX", "V20 requested_state"),
        ("TAKE_CHARGE_ASKED", "DK", "V20 requested_state"),
        ("ACCEPTED", "", "V04 requested_state"),
        ("DETAINED", "IT", "V05 requested_state"),
    ],
)
def test_whom_a_request_is_addressed_to_must_be_told(
    case_of: CaseOf, name: str, state: str, field: str
) -> None:
    case = case_of("2026-09-01")
    told = Told(Happening[name], case.time(), state)
    with pytest.raises(RuleBroken, match=field):
        clock.record_event(case.node, case.desk, NewEvent("one", case.number, told))
    assert case.read().events == ()


def test_only_the_office_records_events(case_of: CaseOf) -> None:
    case = case_of("2026-09-01")
    event_id = case.tell("DETAINED")
    new = NewEvent("one", case.number, Told(Happening.RELEASED, case.time()))
    for role in (Role.CAPTURE_STATION, Role.FINGERPRINT_EXPERT, Role.AUDITOR):
        with pytest.raises(AccessDenied):
            clock.record_event(case.node, replace(case.desk, role=role), new)
        with pytest.raises(AccessDenied):
            clock.withdraw_event(case.node, replace(case.desk, role=role), "two", event_id)
        with pytest.raises(AccessDenied):
            clock.withdraw_event(case.node, replace(case.desk, role=role), "three", "nothing")


def test_what_happened_lies_sealed_and_goes_with_the_data_set(
    case_of: CaseOf, tmp_path: Path
) -> None:
    case = case_of("2026-09-01")
    case.tell("ABSCONDED")
    stored = b"".join(path.read_bytes() for path in (tmp_path / "DK").glob("store.sqlite*"))
    assert b"ABSCONDED" not in stored
    supervisor = replace(case.desk, role=Role.SUPERVISOR)
    erasure = custody.Erasure("erase", case.number, ErasureGround.UNLAWFUL)
    custody.erase(case.node, supervisor, erasure)
    with pytest.raises(NotFound):
        case.read()
    assert casework.list_due(case.node, case.desk).tasks == ()


def test_every_duty_has_its_task_and_every_limit_of_a_duty_exists() -> None:
    assert {TaskKind(kind) for kind in DutyKind} <= set(TaskKind)
    assert set(KINDS) <= set(LIMITS)
    assert set(SILENCES) == set(OnMiss)


def test_all_cases_are_brought_up_to_date_before_the_list_is_read(
    case_of: CaseOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where more cases have moved than are looked up in one go."""
    monkeypatch.setattr(clock, "STALE_AT_ONCE", 1)
    cases = [case_of("2026-07-02", person=person) for person in (1, 2)]
    for case in cases:
        case.tell("DETAINED")
    case.at("2026-07-17")
    listed = casework.list_due(case.node, case.desk)
    released = {task.reference_number for task in listed.tasks if task.kind == TaskKind.RELEASE}
    assert released == {case.number for case in cases}
