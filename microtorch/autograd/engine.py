"""Backward: one topological sort and one loop.

Every node is numbered when it is made, after everything that it was made of. So sorting the nodes that can be reached
from
the result by their numbers, youngest first, is a topological order: when a node's turn comes, all of its gradient has
arrived.
"""

from __future__ import annotations

import importlib
import threading
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch import dtypes
from microtorch._warn import at_the_program
from microtorch.autograd import batches
from microtorch.autograd.modes import mode
from microtorch.autograd.node import (
    FREED_MESSAGE,
    GradientEdge,
    Leaf,
    Node,
    OpNode,
    Output,
    Packed,
    callers,
    watched,
    written,
)
from microtorch.autograd.operands import broadcast_error
from microtorch.autograd.partial import Partial
from microtorch.autograd.state import TensorBase, wrap
from microtorch.autograd.table import arrays, tensors
from microtorch.kernels import bfloat16, layouts, twins
from microtorch.kernels.batched import Batched, NotBatchable, as_array
from microtorch.kernels.bfloat16 import BF16, BFloats
from microtorch.kernels.meta import Meta
from microtorch.kernels.quiet import silence
from microtorch.kernels.transpose import contiguous

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

ndarray, float32 = np.ndarray, np.float32
_FLOAT32 = np.dtype(np.float32)
_number = attrgetter("seq")

before_backward: list[Callable[[list[Any], dict[Node, Any] | None], None]] = []
"""Functions called with the list of root tensors at the start of each backward (for tools that look at graphs)."""

compiled: Callable[..., Any] | None = None
"""The compiled form of `run` for plain graphs, once it is in use (compiled/backward.py)."""

watchers: list[object] = []
"""Who wants to see each node's `vjp` (the profiler): while there are any, none is passed over."""


def topological_order(roots: Sequence[Node]) -> tuple[list[Node], dict[Node, int]]:
    """All nodes that the roots depend on, each after all that depend on it; and how many edges lead to each leaf."""
    seen = set(roots)
    stack = list(roots)
    leaves: dict[Node, int] = defaultdict(int)
    while stack:
        for edge in stack.pop().edges:
            if edge is None:
                continue
            if type(edge) is Leaf:
                leaves[edge] += 1
            elif edge not in seen:
                seen.add(edge)
                stack.append(edge)
    return sorted(seen, key=_number, reverse=True), leaves


def run(
    roots: Sequence[Node],
    seeds: Sequence[Any],
    keep: bool,
    create_graph: bool,
    wanted: dict[Node, Any] | None = None,
    accumulate: bool = True,
) -> None:
    """Send the gradients `seeds` of the roots back through the graph.

    seeds: arrays, or Tensors with create_graph. keep: retain what the nodes saved.
    wanted: nodes whose gradients are to be stored in this dictionary; only what leads to them is computed.
    accumulate: leaves that are reached add to their `.grad` (those that are wanted, if any are named).
    """
    plainly = wanted is None and accumulate and not create_graph and len(roots) == 1
    if compiled is not None and plainly and _is_ordinary():
        if compiled(roots[0], seeds[0], arrays, keep) is not None:
            return
    order, waiting = topological_order(roots)
    if compiled is None:
        twins.wait(len(order))
    work = Pass(order, seeds, keep, create_graph, wanted, accumulate)
    grads, own, careful, xp, in_full = work.grads, work.own, work.careful, work.xp, bool(watchers)
    for root, seed in zip(roots, seeds):
        work.deposit(root, seed)
    for node in order:
        g = grads.pop(node, None)
        edges: Sequence[Node | None]
        results: Sequence[Any]
        if g is None and node.runs_on_nothing and (wanted is None or node in work.useful):
            edges, results = work.with_care(node, g)
        elif g is None:  # no gradient came this way, but leaves must not wait for it
            edges = node.edges
            results = [None] * len(edges)
        elif careful or node.hooks is not None or type(node) is not OpNode:
            edges, results = work.with_care(node, g)
        else:
            edges = node.edges
            results = node.vjp(xp, g, edges, keep) if in_full or not node.op.hands_on else (g, g)
        for edge, gi in zip(edges, results):
            if edge is None:
                continue
            leaf = type(edge) is Leaf
            if gi is not None:
                if type(gi) is float32:  # NumPy's scalar, which is slow to tell its dtype
                    if edge.shape or edge.dtype is not _FLOAT32:
                        gi = fitted(xp, gi, edge, grads, own)
                elif gi.shape != edge.shape or gi.dtype is not edge.dtype:
                    gi = fitted(xp, gi, edge, grads, own)
            if gi is not None:
                before = grads.get(edge)
                if before is None:
                    grads[edge] = gi
                    if leaf and gi is not g and type(gi) is ndarray and gi.base is None and type(node) is OpNode:
                        own.add(edge)  # a formula returns g, a view, or a new array; this one is new
                elif type(before) is not ndarray:  # Tensors, or NumPy's scalars
                    grads[edge] = before + gi
                elif edge in own and type(gi) is not Batched:
                    np.add(before, gi, before)
                else:
                    grads[edge] = before + gi
                    own.add(edge)
            if leaf:
                count = waiting[edge]
                if count == 1:
                    work.finish(edge)
                else:
                    waiting[edge] = count - 1


