"""How a start fills the gallery and proves that it holds what the store holds.

The store is the truth. What a snapshot holds is brought into agreement with it: who is gone is
erased, who came since is read. Count and running digest then say whether both hold the same. Where
they do not, or there is no snapshot, all references are opened and enrolled one by one, and the
running digest is put right where it was not known.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matcher import templates
from matcher.digest import digest_entries
from matcher.engine import Engine
from matcher.errors import Unreachable
from matcher.gallery import Gallery
from matcher.persons import Persons
from matcher.segments import SEGMENT_ROWS
from matcher.vocabulary import Reference
from node.access import PARTITIONS
from node.errors import NotReady, SettingsWrong
from node.settings import GallerySettings
from node.snapshot import Snapshot
from node.store import Store, Transaction, biometrics, running

if TYPE_CHECKING:
    from matcher.cluster import ClusterGallery

REMEDY = "stop the node, run: eurodac-node models re-embed --settings FILE, and start it again"
"""What the operator does about templates that other models made."""

LAID_DOWN_AT_ONCE = 16 * SEGMENT_ROWS
"""References read between two writings, where minutiae are to be on disk: 80 MB of memory."""

log = logging.getLogger(__name__)


def open_snapshot(
    store: Store, engine: Engine, place: tuple[Path, bytes], wanted: GallerySettings
) -> Snapshot:
    """The snapshot in a folder under a key; what is damaged there it reads from the store. wanted:
    what of its gallery is to lie on disk."""

    def read(numbers: list[int]) -> Iterator[tuple[int, Reference]]:
        with store.read() as transaction:
            for stored in _check_models(engine, biometrics.some_references(transaction, numbers)):
                yield stored.template_id, stored.reference

    return Snapshot(*place, read, dozing=wanted.minutiae_on_disk, scratch=wanted.scratch)


def load_gallery(store: Store, engine: Engine, snapshot: Snapshot | None = None) -> Gallery:
    """A gallery of all stored references; NotReady unless its count and digest are the store's.

    snapshot: what was written of it before, from where it takes minutiae then; without, everything
    is read from the store.

    References of other models than the engine's are refused with what to do, since no probe may
    be compared with them; those from before there were vectors are compared without.
    """
    gallery = Gallery() if snapshot is None else snapshot.open()
    if snapshot is not None:
        if len(gallery) and _catch_up(store, engine, gallery, snapshot):
            snapshot.expire(gallery)
            return gallery
        if len(gallery):
            log.warning("the snapshot is not that of this store; all references are read")
        # Also where it held nobody: its marks are not those of the gallery that is made now.
        snapshot.discard()
    return _load_all(store, engine, snapshot)


def spread_gallery(store: Store, engine: Engine, address: str) -> ClusterGallery:
    """A gallery of all stored references on the machines of a Ray cluster, proved as above.

    Raises SettingsWrong where Ray is not installed, and NotReady where the cluster does not answer,
    lacks machines, or does not come to hold what the store holds.
    """
    try:
        from matcher.cluster import ClusterGallery, connect  # noqa: PLC0415 - of an extra
    except ModuleNotFoundError as error:
        raise SettingsWrong("gallery.cluster: wants Ray; install eurodac-node[cluster]") from error
    try:
        connect(address)
        gallery = ClusterGallery(lambda wanted: _read_wanted(store, engine, wanted))
    except (ConnectionError, Unreachable) as error:
        raise NotReady(f"the cluster at {address} cannot hold the gallery: {error}") from error
    try:
        _prove(store, gallery)
    except BaseException:
        gallery.close()
        raise
    return gallery


def _read_wanted(
    store: Store, engine: Engine, wanted: Callable[[int], bool]
) -> Iterator[tuple[int, int, Reference]]:
    """Number, partition and reference of those whose number is wanted; no other is opened."""
    with store.read() as transaction:
        numbers = [n for n in biometrics.list_partitions(transaction)[0].tolist() if wanted(n)]
        found = biometrics.some_references(transaction, numbers)
        for stored in _check_models(engine, found):
            yield stored.template_id, PARTITIONS[stored.category], stored.reference


def _prove(store: Store, gallery: Persons) -> None:
    """NotReady unless count and digest are the store's; puts right a running digest that is not."""
    with store.read() as transaction:
        if _is_proved(transaction, gallery):
            return
        opened = biometrics.all_references(transaction)
        expected = digest_entries(
            (one.template_id, PARTITIONS[one.category], one.encoded) for one in opened
        )
    _prove_by(store, gallery, expected)


