"""The end of records: a year after the retention of what they tell about (Art. 41(4)).

Records about a data set that was erased early go as if it had been kept to its end. What a
monitoring procedure under way needs stays until it is over.
"""

from __future__ import annotations

from interfaces.eurodac.retention import logs_kept_since
from node import acts
from node.access import Act, Purpose, node_itself
from node.acts import Deed
from node.assembly import Node
from node.audit import Outcome
from node.store import Transaction, pruned

DATA_SETS_AT_ONCE = 100
"""Data sets whose records go in one commit: a few thousand records, well under a second."""

OF_NOBODY_AT_ONCE = 5_000
"""Records about no data set that go in one commit."""


def prune(node: Node) -> int:
    """Erase every record past its time; returns how many. ChainBroken: nothing more is erased.

    In the place of each run an anchor keeps the rest of the chain provable, and each commit puts
    its own record of how many it erased at the chain's end.
    """
    erased = 0
    while count := _prune_some(node):
        erased += count
    return erased


def _prune_some(node: Node) -> int:
    with node.store.read() as transaction:
        if not _find(node, transaction):
            return 0
    deed = Deed(node_itself(node.member_state), Act.PRUNE_AUDIT, Purpose.OPERATION)
    with acts.conduct(node, deed), node.store.write() as transaction:
        # A procedure may have begun since.
        numbers = _find(node, transaction)
        if numbers:
            # First its own record, so that the newest of the chain is never erased.
            acts.append(node, transaction, deed, Outcome.DONE, detail=f"{len(numbers)} records")
            pruned.prune(transaction, numbers)
    return len(numbers)


def _find(node: Node, transaction: Transaction) -> list[int]:
    """Numbers of records past their time, in their order; not all, but some if there are any."""
    if pruned.is_all_held(transaction):
        return []
    ended = pruned.find_ended(transaction, logs_kept_since(node.now()), DATA_SETS_AT_ONCE)
    if ended:
        return pruned.find_about(transaction, ended)
    before = logs_kept_since(node.now(), of_nobody=True)
    return pruned.find_about_nobody(transaction, before, OF_NOBODY_AT_ONCE)
