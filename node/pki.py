"""Certificates for a trial: one authority, a server, and a certificate per role and for the line
to the centre. A real installation brings those of its own authority.

The subject says who calls: C the Member State, O the unit, OU the role, CN the user
(`node.access`). Keys are written readable for their owner alone and never overwritten.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from node.errors import PkiRefused

VALID_DAYS = 397
"""Life of a trial certificate: the longest that common TLS software accepts for servers."""

BACKDATED = timedelta(minutes=5)
"""Start of validity before now: clocks of stations may be a little behind."""

ACCESS_POINT = "NAP"
"""OU of the certificate with which a node calls the centre."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a certificate names."""

    state: str
    unit: str
    role: str
    user: str

    def name(self) -> x509.Name:
        """The subject as a distinguished name."""
        return x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, self.state),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, self.unit),
                x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, self.role),
                x509.NameAttribute(NameOID.COMMON_NAME, self.user),
            ]
        )


@dataclass(frozen=True, slots=True)
class Authority:
    """What signs: its certificate and key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def make_authority(folder: Path, name: str, *, now: datetime | None = None) -> Authority:
    """Make the authority of a trial in `folder`: ca.pem and ca.key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        _builder(subject, key, now or datetime.now(UTC))
        .issuer_name(subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
    )
    authority = Authority(builder.sign(key, hashes.SHA256()), key)
    _write(folder, "ca", authority.certificate, key)
    return authority


def read_authority(folder: Path) -> Authority:
    """The authority that `make_authority` wrote; PkiRefused when there is none."""
    try:
        certificate = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
        key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
    except (OSError, ValueError) as error:
        raise PkiRefused(f"{folder} holds no authority; make one with `pki init`") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise PkiRefused(f"{folder}/ca.key is no elliptic curve key")
    return Authority(certificate, key)


def issue(
    authority: Authority,
    folder: Path,
    name: str,
    *,
    subject: Subject,
    hosts: Iterable[str] = (),
    now: datetime | None = None,
) -> None:
    """Write NAME.pem and NAME.key. hosts: names or addresses of a server; none for a caller."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = [_general_name(host) for host in hosts]
    usage = ExtendedKeyUsageOID.SERVER_AUTH if names else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = (
        _builder(subject.name(), key, now or datetime.now(UTC))
        .issuer_name(authority.certificate.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    _write(folder, name, builder.sign(authority.key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + timedelta(days=VALID_DAYS))
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write(
    folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> None:
    if name in {"", ".."} or Path(name).name != name:
        raise PkiRefused("a certificate's name is a plain file name")
    folder.mkdir(parents=True, exist_ok=True)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    try:
        descriptor = os.open(folder / f"{name}.key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise PkiRefused(f"{folder / name}.key exists; keys are never overwritten") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
