"""RMSprop."""

from __future__ import annotations

from typing import Any, ClassVar

from microtorch._tensor import Tensor
from microtorch.kernels import optim as kernels
from microtorch.optim.blocks import Block
from microtorch.optim.lists import Tensors, step_lists
from microtorch.optim.optimizer import MODES, KernelOptimizer, ParamsT, check_lr, check_not_negative, chosen, number


class RMSprop(KernelOptimizer):
    """RMSprop (Hinton's lecture 6e): gradients divided by the root of the running mean of their squares.

    v = alpha v + (1 - alpha) g^2;  p -= lr g / (sqrt(v) + eps)

    centered: v less the square of the running mean of g (Graves 2013). momentum: of what is subtracted.
    Raises ValueError for negative options.
    """

    late_options: ClassVar[dict[str, Any]] = {"momentum": 0, "centered": False, **MODES}

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        check_not_negative(epsilon=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        defaults = chosen(
            locals(), "lr", "momentum", "alpha", "eps", "centered", "weight_decay", "capturable", "foreach",
            "maximize", "differentiable",
        )  # fmt: skip
        super().__init__(params, defaults)

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        wanted = (True, group["momentum"] > 0, group["centered"])
        return tuple([n for n, w in zip(("square_avg", "momentum_buffer", "grad_avg"), wanted) if w])

    def update(self, group: dict[str, Any], block: Block, p: Any, g: Any) -> None:
        square_avg, *more = block.state
        kernels.rmsprop(
            p,
            g,
            square_avg,  # type: ignore[arg-type]
            more.pop(0) if group["momentum"] > 0 else None,
            more.pop(0) if group["centered"] else None,
            *block.scratch[:2],
            lr=float(number(group["lr"])),
            **chosen(group, "alpha", "eps", "weight_decay", "momentum", "maximize"),
        )


def rmsprop(
    params: Tensors, grads: Tensors, square_avgs: Tensors, grad_avgs: Tensors, momentum_buffer_list: Tensors,
    state_steps: Tensors, foreach: bool | None = None, maximize: bool = False, differentiable: bool = False,
    capturable: bool = False, has_complex: bool = False, *,
    lr: float, alpha: float, eps: float, weight_decay: float, momentum: float, centered: bool,
) -> None:  # fmt: skip
    """One step of RMSprop on lists of parameters, gradients and state, all of the caller's; see RMSprop."""
    group = chosen(locals(), "lr", "alpha", "eps", "weight_decay", "momentum", "centered", "maximize", "capturable")
    states = [square_avgs]
    if momentum > 0:
        states.append(momentum_buffer_list)
    if centered:
        states.append(grad_avgs)
    step_lists(RMSprop, group, params, grads, states, [state_steps])
