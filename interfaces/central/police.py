"""Searches for law enforcement (Arts 32, 34) and of data subjects (Art. 43(6)): taken, not stored.

The conditions were verified before the search came here and their reasons stay where they were
(recital 71); the centre checks the number, the form and the lane. What is searched with lives in
the lane until it has been compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from interfaces import wire
from interfaces.central import figures, intake, probes
from interfaces.central.centre import Centre, apply_once
from interfaces.central.entries import Entries
from interfaces.central.holdings import ArrivalKind, Occurrence
from interfaces.eurodac import codes, reference
from interfaces.eurodac.categories import Category, Group, group
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.statistics import RowKind
from interfaces.formats.errors import FormatRefused
from interfaces.pb.eurodac.central.v1 import central_pb2, police_pb2

_Request = police_pb2.SearchForLawEnforcementRequest | police_pb2.SearchForDataSubjectRequest


def search_for_law_enforcement(
    centre: Centre, state: str, request: police_pb2.SearchForLawEnforcementRequest
) -> police_pb2.SearchForLawEnforcementResponse:
    """Take a search under digit 4 or 5, by biometrics or by an identity (Art. 33(3))."""
    category = _category(request.reference_number, Group.POLICE)
    reference.check(request.reference_number, category=category, state=state)
    wire.check_probe(request)
    act = _arriving(centre, state, request, include_own=request.include_own)
    return apply_once(
        centre,
        state,
        request,
        answer=police_pb2.SearchForLawEnforcementResponse,
        act=lambda entries: police_pb2.SearchForLawEnforcementResponse(receipt=act(entries)),
    )


def search_for_data_subject(
    centre: Centre, state: str, request: police_pb2.SearchForDataSubjectRequest
) -> police_pb2.SearchForDataSubjectResponse:
    """Take a search under digit 6; all that is recorded of the person is in scope, own data too."""
    number = request.reference_number
    reference.check(number, category=Category.DATA_SUBJECT, state=state)
    if not wire.has_biometrics(request.capture):
        remedy = "send images or a transaction"
        raise FormatRefused("W02 ABSENT", "capture", "no biometrics", remedy)
    act = _arriving(centre, state, request, include_own=True)
    return apply_once(
        centre,
        state,
        request,
        answer=police_pb2.SearchForDataSubjectResponse,
        act=lambda entries: police_pb2.SearchForDataSubjectResponse(receipt=act(entries)),
    )


def _category(number: str, wanted: Group) -> Category:
    category = probes.SEARCHES.get(reference.parse(number).digit)
    if category is None or group(category) is not wanted:
        rule = "A search for law enforcement carries the digit 4 or 5."
        raise RuleBroken(codes.broken("V02", "reference_number", "37(4)", rule=rule))
    return category


def _arriving(
    centre: Centre, state: str, request: _Request, *, include_own: bool
) -> Callable[[Entries], central_pb2.Receipt]:
    """What one such request writes: its place in the lane, and the fact that statistics count."""
    urgent = intake.is_urgent(request.lane)
    number = request.reference_number

    def act(entries: Entries) -> central_pb2.Receipt:
        now = centre.now()
        arrival = intake.arrival_of(number, state, ArrivalKind.SEARCH, now, urgent=urgent)
        waiting = replace(arrival, payload=request.SerializeToString())
        receipt = intake.arrive(entries, waiting, include_own=include_own)
        searched = DataSet(probes.category_of(number), state, reference_number=number)
        entries.occurred(Occurrence(now, RowKind.TRANSMITTED, state, figures.facts(searched)))
        return receipt

    return act
