"""What States transmit for storage or comparison: checked, durable, put into its lane."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from interfaces import wire
from interfaces.central import figures
from interfaces.central.centre import Centre, apply_once, own
from interfaces.central.entries import Entries
from interfaces.central.holdings import Arrival, ArrivalKind, Occurrence, Status, StoredDataSet
from interfaces.central.prolongation import find_end
from interfaces.eurodac import codes, dataset, deadlines, reference
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.statistics import RowKind
from interfaces.formats.errors import FormatRefused
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2

_LANES = {central_pb2.LANE_NORMAL: False, central_pb2.LANE_URGENT: True}


def transmit(
    centre: Centre, state: str, request: central_pb2.TransmitDataSetRequest
) -> central_pb2.TransmitDataSetResponse:
    """Take a data set with its biometrics; the comparison follows in order of arrival."""
    urgent = is_urgent(request.lane)
    data_set = _transmitted(centre, state, request)

    def act(entries: Entries) -> central_pb2.TransmitDataSetResponse:
        number = data_set.reference_number
        _check_unused(entries, number)
        now = centre.now()
        kept = replace(data_set, transmitted_at=now)
        entries.store(
            StoredDataSet(
                id=0,
                reference_number=number,
                origin=state,
                status=Status.WAITING,
                message=wire.dataset_to(kept).SerializeToString(),
                capture=request.capture.SerializeToString(),
                template=None,
                retained_until=find_end(entries, kept),
            )
        )
        receipt = arrive(
            entries,
            arrival_of(number, state, ArrivalKind.TRANSMITTED, now, urgent=urgent),
            include_own=request.include_own,
        )
        entries.occurred(Occurrence(now, RowKind.TRANSMITTED, state, figures.facts(kept)))
        return central_pb2.TransmitDataSetResponse(receipt=receipt)

    return apply_once(centre, state, request, answer=central_pb2.TransmitDataSetResponse, act=act)


def search(
    centre: Centre, state: str, request: central_pb2.SearchOnlyRequest
) -> central_pb2.SearchOnlyResponse:
    """Take an admission search; its biometrics are kept until compared and never recorded."""
    urgent = is_urgent(request.lane)
    reference.check(request.reference_number, category=Category.ADMISSION_SEARCH, state=state)
    _needs_biometrics(request.capture)

    def act(entries: Entries) -> central_pb2.SearchOnlyResponse:
        now = centre.now()
        arrival = arrival_of(
            request.reference_number, state, ArrivalKind.SEARCH, now, urgent=urgent
        )
        receipt = arrive(entries, replace(arrival, payload=request.SerializeToString()))
        searched = DataSet(
            Category.ADMISSION_SEARCH, state, reference_number=request.reference_number
        )
        entries.occurred(Occurrence(now, RowKind.TRANSMITTED, state, figures.facts(searched)))
        return central_pb2.SearchOnlyResponse(receipt=receipt)

    return apply_once(centre, state, request, answer=central_pb2.SearchOnlyResponse, act=act)


def resend(
    centre: Centre, state: str, request: central_pb2.ResendBiometricsRequest
) -> central_pb2.ResendBiometricsResponse:
    """Take better biometrics under the same reference number; they are compared anew."""
    urgent = is_urgent(request.lane)
    _needs_biometrics(request.capture)

    def act(entries: Entries) -> central_pb2.ResendBiometricsResponse:
        stored = own(entries, state, request.reference_number)
        if request.HasField("biometrics_taken_at"):
            wire.instant_from(request.biometrics_taken_at, "biometrics_taken_at")
        now = centre.now()
        # They take the place of the earlier ones when their examination finds them good enough.
        arrival = arrival_of(stored.reference_number, state, ArrivalKind.RESENT, now, urgent=urgent)
        arrival = replace(arrival, payload=request.SerializeToString())
        receipt = arrive(entries, arrival, include_own=centre.policy.include_own)
        return central_pb2.ResendBiometricsResponse(receipt=receipt)

    return apply_once(centre, state, request, answer=central_pb2.ResendBiometricsResponse, act=act)


def _check_unused(entries: Entries, number: str) -> None:
    """A number means one data set for good: a copy that arrives late brings nobody back."""
    rule = ""
    if entries.data_set(number) is not None:
        rule = "The number is in use for another data set."
    elif entries.is_buried(number):
        rule = "The data set of this number was erased; a new one gets a number of its own."
    if rule:
        raise RuleBroken(codes.broken("V02", "reference_number", "37(3)", rule=rule))


def _transmitted(
    centre: Centre, state: str, request: central_pb2.TransmitDataSetRequest
) -> DataSet:
    """The data set of a transmission, lawful as far as its fields tell."""
    data_set = wire.dataset_from(request.data_set)
    reference.check(data_set.reference_number, category=data_set.category, state=state)
    _needs_biometrics(request.capture)
    violations = dataset.check_transmission(
        data_set,
        fingerprints=bool(request.capture.fingers or request.capture.transaction),
        face=bool(request.capture.HasField("face") or request.capture.transaction),
        missing_declared=bool(request.capture.missing_fingers),
        policy=centre.policy,
    )
    if data_set.origin != state:
        rule = "The origin is the State that transmits."
        violations += (codes.broken("V02", "origin", "37(4)", rule=rule),)
    if violations:
        raise RuleBroken(*violations)
    return data_set


def arrival_of(
    number: str, state: str, kind: ArrivalKind, now: datetime, *, urgent: bool
) -> Arrival:
    """A request that arrives now, with the end of its time limit."""
    return Arrival(
        id=0,
        reference_number=number,
        state=state,
        kind=kind,
        urgent=urgent,
        include_own=False,
        arrived_at=now,
        compare_by=deadlines.comparison_due(now, urgent),
        payload=None,
    )


def arrive(entries: Entries, arrival: Arrival, *, include_own: bool = False) -> central_pb2.Receipt:
    """Put a request into its lane and acknowledge it (Art. 37(6))."""
    entries.arrive(replace(arrival, include_own=include_own))
    return central_pb2.Receipt(
        reference_number=arrival.reference_number,
        received_at=wire.instant_to(arrival.arrived_at),
        compare_by=wire.instant_to(arrival.compare_by),
    )


def is_urgent(lane: int) -> bool:
    """Whether a lane is the urgent one; FormatRefused when it is none."""
    if lane not in _LANES:
        raise FormatRefused("W02 ABSENT", "lane", "no lane", "say LANE_NORMAL or LANE_URGENT")
    return _LANES[lane]  # type: ignore[index]


def _needs_biometrics(capture: terms_pb2.Capture) -> None:
    if not (capture.fingers or capture.transaction or capture.HasField("face")):
        raise FormatRefused(
            "W02 ABSENT", "capture", "no biometrics", "send images or a transaction"
        )
