"""Rights of data subjects and the limits of telling others (Arts 40, 43, 49, 50).

A request for access searches the centre with the person's own biometrics, which serve nothing
else: they lie in the outbox until they are delivered and are erased with that. The answer is
erased when the person is answered; the written record of the request stays (Art. 43(8)).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from interfaces import wire
from interfaces.eurodac import rights as law
from interfaces.eurodac.categories import Category
from interfaces.eurodac.codes import broken
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.outcome import HitState
from interfaces.eurodac.rights import Recipient, ReturnTransfer
from interfaces.pb.eurodac.central.v1 import police_pb2, terms_pb2
from node import acts, dispatch, searches
from node.access import Act, Actor, Purpose, purpose_of_number, purpose_of_search
from node.acts import Deed, Written
from node.assembly import Node
from node.audit import Outcome
from node.errors import NotFound, OutOfTurn
from node.store import Transaction, dossiers, erasure, hits, police
from node.store.transaction import THE_NODE
from node.vocabulary import Delivery, Finding, Lane

CATEGORY = Category.DATA_SUBJECT

IDENTITY = (
    "surnames",
    "forenames",
    "names_at_birth",
    "earlier_names",
    "aliases",
    "nationalities",
    "date_of_birth",
    "place_of_birth",
    "sex",
    "document",
)
"""Fields that identify or document a person for return (Art. 50(1)). Neither category nor State
nor event is among them: they would tell that an application was made (Art. 49(4))."""


class AccessKind(StrEnum):
    """What a person asks for (Art. 43(1), (4))."""

    ACCESS = "ACCESS"
    RECTIFICATION = "RECTIFICATION"
    COMPLETION = "COMPLETION"
    ERASURE = "ERASURE"
    RESTRICTION = "RESTRICTION"


@dataclass(frozen=True, slots=True, eq=False)
class AccessWanted:
    """A person's request with the biometrics that it must include (Art. 43(6))."""

    request_id: str
    capture: terms_pb2.Capture
    kind: AccessKind
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Access:
    """What the centre found. finding None: it has not answered yet."""

    finding: Finding | None
    data_sets: tuple[DataSet, ...]


@dataclass(frozen=True, slots=True)
class Closing:
    """How the person was answered. refused_because: with the remedies told (Art. 43(5))."""

    request_id: str
    reference_number: str
    granted: bool
    refused_because: str = ""


def request_access(node: Node, actor: Actor, wanted: AccessWanted) -> str:
    """Queue the search for the centre; returns the number of the request."""
    deed = Deed(actor, Act.REQUEST_ACCESS, Purpose.DATA_SUBJECT_RIGHTS)

    def write(transaction: Transaction) -> Written:
        number = searches.open_dossier(node, transaction, actor, CATEGORY)
        told = {
            "kind": str(wanted.kind),
            "asked_at": wanted.asked_at.isoformat(),
            "requested_at": node.now().isoformat(),
            "handled_by": f"{actor.unit}, {actor.user}",
        }
        police.open_record(transaction, number, told)
        request = police_pb2.SearchForDataSubjectRequest(
            reference_number=number,
            capture=wanted.capture,
            lane=dispatch.LANES[Lane.NORMAL],
        )
        dispatch.post(node, transaction, request)
        return Written(number.encode(), number, reference_number=number, detail=wanted.kind)

    with acts.conduct(node, deed):
        asked = f"{wanted.kind} {wanted.asked_at.isoformat()}"
        request = acts.name_request(deed, wanted.request_id, wanted.capture, asked)
        answer = acts.find_answer(node, deed, request)
        if answer is None:
            _check_biometrics(wanted.capture)
            answer = acts.carry_out(node, deed, request, write)
        return answer.decode()


def _check_biometrics(capture: terms_pb2.Capture) -> None:
    if not wire.has_biometrics(capture):
        rule = "A request to see one's data includes biometrics."
        acts.insist(broken("V04", "capture", "43(6)", rule=rule))
    wire.samples_from(capture)


