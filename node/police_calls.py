"""The calls of searches and rights as translations: message -> act -> message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from interfaces import wire
from interfaces.eurodac.police import Offence, SearchState
from interfaces.eurodac.rights import Recipient, ReturnTransfer
from interfaces.pb.eurodac.central.v1 import central_pb2
from interfaces.pb.eurodac.central.v1 import police_pb2 as central_police_pb2
from interfaces.pb.eurodac.nap.v1 import police_pb2
from node import messages, police, rights
from node.access import Actor
from node.assembly import Node
from node.police import SearchHit, SearchView
from node.reasons import Reasons, grounds
from node.rights import AccessKind
from node.store.police import Reader
from node.vocabulary import Finding

Call = Callable[[Node, Actor, Any], Message]

_GROUNDS = (
    "necessity",
    "specific_case",
    "contribution",
    "other_states_skipped_because",
    "imminent_danger",
    "child_grounds",
)
_LABELS = ("national_file_number", "ordered_by", "portal_query")
_FACTS = (
    "national_databases_checked",
    "other_states_checked",
    "cir_signalled",
    "own_systems_checked",
    "child_suspected",
    "through_search_portal",
)


def request_search(
    node: Node, actor: Actor, request: police_pb2.RequestSearchRequest
) -> police_pb2.RequestSearchResponse:
    """Take a reasoned request."""
    probe = central_police_pb2.SearchForLawEnforcementRequest(latents=request.latents)
    if request.HasField("capture"):
        probe.capture.CopyFrom(request.capture)
    if request.HasField("identity"):
        probe.identity.CopyFrom(request.identity)
    wanted = police.SearchWanted(request.request_id, _reasons_from(request.reasons), probe)
    number = police.request_search(node, actor, wanted)
    return police_pb2.RequestSearchResponse(reference_number=number)


def verify_search(
    node: Node, actor: Actor, request: police_pb2.VerifySearchRequest
) -> police_pb2.VerifySearchResponse:
    """Take the verifying authority's decision."""
    decision = police.Verification(request.request_id, _number(request), request.conditions_met)
    state = police.verify(node, actor, decision)
    return police_pb2.VerifySearchResponse(state=_state_to(state))


def get_search(
    node: Node, actor: Actor, request: police_pb2.GetSearchRequest
) -> police_pb2.GetSearchResponse:
    """Show a search to one of its sides."""
    view = police.read_search(node, actor, _number(request))
    return police_pb2.GetSearchResponse(search=_search_to(view))


def list_searches(
    node: Node,
    actor: Actor,
    request: police_pb2.ListSearchesRequest,  # noqa: ARG001 - it is empty
) -> police_pb2.ListSearchesResponse:
    """List the searches that are the caller's to work on."""
    numbers = police.list_searches(node, actor)
    return police_pb2.ListSearchesResponse(reference_numbers=numbers)


def keep_search(
    node: Node, actor: Actor, request: police_pb2.KeepSearchRequest
) -> police_pb2.KeepSearchResponse:
    """Keep an answer for an ongoing investigation, or let it go."""
    until = police.keep(
        node,
        actor,
        request.request_id,
        reference_number=_number(request),
        investigation=wire.text("investigation", request.investigation),
    )
    return police_pb2.KeepSearchResponse(retained_until=_maybe(until))


def record_authorisation(
    node: Node, actor: Actor, request: police_pb2.RecordAuthorisationRequest
) -> police_pb2.RecordAuthorisationResponse:
    """Record that a State of origin allows Europol to use one hit."""
    given = police.Authorisation(
        request_id=request.request_id,
        reference_number=_number(request),
        hit_reference_number=wire.text("hit_reference_number", request.hit_reference_number),
        authorising_state=wire.text("authorising_state", request.authorising_state),
    )
    police.authorise(node, actor, given)
    return police_pb2.RecordAuthorisationResponse()


def confirm_erasure(
    node: Node, actor: Actor, request: police_pb2.ConfirmErasureRequest
) -> police_pb2.ConfirmErasureResponse:
    """Tell the verifying authority that the unit's copies are erased."""
    state = police.confirm_erasure(node, actor, request.request_id, _number(request))
    return police_pb2.ConfirmErasureResponse(state=_state_to(state))


def read_search_record(
    node: Node, actor: Actor, request: police_pb2.ReadSearchRecordRequest
) -> police_pb2.ReadSearchRecordResponse:
    """Show the record of a request to oversight."""
    entries = police.read_record(node, actor, _number(request))
    return police_pb2.ReadSearchRecordResponse(entries=entries)


def request_access(
    node: Node, actor: Actor, request: police_pb2.RequestAccessRequest
) -> police_pb2.RequestAccessResponse:
    """Take a data subject's request."""
    kind = wire.enumerated(police_pb2.AccessKind, "ACCESS_KIND_", AccessKind)
    wanted = rights.AccessWanted(
        request_id=request.request_id,
        capture=request.capture,
        kind=kind("kind", request.kind),
        asked_at=messages.moment(request, "asked_at"),
    )
    number = rights.request_access(node, actor, wanted)
    return police_pb2.RequestAccessResponse(reference_number=number)


def get_access(
    node: Node, actor: Actor, request: police_pb2.GetAccessRequest
) -> police_pb2.GetAccessResponse:
    """Tell what is recorded about the person."""
    access = rights.get_access(node, actor, _number(request))
    return police_pb2.GetAccessResponse(
        answered=access.finding is not None,
        data_sets=map(wire.dataset_to, access.data_sets),
        outcome=_outcome_to(access.finding),
    )


