"""What is known of the wrong versions: verdicts kept while a run goes on, and explanations."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.mutation.mutants import Mutant
from tests.mutation.suite import EXPLAINED, LAST, Verdict, ground_digest, law_digest

Name = tuple[str, str, str, int]
"""Mutant.name: module, source line, what, and which of the same."""


class Record:
    """Verdicts on the wrong versions of one law in a file, one JSON line each.

    A run that was cut off goes on from them, and so does one after tests were added: a verdict
    counts for as long as the test that noticed stays as it is, a survivor's until any test changes.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{law_digest()}.jsonl"

    def read(self) -> dict[Name, str]:
        """Name -> what noticed it, empty for a survivor; only what still counts."""
        if not self.path.exists():
            return {}
        lines = map(json.loads, self.path.read_text("utf-8").splitlines())
        ground = cache(ground_digest)
        return {tuple(name): by for name, by, digest in lines if ground(by) == digest}

    def add(self, verdict: Verdict) -> None:
        """Keep one more verdict."""
        by = verdict.noticed_by
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps((verdict.mutant.name, by, ground_digest(by))) + "\n")


@dataclass(frozen=True, slots=True)
class Explained:
    """One row of explained.csv. why: what makes this wrong version equal to the right one."""

    name: Name
    why: str


def read_explained(path: Path = EXPLAINED) -> list[Explained]:
    """All rows. ValueError when one gives no reason or comes twice."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [
            Explained((row["module"], row["line"], row["what"], int(row["nth"])), row["why"])
            for row in csv.DictReader(file, strict=True)
        ]
    if len({row.name for row in rows}) != len(rows) or not all(row.why for row in rows):
        raise ValueError(f"{path.name} has a row twice or without a reason")
    return rows


@dataclass(frozen=True, slots=True)
class Tally:
    """Outcome of a run.

    survivors: noticed by nothing and not explained. explained: noticed by nothing, with a reason.
    outdated: rows of explained.csv that are noticed by now or do not exist any more.
    by_page_alone: noticed by nothing but the stale docs/law.md.
    """

    tried: int
    noticed: int
    survivors: tuple[Mutant, ...]
    explained: tuple[Mutant, ...]
    outdated: tuple[Explained, ...]
    by_page_alone: tuple[Mutant, ...]

    @property
    def percent(self) -> float:
        """Share noticed of all that were tried, the explained ones among them."""
        return 100 * self.noticed / self.tried if self.tried else 0.0


def count(
    mutants: Sequence[Mutant], verdicts: dict[Name, str], explained: Iterable[Explained]
) -> Tally:
    """Sort the wrong versions that have a verdict; rows of other modules are not judged."""
    tried = [one for one in mutants if one.name in verdicts]
    alive = [one for one in tried if not verdicts[one.name]]
    reasons = {row.name for row in explained}
    alive_names, modules = {one.name for one in alive}, {one.module for one in tried}
    return Tally(
        tried=len(tried),
        noticed=len(tried) - len(alive),
        survivors=tuple(one for one in alive if one.name not in reasons),
        explained=tuple(one for one in alive if one.name in reasons),
        outdated=tuple(
            row for row in explained if row.name[0] in modules and row.name not in alive_names
        ),
        by_page_alone=tuple(one for one in tried if LAST in verdicts[one.name]),
    )