def _is_ordinary() -> bool:
    """Whether nobody watches, and all arrays are NumPy's own."""
    return not (watchers or mode.anomaly or watched or batches.used or layouts.used or bfloat16.used)


class Pass:
    """One backward pass: what was asked for, and the gradients on their way.

    grads: the gradient so far of each node whose turn has not come.
    own: nodes whose gradient is an array made here: added to in place, and handed on without a copy.
    careful: something is asked for beyond plain gradients, so that no node runs as it is.
    """

    def __init__(
        self,
        order: Sequence[Node],
        seeds: Sequence[Any],
        keep: bool,
        create_graph: bool,
        wanted: dict[Node, Any] | None,
        accumulate: bool,
    ) -> None:
        self.keep, self.create_graph, self.wanted, self.accumulate = keep, create_graph, wanted, accumulate
        self.xp = tensors if create_graph else arrays
        self.batching = bool(batches.used) and batches.involved(order, seeds)  # some are all examples' at once (vmap)
        if (self.batching or layouts.used) and not create_graph:  # formulas whose kernels may need a rule
            self.xp = batches.arrays
        self.useful: set[Node] = set() if wanted is None else leading_to(wanted, order)
        self.anomaly = mode.anomaly
        self.careful = wanted is not None or self.anomaly or self.batching or (bool(bfloat16.used) and not create_graph)
        self.grads: dict[Node, Any] = {}
        self.own: set[Node] = set()

    def deposit(self, root: Node, seed: Any) -> None:
        """Add a seed to the gradient of a root (the same root may be given twice)."""
        before = self.grads.get(root)
        self.grads[root] = seed if before is None else before + seed
        if before is not None and not self.create_graph:
            self.own.add(root)

    def with_care(self, node: Node, g: Any) -> tuple[Sequence[Node | None], Sequence[Any]]:
        """The edges of a node and their gradients, where there are hooks, wanted gradients, or other kinds of nodes."""
        wanted = self.wanted
        if wanted is not None and not self.accumulate and node in wanted:
            goes_on = node in self.useful  # then it is caught as it came, before hooks change it
            if node.hooks is not None and not goes_on:
                g = run_tensor_hooks(node, g, self.create_graph)
            wanted[node] = g.conj() if node.dtype.kind == "c" else g
            if not goes_on:
                return (), ()
        if node.hooks is not None and g is not None:
            g = run_prehooks(node, run_tensor_hooks(node, g, self.create_graph), self.create_graph)
            if g is None:
                return node.edges, [None] * len(node.edges)
        if type(node) is Leaf:  # a root that is a leaf itself
            if self.accumulate and (wanted is None or node in wanted):
                g = g.conj() if node.dtype.kind == "c" else g
                accumulate_grad(node, g, node in self.own, self.create_graph)
            return (), ()
        if type(node) is Output:
            several = self.grads.get(node.parent)
            if several is None:
                assert node.parent.notes is not None
                several = self.grads[node.parent] = [None] * node.parent.notes["outputs"]
            before = several[node.index]
            several[node.index] = g if before is None else before + g
            return (), ()
        edges = node.edges
        if wanted is not None:
            edges = [e if e in self.useful or e in wanted else None for e in edges]
        vjp = batches.vjp if self.batching else vjp_in_float32
        results = run_with_node_hooks(node, vjp, self.xp, g, edges, self.keep, self.create_graph)
        if self.anomaly:
            check_anomaly(node, results)
        return edges, results

    def finish(self, leaf: Node) -> None:
        """Hand a leaf its whole gradient: to its tensor hooks, to who wants it, to `.grad`."""
        g, wanted = self.grads.pop(leaf, None), self.wanted
        if g is None or (wanted is not None and leaf not in wanted):
            return
        owned = leaf in self.own
        if leaf.hooks is not None:
            hooked = run_tensor_hooks(leaf, g, self.create_graph)
            if self.accumulate:
                hooked = run_prehooks(leaf, hooked, self.create_graph)
                if hooked is None:
                    return
            owned = owned and hooked is g
            g = hooked
        if leaf.dtype.kind == "c":
            g, owned = g.conj(), False
        if wanted is not None:
            wanted[leaf] = g
        if self.accumulate:
            accumulate_grad(leaf, g, owned, self.create_graph)


