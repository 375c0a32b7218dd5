"""What happens in the demo, told as it happens: every line stands for a call that was answered."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from interfaces.pb.eurodac.nap.v1 import nap_pb2
from node import show
from node.access import Role
from node.demo.cast import Cast
from node.demo.stage import Stage
from node.station import Station, StationError

SETTLE_SECONDS = 120.0
"""Longest wait for the centre's answer in the demo; the act gives it 24 hours."""

Answer = TypeVar("Answer")

ITALY, DENMARK = "IT", "DK"


@dataclass(slots=True)
class Findings:
    """What the story came to, for the summary and for tests."""

    hits: dict[str, list[nap_pb2.CaseHit]] = field(default_factory=dict)
    negatives: list[str] = field(default_factory=list)
    refused_then_accepted: str = ""
    survived_outage: str = ""
    lines: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Teller:
    """Tells the story over a stage with a cast."""

    stage: Stage
    cast: Cast
    findings: Findings = field(default_factory=Findings)
    _began: float = field(default_factory=time.monotonic)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def tell(self) -> Findings:
        """The whole story, scene by scene."""
        self._scene("Italy: disembarked after search and rescue, from a capture station")
        italian = self._disembarkation()
        self._scene("Italy: a ten-print card arrives as one ANSI/NIST-ITL transaction, in pieces")
        card = self._card()
        self._scene("Denmark: the same person applies; the first prints are no good")
        danish = self._application()
        self._hit(danish, italian)
        self._scene("Denmark: the person of the card applies, four fingers and two thumbs at once")
        self._hit(self._slaps(), card)
        self._scene("Denmark: a stranger")
        self._stranger()
        self._scene("Denmark: own references, 1:N and 1:1")
        self._own_search(danish)
        self._scene("The centre goes down; a capture is taken all the same")
        self._outage()
        self._scene("What is due in Denmark")
        self._due()
        return self.findings

    def _disembarkation(self) -> str:
        desk, station = self._at(ITALY, Role.ASYLUM_DESK), self._at(ITALY, Role.CAPTURE_STATION)
        first, _ = self.cast.traveller
        request = self._enrol(terms_pb2.CATEGORY_SAR, "Lampedusa", first, hours_ago=20)
        number = self._receipt(station.call("Enrol", request).receipt)
        self._answered(desk, number)
        proposal = desk.call(
            "ProposeSecurityFlag",
            nap_pb2.ProposeSecurityFlagRequest(
                request_id=_id(),
                reference_number=number,
                check=nap_pb2.FLAG_CHECK_SCREENING,
                check_completed_at=_at(hours_ago=2),
                grounds=[nap_pb2.FLAG_GROUND_VIOLENT],
                deciding_unit="Screening unit",
                could_pose_threat=True,
            ),
        ).proposal_id
        self._say("the desk proposes a security flag after the screening (Art. 24(3)(f))")
        self._at(ITALY, Role.SUPERVISOR).call(
            "ApproveSecurityFlag",
            nap_pb2.ApproveSecurityFlagRequest(request_id=_id(), proposal_id=proposal),
        )
        self._say("the supervisor approves it: four eyes")
        desk.call(
            "SetMark",
            nap_pb2.SetMarkRequest(
                request_id=_id(), reference_number=number, type=terms_pb2.MARK_TYPE_RESIDENCE
            ),
        )
        self._say("a residence document is issued: marked (Art. 31(4))")
        self._delivered(ITALY)
        return number

    def _card(self) -> str:
        station = self._at(ITALY, Role.CAPTURE_STATION)
        transaction, _ = self.cast.carded
        header = self._enrol(terms_pb2.CATEGORY_IRREGULAR_CROSSING, "Trieste", None, hours_ago=30)
        answer = station.enrol_stream(header, transaction)
        self._say(f"a transaction of {len(transaction) / 1024:.0f} KiB was streamed")
        number = self._receipt(answer.receipt)
        self._answered(self._at(ITALY, Role.ASYLUM_DESK), number)
        return number

    def _application(self) -> str:
        station = self._at(DENMARK, Role.CAPTURE_STATION)
        _, second = self.cast.traveller
        request = self._enrol(
            terms_pb2.CATEGORY_APPLICANT_REG, "Copenhagen", self.cast.poor, hours_ago=1
        )
        receipt = station.call("Enrol", request).receipt
        number = self._receipt(receipt)
        if receipt.outcome != nap_pb2.ENROLMENT_OUTCOME_RECAPTURE_WANTED:
            self._say("[red]the poor capture was not refused[/red]")
            return number
        again = nap_pb2.RecaptureRequest(
            request_id=_id(),
            reference_number=number,
            capture=second,
            biometrics_taken_at=_at(hours_ago=0),
        )
        self._say("the fingers are taken again, under the same reference number")
        receipt = station.call("Recapture", again).receipt
        self._receipt(receipt)
        if receipt.outcome == nap_pb2.ENROLMENT_OUTCOME_ACCEPTED:
            self.findings.refused_then_accepted = number
        return number

    def _slaps(self) -> str:
        station = self._at(DENMARK, Role.CAPTURE_STATION)
        _, slaps = self.cast.carded
        request = self._enrol(terms_pb2.CATEGORY_APPLICANT_REG, "Padborg", slaps, hours_ago=3)
        return self._receipt(station.call("Enrol", request).receipt)

    def _hit(self, number: str, expected: str) -> None:
        case = self._answered(self._at(DENMARK, Role.ASYLUM_DESK), number)
        self.findings.hits[number] = []
        if expected not in {hit.data_set.reference_number for hit in case.hits}:
            self._say(f"[red]no hit for {number}, although {expected} is stored[/red]")
            return
        expert = self._at(DENMARK, Role.FINGERPRINT_EXPERT)
        for hit in case.hits:
            decision = nap_pb2.DecideHitRequest(
                request_id=_id(), hit_id=hit.hit_id, decision=nap_pb2.HIT_DECISION_CONFIRMED
            )
            confirmed = expert.call("DecideHit", decision).hit
            self.findings.hits[number].append(confirmed)
            self._say("the fingerprint expert confirms the hit; the next legal step follows")
            show.hit(confirmed)

    def _stranger(self) -> None:
        station = self._at(DENMARK, Role.CAPTURE_STATION)
        request = self._enrol(
            terms_pb2.CATEGORY_ILLEGAL_STAY, "Aarhus", self.cast.stranger, hours_ago=2
        )
        number = self._receipt(station.call("Enrol", request).receipt)
        self._answered(self._at(DENMARK, Role.ASYLUM_DESK), number)

    def _own_search(self, number: str) -> None:
        desk = self._at(DENMARK, Role.ASYLUM_DESK)
        first, _ = self.cast.traveller
        show.candidates(desk.call("Identify", nap_pb2.IdentifyRequest(capture=first)))
        request = nap_pb2.CompareRequest(probe=first, reference_number=number)
        show.comparison(desk.call("Compare", request))

    def _outage(self) -> None:
        self.stage.centre.kill()
        self._say("[bold]the centre is killed[/bold]")
        station, desk = (
            self._at(DENMARK, Role.CAPTURE_STATION),
            self._at(DENMARK, Role.ASYLUM_DESK),
        )
        request = self._enrol(
            terms_pb2.CATEGORY_APPLICANT_REG, "Rødby", self.cast.latecomer, hours_ago=1
        )
        number = self._receipt(station.call("Enrol", request).receipt)
        again = self._at(DENMARK, Role.CAPTURE_STATION).call("Enrol", request).receipt
        self._say(
            f"the station repeats its request and gets the same answer: {again.reference_number}"
        )
        status = desk.call("GetStatus", nap_pb2.GetStatusRequest())
        self._say(f"{status.queued_normal + status.queued_urgent} request(s) wait in the outbox")
        self.stage.nodes[DENMARK].kill()
        self._say("[bold]the node of Denmark is killed too[/bold], and started again")
        self.stage.nodes[DENMARK].start()
        self.stage.centre.start()
        self._say("[bold]the centre is back[/bold]")
        case = self._answered(self._at(DENMARK, Role.ASYLUM_DESK), number)
        if case.comparison and again.reference_number == number:
            self.findings.survived_outage = number

    def _due(self) -> None:
        page = self._at(DENMARK, Role.ASYLUM_DESK).call("ListDue", nap_pb2.ListDueRequest())
        show.due(page)

    def _enrol(
        self,
        category: terms_pb2.Category.ValueType,
        place: str,
        capture: terms_pb2.Capture | None,
        *,
        hours_ago: float,
    ) -> nap_pb2.EnrolRequest:
        number = next(self._numbers)
        return nap_pb2.EnrolRequest(
            request_id=_id(),
            data_set=terms_pb2.DataSet(
                category=category,
                surnames=[f"Demo {number}"],
                forenames=["Person"],
                nationalities=["SYR"],
                date_of_birth="1990-05-17",
                place_of_birth="UNKNOWN",
                sex=terms_pb2.SEX_FEMALE,
                event=terms_pb2.Event(place=place, occurred_at=_at(hours_ago=hours_ago)),
                biometrics_taken_at=_at(hours_ago=hours_ago / 2),
            ),
            capture=capture,
            lane=central_pb2.LANE_NORMAL,
        )

    def _receipt(self, receipt: nap_pb2.EnrolmentReceipt) -> str:
        self._say("the node answers:")
        show.receipt(receipt)
        return receipt.reference_number

    def _answered(self, desk: Station, number: str) -> nap_pb2.Case:
        """Follow the case until the centre has answered, and show it."""
        case = _wait(lambda: _case(desk, number), lambda case: case.comparison != 0)
        outcome = central_pb2.ComparisonResult
        self._say("the centre has compared:")
        if case.comparison == outcome.OUTCOME_NEGATIVE:
            self.findings.negatives.append(number)
        show.case(case)
        return case

    def _delivered(self, state: str) -> None:
        desk = self._at(state, Role.ASYLUM_DESK)
        _wait(
            lambda: desk.call("GetStatus", nap_pb2.GetStatusRequest()),
            lambda status: status.queued_normal + status.queued_urgent == 0,
        )
        self._say(f"everything of {state} is delivered to the centre")

    def _at(self, state: str, role: Role) -> Station:
        return self.stage.station(state, role)

    def _scene(self, title: str) -> None:
        show.console.rule(f"[bold]{title}[/bold]", align="left")

    def _say(self, text: str) -> None:
        seconds = time.monotonic() - self._began
        self.findings.lines.append(text)
        show.console.print(f"[dim]{seconds:6.1f} s[/dim]  {text}")


def _wait(ask: Callable[[], Answer], enough: Callable[[Answer], bool]) -> Answer:
    """Ask until the answer is enough; a node that is just starting is asked again."""
    ends = time.monotonic() + SETTLE_SECONDS
    while True:
        try:
            answer = ask()
        except StationError as error:
            if error.code != "UNAVAILABLE" or time.monotonic() > ends:
                raise
        else:
            if enough(answer) or time.monotonic() > ends:
                return answer
        time.sleep(0.1)


def _case(desk: Station, number: str) -> nap_pb2.Case:
    answer: nap_pb2.GetCaseResponse = desk.call(
        "GetCase", nap_pb2.GetCaseRequest(reference_number=number)
    )
    return answer.case


def _at(*, hours_ago: float) -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime(datetime.now(UTC) - timedelta(hours=hours_ago))
    return moment


def _id() -> str:
    return uuid.uuid4().hex
