"""The table of derivatives: how an operation is declared, and what calling it does.

An entry is a name, a forward kernel (arrays in, arrays out) and one formula for each differentiable input:

    exp = unary("exp", np.exp, x=lambda xp, g, out: g * out)
    mul = binary("mul", np.multiply, x=lambda xp, g, y: g * y, y=lambda xp, g, x: g * x)

The keyword is the input differentiated. The formula's parameter names, after the namespace `xp` and the gradient `g` of
the output, say what it needs, and exactly that is saved: `out`, an input's name, `x_shape`, one of the kernel's own
parameters (`axis`), or a residual (an extra result of the kernel). Formulas never broadcast, cast or accumulate: the
engine does.

Complex numbers: `g` is the plain cotangent, so formulas hold no conjugates (the derivative of a holomorphic f is g *
f'(x)); PyTorch's gradient is its conjugate, and the engine conjugates where gradients come in and go out.

A formula runs in two worlds: with `xp = arrays` on plain arrays, and, when the backward pass is itself recorded
(`create_graph=True`), with `xp = tensors` on Tensors. Every entry is in both namespaces under its own name.

Five ways to declare: `unary` (one tensor, then constants), `binary` (two, broadcast and promoted), `view` (one tensor,
whose memory the result shares), `many` (a list of tensors) and `op` (anything else: several results, joint formulas).
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch import dtypes
from microtorch.autograd import state
from microtorch.autograd.modes import mode
from microtorch.autograd.node import OUT, Leaf, Node, OpNode, Output, next_number, watched
from microtorch.autograd.operands import (
    NUMBERS,
    as_float,
    broadcast_error,
    no_loop,
    not_a_tensor,
    promote,
    promote_number,
)
from microtorch.autograd.state import TensorBase, inferring, share, storage_of, wrap
from microtorch.kernels import bfloat16, half, layouts, twins
from microtorch.kernels.batched import Batched, NotBatchable, as_array, one_by_one
from microtorch.kernels.bfloat16 import BFloats, NoRule
from microtorch.kernels.narrow import LEAST
from microtorch.kernels.numbers import operand
from microtorch.kernels.shape import astype
from microtorch.kernels.strides import in_operands_order

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

Formula = Callable[..., Any]
Call = Callable[..., Any]
ndarray = np.ndarray


def locally_constant(xp: Any, g: Any) -> None:
    """The formula of an input on which the result does not depend but in jumps (a mask, a rounded number): no
    gradient."""


def handed_on(xp: Any, g: Any) -> Any:
    """The formula of an input with which the result grows one to one: a sum's."""
    return g


class Namespace:
    """The operations by name, for one world. A name that is missing is an AttributeError, never a dropped graph."""

    def __init__(self, recorded: bool) -> None:
        self.recorded = recorded  # True: operations make Tensors and are recorded

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


arrays = Namespace(recorded=False)
tensors = Namespace(recorded=True)

table: dict[str, Op] = {}
"""Every entry by its name."""


_INDEXED = {"index", "index_embed", "index_without", "index_put", "masked_select"}
"""Entries whose formulas keep an index or a mask, which is a tensor in PyTorch and is freed as one."""