def close_access(
    node: Node, actor: Actor, request: police_pb2.CloseAccessRequest
) -> police_pb2.CloseAccessResponse:
    """Close a data subject's request."""
    closing = rights.Closing(
        request_id=request.request_id,
        reference_number=_number(request),
        granted=request.granted,
        refused_because=grounds("refused_because", request.refused_because),
    )
    closed_at = rights.close_access(node, actor, closing)
    return police_pb2.CloseAccessResponse(closed_at=wire.instant_to(closed_at))


def disclose_data_set(
    node: Node, actor: Actor, request: police_pb2.DiscloseDataSetRequest
) -> police_pb2.DiscloseDataSetResponse:
    """Tell an own data set to a lawful recipient."""
    recipient = wire.enumerated(police_pb2.Recipient, "RECIPIENT_", Recipient)
    told = rights.disclose(node, actor, _number(request), recipient("recipient", request.recipient))
    return police_pb2.DiscloseDataSetResponse(data_set=wire.dataset_to(told))


def transfer_for_return(
    node: Node, actor: Actor, request: police_pb2.TransferForReturnRequest
) -> police_pb2.TransferForReturnResponse:
    """Give identity data of a hit for a return."""
    transfer = ReturnTransfer(
        origin_consented=request.origin_consented,
        person_informed=request.person_informed,
        illegally_staying=request.illegally_staying,
    )
    hit_id = wire.text("hit_id", request.hit_id)
    identity = rights.transfer_for_return(node, actor, hit_id, transfer)
    message, _ = wire.changes_to(identity)
    return police_pb2.TransferForReturnResponse(identity=message)


def _number(request: Any) -> str:
    return wire.text("reference_number", request.reference_number)


def _reasons_from(message: police_pb2.SearchReasons) -> Reasons:
    offence = wire.enumerated(police_pb2.Offence, "OFFENCE_", Offence)
    stated: dict[str, Any] = {name: grounds(name, getattr(message, name)) for name in _GROUNDS}
    stated |= {name: wire.text(name, getattr(message, name)) for name in _LABELS}
    stated |= {name: getattr(message, name) for name in _FACTS}
    known = offence("reasons.offence", message.offence) if message.offence else None
    return Reasons(offence=known, **stated)


def _reasons_to(reasons: Reasons) -> police_pb2.SearchReasons:
    offence = "UNSPECIFIED" if reasons.offence is None else reasons.offence
    stated = {name: getattr(reasons, name) for name in (*_GROUNDS, *_LABELS, *_FACTS)}
    return police_pb2.SearchReasons(
        offence=police_pb2.Offence.Value(f"OFFENCE_{offence}"), **stated
    )


def _search_to(view: SearchView) -> police_pb2.Search:
    search, dossier = view.search, view.dossier
    return police_pb2.Search(
        reference_number=search.reference_number,
        state=_state_to(search.state),
        requesting_unit=search.requesting_unit,
        requester=search.requester,
        verifying_unit=search.verifying_unit,
        verifier=search.verifier,
        submitted_at=wire.instant_to(search.submitted_at),
        sent_at=_maybe(search.sent_at),
        answered_at=_maybe(search.answered_at),
        retained_until=_maybe(dossier.retained_until),
        reasons=None if view.reasons is None else _reasons_to(view.reasons),
        outcome=_outcome_to(dossier.finding),
        hits=map(_hit_to, view.hits),
        readers=map(_reader_to, view.readers),
        refusal=dossier.refusal,
    )


def _hit_to(found: SearchHit) -> police_pb2.SearchHit:
    """A hit; of one whose data may not be used, only whose it is and why."""
    hit = found.hit
    message = police_pb2.SearchHit(
        reference_number=hit.hit_reference_number,
        origin="" if hit.data_set is None else hit.data_set.origin,
        withheld_because=map(str, found.withheld),
    )
    if not found.withheld and hit.data_set is not None:
        message.data_set.CopyFrom(wire.dataset_to(hit.data_set))
        message.score = hit.score
        message.finger_scores.extend(messages.finger_scores_to(hit.finger_scores))
        if hit.face_score is not None:
            message.face_score = hit.face_score
    return message


def _reader_to(reader: Reader) -> police_pb2.SearchReader:
    return police_pb2.SearchReader(
        unit=reader.unit,
        user=reader.user,
        read_at=wire.instant_to(reader.read_at),
        erased_by=reader.erased_by,
        erased_at=_maybe(reader.erased_at),
    )


def _maybe(instant: datetime | None) -> Timestamp | None:
    return None if instant is None else wire.instant_to(instant)


def _state_to(state: SearchState) -> police_pb2.SearchState.ValueType:
    return police_pb2.SearchState.Value(f"SEARCH_STATE_{state}")


def _outcome_to(finding: Finding | None) -> central_pb2.ComparisonResult.Outcome.ValueType:
    name = "UNSPECIFIED" if finding is None else finding
    return central_pb2.ComparisonResult.Outcome.Value(f"OUTCOME_{name}")


CALLS: Mapping[str, Call] = {
    "RequestSearch": request_search,
    "VerifySearch": verify_search,
    "GetSearch": get_search,
    "ListSearches": list_searches,
    "KeepSearch": keep_search,
    "RecordAuthorisation": record_authorisation,
    "ConfirmErasure": confirm_erasure,
    "ReadSearchRecord": read_search_record,
    "RequestAccess": request_access,
    "GetAccess": get_access,
    "CloseAccess": close_access,
    "DiscloseDataSet": disclose_data_set,
    "TransferForReturn": transfer_for_return,
}
"""Every call of PoliceService and RightsService."""
