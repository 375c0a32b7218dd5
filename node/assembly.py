"""The parts of the node, put together once; and the agreement of gallery and store.

The store is the truth and the gallery its image in memory. Whatever happens between a commit and
its publication, the next start builds the gallery from the store and proves that both hold the
same before the node answers anyone.
"""

from __future__ import annotations

import fcntl
import logging
import random
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from interfaces.central.client import CentralClient, Credentials
from matcher import templates
from matcher.engine import Engine
from matcher.gallery import Gallery, digest_entries
from matcher.persons import Persons
from node.access import PARTITIONS
from node.errors import NotReady
from node.settings import Settings
from node.store import Store, biometrics, open_store
from node.vault import open_vault

LOCK_FILE = "node.lock"
"""In the data folder; empty, only its lock counts."""

REMEDY = "stop the node, run: eurodac-node models re-embed --settings FILE, and start it again"
"""What the operator does about templates that other models made."""

log = logging.getLogger(__name__)


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
    """Everything an act needs. now: the clock. new_id: fresh ids. jitter: spreads retries."""

    settings: Settings
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    jitter: random.Random
    engine: Engine
    gallery: Persons
    store: Store
    client: CentralClient
    publishing: threading.Lock = field(default_factory=threading.Lock)
    line: Line = field(default_factory=Line)
    lock: BinaryIO | None = None

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
        gallery = load_gallery(store, engine) if searchable else Gallery()
        # From here on close() closes them.
        opened.pop_all()
    return Node(
        settings=settings,
        now=now,
        new_id=new_id,
        jitter=jitter or random.Random(),  # noqa: S311 - spreads retries, guards nothing
        engine=engine,
        gallery=gallery,
        store=store,
        client=connect_centre(settings),
        lock=lock,
    )


def close(node: Node) -> None:
    """Let go of the line and of the store; acts under way fail, nothing acknowledged is lost."""
    node.client.close()
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


def load_gallery(store: Store, engine: Engine) -> Gallery:
    """A gallery of all stored references; NotReady unless its count and digest are the store's.

    References of other models than the engine's are refused with what to do, since no probe may
    be compared with them; those from before there were vectors are compared without.
    """
    gallery = Gallery()
    with store.read() as transaction:
        references = _check_models(engine, biometrics.all_references(transaction))
        expected = digest_entries(_enrol_all(gallery, references))
        count = biometrics.count_references(transaction)
    if len(gallery) != count or gallery.digest() != expected:
        raise NotReady("the gallery does not hold what the store holds; nothing is answered")
    return gallery


def publish(node: Node, *, added: Iterable[int] = (), removed: Iterable[int] = ()) -> None:
    """Bring the gallery into agreement with what was committed about some references.

    What is added is read from the store again under the lock: an enrolment that is published
    after the erasure that followed it must not bring the person back.
    """
    with node.publishing:
        for template_id in removed:
            node.gallery.erase(template_id)
        for template_id in added:
            with node.store.read() as transaction:
                stored = biometrics.find_reference(transaction, template_id)
            if stored is not None:
                partition = PARTITIONS[stored.category]
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
    gallery: Persons, references: Iterable[biometrics.StoredReference]
) -> Iterator[tuple[int, int, bytes]]:
    """Enrol each reference and say what the store's side of the digest is made of."""
    for stored in references:
        partition = PARTITIONS[stored.category]
        gallery.enrol(stored.template_id, stored.reference, partition=partition)
        yield stored.template_id, partition, stored.encoded
