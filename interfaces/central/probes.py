"""What searches that record nothing ask for, as they wait in their lane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from interfaces import wire
from interfaces.central import identity
from interfaces.central.centre import Centre, data_set_in
from interfaces.central.entries import Entries
from interfaces.central.holdings import Arrival, Status, StoredDataSet
from interfaces.eurodac import comparison, reference
from interfaces.eurodac.categories import Category, digit
from interfaces.pb.eurodac.central.v1 import central_pb2, police_pb2, terms_pb2
from interfaces.wire import Identity
from matcher.lineup import is_comparable
from matcher.vocabulary import Candidate, Reference

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


def scope(centre: Centre, category: Category, *, state: str, include_own: bool) -> frozenset[int]:
    """The partitions that hold what the comparison matrix lets such a probe be compared with."""
    return frozenset(
        number
        for (origin, stored, marked), number in centre.partitions.known().items()
        if comparison.in_scope(
            category,
            stored,
            marked=marked,
            same_state=origin == state,
            include_own=include_own,
        )
    )


def threshold(centre: Centre, probe: Probe, reference: Reference) -> float:
    """Lowest score of a candidate of this probe; reference: what was made of its samples."""
    limits = centre.thresholds
    if probe.latents:
        return limits.latent_hit_score
    prints = any(map(is_comparable, reference.fingers))
    return min(limits.hit_score, limits.single_hit_score) if prints else limits.face_hit_score


def hits_among(
    centre: Centre, probe: Probe, candidates: tuple[Candidate, ...]
) -> tuple[Candidate, ...]:
    """The candidates that count: where several fingers met, more is asked than of one alone."""
    limits = centre.thresholds
    return tuple(
        candidate
        for candidate in candidates
        if probe.latents
        or len(candidate.comparison.fingers) <= 1
        or candidate.comparison.score >= limits.hit_score
    )
