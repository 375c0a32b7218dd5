"""Each refusal names its code, its field and the article it rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from interfaces.eurodac import reference
from interfaces.eurodac.capture import (
    AgeProof,
    check_age,
    check_applicable,
    check_fingers,
    check_minor,
)
from interfaces.eurodac.caseclock import Happening
from interfaces.eurodac.casework import next_step
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import (
    AdmissionDecision,
    AdmissionOutcome,
    Authenticity,
    DataSet,
    Document,
    DocumentScan,
    Event,
    Sex,
    check_correction,
    check_scans,
    check_transmission,
    check_update,
)
from interfaces.eurodac.deadlines import (
    Circumstances,
    InfluxNotice,
    check_circumstances,
    check_influx,
    transmission,
)
from interfaces.eurodac.errors import RuleBroken, Violation
from interfaces.eurodac.flags import (
    FlagCheck,
    FlagGround,
    FlagProposal,
    check_approval,
    check_flag,
    check_flag_deletion,
    check_flaggable,
    check_mark,
    check_unmark,
)
from interfaces.eurodac.links import (
    Biometrics,
    Identity,
    LinkFacts,
    TravelDocument,
    Verdict,
    link_row,
)
from interfaces.eurodac.outcome import HitState, check_decision
from interfaces.eurodac.police import (
    PoliceRequest,
    SearchState,
    check_conditions,
    check_onward_use,
    check_search_step,
    check_separation,
    check_use_against_child,
)
from interfaces.eurodac.policy import Policy
from interfaces.eurodac.progress import Facts, Told, check_told
from interfaces.eurodac.retention import ErasureGround, check_erasure, check_own, retention_end
from interfaces.eurodac.rights import (
    Recipient,
    ReturnTransfer,
    check_disclosure,
    check_return_transfer,
)
from interfaces.eurodac.states import state
from interfaces.eurodac.statistics import month_span
from interfaces.eurodac.terms import MarkType
from matcher.vocabulary import TEN_FINGERS, FingerPosition

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
DAY = date(2026, 9, 1)
INDEX = FingerPosition.RIGHT_INDEX

Case = Callable[[], Iterable[Violation]]
Complete = Callable[..., DataSet]


def raised(act: Callable[[], object]) -> Iterable[Violation]:
    with pytest.raises(RuleBroken) as refused:
        act()
    return refused.value.violations


def crossing(category: Category = Category.IRREGULAR_CROSSING) -> DataSet:
    return DataSet(category, "IT")


def police(category: Category = Category.LEA_SEARCH) -> PoliceRequest:
    return PoliceRequest(category, "DK4A", "anna", "u1", "bo", "u1")


CAPTURE: dict[str, Case] = {
    "a date of birth that is no date": lambda: check_age(
        "31.12.2019", NOON, AgeProof.NONE, state="DK"
    ),
    "a child of five": lambda: check_age("2020-09-02", NOON, AgeProof.DOCUMENT, state="DK"),
    "a child that may be five and has no proof": lambda: check_age(
        "2020", NOON, AgeProof.NONE, state="DK"
    ),
    "a minor without safeguards": lambda: check_minor(None, "op1"),
    "the day before the Regulation applies": lambda: check_applicable(
        Category.SAR, date(2026, 6, 11), Policy()
    ),
    "temporary protection before Art. 26 applies": lambda: check_applicable(
        Category.TEMP_PROTECTION, date(2029, 6, 11), Policy()
    ),
    "a beneficiary under Decision 2022/382": lambda: check_applicable(
        Category.TEMP_PROTECTION, date(2029, 6, 12), Policy(), under_decision_2022_382=True
    ),
    "a finger neither captured nor declared": lambda: check_fingers(
        [one for one in TEN_FINGERS if one is not INDEX], {}
    ),
    "a finger both captured and declared": lambda: check_fingers(TEN_FINGERS, {INDEX: "UP"}),
    "a finger missing for another reason": lambda: check_fingers(
        [one for one in TEN_FINGERS if one is not INDEX], {INDEX: "ZZ"}
    ),
}

CLOCKS: dict[str, Case] = {
    "an incident nobody recorded": lambda: check_circumstances(
        crossing(), Circumstances(technical_incident_id="i1")
    ),
    "an incident where nothing is extended": lambda: check_circumstances(
        crossing(Category.NATIONAL_RESETTLEMENT), Circumstances(technical_incident_id="i1")
    ),
    "an influx notice of 45 days": lambda: check_influx(
        InfluxNotice(date(2026, 8, 1), date(2026, 9, 15))
    ),
    "in custody until the removal": lambda: check_circumstances(
        crossing(), Circumstances(custody_until_removal=True)
    ),
    "a clock without its event": lambda: raised(lambda: transmission(crossing())),
    "retention of what is not kept": lambda: raised(
        lambda: retention_end(crossing(Category.ADMISSION_SEARCH), NOON)
    ),
    "temporary protection without its decision": lambda: raised(
        lambda: retention_end(crossing(Category.TEMP_PROTECTION), NOON)
    ),
    "retention without the date of sending": lambda: raised(lambda: retention_end(crossing())),
    "an erasure for citizenship after a refusal": lambda: check_erasure(
        DataSet(
            Category.ADMISSION_RECORD,
            "IT",
            admission_decision=AdmissionDecision(AdmissionOutcome.REFUSED, DAY),
        ),
        "IT",
        ErasureGround.CITIZENSHIP,
    ),
    "an erasure of the data of another State": lambda: check_own("IT", "DK"),
}

FIELDS: dict[str, Case] = {
    "a forged scan": lambda: check_scans([DocumentScan(True, Authenticity.FORGED, b"x")]),
    "two other documents": lambda: check_scans(
        [DocumentScan(False, Authenticity.NOT_ESTABLISHED, b"x")] * 2
    ),
    "a scan without an image": lambda: check_scans(
        [DocumentScan(True, Authenticity.NOT_ESTABLISHED, b"")]
    ),
    "a later field that is not one": lambda: check_update(
        Category.IRREGULAR_CROSSING, ["surnames"]
    ),
    "a visa on another category": lambda: check_update(Category.IRREGULAR_CROSSING, ["visa"]),
    "a correction of the date sent": lambda: check_correction(
        Category.IRREGULAR_CROSSING, ["transmitted_at"]
    ),
    "a correction of a forbidden field": lambda: check_correction(
        Category.IRREGULAR_CROSSING, ["visa"]
    ),
    "a number without its form": lambda: raised(lambda: reference.parse("1")),
    "a number of another State and category": lambda: raised(
        lambda: reference.check("DK1A", category=Category.SAR, state="IT")
    ),
    "an old number with digit 6": lambda: raised(lambda: reference.category_of_old("IT6A")),
    "a State that takes no part": lambda: raised(lambda: state("US")),
    "a month that is none": lambda: raised(lambda: month_span("2026-13")),
}

HITS: dict[str, Case] = {
    "a flag on temporary protection": lambda: check_flaggable(Category.TEMP_PROTECTION),
    "a flag without its conditions": lambda: check_flag(
        Category.IRREGULAR_CROSSING,
        FlagProposal(
            FlagCheck.AT_TAKING_BIOMETRICS,
            (FlagGround.VIOLENT,),
            NOON,
            "unit 4",
            could_pose_threat=True,
        ),
    ),
    "a flag approved by its proposer": lambda: check_approval("anna", "anna"),
    "a flag deleted without consultation": lambda: check_flag_deletion([], ["IT"]),
    "a protection mark set first on a crossing": lambda: check_mark(
        Category.IRREGULAR_CROSSING, MarkType.PROTECTION, follow_up=False
    ),
    "a mark on a search": lambda: check_mark(
        Category.LEA_SEARCH, MarkType.PROTECTION, follow_up=True
    ),
    "a residence mark taken back": lambda: check_unmark(MarkType.RESIDENCE, Policy()),
    "a hit decided twice": lambda: check_decision(
        HitState.FALSE, HitState.CONFIRMED, expert=True, reasons=()
    ),
    "a face hit confirmed without an expert": lambda: check_decision(
        HitState.CHECKING, HitState.CONFIRMED, expert=False, reasons=("only the face hit",)
    ),
    "a verdict that fits nothing": lambda: raised(
        lambda: link_row(
            LinkFacts(
                Biometrics.DIFFERENT, Identity.DIFFERENT, TravelDocument.OTHER, Verdict.ONE_PERSON
            )
        )
    ),
}

DISCLOSURE: dict[str, Case] = {
    "a police search verified by its own unit": lambda: check_separation(police()),
    "a Europol search verified by its own unit": lambda: check_separation(
        police(Category.EUROPOL_SEARCH)
    ),
    "a police search without any condition": lambda: check_conditions(police()),
    "a Europol search without any condition": lambda: check_conditions(
        police(Category.EUROPOL_SEARCH)
    ),
    "a police search sent unverified": lambda: check_search_step(
        SearchState.SUBMITTED, SearchState.SENT
    ),
    "data used against a child of thirteen": lambda: check_use_against_child(
        "2012-09-02", DAY, suspected=True, extra_grounds=""
    ),
    "Europol passes a result on": lambda: check_onward_use(
        Category.EUROPOL_SEARCH, origin_authorised=False
    ),
    "telling a third country": lambda: check_disclosure(Recipient.THIRD_COUNTRY),
    "telling a State without a hit": lambda: check_disclosure(Recipient.STATE_WITHOUT_HIT),
    "a return without any condition": lambda: check_return_transfer(
        crossing(), ReturnTransfer(False, False, False)
    ),
    "a return with a refused admission": lambda: check_return_transfer(
        crossing(Category.ADMISSION_RECORD), ReturnTransfer(True, True, True)
    ),
}


def told(happening: Happening, named: str = "", *, by_security: bool = False) -> Case:
    facts = Facts(Category.APPLICANT_REG, DataSet(Category.APPLICANT_REG, "DK"), "DK")
    one = Told(happening, NOON, named, by_security)
    return lambda: check_told(one, facts, NOON, Policy())


def early() -> Iterable[Violation]:
    made = Event("x", datetime(2026, 6, 20, 12, tzinfo=UTC))
    applicant = DataSet(Category.APPLICANT_REG, "DK", event=made)
    facts = Facts(Category.APPLICANT_REG, applicant, "DK")
    return check_told(Told(Happening.TAKE_CHARGE_ASKED, NOON, "IT"), facts, NOON, Policy())


def to_come() -> Iterable[Violation]:
    facts = Facts(Category.APPLICANT_REG, DataSet(Category.APPLICANT_REG, "DK"), "DK")
    later = Told(Happening.LODGED, NOON.replace(second=1))
    return check_told(later, facts, NOON, Policy())


CASE_CLOCK: dict[str, Case] = {
    "an event still to come": to_come,
    "a security ground of another State": told(Happening.LODGED, by_security=True),
    "a request to no State": told(Happening.TAKE_CHARGE_ASKED),
    "a request to letters of no State": told(Happening.TAKE_CHARGE_ASKED, "US"),
    "a request to oneself": told(Happening.TAKE_CHARGE_ASKED, "DK"),
    "a registration addressed to a State": told(Happening.LODGED, "IT"),
    "an acceptance of nothing": told(Happening.ACCEPTED),
    "a request under the old rules": early,
    "a hit without its event": lambda: raised(
        lambda: next_step(
            Category.APPLICANT_REG,
            crossing(Category.SAR),
            state="DK",
            received_at=NOON,
            registered_at=NOON,
            policy=Policy(),
        )
    ),
}


def whole(complete: Complete) -> dict[str, Case]:
    """Data sets that are complete but for one mistake."""

    def check(category: Category, *, samples: bool = True, **changes: object) -> Case:
        return lambda: check_transmission(
            complete(category, **changes), fingerprints=samples, face=samples
        )

    def decided(category: Category, outcome: AdmissionOutcome, *grounds: str) -> Case:
        return check(category, admission_decision=AdmissionDecision(outcome, DAY, grounds))

    bare = replace(complete(Category.ADMISSION_SEARCH), sex=Sex.FEMALE)
    return {
        "an admission record without prints and face": check(
            Category.ADMISSION_RECORD, samples=False
        ),
        "an admission search without any sample": check(Category.ADMISSION_SEARCH, samples=False),
        "a sex sent without a face": lambda: check_transmission(
            bare, fingerprints=True, face=False
        ),
        "letters of no State": check(Category.DATA_SUBJECT, origin="US", reference_number="US6A"),
        "a responsible State that is none": check(Category.APPLICANT_REG, responsible_state="US"),
        "a Union citizen": check(Category.APPLICANT_REG, nationalities=("DNK",)),
        "a nationality of two letters": check(Category.APPLICANT_REG, nationalities=("SY",)),
        "a document of a country of two letters": check(
            Category.APPLICANT_REG, document=Document("passport", "X1", "SY")
        ),
        "a national resettlement refused": decided(
            Category.NATIONAL_RESETTLEMENT, AdmissionOutcome.REFUSED, "c"
        ),
        "a refusal without grounds": decided(Category.ADMISSION_RECORD, AdmissionOutcome.REFUSED),
        "a grant with grounds": decided(Category.ADMISSION_RECORD, AdmissionOutcome.GRANTED, "c"),
    }


CASES = {**CAPTURE, **CLOCKS, **FIELDS, **HITS, **DISCLOSURE, **CASE_CLOCK}


@pytest.mark.table("refusals")
def test_a_refusal_names_its_code_its_field_and_its_article(
    row: Mapping[str, str], complete: Complete
) -> None:
    case = CASES.get(row["id"]) or whole(complete)[row["id"]]
    found = [f"{one.code} {one.field} {one.article}" for one in case()]
    assert found == row["refused"].split("; ")


@pytest.mark.parametrize(
    ("category", "first"),
    [(Category.SAR, date(2026, 6, 12)), (Category.TEMP_PROTECTION, date(2029, 6, 12))],
)
def test_an_article_applies_from_its_first_day(category: Category, first: date) -> None:
    """Art. 63(2): the days before are in the table."""
    assert check_applicable(category, first, Policy()) == ()
