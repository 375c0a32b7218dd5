"""The plain way to try a wrong version: import it, run all tests of the law, nothing left out.

Slow: it checks a sample of the verdicts that were found by quicker ways.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

import pytest

from tests.mutation.children import in_children
from tests.mutation.imported import FromMemory
from tests.mutation.mutants import LAW, Mutant, wrong_code
from tests.mutation.suite import OPTIONS, SECONDS_EACH, TESTS

PASSED = "passed"


def survive(mutants: Iterable[Mutant], jobs: int) -> Iterator[tuple[Mutant, bool]]:
    """Each wrong version and whether no test notices it."""
    for mutant, answer in in_children(mutants, _wrong, jobs, seconds=SECONDS_EACH):
        yield mutant, answer == PASSED


def _wrong(mutant: Mutant) -> str:
    sys.meta_path.insert(0, FromMemory(mutant.module, wrong_code(mutant)))
    status = pytest.main([*OPTIONS, str(TESTS), str(LAW)])
    return PASSED if status == pytest.ExitCode.OK else f"ended with {int(status)}"
