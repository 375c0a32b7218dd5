"""The search of Art. 18(1) for a person in an admission procedure: searched, recorded nowhere.

Here the capture lives in the outbox until it is delivered, and the case until its result has
been used (Art. 29(2)); no reference enters the gallery.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from google.protobuf.message import Message

from interfaces import wire
from interfaces.eurodac import deadlines, reference
from interfaces.eurodac.capture import MinorSafeguards
from interfaces.eurodac.categories import Category, digit
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.errors import Violation
from interfaces.eurodac.terms import Sex
from interfaces.formats import Capture
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from node import acts, captures, circumstances, dispatch, intake, receipts
from node.access import Act, Actor, Purpose
from node.acts import Deed, Written
from node.assembly import Node
from node.audit import Outcome
from node.circumstances import Kept
from node.intake import Plan
from node.store import Transaction, counters, dossiers, tasks
from node.store.dossiers import Dossier
from node.vocabulary import Delivery, EnrolmentOutcome, Lane, Receipt, TaskKind

CATEGORY = Category.ADMISSION_SEARCH


@dataclass(frozen=True, slots=True, eq=False)
class AdmissionSearch:
    """What a desk asks for. date_of_birth and safeguards serve the checks of Art. 14 and stay
    here; sex goes with a face only (Art. 28(3))."""

    request_id: str
    capture: terms_pb2.Capture
    taken_at: datetime
    date_of_birth: str
    sex: Sex | None = None
    lane: Lane = Lane.NORMAL
    safeguards: MinorSafeguards | None = None

    def content(self) -> tuple[Message | str, ...]:
        """All that was asked for, in one canonical form."""
        rest = self.taken_at, self.date_of_birth, self.sex, self.lane, self.safeguards
        return self.capture, repr(rest)


def search_admission(node: Node, actor: Actor, search: AdmissionSearch) -> Receipt:
    """Queue the search for the centre; its result comes to the case of the receipt's number.

    Raises what enrolment.enrol() raises. Insufficient quality queues nothing and keeps nothing.
    """
    deed = Deed(actor, Act.SEARCH_ADMISSION, Purpose.RESETTLEMENT)
    with acts.conduct(node, deed):
        request = acts.name_request(deed, search.request_id, *search.content())
        answer = acts.find_answer(node, deed, request)
        if answer is None:
            plan = _plan(node, actor, search)
            if plan.outcome is EnrolmentOutcome.RECAPTURE_WANTED:
                acts.record(node, deed, Outcome.DONE, detail=plan.outcome)
                return intake.write_receipt(node, plan, ())
            answer = acts.carry_out(node, deed, request, lambda tx: _write(node, tx, plan))
        return receipts.decode(answer)


def _plan(node: Node, actor: Actor, search: AdmissionSearch) -> Plan:
    data_set = DataSet(
        category=CATEGORY,
        origin=node.member_state,
        date_of_birth=search.date_of_birth,
        sex=search.sex,
        biometrics_taken_at=search.taken_at,
        operator_user_id=actor.user,
    )
    acts.insist(*intake.check_person(node, data_set, search.safeguards))
    capture = wire.capture_from(search.capture)
    acts.insist(*_check(node, data_set, capture))
    limit = deadlines.transmission(data_set, policy=node.settings.policy)
    examined = captures.examine(node, capture)
    acts.insist(*captures.check_placement(examined))
    kept = Kept(lane=search.lane, safeguards=search.safeguards)
    # What Art. 14 needed is checked; from here on nothing identifies but the biometrics.
    bare = replace(data_set, date_of_birth="", operator_user_id="")
    return Plan(actor, bare, kept, search.capture, capture, examined, limit)


def _check(node: Node, data_set: DataSet, capture: Capture) -> Iterator[Violation]:
    """What forbids the search; fingers need not be complete, for nothing of it is recorded."""
    yield from captures.check_positions(capture)
    sent = DataSet(CATEGORY, data_set.origin, sex=data_set.sex)
    yield from intake.check_fields(node, sent, capture)


def _write(node: Node, transaction: Transaction, plan: Plan) -> Written:
    running = counters.next_number(transaction, f"reference {digit(CATEGORY)}")
    number = reference.issue(node.member_state, CATEGORY, running)
    plan = replace(plan, data_set=replace(plan.data_set, reference_number=number))
    dossiers.add(
        transaction,
        Dossier(
            reference_number=number,
            category=CATEGORY,
            unit=plan.actor.unit,
            delivery=Delivery.QUEUED,
            enrolled_at=node.now(),
            data_set=plan.data_set,
            circumstances=circumstances.encode(plan.kept),
        ),
    )
    what = "Have the central system search before the conclusion on admission."
    task = acts.open_task(node, TaskKind.TRANSMIT, number, what, limit=plan.limit)
    tasks.add(transaction, task)
    request = central_pb2.SearchOnlyRequest(
        reference_number=number,
        capture=plan.message,
        sex=terms_pb2.SEX_UNSPECIFIED
        if plan.data_set.sex is None
        else wire.sex_to(plan.data_set.sex),
        lane=dispatch.LANES[plan.kept.lane],
    )
    dispatch.post(node, transaction, request, lane=plan.kept.lane, task_id=task.task_id)
    receipt = intake.write_receipt(node, plan, (task,))
    return Written(receipts.encode(receipt), number, reference_number=number, detail=plan.outcome)
