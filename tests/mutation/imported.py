"""Wrong tables, defaults and whatever else runs while the law is imported.

Plan: 1 start pytest without the law, 2 for each module import, in a child, what does not rest on
it, 3 for each of its wrong versions import that from memory in a child of the child, collect the
module's own tests and run them until one notices, 4 try those that none noticed with all other
tests that rest on the module, 5 check that the right version passes every test that noticed.
"""

from __future__ import annotations

import ast
import gc
import importlib
import importlib.abc
import importlib.util
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.machinery import ModuleSpec
from itertools import zip_longest
from pathlib import Path
from types import CodeType, ModuleType

import pytest

from tests.mutation.children import in_children
from tests.mutation.mutants import LAW, PACKAGE, ROOT, Mutant, path_of, right_code, wrong_code
from tests.mutation.suite import (
    LAST,
    NO_END,
    OPTIONS,
    SECONDS_EACH,
    SECONDS_OF_ALL,
    TESTS,
    Verdict,
)

TRANSCRIPTION = TESTS / "test_transcription.py"
"""Knows the tables by heart, and is asked together with a module's own tests."""

FIRST_FILES = 1
"""Further files that are asked at once: the one that noticed most of the module's mistakes."""

WITHOUT_LAW = ROOT / "tests" / "test_law_stays_home.py"
"""Where pytest starts: a file whose conftest imports no law."""


