"""The law's tests as every wrong version meets them: which, how, and what a verdict is."""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings

from tests.mutation.mutants import LAW, ROOT, Mutant

TESTS = ROOT / "tests" / "interfaces" / "eurodac"

TABLES = ROOT / "tests" / "tables"

EXPLAINED = Path(__file__).parent / "explained.csv"
"""Wrong versions that are as right as the right one, each with the reason."""

LAST = "test_page.py"
"""Compares docs/law.md with the tables, which any change makes stale: all others come first."""

SECONDS_EACH = 120
"""Longest processor time of the tests against one wrong version: the right one takes about 15 s.
A law that never ends is noticed too."""

SECONDS_OF_ALL = 24 * 3600
"""Longest processor time of a process that forks such children: no limit in practice."""

NO_END = "no end"
"""What noticed a wrong version that ran out of time."""

PROFILE = "mutation"

OPTIONS = (
    *("-x", "-q", "-q", "-s", "--no-header", "--tb=no"),
    *("-p", "no:cacheprovider", f"--hypothesis-profile={PROFILE}"),
)
"""No bytes kept between runs, nothing told, and an end at the first test that notices."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one wrong version. noticed_by: the first test that did; empty for none."""

    mutant: Mutant
    noticed_by: str


def prepare(bytecode: Path) -> None:
    """What all children share: settings of hypothesis, and what the tests import beside the law.

    bytecode: folder for the compiled tests; the checkout stays as it is.
    """
    # The same examples for every wrong version, whatever the machine's load; a failing example
    # need not be made small.
    settings.register_profile(
        PROFILE,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    for name in ("hypothesis", "holidays", "models.synthesis.persons", "matcher.engine"):
        importlib.import_module(name)
    importlib.import_module("interfaces.pb.eurodac.central.v1.terms_pb2")
    sys.pycache_prefix, sys.dont_write_bytecode = str(bytecode), False


def law_digest() -> str:
    """Names the law, the wrong versions made of it, and how they are tried."""
    runner = [one for one in Path(__file__).parent.glob("*.py") if one.name not in ONLY_TELL]
    return _digest([*LAW.glob("*.py"), *runner])


ONLY_TELL = ("__main__.py", "record.py", "plain.py", "test_mutation.py")
"""Parts of the runner that change no verdict."""


def tests_digest() -> str:
    """Names all tests of the law: what a survivor has survived."""
    return _digest([*TESTS.glob("*.py"), *TABLES.glob("*.csv")])


def ground_digest(noticed_by: str) -> str:
    """Names what a test rests on beside the law: its file, the fixtures, the tables it names.

    While these stay the same the test goes on to notice what it has noticed.
    """
    path = ROOT / noticed_by.partition("::")[0]
    if path.parent == LAW:
        return law_digest()
    if path.suffix != ".py" or not path.exists():
        return tests_digest()
    text = path.read_text("utf-8")
    tables = [one for one in TABLES.glob("*.csv") if one.stem in text or "TABLES.glob" in text]
    return _digest([path, TESTS / "conftest.py", *tables])


def _digest(files: Iterable[Path]) -> str:
    found = hashlib.sha256()
    for path in sorted(files):
        found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:16]
