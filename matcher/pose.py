"""Where the pattern of a finger lies and how it is turned, from the flow of its ridges.

A small convolutional network votes for the place of the upper core (for a plain arch the top of
its hill) on a coarse grid that reaches beyond the picture, because the core of a partial print
may lie outside; each vote carries an offset and a direction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from matcher.runtime import open_session
from matcher.spectrum import STEP_PX, Floats

MODEL = "finger-pose-1"
"""Manifest id of the network."""

MARGIN_CELLS = 8
"""How far beyond the picture a core may lie: 64 pixels, 3 mm."""

MULTIPLE_CELLS = 8
"""The network halves the grid three times."""

VOTE_CELLS = 2
"""Cells of the flow per vote, on each axis."""

VOTE_PX = VOTE_CELLS * STEP_PX
"""Pixels at 500 dpi between votes; offsets are in this unit."""

NEIGHBOURS = 2
"""Votes this far from the strongest belong to the same peak."""

APART = 2 * NEIGHBOURS
"""Another peak lies further than this many votes, 64 pixels or 3 mm, from the stronger ones."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Place and direction of a print.

    x, y: core in pixels at 500 dpi, y downwards, possibly outside the picture. angle: from the
    core to the tip, radians, counter-clockwise. confidence: 0-1, share of the votes for this
    place.
    """

    x: float
    y: float
    angle: float
    confidence: float


UPRIGHT = np.pi / 2
"""Angle of a finger whose tip points up."""


class PoseFinder:
    """Finds poses; safe to share between threads."""

    __slots__ = ("_session",)

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session

    @classmethod
    def open(cls, models: Path) -> PoseFinder:
        """Load the network. Raises ModelUnavailable when it is missing or altered."""
        return cls(open_session(models, MODEL))

    def find(self, flow: Floats) -> Pose:
        """The pose of a print from the flow of `matcher.features`, shape (3, rows, columns)."""
        return self.find_several(flow, 1)[0]

    def find_several(self, flow: Floats, count: int) -> tuple[Pose, ...]:
        """The most likely poses of a print at different places, the likeliest first."""
        (votes,) = self._session.run(None, {"flow": pad(flow)[None]})
        return decode_several(np.asarray(votes, np.float32)[0], count)


def pad(flow: Floats) -> Floats:
    """Surround a flow with nothing: the margin, and what the network needs to halve evenly."""
    rows, columns = flow.shape[1:]
    beyond = [-(-(length + 2 * MARGIN_CELLS) // MULTIPLE_CELLS) for length in (rows, columns)]
    wide = np.zeros((len(flow), *(MULTIPLE_CELLS * count for count in beyond)), np.float32)
    wide[:, MARGIN_CELLS : MARGIN_CELLS + rows, MARGIN_CELLS : MARGIN_CELLS + columns] = flow
    return wide


def decode(votes: Floats) -> Pose:
    """Read the likeliest pose from votes, as decode_several."""
    return decode_several(votes, 1)[0]


def decode_several(votes: Floats, count: int) -> tuple[Pose, ...]:
    """Read the poses of the strongest peaks from votes, shape (5, rows, columns).

    The planes are: strength (logit), offset x and y in units of VOTE_PX, cosine and sine of the
    direction.
    """
    share = np.exp(votes[0] - votes[0].max())
    share /= share.sum()
    poses: list[Pose] = []
    for _ in range(count):
        row, column = divmod(int(np.argmax(share)), share.shape[1])
        poses.append(read_peak(votes, share, (around(row), around(column))))
        share[around(row, APART), around(column, APART)] = 0
    return tuple(poses)


def read_peak(votes: Floats, share: Floats, near: tuple[slice, slice]) -> Pose:
    """The mean of the votes of one peak; without any votes left, their place and confidence 0."""
    weight = share[near] + np.float32(1e-12)
    rows, columns = weight.sum(axis=1), weight.sum(axis=0)
    row = float(rows @ np.arange(len(rows), dtype=np.float32))
    column = float(columns @ np.arange(len(columns), dtype=np.float32))
    sums = votes[(slice(1, None), *near)].reshape(4, -1) @ weight.reshape(-1)
    right, down, cosine, sine = sums.tolist()
    mass = float(rows.sum())
    return Pose(
        x=to_pixels(near[1].start + (column + right) / mass),
        y=to_pixels(near[0].start + (row + down) / mass),
        angle=math.atan2(sine, cosine),
        confidence=mass,
    )


def around(place: int, reach: int = NEIGHBOURS) -> slice:
    """The votes of one peak along one axis."""
    return slice(max(0, place - reach), place + reach + 1)


def to_pixels(votes: float) -> float:
    """A coordinate of the picture from one of the grid of votes.

    >>> to_pixels(4.0)
    7.5
    """
    return (votes + 0.5) * VOTE_PX - 0.5 - MARGIN_CELLS * STEP_PX


def to_votes(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """The inverse of to_pixels, for arrays."""
    votes = (pixels + (0.5 + MARGIN_CELLS * STEP_PX)) / VOTE_PX - 0.5
    return np.asarray(votes, np.float32)
