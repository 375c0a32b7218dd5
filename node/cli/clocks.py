"""Commands of a desk that works with the clock of a case."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from interfaces.pb.eurodac.nap.v1 import clock_pb2, nap_pb2
from node.cli.stations import REQUEST_ID, calls_node, new_request_id
from node.station import Station

MOMENT = click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z", "%Y-%m-%d"])
"""A day alone is its noon in UTC, which is the same day in every participating State."""

NOON = 12


def _kinds(prefix: str, enum: Any) -> list[str]:
    return [
        name.removeprefix(prefix)
        for name in enum.keys()  # noqa: SIM118 - a protobuf enumeration is no mapping
        if not name.endswith("_UNSPECIFIED")
    ]


EVENTS = _kinds("CASE_EVENT_KIND_", clock_pb2.CaseEventKind)
RETURNS = _kinds("RETURN_EVENT_KIND_", clock_pb2.ReturnEventKind)
AT = click.option("--at", type=MOMENT, help="When it happened; default: now.")


@click.command("clock")
@click.argument("reference_number")
@calls_node
def clock_command(station: Station, reference_number: str) -> Message:
    """Show what runs in a case, what silence has caused, and the next step."""
    request = clock_pb2.GetClockRequest(reference_number=reference_number)
    answer: clock_pb2.GetClockResponse = station.call("GetClock", request)
    return answer.clock


@click.command()
@click.argument("reference_number")
@click.argument("kind", type=click.Choice(EVENTS))
@AT
@click.option("--state", default="", help="Letters of the State that is asked or that accepted.")
@click.option("--by-security", is_flag=True, help="Responsible because of a threat to security.")
@REQUEST_ID
@calls_node
def event(
    station: Station,
    reference_number: str,
    kind: str,
    at: datetime | None,
    state: str,
    by_security: bool,
    request_id: str,
) -> Message:
    """Record what happened in a case."""
    request = clock_pb2.RecordCaseEventRequest(
        request_id=new_request_id(request_id),
        reference_number=reference_number,
        kind=clock_pb2.CaseEventKind.Value(f"CASE_EVENT_KIND_{kind}"),
        at=_moment(at),
        requested_state=state,
        by_security=by_security,
    )
    answer: clock_pb2.RecordCaseEventResponse = station.call("RecordCaseEvent", request)
    return answer.clock


@click.command("withdraw-event")
@click.argument("event_id")
@REQUEST_ID
@calls_node
def withdraw_event(station: Station, event_id: str, request_id: str) -> None:
    """Take back an event that was recorded by mistake."""
    request = clock_pb2.WithdrawCaseEventRequest(
        request_id=new_request_id(request_id), event_id=event_id
    )
    station.call("WithdrawCaseEvent", request)


@click.command("return-event")
@click.argument("reference_number")
@click.argument("kind", type=click.Choice(RETURNS))
@AT
@REQUEST_ID
@calls_node
def return_event(
    station: Station, reference_number: str, kind: str, at: datetime | None, request_id: str
) -> None:
    """Count an event of a return case; the person is not kept with it."""
    request = clock_pb2.RecordReturnEventRequest(
        request_id=new_request_id(request_id),
        reference_number=reference_number,
        kind=clock_pb2.ReturnEventKind.Value(f"RETURN_EVENT_KIND_{kind}"),
        at=_moment(at),
    )
    station.call("RecordReturnEvent", request)


@click.command()
@click.argument("begin", type=MOMENT)
@click.argument("end", type=MOMENT)
@calls_node
def indicators(station: Station, begin: datetime, end: datetime) -> Message:
    """Show the return indicators from one day up to another."""
    request = clock_pb2.GetIndicatorsRequest(begin=_moment(begin), end=_moment(end))
    answer: Message = station.call("GetIndicators", request)
    return answer


@click.command()
@click.option("--format", "form", type=click.Choice(["table", "ics", "csv"]), default="table")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Default: print it.")
@calls_node
def due(station: Station, form: str, out: Path | None) -> Message | None:
    """List open tasks and time limits, soonest first, or write them for a calendar or a table."""
    if form == "table":
        answer: Message = station.call("ListDue", nap_pb2.ListDueRequest())
        return answer
    request = clock_pb2.ExportDueRequest(
        format=clock_pb2.DueFormat.Value(f"DUE_FORMAT_{form.upper()}")
    )
    exported: clock_pb2.ExportDueResponse = station.call("ExportDue", request)
    if exported.cut:
        click.echo("there are more open tasks; these are the soonest", err=True)
    if out is None:
        click.echo(exported.content, nl=False)
    else:
        out.write_bytes(exported.content)
    return None


def _moment(at: datetime | None) -> Timestamp:
    moment = Timestamp()
    if at is None:
        moment.GetCurrentTime()
    elif at.tzinfo is None:
        moment.FromDatetime(at.replace(hour=NOON, tzinfo=UTC))
    else:
        moment.FromDatetime(at)
    return moment


COMMANDS = (
    clock_command,
    event,
    withdraw_event,
    return_event,
    indicators,
    due,
)
