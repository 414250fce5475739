"""The graph: what made a tensor, and what that needs to run backwards.

Edges point from a result to what it was made of. Four kinds of node: `OpNode` (a table entry was called), `Leaf` (a
tensor
whose gradient is wanted), `Output` (one of several results of a node), and autograd.Function's own (function.py).

A node never holds the tensor it made: no reference cycle arises, and memory goes when the graph goes.
"""

from __future__ import annotations

import itertools
import os
import re
import traceback
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from microtorch import dtypes
from microtorch.autograd.modes import check_saved, is_inference, mode, watched as watched
from microtorch.autograd.state import Storage, TensorBase, storage_of, wrap
from microtorch.kernels.numbers import operand
from microtorch.size import Size

if TYPE_CHECKING:
    from microtorch._tensor import Tensor
    from microtorch.autograd.table import Op

# Every node takes the next number when it is made, and every in-place write takes one too. So the numbers order the
# graph (a node is younger than what it was made of), and show whether a saved value was written after it was saved.
next_number = itertools.count().__next__


class Hooks:
    """The hooks of one node; most nodes have none."""

    __slots__ = ("tensor", "pre", "post", "after", "retain", "ids")

    def __init__(self) -> None:
        self.tensor: dict[int, Callable[..., Any]] = {}  # Tensor.register_hook: on the gradient of the node's output
        self.pre: dict[int, Callable[..., Any]] = {}  # Node.register_prehook
        self.post: dict[int, Callable[..., Any]] = {}  # Node.register_hook: with gradients of inputs and outputs
        self.after: dict[int, Callable[..., Any]] = {}  # Tensor.register_post_accumulate_grad_hook
        self.retain: weakref.ref[Tensor] | None = None  # the tensor that retains its gradient
        self.ids = itertools.count()


class RemovableHandle:
    """What registering a hook returns: `remove()` takes the hook away again; also a context manager."""

    def __init__(self, hooks: dict[int, Any], key: int) -> None:
        self.hooks, self.id = hooks, key

    def remove(self) -> None:
        """Take the hook away; doing it twice does nothing."""
        self.hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


callers: list[Callable[[Node, tuple[Any, ...]], tuple[Any, ...]]] = []
"""How a node is run by itself, which the engine knows."""


class InputMetadata:
    """What a node expects of a gradient."""

    device = "cpu"
    is_nested_tensor = is_cpp_nested_tensor = False

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape, self.dtype = Size(shape), dtypes.of[dtype]


