"""Slabs: the rows of the planes by kind of person, in memory or with fine codes in scratch files.

Ten fingers are 640 bytes of fine codes beside 40 of coarse ones, which a search of ten fingers
reads first. Where memory is short, fine codes lie in files that have no name and are mapped into
memory: the system keeps as much of them as there is room for, and frees the disk when the process
ends, however it ends. What is overwritten in memory is overwritten in the file, so that erasure
holds there too, if the file system writes in place and the disk is encrypted as that of the store.
"""

from __future__ import annotations

import math
import os
import tempfile
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher import codes
from matcher.codes import Bytes, fine_shape, make_coarse, make_fine
from matcher.errors import ScratchUnusable

SLAB_ROWS = 2**17
"""Rows of a slab: 84 MB of fine codes. Pages of memory are claimed when written, a disk at once."""

LIVE = 1 << 15
"""Bit of a mask that says that a row holds a person, if only one without vectors."""


class Kind(IntEnum):
    """What is kept of a person: all or many fingers (coarse and fine), few (fine), or no vector."""

    WHOLE = codes.WHOLE
    DENSE = codes.DENSE
    SPARSE = codes.SPARSE
    BARE = 3


COARSE_KINDS = (Kind.WHOLE, Kind.DENSE)
"""Kinds whose rows have coarse codes."""


@dataclass(slots=True, eq=False)
class Slab:
    """Rows of one kind. coarse, fine: planes as codes.py makes them, None where the kind has none.

    masks: uint16, bit f for finger f, LIVE, 0 for an empty row. partitions: uint32, codes. used:
    rows from the front that were ever opened.
    """

    kind: Kind
    coarse: Bytes | None
    fine: Bytes | None
    masks: NDArray[np.uint16]
    partitions: NDArray[np.uint32]
    used: int = 0


def make_slab(kind: Kind, rows: int, scratch: Path | None) -> Slab:
    """An empty slab. scratch: the folder in whose file the fine codes lie, None for memory.

    Raises ScratchUnusable where the folder takes no file of their size.
    """
    fine = None
    if kind is not Kind.BARE:
        fine = make_fine(rows) if scratch is None else map_zeros(fine_shape(rows), scratch)
    return Slab(
        kind,
        make_coarse(rows) if kind in COARSE_KINDS else None,
        fine,
        np.zeros(rows, np.uint16),
        np.zeros(rows, np.uint32),
    )


def map_zeros(shape: tuple[int, ...], folder: Path) -> Bytes:
    """Zeros, uint8 of a shape, in a file without a name; memory is claimed when written.

    The mapping outlives the open file, and the file the mapping of no process. The disk is claimed
    at once, and ScratchUnusable raised where there is no room: a mapping that finds none when it is
    written to ends the process, as it still may on file systems that copy what is written.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, math.prod(shape))
            # A plain array: compiled code knows no other.
            return np.asarray(np.memmap(file, np.uint8, "w+", shape=shape))
    except OSError as error:
        raise ScratchUnusable(
            f"fine codes find no room in their folder: {error.strerror}"
        ) from error
