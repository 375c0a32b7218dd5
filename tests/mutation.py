"""Mutation testing of the law: are there wrong laws that the tests would let through?

    python -m tests.mutation [--every N] [--jobs N] [--only MODULE]

Plan: 1 read every module of interfaces/eurodac, 2 make each small wrong version of it (a `<=` for
a `<`, one more day, another category, another article), 3 run the law's tests and doctests against
each wrong version in a process of its own, 4 tell which wrong versions no test noticed.

Texts for people (what a rule or remedy says) are not mutated; article numbers, codes and values
are. Nothing is written to disk: a child process imports the wrong version from memory.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.abc
import importlib.util
import os
import random
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
LAW = ROOT / "interfaces" / "eurodac"
TESTS = ROOT / "tests" / "interfaces" / "eurodac"
PACKAGE = "interfaces.eurodac"

NOT_LAW = frozenset({"__init__", "page", "errors"})
"""The package's docstring, the typesetting of docs/law.md, and the shape of a violation."""

SECONDS_EACH = 90
"""Longest run of the tests against one wrong version; a law that never ends is noticed too."""

ARTICLE = re.compile(r"\(?\d+[a-z]?(\(\w+\))*|(AMMR|APR|SCR|URF|RBPR|recital) .*|[A-Z]\d\d")
"""Strings that cite an article or name a code; all other strings are for people or are names."""

SHOW_EVERY = 25
"""Wrong versions between two lines of progress: about a minute."""

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Continue: ast.Break,
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One wrong version of one module. number: which of the module's, in reading order."""

    module: str
    number: int
    line: int
    what: str
    tree: ast.Module


Change = Callable[[ast.AST], tuple[str, ast.AST] | None]


def members_of_enumerations() -> dict[str, list[str]]:
    """Enumeration -> its members, so that one can be taken for another."""
    found: dict[str, list[str]] = {}
    for path in LAW.glob("*.py"):
        for node in ast.parse(path.read_text("utf-8")).body:
            bases = {base.id for base in getattr(node, "bases", ()) if isinstance(base, ast.Name)}
            if isinstance(node, ast.ClassDef) and bases & {"StrEnum", "IntEnum", "Enum"}:
                found[node.name] = [
                    target.id
                    for line in node.body
                    if isinstance(line, ast.Assign)
                    for target in line.targets
                    if isinstance(target, ast.Name)
                ]
    return found


def changes(enumerations: dict[str, list[str]]) -> Sequence[Change]:
    """The ways in which a law is made wrong; each returns what it did and the new node."""

    def swap(node: ast.AST) -> tuple[str, ast.AST] | None:
        other = SWAPS.get(type(node))
        return (f"{type(node).__name__} -> {other.__name__}", other()) if other else None

    def unnegate(node: ast.AST) -> tuple[str, ast.AST] | None:
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return "not dropped", node.operand
        return None

    def constant(node: ast.AST) -> tuple[str, ast.AST] | None:
        if not isinstance(node, ast.Constant):
            return None
        value = node.value
        wrong: bool | int | str | None = None
        if isinstance(value, bool):
            wrong = not value
        elif isinstance(value, int):
            wrong = value + 1
        elif isinstance(value, str) and ARTICLE.fullmatch(value):
            wrong = value + "x"
        if wrong is None:
            return None
        return f"{value!r} -> {wrong!r}", ast.Constant(wrong)

    def member(node: ast.AST) -> tuple[str, ast.AST] | None:
        if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
            return None
        names = enumerations.get(node.value.id, [])
        if node.attr not in names or len(names) < 2:
            return None
        other = names[(names.index(node.attr) + 1) % len(names)]
        wrong = ast.Attribute(node.value, other, node.ctx)
        return f"{node.value.id}.{node.attr} -> {other}", wrong

    return swap, unnegate, constant, member


class _Walk(ast.NodeTransformer):
    """Visits in reading order and changes the one place whose turn it is."""

    def __init__(self, change: Change, turn: int) -> None:
        self.change, self.turn = change, turn
        self.seen = -1
        self.line = self.at = 0
        self.what = ""

    def visit(self, node: ast.AST) -> ast.AST:
        self.line = getattr(node, "lineno", self.line)
        if isinstance(node, ast.JoinedStr) or _is_annotation_only(node):
            return node
        wrong = self.change(node)
        if wrong is not None:
            self.seen += 1
            if self.seen == self.turn:
                self.what, self.at = wrong[0], self.line
                return ast.copy_location(wrong[1], node)
        return self.generic_visit(node)


