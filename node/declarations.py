"""Declarations of the State that extend time limits: technical incidents and sudden influx.

The law extends nothing without them on record (Arts 15(2), 22(6), 23(5), 24(5), (6), 26(4)).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from interfaces.eurodac.circumstances import InfluxNotice, check_influx
from interfaces.eurodac.codes import broken
from interfaces.eurodac.periods import local_day
from node import acts
from node.access import Act, Actor, Purpose
from node.acts import Deed, Written
from node.assembly import Node
from node.store import Transaction, extensions
from node.store.extensions import Extension, ExtensionKind
from node.store.transaction import THE_NODE


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a supervisor declares. ends_at: None while a technical problem goes on."""

    request_id: str
    kind: ExtensionKind
    starts_at: datetime
    ends_at: datetime | None = None


def declare(node: Node, actor: Actor, declaration: Declaration) -> str:
    """Put a declaration on record; returns its id, which enrolments then refer to."""
    deed = Deed(actor, Act.DECLARE_EXTENSION, Purpose.OPERATION)

    def write(transaction: Transaction) -> Written:
        extension = Extension(
            extension_id=node.new_id(),
            kind=declaration.kind,
            declared_by=actor.user,
            declared_at=node.now(),
            starts_at=declaration.starts_at,
            ends_at=declaration.ends_at,
        )
        extensions.add(transaction, extension)
        detail = f"{declaration.kind} {extension.extension_id}"
        return Written(extension.extension_id.encode(), THE_NODE, detail=detail)

    with acts.conduct(node, deed):
        _check(node, declaration)
        request = acts.name_request(
            deed, declaration.request_id, repr(replace(declaration, request_id=""))
        )
        answer = acts.find_answer(node, deed, request)
        if answer is None:
            answer = acts.carry_out(node, deed, request, write)
        return answer.decode()


def end_incident(node: Node, actor: Actor, request_id: str, extension_id: str) -> None:
    """Note that a technical problem ended now; limits that already ran stay extended."""
    deed = Deed(actor, Act.DECLARE_EXTENSION, Purpose.OPERATION)

    def write(transaction: Transaction) -> Written:
        extensions.end(transaction, extension_id, node.now())
        return Written(b"", THE_NODE, detail=f"ended {extension_id}")

    with acts.conduct(node, deed):
        request = acts.name_request(deed, request_id, extension_id)
        if acts.find_answer(node, deed, request) is None:
            acts.carry_out(node, deed, request, write)


def _check(node: Node, declaration: Declaration) -> None:
    """An influx is notified with its end, one month later at most (Art. 24(6))."""
    if declaration.kind is not ExtensionKind.INFLUX:
        return
    if declaration.ends_at is None:
        rule = "An influx notice states how long it is in force."
        acts.insist(broken("V16", "ends_at", "24(6)", rule=rule))
        return
    ends = (declaration.starts_at, declaration.ends_at)
    days = [local_day(at, node.member_state) for at in ends]
    acts.insist(*check_influx(InfluxNotice(*days)))
