"""Writes into tensors that are part of a graph.

A write gives the tensor a new place in the graph: `x.add_(y)` computes `x + y` as always, copies it into x's memory,
counts the storage's version up, and makes the sum's node x's own. If x is a view, the base's new value is "the old base
with the region of the view replaced" (`region_write`, PyTorch's CopySlices), and every living view of that memory sees
its region of the new base.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch import dtypes
from microtorch._warn import at_the_program
from microtorch.autograd.modes import check_update, mode
from microtorch.autograd.node import Hooks, Leaf, Node, OpNode, written
from microtorch.autograd.state import TensorBase, storage_of, wrap
from microtorch.autograd.table import table, tensors
from microtorch.kernels import bfloat16
from microtorch.kernels.batched import WritesUnbatched, level_of, running
from microtorch.kernels.bfloat16 import address
from microtorch.kernels.pointwise import view_as_real
from microtorch.kernels.shape import Geometry

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

_LEAF = "a leaf Variable that requires grad is being used in an in-place operation."
_AMBIGUOUS = (
    " Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both "
    "the view and the inplace either both inside the no_grad block (if you don't want the inplace to be tracked) or "
    "both outside (if you want the inplace to be tracked)."
)
_SEVERAL = (
    " This view is the output of a function that returns multiple views. Such functions do not allow the output views "
    "to be modified inplace. You should replace the inplace operation by an out-of-place one."
)
_FUNCTION = (
    " This view was created inside a custom Function (or because an input was returned as-is) and the autograd logic "
    "to handle view+inplace would override the custom backward associated with the custom Function, leading to "
    "incorrect gradients. This behavior is forbidden. You can fix this by cloning the output of the custom Function."
)
_OUTSIDE = {"no_grad": "with grad mode enabled", "inference": "in normal mode"}  # where the two modes are not


SHARED_MEMORY = (
    "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory "
    "location. Please clone() the tensor before performing the operation."
)


def check_writable(x: TensorBase, recorded: bool = False, overlap: bool = False) -> None:
    """Raise PyTorch's errors for tensors that may not be written in place.

    recorded: the write will be part of the graph. overlap: elements that share memory are allowed (one value goes
    everywhere).
    """
    check_update(x)
    if mode.enabled:
        node, base = x._node, x._base
        if base is None:
            if type(node) is Leaf:
                raise RuntimeError(_LEAF)
        elif recorded or node is not None or base._node is not None:
            made = getattr(x, "_made", None)
            if made is not None:
                raise RuntimeError(_made_error(x, made, "is being modified inplace."))
            if type(base._node) is Leaf or (node is not None and base._node is None):
                raise RuntimeError(f"a view of {_LEAF}")
    data = x._data
    if (
        0 in data.strides
        and not overlap
        and data.size
        and any(s == 0 and n > 1 for s, n in zip(data.strides, data.shape))
    ):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
            "Please clone() the tensor before performing the operation."
        )


def warn_of_expanded(name: str, data: Any, example: str = "[indices] = tensor") -> None:
    """Warn, as PyTorch does, who writes with indices where elements share memory."""
    if 0 in data.strides and data.size and any(s == 0 and n > 1 for s, n in zip(data.strides, data.shape)):
        at_the_program(
            f"Use of {name} on expanded tensors is deprecated. Please clone() the tensor before performing this "
            f"operation. This also applies to advanced indexing e.g. tensor{example}"
        )


def check_overlap(x: TensorBase, other: TensorBase, whole: bool = False, expanded: bool = False) -> None:
    """Raise PyTorch's error if `other`, which is read while x is written, shares a part of its memory.

    whole: also if it is the very same memory; expanded: it is to be seen in the shape of x.
    """
    if other._storage is None or x._storage is None or not other._storage.shares(x._storage):
        return
    a, b = x._data, other._data
    if a.size == 0 or b.size == 0 or not (_dense(a) and _dense(b)):
        return
    start, other_start = (address(t) for t in (a, b))
    if (start, a.nbytes) == (other_start, b.nbytes):
        steps = [[s for s, n in zip(t.strides, t.shape) if n != 1] for t in (a, b)]
        if not whole and steps[0] == steps[1] and (a.ndim == b.ndim or expanded):
            return
    elif start + a.nbytes <= other_start or other_start + b.nbytes <= start:
        return
    raise RuntimeError(SHARED_MEMORY)


def _dense(a: Any) -> bool:
    """True if the elements fill a stretch of memory, each place once."""
    if a.flags.c_contiguous or a.flags.f_contiguous:
        return True
    return bool(a.transpose(sorted(range(a.ndim), key=lambda i: -a.strides[i])).flags.c_contiguous)


def _made_error(x: TensorBase, made: str, what: str) -> str:
    """Why a view of a special kind must not be written, or be seen after a write.

    Made in no_grad, one of several, or an input that a Function returned.
    """
    if made.startswith("function ") and x._node is not None:
        name = x._node.name().removesuffix("Backward")
        return f"Output {made.split()[1]} of {name} is a view and {what}{_FUNCTION}"
    several, node = made not in _OUTSIDE, x._node
    where, name = made if made in _OUTSIDE else "no_grad", ""
    if node is not None and type(node) is not Leaf:
        origin = node.origin if isinstance(node, Invalid) else node.name()
        name = "" if origin == Leaf.NAME else re.sub("Backward[0-9]*$", "", origin)
    if several and name:
        which = f"Output {made} of {name} is a view and"
    else:
        which = (
            f"Output 0 of {name} is a view of a view which was created in {where} mode and"
            if name
            else f"A view was created in {where} mode and"
        )
        what = what.replace("inplace.", f"inplace {_OUTSIDE[where]}.")
    return f"{which} {what}" + (
        _SEVERAL if several else _AMBIGUOUS.replace("no_grad", "no_grad" if where == "no_grad" else "inference_mode")
    )


class Invalid(Node):
    """The node of a view whose gradient is not defined since its base was written in place: a backward raises."""

    __slots__ = ("message", "origin")

    def __init__(self, view: TensorBase, node: Node | None, message: str) -> None:
        self.edges = ()
        self.seq = node.seq if node is not None else -1
        self.shape, self.dtype = view._data.shape, view._data.dtype
        self.hooks = self.storage = self.notes = None
        self.message = message
        self.origin: str = Leaf.NAME if node is None else node.origin if isinstance(node, Invalid) else node.name()

    def name(self) -> str:
        return "Invalid"

    def vjp(self, xp: Any, g: Any, edges: Sequence[Node | None], keep: bool) -> Sequence[Any]:
        raise RuntimeError(self.message)


def check_castable(have: Any, want: Any) -> None:
    """Raise if a result of dtype `have` may not be written into a tensor of dtype `want` (float into integer, say)."""
    ranks = dtypes._RANK
    if ranks[have.kind] > ranks[want.kind]:
        raise RuntimeError(
            f"result type {dtypes.of[have].type_name} can't be cast to the desired output type "
            f"{dtypes.of[want].type_name}"
        )


def assign(x: TensorBase, result: TensorBase) -> None:
    """Make `result` the value of x: in memory, and in the graph."""
    data, new = x._data, result._data
    if new.dtype != data.dtype:
        check_castable(new.dtype, data.dtype)
    if new.shape != data.shape:
        raise RuntimeError(f"output with shape {list(data.shape)} doesn't match the broadcast shape {list(new.shape)}")
    np.copyto(data, new, casting="unsafe")
    written(x)
    node = result._node
    if mode.enabled and (node is not None or x._node is not None):
        if node is None:  # a result without a derivative
            node = OpNode(table["zero"], (x._node,), (), data)
        else:
            node.dtype = data.dtype  # the engine casts gradients to it
        place(x, node)


def place(x: TensorBase, node: Node) -> None:
    """Give x, whose memory was just written, the node of its new value."""
    storage = x._storage
    assert storage is not None
    if mode.recorder is not None:
        node.note()["in_place"] = True
    if isinstance(node, OpNode) and node.op.saves_outputs:
        node.storage = storage
        node.note()["written"] = storage.clock  # what it saved is x's value as of now
    base = x._base
    if base is None:
        _move(x, node)
        base = x  # type: ignore[assignment]
    else:
        _pass_hooks_by(x._node, node)
        whole, seen = base._data, x._data
        where = geometry_of(whole, seen) if seen.dtype is whole.dtype else None
        _move(base, _written_node(base, x, node, where))
        base._node.storage = storage  # type: ignore[union-attr]
        _move(x, _region_node(base, x, where))
    for ref in storage.views:
        other = ref()
        if other is None or other is x or other._base is not base:  # (a detached tensor has views of its own)
            continue
        made = getattr(other, "_made", None)
        if made is None:
            _move(other, _region_node(base, other))
        else:
            message = _made_error(other, made, "its base or another view of its base has been modified inplace.")
            other._node = Invalid(other, other._node, message)


def _pass_hooks_by(old: Node | None, node: Node) -> None:
    """The hooks on a view's old value are not for the gradient of what was written over it, as in PyTorch."""
    if type(old) is OpNode and old.hooks is not None and old.hooks.tensor and node.edges and node.edges[0] is old:
        bare = OpNode.__new__(OpNode)
        for name in ("op", "edges", "saved", "seq", "shape", "dtype", "storage", "notes"):
            setattr(bare, name, getattr(old, name))
        bare.hooks = None
        node.edges = [bare, *node.edges[1:]]


