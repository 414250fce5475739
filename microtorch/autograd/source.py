"""Inputs of a function whose derivative is taken: where its graph begins.

A transform (torch.func.grad, dual numbers) runs a function on inputs of its own, made by `Transform.track`,
and takes gradients with respect to them. What the function captured from outside stays in the graph, so that transforms
nest and mix with `backward`; what depends on nothing outside leaves the transform without a graph (`Transform.leave`).
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import numpy as np

from microtorch.autograd import engine
from microtorch.autograd.modes import mode
from microtorch.autograd.node import Leaf, Node, next_number
from microtorch.autograd.state import TensorBase, storage_of, wrap
from microtorch.autograd.table import tensors as xp
from microtorch.kernels.batched import Batched, running

IN_TRANSFORM = (
    "You are attempting to call Tensor.{0}{1} inside of a function being transformed by a functorch transform. This is "
    "unsupported, please attempt to use the functorch transforms (e.g. grad, vjp, jacrev, jacfwd, hessian) or call {0} "
    "outside of a function being transformed instead."
)
OR_FUNCTIONAL = " (or perhaps using torch.autograd.functional.* APIs)"


class Source(Node):
    """The place of a transform's input that has no graph of its own. Unlike a leaf it may be written in place."""

    __slots__ = ("owner",)

    def __init__(self, data: Any, owner: Transform) -> None:
        self.edges = ()
        self.seq = next_number()
        self.shape, self.dtype = data.shape, data.dtype
        self.hooks = self.storage = self.notes = None
        self.owner = owner

    def name(self) -> str:
        return "SourceBackward"

    def vjp(self, xp: Any, g: Any, edges: Sequence[Node | None], keep: bool) -> Sequence[Any]:
        return ()


active = engine.transforms


def transforming() -> bool:
    """True inside of a function that torch.func transforms (levels of forward mode are not meant)."""
    return bool(running.levels) or len(active.stack) > len(mode.duals)


