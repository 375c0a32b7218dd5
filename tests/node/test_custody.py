"""Custody: own data are changed, corrected, marked, flagged and erased, and the centre is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.flags import FlagCheck, FlagGround, FlagProposal
from interfaces.eurodac.retention import ErasureGround
from interfaces.eurodac.terms import MarkType
from interfaces.pb.eurodac.central.v1 import central_pb2
from node import assembly, casework, custody, enrolment, flags, marks
from node.access import Actor
from node.assembly import Node
from node.custody import Change, Erasure
from node.enrolment import Enrolment
from node.errors import AccessDenied, NotFound, OutOfTurn, RequestReused
from node.flags import FlagDeletion, FlagWanted
from node.marks import MarkChange
from node.outbox import METHODS
from node.store import dossiers, parcels
from node.vocabulary import Delivery

EnrolmentOf = Callable[..., Enrolment]


@pytest.fixture
def number(node: Node, station: Actor, enrolment_of: EnrolmentOf) -> str:
    """Number of an enrolled applicant who waits to be transmitted."""
    return enrolment.enrol(node, station, enrolment_of(1)).reference_number


def waiting(node: Node, number: str) -> list[Any]:
    """What waits for the centre about a number, opened, without the first transmission."""
    with node.store.read() as transaction:
        found = parcels.find_waiting(transaction, number)
    return [METHODS[parcel.method].FromString(parcel.content) for parcel in found][1:]


def stored(node: Node, number: str) -> DataSet:
    with node.store.read() as transaction:
        return dossiers.find(transaction, number).content


def test_a_later_fact_is_stored_and_told(node: Node, desk: Actor, number: str) -> None:
    change = Change("u1", number, {"removed_on": date(2026, 8, 30), "avrr_granted": True})
    changed = custody.update_status(node, desk, change)
    assert (changed.removed_on, changed.avrr_granted) == (date(2026, 8, 30), True)
    assert stored(node, number) == changed
    (request,) = waiting(node, number)
    assert isinstance(request, central_pb2.UpdateStatusRequest)
    assert set(request.update_mask.paths) == {"removed_on", "avrr_granted"}
    assert request.changes.removed_on == "2026-08-30"
    assert custody.update_status(node, desk, change) == changed
    assert len(waiting(node, number)) == 1
    with pytest.raises(RequestReused):
        custody.update_status(node, desk, replace(change, changes={"avrr_granted": False}))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"surnames": ("Other",)}, "V08"),
        ({"security_flag": True}, "V08"),
        ({"council_decision": None}, "V01"),
        ({"responsible_state": "XX"}, "V20"),
    ],
)
def test_an_update_that_the_law_forbids_changes_nothing(
    *, node: Node, desk: Actor, number: str, fields: dict[str, Any], code: str
) -> None:
    before = stored(node, number)
    with pytest.raises(RuleBroken, match=code):
        custody.update_status(node, desk, Change("u1", number, fields))
    assert stored(node, number) == before
    assert waiting(node, number) == []


def test_a_correction_is_stored_and_told(node: Node, desk: Actor, number: str) -> None:
    changed = custody.correct(node, desk, Change("c1", number, {"surnames": ("Qwertz",)}))
    assert changed.surnames == ("Qwertz",)
    (request,) = waiting(node, number)
    assert isinstance(request, central_pb2.CorrectDataSetRequest)
    assert list(request.changes.surnames) == ["Qwertz"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"reference_number": "DK1000000099K"}, "V08"),
        ({"security_flag": True}, "V08"),
        ({"surnames": ()}, "V04"),
        ({"date_of_birth": "2022-01-01"}, "V03"),
        ({"nationalities": ("SWE",)}, "V10"),
    ],
)
def test_a_correction_that_the_law_forbids_changes_nothing(
    *, node: Node, desk: Actor, number: str, fields: dict[str, Any], code: str
) -> None:
    before = stored(node, number)
    with pytest.raises(RuleBroken, match=code):
        custody.correct(node, desk, Change("c1", number, fields))
    assert stored(node, number) == before


def test_a_station_corrects_nothing(node: Node, station: Actor, number: str) -> None:
    with pytest.raises(AccessDenied):
        custody.correct(node, station, Change("c1", number, {"surnames": ("Qwertz",)}))


def test_an_erased_data_set_is_gone_from_gallery_and_store(
    *, node: Node, supervisor: Actor, desk: Actor, number: str, tmp_path: Path
) -> None:
    assert len(node.gallery) == 1
    erasure = Erasure("e1", number, ErasureGround.CITIZENSHIP)
    at = custody.erase(node, supervisor, erasure)
    assert at == node.now()
    assert len(node.gallery) == 0
    assert assembly.gallery_agrees(node)
    case = casework.get_case(node, desk, number)
    assert (case.data_set, case.delivery, case.tasks) == (None, Delivery.ERASED, ())
    assert custody.erase(node, supervisor, erasure) == at
    with pytest.raises(NotFound):
        custody.erase(node, supervisor, replace(erasure, request_id="e2"))


def test_the_centre_is_told_of_an_erasure_once_it_may_know(
    node: Node, supervisor: Actor, number: str
) -> None:
    with node.store.write() as transaction:
        (parcel,) = parcels.find_waiting(transaction, number)
        parcels.start_attempt(transaction, parcel.parcel_id)
    custody.erase(node, supervisor, Erasure("e1", number, ErasureGround.CITIZENSHIP))
    with node.store.read() as transaction:
        (left,) = parcels.find_waiting(transaction, number)
    request = central_pb2.EraseDataSetRequest.FromString(left.content)
    assert (left.method, request.reference_number) == ("EraseDataSet", number)
    assert request.ground == central_pb2.ERASURE_GROUND_CITIZENSHIP


def test_what_never_left_is_erased_without_telling(
    node: Node, supervisor: Actor, number: str
) -> None:
    custody.erase(node, supervisor, Erasure("e1", number, ErasureGround.UNLAWFUL))
    with node.store.read() as transaction:
        assert parcels.find_waiting(transaction, number) == ()


def test_only_a_supervisor_erases(node: Node, desk: Actor, number: str) -> None:
    with pytest.raises(AccessDenied):
        custody.erase(node, desk, Erasure("e1", number, ErasureGround.CITIZENSHIP))


def test_a_crash_between_erasure_and_publication_brings_nobody_back(
    *,
    node: Node,
    supervisor: Actor,
    number: str,
    open_at: Callable[..., Node],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from node import acts  # noqa: PLC0415 - the crash is struck into it

    class Killed(BaseException):
        """The process ends here."""

    def kill(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(acts, "publish", kill)
        with pytest.raises(Killed):
            custody.erase(node, supervisor, Erasure("e1", number, ErasureGround.UNLAWFUL))
    assembly.close(node)
    assert len(open_at(node.settings.data_folder).gallery) == 0


def test_an_enrolment_published_after_its_erasure_does_not_come_back(
    node: Node, supervisor: Actor, number: str
) -> None:
    template_id = 1
    custody.erase(node, supervisor, Erasure("e1", number, ErasureGround.UNLAWFUL))
    assembly.publish(node, added=[template_id])
    assert len(node.gallery) == 0


def test_a_sweep_erases_what_has_expired_and_nothing_else(
    *,
    node: Node,
    station: Actor,
    number: str,
    enrolment_of: EnrolmentOf,
    clock: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(custody, "SWEPT_AT_ONCE", 1)
    others = [
        enrolment.enrol(node, station, enrolment_of(1, request_id=str(count))).reference_number
        for count in range(2)
    ]
    end = clock() + timedelta(days=1)
    with node.store.write() as transaction:
        for one in (number, others[0]):
            dossiers.change(transaction, one, retained_until=end)
    clock.time = end
    assert custody.sweep(node) == 0
    clock.advance(seconds=1)
    assert custody.sweep(node) == 2
    assert len(node.gallery) == 1
    assert stored(node, others[1])
    with pytest.raises(NotFound):
        stored(node, number)
    with node.store.read() as transaction:
        assert parcels.find_waiting(transaction, number) == ()


def test_a_mark_is_set_told_and_taken_back(node: Node, desk: Actor, number: str) -> None:
    marked = marks.set_mark(node, desk, MarkChange("m1", number, MarkType.PROTECTION))
    (mark,) = marked.marks
    assert (mark.type, mark.set_by, mark.follow_up) == (MarkType.PROTECTION, "DK", False)
    again = marks.set_mark(node, desk, MarkChange("m2", number, MarkType.PROTECTION))
    assert again.marks == marked.marks
    cleared = marks.clear_mark(node, desk, MarkChange("m3", number, MarkType.PROTECTION))
    assert cleared.marks == ()
    with pytest.raises(OutOfTurn):
        marks.clear_mark(node, desk, MarkChange("m4", number, MarkType.PROTECTION))
    kinds = [type(request).__name__ for request in waiting(node, number)]
    assert kinds == ["SetMarkRequest", "ClearMarkRequest"]


def test_a_mark_that_belongs_to_other_data_is_refused(node: Node, desk: Actor, number: str) -> None:
    with pytest.raises(RuleBroken, match="V14"):
        marks.set_mark(node, desk, MarkChange("m1", number, MarkType.RESIDENCE))


def proposal_at(at: datetime, **fields: object) -> FlagProposal:
    plain = FlagProposal(
        check=FlagCheck.SCREENING,
        grounds=(FlagGround.VIOLENT,),
        completed_at=at,
        deciding_unit="Unit 4",
        could_pose_threat=True,
    )
    return replace(plain, **fields)  # type: ignore[arg-type]


def test_a_flag_needs_four_eyes(node: Node, desk: Actor, supervisor: Actor, number: str) -> None:
    wanted = FlagWanted("f1", number, proposal_at(node.now()))
    proposal = flags.propose(node, desk, wanted)
    assert flags.propose(node, desk, wanted) == proposal
    assert stored(node, number).security_flag is False
    himself = replace(supervisor, user=desk.user)
    with pytest.raises(RuleBroken, match="V21"):
        flags.approve(node, himself, "f2", proposal)
    with pytest.raises(AccessDenied):
        flags.approve(node, desk, "f3", proposal)
    assert waiting(node, number) == []
    assert flags.approve(node, supervisor, "f4", proposal).security_flag is True
    assert flags.approve(node, supervisor, "f4", proposal).security_flag is True
    with pytest.raises(OutOfTurn):
        flags.approve(node, supervisor, "f5", proposal)
    (request,) = waiting(node, number)
    assert isinstance(request, central_pb2.SetSecurityFlagRequest)


def test_the_grounds_of_a_flag_stay_here(
    node: Node, desk: Actor, supervisor: Actor, number: str
) -> None:
    wanted = FlagWanted("f1", number, proposal_at(node.now()))
    flags.approve(node, supervisor, "f2", flags.propose(node, desk, wanted))
    (request,) = waiting(node, number)
    assert {field.name for field, _ in request.ListFields()} == {
        "request_id",
        "reference_number",
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"grounds": ()},
        {"could_pose_threat": False},
        {"completed_at": None},
        {"check": FlagCheck.AT_TAKING_BIOMETRICS},
        {"deciding_unit": ""},
    ],
)
def test_a_flag_without_one_of_its_conditions_is_not_even_proposed(
    node: Node, desk: Actor, number: str, fields: dict[str, object]
) -> None:
    wanted = FlagWanted("f1", number, proposal_at(node.now(), **fields))
    with pytest.raises(RuleBroken, match="V12"):
        flags.propose(node, desk, wanted)


def test_an_unknown_proposal_is_not_found(node: Node, supervisor: Actor, desk: Actor) -> None:
    with pytest.raises(NotFound):
        flags.approve(node, supervisor, "f1", "nothing")
    with pytest.raises(AccessDenied):
        flags.approve(node, desk, "f1", "nothing")


def test_a_flag_is_deleted_and_told(
    node: Node, desk: Actor, supervisor: Actor, number: str
) -> None:
    with pytest.raises(OutOfTurn):
        flags.delete(node, supervisor, FlagDeletion("d1", number))
    wanted = FlagWanted("f1", number, proposal_at(node.now()))
    flags.approve(node, supervisor, "f2", flags.propose(node, desk, wanted))
    cleared = flags.delete(node, supervisor, FlagDeletion("d2", number, ("IT",)))
    assert cleared.security_flag is False
    request = waiting(node, number)[-1]
    assert isinstance(request, central_pb2.DeleteSecurityFlagRequest)
    assert (list(request.consulted_states), request.follow_up) == (["IT"], False)


def test_a_category_without_a_flag_refuses_one(
    *, node: Node, station: Actor, desk: Actor, applicant: DataSet, enrolment_of: EnrolmentOf
) -> None:
    from interfaces.eurodac.terms import AdmissionDecision, AdmissionOutcome  # noqa: PLC0415

    decision = AdmissionDecision(AdmissionOutcome.GRANTED, date(2026, 8, 31))
    settled = replace(
        applicant, category=Category.NATIONAL_RESETTLEMENT, admission_decision=decision
    )
    receipt = enrolment.enrol(node, station, enrolment_of(1, data_set=settled))
    wanted = FlagWanted("f1", receipt.reference_number, proposal_at(node.now()))
    with pytest.raises(RuleBroken, match="V01"):
        flags.propose(node, desk, wanted)
