"""Who may do what, and for which purpose: one table, asked by every act in its first beat.

The actor is read from the client certificate and from nothing else: C the Member State, O the
unit, OU the role, CN the user (Art. 48(2)(g): unique user identities; Art. 40(2): listed units).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from cryptography import x509
from cryptography.x509.oid import NameOID

from interfaces.eurodac.categories import Category, digit
from interfaces.eurodac.reference import parse
from node.errors import AccessDenied

MAX_NAME_CHARACTERS = 64
"""Length of a unit or user: the upper bound of the X.520 attributes that carry them."""


class Role(StrEnum):
    """What a person (or the node itself) is employed for."""

    CAPTURE_STATION = "CAPTURE_STATION"
    ASYLUM_DESK = "ASYLUM_DESK"
    FINGERPRINT_EXPERT = "FINGERPRINT_EXPERT"
    SUPERVISOR = "SUPERVISOR"
    AUDITOR = "AUDITOR"
    ADMINISTRATOR = "ADMINISTRATOR"
    REQUESTER = "REQUESTER"
    """Operating unit of a designated authority, Art. 5."""
    VERIFIER = "VERIFIER"
    """Verifying authority, Art. 6."""
    EUROPOL_REQUESTER = "EUROPOL_REQUESTER"
    """Designated unit of Europol, Art. 7(1)."""
    EUROPOL_VERIFIER = "EUROPOL_VERIFIER"
    """Verifying unit of Europol, Art. 7(2)."""
    DATA_PROTECTION = "DATA_PROTECTION"
    """Desk that answers data subjects, Art. 43."""
    NODE = "NODE"


class Act(StrEnum):
    """Every act of the node that touches data."""

    ASSESS_QUALITY = "ASSESS_QUALITY"
    ENROL = "ENROL"
    RECAPTURE = "RECAPTURE"
    REPORT_OBSTACLE = "REPORT_OBSTACLE"
    UPDATE_STATUS = "UPDATE_STATUS"
    CORRECT = "CORRECT"
    ERASE = "ERASE"
    SET_MARK = "SET_MARK"
    CLEAR_MARK = "CLEAR_MARK"
    PROPOSE_FLAG = "PROPOSE_FLAG"
    APPROVE_FLAG = "APPROVE_FLAG"
    DELETE_FLAG = "DELETE_FLAG"
    IDENTIFY = "IDENTIFY"
    COMPARE = "COMPARE"
    SEARCH_ADMISSION = "SEARCH_ADMISSION"
    READ_CASE = "READ_CASE"
    LIST_DUE = "LIST_DUE"
    FINISH_TASK = "FINISH_TASK"
    READ_HIT_IMAGES = "READ_HIT_IMAGES"
    DECIDE_HIT = "DECIDE_HIT"
    RECORD_EVENT = "RECORD_EVENT"
    READ_INDICATORS = "READ_INDICATORS"
    READ_STATUS = "READ_STATUS"
    READ_AUDIT = "READ_AUDIT"
    DECLARE_EXTENSION = "DECLARE_EXTENSION"
    PROPOSE_DECLARATION = "PROPOSE_DECLARATION"
    APPROVE_DECLARATION = "APPROVE_DECLARATION"
    READ_DECLARATIONS = "READ_DECLARATIONS"
    HOLD_AUDIT = "HOLD_AUDIT"
    PRUNE_AUDIT = "PRUNE_AUDIT"
    DELIVER = "DELIVER"
    RECEIVE_NOTICE = "RECEIVE_NOTICE"
    SWEEP = "SWEEP"
    RE_EMBED = "RE_EMBED"
    RAISE_ALARM = "RAISE_ALARM"
    FOLLOW_LINKS = "FOLLOW_LINKS"
    REQUEST_SEARCH = "REQUEST_SEARCH"
    VERIFY_SEARCH = "VERIFY_SEARCH"
    READ_SEARCH = "READ_SEARCH"
    LIST_SEARCHES = "LIST_SEARCHES"
    KEEP_SEARCH = "KEEP_SEARCH"
    AUTHORISE_USE = "AUTHORISE_USE"
    CONFIRM_ERASURE = "CONFIRM_ERASURE"
    REQUEST_ACCESS = "REQUEST_ACCESS"
    READ_ACCESS = "READ_ACCESS"
    CLOSE_ACCESS = "CLOSE_ACCESS"
    READ_SEARCH_RECORD = "READ_SEARCH_RECORD"
    DISCLOSE = "DISCLOSE"
    TRANSFER_FOR_RETURN = "TRANSFER_FOR_RETURN"
    ASK_PORTAL = "ASK_PORTAL"
    CLOSE_ENQUIRY = "CLOSE_ENQUIRY"
    LIST_LINKS = "LIST_LINKS"
    VERIFY_LINK = "VERIFY_LINK"


class Purpose(StrEnum):
    """What the data serve (points of Art. 1(1)), and the two purposes of running the node."""

    RESPONSIBILITY = "RESPONSIBILITY"
    RESETTLEMENT = "RESETTLEMENT"
    IRREGULAR_MIGRATION = "IRREGULAR_MIGRATION"
    TEMPORARY_PROTECTION = "TEMPORARY_PROTECTION"
    LAW_ENFORCEMENT = "LAW_ENFORCEMENT"
    EUROPOL = "EUROPOL"
    DATA_SUBJECT_RIGHTS = "DATA_SUBJECT_RIGHTS"
    OVERSIGHT = "OVERSIGHT"
    OPERATION = "OPERATION"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: letters of the Member State, unit, user and role."""

    state: str
    unit: str
    user: str
    role: Role


