"""The centre compares for law enforcement and data subjects, and records nothing of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from interfaces import wire
from interfaces.central import custody, intake, police
from interfaces.central.centre import Centre
from interfaces.central.errors import RequestReused
from interfaces.central.examination import examine_next
from interfaces.central.figures import statistics_of
from interfaces.central.server import open_centre
from interfaces.eurodac import reference
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import DataSet, Event, Sex
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.terms import Document
from interfaces.formats.errors import FormatRefused
from interfaces.pb.eurodac.central.v1 import central_pb2, police_pb2, terms_pb2
from matcher.engine import Engine

Outcome = central_pb2.ComparisonResult
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


@dataclass
class Europe:
    """States around one stand-in, and a police that searches."""

    centre: Centre
    capture_of: Callable[..., terms_pb2.Capture]
    running: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    seen: int = 0

    def store(self, person: int, *, state: str = "IT", **fields: object) -> str:
        number = reference.issue(state, Category.APPLICANT_REG, next(self.running))
        known: dict[str, object] = {
            "surnames": ("Müller-Noé",),
            "forenames": ("Jo",),
            "nationalities": ("SYR",),
            "date_of_birth": "1990-05-17",
            "place_of_birth": "UNKNOWN",
            "sex": Sex.FEMALE,
            "event": Event("Post 4", NOW - timedelta(hours=5)),
            "biometrics_taken_at": NOW - timedelta(hours=4),
            "operator_user_id": "station-7",
        }
        data_set = DataSet(
            Category.APPLICANT_REG,
            state,
            reference_number=number,
            **(known | fields),  # type: ignore[arg-type]
        )
        request = central_pb2.TransmitDataSetRequest(
            request_id=f"transmit {number}",
            data_set=wire.dataset_to(data_set),
            capture=self.capture_of(person),
            lane=central_pb2.LANE_NORMAL,
        )
        intake.transmit(self.centre, state, request)
        self.settle()
        return number

    def request(
        self, category: Category = Category.LEA_SEARCH, **fields: object
    ) -> police_pb2.SearchForLawEnforcementRequest:
        number = reference.issue("DK", category, next(self.running))
        plain = {"request_id": number, "lane": central_pb2.LANE_NORMAL, "include_own": True}
        return police_pb2.SearchForLawEnforcementRequest(
            reference_number=number,
            **(plain | fields),  # type: ignore[arg-type]
        )

    def search(self, category: Category = Category.LEA_SEARCH, **fields: object) -> Outcome:
        request = self.request(category, **fields)
        police.search_for_law_enforcement(self.centre, "DK", request)
        return self.answer()

    def answer(self) -> Outcome:
        self.settle()
        with self.centre.ledger.read() as entries:
            *_, message = entries.notices("DK", self.seen, 10)
        notice = central_pb2.Notice.FromString(message)
        self.seen = notice.cursor
        assert notice.WhichOneof("content") == "comparison_result"
        return notice.comparison_result

    def settle(self) -> None:
        while examine_next(self.centre):
            pass

    def figures(self, point: str) -> dict[str, int]:
        request = central_pb2.GetStatisticsRequest(month="2026-07")
        found = statistics_of(self.centre, "DK", request).figures
        return {
            figure.dimensions.get("counted", ""): figure.count
            for figure in found
            if figure.point == point
        }


@pytest.fixture
def europe(
    tmp_path: Path, engine: Engine, capture_of: Callable[..., terms_pb2.Capture]
) -> Iterator[Europe]:
    centre = open_centre(tmp_path, engine, now=lambda: NOW)
    yield Europe(centre, capture_of)
    centre.ledger.close()


def hits(result: Outcome) -> list[str]:
    return [hit.data_set.reference_number for hit in result.hits]


def latent_of(europe: Europe, person: int, finger: int = 1) -> police_pb2.LatentPrint:
    return police_pb2.LatentPrint(image=europe.capture_of(person, 1).fingers[finger].image)


def test_a_search_by_fingers_hits_every_category_of_any_state(europe: Europe) -> None:
    own, other = europe.store(1, state="DK"), europe.store(1)
    europe.store(2)
    result = europe.search(capture=europe.capture_of(1, 1))
    assert result.outcome == Outcome.OUTCOME_HIT
    assert set(hits(result)) == {own, other}


def test_a_latent_print_of_an_unknown_finger_finds_its_person(europe: Europe) -> None:
    number = europe.store(1)
    europe.store(2)
    result = europe.search(latents=[latent_of(europe, 1)])
    assert hits(result) == [number]
    assert result.hits[0].score > 0


def test_a_latent_print_of_nobody_recorded_is_a_clear_negative(europe: Europe) -> None:
    europe.store(1)
    assert europe.search(latents=[latent_of(europe, 2)]).outcome == Outcome.OUTCOME_NEGATIVE


@pytest.mark.parametrize(
    ("probe", "found"),
    [
        ({"surname": "muller NOE"}, True),
        ({"surname": "Alias"}, True),
        ({"surname": "muller noe", "forename": "Jo", "date_of_birth": "1990"}, True),
        ({"surname": "muller noe", "date_of_birth": "1991"}, False),
        ({"surname": "muller noe", "nationality": "AFG"}, False),
        ({"surname": "muller noe", "sex": terms_pb2.SEX_MALE}, False),
        ({"surname": "muller noe", "sex": terms_pb2.SEX_FEMALE}, True),
        ({"forename": "Muller Noe"}, False),
        ({"document_number": "p 123"}, True),
        ({"document_number": "P124"}, False),
    ],
)
def test_a_search_by_name_alone_meets_who_fits_all_that_is_stated(
    europe: Europe, probe: dict[str, object], found: bool
) -> None:
    """X-L06."""
    document = Document("PASSPORT", "P-123", "SYR", None)
    number = europe.store(1, aliases=("Alias",), document=document)
    identity = police_pb2.IdentityProbe(**probe)  # type: ignore[arg-type]
    assert hits(europe.search(identity=identity)) == ([number] if found else [])


def test_a_name_that_nobody_bears_is_negative_and_not_incomparable(europe: Europe) -> None:
    europe.store(1)
    result = europe.search(identity=police_pb2.IdentityProbe(surname="Nobody"))
    assert result.outcome == Outcome.OUTCOME_NEGATIVE


@pytest.mark.parametrize("by_name", [True, False])
def test_a_marked_beneficiary_is_still_hit(europe: Europe, by_name: bool) -> None:
    """X-L09."""
    number = europe.store(1)
    mark = central_pb2.SetMarkRequest(
        request_id="mark", reference_number=number, type=terms_pb2.MARK_TYPE_PROTECTION
    )
    custody.set_mark(europe.centre, "IT", mark)
    if by_name:
        result = europe.search(identity=police_pb2.IdentityProbe(surname="Müller-Noé"))
    else:
        result = europe.search(capture=europe.capture_of(1, 1))
    assert hits(result) == [number]
    assert [one.type for one in result.hits[0].data_set.marks] == [terms_pb2.MARK_TYPE_PROTECTION]


def test_a_search_records_nothing_and_links_nothing(europe: Europe) -> None:
    europe.store(1)
    europe.search(capture=europe.capture_of(1, 1))
    with europe.centre.ledger.read() as entries:
        assert len(list(entries.data_sets())) == 1
        assert entries.links() == []
    stored = Path(europe.centre.ledger._engine.url.database or "")
    europe.centre.ledger.close()
    probe = europe.capture_of(1, 1).fingers[0].image
    assert probe not in stored.read_bytes()


def test_the_request_has_no_field_for_reasons() -> None:
    """Recital 71."""
    fields = police_pb2.SearchForLawEnforcementRequest.DESCRIPTOR.fields_by_name
    assert set(fields) == {
        "request_id",
        "reference_number",
        "capture",
        "latents",
        "identity",
        "lane",
        "include_own",
    }


@pytest.mark.parametrize(
    "category", [Category.APPLICANT_REG, Category.ADMISSION_SEARCH, Category.DATA_SUBJECT]
)
def test_a_search_under_another_digit_is_refused(europe: Europe, category: Category) -> None:
    with pytest.raises(RuleBroken, match="V02"):
        europe.search(category, capture=europe.capture_of(1))


def test_a_search_under_another_states_number_is_refused(europe: Europe) -> None:
    request = europe.request(capture=europe.capture_of(1))
    with pytest.raises(RuleBroken, match="V02"):
        police.search_for_law_enforcement(europe.centre, "IT", request)


def test_a_search_asks_by_biometrics_or_by_an_identity(europe: Europe) -> None:
    identity = police_pb2.IdentityProbe(surname="Doe")
    for probe in (
        {},
        {"capture": europe.capture_of(1), "identity": identity},
        {"identity": police_pb2.IdentityProbe()},
        {"identity": police_pb2.IdentityProbe(surname="Doe", date_of_birth="soon")},
        {"latents": [police_pb2.LatentPrint(image=b"nothing")]},
    ):
        with pytest.raises(FormatRefused):
            europe.search(**probe)


def test_the_same_request_has_one_effect(europe: Europe) -> None:
    request = europe.request(capture=europe.capture_of(1))
    first = police.search_for_law_enforcement(europe.centre, "DK", request)
    assert police.search_for_law_enforcement(europe.centre, "DK", request) == first
    request.include_own = False
    with pytest.raises(RequestReused):
        police.search_for_law_enforcement(europe.centre, "DK", request)


def test_a_data_subject_meets_own_data_of_all_states_and_its_biometrics_are_gone(
    europe: Europe,
) -> None:
    """X-L12, the centre's part."""
    own, other = europe.store(1, state="DK"), europe.store(1)
    europe.store(2)
    request = police_pb2.SearchForDataSubjectRequest(
        request_id="rights",
        reference_number=reference.issue("DK", Category.DATA_SUBJECT, 1),
        capture=europe.capture_of(1, 1),
        lane=central_pb2.LANE_NORMAL,
    )
    police.search_for_data_subject(europe.centre, "DK", request)
    assert set(hits(europe.answer())) == {own, other}
    with europe.centre.ledger.read() as entries:
        assert entries.next_arrival() is None
        assert len(list(entries.data_sets())) == 3
    stored = Path(europe.centre.ledger._engine.url.database or "")
    europe.centre.ledger.close()
    assert request.capture.fingers[0].image not in stored.read_bytes()


