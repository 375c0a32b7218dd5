"""The line to the centre: who calls is proved by certificate, and each failure has its name."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from interfaces.central.centre import Centre
from interfaces.central.client import CentralBusy, CentralClient, CentralFaulty, Credentials
from interfaces.central.errors import CentralRefused, CentralUnavailable
from interfaces.central.script import Fault, Kind
from interfaces.central.server import open_centre, serve
from interfaces.doorway import TlsFiles
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from matcher.engine import Engine
from node import pki
from node.pki import Subject

ACKNOWLEDGE = central_pb2.AcknowledgeNoticesRequest(up_to=0)


@dataclass(frozen=True)
class Trial:
    """A served centre with the folders of two authorities, of which it trusts one."""

    address: str
    trusted: Path
    stranger: Path

    def client(
        self, folder: Path, name: str = "nap", authority: Path | None = None
    ) -> CentralClient:
        files = Credentials(
            folder / f"{name}.pem", folder / f"{name}.key", (authority or self.trusted) / "ca.pem"
        )
        return CentralClient(self.address, "DK", credentials=files, timeout_seconds=3)


@pytest.fixture
def trial(tmp_path: Path, engine: Engine) -> Iterator[Trial]:
    folders = tmp_path / "trusted", tmp_path / "stranger"
    for folder in folders:
        authority = pki.make_authority(folder, "Trial")
        for name, role in (("centre", "CENTRE"), ("nap", "NAP"), ("clerk", "ASYLUM_DESK")):
            subject = Subject("DK", "Unit 1", role, name)
            hosts = ["127.0.0.1"] if name == "centre" else []
            pki.issue(authority, folder, name, subject=subject, hosts=hosts)
    trusted, stranger = folders
    ledger = tmp_path / "centre"
    ledger.mkdir()
    tls = TlsFiles(trusted / "centre.pem", trusted / "centre.key", trusted / "ca.pem")
    serving = serve(open_centre(ledger, engine), "127.0.0.1:0", tls=tls)
    yield Trial(f"127.0.0.1:{serving.doorway.port}", trusted, stranger)
    serving.stop(grace_seconds=0.2)


def test_an_access_point_is_let_in_by_its_certificate(trial: Trial) -> None:
    client = trial.client(trial.trusted)
    client.connect()
    answer = client.send("AcknowledgeNotices", ACKNOWLEDGE)
    assert isinstance(answer, central_pb2.AcknowledgeNoticesResponse)
    client.close()


def test_a_certificate_of_a_strange_authority_gets_no_line(trial: Trial) -> None:
    client = trial.client(trial.stranger)
    with pytest.raises(CentralUnavailable):
        client.connect()
    client.close()


def test_a_centre_of_a_strange_authority_is_not_trusted(trial: Trial) -> None:
    client = trial.client(trial.trusted, authority=trial.stranger)
    with pytest.raises(CentralUnavailable):
        client.connect()
    client.close()


def test_a_clerk_is_no_access_point(trial: Trial) -> None:
    client = trial.client(trial.trusted, "clerk")
    with pytest.raises(CentralUnavailable, match="UNAUTHENTICATED"):
        client.send("AcknowledgeNotices", ACKNOWLEDGE)
    client.close()


def plain(address: str, timeout: float = 3) -> CentralClient:
    return CentralClient(address, "DK", credentials=None, timeout_seconds=timeout)


def test_a_refusal_carries_its_code_and_every_violation(
    serve_centre: Callable[..., tuple[Centre, str]],
) -> None:
    client = plain(serve_centre()[1])
    request = central_pb2.SetMarkRequest(
        request_id="r",
        reference_number="DK1000000099K",
        type=terms_pb2.MARK_TYPE_PROTECTION,
    )
    with pytest.raises(CentralRefused) as unknown:
        client.send("SetMark", request)
    assert unknown.value.code == "NOT_FOUND"
    with pytest.raises(CentralRefused) as empty:
        client.send("TransmitDataSet", central_pb2.TransmitDataSetRequest(request_id="r"))
    assert empty.value.code == "INVALID_ARGUMENT"
    (violation,) = empty.value.violations
    assert violation.code.startswith("W")
    assert violation.remedy
    client.close()


def test_a_centre_that_asks_to_wait_says_how_long(
    serve_centre: Callable[..., tuple[Centre, str]],
) -> None:
    client = plain(serve_centre(Fault("*", Kind.BUSY, seconds=7))[1])
    with pytest.raises(CentralBusy) as busy:
        client.send("AcknowledgeNotices", ACKNOWLEDGE)
    assert busy.value.retry_after == timedelta(seconds=7)
    client.close()


def test_a_centre_that_breaks_down_over_a_request_is_told_apart(
    serve_centre: Callable[..., tuple[Centre, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    centre, address = serve_centre()

    def fail() -> None:
        raise MemoryError

    monkeypatch.setattr(centre.ledger, "write", fail)
    client = plain(address)
    with pytest.raises(CentralFaulty):
        client.send("AcknowledgeNotices", ACKNOWLEDGE)
    client.close()


def test_a_centre_that_is_too_slow_counts_as_unavailable(
    serve_centre: Callable[..., tuple[Centre, str]],
) -> None:
    client = plain(serve_centre(Fault("*", Kind.DELAY, seconds=0.5))[1], timeout=0.1)
    with pytest.raises(CentralUnavailable, match="DEADLINE_EXCEEDED"):
        client.send("AcknowledgeNotices", ACKNOWLEDGE)
    client.close()


def test_a_port_that_answers_nothing_counts_as_unavailable() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        client = plain(f"127.0.0.1:{mute.getsockname()[1]}", timeout=0.2)
        with pytest.raises(CentralUnavailable):
            client.connect()
        client.close()


def test_a_closed_line_is_unavailable_and_nothing_else() -> None:
    client = plain("127.0.0.1:9")
    client.close()
    with pytest.raises(CentralUnavailable):
        client.connect()
    with pytest.raises(CentralUnavailable):
        client.send("AcknowledgeNotices", ACKNOWLEDGE)
    with pytest.raises(CentralUnavailable):
        list(client.notices(0))


def test_another_thread_ends_a_stream_of_notices(
    serve_centre: Callable[..., tuple[Centre, str]],
) -> None:
    client = plain(serve_centre()[1])
    notices = client.notices(0)
    timer = threading.Timer(0.1, notices.cancel)
    timer.start()
    with pytest.raises(CentralUnavailable):
        list(notices)
    client.close()
