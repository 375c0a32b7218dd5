"""A centre and a Danish node at it, with interoperability switched on or off, over the wire."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import pytest

from interfaces import wire
from interfaces.central import identity_links, intake
from interfaces.central.centre import Centre
from interfaces.central.script import Fault, Script
from interfaces.central.server import open_centre, serve
from interfaces.eurodac import reference
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.policy import Policy
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from interfaces.pb.eurodac.central.v1 import interoperability_pb2 as central_interoperability_pb2
from interfaces.pb.eurodac.central.v1 import police_pb2 as central_police_pb2
from interfaces.pb.eurodac.nap.v1 import interoperability_pb2, police_pb2
from matcher.engine import Engine
from node import server
from node.access import Act, Role
from node.server import Serving
from node.station import Station, StationError
from node.store import records

LinkPb = central_interoperability_pb2
ON = Policy(interoperability_from=date(2026, 1, 1))
SECRET = "the-neighbour-heard-of-a-bomb"
REQUESTER = Role.REQUESTER, "Unit A", "rita"
DESK = Role.ASYLUM_DESK, "Unit 1", "anna"
NAME = "Qwertzuiop"
ENQUIRY = {"offence": police_pb2.OFFENCE_TERRORIST, "specific_case": SECRET, "contribution": SECRET}
SEARCH: dict[str, Any] = {
    "offence": police_pb2.OFFENCE_TERRORIST,
    "necessity": SECRET,
    "specific_case": SECRET,
    "contribution": SECRET,
}
Who = tuple[Role, str, str]


@dataclass
class Pair:
    """A centre, a Danish node at it, and a line for whoever is asked for.

    messages: the module in which the requests of the calls are found.
    """

    messages: ClassVar[Any]

    centre: Centre
    serving: Serving
    capture_of: Callable[..., terms_pb2.Capture]
    clock: Any
    applicant: DataSet
    folder: Path
    running: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    lines: list[Station] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.serving.doorway.port}"

    def call(self, who: Who, call: str, request: Any = None, **fields: Any) -> Any:
        role, unit, user = who
        actor = f"C=DK,O={unit},OU={role},CN={user}"
        self.lines.append(Station(self.address, identity=None, actor=actor))
        if request is None:
            request = getattr(self.messages, f"{call}Request")(**fields)
        asked = request
        if "request_id" in asked.DESCRIPTOR.fields_by_name and not asked.request_id:
            asked.request_id = f"request {next(self.running)}"
        return self.lines[-1].call(call, asked)

    def store(self, person: int = 1, state: str = "IT", **fields: Any) -> str:
        """A data set at the centre, examined."""
        number = reference.issue(state, Category.APPLICANT_REG, next(self.running))
        known = {"reference_number": number, "origin": state, "operator_user_id": "x"}
        data_set = replace(self.applicant, **(known | fields))
        request = central_pb2.TransmitDataSetRequest(
            request_id=f"transmit {number}",
            data_set=wire.dataset_to(data_set),
            capture=self.capture_of(person),
            lane=central_pb2.LANE_URGENT,
        )
        intake.transmit(self.centre, state, request)
        self.settle()
        return number

    def settle(self) -> None:
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            with self.centre.ledger.read() as entries:
                if entries.next_arrival() is None:
                    return
            time.sleep(0.02)
        raise AssertionError("the centre did not examine")

    def on_disk(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.folder.rglob("*") if path.is_file())


class Trial(Pair):
    """Calls of interoperability, and of the police search that follows an answer."""

    messages: ClassVar[Any] = interoperability_pb2

    def ask(self, who: Who = REQUESTER, **fields: Any) -> interoperability_pb2.AskPortalResponse:
        stated = interoperability_pb2.EnquiryReasons(**(ENQUIRY | fields.pop("reasons", {})))
        if not fields.keys() & {"capture", "identity", "latents"}:
            fields["identity"] = central_police_pb2.IdentityProbe(surname=NAME)
        answer: interoperability_pb2.AskPortalResponse = self.call(
            who, "AskPortal", reasons=stated, **fields
        )
        return answer

    def search(self, who: Who = REQUESTER, **reasons: Any) -> str:
        request = police_pb2.RequestSearchRequest(
            reasons=police_pb2.SearchReasons(**(SEARCH | reasons)),
            identity=central_police_pb2.IdentityProbe(surname=NAME),
        )
        number: str = self.call(who, "RequestSearch", request).reference_number
        return number

    def place(self, person: int | None, state: str = "FR", **fields: Any) -> None:
        """A visa record of a person with the applicant's data, or others."""
        stated = {
            name: getattr(self.applicant, name)
            for name in (
                *("surnames", "forenames", "nationalities"),
                *("date_of_birth", "place_of_birth", "sex"),
            )
        }
        identity, _ = wire.changes_to(stated | fields)
        request = LinkPb.PlaceRecordRequest(
            request_id=f"place {next(self.running)}",
            system=LinkPb.SYSTEM_VIS,
            record_number="V1",
            identity=identity,
            capture=None if person is None else self.capture_of(person, 1),
        )
        identity_links.place_record(self.centre, state, request)

    def links(self, number: str = "", who: Who = DESK) -> list[LinkPb.IdentityLink]:
        return list(self.call(who, "ListIdentityLinks", reference_number=number).links)

    def verify(self, link: LinkPb.IdentityLink, verdict: int, **fields: Any) -> LinkPb.IdentityLink:
        number = next(one.number for one in link.records if one.system == LinkPb.SYSTEM_EURODAC)
        plain = {"reference_number": number, "link_id": link.link_id, "verdict": verdict}
        answer: LinkPb.IdentityLink = self.call(DESK, "VerifyIdentityLink", **(plain | fields)).link
        return answer

    def records(self, act: Act) -> list[tuple[str, str, str]]:
        """Outcome, number and detail of every record of an act, as audited."""
        with self.serving.node.store.read() as transaction:
            return [
                (entry.record.outcome, entry.record.reference_number, entry.record.detail)
                for entry in records.walk(transaction)
                if entry.record.act is act
            ]


@pytest.fixture
def open_trial(
    *,
    engine: Engine,
    open_at: Callable[..., Any],
    tmp_path: Path,
    capture_of: Callable[..., terms_pb2.Capture],
    clock: Any,
    applicant: DataSet,
) -> Iterator[Callable[..., Trial]]:
    """open_trial(policy of the node, policy of the centre, *faults)."""
    opened: list[tuple[Trial, Any]] = []

    def open_(ours: Policy = ON, theirs: Policy = ON, *faults: Fault) -> Trial:
        folder = tmp_path / "centre"
        folder.mkdir()
        centre = open_centre(folder, engine, now=clock, policy=theirs, script=Script(faults))
        central = serve(centre, "127.0.0.1:0", tls=None)
        node = open_at(
            tmp_path / "dk",
            central=f"127.0.0.1:{central.doorway.port}",
            unsafe_plaintext=True,
            listen="127.0.0.1:0",
            policy=ours,
        )
        trial = Trial(centre, server.serve(node), capture_of, clock, applicant, tmp_path / "dk")
        opened.append((trial, central))
        return trial

    yield open_
    for trial, central in opened:
        for line in trial.lines:
            line.close()
        trial.serving.stop()
        central.stop(grace_seconds=0.2)


@pytest.fixture
def trial(open_trial: Callable[..., Trial]) -> Trial:
    return open_trial()


def refusal(call: Callable[[], Any]) -> tuple[str, list[str]]:
    with pytest.raises(StationError) as caught:
        call()
    return caught.value.code, [f"{one.code} {one.field}" for one in caught.value.violations]
