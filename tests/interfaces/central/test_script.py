"""A script plays the same faults in every run, and an ill-formed one is refused with a reason."""

from pathlib import Path

import pytest

from interfaces.central.script import COMPARISON, Fault, Kind, Script, ScriptRefused, read_script


def _read(tmp_path: Path, text: str) -> Script:
    file = tmp_path / "faults.toml"
    file.write_text(text)
    return read_script(file)


def _kinds(script: Script, calls: list[str]) -> list[Kind | None]:
    faults = [script.next_fault(call) for call in calls]
    return [None if fault is None else fault.kind for fault in faults]


def test_a_fault_strikes_the_calls_it_names_and_no_others() -> None:
    script = Script((Fault("SetMark", Kind.DOWN, from_call=2, times=1),))
    calls = ["SetMark", "EraseDataSet", "SetMark", "SetMark"]
    assert _kinds(script, calls) == [None, None, Kind.DOWN, None]


def test_a_star_means_every_call_but_not_the_comparison() -> None:
    script = Script((Fault("*", Kind.DOWN),))
    assert _kinds(script, ["SetMark", COMPARISON]) == [Kind.DOWN, None]


def test_rules_count_on_their_own_and_the_first_that_strikes_wins() -> None:
    script = Script((Fault("A", Kind.DOWN, from_call=2), Fault("*", Kind.LOSE_ANSWER)))
    assert _kinds(script, ["A", "A"]) == [Kind.LOSE_ANSWER, Kind.DOWN]


def test_a_quality_refusal_is_a_fault_of_the_comparison(tmp_path: Path) -> None:
    script = _read(tmp_path, '[[fault]]\nkind = "REFUSE_QUALITY"\ntimes = 1\n')
    assert _kinds(script, ["TransmitDataSet", COMPARISON, COMPARISON]) == [
        None,
        Kind.REFUSE_QUALITY,
        None,
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[fault]", "TOML"),
        ("[fault]\nkind = 'DOWN'", "two brackets"),
        ("[[faults]]\nkind = 'DOWN'", "unknown tables"),
        ("[[fault]]\nkind = 'CRASH'", "kind is one of"),
        ("[[fault]]\nkind = 'DOWN'\nfor = 3", "unknown keys"),
        ("[[fault]]\nkind = 'DOWN'\nfrom_call = 0", "1 or more"),
        ("[[fault]]\nkind = 'DOWN'\ntimes = -1", "1 or more"),
        ("[[fault]]\nkind = 'DELAY'", "needs seconds"),
        ("[[fault]]\nkind = 'DELAY'\nseconds = 1e9", "at most"),
    ],
)
def test_an_ill_formed_script_is_refused_with_a_reason(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(ScriptRefused, match=said):
        _read(tmp_path, text)
