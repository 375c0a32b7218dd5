"""Whatever is killed at whatever moment: what was acknowledged is there, and delivered once."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from interfaces.central.ledger import Ledger
from interfaces.pb.eurodac.central.v1 import terms_pb2
from interfaces.pb.eurodac.nap.v1 import nap_pb2
from matcher.engine import Engine
from models.prepare import PREPARED
from node.access import Role
from node.demo.stage import Process, Stage, set_up
from node.station import Station, StationError

ENROLMENTS = 6
SETTLE_SECONDS = 120.0

CaptureOf = Callable[..., terms_pb2.Capture]


@pytest.fixture
def stage(tmp_path: Path, engine: Engine) -> Iterator[Stage]:
    """A centre and a Danish node as processes. engine: only to skip without prepared models."""
    assert engine
    opened = set_up(tmp_path / "stage", ("DK",), PREPARED)
    opened.start()
    yield opened
    opened.stop()


def _at(hours_ago: float) -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime(datetime.now(UTC) - timedelta(hours=hours_ago))
    return moment


def _request(number: int, capture_of: CaptureOf) -> nap_pb2.EnrolRequest:
    return nap_pb2.EnrolRequest(
        request_id=f"request {number}",
        data_set=terms_pb2.DataSet(
            category=terms_pb2.CATEGORY_SAR,
            surnames=["Doe"],
            forenames=["Jo"],
            nationalities=["SYR"],
            date_of_birth="1990",
            place_of_birth="UNKNOWN",
            sex=terms_pb2.SEX_UNKNOWN,
            event=terms_pb2.Event(place="at sea", occurred_at=_at(3)),
            biometrics_taken_at=_at(2),
        ),
        capture=capture_of(1 + number % 2, number),
    )


def _until(answer: Callable[[], bool]) -> bool:
    ends = time.monotonic() + SETTLE_SECONDS
    answered = False
    while not answered and time.monotonic() < ends:
        try:
            answered = answer()
        except StationError as error:
            if error.code not in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}:
                raise
        time.sleep(0 if answered else 0.1)
    return answered


def _enrol_all(
    station: Station, requests: list[nap_pb2.EnrolRequest], acknowledged: dict[str, str]
) -> None:
    """Send every request until it is acknowledged, as a station does."""
    for request in requests:

        def send(request: nap_pb2.EnrolRequest = request) -> bool:
            receipt = station.call("Enrol", request).receipt
            acknowledged[request.request_id] = receipt.reference_number
            return True

        assert _until(send)


def _cut_power(victims: list[Process], seed: int) -> None:
    """Kill and restart each, at moments that nobody chose."""
    chance = random.Random(seed)
    for victim in victims:
        time.sleep(chance.uniform(0.1, 2.5))
        victim.kill()
        victim.start()


def _play(stage: Stage, capture_of: CaptureOf, seed: int) -> None:
    requests = [_request(number, capture_of) for number in range(ENROLMENTS)]
    acknowledged: dict[str, str] = {}
    station = stage.station("DK", Role.CAPTURE_STATION)
    desk = stage.station("DK", Role.ASYLUM_DESK)
    victims = [stage.nodes["DK"], stage.centre]
    cutter = threading.Thread(target=_cut_power, args=(victims, seed))
    cutter.start()
    _enrol_all(station, requests, acknowledged)
    cutter.join()
    assert len(set(acknowledged.values())) == ENROLMENTS
    for number in acknowledged.values():
        request = nap_pb2.GetCaseRequest(reference_number=number)
        assert _until(lambda r=request: desk.call("GetCase", r).case.comparison != 0)  # type: ignore[misc]
    assert _until(lambda: desk.call("GetStatus", nap_pb2.GetStatusRequest()).gallery_equals_store)
    persons = desk.call("GetStatus", nap_pb2.GetStatusRequest()).persons
    assert persons == ENROLMENTS
    stage.centre.stop()
    ledger = Ledger(stage.folder / "centre" / "central.sqlite")
    with ledger.read() as entries:
        delivered = [stored.reference_number for stored in entries.data_sets()]
    ledger.close()
    assert sorted(delivered) == sorted(acknowledged.values())


def test_a_power_cut_loses_and_doubles_nothing(stage: Stage, capture_of: CaptureOf) -> None:
    _play(stage, capture_of, seed=1)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(2, 22))
def test_twenty_power_cuts_at_other_moments(stage: Stage, capture_of: CaptureOf, seed: int) -> None:
    """As above, twenty times."""
    _play(stage, capture_of, seed)
