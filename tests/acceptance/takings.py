"""What a sentence may say of a taking: whose fingers, which details, and the data set they make."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from interfaces import wire
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.terms import (
    AdmissionDecision,
    AdmissionOutcome,
    Authenticity,
    CouncilDecision,
    DocumentScan,
    Event,
    Sex,
    Visa,
)
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from interfaces.pb.eurodac.nap.v1 import nap_pb2
from matcher.vocabulary import TEN_FINGERS, FingerPosition
from node.access import Role
from tests.acceptance.europe import user_of
from tests.acceptance.language import PERSONS, STATES, Story, instant

KINDS = {
    "applicant": Category.APPLICANT_REG,
    "applicant at the border": Category.APPLICANT_BORDER,
    "arrival after take charge": Category.APPLICANT_ARRIVAL,
    "arrival after relocation": Category.APPLICANT_RELOCATED,
    "irregular crossing": Category.IRREGULAR_CROSSING,
    "illegal stay": Category.ILLEGAL_STAY,
    "illegal stay after relocation": Category.ILLEGAL_STAY_RELOCATED,
    "disembarkation": Category.SAR,
    "temporary protection": Category.TEMP_PROTECTION,
    "admission record": Category.ADMISSION_RECORD,
    "admission": Category.ADMISSION_SEARCH,
    "national resettlement": Category.NATIONAL_RESETTLEMENT,
}

BOTH = (FingerPosition.RIGHT_INDEX, FingerPosition.LEFT_INDEX)


@dataclass(slots=True)
class Taking:
    """What a record sentence asks to be enrolled, as its details fill it in."""

    fields: dict[str, Any] = field(default_factory=dict)
    request: nap_pb2.EnrolRequest = field(default_factory=nap_pb2.EnrolRequest)
    fingers: tuple[FingerPosition, ...] = BOTH
    bandaged: tuple[FingerPosition, ...] = ()
    undeclared: bool = False
    swapped: bool = False

    def capture(self, story: Story, person: str) -> terms_pb2.Capture:
        """The person's next taking."""
        count = story.takings.get(person, 0)
        story.takings[person] = count + 1
        # Two takings of a person suffice: different pictures of the same fingers.
        made: terms_pb2.Capture = story.capture_of(
            PERSONS[person], count % 2, fingers=self.fingers, rolled=BOTH if self.swapped else ()
        )
        for missing in made.missing_fingers:
            if FingerPosition(missing.position) in self.bandaged:
                missing.reason = terms_pb2.MISSING_REASON_UNABLE_TO_PRINT
        if self.swapped:
            one, other = made.fingers[:2]
            one.image, other.image = other.image, one.image
        if self.undeclared:
            del made.missing_fingers[:]
        return made


def read_details(story: Story, rest: str) -> Taking:
    """The taking that the details of a sentence ask for; KeyError for an unknown detail."""
    taking = Taking()
    for detail in filter(None, rest.split(", ")):
        for form, fill in DETAILS.items():
            found = re.fullmatch(form, detail)
            if found is not None:
                fill(story, taking, *found.groups())
                break
        else:
            raise KeyError(detail)
    return taking


def data_set_of(story: Story, category: Category, fields: dict[str, Any]) -> DataSet:
    """A whole data set of this category, with these fields."""
    now = story.europe.clock.time
    plain = DataSet(
        category=category,
        origin="",
        surnames=("Qwertzuiop",),
        forenames=("Asdfgh",),
        nationalities=("SYR",),
        date_of_birth="1990-05-17",
        place_of_birth="UNKNOWN",
        sex=Sex.FEMALE,
        event=Event("Border post 4", now - timedelta(hours=1)),
        biometrics_taken_at=now - timedelta(minutes=10),
    )
    return replace(plain, **fields)


Fill = Callable[..., None]


def _set(name: str, read: Callable[[str], Any]) -> Fill:
    def fill(_: Story, taking: Taking, text: str) -> None:
        taking.fields[name] = read(text)

    return fill


def _event(story: Story, taking: Taking, when: str) -> None:
    del story
    taking.fields["event"] = Event("Border post 4", instant(when))


def _without(*fingers: FingerPosition, bandaged: bool) -> Fill:
    def fill(_: Story, taking: Taking) -> None:
        taking.fingers = tuple(finger for finger in taking.fingers if finger not in fingers)
        taking.bandaged += fingers if bandaged else ()

    return fill


def _undeclared(_: Story, taking: Taking) -> None:
    taking.undeclared = True


def _swapped(_: Story, taking: Taking) -> None:
    taking.swapped = True