class Op:
    """An entry of the table.

    arithmetic: its formulas are plain arithmetic, so a 0-d array may reach them as a NumPy scalar (five times faster).
    hands_on: its two inputs get the gradient as it is, as those of a sum.
    shared: its formula is for several inputs at once, or of several results.
    name: its name in the table and in the namespaces; grad_name: what PyTorch prints as `grad_fn`.
    inputs: names of the tensor inputs, in order; parameters: names of all of the kernel's positional parameters.
    formulas: for each input (formula, places of what it names among the saved values).
    spare: places of what only `again` names: a backward that is not recorded does not look at it.
    """

    def __init__(
        self,
        name: str,
        kernel: Callable[..., Any],
        formulas: dict[str, Formula],
        inputs: Sequence[str],
        grad_name: str | None = None,
        joint: Formula | None = None,
        residuals: Sequence[str] = (),
        again: Formula | None = None,
        outputs: int | None = 1,
    ) -> None:
        if name in table:
            raise ValueError(f"the table already has an entry {name!r}")
        self.arithmetic = False
        self.shown: Sequence[Any] | None = None  # the steps before it, where PyTorch's graph has more (node.Shown)
        self.name, self.kernel, self.inputs, self.outputs = name, kernel, tuple(inputs), outputs
        self.grad_name = grad_name or name.title().replace("_", "") + "Backward0"
        self.source = dict(formulas) if joint is None else {"joint": joint}
        self.residuals, self.again = tuple(residuals), again
        if residuals:
            bfloat16.outputs[kernel] = outputs or 1
        self.differentiable = bool(formulas) or joint is not None
        self.views = False  # whether the result shares its input's memory
        self.form, self.to_float = "", False  # which way it was declared; see `unary` and `binary`
        self.copying: Op | None = None  # see `view`
        self.unrecorded: Callable[..., Any] | None = None  # see `op`
        self.facts: Any = None  # what a compiled backward pass knows of it (compiled/backward.py)
        self.compiled: list[Callable[..., Any] | None] = [None]  # the compiled form, which calls try first (compiled/)
        unknown = set(formulas) - set(self.inputs)
        if unknown:
            raise ValueError(f"op {name!r}: formulas for {sorted(unknown)}, which are no inputs of it")
        constants = () if isinstance(kernel, np.ufunc) else _positional(kernel)[len(self.inputs) :]
        self.parameters = (*self.inputs, *constants)

        # What can be saved, and where it stands in the tuple `values` that a call builds (see `collect`).
        outs = [OUT] if outputs == 1 else [f"out{i}" for i in range(outputs or 0)]
        self._names = ("", *self.parameters, *outs, *self.residuals, *(f"{i}_shape" for i in self.inputs))
        if joint is not None:
            per_input = [_positional(joint)[3:]] * len(self.inputs)
            if again is not None:
                per_input = [(*names, *(n for n in _positional(again)[1:] if n not in names)) for names in per_input]
        else:
            per_input = [_positional(formulas[i])[2:] if i in formulas else () for i in self.inputs]
        every = per_input or ([] if joint is None else [_positional(joint)[3:]])  # `many` names no inputs
        self.saved_names = tuple(dict.fromkeys(n for names in every for n in names))
        for n in self.saved_names:
            if n not in self._names:
                raise ValueError(f"op {name!r}: a formula names {n!r}; there are {', '.join(self._names[1:])}")
        self.saved_kinds = tuple((OUT if outputs == 1 else outs.index(n)) if n in outs else n for n in self.saved_names)
        self.saves_outputs = any(n in outs for n in self.saved_names)
        self.shaped = [i for i, n in enumerate(self.inputs) if f"{n}_shape" in self.saved_names]
        self.saves_shapes = bool(self.shaped)
        kept = ("key", "mask") if name in _INDEXED else ()
        self.saves_tensors = any(n in (*self.inputs, *outs, *self.residuals, *kept) for n in self.saved_names)
        self.defaults = tuple(getattr(inspect.unwrap(kernel), "__defaults__", None) or ())
        self.formulas: list[tuple[Formula, tuple[int, ...]]] = [
            (formulas[i], tuple(self.saved_names.index(n) for n in names)) if i in formulas else (self._none, ())
            for i, names in zip(self.inputs, per_input)
        ]
        self.hands_on = len(self.formulas) == 2 and all(f is handed_on for f, _ in self.formulas)
        self.shared = joint is not None or outputs != 1  # one formula for several inputs, or of several results
        self.quick = [
            (None if formula is handed_on else formula, places[0] if len(places) == 1 else None, places)
            for formula, places in self.formulas
        ]
        first = () if joint is None else _positional(joint)[3:]
        self.spare = {i for i, n in enumerate(self.saved_names) if again is not None and n not in first}
        self.joint_places = tuple(self.saved_names.index(n) for n in first)
        self.joint_formula = joint
        self.joint = None if joint is None else self._joint
        self._per_input = per_input
        self._plans: dict[int, Callable[[tuple[Any, ...]], tuple[Any, ...]]] = {}
        self.plan_all = self.plan((1 << len(self.inputs)) - 1)
        table[name] = self
        setattr(arrays, name, kernel if not self.residuals else _first(kernel, len(outs)))

    def _none(self, xp: Namespace, g: Any) -> Any:
        raise NotImplementedError(f"the derivative for '{self.name}' is not implemented.")

    def __repr__(self) -> str:
        return f"<op {self.name}({', '.join(self.parameters)})>"

    def plan(self, mask: int) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
        """What to save when the inputs whose bits are set in `mask` need gradients: a picker from `values`."""
        found = self._plans.get(mask)
        if found is None:
            places = self.places(mask)
            if len(places) == 1:
                found = itemgetter(slice(places[0], places[0] + 1))
            else:
                found = itemgetter(*places) if places else _nothing
            self._plans[mask] = found
        return found

    def places(self, mask: int) -> list[int]:
        """Where in `values` stands what is to be saved; 0 (None) for what those inputs' gradients do not need."""
        wanted = {n for i, names in enumerate(self._per_input) if mask >> i & 1 for n in names}
        return [self._names.index(n) if n in wanted else 0 for n in self.saved_names]

    def complete(self, args: Sequence[Any]) -> tuple[Any, ...]:
        """A call's arguments with the kernel's defaults for those left out."""
        missing = len(self.parameters) - len(args)
        return (*args, *self.defaults[len(self.defaults) - missing :]) if missing else tuple(args)

    def collect(
        self, args: Sequence[Any], outs: Sequence[Any], residuals: Sequence[Any], data: Sequence[Any] | None = None
    ) -> tuple[Any, ...]:
        """All that could be saved, in the order of `_names`; `data` are the arguments with arrays for tensors."""
        if len(args) != len(self.parameters):
            args = self.complete(args)
        if not self.saves_shapes:
            return (None, *args, *outs, *residuals)
        if data is None:
            data = [a._data if isinstance(a, TensorBase) else a for a in args[: len(self.inputs)]]
        shapes: list[Any] = [()] * len(self.inputs)
        for i in self.shaped:
            a = data[i]
            if isinstance(a, ndarray):
                shapes[i] = a.shape
        return (None, *args, *outs, *residuals, *shapes)

    def _joint(self, xp: Namespace, g: Any, edges: Sequence[Node | None], values: Sequence[Any]) -> Sequence[Any]:
        if xp.recorded and self.residuals:  # computed again as Tensors, so that their derivatives are seen
            assert self.again is not None, f"op {self.name!r} has residuals but no way to compute them as Tensors"
            named = dict(zip(self.saved_names, values))
            fresh = self.again(xp, *[named[n] for n in _positional(self.again)[1:]])
            named.update(zip(self.residuals, fresh if isinstance(fresh, tuple) else (fresh,)))
            values = [named[n] for n in self.saved_names]
        assert self.joint_formula is not None
        needs = [e is not None for e in edges]
        grads: Sequence[Any] = self.joint_formula(xp, g, needs, *[values[i] for i in self.joint_places])
        return grads