class Node:
    """One step of the computation. `edges` are the nodes of its inputs (None for an input that needs no gradient)."""

    __slots__ = ("edges", "seq", "shape", "dtype", "hooks", "storage", "notes", "__weakref__")

    runs_on_nothing = False  # a Function's backward is called although no gradient came, with zeros
    edges: Sequence[Node | None]
    seq: int
    shape: tuple[int, ...]  # of the output
    dtype: Any  # NumPy's, of the output
    hooks: Hooks | None
    storage: Storage | None  # of the output, once it has one
    notes: dict[str, Any] | None  # what few nodes have: the number of their outputs, metadata ...

    def name(self) -> str:
        """The name that PyTorch prints, such as MulBackward0."""
        raise NotImplementedError

    def vjp(self, xp: Any, g: Any, edges: Sequence[Node | None], keep: bool) -> Sequence[Any]:
        """The gradients of the inputs, given that of the output; None where the edge is None.

        With `keep` what was saved stays for another backward.
        """
        raise NotImplementedError

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        """The nodes of the inputs, each with the number of its output that was used."""
        if isinstance(self, OpNode) and self.op.shown is not None:
            steps = self.noted("shown")
            if steps is None:
                steps = self.note()["shown"] = tuple((step, 0) for step in Shown.of(self.op.shown, self))
            return steps  # type: ignore[no-any-return]
        return tuple((named(e.parent), e.index) if type(e) is Output else (named(e), 0) for e in self.edges)

    @property
    def _input_metadata(self) -> tuple[InputMetadata, ...]:
        """Shape, dtype and device of what the node made."""
        specs = getattr(self, "output_specs", None)
        if specs is None and self.noted("outputs"):
            raise NotImplementedError(f"_input_metadata of {self.name()}, which has several outputs")
        return tuple(InputMetadata(shape, dtype) for shape, dtype in specs or [(self.shape, self.dtype)])

    def __call__(self, *gradients: Any, **named: Any) -> Any:
        """The gradients of the inputs, given those of the outputs (Tensors, or None)."""
        count = self.noted("outputs") or 1
        if named:
            raise TypeError("keyword arguments are not supported")
        if len(gradients) != count:
            raise TypeError(f"expected {count} arguments, got {len(gradients)} instead")
        for i, g in enumerate(gradients):
            if g is not None and not isinstance(g, TensorBase):
                raise TypeError(f"argument {i} is not a Variable")
        found = (None,) * len(self.edges) if all(g is None for g in gradients) else callers[0](self, gradients)
        return found[0] if len(found) == 1 else found

    def __repr__(self) -> str:
        return f"<{short_name(self)} object at {hex(id(self))}>"

    def _hooks(self) -> Hooks:
        if self.hooks is None:
            self.hooks = Hooks()
        return self.hooks

    def _add(self, kind: dict[int, Any], hook: Callable[..., Any]) -> RemovableHandle:
        key = next(self._hooks().ids)
        kind[key] = hook
        return RemovableHandle(kind, key)

    def register_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(grad_inputs, grad_outputs)` after this node has run; it may return new grad_inputs."""
        return self._add(self._hooks().post, hook)

    def register_prehook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(grad_outputs)` before this node runs; it may return new grad_outputs."""
        return self._add(self._hooks().pre, hook)

    @property
    def metadata(self) -> dict[str, Any]:
        """A dictionary for the user's notes."""
        found: dict[str, Any] = self.note().setdefault("metadata", {})
        return found

    def note(self) -> dict[str, Any]:
        """The node's notes, to write in."""
        if self.notes is None:
            self.notes = {}
        return self.notes

    def noted(self, key: str) -> Any:
        """One of the notes, or None."""
        return None if self.notes is None else self.notes.get(key)


def _nobody() -> None:
    """In place of a reference to a tensor: there is none."""
    return None


_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def calling_lines() -> list[str]:
    """Where the code outside of this package is now, as a traceback prints it."""
    return traceback.format_list([f for f in traceback.extract_stack() if not f.filename.startswith(_PACKAGE)])


class Leaf(Node):
    """The end of the graph: a tensor that collects its gradient in `.grad` (PyTorch's AccumulateGrad)."""

    __slots__ = ("_tensor",)

    def __init__(self, tensor: TensorBase | None, data: Any = None) -> None:
        self.edges = ()
        self.seq = next_number()
        if tensor is not None:
            data = tensor._data
        self.shape, self.dtype = data.shape, data.dtype
        self.hooks = self.storage = self.notes = None
        self._tensor = _nobody if tensor is None else weakref.ref(tensor)

    def collects_for(self, tensor: TensorBase) -> None:
        """Collect the gradient of another tensor from now on."""
        self._tensor = weakref.ref(tensor)

    NAME = "torch::autograd::AccumulateGrad"

    def name(self) -> str:
        return self.NAME

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {hex(id(self))}>"

    @property
    def variable(self) -> Tensor | None:
        """The tensor, or None if it is gone."""
        return self._tensor()  # type: ignore[return-value]


class Shown(Node):
    """A step that PyTorch's graph has, and ours has not, since one node does several: only for who walks the graph."""

    __slots__ = ("label",)

    def __init__(self, label: str, edges: Sequence[Node | None], like: Node) -> None:
        self.label, self.edges = label, edges
        self.seq, self.shape, self.dtype = like.seq, like.shape, like.dtype
        self.hooks = self.storage = self.notes = None

    def name(self) -> str:
        return self.label

    @staticmethod
    def of(parts: Sequence[Any], node: Node) -> list[Node | None]:
        """The steps before a node: the number of an edge stands for it, (label, *parts) for a step of its own."""
        steps: list[Node | None] = []
        for part in parts:
            if isinstance(part, int):
                steps.append(named(node.edges[part]))
            else:
                before = Shown.of(part[1:], node)
                steps.append(None if all(b is None for b in before) else named(Shown(part[0], before, node)))
        return steps


