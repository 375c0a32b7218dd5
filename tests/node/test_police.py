"""Searches for law enforcement, from the requester's desk to the centre and back, over the wire."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

from interfaces import wire
from interfaces.central import custody as central_custody
from interfaces.central.centre import Centre
from interfaces.central.entries import Entries
from interfaces.central.holdings import Arrival
from interfaces.eurodac.dataset import DataSet
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from interfaces.pb.eurodac.central.v1 import police_pb2 as central_police_pb2
from interfaces.pb.eurodac.nap.v1 import nap_pb2, police_pb2
from node import custody, server
from node.access import Act, Role
from node.station import StationError
from node.store import police as stored
from node.store import records
from tests.node.trial import Pair

States = police_pb2.SearchState
SECRET = "the-neighbour-heard-of-a-bomb"
MET: dict[str, Any] = {
    "offence": police_pb2.OFFENCE_TERRORIST,
    "necessity": SECRET,
    "specific_case": SECRET,
    "contribution": SECRET,
    "national_databases_checked": True,
    "other_states_checked": True,
    "own_systems_checked": True,
    "national_file_number": "file-17",
    "ordered_by": "chief-3",
}
REQUESTER = Role.REQUESTER, "Unit A", "rita"
VERIFIER = Role.VERIFIER, "Verifying unit", "vera"


class Trial(Pair):
    """Calls of searches for law enforcement."""

    messages: ClassVar[Any] = police_pb2

    def ask(self, who: tuple[Role, str, str] = REQUESTER, **fields: Any) -> str:
        reasons = police_pb2.SearchReasons(**(MET | fields.pop("reasons", {})))
        probe = fields or {"capture": self.capture_of(1, 1)}
        answer = self.call(who, "RequestSearch", reasons=reasons, **probe)
        number: str = answer.reference_number
        return number

    def verify(self, number: str, met: bool = True, who: tuple[Role, str, str] = VERIFIER) -> int:
        fields = {"reference_number": number, "conditions_met": met}
        state: int = self.call(who, "VerifySearch", **fields).state
        return state

    def read(self, number: str, who: tuple[Role, str, str] = REQUESTER) -> police_pb2.Search:
        search: police_pb2.Search = self.call(who, "GetSearch", reference_number=number).search
        return search

    def answered(self, number: str, who: tuple[Role, str, str] = REQUESTER) -> police_pb2.Search:
        """The search once the centre has answered it; a verifier waits without reading it."""
        ends = time.monotonic() + 20
        while time.monotonic() < ends:
            with self.serving.node.store.read() as transaction:
                if stored.find(transaction, number).answered_at is not None:
                    return self.read(number, who)
            time.sleep(0.02)
        raise AssertionError("the centre did not answer")


@pytest.fixture
def trial(
    *,
    serve_centre: Callable[..., tuple[Centre, str]],
    open_at: Callable[..., Any],
    tmp_path: Path,
    capture_of: Callable[..., terms_pb2.Capture],
    clock: Any,
    applicant: DataSet,
) -> Iterator[Trial]:
    centre, address = serve_centre()
    node = open_at(tmp_path / "dk", central=address, unsafe_plaintext=True, listen="127.0.0.1:0")
    serving = server.serve(node)
    opened = Trial(centre, serving, capture_of, clock, applicant, tmp_path / "dk")
    yield opened
    for line in opened.lines:
        line.close()
    serving.stop()


def refusal(trial: Trial, call: Callable[[], Any]) -> tuple[str, list[str]]:
    with pytest.raises(StationError) as caught:
        call()
    return caught.value.code, [one.code for one in caught.value.violations]


def numbers_of(search: police_pb2.Search) -> list[str]:
    return [hit.reference_number for hit in search.hits]


def test_a_verified_search_comes_back_to_the_unit_that_asked(trial: Trial) -> None:
    hit = trial.store()
    number = trial.ask()
    assert number.startswith("DK4")
    assert trial.read(number).state == States.SEARCH_STATE_SUBMITTED
    waiting = trial.call(VERIFIER, "ListSearches").reference_numbers
    assert list(waiting) == [number]
    shown = trial.read(number, VERIFIER)
    assert (shown.reasons.necessity, list(shown.hits)) == (SECRET, [])
    assert trial.verify(number) == States.SEARCH_STATE_SENT
    with trial.serving.node.store.read() as transaction:
        assert stored.find(transaction, number).probe is None  # the outbox has the only copy
    search = trial.answered(number)
    assert search.state == States.SEARCH_STATE_ANSWERED
    assert numbers_of(search) == [hit]
    assert search.hits[0].data_set.surnames == ["Qwertzuiop"]
    assert search.hits[0].score > 0
    assert list(trial.call(REQUESTER, "ListSearches").reference_numbers) == [number]


def test_nothing_leaves_before_the_verification(trial: Trial) -> None:
    number = trial.ask()
    with trial.serving.node.store.read() as transaction:
        assert stored.find(transaction, number).sent_at is None
    with trial.centre.ledger.read() as entries:
        assert entries.occurrences() == []
    assert trial.verify(number, met=False) == States.SEARCH_STATE_REJECTED
    assert refusal(trial, lambda: trial.verify(number)) == ("FAILED_PRECONDITION", ["V17"])


def test_without_a_national_check_or_a_signal_a_request_is_refused(trial: Trial) -> None:
    """X-L01."""
    unchecked = {"national_databases_checked": False}
    found = refusal(trial, lambda: trial.ask(reasons=unchecked))
    assert found == ("FAILED_PRECONDITION", ["V19"])


def test_the_signal_of_the_repository_stands_in_for_the_prior_checks(trial: Trial) -> None:
    """X-L02."""
    signalled = {
        "national_databases_checked": False,
        "other_states_checked": False,
        "cir_signalled": True,
    }
    assert trial.verify(trial.ask(reasons=signalled)) == States.SEARCH_STATE_SENT


def test_the_other_states_systems_are_skipped_with_reasons_only(trial: Trial) -> None:
    """X-L03."""
    skipped = {"other_states_checked": False}
    assert refusal(trial, lambda: trial.ask(reasons=skipped))[1] == ["V19"]
    reasoned = skipped | {"other_states_skipped_because": "no prints before this year"}
    assert trial.verify(trial.ask(reasons=reasoned)) == States.SEARCH_STATE_SENT


@pytest.mark.parametrize(
    "who", [(Role.VERIFIER, "Unit A", "vera"), (Role.VERIFIER, "Verifying unit", "rita")]
)
def test_nobody_verifies_for_the_own_unit_or_person(
    trial: Trial, who: tuple[Role, str, str]
) -> None:
    """X-L04."""
    number = trial.ask()
    for met in (True, False):
        found = refusal(trial, partial(trial.verify, number, met, who))
        assert found == ("FAILED_PRECONDITION", ["V21"])
    assert trial.verify(number) == States.SEARCH_STATE_SENT


def test_a_requester_does_not_verify_and_a_verifier_does_not_ask(trial: Trial) -> None:
    number = trial.ask()
    requester = Role.REQUESTER, "Unit B", "rolf"
    assert refusal(trial, lambda: trial.verify(number, who=requester))[0] == "PERMISSION_DENIED"
    assert refusal(trial, lambda: trial.ask(VERIFIER))[0] == "PERMISSION_DENIED"
    assert refusal(trial, lambda: trial.read(number, requester))[0] == "PERMISSION_DENIED"
    desk = Role.ASYLUM_DESK, "Unit A", "anna"
    assert refusal(trial, lambda: trial.read(number, desk))[0] == "PERMISSION_DENIED"
    case = nap_pb2.GetCaseRequest(reference_number=number)
    assert refusal(trial, lambda: trial.call(desk, "GetCase", case))[0] == "PERMISSION_DENIED"


def test_a_failed_urgency_erases_the_answer_everywhere_with_a_notice_of_each_reader(
    trial: Trial,
) -> None:
    """X-L05."""
    trial.store()
    number = trial.ask(reasons={"imminent_danger": SECRET, "necessity": ""})
    search = trial.answered(number)
    assert (search.state, len(search.hits)) == (States.SEARCH_STATE_ANSWERED_URGENT, 1)
    # Conditions that are not met cannot be called met.
    assert refusal(trial, lambda: trial.verify(number))[1] == ["V19"]
    assert trial.verify(number, met=False) == States.SEARCH_STATE_EXPOST_FAIL
    search = trial.read(number)
    assert (list(search.hits), search.HasField("reasons")) == ([], False)
    (reader,) = trial.read(number, VERIFIER).readers
    assert (reader.unit, reader.user, reader.HasField("erased_at")) == ("Unit A", "rita", False)
    confirmed = trial.call(REQUESTER, "ConfirmErasure", reference_number=number).state
    assert confirmed == States.SEARCH_STATE_ERASURE_CONFIRMED
    (reader,) = trial.read(number, VERIFIER).readers
    assert (reader.erased_by, reader.HasField("erased_at")) == ("rita", True)
    with trial.serving.node.store.read() as transaction:
        search_row = stored.find(transaction, number)
        assert (search_row.reasons, search_row.probe) == (None, None)


def test_an_answer_that_nobody_read_needs_no_notice(trial: Trial) -> None:
    number = trial.ask(reasons={"imminent_danger": SECRET})
    trial.answered(number, VERIFIER)
    assert trial.verify(number, met=False) == States.SEARCH_STATE_ERASURE_CONFIRMED


def test_an_urgent_search_that_proves_right_stays_answered(trial: Trial) -> None:
    hit = trial.store()
    number = trial.ask(reasons={"imminent_danger": SECRET})
    trial.answered(number)
    assert trial.verify(number) == States.SEARCH_STATE_EXPOST_OK
    assert numbers_of(trial.read(number)) == [hit]
    confirm = {"reference_number": number}
    code, _ = refusal(trial, lambda: trial.call(REQUESTER, "ConfirmErasure", **confirm))
    assert code == "FAILED_PRECONDITION"


def test_a_search_by_name_alone_is_answered_by_the_centre(trial: Trial) -> None:
    """X-L06."""
    hit = trial.store()
    identity = central_police_pb2.IdentityProbe(surname="QWERTZUIOP")
    number = trial.ask(identity=identity)
    trial.verify(number)
    search = trial.answered(number)
    assert numbers_of(search) == [hit]
    assert search.hits[0].score == 0


def test_a_latent_print_of_an_unknown_finger_is_searched(trial: Trial) -> None:
    hit = trial.store()
    image = trial.capture_of(1, 1).fingers[1].image
    number = trial.ask(latents=[central_police_pb2.LatentPrint(image=image)])
    trial.verify(number)
    assert numbers_of(trial.answered(number)) == [hit]


@pytest.mark.parametrize(
    ("reasons", "used"),
    [
        ({}, False),
        ({"child_suspected": True}, False),
        ({"child_grounds": "weapon in its bag"}, False),
        ({"child_suspected": True, "child_grounds": "weapon in its bag"}, True),
    ],
)
def test_data_of_a_child_of_thirteen_are_used_on_extra_grounds_only(
    trial: Trial, reasons: dict[str, Any], used: bool
) -> None:
    """X-L07, X-L08."""
    trial.store(date_of_birth="2013-01-01")
    number = trial.ask(reasons=reasons)
    trial.verify(number)
    (hit,) = trial.answered(number).hits
    assert hit.HasField("data_set") is used
    assert [why.split()[0] for why in hit.withheld_because] == ([] if used else ["V19"])
    entries = record_of(trial, number)
    assert entries["child_grounds"] == ("weapon in its bag" if used else "")


def test_a_marked_beneficiary_is_still_hit(trial: Trial) -> None:
    """X-L09."""
    hit = trial.store()
    mark = central_pb2.SetMarkRequest(
        request_id="mark", reference_number=hit, type=terms_pb2.MARK_TYPE_PROTECTION
    )
    central_custody.set_mark(trial.centre, "IT", mark)
    number = trial.ask()
    trial.verify(number)
    (found,) = trial.answered(number).hits
    assert [one.type for one in found.data_set.marks] == [terms_pb2.MARK_TYPE_PROTECTION]


def test_after_a_month_the_personal_data_of_a_search_are_erased(trial: Trial) -> None:
    """X-L10."""
    trial.store()
    number = trial.ask()
    trial.clock.advance(days=3)
    trial.verify(number)
    search = trial.answered(number)
    assert len(search.hits) == 1
    # The month runs from the answer, on 4 September 2026.
    assert search.retained_until.ToJsonString() == "2026-10-04T23:59:59Z"
    node, last = trial.serving.node, wire.instant_from(search.retained_until)
    trial.clock.time = last
    custody.sweep(node)
    assert len(trial.read(number).hits) == 1
    trial.clock.time = last + timedelta(seconds=1)
    assert list(trial.read(number).hits) == []  # before any sweep
    assert custody.sweep(node) == 1
    search = trial.read(number)
    assert search.state == States.SEARCH_STATE_CLOSED
    assert (list(search.hits), search.HasField("reasons")) == ([], False)
    # What oversight needs is left (Art. 51).
    assert record_of(trial, number)["national_file_number"] == "file-17"


def test_an_ongoing_investigation_keeps_the_answer_until_it_lets_go(trial: Trial) -> None:
    """X-L10, the exception."""
    hit = trial.store()
    number = trial.ask()
    trial.verify(number)
    trial.answered(number)
    keep = {"reference_number": number, "investigation": "case 12 of 2026"}
    kept = trial.call(REQUESTER, "KeepSearch", **keep)
    assert not kept.HasField("retained_until")
    trial.clock.advance(days=200)
    assert custody.sweep(trial.serving.node) == 0
    assert numbers_of(trial.read(number)) == [hit]
    released = trial.call(REQUESTER, "KeepSearch", reference_number=number)
    assert released.HasField("retained_until")
    assert custody.sweep(trial.serving.node) == 1
    assert list(trial.read(number).hits) == []


def test_a_search_that_is_never_verified_lasts_a_month_too(trial: Trial) -> None:
    number = trial.ask()
    trial.clock.advance(days=32)
    assert custody.sweep(trial.serving.node) == 1
    assert not trial.read(number).HasField("reasons")
    assert refusal(trial, lambda: trial.verify(number))[0] == "FAILED_PRECONDITION"


def test_europol_uses_nothing_without_the_origin_states_authorisation(trial: Trial) -> None:
    """X-L11."""
    requester = Role.EUROPOL_REQUESTER, "Europol unit", "eva"
    verifier = Role.EUROPOL_VERIFIER, "Europol verifying unit", "vic"
    hit = trial.store()
    number = trial.ask(requester)
    assert number.startswith("DK5")
    assert refusal(trial, lambda: trial.verify(number))[0] == "PERMISSION_DENIED"
    trial.verify(number, who=verifier)
    (found,) = trial.answered(number, requester).hits
    assert (found.origin, found.HasField("data_set")) == ("IT", False)
    assert [why.split()[0] for why in found.withheld_because] == ["V22"]
    given = {"reference_number": number, "hit_reference_number": hit}

    def authorise(who: tuple[Role, str, str], state: str) -> Any:
        return trial.call(who, "RecordAuthorisation", **given, authorising_state=state)

    assert refusal(trial, lambda: authorise(verifier, "FR"))[1] == ["V22"]
    assert refusal(trial, lambda: authorise(requester, "IT"))[0] == "PERMISSION_DENIED"
    authorise(verifier, "IT")
    (found,) = trial.read(number, requester).hits
    assert found.data_set.surnames == ["Qwertzuiop"]


def test_the_reasons_never_reach_the_centre_and_lie_sealed_here(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recital 71."""
    seen: list[bytes] = []
    arrive = Entries.arrive

    def spy(self: Entries, arrival: Arrival) -> None:
        seen.append(arrival.payload or b"")
        arrive(self, arrival)

    monkeypatch.setattr(Entries, "arrive", spy)
    number = trial.ask(reasons={"imminent_danger": SECRET})
    trial.answered(number)
    (payload,) = seen
    assert payload
    assert SECRET.encode() not in payload
    assert SECRET.encode() not in trial.on_disk()
    assert b"file-17" not in trial.on_disk()


