"""torch.autograd.graph: hooks on what the graph saves, on several gradients at once, and the nodes' class."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from microtorch.autograd.engine import as_tensor, before_backward, leading_to, topological_order
from microtorch.autograd.modes import mode as modes
from microtorch.autograd.node import (
    GradientEdge as GradientEdge,
    Node as Node,
    Output,
    RemovableHandle,
    named,
    watched,
    written,
)

Hook = Callable[[Any], Any]


class saved_tensors_hooks:
    """Inside the block, `pack_hook(tensor)` is kept instead of each saved tensor, and `unpack_hook` gets it back.

    >>> import microtorch as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.autograd.graph.saved_tensors_hooks(lambda t: t.numpy(force=True).copy(), torch.from_numpy):
    ...     y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    tensor([2., 2.])
    """

    def __init__(self, pack_hook: Hook, unpack_hook: Hook) -> None:
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> None:
        if modes.hooks_disabled is not None:
            raise RuntimeError(modes.hooks_disabled)
        modes.saved_hooks = (*modes.saved_hooks, (self.pack_hook, self.unpack_hook))
        watched.append(None)

    def __exit__(self, *exc: object) -> None:
        modes.saved_hooks = modes.saved_hooks[:-1]
        watched.pop()


class save_on_cpu(saved_tensors_hooks):
    """Keep saved tensors in CPU memory, where they are already: a copy of each."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cpu") -> None:
        super().__init__(lambda t: t.detach().clone(), lambda t: t)


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Inside the block, `saved_tensors_hooks` are an error with this message; those outside must not be in use."""
    if modes.saved_hooks:
        raise RuntimeError(error_message)
    before, modes.hooks_disabled = modes.hooks_disabled, error_message
    try:
        yield
    finally:
        modes.hooks_disabled = before


class _Copies:
    """What `allow_mutation_on_saved_tensors` gives: the copies live as long as the graph does."""

    def clear(self) -> None:
        """Nothing is kept here."""


@contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[_Copies]:
    """Inside the block, tensors that were saved for backward may be written in place: copies of them are saved.

    >>> import microtorch as torch
    >>> a = torch.ones(2, requires_grad=True)
    >>> with torch.autograd.graph.allow_mutation_on_saved_tensors():
    ...     b = a.clone()
    ...     out = (b**2).sum()
    ...     _ = b.sin_()
    ...     out.backward()
    >>> a.grad
    tensor([2., 2.])
    """
    with saved_tensors_hooks(lambda t: t.detach().clone(), lambda t: t):
        yield _Copies()


def increment_version(tensor: Any) -> None:
    """Say that the tensor's memory was written by something that autograd does not see."""
    for t in (tensor,) if hasattr(tensor, "_data") else tensor:
        written(t)


def get_gradient_edge(tensor: Any) -> GradientEdge:
    """Where a tensor's gradient arrives in the graph.

    Raises RuntimeError for a tensor that does not require a gradient.
    """
    node = tensor._node
    if node is None:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    if type(node) is Output:
        return GradientEdge(named(node.parent), node.index, node)  # type: ignore[arg-type]
    return GradientEdge(named(node), 0)  # type: ignore[arg-type]


class _Handles(RemovableHandle):
    """Takes several hooks away."""

    def __init__(self, handles: Sequence[RemovableHandle], done: Callable[[], None]) -> None:
        super().__init__({}, 0)
        self.handles, self.done = handles, done

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()
        self.done()


def register_multi_grad_hook(tensors: Sequence[Any], fn: Callable[..., Any], *, mode: str = "all") -> RemovableHandle:
    """Call `fn(list of gradients)` once those of all the tensors are there, or `fn(grad)` with the first.

    mode: "all" or "any". A tensor that a backward pass does not reach has the gradient None, and is not waited for.
    Raises ValueError for another mode, AssertionError for a tensor that requires no gradient.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    nodes = [t._node for t in tensors]
    if any(node is None for node in nodes):
        raise AssertionError("Expected gradient function to be set")
    lock = threading.Lock()
    grads: list[Any] = [None] * len(nodes)
    waiting = 0

    def begin(roots: list[Any], wanted: dict[Node, Any] | None) -> None:
        """A backward pass begins: which of the tensors will it reach?"""
        nonlocal waiting
        order, leaves = topological_order([r._node for r in roots])
        reached = {*order, *leaves} if wanted is None else {*leading_to(wanted, order), *wanted}
        grads[:] = [None] * len(nodes)
        waiting = sum(node in reached for node in nodes)
        if mode == "any":
            waiting = min(waiting, 1)

    def arrived(i: int, g: Any) -> None:
        nonlocal waiting
        with lock:
            grads[i] = as_tensor(g)
            waiting -= 1
            now = waiting
        if now == 0:
            fn(g if mode == "any" else list(grads))

    handles = [
        node._add(node._hooks().tensor, functools.partial(arrived, i))
        for i, node in enumerate(nodes)
        if node is not None
    ]
    before_backward.append(begin)

    def done() -> None:
        if begin in before_backward:
            before_backward.remove(begin)

    return _Handles(handles, done)
