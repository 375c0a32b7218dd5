"""Refusals keep field, rule, article and remedy on their way over the wire."""

from datetime import timedelta

from google.protobuf.any_pb2 import Any
from google.rpc.error_details_pb2 import BadRequest, DebugInfo, ErrorInfo
from google.rpc.status_pb2 import Status

from interfaces.eurodac.errors import Violation
from interfaces.formats.errors import FormatRefused
from interfaces.wire.refusals import retry_after_in, status_of, violation_of, violations_in

VIOLATIONS = (
    Violation("V01", "visa", "Art. 22(2)", "field not allowed", "leave it out"),
    Violation("V02", "reference_number", "Art. 37(4)", "digit differs", "use digit 2"),
)


def test_violations_survive_the_wire_in_order() -> None:
    sent = status_of(3, "refused", VIOLATIONS).SerializeToString()
    assert violations_in(Status.FromString(sent)) == VIOLATIONS


def test_common_tools_find_each_violation_as_a_field_violation() -> None:
    status = status_of(3, "refused", VIOLATIONS)
    bad = BadRequest()
    assert status.details[2].Unpack(bad)
    assert [violation.field for violation in bad.field_violations] == ["visa", "reference_number"]
    assert "leave it out" in bad.field_violations[0].description


def test_the_wish_to_wait_survives_the_wire() -> None:
    assert retry_after_in(status_of(8, "busy", retry_after=timedelta(seconds=1.5))) == timedelta(
        seconds=1.5
    )
    assert retry_after_in(status_of(8, "busy")) is None


def test_details_of_others_are_passed_over() -> None:
    foreign, debug = Any(), Any()
    foreign.Pack(ErrorInfo(reason="X", domain="elsewhere"))
    debug.Pack(DebugInfo(detail="ours is no stack trace"))
    assert violations_in(Status(code=3, details=[foreign, debug])) == ()


def test_a_refusal_of_bytes_becomes_a_violation_with_its_code() -> None:
    refusal = FormatRefused("Q05 RESOLUTION", "image", "no dpi", "state it")
    assert violation_of(refusal) == Violation("Q05", "image", "profile", "no dpi", "state it")


def test_a_refusal_fits_into_the_metadata_that_common_clients_take() -> None:
    many = tuple(
        Violation("V05", f"nationalities[{number}]", "17(1)(c)", "the value " * 5, "write codes")
        for number in range(500)
    )
    status = status_of(9, "a rule forbids this", many)
    assert len(status.SerializeToString()) < 8 * 1024 * 3 // 4  # base64 takes a third more
    assert violations_in(status) == many[: len(violations_in(status))] != ()
    assert "of 500" in status.message


def test_the_same_violation_is_told_once() -> None:
    assert violations_in(status_of(9, "refused", VIOLATIONS * 40)) == VIOLATIONS
