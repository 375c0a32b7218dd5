"""The stand-in obeys the law end to end: scope, precedence, links, notices, erasure, order."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from interfaces import wire
from interfaces.central import custody, intake
from interfaces.central.centre import Centre, Thresholds, data_set_in
from interfaces.central.errors import RequestReused, UnknownDataSet
from interfaces.central.examination import examine_next
from interfaces.central.figures import statistics_of
from interfaces.central.notices import acknowledge
from interfaces.central.script import Fault, Kind, Script
from interfaces.central.server import open_centre
from interfaces.eurodac import reference
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import CouncilDecision, DataSet, Event, Sex
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.policy import Policy
from interfaces.formats.errors import FormatRefused
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from matcher import templates
from matcher.engine import Engine
from matcher.vocabulary import NO_VECTOR, FingerPosition
from models.synthesis.conditions import TOO_DRY

pb = central_pb2
Outcome = pb.ComparisonResult


@dataclass
class Clock:
    now: datetime = datetime(2026, 7, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Europe:
    """Member States around one stand-in, seen from the wire's side."""

    centre: Centre
    capture_of: Callable[..., terms_pb2.Capture]
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    cursors: dict[str, int] = field(default_factory=dict)

    def transmit(
        self,
        state: str,
        category: Category,
        person: int,
        *,
        taking: int = 0,
        include_own: bool = False,
        urgent: bool = False,
        capture: terms_pb2.Capture | None = None,
        **fields: object,
    ) -> str:
        number = reference.issue(state, category, next(self.numbers))
        request = pb.TransmitDataSetRequest(
            request_id=f"transmit {number}",
            data_set=wire.dataset_to(self.data_set(state, category, number, **fields)),
            capture=capture or self.capture_of(person, taking),
            lane=pb.LANE_URGENT if urgent else pb.LANE_NORMAL,
            include_own=include_own,
        )
        intake.transmit(self.centre, state, request)
        return number

    def data_set(self, state: str, category: Category, number: str, **fields: object) -> DataSet:
        now = self.centre.now()
        known: dict[str, object] = {
            "surnames": ("Doe",),
            "forenames": ("Jo",),
            "nationalities": ("SYR",),
            "date_of_birth": "1990-05-17",
            "place_of_birth": "UNKNOWN",
            "sex": Sex.FEMALE,
            "event": Event("Border post 4", now - timedelta(hours=5)),
            "biometrics_taken_at": now - timedelta(hours=4),
            "operator_user_id": "station-7",
        }
        return DataSet(category, state, reference_number=number, **(known | fields))  # type: ignore[arg-type]

    def settle(self) -> None:
        while examine_next(self.centre):
            pass

    def notices(self, state: str) -> list[pb.Notice]:
        with self.centre.ledger.read() as entries:
            found = entries.notices(state, self.cursors.get(state, 0), 1000)
        notices = [pb.Notice.FromString(message) for message in found]
        if notices:
            self.cursors[state] = notices[-1].cursor
        return notices

    def result(self, state: str) -> pb.ComparisonResult:
        self.settle()
        (notice,) = self.notices(state)
        assert notice.WhichOneof("content") == "comparison_result"
        return notice.comparison_result


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def europe(
    tmp_path: Path, engine: Engine, clock: Clock, capture_of: Callable[..., terms_pb2.Capture]
) -> Iterator[Europe]:
    centre = open_centre(tmp_path, engine, now=clock)
    yield Europe(centre, capture_of)
    centre.ledger.close()


def _hits(result: pb.ComparisonResult) -> list[str]:
    return [hit.data_set.reference_number for hit in result.hits]


def test_an_applicant_hits_what_another_state_stored_and_gets_all_its_data(europe: Europe) -> None:
    stored = europe.transmit("IT", Category.SAR, person=1)
    assert europe.result("IT").outcome == Outcome.OUTCOME_NEGATIVE
    europe.transmit("DK", Category.APPLICANT_REG, person=1, taking=1)
    result = europe.result("DK")
    assert result.outcome == Outcome.OUTCOME_HIT
    assert _hits(result) == [stored]
    hit = result.hits[0]
    assert hit.data_set.place_of_birth == "UNKNOWN"
    assert hit.data_set.category == terms_pb2.CATEGORY_SAR
    assert len(hit.capture.fingers) == 2
    assert hit.capture.HasField("face")
    assert not hit.HasField("face_score")


