"""The flag "data in Eurodac" (2019/818 22): one word for designated authorities, and no data.

It is answered at once and nothing of the probe is kept: the ledger holds the id of the request, a
digest of its content and the answer. What the flag is worth a search must show, which is asked,
verified and recorded under the Regulation's own rules.
"""

from __future__ import annotations

from dataclasses import replace

from interfaces import wire
from interfaces.central import identity, probes
from interfaces.central.centre import Centre, apply_once, data_set_in
from interfaces.central.probes import Probe
from interfaces.eurodac import comparison, interoperability
from interfaces.eurodac.categories import Group, group
from interfaces.eurodac.codes import broken
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.retention import is_searchable
from interfaces.pb.eurodac.central.v1 import interoperability_pb2
from matcher.lineup import is_comparable
from matcher.vocabulary import Reference

MOST_CANDIDATES = 50
"""Candidates looked at: one would do, if it could not be past the end of its retention."""


def ask_portal(
    centre: Centre, state: str, request: interoperability_pb2.AskPortalRequest
) -> interoperability_pb2.AskPortalResponse:
    """Whether data of such a person are in Eurodac, whichever State recorded them."""
    now = centre.now()
    if violations := interoperability.check_switch(centre.policy, now):
        raise RuleBroken(*violations)
    probe = _probe(request)
    answer = interoperability_pb2.AskPortalResponse(
        in_eurodac=_is_there(centre, state, probe), answered_at=wire.instant_to(now)
    )
    # The probe is compared before the ledger is locked; a repeated request gets its first answer.
    return apply_once(
        centre,
        state,
        request,
        answer=interoperability_pb2.AskPortalResponse,
        act=lambda _: answer,
    )


def _probe(request: interoperability_pb2.AskPortalRequest) -> Probe:
    category = wire.category_from(request.category)
    if group(category) is not Group.POLICE:
        rule = "The flag is for designated authorities and Europol."
        raise RuleBroken(broken("V23", "category", "2019/818 22(1)", rule=rule))
    wire.check_probe(request)
    stated = wire.identity_from(request.identity) if request.HasField("identity") else None
    return Probe(category, request.capture, tuple(request.latents), stated, sex_known=True)


def _is_there(centre: Centre, state: str, probe: Probe) -> bool:
    if probe.identity is not None:
        return _is_named(centre, state, probe)
    samples = wire.samples_from(probe.capture, probe.latents)
    reference = centre.engine.extract([*samples.fingers, *samples.faces]).reference
    faces = comparison.face_compared(
        centre.policy, centre.now(), fingerprints_available=bool(samples.fingers)
    )
    reference = reference if faces else replace(reference, face=None)
    _needs_substance(reference)
    found = centre.gallery.search(
        reference,
        partitions=probes.scope(centre, probe.category, state=state, include_own=True),
        threshold=probes.threshold(centre, probe, reference),
        at_most=MOST_CANDIDATES,
        compare_face=faces,
    )
    hits = probes.hits_among(centre, probe, found)
    with centre.ledger.read() as entries:
        stored = [entries.data_set_of_id(hit.reference_id) for hit in hits]
    now = centre.now()
    return any(one is not None and is_searchable(one.retained_until, now) for one in stored)


def _is_named(centre: Centre, state: str, probe: Probe) -> bool:
    assert probe.identity is not None, "asked only of alphanumeric probes"
    now = centre.now()
    with centre.ledger.read() as entries:
        return any(
            identity.fits(probe.identity, data_set)
            for stored in entries.data_sets()
            if stored.status in probes.IDENTIFIED and is_searchable(stored.retained_until, now)
            for data_set in (data_set_in(stored),)
            if _in_scope(state, probe, data_set)
        )


def _in_scope(state: str, probe: Probe, data_set: DataSet) -> bool:
    return comparison.in_scope(
        probe.category,
        data_set.category,
        marked=bool(data_set.marks),
        same_state=data_set.origin == state,
        include_own=True,
    )


def _needs_substance(reference: Reference) -> None:
    """Samples of which nothing can be compared must not be answered with "no"."""
    if reference.face is None and not any(map(is_comparable, reference.fingers)):
        raise RuleBroken(broken("Q01", "capture", "2024/1358 38(1)"))
