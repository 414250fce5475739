"""Compiled calls of the table's entries, for plain tensors: what `table.py` does, step by step the same.

Each takes over from its namesake in table.py when all that is unusual is absent: the tensors are of the class Tensor or
Parameter, their arrays are NumPy's own, nobody watches. Else it returns None, having changed nothing, and the call goes
the usual way. So does a call whose kernel fails: the usual way then raises what PyTorch raises.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,attr-defined"
from __future__ import annotations

import functools
from typing import Any

import numba
import numpy as np
from numba import types

from microtorch.autograd import state
from microtorch.autograd.compiled import objects
from microtorch.autograd.compiled.objects import (
    array_base,
    array_data,
    array_dtype,
    drop,
    get_attribute,
    is_contiguous,
    kept,
    load,
    put,
    rank,
    room,
    shape_of,
    store,
    type_of,
)
from microtorch.autograd.modes import mode
from microtorch.autograd.node import Leaf, OpNode, next_number, watched
from microtorch.autograd.state import inferring
from microtorch.autograd.table import Op, table
from microtorch.kernels import numbers, pointwise, twins
from microtorch.kernels.batched import as_array
from microtorch.kernels.compiled import ordered, ufuncs

# what all calls know: the places of `_world`, an array of addresses and of slots' offsets
(TENSOR, PARAMETER, OP_NODE, NONE, NDARRAY, FLOAT32, FLOAT64, FLOAT, INT, MODE, ENABLED, TRUE, INFERRING, WATCHED, NEXT,
 AS_ARRAY, NUMBERS32, NUMBERS64, ITS_SHAPE, ITS_DTYPE, FALSE, LEAF, LIST,
 STORAGE_OF, VIEWS, LIMIT, NO_GRAD, NEW_ARRAY, DATA, NODE, GRAD, BASE, STORAGE, MADE, OP,
 EDGES, SAVED, SEQ, SHAPE, DTYPE, HOOKS, NODE_STORAGE, NOTES) = range(43)  # fmt: skip

# what a call knows of its entry: the places of its facts
(WORLD, ENTRY, KERNEL, UNRECORDED, INPUTS, PARAMETERS, DIFFERENTIABLE, RESIDUALS, RESIDUALS_UNRECORDED, FLOATS_ONLY,
 DEFAULTS, ARITHMETIC, COPYING, NAMED, FEW32, FEW64, BESIDE32, BESIDE64, PLANS) = range(19)  # fmt: skip

ADD, SUB, MUL, DIV, SUM, MEAN = range(1, 7)  # arithmetic that is done here
FEW = 1024  # numbers up to which two operands are combined here: NumPy's own loops are as fast beyond
FEWER = twins.FEW  # numbers up to which the kernels take ufuncs

UNHANDLED = 0


@numba.njit
def know(facts, place):
    return load(facts + 8 * place)


@numba.njit
def is_plain(w, o):
    """Whether it is a Tensor or Parameter, whole, with an array of NumPy's own."""
    kind = type_of(o)
    if kind != know(w, TENSOR) and kind != know(w, PARAMETER):
        return False
    a = load(o + know(w, DATA))
    return a != 0 and type_of(a) == know(w, NDARRAY) and load(o + know(w, NODE)) != 0


@numba.njit
def is_float(w, dtype):
    """Whether it is float32 or float64."""
    return dtype == know(w, FLOAT32) or dtype == know(w, FLOAT64)


@numba.njit
def nobody_watches(w):
    return objects.list_size(know(w, INFERRING)) == 0 and objects.list_size(know(w, WATCHED)) == 0


@numba.njit
def recording(w):
    on = get_attribute(know(w, MODE), know(w, ENABLED))
    drop(on)
    return on == know(w, TRUE)


@numba.njit
def tensor_of(w, data, node):
    """`state.wrap`: new; takes the references."""
    t = objects.allocate(know(w, TENSOR), 0)
    none = know(w, NONE)
    store(t + know(w, DATA), data)
    store(t + know(w, NODE), node)
    put(t, know(w, GRAD), none)
    put(t, know(w, BASE), none)
    put(t, know(w, STORAGE), none)
    return t


