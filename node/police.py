"""Searches for law enforcement and by Europol (Arts 32 to 34): asked, verified, sent, answered.

Plan of one search:

1. Ask: an operating unit states its reasons; what no verification could heal is refused at once.
2. Verify: another official of another unit checks every condition. An urgent search is sent
   before, and verified ex post (Art. 32(4)).
3. Send: the probe alone. The reasons stay here, sealed (recital 71).
4. Answer: to the requesting unit, what may be used of it; who read it is noted.
5. Undo: a negative ex post decision erases the answer in one commit; every unit that read it
   owes a notice that its copies are gone (Art. 32(5)).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from interfaces import wire
from interfaces.eurodac.categories import Category
from interfaces.eurodac.codes import broken
from interfaces.eurodac.errors import Violation
from interfaces.eurodac.police import (
    SearchState,
    check_conditions,
    check_onward_use,
    check_separation,
    check_use_against_child,
    is_record_kept,
    search_record_end,
)
from interfaces.eurodac.reference import parse
from interfaces.pb.eurodac.central.v1 import police_pb2
from node import acts, dispatch, searches
from node.access import SEARCH_PURPOSES, Act, Actor, Purpose, Role, purpose_of_search
from node.acts import Deed, Written
from node.assembly import Node
from node.audit import Outcome
from node.errors import AccessDenied, NotFound, OutOfTurn
from node.reasons import Reasons, check_claimed_signal, name_data, to_law, write_record
from node.store import Transaction, dossiers, erasure, hits, police
from node.store.dossiers import Dossier
from node.store.police import Reader, StoredSearch
from node.store.transaction import THE_NODE
from node.vocabulary import CaseHit, Lane

CATEGORIES: Mapping[Role, Category] = {
    Role.REQUESTER: Category.LEA_SEARCH,
    Role.VERIFIER: Category.LEA_SEARCH,
    Role.EUROPOL_REQUESTER: Category.EUROPOL_SEARCH,
    Role.EUROPOL_VERIFIER: Category.EUROPOL_SEARCH,
}
"""Whose searches each role works with."""

REQUESTERS = frozenset({Role.REQUESTER, Role.EUROPOL_REQUESTER})
URGENT = frozenset({SearchState.SENT_URGENT, SearchState.ANSWERED_URGENT})
UNVERIFIED = URGENT | {SearchState.SUBMITTED}
"""Searches that wait for the verifying authority."""


@dataclass(frozen=True, slots=True, eq=False)
class SearchWanted:
    """What an operating unit asks for. probe: the request to the centre, not yet numbered."""

    request_id: str
    reasons: Reasons
    probe: police_pb2.SearchForLawEnforcementRequest


@dataclass(frozen=True, slots=True)
class Verification:
    """The decision of the verifying authority."""

    request_id: str
    reference_number: str
    conditions_met: bool


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One hit of an answer. withheld: why its data may not be used; empty: they may."""

    hit: CaseHit
    withheld: tuple[Violation, ...]


@dataclass(frozen=True, slots=True)
class SearchView:
    """A search as one side sees it: hits for the requesting unit, readers for the verifier."""

    search: StoredSearch
    dossier: Dossier
    reasons: Reasons | None
    hits: tuple[SearchHit, ...] = ()
    readers: tuple[Reader, ...] = ()


def request_search(node: Node, actor: Actor, wanted: SearchWanted) -> str:
    """Take a reasoned request; returns its reference number. An urgent one is sent at once."""
    category = CATEGORIES.get(actor.role, Category.LEA_SEARCH)
    deed = Deed(actor, Act.REQUEST_SEARCH, SEARCH_PURPOSES[category])
    with acts.conduct(node, deed):
        reasons = wanted.reasons.encode().decode()
        request = acts.name_request(deed, wanted.request_id, wanted.probe, reasons)
        answer = acts.find_answer(node, deed, request)
        if answer is None:
            wire.check_probe(wanted.probe)
            if not wanted.reasons.imminent_danger:
                acts.insist(*check_conditions(to_law(category, wanted.reasons)))
            acts.insist(*check_claimed_signal(node, actor, wanted.reasons))
            answer = acts.carry_out(
                node, deed, request, lambda tx: _submit(node, tx, actor, wanted)
            )
        return answer.decode()


