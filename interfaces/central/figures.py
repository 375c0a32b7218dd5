"""The monthly figures of Art. 12(1), counted by the law over what the ledger remembers.

What is remembered of a happening is what statistics may tell: no name, no biometrics.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from interfaces.central.centre import Centre, data_set_in
from interfaces.central.entries import Entries
from interfaces.central.holdings import Occurrence, StoredDataSet
from interfaces.eurodac import sequence, statistics
from interfaces.eurodac.ages import birth_range
from interfaces.eurodac.capture import is_minor
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import AdmissionOutcome, DataSet, MarkType, Sex
from interfaces.eurodac.statistics import Row, RowKind
from interfaces.pb.eurodac.central.v1 import central_pb2


def statistics_of(
    centre: Centre, state: str, request: central_pb2.GetStatisticsRequest
) -> central_pb2.GetStatisticsResponse:
    """All figures of one month that are not zero, of every Member State as published."""
    del state  # the figures are published; every access point may read them
    with centre.ledger.read() as entries:
        names = _sequence_names(entries)
        rows = [_row(occurrence, names) for occurrence in entries.occurrences()]
    return central_pb2.GetStatisticsResponse(
        figures=[
            central_pb2.Figure(
                point=figure.point,
                member_state=figure.member_state,
                dimensions=dict(figure.dimensions),
                count=figure.count,
            )
            for figure in statistics.figures(rows, request.month)
        ]
    )


def remember(
    entries: Entries, stored: StoredDataSet, kind: RowKind, now: datetime, **more: Any
) -> None:
    """Remember what happened to a stored data set, as far as statistics count it."""
    detail = facts(data_set_in(stored)) | more
    entries.occurred(Occurrence(now, kind, stored.origin, detail))


def facts(data_set: DataSet) -> dict[str, Any]:
    """What statistics may tell of a data set: category, number, birth year, sex, outcome."""
    born = data_set.date_of_birth
    births = birth_range(born) if born else None
    taken_at = data_set.biometrics_taken_at
    decision = data_set.admission_decision
    return {
        "category": data_set.category,
        "reference_number": data_set.reference_number,
        "birth_year": None if births is None else births[0].year,
        "sex": data_set.sex,
        "minor": bool(births and taken_at and is_minor(born, taken_at, state=data_set.origin)),
        "outcome": None if decision is None else decision.outcome,
    }


def target_facts(data_set: DataSet) -> dict[str, Any]:
    """What statistics may tell of a data set that was hit."""
    decision = data_set.admission_decision
    return {
        "target": data_set.category,
        "target_marks": [mark.type for mark in data_set.marks],
        "outcome": None if decision is None else decision.outcome,
    }


def _sequence_names(entries: Entries) -> dict[str, str]:
    """One name per sequence: the smallest reference number in it."""
    links = entries.links()
    linked = {name for link in links for name in (link.one, link.other)}
    groups = sequence.components(linked, links)
    return {name: min(group) for group in groups for name in group}


def _row(occurrence: Occurrence, names: dict[str, str]) -> Row:
    detail = occurrence.detail
    number = detail["reference_number"]
    return Row(
        kind=RowKind(occurrence.kind),
        at=occurrence.at,
        state=occurrence.state,
        category=Category(detail["category"]),
        reference_number=number,
        sequence=names.get(number, number),
        birth_year=detail.get("birth_year"),
        sex=_maybe(Sex, detail.get("sex")),
        minor=detail.get("minor", False),
        outcome=_maybe(AdmissionOutcome, detail.get("outcome")),
        target=_maybe(Category, detail.get("target")),
        target_marks=frozenset(map(MarkType, detail.get("target_marks", ()))),
        mark=_maybe(MarkType, detail.get("mark")),
        follow_up=detail.get("follow_up", False),
    )


def _maybe(kind: Any, value: str | None) -> Any:
    return None if value is None else kind(value)
