"""What a result file must say, and what it must never say."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from benchmarks import results
from benchmarks.results import Measure, find_commit, read, write

MEASURES = [
    Measure("eer_pooled", 1.25, "%", 3.0, low=0.9, high=1.6),
    Measure("comparisons_per_s_core", 40_000, "1/s", 25_000, higher_is_better=True),
    Measure("prints", 448, ""),
]


def test_a_file_holds_exactly_what_was_measured(tmp_path: Path) -> None:
    path = write("accuracy", MEASURES, command="make bench", data="two sets", folder=tmp_path)
    content = json.loads(path.read_text())
    assert path.name == "accuracy.json"
    assert set(content) == {"machine", "commit", "command", "data", "measures"}
    assert (content["command"], content["data"]) == ("make bench", "two sets")
    assert [one["measure"] for one in content["measures"]] == [one.measure for one in MEASURES]
    assert {"measure", "value", "unit", "target"} <= set(content["measures"][0])
    assert read("accuracy", folder=tmp_path) == MEASURES


def test_a_second_run_replaces_the_first_and_leaves_nothing_else(tmp_path: Path) -> None:
    for value in (1.0, 2.0):
        write("load", [Measure("eer", value, "%")], command="c", data="d", folder=tmp_path)
    assert [one.value for one in read("load", folder=tmp_path)] == [2.0]
    assert [path.name for path in tmp_path.iterdir()] == ["load.json"]


def test_the_machine_is_described_but_neither_named_nor_located(tmp_path: Path) -> None:
    path = write("x", MEASURES, command="c", data="d", folder=tmp_path)
    machine = json.loads(path.read_text())["machine"]
    assert set(machine) == {"processor", "cores", "memory_gib", "system", "python"}
    assert str(results.ROOT) not in path.read_text()


@pytest.mark.parametrize(
    ("value", "target", "higher", "met"),
    [(1.0, 1.0, False, True), (1.1, 1.0, False, False), (9, 8, True, True), (7, 8, True, False)],
)
def test_a_target_is_met_on_its_good_side(
    value: float, target: float, higher: bool, met: bool
) -> None:
    assert Measure("m", value, "", target, higher).is_met is met


def test_a_number_that_json_cannot_say_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        Measure("eer", float("nan"), "%")


def test_two_measures_of_one_name_are_refused(tmp_path: Path) -> None:
    twice = [Measure("eer", 1, "%"), Measure("eer", 2, "%")]
    with pytest.raises(ValueError, match="name of its own"):
        write("x", twice, command="c", data="d", folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_version_control_the_commit_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_words: object, **_settings: object) -> None:
        raise subprocess.CalledProcessError(128, "git")

    monkeypatch.setattr(subprocess, "run", fail)
    assert find_commit() == "unknown"
