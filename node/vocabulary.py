"""The words of the node, as frozen values: lanes, tasks, receipts and cases.

Instants are aware and in UTC. Scores are -10·log10 of a false match rate, as in the matcher.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.outcome import HitState
from matcher.vocabulary import FingerPosition


class Lane(StrEnum):
    """How soon the centre compares (Art. 38(2)): within 24 hours or within one."""

    NORMAL = "NORMAL"
    URGENT = "URGENT"


class Delivery(StrEnum):
    """Where a data set stands on its way to the centre."""

    RECAPTURE_WANTED = "RECAPTURE_WANTED"
    QUEUED = "QUEUED"
    TRANSMITTED = "TRANSMITTED"
    ANSWERED = "ANSWERED"
    REFUSED = "REFUSED"
    ERASED = "ERASED"


class Finding(StrEnum):
    """What the centre's comparison came to."""

    HIT = "HIT"
    NEGATIVE = "NEGATIVE"
    NOT_COMPARABLE = "NOT_COMPARABLE"
    STORED_ONLY = "STORED_ONLY"


class TaskKind(StrEnum):
    """Work that waits for a person or for the node, each with its limit where one exists.

    From TAKE_CHARGE on: the next legal step after a confirmed hit (casework.StepName). From
    AWAIT_REPLY on: what else the clock of a case asks for (duties.DutyKind).
    """

    TRANSMIT = "TRANSMIT"
    RECAPTURE = "RECAPTURE"
    RETAKE = "RETAKE"
    AWAIT_COMPARISON = "AWAIT_COMPARISON"
    COMPARISON_OVERDUE = "COMPARISON_OVERDUE"
    CHECK_HIT = "CHECK_HIT"
    REPORT_FALSE_HIT = "REPORT_FALSE_HIT"
    RESOLVE_REFUSAL = "RESOLVE_REFUSAL"
    READ_NOTICE = "READ_NOTICE"
    VERIFY_LINK = "VERIFY_LINK"
    TAKE_CHARGE = "TAKE_CHARGE"
    TAKE_BACK = "TAKE_BACK"
    CHECK_INADMISSIBILITY = "CHECK_INADMISSIBILITY"
    APPLY_OTHER_CRITERIA = "APPLY_OTHER_CRITERIA"
    EXAMINE = "EXAMINE"
    NATIONAL_HANDLING = "NATIONAL_HANDLING"
    OLD_REGULATION = "OLD_REGULATION"
    EVIDENCE_ONLY = "EVIDENCE_ONLY"
    AWAIT_REPLY = "AWAIT_REPLY"
    DECIDE_TRANSFER = "DECIDE_TRANSFER"
    TRANSFER = "TRANSFER"
    SCREEN = "SCREEN"
    REGISTER = "REGISTER"
    RELEASE = "RELEASE"
    REFER = "REFER"
    REFER_CHILD = "REFER_CHILD"
    ENTER_RESPONSIBLE = "ENTER_RESPONSIBLE"
    INFORM_AUTHORITY = "INFORM_AUTHORITY"
    AWAIT_LODGING = "AWAIT_LODGING"
    DECIDE_ADMISSIBILITY = "DECIDE_ADMISSIBILITY"
    RETURN = "RETURN"
    AWAIT_DEPARTURE = "AWAIT_DEPARTURE"


class EnrolmentOutcome(StrEnum):
    """What an enrolment or recapture came to."""

    ACCEPTED = "ACCEPTED"
    RECAPTURE_WANTED = "RECAPTURE_WANTED"


@dataclass(frozen=True, slots=True)
class SampleQuality:
    """Quality of one sample; position is None for the face."""

    position: FingerPosition | None
    score: int
    components: Mapping[str, float]
    hint: str
    sufficient: bool


@dataclass(frozen=True, slots=True)
class Task:
    """One open piece of work. article: where the duty and its limit come from.

    hit_id: the hit, or with VERIFY_LINK the link between systems, that it is about, if any.
    rule: the limit of the case clock that it stands for, empty for none; starts_at: its begin.
    """

    task_id: str
    reference_number: str
    kind: TaskKind
    what: str
    article: str
    opened_at: datetime
    due: datetime | None = None
    hit_id: str = ""
    rule: str = ""
    starts_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """Answer to an enrolment or recapture; exists only when its commit is durable.

    transmit_by: None where the act states no hour limit. late: the limit had passed already.
    """

    reference_number: str
    outcome: EnrolmentOutcome
    samples: tuple[SampleQuality, ...]
    transmit_by: datetime | None = None
    transmit_by_outer: datetime | None = None
    limit_article: str = ""
    late: bool = False
    tasks: tuple[Task, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseHit:
    """A hit as received from the centre, with what the expert said and what follows.

    data_set is None once the hit is false: its content is erased.
    """

    hit_id: str
    hit_reference_number: str
    data_set: DataSet | None
    score: float
    finger_scores: Mapping[FingerPosition, float]
    face_score: float | None
    state: HitState
    received_at: datetime
    expert_reasons: tuple[str, ...] = ()
    next_step: str = ""
    next_step_article: str = ""
    next_step_due: datetime | None = None

    @property
    def expert_required(self) -> bool:
        """Whether the hit counts for nothing before an expert confirmed it (Art. 38(4), (5))."""
        return bool(self.expert_reasons)


@dataclass(frozen=True, slots=True)
class Case:
    """All that the node knows about one data set; revision grows with every change of it."""

    reference_number: str
    data_set: DataSet | None
    delivery: Delivery
    revision: int
    finding: Finding | None = None
    hits: tuple[CaseHit, ...] = ()
    tasks: tuple[Task, ...] = ()
    refusal: str = ""
    retained_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Tasks soonest first; next_token is empty on the last page."""

    tasks: tuple[Task, ...]
    next_token: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the status door says: the size of gallery and queues, and the line to the centre."""

    version: str
    member_state: str
    persons: int
    gallery_equals_store: bool
    queued: Mapping[Lane, int]
    oldest_queued_at: datetime | None
    central_reachable: bool
    central_answered_at: datetime | None
    now: datetime
    models: tuple[str, ...] = field(default=())
    comparisons_overdue: int = 0
    oldest_comparison_due: datetime | None = None