def test_a_data_subjects_search_needs_biometrics_and_its_digit(europe: Europe) -> None:
    request = police_pb2.SearchForDataSubjectRequest(
        request_id="rights",
        reference_number=reference.issue("DK", Category.DATA_SUBJECT, 1),
        lane=central_pb2.LANE_NORMAL,
    )
    with pytest.raises(FormatRefused):
        police.search_for_data_subject(europe.centre, "DK", request)
    request.capture.CopyFrom(europe.capture_of(1))
    request.reference_number = reference.issue("DK", Category.LEA_SEARCH, 1)
    with pytest.raises(RuleBroken, match="V02"):
        police.search_for_data_subject(europe.centre, "DK", request)


def test_requests_and_hits_are_counted_by_who_asked(europe: Europe) -> None:
    """Points (t), (u) and (v) of Art. 12(1)."""
    europe.store(1)
    europe.search(capture=europe.capture_of(1, 1))
    europe.search(identity=police_pb2.IdentityProbe(surname="Nobody"))
    europe.search(Category.EUROPOL_SEARCH, capture=europe.capture_of(1, 1))
    request = police_pb2.SearchForDataSubjectRequest(
        request_id="rights",
        reference_number=reference.issue("DK", Category.DATA_SUBJECT, 1),
        capture=europe.capture_of(2),
        lane=central_pb2.LANE_NORMAL,
    )
    police.search_for_data_subject(europe.centre, "DK", request)
    assert europe.figures("t") == {"requests": 2, "hits": 1}
    assert europe.figures("u") == {"requests": 1, "hits": 1}
    assert europe.figures("v") == {"": 1}
