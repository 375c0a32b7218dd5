"""The node's door: who calls, how many at once, and what a refusal is called on the wire."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

import grpc
from cryptography import x509
from google.protobuf.message import Message

from interfaces.doorway import MAX_MESSAGE_BYTES, Call, certificate_of, refuse, refuse_internal
from interfaces.eurodac.errors import RuleBroken, Violation
from interfaces.formats.errors import FormatRefused
from interfaces.pb.eurodac.nap.v1 import nap_pb2
from interfaces.wire import text
from interfaces.wire.refusals import violation_of
from matcher.errors import Abandoned, Malformed, Overloaded, Unreachable
from node import casework, messages
from node.access import Actor, actor_from_certificate, actor_from_name
from node.assembly import Node
from node.calls import CALLS, identify
from node.errors import (
    AccessDenied,
    NodeError,
    NotFound,
    NotReady,
    OutOfTurn,
    RequestReused,
    StoreUnusable,
)

PLAINTEXT_ACTOR = "x-eurodac-actor"
"""Metadata key that names the actor where the line is plaintext, for trials only."""

MAX_WATCHERS = 16
"""Streams of cases at once; each holds a thread, and a desk can also ask again and again."""

MAX_STREAMS = 8
"""Enrolments at once that come in pieces; each holds a thread from its first piece to its last."""

STREAM_SECONDS = 120.0
"""Longest time that the pieces of one enrolment may take: 32 MiB over a line of 3 Mbit/s. After it
the call is cancelled, so that a line that has fallen silent holds no thread."""

MAX_PIECE_BYTES = 1024 * 1024
"""Largest piece of a streamed transaction."""

WATCH_SECONDS = 1.0
"""Longest sleep of a stream before it looks whether its caller is still there."""

COME_BACK = timedelta(seconds=1)
"""How long a caller is asked to wait when the node is starting or full."""

_CODES: Mapping[type[Exception], grpc.StatusCode] = {
    RuleBroken: grpc.StatusCode.FAILED_PRECONDITION,
    FormatRefused: grpc.StatusCode.INVALID_ARGUMENT,
    Malformed: grpc.StatusCode.INVALID_ARGUMENT,
    Abandoned: grpc.StatusCode.DEADLINE_EXCEEDED,
    Overloaded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Unreachable: grpc.StatusCode.UNAVAILABLE,
    AccessDenied: grpc.StatusCode.PERMISSION_DENIED,
    NotFound: grpc.StatusCode.NOT_FOUND,
    RequestReused: grpc.StatusCode.ALREADY_EXISTS,
    OutOfTurn: grpc.StatusCode.FAILED_PRECONDITION,
    NotReady: grpc.StatusCode.UNAVAILABLE,
    StoreUnusable: grpc.StatusCode.UNAVAILABLE,
}
"""What each error is called on the wire; any other is an internal error with a number."""


class Door:
    """The calls of eurodac.nap.v1 over one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._watchers = threading.Semaphore(MAX_WATCHERS)
        self._streams = threading.Semaphore(MAX_STREAMS)
        self._closing = threading.Event()

    def calls(self, names: list[str]) -> Mapping[str, Call]:
        """The functions that answer these calls."""
        special: Mapping[str, Call] = {
            "EnrolStream": self._enrol_stream,
            "Identify": self._identify,
            "WatchCase": self._watch_case,
        }
        return {name: special.get(name) or partial(self._answer, name) for name in names}

    def close(self) -> None:
        """End the streams; single calls end by themselves."""
        self._closing.set()

    def _answer(self, call: str, request: Message, context: grpc.ServicerContext) -> Message:
        with _refusing(context):
            if not context.is_active():
                refuse(context, grpc.StatusCode.DEADLINE_EXCEEDED, "the caller has gone")
            return CALLS[call](self._node, self._actor(context), request)

    def _identify(self, request: nap_pb2.IdentifyRequest, context: grpc.ServicerContext) -> Message:
        """A search ends with its caller: nobody would hear what it finds."""
        with _refusing(context):
            actor = self._actor(context)
            return identify(self._node, actor, request, deadline=lambda: not context.is_active())

    def _enrol_stream(
        self, parts: Iterator[nap_pb2.EnrolStreamRequest], context: grpc.ServicerContext
    ) -> Message:
        with _refusing(context):
            actor = self._actor(context)
            if not self._streams.acquire(blocking=False):
                message = f"{MAX_STREAMS} enrolments come in pieces already"
                refuse(context, grpc.StatusCode.RESOURCE_EXHAUSTED, message, wait=COME_BACK)
            try:
                request = _gather_in_time(parts, context)
            finally:
                self._streams.release()
            return CALLS["EnrolStream"](self._node, actor, request)

    def _watch_case(
        self, request: nap_pb2.WatchCaseRequest, context: grpc.ServicerContext
    ) -> Iterator[nap_pb2.WatchCaseResponse]:
        with _refusing(context):
            actor = self._actor(context)
            number = text("reference_number", request.reference_number)
            if not self._watchers.acquire(blocking=False):
                message = f"{MAX_WATCHERS} cases are watched already"
                refuse(context, grpc.StatusCode.RESOURCE_EXHAUSTED, message, wait=COME_BACK)
            try:
                yield from self._changes(context, actor, number, request)
            finally:
                self._watchers.release()

    def _changes(
        self,
        context: grpc.ServicerContext,
        actor: Actor,
        number: str,
        request: nap_pb2.WatchCaseRequest,
    ) -> Iterator[nap_pb2.WatchCaseResponse]:
        seen, scans = request.after_revision, messages.scans_of(request)
        # The first reading asks for access and whether there is such a case at all.
        case = casework.get_case(self._node, actor, number)
        while context.is_active() and not self._closing.is_set():
            if case.revision > seen:
                seen = case.revision
                shown = messages.case_to(case, self._node.now(), scans_of=scans)
                yield nap_pb2.WatchCaseResponse(case=shown)
            revision = casework.wait_for_change(
                self._node, number, after_revision=seen, timeout_seconds=WATCH_SECONDS
            )
            if revision > seen:
                case = casework.get_case(self._node, actor, number)

    def _actor(self, context: grpc.ServicerContext) -> Actor:
        certificate = certificate_of(context)
        if certificate is not None:
            return actor_from_certificate(certificate)
        if not self._node.settings.unsafe_plaintext:
            refuse(context, grpc.StatusCode.UNAUTHENTICATED, "a client certificate is needed")
        named = dict(context.invocation_metadata()).get(PLAINTEXT_ACTOR, "")
        try:
            return actor_from_name(x509.Name.from_rfc4514_string(str(named)))
        except ValueError as error:
            raise AccessDenied(f"{PLAINTEXT_ACTOR} names no actor") from error


