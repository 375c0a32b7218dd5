"""A capture that failed: no sanction that the law forbids, and a child at risk is referred."""

from __future__ import annotations

from dataclasses import replace

import pytest

from interfaces.eurodac.capture import Measure
from interfaces.eurodac.categories import Category
from interfaces.eurodac.errors import RuleBroken
from node import casework, obstacles
from node.access import Actor, Role
from node.assembly import Node
from node.errors import AccessDenied, RequestReused
from node.obstacles import Report
from node.store import records
from node.vocabulary import TaskKind

CHILD = Report(
    request_id="one",
    category=Category.APPLICANT_REG,
    date_of_birth="2015-03-01",
    refused=True,
    safeguarding_risk=True,
    national_file_number="file-12",
)


def referrals(node: Node, desk: Actor) -> list[str]:
    listed = casework.list_due(node, desk).tasks
    return [task.task_id for task in listed if task.kind is TaskKind.REFER_CHILD]


def test_a_child_at_risk_is_referred_once_and_nothing_else_may_follow(
    node: Node, station: Actor, desk: Actor
) -> None:
    followed = obstacles.report(node, station, CHILD)
    assert followed.measures == (Measure.CHILD_PROTECTION_REFERRAL,)
    assert obstacles.report(node, station, CHILD) == followed
    assert referrals(node, desk) == [followed.task_id]
    with pytest.raises(RequestReused):
        obstacles.report(node, station, replace(CHILD, national_file_number="file-13"))
    for _ in range(2):
        casework.finish_task(node, desk, "done", followed.task_id)
    assert referrals(node, desk) == []


def test_whose_age_is_unknown_counts_as_a_child(node: Node, station: Actor, desk: Actor) -> None:
    for born in ("UNKNOWN", "2008", "2008-09-02"):
        told = replace(CHILD, request_id=born, date_of_birth=born)
        assert obstacles.report(node, station, told).task_id in referrals(node, desk)
    grown = replace(CHILD, request_id="grown", date_of_birth="2008-09-01")
    followed = obstacles.report(node, station, grown)
    assert followed.measures == (Measure.NATIONAL_MEASURES, Measure.ASYLUM_LAW_CONSEQUENCES)
    assert followed.task_id == ""


def test_a_referral_that_could_find_nobody_is_refused(
    node: Node, station: Actor, desk: Actor
) -> None:
    with pytest.raises(RuleBroken, match=r"V04 national_file_number.*14\(1\)"):
        obstacles.report(node, station, replace(CHILD, national_file_number=""))
    assert referrals(node, desk) == []


def test_worn_fingertips_bring_a_retake_and_no_measure(node: Node, station: Actor) -> None:
    worn = replace(CHILD, refused=False, vulnerable=True, self_inflicted=True)
    assert obstacles.report(node, station, worn).measures == (Measure.RETAKE_TASK,)


def test_only_who_captures_reports_and_the_record_names_nobody(node: Node, station: Actor) -> None:
    for role in (Role.AUDITOR, Role.FINGERPRINT_EXPERT, Role.REQUESTER):
        with pytest.raises(AccessDenied):
            obstacles.report(node, replace(station, role=role), CHILD)
    searched = replace(CHILD, category=Category.LEA_SEARCH)
    with pytest.raises(AccessDenied):
        obstacles.report(node, station, searched)
    obstacles.report(node, station, CHILD)
    with node.store.read() as transaction:
        last = list(records.walk(transaction))[-1].record
    assert (last.act, last.detail) == ("REPORT_OBSTACLE", "CHILD_PROTECTION_REFERRAL")
