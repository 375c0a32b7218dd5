"""The measures on templates drawn at random, where the right answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.accuracy import measure, rank_one
from benchmarks.fitting import fit_calibration, fit_weights, regress, worsen
from benchmarks.galleries import disturb_finger, draw_finger
from benchmarks.trials import Enrolled, Pairs, compare_all, fnmr_after_rejecting
from matcher.vocabulary import FingerPosition

FINGERS, IMPRESSIONS = 8, 3


@pytest.fixture(scope="module")
def enrolled() -> Enrolled:
    """Eight drawn fingers with three impressions each, in two sets."""
    random = np.random.default_rng(3)
    templates = []
    for _ in range(FINGERS):
        finger = draw_finger(random, FingerPosition.UNKNOWN, 40)
        templates += [disturb_finger(finger, random) for _ in range(IMPRESSIONS)]
    number = np.repeat(np.arange(FINGERS), IMPRESSIONS)
    return Enrolled(
        tuple(templates),
        np.where(number < 4, "FVC2002_DB1_B", "other"),
        number,
        number % 2 == 1,
        np.tile(np.arange(1, IMPRESSIONS + 1), FINGERS),
        np.full(len(number), 0.01),
    )


@pytest.fixture(scope="module")
def pairs(enrolled: Enrolled) -> Pairs:
    return compare_all(enrolled)


def test_every_two_prints_are_compared_once(pairs: Pairs) -> None:
    count = FINGERS * IMPRESSIONS
    assert len(pairs.score) == count * (count - 1) // 2
    assert pairs.mated.sum() == FINGERS * IMPRESSIONS * (IMPRESSIONS - 1) // 2


def test_drawn_mates_are_told_apart_without_an_error(pairs: Pairs) -> None:
    measures = {one.measure: one for one in measure(pairs)}
    assert measures["eer_fvc2002_db1"].value == 0.0
    assert measures["fnmr_at_fmr_1e3_pooled_all_sets_even"].value == 0.0
    assert measures["rank1_one_template"].value == 100.0
    assert measures["extraction_ms"].value == pytest.approx(10.0)
    assert measures["failures_to_enrol"].value == 0


def test_a_tie_at_rank_one_is_a_miss(pairs: Pairs) -> None:
    assert rank_one(replace(pairs, score=np.ones(len(pairs.score)))).value == 0.0


def test_rejecting_the_worst_prints_removes_their_errors(pairs: Pairs) -> None:
    bad = np.isin(pairs.first, [0, 5]) | np.isin(pairs.second, [0, 5])
    templates = [
        replace(one, quality=1 if k in (0, 5) else 60)
        for k, one in enumerate(pairs.enrolled.templates)
    ]
    worse = replace(
        pairs,
        enrolled=replace(pairs.enrolled, templates=tuple(templates)),
        score=np.where(bad, 0.0, 10.0),
    )
    share = 2 / len(templates)
    assert fnmr_after_rejecting(worse, 0.0, 5.0) == pytest.approx(4 / 24)
    assert fnmr_after_rejecting(worse, share, 5.0) == 0.0


def test_regression_finds_the_weights_that_made_the_labels() -> None:
    random = np.random.default_rng(1)
    evidence = random.normal(0.0, 1.0, (20_000, 2))
    chance = 1.0 / (1.0 + np.exp(-(2.0 * evidence[:, 0] - 1.0 * evidence[:, 1])))
    mated = random.random(len(chance)) < chance
    weights, _ = regress(evidence, mated, 1.0)
    assert weights == pytest.approx([2.0, -1.0], abs=0.1)


def test_a_worsened_template_keeps_most_of_the_finger(enrolled: Enrolled) -> None:
    random = np.random.default_rng(2)
    for template in enrolled.templates:
        worse = worsen(template, random)
        assert 0.4 * len(template.minutiae) < len(worse.minutiae) <= len(template.minutiae)
    empty = replace(template, minutiae=template.minutiae[:0])
    assert worsen(empty, random) is empty


def test_fits_are_printed_as_python(enrolled: Enrolled, pairs: Pairs) -> None:
    assert fit_weights(enrolled).startswith("EVIDENCE_WEIGHTS: ")
    lines = fit_calibration(pairs).splitlines()
    assert [line.split(" ")[0] for line in lines] == [
        "RAW_KNOTS",
        "SCORE_KNOTS",
        "LLR_SLOPE,",
        "LLR_LEAST",
    ]
