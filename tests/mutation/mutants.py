"""Small wrong versions of the law: a `<=` for a `<`, one more day, another category or article.

Texts for people (what a rule or remedy says) are not mutated; article numbers, codes and values
are. Nothing is written to disk: a wrong version is compiled from memory.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType

ROOT = Path(__file__).parents[2]
LAW = ROOT / "interfaces" / "eurodac"
PACKAGE = "interfaces.eurodac"

NOT_LAW = frozenset({"__init__", "page", "errors"})
"""The package's docstring, the typesetting of docs/law.md, and the shape of a violation."""

ARTICLE = re.compile(r"\(?\d+[a-z]?(\(\w+\))*|(AMMR|APR|SCR|URF|RBPR|recital) .*|[A-Z]\d\d")
"""Strings that cite an article or name a code; all other strings are for people or are names."""

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
class Function:
    """An outermost function or method: its qualified name and the first line of its code."""

    name: str
    line: int


@dataclass(frozen=True, slots=True)
class Mutant:
    """One wrong version of one module.

    kind, turn: which change, and where in reading order. text, nth: the source line and which of
    the same changes on lines of the same text, so that it is found again when lines move.
    function: whose body it is in; None for tables, defaults and all else that runs at import.
    """

    module: str
    kind: int
    turn: int
    line: int
    what: str
    text: str
    nth: int
    function: Function | None

    @property
    def name(self) -> tuple[str, str, str, int]:
        """What stays the same when the module changes elsewhere."""
        return self.module, self.text, self.what, self.nth

    def __str__(self) -> str:
        return f"{self.module}.py:{self.line} {self.what}    {self.text}"


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
    """Visits in reading order, lists where a change applies, and makes the one whose turn it is."""

    def __init__(self, change: Change, turn: int | None) -> None:
        self.change, self.turn = change, turn
        self.line = 0
        self.found: list[tuple[int, str]] = []

    def visit(self, node: ast.AST) -> ast.AST:
        self.line = getattr(node, "lineno", self.line)
        if isinstance(node, ast.JoinedStr) or _is_annotation_only(node):
            return node
        wrong = self.change(node)
        if wrong is not None:
            self.found.append((self.line, wrong[0]))
            if self.turn == len(self.found) - 1:
                return ast.copy_location(wrong[1], node)
        return self.generic_visit(node)


def _is_annotation_only(node: ast.AST) -> bool:
    """What runs for the type checker alone, or freezes a class: no law in it."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id == "dataclass"
    return False


def modules() -> list[str]:
    """The modules of the law, by name."""
    return sorted(path.stem for path in LAW.glob("*.py") if path.stem not in NOT_LAW)


def mutants_of(module: str) -> Iterator[Mutant]:
    """All wrong versions of one module."""
    source = path_of(module).read_text("utf-8")
    lines, functions = source.splitlines(), _functions(ast.parse(source))
    same: Counter[tuple[str, str]] = Counter()
    for kind, change in enumerate(_changes()):
        walk = _Walk(change, None)
        walk.visit(ast.parse(source))
        for turn, (line, what) in enumerate(walk.found):
            text = lines[line - 1].strip()
            same[text, what] += 1
            function = next((one for body, one in functions if line in body), None)
            yield Mutant(module, kind, turn, line, what, text, same[text, what], function)


def wrong_code(mutant: Mutant) -> CodeType:
    """The module with its one mistake, compiled."""
    path = path_of(mutant.module)
    walk = _Walk(_changes()[mutant.kind], mutant.turn)
    wrong = walk.visit(ast.parse(path.read_text("utf-8")))
    assert isinstance(wrong, ast.Module)
    return compile(ast.fix_missing_locations(wrong), str(path), "exec")


def right_code(module: str) -> CodeType:
    """The module as it is, compiled: the control."""
    return compile(path_of(module).read_text("utf-8"), str(path_of(module)), "exec")


def path_of(module: str) -> Path:
    """The file of a module of the law."""
    return LAW / f"{module}.py"


@cache
def _changes() -> Sequence[Change]:
    return changes(members_of_enumerations())


def functions_of(module: str) -> list[tuple[range, Function]]:
    """The outermost functions and methods of a module with the lines of their bodies."""
    return _functions(ast.parse(path_of(module).read_text("utf-8")))


def _functions(tree: ast.Module) -> list[tuple[range, Function]]:
    found = []

    def search(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef):
                search(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.FunctionDef):
                first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
                # A body on the line of its `def` shares it with the defaults: not told apart.
                start = max(node.lineno + 1, node.body[0].lineno)
                lines = range(start, (node.end_lineno or start) + 1)
                found.append((lines, Function(f"{prefix}{node.name}", first)))

    search(tree.body, "")
    return found
