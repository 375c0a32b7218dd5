"""A caller's ends of the lines to all replicas: questions leave at once, one thread reads answers.

    lines = Lines()
    line = lines.open(address, lost)
    line.ask(ticket, question, hear)

Ray places replicas, fills and ends them; the steps of a search do not go through it, since an
empty round of its calls to four actors takes longer than a search of a shard. Nobody waits for a
replica that takes nothing: what does not fit into its socket is sent as soon as there is room.
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack

from matcher.errors import Malformed, Unreachable
from matcher.listening import PIECE_BYTES, Failed, read_answer, read_greeting, tune
from matcher.sealing import GREETING, MOST_BYTES, Address, Inbox, Seal

CONNECT_SECONDS = 10.0
"""How long a replica may take to greet back: it listens already."""

WAITING_BYTES = 2 * MOST_BYTES
"""What may wait for a replica that takes nothing before its line ends: a thousand questions."""

log = logging.getLogger(__name__)

Hear = Callable[[bytes | Failed | None], object]
"""Is told what a replica answers or that it failed, None where its line has ended; must not block.
"""


class Line:
    """One line. Any thread may ask; only the thread of Lines reads and ends it.

    lost: called once with the reason where the line ends by itself, not where it is closed.
    """

    def __init__(
        self, lines: Lines, end: socket.socket, seal: Seal, lost: Callable[[str], object]
    ) -> None:
        self.end = end
        self._lines, self._seal, self._lost = lines, seal, lost
        self._inbox, self._outbox = Inbox(), bytearray()
        self._lock = threading.Lock()
        self._hearers: dict[int, Hear] = {}
        self._ended = False

    def ask(self, ticket: int, question: bytes, hear: Hear) -> None:
        """Put a question; hear is told what comes of it, maybe before this returns. ValueError
        for a question that is too long."""
        with self._lock:
            ended = self._ended
            if not ended:
                # First, since a question that is too long is refused.
                self._send(ticket, question)
                self._hearers[ticket] = hear
        if ended:
            hear(None)

    def give_up(self, ticket: int) -> None:
        """Tell the replica that nobody waits for an answer any more."""
        with self._lock:
            if self._hearers.pop(ticket, None) is not None and not self._ended:
                self._send(ticket, b"")

    def close(self) -> None:
        """End the line; whoever waits for an answer is told."""
        if not self._ended:
            self._lines.summon(lambda: self.finish(""))

    @property
    def events(self) -> int:
        """What the thread of Lines waits for."""
        waits = selectors.EVENT_WRITE if self._outbox else 0
        return selectors.EVENT_READ | waits

    def read(self) -> None:
        """Hand on the answers that came."""
        try:
            piece = self.end.recv(PIECE_BYTES)
            if not piece:
                self.finish("its line ended")
                return
            for frame in self._inbox.feed(piece):
                ticket, payload = self._seal.open(frame)
                said = read_answer(payload)
                with self._lock:
                    hear = self._hearers.pop(ticket, None)
                if hear is not None:
                    hear(said)
        except BlockingIOError:
            return
        except (OSError, Malformed) as error:
            self.finish(type(error).__name__)

    def write(self) -> None:
        """Send on what had to wait."""
        with self._lock:
            self._flush()
        self._lines.watch(self)

    def finish(self, why: str) -> None:
        """End the line, in the thread of Lines. why: empty where that is wanted."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
            hearers = list(self._hearers.values())
            self._hearers.clear()
            self._outbox.clear()
        self._lines.forget(self)
        self.end.close()
        for hear in hearers:
            hear(None)
        if why:
            self._tell(why)

    def _tell(self, why: str) -> None:
        try:
            self._lost(why)
        except Exception as error:  # noqa: BLE001 - other lines are read on, whatever comes of one
            log.warning("losing a replica failed: %s", type(error).__name__)

    def _send(self, ticket: int, payload: bytes) -> None:
        waited = bool(self._outbox)
        self._outbox += self._seal.close(ticket, payload)
        if not waited:
            self._flush()
        if len(self._outbox) > WAITING_BYTES:
            self._lines.summon(lambda: self.finish("it takes nothing any more"))
        elif self._outbox and not waited:
            self._lines.summon(lambda: self._lines.watch(self))

    def _flush(self) -> None:
        try:
            del self._outbox[: self.end.send(self._outbox)]
        except BlockingIOError:
            return
        except OSError as error:
            why = type(error).__name__
            self._lines.summon(lambda: self.finish(why))


class Lines:
    """All lines of one caller, and the thread that reads them."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._errands: deque[Callable[[], None]] = deque()
        self._open: set[Line] = set()
        self._closing = False
        # A byte in the one wakes the thread, which waits for the other as for a line.
        self._bell, self._ear = socket.socketpair()
        for one in (self._bell, self._ear):
            one.setblocking(False)
        self._selector.register(self._ear, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, name="lines", daemon=True)
        self._thread.start()

    def open(self, address: Address, lost: Callable[[str], object]) -> Line:
        """The line to a replica that listens; Unreachable where it does not greet back."""
        seal = Seal(address.key, asking=True)
        try:
            end = greet(address, seal)
        except (OSError, Malformed) as error:
            text = f"no line to a replica on {address.host}: {type(error).__name__}"
            raise Unreachable(text) from error
        line = Line(self, end, seal, lost)
        self.summon(lambda: self._enter(line))
        return line

    def close(self) -> None:
        """End all lines and the thread; nothing if that was done before."""
        if self._thread.is_alive():
            self.summon(self._finish)
            self._thread.join()

    def summon(self, errand: Callable[[], None]) -> None:
        """Have the thread run something that is quick."""
        self._errands.append(errand)
        try:
            self._bell.send(b"!")
        except BlockingIOError:
            # It is full of bells that wait to be heard.
            return

    def watch(self, line: Line) -> None:
        """Wait for what a line waits for now; in the thread."""
        if line in self._open:
            self._selector.modify(line.end, line.events, line)

    def forget(self, line: Line) -> None:
        """Wait for a line no more; in the thread."""
        if line in self._open:
            self._open.remove(line)
            self._selector.unregister(line.end)

    def _enter(self, line: Line) -> None:
        self._open.add(line)
        self._selector.register(line.end, line.events, line)

    def _finish(self) -> None:
        self._closing = True
        for line in list(self._open):
            line.finish("")

    def _run(self) -> None:
        while not self._closing:
            for key, events in self._selector.select():
                if key.data is None:
                    self._ear.recv(PIECE_BYTES)
                    continue
                if events & selectors.EVENT_WRITE:
                    key.data.write()
                if events & selectors.EVENT_READ:
                    key.data.read()
            while self._errands:
                self._errands.popleft()()
        self._selector.close()
        self._bell.close()
        self._ear.close()


def greet(address: Address, seal: Seal) -> socket.socket:
    """Connect to a replica and greet it; OSError or Malformed, and no connection, where it does not
    greet back."""
    with ExitStack() as opened:
        place = address.host, address.port
        end = opened.enter_context(socket.create_connection(place, CONNECT_SECONDS))
        end.sendall(seal.close(GREETING, b""))
        seal.open(read_greeting(end, CONNECT_SECONDS))
        end.setblocking(False)
        tune(end)
        opened.pop_all()
        return end