def test_one_finger_alone_is_asked_less_than_several(
    tmp_path: Path, engine: Engine, clock: Clock, capture_of: Callable[..., terms_pb2.Capture]
) -> None:
    beyond_all_fingers = Thresholds(hit_score=1000.0)
    centre = open_centre(tmp_path, engine, now=clock, thresholds=beyond_all_fingers)
    europe = Europe(centre, capture_of)
    one = (FingerPosition.RIGHT_INDEX,)
    alone = europe.transmit("IT", Category.SAR, 1, capture=capture_of(1, fingers=one))
    europe.transmit("DE", Category.SAR, 1, capture=capture_of(1, 2))
    europe.settle()
    europe.transmit("DK", Category.APPLICANT_REG, 1, capture=capture_of(1, 1))
    assert _hits(europe.result("DK")) == [alone]
    centre.ledger.close()


def test_a_stranger_gets_the_word_negative_and_no_data(europe: Europe) -> None:
    europe.transmit("IT", Category.SAR, person=1)
    europe.settle()
    europe.transmit("DK", Category.APPLICANT_REG, person=2)
    result = europe.result("DK")
    assert result.outcome == Outcome.OUTCOME_NEGATIVE
    assert not result.hits


@pytest.mark.parametrize("include_own", [False, True])
def test_own_data_sets_are_searched_only_on_request(europe: Europe, include_own: bool) -> None:
    first = europe.transmit("DK", Category.IRREGULAR_CROSSING, person=1)
    europe.result("DK")
    europe.transmit("DK", Category.APPLICANT_REG, person=1, taking=1, include_own=include_own)
    assert _hits(europe.result("DK")) == ([first] if include_own else [])


def test_an_arrival_after_take_charge_is_stored_without_comparison_and_linked_by_its_case(
    europe: Europe,
) -> None:
    transferring = europe.transmit("IT", Category.APPLICANT_REG, person=1)
    europe.settle()
    arrival = europe.transmit(
        "DK",
        Category.APPLICANT_ARRIVAL,
        person=1,
        taking=1,
        case_reference=transferring,
        arrival_after_take_charge_on=datetime(2026, 7, 1, tzinfo=UTC).date(),
    )
    assert europe.result("DK").outcome == Outcome.OUTCOME_STORED_ONLY
    with europe.centre.ledger.read() as entries:
        assert [(link.one, link.other) for link in entries.links()] == [(arrival, transferring)]


def test_an_admission_search_sees_applicants_only_once_they_are_marked(europe: Europe) -> None:
    applicant = europe.transmit("IT", Category.APPLICANT_REG, person=1)
    europe.transmit("DE", Category.IRREGULAR_CROSSING, person=1, taking=2)
    europe.settle()

    def search(request_id: str) -> pb.ComparisonResult:
        number = reference.issue("DK", Category.ADMISSION_SEARCH, next(europe.numbers))
        request = pb.SearchOnlyRequest(
            request_id=request_id,
            reference_number=number,
            capture=europe.capture_of(1, 1),
            lane=pb.LANE_NORMAL,
        )
        intake.search(europe.centre, "DK", request)
        return europe.result("DK")

    assert search("before").outcome == Outcome.OUTCOME_NEGATIVE
    mark = pb.SetMarkRequest(
        request_id="mark", reference_number=applicant, type=terms_pb2.MARK_TYPE_PROTECTION
    )
    custody.set_mark(europe.centre, "IT", mark)
    assert _hits(search("after")) == [applicant]
    with europe.centre.ledger.read() as entries:
        assert len(list(entries.data_sets())) == 2


def test_a_hit_useful_for_responsibility_comes_first(europe: Europe, clock: Clock) -> None:
    clock.now = datetime(2029, 7, 1, 12, tzinfo=UTC)
    protected = europe.transmit(
        "DE",
        Category.TEMP_PROTECTION,
        person=1,
        council_decision=_council_decision(),
    )
    crossed = europe.transmit("IT", Category.IRREGULAR_CROSSING, person=1, taking=1)
    europe.settle()
    europe.notices("DK")
    europe.transmit("DK", Category.APPLICANT_REG, person=1, taking=2)
    assert _hits(europe.result("DK")) == [crossed, protected]


def _council_decision() -> object:
    return CouncilDecision("2029/7", date(2029, 6, 20))