def test_the_record_holds_what_the_law_asks_and_is_for_oversight_alone(trial: Trial) -> None:
    """Art. 51(2)."""
    number = trial.ask(reasons={"imminent_danger": SECRET, "through_search_portal": True})
    trial.answered(number)
    trial.verify(number)
    entries = record_of(trial, number)
    assert entries["purpose"] == "LEA_SEARCH TERRORIST"
    assert entries["national_file_number"] == "file-17"
    assert (entries["requesting_unit"], entries["requester"]) == ("Unit A", "rita")
    assert (entries["ordered_by"], entries["verifier"]) == ("chief-3", "vera")
    assert (entries["urgent_because"], entries["conditions"]) == (SECRET, "met")
    assert entries["data_used"] == "2 fingers, 1 face"
    assert entries["through_search_portal"] == "yes"
    assert entries["requested_at"] == trial.clock.time.isoformat()
    for who in (REQUESTER, VERIFIER):
        read = partial(trial.call, who, "ReadSearchRecord", reference_number=number)
        code, _ = refusal(trial, read)
        assert code == "PERMISSION_DENIED"


def test_the_audit_chain_tells_every_step_and_no_reason(trial: Trial) -> None:
    number = trial.ask()
    trial.verify(number)
    trial.answered(number)
    with trial.serving.node.store.read() as transaction:
        entries = [entry.record for entry in records.walk(transaction)]
    told = {record.act: record.detail for record in entries if record.reference_number == number}
    assert told[Act.REQUEST_SEARCH] == "TERRORIST 2 fingers, 1 face"
    assert told[Act.VERIFY_SEARCH] == "SENT met"
    assert {Act.DELIVER, Act.RECEIVE_NOTICE, Act.READ_SEARCH} <= set(told)
    assert SECRET not in json.dumps([record.detail for record in entries])


