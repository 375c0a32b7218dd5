"""Oversight: the audit chain as auditors read and verify it (Arts 41(4), 41(5), 43(8))."""

from __future__ import annotations

from node import acts
from node.access import Act, Actor, Purpose
from node.acts import Deed
from node.assembly import Node
from node.audit import Entry, Outcome, Verdict
from node.store import records


def verify(node: Node, actor: Actor) -> Verdict:
    """Walk the whole chain; its head, noted elsewhere, later proves that nothing was cut off."""
    deed = Deed(actor, Act.READ_AUDIT, Purpose.OVERSIGHT)
    with acts.conduct(node, deed):
        with node.store.read() as transaction:
            verdict = records.check(transaction)
        broken = "holds" if verdict.broken_at is None else f"broken at {verdict.broken_at}"
        acts.record(node, deed, Outcome.DONE, detail=f"{verdict.entries} entries: {broken}")
        return verdict


def read(node: Node, actor: Actor, reference_number: str) -> tuple[Entry, ...]:
    """Who did what about one reference number, oldest first."""
    deed = Deed(actor, Act.READ_AUDIT, Purpose.OVERSIGHT, reference_number)
    with acts.conduct(node, deed):
        with node.store.read() as transaction:
            found = tuple(records.walk(transaction, reference_number=reference_number))
        acts.record(node, deed, Outcome.DONE, detail=f"{len(found)} entries")
        return found
