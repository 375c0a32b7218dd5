"""Start and stop of the stand-in: opens the ledger, fills the gallery, serves, examines."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from interfaces import profile
from interfaces.central.centre import Centre, Thresholds, fill_gallery
from interfaces.central.custody import sweep
from interfaces.central.examination import Examiner
from interfaces.central.ledger import Ledger
from interfaces.central.script import Script
from interfaces.central.servicer import Door
from interfaces.doorway import Doorway, TlsFiles, name_places, open_doorway
from interfaces.eurodac.policy import Policy
from matcher.engine import Engine
from matcher.gallery import Gallery

WORKERS = 48
"""Threads for calls. Every subscribed access point holds one; 31 States and Europol take part."""

SWEEP_SECONDS = 60.0
"""How often the end of retention is looked for; it falls on midnight."""


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Serving:
    """A stand-in under way."""

    centre: Centre
    doorway: Doorway
    _examiner: Examiner
    _sweeper: threading.Thread
    _stopping: threading.Event

    def stop(self, grace_seconds: float = 5.0) -> None:
        """Let calls under way finish, end the examination, close the ledger."""
        self._stopping.set()
        with self.centre.issued:
            self.centre.issued.notify_all()
        self.doorway.drain(grace_seconds)
        self._examiner.stop()
        self._sweeper.join()
        self.centre.ledger.close()


def open_centre(
    folder: Path,
    engine: Engine,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    policy: Policy | None = None,
    thresholds: Thresholds | None = None,
    script: Script | None = None,
) -> Centre:
    """The stand-in over the ledger in a folder, its gallery filled from it."""
    centre = Centre(
        ledger=Ledger(folder / "central.sqlite"),
        engine=engine,
        gallery=Gallery(),
        now=now,
        policy=policy or Policy(),
        thresholds=thresholds or Thresholds(),
        script=script or Script(),
    )
    with centre.ledger.write() as entries:
        entries.begin_epoch(centre.now())
    fill_gallery(centre)
    return centre


def serve(centre: Centre, address: str, *, tls: TlsFiles | None) -> Serving:
    """Listen at host:port (port 0: any free one). tls None is plaintext, for trials only."""
    door = Door(centre, plaintext=tls is None)
    services = {
        service: door.calls([method.name for method in service.methods])
        for service in profile.services(profile.CENTRAL_FILES)
    }
    doorway = open_doorway(services, address, tls=tls, workers=WORKERS)
    stopping = threading.Event()
    sweeper = threading.Thread(target=_sweep, args=(centre, stopping), name="sweeper", daemon=True)
    serving = Serving(centre, doorway, Examiner(centre), sweeper, stopping)
    doorway.start()
    serving._examiner.start()
    sweeper.start()
    doorway.ready(True)
    return serving


def _sweep(centre: Centre, stopping: threading.Event) -> None:
    # At once, too: retention may have ended while nothing ran.
    while True:
        try:
            erased = sweep(centre)
        except Exception as error:  # noqa: BLE001 - it is tried again, whatever it was
            log.error("the sweep failed and is tried again: %s", name_places(error))  # noqa: TRY400
        else:
            if erased:
                log.info("retention ended for %d data sets", erased)
        if stopping.wait(SWEEP_SECONDS):
            return