@numba.njit
def node_of(w, op, edges, saved, data):
    """A node of an entry: new; takes the references to `edges` and `saved`."""
    node = objects.allocate(know(w, OP_NODE), 0)
    none = know(w, NONE)
    put(node, know(w, OP), op)
    store(node + know(w, EDGES), edges)
    store(node + know(w, SAVED), saved)
    store(node + know(w, SEQ), objects.call(know(w, NEXT), 0, 0, 0))
    if type_of(data) == know(w, NDARRAY):
        store(node + know(w, SHAPE), shape_of(data))
        put(node, know(w, DTYPE), array_dtype(data))
    else:  # an array of our own kind, which a kernel may make of NumPy's
        store(node + know(w, SHAPE), get_attribute(data, know(w, ITS_SHAPE)))
        store(node + know(w, DTYPE), get_attribute(data, know(w, ITS_DTYPE)))
    put(node, know(w, HOOKS), none)
    put(node, know(w, NODE_STORAGE), none)
    put(node, know(w, NOTES), none)
    return node


@numba.njit
def saved_of(w, facts, mask, arguments, count, data, out, results):
    """What the plan of a mask picks (`Op.plan` of the values of `Op.collect`): new.

    arguments, data: addresses of the arguments, and of the same with arrays for tensors.
    results: what the kernel returned, whose items after the first are residuals.
    """
    named, parameters, residuals = know(facts, NAMED), know(facts, PARAMETERS), know(facts, RESIDUALS)
    saved = objects.tuple_of(named)
    for i in range(named):
        place = know(facts, PLANS + mask * named + i)
        if place == 0:
            value = kept(know(w, NONE))
        elif place <= count:
            value = kept(load(arguments + 8 * (place - 1)))
        elif place <= parameters:
            defaults = know(facts, DEFAULTS)
            value = kept(objects.tuple_item(defaults, objects.tuple_size(defaults) - parameters + place - 1))
        elif place == parameters + 1:
            value = kept(out)
        elif place <= parameters + 1 + residuals:
            value = objects.sequence_item(results, place - parameters - 1)
        else:
            a = load(data + 8 * (place - parameters - residuals - 2))
            value = shape_of(a) if type_of(a) == know(w, NDARRAY) else objects.tuple_of(0)
        objects.tuple_set(saved, i, value)
    return saved


@numba.njit
def array_of(w, out):
    """A kernel's result as an array: new; takes the reference."""
    if type_of(out) == know(w, NDARRAY):
        return out
    at = room()
    store(at + 8, out)
    array = objects.call(know(w, AS_ARRAY), at + 8, 1, 0)
    drop(out)
    return array


@numba.njit
def few(w, facts, data, count):
    """The result for one array of few numbers in C order, by a ufunc or as their sum: new; 0 if it is for the kernel.

    data: the address of the arguments, arrays for tensors.
    """
    a, code = load(data), know(facts, ARITHMETIC)
    if (code < SUM and know(facts, FEW32) == 0 and know(facts, FEW64) == 0) or type_of(a) != know(w, NDARRAY):
        return 0
    wide = array_dtype(a) == know(w, FLOAT64)
    if not is_float(w, array_dtype(a)) or rank(a) == 0 or not is_contiguous(a):
        return 0
    n = objects.size_of(a)
    if n == 0 or n > FEWER:
        return 0
    if code >= SUM:
        none = know(w, NONE)
        if count != 3 or load(data + 8) != none or load(data + 16) != know(w, FALSE):
            return 0
        out = objects.new_array(know(w, NEW_ARRAY), know(w, NDARRAY), array_dtype(a), 0, 0)
        if wide:
            _total64(array_data(a), n, code == MEAN, array_data(out))
        else:
            _total32(array_data(a), n, code == MEAN, array_data(out))
        return out
    ufunc, beside = know(facts, FEW64 if wide else FEW32), know(facts, BESIDE64 if wide else BESIDE32)
    if ufunc == 0 or count != 1:
        return 0
    if beside == 0:
        return objects.call(ufunc, data, 1, 0)
    pair = room()
    store(pair + 8, beside)
    store(pair + 16, a)
    return objects.call(ufunc, pair + 8, 2, 0)


