"""Starts, drains and stops a node: door, courier, follower and sweeper around the open node.

Ready means: the gallery equals the store, the kernels are warm, both threads to the centre run.
Whether the centre itself can be reached is no part of it; captures are taken while it is down.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from types import TracebackType

from interfaces import profile
from interfaces.doorway import Doorway, TlsFiles, open_doorway
from interfaces.eurodac.errors import RuleBroken
from matcher.errors import Unreachable
from node import alarms, custody, identity_links, pruning
from node.assembly import Node, close
from node.errors import NodeError, SettingsWrong
from node.inbox import Follower
from node.outbox import Courier
from node.servicers import MAX_STREAMS, MAX_WATCHERS, Door
from node.snapshot import SEGMENTS_AT_ONCE

DRAIN_SECONDS = 20.0
"""Grace for calls under way when the node stops: the longest capture takes a few seconds."""

SWEEP_SECONDS = 60.0
"""How often the end of retention is looked for; it falls on midnight."""

SNAPSHOT_SECONDS = 300.0
"""How often the changes of the gallery are written: an enrolment since costs a start about 5 ms."""

PRUNE_SECONDS = 3600.0
"""How often records past their time are looked for; it falls on midnight and reads all numbers."""

TEND_SECONDS = 5.0
"""How often the machines of the gallery are looked after: one that is lost leaves a single replica
of some shards until its own are filled elsewhere."""

WATCH_SECONDS = 5.0
"""How often the health of the node's own threads is looked at."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Serving:
    """A node that serves; a context manager that stops it at its end."""

    node: Node
    doorway: Doorway
    _door: Door
    _courier: Courier
    _follower: Follower
    _keepers: tuple[threading.Thread, ...]
    _stopping: threading.Event

    def __enter__(self) -> Serving:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Refuse new calls, finish those under way, deliver nothing more, close the store."""
        self._stopping.set()
        self.doorway.ready(False)
        self._door.close()
        self.doorway.drain(DRAIN_SECONDS)
        self._courier.stop()
        self._follower.stop()
        for thread in self._keepers:
            thread.join()
        try:
            dirty = self.node.snapshot.list_dirty(self.node.gallery)
            while dirty:
                dirty = _write_some(self.node, dirty)
        finally:
            close(self.node)


def serve(node: Node) -> Serving:
    """Open the door at the address of the settings; OSError when it cannot be had."""
    settings = node.settings
    if settings.tls is None and not settings.unsafe_plaintext:
        raise SettingsWrong(
            "tls: certificate, key and authorities are needed (eurodac-node pki init); "
            "unsafe_plaintext = true opens the door without, for a trial on one machine"
        )
    tls = None
    if settings.tls is not None:
        tls = TlsFiles(settings.tls.certificate, settings.tls.key, settings.tls.authorities)
    door = Door(node)
    services = {
        service: door.calls([method.name for method in service.methods])
        for service in profile.services(profile.NAP_FILES)
    }
    doorway = open_doorway(
        services,
        settings.listen,
        tls=tls,
        workers=settings.limits.threads + MAX_WATCHERS + MAX_STREAMS,
        max_message_bytes=settings.limits.message_mib * 2**20,
    )
    stopping = threading.Event()
    courier, follower = Courier(node), Follower(node)
    threads = courier, follower
    keepers = (
        threading.Thread(target=_keep, args=(node, doorway, threads, stopping), name="keeper"),
        threading.Thread(target=_tend, args=(node, stopping), name="tender"),
        threading.Thread(target=_follow_links, args=(node, stopping), name="linker"),
        threading.Thread(target=_wake, args=(node, stopping), name="waker"),
    )
    doorway.start()
    courier.start()
    follower.start()
    for thread in keepers:
        thread.start()
    doorway.ready(True)
    return Serving(node, doorway, door, courier, follower, keepers, stopping)


def _keep(
    node: Node,
    doorway: Doorway,
    threads: tuple[Courier, Follower],
    stopping: threading.Event,
) -> None:
    """Sweep what has reached its end, and say NOT_SERVING when a thread of ours has died."""
    rounds_between_sweeps = round(SWEEP_SECONDS / WATCH_SECONDS)
    rounds_between_prunings = round(PRUNE_SECONDS / WATCH_SECONDS)
    rounds_between_snapshots = round(SNAPSHOT_SECONDS / WATCH_SECONDS)
    rounds, dirty = 0, node.snapshot.list_dirty(node.gallery)
    # Retention may have ended while nothing ran.
    _sweep(node)
    _prune(node)
    while not stopping.wait(WATCH_SECONDS):
        if not all(thread.alive for thread in threads):
            log.error("a thread to the centre has died; the node says that it is not healthy")
            doorway.ready(False)
        rounds += 1
        if rounds % rounds_between_snapshots == 0:
            node.snapshot.lay_down(node.gallery)
            dirty = node.snapshot.list_dirty(node.gallery)
        dirty = _write_some(node, dirty)
        if rounds % rounds_between_sweeps == 0:
            _sweep(node)
        if rounds % rounds_between_prunings == 0:
            _prune(node)


def _tend(node: Node, stopping: threading.Event) -> None:
    """Replace lost replicas of the gallery, where it lies on several machines, for as long as the
    node serves; a thread of its own, since a large shard takes minutes to fill."""
    while node.cluster is not None and not stopping.wait(TEND_SECONDS):
        try:
            node.cluster.tend()
        except (NodeError, Unreachable) as error:
            log.warning("the gallery could not be tended: %s", error)


def _wake(node: Node, stopping: threading.Event) -> None:
    """Take the minutiae of all segments into memory after a start, where they are to be there.

    What is damaged is read from the store, which may not be open any more when the node stops.
    """
    for number in node.gallery.asleep() if not node.snapshot.dozing else ():
        if stopping.is_set():
            return
        try:
            node.gallery.wake(number)
        except NodeError as error:
            # Searches read its minutiae as this did, until the next start.
            log.warning("minutiae of segment %d stay on disk: %s", number, error)


def _write_some(node: Node, dirty: list[int]) -> list[int]:
    """Write the first changed segments; those that are left for the next time."""
    if dirty:
        try:
            node.snapshot.write(node.gallery, dirty[:SEGMENTS_AT_ONCE])
        except (OSError, NodeError) as error:
            log.warning("the snapshot cannot be written, starts will be slow: %s", error)
            return []
    return dirty[SEGMENTS_AT_ONCE:]


def _sweep(node: Node) -> None:
    try:
        erased = custody.sweep(node)
        alarms.raise_due(node)
    except NodeError as error:
        log.warning("the sweep failed and is tried again: %s", type(error).__name__)
        return
    if erased:
        log.info("retention ended for %d data sets", erased)


def _follow_links(node: Node, stopping: threading.Event) -> None:
    """Look for links that wait for us; a thread of its own, since the centre may take its time."""
    while not stopping.wait(SWEEP_SECONDS):
        try:
            opened = identity_links.follow_links(node)
        except (NodeError, RuleBroken) as error:
            log.warning("links between systems are looked for again: %s", type(error).__name__)
            continue
        if opened:
            log.info("%d links between systems wait to be verified", opened)


def _prune(node: Node) -> None:
    try:
        erased = pruning.prune(node)
    except NodeError as error:
        log.warning("records past their time stay for now: %s", type(error).__name__)
        return
    if erased:
        log.info("%d records were past their time", erased)
