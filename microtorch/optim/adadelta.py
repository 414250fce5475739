"""Adadelta."""

from __future__ import annotations

from typing import Any

from microtorch._tensor import Tensor
from microtorch.kernels import optim as kernels
from microtorch.optim.blocks import Block
from microtorch.optim.lists import Tensors, step_lists
from microtorch.optim.optimizer import MODES, KernelOptimizer, ParamsT, check_lr, check_not_negative, chosen, number


class Adadelta(KernelOptimizer):
    """Adadelta (Zeiler 2012): no learning rate to choose; steps are as large as the running mean of those before.

    v = rho v + (1 - rho) g^2;  d = sqrt(u + eps) / sqrt(v + eps) g;  u = rho u + (1 - rho) d^2;  p -= lr d

    Raises ValueError for options out of range.
    """

    late_options = MODES

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_not_negative(epsilon=eps, weight_decay=weight_decay)
        defaults = chosen(
            locals(), "lr", "rho", "eps", "weight_decay", "maximize", "capturable", "foreach", "differentiable",
        )  # fmt: skip
        super().__init__(params, defaults)

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("square_avg", "acc_delta")

    def update(self, group: dict[str, Any], block: Block, p: Any, g: Any) -> None:
        kernels.adadelta(
            p,
            g,
            *block.state,
            *block.scratch,
            lr=float(number(group["lr"])),
            **chosen(group, "rho", "eps", "weight_decay", "maximize"),
        )


def adadelta(
    params: Tensors, grads: Tensors, square_avgs: Tensors, acc_deltas: Tensors, state_steps: Tensors,
    capturable: bool = False, foreach: bool | None = None, differentiable: bool = False, has_complex: bool = False, *,
    lr: float, rho: float, eps: float, weight_decay: float, maximize: bool,
) -> None:  # fmt: skip
    """One step of Adadelta on lists of parameters, gradients and state, all of the caller's; see Adadelta."""
    group = chosen(locals(), "lr", "rho", "eps", "weight_decay", "maximize", "capturable")
    step_lists(Adadelta, group, params, grads, [square_avgs, acc_deltas], [state_steps])
