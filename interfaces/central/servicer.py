"""The stand-in's door: reads who calls, strikes scripted faults, turns refusals into statuses."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, NoReturn

import grpc
from cryptography import x509
from cryptography.x509.oid import NameOID
from google.protobuf.message import Message

from interfaces.central import (
    custody,
    figures,
    identity_links,
    intake,
    notices,
    police,
    portal,
)
from interfaces.central.centre import Centre
from interfaces.central.errors import RequestReused, UnknownDataSet
from interfaces.central.script import Fault, Kind
from interfaces.doorway import Call, certificate_of, refuse, refuse_internal
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.states import STATES
from interfaces.formats.errors import FormatRefused
from interfaces.pb.eurodac.central.v1 import central_pb2
from interfaces.wire.refusals import violation_of

ACCESS_POINT = "NAP"
"""Organisational unit in the certificate of a national access point; nobody else may call."""

PLAINTEXT_STATE = "x-eurodac-state"
"""Metadata key that names the State where the line is plaintext, for trials only."""

MAX_CURSOR = 2**63 - 1
"""Largest number that the ledger can hold."""

WATCH_SECONDS = 1.0
"""Longest wait of a notice stream before it looks whether its caller is still there."""

ACTS: Mapping[str, Callable[[Centre, str, Any], Message]] = {
    "TransmitDataSet": intake.transmit,
    "SearchOnly": intake.search,
    "ResendBiometrics": intake.resend,
    "UpdateStatus": custody.update_status,
    "CorrectDataSet": custody.correct,
    "SetMark": custody.set_mark,
    "ClearMark": custody.clear_mark,
    "SetSecurityFlag": custody.set_flag,
    "DeleteSecurityFlag": custody.delete_flag,
    "ConfirmLink": custody.confirm_link,
    "ReportFalseHit": custody.report_false_hit,
    "EraseDataSet": custody.erase,
    "AcknowledgeNotices": notices.acknowledge,
    "GetStatistics": figures.statistics_of,
    "SearchForLawEnforcement": police.search_for_law_enforcement,
    "SearchForDataSubject": police.search_for_data_subject,
    "AskPortal": portal.ask_portal,
    "ListIdentityLinks": identity_links.list_links,
    "VerifyIdentityLink": identity_links.verify_link,
    "PlaceRecord": identity_links.place_record,
    "RemoveRecord": identity_links.remove_record,
}


class Door:
    """The calls of CentralSystemService over one stand-in."""

    def __init__(self, centre: Centre, *, plaintext: bool = False) -> None:
        self._centre = centre
        self._plaintext = plaintext
        self._subscribed: dict[str, object] = {}

    def calls(self, names: list[str]) -> Mapping[str, Call]:
        """The functions that answer these calls."""
        special: Mapping[str, Call] = {"SubscribeNotices": self._subscribe}
        return {name: special.get(name) or partial(self._answer, name) for name in names}

    def _subscribe(
        self, request: central_pb2.SubscribeNoticesRequest, context: grpc.ServicerContext
    ) -> Iterator[central_pb2.SubscribeNoticesResponse]:
        """Everything after the cursor, then what comes, until the caller goes."""
        state = self._state(context)
        fault = self._centre.script.next_fault("SubscribeNotices")
        if fault is not None:
            _strike(fault, context)
        if request.after > MAX_CURSOR:
            refuse(context, grpc.StatusCode.INVALID_ARGUMENT, "no cursor was ever that large")
        after = request.after
        # One stream per State: a line that broke unnoticed must not keep its thread for long.
        mine = self._subscribed[state] = object()
        while context.is_active() and self._subscribed[state] is mine:
            with self._centre.ledger.read() as entries:
                page = entries.notices(state, after, notices.PAGE)
            for serialized in page:
                notice = central_pb2.Notice.FromString(serialized)
                after = notice.cursor
                yield central_pb2.SubscribeNoticesResponse(notice=notice)
            if not page:
                with self._centre.issued:
                    self._centre.issued.wait(WATCH_SECONDS)

    def _answer(self, call: str, request: Message, context: grpc.ServicerContext) -> Message:
        state = self._state(context)
        fault = self._centre.script.next_fault(call)
        if fault is not None and fault.kind is not Kind.LOSE_ANSWER:
            _strike(fault, context)
        if not context.is_active():
            # Who left has perhaps asked for the opposite since; what nobody waits for is dropped.
            refuse(context, grpc.StatusCode.DEADLINE_EXCEEDED, "the caller has gone")
        try:
            response = ACTS[call](self._centre, state, request)
        except Exception as error:  # noqa: BLE001 - the table below decides what is told
            _refuse(error, context)
        if fault is not None and fault.kind is Kind.LOSE_ANSWER:
            refuse(context, grpc.StatusCode.UNAVAILABLE, "the answer was lost, as scripted")
        return response

    def _state(self, context: grpc.ServicerContext) -> str:
        """Letters of the calling State, from its certificate."""
        if self._plaintext:
            named = dict(context.invocation_metadata()).get(PLAINTEXT_STATE, "")
            state = named if isinstance(named, str) else ""
        else:
            state = _state_of(certificate_of(context))
        if state not in STATES:
            refuse(context, grpc.StatusCode.UNAUTHENTICATED, "the caller is no access point")
        return state


def _state_of(certificate: x509.Certificate | None) -> str:
    """The State in the certificate of an access point; empty for any other certificate."""
    if certificate is None:
        return ""
    units = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    states = certificate.subject.get_attributes_for_oid(NameOID.COUNTRY_NAME)
    if [unit.value for unit in units] != [ACCESS_POINT] or len(states) != 1:
        return ""
    return str(states[0].value)


def _strike(fault: Fault, context: grpc.ServicerContext) -> None:
    match fault.kind:
        case Kind.DOWN:
            refuse(context, grpc.StatusCode.UNAVAILABLE, "the centre is down, as scripted")
        case Kind.DELAY:
            time.sleep(fault.seconds)
        case Kind.BUSY:
            wait = timedelta(seconds=fault.seconds)
            refuse(context, grpc.StatusCode.RESOURCE_EXHAUSTED, "busy, as scripted", wait=wait)


def _refuse(error: Exception, context: grpc.ServicerContext) -> NoReturn:
    """The table of this door: what each refusal is called on the wire."""
    code = grpc.StatusCode
    match error:
        case RuleBroken():
            refuse(context, code.FAILED_PRECONDITION, "a rule forbids this", error.violations)
        case FormatRefused():
            refuse(context, code.INVALID_ARGUMENT, "ill-formed request", (violation_of(error),))
        case RequestReused():
            refuse(context, code.ALREADY_EXISTS, "this request_id came with other content before")
        case UnknownDataSet():
            refuse(context, code.NOT_FOUND, "no data set or hit of that reference number")
        case _:
            refuse_internal(context, error)
