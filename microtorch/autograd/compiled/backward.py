"""The compiled form of `engine.run`, for graphs of plain nodes: one topological sort and one loop, as there.

It takes over when there is nothing but calls of table entries, their outputs and leaves, without hooks, and nothing is
asked for but gradients of leaves. Else it returns None before anything has happened. Formulas are Python's; the few
that are one step of arithmetic are done here (`_STEPS`).
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"
from __future__ import annotations

import functools
from typing import Any

import numba
import numpy as np

from microtorch.autograd import engine
from microtorch.autograd.compiled import objects
from microtorch.autograd.compiled.calls import (
    ADD,
    DATA,
    DIV,
    DTYPE,
    EDGES,
    FEWER,
    FLOAT32,
    FLOAT64,
    HOOKS,
    LEAF,
    MUL,
    NDARRAY,
    NODE_STORAGE,
    NONE,
    OP,
    OP_NODE,
    PARAMETER,
    SAVED,
    SEQ,
    SHAPE,
    STORAGE,
    TENSOR,
    TRUE,
    WORLD,
    calculated,
    few_of,
    is_number,
    know,
    world,
)
from microtorch.autograd.compiled.objects import (
    array_base,
    array_dtype,
    drop,
    get_attribute,
    has_shape,
    is_contiguous,
    kept,
    load,
    rank,
    room,
    store,
    tuple_item,
    type_of,
)
from microtorch.autograd.node import OpNode, Output
from microtorch.autograd.table import Op, arrays
from microtorch.kernels import numbers, twins

# what the pass knows, from place 1 on (0 is the world)
(OUTPUT, VJP, FITTED, FINISH, DEPOSIT, OPERAND, NUMPY_ADD, FACTS, CLOCK, MINUS_ONE, TUPLE, BOOL, STRING, FALSE,
 SCALAR, LIST, FACTS_OF) = range(1, 18)  # fmt: skip

# what it knows of an entry
(PLAIN, ARITHMETIC, SAVES_OUTPUTS, SAVES_TENSORS, FORMULAS) = range(5)
FORMULA, STEP, COUNT, FEW32, FEW64, PLACES = range(6)  # of each input
MOST_PLACES = 4
WIDTH = PLACES + MOST_PLACES

# the steps: what a formula does with g and the one value that it names
BY_FORMULA, HAND_ON, NEGATE, TIMES, OVER, BY_UFUNC = range(6)  # (by ufunc: of g and the value, if they are few)

# a node on its way
THE_NODE, ITS_SEQ, ITS_GRAD, OWN, WAITING = range(5)  # grad: a reference of the pass, or 0; waiting: edges to a leaf
RECORD = 5


@numba.njit
def find(table, size, node, records):
    """The place of a node in the table, or the empty one where it belongs. It holds the records' numbers, plus 1."""
    at = ((node >> 4) * 0x9E3779B1) & (size - 1)
    while True:
        number = load(table + 8 * at)
        if number == 0 or load(records + 8 * RECORD * (number - 1)) == node:
            return at
        at = (at + 1) & (size - 1)


@numba.njit
def resized(table, size, records, count):
    """A table of that size with all records: its address."""
    objects.release(table)
    table = objects.memory(8 * size)
    for i in range(size):
        store(table + 8 * i, 0)
    for i in range(count):
        store(table + 8 * find(table, size, load(records + 8 * RECORD * i), records), i + 1)
    return table


