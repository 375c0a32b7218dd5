"""The States that take part: letters, country code, time zone (Art. 37(4), recitals 98 ff.).

Calendars hang on them: the end of a day and a public holiday are those of one State.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from zoneinfo import ZoneInfo

from interfaces.eurodac.codes import broken
from interfaces.eurodac.errors import RuleBroken


@dataclass(frozen=True, slots=True)
class State:
    """One State. alpha3: code of its nationality; associated: takes part by an agreement only."""

    letters: str
    alpha3: str
    zone: ZoneInfo
    associated: bool


MEMBERS = """
AT AUT Europe/Vienna      BE BEL Europe/Brussels    BG BGR Europe/Sofia
CY CYP Asia/Nicosia       CZ CZE Europe/Prague      DE DEU Europe/Berlin
DK DNK Europe/Copenhagen  EE EST Europe/Tallinn     ES ESP Europe/Madrid
FI FIN Europe/Helsinki    FR FRA Europe/Paris       GR GRC Europe/Athens
HR HRV Europe/Zagreb      HU HUN Europe/Budapest    IE IRL Europe/Dublin
IT ITA Europe/Rome        LT LTU Europe/Vilnius     LU LUX Europe/Luxembourg
LV LVA Europe/Riga        MT MLT Europe/Malta       NL NLD Europe/Amsterdam
PL POL Europe/Warsaw      PT PRT Europe/Lisbon      RO ROU Europe/Bucharest
SE SWE Europe/Stockholm   SI SVN Europe/Ljubljana   SK SVK Europe/Bratislava
"""
"""Member States of the Union: letters, alpha-3, zone of the capital."""

ASSOCIATED = """
CH CHE Europe/Zurich      IS ISL Atlantic/Reykjavik
LI LIE Europe/Vaduz       NO NOR Europe/Oslo
"""
"""States that take part by an agreement."""


def _states(listed: str, associated: bool) -> dict[str, State]:
    words = iter(listed.split())
    return {
        letters: State(letters, alpha3, ZoneInfo(zone), associated)
        for letters, alpha3, zone in zip(words, words, words, strict=True)
    }


STATES: Mapping[str, State] = MappingProxyType(
    {**_states(MEMBERS, associated=False), **_states(ASSOCIATED, associated=True)}
)
"""By ISO 3166-1 alpha-2 letters. The letters of the real interface are not public."""

EUROPOL = "EUROPOL"
"""Origin of the searches of Art. 34; Europol is no State and has no calendar here."""


def state(letters: str) -> State:
    """The State of these letters; RuleBroken V20 when none takes part under them.

    >>> state("DK").zone.key, state("NO").associated
    ('Europe/Copenhagen', True)
    """
    if letters not in STATES:
        raise RuleBroken(broken("V20", "origin", "37(4)"))
    return STATES[letters]


def is_union_citizen(nationality: str, *, associated_too: bool) -> bool:
    """Whether this alpha-3 nationality takes a person out of Eurodac, Art. 2(1)(f).

    >>> is_union_citizen("DNK", associated_too=False), is_union_citizen("SYR", associated_too=True)
    (True, False)
    """
    return any(
        nationality == one.alpha3 and (associated_too or not one.associated)
        for one in STATES.values()
    )