_positional_cache: dict[Any, tuple[str, ...]] = {}


def _positional(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names of a function's positional parameters."""
    found = _positional_cache.get(function)
    if found is None:
        code = getattr(inspect.unwrap(function), "__code__", None)
        found = code.co_varnames[: code.co_argcount] if code is not None else ()  # NumPy's own functions: unnamed
        _positional_cache[function] = found
    return found


def _nothing(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return ()


def _first(kernel: Callable[..., Any], count: int) -> Callable[..., Any]:
    """A kernel without its residuals, as formulas call it."""
    if count == 1:
        return lambda *args: kernel(*args)[0]
    return lambda *args: kernel(*args)[:count]


# the ways to declare an entry -----------------------------------------------------------------------------------


_new = object.__new__
asarray, float32, float64 = np.asarray, np.float32, np.float64


_due: float = twins.PATIENCE  # the number of a node after which compiled code is worth its import


def _many() -> None:
    """So many nodes have been made that what is compiled for small arrays may come into use."""
    global _due
    _due = math.inf
    twins.wait(twins.PATIENCE)


def record(op: Op, edges: Sequence[Node | None], saved: tuple[Any, ...], data: Any) -> Tensor:
    """`wrap(data, OpNode(op, edges, saved, data))`, written out: every recorded operation passes here."""
    node = _new(OpNode)
    node.op = op
    node.edges = edges
    node.saved = saved
    node.seq = number = next_number()
    node.shape = data.shape
    node.dtype = data.dtype
    node.hooks = node.storage = node.notes = None
    if number > _due:
        _many()
    if watched:
        node._watch(data)
    t = _new(state.tensor_class)
    t._data = data
    t._node = node
    t._grad = t._base = t._storage = None
    return t


def unary(
    name: str, kernel: Callable[..., Any], *, to_float: bool = False, grad_name: str | None = None, **formulas: Formula
) -> Call:
    """Declare an entry with one tensor `x`, followed by constants.

    to_float: integer and bool inputs are converted to the default float dtype first.
    Returns the callable `f(x, *constants) -> Tensor`.
    """
    op = Op(name, kernel, formulas, ("x",), grad_name)
    op.form, op.to_float, compiled = "entry", to_float, op.compiled
    pick, differentiable, count = op.plan_all, op.differentiable, len(op.parameters) - 1

    def call(input: Any, *constants: Any) -> Tensor:
        if (form := compiled[0]) is not None and (made := form(input, *constants)) is not None:
            return made  # type: ignore[no-any-return]
        try:
            a = input._data
        except AttributeError:
            raise not_a_tensor(name, 1, input) from None
        edge = input._node
        if edge is None:
            if to_float and a.dtype.kind not in "fc":
                a = astype(a, dtypes.default.float)
            try:
                out = kernel(a, *constants)
            except Exception:
                out = one_by_one(kernel, a, *constants)
            if type(out) is not ndarray:
                out = as_array(out)
            return wrap(out)
        try:
            out = kernel(a, *constants)
        except Exception:
            out = one_by_one(kernel, a, *constants)
        if type(out) is not ndarray:
            out = as_array(out)
        if differentiable and mode.enabled:
            if len(constants) != count:
                constants = op.complete((input, *constants))[1:]
            return record(op, (edge,), pick((None, input, *constants, out, a.shape)), out)
        return wrap(out)

    return _named(call, op)


_THE_SAME_IN_SINGLE = {"add", "sub", "rsub", "mul", "div", "maximum", "minimum", "lt", "le", "gt", "ge", "eq", "ne"}
float16 = np.dtype(np.float16)


def binary(
    name: str,
    kernel: Callable[..., Any],
    *,
    to_float: bool = False,
    check: Callable[[Any, Any], None] | None = None,
    scalars: Callable[[Any, Any], Any] | None = None,
    wide_number: str = "",
    grad_name: str | None = None,
    **formulas: Formula,
) -> Call:
    """Declare an entry with two tensors `x` and `y`, or a tensor and a number: promoted and broadcast.

    to_float: integers and bools are converted to the default float dtype, as in true division.
    check: is shown two operands of different dtypes before they are promoted, and may refuse them.
    scalars: the kernel for two NumPy scalars, which are several times faster than 0-d arrays.
    wide_number: the operands ("y" or "xy") that beside an array of 16-bit floats, if they are a number (y: or a 0-d
    array), are one of float32, and the result is rounded once; others are rounded to the array's dtype first.
    Returns the callable `f(x, y) -> Tensor`; its attribute `operator` is the same for an operator's method, which
    leaves what it does not know to the other operand's class (NotImplemented).
    """
    op = Op(name, kernel, formulas, ("x", "y"), grad_name)
    op.arithmetic = bool(formulas) and not op.saves_outputs
    op.form, op.to_float, compiled = "binary", to_float, op.compiled
    picks = [op.plan(mask) for mask in range(4)]
    differentiable, saves = op.differentiable, bool(op.saved_names)
    rounding, in_single = half.rounding(kernel), half.in_single(kernel)
    if op.saves_shapes:
        raise ValueError(
            f"op {name!r}: a binary entry's formulas need no shapes (the engine sums to the input's shape)"
        )

    def of_halves(a: Any, b: Any) -> Callable[..., Any]:
        """What computes the result of two arrays of float16: of many numbers in float32, rounded once, as NumPy's own
        loops do for each number by itself."""
        return in_single if name in _THE_SAME_IN_SINGLE and max(a.size, b.size) >= LEAST else kernel

    def alike(a: Any, b: Any) -> tuple[Any, Any, Callable[..., Any]]:
        """Two operands of different dtypes, promoted, and what computes the result."""
        if check is not None:
            check(a, b)
        if to_float and a.dtype.kind in "iub" and b.dtype.kind in "iub":
            return as_float(a), as_float(b), kernel
        if wide_number and a.ndim and not b.ndim and half.is_narrow(a) and b.dtype.kind == "f":
            return a, astype(b, np.float32), rounding
        return *promote(a, b), kernel

    def operator(self: Any, other: Any, swapped: bool = False) -> Any:
        """`self op other`; `other op self` if swapped; NotImplemented if `other` is neither a Tensor nor a number."""
        if (form := compiled[0]) is not None:
            made = form(other, self) if swapped else form(self, other)
            if made is not None:
                return made
        a: Any = self._data
        edge_x = self._node
        compute = kernel
        if isinstance(other, TensorBase):
            b: Any = other._data
            edge_y = other._node
            if a.ndim or b.ndim:
                if a.dtype is not b.dtype:
                    a, b, compute = alike(a, b)
                elif a.dtype is float16:
                    compute = of_halves(a, b)
                if (a.ndim > 1 or b.ndim > 1) and not (a.flags.c_contiguous and b.flags.c_contiguous):
                    compute = partial(in_operands_order, compute)
            elif scalars is not None:
                p, q = a[()], b[()]
                kind = type(p)
                if kind is type(q) and (kind is float32 or kind is float64):
                    out = asarray(scalars(p, q))
                    needs = (edge_x is not None) + 2 * (edge_y is not None)
                    if needs and mode.enabled:
                        return record(op, (edge_x, edge_y), picks[needs]((None, self, other, out)), out)
                    return wrap(out)
                if a.dtype is not b.dtype:
                    a, b, _ = alike(a, b)
                    p, q = a[()], b[()]
                a, b, compute = p, q, scalars
            elif a.dtype is not b.dtype:
                a, b, compute = alike(a, b)
        else:
            b = other
            edge_y = None
            if (type(b) is float or type(b) is int) and a.dtype.char in "fd":
                if a.ndim:
                    b = operand(b, a)
                elif scalars is not None:
                    a, compute = a[()], scalars
            else:
                if not isinstance(b, NUMBERS):
                    return NotImplemented
                if check is not None:
                    check(a, b)
                a, b = promote_number(name, as_float(a) if to_float else a, b)
                if a.dtype is float16:
                    compute = of_halves(a, a)
                if ("x" if swapped else "y") in wide_number and half.is_narrow(a):
                    b, compute = half.wide_number(other), rounding
                    other = b  # for the formulas, too
            if swapped:
                self, other, a, b, edge_x, edge_y = other, self, b, a, None, edge_x
        if to_float and edge_x is None and edge_y is None:
            a, b = as_float(a), as_float(b)
        try:
            out = compute(a, b)
        except NoRule:
            try:
                out = one_by_one(kernel, a, b)
            except ValueError as error:
                raise broadcast_error(a, b, error) from None
        except (ValueError, NotImplementedError) as error:  # (shapes that do not fit come before dtypes)
            raise broadcast_error(a, b, error) from None
        except TypeError as error:
            if type(a) is not BFloats and type(b) is not BFloats:
                raise broadcast_error(a, b, no_loop(name, b if swapped else a, error)) from None
            out = one_by_one(kernel, a, b)
        kind = type(out)
        if kind is not ndarray and kind is not Batched and kind is not BFloats and not issubclass(kind, layouts.Sparse):
            out = asarray(out)
        if (edge_x is None and edge_y is None) or not differentiable or not mode.enabled:
            return wrap(out)
        if saves:
            pick = picks[(edge_x is not None) + 2 * (edge_y is not None)]
            return record(op, (edge_x, edge_y), pick((None, self, other, out)), out)
        return record(op, (edge_x, edge_y), (), out)

    def call(input: Any, other: Any) -> Tensor:
        if isinstance(input, TensorBase):
            result = operator(input, other)
            if result is NotImplemented:
                promote_number(name, input._data, other)
        elif isinstance(other, TensorBase):
            result = operator(other, input, True)
            if result is NotImplemented:
                promote_number(name, other._data, input)
        else:
            raise not_a_tensor(name, 1, input)
        return result  # type: ignore[no-any-return]

    call.operator = operator  # type: ignore[attr-defined]
    return _named(call, op)


def view(
    name: str,
    kernel: Callable[..., Any],
    *,
    grad_name: str | None = None,
    copied: Call | None = None,
    **formulas: Formula,
) -> Call:
    """Declare an entry whose result is a view of its tensor `x`: they share memory and version.

    copied: the kernel copies at need (reshape of a transposed array); the copy is then a result of this entry, which
    has the same kernel and formula.
    Returns the callable `f(x, *constants) -> Tensor`.
    """
    op = Op(name, kernel, formulas, ("x",), grad_name)
    op.views = True
    pick, count = op.plan_all, len(op.parameters) - 1
    copying: Op | None = None if copied is None else copied.op  # type: ignore[attr-defined]
    op.form, op.copying, compiled = "view", copying, op.compiled

    def call(input: Any, *constants: Any) -> Tensor:
        if (form := compiled[0]) is not None and (made := form(input, *constants)) is not None:
            return made  # type: ignore[no-any-return]
        try:
            a = input._data
        except AttributeError:
            raise not_a_tensor(name, 1, input) from None
        try:
            out = kernel(a, *constants)
        except Exception as error:
            if type(a) is Batched and not isinstance(error, NotBatchable):
                raise NotBatchable(name) from error  # (a copy for each example would be no view)
            if not layouts.is_foreign(a):
                raise
            out = layouts.computed(kernel, (a, *constants))
        made = op
        if copying is not None and out is not a:
            base = out.base
            if base is not a and (base is None or base is not a.base):
                made = copying
        edge = input._node
        recording = mode.enabled
        if edge is not None and recording:
            if len(constants) != count:
                constants = op.complete((input, *constants))[1:]
            result = record(made, (edge,), pick((None, input, *constants, out, a.shape)), out)
        elif inferring:
            result = wrap(out)
        else:
            result = _new(state.tensor_class)  # as wrap does
            result._data = out
            result._node = result._grad = result._base = result._storage = None
        if made is copying:
            return result
        share(input, result, a.dtype.kind in "fc")
        if not recording:
            result._made = "inference" if mode.inference else "no_grad"
            if result._base._node is not None:  # type: ignore[union-attr]
                result._node = Leaf(None, out)  # as in PyTorch it requires a gradient, which nobody collects
        return result

    def several(input: Any, keys: Sequence[Any]) -> tuple[Any, ...]:
        """A view for each key, made together (by split or unbind): recorded, none of them may be written in place."""
        a, edge, recording = input._data, input._node, mode.enabled
        if type(a) is not ndarray or inferring or not keys:
            parts = [call(input, key) for key in keys]
        else:
            parts, shape = [call(input, keys[0])], a.shape
            first = parts[0]
            storage, base, made = first._storage, first._base, first._made
            for key in keys[1:]:  # as `call`, less what is the same for all of them
                out = kernel(a, key)
                if edge is not None and recording:
                    t = record(op, (edge,), pick((None, input, key, out, shape)), out)
                    t._node.storage = storage  # type: ignore[union-attr]
                else:
                    t = wrap(out, None if first._node is None else Leaf(None, out))
                t._storage, t._base, t._made = storage, base, made
                parts.append(t)
            if a.dtype.kind in "fc":
                storage.add_views(parts[1:])  # type: ignore[union-attr]
        if recording:
            for i, t in enumerate(parts):
                t._made = str(i)
        return tuple(parts)

    call.several = several  # type: ignore[attr-defined]
    return _named(call, op)


def op(
    name: str,
    kernel: Callable[..., Any],
    *,
    inputs: str | None = None,
    outputs: int | None = 1,
    joint: Formula | None = None,
    residuals: Sequence[str] = (),
    again: Formula | None = None,
    unrecorded: Callable[..., Any] | None = None,
    grad_name: str | None = None,
    **formulas: Formula,
) -> Call:
    """Declare any other entry.

    inputs: names of the tensor inputs, in order, as "x weight bias" (default: those that have formulas); they are the
    kernel's first parameters, and any of them may be None or a number in a call.
    outputs: how many results; with more than one the formulas get a list `g` of their gradients (None for one not
    used).
    Results that are integer or bool have no gradient; if only the first is floating, `g` is its gradient itself.
    None: as many as the kernel returns (a list).
    joint: one formula for all inputs, `joint(xp, g, needs, *named)`, instead of one each; `needs` says which are
    wanted.
    residuals: names of extra results of the kernel that are only for the backward pass; `again(xp, *named)` computes
    them as Tensors when the backward pass is recorded.
    unrecorded: a kernel without the residuals, for calls that no backward pass will follow.
    Returns the callable `f(*inputs, *constants)`.
    """
    names = tuple(inputs.split()) if inputs is not None else tuple(formulas)
    entry = Op(name, kernel, formulas, names, grad_name, joint, residuals, again, outputs)
    if outputs == 1 and not residuals and len(names) == len(entry.parameters) == 2:
        return _named(_of_two(entry), entry)
    places, differentiable, extra, plans = range(len(names)), entry.differentiable, len(residuals), entry._plans
    light, beside = unrecorded or kernel, 0 if unrecorded else extra
    nobody: list[Node | None] = [None] * len(names)
    entry.unrecorded, compiled = unrecorded, entry.compiled
    if outputs == 1:
        entry.form = "entry"

    def call(*args: Any) -> Any:
        if (form := compiled[0]) is not None and (made := form(*args)) is not None:
            return made
        data, mask = list(args), 0
        recording: Any = differentiable and mode.enabled
        if recording:
            edges: list[Node | None] = nobody.copy()
            for i, t in zip(places, args):
                if isinstance(t, TensorBase):
                    data[i] = t._data
                    edge = t._node
                    if edge is not None:
                        edges[i] = edge
                        mask |= 1 << i
            recording = mask
        else:
            for i, t in zip(places, args):
                if isinstance(t, TensorBase):
                    data[i] = t._data
        compute, more = (kernel, extra) if recording else (light, beside)
        try:
            result = compute(*data)
        except Exception:
            result, more = one_by_one(kernel, *data), extra
        rest: Sequence[Any] = ()
        if more:
            result, rest = (result[0], result[1:]) if outputs == 1 else (result[:-extra], result[-extra:])
        if outputs == 1:
            if type(result) is not ndarray:
                result = as_array(result)
            if recording:
                values = entry.collect(args, (result,), rest, data)
                return record(entry, edges, (plans.get(mask) or entry.plan(mask))(values), result)
            return wrap(result)
        results = [r if type(r) is ndarray else as_array(r) for r in result]
        if not recording:
            return tuple([wrap(r) for r in results])
        saved = entry.plan(mask)(entry.collect(args, results if outputs else (), rest, data))
        return record_several(entry, edges, saved, results)

    return _named(call, entry)


def _of_two(entry: Op) -> Call:
    """What calling an entry does that has two inputs, no constants and one result: products, solutions."""
    kernel, differentiable = entry.kernel, entry.differentiable
    picks = [entry.plan(mask) for mask in range(4)]
    entry.form, compiled = "entry", entry.compiled

    def call(input: Any, other: Any) -> Tensor:
        if (form := compiled[0]) is not None and (made := form(input, other)) is not None:
            return made  # type: ignore[no-any-return]
        a, b = input, other
        edge_x = edge_y = None
        if isinstance(input, TensorBase):
            a, edge_x = input._data, input._node
        if isinstance(other, TensorBase):
            b, edge_y = other._data, other._node
        try:
            out = kernel(a, b)
        except Exception:
            out = one_by_one(kernel, a, b)
        if type(out) is not ndarray:
            out = as_array(out)
        if differentiable and (edge_x is not None or edge_y is not None) and mode.enabled:
            if type(a) is type(b) is ndarray:
                values: tuple[Any, ...] = (None, input, other, out, a.shape, b.shape)  # as `collect` orders them
            else:
                values = entry.collect((input, other), (out,), (), (a, b))
            return record(entry, (edge_x, edge_y), picks[(edge_x is not None) + 2 * (edge_y is not None)](values), out)
        return wrap(out)

    return call


def many(name: str, kernel: Callable[..., Any], formula: Formula, *, grad_name: str | None = None) -> Call:
    """Declare an entry on a list of tensors: `kernel(arrays, *constants)`.

    formula: `f(xp, g, needs, shapes, *constants)` returns the list of their gradients.
    Returns the callable `f(list of tensors, *constants) -> Tensor`.
    """

    def joint(xp: Namespace, g: Any, needs: Sequence[bool], shapes: Any, constants: Any) -> Any:
        return formula(xp, g, needs, shapes, *constants)

    def described(shapes: Any, constants: Any) -> Any:
        raise AssertionError("only its parameter names are read")

    entry = Op(name, described, {}, (), grad_name, joint)
    entry.kernel = kernel
    setattr(arrays, name, kernel)

    def call(inputs: Sequence[Any], *constants: Any) -> Tensor:
        data = [t._data for t in inputs]
        try:
            out = kernel(data, *constants)
        except Exception:
            out = one_by_one(kernel, data, *constants)
        if type(out) is not ndarray:
            out = as_array(out)
        if mode.enabled:
            edges = [t._node for t in inputs]
            if edges.count(None) != len(edges):
                return record(entry, edges, ([a.shape for a in data], constants), out)
        return wrap(out)

    return _named(call, entry)


def record_several(
    entry: Op, edges: Sequence[Node | None], saved: tuple[Any, ...], results: list[Any]
) -> tuple[Any, ...]:
    """The Tensors of an operation with several results, recorded."""
    node = OpNode(entry, edges, saved, results[0])
    floating = [r.dtype.kind in "fc" for r in results]
    if sum(floating) == 1 and floating[0]:
        tensors_ = [wrap(r, node if f else None) for r, f in zip(results, floating)]
    else:
        node.shape = ()
        tensors_ = [
            wrap(r, Output(node, i, r.shape, r.dtype) if f else None) for i, (r, f) in enumerate(zip(results, floating))
        ]
        node.note()["outputs"] = len(results)
    if entry.saves_outputs:  # a later write to any of them must be noticed
        node.note()["storages"] = [storage_of(t) for t in tensors_]
    return tuple(tensors_)


def _named(call: Call, entry: Op) -> Call:
    call.__name__ = call.__qualname__ = entry.name
    call.op = entry  # type: ignore[attr-defined]
    setattr(tensors, entry.name, call)
    return call
