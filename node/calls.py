"""Every call of eurodac.nap.v1 as a translation: message -> act -> message; nothing is decided.

The functions take the node, the actor and the request; the door finds them by the call's name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message

from interfaces import wire
from interfaces.eurodac.flags import FlagCheck, FlagGround, FlagProposal
from interfaces.eurodac.outcome import HitState
from interfaces.formats.errors import FormatRefused
from interfaces.pb.eurodac.nap.v1 import nap_pb2
from node import (
    admission,
    captures,
    casework,
    clock_calls,
    custody,
    declarations,
    enrolment,
    flags,
    identification,
    marks,
    messages,
    oversight,
    police_calls,
    recapture,
    standing,
)
from node.access import Actor
from node.assembly import Node
from node.store.extensions import ExtensionKind

Call = Callable[[Node, Actor, Any], Message]


def assess_quality(
    node: Node, actor: Actor, request: nap_pb2.AssessQualityRequest
) -> nap_pb2.AssessQualityResponse:
    """Quality of every sample, nothing stored."""
    assessment = captures.assess(node, actor, request.capture)
    return nap_pb2.AssessQualityResponse(
        samples=map(messages.quality_to, assessment.samples), sufficient=assessment.sufficient
    )


def enrol(node: Node, actor: Actor, request: nap_pb2.EnrolRequest) -> nap_pb2.EnrolResponse:
    """Record a person."""
    return nap_pb2.EnrolResponse(receipt=_enrol(node, actor, request))


def enrol_stream(
    node: Node, actor: Actor, request: nap_pb2.EnrolRequest
) -> nap_pb2.EnrolStreamResponse:
    """Record a person from a request that the door has put together."""
    return nap_pb2.EnrolStreamResponse(receipt=_enrol(node, actor, request))


def _enrol(node: Node, actor: Actor, request: nap_pb2.EnrolRequest) -> nap_pb2.EnrolmentReceipt:
    wanted = enrolment.Enrolment(
        request_id=request.request_id,
        data_set=wire.dataset_from(request.data_set),
        capture=request.capture,
        lane=messages.lane_from(request.lane),
        safeguards=messages.safeguards_from(request),
        clock=messages.circumstances_from(request.clock),
        fingertips_impaired=request.fingertips_impaired,
        under_decision_2022_382=request.under_decision_2022_382,
    )
    return messages.receipt_to(enrolment.enrol(node, actor, wanted), node.now())


def recapture_(
    node: Node, actor: Actor, request: nap_pb2.RecaptureRequest
) -> nap_pb2.RecaptureResponse:
    """Replace the biometrics of a data set."""
    wanted = recapture.Recapture(
        request_id=request.request_id,
        reference_number=wire.text("reference_number", request.reference_number),
        capture=request.capture,
        taken_at=messages.moment(request, "biometrics_taken_at"),
        fingertips_impaired=request.fingertips_impaired,
    )
    receipt = recapture.recapture(node, actor, wanted)
    return nap_pb2.RecaptureResponse(receipt=messages.receipt_to(receipt, node.now()))


def update_status(
    node: Node, actor: Actor, request: nap_pb2.UpdateStatusRequest
) -> nap_pb2.UpdateStatusResponse:
    """Add fields that became known later."""
    changed = custody.update_status(node, actor, _change(request))
    return nap_pb2.UpdateStatusResponse(data_set=wire.dataset_to(changed))


def correct(
    node: Node, actor: Actor, request: nap_pb2.CorrectDataSetRequest
) -> nap_pb2.CorrectDataSetResponse:
    """Correct own data."""
    changed = custody.correct(node, actor, _change(request))
    return nap_pb2.CorrectDataSetResponse(data_set=wire.dataset_to(changed))


def _change(
    request: nap_pb2.UpdateStatusRequest | nap_pb2.CorrectDataSetRequest,
) -> custody.Change:
    return custody.Change(
        request_id=request.request_id,
        reference_number=wire.text("reference_number", request.reference_number),
        changes=wire.changes_from(request.changes, request.update_mask),
    )


def erase(
    node: Node, actor: Actor, request: nap_pb2.EraseDataSetRequest
) -> nap_pb2.EraseDataSetResponse:
    """Erase before the end of retention."""
    erasure = custody.Erasure(
        request_id=request.request_id,
        reference_number=wire.text("reference_number", request.reference_number),
        ground=wire.ground_from(request.ground),
    )
    erased_at = custody.erase(node, actor, erasure)
    return nap_pb2.EraseDataSetResponse(erased_at=wire.instant_to(erased_at))


def set_mark(node: Node, actor: Actor, request: nap_pb2.SetMarkRequest) -> nap_pb2.SetMarkResponse:
    """Mark own data."""
    marked = marks.set_mark(node, actor, _mark(request))
    return nap_pb2.SetMarkResponse(data_set=wire.dataset_to(marked))


def clear_mark(
    node: Node, actor: Actor, request: nap_pb2.ClearMarkRequest
) -> nap_pb2.ClearMarkResponse:
    """Take a mark back."""
    cleared = marks.clear_mark(node, actor, _mark(request))
    return nap_pb2.ClearMarkResponse(data_set=wire.dataset_to(cleared))


def _mark(request: nap_pb2.SetMarkRequest | nap_pb2.ClearMarkRequest) -> marks.MarkChange:
    return marks.MarkChange(
        request_id=request.request_id,
        reference_number=wire.text("reference_number", request.reference_number),
        type=wire.mark_type_from(request.type),
    )


def propose_flag(
    node: Node, actor: Actor, request: nap_pb2.ProposeSecurityFlagRequest
) -> nap_pb2.ProposeSecurityFlagResponse:
    """Put a security flag forward for a second official's approval."""
    check = wire.enumerated(nap_pb2.FlagCheck, "FLAG_CHECK_", FlagCheck)
    ground = wire.enumerated(nap_pb2.FlagGround, "FLAG_GROUND_", FlagGround)
    if len(request.grounds) > len(FlagGround):
        remedy = f"at most {len(FlagGround)}, each once"
        raise FormatRefused("W03 TOO_LONG", "grounds", "too many entries", remedy)
    proposal = FlagProposal(
        check=check("check", request.check) if request.check else None,
        grounds=tuple(ground("grounds", value) for value in request.grounds),
        completed_at=messages.maybe_moment(request, "check_completed_at"),
        deciding_unit=wire.text("deciding_unit", request.deciding_unit),
        could_pose_threat=request.could_pose_threat,
    )
    number = wire.text("reference_number", request.reference_number)
    wanted = flags.FlagWanted(request.request_id, number, proposal)
    return nap_pb2.ProposeSecurityFlagResponse(proposal_id=flags.propose(node, actor, wanted))