class Output(Node):
    """One output of a node that has several: hands its gradient on, with its index."""

    __slots__ = ("parent", "index")

    def __init__(self, parent: Node, index: int, shape: tuple[int, ...], dtype: Any) -> None:
        self.parent, self.index = parent, index
        self.edges = (parent,)
        self.seq = next_number()
        self.shape, self.dtype = shape, dtype
        self.hooks = self.storage = self.notes = None

    def name(self) -> str:
        return self.parent.name()


OUT = "out"

FREED_MESSAGE = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
    "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
    "after calling backward."
)


class OpNode(Node):
    """A call of a table entry: `saved` holds what the entry's formulas name, and nothing else."""

    __slots__ = ("op", "saved")

    saved: tuple[Any, ...] | None  # None: freed

    def __init__(self, op: Op, edges: Sequence[Node | None], saved: tuple[Any, ...], data: Any) -> None:
        self.op = op
        self.edges = edges
        self.saved = saved
        self.seq = next_number()
        self.shape = data.shape
        self.dtype = data.dtype
        self.hooks = self.storage = self.notes = None
        if watched:
            self._watch(data)

    def name(self) -> str:
        return self.noted("name") or self.op.grad_name

    def __dir__(self) -> list[str]:
        back = {"x": "self", "y": "other", "out": "result"}
        saved = () if self.saved is None else zip(self.op.saved_names, self.saved)
        return [*super().__dir__(), *(f"_saved_{back.get(n, n)}" for n, value in saved if value is not None)]

    def _watch(self, data: Any) -> None:
        """Inside anomaly mode: note where the operation was called. Inside saved_tensors_hooks: pack what was saved.

        A recorder is shown the node and its result. Raises RuntimeError for what was made in inference mode.
        """
        check_saved(self.saved or ())
        if mode.recorder is not None:
            mode.recorder(self, data)
        if mode.anomaly:
            self.metadata["traceback_"] = calling_lines()
        if mode.saved_hooks and self.op.saves_tensors and self.saved:
            pack, unpack = mode.saved_hooks[-1]
            self.saved = tuple(packed(v, kind, pack, unpack) for kind, v in zip(self.op.saved_kinds, self.saved))

    def vjp(self, xp: Any, g: Any, edges: Sequence[Node | None], keep: bool) -> Sequence[Any]:
        op, saved = self.op, self.saved
        grads: Sequence[Any]
        if op.shared or xp.recorded or watched or saved is None:
            values = self.unpack(xp.recorded) if op.saved_names else ()
            if op.joint is not None:
                grads = op.joint(xp, g, edges, values)
            else:
                grads = [
                    None if edge is None else formula(xp, g, *[values[i] for i in places])
                    for edge, (formula, places) in zip(edges, op.formulas)
                ]
        else:  # what is called most, so written out: formulas that name at most one of the saved values
            grads, several = [], None
            for edge, (formula, place, places) in zip(edges, op.quick):
                if edge is None:
                    grads.append(None)
                elif formula is None:  # g itself
                    grads.append(g)
                elif place is not None:
                    value = saved[place]
                    if isinstance(value, TensorBase):
                        storage = value._storage
                        if storage is not None and storage.clock > self.seq:
                            raise modified(self, storage, value._data, value._node)
                        value = value._data
                        if op.arithmetic and not value.ndim:  # as NumPy's scalar: formulas compute five times faster
                            value = value[()]
                    elif type(value) is float or type(value) is int:
                        if op.arithmetic and self.shape:  # of other entries it may be an axis
                            value = operand(value, g)
                    elif type(value) is Packed:  # each is unpacked once: another formula may name it, too
                        several = several or self.unpack(False)
                        value = several[place]
                    elif op.saves_outputs and (storage := self.storage) is not None and storage.clock > self.seq:
                        value = self.unpack(False)[place]  # the result: written since, which may have been by this node
                    grads.append(formula(xp, g, value))
                elif places:
                    several = several or self.unpack(False)
                    grads.append(formula(xp, g, *[several[i] for i in places]))
                else:
                    grads.append(formula(xp, g))
        if not keep and op.saves_tensors:
            self.saved = None
        return grads

    def unpack(self, recorded: bool) -> Sequence[Any]:
        """What was saved: as arrays, or (`recorded`, for a backward that is itself recorded) as Tensors.

        Raises RuntimeError if it was freed, or written in place since.
        """
        saved = self.saved
        if saved is None:
            raise RuntimeError(FREED_MESSAGE)
        if self.op.saves_outputs or watched:
            return self._unpack_any(saved, recorded)
        values: list[Any] = []
        for value in saved:
            if isinstance(value, TensorBase):
                storage = value._storage
                if storage is not None and storage.clock > self.seq and self._needs(len(values), recorded):
                    raise modified(self, storage, value._data, value._node)
                values.append(value if recorded else value._data)
            elif type(value) is Packed:
                values.append(wrap(value.unpack(), value.node) if recorded else value.unpack())
            else:
                values.append(value)
        return values

    def _needs(self, place: int, recorded: bool) -> bool:
        """Whether the backward looks at the saved value at that place."""
        return recorded or place not in self.op.spare

    def _unpack_any(self, saved: tuple[Any, ...], recorded: bool) -> Sequence[Any]:
        """`unpack` where the node's own outputs are among what was saved."""
        values: list[Any] = []
        for kind, value in zip(self.op.saved_kinds, saved):
            if kind == OUT and value is not None:
                storage = self.storage
                if type(value) is Packed:
                    value = value.unpack()
                elif storage is not None and storage.clock > self.seq and storage.clock != self.noted("written"):
                    raise modified(self, storage, value, self)
                values.append(wrap(value, self) if recorded else value)
                continue
            if type(kind) is int and value is not None:  # one of several results
                storage = self.noted("storages")[kind]
                if type(value) is Packed:
                    value = value.unpack()
                elif storage.clock > self.seq:
                    raise modified(self, storage, value, self)
                if recorded:
                    value = wrap(value, Output(self, kind, value.shape, value.dtype) if self.noted("outputs") else self)
                values.append(value)
                continue
            if type(value) is Packed:
                value = wrap(value.unpack(), value.node)
            if isinstance(value, TensorBase):
                storage = value._storage
                if storage is not None and storage.clock > self.seq and self._needs(len(values), recorded):
                    raise modified(self, storage, value._data, value._node)
                values.append(value if recorded else value._data)
            else:
                values.append(value)
        return values