def test_a_face_alone_is_not_comparable_before_the_switch(europe: Europe) -> None:
    europe.transmit("IT", Category.SAR, person=1)
    europe.settle()
    face_only = europe.capture_of(1, 1, fingers=())
    europe.transmit("DK", Category.APPLICANT_REG, person=1, capture=face_only)
    assert europe.result("DK").outcome == Outcome.OUTCOME_NOT_COMPARABLE


def test_after_the_switch_a_face_is_compared(
    tmp_path: Path, engine: Engine, clock: Clock, capture_of: Callable[..., terms_pb2.Capture]
) -> None:
    centre = open_centre(
        tmp_path,
        engine,
        now=clock,
        policy=Policy(face_comparison_from=clock.now.date()),
        thresholds=Thresholds(face_hit_score=20.0),
    )
    europe = Europe(centre, capture_of)
    stored = europe.transmit("IT", Category.SAR, person=1)
    europe.settle()
    face_only = capture_of(1, 1, fingers=())
    europe.transmit("DK", Category.APPLICANT_REG, person=1, capture=face_only)
    result = europe.result("DK")
    assert _hits(result) == [stored]
    assert result.hits[0].HasField("face_score")
    assert not result.hits[0].finger_scores
    centre.ledger.close()


def test_unusable_prints_are_refused_and_resent_under_the_same_number(europe: Europe) -> None:
    stored = europe.transmit("IT", Category.SAR, person=1)
    europe.settle()
    bad = europe.capture_of(1, 1, condition=TOO_DRY)
    number = europe.transmit("DK", Category.APPLICANT_REG, person=1, capture=bad)
    europe.settle()
    (refusal,) = europe.notices("DK")
    assert refusal.reference_number == number
    assert {sample.code for sample in refusal.quality_refusal.samples} == {"Q01"}
    assert all(sample.hint for sample in refusal.quality_refusal.samples)
    resend = pb.ResendBiometricsRequest(
        request_id="again",
        reference_number=number,
        capture=europe.capture_of(1, 2),
        lane=pb.LANE_NORMAL,
    )
    intake.resend(europe.centre, "DK", resend)
    assert _hits(europe.result("DK")) == [stored]


def test_swapped_fingers_are_refused_and_may_be_resent_under_the_same_number(
    europe: Europe,
) -> None:
    index, middle = terms_pb2.FINGER_POSITION_RIGHT_INDEX, terms_pb2.FINGER_POSITION_RIGHT_MIDDLE
    both = (FingerPosition.RIGHT_INDEX, FingerPosition.RIGHT_MIDDLE)
    good = europe.capture_of(1, 1, fingers=both, rolled=both)
    swapped = terms_pb2.Capture.FromString(good.SerializeToString())
    swapped.fingers[0].position, swapped.fingers[1].position = middle, index
    number = europe.transmit("DK", Category.APPLICANT_REG, person=1, capture=swapped)
    europe.settle()
    (notice,) = europe.notices("DK")
    refused = {(sample.code, sample.position) for sample in notice.quality_refusal.samples}
    assert refused == {("Q02", index), ("Q02", middle)}
    resend = pb.ResendBiometricsRequest(
        request_id="again", reference_number=number, capture=good, lane=pb.LANE_NORMAL
    )
    intake.resend(europe.centre, "DK", resend)
    assert europe.result("DK").outcome == Outcome.OUTCOME_NEGATIVE


def test_the_same_request_has_one_effect_and_one_answer(europe: Europe) -> None:
    number = reference.issue("DK", Category.SAR, 7)
    request = pb.TransmitDataSetRequest(
        request_id="once",
        data_set=wire.dataset_to(europe.data_set("DK", Category.SAR, number)),
        capture=europe.capture_of(1),
        lane=pb.LANE_NORMAL,
    )
    first = intake.transmit(europe.centre, "DK", request)
    assert intake.transmit(europe.centre, "DK", request) == first
    europe.settle()
    assert len(europe.notices("DK")) == 1
    request.include_own = True
    with pytest.raises(RequestReused):
        intake.transmit(europe.centre, "DK", request)


def test_a_request_id_of_one_state_is_free_for_another(europe: Europe) -> None:
    for state in ("DK", "IT"):
        number = reference.issue(state, Category.SAR, 7)
        request = pb.TransmitDataSetRequest(
            request_id="once",
            data_set=wire.dataset_to(europe.data_set(state, Category.SAR, number)),
            capture=europe.capture_of(1),
            lane=pb.LANE_NORMAL,
        )
        assert intake.transmit(europe.centre, state, request).receipt.reference_number == number


