"""Links between own data sets and other systems (Regulation (EU) 2019/818): read and verified.

A first cut, ours. The centre holds the links and asks the law's table who may see and verify
them; here the role and purpose of the official are asked first, and the audit chain is told. No
word of a new link comes by itself: the node asks for those that wait for its State.
"""

from __future__ import annotations

from dataclasses import dataclass

from interfaces.eurodac.interoperability import check_switch
from interfaces.pb.eurodac.central.v1 import interoperability_pb2
from node import acts, asking
from node.access import Act, Actor, Purpose, node_itself, purpose_of_number
from node.acts import Deed, Written
from node.assembly import Node
from node.audit import Outcome
from node.errors import NotFound
from node.store import Transaction, dossiers, tasks
from node.store.transaction import THE_NODE
from node.vocabulary import Task, TaskKind

EURODAC = interoperability_pb2.SYSTEM_EURODAC
YELLOW = interoperability_pb2.LINK_COLOUR_YELLOW

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
        links = _ask_for_links(node, reference_number)
        acts.record(node, deed, Outcome.DONE, detail=f"{len(links)} links")
        return links


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
                authority=EURODAC,
            )
            told = asking.ask_centre(node, "VerifyIdentityLink", asked)
            assert isinstance(told, interoperability_pb2.VerifyIdentityLinkResponse)
            link = told.link

            def write(transaction: Transaction) -> Written:
                # What was transmitted from elsewhere has no key here to be erased with.
                kept = dossiers.is_kept(transaction, number)
                owner = number if kept else THE_NODE
                if kept:
                    _close(node, transaction, number, decision.link_id)
                return Written(link.SerializeToString(), owner, detail=_name(link))

            answer = acts.carry_out(node, deed, request, write)
        return Link.FromString(answer)


def follow_links(node: Node) -> int:
    """Open a task for each yellow link of own data that waits for us; returns how many are new.

    Tasks of links that wait no longer are closed. Nothing is asked while the switch is off.
    NotReady while the centre cannot be reached; RuleBroken while its own switch is off.
    """
    if check_switch(node.settings.policy, node.now()):
        return 0
    waiting = {link.link_id: link for link in _ask_for_links(node) if _waits_for_us(link)}
    with node.store.read() as transaction:
        opened = tasks.find_of_kind(transaction, TaskKind.VERIFY_LINK)
    for task in opened:
        # The centre lists no more than it can send at once: what is not in the list may wait still.
        if task.hit_id not in waiting and not _still_waits(node, task):
            _follow(node, task.reference_number, task.hit_id)
    known = {task.hit_id for task in opened}
    return sum(
        _follow(node, _own_number(link), link_id, link)
        for link_id, link in waiting.items()
        if link_id not in known
    )


def _ask_for_links(node: Node, reference_number: str = "") -> tuple[Link, ...]:
    request = interoperability_pb2.ListIdentityLinksRequest(reference_number=reference_number)
    answer = asking.ask_centre(node, "ListIdentityLinks", request)
    assert isinstance(answer, interoperability_pb2.ListIdentityLinksResponse)
    return tuple(answer.links)


def _waits_for_us(link: Link) -> bool:
    """Whether our authority for Eurodac verifies it, not that of another system."""
    return link.colour == YELLOW and link.responsible_system == EURODAC


def _still_waits(node: Node, task: Task) -> bool:
    try:
        links = _ask_for_links(node, task.reference_number)
    except NotFound:
        return False  # erased there, and its links with it
    return any(link.link_id == task.hit_id and _waits_for_us(link) for link in links)


def _own_number(link: Link) -> str:
    return next(record.number for record in link.records if record.system == EURODAC)


def _follow(node: Node, number: str, link_id: str, link: Link | None = None) -> bool:
    """Open the task of a link, or close it where none is given; whether one was opened."""
    deed = Deed(node_itself(node.member_state), Act.FOLLOW_LINKS, Purpose.OPERATION, number)
    with acts.conduct(node, deed), node.store.write() as transaction:
        # Erased since we asked, or transmitted from elsewhere: nobody here has the case.
        if not dossiers.is_kept(transaction, number):
            return False
        if link is None:
            _close(node, transaction, number, link_id)
        else:
            what = f"Verify link {link_id} by hand: {link.explanation}"
            kind = TaskKind.VERIFY_LINK
            task = acts.open_task(node, kind, number, what, article=link.article, hit_id=link_id)
            tasks.add(transaction, task)
            dossiers.change(transaction, number)
        detail = f"{'waits' if link else 'waits no longer'} {link_id}"
        acts.append(node, transaction, deed, Outcome.DONE, detail=detail)
    return link is not None


def _close(node: Node, transaction: Transaction, number: str, link_id: str) -> None:
    kinds = [TaskKind.VERIFY_LINK]
    tasks.close(transaction, number, node.now(), kinds=kinds, hit_id=link_id)
    dossiers.change(transaction, number)


def _name(link: Link) -> str:
    """Verdict, colour and id of a link, for the audit chain."""
    verdict = interoperability_pb2.LinkVerdict.Name(link.verdict).removeprefix("LINK_VERDICT_")
    colour = interoperability_pb2.LinkColour.Name(link.colour).removeprefix("LINK_COLOUR_")
    return f"{verdict} {colour} {link.link_id}"