def _prove_by(store: Store, gallery: Persons, expected: bytes) -> None:
    """The same where every reference was opened. expected: the digest of those."""
    with store.read() as transaction:
        known, count = running.read(transaction), biometrics.count_references(transaction)
    if len(gallery) != count or gallery.digest() != expected:
        raise NotReady("the gallery does not hold what the store holds; nothing is answered")
    if known != expected:
        with store.write() as transaction:
            _put_right(transaction, gallery, known)


def _catch_up(store: Store, engine: Engine, gallery: Gallery, snapshot: Snapshot) -> bool:
    """Bring what a snapshot held into agreement with the store; whether that is proved."""
    if strange := set(gallery.outline().models) - set(engine.models):
        log.warning("the snapshot is of other models: %s", ", ".join(sorted(strange)))
        return False
    with store.read() as transaction:
        # After an orderly stop nothing is different, and no list of millions has to be read.
        if _is_proved(transaction, gallery):
            return True
        _bring_up_to_date(transaction, engine, gallery, snapshot)
        return _is_proved(transaction, gallery)


def _is_proved(transaction: Transaction, gallery: Persons) -> bool:
    """Whether the gallery holds what the store holds, by count and running digest."""
    count, known = biometrics.count_references(transaction), running.read(transaction)
    return len(gallery) == count and gallery.digest() == known


def _bring_up_to_date(
    transaction: Transaction, engine: Engine, gallery: Gallery, snapshot: Snapshot
) -> None:
    """Erase who is gone from the store, move who is elsewhere, and read who came since."""
    stored, partitions = biometrics.list_partitions(transaction)
    held, places = gallery.list_held()
    for template_id in np.setdiff1d(held, stored, assume_unique=True):
        gallery.erase(int(template_id))
    both, here, there = np.intersect1d(stored, held, assume_unique=True, return_indices=True)
    for at in np.flatnonzero(partitions[here] != places[there]):
        gallery.move(int(both[at]), int(partitions[here][at]))
    missing = np.setdiff1d(stored, held, assume_unique=True).tolist()
    found = _check_models(engine, biometrics.some_references(transaction, missing))
    for stored_one in _lay_down(found, gallery, snapshot):
        partition = PARTITIONS[stored_one.category]
        gallery.enrol(stored_one.template_id, stored_one.reference, partition=partition)
    log.info("%d references from the snapshot, %d from the store", len(both), len(missing))


def _load_all(store: Store, engine: Engine, snapshot: Snapshot | None) -> Gallery:
    """Open and enrol every reference, and prove that each is there."""
    gallery = Gallery() if snapshot is None else snapshot.make_gallery()
    with store.read() as transaction:
        references = _check_models(engine, biometrics.all_references(transaction))
        if snapshot is not None:
            references = _lay_down(references, gallery, snapshot)
        expected = digest_entries(_enrol_all(gallery, references))
    _prove_by(store, gallery, expected)
    return gallery


def _lay_down(
    references: Iterable[biometrics.StoredReference], gallery: Gallery, snapshot: Snapshot
) -> Iterator[biometrics.StoredReference]:
    """Pass references on, and leave to the disk what has become of them now and then, where that
    is wanted; OSError where the disk is full."""
    for number, stored in enumerate(references, 1):
        yield stored
        if snapshot.dozing and number % LAID_DOWN_AT_ONCE == 0:
            snapshot.write(gallery, snapshot.list_dirty(gallery))


def _put_right(transaction: Transaction, gallery: Persons, known: bytes | None) -> None:
    """Write the running digest anew, from references of which each was opened just now."""
    if known is not None:
        log.error("the running digest was not that of the stored references; it is written anew")
    for template_id in running.list_unnoted(transaction):
        running.note(transaction, template_id, gallery.content(template_id))
    running.put(transaction, gallery.digest())


def _check_models(
    engine: Engine, references: Iterable[biometrics.StoredReference]
) -> Iterator[biometrics.StoredReference]:
    """Pass references on; NotReady at the first of another model, a warning for those without."""
    outdated = 0
    for stored in references:
        if strange := templates.models_of(stored.reference) - set(engine.models):
            named, ours = ", ".join(sorted(strange)), ", ".join(engine.models)
            raise NotReady(f"templates of {named} are stored, the matcher has {ours}; {REMEDY}")
        outdated += not engine.is_current(stored.reference)
        yield stored
    if outdated:
        log.warning("%d references have no vectors and are compared without; %s", outdated, REMEDY)


def _enrol_all(
    gallery: Gallery, references: Iterable[biometrics.StoredReference]
) -> Iterator[tuple[int, int, bytes]]:
    """Enrol each reference and say what the store's side of the digest is made of."""
    for stored in references:
        partition = PARTITIONS[stored.category]
        gallery.enrol(stored.template_id, stored.reference, partition=partition)
        yield stored.template_id, partition, stored.encoded
