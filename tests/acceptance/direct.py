"""Three States and the centre without a wire: acts called in process, one step at a time.

What a State sends is watched on its way in: the centre before it and after it are compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from interfaces import wire
from interfaces.central import server as central_server
from interfaces.central.centre import Centre, data_set_in
from interfaces.central.entries import EPOCH_BITS
from interfaces.central.errors import CentralRefused, UnknownDataSet
from interfaces.central.examination import examine_next
from interfaces.central.holdings import StoredDataSet
from interfaces.central.notices import others_of
from interfaces.central.servicer import ACTS
from interfaces.eurodac.errors import RuleBroken
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from matcher.engine import Engine
from node import assembly, inbox, outbox, vault
from node.access import Actor, Role
from node.assembly import Node
from node.outbox import Step
from node.settings import QualityGate, Settings
from node.store import counters
from tests.acceptance.europe import Clock

LETTERS = ("DE", "DK", "IT")

TOLD_OF = {
    "UpdateStatus": "responsibility_changed",
    "SetMark": "data_marked",
    "DeleteSecurityFlag": "flag_deleted",
    "EraseDataSet": "data_erased",
}
"""Requests that others may have to be told of, and the notice that tells them."""


@dataclass(slots=True)
class Watch:
    """What has been seen at the centre: whose data changed by whose hand, and what was told.

    counted: a recount of Art. 12(1) by (month, point, State), made of what went over the line.
    sent: when each data set was transmitted, and its request, of which a copy may arrive late.
    """

    wrongs: list[str] = field(default_factory=list)
    issued: Counter[str] = field(default_factory=Counter)
    received: Counter[str] = field(default_factory=Counter)
    counted: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    erased: set[str] = field(default_factory=set)
    sent: dict[str, tuple[datetime, central_pb2.TransmitDataSetRequest]] = field(
        default_factory=dict
    )


class DirectLine:
    """The client of one State, as a node knows it, without a channel."""

    def __init__(self, centre: Centre, state: str, watch: Watch) -> None:
        self._centre, self._state, self._watch = centre, state, watch

    def connect(self) -> None:
        """The line always stands."""

    def close(self) -> None:
        """There is nothing to close."""

    def send(self, method: str, request: Message) -> Message:
        """The act of the centre, watched."""
        before = contents(self._centre)
        wanted = self._expected(method, request)
        told = self._told()
        try:
            response = ACTS[method](self._centre, self._state, request)
        except RuleBroken as broken:
            raise CentralRefused("FAILED_PRECONDITION", "a rule", broken.violations) from broken
        except UnknownDataSet as unknown:
            raise CentralRefused("NOT_FOUND", "no such data set") from unknown
        finally:
            self._check_hands(before)
        if method in TOLD_OF:
            news = self._told() - told
            if news != wanted:
                self._watch.wrongs.append(f"{method} told {dict(news)}, not {dict(wanted)}")
            self._watch.issued += news
        self._count(method, request)
        if isinstance(request, central_pb2.TransmitDataSetRequest):
            number = request.data_set.reference_number
            self._watch.sent.setdefault(number, (self._centre.now(), request))
        return response

    def _expected(self, method: str, request: Any) -> Counter[str]:
        """One notice to every other origin State's data set of the sequence, or none."""
        nobody: Counter[str] = Counter()
        if method not in TOLD_OF or getattr(request, "follow_up", False):
            return nobody
        with self._centre.ledger.read() as entries:
            about = entries.data_set(request.reference_number)
            if about is None or about.origin != self._state or not _is_news(method, request, about):
                return nobody
            return Counter(other.reference_number for other in others_of(entries, about))

    def _told(self) -> Counter[str]:
        """Notices that wait, by the data set they are about."""
        found: Counter[str] = Counter()
        with self._centre.ledger.read() as entries:
            for state in LETTERS:
                for message in entries.notices(state, 0, 1000):
                    notice = central_pb2.Notice.FromString(message)
                    if notice.WhichOneof("content") in TOLD_OF.values():
                        found[notice.reference_number] += 1
        return found

    def _check_hands(self, before: dict[str, tuple[str, bytes]]) -> None:
        """Nobody changes, erases or adds another State's data."""
        after = contents(self._centre)
        for number in before.keys() | after.keys():
            if before.get(number) != after.get(number):
                origin, _ = before.get(number) or after[number]
                if origin != self._state:
                    self._watch.wrongs.append(f"{self._state} changed {number}")
        self._watch.erased |= before.keys() - after.keys()

    def _count(self, method: str, request: Any) -> None:
        month = self._centre.now().strftime("%Y-%m")
        points = {"TransmitDataSet": "i", "SearchOnly": "j", "ReportFalseHit": "w"}
        if method in points and not _is_point_g(method, request):
            self._watch.counted[month, points[method], self._state] += 1


def _is_point_g(method: str, request: Any) -> bool:
    """Admissions that were granted are persons of point (g), no data sets of point (i)."""
    return (
        method == "TransmitDataSet"
        and not request.data_set.admission_decision.grounds
        and (request.data_set.HasField("admission_decision"))
    )


def _is_news(method: str, request: Any, about: StoredDataSet) -> bool:
    """Whether the request changes what the others know."""
    data_set = data_set_in(about)
    if method == "UpdateStatus":
        responsible = request.changes.responsible_state
        return bool(responsible) and responsible != data_set.responsible_state
    if method == "SetMark":
        return wire.mark_type_from(request.type) not in {mark.type for mark in data_set.marks}
    if method == "DeleteSecurityFlag":
        return data_set.security_flag
    return bool(request.ground == central_pb2.ERASURE_GROUND_CITIZENSHIP)


