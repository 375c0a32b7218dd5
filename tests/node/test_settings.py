"""Settings: read once, fully checked, and precise about what is wrong."""

from datetime import date
from pathlib import Path

import pytest

from node.errors import SettingsWrong
from node.settings import (
    CentralSettings,
    GallerySettings,
    Settings,
    Thresholds,
    TlsFiles,
    read_settings,
)

LEAST = {"EURODAC_MEMBER_STATE": "DK", "EURODAC_DATA_FOLDER": "/data"}


def write(tmp_path: Path, content: str) -> Path:
    path = tmp_path / "node.toml"
    path.write_text(content, encoding="utf-8")
    return path


def test_state_and_folder_are_enough() -> None:
    assert read_settings(None, LEAST) == Settings("DK", Path("/data"))


def test_a_file_says_everything(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        member_state = "SE"
        data_folder = "/var/lib/eurodac"
        [tls]
        certificate = "node.pem"
        key = "node.key"
        authorities = "ca.pem"
        [central]
        address = "central.example:7443"
        timeout_seconds = 10
        [thresholds]
        identify = 55.5
        [policy]
        face_comparison_from = 2028-06-12
        grey_band = [30.0, 50]
        expert_always = false
        """,
    )
    found = read_settings(path, {})
    assert found.tls == TlsFiles(Path("node.pem"), Path("node.key"), Path("ca.pem"))
    assert found.central == CentralSettings("central.example:7443", timeout_seconds=10.0)
    assert found.thresholds == Thresholds(identify=55.5)
    assert found.policy.face_comparison_from == date(2028, 6, 12)
    assert found.policy.grey_band == (30.0, 50.0)
    assert found.policy.expert_always is False


def test_a_variable_outdoes_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, 'member_state = "SE"\ndata_folder = "/a"\n[central]\naddress = "x:1"')
    variables = {
        "EURODAC_MEMBER_STATE": "DK",
        "EURODAC_CENTRAL_ADDRESS": "y:2",
        "EURODAC_QUALITY_GOOD_FINGERS": "6",
        "EURODAC_UNSAFE_PLAINTEXT": "true",
        "EURODAC_POLICY_FACE_COMPARISON_FROM": "2028-01-01",
        "EURODAC_POLICY_GREY_BAND": "10, 20",
        "EURODAC_GALLERY_CLUSTER": "head.example:6379",
        "EURODAC_GALLERY_MINUTIAE_ON_DISK": "true",
        "EURODAC_GALLERY_SCRATCH": "/fast",
        "EURODAC_CENTRAL_TLS_CERTIFICATE": "c",
        "EURODAC_CENTRAL_TLS_KEY": "k",
        "EURODAC_CENTRAL_TLS_AUTHORITIES": "a",
        "PATH": "/bin",
    }
    found = read_settings(path, variables)
    assert found.member_state == "DK"
    assert found.central.address == "y:2"
    assert found.central.tls == TlsFiles(Path("c"), Path("k"), Path("a"))
    assert found.quality.good_fingers == 6
    assert found.gallery == GallerySettings(
        "head.example:6379", minutiae_on_disk=True, scratch=Path("/fast")
    )
    assert found.unsafe_plaintext is True
    assert found.policy.face_comparison_from == date(2028, 1, 1)
    assert found.policy.grey_band == (10.0, 20.0)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('data_folder = "/a"', "member_state: must be set"),
        ('member_state = "DK"', "data_folder: must be set"),
        ('member_state = "XX"\ndata_folder = "/a"', "no participating State"),
        ('member_state = 5\ndata_folder = "/a"', "member_state: must be str, not int"),
        ('member_state = "DK"\ndata_folder = "/a"\nlisen = "x"', "lisen: unknown"),
        ("[central]\nadress = 'x'", "central.adress: unknown"),
        ("[central]\ntimeout_seconds = 0.0", "not within 0.1 and 600.0"),
        ("[central]\ntimeout_seconds = 'soon'", "central.timeout_seconds: must be float"),
        ("[thresholds]\nidentify = true", "thresholds.identify: must be float, not bool"),
        ("[quality]\ngood_fingers = 11", "quality.good_fingers: 11 is not within 1 and 10"),
        ("[quality]\ngood_fingers = 2.5", "quality.good_fingers: must be int, not float"),
        ("[policy]\ngrey_band = [1.0]", "policy.grey_band"),
        ("[policy]\nart26_from = 'soon'", "policy.art26_from: must be date"),
        ("[tls]\ncertificate = 'a'", "tls.key: must be set"),
        ("central = 'x:1'", "central: must be a table"),
        ("member_state = ", "node.toml"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, content: str, complaint: str) -> None:
    if "member_state" not in content and "data_folder" not in content:
        content = f'member_state = "DK"\ndata_folder = "/a"\n{content}'
    with pytest.raises(SettingsWrong, match=complaint.replace(".", r"\.")):
        read_settings(write(tmp_path, content), {})


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("EURODAC_LISEN", "x", "unknown variables: EURODAC_LISEN"),
        ("EURODAC_QUALITY_FINGER", "good", "EURODAC_QUALITY_FINGER: must be a int"),
        ("EURODAC_UNSAFE_PLAINTEXT", "yes", "must be true or false"),
        ("EURODAC_CENTRAL_TIMEOUT_SECONDS", "1e9", "not within"),
        ("EURODAC_CENTRAL_TIMEOUT_SECONDS", "nan", "not within"),
        ("EURODAC_POLICY_ART26_FROM", "soon", "must be a date"),
    ],
)
def test_a_wrong_variable_is_named(variable: str, value: str, complaint: str) -> None:
    with pytest.raises(SettingsWrong, match=complaint):
        read_settings(None, LEAST | {variable: value})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong, match=r"absent\.toml"):
        read_settings(tmp_path / "absent.toml", LEAST)
