"""The other end of the node's door: what a capture station, a desk or an expert's screen uses.

The command line, the demo and the load generator call a node through this and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from interfaces.doorway import MAX_MESSAGE_BYTES
from interfaces.eurodac.errors import Violation
from interfaces.pb.eurodac.nap.v1 import nap_pb2
from interfaces.profile import NAP_FILES, calls
from interfaces.wire.refusals import violations_in

PIECE_BYTES = 1024 * 1024
"""Size of the pieces of a streamed transaction: the most that the node takes in one."""

TIMEOUT_SECONDS = 60.0
"""Of one call: ten rolled prints take about two seconds of work, a busy node queues some more."""


class StationError(Exception):
    """A call failed. code: name of the gRPC status; violations: what was wrong, if it says so."""

    def __init__(self, code: str, message: str, violations: tuple[Violation, ...]) -> None:
        super().__init__("\n".join([f"{code}: {message}", *map(str, violations)]))
        self.code = code
        self.message = message
        self.violations = violations


@dataclass(frozen=True, slots=True)
class Identity:
    """PEM files by which the node knows the caller, and the caller the node."""

    certificate: Path
    key: Path
    authorities: Path

    @classmethod
    def in_folder(cls, folder: Path, name: str) -> Identity:
        """The certificate NAME that `pki init` wrote into a folder."""
        return cls(folder / f"{name}.pem", folder / f"{name}.key", folder / "ca.pem")


class Station:
    """One line to a node. identity None is plaintext, for trials only; actor then says who calls,
    as `C=DK,O=unit,OU=ROLE,CN=user`.
    """

    def __init__(self, address: str, *, identity: Identity | None, actor: str = "") -> None:
        options = [
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ]
        if identity is None:
            self._channel = grpc.insecure_channel(address, options)
        else:
            credentials = grpc.ssl_channel_credentials(
                root_certificates=identity.authorities.read_bytes(),
                private_key=identity.key.read_bytes(),
                certificate_chain=identity.certificate.read_bytes(),
            )
            self._channel = grpc.secure_channel(address, credentials, options)
        self._metadata = (("x-eurodac-actor", actor),) if actor else ()

    def call(self, method: str, request: Message, *, timeout: float = TIMEOUT_SECONDS) -> Any:
        """Send one request to a call named as in the ICD, for instance `Enrol`."""
        descriptor = CALLS[method]
        stub = self._channel.unary_unary(
            _path(descriptor),
            request_serializer=type(request).SerializeToString,
            response_deserializer=GetMessageClass(descriptor.output_type).FromString,
        )
        try:
            return stub(request, timeout=timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            raise _explain(error) from error

    def enrol_stream(
        self, header: nap_pb2.EnrolRequest, transaction: bytes, *, timeout: float = TIMEOUT_SECONDS
    ) -> nap_pb2.EnrolStreamResponse:
        """Enrol from a large ANSI/NIST-ITL transaction, sent in pieces."""
        descriptor = CALLS["EnrolStream"]
        stub = self._channel.stream_unary(
            _path(descriptor),
            request_serializer=nap_pb2.EnrolStreamRequest.SerializeToString,
            response_deserializer=nap_pb2.EnrolStreamResponse.FromString,
        )
        parts = [nap_pb2.EnrolStreamRequest(header=header), *_pieces(transaction)]
        try:
            return stub(iter(parts), timeout=timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            raise _explain(error) from error

    def watch(
        self, reference_number: str, *, after_revision: int = 0, scans_of: str | None = None
    ) -> Iterator[nap_pb2.Case]:
        """The case now and after every change, until the caller stops iterating.

        scans_of: whose document scans come along, None for all that fit into a message.
        """
        descriptor = CALLS["WatchCase"]
        stub = self._channel.unary_stream(
            _path(descriptor),
            request_serializer=nap_pb2.WatchCaseRequest.SerializeToString,
            response_deserializer=nap_pb2.WatchCaseResponse.FromString,
        )
        request = nap_pb2.WatchCaseRequest(
            reference_number=reference_number, after_revision=after_revision, scans_of=scans_of
        )
        stream = stub(request, metadata=self._metadata)
        try:
            for response in stream:
                yield response.case
        except grpc.RpcError as error:
            raise _explain(error) from error
        finally:
            stream.cancel()

    def is_healthy(self, *, timeout: float = TIMEOUT_SECONDS) -> bool:
        """Whether the node says that it is ready to serve."""
        stub = health_pb2_grpc.HealthStub(self._channel)
        try:
            response = stub.Check(  # type: ignore[attr-defined]
                health_pb2.HealthCheckRequest(), timeout=timeout
            )
        except grpc.RpcError:
            return False  # not there is not healthy; which of the two matters to nobody who asks
        return bool(response.status == health_pb2.HealthCheckResponse.SERVING)

    def close(self) -> None:
        """Break the line."""
        self._channel.close()


CALLS = calls(NAP_FILES)
"""Every call of eurodac.nap.v1 by its name."""


def _path(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def _pieces(transaction: bytes) -> Sequence[nap_pb2.EnrolStreamRequest]:
    starts = range(0, len(transaction), PIECE_BYTES)
    return [
        nap_pb2.EnrolStreamRequest(transaction_piece=transaction[start : start + PIECE_BYTES])
        for start in starts
    ]


def _explain(error: grpc.RpcError) -> StationError:
    status = rpc_status.from_call(cast(grpc.Call, error))
    if status is None:
        return StationError(error.code().name, error.details() or "", ())
    return StationError(error.code().name, status.message, violations_in(status))
