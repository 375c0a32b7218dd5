"""Trial certificates say who calls, are signed by the trial's authority, and are never lost."""

import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from node.access import Actor, Role, actor_from_certificate
from node.errors import PkiRefused
from node.pki import Subject, issue, make_authority, read_authority

DESK = Subject(state="DK", unit="Border post 4", role="CAPTURE_STATION", user="station-7")


def _certificate(folder: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / f"{name}.pem").read_bytes())


def test_a_caller_is_read_back_from_its_certificate(tmp_path: Path) -> None:
    issue(make_authority(tmp_path, "Trial"), tmp_path, "desk", subject=DESK)
    actor = actor_from_certificate(_certificate(tmp_path, "desk"))
    assert actor == Actor("DK", "Border post 4", "station-7", Role.CAPTURE_STATION)


def test_the_authority_signs_what_it_issues_and_can_be_read_again(tmp_path: Path) -> None:
    make_authority(tmp_path, "Trial")
    authority = read_authority(tmp_path)
    issue(authority, tmp_path, "desk", subject=DESK)
    _certificate(tmp_path, "desk").verify_directly_issued_by(authority.certificate)


def test_a_caller_cannot_pose_as_a_server(tmp_path: Path) -> None:
    issue(make_authority(tmp_path, "Trial"), tmp_path, "desk", subject=DESK)
    usage = _certificate(tmp_path, "desk").extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert list(usage.value) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_a_server_is_known_by_its_names_and_addresses(tmp_path: Path) -> None:
    hosts = ["127.0.0.1", "node.example"]
    issue(make_authority(tmp_path, "Trial"), tmp_path, "server", subject=DESK, hosts=hosts)
    names = _certificate(tmp_path, "server").extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == ["node.example"]
    assert [str(ip) for ip in names.value.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


def test_only_the_owner_reads_a_key(tmp_path: Path) -> None:
    make_authority(tmp_path, "Trial")
    assert stat.S_IMODE((tmp_path / "ca.key").stat().st_mode) == 0o600


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    make_authority(tmp_path, "Trial")
    before = (tmp_path / "ca.key").read_bytes()
    with pytest.raises(PkiRefused):
        make_authority(tmp_path, "Trial")
    assert (tmp_path / "ca.key").read_bytes() == before


def test_a_folder_without_an_authority_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(PkiRefused, match="pki init"):
        read_authority(tmp_path)


@pytest.mark.parametrize("name", ["", "..", "../other", "a/b"])
def test_a_name_cannot_lead_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(PkiRefused):
        issue(make_authority(tmp_path, "Trial"), tmp_path, name, subject=DESK)
