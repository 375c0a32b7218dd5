"""Cases: what is known of one data set, what waits to be done, and what an expert says of a hit."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from interfaces.eurodac import deadlines, outcome
from interfaces.eurodac.casework import Step, StepName
from interfaces.eurodac.categories import RULES
from interfaces.eurodac.codes import broken
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.outcome import HitState
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from node import acts, alarms, clock, dispatch
from node.access import Act, Actor, Purpose, Role, purpose_of_number
from node.acts import Deed, Written
from node.assembly import Node
from node.audit import Outcome
from node.errors import NotFound, OutOfTurn
from node.store import Transaction, dossiers, events, hits, tasks
from node.store.hits import StoredHit
from node.store.transaction import THE_NODE
from node.vocabulary import Case, CaseHit, Page, TaskKind

TASKS_USUALLY = 100
"""Tasks on one page when the caller does not say."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What an expert says of a hit: HitState.CONFIRMED or HitState.FALSE."""

    request_id: str
    hit_id: str
    finding: HitState


def get_case(node: Node, actor: Actor, reference_number: str) -> Case:
    """All that the node knows about one data set; NotFound for an unknown number."""
    deed = Deed(actor, Act.READ_CASE, purpose_of_number(reference_number), reference_number)
    with acts.conduct(node, deed):
        clock.refresh(node, reference_number)
        with node.store.read() as transaction:
            case = read_case(transaction, reference_number)
        acts.record(node, deed, Outcome.DONE)
        return case


def wait_for_change(
    node: Node, reference_number: str, *, after_revision: int, timeout_seconds: float
) -> int:
    """Sleep until the case has a greater revision, or the time is up; returns its revision.

    Tells nothing but a number: read the case itself with get_case(), which is asked and recorded.
    """
    ends = time.monotonic() + timeout_seconds
    while True:
        seen = node.store.changes()
        with node.store.read() as transaction:
            revision = dossiers.find_revision(transaction, reference_number)
        left = ends - time.monotonic()
        if revision > after_revision or left <= 0:
            return revision
        if not node.store.wait_for_change(seen, left):
            return revision


def list_due(
    node: Node,
    actor: Actor,
    *,
    before: datetime | None = None,
    page_size: int = 0,
    page_token: str = "",
) -> Page:
    """Open tasks soonest first. before: only those due earlier. page_size 0: TASKS_USUALLY."""
    deed = Deed(actor, Act.LIST_DUE, Purpose.RESPONSIBILITY)
    with acts.conduct(node, deed):
        at_most = min(page_size or TASKS_USUALLY, node.settings.limits.page)
        clock.refresh(node)
        alarms.raise_due(node)
        with node.store.read() as transaction:
            page = tasks.list_due(transaction, before=before, at_most=at_most, after=page_token)
        acts.record(node, deed, Outcome.DONE, detail=f"{len(page.tasks)} tasks")
        return page


def finish_task(node: Node, actor: Actor, request_id: str, task_id: str) -> None:
    """Say that a next legal step is done; the other tasks are closed by what they wait for."""
    deed = Deed(actor, Act.FINISH_TASK, Purpose.RESPONSIBILITY)

    def write(transaction: Transaction) -> Written:
        task = tasks.find(transaction, task_id)
        if task.kind not in FINISHED_BY_HAND:
            raise OutOfTurn(f"{task.kind} is closed by what it waits for")
        number = task.reference_number
        tasks.close_one(transaction, task_id, node.now())
        if number:
            dossiers.change(transaction, number)
        owner = number or THE_NODE
        return Written(task_id.encode(), owner, reference_number=number, detail=task.kind)

    with acts.conduct(node, deed):
        request = acts.name_request(deed, request_id, task_id)
        if acts.find_answer(node, deed, request) is None:
            acts.carry_out(node, deed, request, write)


def get_hit_capture(node: Node, actor: Actor, hit_id: str) -> terms_pb2.Capture:
    """The images that came with a hit (Art. 27(4)), for the official who checks it."""
    deed = replace(_deed_of_hit(node, actor, hit_id), act=Act.READ_HIT_IMAGES)
    with acts.conduct(node, deed):
        with node.store.read() as transaction:
            message = hits.find(transaction, hit_id).message
        if message is None:
            raise NotFound("the images of a false hit are erased")
        acts.record(node, deed, Outcome.DONE)
        return message.capture


