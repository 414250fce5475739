"""torch.autograd.graph: hooks on what the graph saves, and the nodes' class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from microtorch.autograd.modes import mode
from microtorch.autograd.node import Node as Node, RemovableHandle, watched, written
from microtorch.autograd.state import wrap


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

    def __init__(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]) -> None:
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> None:
        mode.saved_hooks = (*mode.saved_hooks, (self.pack_hook, self.unpack_hook))
        watched.append(None)

    def __exit__(self, *exc: object) -> None:
        mode.saved_hooks = mode.saved_hooks[:-1]
        watched.pop()


class save_on_cpu(saved_tensors_hooks):
    """Keep saved tensors in CPU memory, where they are already: a copy of each."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cpu") -> None:
        super().__init__(lambda t: t.detach().clone(), lambda t: t)


class disable_saved_tensors_hooks:
    """Inside the block, using `saved_tensors_hooks` is an error with this message."""

    def __init__(self, error_message: str) -> None:
        self.message = error_message

    def __enter__(self) -> None:
        self._before = mode.saved_hooks

        def refuse(t: Any) -> Any:
            raise RuntimeError(self.message)

        mode.saved_hooks = ((refuse, refuse),) if self._before else ()

    def __exit__(self, *exc: object) -> None:
        mode.saved_hooks = self._before


def increment_version(tensor: Any) -> None:
    """Say that the tensor's memory was written by something that autograd does not see."""
    for t in tensor if isinstance(tensor, (tuple, list)) else (tensor,):
        written(t)


class GradientEdge(tuple):  # type: ignore[type-arg]
    """A node and which of its outputs."""

    node = property(lambda self: self[0])
    output_nr = property(lambda self: self[1])


def get_gradient_edge(tensor: Any) -> GradientEdge:
    """Where a tensor's gradient arrives in the graph.

    Raises RuntimeError for a tensor that does not require a gradient.
    """
    if tensor._node is None:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    return GradientEdge((tensor.grad_fn if tensor.grad_fn is not None else tensor._node, tensor.output_nr))


def register_multi_grad_hook(tensors: Any, fn: Callable[..., Any], *, mode: str = "all") -> RemovableHandle:
    """Call `fn(list of gradients)` once those of all the tensors are there ("all"), or `fn(grad)` with the first
    ("any")."""
    grads: list[Any] = [None] * len(tensors)
    arrived = [0]
    wanted = [i for i, t in enumerate(tensors) if t.requires_grad]
    handles: dict[int, Any] = {}

    def hook_for(i: int) -> Callable[[Any], None]:
        def hook(g: Any) -> None:
            grads[i] = wrap(g._data)
            arrived[0] += 1
            if mode == "any":
                if arrived[0] == 1:
                    fn(g)
            elif arrived[0] == len(wanted):
                found, grads[:], arrived[0] = list(grads), [None] * len(tensors), 0
                fn(found)

        return hook

    made = [tensors[i].register_hook(hook_for(i)) for i in wanted]

    class _All(RemovableHandle):
        def remove(self) -> None:
            for handle in made:
                handle.remove()

    return _All(handles, 0)
