"""The reasons of a search for law enforcement: what the law asks, and what the record keeps.

They stay with the requesting and the verifying authority; nothing here is sent (recital 71).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from interfaces.eurodac.categories import Category
from interfaces.eurodac.errors import Violation
from interfaces.eurodac.interoperability import check_signal, is_on
from interfaces.eurodac.police import Offence, PoliceRequest
from interfaces.formats.errors import FormatRefused
from interfaces.pb.eurodac.central.v1 import interoperability_pb2, police_pb2
from node.access import Actor
from node.assembly import Node
from node.store import Transaction, dossiers, police
from node.store.police import StoredSearch

MAX_GROUNDS_CHARACTERS = 2_000
"""Longest text of one ground: a page, which a verifying official reads in a minute."""


@dataclass(frozen=True, slots=True)
class Reasons:
    """What a requester states. Texts are grounds; empty: none. They never leave the State.

    child_suspected, child_grounds: Art. 14(3). The four before the last are of the record, Art.
    51(2). portal_query: the enquiry that brought the signal.
    """

    offence: Offence | None = None
    necessity: str = ""
    specific_case: str = ""
    contribution: str = ""
    national_databases_checked: bool = False
    other_states_checked: bool = False
    other_states_skipped_because: str = ""
    cir_signalled: bool = False
    own_systems_checked: bool = False
    imminent_danger: str = ""
    child_suspected: bool = False
    child_grounds: str = ""
    national_file_number: str = ""
    ordered_by: str = ""
    through_search_portal: bool = False
    portal_query: str = ""

    def encode(self) -> bytes:
        """One canonical JSON form."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False).encode()

    @staticmethod
    def decode(encoded: bytes) -> Reasons:
        """The reasons that encode() wrote."""
        content = json.loads(encoded)
        offence = content["offence"]
        return Reasons(**(content | {"offence": None if offence is None else Offence(offence)}))


_OUTSIDE_THE_CONDITIONS = frozenset(
    {
        "child_suspected",
        "child_grounds",
        "national_file_number",
        "ordered_by",
        "through_search_portal",
        "portal_query",
    }
)
"""Reasons that no condition of Arts 33 and 34 asks for."""


def to_law(
    category: Category, reasons: Reasons, search: StoredSearch | None = None
) -> PoliceRequest:
    """The request as the law asks about it; before a search exists nobody verifies."""
    stated = {
        name: value
        for name, value in asdict(reasons).items()
        if name not in _OUTSIDE_THE_CONDITIONS
    }
    return PoliceRequest(
        category=category,
        reference_number="" if search is None else search.reference_number,
        requester="" if search is None else search.requester,
        requesting_unit="" if search is None else search.requesting_unit,
        verifier="" if search is None else search.verifier,
        verifying_unit="" if search is None else search.verifying_unit,
        **stated,
    )


def write_record(
    search: StoredSearch, reasons: Reasons, probe: police_pb2.SearchForLawEnforcementRequest
) -> Mapping[str, str]:
    """What Art. 51(2) asks for, as far as it is known when a search is asked."""
    offence = "" if reasons.offence is None else str(reasons.offence)
    return {
        "purpose": f"{search.category} {offence}".strip(),
        "requested_at": search.submitted_at.isoformat(),
        "requesting_unit": search.requesting_unit,
        "requester": search.requester,
        "ordered_by": reasons.ordered_by,
        "national_file_number": reasons.national_file_number,
        "urgent_because": reasons.imminent_danger,
        "other_states_skipped_because": reasons.other_states_skipped_because,
        "data_used": name_data(probe),
        "through_search_portal": "yes" if reasons.through_search_portal else "no",
        "portal_query": reasons.portal_query,
        "child_grounds": reasons.child_grounds if reasons.child_suspected else "",
    }


def name_data(
    probe: police_pb2.SearchForLawEnforcementRequest | interoperability_pb2.AskPortalRequest,
) -> str:
    """What was searched with, in kinds and counts: never the data."""
    if probe.HasField("identity"):
        fields = sorted(field.name for field, _ in probe.identity.ListFields())
        return f"identity ({', '.join(fields)})"
    capture = probe.capture
    kinds = {
        "fingers": len(capture.fingers),
        "transaction": int(bool(capture.transaction)),
        "face": int(capture.HasField("face")),
        "latents": len(probe.latents),
    }
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)


def grounds(name: str, value: str) -> str:
    """A ground without space around it; FormatRefused when it is too long."""
    if len(value) > MAX_GROUNDS_CHARACTERS:
        remedy = f"at most {MAX_GROUNDS_CHARACTERS} characters"
        raise FormatRefused("W03 TOO_LONG", name, "text too long", remedy)
    return value.strip()


def check_claimed_signal(node: Node, actor: Actor, reasons: Reasons) -> tuple[Violation, ...]:
    """What forbids naming the repository's signal instead of prior checks: while interoperability
    is switched on, it must be one that this unit received; until then its word is taken."""
    if not is_on(node.settings.policy, node.now()):
        return ()
    with node.store.read() as transaction:
        received = _has_received(transaction, actor, reasons.portal_query)
    return check_signal(claimed=reasons.cir_signalled, received=received)


def _has_received(transaction: Transaction, actor: Actor, number: str) -> bool:
    if not number or not dossiers.is_kept(transaction, number):
        return False
    record = police.find_record(transaction, number) or {}
    open_ = record.get("in_eurodac") == "yes" and "closed_at" not in record
    return open_ and record["requesting_unit"] == actor.unit
