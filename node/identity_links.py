"""Links between own data sets and other systems (Regulation (EU) 2019/818): read and verified.

A first cut, ours. The centre holds the links and asks the law's table who may see and verify
them; here the role and purpose of the official are asked first, and the audit chain is told.
"""

from __future__ import annotations

from dataclasses import dataclass

from interfaces.eurodac.interoperability import check_switch
from interfaces.pb.eurodac.central.v1 import interoperability_pb2
from node import acts, asking
from node.access import Act, Actor, Purpose, purpose_of_number
from node.acts import Deed, Written
from node.assembly import Node
from node.audit import Outcome
from node.store import Transaction, dossiers
from node.store.transaction import THE_NODE

Link = interoperability_pb2.IdentityLink


@dataclass(frozen=True, slots=True)
class LinkVerification:
    """An official's conclusion on a yellow link. verdict: number of LinkVerdict."""

    request_id: str
    reference_number: str
    link_id: str
    verdict: interoperability_pb2.LinkVerdict.ValueType


def list_links(node: Node, actor: Actor, reference_number: str) -> tuple[Link, ...]:
    """Links of a data set; with "" every yellow one that waits for this State."""
    purpose = purpose_of_number(reference_number) if reference_number else Purpose.RESPONSIBILITY
    deed = Deed(actor, Act.LIST_LINKS, purpose, reference_number)
    with acts.conduct(node, deed):
        acts.insist(*check_switch(node.settings.policy, node.now()))
        request = interoperability_pb2.ListIdentityLinksRequest(reference_number=reference_number)
        answer = asking.ask_centre(node, "ListIdentityLinks", request)
        assert isinstance(answer, interoperability_pb2.ListIdentityLinksResponse)
        acts.record(node, deed, Outcome.DONE, detail=f"{len(answer.links)} links")
        return tuple(answer.links)


def verify_link(node: Node, actor: Actor, decision: LinkVerification) -> Link:
    """Conclude on a yellow link; RuleBroken I02 if another authority is responsible for it."""
    number = decision.reference_number
    deed = Deed(actor, Act.VERIFY_LINK, purpose_of_number(number), number)
    with acts.conduct(node, deed):
        acts.insist(*check_switch(node.settings.policy, node.now()))
        content = number, decision.link_id, str(decision.verdict)
        request = acts.name_request(deed, decision.request_id, *content)
        answer = acts.find_answer(node, deed, request)
        if answer is None:
            asked = interoperability_pb2.VerifyIdentityLinkRequest(
                request_id=asking.derive_id(node, request),
                reference_number=number,
                link_id=decision.link_id,
                verdict=decision.verdict,
                authority=interoperability_pb2.SYSTEM_EURODAC,
            )
            told = asking.ask_centre(node, "VerifyIdentityLink", asked)
            assert isinstance(told, interoperability_pb2.VerifyIdentityLinkResponse)
            link = told.link

            def write(transaction: Transaction) -> Written:
                # What was transmitted from elsewhere has no key here to be erased with.
                kept = dossiers.is_kept(transaction, number)
                owner = number if kept else THE_NODE
                return Written(link.SerializeToString(), owner, detail=_name(link))

            answer = acts.carry_out(node, deed, request, write)
        return Link.FromString(answer)


def _name(link: Link) -> str:
    """Verdict, colour and id of a link, for the audit chain."""
    verdict = interoperability_pb2.LinkVerdict.Name(link.verdict).removeprefix("LINK_VERDICT_")
    colour = interoperability_pb2.LinkColour.Name(link.colour).removeprefix("LINK_COLOUR_")
    return f"{verdict} {colour} {link.link_id}"
