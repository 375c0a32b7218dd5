"""Pixels of an inspected image, decoded outside this process.

Decoders are C code that has met hostile files before; the WSQ decoder in use still aborts or
reads out of bounds on one in a hundred mutations that pass our header checks. So each runs in a
process of its own (worker.py) with bounded memory and time. A process that dies or hangs
costs its sender a refusal and us one restart.
"""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from interfaces.formats import limits, worker
from interfaces.formats.errors import FormatRefused, Rule
from interfaces.formats.headers import AS_WRITTEN, Header

WORKER = Path(worker.__file__)


def decode(data: bytes, header: Header, *, colour: bool) -> NDArray[np.uint8]:
    """The pixels of an image whose header was inspected, shape (rows, columns[, 3]).

    Raises FormatRefused when the decoder gives up, dies, takes too long or finds another
    size than the header declared.
    """
    request = worker.REQUEST.pack(
        f"{header.container:8}".encode(), colour, header.width, header.height, len(data)
    )
    expected = (header.height, header.width, 3 if colour else 1)
    verdict, shape, pixels = POOL.ask(request, data, expected)
    if verdict != worker.DECODED:
        reason = (
            "holds another size than it declares"
            if verdict == worker.OTHER_SIZE
            else "is damaged: its decoder gives up"
        )
        raise FormatRefused(Rule.FORMAT, str(header.container), reason, AS_WRITTEN)
    return np.frombuffer(pixels, np.uint8).reshape((*shape, 3) if colour else shape)


Answer = tuple[int, tuple[int, int], bytes]
"""Verdict, (rows, columns), pixels."""

Extent = tuple[int, int, int]
"""Rows, columns and channels that the pixels must have; rows and columns may be exchanged."""

NO_ANSWER: Answer = (worker.REFUSED, (0, 0), b"")


@dataclass(slots=True)
class Pool:
    """Up to size decoder processes, started when first needed, each used by one thread."""

    size: int
    idle: queue.LifoQueue[subprocess.Popen[bytes] | None] = field(default_factory=queue.LifoQueue)

    def __post_init__(self) -> None:
        for _ in range(self.size):
            self.idle.put(None)

    def ask(self, request: bytes, data: bytes, expected: Extent) -> Answer:
        """Let one process decode; the answer is a refusal if it does not survive."""
        process = self.idle.get()
        try:
            if process is None or process.poll() is not None:
                process = start()
            answer = ask(process, request, data, expected)
            if answer is None:
                stop(process)
                process = None
        finally:
            self.idle.put(process)
        return NO_ANSWER if answer is None else answer


def start() -> subprocess.Popen[bytes]:
    """A fresh decoder process, isolated from our environment and working directory."""
    pixels_max = max(limits.FINGER_PIXELS, limits.FACE_PIXELS)
    command = [sys.executable, "-I", str(WORKER), str(limits.DECODER_MEMORY_BYTES)]
    return subprocess.Popen(  # noqa: S603 - our own script, no shell, numbers as arguments
        [*command, str(pixels_max)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={},
    )


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process that failed, and forget its pipes."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except BrokenPipeError:
                # What it had not read of the request can no longer be flushed.
                continue


def ask(
    process: subprocess.Popen[bytes], request: bytes, data: bytes, expected: Extent
) -> Answer | None:
    """One request and its answer; None when the process died or was stopped for its time."""
    assert process.stdin is not None
    assert process.stdout is not None
    watch = threading.Timer(limits.DECODE_SECONDS, process.kill)
    watch.start()
    try:
        process.stdin.write(request)
        process.stdin.write(data)
        process.stdin.flush()
        head = process.stdout.read(worker.ANSWER.size)
        if len(head) < worker.ANSWER.size:
            return None
        verdict, width, height, length = worker.ANSWER.unpack(head)
        if verdict == worker.DECODED:
            # A decoder that was taken over by its image may answer anything.
            honest = length == prod(expected) and {width, height} == set(expected[:2])
        else:
            honest = length == 0
        if not honest:
            return None
        pixels = process.stdout.read(length)
        return (verdict, (height, width), pixels) if len(pixels) == length else None
    except BrokenPipeError:
        return None
    finally:
        watch.cancel()


POOL = Pool(limits.DECODERS_MAX)
