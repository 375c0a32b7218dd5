"""Wrong bodies of functions, tried where the tests are already collected.

Plan: 1 collect the law's tests once with the right law, noting the functions that run meanwhile,
2 run each test as if it were the only one and note the functions that it enters, 3 for each wrong
version put its code in place of the right one in a child and run the tests that enter it.

A function that runs during the imports and the collection has left results behind that no
exchange of code would change: it is not tried here. One that no test enters survives at once.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import _lru_cache_wrapper, cache
from pathlib import Path
from types import CodeType, FrameType, FunctionType

import pytest

from tests.mutation.children import in_children
from tests.mutation.mutants import (
    LAW,
    PACKAGE,
    Function,
    Mutant,
    functions_of,
    modules,
    right_code,
    wrong_code,
)
from tests.mutation.suite import LAST, NO_END, OPTIONS, SECONDS_EACH, SECONDS_OF_ALL, TESTS, Verdict

Place = tuple[str, Function]
"""Module and function."""


@dataclass(slots=True)
class Entered:
    """The functions of the law that run while this watches."""

    places: set[Place] = field(default_factory=set)

    def start(self) -> None:
        """Watch from now on."""
        self.places.clear()
        sys.settrace(self._on_call)

    def stop(self) -> None:
        """Watch no longer. AssertionError when something else has taken over the watch."""
        watching = sys.gettrace()
        sys.settrace(None)
        if watching != self._on_call:
            raise AssertionError("the watch was ended by a test")

    def _on_call(self, frame: FrameType, *_: object) -> None:
        if frame.f_code.co_filename.startswith(FOLDER):
            place = _place_of(frame.f_code.co_filename, frame.f_code.co_firstlineno)
            if place is not None:
                self.places.add(place)


FOLDER = f"{LAW}{os.sep}"


@cache
def _place_of(file: str, line: int) -> Place | None:
    """Outermost function of the law whose code begins on this line or that contains it."""
    module = Path(file).stem
    if module in modules():
        for body, function in functions_of(module):
            if line == function.line or line in body:
                return module, function
    return None


def read_measured(path: Path) -> tuple[dict[str, float], dict[Place, list[str]]]:
    """Processor seconds of each test, and the tests that enter each function."""
    seconds: dict[str, float] = {}
    entering: dict[Place, list[str]] = {}
    for name, took, places in map(json.loads, path.read_text("utf-8").splitlines()):
        seconds[name] = took
        for module, function, line in places:
            entering.setdefault((module, Function(function, line)), []).append(name)
    return seconds, entering


class FastRun:
    """A pytest plug-in that tries wrong versions instead of running the tests once.

    wanted: the wrong versions, those of function bodies; jobs: children at a time;
    on_verdict: told of each; measured: file that keeps which tests enter which function, for as
    long as neither law nor tests change. Afterwards `left` holds those that must be tried by
    importing them.
    """

    def __init__(
        self,
        wanted: Sequence[Mutant],
        jobs: int,
        measured: Path,
        on_verdict: Callable[[Verdict], None],
    ) -> None:
        self.wanted, self.jobs, self.on_verdict = wanted, jobs, on_verdict
        self.measured = measured
        self.left: list[Mutant] = []
        self.at_import = Entered()
        self.tests_of: dict[Place, list[str]] = {}
        self.failed = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """In a child: remember that something failed."""
        self.failed = self.failed or report.failed

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Measure, check the control and try the wrong versions."""
        self.at_import.stop()
        self.items = {item.nodeid: item for item in session.items}
        self.functions = _live_functions()
        gc.freeze()
        self._measure()
        self._control()
        fit = [one for one in self.wanted if self._is_exchangeable(one)]
        self.left = [one for one in self.wanted if not self._is_exchangeable(one)]
        self._try(fit)
        return True

    def _is_exchangeable(self, mutant: Mutant) -> bool:
        assert mutant.function is not None
        place = mutant.module, mutant.function
        return place in self.functions and place not in self.at_import.places

    def _measure(self) -> None:
        """Which tests enter which function, quick tests first."""
        if not self.measured.exists():
            ((_, answer),) = in_children([None], self._watch, 1, seconds=SECONDS_OF_ALL)
            assert answer == ""
        seconds, entering = read_measured(self.measured)
        for place, names in entering.items():
            # The test of docs/law.md comes last: any change of a table makes that page stale.
            self.tests_of[place] = sorted(names, key=lambda one: (LAST in one, seconds[one]))

    def _watch(self, _: None) -> str:
        """In a child: each test by itself, and what it enters."""
        remembering = [one for one in gc.get_objects() if isinstance(one, _lru_cache_wrapper)]
        lines = []
        for name in self.items:
            # As if it were the only one: nothing remembered, every fixture made anew.
            for one in remembering:
                if (one.__module__ or "").startswith(PACKAGE):
                    one.cache_clear()
            entered, started = Entered(), time.process_time()
            entered.start()
            self._run([name])
            entered.stop()
            if self.failed:
                raise AssertionError(f"{name} refuses the right law")
            places = [(module, one.name, one.line) for module, one in entered.places]
            lines.append(json.dumps((name, time.process_time() - started, sorted(places))))
        new = self.measured.with_suffix(".new")
        new.write_text("\n".join(lines), "utf-8")
        new.replace(self.measured)
        return ""

    def _control(self) -> None:
        """All right functions put in place of themselves change nothing."""
        ((_, answer),) = in_children([None], self._all_right, 1, seconds=SECONDS_EACH)
        if answer != "":
            raise AssertionError(f"the right law, exchanged for itself, is refused by {answer}")

    def _all_right(self, _: None) -> str:
        for module in modules():
            code = right_code(module)
            for place in self.functions:
                if place[0] == module:
                    self._exchange(place, code)
        return self._run(list(self.items)) or ""

    def _try(self, mutants: Iterable[Mutant]) -> None:
        by_place: dict[Place, list[Mutant]] = {}
        for mutant in mutants:
            assert mutant.function is not None
            by_place.setdefault((mutant.module, mutant.function), []).append(mutant)
        self.noticed_by: dict[str, Counter[str]] = {}
        for mutant, answer in in_children(
            self._not_dead(by_place), self._notice, self.jobs, seconds=SECONDS_EACH
        ):
            if answer:
                self.noticed_by.setdefault(mutant.module, Counter())[answer] += 1
            self.on_verdict(Verdict(mutant, NO_END if answer is None else answer))

    def _not_dead(self, by_place: dict[Place, list[Mutant]]) -> Iterator[Mutant]:
        for place, mutants in by_place.items():
            for mutant in mutants:
                if place in self.tests_of:
                    yield mutant
                else:
                    self.on_verdict(Verdict(mutant, ""))

    def _notice(self, mutant: Mutant) -> str:
        """In a child: the first test that notices; empty for none."""
        assert mutant.function is not None
        place = mutant.module, mutant.function
        self._exchange(place, wrong_code(mutant))
        # What noticed other mistakes of this module notices most.
        before = self.noticed_by.get(mutant.module, Counter())
        names = sorted(self.tests_of[place], key=lambda one: (LAST in one, -before[one]))
        return self._run(names) or ""

    def _exchange(self, place: Place, code: CodeType) -> None:
        """Put the function's code out of this module's in place of the one that runs."""
        found = _code_of(place[1], code)
        for function in self.functions[place]:
            function.__code__ = found

    def _run(self, names: Sequence[str]) -> str | None:
        """Run tests until one fails; returns its name."""
        items = [self.items[name] for name in names]
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.failed:
                return item.nodeid
        return None


