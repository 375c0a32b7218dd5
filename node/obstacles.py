"""Captures that did not succeed: what the law lets follow, and the referral of a child at risk.

There is no data set yet, and perhaps never will be: the task names the State's own file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from interfaces.eurodac.capture import Measure, Obstacle, is_minor, measures
from interfaces.eurodac.categories import Category, is_applicant
from interfaces.eurodac.codes import broken
from node import acts
from node.access import PURPOSES, Act, Actor, Purpose
from node.acts import Deed, Written
from node.assembly import Node
from node.store import Transaction, tasks
from node.store.transaction import THE_NODE
from node.vocabulary import TaskKind


@dataclass(frozen=True, slots=True)
class Report:
    """What a station says of a capture that failed. date_of_birth: as stated, UNKNOWN if not.

    national_file_number: where child protection finds the person; needed for a referral.
    """

    request_id: str
    category: Category
    date_of_birth: str
    refused: bool
    safeguarding_risk: bool = False
    vulnerable: bool = False
    self_inflicted: bool = False
    national_file_number: str = ""


@dataclass(frozen=True, slots=True)
class Followed:
    """What may follow, and the task of the referral, empty where none was opened."""

    measures: tuple[Measure, ...]
    task_id: str


def report(node: Node, actor: Actor, told: Report) -> Followed:
    """Take down that a capture failed; RuleBroken where a referral could find nobody."""
    purpose = PURPOSES.get(told.category, Purpose.OPERATION)
    deed = Deed(actor, Act.REPORT_OBSTACLE, purpose)
    found = _measures(node, told)
    refers = Measure.CHILD_PROTECTION_REFERRAL in found

    def write(transaction: Transaction) -> Written:
        task_id = _refer(node, transaction, told) if refers else ""
        answer = json.dumps({"measures": found, "task_id": task_id}).encode()
        return Written(answer, THE_NODE, detail=" ".join(found))

    with acts.conduct(node, deed):
        if refers and not told.national_file_number:
            rule = "A referral names the file in which child protection finds the person."
            acts.insist(broken("V04", "national_file_number", "14(1)", rule=rule))
        request = acts.name_request(deed, told.request_id, repr(told))
        answer = acts.find_answer(node, deed, request)
        if answer is None:
            answer = acts.carry_out(node, deed, request, write)
        content = json.loads(answer)
        return Followed(tuple(map(Measure, content["measures"])), content["task_id"])


def _measures(node: Node, told: Report) -> tuple[Measure, ...]:
    return measures(
        Obstacle(
            refused=told.refused,
            # Whoever may be a minor is treated as one.
            minor=is_minor(told.date_of_birth, node.now(), state=node.member_state),
            safeguarding_risk=told.safeguarding_risk,
            vulnerable=told.vulnerable,
            self_inflicted=told.self_inflicted,
            applicant=is_applicant(told.category),
        )
    )


def _refer(node: Node, transaction: Transaction, told: Report) -> str:
    what = f"Refer the child of file {told.national_file_number} to child protection."
    task = acts.open_task(node, TaskKind.REFER_CHILD, "", what, article="14(1)")
    tasks.add(transaction, task)
    return task.task_id