def _laid_out(g: Any, like: Any) -> Any:
    """A copy of a gradient that lies in memory as its leaf does, if that is without gaps; in C order otherwise."""
    if type(g) is BFloats or type(g) is Meta:
        return g.copy()
    if like is not None and type(g) is ndarray:
        out = np.empty_like(like, g.dtype)
        if out.strides == like.strides:
            np.copyto(out, g)
            return out
    return np.array(g, order="C")


def accumulate_grad(leaf: Node, g: Any, owned: bool, create_graph: bool) -> None:
    """Add `g` to the leaf tensor's `.grad`: in place if there is one, else `g` itself if we own it, else a copy."""
    t = leaf._tensor()  # type: ignore[attr-defined]
    if t is None or t._node is None:  # gone, or detached since
        return
    before = t._grad
    if create_graph:
        if before is not None and layouts.used and layouts.is_sparse(before._data):  # (dense + sparse, not the reverse)
            before, g = g, before
        t._grad = tensors.grad_copy(g) if before is None else before + g
    elif before is None:
        like = t._data
        plain = type(like) is not ndarray or like.flags.c_contiguous or like.shape != g.shape
        if not (owned and type(g) is ndarray and (g.flags.c_contiguous if plain else g.strides == like.strides)):
            if layouts.used and layouts.is_sparse(g):
                g = g.gradient()
            else:
                g = _laid_out(g, None if plain else like)
        t._grad = wrap(g)
    elif layouts.used and layouts.is_sparse(before._data) and not layouts.is_sparse(g):
        t._grad = wrap(as_array(g)) + before
    elif before._data.dtype == g.dtype:  # (also if it is part of a graph itself, which does not see this)
        try:
            np.add(before._data, g, before._data)
        except ValueError as error:  # the leaf has had data of another shape since
            raise broadcast_error(before._data, g, error) from None
        written(before)
    else:
        t._grad = before + wrap(as_array(g))
    if leaf.hooks is not None:
        for hook in list(leaf.hooks.after.values()):
            if hook(t) is not None:
                raise RuntimeError("Tensor post accumulate grad hooks should return None.")
        for hook in list(leaf.hooks.post.values()):
            hook((), (as_tensor(g),))


