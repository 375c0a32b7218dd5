"""Receipts as bytes, so that a repeated request gets the very answer it got before."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from matcher.vocabulary import FingerPosition
from node.vocabulary import EnrolmentOutcome, Receipt, SampleQuality, Task, TaskKind


def encode(receipt: Receipt) -> bytes:
    """The receipt as JSON; instants as ISO 8601."""
    return json.dumps(asdict(receipt), default=_plain).encode()


def decode(encoded: bytes) -> Receipt:
    """The receipt that encode() wrote."""
    content = json.loads(encoded)
    return Receipt(
        reference_number=content["reference_number"],
        outcome=EnrolmentOutcome(content["outcome"]),
        samples=tuple(_read_sample(sample) for sample in content["samples"]),
        transmit_by=_instant(content["transmit_by"]),
        transmit_by_outer=_instant(content["transmit_by_outer"]),
        limit_article=content["limit_article"],
        late=content["late"],
        tasks=tuple(_read_task(task) for task in content["tasks"]),
    )


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no part of a receipt")


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _read_sample(content: dict[str, Any]) -> SampleQuality:
    position = content["position"]
    return SampleQuality(
        position=None if position is None else FingerPosition(position),
        score=content["score"],
        components=content["components"],
        hint=content["hint"],
        sufficient=content["sufficient"],
    )


def _read_task(content: dict[str, Any]) -> Task:
    instants = {name: _instant(content[name]) for name in ("opened_at", "due")}
    return Task(**(content | instants | {"kind": TaskKind(content["kind"])}))
