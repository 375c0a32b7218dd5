"""The processes of the demo: one centre and two nodes, started and stopped as in real life."""

from __future__ import annotations

import json
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from node.access import Role
from node.pki import ACCESS_POINT, Subject, issue, make_authority
from node.station import Identity, Station
from node.vault import create_key_file

START_SECONDS = 300.0
"""Longest wait for a process: the first start on a machine compiles the matcher's kernels."""

HOST = "127.0.0.1"

NODE = [sys.executable, "-m", "node.cli", "serve", "--settings"]
CENTRE = [sys.executable, "-m", "interfaces.central.cli", "serve"]


class StageError(Exception):
    """A process did not start; the text names its log."""


@dataclass(slots=True)
class Process:
    """One process of the stage. command: how it is started; log: where it writes."""

    name: str
    command: list[str]
    log: Path
    port: int
    _running: subprocess.Popen[str] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start and wait until it says that it is ready."""
        with self.log.open("a") as log:
            self._running = subprocess.Popen(  # noqa: S603 - our own command line
                self.command, stdout=subprocess.PIPE, stderr=log, text=True
            )
        line = _first_line(self._running.stdout)
        if not line or not json.loads(line).get("ready"):
            raise StageError(f"{self.name} did not start; see {self.log}")

    def kill(self) -> None:
        """End it as a power cut does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._running is not None:
            self._running.send_signal(number)
            self._running.wait()
            if self._running.stdout is not None:
                self._running.stdout.close()
            self._running = None


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs. nodes: by the letters of their Member State."""

    folder: Path
    centre: Process
    nodes: Mapping[str, Process]

    def start(self) -> None:
        """Start the centre, then the nodes."""
        self.centre.start()
        for node in self.nodes.values():
            node.start()

    def stop(self) -> None:
        """End everything that runs."""
        for process in (*self.nodes.values(), self.centre):
            process.stop()

    def station(self, state: str, role: Role) -> Station:
        """A line to a State's node under one role."""
        identity = Identity.in_folder(self.folder / "pki" / state, role.lower())
        return Station(f"{HOST}:{self.nodes[state].port}", identity=identity)


def set_up(folder: Path, states: tuple[str, ...], models: Path) -> Stage:
    """Lay out certificates, keys and settings in a new folder; nothing runs yet."""
    pki = folder / "pki"
    authority = make_authority(pki, "Demo authority")
    issue(
        authority,
        pki,
        "centre",
        subject=Subject("EU", "Central system", "CENTRE", "centre"),
        hosts=(HOST,),
    )
    centre = Process(
        "the centre",
        [
            *CENTRE,
            *("--folder", str(folder / "centre"), "--models", str(models)),
            *("--certificate", str(pki / "centre.pem"), "--key", str(pki / "centre.key")),
            *("--authorities", str(pki / "ca.pem"), "--address", f"{HOST}:{{port}}"),
        ],
        folder / "centre.log",
        _free_port(),
    )
    centre.command = [part.format(port=centre.port) for part in centre.command]
    nodes = {}
    for state in states:
        here = pki / state
        issue(
            authority,
            here,
            "server",
            subject=Subject(state, "Access point", "SERVER", "node"),
            hosts=(HOST,),
        )
        issue(
            authority,
            here,
            "nap",
            subject=Subject(state, "Access point", ACCESS_POINT, "node"),
        )
        for role in set(Role) - {Role.NODE}:
            user = f"{state.lower()}-{role.lower()}"
            issue(authority, here, role.lower(), subject=Subject(state, "Demo unit", role, user))
        (here / "ca.pem").write_bytes((pki / "ca.pem").read_bytes())
        nodes[state] = _node(folder, state, centre.port, models)
    return Stage(folder, centre, nodes)


def _node(folder: Path, state: str, centre_port: int, models: Path) -> Process:
    pki, port = folder / "pki" / state, _free_port()
    data = folder / f"node-{state}"
    data.mkdir(parents=True)
    create_key_file(data / "vault.key")
    settings = folder / f"node-{state}.toml"
    settings.write_text(
        f"""member_state = "{state}"
data_folder = "{data}"
models = "{models}"
listen = "{HOST}:{port}"

[tls]
certificate = "{pki / "server.pem"}"
key = "{pki / "server.key"}"
authorities = "{pki / "ca.pem"}"

[central]
address = "{HOST}:{centre_port}"
retry_most_seconds = 2.0

[central.tls]
certificate = "{pki / "nap.pem"}"
key = "{pki / "nap.key"}"
authorities = "{pki / "ca.pem"}"
"""
    )
    return Process(
        f"the node of {state}", [*NODE, str(settings)], folder / f"node-{state}.log", port
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _first_line(stream: IO[str] | None) -> str:
    """What the process says first; empty when it ended or said nothing in time."""
    if stream is None or not select.select([stream], [], [], START_SECONDS)[0]:
        return ""
    return stream.readline()