def leading_to(wanted: dict[Node, Any], order: Sequence[Node]) -> set[Node]:
    """The nodes of the graph through which a gradient reaches one of the wanted ones."""
    useful: set[Node] = set()
    for node in reversed(order):  # oldest first
        for edge in node.edges:
            if edge is not None and (edge in wanted or edge in useful):
                useful.add(node)
                break
    return useful


def fitted(xp: Any, g: Any, edge: Node, grads: dict[Node, Any], own: set[Node]) -> Any:
    """The gradient summed to its input's shape and cast to its dtype; None for a Partial, which is added at once."""
    if g.shape != edge.shape:
        g = xp.sum_to(g, edge.shape)
    if type(g) is Partial and edge.dtype is BF16:
        g = g.whole()
    if type(g) is Partial:
        before = grads.get(edge)
        if before is None:
            grads[edge] = before = np.zeros(edge.shape, edge.dtype)
        elif edge not in own or type(before) is not ndarray:
            whole = np.zeros(edge.shape, edge.dtype)
            grads[edge] = before = np.add(whole, before, out=whole)
        own.add(edge)
        g.add_to(before)
        return None
    have = g._data.dtype if xp.recorded else g.dtype
    return g if have == edge.dtype else cast_grad(xp, g, have, edge.dtype)


def cast_grad(xp: Any, g: Any, have: Any, want: Any) -> Any:
    """The gradient in its input's dtype; of a complex gradient for a real input, the real part."""
    if have.kind == "c" and want.kind != "c":
        g = xp.real(g)
        if (g._data if xp.recorded else g).dtype == want:
            return g
    return xp.cast(g, want)


def as_tensor(g: Any) -> Tensor:
    """A gradient as the Tensor that a hook sees."""
    if isinstance(g, TensorBase):
        return g  # type: ignore[return-value]
    return wrap(g.whole() if type(g) is Partial else as_array(g))


def run_tensor_hooks(node: Node, g: Any, create_graph: bool) -> Any:
    """Show the gradient to the hooks on the node's output; what they return replaces it. A tensor may retain it."""
    hooks = node.hooks
    assert hooks is not None
    if not isinstance(g, list) and (hooks.tensor or hooks.retain is not None):
        is_complex = node.dtype.kind == "c"
        t = as_tensor(g.conj() if is_complex else g)
        for hook in list(hooks.tensor.values()):
            t = checked_hook_result(hook, hook(t), t)
        if hooks.retain is not None:
            kept = hooks.retain()
            if kept is not None:
                new = tensors.clone(t) if create_graph else wrap(t._data.copy())
                kept._grad = new if kept._grad is None else kept._grad + t
        g = t if create_graph else t._data
        if is_complex:
            g = g.conj()
    return g


def run_prehooks(node: Node, g: Any, create_graph: bool) -> Any:
    """Show the gradients of a node that is about to run to its own hooks; what they return replaces them."""
    hooks = node.hooks
    if hooks is None or not hooks.pre:
        return g
    several = isinstance(g, list)
    is_complex = node.dtype.kind == "c" and not several
    given = tuple(None if x is None else as_tensor(x.conj() if is_complex else x) for x in (g if several else [g]))
    for hook in list(hooks.pre.values()):
        given = checked_results(hook, hook(given), given)
    changed = [x if x is None or create_graph else x._data for x in given]
    if several or changed[0] is None:
        return changed if several else None
    return changed[0].conj() if is_complex else changed[0]


