"""A replica's end of its line: it listens for whoever holds the key, and answers many at a time.

The key comes to both over Ray, which therefore says who may speak here: nothing that is read from
a stranger is ever unpacked. There is one line; when it ends, all that was asked is given up.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from traceback import extract_tb
from typing import NamedTuple

from matcher.errors import Malformed
from matcher.sealing import (
    GREETING,
    GREETING_BYTES,
    MOST_BYTES,
    Address,
    Inbox,
    Seal,
    draw_key,
)

OPEN_SECONDS = 60.0
"""How long a replica waits for its caller, who connects at once; a loaded machine takes seconds."""

GREET_SECONDS = 2.0
"""How long one who has connected may take to prove to be the caller, while nobody else can."""

SEARCH_SLOTS = 64
"""Threads, and so steps of searches at a time; the gallery merges them into batches of 32."""

ANSWERED, FAILED = b"\x00", b"\x01"
"""How the payload of an answer begins: the answer follows, or the class of what was raised."""

PIECE_BYTES = 2**16
"""Read at a time: more than a question, which is 80 kB with the minutiae of ten fingers."""

MOST_ANSWER_BYTES = MOST_BYTES - GREETING_BYTES
"""What a frame holds beside its length, ticket, tag and how an answer begins, and a little less."""

ALIVE_SECONDS = 5, 5, 3
"""A silent line is looked at after 5 s and every 5 s then, and ends where three looks bring
nothing: its machine is gone without a word, or something on the way forgot the line."""

UNTAKEN_MS = 10_000
"""A line ends where nobody confirms for 10 s what was sent: without that, looking at silent lines
does not help while something is under way, and the system sends it again for a quarter of an hour.
Confirming is the system's work, so a busy replica is not lost by it, but a stopped one is that has
not taken what its buffers cannot hold."""

log = logging.getLogger(__name__)

Answering = Callable[[bytes, Callable[[], bool]], bytes]
"""Answers a question; asks the second now and then whether nobody waits any more."""


class _Asked(NamedTuple):
    """A question that came. over: not empty once nobody waits for an answer."""

    ticket: int
    question: bytes
    over: list[bool]

    def is_over(self) -> bool:
        """Whether nobody waits."""
        return bool(self.over)


class Failed(NamedTuple):
    """What comes back where answering has failed. kind: the class of what was raised; its text
    stays where it is, since it may quote what was asked."""

    kind: str


class Listener:
    """Listens from the start on. host: address of this machine. answer: called by many threads;
    what it raises is told to whoever asked, and the line goes on: it may be the question's fault,
    which would end one replica after the other."""

    def __init__(self, host: str, answer: Answering) -> None:
        self._answer, self._key = answer, draw_key()
        self._server = socket.create_server((host, 0))
        self.address = Address(host, self._server.getsockname()[1], self._key)
        self._open: dict[int, _Asked] = {}
        # Not a pool: its bookkeeping takes longer than to hand a question over.
        self._waiting: SimpleQueue[_Asked | None] = SimpleQueue()
        self._sending = threading.Lock()
        threading.Thread(target=self._run, name="line", daemon=True).start()

    def _run(self) -> None:
        """Wait for the caller, then answer until the line ends."""
        try:
            with self._server:
                line, seal = self._await_caller()
        except TimeoutError:
            log.warning("a replica listened, and its caller did not come")
            return
        threads = [
            threading.Thread(target=self._serve, args=(line, seal), name="step", daemon=True)
            for _ in range(SEARCH_SLOTS)
        ]
        for thread in threads:
            thread.start()
        try:
            self._read(line, seal)
        except (OSError, Malformed) as error:
            log.warning("a line ended: %s", type(error).__name__)
        for asked in list(self._open.values()):
            asked.over.append(True)
        for _ in threads:
            self._waiting.put(None)
        for thread in threads:
            thread.join()
        line.close()

    def _await_caller(self) -> tuple[socket.socket, Seal]:
        """The line of the first who proves to hold the key; TimeoutError where none does."""
        until = time.monotonic() + OPEN_SECONDS
        while True:
            self._server.settimeout(max(0.001, until - time.monotonic()))
            line, _ = self._server.accept()
            seal = Seal(self._key, asking=False)
            try:
                seal.open(read_greeting(line, GREET_SECONDS))
                line.sendall(seal.close(GREETING, b""))
                line.settimeout(None)
                tune(line)
            except (OSError, Malformed):
                log.warning("somebody without the key has connected to a replica")
                line.close()
                continue
            return line, seal

    def _read(self, line: socket.socket, seal: Seal) -> None:
        """Take questions until the line ends. An empty one gives up what was asked before."""
        inbox = Inbox()
        while piece := line.recv(PIECE_BYTES):
            for frame in inbox.feed(piece):
                ticket, question = seal.open(frame)
                if question:
                    self._open[ticket] = asked = _Asked(ticket, question, [])
                    self._waiting.put(asked)
                elif (given_up := self._open.get(ticket)) is not None:
                    given_up.over.append(True)

    def _serve(self, line: socket.socket, seal: Seal) -> None:
        """Answer one question after the other, beside other threads."""
        while (asked := self._waiting.get()) is not None:
            said = self._find_out(asked)
            try:
                with self._sending:
                    line.sendall(seal.close(asked.ticket, said))
            except OSError as error:
                log.warning("an answer was not taken: %s", type(error).__name__)
                with suppress(OSError):  # It has ended already.
                    line.shutdown(socket.SHUT_RDWR)
            finally:
                del self._open[asked.ticket]

    def _find_out(self, asked: _Asked) -> bytes:
        """The payload of an answer, whatever comes of the question."""
        try:
            answer = self._answer(asked.question, asked.is_over)
            if len(answer) > MOST_ANSWER_BYTES:
                raise ValueError(f"an answer is {MOST_ANSWER_BYTES} bytes long at most")
        except Exception as error:  # noqa: BLE001 - the caller is told of it
            # Its class and place say enough; its text may quote what was asked.
            kind, place = type(error).__name__, extract_tb(error.__traceback__)[-1]
            log.warning("an answer failed: %s in %s, line %s", kind, place.name, place.lineno)
            return FAILED + kind.encode()
        return ANSWERED + answer


def read_greeting(line: socket.socket, seconds: float) -> bytes:
    """The frame without a payload that comes first; TimeoutError where it is late, Malformed where
    another comes."""
    inbox, until = Inbox(), time.monotonic() + seconds
    while True:
        line.settimeout(max(0.001, until - time.monotonic()))
        # No further, since questions follow.
        piece = line.recv(GREETING_BYTES)
        if not piece:
            raise Malformed("a line ended before its greeting")
        if frames := inbox.feed(piece):
            return frames[0]
        if time.monotonic() > until:
            raise TimeoutError("a greeting is late")


def read_answer(payload: bytes) -> bytes | Failed:
    """What a replica says to a question; Malformed where it is neither answer nor failure."""
    if payload[:1] == ANSWERED:
        return payload[1:]
    if payload[:1] != FAILED:
        raise Malformed("a replica says neither an answer nor that it has none")
    return Failed(payload[1:].decode(errors="replace"))


def tune(line: socket.socket) -> None:
    """Send short frames at once, and notice a machine that is gone."""
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    after, every, tries = ALIVE_SECONDS
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, after)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, every)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, tries)
    # Not every system has it; there a line that was forgotten ends as its own retries do.
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNTAKEN_MS)
