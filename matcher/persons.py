"""What can be asked of the persons of a gallery, whether they lie on one machine or on several."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from matcher.segments import Mark, Outline, Segment
from matcher.vocabulary import Candidate, Reference


class Persons(Protocol):
    """What every gallery offers, on one machine or on several; `Gallery` says what it means."""

    def __len__(self) -> int: ...

    def __contains__(self, reference_id: object) -> bool: ...

    def digest(self) -> bytes:
        """Order-independent digest of all that is held."""
        ...

    def content(self, reference_id: int) -> bytes:
        """SHA-256 of a person's encoded reference; raises KeyError if there is no such person."""
        ...

    def outline(self) -> Outline:
        """What it is beside its segments."""
        ...

    def marks(self) -> dict[int, Mark]:
        """The mark of every segment that can be kept elsewhere: none on several machines."""
        ...

    def copy_segment(self, number: int) -> tuple[Segment, Mark]:
        """What a segment holds at this moment; raises KeyError for one without a mark."""
        ...

    def asleep(self) -> list[int]:
        """The segments of which some minutiae are on disk: none on several machines."""
        ...

    def wake(self, number: int) -> None:
        """Take all minutiae of a segment into memory."""
        ...

    def doze(self, number: int, mark: Mark) -> bool:
        """Leave a segment's minutiae to the disk, which holds them as of a mark; whether it did."""
        ...

    def enrol(self, reference_id: int, reference: Reference, *, partition: int = 0) -> None:
        """Make a person searchable."""
        ...

    def move(self, reference_id: int, partition: int) -> None:
        """Put a person into another partition."""
        ...

    def erase(self, reference_id: int) -> bool:
        """Forget a person at once."""
        ...

    def search(
        self,
        probe: Reference,
        *,
        partitions: frozenset[int] | None = None,
        threshold: float,
        at_most: int = 20,
        compare_face: bool = True,
        deadline: Callable[[], bool] | None = None,
        everyone: bool = True,
        urgent: bool = False,
        source: str = "",
    ) -> tuple[Candidate, ...]:
        """The persons who reach the threshold, best first."""
        ...