def _sum_of(kind, lanes):
    at = objects.pointer(kind)

    @numba.njit(error_model="numpy")
    def write(x, n, mean, out):
        total = ordered.few(numba.carray(at(x), n), lanes) + kind(0)  # (-0 becomes 0)
        at(out)[0] = total / kind(n) if mean else total

    return write


_total32, _total64 = _sum_of(types.float32, 8), _sum_of(types.float64, 4)


def entry(facts, arguments, count):
    """The calls of `unary` and `op`: (inputs, constants ...) -> Tensor, or None."""
    facts = array_data(facts)
    w = know(facts, WORLD)
    inputs, none = know(facts, INPUTS), know(w, NONE)
    if count < inputs or count > know(facts, PARAMETERS) or not nobody_watches(w):
        return kept(none)
    data, mask = room() + 8, 0
    for i in range(count):
        x = load(arguments + 8 * i)
        if i < inputs and x != none and type_of(x) != know(w, FLOAT) and type_of(x) != know(w, INT):
            if not is_plain(w, x):
                return kept(none)
            if load(x + know(w, NODE)) != none:
                mask |= 1 << i
            x = load(x + know(w, DATA))
            if know(facts, FLOATS_ONLY) and not is_float(w, array_dtype(x)):
                return kept(none)
        store(data + 8 * i, x)
    recorded = mask != 0 and know(facts, DIFFERENTIABLE) != 0 and recording(w)
    results = few(w, facts, data, count)
    if results == 0:
        results = objects.call(know(facts, KERNEL if recorded else UNRECORDED), data, count, 0)
    if results == 0:
        objects.forget_error()
        return kept(none)
    several = know(facts, RESIDUALS if recorded else RESIDUALS_UNRECORDED) != 0
    out = array_of(w, objects.sequence_item(results, 0) if several else kept(results))
    if out == 0:
        drop(results)
        return 0
    if not recorded:
        drop(results)
        return tensor_of(w, out, kept(none))
    edges = objects.tuple_of(inputs)
    for i in range(inputs):
        x = load(arguments + 8 * i)
        objects.tuple_set(edges, i, kept(load(x + know(w, NODE)) if mask >> i & 1 else none))
    saved = saved_of(w, facts, mask, arguments, count, data, out, results)
    drop(results)
    return tensor_of(w, out, node_of(w, know(facts, ENTRY), edges, saved, out))


# two operands --------------------------------------------------------------------------------------------------------


def _arithmetic(kind):
    """`compute(code, x, y, number, out, n)` for numbers of a type: x, y, out are addresses; 0 is the number instead."""
    at = objects.pointer(kind)

    def loops(f):
        f = numba.njit(f, error_model="numpy")

        @numba.njit
        def loop(x, y, number, out, n):
            if x == 0:
                for i in range(n):
                    at(out)[i] = f(number, at(y)[i])
            elif y == 0:
                for i in range(n):
                    at(out)[i] = f(at(x)[i], number)
            else:
                for i in range(n):
                    at(out)[i] = f(at(x)[i], at(y)[i])

        return loop

    add, sub, mul, div = (
        loops(f) for f in (lambda x, y: x + y, lambda x, y: x - y, lambda x, y: x * y, lambda x, y: x / y)
    )

    @numba.njit
    def compute(code, x, y, number, out, n):
        if code == ADD:
            add(x, y, kind(number), out, n)
        elif code == SUB:
            sub(x, y, kind(number), out, n)
        elif code == MUL:
            mul(x, y, kind(number), out, n)
        else:
            div(x, y, kind(number), out, n)

    return compute


_compute32, _compute64 = _arithmetic(types.float32), _arithmetic(types.float64)


@numba.njit
def is_number(w, o):
    return type_of(o) == know(w, FLOAT) or type_of(o) == know(w, INT)