def node_itself(state: str) -> Actor:
    """The actor of deliveries, notices, sweeps and new templates; no certificate can claim it."""
    return Actor(state=state, unit="node", user="node", role=Role.NODE)


_CASEWORK = frozenset(
    {
        Purpose.RESPONSIBILITY,
        Purpose.RESETTLEMENT,
        Purpose.IRREGULAR_MIGRATION,
        Purpose.TEMPORARY_PROTECTION,
    }
)
_RESETTLEMENT = frozenset({Purpose.RESETTLEMENT})
_RUNNING = frozenset({Purpose.OPERATION})
_OVERSIGHT = frozenset({Purpose.OVERSIGHT})

PURPOSES: Mapping[Category, Purpose] = MappingProxyType(
    {
        Category.APPLICANT_REG: Purpose.RESPONSIBILITY,
        Category.APPLICANT_BORDER: Purpose.RESPONSIBILITY,
        Category.APPLICANT_ARRIVAL: Purpose.RESPONSIBILITY,
        Category.APPLICANT_RELOCATED: Purpose.RESPONSIBILITY,
        Category.IRREGULAR_CROSSING: Purpose.IRREGULAR_MIGRATION,
        Category.ILLEGAL_STAY: Purpose.IRREGULAR_MIGRATION,
        Category.ILLEGAL_STAY_RELOCATED: Purpose.IRREGULAR_MIGRATION,
        Category.SAR: Purpose.IRREGULAR_MIGRATION,
        Category.TEMP_PROTECTION: Purpose.TEMPORARY_PROTECTION,
        Category.ADMISSION_SEARCH: Purpose.RESETTLEMENT,
        Category.ADMISSION_RECORD: Purpose.RESETTLEMENT,
        Category.NATIONAL_RESETTLEMENT: Purpose.RESETTLEMENT,
    }
)
"""What each category of persons serves. Requests of law enforcement (Arts 32, 34) and of data
subjects (Art. 43) are no enrolments; they have purposes and roles of their own."""

SEARCH_PURPOSES: Mapping[Category, Purpose] = MappingProxyType(
    {
        Category.LEA_SEARCH: Purpose.LAW_ENFORCEMENT,
        Category.EUROPOL_SEARCH: Purpose.EUROPOL,
        Category.DATA_SUBJECT: Purpose.DATA_SUBJECT_RIGHTS,
    }
)
"""What each category of requests serves; no desk of the casework holds any of them."""

_DESK = {Role.CAPTURE_STATION: _CASEWORK, Role.ASYLUM_DESK: _CASEWORK, Role.SUPERVISOR: _CASEWORK}
_OFFICE = {Role.ASYLUM_DESK: _CASEWORK, Role.SUPERVISOR: _CASEWORK}
_LOOK = {**_DESK, Role.FINGERPRINT_EXPERT: _CASEWORK}
_NODE = {Role.NODE: _RUNNING}
_REQUESTERS = {
    Role.REQUESTER: frozenset({Purpose.LAW_ENFORCEMENT}),
    Role.EUROPOL_REQUESTER: frozenset({Purpose.EUROPOL}),
}
_VERIFIERS = {
    Role.VERIFIER: frozenset({Purpose.LAW_ENFORCEMENT}),
    Role.EUROPOL_VERIFIER: frozenset({Purpose.EUROPOL}),
}
_RIGHTS = {Role.DATA_PROTECTION: frozenset({Purpose.DATA_SUBJECT_RIGHTS})}

