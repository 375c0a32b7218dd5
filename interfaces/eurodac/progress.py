"""What drives the clock of one case: what its data and hits tell, and what an official records.

Nothing is stored here. The registration and the confirmed hits are read from the data at every
reading, so that a hit that turns out to be false also leaves the clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from interfaces.eurodac.caseclock import EFFECTS, LODGINGS, Happening, Occurred
from interfaces.eurodac.casework import next_step
from interfaces.eurodac.categories import Category, Group, group, is_applicant
from interfaces.eurodac.codes import broken
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.errors import Violation
from interfaces.eurodac.limits import LIMITS
from interfaces.eurodac.periods import local_day, utc
from interfaces.eurodac.policy import Policy
from interfaces.eurodac.states import STATES


@dataclass(frozen=True, slots=True)
class Told:
    """One event as an official tells it.

    requested_state: whom a request or notification asks, or who accepted. by_security: the State
    becomes responsible because of a threat to internal security (Art. 16(4) AMMR).
    """

    happening: Happening
    at: datetime
    requested_state: str = ""
    by_security: bool = False


@dataclass(frozen=True, slots=True)
class KnownHit:
    """A confirmed hit: the data that came with it, and when."""

    data_set: DataSet
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of a case of the acting State."""

    category: Category
    data_set: DataSet
    state: str
    hits: tuple[KnownHit, ...] = ()
    told: tuple[Told, ...] = ()

    @property
    def registered_at(self) -> datetime | None:
        """When the application was registered: as told, otherwise as the data set has it."""
        told = [one.at for one in self.told if one.happening in REGISTRATIONS]
        if told:
            return min(told)
        event = self.data_set.event
        return event.occurred_at if event is not None and is_applicant(self.category) else None


REGISTRATIONS = frozenset(
    {
        Happening.REGISTERED,
        Happening.REGISTERED_AT_BORDER,
        Happening.REGISTERED_AFTER_RELOCATION,
    }
)
"""Happenings that say themselves when the application was registered."""

FIRST_APPLICATIONS = frozenset({Category.APPLICANT_REG, Category.APPLICANT_BORDER})
"""Data sets whose event starts the search for the responsible State; arrivals follow its end."""

ASKS = frozenset(
    {
        Happening.TAKE_CHARGE_ASKED,
        Happening.TAKE_CHARGE_ASKED_ON_HIT,
        Happening.TAKE_BACK_NOTIFIED,
        Happening.RELOCATION_INFORMED,
        Happening.INFORMATION_ASKED,
        Happening.TAKE_CHARGE_ASKED_URGENTLY,
        Happening.HUMANITARIAN_ASKED,
        # Asked for a number of applications; it is told in the case of each of them.
        Happening.OFFSET_ASKED,
    }
)
"""Happenings that name the State they are addressed to."""

RESPONSIBILITY_ASKS = ASKS - {
    Happening.RELOCATION_INFORMED,
    Happening.INFORMATION_ASKED,
    Happening.OFFSET_ASKED,
}
"""Those whose acceptance makes the State asked responsible."""

FOLLOWS: Mapping[Happening, tuple[Happening, ...]] = MappingProxyType(
    {
        Happening.RELOCATION_POSTPONED: (Happening.RELOCATION_INFORMED,),
        Happening.OFFSET_ANSWERED: (Happening.OFFSET_ASKED,),
        Happening.STAYED_AT_BORDER: (Happening.APPREHENDED,),
        Happening.AUTHORITY_INFORMED: (Happening.MADE_ELSEWHERE,),
        Happening.ADMISSIBILITY_EXAMINED: LODGINGS,
        Happening.ADMISSIBILITY_EXAMINED_FAST: LODGINGS,
        Happening.ADMISSIBLE: (
            Happening.ADMISSIBILITY_EXAMINED,
            Happening.ADMISSIBILITY_EXAMINED_FAST,
        ),
        Happening.EXAMINATION_PROLONGED: LODGINGS,
        Happening.EXAMINATION_POSTPONED: LODGINGS,
        Happening.RIGHT_TO_REMAIN_ENDED: (
            Happening.REGISTERED_AT_BORDER,
            Happening.REGISTERED_AFTER_RELOCATION,
        ),
        Happening.DEPARTURE_GRANTED: (Happening.RIGHT_TO_REMAIN_ENDED,),
    }
)
"""Happenings that make no sense unless one of these is on record before."""

AT_BORDER = timedelta(hours=72)
"""Presence at the border after which the screening has four days left, Art. 8(3) SCR."""

HIT_HAPPENINGS: Mapping[str, Happening] = MappingProxyType(
    {"K2": Happening.ENTRY_HIT, "K8": Happening.RESPONSIBLE_HIT}
)
"""What a confirmed hit is to the clock, by the limit of the step that follows from it."""


def occurred(facts: Facts, policy: Policy) -> tuple[Occurred, ...]:
    """All events of a case for caseclock.play: those told and those that the data tell.

    >>> from datetime import UTC
    >>> from interfaces.eurodac.dataset import Event
    >>> made = Event("Sandholm", datetime(2026, 9, 1, 11, tzinfo=UTC))
    >>> found = occurred(Facts(Category.APPLICANT_REG,
    ...     DataSet(Category.APPLICANT_REG, "DK", event=made), "DK"), Policy())
    >>> [str(one.happening) for one in found]
    ['application registered']
    """
    told = [Occurred(one.happening, one.at, asked=one.requested_state) for one in facts.told]
    # Who is detained when the application is registered is not detained later, Art. 45(1) AMMR.
    first = [one for one in told if one.happening is Happening.DETAINED]
    others = [one for one in told if one.happening is not Happening.DETAINED]
    return (*first, *_registration(facts, policy), *_from_hits(facts, policy), *others)