def checked_hook_result(hook: Any, changed: Any, given: Tensor) -> Tensor:
    """The gradient after a hook: what it was if the hook returned None."""
    if changed is None:
        return given
    if not isinstance(changed, TensorBase):
        raise TypeError(f"expected Variable, but hook returned '{type(changed).__name__}'")
    if changed._data.dtype != given._data.dtype:
        types = [dtypes.of[t._data.dtype].type_name for t in (given, changed)]
        was, got = (f"CPU{k}Type" if k.startswith("Complex") else f"torch.{k}Tensor" for k in types)
        raise RuntimeError(f"hook '{_hook_name(hook)}' has changed the type of value (was {was} got {got})")
    if changed._data.shape != given._data.shape:
        raise RuntimeError(f"hook '{_hook_name(hook)}' has changed the size of value")
    return changed  # type: ignore[return-value]


def _hook_name(hook: Any) -> str:
    return getattr(hook, "__name__", type(hook).__name__)


def checked_results(hook: Any, changed: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
    """The gradients after a node's hook: what they were if it returned None, as a whole or for one of them."""
    if changed is None:
        return given
    if not isinstance(changed, tuple):
        raise TypeError(f"expected tuple, but hook returned '{type(changed).__name__}'")
    if len(changed) != len(given):
        raise RuntimeError(
            f"hook '{_hook_name(hook)}' has returned an incorrect number of values (got {len(changed)}, but expected "
            f"{len(given)})"
        )
    if any(old is None and new is not None for old, new in zip(given, changed)):
        raise RuntimeError("can't replace a None gradient with a non-None value")
    return tuple(None if new is None else checked_hook_result(hook, new, old) for old, new in zip(given, changed))


def run_with_node_hooks(
    node: Node, vjp: Callable[..., Sequence[Any]], xp: Any, g: Any, edges: Sequence[Any], keep: bool, create_graph: bool
) -> Sequence[Any]:
    """Run a node that may have hooks of its own (Node.register_hook)."""
    try:
        results = vjp(node, xp, g, edges, keep)
    except Exception:
        if mode.anomaly:
            warn_of(node)
        raise
    if node.hooks is None or not node.hooks.post:
        return results
    outs = tuple(None if x is None else as_tensor(x) for x in (g if isinstance(g, list) else [g]))
    ins = tuple(None if x is None else as_tensor(x) for x in results)
    for hook in list(node.hooks.post.values()):
        ins = checked_results(hook, hook(ins, outs), ins)
    return [x if x is None or create_graph else x._data for x in ins]


def vjp_in_float32(
    node: Node, xp: Any, g: Any, edges: Sequence[Any], keep: bool, create_graph: bool = False
) -> Sequence[Any]:
    """`node.vjp`, in float32 where bfloat16 meets it: what comes out is rounded when cast to its input's dtype."""
    if not bfloat16.used or not isinstance(node, OpNode) or xp.recorded:
        return node.vjp(xp, g, edges, keep)
    saved = node.saved or ()
    packed = any(type(v) is Packed for v in saved)  # by a hook that may compute it anew: it is unpacked once
    if not packed and not any(bfloat16.is_any(v._data if isinstance(v, TensorBase) else v) for v in (g, *saved)):
        return node.vjp(xp, g, edges, keep)
    values = [bfloat16.in_float32(v) for v in node.unpack(False)] if node.op.saved_names else ()
    g = bfloat16.in_float32(g)
    results = batches.formulas(node, g, edges, values)
    if not keep and node.op.saves_tensors:
        node.saved = None
    return results


def run_alone(node: Node, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
    """The gradients of a node's inputs, recorded, given those of its outputs (`t.grad_fn(g)`)."""
    several = bool(node.noted("outputs"))
    given: Any = list(gradients) if several else gradients[0]
    if node.dtype.kind == "c" and not several:
        given = given.conj()
    found: list[Any] = []
    for edge, g in zip(node.edges, node.vjp(tensors, given, node.edges, True)):
        if g is not None and edge is not None and (g._data.shape, g._data.dtype) != (edge.shape, edge.dtype):
            g = fitted(tensors, g, edge, {}, set())
        found.append(g if g is None or g._data.dtype.kind != "c" else g.conj())
    return tuple(found)


callers.append(run_alone)


def check_anomaly(node: Node, results: Sequence[Any]) -> None:
    """Anomaly mode: a NaN in a gradient is an error that names the node."""
    if not mode.check_nan:
        return
    for i, r in enumerate(results):
        data: Any = r._data if isinstance(r, TensorBase) else r
        if data is not None and np.isnan(data.values if layouts.is_sparse(data) else data).any():
            warn_of(node)
            raise RuntimeError(f"Function '{node.name()}' returned nan values in its {i}th output.")


def warn_of(node: Node) -> None:
    """Anomaly mode: say where the operation was called whose backward failed."""
    stack = node.metadata.get("traceback_")
    if stack is None:
        text = (
            f"Error detected in {node.name()}. No forward pass information available. Enable detect anomaly during "
            "forward pass for more information."
        )
    else:
        text = f"Error detected in {node.name()}. Traceback of forward call that caused the error:\n{''.join(stack)}"
    warnings.warn(text, stacklevel=4)


# the public functions ------------------------------------------------------------------------------------------------


def _seed(i: int, root: TensorBase, seed: Any, create_graph: bool) -> Any:
    """The gradient to start with: the one given, or 1 for a tensor of one element."""
    data = root._data
    if seed is None:
        if data.size != 1:
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        if data.dtype.kind == "c":
            raise RuntimeError(
                f"grad can be implicitly created only for real scalar outputs but got "
                f"torch.{dtypes.of[data.dtype].name}"
            )
        ones = (
            np.array(1, data.dtype) if type(data) is ndarray and not data.ndim else np.ones_like(data)
        )  # (1.5 us sooner)
        return wrap(ones) if create_graph else ones
    if not isinstance(seed, TensorBase):
        raise TypeError(f"gradients can be either Tensors or None, but got {type(seed).__name__}")
    if seed._data.shape != data.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{i}] has a shape of torch.Size({list(seed._data.shape)}) and "
            f"output[{i}] has a shape of torch.Size({list(data.shape)})."
        )
    if (seed._data.dtype.kind == "c") != (data.dtype.kind == "c"):
        raise RuntimeError(
            "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: "
            f"grad_output[{i}] has a dtype of torch.{dtypes.of[seed._data.dtype].name} and output[{i}] has a dtype of "
            f"torch.{dtypes.of[data.dtype].name}."
        )
    if data.dtype.kind == "c":
        seed = seed.conj()  # type: ignore[attr-defined]
    if create_graph:
        return seed if seed._data.dtype == data.dtype else tensors.cast(seed, data.dtype)
    return seed._data if seed._data.dtype == data.dtype else arrays.cast(seed._data, data.dtype)