PERMISSIONS: Mapping[Act, Mapping[Role, frozenset[Purpose]]] = MappingProxyType(
    {
        Act.ASSESS_QUALITY: _LOOK,
        Act.ENROL: _DESK,
        Act.RECAPTURE: _DESK,
        Act.REPORT_OBSTACLE: _DESK,
        Act.UPDATE_STATUS: _OFFICE,
        Act.CORRECT: _OFFICE,
        Act.ERASE: {Role.SUPERVISOR: _CASEWORK},
        Act.SET_MARK: _OFFICE,
        Act.CLEAR_MARK: _OFFICE,
        Act.PROPOSE_FLAG: _OFFICE,
        Act.APPROVE_FLAG: {Role.SUPERVISOR: _CASEWORK},
        Act.DELETE_FLAG: {Role.SUPERVISOR: _CASEWORK},
        Act.IDENTIFY: {**_OFFICE, Role.FINGERPRINT_EXPERT: _CASEWORK},
        Act.COMPARE: _LOOK,
        Act.SEARCH_ADMISSION: {
            Role.ASYLUM_DESK: _RESETTLEMENT,
            Role.SUPERVISOR: _RESETTLEMENT,
        },
        Act.READ_CASE: _LOOK,
        Act.LIST_DUE: {**_OFFICE, Role.FINGERPRINT_EXPERT: _CASEWORK},
        Act.FINISH_TASK: _OFFICE,
        # The desk compares the returned face with the person before it (Art. 38(4)).
        Act.READ_HIT_IMAGES: {**_OFFICE, Role.FINGERPRINT_EXPERT: _CASEWORK},
        Act.DECIDE_HIT: {Role.FINGERPRINT_EXPERT: _CASEWORK},
        Act.RECORD_EVENT: _OFFICE,
        Act.READ_INDICATORS: {Role.SUPERVISOR: _RUNNING, Role.ADMINISTRATOR: _RUNNING},
        Act.READ_STATUS: {
            **dict.fromkeys(set(Role) - {Role.NODE}, _RUNNING),
        },
        Act.READ_AUDIT: {Role.AUDITOR: _OVERSIGHT},
        Act.DECLARE_EXTENSION: {Role.SUPERVISOR: _RUNNING},
        Act.PROPOSE_DECLARATION: {Role.SUPERVISOR: _RUNNING},
        Act.APPROVE_DECLARATION: {Role.SUPERVISOR: _RUNNING},
        # Every desk works under the limits that they change.
        Act.READ_DECLARATIONS: {
            Role.ASYLUM_DESK: _RUNNING,
            Role.SUPERVISOR: _RUNNING,
            Role.AUDITOR: _RUNNING,
        },
        Act.HOLD_AUDIT: {Role.AUDITOR: _OVERSIGHT},
        Act.PRUNE_AUDIT: {**_NODE, Role.ADMINISTRATOR: _RUNNING},
        Act.DELIVER: _NODE,
        Act.RECEIVE_NOTICE: _NODE,
        Act.RAISE_ALARM: _NODE,
        Act.FOLLOW_LINKS: _NODE,
        Act.SWEEP: {**_NODE, Role.ADMINISTRATOR: _RUNNING},
        Act.RE_EMBED: _NODE,
        Act.REQUEST_SEARCH: _REQUESTERS,
        Act.VERIFY_SEARCH: _VERIFIERS,
        Act.READ_SEARCH: {**_REQUESTERS, **_VERIFIERS},
        Act.LIST_SEARCHES: {**_REQUESTERS, **_VERIFIERS},
        Act.KEEP_SEARCH: _REQUESTERS,
        # Obtained through the Europol national unit of the State of origin (Art. 34(4)).
        Act.AUTHORISE_USE: {Role.EUROPOL_VERIFIER: frozenset({Purpose.EUROPOL})},
        Act.CONFIRM_ERASURE: _REQUESTERS,
        Act.REQUEST_ACCESS: _RIGHTS,
        Act.READ_ACCESS: _RIGHTS,
        Act.CLOSE_ACCESS: _RIGHTS,
        Act.READ_SEARCH_RECORD: {Role.AUDITOR: _OVERSIGHT},
        Act.DISCLOSE: _OFFICE,
        Act.TRANSFER_FOR_RETURN: _OFFICE,
        # Regulation (EU) 2019/818, Arts 22(1) and 29(1): who may search, and who collects.
        Act.ASK_PORTAL: _REQUESTERS,
        Act.CLOSE_ENQUIRY: _REQUESTERS,
        Act.LIST_LINKS: _OFFICE,
        Act.VERIFY_LINK: _OFFICE,
    }
)
"""Act x role: for which purposes. What is not in the table is denied."""

