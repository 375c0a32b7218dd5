"""Calls around a capture that records nobody: its quality, and what follows when it failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message

from interfaces import wire
from interfaces.pb.eurodac.nap.v1 import nap_pb2
from node import captures, messages, obstacles
from node.access import Actor
from node.assembly import Node

Call = Callable[[Node, Actor, Any], Message]


def assess_quality(
    node: Node, actor: Actor, request: nap_pb2.AssessQualityRequest
) -> nap_pb2.AssessQualityResponse:
    """Quality of every sample, nothing stored."""
    assessment = captures.assess(node, actor, request.capture)
    return nap_pb2.AssessQualityResponse(
        samples=map(messages.quality_to, assessment.samples), sufficient=assessment.sufficient
    )


def report_obstacle(
    node: Node, actor: Actor, request: nap_pb2.ReportObstacleRequest
) -> nap_pb2.ReportObstacleResponse:
    """Take down that a capture did not succeed, and tell what may follow."""
    told = obstacles.Report(
        request_id=request.request_id,
        category=wire.category_from(request.category),
        date_of_birth=wire.text("date_of_birth", request.date_of_birth),
        refused=request.refused,
        safeguarding_risk=request.safeguarding_risk,
        vulnerable=request.vulnerable,
        self_inflicted=request.self_inflicted,
        national_file_number=wire.text("national_file_number", request.national_file_number),
    )
    followed = obstacles.report(node, actor, told)
    return nap_pb2.ReportObstacleResponse(
        measures=[nap_pb2.Measure.Value(f"MEASURE_{one}") for one in followed.measures],
        task_id=followed.task_id,
    )


CALLS: Mapping[str, Call] = {
    "AssessQuality": assess_quality,
    "ReportObstacle": report_obstacle,
}
"""What node.calls adds to its own."""