class FromMemory(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module of the law from this code."""

    def __init__(self, module: str, code: CodeType) -> None:
        self.module, self.code = module, code

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        """The module of this name, if it is the one."""
        if fullname != f"{PACKAGE}.{self.module}":
            return None
        origin = str(path_of(self.module))
        return importlib.util.spec_from_file_location(fullname, origin, loader=self)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """The usual one."""
        del spec
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Run the code."""
        exec(self.code, module.__dict__)


class ImportedRun:
    """A pytest plug-in that tries wrong versions instead of collecting once.

    wanted: the wrong versions; jobs: children at a time; seconds: how long each test took, by
    name; on_verdict: told of each.
    """

    def __init__(
        self,
        wanted: Sequence[Mutant],
        jobs: int,
        seconds: Mapping[str, float],
        on_verdict: Callable[[Verdict], None],
    ) -> None:
        self.wanted, self.jobs = wanted, jobs
        self.seconds, self.on_verdict = seconds, on_verdict
        self.noticed_by: dict[str, Counter[str]] = {}
        self.first_failure = ""

    def learn(self, module: str, noticed_by: str) -> None:
        """Remember what noticed a mistake of this module."""
        self.noticed_by.setdefault(module, Counter())[noticed_by] += 1

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """In a child: remember the first failure."""
        if report.failed:
            self.first_failure = self.first_failure or report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """In a child: remember tests that cannot even be collected."""
        if report.failed:
            self.first_failure = self.first_failure or f"{report.nodeid} (collection)"

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> bool:
        """Check the control and try the wrong versions."""
        assert not any(name.startswith(f"{PACKAGE}.") for name in sys.modules), "the law is here"
        self.session = session
        by_module: dict[str, list[Mutant]] = {}
        for mutant in self.wanted:
            by_module.setdefault(mutant.module, []).append(mutant)
        gc.freeze()
        for _ in in_children(
            by_module.items(), self._try_module, 1, seconds=SECONDS_OF_ALL, silent=False
        ):
            pass
        return True

    def _try_module(self, task: tuple[str, list[Mutant]]) -> str:
        """In a child: all wrong versions of one module."""
        self.module, mutants = task
        for name in sorted(path.stem for path in LAW.glob("*.py")):
            if self.module not in rests_on(LAW / f"{name}.py"):
                importlib.import_module(f"{PACKAGE}.{name}")
        gc.freeze()
        own, others = self._files()
        waiting = self._try_with(own, mutants)
        for mutant in self._try_with(others, waiting) if others else waiting:
            self.on_verdict(Verdict(mutant, ""))
        return ""

    def _try_with(self, files: Sequence[Path], mutants: Sequence[Mutant]) -> list[Mutant]:
        """Try these with the tests of some files; returns those that are not noticed.

        The control follows: the right version passes each test that noticed a wrong one.
        """
        waiting: list[Mutant] = []
        verdicts: list[Verdict] = []
        self.files = files
        for mutant, answer in in_children(mutants, self._wrong, self.jobs, seconds=SECONDS_EACH):
            if answer == "":
                waiting.append(mutant)
                continue
            verdicts.append(Verdict(mutant, NO_END if answer is None else answer))
            self.noticed_by.setdefault(self.module, Counter())[verdicts[-1].noticed_by] += 1
        if not verdicts:
            return waiting
        noticing = {one.noticed_by for one in verdicts}
        ((_, answer),) = in_children([noticing], self._right, 1, seconds=SECONDS_EACH)
        if answer != "":
            raise AssertionError(f"the right {self.module} is refused by {answer or NO_END}")
        for verdict in verdicts:
            self.on_verdict(verdict)
        return waiting

    def _right(self, names: set[str]) -> str:
        return self._notice(right_code(self.module), names)

    def _wrong(self, mutant: Mutant) -> str:
        return self._notice(wrong_code(mutant), None)

    def _notice(self, code: CodeType, only: set[str] | None) -> str:
        """In a child: the first test that notices this code, of all or of some; empty for none."""
        sys.meta_path.insert(0, FromMemory(self.module, code))
        try:
            importlib.import_module(f"{PACKAGE}.{self.module}")
        except Exception as error:  # noqa: BLE001 - a law that cannot even be read is noticed
            return f"import ({type(error).__name__})"
        before = self.noticed_by.get(self.module, Counter())
        try:
            found = self.session.perform_collect([str(file) for file in self.files])
        except pytest.Session.Failed:
            # The first file that cannot be collected ends it, as the first failing test would.
            return self.first_failure
        items = [one for one in found if only is None or one.nodeid in only]
        items.sort(
            key=lambda one: (
                LAST in one.nodeid,
                -before[one.nodeid],
                self.seconds.get(one.nodeid, 0.0),
            )
        )
        for item, following in zip_longest(items, items[1:]):
            if self.first_failure:
                break
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
        return self.first_failure

    def _files(self) -> tuple[list[Path], list[Path]]:
        """The files whose tests rest on the module: those asked first, and the others."""
        every = [
            one
            for one in sorted([*TESTS.glob("test_*.py"), *LAW.glob("*.py")])
            if self.module in rests_on(one) | rests_on(TESTS / "conftest.py")
        ]
        files: Counter[Path] = Counter()
        for name, times in self.noticed_by.get(self.module, Counter()).items():
            files[ROOT / name.partition("::")[0]] += times
        most = [one for one, _ in files.most_common(FIRST_FILES)]
        first = [TESTS / f"test_{self.module}.py", path_of(self.module), TRANSCRIPTION, *most]
        own = [one for one in dict.fromkeys(first) if one in every and one.name != LAST]
        return own, [one for one in every if one not in own]


@cache
def rests_on(path: Path) -> frozenset[str]:
    """The modules of the law that a file imports, those that these import, and itself if it is one.

    A test that reads the law's sources as text rests on all of them.
    """
    found = {path.stem} if path.parent == LAW else set()
    if ".glob(" in path.read_text("utf-8"):
        return frozenset(one.stem for one in LAW.glob("*.py"))
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
            inner = (node.module or "").removeprefix(PACKAGE).strip(".")
            for name in [inner] if inner else [one.name for one in node.names]:
                if name not in found:
                    found |= {name, *rests_on(LAW / f"{name}.py")}
    return frozenset(found)


def run_imported(run: ImportedRun) -> None:
    """Start pytest without the law and try all; call it in a child."""
    status = pytest.main([*OPTIONS, str(WITHOUT_LAW)], plugins=[run])
    if status != pytest.ExitCode.NO_TESTS_COLLECTED:
        raise AssertionError(f"pytest did not start: {status!r}")
