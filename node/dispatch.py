"""Requests to the centre as the acts queue them, in the commit of what they tell about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from interfaces import wire
from interfaces.eurodac.dataset import DataSet
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from node.assembly import Node
from node.store import Transaction, parcels
from node.store.dossiers import Dossier
from node.store.parcels import Parcel
from node.vocabulary import Lane

LANES = {Lane.NORMAL: central_pb2.LANE_NORMAL, Lane.URGENT: central_pb2.LANE_URGENT}


WITH_BIOMETRICS = frozenset(
    {
        "TransmitDataSet",
        "SearchOnly",
        "ResendBiometrics",
        "SearchForLawEnforcement",
        "SearchForDataSubject",
    }
)
"""Methods that are answered with a receipt and later with a comparison result."""


def post(
    node: Node,
    transaction: Transaction,
    request: Any,
    *,
    lane: Lane = Lane.NORMAL,
    task_id: str = "",
    outlives: bool = False,
) -> None:
    """Queue a request of the central service; its request_id is drawn here, once for all attempts.

    The method is the message's name without Request. task_id: task that its delivery closes.
    outlives: deliver it even when the data set is erased meanwhile.
    """
    request.request_id = node.new_id()
    parcel = Parcel(
        parcel_id=request.request_id,
        reference_number=request.reference_number
        if hasattr(request, "reference_number")
        else request.data_set.reference_number,
        method=type(request).__name__.removesuffix("Request"),
        content=request.SerializeToString(deterministic=True),
        lane=lane,
        queued_at=node.now(),
        task_id=task_id,
        outlives=outlives,
    )
    parcels.add(transaction, parcel)


def transmit(
    node: Node,
    transaction: Transaction,
    data_set: DataSet,
    capture: terms_pb2.Capture,
    *,
    lane: Lane,
    task_id: str,
) -> None:
    """Queue the first transmission of a data set; the centre notes when it came (Art. 37(2)).

    A flag or mark that was set while better biometrics were awaited follows by its own call.
    """
    bare = replace(data_set, security_flag=False, marks=())
    request = central_pb2.TransmitDataSetRequest(
        data_set=wire.dataset_to(bare),
        capture=capture,
        lane=LANES[lane],
        include_own=node.settings.policy.include_own,
    )
    post(node, transaction, request, lane=lane, task_id=task_id)
    number = data_set.reference_number
    if data_set.security_flag:
        post(node, transaction, central_pb2.SetSecurityFlagRequest(reference_number=number))
    for mark in data_set.marks:
        marking = central_pb2.SetMarkRequest(
            reference_number=number,
            type=wire.mark_type_to(mark.type),
            follow_up=mark.follow_up,
        )
        post(node, transaction, marking)


def resending(
    data_set: DataSet, capture: terms_pb2.Capture, lane: Lane
) -> central_pb2.ResendBiometricsRequest:
    """Better biometrics under a number that the centre knows (Art. 38(1))."""
    request = central_pb2.ResendBiometricsRequest(
        reference_number=data_set.reference_number, capture=capture, lane=LANES[lane]
    )
    if data_set.biometrics_taken_at is not None:
        request.biometrics_taken_at.CopyFrom(wire.instant_to(data_set.biometrics_taken_at))
    return request


def is_known(transaction: Transaction, dossier: Dossier) -> bool:
    """Whether the centre has the data set, or gets it before what is queued from now on."""
    waiting = parcels.find_waiting(transaction, dossier.reference_number)
    return dossier.transmitted_at is not None or any(
        parcel.method == "TransmitDataSet" for parcel in waiting
    )


def has_better_biometrics(transaction: Transaction, reference_number: str) -> bool:
    """Whether better biometrics wait that never left: all results are about earlier ones."""
    return parcels.has_unsent(transaction, reference_number, "ResendBiometrics")
