"""Steps of a search put to shards whose replicas are slow, gone, or behind."""

import pickle
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

pytest.importorskip("ray", reason="the extra `cluster` is not installed")

from benchmarks.galleries import Draw, draw_reference
from matcher import asking
from matcher.asking import Asker
from matcher.cascade import make_queries
from matcher.errors import Abandoned, MatcherError, Unforeseen, Unreachable
from matcher.gallery import Gallery
from matcher.inquiry import Inquiry
from matcher.lines import Lines
from matcher.lineup import line_up
from matcher.listening import Failed
from matcher.part import Nominees, Part
from matcher.replica import Answer, Replica
from matcher.shard import Copy as Placed
from matcher.shard import Shard
from matcher.vocabulary import Candidate

Hear = Callable[[bytes | Failed | None], object]


@dataclass(eq=False)
class Copy:
    """A replica that does as it is told. does: with the hearer of a question; given_up: tickets."""

    does: Callable[[Hear], object]
    current: bool = True
    misses: int = 0
    asked: list[Any] = field(default_factory=list)
    given_up: list[int] = field(default_factory=list)

    def search(self, ticket: int, question: bytes, hear: Hear) -> None:
        self.asked.append((ticket, *pickle.loads(question)))
        self.does(hear)

    def give_up(self, ticket: int) -> None:
        self.given_up.append(ticket)


@dataclass(eq=False)
class Replicas:
    """A shard. lost: why replicas were lost."""

    number: int
    copies: tuple[Copy, ...]
    lost: list[str] = field(default_factory=list)

    def lose(self, copy: Copy, why: str) -> None:
        copy.current = False
        self.copies = tuple(one for one in self.copies if one is not copy)
        self.lost.append(why)

    def unreachable(self) -> Unreachable:
        return Unreachable(f"shard {self.number}")


def say(value: object, seconds: float = 0.0) -> Callable[[Hear], object]:
    """Answer after some time."""
    said = pickle.dumps(value if isinstance(value, Answer) else Answer(value))
    return lambda hear: threading.Timer(seconds, hear, [said]).start()


def keep_silent(_: Hear) -> None:
    """Never answer."""


def ask(*shards: Replicas, asker: Asker | None = None, **options: Any) -> list[Any]:
    whole = asker or Asker(cast("list[Shard]", shards))
    own = [{"of": shard.number} for shard in shards]
    return whole.ask("step", b"plan", own, **{"deadline": None, **options})


@pytest.fixture(autouse=True)
def _impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "HEDGE_LEAST_SECONDS", 0.05)


def test_answers_come_in_the_order_of_the_shards() -> None:
    shards = [Replicas(n, (Copy(say(n, 0.02 * (3 - n))),)) for n in range(3)]
    assert ask(*shards) == [0, 1, 2]
    for shard in shards:
        assert shard.copies[0].asked == [(1, "step", b"plan", {"of": shard.number})]


def test_a_shard_without_options_is_not_asked() -> None:
    shards = Replicas(0, (Copy(keep_silent),)), Replicas(1, (Copy(say("b")),))
    asker = Asker(cast("list[Shard]", shards))
    assert asker.ask("step", b"plan", [None, {}], deadline=None) == ["b"]
    assert shards[0].copies[0].asked == []


def test_what_a_shard_refuses_is_raised() -> None:
    refusal = Answer(error=MatcherError("refused"))
    with pytest.raises(MatcherError, match="refused"):
        ask(Replicas(0, (Copy(say(refusal)),)))


def test_searches_and_shards_take_turns_among_replicas() -> None:
    shards = [Replicas(n, (Copy(say("a")), Copy(say("b")))) for n in range(2)]
    asker = Asker(cast("list[Shard]", shards))
    # Two shards whose replicas lie on the same two machines use both at once.
    assert [ask(*shards, asker=asker) for _ in range(2)] == [["b", "a"], ["a", "b"]]


def test_a_slow_replica_is_hedged_and_asked_last_from_then_on() -> None:
    slow, quick = Copy(keep_silent), Copy(say("quick"))
    shard = Replicas(1, (slow, quick))
    asker = Asker(cast("list[Shard]", [shard]))
    assert ask(shard, asker=asker) == ["quick"]
    assert asker.hedges == 1
    assert (slow.given_up, slow.misses, slow.current) == ([1], 1, True)
    assert [ask(shard, asker=asker) for _ in range(3)] == [["quick"]] * 3
    assert len(slow.asked) == 1
    assert quick.given_up == []


def test_a_line_that_ends_has_another_asked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "HEDGE_LEAST_SECONDS", 60.0)
    shard = Replicas(1, (Copy(lambda hear: hear(None)), Copy(say("other"))))
    assert ask(shard) == ["other"]
    assert shard.lost == ["its line ended"]


def test_an_answer_of_one_that_may_have_missed_a_change_does_not_count() -> None:
    behind = Copy(keep_silent)

    def answer_once_lost(hear: Hear) -> None:
        behind.current = False
        hear(pickle.dumps(Answer("old")))

    behind.does = answer_once_lost
    assert ask(Replicas(1, (behind, Copy(say("new"))))) == ["new"]
    with pytest.raises(Unreachable, match="shard 7"):
        ask(Replicas(7, (Copy(lambda hear: hear(None)),)))


def test_there_is_no_answer_without_all_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    alive = Copy(keep_silent)
    with pytest.raises(Unreachable, match="shard 1"):
        ask(Replicas(0, (alive,)), Replicas(1, ()))
    assert alive.given_up == [1]
    monkeypatch.setattr(asking, "ANSWER_SECONDS", 0.1)
    with pytest.raises(Unreachable, match="shard 2"):
        ask(Replicas(2, (alive,)))


