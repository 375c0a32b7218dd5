"""The central system as its callers see it: send a request, follow the notices.

Plaintext is for trials on one machine; over a network give credentials.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import grpc
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from interfaces.central.errors import CentralRefused, CentralUnavailable
from interfaces.pb.eurodac.central.v1 import central_pb2, central_pb2_grpc
from interfaces.profile import CENTRAL_FILES, calls
from interfaces.wire.refusals import retry_after_in, violations_in

PLAINTEXT_STATE = "x-eurodac-state"
"""Metadata key that names the calling State where the line is plaintext."""

CALLS = calls(CENTRAL_FILES)
"""Every call of eurodac.central.v1 by its name."""

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""Largest message either way: the centre returns the images of every hit, gRPC's own 4 MB would
not hold two captures."""

KEEPALIVE_MILLISECONDS = 60_000
"""Between signs of life on an idle line, so that a dead one is noticed while only notices are
awaited; common servers tolerate one a minute."""

RECONNECT_MILLISECONDS = 1_000
"""Longest wait of the channel itself between attempts; the caller has its own, longer backoff."""

UNAVAILABLE = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
        # A certificate that has just expired is repaired by its owner, not by another request.
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
    }
)
TOO_MUCH = frozenset({grpc.StatusCode.RESOURCE_EXHAUSTED})
"""Without the wish to wait: a request or its answer is too large, and others may go first."""

FAULTY = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DATA_LOSS})


class CentralFaulty(CentralUnavailable):
    """The centre failed while it handled this request; others may go first."""


class CentralBusy(CentralUnavailable):
    """The centre asks to wait. retry_after: how long at least."""

    def __init__(self, message: str, retry_after: timedelta) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Credentials:
    """PEM files: our certificate and key, and the authorities whose servers we trust."""

    certificate: Path
    key: Path
    authorities: Path


class CentralClient:
    """One channel to the centre. Thread-safe; connects when first used and whenever it broke."""

    def __init__(
        self, address: str, state: str, *, credentials: Credentials | None, timeout_seconds: float
    ) -> None:
        self._timeout = timeout_seconds
        # A certificate says who calls; on a plaintext line, for trials, the caller says it.
        self._metadata = ((PLAINTEXT_STATE, state),) if credentials is None else ()
        self._channel = _open_channel(address, credentials)
        self._stub = central_pb2_grpc.CentralSystemServiceStub(self._channel)
        # The published stubs of the types do not know the calls of this class.
        self._health: Any = health_pb2_grpc.HealthStub(self._channel)

    def connect(self) -> None:
        """Return once the line stands and the centre takes calls; CentralUnavailable otherwise.

        Whoever marks what has left asks this first: as long as it raises, nothing has. It asks
        the standard health service, because a real call is the only proof of a line.
        """
        request = health_pb2.HealthCheckRequest()
        try:
            answer = self._health.Check(request, timeout=self._timeout)
        except grpc.RpcError as error:
            # Any answer at all came over a line that stands.
            if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
                raise CentralUnavailable("no connection to the central system") from error
            return
        except ValueError as error:
            raise CentralUnavailable("the line to the central system is closed") from error
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            raise CentralUnavailable("the central system takes no calls now")

    def send(self, method: str, request: Message) -> Message:
        """Call a method of the service by its name and return its response."""
        descriptor = CALLS[method]
        call: Callable[..., Message] = self._channel.unary_unary(
            f"/{descriptor.containing_service.full_name}/{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=GetMessageClass(descriptor.output_type).FromString,
        )
        try:
            return call(request, timeout=self._timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            raise _explain(error) from error
        except ValueError as error:
            raise CentralUnavailable("the line to the central system is closed") from error

    def notices(self, after: int) -> Notices:
        """Follow the notices behind a cursor, first the stored ones, then live."""
        request = central_pb2.SubscribeNoticesRequest(after=after)
        try:
            return Notices(self._stub.SubscribeNotices(request, metadata=self._metadata))
        except ValueError as error:
            raise CentralUnavailable("the line to the central system is closed") from error

    def close(self) -> None:
        """Break the line; calls under way end with CentralUnavailable."""
        self._channel.close()


class Notices:
    """An endless iterator of notices that another thread may end with cancel()."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def __iter__(self) -> Iterator[central_pb2.Notice]:
        try:
            for response in self._call:
                yield response.notice
        except grpc.RpcError as error:
            raise _explain(error) from error

    def cancel(self) -> None:
        """End the iteration with CentralUnavailable."""
        self._call.cancel()


def _open_channel(address: str, credentials: Credentials | None) -> grpc.Channel:
    options = [
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.keepalive_time_ms", KEEPALIVE_MILLISECONDS),
        ("grpc.max_reconnect_backoff_ms", RECONNECT_MILLISECONDS),
        # The outbox decides what is sent again and when; hidden retries would reorder.
        ("grpc.enable_retries", 0),
    ]
    if credentials is None:
        return grpc.insecure_channel(address, options)
    pem = grpc.ssl_channel_credentials(
        root_certificates=credentials.authorities.read_bytes(),
        private_key=credentials.key.read_bytes(),
        certificate_chain=credentials.certificate.read_bytes(),
    )
    return grpc.secure_channel(address, pem, options)


def _explain(error: grpc.RpcError) -> CentralUnavailable | CentralRefused:
    code = error.code()
    status = rpc_status.from_call(cast(grpc.Call, error))
    wait = None if status is None else retry_after_in(status)
    if code in UNAVAILABLE and wait is not None:
        return CentralBusy(f"the central system says {code.name}", wait)
    if code in TOO_MUCH:
        return CentralFaulty(f"the central system says {code.name}")
    if code in UNAVAILABLE:
        return CentralUnavailable(f"the central system says {code.name}")
    if code in FAULTY:
        return CentralFaulty(f"the central system says {code.name}")
    if status is None:
        return CentralRefused(code.name, error.details() or "")
    return CentralRefused(code.name, status.message, violations_in(status))
