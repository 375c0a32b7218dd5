"""How a capture was safeguarded and what moves its clock, kept sealed beside its data set."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from interfaces.eurodac.capture import Accompaniment, AgeProof, MinorSafeguards
from interfaces.eurodac.circumstances import (
    ORDINARY,
    Circumstances,
    InfluxNotice,
    TechnicalIncident,
)
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.periods import local_day
from node.store import Transaction, extensions
from node.vocabulary import Lane


@dataclass(frozen=True, slots=True)
class Kept:
    """What a later recapture, transmission or inspection must know of the first capture.

    clock: as stated by the desk; the records it refers to are looked up whenever it is used.
    """

    lane: Lane = Lane.NORMAL
    clock: Circumstances = ORDINARY
    safeguards: MinorSafeguards | None = None
    fingertips_impaired: bool = False


def encode(kept: Kept) -> bytes:
    """The circumstances as JSON."""
    clock = kept.clock
    safeguards = None if kept.safeguards is None else asdict(kept.safeguards)
    return json.dumps(
        {
            "lane": kept.lane,
            "health_grounds_ended_at": _write(clock.health_grounds_ended_at),
            "technical_incident_id": clock.technical_incident_id,
            "custody_until": _write(clock.custody_until),
            "custody_until_removal": clock.custody_until_removal,
            "safeguards": safeguards,
            "fingertips_impaired": kept.fingertips_impaired,
        }
    ).encode()


def decode(encoded: bytes) -> Kept:
    """The circumstances that encode() wrote."""
    content = json.loads(encoded)
    clock = Circumstances(
        health_grounds_ended_at=_read(content["health_grounds_ended_at"]),
        technical_incident_id=content["technical_incident_id"],
        custody_until=_read(content["custody_until"]),
        custody_until_removal=content["custody_until_removal"],
    )
    return Kept(
        lane=Lane(content["lane"]),
        clock=clock,
        safeguards=_read_safeguards(content["safeguards"]),
        fingertips_impaired=content["fingertips_impaired"],
    )


def look_up(transaction: Transaction, data_set: DataSet, clock: Circumstances) -> Circumstances:
    """The clock with the declarations that it rests on, as far as they are on record."""
    incident = influx = None
    if clock.technical_incident_id:
        found = extensions.find_incident(transaction, clock.technical_incident_id)
        if found is not None:
            incident = TechnicalIncident(
                found.extension_id, found.declared_by, found.starts_at, found.ends_at
            )
    if data_set.event is not None:
        notice = extensions.find_influx(transaction, data_set.event.occurred_at)
        if notice is not None and notice.ends_at is not None:
            days = [local_day(at, data_set.origin) for at in (notice.starts_at, notice.ends_at)]
            influx = InfluxNotice(*days)
    return replace(clock, technical_incident=incident, influx=influx)


def _write(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


def _read(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _read_safeguards(content: dict[str, Any] | None) -> MinorSafeguards | None:
    if content is None:
        return None
    company = content["accompanied_by"]
    return MinorSafeguards(
        trained_operator_user_id=content["trained_operator_user_id"],
        accompanied_by=None if company is None else Accompaniment(company),
        accompanying_person_id=content["accompanying_person_id"],
        age_proof=AgeProof(content["age_proof"]),
    )
