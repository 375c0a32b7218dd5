"""The stand-in for the central system, put together once: ledger, matcher, law, clock, script."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from google.protobuf.message import Message

from interfaces import wire
from interfaces.central.entries import Entries
from interfaces.central.errors import RequestReused, UnknownDataSet
from interfaces.central.holdings import Status, StoredDataSet
from interfaces.central.ledger import Ledger
from interfaces.central.script import Script
from interfaces.eurodac import retention
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.policy import Policy
from interfaces.pb.eurodac.central.v1 import terms_pb2
from matcher import templates
from matcher.engine import Engine
from matcher.gallery import Gallery

Answer = TypeVar("Answer", bound=Message)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What the centre calls a hit and what it refuses.

    hit_score: -10·log10 of the false match rate of one comparison; 80 keeps the false positive
    rate of a search below 1 in 1,000 up to 100,000 stored persons (FPIR = persons · FMR).
    face_hit_score: the same where there are no prints to compare (Art. 28(1)); a face alone never
    scores above about 64, and an expert looks at each such hit anyway (Art. 38(5)).
    single_hit_score: the same where one finger alone was compared, as of who has no other: it
    never scores above about 77 either, and 60 is a stranger in a million, whom the expert sees.
    latent_hit_score: the same for latent prints; one print never scores above about 77, and 50 is
    one stranger in 100,000 fingers, which whoever examines the traces can look through.
    finger_quality, good_fingers: a capture with prints is refused when fewer of its fingers than
    good_fingers reach finger_quality. One good finger suffices: whose fingertips are worn or
    missing is still compared with what there is (Art. 13(5)).
    """

    hit_score: float = 80.0
    face_hit_score: float = 60.0
    single_hit_score: float = 60.0
    latent_hit_score: float = 50.0
    finger_quality: int = 30
    good_fingers: int = 1


@dataclass(slots=True)
class Partitions:
    """Opaque numbers of the gallery's partitions: one per origin, category and marked or not."""

    numbers: dict[tuple[str, Category, bool], int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, data_set: DataSet) -> int:
        """Number of the partition that holds a data set."""
        key = (data_set.origin, data_set.category, bool(data_set.marks))
        with self._lock:
            return self.numbers.setdefault(key, len(self.numbers))

    def known(self) -> Mapping[tuple[str, Category, bool], int]:
        """All partitions there are."""
        with self._lock:
            return dict(self.numbers)


@dataclass(frozen=True, slots=True)
class Centre:
    """The stand-in with everything it needs. arrived: set when a lane may have work;
    issued: notified when a notice was written."""

    ledger: Ledger
    engine: Engine
    gallery: Gallery
    now: Callable[[], datetime]
    policy: Policy = field(default_factory=Policy)
    thresholds: Thresholds = field(default_factory=Thresholds)
    script: Script = field(default_factory=Script)
    partitions: Partitions = field(default_factory=Partitions)
    arrived: threading.Event = field(default_factory=threading.Event)
    issued: threading.Condition = field(default_factory=threading.Condition)
    publishing: threading.Lock = field(default_factory=threading.Lock)


def fill_gallery(centre: Centre) -> None:
    """Make everything searchable that the ledger holds as such; for the start."""
    with centre.ledger.read() as entries:
        for stored in entries.data_sets():
            if stored.status == Status.SEARCHABLE and stored.template is not None:
                partition = centre.partitions.of(data_set_in(stored))
                reference = templates.decode(stored.template)
                centre.gallery.enrol(stored.id, reference, partition=partition)


def publish(centre: Centre, number: int) -> None:
    """Bring the gallery into agreement with the ledger about one data set, known by its id.

    The ledger is read again under the lock: whatever was committed in between counts, and whoever
    was erased does not come back.
    """
    with centre.publishing:
        with centre.ledger.read() as entries:
            stored = entries.data_set_of_id(number)
        if stored is None or stored.status != Status.SEARCHABLE or stored.template is None:
            centre.gallery.erase(number)
            return
        partition = centre.partitions.of(data_set_in(stored))
        centre.gallery.enrol(number, templates.decode(stored.template), partition=partition)


def data_set_in(stored: StoredDataSet) -> DataSet:
    """The data set that a row of the ledger states."""
    return wire.dataset_from(terms_pb2.DataSet.FromString(stored.message))


def apply_once(
    centre: Centre,
    state: str,
    request: Message,
    *,
    answer: type[Answer],
    act: Callable[[Entries], Answer],
) -> Answer:
    """Carry out a request of a State in one commit, or give the answer it got before.

    The same request_id with other content raises RequestReused.
    """
    request_id: str = request.request_id  # type: ignore[attr-defined]
    wire.check_request_id(request_id)
    digest = hashlib.sha256(
        type(request).__name__.encode() + b"\0" + request.SerializeToString(deterministic=True)
    ).digest()
    with centre.ledger.write() as entries:
        earlier = entries.answered(state, request_id)
        if earlier is not None:
            if earlier[0] != digest:
                raise RequestReused
            return answer.FromString(earlier[1])
        response = act(entries)
        entries.remember_answer(
            state, request_id, digest=digest, response=response.SerializeToString()
        )
    centre.arrived.set()
    with centre.issued:
        centre.issued.notify_all()
    return response


def own(entries: Entries, state: str, reference_number: str) -> StoredDataSet:
    """The State's data set of that number; nobody else's may be touched."""
    stored = entries.data_set(reference_number)
    if stored is None:
        raise UnknownDataSet
    if violations := retention.check_own(stored.origin, state):
        raise RuleBroken(*violations)
    return stored
