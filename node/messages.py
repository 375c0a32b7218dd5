"""The node's terms as messages of eurodac.nap.v1, and the parts of requests as terms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from interfaces import wire
from interfaces.eurodac.capture import Accompaniment, AgeProof, MinorSafeguards
from interfaces.eurodac.circumstances import Circumstances
from interfaces.formats.errors import FormatRefused
from interfaces.pb.eurodac.central.v1 import central_pb2
from interfaces.pb.eurodac.nap.v1 import nap_pb2
from matcher.vocabulary import FingerPosition
from node.audit import Entry
from node.identification import Compared, Identification
from node.vocabulary import Case, CaseHit, Lane, Receipt, SampleQuality, Standing, Task

MAX_THRESHOLD = 200.0
"""Highest threshold, -10·log10 FMR: far beyond what ten fingers of one person reach."""

_LANES: Mapping[int, Lane] = {
    central_pb2.LANE_UNSPECIFIED: Lane.NORMAL,
    central_pb2.LANE_NORMAL: Lane.NORMAL,
    central_pb2.LANE_URGENT: Lane.URGENT,
}


def lane_from(value: int) -> Lane:
    """The lane of a request; unspecified is the normal one."""
    if value not in _LANES:
        raise FormatRefused("W01 VALUE", "lane", "no known lane", "say LANE_NORMAL or LANE_URGENT")
    return _LANES[value]


def safeguards_from(
    request: nap_pb2.EnrolRequest | nap_pb2.SearchAdmissionRequest,
) -> MinorSafeguards | None:
    """How the capture of a minor was safeguarded, as far as the request says."""
    if not request.HasField("minor_safeguards"):
        return None
    message, kind = request.minor_safeguards, nap_pb2.MinorSafeguards
    accompanied = wire.enumerated(kind.Accompaniment, "ACCOMPANIMENT_", Accompaniment)
    proof = wire.enumerated(kind.AgeProof, "AGE_PROOF_", AgeProof)
    return MinorSafeguards(
        trained_operator_user_id=wire.text(
            "minor_safeguards.trained_operator_user_id", message.trained_operator_user_id
        ),
        accompanied_by=accompanied("minor_safeguards.accompanied_by", message.accompanied_by)
        if message.accompanied_by
        else None,
        accompanying_person_id=wire.text(
            "minor_safeguards.accompanying_person_id", message.accompanying_person_id
        ),
        age_proof=proof("minor_safeguards.age_proof", message.age_proof)
        if message.age_proof
        else AgeProof.NONE,
    )


def circumstances_from(message: nap_pb2.ClockCircumstances) -> Circumstances:
    """What moves the clock of the transmission."""
    return Circumstances(
        health_grounds_ended_at=maybe_moment(message, "health_grounds_ended_at"),
        technical_incident_id=wire.text(
            "clock.technical_incident_id", message.technical_incident_id
        ),
        custody_until=maybe_moment(message, "custody_until"),
        custody_until_removal=message.custody_until_removal,
    )


def moment(request: Message, name: str) -> datetime:
    """An instant that a request cannot do without."""
    found = maybe_moment(request, name)
    if found is None:
        raise FormatRefused("W02 ABSENT", name, "no instant", "state when it was")
    return found


def maybe_moment(request: Message, name: str) -> datetime | None:
    """An instant of a request, None when it is not there."""
    return wire.instant_from(getattr(request, name), name) if request.HasField(name) else None


def receipt_to(receipt: Receipt, now: datetime) -> nap_pb2.EnrolmentReceipt:
    """The receipt of an enrolment, a recapture or a search."""
    return nap_pb2.EnrolmentReceipt(
        reference_number=receipt.reference_number,
        outcome=nap_pb2.EnrolmentOutcome.Value(f"ENROLMENT_OUTCOME_{receipt.outcome}"),
        samples=[quality_to(sample) for sample in receipt.samples],
        transmit_by=_maybe(receipt.transmit_by),
        transmit_by_outer=_maybe(receipt.transmit_by_outer),
        limit_article=receipt.limit_article,
        late=receipt.late,
        tasks=[task_to(task, now) for task in receipt.tasks],
    )


def quality_to(sample: SampleQuality) -> nap_pb2.SampleQuality:
    """Quality of one finger or of the face."""
    return nap_pb2.SampleQuality(
        position=wire.position_to(sample.position or FingerPosition.UNKNOWN),
        face=sample.position is None,
        score=sample.score,
        components=sample.components,
        hint=sample.hint,
        sufficient=sample.sufficient,
    )


def task_to(task: Task, now: datetime) -> nap_pb2.Task:
    """One open piece of work, overdue or not."""
    return nap_pb2.Task(
        task_id=task.task_id,
        reference_number=task.reference_number,
        kind=task.kind,
        what=task.what,
        article=task.article,
        due=_maybe(task.due),
        overdue=task.due is not None and task.due < now,
    )


def hit_to(hit: CaseHit) -> nap_pb2.CaseHit:
    """A hit with its check and the step that follows; the data of a false one are gone."""
    states = {"RECEIVED": "CHECKING", "EXPIRED": "CHECKING"}
    state = states.get(hit.state, hit.state)
    return nap_pb2.CaseHit(
        hit_id=hit.hit_id,
        data_set=None if hit.data_set is None else wire.dataset_to(hit.data_set),
        score=hit.score,
        finger_scores=finger_scores_to(hit.finger_scores),
        face_score=hit.face_score,
        state=nap_pb2.CaseHit.State.Value(f"STATE_{state}"),
        expert_required=hit.expert_required,
        expert_reasons=hit.expert_reasons,
        next_step=hit.next_step,
        next_step_article=hit.next_step_article,
        next_step_due=_maybe(hit.next_step_due),
        received_at=wire.instant_to(hit.received_at),
    )


def case_to(case: Case, now: datetime) -> nap_pb2.Case:
    """All that is known about one data set."""
    finding = "UNSPECIFIED" if case.finding is None else case.finding
    return nap_pb2.Case(
        reference_number=case.reference_number,
        data_set=None if case.data_set is None else wire.dataset_to(case.data_set),
        delivery=nap_pb2.Delivery.Value(f"DELIVERY_{case.delivery}"),
        comparison=central_pb2.ComparisonResult.Outcome.Value(f"OUTCOME_{finding}"),
        hits=[hit_to(hit) for hit in case.hits],
        tasks=[task_to(task, now) for task in case.tasks],
        refusal=case.refusal,
        retained_until=_maybe(case.retained_until),
        revision=case.revision,
    )


def identification_to(found: Identification) -> nap_pb2.IdentifyResponse:
    """The candidate list of a search, or the explicit word that there is none."""
    return nap_pb2.IdentifyResponse(
        outcome=nap_pb2.IdentifyResponse.Outcome.Value(f"OUTCOME_{found.finding}"),
        candidates=[
            nap_pb2.OwnCandidate(
                reference_number=candidate.reference_number,
                score=candidate.score,
                finger_scores=finger_scores_to(candidate.finger_scores),
                face_score=candidate.face_score,
                hands_swapped=candidate.hands_swapped,
            )
            for candidate in found.candidates
        ],
        samples=[quality_to(sample) for sample in found.samples],
        persons_searched=found.persons_searched,
    )


def comparison_to(compared: Compared) -> nap_pb2.CompareResponse:
    """The outcome of a 1:1 comparison."""
    return nap_pb2.CompareResponse(
        outcome=nap_pb2.CompareResponse.Outcome.Value(f"OUTCOME_{compared.verdict}"),
        score=compared.score,
        threshold=compared.threshold,
        finger_scores=finger_scores_to(compared.finger_scores),
        face_score=compared.face_score,
    )


def standing_to(standing: Standing) -> nap_pb2.GetStatusResponse:
    """What the status call says."""
    return nap_pb2.GetStatusResponse(
        version=standing.version,
        member_state=standing.member_state,
        models=standing.models,
        persons=standing.persons,
        gallery_equals_store=standing.gallery_equals_store,
        queued_urgent=standing.queued.get(Lane.URGENT, 0),
        queued_normal=standing.queued.get(Lane.NORMAL, 0),
        oldest_queued_at=_maybe(standing.oldest_queued_at),
        central_reachable=standing.central_reachable,
        central_answered_at=_maybe(standing.central_answered_at),
        now=wire.instant_to(standing.now),
    )


def entry_to(entry: Entry) -> nap_pb2.AuditEntry:
    """One record of the audit chain."""
    record = entry.record
    return nap_pb2.AuditEntry(
        number=entry.number,
        at=wire.instant_to(record.at),
        state=record.actor.state,
        unit=record.actor.unit,
        user=record.actor.user,
        role=record.actor.role,
        act=record.act,
        purpose=record.purpose,
        outcome=record.outcome,
        detail=record.detail,
    )


def finger_scores_to(
    scores: Mapping[FingerPosition, float],
) -> Iterable[central_pb2.FingerScore]:
    """Scores per finger in the order of their position codes."""
    return [
        central_pb2.FingerScore(position=wire.position_to(position), score=score)
        for position, score in sorted(scores.items())
    ]


def _maybe(instant: datetime | None) -> Timestamp | None:
    return None if instant is None else wire.instant_to(instant)
