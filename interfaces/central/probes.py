"""What searches that record nothing ask for, as they wait in their lane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from interfaces import wire
from interfaces.central import identity
from interfaces.central.centre import data_set_in
from interfaces.central.holdings import Arrival, Status, StoredDataSet
from interfaces.central.ledger import Entries
from interfaces.eurodac import comparison, reference
from interfaces.eurodac.categories import Category, digit
from interfaces.pb.eurodac.central.v1 import central_pb2, police_pb2, terms_pb2
from interfaces.wire import Identity

SEARCHES: Mapping[int, Category] = {
    digit(category): category
    for category in (
        Category.ADMISSION_SEARCH,
        Category.LEA_SEARCH,
        Category.EUROPOL_SEARCH,
        Category.DATA_SUBJECT,
    )
}
"""Searches by the digit of their number (Art. 37(4))."""

IDENTIFIED = frozenset({Status.SEARCHABLE, Status.NOT_COMPARABLE})
"""Where data sets stand that an alphanumeric search meets: examined, comparable or not."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One comparison: biometrics, or for law enforcement an identity instead."""

    category: Category
    capture: terms_pb2.Capture
    latents: tuple[police_pb2.LatentPrint, ...] = ()
    identity: Identity | None = None
    sex_known: bool = False


def category_of(reference_number: str) -> Category:
    """The category of a search, by its number."""
    return SEARCHES[reference.parse(reference_number).digit]


def of_search(arrival: Arrival) -> Probe:
    """The probe of a search's request."""
    category, payload = category_of(arrival.reference_number), arrival.payload or b""
    match category:
        case Category.ADMISSION_SEARCH:
            admission = central_pb2.SearchOnlyRequest.FromString(payload)
            return Probe(category, admission.capture, sex_known=bool(admission.sex))
        case Category.DATA_SUBJECT:
            rights = police_pb2.SearchForDataSubjectRequest.FromString(payload)
            return Probe(category, rights.capture, sex_known=True)
        case _:
            police = police_pb2.SearchForLawEnforcementRequest.FromString(payload)
            stated = wire.identity_from(police.identity) if police.HasField("identity") else None
            return Probe(category, police.capture, tuple(police.latents), stated, sex_known=True)


def fitting(entries: Entries, arrival: Arrival, probe: Probe) -> list[StoredDataSet]:
    """The data sets in scope of a search whose persons fit the identity that it states."""
    assert probe.identity is not None, "only alphanumeric searches ask for this"
    found = []
    for stored in entries.data_sets():
        data_set = data_set_in(stored)
        in_scope = comparison.in_scope(
            probe.category,
            data_set.category,
            marked=bool(data_set.marks),
            same_state=data_set.origin == arrival.state,
            include_own=arrival.include_own,
        )
        if in_scope and stored.status in IDENTIFIED and identity.fits(probe.identity, data_set):
            found.append(stored)
    return found
