"""The frame of every act: allowed first, done once, written together, then published.

with acts.conduct(node, deed):                     allow; records every ending but success
    found = acts.find_answer(node, deed, request)  an earlier answer to the same request
    ...                                            work
    answer = acts.carry_out(node, deed, request, write)
                                                   write together, publish, answer
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from google.protobuf.message import Message

from interfaces import wire
from interfaces.eurodac import deadlines
from interfaces.eurodac.errors import RuleBroken, Violation
from interfaces.formats import FormatRefused
from node import access
from node.access import Act, Actor, Purpose
from node.assembly import Node, publish
from node.audit import Outcome, Record
from node.errors import AccessDenied, NodeError
from node.store import Transaction, records, requests
from node.store.requests import Request
from node.vocabulary import Task, TaskKind


@dataclass(frozen=True, slots=True)
class Deed:
    """One act as it is allowed and recorded."""

    actor: Actor
    act: Act
    purpose: Purpose
    reference_number: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """What an act wrote. answer: bytes to repeat later. owner: the data set the answer tells about.

    reference_number: what the act was about, as the audit names it. added, removed: references
    that enter and leave the gallery once all is durable.
    """

    answer: bytes
    owner: str
    reference_number: str = ""
    detail: str = ""
    added: tuple[int, ...] = ()
    removed: tuple[int, ...] = ()


@contextmanager
def conduct(node: Node, deed: Deed) -> Iterator[None]:
    """First beat: go on only if the actor may; denials and refusals are recorded as such."""
    try:
        access.allow(deed.actor, deed.act, deed.purpose, member_state=node.member_state)
    except AccessDenied:
        record(node, deed, Outcome.DENIED)
        raise
    try:
        yield
    except (RuleBroken, FormatRefused, NodeError) as error:
        record(node, deed, Outcome.REFUSED, detail=_name_codes(error))
        raise


def record(node: Node, deed: Deed, outcome: Outcome, *, detail: str = "") -> None:
    """Append one record in a commit of its own; for acts that write nothing else."""
    with node.store.write() as transaction:
        append(node, transaction, deed, outcome, detail=detail)


def append(
    node: Node, transaction: Transaction, deed: Deed, outcome: Outcome, *, detail: str = ""
) -> None:
    """Append the record of an act in the transaction of its writes."""
    entry = Record(
        at=node.now(),
        actor=deed.actor,
        act=deed.act,
        purpose=deed.purpose,
        outcome=outcome,
        reference_number=deed.reference_number,
        detail=detail,
    )
    records.append(transaction, entry)


def name_request(deed: Deed, request_id: str, *content: Message | str) -> Request:
    """The request of a unit: its id, and every part of its content with its length in front."""
    wire.check_request_id(request_id)
    parts = [
        part.encode() if isinstance(part, str) else part.SerializeToString(deterministic=True)
        for part in content
    ]
    canonical = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return Request(deed.actor.unit, request_id, deed.act, canonical)


def find_answer(node: Node, deed: Deed, request: Request) -> bytes | None:
    """The answer that the same request got before; RequestReused if its content differs."""
    with node.store.read() as transaction:
        found = requests.find_answer(transaction, request)
    if found is not None:
        record(node, deed, Outcome.REPEATED)
    return found


def carry_out(
    node: Node, deed: Deed, request: Request, write: Callable[[Transaction], Written]
) -> bytes:
    """Fourth to fifth beat: writes, audit record and answer in one commit; then publication.

    A twin of the request that was faster has its answer returned and `write` is not called.
    """
    with node.store.write() as transaction:
        found = requests.find_answer(transaction, request)
        if found is not None:
            append(node, transaction, deed, Outcome.REPEATED)
            return found
        written = write(transaction)
        requests.keep_answer(
            transaction, request, written.answer, owner=written.owner, at=node.now()
        )
        named = replace(deed, reference_number=written.reference_number or deed.reference_number)
        append(node, transaction, named, Outcome.DONE, detail=written.detail)
    publish(node, added=written.added, removed=written.removed)
    return written.answer


def open_task(
    node: Node,
    kind: TaskKind,
    reference_number: str,
    what: str,
    *,
    limit: deadlines.Deadline | None = None,
    article: str = "",
    hit_id: str = "",
) -> Task:
    """A task with a number of its own; its article and limit are those of `limit` where given."""
    return Task(
        task_id=node.new_id(),
        reference_number=reference_number,
        kind=kind,
        what=what,
        article=article if limit is None else limit.article,
        opened_at=node.now(),
        due=None if limit is None else limit.due_at,
        hit_id=hit_id,
    )


def insist(*violations: Violation) -> None:
    """Raise RuleBroken with all violations, if there are any."""
    if violations:
        raise RuleBroken(*violations)


def _name_codes(error: Exception) -> str:
    """What was wrong, in codes only: texts of foreign bytes stay out of the audit chain."""
    if isinstance(error, RuleBroken):
        return " ".join(["RuleBroken", *(violation.code for violation in error.violations)])
    if isinstance(error, FormatRefused):
        return f"FormatRefused {error.rule.split()[0]}"
    return type(error).__name__
