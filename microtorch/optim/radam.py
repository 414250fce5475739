"""RAdam."""

from __future__ import annotations

from typing import Any, ClassVar

from microtorch._tensor import Tensor
from microtorch.kernels import optim as kernels
from microtorch.optim.blocks import Block
from microtorch.optim.lists import Tensors, step_lists
from microtorch.optim.optimizer import (
    ADAM_MODES,
    KernelOptimizer,
    ParamsT,
    check_betas,
    check_lr,
    check_not_negative,
    chosen,
    number,
)


class RAdam(KernelOptimizer):
    """RAdam (Liu et al. 2020): Adam whose steps are small as long as v is made of few gradients.

    In the first steps p -= lr m / (1 - beta1^t), as momentum alone would; then Adam's step times a factor that goes to
    1.
    decoupled_weight_decay: taken off the parameters directly, as in AdamW. Raises ValueError for options out of range.
    """

    late_options: ClassVar[dict[str, Any]] = {**ADAM_MODES, "decoupled_weight_decay": False}

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        check_not_negative(epsilon=eps)
        check_betas(betas)
        check_not_negative(weight_decay=weight_decay)
        defaults = chosen(
            locals(), "lr", "betas", "eps", "weight_decay", "maximize", "foreach", "capturable",
            "decoupled_weight_decay", "differentiable",
        )  # fmt: skip
        super().__init__(params, defaults)

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    def update(self, group: dict[str, Any], block: Block, p: Any, g: Any) -> None:
        beta1, beta2 = group["betas"]
        kernels.radam(
            p,
            g,
            *block.state,
            *block.scratch[:2],
            step=block.count,
            lr=number(group["lr"]),
            beta1=beta1,
            beta2=beta2,
            **chosen(group, "eps", "weight_decay", "maximize"),
            decoupled=group["decoupled_weight_decay"],
        )


def radam(
    params: Tensors, grads: Tensors, exp_avgs: Tensors, exp_avg_sqs: Tensors, state_steps: Tensors,
    decoupled_weight_decay: bool = False, foreach: bool | None = None, differentiable: bool = False,
    capturable: bool = False, has_complex: bool = False, maximize: bool = False, *,
    beta1: float, beta2: float, lr: float, weight_decay: float, eps: float,
) -> None:  # fmt: skip
    """One step of RAdam on lists of parameters, gradients and state, all of the caller's; see RAdam."""
    group = {
        "betas": (beta1, beta2),
        **chosen(locals(), "lr", "eps", "weight_decay", "decoupled_weight_decay", "maximize", "capturable"),
    }
    step_lists(RAdam, group, params, grads, [exp_avgs, exp_avg_sqs], [state_steps])
