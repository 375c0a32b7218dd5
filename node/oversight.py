"""Oversight: the audit chain as auditors read and verify it (Arts 41(4), 41(5), 43(8))."""

from __future__ import annotations

from node import acts
from node.access import Act, Actor, Purpose
from node.acts import Deed, Written
from node.assembly import Node
from node.audit import Entry, Outcome, Verdict
from node.store import Transaction, dossiers, pruned, records
from node.store.transaction import THE_NODE


def verify(node: Node, actor: Actor) -> Verdict:
    """Walk the whole chain; its head, noted elsewhere, later proves that nothing was cut off."""
    deed = Deed(actor, Act.READ_AUDIT, Purpose.OVERSIGHT)
    with acts.conduct(node, deed):
        with node.store.read() as transaction:
            verdict = records.check(transaction)
        broken = "holds" if verdict.broken_at is None else f"broken at {verdict.broken_at}"
        detail = f"{verdict.entries} entries, {verdict.erased} erased: {broken}"
        acts.record(node, deed, Outcome.DONE, detail=detail)
        return verdict


def read(node: Node, actor: Actor, reference_number: str) -> tuple[Entry, ...]:
    """Who did what about one reference number, oldest first."""
    deed = Deed(actor, Act.READ_AUDIT, Purpose.OVERSIGHT, reference_number)
    with acts.conduct(node, deed):
        with node.store.read() as transaction:
            found = tuple(records.walk(transaction, reference_number=reference_number))
        acts.record(node, deed, Outcome.DONE, detail=f"{len(found)} entries")
        return found


def begin_monitoring(node: Node, actor: Actor, request_id: str, reference_number: str) -> str:
    """Keep the records about one number, or all for an empty one; returns the id of the hold.

    A monitoring procedure that has begun needs them (Art. 41(4)); what is past its time already
    is gone.
    """
    deed = Deed(actor, Act.HOLD_AUDIT, Purpose.OVERSIGHT, reference_number)

    def write(transaction: Transaction) -> Written:
        if reference_number != pruned.EVERYTHING:
            dossiers.find_revision(transaction, reference_number)
        hold = pruned.Hold(node.new_id(), reference_number, actor.user, node.now())
        pruned.add_hold(transaction, hold)
        return Written(hold.hold_id.encode(), THE_NODE, detail=f"begun {hold.hold_id}")

    with acts.conduct(node, deed):
        request = acts.name_request(deed, request_id, reference_number)
        answer = acts.find_answer(node, deed, request)
        if answer is None:
            answer = acts.carry_out(node, deed, request, write)
        return answer.decode()


def end_monitoring(node: Node, actor: Actor, request_id: str, hold_id: str) -> None:
    """The procedure is over: what is past its time goes with the next sweep."""
    deed = Deed(actor, Act.HOLD_AUDIT, Purpose.OVERSIGHT)

    def write(transaction: Transaction) -> Written:
        pruned.end_hold(transaction, hold_id, by=actor.user, at=node.now())
        return Written(b"", THE_NODE, detail=f"ended {hold_id}")

    with acts.conduct(node, deed):
        request = acts.name_request(deed, request_id, hold_id)
        if acts.find_answer(node, deed, request) is None:
            acts.carry_out(node, deed, request, write)
