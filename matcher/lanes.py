"""The innermost steps of the scans, written as LLVM code so that registers are used in full.

Each intrinsic sums the codes of one block of persons for one or several probes. Written once and
emitted at two widths: 32 bytes for AVX2, 64 for AVX-512. A kernel compiles only where numba aims
at a processor that has its instructions; scans.py chooses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from matcher.codes import COARSE_GROUPS, DIMENSIONS, FINE_SLICES, FINGERS

AVX2, AVX512 = 32, 64
"""Bytes of a register."""

ROOM_BYTE = 4
"""Table entries that a byte can add up: tables go to 62, and 4 * 62 fits."""

ROOM_WORD = 4
"""Pieces whose products a signed 16-bit lane can add up: 4 * 2 * (2 * 15 * 127) = 30,480 fits."""

PAIR_COARSE, QUAD_FINE = 2, 4
"""Probes that share the unpacked nibbles: as many as leave their sums in sixteen registers."""

I8, I16, I32, I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))

Value = Any
"""A value of LLVM: llvmlite has no types."""


def emit_coarse(
    builder: Value,
    codes: Value,
    fingers: tuple[Value, Value],
    probes: Sequence[tuple[Value, Value]],
    *,
    width: int,
) -> list[Value]:
    """Sums of table entries of 32 persons; returns the largest sum for each probe, as i16.

    codes: pointer to a block. fingers: pointer to i64 indices and their number. probes: pointers
    to the tables, bytes [FINGERS][COARSE_GROUPS][16], and to room for 32 i16 sums.
    """
    words = ir.VectorType(I16, width // 2)
    none = ir.Constant(words, None)
    # Per probe: sums of whole words and of their upper bytes, for low and for high nibbles.
    sums = [[_make_room(builder, none) for _ in range(4)] for _ in probes]
    with cgutils.for_range(builder, fingers[1]) as loop:
        finger = builder.load(builder.gep(fingers[0], [loop.index]))
        start = builder.mul(finger, ir.Constant(finger.type, 16 * COARSE_GROUPS))
        registers = 16 * COARSE_GROUPS // width
        for first in range(0, registers, ROOM_BYTE):
            byte_sums = _look_up(
                builder,
                builder.gep(codes, [start]),
                [builder.gep(tables, [start]) for tables, _ in probes],
                (range(first, min(first + ROOM_BYTE, registers)), width),
            )
            for room, (low, high) in zip(sums, byte_sums, strict=True):
                for at, value in ((0, low), (2, high)):
                    whole = builder.bitcast(value, words)
                    upper = builder.lshr(whole, _repeat(words, 8))
                    _increase(builder, room[at], whole)
                    _increase(builder, room[at + 1], upper)
    return [_finish_coarse(builder, r, s) for r, (_, s) in zip(sums, probes, strict=True)]


def _look_up(
    builder: Value, codes: Value, tables: list[Value], span: tuple[range, int]
) -> list[tuple[Value, Value]]:
    """Per probe the byte sums of the low and of the high nibbles over some registers."""
    numbers, width = span
    data, words = ir.VectorType(I8, width), ir.VectorType(I16, width // 2)
    name = "llvm.x86.avx2.pshuf.b" if width == AVX2 else "llvm.x86.avx512.pshuf.b.512"
    shuffle = _declare(builder, name, data, [data, data])
    totals: list[tuple[Value, Value]] = []
    for number in numbers:
        offset = ir.Constant(I64, number * width)
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


def _finish_coarse(builder: Value, room: list[Value], target: Value) -> Value:
    """Write the sums of 32 persons in their order; returns the largest."""
    halves = []
    for at in (0, 2):
        whole, odd = (_fold(builder, builder.load(room[at + n])) for n in (0, 1))
        even = builder.sub(whole, builder.shl(odd, _repeat(odd.type, 8)))
        halves.append(_shuffle(builder, even, odd, [n // 2 + 8 * (n % 2) for n in range(16)]))
    everyone = _shuffle(builder, halves[0], halves[1], range(32))
    builder.store(everyone, builder.bitcast(target, everyone.type.as_pointer()), align=2)
    largest = _declare(builder, "llvm.vector.reduce.umax.v32i16", I16, [everyone.type])
    return builder.call(largest, [everyone])


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
        product = _declare(builder, name, lanes, [lanes, lanes, lanes])
        total = builder.load(room)
        for nibbles, probe in pairs:
            total = builder.call(product, [total, builder.bitcast(nibbles, lanes), probe])
        builder.store(total, room)
        return
    product = _declare(builder, "llvm.x86.avx2.pmadd.ub.sw", words, [data, data])
    widen = _declare(builder, "llvm.x86.avx2.pmadd.wd", lanes, [words, words])
    total = None
    for nibbles, probe in pairs:
        value = builder.call(product, [nibbles, builder.bitcast(probe, data)])
        total = value if total is None else builder.add(total, value)
    _increase(builder, room, builder.call(widen, [total, _repeat(words, 1)]))


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


def _make_coarse(width: int, probes: int) -> Callable[..., None]:
    """An intrinsic: add_up(codes, fingers, tables, sums, peaks, block, probe).

    codes: uint8 [blocks, ...]; fingers: int64; tables: uint8 [probes, ...]; sums: uint16
    [>= probes, 32] and peaks: uint16 [>= probes], written; block and probe: the first one's index.
    """

    # An intrinsic is called with positions only; their types are all it needs to know here.
    @intrinsic
    def add_up(_typing, codes, fingers, tables, sums, peaks, block, probe):  # type: ignore[no-untyped-def]  # noqa: ARG001, PLR0917
        def emit(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            data = _pointers(context, builder, signature, arguments[:5])
            at = builder.mul(arguments[5], ir.Constant(I64, 16 * FINGERS * COARSE_GROUPS))
            count = _length(context, builder, signature.args[1], arguments[1])
            pairs = []
            for number in range(probes):
                index = builder.add(arguments[6], ir.Constant(I64, number))
                table = builder.mul(index, ir.Constant(I64, 16 * FINGERS * COARSE_GROUPS))
                room = builder.gep(data[3], [ir.Constant(I64, 32 * number)])
                pairs.append((builder.gep(data[2], [table]), room))
            code = builder.gep(data[0], [at])
            best = emit_coarse(builder, code, (data[1], count), pairs, width=width)
            for number, value in enumerate(best):
                builder.store(value, builder.gep(data[4], [ir.Constant(I64, number)]))
            return context.get_dummy_value()

        return types.void(codes, fingers, tables, sums, peaks, types.int64, types.int64), emit

    return cast(Callable[..., None], add_up)


def _make_fine(width: int, probes: int) -> Callable[..., None]:
    """An intrinsic: add_up(codes, vectors, weights, sums, place, probe).

    codes: uint8 [FINGERS, blocks, ...]; vectors: int8 [probes, FINGERS, DIMENSIONS]; weights: int32
    [probes, FINGERS]; sums: int32 [probes, rows], added to. place: finger, block of the plane,
    first row of the sums; probe: the first one's index.
    """

    # An intrinsic is called with positions only; their types are all it needs to know here.
    @intrinsic
    def add_up(_typing, codes, vectors, weights, sums, place, probe):  # type: ignore[no-untyped-def]  # noqa: ARG001, PLR0917
        def emit(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            data = _pointers(context, builder, signature, arguments[:4])
            finger, block, row = (builder.extract_value(arguments[4], n) for n in range(3))
            blocks = _length(context, builder, signature.args[0], arguments[0], axis=1)
            rows = _length(context, builder, signature.args[3], arguments[3], axis=1)
            code = builder.add(builder.mul(finger, blocks), block)
            code = builder.gep(data[0], [builder.mul(code, ir.Constant(I64, 64 * FINE_SLICES))])
            triples = []
            for number in range(probes):
                index = builder.add(arguments[5], ir.Constant(I64, number))
                own = builder.add(builder.mul(index, ir.Constant(I64, FINGERS)), finger)
                vector = builder.gep(data[1], [builder.mul(own, ir.Constant(I64, DIMENSIONS))])
                weight = builder.load(builder.gep(data[2], [own]))
                target = builder.gep(data[3], [builder.add(builder.mul(index, rows), row)])
                triples.append((vector, weight, target))
            emit_fine(builder, code, triples, width=width)
            return context.get_dummy_value()

        return types.void(codes, vectors, weights, sums, place, types.int64), emit

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


coarse_1_avx2, coarse_2_avx2 = _make_coarse(AVX2, 1), _make_coarse(AVX2, PAIR_COARSE)
coarse_1_avx512, coarse_2_avx512 = _make_coarse(AVX512, 1), _make_coarse(AVX512, PAIR_COARSE)
fine_1_avx2, fine_4_avx2 = _make_fine(AVX2, 1), _make_fine(AVX2, QUAD_FINE)
fine_1_avx512, fine_4_avx512 = _make_fine(AVX512, 1), _make_fine(AVX512, QUAD_FINE)
