"""The reasons of a search for law enforcement: what the law asks, and what the record keeps.

They stay with the requesting and the verifying authority; nothing here is sent (recital 71).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from interfaces.eurodac.categories import Category
from interfaces.eurodac.police import Offence, PoliceRequest
from interfaces.pb.eurodac.central.v1 import police_pb2
from node.store.police import StoredSearch


@dataclass(frozen=True, slots=True)
class Reasons:
    """What a requester states. Texts are grounds; empty: none. They never leave the State.

    child_suspected, child_grounds: Art. 14(3). The last three are of the record, Art. 51(2).
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
        "child_grounds": reasons.child_grounds if reasons.child_suspected else "",
    }


def name_data(probe: police_pb2.SearchForLawEnforcementRequest) -> str:
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
