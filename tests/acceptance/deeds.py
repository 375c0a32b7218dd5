"""Sentences of the stories that do something: one call of a door each, under the right role."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from interfaces import wire
from interfaces.eurodac.terms import Document, Visa
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from interfaces.pb.eurodac.nap.v1 import nap_pb2
from node.access import Role
from tests.acceptance.language import STATES, Story, deed, instant
from tests.acceptance.takings import KINDS, data_set_of, read_details


@deed("On {when}")
def move_clock(story: Story, when: str) -> None:
    """The one clock of all shows this instant."""
    at = instant(when)
    assert at >= story.europe.clock.time, "the clock never goes back"
    story.europe.clock.time = at


@deed("{state} records {person} as {kind} {label}{rest}")
def record(story: Story, place: str, person: str, kind: str, label: str, rest: str) -> None:
    """A station takes the biometrics and sends the data set off."""
    taking = read_details(story, rest)
    data_set = data_set_of(story, KINDS[kind], taking.fields)
    request = taking.request
    request.data_set.CopyFrom(wire.dataset_to(data_set))
    request.capture.CopyFrom(taking.capture(story, person))
    response = story.europe.call(STATES[place], Role.CAPTURE_STATION, "Enrol", request)
    story.receipts[label] = response.receipt
    story.numbers[label] = response.receipt.reference_number


@deed("{state} searches {person} for admission {label}{rest}")
def search(story: Story, place: str, person: str, label: str, rest: str) -> None:
    """A desk asks for a search that is stored nowhere."""
    taking = read_details(story, rest)
    request = nap_pb2.SearchAdmissionRequest(
        capture=taking.capture(story, person),
        date_of_birth=str(taking.fields.get("date_of_birth", "1990-05-17")),
        biometrics_taken_at=wire.instant_to(story.europe.clock.time - timedelta(minutes=10)),
    )
    response = story.europe.call(STATES[place], Role.ASYLUM_DESK, "SearchAdmission", request)
    story.receipts[label] = response.receipt
    story.numbers[label] = response.receipt.reference_number


@deed("{state} takes the biometrics of {person} again for {label}{rest}")
def recapture(story: Story, place: str, person: str, label: str, rest: str) -> None:
    """Better biometrics under the same number."""
    taking = read_details(story, rest)
    at = taking.fields.get("biometrics_taken_at", story.europe.clock.time - timedelta(minutes=10))
    request = nap_pb2.RecaptureRequest(
        reference_number=story.number(label),
        capture=taking.capture(story, person),
        biometrics_taken_at=wire.instant_to(at),
    )
    response = story.europe.call(STATES[place], Role.CAPTURE_STATION, "Recapture", request)
    story.receipts[label] = response.receipt


@deed("{state} names {word} responsible on {label}")
def name_responsible(story: Story, place: str, responsible: str, label: str) -> None:
    """The responsible State is entered."""
    _update(story, place, label, {"responsible_state": STATES[responsible]})


@deed("{state} notes on {label} that {text}")
def note(story: Story, place: str, label: str, what: str) -> None:
    """A fact that became known later."""
    for form, read in LATER.items():
        found = re.fullmatch(form, what)
        if found is not None:
            _update(story, place, label, read(*found.groups()))
            return
    raise KeyError(what)


LATER: Mapping[str, Callable[..., dict[str, Any]]] = {
    r"the application was rejected": lambda: {"application_rejected": True},
    r"voluntary return is supported": lambda: {"avrr_granted": True},
    r"the person left on (\S+)": lambda day: {"left_member_states_on": instant(day).date()},
    r"the person was removed on (\S+)": lambda day: {"removed_on": instant(day).date()},
    r"the person came back by transfer on (\S+)": lambda day: {
        "arrival_after_take_back_on": instant(day).date()
    },
    r"the person is relocated to (\w+)": lambda to: {"relocation_state": STATES[to]},
    r"passport (\w+) was found": lambda number: {"document": Document("passport", number, "SYR")},
    r"a visa was issued": lambda: {"visa": Visa("DE", "V-77")},
    r"the name is (\w+)": lambda name: {"surnames": (name,)},
}
"""What may be noted, and the fields that say so."""


@deed("{state} corrects the name on {label} to {word}")
def correct(story: Story, place: str, label: str, name: str) -> None:
    """The State of origin corrects its data."""
    message, mask = wire.changes_to({"surnames": (name,)})
    request = nap_pb2.CorrectDataSetRequest(
        reference_number=story.number(label), changes=message, update_mask=mask
    )
    story.europe.call(STATES[place], Role.ASYLUM_DESK, "CorrectDataSet", request)


MARKS = {
    "grants protection on": ("SetMark", terms_pb2.MARK_TYPE_PROTECTION),
    "withdraws protection on": ("ClearMark", terms_pb2.MARK_TYPE_PROTECTION),
    "issues a residence document on": ("SetMark", terms_pb2.MARK_TYPE_RESIDENCE),
}


@deed("{state} {mark} {label}")
def mark(story: Story, place: str, what: str, label: str) -> None:
    """Marks of Art. 31."""
    method, kind = MARKS[what]
    message = nap_pb2.SetMarkRequest if method == "SetMark" else nap_pb2.ClearMarkRequest
    request = message(reference_number=story.number(label), type=kind)
    story.europe.call(STATES[place], Role.ASYLUM_DESK, method, request)


@deed("{state} proposes a security flag on {label} after {word}, ground {word}, as {label}")
def propose_flag(
    story: Story, place: str, label: str, check: str, ground: str, proposal: str
) -> None:
    """The first official's part; ground NOTHING proposes on none of the four."""
    request = nap_pb2.ProposeSecurityFlagRequest(
        reference_number=story.number(label),
        check=nap_pb2.FlagCheck.Value(f"FLAG_CHECK_{check}"),
        check_completed_at=wire.instant_to(story.europe.clock.time - timedelta(hours=1)),
        grounds=[] if ground == "NOTHING" else [nap_pb2.FlagGround.Value(f"FLAG_GROUND_{ground}")],
        deciding_unit="Unit 4",
        could_pose_threat=True,
    )
    response = story.europe.call(STATES[place], Role.ASYLUM_DESK, "ProposeSecurityFlag", request)
    story.numbers[proposal] = response.proposal_id


