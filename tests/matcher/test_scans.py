"""The compiled scans: every kernel that the processor offers, the code for those it lacks."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from llvmlite import binding, ir

from matcher import kernels as kernels_module
from matcher.codes import COARSE_GROUPS, FINE_SLICES, FINGERS, MASKS, SPARSE, make_coarse, make_fine
from matcher.kernels import ALL_KERNELS, PORTABLE, Kernels, choose, offered
from matcher.lanes import (
    AVX2,
    AVX512,
    I8,
    I16,
    I32,
    I64,
    ROOM_BYTE,
    emit_coarse,
    emit_fine,
    write_sums,
)
from matcher.scans import (
    Best,
    CoarseProbes,
    FineProbes,
    Pieces,
    Rule,
    cut_up,
    make_best,
    make_key,
    merge,
    split_keys,
    team_up,
)

PERSONS = 96
PROBES = 7

scores = st.floats(width=32, allow_nan=False, allow_infinity=False).map(lambda x: x + 0.0)


@given(scores, scores, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_keys_order_by_score_then_row(one: float, other: float, row: int, last: int) -> None:
    keys = [int(make_key(np.float32(one), row)), int(make_key(np.float32(other), last))]
    assert (keys[0] > keys[1]) == ((one, -row) > (other, -last))
    rows, read = split_keys(np.array(keys, np.uint64))
    assert rows.tolist() == [row, last]
    assert read.tolist() == [np.float32(one), np.float32(other)]


def draw_rule(rng: np.random.Generator, partitions: int) -> Rule:
    scale = rng.random((PROBES, MASKS)).astype(np.float32) + np.float32(0.1)
    scale[:, 0] = 0
    return Rule(
        rng.integers(-500, 500, (PROBES, MASKS)).astype(np.int32),
        scale,
        rng.random((PROBES, partitions)) < 0.5,
        rng.random(PROBES) < 0.5,
    )


@dataclass(frozen=True)
class Rows:
    """A slab of which the places from first to before last are scanned, in pieces of one block."""

    codes: np.ndarray
    masks: np.ndarray
    partitions: np.ndarray
    origin: int
    first: int
    last: int

    def pieces(self, at_once: int = 10_000) -> Pieces:
        where = [one.ctypes.data for one in (self.codes, self.masks, self.partitions)]
        places = [(0, at, at + 32) for at in range(self.first, self.last, 32)]
        slabs = np.array([[*where, self.origin, SPARSE]], np.int64)
        return cut_up(slabs, places, slab_rows=len(self.masks), at_once=at_once)


def rank(rule: Rule, span: Rows, sums: Sequence[int], probe: int) -> list[tuple[int, float]]:
    """Rows and scores of one probe, by a plain loop."""
    found = []
    for place in range(span.first, span.last):
        mask = int(span.masks[place]) & (MASKS - 1)
        known = span.partitions[place] < rule.allowed.shape[1]
        wanted = rule.everywhere[probe] or (known and rule.allowed[probe, span.partitions[place]])
        if rule.scale[probe, mask] > 0 and wanted:
            total = np.float32(sums[place] + int(rule.base[probe, mask]))
            found.append((span.origin + place, float(total * rule.scale[probe, mask])))
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))


def read_best(best: Best, probe: int, length: int) -> list[tuple[int, float]]:
    rows, found = split_keys(merge([best], probe, length))
    return list(zip(rows.tolist(), found.tolist(), strict=True))


def draw_span(rng: np.random.Generator, codes: np.ndarray) -> Rows:
    masks = rng.integers(0, MASKS, PERSONS).astype(np.uint16) | np.uint16(1 << 15)
    masks[rng.random(PERSONS) < 0.1] = 0
    partitions = rng.integers(0, 4, PERSONS).astype(np.uint32)
    return Rows(codes, masks, partitions, 1000, 32, PERSONS)


@pytest.mark.parametrize("kernels", offered(), ids=lambda kernels: kernels.name)
@pytest.mark.parametrize("fingers", [range(FINGERS), [0], [3, 9], range(2, 9)])
@pytest.mark.parametrize("length", [5, PERSONS])
def test_coarse_scans_are_sums_of_table_entries(
    monkeypatch: pytest.MonkeyPatch, kernels: Kernels, fingers: Sequence[int], length: int
) -> None:
    rng = np.random.default_rng(len(fingers))
    codes = make_coarse(PERSONS)
    codes[:] = rng.integers(0, 256, codes.shape, np.uint8)
    # The largest entries everywhere for one probe: nothing runs over.
    tables = rng.integers(0, 31, (PROBES, FINGERS, COARSE_GROUPS, 16), np.uint8)
    tables[1] = 30
    span, rule = draw_span(rng, codes), draw_rule(rng, 3)
    best = make_best(rule, length)
    kernels.coarse(span.pieces(), CoarseProbes(np.array(fingers), tables), rule, best)
    for probe in range(PROBES):
        sums = [0] * PERSONS
        for place in range(PERSONS):
            block, person = divmod(place, 32)
            for finger in fingers:
                for group in range(COARSE_GROUPS):
                    byte = codes[block, COARSE_GROUPS * finger + group, person % 16]
                    nibble = byte >> 4 if person >= 16 else byte & 15
                    sums[place] += int(tables[probe, finger, group, nibble])
        assert read_best(best, probe, length) == rank(rule, span, sums, probe)[:length]


@pytest.mark.parametrize("kernels", offered(), ids=lambda kernels: kernels.name)
@pytest.mark.parametrize("fingers", [range(FINGERS), [0], [3, 9]])
@pytest.mark.parametrize("lacking", [0.0, 0.5], ids=["all asked", "half of them asked"])
def test_fine_scans_are_weighted_products(
    kernels: Kernels, fingers: Sequence[int], lacking: float
) -> None:
    rng = np.random.default_rng(len(fingers))
    codes = make_fine(PERSONS)
    codes[:] = rng.integers(0, 256, codes.shape, np.uint8)
    # The largest products everywhere for one person and two probes: nothing runs over.
    codes[:, 3, :, :4] = 255
    vectors = rng.integers(-127, 128, (PROBES, FINGERS, 128)).astype(np.int8)
    weights = rng.integers(0, 17, (PROBES, FINGERS)).astype(np.int32)
    weights[rng.random(weights.shape) < lacking] = 0
    vectors[1], vectors[2], weights[1:3] = 127, -127, 16
    weights[:, np.setdiff1d(np.arange(FINGERS), fingers)] = 0
    span, rule = draw_span(rng, codes), draw_rule(rng, 3)
    best = make_best(rule, PERSONS)
    kernels.fine(span.pieces(), team_up(vectors, weights), rule, best)
    pieces = codes.reshape(FINGERS, PERSONS // 16, FINE_SLICES, 16, 4).astype(np.int64)
    low, high = pieces & 15, pieces >> 4
    # From [finger, block, piece, person, j] to [finger, person, dimension].
    nibbles = np.stack([low, high], axis=4).transpose(0, 1, 3, 2, 4, 5)
    nibbles = nibbles.reshape(FINGERS, PERSONS, 128)
    for probe in range(PROBES):
        products = np.einsum("fpd,fd->fp", nibbles, vectors[probe].astype(np.int64))
        sums = (products * weights[probe][:, None]).sum(axis=0).tolist()
        assert read_best(best, probe, PERSONS) == rank(rule, span, sums, probe)


def test_a_finger_is_asked_by_those_who_have_it_four_together_and_the_rest_alone() -> None:
    weights = np.zeros((PROBES, FINGERS), np.int32)
    weights[[0, 2, 3, 5, 6], 4] = weights[1, 9] = 7
    teams = team_up(np.zeros((PROBES, FINGERS, 128), np.int8), weights).teams
    assert teams.tolist() == [[4, 0, 2, 3, 5], [4, 6, -1, -1, -1], [9, 1, -1, -1, -1]]
    nobody = team_up(np.zeros((1, FINGERS, 128), np.int8), np.zeros((1, FINGERS), np.int32))
    assert nobody.teams.shape == (0, 5)


@pytest.mark.parametrize("kernels", offered(), ids=lambda kernels: kernels.name)
def test_a_list_that_overflows_keeps_the_best(
    monkeypatch: pytest.MonkeyPatch, kernels: Kernels
) -> None:
    rng = np.random.default_rng(3)
    persons, length = 6400, 40
    codes = make_fine(persons)
    codes[:] = rng.integers(17, 256, codes.shape, np.uint8)
    shape = PROBES, FINGERS
    vectors = rng.integers(-20, 21, (*shape, 128)).astype(np.int8)
    weights = rng.integers(0, 17, shape).astype(np.int32)
    masks = rng.integers(0, MASKS, persons).astype(np.uint16)
    span = Rows(codes, masks, np.zeros(persons, np.uint32), 7, 0, persons)
    rule = draw_rule(rng, 3)
    probes = team_up(vectors, weights)
    short, whole = make_best(rule, length), make_best(rule, persons)
    kernels.fine(span.pieces(), probes, rule, short)
    kernels.fine(span.pieces(), probes, rule, whole)
    for probe in range(PROBES):
        assert short.limits[probe] > 0 or not short.counts[probe]
        assert whole.limits[probe] == 0
        assert read_best(short, probe, length) == read_best(whole, probe, length)


@pytest.mark.parametrize("kernels", offered(), ids=lambda kernels: kernels.name)
@pytest.mark.parametrize("coarse", [True, False], ids=["coarse", "fine"])
def test_threads_share_the_pieces_and_each_is_taken_once(kernels: Kernels, coarse: bool) -> None:
    rng = np.random.default_rng(4)
    persons, rule = 64_000, draw_rule(rng, 3)
    codes = make_coarse(persons) if coarse else make_fine(persons)
    codes[:] = rng.integers(0, 256, codes.shape, np.uint8)
    tables = rng.integers(0, 31, (PROBES, FINGERS, COARSE_GROUPS, 16), np.uint8)
    vectors = rng.integers(-127, 128, (PROBES, FINGERS, 128)).astype(np.int8)
    probes = team_up(vectors, np.ones((PROBES, FINGERS), np.int32))
    masks = np.full(persons, MASKS - 1, np.uint16)
    slab = Rows(codes, masks, np.zeros(persons, np.uint32), 0, 0, persons)

    def scan(pieces: Pieces, best: Best) -> int:
        calls = 0
        while pieces.taken[0] < len(pieces.places):
            calls += 1
            if coarse:
                kernels.coarse(pieces, CoarseProbes(np.arange(FINGERS), tables), rule, best)
            else:
                kernels.fine(pieces, probes, rule, best)
        return calls

    alone = make_best(rule, persons)
    assert scan(slab.pieces(), alone) == 1
    bests = [make_best(rule, persons) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        shared = slab.pieces(at_once=50)
        calls = sum(pool.map(partial(scan, shared), bests))
    # Two thousand pieces, fifty to a call; a thread may come once more when all are taken.
    assert 40 <= calls <= 43
    for probe in range(PROBES):
        whole = merge([alone], probe, persons)
        assert len(whole) == (persons if rule.everywhere[probe] or rule.allowed[probe, 0] else 0)
        np.testing.assert_array_equal(merge(bests, probe, persons), whole)


def test_kernels_that_disagree_are_not_taken(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def wrong(pieces: Pieces, probes: FineProbes, rule: Rule, best: Best) -> None:
        PORTABLE.fine(pieces, probes, rule, best)
        best.keys[0, 0] += np.uint64(1 << 32)

    broken = Kernels("broken", frozenset(), PORTABLE.coarse, wrong)
    monkeypatch.setattr(kernels_module, "offered", lambda: (broken, PORTABLE))
    with caplog.at_level(logging.WARNING):
        assert choose.__wrapped__() is PORTABLE
    assert "broken" in caplog.text


def test_kernels_are_offered_by_the_features_compiled_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose() is offered()[0]
    for features, names in {
        "+avx2,-avx512f": ["avx2", "portable"],
        "": ["portable"],
        "+avx2,+avx512f,+avx512bw,+avx512vnni": ["avx512", "avx2", "portable"],
        "+avx2,+avx512f,+avx512bw": ["avx2", "portable"],
    }.items():
        monkeypatch.setattr("numba.core.config.CPU_FEATURES", features)
        assert [kernels.name for kernels in offered()] == names
    assert ALL_KERNELS[-1] is PORTABLE


def assemble(
    arguments: list[object], body: Callable[[ir.IRBuilder, Sequence[object]], None]
) -> str:
    """Machine code for a processor that this one need not be."""
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), "kernel")
    builder = ir.IRBuilder(function.append_basic_block())
    body(builder, function.args)
    builder.ret_void()
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    parsed = binding.parse_assembly(str(module))
    target = binding.Target.from_triple(binding.get_default_triple())
    machine = target.create_target_machine(cpu="icelake-server", opt=3)
    return str(machine.emit_assembly(parsed))


@pytest.mark.parametrize(("width", "register"), [(AVX2, "ymm"), (AVX512, "zmm")])
def test_coarse_codes_are_looked_up_in_whole_registers(width: int, register: str) -> None:
    pointers = [I8.as_pointer(), I64.as_pointer(), I64, I8.as_pointer(), I16.as_pointer()]

    def body(builder: ir.IRBuilder, given: Sequence[object]) -> None:
        (halves,) = emit_coarse(builder, given[0], (given[1], given[2]), [given[3]], width=width)
        write_sums(builder, halves, given[4])

    lines = [line for line in assemble(pointers, body).splitlines() if "vpshufb" in line]
    per_finger = 2 * 16 * COARSE_GROUPS // width
    # Fingers that bytes can add up come together, and one by one where some are left.
    together = 2 * ROOM_BYTE // per_finger
    assert sum(register in line for line in lines) == per_finger * (together + 1)


@pytest.mark.parametrize(("width", "instruction"), [(AVX2, "vpmaddubsw"), (AVX512, "vpdpbusd")])
def test_fine_codes_are_multiplied_in_whole_registers(width: int, instruction: str) -> None:
    pointers = [I8.as_pointer(), I8.as_pointer(), I32, I32.as_pointer()]

    def body(builder: ir.IRBuilder, given: Sequence[object]) -> None:
        emit_fine(builder, given[0], [(given[1], given[2], given[3])], width=width)

    lines = [line for line in assemble(pointers, body).splitlines() if instruction in line]
    register = "ymm" if width == AVX2 else "zmm"
    assert lines
    assert all(register in line for line in lines)
