"""Alarms: what the central system owes beyond its limit, noticed once and taken back by itself.

The limit runs from the receipt of the centre. The alarm of a data set is a task of its own, which
the result closes; while it is open no second one is raised, however often anybody looks.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from node import acts
from node.access import Act, Purpose, node_itself
from node.acts import Deed
from node.assembly import Node
from node.audit import Outcome
from node.store import dossiers, tasks
from node.vocabulary import Task, TaskKind

AT_ONCE = 100
"""Alarms looked up in one go: each is raised in a commit of its own."""

log = logging.getLogger(__name__)


def raise_due(node: Node) -> int:
    """Raise the alarm of every data set whose comparison is overdue; returns how many are new."""
    raised = 0
    while True:
        with node.store.read() as transaction:
            owed = tasks.find_unalarmed(transaction, node.now(), AT_ONCE)
        for awaited in owed:
            _raise(node, awaited)
        raised += len(owed)
        if len(owed) < AT_ONCE:
            break
    if raised:
        log.warning("the central system owes %d comparisons beyond their limit", raised)
    return raised


def _raise(node: Node, awaited: Task) -> None:
    number = awaited.reference_number
    what = "The central system has not answered in time: ask its operator for the result."
    kind = TaskKind.COMPARISON_OVERDUE
    task = acts.open_task(node, kind, number, what, article=awaited.article)
    deed = Deed(node_itself(node.member_state), Act.RAISE_ALARM, Purpose.OPERATION, number)
    with acts.conduct(node, deed), node.store.write() as transaction:
        # The result may have come, or another reader have raised it, since we looked.
        if not tasks.is_unalarmed(transaction, awaited.task_id, node.now()):
            return
        tasks.add(transaction, replace(task, due=awaited.due))
        dossiers.change(transaction, number)
        acts.append(node, transaction, deed, Outcome.DONE, detail=kind)
