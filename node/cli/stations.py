"""Commands that call a node as a capture station, a desk or an expert's screen does."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import click
from google.protobuf import json_format
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from interfaces.pb.eurodac.nap.v1 import nap_pb2
from node import show
from node.cli.samples import FILE, capture_options, read_capture, read_data_set
from node.station import Identity, Station, StationError

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
ADDRESS = "127.0.0.1:7443"

CATEGORIES = [
    name.removeprefix("CATEGORY_")
    for name, number in terms_pb2.Category.items()
    if number != terms_pb2.CATEGORY_UNSPECIFIED
]


def calls_node(command: Callable[..., Message | None]) -> Callable[..., None]:
    """Give a command its line to the node, and print what it returns as JSON if so asked."""

    @click.option("--node", "address", default=ADDRESS, show_default=True, help="host:port")
    @click.option("--pki", type=FOLDER, default=Path("pki"), show_default=True)
    @click.option("--as", "name", default="asylum_desk", show_default=True, help="certificate")
    @click.option("--unsafe-plaintext", "actor", default="", metavar="C=..,O=..,OU=..,CN=..")
    @click.option("--json", "as_json", is_flag=True, help="The answer as one JSON document.")
    @wraps(command)
    def run(address: str, pki: Path, name: str, actor: str, as_json: bool, **options: Any) -> None:
        with _line(address, pki, name, actor) as station:
            answer = command(station, **options)
        if answer is None:
            return
        if as_json:
            click.echo(json_format.MessageToJson(answer, indent=None))
        else:
            show.message(answer)

    return run


@contextmanager
def _line(address: str, pki: Path, name: str, actor: str) -> Iterator[Station]:
    identity = None if actor else Identity.in_folder(pki, name)
    try:
        station = Station(address, identity=identity, actor=actor)
    except FileNotFoundError as error:
        raise click.UsageError(f"{error.filename} is missing: eurodac-node pki init") from error
    try:
        yield station
    except StationError as error:
        raise click.ClickException(str(error)) from error
    finally:
        station.close()


def new_request_id(given: str) -> str:
    """The id that was given, or a fresh one."""
    return given or uuid.uuid4().hex


REQUEST_ID = click.option(
    "--request-id", default="", help="To send the same request again; drawn when not given."
)


@click.command()
@click.option("--category", type=click.Choice(CATEGORIES), help="Overrides the data set's.")
@click.option("--data-set", "data_set_file", type=FILE, required=True, help="JSON, see ICD.md.")
@click.option("--urgent", is_flag=True, help="Comparison within one hour (Art. 38(2)).")
@click.option("--impaired", is_flag=True, help="The fingertips allow no better prints now.")
@click.option("--minor", type=FILE, help="JSON of MinorSafeguards, for a person under 18.")
@click.option("--clock", type=FILE, help="JSON of ClockCircumstances.")
@capture_options
@REQUEST_ID
@calls_node
def enrol(
    station: Station,
    category: str | None,
    data_set_file: Path,
    urgent: bool,
    impaired: bool,
    minor: Path | None,
    clock: Path | None,
    request_id: str,
    **samples: Any,
) -> Message:
    """Record a person from files and queue the data set for the centre."""
    data_set = read_data_set(data_set_file)
    if category:
        data_set.category = terms_pb2.Category.Value(f"CATEGORY_{category}")
    request = nap_pb2.EnrolRequest(
        request_id=new_request_id(request_id),
        data_set=data_set,
        capture=read_capture(**samples),
        lane=_lane(urgent),
        fingertips_impaired=impaired,
    )
    if minor is not None:
        json_format.Parse(minor.read_text(), request.minor_safeguards)
    if clock is not None:
        json_format.Parse(clock.read_text(), request.clock)
    answer: nap_pb2.EnrolResponse = station.call("Enrol", request)
    return answer.receipt


@click.command()
@click.argument("reference_number")
@click.option("--taken-at", type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]), help="Default: now.")
@click.option("--impaired", is_flag=True, help="The fingertips allow no better prints now.")
@capture_options
@REQUEST_ID
@calls_node
def recapture(
    station: Station,
    reference_number: str,
    taken_at: Any,
    impaired: bool,
    request_id: str,
    **samples: Any,
) -> Message:
    """Send better biometrics under the same reference number."""
    moment = Timestamp()
    if taken_at is None:
        moment.GetCurrentTime()
    else:
        moment.FromDatetime(taken_at)
    request = nap_pb2.RecaptureRequest(
        request_id=new_request_id(request_id),
        reference_number=reference_number,
        capture=read_capture(**samples),
        biometrics_taken_at=moment,
        fingertips_impaired=impaired,
    )
    answer: nap_pb2.RecaptureResponse = station.call("Recapture", request)
    return answer.receipt


@click.command()
@click.option("--category", type=click.Choice(CATEGORIES), required=True)
@click.option("--born", required=True, help="Date of birth as stated: YYYY-MM-DD, YYYY, UNKNOWN.")
@click.option("--refused", is_flag=True, help="The person would not; else the body did not allow.")
@click.option("--safeguarding-risk", is_flag=True, help="Grounds to suspect one (Art. 14(1)).")
@click.option("--vulnerable", is_flag=True)
@click.option("--self-inflicted", is_flag=True)
@click.option("--file", "national_file", default="", help="The State's own file; never a name.")
@REQUEST_ID
@calls_node
def obstacle(
    station: Station,
    category: str,
    born: str,
    refused: bool,
    safeguarding_risk: bool,
    vulnerable: bool,
    self_inflicted: bool,
    national_file: str,
    request_id: str,
) -> Message:
    """Take down that a capture failed, and show what may follow."""
    request = nap_pb2.ReportObstacleRequest(
        request_id=new_request_id(request_id),
        category=terms_pb2.Category.Value(f"CATEGORY_{category}"),
        date_of_birth=born,
        refused=refused,
        safeguarding_risk=safeguarding_risk,
        vulnerable=vulnerable,
        self_inflicted=self_inflicted,
        national_file_number=national_file,
    )
    answer: Message = station.call("ReportObstacle", request)
    return answer


@click.command()
@capture_options
@calls_node
def quality(station: Station, **samples: Any) -> Message:
    """Judge the samples of a capture; nothing is stored."""
    request = nap_pb2.AssessQualityRequest(capture=read_capture(**samples))
    answer: Message = station.call("AssessQuality", request)
    return answer


@click.command()
@click.option("--threshold", type=float, default=0.0, help="-10 log10 FMR; default: the node's.")
@click.option("--at-most", type=int, default=20, show_default=True)
@capture_options
@calls_node
def search(station: Station, threshold: float, at_most: int, **samples: Any) -> Message:
    """Search this State's own references (1:N)."""
    request = nap_pb2.IdentifyRequest(
        capture=read_capture(**samples), threshold=threshold, at_most=at_most
    )
    answer: Message = station.call("Identify", request)
    return answer