def _move(t: TensorBase, node: Node | None) -> None:
    """Make `node` the tensor's; if the tensor retains its gradient, the new node keeps it from now on."""
    old = t._node
    if node is not None and old is not None and old.hooks is not None and old.hooks.retain is not None:
        if node.hooks is None:
            node.hooks = Hooks()
        node.hooks.retain, old.hooks.retain = old.hooks.retain, None
    t._node = node


def _region_node(base: TensorBase, view: TensorBase, where: Any = None) -> Node | None:
    """The node of a view of the base as it is now; `where` is their `geometry_of`, if it is known."""
    if base._node is None:
        return None
    if where is not None:
        known = OpNode(table["region"], (base._node,), (where,), view._data)
        known.storage = view._storage
        return known
    whole, source = base._data, base._node
    seen, pairs = view._data, False
    if seen.dtype != whole.dtype:  # of one are the real and imaginary parts that the other has
        pairs = seen.dtype.kind == "c"
        if pairs:
            seen = view_as_real(seen)
        else:
            whole = view_as_real(whole)
            source = OpNode(table["view_as_real"], (source,), (), whole)
    if (seen.shape, seen.strides) == (whole.shape, whole.strides) and seen.dtype != base._data.dtype:
        node = source
    else:
        node = OpNode(table["region"], (source,), (geometry_of(whole, seen),), seen)
    if pairs:
        node = OpNode(table["view_as_complex"], (node,), (), view._data)
    node.storage = view._storage
    return node


