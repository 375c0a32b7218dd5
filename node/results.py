"""Comparison results as they arrive: hits to be checked, the word negative, or no comparison."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from interfaces import wire
from interfaces.eurodac import ages, deadlines, outcome, reference
from interfaces.eurodac.casework import due
from interfaces.eurodac.categories import RULES
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.outcome import HitFacts, HitState
from interfaces.eurodac.terms import UNKNOWN
from interfaces.formats import FormatRefused
from interfaces.pb.eurodac.central.v1 import central_pb2
from node import acts, changes, dispatch, searches
from node.assembly import Node
from node.store import Transaction, dossiers, hits, tasks
from node.store.dossiers import Dossier
from node.store.hits import StoredHit
from node.vocabulary import CaseHit, Delivery, Finding, TaskKind

FINDINGS: Mapping[int, Finding] = {
    central_pb2.ComparisonResult.OUTCOME_HIT: Finding.HIT,
    central_pb2.ComparisonResult.OUTCOME_NEGATIVE: Finding.NEGATIVE,
    central_pb2.ComparisonResult.OUTCOME_NOT_COMPARABLE: Finding.NOT_COMPARABLE,
    central_pb2.ComparisonResult.OUTCOME_STORED_ONLY: Finding.STORED_ONLY,
}

WAITED_FOR = (TaskKind.AWAIT_COMPARISON, TaskKind.COMPARISON_OVERDUE, TaskKind.TRANSMIT)
"""Tasks that a result ends; it may overtake the receipt of its own transmission."""

STANDING = frozenset({HitState.CHECKING, HitState.CONFIRMED})
"""Hits that a repeated comparison does not bring a second time."""

ADMISSION_LIMIT = "K80"
"""Conclusion on admission, until which the result of an admission search is of use."""


def take(
    node: Node,
    transaction: Transaction,
    dossier: Dossier,
    result: central_pb2.ComparisonResult,
) -> tuple[int, ...]:
    """Write down what the comparison came to; returns references that leave the gallery."""
    if result.outcome not in FINDINGS:
        remedy = "send an outcome of the profile"
        raise FormatRefused("W01 VALUE", "outcome", "is of no known kind", remedy)
    number, finding = dossier.reference_number, FINDINGS[result.outcome]
    if searches.is_search(dossier.category):
        _add_hits(node, transaction, dossier, result)
        searches.take_answer(node, transaction, dossier, finding)
        return ()
    if dispatch.has_better_biometrics(transaction, number):
        # The result of earlier prints; the limit of the better ones goes on running.
        dossiers.change(transaction, number, finding=finding)
    else:
        tasks.close(transaction, number, node.now(), kinds=WAITED_FOR)
        dossiers.change(transaction, number, delivery=Delivery.ANSWERED, finding=finding)
    if finding is Finding.HIT:
        _take_hits(node, transaction, dossier, result)
    if not RULES[dossier.category].stored:
        return _end_search(node, transaction, dossier, finding)
    return ()


def _take_hits(
    node: Node,
    transaction: Transaction,
    dossier: Dossier,
    result: central_pb2.ComparisonResult,
) -> None:
    number = dossier.reference_number
    for hit in _add_hits(node, transaction, dossier, result):
        limit = deadlines.false_hit_report(hit.received_at, node.member_state)
        what = "Check the hit: confirm it, or report it as false within the limit."
        task = acts.open_task(
            node, TaskKind.CHECK_HIT, number, what, article="38(4)", hit_id=hit.hit_id
        )
        tasks.add(transaction, replace(task, due=limit.due_at))


def _add_hits(
    node: Node,
    transaction: Transaction,
    dossier: Dossier,
    result: central_pb2.ComparisonResult,
) -> tuple[CaseHit, ...]:
    """Keep the hits that are not known yet; returns them."""
    number = dossier.reference_number
    added = []
    known = {
        stored.hit.hit_reference_number
        for stored in hits.find_all(transaction, number)
        if stored.hit.state in STANDING
    }
    for rank, message in enumerate(result.hits):
        if message.data_set.reference_number in known:
            continue
        hit = _read_hit(node, dossier, message)
        hits.add(transaction, StoredHit(hit, number, rank, message))
        added.append(hit)
    return tuple(added)


def _read_hit(node: Node, dossier: Dossier, message: central_pb2.Hit) -> CaseHit:
    """The hit with the reasons for which an expert must look at it (Art. 38(4), recital 54)."""
    _check_hit(message)
    bare = CaseHit(
        hit_id=node.new_id(),
        hit_reference_number=message.data_set.reference_number,
        data_set=None,
        score=message.score,
        finger_scores={},
        face_score=None,
        state=HitState.CHECKING,
        received_at=node.now(),
    )
    hit = hits.with_content(bare, message)
    stored = wire.dataset_from(message.data_set)
    facts = HitFacts(
        fingerprints_hit=bool(hit.finger_scores),
        face_hit=hit.face_score is not None,
        score=hit.score,
        probe_sex=dossier.content.sex,
        stored_sex=stored.sex,
        probe_minor=_is_minor(dossier.content, node.now()),
        stored_minor=_is_minor(stored, node.now()),
    )
    reasons = outcome.expert_reasons(facts, node.settings.policy)
    return replace(hit, expert_reasons=reasons)


def _check_hit(message: central_pb2.Hit) -> None:
    """A hit names its data set, and its scores are numbers that can be compared."""
    reference.parse(message.data_set.reference_number)
    scores = [message.score, *(finger.score for finger in message.finger_scores)]
    if not all(map(math.isfinite, (*scores, message.face_score))):
        remedy = "send scores that are numbers"
        raise FormatRefused("W01 VALUE", "score", "is no finite number", remedy)


def _is_minor(data_set: DataSet, at: datetime) -> bool | None:
    if data_set.date_of_birth in ("", UNKNOWN):
        return None
    return ages.is_minor(data_set.date_of_birth, at, state=data_set.origin)


def _end_search(
    node: Node, transaction: Transaction, dossier: Dossier, finding: Finding
) -> tuple[int, ...]:
    """A search is recorded nowhere (Art. 29(2)): without hits nothing of it is left to keep."""
    if finding is not Finding.HIT:
        return changes.erase(node, transaction, dossier, None).template_ids
    until = due(ADMISSION_LIMIT, node.now(), node.member_state).due_at
    dossiers.change(transaction, dossier.reference_number, retained_until=until)
    return ()