def short_name(node: Node) -> str:
    """The node's name as it is printed: CopySlices, where `name()` is torch::autograd::CopySlices."""
    return node.name().rpartition("::")[2]


def _saved(self: OpNode, name: str) -> Any:
    """`_saved_self`, `_saved_result`: what was saved, by PyTorch's names (or ours)."""
    if name.startswith("_saved_"):
        wanted = name[7:]
        for kept, value in zip(self.op.saved_names, self.unpack(True)):
            if kept in (wanted, _SAVED.get(wanted)) and value is not None:
                return value
    elif name.startswith("_raw_saved_") and self.saved is not None:
        wanted = name[11:]
        for place, kept in enumerate(self.op.saved_names):
            if kept in (wanted, _SAVED.get(wanted)) and self.saved[place] is not None:
                return SavedTensor(self, place)
    raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")


_classes: dict[tuple[type[Node], str], type[Node]] = {}


def named(node: Node | None) -> Node | None:
    """The node as its users see it: of a class that has the name of what it is, as `type(t.grad_fn).__name__` tells."""
    if node is not None:
        kind = type(node)
        if kind is OpNode or kind is Shown or kind.__name__ == "FunctionNode":
            name = short_name(node)
            found = _classes.get((kind, name))
            if found is None:
                members: dict[str, Any] = {"__slots__": (), "__module__": "builtins"}
                if kind is OpNode:  # only here: a class that has it is slow at all of its attributes
                    members["__getattr__"] = _saved
                found = _classes[kind, name] = type(name, (kind,), members)
            node.__class__ = found
    return node


Leaf.__name__ = Leaf.__qualname__ = "AccumulateGrad"  # PyTorch's name for it

_SAVED = {"self": "x", "other": "y", "result": "out", "input": "x"}


