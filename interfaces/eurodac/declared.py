"""What a State or the Council declares and what then changes for many cases at once.

A derogation lengthens limits that begin within its days; a prolongation of temporary protection
lengthens the retention of all data sets recorded under one Council decision. Nothing of this
applies unless it is on record. CFMR: Regulation (EU) 2024/1359; APR: Regulation (EU) 2024/1348.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from interfaces.eurodac.codes import broken
from interfaces.eurodac.errors import Violation
from interfaces.eurodac.policy import Policy
from interfaces.eurodac.states import STATES


class DeclaredKind(StrEnum):
    """What may be declared."""

    CRISIS_REGISTRATION = "CRISIS_REGISTRATION"
    CRISIS_BORDER_PROCEDURE = "CRISIS_BORDER_PROCEDURE"
    CRISIS_RESPONSIBILITY = "CRISIS_RESPONSIBILITY"
    MANY_APPLICATIONS = "MANY_APPLICATIONS"
    TEMPORARY_PROTECTION = "TEMPORARY_PROTECTION"


@dataclass(frozen=True, slots=True)
class DeclaredRule:
    """One row. by_council: a decision of the Council is named. prolongs: it lengthens retention.

    Otherwise it is a derogation of one State with a first and a last day.
    """

    article: str
    by_council: bool
    prolongs: bool = False


DECLARED: Mapping[DeclaredKind, DeclaredRule] = MappingProxyType(
    {
        DeclaredKind.CRISIS_REGISTRATION: DeclaredRule("CFMR 10(1)", by_council=True),
        DeclaredKind.CRISIS_BORDER_PROCEDURE: DeclaredRule("CFMR 11(1)", by_council=True),
        DeclaredKind.CRISIS_RESPONSIBILITY: DeclaredRule("CFMR 12(2)", by_council=True),
        # The State itself finds that applications are disproportionately many.
        DeclaredKind.MANY_APPLICATIONS: DeclaredRule("APR 27(5), 28(5)", by_council=False),
        DeclaredKind.TEMPORARY_PROTECTION: DeclaredRule("29(9)", by_council=True, prolongs=True),
    }
)
"""Complete: every kind has its row."""


@dataclass(frozen=True, slots=True)
class Declared:
    """One declaration.

    state: whose derogation; empty for a prolongation. starts_on, ends_on: first and last day on
    that State's calendar. decision: reference of the Council decision that says so. prolonged:
    reference of the decision on temporary protection that it prolongs by one year.
    """

    kind: DeclaredKind
    state: str = ""
    starts_on: date | None = None
    ends_on: date | None = None
    decision: str = ""
    prolonged: str = ""


def check_declared(declared: Declared) -> Iterator[Violation]:
    """What stands against taking this declaration down.

    >>> [one.field for one in check_declared(Declared(DeclaredKind.MANY_APPLICATIONS, "DK"))]
    ['starts_on', 'ends_on']
    """
    rule = DECLARED[declared.kind]
    if rule.by_council and not declared.decision.strip():
        text = "It rests on a decision of the Council."
        yield broken("V04", "decision", rule.article, rule=text, remedy="Name the decision.")
    yield from _check_prolonged(declared) if rule.prolongs else _check_days(declared)


def _check_prolonged(declared: Declared) -> Iterator[Violation]:
    article = DECLARED[declared.kind].article
    if not declared.prolonged.strip():
        text = "A prolongation names the decision that it prolongs."
        yield broken("V04", "prolonged", article, rule=text, remedy="Name that decision.")
    elif declared.prolonged == declared.decision:
        text = "A decision does not prolong itself."
        yield broken("V05", "prolonged", article, rule=text, remedy="Name the earlier decision.")
    for name in ("state", "starts_on", "ends_on"):
        if getattr(declared, name):
            text = "A prolongation adds a year everywhere; it has neither State nor days."
            yield broken("V05", name, article, rule=text, remedy="Leave it out.")


def _check_days(declared: Declared) -> Iterator[Violation]:
    article = DECLARED[declared.kind].article
    if declared.state not in STATES:
        text = "A derogation is one of a participating State."
        yield broken("V20", "state", article, rule=text)
    for name in ("starts_on", "ends_on"):
        if getattr(declared, name) is None:
            text = "A derogation has a first and a last day."
            yield broken("V04", name, article, rule=text, remedy="State the day.")
    if declared.starts_on and declared.ends_on and declared.starts_on > declared.ends_on:
        text = "A derogation ends no earlier than it begins."
        yield broken("V16", "ends_on", article, rule=text)
    if declared.prolonged:
        text = "Only temporary protection is prolonged."
        yield broken("V05", "prolonged", article, rule=text, remedy="Leave it out.")


def in_force(
    declared: Iterable[Declared], kind: DeclaredKind, day: date, *, state: str, policy: Policy
) -> bool:
    """Whether a derogation of that kind covers a day of that State; both its ends count.

    The crisis regulation has a day of its own from which it applies, CFMR 20.

    >>> many = Declared(DeclaredKind.MANY_APPLICATIONS, "DK", date(2026, 7, 1), date(2026, 7, 31))
    >>> [in_force([many], many.kind, date(2026, month, 1), state="DK", policy=Policy())
    ...  for month in (7, 8)]
    [True, False]
    """
    if DECLARED[kind].by_council and day < policy.crisis_applies_from:
        return False
    return any(
        one.starts_on <= day <= one.ends_on
        for one in declared
        if one.kind is kind and one.state == state and one.starts_on and one.ends_on
    )


def years_prolonged(decision: str, declared: Iterable[Declared]) -> int:
    """By how many years protection under this decision was prolonged; each decision counts once.

    >>> prolonged = Declared(DeclaredKind.TEMPORARY_PROTECTION, decision="2031/7",
    ...                      prolonged="2030/1")
    >>> years_prolonged("2030/1", [prolonged, prolonged]), years_prolonged("2031/7", [prolonged])
    (1, 0)
    """
    return len(
        {
            one.decision
            for one in declared
            if DECLARED[one.kind].prolongs and one.prolonged == decision
        }
    )