def is_under_old_rules(facts: Facts, policy: Policy) -> bool:
    """Whether Regulation 604/2013 still determines the responsible State, Art. 84 AMMR."""
    registered = facts.registered_at
    if registered is None:
        return False
    return local_day(registered, facts.state) < policy.ammr_applies_from


def check_told(new: Told, facts: Facts, now: datetime, policy: Policy) -> Iterator[Violation]:
    """What stands against taking this event down."""
    if utc(new.at) > utc(now):
        rule = "Only what has happened is recorded."
        yield broken("V05", "at", "AMMR 75", rule=rule, remedy="State when it happened.")
    if new.by_security and new.happening is not Happening.RESPONSIBLE_HERE:
        rule = "The threat to security is the ground of a responsibility of the own State only."
        yield broken("V05", "by_security", "AMMR 16(4)", rule=rule)
    yield from _check_requested(new, facts)
    yield from _check_order(new, facts)
    if _starts_ammr(new.happening) and _registered_early(new, facts, policy):
        rule = "The application was registered before the new rules on responsibility apply."
        remedy = "Follow Regulation (EU) No 604/2013 for this person."
        yield broken("V06", "kind", "AMMR 84", rule=rule, remedy=remedy)


def requested_before(told: Iterable[Told], at: datetime) -> str:
    """The State that was last asked or named as accepting before an instant; empty for none.

    >>> requested_before([], datetime.max)
    ''
    """
    named = [
        one
        for one in told
        if one.requested_state
        and (one.happening in RESPONSIBILITY_ASKS or one.happening is Happening.ACCEPTED)
        and utc(one.at) <= utc(at)
    ]
    return max(named, key=lambda one: utc(one.at)).requested_state if named else ""


def _registration(facts: Facts, policy: Policy) -> Iterator[Occurred]:
    if any(one.happening in REGISTRATIONS for one in facts.told):
        return
    registered = facts.registered_at
    if registered is None or facts.category not in FIRST_APPLICATIONS:
        return
    if not is_under_old_rules(facts, policy):
        yield Occurred(Happening.REGISTERED, registered)


def _from_hits(facts: Facts, policy: Policy) -> Iterator[Occurred]:
    """The first hit of each kind: a later one does not lengthen the limit of the first."""
    seen: set[Happening] = set()
    for hit in sorted(facts.hits, key=lambda one: utc(one.received_at)):
        step = next_step(
            facts.category,
            hit.data_set,
            state=facts.state,
            received_at=hit.received_at,
            registered_at=facts.registered_at,
            policy=policy,
        )
        happening = HIT_HAPPENINGS.get(step.limit)
        if happening is not None and happening not in seen:
            seen.add(happening)
            yield Occurred(happening, hit.received_at)


def _check_requested(new: Told, facts: Facts) -> Iterator[Violation]:
    named = new.requested_state
    if named and named not in STATES:
        yield broken("V20", "requested_state", "37(4)")
    elif named == facts.state:
        rule = "A State asks another State, not itself."
        yield broken("V20", "requested_state", "AMMR 39(1)", rule=rule)
    if named and new.happening not in ASKS | {Happening.ACCEPTED}:
        rule = "This event is addressed to no State."
        yield broken("V05", "requested_state", "AMMR 39(1)", rule=rule, remedy="Leave it out.")
    if not named and new.happening in ASKS:
        rule = "A request or notification names the State that it asks."
        yield broken("V04", "requested_state", "AMMR 39(1)", rule=rule, remedy="Name the State.")
    accepted_from_nowhere = (
        new.happening is Happening.ACCEPTED
        and not named
        and not requested_before(facts.told, new.at)
    )
    if accepted_from_nowhere:
        rule = "An acceptance answers a request on record, or names the State that accepted."
        yield broken("V04", "requested_state", "AMMR 40(1)", rule=rule, remedy="Name the State.")


def _check_order(new: Told, facts: Facts) -> Iterator[Violation]:
    needed = FOLLOWS.get(new.happening, ())
    before = [one for one in facts.told if one.happening in needed and utc(one.at) <= utc(new.at)]
    if needed and not before:
        names = " or ".join(f"'{one}'" for one in needed)
        rule = f"It follows {names}, which is not on record before it."
        article = LIMITS[EFFECTS[needed[0]].starts[0]].article
        yield broken("V04", "kind", article, rule=rule, remedy="Record that first.")
    elif new.happening is Happening.STAYED_AT_BORDER:
        if utc(new.at) - max(utc(one.at) for one in before) < AT_BORDER:
            rule = "Only after more than 72 hours at the border is the screening shortened."
            yield broken("V05", "at", LIMITS["K61"].article, rule=rule)
        if group(facts.category) is not Group.ART_22:
            rule = "Only of persons recorded for an irregular crossing."
            yield broken("V06", "kind", LIMITS["K61"].article, rule=rule)


def _starts_ammr(happening: Happening) -> bool:
    return any(LIMITS[key].article.startswith("AMMR") for key in EFFECTS[happening].starts)


def _registered_early(new: Told, facts: Facts, policy: Policy) -> bool:
    if new.happening in REGISTRATIONS:
        return local_day(new.at, facts.state) < policy.ammr_applies_from
    return is_under_old_rules(facts, policy)
