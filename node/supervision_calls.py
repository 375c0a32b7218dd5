"""Calls about declarations and monitoring as translations: message -> act -> message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message

from interfaces import wire
from interfaces.eurodac.declared import DECLARED, Declared, DeclaredKind
from interfaces.pb.eurodac.nap.v1 import nap_pb2
from interfaces.wire.scalars import day
from node import derogations, oversight
from node.access import Actor
from node.assembly import Node
from node.store.declared import StoredDeclared


def propose_declaration(
    node: Node, actor: Actor, request: nap_pb2.ProposeDeclarationRequest
) -> nap_pb2.ProposeDeclarationResponse:
    """Put a derogation or prolongation forward."""
    kind = wire.enumerated(nap_pb2.DeclarationKind, "DECLARATION_KIND_", DeclaredKind)
    declared = Declared(
        kind=kind("kind", request.kind),
        state=wire.text("member_state", request.member_state),
        starts_on=day("starts_on", request.starts_on),
        ends_on=day("ends_on", request.ends_on),
        decision=wire.text("decision", request.decision),
        prolonged=wire.text("prolonged", request.prolonged),
    )
    replaces = wire.text("replaces", request.replaces)
    proposed = derogations.Proposed(request.request_id, declared, replaces)
    return nap_pb2.ProposeDeclarationResponse(
        declaration_id=derogations.propose(node, actor, proposed)
    )


def approve_declaration(
    node: Node, actor: Actor, request: nap_pb2.ApproveDeclarationRequest
) -> nap_pb2.ApproveDeclarationResponse:
    """Let a declaration hold that another supervisor proposed."""
    declared_id = wire.text("declaration_id", request.declaration_id)
    derogations.approve(node, actor, request.request_id, declared_id)
    return nap_pb2.ApproveDeclarationResponse()


def list_declarations(
    node: Node,
    actor: Actor,
    request: nap_pb2.ListDeclarationsRequest,  # noqa: ARG001 - it is empty
) -> nap_pb2.ListDeclarationsResponse:
    """Tell what is or was declared."""
    found = derogations.read(node, actor)
    return nap_pb2.ListDeclarationsResponse(declarations=map(_declared_to, found))


def begin_monitoring(
    node: Node, actor: Actor, request: nap_pb2.BeginMonitoringRequest
) -> nap_pb2.BeginMonitoringResponse:
    """Keep records for a monitoring procedure that has begun."""
    number = wire.text("reference_number", request.reference_number)
    hold_id = oversight.begin_monitoring(node, actor, request.request_id, number)
    return nap_pb2.BeginMonitoringResponse(hold_id=hold_id)


def end_monitoring(
    node: Node, actor: Actor, request: nap_pb2.EndMonitoringRequest
) -> nap_pb2.EndMonitoringResponse:
    """Let the records go that a monitoring procedure kept."""
    hold_id = wire.text("hold_id", request.hold_id)
    oversight.end_monitoring(node, actor, request.request_id, hold_id)
    return nap_pb2.EndMonitoringResponse()


CALLS: Mapping[str, Callable[[Node, Actor, Any], Message]] = {
    "ProposeDeclaration": propose_declaration,
    "ApproveDeclaration": approve_declaration,
    "ListDeclarations": list_declarations,
    "BeginMonitoring": begin_monitoring,
    "EndMonitoring": end_monitoring,
}
"""The calls by their names."""


def _declared_to(stored: StoredDeclared) -> nap_pb2.Declaration:
    declared = stored.declared
    return nap_pb2.Declaration(
        declaration_id=stored.declared_id,
        kind=nap_pb2.DeclarationKind.Value(f"DECLARATION_KIND_{declared.kind}"),
        member_state=declared.state,
        starts_on="" if declared.starts_on is None else declared.starts_on.isoformat(),
        ends_on="" if declared.ends_on is None else declared.ends_on.isoformat(),
        decision=declared.decision,
        prolonged=declared.prolonged,
        article=DECLARED[declared.kind].article,
        state=nap_pb2.Declaration.State.Value(f"STATE_{stored.stand}"),
        proposed_by=stored.proposed_by,
        approved_by=stored.approved_by,
    )