def _ask(name: str) -> Fill:
    def fill(_: Story, taking: Taking) -> None:
        setattr(taking.request, name, True)

    return fill


def _urgent(_: Story, taking: Taking) -> None:
    taking.request.lane = central_pb2.LANE_URGENT


def _decided(_: Story, taking: Taking, outcome: str, when: str) -> None:
    grounds = ("c",) if outcome == "REFUSED" else ()
    day = instant(when).date()
    taking.fields["admission_decision"] = AdmissionDecision(AdmissionOutcome(outcome), day, grounds)


def _council(_: Story, taking: Taking, when: str) -> None:
    taking.fields["council_decision"] = CouncilDecision("2030/1", instant(when).date())


def _case(story: Story, taking: Taking, label: str) -> None:
    taking.fields["case_reference"] = story.number(label)


def _clock(name: str) -> Fill:
    def fill(_: Story, taking: Taking, when: str) -> None:
        getattr(taking.request.clock, name).CopyFrom(wire.instant_to(instant(when)))

    return fill


def _turned_back(_: Story, taking: Taking) -> None:
    taking.request.clock.custody_until_removal = True


def _incident(story: Story, taking: Taking, label: str) -> None:
    taking.request.clock.technical_incident_id = story.numbers.get(label, "no-such-record")


def _proof(_: Story, taking: Taking) -> None:
    taking.request.minor_safeguards.age_proof = nap_pb2.MinorSafeguards.AGE_PROOF_DOCUMENT


def _trained(_: Story, taking: Taking) -> None:
    taking.request.minor_safeguards.trained_operator_user_id = user_of(Role.CAPTURE_STATION)


def _company(_: Story, taking: Taking, who: str) -> None:
    safeguards = taking.request.minor_safeguards
    safeguards.accompanied_by = nap_pb2.MinorSafeguards.ACCOMPANIMENT_REPRESENTATIVE
    official = user_of(Role.CAPTURE_STATION)
    safeguards.accompanying_person_id = official if who == "the official" else "representative-9"


def _scans(_: Story, taking: Taking, count: str, authenticity: str) -> None:
    authentic = {"other": Authenticity.NOT_ESTABLISHED, "forged": Authenticity.FORGED}
    scan = DocumentScan(False, authentic[authenticity], b"a colour scan")
    taking.fields["document_scans"] = (scan,) * int(count)


DETAILS: Mapping[str, Fill] = {
    r"event (.+)": _event,
    r"taken (\d.+)": _set("biometrics_taken_at", instant),
    r"born (.+)": _set("date_of_birth", str),
    r"sex (\w+)": _set("sex", Sex),
    r"nationality (\w+)": _set("nationalities", lambda text: (text,)),
    r"numbered (\w+)": _set("reference_number", str),
    r"without a birthplace": lambda _, taking: taking.fields.update(place_of_birth=""),
    r"with a visa": lambda _, taking: taking.fields.update(visa=Visa("DE", "V-77")),
    r"with a security flag": lambda _, taking: taking.fields.update(security_flag=True),
    r"with (\d) (other|forged) documents?": _scans,
    r"all ten fingers bandaged": _without(*TEN_FINGERS, bandaged=True),
    r"right index bandaged": _without(FingerPosition.RIGHT_INDEX, bandaged=True),
    r"right index amputated": _without(FingerPosition.RIGHT_INDEX, bandaged=False),
    r"no finger left": _without(*TEN_FINGERS, bandaged=False),
    r"missing fingers not declared": _undeclared,
    r"index fingers swapped": _swapped,
    r"fingertips worn": _ask("fingertips_impaired"),
    r"under Decision 2022/382": _ask("under_decision_2022_382"),
    r"urgent": _urgent,
    r"admission (GRANTED|REFUSED|DISCONTINUED) on (.+)": _decided,
    r"Council decision in force on (.+)": _council,
    r"arrived on (.+) after take charge": _set(
        "arrival_after_take_charge_on", lambda text: instant(text).date()
    ),
    r"arrived on (.+) after relocation": _set(
        "arrival_after_relocation_on", lambda text: instant(text).date()
    ),
    r"case \[(\w+)\]": _case,
    r"named responsible (\w+)": _set("responsible_state", STATES.__getitem__),
    r"healthy again (.+)": _clock("health_grounds_ended_at"),
    r"in custody until (.+)": _clock("custody_until"),
    r"held until turned back": _turned_back,
    r"technical problem \[(\w+)\]": _incident,
    r"age proved by a document": _proof,
    r"taken by a trained official": _trained,
    r"accompanied by (a representative|the official)": _company,
}
"""What may stand after a comma, and what it makes of the taking."""
