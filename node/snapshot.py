"""The gallery on disk, sealed, so that a start need not open every reference of the store.

One file holds one segment of the gallery, a thousand persons at most, sealed with a key drawn for
this file alone: first all but the minutiae, which is what a start reads, then those in pages, each
sealed by itself, so that a search can read those of a few persons from here.

All keys lie in one manifest, sealed under a key of the vault and replaced as a whole. So the
content of a segment is destroyed by a manifest without its key: that is written when someone leaves
a segment, before the erasure is answered, and the segment anew with the next round. A file that is
torn, altered or not there costs the time to read its persons from the store.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher.deposit import Lengths, Words, lay_out, list_pages, measure_pages, read_page
from matcher.errors import Malformed
from matcher.gallery import Gallery
from matcher.persons import Persons
from matcher.segments import LAYOUT, Mark, Outline, Segment, decode
from matcher.vocabulary import Reference
from node.errors import NodeError, SealBroken
from node.files import Rooms, overwrite, read_at, read_head, sync_folder, write_file
from node.store.transaction import THE_NODE
from node.vault import KEY_BYTES, SEAL_BYTES, Place, seal, unseal, unseal_into

FOLDER = "snapshot"
"""Below the data folder."""

MANIFEST = "manifest"

SEGMENTS_AT_ONCE = 8
"""Written in one step: some 40 MB, a second of a slow disk, while sweeps and health wait."""

PAGES_ONE_BY_ONE = 8
"""Pages of a segment beyond which all between the first and the last are read in one go: a disk
gives so many at once in the time in which it finds another."""

_NAME_BYTES = 16
"""Of a file's random name; a name is never used twice."""

_FOLDER_MODE = 0o700

Source = Callable[[list[int]], Iterable[tuple[int, Reference]]]
"""Reads persons, those of some ids who are there, from the store; several threads may."""

log = logging.getLogger(__name__)


_Entry = tuple[str, bytes, int]
"""What the manifest says of a segment: name and key of the file, bytes of its head."""


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """A segment on disk: its file, the key of this file alone, and the mark that it had.

    starts: int64, where each page begins, and in the end how long the file is.
    """

    name: str
    key: bytes
    mark: Mark
    starts: NDArray[np.int64]

    @property
    def head_bytes(self) -> int:
        """Bytes before the pages."""
        return int(self.starts[0])


