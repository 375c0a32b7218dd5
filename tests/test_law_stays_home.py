"""The law stays in interfaces/eurodac: no other room decides by article or by category.

Three things are looked for in the syntax of every module of the other rooms:

- a branch by category: a comparison, a `match` or a membership test with a member of Category,
  or a table with one row per category;
- a branch by article: a comparison with a text that cites one, such as `"15(1)(a)"`;
- a law of the doors: any mention of a category or an article's text in a module that only
  translates.

Naming one category in order to say "this is such a search" is no branch and is not looked for.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("matcher", "node", "interfaces/central", "interfaces/wire", "interfaces/formats")
HOME = "interfaces/eurodac"

DOORS = (
    "node/servicers.py",
    "node/calls.py",
    "node/server.py",
    "node/station.py",
    "interfaces/central/servicer.py",
    "interfaces/central/server.py",
    "interfaces/doorway.py",
)
"""Modules that only translate; the matcher, of which the same is asked, is taken as a whole."""

ALLOWED = {
    "node/access.py": "which role may act for which purpose: who works where is the node's own "
    "table, and the gallery's partitions are numbered by category",
    "interfaces/central/probes.py": "which request of the protocol carries which kind of search: "
    "a translation of messages",
    "node/searches.py": "whether a search has a file of the police: those of data subjects have "
    "none to close",
}
"""Modules that name categories in branches or tables, each with the reason why that is no law."""

ARTICLE = re.compile(r"(Art\. ?)?\d{1,2}(\(\d+[a-z]?\)|\([a-z]\))+(\([a-z]+\))?")
"""How this project cites an article: a number with at least one paragraph or point."""


def modules() -> list[Path]:
    found = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    return sorted([*found, ROOT / "interfaces" / "doorway.py"])


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def is_category(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "Category"
    )


def is_article(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and ARTICLE.fullmatch(node.value) is not None
    )


def branches(tree: ast.Module) -> Iterator[str]:
    """Every place where a module decides by a category or an article."""
    for node in ast.walk(tree):
        parts: list[ast.AST] = []
        if isinstance(node, ast.Compare):
            parts = [inner for side in (node.left, *node.comparators) for inner in ast.walk(side)]
        elif isinstance(node, ast.MatchValue):
            parts = [node.value]
        elif isinstance(node, ast.Dict):
            parts = [key for key in node.keys if key is not None]
        for part in parts:
            if is_category(part) or is_article(part):
                yield f"line {getattr(node, 'lineno', 0)}: {ast.unparse(part)}"


@pytest.mark.parametrize("path", modules(), ids=named)
def test_no_module_decides_by_category_or_article(path: Path) -> None:
    found = list(branches(ast.parse(path.read_text("utf-8"))))
    if named(path) in ALLOWED:
        assert found, "the module is allowed what it does not do: take it off the list"
    else:
        assert found == []


def texts(tree: ast.Module) -> Iterator[str]:
    """Strings that are no docstrings and no explanations under a constant."""
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if is_article(node) and id(node) not in prose:
            yield ast.unparse(node)


TRANSLATORS = [path for path in modules() if named(path) in DOORS or "matcher" in path.parts]


@pytest.mark.parametrize("path", TRANSLATORS, ids=named)
def test_doors_and_matcher_know_no_category_and_cite_no_article(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert [ast.unparse(node) for node in ast.walk(tree) if is_category(node)] == []
    assert list(texts(tree)) == []


@pytest.mark.parametrize("path", TRANSLATORS, ids=named)
def test_doors_and_matcher_import_nothing_of_the_categories(path: Path) -> None:
    imported = {
        node.module
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom)
    }
    assert f"{HOME.replace('/', '.')}.categories" not in imported


def test_the_rule_finds_what_it_looks_for() -> None:
    wrong = """
if category is Category.SAR: pass
if category in (Category.SAR, Category.ILLEGAL_STAY): pass
if article == "15(1)(a)": pass
match category:
    case Category.SAR: pass
ROWS = {Category.SAR: 1}
"""
    assert len(list(branches(ast.parse(wrong)))) == 6
    assert not list(branches(ast.parse("search(Category.ADMISSION_SEARCH, article='18(1)')")))
