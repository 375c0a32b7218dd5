"""Status events against the field table: rulebook D."""

from __future__ import annotations

import pytest

from interfaces.eurodac.categories import RULES, STORED, Category, Group
from interfaces.eurodac.dataset import MarkType, check_update
from interfaces.eurodac.fields import ROW_OF, Requirement, requirement
from interfaces.eurodac.flags import FLAG_RULES, NOTICES, Notice, mark_rule
from interfaces.eurodac.updates import (
    ERASABLE,
    UPDATES,
    Act,
    StatusEvent,
    new_category,
    notice_of_update,
    update_rule,
)

ORDINARY = [c for c in STORED if RULES[c].article not in ("16(2)(a)", "25(2)")]


def test_every_event_has_its_row() -> None:
    assert UPDATES.keys() == set(StatusEvent)
    assert {event.value.split()[0] for event in StatusEvent} == {f"D{n}" for n in range(1, 21)}


@pytest.mark.parametrize("event", StatusEvent)
def test_every_event_asks_for_what_the_field_table_allows(event: StatusEvent) -> None:
    for category in ORDINARY:
        rule = update_rule(event, category)
        if rule is None:
            continue
        if rule.act is Act.UPDATE:
            assert check_update(category, rule.fields) == ()
        if rule.act in (Act.SET_FLAG, Act.DELETE_FLAG):
            assert FLAG_RULES[RULES[category].group].checks


@pytest.mark.parametrize("category", ORDINARY)
def test_every_later_field_has_an_event_that_fills_it(category: Category) -> None:
    filled = {
        name
        for event in StatusEvent
        if (rule := update_rule(event, category)) is not None
        for name in rule.fields
    }
    later = {
        name
        for name, rows in ROW_OF.items()
        for row in rows
        if requirement(row, category) in (Requirement.LATER, Requirement.AS_SOON_AS_AVAILABLE)
    }
    assert later <= filled


def test_an_arrival_makes_a_new_data_set_that_must_carry_its_date() -> None:
    """D3, D10."""
    for event in (StatusEvent.ARRIVED_AFTER_TAKE_CHARGE, StatusEvent.ARRIVED_AFTER_RELOCATION):
        rule = UPDATES[event]
        assert rule.act is Act.NEW_DATA_SET
        for _, category in rule.becomes:
            for name in rule.fields:
                assert {requirement(row, category) for row in ROW_OF[name]} == {
                    Requirement.MANDATORY
                }
    assert new_category(StatusEvent.VISA_FOUND, Category.APPLICANT_REG) is None
    assert new_category(StatusEvent.ARRIVED_AFTER_RELOCATION, Category.SAR) is None


def test_marks_of_the_events_are_those_that_the_state_may_set_first() -> None:
    """D18, D19."""
    for event, mark in (
        (StatusEvent.PROTECTION_GRANTED, MarkType.PROTECTION),
        (StatusEvent.RESIDENCE_DOCUMENT_ISSUED, MarkType.RESIDENCE),
    ):
        for category in STORED:
            rule = mark_rule(category, mark)
            assert rule is not None
            assert rule.first is (update_rule(event, category) is not None)


def test_the_notices_of_the_events_are_exactly_the_five() -> None:
    """H.4: setting a flag, unmarking, departure, relocation and rejection are not notified."""
    told = {rule.notice for rule in UPDATES.values() if rule.notice is not None}
    assert told == set(Notice)
    for event in (
        StatusEvent.FLAG_SET,
        StatusEvent.PROTECTION_WITHDRAWN,
        StatusEvent.REMOVED,
        StatusEvent.RELOCATION_OWED,
        StatusEvent.APPLICATION_REJECTED,
        StatusEvent.RETURN_ASSISTED,
    ):
        assert UPDATES[event].notice is None
    assert {rule.article for rule in NOTICES.values()} == {
        "16(4)",
        "17(4)",
        "30(2)",
        "31(1)",
        "31(4)",
    }


def test_only_a_change_of_responsibility_is_notified_among_updates() -> None:
    assert notice_of_update(("responsible_state",)) is Notice.RESPONSIBILITY_CHANGED
    assert notice_of_update(("left_member_states_on", "relocation_state")) is None
    assert notice_of_update(()) is None


def test_citizenship_reaches_every_column_that_is_stored() -> None:
    assert {RULES[category].group for category in STORED} == ERASABLE
    assert Group.ART_18_1 not in ERASABLE


def test_flags_and_marks_tell_by_their_own_calls() -> None:
    """D13 and D18: an update of the data set is none of these acts."""
    for name in ("security_flag", "marks"):
        assert notice_of_update((name,)) is None
