"""Marks of Art. 31: set by the State that granted protection or issued a document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.flags import check_mark, check_unmark
from interfaces.eurodac.terms import Mark, MarkType
from node import acts, changes
from node.access import Act, Actor, purpose_of_number
from node.acts import Deed
from node.assembly import Node
from node.errors import OutOfTurn
from node.store import Transaction
from node.store.dossiers import Dossier


@dataclass(frozen=True, slots=True)
class MarkChange:
    """Which mark of which data set."""

    request_id: str
    reference_number: str
    type: MarkType


def set_mark(node: Node, actor: Actor, change: MarkChange) -> DataSet:
    """Mark own data: protection granted (Art. 31(1)) or residence document issued (Art. 31(4))."""

    def write(transaction: Transaction, dossier: Dossier) -> DataSet:
        acts.insist(*check_mark(dossier.category, change.type, follow_up=False))
        mark = Mark(change.type, set_by=node.member_state, set_at=node.now(), follow_up=False)
        return changes.set_mark(node, transaction, dossier, mark)

    return _carry_out(node, _deed(actor, Act.SET_MARK, change), change, write)


def clear_mark(node: Node, actor: Actor, change: MarkChange) -> DataSet:
    """Take a mark back: protection withdrawn (Art. 31(3))."""

    def write(transaction: Transaction, dossier: Dossier) -> DataSet:
        acts.insist(*check_unmark(change.type, node.settings.policy))
        if all(mark.type is not change.type for mark in dossier.content.marks):
            raise OutOfTurn(f"{change.reference_number} has no mark of this type")
        return changes.clear_mark(node, transaction, dossier, change.type)

    return _carry_out(node, _deed(actor, Act.CLEAR_MARK, change), change, write)


def _deed(actor: Actor, act: Act, change: MarkChange) -> Deed:
    number = change.reference_number
    return Deed(actor, act, purpose_of_number(number), number)


def _carry_out(
    node: Node,
    deed: Deed,
    change: MarkChange,
    write: Callable[[Transaction, Dossier], DataSet],
) -> DataSet:
    with acts.conduct(node, deed):
        content = change.reference_number, change.type
        request = acts.name_request(deed, change.request_id, *content)
        return changes.carry_out(node, deed, request, write, detail=change.type)