def _check_roots(roots: Sequence[TensorBase]) -> list[Node]:
    """The nodes of the tensors that a backward starts from, all of which must have one."""
    nodes: list[Node] = []
    for i, root in enumerate(roots):
        if root._node is None:
            raise RuntimeError(f"element {i} of tensors does not require grad and does not have a grad_fn")
        nodes.append(root._node)
    return nodes


def _check_input(t: Any) -> None:
    if not isinstance(t, TensorBase):
        raise RuntimeError(f"all inputs have to be Tensors or GradientEdges, but got {type(t).__name__}")


def _start(
    roots: Sequence[TensorBase],
    seeds: Sequence[Any],
    keep: bool,
    create_graph: bool,
    wanted: dict[Node, Any] | None,
    accumulate: bool,
) -> None:
    nodes = _check_roots(roots)
    values = [_seed(i, root, seed, create_graph) for i, (root, seed) in enumerate(zip(roots, seeds))]
    if len(seeds) != len(roots):
        raise RuntimeError(f"got {len(roots)} tensors and {len(seeds)} gradients")
    if before_backward:
        for watcher in list(before_backward):
            watcher(list(roots), wanted)
    before, before_whole = mode.enabled, transforms.whole
    mode.enabled, transforms.whole = create_graph, accumulate and wanted is None
    try:
        with silence():
            run(nodes, values, keep, create_graph, wanted, accumulate)
    finally:
        mode.enabled, transforms.whole = before, before_whole


