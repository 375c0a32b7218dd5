"""Sentences about searches for law enforcement (Arts 32, 33): asked, verified, read, erased."""

from __future__ import annotations

from interfaces.pb.eurodac.nap.v1 import police_pb2
from node.access import Role
from tests.acceptance.language import STATES, Story, deed, fact, labels_in
from tests.acceptance.takings import read_details

DANGER = "an attack is announced for tonight"
"""Why an urgent search cannot wait; the grounds stay with the verifying authority."""


@deed("An investigator in {state} asks with the prints of {person} for {label}")
def ask(story: Story, place: str, person: str, label: str) -> None:
    """A reasoned request that meets every condition."""
    _ask(story, place, person, label, danger="")


@deed("An investigator in {state} asks at once with the prints of {person} for {label}")
def ask_at_once(story: Story, place: str, person: str, label: str) -> None:
    """An urgent request: sent first, verified afterwards (Art. 32(4))."""
    _ask(story, place, person, label, danger=DANGER)


def _ask(story: Story, place: str, person: str, label: str, *, danger: str) -> None:
    reasons = police_pb2.SearchReasons(
        offence=police_pb2.OFFENCE_TERRORIST,
        necessity="no other way",
        specific_case="case 17",
        contribution="identifies the suspect",
        national_databases_checked=True,
        other_states_checked=True,
        imminent_danger=danger,
        national_file_number="file-17",
        ordered_by="chief-3",
    )
    request = police_pb2.RequestSearchRequest(
        reasons=reasons, capture=read_details(story, "").capture(story, person)
    )
    response = story.europe.call(STATES[place], Role.REQUESTER, "RequestSearch", request)
    story.numbers[label] = response.reference_number


@deed("The verifying authority in {state} finds the conditions of {label} {conditions}")
def verify(story: Story, place: str, label: str, conditions: str) -> None:
    """Before the search is sent, or afterwards if it was urgent."""
    request = police_pb2.VerifySearchRequest(
        reference_number=story.number(label), conditions_met=conditions == "met"
    )
    story.europe.call(STATES[place], Role.VERIFIER, "VerifySearch", request)


@deed("The investigator in {state} confirms the erasure of {label}")
def confirm_erasure(story: Story, place: str, label: str) -> None:
    """Whoever read the data tells the verifying authority that they are erased (Art. 32(5))."""
    request = police_pb2.ConfirmErasureRequest(reference_number=story.number(label))
    story.europe.call(STATES[place], Role.REQUESTER, "ConfirmErasure", request)


def _read(story: Story, label: str, role: Role) -> police_pb2.Search:
    number = story.number(label)
    request = police_pb2.GetSearchRequest(reference_number=number)
    search: police_pb2.Search = story.europe.call(number[:2], role, "GetSearch", request).search
    return search


@fact("The search {label} is {word}")
def stands(story: Story, label: str, state: str) -> None:
    """Where it stands, as the verifying authority reads it."""
    found = police_pb2.SearchState.Name(_read(story, label, Role.VERIFIER).state)
    assert found == f"SEARCH_STATE_{state}", found


@fact("The search {label} shows {labels}")
def shows(story: Story, label: str, labels: str) -> None:
    """What the investigator reads: these data sets and no others."""
    found = [hit.reference_number for hit in _read(story, label, Role.REQUESTER).hits]
    assert found == [story.number(one) for one in labels_in(labels)], found


@fact("The search {label} shows nothing")
def shows_nothing(story: Story, label: str) -> None:
    """No data are left of it, or never came."""
    assert not _read(story, label, Role.REQUESTER).hits
