"""Links between own data and other systems, from the desk to the centre and back (rulebook L.3)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from interfaces.central import custody as central_custody
from interfaces.central import identity_links
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.policy import Policy
from interfaces.pb.eurodac.central.v1 import central_pb2
from interfaces.pb.eurodac.nap.v1 import nap_pb2
from node import enrolment, server
from node import identity_links as identity_links_at_node
from node.access import Act, Actor, Role
from tests.node.trial import DESK, NAME, ON, LinkPb, Trial, refusal


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


def enrolled(trial: Trial) -> str:
    """A data set that the node itself has sent, compared at the centre."""
    data_set = replace(trial.applicant, operator_user_id="")
    wanted = enrolment.Enrolment("enrol", data_set, trial.capture_of(1))
    station = Actor("DK", "Unit 1", "station-7", Role.CAPTURE_STATION)
    number = enrolment.enrol(trial.serving.node, station, wanted).reference_number
    ends = time.monotonic() + 60
    while waits_for(trial, number) & {"TRANSMIT", "AWAIT_COMPARISON"}:
        assert time.monotonic() < ends, "nothing came of the enrolment"
        time.sleep(0.02)
    return number


def waits_for(trial: Trial, number: str) -> set[str]:
    """Kinds of the open tasks of a data set, as a desk sees them."""
    listed = trial.call(DESK, "ListDue", nap_pb2.ListDueRequest()).tasks
    return {task.kind for task in listed if task.reference_number == number}


def test_a_yellow_link_waits_as_a_task_until_it_is_verified(trial: Trial) -> None:
    trial.place(1, surnames=("Doe",), date_of_birth="1971-01-02")
    number, node = enrolled(trial), trial.serving.node
    assert "VERIFY_LINK" not in waits_for(trial, number)
    assert [identity_links_at_node.follow_links(node) for _ in range(2)] == [1, 0]
    listed = trial.call(DESK, "ListDue", nap_pb2.ListDueRequest()).tasks
    (task,) = [one for one in listed if one.kind == "VERIFY_LINK"]
    (link,) = trial.links()
    assert (task.reference_number, task.article) == (number, "30(1)(a)")
    assert link.link_id in task.what
    assert NAME not in task.what
    trial.verify(link, LinkPb.LINK_VERDICT_ONE_PERSON_UNJUSTIFIED)
    assert "VERIFY_LINK" not in waits_for(trial, number)
    assert identity_links_at_node.follow_links(node) == 0
    assert trial.records(Act.FOLLOW_LINKS) == [("DONE", number, f"waits {link.link_id}")]


def test_the_task_of_a_link_goes_with_it(trial: Trial) -> None:
    trial.place(1, surnames=("Doe",), date_of_birth="1971-01-02")
    number, node = enrolled(trial), trial.serving.node
    assert identity_links_at_node.follow_links(node) == 1
    removal = LinkPb.RemoveRecordRequest(
        request_id="remove", system=LinkPb.SYSTEM_VIS, record_number="V1"
    )
    identity_links.remove_record(trial.centre, "FR", removal)
    assert identity_links_at_node.follow_links(node) == 0
    assert "VERIFY_LINK" not in waits_for(trial, number)


def test_the_link_of_another_authority_is_no_task_here(trial: Trial) -> None:
    number = enrolled(trial)
    trial.place(1, "DK", surnames=("Doe",), date_of_birth="1971-01-02")
    (link,) = trial.links()
    assert link.responsible_system == LinkPb.SYSTEM_VIS
    assert identity_links_at_node.follow_links(trial.serving.node) == 0
    assert "VERIFY_LINK" not in waits_for(trial, number)


@pytest.fixture
def quick_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a node does once a minute it does twenty times a second."""
    monkeypatch.setattr(server, "WATCH_SECONDS", 0.05)
    monkeypatch.setattr(server, "SWEEP_SECONDS", 0.05)


@pytest.mark.usefixtures("quick_rounds")
def test_a_node_that_serves_follows_links_by_itself(open_trial: Callable[..., Trial]) -> None:
    trial = open_trial()
    trial.place(1, surnames=("Doe",), date_of_birth="1971-01-02")
    number = enrolled(trial)
    ends = time.monotonic() + 60
    while "VERIFY_LINK" not in waits_for(trial, number):
        assert time.monotonic() < ends, "nobody looked for links"
        time.sleep(0.02)


@pytest.mark.usefixtures("quick_rounds")
def test_a_centre_without_links_ends_no_rounds(
    open_trial: Callable[..., Trial], caplog: pytest.LogCaptureFixture
) -> None:
    trial = open_trial(ON, Policy())
    ends = time.monotonic() + 60
    while caplog.text.count("links between systems are looked for again: RuleBroken") < 2:
        assert time.monotonic() < ends, caplog.text
        time.sleep(0.02)
    assert refusal(trial.links) == ("FAILED_PRECONDITION", ["I01 interoperability_from"])


@pytest.mark.parametrize("side", ["node", "centre"])
def test_while_switched_off_no_links_are_followed(
    open_trial: Callable[..., Trial], side: str
) -> None:
    trial = open_trial(Policy(), ON) if side == "node" else open_trial(ON, Policy())
    if side == "node":
        assert identity_links_at_node.follow_links(trial.serving.node) == 0
    else:
        with pytest.raises(RuleBroken, match="I01"):
            identity_links_at_node.follow_links(trial.serving.node)


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