def _live_functions() -> dict[Place, list[FunctionType]]:
    """All function objects of the law, methods and wrapped ones among them."""
    wanted = {(module, one.line): one for module in modules() for _, one in functions_of(module)}
    found: dict[Place, list[FunctionType]] = {}
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and one.__code__.co_filename.startswith(FOLDER):
            module = one.__module__.rpartition(".")[2]
            function = wanted.get((module, one.__code__.co_firstlineno))
            if function is not None and function.name == one.__code__.co_qualname:
                found.setdefault((module, function), []).append(one)
    return found


def _code_of(function: Function, code: CodeType) -> CodeType:
    """The code of a function in the code of its module."""
    waiting = [code]
    while waiting:
        one = waiting.pop()
        if (one.co_qualname, one.co_firstlineno) == (function.name, function.line):
            return one
        waiting += [const for const in one.co_consts if isinstance(const, CodeType)]
    raise LookupError(f"{function} is not in the module any more")


def run_fast(run: FastRun) -> list[Mutant]:
    """Try wrong bodies of functions; returns those that must be tried by importing them.

    Leaves this process with the law imported: call it in a child.
    """
    run.at_import.start()
    status = pytest.main([*OPTIONS, str(TESTS), str(LAW)], plugins=[run])
    if status != pytest.ExitCode.OK:
        raise AssertionError(f"the law's tests cannot be collected: {status!r}")
    return run.left
