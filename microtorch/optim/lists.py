"""The optimizers' steps as functions of lists: parameters, gradients and state are the caller's.

`torch.optim.adam.adam` and the like (all in torch.optim._functional) call the same kernels as the classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from microtorch._tensor import Tensor
from microtorch.autograd.modes import enable_grad, is_grad_enabled
from microtorch.autograd.state import wrap
from microtorch.kernels.bfloat16 import empty
from microtorch.kernels.quiet import silence
from microtorch.optim.blocks import LoneBlock
from microtorch.optim.optimizer import KernelOptimizer, check_capturable, check_constant
from microtorch.optim.recorded import RecordedBlock

Tensors = list[Tensor]


def step_lists(
    optimizer: type[KernelOptimizer],
    group: dict[str, Any],
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    states: Sequence[Sequence[Tensor | None]],
    scalars: Sequence[Sequence[Tensor]],
    fresh: bool = False,
    scaled: Any = None,
) -> None:
    """One step of an optimizer on lists: parameters, state and scalars are changed in place.

    group: its options. states: a list for each name of the class's `state_names`; scalars: for each of its `scalars`.
    fresh: the state has no values yet. scaled: a factor of the gradients, which only PyTorch's fused kernels take.
    Where gradients are recorded the step is recorded, too.
    """
    name = optimizer.__name__
    if scalars and not all(isinstance(t, Tensor) for t in scalars[0]):
        raise RuntimeError("API has changed, `state_steps` argument must contain a list of singleton tensors")
    _check_scaled(name, group, scaled)
    check_capturable(group)
    rule = optimizer.__new__(optimizer)  # its `count` and `update` need no parameters of its own
    with silence():
        for i, (p, g) in enumerate(zip(params, grads)):
            _check_gradient(name, p, g)
            state = [s[i] for s in states]
            flat = [s[i]._data.reshape(-1) for s in scalars]
            count = rule.count(group, flat) if flat else None
            _step_one(rule, group, p, g, state, count, fresh)


def _step_one(
    rule: KernelOptimizer, group: dict[str, Any], p: Tensor, g: Tensor, state: Sequence[Tensor | None], count: Any,
    fresh: bool,
) -> None:  # fmt: skip
    """The update of one parameter. fresh: its state was made for this very step."""
    recorded = is_grad_enabled() and any(t is not None and t.requires_grad for t in (p, g, *state))
    block: Any
    if recorded:
        check_constant(type(rule).__name__, group)
        with enable_grad():
            block = RecordedBlock(p, state, count, fresh, g)
            rule.update(group, block, block.p, block.g)
            block.store()
    elif p.numel():
        block = LoneBlock(p, g, state, count, fresh)
        rule.update(group, block, block.p, block.g)
        block.store()


def like(p: Tensor) -> Tensor:
    """Memory for state that a step fills."""
    return wrap(empty(p._data.shape, p._data.dtype))


def _check_scaled(name: str, group: dict[str, Any], scaled: Any) -> None:
    if scaled is not None:
        if group.get("fused"):
            raise NotImplementedError(f"microtorch: {name.lower()} has no grad_scale and found_inf")
        raise AssertionError("Expected grad_scale and found_inf to be None")


def _check_gradient(name: str, p: Tensor, g: Tensor) -> None:
    if g._data.shape != p._data.shape or g._data.dtype != p._data.dtype:
        raise NotImplementedError(
            f"microtorch: {name.lower()} of a gradient that is {g.dtype} of shape {tuple(g.shape)} "
            f"for a parameter that is {p.dtype} of shape {tuple(p.shape)}"
        )
