"""Adamax."""

from __future__ import annotations

from typing import Any

from microtorch._tensor import Tensor
from microtorch.kernels import optim as kernels
from microtorch.optim.blocks import Block
from microtorch.optim.lists import Tensors, step_lists
from microtorch.optim.optimizer import (
    MODES,
    KernelOptimizer,
    ParamsT,
    check_betas,
    check_lr,
    check_not_negative,
    chosen,
    number,
)


class Adamax(KernelOptimizer):
    """Adamax (Kingma and Ba 2015, section 7.1): Adam with a maximum in place of the root mean square.

    m = beta1 m + (1 - beta1) g;  u = max(beta2 u, |g| + eps);  p -= lr / (1 - beta1^t) m / u

    Raises ValueError for options out of range.
    """

    late_options = MODES

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        check_not_negative(epsilon=eps)
        check_betas(betas)
        check_not_negative(weight_decay=weight_decay)
        defaults = chosen(
            locals(), "lr", "betas", "eps", "weight_decay", "foreach", "maximize", "differentiable", "capturable",
        )  # fmt: skip
        super().__init__(params, defaults)

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_inf")

    def update(self, group: dict[str, Any], block: Block, p: Any, g: Any) -> None:
        beta1, beta2 = group["betas"]
        kernels.adamax(
            p,
            g,
            *block.state,
            *block.scratch[:2],
            step=block.count,
            lr=number(group["lr"]),
            beta1=beta1,
            beta2=beta2,
            **chosen(group, "eps", "weight_decay", "maximize"),
        )


def adamax(
    params: Tensors, grads: Tensors, exp_avgs: Tensors, exp_infs: Tensors, state_steps: Tensors,
    foreach: bool | None = None, maximize: bool = False, differentiable: bool = False, capturable: bool = False,
    has_complex: bool = False, *,
    eps: float, beta1: float, beta2: float, lr: float, weight_decay: float,
) -> None:  # fmt: skip
    """One step of Adamax on lists of parameters, gradients and state, all of the caller's; see Adamax."""
    group = {
        "betas": (beta1, beta2),
        **chosen(locals(), "lr", "eps", "weight_decay", "maximize", "capturable"),
    }
    step_lists(Adamax, group, params, grads, [exp_avgs, exp_infs], [state_steps])