def contents(centre: Centre) -> dict[str, tuple[str, bytes]]:
    """Number -> origin and message of everything that the centre holds."""
    with centre.ledger.read() as entries:
        return {one.reference_number: (one.origin, one.message) for one in entries.data_sets()}


@dataclass(slots=True)
class Continent:
    """The States, the centre, their clock and what was seen."""

    folder: Path
    engine: Engine
    clock: Clock = field(default_factory=Clock)
    watch: Watch = field(default_factory=Watch)
    nodes: dict[str, Node] = field(default_factory=dict)
    centre: Centre = field(init=False)

    def __post_init__(self) -> None:
        (self.folder / "centre").mkdir()
        self.centre = central_server.open_centre(
            self.folder / "centre", self.engine, now=self.clock
        )
        for state in LETTERS:
            self.nodes[state] = self._open(state)

    def _open(self, state: str) -> Node:
        folder = self.folder / state
        folder.mkdir()
        vault.create_key_file(folder / "vault.key")
        settings = Settings(state, folder, quality=QualityGate(good_fingers=1))
        node = assembly.open_node(settings, engine=self.engine, now=self.clock)
        node.client.close()
        line: Any = DirectLine(self.centre, state, self.watch)
        return replace(node, client=line)

    def close(self) -> None:
        """Close everything."""
        for node in self.nodes.values():
            assembly.close(node)
        self.centre.ledger.close()

    def deliver(self, state: str) -> bool:
        """One parcel of one State; False if none could leave."""
        return outbox.deliver(self.nodes[state]).step is not Step.IDLE

    def repeat(self, number: str, request_id: str) -> None:
        """A copy of a transmission arrives late, under an id of its own: nobody comes of it."""
        _, first = self.watch.sent[number]
        copy = central_pb2.TransmitDataSetRequest()
        copy.CopyFrom(first)
        copy.request_id = request_id
        try:
            ACTS["TransmitDataSet"](self.centre, number[:2], copy)
        except RuleBroken as broken:
            codes = [one.code for one in broken.violations]
            if codes != ["V02"]:
                self.watch.wrongs.append(f"the copy of {number} was refused with {codes}")
        else:
            self.watch.wrongs.append(f"{number} was stored by a late copy")

    def examine(self) -> bool:
        """One comparison; False if none waited. Its hits are counted."""
        before = self._last_cursors()
        worked = examine_next(self.centre)
        with self.centre.ledger.read() as entries:
            for state in LETTERS:
                for message in entries.notices(state, before[state], 1000):
                    self._count_hits(state, central_pb2.Notice.FromString(message))
        return worked

    def _count_hits(self, state: str, notice: central_pb2.Notice) -> None:
        month = self.clock().strftime("%Y-%m")
        point = {"1": "k", "2": "m", "3": "n", "9": "o", "7": "l"}[notice.reference_number[2]]
        now = self.clock()
        for hit in notice.comparison_result.hits:
            self.watch.counted[month, point, state] += _times(point, hit.data_set)
            with self.centre.ledger.read() as entries:
                stored = entries.data_set(hit.data_set.reference_number)
            if stored is None or stored.retained_until < now:
                self.watch.wrongs.append(f"{hit.data_set.reference_number} found after its end")

    def _last_cursors(self) -> dict[str, int]:
        found = dict.fromkeys(LETTERS, 0)
        with self.centre.ledger.read() as entries:
            for state in LETTERS:
                for message in entries.notices(state, 0, 1000):
                    found[state] = central_pb2.Notice.FromString(message).cursor
        return found

    def receive(self, state: str, *, acknowledge: bool = True) -> bool:
        """One notice of one State, read twice as after a broken line; False if none waits."""
        node = self.nodes[state]
        with self.centre.ledger.read() as entries:
            page = entries.notices(state, 0, 1)
        if not page:
            return False
        notice = central_pb2.Notice.FromString(page[0])
        with node.store.read() as transaction:
            seen = counters.read(transaction, inbox.CURSOR)
        first = inbox.receive(node, notice)
        # Inside an epoch of the ledger cursors count one by one, from 1 on.
        next_one = notice.cursor % (1 << EPOCH_BITS) == seen % (1 << EPOCH_BITS) + 1
        if first != (next_one and notice.cursor > seen) or inbox.receive(node, notice):
            self.watch.wrongs.append(f"{state} lost or repeated notice {notice.cursor}")
        if first and notice.WhichOneof("content") in TOLD_OF.values():
            self.watch.received[notice.reference_number] += 1
        if acknowledge:
            request = central_pb2.AcknowledgeNoticesRequest(up_to=notice.cursor)
            ACTS["AcknowledgeNotices"](self.centre, state, request)
        return True

    def settle(self) -> None:
        """Until nothing moves any more."""
        steps: list[Callable[[], bool]] = [self.examine]
        for state in LETTERS:
            steps += [lambda s=state: self.deliver(s), lambda s=state: self.receive(s)]  # type: ignore[misc]
        while sum(step() for step in steps):
            pass


def _times(point: str, found: terms_pb2.DataSet) -> int:
    """How often a hit counts: under (l) against admissions and against protection, and not else."""
    if point != "l":
        return 1
    admitted = found.category in (
        terms_pb2.CATEGORY_ADMISSION_RECORD,
        terms_pb2.CATEGORY_NATIONAL_RESETTLEMENT,
    )
    kinds = {mark.type for mark in found.marks}
    return admitted + (terms_pb2.MARK_TYPE_PROTECTION in kinds)


def official(state: str, role: Role) -> Actor:
    """The official of a State with this role."""
    return Actor(state, "Unit 1", role.lower(), role)
