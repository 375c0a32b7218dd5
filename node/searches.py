"""What becomes of the answer to a search for law enforcement or of a data subject.

No desk of the casework works on it: it opens no task, starts no case clock and links nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from interfaces.eurodac.categories import Category, digit
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.police import SearchState, check_search_step, search_record_end
from interfaces.eurodac.reference import issue
from node import acts
from node.access import SEARCH_PURPOSES, Actor
from node.assembly import Node
from node.store import Transaction, counters, dossiers, police
from node.store.dossiers import Dossier
from node.vocabulary import Delivery, Finding

ANSWERED = {
    SearchState.SENT: SearchState.ANSWERED,
    SearchState.SENT_URGENT: SearchState.ANSWERED_URGENT,
}
"""Where an answer takes a search for law enforcement."""


METHODS = frozenset({"SearchForLawEnforcement", "SearchForDataSubject"})
"""Requests to the centre whose refusal is told to who asked, and to no desk."""


def is_search(category: Category) -> bool:
    """Whether requests of this category are worked on by no desk of the casework."""
    return category in SEARCH_PURPOSES


def open_dossier(node: Node, transaction: Transaction, actor: Actor, category: Category) -> str:
    """Number and keep a request of this category; even unanswered it lasts a month only."""
    running = counters.next_number(transaction, f"reference {digit(category)}")
    number = issue(node.member_state, category, running)
    dossier = Dossier(
        reference_number=number,
        category=category,
        unit=actor.unit,
        delivery=Delivery.QUEUED,
        enrolled_at=node.now(),
        data_set=DataSet(category, node.member_state, reference_number=number),
    )
    dossiers.add(transaction, dossier)
    dossiers.change(transaction, number, retained_until=search_record_end(node.now()))
    return number


def take_receipt(transaction: Transaction, dossier: Dossier, received_at: datetime) -> None:
    """The centre has the probe; of a data subject's biometrics nothing is left (Art. 43(6))."""
    number = dossier.reference_number
    dossiers.change(transaction, number, transmitted_at=received_at)
    # The answer may have overtaken its receipt.
    if dossier.delivery is Delivery.QUEUED:
        dossiers.change(transaction, number, delivery=Delivery.TRANSMITTED)
    # The parcel that was just removed held the only copy; the log is scrubbed of it too.
    transaction.erased = True


def take_answer(
    node: Node, transaction: Transaction, dossier: Dossier, finding: Finding, *, refusal: str = ""
) -> None:
    """Write down that the centre answered; from now on the month of Art. 47(4) runs.

    For data subjects the act names no limit: their answers go when the person is answered, and
    at the latest with the same month.
    """
    number, now = dossier.reference_number, node.now()
    dossiers.change(
        transaction,
        number,
        delivery=Delivery.ANSWERED,
        finding=finding,
        refusal=refusal,
        retained_until=search_record_end(now),
    )
    if dossier.category is not Category.DATA_SUBJECT:
        search = police.find(transaction, number)
        step(transaction, search, ANSWERED.get(search.state, SearchState.ANSWERED))
        police.change(transaction, number, answered_at=now)
    police.extend_record(
        transaction, number, {"answered_at": now.isoformat(), "outcome": str(finding)}
    )


def step(
    transaction: Transaction, search: police.StoredSearch, *to: SearchState
) -> police.StoredSearch:
    """Take a search through states, each of which must follow the one before (V17)."""
    for state in to:
        acts.insist(*check_search_step(search.state, state))
        search = replace(search, state=state)
    police.change(transaction, search.reference_number, state=search.state)
    return search


def close(transaction: Transaction, reference_number: str) -> bool:
    """The month is over: a search that has come to its end is closed; False if it is none."""
    state = police.find_state(transaction, reference_number)
    if state is None:
        return False
    # Never sent, or never verified: its state goes on saying so to oversight.
    if not check_search_step(state, SearchState.CLOSED):
        police.change(transaction, reference_number, state=SearchState.CLOSED)
    return True