def approve_flag(
    node: Node, actor: Actor, request: nap_pb2.ApproveSecurityFlagRequest
) -> nap_pb2.ApproveSecurityFlagResponse:
    """Approve a proposed flag as the second official."""
    proposal = wire.text("proposal_id", request.proposal_id)
    flagged = flags.approve(node, actor, request.request_id, proposal)
    return nap_pb2.ApproveSecurityFlagResponse(data_set=wire.dataset_to(flagged))


def delete_flag(
    node: Node, actor: Actor, request: nap_pb2.DeleteSecurityFlagRequest
) -> nap_pb2.DeleteSecurityFlagResponse:
    """Delete a flag after consulting the other States with data of the person."""
    deletion = flags.FlagDeletion(
        request_id=request.request_id,
        reference_number=wire.text("reference_number", request.reference_number),
        consulted=wire.texts("consulted_states", request.consulted_states),
    )
    cleared = flags.delete(node, actor, deletion)
    return nap_pb2.DeleteSecurityFlagResponse(data_set=wire.dataset_to(cleared))


def identify(
    node: Node,
    actor: Actor,
    request: nap_pb2.IdentifyRequest,
    *,
    deadline: Callable[[], bool] | None = None,
) -> nap_pb2.IdentifyResponse:
    """Search the own references. deadline: says whether the caller has stopped waiting."""
    if not 0.0 <= request.threshold <= messages.MAX_THRESHOLD:
        remedy = f"use 0 (the node's) to {messages.MAX_THRESHOLD:.0f}"
        raise FormatRefused("W01 VALUE", "threshold", "is no -10 log10 of a rate", remedy)
    found = identification.identify(
        node,
        actor,
        request.capture,
        threshold=request.threshold or None,
        at_most=request.at_most or None,
        deadline=deadline,
    )
    return messages.identification_to(found)