def test_no_desk_sees_a_search_among_its_tasks(trial: Trial) -> None:
    trial.store()
    number = trial.ask()
    trial.verify(number)
    trial.answered(number)
    desk = Role.SUPERVISOR, "Unit A", "bodil"
    tasks = trial.call(desk, "ListDue", nap_pb2.ListDueRequest()).tasks
    assert [task.reference_number for task in tasks] == []


def test_the_same_request_has_one_effect_and_one_number(trial: Trial) -> None:
    request = police_pb2.RequestSearchRequest(
        request_id="once",
        reasons=police_pb2.SearchReasons(**MET),
        identity=central_police_pb2.IdentityProbe(surname="Doe"),
    )
    first = trial.call(REQUESTER, "RequestSearch", request)
    assert trial.call(REQUESTER, "RequestSearch", request) == first
    request.reasons.necessity = "other"
    again = refusal(trial, lambda: trial.call(REQUESTER, "RequestSearch", request))
    assert again[0] == "ALREADY_EXISTS"


def test_a_probe_that_cannot_be_searched_is_refused_and_leaves_nothing(trial: Trial) -> None:
    probes: tuple[dict[str, Any], ...] = (
        {"identity": central_police_pb2.IdentityProbe()},
        {"latents": [central_police_pb2.LatentPrint(image=b"no image")]},
        {"capture": terms_pb2.Capture()},
    )
    for probe in probes:
        code, _ = refusal(trial, partial(trial.ask, **probe))
        assert code == "INVALID_ARGUMENT"
    long = {"necessity": "x" * 2001}
    assert refusal(trial, lambda: trial.ask(reasons=long))[0] == "INVALID_ARGUMENT"
    assert list(trial.call(REQUESTER, "ListSearches").reference_numbers) == []


def record_of(trial: Trial, number: str) -> dict[str, str]:
    auditor = Role.AUDITOR, "Oversight", "otto"
    answer = trial.call(auditor, "ReadSearchRecord", reference_number=number)
    return dict(answer.entries)
