"""Detection of multiple identities between Eurodac and other systems (rulebook L.2).

Plan of one detection:
 1 only where it is switched on, and only for data sets that are complete
 2 biometrics, identity data and travel document are compared with each record that is held for
   another system; inside Eurodac nothing is linked, that is what sequences are for
 3 the law's table says whether that makes a link, and of which colour
 4 links whose facts have not changed stay as they are, conclusions included
It runs in the commit of what triggers it. Records held for other systems play those systems; the
stand-in is a trial and compares with all of them, one after the other.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace

from interfaces import wire
from interfaces.central.centre import Centre, data_set_in
from interfaces.central.crossings import Crossings, ForeignRecord, IdentityLink
from interfaces.central.entries import Entries
from interfaces.central.holdings import StoredDataSet
from interfaces.eurodac import comparison, interoperability
from interfaces.eurodac.dataset import DataSet, complete_for_mid
from interfaces.eurodac.interoperability import System, Trigger
from interfaces.eurodac.likeness import (
    ATTRIBUTES,
    IdentityPart,
    compare_documents,
    compare_identity,
    identity_part,
)
from interfaces.eurodac.links import (
    Biometrics,
    Identity,
    LinkFacts,
    TravelDocument,
    Verdict,
    link_row,
)
from interfaces.eurodac.retention import is_searchable
from interfaces.pb.eurodac.central.v1 import terms_pb2
from matcher import templates
from matcher.vocabulary import Reference

MOST_CANDIDATES = 50
"""Most data sets that one record of another system is linked with by biometrics: as many as a
search returns."""


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """One of two records as the components see it. reference: None without biometrics."""

    identity: IdentityPart
    reference: Reference | None


def detect(centre: Centre, entries: Entries, stored: StoredDataSet, trigger: Trigger) -> None:
    """Link a data set that was recorded or changed with the records of other systems."""
    if not interoperability.is_on(centre.policy, centre.now()) or not _is_complete(stored):
        return
    crossings, side = Crossings(entries), _side_of(stored)
    for record in crossings.records():
        if interoperability.may_link(System.EURODAC, record.system):
            facts = _compare(centre, side, side_of_record(record))
            _settle(centre, crossings, (stored.reference_number, record.id), facts, trigger=trigger)


def detect_elsewhere(centre: Centre, entries: Entries, record: ForeignRecord) -> None:
    """Link a record that was made in another system with the data sets that share anything."""
    crossings, side = Crossings(entries), side_of_record(record)
    for stored in _sharing(centre, entries, side):
        facts = _compare(centre, side, _side_of(stored))
        pair = stored.reference_number, record.id
        _settle(centre, crossings, pair, facts, trigger=Trigger.ELSEWHERE)


def side_of_record(record: ForeignRecord) -> _Side:
    """A record of another system as it is compared."""
    return _Side(
        identity_in(record), None if record.template is None else templates.decode(record.template)
    )


def identity_in(record: ForeignRecord) -> IdentityPart:
    """Identity data and travel document of a record of another system."""
    return read_identity(terms_pb2.DataSet.FromString(record.identity))


def read_identity(message: terms_pb2.DataSet) -> IdentityPart:
    """The identity part that a message states; FormatRefused for any other field."""
    return IdentityPart(**wire.stated_from(message, ATTRIBUTES))


def write_identity(part: IdentityPart) -> terms_pb2.DataSet:
    """The message that states an identity part."""
    message, _ = wire.changes_to({name: getattr(part, name) for name in ATTRIBUTES})
    return message


def _side_of(stored: StoredDataSet) -> _Side:
    reference = None if stored.template is None else templates.decode(stored.template)
    return _Side(identity_part(data_set_in(stored)), reference)


def _is_complete(stored: StoredDataSet) -> bool:
    if stored.template is None:
        return False  # examined and refused, or not examined yet: its biometrics are not there
    reference = templates.decode(stored.template)
    return complete_for_mid(
        data_set_in(stored),
        fingerprints=bool(reference.fingers),
        face=reference.face is not None,
    )


def _sharing(centre: Centre, entries: Entries, side: _Side) -> Iterator[StoredDataSet]:
    """Complete data sets that share biometrics, identity data or the document with a record."""
    alike: set[int] = set()
    if side.reference is not None:
        limits = centre.thresholds
        found = centre.gallery.search(
            side.reference,
            threshold=min(limits.hit_score, limits.single_hit_score, limits.face_hit_score),
            at_most=MOST_CANDIDATES,
            compare_face=_faces_on(centre),
        )
        alike = {candidate.reference_id for candidate in found}
    for stored in entries.data_sets():
        # What was committed a moment ago may not have been published to the gallery yet.
        perhaps = stored.id in alike or stored.id not in centre.gallery
        shares = perhaps or _shares_text(side.identity, data_set_in(stored))
        if shares and is_searchable(stored.retained_until, centre.now()) and _is_complete(stored):
            yield stored


def _shares_text(identity: IdentityPart, data_set: DataSet) -> bool:
    theirs = identity_part(data_set)
    return (
        compare_documents(identity, theirs) is TravelDocument.SAME
        or compare_identity(identity, theirs) is Identity.SAME
    )


def _compare(centre: Centre, one: _Side, other: _Side) -> LinkFacts:
    return LinkFacts(
        _compare_biometrics(centre, one.reference, other.reference),
        compare_identity(one.identity, other.identity),
        compare_documents(one.identity, other.identity),
    )


def _compare_biometrics(
    centre: Centre, one: Reference | None, other: Reference | None
) -> Biometrics:
    """Whether two references are one person's, by the scores that make a hit in a search."""
    if one is None or other is None:
        return Biometrics.NOT_AVAILABLE
    probe = one if _faces_on(centre) else replace(one, face=None)
    found, limits = centre.engine.compare(probe, other), centre.thresholds
    if not found.fingers and found.face is None:
        return Biometrics.NOT_AVAILABLE
    wanted = {0: limits.face_hit_score, 1: limits.single_hit_score}
    enough = found.score >= wanted.get(len(found.fingers), limits.hit_score)
    return Biometrics.SAME if enough else Biometrics.DIFFERENT


def _faces_on(centre: Centre) -> bool:
    return comparison.face_switched_on(centre.policy, centre.now())


def _settle(
    centre: Centre,
    crossings: Crossings,
    pair: tuple[str, int],
    facts: LinkFacts,
    *,
    trigger: Trigger,
) -> None:
    known = crossings.link_between(*pair)
    if link_row(facts) is None:
        crossings.unlink(*pair)
    elif known is None or replace(known.facts, verdict=Verdict.PENDING) != facts:
        now = centre.now()
        created = now if known is None else known.created_at
        link_id = uuid.uuid4().hex if known is None else known.link_id
        crossings.link(IdentityLink(link_id, *pair, trigger, facts, created, now))
