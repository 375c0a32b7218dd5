"""Sentences about the clock of a case: what was taken down, what limits run, what silence did."""

from __future__ import annotations

from typing import Any

from interfaces import wire
from interfaces.eurodac.periods import local_day
from interfaces.pb.eurodac.nap.v1 import clock_pb2, nap_pb2
from node.access import Role
from tests.acceptance.language import STATES, Story, deed, fact, instant


@deed("{state} takes down in the case of {label} that {word} happened{of}")
def take_down(story: Story, place: str, label: str, kind: str, of: str) -> None:
    """An event that drives the clock, now; of: the State that was asked."""
    request = clock_pb2.RecordCaseEventRequest(
        reference_number=story.number(label),
        kind=clock_pb2.CaseEventKind.Value(f"CASE_EVENT_KIND_{kind}"),
        at=wire.instant_to(story.europe.clock.time),
        requested_state=STATES[of.removeprefix(" of ")] if of else "",
    )
    story.europe.call(STATES[place], Role.ASYLUM_DESK, "RecordCaseEvent", request)


@deed("{state} declares many applications from {when} to {when}")
def declare_many(story: Story, place: str, begin: str, end: str) -> None:
    """Art. 27(5) APR; one supervisor proposes and another approves."""
    proposal = nap_pb2.ProposeDeclarationRequest(
        kind=nap_pb2.DECLARATION_KIND_MANY_APPLICATIONS,
        member_state=STATES[place],
        starts_on=begin,
        ends_on=end,
    )
    state, role = STATES[place], Role.SUPERVISOR
    proposed = story.europe.call(state, role, "ProposeDeclaration", proposal)
    approval = nap_pb2.ApproveDeclarationRequest(declaration_id=proposed.declaration_id)
    story.europe.call(state, role, "ApproveDeclaration", approval, user="second-supervisor")


@fact("The clock of {label} runs {word} until {when}")
def runs(story: Story, label: str, rule: str, when: str) -> None:
    """This limit runs and ends with that day of its State."""
    found = {limit.rule: _day(limit, story.number(label)[:2]) for limit in _clock(story, label)}
    assert found.get(rule) == instant(when).date().isoformat(), found


@fact("{label} is listed for {word} by {when} under {text}")
def is_listed(story: Story, label: str, kind: str, when: str, article: str) -> None:
    """The list of due work shows this task once, with that day of its State, and its article."""
    number = story.number(label)
    request = nap_pb2.ListDueRequest()
    response = story.europe.call(number[:2], Role.ASYLUM_DESK, "ListDue", request)
    found = [
        (_day_of(task.due, number[:2]), task.article, task.overdue)
        for task in response.tasks
        if task.kind == kind and task.reference_number == number
    ]
    assert found.count((instant(when).date().isoformat(), article, False)) == 1, found


@fact("The clock of {label} does not run {word}")
def does_not_run(story: Story, label: str, rule: str) -> None:
    """No such limit runs."""
    assert rule not in {limit.rule for limit in _clock(story, label)}


@fact("The clock of {label} tells {word} by silence on {when}")
def tells_by_silence(story: Story, label: str, kind: str, when: str) -> None:
    """What the law made of the silence, and on which day."""
    state = story.number(label)[:2]
    found = [
        (clock_pb2.CaseEventKind.Name(one.kind), local_day(wire.instant_from(one.at), state))
        for one in _read(story, label).history
        if one.by_silence
    ]
    assert found == [(f"CASE_EVENT_KIND_{kind}", instant(when).date())], found


@fact("In {state} {word} {counts} from {when} to {when}")
def window(story: Story, place: str, rule: str, *told: str) -> None:
    """Whether what happened on the first day still counts on the second."""
    counts, since, on = told
    request = clock_pb2.CheckWindowRequest(window=rule, since=since, on=on)
    answer = story.europe.call(STATES[place], Role.ASYLUM_DESK, "CheckWindow", request)
    assert answer.counts is (counts == "counts")


def _read(story: Story, label: str) -> Any:
    number = story.number(label)
    request = clock_pb2.GetClockRequest(reference_number=number)
    return story.europe.call(number[:2], Role.ASYLUM_DESK, "GetClock", request).clock


def _clock(story: Story, label: str) -> Any:
    return _read(story, label).running


def _day(limit: Any, state: str) -> str:
    return _day_of(limit.due_at, state)


def _day_of(at: Any, state: str) -> str:
    return local_day(wire.instant_from(at), state).isoformat()
