"""Several Ray nodes emulated on this machine, for tests and benchmarks of the cluster."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ray

from matcher.cluster import SETTINGS, connect, list_nodes

PATIENCE_SECONDS = 60
"""For what takes seconds on an idle machine; beyond, something hangs."""

OBJECT_STORE_BYTES = 100_000_000
"""The least that Ray takes is 75 MiB; references and candidates never go through it."""

PORTS = (
    "metrics_agent_port",
    "metrics_export_port",
    "dashboard_agent_listen_port",
    "runtime_env_agent_port",
)
"""Ports of a node that are named beforehand."""


@dataclass(slots=True)
class Machines:
    """The emulated nodes. session: the folder that they share; joined: all but the head, which
    is never killed, since it is what knows of the others."""

    cluster: Any
    session: Path
    joined: list[Any] = field(default_factory=list)

    def join(self) -> None:
        """Start a node and wait until all know it."""
        before = len(list_nodes())
        self.joined.append(self.cluster.add_node(**_describe_node(self.session)))
        wait_for(lambda: len(list_nodes()) == before + 1)

    def kill(self) -> None:
        """Kill the node that joined first, with all its processes."""
        self.cluster.remove_node(self.joined.pop(0), allow_graceful=False)


@contextmanager
def emulate() -> Iterator[Machines]:
    """One node, and the means to start and kill others."""
    os.environ.update(SETTINGS)
    from ray.cluster_utils import Cluster  # noqa: PLC0415 - after the switch above

    with ExitStack() as running:
        # Not a folder of longer path, which no socket could have.
        folder = Path(running.enter_context(TemporaryDirectory(prefix="ray")))
        # Where Ray notes the address, in a folder that it does not make: none of another cluster.
        (folder / "ray").mkdir()
        os.environ["RAY_TMPDIR"] = str(folder)
        running.callback(os.environ.pop, "RAY_TMPDIR", None)
        session = folder / "session_of_nodes"
        head = _describe_node(session) | {"temp_dir": str(folder), "session_name": session.name}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        running.callback(cluster.shutdown)
        connect(cluster.address)
        running.callback(ray.shutdown)
        yield Machines(cluster, session)


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is so; raises TimeoutError after PATIENCE_SECONDS."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError("what was waited for did not come to pass")
        time.sleep(0.02)


def _describe_node(session: Path) -> dict[str, Any]:
    """A small node. Its ports are named beforehand, in a file where nothing else helps, since a
    raylet gives up where the agents of a node take longer than 15 s to start and to draw some."""
    with ExitStack() as drawn:
        ports = [drawn.enter_context(socket.socket()) for _ in PORTS]
        for port in ports:
            port.bind(("127.0.0.1", 0))
        numbers = {name: port.getsockname()[1] for name, port in zip(PORTS, ports, strict=True)}
    name = os.urandom(28).hex()
    session.mkdir(exist_ok=True)
    # -1: what an agent without the dashboard's dependencies writes there, for no port.
    (session / f"dashboard_agent_listen_port_{name}").write_text("-1", encoding="ascii")
    return numbers | {
        "num_cpus": 1,
        "object_store_memory": OBJECT_STORE_BYTES,
        "include_dashboard": False,
        "env_vars": {"RAY_OVERRIDE_NODE_ID_FOR_TESTING": name},
    }
