"""Probes of searches that record nothing: biometrics with latent prints, or an identity."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from interfaces import formats
from interfaces.eurodac.ages import birth_range
from interfaces.eurodac.terms import UNKNOWN, Sex
from interfaces.formats.errors import FormatRefused
from interfaces.pb.eurodac.central.v1 import interoperability_pb2, police_pb2, terms_pb2
from interfaces.wire.capture import capture_from
from interfaces.wire.scalars import sex_from, text
from matcher.vocabulary import FingerPosition, Impression

MAX_LATENTS = 10
"""Most latent prints of one search: as many fingers as one person leaves."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What an alphanumeric search states (Art. 33(3)); empty parts fit everybody."""

    surname: str = ""
    forename: str = ""
    date_of_birth: str = ""
    nationality: str = ""
    sex: Sex | None = None
    document_number: str = ""


def identity_from(message: police_pb2.IdentityProbe) -> Identity:
    """The identity of a probe; FormatRefused when it names nobody or no date."""
    found = Identity(
        surname=text("identity.surname", message.surname).strip(),
        forename=text("identity.forename", message.forename).strip(),
        date_of_birth=text("identity.date_of_birth", message.date_of_birth),
        nationality=text("identity.nationality", message.nationality),
        sex=sex_from(message.sex) if message.sex else None,
        document_number=text("identity.document_number", message.document_number).strip(),
    )
    if not (found.surname or found.forename or found.document_number):
        remedy = "state a name or the number of a document"
        raise FormatRefused("W02 ABSENT", "identity", "names no person", remedy)
    if found.date_of_birth == UNKNOWN or birth_range(found.date_of_birth) is None:
        remedy = "use an ISO 8601 day, month or year, or leave it empty"
        raise FormatRefused("W01 VALUE", "identity.date_of_birth", "is no date", remedy)
    return found


def samples_from(
    capture: terms_pb2.Capture, latents: Iterable[police_pb2.LatentPrint] = ()
) -> formats.Capture:
    """The samples of a capture, and behind them the latent prints under no position."""
    read, lifted = capture_from(capture), tuple(latents)
    if len(lifted) > MAX_LATENTS:
        raise FormatRefused("W03 TOO_LONG", "latents", "too many", f"at most {MAX_LATENTS}")
    prints = [
        sample
        for latent in lifted
        for sample in formats.read_finger(
            latent.image,
            position=FingerPosition.UNKNOWN,
            impression=Impression.FLAT,
            dpi=latent.dpi or None,
        )
    ]
    return replace(read, fingers=(*read.fingers, *prints))


def has_biometrics(
    capture: terms_pb2.Capture, latents: Iterable[police_pb2.LatentPrint] = ()
) -> bool:
    """Whether there is anything to compare."""
    taken = capture.fingers or capture.transaction or capture.HasField("face")
    return bool(taken) or any(True for _ in latents)


def check_probe(
    request: police_pb2.SearchForLawEnforcementRequest | interoperability_pb2.AskPortalRequest,
) -> None:
    """FormatRefused unless the request searches by biometrics or by identity, and readably."""
    biometrics = has_biometrics(request.capture, request.latents)
    if biometrics == request.HasField("identity"):
        reason = "biometrics and identity are both given" if biometrics else "nothing is given"
        raise FormatRefused("W02 ABSENT", "probe", reason, "send biometrics or an identity")
    if biometrics:
        samples_from(request.capture, request.latents)
    else:
        identity_from(request.identity)
