"""Fits the constants of the comparison to real prints and prints them as Python.

The weights of the evidence come from odd fingers only; even fingers stay unseen. To keep them
from trusting good prints too much, every print counts twice: as it is, and worsened.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.rates import trace_curve
from benchmarks.trials import Enrolled, Pairs
from matcher.evidence import SIZE
from matcher.pairing import describe, explain
from matcher.vocabulary import SUBPIXELS, FingerTemplate

NON_MATED_PRIOR = 100.0
"""Non-mated pairs weigh this many times the mated ones, so that the fit minds low FMR."""

RIDGE = 1e-3
"""Pull towards zero of the standardised weights; enough to make the fit unique."""

NEWTON_STEPS = 50
"""Upper bound; the fit settles in about fifteen."""

KNOT_SCORES = (0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0)
"""Calibrated scores at which the curve is read off the non-mated pairs; 40 needs 1e5 of them."""

Floats = NDArray[np.float64]


def fit_weights(enrolled: Enrolled) -> str:
    """Weights of the evidence by logistic regression, as the lines of matcher.pairing."""
    odd = np.flatnonzero(enrolled.is_odd)
    random = np.random.default_rng(7)
    plain = [enrolled.templates[k] for k in odd]
    worse = [worsen(template, random) for template in plain]
    finger = enrolled.finger[odd]
    parts = [gather_evidence(templates, finger) for templates in (plain, worse)]
    evidence = np.concatenate([part[0] for part in parts])
    mated = np.concatenate([part[1] for part in parts])
    weights, offset = regress(evidence[:, :SIZE], mated, NON_MATED_PRIOR)
    numbers = ", ".join(f"{weight:.3f}" for weight in weights)
    return (
        f"EVIDENCE_WEIGHTS: {numbers}\n# log-odds at a prior of 1:{NON_MATED_PRIOR:g}: {offset:.2f}"
    )


def worsen(template: FingerTemplate, random: np.random.Generator) -> FingerTemplate:
    """A template as of a poorer capture: part of it, bent, some minutiae lost, some false."""
    minutiae = template.minutiae.copy()
    count = len(minutiae)
    if count == 0:
        return template
    places = np.stack((minutiae["x"], minutiae["y"]), axis=1) / SUBPIXELS
    turn = random.uniform(0.0, 2.0 * np.pi)
    reach = places @ np.array([np.cos(turn), np.sin(turn)])
    kept = reach <= np.quantile(reach, random.uniform(0.6, 1.0))
    kept &= random.random(count) > 0.12
    low, high = places.min(axis=0), places.max(axis=0)
    for _ in range(4):
        centre, width = random.uniform(low, high), random.uniform(60.0, 120.0)
        near = np.exp(-((places - centre) ** 2).sum(axis=1) / (2.0 * width**2))
        places = places + near[:, None] * random.normal(0.0, 5.0, 2)
    places = places + random.normal(0.0, 1.0, places.shape)
    angle = minutiae["angle"] + random.normal(0.0, 700.0, count)
    false = random.integers(0, count, max(1, round(0.12 * count)))
    places[false] = random.uniform(low, high, (len(false), 2))
    angle[false] = random.uniform(0.0, 65536.0, len(false))
    places = np.clip(places * SUBPIXELS, 0, 65535)
    minutiae["x"], minutiae["y"] = places[:, 0], places[:, 1]
    minutiae["angle"] = angle.astype(np.int64) % 65536
    kept[false] = True
    return replace(template, minutiae=minutiae[kept])


def gather_evidence(
    templates: list[FingerTemplate], finger: NDArray[np.int64]
) -> tuple[Floats, NDArray[np.bool_]]:
    """Evidence of every two templates, and whether they are mated."""
    described = [describe(template) for template in templates]
    first, second = np.triu_indices(len(described), 1)
    evidence = [
        explain(described[a], described[b]).evidence for a, b in zip(first, second, strict=True)
    ]
    return np.array(evidence, np.float64), finger[first] == finger[second]


def regress(
    evidence: Floats, mated: NDArray[np.bool_], non_mated_prior: float
) -> tuple[Floats, float]:
    """Logistic regression by Newton steps: weights, and offset at the given prior."""
    mean, spread = evidence.mean(axis=0), evidence.std(axis=0) + 1e-9
    design = np.column_stack(((evidence - mean) / spread, np.ones(len(evidence))))
    importance = np.where(mated, 1.0 / mated.sum(), non_mated_prior / (~mated).sum())
    importance *= mated.sum()
    pull = np.append(np.full(evidence.shape[1], RIDGE), 0.0)
    solution = np.zeros(design.shape[1])
    for _ in range(NEWTON_STEPS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(design @ solution, -30.0, 30.0)))
        slope = design.T @ (importance * (chance - mated)) + pull * solution
        bend = (design * (importance * chance * (1.0 - chance))[:, None]).T @ design
        step = np.linalg.solve(bend + np.diag(pull + 1e-9), slope)
        solution -= step * min(1.0, 5.0 / np.abs(step).max())
        if np.abs(step).max() < 1e-7:
            break
    weights = solution[:-1] / spread
    return weights, float(solution[-1] - mean @ weights)


def fit_calibration(pairs: Pairs) -> str:
    """Curve from raw similarity to FMR, and the line to the likelihood ratio, as Python lines."""
    curve = trace_curve(pairs.take(np.ones(len(pairs.score), bool)))
    raw = [read_raw(curve.thresholds, curve.fmr, 10.0 ** (-score / 10.0)) for score in KNOT_SCORES]
    settle = np.maximum.accumulate(np.array(raw) + 1e-3 * np.arange(len(raw)))
    slope, offset = fit_line(pairs)
    return "\n".join(
        (
            f"RAW_KNOTS = np.array([{', '.join(f'{value:.2f}' for value in settle)}])",
            f"SCORE_KNOTS = np.array([{', '.join(f'{value:.1f}' for value in KNOT_SCORES)}])",
            f"LLR_SLOPE, LLR_OFFSET = {slope:.3f}, {offset:.2f}",
            f"LLR_LEAST = {floor(pairs):.2f}",
        )
    )


def read_raw(thresholds: Floats, fmr: Floats, wanted: float) -> float:
    """Raw similarity at which the false match rate is as wanted, between the steps."""
    finite = np.isfinite(thresholds)
    falling = np.log10(np.maximum(fmr[finite], 1e-9))
    return float(np.interp(-np.log10(wanted), -falling, thresholds[finite]))


def fit_line(pairs: Pairs) -> tuple[float, float]:
    """Slope and offset from raw similarity to log-likelihood ratio."""
    weights, offset = regress(pairs.score[:, None], pairs.mated, 1.0)
    return float(weights[0]), offset


def floor(pairs: Pairs) -> float:
    """Log-likelihood ratio of the lower half of the non-mated scores, one mated pair added."""
    median = np.median(pairs.score[~pairs.mated])
    low = int(np.sum(pairs.score[pairs.mated] <= median)) + 1
    return float(np.log(low / (int(pairs.mated.sum()) + 1) / 0.5))
