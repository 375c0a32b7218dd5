"""Lines between a caller and its replicas, both in this process."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import SimpleQueue

import pytest

from matcher import lines as lines_module
from matcher import listening, sealing
from matcher.errors import Unreachable
from matcher.lines import Line, Lines
from matcher.listening import Failed, Listener
from matcher.sealing import GREETING, GREETING_BYTES, Address, Inbox, Seal, draw_key

SECONDS = 20.0
"""For what takes a millisecond on an idle machine."""

Heard = SimpleQueue[bytes | Failed | None]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Lines that are closed in the end, and leave no thread behind."""
    lines = Lines()
    yield lines
    # Once more does no harm.
    lines.close()
    lines.close()
    wait_for(lambda: not {"lines", "line", "step"} & {one.name for one in threading.enumerate()})


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < until, "what was waited for did not come to pass"
        time.sleep(0.002)


def echo(question: bytes, _: Callable[[], bool]) -> bytes:
    return question[::-1]


def put(line: Line, ticket: int, question: bytes) -> Heard:
    heard: Heard = SimpleQueue()
    line.ask(ticket, question, heard.put)
    return heard


def test_many_threads_get_their_own_answers(lines: Lines) -> None:
    lost: list[str] = []
    line = lines.open(Listener("127.0.0.1", echo).address, lost.append)
    wrong: list[int] = []

    def search(number: int) -> None:
        for ticket in range(number, 400, 8):
            # Some longer than what is read at a time.
            question = b"%d " % ticket * (30_000 if ticket % 50 == 0 else 9)
            if put(line, 1 + ticket, question).get(timeout=SECONDS) != question[::-1]:
                wrong.append(ticket)

    threads = [threading.Thread(target=search, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (wrong, lost) == ([], [])


def test_a_stranger_is_turned_away_and_hinders_nobody(
    lines: Lines, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listening, "GREET_SECONDS", 0.2)
    asked: list[bytes] = []

    def answer(question: bytes, _: Callable[[], bool]) -> bytes:
        asked.append(question)
        return b"answer"

    listener = Listener("127.0.0.1", answer)
    where = listener.address.host, listener.address.port
    # One says nothing, one something, one holds another key, one hangs up.
    silent, loud = socket.create_connection(where), socket.create_connection(where)
    loud.sendall(b"GET / HTTP/1.1\r\n\r\n" + bytes(100))
    with pytest.raises(Unreachable, match="no line to a replica"):
        lines.open(Address(*where, draw_key()), print)
    socket.create_connection(where).close()
    line = lines.open(listener.address, print)
    assert put(line, 1, b"question").get(timeout=SECONDS) == b"answer"
    assert asked == [b"question"]
    assert silent.recv(10) == b""
    assert "somebody without the key" in caplog.text
    # There is one line only.
    with pytest.raises(Unreachable):
        lines.open(listener.address, print)
    silent.close()
    loud.close()


def test_who_answers_hears_that_nobody_waits_any_more(lines: Lines) -> None:
    begun, ended = threading.Event(), threading.Event()

    def answer(question: bytes, over: Callable[[], bool]) -> bytes:
        begun.set()
        if question == b"long":
            wait_for(over)
            ended.set()
        return b"late"

    line = lines.open(Listener("127.0.0.1", answer).address, print)
    heard = put(line, 1, b"long")
    assert begun.wait(SECONDS)
    line.give_up(1)
    assert ended.wait(SECONDS)
    # Another is answered, and nobody hears what was given up.
    assert put(line, 2, b"short").get(timeout=SECONDS) == b"late"
    assert heard.empty()


def test_what_an_answer_fails_with_comes_back_and_the_line_goes_on(
    lines: Lines, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listening, "MOST_ANSWER_BYTES", 100)
    lost: list[str] = []
    waiting, go_on = threading.Event(), threading.Event()

    def answer(question: bytes, _: Callable[[], bool]) -> bytes:
        if question == b"fails":
            raise ArithmeticError("secret")
        if question == b"waits":
            waiting.set()
            assert go_on.wait(SECONDS)
        return bytes(101) if question == b"long" else question

    line = lines.open(Listener("127.0.0.1", answer).address, lost.append)
    beside = put(line, 1, b"waits")
    assert waiting.wait(SECONDS)
    assert put(line, 2, b"fails").get(timeout=SECONDS) == Failed("ArithmeticError")
    assert put(line, 3, b"long").get(timeout=SECONDS) == Failed("ValueError")
    assert put(line, 4, b"later").get(timeout=SECONDS) == b"later"
    go_on.set()
    assert beside.get(timeout=SECONDS) == b"waits"
    assert lost == []
    assert "an answer failed: ArithmeticError in answer, line " in caplog.text
    assert "secret" not in caplog.text


def test_a_line_that_ends_is_told_to_all_who_wait_once_and_to_who_asks_later(lines: Lines) -> None:
    lost: list[str] = []
    deaf = Deaf()
    line = lines.open(deaf.address, lost.append)
    heard = [put(line, ticket, b"question") for ticket in (1, 2)]
    assert len(deaf.read(2)) == 2
    deaf.close()
    assert [one.get(timeout=SECONDS) for one in heard] == [None, None]
    wait_for(lambda: lost == ["its line ended"])
    assert put(line, 3, b"later").get(timeout=SECONDS) is None
    line.give_up(3)
    line.close()
    assert lost == ["its line ended"]


def test_a_line_that_is_closed_is_not_lost(lines: Lines) -> None:
    lost: list[str] = []
    begun = threading.Event()

    def answer(_: bytes, over: Callable[[], bool]) -> bytes:
        begun.set()
        wait_for(over)
        return b""

    line = lines.open(Listener("127.0.0.1", answer).address, lost.append)
    heard = put(line, 1, b"question")
    assert begun.wait(SECONDS)
    line.close()
    assert heard.get(timeout=SECONDS) is None
    assert lost == []


class Deaf:
    """A replica that greets, and reads only when it is told to."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = Address("127.0.0.1", self._server.getsockname()[1], draw_key())
        self._seal = Seal(self.address.key, asking=False)
        self._thread = threading.Thread(target=self._greet)
        self._thread.start()

    def _greet(self) -> None:
        self.end, _ = self._server.accept()
        self._server.close()
        self._seal.open(listening.read_greeting(self.end, SECONDS))
        self.end.sendall(self._seal.close(GREETING, b""))

    def read(self, count: int) -> list[tuple[int, bytes]]:
        """So many frames."""
        self._thread.join()
        self.end.settimeout(SECONDS)
        inbox = Inbox()
        found: list[tuple[int, bytes]] = []
        while len(found) < count:
            found += [self._seal.open(frame) for frame in inbox.feed(self.end.recv(10_000))]
        return found

    def say(self, ticket: int, payload: bytes) -> None:
        """Send a frame."""
        self._thread.join()
        self.end.sendall(self._seal.close(ticket, payload))

    def close(self) -> None:
        self._thread.join()
        self.end.close()


def test_nobody_waits_for_a_replica_that_takes_nothing(lines: Lines) -> None:
    deaf = Deaf()
    line = lines.open(deaf.address, print)
    began = time.monotonic()
    # More than all sockets between the two hold.
    questions = [(ticket, bytes([ticket]) * 1_000_000) for ticket in range(1, 21)]
    heard = [put(line, *question) for question in questions]
    assert time.monotonic() - began < SECONDS / 4
    line.give_up(20)
    assert deaf.read(21) == [*questions, (20, b"")]
    deaf.close()
    assert [one.get(timeout=SECONDS) for one in heard[:-1]] == [None] * 19
    assert heard[-1].empty()


def test_a_question_that_is_too_long_is_refused_and_nobody_waits_for_it(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "MOST_BYTES", 1000)
    lost: list[str] = []
    line = lines.open(Listener("127.0.0.1", echo).address, lost.append)
    with pytest.raises(ValueError, match="1000 bytes long at most"):
        put(line, 1, bytes(1000))
    assert line._hearers == {}
    assert put(line, 2, b"short").get(timeout=SECONDS) == b"trohs"
    assert lost == []


def lose_by_silence(lines: Lines) -> str:
    """Ask a replica that takes nothing until its line ends, and return what is said of it."""
    lost: list[str] = []
    deaf = Deaf()
    line = lines.open(deaf.address, lost.append)
    heard = [put(line, ticket, bytes(1_000_000)) for ticket in range(1, 21)]
    assert [one.get(timeout=SECONDS) for one in heard] == [None] * 20
    wait_for(lambda: len(lost) == 1)
    deaf.close()
    return lost[0]


def test_a_replica_that_takes_nothing_for_long_is_lost(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines_module, "WAITING_BYTES", 1_000_000)
    assert lose_by_silence(lines) == "it takes nothing any more"


def test_an_answer_that_another_made_up_ends_the_line(lines: Lines) -> None:
    lost: list[str] = []
    deaf = Deaf()
    line = lines.open(deaf.address, lost.append)
    heard = put(line, 1, b"question")
    assert deaf.read(1) == [(1, b"question")]
    deaf.end.sendall(Seal(draw_key(), asking=False).close(1, b"forged"))
    assert heard.get(timeout=SECONDS) is None
    wait_for(lambda: lost == ["Malformed"])
    deaf.close()


def test_what_is_neither_an_answer_nor_a_failure_ends_the_line(lines: Lines) -> None:
    for payload in (b"", b"\x02answer"):
        deaf = Deaf()
        line = lines.open(deaf.address, print)
        heard = put(line, 1, b"question")
        deaf.say(1, payload)
        assert heard.get(timeout=SECONDS) is None
        deaf.close()


@pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 400 Bad Request" + bytes(20)], ids=str)
def test_who_does_not_greet_back_is_hung_up_on(
    greeting: bytes, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines_module, "CONNECT_SECONDS", 0.2)
    ends: list[socket.socket] = []

    def answer() -> None:
        ends.append(server.accept()[0])
        ends[0].sendall(greeting)

    with socket.create_server(("127.0.0.1", 0)) as server:
        greets = threading.Thread(target=answer)
        greets.start()
        # Held, since what nobody refers to any more would be closed anyhow.
        with pytest.raises(Unreachable, match="no line to a replica") as refused:
            lines.open(Address("127.0.0.1", server.getsockname()[1], draw_key()), print)
        greets.join()
    ends[0].settimeout(SECONDS)
    assert len(ends[0].recv(1000)) == GREETING_BYTES
    with suppress(ConnectionResetError):
        assert ends[0].recv(1000) == b""
    ends[0].close()
    assert refused.value.__cause__ is not None


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system does not have it")
def test_a_machine_that_takes_nothing_any_more_is_noticed(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "UNTAKEN_MS", 300)
    # Whichever the system says first.
    assert lose_by_silence(lines) in {"TimeoutError", "its line ended"}


def test_a_replica_nobody_connects_to_stops_listening(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "OPEN_SECONDS", 0.05)
    listener = Listener("127.0.0.1", echo)
    wait_for(lambda: "line" not in {one.name for one in threading.enumerate()})
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((listener.address.host, listener.address.port))
