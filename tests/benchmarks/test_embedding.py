"""The measures of the vector: right pairs, right persons, no error where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from benchmarks.embedding import measure_persons, regress
from benchmarks.embedding_centre import append_centre, find_mean
from benchmarks.embedding_failures import CELL_PX, Seen, draw_row
from benchmarks.embedding_rolled import judge, press
from benchmarks.prints import Print
from benchmarks.rates import find_eer
from benchmarks.vectors import (
    PROBES_MOST,
    Comparison,
    Vectors,
    draw_persons,
    fuse,
    stack,
)
from matcher.codes import DIMENSIONS
from matcher.embedding import NOWHERE, Embedded, normalise
from matcher.features import Features
from matcher.pose import UPRIGHT, Pose
from matcher.vocabulary import FingerSample


def vectors(noise: float, fingers: int = 24, prints: int = 4) -> Vectors:
    """Random directions, one for each finger, and noise on every print."""
    rng = np.random.default_rng(0)
    finger = np.repeat(np.arange(fingers), prints)
    direction = rng.normal(size=(fingers, 32))[finger]
    noisy = direction + noise * rng.normal(size=direction.shape)
    count = len(finger)
    vector = normalise(noisy.astype(np.float32))
    return Vectors(
        vector=vector,
        probe=np.repeat(vector[:, None], PROBES_MOST, axis=1),
        reliability=np.ones(count),
        set_name=np.array(["set"] * count),
        finger=finger.astype(np.int64),
        is_odd=finger % 2 == 1,
        impression=np.tile(np.arange(1, prints + 1), fingers).astype(np.int64),
        seconds=np.zeros(count),
    )


def test_every_two_prints_are_compared_once() -> None:
    scores, fingers = Comparison.by_cosine(vectors(0.1)).pairs(np.ones(96, bool))
    assert len(scores.score) == len(fingers) == 96 * 95 // 2
    assert scores.mated.sum() == 24 * 6


def test_the_protocol_compares_strangers_by_their_first_impressions_only() -> None:
    scores, _ = Comparison.by_cosine(vectors(0.1)).protocol(np.ones(96, bool))
    assert scores.mated.sum() == 24 * 6
    assert (~scores.mated).sum() == 24 * 23 // 2


def test_the_best_vector_of_a_probe_counts() -> None:
    some = vectors(0.1)
    some.probe[:, 0] = -some.probe[:, 0]
    scores = Comparison.by_best_cosine(some).score
    np.testing.assert_allclose(scores, np.abs(some.vector @ some.vector.T), atol=1e-6)
    some.probe[:, 1:] = -some.probe[:, 1:]
    assert Comparison.by_best_cosine(some).score[0, 0] == pytest.approx(-1.0)


def test_a_probe_with_fewer_vectors_is_filled_up_without_a_new_best() -> None:
    rows = normalise(np.random.default_rng(1).normal(size=(3, 8)).astype(np.float32))
    filled = stack([Embedded(rows[0], 1.0, NOWHERE, rows[1:])])[0]
    assert filled.shape == (PROBES_MOST, 8)
    assert {tuple(row) for row in filled} == {tuple(row) for row in rows}


@pytest.mark.parametrize("count", [2, 4, 10])
def test_clear_vectors_give_persons_without_error(count: int) -> None:
    some = vectors(0.05)
    scores = fuse(Comparison.by_evidence(some), draw_persons(some, count, 500))
    assert find_eer(scores) == 0.0


def test_more_fingers_leave_fewer_errors() -> None:
    some = vectors(2.5)
    comparison = Comparison.by_evidence(some)
    one, many = (find_eer(fuse(comparison, draw_persons(some, k, 1000))) for k in (1, 6))
    assert many < 0.5 * one


def test_evidence_keeps_a_spoilt_print_from_spoiling_its_person() -> None:
    some = vectors(1.0)
    rng = np.random.default_rng(1)
    spoilt = rng.random(96) < 0.3
    some.vector[spoilt] = normalise(rng.normal(size=(int(spoilt.sum()), 32)).astype(np.float32))
    some = replace(some, probe=np.repeat(some.vector[:, None], PROBES_MOST, axis=1))
    known = replace(some, reliability=np.where(spoilt, 0.05, 1.0))
    drawn = draw_persons(some, 3, 2000)
    plain = find_eer(fuse(Comparison.by_evidence(some), drawn))
    assert find_eer(fuse(Comparison.by_evidence(known), drawn)) < plain


def test_evidence_holds_one_threshold_for_all_numbers_of_fingers() -> None:
    some = vectors(0.8)
    alike = normalise(some.vector + np.float32(0.1))
    some = replace(some, vector=alike, probe=np.repeat(alike[:, None], PROBES_MOST, axis=1))
    drawn = {k: draw_persons(some, k, 1000) for k in (1, 4)}
    rates = {}
    for name, comparison in (
        ("sum", Comparison.by_best_cosine(some)),
        ("evidence", Comparison.by_evidence(some)),
    ):
        measures = {one.measure: one.value for one in measure_persons(comparison, drawn, name)}
        rates[name] = measures[f"{name}_eer_any_k"]
    assert rates["evidence"] < 0.5 * rates["sum"]


def test_the_fit_finds_the_weights_that_made_the_labels() -> None:
    rng = np.random.default_rng(5)
    evidence = rng.normal(size=(40_000, 2))
    chance = 1 / (1 + np.exp(-(evidence @ np.array([2.0, -1.0]))))
    fitted = regress(evidence, rng.random(40_000) < chance)
    np.testing.assert_allclose(fitted, [2.0, -1.0], atol=0.1)


def test_the_mean_of_real_prints_is_that_of_odd_fingers_with_sets_alike() -> None:
    some = vectors(0.0, fingers=6, prints=2)
    some = replace(some, set_name=np.array(["a"] * 8 + ["b"] * 4))
    odd_a = (some.vector[2] + some.vector[6]) / 2
    odd_b = some.vector[10]
    np.testing.assert_allclose(find_mean(some), (odd_a + odd_b) / 2, atol=1e-6)


def test_a_centred_network_answers_with_the_unit_vector_less_the_mean() -> None:
    shape: list[str | int | None] = ["batch", DIMENSIONS]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["patch"], ["vector"])],
        "nothing",
        [helper.make_tensor_value_info("patch", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    rng = np.random.default_rng(6)
    mean = rng.normal(size=DIMENSIONS).astype(np.float32)
    append_centre(model, mean)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    rows = rng.normal(size=(3, DIMENSIONS)).astype(np.float32)
    (found,) = session.run(None, {"patch": rows})
    np.testing.assert_allclose(found, normalise(rows) - mean, atol=1e-5)
    assert isinstance(model, onnx.ModelProto)


def test_a_row_of_the_sheet_shows_both_prints_and_both_patches() -> None:
    ridges = np.tile(np.array([80, -80], np.int8), (200, 90))
    maps = Features(ridges, np.full((200, 180), 255, np.uint8), np.zeros((3, 50, 45), np.float32))
    one = Seen(Print("set", 1, 1, FingerSample(np.zeros((9, 9), np.uint8), 500.0)), maps)
    pose = Pose(180.0, 200.0, UPRIGHT, 1.0)
    row = draw_row((one, one), (pose, pose), "title")
    assert row.shape == (CELL_PX + 24, 4 * CELL_PX, 3)
    cells = [row[24:, k * CELL_PX : (k + 1) * CELL_PX] for k in range(4)]
    assert all(cell.std() > 20 for cell in cells)


def test_flat_probes_are_judged_by_their_own_references() -> None:
    good = np.array([[3.0, 1.0, 0.0], [0.0, 2.5, 1.0], [0.0, 1.0, 2.0]])
    one_lost = good[[0, 1, 1]]
    assert [one.value for one in judge("rolled", good)] == [0.0, 100.0]
    eer, first = judge("rolled", one_lost)
    assert (eer.measure, first.measure) == (
        "embedding_eer_flat_against_rolled",
        "embedding_rank1_flat_against_rolled",
    )
    assert eer.value > 20.0
    assert first.value == pytest.approx(200 / 3)


def test_a_finger_is_pressed_flat_and_rolled_and_flat_again_in_any_condition() -> None:
    references, probe = press(3)
    flat, rolled = references["flat"].image, references["rolled"].image
    assert rolled.shape[1] > flat.shape[1]
    assert probe.image.shape == flat.shape
    assert not np.array_equal(probe.image, flat)
