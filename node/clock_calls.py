"""The calls of ClockService as translations: message -> act -> message; nothing is decided."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from google.protobuf.message import Message

from interfaces import wire
from interfaces.eurodac import duties
from interfaces.eurodac.caseclock import CaseClock, Happening
from interfaces.eurodac.deadlines import Deadline
from interfaces.eurodac.duties import Duty
from interfaces.eurodac.limits import LIMITS, WINDOWS, derogation_of
from interfaces.eurodac.progress import Told
from interfaces.eurodac.returns import Indicator, ReturnEvent
from interfaces.formats.errors import FormatRefused
from interfaces.pb.eurodac.nap.v1 import clock_pb2
from interfaces.wire.scalars import day
from node import calendar_export, clock, messages, returns
from node.access import Actor
from node.assembly import Node
from node.calendar_export import Form
from node.clock import Reading
from node.store.events import CaseEvent

EXPORTED_AT_MOST = 10_000
"""Tasks in one file: at some 700 bytes of calendar each, well within one message."""

MEDIA_TYPES: Mapping[Form, str] = {Form.ICS: "text/calendar", Form.CSV: "text/csv"}
FORMS: Mapping[int, Form] = {
    clock_pb2.DUE_FORMAT_ICS: Form.ICS,
    clock_pb2.DUE_FORMAT_CSV: Form.CSV,
}
KINDS: Mapping[int, Happening] = {
    clock_pb2.CaseEventKind.Value(f"CASE_EVENT_KIND_{one.name}"): one for one in Happening
}
"""Complete: every happening has its number."""

NUMBERS = {happening: number for number, happening in KINDS.items()}


def record_case_event(
    node: Node, actor: Actor, request: clock_pb2.RecordCaseEventRequest
) -> clock_pb2.RecordCaseEventResponse:
    """Take down what happened in a case."""
    told = Told(
        _happening(request.kind),
        messages.moment(request, "at"),
        wire.text("requested_state", request.requested_state),
        request.by_security,
    )
    number = wire.text("reference_number", request.reference_number)
    event_id = clock.record_event(node, actor, clock.NewEvent(request.request_id, number, told))
    reading = clock.get_clock(node, actor, number)
    return clock_pb2.RecordCaseEventResponse(event_id=event_id, clock=_reading_to(reading))


def withdraw_case_event(
    node: Node, actor: Actor, request: clock_pb2.WithdrawCaseEventRequest
) -> clock_pb2.WithdrawCaseEventResponse:
    """Take back an event recorded by mistake."""
    event_id = wire.text("event_id", request.event_id)
    clock.withdraw_event(node, actor, request.request_id, event_id)
    return clock_pb2.WithdrawCaseEventResponse()


def get_clock(
    node: Node, actor: Actor, request: clock_pb2.GetClockRequest
) -> clock_pb2.GetClockResponse:
    """Tell what runs in one case."""
    number = wire.text("reference_number", request.reference_number)
    return clock_pb2.GetClockResponse(clock=_reading_to(clock.get_clock(node, actor, number)))


def check_window(
    node: Node, actor: Actor, request: clock_pb2.CheckWindowRequest
) -> clock_pb2.CheckWindowResponse:
    """Tell whether a fact still counts."""
    if request.window not in WINDOWS:
        remedy = f"use one of {', '.join(WINDOWS)}"
        raise FormatRefused("W01 VALUE", "window", "is no known window", remedy)
    since, on = _day("since", request.since), _day("on", request.on)
    counts = clock.check_window(node, actor, request.window, since=since, on=on)
    return clock_pb2.CheckWindowResponse(counts=counts, article=WINDOWS[request.window].article)


def export_due(
    node: Node, actor: Actor, request: clock_pb2.ExportDueRequest
) -> clock_pb2.ExportDueResponse:
    """Write the open tasks into a file."""
    if request.format not in FORMS:
        raise FormatRefused("W01 VALUE", "format", "no format", "say ICS or CSV")
    form = FORMS[request.format]
    tasks, cut = clock.list_tasks(node, actor, EXPORTED_AT_MOST)
    return clock_pb2.ExportDueResponse(
        content=calendar_export.write(form, tasks, node.now()),
        media_type=MEDIA_TYPES[form],
        cut=cut,
    )


def record_return_event(
    node: Node, actor: Actor, request: clock_pb2.RecordReturnEventRequest
) -> clock_pb2.RecordReturnEventResponse:
    """Count an event of a return case."""
    read = wire.enumerated(clock_pb2.ReturnEventKind, "RETURN_EVENT_KIND_", ReturnEvent)
    new = returns.NewReturn(
        request_id=request.request_id,
        reference_number=wire.text("reference_number", request.reference_number),
        event=read("kind", request.kind),
        at=messages.moment(request, "at"),
    )
    returns.record(node, actor, new)
    return clock_pb2.RecordReturnEventResponse()


def get_indicators(
    node: Node, actor: Actor, request: clock_pb2.GetIndicatorsRequest
) -> clock_pb2.GetIndicatorsResponse:
    """Tell the return indicators of a period."""
    begin, end = messages.moment(request, "begin"), messages.moment(request, "end")
    found = returns.get_indicators(node, actor, begin, end)
    return clock_pb2.GetIndicatorsResponse(indicators=map(_indicator_to, found))


CALLS: Mapping[str, Callable[[Node, Actor, Any], Message]] = {
    "RecordCaseEvent": record_case_event,
    "WithdrawCaseEvent": withdraw_case_event,
    "GetClock": get_clock,
    "CheckWindow": check_window,
    "ExportDue": export_due,
    "RecordReturnEvent": record_return_event,
    "GetIndicators": get_indicators,
}
"""The calls of ClockService by their names."""


def _happening(number: int) -> Happening:
    if number not in KINDS:
        raise FormatRefused("W01 VALUE", "kind", "is no known event", "use a CaseEventKind")
    return KINDS[number]


def _day(field: str, value: str) -> date:
    found = day(field, value)
    if found is None:
        raise FormatRefused("W02 ABSENT", field, "no day", "write 2026-07-01")
    return found


def _reading_to(reading: Reading) -> clock_pb2.CaseClock:
    played, proposal = reading.clock, reading.proposal
    return clock_pb2.CaseClock(
        reference_number=reading.reference_number,
        at=wire.instant_to(reading.at),
        running=[_limit_to(limit, reading.at) for limit in played.running],
        passed=[_limit_to(limit, reading.at) for limit in played.passed],
        history=_history_to(played),
        recorded=map(_recorded_to, reading.events),
        duties=map(_duty_to, reading.duties),
        proposal=None if proposal is None else _duty_to(proposal),
        under_old_rules=reading.under_old_rules,
    )


def _limit_to(limit: Deadline, now: datetime) -> clock_pb2.RunningLimit:
    message = clock_pb2.RunningLimit(
        rule=limit.rule,
        step=LIMITS[limit.rule].step,
        article=limit.article,
        starts_at=wire.instant_to(limit.starts_at),
        passed=limit.is_late(now),
        on_silence=duties.silence_of(limit),
        reminders=map(wire.instant_to, limit.reminders()),
        derogation=derogation_of(limit) or "",
    )
    if limit.due_at is not None:
        message.due_at.CopyFrom(wire.instant_to(limit.due_at))
    if limit.due_outer is not None:
        message.due_outer.CopyFrom(wire.instant_to(limit.due_outer))
    return message


def _history_to(played: CaseClock) -> Iterator[clock_pb2.ClockEvent]:
    for event in played.history:
        cause = duties.cause_of(event, played)
        yield clock_pb2.ClockEvent(
            kind=NUMBERS[event.happening],  # type: ignore[arg-type]
            at=wire.instant_to(event.at),
            by_silence=event.by_silence,
            article="" if cause is None else cause.article,
        )


def _recorded_to(event: CaseEvent) -> clock_pb2.RecordedEvent:
    return clock_pb2.RecordedEvent(
        event_id=event.event_id,
        kind=NUMBERS[event.told.happening],  # type: ignore[arg-type]
        at=wire.instant_to(event.told.at),
        requested_state=event.told.requested_state,
        by_security=event.told.by_security,
        recorded_by=event.recorded_by,
        recorded_at=wire.instant_to(event.recorded_at),
    )


def _duty_to(duty: Duty) -> clock_pb2.Duty:
    return clock_pb2.Duty(
        kind=duty.kind,
        what=duty.what,
        article=duty.article,
        due_at=None if duty.due_at is None else wire.instant_to(duty.due_at),
        status_update="" if duty.update is None else duty.update,
        responsible_state=duty.responsible_state,
    )


def _indicator_to(indicator: Indicator) -> clock_pb2.ReturnIndicator:
    return clock_pb2.ReturnIndicator(
        name=indicator.name,
        member_state=indicator.state,
        count=indicator.count,
        of=indicator.of,
        share=indicator.share,
    )