def get_access(node: Node, actor: Actor, reference_number: str) -> Access:
    """What is recorded about the person, the flag and the transmitting State included."""
    deed = Deed(actor, Act.READ_ACCESS, purpose_of_search(reference_number), reference_number)
    with acts.conduct(node, deed):
        with node.store.read() as transaction:
            dossier = dossiers.find(transaction, reference_number)
            found = hits.find_all(transaction, reference_number)
        if dossier.data_set is None:
            raise NotFound(f"{reference_number} is closed and its answer erased")
        acts.record(node, deed, Outcome.DONE, detail=f"{len(found)} data sets")
        told = tuple(one.hit.data_set for one in found if one.hit.data_set is not None)
        return Access(dossier.finding, told)


def close_access(node: Node, actor: Actor, closing: Closing) -> datetime:
    """Note how the person was answered, and erase the answer (Art. 43(6), (8))."""
    number = closing.reference_number
    deed = Deed(actor, Act.CLOSE_ACCESS, purpose_of_search(number), number)

    def write(transaction: Transaction) -> Written:
        dossier = dossiers.find(transaction, number)
        if dossier.data_set is None:
            raise OutOfTurn(f"{number} is closed")
        if closing.granted and dossier.delivery is not Delivery.ANSWERED:
            raise OutOfTurn(f"{number} is not answered by the central system")
        found = hits.find_all(transaction, number)
        told = {
            "closed_at": node.now().isoformat(),
            "closed_by": f"{actor.unit}, {actor.user}",
            "granted": "yes" if closing.granted else "no",
            "refused_because": closing.refused_because,
            "data_sets": ", ".join(one.hit.hit_reference_number for one in found),
        }
        police.extend_record(transaction, number, told)
        erasure.erase(transaction, number, node.now())
        granted = "granted" if closing.granted else "refused"
        return Written(node.now().isoformat().encode(), THE_NODE, detail=granted)

    with acts.conduct(node, deed):
        if not closing.granted and not closing.refused_because:
            rule = "A refusal is given in writing, with its reasons and the remedies."
            acts.insist(broken("V04", "refused_because", "43(5)", rule=rule))
        content = number, str(closing.granted), closing.refused_because
        request = acts.name_request(deed, closing.request_id, *content)
        answer = acts.find_answer(node, deed, request)
        if answer is None:
            answer = acts.carry_out(node, deed, request, write)
        return datetime.fromisoformat(answer.decode())


def disclose(node: Node, actor: Actor, reference_number: str, recipient: Recipient) -> DataSet:
    """An own data set, to be told to a recipient that the Regulation names.

    Any other is refused before anyone looks whether there is such a data set, so that the refusal
    tells nothing either (Art. 49(4)).
    """
    purpose = purpose_of_number(reference_number)
    deed = Deed(actor, Act.DISCLOSE, purpose, reference_number)
    with acts.conduct(node, deed):
        acts.insist(*law.check_disclosure(recipient))
        with node.store.read() as transaction:
            told = dossiers.find(transaction, reference_number).content
        acts.record(node, deed, Outcome.DONE, detail=recipient)
        return told


def transfer_for_return(
    node: Node, actor: Actor, hit_id: str, transfer: ReturnTransfer
) -> Mapping[str, object]:
    """Identity data of a confirmed hit for a third country (Art. 50): field name -> term."""
    deed = Deed(actor, Act.TRANSFER_FOR_RETURN, Purpose.IRREGULAR_MIGRATION)
    with acts.conduct(node, deed), node.store.read() as transaction:
        stored = hits.find(transaction, hit_id)
    number, hit = stored.reference_number, stored.hit
    deed = replace(deed, purpose=purpose_of_number(number), reference_number=number)
    with acts.conduct(node, deed):
        if hit.data_set is None or hit.state is not HitState.CONFIRMED:
            raise OutOfTurn(f"a hit of {number} is not confirmed")
        acts.insist(*law.check_return_transfer(hit.data_set, transfer))
        acts.record(node, deed, Outcome.DONE, detail=hit.hit_reference_number)
        return {name: getattr(hit.data_set, name) for name in IDENTITY}