def compare(node: Node, actor: Actor, request: nap_pb2.CompareRequest) -> nap_pb2.CompareResponse:
    """Compare two captures, or a capture and an own data set."""
    against = request.WhichOneof("against")
    compared = identification.compare(
        node,
        actor,
        request.probe,
        capture=request.capture if against == "capture" else None,
        reference_number=wire.text("reference_number", request.reference_number),
    )
    return messages.comparison_to(compared)


def search_admission(
    node: Node, actor: Actor, request: nap_pb2.SearchAdmissionRequest
) -> nap_pb2.SearchAdmissionResponse:
    """Queue an admission search for the centre."""
    search = admission.AdmissionSearch(
        request_id=request.request_id,
        capture=request.capture,
        taken_at=messages.moment(request, "biometrics_taken_at"),
        date_of_birth=wire.text("date_of_birth", request.date_of_birth),
        sex=wire.sex_from(request.sex) if request.sex else None,
        lane=messages.lane_from(request.lane),
        safeguards=messages.safeguards_from(request),
    )
    receipt = admission.search_admission(node, actor, search)
    return nap_pb2.SearchAdmissionResponse(receipt=messages.receipt_to(receipt, node.now()))


def get_case(node: Node, actor: Actor, request: nap_pb2.GetCaseRequest) -> nap_pb2.GetCaseResponse:
    """Tell all that is known about one data set."""
    number = wire.text("reference_number", request.reference_number)
    case = casework.get_case(node, actor, number)
    return nap_pb2.GetCaseResponse(case=messages.case_to(case, node.now()))


def list_due(node: Node, actor: Actor, request: nap_pb2.ListDueRequest) -> nap_pb2.ListDueResponse:
    """List open tasks, soonest first."""
    page = casework.list_due(
        node,
        actor,
        before=messages.maybe_moment(request, "before"),
        page_size=request.page_size,
        page_token=wire.text("page_token", request.page_token),
    )
    now = node.now()
    return nap_pb2.ListDueResponse(
        tasks=[messages.task_to(task, now) for task in page.tasks], next_page_token=page.next_token
    )


def get_hit_capture(
    node: Node, actor: Actor, request: nap_pb2.GetHitCaptureRequest
) -> nap_pb2.GetHitCaptureResponse:
    """Show the images that came with a hit."""
    capture = casework.get_hit_capture(node, actor, wire.text("hit_id", request.hit_id))
    return nap_pb2.GetHitCaptureResponse(capture=capture)


def decide_hit(
    node: Node, actor: Actor, request: nap_pb2.DecideHitRequest
) -> nap_pb2.DecideHitResponse:
    """Take an expert's word on a hit."""
    findings: Mapping[int, HitState] = {
        nap_pb2.HIT_DECISION_CONFIRMED: HitState.CONFIRMED,
        nap_pb2.HIT_DECISION_FALSE: HitState.FALSE,
    }
    if request.decision not in findings:
        raise FormatRefused("W01 VALUE", "decision", "no decision", "say CONFIRMED or FALSE")
    decision = casework.Decision(
        request_id=request.request_id,
        hit_id=wire.text("hit_id", request.hit_id),
        finding=findings[request.decision],
    )
    hit = casework.decide_hit(node, actor, decision)
    return nap_pb2.DecideHitResponse(hit=messages.hit_to(hit))