def test_urgent_requests_overtake_and_the_others_keep_their_order(europe: Europe) -> None:
    normal = [europe.transmit("DK", Category.SAR, person=1) for _ in range(3)]
    urgent = europe.transmit("DK", Category.SAR, person=1, urgent=True)
    europe.settle()
    answered = [notice.reference_number for notice in europe.notices("DK")]
    assert answered == [urgent, *normal]


def test_only_the_origin_state_changes_a_data_set(europe: Europe) -> None:
    number = europe.transmit("IT", Category.APPLICANT_REG, person=1)
    mark = pb.SetMarkRequest(
        request_id="1", reference_number=number, type=terms_pb2.MARK_TYPE_PROTECTION
    )
    with pytest.raises(RuleBroken, match=r"40\(3\)"):
        custody.set_mark(europe.centre, "DK", mark)
    mark.reference_number = reference.issue("DK", Category.APPLICANT_REG, 999)
    with pytest.raises(UnknownDataSet):
        custody.set_mark(europe.centre, "DK", mark)


@pytest.fixture
def linked(europe: Europe) -> tuple[str, str]:
    """An Italian and a Danish data set of one person, all notices read."""
    italian = europe.transmit("IT", Category.IRREGULAR_CROSSING, person=1)
    europe.settle()
    danish = europe.transmit("DK", Category.APPLICANT_REG, person=1, taking=1)
    europe.settle()
    for state in ("IT", "DK"):
        europe.notices(state)
    return italian, danish


def test_a_mark_is_told_to_the_other_states_of_the_sequence(
    europe: Europe, linked: tuple[str, str]
) -> None:
    italian, danish = linked
    mark = pb.SetMarkRequest(
        request_id="1", reference_number=danish, type=terms_pb2.MARK_TYPE_PROTECTION
    )
    custody.set_mark(europe.centre, "DK", mark)
    (notice,) = europe.notices("IT")
    assert notice.reference_number == italian
    assert notice.data_marked.source_reference_number == danish
    follow_up = pb.SetMarkRequest(
        request_id="1",
        reference_number=italian,
        type=terms_pb2.MARK_TYPE_PROTECTION,
        follow_up=True,
    )
    custody.set_mark(europe.centre, "IT", follow_up)
    assert europe.notices("DK") == []


def test_unmarking_is_told_to_nobody(europe: Europe, linked: tuple[str, str]) -> None:
    _, danish = linked
    kind = terms_pb2.MARK_TYPE_PROTECTION
    mark = pb.SetMarkRequest(request_id="1", reference_number=danish, type=kind)
    custody.set_mark(europe.centre, "DK", mark)
    europe.notices("IT")
    clear = pb.ClearMarkRequest(request_id="2", reference_number=danish, type=kind)
    custody.clear_mark(europe.centre, "DK", clear)
    assert europe.notices("IT") == []


def test_the_responsible_state_is_told_to_the_others(
    europe: Europe, linked: tuple[str, str]
) -> None:
    italian, danish = linked
    changes, mask = wire.changes_to({"responsible_state": "IT"})
    update = pb.UpdateStatusRequest(
        request_id="1", reference_number=danish, changes=changes, update_mask=mask
    )
    custody.update_status(europe.centre, "DK", update)
    (notice,) = europe.notices("IT")
    assert notice.reference_number == italian
    assert notice.responsibility_changed.responsible_state == "IT"


def test_who_follows_in_naming_the_responsible_state_causes_no_echo(europe: Europe) -> None:
    italian = europe.transmit("IT", Category.APPLICANT_REG, person=1)
    europe.settle()
    europe.transmit("DK", Category.APPLICANT_REG, person=1, taking=1)
    europe.settle()
    europe.notices("DK")
    changes, mask = wire.changes_to({"responsible_state": "DK"})
    follow_up = pb.UpdateStatusRequest(
        request_id="1",
        reference_number=italian,
        changes=changes,
        update_mask=mask,
        follow_up=True,
    )
    custody.update_status(europe.centre, "IT", follow_up)
    assert europe.notices("DK") == []
    with europe.centre.ledger.read() as entries:
        stored = entries.data_set(italian)
    assert stored is not None
    assert data_set_in(stored).responsible_state == "DK"


