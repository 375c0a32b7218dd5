"""Commands of supervisors and auditors: declarations, and monitoring that keeps records."""

from __future__ import annotations

import click
from google.protobuf.message import Message

from interfaces.pb.eurodac.nap.v1 import nap_pb2
from node.cli.stations import REQUEST_ID, calls_node, new_request_id
from node.station import Station

PREFIX = "DECLARATION_KIND_"
KINDS = [
    name.removeprefix(PREFIX)
    for name, number in nap_pb2.DeclarationKind.items()
    if number != nap_pb2.DECLARATION_KIND_UNSPECIFIED
]


@click.command("propose-declaration")
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--state", default="", help="Letters of the State that derogates.")
@click.option("--from", "starts_on", default="", metavar="DAY", help="First day, ISO 8601.")
@click.option("--until", "ends_on", default="", metavar="DAY", help="Last day, ISO 8601.")
@click.option("--decision", default="", help="Reference of the decision of the Council.")
@click.option("--prolonged", default="", help="Reference of the decision that it prolongs.")
@click.option("--replaces", default="", metavar="ID", help="A declaration that it corrects.")
@REQUEST_ID
@calls_node
def propose(station: Station, kind: str, state: str, request_id: str, **parts: str) -> None:
    """Propose a derogation or prolongation; prints the id for another supervisor to approve."""
    request = nap_pb2.ProposeDeclarationRequest(
        request_id=new_request_id(request_id),
        kind=nap_pb2.DeclarationKind.Value(f"{PREFIX}{kind}"),
        member_state=state,
        **parts,
    )
    answer: nap_pb2.ProposeDeclarationResponse = station.call("ProposeDeclaration", request)
    click.echo(answer.declaration_id)


@click.command("approve-declaration")
@click.argument("declaration_id")
@REQUEST_ID
@calls_node
def approve(station: Station, declaration_id: str, request_id: str) -> None:
    """Approve what another supervisor proposed; limits and retention follow at once."""
    request = nap_pb2.ApproveDeclarationRequest(
        request_id=new_request_id(request_id), declaration_id=declaration_id
    )
    station.call("ApproveDeclaration", request)


@click.command("declarations")
@calls_node
def list_declarations(station: Station) -> Message:
    """List derogations and prolongations: proposed, approved and replaced."""
    answer: Message = station.call("ListDeclarations", nap_pb2.ListDeclarationsRequest())
    return answer


@click.command("begin-monitoring")
@click.argument("reference_number", default="")
@REQUEST_ID
@calls_node
def begin_monitoring(station: Station, reference_number: str, request_id: str) -> None:
    """Keep the records about a number, or all, beyond their time; prints the id of the hold."""
    request = nap_pb2.BeginMonitoringRequest(
        request_id=new_request_id(request_id), reference_number=reference_number
    )
    answer: nap_pb2.BeginMonitoringResponse = station.call("BeginMonitoring", request)
    click.echo(answer.hold_id)


@click.command("end-monitoring")
@click.argument("hold_id")
@REQUEST_ID
@calls_node
def end_monitoring(station: Station, hold_id: str, request_id: str) -> None:
    """End a monitoring procedure; what is past its time goes with the next sweep."""
    request = nap_pb2.EndMonitoringRequest(request_id=new_request_id(request_id), hold_id=hold_id)
    station.call("EndMonitoring", request)


COMMANDS = (propose, approve, list_declarations, begin_monitoring, end_monitoring)
