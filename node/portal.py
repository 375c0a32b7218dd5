"""Enquiries for the signal "data in Eurodac" (Regulation (EU) 2019/818, Art. 22).

A first cut, ours.

Plan of one enquiry:

1. Ask: a requesting unit states offence, case and grounds, and gives biometrics or an identity.
2. Send: the probe alone, while the unit waits; the centre answers with a flag.
3. Write: number, flag and record for oversight, in one commit. The probe is not kept anywhere.
4. Use: the unit names the enquiry in a request for a search (node/police.py), which is verified
   like any other; or it closes the enquiry and says why no search follows.
The flag lasts a month, like the answer of a search; the record stays.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from interfaces import wire
from interfaces.eurodac.categories import Category
from interfaces.eurodac.interoperability import check_closing, check_enquiry, check_switch
from interfaces.eurodac.police import Offence
from interfaces.pb.eurodac.central.v1 import interoperability_pb2
from node import acts, asking, searches
from node.access import SEARCH_PURPOSES, Act, Actor, Role, purpose_of_search
from node.acts import Deed, Written
from node.assembly import Node
from node.errors import AccessDenied, NotFound, OutOfTurn
from node.reasons import name_data
from node.store import Transaction, dossiers, police
from node.store.transaction import THE_NODE
from node.vocabulary import Delivery, Finding

CATEGORIES: Mapping[Role, Category] = {Role.EUROPOL_REQUESTER: Category.EUROPOL_SEARCH}
"""For whom an enquiry is made; every other role asks for the law enforcement of its State."""


@dataclass(frozen=True, slots=True)
class EnquiryReasons:
    """What a unit states; empty: nothing. The last two are of the record."""

    offence: Offence | None = None
    specific_case: str = ""
    contribution: str = ""
    national_file_number: str = ""
    ordered_by: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class EnquiryWanted:
    """What a unit asks. probe: the request to the centre, without its id."""

    request_id: str
    reasons: EnquiryReasons
    probe: interoperability_pb2.AskPortalRequest


@dataclass(frozen=True, slots=True)
class Signal:
    """The answer to an enquiry."""

    enquiry_number: str
    in_eurodac: bool
    answered_at: datetime


def ask(node: Node, actor: Actor, wanted: EnquiryWanted) -> Signal:
    """Ask for the signal; NotReady when the centre does not answer, and nothing is recorded then.

    Raises RuleBroken I01 while switched off and V19 for what the reasons lack.
    """
    category = CATEGORIES.get(actor.role, Category.LEA_SEARCH)
    deed = Deed(actor, Act.ASK_PORTAL, SEARCH_PURPOSES[category])
    with acts.conduct(node, deed):
        acts.insist(*check_switch(node.settings.policy, node.now()))
        reasons = wanted.reasons
        stated = json.dumps(asdict(reasons), sort_keys=True)
        request = acts.name_request(deed, wanted.request_id, wanted.probe, stated)
        answer = acts.find_answer(node, deed, request)
        if answer is None:
            wire.check_probe(wanted.probe)
            given = reasons.offence, reasons.specific_case, reasons.contribution
            acts.insist(*check_enquiry(*given))
            probe = interoperability_pb2.AskPortalRequest(
                request_id=asking.derive_id(node, request), category=wire.category_to(category)
            )
            probe.MergeFrom(wanted.probe)
            told = asking.ask_centre(node, "AskPortal", probe)
            assert isinstance(told, interoperability_pb2.AskPortalResponse)
            answer = acts.carry_out(
                node, deed, request, lambda tx: _write(node, tx, deed, wanted=wanted, told=told)
            )
        return _decode(answer)


def _write(
    node: Node,
    transaction: Transaction,
    deed: Deed,
    *,
    wanted: EnquiryWanted,
    told: interoperability_pb2.AskPortalResponse,
) -> Written:
    actor, reasons = deed.actor, wanted.reasons
    category = CATEGORIES.get(actor.role, Category.LEA_SEARCH)
    number = searches.open_dossier(node, transaction, actor, category)
    finding = Finding.HIT if told.in_eurodac else Finding.NEGATIVE
    dossiers.change(transaction, number, delivery=Delivery.ANSWERED, finding=finding)
    flag, used = "yes" if told.in_eurodac else "no", name_data(wanted.probe)
    record = {
        "purpose": f"signal {category} {reasons.offence}",
        "requested_at": node.now().isoformat(),
        "requesting_unit": actor.unit,
        "requester": actor.user,
        "ordered_by": reasons.ordered_by,
        "national_file_number": reasons.national_file_number,
        "data_used": used,
        "in_eurodac": flag,
        "through_search_portal": "yes",
    }
    police.open_record(transaction, number, record)
    at = wire.instant_from(told.answered_at, "answered_at").isoformat()
    answer = json.dumps([number, told.in_eurodac, at]).encode()
    detail = f"{reasons.offence} {used} in Eurodac: {flag}"
    return Written(answer, number, reference_number=number, detail=detail)


def _decode(answer: bytes) -> Signal:
    number, in_eurodac, at = json.loads(answer)
    return Signal(number, in_eurodac, datetime.fromisoformat(at))


@dataclass(frozen=True, slots=True)
class Closing:
    """Why no search follows a signal."""

    request_id: str
    enquiry_number: str
    justification: str


def close_enquiry(node: Node, actor: Actor, closing: Closing) -> datetime:
    """Put on record why the unit asks for no search; the signal can no longer be named."""
    number = closing.enquiry_number
    deed = Deed(actor, Act.CLOSE_ENQUIRY, purpose_of_search(number), number)

    def write(transaction: Transaction) -> Written:
        record = police.find_record(transaction, number) or {}
        if "in_eurodac" not in record:
            raise NotFound("there is no such enquiry")
        if record["requesting_unit"] != actor.unit:
            raise AccessDenied("the enquiry is another unit's")
        if record["in_eurodac"] != "yes" or "closed_at" in record:
            raise OutOfTurn(f"{number} is no signal that is still open")
        at = node.now()
        told = {"closed_at": at.isoformat(), "no_search_because": closing.justification}
        police.extend_record(transaction, number, told)
        return Written(at.isoformat().encode(), THE_NODE, detail="22(3)")

    with acts.conduct(node, deed):
        acts.insist(*check_switch(node.settings.policy, node.now()))
        acts.insist(*check_closing(closing.justification))
        request = acts.name_request(deed, closing.request_id, number, closing.justification)
        answer = acts.find_answer(node, deed, request)
        if answer is None:
            answer = acts.carry_out(node, deed, request, write)
        return datetime.fromisoformat(answer.decode())
