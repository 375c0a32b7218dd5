"""Interoperability from the desk to the centre and back, over the wire (rulebook L, X-L)."""

from __future__ import annotations

import itertools
import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from interfaces import wire
from interfaces.central import custody as central_custody
from interfaces.central import identity_links, intake
from interfaces.central.centre import Centre
from interfaces.central.script import Fault, Kind, Script
from interfaces.central.server import open_centre, serve
from interfaces.eurodac import reference
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.policy import Policy
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from interfaces.pb.eurodac.central.v1 import interoperability_pb2 as central_interoperability_pb2
from interfaces.pb.eurodac.central.v1 import police_pb2 as central_police_pb2
from interfaces.pb.eurodac.nap.v1 import interoperability_pb2, nap_pb2, police_pb2
from matcher.engine import Engine
from node import custody, server
from node.access import Act, Role
from node.cli import main
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
class Trial:
    """A centre, a Danish node at it, and a line for whoever is asked for."""

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
            request = getattr(interoperability_pb2, f"{call}Request")(**fields)
        asked = request
        if "request_id" in asked.DESCRIPTOR.fields_by_name and not asked.request_id:
            asked.request_id = f"request {next(self.running)}"
        return self.lines[-1].call(call, asked)

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

    def on_disk(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.folder.rglob("*") if path.is_file())


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


def test_a_unit_hears_whether_there_are_data_and_nothing_more(trial: Trial) -> None:
    assert not trial.ask().in_eurodac
    hit = trial.store()
    answer = trial.ask()
    assert answer.in_eurodac
    assert answer.enquiry_number.startswith("DK4")
    assert hit.encode() not in answer.SerializeToString()
    assert {field.name for field, _ in answer.ListFields()} == {
        "enquiry_number",
        "in_eurodac",
        "answered_at",
    }
    # The number opens nothing: it is no search.
    number = answer.enquiry_number
    search = police_pb2.GetSearchRequest(reference_number=number)
    assert refusal(lambda: trial.call(REQUESTER, "GetSearch", search))[0] == "NOT_FOUND"
    case = nap_pb2.GetCaseRequest(reference_number=number)
    assert refusal(lambda: trial.call(DESK, "GetCase", case))[0] == "PERMISSION_DENIED"


def test_a_search_needs_its_own_procedure_after_the_signal_too(trial: Trial) -> None:
    """X-L01 and X-L02, with a signal that was really received."""
    trial.store()
    prior = ["V19 national_databases_checked", "V19 other_states_checked"]
    assert refusal(trial.search) == ("FAILED_PRECONDITION", prior)
    claimed: dict[str, Any] = {"cir_signalled": True}
    signal = ["V19 portal_query"]
    assert refusal(lambda: trial.search(**claimed)) == ("FAILED_PRECONDITION", signal)
    claimed["portal_query"] = trial.ask().enquiry_number
    number = trial.search(**claimed)
    request = police_pb2.GetSearchRequest(reference_number=number)
    search = trial.call(REQUESTER, "GetSearch", request).search
    assert (search.state, len(search.hits)) == (police_pb2.SEARCH_STATE_SUBMITTED, 0)
    # The conditions of a search that the signal does not stand in for are asked as ever.
    found = refusal(lambda: trial.search(**(claimed | {"necessity": ""})))
    assert found == ("FAILED_PRECONDITION", ["V19 necessity"])


def test_a_signal_is_the_units_own_positive_open_and_young(trial: Trial) -> None:
    negative = trial.ask().enquiry_number
    person = trial.store(state="DK")
    signal = trial.ask().enquiry_number
    other = Role.REQUESTER, "Unit B", "rolf"
    for who, number in (
        (REQUESTER, ""),
        (REQUESTER, negative),
        (REQUESTER, person),
        (REQUESTER, "DK4999"),
        (other, signal),
    ):
        found = refusal(
            lambda who=who, number=number: trial.search(  # type: ignore[misc]
                who, cir_signalled=True, portal_query=number
            )
        )
        assert found == ("FAILED_PRECONDITION", ["V19 portal_query"]), number
    assert trial.search(cir_signalled=True, portal_query=signal)
    trial.clock.advance(days=40)
    custody.sweep(trial.serving.node)
    found = refusal(lambda: trial.search(cir_signalled=True, portal_query=signal))
    assert found[1] == ["V19 portal_query"]


