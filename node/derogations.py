"""Derogations and prolongations: one supervisor proposes, another approves, all cases follow.

A crisis or a prolonged protection changes the limits or the retention of many persons at once;
nothing of it rests on the word of one official.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from interfaces.eurodac.declared import DECLARED, Declared, check_declared
from interfaces.eurodac.flags import check_approval
from interfaces.eurodac.retention import PROLONGED
from node import acts, changes
from node.access import Act, Actor, Purpose
from node.acts import Deed, Written
from node.assembly import Node
from node.audit import Outcome
from node.errors import OutOfTurn
from node.store import Transaction, declared, dossiers, events
from node.store.declared import Stand, StoredDeclared
from node.store.transaction import THE_NODE


@dataclass(frozen=True, slots=True)
class Proposed:
    """What a supervisor proposes. replaces: id of an approved declaration that it corrects."""

    request_id: str
    declared: Declared
    replaces: str = ""


def propose(node: Node, actor: Actor, proposed: Proposed) -> str:
    """Put a declaration forward for approval; returns its id. RuleBroken: what it lacks."""
    deed = Deed(actor, Act.PROPOSE_DECLARATION, Purpose.OPERATION)

    def write(transaction: Transaction) -> Written:
        if proposed.replaces:
            _insist_on_replaceable(transaction, proposed.replaces, proposed.declared)
        stored = StoredDeclared(
            declared_id=node.new_id(),
            declared=proposed.declared,
            replaces=proposed.replaces,
            proposed_by=actor.user,
            proposed_at=node.now(),
        )
        declared.add(transaction, stored)
        detail = f"{proposed.declared.kind} {stored.declared_id}"
        return Written(stored.declared_id.encode(), THE_NODE, detail=detail)

    with acts.conduct(node, deed):
        acts.insist(*check_declared(proposed.declared))
        content = repr(replace(proposed, request_id=""))
        request = acts.name_request(deed, proposed.request_id, content)
        answer = acts.find_answer(node, deed, request)
        if answer is None:
            answer = acts.carry_out(node, deed, request, write)
        return answer.decode()


def approve(node: Node, actor: Actor, request_id: str, declared_id: str) -> None:
    """Let a declaration hold that somebody else proposed; limits and retention follow at once."""
    deed = Deed(actor, Act.APPROVE_DECLARATION, Purpose.OPERATION)

    def write(transaction: Transaction) -> Written:
        stored = declared.find(transaction, declared_id)
        acts.insist(*check_approval(stored.proposed_by, actor.user))
        if stored.stand is not Stand.PROPOSED:
            raise OutOfTurn("the declaration is approved already")
        if stored.replaces:
            _insist_on_replaceable(transaction, stored.replaces, stored.declared)
        declared.approve(transaction, stored, by=actor.user, at=node.now())
        if DECLARED[stored.declared.kind].prolongs:
            _prolong(transaction)
        else:
            events.forget_readings(transaction)
        return Written(b"", THE_NODE, detail=f"{stored.declared.kind} {declared_id}")

    with acts.conduct(node, deed):
        request = acts.name_request(deed, request_id, declared_id)
        if acts.find_answer(node, deed, request) is None:
            acts.carry_out(node, deed, request, write)


def read(node: Node, actor: Actor) -> tuple[StoredDeclared, ...]:
    """Every declaration, in the order in which they were proposed."""
    deed = Deed(actor, Act.READ_DECLARATIONS, Purpose.OPERATION)
    with acts.conduct(node, deed):
        with node.store.read() as transaction:
            found = declared.find_all(transaction)
        acts.record(node, deed, Outcome.DONE, detail=f"{len(found)} declarations")
        return found


def _insist_on_replaceable(transaction: Transaction, replaced: str, by: Declared) -> None:
    earlier = declared.find(transaction, replaced)
    if earlier.stand is not Stand.APPROVED:
        raise OutOfTurn("only an approved declaration is replaced, and only once")
    if earlier.declared.kind is not by.kind:
        raise OutOfTurn(f"{replaced} declares something else")


def _prolong(transaction: Transaction) -> None:
    """Give every data set of temporary protection that was sent its new end, in this commit.

    What was erased before stays erased. Whatever is sent later gets its end with its receipt.
    """
    for number in dossiers.find_kept(transaction, PROLONGED):
        dossier = dossiers.find(transaction, number)
        if dossier.transmitted_at is None:
            continue
        until = changes.find_retention_end(transaction, dossier.content, dossier.transmitted_at)
        if until != dossier.retained_until:
            dossiers.change(transaction, number, retained_until=until)
