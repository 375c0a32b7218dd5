"""Mutation testing of the law: are there wrong laws that the tests would let through?

    python -m tests.mutation [--jobs N] [--only MODULE] [--sample N] [--check N]

Plan: 1 list the small wrong versions of every module of interfaces/eurodac (tests.mutation.
mutants), 2 try those of function bodies where the tests are collected already (fast), 3 try all
others from the import on (imported), 4 tell which ones no test noticed, and write the figures.

Verdicts are kept in .cache/mutants while the run goes on: one that was cut off goes on from them,
and after tests were added only what they may change is tried again.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing import Value
from pathlib import Path
from typing import TypeVar

from benchmarks.results import Measure, write
from tests.mutation.children import in_children
from tests.mutation.fast import FastRun, read_measured, run_fast
from tests.mutation.imported import ImportedRun, run_imported
from tests.mutation.mutants import ROOT, Mutant, modules, mutants_of
from tests.mutation.plain import survive
from tests.mutation.record import Name, Record, Tally, count, read_explained
from tests.mutation.suite import SECONDS_OF_ALL, Verdict, law_digest, prepare, tests_digest

CACHE = ROOT / ".cache" / "mutants"

Task = TypeVar("Task")

SHOW_EVERY = 50
"""Wrong versions between two lines of progress: about half a minute."""

SAMPLE_SEED = 6
"""Any number would do; fixed, so that a sample is the same for everyone."""

MUST_BE_NOTICED_PERCENT = 90.0
"""What the project asks of the law's tests."""


def main() -> int:
    """The command: 0 when nine of ten wrong versions are noticed and the list of the rest holds."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--only", default="", help="one module of the law")
    parser.add_argument("--sample", type=int, default=0, help="only so many, drawn by a fixed seed")
    parser.add_argument(
        "--check", type=int, default=0, help="try so many verdicts again, all from the import on"
    )
    chosen = parser.parse_args()
    prepare(CACHE / "bytecode")
    known = law_digest(), tests_digest()
    record = Record(CACHE)
    mutants = [
        mutant
        for module in modules()
        if chosen.only in ("", module)
        for mutant in mutants_of(module)
    ]
    of = len(mutants)
    if chosen.sample:
        drawn = random.Random(SAMPLE_SEED).sample(mutants, min(chosen.sample, of))
        mutants = [one for one in mutants if one in set(drawn)]
    if chosen.check:
        return check(mutants, record.read(), chosen)
    try_all(mutants, record, chosen.jobs)
    if (law_digest(), tests_digest()) != known:
        print("law or tests were changed meanwhile; the run counts for nothing")
        return 1
    tally = count(mutants, record.read(), read_explained())
    show(tally)
    if not chosen.only:
        keep(tally, of)
    return 0 if is_enough(tally) else 1


def try_all(mutants: Sequence[Mutant], record: Record, jobs: int) -> None:
    """Try all that have no verdict yet; AssertionError when the tests refuse the right law."""
    known = record.read()
    waiting = [one for one in mutants if one.name not in known]
    print(f"{len(mutants)} wrong versions, {len(waiting)} to try", flush=True)
    bodies = [one for one in waiting if one.function is not None]
    measured = CACHE / f"{law_digest()}-{tests_digest()}.tests"

    def fast(_: None) -> str:
        left = run_fast(FastRun(bodies, jobs, measured, Progress(record, bodies)))
        return json.dumps([bodies.index(one) for one in left])

    def imported(others: list[Mutant]) -> str:
        seconds, _ = read_measured(measured)
        run = ImportedRun(others, jobs, seconds, Progress(record, others))
        for (module, *_), noticed_by in record.read().items():
            if noticed_by:
                run.learn(module, noticed_by)
        run_imported(run)
        return ""

    others = [one for one in waiting if one.function is None]
    if waiting:
        others += [bodies[place] for place in json.loads(_in_a_child(None, fast))]
    if others:
        _in_a_child(sorted(others, key=lambda one: one.module), imported)


def _in_a_child(task: Task, work: Callable[[Task], str]) -> str:
    """The answer of work that would spoil this process."""
    ((_, answer),) = in_children([task], work, 1, seconds=SECONDS_OF_ALL, silent=False)
    assert answer is not None
    return answer


class Progress:
    """Keeps each verdict and tells how far a part of the run has come."""

    def __init__(self, record: Record, mutants: Sequence[Mutant]) -> None:
        self.record, self.of = record, len(mutants)
        self.started = time.monotonic()
        # Children tell, one after the other, and their parents must know.
        self.done = Value("i", 0)

    def __call__(self, verdict: Verdict) -> None:
        self.record.add(verdict)
        if not verdict.noticed_by:
            print(f"survived: {verdict.mutant}", flush=True)
        self.done.value += 1
        if self.done.value % SHOW_EVERY == 0:
            minutes = (time.monotonic() - self.started) / 60
            print(f"{self.done.value} of {self.of} tried in {minutes:.1f} min", flush=True)


def check(mutants: Sequence[Mutant], known: dict[Name, str], chosen: argparse.Namespace) -> int:
    """Whether a sample of the quick verdicts is found again in the plain way."""
    tried = [one for one in mutants if one.name in known]
    sample = random.Random(chosen.check).sample(tried, min(chosen.check, len(tried)))
    differ = 0
    for mutant, alive in survive(sample, chosen.jobs):
        print(f"{'survived' if alive else 'noticed'}: {mutant}", flush=True)
        if alive == bool(known[mutant.name]):
            differ += 1
            print(f"DIFFERS from the quick verdict: {known[mutant.name] or 'survived'}", flush=True)
    print(f"{len(sample)} tried again in the plain way: {differ} differ")
    return 1 if differ else 0


def is_enough(tally: Tally) -> bool:
    """Whether enough are noticed, and the explained are what they are said to be."""
    return tally.percent >= MUST_BE_NOTICED_PERCENT and not tally.outdated


def show(tally: Tally) -> None:
    """Tell the outcome."""
    for mutant in tally.survivors:
        print(f"survived: {mutant}")
    for row in tally.outdated:
        print(f"explained, but no survivor any more: {' | '.join(map(str, row.name))}")
    print(
        f"{tally.noticed} of {tally.tried} noticed: {tally.percent:.1f} %; "
        f"{len(tally.explained)} explained, {len(tally.survivors)} not; "
        f"{len(tally.by_page_alone)} noticed by nothing but docs/law.md"
    )


def keep(tally: Tally, of: int) -> Path:
    """Write benchmarks/results/mutants.json. of: how many wrong versions there are in all."""
    measures = [
        Measure("mutants", tally.tried, ""),
        Measure("mutants that exist", of, ""),
        Measure("killed", tally.noticed, ""),
        Measure("share", tally.percent, "%", MUST_BE_NOTICED_PERCENT, higher_is_better=True),
        Measure("explained", len(tally.explained), ""),
        Measure("survivors without an explanation", len(tally.survivors), "", 0),
        Measure("killed by the freshness of docs/law.md alone", len(tally.by_page_alone), ""),
    ]
    which, command = "every small wrong version", "make mutants"
    if tally.tried < of:
        which = f"a random sample (seed {SAMPLE_SEED}, {tally.tried} of {of}) of the wrong versions"
        command = f"python -m tests.mutation --sample {tally.tried}"
    return write(
        "mutants",
        measures,
        command=command,
        data=f"{which} of interfaces/eurodac against the tests of the law",
    )


if __name__ == "__main__":
    sys.exit(main())