class Snapshot:
    """The segments of one gallery in one folder. Thread-safe; a folder has one at a time."""

    def __init__(
        self,
        folder: Path,
        key: bytes,
        source: Source,
        *,
        dozing: bool = False,
        scratch: Path | None = None,
    ) -> None:
        """Makes the folder unless it is there; raises OSError.

        key: seals the manifest. source: reads from the store those whose minutiae are damaged here.
        dozing: whether the minutiae of segments that are written are left to the disk. scratch:
        where the fine codes of its galleries lie, None for memory.
        """
        self._folder, self._key, self._source = folder, key, source
        self._scratch = scratch
        self.dozing = dozing
        self._kept: dict[int, _Kept] = {}
        self._damaged: set[int] = set()
        self._unfinished: set[str] = set()
        self._lock = threading.Lock()
        folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)

    def make_gallery(self) -> Gallery:
        """An empty gallery that finds its minutiae here."""
        return Gallery(deposit=self, scratch=self._scratch)

    def open(self) -> Gallery:
        """A gallery of what can be read here, empty where nothing can; never raises for content.

        Its minutiae stay here until they are woken. Whoever asks proves it against the store, and
        brings in or takes out what is different.
        """
        gallery, starts = self.make_gallery(), dict[int, NDArray[np.int64]]()
        try:
            outline, entries = self._read_manifest()
            rooms = Rooms()
            openers = [partial(self._open, rooms, starts, *one) for one in entries.items()]
            marks = gallery.restore(outline, openers)
        except FileNotFoundError:
            return gallery
        except (OSError, SealBroken, Malformed, ValueError) as error:
            log.warning("the snapshot cannot be used: %s", type(error).__name__)
            self.discard()
            return self.make_gallery()
        with self._lock:
            self._kept = {
                number: _Kept(name, key, mark, starts[number])
                for number, mark in marks.items()
                for name, key, _ in [entries[number]]
            }
            if len(self._kept) < len(entries):
                # An erasure would not find what could not be read: its keys go now.
                self._lose_keys(gallery.outline())
        return gallery

    def list_dirty(self, gallery: Persons) -> list[int]:
        """Segments that changed since they were written, or never were."""
        with self._lock:
            kept = {
                number: one.mark
                for number, one in self._kept.items()
                if number not in self._damaged
            }
        return [number for number, mark in gallery.marks().items() if kept.get(number) != mark]

    def read(
        self, number: int, places: NDArray[np.int64], ids: NDArray[np.int64]
    ) -> tuple[Lengths, Words]:
        """Minutiae of some places of a segment, see Deposit.read(); takes no lock.

        What is damaged is logged, read from the store, and written anew with the next round.
        """
        while (kept := self._kept.get(number)) is not None:
            try:
                return self._read_pages(kept, places)
            except (OSError, SealBroken, Malformed) as error:
                if self._kept.get(number) is kept:
                    log.warning(
                        "minutiae of segment %d are damaged (%s) and read from the store",
                        *(number, type(error).__name__),
                    )
                    self._damaged.add(number)
                    break
        return lay_out(dict(self._source(ids.tolist())), ids)

    def _read_pages(self, kept: _Kept, places: NDArray[np.int64]) -> tuple[Lengths, Words]:
        """All pages of a file in one go where more than a few are wanted."""
        wanted = list_pages(places)
        first, last = wanted[0][0], wanted[-1][0]
        many = len(wanted) > PAGES_ONE_BY_ONE
        lengths, words = [], []
        with (self._folder / kept.name).open("rb", buffering=0) as file:
            begin = int(kept.starts[first])
            end = int(kept.starts[last + 1])
            whole = read_at(file.fileno(), begin, end) if many else b""
            for page, part in wanted:
                start, end = kept.starts[page : page + 2].tolist()
                sealed = whole[start - begin : end - begin]
                if not many:
                    sealed = read_at(file.fileno(), start, end)
                plain = unseal(kept.key, sealed, _page(kept.name, page))
                found = read_page(plain, part)
                lengths.append(found[0])
                words.append(found[1])
        return np.concatenate(lengths), np.concatenate(words)

    def write(self, gallery: Persons, numbers: list[int]) -> None:
        """Write some segments anew and then the manifest; what lay there counts until then."""
        for number in numbers:
            segment, mark = gallery.copy_segment(number)
            name, key = secrets.token_hex(_NAME_BYTES), secrets.token_bytes(KEY_BYTES)
            with self._lock:
                self._unfinished.add(name)
            pieces = [seal(key, segment.encode(), _place(name))]
            pieces += [seal(key, one, _page(name, at)) for at, one in enumerate(segment.pages())]
            starts = np.cumsum([len(piece) for piece in pieces])
            try:
                write_file(self._folder / name, b"".join(pieces))
            except OSError:
                with self._lock:
                    self._unfinished.discard(name)
                # On a full disk a torn file would take what the store needs.
                (self._folder / name).unlink(missing_ok=True)
                raise
            with self._lock:
                # Who left since is in the copy, and expire() may have looked before it was kept.
                if gallery.marks()[number].departures == mark.departures:
                    self._kept[number] = _Kept(name, key, mark, starts)
                    self._damaged.discard(number)
                self._unfinished.discard(name)
        with self._lock:
            self._write_manifest(gallery.outline())
        # Only now is there a file that a start after a power cut would find.
        self.lay_down(gallery)

    def lay_down(self, gallery: Persons) -> None:
        """Leave all minutiae that are written to the disk, where that is wanted."""
        if not self.dozing:
            return
        asleep = set(gallery.asleep())
        with self._lock:
            awake = {number: one.mark for number, one in self._kept.items() if number not in asleep}
        for number, mark in awake.items():
            gallery.doze(number, mark)

    def expire(self, gallery: Persons) -> None:
        """Destroy the keys of all segments that somebody left since they were written.

        Whoever stays in them has his minutiae in memory before.
        """
        with self._lock:
            left = self._list_left(gallery)
        for number in left:
            try:
                gallery.wake(number)
            except NodeError as error:
                # The key goes all the same; whoever stays is read from the store when wanted.
                log.warning("segment %d could not be read: %s", number, type(error).__name__)
        with self._lock:
            # Some may have been written anew meanwhile.
            gone = set(left).intersection(self._list_left(gallery))
            for number in gone:
                del self._kept[number]
            if gone:
                self._lose_keys(gallery.outline())

    def _list_left(self, gallery: Persons) -> list[int]:
        marks = gallery.marks()
        return [
            number
            for number, one in self._kept.items()
            if number not in marks or marks[number].departures != one.mark.departures
        ]

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
            _destroy(path)
        sync_folder(self._folder)
        self._remove_unnamed()

    def _read_manifest(self) -> tuple[Outline, dict[int, _Entry]]:
        sealed = (self._folder / MANIFEST).read_bytes()
        told = json.loads(unseal(self._key, sealed, _place(MANIFEST)))
        try:
            if told["layout"] != LAYOUT.hex():
                raise Malformed("the segments are of another layout")
            kinds, *rest = told["outline"]
            entries = {
                number: (name, bytes.fromhex(key), int(head))
                for number, name, key, head in told["segments"]
            }
            return Outline(tuple(kinds), *rest), entries
        except (KeyError, TypeError) as error:
            raise Malformed("not a manifest of this program") from error

    def _open(
        self, rooms: Rooms, starts: dict[int, NDArray[np.int64]], number: int, entry: _Entry
    ) -> tuple[Segment, bytes] | None:
        """A segment and its digest, or None; it lies in the thread's room until the next call.

        starts: where to note where its pages begin.
        """
        name, key, head_bytes = entry
        try:
            sealed, size = read_head(self._folder / name, head_bytes, rooms.sealed)
            room = rooms.plain.take(len(sealed))
            segment, digest = decode(unseal_into(key, sealed, _place(name), room))
            pages = np.concatenate([[head_bytes], SEAL_BYTES + measure_pages(segment.lengths)])
            starts[number] = np.cumsum(pages)
            if starts[number][-1] != size:
                raise Malformed("a segment's file is not as long as it says")
        except (OSError, SealBroken, Malformed) as error:
            log.warning(
                "segment %d of the snapshot is damaged (%s); the store has its persons",
                *(number, type(error).__name__),
            )
            return None
        return segment, digest

    def _write_manifest(self, outline: Outline) -> None:
        """Replace the manifest, overwrite the old one and remove the files that none names."""
        content = {
            "layout": LAYOUT.hex(),
            "outline": [
                *(list(outline.kinds), outline.finger_model, outline.vector_model),
                *(outline.face_model, outline.face_dimensions),
            ],
            "segments": [
                [number, one.name, one.key.hex(), one.head_bytes]
                for number, one in self._kept.items()
            ],
        }
        path, fresh = self._folder / MANIFEST, self._folder / f"{MANIFEST}.new"
        sealed = seal(self._key, json.dumps(content).encode(), _place(MANIFEST))
        with ExitStack() as opened:
            old = opened.enter_context(path.open("r+b")) if path.exists() else None
            try:
                write_file(fresh, sealed)
            except OSError:
                _destroy(fresh)
                raise
            fresh.replace(path)
            sync_folder(self._folder)
            if old is not None:
                overwrite(old.fileno())
        self._remove_unnamed()

    def _remove_unnamed(self) -> None:
        named = {MANIFEST, *self._unfinished, *(one.name for one in self._kept.values())}
        for file in self._folder.iterdir():
            if file.name not in named:
                # A write that failed removes its own.
                file.unlink(missing_ok=True)


def _destroy(path: Path) -> None:
    """Overwrite a file of keys and remove it, if it is there."""
    if path.exists():
        with path.open("r+b") as file:
            overwrite(file.fileno())
        path.unlink()


def _place(name: str) -> Place:
    return Place(THE_NODE, FOLDER, "content", name)


def _page(name: str, at: int) -> Place:
    return Place(THE_NODE, FOLDER, "minutiae", f"{name} {at}")
