"""Decoders die and hang in a process of their own, and only there."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from interfaces.formats import FormatRefused, decoding, images, limits, worker
from interfaces.formats.decoding import Pool
from interfaces.formats.headers import Container, Header

Grey = NDArray[np.uint8]
Encoder = Callable[..., bytes]


def impostor(script: str) -> Callable[[], subprocess.Popen[bytes]]:
    """Starts a decoder process that does what the script says instead of decoding."""

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-I", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    return start


def answering(verdict: int, width: int, height: int, length: int) -> str:
    """Script that reads one request of our test image and answers with these numbers."""
    packed = worker.ANSWER.pack(verdict, width, height, length)
    return (
        "import sys; head = sys.stdin.buffer.read(21); "
        "sys.stdin.buffer.read(int.from_bytes(head[-4:], 'big')); "
        f"sys.stdout.buffer.write({packed!r} + bytes({min(length, 2**20)})); "
        "sys.stdout.flush(); sys.stdin.buffer.read()"
    )


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Pool:
    """A pool of one process, so that each test knows which one answers."""
    single = Pool(1)
    monkeypatch.setattr(decoding, "POOL", single)
    return single


@pytest.mark.parametrize(
    "script",
    [
        "import os; os.abort()",
        "import os, sys; sys.stdin.buffer.read(21); os.kill(os.getpid(), 11)",
        answering(worker.DECODED, 128, 160, 7),
        answering(worker.DECODED, 128, 160, 2**32 - 1),
        answering(worker.DECODED, 64, 320, 128 * 160),
        answering(worker.REFUSED, 0, 0, 2**31),
    ],
    ids=["aborts", "segfaults", "too short", "too long", "other sides", "refuses at length"],
)
@pytest.mark.usefixtures("pool")
def test_a_decoder_that_dies_or_lies_costs_one_refusal(
    ridges: Grey, encoded: Encoder, *, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encoded(ridges, "PNG")
    header = images.inspect(data)
    with monkeypatch.context() as patched:
        patched.setattr(decoding, "start", impostor(script))
        with pytest.raises(FormatRefused, match="Q04 FORMAT"):
            decoding.decode(data, header, colour=False)
    np.testing.assert_array_equal(decoding.decode(data, header, colour=False), ridges)


@pytest.mark.usefixtures("pool")
def test_a_decoder_that_hangs_is_stopped(
    ridges: Grey, encoded: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DECODE_SECONDS", 0.3)
    data = encoded(ridges, "PNG")
    with monkeypatch.context() as patched:
        patched.setattr(decoding, "start", impostor("import time; time.sleep(60)"))
        started = time.monotonic()
        with pytest.raises(FormatRefused, match="gives up"):
            decoding.decode(data, images.inspect(data), colour=False)
        assert time.monotonic() - started < 20
    monkeypatch.setattr(limits, "DECODE_SECONDS", 20.0)
    assert decoding.decode(data, images.inspect(data), colour=False).shape == ridges.shape


@pytest.mark.usefixtures("pool")
def test_one_process_serves_many_images_and_threads(ridges: Grey, encoded: Encoder) -> None:
    data = {name: encoded(ridges, name) for name in ("PNG", "WSQ", "BMP")}
    shapes: list[tuple[int, ...]] = []

    def work(name: str) -> None:
        pixels = decoding.decode(data[name], images.inspect(data[name]), colour=name == "PNG")
        shapes.append(pixels.shape)

    threads = [threading.Thread(target=work, args=(name,)) for name in data for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shapes.count((160, 128)) == 8
    assert shapes.count((160, 128, 3)) == 4


def test_a_header_that_differs_from_the_decoded_size_is_refused(
    ridges: Grey, encoded: Encoder
) -> None:
    header = Header(Container.PNG, 160, 128, None)
    with pytest.raises(FormatRefused, match="another size"):
        decoding.decode(encoded(ridges, "PNG"), header, colour=False)


def test_the_decoder_process_cannot_write_files() -> None:
    """Its file size limit is zero and its memory is bounded."""
    process = decoding.start()
    try:
        with open(f"/proc/{process.pid}/limits") as table:
            # The limits are set once Python is up; the first answer proves that it is.
            decoding.ask(process, worker.REQUEST.pack(b"PNG", False, 64, 64, 1), b"x", (64, 64, 1))
            text = table.read()
    finally:
        decoding.stop(process)
    rows = {line[:26].strip(): line[26:].split() for line in text.splitlines()}
    assert rows["Max file size"][0] == "0"
    assert rows["Max core file size"][0] == "0"
    assert int(rows["Max address space"][0]) == limits.DECODER_MEMORY_BYTES
