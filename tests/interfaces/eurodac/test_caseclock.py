"""Running limits of a case and the effects of silence: rulebook K and examples X-C."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interfaces.eurodac.caseclock import (
    COUNTED_FROM,
    EFFECTS,
    SILENCE,
    SILENT_RELOCATION,
    WHILE_DETAINED,
    CaseClock,
    Happening,
    Occurred,
    play,
)
from interfaces.eurodac.deadlines import OnMiss
from interfaces.eurodac.duties import NOT_STARTED
from interfaces.eurodac.limits import IN_LARGE_NUMBERS, LIMITS
from interfaces.eurodac.periods import local_day


def noon(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=UTC)


def events(text: str) -> list[Occurred]:
    pairs = (pair.split("@") for pair in text.split())
    return [Occurred(Happening[name], noon(day)) for name, day in pairs]


def running(clock: CaseClock, state: str) -> str:
    assert all(limit.due_at for limit in clock.running)
    return " ".join(
        f"{limit.rule}@{local_day(limit.due_at, state)}" for limit in clock.running if limit.due_at
    )


@pytest.mark.table("C_started")
def test_later_events_start_and_end_their_limits(row: Mapping[str, str]) -> None:
    test_the_events_of_a_case_leave_these_limits_running(row)


@pytest.mark.table("C_clock")
def test_the_events_of_a_case_leave_these_limits_running(row: Mapping[str, str]) -> None:
    clock = play(events(row["events"]), noon(row["now"]), row["state"])
    silent = [
        f"{one.happening.name}@{local_day(one.at, row['state'])}"
        for one in clock.history
        if one.by_silence
    ]
    assert running(clock, row["state"]) == row["running"]
    assert " ".join(silent) == row["happened"]


def test_a_passed_limit_that_is_still_owed_stays_and_is_told_once() -> None:
    """X-C05: the notification is late and the duty remains."""
    clock = play(events("RESPONSIBLE_HIT@2026-07-02"), noon("2027-07-20"), "DK")
    assert [one.rule for one in clock.passed] == ["K8"]
    assert [one.rule for one in clock.running] == ["K8"]


def test_three_months_left_are_not_fewer_than_three() -> None:
    """Art. 46(2) AMMR: the transfer goes on counting from the acceptance, and so do reminders."""
    clock = play(events("ACCEPTED@2026-08-03 REAPPEARED@2026-11-03"), noon("2026-11-04"), "DK")
    (transfer,) = [one for one in clock.running if one.rule == "K13"]
    assert local_day(transfer.due_at or transfer.starts_at, "DK").isoformat() == "2027-02-03"
    assert transfer.starts_at == noon("2026-08-03")


def test_silence_follows_silence() -> None:
    """Nobody ever acts: accepted by silence, not transferred, responsible in the end."""
    clock = play(events("TAKE_CHARGE_ASKED_ON_HIT@2026-07-02"), noon("2028-01-01"), "IT")
    assert [one.happening for one in clock.history[1:]] == [
        Happening.ACCEPTED,
        Happening.RESPONSIBLE_HERE,
    ]
    assert clock.running == ()


def test_the_tables_are_complete() -> None:
    assert EFFECTS.keys() == set(Happening)
    assert SILENCE.keys() == set(OnMiss)
    assert set(WHILE_DETAINED) <= set(Happening)
    used = {key for effect in EFFECTS.values() for key in (*effect.starts, *effect.ends)}
    used |= {key for keys in WHILE_DETAINED.values() for key in keys} | set(SILENT_RELOCATION)
    assert used | COUNTED_FROM.keys() <= LIMITS.keys()


def test_every_limit_is_started_or_says_why_not() -> None:
    started = {key for effect in EFFECTS.values() for key in effect.starts}
    started |= {key for keys in WHILE_DETAINED.values() for key in keys}
    assert started.isdisjoint(NOT_STARTED)
    assert started | NOT_STARTED.keys() == LIMITS.keys()
    assert set(IN_LARGE_NUMBERS.values()) <= NOT_STARTED.keys()


HAPPENED = st.lists(
    st.builds(
        Occurred,
        st.sampled_from(Happening),
        st.datetimes(datetime(2026, 7, 1), datetime(2029, 1, 1), timezones=st.just(UTC)),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(HAPPENED, st.datetimes(datetime(2026, 7, 1), datetime(2031, 1, 1), timezones=st.just(UTC)))
def test_only_what_is_still_owed_may_stay_open_after_its_end(
    happened: list[Occurred], now: datetime
) -> None:
    clock = play(happened, now, "DK")
    for limit in clock.running:
        assert limit.on_miss is OnMiss.STILL_OWED or not limit.is_late(now)
    assert all(limit.is_late(now) for limit in clock.passed)
    moments = [one.at for one in clock.history]
    assert all(moment <= now for moment in moments)
    given_events = [one for one in clock.history if not one.by_silence]
    assert given_events == sorted(
        (one for one in happened if one.at <= now), key=lambda one: one.at
    )
