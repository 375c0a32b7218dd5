"""The stand-in stays whole under races, poor retakes, large results and broken rows."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from interfaces import wire
from interfaces.central import custody, examination, intake, notices, server
from interfaces.central.centre import Centre
from interfaces.central.centre import publish as publish_now
from interfaces.central.client import CentralClient
from interfaces.central.examination import Examiner, examine_next
from interfaces.central.holdings import Status, StoredDataSet
from interfaces.central.ledger import Ledger
from interfaces.central.lock import LedgerInUse
from interfaces.central.server import open_centre, serve
from interfaces.eurodac import reference
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import DataSet, Event, Sex
from interfaces.eurodac.errors import RuleBroken
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from matcher.engine import Engine
from models.synthesis.conditions import TOO_DRY

pb = central_pb2
CaptureOf = Callable[..., terms_pb2.Capture]
SECRET = "Qwertzuiop"
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def centre(tmp_path: Path, engine: Engine) -> Iterator[Centre]:
    opened = open_centre(tmp_path / "centre", engine, now=lambda: NOW)
    yield opened
    opened.ledger.close()


@pytest.fixture
def transmit(centre: Centre, capture_of: CaptureOf) -> Callable[..., str]:
    """transmit("IT", person, ...): a data set of somebody disembarked; returns its number."""
    numbers = itertools.count(1)

    def transmit_(
        state: str,
        person: int,
        *,
        category: Category = Category.SAR,
        capture: terms_pb2.Capture | None = None,
    ) -> str:
        number = reference.issue(state, category, next(numbers))
        data_set = DataSet(
            category,
            state,
            reference_number=number,
            surnames=("Doe",),
            forenames=("Jo",),
            nationalities=("SYR",),
            date_of_birth="1990-05-17",
            place_of_birth="UNKNOWN",
            sex=Sex.FEMALE,
            event=Event("Border post 4", NOW - timedelta(hours=5)),
            biometrics_taken_at=NOW - timedelta(hours=4),
            operator_user_id="station-7",
        )
        request = pb.TransmitDataSetRequest(
            request_id=number,
            data_set=wire.dataset_to(data_set),
            capture=capture or capture_of(person),
            lane=pb.LANE_NORMAL,
        )
        intake.transmit(centre, state, request)
        return number

    return transmit_


def settle(centre: Centre) -> None:
    while examine_next(centre):
        pass


def stored(centre: Centre, number: str) -> StoredDataSet | None:
    with centre.ledger.read() as entries:
        return entries.data_set(number)


def told(centre: Centre, state: str) -> list[pb.Notice]:
    with centre.ledger.read() as entries:
        return [pb.Notice.FromString(one) for one in entries.notices(state, 0, 1000)]


def resend(centre: Centre, number: str, capture: terms_pb2.Capture) -> None:
    request = pb.ResendBiometricsRequest(
        request_id=f"again {number}",
        reference_number=number,
        capture=capture,
        lane=pb.LANE_NORMAL,
    )
    intake.resend(centre, number[:2], request)


def test_a_poor_retake_leaves_the_earlier_prints_searchable_and_their_images_with_them(
    centre: Centre, transmit: Callable[..., str], capture_of: CaptureOf
) -> None:
    number = transmit("IT", 1)
    settle(centre)
    before = stored(centre, number)
    resend(centre, number, capture_of(1, 1, condition=TOO_DRY))
    settle(centre)
    assert told(centre, "IT")[-1].WhichOneof("content") == "quality_refusal"
    assert stored(centre, number) == before
    other = transmit("GR", 1)
    settle(centre)
    (hit,) = told(centre, "GR")[-1].comparison_result.hits
    assert hit.data_set.reference_number == number
    assert hit.capture == capture_of(1)
    del other


def test_a_resend_does_not_change_what_the_first_arrival_is_compared_with(
    centre: Centre, transmit: Callable[..., str], capture_of: CaptureOf
) -> None:
    transmit("GR", 1)
    settle(centre)
    number = transmit("IT", 1)
    resend(centre, number, capture_of(2))
    settle(centre)
    outcomes = [notice.comparison_result.outcome for notice in told(centre, "IT")]
    kinds = pb.ComparisonResult
    assert outcomes == [kinds.OUTCOME_HIT, kinds.OUTCOME_NEGATIVE]
    found = stored(centre, number)
    assert found is not None
    assert terms_pb2.Capture.FromString(found.capture) == capture_of(2)


def between_commit_and_publication(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]
) -> None:
    """Let something happen when an examination is written down and not yet published."""
    waiting = [act]

    def publish(*arguments: Any) -> None:
        while waiting:
            waiting.pop()()
        publish_now(*arguments)

    monkeypatch.setattr(examination, "publish", publish)


def test_who_is_erased_between_commit_and_publication_is_in_no_gallery(
    centre: Centre, transmit: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    number = transmit("IT", 1)
    request = pb.EraseDataSetRequest(
        request_id="erase", reference_number=number, ground=pb.ERASURE_GROUND_CITIZENSHIP
    )
    between_commit_and_publication(monkeypatch, lambda: custody.erase(centre, "IT", request))
    settle(centre)
    assert len(centre.gallery) == 0


def test_a_mark_between_commit_and_publication_is_seen_by_searches(
    centre: Centre, transmit: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    number = transmit("IT", 1, category=Category.APPLICANT_REG)
    request = pb.SetMarkRequest(
        request_id="mark", reference_number=number, type=terms_pb2.MARK_TYPE_PROTECTION
    )
    between_commit_and_publication(monkeypatch, lambda: custody.set_mark(centre, "IT", request))
    settle(centre)
    marked = centre.partitions.known()["IT", Category.APPLICANT_REG, True]
    found = stored(centre, number)
    assert found is not None
    centre.gallery.move(found.id, marked)  # it is there
    digest = centre.gallery.digest()
    settle(centre)
    publish_now(centre, found.id)
    assert centre.gallery.digest() == digest


def test_a_large_result_comes_in_several_notices_that_each_fit(
    centre: Centre, transmit: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [transmit("IT", 1) for _ in range(3)]
    settle(centre)
    one_hit = max(len(found.capture) for n in numbers if (found := stored(centre, n)))
    monkeypatch.setattr(notices, "MAX_RESULT_BYTES", 2 * one_hit + 4_000)
    transmit("GR", 1)
    settle(centre)
    results = [notice.comparison_result for notice in told(centre, "GR")]
    assert [len(result.hits) for result in results] == [2, 1]
    assert {result.outcome for result in results} == {pb.ComparisonResult.OUTCOME_HIT}
    hits = [hit.data_set.reference_number for result in results for hit in result.hits]
    assert sorted(hits) == sorted(numbers)


def test_an_examiner_survives_a_ledger_that_fails_for_a_while(
    centre: Centre, transmit: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    number = transmit("IT", 1)
    failures = [sa.exc.OperationalError("x", {}, Exception("disk full"))]
    conclude = examination._conclude

    def failing(*arguments: Any) -> Any:
        if failures:
            raise failures.pop()
        return conclude(*arguments)

    monkeypatch.setattr(examination, "_conclude", failing)
    monkeypatch.setattr(examination, "IDLE_SECONDS", 0.01)
    examiner = Examiner(centre)
    examiner.start()
    with centre.issued:
        centre.issued.wait_for(lambda: bool(told(centre, "IT")), timeout=20)
    examiner.stop()
    found = stored(centre, number)
    assert found is not None
    assert found.status is Status.SEARCHABLE


def test_a_sweep_that_fails_is_tried_again(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    swept = threading.Event()
    failures = [RuntimeError()]

    def sweep(_: Centre) -> int:
        if failures:
            raise failures.pop()
        swept.set()
        return 0

    monkeypatch.setattr(server, "sweep", sweep)
    monkeypatch.setattr(server, "SWEEP_SECONDS", 0.01)
    serving = serve(centre, "127.0.0.1:0", tls=None)
    assert swept.wait(10)
    serving.stop(0.0)


def test_no_text_of_an_error_gets_into_the_log(
    centre: Centre,
    transmit: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(examination, "_find", fail)
    transmit("IT", 1)
    with caplog.at_level(logging.DEBUG):
        settle(centre)
    assert "RuntimeError" in caplog.text
    assert SECRET not in caplog.text


def test_no_value_gets_into_the_text_of_a_ledger_s_error(centre: Centre) -> None:
    with centre.ledger.write() as entries:
        entries.remember_answer("DK", "same", digest=SECRET.encode(), response=b"")
        with pytest.raises(sa.exc.IntegrityError) as caught:
            entries.remember_answer("DK", "same", digest=SECRET.encode(), response=b"")
    assert SECRET not in str(caught.value)


def test_two_stand_ins_do_not_work_on_one_folder(centre: Centre, tmp_path: Path) -> None:
    del centre
    with pytest.raises(LedgerInUse):
        Ledger(tmp_path / "centre" / "central.sqlite")


@pytest.mark.parametrize(
    "fields",
    [
        {"surnames": ()},
        {"nationalities": ("DNK",)},
        {"date_of_birth": "yesterday"},
    ],
    ids=str,
)
def test_a_correction_may_not_make_a_data_set_unlawful(
    centre: Centre, transmit: Callable[..., str], fields: dict[str, Any]
) -> None:
    number = transmit("IT", 1)
    changes, mask = wire.changes_to(fields)
    request = pb.CorrectDataSetRequest(
        request_id="c", reference_number=number, changes=changes, update_mask=mask
    )
    with pytest.raises(RuleBroken):
        custody.correct(centre, "IT", request)


def test_no_unknown_state_becomes_responsible(centre: Centre, transmit: Callable[..., str]) -> None:
    number = transmit("IT", 1, category=Category.APPLICANT_REG)
    changes, mask = wire.changes_to({"responsible_state": "ZZ"})
    request = pb.UpdateStatusRequest(
        request_id="u", reference_number=number, changes=changes, update_mask=mask
    )
    with pytest.raises(RuleBroken):
        custody.update_status(centre, "IT", request)


def admission_search(centre: Centre, capture: terms_pb2.Capture) -> str:
    number = reference.issue("DK", Category.ADMISSION_SEARCH, 1)
    request = pb.SearchOnlyRequest(
        request_id="s", reference_number=number, capture=capture, lane=pb.LANE_NORMAL
    )
    intake.search(centre, "DK", request)
    return number


def test_a_false_hit_of_a_search_can_be_reported(
    centre: Centre, transmit: Callable[..., str], capture_of: CaptureOf
) -> None:
    target = transmit("IT", 1)
    settle(centre)
    number = admission_search(centre, capture_of(1, 1))
    settle(centre)
    report = pb.ReportFalseHitRequest(
        request_id="r", reference_number=number, hit_reference_number=target
    )
    assert custody.report_false_hit(centre, "DK", report).HasField("received_at")


def test_a_false_hit_is_reported_also_after_the_erasure_of_the_own_data(
    centre: Centre, transmit: Callable[..., str]
) -> None:
    target, number = transmit("IT", 1), transmit("DK", 1)
    settle(centre)
    ground = pb.ERASURE_GROUND_CITIZENSHIP
    erase = pb.EraseDataSetRequest(request_id="e", reference_number=number, ground=ground)
    custody.erase(centre, "DK", erase)
    report = pb.ReportFalseHitRequest(
        request_id="r", reference_number=number, hit_reference_number=target
    )
    assert custody.report_false_hit(centre, "DK", report).HasField("received_at")


def test_what_is_past_its_end_is_no_hit_though_nobody_swept_yet(
    centre: Centre, transmit: Callable[..., str]
) -> None:
    target = transmit("IT", 1)
    settle(centre)
    found = stored(centre, target)
    assert found is not None
    with centre.ledger.write() as entries:
        entries.replace(replace(found, retained_until=NOW - timedelta(seconds=1)))
    transmit("DK", 1)
    settle(centre)
    assert told(centre, "DK")[-1].comparison_result.outcome == pb.ComparisonResult.OUTCOME_NEGATIVE


def test_a_new_subscription_of_a_state_ends_its_earlier_one(centre: Centre) -> None:
    serving = serve(centre, "127.0.0.1:0", tls=None)
    address = f"127.0.0.1:{serving.doorway.port}"
    clients = [
        CentralClient(address, "DK", credentials=None, timeout_seconds=5.0) for _ in range(2)
    ]
    ended = threading.Event()

    def follow() -> None:
        for notice in clients[0].notices(0):
            pytest.fail(f"nobody wrote notice {notice.cursor}")
        ended.set()

    thread = threading.Thread(target=follow)
    thread.start()
    ended.wait(0.5)
    later = clients[1].notices(0)
    assert ended.wait(5)
    later.cancel()
    thread.join()
    for client in clients:
        client.close()
    serving.stop(0.0)
