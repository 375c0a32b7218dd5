"""The stand-in among other systems: links with colours and reasons, and the flag for the police."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from interfaces import wire
from interfaces.central import custody, identity_links, intake, portal
from interfaces.central.centre import Centre
from interfaces.central.crossings import Crossings
from interfaces.central.errors import RequestReused, UnknownDataSet
from interfaces.central.examination import examine_next
from interfaces.central.server import open_centre
from interfaces.eurodac import reference
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import DataSet, Event, Sex
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.links import LINK_ROWS
from interfaces.eurodac.policy import Policy
from interfaces.eurodac.terms import Document
from interfaces.formats.errors import FormatRefused
from interfaces.pb.eurodac.central.v1 import central_pb2, police_pb2, terms_pb2
from interfaces.pb.eurodac.central.v1 import interoperability_pb2 as pb
from matcher.engine import Engine

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
ON = Policy(interoperability_from=date(2027, 1, 1))
PERSON: dict[str, Any] = {
    "surnames": ("Müller",),
    "forenames": ("Jo",),
    "nationalities": ("SYR",),
    "date_of_birth": "1990-05-17",
    "place_of_birth": "Aleppo",
    "sex": Sex.FEMALE,
}
ANOTHER: dict[str, Any] = {
    "surnames": ("Doe",),
    "forenames": ("Ann",),
    "date_of_birth": "1971-01-02",
}
PASSPORT = Document("passport", "P-123", "SYR")


@dataclass
class Europe:
    """States and systems around one stand-in."""

    centre: Centre
    capture_of: Callable[..., terms_pb2.Capture]
    time: datetime = NOW
    running: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def next_id(self) -> str:
        return f"request {next(self.running)}"

    def transmit(self, person: int, *, state: str = "IT", **fields: Any) -> str:
        """A data set in Eurodac, examined."""
        number = reference.issue(state, Category.APPLICANT_REG, next(self.running))
        known = {
            "event": Event("Post 4", self.time - timedelta(hours=5)),
            "biometrics_taken_at": self.time - timedelta(hours=4),
            "operator_user_id": "station-7",
            "reference_number": number,
        }
        data_set = DataSet(Category.APPLICANT_REG, state, **(PERSON | known | fields))
        request = central_pb2.TransmitDataSetRequest(
            request_id=self.next_id(),
            data_set=wire.dataset_to(data_set),
            capture=self.capture_of(person),
            lane=central_pb2.LANE_NORMAL,
        )
        intake.transmit(self.centre, state, request)
        while examine_next(self.centre):
            pass
        return number

    def place(
        self, number: str = "V1", *, state: str = "FR", **fields: Any
    ) -> pb.PlaceRecordRequest:
        """A record in another system, the visa system unless said otherwise."""
        stated: dict[str, Any] = {
            "request_id": self.next_id(),
            "system": pb.SYSTEM_VIS,
            "record_number": number,
            "capture": None,
        }
        person = fields.pop("person", None)
        if person is not None:
            stated["capture"] = self.capture_of(person, 1)
        stated["system"] = fields.pop("system", pb.SYSTEM_VIS)
        identity, _ = wire.changes_to(PERSON | fields)
        request = pb.PlaceRecordRequest(identity=identity, **stated)
        identity_links.place_record(self.centre, state, request)
        return request

    def links(self, number: str = "", state: str = "IT") -> list[pb.IdentityLink]:
        request = pb.ListIdentityLinksRequest(reference_number=number)
        return list(identity_links.list_links(self.centre, state, request).links)

    def held(self) -> int:
        """Links that the ledger holds, whoever may see them."""
        with self.centre.ledger.read() as entries:
            return len(list(Crossings(entries).links()))

    def verify(
        self, link: pb.IdentityLink, verdict: int, state: str = "IT", **fields: Any
    ) -> pb.IdentityLink:
        number = next(one.number for one in link.records if one.system == pb.SYSTEM_EURODAC)
        plain: dict[str, Any] = {
            "request_id": self.next_id(),
            "reference_number": number,
            "link_id": link.link_id,
            "verdict": verdict,
            "authority": pb.SYSTEM_EURODAC,
        }
        request = pb.VerifyIdentityLinkRequest(**(plain | fields))
        return identity_links.verify_link(self.centre, state, request).link

    def ask(self, category: Any = terms_pb2.CATEGORY_LEA_SEARCH, **probe: Any) -> bool:
        request = pb.AskPortalRequest(request_id=self.next_id(), category=category, **probe)
        return portal.ask_portal(self.centre, "DK", request).in_eurodac

    def erase(self, number: str) -> None:
        request = central_pb2.EraseDataSetRequest(
            request_id=self.next_id(),
            reference_number=number,
            ground=central_pb2.ERASURE_GROUND_CITIZENSHIP,
        )
        custody.erase(self.centre, number[:2], request)


@pytest.fixture
def open_europe(
    tmp_path: Path, engine: Engine, capture_of: Callable[..., terms_pb2.Capture]
) -> Iterator[Callable[..., Europe]]:
    opened: list[Europe] = []

    def open_(policy: Policy = ON) -> Europe:
        # The ledger asks for the time while it opens.
        def now() -> datetime:
            return opened[-1].time if opened else NOW

        centre = open_centre(tmp_path, engine, now=now, policy=policy)
        made = Europe(centre, capture_of)
        opened.append(made)
        return made

    yield open_
    for one in opened:
        one.centre.ledger.close()


@pytest.fixture
def europe(open_europe: Callable[..., Europe]) -> Europe:
    return open_europe()


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], int | None, str]] = {
    # The data set in Eurodac, the visa record, its colour, its article.
    "one person": ({}, {"person": 1}, pb.LINK_COLOUR_WHITE, "33(1)(a), (c)"),
    "one person, misspelt": (
        {},
        {"person": 1, "surnames": ("Mueller",)},
        pb.LINK_COLOUR_WHITE,
        "33(1)(a), (c)",
    ),
    "two identities": ({}, {"person": 1} | ANOTHER, pb.LINK_COLOUR_YELLOW, "30(1)(a)"),
    "one document, no prints": (
        {"document": PASSPORT},
        {"document": PASSPORT} | ANOTHER,
        pb.LINK_COLOUR_YELLOW,
        "30(1)(b)",
    ),
    "one document and name, no prints": (
        {"document": PASSPORT},
        {"document": PASSPORT},
        pb.LINK_COLOUR_WHITE,
        "33(1)(b)",
    ),
    "namesakes": ({}, {"person": 2}, pb.LINK_COLOUR_YELLOW, "30(1)(c)"),
    "a shared document": (
        {"document": PASSPORT},
        {"document": PASSPORT, "person": 2} | ANOTHER,
        pb.LINK_COLOUR_YELLOW,
        "30(1)(d)",
    ),
    "strangers": ({}, {"person": 2} | ANOTHER, None, ""),
    "one name, no prints": ({}, {}, None, ""),
}


@pytest.mark.parametrize("first", ["data set", "record"])
@pytest.mark.parametrize("case", CASES)
def test_a_link_arises_with_its_colour_whichever_record_comes_first(
    europe: Europe, case: str, first: str
) -> None:
    ours, theirs, colour, article = CASES[case]
    if first == "record":
        europe.place(**theirs)
        number = europe.transmit(1, **ours)
    else:
        number = europe.transmit(1, **ours)
        europe.place(**theirs)
    # Whoever has access to both systems and made both records sees every colour but yellow.
    europe.place("elsewhere", state="IT", **ANOTHER)
    found = europe.links(number) + europe.links(state="FR")
    if colour is None:
        assert europe.held() == 0
        return
    (link,) = {one.link_id: one for one in found}.values()
    assert (link.colour, link.article) == (colour, article)
    assert link.explanation in {row.why for row in LINK_ROWS if row.article == article}
    newer = pb.SYSTEM_EURODAC if first == "record" else pb.SYSTEM_VIS
    assert link.records[0].system == newer
    assert (link.responsible_system, link.responsible_state) == (
        newer,
        "IT" if first == "record" else "FR",
    )
    expected = pb.LINK_TRIGGER_RECORDED if first == "record" else pb.LINK_TRIGGER_ELSEWHERE
    assert link.trigger == expected


def test_no_link_arises_while_switched_off(open_europe: Callable[..., Europe]) -> None:
    europe = open_europe(Policy())
    number = europe.transmit(1)
    calls: tuple[Callable[[], object], ...] = (
        lambda: europe.links(number),
        lambda: europe.place(person=1),
        lambda: europe.ask(identity=police_pb2.IdentityProbe(surname="Müller")),
    )
    for call in calls:
        with pytest.raises(RuleBroken, match="I01"):
            call()
    assert europe.held() == 0


def test_the_switch_has_a_day(open_europe: Callable[..., Europe]) -> None:
    europe = open_europe(replace(ON, interoperability_from=NOW.date() + timedelta(days=1)))
    with pytest.raises(RuleBroken, match="I01"):
        europe.links("IT1000000001X")
    europe.time += timedelta(days=1)
    assert europe.links() == []


@pytest.mark.parametrize(
    "missing",
    [
        {"nationalities": ("UNKNOWN",)},
        {"place_of_birth": "UNKNOWN"},
        {"date_of_birth": "UNKNOWN"},
        {"sex": Sex.UNKNOWN},
    ],
)
def test_an_incomplete_data_set_starts_no_detection_until_it_is_complete(
    europe: Europe, missing: dict[str, Any]
) -> None:
    """X-D10, and the later correction."""
    europe.place(person=1)
    number = europe.transmit(1, **missing)
    europe.place("V2", person=1)
    assert europe.held() == 0
    (name,) = missing
    changes, mask = wire.changes_to({name: PERSON[name]})
    request = central_pb2.CorrectDataSetRequest(
        request_id="correct", reference_number=number, changes=changes, update_mask=mask
    )
    custody.correct(europe.centre, "IT", request)
    assert europe.held() == 2
    europe.place("V3", state="IT", **ANOTHER)
    assert {one.trigger for one in europe.links(number)} == {pb.LINK_TRIGGER_CHANGED}


def test_two_data_sets_in_eurodac_are_never_linked_with_each_other(europe: Europe) -> None:
    europe.transmit(1)
    europe.transmit(1, state="DK", **ANOTHER)
    assert europe.held() == 0
    with pytest.raises(FormatRefused, match="system"):
        europe.place(system=pb.SYSTEM_EURODAC)


def test_one_link_per_pair(europe: Europe) -> None:
    europe.place("V1", person=1)
    europe.place("V2", person=1, **ANOTHER)
    europe.place("A1", person=1, system=pb.SYSTEM_ETIAS)
    europe.transmit(1)
    europe.transmit(1, state="DK")
    assert europe.held() == 6


def test_a_yellow_link_is_verified_once_by_the_authority_that_made_the_newer_record(
    europe: Europe,
) -> None:
    europe.place(person=1, **ANOTHER)
    europe.transmit(1)
    (link,) = europe.links()
    assert [list(one.identity.surnames) for one in link.records] == [["Müller"], ["Doe"]]
    for state, authority in (
        ("DK", pb.SYSTEM_EURODAC),
        ("FR", pb.SYSTEM_VIS),
        ("IT", pb.SYSTEM_VIS),
    ):
        with pytest.raises(RuleBroken, match="I02"):
            europe.verify(link, pb.LINK_VERDICT_ONE_PERSON, state, authority=authority)
    with pytest.raises(RuleBroken, match="V17"):
        europe.verify(link, pb.LINK_VERDICT_TWO_PERSONS)
    with pytest.raises(RuleBroken, match="V17"):
        europe.verify(link, pb.LINK_VERDICT_PENDING)
    europe.time += timedelta(hours=1)
    concluded = europe.verify(link, pb.LINK_VERDICT_ONE_PERSON_UNJUSTIFIED)
    assert (concluded.colour, concluded.article) == (pb.LINK_COLOUR_RED, "32(1)(a)")
    assert concluded.changed_at.seconds - concluded.created_at.seconds == 3600
    assert not any(one.number or one.HasField("identity") for one in concluded.records)
    with pytest.raises(RuleBroken, match="V17"):
        europe.verify(link, pb.LINK_VERDICT_ONE_PERSON)


def test_the_authority_of_another_system_verifies_what_it_recorded_later(europe: Europe) -> None:
    europe.transmit(1)
    europe.place(person=2)
    (link,) = europe.links(state="FR")
    assert europe.links(state="IT") == []
    with pytest.raises(RuleBroken, match="I02"):
        europe.verify(link, pb.LINK_VERDICT_TWO_PERSONS)
    green = europe.verify(link, pb.LINK_VERDICT_TWO_PERSONS, "FR", authority=pb.SYSTEM_VIS)
    assert green.colour == pb.LINK_COLOUR_GREEN


def test_the_same_verification_has_one_effect_and_one_answer(europe: Europe) -> None:
    europe.place(person=2)
    number = europe.transmit(1)
    (link,) = europe.links()
    request = pb.VerifyIdentityLinkRequest(
        request_id="twice",
        reference_number=number,
        link_id=link.link_id,
        verdict=pb.LINK_VERDICT_TWO_PERSONS,
        authority=pb.SYSTEM_EURODAC,
    )
    first = identity_links.verify_link(europe.centre, "IT", request)
    europe.time += timedelta(hours=1)
    assert identity_links.verify_link(europe.centre, "IT", request) == first
    request.verdict = pb.LINK_VERDICT_TWO_PERSONS_UNJUSTIFIED
    with pytest.raises(RequestReused):
        identity_links.verify_link(europe.centre, "IT", request)


def test_a_link_is_known_by_its_own_number_only(europe: Europe) -> None:
    europe.place(person=2)
    number, other = europe.transmit(1), europe.transmit(1, **ANOTHER)
    (link,) = europe.links()
    assert link.records[0].number == number
    with pytest.raises(UnknownDataSet):
        europe.verify(link, pb.LINK_VERDICT_TWO_PERSONS, reference_number=other)
    with pytest.raises(UnknownDataSet):
        europe.verify(link, pb.LINK_VERDICT_TWO_PERSONS, link_id="none")


def test_each_colour_is_seen_by_whom_the_table_names(europe: Europe) -> None:
    """DK has no record; SE has one in the visa system; IT the data set; FR the visa record."""
    europe.place("V9", state="SE", **ANOTHER)
    europe.place(person=1, **ANOTHER)
    number = europe.transmit(1)

    def seen() -> dict[str, int]:
        return {one: len(europe.links(number, one)) for one in ("DK", "SE", "IT", "FR")}

    assert seen() == {"DK": 0, "SE": 0, "IT": 1, "FR": 0}
    (link,) = europe.links(number)
    europe.verify(link, pb.LINK_VERDICT_ONE_PERSON_UNJUSTIFIED)
    assert seen() == {"DK": 1, "SE": 1, "IT": 1, "FR": 1}
    (red,) = europe.links(number, "DK")
    assert [one.system for one in red.records] == [pb.SYSTEM_EURODAC, pb.SYSTEM_VIS]
    shown = {field.name for field, _ in red.ListFields()}
    assert shown == {"link_id", "colour", "records"}
    assert not any(one.number or one.state for one in red.records)


def test_white_needs_both_systems_and_green_an_own_record_besides(europe: Europe) -> None:
    europe.place("V9", state="SE", **ANOTHER)
    europe.place(person=1)
    white = europe.transmit(1)
    assert [len(europe.links(white, one)) for one in ("DK", "SE", "IT", "FR")] == [0, 1, 0, 1]
    europe.place("V2", person=1, surnames=("Green",))
    green = europe.transmit(2, surnames=("Green",))
    (link,) = europe.links()
    europe.verify(link, pb.LINK_VERDICT_TWO_PERSONS)
    assert [len(europe.links(green, one)) for one in ("DK", "SE", "IT", "FR")] == [0, 0, 0, 1]


def test_an_unknown_number_is_told_to_its_own_state_alone(europe: Europe) -> None:
    unknown = reference.issue("IT", Category.APPLICANT_REG, 999)
    with pytest.raises(UnknownDataSet):
        europe.links(unknown, "IT")
    assert europe.links(unknown, "DK") == []
    with pytest.raises(RuleBroken, match="V02"):
        europe.links("nonsense")


def test_links_vanish_with_either_record(europe: Europe) -> None:
    europe.place("V1", person=1)
    request = europe.place("V2", person=1)
    kept, erased = europe.transmit(1), europe.transmit(1, state="DK")
    assert europe.held() == 4
    europe.erase(erased)
    assert europe.held() == 2
    remove = pb.RemoveRecordRequest(
        request_id="remove", system=request.system, record_number=request.record_number
    )
    with pytest.raises(RuleBroken, match="V09"):
        identity_links.remove_record(europe.centre, "IT", remove)
    identity_links.remove_record(europe.centre, "FR", remove)
    identity_links.remove_record(europe.centre, "FR", remove)
    assert europe.held() == 1
    again = pb.RemoveRecordRequest(
        request_id="again", system=request.system, record_number=request.record_number
    )
    with pytest.raises(UnknownDataSet):
        identity_links.remove_record(europe.centre, "FR", again)
    europe.place("V3", state="IT", **ANOTHER)
    assert len(europe.links(kept)) == 1


def test_links_vanish_with_the_end_of_retention(europe: Europe) -> None:
    europe.place(person=1)
    europe.transmit(1)
    assert europe.held() == 1
    europe.time = NOW.replace(year=2037, month=3, day=2)
    europe.place("V2", person=1)
    assert europe.held() == 1, "past its end a data set is linked with nothing"
    custody.sweep(europe.centre)
    assert europe.held() == 0


def test_a_correction_ends_a_link_or_makes_its_conclusion_void(europe: Europe) -> None:
    europe.place(person=2)
    number = europe.transmit(1)
    (link,) = europe.links()
    europe.verify(link, pb.LINK_VERDICT_TWO_PERSONS)

    def correct(**fields: Any) -> None:
        changes, mask = wire.changes_to(fields)
        request = central_pb2.CorrectDataSetRequest(
            request_id=europe.next_id(), reference_number=number, changes=changes, update_mask=mask
        )
        custody.correct(europe.centre, "IT", request)

    europe.place("V9", state="IT", **ANOTHER)
    correct(surnames=("Müller", "Meyer"))
    (same,) = europe.links(number)
    assert (same.link_id, same.colour) == (link.link_id, pb.LINK_COLOUR_GREEN)
    correct(surnames=("Totally",), forenames=("Other",))
    assert europe.held() == 0
    correct(surnames=("Müller",), forenames=("Jo",))
    (again,) = europe.links()
    assert again.colour == pb.LINK_COLOUR_YELLOW


def test_a_record_of_another_state_is_not_overwritten_and_has_identity_data_only(
    europe: Europe,
) -> None:
    europe.place("V1")
    with pytest.raises(RuleBroken, match="V09"):
        europe.place("V1", state="SE")
    with pytest.raises(FormatRefused, match="security_flag"):
        europe.place("V2", security_flag=True)
    with pytest.raises(FormatRefused, match="record_number"):
        europe.place("")


def test_the_other_systems_are_small(europe: Europe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity_links, "MOST_RECORDS", 2)
    europe.place("V1")
    europe.place("V2")
    europe.place("V2")
    with pytest.raises(FormatRefused, match="too many"):
        europe.place("V3")


def test_a_record_placed_anew_is_linked_anew(europe: Europe) -> None:
    europe.transmit(1)
    europe.place("V1", person=1)
    assert europe.held() == 1
    europe.place("V1", person=2, **ANOTHER)
    assert europe.held() == 0


@pytest.mark.parametrize(
    ("probe", "found"),
    [
        ({"surname": "muller"}, True),
        ({"surname": "muller", "date_of_birth": "1991"}, False),
        ({"document_number": "p 123"}, True),
        ({"document_number": "P124"}, False),
    ],
)
def test_the_flag_says_whether_a_named_person_is_recorded(
    europe: Europe, probe: dict[str, Any], found: bool
) -> None:
    europe.transmit(1, document=PASSPORT)
    assert europe.ask(identity=police_pb2.IdentityProbe(**probe)) is found


@pytest.mark.parametrize("state", ["DK", "IT"])
def test_the_flag_says_whether_prints_are_recorded_by_any_state(europe: Europe, state: str) -> None:
    europe.transmit(1, state=state)
    latent = police_pb2.LatentPrint(image=europe.capture_of(1, 1).fingers[0].image)
    for category in (terms_pb2.CATEGORY_LEA_SEARCH, terms_pb2.CATEGORY_EUROPOL_SEARCH):
        assert europe.ask(category, capture=europe.capture_of(1, 1))
        assert europe.ask(category, latents=[latent])
        assert not europe.ask(category, capture=europe.capture_of(2))


def test_what_is_erased_or_past_its_end_raises_no_flag(europe: Europe) -> None:
    number = europe.transmit(1)
    probes: tuple[dict[str, Any], ...] = (
        {"capture": europe.capture_of(1, 1)},
        {"identity": police_pb2.IdentityProbe(surname="Müller")},
    )
    assert [europe.ask(**probe) for probe in probes] == [True, True]
    europe.time = NOW.replace(year=2037, month=3, day=2)
    assert [europe.ask(**probe) for probe in probes] == [False, False]
    europe.time = NOW
    europe.erase(number)
    assert [europe.ask(**probe) for probe in probes] == [False, False]


def test_the_answer_is_a_flag_and_nothing_else() -> None:
    """22(2): no number, no State, no count; and the request has no field for reasons."""
    assert set(pb.AskPortalResponse.DESCRIPTOR.fields_by_name) == {"in_eurodac", "answered_at"}
    assert set(pb.AskPortalRequest.DESCRIPTOR.fields_by_name) == {
        "request_id",
        "category",
        "capture",
        "latents",
        "identity",
    }


def test_the_same_enquiry_has_one_answer(europe: Europe) -> None:
    request = pb.AskPortalRequest(
        request_id="one",
        category=terms_pb2.CATEGORY_LEA_SEARCH,
        identity=police_pb2.IdentityProbe(surname="Müller"),
    )
    first = portal.ask_portal(europe.centre, "DK", request)
    europe.transmit(1)
    assert portal.ask_portal(europe.centre, "DK", request) == first
    request.identity.surname = "Doe"
    with pytest.raises(RequestReused):
        portal.ask_portal(europe.centre, "DK", request)


def test_an_enquiry_is_for_the_police_and_by_one_kind_of_data(europe: Europe) -> None:
    named = police_pb2.IdentityProbe(surname="Müller")
    with pytest.raises(RuleBroken, match="V23"):
        europe.ask(terms_pb2.CATEGORY_DATA_SUBJECT, identity=named)
    for probe in (
        {},
        {"identity": named, "capture": europe.capture_of(1)},
        {"identity": police_pb2.IdentityProbe()},
        {"identity": police_pb2.IdentityProbe(surname="x" * 201)},
    ):
        with pytest.raises(FormatRefused):
            europe.ask(**probe)


def test_a_face_that_is_not_compared_is_not_answered_with_no(europe: Europe) -> None:
    """Art. 63(5): faces are not compared yet, so that "no" would say too much."""
    europe.transmit(1)
    with pytest.raises(RuleBroken, match="Q01"):
        europe.ask(capture=terms_pb2.Capture(face=europe.capture_of(1, 1).face))


def test_the_probe_of_an_enquiry_is_kept_nowhere(europe: Europe) -> None:
    probe = europe.capture_of(1, 1)
    europe.ask(capture=probe)
    europe.ask(identity=police_pb2.IdentityProbe(surname="Xylophonist"))
    stored = Path(europe.centre.ledger._engine.url.database or "")
    europe.centre.ledger.close()
    assert probe.fingers[0].image not in stored.read_bytes()
    assert b"Xylophonist" not in stored.read_bytes()
