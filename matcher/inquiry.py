"""One search of all shards: who is nominated, who is compared, and the best of all.

What the shards' parts do is told in `part`. Between its two steps persons may change. Whoever is
touched while the search runs is therefore compared whatever any list says, since a change might
have taken them off a list and put them where only that list would have named them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import Any

import numpy as np

from matcher.cascade import Plan
from matcher.gallery import CONFIDENT_SCORE, Deadline
from matcher.part import Ids, elect
from matcher.sheets import Sheets
from matcher.vocabulary import Candidate

Elected = list[list[Ids]]
"""Reference ids to compare, by shard and reading."""


SPARE = 20
"""Candidates beyond those wanted, for as many who change while they are compared."""


class Touched:
    """Tells the searches under way which persons are being changed."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._searches: list[set[int]] = []

    def note(self, reference_id: int) -> None:
        """A person is about to change; to be called before any replica hears of it."""
        with self._lock:
            for search in self._searches:
                search.add(reference_id)

    @contextmanager
    def watch(self) -> Iterator[Callable[[], list[int]]]:
        """Whoever was noted since the block began, ascending, whenever asked."""
        touched: set[int] = set()
        with self._lock:
            self._searches.append(touched)
        try:
            yield lambda: self._read(touched)
        finally:
            with self._lock:
                # By identity: two searches may have seen the same changes.
                self._searches = [one for one in self._searches if one is not touched]

    def _read(self, touched: set[int]) -> list[int]:
        with self._lock:
            return sorted(touched)


@dataclass(slots=True, eq=False)
class Inquiry:
    """One search.

    ask: puts a step to all shards, see Asker.ask(). plan: its prints need not be described. shards:
    how many. touched: reference ids of those changed since the search began.
    """

    ask: Callable[..., list[Any]]
    plan: Plan
    sheets: Sheets = field(init=False)
    shards: int
    deadline: Deadline | None
    touched: Callable[[], list[int]]

    def __post_init__(self) -> None:
        self.sheets = Sheets(self.plan)

    def search(
        self, *, threshold: float, at_most: int, everyone: bool, urgent: bool, source: str
    ) -> tuple[Candidate, ...]:
        """Search as Gallery.search() does, stage by stage."""
        best: dict[str, Any] = {"threshold": threshold, "at_most": at_most}
        queueing: dict[str, Any] = {"urgent": urgent, "source": source}
        if everyone or not self.plan.broad:
            return self.judge(self.nominate(coarse=False, **queueing), unlisted=True, **best)
        # The coarse plane first: a confident hit is answered at once.
        heads = self.nominate(coarse=True, **queueing)
        found = self.judge(heads, unlisted=False, **best)
        if found and found[0].comparison.score >= max(threshold, CONFIDENT_SCORE):
            return found
        fine = self.nominate(coarse=False, **queueing)
        return self.judge(_add_heads(fine, heads), unlisted=True, **best)

    def nominate(self, *, coarse: bool, **queueing: Any) -> Elected:
        """Whom the lists of one stage of the cascade name. queueing: urgent and source."""
        readings = 1 if coarse else len(self.plan.readings)
        if self.plan.exact:
            # Everybody is compared anyhow.
            return [[np.empty(0, np.int64)] for _ in range(self.shards)]
        options = [{"coarse": coarse, **queueing}] * self.shards
        parts = self.ask(
            "nominate",
            self.sheets.ask(readings),
            options,
            deadline=self.deadline,
            meanwhile=lambda: self.sheets.compare(readings),
        )
        return elect(parts, readings)

    def judge(
        self, elected: Elected, *, unlisted: bool, threshold: float, at_most: int
    ) -> tuple[Candidate, ...]:
        """The best of those named, and of those whom no list can name if they are wanted."""
        compare = partial(self._compare, threshold=threshold, at_most=at_most + SPARE)
        before = self.touched()
        found = compare(_add_touched(elected, before), unlisted=unlisted)
        # Who changed after that was read may have been compared half before and half after.
        late = set(self.touched()) - set(before)
        if late:
            stay = [one for one in found if one.reference_id not in late]
            if len(found) - len(stay) > SPARE:
                return self.judge(elected, unlisted=unlisted, threshold=threshold, at_most=at_most)
            ids = np.array(sorted(late), np.int64)
            again = compare([[ids] * len(shard) for shard in elected], unlisted=False)
            found = _rank([*stay, *again])
        return tuple(found[:at_most])

    def _compare(
        self, elected: Elected, *, unlisted: bool, threshold: float, at_most: int
    ) -> list[Candidate]:
        """What all shards find among some persons, best first."""
        common = {"unlisted": unlisted, "threshold": threshold, "at_most": at_most}
        # A shard that has nobody to compare is not asked.
        options: list[dict[str, Any] | None] = [
            {"elected": readings, **common} if unlisted or any(map(len, readings)) else None
            for readings in elected
        ]
        sheet = self.sheets.compare(len(elected[0]))
        answers = self.ask("judge", sheet, options, deadline=self.deadline)
        return _rank([candidate for answer in answers for candidate in answer])


def _add_touched(elected: Elected, touched: list[int]) -> Elected:
    """Those named, and in every reading those who have changed."""
    if not touched:
        return elected
    ids = np.array(touched, np.int64)
    return [[np.union1d(own, ids) for own in shard] for shard in elected]


def _rank(candidates: list[Candidate]) -> list[Candidate]:
    """The best first, and by reference id where equal."""
    return sorted(candidates, key=lambda one: (-one.comparison.score, one.reference_id))


def _add_heads(elected: Elected, heads: Elected) -> Elected:
    """Those named, and in the first reading those who were named before."""
    return [
        [np.union1d(own[0], first[0]), *own[1:]] for own, first in zip(elected, heads, strict=True)
    ]
