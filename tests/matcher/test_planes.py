"""The vector stage against plain loops: every mask, partitions, ties, erasure, threads."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from matcher.codes import (
    ALL_FINGERS,
    DIMENSIONS,
    FINE_STEP,
    FINGERS,
    UNITS,
    Vectors,
    find_nibble,
    quantise,
    restore,
)
from matcher.errors import Abandoned, ScratchUnusable
from matcher.kernels import offered
from matcher.planes import Planes, Shortlist, cut_together, keep_best
from matcher.probes import IMPOSTOR_SIGMA, Query
from matcher.slabs import Kind

SLAB = 96

LEVELS = np.array([find_nibble(value) - 8 for value in range(-128, 128)])
"""Level of every value of the stored form, by value + 128."""

SPREAD = np.exp(-np.arange(DIMENSIONS) / 74)
"""Falls as the real ones do: cosines of strangers then scatter by about IMPOSTOR_SIGMA."""


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(3) as pool:
        yield pool


@pytest.fixture
def planes(pool: ThreadPoolExecutor) -> Planes:
    return Planes(pool, threads=2, slab_rows=SLAB)


def draw_vectors(rng: np.random.Generator) -> Vectors:
    vectors = (rng.normal(size=(FINGERS, DIMENSIONS)) * SPREAD).astype(np.float32)
    return quantise(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def draw_mate(rng: np.random.Generator, vectors: Vectors, cosine: float) -> Vectors:
    """Vectors at about this cosine."""
    other = restore(draw_vectors(rng))
    mixed = cosine * restore(vectors) + np.sqrt(1 - cosine**2) * other
    return quantise(mixed / np.linalg.norm(mixed, axis=1, keepdims=True))


def ask(
    vectors: Vectors, weights: Sequence[int], partitions: frozenset[int] | None = None
) -> Query:
    weighed = np.array(weights)
    return Query(vectors * (weighed > 0)[:, None].astype(np.int8), weighed, partitions)


@dataclass(slots=True)
class Loop:
    """The same, stupidly: what is held by row, compared one by one."""

    held: dict[int, tuple[Vectors, int, int]] = field(default_factory=dict)

    def score(self, query: Query, row: int) -> np.float32:
        if row not in self.held:
            return np.float32(-np.inf)
        vectors, mask, partition = self.held[row]
        wanted = query.partitions is None or partition in query.partitions
        total, squares = 0, 0
        for finger in range(FINGERS):
            weight = int(query.weights[finger])
            if weight and mask >> finger & 1:
                levels = LEVELS[vectors[finger].astype(int) + 128]
                total += weight * int((levels * query.vectors[finger].astype(int)).sum())
                squares += weight**2
        if squares == 0 or not wanted:
            return np.float32(-np.inf)
        scale = np.float32(FINE_STEP / UNITS**2 / IMPOSTOR_SIGMA / np.sqrt(squares))
        return np.float32(np.float32(total) * scale)

    def scan(self, query: Query, length: int) -> list[tuple[int, np.float32]]:
        pairs = [(row, self.score(query, row)) for row in self.held]
        found = [pair for pair in pairs if pair[1] > -np.inf]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:length]


def enrol(planes: Planes, loop: Loop, vectors: Vectors, mask: int, partition: int) -> int:
    row = planes.open_row(planes.kind_of(mask))
    planes.write(row, vectors, mask=mask, partition=partition)
    loop.held[row] = vectors, mask, partition
    return row


def fill(planes: Planes, rng: np.random.Generator, count: int) -> Loop:
    """Persons with every kind of mask, many of them with most fingers, in three partitions."""
    loop = Loop()
    for _ in range(count):
        mask = int(rng.integers(0, ALL_FINGERS + 1))
        mask |= int(rng.integers(0, ALL_FINGERS + 1)) if rng.random() < 0.7 else 0
        enrol(planes, loop, draw_vectors(rng), mask, int(rng.integers(0, 3)) * 2**60)
    return loop


def read(shortlist: Shortlist) -> list[tuple[int, np.float32]]:
    return list(zip(shortlist.rows.tolist(), shortlist.scores, strict=True))


QUERIES = {
    "ten": ([16, 1, 3, 7, 9, 2, 4, 8, 5, 6], None),
    "one": ([0, 0, 0, 5, 0, 0, 0, 0, 0, 0], None),
    "two": ([0, 3, 0, 0, 0, 0, 0, 0, 16, 0], frozenset({0, 2**60})),
    "four": ([0, 3, 3, 3, 3, 0, 0, 0, 0, 0], frozenset({2**61})),
    "nowhere": ([1] * 10, frozenset({77})),
    "none": ([0] * 10, None),
}


@pytest.mark.parametrize("length", [1, 20, 1000])
def test_scans_are_those_of_a_plain_loop(planes: Planes, length: int) -> None:
    rng = np.random.default_rng(length)
    loop = fill(planes, rng, 500)
    queries = [ask(draw_vectors(rng), weights, where) for weights, where in QUERIES.values()]
    batch = planes.scan_fine(queries, length)
    for query, shortlist in zip(queries, batch, strict=True):
        assert read(shortlist) == loop.scan(query, length)
        assert read(planes.scan_fine([query], length)[0]) == loop.scan(query, length)
    # A coarse list with room for everyone leaves nobody out.
    if length >= 500:
        for query, shortlist in zip(queries, planes.scan_coarse(queries, length), strict=True):
            assert read(shortlist) == loop.scan(query, length)
    rows = np.array(sorted(loop.held))
    for query in queries:
        assert planes.score(query, rows).tolist() == [loop.score(query, row) for row in rows]


def test_batches_are_single_searches(planes: Planes) -> None:
    rng = np.random.default_rng(2)
    fill(planes, rng, 600)
    queries = [ask(draw_vectors(rng), rng.integers(0, 17, FINGERS).tolist()) for _ in range(7)]
    for scan in (planes.scan_coarse, planes.scan_fine):
        singly = [read(scan([query], 30)[0]) for query in queries]
        assert [read(shortlist) for shortlist in scan(queries, 30)] == singly
    assert planes.scan_coarse([], 5) == planes.scan_fine([], 5) == []


@pytest.mark.parametrize("kernels", offered(), ids=lambda kernels: kernels.name)
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_and_processors_change_nothing(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch, kernels: object, threads: int
) -> None:
    monkeypatch.setattr("matcher.planes.COARSE_PIECE", 32)
    monkeypatch.setattr("matcher.planes.FINE_PIECE", 64)
    results = []
    for count, choice in ((threads, kernels), (1, offered()[-1])):
        monkeypatch.setattr("matcher.planes.choose", lambda choice=choice: choice)
        planes = Planes(pool, threads=count, slab_rows=SLAB)
        rng = np.random.default_rng(3)
        fill(planes, rng, 900)
        queries = [ask(draw_vectors(rng), rng.integers(0, 17, FINGERS).tolist()) for _ in range(5)]
        lists = planes.scan_coarse(queries, 17) + planes.scan_fine(queries, 17)
        results.append([read(shortlist) for shortlist in lists])
    assert results[0] == results[1]


@pytest.mark.parametrize("length", [3, 40])
def test_where_scores_are_equal_the_first_rows_are_listed(
    planes: Planes, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    rng = np.random.default_rng(4)
    loop, twin, other = Loop(), draw_vectors(rng), draw_vectors(rng)
    for number in range(4000):
        enrol(planes, loop, other if number % 3 else twin, ALL_FINGERS, 0)
    rows = sorted(row for row, held in loop.held.items() if held[0] is twin)[:length]
    query = ask(twin, [1] * 10)
    for scan in (planes.scan_coarse, planes.scan_fine):
        shortlist = scan([query], length)[0]
        assert shortlist.rows.tolist() == rows
        assert len(set(shortlist.scores.tolist())) == 1


def test_absent_fingers_add_nothing(planes: Planes) -> None:
    rng = np.random.default_rng(5)
    vectors, loop = draw_vectors(rng), Loop()
    others = draw_vectors(rng)
    dense = enrol(planes, loop, vectors, ALL_FINGERS ^ 0b11, 0)
    for mask in (ALL_FINGERS ^ 0b11, 0b1000, 0b1100):
        row = enrol(planes, loop, vectors, mask, 0)
        seen = np.array([mask >> finger & 1 for finger in range(FINGERS)], np.int8)
        mixed = np.where(seen[:, None] > 0, others, draw_vectors(rng)).astype(np.int8)
        # What the probe says about the fingers that a person lacks does not change the score.
        pair = [ask(others, [4] * 10), ask(mixed, [4] * 10), ask(others, (4 * seen).tolist())]
        scores = [planes.score(query, np.array([row]))[0] for query in pair]
        assert scores[0] == scores[1] == scores[2]
        assert scores[0] == dict(read(planes.scan_fine(pair, 9)[0]))[row]
    assert planes.score(ask(vectors, [1, 1] + [0] * 8), np.array([dense]))[0] == -np.inf


@pytest.mark.parametrize("mask", [0b0000000010, 0b0001000010, ALL_FINGERS, ALL_FINGERS ^ 0b11])
def test_a_person_is_found_whatever_the_fingers(planes: Planes, mask: int) -> None:
    rng = np.random.default_rng(mask)
    loop = fill(planes, rng, 3000)
    person = draw_vectors(rng)
    row = enrol(planes, loop, person, mask, 0)
    probe = ask(draw_mate(rng, person, 0.7), [5] * 10)
    for scan in (planes.scan_coarse, planes.scan_fine):
        assert scan([probe], 10)[0].rows[0] == row


def test_strangers_scatter_by_one_whatever_the_fingers(planes: Planes) -> None:
    rng = np.random.default_rng(6)
    loop = fill(planes, rng, 2500)
    rows = np.array(sorted(loop.held))
    many = np.array([loop.held[row][1].bit_count() for row in rows])
    scores = planes.score(ask(draw_vectors(rng), [3] * 10), rows)
    for low, high in ((1, 3), (4, 7), (8, 10)):
        assert scores[(many >= low) & (many <= high)].std() == pytest.approx(1, abs=0.15)


def all_bytes(planes: Planes) -> list[NDArray[np.generic]]:
    arrays = [(s.coarse, s.fine, s.masks, s.partitions) for s in planes.slabs]
    return [array for slab in arrays for array in slab if array is not None]


def test_erasure_leaves_no_code(planes: Planes) -> None:
    rng = np.random.default_rng(7)
    loop = fill(planes, rng, 300)
    assert any(array.any() for array in all_bytes(planes))
    for row in loop.held:
        planes.clear(row)
    assert not any(array.any() for array in all_bytes(planes))
    assert planes.scan_fine([ask(draw_vectors(rng), [1] * 10)], 5)[0].rows.tolist() == []


def test_codes_in_scratch_files_answer_like_those_in_memory(
    pool: ThreadPoolExecutor, planes: Planes, tmp_path: Path
) -> None:
    mapped = Planes(pool, threads=2, slab_rows=SLAB, scratch=tmp_path)
    for held in (planes, mapped):
        loop = fill(held, np.random.default_rng(12), 400)
        for row in sorted(loop.held)[::3]:
            held.clear(row)
    rng = np.random.default_rng(13)
    queries = [ask(draw_vectors(rng), weights, where) for weights, where in QUERIES.values()]
    rows = np.arange(300)
    for query in queries:
        assert mapped.score(query, rows).tolist() == planes.score(query, rows).tolist()
    for length in (7, 1000):
        one, other = (held.scan_coarse(queries, length) for held in (planes, mapped))
        assert [read(found) for found in one] == [read(found) for found in other]
        one, other = (held.scan_fine(queries, length) for held in (planes, mapped))
        assert [read(found) for found in one] == [read(found) for found in other]
    # The fine codes are pages of files that nobody else can open.
    assert not list(tmp_path.iterdir())
    ours = [
        line for line in Path("/proc/self/maps").read_text().splitlines() if f"{tmp_path}/" in line
    ]
    assert len(ours) == sum(slab.fine is not None for slab in mapped.slabs) > 2
    with pytest.raises(ScratchUnusable, match="No such file"):
        Planes(pool, threads=1, scratch=tmp_path / "absent").open_row(Kind.DENSE)


def test_the_disk_of_scratch_files_is_claimed_at_once(
    pool: ThreadPoolExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapped = Planes(pool, threads=1, slab_rows=SLAB, scratch=tmp_path)
    claimed: list[tuple[int, int]] = []
    monkeypatch.setattr("os.posix_fallocate", lambda _, *span: claimed.append(span))
    mapped.open_row(Kind.WHOLE)
    assert claimed == [(0, SLAB * 640)]


def test_rows_are_used_again_only_once_they_are_free(planes: Planes) -> None:
    rng, loop = np.random.default_rng(8), Loop()
    row = enrol(planes, loop, draw_vectors(rng), ALL_FINGERS, 0)
    with pytest.raises(ValueError, match="cleared"):
        planes.free(row)
    planes.clear(row)
    assert planes.open_row(Kind.WHOLE) != row
    planes.free(row)
    for other in (Kind.DENSE, Kind.SPARSE):
        assert planes.open_row(other) != row
    assert planes.open_row(Kind.WHOLE) == row


def test_a_row_takes_only_persons_of_its_kind(planes: Planes) -> None:
    vectors = np.zeros((FINGERS, DIMENSIONS), np.int8)
    wrong = ((Kind.WHOLE, ALL_FINGERS - 1), (Kind.DENSE, ALL_FINGERS), (Kind.SPARSE, 0))
    for kind, mask in (*wrong, (Kind.BARE, 1), (Kind.BARE, 1 << 10)):
        with pytest.raises(ValueError, match="kind"):
            planes.write(planes.open_row(kind), vectors, mask=mask, partition=0)


def test_persons_without_vectors_are_listed_by_partition(planes: Planes) -> None:
    rng = np.random.default_rng(9)
    loop = fill(planes, rng, 50)
    bare = [enrol(planes, loop, draw_vectors(rng), 0, partition) for partition in (5, 6, 5)]
    assert planes.select({5}).tolist() == [bare[0], bare[2]]
    assert planes.select(kinds={Kind.BARE}).tolist()[-3:] == bare
    assert planes.select().tolist() == sorted(loop.held)
    planes.assign(bare[1], 5)
    planes.clear(bare[0])
    assert planes.select({5, 99}).tolist() == bare[1:]
    assert planes.score(ask(draw_vectors(rng), [1] * 10), np.array(bare))[0] == -np.inf


def test_a_row_on_several_lists_takes_one_place() -> None:
    def shortlist(**scores: float) -> Shortlist:
        rows = [int(name.removeprefix("row")) for name in scores]
        return Shortlist(np.array(rows, np.int64), np.array(list(scores.values()), np.float32))

    lists = [shortlist(row1=9, row2=8, row3=4), shortlist(row2=8.5, row1=8, row4=5, row3=4.5)]
    both = keep_best(lists)
    assert both.rows.tolist() == [1, 2, 4, 3]
    assert both.scores.tolist() == [9, 8.5, 5, 4.5]
    named = [one.rows.tolist() for one in cut_together(lists, 3)]
    assert named == [[1, 2], [2, 1, 4]]
    assert cut_together(lists, 4) == lists
    assert [one.rows.tolist() for one in cut_together(lists[:1], 2)] == [[1, 2]]
    assert not len(keep_best([]).rows)


@pytest.mark.parametrize("probes", [1, 4], ids=["one probe", "four"])
@pytest.mark.parametrize("coarse", [True, False], ids=["coarse", "fine"])
def test_the_deadline_is_looked_at_more_often_for_more_probes(
    planes: Planes, monkeypatch: pytest.MonkeyPatch, probes: int, coarse: bool
) -> None:
    rng = np.random.default_rng(10)
    fill(planes, rng, 1000)
    monkeypatch.setattr("matcher.planes.COARSE_PIECE", 32)
    monkeypatch.setattr("matcher.planes.FINE_PIECE", 32)
    monkeypatch.setattr("matcher.planes.PIECES_AT_ONCE", 8)
    looks: list[bool] = []

    def look() -> bool:
        looks.append(True)
        return False

    scan = planes.scan_coarse if coarse else planes.scan_fine
    scan([ask(draw_vectors(rng), [1] * 10)] * probes, 5, deadline=look)
    pieces = sum(
        -(-slab.used // 32) for slab in planes.slabs if slab.kind in (Kind.WHOLE, Kind.DENSE)
    )
    pieces += 0 if coarse else sum(-(-s.used // 32) for s in planes.slabs if s.kind is Kind.SPARSE)
    assert len(looks) >= pieces // (8 // probes)


def test_a_passed_deadline_abandons(planes: Planes, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(10)
    fill(planes, rng, 200)
    query = ask(draw_vectors(rng), [1] * 10)
    for scan in (planes.scan_coarse, planes.scan_fine):
        with pytest.raises(Abandoned):
            scan([query], 5, deadline=lambda: True)
        assert len(scan([query], 5, deadline=lambda: False)[0].rows) == 5
    # In the middle of a scan too, though not between any two pieces.
    monkeypatch.setattr("matcher.planes.FINE_PIECE", 32)
    for at_once, ends in ((1, True), (1000, False)):
        monkeypatch.setattr("matcher.planes.PIECES_AT_ONCE", at_once)
        asked = iter([False] * 4)
        with pytest.raises(Abandoned) if ends else nullcontext():
            planes.scan_fine([query], 5, deadline=lambda: next(asked, True))  # noqa: B023


def test_memory_per_person_is_as_documented(planes: Planes) -> None:
    many = 640 + 40 + 6
    sizes = (Kind.WHOLE, many), (Kind.DENSE, many), (Kind.SPARSE, 640 + 6), (Kind.BARE, 6)
    for kind, size in sizes:
        before = planes.bytes_used()
        planes.open_row(kind)
        assert planes.bytes_used() - before == size


def test_wrong_requests_are_refused(pool: ThreadPoolExecutor, planes: Planes) -> None:
    vectors = np.zeros((FINGERS, DIMENSIONS), np.int8)
    for weights in ([17] * 10, [1] * 9, [-1] * 10, [0.5] * 10):
        with pytest.raises(ValueError, match="weights"):
            Query(vectors, np.array(weights))
    with pytest.raises(ValueError, match="int8"):
        Query(vectors.astype(np.int16), np.ones(10, int))
    with pytest.raises(ValueError, match="room"):
        planes.scan_fine([Query(vectors, np.ones(10, int))], 0)
    with pytest.raises(ValueError, match="multiple"):
        Planes(pool, threads=1, slab_rows=33)


steps = st.lists(
    st.tuples(st.sampled_from(["enrol", "clear", "move"]), st.integers(0, ALL_FINGERS)),
    min_size=1,
    max_size=60,
)


@settings(max_examples=40)
@given(steps=steps, seed=st.integers(0, 2**32 - 1))
def test_whatever_happens_the_scan_sees_what_is_held(
    steps: list[tuple[str, int]], seed: int
) -> None:
    rng, loop = np.random.default_rng(seed), Loop()
    with ThreadPoolExecutor(2) as pool:
        planes = Planes(pool, threads=2, slab_rows=32)
        for what, mask in steps:
            if what == "enrol" or not loop.held:
                enrol(planes, loop, draw_vectors(rng), mask, mask % 3)
                continue
            row = int(rng.choice(sorted(loop.held)))
            if what == "move":
                planes.assign(row, 9)
                loop.held[row] = (*loop.held[row][:2], 9)
            else:
                planes.clear(row)
                planes.free(row)
                del loop.held[row]
        for where in (None, frozenset({9, 1})):
            query = ask(draw_vectors(rng), rng.integers(0, 17, FINGERS).tolist(), where)
            expected = loop.scan(query, 100)
            assert read(planes.scan_fine([query], 100)[0]) == expected
            assert read(planes.scan_coarse([query], 100)[0]) == expected


def test_several_lists_are_cut_to_what_is_best_of_all_together() -> None:
    def make(first: int, *scores: float) -> Shortlist:
        return Shortlist(first + np.arange(len(scores)), np.array(scores, np.float32))

    lists = [make(0, 9, 5, 2), make(3, 8, 7, 6, 1), make(7)]
    cut = [one.scores.tolist() for one in cut_together(lists, 4)]
    assert cut == [[9], [8, 7, 6], []]
    assert cut_together(lists, 7) == lists