def _submit(node: Node, transaction: Transaction, actor: Actor, wanted: SearchWanted) -> Written:
    category, urgent = CATEGORIES[actor.role], bool(wanted.reasons.imminent_danger)
    number = searches.open_dossier(node, transaction, actor, category)
    probe = police_pb2.SearchForLawEnforcementRequest()
    probe.CopyFrom(wanted.probe)
    probe.reference_number = number
    probe.lane = dispatch.LANES[Lane.URGENT if urgent else Lane.NORMAL]
    probe.include_own = node.settings.policy.include_own
    search = StoredSearch(
        reference_number=number,
        category=category,
        state=SearchState.SUBMITTED,
        requesting_unit=actor.unit,
        requester=actor.user,
        submitted_at=node.now(),
        reasons=wanted.reasons.encode(),
        probe=probe.SerializeToString(deterministic=True),
    )
    police.add(transaction, search)
    police.open_record(transaction, number, write_record(search, wanted.reasons, wanted.probe))
    if urgent:
        _send(node, transaction, search, SearchState.SENT_URGENT)
    used = " ".join([*(["urgent"] if urgent else []), name_data(wanted.probe)])
    detail = f"{wanted.reasons.offence or 'no offence'} {used}"
    return Written(number.encode(), number, reference_number=number, detail=detail)


def _send(
    node: Node, transaction: Transaction, search: StoredSearch, *states: SearchState
) -> StoredSearch:
    """The probe alone goes to the outbox, which holds its only copy until it is delivered."""
    assert search.probe is not None, "a search that was not sent has its probe"
    request = police_pb2.SearchForLawEnforcementRequest.FromString(search.probe)
    urgent = SearchState.SENT_URGENT in states
    dispatch.post(node, transaction, request, lane=Lane.URGENT if urgent else Lane.NORMAL)
    sent = searches.step(transaction, search, *states)
    police.change(transaction, search.reference_number, probe=None, sent_at=node.now())
    return sent


def verify(node: Node, actor: Actor, decision: Verification) -> SearchState:
    """Take the verifying authority's decision, before the search is sent or ex post.

    Raises RuleBroken V21 for an official or a unit that is not independent, V19 when conditions
    are called met that are not.
    """
    number = decision.reference_number
    deed = Deed(actor, Act.VERIFY_SEARCH, purpose_of_search(number), number)

    def write(transaction: Transaction) -> Written:
        search = police.find(transaction, number)
        search = replace(search, verifier=actor.user, verifying_unit=actor.unit)
        acts.insist(*_check_verification(search, decision))
        officials = {"verifier": actor.user, "verifying_unit": actor.unit}
        police.change(transaction, number, **officials)
        met = "met" if decision.conditions_met else "not met"
        told = {**officials, "verified_at": node.now().isoformat(), "conditions": met}
        police.extend_record(transaction, number, told)
        state = _decide(node, transaction, search, met=decision.conditions_met)
        return Written(state.encode(), THE_NODE, detail=f"{state} {met}")

    with acts.conduct(node, deed):
        content = number, str(decision.conditions_met)
        request = acts.name_request(deed, decision.request_id, *content)
        answer = acts.find_answer(node, deed, request)
        if answer is None:
            answer = acts.carry_out(node, deed, request, write)
        return SearchState(answer.decode())


def _check_verification(search: StoredSearch, decision: Verification) -> tuple[Violation, ...]:
    reasons = Reasons() if search.reasons is None else Reasons.decode(search.reasons)
    asked = to_law(search.category, reasons, search)
    conditions = check_conditions(asked) if decision.conditions_met else ()
    return (*check_separation(asked), *conditions)


def _decide(
    node: Node, transaction: Transaction, search: StoredSearch, *, met: bool
) -> SearchState:
    urgent = search.state in URGENT
    if met and urgent:
        return searches.step(transaction, search, SearchState.EXPOST_OK).state
    if met:
        acts.insist(*_check_waiting(search))
        steps = SearchState.VERIFIED, SearchState.SENT
        return _send(node, transaction, search, *steps).state
    if urgent:
        return _undo(node, transaction, search)
    rejected = searches.step(transaction, search, SearchState.REJECTED)
    police.change(transaction, search.reference_number, probe=None)
    return rejected.state


