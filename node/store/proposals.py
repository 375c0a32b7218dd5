"""Security flags that one official proposed and another has still to approve."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update

from node import schema
from node.errors import NotFound
from node.store.transaction import Transaction
from node.vault import Place

_TABLE = schema.proposals


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposed flag. content: JSON of the check and its grounds; empty once erased."""

    proposal_id: str
    reference_number: str
    proposed_by: str
    proposed_at: datetime
    content: bytes
    approved_by: str = ""


def add(transaction: Transaction, proposal: Proposal) -> None:
    """Keep a proposal."""
    owner = proposal.reference_number
    transaction.connection.execute(
        insert(_TABLE).values(
            proposal_id=proposal.proposal_id,
            reference_number=owner,
            proposed_by=proposal.proposed_by,
            proposed_at=proposal.proposed_at,
            approved_by="",
            content=transaction.seal(proposal.content, _place(owner, proposal.proposal_id)),
        )
    )
    transaction.touched.add(owner)


def find(transaction: Transaction, proposal_id: str) -> Proposal:
    """One proposal; NotFound for an unknown or erased one."""
    query = select(_TABLE).where(_TABLE.c.proposal_id == proposal_id)
    row = transaction.connection.execute(query).one_or_none()
    if row is None or row.content is None:
        raise NotFound("there is no such proposal")
    return Proposal(
        proposal_id=row.proposal_id,
        reference_number=row.reference_number,
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        content=transaction.unseal(row.content, _place(row.reference_number, proposal_id)),
        approved_by=row.approved_by,
    )


def approve(transaction: Transaction, proposal_id: str, *, by: str, at: datetime) -> None:
    """Note who approved."""
    transaction.connection.execute(
        update(_TABLE)
        .where(_TABLE.c.proposal_id == proposal_id)
        .values(approved_by=by, approved_at=at)
    )


def _place(owner: str, proposal_id: str) -> Place:
    return Place(owner, "proposals", "content", proposal_id)