@deed("{state} approves {label}")
def approve_flag(story: Story, place: str, proposal: str) -> None:
    """The second official's part."""
    request = nap_pb2.ApproveSecurityFlagRequest(proposal_id=story.number(proposal))
    story.europe.call(STATES[place], Role.SUPERVISOR, "ApproveSecurityFlag", request)


@deed("{state} deletes the security flag of {label}{consulted}")
def delete_flag(story: Story, place: str, label: str, consulted: str) -> None:
    """After consulting the States named, or nobody."""
    asked = [STATES[name] for name in re.findall(r"[A-Z]\w+", consulted)]
    request = nap_pb2.DeleteSecurityFlagRequest(
        reference_number=story.number(label), consulted_states=asked
    )
    story.europe.call(STATES[place], Role.SUPERVISOR, "DeleteSecurityFlag", request)


@deed("{state} erases {label} because {ground}")
def erase(story: Story, place: str, label: str, ground: str) -> None:
    """Before the end of retention."""
    request = nap_pb2.EraseDataSetRequest(
        reference_number=story.number(label), ground=GROUNDS[ground]
    )
    story.europe.call(STATES[place], Role.SUPERVISOR, "EraseDataSet", request)


GROUNDS = {
    "of citizenship": central_pb2.ERASURE_GROUND_CITIZENSHIP,
    "the data were unlawful": central_pb2.ERASURE_GROUND_UNLAWFUL,
    "the person asked": central_pb2.ERASURE_GROUND_DATA_SUBJECT,
}


@deed("The expert in {state} says that the hit of {label} on {label} is {verdict}")
def decide(story: Story, place: str, label: str, hit: str, verdict: str) -> None:
    """What the fingerprint expert says of one hit."""
    _decide(story, STATES[place], Role.FINGERPRINT_EXPERT, (label, hit, verdict))


@deed("The desk in {state} says that the hit of {label} on {label} is {verdict}")
def decide_at_desk(story: Story, place: str, label: str, hit: str, verdict: str) -> None:
    """Somebody who is no expert says it."""
    _decide(story, STATES[place], Role.ASYLUM_DESK, (label, hit, verdict))


