"""Work in forked children, some at a time: each leaves its parent as it was."""

from __future__ import annotations

import os
import resource
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

LONGEST_ANSWER = 60_000
"""Bytes that a child may answer: a pipe holds 64 KiB until its reader comes."""

FAILED = 70
"""Exit status of a child whose work itself raised (EX_SOFTWARE): never a verdict."""

Task = TypeVar("Task")


def in_children(
    tasks: Iterable[Task],
    work: Callable[[Task], str],
    jobs: int,
    *,
    seconds: int,
    silent: bool = True,
) -> Iterator[tuple[Task, str | None]]:
    """Each task with the answer of its child; None when the child ran out of processor time.

    seconds: processor time of each child, not wall time, so that a busy machine stops nothing.
    silent: whether nothing that a child prints is seen. RuntimeError when a child fails in any
    other way.
    """

    def quiet(task: Task) -> str:
        silent_end = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent_end, 1)
        os.dup2(silent_end, 2)
        return work(task)

    running: dict[int, tuple[Task, int]] = {}
    waiting = iter(tasks)
    tasks_left = True
    while tasks_left or running:
        while tasks_left and len(running) < jobs:
            try:
                task = next(waiting)
            except StopIteration:
                tasks_left = False
                break
            child, answer = _start(task, quiet if silent else work, seconds)
            running[child] = task, answer
        if running:
            yield _collect(running)


def _start(task: Task, work: Callable[[Task], str], seconds: int) -> tuple[int, int]:
    """Process id of the child and the pipe from which its answer is read."""
    answer, write = os.pipe()
    child = os.fork()
    if child:
        os.close(write)
        return child, answer
    status = FAILED
    try:
        os.close(answer)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))
        text, status = work(task), 0
    except BaseException:  # noqa: BLE001 - whatever it is, the parent is told and stops
        text = traceback.format_exc()
    os.write(write, text.encode()[:LONGEST_ANSWER])
    os._exit(status if len(text.encode()) <= LONGEST_ANSWER else FAILED)


def _collect(running: dict[int, tuple[Task, int]]) -> tuple[Task, str | None]:
    child, status = os.wait()
    task, answer = running.pop(child)
    with os.fdopen(answer, encoding="utf-8") as file:
        text = file.read()
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
        return task, None
    if status:
        raise RuntimeError(f"the child of {task} ended with {status}:\n{text}")
    return task, text