class Transform:
    """One run of a function under a transform: `with Transform() as own`; operations inside are recorded."""

    running = False

    def __enter__(self) -> Transform:
        self.began = next_number()
        self.inputs: set[int] = set()  # the numbers of its inputs' nodes
        self.recorded = mode.enabled  # no_grad around the transform cuts its results off, and nothing inside
        self.inferred, mode.inference = mode.inference, False  # (inference_mode, too)
        self.running = mode.enabled = True
        active.stack = (*active.stack, self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        active.stack = tuple(t for t in active.stack if t is not self)
        self.running, mode.enabled, mode.inference = False, self.recorded, self.inferred

    def track(self, x: Any) -> Any:
        """An input for the function: it shares the memory of `x`, and its graph if that is recorded.

        Raises ValueError if it is no Tensor, RuntimeError if its dtype has no gradients.
        """
        if not isinstance(x, TensorBase):
            raise ValueError(f"Thing passed to transform API must be Tensor, got {type(x)}")
        if x._data.dtype.kind not in "fc":
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        if x._node is not None and self.recorded:
            t = xp.alias(x)
            self.inputs.add(t._node.seq)
            return t
        t = wrap(x._data)
        t._node = Source(x._data, self)
        self.inputs.add(t._node.seq)
        t._storage = t._node.storage = storage_of(x)
        return t

    def outside(self, outputs: Sequence[Any]) -> bool:
        """True if they depend on something that requires a gradient outside of this transform."""
        nodes = [t._node for t in outputs if isinstance(t, TensorBase) and t._node is not None]
        if not nodes or not self.recorded:
            return False
        order, leaves = engine.topological_order(nodes)
        return bool(leaves) or any(
            type(n) is Leaf or (type(n) is Source and n.owner is not self and n.owner.running) for n in order
        )

    def leave(self, t: Any) -> Any:
        """A result, cut off from the transform's own inputs."""
        if not isinstance(t, TensorBase) or t._node is None or self.outside([t]):
            return t
        result = wrap(t._data)
        result._storage = t._storage
        return result


def describe(t: Any) -> str | None:
    """How PyTorch prints a tensor inside of transforms, if it is an example of a vmap or depends on a grad's input."""
    if mode.duals:
        level = mode.duals[0]
        tangent = level.tangent_of(t)
        inner = level.own.leave(t) if t._node is not None else t
        if tangent is not None:
            mode.duals = ()
            try:
                return wrap(t._data, inner._node)._text(tangent=repr(tangent))
            finally:
                mode.duals = (level,)
    begun: list[tuple[int, Any]] = [(own.began, own) for own in active.stack]
    begun += [(r.number - 1, r) for r in running.levels]
    return _within(t, [what for _, what in sorted(begun, key=lambda e: e[0])])


def _within(t: Any, begun: Sequence[Any]) -> str | None:
    """How a tensor is printed inside of these transforms, of which the last began last."""
    for i, what in reversed(list(enumerate(begun))):
        if isinstance(what, Transform):
            if t._node is None:
                continue
            order, leaves = engine.topological_order([t._node])
            if not any(n.seq in what.inputs for n in order) and not leaves:
                continue
            inner, start = t, f"GradTrackingTensor(lvl={i + 1}, value="
        elif type(t._data) is Batched and t._data.level == what.number:
            inner, start = wrap(t._data.full, t._node), f"BatchedTensor(lvl={i + 1}, bdim=0, value="
        else:
            continue
        text = _within(inner, begun[:i]) or repr(wrap(inner._data))
        return start + "\n" + textwrap.indent(text, "    ") + "\n)"
    return None


def starts(inputs: Sequence[Any]) -> list[Any]:
    """Tensors at the places of the inputs in the graph, also when those are written in place later."""
    return [wrap(x._data, x._node) for x in inputs]


def gradients(outputs: Sequence[Any], inputs: Sequence[Any], seeds: Sequence[Any], create_graph: bool) -> list[Any]:
    """The gradients of the outputs, weighted by the seeds, with respect to the inputs; zeros for those not used."""
    pairs = [(o, s) for o, s in zip(outputs, seeds) if o._node is not None]
    found: Sequence[Any] = [None] * len(inputs)
    if pairs:
        found = engine.grad(
            [o for o, _ in pairs],
            inputs,
            [s for _, s in pairs],
            retain_graph=True,
            create_graph=create_graph,
            allow_unused=True,
        )
    return [wrap(np.zeros_like(x._data)) if g is None else g for g, x in zip(found, inputs)]


class Linearized:
    """A function's derivative at a point, applied to tangents any number of times.

    Forward mode by reverse mode twice: the gradients g(u) of the outputs weighted by u are linear in u, and their
    gradient with respect to u, weighted by the tangents t, is J t.
    """

    def __init__(self, own: Transform, outputs: Sequence[Any], inputs: Sequence[Any]) -> None:
        self.own, self.outputs, self.inputs = own, outputs, inputs
        recorded = mode.enabled
        mode.enabled = True
        try:
            self.seeds = [wrap(np.zeros_like(o._data)) for o in outputs]
            for u in self.seeds:
                if u._data.dtype.kind in "fc":
                    u._node = Source(u._data, own)
            self.pulled = gradients(outputs, inputs, self.seeds, create_graph=True)
        finally:
            mode.enabled = recorded

    def push(self, tangents: Sequence[Any], create_graph: bool) -> list[Any]:
        """The tangents of the outputs; zeros for those that depend on no input."""
        known = [u for u in self.seeds if u._node is not None]
        found = iter(gradients(self.pulled, known, tangents, create_graph))
        return [wrap(np.zeros_like(u._data)) if u._node is None else next(found) for u in self.seeds]

    def depends(self) -> list[bool]:
        """For each output, whether it depends on an input at all."""
        order, _ = engine.topological_order([g._node for g in self.pulled if g._node is not None])
        reached = set(order)
        return [u._node in reached for u in self.seeds]
