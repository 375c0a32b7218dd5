"""Which shard a person belongs to, and on which node a replica stands.

Persons never change their shard: the number of shards is fixed for the life of a cluster. Replicas
move instead, as few as it takes that no node has two more than another.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple


class Move(NamedTuple):
    """A replica of a shard leaves one node for another."""

    shard: int
    source: str
    target: str


def shard_of(reference_id: int, shards: int) -> int:
    """The shard of a person, evenly spread whatever the numbers are, and the same on every machine.

    >>> [shard_of(n, 4) for n in range(8)] == [shard_of(n, 4) for n in range(8)]
    True
    """
    # 64 bits of the hash, so that the remainder favours no shard noticeably.
    digest = blake2b(reference_id.to_bytes(8, "little"), digest_size=8).digest()
    return int.from_bytes(digest, "little") % shards


def choose_node(
    shard: int, placement: Mapping[int, Sequence[str]], nodes: Collection[str]
) -> str | None:
    """The emptiest node without a replica of the shard, None where every node has one.

    >>> choose_node(0, {0: ["a"], 1: ["b"]}, ["a", "b", "c"])
    'c'
    """
    open_nodes = [node for node in nodes if node not in placement[shard]]
    load = count_replicas(placement, nodes)
    return min(open_nodes, key=lambda node: (load[node], node), default=None)


def find_move(placement: Mapping[int, Sequence[str]], nodes: Collection[str]) -> Move | None:
    """The next move towards an even load, None where no two nodes are two replicas apart.

    >>> find_move({0: ["a", "b"], 1: ["a", "b"]}, ["a", "b", "c"])
    Move(shard=0, source='a', target='c')
    >>> find_move({0: ["b", "c"], 1: ["a", "b"]}, ["a", "b", "c"]) is None
    True
    """
    load = count_replicas(placement, nodes)
    for target in sorted(nodes, key=lambda node: (load[node], node)):
        for source in sorted(nodes, key=lambda node: (-load[node], node)):
            if load[source] - load[target] < 2:
                break
            for shard, held in sorted(placement.items()):
                if source in held and target not in held:
                    return Move(shard, source, target)
    return None


def count_replicas(
    placement: Mapping[int, Sequence[str]], nodes: Collection[str]
) -> dict[str, int]:
    """Replicas on each node."""
    load = dict.fromkeys(nodes, 0)
    for held in placement.values():
        for node in held:
            if node in load:
                load[node] += 1
    return load
