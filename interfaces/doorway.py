"""What the doors of node and stand-in have in common: listening, calling, refusing.

The only gRPC of the product besides the two doors and the client of the centre.
"""

from __future__ import annotations

import logging
import os
import signal
import traceback
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import grpc
from cryptography import x509
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from grpc_status import rpc_status

from interfaces.eurodac.errors import Violation
from interfaces.wire.refusals import status_of

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""Largest message: ten uncompressed fingers, slaps and a photograph stay below 40 MB."""

KEEPALIVE_MS = 30_000
"""Interval of keepalive pings both ways: half of the shortest idle time of common firewalls."""

MIN_PING_MS = 10_000
"""Pings that are closer together than this close the connection; documented in the ICD."""

ENDING_SIGNALS = signal.SIGTERM, signal.SIGINT

Call = Callable[[Any, grpc.ServicerContext], Any]
"""One call behind a door: message (or iterator of messages) and context -> answer (or iterator)."""


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files of the server, and of the authority that signs its callers' certificates."""

    certificate: Path
    key: Path
    authorities: Path


@dataclass(frozen=True, slots=True)
class Doorway:
    """A listening server, not yet started. port: the one that listens."""

    server: grpc.Server
    port: int
    health: health.HealthServicer
    services: tuple[str, ...]

    def start(self) -> None:
        """Take calls; the health check still says NOT_SERVING."""
        self.server.start()

    def ready(self, is_ready: bool) -> None:
        """Say over the health check whether calls are wanted."""
        status = health_pb2.HealthCheckResponse
        said = status.SERVING if is_ready else status.NOT_SERVING
        for service in ("", *self.services):
            self.health.set(service, said)

    def drain(self, grace_seconds: float) -> None:
        """Refuse new calls, let those under way finish within the grace, then close."""
        self.health.enter_graceful_shutdown()
        self.server.stop(grace_seconds).wait()


class Ending:
    """SIGTERM and SIGINT, from now on, as something that the main thread waits for.

    The system's own handler writes into a pipe. One of Python's could not be relied on: it only
    runs when the main thread next interprets something, and where the signal comes just before
    that begins to wait, it never does; and one that sets an Event may stop at the lock that the
    waiting thread holds.
    """

    def __init__(self) -> None:
        """Raises ValueError in any other than the main thread."""
        self._reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing)
        for number in ENDING_SIGNALS:
            signal.signal(number, lambda *_: None)

    def wait(self) -> None:
        """Return once for each signal that came; at once if one came before."""
        # The pipe tells of every signal that anything in the process handles, by its number.
        while os.read(self._reading, 1)[0] not in ENDING_SIGNALS:
            continue


def open_doorway(
    services: Mapping[ServiceDescriptor, Mapping[str, Call]],
    address: str,
    *,
    tls: TlsFiles | None,
    workers: int,
    most_calls: int | None = None,
    max_message_bytes: int = MAX_MESSAGE_BYTES,
) -> Doorway:
    """Listen at host:port (port 0: any free one) for the calls of some services.

    tls None is plaintext, for trials only. workers: threads; a stream holds one. most_calls:
    calls taken at once, more are refused with RESOURCE_EXHAUSTED. max_message_bytes: of one
    message that comes in. Raises OSError when the
    address cannot be had.
    """
    server = grpc.server(
        ThreadPoolExecutor(workers, thread_name_prefix="call"),
        maximum_concurrent_rpcs=most_calls,
        options=[
            ("grpc.max_receive_message_length", max_message_bytes),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.keepalive_time_ms", KEEPALIVE_MS),
            ("grpc.http2.min_ping_interval_without_data_ms", MIN_PING_MS),
            ("grpc.so_reuseport", 0),
        ],
    )
    for service, calls in services.items():
        server.add_generic_rpc_handlers((_handlers(service, calls),))
    healthy = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    names = tuple(service.full_name for service in services)
    reflection.enable_server_reflection(
        (*names, health.SERVICE_NAME, reflection.SERVICE_NAME), server
    )
    doorway = Doorway(server, _listen(server, address, tls), healthy, names)
    doorway.ready(False)
    return doorway


def refuse(
    context: grpc.ServicerContext,
    code: grpc.StatusCode,
    message: str,
    violations: tuple[Violation, ...] = (),
    *,
    wait: timedelta | None = None,
) -> NoReturn:
    """End a call with a status, its violations and the wish to wait as `google.rpc` details."""
    status = status_of(code.value[0], message, violations, retry_after=wait)
    context.abort_with_status(rpc_status.to_status(status))
    raise AssertionError("abort does not return")


def refuse_internal(context: grpc.ServicerContext, error: Exception) -> NoReturn:
    """End a call that broke down: the caller hears a number, the log tells where under it.

    Only places in the code are logged, never the error's text: it may quote what was sent.
    """
    incident = uuid.uuid4().hex[:12]
    log.error("incident %s: %s", incident, name_places(error))
    refuse(context, grpc.StatusCode.INTERNAL, f"internal error, incident {incident}")


def name_places(error: Exception) -> str:
    """Kind of an error and where in the code it arose, without its text."""
    return type(error).__name__ + "\n" + "".join(traceback.format_tb(error.__traceback__))


def certificate_of(context: grpc.ServicerContext) -> x509.Certificate | None:
    """The caller's certificate, verified by TLS; None on a plaintext line."""
    values: Iterable[Any] = context.auth_context().get("x509_pem_cert", ())
    return next((x509.load_pem_x509_certificate(pem) for pem in values), None)


def _handlers(service: ServiceDescriptor, calls: Mapping[str, Call]) -> grpc.GenericRpcHandler:
    """Handlers of every call of a service; one without a function, or beyond it, is an error."""
    methods = {method.name: method for method in service.methods}
    if methods.keys() != calls.keys():
        raise ValueError(f"{service.name}: {sorted(methods.keys() ^ calls.keys())} do not agree")
    return grpc.method_handlers_generic_handler(
        service.full_name, {name: _handler(methods[name], call) for name, call in calls.items()}
    )


def _handler(method: MethodDescriptor, call: Call) -> grpc.RpcMethodHandler[Any, Any]:
    kinds = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }
    return kinds[method.client_streaming, method.server_streaming](
        call,
        request_deserializer=GetMessageClass(method.input_type).FromString,
        response_serializer=GetMessageClass(method.output_type).SerializeToString,
    )


def _listen(server: grpc.Server, address: str, tls: TlsFiles | None) -> int:
    try:
        if tls is None:
            port = server.add_insecure_port(address)
        else:
            credentials = grpc.ssl_server_credentials(
                [(tls.key.read_bytes(), tls.certificate.read_bytes())],
                root_certificates=tls.authorities.read_bytes(),
                require_client_auth=True,
            )
            port = server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise OSError(f"cannot listen at {address}") from error
    if port == 0:
        raise OSError(f"cannot listen at {address}")
    return port