def _is_annotation_only(node: ast.AST) -> bool:
    """What runs for the type checker alone, or freezes a class: no law in it."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id == "dataclass"
    return False


def mutants_of(module: str, enumerations: dict[str, list[str]]) -> Iterator[Mutant]:
    """All wrong versions of one module."""
    tree = ast.parse((LAW / f"{module}.py").read_text("utf-8"))
    number = 0
    for change in changes(enumerations):
        turn = 0
        while True:
            walk = _Walk(change, turn)
            wrong = walk.visit(copy.deepcopy(tree))
            if not walk.what:
                break
            assert isinstance(wrong, ast.Module)
            ast.fix_missing_locations(wrong)
            yield Mutant(module, number, walk.at, walk.what, wrong)
            number, turn = number + 1, turn + 1


class _FromMemory(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the wrong version in place of the right one."""

    def __init__(self, mutant: Mutant) -> None:
        self.name, self.mutant = f"{PACKAGE}.{mutant.module}", mutant

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        origin = str(LAW / f"{self.mutant.module}.py")
        return importlib.util.spec_from_file_location(fullname, origin, loader=self)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        del spec
        return None

    def exec_module(self, module: ModuleType) -> None:
        code = compile(self.mutant.tree, str(module.__file__), "exec")
        exec(code, module.__dict__)


def survives(mutant: Mutant) -> bool:
    """Run the tests against one wrong version; for a child process, which it leaves spoilt."""
    sys.meta_path.insert(0, _FromMemory(mutant))
    signal.alarm(SECONDS_EACH)
    try:
        importlib.import_module(f"{PACKAGE}.{mutant.module}")
    except Exception:  # noqa: BLE001 - a law that cannot even be read is noticed
        return False
    mirror, source = TESTS / f"test_{mutant.module}.py", LAW / f"{mutant.module}.py"
    own = [str(path) for path in (mirror, source) if path.exists()]
    options = ["-x", "-q", "-q", "--no-header", "-p", "no:cacheprovider", "--tb=no"]
    # Its own tests first: they notice most, and most quickly.
    return all(
        pytest.main([*options, *where]) in UNNOTICED for where in (own, [str(TESTS), str(LAW)])
    )


UNNOTICED = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)


def _start(mutant: Mutant) -> int:
    child = os.fork()
    if child:
        return child
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    os._exit(0 if survives(mutant) else 1)


def run(mutants: Sequence[Mutant], jobs: int) -> list[Mutant]:
    """Run all, some at a time; returns the survivors."""
    waiting, running = list(reversed(mutants)), dict[int, Mutant]()
    alive: list[Mutant] = []
    done = 0
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            running[_start(mutant)] = mutant
        child, status = os.wait()
        mutant = running.pop(child)
        done += 1
        if done % SHOW_EVERY == 0:
            print(f"{done} of {len(mutants)} tried, {len(alive)} survived", flush=True)
        if status == 0:
            alive.append(mutant)
            if mutant.what != CONTROL:
                print(f"survived: {mutant.module}.py:{mutant.line} {mutant.what}", flush=True)
    return alive


def _right_law_passes() -> bool:
    """The control: the law as it was read must pass, before the run and after it."""
    return all(
        len(run([Mutant(path.stem, 0, 0, CONTROL, tree)], 1)) == 1
        for path, tree in RIGHT_LAW.items()
    )


CONTROL = "nothing (the control)"

RIGHT_LAW = {
    path: ast.parse(path.read_text("utf-8"))
    for path in (LAW / "categories.py", LAW / "deadlines.py")
}
"""Two modules on which all others rest, as they were when the run began."""


def _preload() -> None:
    """What the tests import beside the law, once for all children."""
    for name in ("hypothesis", "holidays", "models.synthesis.persons", "matcher.engine"):
        importlib.import_module(name)
    importlib.import_module("interfaces.pb.eurodac.central.v1.terms_pb2")


def main() -> int:
    """The command: 0 when at least nine of ten wrong versions are noticed."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="run one of so many wrong versions")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--only", default="", help="one module of the law")
    chosen = parser.parse_args()
    _preload()
    enumerations = members_of_enumerations()
    modules = sorted(path.stem for path in LAW.glob("*.py") if path.stem not in NOT_LAW)
    mutants = [
        mutant
        for module in modules
        if chosen.only in ("", module)
        for mutant in mutants_of(module, enumerations)
    ]
    # In an order that belongs to no module, so that a part of the run is a fair sample of it.
    random.Random(len(mutants)).shuffle(mutants)
    mutants = mutants[:: chosen.every]
    started = time.monotonic()
    if not _right_law_passes():
        print("the tests refuse the right law; nothing can be learnt from wrong ones")
        return 1
    alive = run(mutants, chosen.jobs)
    if not _right_law_passes():
        print("law or tests were changed meanwhile; the run counts for nothing")
        return 1
    noticed = len(mutants) - len(alive)
    minutes = (time.monotonic() - started) / 60
    share = 100 * noticed / len(mutants)
    print(f"{noticed} of {len(mutants)} noticed: {share:.1f} % in {minutes:.1f} minutes")
    return 0 if share >= MUST_BE_NOTICED_PERCENT else 1


MUST_BE_NOTICED_PERCENT = 90
"""What the project asks of the law's tests."""

if __name__ == "__main__":
    sys.exit(main())
