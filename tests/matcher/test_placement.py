"""A finger under two positions is found, and honest captures are left alone."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from matcher.extraction import extract_finger
from matcher.placement import Misplacement, find_misplaced
from matcher.vocabulary import FingerPosition, FingerTemplate, Impression
from models.synthesis.conditions import GOOD
from models.synthesis.persons import Person, capture_fingers

INDEX, MIDDLE = FingerPosition.RIGHT_INDEX, FingerPosition.RIGHT_MIDDLE


@cache
def _templates(impression: Impression, taking: int) -> tuple[FingerTemplate, ...]:
    samples = capture_fingers(
        Person(1),
        capture_seed=taking,
        positions=(INDEX, MIDDLE),
        impression=impression,
        condition=GOOD,
    )
    return tuple(extract_finger(sample)[0] for sample in samples)


def _swapped(templates: tuple[FingerTemplate, ...]) -> list[FingerTemplate]:
    first, second = templates
    return [
        replace(first, position=second.position),
        replace(second, position=first.position),
    ]


def test_rolled_and_flat_fingers_in_their_places_are_left_alone() -> None:
    both = [*_templates(Impression.ROLLED, 1), *_templates(Impression.FLAT, 2)]
    assert find_misplaced(both) == ()


def test_fingers_swapped_in_one_impression_are_found() -> None:
    both = [*_templates(Impression.ROLLED, 1), *_swapped(_templates(Impression.FLAT, 2))]
    assert find_misplaced(both) == (Misplacement(INDEX, MIDDLE, swapped=True),)


def test_a_finger_captured_for_two_is_found() -> None:
    index, _ = _templates(Impression.FLAT, 1)
    again, _ = _templates(Impression.FLAT, 2)
    twice = [index, replace(again, position=MIDDLE)]
    assert find_misplaced(twice) == (Misplacement(INDEX, MIDDLE, swapped=False),)


def test_fingers_of_unknown_position_and_empty_templates_say_nothing() -> None:
    index, middle = _templates(Impression.FLAT, 1)
    unknown = replace(index, position=FingerPosition.UNKNOWN)
    empty = replace(middle, minutiae=middle.minutiae[:0])
    assert find_misplaced([index, unknown, empty]) == ()
