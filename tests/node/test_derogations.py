"""Declarations that change many cases: four eyes, on both sides of their days, and taken back."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import CouncilDecision, DataSet
from interfaces.eurodac.declared import Declared, DeclaredKind
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.periods import end_of_day, local_day, start_of_day
from interfaces.eurodac.terms import Event
from interfaces.pb.eurodac.nap.v1 import clock_pb2, nap_pb2
from node import custody, derogations
from node.access import Actor, Role
from node.assembly import Node
from node.calls import CALLS
from node.derogations import Proposed
from node.errors import AccessDenied, NotFound, OutOfTurn
from node.outbox import _note_transmission
from node.store import dossiers
from node.vocabulary import TaskKind

CaseOf = Callable[..., Any]
SECOND = timedelta(seconds=1)

ANNA = Actor("DK", "Unit 1", "bodil", Role.SUPERVISOR)
OTHER = replace(ANNA, user="erik")

CRISIS = Declared(
    DeclaredKind.CRISIS_RESPONSIBILITY, "DK", date(2026, 9, 2), date(2026, 9, 30), "2026/77"
)
MANY = Declared(DeclaredKind.MANY_APPLICATIONS, "DK", date(2026, 9, 2), date(2026, 9, 30))
PROLONGED = Declared(DeclaredKind.TEMPORARY_PROTECTION, decision="2031/7", prolonged="2030/1")


def declare(node: Node, declared: Declared, replaces: str = "") -> str:
    proposed = Proposed(node.new_id(), declared, replaces)
    declared_id = derogations.propose(node, ANNA, proposed)
    derogations.approve(node, OTHER, node.new_id(), declared_id)
    return declared_id


def entry() -> DataSet:
    event = Event("Lampedusa", datetime(2026, 8, 1, 12, tzinfo=UTC))
    return DataSet(Category.SAR, "IT", "IT90000000017", event=event)


def due_of(case: Any, kind: TaskKind) -> date:
    (task,) = [one for one in case.tasks() if one.kind == kind]
    assert task.due is not None
    return local_day(task.due, "DK")


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (start_of_day(date(2026, 9, 2), "DK") - SECOND, "K2@2026-10-01"),
        (start_of_day(date(2026, 9, 2), "DK"), "K2@2027-01-04"),
        (end_of_day(date(2026, 9, 30), "DK"), "K2@2027-02-01"),
        (end_of_day(date(2026, 9, 30), "DK") + SECOND, "K2@2026-11-02"),
    ],
)
def test_a_crisis_lengthens_what_begins_from_its_first_to_its_last_second(
    case_of: CaseOf, at: datetime, expected: str
) -> None:
    case = case_of("2026-09-01")
    declare(case.node, CRISIS)
    case.time.time = at
    case.tell("ENTRY_HIT")
    assert case.running().split()[-1] == expected


def test_a_proposal_alone_changes_nothing(case_of: CaseOf) -> None:
    case = case_of("2026-09-02")
    case.tell("ENTRY_HIT")
    declared_id = derogations.propose(case.node, ANNA, Proposed("p", CRISIS))
    assert due_of(case, TaskKind.TAKE_CHARGE) == date(2026, 10, 2)
    with pytest.raises(RuleBroken, match="V21"):
        derogations.approve(case.node, ANNA, "a", declared_id)
    assert due_of(case, TaskKind.TAKE_CHARGE) == date(2026, 10, 2)
    derogations.approve(case.node, OTHER, "b", declared_id)
    assert due_of(case, TaskKind.TAKE_CHARGE) == date(2027, 1, 4)
    with pytest.raises(OutOfTurn):
        derogations.approve(case.node, OTHER, "c", declared_id)


def test_the_longer_limit_runs_out_one_second_after_its_own_end(case_of: CaseOf) -> None:
    """Tasks, exports and the clock say which derogation it is, and silence waits for its end."""
    case = case_of("2026-09-02")
    declare(case.node, CRISIS)
    case.tell("ENTRY_HIT")
    (task,) = [one for one in case.tasks() if one.kind == TaskKind.TAKE_CHARGE]
    assert task.article == "CFMR 12(2)(a)"
    assert task.what.endswith("Derogation: CRISIS_RESPONSIBILITY.")
    ask = clock_pb2.GetClockRequest(reference_number=case.number)
    told: Any = CALLS["GetClock"](case.node, case.desk, ask)
    limits = {limit.rule: limit.derogation for limit in told.clock.running}
    assert limits == {"K71": "", "K2": "CRISIS_RESPONSIBILITY"}
    table: Any = CALLS["ExportDue"](
        case.node, case.desk, clock_pb2.ExportDueRequest(format=clock_pb2.DUE_FORMAT_CSV)
    )
    lines = csv.DictReader(io.StringIO(table.content.decode()))
    assert "CFMR 12(2)(a)" in {one["article"] for one in lines}
    case.time.time = end_of_day(date(2027, 1, 4), "DK")
    assert case.kinds() == {"TAKE_CHARGE"}
    case.time.advance(seconds=1)
    assert case.kinds() == {"ENTER_RESPONSIBLE"}


def test_the_task_of_a_hit_follows_a_crisis_and_its_end(case_of: CaseOf) -> None:
    """Approved after the hit, then shortened by a declaration that replaces it."""
    case = case_of("2026-09-02")
    case.hit(entry())
    assert due_of(case, TaskKind.TAKE_CHARGE) == date(2026, 10, 2)
    first = declare(case.node, CRISIS)
    assert due_of(case, TaskKind.TAKE_CHARGE) == date(2027, 1, 4)
    later = replace(CRISIS, starts_on=date(2026, 9, 3))
    second = declare(case.node, later, replaces=first)
    assert due_of(case, TaskKind.TAKE_CHARGE) == date(2026, 10, 2)
    stands = {one.declared_id: str(one.stand) for one in derogations.read(case.node, case.desk)}
    assert stands == {first: "REPLACED", second: "APPROVED"}
    with pytest.raises(OutOfTurn):
        declare(case.node, CRISIS, replaces=first)


def test_a_declaration_replaces_only_its_own_kind(node: Node) -> None:
    first = declare(node, CRISIS)
    with pytest.raises(OutOfTurn):
        declare(node, MANY, replaces=first)
    with pytest.raises(NotFound):
        declare(node, MANY, replaces="nothing")


def test_many_applications_give_fifteen_days_to_register(case_of: CaseOf) -> None:
    """K69: declared after the application was made, its task takes the place of the other."""
    case = case_of("2026-09-01", "ILLEGAL_STAY")
    case.tell("MADE", "2026-09-02")
    assert due_of(case, TaskKind.REGISTER) == date(2026, 9, 7)
    declare(case.node, MANY)
    (task,) = case.tasks()
    assert (task.rule, task.article) == ("K69", "APR 27(5)")
    assert task.due == end_of_day(date(2026, 9, 17), "DK")
    case.time.time = task.due
    assert "K69" not in {one.rule for one in case.read().clock.passed}
    case.time.advance(seconds=1)
    assert "K69" in {one.rule for one in case.read().clock.passed}
    assert case.kinds() == {"REGISTER"}
    case.tell("REGISTERED")
    assert "REGISTER" not in case.kinds()
    assert "K71_MANY@2026-11-18" in case.running().split()


def test_a_crisis_of_the_state_asked_delays_its_silence(case_of: CaseOf) -> None:
    case = case_of("2026-09-01")
    declare(case.node, replace(CRISIS, state="IT"))
    case.tell("TAKE_CHARGE_ASKED", "2026-09-03", "IT")
    assert case.running().split()[-1] == "K5@2026-11-03"
    case.tell("REFUSED", "2026-09-04")
    case.tell("TAKE_CHARGE_ASKED", "2026-09-07", "GR")
    assert case.running().split()[-1] == "K5@2026-10-07"


def test_only_supervisors_declare_and_what_is_ill_formed_is_refused(
    node: Node, desk: Actor
) -> None:
    with pytest.raises(AccessDenied):
        derogations.propose(node, desk, Proposed("p", CRISIS))
    with pytest.raises(RuleBroken, match="V04 decision"):
        derogations.propose(node, ANNA, Proposed("p", replace(CRISIS, decision="")))
    assert derogations.read(node, desk) == ()
    with pytest.raises(AccessDenied):
        derogations.read(node, replace(desk, role=Role.CAPTURE_STATION))


def test_a_declaration_travels_over_the_door(node: Node, desk: Actor) -> None:
    request = nap_pb2.ProposeDeclarationRequest(
        request_id="p",
        kind=nap_pb2.DECLARATION_KIND_CRISIS_BORDER_PROCEDURE,
        member_state="IT",
        starts_on="2026-09-02",
        ends_on="2026-09-30",
        decision="2026/77",
    )
    proposed: Any = CALLS["ProposeDeclaration"](node, ANNA, request)
    approval = nap_pb2.ApproveDeclarationRequest(
        request_id="a", declaration_id=proposed.declaration_id
    )
    for _ in range(2):
        CALLS["ApproveDeclaration"](node, OTHER, approval)
    listed: Any = CALLS["ListDeclarations"](node, desk, nap_pb2.ListDeclarationsRequest())
    (one,) = listed.declarations
    assert (one.kind, one.member_state, one.article) == (request.kind, "IT", "CFMR 11(1)")
    assert (one.starts_on, one.ends_on, one.decision) == ("2026-09-02", "2026-09-30", "2026/77")
    assert (one.proposed_by, one.approved_by) == ("bodil", "erik")
    assert one.state == nap_pb2.Declaration.STATE_APPROVED


def protect(node: Node, number: str, in_force: date, decision: str = "2030/1") -> None:
    """Make a data set one of temporary protection that the centre has acknowledged.

    The category applies from 2029 on; an enrolment under it is not what is tested here.
    """
    with node.store.write() as transaction:
        dossier = dossiers.find(transaction, number)
        content = replace(
            dossier.content,
            category=Category.TEMP_PROTECTION,
            council_decision=CouncilDecision(decision, in_force),
        )
        dossiers.put_content(transaction, content)
        dossiers.change(transaction, number, category=Category.TEMP_PROTECTION)
        _note_transmission(transaction, dossiers.find(transaction, number), node.now())


def end(node: Node, number: str) -> datetime | None:
    with node.store.read() as transaction:
        return dossiers.find(transaction, number).retained_until


def last_second(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC)


def test_a_prolongation_keeps_the_data_of_its_decision_a_year_more(case_of: CaseOf) -> None:
    """In force on a leap day: each end is counted from there, not from a shortened one."""
    case, other = case_of("2032-03-01"), case_of("2032-03-01", person=2)
    leap = date(2032, 2, 29)
    protect(case.node, case.number, leap)
    protect(case.node, other.number, leap, "2029/9")
    assert end(case.node, case.number) == last_second(date(2033, 2, 28))
    for year, expected in (
        (2033, date(2034, 2, 28)),
        (2034, date(2035, 2, 28)),
        (2035, date(2036, 2, 29)),
    ):
        declare(case.node, replace(PROLONGED, decision=f"{year}/1"))
        assert end(case.node, case.number) == last_second(expected)
    assert end(case.node, other.number) == last_second(date(2033, 2, 28))
    late = case_of("2035-03-01", person=3)
    protect(late.node, late.number, leap)
    assert end(late.node, late.number) == last_second(date(2036, 2, 29))


def test_prolonged_data_go_one_second_after_their_new_end(case_of: CaseOf) -> None:
    case = case_of("2031-02-20")
    protect(case.node, case.number, date(2030, 3, 1))
    case.time.time = last_second(date(2031, 3, 1))
    assert custody.sweep(case.node) == 0
    declare(case.node, PROLONGED)
    case.time.advance(seconds=1)
    assert custody.sweep(case.node) == 0
    case.time.time = last_second(date(2032, 3, 1))
    assert custody.sweep(case.node) == 0
    case.time.advance(seconds=1)
    assert custody.sweep(case.node) == 1


def test_a_prolongation_that_comes_too_late_brings_nothing_back(case_of: CaseOf) -> None:
    case = case_of("2031-02-20")
    protect(case.node, case.number, date(2030, 3, 1))
    case.time.time = last_second(date(2031, 3, 1)) + SECOND
    assert custody.sweep(case.node) == 1
    declare(case.node, PROLONGED)
    assert end(case.node, case.number) == last_second(date(2031, 3, 1))
    with pytest.raises(NotFound):
        case.read()