def test_a_flag_is_deleted_only_after_consulting_and_then_everywhere(
    europe: Europe, linked: tuple[str, str]
) -> None:
    _, danish = linked
    flag = pb.SetSecurityFlagRequest(request_id="1", reference_number=danish)
    custody.set_flag(europe.centre, "DK", flag)
    assert europe.notices("IT") == []
    delete = pb.DeleteSecurityFlagRequest(request_id="2", reference_number=danish)
    with pytest.raises(RuleBroken, match=r"17\(4\)"):
        custody.delete_flag(europe.centre, "DK", delete)
    delete.consulted_states.append("IT")
    custody.delete_flag(europe.centre, "DK", delete)
    (notice,) = europe.notices("IT")
    assert notice.WhichOneof("content") == "flag_deleted"


def test_a_false_hit_takes_its_link_and_the_notices_away(
    europe: Europe, linked: tuple[str, str]
) -> None:
    italian, danish = linked
    report = pb.ReportFalseHitRequest(
        request_id="1", reference_number=danish, hit_reference_number=italian
    )
    custody.report_false_hit(europe.centre, "DK", report)
    mark = pb.SetMarkRequest(
        request_id="2", reference_number=danish, type=terms_pb2.MARK_TYPE_PROTECTION
    )
    custody.set_mark(europe.centre, "DK", mark)
    assert europe.notices("IT") == []


def test_what_was_never_hit_cannot_be_confirmed(europe: Europe, linked: tuple[str, str]) -> None:
    _, danish = linked
    stranger = europe.transmit("IT", Category.SAR, person=2)
    confirm = pb.ConfirmLinkRequest(
        request_id="1", reference_number=danish, hit_reference_number=stranger
    )
    with pytest.raises(UnknownDataSet):
        custody.confirm_link(europe.centre, "DK", confirm)


def test_erasure_for_citizenship_is_told_and_ends_every_hit(
    europe: Europe, linked: tuple[str, str]
) -> None:
    italian, danish = linked
    erase = pb.EraseDataSetRequest(
        request_id="1", reference_number=italian, ground=pb.ERASURE_GROUND_CITIZENSHIP
    )
    custody.erase(europe.centre, "IT", erase)
    (notice,) = europe.notices("DK")
    assert notice.reference_number == danish
    assert notice.data_erased.source_reference_number == italian
    europe.transmit("DE", Category.APPLICANT_REG, person=1, taking=2)
    assert _hits(europe.result("DE")) == [danish]


def test_a_data_set_is_found_until_its_last_second_and_gone_after(
    europe: Europe, clock: Clock
) -> None:
    stored = europe.transmit("IT", Category.IRREGULAR_CROSSING, person=1)
    europe.settle()
    clock.now = datetime(2031, 7, 1, 23, 59, 59, tzinfo=UTC)
    assert custody.sweep(europe.centre) == 0
    europe.transmit("DK", Category.APPLICANT_REG, person=1, taking=1)
    assert _hits(europe.result("DK")) == [stored]
    clock.now = datetime(2031, 7, 2, tzinfo=UTC)
    assert custody.sweep(europe.centre) == 1
    europe.transmit("DE", Category.APPLICANT_REG, person=1, taking=2)
    assert stored not in _hits(europe.result("DE"))


def test_everything_is_there_after_a_restart(
    europe: Europe, tmp_path: Path, engine: Engine, clock: Clock
) -> None:
    stored = europe.transmit("IT", Category.SAR, person=1)
    europe.settle()
    waiting = europe.transmit("DK", Category.APPLICANT_REG, person=1, taking=1)
    europe.centre.ledger.close()
    reopened = Europe(open_centre(tmp_path, engine, now=clock), europe.capture_of)
    result = reopened.result("DK")
    assert _hits(result) == [stored]
    assert waiting
    reopened.centre.ledger.close()