@numba.njit
def calculated(w, code, a, b, number, dtype):
    """The result of arithmetic on few numbers in C order: new; 0 if NumPy is to compute it.

    a, b: arrays of that dtype; 0: the Python number instead.
    """
    wide = dtype == know(w, FLOAT64)
    if code == 0 or not is_float(w, dtype):
        return 0
    item = 8 if wide else 4
    like = a
    if a == 0 or (b != 0 and rank(a) < rank(b)):
        like = b
    n = objects.size_of(like)
    if n == 0 or n > FEW or code >= SUM or not objects.is_dense(like, item):
        return 0
    value, x, y = 0.0, 0, 0
    if a != 0 and b != 0:
        if objects.alike(a, b):
            if not objects.is_dense(b if like == a else a, item):
                return 0
            x, y = array_data(a), array_data(b)
        else:
            single = b if like == a else a
            if rank(single) != 0:
                return 0
            if wide:
                value = _doubles(array_data(single))[0]
            else:
                value = types.float64(_floats(array_data(single))[0])
            if like == a:
                x = array_data(a)
            else:
                y = array_data(b)
    else:
        value = objects.to_float(number)
        if abs(value) >= MOST or (value == -1 and objects.error() != 0):
            return 0
        if a != 0:
            x = array_data(a)
        else:
            y = array_data(b)
    out = objects.new_array(know(w, NEW_ARRAY), know(w, NDARRAY), dtype, rank(like), load(like + 32))
    if wide:
        _compute64(code, x, y, value, array_data(out), n)
    else:
        _compute32(code, x, y, value, array_data(out), n)
    return out


MOST = 2.0**53  # whole numbers below it are the same as floats
_floats, _doubles = objects.pointer(types.float32), objects.pointer(types.float64)


def binary(facts, arguments, count):
    """The calls of `binary`: (tensor or number, tensor or number) -> Tensor, or None."""
    facts = array_data(facts)
    w = know(facts, WORLD)
    none = know(w, NONE)
    if not nobody_watches(w):
        return kept(none)
    x, y = load(arguments), load(arguments + 8)
    a, b, number, mask = 0, 0, 0, 0
    if is_plain(w, x):
        a = load(x + know(w, DATA))
        if load(x + know(w, NODE)) != none:
            mask |= 1
    elif is_number(w, x):
        number = x
    else:
        return kept(none)
    if is_plain(w, y):
        b = load(y + know(w, DATA))
        if load(y + know(w, NODE)) != none:
            mask |= 2
    elif is_number(w, y) and number == 0:
        number = y
    else:
        return kept(none)
    dtype = array_dtype(a if a != 0 else b)
    if not is_float(w, dtype) and (number != 0 or know(facts, FLOATS_ONLY) or objects.size_of(a) > FEWER):
        return kept(none)  # (of many halves there is a faster way)
    if number == 0 and array_dtype(b) != dtype:
        return kept(none)
    out = calculated(w, know(facts, ARITHMETIC), a, b, number, dtype)
    if out == 0:
        objects.forget_error()
        p, q = a, b
        if number != 0:
            p_rank = rank(a) if a != 0 else rank(b)
            if p_rank == 0:
                return kept(none)
            known = objects.dict_item(know(w, NUMBERS64 if dtype == know(w, FLOAT64) else NUMBERS32), number)
            if known == 0:
                return kept(none)
            if a == 0:
                p = known
            else:
                q = known
        elif (rank(a) > 1 or rank(b) > 1) and not (is_contiguous(a) and is_contiguous(b)):
            return kept(none)
        pair = room()
        store(pair + 8, p)
        store(pair + 16, q)
        out = objects.call(know(facts, KERNEL), pair + 8, 2, 0)
        if out == 0:
            objects.forget_error()
            return kept(none)
        out = array_of(w, out)
        if out == 0:
            return 0
    if mask == 0 or know(facts, DIFFERENTIABLE) == 0 or not recording(w):
        return tensor_of(w, out, kept(none))
    edges = objects.tuple_of(2)
    objects.tuple_set(edges, 0, kept(load(x + know(w, NODE)) if mask & 1 else none))
    objects.tuple_set(edges, 1, kept(load(y + know(w, NODE)) if mask & 2 else none))
    saved = saved_of(w, facts, mask, arguments, 2, arguments, out, out)
    return tensor_of(w, out, node_of(w, know(facts, ENTRY), edges, saved, out))


