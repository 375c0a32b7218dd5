"""A small Europe for stories: one stand-in and the nodes of some States, serving over gRPC in this
process, on one clock that only the story moves.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from google.protobuf.message import Message

from interfaces.central import custody as central_custody
from interfaces.central import server as central_server
from interfaces.central.client import CentralClient
from interfaces.central.errors import CentralRefused
from interfaces.central.examination import Examiner
from interfaces.central.holdings import StoredDataSet
from interfaces.central.script import Fault, Script
from interfaces.eurodac import sequence
from interfaces.eurodac.policy import Policy
from interfaces.pb.eurodac.central.v1 import central_pb2
from interfaces.pb.eurodac.nap.v1 import nap_pb2
from matcher.engine import Engine
from node import assembly, custody, pruning, server, vault
from node.access import Role
from node.assembly import Node
from node.settings import CentralSettings, QualityGate, Settings
from node.station import Station, StationError
from node.store import parcels

QUIET_SECONDS = 30.0
"""Longest wait until all that was queued has arrived, been compared and been told."""

BEGINNING = datetime(2026, 6, 12, tzinfo=UTC)
"""What the clock shows until the story says otherwise."""


@dataclass(slots=True)
class Clock:
    """The one clock of all."""

    time: datetime = BEGINNING

    def __call__(self) -> datetime:
        return self.time


class _State(AbstractContextManager["_State"]):
    """One State's node, serving, and the lines to it."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.serving = server.serve(node)
        self._lines: dict[tuple[Role, str, str], Station] = {}

    def call(
        self, role: Role, method: str, request: Message, *, unit: str = "", user: str = ""
    ) -> Any:
        """One call over gRPC, under one role. unit, user: default those that the role has."""
        key = role, unit or unit_of(role), user or user_of(role)
        if key not in self._lines:
            letters = self.node.member_state
            actor = f"C={letters},O={key[1]},OU={role},CN={key[2]}"
            address = f"127.0.0.1:{self.serving.doorway.port}"
            self._lines[key] = Station(address, identity=None, actor=actor)
        return self._lines[key].call(method, request)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for line in self._lines.values():
            line.close()
        self.serving.stop()


def user_of(role: Role) -> str:
    """The official of a State who has this role, unless a second pair of eyes is needed."""
    return role.lower().replace("_", "-")


def unit_of(role: Role) -> str:
    """The unit of that official."""
    return f"Unit {role.lower()}"


