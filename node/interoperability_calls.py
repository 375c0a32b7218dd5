"""The calls of InteroperabilityService as translations: message -> act -> message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message

from interfaces import wire
from interfaces.eurodac.police import Offence
from interfaces.pb.eurodac.central.v1 import interoperability_pb2 as central_pb2
from interfaces.pb.eurodac.nap.v1 import interoperability_pb2, police_pb2
from node import identity_links, portal
from node.access import Actor
from node.assembly import Node
from node.portal import EnquiryReasons
from node.reasons import grounds


def ask_portal(
    node: Node, actor: Actor, request: interoperability_pb2.AskPortalRequest
) -> interoperability_pb2.AskPortalResponse:
    """Ask for the signal."""
    probe = central_pb2.AskPortalRequest(latents=request.latents)
    if request.HasField("capture"):
        probe.capture.CopyFrom(request.capture)
    if request.HasField("identity"):
        probe.identity.CopyFrom(request.identity)
    wanted = portal.EnquiryWanted(request.request_id, _reasons_from(request.reasons), probe)
    signal = portal.ask(node, actor, wanted)
    return interoperability_pb2.AskPortalResponse(
        enquiry_number=signal.enquiry_number,
        in_eurodac=signal.in_eurodac,
        answered_at=wire.instant_to(signal.answered_at),
    )


def close_enquiry(
    node: Node, actor: Actor, request: interoperability_pb2.CloseEnquiryRequest
) -> interoperability_pb2.CloseEnquiryResponse:
    """Note why no search follows."""
    closing = portal.Closing(
        request_id=request.request_id,
        enquiry_number=wire.text("enquiry_number", request.enquiry_number),
        justification=grounds("justification", request.justification),
    )
    closed_at = portal.close_enquiry(node, actor, closing)
    return interoperability_pb2.CloseEnquiryResponse(closed_at=wire.instant_to(closed_at))


def list_links(
    node: Node, actor: Actor, request: interoperability_pb2.ListIdentityLinksRequest
) -> interoperability_pb2.ListIdentityLinksResponse:
    """Show links between systems."""
    number = wire.text("reference_number", request.reference_number)
    links = identity_links.list_links(node, actor, number)
    return interoperability_pb2.ListIdentityLinksResponse(links=links)


def verify_link(
    node: Node, actor: Actor, request: interoperability_pb2.VerifyIdentityLinkRequest
) -> interoperability_pb2.VerifyIdentityLinkResponse:
    """Take an official's conclusion on a link."""
    decision = identity_links.LinkVerification(
        request_id=request.request_id,
        reference_number=wire.text("reference_number", request.reference_number),
        link_id=wire.text("link_id", request.link_id),
        verdict=request.verdict,
    )
    link = identity_links.verify_link(node, actor, decision)
    return interoperability_pb2.VerifyIdentityLinkResponse(link=link)


def _reasons_from(message: interoperability_pb2.EnquiryReasons) -> EnquiryReasons:
    offence = wire.enumerated(police_pb2.Offence, "OFFENCE_", Offence)
    return EnquiryReasons(
        offence=offence("reasons.offence", message.offence) if message.offence else None,
        specific_case=grounds("specific_case", message.specific_case),
        contribution=grounds("contribution", message.contribution),
        national_file_number=wire.text("national_file_number", message.national_file_number),
        ordered_by=wire.text("ordered_by", message.ordered_by),
    )


CALLS: Mapping[str, Callable[[Node, Actor, Any], Message]] = {
    "AskPortal": ask_portal,
    "CloseEnquiry": close_enquiry,
    "ListIdentityLinks": list_links,
    "VerifyIdentityLink": verify_link,
}
"""Every call of InteroperabilityService."""