def test_an_urgent_search_claims_no_signal_that_was_never_received(trial: Trial) -> None:
    urgent: dict[str, Any] = {"imminent_danger": SECRET, "cir_signalled": True}
    assert refusal(lambda: trial.search(**urgent))[1] == ["V19 portal_query"]


def test_a_signal_without_a_search_is_closed_with_reasons(trial: Trial) -> None:
    negative = trial.ask().enquiry_number
    trial.store()
    signal = trial.ask().enquiry_number

    def close(number: str, why: str = SECRET, who: Who = REQUESTER) -> Any:
        return trial.call(who, "CloseEnquiry", enquiry_number=number, justification=why)

    assert refusal(lambda: close(signal, " "))[1] == ["V19 justification"]
    assert refusal(lambda: close(signal, "x" * 2001))[0] == "INVALID_ARGUMENT"
    assert refusal(lambda: close(signal, who=(Role.REQUESTER, "Unit B", "rolf")))[0] == (
        "PERMISSION_DENIED"
    )
    assert refusal(lambda: close("DK4999"))[0] == "NOT_FOUND"
    assert refusal(lambda: close(negative))[0] == "FAILED_PRECONDITION"
    close(signal)
    assert refusal(lambda: close(signal))[0] == "FAILED_PRECONDITION"
    claimed = refusal(lambda: trial.search(cir_signalled=True, portal_query=signal))
    assert claimed[1] == ["V19 portal_query"]
    auditor = Role.AUDITOR, "Unit 9", "ada"
    request = police_pb2.ReadSearchRecordRequest(reference_number=signal)
    record = dict(trial.call(auditor, "ReadSearchRecord", request).entries)
    assert record["no_search_because"] == SECRET
    assert (record["in_eurodac"], record["requesting_unit"]) == ("yes", "Unit A")
    assert record["data_used"] == "identity (surname)"


@pytest.mark.parametrize(
    "role",
    [
        *(Role.VERIFIER, Role.ASYLUM_DESK, Role.SUPERVISOR, Role.FINGERPRINT_EXPERT),
        *(Role.AUDITOR, Role.EUROPOL_VERIFIER, Role.DATA_PROTECTION),
    ],
)
def test_only_requesting_units_ask(trial: Trial, role: Role) -> None:
    assert refusal(lambda: trial.ask((role, "Unit A", "x")))[0] == "PERMISSION_DENIED"
    assert trial.records(Act.ASK_PORTAL) == [("DENIED", "", "")]


def test_europol_asks_under_its_own_digit(trial: Trial) -> None:
    trial.store()
    answer = trial.ask((Role.EUROPOL_REQUESTER, "Unit E", "eva"))
    assert answer.in_eurodac
    assert answer.enquiry_number.startswith("DK5")


def test_enquiries_are_on_record_without_what_was_asked_with(
    trial: Trial, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    trial.store()
    signal = trial.ask().enquiry_number
    prints = trial.capture_of(1, 1)
    second = trial.ask(capture=prints).enquiry_number
    found = refusal(lambda: trial.ask(reasons={"offence": 0, "contribution": ""}))
    assert found[1] == ["V19 offence", "V19 contribution"]
    assert trial.records(Act.ASK_PORTAL) == [
        ("DONE", signal, "TERRORIST identity (surname) in Eurodac: yes"),
        ("DONE", second, "TERRORIST 2 fingers, 1 face in Eurodac: yes"),
        ("REFUSED", "", "RuleBroken V19 V19"),
    ]
    assert NAME not in caplog.text
    assert SECRET not in caplog.text
    stored = trial.on_disk()
    for secret in (NAME.encode(), SECRET.encode(), prints.fingers[0].image):
        assert secret not in stored


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"identity": central_police_pb2.IdentityProbe()}, "W02"),
        ({"identity": central_police_pb2.IdentityProbe(surname="x" * 201)}, "W03"),
        ({"reasons": {"specific_case": "x" * 2001}}, "W03"),
        ({"latents": [central_police_pb2.LatentPrint(image=b"none")] * 11}, "W03"),
        ({"request_id": "x" * 65}, "W02"),
    ],
)
def test_ill_formed_enquiries_are_refused_before_they_leave(
    trial: Trial, fields: dict[str, Any], code: str
) -> None:
    status, violations = refusal(lambda: trial.ask(**fields))
    assert status == "INVALID_ARGUMENT"
    assert [one.split()[0] for one in violations] == [code]


