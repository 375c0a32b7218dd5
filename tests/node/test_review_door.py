"""Whatever comes to the door, it answers with a status of the table and never breaks down."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from interfaces import wire
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.errors import RuleBroken
from interfaces.formats.errors import FormatRefused
from interfaces.pb.eurodac.central.v1 import terms_pb2
from interfaces.pb.eurodac.nap.v1 import nap_pb2
from node.access import Actor
from node.assembly import Node
from node.calls import CALLS
from node.errors import NodeError

ENDS_OF_TIME = (
    Timestamp(seconds=-62135596800),
    Timestamp(seconds=253402300799, nanos=999_999_999),
    Timestamp(seconds=-(2**62)),
    Timestamp(seconds=2**62),
    Timestamp(seconds=0, nanos=-5),
    Timestamp(seconds=0, nanos=2**31 - 1),
)


def _enrolment(applicant: DataSet, capture: terms_pb2.Capture) -> nap_pb2.EnrolRequest:
    return nap_pb2.EnrolRequest(
        request_id="extreme", data_set=wire.dataset_to(applicant), capture=capture
    )


def _expect_refusal_or_answer(node: Node, call: str, actor: Actor, request: Message) -> None:
    try:
        CALLS[call](node, actor, request)
    except (RuleBroken, FormatRefused, NodeError):
        return


@pytest.mark.parametrize("at", ENDS_OF_TIME, ids=str)
def test_no_instant_breaks_an_enrolment(
    node: Node,
    station: Actor,
    applicant: DataSet,
    capture_of: Callable[..., terms_pb2.Capture],
    at: Timestamp,
) -> None:
    plain = _enrolment(applicant, capture_of(1))
    places = {
        "data_set.biometrics_taken_at": lambda one: one.data_set.biometrics_taken_at,
        "data_set.event.occurred_at": lambda one: one.data_set.event.occurred_at,
        "clock.health_grounds_ended_at": lambda one: one.clock.health_grounds_ended_at,
        "clock.custody_until": lambda one: one.clock.custody_until,
    }
    for number, (category, find) in enumerate(
        itertools.product(terms_pb2.Category.values(), places.values())
    ):
        request = nap_pb2.EnrolRequest()
        request.CopyFrom(plain)
        request.request_id = f"extreme {number}"
        request.data_set.category = category
        find(request).CopyFrom(at)
        _expect_refusal_or_answer(node, "Enrol", station, request)


@pytest.mark.parametrize("at", ENDS_OF_TIME, ids=str)
def test_no_instant_breaks_a_declaration_or_a_list(
    node: Node, supervisor: Actor, at: Timestamp
) -> None:
    start = Timestamp(seconds=1_790_000_000)
    kinds = nap_pb2.ExtensionKind.values()
    for number, kind in enumerate(kinds):
        for name in ("starts_at", "ends_at"):
            request = nap_pb2.DeclareExtensionRequest(
                request_id=f"{number} {name}", kind=kind, starts_at=start, ends_at=start
            )
            getattr(request, name).CopyFrom(at)
            _expect_refusal_or_answer(node, "DeclareExtension", supervisor, request)
    _expect_refusal_or_answer(node, "ListDue", supervisor, nap_pb2.ListDueRequest(before=at))


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_no_day_breaks_an_enrolment(
    node: Node,
    station: Actor,
    applicant: DataSet,
    capture_of: Callable[..., terms_pb2.Capture],
    day: str,
) -> None:
    for category in terms_pb2.Category.values():
        for name in ("date_of_birth", "council", "arrival_after_relocation_on", "decision"):
            request = _enrolment(applicant, capture_of(1))
            request.request_id = f"{category} {name}"
            request.data_set.category = category
            if name == "council":
                request.data_set.council_decision.in_force_on = day
            elif name == "decision":
                request.data_set.admission_decision.decided_on = day
                request.data_set.admission_decision.outcome = terms_pb2.ADMISSION_OUTCOME_GRANTED
            else:
                setattr(request.data_set, name, day)
            _expect_refusal_or_answer(node, "Enrol", station, request)


def test_a_flag_has_no_more_grounds_than_there_are(node: Node, desk: Actor) -> None:
    request = nap_pb2.ProposeSecurityFlagRequest(
        request_id="flag",
        reference_number="DK1000000001H",
        grounds=[nap_pb2.FLAG_GROUND_ARMED] * 100,
    )
    with pytest.raises(FormatRefused) as refused:
        CALLS["ProposeSecurityFlag"](node, desk, request)
    assert refused.value.rule.startswith("W03")