def _gather_in_time(
    parts: Iterator[nap_pb2.EnrolStreamRequest], context: grpc.ServicerContext
) -> nap_pb2.EnrolRequest:
    watch = threading.Timer(STREAM_SECONDS, context.cancel)
    watch.daemon = True
    watch.start()
    try:
        return gather(parts)
    finally:
        watch.cancel()


def gather(parts: Iterator[nap_pb2.EnrolStreamRequest]) -> nap_pb2.EnrolRequest:
    """The request that a stream carries: one header, then pieces of the transaction."""
    header: nap_pb2.EnrolRequest | None = None
    pieces: list[bytes] = []
    total = 0
    for part in parts:
        if part.WhichOneof("part") == "header":
            if header is not None:
                raise FormatRefused("W01 VALUE", "header", "a second header", "send it once, first")
            header = part.header
            continue
        if header is None:
            raise FormatRefused("W02 ABSENT", "header", "no header", "send the header first")
        total += len(part.transaction_piece)
        if len(part.transaction_piece) > MAX_PIECE_BYTES or total > MAX_MESSAGE_BYTES:
            limit = f"pieces of {MAX_PIECE_BYTES} bytes, {MAX_MESSAGE_BYTES} in all"
            raise FormatRefused("L01 TOO_LARGE", "transaction_piece", "too large", f"send {limit}")
        pieces.append(part.transaction_piece)
    if header is None:
        raise FormatRefused("W02 ABSENT", "header", "an empty stream", "send a header and pieces")
    if header.HasField("capture"):
        raise FormatRefused("W01 VALUE", "header.capture", "is not empty", "send it in pieces")
    header.capture.transaction = b"".join(pieces)
    return header


@contextmanager
def _refusing(context: grpc.ServicerContext) -> Iterator[None]:
    """Turn the errors of the acts into statuses by the table above."""
    try:
        yield
    except tuple(_CODES) as error:
        code = next(_CODES[kind] for kind in type(error).__mro__ if kind in _CODES)
        refuse(context, code, _describe(error), _violations(error), wait=_wait(code, error))
    except grpc.RpcError:
        raise  # the caller has gone, or was too slow; nobody hears an answer
    except Exception as error:
        if context.code() is not None:  # type: ignore[attr-defined]
            raise  # a refusal of the door itself on its way out
        refuse_internal(context, error)


def _describe(error: Exception) -> str:
    if isinstance(error, RuleBroken):
        return "a rule forbids this"
    if isinstance(error, FormatRefused):
        return "ill-formed request"
    return str(error) if isinstance(error, NodeError) else type(error).__name__


def _wait(code: grpc.StatusCode, error: Exception) -> timedelta | None:
    """How long a caller is asked to wait before the same call may succeed; None: it never will."""
    if isinstance(error, Overloaded):
        return timedelta(seconds=error.seconds)
    return COME_BACK if code is grpc.StatusCode.UNAVAILABLE else None


def _violations(error: Exception) -> tuple[Violation, ...]:
    if isinstance(error, RuleBroken):
        return error.violations
    if isinstance(error, FormatRefused):
        return (violation_of(error),)
    if isinstance(error, Malformed):
        remedy = "Send samples within the limits of the ICD."
        return (Violation("Q04", "capture", "profile", str(error), remedy),)
    return ()