@numba.njit
def sort(order, records, count):
    """Heap sort of the records' numbers by `seq`, the largest first (so with the smallest on top of the heap)."""
    for start in range(count // 2 - 1, -1, -1):
        sift(order, records, start, count)
    for last in range(count - 1, 0, -1):
        top = load(order)
        store(order, load(order + 8 * last))
        store(order + 8 * last, top)
        sift(order, records, 0, last)


@numba.njit
def sift(order, records, at, count):
    moved = load(order + 8 * at)
    seq = load(records + 8 * (RECORD * moved + ITS_SEQ))
    while True:
        child = 2 * at + 1
        if child >= count:
            break
        number = load(order + 8 * child)
        least = load(records + 8 * (RECORD * number + ITS_SEQ))
        if child + 1 < count:
            other = load(order + 8 * (child + 1))
            other_seq = load(records + 8 * (RECORD * other + ITS_SEQ))
            if other_seq < least:
                child, number, least = child + 1, other, other_seq
        if least >= seq:
            break
        store(order + 8 * at, number)
        at = child
    store(order + 8 * at, moved)


@numba.njit
def is_stale(w, facts, holder, at, seq):
    """Whether the storage in a slot was written after `seq`."""
    storage = load(holder + at)
    if storage == know(w, NONE):
        return False
    clock = get_attribute(storage, know(facts, CLOCK))
    late = objects.to_integer(clock) > seq
    drop(clock)
    return late


@numba.njit
def value_of(w, facts, saved, arithmetic, alone, shape, seq, g):
    """A saved value as a formula gets it: new; 0 if the node itself must see to it.

    alone: the formula names nothing else.
    """
    kind = type_of(saved)
    if kind == know(w, TENSOR) or kind == know(w, PARAMETER):
        if is_stale(w, facts, saved, know(w, STORAGE), seq):
            return 0
        return kept(load(saved + know(w, DATA)))
    if kind == know(w, NDARRAY) or saved == know(w, NONE):
        return kept(saved)
    if kind == know(facts, TUPLE) or kind == know(facts, BOOL) or kind == know(facts, STRING):
        return kept(saved)
    if not is_number(w, saved):
        return 0
    if alone and arithmetic and objects.tuple_size(shape) > 0:
        pair = room()
        store(pair + 8, saved)
        store(pair + 16, g)
        return objects.call(know(facts, OPERAND), pair + 8, 2, 0)
    return kept(saved)


@numba.njit
def ufunc_for(w, entry, at, g):
    """The ufunc that does an input's formula for a few numbers: borrowed; 0 if it is for the formula."""
    n = objects.size_of(g)
    if rank(g) == 0 or n == 0 or n > FEWER:
        return 0
    if array_dtype(g) == know(w, FLOAT32):
        return know(entry, at + FEW32)
    return know(entry, at + FEW64) if array_dtype(g) == know(w, FLOAT64) else 0


@numba.njit
def gradient(w, facts, node, saved, entry, at, xp, g):
    """The gradient of an input by its formula: new; 0 if the node itself must see to it, or an error is set.

    at: where the formula stands among the entry's facts.
    """
    formula, step, count = know(entry, at + FORMULA), know(entry, at + STEP), know(entry, at + COUNT)
    if step == HAND_ON:
        return kept(g)
    plain = type_of(g) == know(w, NDARRAY)
    if step == NEGATE and plain:
        out = calculated(w, MUL, g, 0, know(facts, MINUS_ONE), array_dtype(g))
        if out != 0:
            return out
    arguments = room()
    store(arguments + 8, xp)
    store(arguments + 16, g)
    for i in range(count):
        value = value_of(
            w, facts, tuple_item(saved, know(entry, at + PLACES + i)), know(entry, ARITHMETIC) != 0, count == 1,
            load(node + know(w, SHAPE)), objects.to_integer(load(node + know(w, SEQ))), g,
        )  # fmt: skip
        if value == 0:
            for j in range(i):
                drop(load(arguments + 8 * (3 + j)))
            return 0
        store(arguments + 8 * (3 + i), value)
    out = 0
    if step >= TIMES and plain:
        value = load(arguments + 24)
        if type_of(value) == know(w, NDARRAY) and array_dtype(value) == array_dtype(g):
            if step != BY_UFUNC:
                out = calculated(w, MUL if step == TIMES else DIV, g, value, 0, array_dtype(g))
            elif objects.alike(g, value) and is_contiguous(g) and is_contiguous(value):
                ufunc = ufunc_for(w, entry, at, g)
                if ufunc != 0:
                    out = objects.call(ufunc, arguments + 16, 2, 0)
    if out == 0:
        out = objects.call(formula, arguments + 8, 2 + count, 0)
    for i in range(count):
        drop(load(arguments + 8 * (3 + i)))
    return out


@numba.njit
def total(w, facts, before, more):
    """before + more: new; 0 if an error is set."""
    if type_of(before) == know(w, NDARRAY) and type_of(more) == know(w, NDARRAY):
        if array_dtype(before) == array_dtype(more):
            out = calculated(w, ADD, before, more, 0, array_dtype(more))
            if out != 0:
                return out
    return objects.add(before, more)


@numba.njit
def deliver(w, facts, record, g, gi, xp):
    """Add the gradient `gi` to a record's; takes the reference. False if an error is set.

    A formula's result is an array of its own if it is not `g` or a view.
    """
    edge, is_array = load(record + 8 * THE_NODE), type_of(gi) == know(w, NDARRAY)
    if is_array:
        fits = array_dtype(gi) == load(edge + know(w, DTYPE)) and has_shape(gi, load(edge + know(w, SHAPE)))
    else:
        fits = type_of(gi) == know(facts, SCALAR) and objects.tuple_size(load(edge + know(w, SHAPE))) == 0
        fits = fits and load(edge + know(w, DTYPE)) == know(w, FLOAT32)
    if not fits:
        arguments = room()
        before = load(record + 8 * ITS_GRAD)
        store(arguments + 8, xp)
        store(arguments + 16, gi)
        store(arguments + 24, edge)
        store(arguments + 32, before if before != 0 else know(w, NONE))
        store(arguments + 40, know(w, TRUE) if load(record + 8 * OWN) else know(facts, FALSE))
        found = objects.call(know(facts, FITTED), arguments + 8, 5, 0)  # (gradient or None, all of it so far or None)
        drop(gi)
        if found == 0:
            return False
        gi, whole = kept(tuple_item(found, 0)), kept(tuple_item(found, 1))
        drop(found)
        if gi == know(w, NONE):
            drop(gi)
            if before != 0:
                drop(before)
            store(record + 8 * ITS_GRAD, whole)
            store(record + 8 * OWN, 1)
            return True
        drop(whole)
        is_array = type_of(gi) == know(w, NDARRAY)
    before = load(record + 8 * ITS_GRAD)
    if before == 0:
        store(record + 8 * ITS_GRAD, gi)
        own = gi != g and is_array and array_base(gi) == 0 and type_of(edge) == know(w, LEAF)
        store(record + 8 * OWN, 1 if own else 0)
        return True
    if type_of(before) == know(w, NDARRAY) and load(record + 8 * OWN):
        arguments = room()
        store(arguments + 8, before)
        store(arguments + 16, gi)
        store(arguments + 24, before)
        whole = objects.call(know(facts, NUMPY_ADD), arguments + 8, 3, 0)
    else:
        if type_of(before) == know(w, NDARRAY):
            store(record + 8 * OWN, 1)
        whole = total(w, facts, before, gi)
    drop(gi)
    drop(before)
    store(record + 8 * ITS_GRAD, whole)
    return whole != 0


@numba.njit
def arrived(w, facts, record):
    """One edge to a leaf is done with; after the last its gradient is handed over. False if an error is set."""
    waiting = load(record + 8 * WAITING) - 1
    store(record + 8 * WAITING, waiting)
    g = load(record + 8 * ITS_GRAD)
    if waiting > 0 or g == 0:
        return True
    store(record + 8 * ITS_GRAD, 0)
    arguments = room()
    store(arguments + 8, load(record + 8 * THE_NODE))
    store(arguments + 16, g)
    store(arguments + 24, know(w, TRUE) if load(record + 8 * OWN) else know(facts, FALSE))
    done = objects.call(know(facts, FINISH), arguments + 8, 3, 0)
    drop(g)
    if done == 0:
        return False
    drop(done)
    return True


@numba.njit
def edge_of(facts, edges, i):
    """Borrowed."""
    return tuple_item(edges, i) if type_of(edges) == know(facts, TUPLE) else objects.list_item(edges, i)


@numba.njit
def number_of_edges(facts, edges):
    return objects.tuple_size(edges) if type_of(edges) == know(facts, TUPLE) else objects.list_size(edges)


@numba.njit
def ran(w, facts, records, table, size, number, xp, keep):
    """Run the node of a record and deliver what it gives. False if an error is set."""
    record = records + 8 * RECORD * number
    node, g, none = load(record + 8 * THE_NODE), load(record + 8 * ITS_GRAD), know(w, NONE)
    store(record + 8 * ITS_GRAD, 0)
    edges = load(node + know(w, EDGES))
    count = number_of_edges(facts, edges)
    if type_of(node) == know(facts, OUTPUT):
        if g == 0:
            return True
        parent = records + 8 * RECORD * (load(table + 8 * find(table, size, edge_of(facts, edges, 0), records)) - 1)
        before = load(parent + 8 * ITS_GRAD)
        arguments = room()
        store(arguments + 8, node)
        store(arguments + 16, g)
        store(arguments + 24, before if before != 0 else none)
        several = objects.call(know(facts, DEPOSIT), arguments + 8, 3, 0)
        drop(g)
        if several == 0:
            return False
        if before != 0:
            drop(before)
        store(parent + 8 * ITS_GRAD, several)
        return True

    results = room()
    whole = 0  # all results by the node itself
    if g != 0:
        held = get_attribute(load(node + know(w, OP)), know(facts, FACTS))
        if held == none:  # an entry that is younger than this pass's knowledge
            drop(held)
            arguments = room()
            store(arguments + 8, load(node + know(w, OP)))
            held = objects.call(know(facts, FACTS_OF), arguments + 8, 1, 0)
        if held == 0:
            drop(g)
            return False
        entry = objects.array_data(held)
        saved = kept(load(node + know(w, SAVED)))  # another thread may free it, while a formula lets it run
        quick = know(entry, PLAIN) != 0 and saved != none
        if quick and know(entry, SAVES_OUTPUTS):
            quick = not is_stale(w, facts, node, know(w, NODE_STORAGE), objects.to_integer(load(node + know(w, SEQ))))
        i = 0
        while quick and i < count:
            gi = 0
            if edge_of(facts, edges, i) != none:
                gi = gradient(w, facts, node, saved, entry, FORMULAS + WIDTH * i, xp, g)
                if gi == 0:
                    for j in range(i):
                        if load(results + 8 * j) != 0:
                            drop(load(results + 8 * j))
                    if objects.error() != 0:
                        drop(saved)
                        drop(held)
                        drop(g)
                        return False
                    quick = False
            store(results + 8 * i, gi)
            i += 1
        if quick:
            if not keep and know(entry, SAVES_TENSORS):
                before = load(node + know(w, SAVED))
                store(node + know(w, SAVED), kept(none))
                drop(before)
        else:
            arguments = room()
            store(arguments + 8, node)
            store(arguments + 16, xp)
            store(arguments + 24, g)
            store(arguments + 32, edges)
            store(arguments + 40, know(w, TRUE) if keep else know(facts, FALSE))
            whole = objects.call(know(facts, VJP), arguments + 8, 5, 0)
            if whole == 0:
                drop(saved)
                drop(held)
                drop(g)
                return False
        drop(saved)
        drop(held)
    good = True
    for i in range(count):
        edge = edge_of(facts, edges, i)
        if edge == none:
            continue
        to = records + 8 * RECORD * (load(table + 8 * find(table, size, edge, records)) - 1)
        if g != 0 and good:
            gi = load(results + 8 * i) if whole == 0 else objects.sequence_item(whole, i)
            if gi == 0:
                good = False
            elif gi == none:
                drop(gi)
            else:
                good = deliver(w, facts, to, g, gi, xp)
        elif g != 0 and whole == 0:
            drop(load(results + 8 * i))
        if good and type_of(edge) == know(w, LEAF):
            good = arrived(w, facts, to)
    if whole != 0:
        drop(whole)
    if g != 0:
        drop(g)
    return good


def backward(facts, arguments, count):
    """(root, seed, xp, keep) -> True; None, with nothing done, for a graph that is not plain."""
    facts = objects.array_data(facts)
    w = know(facts, WORLD)
    none, root, seed = know(w, NONE), load(arguments), load(arguments + 8)
    xp, keep = load(arguments + 16), load(arguments + 24) == know(w, TRUE)
    if type_of(root) != know(w, OP_NODE) and type_of(root) != know(facts, OUTPUT):
        return kept(none)
    n, most, size = 1, 256, 1024
    records, table = objects.memory(8 * RECORD * most), objects.memory(8)
    store(records, root)
    store(records + 8 * WAITING, 0)
    table = resized(table, size, records, 1)
    plain, at, inner = True, 0, 0
    while at < n and plain:
        record = records + 8 * RECORD * at
        node = load(record)
        at += 1
        store(record + 8 * ITS_GRAD, 0)
        store(record + 8 * OWN, 0)
        kind = type_of(node)
        if load(node + know(w, HOOKS)) != none:
            plain = False
        elif kind == know(w, LEAF):
            store(record + 8 * ITS_SEQ, -1)
        elif kind == know(w, OP_NODE) or kind == know(facts, OUTPUT):
            inner += 1
            store(record + 8 * ITS_SEQ, objects.to_integer(load(node + know(w, SEQ))))
            edges = load(node + know(w, EDGES))
            if type_of(edges) != know(facts, TUPLE) and type_of(edges) != know(facts, LIST):
                plain = False
                continue
            for i in range(number_of_edges(facts, edges)):
                edge = edge_of(facts, edges, i)
                if edge == none:
                    continue
                place = table + 8 * find(table, size, edge, records)
                number = load(place) - 1
                if number < 0:
                    if n == most:
                        most *= 2
                        records = objects.grown(records, 8 * RECORD * most)
                    number, n = n, n + 1
                    store(records + 8 * RECORD * number, edge)
                    store(records + 8 * (RECORD * number + WAITING), 0)
                    store(place, n)
                    if 2 * n > size:
                        size *= 2
                        table = resized(table, size, records, n)
                waiting = records + 8 * (RECORD * number + WAITING)
                store(waiting, load(waiting) + 1)
        else:
            plain = False
    if not plain:
        objects.release(records)
        objects.release(table)
        return kept(none)
    order, filled = objects.memory(8 * inner), 0
    for i in range(n):
        if load(records + 8 * (RECORD * i + ITS_SEQ)) >= 0:
            store(order + 8 * filled, i)
            filled += 1
    sort(order, records, inner)
    store(records + 8 * ITS_GRAD, kept(seed))
    good = True
    for i in range(inner):
        good = good and ran(w, facts, records, table, size, load(order + 8 * i), xp, keep)
    for i in range(n):
        left = load(records + 8 * (RECORD * i + ITS_GRAD))
        if left != 0:
            drop(left)
    objects.release(order)
    objects.release(records)
    objects.release(table)
    return kept(know(w, TRUE)) if good else 0


# from here on Python runs, not compiled code -------------------------------------------------------------------------


def _fitted(xp: Any, g: Any, edge: Any, before: Any, own: bool) -> tuple[Any, Any]:
    """`engine.fitted` for a node that has the gradient `before` so far: (the gradient, None), or (None, all of it)."""
    grads = {} if before is None else {edge: before}
    g = engine.fitted(xp, g, edge, grads, {edge} if own else set())
    return (None, grads[edge]) if g is None else (g, None)


def _finish(leaf: Any, g: Any, own: bool) -> None:
    """Hand a leaf its whole gradient."""
    if leaf.dtype.kind == "c":
        g, own = g.conj(), False
    engine.accumulate_grad(leaf, g, own, False)


def _deposit(output: Any, g: Any, several: Any) -> Any:
    """The gradients of a node's outputs, with one more."""
    if several is None:
        several = [None] * output.parent.notes["outputs"]
    before = several[output.index]
    several[output.index] = g if before is None else before + g
    return several


def _step(formula: Any, places: tuple[int, ...]) -> int:
    """What a formula does, if it is one step of arithmetic: told by its code, which is compared with that of these."""
    if formula is None:
        return HAND_ON
    code = getattr(formula, "__code__", None)
    if code is not None and not code.co_names:
        for step, like in _STEPS.items():
            if (code.co_code, code.co_consts) == (like.__code__.co_code, like.__code__.co_consts):
                return step
    return BY_FORMULA if _kernel_of(formula) is None else BY_UFUNC


def _kernel_of(formula: Any) -> Any:
    """The kernel that a formula just calls, with g and the value: as `lambda xp, g, out: xp.tanh_backward(g, out)`."""
    code = getattr(formula, "__code__", None)
    if code is None or len(code.co_names) != 1 or code.co_argcount != 3:
        return None
    like = (lambda xp, g, out: xp.name(g, out)).__code__
    return getattr(arrays, code.co_names[0], None) if code.co_code == like.co_code else None


_STEPS = {NEGATE: lambda xp, g: -g, TIMES: lambda xp, g, x: g * x, OVER: lambda xp, g, x: g / x}


def _facts_of(op: Op) -> np.ndarray[Any, Any]:
    """What the backward pass knows of an entry."""
    plain = not op.shared and len(op.quick) <= 16 and all(len(places) <= MOST_PLACES for _, _, places in op.quick)
    facts: list[int] = [plain, op.arithmetic, op.saves_outputs, op.saves_tensors]
    for formula, _, places in op.quick if plain else ():
        known = [id(formula), _step(formula, places), len(places), *few_of(_kernel_of(formula))[:2], *places]
        facts += known + [0] * (WIDTH - len(known))
    op.facts = np.array(facts, np.int64)
    objects.keep(op, op.facts)
    _known.append(op)
    return op.facts


def _notice(dtype: str, name: str, ufunc: Any) -> None:
    """A ufunc has been made: the entries whose formulas it does for few numbers are told."""
    for op in _known:
        for i, (formula, _, _) in enumerate(op.quick if op.facts[PLAIN] else ()):
            if getattr(_kernel_of(formula), "few", None) == name:
                op.facts[FORMULAS + WIDTH * i + (FEW32 if dtype == "f" else FEW64)] = id(ufunc)


_known: list[Op] = []  # the entries of which facts are kept
twins.on_ufunc.append(_notice)


@functools.cache
def _form() -> Any:
    """`backward`, as a function of Python's."""
    known: list[Any] = [
        Output, OpNode.vjp, _fitted, _finish, _deposit, numbers.operand, np.add, "facts", "clock", -1.0, tuple, bool,
        str, False, np.float32, list, _facts_of,
    ]  # fmt: skip
    objects.keep(*known)
    facts = np.array([world().ctypes.data, *(id(o) for o in known)], np.int64)
    return objects.callable_of(objects.compiled(backward), "backward", facts)


def install() -> None:
    """Let `engine.run` try the compiled form first."""
    engine.compiled = _form()


def remove() -> None:
    """Let all backward passes go Python's way again."""
    engine.compiled = None