def _written_node(base: TensorBase, view: TensorBase, node: Node, where: Any = None) -> Node:
    """The node of the base's value, of which the view's region was just written with that of `node`."""
    whole, seen, source = base._data, view._data, base._node
    if where is not None:
        return OpNode(table["region_write"], (source, node), (where,), whole)
    if seen.dtype == whole.dtype:
        return OpNode(table["region_write"], (source, node), (geometry_of(whole, seen),), whole)
    if seen.dtype.kind == "c":
        seen = view_as_real(seen)
        node = OpNode(table["view_as_real"], (node,), (), seen)
        return OpNode(table["region_write"], (source, node), (geometry_of(whole, seen),), whole)
    whole = view_as_real(whole)
    if source is not None:
        source = OpNode(table["view_as_real"], (source,), (), whole)
    node = OpNode(table["region_write"], (source, node), (geometry_of(whole, seen),), whole)
    return OpNode(table["region_write_pairs"], (node,), (), base._data)


def node_after_writes(view: TensorBase) -> Node | None:
    """The node of a view, which is another one if its memory was written outside of the graph since.

    Raises RuntimeError for views of a special kind, as PyTorch does.
    """
    node, storage, base = view._node, view._storage, view._base
    if node is None or base is None or storage is None or storage.clock < node.seq:
        return node
    made = getattr(view, "_made", None)
    if made is not None:
        view._node = Invalid(
            view, node, _made_error(view, made, "its base or another view of its base has been modified inplace.")
        )
    elif type(node) is not Leaf:
        fresh = _region_node(base, view)
        if fresh is not None:
            _move(view, fresh)
    return view._node