def test_the_same_enquiry_is_asked_once(trial: Trial) -> None:
    first = trial.ask(request_id="one")
    trial.store()
    assert trial.ask(request_id="one") == first
    assert trial.ask(request_id="two").in_eurodac
    other = central_police_pb2.IdentityProbe(surname="Doe")
    assert refusal(lambda: trial.ask(request_id="one", identity=other))[0] == "ALREADY_EXISTS"


def test_an_answer_that_was_lost_on_the_way_is_the_same_when_asked_again(
    open_trial: Callable[..., Trial],
) -> None:
    trial = open_trial(ON, ON, Fault("AskPortal", Kind.LOSE_ANSWER, times=1))
    assert refusal(lambda: trial.ask(request_id="one"))[0] == "UNAVAILABLE"
    assert trial.records(Act.ASK_PORTAL) == [("REFUSED", "", "NotReady")]
    trial.store()
    # The centre answered when it was first asked.
    assert not trial.ask(request_id="one").in_eurodac


def test_a_centre_that_does_not_answer_in_time_is_told_as_such(
    open_trial: Callable[..., Trial],
) -> None:
    """The line waits for five seconds in these tests; the next question is answered."""
    trial = open_trial(ON, ON, Fault("AskPortal", Kind.DELAY, times=1, seconds=6.0))
    assert refusal(trial.ask)[0] == "UNAVAILABLE"
    assert not trial.ask().in_eurodac


@pytest.mark.parametrize("side", ["node", "centre"])
def test_while_switched_off_every_call_is_refused_with_the_remedy(
    open_trial: Callable[..., Trial], side: str
) -> None:
    trial = open_trial(Policy(), ON) if side == "node" else open_trial(ON, Policy())
    link = LinkPb.IdentityLink(
        link_id="x", records=[LinkPb.LinkedRecord(system=LinkPb.SYSTEM_EURODAC, number="DK1001")]
    )
    calls: list[Callable[[], Any]] = [
        trial.ask,
        trial.links,
        lambda: trial.verify(link, LinkPb.LINK_VERDICT_ONE_PERSON),
    ]
    if side == "node":  # closing is the node's own act
        fields = {"enquiry_number": "DK4001", "justification": SECRET}
        calls.append(lambda: trial.call(REQUESTER, "CloseEnquiry", **fields))
    for call in calls:
        with pytest.raises(StationError, match=r"policy\.interoperability_from") as caught:
            call()
        assert caught.value.code == "FAILED_PRECONDITION"
        assert [one.code for one in caught.value.violations] == ["I01"]


def test_while_switched_off_a_claimed_signal_is_the_officials_word(
    open_trial: Callable[..., Trial],
) -> None:
    """X-L02 where the repository is asked by other means."""
    trial = open_trial(Policy(), Policy())
    assert trial.search(cir_signalled=True).startswith("DK4")


