"""Declarations: on record, by a supervisor, and within the law."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from interfaces.eurodac.categories import Category
from interfaces.eurodac.circumstances import Circumstances
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.errors import RuleBroken
from node import declarations, enrolment
from node.access import Actor
from node.assembly import Node
from node.declarations import Declaration
from node.enrolment import Enrolment
from node.errors import AccessDenied, NotFound
from node.store.extensions import ExtensionKind


def incident_of(node: Node) -> Declaration:
    return Declaration("i1", ExtensionKind.TECHNICAL, node.now() - timedelta(hours=2))


def test_a_declared_incident_extends_the_enrolments_that_name_it(
    *,
    node: Node,
    supervisor: Actor,
    station: Actor,
    enrolment_of: Callable[..., Enrolment],
) -> None:
    number = declarations.declare(node, supervisor, incident_of(node))
    assert declarations.declare(node, supervisor, incident_of(node)) == number
    claimed = enrolment_of(1, clock=Circumstances(technical_incident_id=number))
    receipt = enrolment.enrol(node, station, claimed)
    assert receipt.transmit_by == node.now() + timedelta(hours=71 + 48)


def test_an_influx_extends_disembarkations_by_itself(
    *,
    node: Node,
    supervisor: Actor,
    station: Actor,
    applicant: DataSet,
    enrolment_of: Callable[..., Enrolment],
) -> None:
    month = timedelta(days=29)
    start = node.now() - timedelta(days=1)
    notice = Declaration("n1", ExtensionKind.INFLUX, start, start + month)
    declarations.declare(node, supervisor, notice)
    landed = replace(applicant, category=Category.SAR)
    receipt = enrolment.enrol(node, station, enrolment_of(1, data_set=landed))
    assert receipt.limit_article == "24(6)"
    assert receipt.transmit_by == node.now() + timedelta(hours=71 + 48)


@pytest.mark.parametrize("days", [None, 45])
def test_an_influx_without_end_or_longer_than_a_month_is_refused(
    node: Node, supervisor: Actor, days: int | None
) -> None:
    end = None if days is None else node.now() + timedelta(days=days)
    notice = Declaration("n1", ExtensionKind.INFLUX, node.now(), end)
    with pytest.raises(RuleBroken, match="V16"):
        declarations.declare(node, supervisor, notice)


def test_an_incident_ends_once(node: Node, supervisor: Actor) -> None:
    number = declarations.declare(node, supervisor, incident_of(node))
    declarations.end_incident(node, supervisor, "e1", number)
    declarations.end_incident(node, supervisor, "e1", number)
    with pytest.raises(NotFound):
        declarations.end_incident(node, supervisor, "e2", number)


def test_only_a_supervisor_declares(node: Node, desk: Actor) -> None:
    with pytest.raises(AccessDenied):
        declarations.declare(node, desk, incident_of(node))
