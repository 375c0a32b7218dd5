"""The lock that keeps a second process off the folder of a stand-in."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import BinaryIO


class LedgerInUse(OSError):
    """Another process works on the ledger."""


def lock(path: Path) -> BinaryIO:
    """Hold the folder until the file is closed or the process ends; LedgerInUse when it is held.

    What another process wrote would be missing in our gallery.
    """
    held = path.open("ab")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        raise LedgerInUse(f"another process works on {path.parent}") from None
    return held
