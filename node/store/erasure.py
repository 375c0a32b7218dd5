"""Erasing one data set: its key and everything sealed under it, in one commit.

What remains is a tombstone that says nothing about the person: number, category, dates. The key
goes first in meaning: without it no copy of the sealed values, in a backup for instance, opens.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update

from node import schema
from node.store import biometrics, dossiers, parcels, police, requests, tasks
from node.store.transaction import Transaction
from node.vocabulary import Delivery


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure found. template_ids: to leave the gallery. centre_knows: must be told."""

    template_ids: tuple[int, ...]
    centre_knows: bool


def erase(transaction: Transaction, reference_number: str, at: datetime) -> Erased:
    """Erase a data set for good; the pages it lay on are zeroed, the log is scrubbed after."""
    # Nothing is opened: what lies damaged on the disk must still be erasable.
    was_sent = dossiers.was_transmitted(transaction, reference_number)
    was_tried = parcels.drop(transaction, reference_number)
    template_ids = biometrics.drop_reference(transaction, reference_number)
    biometrics.drop_capture(transaction, reference_number)
    requests.drop_answers(transaction, reference_number)
    tasks.close(transaction, reference_number, at)
    for table in (schema.hits, schema.unread_notices, schema.case_events, schema.clocks):
        transaction.connection.execute(
            delete(table).where(table.c.reference_number == reference_number)
        )
    _empty_proposals(transaction, reference_number)
    police.empty(transaction, reference_number)
    transaction.connection.execute(
        delete(schema.data_keys).where(schema.data_keys.c.owner == reference_number)
    )
    transaction.forget_owner(reference_number)
    dossiers.change(
        transaction,
        reference_number,
        content=None,
        circumstances=None,
        delivery=Delivery.ERASED,
        erased_at=at,
        refusal="",
    )
    transaction.erased = True
    return Erased(template_ids, was_sent or was_tried)


def _empty_proposals(transaction: Transaction, reference_number: str) -> None:
    table = schema.proposals
    transaction.connection.execute(
        update(table).where(table.c.reference_number == reference_number).values(content=None)
    )


def has_key(transaction: Transaction, reference_number: str) -> bool:
    """Whether the data key of a data set still exists."""
    table = schema.data_keys
    query = select(table.c.owner).where(table.c.owner == reference_number)
    return transaction.connection.execute(query).one_or_none() is not None