def test_a_deadline_ends_a_step_and_all_are_told() -> None:
    until = time.monotonic() + 0.03
    copies = Copy(keep_silent), Copy(say("b"))
    with pytest.raises(Abandoned):
        ask(
            *(Replicas(n, (copy,)) for n, copy in enumerate(copies)),
            deadline=lambda: time.monotonic() > until,
        )
    assert [copy.given_up for copy in copies] == [[1], []]


def test_meanwhile_is_done_once_all_are_asked() -> None:
    first, second = Copy(say("a")), Copy(say("b"))
    seen: list[int] = []
    shards = Replicas(0, (first,)), Replicas(1, (second,))
    ask(*shards, meanwhile=lambda: seen.append(len(first.asked) + len(second.asked)))
    assert seen == [2]
    with pytest.raises(ZeroDivisionError):
        ask(*shards, meanwhile=lambda: 1 / 0)
    assert first.given_up == second.given_up == [1]


def fail(kind: str) -> Callable[[Hear], object]:
    """Fail at whatever is asked."""
    return lambda hear: hear(Failed(kind))


def test_what_one_replica_fails_at_another_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "HEDGE_LEAST_SECONDS", 60.0)
    ill, well = Copy(fail("TypeError")), Copy(say("answer"))
    # The turn of the first ticket begins with the second of two.
    one = Replicas(0, (well, ill))
    asker = Asker(cast("list[Shard]", [one]))
    assert ask(one, asker=asker) == ["answer"]
    assert (len(ill.asked), len(well.asked), ill.misses, one.lost) == (1, 1, 1, [])
    # It is asked last from then on.
    assert [ask(one, asker=asker) for _ in range(3)] == [["answer"]] * 3
    assert (len(ill.asked), len(well.asked)) == (1, 4)


def test_what_two_replicas_fail_at_is_asked_of_no_third() -> None:
    copies = tuple(Copy(fail(kind)) for kind in ("TypeError", "KeyError", "TypeError"))
    one, other = Replicas(5, copies), Replicas(6, (Copy(say("answer")),))
    with pytest.raises(Unforeseen, match="shard 5 failed at a step of this search alone") as told:
        ask(one, other)
    assert "Error" in str(told.value)
    assert sorted(len(copy.asked) for copy in copies) == [0, 1, 1]
    assert (one.copies, one.lost) == (copies, [])
    # A single replica is no reason to ask it twice, nor to call it dead.
    with pytest.raises(Unforeseen, match=r"shard 7 .*: OSError"):
        ask(Replicas(7, (Copy(fail("OSError")),)))


def test_a_failure_and_a_line_that_ends_leave_no_answer() -> None:
    def hang_up(hear: Hear) -> None:
        hear(None)

    for pair in ((fail("OSError"), hang_up), (hang_up, fail("OSError"))):
        with pytest.raises(Unforeseen, match="OSError"):
            ask(Replicas(8, tuple(map(Copy, pair))))


def test_a_search_at_which_all_replicas_fail_takes_none_of_them_along(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(asking, "HEDGE_LEAST_SECONDS", 60.0)
    nominate, failing = Part.nominate, set[int]()

    def stumble(part: Part, *arguments: Any, **options: Any) -> tuple[Nominees, ...]:
        if options["source"] == "planted" and id(part) in failing:
            raise ArithmeticError("secret")
        return nominate(part, *arguments, **options)

    monkeypatch.setattr(Part, "nominate", stumble)
    people = [draw_reference(seed, Draw(minutiae=18, vectors=True)) for seed in range(6)]
    plain, lines, lost = Gallery(threads=1), Lines(), list[str]()
    replicas = [[Replica(1, 2) for _ in range(2)] for _ in range(2)]
    for number, one in enumerate(people):
        plain.enrol(number, one)
        for replica in replicas[number % 2]:
            replica._gallery.enrol(number, one)
    shards = []
    for number, held in enumerate(replicas):
        addresses = [replica.listen("127.0.0.1") for replica in held]
        opened = [lines.open(address, lost.append) for address in addresses]
        shards.append(Shard(number, lines, cast("Any", None)))
        shards[-1].copies = tuple(Placed(None, "node", line) for line in opened)
    before = [one.copies for one in shards]
    asker = Asker(shards)

    def search(source: str) -> tuple[Candidate, ...]:
        plan = make_queries(line_up(people[3]), None)
        inquiry = Inquiry(asker.ask, plan, len(shards), None, list)
        return inquiry.search(threshold=0.0, at_most=6, everyone=True, urgent=False, source=source)

    expected = plain.search(people[3], threshold=0.0, at_most=6)
    assert len(expected) > 1
    # One replica of each shard fails, and its twin answers.
    failing |= {id(held[0]._gallery) for held in replicas}
    assert [search("planted") for _ in range(4)] == [expected] * 4
    # All of one shard fail.
    failing |= {id(replica._gallery) for replica in replicas[1]}
    for _ in range(4):
        with pytest.raises(Unforeseen, match=r"shard 1 .*: ArithmeticError;") as told:
            search("planted")
        assert "secret" not in str(told.value)
        assert [search("good") for _ in range(2)] == [expected] * 2
    assert ([one.copies for one in shards], lost) == (before, [])
    assert "an answer failed: ArithmeticError in stumble" in caplog.text
    assert "secret" not in caplog.text
    lines.close()
