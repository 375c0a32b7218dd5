"""Comparison of a probe with the few persons that other means have put on a list.

Their fingers are described when they are compared, in one compiled call without the interpreter
lock: describing a finger costs about as much as comparing it, keeping it described three and a
half kilobytes. Several threads may share a list, each with a part of the handles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from matcher import minutiae_column
from matcher.candidates import Scratch, Side, make_scratch
from matcher.cylinders import MAX_MINUTIAE, Target
from matcher.description import describe_into, make_target
from matcher.memory import ABSENT, lay_over, point_to
from matcher.minutiae_column import HEADER_WORDS, MinutiaeColumn
from matcher.pairing import (
    Columns,
    Described,
    PackedDescribed,
    compare_either,
    digest_kernels,
    pack,
)
from matcher.vocabulary import TEN_FINGERS, FingerPosition

POSITIONS = len(TEN_FINGERS)


@dataclass(frozen=True, slots=True, eq=False)
class ShortlistProbe:
    """The fingers of a probe and whom they meet.

    fingers: packed, in the order of Lineup.fingers. meetings: int64 (m, 2), index of the finger
    and position of the reference, in the order of Lineup.meetings.
    """

    fingers: PackedDescribed
    meetings: NDArray[np.int64]


def prepare_probe(
    fingers: Sequence[Described], meetings: Sequence[tuple[int, FingerPosition]]
) -> ShortlistProbe:
    """Lay out a probe for compare_persons(); IndexError if a meeting names no finger."""
    pairs = np.array(meetings, np.int64).reshape(-1, 2)
    if len(pairs) and not 0 <= pairs[:, 0].min() <= pairs[:, 0].max() < len(fingers):
        raise IndexError("a meeting names a finger that the probe does not have")
    return ShortlistProbe(pack(fingers), pairs)


def compare_persons(
    probe: ShortlistProbe, column: MinutiaeColumn, handles: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Raw similarities with the persons of the handles, float32 (n, meetings).

    NaN where a person lacks the finger or the handle is ABSENT.
    """
    raw = np.full((len(handles), len(probe.meetings)), np.nan, np.float32)
    packed = probe.fingers
    columns = (packed.places, packed.words, packed.outlines, packed.starts, packed.counts)
    room = np.empty(MAX_MINUTIAE, np.int64), make_target(MAX_MINUTIAE), make_scratch()
    memory = column.memory.addresses, minutiae_column.BLOCK_WORDS
    wanted = np.ascontiguousarray(handles, np.int64)
    assert wanted.min(initial=ABSENT) >= ABSENT, "minutiae on disk have no room"
    _compare_listed((columns, probe.meetings), memory, wanted, (raw, room))
    return raw


@njit(nogil=True, error_model="numpy")
def _compare_finger(
    probe: tuple[Columns, NDArray[np.int64]],
    other: Side,
    position: int,
    output: tuple[NDArray[np.float32], Scratch],
) -> None:
    """All meetings of one described finger; raw: float32 (meetings,)."""
    (places, words, outlines, starts, counts), meetings = probe
    raw, scratch = output
    for column in range(len(meetings)):
        if meetings[column, 1] == position:
            finger = meetings[column, 0]
            begin, end = starts[finger], starts[finger] + counts[finger]
            own = Side(places[begin:end], words[begin:end], outlines[finger])
            raw[column] = compare_either(own, other, scratch)


@njit(nogil=True)
def _find_wanted(meetings: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which positions of a reference take part at all, by position code."""
    wanted = np.zeros(POSITIONS + 1, np.bool_)
    for column in range(len(meetings)):
        wanted[meetings[column, 1]] = True
    return wanted


def _compile(sources: str) -> Callable[..., int]:
    """The kernel of short lists, kept on disk as that of pairing is."""

    @njit(nogil=True, cache=True, error_model="numpy")
    def compare_listed(
        probe: tuple[Columns, NDArray[np.int64]],
        memory: tuple[NDArray[np.int64], int],
        handles: NDArray[np.int64],
        output: tuple[NDArray[np.float32], tuple[NDArray[np.int64], Target, Scratch]],
    ) -> int:
        """Describe and compare one person after the other."""
        addresses, block_words = memory
        raw, (order, target, scratch) = output
        wanted = _find_wanted(probe[1])
        for rank in range(len(handles)):
            handle = handles[rank]
            if handle == ABSENT:
                continue
            pointer = point_to(addresses[handle // block_words])
            block = lay_over(pointer, (block_words,), np.uint64)
            start = handle % block_words
            at = start + HEADER_WORDS
            for index in range(POSITIONS):
                header = block[start + index // 8] >> np.uint64(8 * (index % 8))
                end = at + np.int64(header & np.uint64(0xFF))
                if end > at and wanted[index + 1]:
                    count = describe_into(block[at:end], order, target)
                    other = Side(target.places[:count], target.words[:count], target.outline)
                    _compare_finger(probe, other, index + 1, (raw[rank], scratch))
                at = end
        return len(sources)

    return compare_listed


_compare_listed = _compile(
    digest_kernels("shortlist.py", "description.py", "minutiae_column.py", "memory.py")
)