# views ---------------------------------------------------------------------------------------------------------------


@numba.njit
def remembered(w, storage, t):
    """Add a view to those of a storage (`state.share`): -1 if an error is set."""
    views = get_attribute(storage, know(w, VIEWS))
    if views == 0:
        return -1
    reference = objects.weak_reference(t, 0)
    if reference == 0:
        drop(views)
        return -1
    if type_of(views) != know(w, LIST) or objects.list_size(views) == 0:
        new = objects.list_of(1)
        objects.list_set(new, 0, reference)
        done = objects.set_attribute(storage, know(w, VIEWS), new)
        drop(new)
        drop(views)
        return done
    last = objects.list_size(views) - 1
    seen = objects.call(objects.list_item(views, last), 0, 0, 0)
    drop(seen)
    if seen == know(w, NONE):  # most views do not live long
        done = objects.list_set(views, last, reference)
    else:
        done = objects.list_append(views, reference)
        drop(reference)
    drop(views)
    return done


@numba.njit
def has_room(w, storage):
    """Whether a storage can remember one more view without forgetting the dead."""
    views = get_attribute(storage, know(w, VIEWS))
    if type_of(views) != know(w, LIST):
        drop(views)
        return True
    limit = get_attribute(storage, know(w, LIMIT))
    free = objects.list_size(views) < objects.to_integer(limit)
    drop(limit)
    drop(views)
    return free


def view(facts, arguments, count):
    """The calls of `view`, with `state.share`: (tensor, constants ...) -> Tensor, or None."""
    facts = array_data(facts)
    w = know(facts, WORLD)
    none = know(w, NONE)
    if count < 1 or count > know(facts, PARAMETERS) or not nobody_watches(w):
        return kept(none)
    x = load(arguments)
    if not is_plain(w, x):
        return kept(none)
    a, edge, base = load(x + know(w, DATA)), load(x + know(w, NODE)), load(x + know(w, BASE))
    storage = load(x + know(w, STORAGE))
    if not is_float(w, array_dtype(a)) or base == 0 or storage == 0:
        return kept(none)
    if base != none and load(x + know(w, MADE)) != none:
        return kept(none)
    on = recording(w)
    if not on and load((x if base == none else base) + know(w, NODE)) != none:
        return kept(none)
    if storage != none and not has_room(w, storage):
        return kept(none)
    data = room()
    store(data + 8, a)
    for i in range(1, count):
        store(data + 8 * (i + 1), load(arguments + 8 * i))
    out = objects.call(know(facts, KERNEL), data + 8, count, 0)
    if out == 0 or type_of(out) != know(w, NDARRAY):
        if out == 0:
            objects.forget_error()
        else:
            drop(out)
        return kept(none)
    entry, copied = know(facts, ENTRY), False
    if know(facts, COPYING) and out != a and array_base(out) != a:
        if array_base(out) == 0 or array_base(out) != array_base(a):
            entry, copied = know(facts, COPYING), True
    if on and edge != none:
        edges = objects.tuple_of(1)
        objects.tuple_set(edges, 0, kept(edge))
        node = node_of(w, entry, edges, saved_of(w, facts, 1, arguments, count, data + 8, out, out), out)
    else:
        node = kept(none)
    t = tensor_of(w, out, node)
    if copied:
        return t
    if storage == none:
        store(data + 8, x)
        made = objects.call(know(w, STORAGE_OF), data + 8, 1, 0)
        if made == 0:
            drop(t)
            return 0
        drop(made)
        storage = load(x + know(w, STORAGE))
    drop(load(t + know(w, STORAGE)))
    put(t, know(w, STORAGE), storage)
    drop(load(t + know(w, BASE)))
    put(t, know(w, BASE), x if base == none else base)
    put(t, know(w, MADE), none if on else know(w, NO_GRAD))
    if node != none:
        drop(load(node + know(w, NODE_STORAGE)))
        put(node, know(w, NODE_STORAGE), storage)
    if remembered(w, storage, t) < 0:
        drop(t)
        return 0
    return t