def geometry_of(b: Any, v: Any) -> tuple[Any, ...]:
    """Where an array lies in another: (its shape, its strides, shape, strides, offset), in bytes."""
    offset = address(v) - address(b)
    return Geometry(b.shape, b.strides, v.shape, v.strides, offset)


def old_value(x: Any, *others: Any) -> Any:
    """x as an operand of its own in-place operation: with a copy of its value if a node may save it.

    Raises RuntimeError if x may not be written in place.
    """
    recorded = mode.enabled and (
        x._node is not None or any(isinstance(t, TensorBase) and t._node is not None for t in others)
    )
    check_writable(x, recorded)
    storage_of(x)  # x, not what stands in for it, is the output of its node
    return wrap(x._data.copy() if recorded else x._data, x._node)


_POSITIONAL: Any = object()  # the second operand was not given by name


def in_place(entry: Callable[..., Any], ufunc: Any = None, no_number: bool = False) -> Callable[..., Any]:
    """The in-place form of a table entry: `x.exp_()` from `exp`.

    With a `ufunc` that computes the same, writes whose backward needs no old value go straight to memory.
    no_number: the second operand must be a tensor.
    """
    op = entry.op  # type: ignore[attr-defined]
    if ufunc is None and isinstance(op.kernel, np.ufunc) and op.kernel.nin == 1:
        ufunc = op.kernel
    position = op.saved_names.index("x") if "x" in op.saved_names else None
    plans = {mask: op.plan(mask) for mask in range(1 << len(op.inputs))}
    marks = tuple(range(len(op._names)))  # to find out which of the values a plan picks
    keeps_x = {m: position is not None and plan(marks)[position] == op._names.index("x") for m, plan in plans.items()}
    keeps_out = op.saves_outputs

    def call(self: Any, *args: Any, other: Any = _POSITIONAL) -> Tensor:
        if other is not _POSITIONAL:
            args = (*args, other)
        if no_number and not isinstance(args[0], TensorBase):
            kind = type(args[0]).__name__
            raise TypeError(f"{op.name}_(): argument 'other' (position 1) must be Tensor, not {kind}")
        mask = 0
        if mode.enabled:
            mask = self._node is not None
            for i, a in enumerate(args[: len(op.inputs) - 1]):
                if isinstance(a, TensorBase) and a._node is not None:
                    mask |= 2 << i
        check_writable(self, bool(mask))
        if self._storage is not None:
            for a in args:
                if isinstance(a, TensorBase) and a._storage is not None and a is not self:
                    check_overlap(self, a)
        data = self._data
        if ufunc is not None and len(args) < 2 and (not mask or not (keeps_x[mask] or keeps_out)):
            other = args[0] if args else data
            if isinstance(other, TensorBase):
                other = other._data
                direct = other.dtype == data.dtype or (
                    other.ndim == 0 and other.dtype.kind == data.dtype.kind and min(data.itemsize, other.itemsize) > 2
                )
            elif args:
                direct = type(other) in (int, float) and data.dtype.char in "fd"
            else:
                direct = data.dtype.kind in "fc"
            if direct:
                try:
                    if args:
                        ufunc(data, other, out=data, casting="same_kind")
                    else:
                        ufunc(data, out=data)
                except (ValueError, TypeError):
                    pass  # shapes or dtypes that do not fit: the general way below raises PyTorch's error
                else:
                    written(self)
                    if mask:
                        edges = (self._node, *(a._node if isinstance(a, TensorBase) else None for a in args))
                        place(self, OpNode(op, edges, plans[mask](op.collect((self, *args), (data,), ())), data))
                    return self
        source = self
        if mask and keeps_x[mask]:
            storage_of(self)  # self, not what stands in for it, is the output of its node
            source = wrap(data.copy(), self._node)
        assign(self, entry(source, *args))
        return self

    call.__name__ = call.__qualname__ = op.name + "_"
    return call


