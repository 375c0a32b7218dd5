"""Security flag: one official proposes it, another approves it, and it goes after consultation."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.flags import (
    FlagCheck,
    FlagGround,
    FlagProposal,
    check_approval,
    check_flag,
    check_flag_deletion,
)
from interfaces.eurodac.outcome import HitState
from node import acts, changes
from node.access import Act, Actor, Purpose, purpose_of_number
from node.acts import Deed, Written
from node.assembly import Node
from node.errors import NotFound, OutOfTurn
from node.store import Transaction, dossiers, hits, proposals
from node.store.dossiers import Dossier
from node.store.proposals import Proposal


@dataclass(frozen=True, slots=True)
class FlagWanted:
    """A proposed flag with the check and the grounds that carry it; these stay national."""

    request_id: str
    reference_number: str
    proposal: FlagProposal


@dataclass(frozen=True, slots=True)
class FlagDeletion:
    """A flag to delete. consulted: States asked before, of those with data of the same person."""

    request_id: str
    reference_number: str
    consulted: tuple[str, ...] = ()


def propose(node: Node, actor: Actor, wanted: FlagWanted) -> str:
    """Put a flag forward for approval; returns the proposal's id."""
    number = wanted.reference_number
    deed = Deed(actor, Act.PROPOSE_FLAG, purpose_of_number(number), number)

    def write(transaction: Transaction) -> Written:
        dossier = dossiers.find(transaction, number)
        acts.insist(*check_flag(dossier.category, wanted.proposal))
        _insist_on_flag(dossier, there=False)
        proposal = Proposal(
            proposal_id=node.new_id(),
            reference_number=number,
            proposed_by=actor.user,
            proposed_at=node.now(),
            content=_encode(wanted.proposal),
        )
        proposals.add(transaction, proposal)
        dossiers.change(transaction, number)
        return Written(proposal.proposal_id.encode(), number)

    with acts.conduct(node, deed):
        request = acts.name_request(deed, wanted.request_id, number, repr(wanted.proposal))
        answer = acts.find_answer(node, deed, request)
        if answer is None:
            answer = acts.carry_out(node, deed, request, write)
        return answer.decode()


def approve(node: Node, actor: Actor, request_id: str, proposal_id: str) -> DataSet:
    """Set the flag that somebody else proposed, and tell the centre."""

    def write(transaction: Transaction, dossier: Dossier) -> DataSet:
        proposal = proposals.find(transaction, proposal_id)
        acts.insist(*check_approval(proposal.proposed_by, actor.user))
        acts.insist(*check_flag(dossier.category, _decode(proposal.content)))
        if proposal.approved_by:
            raise OutOfTurn("the proposal is approved already")
        _insist_on_flag(dossier, there=False)
        proposals.approve(transaction, proposal_id, by=actor.user, at=node.now())
        return changes.set_flag(node, transaction, dossier)

    deed = _deed_of_proposal(node, actor, proposal_id)
    with acts.conduct(node, deed):
        if not deed.reference_number:
            raise NotFound("there is no such proposal")
        request = acts.name_request(deed, request_id, proposal_id)
        return changes.carry_out(node, deed, request, write)


def delete(node: Node, actor: Actor, deletion: FlagDeletion) -> DataSet:
    """Delete the flag after consulting the other States of the sequence (Art. 17(4))."""
    number = deletion.reference_number
    deed = Deed(actor, Act.DELETE_FLAG, purpose_of_number(number), number)

    def write(transaction: Transaction, dossier: Dossier) -> DataSet:
        _insist_on_flag(dossier, there=True)
        others = _find_others(node, transaction, number)
        acts.insist(*check_flag_deletion(deletion.consulted, others))
        return changes.delete_flag(node, transaction, dossier, consulted=deletion.consulted)

    with acts.conduct(node, deed):
        request = acts.name_request(deed, deletion.request_id, number, *deletion.consulted)
        return changes.carry_out(node, deed, request, write)


def _deed_of_proposal(node: Node, actor: Actor, proposal_id: str) -> Deed:
    """The purpose follows from the data set; an unknown proposal is denied as any would be."""
    try:
        with node.store.read() as transaction:
            number = proposals.find(transaction, proposal_id).reference_number
    except NotFound:
        return Deed(actor, Act.APPROVE_FLAG, Purpose.RESPONSIBILITY)
    return Deed(actor, Act.APPROVE_FLAG, purpose_of_number(number), number)


def _insist_on_flag(dossier: Dossier, *, there: bool) -> None:
    if dossier.content.security_flag is not there:
        state = "no flag" if there else "a flag already"
        raise OutOfTurn(f"{dossier.reference_number} has {state}")


def _find_others(node: Node, transaction: Transaction, number: str) -> frozenset[str]:
    """The other origin States that confirmed hits of this data set show."""
    found = hits.find_all(transaction, number)
    origins = {
        one.hit.data_set.origin
        for one in found
        if one.hit.state is HitState.CONFIRMED and one.hit.data_set is not None
    }
    return frozenset(origins - {node.member_state})


def _encode(proposal: FlagProposal) -> bytes:
    completed_at = proposal.completed_at
    return json.dumps(
        {
            "check": proposal.check,
            "grounds": proposal.grounds,
            "completed_at": None if completed_at is None else completed_at.isoformat(),
            "deciding_unit": proposal.deciding_unit,
            "could_pose_threat": proposal.could_pose_threat,
        }
    ).encode()


def _decode(encoded: bytes) -> FlagProposal:
    content = json.loads(encoded)
    check, completed_at = content["check"], content["completed_at"]
    return FlagProposal(
        check=None if check is None else FlagCheck(check),
        grounds=tuple(FlagGround(ground) for ground in content["grounds"]),
        completed_at=None if completed_at is None else datetime.fromisoformat(completed_at),
        deciding_unit=content["deciding_unit"],
        could_pose_threat=content["could_pose_threat"],
    )
