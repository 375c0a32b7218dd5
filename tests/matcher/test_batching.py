"""Batches: everyone gets the own answer, urgent first, sources in turn, nobody waits in vain."""

import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence

import pytest

from matcher.batching import Batcher
from matcher.errors import Abandoned, Overloaded


class Gate:
    """A run function that notes its batches and waits to be let through."""

    def __init__(self, *, is_open: bool = False) -> None:
        self.batches: list[tuple[Hashable, list[int]]] = []
        self.begun = threading.Semaphore(0)
        self.through = threading.Event()
        if is_open:
            self.through.set()

    def __call__(self, lane: Hashable, works: Sequence[int]) -> list[int]:
        self.batches.append((lane, list(works)))
        self.begun.release()
        assert self.through.wait(10)
        return [10 * work for work in works]


def start(call: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=call)
    thread.start()
    return thread


def wait_until(reached: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.001)


def queue_up(batcher: Batcher[int, int], wanted: Sequence[Mapping[str, object]]) -> list[object]:
    """Submit one after another while the gate is closed; returns where the results will stand."""
    results: list[object] = [None] * len(wanted)

    def submit(number: int, options: Mapping[str, object]) -> None:
        try:
            results[number] = batcher.submit(number, **options)  # type: ignore[arg-type]
        except (Abandoned, ValueError) as error:
            results[number] = error

    for number, options in enumerate(wanted):
        start(lambda number=number, options=options: submit(number, options))  # type: ignore[misc]
        wait_until(lambda number=number: len(batcher._queue) > number)  # type: ignore[misc]
    return results


def held(gate: Gate, *, batch_most: int = 32, waiting_most: int = 256) -> Batcher[int, int]:
    """A batcher whose first batch is under way and does not end."""
    batcher = Batcher(gate, batch_most=batch_most, waiting_most=waiting_most)
    start(lambda: batcher.submit(-1))
    assert gate.begun.acquire(timeout=10)
    return batcher


def test_who_comes_alone_is_served_alone_and_at_once() -> None:
    gate = Gate(is_open=True)
    batcher = Batcher(gate)
    assert [batcher.submit(n) for n in range(3)] == [0, 10, 20]
    assert gate.batches == [(None, [0]), (None, [1]), (None, [2])]


def test_who_comes_meanwhile_shares_the_next_batch_and_gets_the_own_answer() -> None:
    gate = Gate()
    batcher = held(gate)
    results = queue_up(batcher, [{}] * 5)
    gate.through.set()
    wait_until(lambda: None not in results)
    assert results == [0, 10, 20, 30, 40]
    assert gate.batches == [(None, [-1]), (None, [0, 1, 2, 3, 4])]


def test_urgent_work_goes_first_and_sources_take_turns() -> None:
    gate = Gate()
    batcher = held(gate, batch_most=2)
    busy, other = {"source": "busy"}, {"source": "other"}
    results = queue_up(batcher, [busy, busy, busy, busy, other, {"source": "busy", "urgent": True}])
    gate.through.set()
    wait_until(lambda: None not in results)
    assert [works for _, works in gate.batches] == [[-1], [5, 0], [1, 4], [2, 3]]


def test_a_batch_is_full_when_the_shares_of_its_works_make_one() -> None:
    gate = Gate()
    batcher = held(gate)
    large, small = {"share": 0.6}, {"share": 0.3}
    results = queue_up(batcher, [large, small, small, {"share": 1.7}, small, small, small, {}])
    gate.through.set()
    wait_until(lambda: None not in results)
    assert [works for _, works in gate.batches] == [[-1], [0, 1], [2], [3], [4, 5, 6, 7]]


def test_only_work_of_one_lane_shares_a_batch() -> None:
    gate = Gate()
    batcher = held(gate)
    results = queue_up(batcher, [{"lane": lane} for lane in "abab"])
    gate.through.set()
    wait_until(lambda: None not in results)
    assert gate.batches[1:] == [("a", [0, 2]), ("b", [1, 3])]


def test_work_whose_deadline_passed_while_it_waited_is_dropped() -> None:
    gate = Gate()
    batcher = held(gate)
    late = threading.Event()
    results = queue_up(batcher, [{"expired": late.is_set}, {}, {"expired": lambda: False}])
    late.set()
    gate.through.set()
    wait_until(lambda: None not in results)
    assert isinstance(results[0], Abandoned)
    assert results[1:] == [10, 20]
    assert gate.batches[1:] == [(None, [1, 2])]


def test_a_queue_of_none_but_expired_work_leaves_the_batcher_ready() -> None:
    gate = Gate()
    batcher = held(gate)
    results = queue_up(batcher, [{"expired": lambda: True}])
    gate.through.set()
    wait_until(lambda: None not in results)
    assert isinstance(results[0], Abandoned)
    assert batcher.submit(7) == 70


def test_beyond_its_bound_the_queue_says_when_to_come_back() -> None:
    gate = Gate()
    batcher = held(gate, waiting_most=2)
    results = queue_up(batcher, [{}] * 2)
    with pytest.raises(Overloaded) as refused:
        batcher.submit(9)
    assert refused.value.seconds >= 1
    gate.through.set()
    wait_until(lambda: None not in results)
    assert batcher.submit(9) == 90


def test_the_time_to_wait_counts_the_batches_of_each_lane_at_its_own_pace() -> None:
    gate = Gate()
    batcher = held(gate, batch_most=3, waiting_most=8)
    slow, quick = {"lane": "slow", "share": 0.53}, {"lane": "quick"}
    results = queue_up(
        batcher, [slow, slow, quick, quick, quick, quick, slow, {**slow, "share": 9}]
    )
    batcher._pace_seconds = {"slow": 3.0, "quick": 0.5}
    with pytest.raises(Overloaded) as refused:
        batcher.submit(9)
    # Each of the four slow ones is a batch of its own, and the quick ones are two.
    assert refused.value.seconds == pytest.approx(4 / 2 * 3.0 + 2 / 2 * 0.5)
    gate.through.set()
    wait_until(lambda: None not in results)


def test_what_a_batch_raises_reaches_everybody_in_it_and_nobody_else() -> None:
    gate = Gate()

    def run(lane: Hashable, works: Sequence[int]) -> list[int]:
        results = gate(lane, works)
        if 1 in works:
            raise ValueError("of this batch")
        return results

    batcher: Batcher[int, int] = Batcher(run)
    start(lambda: batcher.submit(-1))
    assert gate.begun.acquire(timeout=10)
    results = queue_up(batcher, [{}, {}])
    gate.through.set()
    wait_until(lambda: None not in results)
    assert all(isinstance(result, ValueError) for result in results)
    assert batcher.submit(3) == 30


def test_many_threads_at_once_all_get_their_own_answers() -> None:
    gate = Gate(is_open=True)
    batcher = Batcher(gate, batch_most=4)
    answers: dict[int, int] = {}

    def ask(first: int) -> None:
        for work in range(first, first + 50):
            answers[work] = batcher.submit(work, source=str(first), urgent=work % 7 == 0)

    threads = [start(lambda first=100 * n: ask(first)) for n in range(8)]  # type: ignore[misc]
    for thread in threads:
        thread.join(30)
    assert answers == {
        work: 10 * work for first in range(8) for work in range(100 * first, 100 * first + 50)
    }
    assert all(len(works) <= 4 for _, works in gate.batches)
