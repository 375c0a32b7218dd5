"""Enrolment: from a capture at a station to a durable data set on its way to the centre.

allow            may this actor record persons of this category?
work             law on the person, samples, law on the capture, reference, quality
write together   data set, capture, reference, request to the centre, tasks, audit: one commit
publish          searchable from now on
answer           the receipt; given only when the commit is durable
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from google.protobuf.message import Message

from interfaces import wire
from interfaces.eurodac import capture as capture_law
from interfaces.eurodac import dataset as dataset_law
from interfaces.eurodac import deadlines, reference
from interfaces.eurodac.capture import MinorSafeguards
from interfaces.eurodac.categories import RULES, digit
from interfaces.eurodac.circumstances import ORDINARY, Circumstances
from interfaces.eurodac.codes import broken
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.deadlines import Deadline
from interfaces.eurodac.errors import Violation
from interfaces.eurodac.periods import local_day
from interfaces.pb.eurodac.central.v1 import terms_pb2
from node import acts, captures, circumstances, dispatch, intake, receipts
from node.access import Act, Actor, purpose_of
from node.acts import Deed, Written
from node.assembly import Node
from node.circumstances import Kept
from node.intake import Plan
from node.store import Transaction, counters, dossiers, tasks
from node.store.dossiers import Dossier
from node.vocabulary import Delivery, EnrolmentOutcome, Lane, Receipt, Task, TaskKind


@dataclass(frozen=True, slots=True, eq=False)
class Enrolment:
    """What a station asks for. data_set: without number, origin, operator and transmission date,
    which the node fills in. capture: as received; decoded only when the act is allowed.

    fingertips_impaired: better prints are not possible now; send what there is, retake later.
    """

    request_id: str
    data_set: DataSet
    capture: terms_pb2.Capture
    lane: Lane = Lane.NORMAL
    safeguards: MinorSafeguards | None = None
    clock: Circumstances = ORDINARY
    fingertips_impaired: bool = False
    under_decision_2022_382: bool = False

    def content(self) -> tuple[Message | str, ...]:
        """All that was asked for, in one canonical form."""
        rest = self.lane, self.safeguards, self.clock, self.fingertips_impaired
        more = self.under_decision_2022_382
        return wire.dataset_to(self.data_set), self.capture, repr((*rest, more))


def enrol(node: Node, actor: Actor, enrolment: Enrolment) -> Receipt:
    """Record a person and queue the data set for the centre.

    Raises AccessDenied, RuleBroken, FormatRefused and RequestReused; nothing is stored then, and
    the biometrics are gone with the call. Insufficient quality is an outcome: the number is kept
    for recapture.recapture(), the biometrics are not.
    """
    deed = Deed(actor, Act.ENROL, purpose_of(enrolment.data_set.category))
    with acts.conduct(node, deed):
        request = acts.name_request(deed, enrolment.request_id, *enrolment.content())
        answer = acts.find_answer(node, deed, request)
        if answer is None:
            plan = _plan(node, actor, enrolment)
            answer = acts.carry_out(node, deed, request, lambda tx: _write(node, tx, plan))
        return receipts.decode(answer)


def _plan(node: Node, actor: Actor, enrolment: Enrolment) -> Plan:
    """The work: the law on the person comes before any sample is decoded (Art. 14(1))."""
    data_set = replace(enrolment.data_set, origin=node.member_state, operator_user_id=actor.user)
    kept = Kept(
        lane=enrolment.lane,
        clock=enrolment.clock,
        safeguards=enrolment.safeguards,
        fingertips_impaired=enrolment.fingertips_impaired,
    )
    acts.insist(
        *_check_request(node, enrolment), *intake.check_person(node, data_set, kept.safeguards)
    )
    limit = _find_limit(node, data_set, kept.clock)
    capture = wire.capture_from(enrolment.capture)
    acts.insist(*intake.check_capture(node, data_set, capture))
    examined = captures.examine(node, capture)
    acts.insist(*captures.check_placement(examined))
    return Plan(actor, data_set, kept, enrolment.capture, capture, examined, limit)


def _check_request(node: Node, enrolment: Enrolment) -> Iterator[Violation]:
    category = enrolment.data_set.category
    if not RULES[category].stored:
        remedy = "Ask for a search instead."
        yield broken("V06", "category", "29(2)", rule="Nothing is recorded.", remedy=remedy)
    for name in ("reference_number", "transmitted_at"):
        if getattr(enrolment.data_set, name):
            yield broken("V01", name, "37(3)", rule="The access point fills this field in.")
    for name in sorted(dataset_law.OWN_CALLS):
        # Otherwise a station could raise a security flag alone, without a second official.
        if getattr(enrolment.data_set, name):
            yield broken("V08", name, "17(2)")
    taken_at = enrolment.data_set.biometrics_taken_at
    if taken_at is not None:
        yield from capture_law.check_applicable(
            category,
            local_day(taken_at, node.member_state),
            node.settings.policy,
            under_decision_2022_382=enrolment.under_decision_2022_382,
        )


def _find_limit(node: Node, data_set: DataSet, clock: Circumstances) -> Deadline:
    with node.store.read() as transaction:
        full = circumstances.look_up(transaction, data_set, clock)
    acts.insist(*deadlines.check_circumstances(data_set, full))
    return deadlines.transmission(data_set, full, node.settings.policy)


def _write(node: Node, transaction: Transaction, plan: Plan) -> Written:
    """One commit: everything about the person that must be there together."""
    category = plan.data_set.category
    running = counters.next_number(transaction, f"reference {digit(category)}")
    number = reference.issue(node.member_state, category, running)
    plan = replace(plan, data_set=replace(plan.data_set, reference_number=number))
    accepted = plan.outcome is EnrolmentOutcome.ACCEPTED
    dossiers.add(
        transaction,
        Dossier(
            reference_number=number,
            category=category,
            unit=plan.actor.unit,
            delivery=Delivery.QUEUED if accepted else Delivery.RECAPTURE_WANTED,
            enrolled_at=node.now(),
            data_set=plan.data_set,
            circumstances=circumstances.encode(plan.kept),
        ),
    )
    opened = tuple(_open_tasks(node, plan))
    tasks.add(transaction, *opened)
    added: tuple[int, ...] = ()
    if accepted:
        added = (intake.keep_biometrics(transaction, plan),)
        dispatch.transmit(
            node,
            transaction,
            plan.data_set,
            plan.message,
            lane=plan.kept.lane,
            task_id=opened[0].task_id,
        )
    receipt = intake.write_receipt(node, plan, opened)
    return Written(
        answer=receipts.encode(receipt),
        owner=number,
        reference_number=number,
        detail=plan.outcome,
        added=added,
    )


def _open_tasks(node: Node, plan: Plan) -> Iterator[Task]:
    number = plan.data_set.reference_number
    if plan.outcome is EnrolmentOutcome.RECAPTURE_WANTED:
        what = "Take the biometrics again: their quality is not sufficient."
        yield acts.open_task(node, TaskKind.RECAPTURE, number, what, limit=plan.limit)
        return
    what = "Transmit the data set to the central system."
    yield acts.open_task(node, TaskKind.TRANSMIT, number, what, limit=plan.limit)
    if plan.retake_wanted:
        yield intake.open_retake(node, plan.data_set)
