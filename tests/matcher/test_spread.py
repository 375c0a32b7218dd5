"""Where persons and replicas go: evenly, and with as few moves as that takes."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from matcher.spread import choose_node, count_replicas, find_move, shard_of

NODES = "abcdefg"


def place(shards: int, nodes: str) -> dict[int, list[str]]:
    """Two replicas of each shard, one after the other."""
    placement: dict[int, list[str]] = {shard: [] for shard in range(shards)}
    for shard in range(shards):
        for _ in range(2):
            node = choose_node(shard, placement, nodes)
            assert node is not None
            placement[shard].append(node)
    return placement


def test_persons_spread_evenly_even_where_their_numbers_do_not() -> None:
    counts = Counter(shard_of(1000 * number, 4) for number in range(8000))
    # Six standard deviations of a fair spread, 38.7 each.
    assert all(abs(count - 2000) < 233 for count in counts.values())
    assert set(counts) == {0, 1, 2, 3}


@given(shards=st.integers(1, 12), before=st.integers(2, 5), joined=st.integers(0, 2))
def test_moves_end_in_an_even_load_of_distinct_nodes(shards: int, before: int, joined: int) -> None:
    placement = place(shards, NODES[:before])
    nodes = NODES[: before + joined]
    moves = 0
    while (move := find_move(placement, nodes)) is not None:
        held = placement[move.shard]
        held[held.index(move.source)] = move.target
        # Each fills a node that lacks one, so there are never more than a node's fair share.
        moves += 1
        assert moves <= joined * (2 * shards // len(nodes) + 1)
    load = count_replicas(placement, nodes)
    assert max(load.values()) - min(load.values()) <= 1
    assert all(len(set(held)) == 2 for held in placement.values())


def test_a_node_takes_no_second_replica_of_a_shard() -> None:
    assert choose_node(0, {0: ["a", "b"]}, ["a", "b"]) is None