def _sequence(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, (TensorBase, GradientEdge)) or value is None else tuple(value)


def _tensors(values: Sequence[Any]) -> tuple[Any, ...]:
    """The values with tensors in place of the edges."""
    return tuple([_at(v) if type(v) is GradientEdge else v for v in values])


def _at(edge: GradientEdge) -> Tensor:
    """A tensor at that place of the graph."""
    node = edge.place()
    return wrap(np.broadcast_to(np.zeros((), node.dtype), node.shape), node)


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Add to the leaves' `.grad` the gradients of the tensors (weighted by `grad_tensors`).

    tensors: a Tensor or a sequence; grad_tensors: gradients of the same shapes, None for tensors of one element.
    retain_graph: keep what was saved, for another backward (default: create_graph).
    create_graph: record the backward pass itself, for higher derivatives.
    inputs: only these tensors get a gradient.

    >>> import microtorch as torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> torch.autograd.backward((x * x).sum())
    >>> x.grad
    tensor([2., 4.])
    """
    roots = _tensors(_sequence(tensors))
    if grad_variables is not None:
        warnings.warn("`grad_variables` is deprecated. Use `grad_tensors` instead.", FutureWarning, stacklevel=2)
        if grad_tensors is not None:
            raise RuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. Please only "
                "use `grad_tensors`."
            )
        grad_tensors = grad_variables
    seeds = (None,) * len(roots) if grad_tensors is None else _sequence(grad_tensors)
    if transforms.stack or (batches.used and any(type(r._data) is Batched for r in roots)):
        raise RuntimeError(
            "backward() called inside a functorch transform. This is not supported, please use functorch.grad or "
            "functorch.vjp instead or call backward() outside of functorch transforms."
        )
    keep = create_graph if retain_graph is None else retain_graph
    if create_graph and not _warned:
        _warned.append(None)
        at_the_program(
            "Using backward() with create_graph=True will create a reference cycle between the parameter and its "
            "gradient which can cause a memory leak. We recommend using autograd.grad when creating the graph to avoid "
            "this. If you have to use this function, make sure to reset the .grad fields of your parameters to None "
            "after use to break the cycle and avoid the leak."
        )
    wanted: dict[Node, Any] | None = None
    if inputs is not None:
        sequence = _sequence(inputs)
        if not sequence:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
        wanted = {}
        for given, t in zip(sequence, _tensors(sequence)):
            _check_input(t)
            if t._node is None:
                raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
            wanted[t._node] = None
            if t is given:
                t.retain_grad()
    _start(roots, seeds, keep, create_graph, wanted, True)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of the outputs (summed, weighted by grad_outputs) with respect to the inputs; `.grad` is not
    touched.

    Raises RuntimeError if an input was not used, unless allow_unused (its gradient is then None, or zeros with
    materialize_grads).

    >>> import microtorch as torch
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> (g,) = torch.autograd.grad(x ** 3, x, create_graph=True)
    >>> torch.autograd.grad(g, x)
    (tensor(18.),)
    """
    roots, given = _tensors(_sequence(outputs)), _sequence(inputs)
    sources = _tensors(given)
    if allow_unused is None:
        allow_unused = materialize_grads
    elif materialize_grads and not allow_unused:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    if not sources:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    seeds = (None,) * len(roots) if grad_outputs is None else _sequence(grad_outputs)
    if is_grads_batched:
        return _grads_batched(roots, sources, seeds, retain_graph, create_graph, allow_unused, materialize_grads)
    keep = create_graph if retain_graph is None else retain_graph
    wanted: dict[Node, Any] = {}
    _check_roots(roots)
    for t in sources:
        _check_input(t)
        if t._node is None:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
        wanted[t._node] = None
    _start(roots, seeds, keep, create_graph, wanted, False)
    results: list[Any] = []
    known = {id(s._data): s for s in seeds if s is not None}  # a gradient that is the seed itself is given back as it
    for i, t in enumerate(sources):
        g = wanted[t._node]
        if g is None and not allow_unused:
            raise RuntimeError(
                f"The differentiated Tensor at index {i} appears to not have been used in the graph. "
                "Set allow_unused=True if this is the desired behavior."
            )
        if g is None:
            if materialize_grads and t is not given[i]:
                raise RuntimeError("materialize_grads cannot be used when the given input is a GradientEdge")
            zeros = wrap(np.zeros_like(t._data)) if materialize_grads else None
            results.append(zeros.requires_grad_() if zeros is not None and create_graph else zeros)
        else:
            results.append(g if create_graph else _result(g, known))
    return tuple(results)


