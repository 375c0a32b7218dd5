"""The plain way to try a wrong version: import it, run all tests of the law, nothing left out.

Slow; for the control and to check a sample of the verdicts that were found by quicker ways.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from types import CodeType

import pytest

from tests.mutation.children import in_children
from tests.mutation.imported import FromMemory
from tests.mutation.mutants import LAW, Mutant, right_code, wrong_code
from tests.mutation.suite import OPTIONS, SECONDS_EACH, TESTS

PASSED = "passed"


def right_law_passes() -> bool:
    """The control: a module on which all others rest, from memory and as it is, passes."""
    ((_, answer),) = in_children(["categories"], _right, 1, seconds=SECONDS_EACH)
    return answer == PASSED


def survive(mutants: Iterable[Mutant], jobs: int) -> Iterator[tuple[Mutant, bool]]:
    """Each wrong version and whether no test notices it."""
    for mutant, answer in in_children(mutants, _wrong, jobs, seconds=SECONDS_EACH):
        yield mutant, answer == PASSED


def _right(module: str) -> str:
    return _outcome(module, right_code(module))


def _wrong(mutant: Mutant) -> str:
    return _outcome(mutant.module, wrong_code(mutant))


def _outcome(module: str, code: CodeType) -> str:
    sys.meta_path.insert(0, FromMemory(module, code))
    status = pytest.main([*OPTIONS, str(TESTS), str(LAW)])
    return PASSED if status == pytest.ExitCode.OK else f"ended with {int(status)}"
