"""A gallery in pieces that can be kept elsewhere: what a segment of rows holds, as plain arrays.

A segment is SEGMENT_ROWS neighbouring rows of one slab with everything that belongs to them. Put
back into an empty gallery, the persons have the same rows again, and every search the same answer.
As bytes a segment begins with LAYOUT, so that none is read by a program that codes differently.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher import codes, face_column, minutiae_column
from matcher.codes import COARSE_BLOCK, FINE_BLOCK, make_coarse, make_fine
from matcher.deposit import PAGE_ROWS, write_pages
from matcher.digest import hash_entry, write_sum
from matcher.errors import Malformed
from matcher.face_column import FaceCodes
from matcher.memory import ABSENT, DEPOSITED
from matcher.minutiae_column import MinutiaeColumn
from matcher.planes import Planes
from matcher.register import Handles, Register
from matcher.slabs import COARSE_KINDS, SLAB_ROWS, Kind, Slab

SEGMENT_ROWS = 1024
"""Rows of a segment: about 5 MB with minutiae, so 2 ms to copy while nobody may change anything,
and no more to write again when one of its persons is erased."""

OPENING_THREADS = 4
"""Threads that take back segments: two for each core of a small machine, as half of them wait for
the disk."""

ENTERED_AT_ONCE = 64
"""Segments whose persons are entered together: what a call costs is shared by so many."""

_ENTERED = "masks", "partitions", "ids", "contents", "lengths", "with_face", "faces"
"""What of a segment is entered: 60 of its 760 bytes per person."""

SEGMENTS_OF_SLAB = SLAB_ROWS // SEGMENT_ROWS

_HEADER = struct.Struct("<32sqqqq")
"""LAYOUT, number, kind, faces, dimensions of a face."""

_CONSTANTS = (
    2,
    PAGE_ROWS,
    SEGMENT_ROWS,
    SLAB_ROWS,
    *(codes.FINGERS, codes.DIMENSIONS, codes.FULL_SCALE, codes.FINE_STEP, codes.NEUTRAL),
    *(codes.COARSE_DIMENSIONS, COARSE_BLOCK, FINE_BLOCK),
    *(minutiae_column.HEADER_WORDS, face_column.FULL_SCALE),
    *((kind.name, int(kind)) for kind in Kind),
)

LAYOUT = sha256(repr(_CONSTANTS).encode()).digest()
"""Names how rows are coded: the version of this form, then all that the codes rest on."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What a gallery is beside its segments. kinds: Kind of each slab; the models of its codes."""

    kinds: tuple[int, ...]
    finger_model: str | None
    vector_model: str | None
    face_model: str | None
    face_dimensions: int

    @property
    def models(self) -> tuple[str, ...]:
        """Ids of the models whose templates the gallery holds or held."""
        named = self.finger_model, self.vector_model, self.face_model
        return tuple(model for model in named if model is not None)


