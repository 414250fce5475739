"""Backward passes through vmap: gradients that are all examples' at once.

A batch has a level, a number from the same counter as the nodes: taken when vmap begins. So a node with a smaller
number was made outside of that vmap: all examples share it, and its gradient is the sum of theirs (`leave`). A node
with a larger number was made inside, and what arrives there stays one gradient for each example.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from microtorch.autograd.modes import mode
from microtorch.autograd.node import Node, OpNode, next_number
from microtorch.autograd.state import TensorBase, wrap
from microtorch.autograd.table import Namespace, arrays as plain, tensors, unary
from microtorch.kernels import batched as K, batched_kernels as batched_kernels, batched_rules as batched_rules
from microtorch.kernels.batched import Batched, used as used


def _batch(x: Any, axis: int, level: int) -> Any:
    """The array whose examples lie along `axis`."""
    used.add(level)
    if type(x) is Batched and x.level > level:
        return Batched(_batch(x.full, axis % x.ndim + 1, level), x.level)
    return Batched(np.moveaxis(x, axis, 0), level)


def _unbatch(x: Any, axis: int, level: int, size: int) -> Any:
    """The examples as an array with one more axis."""
    if type(x) is Batched and x.level > level:
        return Batched(_unbatch(x.full, axis % (x.ndim + 1) + 1, level, size), x.level)
    full = x.full if type(x) is Batched and x.level == level else K.spread_of(x, level, size).copy()
    return np.moveaxis(full, 0, axis % full.ndim)


def _has(x: Any, level: int) -> bool:
    """True if it has a value for each example of that level."""
    while type(x) is Batched:
        if x.level == level:
            return True
        x = x.full
    return False


def _batch_sum(x: Any, level: int, size: int) -> Any:
    """The sum over the examples."""
    if x.level > level:
        return Batched(_batch_sum(x.full, level, size), x.level)
    return x.full.sum(0)


def _batch_spread(x: Any, level: int, size: int) -> Any:
    """So many examples that are all the same: the gradient of a sum over them."""
    if _has(x, level):
        x = _batch_sum(x, level, size)
    if type(x) is Batched and x.level > level:
        return Batched(_batch_spread(x.full, level, size), x.level)
    return Batched(K.spread_of(x, -1, size), level)


batch = unary("batch", _batch, x=lambda xp, g, x_shape, axis, level: xp.unbatch(g, axis, level, x_shape[axis]))
unbatch = unary("unbatch", _unbatch, x=lambda xp, g, axis, level: xp.batch(g, axis, level))
batch_sum = unary("batch_sum", _batch_sum, x=lambda xp, g, level, size: xp.batch_spread(g, level, size))
batch_spread = unary("batch_spread", _batch_spread, x=lambda xp, g, level, size: xp.batch_sum(g, level, size))
_ENTRANCES = (unbatch.op, batch_sum.op)  # type: ignore[attr-defined]  # what is a batch for a gradient that comes back


class _Each(Namespace):
    """The kernels by name, as formulas see them: one without a rule for batches runs for each example."""

    def __init__(self) -> None:
        super().__init__(recorded=False)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        kernel = getattr(plain, "embed" if name == "partial" else name)  # (here it is spread out at once)

        def call(*args: Any) -> Any:
            try:
                return kernel(*args)
            except Exception:
                return K.one_by_one(kernel, *args)

        setattr(self, name, call)
        return call


arrays = _Each()


def involved(order: Sequence[Node], seeds: Sequence[Any]) -> bool:
    """True if a backward pass over these nodes meets batches."""
    if any(type(s._data if isinstance(s, TensorBase) else s) is Batched for s in seeds):
        return True
    return any(isinstance(node, OpNode) and node.op in _ENTRANCES for node in order)


def leave(g: Any, seq: int) -> Any:
    """The gradient for a node of that number: summed over the batches that began after it was made.

    But for a vmap that is still running it stays one gradient for each example: the backward pass is a part of what
    it computes.
    """
    recorded = isinstance(g, TensorBase)
    data = g._data if recorded else g  # (a list, for a node with several results: their nodes have been here)
    while type(data) is Batched:
        level, size = data.level, data.batch
        if level > seq and all(level != r.number for r in K.running.levels):
            g = batch_sum(g, level, size) if recorded else _batch_sum(g, level, size)
        data = data.full
    return g


@contextmanager
def running(size: int, randomness: str = "error", each: bool = False) -> Iterator[int]:
    """A vmap of that size runs inside; gives its level."""
    number = next_number() + 1  # (no level is 0)
    before = K.running.levels
    K.running.levels = (*before, K.Level(number, size, randomness, each))
    try:
        yield number
    finally:
        K.running.levels = before


def vjp(node: Node, xp: Any, g: Any, edges: Sequence[Node | None], keep: bool) -> Sequence[Any]:
    """`node.vjp`, with gradients that fit the inputs' nodes."""
    results = _vjp(node, xp, g, edges, keep)
    return [r if r is None or e is None else leave(r, e.seq) for r, e in zip(results, edges)]


def _vjp(node: Node, xp: Any, g: Any, edges: Sequence[Node | None], keep: bool) -> Sequence[Any]:
    """`node.vjp`, also where a formula's own arithmetic has no rule for batches.

    It then runs in its other world, of entries that have rules; if that cannot be done either, for each example.
    """
    if not isinstance(node, OpNode) or xp.recorded:
        return node.vjp(xp, g, edges, keep)
    saved = node.saved
    try:
        return node.vjp(xp, g, edges, keep)
    except Exception:
        try:
            grads = _of_entries(node, g, edges)
            node.saved = saved if keep or not node.op.saves_tensors else None
            return grads
        except Exception:
            node.saved = saved
        values = list(node.unpack(False)) if node.op.saved_names else []

        def formula(g: Any, values: list[Any]) -> list[Any]:
            grads = list(formulas(node, g, edges, values))
            return [x if x is None or isinstance(x, (np.ndarray, np.generic)) else x.whole() for x in grads]

        grads = K.one_by_one(formula, g, values)
        node.saved = saved if keep or not node.op.saves_tensors else None
        return grads


def _of_entries(node: OpNode, g: Any, edges: Sequence[Node | None]) -> list[Any]:
    """The formulas of a node on Tensors, without recording them."""
    before, mode.enabled = mode.enabled, False
    try:
        given = [None if x is None else wrap(x) for x in g] if isinstance(g, list) else wrap(K.as_array(g))
        return [None if r is None else r._data for r in node.vjp(tensors, given, edges, True)]
    finally:
        mode.enabled = before


def formulas(node: OpNode, g: Any, edges: Sequence[Node | None], values: Sequence[Any]) -> Sequence[Any]:
    """The gradients of a node's inputs, by its formulas on plain arrays."""
    op = node.op
    if op.joint is not None:
        return op.joint(plain, g, edges, values)
    grads: list[Any] = []
    for edge, entry in zip(edges, op.formulas):
        if edge is None:
            grads.append(None)
        else:
            formula, places = entry
            grads.append(formula(plain, g, *[values[i] for i in places]))
    return grads


__all__ = [
    "arrays",
    "batch",
    "batch_spread",
    "batch_sum",
    "involved",
    "leave",
    "running",
    "tensors",
    "unbatch",
    "used",
    "vjp",
]