def _check_waiting(search: StoredSearch) -> tuple[Violation, ...]:
    if search.state is SearchState.SUBMITTED and search.probe is not None:
        return ()
    return (broken("V17", "state", "32"),)


def _undo(node: Node, transaction: Transaction, search: StoredSearch) -> SearchState:
    """Art. 32(5): nothing of the answer is left here, and whoever read it must say the same."""
    number = search.reference_number
    failed = searches.step(transaction, search, SearchState.EXPOST_FAIL)
    dossier = dossiers.find(transaction, number)
    if dossier.data_set is not None:
        erasure.erase(transaction, number, node.now())
    if not police.readers(transaction, number):
        failed = searches.step(transaction, failed, SearchState.ERASURE_CONFIRMED)
    return failed.state


def read_search(node: Node, actor: Actor, reference_number: str) -> SearchView:
    """A search and, for the requesting unit, its answer; whoever reads an answer is noted."""
    deed = Deed(actor, Act.READ_SEARCH, purpose_of_search(reference_number), reference_number)
    with acts.conduct(node, deed), node.store.write() as transaction:
        search = _find_own(transaction, actor, reference_number)
        dossier = dossiers.find(transaction, reference_number)
        reasons = None if search.reasons is None else Reasons.decode(search.reasons)
        view = SearchView(search, dossier, reasons)
        if actor.role in REQUESTERS:
            view = replace(view, hits=_answer(node, transaction, view))
            if view.hits:
                reader = Reader(actor.unit, actor.user, node.now())
                police.note_reader(transaction, reference_number, reader)
        else:
            view = replace(view, readers=police.readers(transaction, reference_number))
        withheld = sum(bool(one.withheld) for one in view.hits)
        detail = f"{len(view.hits)} hits, {withheld} withheld"
        acts.append(node, transaction, deed, Outcome.DONE, detail=detail)
    return view


def _answer(node: Node, transaction: Transaction, view: SearchView) -> tuple[SearchHit, ...]:
    """The hits that may still be there, each with what forbids its use (Arts 14(3), 34(4))."""
    search, reasons = view.search, view.reasons
    if search.answered_at is None or view.dossier.data_set is None or reasons is None:
        return ()
    if not is_record_kept(search.answered_at, node.now(), still_needed=search.needed):
        return ()
    number = search.reference_number
    allowed = police.authorised(transaction, number)
    found = []
    for stored in hits.find_all(transaction, number):
        hit, today = stored.hit, node.now().date()
        authorised = hit.hit_reference_number in allowed
        born = "" if hit.data_set is None else hit.data_set.date_of_birth
        child = check_use_against_child(
            born, today, suspected=reasons.child_suspected, extra_grounds=reasons.child_grounds
        )
        onward = check_onward_use(search.category, origin_authorised=authorised)
        found.append(SearchHit(hit, (*child, *onward)))
    return tuple(found)


def list_searches(node: Node, actor: Actor) -> tuple[str, ...]:
    """A requester's own unit's searches, or those that wait for the verifying authority."""
    category = CATEGORIES.get(actor.role, Category.LEA_SEARCH)
    deed = Deed(actor, Act.LIST_SEARCHES, SEARCH_PURPOSES[category])
    with acts.conduct(node, deed):
        with node.store.read() as transaction:
            if actor.role in REQUESTERS:
                found = police.find_numbers(transaction, category, unit=actor.unit)
            else:
                found = police.find_numbers(transaction, category, states=UNVERIFIED)
        acts.record(node, deed, Outcome.DONE, detail=f"{len(found)} searches")
        return found


