"""Access: the table says it all, and what is not in it is denied."""

from __future__ import annotations

import datetime
from itertools import product

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from interfaces.eurodac.categories import RULES, Category
from interfaces.eurodac.errors import RuleBroken
from node import access
from node.access import (
    PARTITIONS,
    PERMISSIONS,
    PURPOSES,
    Act,
    Actor,
    Purpose,
    Role,
    actor_from_certificate,
)
from node.errors import AccessDenied

FIELDS = {
    NameOID.COUNTRY_NAME: "DK",
    NameOID.ORGANIZATION_NAME: "Unit 1",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "ASYLUM_DESK",
    NameOID.COMMON_NAME: "anna",
}


def certificate_of(*pairs: tuple[x509.ObjectIdentifier, str]) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=900))
        .sign(key, hashes.SHA256())
    )


def test_every_act_has_its_row() -> None:
    assert set(PERMISSIONS) == set(Act)


def test_every_category_of_persons_has_a_purpose_and_every_category_a_partition() -> None:
    persons = {category for category in Category if RULES[category].stored}
    assert set(PURPOSES) == persons | {Category.ADMISSION_SEARCH}
    assert set(PARTITIONS) == set(Category)
    assert len(set(PARTITIONS.values())) == len(Category)


@pytest.mark.parametrize(("act", "role"), list(product(Act, Role)))
def test_an_act_is_allowed_for_the_purposes_of_its_cell_and_denied_for_all_others(
    act: Act, role: Role
) -> None:
    actor = Actor("DK", "Unit 1", "anna", role)
    for purpose in Purpose:
        allowed = purpose in PERMISSIONS[act].get(role, frozenset())
        if allowed:
            access.allow(actor, act, purpose, member_state="DK")
        else:
            with pytest.raises(AccessDenied):
                access.allow(actor, act, purpose, member_state="DK")


@pytest.mark.parametrize(
    ("role", "act"),
    [
        (Role.CAPTURE_STATION, Act.IDENTIFY),
        (Role.CAPTURE_STATION, Act.ERASE),
        (Role.CAPTURE_STATION, Act.DECIDE_HIT),
        (Role.ASYLUM_DESK, Act.DECIDE_HIT),
        (Role.ASYLUM_DESK, Act.APPROVE_FLAG),
        (Role.FINGERPRINT_EXPERT, Act.ENROL),
        (Role.SUPERVISOR, Act.DECIDE_HIT),
        (Role.AUDITOR, Act.READ_CASE),
        (Role.AUDITOR, Act.ENROL),
        (Role.ADMINISTRATOR, Act.READ_CASE),
        (Role.ADMINISTRATOR, Act.READ_AUDIT),
        (Role.ADMINISTRATOR, Act.IDENTIFY),
        (Role.NODE, Act.READ_CASE),
    ],
)
def test_no_purpose_opens_what_a_role_is_not_for(role: Role, act: Act) -> None:
    assert role not in PERMISSIONS[act]


def test_only_an_auditor_reads_the_audit_and_only_an_expert_decides() -> None:
    assert set(PERMISSIONS[Act.READ_AUDIT]) == {Role.AUDITOR}
    assert set(PERMISSIONS[Act.DECIDE_HIT]) == {Role.FINGERPRINT_EXPERT}


def test_another_state_is_denied_whatever_its_role() -> None:
    actor = Actor("IT", "Unit 1", "anna", Role.SUPERVISOR)
    with pytest.raises(AccessDenied):
        access.allow(actor, Act.ENROL, Purpose.RESPONSIBILITY, member_state="DK")


def test_nobody_searches_without_a_purpose() -> None:
    for role in Role:
        found = access.searchable(Actor("DK", "Unit 1", "anna", role), Act.IDENTIFY)
        assert bool(found) == (role in PERMISSIONS[Act.IDENTIFY])


def test_the_purpose_shows_in_the_number() -> None:
    for category, purpose in PURPOSES.items():
        number = f"DK{RULES[category].digit}000000042"
        assert access.purpose_of_number(number) is purpose


@pytest.mark.parametrize("number", ["", "DK", "dk1000", "DK1", "12", "DK1 00"])
def test_what_is_no_number_has_no_purpose(number: str) -> None:
    with pytest.raises(RuleBroken):
        access.purpose_of_number(number)


@pytest.mark.parametrize("digit", [4, 5, 6])
def test_requests_of_police_and_data_subjects_are_no_desk_numbers(digit: int) -> None:
    with pytest.raises(AccessDenied):
        access.purpose_of_number(f"DK{digit}000000042")


def test_the_actor_is_what_the_certificate_says() -> None:
    expected = Actor(state="DK", unit="Unit 1", user="anna", role=Role.ASYLUM_DESK)
    assert actor_from_certificate(certificate_of(*FIELDS.items())) == expected


@pytest.mark.parametrize("oid", FIELDS)
def test_a_subject_that_lacks_or_doubles_an_attribute_is_denied(oid: x509.ObjectIdentifier) -> None:
    lacking = [(name, value) for name, value in FIELDS.items() if name != oid]
    for pairs in (lacking, [*FIELDS.items(), (oid, FIELDS[oid])]):
        with pytest.raises(AccessDenied):
            actor_from_certificate(certificate_of(*pairs))


@pytest.mark.parametrize("role", ["NODE", "KING", "asylum_desk", "NAP"])
def test_a_role_that_no_certificate_may_claim_is_denied(role: str) -> None:
    pairs = FIELDS | {NameOID.ORGANIZATIONAL_UNIT_NAME: role}
    with pytest.raises(AccessDenied):
        actor_from_certificate(certificate_of(*pairs.items()))


@pytest.mark.parametrize("user", [" ", "a\nb"])
def test_a_user_that_is_no_printable_name_is_denied(user: str) -> None:
    pairs = FIELDS | {NameOID.COMMON_NAME: user}
    with pytest.raises(AccessDenied):
        actor_from_certificate(certificate_of(*pairs.items()))