def write(
    entry: Callable[..., Any],
    into: Callable[..., None],
    x: Any,
    others: Sequence[Any],
    constants: Sequence[Any] = (),
    overlap: bool = False,
) -> Tensor:
    """An in-place operation whose backward needs neither the old value nor the new one: straight into memory.

    entry: the table's entry, with inputs (x, *others); into: the kernel `into(x, *others, *constants)` that writes.
    """
    op = entry.op  # type: ignore[attr-defined]
    edge = x._node
    edges, arrays, mask, bit = [edge], [], int(edge is not None), 1
    for t in others:
        bit <<= 1
        edge, array = (t._node, t._data) if isinstance(t, TensorBase) else (None, t)
        if edge is not None:
            mask |= bit
        edges.append(edge)
        arrays.append(array)
    if running.levels and max(map(level_of, arrays), default=0) > level_of(x._data):
        raise WritesUnbatched
    recorded = mode.enabled and mask != 0
    floating = x._data.dtype.kind in "fc"
    check_writable(x, recorded and (floating or op.name != "copy"), overlap)
    recorded = recorded and floating
    if x._storage is not None:
        for t in others:
            if (
                isinstance(t, TensorBase)
                and t._storage is not None
                and not (t._data.size == 1 and (overlap or one_mask(constants)))
                and not (t._data.dtype.kind == "b" and op.name == "masked_scatter" and t is others[0])
            ):
                check_overlap(x, t, op.name in _NO_OVERLAP, op.name == "copy")
    try:
        into(x._data, *arrays, *constants)
    except Exception:
        bfloat16.written(into, x._data, (*arrays, *constants))
    if recorded:
        saved = op.plan(mask)(op.collect((x, *others, *constants), (x._data,), ()))
        node = OpNode(op, edges, saved, x._data)
        written(x)
        place(x, node)
    else:
        written(x)
    return x


def one_mask(constants: Sequence[Any]) -> bool:
    """True if x[mask] is written: PyTorch fills masks with one value by another way, which allows it to overlap."""
    if not constants or not isinstance(constants[0], tuple):
        return False
    arrays = [k for k in constants[0] if isinstance(k, np.ndarray)]
    return len(arrays) == 1 and arrays[0].dtype.kind == "b"


# those that PyTorch checks against their source alone, not against the index or the mask
_NO_OVERLAP = {"index_put", "index_add", "index_copy", "scatter", "scatter_add", "masked_scatter"}


# whole tensors: fill_, zero_, copy_ ----------------------------------------------------------------------------------


def outside(x: TensorBase) -> bool:
    """True if a write of a number into x is certainly not part of a graph, and allowed.

    Raises RuntimeError if x was made in inference mode.
    """
    check_update(x)
    if not mode.enabled:
        return True
    return x._node is None and (x._base is None or x._base._node is None)


