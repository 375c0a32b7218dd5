"""The parts of the node, put together once; and the agreement of gallery and store.

The store is the truth and the gallery its image in memory. Whatever happens between a commit and
its publication, the next start builds the gallery from the store and proves that both hold the
same before the node answers anyone.
"""

from __future__ import annotations

import fcntl
import os
import random
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from interfaces.central.client import CentralClient, Credentials
from matcher.engine import Engine
from matcher.errors import ScratchUnusable
from matcher.gallery import Gallery
from matcher.persons import Persons
from node.access import PARTITIONS
from node.errors import NotReady, SettingsWrong
from node.loading import load_gallery, open_snapshot, spread_gallery
from node.settings import GallerySettings, Settings
from node.snapshot import FOLDER, Snapshot
from node.store import Store, biometrics, open_store
from node.vault import open_vault

if TYPE_CHECKING:
    from matcher.cluster import ClusterGallery

LOCK_FILE = "node.lock"
"""In the data folder; empty, only its lock counts."""


def utc_now() -> datetime:
    """The clock of a running node; tests and trials pass one of their own."""
    return datetime.now(UTC)


def draw_id() -> str:
    """A number that nobody gave before: 122 random bits."""
    return uuid.uuid4().hex


@dataclass(slots=True)
class Line:
    """What is known of the line to the centre; written by those who use it."""

    reachable: bool = False
    answered_at: datetime | None = None

    def note_answer(self, at: datetime) -> None:
        """The centre answered, whatever it said."""
        self.reachable, self.answered_at = True, at

    def note_silence(self) -> None:
        """The centre could not be reached."""
        self.reachable = False


@dataclass(frozen=True, slots=True)
class Node:
    """Everything an act needs. now: the clock. new_id: fresh ids. jitter: spreads retries.

    cluster: the gallery where it lies on several machines and wants tending, else None.
    """

    settings: Settings
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    jitter: random.Random
    engine: Engine
    gallery: Persons
    snapshot: Snapshot
    store: Store
    client: CentralClient
    publishing: threading.Lock = field(default_factory=threading.Lock)
    line: Line = field(default_factory=Line)
    lock: BinaryIO | None = None
    cluster: ClusterGallery | None = None

    @property
    def member_state(self) -> str:
        """Letters of the State whose access point this is."""
        return self.settings.member_state


def open_node(
    settings: Settings,
    *,
    engine: Engine,
    now: Callable[[], datetime] = utc_now,
    new_id: Callable[[], str] = draw_id,
    jitter: random.Random | None = None,
    searchable: bool = True,
) -> Node:
    """Open vault and store, load the gallery and prove it.

    searchable: False for work on the store alone, while nobody is served; the gallery stays empty.
    Raises NotReady if gallery and store do not agree, references of other models are stored or
    another process works on the folder, and VaultUnusable or StoreUnusable.
    """
    vault = open_vault(settings.vault_key)
    with ExitStack() as opened:
        lock = opened.enter_context(_lock_folder(settings.data_folder))
        store = open_store(settings.store_url, vault, member_state=settings.member_state)
        opened.callback(store.close)
        address, cluster = settings.gallery.cluster, None
        _check_gallery(settings.gallery)
        place = settings.data_folder / FOLDER, vault.snapshot_key
        snapshot = open_snapshot(store, engine, place, settings.gallery)
        if not searchable or address is not None:
            # Whoever changes the store behind the gallery's back would leave the erased in it.
            snapshot.discard()
        gallery: Persons = Gallery()
        if searchable and address is not None:
            gallery = cluster = spread_gallery(store, engine, address)
        elif searchable:
            with _telling_what_is_full():
                gallery = load_gallery(store, engine, snapshot)
        # From here on close() closes them.
        opened.pop_all()
    return Node(
        settings=settings,
        now=now,
        new_id=new_id,
        jitter=jitter or random.Random(),  # noqa: S311 - spreads retries, guards nothing
        engine=engine,
        gallery=gallery,
        snapshot=snapshot,
        store=store,
        client=connect_centre(settings),
        lock=lock,
        cluster=cluster,
    )


@contextmanager
def _telling_what_is_full() -> Iterator[None]:
    """NotReady where the folder of fine codes takes no more; the snapshot has no part in that."""
    try:
        yield
    except ScratchUnusable as error:
        text = f"gallery.scratch: {error}; make room and start again"
        raise NotReady(text) from error


def _check_gallery(wanted: GallerySettings) -> None:
    """SettingsWrong where the gallery cannot be where it is wanted."""
    if wanted.cluster is not None and wanted.minutiae_on_disk:
        raise SettingsWrong("gallery: choose between cluster and minutiae_on_disk")
    if wanted.cluster is not None and wanted.scratch is not None:
        raise SettingsWrong("gallery: choose between cluster and scratch")
    scratch, rights = wanted.scratch, os.R_OK | os.W_OK | os.X_OK
    if scratch is not None and not (scratch.is_dir() and os.access(scratch, rights)):
        raise SettingsWrong("gallery.scratch: must be a folder that the node may write to")


def close(node: Node) -> None:
    """Let go of the line and of the store; acts under way fail, nothing acknowledged is lost."""
    node.client.close()
    if node.cluster is not None:
        node.cluster.close()
    node.store.wake_watchers()
    node.store.close()
    if node.lock is not None:
        node.lock.close()


def connect_centre(settings: Settings) -> CentralClient:
    """The client that the settings describe."""
    central, credentials = settings.central, None
    if central.tls is not None:
        tls = central.tls
        credentials = Credentials(tls.certificate, tls.key, tls.authorities)
    return CentralClient(
        central.address,
        settings.member_state,
        credentials=credentials,
        timeout_seconds=central.timeout_seconds,
    )


def publish(node: Node, *, added: Iterable[int] = (), removed: Iterable[int] = ()) -> None:
    """Bring the gallery into agreement with what was committed about some references.

    What is added is read from the store again under the lock: an enrolment that is published
    after the erasure that followed it must not bring the person back.
    """
    with node.publishing:
        left = [template_id for template_id in removed if node.gallery.erase(template_id)]
        if left:
            node.snapshot.expire(node.gallery)
        for template_id in added:
            with node.store.read() as transaction:
                stored = biometrics.find_reference(transaction, template_id)
            if stored is not None:
                partition = PARTITIONS[stored.category]
                with _telling_what_is_full():
                    node.gallery.enrol(template_id, stored.reference, partition=partition)


def gallery_agrees(node: Node) -> bool:
    """Whether the gallery holds as many references as the store, all publications awaited."""
    with node.publishing, node.store.read() as transaction:
        return len(node.gallery) == biometrics.count_references(transaction)


def _lock_folder(folder: Path) -> BinaryIO:
    """Keep other processes off the folder: their commits would be missing in our gallery.

    The lock ends with the file, so also when the process is killed.
    """
    try:
        lock = (folder / LOCK_FILE).open("ab")
    except OSError as error:
        raise NotReady(f"{folder} cannot be used: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise NotReady(f"another process works on {folder}") from None
    return lock