@click.command()
@click.argument("reference_number")
@capture_options
@calls_node
def compare(station: Station, reference_number: str, **samples: Any) -> Message:
    """Compare a capture with one data set of this State (1:1)."""
    request = nap_pb2.CompareRequest(
        probe=read_capture(**samples), reference_number=reference_number
    )
    answer: Message = station.call("Compare", request)
    return answer


@click.command("case")
@click.argument("reference_number")
@click.option("--follow", is_flag=True, help="Print it again after every change, until Ctrl-C.")
@calls_node
def case_command(station: Station, reference_number: str, follow: bool) -> Message | None:
    """Show what is known about one data set."""
    if not follow:
        request = nap_pb2.GetCaseRequest(reference_number=reference_number, scans_of="")
        answer: nap_pb2.GetCaseResponse = station.call("GetCase", request)
        return answer.case
    for case in station.watch(reference_number, scans_of=""):
        show.message(case)
    return None


@click.command()
@click.argument("hit_id")
@click.argument("decision", type=click.Choice(["CONFIRMED", "FALSE"]))
@REQUEST_ID
@calls_node
def decide(station: Station, hit_id: str, decision: str, request_id: str) -> Message:
    """Say as an expert what a hit is worth."""
    request = nap_pb2.DecideHitRequest(
        request_id=new_request_id(request_id),
        hit_id=hit_id,
        decision=nap_pb2.HitDecision.Value(f"HIT_DECISION_{decision}"),
    )
    answer: nap_pb2.DecideHitResponse = station.call("DecideHit", request)
    return answer.hit


@click.command()
@calls_node
def status(station: Station) -> Message:
    """Show size, queues, models and the line to the centre."""
    answer: Message = station.call("GetStatus", nap_pb2.GetStatusRequest())
    return answer


def _lane(urgent: bool) -> central_pb2.Lane.ValueType:
    return central_pb2.LANE_URGENT if urgent else central_pb2.LANE_NORMAL


COMMANDS = (enrol, recapture, obstacle, quality, search, compare, case_command, decide, status)