def fill_(x: Any, value: Any) -> Tensor:
    """Write one number (or a 0-d tensor's) everywhere."""
    if (type(value) is float or type(value) is int) and x._data.dtype.kind == "f" and outside(x):
        x._data.fill(value)
        written(x)
        return x
    if isinstance(value, TensorBase):
        if value._data.ndim:
            raise RuntimeError(
                f"fill_ only supports 0-dimension value tensor but got tensor with {value._data.ndim} dimensions."
            )
        return write(tensors.fill_by, _fill_into, x, (value,), overlap=True)
    if not isinstance(value, (int, float, complex, np.generic)):
        raise TypeError(
            f"fill_() received an invalid combination of arguments - got ({type(value).__name__}), but expected one "
            "of:\n"
            " * (Tensor value)\n * (Number value)\n"
        )
    number = dtypes.fill_number(value.item() if isinstance(value, np.generic) else value, x._data.dtype)
    return write(tensors.fill, _fill_into, x, (), (number,), overlap=True)


def _fill_into(x: Any, value: Any) -> None:
    x[...] = bfloat16.cast(np.asarray(value) if np.isscalar(value) else value, x.dtype)


def zero_(x: Any) -> Tensor:
    """Write zeros everywhere."""
    if outside(x):
        x._data.fill(0)
        written(x)
        return x
    return write(tensors.zero, lambda a: a.fill(0), x, (), overlap=True)


def copy_(x: Any, src: Any, non_blocking: Any = False) -> Tensor:
    """Write another tensor's values, broadcast and cast."""
    if isinstance(src, TensorBase) and outside(x) and (src._node is None or not mode.enabled):
        a, b = x._data, src._data
        if a.shape == b.shape and (src._storage is None or x._storage is None) and 0 not in a.strides:
            np.copyto(a, b, casting="unsafe")
            written(x)
            return x
    if isinstance(src, (int, float, complex)):
        src = wrap(np.array(src))
    elif not isinstance(src, TensorBase):
        raise TypeError(f"copy_(): argument 'other' (position 1) must be Tensor, not {type(src).__name__}")
    elif src is x and x._node is None:
        written(x)
        return x  # type: ignore[return-value]
    return write(tensors.copy, copy_into, x, (src,))


def copy_into(x: Any, src: Any) -> None:
    """x[...] = src, with PyTorch's cast and errors."""
    have, want = src.shape, x.shape
    if len(have) > len(want):
        raise RuntimeError(f"output with shape {list(want)} doesn't match the broadcast shape {list(have)}")
    try:
        np.copyto(x, src, casting="unsafe")
    except ValueError:
        i = next(i for i in range(1, len(have) + 1) if have[-i] not in (1, want[-i]))
        if want[-i] == 1:
            shape = np.broadcast_shapes(have, want)
            raise RuntimeError(
                f"output with shape {list(want)} doesn't match the broadcast shape {list(shape)}"
            ) from None
        raise RuntimeError(
            f"The size of tensor a ({want[-i]}) must match the size of tensor b ({have[-i]}) at non-singleton "
            f"dimension {len(want) - i}"
        ) from None


def expand_error(have: tuple[int, ...], want: tuple[int, ...]) -> RuntimeError:
    """PyTorch's error for a shape that does not broadcast to another."""
    if len(have) > len(want):
        return RuntimeError(
            f"expand(torch.FloatTensor{{{list(have)}}}, size={list(want)}): the number of sizes provided ({len(want)}) "
            f"must be greater or equal to the number of dimensions in the tensor ({len(have)})"
        )
    i = next(i for i in range(1, len(have) + 1) if have[-i] not in (1, want[-i]))
    return RuntimeError(
        f"The expanded size of the tensor ({want[-i]}) must match the existing size ({have[-i]}) at non-singleton "
        f"dimension {len(want) - i}.  Target sizes: {list(want)}.  Tensor sizes: {list(have)}"
    )
