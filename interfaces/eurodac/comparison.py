"""What is compared with what, and in which order hits are shown (Arts 27, 28, 32)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from interfaces.eurodac.categories import RULES, STORED, Category, Group, group
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.periods import utc
from interfaces.eurodac.policy import Policy
from interfaces.eurodac.terms import AdmissionOutcome


class Scope(StrEnum):
    """A cell of the matrix."""

    YES = "yes"
    MARKED = "only marked"
    NO = "no"


_ALL = MappingProxyType(dict.fromkeys(STORED, Scope.YES))
_NONE = MappingProxyType(dict.fromkeys(STORED, Scope.NO))

# Art. 27(2): an admission search meets protected persons and the outcomes of other admissions.
_ADMISSION_CELLS = {
    Group.ART_15: Scope.MARKED,
    Group.ART_18_2: Scope.YES,
    Group.ART_20: Scope.YES,
    Group.ART_22: Scope.NO,
    Group.ART_23: Scope.NO,
    Group.ART_24: Scope.NO,
    Group.ART_26: Scope.NO,
}
_ADMISSION = MappingProxyType({stored: _ADMISSION_CELLS[group(stored)] for stored in STORED})

MATRIX: Mapping[Category, Mapping[Category, Scope]] = MappingProxyType(
    {
        Category.APPLICANT_REG: _ALL,
        Category.APPLICANT_BORDER: _ALL,
        Category.APPLICANT_ARRIVAL: _NONE,
        Category.APPLICANT_RELOCATED: _ALL,
        Category.IRREGULAR_CROSSING: _ALL,
        Category.ILLEGAL_STAY: _ALL,
        Category.ILLEGAL_STAY_RELOCATED: _ALL,
        Category.SAR: _ALL,
        Category.TEMP_PROTECTION: _ALL,
        Category.ADMISSION_SEARCH: _ADMISSION,
        Category.ADMISSION_RECORD: _NONE,
        Category.NATIONAL_RESETTLEMENT: _NONE,
        Category.LEA_SEARCH: _ALL,
        Category.EUROPOL_SEARCH: _ALL,
        Category.DATA_SUBJECT: _ALL,
    }
)
"""Probe, then stored category. Complete on both sides; Arts 27(1), (2) and 32(2)."""

OWN_ALWAYS = frozenset({Category.EUROPOL_SEARCH, Category.DATA_SUBJECT})
"""Probes to which no stored data are "own": Europol has none, a person's request seeks its own."""


def compared(category: Category) -> bool:
    """Whether the centre compares such a data set or request at all, Art. 27(1).

    >>> compared(Category.APPLICANT_ARRIVAL), compared(Category.APPLICANT_RELOCATED)
    (False, True)
    """
    return RULES[category].compared


def in_scope(
    probe: Category, stored: Category, *, marked: bool, same_state: bool, include_own: bool
) -> bool:
    """Whether this stored data set is searched for this probe.

    marked: the stored data set carries any mark of Art. 31. same_state: both have one origin.
    include_own: the State asked for its own data too, Art. 27(3).

    >>> in_scope(Category.ADMISSION_SEARCH, Category.APPLICANT_REG,
    ...          marked=False, same_state=False, include_own=False)
    False
    """
    if not RULES[stored].stored:
        return False
    if same_state and not include_own and probe not in OWN_ALWAYS:
        return False
    cell = MATRIX[probe][stored]
    return cell is Scope.YES or (cell is Scope.MARKED and marked)


LAST_RANK = 3
"""Rank of hits that serve no examination of responsibility."""

RANKS: Mapping[Group, int] = MappingProxyType(
    {
        Group.ART_15: 0,
        Group.ART_22: 1,
        Group.ART_24: 1,
        Group.ART_20: 2,
        Group.ART_18_2: 2,
        Group.ART_23: LAST_RANK,
        Group.ART_26: LAST_RANK,
    }
)
"""Order of hits: those useful for Art. 1(1)(a) first (Arts 27(5), 28(5)); the rest is ours."""


def precedence(hits: Iterable[DataSet]) -> list[DataSet]:
    """The data sets of a result in the order in which they are shown; newest event first."""
    return sorted(hits, key=precedence_key)


def precedence_key(hit: DataSet) -> tuple[int, float, str]:
    """Sorting key of one hit; for callers that sort hits with their scores.

    >>> precedence_key(DataSet(Category.TEMP_PROTECTION, "IT"))[0]
    3
    """
    rank = RANKS[group(hit.category)]
    decision = hit.admission_decision
    if decision is not None and decision.outcome is not AdmissionOutcome.GRANTED:
        # Only admitted persons are taken back, Art. 36(1)(c) AMMR.
        rank = LAST_RANK
    newest_first = -utc(hit.event.occurred_at).timestamp() if hit.event else float("inf")
    return rank, newest_first, hit.reference_number


def face_switched_on(policy: Policy, at: datetime) -> bool:
    """Whether faces may be compared at all on this day, Art. 63(5).

    >>> from datetime import UTC
    >>> face_switched_on(Policy(), datetime(2027, 1, 1, tzinfo=UTC))
    False
    """
    start = policy.face_comparison_from
    return start is not None and utc(at).date() >= start


def face_compared(policy: Policy, at: datetime, fingerprints_available: bool) -> bool:
    """Whether the face is compared: after the switch, always when no prints are there (Art. 28(1)).

    >>> from datetime import date
    >>> on = Policy(face_comparison_from=date(2028, 6, 12), face_beside_fingerprints=False)
    >>> from datetime import UTC
    >>> day = datetime(2028, 6, 12, tzinfo=UTC)
    >>> face_compared(on, day, False), face_compared(on, day, True)
    (True, False)
    """
    wanted = not fingerprints_available or policy.face_beside_fingerprints
    return wanted and face_switched_on(policy, at)
