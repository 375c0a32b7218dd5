"""What a search has found out so far: who was compared in which reading, and how alike they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from matcher.cascade import Plan
from matcher.lineup import Outcome
from matcher.planes import Shortlist, keep_best
from matcher.vocabulary import Candidate

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """One comparison that counts: its score, the reading, and where it stands in an outcome."""

    score: float
    reading: int
    outcome: Outcome
    place: int


@dataclass(slots=True, eq=False)
class Findings:
    """The comparisons of one search. lists: the last short lists of each reading's queries, of the
    first readings alone perhaps; lengths: how many each of those has room for."""

    plan: Plan
    lists: Sequence[Sequence[Shortlist]] = ()
    lengths: Sequence[int] = ()
    _batches: list[tuple[int, Rows, Outcome]] = field(default_factory=list)

    def add(self, reading: int, rows: Rows, outcome: Outcome) -> None:
        """Note comparisons with some rows in one reading of the plan."""
        if len(rows):
            self._batches.append((reading, rows, outcome))

    def unseen(self, reading: int, rows: Rows) -> Rows:
        """Those of the rows that were not compared in a reading yet."""
        seen = [batch for number, batch, _ in self._batches if number == reading]
        return np.setdiff1d(rows, np.concatenate(seen)) if seen else np.unique(rows)

    def drop(self, rows: Rows) -> None:
        """Forget whatever was found out about some rows."""
        kept = []
        for reading, batch, outcome in self._batches:
            stays = ~np.isin(batch, rows)
            if stays.all():
                kept.append((reading, batch, outcome))
            else:
                kept.append((reading, batch[stays], outcome.part(stays)))
        self._batches = kept

    def best(self) -> float:
        """The best score so far, -inf where nothing could be compared."""
        scores = [self._scores(reading, outcome) for reading, _, outcome in self._batches]
        return max((float(np.max(one, initial=-np.inf)) for one in scores), default=-np.inf)

    def rank(
        self, ids_of: Callable[[Rows], Rows], threshold: float, at_most: int
    ) -> tuple[Candidate, ...]:
        """The best rows that reach the threshold, by score and then by reference id."""
        found: dict[int, _Found] = {}
        for number, rows, outcome in self._batches:
            scores = self._scores(number, outcome)
            # In double precision, so that a score is judged as the caller reads it.
            for place in np.flatnonzero(scores >= np.float64(threshold)):
                row, score = int(rows[place]), float(scores[place])
                if row not in found or score > found[row].score:
                    found[row] = _Found(score, number, outcome, int(place))
        ids = ids_of(np.fromiter(found, np.int64, len(found))).tolist()
        ranked = sorted(
            zip(ids, found.values(), strict=True), key=lambda one: (-one[1].score, one[0])
        )
        return tuple(self._name(reference_id, one) for reference_id, one in ranked[:at_most])

    def _name(self, reference_id: int, found: _Found) -> Candidate:
        comparison = replace(found.outcome.describe(found.place), score=found.score)
        return Candidate(reference_id, comparison, self.plan.readings[found.reading].swapped)

    def enters(self, reading: int, scores: Sequence[NDArray[np.float32]]) -> NDArray[np.bool_]:
        """Whether rows with these scores, one array per query, would stand on a list."""
        on_list = np.zeros(len(scores[0]) if scores else 0, bool)
        for group in self.plan.readings[reading].groups:
            best = keep_best(self.lists[reading][group]).scores
            full = len(best) >= self.lengths[reading]
            floor = best[-1] if full else -np.inf
            for score in scores[group]:
                on_list |= np.isfinite(score) & (score >= floor)
        return on_list

    def _scores(self, reading: int, outcome: Outcome) -> NDArray[np.float32]:
        """Fused scores in which NaN, where nothing was compared, reaches no threshold."""
        cost = np.float32(self.plan.readings[reading].cost)
        scores = np.maximum(outcome.fused - cost, np.float32(0))
        return np.where(np.isnan(scores), np.float32(-np.inf), scores)
