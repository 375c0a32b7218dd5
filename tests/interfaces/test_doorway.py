"""What both doors have in common, where it needs no call."""

from __future__ import annotations

import subprocess
import sys

SIGNALS = 20_000
"""A handler that takes the lock of what is waited for gets stuck within so many in every second
run."""

SECONDS = 60.0
"""A run takes two."""

PROGRAM = f"""
import os, signal, threading
from interfaces.doorway import Ending

ending, wanted = Ending(), threading.Semaphore(0)

def send():
    while True:
        wanted.acquire()
        os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=send, daemon=True).start()
for _ in range({SIGNALS}):
    wanted.release()
    ending.wait()
"""


def test_a_signal_ends_a_server_whenever_it_comes() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], timeout=SECONDS, check=True)


ANOTHER = """
import os, signal, threading
from interfaces.doorway import Ending

ending, sent = Ending(), threading.Event()
signal.signal(signal.SIGUSR1, lambda *_: None)
os.kill(os.getpid(), signal.SIGUSR1)

def send():
    sent.set()
    os.kill(os.getpid(), signal.SIGTERM)

threading.Timer(0.3, send).start()
ending.wait()
print(sent.is_set())
"""


def test_a_signal_that_something_else_handles_ends_no_server() -> None:
    program = [sys.executable, "-c", ANOTHER]
    done = subprocess.run(program, timeout=SECONDS, check=True, capture_output=True, text=True)
    assert done.stdout == "True\n"
