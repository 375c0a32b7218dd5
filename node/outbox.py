"""The outbox: what was committed for the centre is delivered, in order, once in effect.

Plan of one delivery:

1. Choose: urgent lane first, by arrival inside a lane, one number's requests in their order.
2. Connect: while the centre is down, nothing is marked and nothing leaves.
3. Mark, in a commit: from here on the centre may have the request, whatever happens to us.
4. Send, with the request_id that the request was queued under: a repetition has one effect.
5. Write down, in a commit: receipt, date of transmission, end of retention; or the refusal, with
   a task for the desk; or when to try again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from interfaces import wire
from interfaces.central.client import CentralBusy, CentralFaulty
from interfaces.central.errors import CentralRefused, CentralUnavailable
from interfaces.eurodac import deadlines
from interfaces.formats import FormatRefused
from interfaces.pb.eurodac.central.v1 import central_pb2
from interfaces.profile import CENTRAL_FILES, calls
from node import acts, changes, dispatch, searches
from node.access import Act, Purpose, node_itself
from node.acts import Deed
from node.assembly import Node
from node.audit import Outcome
from node.errors import NodeError, SealBroken
from node.store import Transaction, dossiers, parcels, tasks
from node.store.dossiers import Dossier
from node.store.parcels import Parcel
from node.vocabulary import Delivery, TaskKind

METHODS: Mapping[str, type[Message]] = {
    name: GetMessageClass(call.input_type) for name, call in calls(CENTRAL_FILES).items()
}
"""Method -> its request, from the protocol itself."""

LONGEST_WAIT = timedelta(seconds=30)
"""How long a courier sleeps at most without looking: a clock that was set forward is noticed."""

DAMAGED_WAIT = timedelta(hours=1)
"""How long a parcel that cannot be opened lets others pass before it is reported again."""

LONGEST_PUT_OFF = timedelta(hours=1)
"""No request waits longer for its next attempt: whoever asks for more is asked again, and a next
attempt that is further away was written before the clock was set back."""

MOST_AHEAD = timedelta(days=30)
"""How far our clock may have been ahead of the centre's before its receipt is no date: a retention
counted from 1970 would have ended, and the data set be erased at once."""

MAX_REFUSAL_CHARACTERS = 2_000
"""Kept of the centre's reasons: some ten violations with their remedies."""

log = logging.getLogger(__name__)


class Step(StrEnum):
    """What one call of deliver() came to."""

    DELIVERED = "DELIVERED"
    REFUSED = "REFUSED"
    PUT_OFF = "PUT_OFF"
    IDLE = "IDLE"


@dataclass(frozen=True, slots=True)
class Progress:
    """A step, and until when there is nothing to do; None: until a parcel is queued."""

    step: Step
    until: datetime | None = None


def deliver(node: Node) -> Progress:
    """Deliver one parcel, or find out that none can leave now."""
    # 1. Choose.
    parcel, until = _choose(node)
    if parcel is None:
        return Progress(Step.IDLE, until)
    try:
        # 2. Connect.
        node.client.connect()
        # 3. Mark.
        with node.store.write() as transaction:
            if not parcels.start_attempt(transaction, parcel.parcel_id):
                return Progress(Step.PUT_OFF, node.now())
        # 4. Send.
        request = METHODS[parcel.method].FromString(parcel.content)
        response = node.client.send(parcel.method, request)
        _check_receipt(parcel, response)
    # 5. Write down.
    except CentralUnavailable as silence:
        node.line.note_silence()
        return _put_off(node, parcel, silence)
    except CentralRefused as refusal:
        node.line.note_answer(node.now())
        return _take_refusal(node, parcel, refusal)
    node.line.note_answer(node.now())
    return _settle(node, parcel, response)


def _choose(node: Node) -> tuple[Parcel | None, datetime | None]:
    """The parcel that leaves now; or None, and when to look again."""
    now = node.now()
    try:
        with node.store.read() as transaction:
            parcel = parcels.find_next(transaction, now, now + LONGEST_PUT_OFF)
            until = parcels.find_next_attempt(transaction)
    except SealBroken as broken:
        # What lies damaged on the disk must not hold up all that is sound; its task stays open.
        log.warning("parcel %s cannot be opened; restore the store from a backup", broken.row)
        with node.store.write() as transaction:
            parcels.put_off(transaction, broken.row, now + DAMAGED_WAIT, aside=True)
        return None, now
    attempt = None if parcel is None else parcel.next_attempt_at
    if attempt is not None and now < attempt <= now + LONGEST_PUT_OFF:
        return None, attempt
    return parcel, until


def _put_off(node: Node, parcel: Parcel, silence: CentralUnavailable) -> Progress:
    until = node.now() + _backoff(node, parcel.failures, silence)
    aside = isinstance(silence, CentralFaulty)
    with node.store.write() as transaction:
        parcels.put_off(transaction, parcel.parcel_id, until, aside=aside)
    return Progress(Step.PUT_OFF, node.now() if aside else until)


def _backoff(node: Node, failures: int, silence: CentralUnavailable) -> timedelta:
    """Doubled at every failure up to a limit, shortened at random so that nodes do not march."""
    central = node.settings.central
    # Beyond 2^20 the limit has long been reached.
    doubled = central.retry_first_seconds * 2 ** min(failures, 20)
    wait = min(doubled, central.retry_most_seconds) * node.jitter.uniform(0.5, 1.0)
    asked = silence.retry_after if isinstance(silence, CentralBusy) else timedelta(0)
    return min(max(timedelta(seconds=wait), asked), LONGEST_PUT_OFF)


