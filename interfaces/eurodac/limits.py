"""Limits of the case clock as a table, and the day on which each ends.

AMMR: Regulation (EU) 2024/1351. APR: 2024/1348. SCR: 2024/1356. RBPR: 2024/1349. URF: 2024/1350.
CFMR: 2024/1359, whose longer limits apply only in a crisis on record (see declared.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType

from interfaces.eurodac.deadlines import Deadline, OnMiss
from interfaces.eurodac.declared import Declared, DeclaredKind, in_force
from interfaces.eurodac.periods import (
    Period,
    add_months,
    days,
    end_of_day,
    last_day,
    local_day,
    months,
    roll,
    utc,
    weeks,
    working_days,
    years,
)
from interfaces.eurodac.policy import Policy

OWED = OnMiss.STILL_OWED
ACCEPTED = OnMiss.ACCEPTED_BY_SILENCE
CONFIRMED = OnMiss.CONFIRMED_BY_SILENCE
MOVES = OnMiss.RESPONSIBILITY_MOVES
RELEASE = OnMiss.RELEASE_FROM_DETENTION
SCREENED = OnMiss.SCREENING_ENDS


class Calendar(StrEnum):
    """What happens when the last day is a day off."""

    ROLLS = "ROLLS"
    """To the next working day: Art. 75(d) AMMR, Art. 73 APR."""
    UNSETTLED = "UNSETTLED"
    """No clause of its own: it stays in the strict reading, rolls in that of 1182/71."""


@dataclass(frozen=True, slots=True)
class Longer:
    """The period of a limit in a crisis, and the derogation that must be in force.

    of_asked: it is the State asked that must be in crisis, because it is the one that replies.
    """

    period: Period
    article: str
    kind: DeclaredKind
    of_asked: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """One row. step: what is due. clock: the event it counts from. crisis: how CFMR lengthens."""

    step: str
    clock: str
    period: Period
    article: str
    on_miss: OnMiss = OWED
    calendar: Calendar = Calendar.ROLLS
    crisis: Longer | None = None


def _asking(period: Period, point: str, *, of_asked: bool = False) -> Longer:
    return Longer(period, f"CFMR 12(2)({point})", DeclaredKind.CRISIS_RESPONSIBILITY, of_asked)


def _screening(step: str, clock: str, period: Period, article: str) -> Limit:
    return Limit(step, clock, period, article, SCREENED, Calendar.UNSETTLED)


_RESPONSIBILITY = {
    "K1": Limit(
        "take charge request",
        "registration",
        months(2),
        "AMMR 39(1)",
        MOVES,
        crisis=_asking(months(4), "a"),
    ),
    "K2": Limit(
        "take charge request on a hit",
        "hit",
        months(1),
        "AMMR 39(1)",
        MOVES,
        crisis=_asking(months(4), "a"),
    ),
    "K4": Limit("urgent reply asked for", "request", weeks(1), "AMMR 39(2)"),
    # The State asked may still answer after the limit asked for; then its silence accepts.
    "K4_LATEST": Limit(
        "reply to an urgent request, at the latest", "request", weeks(2), "AMMR 40(7)", ACCEPTED
    ),
    "K5": Limit(
        "reply to take charge",
        "request",
        months(1),
        "AMMR 40(1)",
        ACCEPTED,
        crisis=_asking(months(2), "b", of_asked=True),
    ),
    "K6": Limit(
        "reply to take charge on a hit",
        "request",
        weeks(2),
        "AMMR 40(2)",
        ACCEPTED,
        crisis=_asking(months(2), "b", of_asked=True),
    ),
    "K7": Limit("reply to a humanitarian request", "request", months(2), "AMMR 35(2)"),
    "K8": Limit(
        "take back notification",
        "hit",
        weeks(2),
        "AMMR 41(1)",
        crisis=_asking(months(1), "c"),
    ),
    "K9": Limit(
        "confirmation of take back",
        "notification",
        weeks(2),
        "AMMR 41(3)",
        CONFIRMED,
        crisis=_asking(months(1), "c", of_asked=True),
    ),
    "K10": Limit("transfer decision", "acceptance", weeks(2), "AMMR 42(1)"),
    "K11_SHORTEST": Limit("appeal, shortest", "decision notified", weeks(1), "AMMR 43(2)"),
    "K11_LONGEST": Limit("appeal, longest", "decision notified", weeks(3), "AMMR 43(2)"),
    "K12": Limit("court on suspension", "suspension asked", months(1), "AMMR 43(3)"),
    "K13": Limit(
        "transfer",
        "acceptance",
        months(6),
        "AMMR 46(1)",
        MOVES,
        crisis=_asking(years(1), "d"),
    ),
    "K14": Limit("transfer of an imprisoned person", "acceptance", years(1), "AMMR 46(2)", MOVES),
    "K15": Limit(
        "transfer after absconding",
        "responsible State informed",
        years(3),
        "AMMR 46(2)",
        MOVES,
    ),
    "K16": Limit("transfer after reappearance", "reappearance", months(3), "AMMR 46(2)", MOVES),
    "K17": Limit("request, detained", "registration or hit", weeks(2), "AMMR 45(1)", RELEASE),
    "K18": Limit("request, detained later", "detention", weeks(1), "AMMR 45(1)", RELEASE),
    "K19": Limit("reply, detained", "request", weeks(1), "AMMR 45(2)", ACCEPTED),
    "K20": Limit("transfer, detained", "acceptance", weeks(5), "AMMR 45(3)", RELEASE),
    "K21": Limit("answer to an information request", "request", weeks(3), "AMMR 51(5)"),
    "K22": Limit("confirmation of relocation", "information", weeks(1), "AMMR 67(9)", CONFIRMED),
    "K22_EXCEPTIONAL": Limit(
        "confirmation of relocation, exceptional",
        "information",
        weeks(2),
        "AMMR 67(9)",
        CONFIRMED,
    ),
    "K23": Limit("relocation decision", "confirmation", weeks(1), "AMMR 67(10)"),
    "K25": Limit("relocation transfer", "confirmation", weeks(4), "AMMR 67(11)"),
    "K29": Limit("reply to a responsibility offset", "request", days(30), "AMMR 69(2)"),
}

_SCREENING = {
    "K60": _screening("screening at the border", "apprehension", days(7), "SCR 8(3)"),
    "K61": _screening("screening after 72 hours at the border", "its start", days(4), "SCR 8(3)"),
    "K62": _screening("screening in the territory", "apprehension", days(3), "SCR 8(4)"),
}

_REGISTER_LATER = Longer(weeks(4), "CFMR 10(1)", DeclaredKind.CRISIS_REGISTRATION)
_LONGER_AT_BORDER = Longer(weeks(18), "CFMR 11(1)", DeclaredKind.CRISIS_BORDER_PROCEDURE)

_PROCEDURE = {
    "K67": Limit(
        "registration",
        "making",
        days(5),
        "APR 27(1)",
        crisis=_REGISTER_LATER,
    ),
    "K68_INFORM": Limit("telling the authority", "making", working_days(3), "APR 27(3)"),
    "K68": Limit("registration, other authority", "information", days(5), "APR 27(3)"),
    "K69": Limit("registration, many applications", "making", days(15), "APR 27(5)"),
    "K71": Limit("lodging", "registration", days(21), "APR 28(1)"),
    "K71_MANY": Limit("lodging, many applications", "registration", months(2), "APR 28(5)"),
    "K72": Limit("lodging after transfer", "identification", days(21), "APR 28(2)"),
    "K73": Limit("inadmissibility", "lodging", months(2), "APR 35(1)"),
    "K73_NEW": Limit("inadmissibility, Art. 38(1)(e)", "lodging", working_days(10), "APR 35(2)"),
    "K74": Limit("accelerated procedure", "lodging", months(3), "APR 35(3)"),
    "K75": Limit("ordinary procedure", "lodging", months(6), "APR 35(4)"),
    "K75_PROLONGED": Limit("prolonged procedure", "lodging", months(12), "APR 35(5)"),
    "K75_LONGEST": Limit("postponed procedure", "lodging", months(21), "APR 35(7)"),
    "K76": Limit("lodging at the border", "registration", days(5), "APR 51(1)"),
    "K77": Limit(
        "border procedure",
        "registration",
        weeks(12),
        "APR 51(2)",
        crisis=_LONGER_AT_BORDER,
    ),
    "K77_RELOCATED": Limit("border procedure, relocated", "registration", weeks(16), "APR 51(2)"),
    "K78": Limit(
        "return border procedure",
        "end of the right to remain",
        weeks(12),
        "RBPR 4(2)",
        calendar=Calendar.UNSETTLED,
    ),
    "K79": Limit(
        "voluntary departure", "decision", days(15), "RBPR 4(5)", calendar=Calendar.UNSETTLED
    ),
    "K80": Limit(
        "admission conclusion",
        "registration",
        months(7),
        "URF 9(9)",
        calendar=Calendar.UNSETTLED,
    ),
}

LIMITS: Mapping[str, Limit] = MappingProxyType({**_RESPONSIBILITY, **_SCREENING, **_PROCEDURE})
"""Rows by their key in the rulebook."""


IN_LARGE_NUMBERS: Mapping[str, str] = MappingProxyType(
    {"K67": "K69", "K68": "K69", "K71": "K71_MANY"}
)
"""The limit that takes the place of another while applications are disproportionately many."""


def in_crisis(
    key: str,
    day: date,
    declared: Iterable[Declared],
    *,
    state: str,
    policy: Policy,
    asked: str = "",
) -> bool:
    """Whether this limit is lengthened if it begins that day; asked: the State asked, if any.

    >>> crisis = Declared(DeclaredKind.CRISIS_RESPONSIBILITY, "IT", date(2026, 7, 1),
    ...                   date(2026, 9, 30), "2026/1")
    >>> [in_crisis(key, date(2026, 8, 1), [crisis], state="IT", policy=Policy(),
    ...            asked="DK") for key in ("K1", "K5", "K10")]
    [True, False, False]
    """
    longer = LIMITS[key].crisis
    if longer is None:
        return False
    whose = asked if longer.of_asked else state
    return in_force(declared, longer.kind, day, state=whose, policy=policy)


def derogation_of(limit: Deadline) -> DeclaredKind | None:
    """The declared derogation by which a limit runs as it does; None for an ordinary one.

    >>> from datetime import UTC
    >>> derogation_of(due("K1", datetime(2026, 8, 1, tzinfo=UTC), "IT", crisis=True)).value
    'CRISIS_RESPONSIBILITY'
    """
    longer = LIMITS[limit.rule].crisis
    if longer is not None and limit.article == longer.article:
        return longer.kind
    return DeclaredKind.MANY_APPLICATIONS if limit.rule in IN_LARGE_NUMBERS.values() else None


def due(key: str, since: datetime, state: str, *, crisis: bool = False) -> Deadline:
    """When this limit ends if its clock started then, on the calendar of the acting State.

    >>> from datetime import UTC
    >>> due("K2", datetime(2027, 1, 31, 12, tzinfo=UTC), "DK").due_at.date()
    datetime.date(2027, 3, 1)
    """
    limit = LIMITS[key]
    period, article = limit.period, limit.article
    if crisis and limit.crisis is not None:
        period, article = limit.crisis.period, limit.crisis.article
    last = last_day(local_day(since, state), period, state)
    rolled = roll(last, state)
    strict = rolled if limit.calendar is Calendar.ROLLS else last
    return Deadline(
        key,
        utc(since),
        end_of_day(strict, state),
        end_of_day(rolled, state),
        article,
        limit.on_miss,
    )


@dataclass(frozen=True, slots=True)
class Window:
    """One row: how long a fact counts. exactly: whether it still counts on the last day itself."""

    months: int
    exactly: bool
    article: str


WINDOWS: Mapping[str, Window] = MappingProxyType(
    {
        # "more than" ends it: on the very day it still counts.
        "K40": Window(20, True, "AMMR 33(1)"),
        "K41": Window(12, True, "AMMR 33(2)"),
        # "less than": on the very day it no longer counts.
        "K42": Window(36, False, "AMMR 29(4)"),
        "K43": Window(18, False, "AMMR 29(4)"),
        "K44": Window(72, False, "AMMR 30(1)"),
        "K46": Window(15, True, "AMMR 37(2)"),
        # "at least nine months" of absence end responsibility: on the very day they are reached.
        "K48": Window(9, False, "AMMR 37(4)"),
    }
)
"""K40 irregular entry, K41 disembarkation, K42 residence document, K43 visa, K44 diploma,
K46 final border decision, K48 absence."""


def counts(key: str, since: date, on: date) -> bool:
    """Whether a fact of that day still counts on this day.

    >>> counts("K40", date(2026, 8, 10), date(2028, 4, 10))
    True
    >>> counts("K40", date(2026, 8, 10), date(2028, 4, 11))
    False
    """
    window = WINDOWS[key]
    end = add_months(since, window.months)
    return on < end or (window.exactly and on == end)
