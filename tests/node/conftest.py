"""A node over a real store, a real matcher and, where wanted, the real stand-in of the centre."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from interfaces import wire
from interfaces.central.centre import Centre
from interfaces.central.script import Fault, Script
from interfaces.central.server import Serving, open_centre, serve
from interfaces.eurodac.caseclock import Happening
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.duties import DutyKind
from interfaces.eurodac.outcome import HitState
from interfaces.eurodac.periods import local_day
from interfaces.eurodac.progress import ASKS, Told
from interfaces.eurodac.terms import Event, Sex
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from matcher.engine import Engine
from node import assembly, casework, enrolment, vault
from node import clock as case_clock
from node.access import Actor, Role
from node.assembly import Node
from node.casework import Decision
from node.clock import NewEvent, Reading
from node.enrolment import Enrolment
from node.inbox import receive
from node.settings import CentralSettings, Settings
from node.store import Store, open_store
from node.vocabulary import CaseHit, Task, TaskKind
from tests.node.trial import open_trial, trial  # noqa: F401 - fixtures of more than one file

NOBODY_LISTENS = "127.0.0.1:9"
"""The discard port: a line that never stands."""


@dataclass(slots=True)
class Clock:
    """A clock that a test sets."""

    time: datetime = datetime(2026, 9, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def advance(self, **parts: float) -> None:
        self.time += timedelta(**parts)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store of DK under a key of its own."""
    vault.create_key_file(tmp_path / "vault.key")
    opened = open_store(
        f"sqlite:///{tmp_path / 'store.sqlite'}",
        vault.open_vault(tmp_path / "vault.key"),
        member_state="DK",
    )
    yield opened
    opened.close()


@pytest.fixture
def open_at(engine: Engine, clock: Clock) -> Iterator[Callable[..., Node]]:
    """open_at(folder, central="host:port", state="DK", ...): a node over what is in the folder."""
    opened = []

    def open_(
        folder: Path, *, central: str = NOBODY_LISTENS, state: str = "DK", **settings: object
    ) -> Node:
        folder.mkdir(exist_ok=True)
        if not (folder / "vault.key").exists():
            vault.create_key_file(folder / "vault.key")
        line = CentralSettings(
            address=central,
            timeout_seconds=5.0 if central != NOBODY_LISTENS else 0.2,
            retry_first_seconds=0.05,
            retry_most_seconds=0.4,
        )
        made = Settings(member_state=state, data_folder=folder, central=line)
        node = assembly.open_node(replace(made, **settings), engine=engine, now=clock)  # type: ignore[arg-type]
        opened.append(node)
        return node

    yield open_
    for node in opened:
        assembly.close(node)


@pytest.fixture
def node(open_at: Callable[..., Node], tmp_path: Path) -> Node:
    """A node whose centre is down."""
    return open_at(tmp_path / "dk")


@pytest.fixture
def serve_centre(
    tmp_path: Path, engine: Engine, clock: Clock
) -> Iterator[Callable[..., tuple[Centre, str]]]:
    """serve_centre(*faults): the stand-in, serving, as itself and its address."""
    servings: list[Serving] = []

    def serve_(*faults: Fault) -> tuple[Centre, str]:
        folder = tmp_path / "centre"
        folder.mkdir(exist_ok=True)
        opened = open_centre(folder, engine, now=clock, script=Script(faults))
        servings.append(serve(opened, "127.0.0.1:0", tls=None))
        return opened, f"127.0.0.1:{servings[-1].doorway.port}"

    yield serve_
    for serving in servings:
        serving.stop(grace_seconds=0.2)


def _actor(role: Role, user: str) -> Actor:
    return Actor(state="DK", unit="Unit 1", user=user, role=role)


@pytest.fixture
def station() -> Actor:
    return _actor(Role.CAPTURE_STATION, "station-7")


@pytest.fixture
def desk() -> Actor:
    return _actor(Role.ASYLUM_DESK, "anna")


@pytest.fixture
def supervisor() -> Actor:
    return _actor(Role.SUPERVISOR, "bodil")


@pytest.fixture
def expert() -> Actor:
    return _actor(Role.FINGERPRINT_EXPERT, "carl")


@pytest.fixture
def applicant(clock: Clock) -> DataSet:
    """An applicant registered an hour ago whose biometrics were taken ten minutes ago."""
    return DataSet(
        category=Category.APPLICANT_REG,
        origin="",
        surnames=("Qwertzuiop",),
        forenames=("Asdfgh",),
        nationalities=("SYR",),
        date_of_birth="1990-05-17",
        place_of_birth="Yxcvbnm",
        sex=Sex.FEMALE,
        event=Event("Sandholm", clock() - timedelta(hours=1)),
        biometrics_taken_at=clock() - timedelta(minutes=10),
    )


