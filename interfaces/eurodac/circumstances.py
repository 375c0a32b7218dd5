"""What moves the clock of a transmission: incidents, influx, custody, health; each on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType

from interfaces.eurodac.categories import Category, Group, group
from interfaces.eurodac.codes import broken
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.errors import Violation
from interfaces.eurodac.periods import add_months


@dataclass(frozen=True, slots=True)
class TechnicalIncident:
    """Record of a declared serious technical problem; ended_at None: it goes on."""

    incident_id: str
    declared_by: str
    started_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class InfluxNotice:
    """Art. 24(6): notified to the Commission and the Member States. ends_on: last day in force."""

    notified_on: date
    ends_on: date


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What moves the clock of one transmission; the empty value is the ordinary clock.

    technical_incident_id: the incident claimed; it counts only with its record.
    custody_until: end of custody, confinement or detention that began with the apprehension.
    custody_until_removal: held for the whole time until removal on a decision to turn back.
    """

    health_grounds_ended_at: datetime | None = None
    technical_incident_id: str = ""
    technical_incident: TechnicalIncident | None = None
    influx: InfluxNotice | None = None
    custody_until: datetime | None = None
    custody_until_removal: bool = False


ORDINARY = Circumstances()
"""Nothing moves the clock."""


@dataclass(frozen=True, slots=True)
class SecondClocks:
    """Articles of one column; retake_hours, health_hours: whether 48 hours are stated there.

    technical: article of the extension, empty where there is none.
    """

    retake: str
    retake_hours: bool
    health: str
    health_hours: bool
    technical: str


SECOND_CLOCKS: Mapping[Group, SecondClocks] = MappingProxyType(
    {
        Group.ART_15: SecondClocks("15(1)", True, "15(2)", True, "15(2)"),
        Group.ART_18_1: SecondClocks("18(3)", False, "18(3)", False, ""),
        Group.ART_18_2: SecondClocks("18(3)", False, "18(3)", False, ""),
        Group.ART_20: SecondClocks("20(2)", False, "20(3)", True, ""),
        Group.ART_22: SecondClocks("22(5)", True, "22(6)", True, "22(6)"),
        Group.ART_23: SecondClocks("23(4)", True, "23(5)", True, "23(5)"),
        Group.ART_24: SecondClocks("24(4)", True, "24(5)", True, "24(5)"),
        Group.ART_26: SecondClocks("26(3)", True, "26(4)", True, "26(4)"),
    }
)
"""Every column whose data are sent on a clock; searches of Arts 32 and 43 have none."""


def check_influx(notice: InfluxNotice) -> tuple[Violation, ...]:
    """What is wrong with the notice: it lasts one month at most, Art. 24(6).

    >>> check_influx(InfluxNotice(date(2026, 8, 1), date(2026, 9, 1)))
    ()
    """
    if notice.notified_on <= notice.ends_on <= add_months(notice.notified_on, 1):
        return ()
    rule = "An influx notice is in force for one month at most."
    return (broken("V16", "event", "24(6)", rule=rule, remedy="Shorten the notice."),)


def check_circumstances(data_set: DataSet, circumstances: Circumstances) -> tuple[Violation, ...]:
    """What forbids counting on these circumstances, or the data set itself under them."""
    found: list[Violation] = []
    clocks = SECOND_CLOCKS.get(group(data_set.category))
    incident = circumstances.technical_incident
    if circumstances.technical_incident_id and (
        incident is None or incident.incident_id != circumstances.technical_incident_id
    ):
        rule = "An extension needs the record of the declared incident."
        article = clocks.technical if clocks is not None else ""
        found.append(broken("V16", "event", article or "15(2)", rule=rule))
    if circumstances.influx is not None:
        found.extend(check_influx(circumstances.influx))
    # Art. 22(1): nobody who stays in custody from apprehension to removal is recorded.
    if circumstances.custody_until_removal and data_set.category is Category.IRREGULAR_CROSSING:
        found.append(broken("V06", "category", "22(1)"))
    return tuple(found)
