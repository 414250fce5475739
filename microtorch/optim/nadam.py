"""NAdam."""

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
    step_tensor,
    zeros_like,
)


class NAdam(KernelOptimizer):
    """NAdam (Dozat 2016): Adam with Nesterov's momentum.

    mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2), and m is corrected by the products of all mu so far.
    decoupled_weight_decay: taken off the parameters directly, as in AdamW. Raises ValueError for options out of range.
    """

    late_options: ClassVar[dict[str, Any]] = {**ADAM_MODES, "decoupled_weight_decay": False}
    scalars = ("step", "mu_product")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
        check_not_negative(weight_decay=weight_decay, momentum_decay=momentum_decay)
        defaults = chosen(
            locals(), "lr", "betas", "eps", "weight_decay", "momentum_decay", "decoupled_weight_decay", "maximize",
            "foreach", "capturable", "differentiable",
        )  # fmt: skip
        super().__init__(params, defaults)

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    def new_state(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        m, v = zeros_like(p), zeros_like(p)
        return {"step": step_tensor(0.0), "mu_product": step_tensor(1.0), "exp_avg": m, "exp_avg_sq": v}

    def count(self, group: dict[str, Any], scalars: list[Any]) -> Any:
        steps, products = scalars
        steps += 1
        step, beta1, decay = steps.item(0), group["betas"][0], group["momentum_decay"]
        mu = beta1 * (1.0 - 0.5 * (0.96 ** (step * decay)))
        mu_next = beta1 * (1.0 - 0.5 * (0.96 ** ((step + 1) * decay)))
        products *= mu
        return step, mu, mu_next, products.item(0)

    def update(self, group: dict[str, Any], block: Block, p: Any, g: Any) -> None:
        beta1, beta2 = group["betas"]
        step, mu, mu_next, mu_product = block.count
        kernels.nadam(
            p,
            g,
            *block.state,
            *block.scratch,
            step=step,
            mu=mu,
            mu_next=mu_next,
            mu_product=mu_product,
            lr=number(group["lr"]),
            beta1=beta1,
            beta2=beta2,
            **chosen(group, "eps", "weight_decay", "maximize"),
            decoupled=group["decoupled_weight_decay"],
        )


def nadam(
    params: Tensors, grads: Tensors, exp_avgs: Tensors, exp_avg_sqs: Tensors, mu_products: Tensors,
    state_steps: Tensors, decoupled_weight_decay: bool = False, foreach: bool | None = None, capturable: bool = False,
    differentiable: bool = False, has_complex: bool = False, maximize: bool = False, *,
    beta1: float, beta2: float, lr: float, weight_decay: float, momentum_decay: float, eps: float,
) -> None:  # fmt: skip
    """One step of NAdam on lists of parameters, gradients and state, all of the caller's; see NAdam."""
    group = {
        "betas": (beta1, beta2),
        **chosen(
            locals(), "lr", "eps", "weight_decay", "momentum_decay", "decoupled_weight_decay", "maximize", "capturable"
        ),
    }
    step_lists(NAdam, group, params, grads, [exp_avgs, exp_avg_sqs], [state_steps, mu_products])