@pytest.fixture
def enrolment_of(
    applicant: DataSet, capture_of: Callable[..., terms_pb2.Capture]
) -> Callable[..., Enrolment]:
    """enrolment_of(person, request_id=, ...): the applicant's data with that person's capture."""

    def make(person: int, taking: int = 0, **fields: object) -> Enrolment:
        plain = {
            "request_id": f"enrol-{person}-{taking}",
            "data_set": applicant,
            "capture": capture_of(person, taking),
        }
        return Enrolment(**(plain | fields))  # type: ignore[arg-type]

    return make


def noon(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=UTC)


class Case:
    """One person at one node; every step is an act at the moment that the clock shows."""

    def __init__(self, node: Node, time: Clock, number: str) -> None:
        self.node, self.time, self.number = node, time, number
        self.desk = Actor(node.member_state, "Unit 1", "anna", Role.ASYLUM_DESK)
        self.expert = replace(self.desk, user="carl", role=Role.FINGERPRINT_EXPERT)
        self.steps = 0

    def next_id(self) -> str:
        self.steps += 1
        return f"{self.number}-{self.steps}"

    def at(self, day: str) -> Case:
        self.time.time = noon(day)
        return self

    def tell(self, name: str, day: str = "", state: str = "", *, security: bool = False) -> str:
        if day:
            self.at(day)
        happening = Happening[name]
        asked = state or ("GR" if happening in (*ASKS, Happening.ACCEPTED) else "")
        told = Told(happening, self.time(), asked, security)
        return case_clock.record_event(
            self.node, self.desk, NewEvent(self.next_id(), self.number, told)
        )

    def hit(self, data_set: DataSet, day: str = "") -> CaseHit:
        """A hit arrives and an expert confirms it."""
        if day:
            self.at(day)
        before = {hit.hit_id for hit in self.read_case().hits}
        hit = central_pb2.Hit(data_set=wire.dataset_to(data_set), score=93.5)
        result = central_pb2.ComparisonResult(
            outcome=central_pb2.ComparisonResult.OUTCOME_HIT, hits=[hit]
        )
        self.steps += 1
        notice = central_pb2.Notice(
            cursor=self.steps, reference_number=self.number, comparison_result=result
        )
        receive(self.node, notice)
        (new,) = [one for one in self.read_case().hits if one.hit_id not in before]
        decision = Decision(self.next_id(), new.hit_id, HitState.CONFIRMED)
        return casework.decide_hit(self.node, self.expert, decision)

    def read_case(self) -> Any:
        return casework.get_case(self.node, self.desk, self.number)

    def read(self) -> Reading:
        return case_clock.get_clock(self.node, self.desk, self.number)

    def tasks(self) -> list[Task]:
        """The open tasks that the clock or a hit opened, as the due list shows them."""
        listed = casework.list_due(self.node, self.desk).tasks
        of_clock = {TaskKind(kind) for kind in DutyKind} | set(casework.NEXT_STEPS.values())
        return [task for task in listed if task.kind in of_clock]

    def kinds(self) -> set[str]:
        return {str(task.kind) for task in self.tasks()}

    def running(self) -> str:
        state = self.node.member_state
        return " ".join(
            f"{limit.rule}@{local_day(limit.due_at, state)}"
            for limit in self.read().clock.running
            if limit.due_at
        )


@pytest.fixture
def case_of(
    open_at: Callable[..., Node],
    tmp_path: Path,
    clock: Clock,
    enrolment_of: Callable[..., Enrolment],
    applicant: DataSet,
) -> Callable[..., Case]:
    """case_of(registered, category, state): a person recorded that day at a node of that State."""
    opened: dict[str, Node] = {}

    def make(
        day: str,
        category: str = "APPLICANT_REG",
        state: str = "DK",
        event: str = "",
        person: int = 1,
    ) -> Case:
        clock.time = noon(day)
        if state not in opened:
            opened[state] = open_at(tmp_path / state, state=state)
        node = opened[state]
        data_set = replace(
            applicant,
            category=Category(category),
            event=Event("Sandholm", noon(event or day)),
            biometrics_taken_at=noon(day),
        )
        station = Actor(state, "Unit 1", "station-7", Role.CAPTURE_STATION)
        receipt = enrolment.enrol(node, station, enrolment_of(person, data_set=data_set))
        return Case(node, clock, receipt.reference_number)

    return make