@dataclass(frozen=True, slots=True)
class Mark:
    """How often a segment changed, and how often something left it: erased, replaced or moved."""

    changes: int = 0
    departures: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Rows from number * SEGMENT_ROWS on; n = SEGMENT_ROWS.

    A copy has the minutiae of everybody, and one that was decoded has those of nobody: encoded
    they are pages() of their own.

    masks: uint16 (n,), 0 where empty. partitions: int64 (n,), numbers. ids: int64 (n,), FREE where
    empty. contents: uint8 (n, 32), SHA-256. lengths: uint32 (n,), words of each person's minutiae,
    0 where there are none; words: uint64. with_face: bool (n,); faces: int16 (k, dimensions).
    fine, coarse: as codes.py makes them, None where the kind has none.
    """

    number: int
    kind: Kind
    masks: NDArray[np.uint16]
    partitions: NDArray[np.int64]
    ids: NDArray[np.int64]
    contents: NDArray[np.uint8]
    lengths: NDArray[np.uint32]
    words: NDArray[np.uint64]
    with_face: NDArray[np.bool_]
    faces: NDArray[np.int16]
    fine: NDArray[np.uint8] | None
    coarse: NDArray[np.uint8] | None

    def sum_entries(self) -> int:
        """The segment's part of the gallery's digest, as a sum."""
        return sum(
            hash_entry(int(self.ids[at]), int(self.partitions[at]), self.contents[at].tobytes())
            for at in np.flatnonzero(self.masks)
        )

    def encode(self) -> bytes:
        """All but the minutiae, the digest behind the header; not sealed, not for a disk."""
        header = _HEADER.pack(LAYOUT, self.number, self.kind, *self.faces.shape)
        arrays = (self.masks, self.partitions, self.ids, self.contents, self.lengths)
        parts: list[Any] = [*arrays, self.with_face, self.faces]
        parts += [plane for plane in (self.fine, self.coarse) if plane is not None]
        sums = write_sum(self.sum_entries())
        return b"".join(
            [header, sums, *(memoryview(part).cast("B") for part in parts if part.size)]
        )

    def pages(self) -> Iterator[bytes]:
        """The minutiae, in pages as `deposit` has them; not sealed, not for a disk."""
        return write_pages(self.lengths, self.words)


def decode(encoded: bytes | memoryview) -> tuple[Segment, bytes]:
    """A segment and its digest back, without copying; Malformed if it is of another layout."""
    if len(encoded) < _HEADER.size + 32 or encoded[: len(LAYOUT)] != LAYOUT:
        raise Malformed("not a segment of this program's layout")
    _, number, kind, faces, dimensions = _HEADER.unpack_from(encoded)
    reader = _Reader(encoded, _HEADER.size)
    sums = reader.take(np.uint8, (32,)).tobytes()
    n = SEGMENT_ROWS
    fine = make_fine(n).shape if kind != Kind.BARE else None
    coarse = make_coarse(n).shape if kind in COARSE_KINDS else None
    segment = Segment(
        number,
        Kind(kind),
        reader.take(np.uint16, (n,)),
        reader.take(np.int64, (n,)),
        reader.take(np.int64, (n,)),
        reader.take(np.uint8, (n, 32)),
        reader.take(np.uint32, (n,)),
        np.zeros(0, np.uint64),
        reader.take(np.bool_, (n,)),
        reader.take(np.int16, (faces, dimensions)),
        None if fine is None else reader.take(np.uint8, fine),
        None if coarse is None else reader.take(np.uint8, coarse),
    )
    if reader.at != len(encoded):
        raise Malformed("a segment is not as long as it says")
    return segment, sums


Opener = Callable[[], tuple[Segment, bytes] | None]
"""Decodes a segment and its digest from wherever it is kept; None where that cannot be."""


def rows_of(number: int) -> range:
    """The rows of a segment."""
    return range(number * SEGMENT_ROWS, (number + 1) * SEGMENT_ROWS)


@dataclass(slots=True)
class _Reader:
    """Takes array after array out of bytes."""

    encoded: bytes | memoryview
    at: int

    def take(self, kind: Any, shape: Sequence[int]) -> NDArray[Any]:
        """The next array; Malformed where the bytes end before it."""
        count = int(np.prod(shape))
        end = self.at + count * np.dtype(kind).itemsize
        if count < 0 or end > len(self.encoded):
            raise Malformed("a segment ends too early")
        found = np.frombuffer(self.encoded, kind, count, self.at).reshape(shape)
        self.at = end
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """All that holds something of a row."""

    planes: Planes
    register: Register
    minutiae: MinutiaeColumn
    faces: FaceCodes | None


def copy_segment(columns: Columns, number: int) -> Segment:
    """A copy of what the rows of a segment hold now."""
    slab = columns.planes.slabs[number // SEGMENTS_OF_SLAB]
    first = number % SEGMENTS_OF_SLAB * SEGMENT_ROWS
    places = slice(first, first + SEGMENT_ROWS)
    rows = np.arange(number * SEGMENT_ROWS, (number + 1) * SEGMENT_ROWS)
    names = np.array([*columns.planes.partitions, 0], np.int64)
    masks, handles = slab.masks[places].copy(), columns.register.handles(rows)
    lengths, words = columns.minutiae.gather(handles.minutiae)
    with_face = handles.faces != ABSENT
    faces = np.zeros((0, 0), np.int16)
    if columns.faces is not None:
        faces = columns.faces.gather(handles.faces[with_face])
    fine, coarse = slab.fine, slab.coarse
    return Segment(
        number,
        slab.kind,
        masks,
        np.where(masks, names[slab.partitions[places]], 0),
        columns.register.ids(rows),
        columns.register.contents(rows),
        lengths,
        words,
        with_face,
        faces,
        None if fine is None else fine[:, _blocks(places, FINE_BLOCK)].copy(),
        None if coarse is None else coarse[_blocks(places, COARSE_BLOCK)].copy(),
    )


def take_back(columns: Columns, openers: Iterable[Opener]) -> dict[int, bytes]:
    """Put decoded segments back into their empty rows; the digest of each, by number.

    Some threads call the openers, and let go of a segment before they call the next. Minutiae
    are said to be DEPOSITED. Raises ValueError for segments that do not belong here or together.
    """
    digests = dict[int, bytes]()
    with ThreadPoolExecutor(OPENING_THREADS, thread_name_prefix="restore") as pool:
        taken = pool.map(partial(_take, columns), openers)
        while some := list(islice(taken, ENTERED_AT_ONCE)):
            found = [one for one in some if one is not None]
            if found:
                _enter(columns, [segment for segment, _ in found])
            digests.update((segment.number, digest) for segment, digest in found)
    _settle(columns.planes)
    return digests


def _take(columns: Columns, opener: Opener) -> tuple[Segment, bytes] | None:
    """Copy the codes of a segment, nearly all of it; what is left of it, and its digest."""
    if (opened := opener()) is None:
        return None
    segment, digest = opened
    slab, places = _find_places(columns, segment)
    if slab.fine is not None and segment.fine is not None:
        slab.fine[:, _blocks(places, FINE_BLOCK)] = segment.fine
    if slab.coarse is not None and segment.coarse is not None:
        slab.coarse[_blocks(places, COARSE_BLOCK)] = segment.coarse
    kept = {name: getattr(segment, name).copy() for name in _ENTERED}
    return replace(segment, fine=None, coarse=None, **kept), digest


def _enter(columns: Columns, segments: Sequence[Segment]) -> None:
    """Enter the persons of some segments whose codes are there."""
    masks, partitions, ids, contents, lengths, with_face, found = (
        np.concatenate([getattr(one, name) for one in segments]) for name in _ENTERED
    )
    faces = np.full(len(masks), ABSENT, np.int64)
    if columns.faces is not None:
        faces[with_face] = columns.faces.add_many(found)
    live = np.flatnonzero(masks)
    numbers = np.repeat([one.number for one in segments], SEGMENT_ROWS)
    rows = numbers * SEGMENT_ROWS + np.arange(len(masks)) % SEGMENT_ROWS
    handles = Handles(np.where(lengths[live], DEPOSITED, ABSENT), faces[live])
    columns.register.enter_many(rows[live], ids[live], handles, contents[live])
    names = columns.planes.name_partitions(partitions, masks)
    for at, segment in enumerate(segments):
        slab, places = _find_places(columns, segment)
        slab.partitions[places] = names[at * SEGMENT_ROWS : (at + 1) * SEGMENT_ROWS]
        slab.masks[places] = segment.masks
        used = np.flatnonzero(segment.masks)
        if len(used):
            slab.used = max(slab.used, places.start + int(used[-1]) + 1)


def _find_places(columns: Columns, segment: Segment) -> tuple[Slab, slice]:
    """Slab and places of a segment; ValueError if the outline names no such slab."""
    slabs, number = columns.planes.slabs, segment.number // SEGMENTS_OF_SLAB
    if not 0 <= number < len(slabs):
        raise ValueError("a segment belongs into a slab that the outline names")
    if slabs[number].kind is not segment.kind:
        raise ValueError("a segment belongs into a slab of its kind")
    first = segment.number % SEGMENTS_OF_SLAB * SEGMENT_ROWS
    return slabs[number], slice(first, first + SEGMENT_ROWS)


def _settle(planes: Planes) -> None:
    """After all segments were put: leave the rows between persons to those who come next.

    Only the last slab of a kind is still being filled.
    """
    filling = {slab.kind: number for number, slab in enumerate(planes.slabs)}
    for number, slab in enumerate(planes.slabs):
        if filling[slab.kind] != number:
            slab.used = SLAB_ROWS
        planes.free_all(number)


def list_held(columns: Columns) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Reference ids and partitions of all persons, ascending by id; int64 (n,) both."""
    rows = columns.planes.select()
    names = np.array([*columns.planes.partitions, 0], np.int64)
    slabs = columns.planes.slabs
    held = [names[slab.partitions[: slab.used][slab.masks[: slab.used] != 0]] for slab in slabs]
    partitions = np.concatenate([np.zeros(0, np.int64), *held])
    ids = columns.register.ids(rows)
    order = np.argsort(ids)
    return ids[order], partitions[order]


def _blocks(places: slice, block: int) -> slice:
    """The blocks that hold some places."""
    return slice(places.start // block, places.stop // block)