def keep(
    node: Node, actor: Actor, request_id: str, *, reference_number: str, investigation: str
) -> datetime | None:
    """Keep the answer for a named ongoing investigation, or with "" let it go (Art. 47(4)).

    Returns the last second of the answer; None while the investigation needs it.
    """
    deed = Deed(actor, Act.KEEP_SEARCH, purpose_of_search(reference_number), reference_number)

    def write(transaction: Transaction) -> Written:
        search = _find_own(transaction, actor, reference_number)
        if search.answered_at is None:
            raise OutOfTurn(f"{reference_number} is not answered")
        if dossiers.find(transaction, reference_number).data_set is None:
            raise NotFound(f"{reference_number} is erased")
        until = None if investigation else search_record_end(search.answered_at)
        police.change(transaction, reference_number, needed=bool(investigation))
        dossiers.change(transaction, reference_number, retained_until=until)
        told = {"investigation": investigation or "no longer needed"}
        police.extend_record(transaction, reference_number, told)
        answer = "" if until is None else until.isoformat()
        return Written(answer.encode(), THE_NODE, detail="47(4)")

    with acts.conduct(node, deed):
        request = acts.name_request(deed, request_id, reference_number, investigation)
        answer = acts.find_answer(node, deed, request)
        if answer is None:
            answer = acts.carry_out(node, deed, request, write)
        return datetime.fromisoformat(answer.decode()) if answer else None


@dataclass(frozen=True, slots=True)
class Authorisation:
    """A State of origin allows Europol to use one hit."""

    request_id: str
    reference_number: str
    hit_reference_number: str
    authorising_state: str


def authorise(node: Node, actor: Actor, given: Authorisation) -> None:
    """Record the authorisation of Art. 34(4); V22 if it is not the State of origin's."""
    number = given.reference_number
    deed = Deed(actor, Act.AUTHORISE_USE, purpose_of_search(number), number)

    def write(transaction: Transaction) -> Written:
        known = {stored.hit.hit_reference_number for stored in hits.find_all(transaction, number)}
        if given.hit_reference_number not in known:
            raise NotFound("the search has no such hit")
        if parse(given.hit_reference_number).state != given.authorising_state:
            acts.insist(broken("V22", "authorising_state", "34(4)"))
        by, at = actor.user, node.now()
        police.authorise(transaction, number, given.hit_reference_number, by=by, at=at)
        return Written(b"recorded", THE_NODE, detail=given.authorising_state)

    with acts.conduct(node, deed):
        content = number, given.hit_reference_number, given.authorising_state
        request = acts.name_request(deed, given.request_id, *content)
        if acts.find_answer(node, deed, request) is None:
            acts.carry_out(node, deed, request, write)


def confirm_erasure(
    node: Node, actor: Actor, request_id: str, reference_number: str
) -> SearchState:
    """The unit tells the verifying authority that its copies are erased (Art. 32(5))."""
    deed = Deed(actor, Act.CONFIRM_ERASURE, purpose_of_search(reference_number), reference_number)

    def write(transaction: Transaction) -> Written:
        search = _find_own(transaction, actor, reference_number)
        if search.state is not SearchState.EXPOST_FAIL:
            raise OutOfTurn(f"{reference_number} is {search.state}: no erasure is awaited")
        at = node.now()
        police.note_erasure(transaction, reference_number, actor.unit, by=actor.user, at=at)
        if all(one.erased_at for one in police.readers(transaction, reference_number)):
            search = searches.step(transaction, search, SearchState.ERASURE_CONFIRMED)
        return Written(search.state.encode(), THE_NODE, detail=search.state)

    with acts.conduct(node, deed):
        request = acts.name_request(deed, request_id, reference_number)
        answer = acts.find_answer(node, deed, request)
        if answer is None:
            answer = acts.carry_out(node, deed, request, write)
        return SearchState(answer.decode())


def read_record(node: Node, actor: Actor, reference_number: str) -> Mapping[str, str]:
    """The record of one request, for oversight alone (Arts 43(8), 51(3))."""
    deed = Deed(actor, Act.READ_SEARCH_RECORD, Purpose.OVERSIGHT, reference_number)
    with acts.conduct(node, deed):
        with node.store.read() as transaction:
            found = police.read_record(transaction, reference_number)
        acts.record(node, deed, Outcome.DONE)
        return found


def _find_own(transaction: Transaction, actor: Actor, number: str) -> StoredSearch:
    """The search; a requester has access to those of the own unit alone."""
    search = police.find(transaction, number)
    if actor.role in REQUESTERS and search.requesting_unit != actor.unit:
        raise AccessDenied("the search is another unit's")
    return search
