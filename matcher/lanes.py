"""The innermost steps of the scans, written as LLVM code so that registers are used in full.

Each intrinsic sums the codes of one block of persons for one or several probes. Written once and
emitted at two widths: 32 bytes for AVX2, 64 for AVX-512. A kernel compiles only where numba aims
at a processor that has its instructions; scans.py chooses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, cast

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from matcher.codes import COARSE_GROUPS, DIMENSIONS, FINE_SLICES, FINGERS

AVX2, AVX512 = 32, 64
"""Bytes of a register."""

ROOM_BYTE = 8
"""Table entries that a byte can add up: tables go to 30, and 8 * 30 fits."""

ROOM_WORD = 4
"""Pieces whose products a signed 16-bit lane can add up: 4 * 2 * (2 * 15 * 127) = 30,480 fits."""

LINE = 64
"""Bytes that memory hands over at a time."""

AHEAD = 8192
"""Bytes by which memory is asked for before they are needed, a microsecond of work. Processors
fetch ahead by themselves, but not beyond a page; two threads read a fifth more with this. Fine
codes, which take more work by the byte, gain nothing."""

PAIR_COARSE, QUAD_FINE = 2, 4
"""Probes that share the unpacked nibbles: as many as leave their sums in sixteen registers."""

I8, I16, I32, I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))

Value = Any
"""A value of LLVM: llvmlite has no types."""


def emit_coarse(
    builder: Value,
    codes: Value,
    fingers: tuple[Value, Value],
    probes: Sequence[Value],
    *,
    width: int,
) -> list[list[tuple[Value, Value]]]:
    """Sums of table entries of 32 persons: per probe those of the low and of the high nibbles, each
    as eight i16 of the even persons and eight of the odd ones.

    codes: pointer to a block. fingers: pointer to i64 indices and their number. probes: pointers
    to the tables, bytes [FINGERS][COARSE_GROUPS][16].
    """
    words = ir.VectorType(I16, width // 2)
    none = ir.Constant(words, None)
    # Per probe: sums of whole words and of their upper bytes, for low and for high nibbles.
    sums = [[_make_room(builder, none) for _ in range(4)] for _ in probes]
    together = ROOM_BYTE * width // (16 * COARSE_GROUPS)

    def add(first: Value, number: int) -> None:
        """Add some fingers, named by consecutive indices, to the sums of words."""
        starts = []
        for n in range(number):
            at = builder.gep(fingers[0], [builder.add(first, ir.Constant(I64, n))])
            start = builder.mul(builder.load(at), ir.Constant(I64, 16 * COARSE_GROUPS))
            starts.append(start)
        for room, (low, high) in zip(
            sums, _look_up(builder, codes, probes, (starts, width)), strict=True
        ):
            for at, value in ((0, low), (2, high)):
                whole = builder.bitcast(value, words)
                upper = builder.lshr(whole, _repeat(words, 8))
                _increase(builder, room[at], whole)
                _increase(builder, room[at + 1], upper)

    teams = builder.udiv(fingers[1], ir.Constant(I64, together))
    with cgutils.for_range(builder, teams) as loop:
        add(builder.mul(loop.index, ir.Constant(I64, together)), together)
    done = builder.mul(teams, ir.Constant(I64, together))
    with cgutils.for_range(builder, builder.sub(fingers[1], done)) as loop:
        add(builder.add(done, loop.index), 1)
    return [[_split(builder, room[at : at + 2]) for at in (0, 2)] for room in sums]


def _look_up(
    builder: Value, codes: Value, tables: Sequence[Value], fingers: tuple[list[Value], int]
) -> list[tuple[Value, Value]]:
    """Per probe the byte sums of the low and of the high nibbles of some fingers, at most ROOM_BYTE
    registers. fingers: where those begin, and the width of a register."""
    starts, width = fingers
    data, words = ir.VectorType(I8, width), ir.VectorType(I16, width // 2)
    name = "llvm.x86.avx2.pshuf.b" if width == AVX2 else "llvm.x86.avx512.pshuf.b.512"
    shuffle = _declare(builder, name, data, [data, data])
    totals: list[tuple[Value, Value]] = []
    registers = 16 * COARSE_GROUPS // width
    for start, number in product(starts, range(registers)):
        offset = builder.add(start, ir.Constant(I64, number * width))
        code = _load(builder, builder.gep(codes, [offset]), data)
        low = builder.and_(code, _repeat(data, 15))
        shifted = builder.lshr(builder.bitcast(code, words), _repeat(words, 4))
        high = builder.and_(builder.bitcast(shifted, data), _repeat(data, 15))
        found = []
        for table in tables:
            entries = _load(builder, builder.gep(table, [offset]), data)
            found.append(tuple(builder.call(shuffle, [entries, n]) for n in (low, high)))
        if totals:
            found = [
                (builder.add(old[0], new[0]), builder.add(old[1], new[1]))
                for old, new in zip(totals, found, strict=True)
            ]
        totals = cast(list[tuple[Value, Value]], found)
    return totals


def _split(builder: Value, room: list[Value]) -> tuple[Value, Value]:
    """The sums of even and of odd persons from those of whole words and of their upper bytes."""
    whole, odd = (_fold(builder, builder.load(one)) for one in room)
    return builder.sub(whole, builder.shl(odd, _repeat(odd.type, 8))), odd


def write_sums(builder: Value, halves: list[tuple[Value, Value]], target: Value) -> None:
    """Write the sums of 32 persons in their order."""
    mixed = [n // 2 + 8 * (n % 2) for n in range(16)]
    low, high = (_shuffle(builder, even, odd, mixed) for even, odd in halves)
    everyone = _shuffle(builder, low, high, range(32))
    builder.store(everyone, builder.bitcast(target, everyone.type.as_pointer()), align=2)


def _find_peak(builder: Value, halves: list[tuple[Value, Value]]) -> Value:
    """The largest sum of 32 persons, i16."""
    (one, *others) = [sums for half in halves for sums in half]
    greater = _declare(builder, "llvm.umax.v8i16", one.type, [one.type, one.type])
    for other in others:
        one = builder.call(greater, [one, other])
    largest = _declare(builder, "llvm.vector.reduce.umax.v8i16", I16, [one.type])
    return builder.call(largest, [one])


def emit_fine(
    builder: Value, codes: Value, probes: Sequence[tuple[Value, Value, Value]], *, width: int
) -> None:
    """Add the weighted products of one finger of sixteen persons to their sums.

    codes: pointer to a block of a finger. probes: pointers to the 128 bytes of the probe's finger
    and to the sixteen i32 sums, and between them the weight, i32.
    """
    lanes = ir.VectorType(I32, width // 4)
    for part in range(64 // width):
        sums = [_make_room(builder, ir.Constant(lanes, None)) for _ in probes]
        place = builder.gep(codes, [ir.Constant(I64, part * width)])
        with cgutils.for_range(builder, ir.Constant(I64, FINE_SLICES // ROOM_WORD)) as loop:
            _multiply(builder, place, (loop.index, [vector for vector, _, _ in probes]), sums)
        for room, (_, weight, target) in zip(sums, probes, strict=True):
            weights = _spread(builder, weight, lanes)
            at = builder.gep(target, [ir.Constant(I64, part * width // 4)])
            at = builder.bitcast(at, lanes.as_pointer())
            weighted = builder.mul(builder.load(room), weights)
            builder.store(builder.add(builder.load(at, align=4), weighted), at, align=4)


def _multiply(
    builder: Value, codes: Value, probes: tuple[Value, list[Value]], sums: list[Value]
) -> None:
    """Add the products of ROOM_WORD pieces, a fourth of a block, to 32-bit sums."""
    quarter, vectors = probes
    lanes = sums[0].type.pointee
    width = 4 * lanes.count
    data, words = ir.VectorType(I8, width), ir.VectorType(I16, width // 2)
    pairs: list[list[Value]] = [[] for _ in vectors]
    start = builder.mul(quarter, ir.Constant(I64, ROOM_WORD))
    for number in range(ROOM_WORD):
        piece = builder.add(start, ir.Constant(I64, number))
        at = builder.gep(codes, [builder.mul(piece, ir.Constant(I64, 64))])
        code = _load(builder, at, data)
        low = builder.and_(code, _repeat(data, 15))
        shifted = builder.lshr(builder.bitcast(code, words), _repeat(words, 4))
        high = builder.and_(builder.bitcast(shifted, data), _repeat(data, 15))
        for half, nibbles in enumerate((low, high)):
            offset = builder.add(
                builder.mul(piece, ir.Constant(I64, 8)), ir.Constant(I64, 4 * half)
            )
            for vector, found in zip(vectors, pairs, strict=True):
                four = _load(builder, builder.gep(vector, [offset]), I32)
                found.append((nibbles, _spread(builder, four, lanes)))
    for found, room in zip(pairs, sums, strict=True):
        _accumulate(builder, found, room)


def _accumulate(builder: Value, pairs: list[tuple[Value, Value]], room: Value) -> None:
    """Add products of unsigned nibbles with signed bytes, four to a 32-bit lane."""
    lanes = room.type.pointee
    data, words = ir.VectorType(I8, 4 * lanes.count), ir.VectorType(I16, 2 * lanes.count)
    if data.count == AVX512:
        name = "llvm.x86.avx512.vpdpbusd.512"
        multiply = _declare(builder, name, lanes, [lanes, lanes, lanes])
        total = builder.load(room)
        for nibbles, probe in pairs:
            total = builder.call(multiply, [total, builder.bitcast(nibbles, lanes), probe])
        builder.store(total, room)
        return
    multiply = _declare(builder, "llvm.x86.avx2.pmadd.ub.sw", words, [data, data])
    widen = _declare(builder, "llvm.x86.avx2.pmadd.wd", lanes, [words, words])
    total = None
    for nibbles, probe in pairs:
        value = builder.call(multiply, [nibbles, builder.bitcast(probe, data)])
        total = value if total is None else builder.add(total, value)
    _increase(builder, room, builder.call(widen, [total, _repeat(words, 1)]))


def _fetch_ahead(builder: Value, start: Value, length: int) -> None:
    """Ask memory for what lies AHEAD of some bytes; it may lie beyond the end of an array."""
    pointer, number, nothing = I8.as_pointer(), I32, ir.VoidType()
    fetch = _declare(builder, "llvm.prefetch.p0", nothing, [pointer, number, number, number])
    read, near, data = (ir.Constant(I32, value) for value in (0, 3, 1))
    for offset in range(AHEAD, AHEAD + length, LINE):
        line = builder.gep(start, [ir.Constant(I64, offset)])
        builder.call(fetch, [line, read, near, data])


def _declare(builder: Value, name: str, result: Value, arguments: list[Value]) -> Value:
    kind = ir.FunctionType(result, arguments)
    return cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]


def _make_room(builder: Value, value: Value) -> Value:
    """A place for a value that changes, which becomes a register."""
    room = cgutils.alloca_once(builder, value.type)  # type: ignore[no-untyped-call]
    builder.store(value, room)
    return room


def _load(builder: Value, pointer: Value, kind: Value) -> Value:
    return builder.load(builder.bitcast(pointer, kind.as_pointer()), align=1)


def _repeat(kind: Value, number: int) -> Value:
    return ir.Constant(kind, [number] * kind.count)


def _shuffle(builder: Value, one: Value, two: Value, order: Sequence[int]) -> Value:
    mask = ir.Constant(ir.VectorType(I32, len(order)), list(order))
    return builder.shuffle_vector(one, two, mask)


def _spread(builder: Value, number: Value, kind: Value) -> Value:
    """A vector with the number in every lane."""
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, number, ir.Constant(I32, 0))
    return _shuffle(builder, first, undefined, [0] * kind.count)


def _fold(builder: Value, words: Value) -> Value:
    """Add up the eighths of words that belong to the same persons: pieces of sixteen bytes."""
    while words.type.count > 8:
        half = words.type.count // 2
        low = _shuffle(builder, words, words, range(half))
        high = _shuffle(builder, words, words, range(half, 2 * half))
        words = builder.add(low, high)
    return words


def _increase(builder: Value, room: Value, value: Value) -> None:
    builder.store(builder.add(builder.load(room), value), room)


def _make_sums(width: int) -> Callable[..., None]:
    """An intrinsic: add_up(codes, fingers, tables, sums, block, probe).

    codes: uint8 [blocks, ...]; fingers: int64; tables: uint8 [probes, ...]; sums: uint16 [32],
    written; block and probe: their indices.
    """

    # An intrinsic is called with positions only; their types are all it needs to know here.
    @intrinsic
    def add_up(_typing, codes, fingers, tables, sums, block, probe):  # type: ignore[no-untyped-def]  # noqa: ARG001, PLR0917
        def emit(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            data = _pointers(context, builder, signature, arguments[:4])
            count = _length(context, builder, signature.args[1], arguments[1])
            code, table = (_step(builder, data[n], arguments[m]) for n, m in ((0, 4), (2, 5)))
            (halves,) = emit_coarse(builder, code, (data[1], count), [table], width=width)
            write_sums(builder, halves, data[3])
            return context.get_dummy_value()

        return types.void(codes, fingers, tables, sums, types.int64, types.int64), emit

    return cast(Callable[..., None], add_up)


def _make_peaks(width: int, probes: int) -> Callable[..., None]:
    """An intrinsic: find_peaks(codes, fingers, tables, peaks, blocks, probe).

    As add_up() of _make_sums for several blocks and probes, of which only the largest sums are
    kept. peaks: uint16 [>= probes, >= blocks], written. blocks: the first one's index and their
    number; probe: the first one's index.
    """

    # An intrinsic is called with positions only; their types are all it needs to know here.
    @intrinsic
    def find_peaks(_typing, codes, fingers, tables, peaks, blocks, probe):  # type: ignore[no-untyped-def]  # noqa: ARG001, PLR0917
        def emit(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            data = _pointers(context, builder, signature, arguments[:4])
            fingers = data[1], _length(context, builder, signature.args[1], arguments[1])
            row = _length(context, builder, signature.args[3], arguments[3], axis=1)
            first, number = (builder.extract_value(arguments[4], n) for n in range(2))
            tables = [
                _step(builder, data[2], builder.add(arguments[5], ir.Constant(I64, n)))
                for n in range(probes)
            ]
            with cgutils.for_range(builder, number) as loop:
                code = _step(builder, data[0], builder.add(first, loop.index))
                _fetch_ahead(builder, code, 16 * FINGERS * COARSE_GROUPS)
                found = emit_coarse(builder, code, fingers, tables, width=width)
                for n, halves in enumerate(found):
                    at = builder.add(builder.mul(row, ir.Constant(I64, n)), loop.index)
                    builder.store(_find_peak(builder, halves), builder.gep(data[3], [at]))
            return context.get_dummy_value()

        return types.void(codes, fingers, tables, peaks, blocks, types.int64), emit

    return cast(Callable[..., None], find_peaks)


def _step(builder: Value, start: Value, number: Value) -> Value:
    """The codes of a block or the tables of a probe, which are equally large, by their number."""
    return builder.gep(start, [builder.mul(number, ir.Constant(I64, 16 * FINGERS * COARSE_GROUPS))])


def _make_fine(width: int, probes: int) -> Callable[..., None]:
    """An intrinsic: add_up(codes, vectors, weights, sums, place, team).

    codes: uint8 [FINGERS, blocks, ...]; vectors: int8 [n, FINGERS, DIMENSIONS]; weights: int32
    [n, FINGERS]; sums: int32 [n, rows], added to. place: finger, block of the plane, first row of
    the sums; team: indices of as many different probes.
    """

    # An intrinsic is called with positions only; their types are all it needs to know here.
    @intrinsic
    def add_up(_typing, codes, vectors, weights, sums, place, team):  # type: ignore[no-untyped-def]  # noqa: PLR0917
        def emit(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            data = _pointers(context, builder, signature, arguments[:4])
            finger, block, row = (builder.extract_value(arguments[4], n) for n in range(3))
            blocks = _length(context, builder, signature.args[0], arguments[0], axis=1)
            rows = _length(context, builder, signature.args[3], arguments[3], axis=1)
            code = builder.add(builder.mul(finger, blocks), block)
            code = builder.gep(data[0], [builder.mul(code, ir.Constant(I64, 64 * FINE_SLICES))])
            triples = []
            for number in range(probes):
                index = builder.extract_value(arguments[5], number)
                own = builder.add(builder.mul(index, ir.Constant(I64, FINGERS)), finger)
                vector = builder.gep(data[1], [builder.mul(own, ir.Constant(I64, DIMENSIONS))])
                weight = builder.load(builder.gep(data[2], [own]))
                target = builder.gep(data[3], [builder.add(builder.mul(index, rows), row)])
                triples.append((vector, weight, target))
            emit_fine(builder, code, triples, width=width)
            return context.get_dummy_value()

        return types.void(codes, vectors, weights, sums, place, team), emit

    return cast(Callable[..., None], add_up)


def _pointers(
    context: Value, builder: Value, signature: Value, arrays: Sequence[Value]
) -> list[Value]:
    """Where the data of arrays lie."""
    pairs = zip(signature.args, arrays, strict=False)
    return [context.make_array(kind)(context, builder, value=array).data for kind, array in pairs]


def _length(context: Value, builder: Value, kind: Value, array: Value, *, axis: int = 0) -> Value:
    shape = context.make_array(kind)(context, builder, value=array).shape
    return builder.extract_value(shape, axis)


sums_avx2, sums_avx512 = _make_sums(AVX2), _make_sums(AVX512)
peaks_1_avx2, peaks_2_avx2 = _make_peaks(AVX2, 1), _make_peaks(AVX2, PAIR_COARSE)
peaks_1_avx512, peaks_2_avx512 = _make_peaks(AVX512, 1), _make_peaks(AVX512, PAIR_COARSE)
fine_1_avx2, fine_4_avx2 = _make_fine(AVX2, 1), _make_fine(AVX2, QUAD_FINE)
fine_1_avx512, fine_4_avx512 = _make_fine(AVX512, 1), _make_fine(AVX512, QUAD_FINE)
