"""Custody of own data: later facts, corrections, erasure, and the end of retention."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from interfaces import wire
from interfaces.eurodac import capture as capture_law
from interfaces.eurodac import dataset as dataset_law
from interfaces.eurodac import retention
from interfaces.eurodac.capture import AgeProof
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.errors import Violation
from interfaces.eurodac.retention import ErasureGround
from interfaces.pb.eurodac.central.v1 import terms_pb2
from node import acts, captures, changes, circumstances, dispatch, searches
from node.access import Act, Actor, Purpose, node_itself, purpose_of_number
from node.acts import Deed, Written
from node.assembly import Node, publish
from node.audit import Outcome
from node.store import Transaction, biometrics, dossiers, tasks
from node.store import erasure as store_erasure
from node.store.dossiers import Dossier
from node.store.transaction import THE_NODE
from node.vocabulary import Delivery, TaskKind

SWEPT_AT_ONCE = 100
"""Data sets looked up in one go by a sweep: their erasures are commits of their own."""


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """New values of fields, by their names in DataSet (what wire.changes_from gives)."""

    request_id: str
    reference_number: str
    changes: Mapping[str, Any]

    def content(self) -> tuple[Message | str, ...]:
        """All that was asked for, in one canonical form."""
        message, mask = wire.changes_to(self.changes)
        return self.reference_number, message, mask


@dataclass(frozen=True, slots=True)
class Erasure:
    """An early erasure and its ground."""

    request_id: str
    reference_number: str
    ground: ErasureGround


def update_status(node: Node, actor: Actor, change: Change) -> DataSet:
    """Add what became known later (Arts 16, 17(2), 22(3), 23(3), 24(3), 25); tells the centre."""

    def write(transaction: Transaction, dossier: Dossier) -> DataSet:
        acts.insist(*dataset_law.check_update(dossier.category, change.changes))
        acts.insist(*_check_content(node, dossier, change))
        return changes.update(node, transaction, dossier, change.changes)

    deed = _deed(actor, Act.UPDATE_STATUS, change.reference_number)
    return _carry_out(node, deed, change, write)


def correct(node: Node, actor: Actor, change: Change) -> DataSet:
    """Correct own data (Art. 40(3)); a data set that the centre refused is sent again with it."""

    def write(transaction: Transaction, dossier: Dossier) -> DataSet:
        acts.insist(*dataset_law.check_correction(dossier.category, change.changes))
        acts.insist(*_check_content(node, dossier, change))
        changed = changes.correct(node, transaction, dossier, change.changes)
        if dossier.delivery is Delivery.REFUSED and dossier.transmitted_at is None:
            _send_again(node, transaction, dossier, changed)
        return changed

    deed = _deed(actor, Act.CORRECT, change.reference_number)
    return _carry_out(node, deed, change, write)


def erase(node: Node, actor: Actor, erasure: Erasure) -> datetime:
    """Erase a data set before its time (Arts 30(1), 40(3), 43(4)); returns when it was erased.

    Its key, everything sealed under it and its reference are gone with the commit; the centre is
    told even if it is down for days.
    """
    number = erasure.reference_number
    deed = _deed(actor, Act.ERASE, number)

    def write(transaction: Transaction) -> Written:
        dossier = dossiers.find(transaction, number)
        found = retention.check_erasure(dossier.content, node.member_state, erasure.ground)
        acts.insist(*found)
        erased = changes.erase(node, transaction, dossier, erasure.ground)
        answer = node.now().isoformat().encode()
        # The answer must outlive the key of the data set, and tells nothing of the person.
        removed = erased.template_ids
        return Written(answer, THE_NODE, detail=erasure.ground, removed=removed)

    with acts.conduct(node, deed):
        request = acts.name_request(deed, erasure.request_id, number, str(erasure.ground))
        answer = acts.find_answer(node, deed, request)
        if answer is None:
            answer = acts.carry_out(node, deed, request, write)
        return datetime.fromisoformat(answer.decode())


def sweep(node: Node) -> int:
    """Erase every data set whose retention has ended (Art. 29(10)); returns how many.

    The centre does the same by itself and is not told. What a reader kept from being scrubbed
    from the log is scrubbed now.
    """
    swept = 0
    while True:
        with node.store.read() as transaction:
            expired = dossiers.find_expired(transaction, node.now(), SWEPT_AT_ONCE)
        for number in expired:
            _erase_expired(node, number)
        swept += len(expired)
        if len(expired) < SWEPT_AT_ONCE:
            node.store.scrub()
            return swept


def _erase_expired(node: Node, number: str) -> None:
    deed = Deed(node_itself(node.member_state), Act.SWEEP, Purpose.OPERATION, number)
    with acts.conduct(node, deed), node.store.write() as transaction:
        # The centre does the same by itself and is not told.
        erased = store_erasure.erase(transaction, number, node.now())
        article = "47(4)" if searches.close(transaction, number) else "29(10)"
        acts.append(node, transaction, deed, Outcome.DONE, detail=article)
    publish(node, removed=erased.template_ids)


def _carry_out(
    node: Node,
    deed: Deed,
    change: Change,
    write: Callable[[Transaction, Dossier], DataSet],
) -> DataSet:
    with acts.conduct(node, deed):
        request = acts.name_request(deed, change.request_id, *change.content())
        fields = " ".join(sorted(change.changes))
        return changes.carry_out(node, deed, request, write, detail=fields)


def _deed(actor: Actor, act: Act, number: str) -> Deed:
    return Deed(actor, act, purpose_of_number(number), number)


def _check_content(node: Node, dossier: Dossier, change: Change) -> Iterator[Violation]:
    """What the new values may not be; a child under six is erased, not corrected."""
    changed = replace(dossier.content, **change.changes)
    for violation in dataset_law.check_transmission(
        changed, fingerprints=True, face=True, policy=node.settings.policy
    ):
        if violation.field in change.changes:
            yield violation
    for violation in captures.check_past(node, changed):
        if violation.field in change.changes:
            yield violation
    if "date_of_birth" in change.changes and changed.biometrics_taken_at is not None:
        safeguards = circumstances.decode(dossier.circumstances).safeguards
        proof = AgeProof.NONE if safeguards is None else safeguards.age_proof
        yield from capture_law.check_age(
            changed.date_of_birth, changed.biometrics_taken_at, proof, state=changed.origin
        )


def _send_again(node: Node, transaction: Transaction, dossier: Dossier, changed: DataSet) -> None:
    number = dossier.reference_number
    lane = circumstances.decode(dossier.circumstances).lane
    capture = terms_pb2.Capture.FromString(biometrics.get_capture(transaction, number))
    tasks.close(transaction, number, node.now(), kinds=[TaskKind.RESOLVE_REFUSAL])
    dossiers.change(transaction, number, delivery=Delivery.QUEUED, refusal="")
    # The task of the first transmission is still open, with the limit that still runs.
    waiting = tasks.find_open(transaction, number)
    task_id = next((task.task_id for task in waiting if task.kind is TaskKind.TRANSMIT), "")
    dispatch.transmit(node, transaction, changed, capture, lane=lane, task_id=task_id)