def _settle(node: Node, parcel: Parcel, response: Message) -> Progress:
    with node.store.write() as transaction:
        if parcels.remove(transaction, parcel.parcel_id):
            tasks.close_one(transaction, parcel.task_id, node.now())
            dossiers.change(transaction, parcel.reference_number)
            if parcel.method in dispatch.WITH_BIOMETRICS:
                _take_receipt(node, transaction, parcel, response)
        _record(node, transaction, parcel, Outcome.DONE)
    return Progress(Step.DELIVERED, node.now())


def _check_receipt(parcel: Parcel, response: Any) -> None:
    """A receipt has a date from which limits and retention can be counted; else it is none."""
    if parcel.method not in dispatch.WITH_BIOMETRICS:
        return
    try:
        received_at = wire.instant_from(response.receipt.received_at)
        wire.instant_from(response.receipt.compare_by)
    except FormatRefused as error:
        raise CentralFaulty("the receipt has no date that can be") from error
    if received_at < parcel.queued_at - MOST_AHEAD:
        raise CentralFaulty("the receipt is older than the request")


def _take_receipt(node: Node, transaction: Transaction, parcel: Parcel, response: Any) -> None:
    """The centre has the biometrics: from the first such receipt the retention runs (Art. 29)."""
    receipt: central_pb2.Receipt = response.receipt
    number = parcel.reference_number
    received_at = wire.instant_from(receipt.received_at)
    dossier = dossiers.find(transaction, number)
    if searches.is_search(dossier.category):
        searches.take_receipt(transaction, dossier, received_at)
        return
    if dossier.transmitted_at is None:
        _note_transmission(transaction, dossier, received_at)
    # The comparison result may have overtaken its receipt.
    if dossier.delivery is Delivery.QUEUED:
        dossiers.change(transaction, number, delivery=Delivery.TRANSMITTED)
        what = "The central system compares."
        # Our own reading of the limit: a centre that grants itself more is late all the same.
        sent: Any = METHODS[parcel.method].FromString(parcel.content)
        limit = deadlines.comparison(received_at, sent.lane == central_pb2.LANE_URGENT)
        kind = TaskKind.AWAIT_COMPARISON
        tasks.add(transaction, acts.open_task(node, kind, number, what, limit=limit))


def _note_transmission(transaction: Transaction, dossier: Dossier, received_at: datetime) -> None:
    data_set = replace(dossier.content, transmitted_at=received_at)
    dossiers.put_content(transaction, data_set)
    dossiers.change(
        transaction,
        dossier.reference_number,
        transmitted_at=received_at,
        retained_until=changes.find_retention_end(transaction, data_set, received_at),
    )


def _take_refusal(node: Node, parcel: Parcel, refusal: CentralRefused) -> Progress:
    """The centre will never take it: the desk must act, and nothing else is held up."""
    if parcel.method == "EraseDataSet" and refusal.code == "NOT_FOUND":
        # What it never had, or has erased already, is erased.
        return _settle(node, parcel, central_pb2.EraseDataSetResponse())
    reasons = [str(violation) for violation in refusal.violations]
    text = "; ".join([refusal.code, *reasons])[:MAX_REFUSAL_CHARACTERS]
    number = parcel.reference_number
    with node.store.write() as transaction:
        if parcels.remove(transaction, parcel.parcel_id):
            if parcel.method not in searches.METHODS:
                what = f"The central system refused {parcel.method}: {text}"
                task = acts.open_task(node, TaskKind.RESOLVE_REFUSAL, number, what, article="37(1)")
                tasks.add(transaction, task)
            dossiers.change(transaction, number, refusal=text)
            if parcel.method in dispatch.WITH_BIOMETRICS:
                dossiers.change(transaction, number, delivery=Delivery.REFUSED)
        _record(node, transaction, parcel, Outcome.REFUSED, detail=refusal.code)
    return Progress(Step.REFUSED, node.now())


def _record(
    node: Node,
    transaction: Transaction,
    parcel: Parcel,
    outcome: Outcome,
    *,
    detail: str = "",
) -> None:
    number = parcel.reference_number
    deed = Deed(node_itself(node.member_state), Act.DELIVER, Purpose.OPERATION, number)
    acts.append(node, transaction, deed, outcome, detail=" ".join([parcel.method, detail]).strip())


class Courier:
    """A thread that delivers until it is stopped. Only one may run on one store."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the delivery under way and end."""
        self._stopping.set()
        self._node.store.parcel_queued.set()
        self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether the thread runs; one that died of an unforeseen error is no healthy node."""
        return self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            # Cleared before looking: what is queued while we look wakes us again.
            self._node.store.parcel_queued.clear()
            try:
                progress = deliver(self._node)
            except NodeError as error:
                log.warning("delivery failed: %s", type(error).__name__)
                progress = Progress(Step.IDLE)
            self._sleep(progress)

    def _sleep(self, progress: Progress) -> None:
        wait = LONGEST_WAIT
        if progress.until is not None:
            wait = min(wait, progress.until - self._node.now())
        if wait > timedelta(0) and not self._stopping.is_set():
            self._node.store.parcel_queued.wait(wait.total_seconds())