# from here on Python runs, not compiled code -------------------------------------------------------------------------


@functools.cache
def world() -> np.ndarray[Any, Any]:
    """What all calls know."""
    cls: Any = state.tensor_class
    slots, node_slots = objects.offsets(cls), objects.offsets(OpNode)
    known = [
        cls, state.parameter_class, OpNode, None, np.ndarray, np.dtype(np.float32), np.dtype(np.float64), float, int,
        mode, "enabled", True, inferring, watched, next_number, as_array, numbers.kept["f"], numbers.kept["d"],
        "shape", "dtype", False, Leaf, list, state.storage_of, "views", "limit", "no_grad",
    ]  # fmt: skip
    objects.keep(*known)
    facts = np.array(
        [
            *(id(o) for o in known),
            objects.array_maker(),
            *(slots[n] for n in ("_data", "_node", "_grad", "_base", "_storage", "_made")),
            *(node_slots[n] for n in ("op", "edges", "saved", "seq", "shape", "dtype", "hooks", "storage", "notes")),
        ],
        np.int64,
    )
    objects.keep(facts)
    return facts


def _facts(op: Op) -> np.ndarray[Any, Any]:
    """What the calls of an entry know of it."""
    light = op.unrecorded or op.kernel
    residuals, named, count = len(op.residuals), len(op.saved_names), len(op.inputs)
    objects.keep(op, op.kernel, light, op.defaults)
    plans = [op.places(mask) for mask in range(1 << count)]
    facts = np.array(
        [
            world().ctypes.data, id(op), id(op.kernel), id(light), count, len(op.parameters), op.differentiable,
            residuals, 0 if op.unrecorded else residuals, op.to_float, id(op.defaults), _ARITHMETIC.get(op.name, 0),
            0 if op.copying is None else id(op.copying), named, *few_of(op.kernel),
            *(place for plan in plans for place in plan),
        ],
        np.int64,
    )  # fmt: skip
    _known.append((op, facts))
    return facts


_ARITHMETIC = {"add": ADD, "sub": SUB, "mul": MUL, "div": DIV, "sum_all": SUM, "mean_all": MEAN}


@functools.cache
def _forms() -> list[tuple[Op, Any]]:
    """The entries that have a compiled form, with it."""
    forms = {"binary": objects.compiled(binary), "entry": objects.compiled(entry), "view": objects.compiled(view)}
    return [
        (op, objects.callable_of(forms[op.form], op.name, _facts(op)))
        for op in table.values()
        if op.form in forms and len(op.inputs) <= MOST_INPUTS and len(op.parameters) < objects.ROOM
    ]


def few_of(kernel: Any) -> tuple[int, int, int, int]:
    """The ufuncs that do for few numbers what a kernel does, for float32 and float64, and the operands that go before.

    0 where there is none, or none yet.
    """
    if kernel is pointwise.relu:
        zeros = [numbers.zero(np.empty(0, dtype)) for dtype in "fd"]
        objects.keep(*zeros)
        return id(np.maximum), id(np.maximum), id(zeros[0]), id(zeros[1])
    name = getattr(kernel, "few", "")
    made = [vars(ufuncs.of_dtype[dtype]).get(name) for dtype in "fd"]
    objects.keep(*made)
    return *(0 if u is None else id(u) for u in made), 0, 0  # type: ignore[return-value]


def _notice(dtype: str, name: str, ufunc: Any) -> None:
    """A ufunc has been made: the entries whose kernels take it for few numbers are told."""
    objects.keep(ufunc)
    for op, facts in _known:
        if getattr(op.kernel, "few", None) == name:
            facts[FEW32 if dtype == "f" else FEW64] = id(ufunc)


_known: list[tuple[Op, np.ndarray[Any, Any]]] = []  # the entries, with what their calls know
twins.on_ufunc.append(_notice)


def install() -> None:
    """Make the calls of the table's entries try their compiled forms first."""
    for op, form in _forms():
        op.compiled[0] = form


def remove() -> None:
    """Let all calls go Python's way again."""
    for op, _ in _forms():
        op.compiled[0] = None


MOST_INPUTS = 4
