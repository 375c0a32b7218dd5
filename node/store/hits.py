"""Hits as received from the centre, sealed; and what was concluded of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from interfaces import wire
from interfaces.eurodac.outcome import HitState
from interfaces.pb.eurodac.central.v1 import central_pb2
from node import schema
from node.errors import NotFound
from node.store.transaction import Transaction
from node.vault import Place
from node.vocabulary import CaseHit

_TABLE = schema.hits


@dataclass(frozen=True, slots=True)
class StoredHit:
    """A hit of one data set. message is gone once the hit is false. rank: its precedence."""

    hit: CaseHit
    reference_number: str
    rank: int
    message: central_pb2.Hit | None


def add(transaction: Transaction, stored: StoredHit) -> None:
    """Keep a hit of a comparison result."""
    hit, message = stored.hit, stored.message
    assert message is not None, "a hit arrives with its content"
    owner = stored.reference_number
    transaction.connection.execute(
        insert(_TABLE).values(
            hit_id=hit.hit_id,
            reference_number=owner,
            rank=stored.rank,
            hit_reference_number=hit.hit_reference_number,
            state=hit.state,
            score=hit.score,
            received_at=hit.received_at,
            decided_by="",
            content=transaction.seal(
                message.SerializeToString(deterministic=True), _place(owner, hit, "content")
            ),
            assessment=transaction.seal(_write_assessment(hit), _place(owner, hit, "assessment")),
        )
    )
    transaction.touched.add(owner)


def find(transaction: Transaction, hit_id: str) -> StoredHit:
    """One hit; NotFound for an unknown one."""
    row = transaction.connection.execute(
        select(_TABLE).where(_TABLE.c.hit_id == hit_id)
    ).one_or_none()
    if row is None:
        raise NotFound("there is no such hit")
    return _read(transaction, row)


def find_all(transaction: Transaction, reference_number: str) -> tuple[StoredHit, ...]:
    """The hits of a data set, by received result and precedence (Art. 27(5))."""
    query = (
        select(_TABLE)
        .where(_TABLE.c.reference_number == reference_number)
        .order_by(_TABLE.c.received_at, _TABLE.c.rank)
    )
    return tuple(_read(transaction, row) for row in transaction.connection.execute(query).all())


def confirm(transaction: Transaction, hit: StoredHit, *, by: str, at: datetime) -> CaseHit:
    """The expert confirms: the content stays, with the next step that `hit` now carries."""
    confirmed = replace(hit.hit, state=HitState.CONFIRMED)
    owner = hit.reference_number
    sealed = transaction.seal(_write_assessment(confirmed), _place(owner, confirmed, "assessment"))
    _decide(transaction, hit, state=confirmed.state, by=by, at=at, assessment=sealed)
    return confirmed


def refute(transaction: Transaction, hit: StoredHit, *, by: str, at: datetime) -> CaseHit:
    """The expert says it is another person: the result is erased at once (Art. 38(6))."""
    values = {"content": None, "assessment": None, "score": 0.0}
    _decide(transaction, hit, state=HitState.FALSE, by=by, at=at, **values)
    return _without_content(hit.hit)


def _decide(
    transaction: Transaction, hit: StoredHit, *, by: str, at: datetime, **values: Any
) -> None:
    transaction.connection.execute(
        update(_TABLE)
        .where(_TABLE.c.hit_id == hit.hit.hit_id)
        .values(decided_by=by, decided_at=at, **values)
    )
    transaction.touched.add(hit.reference_number)


def _without_content(hit: CaseHit) -> CaseHit:
    return CaseHit(
        hit_id=hit.hit_id,
        hit_reference_number=hit.hit_reference_number,
        data_set=None,
        score=0.0,
        finger_scores={},
        face_score=None,
        state=HitState.FALSE,
        received_at=hit.received_at,
    )


def _read(transaction: Transaction, row: Row[Any]) -> StoredHit:
    hit = CaseHit(
        hit_id=row.hit_id,
        hit_reference_number=row.hit_reference_number,
        data_set=None,
        score=row.score,
        finger_scores={},
        face_score=None,
        state=HitState(row.state),
        received_at=row.received_at,
    )
    if row.content is None:
        return StoredHit(hit, row.reference_number, row.rank, None)
    owner = row.reference_number
    plain = transaction.unseal(row.content, _place(owner, hit, "content"))
    message = central_pb2.Hit.FromString(plain)
    assessment = transaction.unseal(row.assessment, _place(owner, hit, "assessment"))
    full = _read_assessment(with_content(hit, message), assessment)
    return StoredHit(full, owner, row.rank, message)


def with_content(hit: CaseHit, message: central_pb2.Hit) -> CaseHit:
    """The hit with what the centre's message says."""
    return replace(
        hit,
        data_set=wire.dataset_from(message.data_set),
        score=message.score,
        finger_scores={
            wire.position_from(finger.position): finger.score for finger in message.finger_scores
        },
        face_score=message.face_score if message.HasField("face_score") else None,
    )


def _write_assessment(hit: CaseHit) -> bytes:
    due = None if hit.next_step_due is None else hit.next_step_due.isoformat()
    return json.dumps(
        {
            "expert_reasons": hit.expert_reasons,
            "next_step": hit.next_step,
            "next_step_article": hit.next_step_article,
            "next_step_due": due,
        }
    ).encode()


def _read_assessment(hit: CaseHit, encoded: bytes) -> CaseHit:
    content = json.loads(encoded)
    due = content["next_step_due"]
    return replace(
        hit,
        expert_reasons=tuple(content["expert_reasons"]),
        next_step=content["next_step"],
        next_step_article=content["next_step_article"],
        next_step_due=None if due is None else datetime.fromisoformat(due),
    )


def _place(owner: str, hit: CaseHit, column: str) -> Place:
    return Place(owner, "hits", column, hit.hit_id)
