"""Returns: events counted without the person, and the indicators over a period."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from interfaces.eurodac import returns as law
from interfaces.eurodac.codes import broken
from interfaces.eurodac.periods import local_day, start_of_day, utc
from interfaces.eurodac.returns import Indicator, ReturnEvent
from node import acts
from node.access import Act, Actor, Purpose, purpose_of_number
from node.acts import Deed, Written
from node.assembly import Node
from node.audit import Outcome
from node.store import Transaction, dossiers, returns


@dataclass(frozen=True, slots=True)
class NewReturn:
    """What a desk records of a return case. reference_number: read for access, and not kept."""

    request_id: str
    reference_number: str
    event: ReturnEvent
    at: datetime


def record(node: Node, actor: Actor, new: NewReturn) -> None:
    """Count an event of a return case: its kind and day stay, the person does not."""
    number = new.reference_number
    deed = Deed(actor, Act.RECORD_EVENT, purpose_of_number(number), number)

    def write(transaction: Transaction) -> Written:
        dossiers.find_revision(transaction, number)
        day = local_day(new.at, node.member_state)
        on_day = start_of_day(day, node.member_state)
        returns.add(transaction, node.new_id(), new.event, on_day)
        return Written(b"", number, detail=new.event)

    with acts.conduct(node, deed):
        if utc(new.at) > utc(node.now()):
            rule = "Only what has happened is recorded."
            acts.insist(broken("V05", "at", "12(1)", rule=rule, remedy="State when it happened."))
        request = acts.name_request(deed, new.request_id, number, new.event, new.at.isoformat())
        if acts.find_answer(node, deed, request) is None:
            acts.carry_out(node, deed, request, write)


def get_indicators(
    node: Node, actor: Actor, begin: datetime, end: datetime
) -> tuple[Indicator, ...]:
    """The return indicators of this State from begin up to but not including end."""
    deed = Deed(actor, Act.READ_INDICATORS, Purpose.OPERATION)
    with acts.conduct(node, deed):
        if utc(begin) >= utc(end):
            rule = "A period ends after it begins."
            acts.insist(broken("V05", "end", "12(1)", rule=rule))
        with node.store.read() as transaction:
            rows = list(returns.find_all(transaction, node.member_state, begin, end))
        acts.record(node, deed, Outcome.DONE, detail=f"{len(rows)} events")
        return law.indicators(rows, begin, end)
