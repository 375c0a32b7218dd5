"""Files that are whole on the disk or not there, and reading that leaves no copies behind."""

from __future__ import annotations

import errno
import mmap
import os
import threading
from pathlib import Path

_FILE_MODE = 0o600


class Rooms(threading.local):
    """What a thread reads into, again and again."""

    def __init__(self) -> None:
        self.sealed, self.plain = Room(), Room()


class Room:
    """Memory that grows, of whole pages; what was taken of it before stays whole then."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)

    def take(self, length: int) -> memoryview:
        """So many bytes or some more, over whatever lay there."""
        pages = -(-length // mmap.PAGESIZE) * mmap.PAGESIZE
        if len(self._memory) < pages:
            self._memory = mmap.mmap(-1, pages)
        return memoryview(self._memory)[:pages]


def read_at(descriptor: int, start: int, end: int) -> bytes:
    """Some bytes of a file; what it lacks at its end, no seal will open without."""
    return os.pread(descriptor, end - start, start)


def read_head(path: Path, length: int, room: Room) -> tuple[memoryview, int]:
    """The first bytes of a file in a room, and the bytes of the file.

    They go past the system's own copies, which nobody would read again.
    """
    try:
        return _read_head(path, length, room, os.O_DIRECT)
    except OSError as error:
        if error.errno != errno.EINVAL:  # Some file systems know no direct reads.
            raise
        return _read_head(path, length, room, 0)


def _read_head(path: Path, length: int, room: Room, flags: int) -> tuple[memoryview, int]:
    descriptor = os.open(path, os.O_RDONLY | flags)
    try:
        content = room.take(length)
        found = os.readv(descriptor, [content])
        return content[: min(found, length)], os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)


def write_file(path: Path, content: bytes) -> None:
    """Write a file so that it is whole on the disk before anything else names it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def overwrite(descriptor: int) -> None:
    """Lay zeros over a file that has no name any more: file systems leave its blocks as they are.

    Those that write every block elsewhere (copy on write) do so here too; they need a disk that is
    encrypted, or the vault's key on another one.
    """
    os.pwrite(descriptor, bytes(os.fstat(descriptor).st_size), 0)
    os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Have the names of a folder's files on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
