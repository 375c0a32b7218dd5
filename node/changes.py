"""Changes of a data set that a desk asks for or that another State's act makes a duty.

Each works in the transaction of its caller: own data first, and in the same commit the request
that tells the centre (Art. 40(3): only the State of origin changes its data).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from interfaces import wire
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.retention import ErasureGround, prolonged_end
from interfaces.eurodac.terms import Mark, MarkType
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from node import acts, dispatch
from node.acts import Deed, Written
from node.assembly import Node
from node.store import Transaction, biometrics, declared, dossiers, erasure
from node.store.dossiers import Dossier
from node.store.erasure import Erased
from node.store.requests import Request

GROUNDS = {ground: f"ERASURE_GROUND_{ground}" for ground in ErasureGround}


def carry_out(
    node: Node,
    deed: Deed,
    request: Request,
    write: Callable[[Transaction, Dossier], DataSet],
    *,
    detail: str = "",
) -> DataSet:
    """The whole of an act that changes one data set and answers with it, repeated or not."""

    def written(transaction: Transaction) -> Written:
        dossier = dossiers.find(transaction, deed.reference_number)
        changed = wire.dataset_to(write(transaction, dossier))
        answer = changed.SerializeToString(deterministic=True)
        return Written(answer, deed.reference_number, detail=detail)

    answer = acts.find_answer(node, deed, request)
    if answer is None:
        answer = acts.carry_out(node, deed, request, written)
    return wire.dataset_from(terms_pb2.DataSet.FromString(answer))


def update(
    node: Node,
    transaction: Transaction,
    dossier: Dossier,
    changes: Mapping[str, Any],
    *,
    follow_up: bool = False,
) -> DataSet:
    """Take over fields that became known later, and tell the centre.

    follow_up: because another State's change was notified.
    """
    changed = _rewrite(transaction, dossier, **changes)
    if dispatch.is_known(transaction, dossier):
        message, mask = wire.changes_to(changes)
        request = central_pb2.UpdateStatusRequest(
            reference_number=dossier.reference_number,
            changes=message,
            update_mask=mask,
            follow_up=follow_up,
        )
        dispatch.post(node, transaction, request)
    return changed


def correct(
    node: Node, transaction: Transaction, dossier: Dossier, changes: Mapping[str, Any]
) -> DataSet:
    """Correct own fields, and tell the centre if it has them."""
    changed = _rewrite(transaction, dossier, **changes)
    if dispatch.is_known(transaction, dossier):
        message, mask = wire.changes_to(changes)
        request = central_pb2.CorrectDataSetRequest(
            reference_number=dossier.reference_number, changes=message, update_mask=mask
        )
        dispatch.post(node, transaction, request)
    return changed


def set_mark(node: Node, transaction: Transaction, dossier: Dossier, mark: Mark) -> DataSet:
    """Set a mark; one that is there already stays as it was first set, and nobody is told again."""
    content = dossier.content
    if any(there.type is mark.type for there in content.marks):
        return content
    changed = _rewrite(transaction, dossier, marks=(*content.marks, mark))
    request = central_pb2.SetMarkRequest(
        reference_number=dossier.reference_number,
        type=wire.mark_type_to(mark.type),
        follow_up=mark.follow_up,
    )
    _tell(node, transaction, dossier, request)
    return changed


def clear_mark(node: Node, transaction: Transaction, dossier: Dossier, mark: MarkType) -> DataSet:
    """Take a mark back (Art. 31(3))."""
    left = tuple(there for there in dossier.content.marks if there.type is not mark)
    changed = _rewrite(transaction, dossier, marks=left)
    request = central_pb2.ClearMarkRequest(
        reference_number=dossier.reference_number, type=wire.mark_type_to(mark)
    )
    _tell(node, transaction, dossier, request)
    return changed


def set_flag(node: Node, transaction: Transaction, dossier: Dossier) -> DataSet:
    """Record the fact of a threat; its grounds stay here."""
    changed = _rewrite(transaction, dossier, security_flag=True)
    request = central_pb2.SetSecurityFlagRequest(reference_number=dossier.reference_number)
    _tell(node, transaction, dossier, request)
    return changed


def delete_flag(
    node: Node,
    transaction: Transaction,
    dossier: Dossier,
    *,
    consulted: tuple[str, ...] = (),
    follow_up: bool = False,
) -> DataSet:
    """Delete the flag (Art. 17(4)). follow_up: because another State's deletion was notified."""
    changed = _rewrite(transaction, dossier, security_flag=False)
    request = central_pb2.DeleteSecurityFlagRequest(
        reference_number=dossier.reference_number,
        consulted_states=consulted,
        follow_up=follow_up,
    )
    _tell(node, transaction, dossier, request)
    return changed


def erase(
    node: Node, transaction: Transaction, dossier: Dossier, ground: ErasureGround | None
) -> Erased:
    """Erase a data set for good. ground None: its retention ended, of which the centre knows."""
    erased = erasure.erase(transaction, dossier.reference_number, node.now())
    if erased.centre_knows and ground is not None:
        request = central_pb2.EraseDataSetRequest(
            reference_number=dossier.reference_number,
            ground=central_pb2.ErasureGround.Value(GROUNDS[ground]),
        )
        dispatch.post(node, transaction, request, outlives=True)
    return erased


def drop_biometrics(transaction: Transaction, reference_number: str) -> tuple[int, ...]:
    """Erase capture and reference; the numbers that must leave the gallery."""
    biometrics.drop_capture(transaction, reference_number)
    return biometrics.drop_reference(transaction, reference_number)


def find_retention_end(
    transaction: Transaction, data_set: DataSet, transmitted_at: datetime
) -> datetime | None:
    """How long the data set may be kept; None where the act starts no retention."""
    try:
        return prolonged_end(data_set, transmitted_at, declared.find_holding(transaction))
    except RuleBroken:
        return None


def _rewrite(transaction: Transaction, dossier: Dossier, **changes: Any) -> DataSet:
    changed = replace(dossier.content, **changes)
    dossiers.put_content(transaction, changed)
    return changed


def _tell(node: Node, transaction: Transaction, dossier: Dossier, request: Any) -> None:
    if dispatch.is_known(transaction, dossier):
        dispatch.post(node, transaction, request)