def test_templates_carry_vectors_and_those_from_before_are_found_without(
    europe: Europe, tmp_path: Path, engine: Engine, clock: Clock
) -> None:
    stored = europe.transmit("GR", Category.IRREGULAR_CROSSING, 1)
    europe.settle()
    with europe.centre.ledger.write() as entries:
        kept = entries.data_set(stored)
        assert kept is not None
        assert kept.template is not None
        reference = templates.decode(kept.template)
        assert all(len(finger.vector) == 128 for finger in reference.fingers)
        bare = tuple(
            replace(finger, vector=NO_VECTOR, reliability=0, vector_model="")
            for finger in reference.fingers
        )
        earlier = templates.encode(replace(reference, fingers=bare))
        assert earlier.startswith(templates.MAGIC)
        entries.replace(replace(kept, template=earlier))
    europe.centre.ledger.close()
    reopened = Europe(open_centre(tmp_path, engine, now=clock), europe.capture_of)
    reopened.numbers = itertools.count(2)
    reopened.transmit("DK", Category.APPLICANT_REG, 1, taking=1)
    result = reopened.result("DK")
    assert [hit.data_set.reference_number for hit in result.hits] == [stored]
    reopened.centre.ledger.close()


def test_the_month_is_counted_by_member_state(europe: Europe, linked: tuple[str, str]) -> None:
    assert linked
    request = pb.GetStatisticsRequest(month="2026-07")
    figures = statistics_of(europe.centre, "DK", request).figures
    counted = {
        (f.point, f.member_state, tuple(sorted(f.dimensions.items()))): f.count for f in figures
    }
    hits = {key: count for key, count in counted.items() if key[0] == "k"}
    assert list(hits.values()) == [1]
    assert next(iter(hits))[1] == "DK"


def test_notices_stay_until_they_are_acknowledged(europe: Europe) -> None:
    europe.transmit("IT", Category.SAR, person=1)
    europe.settle()
    acknowledge(europe.centre, "IT", pb.AcknowledgeNoticesRequest(up_to=1))
    assert europe.notices("IT") == []
    with pytest.raises(FormatRefused):
        acknowledge(europe.centre, "IT", pb.AcknowledgeNoticesRequest(up_to=2))


REFUSED = [
    ({"lane": 0}, FormatRefused),
    ({"lane": 9}, FormatRefused),
    ({"request_id": ""}, FormatRefused),
    ({"request_id": "x" * 65}, FormatRefused),
    ({"capture": terms_pb2.Capture()}, FormatRefused),
]


@pytest.mark.parametrize(("change", "error"), REFUSED)
def test_an_ill_formed_transmission_is_refused_and_leaves_nothing(
    europe: Europe, change: dict[str, object], error: type[Exception]
) -> None:
    number = reference.issue("DK", Category.SAR, 7)
    fields: dict[str, object] = {
        "request_id": "once",
        "data_set": wire.dataset_to(europe.data_set("DK", Category.SAR, number)),
        "capture": europe.capture_of(1),
        "lane": pb.LANE_NORMAL,
    }
    with pytest.raises(error):
        intake.transmit(europe.centre, "DK", pb.TransmitDataSetRequest(**(fields | change)))  # type: ignore[arg-type]
    with europe.centre.ledger.read() as entries:
        assert list(entries.data_sets()) == []
        assert entries.next_arrival() is None


@pytest.mark.parametrize(
    ("state", "category", "number_of"),
    [("DK", Category.SAR, "IT"), ("DK", Category.APPLICANT_REG, "DK9")],
)
def test_a_number_of_another_state_or_category_is_refused(
    europe: Europe, state: str, category: Category, number_of: str
) -> None:
    number = reference.issue("IT", category, 1) if number_of == "IT" else "DK9000000001"
    request = pb.TransmitDataSetRequest(
        request_id="1",
        data_set=wire.dataset_to(europe.data_set(state, category, number)),
        capture=europe.capture_of(1),
        lane=pb.LANE_NORMAL,
    )
    with pytest.raises(RuleBroken, match=r"37\(4\)"):
        intake.transmit(europe.centre, state, request)


def test_a_scripted_refusal_of_quality_happens_once(
    tmp_path: Path, engine: Engine, clock: Clock, capture_of: Callable[..., terms_pb2.Capture]
) -> None:
    script = Script((Fault("Comparison", Kind.REFUSE_QUALITY, times=1),))
    europe = Europe(open_centre(tmp_path, engine, now=clock, script=script), capture_of)
    europe.transmit("IT", Category.SAR, person=1)
    europe.transmit("IT", Category.SAR, person=2)
    europe.settle()
    kinds = [notice.WhichOneof("content") for notice in europe.notices("IT")]
    assert kinds == ["quality_refusal", "comparison_result"]
    europe.centre.ledger.close()