def _decide(story: Story, state: str, role: Role, said: tuple[str, str, str]) -> None:
    label, hit, verdict = said
    case = story.europe.case(story.number(label))
    wanted = story.number(hit)
    found = next(one for one in case.hits if one.data_set.reference_number == wanted)
    decisions = {"true": nap_pb2.HIT_DECISION_CONFIRMED, "false": nap_pb2.HIT_DECISION_FALSE}
    request = nap_pb2.DecideHitRequest(hit_id=found.hit_id, decision=decisions[verdict])
    story.europe.call(state, role, "DecideHit", request)


@deed("{state} declares a sudden influx from {when} to {when} as {label}")
def declare_influx(story: Story, place: str, begin: str, end: str, label: str) -> None:
    """Art. 24(6)."""
    request = nap_pb2.DeclareExtensionRequest(
        kind=nap_pb2.EXTENSION_KIND_INFLUX,
        starts_at=wire.instant_to(instant(begin)),
        ends_at=wire.instant_to(instant(end)),
    )
    response = story.europe.call(STATES[place], Role.SUPERVISOR, "DeclareExtension", request)
    story.numbers[label] = response.extension_id


@deed("{state} declares a technical problem from {when} as {label}")
def declare_problem(story: Story, place: str, begin: str, label: str) -> None:
    """Art. 15(2) and its like."""
    request = nap_pb2.DeclareExtensionRequest(
        kind=nap_pb2.EXTENSION_KIND_TECHNICAL, starts_at=wire.instant_to(instant(begin))
    )
    response = story.europe.call(STATES[place], Role.SUPERVISOR, "DeclareExtension", request)
    story.numbers[label] = response.extension_id


@deed("Own data are not asked for")
def search_others_only(story: Story) -> None:
    """A policy of all nodes, before any is there."""
    _decide_policy(story, include_own=False)


@deed("Only doubtful hits go to the expert")
def trust_clear_hits(story: Story) -> None:
    """A policy of all nodes, before any is there."""
    _decide_policy(story, expert_always=False)


@deed("Faces are compared from {when}")
def switch_faces_on(story: Story, when: str) -> None:
    """The switch of Art. 63(5), before any node is there."""
    _decide_policy(story, face_comparison_from=instant(when).date())


def _decide_policy(story: Story, **decided: Any) -> None:
    assert not story.europe.states, "the policy is decided before the first node opens"
    story.europe.policy = replace(story.europe.policy, **decided)


@deed("The access point of {state} transmits {person} as {kind} under the number {word}")
def transmit_by_hand(story: Story, place: str, person: str, kind: str, number: str) -> None:
    """What a State's node would send if it were wrong; only the centre can refuse it."""
    taking = read_details(story, "")
    data_set = data_set_of(story, KINDS[kind], {"operator_user_id": "station-7"})
    data_set = replace(data_set, origin=STATES[place], reference_number=number)
    request = central_pb2.TransmitDataSetRequest(
        data_set=wire.dataset_to(data_set),
        capture=taking.capture(story, person),
        lane=central_pb2.LANE_NORMAL,
    )
    story.europe.send(STATES[place], "TransmitDataSet", request)


@deed("The access point of {state} updates {label}")
def update_by_hand(story: Story, place: str, label: str) -> None:
    """A change of another State's data, past the node."""
    message, mask = wire.changes_to({"application_rejected": True})
    request = central_pb2.UpdateStatusRequest(
        reference_number=story.number(label), changes=message, update_mask=mask
    )
    story.europe.send(STATES[place], "UpdateStatus", request)


@deed("{state} looks for {person} among its own and finds nobody")
def identify(story: Story, place: str, person: str) -> None:
    """The only search of a desk: its own State's references."""
    capture = read_details(story, "").capture(story, person)
    request = nap_pb2.IdentifyRequest(capture=capture)
    response = story.europe.call(STATES[place], Role.ASYLUM_DESK, "Identify", request)
    assert response.outcome == nap_pb2.IdentifyResponse.OUTCOME_NEGATIVE, response


@deed("The sweepers go round")
def sweep(story: Story) -> None:
    """What every node and the centre do once a minute, and every node once an hour."""
    story.europe.sweep()


def _update(story: Story, place: str, label: str, fields: dict[str, Any]) -> None:
    message, mask = wire.changes_to(fields)
    request = nap_pb2.UpdateStatusRequest(
        reference_number=story.number(label), changes=message, update_mask=mask
    )
    story.europe.call(STATES[place], Role.ASYLUM_DESK, "UpdateStatus", request)
