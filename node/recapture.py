"""Recapture: better biometrics of a data set under its own number.

After a quality refusal, ours or the centre's (Art. 38(1)), after a refusal of the transmission
itself, or when damaged fingertips have healed (Arts 15(1), 22(5), 23(4), 24(4), 26(3)).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from google.protobuf.message import Message

from interfaces import wire
from interfaces.eurodac import deadlines
from interfaces.eurodac.deadlines import Deadline
from interfaces.pb.eurodac.central.v1 import terms_pb2
from node import acts, captures, circumstances, dispatch, intake, receipts
from node.access import Act, Actor, purpose_of_number
from node.acts import Deed, Written
from node.assembly import Node
from node.errors import OutOfTurn
from node.intake import Plan
from node.store import Transaction, biometrics, dossiers, tasks
from node.store.dossiers import Dossier
from node.vocabulary import Delivery, EnrolmentOutcome, Receipt, Task, TaskKind

WANTED = frozenset({Delivery.RECAPTURE_WANTED, Delivery.REFUSED})
"""States in which the data set cannot go on without other biometrics or may profit from them."""


REPLACED = (TaskKind.TRANSMIT, TaskKind.RECAPTURE, TaskKind.RETAKE, TaskKind.RESOLVE_REFUSAL)
"""Tasks that a successful recapture ends or opens anew."""


@dataclass(frozen=True, slots=True, eq=False)
class Recapture:
    """What a station asks for. taken_at: when the new biometrics were taken."""

    request_id: str
    reference_number: str
    capture: terms_pb2.Capture
    taken_at: datetime
    fingertips_impaired: bool = False

    def content(self) -> tuple[Message | str, ...]:
        """All that was asked for, in one canonical form."""
        rest = self.reference_number, self.taken_at, self.fingertips_impaired
        return self.capture, repr(rest)


def recapture(node: Node, actor: Actor, wanted: Recapture) -> Receipt:
    """Replace the biometrics of a data set and queue them for the centre.

    Raises NotFound, OutOfTurn when no recapture or retake is wanted, and what enrol() raises.
    Insufficient quality leaves everything as it was.
    """
    number = wanted.reference_number
    deed = Deed(actor, Act.RECAPTURE, purpose_of_number(number), number)
    with acts.conduct(node, deed):
        request = acts.name_request(deed, wanted.request_id, *wanted.content())
        answer = acts.find_answer(node, deed, request)
        if answer is None:
            plan = _plan(node, actor, wanted)
            answer = acts.carry_out(node, deed, request, lambda tx: _write(node, tx, plan))
        return receipts.decode(answer)


def _plan(node: Node, actor: Actor, wanted: Recapture) -> Plan:
    with node.store.read() as transaction:
        dossier = _find_wanted(transaction, wanted.reference_number)
    kept = circumstances.decode(dossier.circumstances)
    kept = replace(kept, fingertips_impaired=wanted.fingertips_impaired)
    data_set = replace(
        dossier.content, biometrics_taken_at=wanted.taken_at, operator_user_id=actor.user
    )
    acts.insist(*intake.check_person(node, data_set, kept.safeguards))
    limit = _find_limit(node, dossier, wanted.taken_at)
    capture = wire.capture_from(wanted.capture)
    acts.insist(*intake.check_capture(node, data_set, capture))
    examined = captures.examine(node, capture)
    acts.insist(*captures.check_placement(examined))
    return Plan(actor, data_set, kept, wanted.capture, capture, examined, limit)


def _find_wanted(transaction: Transaction, number: str) -> Dossier:
    dossier = dossiers.find(transaction, number)
    _ = dossier.content
    kinds = {task.kind for task in tasks.find_open(transaction, number)}
    if dossier.delivery not in WANTED and TaskKind.RETAKE not in kinds:
        raise OutOfTurn(f"{number} is {dossier.delivery}: no other biometrics are wanted")
    return dossier


def _find_limit(node: Node, dossier: Dossier, taken_at: datetime) -> Deadline:
    """The retake's own clock once anything was sent; before that, the first clock still runs."""
    with node.store.read() as transaction:
        if dispatch.is_known(transaction, dossier):
            return deadlines.retake(dossier.category, taken_at)
        clock = circumstances.decode(dossier.circumstances).clock
        full = circumstances.look_up(transaction, dossier.content, clock)
    return deadlines.transmission(dossier.content, full, node.settings.policy)


def _write(node: Node, transaction: Transaction, plan: Plan) -> Written:
    """One commit: the new biometrics in the place of the old, and on their way."""
    number = plan.data_set.reference_number
    dossier = _find_wanted(transaction, number)
    if plan.outcome is EnrolmentOutcome.RECAPTURE_WANTED:
        still_open = tasks.find_open(transaction, number)
        receipt = intake.write_receipt(node, plan, still_open)
        return Written(receipts.encode(receipt), number, detail=plan.outcome)
    known = dispatch.is_known(transaction, dossier)
    dossiers.put_content(transaction, plan.data_set)
    dossiers.put_circumstances(transaction, number, circumstances.encode(plan.kept))
    dossiers.change(transaction, number, delivery=Delivery.QUEUED, finding=None, refusal="")
    removed = biometrics.drop_reference(transaction, number)
    added = intake.keep_biometrics(transaction, plan)
    opened = _renew_tasks(node, transaction, plan)
    _send(node, transaction, plan, known=known, task_id=opened[0].task_id)
    receipt = intake.write_receipt(node, plan, opened)
    return Written(
        receipts.encode(receipt), number, detail=plan.outcome, added=(added,), removed=removed
    )


def _send(node: Node, transaction: Transaction, plan: Plan, *, known: bool, task_id: str) -> None:
    data_set, capture, lane = plan.data_set, plan.message, plan.kept.lane
    if known:
        request = dispatch.resending(data_set, capture, lane)
        dispatch.post(node, transaction, request, lane=lane, task_id=task_id)
    else:
        dispatch.transmit(node, transaction, data_set, capture, lane=lane, task_id=task_id)


def _renew_tasks(node: Node, transaction: Transaction, plan: Plan) -> tuple[Task, ...]:
    number = plan.data_set.reference_number
    tasks.close(transaction, number, node.now(), kinds=REPLACED)
    what = "Transmit the new biometrics to the central system."
    opened = [acts.open_task(node, TaskKind.TRANSMIT, number, what, limit=plan.limit)]
    if plan.retake_wanted:
        opened.append(intake.open_retake(node, plan.data_set))
    tasks.add(transaction, *opened)
    return tuple(opened)