PARTITIONS: Mapping[Category, int] = MappingProxyType(
    {category: number for number, category in enumerate(Category)}
)
"""The gallery partition of each category: an opaque number to the matcher, through which access
acts inside a search."""


def allow(actor: Actor, act: Act, purpose: Purpose, *, member_state: str) -> None:
    """Say nothing if this actor may do this for this purpose; raise AccessDenied otherwise."""
    if actor.state != member_state:
        raise AccessDenied(f"this is the access point of {member_state} and of no other State")
    if purpose not in PERMISSIONS[act].get(actor.role, frozenset()):
        raise AccessDenied(f"{actor.role} may not {act} for {purpose}")


def searchable(actor: Actor, act: Act) -> frozenset[int]:
    """The partitions of the gallery that this actor may search in this act."""
    purposes = PERMISSIONS[act].get(actor.role, frozenset())
    return frozenset(
        PARTITIONS[category] for category, purpose in PURPOSES.items() if purpose in purposes
    )


def purpose_of(category: Category) -> Purpose:
    """The purpose that data of a category serve; AccessDenied where no desk has one."""
    try:
        return PURPOSES[category]
    except KeyError:
        raise AccessDenied(f"{category} is not enrolled at a desk") from None


def purpose_of_number(reference_number: str) -> Purpose:
    """The purpose that a reference number shows by its digit; RuleBroken if it is none.

    Known before the store is asked, so that a denial tells nothing of what is stored.
    """
    shown = parse(reference_number).digit
    for category, purpose in PURPOSES.items():
        if digit(category) == shown:
            return purpose
    raise AccessDenied("no desk holds data under numbers of this kind")


def purpose_of_search(reference_number: str) -> Purpose:
    """The purpose that the number of a request shows by its digit; RuleBroken if it is none."""
    shown = parse(reference_number).digit
    for category, purpose in SEARCH_PURPOSES.items():
        if digit(category) == shown:
            return purpose
    raise AccessDenied("numbers of this kind name persons, not requests")


def actor_from_certificate(certificate: x509.Certificate) -> Actor:
    """The actor that a certificate's subject names."""
    return actor_from_name(certificate.subject)


def actor_from_name(subject: x509.Name) -> Actor:
    """Read the actor from a subject; AccessDenied unless each attribute is there exactly once."""
    state = _read_attribute(subject, NameOID.COUNTRY_NAME, "C")
    unit = _read_attribute(subject, NameOID.ORGANIZATION_NAME, "O")
    role = _read_attribute(subject, NameOID.ORGANIZATIONAL_UNIT_NAME, "OU")
    user = _read_attribute(subject, NameOID.COMMON_NAME, "CN")
    if role not in set(Role) - {Role.NODE}:
        raise AccessDenied("the certificate's OU names no role of this node")
    return Actor(state=state, unit=unit, user=user, role=Role(role))


def _read_attribute(subject: x509.Name, oid: x509.ObjectIdentifier, name: str) -> str:
    values = [attribute.value for attribute in subject.get_attributes_for_oid(oid)]
    if len(values) != 1 or not isinstance(values[0], str):
        raise AccessDenied(f"the certificate's subject must have exactly one {name}")
    value = values[0].strip()
    if not value or len(value) > MAX_NAME_CHARACTERS or not value.isprintable():
        raise AccessDenied(f"the certificate's {name} is empty, too long or not printable")
    return value