def test_a_desk_verifies_the_link_that_its_data_set_made(trial: Trial) -> None:
    trial.place(1, surnames=("Doe",), date_of_birth="1971-01-02")
    number = trial.store(state="DK")
    (link,) = trial.links()
    assert link == trial.links(number)[0]
    assert (link.colour, link.article) == (LinkPb.LINK_COLOUR_YELLOW, "30(1)(a)")
    assert "an official looks" in link.explanation
    assert [list(one.identity.surnames) for one in link.records] == [[NAME], ["Doe"]]
    request = {"request_id": "verdict"}
    red = trial.verify(link, LinkPb.LINK_VERDICT_ONE_PERSON_UNJUSTIFIED, **request)
    assert (red.colour, red.article) == (LinkPb.LINK_COLOUR_RED, "32(1)(a)")
    assert trial.verify(link, LinkPb.LINK_VERDICT_ONE_PERSON_UNJUSTIFIED, **request) == red
    again = refusal(lambda: trial.verify(link, LinkPb.LINK_VERDICT_ONE_PERSON))
    assert again == ("FAILED_PRECONDITION", ["V17 verdict"])
    done, repeated, refused = trial.records(Act.VERIFY_LINK)
    assert done == ("DONE", number, f"ONE_PERSON_UNJUSTIFIED RED {link.link_id}")
    assert repeated[:2] == ("REPEATED", number)
    assert refused == ("REFUSED", number, "RuleBroken V17")
    (shown,) = trial.links(number)
    assert {field.name for field, _ in shown.ListFields()} == {"link_id", "colour", "records"}
    assert trial.links() == []


def test_links_are_read_by_the_desks_that_collect_and_verified_by_the_responsible(
    trial: Trial,
) -> None:
    number = trial.store(state="DK")
    trial.place(2)  # the newer record is a visa file of another State
    assert trial.links(number) == []
    link_id = next(iter(identity_links_of(trial)))
    link = LinkPb.IdentityLink(
        link_id=link_id, records=[LinkPb.LinkedRecord(system=LinkPb.SYSTEM_EURODAC, number=number)]
    )
    found = refusal(lambda: trial.verify(link, LinkPb.LINK_VERDICT_TWO_PERSONS))
    assert found == ("FAILED_PRECONDITION", ["I02 authority"])
    for role in (Role.CAPTURE_STATION, Role.REQUESTER, Role.VERIFIER, Role.AUDITOR):
        who = role, "Unit 1", "x"
        assert refusal(lambda who=who: trial.links(number, who))[0] == "PERMISSION_DENIED"  # type: ignore[misc]
    assert refusal(lambda: trial.links("DK1999"))[0] == "NOT_FOUND"


def identity_links_of(trial: Trial) -> list[str]:
    """Ids of the links that the centre holds."""
    found = identity_links.list_links(trial.centre, "FR", LinkPb.ListIdentityLinksRequest())
    return [link.link_id for link in found.links]


def test_an_erased_data_set_has_no_links(trial: Trial) -> None:
    trial.place(1, state="DK")
    number = trial.store(state="DK")
    assert [link.colour for link in trial.links(number)] == [LinkPb.LINK_COLOUR_WHITE]
    request = central_pb2.EraseDataSetRequest(
        request_id="erase",
        reference_number=number,
        ground=central_pb2.ERASURE_GROUND_CITIZENSHIP,
    )
    central_custody.erase(trial.centre, "DK", request)
    assert refusal(lambda: trial.links(number))[0] == "NOT_FOUND"
    assert trial.links() == []


def test_the_command_line_asks_closes_lists_and_verifies(trial: Trial) -> None:
    trial.place(2)
    number = trial.store(state="DK")

    def run(*arguments: str, who: Who = DESK) -> str:
        role, unit, user = who
        line = ["--node", trial.address, "--unsafe-plaintext", f"C=DK,O={unit},OU={role},CN={user}"]
        line += ["--pki", str(trial.folder)]
        done = CliRunner().invoke(main, [*arguments, *line], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    asking = ["esp", "ask", "--offence", "TERRORIST", "--case", "c", "--contribution", "d"]
    found = run(*asking, "--surname", NAME, who=REQUESTER)
    assert "data in Eurodac" in found
    assert "no data" in run(*asking, "--document-number", "none", "--sex", "MALE", who=REQUESTER)
    told = json.loads(run(*asking, "--surname", NAME, "--json", who=REQUESTER))
    assert told["inEurodac"] is True
    run("esp", "close", told["enquiryNumber"], "solved", who=REQUESTER)
    listed = run("links", "list")
    assert "yellow" in listed
    assert "to be verified by" in listed
    assert "(30(1)(c))" in listed
    (link,) = trial.links()
    assert "green" in run("links", "verify", number, link.link_id, "TWO_PERSONS")
    assert "no links to show" in run("links", "list")
