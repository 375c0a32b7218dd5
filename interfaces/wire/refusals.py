"""Refusals <-> `google.rpc.Status`: what was wrong, by which rule, and what to do about it.

Every violation travels twice: as a `BadRequest.FieldViolation` for common tools, and as an
`ErrorInfo` whose metadata keep article, rule and remedy apart for programs.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from interfaces.eurodac.errors import Violation
from interfaces.formats.errors import FormatRefused

DOMAIN = "eurodac-node"
"""Domain of every ErrorInfo of the profile."""

MAX_DETAIL_BYTES = 5 * 1024
"""Most bytes of details: they travel as metadata, of which common gRPC clients take 8 KiB, and
answer a longer refusal with RESOURCE_EXHAUSTED as if the sender were to come back later."""


def violation_of(refusal: FormatRefused) -> Violation:
    """A refusal of untrusted bytes in the form in which broken rules travel."""
    code = refusal.rule.split()[0]
    return Violation(code, refusal.field, "profile", refusal.reason, refusal.remedy)


def status_of(
    code: int,
    message: str,
    violations: Iterable[Violation] = (),
    *,
    retry_after: timedelta | None = None,
) -> Status:
    """The status of a refusal. code: number of a gRPC status code."""
    every = tuple(dict.fromkeys(violations))
    listed = _fitting(every)
    if len(listed) < len(every):
        message = f"{message}; the first {len(listed)} of {len(every)} violations are listed"
    details: list[Message] = [_error_info(violation) for violation in listed]
    if listed:
        details.append(BadRequest(field_violations=map(_field_violation, listed)))
    if retry_after is not None:
        details.append(_retry_info(retry_after))
    return Status(code=code, message=message, details=map(_packed, details))


def violations_in(status: Status) -> tuple[Violation, ...]:
    """The violations that a status of this profile carries; others' details are passed over."""
    infos = [ErrorInfo() for _ in status.details]
    found = [
        info for info, detail in zip(infos, status.details, strict=True) if detail.Unpack(info)
    ]
    return tuple(
        Violation(
            code=info.reason,
            field=info.metadata["field"],
            article=info.metadata["article"],
            rule=info.metadata["rule"],
            remedy=info.metadata["remedy"],
        )
        for info in found
        if info.domain == DOMAIN
    )


def retry_after_in(status: Status) -> timedelta | None:
    """How long the other side asks to wait, if it says so."""
    info = RetryInfo()
    for detail in status.details:
        if detail.Unpack(info):
            delay: timedelta = info.retry_delay.ToTimedelta()
            return delay
    return None


def _fitting(violations: tuple[Violation, ...]) -> tuple[Violation, ...]:
    """The first violations, as many as the details have room for, but one at least."""
    used, fitting = 0, list[Violation]()
    for violation in violations:
        used += _error_info(violation).ByteSize() + _field_violation(violation).ByteSize()
        if fitting and used > MAX_DETAIL_BYTES:
            break
        fitting.append(violation)
    return tuple(fitting)


def _error_info(violation: Violation) -> ErrorInfo:
    return ErrorInfo(
        reason=violation.code,
        domain=DOMAIN,
        metadata={
            "field": violation.field,
            "article": violation.article,
            "rule": violation.rule,
            "remedy": violation.remedy,
        },
    )


def _field_violation(violation: Violation) -> BadRequest.FieldViolation:
    return BadRequest.FieldViolation(
        field=violation.field, description=str(violation), reason=violation.code
    )


def _retry_info(delay: timedelta) -> RetryInfo:
    info = RetryInfo()
    info.retry_delay.FromTimedelta(delay)
    return info


def _packed(message: Message) -> Any:
    packed = Any()
    packed.Pack(message)
    return packed
