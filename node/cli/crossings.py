"""Commands of interoperability: the signal for law enforcement, and links to other systems."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from google.protobuf.message import Message

from interfaces.pb.eurodac.central.v1 import interoperability_pb2 as central_pb2
from interfaces.pb.eurodac.central.v1 import police_pb2 as central_police_pb2
from interfaces.pb.eurodac.central.v1 import terms_pb2
from interfaces.pb.eurodac.nap.v1 import interoperability_pb2, police_pb2
from node.cli.samples import FILE, capture_options, read_capture
from node.cli.stations import REQUEST_ID, calls_node, new_request_id
from node.station import Station

OFFENCES = ["TERRORIST", "SERIOUS"]
VERDICTS = [
    name.removeprefix("LINK_VERDICT_")
    for name, number in central_pb2.LinkVerdict.items()
    if number > central_pb2.LINK_VERDICT_PENDING
]
SEXES = [name.removeprefix("SEX_") for name, number in terms_pb2.Sex.items() if number]


@click.group()
def esp() -> None:
    """Ask whether data on a person are in Eurodac (--as requester); a flag, never the data.

    A first cut of Regulation (EU) 2019/818, ours, switched off unless the node's settings and the
    centre say otherwise.
    """


@esp.command()
@click.option("--offence", type=click.Choice(OFFENCES), required=True)
@click.option("--case", "specific_case", required=True, help="The specific case.")
@click.option("--contribution", required=True, help="Why it is expected to contribute.")
@click.option("--file-number", default="", help="Number of the national file.")
@click.option("--ordered-by", default="", help="Official who ordered the enquiry.")
@click.option("--surname", default="")
@click.option("--forename", default="")
@click.option("--born", default="", help="ISO 8601 day, month or year.")
@click.option("--nationality", default="", help="ISO 3166-1 alpha-3.")
@click.option("--sex", type=click.Choice(SEXES))
@click.option("--document-number", default="", help="Of a travel document.")
@click.option("--latent", "latents", type=FILE, multiple=True, help="Print of unknown finger.")
@capture_options
@REQUEST_ID
@calls_node
def ask(station: Station, **options: Any) -> Message:
    """Ask by biometrics, or by an identity or travel document."""
    request = interoperability_pb2.AskPortalRequest(
        request_id=new_request_id(options.pop("request_id")),
        reasons=interoperability_pb2.EnquiryReasons(
            offence=police_pb2.Offence.Value(f"OFFENCE_{options.pop('offence')}"),
            specific_case=options.pop("specific_case"),
            contribution=options.pop("contribution"),
            national_file_number=options.pop("file_number"),
            ordered_by=options.pop("ordered_by"),
        ),
        latents=map(_latent, options.pop("latents")),
    )
    identity = central_police_pb2.IdentityProbe(
        surname=options.pop("surname"),
        forename=options.pop("forename"),
        date_of_birth=options.pop("born"),
        nationality=options.pop("nationality"),
        document_number=options.pop("document_number"),
    )
    sex = options.pop("sex")
    if sex:
        identity.sex = terms_pb2.Sex.Value(f"SEX_{sex}")
    capture = read_capture(**options)
    if identity.ListFields():
        request.identity.CopyFrom(identity)
    if capture.ListFields():
        request.capture.CopyFrom(capture)
    answer: Message = station.call("AskPortal", request)
    return answer


@esp.command("close")
@click.argument("enquiry_number")
@click.argument("justification")
@REQUEST_ID
@calls_node
def close_enquiry(
    station: Station, enquiry_number: str, justification: str, request_id: str
) -> None:
    """Put on record why no search follows a signal."""
    request = interoperability_pb2.CloseEnquiryRequest(
        request_id=new_request_id(request_id),
        enquiry_number=enquiry_number,
        justification=justification,
    )
    station.call("CloseEnquiry", request)


@click.group()
def links() -> None:
    """Links between data sets and records of other systems: a first cut, as `esp` says."""


@links.command("list")
@click.argument("reference_number", default="")
@calls_node
def list_links(station: Station, reference_number: str) -> Message:
    """Show the links of a data set; without a number those that wait to be verified here."""
    request = interoperability_pb2.ListIdentityLinksRequest(reference_number=reference_number)
    answer: Message = station.call("ListIdentityLinks", request)
    return answer


@links.command()
@click.argument("reference_number")
@click.argument("link_id")
@click.argument("verdict", type=click.Choice(VERDICTS))
@REQUEST_ID
@calls_node
def verify(
    station: Station, reference_number: str, link_id: str, verdict: str, request_id: str
) -> Message:
    """Say as the responsible authority what a yellow link means."""
    request = interoperability_pb2.VerifyIdentityLinkRequest(
        request_id=new_request_id(request_id),
        reference_number=reference_number,
        link_id=link_id,
        verdict=central_pb2.LinkVerdict.Value(f"LINK_VERDICT_{verdict}"),
    )
    answer: interoperability_pb2.VerifyIdentityLinkResponse = station.call(
        "VerifyIdentityLink", request
    )
    return interoperability_pb2.ListIdentityLinksResponse(links=[answer.link])


def _latent(path: Path) -> central_police_pb2.LatentPrint:
    return central_police_pb2.LatentPrint(image=path.read_bytes())


COMMANDS = (esp, links)