def modified(node: Node, storage: Storage, data: Any, maker: Node | None) -> RuntimeError:
    """PyTorch's error for a saved value that was written in place."""
    from microtorch.dtypes import of

    seen = (node.noted("written") or node.seq) if maker is node else node.seq  # (an in-place operation's own write)
    since = sum(clock > seen for clock in storage.writes)
    which = ""
    if maker is not None and type(maker) is not Leaf:
        which = f", which is output 0 of {re.sub('Backward[0-9]*$', '', maker.name())},"
    kind = of[data.dtype].type_name
    kind = f"CPU{kind}Type" if data.dtype.kind == "c" else f"torch.{kind}Tensor"
    return RuntimeError(
        f"one of the variables needed for gradient computation has been modified by an inplace operation: [{kind} "
        f"{list(data.shape)}]{which} is at version {storage.version}; expected version {storage.version - since} "
        "instead. Hint: enable anomaly detection to find the operation that failed to compute its gradient, with "
        "torch.autograd.set_detect_anomaly(True, check_nan=False)."
    )


class GradientEdge(NamedTuple):
    """A node, and which of its outputs: where a tensor's gradient arrives."""

    node: Node
    output_nr: int
    ownership_token: Any = None

    def place(self) -> Node:
        """The node of that output."""
        outputs = self.node.noted("outputs")
        if not outputs:
            return self.node
        found: Node = self.ownership_token or Output(self.node, self.output_nr, (), self.node.dtype)
        return found


class Packed:
    """A saved tensor that went through `saved_tensors_hooks`: what pack returned, and how to get it back."""

    __slots__ = ("value", "hook", "node")

    def __init__(self, data: Any, node: Node | None, pack: Callable[[Any], Any], unpack: Callable[[Any], Any]) -> None:
        shown: Any = wrap(data, (node or Leaf(None, data)) if data.dtype.kind in "fc" else None)
        self.hook, self.node = unpack, node
        before, mode.enabled = mode.enabled, False
        try:
            self.value = pack(shown)
        finally:
            mode.enabled = before
        if shown._version:
            raise RuntimeError(
                "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook "
                "cannot be modified by in-place operations as this can lead to unexpected side-effects. Please open "
                "an issue if you need to perform in-place operations on the input to a pack hook."
            )

    def unpack(self) -> Any:
        """The array again."""
        tensor = self.hook(self.value)
        if not isinstance(tensor, TensorBase):
            raise TypeError(
                "Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                f"{type(tensor).__name__}"
            )
        return tensor._data


def packed(value: Any, kind: Any, pack: Callable[[Any], Any], unpack: Callable[[Any], Any]) -> Any:
    """A saved value after its hook; what is no tensor stays as it is."""
    if isinstance(value, np.ndarray) and (kind == OUT or type(kind) is int):
        return Packed(value, None, pack, unpack)
    return Packed(value._data, value._node, pack, unpack) if isinstance(value, TensorBase) else value


class SavedTensor:
    """A place where a node keeps a tensor (`node._raw_saved_self`), for hooks on that one alone."""

    def __init__(self, node: OpNode, place: int) -> None:
        self._node, self._place = node, place

    def register_hooks(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any], /) -> None:
        """Keep `pack_hook(tensor)` instead of the tensor, and get it back by `unpack_hook`.

        Raises RuntimeError if it was freed, or has hooks already.
        """
        node, place = self._node, self._place
        if node.saved is None:
            raise RuntimeError(
                "Calling register_hooks on a saved tensor after it has been freed. Saved intermediate values of the "
                "graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if you need "
                "to backward through the graph a second time or if you need to access saved variables after calling "
                "backward."
            )
        if type(node.saved[place]) is Packed:
            raise RuntimeError(
                "Calling register_hooks on a saved tensor whose hooks have already been set. Hint: only one pair of "
                "hooks is allowed at a time."
            )
        new = packed(node.saved[place], node.op.saved_kinds[place], lambda t: pack_hook(t.detach()), unpack_hook)
        node.saved = (*node.saved[:place], new, *node.saved[place + 1 :])


def require_grad(t: TensorBase) -> None:
    """Make `t` a leaf whose gradient is wanted."""
    if not mode.inference and is_inference(t):
        raise RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")
    t._node = Leaf(t)
    if t._storage is not None:
        t._node.storage = t._storage


def written(t: TensorBase) -> None:
    """Note an in-place write to the memory of `t`: saved values that share it are stale from now on."""
    storage = t._storage
    if storage is None:
        storage = storage_of(t)
    storage.wrote(next_number())
