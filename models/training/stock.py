"""The shards of synthetic prints as one stock in memory, split into what is learnt and held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher.features import MAP_STEP_PX, Features
from models.training.prints import FLOW_LEVELS, FRAME_PX, Shard, read_shard, shard_path

HELD_OUT_SHARDS = 1
"""The first shards are never trained on; with them a network is watched."""


@dataclass(frozen=True, slots=True, eq=False)
class Stock:
    """All prints of some shards; the arrays are those of Shard."""

    prints: Shard

    def __len__(self) -> int:
        return len(self.prints.finger)

    def features(self, index: int) -> Features:
        """The maps of one print, as `matcher.features` reads them from a picture."""
        return Features(
            self.prints.ridges[index],
            unpack(self.prints.inside[index]),
            self.prints.flow[index].astype(np.float32) / np.float32(FLOW_LEVELS),
        )


def unpack(bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The area of one print from its bits, 0 or 255."""
    columns = FRAME_PX[1] // MAP_STEP_PX
    return np.unpackbits(bits, axis=1, count=columns) * np.uint8(255)


def open_stock(workplace: Path, *, shards: int = HELD_OUT_SHARDS, held_out: bool = False) -> Stock:
    """Read the first `shards` shards without those held out, or only those held out.

    Raises FileNotFoundError when they are not all there: a network must not be trained on
    fewer prints than its plan says, only because they were not made yet.
    """
    numbers = range(HELD_OUT_SHARDS) if held_out else range(HELD_OUT_SHARDS, shards)
    paths = [shard_path(number, workplace) for number in numbers]
    if not paths or not all(path.exists() for path in paths):
        raise FileNotFoundError("prints are missing: run python -m models.training.prints")
    return join(paths)


def join(paths: Sequence[Path]) -> Stock:
    """The prints of some shards, without those on which no finger was seen."""
    shards = [read_shard(path) for path in paths]
    seen = [shard.inside.any(axis=(1, 2)) for shard in shards]
    columns = {
        name: np.concatenate(
            [getattr(shard, name)[kept] for shard, kept in zip(shards, seen, strict=True)]
        )
        for name in Shard.__slots__
    }
    return Stock(Shard(**columns))
