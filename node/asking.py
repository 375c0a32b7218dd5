"""Questions to the central system that are answered while the caller waits.

What must reach the centre goes by the outbox; these are questions of an official at a desk, who
asks again under the same request id when the line is down.
"""

from __future__ import annotations

from google.protobuf.message import Message

from interfaces.central.errors import CentralRefused, CentralUnavailable
from interfaces.eurodac.errors import RuleBroken
from node.assembly import Node
from node.errors import NotFound, NotReady, OutOfTurn
from node.store.requests import Request

ID_CHARACTERS = 40
"""Hexadecimal characters of a derived id: 160 bits, within the 64 characters of a request id."""


def ask_centre(node: Node, method: str, request: Message) -> Message:
    """Send one request and return its answer, within central.timeout_seconds.

    NotReady while the centre cannot be reached; the centre's own refusals keep their violations.
    """
    try:
        answer = node.client.send(method, request)
    except CentralUnavailable as silence:
        node.line.note_silence()
        message = "the central system does not answer now; ask again under the same request id"
        raise NotReady(message) from silence
    except CentralRefused as refusal:
        node.line.note_answer(node.now())
        if refusal.violations:
            raise RuleBroken(*refusal.violations) from refusal
        if refusal.code == "NOT_FOUND":
            raise NotFound("the central system knows nothing of that number") from refusal
        raise OutOfTurn(f"the central system refused {method}: {refusal.code}") from refusal
    node.line.note_answer(node.now())
    return answer


def derive_id(node: Node, request: Request) -> str:
    """The request id under which a unit's request goes on: the same whenever it is sent again."""
    named = "\0".join([request.act, request.unit, request.request_id]).encode()
    with node.store.read() as transaction:
        return transaction.vault.digest(named).hex()[:ID_CHARACTERS]
