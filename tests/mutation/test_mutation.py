"""The runner of the wrong laws: its list, its children and its tally."""

from __future__ import annotations

import os

import pytest

from tests.mutation.children import in_children
from tests.mutation.mutants import modules, mutants_of, wrong_code
from tests.mutation.record import Explained, count, read_explained


def test_every_explained_wrong_version_exists() -> None:
    """A row whose line of the law is gone or changed explains nothing."""
    rows = read_explained()
    names = {one.name for module in {row.name[0] for row in rows} for one in mutants_of(module)}
    assert [row.name for row in rows if row.name not in names] == []


def test_a_wrong_version_has_one_mistake_and_a_name_of_its_own() -> None:
    found = list(mutants_of("retention"))
    assert len({one.name for one in found}) == len(found) > 50
    codes = {wrong_code(one).co_consts for one in found[:5]}
    assert len(codes) == 5


def test_every_module_of_the_law_has_wrong_versions() -> None:
    assert len(modules()) > 25
    assert all(next(mutants_of(module), None) is not None for module in modules())


def test_children_answer_and_leave_their_parent_alone() -> None:
    here = os.getpid()
    found = dict(in_children(range(5), lambda one: f"{one} {os.getpid()}", 2, seconds=10))
    assert found.keys() == set(range(5))
    assert all(answer and answer.split()[0] == str(task) for task, answer in found.items())
    assert str(here) not in {(answer or "").split()[1] for answer in found.values()}


def test_a_child_that_fails_is_no_verdict() -> None:
    def fail(_: int) -> str:
        raise ValueError("broken runner")

    with pytest.raises(RuntimeError, match="broken runner"):
        list(in_children([1], fail, 1, seconds=10))


def test_a_child_that_does_not_end_is_told_apart() -> None:
    def endless(_: int) -> str:
        while True:
            pass

    assert list(in_children([1], endless, 1, seconds=1)) == [(1, None)]


def test_the_tally_sorts_survivors_and_finds_outdated_explanations() -> None:
    first, second, third, fourth = list(mutants_of("ages"))[:4]
    verdicts = {
        first.name: "tests/interfaces/eurodac/test_periods.py::test_x",
        second.name: "",
        third.name: "",
        fourth.name: "tests/interfaces/eurodac/test_page.py::test_y",
    }
    explained = [
        Explained(first.name, "noticed by now"),
        Explained(second.name, "equal"),
        Explained(("capture", "x", "y", 1), "of a module that was not tried"),
    ]
    tally = count([first, second, third, fourth], verdicts, explained)
    assert (tally.tried, tally.noticed, tally.percent) == (4, 2, 50.0)
    assert tally.survivors == (third,)
    assert tally.explained == (second,)
    assert [row.name for row in tally.outdated] == [first.name]
    assert tally.by_page_alone == (fourth,)
