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
