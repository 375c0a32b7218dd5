"""What searches under way have to hear of: which rows change, and which rooms they may still read.

Not safe for several threads; the gallery guards it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(slots=True, eq=False)
class Watch:
    """What a search under way has to know. since: how many rooms had been left when it began;
    touched: every row that changed after that."""

    since: int
    touched: set[int] = field(default_factory=set)

    @property
    def rows(self) -> NDArray[np.int64]:
        """The rows as an array, ascending."""
        return np.array(sorted(self.touched), np.int64)


class Watches:
    """The watches of all searches under way, and the rooms that wait for their end."""

    def __init__(self) -> None:
        self._watches: list[Watch] = []
        self._left = 0
        self._cooling: deque[tuple[int, Callable[[], None]]] = deque()

    def __len__(self) -> int:
        return len(self._watches)

    def begin(self) -> Watch:
        """Tell a search from now on what changes."""
        watch = Watch(self._left)
        self._watches.append(watch)
        return watch

    def end(self, watch: Watch) -> None:
        """A search has ended."""
        self._watches.remove(watch)
        self._release()

    def tell(self, row: int) -> None:
        """A row changes."""
        for watch in self._watches:
            watch.touched.add(row)

    def any_touched(self, rows: range) -> bool:
        """Whether any search under way was told of one of the rows."""
        return any(row in rows for watch in self._watches for row in watch.touched)

    def cool(self, release: Callable[[], None]) -> None:
        """Call something once no search is left that is under way now, and so might read a room
        that nobody finds any more."""
        self._left += 1
        self._cooling.append((self._left, release))
        self._release()

    def _release(self) -> None:
        oldest = min((watch.since for watch in self._watches), default=self._left)
        while self._cooling and self._cooling[0][0] <= oldest:
            self._cooling.popleft()[1]()
