"""Sentences about a centre that does not compare, and about requests that only it can refuse."""

from __future__ import annotations

from interfaces import wire
from interfaces.central.examination import examine_next
from interfaces.central.holdings import Status
from interfaces.eurodac.categories import Category
from interfaces.eurodac.reference import issue
from interfaces.pb.eurodac.central.v1 import central_pb2, police_pb2
from interfaces.pb.eurodac.nap.v1 import nap_pb2
from matcher.vocabulary import FingerPosition
from node.access import Role
from tests.acceptance.language import PERSONS, STATES, Story, deed, fact
from tests.acceptance.takings import data_set_of, read_details


@deed("The centre stands still")
def stand_still(story: Story) -> None:
    """It takes requests and compares none."""
    story.europe.stand_still()


@deed("The centre works again")
def work_again(story: Story) -> None:
    """It works off what waits, in order of arrival."""
    story.europe.work_again()


@deed("The centre compares one request")
def compare_one(story: Story) -> None:
    """Whichever comes next."""
    assert examine_next(story.europe.centre.centre)


@deed("The access point of {state} transmits {number} persons disembarked")
def transmit_many(story: Story, place: str, count: str) -> None:
    """Ordinary requests, each to be compared within its day."""
    # One finger and a face each: what is in them does not matter, only that they wait.
    capture = story.capture_of(PERSONS["Bilal"], fingers=(FingerPosition.RIGHT_INDEX,))
    plain = data_set_of(story, Category.SAR, {"operator_user_id": "station-7"})
    requests = []
    for running in range(int(count)):
        data_set = wire.dataset_to(plain)
        data_set.origin = STATES[place]
        data_set.reference_number = issue(STATES[place], Category.SAR, 1_000 + running)
        requests.append(
            central_pb2.TransmitDataSetRequest(
                data_set=data_set, capture=capture, lane=central_pb2.LANE_NORMAL
            )
        )
    story.europe.send_all(STATES[place], "TransmitDataSet", requests)


@fact("The centre has {number} data sets still to compare")
def wait_at_centre(story: Story, count: str) -> None:
    """Stored and not compared yet."""
    with story.europe.centre.centre.ledger.read() as entries:
        waiting = [one for one in entries.data_sets() if one.status == Status.WAITING]
    assert len(waiting) == int(count), len(waiting)


@fact("{state} is alarmed about {label}")
def is_alarmed(story: Story, place: str, label: str) -> None:
    """One open task and one count in the status, however often one looks."""
    assert _alarms(story, STATES[place]) == [story.number(label)]
    assert _alarms(story, STATES[place]) == [story.number(label)]


@fact("{state} is alarmed about nobody")
def is_not_alarmed(story: Story, place: str) -> None:
    """No comparison is owed beyond its limit."""
    assert _alarms(story, STATES[place]) == []


def _alarms(story: Story, state: str) -> list[str]:
    listed = story.europe.call(state, Role.ASYLUM_DESK, "ListDue", nap_pb2.ListDueRequest()).tasks
    status = story.europe.call(state, Role.ADMINISTRATOR, "GetStatus", nap_pb2.GetStatusRequest())
    found = [task.reference_number for task in listed if task.kind == "COMPARISON_OVERDUE"]
    assert status.comparisons_overdue == len(found), status
    return found


@deed("The access point of {state} asks what is recorded of {person} under the number {word}")
def ask_for_subject(story: Story, place: str, person: str, number: str) -> None:
    """A data subject's search, past the node."""
    request = police_pb2.SearchForDataSubjectRequest(
        reference_number=number,
        capture=read_details(story, "").capture(story, person),
        lane=central_pb2.LANE_NORMAL,
    )
    story.europe.send(STATES[place], "SearchForDataSubject", request)
