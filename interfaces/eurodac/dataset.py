"""The data set of Art. 2(1)(y), and what may be sent, updated and corrected in it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime

from interfaces.eurodac.ages import birth_range
from interfaces.eurodac.categories import RULES, Category, Group, group, is_arrival
from interfaces.eurodac.codes import broken
from interfaces.eurodac.errors import RuleBroken, Violation
from interfaces.eurodac.fields import (
    ATTRIBUTES,
    LISTED_IN,
    REQUIREMENTS,
    ROW_OF,
    Field,
    Requirement,
    requirement,
)
from interfaces.eurodac.policy import Policy
from interfaces.eurodac.reference import check
from interfaces.eurodac.states import EUROPOL, STATES, is_union_citizen
from interfaces.eurodac.terms import (
    UNKNOWN,
    AdmissionDecision,
    AdmissionOutcome,
    Authenticity,
    CouncilDecision,
    Document,
    DocumentScan,
    Event,
    Mark,
    MarkType,
    Sex,
    Visa,
)

__all__ = [
    "REQUIREMENTS",
    "UNKNOWN",
    "AdmissionDecision",
    "AdmissionOutcome",
    "Authenticity",
    "CouncilDecision",
    "DataSet",
    "Document",
    "DocumentScan",
    "Event",
    "Field",
    "Mark",
    "MarkType",
    "Requirement",
    "Sex",
    "Visa",
    "check_correction",
    "check_scans",
    "check_transmission",
    "check_update",
    "complete_for_mid",
    "requirement",
]


@dataclass(frozen=True, slots=True)
class DataSet:
    """One data set. Attribute names are the field names of the wire; None or empty: absent.

    Biometrics are kept beside it, never in it.
    """

    category: Category
    origin: str
    reference_number: str = ""
    surnames: tuple[str, ...] = ()
    forenames: tuple[str, ...] = ()
    names_at_birth: tuple[str, ...] = ()
    earlier_names: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    nationalities: tuple[str, ...] = ()
    date_of_birth: str = ""
    place_of_birth: str = ""
    sex: Sex | None = None
    event: Event | None = None
    document: Document | None = None
    document_scans: tuple[DocumentScan, ...] = ()
    biometrics_taken_at: datetime | None = None
    transmitted_at: datetime | None = None
    operator_user_id: str = ""
    responsible_state: str = ""
    relocation_state: str = ""
    arrival_after_take_charge_on: date | None = None
    arrival_after_take_back_on: date | None = None
    left_member_states_on: date | None = None
    removed_on: date | None = None
    arrival_after_relocation_on: date | None = None
    visa: Visa | None = None
    security_flag: bool = False
    application_rejected: bool = False
    border_procedure_final: bool = False
    avrr_granted: bool = False
    admission_decision: AdmissionDecision | None = None
    exclusion_ground_applies: bool = False
    council_decision: CouncilDecision | None = None
    marks: tuple[Mark, ...] = ()
    case_reference: str = ""


ALPHA3 = re.compile(r"[A-Z]{3}")
"""Form of ISO 3166-1 alpha-3 codes, and of the travel-document codes XXA, XXB, XXC and XXX."""

MANDATORY_NAMES = ("surnames", "forenames")
"""The other names of row 3 may be entered separately where there are any."""

NOT_SENT = frozenset({Requirement.FORBIDDEN, Requirement.OWN_CALL})
"""Cells of fields that no transmission carries."""

REFUSAL_GROUNDS = frozenset("cd")
"""Art. 6(1)(f) of Regulation (EU) 2024/1350 points at its letters (c) and (d)."""


def check_transmission(
    data_set: DataSet,
    *,
    fingerprints: bool,
    face: bool,
    missing_declared: bool = False,
    sent: bool = False,
    policy: Policy | None = None,
) -> tuple[Violation, ...]:
    """Everything that forbids sending this data set; empty when it may go.

    fingerprints, face: whether any such sample goes with it. missing_declared: whether every
    finger that is not there was declared missing. sent: the date of transmission must be there.
    """
    policy = policy or Policy()
    return (
        *_check_biometrics(data_set, fingerprints, face, missing_declared),
        *_check_presence(data_set, sent),
        *_check_number(data_set),
        *_check_identity(data_set, policy),
        *_check_states(data_set),
        *_check_decision(data_set),
        *check_scans(data_set.document_scans),
    )


def _check_biometrics(
    data_set: DataSet, fingerprints: bool, face: bool, missing_declared: bool
) -> Iterator[Violation]:
    listed = LISTED_IN[group(data_set.category)]
    if RULES[data_set.category].stored:
        # Art. 28(1): a data set without prints is sent when no finger can give one.
        if not fingerprints and not missing_declared:
            yield broken("V04", "fingerprints", listed, remedy="Take them or declare each missing.")
        if not face:
            yield broken("V04", "face", listed, remedy="Take the face image.")
    elif group(data_set.category) is Group.ART_18_1:
        if not (fingerprints or face):
            yield broken("V04", "fingerprints", listed, remedy="Send fingerprints or a face.")
        # Art. 28(3): the sex goes with the face.
        if data_set.sex is not None and not face:
            yield broken("V01", "sex", "28(3)", rule="The sex is sent with a face image only.")


def _check_presence(data_set: DataSet, sent: bool) -> Iterator[Violation]:
    category = data_set.category
    listed = LISTED_IN[group(category)]
    for name in (*ROW_OF, "case_reference"):
        cells = _cells(name, category)
        present = bool(getattr(data_set, name))
        if present and cells <= NOT_SENT:
            yield broken("V01", name, listed)
        elif not present and Requirement.MANDATORY in cells and _is_wanted(name, sent):
            yield broken("V04", name, listed)


def _is_wanted(name: str, sent: bool) -> bool:
    if name in ATTRIBUTES[Field.NAMES]:
        return name in MANDATORY_NAMES
    return sent or name != "transmitted_at"


def _check_number(data_set: DataSet) -> tuple[Violation, ...]:
    if not data_set.reference_number:
        return ()
    try:
        check(data_set.reference_number, category=data_set.category, state=data_set.origin)
    except RuleBroken as refused:
        return refused.violations
    return ()


def _check_identity(data_set: DataSet, policy: Policy) -> Iterator[Violation]:
    listed = LISTED_IN[group(data_set.category)]
    born = data_set.date_of_birth
    if born and birth_range(born) is None:
        yield broken("V05", "date_of_birth", listed, remedy="Write an ISO 8601 day, month or year.")
    for nationality in data_set.nationalities:
        if nationality != UNKNOWN and not ALPHA3.fullmatch(nationality):
            yield broken("V05", "nationalities", listed, remedy="Write ISO 3166-1 alpha-3 codes.")
        if is_union_citizen(nationality, associated_too=policy.associated_citizenship_erases):
            yield broken("V10", "nationalities", "2(1)(f)")
    document = data_set.document
    if document is not None and not ALPHA3.fullmatch(document.issuing_country):
        yield broken("V05", "document", listed, remedy="Write the three-letter issuing country.")


def _check_states(data_set: DataSet) -> Iterator[Violation]:
    if data_set.origin not in STATES and not (
        data_set.category is Category.EUROPOL_SEARCH and data_set.origin == EUROPOL
    ):
        yield broken("V20", "origin", "37(4)")
    for name in ("responsible_state", "relocation_state"):
        letters = getattr(data_set, name)
        if letters and letters not in STATES:
            yield broken("V20", name, "17(2)")


def _check_decision(data_set: DataSet) -> Iterator[Violation]:
    decision = data_set.admission_decision
    if decision is None:
        return
    if (
        group(data_set.category) is Group.ART_20
        and decision.outcome is not AdmissionOutcome.GRANTED
    ):
        rule = "A national resettlement is recorded when it is granted."
        yield broken("V05", "admission_decision", "20(1)", rule=rule)
    refused = decision.outcome is AdmissionOutcome.REFUSED
    if refused and not (decision.grounds and REFUSAL_GROUNDS.issuperset(decision.grounds)):
        rule = "A refusal is recorded with its grounds, (c) or (d)."
        yield broken("V05", "admission_decision", "19(1)(p)", rule=rule)
    if decision.grounds and not refused:
        yield broken("V01", "admission_decision", "19(1)", rule="Only a refusal has grounds.")


def check_scans(scans: Collection[DocumentScan]) -> tuple[Violation, ...]:
    """What forbids storing these scans: forgeries, a second other document (17(1)(j), recital 23).

    >>> other = DocumentScan(False, Authenticity.NOT_ESTABLISHED, b"scan")
    >>> [str(one.code) for one in check_scans([other, other])]
    ['V07']
    """
    article = "17(1)(j)"
    others = [scan for scan in scans if not scan.identity_document]
    identified = len(others) < len(scans)
    found = []
    if any(scan.authenticity is Authenticity.FORGED for scan in scans):
        rule = "A document known to be forged is not stored."
        found.append(broken("V07", "document_scans", "recital 23", rule=rule))
    if len(others) > 1 or (others and identified):
        rule = "One other document at most, and only without an identity or travel document."
        found.append(broken("V07", "document_scans", article, rule=rule))
    if not all(scan.image for scan in scans):
        found.append(broken("V05", "document_scans", article, rule="A scan has an image."))
    return tuple(found)


UPDATABLE = frozenset({Requirement.LATER, Requirement.AS_SOON_AS_AVAILABLE})
"""Cells of fields that become known after the first transmission."""

OWN_CALLS = frozenset({"security_flag", "marks"})
"""Fields with conditions of their own, set and cleared by the calls made for them."""

FIXED = frozenset({"category", "origin", "reference_number", "transmitted_at"}) | OWN_CALLS
"""Fields that no correction changes: the number shows the first two, Art. 29 counts from the last.
"""


def check_update(category: Category, changed_fields: Iterable[str]) -> tuple[Violation, ...]:
    """What forbids this status update (Arts 16, 17(2), 22(3), 23(3), 24(3), 25).

    >>> check_update(Category.SAR, ["document", "removed_on"])
    ()
    >>> [one.code for one in check_update(Category.IRREGULAR_CROSSING, ["visa", "surnames"])]
    ['V01', 'V08']
    """
    found = []
    for name in changed_fields:
        cells = _cells(name, category)
        if cells <= {Requirement.FORBIDDEN}:
            found.append(broken("V01", name, LISTED_IN[group(category)]))
        elif name in OWN_CALLS or not cells & UPDATABLE:
            found.append(broken("V08", name, LISTED_IN[group(category)]))
    return tuple(found)


def check_correction(category: Category, changed_fields: Iterable[str]) -> tuple[Violation, ...]:
    """What forbids the origin State to amend these fields of its data set, Art. 40(3).

    >>> [one.code for one in check_correction(Category.SAR, ["surnames", "visa", "category"])]
    ['V01', 'V08']
    """
    found = []
    for name in changed_fields:
        if name in FIXED:
            remedy = "Erase the data set and record the person anew, or use the field's own call."
            found.append(broken("V08", name, "40(3)", rule="It is not corrected.", remedy=remedy))
        elif _cells(name, category) <= {Requirement.FORBIDDEN}:
            found.append(broken("V01", name, LISTED_IN[group(category)]))
    return tuple(found)


def _cells(name: str, category: Category) -> set[Requirement]:
    # The transferring State's number is on no list of fields: it links without a comparison.
    if name == "case_reference":
        allowed = Requirement.WHERE_AVAILABLE if is_arrival(category) else Requirement.FORBIDDEN
        return {allowed}
    return {requirement(row, category) for row in ROW_OF.get(name, ())}


def updated(data_set: DataSet, changes: DataSet, names: Collection[str]) -> DataSet:
    """The data set with these fields taken from the changes; RuleBroken when one may not change.

    >>> stored = DataSet(Category.SAR, "IT")
    >>> updated(stored, replace(stored, avrr_granted=True), ["avrr_granted"]).avrr_granted
    True
    """
    refused = check_update(data_set.category, names)
    if refused:
        raise RuleBroken(*refused)
    return replace(data_set, **{name: getattr(changes, name) for name in names})


def complete_for_mid(data_set: DataSet, *, fingerprints: bool = True, face: bool = True) -> bool:
    """Whether points (a) to (f) and (h) are all recorded, so that multiple-identity detection runs.

    Arts 17(3), 19(2), 21(2), 22(10), 23(8), 24(11), 26(7). UNKNOWN is not a recorded value.

    >>> complete_for_mid(DataSet(Category.SAR, "IT", surnames=("A",)))
    False
    """
    names = {*data_set.surnames, *data_set.forenames} - {UNKNOWN}
    nationalities = set(data_set.nationalities) - {UNKNOWN}
    births = {data_set.date_of_birth, data_set.place_of_birth} & {"", UNKNOWN}
    sex = data_set.sex not in (None, Sex.UNKNOWN)
    points = (fingerprints, face, names, nationalities, not births, sex)
    return RULES[data_set.category].stored and all(map(bool, points))