def _result(g: Any, known: dict[int, Any]) -> Any:
    """A gradient as a Tensor, of which there is one for each array; what a formula has made is not copied once more."""
    whole = type(g) is ndarray and g.flags.c_contiguous and g.flags.writeable
    if not whole:
        return wrap(contiguous(as_array(g)))
    found = known.get(id(g))
    if found is None:
        found = known[id(g)] = wrap(g)
    return found


def _grads_batched(
    roots: Sequence[Any], sources: Sequence[Any], seeds: Sequence[Any], *options: Any
) -> tuple[Any, ...]:
    """`grad` for many seeds at once, along their first dimension; the gradients get that dimension, too."""
    for i, (root, seed) in enumerate(zip(roots, seeds)):
        if seed is not None and seed._data.shape[1:] != root._data.shape:
            raise RuntimeError(
                "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch "
                "dimension. The sizes of the remaining dimensions are expected to match the shape of corresponding "
                f"output, but a mismatch was detected: grad_output[{i}] has a shape of "
                f"torch.Size({list(seed._data.shape[1:])}) and output[{i}] has a shape of "
                f"torch.Size({list(root._data.shape)}). If you only want some tensors in `grad_output` to be "
                "considered batched, consider using vmap."
            )
    _, create_graph, allow_unused, materialize = options
    size = next((len(s._data) for s in seeds if s is not None), 1)
    try:
        with batches.running(size) as level:
            inside = [s if s is None else batches.batch(s, 0, level) for s in seeds]
            found = grad(roots, sources, inside, True, create_graph, allow_unused=allow_unused)
            found = tuple(g if g is None else batches.unbatch(g, 0, level, size) for g in found)
    except NotBatchable:
        rows = [
            grad(
                roots,
                sources,
                [s if s is None else tensors.select(s, i) for s in seeds],
                True,
                create_graph,
                allow_unused=allow_unused,
            )
            for i in range(size)
        ]
        found = tuple(None if column[0] is None else tensors.stack(list(column), 0) for column in zip(*rows))
    if materialize:  # without the new dimension, as in PyTorch
        return tuple(wrap(np.zeros_like(t._data)) if g is None else g for t, g in zip(sources, found))
    return found


def _use_compiled(on: bool) -> None:
    """Let the core's compiled form (autograd/compiled) take what it can, or no longer."""
    core = importlib.import_module("microtorch.autograd.compiled")  # imports numba
    core.install() if on else core.remove()


twins.on_few.append(_use_compiled)


class _Transforms(threading.local):
    """The torch.func transforms that run on this thread (autograd/source.py), the innermost last."""

    stack: tuple[Any, ...] = ()
    whole = True  # the backward pass that runs is for all leaves, not for some inputs only


transforms = _Transforms()

_warned: list[None] = []  # not empty once the program was warned of backward's create_graph

dual_levels: list[None] = []
"""One for each level of forward mode that is entered on any thread."""

__all__ = ["FREED_MESSAGE", "backward", "before_backward", "grad", "run", "topological_order"]
