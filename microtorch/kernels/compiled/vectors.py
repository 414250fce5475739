"""How compiled kernels say in vectors what LLVM does not find by itself: builders of instruction sequences.

The functions made of them (`instructions`) are taken in by compiled kernels (numba's intrinsics); they read and write
flat arrays from a given index on, without bounds. Where rows end within a vector, masks keep what follows untouched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import binding, ir
from numba.core import cgutils
from numba.extending import intrinsic


def instructions(function: Callable[..., Any]) -> Any:
    """What compiled kernels call: `function` gives its signature and builds its instructions."""
    return intrinsic(prefer_literal=True)(function)


_features = binding.get_host_cpu_features()
BYTES = 64 if _features.get("avx512f") else 32 if _features.get("avx") else 16
"""Bytes of a vector register."""
ROWS = 8 if BYTES != 32 else 4
"""Rows of the largest tile: with 3 vectors in each, its sums and what they are made of fill the registers."""

FUSED = ("contract",)  # a product and a sum may become one instruction
INT = ir.IntType(64)


def lanes(itemsize: int) -> int:
    """How many numbers of that size a vector has."""
    return BYTES // itemsize


def number(value: int) -> Any:
    return ir.Constant(INT, value)


def vector_of(context: Any, dtype: Any) -> Any:
    return ir.VectorType(context.get_value_type(dtype), BYTES * 8 // dtype.bitwidth)


def pointer_to(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    """A pointer to array[index]."""
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [index])


def load(builder: Any, pointer: Any, vector: Any) -> Any:
    loaded = builder.load(builder.bitcast(pointer, vector.as_pointer()))
    loaded.align = 4
    return loaded


def splat(builder: Any, value: Any, vector: Any) -> Any:
    """A vector of copies."""
    undefined, index = ir.Constant(vector, ir.Undefined), ir.IntType(32)
    first = builder.insert_element(undefined, value, ir.Constant(index, 0))
    zeros = ir.Constant(ir.VectorType(index, vector.count), [0] * vector.count)
    return builder.shuffle_vector(first, undefined, zeros)


def multiply_add(builder: Any, a: Any, b: Any, total: Any) -> Any:
    return builder.fadd(builder.fmul(a, b, flags=FUSED), total, flags=FUSED)


def lane_sum(builder: Any, value: Any, bits: int) -> Any:
    """The sum of a vector's lanes, in any order."""
    scalar = value.type.element
    kind = ir.FunctionType(scalar, [scalar, value.type])
    total = cgutils.get_or_insert_function(builder.module, kind, f"llvm.vector.reduce.fadd.v{value.type.count}f{bits}")
    return builder.call(total, [ir.Constant(scalar, 0.0), value], fastmath=("reassoc",))


class Loop:
    """`for at in range(count)`, at least once, with values that each round replaces by others."""

    def __init__(self, builder: Any, count: Any, values: list[Any]) -> None:
        self.builder, self.count = builder, count
        before = builder.block
        self.body, self.end = builder.append_basic_block("body"), builder.append_basic_block("end")
        builder.branch(self.body)
        builder.position_at_end(self.body)
        self.at = builder.phi(INT)
        self.at.add_incoming(number(0), before)
        self.values = [builder.phi(v.type) for v in values]
        for phi, v in zip(self.values, values):
            phi.add_incoming(v, before)

    def close(self, values: list[Any]) -> None:
        """The end of the loop's body, which found these values."""
        block, following = self.builder.block, self.builder.add(self.at, number(1))
        self.at.add_incoming(following, block)
        for phi, v in zip(self.values, values):
            phi.add_incoming(v, block)
        self.builder.cbranch(self.builder.icmp_signed("<", following, self.count), self.body, self.end)
        self.builder.position_at_end(self.end)


def first_lanes(builder: Any, left: Any, vector: Any) -> Any:
    """Which lanes are among the first `left` ones."""
    short = ir.IntType(32)
    ramp = ir.Constant(ir.VectorType(short, vector.count), list(range(vector.count)))
    return builder.icmp_signed("<", ramp, splat(builder, builder.trunc(left, short), ramp.type))


def masked_load(builder: Any, pointer: Any, mask: Any, vector: Any, bits: int) -> Any:
    """A vector, zero where the mask is not; nothing else is read."""
    pointer, short = builder.bitcast(pointer, vector.as_pointer()), ir.IntType(32)
    kind = ir.FunctionType(vector, [pointer.type, short, mask.type, vector])
    load = cgutils.get_or_insert_function(builder.module, kind, f"llvm.masked.load.v{vector.count}f{bits}.p0")
    return builder.call(load, [pointer, ir.Constant(short, bits // 8), mask, ir.Constant(vector, None)])


def masked_store(builder: Any, value: Any, pointer: Any, mask: Any, bits: int) -> None:
    """Store the lanes where the mask is; nothing else is written."""
    vector, short = value.type, ir.IntType(32)
    pointer = builder.bitcast(pointer, vector.as_pointer())
    kind = ir.FunctionType(ir.VoidType(), [vector, pointer.type, short, mask.type])
    letter = "i" if isinstance(vector.element, ir.IntType) else "f"
    name = f"llvm.masked.store.v{vector.count}{letter}{bits}.p0"
    store = cgutils.get_or_insert_function(builder.module, kind, name)
    builder.call(store, [value, pointer, ir.Constant(short, bits // 8), mask])


def shuffled(builder: Any, a: Any, b: Any, order: list[int]) -> Any:
    """The lanes of a and, counted on, those of b in this order."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), len(order)), order))


def store_spread(builder: Any, value: Any, pointer: Any, left: Any, bits: int) -> None:
    """Store the first `left` lanes two places apart."""
    size = value.type.count
    even = ir.Constant(ir.VectorType(ir.IntType(1), size), [1, 0] * (size // 2))
    for half in (0, size):
        spread = shuffled(builder, value, value, [(half + lane) // 2 for lane in range(size)])
        reach = first_lanes(builder, builder.sub(builder.mul(left, number(2)), number(half)), value.type)
        masked_store(builder, spread, builder.gep(pointer, [number(half)]), builder.and_(reach, even), bits)


class Edged:
    """Elements row[column + lane * step] of a row of some width, zero where that is outside; step is 1 or 2."""

    def __init__(self, builder: Any, column: Any, step: int, width: Any, vector: Any, bits: int) -> None:
        self.builder, self.vector, self.bits = builder, vector, bits
        size, short = vector.count, ir.IntType(32)
        ramp = ir.Constant(ir.VectorType(short, size), list(range(size)))
        bound = splat(builder, builder.trunc(width, short), ramp.type)
        self.columns = [builder.add(column, number(half * size)) for half in range(step)]
        places = builder.add(
            builder.mul(ramp, ir.Constant(ramp.type, [step] * size)),
            splat(builder, builder.trunc(column, short), ramp.type),
        )
        self.inside = builder.icmp_unsigned("<", places, bound)  # which lanes are; unsigned: what is negative is large
        self.masks = []
        for at in self.columns:
            places = builder.add(ramp, splat(builder, builder.trunc(at, short), ramp.type))
            self.masks.append(builder.icmp_unsigned("<", places, bound))

    def load(self, row: Any) -> Any:
        builder = self.builder
        parts = [
            masked_load(builder, builder.gep(row, [at]), mask, self.vector, self.bits)
            for at, mask in zip(self.columns, self.masks)
        ]
        if len(parts) == 1:
            return parts[0]
        return shuffled(builder, parts[0], parts[1], list(range(0, 2 * self.vector.count, 2)))
