"""Requests that were answered: the same id and content have one effect and one answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update

from node import schema
from node.errors import NotFound, RequestReused
from node.store.transaction import Transaction
from node.vault import Place

_TABLE = schema.requests


@dataclass(frozen=True, slots=True)
class Request:
    """A request as the caller's unit numbered it. content: canonical bytes of all it asked for."""

    unit: str
    request_id: str
    act: str
    content: bytes


def find_answer(transaction: Transaction, request: Request) -> bytes | None:
    """The answer that the request got before, or None.

    Raises RequestReused when the id was used for something else, and NotFound when the answer
    was erased together with its data set.
    """
    query = select(_TABLE).where(
        _TABLE.c.unit == request.unit, _TABLE.c.request_id == request.request_id
    )
    row = transaction.connection.execute(query).one_or_none()
    if row is None:
        return None
    if row.act != request.act or row.digest != transaction.vault.digest(request.content):
        raise RequestReused("this request id was used before with other content")
    if row.answer is None:
        raise NotFound(f"{row.owner} is erased, and with it the answer to this request")
    return transaction.unseal(row.answer, _place(request, row.owner))


def keep_answer(
    transaction: Transaction, request: Request, answer: bytes, *, owner: str, at: datetime
) -> None:
    """Keep the answer beside the act's other writes. owner: the data set it tells about."""
    transaction.connection.execute(
        insert(_TABLE).values(
            unit=request.unit,
            request_id=request.request_id,
            act=request.act,
            digest=transaction.vault.digest(request.content),
            owner=owner,
            answered_at=at,
            answer=transaction.seal(answer, _place(request, owner)),
        )
    )


def drop_answers(transaction: Transaction, owner: str) -> None:
    """Erase the answers about a data set; the ids stay used."""
    transaction.connection.execute(
        update(_TABLE).where(_TABLE.c.owner == owner).values(answer=None)
    )


def _place(request: Request, owner: str) -> Place:
    return Place(owner, "requests", "answer", f"{request.unit}/{request.request_id}")
