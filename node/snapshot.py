"""The gallery on disk, sealed, so that a start need not open every reference of the store.

One file holds one segment of the gallery, a thousand persons at most, sealed with a key drawn for
this file alone. All keys lie in one manifest, sealed under a key of the vault and replaced as a
whole. So the content of a segment is destroyed by a manifest without its key: that is written when
someone leaves a segment, before the erasure is answered, and the segment anew with the next round.
A file that is torn, altered or not there costs the time to read its persons from the store.
"""

from __future__ import annotations

import errno
import json
import logging
import mmap
import os
import secrets
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from matcher.errors import Malformed
from matcher.gallery import Gallery
from matcher.persons import Persons
from matcher.segments import LAYOUT, Mark, Outline, Segment, decode
from node.errors import SealBroken
from node.store.transaction import THE_NODE
from node.vault import KEY_BYTES, Place, seal, unseal, unseal_into

FOLDER = "snapshot"
"""Below the data folder."""

MANIFEST = "manifest"

SEGMENTS_AT_ONCE = 8
"""Written in one step: some 40 MB, a second of a slow disk, while sweeps and health wait."""

_NAME_BYTES = 16
"""Of a file's random name; a name is never used twice."""

_FILE_MODE = 0o600
_FOLDER_MODE = 0o700

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A segment on disk: its file, the key of this file alone, and the mark that it had."""

    name: str
    key: bytes
    mark: Mark


class _Rooms(threading.local):
    """What a thread reads into, again and again."""

    def __init__(self) -> None:
        self.sealed, self.plain = _Room(), _Room()


class _Room:
    """Memory that grows, of whole pages; what was taken of it before stays whole then."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)

    def take(self, length: int) -> memoryview:
        """So many bytes or some more, over whatever lay there."""
        pages = -(-length // mmap.PAGESIZE) * mmap.PAGESIZE
        if len(self._memory) < pages:
            self._memory = mmap.mmap(-1, pages)
        return memoryview(self._memory)[:pages]


class Snapshot:
    """The segments of one gallery in one folder. Thread-safe; a folder has one at a time."""

    def __init__(self, folder: Path, key: bytes) -> None:
        """key: seals the manifest. Makes the folder unless it is there; raises OSError."""
        self._folder, self._key = folder, key
        self._kept: dict[int, _Kept] = {}
        self._unfinished: set[str] = set()
        self._lock = threading.Lock()
        folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)

    def open(self) -> Gallery:
        """A gallery of what can be read here, empty where nothing can; never raises for content.

        Whoever asks proves it against the store, and brings in or takes out what is different.
        """
        gallery = Gallery()
        try:
            outline, entries = self._read_manifest()
            rooms = _Rooms()
            openers = [partial(self._read_segment, rooms, *entry) for entry in entries.items()]
            marks = gallery.restore(outline, openers)
        except FileNotFoundError:
            return gallery
        except (OSError, SealBroken, Malformed, ValueError) as error:
            log.warning("the snapshot cannot be used: %s", type(error).__name__)
            self.discard()
            return Gallery()
        with self._lock:
            self._kept = {
                number: _Kept(name, key, marks[number])
                for number, (name, key) in entries.items()
                if number in marks
            }
            if len(self._kept) < len(entries):
                # An erasure would not find what could not be read: its keys go now.
                self._lose_keys(gallery.outline())
        return gallery

    def list_dirty(self, gallery: Persons) -> list[int]:
        """Segments that changed since they were written, or never were."""
        with self._lock:
            kept = {number: one.mark for number, one in self._kept.items()}
        return [number for number, mark in gallery.marks().items() if kept.get(number) != mark]

    def write(self, gallery: Persons, numbers: list[int]) -> None:
        """Write some segments anew and then the manifest; what lay there counts until then."""
        for number in numbers:
            segment, mark = gallery.copy_segment(number)
            name, key = secrets.token_hex(_NAME_BYTES), secrets.token_bytes(KEY_BYTES)
            with self._lock:
                self._unfinished.add(name)
            try:
                _write_file(self._folder / name, seal(key, segment.encode(), _place(name)))
            except OSError:
                with self._lock:
                    self._unfinished.discard(name)
                # On a full disk a torn file would take what the store needs.
                (self._folder / name).unlink(missing_ok=True)
                raise
            with self._lock:
                # Who left meanwhile is in the copy, and whoever erased looked before it was kept.
                if gallery.marks()[number].departures == mark.departures:
                    self._kept[number] = _Kept(name, key, mark)
                self._unfinished.discard(name)
        with self._lock:
            self._write_manifest(gallery.outline())

    def expire(self, gallery: Persons) -> None:
        """Destroy the keys of all segments that somebody left since they were written."""
        with self._lock:
            marks = gallery.marks()
            left = [
                number
                for number, one in self._kept.items()
                if number not in marks or marks[number].departures != one.mark.departures
            ]
            if not left:
                return
            for number in left:
                del self._kept[number]
            self._lose_keys(gallery.outline())

    def discard(self) -> None:
        """Destroy all that lies here; a full disk has room for that."""
        with self._lock:
            self._destroy_manifest()

    def _lose_keys(self, outline: Outline) -> None:
        """Write a manifest without the keys that are not kept any more, or lose all of them."""
        try:
            self._write_manifest(outline)
        except OSError as error:
            log.warning("no manifest can be written, the snapshot goes: %s", error.strerror)
            self._destroy_manifest()

    def _destroy_manifest(self) -> None:
        """Lose every key; all segments are written anew with the next rounds."""
        self._kept = {}
        for path in (self._folder / MANIFEST, self._folder / f"{MANIFEST}.new"):
            if path.exists():
                with path.open("r+b") as file:
                    _overwrite(file.fileno())
                path.unlink()
        _sync_folder(self._folder)
        self._remove_unnamed()

    def _read_manifest(self) -> tuple[Outline, dict[int, tuple[str, bytes]]]:
        sealed = (self._folder / MANIFEST).read_bytes()
        told = json.loads(unseal(self._key, sealed, _place(MANIFEST)))
        try:
            if told["layout"] != LAYOUT.hex():
                raise Malformed("the segments are of another layout")
            kinds, *rest = told["outline"]
            entries = {number: (name, bytes.fromhex(key)) for number, name, key in told["segments"]}
            return Outline(tuple(kinds), *rest), entries
        except (KeyError, TypeError) as error:
            raise Malformed("not a manifest of this program") from error

    def _read_segment(
        self, rooms: _Rooms, number: int, kept: tuple[str, bytes]
    ) -> tuple[Segment, bytes] | None:
        """A segment and its digest, or None; it lies in the thread's room until the next call."""
        name, key = kept
        try:
            sealed = _read_file(self._folder / name, rooms.sealed)
            room = rooms.plain.take(len(sealed))
            return decode(unseal_into(key, sealed, _place(name), room))
        except (OSError, SealBroken, Malformed) as error:
            log.warning(
                "segment %d of the snapshot is damaged (%s); the store has its persons",
                *(number, type(error).__name__),
            )
            return None

    def _write_manifest(self, outline: Outline) -> None:
        """Replace the manifest, overwrite the old one and remove the files that none names."""
        content = {
            "layout": LAYOUT.hex(),
            "outline": [
                *(list(outline.kinds), outline.finger_model, outline.vector_model),
                *(outline.face_model, outline.face_dimensions),
            ],
            "segments": [[number, one.name, one.key.hex()] for number, one in self._kept.items()],
        }
        path, fresh = self._folder / MANIFEST, self._folder / f"{MANIFEST}.new"
        old = path.open("r+b") if path.exists() else None
        _write_file(fresh, seal(self._key, json.dumps(content).encode(), _place(MANIFEST)))
        fresh.replace(path)
        _sync_folder(self._folder)
        if old is not None:
            _overwrite(old.fileno())
            old.close()
        self._remove_unnamed()

    def _remove_unnamed(self) -> None:
        named = {MANIFEST, *self._unfinished, *(one.name for one in self._kept.values())}
        for file in self._folder.iterdir():
            if file.name not in named:
                file.unlink()


def _place(name: str) -> Place:
    return Place(THE_NODE, FOLDER, "content", name)


def _read_file(path: Path, room: _Room) -> memoryview:
    """A file's content in a room, past the system's own copies, which nobody would read again."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECT)
    except OSError as error:
        if error.errno != errno.EINVAL:  # Some file systems know no direct reads.
            raise
        descriptor = os.open(path, os.O_RDONLY)
    try:
        content = room.take(os.fstat(descriptor).st_size)
        return content[: os.readv(descriptor, [content])]
    finally:
        os.close(descriptor)


def _write_file(path: Path, content: bytes) -> None:
    """Write a file so that it is whole on the disk before anything else names it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _overwrite(descriptor: int) -> None:
    """Lay zeros over a file that has no name any more: file systems leave its blocks as they are.

    Those that write every block elsewhere (copy on write) do so here too; they need a disk that is
    encrypted, or the vault's key on another one.
    """
    os.pwrite(descriptor, bytes(os.fstat(descriptor).st_size), 0)
    os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
