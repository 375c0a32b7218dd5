"""What enrolment and recapture share: the law on person and capture, and what is kept of both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from interfaces.eurodac import ages, deadlines
from interfaces.eurodac import capture as capture_law
from interfaces.eurodac import dataset as dataset_law
from interfaces.eurodac.capture import AgeProof, MinorSafeguards
from interfaces.eurodac.codes import broken
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.deadlines import Deadline
from interfaces.eurodac.errors import Violation
from interfaces.formats import Capture
from interfaces.pb.eurodac.central.v1 import terms_pb2
from node import acts, captures
from node.access import Actor
from node.assembly import Node
from node.captures import Examined
from node.circumstances import Kept
from node.store import Transaction, biometrics
from node.vocabulary import EnrolmentOutcome, Receipt, Task, TaskKind


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What is written if nobody was faster. message: the capture as received."""

    actor: Actor
    data_set: DataSet
    kept: Kept
    message: terms_pb2.Capture
    capture: Capture
    examined: Examined
    limit: Deadline

    @property
    def outcome(self) -> EnrolmentOutcome:
        """Poor prints go back to the station, unless the person has no better ones now."""
        if self.examined.sufficient or self.kept.fingertips_impaired:
            return EnrolmentOutcome.ACCEPTED
        return EnrolmentOutcome.RECAPTURE_WANTED

    @property
    def retake_wanted(self) -> bool:
        """Whether fingers must be taken again once their condition allows it."""
        bandaged = capture_law.retake_wanted(captures.missing_codes(self.capture))
        return bool(bandaged) or self.kept.fingertips_impaired


def check_person(
    node: Node, data_set: DataSet, safeguards: MinorSafeguards | None
) -> Iterator[Violation]:
    """What forbids taking this person's biometrics: too young, not safeguarded, not yet taken."""
    taken_at = data_set.biometrics_taken_at
    if taken_at is None:
        yield broken("V04", "biometrics_taken_at", "17(1)(l)")
        return
    yield from captures.check_past(node, data_set)
    proof = AgeProof.NONE if safeguards is None else safeguards.age_proof
    born, state = data_set.date_of_birth, data_set.origin
    yield from capture_law.check_age(born, taken_at, proof, state=state)
    if ages.is_minor(born, taken_at, state=state):
        yield from capture_law.check_minor(safeguards, data_set.operator_user_id)


def check_capture(node: Node, data_set: DataSet, capture: Capture) -> Iterator[Violation]:
    """What forbids sending this data set with this capture."""
    yield from captures.check_fingers(capture)
    yield from check_fields(node, data_set, capture)


def check_fields(node: Node, data_set: DataSet, capture: Capture) -> Iterator[Violation]:
    """What forbids sending these fields; the number is missing until all else is right."""
    yield from captures.check_photographs(capture)
    # Flag and marks never travel with a transmission; dispatch sends them after it.
    bare = replace(data_set, security_flag=False, marks=())
    for violation in dataset_law.check_transmission(
        bare,
        fingerprints=bool(capture.fingers),
        face=bool(capture.faces),
        missing_declared=bool(capture.missing),
        policy=node.settings.policy,
    ):
        if data_set.reference_number or violation.field != "reference_number":
            yield violation


FINGERTIPS_HEALED = (
    "Take the fingerprints again as soon as the condition of the fingertips allows it."
)
"""Why fingerprints are mostly taken again."""


def open_retake(node: Node, data_set: DataSet, what: str = FINGERTIPS_HEALED) -> Task:
    """Retake when the fingertips allow it; its 48 hours run from the retake, so none run yet."""
    article = deadlines.retake(data_set.category, node.now()).article
    number = data_set.reference_number
    return acts.open_task(node, TaskKind.RETAKE, number, what, article=article)


def keep_biometrics(transaction: Transaction, plan: Plan) -> int:
    """Store capture and reference; returns the reference's number in the gallery."""
    number = plan.data_set.reference_number
    biometrics.put_capture(transaction, number, plan.message.SerializeToString(deterministic=True))
    return biometrics.put_reference(transaction, number, plan.examined.reference)


def write_receipt(node: Node, plan: Plan, opened: tuple[Task, ...]) -> Receipt:
    """What the station gets to know."""
    return Receipt(
        reference_number=plan.data_set.reference_number,
        outcome=plan.outcome,
        samples=plan.examined.samples,
        transmit_by=plan.limit.due_at,
        transmit_by_outer=plan.limit.due_outer,
        limit_article=plan.limit.article,
        late=plan.limit.is_late(node.now()),
        tasks=opened,
    )
