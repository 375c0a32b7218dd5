"""The data set survives the wire, and ill-formed messages are refused with field and rule."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from interfaces import wire
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import (
    AdmissionDecision,
    AdmissionOutcome,
    Authenticity,
    CouncilDecision,
    DataSet,
    Document,
    DocumentScan,
    Event,
    Mark,
    MarkType,
    Sex,
    Visa,
)
from interfaces.formats.errors import FormatRefused
from interfaces.pb.eurodac.central.v1 import terms_pb2

SHOWN = st.characters(
    codec="utf-8",
    exclude_categories=("Cc", "Cs", "Zl", "Zp"),
    exclude_characters="".join(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A)))),
)
TEXT = st.text(SHOWN, max_size=200)
NAME = TEXT.filter(bool)
NAMES = st.lists(NAME, max_size=5).map(tuple)
DAY = st.dates(date(1900, 1, 1), date(2199, 12, 31))
INSTANT = st.datetimes(
    datetime(1900, 1, 1), datetime(2199, 12, 31, 23, 59, 59, 999_999), timezones=st.just(UTC)
)
MAYBE_DAY = st.none() | DAY

DATA_SETS = st.builds(
    DataSet,
    category=st.sampled_from(Category),
    origin=TEXT,
    reference_number=TEXT,
    surnames=NAMES,
    forenames=NAMES,
    names_at_birth=NAMES,
    earlier_names=NAMES,
    aliases=NAMES,
    nationalities=NAMES,
    date_of_birth=TEXT,
    place_of_birth=TEXT,
    sex=st.none() | st.sampled_from(Sex),
    event=st.none() | st.builds(Event, TEXT, INSTANT, st.booleans()),
    document=st.none() | st.builds(Document, TEXT, TEXT, TEXT, MAYBE_DAY),
    document_scans=st.lists(
        st.builds(DocumentScan, st.booleans(), st.sampled_from(Authenticity), st.binary()),
        max_size=4,
    ).map(tuple),
    biometrics_taken_at=st.none() | INSTANT,
    transmitted_at=st.none() | INSTANT,
    operator_user_id=TEXT,
    responsible_state=TEXT,
    relocation_state=TEXT,
    arrival_after_take_charge_on=MAYBE_DAY,
    arrival_after_take_back_on=MAYBE_DAY,
    left_member_states_on=MAYBE_DAY,
    removed_on=MAYBE_DAY,
    arrival_after_relocation_on=MAYBE_DAY,
    visa=st.none() | st.builds(Visa, TEXT, TEXT),
    security_flag=st.booleans(),
    application_rejected=st.booleans(),
    border_procedure_final=st.booleans(),
    avrr_granted=st.booleans(),
    admission_decision=st.none()
    | st.builds(AdmissionDecision, st.sampled_from(AdmissionOutcome), DAY, NAMES),
    exclusion_ground_applies=st.booleans(),
    council_decision=st.none() | st.builds(CouncilDecision, TEXT, DAY),
    marks=st.lists(
        st.builds(Mark, st.sampled_from(MarkType), TEXT, INSTANT, st.booleans()),
        max_size=2,
        unique_by=lambda mark: mark.type,
    ).map(tuple),
    case_reference=TEXT,
)


@given(DATA_SETS)
def test_a_data_set_survives_the_wire(data_set: DataSet) -> None:
    message = wire.dataset_to(data_set)
    received = terms_pb2.DataSet.FromString(message.SerializeToString())
    assert wire.dataset_from(received) == data_set


def test_the_wire_names_every_field_of_the_data_set_alike() -> None:
    names = [field.name for field in terms_pb2.DataSet.DESCRIPTOR.fields]
    assert names[0] == "reference_number"
    assert set(names) == set(DataSet.__dataclass_fields__)


def test_instants_of_other_zones_arrive_as_the_same_instant_in_utc() -> None:
    noon = datetime(2026, 10, 23, 12, tzinfo=timezone(timedelta(hours=2)))
    assert wire.instant_from(wire.instant_to(noon)) == datetime(2026, 10, 23, 10, tzinfo=UTC)


def _valid(**fields: object) -> terms_pb2.DataSet:
    return terms_pb2.DataSet(**({"category": 1, "origin": "DK"} | fields))  # type: ignore[arg-type]


ILL_FORMED = [
    (terms_pb2.DataSet(origin="DK"), "category", "W01"),
    (_valid(category=99), "category", "W01"),
    (_valid(sex=17), "sex", "W01"),
    (_valid(removed_on="2027-02-30"), "removed_on", "W01"),
    (_valid(removed_on="yesterday"), "removed_on", "W01"),
    (_valid(surnames=["A" * 201]), "surnames", "W03"),
    (_valid(surnames=["A"] * 33), "surnames", "W03"),
    (_valid(surnames=[""]), "surnames", "W01"),
    (_valid(place_of_birth="line\nbreak"), "place_of_birth", "W01"),
    (_valid(place_of_birth="next\u0085line"), "place_of_birth", "W01"),
    (_valid(surnames=["\u202egnuoh"]), "surnames", "W01"),
    (_valid(surnames=[""] * 100_000), "surnames", "W03"),
    (_valid(removed_on="9999-12-31"), "removed_on", "W01"),
    (_valid(biometrics_taken_at=Timestamp(seconds=-(2**35))), "biometrics_taken_at", "W01"),
    (_valid(event=terms_pb2.Event(place="Lesvos")), "event.occurred_at", "W02"),
    (
        _valid(event=terms_pb2.Event(occurred_at=Timestamp(seconds=2**60))),
        "event.occurred_at",
        "W01",
    ),
    (_valid(biometrics_taken_at=Timestamp(seconds=2**60)), "biometrics_taken_at", "W01"),
    (_valid(document_scans=[terms_pb2.DocumentScan()]), "document_scans.authenticity", "W01"),
    (
        _valid(document_scans=[terms_pb2.DocumentScan(authenticity=1)] * 5),  # type: ignore[arg-type]
        "document_scans",
        "W03",
    ),
    (_valid(marks=[terms_pb2.Mark(type=1)] * 2), "marks", "W01"),  # type: ignore[arg-type]
    (
        _valid(admission_decision=terms_pb2.AdmissionDecision(outcome=1)),  # type: ignore[arg-type]
        "admission_decision.decided_on",
        "W02",
    ),
    (
        _valid(council_decision=terms_pb2.CouncilDecision(reference="2029/1")),
        "council_decision.in_force_on",
        "W02",
    ),
]


@pytest.mark.parametrize(("message", "field", "rule"), ILL_FORMED)
def test_an_ill_formed_data_set_is_refused_with_its_field_and_rule(
    message: terms_pb2.DataSet, field: str, rule: str
) -> None:
    with pytest.raises(FormatRefused) as refusal:
        wire.dataset_from(message)
    assert (refusal.value.field, refusal.value.rule.split()[0]) == (field, rule)
    assert refusal.value.remedy


def test_changes_carry_only_the_fields_of_the_mask() -> None:
    message, mask = wire.changes_to({"removed_on": date(2027, 3, 8), "avrr_granted": True})
    assert dict(wire.changes_from(message, mask)) == {
        "removed_on": date(2027, 3, 8),
        "avrr_granted": True,
    }


def test_a_masked_field_left_empty_is_a_change_to_absent() -> None:
    mask = FieldMask(paths=["responsible_state"])
    assert wire.changes_from(terms_pb2.DataSet(), mask) == {"responsible_state": ""}


@pytest.mark.parametrize(
    "paths", [[], ["no_such_field"], ["surnames"], ["responsible_state"] * 100_000]
)
def test_a_mask_must_name_fields_that_the_call_may_change(paths: list[str]) -> None:
    with pytest.raises(FormatRefused):
        wire.changes_from(
            terms_pb2.DataSet(), FieldMask(paths=paths), allowed=["responsible_state"]
        )
