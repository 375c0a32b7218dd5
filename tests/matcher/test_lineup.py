"""The line-up: who meets whom, and what each meeting counts."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.galleries import Draw, draw_reference
from matcher.errors import ModelMismatch
from matcher.fusion import fuse
from matcher.lineup import (
    check_models,
    is_comparable,
    line_up,
    name_finger_model,
    name_vector_model,
    settle,
)
from matcher.vocabulary import TEN_FINGERS, FingerPosition, Reference

WHOLE = draw_reference(0, Draw(minutiae=12))
UNKNOWN = FingerPosition.UNKNOWN
NAN = float("nan")


def probe(known: list[int], unknown: int) -> Reference:
    """A probe of some positions, in falling order, after some fingers of unknown position."""
    strangers = [replace(finger, position=UNKNOWN) for finger in WHOLE.fingers[:unknown]]
    own = [WHOLE.by_position[FingerPosition(code)] for code in sorted(known, reverse=True)]
    return Reference((*strangers, *own), WHOLE.face)


def meetings(of: Reference) -> list[tuple[int, int]]:
    return [(index, int(position)) for index, position in line_up(of).meetings]


def test_fingers_of_known_position_meet_only_their_own() -> None:
    assert meetings(probe([7, 2], 0)) == [(0, 2), (1, 7)]
    assert [f.position for f in line_up(probe([7, 2], 0)).fingers] == [2, 7]


def test_fingers_of_unknown_position_meet_all_that_the_probe_does_not_hold_itself() -> None:
    found = meetings(probe([1, 2, 3, 4, 5, 6], 2))
    assert found[6:] == [(6, 7), (6, 8), (6, 9), (6, 10), (7, 7), (7, 8), (7, 9), (7, 10)]
    assert meetings(probe(list(range(1, 11)), 1)) == [(n, n + 1) for n in range(10)]


def test_fingers_with_hardly_any_minutiae_take_no_part() -> None:
    thumb = WHOLE.fingers[0]
    bare = replace(thumb, minutiae=thumb.minutiae[:3])
    assert not is_comparable(bare)
    assert line_up(Reference((bare,))).fingers == ()
    assert meetings(Reference((replace(bare, position=UNKNOWN),))) == []
    # A bare thumb is not compared, so that an unknown finger may still turn out to be the thumb.
    assert len(meetings(Reference((bare, replace(thumb, position=UNKNOWN))))) == 10


def test_the_face_takes_part_unless_told_otherwise() -> None:
    assert line_up(WHOLE).face is WHOLE.face
    assert line_up(WHOLE, compare_face=False).face is None


def test_what_is_missing_is_left_out_of_score_and_description() -> None:
    lineup = line_up(probe([1, 2, 3], 0))
    fingers = np.array([[30, NAN, 20], [NAN, NAN, NAN], [NAN, 12, NAN]], np.float32)
    outcome = settle(lineup, fingers, np.array([NAN, NAN, 40], np.float32))
    first, none, last = (outcome.describe(row) for row in range(3))
    assert first.fingers == {FingerPosition(1): 30, FingerPosition(3): 20}
    assert first.score == pytest.approx(fuse([30, 20]))
    assert first.face is None
    assert (none.score, dict(none.fingers), none.face) == (0, {}, None)
    assert np.isnan(outcome.fused[1])
    assert (last.fingers, last.face) == ({FingerPosition(2): 12}, 40)
    assert last.score == pytest.approx(fuse([12, 40]))


def test_an_unknown_finger_counts_where_it_fits_best_at_the_price_of_the_choice() -> None:
    lineup = line_up(probe([2], 1))
    scores = np.full((1, 10), 5, np.float32)
    scores[0, 0] = 33
    scores[0, 1 + lineup.open_positions.index(FingerPosition(9))] = 50
    comparison = settle(lineup, scores, np.full(1, NAN, np.float32)).describe(0)
    assert list(comparison.fingers) == [2, 9]
    corrected = 50 - 10 * np.log10(9)
    assert comparison.fingers[FingerPosition(9)] == pytest.approx(corrected, abs=1e-4)
    assert comparison.score == pytest.approx(fuse([33, corrected]), abs=1e-3)


def test_a_reference_with_fewer_fingers_makes_the_choice_cheaper() -> None:
    lineup = line_up(probe([], 1))
    scores = np.full((2, 10), NAN, np.float32)
    scores[0, 3] = 50
    scores[1, 3:5] = 50
    outcome = settle(lineup, scores, np.full(2, NAN, np.float32))
    assert outcome.fused.tolist() == pytest.approx([50, 50 - 10 * np.log10(2)], abs=1e-4)
    assert outcome.positions[0].tolist() == [TEN_FINGERS[3]]


def test_models_must_agree_where_both_sides_have_one() -> None:
    check_models(None, "a")
    check_models("a", "a")
    with pytest.raises(ModelMismatch):
        check_models("a", "b")
    assert name_finger_model(()) is None
    with pytest.raises(ModelMismatch):
        name_finger_model((WHOLE.fingers[0], replace(WHOLE.fingers[1], model="other")))


def test_the_vectors_of_one_reference_come_from_one_model() -> None:
    """Fingers without a vector say nothing about the model of the others."""
    vector = np.full(128, 22, np.int8)
    bare, seen, other = (
        replace(finger, vector=vector, vector_model=model) if model else finger
        for finger, model in zip(WHOLE.fingers[:3], ("", "one", "another"), strict=True)
    )
    assert name_vector_model((bare, bare)) is None
    assert name_vector_model((bare, seen)) == "one"
    with pytest.raises(ModelMismatch):
        name_vector_model((seen, bare, other))
