"""One copy of one shard: a gallery in a process of its own, asked over a line and over Ray.

Whatever the gallery refuses comes back as a value, so that the caller raises the very error that
one machine would, without the wire's wrapping and without anybody's stack.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from matcher import templates
from matcher.codes import DIMENSIONS, quantise
from matcher.copying import Copying, Pages, copy_piece, list_pieces
from matcher.errors import MatcherError
from matcher.gallery import Deadline, Gallery
from matcher.listening import Listener
from matcher.part import Part
from matcher.sealing import Address
from matcher.segments import Outline
from matcher.sheets import read_sheet
from matcher.vocabulary import (
    MINUTIA,
    SUBPIXELS,
    TEN_FINGERS,
    FaceTemplate,
    FingerTemplate,
    Reference,
)

WARM_SIDE_PIXELS = 250
"""Extent of the made-up print with which kernels are warmed: half an inch."""

Entry = tuple[int, int, bytes]
"""What is enrolled: reference id, partition, encoded reference."""


@dataclass(frozen=True, slots=True)
class State:
    """What a replica holds: how many persons, and the gallery's digest."""

    persons: int
    digest: bytes


class Answer(NamedTuple):
    """What came of a call: its value or its error; after a change also what is held now."""

    value: Any = None
    error: Exception | None = None
    state: State | None = None

    def open(self) -> Any:
        """The value; raises the error if there is one."""
        if self.error is not None:
            raise self.error.with_traceback(None)
        return self.value


class Replica:
    """A gallery behind the wire. threads: that compare, of all its searches together. shards: how
    many there are of all."""

    def __init__(self, threads: int, shards: int) -> None:
        self._pages = Pages()
        self._gallery = Part(threads=threads, shards=shards, deposit=self._pages)
        self._listener: Listener | None = None
        self._copying: Copying | None = None

    def listen(self, host: str) -> Address:
        """Take the steps of searches from now on, over a line. host: address of this machine."""
        self._listener = Listener(host, self.search)
        return self._listener.address

    def warm(self) -> int:
        """Run every compiled path once, so that no search waits for the compiler; how many kernels
        had to be compiled, none where a machine has run this program before."""
        drawn = np.random.default_rng(0)
        scattered = np.zeros(16, MINUTIA)
        for name in ("x", "y", "angle"):
            scattered[name] = drawn.integers(0, WARM_SIDE_PIXELS * SUBPIXELS, 16)
        unit = drawn.normal(size=DIMENSIONS)
        vector = quantise((unit / np.linalg.norm(unit)).astype(np.float32))
        bare = FingerTemplate(scattered, WARM_SIDE_PIXELS, WARM_SIDE_PIXELS, 50, "warm")
        seen = replace(bare, vector=vector, reliability=50, vector_model="warm")
        whole = Reference(
            tuple(replace(seen, position=position) for position in TEN_FINGERS),
            FaceTemplate(np.ones(1, np.float32), 0, "warm"),
        )
        gallery = Gallery(threads=1)
        gallery.enrol(0, whole)
        # By the coarse plane, the fine planes, and everybody's minutiae.
        for probe in (whole, Reference((seen,)), Reference((bare,))):
            gallery.search(probe, threshold=0.0, everyone=False)
        return _count_compiled()

    def state(self) -> State:
        """What is held."""
        return State(len(self._gallery), self._gallery.digest())

    def contains(self, reference_id: int) -> bool:
        """Whether a person is held."""
        return reference_id in self._gallery

    def content(self, reference_id: int) -> Answer:
        """SHA-256 of a person's encoded reference."""
        return _attempt(lambda: self._gallery.content(reference_id))

    def search(self, question: bytes, deadline: Deadline) -> bytes:
        """One step of a search as pack() made it; the Answer, pickled."""
        # Nobody but the caller of this replica holds the key with which the question was sealed.
        step, plan, options = pickle.loads(question)  # noqa: S301
        take = getattr(self._gallery, step)
        wanted = read_sheet(plan)
        return pickle.dumps(_attempt(lambda: take(wanted, deadline=deadline, **options)), 5)

    def pieces(self) -> tuple[Outline, list[int]]:
        """What another begins a copy of this with, and the numbers of its pieces."""
        return list_pieces(self._gallery)

    def piece(self, number: int) -> bytes:
        """A piece as it is now."""
        return copy_piece(self._gallery, number)

    def begin_copy(self, outline: Outline, count: int) -> None:
        """Become, while empty, a copy of another of so many pieces."""
        self._copying = Copying(self._gallery, self._pages, outline, count)

    def take_piece(self, piece: bytes) -> Answer:
        """Take a piece, in whatever order they come."""
        assert self._copying is not None
        copying = self._copying
        return _attempt(lambda: copying.take(piece))

    def end_copy(self) -> Answer:
        """Wait until all pieces are in."""
        assert self._copying is not None
        return _attempt(self._copying.finish)

    def enrol(self, entries: Sequence[Entry]) -> Answer:
        """Enrol some persons, all before any other change; stops at the first refused."""
        return self._change(lambda: self._enrol_all(entries))

    def move(self, reference_id: int, partition: int) -> Answer:
        """Put a person into another partition."""
        return self._change(lambda: self._gallery.move(reference_id, partition))

    def erase(self, reference_id: int) -> Answer:
        """Forget a person."""
        return self._change(lambda: self._gallery.erase(reference_id))

    def _enrol_all(self, entries: Sequence[Entry]) -> None:
        for reference_id, partition, encoded in entries:
            reference = templates.decode(encoded)
            self._gallery.enrol(reference_id, reference, partition=partition)

    def _change(self, change: Callable[[], Any]) -> Answer:
        answer = _attempt(change)
        return Answer(answer.value, answer.error, self.state())


def _count_compiled() -> int:
    """Kernels of ours that this process has compiled, having found none."""
    modules = [module for name, module in sys.modules.items() if name.startswith("matcher.")]
    values = [value for module in modules for value in vars(module).values()]
    # Told by what they count, since the compiler's name here would make this file one of those
    # whose every change has all kernels compiled anew. Several modules may name one kernel.
    counts = {
        id(value): getattr(getattr(value, "stats", None), "cache_misses", {}) for value in values
    }
    return sum(sum(misses.values()) for misses in counts.values())


def pack(step: str, plan: bytes, options: dict[str, Any]) -> bytes:
    """A step of a search for one replica.

    step: a method of Part. plan: its sheet, written once for all replicas. options: the
    method's others.
    """
    return pickle.dumps((step, plan, options), 5)


def _attempt(call: Callable[[], Any]) -> Answer:
    """Call; what a gallery refuses on purpose becomes a value. What else is raised by a change is a
    lost replica, which may hold half of it; by a search the line tells it."""
    try:
        return Answer(call())
    except (MatcherError, KeyError, ValueError) as error:
        return Answer(error=error)
