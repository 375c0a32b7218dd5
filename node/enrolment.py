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
from datetime import timedelta

from google.protobuf.message import Message

from interfaces import wire
from interfaces.eurodac import ages, deadlines, reference
from interfaces.eurodac import capture as capture_law
from interfaces.eurodac import dataset as dataset_law
from interfaces.eurodac.capture import AgeProof, MinorSafeguards
from interfaces.eurodac.categories import RULES, digit
from interfaces.eurodac.codes import broken
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.deadlines import ORDINARY, Circumstances, Deadline
from interfaces.eurodac.errors import Violation
from interfaces.eurodac.periods import local_day
from interfaces.formats import Capture
from interfaces.pb.eurodac.central.v1 import terms_pb2
from node import acts, captures, circumstances, dispatch, receipts
from node.access import Act, Actor, purpose_of
from node.acts import Deed, Written
from node.assembly import Node
from node.captures import Examined
from node.circumstances import Kept
from node.store import Transaction, biometrics, counters, dossiers, tasks
from node.store.dossiers import Dossier
from node.vocabulary import Delivery, EnrolmentOutcome, Lane, Receipt, Task, TaskKind

CLOCK_SKEW = timedelta(minutes=5)
"""How far a station's clock may be ahead of ours before a taking counts as in the future."""


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


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What is written if nobody was faster. message: the capture as received."""

    actor: Actor
    data_set: DataSet
    kept: Kept
    message: terms_pb2.Capture
    capture: Capture
    examined: Examined
    limit: Deadline

    @property
    def outcome(self) -> EnrolmentOutcome:
        """Poor prints go back to the station, unless the person has no better ones now."""
        if self.examined.sufficient or self.kept.fingertips_impaired:
            return EnrolmentOutcome.ACCEPTED
        return EnrolmentOutcome.RECAPTURE_WANTED

    @property
    def retake_wanted(self) -> bool:
        """Whether fingers must be taken again once their condition allows it."""
        bandaged = capture_law.retake_wanted(captures.missing_codes(self.capture))
        return bool(bandaged) or self.kept.fingertips_impaired


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
    acts.insist(*_check_request(node, enrolment), *check_person(node, data_set, kept.safeguards))
    limit = _find_limit(node, data_set, kept.clock)
    capture = wire.capture_from(enrolment.capture)
    acts.insist(*check_capture(node, data_set, capture))
    examined = captures.examine(node, capture)
    return Plan(actor, data_set, kept, enrolment.capture, capture, examined, limit)


def _check_request(node: Node, enrolment: Enrolment) -> Iterator[Violation]:
    category = enrolment.data_set.category
    if not RULES[category].stored:
        remedy = "Ask for a search instead."
        yield broken("V06", "category", "29(2)", rule="Nothing is recorded.", remedy=remedy)
    for name in ("reference_number", "transmitted_at"):
        if getattr(enrolment.data_set, name):
            yield broken("V01", name, "37(3)", rule="The access point fills this field in.")
    taken_at = enrolment.data_set.biometrics_taken_at
    if taken_at is not None:
        yield from capture_law.check_applicable(
            category,
            local_day(taken_at, node.member_state),
            node.settings.policy,
            under_decision_2022_382=enrolment.under_decision_2022_382,
        )


def check_person(
    node: Node, data_set: DataSet, safeguards: MinorSafeguards | None
) -> Iterator[Violation]:
    """What forbids taking this person's biometrics: too young, not safeguarded, not yet taken."""
    taken_at = data_set.biometrics_taken_at
    if taken_at is None:
        yield broken("V04", "biometrics_taken_at", "17(1)(l)")
        return
    if taken_at > node.now() + CLOCK_SKEW:
        rule = "Biometrics are taken before they are sent."
        yield broken("V05", "biometrics_taken_at", "17(1)(l)", rule=rule)
    proof = AgeProof.NONE if safeguards is None else safeguards.age_proof
    born, state = data_set.date_of_birth, data_set.origin
    yield from capture_law.check_age(born, taken_at, proof, state=state)
    if ages.is_minor(born, taken_at, state=state):
        yield from capture_law.check_minor(safeguards, data_set.operator_user_id)


def check_capture(node: Node, data_set: DataSet, capture: Capture) -> Iterator[Violation]:
    """What forbids sending this data set with this capture."""
    yield from captures.check_person(capture)
    yield from dataset_law.check_transmission(
        data_set,
        fingerprints=bool(capture.fingers),
        face=bool(capture.faces),
        missing_declared=bool(capture.missing),
        policy=node.settings.policy,
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
        added = (keep_biometrics(transaction, plan),)
        request = dispatch.transmission(node, plan.data_set, plan.message, plan.kept.lane)
        dispatch.post(node, transaction, request, lane=plan.kept.lane, task_id=opened[0].task_id)
    receipt = write_receipt(node, plan, opened)
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
        yield open_retake(node, plan.data_set)


def open_retake(node: Node, data_set: DataSet) -> Task:
    """Retake when the fingertips allow it; its 48 hours run from the retake, so none run yet."""
    article = deadlines.retake(data_set.category, node.now()).article
    what = "Take the fingerprints again as soon as the condition of the fingertips allows it."
    number = data_set.reference_number
    return acts.open_task(node, TaskKind.RETAKE, number, what, article=article)


def keep_biometrics(transaction: Transaction, plan: Plan) -> int:
    """Store capture and reference; returns the reference's number in the gallery."""
    number = plan.data_set.reference_number
    biometrics.put_capture(transaction, number, plan.message.SerializeToString(deterministic=True))
    return biometrics.put_reference(transaction, number, plan.examined.reference)


def write_receipt(node: Node, plan: Plan, opened: tuple[Task, ...]) -> Receipt:
    """What the station gets to know."""
    return Receipt(
        reference_number=plan.data_set.reference_number,
        outcome=plan.outcome,
        samples=plan.examined.samples,
        transmit_by=plan.limit.due_at,
        transmit_by_outer=plan.limit.due_outer,
        limit_article=plan.limit.article,
        late=plan.limit.is_late(node.now()),
        tasks=opened,
    )