def decide_hit(node: Node, actor: Actor, decision: Decision) -> CaseHit:
    """Take down what the expert says (Art. 38(4) to (6)).

    Confirmed: the link is confirmed to the centre (Art. 3(6)) and the next legal step opens with
    its limit. False: the result is erased at once, and its report to the centre is queued.
    """
    deed = _deed_of_hit(node, actor, decision.hit_id)
    if decision.finding not in DECISIONS:
        raise RuleBroken(broken("V17", "hit", "38(4)", rule="A hit is confirmed or false."))

    def write(transaction: Transaction) -> Written:
        stored = hits.find(transaction, decision.hit_id)
        found = outcome.check_decision(
            stored.hit.state,
            decision.finding,
            expert=actor.role is Role.FINGERPRINT_EXPERT,
            reasons=stored.hit.expert_reasons,
        )
        acts.insist(*found)
        DECISIONS[decision.finding](node, transaction, actor, stored)
        dossiers.change(transaction, stored.reference_number)
        answer = json.dumps({"hit_id": decision.hit_id}).encode()
        return Written(answer, stored.reference_number, detail=decision.finding)

    with acts.conduct(node, deed):
        if not deed.reference_number:
            raise NotFound("there is no such hit")
        request = acts.name_request(
            deed, decision.request_id, decision.hit_id, str(decision.finding)
        )
        if acts.find_answer(node, deed, request) is None:
            acts.carry_out(node, deed, request, write)
        with node.store.read() as transaction:
            return hits.find(transaction, decision.hit_id).hit


def read_case(transaction: Transaction, reference_number: str) -> Case:
    """A case as it stands in the store."""
    dossier = dossiers.find(transaction, reference_number)
    return Case(
        reference_number=reference_number,
        data_set=dossier.data_set,
        delivery=dossier.delivery,
        revision=dossier.revision,
        finding=dossier.finding,
        hits=tuple(stored.hit for stored in hits.find_all(transaction, reference_number)),
        tasks=tasks.find_open(transaction, reference_number),
        refusal=dossier.refusal,
        retained_until=dossier.retained_until,
    )


NEXT_STEPS = {name: TaskKind(name) for name in StepName}
"""Complete: every legal step has the task that reminds of it."""

FINISHED_BY_HAND = frozenset(
    {*NEXT_STEPS.values(), TaskKind.RELEASE, TaskKind.REFER, TaskKind.REFER_CHILD}
)
"""Work that an official says is done; everything else is ended by what it waits for."""


def _deed_of_hit(node: Node, actor: Actor, hit_id: str) -> Deed:
    """The purpose follows from the data set; an unknown hit is denied as any would be."""
    try:
        with node.store.read() as transaction:
            number = hits.find(transaction, hit_id).reference_number
    except NotFound:
        return Deed(actor, Act.DECIDE_HIT, Purpose.RESPONSIBILITY)
    return Deed(actor, Act.DECIDE_HIT, purpose_of_number(number), number)


def _confirm(node: Node, transaction: Transaction, actor: Actor, stored: StoredHit) -> None:
    number, hit = stored.reference_number, stored.hit
    step = clock.find_step(node, transaction, stored)
    decided = replace(
        hit,
        next_step=f"{step.name}: {step.situation}",
        next_step_article=step.article,
        next_step_due=step.due_at,
    )
    hits.confirm(transaction, replace(stored, hit=decided), by=actor.user, at=node.now())
    tasks.close(transaction, number, node.now(), kinds=[TaskKind.CHECK_HIT], hit_id=hit.hit_id)
    if step.name is not StepName.EVIDENCE_ONLY:
        task = acts.open_task(
            node, NEXT_STEPS[step.name], number, _describe(step), article=step.article
        )
        tasks.add(transaction, replace(task, due=step.due_at, hit_id=hit.hit_id, rule=step.limit))
    events.start_clock(transaction, number)
    request = central_pb2.ConfirmLinkRequest(
        reference_number=number, hit_reference_number=hit.hit_reference_number
    )
    # A search is recorded nowhere: there is nothing to link (Art. 29(2)).
    if RULES[dossiers.find(transaction, number).category].stored:
        dispatch.post(node, transaction, request)


def _describe(step: Step) -> str:
    to = f" to {step.addressee}" if step.addressee else ""
    words = step.name.replace("_", " ").capitalize()
    return f"{words}{to}: {step.situation}."


def _refute(node: Node, transaction: Transaction, actor: Actor, stored: StoredHit) -> None:
    number, hit = stored.reference_number, stored.hit
    hits.refute(transaction, stored, by=actor.user, at=node.now())
    tasks.close(transaction, number, node.now(), hit_id=hit.hit_id)
    limit = deadlines.false_hit_report(hit.received_at, node.member_state)
    what = "Report the false hit to the central system."
    task = acts.open_task(
        node, TaskKind.REPORT_FALSE_HIT, number, what, limit=limit, hit_id=hit.hit_id
    )
    tasks.add(transaction, task)
    request = central_pb2.ReportFalseHitRequest(
        reference_number=number, hit_reference_number=hit.hit_reference_number
    )
    # The duty to report outlives the data set; the request holds two numbers and nothing else.
    dispatch.post(node, transaction, request, task_id=task.task_id, outlives=True)
    transaction.erased = True


DECISIONS: Mapping[HitState, Callable[[Node, Transaction, Actor, StoredHit], None]] = {
    HitState.CONFIRMED: _confirm,
    HitState.FALSE: _refute,
}
"""What an expert may say, and what it causes."""
