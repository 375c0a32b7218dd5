"""How the node stands: gallery, queues and the line to the centre, without any personal data."""

from __future__ import annotations

from importlib.metadata import version

from node import acts
from node.access import Act, Actor, Purpose
from node.acts import Deed
from node.assembly import Node, gallery_agrees
from node.audit import Outcome
from node.store import parcels, tasks
from node.vocabulary import Standing

PACKAGE = "eurodac-node"


def describe(node: Node, actor: Actor) -> Standing:
    """What an operator wants to know first. gallery_equals_store compares the counts; that the
    contents are the same was proved when the node opened."""
    deed = Deed(actor, Act.READ_STATUS, Purpose.OPERATION)
    with acts.conduct(node, deed):
        with node.store.read() as transaction:
            queued = parcels.count(transaction)
            oldest = parcels.find_oldest(transaction)
            overdue, oldest_due = tasks.count_overdue(transaction, node.now())
        acts.record(node, deed, Outcome.DONE)
        return Standing(
            version=version(PACKAGE),
            member_state=node.member_state,
            persons=len(node.gallery),
            gallery_equals_store=gallery_agrees(node),
            queued=queued,
            oldest_queued_at=oldest,
            central_reachable=node.line.reachable,
            central_answered_at=node.line.answered_at,
            now=node.now(),
            models=node.engine.models,
            comparisons_overdue=overdue,
            oldest_comparison_due=oldest_due,
        )
