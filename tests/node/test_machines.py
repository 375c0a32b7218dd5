"""A node whose gallery lies on several machines: answered as from one, refused as a whole.

It starts a dozen processes, which takes minutes:

    pytest -m campaign tests/node/test_machines.py
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interfaces.pb.eurodac.central.v1 import terms_pb2
from interfaces.pb.eurodac.nap.v1 import nap_pb2
from matcher.engine import Engine
from node import assembly, enrolment, identification, server
from node.access import Actor
from node.assembly import Node
from node.enrolment import Enrolment
from node.errors import NotReady, SettingsWrong
from node.loading import spread_gallery
from node.settings import GallerySettings
from node.station import Station, StationError
from node.store import Store, running

DESK = "C=DK,O=Unit 1,OU=ASYLUM_DESK,CN=anna"


def test_a_cluster_without_ray_is_a_wrong_setting(
    store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    for module in [name for name in sys.modules if name.startswith("matcher.cluster")]:
        monkeypatch.delitem(sys.modules, module)
    with pytest.raises(SettingsWrong, match=r"gallery\.cluster: wants Ray; install"):
        spread_gallery(store, engine, "127.0.0.1:9")


@pytest.fixture
def cluster() -> Iterator[str]:
    """The address of two emulated machines."""
    pytest.importorskip("ray", reason="the extra `cluster` is not installed")
    from benchmarks.machines import emulate  # noqa: PLC0415 - imports Ray

    with emulate() as machines:
        machines.join()
        yield machines.cluster.address


@pytest.mark.campaign
def test_a_node_searches_several_machines_or_refuses(
    *,
    cluster: str,
    open_at: Callable[..., Node],
    tmp_path: Path,
    station: Actor,
    desk: Actor,
    enrolment_of: Callable[..., Enrolment],
    capture_of: Callable[..., terms_pb2.Capture],
) -> None:
    import ray  # noqa: PLC0415 - of an extra

    machines = GallerySettings(cluster)
    alone = open_at(tmp_path / "dk")
    number = enrolment.enrol(alone, station, enrolment_of(1)).reference_number
    held = alone.gallery.digest()
    assembly.close(alone)
    # What the store holds is found on the machines, and what comes later as well.
    node = open_at(tmp_path / "dk", gallery=machines, unsafe_plaintext=True, listen="127.0.0.1:0")
    assert node.cluster is not None
    assert node.gallery.digest() == held
    found = identification.identify(node, desk, capture_of(1, 1))
    assert [one.reference_number for one in found.candidates] == [number]
    second = enrolment.enrol(node, station, enrolment_of(2)).reference_number
    found = identification.identify(node, desk, capture_of(2, 1))
    assert [one.reference_number for one in found.candidates] == [second]
    with node.store.read() as transaction:
        assert running.read(transaction) == node.gallery.digest() != held
    assert assembly.gallery_agrees(node)
    # A shard that lost all replicas: refused until the node itself has filled it again.
    serving = server.serve(node)
    line = Station(f"127.0.0.1:{serving.doorway.port}", identity=None, actor=DESK)
    request = nap_pb2.IdentifyRequest(capture=capture_of(1, 1))
    for copy in node.cluster._shards[0].copies:
        ray.kill(copy.actor)
    with pytest.raises(StationError) as refused:
        line.call("Identify", request)
    assert refused.value.code == "UNAVAILABLE"
    from benchmarks.machines import wait_for  # noqa: PLC0415 - imports Ray

    whole = node.cluster
    wait_for(lambda: all(len(nodes) == 2 for nodes in whole.placement.values()))
    assert len(line.call("Identify", request).candidates) == 1
    line.close()
    serving.stop()


@pytest.mark.campaign
def test_a_store_that_differs_from_the_machines_is_not_served(
    cluster: str, open_at: Callable[..., Node], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matcher.cluster import ClusterGallery  # noqa: PLC0415 - imports Ray

    monkeypatch.setattr(ClusterGallery, "digest", lambda _: bytes(31) + b"\1")
    with pytest.raises(NotReady, match="does not hold what the store holds"):
        open_at(tmp_path / "dk", gallery=GallerySettings(cluster))