def declare_extension(
    node: Node, actor: Actor, request: nap_pb2.DeclareExtensionRequest
) -> nap_pb2.DeclareExtensionResponse:
    """Put an incident or influx on record."""
    kind = wire.enumerated(nap_pb2.ExtensionKind, "EXTENSION_KIND_", ExtensionKind)
    declaration = declarations.Declaration(
        request_id=request.request_id,
        kind=kind("kind", request.kind),
        starts_at=messages.moment(request, "starts_at"),
        ends_at=messages.maybe_moment(request, "ends_at"),
    )
    declared = declarations.declare(node, actor, declaration)
    return nap_pb2.DeclareExtensionResponse(extension_id=declared)


def end_incident(
    node: Node, actor: Actor, request: nap_pb2.EndIncidentRequest
) -> nap_pb2.EndIncidentResponse:
    """Note that a technical problem is over."""
    extension = wire.text("extension_id", request.extension_id)
    declarations.end_incident(node, actor, request.request_id, extension)
    return nap_pb2.EndIncidentResponse()


def finish_task(
    node: Node, actor: Actor, request: nap_pb2.FinishTaskRequest
) -> nap_pb2.FinishTaskResponse:
    """Close a next legal step that is done."""
    casework.finish_task(node, actor, request.request_id, wire.text("task_id", request.task_id))
    return nap_pb2.FinishTaskResponse()


def read_audit(
    node: Node, actor: Actor, request: nap_pb2.ReadAuditRequest
) -> nap_pb2.ReadAuditResponse:
    """Tell who did what about one reference number."""
    number = wire.text("reference_number", request.reference_number)
    entries = oversight.read(node, actor, number)
    return nap_pb2.ReadAuditResponse(entries=map(messages.entry_to, entries))


def verify_audit(
    node: Node,
    actor: Actor,
    request: nap_pb2.VerifyAuditRequest,  # noqa: ARG001 - it is empty
) -> nap_pb2.VerifyAuditResponse:
    """Walk the chain of records."""
    verdict = oversight.verify(node, actor)
    return nap_pb2.VerifyAuditResponse(
        entries=verdict.entries, head=verdict.head, broken_at=verdict.broken_at or 0
    )


def get_status(
    node: Node,
    actor: Actor,
    request: nap_pb2.GetStatusRequest,  # noqa: ARG001 - it is empty
) -> nap_pb2.GetStatusResponse:
    """Tell how the node stands."""
    return messages.standing_to(standing.describe(node, actor))


CALLS: Mapping[str, Call] = {
    "AssessQuality": assess_quality,
    "Enrol": enrol,
    "EnrolStream": enrol_stream,
    "Recapture": recapture_,
    "UpdateStatus": update_status,
    "CorrectDataSet": correct,
    "EraseDataSet": erase,
    "SetMark": set_mark,
    "ClearMark": clear_mark,
    "ProposeSecurityFlag": propose_flag,
    "ApproveSecurityFlag": approve_flag,
    "DeleteSecurityFlag": delete_flag,
    "Compare": compare,
    "SearchAdmission": search_admission,
    "GetCase": get_case,
    "ListDue": list_due,
    "GetHitCapture": get_hit_capture,
    "DecideHit": decide_hit,
    "DeclareExtension": declare_extension,
    "EndIncident": end_incident,
    "FinishTask": finish_task,
    "ReadAudit": read_audit,
    "VerifyAudit": verify_audit,
    "GetStatus": get_status,
    **clock_calls.CALLS,
    **police_calls.CALLS,
}
"""Every call but WatchCase, a stream, and Identify, which ends with its caller: the door's own."""
