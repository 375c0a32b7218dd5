"""Sentences about what persons are told of themselves, third countries are not, and logs keep."""

from __future__ import annotations

from typing import Any

from interfaces import wire
from interfaces.pb.eurodac.central.v1 import terms_pb2
from interfaces.pb.eurodac.nap.v1 import nap_pb2, police_pb2
from node.access import Act, Role
from tests.acceptance.language import STATES, Story, deed, fact, labels_in
from tests.acceptance.takings import KINDS, read_details


@deed("{person} asks {state} what is recorded, as {label}")
def ask(story: Story, person: str, place: str, label: str) -> None:
    """With biometrics, which serve this search alone (Art. 43(6))."""
    request = police_pb2.RequestAccessRequest(
        capture=read_details(story, "").capture(story, person),
        kind=police_pb2.ACCESS_KIND_ACCESS,
        asked_at=wire.instant_to(story.europe.clock.time),
    )
    response = story.europe.call(STATES[place], Role.DATA_PROTECTION, "RequestAccess", request)
    story.numbers[label] = response.reference_number


@fact("The person of {label} is told {labels}")
def is_told(story: Story, label: str, labels: str) -> None:
    """All data sets, the own State's included."""
    answer = _read(story, label)
    found = {data_set.reference_number for data_set in answer.data_sets}
    assert found == {story.number(one) for one in labels_in(labels)}, found


@deed("{state} answers the person of {label}")
def answer(story: Story, place: str, label: str) -> None:
    """The answer is given; what was kept for it goes."""
    request = police_pb2.CloseAccessRequest(reference_number=story.number(label), granted=True)
    story.europe.call(STATES[place], Role.DATA_PROTECTION, "CloseAccess", request)


@deed("{state} looks into the answer to {label}")
def look(story: Story, place: str, label: str) -> None:
    """Whoever is responsible for data protection reads it."""
    del place
    _read(story, label)


@fact("The written record of {label} says that it was granted")
def record_stays(story: Story, label: str) -> None:
    """It outlives the answer (Art. 43(8))."""
    number = story.number(label)
    request = police_pb2.ReadSearchRecordRequest(reference_number=number)
    entries = story.europe.call(number[:2], Role.AUDITOR, "ReadSearchRecord", request).entries
    assert entries["granted"] == "yes", dict(entries)


@fact("No biometrics of {label} are left")
def no_biometrics(story: Story, label: str) -> None:
    """In no gallery and in no lane, here and at the centre."""
    number = story.number(label)
    assert story.europe.stored(number) is None
    with story.europe.centre.centre.ledger.read() as entries:
        assert entries.next_arrival() is None
        searchable = [row for row in entries.data_sets() if row.template is not None]
    assert len(story.europe.centre.centre.gallery) == len(searchable)
    node = story.europe.states[number[:2]].node
    own = [row for row in searchable if row.origin == number[:2]]
    assert len(node.gallery) == len(own)


def _read(story: Story, label: str) -> Any:
    number = story.number(label)
    request = police_pb2.GetAccessRequest(reference_number=number)
    return story.europe.call(number[:2], Role.DATA_PROTECTION, "GetAccess", request)


@deed("{state} tells a third country about {label}")
def tell_third_country(story: Story, place: str, label: str) -> None:
    """Whether somebody applied is told to no third country (Art. 49(4))."""
    request = police_pb2.DiscloseDataSetRequest(
        reference_number=story.number(label), recipient=police_pb2.RECIPIENT_THIRD_COUNTRY
    )
    story.europe.call(STATES[place], Role.ASYLUM_DESK, "DiscloseDataSet", request)


@deed("{state} names the person of the hit of {label} on {label} to a third country{rest}")
def transfer(story: Story, place: str, label: str, hit: str, rest: str) -> None:
    """For the return of an illegally staying person who was told of it (Art. 50)."""
    case = story.europe.case(story.number(label))
    wanted = story.number(hit)
    (found,) = [one for one in case.hits if one.data_set.reference_number == wanted]
    request = police_pb2.TransferForReturnRequest(
        hit_id=found.hit_id,
        origin_consented=rest != ", without consent",
        person_informed=True,
        illegally_staying=True,
    )
    story.europe.call(STATES[place], Role.ASYLUM_DESK, "TransferForReturn", request)


@deed("{state} reports that a {kind} born {when} refused{rest}")
def report_refusal(story: Story, place: str, kind: str, *told: str) -> None:
    """A capture that the person would not have."""
    born, rest = told
    request = nap_pb2.ReportObstacleRequest(
        category=terms_pb2.Category.Value(f"CATEGORY_{KINDS[kind].name}"),
        date_of_birth=born,
        refused=True,
        safeguarding_risk="a safeguarding risk" in rest,
        national_file_number="file-12",
    )
    response = story.europe.call(STATES[place], Role.CAPTURE_STATION, "ReportObstacle", request)
    story.receipts["obstacle"] = response


@fact("What may follow is {words}")
def may_follow(story: Story, words: str) -> None:
    """These measures and no others: nothing else is offered."""
    found = [nap_pb2.Measure.Name(one) for one in story.receipts["obstacle"].measures]
    assert found == [f"MEASURE_{word}" for word in words.split(" and ")], found


@fact("{state} has a child of file {text} to refer")
def has_referral(story: Story, place: str, file: str) -> None:
    """The task waits in the list until somebody says that it is done."""
    listed = _due(story, STATES[place])
    assert [task.task_id for task in listed] == [story.receipts["obstacle"].task_id]
    assert f"file {file} " in listed[0].what


@deed("{state} refers the child")
def refer(story: Story, place: str) -> None:
    """The referral is done."""
    request = nap_pb2.FinishTaskRequest(task_id=story.receipts["obstacle"].task_id)
    story.europe.call(STATES[place], Role.ASYLUM_DESK, "FinishTask", request)


@fact("{state} has no child to refer")
def has_no_referral(story: Story, place: str) -> None:
    """No such task is open."""
    assert _due(story, STATES[place]) == []


def _due(story: Story, state: str) -> list[nap_pb2.Task]:
    listed = story.europe.call(state, Role.ASYLUM_DESK, "ListDue", nap_pb2.ListDueRequest())
    return [task for task in listed.tasks if task.kind == "REFER_CHILD"]


@fact("The log of {label} is {there}")
def log_is(story: Story, label: str, there: str) -> None:
    """What was done with the data set, besides the reading of its log."""
    acts = {entry.act for entry in story.europe.records(story.number(label))}
    assert bool(acts - {Act.READ_AUDIT}) is (there == "there"), acts