@dataclass(slots=True)
class Europe:
    """States by their letters; numbers: reference numbers by the story's labels."""

    folder: Path
    engine: Engine
    policy: Policy = field(default_factory=Policy)
    clock: Clock = field(default_factory=Clock)
    faults: tuple[Fault, ...] = ()
    states: dict[str, _State] = field(default_factory=dict)
    requests: Callable[[], int] = field(default_factory=lambda: itertools.count(1).__next__)
    _opened: ExitStack = field(default_factory=ExitStack)
    standing_still: bool = False
    _centre: central_server.Serving | None = None

    def __enter__(self) -> Europe:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    @property
    def centre(self) -> central_server.Serving:
        """The stand-in, started with the first State."""
        if self._centre is None:
            folder = self.folder / "centre"
            folder.mkdir(parents=True)
            opened = central_server.open_centre(
                folder, self.engine, now=self.clock, policy=self.policy, script=Script(self.faults)
            )
            self._centre = central_server.serve(opened, "127.0.0.1:0", tls=None)
            self._opened.callback(self._centre.stop, grace_seconds=0.2)
        return self._centre

    def stand_still(self) -> None:
        """The centre takes requests and compares none until it works again."""
        self.centre._examiner.stop()
        self.standing_still = True

    def work_again(self) -> None:
        """The centre works off what waits."""
        self.standing_still = False
        examiner = Examiner(self.centre.centre)
        self._opened.callback(examiner.stop)
        examiner.start()

    def call(self, state: str, role: Role, method: str, request: Message, **who: str) -> Any:
        """One call to a State's node, which is opened when first called. who: unit and user, where
        they are not those of the role."""
        if any(known.name == "request_id" for known in request.DESCRIPTOR.fields):
            request.request_id = f"request-{self.requests()}"  # type: ignore[attr-defined]
        return self.state(state).call(role, method, request, **who)

    def state(self, letters: str) -> _State:
        """A State with its node."""
        if letters not in self.states:
            node = self._open(letters)
            self.states[letters] = self._opened.enter_context(_State(node))
        return self.states[letters]

    def _open(self, letters: str) -> Node:
        folder = self.folder / letters
        folder.mkdir(parents=True)
        vault.create_key_file(folder / "vault.key")
        line = CentralSettings(
            address=f"127.0.0.1:{self.centre.doorway.port}",
            timeout_seconds=20.0,
            retry_first_seconds=0.05,
            retry_most_seconds=0.4,
        )
        settings = Settings(
            member_state=letters,
            data_folder=folder,
            listen="127.0.0.1:0",
            unsafe_plaintext=True,
            central=line,
            quality=QualityGate(good_fingers=1),
            policy=self.policy,
        )
        return assembly.open_node(settings, engine=self.engine, now=self.clock)

    def settle(self) -> None:
        """Wait until nothing is on its way between the nodes and the centre."""
        deadline = time.monotonic() + QUIET_SECONDS
        # Twice, because what leaves one place while we look at another has arrived by then.
        quiet = 0
        while quiet < 2:
            if time.monotonic() > deadline:
                raise TimeoutError("something is still under way between nodes and centre")
            quiet = quiet + 1 if self._is_quiet() else 0
            time.sleep(0.004)

    def _is_quiet(self) -> bool:
        for state in self.states.values():
            with state.node.store.read() as transaction:
                if sum(parcels.count(transaction).values()):
                    return False
        with self.centre.centre.ledger.read() as entries:
            told = any(entries.notices(letters, 0, 1) for letters in self.states)
            waits = not self.standing_still and entries.next_arrival() is not None
            return not waits and not told

    def sweep(self) -> None:
        """What every node and the centre do once a minute, and every node once an hour."""
        central_custody.sweep(self.centre.centre)
        for state in self.states.values():
            custody.sweep(state.node)
            pruning.prune(state.node)

    def case(self, number: str) -> nap_pb2.Case:
        """A case as an official of its State reads it."""
        request = nap_pb2.GetCaseRequest(reference_number=number)
        case: nap_pb2.Case = self.call(number[:2], Role.ASYLUM_DESK, "GetCase", request).case
        return case

    def stored(self, number: str) -> StoredDataSet | None:
        """What the centre holds under a number."""
        with self.centre.centre.ledger.read() as entries:
            return entries.data_set(number)

    def sequence_of(self, number: str) -> frozenset[str]:
        """The data sets that the centre takes for the same person's."""
        with self.centre.centre.ledger.read() as entries:
            links = entries.links()
        names = {number} | {name for link in links for name in (link.one, link.other)}
        return next(found for found in sequence.components(names, links) if number in found)

    def send(self, state: str, method: str, request: Message) -> Message:
        """One call of a State's access point to the centre, past its node."""
        return self.send_all(state, method, [request])[0]

    def send_all(self, state: str, method: str, requests: Sequence[Message]) -> list[Message]:
        """Several calls over one line, one after the other."""
        for request in requests:
            if any(known.name == "request_id" for known in request.DESCRIPTOR.fields):
                request.request_id = f"request-{self.requests()}"  # type: ignore[attr-defined]
        address = f"127.0.0.1:{self.centre.doorway.port}"
        client = CentralClient(address, state, credentials=None, timeout_seconds=10.0)
        try:
            return [client.send(method, request) for request in requests]
        except CentralRefused as refused:
            raise StationError(refused.code, str(refused), refused.violations) from refused
        finally:
            client.close()

    def figures(self, month: str) -> Mapping[tuple[str, str], int]:
        """(point, State) -> count over all dimensions, asked for over gRPC."""
        request = central_pb2.GetStatisticsRequest(month=month)
        response = self.send("DK", "GetStatistics", request)
        found: dict[tuple[str, str], int] = {}
        for figure in response.figures:  # type: ignore[attr-defined]
            key = figure.point, figure.member_state
            found[key] = found.get(key, 0) + figure.count
        return found

    def records(self, number: str) -> list[nap_pb2.AuditEntry]:
        """What the auditor of the number's State reads about it."""
        request = nap_pb2.ReadAuditRequest(reference_number=number)
        response = self.call(number[:2], Role.AUDITOR, "ReadAudit", request)
        return list(response.entries)
