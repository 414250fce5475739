"""autograd.Function: operations that users write, with a forward and a backward of their own."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from microtorch.autograd import batches, engine
from microtorch.autograd.inplace import check_writable, place
from microtorch.autograd.modes import check_saved, enable_grad, mode, no_grad
from microtorch.autograd.node import (
    FREED_MESSAGE,
    Leaf,
    Node,
    Output,
    Packed,
    calling_lines,
    modified,
    next_number,
    require_grad,
    written,
)
from microtorch.autograd.state import TensorBase, storage_of, wrap
from microtorch.kernels.batched import as_array, level_of, running
from microtorch.utils._pytree import broadcast_prefix, tree_flatten, tree_unflatten

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


class FunctionNode(Node):
    """The node of one call of a Function; also the `ctx` that its forward and backward receive."""

    _function: type[Function]
    _saved: tuple[Any, ...] | None = ()
    _to_save: tuple[Any, ...] = ()
    _dirty: tuple[Any, ...] = ()
    _non_differentiable: tuple[Any, ...] = ()
    runs_on_nothing = True
    _materialize = True
    _materialize_non_diff_grads = True
    needs_input_grad: tuple[bool, ...]
    _without_gradient: tuple[int, ...] = ()  # the numbers of the outputs that were marked so
    _linear: Any = None  # of a Function that has a jvp and no backward: tangents of its inputs, and of its outputs

    def name(self) -> str:
        return self._function.__name__ + "Backward"

    def __repr__(self) -> str:
        return f"<torch.autograd.function.{self.name()} object at {hex(id(self))}>"

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors (inputs or outputs of forward, or others) for `ctx.saved_tensors` in backward."""
        for t in tensors:
            if t is not None and not isinstance(t, TensorBase):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument 0 is of type {type(t).__name__}"
                )
        self._to_save = tensors

    save_for_forward = save_for_backward

    def mark_dirty(self, *tensors: Any) -> None:
        """Say that forward changed these inputs in place (and returns them)."""
        if not all(isinstance(t, TensorBase) for t in tensors):
            raise RuntimeError("mark_dirty can only accept variables, but argument ")
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say that these outputs have no gradient."""
        self._non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros (default) or None for outputs that were not used."""
        self._materialize = value

    @property
    def saved_variables(self) -> tuple[Any, ...]:
        """The old name of `saved_tensors`."""
        warnings.warn("'saved_variables' is deprecated; use 'saved_tensors'", DeprecationWarning, stacklevel=2)
        return self.saved_tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` kept.

        Raises RuntimeError if it was freed by an earlier backward, or changed in place since.
        """
        if self._saved is None:
            raise RuntimeError(FREED_MESSAGE)
        return tuple(self._unpacked(kept) for kept in self._saved)

    def _unpacked(self, kept: Any) -> Any:
        if isinstance(kept, tuple):  # an output: its tensor is made again, at its place in the graph
            data, storage, index = kept
            if storage.clock > self.seq:
                raise modified(self, storage, data, self)
            return wrap(data, self._output_node(index, data) if index is not None else None)
        if type(kept) is Packed:
            return wrap(kept.unpack(), kept.node)
        if kept is not None and kept._storage is not None and kept._storage.clock > self.seq:
            raise modified(self, kept._storage, kept._data, kept._node)
        return kept

    def _output_node(self, index: int, data: Any) -> Node:
        return Output(self, index, data.shape, data.dtype) if self.noted("outputs") else self

    def vjp(self, xp: Any, g: Any, edges: Sequence[Node | None], keep: bool) -> Sequence[Any]:
        count = self.noted("outputs")
        given = [self._gradient(i, x) for i, x in enumerate((g or [None] * count) if count else [g])]
        if self._linear is not None:
            tangents, outs = self._linear
            found = iter(engine.grad(outs, tangents, given, True, xp.recorded, allow_unused=True))
            grads = [None if e is None else next(found) for e in self.edges]
            return [self._checked(i, x, e, xp.recorded) for i, (x, e) in enumerate(zip(grads, edges))]
        if not xp.recorded:
            with no_grad():
                result = self._function.backward(self, *given)
        else:
            result = self._function.backward(self, *given)
        if not keep:
            self._saved = None
        grads = list(result) if isinstance(result, tuple) else [result]
        if len(grads) > len(edges) and all(x is None for x in grads[len(edges) :]):
            del grads[len(edges) :]
        if len(grads) != len(edges):
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients (expected {len(edges)}, got "
                f"{len(grads)})"
            )
        return [self._checked(i, x, e, xp.recorded) for i, (x, e) in enumerate(zip(grads, edges))]

    def _gradient(self, index: int, g: Any) -> Any:
        """The gradient of one output as backward gets it: a Tensor; zeros or None if that output was not used."""
        if g is None:
            shape, dtype = self.__dict__["output_specs"][index] if self.noted("outputs") else (self.shape, self.dtype)
            wanted = self._materialize and (self._materialize_non_diff_grads or index not in self._without_gradient)
            return wrap(np.zeros(shape, dtype)) if wanted and dtype is not None else None
        t = g if isinstance(g, TensorBase) else wrap(as_array(g))
        return t.conj() if t._data.dtype.kind == "c" else t  # type: ignore[attr-defined]

    def _checked(self, index: int, x: Any, edge: Node | None, recorded: bool) -> Any:
        if x is None or edge is None:
            return None
        if not isinstance(x, TensorBase):
            raise RuntimeError(f"expected Variable or None (got {type(x).__name__})")
        try:
            fits = np.broadcast_shapes(x._data.shape, edge.shape) == x._data.shape
        except ValueError:
            fits = False
        if not fits:
            raise RuntimeError(
                f"Function {self.name()} returned an invalid gradient at index {index} - got {list(x._data.shape)} but "
                f"expected shape compatible with {list(edge.shape)}"
            )
        if (x._data.dtype.kind == "c") > (edge.dtype.kind == "c"):
            raise RuntimeError(
                "Expected isFloatingType(grad.scalar_type()) || (input_is_complex == grad_is_complex) to be true, but "
                "got false.  (Could this error message be improved?  If so, please report an enhancement request to "
                "PyTorch.)"
            )
        if x._data.dtype.kind == "c":
            x = x.conj()  # type: ignore[attr-defined]
        return x if recorded else x._data


class Function:
    """Base class of operations with a hand-written backward.

    Subclasses define static methods `forward(ctx, *args)` (or `forward(*args)` with `setup_context(ctx, inputs,
    output)`) and `backward(ctx, *grad_outputs)`, and are called by `apply`. Backward returns one gradient (or None) for
    each argument.

    >>> import microtorch as torch
    >>> class Cube(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x ** 3
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return g * 3 * x ** 2
    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor(12.)
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the result; operations here are not recorded."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Save what backward needs, if `forward` takes no ctx."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of the arguments, given those of the outputs."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward mode AD."
        )

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """The tangents of the outputs, given those of the arguments: used where there is no backward."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
        )

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        """The outputs for all examples at once and their batch dimensions: a rule of the function's own."""
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap staticmethod or set "
            "generate_vmap_rule=True."
        )

    generate_vmap_rule = False
    """Whether vmap may run forward and backward on all examples at once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn(
            f"{self.__class__} should not be instantiated. Methods on autograd functions are all static, so you should "
            "invoke them on the class itself. Instantiating an autograd function will raise an error in a future "
            "version of PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd "
            "function with static forward method. (Example: "
            "https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Call the function, recording it if an argument requires a gradient."""
        own = cls.setup_context is not Function.setup_context
        if kwargs or own:
            bound = (
                inspect.signature(cls.forward).bind(*args, **kwargs)
                if own
                else inspect.signature(cls.forward).bind(None, *args, **kwargs)
            )
            bound.apply_defaults()
            args, kwargs = bound.args[not own :], bound.kwargs
        if engine.transforms.stack or running.levels:
            ruled, result = _transformed(cls, args)
            if ruled:
                return result
        if cls.backward is Function.backward and cls.__dict__.get("vjp") is not None:
            cls.backward = cls.__dict__["vjp"]  # type: ignore[method-assign]  # PyTorch knows both names
        ctx = FunctionNode()
        ctx._function = cls
        ctx.hooks = ctx.storage = ctx.notes = None
        recording = mode.enabled
        ctx.edges = [a._node if recording and isinstance(a, TensorBase) else None for a in args]
        ctx.needs_input_grad = tuple(isinstance(a, TensorBase) and a._node is not None for a in args)
        with no_grad():
            if cls.setup_context is not Function.setup_context:
                output = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, output)
                if ctx._to_save:
                    _check_returned(ctx, args, output)
            else:
                output = cls.forward(ctx, *args, **kwargs)
        ctx.seq = next_number()
        if mode.anomaly:
            ctx.metadata["traceback_"] = calling_lines()
        if mode.recorder is not None:
            mode.recorder(ctx, None)
        if (engine.transforms.stack or mode.duals) and cls.backward is Function.backward:
            ctx._linear = _linear(cls, ctx)
        return _finish(ctx, args, output, any(e is not None for e in ctx.edges))


def _linear(cls: type[Function], ctx: FunctionNode) -> Any:
    """(tangents of the inputs, those of the outputs, computed by the Function's own jvp and recorded).

    The jvp is linear in the tangents, so its gradients are the backward that the Function does not have.
    """
    if cls.jvp is Function.jvp or all(e is None for e in ctx.edges):
        return None
    ctx._saved = tuple(ctx._to_save)
    tangents: list[Any] = []
    for edge in ctx.edges:
        t = None
        if edge is not None:
            t = wrap(np.zeros(edge.shape, edge.dtype))
            require_grad(t)
        tangents.append(t)
    with enable_grad():
        outs = cls.jvp(ctx, *tangents)
    return [t for t in tangents if t is not None], outs if isinstance(outs, tuple) else (outs,)


FunctionCtx = FunctionNode
"""The class of `ctx`, for annotations."""


class InplaceFunction(Function):
    """A Function that may write its input (an older base class, which adds nothing but the flag)."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


class VmapInfo(NamedTuple):
    """What a Function's own rule for vmap is told."""

    batch_size: int
    randomness: str


_MORE = "For more details, please see https://pytorch.org/docs/main/notes/extending.func.html"


def _transformed(cls: type[Function], args: tuple[Any, ...]) -> tuple[bool, Any]:
    """Inside torch.func's transforms: whether the function has a rule of its own for vmap, and then its result.

    Raises RuntimeError for functions that do not say how they are transformed.
    """
    if cls.setup_context is Function.setup_context:
        raise RuntimeError(
            "In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, jacrev, ...), it must "
            f"override the setup_context staticmethod. {_MORE}"
        )
    levels = [level_of(a._data) for a in args if isinstance(a, TensorBase) and level_of(a._data)]
    rule: Any = None if cls.vmap is Function.vmap else cls.vmap
    if not levels or (rule is None and cls.generate_vmap_rule):
        return False, None
    name = cls.__name__
    if rule is None:
        raise RuntimeError(
            f"You tried to vmap over {name}, but it does not have vmap support. Please override and implement the vmap "
            f"staticmethod or set generate_vmap_rule=True. {_MORE}"
        )
    if cls.generate_vmap_rule:
        raise RuntimeError(
            f"You tried to vmap over {name}, but it has both generate_vmap_rule=True and an overridden vmap "
            "staticmethod. Please set generate_vmap_rule=False or delete the overridden vmap staticmethod to avoid "
            f"ambiguity. {_MORE}"
        )
    level = max(levels)
    batched = [isinstance(a, TensorBase) and level_of(a._data) == level for a in args]
    outer = running.levels
    this = next(r for r in outer if r.number == level)
    running.levels = tuple(r for r in outer if r is not this)
    try:
        given = [batches.unbatch(a, 0, level, this.size) if b else a for a, b in zip(args, batched)]
        result = rule(VmapInfo(this.size, this.randomness), tuple(0 if b else None for b in batched), *given)
    finally:
        running.levels = outer
    if not (isinstance(result, tuple) and len(result) == 2):
        got = f"{len(result)} returns" if isinstance(result, tuple) else f"a {type(result)}"
        raise RuntimeError(
            "Expected the vmap staticmethod to have two returns, an output and out_dims with pytree structure "
            f"compatible with the output. Got {got} instead"
        )
    outputs, dims = result
    flat, spec = tree_flatten(outputs)
    where = broadcast_prefix(dims, spec)
    if where is None:
        raise RuntimeError(
            "The autograd.Function's vmap staticmethod returned an incompatible (output, out_dims) tuple. Expected "
            f"out_dims={dims} to be compatible with the structure of `output`. out_dims has structure "
            f"{tree_flatten(dims)[1]} but output has structure {spec}. {_MORE}"
        )
    return True, tree_unflatten([o if d is None else batches.batch(o, d, level) for o, d in zip(flat, where)], spec)


def _check_returned(ctx: FunctionNode, args: tuple[Any, ...], output: Any) -> None:
    """Raise RuntimeError for an input that is returned as it is and saved, by a Function with `setup_context`."""
    for r in output if isinstance(output, (tuple, list)) else (output,):
        if any(r is t for t in ctx._to_save if t is not None) and any(r is a for a in args):
            if not any(r is t for t in ctx._dirty):
                raise RuntimeError(
                    "An input that has been returned as-is as output is being saved for backward. This is not "
                    "supported if you override setup_context. You should return and save a view of the input instead, "
                    "e.g. with x.view_as(x) or setup ctx inside the forward function itself."
                )


def _finish(ctx: FunctionNode, args: tuple[Any, ...], output: Any, recorded: bool) -> Any:
    """The results of a Function's forward as tensors at their place in the graph."""
    several = isinstance(output, tuple)
    raw = list(output) if several else [output]
    for t in ctx._dirty:
        if not any(t is r for r in raw):
            raise RuntimeError(
                "Some elements marked as dirty during the forward method were not returned as output. The inputs that "
                "are modified inplace must all be outputs of the Function."
            )
    differentiable = [
        isinstance(r, TensorBase) and r._data.dtype.kind in "fc" and not any(r is n for n in ctx._non_differentiable)
        for r in raw
    ]
    if not ctx._materialize_non_diff_grads:
        ctx._without_gradient = tuple(i for i, r in enumerate(raw) if any(r is n for n in ctx._non_differentiable))
    first = next((r for r in raw if isinstance(r, TensorBase)), None)
    ctx.shape, ctx.dtype = ((), np.dtype(np.float32)) if first is None else (first._data.shape, first._data.dtype)
    if len(raw) > 1 or several:
        ctx.shape = ()
        ctx.note()["outputs"] = len(raw)
        ctx.__dict__["output_specs"] = [
            (r._data.shape, r._data.dtype) if isinstance(r, TensorBase) else (None, None) for r in raw
        ]
    results: list[Any] = []
    made: dict[int, Any] = {}
    if recorded and len(raw) > 1 and any(t._base is not None for t in ctx._dirty):
        raise RuntimeError(
            "If your Function modifies inplace an input that is a view of another Tensor, your Function cannot return "
            "more than one Tensor. This is not supported by the current autograd engine. You should either make sure "
            "the input is not a view (using .clone() for example) or make your Function only return one Tensor "
            "(potentially splitting it into two Functions: one doing the inplace that returns a single Tensor and a "
            "second one that does the other operations). You can ask on the forum https://discuss.pytorch.org/ if you "
            "need help to do this change."
        )
    for i, r in enumerate(raw):
        if not isinstance(r, TensorBase):
            results.append(r)
            continue
        if id(r) in made:  # returned twice: one tensor, at its last place
            again = made[id(r)]
            if recorded and differentiable[i]:
                again._node = ctx._output_node(i, r._data)
            results.append(again)
            continue
        given = r
        dirty = any(r is t for t in ctx._dirty)
        if dirty:
            if recorded and type(r._node) is Leaf:
                raise RuntimeError("a leaf Variable that requires grad has been used in an in-place operation.")
            if recorded:
                check_writable(r)
            written(r)
            if recorded and differentiable[i]:
                place(r, ctx._output_node(i, r._data))
            made[id(given)] = r
            results.append(r)
            continue
        if any(r is a for a in args) or r._node is not None:
            fresh: Tensor = wrap(r._data)  # an input handed through is a result of its own
            fresh._storage = storage_of(r)
            if recorded:
                fresh._base, fresh._made = r if r._base is None else r._base, f"function {i}"  # type: ignore[assignment]
            r = fresh
        if recorded and differentiable[i]:
            r._node = ctx._output_node(i, r._data)
            if r._storage is not None:
                r._node.storage = r._storage
        made[id(given)] = r
        results.append(r)
    if recorded:
        ctx._saved = tuple(_kept(ctx, t, raw, results, differentiable) for t in ctx._to_save)
    return tuple(results) if several else results[0]


def _kept(ctx: FunctionNode, t: Any, raw: list[Any], results: list[Any], differentiable: list[bool]) -> Any:
    """A saved tensor as the node keeps it: an output as its array alone, so that no cycle arises."""
    if t is None:
        return None
    check_saved((t,))
    if mode.saved_hooks:
        pack, unpack = mode.saved_hooks[-1]
        return Packed(t._data, t._node, pack, unpack)
    for i, r in enumerate(raw):
        if (t is r and not any(t is d for d in ctx._dirty)) or t is results[i]:
            return (t._data, storage_of(results[i]), i if differentiable[i] else None)
    return t


def once_differentiable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a backward that must not be differentiated itself: doing so raises RuntimeError."""

    @functools.wraps(function)
    def wrapper(ctx: Any, *grads: Any) -> Any:
        recorded = mode.enabled
        with no_grad():
            results = function(ctx, *grads)
        if not recorded or not any(isinstance(g, TensorBase) and g._node is not None for g in grads):
            return results
        several = isinstance(results, tuple)
        with enable_grad():
            refused = [
                _Refuse.apply(r, *grads) if isinstance(r, TensorBase) else r
                for r in (results if several else (results,))
            ]
        return tuple(refused) if several else refused[0]

    return wrapper


class _Refuse(Function):
    """Passes a gradient on, but raises when it is differentiated."""

    @staticmethod
    def forward(ctx: Any, x: Any, *grads: Any) -> Any:
        return x.detach()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")
