"""Threads that share work out, or the caller's own where one is enough."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class OwnThread(ThreadPoolExecutor):
    """Runs what it is given in the thread that gives it, one after the other: for a pool of one,
    which only makes every thread wait for another to be woken."""

    def __init__(self) -> None:
        super().__init__(1)
        self._turn = Lock()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run it and return what is done already; what it raises is kept in there."""
        done: Future[T] = Future()
        with self._turn:
            try:
                done.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
                done.set_exception(error)
        return done


def make_pool(threads: int, name: str) -> ThreadPoolExecutor:
    """So many threads under a name."""
    return OwnThread() if threads == 1 else ThreadPoolExecutor(threads, thread_name_prefix=name)
