"""Interoperability from the desk to the centre and back, over the wire (rulebook L, X-L)."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from interfaces.central.script import Fault, Kind
from interfaces.eurodac.policy import Policy
from interfaces.pb.eurodac.central.v1 import police_pb2 as central_police_pb2
from interfaces.pb.eurodac.nap.v1 import nap_pb2, police_pb2
from node import custody
from node.access import Act, Role
from node.cli import main
from node.station import StationError
from tests.node.trial import DESK, NAME, ON, REQUESTER, SECRET, LinkPb, Trial, Who, refusal


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
