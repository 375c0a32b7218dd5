"""Sentences about searches for law enforcement (Arts 32, 33): asked, verified, read, erased."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interfaces.pb.eurodac.central.v1 import police_pb2 as central_police_pb2
from interfaces.pb.eurodac.nap.v1 import police_pb2
from node.access import Role
from tests.acceptance.europe import unit_of
from tests.acceptance.language import STATES, Story, deed, fact, labels_in
from tests.acceptance.takings import read_details

DANGER = "an attack is announced for tonight"
"""Why an urgent search cannot wait; the grounds stay with the verifying authority."""


REASONS: Mapping[str, dict[str, Any]] = {
    "without a national check": {"national_databases_checked": False},
    "without asking the other States": {"other_states_checked": False},
    "because their systems hold no prints of that year": {
        "other_states_skipped_because": "their systems hold no prints of that year"
    },
    "signalled by the repository": {"cir_signalled": True},
    "the child suspected": {"child_suspected": True},
    "on grounds of a weapon found": {"child_grounds": "a weapon was found"},
}
"""What may stand after a comma of a request, and what it changes in the reasons."""


@deed("{analyst} in {state} asks with the prints of {person} for {label}{rest}")
def ask(story: Story, who: str, place: str, *told: str) -> None:
    """A reasoned request; it meets every condition but for what stands after the commas."""
    person, label, rest = told
    capture = read_details(story, "").capture(story, person)
    _ask(story, (who, place, label), rest, capture=capture)


@deed("{analyst} in {state} asks at once with the prints of {person} for {label}{rest}")
def ask_at_once(story: Story, who: str, place: str, *told: str) -> None:
    """An urgent request: sent first, verified afterwards (Art. 32(4))."""
    person, label, rest = told
    capture = read_details(story, "").capture(story, person)
    _ask(story, (who, place, label), rest, danger=DANGER, capture=capture)


@deed("{analyst} in {state} asks with the name {word} alone for {label}")
def ask_by_name(story: Story, who: str, place: str, *told: str) -> None:
    """Alphanumeric data are enough for law enforcement (Art. 33(3))."""
    name, label = told
    probe = central_police_pb2.IdentityProbe(surname=name)
    _ask(story, (who, place, label), "", identity=probe)


def _ask(
    story: Story, said: tuple[str, str, str], rest: str, *, danger: str = "", **probe: Any
) -> None:
    who, place, label = said
    known: dict[str, Any] = {
        "offence": police_pb2.OFFENCE_TERRORIST,
        "necessity": "no other way",
        "specific_case": "case 17",
        "contribution": "identifies the suspect",
        "national_databases_checked": True,
        "other_states_checked": True,
        "own_systems_checked": True,
        "imminent_danger": danger,
        "national_file_number": "file-17",
        "ordered_by": "chief-3",
    }
    for detail in filter(None, rest.split(", ")):
        known |= REASONS[detail]
    request = police_pb2.RequestSearchRequest(reasons=police_pb2.SearchReasons(**known), **probe)
    role = Role.REQUESTER if who == "An investigator" else Role.EUROPOL_REQUESTER
    response = story.europe.call(STATES[place], role, "RequestSearch", request)
    story.numbers[label] = response.reference_number


@deed("{authority} in {state} finds the conditions of {label} {conditions}")
def verify(story: Story, who: str, place: str, *told: str) -> None:
    """Before the search is sent, or afterwards if it was urgent."""
    label, conditions = told
    role = Role.VERIFIER if who == "The verifying authority" else Role.EUROPOL_VERIFIER
    request = police_pb2.VerifySearchRequest(
        reference_number=story.number(label), conditions_met=conditions == "met"
    )
    story.europe.call(STATES[place], role, "VerifySearch", request)


@deed("A verifier of the unit that asked in {state} finds the conditions of {label} met")
def verify_own(story: Story, place: str, label: str) -> None:
    """Nobody verifies for the own unit (Art. 6(1))."""
    request = police_pb2.VerifySearchRequest(
        reference_number=story.number(label), conditions_met=True
    )
    unit = unit_of(Role.REQUESTER)
    story.europe.call(STATES[place], Role.VERIFIER, "VerifySearch", request, unit=unit)


@deed("Europol's verifying unit in {state} records that {state} authorised the use of {label}")
def authorise(story: Story, place: str, origin: str, label: str) -> None:
    """The word of the State of origin, for the only hit of the search (Art. 34(4))."""
    (hit,) = _read(story, label, verifying=False).hits
    request = police_pb2.RecordAuthorisationRequest(
        reference_number=story.number(label),
        hit_reference_number=hit.reference_number,
        authorising_state=STATES[origin],
    )
    story.europe.call(STATES[place], Role.EUROPOL_VERIFIER, "RecordAuthorisation", request)


@deed("The investigator in {state} keeps {label} for an investigation")
def keep(story: Story, place: str, label: str) -> None:
    """An ongoing investigation needs the answer (Art. 47(4))."""
    request = police_pb2.KeepSearchRequest(
        reference_number=story.number(label), investigation="case 12"
    )
    story.europe.call(STATES[place], Role.REQUESTER, "KeepSearch", request)


@deed("The investigator in {state} confirms the erasure of {label}")
def confirm_erasure(story: Story, place: str, label: str) -> None:
    """Whoever read the data tells the verifying authority that they are erased (Art. 32(5))."""
    request = police_pb2.ConfirmErasureRequest(reference_number=story.number(label))
    story.europe.call(STATES[place], Role.REQUESTER, "ConfirmErasure", request)


def _read(story: Story, label: str, *, verifying: bool) -> police_pb2.Search:
    number = story.number(label)
    europol = number[2] == "5"
    if verifying:
        role = Role.EUROPOL_VERIFIER if europol else Role.VERIFIER
    else:
        role = Role.EUROPOL_REQUESTER if europol else Role.REQUESTER
    request = police_pb2.GetSearchRequest(reference_number=number)
    search: police_pb2.Search = story.europe.call(number[:2], role, "GetSearch", request).search
    return search


@fact("The search {label} withholds the data because of {word}")
def withholds(story: Story, label: str, code: str) -> None:
    """There is a hit, and its data may not be used."""
    (hit,) = _read(story, label, verifying=False).hits
    assert not hit.HasField("data_set")
    assert [why.split()[0] for why in hit.withheld_because] == [code], hit


@fact("The search {label} gives the data of {label}")
def gives(story: Story, label: str, hit: str) -> None:
    """The data of the hit may be used."""
    (found,) = _read(story, label, verifying=False).hits
    assert found.data_set.reference_number == story.number(hit), found


@fact("The record of {label} holds the grounds against the child")
def holds_grounds(story: Story, label: str) -> None:
    """Extra grounds are kept for oversight (Art. 14(3))."""
    number = story.number(label)
    request = police_pb2.ReadSearchRecordRequest(reference_number=number)
    entries = story.europe.call(number[:2], Role.AUDITOR, "ReadSearchRecord", request).entries
    assert entries["child_grounds"] == "a weapon was found", dict(entries)


@fact("The search {label} is {word}")
def stands(story: Story, label: str, state: str) -> None:
    """Where it stands, as the verifying authority reads it."""
    found = police_pb2.SearchState.Name(_read(story, label, verifying=True).state)
    assert found == f"SEARCH_STATE_{state}", found


@fact("The search {label} shows {labels}")
def shows(story: Story, label: str, labels: str) -> None:
    """What the investigator reads: these data sets and no others."""
    found = [hit.reference_number for hit in _read(story, label, verifying=False).hits]
    assert found == [story.number(one) for one in labels_in(labels)], found


@fact("The search {label} shows nothing")
def shows_nothing(story: Story, label: str) -> None:
    """No data are left of it, or never came."""
    assert not _read(story, label, verifying=False).hits
